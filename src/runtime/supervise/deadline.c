#include "deadline.h"

#include "base/assert.h"

static int deadline_compare(const struct deadline *a, const struct deadline *b)
{
    if (a->at_ms != b->at_ms)
        return a->at_ms < b->at_ms ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

RB_PROTOTYPE(deadline_tree, deadline, node, deadline_compare)
RB_GENERATE(deadline_tree, deadline, node, deadline_compare)

static void on_timer(uv_timer_t *timer);

static void arm(struct deadlines *deadlines)
{
    struct deadline *first = RB_MIN(deadline_tree, &deadlines->tree);
    if (first == NULL) {
        uv_timer_stop(&deadlines->timer);
        return;
    }
    uint64_t now_ms = uv_now(deadlines->timer.loop);
    uv_timer_start(&deadlines->timer, on_timer, first->at_ms > now_ms ? first->at_ms - now_ms : 0,
                   0);
}

static void on_timer(uv_timer_t *timer)
{
    struct deadlines *deadlines = timer->data;
    uint64_t now_ms = uv_now(timer->loop);
    /* Those set meanwhile wait for the next turn, even when they are due. */
    uint64_t order_end = deadlines->order;
    struct deadline *first;
    while ((first = RB_MIN(deadline_tree, &deadlines->tree)) != NULL && first->at_ms <= now_ms &&
           first->order < order_end) {
        deadline_cancel(deadlines, first);
        first->expired(first->user);
    }
    arm(deadlines);
}

void deadlines_init(struct deadlines *deadlines, uv_loop_t *loop)
{
    RB_INIT(&deadlines->tree);
    deadlines->order = 0;
    ASSERT(uv_timer_init(loop, &deadlines->timer) == 0);
    deadlines->timer.data = deadlines;
}

void deadlines_close(struct deadlines *deadlines, uv_close_cb on_closed)
{
    ASSERT(RB_EMPTY(&deadlines->tree));
    uv_close((uv_handle_t *)&deadlines->timer, on_closed);
}

void deadline_init(struct deadline *deadline, void (*expired)(void *user), void *user)
{
    *deadline = (struct deadline){.expired = expired, .user = user};
}

void deadline_set(struct deadlines *deadlines, struct deadline *deadline, uint64_t delay_ms)
{
    if (deadline->is_set)
        RB_REMOVE(deadline_tree, &deadlines->tree, deadline);
    deadline->at_ms = uv_now(deadlines->timer.loop) + delay_ms;
    deadline->order = deadlines->order++;
    deadline->is_set = true;
    RB_INSERT(deadline_tree, &deadlines->tree, deadline);
    arm(deadlines);
}

void deadline_cancel(struct deadlines *deadlines, struct deadline *deadline)
{
    if (!deadline->is_set)
        return;
    RB_REMOVE(deadline_tree, &deadlines->tree, deadline);
    deadline->is_set = false;
    arm(deadlines);
}
