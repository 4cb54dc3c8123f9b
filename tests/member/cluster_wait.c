/* Waiting for a pretended cluster, and looking at it. */
#include "cluster_internal.h"

#include "base/assert.h"

struct member_view cluster_view(struct cluster *cluster, size_t observer, size_t subject)
{
    struct member_view view = {.status = MEMBER_UNKNOWN};
    (void)member_find(cluster->hosts[observer].table, cluster->hosts[subject].id, &view);
    return view;
}

bool cluster_sees(struct cluster *cluster, size_t observer, size_t subject,
                  enum member_status status)
{
    struct member_view view;
    return member_find(cluster->hosts[observer].table, cluster->hosts[subject].id, &view) &&
           view.status == status;
}

static bool is_running(const struct cluster *cluster, size_t host)
{
    return cluster->hosts[host].table != NULL && !cluster->hosts[host].stopped;
}

static bool is_status_everywhere(struct cluster *cluster, size_t subject, enum member_status status)
{
    for (size_t i = 0; i < cluster->hosts_count; i++)
        if (i != subject && is_running(cluster, i) && !cluster_sees(cluster, i, subject, status))
            return false;
    return true;
}

uint64_t cluster_wait_status_everywhere(struct cluster *cluster, size_t subject,
                                        enum member_status status, uint64_t timeout_ms)
{
    uint64_t start_ms = cluster->now_ms;
    while (!is_status_everywhere(cluster, subject, status))
        if (!cluster_step(cluster, start_ms + timeout_ms))
            return NEVER_MS;
    return cluster->now_ms - start_ms;
}

uint64_t cluster_wait_evictable_everywhere(struct cluster *cluster, size_t subject,
                                           uint64_t timeout_ms)
{
    uint64_t start_ms = cluster->now_ms;
    for (size_t i = 0; i < cluster->hosts_count; i++)
        while (i != subject && is_running(cluster, i) &&
               !member_is_evictable(cluster->hosts[i].table, cluster->hosts[subject].id))
            if (!cluster_step(cluster, start_ms + timeout_ms))
                return NEVER_MS;
    return cluster->now_ms - start_ms;
}

bool cluster_is_agreed(struct cluster *cluster)
{
    uint64_t view_hash = 0;
    bool first = true;
    size_t running = 0;
    for (size_t i = 0; i < cluster->hosts_count; i++)
        running += is_running(cluster, i);
    for (size_t i = 0; i < cluster->hosts_count; i++) {
        struct member_stats stats;
        if (!is_running(cluster, i))
            continue;
        member_stats(cluster->hosts[i].table, &stats);
        if (stats.alive_count != running || stats.suspect_count != 0)
            return false;
        if (!first && stats.view_hash != view_hash)
            return false;
        view_hash = stats.view_hash;
        first = false;
    }
    return true;
}

uint64_t cluster_wait_agreed(struct cluster *cluster, uint64_t timeout_ms)
{
    uint64_t start_ms = cluster->now_ms;
    while (!cluster_is_agreed(cluster))
        if (!cluster_step(cluster, start_ms + timeout_ms))
            return NEVER_MS;
    return cluster->now_ms - start_ms;
}

static struct cluster *joined(struct cluster *cluster)
{
    for (size_t i = 0; i < cluster->hosts_count; i++)
        cluster_start(cluster, i);
    ASSERT(cluster_wait_agreed(cluster, 20000) != NEVER_MS);
    cluster_run(cluster, 3000);
    cluster_clear_changes(cluster);
    return cluster;
}

struct cluster *cluster_of_joined(size_t hosts_count, uint64_t seed)
{
    return joined(cluster_new(hosts_count, seed));
}

struct cluster *cluster_of_signed(size_t hosts_count, uint64_t seed)
{
    struct cluster *cluster = cluster_new(hosts_count, seed);
    cluster_sign(cluster);
    return joined(cluster);
}

size_t cluster_count_changes(struct cluster *cluster, size_t subject, enum member_status status)
{
    size_t count = 0;
    for (size_t i = 0; i < cluster->hosts_count; i++)
        for (size_t j = 0; j < cluster->hosts[i].changes_count; j++)
            count += cluster->hosts[i].changes[j].subject == cluster->hosts[subject].id &&
                     cluster->hosts[i].changes[j].status_new == status;
    return count;
}

void cluster_clear_changes(struct cluster *cluster)
{
    for (size_t i = 0; i < cluster->hosts_count; i++)
        cluster->hosts[i].changes_count = 0;
    for (size_t i = 0; i < HOSTS_MAX; i++)
        cluster->first_ping_ms[i] = NEVER_MS;
}
