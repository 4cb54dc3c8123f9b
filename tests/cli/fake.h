/*
 * A scripted agent behind a transport that lives in memory, and command lines run against it. An
 * exchange that is asked for in another order, or too many or too few of them, fails the test.
 */
#ifndef SHOAL_TESTS_CLI_FAKE_H
#define SHOAL_TESTS_CLI_FAKE_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "cli/cli.h"

/* 2026-01-31T12:00:00Z */
#define FAKE_NOW_WALL_MS ((wall_ms_t)1769860800000)

struct fake_exchange {
    const char *request;  /* "GET /api/v1/pods": method and URL, exact; NULL: anything */
    const char *contains; /* in the request's body; NULL: not looked at */
    int status;           /* 0: `body` is everything that the agent says, head included */
    const char *headers;  /* more of them, each with its CRLF; NULL: none */
    const char *body;     /* NULL: empty */
    bool chunked;         /* each byte of the body in a chunk of its own */
    bool hang_up;         /* after the answer */
    uint32_t takes_ms;    /* to answer */
    bool early;           /* answers as soon as the head of the request is there */
};

struct fake_run {
    int code;
    char *out, *err;     /* freed by fake_run_fini */
    size_t opened_count; /* connections */
    size_t body_bytes;   /* of all requests */
    bool body_was_chunked;
};

/* `pieces` bytes of an answer arrive at once (0: all). */
extern size_t fake_pieces;
extern const char *fake_input;           /* stdin; NULL: empty */
extern bool fake_terminal;               /* stdout, stderr */
extern const char *fake_server_variable; /* $SHOAL_SERVER */

/* The arguments end with NULL; the first is the command. */
struct fake_run fake_run_list(const struct fake_exchange *script, size_t script_count,
                              const char *const *arguments);
void fake_run_fini(struct fake_run *run);

#define FAKE_RUN(script, ...)                                                                      \
    fake_run_list((script), sizeof(script) / sizeof((script)[0]),                                  \
                  (const char *const[]){__VA_ARGS__, NULL})
/* Without an agent: asking one fails the test. */
#define FAKE_RUN_ALONE(...) fake_run_list(NULL, 0, (const char *const[]){__VA_ARGS__, NULL})

/* cli_transport_make on a script of its own, for tests of the client itself. */
void fake_script(const struct fake_exchange *script, size_t script_count);
int fake_transport_make(uv_loop_t *loop, const struct cli_server *server,
                        struct cli_transport *ret_transport, struct error *error);
size_t fake_opened_count(void);
/* Fails the test unless all of the script was played. */
void fake_script_end(void);

/* A file with this text, in a folder made for the test; its path. */
const char *fake_file(const char *name, const char *text);
const char *fake_folder(void);

#define EXPECT_HAS(text, part)                                                                     \
    ck_assert_msg(strstr((text), (part)) != NULL, "expected \"%s\" in:\n%s", (part), (text))
#define EXPECT_HAS_NOT(text, part)                                                                 \
    ck_assert_msg(strstr((text), (part)) == NULL, "did not expect \"%s\" in:\n%s", (part), (text))

#endif
