#include <link.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/mman.h>

#include "agent_internal.h"
#include "base/assert.h"
#include "base/memory.h"

static uint64_t clock_us(clockid_t clock)
{
    struct timespec now;
    ASSERT(clock_gettime(clock, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

struct instant agent_now(void)
{
    uint64_t boot_us = clock_us(CLOCK_BOOTTIME);
    return (struct instant){.boot_ms = boot_us / 1000,
                            .wall_ms = clock_us(CLOCK_REALTIME) / 1000,
                            .sub_us = (uint32_t)(boot_us % 1000)};
}

void agent_log(const struct agent *agent, const char *format, ...)
{
    char text[1400];
    struct timespec now;
    struct tm utc;
    (void)agent;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &utc);
    (void)fprintf(stderr, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ %s\n", utc.tm_year + 1900,
                  utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                  now.tv_nsec / 1000000, text);
}

void agent_stop(struct agent *agent)
{
    agent->closing = true;
    uv_stop(agent->loop);
}

struct deferred *agent_defer(struct agent *agent, enum event_kind kind)
{
    MEM_GROW(agent->deferred, agent->deferred_count, agent->deferred_capacity);
    struct deferred *deferred = &agent->deferred[agent->deferred_count++];
    *deferred = (struct deferred){.kind = kind};
    return deferred;
}

/* ---- effects */

static void send_datagram(struct agent *agent, const struct effect *effect)
{
    if (net_send_datagram(agent->net, effect->node, &effect->address, effect->payload) != 0)
        agent_defer(agent, EVENT_UNREACHABLE)->address = effect->address;
}

static void send_stream(struct agent *agent, const struct effect *effect)
{
    struct error error = ERROR_INIT;
    if (net_send_stream_message_under(agent->net, effect->node, &effect->address, effect->key_id,
                                      effect->payload, &error) == 0)
        return;
    struct deferred *deferred = agent_defer(agent, EVENT_STREAM_FAILED);
    deferred->node = effect->node;
    deferred->address = effect->address;
}

/* Streams that were open when their peer was banned. */
static void drop_banned(struct agent *agent, struct bytes key)
{
    char text[64];
    if (key.size_bytes >= sizeof(text))
        return;
    memcpy(text, key.data, key.size_bytes);
    text[key.size_bytes] = '\0';
    uint64_t node = brain_ban_node(text);
    if (node != 0 && brain_is_banned(agent->brain, node))
        net_forget_peer(agent->net, node);
}

static void watch(struct agent *agent, const struct effect *effect)
{
    struct error error = ERROR_INIT;
    if (net_watch(agent->net, effect->node, &effect->address, &error) != 0)
        agent_defer(agent, EVENT_WATCH_LOST)->node = effect->node;
}

static void carry_out(struct agent *agent, const struct effect *effect)
{
    switch (effect->kind) {
    case EFFECT_DATAGRAM:
        send_datagram(agent, effect);
        return;
    case EFFECT_STREAM:
        send_stream(agent, effect);
        return;
    case EFFECT_WATCH:
        watch(agent, effect);
        return;
    case EFFECT_PERSIST:
        state_persist(agent, effect);
        return;
    case EFFECT_POD_START:
        pods_start(agent, effect);
        return;
    case EFFECT_POD_STOP:
        pods_stop(agent, effect);
        return;
    case EFFECT_REPLY:
        host_reply(agent, effect);
        return;
    case EFFECT_KEYS:
        keys_changed(agent, effect);
        return;
    case EFFECT_NOTIFY:
        if (effect->table == EFFECT_TABLE_OBJECT)
            drop_banned(agent, effect->key);
        if (agent->api != NULL)
            api_changed(agent->api, effect->table, effect->key);
        return;
    case EFFECT_FATAL:
        (void)error_set(&agent->fatal, ERROR_CONFLICT, "%s", (const char *)effect->text.data);
        agent_stop(agent);
        return;
    case EFFECT_TRACE:
        if (!effect->fine)
            agent_log(agent, "%s", (const char *)effect->text.data);
        if (agent->api != NULL)
            api_traced(agent->api, &(struct api_event){effect->node, effect->direction,
                                                       effect->key.size_bytes > 0
                                                           ? (const char *)effect->key.data
                                                           : "",
                                                       (const char *)effect->text.data});
        return;
    }
    UNREACHABLE();
}

/* ---- the one place where the brain is stepped */

/* Buffers and records that come and go in bulk leave the heap full of holes, which the C library
 * keeps: of 100,000 claims' worth several MiB. */
/* The program itself comes first; a segment that is never written is the file's pages. */
static int let_go_of_program(struct dl_phdr_info *info, size_t size_bytes, void *context)
{
    uintptr_t page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
    (void)size_bytes;
    (void)context;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W) != 0)
            continue;
        uintptr_t begin = (info->dlpi_addr + segment->p_vaddr) & ~(page_bytes - 1);
        uintptr_t end = info->dlpi_addr + segment->p_vaddr + segment->p_memsz;
        /* NOLINTNEXTLINE(performance-no-int-to-ptr): that is how ELF says it */
        (void)madvise((void *)begin, end - begin, MADV_DONTNEED);
    }
    return 1;
}

