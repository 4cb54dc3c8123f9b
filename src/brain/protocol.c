/*
 * Every message in words, for `gossip trace`. It looks at what comes in and at what a step sends
 * out, beside the code that acts on it: nothing is decided here, and nobody who does not watch pays
 * for it.
 */
#include <string.h>

#include "brain_internal.h"

/* Records are what a packet carries besides: how many of each kind. */
struct rumours {
    uint32_t members, objects, claims, others;
};

static bool count_rumour(enum wire_message_type type, struct rumours *rumours)
{
    switch (type) {
    case WIRE_MESSAGE_MEMBER:
        rumours->members++;
        return true;
    case WIRE_MESSAGE_OBJECT:
        rumours->objects++;
        return true;
    case WIRE_MESSAGE_CLAIM:
        rumours->claims++;
        return true;
    case WIRE_MESSAGE_DECLINE:
    case WIRE_MESSAGE_NODE_STATUS:
        rumours->others++;
        return true;
    default:
        return false;
    }
}

/* "ping{seq=1}" without what the event is called anyway. */
static void put_fields(const struct wire_message *message, struct buf *text)
{
    size_t name_bytes = strlen(wire_message_type_name(message->type));
    struct buf dump = BUF_INIT;
    wire_message_dump(message, &dump);
    if (dump.size_bytes > name_bytes + 2)
        buf_append(text, dump.data + name_bytes + 1, dump.size_bytes - name_bytes - 2);
    buf_fini(&dump);
}

/* The long lists of an exchange are counted. */
static void put_message(const struct wire_message *message, struct buf *text)
{
    if (message->type == WIRE_MESSAGE_SUMMARIES)
        buf_printf(text, "items=%zu", message->as.summaries.items_count);
    else if (message->type == WIRE_MESSAGE_WANT)
        buf_printf(text, "key_hashes=%zu", message->as.want.key_hashes_count);
    else if (message->type == WIRE_MESSAGE_DIGEST)
        buf_printf(text, "root=%016llx buckets=%zu%s%s",
                   (unsigned long long)message->as.digest.root, message->as.digest.buckets_count,
                   message->as.digest.reply ? " reply" : "",
                   message->as.digest.more ? " more" : "");
    else
        put_fields(message, text);
}

static void tell_message(struct brain *brain, enum effect_direction direction, uint64_t node,
                         const struct wire_message *message)
{
    struct buf text = BUF_INIT;
    put_message(message, &text);
    effects_trace_message(brain->effects, direction, node, wire_message_type_name(message->type),
                          buf_text(&text));
    buf_fini(&text);
}

static void tell_rumours(struct brain *brain, enum effect_direction direction, uint64_t node,
                         const struct rumours *rumours)
{
    struct buf text = BUF_INIT;
    if (rumours->members + rumours->objects + rumours->claims + rumours->others == 0)
        return;
    buf_printf(&text, "members=%u objects=%u claims=%u others=%u", rumours->members,
               rumours->objects, rumours->claims, rumours->others);
    effects_trace_message(brain->effects, direction, node, "records", buf_text(&text));
    buf_fini(&text);
}

static void tell_payload(struct brain *brain, enum effect_direction direction, uint64_t node,
                         struct bytes payload)
{
    struct rumours rumours = {.members = 0};
    wire_arena_reset(&brain->arena);
    while (payload.size_bytes > 0) {
        struct wire_message message;
        size_t consumed_bytes = 0;
        enum wire_verdict verdict =
            wire_message_decode(payload, &brain->arena, &message, &consumed_bytes);
        if (verdict != WIRE_OK)
            effects_trace_message(brain->effects, direction, node, "undecoded",
                                  wire_verdict_name(verdict));
        if (verdict != WIRE_OK && verdict != WIRE_UNKNOWN_TYPE)
            break;
        if (verdict == WIRE_OK && !count_rumour(message.type, &rumours))
            tell_message(brain, direction, node, &message);
        payload.data += consumed_bytes;
        payload.size_bytes -= consumed_bytes;
    }
    tell_rumours(brain, direction, node, &rumours);
    wire_arena_reset(&brain->arena);
}

void protocol_came(struct brain *brain, const struct event *event)
{
    if (event->kind == EVENT_DATAGRAM || event->kind == EVENT_STREAM)
        tell_payload(brain, EFFECT_IN, event->node, event->payload);
    else if (event->kind == EVENT_UNREACHABLE)
        effects_trace_message(brain->effects, EFFECT_HERE, 0,
                              event->refused ? "refused" : "unsendable", "");
    else if (event->kind == EVENT_STREAM_FAILED)
        effects_trace_message(brain->effects, EFFECT_HERE, event->node, "stream failed", "");
    else if (event->kind == EVENT_WATCH_LOST)
        effects_trace_message(brain->effects, EFFECT_HERE, event->node, "watch lost", "");
}

void protocol_goes(struct brain *brain, size_t first)
{
    size_t end = brain->effects->count; /* what is told here is appended behind */
    for (size_t i = first; i < end; i++) {
        const struct effect effect = brain->effects->items[i];
        if (effect.kind == EFFECT_DATAGRAM || effect.kind == EFFECT_STREAM)
            tell_payload(brain, EFFECT_OUT, effect.node, effect.payload);
    }
}

void brain_watch_protocol(struct brain *brain, bool on)
{
    brain->watched = on;
}
