/* What the rooms of this module share. */
#ifndef SHOAL_LOOP_AGENT_INTERNAL_H
#define SHOAL_LOOP_AGENT_INTERNAL_H

#include <uv.h>

#include "api/api.h"
#include "base/tree.h"
#include "disk/disk.h"
#include "image/store.h"
#include "loop/agent.h"
#include "net/net.h"
#include "net/resolve.h"
#include "net/token_file.h"
#include "net/tunnel.h"
#include "podnet/podnet.h"
#include "runtime/log.h"
#include "runtime/runtime.h"
#include "spec/pod.h"

#define AGENT_SOFTWARE "shoal/" SHOAL_VERSION
/* A pod whose image is missing looks again this often; a load looks at once. */
#define IMAGE_RETRY_MS 10000
#define RETREAT_MS_MAX 3000 /* for the end of keeper and cgroup; they take milliseconds */
/* Seeds given by name are looked up again this often: machines move. */
#define SEEDS_RESOLVE_MS 30000
/* After a failed commit (full disk) the same batch is tried again. */
#define COMMIT_RETRY_MS 1000
/* How long what nobody waits for, records of other members, gathers before it is committed. */
#define COMMIT_GATHER_MS 100
/* How often it is looked whether clients may be let in, until they are. */
#define LISTEN_RETRY_MS 20
/* So much must have come in before the heap is looked through for pages to give back, which takes
 * milliseconds; and no sooner than after this, so that what comes in bulk keeps its buffers. */
#define TIDY_BYTES ((size_t)1 << 20)
#define TIDY_MS    10000
/* When the program's pages are let go: after the start; and what came up since, at first soon, as
 * the work of starting goes on, then seldom: each time costs a resting agent what it does in two
 * seconds. */
#define TIDY_FIRST_MS     10000
#define TIDY_AGAIN_MS     15000
#define TIDY_AGAIN_MS_MAX 240000
/* How long clients wait at the door for an agent that cannot catch up with its peers. */
#define SYNC_WAIT_MS 3000

/* A pod that the brain asked for and that is not gone. */
struct agent_pod {
    RB_ENTRY(agent_pod) by_uid;
    uint8_t uid[16];
    bool in_runtime; /* runtime knows it; else it waits for an image */
    bool stop_asked;
    bool remains; /* what the runtime has of it died with the machine and is being removed: no news
                     for the brain */
    bool start_when_gone; /* the remains of an earlier life are being removed first */
    char *key;            /* "namespace/name" */
    struct buf tag;
    struct buf body; /* the workload's canonical JSON */
    char reason[RUNTIME_REASON_BYTES_MAX];
    char message[RUNTIME_MESSAGE_BYTES_MAX];
};
RB_HEAD(agent_pods, agent_pod);

struct pending_submit {
    uint64_t id;
    bool waits_for_disk; /* of this node, and for nothing else */
    void (*reply)(void *user, enum error_code code, const char *message, struct bytes object);
    void *user;
    struct pending_submit *next;
    enum error_code code; /* the answer, once there is one */
    struct buf message, object;
};

/* Something to tell the brain after the step under way. */
struct deferred {
    enum event_kind
        kind; /* EVENT_UNREACHABLE, EVENT_STREAM_FAILED, EVENT_WATCH_LOST, EVENT_POD_STATUS */
    uint64_t node;
    struct address address;
    struct brain_pod pod;
    char reason[RUNTIME_REASON_BYTES_MAX];
    char message[RUNTIME_MESSAGE_BYTES_MAX];
};

struct agent {
    const struct agent_options *options;
    uv_loop_t *loop;
    char name[254];
    char cluster_id[33];
    struct seal_identity identity;
    struct seal_cluster cluster; /* has its keys when has_keys */
    struct buf ring;             /* the encoded key_ring that `cluster` was made of */
    bool has_keys;
    struct seal_cluster token; /* to get them with, when has_token */
    bool has_token;
    boot_ms_t unknown_key_log_boot_ms; /* not before */
    uint64_t generation;

    struct disk *disk;
    struct disk_batch *filling, *writing;
    uint64_t filling_sequence, writing_sequence;
    bool filling_urgent; /* it holds more than members' records */
    bool committing;
    struct error disk_error; /* code NONE: the last commit succeeded */
    struct error commit_error;
    uv_work_t commit_work;
    uv_timer_t commit_retry, commit_gather;

    struct net *net;
    struct address advertise;
    struct address seeds[BRAIN_SEEDS_MAX];
    size_t seeds_count;
    size_t resolving_count;
    uv_timer_t resolve_timer;

    struct image_store *images;
    struct podnet *podnet;
    struct runtime *runtime;
    struct agent_pods pods;
    uv_timer_t image_timer;

    struct brain *brain;
    struct effects effects;
    bool stepping;
    size_t passed_bytes; /* in events and answers, since the heap was tidied */
    boot_ms_t tidied_boot_ms;
    boot_ms_t program_tidy_boot_ms; /* when the program's pages are let go next; 0: not set */
    uint32_t program_tidy_pause_ms;
    uv_timer_t brain_timer;
    struct deferred *deferred;
    size_t deferred_count, deferred_capacity;

    struct api *api;
    uv_pipe_t socket;
    bool listening;
    boot_ms_t opened_boot_ms;
    struct local *locals;   /* connections to it */
    struct remote *remotes; /* tunnels that carry API requests */
    uv_timer_t api_timer;
    struct pending_submit *submits;
    struct pending_submit *answered; /* to be told after the step under way; oldest first */
    bool delivering;
    uint64_t submits_made_count;
    uint64_t backups_made_count;

