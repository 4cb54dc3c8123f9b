/* shoal gossip status: the protocol's own health, as one agent sees it. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "client.h"
#include "field.h"
#include "table.h"
#include "when.h"

#define WATCH_MS 1000

static const struct cli_option options[] = {
    {.name = "output",
     .letter = 'o',
     .value = "wide|json|yaml",
     .help = "wide: more columns; else as the agent tells it"},
    {.name = "watch", .letter = 'w', .help = "show it again every second"},
    {.name = NULL},
};

/* ---- members */

static const char *name_of(const json_t *members, const char *id)
{
    const json_t *member = field_find(members, "id", id);
    return member != NULL ? field_text(member, "name") : id;
}

static void add_state(const json_t *member, struct table *table)
{
    const char *state = field_text(member, "state");
    enum tone tone = strcmp(state, "alive") == 0  ? TONE_GOOD
                     : strcmp(state, "dead") == 0 ? TONE_BAD
                     : strcmp(state, "left") == 0 ? TONE_DIM
                                                  : TONE_WARN;
    table_cell(table, tone, "%s", state);
}

/* Milliseconds with as many digits as matter; "-" for ourselves and for what is not known. */
static void add_rtt(const json_t *member, const char *field, struct table *table)
{
    long long rtt_us = (long long)field_number(member, field, 0);
    if (rtt_us <= 0)
        table_cell(table, TONE_NONE, "-");
    else if (rtt_us < 10000)
        table_cell(table, TONE_NONE, "%lld.%02lld ms", rtt_us / 1000, rtt_us % 1000 / 10);
    else
        table_cell(table, TONE_NONE, "%lld ms", rtt_us / 1000);
}

/* How long ago something was; "-" for ourselves. */
static void add_ago(const json_t *member, const char *name, struct table *table)
{
    int64_t ago_ms = field_number(member, name, -1);
    char text[WHEN_TEXT_BYTES_MAX];
    if (field_true(member, "self"))
        table_cell(table, TONE_NONE, "-");
    else if (ago_ms < 0)
        table_cell(table, TONE_WARN, "never");
    else if (ago_ms < 10000)
        table_cell(table, TONE_NONE, "%lld.%lld s", (long long)ago_ms / 1000,
                   (long long)ago_ms % 1000 / 100);
    else
        table_cell(table, TONE_NONE, "%s", when_format_duration((uint64_t)ago_ms, text));
}

static void add_accusers(const json_t *members, const json_t *member, struct table *table)
{
    struct buf text = BUF_INIT;
    const json_t *accusers = field_at(member, "accusers");
    for (size_t i = 0; i < json_array_size(accusers); i++) {
        const char *id = json_string_value(json_array_get(accusers, i));
        buf_printf(&text, "%s%s", i > 0 ? " " : "", name_of(members, id != NULL ? id : "?"));
    }
    table_cell(table, TONE_WARN, "%s", buf_text(&text));
    buf_fini(&text);
}

static int by_name(const void *left, const void *right)
{
    const json_t *const *a = left;
    const json_t *const *b = right;
    int order = strverscmp(field_text(*a, "name"), field_text(*b, "name"));
    return order != 0 ? order : strcmp(field_text(*a, "id"), field_text(*b, "id"));
}

static void add_wide(const json_t *member, struct table *table)
{
    struct buf software = BUF_INIT;
    add_rtt(member, "distanceUs", table);
    table_cell(table, TONE_NONE, "%lld", (long long)field_number(member, "generation", 0));
    table_cell(table, TONE_NONE, "%lld", (long long)field_number(member, "recordsSeq", 0));
    add_ago(member, "digestEqualMsAgo", table);
    output_plain(&software, field_text(member, "software"));
    table_cell(table, TONE_NONE, "%s", buf_text(&software));
    buf_fini(&software);
}

