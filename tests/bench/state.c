/*
 * What a fresh member needs to take in a large state from another: processor time a record, heap a
 * claim and an object. One process, two brains (tests/brain/cluster), real encodings, a real disk:
 * all but the sealing and the wire. The member is what it would be in a cluster of 64: it knows all
 * members, and evaluates all workloads. Figures are of this machine; the limits are those of
 * docs/testing.md, and say nothing under a sanitizer.
 *
 *     meson test --benchmark state --verbose          or    state [CLAIMS [OBJECTS]]
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"
#include "cluster.h"
#include "disk/disk.h"

#define MEMBERS_COUNT 64
#define REPLICAS      50
/* A fresh agent has 100,000 claims and 10,000 objects in 3 s, of which little may be sealing. */
#define RECORD_US_MAX 25.0
/* 25 MiB for them, claims and objects and all that is derived from them. */
#define CLAIM_BYTES_MAX  160
#define OBJECT_BYTES_MAX 1200
#define ALL_MIB_MAX      25

static struct cluster c;
static unsigned claims_total = 100000, objects_total = 10000;
static struct wire_member members[MEMBERS_COUNT];

/* What the newcomer's steps cost. */
static struct {
    struct timespec begin;
    double step_us, persist_us, longest_us;
    unsigned steps;
    struct disk *disk;
    struct disk_batch *batch;
} watch;

static double cpu_us_since(const struct timespec *begin)
{
    struct timespec now;
    ASSERT(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
    return (double)(now.tv_sec - begin->tv_sec) * 1e6 +
           (double)(now.tv_nsec - begin->tv_nsec) / 1e3;
}

static void step_begins(void)
{
    ASSERT(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &watch.begin) == 0);
}

static void step_ended(const struct effects *effects)
{
    static const enum disk_table tables[] = {
        [EFFECT_TABLE_MEMBER] = DISK_MEMBERS,     [EFFECT_TABLE_OBJECT] = DISK_OBJECTS,
        [EFFECT_TABLE_HISTORY] = DISK_HISTORY,    [EFFECT_TABLE_CLAIM] = DISK_CLAIMS,
        [EFFECT_TABLE_REGISTER] = DISK_REGISTERS, [EFFECT_TABLE_KEYS] = DISK_META,
    };
    struct error error = ERROR_INIT;
    double took_us = cpu_us_since(&watch.begin);
    watch.steps++;
    watch.step_us += took_us;
    if (took_us > watch.longest_us)
        watch.longest_us = took_us;
    step_begins();
    for (size_t i = 0; i < effects->count; i++) {
        const struct effect *effect = &effects->items[i];
        if (effect->kind == EFFECT_PERSIST && effect->payload.size_bytes > 0)
            disk_batch_put(watch.batch, tables[effect->table], effect->key, effect->payload);
        else if (effect->kind == EFFECT_PERSIST)
            disk_batch_delete(watch.batch, tables[effect->table], effect->key);
    }
    if (disk_batch_count(watch.batch) > 0 && disk_commit(watch.disk, watch.batch, &error) != 0) {
        fprintf(stderr, "%s\n", error.message);
        exit(EXIT_FAILURE);
    }
    disk_batch_clear(watch.batch);
    watch.persist_us += cpu_us_since(&watch.begin);
}

/* ---- what there is */

