/* Requests: their URLs taken apart. */
#include <string.h>
#include <strings.h>

#include "api_internal.h"
#include "base/memory.h"
#include "wire/codec.h"

void request_clear(struct request *request)
{
    mem_free(request->path);
    mem_free(request->raw_url);
    for (size_t i = 0; i < request->parts_count; i++)
        mem_free(request->parts[i]);
    for (size_t i = 0; i < request->queries_count; i++) {
        mem_free(request->queries[i].name);
        mem_free(request->queries[i].value);
    }
    buf_fini(&request->content_type);
    buf_fini(&request->body);
    *request = (struct request){.keep_alive = false};
    buf_init(&request->body, API_BODY_BYTES_MAX);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 3986 2.1; '+' is a space in queries. What comes out must be text: it is looked up, sent to
 * peers and said in answers. */
static char *decode(struct request *request, const char *text, size_t size_bytes, bool query)
{
    char *decoded = mem_alloc(size_bytes + 1, 1);
    size_t length = 0;
    for (size_t i = 0; i < size_bytes; i++) {
        char c = text[i];
        if (c == '%' && i + 2 < size_bytes && hex_digit(text[i + 1]) >= 0 &&
            hex_digit(text[i + 2]) >= 0) {
            c = (char)(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
            i += 2;
        } else if (c == '+' && query) {
            c = ' ';
        }
        decoded[length++] = c;
    }
    bool is_text = wire_is_text((struct bytes){(const uint8_t *)decoded, length});
    request->not_text = request->not_text || !is_text;
    return decoded;
}

void request_take_path(struct request *request, const char *path, size_t size_bytes)
{
    request->path = decode(request, path, size_bytes, false);
    const char *end = path + size_bytes;
    while (path < end && request->parts_count < PATH_PARTS_MAX) {
        const char *slash = memchr(path, '/', (size_t)(end - path));
        const char *stop = slash != NULL ? slash : end;
        if (stop > path)
            request->parts[request->parts_count++] =
                decode(request, path, (size_t)(stop - path), false);
        path = stop + 1;
    }
}

void request_take_query(struct request *request, const char *query, size_t size_bytes)
{
    const char *end = query + size_bytes;
    while (query < end && request->queries_count < QUERY_MAX) {
        const char *ampersand = memchr(query, '&', (size_t)(end - query));
        const char *stop = ampersand != NULL ? ampersand : end;
        const char *equals = memchr(query, '=', (size_t)(stop - query));
        const char *name_end = equals != NULL ? equals : stop;
        struct query *item = &request->queries[request->queries_count++];
        item->name = decode(request, query, (size_t)(name_end - query), true);
        item->value = equals != NULL
                          ? decode(request, equals + 1, (size_t)(stop - equals - 1), true)
                          : mem_strdup("");
        query = stop + 1;
    }
}

const char *request_query(const struct request *request, const char *name)
{
    for (size_t i = 0; i < request->queries_count; i++)
        if (strcmp(request->queries[i].name, name) == 0)
            return request->queries[i].value;
    return NULL;
}

bool request_flag(const struct request *request, const char *name)
{
    const char *value = request_query(request, name);
    return value != NULL && (strcasecmp(value, "true") == 0 || strcmp(value, "1") == 0);
}
