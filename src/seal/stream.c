/* Chunks of a sealed stream: proto/envelope.md 5. */
#include "seal/stream.h"

#include "base/assert.h"

static const uint8_t tags[] = {
    [SEAL_CHUNK_PART] = crypto_secretstream_xchacha20poly1305_TAG_MESSAGE,
    [SEAL_CHUNK_END] = crypto_secretstream_xchacha20poly1305_TAG_PUSH,
    [SEAL_CHUNK_FIN] = crypto_secretstream_xchacha20poly1305_TAG_FINAL,
};

void seal_stream_fini(struct seal_stream *stream)
{
    if (stream != NULL)
        sodium_memzero(stream, sizeof(*stream));
}

size_t seal_stream_seal(struct seal_stream *stream, enum seal_chunk chunk, struct bytes plain,
                        uint8_t *ret_frame)
{
    ASSERT(plain.size_bytes <= SEAL_CHUNK_PLAIN_BYTES_MAX);
    ASSERT((size_t)chunk < sizeof(tags));
    ret_frame[0] = (uint8_t)(plain.size_bytes >> 8);
    ret_frame[1] = (uint8_t)plain.size_bytes;
    unsigned long long sealed_bytes = 0;
    (void)crypto_secretstream_xchacha20poly1305_push(&stream->out, ret_frame + 2, &sealed_bytes,
                                                     plain.data, plain.size_bytes, ret_frame, 2,
                                                     tags[chunk]);
    ASSERT(sealed_bytes + 2 == plain.size_bytes + SEAL_CHUNK_EXTRA_BYTES);
    return (size_t)sealed_bytes + 2;
}

enum seal_verdict seal_stream_open(struct seal_stream *stream, struct bytes in, uint8_t *ret_plain,
                                   size_t *ret_plain_bytes, enum seal_chunk *ret_chunk,
                                   size_t *ret_used_bytes)
{
    if (in.size_bytes < 2)
        return SEAL_MORE;
    size_t frame_bytes = ((size_t)in.data[0] << 8 | in.data[1]) + SEAL_CHUNK_EXTRA_BYTES;
    if (in.size_bytes < frame_bytes)
        return SEAL_MORE;
    unsigned long long plain_bytes = 0;
    uint8_t tag = 0;
    if (crypto_secretstream_xchacha20poly1305_pull(&stream->in, ret_plain, &plain_bytes, &tag,
                                                   in.data + 2, frame_bytes - 2, in.data, 2) != 0)
        return SEAL_FORGED;
    for (size_t i = 0; i < sizeof(tags); i++) {
        if (tags[i] == tag) {
            *ret_chunk = (enum seal_chunk)i;
            *ret_plain_bytes = (size_t)plain_bytes;
            *ret_used_bytes = frame_bytes;
            return SEAL_OK;
        }
    }
    return SEAL_BAD_FLAGS;
}
