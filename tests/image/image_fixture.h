/* Makes layers, images and archives in memory, and a store in a directory that is gone afterwards.
 */
#ifndef SHOAL_TESTS_IMAGE_FIXTURE_H
#define SHOAL_TESTS_IMAGE_FIXTURE_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/memory.h"
#include "digest.h"
#include "files.h"
#include "image/store.h"
#include "text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* One entry of a tar. `type`: 'f' file, 'd' directory, 'l' symbolic link, 'h' hard link, 'c' and
 * 'b' devices, 'p' FIFO; the text is the contents or the target. A mode of 0 is 0644 or 0755. */
struct entry {
    char type;
    const char *path;
    const char *text;
    unsigned int mode;
    long uid, gid;
    long modified_s;
    const char *attribute, *value; /* an extended attribute */
    size_t value_bytes;            /* 0: a text */
};

#define FILE_OF(path, text)                                                                        \
    {                                                                                              \
        'f', path, text, 0, 0, 0, 0, NULL, NULL, 0                                                 \
    }
#define DIRECTORY(path)                                                                            \
    {                                                                                              \
        'd', path, NULL, 0, 0, 0, 0, NULL, NULL, 0                                                 \
    }
#define SYMLINK(path, target)                                                                      \
    {                                                                                              \
        'l', path, target, 0, 0, 0, 0, NULL, NULL, 0                                               \
    }
#define HARDLINK(path, target)                                                                     \
    {                                                                                              \
        'h', path, target, 0, 0, 0, 0, NULL, NULL, 0                                               \
    }
#define WHITEOUT(path) FILE_OF(path, "")

/* A tar of `count` entries; the caller frees with buf_fini. */
struct buf make_tar(const struct entry *entries, size_t count);
#define MAKE_TAR(...)                                                                              \
    make_tar((const struct entry[]){__VA_ARGS__}, COUNT(((const struct entry[]){__VA_ARGS__})))

enum pack { PACK_PLAIN, PACK_GZIP, PACK_ZSTD };
struct buf packed(const struct buf *data, enum pack pack);
struct buf copy_of(const struct buf *data);

/* Named files: an archive or a directory in the making. */
struct parcel {
    struct {
        char *name;
        struct buf data;
        const char *link; /* a symbolic link instead */
    } items[64];
    size_t count;
};

void parcel_add(struct parcel *parcel, const char *name, const void *data, size_t size_bytes);
void parcel_add_link(struct parcel *parcel, const char *name, const char *target);
void parcel_drop(struct parcel *parcel, const char *name);
struct buf *parcel_find(struct parcel *parcel, const char *name);
struct buf parcel_tar(const struct parcel *parcel);
void parcel_write(const struct parcel *parcel, const char *directory);
void parcel_fini(struct parcel *parcel);

/* What an image is made of. Zero is a good default. */
struct recipe {
    const struct buf *layers; /* plain tars, bottom first */
    size_t layers_count;
    enum pack pack;           /* of the layers */
    const char *architecture; /* "amd64" */
    const char *settings;     /* JSON of `config`, "{}" */
    const char *ref_name;     /* org.opencontainers.image.ref.name */
    const char *full_name;    /* io.containerd.image.name */
    const char *layer_type;   /* media type */
};

struct made {
    char config[IMAGE_DIGEST_BYTES_MAX];
    char manifest[IMAGE_DIGEST_BYTES_MAX];
    char layer_blob[IMAGE_DIGEST_BYTES_MAX]; /* of the last layer */
    char diff_id[IMAGE_DIGEST_BYTES_MAX];    /* of the last layer */
    size_t manifest_bytes;
};

/* Adds blobs of an image to an OCI layout, without an index.json. */
struct made oci_add(struct parcel *parcel, const struct recipe *recipe);
/* A whole layout of one image. */
struct made oci_layout(struct parcel *parcel, const struct recipe *recipe);
/* A docker archive: "<id>/layer.tar", "<hex>.json", manifest.json with `tags_json` (["a:b"]). */
struct made docker_archive(struct parcel *parcel, const struct recipe *recipe,
                           const char *tags_json);
void blob_name(const char *digest, char name[static 96]);

/* The directory of the running test and a store in it. */
extern char fixture_dir[64];
extern struct error fixture_error;
const char *fixture_path(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Deletes a tree below the directory of the test. */
void fixture_remove(const char *name);
struct image_store *fixture_store(void);
int load_bytes(struct image_store *store, const struct buf *data,
               const struct image_load_options *options, struct image_load_result *ret_result);
/* Loads and expects success; frees `data`. */
void must_load(struct image_store *store, struct buf data);
struct image *must_find(struct image_store *store, const char *reference);
void expect_error(int result, enum error_code code, const char *part);
/* Nothing in tmp/, and exactly so many blobs and layers. */
void expect_objects(int blobs, int layers);
char *read_text(const char *path); /* free() */
int count_entries(const char *path);

/* Runs the cases with a fresh directory each. Needs root (owners, devices, trusted attributes): 77
 * without. */
int fixture_run(TCase *cases, const char *name);

#endif