/* Most of the program is needed once, when it starts: an agent at rest runs in a fifth of it. What
 * is let go stays in the page cache as long as there is room, and is mapped again when it is run.
 */
static void tidy_program(struct agent *agent, boot_ms_t now_boot_ms)
{
    if (now_boot_ms < agent->program_tidy_boot_ms)
        return;
    if (agent->program_tidy_boot_ms == 0) {
        agent->program_tidy_boot_ms = now_boot_ms + TIDY_FIRST_MS;
        agent->program_tidy_pause_ms = TIDY_AGAIN_MS;
        return;
    }
    (void)dl_iterate_phdr(let_go_of_program, NULL);
    agent->program_tidy_boot_ms = now_boot_ms + agent->program_tidy_pause_ms;
    if (agent->program_tidy_pause_ms < TIDY_AGAIN_MS_MAX)
        agent->program_tidy_pause_ms *= 2;
}

static void tidy(struct agent *agent)
{
    boot_ms_t now_boot_ms = agent_now().boot_ms;
    tidy_program(agent, now_boot_ms);
    if (agent->passed_bytes < TIDY_BYTES || now_boot_ms < agent->tidied_boot_ms + TIDY_MS)
        return;
    agent->passed_bytes = 0;
    agent->tidied_boot_ms = now_boot_ms;
    (void)malloc_trim(0);
}

static void on_brain_timer(uv_timer_t *timer)
{
    struct agent *agent = timer->data;
    agent_step(agent, &(struct event){.kind = EVENT_TIMER});
    tidy(agent);
}

static void arm(struct agent *agent)
{
    boot_ms_t deadline_boot_ms = brain_deadline(agent->brain);
    boot_ms_t now_boot_ms = agent_now().boot_ms;
    if (deadline_boot_ms == BOOT_MS_NEVER) {
        (void)uv_timer_stop(&agent->brain_timer);
        return;
    }
    uv_update_time(agent->loop);
    (void)uv_timer_start(&agent->brain_timer, on_brain_timer,
                         deadline_boot_ms > now_boot_ms ? deadline_boot_ms - now_boot_ms : 0, 0);
}

static void step_once(struct agent *agent, const struct event *event)
{
    struct effects effects;
    brain_step(agent->brain, agent_now(), event, &agent->effects);
    /* Carrying out never steps the brain (it defers), so the list is ours until it is done. */
    effects = agent->effects;
    for (size_t i = 0; i < effects.count; i++)
        carry_out(agent, &effects.items[i]);
    effects_clear(&agent->effects);
}

static void step_deferred(struct agent *agent, const struct deferred *deferred)
{
    struct event event = {
        .kind = deferred->kind,
        .node = deferred->node,
        .address = deferred->address,
        .pod = deferred->pod,
    };
    event.pod.reason = deferred->reason;
    event.pod.message = deferred->message;
    step_once(agent, &event);
}

void agent_step(struct agent *agent, const struct event *event)
{
    ASSERT(!agent->stepping);
    if (agent->ended)
        return;
    agent->stepping = true;
    agent->passed_bytes += event->payload.size_bytes + event->request.body.size_bytes;
    step_once(agent, event);
    for (size_t i = 0; i < agent->deferred_count; i++) {
        struct deferred deferred = agent->deferred[i]; /* the array may move while it is told */
        step_deferred(agent, &deferred);
    }
    agent->deferred_count = 0;
    agent->stepping = false;
    state_commit(agent);
    arm(agent);
    host_deliver(agent);
    doors_arm(agent);
}
