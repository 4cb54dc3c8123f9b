#include "fake.h"

#include <string.h>

static struct brain *host_brain(void *context)
{
    return ((struct fake *)context)->brain;
}

static struct instant host_now(void *context)
{
    return ((struct fake *)context)->now;
}

static void host_counter_each(void *context,
                              void (*each)(void *user, const struct api_counter *counter),
                              void *user)
{
    (void)context;
    each(user, &(struct api_counter){"datagrams_in", "Datagrams received.", 5, false});
    each(user, &(struct api_counter){"connections", "Connections now.", 2, true});
}

static void host_refused_each(void *context,
                              void (*each)(void *user, const struct api_refused *refused),
                              void *user)
{
    (void)context;
    each(user, &(struct api_refused){"datagrams", "unknown key", 3});
    each(user, &(struct api_refused){"streams", "forged", 1});
}

static void host_key_each(void *context, void (*each)(void *user, uint8_t key_id, bool primary),
                          void *user)
{
    (void)context;
    each(user, 1, false);
    each(user, 2, true);
}

static void host_process(void *context, struct api_process *ret_process)
{
    (void)context;
    *ret_process = (struct api_process){
        .cpu_us = 1000002, .resident_bytes = 4096, .files_count = 7, .started_boot_ms = 1000};
}

static void transport_write(void *context, struct bytes data)
{
    struct fake *fake = context;
    buf_append(&fake->out, data.data, data.size_bytes);
}

static size_t transport_queued_bytes(void *context)
{
    return ((struct fake *)context)->queued_bytes;
}

static void transport_close(void *context)
{
    ((struct fake *)context)->closed = true;
}

static void carry_out(struct fake *fake)
{
    for (size_t i = 0; i < fake->effects.count; i++) {
        const struct effect *effect = &fake->effects.items[i];
        if (effect->kind == EFFECT_NOTIFY)
            api_changed(fake->api, effect->table, effect->key);
        if (effect->kind == EFFECT_TRACE)
            api_traced(fake->api, &(struct api_event){effect->node, effect->direction,
                                                      effect->key.size_bytes > 0
                                                          ? (const char *)effect->key.data
                                                          : "",
                                                      (const char *)effect->text.data});
    }
    effects_clear(&fake->effects);
}

static void make_brain(struct fake *fake)
{
    struct brain_config config = {.seed = 1};
    wire_member_init(&config.self);
    config.self.node = 0x11;
    config.self.generation = 1;
    config.self.name = (struct bytes){(const uint8_t *)"m1", 2};
    config.self.address.ip[15] = 1;
    config.self.address.port = 7600;
    fake->brain = brain_new(&config, fake->now);
    brain_step(fake->brain, fake->now, &(struct event){.kind = EVENT_START}, &fake->effects);
    brain_step(fake->brain, fake->now, &(struct event){.kind = EVENT_ADOPTION_DONE},
               &fake->effects);
}

void fake_init(struct fake *fake)
{
    *fake = (struct fake){.now = {.boot_ms = 5000, .wall_ms = 1000000}};
    effects_init(&fake->effects);
    make_brain(fake);
    const struct api_host host = {
        .context = fake,
        .brain = host_brain,
        .now = host_now,
        .node_name = "m1",
        .version = "1.2\"3\\",
        .cluster_id = "0123456789abcdef0123456789abcdef",
        .data_dir = "/nowhere",
        .counter_each = host_counter_each,
        .refused_each = host_refused_each,
        .key_each = host_key_each,
        .process = host_process,
    };
    fake->api = api_new(&host);
    const struct api_transport transport = {
        .context = fake,
        .write = transport_write,
        .queued_bytes = transport_queued_bytes,
        .close = transport_close,
    };
    fake->connection = api_connection_new(fake->api, &transport, false);
    carry_out(fake);
}

void fake_fini(struct fake *fake)
{
    api_connection_closed(fake->connection);
    api_free(fake->api);
    brain_free(fake->brain);
    effects_fini(&fake->effects);
    buf_fini(&fake->out);
}

const char *fake_get(struct fake *fake, const char *path)
{
    struct buf request = BUF_INIT;
    buf_clear(&fake->out);
    buf_printf(&request, "GET %s HTTP/1.1\r\nHost: shoal\r\n\r\n", path);
    api_connection_data(fake->connection, (struct bytes){request.data, request.size_bytes});
    buf_fini(&request);
    return buf_text(&fake->out);
}

void fake_datagram(struct fake *fake, uint64_t from_node, struct bytes payload)
{
    const struct event event = {.kind = EVENT_DATAGRAM,
                                .node = from_node,
                                .address = {.ip = {[15] = 1}, .port = 7601},
                                .payload = payload};
    brain_step(fake->brain, fake->now, &event, &fake->effects);
    carry_out(fake);
}

void fake_step(struct fake *fake, uint64_t later_ms)
{
    fake->now.boot_ms += later_ms;
    fake->now.wall_ms += later_ms;
    brain_step(fake->brain, fake->now, &(struct event){.kind = EVENT_TIMER}, &fake->effects);
    carry_out(fake);
    api_tick(fake->api);
}
