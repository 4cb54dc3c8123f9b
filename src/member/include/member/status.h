/* What we think of a member, and why we came to think so. */
#ifndef SHOAL_MEMBER_STATUS_H
#define SHOAL_MEMBER_STATUS_H

enum member_status {
    MEMBER_UNKNOWN, /* heard of (from the disk or from others), has not answered us yet: neither
                       alive nor dead */
    MEMBER_ALIVE,
    MEMBER_SUSPECT, /* alive as far as placement is concerned: it may still refute */
    MEMBER_DEAD,
    MEMBER_LEFT, /* said good-bye itself */
};
#define MEMBER_STATUS_COUNT 5

enum member_change {
    MEMBER_CHANGE_JOINED,    /* answered us for the first time */
    MEMBER_CHANGE_RESTARTED, /* a larger generation: everything it had in memory is gone */
    MEMBER_CHANGE_ANSWERED,  /* suspicion ended by a packet from it */
    MEMBER_CHANGE_REFUTED,   /* suspicion or death ended by its own larger incarnation */
    MEMBER_CHANGE_UPDATED,   /* new labels, capacity, cordon, address */
    MEMBER_CHANGE_PROBE_FAILED,
    MEMBER_CHANGE_VERIFIED,  /* accused by others, and did not answer us either */
    MEMBER_CHANGE_WINDOW,    /* suspicion ran out */
    MEMBER_CHANGE_REFUSED,   /* its host says that nobody listens */
    MEMBER_CHANGE_TOLD,      /* known to be dead by others before we ever reached it */
    MEMBER_CHANGE_NO_ANSWER, /* unknown for too long */
    MEMBER_CHANGE_LEFT,
    MEMBER_CHANGE_BANNED,
};
#define MEMBER_CHANGE_COUNT 13

/* "unknown", "alive", ...; "joined", "refuted", ...; never NULL. */
const char *member_status_name(enum member_status status);
const char *member_change_name(enum member_change change);

#endif
