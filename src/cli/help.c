/* Help, made from the tables of the commands. */
#include <string.h>

#include "base/buf.h"
#include "output.h"

#define SUMMARY_COLUMN 18
#define OPTION_COLUMN  28

static void heading(const struct cli *cli, FILE *out, const char *text)
{
    (void)fprintf(out, "\n%s%s%s\n", output_tone(cli, TONE_BOLD), text,
                  output_tone(cli, TONE_NONE));
}

struct overview {
    const struct cli *cli;
    FILE *out;
};

static bool summarise(void *context, const struct cli_command *command)
{
    const struct overview *overview = context;
    (void)fprintf(overview->out, "  %s%-*s%s%s\n", output_tone(overview->cli, TONE_BOLD),
                  SUMMARY_COLUMN, command->name, output_tone(overview->cli, TONE_NONE),
                  command->summary);
    return true;
}

static void show_option(FILE *out, const struct cli_option *option)
{
    struct buf left = BUF_INIT;
    if (option->letter != '\0')
        buf_printf(&left, "-%c, ", option->letter);
    else
        buf_append_text(&left, "    ");
    buf_printf(&left, "--%s", option->name);
    if (option->value != NULL)
        buf_printf(&left, " %s", option->value);
    if (left.size_bytes >= OPTION_COLUMN)
        (void)fprintf(out, "  %s\n  %*s", buf_text(&left), OPTION_COLUMN, "");
    else
        (void)fprintf(out, "  %-*s", OPTION_COLUMN, buf_text(&left));
    (void)fprintf(out, "%s\n", option->help);
    buf_fini(&left);
}

static void show_options(FILE *out, const struct cli_option *options)
{
    for (; options != NULL && options->name != NULL; options++)
        show_option(out, options);
}

void help_overview(const struct cli *cli, FILE *out)
{
    struct overview overview = {.cli = cli, .out = out};
    (void)fprintf(out, "Shoal runs containers on many machines without a control plane. Any agent "
                       "answers every command.\n");
    heading(cli, out, "Usage");
    (void)fputs("  shoal COMMAND [OPTIONS]\n", out);
    heading(cli, out, "Commands");
    cli_each_command(cli, summarise, &overview);
    heading(cli, out, "Options of the commands that ask an agent");
    show_options(out, cli_options_remote);
    heading(cli, out, "Begin with");
    (void)fputs("  shoal agent               # on the first machine; it says how others join\n"
                "  shoal apply -f web.yaml   # anywhere\n"
                "  shoal status\n"
                "\n'shoal help COMMAND' tells all about one command.\n",
                out);
}

static void show_indented(FILE *out, const char *text)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        (void)fprintf(out, "%s%.*s\n", length > 0 ? "  " : "", (int)length, text);
        text += length + (text[length] == '\n');
    }
}

void help_command(const struct cli *cli, const struct cli_command *command, FILE *out)
{
    (void)fprintf(out, "%sshoal %s%s: %s\n", output_tone(cli, TONE_BOLD), command->name,
                  output_tone(cli, TONE_NONE), command->summary);
    heading(cli, out, "Usage");
    (void)fprintf(out, "  shoal %s%s%s [OPTIONS]\n", command->name,
                  command->synopsis[0] != '\0' ? " " : "", command->synopsis);
    (void)fputc('\n', out);
    show_indented(out, command->description);
    heading(cli, out, "Options");
    show_options(out, command->options);
    if (command->remote)
        show_options(out, cli_options_remote);
    show_options(out, cli_options_help);
    if (command->examples != NULL) {
        heading(cli, out, "Examples");
        show_indented(out, command->examples);
    }
}

/* ---- shoal help */

struct help_search {
    const char *name;
    const struct cli_command *exact;
    size_t members_count; /* of the group with this name */
    const struct cli *cli;
};

static bool match_help(void *context, const struct cli_command *command)
{
    struct help_search *search = context;
    size_t length = strlen(search->name);
    if (strcmp(command->name, search->name) == 0)
        search->exact = command;
    if (strncmp(command->name, search->name, length) == 0 && command->name[length] == ' ')
        search->members_count++;
    return true;
}

static bool help_member(void *context, const struct cli_command *command)
{
    struct help_search *search = context;
    struct overview overview = {.cli = search->cli, .out = search->cli->io.out};
    size_t length = strlen(search->name);
    if (strncmp(command->name, search->name, length) == 0 && command->name[length] == ' ')
        (void)summarise(&overview, command);
    return true;
}

static int run_help(struct cli *cli, const struct cli_arguments *arguments)
{
    struct buf name = BUF_INIT;
    for (size_t i = 0; i < cli_operands_count(arguments); i++)
        buf_printf(&name, "%s%s", i > 0 ? " " : "", cli_operand(arguments, i));
    struct help_search search = {.name = buf_text(&name), .cli = cli};
    int code = CLI_OK;
    if (name.size_bytes == 0) {
        help_overview(cli, cli->io.out);
    } else {
        cli_each_command(cli, match_help, &search);
        if (search.exact != NULL)
            help_command(cli, search.exact, cli->io.out);
        else if (search.members_count > 0)
            cli_each_command(cli, help_member, &search);
        else
            code = cli_unknown_command(cli, search.name);
    }
    buf_fini(&name);
    return code;
}

const struct cli_command command_help = {
    .name = "help",
    .synopsis = "[COMMAND]",
    .summary = "tell all about a command",
    .description = "Without COMMAND: the list of commands.",
    .examples = "shoal help get\nshoal help image load",
    .operands = CLI_OPERANDS_COMMANDS,
    .run = run_help,
};
