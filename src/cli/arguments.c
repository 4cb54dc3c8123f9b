#include "arguments.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "spec/nearest.h"

/* getopt_long's value of the option with index 0; above every letter. */
#define LONG_FIRST 1000

void arguments_init(struct cli_arguments *arguments, const struct cli_command *command)
{
    *arguments = (struct cli_arguments){.command = command};
}

void arguments_know(struct cli_arguments *arguments, const struct cli_option *options)
{
    for (; options != NULL && options->name != NULL; options++) {
        ASSERT(arguments->options_count < ARGUMENTS_OPTIONS_MAX);
        arguments->options[arguments->options_count++] = options;
    }
}

/* ---- parsing */

struct getopt_tables {
    struct option longs[ARGUMENTS_OPTIONS_MAX + 1];
    char shorts[3 + 2 * ARGUMENTS_OPTIONS_MAX];
};

static void fill_tables(const struct cli_arguments *arguments, bool stop_at_operand,
                        struct getopt_tables *tables)
{
    char *at = tables->shorts;
    if (stop_at_operand)
        *at++ = '+';
    *at++ = ':'; /* a missing value is told from an unknown option */
    for (size_t i = 0; i < arguments->options_count; i++) {
        const struct cli_option *option = arguments->options[i];
        tables->longs[i] = (struct option){
            .name = option->name,
            .has_arg = option->value != NULL ? required_argument : optional_argument,
            .val = LONG_FIRST + (int)i,
        };
        if (option->letter != '\0') {
            *at++ = option->letter;
            if (option->value != NULL)
                *at++ = ':';
        }
    }
}

static const struct cli_option *find_letter(const struct cli_arguments *arguments, int letter)
{
    for (size_t i = 0; i < arguments->options_count; i++)
        if (arguments->options[i]->letter == letter)
            return arguments->options[i];
    return NULL;
}

static int refuse_unknown(const struct cli_arguments *arguments, const char *word,
                          struct error *error)
{
    char typed[SPEC_WORD_CHARS_MAX + 1];
    struct spec_nearest nearest;
    if (optopt > 0 && optopt < LONG_FIRST)
        return error_set(error, ERROR_INVALID, "unknown option -%c", optopt);
    if (optopt >= LONG_FIRST) /* getopt_long gives this for a flag with a value; flags take one */
        return error_set(error, ERROR_INVALID, "%s takes no value", word);
    size_t length = strcspn(word, "=");
    (void)snprintf(typed, sizeof(typed), "%.*s", (int)length, word);
    spec_nearest_init(&nearest, typed + strspn(typed, "-"));
    for (size_t i = 0; i < arguments->options_count; i++)
        spec_nearest_offer(&nearest, arguments->options[i]->name);
    if (nearest.best != NULL)
        return error_set(error, ERROR_INVALID, "unknown option %s; did you mean --%s?", typed,
                         nearest.best);
    return error_set(error, ERROR_INVALID, "unknown option %s", typed);
}

bool arguments_has_choices(const struct cli_option *option)
{
    return option->value != NULL && option->value[0] >= 'a' && option->value[0] <= 'z';
}

static bool is_choice(const struct cli_option *option, const char *value)
{
    const char *list = option->value;
    size_t length = strlen(value);
    if (!arguments_has_choices(option))
        return true;
    while (*list != '\0') {
        size_t choice = strcspn(list, "|");
        if (choice == length && strncmp(list, value, length) == 0)
            return true;
        list += choice + (list[choice] == '|');
    }
    return false;
}

static int take(struct cli_arguments *arguments, const struct cli_option *option, const char *value,
                struct error *error)
{
    if (option->value == NULL && value != NULL && strcmp(value, "true") != 0 &&
        strcmp(value, "false") != 0)
        return error_set(error, ERROR_INVALID, "--%s is true or false, not '%.100s'", option->name,
                         value);
    if (option->value != NULL && !is_choice(option, value))
        return error_set(error, ERROR_INVALID, "--%s is one of %s, not '%.100s'", option->name,
                         option->value, value);
    for (size_t i = 0; i < arguments->given_count && !option->many; i++)
        if (arguments->given[i].option == option && option->value != NULL)
            return error_set(error, ERROR_INVALID, "--%s is given twice", option->name);
    if (arguments->given_count == ARGUMENTS_GIVEN_MAX)
        return error_set(error, ERROR_LIMIT, "more than %d options", ARGUMENTS_GIVEN_MAX);
    arguments->given[arguments->given_count++] =
        (struct argument_given){.option = option, .value = value};
    return 0;
}