static void add_member(const json_t *members, const json_t *member, bool wide, struct table *table)
{
    char text[WHEN_TEXT_BYTES_MAX];
    int64_t for_ms = field_number(member, "inStateForMs", 0);
    table_cell(table, TONE_BOLD, "%s%s", field_text(member, "name"),
               field_true(member, "self") ? " *" : "");
    table_cell(table, TONE_NONE, "%s", field_text(member, "id"));
    table_cell(table, TONE_NONE, "%s", field_text(member, "address"));
    add_state(member, table);
    table_cell(table, TONE_NONE, "%s",
               when_format_duration(for_ms > 0 ? (uint64_t)for_ms : 0, text));
    table_cell(table, TONE_NONE, "%lld", (long long)field_number(member, "incarnation", 0));
    add_rtt(member, "rttUs", table);
    add_ago(member, "lastHeardMsAgo", table);
    if (wide)
        add_wide(member, table);
    add_accusers(members, member, table);
}

static void add_columns(struct table *table, bool wide)
{
    static const char *const headers[] = {"NAME", "ID",          "ADDRESS", "STATE",
                                          "FOR",  "INCARNATION", "RTT",     "HEARD"};
    static const char *const more[] = {"DISTANCE", "GENERATION", "SEQ", "AGREED", "SOFTWARE"};
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        table_column(table, headers[i]);
    for (size_t i = 0; wide && i < sizeof(more) / sizeof(more[0]); i++)
        table_column(table, more[i]);
    table_column(table, "ACCUSERS");
}

static void show_members(struct cli *cli, const json_t *members, bool wide)
{
    size_t count = json_array_size(members);
    const json_t **order = MEM_NEW_ARRAY(const json_t *, count + 1);
    struct table table;
    table_init(&table);
    add_columns(&table, wide);
    for (size_t i = 0; i < count; i++)
        order[i] = json_array_get(members, i);
    qsort(order, count, sizeof(const json_t *), by_name);
    for (size_t i = 0; i < count; i++)
        add_member(members, order[i], wide, &table);
    table_print(&table, cli, true);
    for (size_t i = 0; i < count; i++)
        if (field_true(order[i], "nameShared"))
            (void)fprintf(cli->io.out, "%sName of %s: another live member has it too%s\n",
                          output_tone(cli, TONE_WARN), field_text(order[i], "id"),
                          output_tone(cli, TONE_NONE));
    table_fini(&table);
    mem_free(order);
}

/* ---- counters */

/* Pairs of name and number below a heading; `zeros`: also those that are 0. */
static void show_counters(struct cli *cli, const char *heading, json_t *counters, bool zeros)
{
    struct table table;
    const char *name = NULL;
    json_t *value = NULL;
    table_init(&table);
    table.indent = "  ";
    table_column(&table, "");
    table_column(&table, "");
    json_object_foreach(counters, name, value)
    {
        if (!zeros && json_integer_value(value) == 0)
            continue;
        table_cell(&table, TONE_NONE, "%s", name);
        table_cell(&table, TONE_NONE, "%lld", (long long)json_integer_value(value));
    }
    (void)fprintf(cli->io.out, "\n%s%s%s%s\n", output_tone(cli, TONE_BOLD), heading,
                  output_tone(cli, TONE_NONE), table_is_empty(&table) ? ": none" : "");
    table_print(&table, cli, false);
    table_fini(&table);
}

static void show_keys(struct cli *cli, const json_t *keys)
{
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < json_array_size(keys); i++) {
        const json_t *key = json_array_get(keys, i);
        buf_printf(&text, "%s%lld%s", i > 0 ? ", " : "", (long long)field_number(key, "id", 0),
                   field_true(key, "primary") ? " (seals)" : "");
    }
    if (text.size_bytes > 0)
        (void)fprintf(cli->io.out, "Keys: %s\n", buf_text(&text));
    buf_fini(&text);
}

/* Nothing before a peer has told its time. */
static void show_clock(struct cli *cli, const json_t *clock)
{
    long long ahead_ms = (long long)field_number(clock, "aheadMs", 0);
    long long peers = (long long)field_number(clock, "peers", 0);
    const json_t *writer = field_at(clock, "lastWriterAhead");
    if (peers > 0)
        (void)fprintf(cli->io.out, "Clock: %lld ms %s the others' (median of %lld)%s\n",
                      ahead_ms < 0 ? -ahead_ms : ahead_ms, ahead_ms < 0 ? "behind" : "ahead of",
                      peers,
                      field_true(clock, "writesRefused")
                          ? "; writes are refused here: set it, or use another node"
                          : "");
    if (writer != NULL)
        (void)fprintf(cli->io.out, "Last version from a clock ahead of this one: by %s, %lld ms\n",
                      field_text(writer, "node"), (long long)field_number(writer, "aheadMs", 0));
}

