/* shoal token */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "cmd_internal.h"
#include "loop/agent.h"
#include "seal/cluster.h"
#include "seal/random.h"

static const struct cli_option options[] = {
    {.name = "data-dir",
     .value = "DIR",
     .help = "of the agent of this machine [" AGENT_DATA_DIR_DEFAULT "]"},
    {.name = NULL},
};

static int read_token(const char *path, const char *data_dir, char *ret_text, size_t text_bytes_max,
                      struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && errno == ENOENT)
        return error_set(error, ERROR_NOT_FOUND,
                         "no agent has run here yet (there is no %s): start `shoal agent` first, "
                         "or name its --data-dir",
                         path);
    if (fd < 0 && errno == EACCES)
        return error_set(error, ERROR_DENIED, "only root may read the token in %s: use sudo",
                         data_dir);
    if (fd < 0)
        return error_set_errno(error, errno, "cannot read %s", path);
    ssize_t size_bytes = read(fd, ret_text, text_bytes_max - 1);
    int errnum = errno;
    (void)close(fd);
    if (size_bytes < 0)
        return error_set_errno(error, errnum, "cannot read %s", path);
    ret_text[size_bytes] = '\0';
    return 0;
}

static int run_token(struct cli *cli, const struct cli_arguments *arguments)
{
    struct error error = ERROR_INIT;
    struct seal_cluster cluster;
    char text[SEAL_TOKEN_TEXT_BYTES_MAX];
    struct buf path = BUF_INIT;
    const char *data_dir = cli_value(arguments, "data-dir");
    if (data_dir == NULL)
        data_dir = AGENT_DATA_DIR_DEFAULT;
    buf_printf(&path, "%s/token", data_dir);
    int result = seal_init(&error);
    if (result == 0)
        result = read_token(buf_text(&path), data_dir, text, sizeof(text), &error);
    if (result == 0 && seal_token_parse(text, &cluster, &error) < 0)
        result = error_prefix(&error, "%s", buf_text(&path));
    buf_fini(&path);
    if (result < 0)
        return cli_fail(cli, &error);
    seal_token_format(&cluster, text);
    seal_cluster_fini(&cluster);
    cli_print(cli, text);
    return CLI_OK;
}

const struct cli_command command_token = {
    .name = "token",
    .synopsis = "",
    .summary = "print what another machine needs to join",
    .description =
        "The cluster's id and key. Whoever holds it is a member: keep it in a file that\n"
        "only root reads.",
    .examples =
        "umask 077; shoal token > token    # then: shoal agent --join ... --token-file token",
    .options = options,
    .operands = CLI_OPERANDS_NONE,
    .run = run_token,
};
