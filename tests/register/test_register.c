/* Registers and leases on a few nodes (proto/registers.md 3 and 5), one rule a test. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "group.h"

START_TEST(every_node_reads_what_one_wrote)
{
    struct group *group = group_new(5, 3); /* two have no vote */
    ck_outcome(group_read(group, 4, "r/a"), REGISTER_DONE);
    ck_assert(!group->result.has_value);
    ck_outcome(group_write(group, 3, "r/a", "one", 0), REGISTER_DONE);
    for (uint32_t i = 0; i < 5; i++) {
        ck_outcome(group_read(group, i, "r/a"), REGISTER_DONE);
        ck_assert_str_eq(group_body(group), "one");
        ck_assert_uint_eq(group->result.value.sequence, 1);
    }
    group_free(group);
}
END_TEST

START_TEST(compare_and_set_wants_the_version_that_is_there)
{
    struct group *group = group_new(3, 3);
    ck_outcome(group_write(group, 0, "r/a", "one", 0), REGISTER_DONE);
    ck_outcome(group_write(group, 1, "r/a", "other", 0), REGISTER_CONFLICT);
    ck_assert_str_eq(group_body(group), "one");
    ck_assert_str_eq(group->text, "it has changed: its version is 1, not 0");
    ck_outcome(group_write(group, 1, "r/a", "two", 1), REGISTER_DONE);
    ck_outcome(group_write(group, 2, "r/a", "three", -1), REGISTER_DONE);
    ck_assert_uint_eq(group->result.value.sequence, 3);
    group_free(group);
}
END_TEST

START_TEST(a_minority_may_be_away_a_majority_may_not)
{
    struct group *group = group_new(3, 3);
    group->nodes[2].cut = true;
    ck_outcome(group_write(group, 0, "r/a", "one", -1), REGISTER_DONE);
    group->nodes[1].cut = true;
    ck_outcome(group_read(group, 0, "r/a"), REGISTER_UNAVAILABLE);
    ck_assert_str_eq(group->text,
                     "1 of 3 voters answered, a majority of 2 is needed; nothing was changed");
    ck_outcome(group_write(group, 0, "r/a", "two", -1), REGISTER_UNAVAILABLE);
    group->nodes[2].cut = false; /* has missed the write, and is asked all the same */
    ck_outcome(group_read(group, 2, "r/a"), REGISTER_DONE);
    ck_assert_str_eq(group_body(group), "one");
    group_free(group);
}
END_TEST

START_TEST(two_nodes_have_one_voter_and_say_what_would_help)
{
    struct group *group = group_new(2, 1);
    group->nodes[1].cut = true;
    ck_outcome(group_write(group, 0, "r/a", "one", -1), REGISTER_DONE);
    group->nodes[1].cut = false;
    group->nodes[0].cut = true;
    ck_outcome(group_read(group, 1, "r/a"), REGISTER_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(group->text, "with a third agent as witness any one may fail"));
    group_free(group);
}
END_TEST

START_TEST(nothing_is_answered_before_it_is_on_disk)
{
    struct group *group = group_new(1, 1);
    group->nodes[0].slow_disk = true;
    struct wire_register_prepare prepare = {
        .operation = 9,
        .epoch = 1,
        .has_ballot = true,
        .ballot = {.counter = (UINT64_C(1) << 40) + 5, .node = 0x102}};
    struct wire_register_accept accept = {
        .operation = 9,
        .epoch = 1,
        .ballot = prepare.ballot,
        .value = {.sequence = 1, .writer = 0x102, .operation = 9}};
    struct wire_register_prepare look = {.operation = 10, .epoch = 1};
    struct buf payloads[3] = {BUF_INIT, BUF_INIT, BUF_INIT};
    prepare.key = accept.key = look.key = text_bytes("r/a");
    wire_put_register_prepare(&payloads[0], &prepare);
    wire_put_register_accept(&payloads[1], &accept);
    wire_put_register_prepare(&payloads[2], &look); /* what is read must not be lost again either */
    group_sync(group, 0);
    for (int i = 0; i < 3; i++) {
        uint64_t sent = group->sent;
        bool is_look = i == 2;
        if (is_look) /* the accept before it is not synced: once more, to have something unsynced */
            ck_assert(group_inject(group, 0, 0x102, &payloads[1]));
        ck_assert(group_inject(group, 0, 0x102, &payloads[i]));
        ck_assert_uint_eq(group->sent, sent);
        group_sync(group, 0);
        ck_assert_uint_eq(group->sent, sent + (is_look ? 2 : 1));
    }
    for (int i = 0; i < 3; i++)
        buf_fini(&payloads[i]);
    group_free(group);
}
END_TEST

