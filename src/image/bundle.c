#include "bundle_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "digest.h"
#include "files.h"
#include "text.h"

#define LINKS_MAX 8

static int compare_files(const struct bundle_file *a, const struct bundle_file *b)
{
    return strcmp(a->name, b->name);
}

TREE_GENERATE(bundle_files, bundle_file, by_name, compare_files)

void bundle_init(struct bundle *bundle, int dir_fd, const struct image_limits *limits)
{
    *bundle = (struct bundle){
        .dir_fd = dir_fd,
        .files_max = limits->archive_entries_max,
        .bytes_max = limits->archive_bytes_max,
    };
    RB_INIT(&bundle->files);
}

static void file_free(struct bundle_file *file)
{
    mem_free(file->name);
    mem_free(file->link_target);
    mem_free(file);
}

void bundle_fini(struct bundle *bundle)
{
    struct bundle_file *file = NULL;
    struct bundle_file *next = NULL;
    RB_FOREACH_SAFE (file, bundle_files, &bundle->files, next) {
        RB_REMOVE(bundle_files, &bundle->files, file);
        file_free(file);
    }
}

void bundle_put(struct bundle *bundle, struct bundle_file *file)
{
    struct bundle_file *old = RB_FIND(bundle_files, &bundle->files, file);
    if (old != NULL) {
        RB_REMOVE(bundle_files, &bundle->files, old);
        file_free(old);
    }
    RB_INSERT(bundle_files, &bundle->files, file);
}

int bundle_normalise(const char *name, char ret_name[static BUNDLE_NAME_BYTES_MAX],
                     struct error *error)
{
    char quoted[QUOTED_BYTES_MAX];
    size_t used_bytes = 0;
    const char *whole = name;
    while (*name != '\0') {
        size_t part_bytes = strcspn(name, "/");
        if (part_bytes == 2 && memcmp(name, "..", 2) == 0)
            return error_set(error, ERROR_DENIED, "the name \"%s\" leads out of the archive",
                             text_quote(whole, quoted));
        if (part_bytes > 0 && !(part_bytes == 1 && name[0] == '.')) {
            if (used_bytes + part_bytes + 2 > BUNDLE_NAME_BYTES_MAX)
                return error_set(error, ERROR_LIMIT, "the name \"%s\" is longer than %d bytes",
                                 text_quote(whole, quoted), BUNDLE_NAME_BYTES_MAX - 1);
            if (used_bytes > 0)
                ret_name[used_bytes++] = '/';
            memcpy(ret_name + used_bytes, name, part_bytes);
            used_bytes += part_bytes;
        }
        name += part_bytes + (name[part_bytes] == '/');
    }
    ret_name[used_bytes] = '\0';
    return 0;
}

const struct bundle_file *bundle_find(const struct bundle *bundle, const char *name)
{
    for (int links = 0; links <= LINKS_MAX; links++) {
        char key_name[BUNDLE_NAME_BYTES_MAX];
        struct error ignored = ERROR_INIT;
        if (bundle_normalise(name, key_name, &ignored) < 0)
            return NULL;
        struct bundle_file key = {.name = key_name};
        /* RB_FIND takes a mutable head but changes nothing. */
        struct bundle_files files = bundle->files;
        const struct bundle_file *file = RB_FIND(bundle_files, &files, &key);
        if (file == NULL || file->link_target == NULL)
            return file;
        name = file->link_target;
    }
    return NULL;
}

const struct bundle_file *bundle_find_blob(const struct bundle *bundle, const char *digest)
{
    char name[sizeof("blobs/sha256/") + 64];
    (void)snprintf(name, sizeof(name), "blobs/sha256/%s", digest_hex(digest));
    return bundle_find(bundle, name);
}

int bundle_open(const struct bundle *bundle, const struct bundle_file *file, struct error *error)
{
    char number[16];
    (void)snprintf(number, sizeof(number), "%u", file->number);
    int fd = files_open_beneath(bundle->dir_fd, number, O_RDONLY, 0);
    return fd < 0 ? error_set_errno(error, errno, "open temporary file") : fd;
}

int bundle_read(const struct bundle *bundle, const struct bundle_file *file, struct buf *contents,
                struct error *error)
{
    char number[16];
    char quoted[QUOTED_BYTES_MAX];
    (void)snprintf(number, sizeof(number), "%u", file->number);
    if (files_read(bundle->dir_fd, number, BUNDLE_JSON_BYTES_MAX, contents, error) < 0)
        return error_prefix(error, "%s", text_quote(file->name, quoted));
    return 0;
}
