#include "cluster_internal.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"
#include "effect/effects.h"

#include <stdio.h>
#include <string.h>

#define BOOT_START_MS ((uint64_t)1000000)

/* ---- hosts */

struct instant cluster_instant(const struct cluster *cluster)
{
    return (struct instant){.boot_ms = cluster->now_ms, .wall_ms = cluster->now_ms};
}

struct cluster *cluster_new(size_t hosts_count, uint64_t seed)
{
    struct cluster *cluster = MEM_NEW(struct cluster);
    ASSERT(hosts_count <= HOSTS_MAX);
    prng_seed(&cluster->prng, seed);
    cluster->now_ms = BOOT_START_MS;
    cluster->hosts_count = hosts_count;
    cluster->latency_min_ms = 1;
    cluster->latency_max_ms = 1;
    cluster->timing = member_timing_lan();
    cluster->seeds_count = 1;
    for (size_t i = 0; i < hosts_count; i++) {
        struct host *host = &cluster->hosts[i];
        host->address = (struct address){.ip = {[10] = 0xff,
                                                [11] = 0xff,
                                                [12] = 10,
                                                [14] = (uint8_t)(i / 250),
                                                [15] = (uint8_t)(i % 250 + 1)},
                                         .port = 7600};
        host->up = true;
        host->watched = SIZE_MAX;
        host->id = hash64_pair(seed + 1, i + 1);
        host->generation = 1000;
        member_output_init(&host->output);
        for (size_t j = 0; j < HOSTS_MAX; j++)
            host->evictable_ms[j] = NEVER_MS;
    }
    for (size_t i = 0; i < HOSTS_MAX; i++)
        cluster->first_ping_ms[i] = NEVER_MS;
    return cluster;
}

static void drop_inbox(struct host *host)
{
    while (host->inbox != NULL) {
        struct pending *next = host->inbox->next;
        buf_fini(&host->inbox->event.payload);
        mem_free(host->inbox);
        host->inbox = next;
    }
    host->inbox_last = NULL;
    host->inbox_count = 0;
}

static void end_process(struct host *host)
{
    drop_inbox(host);
    member_table_free(host->table);
    gossip_free(host->gossip);
    host->table = NULL;
    host->gossip = NULL;
    host->stopped = false;
}

void cluster_free(struct cluster *cluster)
{
    for (size_t i = 0; i < cluster->hosts_count; i++) {
        end_process(&cluster->hosts[i]);
        member_output_fini(&cluster->hosts[i].output);
        cluster_wipe_disk(cluster, i);
    }
    while (cluster->events_count > 0)
        buf_fini(&cluster->events[--cluster->events_count].payload);
    mem_free(cluster->events);
    mem_free(cluster);
}

void cluster_wipe_disk(struct cluster *cluster, size_t host)
{
    struct host *at = &cluster->hosts[host];
    while (at->disk_count > 0)
        buf_fini(&at->disk[--at->disk_count].encoded);
}

static void disk_write(struct host *host, uint64_t node, struct bytes encoded)
{
    size_t i = 0;
    while (i < host->disk_count && host->disk[i].node != node)
        i++;
    if (i == host->disk_count) {
        ASSERT(i < HOSTS_MAX);
        host->disk[host->disk_count++] = (struct disk_record){.node = node};
    }
    buf_clear(&host->disk[i].encoded);
    buf_append(&host->disk[i].encoded, encoded.data, encoded.size_bytes);
}

/* ---- what a process does with its outputs: as the brain composes it */

static void note_change(struct cluster *cluster, struct host *host,
                        const struct member_output_item *item)
{
    if (host->changes_count == CHANGES_MAX)
        host->changes_count = 0;
    host->changes[host->changes_count++] = (struct change_seen){.at_ms = cluster->now_ms,
                                                                .subject = item->node,
                                                                .status_old = item->status_old,
                                                                .status_new = item->status_new,
                                                                .change = item->change};
    size_t subject = host_of_id(cluster, item->node);
    if (subject != SIZE_MAX && item->status_new != MEMBER_DEAD)
        host->evictable_ms[subject] = NEVER_MS;
}

