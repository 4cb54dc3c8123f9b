/*
 * The HTTP harness: three connections to the API of a real brain that is a cluster of one say
 * anything, in any pieces; time passes, clients vanish, read slowly, upload images, follow logs.
 * Laws: what is sent begins with a status line; nothing is left open behind a connection that has
 * gone; every invariant of the brain holds at the end.
 *
 * Input: steps: operation (connection in its lowest two bits), size (two bytes, big-endian), that
 * many bytes.
 */
#include <string.h>

#include "base/assert.h"
#include "rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

#define CONNECTIONS_COUNT 3
#define STEPS_MAX         64
#define OUTPUT_BYTES_KEPT ((size_t)1 << 20)

static void check_output(struct rig_connection *connection)
{
    ASSERT(connection->output.size_bytes < 9 ||
           memcmp(connection->output.data, "HTTP/1.1 ", 9) == 0);
    if (connection->output.size_bytes > OUTPUT_BYTES_KEPT)
        buf_clear(&connection->output);
}

/* The client goes, and another one comes. */
static void reconnect(struct rig *rig, struct rig_connection *connection)
{
    rig_hang_up(connection);
    rig_connect(rig, connection);
}

static void play(struct rig *rig, struct rig_connection *connection, uint8_t operation,
                 struct bytes bytes)
{
    switch (operation >> 2) {
    case 0:
        rig_turn(rig, bytes.size_bytes % 256);
        return;
    case 1:
        reconnect(rig, connection);
        return;
    case 2:
        connection->queued_bytes = connection->queued_bytes > 0 ? 0 : (size_t)1 << 20;
        api_connection_writable(connection->connection);
        return;
    case 3:
        rig->log_stop_at = rig->log_stop_at % RIG_LINES + 1;
        if (rig->on_more != NULL)
            rig->on_more(rig->on_more_user);
        return;
    case 4:
        rig->disk_is_slow = !rig->disk_is_slow;
        return;
    case 5:
        api_connection_eof(connection->connection);
        return;
    default:
        if (rig->submits_count + 8 < RIG_SUBMITS_MAX)
            rig_put(connection, bytes.data, bytes.size_bytes);
        check_output(connection);
        if (connection->close_asked)
            reconnect(rig, connection);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    static struct rig rig;
    static struct rig_connection connections[CONNECTIONS_COUNT];
    rig_init(&rig);
    for (size_t i = 0; i < CONNECTIONS_COUNT; i++)
        rig_connect(&rig, &connections[i]);
    for (int steps = 0; steps < STEPS_MAX && size_bytes >= 3; steps++) {
        uint8_t operation = data[0];
        size_t taken_bytes = (size_t)data[1] << 8 | data[2];
        taken_bytes = taken_bytes > size_bytes - 3 ? size_bytes - 3 : taken_bytes;
        play(&rig, &connections[operation % 4 % CONNECTIONS_COUNT], operation,
             (struct bytes){data + 3, taken_bytes});
        data += 3 + taken_bytes;
        size_bytes -= 3 + taken_bytes;
    }
    for (size_t i = 0; i < CONNECTIONS_COUNT; i++)
        rig_hang_up(&connections[i]);
    rig.disk_is_slow = false;
    rig_turn(&rig, 1);
    ASSERT(rig.logs_open_count == 0 && rig.loads_open_count == 0);
    brain_validate(rig.brain);
    rig_fini(&rig);
    return 0;
}
