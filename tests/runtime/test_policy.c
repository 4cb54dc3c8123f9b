/* The pure decisions of the runtime. */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/capability.h>

#include "base/prng.h"
#include "policy/backoff.h"
#include "policy/caps.h"
#include "policy/decide.h"
#include "policy/log_lines.h"
#include "policy/passwd.h"
#include "policy/probe_count.h"

/* --- back-off
 * ------------------------------------------------------------------------------------------- */

START_TEST(backoff_doubles_to_the_maximum)
{
    const struct backoff_limits limits = {10000, 300000, 600000};
    const uint32_t expected[] = {0, 10000, 20000, 40000, 80000, 160000, 300000, 300000};
    struct backoff backoff = {0};
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        ck_assert_uint_eq(backoff_after(&backoff, &limits, 5000), expected[i]);
}
END_TEST

START_TEST(backoff_forgives_after_a_long_run)
{
    const struct backoff_limits limits = {10000, 300000, 600000};
    struct backoff backoff = {0};
    for (int i = 0; i < 5; i++)
        (void)backoff_after(&backoff, &limits, 0);
    ck_assert_uint_eq(backoff_after(&backoff, &limits, 599999), 160000);
    ck_assert_uint_eq(backoff_after(&backoff, &limits, 600000), 0);
    ck_assert_uint_eq(backoff_after(&backoff, &limits, 0), 10000);
}
END_TEST

/* --- what follows from an end
 * --------------------------------------------------------------------------- */

static const struct {
    enum runtime_restart_policy policy;
    bool init;
    int exit_code;
    bool again;
} restarts[] = {
    {RUNTIME_RESTART_ALWAYS, false, 0, true},      {RUNTIME_RESTART_ALWAYS, false, 1, true},
    {RUNTIME_RESTART_ALWAYS, true, 0, false},      {RUNTIME_RESTART_ALWAYS, true, 1, true},
    {RUNTIME_RESTART_ON_FAILURE, false, 0, false}, {RUNTIME_RESTART_ON_FAILURE, false, 137, true},
    {RUNTIME_RESTART_ON_FAILURE, true, 0, false},  {RUNTIME_RESTART_ON_FAILURE, true, 2, true},
    {RUNTIME_RESTART_NEVER, false, 0, false},      {RUNTIME_RESTART_NEVER, false, 1, false},
    {RUNTIME_RESTART_NEVER, true, 1, false},
};

START_TEST(restart_follows_the_policy)
{
    ck_assert_int_eq(decide_restart(restarts[_i].policy, restarts[_i].init, restarts[_i].exit_code),
                     restarts[_i].again);
}
END_TEST

/* n: not started, a: active, s: succeeded, f: failed; capitals are init containers. */
static const struct {
    const char *containers;
    enum runtime_phase phase;
} phases[] = {
    {"n", RUNTIME_PHASE_PENDING},   {"a", RUNTIME_PHASE_RUNNING},  {"s", RUNTIME_PHASE_SUCCEEDED},
    {"f", RUNTIME_PHASE_FAILED},    {"na", RUNTIME_PHASE_PENDING}, {"as", RUNTIME_PHASE_RUNNING},
    {"af", RUNTIME_PHASE_RUNNING},  {"sf", RUNTIME_PHASE_FAILED},  {"ss", RUNTIME_PHASE_SUCCEEDED},
    {"An", RUNTIME_PHASE_PENDING},  {"Nn", RUNTIME_PHASE_PENDING}, {"Fn", RUNTIME_PHASE_FAILED},
    {"SAn", RUNTIME_PHASE_PENDING}, {"Sa", RUNTIME_PHASE_RUNNING}, {"Ss", RUNTIME_PHASE_SUCCEEDED},
    {"SFn", RUNTIME_PHASE_FAILED},
};

START_TEST(phase_follows_from_the_containers)
{
    struct runtime_container containers[8] = {0};
    enum container_outcome outcomes[8];
    size_t count = strlen(phases[_i].containers);
    for (size_t i = 0; i < count; i++) {
        char c = phases[_i].containers[i];
        containers[i].init_container = c < 'a';
        c = (char)(c | 0x20);
        outcomes[i] = c == 'n'   ? OUTCOME_NOT_STARTED
                      : c == 'a' ? OUTCOME_ACTIVE
                      : c == 's' ? OUTCOME_SUCCEEDED
                                 : OUTCOME_FAILED;
    }
    ck_assert_str_eq(runtime_phase_name(decide_phase(containers, outcomes, count)),
                     runtime_phase_name(phases[_i].phase));
}
END_TEST