static void note_evictable(struct cluster *cluster, struct host *host, uint64_t node)
{
    for (size_t i = 0; i < cluster->hosts_count; i++)
        if (cluster->hosts[i].id == node)
            host->evictable_ms[i] = cluster->now_ms;
}

static void send_with_rumours(struct cluster *cluster, size_t from,
                              const struct member_output_item *item)
{
    struct host *host = &cluster->hosts[from];
    struct buf packet = BUF_INIT;
    buf_append(&packet, item->payload.data, item->payload.size_bytes);
    if (item->may_piggyback)
        (void)gossip_fill(host->gossip, &packet, DATAGRAM_BYTES_MAX, member_live_count(host->table),
                          true);
    network_datagram(cluster, from, item->node, &item->address,
                     (struct bytes){packet.data, packet.size_bytes});
    buf_fini(&packet);
}

static void carry_out(struct cluster *cluster, size_t from, const struct member_output_item *item)
{
    struct host *host = &cluster->hosts[from];
    switch (item->kind) {
    case MEMBER_SEND_DATAGRAM:
        send_with_rumours(cluster, from, item);
        break;
    case MEMBER_SEND_STREAM:
        network_stream(cluster, from, item->node, &item->address, item->payload);
        break;
    case MEMBER_WATCH:
        network_watch(cluster, from, item->node, &item->address);
        break;
    case MEMBER_BROADCAST:
        (void)gossip_enqueue(host->gossip, cluster_instant(cluster),
                             &(struct gossip_news){.class = GOSSIP_SYSTEM,
                                                   .key = item->key,
                                                   .variant = item->variant,
                                                   .origin = item->node,
                                                   .message = item->payload});
        break;
    case MEMBER_CHANGED:
        note_change(cluster, host, item);
        break;
    case MEMBER_EVICTABLE:
        note_evictable(cluster, host, item->node);
        break;
    case MEMBER_HOLDING:
        host->holdings_count += item->holding;
        break;
    case MEMBER_SYNC_WITH:
        host->syncs_count++;
        break;
    case MEMBER_PERSIST:
        disk_write(host, item->node, item->payload);
        break;
    case MEMBER_FORGET:
        break;
    case MEMBER_LEAVE_DONE:
        host->leave_done = true;
        break;
    case MEMBER_FATAL:
        (void)snprintf(host->fatal, sizeof(host->fatal), "%s", (const char *)item->text.data);
        break;
    case MEMBER_TRACE:
        host->name_conflicts_count +=
            strncmp((const char *)item->text.data, "name conflict", 13) == 0;
        break;
    }
}

static void flush_rumours(struct cluster *cluster, size_t from)
{
    struct host *host = &cluster->hosts[from];
    struct member_view targets[MEMBER_PICK_MAX];
    struct buf packet = BUF_INIT;
    if (!gossip_flush_due(host->gossip, cluster_instant(cluster)))
        return;
    size_t members = member_live_count(host->table);
    size_t count = member_pick(host->table, GOSSIP_FANOUT, 0, NULL, NULL, targets);
    for (size_t i = 0; i < count; i++) {
        struct address address;
        bool fresh = true;
        ASSERT(member_address(host->table, targets[i].node, &address));
        for (int j = 0; j < GOSSIP_PACKETS_MAX; j++, fresh = false) {
            if (gossip_fill(host->gossip, &packet, DATAGRAM_BYTES_MAX, members, fresh) == 0)
                break;
            network_datagram(cluster, from, targets[i].node, &address,
                             (struct bytes){packet.data, packet.size_bytes});
            buf_clear(&packet);
        }
    }
    while (gossip_take_large(host->gossip, &packet)) {
        for (size_t i = 0; i < count; i++) {
            struct address address;
            ASSERT(member_address(host->table, targets[i].node, &address));
            network_stream(cluster, from, targets[i].node, &address,
                           (struct bytes){packet.data, packet.size_bytes});
        }
        buf_clear(&packet);
    }
    buf_fini(&packet);
    gossip_flushed(host->gossip, cluster_instant(cluster), members);
}

