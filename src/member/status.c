#include "member/status.h"

#include "base/assert.h"

const char *member_status_name(enum member_status status)
{
    static const char *const names[MEMBER_STATUS_COUNT] = {
        [MEMBER_UNKNOWN] = "unknown", [MEMBER_ALIVE] = "alive", [MEMBER_SUSPECT] = "suspect",
        [MEMBER_DEAD] = "dead",       [MEMBER_LEFT] = "left",
    };
    ASSERT((unsigned)status < MEMBER_STATUS_COUNT);
    return names[status];
}

const char *member_change_name(enum member_change change)
{
    static const char *const names[MEMBER_CHANGE_COUNT] = {
        [MEMBER_CHANGE_JOINED] = "joined",
        [MEMBER_CHANGE_RESTARTED] = "restarted",
        [MEMBER_CHANGE_ANSWERED] = "answered",
        [MEMBER_CHANGE_REFUTED] = "refuted",
        [MEMBER_CHANGE_UPDATED] = "updated",
        [MEMBER_CHANGE_PROBE_FAILED] = "probe failed",
        [MEMBER_CHANGE_VERIFIED] = "accusation verified",
        [MEMBER_CHANGE_WINDOW] = "suspicion ran out",
        [MEMBER_CHANGE_REFUSED] = "refused",
        [MEMBER_CHANGE_TOLD] = "told by others",
        [MEMBER_CHANGE_NO_ANSWER] = "never answered",
        [MEMBER_CHANGE_LEFT] = "left",
        [MEMBER_CHANGE_BANNED] = "banned",
    };
    ASSERT((unsigned)change < MEMBER_CHANGE_COUNT);
    return names[change];
}
