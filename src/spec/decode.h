/*
 * Reading fields of canonical JSON into typed structs. The first thing that is not as canonical
 * documents have it is remembered and sticks; everything read after it is empty. Check `wrong` once
 * at the end.
 */
#ifndef SHOAL_SPEC_DECODE_H
#define SHOAL_SPEC_DECODE_H

#include <jansson.h>

#include "arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "spec/kind.h"
#include "spec/types.h"

struct spec_decoder {
    struct spec_arena arena;
    char wrong[64]; /* a copy of the name of the field that is not right; "": all well */
};

/* "" when missing, as in canonical documents empty texts are left out. */
const char *spec_decode_text(struct spec_decoder *decoder, const json_t *object, const char *key);
/* `missing` when there is none; must lie between min and max. */
int64_t spec_decode_integer(struct spec_decoder *decoder, const json_t *object, const char *key,
                            int64_t missing, int64_t min, int64_t max);
bool spec_decode_boolean(struct spec_decoder *decoder, const json_t *object, const char *key,
                         bool missing);
/* The index of the text in `values`; `missing` when there is none. */
int spec_decode_choice(struct spec_decoder *decoder, const json_t *object, const char *key,
                       const char *const *values, int missing);
/* NULL when missing, which jansson takes for an empty list or object. */
json_t *spec_decode_list(struct spec_decoder *decoder, const json_t *object, const char *key);
json_t *spec_decode_object(struct spec_decoder *decoder, const json_t *object, const char *key);
/* The item if it is an object, else empty and wrong. */
json_t *spec_decode_item(struct spec_decoder *decoder, const json_t *list, size_t index);
/* A list of texts, as an array of `*ret_count`. */
const char *const *spec_decode_texts(struct spec_decoder *decoder, const json_t *object,
                                     const char *key, size_t *ret_count);
/* A map of texts. */
struct spec_pairs spec_decode_pairs(struct spec_decoder *decoder, const json_t *object,
                                    const char *key);
struct spec_selector spec_decode_selector(struct spec_decoder *decoder, const json_t *object,
                                          const char *key);

/* One resource of a limits or requests map, in thousandths (cpu) or whole units; 0 when missing. */
uint64_t spec_decode_cpu(struct spec_decoder *decoder, const json_t *map, const char *key);
uint64_t spec_decode_whole(struct spec_decoder *decoder, const json_t *map, const char *key);
/* Devices: everything else in the map. */
const struct spec_resource *spec_decode_extended(struct spec_decoder *decoder, json_t *map,
                                                 size_t *ret_count);

void spec_decode_fail(struct spec_decoder *decoder, const char *what);

/* Parses canonical bytes and finds their kind and the pod spec in them. `ret_root` is owned by the
 * caller; the others lie in it. `ret_template` holds "metadata" (perhaps) and "spec". */
int spec_decode_begin(struct bytes canonical, struct spec_decoder *ret_decoder, json_t **ret_root,
                      enum spec_kind *ret_kind, json_t **ret_template, struct error *error);
/* 0, or frees the memory and reports what was wrong. */
int spec_decode_end(struct spec_decoder *decoder, struct error *error);

/* The host port of a container's port as it takes effect: with the host's network every port is
 * one. */
int64_t spec_decode_host_port(struct spec_decoder *decoder, const json_t *port, bool host_network);

extern const char *const spec_protocol_names[];
extern const char *const spec_restart_names[];

#endif
