/* What became of bytes from the network. Refusals are counted and otherwise change nothing. */
#ifndef SHOAL_SEAL_VERDICT_H
#define SHOAL_SEAL_VERDICT_H

enum seal_verdict {
    SEAL_OK = 0,
    SEAL_MORE,        /* streams: not complete yet, wait for more bytes */
    SEAL_TOO_SHORT,   /* fewer bytes than header and tag */
    SEAL_TOO_LONG,    /* more than any honest sender makes */
    SEAL_BAD_VERSION, /* another protocol version */
    SEAL_BAD_FLAGS,   /* a reserved bit is set, or a field has no meaning */
    SEAL_UNKNOWN_KEY, /* the key id is not in our ring */
    SEAL_FORGED,   /* does not verify: other cluster, other destination, changed on the way, or made
                      up */
    SEAL_REPLAYED, /* seen before, or older than the replay window */
    SEAL_STALE_BOOT, /* from an earlier life of its sender */
    SEAL_OWN_PACKET, /* our own, come back */
    SEAL_TWIN, /* authentic and newer, under our own node id: a second machine has our node key */
    SEAL_WRONG_PEER,     /* a stream reached another node than the one it was for */
    SEAL_EXPIRED,        /* a stream by a join token whose time is over */
    SEAL_UNKNOWN_SENDER, /* not introduced, and its public key is not known here */
    SEAL_BANNED,         /* authentic, of a node that is banned (`shoal node ban`) */
    SEAL_VERDICTS_COUNT,
};

/* "too short", "forged", ...: for counters and people. Never NULL. */
const char *seal_verdict_name(enum seal_verdict verdict);

#endif