static const struct {
    int wait_status;
    bool oom;
    int exit_code;
    int signal;
    const char *reason;
} ends[] = {
    {0, false, 0, 0, "Completed"},           {0, true, 0, 0, "Completed"},
    {3 << 8, false, 3, 0, "Error"},          {SIGKILL, false, 137, SIGKILL, "Error"},
    {SIGTERM, false, 143, SIGTERM, "Error"}, {SIGKILL, true, 137, SIGKILL, "OOMKilled"},
    {1 << 8, true, 137, 0, "OOMKilled"},     {SIGSEGV | 0x80, false, 139, SIGSEGV, "Error"},
};

START_TEST(an_end_is_named)
{
    struct runtime_termination end;
    decide_termination(ends[_i].wait_status, ends[_i].oom, &end);
    ck_assert_int_eq(end.exit_code, ends[_i].exit_code);
    ck_assert_int_eq(end.signal, ends[_i].signal);
    ck_assert_str_eq(end.reason, ends[_i].reason);
}
END_TEST

/* --- capabilities
 * --------------------------------------------------------------------------------------- */

#define BIT(n) (UINT64_C(1) << (n))
#define DEFAULT_CAPS                                                                               \
    UINT64_C(0xa80425fb) /* what `docker run alpine grep Cap /proc/self/status` shows */

static const struct {
    const char *add;
    const char *drop;
    bool privileged;
    uint64_t mask;
} caps[] = {
    {NULL, NULL, false, DEFAULT_CAPS},
    {"NET_ADMIN", NULL, false, DEFAULT_CAPS | BIT(CAP_NET_ADMIN)},
    {"cap_net_admin", NULL, false, DEFAULT_CAPS | BIT(CAP_NET_ADMIN)},
    {NULL, "CHOWN", false, DEFAULT_CAPS & ~BIT(CAP_CHOWN)},
    {NULL, "ALL", false, 0},
    {"CHOWN", "ALL", false, BIT(CAP_CHOWN)},
    {"ALL", "CHOWN", false, (BIT(CAP_LAST_CAP + 1) - 1) & ~BIT(CAP_CHOWN)},
    {NULL, "ALL", true, BIT(CAP_LAST_CAP + 1) - 1},
};

START_TEST(capabilities_are_added_and_dropped)
{
    struct runtime_container container = {.privileged = caps[_i].privileged};
    struct error error;
    uint64_t mask;
    if (caps[_i].add != NULL) {
        container.caps_add = &caps[_i].add;
        container.caps_add_count = 1;
    }
    if (caps[_i].drop != NULL) {
        container.caps_drop = &caps[_i].drop;
        container.caps_drop_count = 1;
    }
    ck_assert_int_eq(caps_resolve(&container, &mask, &error), 0);
    ck_assert_uint_eq(mask, caps[_i].mask);
}
END_TEST

START_TEST(unknown_capabilities_are_refused)
{
    static const char *const names[] = {"NET_ADMINN", "", "CAP_", "cap_999",
                                        "a_name_that_is_far_longer_than_any_capability_has"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct runtime_container container = {.caps_add = &names[i], .caps_add_count = 1};
        struct error error;
        uint64_t mask;
        ck_assert_int_eq(caps_resolve(&container, &mask, &error), -1);
        ck_assert_int_eq(error.code, ERROR_INVALID);
    }
}
END_TEST

/* --- users
 * ---------------------------------------------------------------------------------------------- */

static const char passwd[] = "# comment\n"
                             "broken line\n"
                             "root:x:0:0:root:/root:/bin/sh\n"
                             "evil:x:-1:0::/:\n"
                             "huge:x:4294967295:0::/:\n"
                             "www:x:33:44::/srv/www:/bin/sh\n"
                             "nohome:x:50:51::relative:/bin/sh\n"
                             "7up:x:70:70::/seven:/bin/sh\n"
                             "last:x:99:99::/last:/bin/sh"; /* no newline */
