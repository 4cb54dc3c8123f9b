/*
 * A walk over the pairs of an encoded struct, for readers that want a few numbers of very many:
 * nothing is decoded but what is asked for. Only for bytes that were decoded as WIRE_OK or made by
 * an encoder before; others are asserted. A pair is a key and a value: after each wire_peek_key
 * take or skip its value, once. Cost: linear in the bytes passed.
 */
#ifndef SHOAL_WIRE_PEEK_H
#define SHOAL_WIRE_PEEK_H

#include "base/buf.h"

struct wire_peek {
    const uint8_t *at, *end;
};

/* At the pairs of a map that `encoded` begins with. */
struct wire_peek wire_peek_map(struct bytes encoded);
/* 0: there are no more. */
uint32_t wire_peek_key(struct wire_peek *peek);
/* A number or an enum as it is; true is 1. */
uint64_t wire_peek_unsigned(struct wire_peek *peek);
void wire_peek_skip(struct wire_peek *peek);

#endif
