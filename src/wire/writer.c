#include "writer.h"

#include "base/assert.h"
#include "reader.h"

static int append(void *data, const char *bytes, size_t size_bytes)
{
    struct wire_writer *writer = data;
    writer->size_bytes += size_bytes;
    if (writer->out != NULL)
        buf_append(writer->out, bytes, size_bytes);
    return 0;
}

void wire_writer_init(struct wire_writer *writer, struct buf *out)
{
    writer->out = out;
    writer->size_bytes = 0;
    msgpack_packer_init(&writer->packer, writer, append);
}

void wire_write_message(struct wire_writer *writer, uint32_t id)
{
    wire_write_array(writer, 2);
    wire_write_unsigned(writer, id);
}

void wire_write_map(struct wire_writer *writer, size_t count)
{
    (void)msgpack_pack_map(&writer->packer, count);
}

void wire_write_array(struct wire_writer *writer, size_t count)
{
    (void)msgpack_pack_array(&writer->packer, count);
}

/* The first pair of `unknown` and its key. `unknown` has been validated. */
static struct bytes first_pair(struct bytes unknown, uint32_t *ret_key)
{
    struct wire_reader reader;
    struct wire_map map = {.left_count = 1};
    struct bytes pair = {NULL, 0};

    wire_reader_init(&reader, unknown, NULL);
    bool found = wire_read_key(&reader, &map);
    wire_read_unknown(&reader, &map, &pair);
    ASSERT(found && reader.verdict == WIRE_OK);
    *ret_key = map.key;
    return pair;
}

static struct bytes after(struct bytes unknown, struct bytes pair)
{
    return (struct bytes){unknown.data + pair.size_bytes, unknown.size_bytes - pair.size_bytes};
}

void wire_write_key(struct wire_writer *writer, struct bytes *unknown, uint32_t key)
{
    while (unknown->size_bytes > 0) {
        uint32_t unknown_key = 0;
        struct bytes pair = first_pair(*unknown, &unknown_key);
        if (unknown_key > key)
            break;
        (void)append(writer, (const char *)pair.data, pair.size_bytes);
        *unknown = after(*unknown, pair);
    }
    wire_write_unsigned(writer, key);
}

void wire_write_rest(struct wire_writer *writer, struct bytes unknown)
{
    if (unknown.size_bytes > 0)
        (void)append(writer, (const char *)unknown.data, unknown.size_bytes);
}

size_t wire_unknown_count(struct bytes unknown)
{
    size_t count = 0;
    while (unknown.size_bytes > 0) {
        uint32_t key = 0;
        unknown = after(unknown, first_pair(unknown, &key));
        count++;
    }
    return count;
}

void wire_write_bool(struct wire_writer *writer, bool value)
{
    if (value)
        (void)msgpack_pack_true(&writer->packer);
    else
        (void)msgpack_pack_false(&writer->packer);
}

void wire_write_unsigned(struct wire_writer *writer, uint64_t value)
{
    (void)msgpack_pack_uint64(&writer->packer, value);
}

void wire_write_signed(struct wire_writer *writer, int64_t value)
{
    (void)msgpack_pack_int64(&writer->packer, value);
}

void wire_write_text(struct wire_writer *writer, struct bytes text)
{
    (void)msgpack_pack_str(&writer->packer, text.size_bytes);
    (void)append(writer, (const char *)text.data, text.size_bytes);
}

void wire_write_bytes(struct wire_writer *writer, struct bytes run)
{
    wire_write_fixed(writer, run.data, run.size_bytes);
}

void wire_write_fixed(struct wire_writer *writer, const uint8_t *data, size_t size_bytes)
{
    (void)msgpack_pack_bin(&writer->packer, size_bytes);
    (void)append(writer, (const char *)data, size_bytes);
}

void wire_put_encoded(struct buf *out, uint32_t id, struct bytes encoded)
{
    struct wire_writer writer;
    wire_writer_init(&writer, out);
    wire_write_message(&writer, id);
    buf_append(out, encoded.data, encoded.size_bytes);
}
