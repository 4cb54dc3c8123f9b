/*
 * A cluster of member tables on a pretended network: virtual clock, one seed, no I/O. Each process
 * is a table with the rumour queue beside it, composed as the brain does it. Faults are set by name
 * and read like sentences in the tests.
 *
 * After every step of a process its table is validated.
 */
#ifndef TESTS_MEMBER_CLUSTER_H
#define TESTS_MEMBER_CLUSTER_H

#include "base/prng.h"
#include "gossip/gossip.h"
#include "member/member.h"
#include "seal/identity.h"

#define HOSTS_MAX   128
#define CHANGES_MAX 4096
#define NEVER_MS    UINT64_MAX

/* A change of status that a process saw. */
struct change_seen {
    uint64_t at_ms;
    uint64_t subject;
    enum member_status status_old, status_new;
    enum member_change change;
};

struct disk_record {
    uint64_t node;
    struct buf encoded;
};

struct pending; /* a packet that arrived while the process was stopped */

struct host {
    struct address address;
    bool up;          /* false: nothing answers, not even "refused" */
    bool mute_errors; /* does not answer "refused" (a firewall that drops) */
    /* the process; table NULL: none runs */
    uint64_t id;
    uint64_t generation;
    struct member_table *table;
    struct gossip *gossip;
    struct member_output output;
    bool stopped;         /* SIGSTOP */
    size_t watched;       /* the host that it has a connection to; SIZE_MAX: none */
    size_t watches_count; /* how often it asked for one */
    struct pending *inbox;
    struct pending *inbox_last;
    size_t inbox_count;
    /* what it leaves behind */
    struct disk_record disk[HOSTS_MAX];
    size_t disk_count;
    struct change_seen changes[CHANGES_MAX];
    size_t changes_count;
    uint64_t evictable_ms[HOSTS_MAX]; /* by host of the subject; NEVER_MS: never */
    char fatal[512];
    size_t name_conflicts_count;
    bool leave_done;
    size_t holdings_count;
    size_t syncs_count;
    size_t datagrams_sent, streams_sent;
    size_t datagram_bytes_sent;
    struct wire_member config; /* of the next start */
    struct seal_identity identity;
    struct signer signer; /* all zero: this cluster signs nothing */
};

struct event;

struct cluster {
    uint64_t now_ms;
    struct prng prng;
    struct host hosts[HOSTS_MAX];
    size_t hosts_count;
    struct event *events; /* binary heap */
    size_t events_count, events_capacity;
    uint64_t events_sequence;
    /* faults */
    uint32_t loss_ppm;
    uint32_t latency_min_ms, latency_max_ms;
    bool blocked[HOSTS_MAX][HOSTS_MAX];     /* from, to: nothing passes */
    bool udp_blocked[HOSTS_MAX][HOSTS_MAX]; /* from, to: streams pass */
    bool watches; /* connections of MEMBER_WATCH come about; else nobody hears of them */
    bool send_fails[HOSTS_MAX];        /* its own kernel refuses to send (EPERM) */
    uint64_t first_ping_ms[HOSTS_MAX]; /* first ping sent to the host since watch began */
    uint64_t steps_count;
    struct member_timing timing;
    size_t members_max;
    size_t seeds_count; /* the first so many hosts are everybody's seeds */
    /* a test may look at, or forge, every datagram; false: it is lost */
    bool (*on_datagram)(struct cluster *cluster, size_t from, size_t to, struct bytes payload);
};

/* Hosts are up, no process runs. Seed 0 is fine. */
struct cluster *cluster_new(size_t hosts_count, uint64_t seed);
void cluster_free(struct cluster *cluster);

/* A process on the host: with what the host's disk holds, a larger generation, and the seeds. */
void cluster_start(struct cluster *cluster, size_t host);
/* All start at once and everybody sees everybody alive, within 20 s of virtual time (asserted). */
struct cluster *cluster_of_joined(size_t hosts_count, uint64_t seed);

/* Before any start: every host gets a node key, signs its records, and verifies others'. */
void cluster_sign(struct cluster *cluster);
struct cluster *cluster_of_signed(size_t hosts_count, uint64_t seed);

void cluster_run(struct cluster *cluster, uint64_t duration_ms);
/* How long it took until every running process (but the subject's own) sees the subject so;
 * NEVER_MS: timeout. */
uint64_t cluster_wait_status_everywhere(struct cluster *cluster, size_t subject,
                                        enum member_status status, uint64_t timeout_ms);
uint64_t cluster_wait_evictable_everywhere(struct cluster *cluster, size_t subject,
                                           uint64_t timeout_ms);
/* Every running process sees every running process alive, and all view hashes are equal. */
uint64_t cluster_wait_agreed(struct cluster *cluster, uint64_t timeout_ms);
bool cluster_is_agreed(struct cluster *cluster);
bool cluster_sees(struct cluster *cluster, size_t observer, size_t subject,
                  enum member_status status);

/* The machine is gone: silence. */
void cluster_kill_host(struct cluster *cluster, size_t host);
/* The process is gone, the machine answers "refused". */
void cluster_kill_process(struct cluster *cluster, size_t host);
void cluster_host_up(struct cluster *cluster, size_t host);
void cluster_wipe_disk(struct cluster *cluster, size_t host);
void cluster_stop(struct cluster *cluster, size_t host); /* SIGSTOP */
void cluster_resume(struct cluster *cluster,
                    size_t host); /* SIGCONT: timers run first, then what waited */
void cluster_leave(struct cluster *cluster, size_t host);
void cluster_block(struct cluster *cluster, size_t from, size_t to, bool blocked); /* one way */
/* Hosts below `split` and the others do not hear each other. */
/* The connection ends, though the process at its other end lives. */
void cluster_break_watch(struct cluster *cluster, size_t host);
void cluster_partition(struct cluster *cluster, size_t split);
void cluster_heal(struct cluster *cluster);

/* A message as if `from` had sent it to `to`. */
void cluster_inject(struct cluster *cluster, size_t from, size_t to,
                    const struct wire_message *message);
/* The same, with its verdict, delivered at once. */
enum member_verdict cluster_deliver(struct cluster *cluster, size_t from, size_t to,
                                    enum member_via via, const struct wire_message *message);

/* A record, by datagram, likewise. */
enum member_verdict cluster_tell(struct cluster *cluster, size_t from, size_t to,
                                 const struct wire_member *record);

/* How often any running process saw the subject become `status`, since the marks were last cleared.
 */
size_t cluster_count_changes(struct cluster *cluster, size_t subject, enum member_status status);
void cluster_clear_changes(struct cluster *cluster);
struct member_view cluster_view(struct cluster *cluster, size_t observer, size_t subject);
struct instant cluster_instant(const struct cluster *cluster);
struct wire_member cluster_record(struct cluster *cluster, size_t host);

#endif
