/*
 * Laws, tried over seeds: whatever faults there were, when they end all agree; a healthy member is
 * never evicted by anybody, under loss, beside members that stall, or with a storm of restarts; the
 * sick cause no storm of news. A failing seed is printed by the assertion.
 */
#include "cluster.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t seeds_count(uint64_t normally)
{
    const char *text = getenv("MEMBER_SEEDS");
    return text != NULL ? strtoull(text, NULL, 10) : normally;
}

/* ---- random faults, then quiet */

static void break_something(struct cluster *cluster)
{
    size_t a = prng_below(&cluster->prng, cluster->hosts_count);
    size_t b = prng_below(&cluster->prng, cluster->hosts_count);
    struct host *host = &cluster->hosts[a];
    switch (prng_below(&cluster->prng, 10)) {
    case 0:
        if (host->table != NULL)
            cluster_kill_host(cluster, a);
        break;
    case 1:
        if (host->table != NULL)
            cluster_kill_process(cluster, a);
        break;
    case 2:
    case 3:
        cluster_host_up(cluster, a);
        if (host->table == NULL)
            cluster_start(cluster, a);
        break;
    case 4:
        if (host->table != NULL && !host->stopped)
            cluster_stop(cluster, a);
        break;
    case 5:
        if (host->table != NULL && host->stopped)
            cluster_resume(cluster, a);
        break;
    case 6:
        cluster_block(cluster, a, b, true);
        break;
    case 7:
        cluster->loss_ppm = (uint32_t)prng_below(&cluster->prng, 400000);
        cluster->latency_max_ms = 1 + (uint32_t)prng_below(&cluster->prng, 80);
        break;
    case 8:
        cluster_partition(cluster, b);
        break;
    case 9:
        cluster_heal(cluster);
        break;
    }
}

static void mend_everything(struct cluster *cluster)
{
    cluster_heal(cluster);
    cluster->latency_max_ms = 1;
    for (size_t i = 0; i < cluster->hosts_count; i++) {
        cluster_host_up(cluster, i);
        if (cluster->hosts[i].table == NULL)
            cluster_start(cluster, i);
        else if (cluster->hosts[i].stopped)
            cluster_resume(cluster, i);
    }
}

START_TEST(test_after_any_faults_all_agree)
{
    uint64_t worst_ms = 0;
    uint64_t seeds = seeds_count(60);
    for (uint64_t seed = 0; seed < seeds; seed++) {
        struct cluster *cluster = cluster_of_joined(3 + seed % 8, 5000 + seed);
        for (int i = 0; i < 60; i++) {
            break_something(cluster);
            cluster_run(cluster, prng_below(&cluster->prng, 2000));
        }
        mend_everything(cluster);
        uint64_t took_ms = cluster_wait_agreed(cluster, 60000);
        ck_assert_msg(took_ms != NEVER_MS, "seed %llu: no agreement", (unsigned long long)seed);
        worst_ms = took_ms > worst_ms ? took_ms : worst_ms;
        for (size_t i = 0; i < cluster->hosts_count; i++)
            ck_assert_str_eq(cluster->hosts[i].fatal, "");
        cluster_free(cluster);
    }
    printf("random faults: %llu seeds, slowest agreement %llu ms\n", (unsigned long long)seeds,
           (unsigned long long)worst_ms);
}
END_TEST

/* ---- no false evictions */

static size_t count_evictions_of_healthy(struct cluster *cluster, size_t sick_count)
{
    size_t count = 0;
    for (size_t i = 0; i < cluster->hosts_count; i++)
        for (size_t j = sick_count; j < cluster->hosts_count; j++)
            for (size_t k = 0; i != j && k < cluster->hosts[i].changes_count; k++)
                count += cluster->hosts[i].changes[k].subject == cluster->hosts[j].id &&
                         cluster->hosts[i].changes[k].status_new == MEMBER_DEAD;
    return count;
}

static void try_loss(size_t members, uint32_t loss_ppm, uint32_t latency_max_ms, uint64_t minutes)
{
    struct cluster *cluster = cluster_of_joined(members, 6000 + loss_ppm + members);
    cluster->loss_ppm = loss_ppm;
    cluster->latency_max_ms = latency_max_ms;
    size_t deaths = 0, suspicions = 0;
    for (uint64_t i = 0; i < minutes * 6; i++) {
        cluster_run(cluster, 10000);
        deaths += count_evictions_of_healthy(cluster, 0);
        for (size_t j = 0; j < members; j++)
            suspicions += cluster_count_changes(cluster, j, MEMBER_SUSPECT);
        cluster_clear_changes(cluster);
    }
    printf("loss %2u%% N=%zu latency <= %u ms, %llu min: %zu suspicions, %zu deaths\n",
           loss_ppm / 10000, members, latency_max_ms, (unsigned long long)minutes, suspicions,
           deaths);
    ck_assert_uint_eq(deaths, 0);
    cluster->loss_ppm = 0;
    cluster->latency_max_ms = 1;
    ck_assert_uint_ne(cluster_wait_agreed(cluster, 20000), NEVER_MS);
    cluster_free(cluster);
}

START_TEST(test_no_false_deaths_under_loss)
{
    try_loss(2, 100000, 5, 10);
    try_loss(3, 250000, 5, 10);
    try_loss(5, 100000, 5, 20);
    try_loss(5, 250000, 5, 20);
    try_loss(5, 250000, 60, 10);
    try_loss(16, 250000, 5, 4);
    try_loss(32, 100000, 20, 2);
}
END_TEST

struct rhythm {
    uint64_t stop_ms, run_ms;
};

