/*
 * What agent and keeper say to each other over the keeper's socket: frames of a 4-byte big-endian
 * length and one msgpack map (common/codec.h). Calls carry an id, which the reply repeats; events
 * carry none. Numbers are for ever, because a keeper serves agents that are newer than itself.
 */
#ifndef SHOAL_RUNTIME_PROTO_H
#define SHOAL_RUNTIME_PROTO_H

#include <stddef.h>
#include <stdint.h>

#define KEEPER_PROTOCOL        1
#define KEEPER_FRAME_BYTES_MAX ((size_t)4 << 20)
#define KEEPER_HEADER_BYTES    4
/* What is queued for an agent that does not read before it is cut off; it asks for the list when it
 * is back. */
#define KEEPER_QUEUE_BYTES_MAX ((size_t)16 << 20)

enum keeper_message {
    KEEPER_HELLO = 1,       /* -> PROTOCOL, BUILD, PID, COUNT (pods held) */
    KEEPER_LIST,            /* -> PODS */
    KEEPER_START_POD,       /* BODY (launch_pod) -> PID, WALL; then POD_STARTED or POD_EXITED */
    KEEPER_START_CONTAINER, /* BODY (launch_container) -> PID, WALL; then STARTED, EXITED */
    KEEPER_EXEC,            /* BODY (launch_exec) -> PID; then EXEC_EXITED with CALL_ID = this id */
    KEEPER_SIGNAL,          /* POD, NAME, SIGNAL */
    KEEPER_STOP_POD,        /* POD: kills all of it and forgets it */
    KEEPER_FORGET,          /* POD, NAME, ATTEMPT: its end is known for good */
    KEEPER_QUIT,            /* refused while pods are held */

    KEEPER_REPLY = 100,
    KEEPER_EXITED,     /* POD, NAME, ATTEMPT, STATUS, WALL; with STEP, ERRNO, TEXT when exec was not
                          reached */
    KEEPER_POD_EXITED, /* POD; the same: its pause process ended unasked, or never began */
    KEEPER_EXEC_EXITED, /* CALL_ID, STATUS, TIMED_OUT, OUTPUT; the same */
    KEEPER_STARTED,     /* POD, NAME, ATTEMPT: exec has happened */
    KEEPER_POD_STARTED, /* POD: what its containers share is there */
};

enum keeper_field {
    KEEPER_TYPE = 1,
    KEEPER_ID,
    KEEPER_CALL_ID,
    KEEPER_BODY,
    KEEPER_POD,
    KEEPER_NAME,
    KEEPER_ATTEMPT,
    KEEPER_STATUS, /* as from waitpid(2) */
    KEEPER_WALL,   /* milliseconds: start in a list or reply, end in an event */
    KEEPER_END_WALL,
    KEEPER_PID,
    KEEPER_SIGNAL_NUMBER,
    KEEPER_PROTOCOL_NUMBER,
    KEEPER_BUILD,
    KEEPER_COUNT,
    KEEPER_PODS,
    KEEPER_CONTAINERS,
    KEEPER_ENDED, /* in a list: 1 when it has exited */
    KEEPER_READY, /* in a list: 1 when it has reached exec */
    KEEPER_TIMED_OUT,
    KEEPER_OUTPUT,
    /* in replies that say no */
    KEEPER_ERROR, /* enum error_code; absent: it worked */
    KEEPER_ERRNO,
    KEEPER_STEP,
    KEEPER_TEXT,
};

#endif
