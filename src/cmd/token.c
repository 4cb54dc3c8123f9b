/* shoal token */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "cmd_internal.h"
#include "loop/agent.h"
#include "net/token_file.h"
#include "seal/random.h"

#define TTL_DEFAULT_S (24 * 3600)
/* A token that is good for longer is a key that nobody changes. */
#define TTL_MAX_S (366 * 24 * 3600)

static const struct cli_option options[] = {
    {.name = "data-dir",
     .value = "DIR",
     .help = "of the agent of this machine [" AGENT_DATA_DIR_DEFAULT "]"},
    {.name = "ttl", .value = "DURATION", .help = "how long it admits: 90s, 15m, 24h, 7d [24h]"},
    {.name = NULL},
};

static int parse_ttl(const char *text, uint64_t *ret_ttl_s, struct error *error)
{
    static const struct {
        char unit;
        uint64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    char *end = NULL;
    unsigned long long count = text[0] >= '0' && text[0] <= '9' ? strtoull(text, &end, 10) : 0;
    for (size_t i = 0; end != NULL && i < sizeof(units) / sizeof(units[0]); i++)
        if (end[0] == units[i].unit && end[1] == '\0' && count >= 1 &&
            count <= TTL_MAX_S / units[i].seconds) {
            *ret_ttl_s = count * units[i].seconds;
            return 0;
        }
    return error_set(error, ERROR_INVALID,
                     "--ttl %.40s: expected a whole number of s, m, h or d, at most 366d", text);
}

static int read_key(const char *path, const char *data_dir, struct seal_cluster *ret_cluster,
                    struct error *error)
{
    if (access(path, R_OK) == 0)
        return net_key_file_read(path, ret_cluster, error);
    if (access(data_dir, X_OK) != 0 && access(data_dir, F_OK) == 0)
        return error_set(error, ERROR_DENIED, "only root may read the key in %s: use sudo",
                         data_dir);
    return error_set(error, ERROR_NOT_FOUND,
                     "no agent has run here yet (there is no %s): start `shoal agent` first, "
                     "or name its --data-dir",
                     path);
}

static int run_token(struct cli *cli, const struct cli_arguments *arguments)
{
    struct error error = ERROR_INIT;
    struct seal_cluster cluster;
    char text[SEAL_TOKEN_TEXT_BYTES_MAX];
    struct buf path = BUF_INIT;
    uint64_t ttl_s = TTL_DEFAULT_S;
    const char *data_dir = cli_value(arguments, "data-dir");
    const char *ttl = cli_value(arguments, "ttl");
    if (data_dir == NULL)
        data_dir = AGENT_DATA_DIR_DEFAULT;
    buf_printf(&path, "%s/key", data_dir);
    int result = seal_init(&error);
    if (result == 0 && ttl != NULL)
        result = parse_ttl(ttl, &ttl_s, &error);
    if (result == 0)
        result = read_key(buf_text(&path), data_dir, &cluster, &error);
    buf_fini(&path);
    if (result < 0)
        return cli_fail(cli, &error);
    seal_token_format(&cluster, (uint64_t)time(NULL) + ttl_s, text);
    seal_cluster_fini(&cluster);
    cli_print(cli, text);
    return CLI_OK;
}

const struct cli_command command_token = {
    .name = "token",
    .synopsis = "",
    .summary = "print what another machine needs to join",
    .description =
        "A secret that admits a machine, or a command, until it expires; members check\n"
        "the time by their own clocks. It does not contain the cluster's key. A change of\n"
        "the key (shoal key rotate) ends it early. Keep it in a file that only root reads.",
    .examples =
        "umask 077; shoal token > token    # then: shoal agent --join ... --token-file token\n"
        "shoal token --ttl 15m             # for one that joins right now",
    .options = options,
    .operands = CLI_OPERANDS_NONE,
    .run = run_token,
};
