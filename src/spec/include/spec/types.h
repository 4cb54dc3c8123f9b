/*
 * Small value types shared by the typed forms of documents (workload.h, pod.h). All text and arrays
 * are owned by the struct they were decoded into and live until its _fini; strings are never NULL
 * unless a comment says so.
 */
#ifndef SHOAL_SPEC_TYPES_H
#define SHOAL_SPEC_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spec_pair {
    const char *key;
    const char *value;
};

/* Sorted by key (bytes), keys unique: labels, annotations, nodeSelector. */
struct spec_pairs {
    const struct spec_pair *items;
    size_t count;
};

/* NULL: no such key. O(log n). */
const char *spec_pairs_get(const struct spec_pairs *pairs, const char *key);
/* Every pair of `wanted` is in `pairs`: how a nodeSelector reads. */
bool spec_pairs_contain(const struct spec_pairs *pairs, const struct spec_pairs *wanted);

enum spec_selector_operator {
    SPEC_SELECTOR_IN = 0,
    SPEC_SELECTOR_NOT_IN,
    SPEC_SELECTOR_EXISTS,
    SPEC_SELECTOR_DOES_NOT_EXIST,
};

struct spec_selector_expression {
    const char *key;
    enum spec_selector_operator operator;
    const char *const *values;
    size_t values_count;
};

/* A label selector: all of match_labels and all expressions must hold. Empty matches everything. */
struct spec_selector {
    struct spec_pairs match_labels;
    const struct spec_selector_expression *expressions;
    size_t expressions_count;
};

bool spec_selector_matches(const struct spec_selector *selector, const struct spec_pairs *labels);

enum spec_protocol {
    SPEC_PROTOCOL_TCP = 0,
    SPEC_PROTOCOL_UDP,
    SPEC_PROTOCOL_SCTP,
};

/* A port of the host that a pod takes for itself; two pods with the same port, protocol and
 * overlapping host_ip cannot share a node. */
struct spec_host_port {
    uint16_t port;
    enum spec_protocol protocol;
    const char *host_ip; /* "" : every address of the node */
};

/* True when both cannot be on one node. */
bool spec_host_port_conflicts(const struct spec_host_port *a, const struct spec_host_port *b);

enum spec_taint_effect {
    SPEC_TAINT_ANY = 0, /* tolerations only: every effect */
    SPEC_TAINT_NO_SCHEDULE,
    SPEC_TAINT_PREFER_NO_SCHEDULE,
    SPEC_TAINT_NO_EXECUTE,
};

#define SPEC_TOLERATE_FOREVER INT64_MAX

struct spec_toleration {
    const char *key; /* "" with exists: tolerates every key */
    const char *value;
    bool exists; /* operator Exists; false: Equal */
    enum spec_taint_effect effect;
    int64_t seconds; /* tolerationSeconds; SPEC_TOLERATE_FOREVER when not given */
};

/* `effect` is the taint's own, never SPEC_TAINT_ANY. */
bool spec_toleration_matches(const struct spec_toleration *toleration, const char *taint_key,
                             const char *taint_value, enum spec_taint_effect effect);

/* An extended resource, for example nvidia.com/gpu; whole units. */
struct spec_resource {
    const char *name;
    uint64_t count;
};

enum spec_restart_policy {
    SPEC_RESTART_ALWAYS = 0,
    SPEC_RESTART_ON_FAILURE,
    SPEC_RESTART_NEVER,
};

/* What a pod takes from a node's ledger: Kubernetes' effective request, the larger of the sum over
 * the containers and the largest init container, each resource by itself; a limit without a request
 * counts as the request. */
struct spec_requests {
    uint64_t cpu_milli;
    uint64_t memory_bytes;
    uint64_t ephemeral_bytes;
    const struct spec_resource *extended; /* sorted by name, counts > 0 */
    size_t extended_count;
};

#endif
