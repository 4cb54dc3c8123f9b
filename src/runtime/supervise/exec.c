/* The worker's part of running a process in a container: what it is allowed to do is compiled
 * there. */
#include <stdio.h>
#include <string.h>

#include "../policy/caps.h"
#include "action_internal.h"
#include "base/memory.h"
#include "launch_build.h"

struct exec_job {
    struct worker_job job;
    struct action_run *run;
    const struct pod_life *pod;
    const struct runtime_container *container;
    const struct runtime_action *action;
    uint32_t attempt;
    uint32_t timeout_ms;
    struct buf launch;
    struct error error;
    bool failed;
};

static void run_exec(struct worker_job *worker_job)
{
    struct exec_job *job = WORKER_JOB_OWNER(worker_job, struct exec_job);
    const struct runtime *runtime = job->pod->runtime;
    struct arena arena;
    struct encoder encoder;
    char leaf[RUNTIME_NAME_CHARS_MAX + 16];
    struct launch_exec launch = {.pod_id = job->pod->spec.id,
                                 .container_name = job->container->name,
                                 .attempt = job->attempt,
                                 .timeout_ms = job->timeout_ms,
                                 .output_bytes_max = ACTION_OUTPUT_BYTES_MAX};
    job->failed = caps_resolve(job->container, &launch.caps_mask, &job->error) < 0 ||
                  seccomp_cache_get(runtime->seccomp, job->container, launch.caps_mask, &launch.bpf,
                                    &launch.bpf_bytes, &job->error) < 0;
    if (job->failed)
        return;
    arena_init(&arena, 0);
    launch.container = *job->container;
    launch.container.argv = job->action->argv;
    launch.container.argv_count = job->action->argv_count;
    launch.container.mounts_count = 0;
    launch_build_environment(job->pod, &arena, &launch.container);
    launch.container.layers_count = 0;
    launch.hostname = launch_hostname(job->pod, &arena);
    groups_leaf_name(leaf, sizeof(leaf), job->container->name, job->attempt);
    groups_paths(&runtime->groups, &arena, job->pod->spec.id, leaf, &launch.cgroups);
    encoder_init(&encoder, &job->launch);
    encode_map_begin(&encoder);
    launch_exec_encode(&launch, &encoder);
    encode_end(&encoder);
    arena_fini(&arena);
}

static void done_exec(struct worker_job *worker_job, bool closing)
{
    struct exec_job *job = WORKER_JOB_OWNER(worker_job, struct exec_job);
    if (closing)
        action_free(job->run);
    else
        exec_prepared(job->run, &job->launch, job->failed ? &job->error : NULL);
    buf_fini(&job->launch);
    mem_free(job);
}

void job_exec(struct action_run *run)
{
    struct container_life *container = run->container;
    struct exec_job *job = MEM_NEW(struct exec_job);
    *job = (struct exec_job){.job = {.run = run_exec, .done = done_exec},
                             .run = run,
                             .pod = container->pod,
                             .container = container_spec(container),
                             .action = run->action,
                             .attempt = container_record(container)->attempt,
                             .timeout_ms = run->timeout_ms};
    worker_post(&container->pod->runtime->worker, &job->job);
}
