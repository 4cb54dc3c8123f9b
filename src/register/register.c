#include "register/register.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "register_internal.h"

/* Lists of one received page. */
#define ARENA_BYTES_MAX ((size_t)1 << 20)

struct bytes bytes_own(struct bytes bytes)
{
    if (bytes.size_bytes == 0)
        return (struct bytes){.data = NULL};
    return (struct bytes){.data = mem_dup(bytes.data, bytes.size_bytes),
                          .size_bytes = bytes.size_bytes};
}

void bytes_disown(struct bytes bytes)
{
    void *data = NULL;
    memcpy(&data, &bytes.data, sizeof(data));
    mem_free(data);
}

int bytes_compare(struct bytes a, struct bytes b)
{
    size_t size_bytes = a.size_bytes < b.size_bytes ? a.size_bytes : b.size_bytes;
    int order = size_bytes == 0 ? 0 : memcmp(a.data, b.data, size_bytes);
    if (order != 0 || a.size_bytes == b.size_bytes)
        return order;
    return a.size_bytes < b.size_bytes ? -1 : 1;
}

struct registers *registers_new(const struct registers_config *config)
{
    ASSERT(config->node != 0);
    struct registers *registers = MEM_NEW(struct registers);
    registers->config = *config;
    if (registers->config.registers_max == 0)
        registers->config.registers_max = REGISTERS_MAX_DEFAULT;
    prng_seed(&registers->prng, config->seed);
    wire_arena_init(&registers->arena, ARENA_BYTES_MAX);
    registers->query_due_boot_ms = BOOT_MS_NEVER;
    registers->driver.due_boot_ms = BOOT_MS_NEVER;
    return registers;
}

void registers_free(struct registers *registers)
{
    if (registers == NULL)
        return;
    for (size_t i = 0; i < registers->operations_count; i++)
        operation_free(registers->operations[i]);
    for (size_t i = 0; i < registers->waiting_count; i++)
        bytes_disown(registers->waiting[i].payload);
    mem_free(registers->waiting);
    acceptor_free(registers);
    driver_clear(&registers->driver);
    buf_fini(&registers->inbox);
    wire_arena_fini(&registers->arena);
    mem_free(registers);
}

void note_counter(struct registers *registers, uint64_t counter)
{
    /* Of an epoch to come: nobody who follows the rules has made it. */
    if (counter > registers->counter_seen && counter >> EPOCH_SHIFT <= registers->roster.epoch)
        registers->counter_seen = counter;
}

/* ---- sending */

void send_now(struct registers *registers, uint64_t to, const struct buf *payload)
{
    struct bytes bytes = {.data = payload->data, .size_bytes = payload->size_bytes};
    if (to == registers->config.node)
        buf_append(&registers->inbox, bytes.data, bytes.size_bytes);
    else
        registers->output->send(registers->output->context, to, bytes);
}

void send_when_persisted(struct registers *registers, uint64_t to, uint64_t sequence,
                         struct buf *payload)
{
    if (sequence <= registers->persisted_sequence) {
        send_now(registers, to, payload);
        return;
    }
    if (registers->waiting_count >= WAITING_MAX)
        return;
    MEM_GROW(registers->waiting, registers->waiting_count, registers->waiting_capacity);
    struct waiting *waiting = &registers->waiting[registers->waiting_count++];
    *waiting = (struct waiting){.sequence = sequence, .to = to};
    waiting->payload.data = buf_take(payload, &waiting->payload.size_bytes);
}

static void release(struct registers *registers)
{
    size_t kept_count = 0;
    for (size_t i = 0; i < registers->waiting_count; i++) {
        struct waiting *waiting = &registers->waiting[i];
        if (waiting->sequence > registers->persisted_sequence) {
            registers->waiting[kept_count++] = *waiting;
            continue;
        }
        if (waiting->to == registers->config.node)
            buf_append(&registers->inbox, waiting->payload.data, waiting->payload.size_bytes);
        else
            registers->output->send(registers->output->context, waiting->to, waiting->payload);
        bytes_disown(waiting->payload);
    }
    registers->waiting_count = kept_count;
}

/* ---- receiving */

static bool take_roster(struct registers *registers, const struct wire_roster *wire)
{
    struct register_roster roster;
    if (!register_roster_of_wire(wire, &roster))
        return false;
    if (register_roster_supersedes(&roster, &registers->roster))
        roster_adopt(registers, &roster);
    return true;
}

