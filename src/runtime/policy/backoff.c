#include "backoff.h"

uint32_t backoff_after(struct backoff *backoff, const struct backoff_limits *limits,
                       uint64_t ran_ms)
{
    if (ran_ms >= limits->reset_ms)
        backoff->next_ms = 0;
    uint32_t delay_ms = backoff->next_ms;
    if (delay_ms == 0)
        backoff->next_ms = limits->initial_ms;
    else
        backoff->next_ms = delay_ms > limits->max_ms / 2 ? limits->max_ms : delay_ms * 2;
    return delay_ms;
}