static void show(struct cli *cli, const json_t *gossip, bool wide)
{
    FILE *out = cli->io.out;
    struct buf text = BUF_INIT;
    buf_append_text(&text, "Seen by ");
    output_plain(&text, field_text(gossip, "node"));
    buf_append_text(&text, " of cluster ");
    output_plain(&text, field_text(gossip, "clusterId"));
    buf_append_text(&text, "; state digest ");
    output_plain(&text, field_text(gossip, "digest"));
    (void)fprintf(out, "%s\n", buf_text(&text));
    show_keys(cli, field_at(gossip, "keys"));
    show_clock(cli, field_at(gossip, "clock"));
    (void)fprintf(out, "Local health: %lld (0 is well)%s\n\n",
                  (long long)field_number(gossip, "localHealth", 0),
                  field_true(gossip, "holding") ? "; healing is held: many members vanished at once"
                                                : "");
    show_members(cli, field_at(gossip, "members"), wide);
    show_counters(cli, "Protocol", field_at(gossip, "protocol"), true);
    show_counters(cli, "Network", field_at(gossip, "net"), false);
    show_counters(cli, "Refused, by reason", field_at(gossip, "refused"), false);
    buf_fini(&text);
}

static int show_once(struct cli *cli, struct client *client, const char *output,
                     struct error *error)
{
    json_t *gossip = NULL;
    int result = 0;
    if (client_get(client, "/shoal/v1/gossip", &gossip, error) < 0)
        return -1;
    if (strcmp(output, "json") == 0 || strcmp(output, "yaml") == 0)
        result = output_document(cli, gossip, output[0] == 'y', error);
    else
        show(cli, gossip, strcmp(output, "wide") == 0);
    json_decref(gossip);
    return result;
}

/* Before what is shown again: on a terminal in the place of the last. */
static void show_again(struct cli *cli, bool first, const char *output)
{
    bool document = strcmp(output, "json") == 0 || strcmp(output, "yaml") == 0;
    if (cli->io.out_terminal && !document)
        (void)fputs("\033[H\033[2J", cli->io.out);
    else if (!first && !document)
        (void)fputc('\n', cli->io.out);
    else if (!first && output[0] == 'y')
        (void)fputs("---\n", cli->io.out);
}

static int run_gossip_status(struct cli *cli, const struct cli_arguments *arguments)
{
    struct error error = ERROR_INIT;
    struct client *client = NULL;
    const char *output = cli_value(arguments, "output");
    bool watch = cli_flag(arguments, "watch", false);
    int result = cli_connect(cli, arguments, &client, &error);
    bool first = true;
    do {
        if (result == 0 && !first)
            client_sleep(client, WATCH_MS);
        if (result == 0 && watch)
            show_again(cli, first, output != NULL ? output : "");
        if (result == 0)
            result = show_once(cli, client, output != NULL ? output : "", &error);
        first = false;
    } while (result == 0 && watch && fflush(cli->io.out) == 0);
    return result < 0 ? cli_fail(cli, &error) : CLI_OK;
}

const struct cli_command command_gossip_status = {
    .name = "gossip status",
    .synopsis = "",
    .summary = "show the protocol's own health: members, suspicions, counters",
    .description =
        "Of each member: its state and since when, its incarnation (how often it refuted), the\n"
        "round trip, when it was last heard, and who accuses it while it is suspect. The digest\n"
        "is equal on members that hold the same state. Refused packets are counted by reason.\n"
        "Wide adds the distance (round trip by network coordinates), the generation (its start), "
        "the newest of its own records that came here, how\n"
        "long ago its digest was equal to ours, and its software. The same numbers are served to\n"
        "Prometheus as /metrics.",
    .examples = "shoal gossip status\n"
                "shoal gossip status -w\n"
                "curl --unix-socket /run/shoal/shoal.sock http://shoal/metrics",
    .options = options,
    .operands = CLI_OPERANDS_NONE,
    .remote = true,
    .run = run_gossip_status,
};