START_TEST(a_promise_outlives_a_restart)
{
    struct group *group = group_new(3, 3);
    ck_outcome(group_write(group, 0, "r/a", "one", 0), REGISTER_DONE);
    for (uint32_t i = 0; i < 3; i++)
        group_restart(group, i);
    ck_outcome(group_read(group, 1, "r/a"), REGISTER_DONE);
    ck_assert_str_eq(group_body(group), "one");
    /* Its counters begin anew, and so its ballots are refused until they have caught up. */
    ck_outcome(group_write(group, 0, "r/a", "two", 1), REGISTER_DONE);
    group_free(group);
}
END_TEST

static bool is_refused(struct group *group, uint64_t epoch, uint64_t counter)
{
    struct wire_register_prepare prepare = {.operation = 9,
                                            .epoch = epoch,
                                            .has_ballot = true,
                                            .ballot = {.counter = counter, .node = 0x103}};
    struct buf payload = BUF_INIT;
    prepare.key = text_bytes("r/a");
    wire_put_register_prepare(&payload, &prepare);
    size_t before = group->queue_count;
    (void)group_inject(group, 0, 0x103, &payload);
    group_sync(group, 0);
    buf_fini(&payload);
    ck_assert_uint_eq(group->queue_count, before + 1);
    struct wire_message message;
    size_t consumed_bytes = 0;
    ck_assert_int_eq(
        wire_message_decode(group->queue[before].payload, &group->arena, &message, &consumed_bytes),
        WIRE_OK);
    return message.type == WIRE_MESSAGE_REGISTER_REFUSE;
}

START_TEST(an_acceptor_promises_only_higher_ballots_of_its_epoch)
{
    struct group *group = group_new(3, 3);
    uint64_t base = UINT64_C(1) << 40;
    ck_assert(!is_refused(group, 1, base + 7));
    ck_assert(is_refused(group, 1, base + 7)); /* the same again: a proposer after a crash */
    ck_assert(is_refused(group, 1, base + 6));
    ck_assert(!is_refused(group, 1, base + 8));
    ck_assert(is_refused(group, 2, 2 * base + 1));
    group_free(group);
}
END_TEST

/* ---- leases */

START_TEST(a_lease_has_one_holder_until_it_lets_go)
{
    struct group *group = group_new(3, 3);
    ck_outcome(group_acquire(group, 0, "l/a", "me", 5000), REGISTER_DONE);
    uint64_t token = group->result.value.lease.token;
    ck_outcome(group_acquire(group, 1, "l/a", "you", 5000), REGISTER_CONFLICT);
    ck_assert_ptr_nonnull(strstr(group->text, "me holds it, for another"));
    ck_outcome(group_renew(group, 1, "l/a", token + 1), REGISTER_CONFLICT);
    ck_outcome(group_renew(group, 0, "l/a", token), REGISTER_DONE);
    ck_assert_uint_eq(group->result.value.lease.token, token);
    ck_outcome(group_release(group, 0, "l/a", token), REGISTER_DONE);
    ck_outcome(group_renew(group, 0, "l/a", token), REGISTER_CONFLICT);
    ck_outcome(group_acquire(group, 1, "l/a", "you", 5000), REGISTER_DONE);
    ck_assert_uint_gt(group->result.value.lease.token, token);
    ck_assert_uint_eq(group->result.value.lease.transitions, 1);
    group_free(group);
}
END_TEST