static const char group[] =
    "root:x:0:\nwww:x:44:\nextra:x:55:other,www\nmore:x:56:www,\nnope:x:57:wwww\n";

static const struct {
    const char *user;
    int64_t uid;
    int64_t gid;
    bool not_root;
    int result;
    uint32_t want_uid;
    uint32_t want_gid;
    const char *home;
    size_t groups;
} users[] = {
    {"", -1, -1, false, 0, 0, 0, "/root", 0},
    {NULL, -1, -1, false, 0, 0, 0, "/root", 0},
    {"www", -1, -1, false, 0, 33, 44, "/srv/www", 2},
    {"33", -1, -1, false, 0, 33, 44, "/srv/www", 2},
    {"1234", -1, -1, false, 0, 1234, 0, "/", 0},
    {"1234:5", -1, -1, false, 0, 1234, 5, "/", 0},
    {"www:root", -1, -1, false, 0, 33, 0, "/srv/www", 2},
    {"www:extra", -1, -1, false, 0, 33, 55, "/srv/www", 2},
    {"nohome", -1, -1, false, 0, 50, 51, "/", 0},
    {"last", -1, -1, false, 0, 99, 99, "/last", 0},
    {"7up", -1, -1, false, 0, 70, 70, "/seven", 0},
    {"www", 99, -1, false, 0, 99, 99, "/last", 0},
    {"www", 99, 7, false, 0, 99, 7, "/last", 0},
    {"", -1, -1, true, -1, 0, 0, NULL, 0},
    {"www", -1, -1, true, 0, 33, 44, "/srv/www", 2},
    {"", 0, -1, true, -1, 0, 0, NULL, 0},
    {"nobody", -1, -1, false, -1, 0, 0, NULL, 0},
    {"evil", -1, -1, false, -1, 0, 0, NULL, 0},
    {"huge", -1, -1, false, -1, 0, 0, NULL, 0},
    {"www:nosuch", -1, -1, false, -1, 0, 0, NULL, 0},
    {"4294967295", -1, -1, false, -1, 0, 0, NULL, 0},
};

START_TEST(users_are_looked_up)
{
    const struct passwd_files files = {passwd, sizeof(passwd) - 1, group, sizeof(group) - 1};
    struct runtime_container container = {.user = users[_i].user,
                                          .run_as_uid = users[_i].uid,
                                          .run_as_gid = users[_i].gid,
                                          .must_not_be_root = users[_i].not_root};
    struct passwd_identity identity;
    struct error error;
    ck_assert_int_eq(passwd_resolve(&files, &container, &identity, &error), users[_i].result);
    if (users[_i].result < 0)
        return;
    ck_assert_uint_eq(identity.uid, users[_i].want_uid);
    ck_assert_uint_eq(identity.gid, users[_i].want_gid);
    ck_assert_str_eq(identity.home, users[_i].home);
    ck_assert_uint_eq(identity.groups_count, users[_i].groups);
}
END_TEST

START_TEST(an_image_without_users_knows_numbers)
{
    const struct passwd_files files = {NULL, 0, NULL, 0};
    struct runtime_container container = {.user = "7:8", .run_as_uid = -1, .run_as_gid = -1};
    struct passwd_identity identity;
    struct error error;
    ck_assert_int_eq(passwd_resolve(&files, &container, &identity, &error), 0);
    ck_assert_uint_eq(identity.uid, 7);
    ck_assert_uint_eq(identity.gid, 8);
    container.user = "www";
    ck_assert_int_eq(passwd_resolve(&files, &container, &identity, &error), -1);
}
END_TEST

/* Any bytes: no crash (the sanitizers watch), and never an id that the kernel takes for "no
 * change". */
