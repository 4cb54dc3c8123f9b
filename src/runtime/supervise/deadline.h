/*
 * Points in time at which something is to be done, on one uv_timer. A deadline is embedded in its
 * owner and may be moved or cancelled at any time, also from within a callback, so that owners can
 * be freed at once.
 */
#ifndef SHOAL_RUNTIME_DEADLINE_H
#define SHOAL_RUNTIME_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

#include <bsd/sys/tree.h>
#include <uv.h>

struct deadline {
    RB_ENTRY(deadline) node;
    uint64_t at_ms; /* uv_now */
    uint64_t order; /* of two at the same time the one set first */
    bool is_set;
    void (*expired)(void *user);
    void *user;
};

RB_HEAD(deadline_tree, deadline);

struct deadlines {
    uv_timer_t timer;
    struct deadline_tree tree;
    uint64_t order;
};

void deadlines_init(struct deadlines *deadlines, uv_loop_t *loop);
void deadlines_close(struct deadlines *deadlines, uv_close_cb on_closed);

void deadline_init(struct deadline *deadline, void (*expired)(void *user), void *user);
/* In `delay_ms` from now; replaces an earlier setting. */
void deadline_set(struct deadlines *deadlines, struct deadline *deadline, uint64_t delay_ms);
void deadline_cancel(struct deadlines *deadlines, struct deadline *deadline);

#endif
