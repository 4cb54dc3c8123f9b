/* What the agent counts about itself, for `gossip status` and /metrics. */
#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent_internal.h"

typedef void (*counter_each)(void *user, const struct api_counter *counter);

static void each_datagram(const struct net_stats *stats, counter_each each, void *user)
{
    const struct api_counter counters[] = {
        {"datagrams_in", "Authentic datagrams received.", stats->datagrams_in, false},
        {"datagrams_out", "Datagrams sent.", stats->datagrams_out, false},
        {"datagram_bytes_in", "UDP payload received, refused datagrams included.",
         stats->datagram_bytes_in, false},
        {"datagram_bytes_out", "UDP payload sent.", stats->datagram_bytes_out, false},
        {"datagrams_send_failed", "Datagrams that this machine's own kernel would not send.",
         stats->datagrams_send_failed, false},
        {"unreachable", "Datagrams that a host or router on the way reported as undeliverable.",
         stats->unreachable, false},
        {"unreachable_unverified", "ICMP errors that quote nothing of ours, ignored.",
         stats->unreachable_unverified, false},
        {"replay_windows", "Senders whose packets are guarded against replay.",
         stats->senders_count, true},
    };
    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
        each(user, &counters[i]);
}

static void each_stream(const struct net_stats *stats, counter_each each, void *user)
{
    const struct api_counter counters[] = {
        {"streams_opened", "Streams opened by this agent.", stats->streams_opened, false},
        {"streams_accepted", "Streams opened by others.", stats->streams_accepted, false},
        {"streams_failed", "Streams of this agent that did not connect, or broke.",
         stats->streams_failed, false},
        {"streams_timed_out", "Handshakes that were never finished.", stats->streams_timed_out,
         false},
        {"streams_over_limit", "Streams closed because there were too many.",
         stats->streams_over_limit, false},
        {"stream_bytes_in", "Bytes received on streams.", stats->stream_bytes_in, false},
        {"stream_bytes_out", "Bytes sent on streams.", stats->stream_bytes_out, false},
        {"messages_in", "Messages received on streams.", stats->messages_in, false},
        {"messages_out", "Messages sent on streams.", stats->messages_out, false},
        {"connections", "TCP connections open now.", stats->connections_count, true},
        {"tunnels", "Streams that carry API requests now.", stats->tunnels_count, true},
    };
    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
        each(user, &counters[i]);
}

void accounts_counter_each(void *context, counter_each each, void *user)
{
    struct agent *agent = context;
    const struct net_stats *stats = net_stats(agent->net);
    each_datagram(stats, each, user);
    each_stream(stats, each, user);
}

void accounts_refused_each(void *context,
                           void (*each)(void *user, const struct api_refused *refused), void *user)
{
    struct agent *agent = context;
    const struct net_stats *stats = net_stats(agent->net);
    for (int verdict = SEAL_TOO_SHORT; verdict < SEAL_VERDICTS_COUNT; verdict++) {
        const char *reason = seal_verdict_name((enum seal_verdict)verdict);
        each(user, &(struct api_refused){"datagrams", reason, stats->datagrams_refused[verdict]});
        each(user, &(struct api_refused){"streams", reason, stats->streams_refused[verdict]});
    }
}

void accounts_key_each(void *context, void (*each)(void *user, uint8_t key_id, bool primary),
                       void *user)
{
    const struct agent *agent = context;
    for (uint8_t i = 0; i < agent->cluster.keys_count; i++)
        each(user, agent->cluster.keys[i].id, i == agent->cluster.primary);
}

static uint64_t open_files_count(void)
{
    uint64_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL)
        return 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    (void)closedir(folder);
    return count > 0 ? count - 1 : 0; /* without the folder itself */
}

/* /proc/self/statm counts pages: all, resident, ... */
static void read_memory(struct api_process *process)
{
    unsigned long long pages = 0, resident_pages = 0;
    uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return;
    if (fscanf(file, "%llu %llu", &pages, &resident_pages) == 2) {
        process->virtual_bytes = pages * page_bytes;
        process->resident_bytes = resident_pages * page_bytes;
    }
    (void)fclose(file);
}

static uint64_t microseconds(struct timeval time)
{
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
}

void accounts_process(void *context, struct api_process *ret_process)
{
    const struct agent *agent = context;
    struct rusage usage = {.ru_maxrss = 0};
    struct rlimit files = {.rlim_cur = 0};
    (void)getrusage(RUSAGE_SELF, &usage);
    (void)getrlimit(RLIMIT_NOFILE, &files);
    *ret_process = (struct api_process){
        .cpu_us = microseconds(usage.ru_utime) + microseconds(usage.ru_stime),
        .files_count = open_files_count(),
        .files_max = files.rlim_cur,
        .started_boot_ms = agent->opened_boot_ms,
    };
    read_memory(ret_process);
}
