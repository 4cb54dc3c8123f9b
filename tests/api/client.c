#include "client.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"

void answer_free(struct answer *answer)
{
    mem_free(answer->head);
    mem_free(answer->text);
    json_decref(answer->json);
    *answer = (struct answer){.status = 0};
}

static size_t length_of(const char *head, bool *ret_chunked)
{
    const char *length = strcasestr(head, "\r\nContent-Length: ");
    *ret_chunked = strcasestr(head, "\r\nTransfer-Encoding: chunked") != NULL;
    ck_assert_msg((length != NULL) != *ret_chunked, "no length, or two: %s", head);
    return length == NULL ? 0 : strtoul(length + strlen("\r\nContent-Length: "), NULL, 10);
}

/* Joins the chunks; returns how many bytes they took, or 0 when the last one has not come. */
static size_t join_chunks(const char *text, size_t size_bytes, struct buf *body)
{
    const char *at = text;
    for (;;) {
        char *end = NULL;
        if ((size_t)(at - text) >= size_bytes)
            return 0;
        size_t chunk_bytes = strtoul(at, &end, 16);
        ck_assert(end > at && strncmp(end, "\r\n", 2) == 0);
        at = end + 2;
        buf_append(body, at, chunk_bytes);
        at += chunk_bytes + 2;
        if (chunk_bytes == 0)
            return (size_t)(at - text);
    }
}

void take_answer(struct rig_connection *connection, struct answer *ret_answer)
{
    const char *text = buf_text(&connection->output);
    size_t size_bytes = connection->output.size_bytes;
    const char *blank = strstr(text, "\r\n\r\n");
    struct buf body = BUF_INIT;
    bool chunked = false;
    ck_assert_msg(blank != NULL && strncmp(text, "HTTP/1.1 ", 9) == 0, "no response: %s", text);
    size_t head_bytes = (size_t)(blank - text) + 4;
    *ret_answer = (struct answer){.head = mem_strndup(text, head_bytes)};
    ret_answer->status = (int)strtol(text + 9, NULL, 10);
    size_t body_bytes = length_of(ret_answer->head, &chunked);
    if (chunked) {
        body_bytes = join_chunks(text + head_bytes, size_bytes - head_bytes, &body);
        ck_assert_msg(body_bytes > 0, "the last chunk has not come");
    } else {
        ck_assert_uint_ge(size_bytes - head_bytes, body_bytes);
        buf_append(&body, text + head_bytes, body_bytes);
    }
    ret_answer->text = mem_strndup(buf_text(&body), body.size_bytes);
    ret_answer->json = json_loads(ret_answer->text, JSON_REJECT_DUPLICATES, NULL);
    buf_consume(&connection->output, head_bytes + body_bytes);
    buf_fini(&body);
}

void ask(struct rig *rig, const char *method, const char *url, const char *content_type,
         const char *body, struct answer *ret_answer)
{
    struct rig_connection connection;
    struct buf request = BUF_INIT;
    rig_connect(rig, &connection);
    buf_printf(&request, "%s %s HTTP/1.1\r\nHost: x\r\n", method, url);
    if (body != NULL)
        buf_printf(&request, "Content-Type: %s\r\nContent-Length: %zu\r\n",
                   content_type != NULL ? content_type : "application/json", strlen(body));
    buf_printf(&request, "\r\n%s", body != NULL ? body : "");
    rig_put(&connection, request.data, request.size_bytes);
    rig_turn(rig, 10);
    take_answer(&connection, ret_answer);
    ck_assert_uint_eq(connection.output.size_bytes, 0);
    rig_hang_up(&connection);
    buf_fini(&request);
}

const char *at(const struct answer *answer, const char *path)
{
    char name[64];
    const json_t *json = answer->json;
    for (const char *part = path; *part != '\0';) {
        size_t size_bytes = strcspn(part, ".");
        ck_assert_uint_lt(size_bytes, sizeof(name));
        memcpy(name, part, size_bytes);
        name[size_bytes] = '\0';
        json = json_object_get(json, name);
        part += size_bytes + (part[size_bytes] == '.');
    }
    const char *text = json_string_value(json);
    return text != NULL ? text : "";
}
