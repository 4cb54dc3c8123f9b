/*
 * msgpack maps with small integer keys: the form of everything this module keeps on disk and says
 * to the keeper. Defaults (0, false, NULL, empty) are not written; unknown keys are skipped; so
 * both ends may be of different ages.
 */
#ifndef SHOAL_RUNTIME_CODEC_H
#define SHOAL_RUNTIME_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

#include "arena.h"
#include "base/buf.h"
#include "base/error.h"

#define CODEC_DEPTH_MAX 8

/* Invariant: `depth` maps or arrays are open; each knows where its count is to be patched. */
struct encoder {
    struct buf *out;
    int depth;
    struct {
        size_t count_at;
        uint32_t count;
        bool is_array;
    } open[CODEC_DEPTH_MAX];
};

void encoder_init(struct encoder *encoder, struct buf *out);
/* The outermost map, or the next element of the open array. */
void encode_map_begin(struct encoder *encoder);
/* A map or array as the value of a key. */
void encode_map_key_begin(struct encoder *encoder, uint32_t key);
void encode_array_begin(struct encoder *encoder, uint32_t key);
void encode_end(struct encoder *encoder);

void encode_u64(struct encoder *encoder, uint32_t key, uint64_t value);
void encode_i64(struct encoder *encoder, uint32_t key, int64_t value);
void encode_bool(struct encoder *encoder, uint32_t key, bool value);
void encode_text(struct encoder *encoder, uint32_t key, const char *text);
void encode_bytes(struct encoder *encoder, uint32_t key, const void *data, size_t size_bytes);
void encode_texts(struct encoder *encoder, uint32_t key, const char *const *texts, size_t count);
void encode_u32s(struct encoder *encoder, uint32_t key, const uint32_t *values, size_t count);

/* A value that is msgpack already. */
void encode_raw(struct encoder *encoder, uint32_t key, const struct buf *value);

/* One decoded message. `bad` sticks: a value of the wrong type or beyond its limit; check once at
 * the end. */
struct decoder {
    msgpack_unpacked unpacked;
    struct arena *arena;
    bool bad;
};

/* What is read from: a map inside a decoder's message. */
struct decoded {
    struct decoder *decoder;
    const msgpack_object *map;
};

/* ERROR_CORRUPT when the bytes are not one map. The bytes must outlive the decoder. */
int decoder_init(struct decoder *decoder, struct arena *arena, const void *data, size_t size_bytes,
                 struct decoded *ret_root, struct error *error);
void decoder_fini(struct decoder *decoder);

uint64_t decode_u64(const struct decoded *from, uint32_t key, uint64_t max);
int64_t decode_i64(const struct decoded *from, uint32_t key, int64_t min, int64_t max);
bool decode_bool(const struct decoded *from, uint32_t key);
/* In the arena; NULL when absent; a NUL inside is bad. */
const char *decode_text(const struct decoded *from, uint32_t key);
/* As decode_text into caller storage, "" when absent, cut at the end. */
void decode_text_into(const struct decoded *from, uint32_t key, char *text, size_t size_bytes);
/* Copied into the arena; NULL and 0 when absent. */
const uint8_t *decode_bytes(const struct decoded *from, uint32_t key, size_t size_bytes_max,
                            size_t *ret_size_bytes);
const char *const *decode_texts(const struct decoded *from, uint32_t key, size_t count_max,
                                size_t *ret_count);
const uint32_t *decode_u32s(const struct decoded *from, uint32_t key, size_t count_max,
                            size_t *ret_count);
/* The number of maps in the array of that key (0 when absent), then each. */
size_t decode_array_count(const struct decoded *from, uint32_t key, size_t count_max);
struct decoded decode_array_at(const struct decoded *from, uint32_t key, size_t index);
/* An empty map when absent. */
struct decoded decode_map(const struct decoded *from, uint32_t key);

#endif
