#include "tar.h"

#include <errno.h>
#include <locale.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

#define TAR_BLOCK_BYTES 512

struct tar {
    struct stream *stream;
    struct digest *digest;
    struct archive *archive;
    locale_t locale, locale_before;
    enum tar_end end;
    uint64_t bytes_count; /* given to libarchive */
    bool end_given;
    struct error stream_error; /* what made the read callback fail */
    bool opened;
    bool entry_seen;
};

/* The missing end of a tar: zeros up to a whole block, then two blocks of zeros. Not hashed. */
static la_ssize_t give_end(struct tar *tar, const void **ret_data)
{
    static const uint8_t zeros[3 * TAR_BLOCK_BYTES];
    if (tar->end != TAR_END_OPTIONAL || tar->end_given || tar->bytes_count == 0)
        return 0;
    size_t over_bytes = (size_t)(tar->bytes_count % TAR_BLOCK_BYTES);
    tar->end_given = true;
    *ret_data = zeros;
    return (la_ssize_t)(sizeof(zeros) - (over_bytes > 0 ? over_bytes : TAR_BLOCK_BYTES));
}

static la_ssize_t read_piece(struct archive *archive, void *context, const void **ret_data)
{
    struct tar *tar = context;
    const uint8_t *data = NULL;
    size_t size_bytes = 0;
    if (stream_next(tar->stream, &data, &size_bytes, &tar->stream_error) < 0) {
        archive_set_error(archive, EIO, "%s", "the stream failed");
        return -1;
    }
    if (tar->digest != NULL)
        digest_add(tar->digest, data, size_bytes);
    tar->bytes_count += size_bytes;
    *ret_data = data;
    return size_bytes > 0 ? (la_ssize_t)size_bytes : give_end(tar, ret_data);
}

struct tar *tar_new(struct stream *stream, struct digest *digest, enum tar_end end)
{
    struct tar *tar = MEM_NEW(struct tar);
    tar->stream = stream;
    tar->digest = digest;
    tar->end = end;
    tar->locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    ASSERT(tar->locale != (locale_t)0);
    tar->locale_before = uselocale(tar->locale);
    tar->archive = archive_read_new();
    ASSERT(tar->archive != NULL);
    ASSERT(archive_read_support_format_tar(tar->archive) == ARCHIVE_OK);
    return tar;
}

void tar_free(struct tar *tar)
{
    if (tar == NULL)
        return;
    (void)archive_read_free(tar->archive);
    (void)uselocale(tar->locale_before);
    freelocale(tar->locale);
    mem_free(tar);
}

static int fail(struct tar *tar, struct error *error)
{
    if (tar->stream_error.code != ERROR_NONE) {
        *error = tar->stream_error;
        return -1;
    }
    if (!tar->entry_seen)
        return error_set(error, ERROR_INVALID, "it is not a tar archive");
    const char *text = archive_error_string(tar->archive);
    if (text == NULL)
        text = "unknown reason";
    if (strstr(text, "runcated") != NULL)
        return error_set(error, ERROR_CORRUPT, "it is truncated");
    return error_set(error, ERROR_CORRUPT, "the tar archive is damaged: %s", text);
}

int tar_next(struct tar *tar, struct archive_entry **ret_entry, struct error *error)
{
    if (!tar->opened) {
        tar->opened = true;
        if (archive_read_open(tar->archive, tar, NULL, read_piece, NULL) != ARCHIVE_OK)
            return fail(tar, error);
    }
    struct archive_entry *entry = NULL;
    int verdict = archive_read_next_header(tar->archive, &entry);
    if (verdict == ARCHIVE_EOF) {
        *ret_entry = NULL;
        return 0;
    }
    /* ARCHIVE_WARN: a name outside ASCII, kept as it is, or an attribute that was left out. */
    if (verdict != ARCHIVE_OK && verdict != ARCHIVE_WARN)
        return fail(tar, error);
    tar->entry_seen = true;
    *ret_entry = entry;
    return 0;
}

int tar_read(struct tar *tar, const void **ret_data, size_t *ret_size_bytes,
             uint64_t *ret_offset_bytes, struct error *error)
{
    la_int64_t offset = 0;
    const void *data = NULL;
    size_t size_bytes = 0;
    int verdict = ARCHIVE_OK;
    do
        verdict = archive_read_data_block(tar->archive, &data, &size_bytes, &offset);
    while (verdict == ARCHIVE_OK && size_bytes == 0); /* the hole at the end of a sparse file */
    if (verdict != ARCHIVE_EOF && verdict != ARCHIVE_OK)
        return fail(tar, error);
    if (offset < 0)
        return error_set(error, ERROR_CORRUPT, "the tar archive is damaged: negative offset");
    *ret_data = data;
    *ret_size_bytes = verdict == ARCHIVE_EOF ? 0 : size_bytes;
    *ret_offset_bytes = (uint64_t)offset;
    return 0;
}

int tar_drain(struct tar *tar, struct error *error)
{
    const uint8_t *data = NULL;
    size_t size_bytes = 0;
    do {
        if (stream_next(tar->stream, &data, &size_bytes, error) < 0)
            return -1;
        if (tar->digest != NULL)
            digest_add(tar->digest, data, size_bytes);
    } while (size_bytes > 0);
    return 0;
}
