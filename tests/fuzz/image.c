/*
 * The image store under arbitrary bytes, in a store on a tmpfs of its own with tiny limits. The
 * first byte chooses the way in: A  an archive as it comes L  one layer, unpacked alone S  a layout
 * whose digests are right: sections divided by 0x1e, all but the last are blobs, in which @0 to @9
 * stand for the digest and #0 to #9 for the size of earlier sections; the last is index.json, or
 * manifest.json if it is a list J  a document of the kind that the second byte says, parsed alone
 * Checksums of tar headers are put right first, or no mutation would come past them. What must hold
 * whatever the bytes are: no crash, nothing outside the store touched, nothing left in it after a
 * collection.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/memory.h"
#include "config.h"
#include "digest.h"
#include "files.h"
#include "image/store.h"
#include "index.h"
#include "layer.h"
#include "manifest.h"

int LLVMFuzzerInitialize(int *argument_count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static const struct image_load_options options = {
    .limits = {.archive_bytes_max = 1 << 20,
               .unpacked_bytes_max = 1 << 20,
               .file_bytes_max = 1 << 18,
               .archive_entries_max = 64,
               .layer_entries_max = 64,
               .compression_ratio_max = 100,
               .path_bytes_max = 512,
               .path_depth_max = 16,
               .layers_max = 8,
               .images_max = 4},
    .architecture = "amd64",
};

static char root[] = "/tmp/shoal-fuzz-image-XXXXXX";
static int root_fd = -1;
static struct image_store *store;

static void clean_up(void)
{
    image_store_close(store);
    (void)close(root_fd);
    (void)umount2(root, MNT_DETACH);
    (void)rmdir(root);
}

int LLVMFuzzerInitialize(int *argument_count, char ***arguments)
{
    struct error error = ERROR_INIT;
    char path[64];
    (void)argument_count;
    (void)arguments;
    ASSERT(mkdtemp(root) != NULL);
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", root, "tmpfs", 0, "size=64m") != 0) {
        (void)fprintf(stderr, "needs root\n");
        (void)rmdir(root);
        exit(77);
    }
    root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)snprintf(path, sizeof(path), "%s/store", root);
    ASSERT(image_store_open(path, &store, &error) == 0);
    (void)atexit(clean_up);
    return 0;
}

static int entries_of(const char *name)
{
    int count = -2;
    int fd = openat(root_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fdopendir(fd);
    ASSERT(dir != NULL);
    while (readdir(dir) != NULL)
        count++;
    (void)closedir(dir);
    return count;
}

/* Puts the checksum of every tar header right (POSIX ustar: the sum of the header with the checksum
 * as blanks). */
static void mend_tar(uint8_t *data, size_t size_bytes)
{
    for (size_t start = 0; start + 512 <= size_bytes; start += 512) {
        uint8_t *header = data + start;
        unsigned int sum = 0;
        char text[8];
        if (memcmp(header + 257, "ustar", 5) != 0)
            continue;
        memset(header + 148, ' ', 8);
        for (size_t i = 0; i < 512; i++)
            sum += header[i];
        (void)snprintf(text, sizeof(text), "%06o", sum);
        memcpy(header + 148, text, 7);
    }
}

