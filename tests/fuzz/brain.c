/*
 * The gossip packet harness: a whole brain among peers that may say anything. Known members,
 * strangers and the node's own id send datagrams and stream messages of arbitrary bytes; between
 * them time passes, users write, pods report. Laws: every invariant of every module holds after
 * every step; whatever it sends decodes and fits; time always moves on (the deadline lies ahead
 * after a step); the same input gives the same effects.
 *
 * Input: one byte of options, then steps: operation, choice, size (two bytes, big-endian), that
 * many bytes.
 */
#include <string.h>

#include "base/assert.h"
#include "shoal/brain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

#define STEPS_MAX   300
#define WAKES_MAX   40
#define PODS_MAX    16
#define PEERS_COUNT 3 /* nodes 2 to 4 are known; 5 to 7 are strangers; 1 is the brain's own */
#define WEB_KEY     "deployments.apps/default/web"
#define POD_KEY     "pods/default/p"
#define START_MS    UINT64_C(1767225600000)

static const char web[] =
    "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web"
    "\",\"namespace\":\"default\"},\"spec\":{\"progressDeadlineSeconds\":600,\"replic"
    "as\":3,\"revisionHistoryLimit\":10,\"selector\":{\"matchLabels\":{\"app\":\"web"
    "\"}},\"strategy\":{\"rollingUpdate\":{\"maxSurge\":\"25%\",\"maxUnavailable\":\""
    "25%\"},\"type\":\"RollingUpdate\"},\"template\":{\"metadata\":{\"labels\":{\"app"
    "\":\"web\"}},\"spec\":{\"containers\":[{\"image\":\"x\",\"imagePullPolicy\":\"Al"
    "ways\",\"name\":\"web\",\"resources\":{\"requests\":{\"cpu\":\"500m\"}}}],\"rest"
    "artPolicy\":\"Always\",\"terminationGracePeriodSeconds\":30}}}}";

struct game {
    struct brain *brain;
    struct effects effects;
    struct wire_arena arena;
    struct instant now;
    uint64_t hash;
    uint64_t sequence; /* newest write that is under way */
    uint64_t request;
    uint8_t pods[PODS_MAX][16]; /* that the brain asked for */
    size_t pods_count;
};

static struct address address_of(uint64_t node)
{
    return (struct address){.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = (uint8_t)node},
                            .port = 7600};
}

static struct wire_member record_of(uint64_t node)
{
    static const char *const names[] = {"n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7"};
    struct address address = address_of(node);
    struct wire_member record = {
        .node = node,
        .generation = 100,
        .name = {(const uint8_t *)names[node % 8], 2},
        .capacity = {.cpu_milli = 2000,
                     .memory_bytes = 1 << 30,
                     .ephemeral_bytes = 1 << 30,
                     .pods = 8},
    };
    memcpy(record.address.ip, address.ip, sizeof(address.ip));
    record.address.port = address.port;
    return record;
}

static void check_payload(struct game *game, struct bytes payload)
{
    wire_arena_reset(&game->arena);
    ASSERT(payload.size_bytes > 0);
    while (payload.size_bytes > 0) {
        struct wire_message message;
        size_t consumed_bytes = 0;
        ASSERT(wire_message_decode(payload, &game->arena, &message, &consumed_bytes) == WIRE_OK);
        payload.data += consumed_bytes;
        payload.size_bytes -= consumed_bytes;
    }
}

static void note_pod(struct game *game, const uint8_t uid[static 16])
{
    for (size_t i = 0; i < game->pods_count; i++)
        ASSERT(memcmp(game->pods[i], uid, 16) != 0); /* nothing is started twice */
    if (game->pods_count < PODS_MAX)
        memcpy(game->pods[game->pods_count++], uid, 16);
}

static void check_effects(struct game *game)
{
    for (size_t i = 0; i < game->effects.count; i++) {
        const struct effect *effect = &game->effects.items[i];
        if (effect->kind == EFFECT_DATAGRAM)
            ASSERT(effect->payload.size_bytes <= DATAGRAM_BYTES_MAX);
        if (effect->kind == EFFECT_DATAGRAM || effect->kind == EFFECT_STREAM)
            check_payload(game, effect->payload);
        if (effect->kind == EFFECT_PERSIST)
            game->sequence = effect->sequence;
        if (effect->kind == EFFECT_POD_START)
            note_pod(game, effect->pod_uid);
    }
    game->hash = effects_hash(&game->effects, game->hash);
}

static void step(struct game *game, const struct event *event)
{
    effects_clear(&game->effects);
    brain_step(game->brain, game->now, event, &game->effects);
    check_effects(game);
    brain_validate(game->brain);
}

