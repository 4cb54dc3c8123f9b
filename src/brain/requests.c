#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"
#include "brain_internal.h"
#include "spec/changed.h"

static const enum store_verb store_verbs[] = {
    [BRAIN_CREATE] = STORE_CREATE,
    [BRAIN_REPLACE] = STORE_REPLACE,
    [BRAIN_APPLY] = STORE_APPLY,
    [BRAIN_DELETE] = STORE_DELETE,
};

/* Unique by node, start and counter; random bits on top (RFC 9562 5.4: version 4). */
static void make_uid(struct brain *brain, uint8_t ret_uid[static 16])
{
    const uint64_t words[] = {brain->node, brain->config.self.generation, brain->uids_count++,
                              prng_next(&brain->prng)};
    uint64_t halves[2] = {hash64(words, sizeof(words), 3), hash64(words, sizeof(words), 4)};
    for (int i = 0; i < 16; i++)
        ret_uid[i] = (uint8_t)(halves[i / 8] >> (56 - 8 * (i % 8)));
    ret_uid[6] = (uint8_t)((ret_uid[6] & 0x0f) | 0x40);
    ret_uid[8] = (uint8_t)((ret_uid[8] & 0x3f) | 0x80);
}

static void put_object(const struct store_object *object, struct buf *payload)
{
    struct wire_object wire = {
        .key = {(const uint8_t *)object->key, strlen(object->key)},
        .version = object->version,
        .generation = object->generation,
        .created_wall_ms = object->created_wall_ms,
        .deleted = object->body.size_bytes == 0,
        .body = object->body,
    };
    memcpy(wire.uid, object->uid, sizeof(wire.uid));
    wire_object_encode(&wire, payload);
}

static void reply_error(struct brain *brain, uint64_t request, const struct error *error)
{
    effects_reply(brain->effects, request, error->code, (struct bytes){.data = NULL}, "%s",
                  error->message);
}

/* Answers when all that was written so far is on disk. Takes the payload. */
static void reply_when_durable(struct brain *brain, uint64_t request, struct buf *payload)
{
    MEM_GROW(brain->replies, brain->replies_count, brain->replies_capacity);
    struct pending_reply *reply = &brain->replies[brain->replies_count++];
    reply->request = request;
    reply->sequence = brain->persist_sequence;
    size_t size_bytes = 0;
    reply->payload.data = buf_take(payload, &size_bytes);
    reply->payload.size_bytes = size_bytes;
}

void replies_release(struct brain *brain)
{
    size_t kept_count = 0;
    for (size_t i = 0; i < brain->replies_count; i++) {
        struct pending_reply *reply = &brain->replies[i];
        if (reply->sequence > brain->persisted_sequence) {
            brain->replies[kept_count++] = *reply;
            continue;
        }
        uint8_t *data = NULL;
        memcpy(&data, &reply->payload.data, sizeof(data));
        effects_reply(brain->effects, reply->request, ERROR_NONE, reply->payload, "%s", "");
        mem_free(data);
    }
    brain->replies_count = kept_count;
}

/* ---- deleting one pod of a workload: its node stops it, and its slot is filled again */

struct pod_search {
    struct bytes name;
    const char *namespace_name;
    size_t namespace_bytes;
    bool found;
    uint64_t node;
    uint8_t pod_uid[16];
};

static bool in_namespace(const struct wire_claim *claim, const struct pod_search *search)
{
    const uint8_t *slash = memchr(claim->workload_key.data, '/', claim->workload_key.size_bytes);
    if (slash == NULL)
        return false;
    size_t rest_bytes =
        claim->workload_key.size_bytes - (size_t)(slash + 1 - claim->workload_key.data);
    return rest_bytes > search->namespace_bytes && slash[1 + search->namespace_bytes] == '/' &&
           memcmp(slash + 1, search->namespace_name, search->namespace_bytes) == 0;
}

static bool match_pod(void *context, const struct wire_claim *claim)
{
    struct pod_search *search = context;
    if (claim->pod_name.size_bytes != search->name.size_bytes ||
        memcmp(claim->pod_name.data, search->name.data, search->name.size_bytes) != 0 ||
        !in_namespace(claim, search))
        return true;
    search->found = true;
    search->node = claim->node;
    memcpy(search->pod_uid, claim->pod_uid, sizeof(search->pod_uid));
    return false;
}

