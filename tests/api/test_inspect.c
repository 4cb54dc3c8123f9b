/* What an agent tells about itself: /metrics, /shoal/v1/gossip and its trace. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "client.h"

#define LINES_MAX 1024

/* ---- /metrics: the grammar of Prometheus' text format 0.0.4 */

static size_t name_length(const char *text)
{
    return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");
}

struct metrics {
    char current[128]; /* the metric whose HELP and TYPE came last */
    bool counter;
    char seen[LINES_MAX][128];
    size_t seen_count, samples_count;
};

static void take_comment(struct metrics *metrics, const char *line)
{
    char name[128], word[32];
    if (sscanf(line, "# HELP %127s %31s", name, word) == 2) {
        for (size_t i = 0; i < metrics->seen_count; i++)
            ck_assert_str_ne(metrics->seen[i], name); /* once, and all samples in one group */
        memcpy(metrics->seen[metrics->seen_count++], name, sizeof(name));
        memcpy(metrics->current, name, sizeof(name));
        ck_assert_uint_eq(name_length(name), strlen(name));
        return;
    }
    ck_assert_msg(sscanf(line, "# TYPE %127s %31s", name, word) == 2, "%s", line);
    ck_assert_str_eq(name, metrics->current);
    metrics->counter = strcmp(word, "counter") == 0;
    ck_assert(metrics->counter || strcmp(word, "gauge") == 0);
    bool total = strlen(name) > 6 && strcmp(name + strlen(name) - 6, "_total") == 0;
    ck_assert_msg(total == metrics->counter, "%s", line);
}

/* name value, or name{label="value",...} value */
static void take_sample(struct metrics *metrics, const char *line)
{
    const char *at = line + name_length(line);
    char *end = NULL;
    ck_assert_msg(strncmp(line, metrics->current, (size_t)(at - line)) == 0 &&
                      metrics->current[at - line] == '\0',
                  "%s stands below %s", line, metrics->current);
    while (*at == '{' || *at == ',') {
        at += 1 + name_length(at + 1);
        ck_assert_msg(at[0] == '=' && at[1] == '"', "%s", line);
        for (at += 2; *at != '"'; at++) {
            ck_assert_msg(*at != '\0', "%s", line);
            at += *at == '\\';
        }
        at++;
    }
    at += *at == '}';
    ck_assert_msg(*at == ' ' && at[1] >= '0' && at[1] <= '9', "%s", line);
    (void)strtod(at + 1, &end);
    ck_assert_msg(*end == '\0', "%s", line);
    metrics->samples_count++;
}

static void take_metrics(char *text, struct metrics *metrics)
{
    char *state = NULL;
    for (char *line = strtok_r(text, "\n", &state); line != NULL;
         line = strtok_r(NULL, "\n", &state)) {
        ck_assert_uint_lt(metrics->seen_count, LINES_MAX);
        if (line[0] == '#')
            take_comment(metrics, line);
        else
            take_sample(metrics, line);
    }
}

static struct rig rig;
static struct rig_connection connection;

static void setup(void)
{
    rig_init(&rig);
    rig_connect(&rig, &connection);
}
static void teardown(void)
{
    rig_hang_up(&connection);
    rig_fini(&rig);
}

/* All that is written meanwhile, as text. */
static const char *get(const char *path)
{
    struct buf request = BUF_INIT;
    buf_clear(&connection.output);
    buf_printf(&request, "GET %s HTTP/1.1\r\nHost: shoal\r\n\r\n", path);
    rig_put(&connection, request.data, request.size_bytes);
    buf_fini(&request);
    return buf_text(&connection.output);
}