START_TEST(a_lease_ends_for_its_holder_before_others_may_have_it)
{
    struct group *group = group_new(3, 3);
    uint64_t asked_ms = group->now_ms;
    ck_outcome(group_acquire(group, 0, "l/a", "me", 5000), REGISTER_DONE);
    uint64_t token = group->result.value.lease.token;
    ck_assert_uint_eq(group->result.holds_until_boot_ms, asked_ms + lease_held_ms(5000));
    group_run(group, asked_ms + lease_held_ms(5000) - group->now_ms);
    ck_outcome(group_acquire(group, 1, "l/a", "you", 5000), REGISTER_CONFLICT);
    group_run(group, asked_ms + lease_expired_ms(5000) - group->now_ms);
    ck_outcome(group_acquire(group, 1, "l/a", "you", 5000), REGISTER_DONE);
    ck_assert_uint_gt(group->result.value.lease.token, token);
    ck_assert_uint_lt(lease_held_ms(5000) * 101, lease_expired_ms(5000) * 100);
    group_free(group);
}
END_TEST

START_TEST(a_restart_of_all_voters_makes_no_lease_older)
{
    struct group *group = group_new(3, 3);
    ck_outcome(group_acquire(group, 0, "l/a", "me", 5000), REGISTER_DONE);
    group_run(group, 4900);
    for (uint32_t i = 0; i < 3; i++)
        group_restart(group, i);
    group_run(group, 1000);
    ck_outcome(group_acquire(group, 1, "l/a", "you", 5000),
               REGISTER_CONFLICT); /* nobody knows how old it is */
    group_run(group, 4200);
    ck_outcome(group_acquire(group, 1, "l/a", "you", 5000), REGISTER_DONE);
    group_free(group);
}
END_TEST

START_TEST(looking_at_a_lease_keeps_nobody_waiting)
{
    struct group *group = group_new(3, 3);
    ck_outcome(group_acquire(group, 0, "l/a", "me", 2000), REGISTER_DONE);
    for (int i = 0; i < 21; i++) {
        group->nodes[i % 3].cut = true; /* so that the value must be accepted again sometimes */
        ck_outcome(group_read(group, (uint32_t)(i + 1) % 3, "l/a"), REGISTER_DONE);
        group->nodes[i % 3].cut = false;
        group_run(group, 100);
    }
    ck_outcome(group_acquire(group, 1, "l/a", "you", 2000), REGISTER_DONE);
    group_free(group);
}
END_TEST

START_TEST(the_same_holder_gets_a_new_token_and_no_shorter_lease)
{
    struct group *group = group_new(1, 1);
    ck_outcome(group_acquire(group, 0, "l/a", "me", 60000), REGISTER_DONE);
    uint64_t token = group->result.value.lease.token;
    ck_outcome(group_acquire(group, 0, "l/a", "me", 1000), REGISTER_DONE);
    ck_assert_uint_gt(group->result.value.lease.token, token);
    ck_assert_uint_eq(group->result.value.lease.duration_ms, 60000);
    ck_assert_uint_eq(group->result.value.lease.transitions, 0);
    ck_outcome(group_renew(group, 0, "l/a", token), REGISTER_CONFLICT); /* the old token is over */
    group_free(group);
}
END_TEST

START_TEST(leases_and_plain_registers_do_not_mix)
{
    struct group *group = group_new(1, 1);
    ck_outcome(group_write(group, 0, "a", "text", -1), REGISTER_DONE);
    ck_outcome(group_acquire(group, 0, "a", "me", 5000), REGISTER_CONFLICT);
    ck_assert_str_eq(group->text, "it is not a lease");
    ck_outcome(group_acquire(group, 0, "b", "me", 5000), REGISTER_DONE);
    ck_outcome(group_write(group, 0, "b", "text", -1), REGISTER_CONFLICT);
    ck_assert_str_eq(group->text, "it is a lease");
    ck_outcome(group_renew(group, 0, "c", 1), REGISTER_CONFLICT);
    ck_assert_str_eq(group->text, "there is no such lease");
    group_free(group);
}
END_TEST