/* Carries everything out; every call of a table ends here. */
static void settle(struct cluster *cluster, size_t at)
{
    struct host *host = &cluster->hosts[at];
    for (size_t i = 0; i < host->output.count; i++)
        if (host->output.items[i].kind == MEMBER_BROADCAST)
            carry_out(cluster, at, &host->output.items[i]);
    for (size_t i = 0; i < host->output.count; i++)
        if (host->output.items[i].kind != MEMBER_BROADCAST)
            carry_out(cluster, at, &host->output.items[i]);
    member_output_clear(&host->output);
    flush_rumours(cluster, at);
    bool small = cluster->hosts_count <= 8;
    if (small || cluster->steps_count++ % 61 == 0) {
        member_validate(host->table);
        gossip_validate(host->gossip);
    }
}

static void run_timers(struct cluster *cluster, size_t at)
{
    struct host *host = &cluster->hosts[at];
    member_timer(host->table, cluster_instant(cluster), &host->output);
    settle(cluster, at);
}

void cluster_start(struct cluster *cluster, size_t index)
{
    struct host *host = &cluster->hosts[index];
    struct member_config config = {.seed = prng_next(&cluster->prng),
                                   .timing = cluster->timing,
                                   .members_max = cluster->members_max};
    struct wire_arena arena;
    ASSERT(host->table == NULL && host->up);
    host->generation++;
    host->config = cluster_record(cluster, index);
    config.self = host->config;
    config.signer = host->signer;
    for (size_t i = 0; i < cluster->seeds_count; i++)
        config.seeds[config.seeds_count++] = cluster->hosts[i].address;
    host->table = member_table_new(&config, cluster_instant(cluster));
    host->gossip = gossip_new(&(struct gossip_config){.rumours_max = 0});
    wire_arena_init(&arena, ARENA_BYTES_MAX);
    for (size_t i = 0; i < host->disk_count; i++) {
        struct wire_member record;
        struct bytes encoded = {host->disk[i].encoded.data, host->disk[i].encoded.size_bytes};
        ASSERT(wire_member_decode(encoded, &arena, &record) == WIRE_OK);
        member_restore(host->table, &record);
    }
    wire_arena_fini(&arena);
    member_start(host->table, cluster_instant(cluster), &host->output);
    settle(cluster, index);
}

void cluster_sign(struct cluster *cluster)
{
    for (size_t i = 0; i < cluster->hosts_count; i++) {
        struct host *host = &cluster->hosts[i];
        uint8_t seed[SEAL_SEED_BYTES] = {(uint8_t)i, (uint8_t)(i >> 8), 1};
        ASSERT(seal_identity_from_seed(seed, &host->identity));
        host->id = host->identity.id;
        host->config.public_key =
            (struct bytes){host->identity.public_key, sizeof(host->identity.public_key)};
        host->signer = seal_signer(&host->identity);
    }
}

/* ---- receiving */

static void deliver_payload(struct cluster *cluster, struct event *event, enum member_via via)
{
    struct host *host = &cluster->hosts[event->to];
    struct bytes payload = {event->payload.data, event->payload.size_bytes};
    struct instant now = cluster_instant(cluster);
    struct wire_arena arena;
    if (event->to_id != 0 && event->to_id != host->id)
        return; /* sealed for somebody else */
    wire_arena_init(&arena, ARENA_BYTES_MAX);
    member_heard(host->table, now, event->from_id, &event->address, via, &host->output);
    while (payload.size_bytes > 0) {
        struct wire_message message;
        size_t consumed = 0;
        enum wire_verdict verdict = wire_message_decode(payload, &arena, &message, &consumed);
        ASSERT(verdict == WIRE_OK);
        (void)member_receive(host->table, now, event->from_id, &event->address, via, &message,
                             &host->output);
        payload.data += consumed;
        payload.size_bytes -= consumed;
    }
    wire_arena_fini(&arena);
}

