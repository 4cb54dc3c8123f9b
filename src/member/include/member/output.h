/*
 * What the member table asks of whoever drives it, as a list of plain data. The table appends
 * during one call; the driver carries the list out in order and clears it. Payloads, records and
 * texts live until member_output_clear.
 */
#ifndef SHOAL_MEMBER_OUTPUT_H
#define SHOAL_MEMBER_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/arena.h"
#include "base/buf.h"
#include "member/status.h"

enum member_output_kind {
    /* payload: one or more top-level messages, at most DATAGRAM_BYTES_MAX; may_piggyback: rumours
       may follow. */
    MEMBER_SEND_DATAGRAM,
    /* payload: one stream message (messages in a row). node 0: unknown, a seed. */
    MEMBER_SEND_STREAM,
    /* payload: one top-level message to spread as a system rumour under (key, variant); node: its
     * origin. A rumour of variant 0 replaces every variant of its key (gossip/gossip.h). */
    MEMBER_BROADCAST,
    /* node went from status_old to status_new, for the reason in `change`. Also a restart, alive ->
       alive. */
    MEMBER_CHANGED,
    /* node is dead and now also evictable: its claims may be taken over. Once per death, and
     * whenever it was called in vain after that: in its record may be a later life by now. */
    MEMBER_EVICTABLE,
    /* The isolation guard began (holding) or ceased (!holding) to hold healing. */
    MEMBER_HOLDING,
    /* Run anti-entropy with this live member: we have just joined it, or it us, or a partition has
       healed. */
    MEMBER_SYNC_WITH,
    /* payload: the map form of the member record to keep on disk under `node`. */
    MEMBER_PERSIST,
    /* node was forgotten: remove it from the disk. */
    MEMBER_FORGET,
    /* Keep a connection open to node at address, and to nobody else; node 0: to nobody. When it
       ends or does not come about: member_watch_lost. */
    MEMBER_WATCH,
    /* member_leave has been told to enough peers. */
    MEMBER_LEAVE_DONE,
    /* text: this process must stop: its key runs on another, younger host. */
    MEMBER_FATAL,
    /* text: one line for people: name conflicts, refused records. */
    MEMBER_TRACE,
};

struct member_output_item {
    enum member_output_kind kind;
    enum member_status status_old;
    enum member_status status_new;
    enum member_change change;
    bool may_piggyback;
    bool holding;
    uint64_t node;
    uint64_t key;
    uint64_t variant;
    struct address address;
    struct bytes payload;
    struct bytes text; /* NUL-terminated */
};

struct member_output {
    struct member_output_item *items;
    size_t count;
    size_t capacity;
    struct arena arena;
};

void member_output_init(struct member_output *output);
void member_output_fini(struct member_output *output);
void member_output_clear(struct member_output *output);

#endif
