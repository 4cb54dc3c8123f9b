#include "loop/agent.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent_internal.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"
#include "seal/random.h"

/* ---- packets */

static void on_datagram(void *context, const struct net_origin *from, struct bytes payload)
{
    agent_step(context, &(struct event){.kind = EVENT_DATAGRAM,
                                        .node = from->id,
                                        .address = from->address,
                                        .key_id = from->key_id,
                                        .payload = payload});
}

static bool admits(void *context, uint64_t id)
{
    const struct agent *agent = context;
    return agent->brain == NULL || !brain_is_banned(agent->brain, id);
}

static bool find_key(void *context, uint64_t id, uint8_t ret_public_key[SEAL_PUBLIC_KEY_BYTES])
{
    const struct agent *agent = context;
    struct brain_member member;
    if (agent->brain == NULL || !brain_member(agent->brain, id, &member) ||
        member.record->public_key.size_bytes != SEAL_PUBLIC_KEY_BYTES)
        return false;
    memcpy(ret_public_key, member.record->public_key.data, SEAL_PUBLIC_KEY_BYTES);
    return true;
}

static void on_unknown_key(void *context, const struct address *from, uint64_t sender_id,
                           uint8_t key_id)
{
    keys_unknown(context, from, sender_id, key_id);
}

static void on_unreachable(void *context, const struct address *address, int errnum)
{
    agent_step(context, &(struct event){.kind = EVENT_UNREACHABLE,
                                        .address = *address,
                                        .refused = errnum == ECONNREFUSED});
}

static void on_stream_message(void *context, const struct net_origin *from, struct bytes message)
{
    agent_step(context, &(struct event){.kind = EVENT_STREAM,
                                        .node = from->id,
                                        .address = from->address,
                                        .key_id = from->key_id,
                                        .by_token = from->by_token,
                                        .payload = message});
}

static void on_stream_failed(void *context, uint64_t to_id, const struct address *address,
                             const struct error *error)
{
    (void)error;
    agent_step(context,
               &(struct event){.kind = EVENT_STREAM_FAILED, .node = to_id, .address = *address});
}

static void on_watch_lost(void *context, uint64_t id)
{
    agent_step(context, &(struct event){.kind = EVENT_WATCH_LOST, .node = id});
}

static void on_twin(void *context, const struct address *from)
{
    agent_step(context, &(struct event){.kind = EVENT_TWIN, .address = *from});
}

static int open_net(struct agent *agent, struct error *error)
{
    const struct net_callbacks callbacks = {
        .context = agent,
        .on_datagram = on_datagram,
        .on_unreachable = on_unreachable,
        .on_stream_message = on_stream_message,
        .on_stream_failed = on_stream_failed,
        .on_watch_lost = on_watch_lost,
        .on_tunnel = doors_on_tunnel,
        .on_twin = on_twin,
        .on_unknown_key = on_unknown_key,
        .admits = admits,
        .find_key = find_key,
    };
    struct net_config config = {
        .identity = &agent->identity,
        .cluster = &agent->cluster,
        .generation = agent->generation,
    };
    config.listen.port = NET_PORT_DEFAULT;
    if (agent->options->listen != NULL &&
        address_parse(agent->options->listen, NET_PORT_DEFAULT, &config.listen, error) < 0)
        return error_prefix(error, "--listen");
    return net_open(agent->loop, &config, &callbacks, &agent->net, error);
}

/* ---- seeds: names are looked up before the start and now and then after it */

static void on_resolved(void *context, const struct address *addresses, size_t addresses_count,
                        const struct error *error)
{
    struct agent *agent = context;
    agent->resolving_count--;
    if (error != NULL)
        agent_log(agent, "--join: %s", error->message);
    for (size_t i = 0; i < addresses_count && agent->seeds_count < BRAIN_SEEDS_MAX; i++)
        agent->seeds[agent->seeds_count++] = addresses[i];
    if (agent->resolving_count > 0 || agent->closing)
        return;
    if (agent->brain == NULL)
        uv_stop(agent->loop);
    else if (agent->seeds_count > 0)
        agent_step(agent, &(struct event){.kind = EVENT_SEEDS,
                                          .seeds = agent->seeds,
                                          .seeds_count = agent->seeds_count});
}

void seeds_resolve(struct agent *agent)
{
    if (agent->resolving_count > 0)
        return;
    agent->seeds_count = 0;
    agent->resolving_count = agent->options->join_count;
    for (size_t i = 0; i < agent->options->join_count; i++)
        (void)net_resolve(agent->loop, agent->options->join[i], NET_PORT_DEFAULT, on_resolved,
                          agent);
}

static void on_resolve_timer(uv_timer_t *timer)
{
    seeds_resolve(timer->data);
}

/* ---- the brain */

static struct bytes text_bytes(const char *text)
{
    return (struct bytes){.data = (const uint8_t *)text, .size_bytes = strlen(text)};
}

