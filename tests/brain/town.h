/*
 * A few brains on a pretended network that knows of keys: what is sealed under a key that the other
 * end does not open is lost, as in the agent. Virtual clock, one seed, no I/O; disks take 3 ms.
 */
#ifndef TESTS_BRAIN_TOWN_H
#define TESTS_BRAIN_TOWN_H

#include <check.h>

#include "shoal/brain.h"

#define TOWN_MAX  16
#define FIRST_KEY 1

struct town_packet;

struct house {
    uint64_t node;
    uint64_t generation;
    struct brain *brain; /* NULL: not running */
    uint8_t key_ids[8];  /* opened by its body; the first seals */
    size_t keys_count;
    struct buf ring; /* on its disk */
    struct buf members[TOWN_MAX];
    struct buf bans[TOWN_MAX]; /* object records, by banned house */
    uint32_t side;
    enum error_code reply_code; /* of the last request */
    char reply_text[512];
    bool replied;
    bool fatal;
    uint64_t unopened_count; /* arrived under a key that it does not have */
    uint64_t effects_hash;
    uint64_t deaths_seen; /* of members that ran */
};

struct town {
    uint64_t now_ms;
    size_t count;
    uint64_t seed;
    struct house houses[TOWN_MAX];
    struct town_packet *packets;
    uint64_t requests;
};

/* `count` brains with the key FIRST_KEY, joined and agreed (asserted). */
struct town *town_new(size_t count, uint64_t seed);
void town_free(struct town *town);
void town_start(struct town *town, size_t house);
void town_stop(struct town *town, size_t house);
void town_run(struct town *town, uint64_t duration_ms);
/* Everybody that runs sees everybody that runs alive, within the time; false: not. */
bool town_wait_agreed(struct town *town, uint64_t timeout_ms);
/* Everybody that runs seals with that key. */
bool town_wait_sealing(struct town *town, uint8_t key_id, uint64_t timeout_ms);
/* Nobody that runs opens that key. */
bool town_wait_gone(struct town *town, uint8_t key_id, uint64_t timeout_ms);
bool town_opens(const struct town *town, size_t house, uint8_t key_id);
void town_step(struct town *town, size_t house, const struct event *event);
enum error_code town_ban(struct town *town, size_t house, size_t banned);
enum error_code town_unban(struct town *town, size_t house, size_t banned);
/* Runs until the reply is there, and returns its code. */
enum error_code town_request(struct town *town, size_t house, struct brain_request request);
enum error_code town_install(struct town *town, size_t house, uint8_t key_id);
enum error_code town_use(struct town *town, size_t house, uint8_t key_id);
enum error_code town_remove(struct town *town, size_t house, uint8_t key_id, bool force);

#endif
