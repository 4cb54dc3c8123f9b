#include "cli/cli.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "arguments.h"
#include "base/buf.h"
#include "client.h"
#include "output.h"
#include "spec/nearest.h"

const struct cli_option cli_options_remote[] = {
    {.name = "server",
     .value = "ADDRESS",
     .help = "the agent to ask: unix:PATH or HOST[:PORT] [$SHOAL_SERVER, else the local one]"},
    {.name = "token-file",
     .value = "FILE",
     .help = "the cluster's token, which HOST needs [$SHOAL_TOKEN_FILE]"},
    {.name = NULL},
};
const struct cli_option cli_options_help[] = {
    {.name = "help", .letter = 'h', .help = "tell all about the command"},
    {.name = NULL},
};

static const struct cli_command *const client_commands[] = {
    &command_apply,      &command_delete,     &command_get,           &command_describe,
    &command_history,    &command_status,     &command_backup,        &command_logs,
    &command_image_load, &command_image_list, &command_gossip_status, &command_gossip_trace,
    &command_lease_list, &command_lease_show, &command_lease_reset,   &command_key_list,
    &command_key_rotate, &command_key_revoke, &command_node_ban,      &command_node_unban,
    &command_version,    &command_help,       &command_completion,    NULL,
};

void cli_each_command(const struct cli *cli, cli_command_visit visit, void *context)
{
    const struct cli_command *const *lists[] = {cli->program->commands, client_commands};
    for (size_t i = 0; i < 2; i++)
        for (const struct cli_command *const *command = lists[i]; *command != NULL; command++)
            if (!visit(context, *command))
                return;
}

/* ---- failures */

static void complain(struct cli *cli, const char *text)
{
    struct buf plain = BUF_INIT;
    output_plain(&plain, text);
    (void)fflush(cli->io.out);
    (void)fprintf(cli->io.err, "shoal: %s\n", buf_text(&plain));
    buf_fini(&plain);
}

void cli_print(struct cli *cli, const char *line)
{
    (void)fprintf(cli->io.out, "%s\n", line);
}

int cli_fail(struct cli *cli, const struct error *error)
{
    complain(cli, error->message);
    return CLI_FAILURE;
}

int cli_misused(struct cli *cli, const struct cli_arguments *arguments, const char *format, ...)
{
    struct buf text = BUF_INIT;
    va_list list;
    va_start(list, format);
    buf_printf(&text, "%s: ", arguments->command->name);
    buf_vprintf(&text, format, list);
    buf_printf(&text, " ('shoal help %s' tells more)", arguments->command->name);
    va_end(list);
    complain(cli, buf_text(&text));
    buf_fini(&text);
    return CLI_USAGE;
}

static bool offer_name(void *context, const struct cli_command *command)
{
    spec_nearest_offer(context, command->name);
    return true;
}

int cli_unknown_command(struct cli *cli, const char *name)
{
    struct buf text = BUF_INIT;
    struct spec_nearest nearest;
    spec_nearest_init(&nearest, name);
    cli_each_command(cli, offer_name, &nearest);
    buf_printf(&text, "unknown command '%.100s'", name);
    if (nearest.best != NULL)
        buf_printf(&text, "; did you mean '%s'?", nearest.best);
    else
        buf_append_text(&text, " ('shoal help' lists them)");
    complain(cli, buf_text(&text));
    buf_fini(&text);
    return CLI_USAGE;
}

/* ---- finding the command */

struct command_search {
    char *const *words;
    size_t words_count;
    const struct cli_command *best;
    size_t best_words;  /* how many words its name has */
    struct buf members; /* second words of the group that the first word names */
};

static size_t count_matching(const struct command_search *search, const char *name)
{
    size_t words = 0;
    while (*name != '\0') {
        size_t length = strcspn(name, " ");
        if (words >= search->words_count || strlen(search->words[words]) != length ||
            strncmp(search->words[words], name, length) != 0)
            return 0;
        words++;
        name += length + (name[length] == ' ');
    }
    return words;
}

static bool match_command(void *context, const struct cli_command *command)
{
    struct command_search *search = context;
    size_t words = count_matching(search, command->name);
    size_t first = strcspn(command->name, " ");
    if (words > search->best_words) {
        search->best = command;
        search->best_words = words;
    }
    if (command->name[first] == ' ' && strlen(search->words[0]) == first &&
        strncmp(command->name, search->words[0], first) == 0)
        buf_printf(&search->members, "%s%s", search->members.size_bytes > 0 ? ", " : "",
                   command->name + first + 1);
    return true;
}

/* NULL: said. */
static const struct cli_command *find_command(struct cli *cli, const struct cli_arguments *before,
                                              size_t *ret_words)
{
    struct command_search search = {.words = before->operands,
                                    .words_count = before->operands_count};
    cli_each_command(cli, match_command, &search);
    *ret_words = search.best_words;
    if (search.best == NULL && search.members.size_bytes > 0 && search.words_count < 2) {
        struct error error = ERROR_INIT;
        (void)error_set(&error, ERROR_INVALID, "say what: shoal %s %s", search.words[0],
                        buf_text(&search.members));
        (void)cli_fail(cli, &error);
    } else if (search.best == NULL) {
        struct buf name = BUF_INIT;
        buf_append_text(&name, search.words[0]);
        if (search.members.size_bytes > 0)
            buf_printf(&name, " %s", search.words[1]);
        (void)cli_unknown_command(cli, buf_text(&name));
        buf_fini(&name);
    }
    buf_fini(&search.members);
    return search.best;
}

