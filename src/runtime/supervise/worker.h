/*
 * The runtime's one thread beside the loop's: jobs run there in the order they were posted, one at
 * a time, and are handed back to the loop. A job owns what it needs; nothing else is shared.
 */
#ifndef SHOAL_RUNTIME_WORKER_H
#define SHOAL_RUNTIME_WORKER_H

#include <stdbool.h>
#include <stddef.h>

#include <bsd/sys/queue.h>
#include <uv.h>

struct worker_job {
    STAILQ_ENTRY(worker_job) next;
    void (*run)(struct worker_job *job); /* on the worker thread */
    /* On the loop's thread; frees the job. `closing`: the runtime is going away, only free. */
    void (*done)(struct worker_job *job, bool closing);
};

/* The struct whose member `job` that is. */
#define WORKER_JOB_OWNER(pointer, type) ((type *)(void *)((char *)(pointer)-offsetof(type, job)))

STAILQ_HEAD(worker_jobs, worker_job);

struct worker {
    uv_thread_t thread;
    uv_mutex_t mutex;
    uv_cond_t wake;
    uv_async_t finished_signal;
    struct worker_jobs waiting;
    struct worker_jobs finished;
    bool stop;
};

void worker_init(struct worker *worker, uv_loop_t *loop);
void worker_post(struct worker *worker, struct worker_job *job);
/* Runs a job and waits for it; `done` is not called. */
void worker_run_now(struct worker *worker, struct worker_job *job);
/* Finishes what was posted, ends the thread, frees the jobs, and closes the handle; `on_closed`
 * comes from the loop. */
void worker_close(struct worker *worker, uv_close_cb on_closed);

#endif
