#include "script.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "stats.h"

#define LINE_BYTES_MAX 512
#define WORDS_MAX      64
#define DEPTH_MAX      4

struct reader {
    struct script *script;
    struct script_statement *statement;
    char *words[WORDS_MAX];
    size_t words_count, at; /* the next word */
    uint32_t line;
    uint32_t open[DEPTH_MAX]; /* statements `repeat` that have no end yet */
    size_t open_count;
    bool failed;
};

static void complain(struct reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void complain(struct reader *reader, const char *format, ...)
{
    va_list arguments;
    if (reader->failed)
        return; /* the first is the one to look at */
    reader->failed = true;
    (void)fprintf(stderr, "%s:%u: ", reader->script->path, reader->line);
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputc('\n', stderr);
}

/* ---- words */

static const char *take(struct reader *reader, const char *what)
{
    if (reader->at < reader->words_count)
        return reader->words[reader->at++];
    complain(reader, "%s is missing at the end", what);
    return "";
}

static bool take_if(struct reader *reader, const char *word)
{
    bool is = reader->at < reader->words_count && strcmp(reader->words[reader->at], word) == 0;
    reader->at += is;
    return is;
}

static void take_word(struct reader *reader, const char *word)
{
    const char *found = take(reader, word);
    if (strcmp(found, word) != 0)
        complain(reader, "'%s' stands where '%s' belongs", found, word);
}

static double parse(struct reader *reader, const char *word, const char **ret_unit)
{
    char *end = NULL;
    double number = strtod(word, &end);
    if (word[0] < '0' || word[0] > '9')
        complain(reader, "'%s' is not a number", word);
    *ret_unit = end;
    return number;
}

static uint64_t take_count(struct reader *reader, const char *what, uint64_t max)
{
    const char *word = take(reader, what);
    const char *unit = "";
    double number = parse(reader, word, &unit);
    if (!reader->failed && (*unit != '\0' || number < 1 || number > (double)max))
        complain(reader, "'%s' is not %s from 1 to %llu", word, what, (unsigned long long)max);
    return reader->failed ? 1 : (uint64_t)number;
}

static uint64_t take_time(struct reader *reader)
{
    const char *word = take(reader, "a time");
    const char *unit = "";
    double number = parse(reader, word, &unit);
    if (strcmp(unit, "ms") != 0 && strcmp(unit, "s") != 0)
        complain(reader, "'%s' is not a time such as 300ms or 2.5s", word);
    if (number > 86400)
        complain(reader, "'%s' is more than a day", word);
    return reader->failed ? 0 : (uint64_t)(number * (unit[0] == 's' ? 1000 : 1) + 0.5);
}

/* m3 or m3-m7 */
static bool parse_range(struct reader *reader, const char *word, struct script_set *set)
{
    char *end = NULL;
    if (set->ranges_count == SCRIPT_RANGES_MAX || word[0] != 'm')
        return false;
    unsigned long first = strtoul(word + 1, &end, 10);
    unsigned long last = first;
    if (end == word + 1)
        return false;
    if (end[0] == '-' && end[1] == 'm')
        last = strtoul(end + 2, &end, 10);
    if (*end != '\0' && *end != ',')
        return false;
    if (first > last || last >= reader->script->nodes)
        complain(reader, "'%s' is outside of m0 to m%u", word, reader->script->nodes - 1);
    set->ranges[set->ranges_count].first = (uint32_t)first;
    set->ranges[set->ranges_count++].last = (uint32_t)last;
    return *end == '\0' || parse_range(reader, end + 1, set);
}

static void take_set(struct reader *reader)
{
    struct script_statement *statement = reader->statement;
    if (statement->sets_count == SCRIPT_SETS_MAX) {
        complain(reader, "more than %d sides", SCRIPT_SETS_MAX);
        return;
    }
    struct script_set *set = &statement->sets[statement->sets_count++];
    const char *word = take(reader, "a set of machines");
    if (strcmp(word, "all") == 0)
        set->all = true;
    else if (strcmp(word, "same") == 0)
        set->same = true;
    else if (strcmp(word, "random") == 0)
        set->random_count =
            (uint32_t)take_count(reader, "a number of machines", reader->script->nodes);
    else if (!parse_range(reader, word, set))
        complain(reader, "'%s' is not all, same, random COUNT, or machines such as m3,m5-m9", word);
}

/* ---- statements */

static void read_sides(struct reader *reader)
{
    take_set(reader);
    take_word(reader, "|");
    take_set(reader);
    while (reader->statement->verb == SCRIPT_PARTITION && take_if(reader, "|"))
        take_set(reader);
    if (reader->statement->verb == SCRIPT_BRIDGE) {
        take_word(reader, "via");
        take_set(reader);
    }
}

static void read_loss(struct reader *reader)
{
    const char *word = take(reader, "a share such as 10%");
    const char *unit = "";
    double percent = parse(reader, word, &unit);
    if (strcmp(unit, "%") != 0 || percent > 100)
        complain(reader, "'%s' is not a share such as 10%%", word);
    reader->statement->number = (uint64_t)(percent * 10000 + 0.5);
}

static const struct {
    const char *name;
    bool takes_set;
} conditions[] = {
    [SCRIPT_AGREED] = {"agreed", false},       [SCRIPT_FIRST_DEAD] = {"first-dead", true},
    [SCRIPT_ALL_DEAD] = {"all-dead", true},    [SCRIPT_RESTART_SEEN] = {"restart-seen", true},
    [SCRIPT_DELIVERED] = {"delivered", false}, [SCRIPT_SETTLED] = {"settled", false},
};
#define CONDITIONS_COUNT (sizeof(conditions) / sizeof(conditions[0]))

static void read_await(struct reader *reader)
{
    const char *word = take(reader, "a condition");
    size_t number = 0;
    while (number < CONDITIONS_COUNT && strcmp(conditions[number].name, word) != 0)
        number++;
    if (number == CONDITIONS_COUNT) {
        complain(reader,
                 "'%s' is no condition: agreed, first-dead, all-dead, restart-seen, "
                 "delivered or settled",
                 word);
        return;
    }
    reader->statement->condition = (enum script_condition)number;
    if (conditions[number].takes_set)
        take_set(reader);
    take_word(reader, "within");
    reader->statement->ms = take_time(reader);
    if (take_if(reader, "median"))
        reader->statement->median_ms = take_time(reader);
}

static void read_expect(struct reader *reader)
{
    static const char *const comparisons[] = {"<=", ">=", "="};
    struct script_statement *statement = reader->statement;
    const char *metric = take(reader, "a metric");
    size_t known = 0;
    while (stats_metric_names[known] != NULL && strcmp(stats_metric_names[known], metric) != 0)
        known++;
    if (stats_metric_names[known] == NULL) {
        complain(reader, "'%s' is no metric; docs/simulator.md lists them", metric);
        return;
    }
    (void)snprintf(statement->metric, sizeof(statement->metric), "%s", metric);
    const char *comparison = take(reader, "<=, >= or =");
    for (size_t i = 0; i < 3; i++)
        if (strcmp(comparisons[i], comparison) == 0)
            statement->comparison = comparison[0];
    if (statement->comparison == 0)
        complain(reader, "'%s' is not <=, >= or =", comparison);
    const char *unit = "";
    const char *word = take(reader, "a value");
    statement->value = parse(reader, word, &unit);
    if (strcmp(unit, "s") == 0)
        statement->value *= 1000;
    else if (*unit != '\0' && strcmp(unit, "ms") != 0)
        complain(reader, "'%s' is not a number or a time", word);
}

static void read_updates(struct reader *reader)
{
    reader->statement->count = take_count(reader, "a number of updates", STATS_UPDATES_MAX / 2);
    take_word(reader, "every");
    reader->statement->ms = take_time(reader);
    take_word(reader, "of");
    reader->statement->number = take_count(reader, "a size in bytes", 65536);
}

static void read_repeat(struct reader *reader)
{
    reader->statement->count = take_count(reader, "a number of times", 100000);
    if (reader->open_count == DEPTH_MAX)
        complain(reader, "repeat inside of repeat %d deep", DEPTH_MAX + 1);
    else
        reader->open[reader->open_count++] = reader->script->statements_count;
}

static void read_end(struct reader *reader)
{
    if (reader->open_count == 0) {
        complain(reader, "end without repeat");
        return;
    }
    uint32_t begin = reader->open[--reader->open_count];
    reader->statement->jump = begin;
    reader->script->statements[begin].jump = reader->script->statements_count;
}

static void read_stall(struct reader *reader)
{
    take_set(reader);
    take_word(reader, "for");
    reader->statement->ms = take_time(reader);
}

static void read_run(struct reader *reader)
{
    reader->statement->ms = take_time(reader);
}

static void read_apply(struct reader *reader)
{
    reader->statement->count = take_count(reader, "a number of replicas", 1000);
}

static void read_nothing(struct reader *reader)
{
    (void)reader;
}

static const struct {
    const char *name;
    enum script_verb verb;
    void (*read)(struct reader *reader);
} verbs[] = {
    {"start", SCRIPT_START, take_set},
    {"introduce", SCRIPT_INTRODUCE, take_set},
    {"kill", SCRIPT_KILL, take_set},
    {"power-off", SCRIPT_POWER_OFF, take_set},
    {"restart", SCRIPT_RESTART, take_set},
    {"stall", SCRIPT_STALL, read_stall},
    {"partition", SCRIPT_PARTITION, read_sides},
    {"one-way", SCRIPT_ONE_WAY, read_sides},
    {"bridge", SCRIPT_BRIDGE, read_sides},
    {"heal", SCRIPT_HEAL, read_nothing},
    {"loss", SCRIPT_LOSS, read_loss},
    {"no-seeds", SCRIPT_NO_SEEDS, read_nothing},
    {"run", SCRIPT_RUN, read_run},
    {"await", SCRIPT_AWAIT, read_await},
    {"updates", SCRIPT_UPDATES, read_updates},
    {"apply", SCRIPT_APPLY, read_apply},
    {"reset", SCRIPT_RESET, read_nothing},
    {"expect", SCRIPT_EXPECT, read_expect},
    {"repeat", SCRIPT_REPEAT, read_repeat},
    {"end", SCRIPT_END, read_end},
};
#define VERBS_COUNT (sizeof(verbs) / sizeof(verbs[0]))

static void read_statement(struct reader *reader)
{
    struct script *script = reader->script;
    const char *word = take(reader, "a statement");
    size_t number = 0;
    while (number < VERBS_COUNT && strcmp(verbs[number].name, word) != 0)
        number++;
    if (strcmp(word, "nodes") == 0) {
        if (script->statements_count > 0)
            complain(reader, "nodes stands after a statement: it belongs before all");
        script->nodes = (uint32_t)take_count(reader, "a number of machines", SIM_NODES_MAX);
    } else if (number == VERBS_COUNT) {
        complain(reader, "'%s' is no statement; docs/simulator.md lists them", word);
    } else if (script->statements_count == SCRIPT_STATEMENTS_MAX) {
        complain(reader, "more than %d statements", SCRIPT_STATEMENTS_MAX);
    } else {
        reader->statement = &script->statements[script->statements_count];
        *reader->statement =
            (struct script_statement){.line = reader->line, .verb = verbs[number].verb};
        verbs[number].read(reader);
        script->statements_count++;
    }
    if (reader->at < reader->words_count)
        complain(reader, "'%s' is too much", reader->words[reader->at]);
}

static void read_line(struct reader *reader, char *text)
{
    char *rest = NULL;
    reader->words_count = reader->at = 0;
    reader->line++;
    text[strcspn(text, "#\n")] = '\0';
    for (char *word = strtok_r(text, " \t\r", &rest); word != NULL;
         word = strtok_r(NULL, " \t\r", &rest)) {
        if (reader->words_count == WORDS_MAX) {
            complain(reader, "more than %d words", WORDS_MAX);
            return;
        }
        reader->words[reader->words_count++] = word;
    }
    if (reader->words_count > 0)
        read_statement(reader);
}

struct script *script_load(const char *path)
{
    char text[LINE_BYTES_MAX];
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        (void)fprintf(stderr, "shoal sim: cannot read %s: %s\n", path, strerror(errno));
        return NULL;
    }
    struct script *script = MEM_NEW(struct script);
    struct reader reader = {.script = script};
    script->path = path;
    script->nodes = 5;
    while (!reader.failed && fgets(text, sizeof(text), file) != NULL) {
        bool whole = strchr(text, '\n') != NULL || feof(file);
        read_line(&reader, text);
        if (!whole)
            complain(&reader, "longer than %d bytes", LINE_BYTES_MAX - 2);
    }
    (void)fclose(file);
    if (reader.open_count > 0) {
        reader.line = script->statements[reader.open[reader.open_count - 1]].line;
        complain(&reader, "repeat without end");
    }
    if (!reader.failed)
        return script;
    script_free(script);
    return NULL;
}

