/*
 * How the roster comes about and changes (proto/registers.md 4). Rosters form a chain: the one
 * after epoch e is decided by one instance of Paxos of its own, the register "roster#e", among the
 * voters of epoch e. Whoever drives it can be replaced at any moment: all it knows can be asked for
 * again.
 */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "register_internal.h"

bool roster_is_durable(const struct registers *registers)
{
    return registers->roster.epoch != 0 &&
           registers->roster_sequence <= registers->persisted_sequence;
}

void roster_tell(struct registers *registers)
{
    if (registers->roster_told || !roster_is_durable(registers))
        return;
    registers->roster_told = true;
    registers->output->roster_changed(registers->output->context, &registers->roster,
                                      registers->roster_foreign);
    registers->roster_foreign = false;
}

void roster_put(const struct register_roster *roster, struct buf *payload)
{
    struct wire_roster wire = register_roster_to_wire(roster);
    wire_put_roster(payload, &wire);
}

void driver_clear(struct driver *driver)
{
    for (size_t i = 0; i < driver->keys_count; i++)
        bytes_disown(driver->keys[i]);
    mem_free(driver->keys);
    *driver = (struct driver){.due_boot_ms = driver->due_boot_ms};
}

static void persist_roster(struct registers *registers)
{
    struct buf payload = BUF_INIT;
    struct wire_roster wire = register_roster_to_wire(&registers->roster);
    wire_roster_encode(&wire, &payload);
    registers->roster_sequence = registers->output->persist(
        registers->output->context, (struct bytes){(const uint8_t *)"r", 1},
        (struct bytes){payload.data, payload.size_bytes});
    buf_fini(&payload);
}

void roster_adopt(struct registers *registers, const struct register_roster *roster)
{
    uint64_t node = registers->config.node;
    bool concerned =
        register_roster_has(&registers->roster, node) || register_roster_has(roster, node);
    bool first = registers->roster.origin != roster->origin;
    register_roster_validate(roster);
    registers->roster_foreign =
        registers->roster_foreign || (registers->roster.origin != 0 && first);
    registers->roster = *roster;
    registers->roster_told = false;
    registers->stats.rosters++;
    /* Who never had a vote can ask again after a restart: a change does not make everybody write.
     * But that there is a roster must be known, or those who cannot ask would found another. */
    if (concerned || first)
        persist_roster(registers);
    else
        roster_tell(registers);
    if (concerned)
        acceptor_forget_rosters(registers);
    proposer_restart(registers);
    driver_clear(&registers->driver);
    if (registers->started)
        registers->driver.due_boot_ms = registers->now.boot_ms + DRIVER_PERIOD_MS;
}

void roster_found(struct registers *registers)
{
    struct register_roster roster = {
        .epoch = 1, .voters = {registers->config.node}, .voters_count = 1};
    while (roster.origin == 0)
        roster.origin = prng_next(&registers->prng);
    roster_adopt(registers, &roster);
}

void roster_reset(struct registers *registers)
{
    struct register_roster roster = registers->roster;
    if (roster.epoch == 0) {
        roster_found(registers);
        return;
    }
    if (roster.epoch + ROSTER_RESET_EPOCHS > ROSTER_EPOCH_MAX)
        return;
    roster.resets++;
    roster.epoch += ROSTER_RESET_EPOCHS;
    roster.voters[0] = registers->config.node;
    roster.voters_count = 1;
    roster.next_count = 0;
    roster_adopt(registers, &roster);
}

/* ---- hearing of it */

void roster_take_query(struct registers *registers, uint64_t from,
                       const struct wire_roster_query *query)
{
    struct register_roster theirs = {.origin = query->origin,
                                     .resets = query->resets,
                                     .epoch = query->origin == 0 ? 0 : query->epoch,
                                     .voters_count = query->voters_count};
    struct buf payload = BUF_INIT;
    /* A first roster that is not on disk yet may be lost again, and another one founded. */
    if (!register_roster_supersedes(&registers->roster, &theirs) || !roster_is_durable(registers))
        return;
    roster_put(&registers->roster, &payload);
    send_now(registers, from, &payload);
    buf_fini(&payload);
}

static void query(struct registers *registers)
{
    const struct register_roster *roster = &registers->roster;
    struct wire_roster_query query = {.origin = roster->origin,
                                      .resets = roster->resets,
                                      .epoch = roster->epoch,
                                      .voters_count = (uint8_t)roster->voters_count};
    uint64_t peer = registers->output->peer(registers->output->context);
    struct buf payload = BUF_INIT;
    if (peer == 0)
        return;
    wire_put_roster_query(&payload, &query);
    send_now(registers, peer, &payload);
    buf_fini(&payload);
}

static bool is_first_of_many(const struct registers *registers,
                             const struct register_member *members, size_t members_count)
{
    size_t live_count = 0;
    for (size_t i = 0; i < members_count; i++) {
        if (members[i].live && live_count++ == 0 && members[i].node != registers->config.node)
            return false;
    }
    return live_count > 1;
}

