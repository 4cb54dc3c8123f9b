/* Who votes, what a majority is, which roster wins (proto/registers.md 4). */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "register/roster.h"

static struct register_roster make(const char *voters, const char *next)
{
    struct register_roster roster = {.origin = 1, .epoch = 3};
    for (const char *at = voters; *at != '\0'; at++)
        roster.voters[roster.voters_count++] = (uint64_t)(*at - 'a' + 1);
    for (const char *at = next; *at != '\0'; at++)
        roster.next[roster.next_count++] = (uint64_t)(*at - 'a' + 1);
    register_roster_validate(&roster);
    return roster;
}

static const struct {
    const char *voters, *next, *answers;
    bool of_old, met;
} quorums[] = {
    {"a", "", "a", false, true},
    {"a", "", "b", false, false},
    {"abc", "", "ab", false, true},
    {"abc", "", "a", false, false},
    {"abc", "", "ade", false, false},
    {"abcde", "", "abc", false, true},
    {"abcde", "", "ab", false, false},
    {"ab", "", "a", false, false},
    {"ab", "", "ab", false, true},
    {"abcdefg", "", "abcd", false, true},
    {"abcdefg", "", "abc", false, false},
    /* While it changes: a majority of the old and a majority of the new. */
    {"abc", "abd", "ab", false, true},
    {"abc", "cde", "ab", false, false},
    {"abc", "cde", "de", false, false},
    {"abc", "cde", "acd", false, true},
    {"a", "abc", "ab", false, true},
    {"a", "abc", "bc", false, false},
    /* The next roster is decided by the old alone. */
    {"abc", "cde", "ab", true, true},
    {"abc", "cde", "cde", true, false},
};

START_TEST(counts_majorities)
{
    struct register_roster roster = make(quorums[_i].voters, quorums[_i].next);
    struct register_quorum quorum;
    uint32_t answered = 0;
    register_quorum_of(&roster, quorums[_i].of_old, &quorum);
    for (const char *at = quorums[_i].answers; *at != '\0'; at++)
        answered |= register_quorum_bit(&quorum, (uint64_t)(*at - 'a' + 1));
    ck_assert_int_eq(register_quorum_is_met(&quorum, answered), quorums[_i].met);
}
END_TEST

/* The law that everything stands on: two quorums of one roster meet, and so do one of a joint
 * roster and one of either of its halves. */
START_TEST(any_two_quorums_meet)
{
    struct prng prng;
    prng_seed(&prng, (uint64_t)_i + 1);
    struct register_roster joint = {.origin = 1, .epoch = 1};
    for (uint64_t node = 1; node <= 9; node++) {
        if (prng_below(&prng, 2) == 0 && joint.voters_count < ROSTER_VOTERS_MAX)
            joint.voters[joint.voters_count++] = node;
        if (prng_below(&prng, 2) == 0 && joint.next_count < ROSTER_VOTERS_MAX)
            joint.next[joint.next_count++] = node;
    }
    if (joint.voters_count == 0 || joint.next_count == 0)
        return;
    struct register_roster before = joint;
    struct register_roster after = joint;
    before.next_count = after.next_count = 0;
    memcpy(after.voters, joint.next, sizeof(after.voters));
    after.voters_count = joint.next_count;
    struct register_roster rosters[] = {before, joint, after};
    for (int tries = 0; tries < 2000; tries++) {
        size_t first = prng_below(&prng, 3);
        size_t second = first == 1 ? prng_below(&prng, 3) : prng_below(&prng, 2) == 0 ? first : 1;
        uint64_t sets[2] = {prng_next(&prng), prng_next(&prng)};
        size_t which[2] = {first, second};
        bool both = true;
        for (int i = 0; i < 2; i++) {
            struct register_quorum quorum;
            uint32_t answered = 0;
            register_quorum_of(&rosters[which[i]], false, &quorum);
            for (uint64_t node = 1; node <= 9; node++)
                if ((sets[i] >> node & 1) != 0)
                    answered |= register_quorum_bit(&quorum, node);
            both = both && register_quorum_is_met(&quorum, answered);
        }
        if (both)
            ck_assert_uint_ne(sets[0] & sets[1] & 0x3fe, 0);
    }
}
END_TEST

START_TEST(the_newer_roster_wins)
{
    struct register_roster one = make("abc", "");
    struct register_roster other = one;
    struct register_roster none = {.epoch = 0};
    ck_assert(!register_roster_supersedes(&one, &other));
    other.epoch++;
    ck_assert(register_roster_supersedes(&other, &one));
    ck_assert(!register_roster_supersedes(&one, &other));
    one.resets = 1; /* whatever the old voters decided since */
    ck_assert(register_roster_supersedes(&one, &other));
    ck_assert(register_roster_supersedes(&one, &none));
    ck_assert(!register_roster_supersedes(&none, &one));
    struct register_roster stranger = make("x", "");
    stranger.origin = 2;
    stranger.epoch = 100;
    ck_assert_msg(register_roster_supersedes(&one, &stranger),
                  "a newcomer's roster of one must not take over");
    ck_assert(!register_roster_supersedes(&stranger, &one));
}
END_TEST

