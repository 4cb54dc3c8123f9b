/*
 * Commands as tables: their words, options and texts. Parsing, --help, suggestions and shell
 * completion are all made from these.
 */
#ifndef SHOAL_CLI_COMMAND_H
#define SHOAL_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Exit codes. */
#define CLI_OK      0
#define CLI_FAILURE 1
#define CLI_USAGE   2

struct cli;
struct cli_arguments;

struct cli_option {
    const char *name; /* "follow", without dashes; NULL ends a list */
    /* How the help calls its value: in capitals what may be anything, "FILE"; else the choices,
     * "json|yaml", which are checked. NULL: a flag, also understood as --name=true|false. */
    const char *value;
    const char *help; /* without full stop; defaults in [] */
    char letter;      /* 'f'; '\0': none */
    bool many;        /* may be given more than once */
};

/* What a shell may offer for an operand. */
enum cli_operands {
    CLI_OPERANDS_NONE, /* takes none (checked) */
    CLI_OPERANDS_KINDS,
    CLI_OPERANDS_FILES,
    CLI_OPERANDS_COMMANDS,
    CLI_OPERANDS_SHELLS,
    CLI_OPERANDS_OTHER,
};

struct cli_command {
    const char *name;        /* "get", "gossip status" */
    const char *synopsis;    /* operands: "KIND [NAME...]"; "" for none */
    const char *summary;     /* one line, no full stop */
    const char *description; /* paragraphs; ends without newline */
    const char *examples;    /* lines "COMMAND   # what it does"; NULL: none */
    const struct cli_option *options;
    enum cli_operands operands;
    bool remote; /* talks to an agent: takes --server and --token-file, too */
    int (*run)(struct cli *cli, const struct cli_arguments *arguments); /* an exit code */
    /* Instead of `run`: takes its arguments (argv[0] is the command) as they are. */
    int (*main)(int argc, char **argv);
};

/* The last value given; NULL: not given. `name` must be an option of the command (asserted). */
const char *cli_value(const struct cli_arguments *arguments, const char *name);
/* The values in the order given. */
size_t cli_values_count(const struct cli_arguments *arguments, const char *name);
const char *cli_value_at(const struct cli_arguments *arguments, const char *name, size_t index);
bool cli_flag(const struct cli_arguments *arguments, const char *name, bool otherwise);
size_t cli_operands_count(const struct cli_arguments *arguments);
const char *cli_operand(const struct cli_arguments *arguments, size_t index);

/* A line on stdout. */
void cli_print(struct cli *cli, const char *line);
/* One line on stderr, "shoal: ..."; returns CLI_FAILURE. */
int cli_fail(struct cli *cli, const struct error *error);
/* The same and how to get help; returns CLI_USAGE. */
int cli_misused(struct cli *cli, const struct cli_arguments *arguments, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