/* ---- changing it */

static void propose(struct registers *registers, const struct register_roster *roster)
{
    char key[40];
    struct buf body = BUF_INIT;
    struct wire_roster wire = register_roster_to_wire(roster);
    int size =
        snprintf(key, sizeof(key), "roster#%llu", (unsigned long long)registers->roster.epoch);
    wire_roster_encode(&wire, &body);
    ASSERT(body.size_bytes <= REGISTER_BODY_BYTES_MAX);
    struct operation *operation =
        operation_new(registers, VERB_DECIDE, (struct bytes){(const uint8_t *)key, (size_t)size},
                      (struct bytes){body.data, body.size_bytes}, 0);
    buf_fini(&body);
    if (operation == NULL)
        return;
    registers->driver.phase = DRIVER_DECIDING;
    operation_begin(registers, operation);
}

static void propose_voters(struct registers *registers, const uint64_t *voters, size_t voters_count)
{
    struct register_roster roster = registers->roster;
    if (roster.epoch >= ROSTER_EPOCH_MAX)
        return;
    roster.epoch++;
    roster.next_count = 0;
    roster.voters_count = voters_count;
    memcpy(roster.voters, voters, voters_count * sizeof(voters[0]));
    propose(registers, &roster);
}

static void propose_joint(struct registers *registers, const uint64_t *next, size_t next_count)
{
    struct register_roster roster = registers->roster;
    if (roster.epoch >= ROSTER_EPOCH_MAX)
        return;
    roster.epoch++;
    roster.next_count = next_count;
    memcpy(roster.next, next, next_count * sizeof(next[0]));
    propose(registers, &roster);
}

/* One round of copies; the next begins when it is over. */
static void copy_some(struct registers *registers)
{
    struct driver *driver = &registers->driver;
    while (driver->phase == DRIVER_COPYING && driver->copies < COPIES_MAX &&
           driver->keys_next < driver->keys_count) {
        struct operation *operation = operation_new(
            registers, VERB_COPY, driver->keys[driver->keys_next], (struct bytes){.data = NULL}, 0);
        if (operation == NULL) {
            driver->failed = true;
            return;
        }
        driver->keys_next++;
        driver->copies++;
        operation_begin(registers, operation);
    }
}

static void copies_over(struct registers *registers)
{
    struct driver *driver = &registers->driver;
    boot_ms_t joint_since_boot_ms = driver->joint_since_boot_ms;
    bool failed = driver->failed;
    if (driver->copies > 0)
        return;
    driver_clear(driver);
    driver->joint_since_boot_ms = joint_since_boot_ms;
    if (!failed)
        propose_voters(registers, registers->roster.next, registers->roster.next_count);
}

static void take_keys(struct registers *registers, const struct operation *operation)
{
    struct driver *driver = &registers->driver;
    size_t count = listing_count(operation->listing);
    struct wire_register_record *records = MEM_NEW_ARRAY(struct wire_register_record, count + 1);
    listing_records(registers, operation->listing, records);
    for (size_t i = 0; i < count; i++) {
        MEM_GROW(driver->keys, driver->keys_count, driver->keys_capacity);
        driver->keys[driver->keys_count++] = bytes_own(records[i].key);
    }
    mem_free(records);
    driver->phase = DRIVER_COPYING;
    copy_some(registers);
    copies_over(registers);
}

/* Those concerned hear of it at once, the others by rumour. */
static void announce(struct registers *registers, const struct register_roster *before)
{
    struct buf payload = BUF_INIT;
    const struct register_roster *rosters[] = {before, &registers->roster};
    uint64_t told[2 * ROSTER_TARGETS_MAX];
    size_t told_count = 0;
    roster_put(&registers->roster, &payload);
    for (size_t i = 0; i < 2; i++) {
        struct register_quorum quorum;
        register_quorum_of(rosters[i], false, &quorum);
        for (size_t j = 0; j < quorum.targets_count; j++) {
            bool again = quorum.targets[j] == registers->config.node;
            for (size_t k = 0; k < told_count; k++)
                again = again || told[k] == quorum.targets[j];
            if (again)
                continue;
            told[told_count++] = quorum.targets[j];
            send_now(registers, quorum.targets[j], &payload);
        }
    }
    buf_fini(&payload);
}

static void take_decision(struct registers *registers, const struct operation *operation)
{
    struct wire_register_value value;
    struct wire_roster wire;
    struct register_roster roster;
    struct bytes encoded = {.data = operation->value, .size_bytes = operation->value_bytes};
    ASSERT(wire_register_value_decode(encoded, &registers->arena, &value) == WIRE_OK);
    /* Another driver's, perhaps; what it wrote was checked by nobody yet. */
    if (wire_roster_decode(value.body, &registers->arena, &wire) == WIRE_OK &&
        register_roster_of_wire(&wire, &roster) &&
        register_roster_supersedes(&roster, &registers->roster)) {
        struct register_roster before = registers->roster;
        roster_adopt(registers, &roster);
        announce(registers, &before);
    }
}