START_TEST(what_is_no_roster_is_refused)
{
    uint64_t bad[][3] = {{1, 1, 2}, {2, 1, 3}, {0, 1, 2}};
    for (size_t i = 0; i < 3; i++) {
        struct register_roster roster = {.epoch = 0};
        struct wire_roster wire = {.origin = 1, .epoch = 1, .voters = bad[i], .voters_count = 3};
        ck_assert(!register_roster_of_wire(&wire, &roster));
    }
    uint64_t good[] = {1, 2, 9};
    struct register_roster roster;
    struct wire_roster wire = {.origin = 1, .epoch = 1, .voters = good, .voters_count = 3};
    ck_assert(register_roster_of_wire(&wire, &roster));
    ck_assert(register_roster_is_voter(&roster, 9) && !register_roster_is_voter(&roster, 3));
}
END_TEST

/* members: a letter is stable, A capital is live but new, "-x" is gone. */
static const struct {
    const char *voters, *members;
    size_t size;
    const char *wants; /* these are among them */
} plans[] =
    {
        {"a", "a", 1, "a"},
        {"a", "ab", 1, "a"}, /* two nodes: a roster of two would be lost with either */
        {"a", "abc", 3, "abc"},
        {"a", "abC", 1, "a"}, /* not before it has been there for a while */
        {"abc", "abcd", 3, "abc"},
        {"abc", "abcde", 5, "abcde"},
        {"abcde", "abcdefghi", 7, "abcde"},
        {"abc", "ab-cd", 3, "abd"}, /* a lost voter's vote goes to another */
        {"abc", "ab-c", 1, ""},     /* or there is one less */
        {"abcde", "abcd-e", 3, ""},
        {"abc", "aBC", 3, "abc"},    /* voters that are silent keep their votes */
        {"abc", "-a-b-c", 3, "abc"}, /* nobody to give them to */
};

START_TEST(plans_who_should_vote)
{
    struct register_roster roster = make(plans[_i].voters, "");
    struct register_member members[16];
    size_t count = 0;
    bool gone = false;
    for (const char *at = plans[_i].members; *at != '\0'; at++) {
        bool fresh = *at >= 'A' && *at <= 'Z';
        if (*at == '-') {
            gone = true;
            continue;
        }
        members[count++] = (struct register_member){.node = (uint64_t)((*at | 32) - 'a' + 1),
                                                    .live = !gone,
                                                    .stable = !gone && !fresh,
                                                    .gone = gone};
        gone = false;
    }
    uint64_t voters[ROSTER_VOTERS_MAX];
    size_t size = register_roster_plan(&roster, members, count, voters);
    ck_assert_uint_eq(size, plans[_i].size);
    for (const char *at = plans[_i].wants; *at != '\0'; at++) {
        bool found = false;
        for (size_t i = 0; i < size; i++)
            found = found || voters[i] == (uint64_t)(*at - 'a' + 1);
        ck_assert_msg(found, "%c should vote", *at);
    }
    for (size_t i = 1; i < size; i++)
        ck_assert_uint_lt(voters[i - 1], voters[i]);
}
END_TEST

START_TEST(zones_get_votes_before_second_ones_do)
{
    struct register_roster roster = make("a", "");
    struct register_member members[] = {
        {.node = 1, .zone_hash = 7, .live = true, .stable = true},
        {.node = 2, .zone_hash = 7, .live = true, .stable = true},
        {.node = 3, .zone_hash = 7, .live = true, .stable = true},
        {.node = 4, .zone_hash = 8, .live = true, .stable = true},
    };
    uint64_t voters[ROSTER_VOTERS_MAX];
    ck_assert_uint_eq(register_roster_plan(&roster, members, 4, voters), 3);
    ck_assert_uint_eq(voters[0], 1);
    ck_assert_uint_eq(voters[2], 4);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("register/roster");
    TCase *tcase = tcase_create("roster");
    tcase_add_loop_test(tcase, counts_majorities, 0, (int)(sizeof(quorums) / sizeof(quorums[0])));
    tcase_add_loop_test(tcase, any_two_quorums_meet, 0, 50);
    tcase_add_test(tcase, the_newer_roster_wins);
    tcase_add_test(tcase, what_is_no_roster_is_refused);
    tcase_add_loop_test(tcase, plans_who_should_vote, 0, (int)(sizeof(plans) / sizeof(plans[0])));
    tcase_add_test(tcase, zones_get_votes_before_second_ones_do);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