static size_t fill_labels(const struct agent *agent, struct wire_pair *labels)
{
    const struct agent_options *options = agent->options;
    const char *const arch = sizeof(void *) == 8 ?
#if defined(__aarch64__)
                                                 "arm64"
#else
                                                 "amd64"
#endif
                                                 : "386";
    const char *const fixed[][2] = {
        {"kubernetes.io/hostname", agent->name},
        {"kubernetes.io/os", "linux"},
        {"kubernetes.io/arch", arch},
        {"topology.kubernetes.io/zone", options->zone},
    };
    size_t count = 0;
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
        if (fixed[i][1] != NULL)
            labels[count++] = (struct wire_pair){.name = text_bytes(fixed[i][0]),
                                                 .value = text_bytes(fixed[i][1])};
    for (size_t i = 0; i < options->labels_count; i++)
        labels[count++] = (struct wire_pair){.name = text_bytes(options->labels[i].name),
                                             .value = text_bytes(options->labels[i].value)};
    return count;
}

static int open_brain(struct agent *agent, struct error *error)
{
    struct wire_pair labels[AGENT_LABELS_MAX + 4];
    struct brain_config *config = MEM_NEW(struct brain_config);
    struct wire_member *self = &config->self;
    self->node = agent->identity.id;
    self->generation = agent->generation;
    self->name = text_bytes(agent->name);
    memcpy(self->address.ip, agent->advertise.ip, sizeof(self->address.ip));
    self->address.port = agent->advertise.port;
    self->zone = text_bytes(agent->options->zone != NULL ? agent->options->zone : "");
    self->labels = labels;
    self->labels_count = fill_labels(agent, labels);
    self->software = text_bytes(AGENT_SOFTWARE);
    self->public_key =
        (struct bytes){agent->identity.public_key, sizeof(agent->identity.public_key)};
    config->signer = seal_signer(&agent->identity);
    config->profile = agent->options->profile;
    config->joining = agent->options->join_count > 0;
    config->seeds_count = agent->seeds_count;
    memcpy(config->seeds, agent->seeds, sizeof(agent->seeds[0]) * agent->seeds_count);
    seal_random_bytes(&config->seed, sizeof(config->seed));
    int result = machine_capacity(agent, &self->capacity, error);
    if (result == 0)
        agent->brain = brain_new(config, agent_now());
    mem_free(config);
    if (result == 0)
        result = state_restore(agent, error);
    return result == 0 ? keys_publish(agent, error) : -1;
}

/* ---- opening */

static void init_handles(struct agent *agent)
{
    uv_timer_t *const timers[] = {&agent->commit_retry,  &agent->commit_gather,
                                  &agent->resolve_timer, &agent->image_timer,
                                  &agent->brain_timer,   &agent->api_timer};
    uv_signal_t *const signals[] = {&agent->sigterm, &agent->sigint};
    for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++) {
        ASSERT(uv_timer_init(agent->loop, timers[i]) == 0);
        timers[i]->data = agent;
    }
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        ASSERT(uv_signal_init(agent->loop, signals[i]) == 0);
        signals[i]->data = agent;
    }
    ASSERT(uv_pipe_init(agent->loop, &agent->socket, 0) == 0);
    agent->socket.data = agent;
}

static int make_dir(const char *path, mode_t mode, struct error *error)
{
    if (mkdir(path, mode) < 0 && errno != EEXIST)
        return error_set_errno(error, errno, "cannot make the directory %s", path);
    return 0;
}

static int open_images_and_network(struct agent *agent, struct error *error)
{
    char path[4096];
    char cidr[32];
    struct podnet_config config = {.bridge = NULL};
    uint64_t hash = hash64(&agent->identity.id, sizeof(agent->identity.id), 0);
    (void)snprintf(path, sizeof(path), "%s/images", agent->options->data_dir);
    (void)snprintf(cidr, sizeof(cidr), "10.%u.%u.0/24", 128 + (unsigned int)(hash & 127),
                   (unsigned int)(hash >> 8 & 255));
    if (image_store_open(path, &agent->images, error) < 0)
        return -1;
    if (podnet_parse_cidr(agent->options->pod_cidr != NULL ? agent->options->pod_cidr : cidr,
                          &config.subnet, &config.prefix_bits, error) < 0)
        return error_prefix(error, "--pod-cidr");
    return podnet_open(&config, &agent->podnet, error);
}

static int open_all(struct agent *agent, struct error *error)
{
    if (make_dir(agent->options->data_dir, 0700, error) < 0 ||
        make_dir(agent->options->run_dir, 0755, error) < 0 || state_open(agent, error) < 0)
        return -1;
    seeds_resolve(agent);
    if (agent->resolving_count > 0)
        (void)uv_run(agent->loop, UV_RUN_DEFAULT);
    if (agent->has_token && !agent->closing && join_run(agent, error) < 0)
        return -1;
    if (agent->closing)
        return 0;
    if (open_net(agent, error) < 0)
        return -1;
    struct address bound = net_address(agent->net);
    if (machine_advertise(agent, &bound, error) < 0 || open_images_and_network(agent, error) < 0 ||
        open_brain(agent, error) < 0)
        return -1;
    agent_step(agent, &(struct event){.kind = EVENT_START});
    if (doors_open(agent, error) < 0 || pods_open(agent, error) < 0)
        return -1;
    if (agent->options->join_count > 0)
        (void)uv_timer_start(&agent->resolve_timer, on_resolve_timer, SEEDS_RESOLVE_MS,
                             SEEDS_RESOLVE_MS);
    return 0;
}