int arguments_parse(struct cli_arguments *arguments, int argc, char **argv, bool stop_at_operand,
                    struct error *error)
{
    struct getopt_tables tables = {.shorts = ""};
    int found = 0;
    fill_tables(arguments, stop_at_operand, &tables);
    optind = 0; /* begins anew (getopt(3)) */
    opterr = 0;
    while ((found = getopt_long(argc, argv, tables.shorts, tables.longs, NULL)) != -1) {
        const struct cli_option *option = NULL;
        if (found >= LONG_FIRST)
            option = arguments->options[found - LONG_FIRST];
        else if (found != '?' && found != ':')
            option = find_letter(arguments, found);
        if (found == ':')
            return error_set(error, ERROR_INVALID, "%s needs a value", argv[optind - 1]);
        if (option == NULL)
            return refuse_unknown(arguments, argv[optind - 1], error);
        if (take(arguments, option, optarg, error) < 0)
            return -1;
    }
    arguments->operands = argv + optind;
    arguments->operands_count = (size_t)(argc - optind);
    return 0;
}

void arguments_inherit(struct cli_arguments *arguments, const struct cli_arguments *before)
{
    for (size_t i = 0; i < before->given_count; i++)
        if (arguments->given_count < ARGUMENTS_GIVEN_MAX)
            arguments->given[arguments->given_count++] = before->given[i];
}

/* ---- asking */

static const struct cli_option *option_of(const struct cli_arguments *arguments, const char *name)
{
    for (size_t i = 0; i < arguments->options_count; i++)
        if (strcmp(arguments->options[i]->name, name) == 0)
            return arguments->options[i];
    UNREACHABLE();
}

const char *cli_value_at(const struct cli_arguments *arguments, const char *name, size_t index)
{
    const struct cli_option *option = option_of(arguments, name);
    for (size_t i = 0; i < arguments->given_count; i++)
        if (arguments->given[i].option == option && index-- == 0)
            return arguments->given[i].value;
    return NULL;
}

size_t cli_values_count(const struct cli_arguments *arguments, const char *name)
{
    const struct cli_option *option = option_of(arguments, name);
    size_t count = 0;
    for (size_t i = 0; i < arguments->given_count; i++)
        count += arguments->given[i].option == option;
    return count;
}

const char *cli_value(const struct cli_arguments *arguments, const char *name)
{
    size_t count = cli_values_count(arguments, name);
    return count > 0 ? cli_value_at(arguments, name, count - 1) : NULL;
}

bool cli_flag(const struct cli_arguments *arguments, const char *name, bool otherwise)
{
    if (cli_values_count(arguments, name) == 0)
        return otherwise;
    const char *value = cli_value(arguments, name);
    return value == NULL || strcmp(value, "true") == 0;
}

size_t cli_operands_count(const struct cli_arguments *arguments)
{
    return arguments->operands_count;
}

const char *cli_operand(const struct cli_arguments *arguments, size_t index)
{
    ASSERT(index < arguments->operands_count);
    return arguments->operands[index];
}

int arguments_number(const struct cli_arguments *arguments, const char *name, long minimum,
                     long maximum, long *ret_number, struct error *error)
{
    const char *text = cli_value(arguments, name);
    char *end = NULL;
    if (text == NULL)
        return 0;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || number < minimum || number > maximum)
        return error_set(error, ERROR_INVALID,
                         "--%s is a whole number from %ld to %ld, not '%.100s'", name, minimum,
                         maximum, text);
    *ret_number = number;
    return 0;
}