static bool take(struct registers *registers, uint64_t from, const struct wire_message *message)
{
    switch (message->type) {
    case WIRE_MESSAGE_REGISTER_PREPARE:
        acceptor_prepare(registers, from, &message->as.register_prepare);
        return true;
    case WIRE_MESSAGE_REGISTER_ACCEPT:
        acceptor_accept(registers, from, &message->as.register_accept);
        return true;
    case WIRE_MESSAGE_REGISTER_LIST:
        acceptor_list(registers, from, &message->as.register_list);
        return true;
    case WIRE_MESSAGE_REGISTER_PROMISE:
        proposer_promise(registers, from, &message->as.register_promise);
        return true;
    case WIRE_MESSAGE_REGISTER_ACCEPTED:
        proposer_accepted(registers, from, &message->as.register_accepted);
        return true;
    case WIRE_MESSAGE_REGISTER_REFUSE:
        proposer_refused(registers, from, &message->as.register_refuse);
        return true;
    case WIRE_MESSAGE_REGISTER_PAGE:
        listing_page(registers, from, &message->as.register_page);
        return true;
    case WIRE_MESSAGE_ROSTER:
        return take_roster(registers, &message->as.roster);
    case WIRE_MESSAGE_ROSTER_QUERY:
        roster_take_query(registers, from, &message->as.roster_query);
        return true;
    default:
        return false;
    }
}

/* What this node says to itself, until it has nothing more to say: each message leads to at most
 * one round of others, and every further attempt waits for its time. */
static void settle(struct registers *registers)
{
    while (registers->inbox.size_bytes > 0) {
        struct buf inbox = registers->inbox;
        registers->inbox = BUF_INIT;
        struct bytes rest = {.data = inbox.data, .size_bytes = inbox.size_bytes};
        while (rest.size_bytes > 0) {
            struct wire_message message;
            size_t consumed_bytes = 0;
            wire_arena_reset(&registers->arena);
            ASSERT(wire_message_decode(rest, &registers->arena, &message, &consumed_bytes) ==
                   WIRE_OK);
            (void)take(registers, registers->config.node, &message);
            rest.data += consumed_bytes;
            rest.size_bytes -= consumed_bytes;
        }
        buf_fini(&inbox);
    }
}

static void enter(struct registers *registers, struct instant now, struct register_output *output)
{
    ASSERT(now.boot_ms >= registers->now.boot_ms);
    registers->now = now;
    registers->output = output;
    wire_arena_reset(&registers->arena);
}

static void leave(struct registers *registers)
{
    settle(registers);
    registers->output = NULL;
}

bool registers_receive(struct registers *registers, struct instant now, uint64_t from,
                       const struct wire_message *message, struct register_output *output)
{
    enter(registers, now, output);
    bool taken = from != registers->config.node && take(registers, from, message);
    leave(registers);
    return taken;
}

/* ---- life */

bool registers_restore(struct registers *registers, struct instant now, struct bytes key,
                       struct bytes payload)
{
    struct wire_roster roster;
    registers->now = now;
    wire_arena_reset(&registers->arena);
    if (key.size_bytes > 0 && key.data[0] == 'k')
        return acceptor_restore(registers, payload);
    return key.size_bytes == 1 && key.data[0] == 'r' &&
           wire_roster_decode(payload, &registers->arena, &roster) == WIRE_OK &&
           register_roster_of_wire(&roster, &registers->roster);
}

void registers_start(struct registers *registers, struct instant now, bool alone,
                     struct register_output *output)
{
    ASSERT(!registers->started);
    enter(registers, now, output);
    registers->started = true;
    registers->start_boot_ms = now.boot_ms;
    registers->driver.due_boot_ms = now.boot_ms + DRIVER_PERIOD_MS;
    registers->query_due_boot_ms = now.boot_ms + QUERY_FAST_MS;
    registers->roster_told = true; /* what the disk had was told before */
    if (alone && registers->roster.epoch == 0)
        roster_found(registers);
    leave(registers);
}

void registers_persisted(struct registers *registers, struct instant now, uint64_t sequence,
                         struct register_output *output)
{
    enter(registers, now, output);
    if (sequence > registers->persisted_sequence) {
        registers->persisted_sequence = sequence;
        release(registers);
        roster_tell(registers);
    }
    leave(registers);
}

