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
/* "shoal1.", 54 bytes in base64url (72 characters) and NUL, with room for later versions. */
#define SEAL_TOKEN_TEXT_BYTES_MAX 128

struct seal_key {
    uint8_t id;
    uint8_t bytes[SEAL_KEY_BYTES];
};

/* Invariant (seal_cluster_validate): 1 <= keys_count <= SEAL_KEYS_MAX; key ids differ; primary <
 * keys_count. */
struct seal_cluster {
    uint8_t id[SEAL_CLUSTER_ID_BYTES];
    struct seal_key keys[SEAL_KEYS_MAX];
    uint8_t keys_count;
    uint8_t primary; /* index of the key that seals */
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

/* The join token: cluster id and primary key as text (proto/envelope.md 2). A secret: goes to files
 * of mode 0600 and to the terminal of who asked, never onto a command line. */
void seal_token_format(const struct seal_cluster *cluster,
                       char ret_text[static SEAL_TOKEN_TEXT_BYTES_MAX]);
/* Surrounding white space is ignored. ERROR_INVALID says what is wrong with it and never repeats
 * the token. */
int seal_token_parse(const char *text, struct seal_cluster *ret_cluster, struct error *error);

#endif
