/* A few nodes with registers, on a network that is perfect but for who is cut off, and disks that
 * sync when they are told to. */
#ifndef SHOAL_TESTS_REGISTER_GROUP_H
#define SHOAL_TESTS_REGISTER_GROUP_H

#include <check.h>

#include "register/register.h"

#define GROUP_MAX 9

struct group_message {
    uint32_t from, to;
    struct bytes payload; /* owned */
};

struct group_record {
    struct bytes key, payload; /* owned */
};

struct group_node {
    uint64_t id;
    struct registers *registers;
    bool cut;       /* hears and says nothing */
    bool slow_disk; /* syncs only in group_sync */
    bool gone;
    uint64_t persist_sequence;
    struct group_record *disk; /* synced or not */
    size_t disk_count, disk_capacity;
};

struct group {
    struct group_node nodes[GROUP_MAX];
    uint32_t count, acting;
    uint64_t now_ms, requests;
    struct group_message *queue;
    size_t queue_count, queue_capacity;
    uint64_t sent;         /* messages */
    bool holds_last_pages; /* the empty pages that end a list wait for group_deliver_held */
    struct group_message *held;
    size_t held_count, held_capacity;
    uint32_t foreign_count; /* rosters of other clusters that took the place of ours */
    struct wire_arena arena;
    struct register_member members[GROUP_MAX];
    /* The last answer. */
    bool answered;
    struct register_result result;
    char text[512];
    uint8_t value[2048]; /* the result's value, encoded: what it points to */
    char keys[512];      /* of a list, with a space behind each */
};

/* `voters` of the nodes vote from the start (0: node 0 founds the roster); ids are 0x101, 0x102 ...
 */
struct group *group_new(uint32_t count, uint32_t voters);
void group_free(struct group *group);
/* Delivers everything, and lets time pass. */
void group_run(struct group *group, uint64_t for_ms);
void group_sync(struct group *group, uint32_t node);
/* What was held comes now, whoever is cut off meanwhile. */
void group_deliver_held(struct group *group);
/* Process or power: what was written is there again. */
void group_restart(struct group *group, uint32_t node);
/* The operator gives the other voters up. */
void group_reset(struct group *group, uint32_t node);
/* Asks at a node; the answer will be in group->result. */
void group_submit(struct group *group, uint32_t node, struct register_request request);
/* The same, and waits for it. */
enum register_outcome group_ask(struct group *group, uint32_t node,
                                struct register_request request);
enum register_outcome group_read(struct group *group, uint32_t node, const char *key);
/* sequence -1: whatever is there. */
enum register_outcome group_write(struct group *group, uint32_t node, const char *key,
                                  const char *body, int64_t sequence);
enum register_outcome group_acquire(struct group *group, uint32_t node, const char *key,
                                    const char *holder, uint32_t duration_ms);
enum register_outcome group_renew(struct group *group, uint32_t node, const char *key,
                                  uint64_t token);
enum register_outcome group_release(struct group *group, uint32_t node, const char *key,
                                    uint64_t token);
const char *group_body(const struct group *group); /* of the result; "" without a value */
/* A message as if it came from another node. False: refused as nonsense. */
bool group_inject(struct group *group, uint32_t to, uint64_t from, const struct buf *payload);

static inline struct bytes text_bytes(const char *text)
{
    return (struct bytes){.data = (const uint8_t *)text, .size_bytes = __builtin_strlen(text)};
}

#define ck_outcome(outcome, expected)                                                              \
    ck_assert_str_eq(register_outcome_name(outcome), register_outcome_name(expected))

#endif
