/* shoal backup */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "cli_internal.h"
#include "client.h"

static const struct cli_option options[] = {
    {.name = "data-dir",
     .value = "DIR",
     .help = "of an agent that does not run; without: the running agent makes it"},
    {.name = NULL},
};

struct download {
    int fd;
    int errnum; /* of a write that failed; 0: none */
    uint64_t size_bytes;
};

static bool write_all(void *context, struct bytes data)
{
    struct download *download = context;
    while (data.size_bytes > 0) {
        ssize_t written = write(download->fd, data.data, data.size_bytes);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            download->errnum = errno;
            return false;
        }
        data.data += written;
        data.size_bytes -= (size_t)written;
        download->size_bytes += (uint64_t)written;
    }
    return true;
}

static int fetch(struct client *client, struct download *download, struct error *error)
{
    struct client_response response;
    const struct client_request request = {
        .method = "GET", .path = "/shoal/v1/backup", .on_body = write_all, .context = download};
    if (client_request(client, &request, &response, error) < 0)
        return -1;
    int result = client_response_check(&response, error);
    client_response_fini(&response);
    return result;
}

/* Complete or not there: written beside, then renamed. */
static int download_to(struct client *client, const char *file, uint64_t *ret_size_bytes,
                       struct error *error)
{
    struct buf part = BUF_INIT;
    buf_printf(&part, "%s.part", file);
    (void)unlink(buf_text(&part)); /* of an earlier attempt that did not come to its end */
    struct download download = {
        .fd = open(buf_text(&part), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
    int result = download.fd < 0 ? error_set_errno(error, errno, "cannot write %s", buf_text(&part))
                                 : fetch(client, &download, error);
    if (result == 0 && download.errnum == 0 && fsync(download.fd) != 0)
        download.errnum = errno;
    if (result == 0 && download.errnum != 0)
        result = error_set_errno(error, download.errnum, "cannot write %s", buf_text(&part));
    if (download.fd >= 0)
        (void)close(download.fd);
    if (result == 0 && renameat2(AT_FDCWD, buf_text(&part), AT_FDCWD, file, RENAME_NOREPLACE) != 0)
        result = error_set_errno(error, errno, "cannot write %s", file);
    if (result != 0)
        (void)unlink(buf_text(&part));
    *ret_size_bytes = download.size_bytes;
    buf_fini(&part);
    return result;
}

static int run_backup(struct cli *cli, const struct cli_arguments *arguments)
{
    struct error error = ERROR_INIT;
    struct client *client = NULL;
    const char *data_dir = cli_value(arguments, "data-dir");
    uint64_t size_bytes = 0;
    if (cli_operands_count(arguments) != 1)
        return cli_misused(cli, arguments, "say into which file: shoal backup FILE");
    const char *file = cli_operand(arguments, 0);
    int result = 0;
    if (access(file, F_OK) == 0)
        result = error_set(&error, ERROR_EXISTS, "%s exists already; name a new file", file);
    else if (data_dir != NULL)
        result = cli->program->backup_of_stopped(data_dir, file, &error);
    else if ((result = cli_connect(cli, arguments, &client, &error)) == 0)
        result = download_to(client, file, &size_bytes, &error);
    if (result < 0)
        return cli_fail(cli, &error);
    (void)fprintf(cli->io.out, "%s: the state of this node; it holds secrets, keep it safe\n",
                  file);
    return CLI_OK;
}

const struct cli_command command_backup = {
    .name = "backup",
    .synopsis = "FILE",
    .summary = "copy this node's state into a file",
    .description =
        "A consistent copy of the moment, made while the agent goes on: every object of the\n"
        "cluster with its history, the cluster's key, this node's key. Made on the machine itself\n"
        "only. Every member holds all objects, so a cluster needs a backup only against the loss\n"
        "of all, or of its mind. Images and the data of pods are not in it.",
    .examples = "shoal backup /backup/shoal-$(date +%F)\n"
                "shoal backup saved --data-dir /var/lib/shoal    # of an agent that does not run",
    .options = options,
    .operands = CLI_OPERANDS_FILES,
    .remote = true,
    .run = run_backup,
};