START_TEST(test_metrics)
{
    static const char *const parts[] = {
        "shoal_build_info{version=\"1.2\\\"3\\\\\",cluster=\"0123456789abcdef0123456789abcdef\","
        "node=\"n1\"} 1\n",
        "\nshoal_members{state=\"alive\"} 1\n",
        "\nshoal_net_datagrams_in_total 5\n",
        "\nshoal_net_connections 2\n",
        "\nshoal_net_refused_total{what=\"datagrams\",reason=\"unknown key\"} 3\n",
        "\nprocess_cpu_seconds_total 1.000002\n",
        "\nprocess_start_time_seconds 1748736000.000\n",
    };
    struct metrics metrics = {.counter = false};
    const char *answer = get("/metrics");
    const char *body = strstr(answer, "\r\n\r\n");
    ck_assert_ptr_nonnull(body);
    ck_assert_ptr_nonnull(strstr(answer, "Content-Type: text/plain; version=0.0.4"));
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        ck_assert_msg(strstr(body, parts[i]) != NULL, "%s is not in%s", parts[i], body);
    char *text = strdup(body + 4);
    take_metrics(text, &metrics);
    ck_assert_uint_gt(metrics.samples_count, 60);
    free(text);
}
END_TEST

/* ---- /shoal/v1/gossip */

START_TEST(test_gossip_status)
{
    static const char *const parts[] = {
        "\"datagrams_unknown_key\":3",
        "\"streams_forged\":1",
        "\"messages_bad_type\":0",
        "{\"id\":2,\"primary\":true}",
        "\"probesSent\":0",
        "\"recordsSeq\":2", /* of its own status, said at the start and when the adoption was done
                             */
    };
    const char *answer = get("/shoal/v1/gossip");
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        ck_assert_msg(strstr(answer, parts[i]) != NULL, "%s is not in %s", parts[i], answer);
}
END_TEST

/* ---- /shoal/v1/gossip/trace */

static void ping(void)
{
    struct buf payload = BUF_INIT;
    struct wire_ping ping;
    wire_ping_init(&ping);
    ping.seq = 77;
    ping.target = RIG_NODE;
    ping.generation = 5;
    wire_put_ping(&payload, &ping);
    buf_clear(&connection.output);
    rig_datagram(&rig, 0x22, (struct bytes){payload.data, payload.size_bytes});
    buf_fini(&payload);
}

static void expect_out(const char *part, bool wanted)
{
    bool found = strstr(buf_text(&connection.output), part) != NULL;
    ck_assert_msg(found == wanted, "'%s' is%s in '%s'", part, found ? "" : " not",
                  buf_text(&connection.output));
}

START_TEST(test_trace_tells_messages_while_followed)
{
    ping();
    expect_out("ping", false);
    expect_out("HTTP/1.1 200", false);
    (void)get("/shoal/v1/gossip/trace?durationMs=1000");
    expect_out("HTTP/1.1 200", true);
    ping();
    expect_out("\"event\":\"ping\",\"direction\":\"in\",\"detail\":\"seq=77 ", true);
    expect_out("\"event\":\"ack\",\"direction\":\"out\"", true);
    expect_out("\"id\":\"0000000000000022\"", true);
    /* It ends when it was to end, and costs nothing afterwards. */
    ck_assert_uint_le(api_deadline(rig.api), rig.now.boot_ms + 1000);
    rig_turn(&rig, 1000);
    expect_out("\r\n0\r\n\r\n", true);
    buf_clear(&connection.output);
    ping();
    ck_assert_uint_eq(connection.output.size_bytes, 0);
}
END_TEST

START_TEST(test_trace_counts_what_a_slow_reader_loses)
{
    (void)get("/shoal/v1/gossip/trace");
    connection.queued_bytes = (size_t)1 << 20;
    ping();
    ck_assert_uint_eq(connection.output.size_bytes, 0);
    connection.queued_bytes = 0;
    ping();
    expect_out("{\"event\":\"lost\",\"count\":", true);
    expect_out("\"event\":\"ping\"", true);
}
END_TEST

START_TEST(test_trace_of_a_stranger)
{
    (void)get("/shoal/v1/gossip/trace?node=m9");
    expect_out("HTTP/1.1 404", true);
    expect_out("no member is called m9", true);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api inspect");
    TCase *tcase = tcase_create("inspect");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_metrics);
    tcase_add_test(tcase, test_gossip_status);
    tcase_add_test(tcase, test_trace_tells_messages_while_followed);
    tcase_add_test(tcase, test_trace_counts_what_a_slow_reader_loses);
    tcase_add_test(tcase, test_trace_of_a_stranger);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