static enum register_outcome replace(struct group *group, const char *holder, uint32_t duration_ms,
                                     int64_t sequence)
{
    return group_ask(group, 0,
                     (struct register_request){.verb = REGISTER_REPLACE,
                                               .key = text_bytes("l/a"),
                                               .holder = text_bytes(holder),
                                               .duration_ms = duration_ms,
                                               .check_sequence = sequence >= 0,
                                               .sequence = sequence >= 0 ? (uint64_t)sequence : 0});
}

/* As clients of the API do: they say what the lease should be. */
START_TEST(replacing_a_lease_renews_takes_or_releases_it)
{
    struct group *group = group_new(3, 3);
    ck_outcome(replace(group, "me", 5000, -1), REGISTER_CONFLICT);
    ck_assert_str_eq(group->text, "there is no such lease");
    ck_outcome(group_acquire(group, 1, "l/a", "me", 5000), REGISTER_DONE);
    uint64_t token = group->result.value.lease.token;
    uint64_t asked_ms = group->now_ms;
    ck_outcome(replace(group, "me", 5000, 1), REGISTER_DONE);
    ck_assert_uint_eq(group->result.value.lease.token, token);
    ck_assert_uint_eq(group->result.holds_until_boot_ms, asked_ms + lease_held_ms(5000));
    ck_outcome(replace(group, "me", 5000, 1), REGISTER_CONFLICT); /* what it saw is no more */
    ck_outcome(replace(group, "you", 5000, 2), REGISTER_CONFLICT);
    ck_assert_ptr_nonnull(strstr(group->text, "me holds it"));
    ck_outcome(replace(group, "me", 9000, -1), REGISTER_DONE); /* for another time: a grant */
    ck_assert_uint_gt(group->result.value.lease.token, token);
    ck_outcome(replace(group, "", 0, 3), REGISTER_DONE);
    ck_assert(group->result.value.lease.released);
    ck_assert_uint_eq(group->result.holds_until_boot_ms, 0);
    ck_outcome(replace(group, "", 0, -1), REGISTER_DONE); /* nothing to do */
    ck_assert_uint_eq(group->result.value.sequence, 4);
    ck_outcome(replace(group, "you", 5000, 4), REGISTER_DONE);
    group_free(group);
}
END_TEST

/* ---- lists and limits */

START_TEST(a_list_has_all_keys_in_order)
{
    struct group *group = group_new(4, 3);
    char key[16];
    ck_outcome(group_write(group, 0, "b/x", "x", -1), REGISTER_DONE);
    group->nodes[2].cut = true;
    ck_outcome(group_acquire(group, 1, "l/two", "me", 5000), REGISTER_DONE);
    ck_outcome(group_acquire(group, 1, "l/one", "me", 5000), REGISTER_DONE);
    group->nodes[2].cut = false;
    group->nodes[0].cut = true;
    ck_outcome(group_ask(group, 3,
                         (struct register_request){.verb = REGISTER_LIST, .key = text_bytes("l/")}),
               REGISTER_DONE);
    ck_assert_str_eq(group->keys, "l/one l/two ");
    for (int i = 0; i < 150; i++) { /* more than two pages */
        (void)snprintf(key, sizeof(key), "m/%03d", i);
        ck_outcome(group_write(group, 1, key, "x", -1), REGISTER_DONE);
    }
    ck_outcome(group_ask(group, 3, (struct register_request){.verb = REGISTER_LIST}),
               REGISTER_DONE);
    ck_assert_uint_eq(group->result.records_count, 153);
    group_free(group);
}
END_TEST

/* The page that ended an earlier attempt comes when a new one has just begun: it says nothing of
 * the keys before it. Taken for an answer, the change of the roster would leave them behind. */
