/* Strong registers: what module `register` asks for, and what it is asked. */
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"
#include "brain_internal.h"

/* proto/registers.md 4.3. Stable: longer than the start of an agent and the end of a flapping link.
 * Gone: longer than a reboot, after which the voter would be back with what it promised. */
#define VOTER_STABLE_MS 5000
#define VOTER_GONE_MS   300000
/* The rumour of a newer roster takes the place of an older one's. */
#define ROSTER_RUMOUR UINT64_C(0x726f73746572)

struct registers *strong_new(const struct brain_config *config)
{
    const struct registers_config registers = {.node = config->self.node,
                                               .seed = hash64_pair(config->seed, 4)};
    return registers_new(&registers);
}

/* ---- what it asks for */

static void send(void *context, uint64_t node, struct bytes payload)
{
    tell(context, node, payload);
}

static uint64_t persist(void *context, struct bytes key, struct bytes payload)
{
    struct brain *brain = context;
    effects_persist(brain->effects, ++brain->persist_sequence, EFFECT_TABLE_REGISTER, key, payload);
    return brain->persist_sequence;
}

static void roster_changed(void *context, const struct register_roster *roster, bool foreign)
{
    struct brain *brain = context;
    struct wire_roster wire = register_roster_to_wire(roster);
    struct buf payload = BUF_INIT;
    wire_put_roster(&payload, &wire);
    (void)gossip_enqueue(brain->gossip, brain->now,
                         &(struct gossip_news){.class = GOSSIP_SYSTEM,
                                               .key = ROSTER_RUMOUR,
                                               .origin = brain->node,
                                               .message = {payload.data, payload.size_bytes}});
    buf_fini(&payload);
    effects_trace(brain->effects, "roster: epoch %llu, %zu voters%s%s",
                  (unsigned long long)roster->epoch, roster->voters_count,
                  register_roster_is_voter(roster, brain->node) ? ", this node among them" : "",
                  roster->next_count > 0 ? ", being changed" : "");
    if (foreign)
        effects_trace(
            brain->effects,
            "ConflictLost: two clusters, founded apart, have met; leases and registers of the one "
            "that this node was in are lost (shoal lease list shows what is held)");
}

static uint64_t pick_peer(void *context)
{
    struct brain *brain = context;
    struct member_view views[MEMBER_PICK_MAX];
    return member_pick(brain->members, 1, 0, NULL, NULL, views) == 1 ? views[0].node : 0;
}

static const struct register_member *list_members(void *context, size_t *ret_count)
{
    struct brain *brain = context;
    size_t count = member_count(brain->members);
    if (count > brain->voters_to_be_capacity) {
        brain->voters_to_be_capacity = count * 2;
        brain->voters_to_be = mem_realloc(brain->voters_to_be, brain->voters_to_be_capacity,
                                          sizeof(*brain->voters_to_be));
    }
    for (size_t i = 0; i < count; i++) {
        struct member_view view;
        member_at(brain->members, i, &view);
        uint64_t for_ms = brain->now.boot_ms - view.since_boot_ms;
        struct bytes zone = view.record == NULL ? (struct bytes){.data = NULL} : view.record->zone;
        bool live = view.status == MEMBER_ALIVE || view.status == MEMBER_SUSPECT;
        brain->voters_to_be[i] = (struct register_member){
            .node = view.node,
            .zone_hash = zone.size_bytes == 0 ? 0 : hash64(zone.data, zone.size_bytes, 0),
            .live = live,
            .stable = view.status == MEMBER_ALIVE && for_ms >= VOTER_STABLE_MS,
            .gone = view.status == MEMBER_LEFT ||
                    (view.status == MEMBER_DEAD && for_ms >= VOTER_GONE_MS),
        };
    }
    *ret_count = count;
    return brain->voters_to_be;
}

static const enum error_code codes[REGISTER_OUTCOMES_COUNT] = {
    [REGISTER_DONE] = ERROR_NONE,       [REGISTER_CONFLICT] = ERROR_CONFLICT,
    [REGISTER_UNKNOWN] = ERROR_TIMEOUT, [REGISTER_UNAVAILABLE] = ERROR_UNAVAILABLE,
    [REGISTER_LIMIT] = ERROR_LIMIT,     [REGISTER_INVALID] = ERROR_INVALID,
};

