/*
 * shoal completion: scripts for shells, made from the tables of the commands. The scripts ask no
 * agent; they know commands, options, choices and kinds; where none of these fits, the shell offers
 * files.
 */
#include <string.h>

#include "arguments.h"
#include "base/buf.h"
#include "output.h"
#include "spec/kind.h"

struct writer {
    const struct cli *cli;
    FILE *out;
    const char *group; /* while second words are collected */
    struct buf seen;   /* groups that were written */
};

static void words_of_option(FILE *out, const struct cli_option *options)
{
    for (; options != NULL && options->name != NULL; options++)
        (void)fprintf(out, "--%s ", options->name);
}

static void words_of_kinds(FILE *out)
{
    for (int kind = 0; kind < SPEC_KINDS_COUNT; kind++)
        if (kind != SPEC_KIND_EVENT)
            (void)fprintf(out, "%s ", spec_kind_info((enum spec_kind)kind)->plural);
}

static bool first_word(void *context, const struct cli_command *command)
{
    struct writer *writer = context;
    struct buf word = BUF_INIT;
    buf_printf(&word, " %.*s ", (int)strcspn(command->name, " "), command->name);
    if (strstr(buf_text(&writer->seen), buf_text(&word)) == NULL) {
        buf_append_text(&writer->seen, buf_text(&word));
        (void)fprintf(writer->out, "%s", buf_text(&word) + 1);
    }
    buf_fini(&word);
    return true;
}

static void all_first_words(const struct cli *cli, FILE *out)
{
    struct writer writer = {.cli = cli, .out = out};
    cli_each_command(cli, first_word, &writer);
    buf_fini(&writer.seen);
}

/* ---- bash */

/* The part of a case for options with a value: choices, or files. */
static void bash_values(FILE *out, const struct cli_option *options)
{
    for (; options != NULL && options->name != NULL; options++) {
        if (options->value == NULL)
            continue;
        if (options->letter != '\0')
            (void)fprintf(out, "        -%c|--%s) ", options->letter, options->name);
        else
            (void)fprintf(out, "        --%s) ", options->name);
        if (arguments_has_choices(options)) {
            struct buf choices = BUF_INIT;
            buf_append_text(&choices, options->value);
            for (size_t i = 0; i < choices.size_bytes; i++)
                if (choices.data[i] == '|')
                    choices.data[i] = ' ';
            (void)fprintf(out, "words='%s' ;;\n", buf_text(&choices));
            buf_fini(&choices);
        } else {
            (void)fputs("words='' ;;\n", out);
        }
    }
}

static void bash_operands(const struct writer *writer, const struct cli_command *command)
{
    FILE *out = writer->out;
    (void)fputs("      words='", out);
    if (command->operands == CLI_OPERANDS_KINDS)
        words_of_kinds(out);
    else if (command->operands == CLI_OPERANDS_COMMANDS)
        all_first_words(writer->cli, out);
    else if (command->operands == CLI_OPERANDS_SHELLS)
        (void)fputs("bash zsh fish", out);
    (void)fputs("'\n", out);
}

static bool bash_command(void *context, const struct cli_command *command)
{
    const struct writer *writer = context;
    FILE *out = writer->out;
    (void)fprintf(out, "    '%s')\n", command->name);
    bash_operands(writer, command);
    (void)fputs("      options='", out);
    words_of_option(out, command->options);
    if (command->remote)
        words_of_option(out, cli_options_remote);
    words_of_option(out, cli_options_help);
    (void)fputs("'\n      case $previous in\n", out);
    bash_values(out, command->options);
    if (command->remote)
        bash_values(out, cli_options_remote);
    (void)fputs("      esac ;;\n", out);
    return true;
}

static bool bash_group(void *context, const struct cli_command *command)
{
    struct writer *writer = context;
    size_t length = strcspn(command->name, " ");
    if (command->name[length] == ' ' && strlen(writer->group) == length &&
        strncmp(command->name, writer->group, length) == 0)
        (void)fprintf(writer->out, "%s ", command->name + length + 1);
    return true;
}