void driver_done(struct registers *registers, const struct operation *operation,
                 enum register_outcome outcome)
{
    struct driver *driver = &registers->driver;
    bool done = outcome == REGISTER_DONE;
    if (operation->verb == VERB_DECIDE) {
        driver->phase = DRIVER_IDLE;
        if (done)
            take_decision(registers, operation);
    } else if (operation->verb == VERB_KEYS && driver->phase == DRIVER_LISTING) {
        driver->phase = DRIVER_IDLE;
        if (done)
            take_keys(registers, operation);
    } else if (operation->verb == VERB_COPY && driver->phase == DRIVER_COPYING) {
        driver->copies--;
        driver->failed = driver->failed || !done;
        if (!driver->failed)
            copy_some(registers);
        if (driver->failed || driver->keys_next == driver->keys_count)
            copies_over(registers);
    }
}

static void list_keys(struct registers *registers)
{
    struct operation *operation = operation_new(registers, VERB_KEYS, (struct bytes){.data = NULL},
                                                (struct bytes){.data = NULL}, 0);
    if (operation == NULL)
        return;
    registers->driver.phase = DRIVER_LISTING;
    operation_begin(registers, operation);
}

/* 4.3: of the voters that live, as far as we see, the first drives. Two of them at once do no harm.
 */
static bool drives(const struct registers *registers, const struct register_member *members,
                   size_t members_count)
{
    const struct register_roster *roster = &registers->roster;
    for (size_t i = 0; i < roster->voters_count; i++)
        for (size_t j = 0; j < members_count; j++)
            if (members[j].node == roster->voters[i] && members[j].live)
                return members[j].node == registers->config.node;
    return false;
}

static void drive_joint(struct registers *registers)
{
    struct driver *driver = &registers->driver;
    const struct register_roster *roster = &registers->roster;
    if (driver->joint_since_boot_ms == 0)
        driver->joint_since_boot_ms = registers->now.boot_ms;
    if (registers->now.boot_ms - driver->joint_since_boot_ms > JOINT_MS_MAX)
        propose_voters(registers, roster->voters, roster->voters_count);
    else
        list_keys(registers);
}

/* True: something is under way, or will be if it looks the same the next time. */
static bool drive(struct registers *registers, const struct register_member *members,
                  size_t members_count)
{
    struct driver *driver = &registers->driver;
    const struct register_roster *roster = &registers->roster;
    uint64_t plan[ROSTER_VOTERS_MAX];
    if (driver->phase != DRIVER_IDLE)
        return true;
    if (!drives(registers, members, members_count))
        return false;
    if (roster->next_count > 0) {
        drive_joint(registers);
        return true;
    }
    size_t count = register_roster_plan(roster, members, members_count, plan);
    bool same = count == driver->planned_count &&
                memcmp(plan, driver->planned, count * sizeof(plan[0])) == 0;
    bool changes =
        count != roster->voters_count || memcmp(plan, roster->voters, count * sizeof(plan[0])) != 0;
    driver->planned_count = count;
    memcpy(driver->planned, plan, count * sizeof(plan[0]));
    if (same && changes)
        propose_joint(registers, plan, count);
    return changes;
}

/* Whether there is something to drive, or to found. */
static bool look(struct registers *registers)
{
    size_t members_count = 0;
    const struct register_member *members =
        registers->output->members(registers->output->context, &members_count);
    if (registers->roster.epoch != 0)
        return drive(registers, members, members_count);
    if (registers->now.boot_ms >= registers->start_boot_ms + FOUND_MS &&
        is_first_of_many(registers, members, members_count))
        roster_found(registers);
    return true;
}

void roster_timer(struct registers *registers)
{
    struct registers *r = registers;
    boot_ms_t now_ms = r->now.boot_ms;
    if (now_ms >= r->query_due_boot_ms) {
        uint64_t period_ms = r->roster.epoch == 0 ? QUERY_FAST_MS : QUERY_SLOW_MS;
        r->query_due_boot_ms =
            now_ms + prng_between(&r->prng, period_ms, period_ms + period_ms / 4);
        query(r);
    }
    if (now_ms < r->driver.due_boot_ms)
        return;
    bool idle = r->roster.epoch != 0 && !register_roster_is_voter(&r->roster, r->config.node);
    bool soon = !idle && look(r);
    r->driver.rests = !soon;
    r->driver.due_boot_ms = now_ms + (idle   ? DRIVER_IDLE_MS
                                      : soon ? DRIVER_PERIOD_MS
                                             : DRIVER_LOOK_MS);
}

boot_ms_t roster_deadline(const struct registers *registers)
{
    boot_ms_t driver_ms =
        registers->driver.due_boot_ms + (registers->driver.rests ? PATIENCE_MS : 0);
    boot_ms_t query_ms =
        registers->query_due_boot_ms + (registers->roster.epoch != 0 ? PATIENCE_MS : 0);
    return driver_ms < query_ms ? driver_ms : query_ms;
}