START_TEST(a_late_last_page_ends_no_later_list)
{
    struct group *group = group_new(3, 3);
    group->nodes[0].cut = true;
    ck_outcome(group_write(group, 1, "r/a", "one", -1), REGISTER_DONE);
    group->nodes[0].cut = false;
    group->nodes[2].cut = true;
    group->holds_last_pages = true;
    group_submit(group, 0, (struct register_request){.verb = REGISTER_LIST});
    group_run(group, 300);
    ck_assert_uint_eq(group->held_count, 1);
    group->nodes[1].cut = true;
    group_run(group, 300); /* the first attempt is over */
    group_deliver_held(group);
    group_run(group, 10);
    ck_assert(!group->answered);
    group->nodes[1].cut = false;
    group_run(group, 2000);
    ck_assert(group->answered);
    ck_outcome(group->result.outcome, REGISTER_DONE);
    ck_assert_str_eq(group->keys, "r/a ");
    group_free(group);
}
END_TEST

START_TEST(what_breaks_a_limit_is_refused)
{
    struct group *group = group_new(1, 1);
    char large[700];
    memset(large, 'x', sizeof(large));
    large[sizeof(large) - 1] = '\0';
    ck_outcome(group_write(group, 0, "a", large, -1), REGISTER_INVALID);
    ck_outcome(group_write(group, 0, large, "a", -1), REGISTER_INVALID);
    ck_outcome(group_write(group, 0, "", "a", -1), REGISTER_INVALID);
    ck_outcome(group_write(group, 0, "roster#1", "a", -1), REGISTER_INVALID);
    ck_outcome(group_write(group, 0, "a\xec", "a", -1), REGISTER_INVALID);
    ck_outcome(group_acquire(group, 0, "a", "me\xec", 5000), REGISTER_INVALID);
    ck_outcome(group_acquire(group, 0, "a", large, 5000), REGISTER_INVALID);
    ck_outcome(group_acquire(group, 0, "a", "", 5000), REGISTER_INVALID);
    ck_outcome(group_acquire(group, 0, "a", "me", 999), REGISTER_INVALID);
    ck_outcome(group_acquire(group, 0, "a", "me", 600001), REGISTER_INVALID);
    group_free(group);
}
END_TEST

/* ---- rosters */

START_TEST(one_node_founds_and_the_roster_grows)
{
    struct group *group = group_new(5, 0);
    group->nodes[3].gone = group->nodes[4].gone = true;
    ck_outcome(group_write(group, 0, "r/a", "one", -1), REGISTER_DONE);
    group_run(group, 6000);
    ck_assert_uint_eq(registers_roster(group->nodes[1].registers)->voters_count, 3);
    group->nodes[3].gone = group->nodes[4].gone = false;
    group_run(group, 16000);
    for (uint32_t i = 0; i < 5; i++) {
        const struct register_roster *roster = registers_roster(group->nodes[i].registers);
        ck_assert_uint_eq(roster->voters_count, 5);
        ck_assert_uint_eq(roster->next_count, 0);
    }
    group->nodes[0].cut = group->nodes[1].cut = true; /* the three others have it too */
    ck_outcome(group_read(group, 4, "r/a"), REGISTER_DONE);
    ck_assert_str_eq(group_body(group), "one");
    group_free(group);
}
END_TEST

