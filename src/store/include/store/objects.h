/*
 * Objects (T1): what users submitted. A name (key) holds versions of one or more UIDs; the largest
 * version whose UID is not deleted and that is newer than every deletion of the name is current
 * (proto/state.md 3).
 */
#ifndef SHOAL_STORE_OBJECTS_H
#define SHOAL_STORE_OBJECTS_H

#include "store/store.h"

/* One version. Same members in the same order as struct brain_object. */
struct store_object {
    const char *key;
    uint8_t uid[16];
    struct wire_version version; /* hlc is the resourceVersion */
    uint64_t generation;
    wall_ms_t created_wall_ms;
    struct bytes body; /* canonical JSON; empty for a tombstone */
};

/* ---- Writing at this peer. */

enum store_verb {
    STORE_CREATE,  /* ERROR_EXISTS when there */
    STORE_REPLACE, /* ERROR_NOT_FOUND when not there */
    STORE_APPLY,   /* create or replace */
    STORE_DELETE,  /* ERROR_NOT_FOUND when not there */
};

struct store_request {
    enum store_verb verb;
    const char *key;
    struct bytes body;         /* empty for delete */
    bool spec_changed;         /* with replace: the generation rises */
    uint8_t new_uid[16];       /* fresh and unique; used when this creates */
    uint64_t precondition_hlc; /* 0: none; else ERROR_CONFLICT unless it is the current version's */
    const uint8_t *precondition_uid; /* 16 bytes or NULL */
    bool dry_run;                    /* checks everything, writes nothing */
};

/*
 * Builds and takes the next version. A body equal to the current one keeps the version
 * (STORE_DUPLICATE). On success *ret_change->object is the result (after a deletion, ->before is
 * what was deleted); after a dry run it is the current object. ERROR_LIMIT, ERROR_UNAVAILABLE (this
 * clock is ahead), ERROR_INVALID as named above.
 */
int store_write(struct store *store, struct instant now, const struct store_request *request,
                struct store_change *ret_change, struct error *error);
/* store_apply for an object that the caller holds as a struct. */
enum store_verdict store_put_object(struct store *store, struct instant now,
                                    const struct wire_object *object, enum store_origin origin,
                                    struct store_change *ret_change);

/* ---- Reading. */

/* NULL when there is none, or only a tombstone. O(log n). */
const struct store_object *store_object(const struct store *store, const char *key);
/* The same by UID: the object whose current version has it. O(log n). */
const struct store_object *store_object_by_uid(const struct store *store,
                                               const uint8_t uid[static 16]);
/* In key order, those that begin with `prefix` ("" for all). The callback returns false to stop. */
typedef bool (*store_object_visit)(void *context, const struct store_object *object);
void store_each_object(const struct store *store, const char *prefix, store_object_visit visit,
                       void *context);
/* Earlier and losing versions of a name, newest first, the current one left out. */
void store_each_version(const struct store *store, const char *key, store_object_visit visit,
                        void *context);
/* Whether this version, one that a reader was handed, lost against a concurrent write: whoever
 * wrote the next newer one, or the current one, had not seen it (proto/state.md 3.4). */
bool store_has_lost(const struct store *store, const struct store_object *object);
/* Appends the name's current version as a record for peers; nothing when there is none. */
void store_put_current(const struct store *store, const char *key, struct buf *out);
/* False only when nothing at all is held under this name: no version, no tombstone. */
bool store_name_known(const struct store *store, const char *key);
/* Whether this version, or one that takes its place here (newer, or a deletion that ends it), is
 * held. */
bool store_covers(const struct store *store, const char *key, const uint8_t uid[static 16],
                  const struct wire_version *version, bool deleted);
/* True when the UID was deleted under this key and that is still remembered. */
bool store_is_deleted(const struct store *store, const char *key, const uint8_t uid[static 16]);

#endif