static void pass_time(struct game *game, uint64_t ms)
{
    uint64_t until_boot_ms = game->now.boot_ms + ms;
    for (int i = 0; i < WAKES_MAX && brain_deadline(game->brain) <= until_boot_ms; i++) {
        uint64_t deadline_boot_ms = brain_deadline(game->brain);
        if (deadline_boot_ms > game->now.boot_ms) {
            game->now.wall_ms += deadline_boot_ms - game->now.boot_ms;
            game->now.boot_ms = deadline_boot_ms;
        }
        step(game, &(struct event){.kind = EVENT_TIMER});
        ASSERT(brain_deadline(game->brain) > game->now.boot_ms);
    }
    if (until_boot_ms > game->now.boot_ms) {
        game->now.wall_ms += until_boot_ms - game->now.boot_ms;
        game->now.boot_ms = until_boot_ms;
    }
}

static void hear(struct game *game, uint64_t node, struct bytes payload, bool stream)
{
    struct event event = {.kind = stream ? EVENT_STREAM : EVENT_DATAGRAM,
                          .node = node,
                          .address = address_of(node),
                          .payload = payload};
    step(game, &event);
}

static void ask(struct game *game, uint8_t choice, struct bytes body)
{
    struct event event = {.kind = EVENT_REQUEST};
    event.request.id = ++game->request;
    event.request.verb = choice & 1 ? BRAIN_DELETE : BRAIN_APPLY;
    event.request.key = choice & 2 ? POD_KEY : WEB_KEY;
    event.request.dry_run = (choice & 4) != 0;
    event.request.ack = (enum brain_ack)((choice >> 4) % 3);
    event.request.ack_timeout_ms = choice >> 6;
    if ((choice & 1) == 0)
        event.request.body =
            choice & 8 ? body : (struct bytes){(const uint8_t *)web, sizeof(web) - 1};
    if ((choice & 1) == 0 && event.request.body.size_bytes == 0)
        return;
    step(game, &event);
}

static void report(struct game *game, uint8_t choice, struct bytes text)
{
    char message[600] = "";
    struct event event = {.kind = EVENT_POD_STATUS};
    if (game->pods_count == 0)
        return;
    memcpy(event.pod.pod_uid, game->pods[choice % game->pods_count], 16);
    memcpy(message, text.data, text.size_bytes < 599 ? text.size_bytes : 599);
    event.pod.state = (enum wire_claim_state)(1 + (choice >> 4) % 7);
    event.pod.ready = event.pod.state == WIRE_CLAIM_STATE_RUNNING;
    event.pod.refused = event.pod.state == WIRE_CLAIM_STATE_RELEASED && text.size_bytes > 0;
    event.pod.message = message;
    event.pod.reason = message;
    step(game, &event);
}

/* ---- messages that decode, about few enough things to hit each other */

struct dice {
    struct bytes bytes;
};

static uint8_t roll(struct dice *dice, uint8_t sides)
{
    if (dice->bytes.size_bytes == 0)
        return 0;
    dice->bytes.size_bytes--;
    return *dice->bytes.data++ % sides;
}