static bool is_valid(const struct register_request *request)
{
    bool lists = request->verb == REGISTER_LIST;
    if (request->key.size_bytes > REGISTER_KEY_BYTES_MAX ||
        (request->key.size_bytes == 0 && !lists) ||
        request->body.size_bytes > REGISTER_BODY_BYTES_MAX ||
        request->holder.size_bytes > REGISTER_HOLDER_BYTES_MAX || !wire_is_text(request->key) ||
        !wire_is_text(request->holder) || (!lists && is_roster_key(request->key)))
        return false;
    bool wants = request->verb == REGISTER_ACQUIRE ||
                 (request->verb == REGISTER_REPLACE && request->holder.size_bytes > 0);
    return !wants ||
           (request->holder.size_bytes > 0 && request->duration_ms >= REGISTER_LEASE_MS_MIN &&
            request->duration_ms <= REGISTER_LEASE_MS_MAX);
}

static void refuse_request(struct registers *registers, uint64_t id, enum register_outcome outcome,
                           const char *text)
{
    struct register_result result = {.id = id, .outcome = outcome, .text = text};
    registers->output->reply(registers->output->context, &result);
}

void registers_submit(struct registers *registers, struct instant now,
                      const struct register_request *request, struct register_output *output)
{
    ASSERT(request->id != 0 && registers->started);
    enter(registers, now, output);
    struct operation *operation = NULL;
    if (!is_valid(request)) {
        refuse_request(
            registers, request->id, REGISTER_INVALID,
            "a key has 1 to 253 bytes of UTF-8, a value at most 512, a holder 1 to 128 of "
            "UTF-8, a lease 1 to 600 seconds");
    } else if ((operation = operation_new(registers, (int)request->verb, request->key,
                                          request->body, request->timeout_ms)) == NULL) {
        refuse_request(registers, request->id, REGISTER_LIMIT,
                       "256 operations on registers are under way here; try again");
    } else {
        operation->request = request->id;
        operation->holder = bytes_own(request->holder);
        operation->token = request->token;
        operation->duration_ms = request->duration_ms;
        operation->check_sequence = request->check_sequence;
        operation->sequence = request->sequence;
        operation_begin(registers, operation);
    }
    leave(registers);
}

void registers_reset(struct registers *registers, struct instant now,
                     struct register_output *output)
{
    enter(registers, now, output);
    roster_reset(registers);
    leave(registers);
}

void registers_timer(struct registers *registers, struct instant now,
                     struct register_output *output)
{
    enter(registers, now, output);
    if (registers->started) {
        proposer_timer(registers);
        roster_timer(registers);
    }
    leave(registers);
}

boot_ms_t registers_deadline(const struct registers *registers)
{
    if (!registers->started)
        return BOOT_MS_NEVER;
    boot_ms_t deadline_ms = roster_deadline(registers);
    for (size_t i = 0; i < registers->operations_count; i++) {
        const struct operation *operation = registers->operations[i];
        boot_ms_t due_ms = operation->due_boot_ms < operation->give_up_boot_ms
                               ? operation->due_boot_ms
                               : operation->give_up_boot_ms;
        deadline_ms = due_ms < deadline_ms ? due_ms : deadline_ms;
    }
    return deadline_ms;
}

const struct register_roster *registers_roster(const struct registers *registers)
{
    return &registers->roster;
}

void registers_stats(const struct registers *registers, struct registers_stats *ret_stats)
{
    *ret_stats = registers->stats;
    ret_stats->records = registers->records_count;
    ret_stats->operations = registers->operations_count;
    ret_stats->waiting = registers->waiting_count;
}

void registers_validate(const struct registers *registers)
{
    register_roster_validate(&registers->roster);
    acceptor_validate(registers);
    ASSERT(registers->operations_count <= REGISTER_OPERATIONS_MAX &&
           registers->waiting_count <= WAITING_MAX);
    ASSERT(registers->inbox.size_bytes == 0);
    for (size_t i = 0; i < registers->operations_count; i++) {
        const struct operation *operation = registers->operations[i];
        ASSERT(operation->phase == PHASE_WAITING || operation->epoch == registers->roster.epoch);
    }
}
