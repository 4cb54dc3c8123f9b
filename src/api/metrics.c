/* /metrics: the agent's accounts as Prometheus reads them (text format 0.0.4). Nothing for each
 * peer: what every node says of every other grows with the square of their number. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "accounts.h"

/* HELP and TYPE stand before the samples of a metric, once. Counters end in _total. */
static void heading(struct buf *out, const char *name, bool gauge, const char *help)
{
    const char *suffix = gauge ? "" : "_total";
    buf_printf(out, "# HELP shoal_%s%s %s\n# TYPE shoal_%s%s %s\n", name, suffix, help, name,
               suffix, gauge ? "gauge" : "counter");
}

static void single(struct buf *out, const char *name, bool gauge, const char *help, uint64_t value)
{
    heading(out, name, gauge, help);
    buf_printf(out, "shoal_%s%s %" PRIu64 "\n", name, gauge ? "" : "_total", value);
}

/* A label's value: backslash, quote and line feed are escaped. */
static void quoted(struct buf *out, const char *text)
{
    buf_append_byte(out, '"');
    for (; *text != '\0'; text++) {
        if (*text == '\n')
            buf_append_text(out, "\\n");
        else if (*text == '\\' || *text == '"')
            buf_printf(out, "\\%c", *text);
        else
            buf_append_byte(out, (uint8_t)*text);
    }
    buf_append_byte(out, '"');
}

static void put_build(struct buf *out, const struct api_host *host)
{
    heading(out, "build_info", true, "Which agent this is.");
    buf_append_text(out, "shoal_build_info{version=");
    quoted(out, host->version);
    buf_append_text(out, ",cluster=");
    quoted(out, host->cluster_id);
    buf_append_text(out, ",node=");
    quoted(out, host->node_name);
    buf_append_text(out, "} 1\n");
}

static void put_members(struct buf *out, const struct brain_stats *stats)
{
    const uint32_t counts[] = {
        [BRAIN_MEMBER_UNKNOWN] = stats->members_unknown,
        [BRAIN_MEMBER_ALIVE] = stats->members_alive,
        [BRAIN_MEMBER_SUSPECT] = stats->members_suspect,
        [BRAIN_MEMBER_DEAD] = stats->members_dead,
        [BRAIN_MEMBER_LEFT] = stats->members_left,
    };
    heading(out, "members", true, "Members by what this node thinks of them, itself included.");
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        buf_printf(out, "shoal_members{state=\"%s\"} %u\n",
                   brain_member_status_name((enum brain_member_status)i), counts[i]);
    single(out, "local_health", true, "How ill this node finds itself: 0 (well) to 8.",
           stats->local_health);
    single(out, "healing_held", true, "1 while healing is held: many members vanished at once.",
           stats->holding);
}

static void put_accounts(struct buf *out, const struct brain_stats *stats)
{
    for (size_t i = 0; i < accounts_count(); i++) {
        const struct account *account = accounts_at(i);
        single(out, account->field, account->gauge, account->help, account_value(account, stats));
    }
}

static void put_counter(void *user, const struct api_counter *counter)
{
    char name[96];
    (void)snprintf(name, sizeof(name), "net_%s", counter->name);
    single(user, name, counter->gauge, counter->help, counter->value);
}

static void put_refused(void *user, const struct api_refused *refused)
{
    struct buf *out = user;
    buf_printf(out, "shoal_net_refused_total{what=\"%s\",reason=\"%s\"} %" PRIu64 "\n",
               refused->what, refused->reason, refused->count);
}

static void put_verdicts(struct buf *out, const struct brain_stats *stats)
{
    heading(out, "messages_undecoded", false, "Messages that did not decode, by reason.");
    for (int verdict = WIRE_OK + 1; verdict < WIRE_VERDICTS_COUNT; verdict++)
        buf_printf(out, "shoal_messages_undecoded_total{reason=\"%s\"} %" PRIu64 "\n",
                   wire_verdict_name((enum wire_verdict)verdict),
                   stats->refused_by_verdict[verdict]);
}

/* Names and units as all Prometheus clients have them. */
static void put_process(struct buf *out, const struct api_host *host)
{
    struct api_process process = {.cpu_us = 0};
    struct instant now = host->now(host->context);
    host->process(host->context, &process);
    uint64_t started_ms = now.wall_ms - (now.boot_ms - process.started_boot_ms);
    buf_printf(out,
               "# HELP process_cpu_seconds_total User and system processor time.\n"
               "# TYPE process_cpu_seconds_total counter\n"
               "process_cpu_seconds_total %" PRIu64 ".%06" PRIu64 "\n"
               "# HELP process_start_time_seconds When the agent was started, since the epoch.\n"
               "# TYPE process_start_time_seconds gauge\n"
               "process_start_time_seconds %" PRIu64 ".%03" PRIu64 "\n",
               process.cpu_us / 1000000, process.cpu_us % 1000000, started_ms / 1000,
               started_ms % 1000);
    const struct {
        const char *name, *help;
        uint64_t value;
    } gauges[] = {
        {"process_resident_memory_bytes", "Memory in use.", process.resident_bytes},
        {"process_virtual_memory_bytes", "Address space in use.", process.virtual_bytes},
        {"process_open_fds", "Open files.", process.files_count},
        {"process_max_fds", "Open files allowed.", process.files_max},
    };
    for (size_t i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++)
        buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n%s %" PRIu64 "\n", gauges[i].name,
                   gauges[i].help, gauges[i].name, gauges[i].name, gauges[i].value);
}

void metrics_handle(struct api_connection *connection)
{
    const struct api_host *host = &connection->api->host;
    struct brain_stats stats;
    struct buf out = BUF_INIT;
    brain_stats(host->brain(host->context), &stats);
    put_build(&out, host);
    put_members(&out, &stats);
    put_accounts(&out, &stats);
    put_verdicts(&out, &stats);
    host->counter_each(host->context, put_counter, &out);
    heading(&out, "net_refused", false, "What was refused at the door, by reason.");
    host->refused_each(host->context, put_refused, &out);
    put_process(&out, host);
    respond(connection, 200, "text/plain; version=0.0.4; charset=utf-8",
            (struct bytes){out.data, out.size_bytes});
    buf_fini(&out);
}
