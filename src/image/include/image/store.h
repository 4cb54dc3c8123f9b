/*
 * The node's image store: a directory that one process at a time owns.
 *
 *   lock                      flock()ed while open
 *   index.json                images and their references; replaced atomically
 *   blobs/sha256/<hex>        manifests, configurations, layers as they came
 *   layers/<diff id>/fs       unpacked, ready as an overlay lowerdir; layer.json beside it
 *   pins/<name> -> <image id> what running pods hold: dangling symbolic links, made in one step
 *   tmp/                      everything unfinished; emptied at open
 *
 * Invariants: whatever has a name outside tmp/ is complete, synced and verified by its digest;
 * index.json only names what was complete before it; so a crash at any moment leaves the old or the
 * new state and at most unreferenced objects, which image_store_gc() sweeps. Nothing of an image's
 * contents is ever used as a path outside the layer being unpacked.
 *
 * Threads: every function may be called from any thread. Those marked SLOW read, write and sync
 * files (seconds for a big image) and run one at a time, a second one waits: call them from a
 * worker, and queue at most one there. The others take microseconds and never wait for a slow one.
 */
#ifndef SHOAL_IMAGE_STORE_H
#define SHOAL_IMAGE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "image/image.h"
#include "image/reference.h"

struct image_store;

/* A field of 0 means its default. */
struct image_limits {
    uint64_t archive_bytes_max;     /* an archive, as it comes and decompressed; 32 GiB */
    uint64_t unpacked_bytes_max;    /* all files of all layers of one load; 64 GiB */
    uint64_t file_bytes_max;        /* one file of a layer, by its apparent size; 16 GiB */
    uint32_t archive_entries_max;   /* files of the outer archive; 16,384 */
    uint32_t layer_entries_max;     /* files of one layer; 2,000,000 */
    uint32_t compression_ratio_max; /* output : input, looked at from 64 MiB output on; 1,000 */
    uint32_t path_bytes_max;        /* of an entry of a layer; 4,095 */
    uint32_t path_depth_max;        /* components of an entry of a layer; 256 */
    uint32_t layers_max;            /* of one image; 256 */
    uint32_t images_max;            /* of one archive; 64 */
};

/* All zero is a good default, and NULL means the same. */
struct image_load_options {
    struct image_limits limits;
    const char *architecture; /* OCI name ("amd64", "arm64"); NULL: this machine's */
    const char *name;         /* for images without one: "web", "shoal.example/web:1"; or NULL */
    bool discard_layer_blobs; /* saves space, but peers cannot fetch the image from this node */
};

struct image_load_result {
    struct image_texts references; /* normalised, sorted; "sha256:<id>" for a nameless image */
    struct image_texts warnings;   /* what was left out, such as device nodes; at most 32 */
};

void image_load_result_fini(struct image_load_result *result);

/*
 * Opens or creates the store; removes what a crash left in tmp/. SLOW (only after a crash).
 * ERROR_UNAVAILABLE: another process has it; ERROR_CORRUPT: index.json is damaged or gone (nothing
 * is changed then); ERROR_UNSUPPORTED: written by a newer version.
 */
int image_store_open(const char *root_dir, struct image_store **ret_store, struct error *error);
void image_store_close(struct image_store *store); /* NULL is fine; no call may be running */

/*
 * Loads every image of a file or directory: an OCI layout (directory or tar), a `docker save`
 * archive, or docker's hybrid of both, plain or compressed with gzip or zstd. All or nothing: on
 * failure the store is as before. SLOW. ERROR_INVALID: not an image archive; ERROR_CORRUPT:
 * truncated, or a digest does not match (the message names which); ERROR_UNSUPPORTED: media type,
 * digest algorithm, compression or architecture; ERROR_LIMIT; ERROR_NO_SPACE; ERROR_DENIED: an
 * entry tries to leave its layer; ERROR_IO.
 */
int image_store_load(struct image_store *store, const char *path,
                     const struct image_load_options *options, struct image_load_result *ret_result,
                     struct error *error);
/* Same from a descriptor (file, pipe, socket; blocking), read once to its end; the caller keeps it.
 * `fd` must not be a directory. */
int image_store_load_fd(struct image_store *store, int fd, const struct image_load_options *options,
                        struct image_load_result *ret_result, struct error *error);

/*
 * A load whose bytes arrive in pieces (an upload). begin and write are quick (a write to an
 * unlinked temporary file: a crash leaves nothing); finish is SLOW and does all the checking. Each
 * load belongs to one thread at a time; any number at once.
 */
struct image_load;
int image_load_begin(struct image_store *store, const struct image_load_options *options,
                     struct image_load **ret_load, struct error *error);
/* ERROR_LIMIT beyond archive_bytes_max, ERROR_NO_SPACE; after a failure only abort makes sense. */
int image_load_write(struct image_load *load, const void *data, size_t size_bytes,
                     struct error *error);
/* Always consumes `load`. */
int image_load_finish(struct image_load *load, struct image_load_result *ret_result,
                      struct error *error);
void image_load_abort(struct image_load *load); /* NULL is fine */

/*
 * Finds by reference (short or full), by "name@sha256:..." or by digest of the manifest, of the
 * index it was chosen from, or of the configuration. Reads and verifies the configuration: about
 * 100 us. The caller frees with image_free(). ERROR_NOT_FOUND; ERROR_INVALID: not a reference;
 * ERROR_CORRUPT: a file of the image is damaged or gone (load it again).
 */
int image_store_find(struct image_store *store, const char *reference, struct image **ret_image,
                     struct error *error);

struct image_summary {
    char *id;
    char *manifest_digest;
    struct image_texts references;
    uint64_t size_bytes;    /* unpacked */
    uint64_t loaded_wall_s; /* seconds since the Unix epoch */
    uint32_t pins_count;
};

struct image_list {
    struct image_summary *items; /* ordered by first reference, then id */
    size_t count;
};

void image_store_list(struct image_store *store, struct image_list *ret_list);
void image_list_fini(struct image_list *list);

/* Forgets a reference, or, given a digest, the image with all its references; frees nothing until
 * image_store_gc(). SLOW. ERROR_NOT_FOUND; ERROR_INVALID. */
int image_store_remove(struct image_store *store, const char *reference, struct error *error);

/*
 * Pins keep an image from image_store_gc(), whatever happens to its references. `name` says who
 * holds it (a pod's UID: [A-Za-z0-9._-]{1,128}, not starting with a dot); pinning again moves the
 * pin. They outlive the process and every crash that a pod outlives. ERROR_NOT_FOUND: no such image
 * id (find it again); ERROR_INVALID: bad name.
 */
int image_store_pin(struct image_store *store, const char *name, const char *image_id,
                    struct error *error);
/* Succeeds also if there is no such pin. */
int image_store_unpin(struct image_store *store, const char *name, struct error *error);
/* The image that the pin holds; false: no such pin. */
bool image_store_pinned(struct image_store *store, const char *name,
                        char ret_image_id[static IMAGE_DIGEST_BYTES_MAX]);
/* The names of all pins, sorted: after a restart the agent drops those whose pod is gone. */
void image_store_pins(struct image_store *store, struct image_texts *ret_names);

/* Deletes images without reference and pin, and every blob and layer that no image needs.
 * `ret_freed_bytes` may be NULL. SLOW. */
int image_store_gc(struct image_store *store, uint64_t *ret_freed_bytes, struct error *error);

/* What all images together occupy, shared layers counted once: blobs and unpacked layers. */
uint64_t image_store_size_bytes(struct image_store *store);

#endif
