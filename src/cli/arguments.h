/* A command line, parsed by the tables of its command. */
#ifndef SHOAL_CLI_ARGUMENTS_H
#define SHOAL_CLI_ARGUMENTS_H

#include "cli/command.h"

#define ARGUMENTS_OPTIONS_MAX 40  /* that one command knows */
#define ARGUMENTS_GIVEN_MAX   256 /* options on one command line */

struct argument_given {
    const struct cli_option *option;
    const char *value; /* a flag's: "true", "false" or NULL, which is true */
};

/* Points into argv. */
struct cli_arguments {
    const struct cli_command *command; /* NULL: before the command's name */
    const struct cli_option *options[ARGUMENTS_OPTIONS_MAX];
    size_t options_count;
    struct argument_given given[ARGUMENTS_GIVEN_MAX];
    size_t given_count;
    char **operands;
    size_t operands_count;
};

void arguments_init(struct cli_arguments *arguments, const struct cli_command *command);
/* Adds options, up to the one without name, to those that are understood. */
void arguments_know(struct cli_arguments *arguments, const struct cli_option *options);
/* Reads argv[1] and on. `stop_at_operand`: options behind the first operand are not ours. argv is
 * put into another order: the options first. ERROR_INVALID, with the nearest option that there is.
 */
int arguments_parse(struct cli_arguments *arguments, int argc, char **argv, bool stop_at_operand,
                    struct error *error);
/* Takes over what was given before the command's name. */
void arguments_inherit(struct cli_arguments *arguments, const struct cli_arguments *before);

/* Whether its value is one of a list, "json|yaml", and not anything, "FILE". */
bool arguments_has_choices(const struct cli_option *option);
/* A whole number from `minimum` to `maximum`; untouched when the option was not given. */
int arguments_number(const struct cli_arguments *arguments, const char *name, long minimum,
                     long maximum, long *ret_number, struct error *error);

#endif