static bool bash_groups(void *context, const struct cli_command *command)
{
    struct writer *writer = context;
    struct buf group = BUF_INIT;
    struct buf mark = BUF_INIT;
    buf_printf(&group, "%.*s", (int)strcspn(command->name, " "), command->name);
    buf_printf(&mark, " %s ", buf_text(&group));
    if (strchr(command->name, ' ') != NULL &&
        strstr(buf_text(&writer->seen), buf_text(&mark)) == NULL) {
        buf_append_text(&writer->seen, buf_text(&mark));
        writer->group = buf_text(&group);
        (void)fprintf(writer->out, "    '%s') words='", buf_text(&group));
        cli_each_command(writer->cli, bash_group, writer);
        (void)fputs("' ;;\n", writer->out);
    }
    buf_fini(&group);
    buf_fini(&mark);
    return true;
}

static void write_bash(const struct cli *cli, FILE *out)
{
    struct writer writer = {.cli = cli, .out = out};
    (void)fputs("# bash completion of shoal: source <(shoal completion bash)\n"
                "_shoal() {\n"
                "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
                "  local command=${COMP_WORDS[1]} words='' options=''\n"
                "  COMPREPLY=()\n"
                "  if (( COMP_CWORD == 1 )); then\n"
                "    COMPREPLY=( $(compgen -W '",
                out);
    all_first_words(cli, out);
    (void)fputs("' -- \"$current\") )\n    return\n  fi\n"
                "  case $command in\n    ",
                out);
    cli_each_command(cli, bash_groups, &writer);
    (void)fputs("  esac\n"
                "  if [[ -n $words ]]; then\n"
                "    if (( COMP_CWORD == 2 )); then\n"
                "      COMPREPLY=( $(compgen -W \"$words\" -- \"$current\") )\n"
                "      return\n"
                "    fi\n"
                "    command+=\" ${COMP_WORDS[2]}\"\n"
                "  fi\n"
                "  case $command in\n",
                out);
    cli_each_command(cli, bash_command, &writer);
    (void)fputs("  esac\n"
                "  [[ $current != -* ]] || words=$options\n"
                "  COMPREPLY=( $(compgen -W \"$words\" -- \"$current\") )\n"
                "}\n"
                "complete -o default -F _shoal shoal\n",
                out);
    buf_fini(&writer.seen);
}

/* ---- fish */

/* Text within '...'. */
static void fish_text(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\')
            (void)fputc('\\', out);
        (void)fputc(*text, out);
    }
}

static void fish_options(FILE *out, const char *condition, const struct cli_option *options)
{
    for (; options != NULL && options->name != NULL; options++) {
        (void)fprintf(out, "complete -c shoal -n '%s' -l %s", condition, options->name);
        if (options->letter != '\0')
            (void)fprintf(out, " -s %c", options->letter);
        if (arguments_has_choices(options)) {
            (void)fputs(" -x -a '", out);
            for (const char *c = options->value; *c != '\0'; c++)
                (void)fputc(*c == '|' ? ' ' : *c, out);
            (void)fputc('\'', out);
        } else if (options->value != NULL) {
            (void)fputs(strcmp(options->value, "FILE") == 0 ? " -r -F" : " -x", out);
        }
        (void)fputs(" -d '", out);
        fish_text(out, options->help);
        (void)fputs("'\n", out);
    }
}

static void fish_summary(FILE *out, const char *condition, const char *word, const char *summary)
{
    (void)fprintf(out, "complete -c shoal -n '%s' -a %s -d '", condition, word);
    fish_text(out, summary);
    (void)fputs("'\n", out);
}