START_TEST(who_has_no_vote_writes_only_the_first_roster)
{
    struct group *group = group_new(6, 0);
    group->nodes[4].gone = group->nodes[5].gone = true;
    while (registers_roster(group->nodes[5].registers)->epoch == 0)
        group_run(group, 100);
    uint64_t first_epoch = registers_roster(group->nodes[5].registers)->epoch;
    group_run(group, 40000);
    uint64_t epoch = registers_roster(group->nodes[5].registers)->epoch;
    ck_assert_uint_gt(epoch, first_epoch);
    uint32_t without_vote = 0;
    for (uint32_t i = 0; i < 6; i++) {
        const struct register_roster *roster = registers_roster(group->nodes[i].registers);
        ck_assert_uint_eq(roster->voters_count, 3);
        if (register_roster_is_voter(roster, group->nodes[i].id))
            continue;
        without_vote++;
        ck_assert_uint_eq(group->nodes[i].persist_sequence, 1);
    }
    ck_assert_uint_eq(without_vote, 3);
    group_restart(group, 5);
    ck_assert_uint_eq(registers_roster(group->nodes[5].registers)->epoch, first_epoch);
    ck_outcome(group_write(group, 5, "r/a", "one", -1), REGISTER_DONE); /* it asks, and goes on */
    ck_assert_uint_eq(registers_roster(group->nodes[5].registers)->epoch, epoch);
    group_free(group);
}
END_TEST

/* Two without a vote restart while they reach none of the voters. Found by the simulator: after
 * half a minute they founded a roster of their own, and leases had two holders. Mutation: only who
 * votes writes a roster. */
START_TEST(who_has_no_vote_founds_no_other_roster)
{
    struct group *group = group_new(6, 0);
    group->nodes[4].gone = group->nodes[5].gone = true;
    group_run(group, 20000);
    uint64_t origin = registers_roster(group->nodes[0].registers)->origin;
    for (uint32_t i = 0; i < 4; i++)
        group->nodes[i].cut = group->nodes[i].gone = true;
    group->nodes[4].gone = group->nodes[5].gone = false;
    group_restart(group, 4);
    group_restart(group, 5);
    group_run(group, 120000);
    for (uint32_t i = 4; i < 6; i++)
        ck_assert_uint_eq(registers_roster(group->nodes[i].registers)->origin, origin);
    ck_outcome(group_acquire(group, 4, "a", "me", 10000), REGISTER_UNAVAILABLE);
    group_free(group);
}
END_TEST

START_TEST(a_minority_never_changes_the_roster)
{
    struct group *group = group_new(5, 3);
    group->nodes[0].gone = group->nodes[1].gone =
        true; /* as node 2 sees it, cut off with 3 and 4 */
    group->nodes[0].cut = group->nodes[1].cut = true;
    group_run(group, 60000);
    for (uint32_t i = 2; i < 5; i++)
        ck_assert_uint_eq(registers_roster(group->nodes[i].registers)->epoch, 1);
    ck_outcome(group_read(group, 2, "r/a"), REGISTER_UNAVAILABLE);
    group_free(group);
}
END_TEST

START_TEST(a_lost_voter_is_replaced_by_the_others)
{
    struct group *group = group_new(4, 3);
    ck_outcome(group_write(group, 0, "r/a", "one", -1), REGISTER_DONE);
    group->nodes[0].cut = group->nodes[0].gone = true;
    group_run(group, 20000);
    const struct register_roster *roster = registers_roster(group->nodes[3].registers);
    ck_assert_uint_eq(roster->voters_count, 3);
    ck_assert(register_roster_is_voter(roster, group->nodes[3].id));
    group->nodes[1].cut = true; /* the newcomer and one of the old */
    ck_outcome(group_read(group, 2, "r/a"), REGISTER_DONE);
    ck_assert_str_eq(group_body(group), "one");
    /* Who comes back with its old roster is told, and can do no harm. */
    group->nodes[0].cut = group->nodes[1].cut = false;
    ck_outcome(group_write(group, 0, "r/a", "two", 1), REGISTER_DONE);
    ck_assert_uint_eq(registers_roster(group->nodes[0].registers)->epoch, roster->epoch);
    group_free(group);
}
END_TEST