static int descriptor_of(const uint8_t *data, size_t size_bytes)
{
    int fd = memfd_create("input", MFD_CLOEXEC);
    ASSERT(fd >= 0 && files_write_all(fd, data, size_bytes) == 0);
    ASSERT(lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

static void look_at(const char *reference)
{
    struct error error = ERROR_INIT;
    struct image *image = NULL;
    struct image_user user;
    ASSERT(image_store_find(store, reference, &image, &error) == 0);
    ASSERT(image->lowerdirs.count > 0);
    if (image_resolve_user(image, image->config.user, &user, &error) == 0)
        image_user_fini(&user);
    image_free(image);
    ASSERT(image_store_remove(store, reference, &error) == 0);
}

static void check_load(int verdict, struct image_load_result *result, struct error *error)
{
    if (verdict == 0) {
        for (size_t i = 0; i < result->references.count; i++)
            look_at(result->references.items[i]);
        image_load_result_fini(result);
    } else {
        ASSERT(error->code != ERROR_NONE && error->code != ERROR_INTERNAL);
        ASSERT(error->message[0] != '\0');
    }
    ASSERT(image_store_gc(store, NULL, error) == 0);
    ASSERT(entries_of("store/tmp") == 0);
    ASSERT(entries_of("store/blobs/sha256") == 0);
    ASSERT(entries_of("store/layers") == 1);
}

static void load_archive(const uint8_t *data, size_t size_bytes)
{
    struct error error = ERROR_INIT;
    struct image_load_result result;
    int fd = descriptor_of(data, size_bytes);
    int verdict = image_store_load_fd(store, fd, &options, &result, &error);
    (void)close(fd);
    check_load(verdict, &result, &error);
}

#define SECTIONS_MAX 10

/* A section with its placeholders filled in. */
static struct buf fill_in(const uint8_t *data, size_t size_bytes,
                          char digests[SECTIONS_MAX][IMAGE_DIGEST_BYTES_MAX],
                          const size_t *sizes_bytes, size_t known_count)
{
    struct buf filled = BUF_INIT;
    for (size_t i = 0; i < size_bytes; i++) {
        size_t which = i + 1 < size_bytes ? (size_t)data[i + 1] - '0' : SECTIONS_MAX;
        if (data[i] == '@' && which < known_count) {
            buf_append_text(&filled, digests[which]);
            i++;
        } else if (data[i] == '#' && which < known_count) {
            buf_printf(&filled, "%zu", sizes_bytes[which]);
            i++;
        } else {
            buf_append_byte(&filled, data[i]);
        }
    }
    return filled;
}

static void write_file(int dir_fd, const char *name, const struct buf *contents)
{
    struct error error = ERROR_INIT;
    (void)unlinkat(dir_fd, name, 0);
    ASSERT(files_create(dir_fd, name, contents->data, contents->size_bytes, &error) == 0);
}

/* The layout directory that the sections describe. */
static void write_layout(int dir_fd, int blobs_fd, uint8_t *data, size_t size_bytes)
{
    char digests[SECTIONS_MAX][IMAGE_DIGEST_BYTES_MAX];
    size_t sizes_bytes[SECTIONS_MAX];
    for (size_t count = 0; count < SECTIONS_MAX; count++) {
        uint8_t *end = memchr(data, 0x1e, size_bytes);
        size_t section_bytes = end == NULL ? size_bytes : (size_t)(end - data);
        struct buf section = fill_in(data, section_bytes, digests, sizes_bytes, count);
        mend_tar(section.data, section.size_bytes);
        sizes_bytes[count] = section.size_bytes;
        digest_of(section.data, section.size_bytes, digests[count]);
        bool is_list = section.size_bytes > 0 && section.data[0] == '[';
        if (end == NULL)
            write_file(dir_fd, is_list ? "manifest.json" : "index.json", &section);
        else
            write_file(blobs_fd, digest_hex(digests[count]), &section);
        buf_fini(&section);
        if (end == NULL)
            return;
        data = end + 1;
        size_bytes -= section_bytes + 1;
    }
}

static void load_layout(uint8_t *data, size_t size_bytes)
{
    struct error error = ERROR_INIT;
    struct image_load_result result;
    char path[64];
    int dir_fd = files_open_dir(root_fd, "layout", 0755);
    int blobs_fd = files_open_dir(dir_fd, "blobs", 0755);
    int sha_fd = files_open_dir(blobs_fd, "sha256", 0755);
    ASSERT(sha_fd >= 0);
    write_layout(dir_fd, sha_fd, data, size_bytes);
    files_close(sha_fd);
    files_close(blobs_fd);
    files_close(dir_fd);
    (void)snprintf(path, sizeof(path), "%s/layout", root);
    int verdict = image_store_load(store, path, &options, &result, &error);
    ASSERT(files_remove_tree(root_fd, "layout") == 0);
    check_load(verdict, &result, &error);
}

static void parse_reference(const char *text)
{
    struct error error = ERROR_INIT;
    struct image_reference reference;
    struct image_reference again;
    char canonical[IMAGE_REFERENCE_BYTES_MAX];
    if (image_reference_parse(text, &reference, &error) < 0)
        return;
    (void)image_reference_format(&reference, canonical);
    ASSERT(image_reference_parse(canonical, &again, &error) == 0);
    ASSERT(strcmp(reference.name, again.name) == 0 && strcmp(reference.tag, again.tag) == 0 &&
           strcmp(reference.digest, again.digest) == 0);
}

static void parse_document(char kind, const char *text, size_t size_bytes)
{
    struct error error = ERROR_INIT;
    struct image_config config;
    struct image_texts diff_ids;
    struct manifest manifest;
    struct docker_images images;
    struct index index;
    if (kind == 'c' && config_parse(text, size_bytes, &config, &diff_ids, &error) == 0) {
        config_fini(&config);
        image_texts_fini(&diff_ids);
    } else if (kind == 'm' && manifest_parse(text, size_bytes, "", &manifest, &error) == 0) {
        manifest_fini(&manifest);
    } else if (kind == 'd' && docker_images_parse(text, size_bytes, &images, &error) == 0) {
        docker_images_fini(&images);
    } else if (kind == 'i' && image_index_parse(text, size_bytes, &index, &error) == 0) {
        mem_free(image_index_write(&index));
        image_index_fini(&index);
    } else if (kind == 'r') {
        parse_reference(text);
    }
}

static void unpack_layer(const uint8_t *data, size_t size_bytes)
{
    struct error error = ERROR_INIT;
    struct image_texts warnings = {.items = NULL};
    struct layer_info info;
    char digest[IMAGE_DIGEST_BYTES_MAX];
    uint64_t bytes_left = options.limits.unpacked_bytes_max;
    int fd = descriptor_of(data, size_bytes);
    int dir_fd = files_open_dir(root_fd, "layer", 0755);
    digest_of(data, size_bytes, digest);
    if (layer_unpack(fd, digest, dir_fd, &options.limits, &bytes_left, &info, &warnings, &error) ==
        0)
        ASSERT(image_digest_is_valid(info.diff_id));
    image_texts_fini(&warnings);
    (void)close(dir_fd);
    (void)close(fd);
    ASSERT(entries_of(".") == 2); /* the store and the layer: nothing got out */
    ASSERT(files_remove_tree(root_fd, "layer") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    if (size_bytes < 2)
        return 0;
    uint8_t *copy = (uint8_t *)mem_strndup((const char *)data + 1, size_bytes - 1);
    if (data[0] == 'J') {
        parse_document((char)copy[0], (const char *)copy + 1, size_bytes - 2);
    } else if (data[0] == 'S') {
        load_layout(copy, size_bytes - 1);
    } else {
        mend_tar(copy, size_bytes - 1);
        if (data[0] == 'L')
            unpack_layer(copy, size_bytes - 1);
        else
            load_archive(copy, size_bytes - 1);
    }
    mem_free(copy);
    ASSERT(entries_of(".") == 1);
    return 0;
}