START_TEST(hostile_user_files_do_no_harm)
{
    struct prng prng;
    prng_seed(&prng, (uint64_t)_i + 1);
    static const char alphabet[] = ":\n,www0123456789-x\0";
    char text[400];
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = alphabet[prng_below(&prng, sizeof(alphabet))];
    const struct passwd_files files = {text, sizeof(text), text, sizeof(text)};
    struct runtime_container container = {.user = "www:w", .run_as_uid = -1, .run_as_gid = -1};
    struct passwd_identity identity;
    struct error error;
    if (passwd_resolve(&files, &container, &identity, &error) == 0) {
        ck_assert_uint_ne(identity.uid, UINT32_MAX);
        ck_assert_uint_ne(identity.gid, UINT32_MAX);
        ck_assert_uint_le(identity.groups_count, RUNTIME_GROUPS_MAX);
    }
}
END_TEST

/* --- log lines
 * ------------------------------------------------------------------------------------------ */

static void note(void *user, enum log_stream stream, bool full, const char *text, size_t text_bytes)
{
    buf_printf(user, "%s%c", stream == LOG_STDERR ? "!" : "", full ? 'F' : 'P');
    if (text_bytes > 32)
        buf_printf(user, "<%zu>", text_bytes);
    else
        buf_append(user, text, text_bytes);
    buf_append_text(user, "|");
}

static const struct {
    const char *writes[4];
    const char *records;
} lines[] = {
    {{"one\n"}, "Fone|"},
    {{"one\ntwo\n"}, "Fone|Ftwo|"},
    {{"o", "ne", "\ntw", "o\n"}, "Fone|Ftwo|"},
    {{"\n\n"}, "F|F|"},
    {{"no newline"}, "Pno newline|"},
    {{"one\nrest"}, "Fone|Prest|"},
    {{""}, ""},
};

START_TEST(output_becomes_lines)
{
    struct log_splitter splitter;
    struct buf out = BUF_INIT;
    log_splitter_init(&splitter, LOG_STDOUT);
    for (size_t i = 0; i < 4 && lines[_i].writes[i] != NULL; i++)
        log_splitter_feed(&splitter, lines[_i].writes[i], strlen(lines[_i].writes[i]), note, &out);
    log_splitter_flush(&splitter, note, &out);
    ck_assert_str_eq(buf_text(&out), lines[_i].records);
    log_splitter_fini(&splitter);
    buf_fini(&out);
}
END_TEST

static const struct {
    size_t line_bytes;
    const char *records;
} long_lines[] = {
    {LOG_PIECE_BYTES_MAX - 1, "F<16383>|"},
    {LOG_PIECE_BYTES_MAX, "F<16384>|"},
    {LOG_PIECE_BYTES_MAX + 1, "P<16384>|Fx|"},
    {2 * LOG_PIECE_BYTES_MAX, "P<16384>|F<16384>|"},
    {2 * LOG_PIECE_BYTES_MAX + 2, "P<16384>|P<16384>|Fxx|"},
};

/* However the bytes arrive, the pieces are the same. */
START_TEST(long_lines_come_in_pieces)
{
    static const size_t chunks[] = {1, 7, 4096, 16384, 16385, 65536};
    size_t size_bytes = long_lines[_i].line_bytes + 1;
    char *data = malloc(size_bytes);
    memset(data, 'x', size_bytes);
    data[size_bytes - 1] = '\n';
    for (size_t c = 0; c < sizeof(chunks) / sizeof(chunks[0]); c++) {
        struct log_splitter splitter;
        struct buf out = BUF_INIT;
        log_splitter_init(&splitter, LOG_STDERR);
        for (size_t at = 0; at < size_bytes; at += chunks[c])
            log_splitter_feed(&splitter, data + at,
                              size_bytes - at < chunks[c] ? size_bytes - at : chunks[c], note,
                              &out);
        log_splitter_flush(&splitter, note, &out);
        char expected[128] = "";
        for (const char *p = long_lines[_i].records; *p != 0; p++) {
            if (p == long_lines[_i].records || p[-1] == '|')
                strcat(expected, "!");
            strncat(expected, p, 1);
        }
        ck_assert_str_eq(buf_text(&out), expected);
        log_splitter_fini(&splitter);
        buf_fini(&out);
    }
    free(data);
}
END_TEST

static const struct {
    uint64_t wall_ns;
    const char *text;
} stamps[] = {
    {0, "1970-01-01T00:00:00.000000000Z"},
    {UINT64_C(951782400000000001), "2000-02-29T00:00:00.000000001Z"},
    {UINT64_C(1709251199999999999), "2024-02-29T23:59:59.999999999Z"},
    {UINT64_C(1709251200000000000), "2024-03-01T00:00:00.000000000Z"},
    {UINT64_C(4102444800123456789), "2100-01-01T00:00:00.123456789Z"},
    {UINT64_C(4107542400000000000), "2100-03-01T00:00:00.000000000Z"},
};