START_TEST(a_joint_roster_that_gets_nowhere_is_given_up)
{
    struct group *group = group_new(3, 1);
    ck_outcome(group_write(group, 0, "r/a", "one", -1), REGISTER_DONE);
    group_run(group, 1990); /* the first look, and the second */
    while (registers_roster(group->nodes[0].registers)->next_count == 0)
        group_run(group, 1);
    group->nodes[1].cut = group->nodes[2].cut = true;
    ck_outcome(group_write(group, 0, "r/a", "two", -1), REGISTER_UNAVAILABLE);
    group_run(group, 70000);
    ck_assert_uint_eq(registers_roster(group->nodes[0].registers)->next_count, 0);
    ck_assert_uint_eq(registers_roster(group->nodes[0].registers)->voters_count, 1);
    ck_outcome(group_write(group, 0, "r/a", "three", 1), REGISTER_DONE);
    group_free(group);
}
END_TEST

START_TEST(an_operator_may_give_the_others_up)
{
    struct group *group = group_new(3, 3);
    ck_outcome(group_write(group, 0, "r/a", "one", -1), REGISTER_DONE);
    group->nodes[0].cut = group->nodes[1].cut = true;
    ck_outcome(group_read(group, 2, "r/a"), REGISTER_UNAVAILABLE);
    group->nodes[0].gone = group->nodes[1].gone = true;
    group_reset(group, 2);
    ck_outcome(group_read(group, 2, "r/a"), REGISTER_DONE);
    ck_assert_str_eq(group_body(group), "one");
    /* The lost ones were not lost after all: they follow. */
    group->nodes[0].cut = group->nodes[1].cut = false;
    ck_outcome(group_write(group, 0, "r/a", "two", 1), REGISTER_DONE);
    ck_assert_uint_eq(registers_roster(group->nodes[0].registers)->resets, 1);
    group_free(group);
}
END_TEST

/* ---- strangers */

/* Whatever peers say, nothing but what they may decide changes, and nothing breaks. */
START_TEST(any_message_is_survived)
{
    struct prng prng;
    struct group *group = group_new(3, 3);
    prng_seed(&prng, (uint64_t)_i + 1);
    ck_outcome(group_write(group, 0, "r/a", "one", 0), REGISTER_DONE);
    for (int i = 0; i < 3000; i++) {
        struct buf payload = BUF_INIT;
        uint64_t epoch = prng_below(&prng, 4) == 0 ? prng_below(&prng, 3) + 1 : 1;
        struct wire_ballot ballot = {.counter = (epoch << 40) + prng_below(&prng, 40) + 1,
                                     .node = 0x101 + prng_below(&prng, 3)};
        if (prng_below(&prng, 20) == 0)
            ballot.counter = UINT64_C(4611686018427387903);
        struct wire_register_value value = {
            .sequence = prng_below(&prng, 5) + 1, .writer = 0x102, .operation = 3};
        switch (prng_below(&prng, 6)) {
        case 0: {
            struct wire_register_prepare prepare = {
                .operation = 1 + prng_below(&prng, 9), .epoch = epoch, .has_ballot = true};
            prepare.ballot = ballot;
            prepare.key = text_bytes(prng_below(&prng, 2) == 0 ? "r/a" : "roster#1");
            wire_put_register_prepare(&payload, &prepare);
            break;
        }
        case 1: {
            struct wire_register_accept accept = {.operation = 1 + prng_below(&prng, 9),
                                                  .epoch = epoch};
            accept.ballot = ballot;
            accept.value = value;
            accept.key = text_bytes(prng_below(&prng, 2) == 0 ? "r/b" : "roster#1");
            wire_put_register_accept(&payload, &accept);
            break;
        }
        case 2: {
            struct wire_register_promise promise = {
                .operation = prng_next(&prng) | 1, .epoch = epoch, .has_accepted = true};
            promise.accepted = ballot;
            wire_put_register_promise(&payload, &promise);
            break;
        }
        case 3: {
            struct wire_register_refuse refuse = {.operation = prng_next(&prng) | 1,
                                                  .has_promised = true};
            refuse.promised = ballot;
            wire_put_register_refuse(&payload, &refuse);
            break;
        }
        case 4: {
            struct wire_register_list list = {.operation = 1, .epoch = epoch};
            wire_put_register_list(&payload, &list);
            break;
        }
        default: {
            struct wire_roster_query query = {.origin = prng_below(&prng, 2), .epoch = epoch};
            wire_put_roster_query(&payload, &query);
            break;
        }
        }
        (void)group_inject(group, (uint32_t)prng_below(&prng, 3), 0x101 + prng_below(&prng, 3),
                           &payload);
        buf_fini(&payload);
        if (i % 100 == 0)
            group_run(group, 10);
    }
    group_run(group, 5000);
    ck_outcome(group_read(group, 1, "r/a"), REGISTER_DONE);
    ck_assert_str_eq(group_body(group), "one");
    group_free(group);
}
END_TEST