/* SIGSTOP stop_ms, run run_ms, again and again, `sick` of `members`. */
static void try_stalls(size_t members, size_t sick, struct rhythm rhythm, uint64_t seconds)
{
    struct cluster *cluster = cluster_of_joined(members, 7000 + members + sick + rhythm.stop_ms);
    size_t deaths = 0, flaps = 0;
    uint64_t next_ms[HOSTS_MAX];
    for (size_t i = 0; i < sick; i++)
        next_ms[i] = cluster->now_ms + prng_below(&cluster->prng, rhythm.stop_ms + rhythm.run_ms);
    uint64_t end_ms = cluster->now_ms + seconds * 1000;
    while (cluster->now_ms < end_ms) {
        for (size_t i = 0; i < sick; i++) {
            if (cluster->now_ms < next_ms[i])
                continue;
            if (cluster->hosts[i].stopped)
                cluster_resume(cluster, i);
            else
                cluster_stop(cluster, i);
            next_ms[i] =
                cluster->now_ms + (cluster->hosts[i].stopped ? rhythm.stop_ms : rhythm.run_ms);
        }
        cluster_run(cluster, 10);
    }
    deaths = count_evictions_of_healthy(cluster, sick);
    for (size_t i = 0; i < sick; i++)
        flaps += cluster_count_changes(cluster, i, MEMBER_SUSPECT) +
                 cluster_count_changes(cluster, i, MEMBER_DEAD);
    printf("stalls %llu/%llu ms, %zu of %zu, %llu s: %zu healthy declared dead; %zu flaps of the "
           "sick, %zu an observer and minute\n",
           (unsigned long long)rhythm.stop_ms, (unsigned long long)rhythm.run_ms, sick, members,
           (unsigned long long)seconds, deaths, flaps, flaps * 60 / seconds / members);
    ck_assert_uint_eq(deaths, 0);
    for (size_t i = 0; i < sick; i++)
        if (cluster->hosts[i].stopped)
            cluster_resume(cluster, i);
    ck_assert_uint_ne(cluster_wait_agreed(cluster, 20000), NEVER_MS);
    cluster_free(cluster);
}

START_TEST(test_no_false_deaths_beside_members_that_stall)
{
    static const struct rhythm rhythms[] = {{8000, 1000}, {2000, 200}, {1000, 50}, {150, 50}};
    for (size_t i = 0; i < 4; i++) {
        try_stalls(5, 1, rhythms[i], 60);
        try_stalls(5, 2, rhythms[i], 60);
        try_stalls(32, 1, rhythms[i], 20);
        try_stalls(32, 8, rhythms[i], 20);
    }
}
END_TEST

/* All members starve together, as sixty-four agents on two cores do: nobody dies. */
START_TEST(test_no_false_deaths_when_all_starve)
{
    static const struct rhythm rhythms[] = {{400, 100}, {900, 100}};
    for (size_t i = 0; i < 2; i++)
        try_stalls(6, 6, rhythms[i], 60);
}
END_TEST

/* ---- the same seed, the same trace */

static uint64_t trace_of(uint64_t seed)
{
    struct cluster *cluster = cluster_of_joined(6, seed);
    uint64_t trace = 0;
    for (int i = 0; i < 40; i++) {
        break_something(cluster);
        cluster_run(cluster, prng_below(&cluster->prng, 1000));
        for (size_t j = 0; j < cluster->hosts_count; j++)
            trace = trace * 31 + cluster->hosts[j].datagrams_sent * 7 +
                    cluster->hosts[j].datagram_bytes_sent + cluster->hosts[j].changes_count;
    }
    cluster_free(cluster);
    return trace;
}

START_TEST(test_same_seed_same_trace)
{
    for (uint64_t seed = 0; seed < 5; seed++)
        ck_assert_uint_eq(trace_of(8000 + seed), trace_of(8000 + seed));
    ck_assert_uint_ne(trace_of(8000), trace_of(8001));
}
END_TEST

/* ---- what it costs to do nothing */

START_TEST(test_idle_traffic)
{
    static const size_t sizes[] = {2, 5, 32, 64};
    for (size_t i = 0; i < 4; i++) {
        struct cluster *cluster = cluster_of_joined(sizes[i], 9000 + i);
        size_t bytes = 0, datagrams = 0, streams = 0;
        for (size_t j = 0; j < sizes[i]; j++) {
            bytes -= cluster->hosts[j].datagram_bytes_sent;
            datagrams -= cluster->hosts[j].datagrams_sent;
            streams -= cluster->hosts[j].streams_sent;
        }
        cluster_run(cluster, 60000);
        for (size_t j = 0; j < sizes[i]; j++) {
            bytes += cluster->hosts[j].datagram_bytes_sent;
            datagrams += cluster->hosts[j].datagrams_sent;
            streams += cluster->hosts[j].streams_sent;
        }
        /* Sealing adds 43 bytes, UDP and IPv4 28. */
        size_t wire_bytes = (bytes + datagrams * 71) / 60 / sizes[i];
        printf("idle N=%zu: %zu bytes a second and member on the wire, %zu streams in all\n",
               sizes[i], wire_bytes, streams);
        ck_assert_uint_le(wire_bytes, 420);
        ck_assert_uint_eq(streams, 0);
        cluster_free(cluster);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("member laws");
    TCase *tcase = tcase_create("laws");
    tcase_set_timeout(tcase, 600);
    tcase_add_test(tcase, test_after_any_faults_all_agree);
    tcase_add_test(tcase, test_no_false_deaths_under_loss);
    tcase_add_test(tcase, test_no_false_deaths_beside_members_that_stall);
    tcase_add_test(tcase, test_no_false_deaths_when_all_starve);
    tcase_add_test(tcase, test_same_seed_same_trace);
    tcase_add_test(tcase, test_idle_traffic);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
