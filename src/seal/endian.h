/* Numbers of the envelope: big-endian (proto/envelope.md 0). */
#ifndef SHOAL_SEAL_ENDIAN_H
#define SHOAL_SEAL_ENDIAN_H

#include <stdint.h>

static inline void put_u64(uint8_t *out, uint64_t value)
{
    for (int i = 7; i >= 0; i--) {
        out[i] = (uint8_t)value;
        value >>= 8;
    }
}

static inline uint64_t get_u64(const uint8_t *in)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | in[i];
    return value;
}

#endif