/* ---- the agent to talk to */

static const char *environment(const struct cli *cli, const char *name)
{
    const char *value = cli->io.environment(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

int cli_connect(struct cli *cli, const struct cli_arguments *arguments, struct client **ret_client,
                struct error *error)
{
    struct cli_server server = {
        .address = cli_value(arguments, "server"),
        .token_file = cli_value(arguments, "token-file"),
    };
    if (server.address == NULL)
        server.address = environment(cli, "SHOAL_SERVER");
    if (server.address == NULL)
        server.address = CLI_SERVER_DEFAULT;
    if (server.token_file == NULL)
        server.token_file = environment(cli, "SHOAL_TOKEN_FILE");
    if (cli->client == NULL)
        cli->client = client_new(cli->program->transport_make, &server, error);
    *ret_client = cli->client;
    return cli->client != NULL ? 0 : -1;
}

/* ---- one run */

static int check_operands(struct cli *cli, const struct cli_arguments *arguments)
{
    if (arguments->command->operands == CLI_OPERANDS_NONE && arguments->operands_count > 0)
        return cli_misused(cli, arguments, "'%.100s' is too much: it takes no operands",
                           arguments->operands[0]);
    return CLI_OK;
}

static bool inherited_are_known(const struct cli_arguments *arguments,
                                const struct cli_arguments *before, const char **ret_name)
{
    for (size_t i = 0; i < before->given_count; i++) {
        bool known = false;
        for (size_t j = 0; j < arguments->options_count; j++)
            known = known || arguments->options[j] == before->given[i].option;
        *ret_name = before->given[i].option->name;
        if (!known)
            return false;
    }
    return true;
}

static int run_command(struct cli *cli, const struct cli_command *command,
                       const struct cli_arguments *before, int argc, char **argv)
{
    struct cli_arguments arguments;
    struct error error = ERROR_INIT;
    const char *name = NULL;
    if (command->main != NULL && before->given_count == 0)
        return command->main(argc, argv);
    arguments_init(&arguments, command);
    arguments_know(&arguments, command->options);
    if (command->remote)
        arguments_know(&arguments, cli_options_remote);
    arguments_know(&arguments, cli_options_help);
    if (!inherited_are_known(&arguments, before, &name))
        return cli_misused(cli, &arguments, "it has no option --%s", name);
    arguments_inherit(&arguments, before);
    if (arguments_parse(&arguments, argc, argv, false, &error) < 0)
        return cli_misused(cli, &arguments, "%s", error.message);
    if (cli_flag(&arguments, "help", false)) {
        help_command(cli, command, cli->io.out);
        return CLI_OK;
    }
    int code = check_operands(cli, &arguments);
    return code == CLI_OK ? command->run(cli, &arguments) : code;
}

static int run(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option version[] = {{.name = "version"}, {.name = NULL}};
    struct cli_arguments before;
    struct error error = ERROR_INIT;
    size_t words = 0;
    arguments_init(&before, &command_help);
    arguments_know(&before, cli_options_remote);
    arguments_know(&before, cli_options_help);
    arguments_know(&before, version);
    if (arguments_parse(&before, argc, argv, true, &error) < 0) {
        complain(cli, error.message);
        return CLI_USAGE;
    }
    if (cli_flag(&before, "version", false)) {
        (void)fprintf(cli->io.out, "shoal %s\n", cli->program->version);
        return CLI_OK;
    }
    if (before.operands_count == 0) {
        bool asked = cli_flag(&before, "help", false);
        help_overview(cli, asked ? cli->io.out : cli->io.err);
        return asked ? CLI_OK : CLI_USAGE;
    }
    const struct cli_command *command = find_command(cli, &before, &words);
    if (command == NULL)
        return CLI_USAGE;
    /* The last word of its name stands for the program. */
    char **rest = before.operands + words - 1;
    return run_command(cli, command, &before, (int)(before.operands_count - words) + 1, rest);
}

int cli_main(const struct cli_program *program, const struct cli_io *io, int argc, char **argv)
{
    struct cli cli = {.program = program, .io = *io};
    (void)signal(SIGPIPE, SIG_IGN); /* an agent that goes away is an error to report */
    int code = run(&cli, argc, argv);
    client_free(cli.client);
    return output_finish(&cli, code);
}

/* ---- the real world */

static const char *real_environment(const char *name)
{
    return getenv(name);
}

static wall_ms_t real_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (wall_ms_t)now.tv_sec * 1000 + (wall_ms_t)now.tv_nsec / 1000000;
}

void cli_io_standard(struct cli_io *ret_io)
{
    const char *no_colour = getenv("NO_COLOR"); /* https://no-color.org */
    const char *terminal = getenv("TERM");
    bool dumb = terminal == NULL || strcmp(terminal, "dumb") == 0;
    *ret_io = (struct cli_io){
        .in = stdin,
        .out = stdout,
        .err = stderr,
        .out_terminal = isatty(STDOUT_FILENO) == 1,
        .err_terminal = isatty(STDERR_FILENO) == 1 && !dumb,
        .environment = real_environment,
        .now_wall_ms = real_now,
    };
    ret_io->colour = ret_io->out_terminal && !dumb && (no_colour == NULL || no_colour[0] == '\0');
}
