/*
 * What the members of one cluster share: its id and a ring of up to 8 keys. One key seals, all
 * open; the key id stands in clear in every header, so opening never tries keys.
 */
#ifndef SHOAL_SEAL_CLUSTER_H
#define SHOAL_SEAL_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define SEAL_CLUSTER_ID_BYTES 16
#define SEAL_KEY_BYTES        32
#define SEAL_KEYS_MAX         8
/* "shoal2.", 62 bytes in base64url (83 characters) and NUL, with room for later versions. The key
 * file's text is shorter. */
#define SEAL_TOKEN_TEXT_BYTES_MAX 128

struct seal_key {
    uint8_t id; /* not 0 */
    uint8_t bytes[SEAL_KEY_BYTES];
};

/* Invariant (seal_cluster_validate): 1 <= keys_count <= SEAL_KEYS_MAX; key ids differ; primary <
 * keys_count. */
struct seal_cluster {
    uint8_t id[SEAL_CLUSTER_ID_BYTES];
    struct seal_key keys[SEAL_KEYS_MAX];
    uint8_t keys_count;
    uint8_t primary; /* index of the key that seals */
    /* Unix seconds; 0: the keys are the cluster's own. Else this is what a join token shows of the
     * cluster: one secret that opens streams until then, and seals no datagram. */
    uint64_t token_expires_wall_s;
};

void seal_cluster_init(struct seal_cluster *cluster, const uint8_t id[static SEAL_CLUSTER_ID_BYTES],
                       const struct seal_key *primary);
void seal_cluster_fini(struct seal_cluster *cluster); /* wipes the keys */
void seal_cluster_validate(const struct seal_cluster *cluster);

/* NULL when the id is not in the ring. */
const struct seal_key *seal_cluster_find_key(const struct seal_cluster *cluster, uint8_t key_id);
const struct seal_key *seal_cluster_primary(const struct seal_cluster *cluster);

/* Rotation: install everywhere, then use, then remove. Installing a key that is there already does
 * nothing. ERROR_LIMIT: the ring is full; ERROR_CONFLICT: the id is taken by other key bytes. */
int seal_cluster_install_key(struct seal_cluster *cluster, const struct seal_key *key,
                             struct error *error);
/* ERROR_NOT_FOUND: no such id. */
int seal_cluster_use_key(struct seal_cluster *cluster, uint8_t key_id, struct error *error);
/* ERROR_NOT_FOUND; ERROR_CONFLICT: the primary key cannot be removed. */
int seal_cluster_remove_key(struct seal_cluster *cluster, uint8_t key_id, struct error *error);

/* Names the key for ever: the first 8 bytes of its hash (proto/keys.md 1); never 0. */
uint64_t seal_key_fingerprint(const struct seal_key *key);

/* The join token (proto/envelope.md 2): cluster id, expiry, and a secret made of the primary key
 * and the expiry, which does not give the key away. A secret: goes to files of mode 0600 and to the
 * terminal of who asked, never onto a command line. `expires_wall_s` is not 0. */
void seal_token_format(const struct seal_cluster *cluster, uint64_t expires_wall_s,
                       char ret_text[static SEAL_TOKEN_TEXT_BYTES_MAX]);
/* Surrounding white space is ignored; the expiry is not looked at (token_expires_wall_s).
 * ERROR_INVALID says what is wrong with it and never repeats the token. */
int seal_token_parse(const char *text, struct seal_cluster *ret_cluster, struct error *error);
/* What the secret of a token is: peers compute it from the key that the token names. */
void seal_token_secret(const uint8_t cluster_id[static SEAL_CLUSTER_ID_BYTES],
                       const struct seal_key *key, uint64_t expires_wall_s,
                       uint8_t ret_secret[static SEAL_KEY_BYTES]);

/* The key file, with which a member's own commands make tokens: cluster id and primary key. It
 * stays on the machine. */
void seal_key_file_format(const struct seal_cluster *cluster,
                          char ret_text[static SEAL_TOKEN_TEXT_BYTES_MAX]);
int seal_key_file_parse(const char *text, struct seal_cluster *ret_cluster, struct error *error);

#endif