static void take_event(struct cluster *cluster, struct event *event)
{
    struct host *host = &cluster->hosts[event->to];
    struct instant now = cluster_instant(cluster);
    switch (event->kind) {
    case EVENT_DATAGRAM:
        deliver_payload(cluster, event, MEMBER_VIA_DATAGRAM);
        break;
    case EVENT_STREAM:
        deliver_payload(cluster, event, MEMBER_VIA_STREAM);
        break;
    case EVENT_UNREACHABLE:
        member_unreachable(host->table, now, &event->address, event->refused, &host->output);
        break;
    case EVENT_WATCH_LOST:
        member_watch_lost(host->table, now, event->to_id, &host->output);
        break;
    case EVENT_STREAM_FAILED:
        member_stream_failed(host->table, now, event->from_id, &event->address, &host->output);
        break;
    }
    settle(cluster, event->to);
    run_timers(cluster, event->to);
}

#define INBOX_MAX 2000 /* a socket buffer is finite */

static void dispatch(struct cluster *cluster, struct event event)
{
    struct host *host = &cluster->hosts[event.to];
    if (host->table == NULL || !host->up) {
        buf_fini(&event.payload);
        return;
    }
    if (!host->stopped) {
        take_event(cluster, &event);
        buf_fini(&event.payload);
        return;
    }
    if (host->inbox_count >= INBOX_MAX) {
        buf_fini(&event.payload);
        return;
    }
    struct pending *pending = MEM_NEW(struct pending);
    pending->event = event;
    if (host->inbox_last != NULL)
        host->inbox_last->next = pending;
    else
        host->inbox = pending;
    host->inbox_last = pending;
    host->inbox_count++;
}

void cluster_stop(struct cluster *cluster, size_t host)
{
    cluster->hosts[host].stopped = true;
}

void cluster_resume(struct cluster *cluster, size_t index)
{
    struct host *host = &cluster->hosts[index];
    host->stopped = false;
    run_timers(cluster, index);
    while (host->inbox != NULL) {
        struct pending *pending = host->inbox;
        host->inbox = pending->next;
        if (host->inbox == NULL)
            host->inbox_last = NULL;
        host->inbox_count--;
        take_event(cluster, &pending->event);
        buf_fini(&pending->event.payload);
        mem_free(pending);
    }
}

/* ---- time */

static uint64_t deadline_of(const struct host *host)
{
    if (host->table == NULL || host->stopped)
        return NEVER_MS;
    uint64_t deadline = member_deadline(host->table);
    uint64_t gossip = gossip_deadline(host->gossip);
    return deadline < gossip ? deadline : gossip;
}

bool cluster_step(struct cluster *cluster, uint64_t until_ms)
{
    uint64_t first_ms = NEVER_MS;
    size_t first = SIZE_MAX;
    for (size_t i = 0; i < cluster->hosts_count; i++) {
        uint64_t deadline_ms = deadline_of(&cluster->hosts[i]);
        if (deadline_ms < first_ms) {
            first_ms = deadline_ms;
            first = i;
        }
    }
    bool is_event = cluster->events_count > 0 && cluster->events[0].at_ms <= first_ms;
    uint64_t at_ms = is_event ? cluster->events[0].at_ms : first_ms;
    if (at_ms > until_ms || at_ms == NEVER_MS)
        return false;
    if (at_ms > cluster->now_ms)
        cluster->now_ms = at_ms;
    if (is_event)
        dispatch(cluster, network_pop(cluster));
    else
        run_timers(cluster, first);
    return true;
}

