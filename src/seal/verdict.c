#include "seal/verdict.h"

const char *seal_verdict_name(enum seal_verdict verdict)
{
    static const char *const names[SEAL_VERDICTS_COUNT] = {
        [SEAL_OK] = "ok",
        [SEAL_MORE] = "incomplete",
        [SEAL_TOO_SHORT] = "too short",
        [SEAL_TOO_LONG] = "too long",
        [SEAL_BAD_VERSION] = "other version",
        [SEAL_BAD_FLAGS] = "bad flags",
        [SEAL_UNKNOWN_KEY] = "unknown key",
        [SEAL_FORGED] = "forged",
        [SEAL_REPLAYED] = "replayed",
        [SEAL_STALE_BOOT] = "stale boot",
        [SEAL_OWN_PACKET] = "own packet",
        [SEAL_TWIN] = "twin",
        [SEAL_WRONG_PEER] = "wrong peer",
        [SEAL_EXPIRED] = "expired token",
        [SEAL_UNKNOWN_SENDER] = "unknown sender",
        [SEAL_BANNED] = "banned",
    };
    return (unsigned)verdict < SEAL_VERDICTS_COUNT ? names[verdict] : "unknown";
}