static struct bytes text_of(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

/* The uid that stands under the key here, or one of two others. */
static void roll_uid(const struct game *game, struct dice *dice, const char *key,
                     uint8_t uid[static 16])
{
    struct brain_object object;
    uint8_t choice = roll(dice, 4);
    memset(uid, 0x40 + choice, 16);
    if (choice < 2 && brain_object(game->brain, key, &object))
        memcpy(uid, object.uid, 16);
}

static uint64_t roll_hlc(const struct game *game, struct dice *dice)
{
    struct brain_object object;
    uint8_t choice = roll(dice, 8);
    if (choice < 4 && brain_object(game->brain, WEB_KEY, &object))
        return object.version.hlc;
    return (START_MS + (uint64_t)choice * 500) << 16;
}

static void roll_pod(const struct game *game, struct dice *dice, uint8_t uid[static 16])
{
    uint8_t choice = roll(dice, 8);
    memset(uid, 0x80 + choice, 16);
    if (choice < 6 && game->pods_count > 0)
        memcpy(uid, game->pods[choice % game->pods_count], 16);
}

static struct wire_slot roll_slot(const struct game *game, struct dice *dice)
{
    struct wire_slot slot = {.ordinal = roll(dice, 6)};
    roll_uid(game, dice, WEB_KEY, slot.workload_uid);
    return slot;
}

static void put_claim(const struct game *game, struct dice *dice, struct buf *payload)
{
    struct wire_claim claim;
    wire_claim_init(&claim);
    claim.node = 1 + roll(dice, 7);
    claim.node_generation = 99 + roll(dice, 3);
    claim.seq = 1 + roll(dice, 255);
    roll_pod(game, dice, claim.pod_uid);
    claim.slot = roll_slot(game, dice);
    claim.object_generation = roll_hlc(game, dice);
    claim.template_hash = roll(dice, 3);
    claim.state = (enum wire_claim_state)roll(dice, 8);
    claim.ready = claim.state == WIRE_CLAIM_STATE_RUNNING && roll(dice, 2);
    claim.created_wall_ms = START_MS + roll(dice, 4);
    claim.workload_key = text_of(roll(dice, 4) ? WEB_KEY : "nonsense");
    claim.pod_name = text_of("web-x");
    claim.rank = roll(dice, 3);
    wire_put_claim(payload, &claim);
}

static void put_object(const struct game *game, struct dice *dice, struct buf *payload)
{
    char body[sizeof(web)];
    struct wire_object object;
    wire_object_init(&object);
    memcpy(body, web, sizeof(web));
    strstr(body, "\"replicas\":")[11] = (char)('0' + roll(dice, 8));
    strstr(body, "\"image\":\"x")[9] = (char)('x' + roll(dice, 2));
    object.key = text_of(WEB_KEY);
    object.version = (struct wire_version){.hlc = roll_hlc(game, dice), .node = 1 + roll(dice, 7)};
    object.has_parent = roll(dice, 2);
    object.parent = (struct wire_version){.hlc = roll_hlc(game, dice), .node = 1 + roll(dice, 7)};
    roll_uid(game, dice, WEB_KEY, object.uid);
    object.generation = 1 + roll(dice, 3);
    object.created_wall_ms = START_MS;
    object.deleted = roll(dice, 4) == 3;
    if (!object.deleted)
        object.body = text_of(roll(dice, 16) == 15 ? "{}" : body);
    if (wire_object_validate(&object) == WIRE_OK)
        wire_put_object(payload, &object);
}

static void put_other(const struct game *game, struct dice *dice, struct buf *payload)
{
    struct wire_decline decline;
    struct wire_offer offer = {.workload_key = text_of(WEB_KEY)};
    struct wire_evict evict = {.grace_ms = 0};
    struct wire_node_status status = {.node = 1 + roll(dice, 7), .generation = 99 + roll(dice, 3)};
    struct wire_stored_query query;
    struct wire_stored stored;
    switch (roll(dice, 6)) {
    case 0:
        wire_decline_init(&decline);
        decline.node = status.node;
        decline.node_generation = status.generation;
        decline.seq = 1 + roll(dice, 255);
        decline.slot = roll_slot(game, dice);
        decline.object_generation = roll_hlc(game, dice);
        decline.reason = text_of("full");
        decline.hold_ms = 100u * roll(dice, 255);
        wire_put_decline(payload, &decline);
        return;
    case 1:
        offer.slot = roll_slot(game, dice);
        offer.object_generation = roll_hlc(game, dice);
        wire_put_offer(payload, &offer);
        return;
    case 2:
        roll_pod(game, dice, evict.pod_uid);
        wire_put_evict(payload, &evict);
        return;
    case 3:
        wire_stored_query_init(&query);
        query.key = text_of(WEB_KEY);
        query.version =
            (struct wire_version){.hlc = roll_hlc(game, dice), .node = 1 + roll(dice, 7)};
        roll_uid(game, dice, WEB_KEY, query.uid);
        query.deleted = roll(dice, 2);
        wire_put_stored_query(payload, &query);
        return;
    case 4:
        wire_stored_init(&stored);
        stored.version =
            (struct wire_version){.hlc = roll_hlc(game, dice), .node = 1 + roll(dice, 7)};
        roll_uid(game, dice, WEB_KEY, stored.uid);
        wire_put_stored(payload, &stored);
        return;
    default:
        status.seq = 1 + roll(dice, 255);
        status.allocated = (struct wire_resources){.cpu_milli = 100u * roll(dice, 30), .pods = 1};
        status.claims_complete = roll(dice, 2);
        wire_put_node_status(payload, &status);
        return;
    }
}

static void converse(struct game *game, uint8_t choice, struct bytes bytes)
{
    struct buf payload = BUF_INIT;
    struct dice dice = {bytes};
    while (dice.bytes.size_bytes > 0 && payload.size_bytes < 4096) {
        switch (roll(&dice, 4)) {
        case 0:
            put_claim(game, &dice, &payload);
            break;
        case 1:
            put_object(game, &dice, &payload);
            break;
        default:
            put_other(game, &dice, &payload);
            break;
        }
    }
    if (payload.size_bytes > 0)
        hear(game, 2 + choice % 6, (struct bytes){payload.data, payload.size_bytes}, true);
    buf_fini(&payload);
}

static void play(struct game *game, uint8_t operation, uint8_t choice, struct bytes bytes)
{
    struct address address = address_of(1 + choice % 7);
    switch (operation % 12) {
    case 0:
    case 1:
        if (bytes.size_bytes <= DATAGRAM_BYTES_MAX)
            hear(game, 1 + choice % 7, bytes, false);
        return;
    case 2:
    case 3:
        hear(game, 1 + choice % 7, bytes, true);
        return;
    case 4:
        pass_time(game, choice < 200 ? (uint64_t)choice * 10 : (uint64_t)(choice - 199) * 3000);
        return;
    case 5:
        ask(game, choice, bytes);
        return;
    case 6:
        report(game, choice, bytes);
        return;
    case 7:
        break;
    default:
        converse(game, choice, bytes);
        return;
    }
    struct event event = {.kind = EVENT_PERSISTED, .sequence = game->sequence};
    if (choice & 128)
        event = (struct event){.kind = choice & 64 ? EVENT_UNREACHABLE : EVENT_STREAM_FAILED,
                               .node = 1 + choice % 7,
                               .address = address,
                               .refused = choice & 32};
    step(game, &event);
}

/* Peers that answer for themselves once, so that the brain takes them for members. */
static void introduce(struct game *game)
{
    for (uint64_t node = 2; node < 2 + PEERS_COUNT; node++) {
        struct buf payload = BUF_INIT;
        struct wire_member record = record_of(node);
        wire_put_member(&payload, &record);
        hear(game, node, (struct bytes){payload.data, payload.size_bytes}, false);
        buf_fini(&payload);
    }
}

struct input {
    const uint8_t *data;
    size_t size_bytes;
};

static bool next(struct input *input, uint8_t *operation, uint8_t *choice, struct bytes *bytes)
{
    if (input->size_bytes < 4)
        return false;
    size_t wanted_bytes = (size_t)input->data[2] << 8 | input->data[3];
    *operation = input->data[0];
    *choice = input->data[1];
    input->data += 4;
    input->size_bytes -= 4;
    *bytes = (struct bytes){input->data,
                            wanted_bytes < input->size_bytes ? wanted_bytes : input->size_bytes};
    input->data += bytes->size_bytes;
    input->size_bytes -= bytes->size_bytes;
    return true;
}

static uint64_t run(struct input input)
{
    static struct game game;
    static struct brain_config config;
    uint8_t options = input.size_bytes > 0 ? input.data[0] : 0;
    struct bytes bytes;
    uint8_t operation = 0;
    uint8_t choice = 0;
    game = (struct game){.now = {.boot_ms = 5000, .wall_ms = START_MS}};
    config = (struct brain_config){.self = record_of(1), .seed = options, .joining = options & 1};
    if (options & 2) {
        config.objects_max = 2;
        config.claims_max = 2;
    }
    if (input.size_bytes > 0) {
        input.data++;
        input.size_bytes--;
    }
    game.brain = brain_new(&config, game.now);
    effects_init(&game.effects);
    wire_arena_init(&game.arena, (size_t)32 << 20);
    /* The disk: whatever is on it is refused or understood. */
    for (int i = 0; i < 8 && (options & 4) != 0 && next(&input, &operation, &choice, &bytes); i++) {
        struct error error = ERROR_INIT;
        (void)brain_restore(game.brain, (enum effect_table)(operation % 4),
                            (struct bytes){(const uint8_t *)"", 0}, bytes, &error);
    }
    step(&game, &(struct event){.kind = EVENT_START});
    if ((options & 8) != 0 && next(&input, &operation, &choice, &bytes)) {
        struct event adopted = {.kind = EVENT_POD_ADOPTED, .payload = bytes};
        adopted.pod.state = WIRE_CLAIM_STATE_RUNNING;
        adopted.pod.ready = true;
        memcpy(adopted.pod.pod_uid, "0123456789abcdef", 16);
        step(&game, &adopted);
    }
    step(&game, &(struct event){.kind = EVENT_ADOPTION_DONE});
    introduce(&game);
    for (int i = 0; i < STEPS_MAX && next(&input, &operation, &choice, &bytes); i++)
        play(&game, operation, choice, bytes);
    pass_time(&game, 1000);
    wire_arena_fini(&game.arena);
    effects_fini(&game.effects);
    brain_free(game.brain);
    return game.hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct input input = {data, size_bytes};
    uint64_t hash = run(input);
    if (size_bytes > 0 && (data[0] & 16) != 0)
        ASSERT(run(input) == hash);
    return 0;
}
