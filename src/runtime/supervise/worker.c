#include "worker.h"

#include <stddef.h>

#include "base/assert.h"
#include "base/memory.h"

static void work(void *user)
{
    struct worker *worker = user;
    uv_mutex_lock(&worker->mutex);
    for (;;) {
        struct worker_job *job = STAILQ_FIRST(&worker->waiting);
        if (job == NULL && worker->stop)
            break;
        if (job == NULL) {
            uv_cond_wait(&worker->wake, &worker->mutex);
            continue;
        }
        STAILQ_REMOVE_HEAD(&worker->waiting, next);
        uv_mutex_unlock(&worker->mutex);
        job->run(job);
        uv_mutex_lock(&worker->mutex);
        STAILQ_INSERT_TAIL(&worker->finished, job, next);
        uv_async_send(&worker->finished_signal);
    }
    uv_mutex_unlock(&worker->mutex);
}

static void hand_back(struct worker *worker, bool closing)
{
    for (;;) {
        uv_mutex_lock(&worker->mutex);
        struct worker_job *job = STAILQ_FIRST(&worker->finished);
        if (job != NULL)
            STAILQ_REMOVE_HEAD(&worker->finished, next);
        uv_mutex_unlock(&worker->mutex);
        if (job == NULL)
            return;
        job->done(job, closing);
    }
}

static void on_finished(uv_async_t *handle)
{
    hand_back(handle->data, false);
}

void worker_init(struct worker *worker, uv_loop_t *loop)
{
    STAILQ_INIT(&worker->waiting);
    STAILQ_INIT(&worker->finished);
    worker->stop = false;
    ASSERT(uv_mutex_init(&worker->mutex) == 0);
    ASSERT(uv_cond_init(&worker->wake) == 0);
    ASSERT(uv_async_init(loop, &worker->finished_signal, on_finished) == 0);
    worker->finished_signal.data = worker;
    ASSERT(uv_thread_create(&worker->thread, work, worker) == 0);
}

void worker_post(struct worker *worker, struct worker_job *job)
{
    uv_mutex_lock(&worker->mutex);
    ASSERT(!worker->stop);
    STAILQ_INSERT_TAIL(&worker->waiting, job, next);
    uv_cond_signal(&worker->wake);
    uv_mutex_unlock(&worker->mutex);
}

/* Lives on until the loop has taken note of it. */
struct turn_job {
    struct worker_job job;
    struct worker_job *inner;
    uv_sem_t over;
};

static void run_turn(struct worker_job *job)
{
    struct turn_job *turn = WORKER_JOB_OWNER(job, struct turn_job);
    turn->inner->run(turn->inner);
    uv_sem_post(&turn->over);
}

static void turn_done(struct worker_job *job, bool closing)
{
    struct turn_job *turn = WORKER_JOB_OWNER(job, struct turn_job);
    (void)closing;
    uv_sem_destroy(&turn->over);
    mem_free(turn);
}

void worker_run_now(struct worker *worker, struct worker_job *job)
{
    struct turn_job *turn = MEM_NEW(struct turn_job);
    *turn = (struct turn_job){.job = {.run = run_turn, .done = turn_done}, .inner = job};
    ASSERT(uv_sem_init(&turn->over, 0) == 0);
    worker_post(worker, &turn->job);
    uv_sem_wait(&turn->over);
}

void worker_close(struct worker *worker, uv_close_cb on_closed)
{
    uv_mutex_lock(&worker->mutex);
    worker->stop = true;
    uv_cond_signal(&worker->wake);
    uv_mutex_unlock(&worker->mutex);
    uv_thread_join(&worker->thread);
    hand_back(worker, true);
    uv_cond_destroy(&worker->wake);
    uv_mutex_destroy(&worker->mutex);
    uv_close((uv_handle_t *)&worker->finished_signal, on_closed);
}