/* The words of a command's name. */
static void fish_name(FILE *out, const struct cli_command *command)
{
    struct buf condition = BUF_INIT;
    size_t length = strcspn(command->name, " ");
    if (command->name[length] == '\0') {
        fish_summary(out, "__shoal_at 1", command->name, command->summary);
        return;
    }
    (void)fprintf(out, "complete -c shoal -n '__shoal_at 1' -a %.*s\n", (int)length, command->name);
    buf_printf(&condition, "__shoal_at 2; and __shoal_in %.*s", (int)length, command->name);
    fish_summary(out, buf_text(&condition), command->name + length + 1, command->summary);
    buf_fini(&condition);
}

static bool fish_command(void *context, const struct cli_command *command)
{
    const struct writer *writer = context;
    FILE *out = writer->out;
    struct buf condition = BUF_INIT;
    buf_printf(&condition, "__shoal_in %s", command->name);
    fish_name(out, command);
    if (command->operands == CLI_OPERANDS_KINDS) {
        (void)fprintf(out, "complete -c shoal -n '%s' -a '", buf_text(&condition));
        words_of_kinds(out);
        (void)fputs("'\n", out);
    } else if (command->operands == CLI_OPERANDS_COMMANDS) {
        (void)fprintf(out, "complete -c shoal -n '%s' -a '", buf_text(&condition));
        all_first_words(writer->cli, out);
        (void)fputs("'\n", out);
    } else if (command->operands == CLI_OPERANDS_SHELLS) {
        (void)fprintf(out, "complete -c shoal -n '%s' -a 'bash zsh fish'\n", buf_text(&condition));
    } else if (command->operands == CLI_OPERANDS_FILES) {
        (void)fprintf(out, "complete -c shoal -n '%s' -F\n", buf_text(&condition));
    }
    fish_options(out, buf_text(&condition), command->options);
    if (command->remote)
        fish_options(out, buf_text(&condition), cli_options_remote);
    fish_options(out, buf_text(&condition), cli_options_help);
    buf_fini(&condition);
    return true;
}

static void write_fish(const struct cli *cli, FILE *out)
{
    struct writer writer = {.cli = cli, .out = out};
    (void)fputs("# fish completion of shoal: shoal completion fish | source\n"
                "function __shoal_at # so many words are there\n"
                "    test (count (commandline -opc)) -eq $argv[1]\n"
                "end\n"
                "function __shoal_in # they begin with shoal and these\n"
                "    set -l words (commandline -opc)\n"
                "    test \"$words[2]\" = $argv[1]; or return 1\n"
                "    test (count $argv) -eq 1; or test \"$words[3]\" = $argv[2]\n"
                "end\n"
                "complete -c shoal -f\n",
                out);
    cli_each_command(cli, fish_command, &writer);
}

/* ---- shoal completion */

static int run_completion(struct cli *cli, const struct cli_arguments *arguments)
{
    const char *shell = cli_operands_count(arguments) == 1 ? cli_operand(arguments, 0) : "";
    FILE *out = cli->io.out;
    if (strcmp(shell, "zsh") == 0)
        (void)fputs("# zsh completion of shoal: source <(shoal completion zsh)\n"
                    "autoload -U +X bashcompinit && bashcompinit\n",
                    out);
    if (strcmp(shell, "bash") == 0 || strcmp(shell, "zsh") == 0)
        write_bash(cli, out);
    else if (strcmp(shell, "fish") == 0)
        write_fish(cli, out);
    else
        return cli_misused(cli, arguments, "name the shell: bash, zsh or fish");
    return CLI_OK;
}

const struct cli_command command_completion = {
    .name = "completion",
    .synopsis = "bash|zsh|fish",
    .summary = "print a script that completes commands in a shell",
    .description = "The script knows commands, options, kinds and files; it asks no agent.",
    .examples = "source <(shoal completion bash)\n"
                "shoal completion fish | source",
    .operands = CLI_OPERANDS_SHELLS,
    .run = run_completion,
};
