/* shoal agent */
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "cmd_internal.h"
#include "loop/agent.h"

static const struct cli_option options[] = {
    {.name = "name", .value = "NAME", .help = "of this node [the host name]"},
    {.name = "join",
     .value = "HOST[:PORT],...",
     .help = "members of the cluster to join; without: a cluster of one",
     .many = true},
    {.name = "token-file",
     .value = "FILE",
     .help = "the cluster's token; needed when a node joins for the first time"},
    {.name = "listen",
     .value = "IP[:PORT]",
     .help = "where to hear other members, UDP and TCP [every address, port 7600]"},
    {.name = "advertise",
     .value = "IP[:PORT]",
     .help = "where others reach this node [found by itself]"},
    {.name = "data-dir",
     .value = "DIR",
     .help = "identity, objects, images, pods [" AGENT_DATA_DIR_DEFAULT "]"},
    {.name = "run-dir", .value = "DIR", .help = "the client socket [" AGENT_RUN_DIR_DEFAULT "]"},
    {.name = "cgroup-parent", .value = "NAME", .help = "cgroup of all pods [shoal]"},
    {.name = "pod-cidr",
     .value = "CIDR",
     .help = "addresses of this node's pods [a /24 of 10.128.0.0/9 by node id]"},
    {.name = "profile",
     .value = "lan|wan|local|fast",
     .help = "how soon a silent member is taken for dead [lan]"},
    {.name = "zone", .value = "ZONE", .help = "label topology.kubernetes.io/zone"},
    {.name = "label", .value = "NAME=VALUE", .help = "a label of this node", .many = true},
    {.name = "capacity",
     .value = "LIST",
     .help = "what pods may use: cpu=4,memory=8Gi,pods=110 [what the machine has]"},
    {.name = "verbose", .letter = 'v', .help = "tell more on standard error"},
    {.name = NULL},
};

/* "a,b" into options->join; the text is cut at its commas and stays. */
static int add_join(struct agent_options *agent, char *list, struct error *error)
{
    char *rest = NULL;
    for (char *host = strtok_r(list, ", ", &rest); host != NULL;
         host = strtok_r(NULL, ", ", &rest)) {
        if (agent->join_count == AGENT_JOIN_MAX)
            return error_set(error, ERROR_LIMIT, "--join takes at most %d addresses",
                             AGENT_JOIN_MAX);
        agent->join[agent->join_count++] = host;
    }
    return 0;
}

static int add_label(struct agent_options *agent, char *label, struct error *error)
{
    char *equals = strchr(label, '=');
    if (equals == NULL || equals == label)
        return error_set(error, ERROR_INVALID, "--label is NAME=VALUE, not '%.200s'", label);
    if (agent->labels_count == AGENT_LABELS_MAX)
        return error_set(error, ERROR_LIMIT, "at most %d labels", AGENT_LABELS_MAX);
    *equals = '\0';
    agent->labels[agent->labels_count++] = (struct agent_label){.name = label, .value = equals + 1};
    return 0;
}

/* Copies of what must be cut into pieces. */
struct pieces {
    char *texts[AGENT_JOIN_MAX + AGENT_LABELS_MAX];
    size_t count;
};

static int add_each(const struct cli_arguments *arguments, const char *name, size_t count_max,
                    int (*add)(struct agent_options *agent, char *text, struct error *error),
                    struct agent_options *agent, struct pieces *pieces, struct error *error)
{
    size_t count = cli_values_count(arguments, name);
    if (count > count_max)
        return error_set(error, ERROR_LIMIT, "--%s is given more than %zu times", name, count_max);
    for (size_t i = 0; i < count; i++) {
        char *text = mem_strdup(cli_value_at(arguments, name, i));
        pieces->texts[pieces->count++] = text;
        if (add(agent, text, error) < 0)
            return -1;
    }
    return 0;
}

static enum brain_profile profile_of(const char *name)
{
    static const struct {
        const char *name;
        enum brain_profile profile;
    } table[] = {
        {"lan", BRAIN_PROFILE_LAN},
        {"wan", BRAIN_PROFILE_WAN},
        {"local", BRAIN_PROFILE_LOCAL},
        {"fast", BRAIN_PROFILE_FAST},
    };
    for (size_t i = 0; name != NULL && i < sizeof(table) / sizeof(table[0]); i++)
        if (strcmp(table[i].name, name) == 0)
            return table[i].profile;
    return BRAIN_PROFILE_LAN;
}

static int run_agent(struct cli *cli, const struct cli_arguments *arguments)
{
    struct error error = ERROR_INIT;
    struct pieces pieces = {.count = 0};
    struct agent_options agent = {
        .name = cli_value(arguments, "name"),
        .data_dir = cli_value(arguments, "data-dir"),
        .run_dir = cli_value(arguments, "run-dir"),
        .listen = cli_value(arguments, "listen"),
        .advertise = cli_value(arguments, "advertise"),
        .token_file = cli_value(arguments, "token-file"),
        .cgroup_parent = cli_value(arguments, "cgroup-parent"),
        .pod_cidr = cli_value(arguments, "pod-cidr"),
        .zone = cli_value(arguments, "zone"),
        .capacity = cli_value(arguments, "capacity"),
        .profile = profile_of(cli_value(arguments, "profile")),
        .verbose = cli_flag(arguments, "verbose", false),
    };
    int code = CLI_OK;
    if (add_each(arguments, "join", AGENT_JOIN_MAX, add_join, &agent, &pieces, &error) < 0 ||
        add_each(arguments, "label", AGENT_LABELS_MAX, add_label, &agent, &pieces, &error) < 0)
        code = cli_misused(cli, arguments, "%s", error.message);
    if (code == CLI_OK && geteuid() != 0) {
        (void)error_set(&error, ERROR_DENIED,
                        "the agent makes namespaces, mounts and cgroups: run it as root");
        code = cli_fail(cli, &error);
    } else if (code == CLI_OK && agent_run(&agent, &error) < 0) {
        code = cli_fail(cli, &error);
    }
    for (size_t i = 0; i < pieces.count; i++)
        mem_free(pieces.texts[i]);
    return code;
}

const struct cli_command command_agent = {
    .name = "agent",
    .synopsis = "",
    .summary = "run a node of the cluster",
    .description =
        "Runs until SIGTERM or SIGINT. Alone it is a working cluster of one and prints how\n"
        "others join. What it knows is kept in the data directory: a later start needs no\n"
        "--join. Containers do not belong to the agent: they run on when it ends, and the\n"
        "next agent takes them over.",
    .examples = "shoal agent                                     # the first machine\n"
                "shoal token > token; scp token host2:           # for the others\n"
                "shoal agent --join host1 --token-file token     # on host2",
    .options = options,
    .operands = CLI_OPERANDS_NONE,
    .run = run_agent,
};
