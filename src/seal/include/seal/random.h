/*
 * The only doors to randomness and to libsodium's one-time set-up. Called by shells; everything
 * else in this module is a function of its arguments.
 */
#ifndef SHOAL_SEAL_RANDOM_H
#define SHOAL_SEAL_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "seal/cluster.h"
#include "seal/identity.h"

/* Once a process, before anything else of this module; more calls do nothing. Chooses the fastest
 * implementations for this processor. -1: the machine has no source of randomness. */
int seal_init(struct error *error);

void seal_random_bytes(void *ret_data, size_t size_bytes);
/* A new node key; its id is never 0. */
void seal_random_identity(struct seal_identity *ret_identity);
/* A new cluster: random id and one key with key id 1. */
void seal_random_cluster(struct seal_cluster *ret_cluster);
/* Boot nonce (proto/envelope.md 3.2) of this process: `generation` above, randomness below, so that
 * a later generation compares greater. `generation` is max(persisted + 1, unix seconds), made
 * durable before the first packet; below 2^40. */
uint64_t seal_random_boot_nonce(uint64_t generation);

#endif