/* proto/registers.md 4.5: who loses is told, once; a roster of one's own line is nothing to tell.
 */
START_TEST(a_cluster_that_was_founded_apart_is_reported)
{
    struct group *group = group_new(3, 1);
    struct buf payload = BUF_INIT;
    struct register_roster theirs = {
        .origin = 2, .epoch = 9, .voters_count = 5, .voters = {0x301, 0x302, 0x303, 0x304, 0x305}};
    group_run(group, 120000); /* it grows to three voters */
    ck_assert_uint_eq(group->foreign_count, 0);
    struct wire_roster wire = register_roster_to_wire(&theirs);
    wire_put_roster(&payload, &wire);
    (void)group_inject(group, 0, 0x301, &payload);
    group_run(group, 1000);
    ck_assert_uint_ge(group->foreign_count, 1);
    uint32_t told_count = group->foreign_count;
    (void)group_inject(group, 0, 0x301, &payload);
    group_run(group, 60000);
    ck_assert_uint_le(group->foreign_count, group->count);
    ck_assert_uint_ge(group->foreign_count, told_count);
    buf_fini(&payload);
    group_free(group);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("register");
    TCase *tcase = tcase_create("register");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_cluster_that_was_founded_apart_is_reported);
    tcase_add_test(tcase, every_node_reads_what_one_wrote);
    tcase_add_test(tcase, compare_and_set_wants_the_version_that_is_there);
    tcase_add_test(tcase, a_minority_may_be_away_a_majority_may_not);
    tcase_add_test(tcase, two_nodes_have_one_voter_and_say_what_would_help);
    tcase_add_test(tcase, nothing_is_answered_before_it_is_on_disk);
    tcase_add_test(tcase, a_promise_outlives_a_restart);
    tcase_add_test(tcase, an_acceptor_promises_only_higher_ballots_of_its_epoch);
    tcase_add_test(tcase, a_lease_has_one_holder_until_it_lets_go);
    tcase_add_test(tcase, a_lease_ends_for_its_holder_before_others_may_have_it);
    tcase_add_test(tcase, a_restart_of_all_voters_makes_no_lease_older);
    tcase_add_test(tcase, looking_at_a_lease_keeps_nobody_waiting);
    tcase_add_test(tcase, the_same_holder_gets_a_new_token_and_no_shorter_lease);
    tcase_add_test(tcase, leases_and_plain_registers_do_not_mix);
    tcase_add_test(tcase, replacing_a_lease_renews_takes_or_releases_it);
    tcase_add_test(tcase, a_list_has_all_keys_in_order);
    tcase_add_test(tcase, a_late_last_page_ends_no_later_list);
    tcase_add_test(tcase, what_breaks_a_limit_is_refused);
    tcase_add_test(tcase, one_node_founds_and_the_roster_grows);
    tcase_add_test(tcase, who_has_no_vote_writes_only_the_first_roster);
    tcase_add_test(tcase, who_has_no_vote_founds_no_other_roster);
    tcase_add_test(tcase, a_minority_never_changes_the_roster);
    tcase_add_test(tcase, a_lost_voter_is_replaced_by_the_others);
    tcase_add_test(tcase, a_joint_roster_that_gets_nowhere_is_given_up);
    tcase_add_test(tcase, an_operator_may_give_the_others_up);
    tcase_add_loop_test(tcase, any_message_is_survived, 0, 3);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
