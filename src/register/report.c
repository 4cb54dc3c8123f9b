/* What an operation has come to, for the one who asked. */
#include <stdio.h>

#include "base/assert.h"
#include "base/memory.h"
#include "register_internal.h"

#define TEXT_BYTES 400

const char *register_outcome_name(enum register_outcome outcome)
{
    static const char *const names[] = {"done",        "conflict", "unknown",
                                        "unavailable", "limit",    "invalid"};
    ASSERT((size_t)outcome < sizeof(names) / sizeof(names[0]));
    return names[outcome];
}

/* With one voter: whether there will be more, and if not, what would help. */
static const char *advice_alone(const struct registers *registers)
{
    size_t members_count = 0;
    size_t there_count = 0;
    const struct register_member *members =
        registers->output->members(registers->output->context, &members_count);
    for (size_t i = 0; i < members_count; i++)
        there_count += !members[i].gone;
    return there_count >= 3
               ? "others get votes when they have been there for a while, which needs it once more"
               : "two nodes cannot survive the loss of the voter: with a third agent as witness "
                 "any one "
                 "may fail";
}

static void put_unavailable(const struct registers *registers, const struct operation *operation,
                            char *text)
{
    const struct register_roster *roster = &registers->roster;
    const char *after = operation->uncertain
                            ? "it may have happened all the same: look before you try again"
                            : "nothing was changed";
    if (roster->epoch == 0)
        (void)snprintf(text, TEXT_BYTES,
                       "this node does not know yet who votes on leases; try again in a moment");
    else if (roster->voters_count == 1 && roster->next_count == 0)
        (void)snprintf(text, TEXT_BYTES,
                       "node %016llx, which alone votes on leases, does not answer; %s. %s",
                       (unsigned long long)roster->voters[0], after, advice_alone(registers));
    else
        (void)snprintf(
            text, TEXT_BYTES, "%u of %zu voters answered, a majority of %zu is needed%s; %s",
            operation->most, operation->quorum.targets_count, roster->voters_count / 2 + 1,
            roster->next_count > 0 ? " of the old and of the new ones" : "", after);
}

static void put_conflict(const struct operation *operation, const struct wire_register_value *value,
                         uint64_t age_ms, char *text)
{
    if (value == NULL) {
        (void)snprintf(text, TEXT_BYTES, "there is no such %s",
                       operation->verb == REGISTER_WRITE ? "register" : "lease");
    } else if (operation->check_sequence && operation->sequence != value->sequence) {
        (void)snprintf(text, TEXT_BYTES, "it has changed: its version is %llu, not %llu",
                       (unsigned long long)value->sequence,
                       (unsigned long long)operation->sequence);
    } else if (!value->has_lease) {
        (void)snprintf(text, TEXT_BYTES, "it is not a lease");
    } else if (operation->verb == REGISTER_WRITE) {
        (void)snprintf(text, TEXT_BYTES, "it is a lease");
    } else if (operation->verb == REGISTER_ACQUIRE || operation->verb == REGISTER_REPLACE) {
        uint64_t expired_ms = lease_expired_ms(value->lease.duration_ms);
        (void)snprintf(text, TEXT_BYTES, "%.*s holds it, for another %llu ms at most",
                       (int)value->lease.holder.size_bytes, (const char *)value->lease.holder.data,
                       (unsigned long long)(expired_ms > age_ms ? expired_ms - age_ms : 0));
    } else {
        (void)snprintf(text, TEXT_BYTES, "token %llu is not the one that holds it (%llu%s)",
                       (unsigned long long)operation->token, (unsigned long long)value->lease.token,
                       value->lease.released ? ", released" : "");
    }
}

static void put_text(const struct registers *registers, const struct operation *operation,
                     const struct register_result *result, char *text)
{
    switch (result->outcome) {
    case REGISTER_DONE:
        return;
    case REGISTER_CONFLICT:
        put_conflict(operation, result->has_value ? &result->value : NULL, result->age_ms, text);
        return;
    case REGISTER_UNKNOWN:
    case REGISTER_UNAVAILABLE:
        put_unavailable(registers, operation, text);
        return;
    case REGISTER_LIMIT:
        (void)snprintf(text, TEXT_BYTES, "the voters keep as many registers as they may already");
        return;
    case REGISTER_INVALID:
        break;
    }
    UNREACHABLE();
}

static void count(struct registers *registers, enum register_outcome outcome)
{
    registers->stats.done += outcome == REGISTER_DONE;
    registers->stats.conflicts += outcome == REGISTER_CONFLICT;
    registers->stats.unknown += outcome == REGISTER_UNKNOWN;
    registers->stats.unavailable += outcome == REGISTER_UNAVAILABLE;
}

void report(struct registers *registers, const struct operation *operation,
            enum register_outcome outcome)
{
    char text[TEXT_BYTES] = "";
    struct wire_register_record *records = NULL;
    struct register_result result = {.id = operation->request, .outcome = outcome, .text = text};
    if (operation->listing != NULL && outcome == REGISTER_DONE) {
        result.records_count = listing_count(operation->listing);
        records = MEM_NEW_ARRAY(struct wire_register_record, result.records_count + 1);
        listing_records(registers, operation->listing, records);
        result.records = records;
    } else if (operation->value_bytes > 0 &&
               (outcome == REGISTER_DONE || outcome == REGISTER_CONFLICT)) {
        struct bytes value = {.data = operation->value, .size_bytes = operation->value_bytes};
        ASSERT(wire_register_value_decode(value, &registers->arena, &result.value) == WIRE_OK);
        result.has_value = true;
        result.age_ms = operation->age_ms;
    }
    bool grants = operation->verb == REGISTER_ACQUIRE || operation->verb == REGISTER_RENEW ||
                  (operation->verb == REGISTER_REPLACE && operation->holder.size_bytes > 0);
    if (grants && outcome == REGISTER_DONE)
        /* Counted from before anybody heard of it: whoever waits for it to expire began later
         * (5.2). */
        result.holds_until_boot_ms =
            operation->start_boot_ms + lease_held_ms(result.value.lease.duration_ms);
    put_text(registers, operation, &result, text);
    count(registers, outcome);
    registers->output->reply(registers->output->context, &result);
    mem_free(records);
}
