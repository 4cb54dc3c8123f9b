#include <stdio.h>
#include <string.h>

#include <sys/wait.h>

#include "../keeper/proto.h"
#include "action_internal.h"
#include "base/assert.h"
#include "base/memory.h"

static struct runtime *runtime_of(const struct action_run *run)
{
    return run->container->pod->runtime;
}

void action_free(struct action_run *run)
{
    struct runtime *runtime = runtime_of(run);
    deadline_cancel(&runtime->deadlines, &run->deadline);
    if (run->socket != NULL)
        socket_cancel(run->socket);
    if (runtime->client != NULL)
        keeper_client_forget(runtime->client, run);
    LIST_REMOVE(run, in_runtime);
    mem_free(run);
}

void action_finish(struct action_run *run, bool success, const char *message)
{
    struct action_result result = {.success = success};
    action_done_fn *done = run->done;
    void *user = run->user;
    snprintf(result.message, sizeof(result.message), "%s", message);
    if (run->exec_preparing) { /* the worker's job still points here */
        deadline_cancel(&runtime_of(run)->deadlines, &run->deadline);
        run->cancelled = true;
    } else {
        action_free(run);
    }
    done(user, &result);
}

void action_cancel(struct action_run *run)
{
    if (run == NULL)
        return;
    if (run->exec_preparing) {
        deadline_cancel(&runtime_of(run)->deadlines, &run->deadline);
        run->cancelled = true;
        return;
    }
    action_free(run);
}

static void on_deadline(void *user)
{
    struct action_run *run = user;
    char message[64];
    if (run->action->kind == RUNTIME_ACTION_SLEEP) {
        action_finish(run, true, "");
        return;
    }
    snprintf(message, sizeof(message), "no answer within %u ms", run->timeout_ms);
    action_finish(run, false, message);
}

struct action_run *action_start(struct container_life *container,
                                const struct runtime_action *action, uint32_t timeout_ms,
                                action_done_fn *done, void *user)
{
    struct action_run *run = MEM_NEW(struct action_run);
    *run = (struct action_run){.container = container,
                               .action = action,
                               .timeout_ms = timeout_ms,
                               .done = done,
                               .user = user};
    struct runtime *runtime = runtime_of(run);
    LIST_INSERT_HEAD(&runtime->actions, run, in_runtime);
    deadline_init(&run->deadline, on_deadline, run);
    uint32_t delay_ms = timeout_ms;
    if (action->kind == RUNTIME_ACTION_SLEEP && action->sleep_ms < timeout_ms)
        delay_ms = action->sleep_ms;
    deadline_set(&runtime->deadlines, &run->deadline, delay_ms);
    switch (action->kind) {
    case RUNTIME_ACTION_EXEC:
        run->exec_preparing = true;
        job_exec(run);
        break;
    case RUNTIME_ACTION_HTTP:
    case RUNTIME_ACTION_TCP:
        socket_start(run);
        break;
    case RUNTIME_ACTION_SLEEP:
        break;
    case RUNTIME_ACTION_NONE:
        UNREACHABLE();
    }
    return run;
}

static void on_exec_reply(void *user, const struct decoded *reply, const struct error *error)
{
    struct action_run *run = user;
    (void)reply; /* accepted; its end is an event */
    if (error != NULL)
        action_finish(run, false, error->message);
}

void exec_prepared(struct action_run *run, struct buf *launch, const struct error *error)
{
    struct keeper_client *client = runtime_of(run)->client;
    struct keeper_call call;
    run->exec_preparing = false;
    if (run->cancelled) {
        action_free(run);
        return;
    }
    if (error != NULL || client == NULL) {
        action_finish(run, false, error ? error->message : "the keeper has gone");
        return;
    }
    keeper_call_begin(client, &call, KEEPER_EXEC);
    encode_raw(&call.encoder, KEEPER_BODY, launch);
    run->exec_call_id = keeper_call_send(client, &call, on_exec_reply, run);
}

static void describe_end(const struct decoded *event, int wait_status, char *message,
                         size_t size_bytes)
{
    size_t output_bytes;
    const uint8_t *output = decode_bytes(event, KEEPER_OUTPUT, SIZE_MAX, &output_bytes);
    int chars;
    if (WIFSIGNALED(wait_status))
        chars = snprintf(message, size_bytes, "command ended by signal %d", WTERMSIG(wait_status));
    else
        chars = snprintf(message, size_bytes, "command ended with %d", WEXITSTATUS(wait_status));
    if (output_bytes > 0)
        snprintf(message + chars, size_bytes - (size_t)chars, ": %.*s", (int)output_bytes,
                 (const char *)output);
}

void action_on_exec_exited(struct runtime *runtime, const struct decoded *event)
{
    uint64_t call_id = decode_u64(event, KEEPER_CALL_ID, UINT64_MAX);
    struct action_run *run;
    LIST_FOREACH (run, &runtime->actions, in_runtime)
        if (run->exec_call_id == call_id && call_id != 0)
            break;
    if (run == NULL)
        return;
    char message[RUNTIME_MESSAGE_BYTES_MAX];
    int wait_status = (int)decode_u64(event, KEEPER_STATUS, INT32_MAX);
    if (decode_u64(event, KEEPER_STEP, UINT32_MAX) != 0) {
        decode_text_into(event, KEEPER_TEXT, message, sizeof(message));
        action_finish(run, false, message);
    } else if (decode_bool(event, KEEPER_TIMED_OUT)) {
        action_finish(run, false, "the command took too long");
    } else {
        describe_end(event, wait_status, message, sizeof(message));
        action_finish(run, wait_status == 0, message);
    }
}