static void put_answer(struct brain *brain, const struct register_result *result,
                       struct buf *payload)
{
    struct wire_register_answer answer = {.records_count = result->records_count};
    /* Of a single register the key is known to the one who asked; a ballot is required, and tells
     * nothing. */
    struct wire_register_record one = {.key = {(const uint8_t *)"-", 1},
                                       .promised = {.counter = 1, .node = brain->node},
                                       .has_value = true,
                                       .value = result->value,
                                       .age_ms = result->age_ms};
    memcpy(&answer.records, &result->records, sizeof(answer.records)); /* encoders only read */
    if (result->has_value) {
        answer.records = &one;
        answer.records_count = 1;
    }
    if (answer.records_count > WIRE_REGISTER_ANSWER_RECORDS_COUNT_MAX)
        answer.records_count = WIRE_REGISTER_ANSWER_RECORDS_COUNT_MAX;
    if (result->holds_until_boot_ms > brain->now.boot_ms)
        answer.holds_ms = result->holds_until_boot_ms - brain->now.boot_ms;
    const struct register_roster *roster = registers_roster(brain->registers);
    if (roster->epoch != 0) {
        answer.has_roster = true;
        answer.roster = register_roster_to_wire(roster);
    }
    wire_register_answer_encode(&answer, payload);
}

static void reply(void *context, const struct register_result *result)
{
    struct brain *brain = context;
    struct buf payload = BUF_INIT;
    put_answer(brain, result, &payload);
    effects_reply(brain->effects, result->id, codes[result->outcome],
                  (struct bytes){payload.data, payload.size_bytes}, "%s", result->text);
    buf_fini(&payload);
}

static struct register_output output_of(struct brain *brain)
{
    return (struct register_output){.context = brain,
                                    .send = send,
                                    .persist = persist,
                                    .reply = reply,
                                    .roster_changed = roster_changed,
                                    .peer = pick_peer,
                                    .members = list_members};
}

/* ---- what it is asked */

bool strong_restore(struct brain *brain, struct bytes key, struct bytes payload)
{
    return registers_restore(brain->registers, brain->now, key, payload);
}

void strong_start(struct brain *brain)
{
    struct register_output output = output_of(brain);
    registers_start(brain->registers, brain->now, brain->alone_at_start, &output);
}

bool strong_receive(struct brain *brain, uint64_t node, const struct wire_message *message)
{
    struct register_output output = output_of(brain);
    return !brain->started ||
           registers_receive(brain->registers, brain->now, node, message, &output);
}

void strong_persisted(struct brain *brain)
{
    struct register_output output = output_of(brain);
    registers_persisted(brain->registers, brain->now, brain->persisted_sequence, &output);
}

void strong_timer(struct brain *brain)
{
    struct register_output output = output_of(brain);
    registers_timer(brain->registers, brain->now, &output);
}

void strong_request(struct brain *brain, const struct brain_request *request)
{
    static const enum register_verb verbs[] = {
        [BRAIN_REGISTER_READ] = REGISTER_READ,    [BRAIN_REGISTER_LIST] = REGISTER_LIST,
        [BRAIN_REGISTER_WRITE] = REGISTER_WRITE,  [BRAIN_LEASE_ACQUIRE] = REGISTER_ACQUIRE,
        [BRAIN_LEASE_RENEW] = REGISTER_RENEW,     [BRAIN_LEASE_RELEASE] = REGISTER_RELEASE,
        [BRAIN_LEASE_REPLACE] = REGISTER_REPLACE,
    };
    const struct brain_register_request *strong = request->strong;
    struct register_output output = output_of(brain);
    ASSERT(strong != NULL);
    if (strong->verb == BRAIN_ROSTER_RESET) {
        registers_reset(brain->registers, brain->now, &output);
        reply(brain,
              &(struct register_result){.id = request->id, .outcome = REGISTER_DONE, .text = ""});
        return;
    }
    const struct register_request asked = {
        .id = request->id,
        .verb = verbs[strong->verb],
        .key = {(const uint8_t *)request->key, strlen(request->key)},
        .body = request->body,
        .holder = strong->holder,
        .token = strong->token,
        .duration_ms = strong->duration_ms,
        .check_sequence = strong->check_sequence,
        .sequence = strong->sequence,
    };
    registers_submit(brain->registers, brain->now, &asked, &output);
}