START_TEST(stamps_survive_a_round_trip)
{
    char text[LOG_STAMP_CHARS + 1];
    uint64_t wall_ns;
    log_stamp_format(stamps[_i].wall_ns, text);
    ck_assert_str_eq(text, stamps[_i].text);
    ck_assert(log_stamp_parse(text, LOG_STAMP_CHARS, &wall_ns));
    ck_assert_uint_eq(wall_ns, stamps[_i].wall_ns);
}
END_TEST

START_TEST(records_survive_a_round_trip)
{
    struct buf out = BUF_INIT;
    struct log_record record;
    log_record_append(&out, 1234567890123456789u, LOG_STDERR, false, "a text", 6);
    ck_assert_uint_gt(LOG_RECORD_EXTRA_MAX + 6, out.size_bytes);
    ck_assert(log_record_parse(buf_text(&out), out.size_bytes - 1, &record));
    ck_assert_uint_eq(record.wall_ns, 1234567890123456789u);
    ck_assert_int_eq(record.stream, LOG_STDERR);
    ck_assert(!record.full);
    ck_assert_uint_eq(record.text_bytes, 6);
    for (size_t length = 0; length < LOG_STAMP_CHARS + 10; length++)
        ck_assert(!log_record_parse(buf_text(&out), length, &record));
    buf_fini(&out);
}
END_TEST

/* --- probes
 * --------------------------------------------------------------------------------------------- */

static const struct {
    uint32_t success_threshold;
    uint32_t failure_threshold;
    const char *results;  /* s, f */
    const char *verdicts; /* ?, P, F */
} probes[] = {
    {1, 3, "sfffs", "PPPFP"},
    {1, 1, "fsf", "FPF"},
    {2, 3, "sssfffss", "?PPPPFFP"},
    {1, 3, "ffsff", "??PPP"},
    {0, 0, "fs", "FP"},
    {3, 2, "ssfsss",
     "????"
     "?P"},
};

START_TEST(probe_results_are_counted)
{
    struct probe_count count = {0};
    for (size_t i = 0; probes[_i].results[i] != 0; i++) {
        enum probe_verdict verdict =
            probe_count_add(&count, probes[_i].results[i] == 's', probes[_i].success_threshold,
                            probes[_i].failure_threshold);
        ck_assert_int_eq("?PF"[verdict], probes[_i].verdicts[i]);
        ck_assert(count.successes == 0 || count.failures == 0);
    }
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
    Suite *suite = suite_create("runtime_policy");
    TCase *tcase = tcase_create("policy");
    tcase_add_test(tcase, backoff_doubles_to_the_maximum);
    tcase_add_test(tcase, backoff_forgives_after_a_long_run);
    tcase_add_loop_test(tcase, restart_follows_the_policy, 0, COUNT(restarts));
    tcase_add_loop_test(tcase, phase_follows_from_the_containers, 0, COUNT(phases));
    tcase_add_loop_test(tcase, an_end_is_named, 0, COUNT(ends));
    tcase_add_loop_test(tcase, capabilities_are_added_and_dropped, 0, COUNT(caps));
    tcase_add_test(tcase, unknown_capabilities_are_refused);
    tcase_add_loop_test(tcase, users_are_looked_up, 0, COUNT(users));
    tcase_add_test(tcase, an_image_without_users_knows_numbers);
    tcase_add_loop_test(tcase, hostile_user_files_do_no_harm, 0, 50);
    tcase_add_loop_test(tcase, output_becomes_lines, 0, COUNT(lines));
    tcase_add_loop_test(tcase, long_lines_come_in_pieces, 0, COUNT(long_lines));
    tcase_add_loop_test(tcase, stamps_survive_a_round_trip, 0, COUNT(stamps));
    tcase_add_test(tcase, records_survive_a_round_trip);
    tcase_add_loop_test(tcase, probe_results_are_counted, 0, COUNT(probes));
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
