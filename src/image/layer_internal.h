/*
 * The rooms of unpacking: layer.c (the loop over a tar), layer_path.c (names to directories),
 * layer_entry.c (files, links, whiteouts), layer_meta.c (owner, mode, attributes, times).
 */
#ifndef SHOAL_IMAGE_LAYER_INTERNAL_H
#define SHOAL_IMAGE_LAYER_INTERNAL_H

#include <archive_entry.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <time.h>

#include "image/store.h"
#include "layer.h"
#include "tar.h"
#include "text.h"

/*
 * A name from a tar, made harmless: no leading slash, no "." or "..", no empty component.
 * Invariant: text is "parent/base", "base" or "" (the top), `base` points into it.
 */
struct layer_path {
    char text[PATH_MAX];
    char parent[PATH_MAX]; /* "" for the top */
    const char *base;      /* "" for the top */
};

struct layer_directory {
    char *path;
    struct timespec modified;
};

struct unpack {
    int root_fd;
    const struct image_limits *limits;
    uint64_t *bytes_left;
    struct layer_info info;
    struct image_texts *warnings;
    struct tar *tar;
    /* The directory of the last entry, kept open: tars come folder by folder. -1: none. */
    int parent_fd;
    char parent_path[PATH_MAX];
    /* Times of directories, set when nothing is created in them any more. */
    struct layer_directory *directories;
    size_t directories_count, directories_capacity;
    size_t directories_bytes; /* at most LAYER_DIRECTORIES_BYTES_MAX */
};

/* 600,000 directories with names of usual length; a hostile tar would use 4 KiB for each. */
#define LAYER_DIRECTORIES_BYTES_MAX ((size_t)64 << 20)

/* layer_path.c */
int layer_path_parse(const struct image_limits *limits, const char *name,
                     struct layer_path *ret_path, struct error *error);
/* Is a component before the base a whiteout name? AUFS leftovers; nobody may create such a folder.
 */
bool layer_path_is_inside_whiteout(const struct layer_path *path);
/* The descriptor of the parent directory, borrowed until the next call; makes missing ones (0755,
 * root). */
int layer_parent_open(struct unpack *unpack, const char *parent, int *ret_fd, struct error *error);
/* Closes the cached descriptor. Removing entries needs no such thing: what is removed is never the
 * parent of itself. */
void layer_parent_forget(struct unpack *unpack);
/* Makes a directory `name` in `dir_fd` (or keeps the one that is there) and opens it. A whiteout of
 * the same layer in its place makes it opaque: what lower layers have there stays hidden. */
int layer_directory_open(int dir_fd, const char *name, bool replace, int *ret_fd,
                         struct error *error);
int layer_set_opaque(int dir_fd, struct error *error);
bool layer_is_whiteout(const struct stat *status);

/* layer_entry.c */
int layer_entry_apply(struct unpack *unpack, struct archive_entry *entry, struct error *error);

/* layer_meta.c */
int layer_meta_set_fd(struct unpack *unpack, int fd, struct archive_entry *entry,
                      struct error *error);
/* For what has no descriptor: symbolic links and FIFOs. */
int layer_meta_set_at(int dir_fd, const char *name, struct archive_entry *entry,
                      struct error *error);
struct timespec layer_meta_modified(struct archive_entry *entry);

#endif
