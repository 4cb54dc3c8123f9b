/* What a client of the rig says and hears: one request, one whole response. */
#ifndef SHOAL_TESTS_API_CLIENT_H
#define SHOAL_TESTS_API_CLIENT_H

#include <jansson.h>

#include "rig.h"

struct answer {
    int status;
    char *head;   /* status line and headers */
    char *text;   /* body, chunks joined */
    json_t *json; /* of it; NULL when it is none */
};

void answer_free(struct answer *answer);
/* Takes the first response off what the connection has been sent; aborts the test when it is not
 * whole. */
void take_answer(struct rig_connection *connection, struct answer *ret_answer);
/* On a connection of its own. `body` NULL: none. `content_type` NULL: application/json. */
void ask(struct rig *rig, const char *method, const char *url, const char *content_type,
         const char *body, struct answer *ret_answer);
/* The string at a path of object members ("metadata.name"); "" when there is none. */
const char *at(const struct answer *answer, const char *path);
/* ask, then this status. The answer must be freed. */
#define EXPECT(rig, method, url, body, expected, answer)                                           \
    do {                                                                                           \
        ask(rig, method, url, NULL, body, answer);                                                 \
        ck_assert_msg((answer)->status == (expected), "%s %s: %d\n%s", method, url,                \
                      (answer)->status, (answer)->text);                                           \
    } while (0)

/* A Deployment "name" that asks for 100m. */
#define DEPLOYMENT(name, replicas)                                                                 \
    "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"" name           \
    "\"},\"spec\":{\"replicas\":" #replicas ",\"selector\":{\"matchLabels\":{\"app\":\"" name      \
    "\"}},\"template\":{\"metadata\":{\"labels\":{\"app\":\"" name                                 \
    "\"}},\"spec\":{\"containers\":[{\"name\":\"main\",\"image\":\"web:1\",\"resources\":{"        \
    "\"requests\":{\"cpu\":\"100m\"}}}]}}}}"
#define DEPLOYMENTS "/apis/apps/v1/namespaces/default/deployments"
#define PODS        "/api/v1/namespaces/default/pods"

#endif
