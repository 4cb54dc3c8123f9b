#include "digest.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

/* What is smaller is hashed before a thread would have started. */
#define INLINE_BYTES ((uint64_t)1 << 20)
#define SLOT_BYTES   ((size_t)256 << 10)
#define SLOTS_COUNT  4

/*
 * A thread that hashes while its owner decompresses and writes: without SHA instructions the hash
 * is the slowest part of a load. Slots are a ring: [taken, given) are full and belong to the
 * thread, the one at `given` is being filled by the owner. Invariant: given - taken <= SLOTS_COUNT.
 */
struct lane {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    EVP_MD_CTX *context; /* the digest's; the owner's again whenever given == taken */
    uint8_t *slots;
    size_t sizes[SLOTS_COUNT];
    unsigned int given, taken;
    bool closing;
};

struct digest {
    EVP_MD_CTX *context;
    uint64_t bytes_count;
    struct lane *lane;   /* NULL: hashed by the caller */
    size_t filled_bytes; /* of the slot at lane->given */
};

static void digest_start(struct digest *digest)
{
    /* Can only fail for want of memory or of a SHA-256 in the library: a machine in ruins. */
    ASSERT(EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL) == 1);
    digest->bytes_count = 0;
}

static void *lane_run(void *argument)
{
    struct lane *lane = argument;
    pthread_mutex_lock(&lane->mutex);
    while (true) {
        while (lane->given == lane->taken && !lane->closing)
            pthread_cond_wait(&lane->changed, &lane->mutex);
        if (lane->given == lane->taken)
            break;
        unsigned int slot = lane->taken % SLOTS_COUNT;
        pthread_mutex_unlock(&lane->mutex);
        ASSERT(EVP_DigestUpdate(lane->context, lane->slots + slot * SLOT_BYTES,
                                lane->sizes[slot]) == 1);
        pthread_mutex_lock(&lane->mutex);
        lane->taken++;
        pthread_cond_broadcast(&lane->changed);
    }
    pthread_mutex_unlock(&lane->mutex);
    return NULL;
}

/* NULL if there can be no thread; then the caller hashes. */
static struct lane *lane_new(EVP_MD_CTX *context)
{
    struct lane *lane = MEM_NEW(struct lane);
    sigset_t all;
    sigset_t before;
    lane->context = context;
    ASSERT(pthread_mutex_init(&lane->mutex, NULL) == 0);
    ASSERT(pthread_cond_init(&lane->changed, NULL) == 0);
    lane->slots = mem_alloc(SLOTS_COUNT, SLOT_BYTES);
    /* Signals are for the threads that expect them. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&lane->thread, NULL, lane_run, lane);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed == 0)
        return lane;
    mem_free(lane->slots);
    mem_free(lane);
    return NULL;
}

static void lane_free(struct lane *lane)
{
    if (lane == NULL)
        return;
    pthread_mutex_lock(&lane->mutex);
    lane->closing = true;
    pthread_cond_broadcast(&lane->changed);
    pthread_mutex_unlock(&lane->mutex);
    ASSERT(pthread_join(lane->thread, NULL) == 0);
    (void)pthread_cond_destroy(&lane->changed);
    (void)pthread_mutex_destroy(&lane->mutex);
    mem_free(lane->slots);
    mem_free(lane);
}

/* Gives the slot that is being filled to the thread and waits until another one is free. */
static void lane_give(struct digest *digest)
{
    struct lane *lane = digest->lane;
    pthread_mutex_lock(&lane->mutex);
    lane->sizes[lane->given % SLOTS_COUNT] = digest->filled_bytes;
    lane->given++;
    pthread_cond_broadcast(&lane->changed);
    while (lane->given - lane->taken == SLOTS_COUNT)
        pthread_cond_wait(&lane->changed, &lane->mutex);
    pthread_mutex_unlock(&lane->mutex);
    digest->filled_bytes = 0;
}

static void lane_add(struct digest *digest, const uint8_t *data, size_t size_bytes)
{
    struct lane *lane = digest->lane;
    while (size_bytes > 0) {
        size_t room_bytes = SLOT_BYTES - digest->filled_bytes;
        size_t part_bytes = size_bytes < room_bytes ? size_bytes : room_bytes;
        /* Only the owner changes `given`. */
        memcpy(lane->slots + lane->given % SLOTS_COUNT * SLOT_BYTES + digest->filled_bytes, data,
               part_bytes);
        digest->filled_bytes += part_bytes;
        data += part_bytes;
        size_bytes -= part_bytes;
        if (digest->filled_bytes == SLOT_BYTES)
            lane_give(digest);
    }
}

/* Waits until everything given is hashed. */
static void lane_drain(struct digest *digest)
{
    struct lane *lane = digest->lane;
    if (digest->filled_bytes > 0)
        lane_give(digest);
    pthread_mutex_lock(&lane->mutex);
    while (lane->given != lane->taken)
        pthread_cond_wait(&lane->changed, &lane->mutex);
    pthread_mutex_unlock(&lane->mutex);
}

struct digest *digest_new(void)
{
    struct digest *digest = MEM_NEW(struct digest);
    digest->context = EVP_MD_CTX_new();
    ASSERT(digest->context != NULL);
    digest_start(digest);
    return digest;
}

void digest_free(struct digest *digest)
{
    if (digest == NULL)
        return;
    lane_free(digest->lane);
    EVP_MD_CTX_free(digest->context);
    mem_free(digest);
}

void digest_add(struct digest *digest, const void *data, size_t size_bytes)
{
    if (size_bytes == 0)
        return;
    bool was_small = digest->bytes_count <= INLINE_BYTES;
    digest->bytes_count += size_bytes;
    if (digest->lane == NULL && was_small && digest->bytes_count > INLINE_BYTES)
        digest->lane = lane_new(digest->context);
    if (digest->lane != NULL)
        lane_add(digest, data, size_bytes);
    else
        ASSERT(EVP_DigestUpdate(digest->context, data, size_bytes) == 1);
}

void digest_take(struct digest *digest, char text[static IMAGE_DIGEST_BYTES_MAX])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned int raw_bytes = 0;
    if (digest->lane != NULL)
        lane_drain(digest);
    ASSERT(EVP_DigestFinal_ex(digest->context, raw, &raw_bytes) == 1);
    ASSERT(raw_bytes == 32);
    char *end = stpcpy(text, "sha256:");
    for (unsigned int i = 0; i < raw_bytes; i++) {
        *end++ = hex[raw[i] >> 4];
        *end++ = hex[raw[i] & 15];
    }
    *end = '\0';
    digest_start(digest);
}

void digest_of(const void *data, size_t size_bytes, char text[static IMAGE_DIGEST_BYTES_MAX])
{
    struct digest *digest = digest_new();
    digest_add(digest, data, size_bytes);
    digest_take(digest, text);
    digest_free(digest);
}

const char *digest_hex(const char *text)
{
    ASSERT(image_digest_is_valid(text));
    return text + strlen("sha256:");
}
