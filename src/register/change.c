#include <string.h>

#include "register_internal.h"

/* Clocks of two nodes may run at rates that differ by up to a hundredth in either direction from
 * true time; 2 ms are for what is cut off when milliseconds are counted. */
#define DRIFT_DIVISOR 100
#define ROUNDING_MS   2

uint64_t lease_expired_ms(uint32_t duration_ms)
{
    return (uint64_t)duration_ms + duration_ms / DRIFT_DIVISOR + ROUNDING_MS;
}

uint64_t lease_held_ms(uint32_t duration_ms)
{
    uint64_t margin_ms = duration_ms / DRIFT_DIVISOR + ROUNDING_MS;
    return duration_ms > margin_ms ? duration_ms - margin_ms : 0;
}

static enum change acquire(const struct operation *operation,
                           const struct wire_register_value *seen, uint64_t age_ms,
                           wall_ms_t wall_ms, struct wire_lease *lease)
{
    const struct wire_lease *old = seen != NULL && seen->has_lease ? &seen->lease : NULL;
    if (seen != NULL && old == NULL)
        return CHANGE_CONFLICT; /* not a lease */
    bool free = old == NULL || old->released || age_ms >= lease_expired_ms(old->duration_ms);
    bool same = old != NULL && bytes_equal(old->holder, operation->holder);
    if (!free && !same)
        return CHANGE_CONFLICT;
    if (old != NULL && operation->ballot.counter <= old->token)
        return CHANGE_BALLOT;
    *lease =
        (struct wire_lease){.holder = operation->holder,
                            .token = operation->ballot.counter,
                            .duration_ms = operation->duration_ms,
                            .transitions = old == NULL ? 0 : old->transitions + (same ? 0U : 1U),
                            .acquired_wall_ms = wall_ms,
                            .renewed_wall_ms = wall_ms};
    /* It may still believe in the longer one, if this answer is lost. */
    if (!free && old->duration_ms > lease->duration_ms)
        lease->duration_ms = old->duration_ms;
    return CHANGE_WRITE;
}

static enum change with_token(const struct operation *operation,
                              const struct wire_register_value *seen, wall_ms_t wall_ms,
                              struct wire_lease *lease)
{
    if (seen == NULL || !seen->has_lease || seen->lease.token != operation->token)
        return CHANGE_CONFLICT;
    if (seen->lease.released)
        return operation->verb == REGISTER_RELEASE ? CHANGE_NOTHING : CHANGE_CONFLICT;
    *lease = seen->lease;
    if (operation->verb == REGISTER_RELEASE)
        lease->released = true;
    else
        lease->renewed_wall_ms = wall_ms;
    return CHANGE_WRITE;
}

static enum change replace(const struct operation *operation,
                           const struct wire_register_value *seen, uint64_t age_ms,
                           wall_ms_t wall_ms, struct wire_lease *lease)
{
    if (seen == NULL || !seen->has_lease)
        return CHANGE_CONFLICT;
    const struct wire_lease *old = &seen->lease;
    bool lets_go = operation->holder.size_bytes == 0;
    bool renews = !old->released && bytes_equal(old->holder, operation->holder) &&
                  old->duration_ms == operation->duration_ms;
    if (lets_go && old->released)
        return CHANGE_NOTHING;
    if (!lets_go && !renews)
        return acquire(operation, seen, age_ms, wall_ms, lease);
    *lease = *old;
    lease->released = lets_go;
    if (renews)
        lease->renewed_wall_ms = wall_ms;
    return CHANGE_WRITE;
}

enum change change_decide(const struct operation *operation, const struct wire_register_value *seen,
                          uint64_t age_ms, uint64_t writer, wall_ms_t wall_ms,
                          struct wire_register_value *ret_value)
{
    struct wire_register_value value = {.sequence = seen == NULL ? 1 : seen->sequence + 1,
                                        .writer = writer,
                                        .operation = operation->id,
                                        .unknown = seen == NULL ? (struct bytes){.data = NULL}
                                                                : seen->unknown};
    enum change change = CHANGE_WRITE;
    if (operation->check_sequence && operation->sequence != (seen == NULL ? 0 : seen->sequence))
        return CHANGE_CONFLICT;
    switch (operation->verb) {
    case REGISTER_WRITE:
        if (seen != NULL && seen->has_lease)
            return CHANGE_CONFLICT;
        value.body = operation->body;
        break;
    case VERB_DECIDE:
        change = seen == NULL ? CHANGE_WRITE : CHANGE_NOTHING;
        value.body = operation->body;
        break;
    case REGISTER_ACQUIRE:
        value.has_lease = true;
        change = acquire(operation, seen, age_ms, wall_ms, &value.lease);
        break;
    case REGISTER_REPLACE:
        value.has_lease = true;
        value.body = seen == NULL ? value.body : seen->body;
        change = replace(operation, seen, age_ms, wall_ms, &value.lease);
        break;
    case REGISTER_RENEW:
    case REGISTER_RELEASE:
        value.has_lease = true;
        value.body = seen == NULL ? value.body : seen->body;
        change = with_token(operation, seen, wall_ms, &value.lease);
        break;
    default:
        return CHANGE_NOTHING; /* reads and copies */
    }
    if (change == CHANGE_WRITE)
        *ret_value = value;
    return change;
}