static bool evict_pod(struct brain *brain, const struct brain_request *request)
{
    const char *namespace_name = strchr(request->key, '/');
    const char *slash = namespace_name == NULL ? NULL : strchr(namespace_name + 1, '/');
    if (slash == NULL || strncmp(request->key, "pods/", 5) != 0)
        return false;
    struct pod_search search = {
        .name = {(const uint8_t *)slash + 1, strlen(slash + 1)},
        .namespace_name = namespace_name + 1,
        .namespace_bytes = (size_t)(slash - namespace_name - 1),
    };
    store_each_claim(brain->store, match_pod, &search);
    if (!search.found)
        return false;
    struct wire_evict evict = {.grace_ms = 0};
    struct address address;
    memcpy(evict.pod_uid, search.pod_uid, sizeof(evict.pod_uid));
    if (request->dry_run) {
        /* nothing to do */
    } else if (search.node == brain->node) {
        struct control_view view = control_view_of(brain);
        struct control_output output = control_output_of(brain);
        (void)control_evict(brain->control, &view, evict.pod_uid, &output);
    } else if (swim_address(brain, search.node, &address)) {
        struct buf payload = BUF_INIT;
        wire_put_evict(&payload, &evict);
        effects_stream(brain->effects, search.node, &address,
                       (struct bytes){payload.data, payload.size_bytes});
        buf_fini(&payload);
    }
    effects_reply(brain->effects, request->id, ERROR_NONE, (struct bytes){.data = NULL}, "%s", "");
    return true;
}

static bool full(const struct brain *brain, struct error *error)
{
    if (brain->replies_count < REPLIES_MAX && !acks_full(brain))
        return false;
    (void)error_set(error, ERROR_LIMIT, "%d writes wait for the disk already; try again",
                    REPLIES_MAX);
    return true;
}

/* ---- the key ring */

static bool is_about_keys(enum brain_verb verb)
{
    return verb == BRAIN_KEY_INSTALL || verb == BRAIN_KEY_USE || verb == BRAIN_KEY_REMOVE;
}

static void change_keys(struct brain *brain, const struct brain_request *request)
{
    struct error error = ERROR_INIT;
    struct buf nothing = BUF_INIT;
    if (full(brain, &error) || keys_change(brain, request, &error) < 0) {
        reply_error(brain, request->id, &error);
        return;
    }
    reply_when_durable(brain, request->id, &nothing);
    replies_release(brain);
}

/* ---- writes */

/* What the others must have: the version that was written, or that stands already. */
static void wait_for_others(struct brain *brain, const struct brain_request *request,
                            const struct store_change *change, struct buf *payload)
{
    struct buf record = BUF_INIT;
    if (change->record != 0)
        store_put_record(brain->store, change, &record);
    else
        store_put_current(brain->store, request->key, &record);
    acks_add(brain, request, payload, &record);
    buf_fini(&record);
}

void request_take(struct brain *brain, const struct brain_request *request)
{
    ASSERT(request->id != 0);
    if (is_about_keys(request->verb)) {
        change_keys(brain, request);
        return;
    }
    if (request->verb == BRAIN_REGISTER) {
        strong_request(brain, request);
        return;
    }
    struct error error = ERROR_INIT;
    const struct store_object *current = store_object(brain->store, request->key);
    if (request->verb == BRAIN_DELETE && current == NULL && evict_pod(brain, request))
        return;
    if (full(brain, &error)) {
        reply_error(brain, request->id, &error);
        return;
    }
    struct store_request write = {
        .verb = store_verbs[request->verb],
        .key = request->key,
        .body = request->body,
        .spec_changed = current != NULL && request->verb != BRAIN_DELETE &&
                        spec_changed(current->body, request->body),
        .precondition_hlc = request->precondition_hlc,
        .precondition_uid = request->precondition_uid,
        .dry_run = request->dry_run,
    };
    struct store_change change;
    make_uid(brain, write.new_uid);
    if (store_write(brain->store, brain->now, &write, &change, &error) < 0) {
        reply_error(brain, request->id, &error);
        return;
    }
    struct buf payload = BUF_INIT;
    const struct store_object *result =
        request->verb == BRAIN_DELETE && change.before != NULL ? change.before : change.object;
    if (result != NULL)
        put_object(result, &payload);
    if (!request->dry_run) {
        uint8_t uid[16] = {0};
        if (result != NULL)
            memcpy(uid, result->uid, sizeof(uid));
        record_changed(brain, &change);
        control_submitted(brain->control, uid, brain->now.boot_ms);
    }
    if (request->ack != BRAIN_ACK_LOCAL && !request->dry_run)
        wait_for_others(brain, request, &change, &payload);
    else
        reply_when_durable(brain, request->id, &payload);
    replies_release(brain);
}
