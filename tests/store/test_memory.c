/*
 * What 100,000 claims and 10,000 objects take: <= 25 MiB (proto/state.md 8). Heap in use as malloc
 * sees it, so that trees, headers and slack all count. Prints the figures; says nothing under a
 * sanitizer, whose heap is another.
 */
#include <check.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* A sanitizer's figures mean nothing: there it is a test of many records only. */
#define NODES_COUNT     64
#define WORKLOADS_COUNT (SANITIZED ? 200 : 2000)
#define CLAIMS_COUNT    (SANITIZED ? 10000 : 100000)
#define OBJECTS_COUNT   (SANITIZED ? 1000 : 10000)

static void random_uid(struct prng *prng, uint8_t uid[16])
{
    uint64_t words[2] = {prng_next(prng), prng_next(prng)};
    memcpy(uid, words, 16);
}

static struct bytes text(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

/* A Deployment as people write it, in canonical JSON: about 400 bytes. */
static void put_deployment(struct store *store, struct prng *prng, uint32_t i)
{
    char key[64], body[600];
    snprintf(key, sizeof(key), "deployments.apps/team-%u/web-%u", i % 100, i);
    snprintf(body, sizeof(body),
             "{\"apiVersion\":\"apps/"
             "v1\",\"kind\":\"Deployment\",\"metadata\":{\"labels\":{\"app\":\"web-%u\"},\"name\":"
             "\"web-%u\",\"namespace\":\"team-%u\"},\"spec\":{\"replicas\":10,\"selector\":{"
             "\"matchLabels\":{\"app\":\"web-"
             "%u\"}},\"template\":{\"metadata\":{\"labels\":{\"app\":\"web-%u\"}},\"spec\":{"
             "\"containers\":[{\"image\":"
             "\"registry.example.com/"
             "web:1.%u\",\"name\":\"web\",\"resources\":{\"requests\":{\"cpu\":\"100m\","
             "\"memory\":\"64Mi\"}}}]}}}}",
             i, i, i % 100, i, i, i % 50);
    struct wire_object object = make_object(key, 10 + i, 3, 0, 1, body);
    random_uid(prng, object.uid);
    ck_verdict(put_object(store, &object), STORE_NEW);
}

/* One running pod with one container, as the agent publishes it: about 330 bytes. */
static void put_pod(struct store *store, struct prng *prng, const uint8_t *workloads, uint64_t i)
{
    uint32_t workload = (uint32_t)(i % WORKLOADS_COUNT),
             node = (uint32_t)prng_below(prng, NODES_COUNT);
    char key[64], name[64], image[100];
    snprintf(key, sizeof(key), "deployments.apps/team-%u/web-%u", workload % 100, workload);
    snprintf(name, sizeof(name), "web-%u-%08x-%05x", workload, workload * 2654435761U,
             (unsigned)prng_below(prng, 1U << 20));
    snprintf(image, sizeof(image), "sha256:%064x", workload * 40503);
    struct wire_container_status container = {.name = text("web"),
                                              .state = WIRE_CONTAINER_STATE_RUNNING,
                                              .ready = true,
                                              .started_wall_ms = WALL_0 + i * 17,
                                              .image_id = text(image)};
    uint8_t ip[16] = {
        [10] = 0xff, [11] = 0xff, [12] = 10, [13] = 42, [14] = (uint8_t)node, [15] = (uint8_t)i};
    struct wire_claim claim =
        make_claim(0x9000000000000000 + (uint64_t)node * 0x10001, 1748736000 + node, i + 1, 0, 0,
                   (uint32_t)(i / WORKLOADS_COUNT));
    random_uid(prng, claim.pod_uid);
    memcpy(claim.slot.workload_uid, workloads + (size_t)workload * 16, 16);
    claim.object_generation = 3;
    claim.template_hash = workload * UINT64_C(0x9E3779B97F4A7C15);
    claim.ready = true;
    claim.created_wall_ms = WALL_0 + i * 17 - 300;
    claim.ready_wall_ms = WALL_0 + i * 17 + 1200;
    claim.workload_key = text(key);
    claim.pod_name = text(name);
    claim.ip = (struct bytes){ip, 16};
    claim.containers = &container;
    claim.containers_count = 1;
    claim.has_requests = true;
    claim.requests = (struct wire_resources){.cpu_milli = 100, .memory_bytes = 64 << 20, .pods = 1};
    claim.rank = (uint32_t)(i % 4);
    ck_verdict(put_claim(store, 0, &claim), STORE_NEW);
}

static size_t heap_bytes(void)
{
    return mallinfo2().uordblks;
}

static uint64_t cpu_us(void)
{
    return (uint64_t)clock() * 1000000 / CLOCKS_PER_SEC;
}

static bool count_claim(void *context, const struct wire_claim *claim)
{
    *(size_t *)context += claim->containers_count;
    return true;
}

START_TEST(fits)
{
    struct prng prng;
    prng_seed(&prng, 1);
    static uint8_t workloads[(size_t)WORKLOADS_COUNT * 16];
    for (size_t i = 0; i < WORKLOADS_COUNT; i++)
        random_uid(&prng, workloads + i * 16);
    size_t before = heap_bytes();
    uint64_t began = cpu_us();
    struct store *store = make_store(1);
    for (uint32_t i = 0; i < OBJECTS_COUNT; i++)
        put_deployment(store, &prng, i);
    size_t objects = heap_bytes();
    uint64_t objects_us = cpu_us();
    for (uint32_t i = 0; i < CLAIMS_COUNT; i++)
        put_pod(store, &prng, workloads, i);
    size_t claims = heap_bytes();
    uint64_t claims_us = cpu_us();
    size_t seen = 0;
    store_each_claim(store, count_claim, &seen);
    uint64_t read_us = cpu_us();
    ck_assert_uint_eq(seen, CLAIMS_COUNT);
    struct store_stats stats;
    store_stats(store, &stats);
    printf("objects: %zu bytes each, %.1f us a put\n", (objects - before) / OBJECTS_COUNT,
           (double)(objects_us - began) / (double)OBJECTS_COUNT);
    printf("claims: %zu bytes each, %.1f us a put, %.1f us a read\n",
           (claims - objects) / CLAIMS_COUNT, (double)(claims_us - objects_us) / CLAIMS_COUNT,
           (double)(read_us - claims_us) / CLAIMS_COUNT);
    printf("encoded: %llu bytes; heap: %.1f MiB\n", (unsigned long long)stats.encoded_bytes,
           (double)(claims - before) / (1 << 20));
    if (!SANITIZED)
        ck_assert_uint_le(claims - before, (size_t)25 << 20);
    store_free(store);
    if (!SANITIZED)
        ck_assert_uint_le(heap_bytes(), before);
}
END_TEST

/* What malloc keeps at hand for a thread counts as used: it is told to keep nothing, which it
 * reads when the program starts. */
static void without_thread_cache(char **argv)
{
    static const char name[] = "GLIBC_TUNABLES", value[] = "glibc.malloc.tcache_count=0";
    const char *before = getenv(name);
    if (SANITIZED || (before != NULL && strcmp(before, value) == 0))
        return;
    if (setenv(name, value, 1) == 0)
        (void)execv("/proc/self/exe", argv);
    perror("cannot start again without malloc's caches");
    exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
    (void)argc;
    without_thread_cache(argv);
    Suite *suite = suite_create("store/memory");
    TCase *tcase = tcase_create("memory");
    tcase_set_timeout(tcase, 120);
    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, fits);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