void cluster_run(struct cluster *cluster, uint64_t duration_ms)
{
    uint64_t until_ms = cluster->now_ms + duration_ms;
    while (cluster_step(cluster, until_ms))
        ;
    cluster->now_ms = until_ms;
}

/* ---- faults */

void cluster_kill_process(struct cluster *cluster, size_t host)
{
    end_process(&cluster->hosts[host]);
    cluster->hosts[host].watched = SIZE_MAX;
    network_hang_up(cluster, host);
    cluster->first_ping_ms[host] = NEVER_MS;
}

void cluster_kill_host(struct cluster *cluster, size_t host)
{
    cluster->hosts[host].up = false;
    cluster_kill_process(cluster, host);
}

void cluster_host_up(struct cluster *cluster, size_t host)
{
    cluster->hosts[host].up = true;
}

void cluster_leave(struct cluster *cluster, size_t host)
{
    member_leave(cluster->hosts[host].table, cluster_instant(cluster),
                 &cluster->hosts[host].output);
    settle(cluster, host);
}

void cluster_block(struct cluster *cluster, size_t from, size_t to, bool blocked)
{
    cluster->blocked[from][to] = blocked;
}

void cluster_partition(struct cluster *cluster, size_t split)
{
    for (size_t i = 0; i < cluster->hosts_count; i++)
        for (size_t j = 0; j < cluster->hosts_count; j++)
            cluster->blocked[i][j] = (i < split) != (j < split);
}

void cluster_heal(struct cluster *cluster)
{
    memset(cluster->blocked, 0, sizeof(cluster->blocked));
    memset(cluster->udp_blocked, 0, sizeof(cluster->udp_blocked));
    memset(cluster->send_fails, 0, sizeof(cluster->send_fails));
    cluster->loss_ppm = 0;
}

void cluster_inject(struct cluster *cluster, size_t from, size_t to,
                    const struct wire_message *message)
{
    struct event event = {.kind = EVENT_DATAGRAM,
                          .from = from,
                          .to = to,
                          .from_id = cluster->hosts[from].id,
                          .to_id = cluster->hosts[to].id,
                          .address = cluster->hosts[from].address,
                          .at_ms = cluster->now_ms};
    wire_message_encode(message, &event.payload);
    network_push(cluster, event);
}

enum member_verdict cluster_deliver(struct cluster *cluster, size_t from, size_t to,
                                    enum member_via via, const struct wire_message *message)
{
    struct host *host = &cluster->hosts[to];
    enum member_verdict verdict =
        member_receive(host->table, cluster_instant(cluster), cluster->hosts[from].id,
                       &cluster->hosts[from].address, via, message, &host->output);
    settle(cluster, to);
    return verdict;
}

struct wire_member cluster_record(struct cluster *cluster, size_t index)
{
    static char names[HOSTS_MAX][16];
    const struct host *host = &cluster->hosts[index];
    (void)snprintf(names[index], sizeof(names[index]), "host-%zu", index);
    struct wire_member record = host->config;
    record.node = host->id;
    record.generation = host->generation;
    if (record.name.size_bytes == 0)
        record.name = (struct bytes){(const uint8_t *)names[index], strlen(names[index])};
    memcpy(record.address.ip, host->address.ip, sizeof(record.address.ip));
    record.address.port = host->address.port;
    record.capacity.cpu_milli = 4000;
    record.capacity.memory_bytes = (uint64_t)8 << 30;
    record.capacity.pods = 110;
    return record;
}

enum member_verdict cluster_tell(struct cluster *cluster, size_t from, size_t to,
                                 const struct wire_member *record)
{
    struct wire_message message = {.type = WIRE_MESSAGE_MEMBER};
    message.as.member = *record;
    return cluster_deliver(cluster, from, to, MEMBER_VIA_DATAGRAM, &message);
}