void script_free(struct script *script)
{
    if (script == NULL)
        return;
    for (uint32_t i = 0; i < script->statements_count; i++)
        mem_free(script->statements[i].measures);
    mem_free(script);
}

/* ---- the report */

static int compare(const void *a, const void *b)
{
    double left, right;
    memcpy(&left, a, sizeof(left));
    memcpy(&right, b, sizeof(right));
    return left < right ? -1 : left > right;
}

bool script_report(struct script *script)
{
    bool kept = true;
    for (uint32_t i = 0; i < script->statements_count; i++) {
        struct script_statement *statement = &script->statements[i];
        size_t count = statement->measures_count;
        if (count == 0)
            continue;
        qsort(statement->measures, count, sizeof(double), compare);
        double median = statement->measures[count / 2];
        bool await = statement->verb == SCRIPT_AWAIT;
        double unit = await ? 1000 : 1;
        (void)printf("%s:%u: %-24s n=%zu  min %.4g  median %.4g  p99 %.4g  max %.4g%s\n",
                     script->path, statement->line,
                     await ? conditions[statement->condition].name : statement->metric, count,
                     statement->measures[0] / unit, median / unit,
                     statement->measures[(count - 1) * 99 / 100] / unit,
                     statement->measures[count - 1] / unit, await ? " s" : "");
        if (statement->median_ms > 0 && median > (double)statement->median_ms) {
            kept = false;
            (void)printf("%s:%u: the median is above %.4g s\n", script->path, statement->line,
                         (double)statement->median_ms / 1000);
        }
    }
    return kept;
}