    uv_signal_t sigterm, sigint;
    bool closing;
    bool ended;         /* it is being taken apart: the brain is not stepped any more */
    struct error fatal; /* why the loop ended, if not by a signal */
};

/* ---- step.c */
struct instant agent_now(void);
void agent_step(struct agent *agent, const struct event *event);
struct deferred *agent_defer(struct agent *agent, enum event_kind kind);
void agent_stop(struct agent *agent);
void agent_log(const struct agent *agent, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- state.c */
int state_open(struct agent *agent, struct error *error);
int state_restore(struct agent *agent, struct error *error);
void state_persist(struct agent *agent, const struct effect *effect);
void state_commit(struct agent *agent);
void state_close(struct agent *agent);

/* ---- keys.c */
/* What the disk holds, or a token to get it with, or a new cluster (into the batch). */
int keys_load(struct agent *agent, struct disk_batch *batch, struct error *error);
/* A member has sent the ring: durable when it returns. */
int keys_joined(struct agent *agent, struct bytes ring, struct error *error);
/* Tells the brain and writes the key file. */
int keys_publish(struct agent *agent, struct error *error);
void keys_changed(struct agent *agent, const struct effect *effect);
void keys_unknown(struct agent *agent, const struct address *from, uint64_t sender_id,
                  uint8_t key_id);
/* A new key, of which nobody knows yet; its phase is the brain's. */
void keys_make(struct agent *agent, struct wire_ring_key *ret_key);

/* ---- join.c */
/* Runs the loop until a member has given the keys for the token, or the agent closes; -1: it is
 * refused, and the disk holds no keys. */
int join_run(struct agent *agent, struct error *error);

/* ---- agent.c */
void seeds_resolve(struct agent *agent);

/* ---- machine.c */
int machine_capacity(const struct agent *agent, struct wire_resources *ret_capacity,
                     struct error *error);
int machine_advertise(struct agent *agent, const struct address *bound, struct error *error);

/* ---- podnews.c */
void pod_id_parse(const char *id, uint8_t ret_uid[static 16]);
struct podnews {
    struct wire_container_status containers[WIRE_CLAIM_CONTAINERS_COUNT_MAX];
    char image_ids[WIRE_CLAIM_CONTAINERS_COUNT_MAX][IMAGE_DIGEST_BYTES_MAX];
    /* Why it waits, and what its last end said. */
    char messages[WIRE_CLAIM_CONTAINERS_COUNT_MAX][2 * RUNTIME_MESSAGE_BYTES_MAX];
};
/* `ret_pod` points into `status` and `told`. */
void podnews_of(struct agent *agent, const struct runtime_status *status, struct podnews *told,
                struct brain_pod *ret_pod);

/* ---- pods.c */
#define PIN_NAME_BYTES 64
/* What holds the image of a pod's container: by its place, init containers first. */
void pin_name(const uint8_t uid[static 16], size_t index, char name[static PIN_NAME_BYTES]);
int pods_open(struct agent *agent, struct error *error);
void pods_start(struct agent *agent, const struct effect *effect);
void pods_stop(struct agent *agent, const struct effect *effect);
void pods_try_waiting(struct agent *agent);
void pods_close(struct agent *agent);
void pod_id_format(const uint8_t uid[static 16], char id[static RUNTIME_POD_ID_CHARS + 1]);

/* ---- podspec.c */
/* What runtime_start_pod wants, owning everything. ERROR_NOT_FOUND: an image is missing (message
 * says which). */
struct podspec;
int podspec_build(struct agent *agent, const struct agent_pod *pod, struct podspec **ret_podspec,
                  struct error *error);
const struct runtime_pod *podspec_pod(const struct podspec *podspec);
void podspec_free(struct podspec *podspec);

/* ---- host.c */
void host_init(struct agent *agent, struct api_host *ret_host);
void host_reply(struct agent *agent, const struct effect *effect);
/* After a step: tells those who asked what came of it. */
void host_deliver(struct agent *agent);
void host_forget_submits(struct agent *agent);
/* The disk takes nothing: tells so to those who wait for it. */
void host_disk_failed(struct agent *agent);

/* ---- accounts.c: for struct api_host; `context` is the agent */
void accounts_counter_each(void *context,
                           void (*each)(void *user, const struct api_counter *counter), void *user);
void accounts_refused_each(void *context,
                           void (*each)(void *user, const struct api_refused *refused), void *user);
void accounts_key_each(void *context, void (*each)(void *user, uint8_t key_id, bool primary),
                       void *user);
void accounts_process(void *context, struct api_process *ret_process);

/* ---- backup.c: for struct api_host */
void backup_begin(void *context, void (*done)(void *user, void *backup, const struct error *error),
                  void *user);
int backup_read(void *context, void *handle, struct buf *out, size_t size_bytes_max,
                struct error *error);
void backup_close(void *context, void *handle);

/* ---- doors.c */
int doors_open(struct agent *agent, struct error *error);
/* After each step: when the API is due. */
void doors_arm(struct agent *agent);
void doors_on_tunnel(void *context, struct net_tunnel *tunnel, const struct seal_peer *peer,
                     const struct address *from);
void doors_close(struct agent *agent);

#endif
