/* The rooms of the store: store.c (open, find, list), pin.c, load.c and commit.c (what comes in),
 * gc.c (what goes). */
#ifndef SHOAL_IMAGE_STORE_INTERNAL_H
#define SHOAL_IMAGE_STORE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "image/store.h"
#include "index.h"
#include "layer.h"
#include "plan.h"

#define LAYER_FILE       "layer.json"
#define LAYER_FILE_BYTES ((size_t)4096)
#define LAYER_EMPTY      "empty" /* layers/empty/fs: for images without layers */

struct pin {
    char *name;
    char image_id[IMAGE_DIGEST_BYTES_MAX];
};

/*
 * Invariant: `index` is what index.json says. Lock order: slow, then fast; `slow` is held by
 * whoever changes blobs/, layers/ or index.json, `fast` for looking at or swapping `index` and
 * `pins`, never over a sync.
 */
struct image_store {
    char *root_path, *layers_path;
    int lock_fd, root_fd, blobs_fd, layers_fd, pins_fd, tmp_fd;
    pthread_mutex_t slow, fast;
    struct index index;
    struct pin *pins; /* sorted by name */
    size_t pins_count, pins_capacity;
    atomic_uint_fast64_t tmp_number; /* names in tmp/: it was empty when we took the lock */
};

/* Options with every limit set. */
struct image_load_options store_options(const struct image_load_options *options);
/* A name that nobody else uses in tmp/. */
void store_tmp_name(struct image_store *store, const char *what, char name[static 48]);
bool store_is_pinned(const struct image_store *store, const char *image_id); /* fast held */

/* Writes and swaps; consumes `index` (also on failure). Slow held. `ret_installed` (or NULL) tells
 * a failure before (nothing changed) from one after: the new index is in place, but perhaps not
 * durable. */
int store_replace_index(struct image_store *store, struct index *index, bool *ret_installed,
                        struct error *error);

/* pin.c */
int store_read_pins(struct image_store *store, struct error *error);
void store_free_pins(struct image_store *store);

/* commit.c: puts what the plan says into the store. Slow held; `dir_fd` is the bundle's temporary
 * directory. */
int store_commit(struct image_store *store, int dir_fd, const struct bundle *bundle,
                 const struct plan *plan, const struct image_load_options *options,
                 struct image_texts *warnings, struct error *error);
/* layer.json of a layer of the store; ERROR_NOT_FOUND. */
int store_layer_info(const struct image_store *store, const char *diff_id,
                     struct layer_info *ret_info, struct error *error);

/* gc.c: deletes blobs and layers that the index does not name. Slow held. */
int store_sweep(struct image_store *store, uint64_t *freed_bytes, struct error *error);

#endif