static struct bytes text(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static void uid_of(uint64_t number, uint8_t uid[16])
{
    const uint64_t halves[] = {hash64_pair(number, 1), hash64_pair(number, 2)};
    memcpy(uid, halves, 16);
}

static void flush(struct buf *payload, size_t at_least)
{
    if (payload->size_bytes <= at_least)
        return;
    cluster_step(&c, 0,
                 &(struct event){.kind = EVENT_STREAM,
                                 .node = 0x9000,
                                 .address = {.ip = {[15] = 99}, .port = 1},
                                 .payload = {payload->data, payload->size_bytes}});
    buf_clear(payload);
}

/* A Deployment as people write it, in canonical JSON; no member is eligible for it, so that what is
 * claimed is all that there is. */
static void put_deployment(struct buf *payload, unsigned i, uint64_t hlc)
{
    char key[64], body[700];
    struct wire_object object = {
        .version = {.hlc = hlc, .node = 0x9000}, .generation = 1, .created_wall_ms = WALL_0};
    snprintf(key, sizeof(key), "deployments.apps/default/web-%u", i);
    snprintf(body, sizeof(body),
             "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"labels\":{"
             "\"app\":\"web-%u\"},\"name\":\"web-%u\",\"namespace\":\"default\"},\"spec\":{"
             "\"replicas\":%u,\"selector\":{\"matchLabels\":{\"app\":\"web-%u\"}},\"template\":{"
             "\"metadata\":{\"labels\":{\"app\":\"web-%u\"}},\"spec\":{\"containers\":[{\"image\":"
             "\"registry.example.com/web:1.%u\",\"name\":\"web\",\"resources\":{\"requests\":{"
             "\"cpu\":\"10m\",\"memory\":\"16Mi\"}}}],\"nodeSelector\":{\"load\":\"none\"}}}}}",
             i, i, REPLICAS, i, i, i % 50);
    object.key = text(key);
    object.body = text(body);
    uid_of(i, object.uid);
    wire_put_object(payload, &object);
}

static void put_filler(struct buf *payload, unsigned i, uint64_t hlc)
{
    char key[64], body[500], note[251];
    struct wire_object object = {
        .version = {.hlc = hlc, .node = 0x9000}, .generation = 1, .created_wall_ms = WALL_0};
    for (unsigned k = 0; k < sizeof(note) - 1; k++)
        note[k] = (char)('a' + hash64_pair(i, k) % 26);
    note[sizeof(note) - 1] = '\0';
    snprintf(key, sizeof(key), "namespaces/filler-%u", i);
    snprintf(body, sizeof(body),
             "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"annotations\":{"
             "\"note\":\"%s\"},\"labels\":{\"team\":\"filler-%u\"},\"name\":\"filler-%u\"}}",
             note, i, i);
    object.key = text(key);
    object.body = text(body);
    uid_of(i + 1000000, object.uid);
    wire_put_object(payload, &object);
}

/* One running pod with one container, as an agent publishes it. */
static void put_claim(struct buf *payload, unsigned i, uint64_t hlc)
{
    char key[64], name[64], image[80];
    unsigned workload = i / REPLICAS;
    const struct wire_member *holder = &members[1 + workload / 80 % (MEMBERS_COUNT - 1)];
    snprintf(key, sizeof(key), "deployments.apps/default/web-%u", workload);
    snprintf(name, sizeof(name), "web-%u-%09llx-%05x", workload,
             (unsigned long long)hash64_pair(workload, 3) >> 28,
             (unsigned)(hash64_pair(i, 4) & 0xfffff));
    snprintf(image, sizeof(image), "sha256:%064x", 40503);
    struct wire_container_status container = {.name = text("web"),
                                              .state = WIRE_CONTAINER_STATE_RUNNING,
                                              .ready = true,
                                              .started_wall_ms = WALL_0,
                                              .image_id = text(image)};
    uint8_t ip[16] = {[10] = 0xff,
                      [11] = 0xff,
                      [12] = 10,
                      [13] = (uint8_t)(i >> 16),
                      [14] = (uint8_t)(i >> 8),
                      [15] = (uint8_t)i};
    struct wire_claim claim = {
        .node = holder->node,
        .node_generation = holder->generation,
        .seq = i + 1,
        .slot = {.ordinal = i % REPLICAS},
        .object_generation = hlc,
        .template_hash = hash64_pair(workload, 5),
        .state = WIRE_CLAIM_STATE_RUNNING,
        .ready = true,
        .created_wall_ms = WALL_0 + i,
        .ready_wall_ms = WALL_0 + i + 1200,
        .workload_key = text(key),
        .pod_name = text(name),
        .ip = {ip, sizeof(ip)},
        .containers = &container,
        .containers_count = 1,
        .has_requests = true,
        .requests = {.cpu_milli = 10, .memory_bytes = 16 << 20, .pods = 1},
    };
    uid_of(workload, claim.slot.workload_uid);
    uid_of(i + 2000000, claim.pod_uid);
    wire_put_claim(payload, &claim);
}

static void fill_objects(void)
{
    struct buf payload = BUF_INIT;
    uint64_t hlc = WALL_0 << 16;
    unsigned deployments = claims_total / REPLICAS;
    for (unsigned i = 0; i < objects_total; i++, flush(&payload, 500000))
        if (i < deployments)
            put_deployment(&payload, i, hlc + i);
        else
            put_filler(&payload, i, hlc + i);
    flush(&payload, 0);
    buf_fini(&payload);
}

static void fill_claims(void)
{
    struct buf payload = BUF_INIT;
    uint64_t hlc = WALL_0 << 16;
    for (unsigned i = 0; i < claims_total; i++, flush(&payload, 500000))
        put_claim(&payload, i, hlc + i / REPLICAS);
    flush(&payload, 0);
    buf_fini(&payload);
}

/* ---- members that need not run: the first peer knows them, and tells the newcomer */

static void introduce(void)
{
    struct effects effects;
    effects_init(&effects);
    for (unsigned i = 0; i < MEMBERS_COUNT; i++) {
        struct brain_config *config = MEM_NEW(struct brain_config);
        struct instant now = cluster_now(&c, 0);
        char name[16];
        snprintf(name, sizeof(name), "member-%u", i);
        members[i] =
            (struct wire_member){.node = 0x9000 + i, .generation = 1000, .name = text(name)};
        config->self = members[i];
        config->self.address.ip[14] = 1;
        config->self.address.ip[15] = (uint8_t)i;
        config->self.address.port = 7600;
        config->self.capacity =
            (struct wire_resources){.cpu_milli = 64000, .memory_bytes = 1 << 30, .pods = 4096};
        struct brain *brain = brain_new(config, now);
        brain_step(brain, now, &(struct event){.kind = EVENT_START}, &effects);
        effects_clear(&effects);
        struct brain_introduction introduction = brain_introduction(brain);
        brain_introduce(c.peers[0].brain, now, &introduction);
        brain_free(brain);
        mem_free(config);
        members[i].name = text("");
    }
    effects_fini(&effects);
}

/* ---- measuring */

static bool agree(void)
{
    struct brain_stats here, there;
    brain_stats(c.peers[0].brain, &here);
    brain_stats(c.peers[1].brain, &there);
    return here.digest_root == there.digest_root;
}

/* Virtual time only moves where nobody waits for a processor. */
static void run_until_agreed(void)
{
    for (unsigned i = 0; i < 3000 && !agree(); i++)
        cluster_run(&c, 10);
    ASSERT(agree());
}

static size_t heap_bytes(void)
{
    return mallinfo2().uordblks;
}

struct result {
    size_t heap_bytes; /* more than before */
    double us;
};

static void open_disk(const char *directory)
{
    struct error error = ERROR_INIT;
    if (disk_open(&(struct disk_config){.path = directory}, &watch.disk, &error) != 0) {
        fprintf(stderr, "%s\n", error.message);
        exit(EXIT_FAILURE);
    }
    watch.batch = disk_batch_new();
}

/* LMDB keeps the pages of its largest commit; they are not the brain's. */
static void close_disk(void)
{
    disk_batch_free(watch.batch);
    disk_close(watch.disk);
}

/* Runs until both agree; the newcomer's share. */
static struct result measure(const char *directory, const char *what, unsigned records_count)
{
    effects_fini(&c.effects);
    size_t before = heap_bytes();
    open_disk(directory);
    watch.step_us = watch.persist_us = watch.longest_us = 0;
    watch.steps = 0;
    run_until_agreed();
    cluster_run(&c, 200);
    effects_fini(&c.effects);
    close_disk();
    struct result result = {.heap_bytes = heap_bytes() - before,
                            .us = watch.step_us + watch.persist_us};
    printf("%-22s %7.2f us a record (%.2f s; of it disk %.2f s; longest step of %u: %.0f ms)\n",
           what, result.us / records_count, result.us / 1e6, watch.persist_us / 1e6, watch.steps,
           watch.longest_us / 1e3);
    return result;
}

static bool over(const char *what, double value, double max)
{
    printf("%-22s %7.1f (at most %.0f)%s\n", what, value, max, value > max ? "  TOO MUCH" : "");
    return value > max;
}

/* First the parts, so that each is known; then all at once, as it comes to a fresh member. */
static bool run(const char *directory)
{
    unsigned records = claims_total + objects_total;
    c.watched = 1;
    c.step_begins = step_begins;
    c.step_ended = step_ended;
    cluster_start(&c, 0);
    introduce();
    cluster_run(&c, 100);
    open_disk(directory);
    cluster_start(&c, 1);
    run_until_agreed();
    close_disk();
    fill_objects();
    struct result objects = measure(directory, "objects", objects_total);
    fill_claims();
    struct result claims = measure(directory, "claims", claims_total);
    size_t heap = objects.heap_bytes + claims.heap_bytes;
    cluster_kill(&c, 1);
    open_disk(directory);
    cluster_start(&c, 1);
    close_disk();
    struct result all = measure(directory, "both, to a newcomer", records);
    bool failed =
        over("bytes an object", (double)objects.heap_bytes / objects_total, OBJECT_BYTES_MAX);
    failed |= over("bytes a claim", (double)claims.heap_bytes / claims_total, CLAIM_BYTES_MAX);
    failed |= over("MiB for all", (double)heap / (1 << 20), ALL_MIB_MAX);
    failed |= over("us a record", all.us / records, RECORD_US_MAX);
    return !failed;
}

int main(int argc, char **argv)
{
    char directory[] = "/tmp/shoal-bench-XXXXXX", command[64];
    if (argc > 1)
        claims_total = (unsigned)strtoul(argv[1], NULL, 10);
    if (argc > 2)
        objects_total = (unsigned)strtoul(argv[2], NULL, 10);
    ASSERT(objects_total >= claims_total / REPLICAS && mkdtemp(directory) != NULL);
    cluster_init(&c, 2, 1000);
    bool good = run(directory);
    cluster_fini(&c);
    snprintf(command, sizeof(command), "rm -r -- '%s'", directory);
    return system(command) == 0 && good ? EXIT_SUCCESS : EXIT_FAILURE;
}