/* ---- closing: pods stay, and what holds them */

static void close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void close_all(struct agent *agent)
{
    agent->closing = agent->ended = true;
    if (agent->api != NULL)
        doors_close(agent);
    if (agent->runtime != NULL)
        pods_close(agent);
    if (agent->net != NULL)
        net_close(agent->net, NULL, NULL);
    uv_handle_t *const handles[] = {
        (uv_handle_t *)&agent->commit_retry,  (uv_handle_t *)&agent->commit_gather,
        (uv_handle_t *)&agent->resolve_timer, (uv_handle_t *)&agent->image_timer,
        (uv_handle_t *)&agent->brain_timer,   (uv_handle_t *)&agent->api_timer,
        (uv_handle_t *)&agent->sigterm,       (uv_handle_t *)&agent->sigint,
        (uv_handle_t *)&agent->socket};
    for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++)
        close_handle(handles[i]);
    (void)uv_run(agent->loop, UV_RUN_DEFAULT);
    api_free(agent->api);
    podnet_close(agent->podnet);
    image_store_close(agent->images);
    state_close(agent);
    brain_free(agent->brain);
    effects_fini(&agent->effects);
    mem_free(agent->deferred);
    host_forget_submits(agent);
    seal_identity_fini(&agent->identity);
    seal_cluster_fini(&agent->cluster);
    seal_cluster_fini(&agent->token);
    buf_fini(&agent->ring);
}

static void on_signal(uv_signal_t *signal, int number)
{
    struct agent *agent = signal->data;
    agent_log(agent, "%s: the agent ends; its pods go on and the next agent takes them over",
              number == SIGTERM ? "SIGTERM" : "SIGINT");
    agent_stop(agent);
}

static void greet(const struct agent *agent)
{
    char address[ADDRESS_TEXT_BYTES_MAX];
    (void)address_format(&agent->advertise, address);
    agent_log(agent, "shoal %s: node %s (%016llx) of cluster %.8s at %s", SHOAL_VERSION,
              agent->name, (unsigned long long)agent->identity.id, agent->cluster_id, address);
    if (agent->options->join_count > 0)
        return;
    (void)fprintf(
        stderr,
        "To add a machine:\n"
        "  here:   shoal token > token           (a secret, good for a day: copy it with scp)\n"
        "  there:  chmod 600 token; shoal agent --join %s --token-file token\n",
        address);
}

static int set_name(struct agent *agent, const char *name, struct error *error)
{
    if (name == NULL && gethostname(agent->name, sizeof(agent->name)) < 0)
        return error_set_errno(error, errno, "cannot read the host name; give --name");
    if (name != NULL && strlen(name) >= sizeof(agent->name))
        return error_set(error, ERROR_INVALID, "--name is longer than %zu characters",
                         sizeof(agent->name) - 1);
    if (name != NULL)
        (void)snprintf(agent->name, sizeof(agent->name), "%s", name);
    agent->name[sizeof(agent->name) - 1] = '\0';
    for (char *c = agent->name; *c != '\0'; c++) /* Kubernetes' node names are lower case */
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    return agent->name[0] != '\0'
               ? 0
               : error_set(error, ERROR_INVALID, "the host name is empty; give --name");
}

int agent_run(const struct agent_options *options, struct error *error)
{
    uv_loop_t loop;
    struct agent_options filled = *options;
    if (filled.data_dir == NULL)
        filled.data_dir = AGENT_DATA_DIR_DEFAULT;
    if (filled.run_dir == NULL)
        filled.run_dir = AGENT_RUN_DIR_DEFAULT;
    if (filled.cgroup_parent == NULL)
        filled.cgroup_parent = "shoal";
    struct agent *agent = MEM_NEW(struct agent);
    agent->options = &filled;
    agent->loop = &loop;
    (void)signal(SIGPIPE, SIG_IGN);
    /* One heap for all threads: what a worker frees after a short piece of work is used again here,
     * and does not stay with the worker. */
    (void)mallopt(M_ARENA_MAX, 1);
    effects_init(&agent->effects);
    RB_INIT(&agent->pods);
    ASSERT(uv_loop_init(&loop) == 0);
    init_handles(agent);
    (void)uv_signal_start(&agent->sigterm, on_signal, SIGTERM);
    (void)uv_signal_start(&agent->sigint, on_signal, SIGINT);
    int result = set_name(agent, options->name, error);
    if (result == 0)
        result = seal_init(error);
    if (result == 0)
        result = open_all(agent, error);
    if (result == 0 && !agent->closing) {
        greet(agent);
        (void)uv_run(&loop, UV_RUN_DEFAULT);
        if (agent->fatal.code != ERROR_NONE) {
            *error = agent->fatal;
            result = -1;
        }
    }
    close_all(agent);
    ASSERT(uv_loop_close(&loop) == 0);
    mem_free(agent);
    return result;
}
