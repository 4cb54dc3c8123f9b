/* Nodes named in an accusation or heard from, of which we have no record, or an older one than is
 * cited. An accusation about them is kept, not dropped (memberlist's lesson), and the record asked
 * for. proto/gossip.md 4.5. */
#include "table.h"

#define ASK_AGAIN_MS 500u
#define ASK_MAX      5u

static void reckon_due(struct member_table *table)
{
    table->stranger_due_ms = PROTOCOL_MS_NEVER;
    for (int i = 0; i < STRANGERS_MAX; i++)
        if (table->strangers[i].node != 0)
            table->stranger_due_ms =
                clock_earlier(table->stranger_due_ms, table->strangers[i].due_ms);
}

/* Its own place, a free one, or the one that has been asked for most often. */
static struct stranger *place(struct member_table *table, uint64_t node)
{
    struct stranger *best = &table->strangers[0];
    for (int i = 0; i < STRANGERS_MAX; i++) {
        struct stranger *stranger = &table->strangers[i];
        if (stranger->node == node)
            return stranger;
        if (best->node != 0 && (stranger->node == 0 || stranger->asked_count > best->asked_count))
            best = stranger;
    }
    return best;
}

static bool is_newer(const struct wire_accuse *a, const struct wire_accuse *b)
{
    if (a->generation != b->generation)
        return a->generation > b->generation;
    if (a->incarnation != b->incarnation)
        return a->incarnation > b->incarnation;
    return a->status > b->status;
}

void stranger_note(struct member_table *table, uint64_t node, uint64_t ask_node,
                   const struct address *ask_address, const struct wire_accuse *accuse,
                   uint32_t delay_ms)
{
    struct stranger *stranger = place(table, node);
    if (stranger->node != node) {
        *stranger = (struct stranger){.node = node, .due_ms = table->now_ms + delay_ms};
        table->stranger_due_ms = clock_earlier(table->stranger_due_ms, stranger->due_ms);
    }
    stranger->ask_node = ask_node;
    stranger->ask_address = *ask_address;
    if (accuse != NULL && (!stranger->accused || is_newer(accuse, &stranger->accuse))) {
        stranger->accused = true;
        stranger->accuse = *accuse;
        stranger->accuse.accusers = NULL; /* they live in the message's arena */
        stranger->accuse.accusers_count = 0;
        stranger->accuse.unknown = (struct bytes){.data = NULL};
    }
}

/* An accusation that cites what nobody has ever said stays unsettled: asked for again at once with
 * each answer, it would go round at the speed of the network. */
bool stranger_met(struct member_table *table, const struct wire_member *known,
                  struct wire_accuse *ret_accuse)
{
    if (table->stranger_due_ms == PROTOCOL_MS_NEVER)
        return false; /* there are none */
    for (int i = 0; i < STRANGERS_MAX; i++) {
        struct stranger *stranger = &table->strangers[i];
        if (stranger->node != known->node)
            continue;
        bool accused = stranger->accused;
        struct wire_member cited = {.generation = stranger->accuse.generation,
                                    .incarnation = stranger->accuse.incarnation};
        if (accused && record_compare_age(&cited, known) > 0)
            return false;
        *ret_accuse = stranger->accuse;
        *stranger = (struct stranger){.node = 0};
        reckon_due(table);
        return accused;
    }
    return false;
}

void stranger_run(struct member_table *table, struct member_output *output)
{
    for (int i = 0; i < STRANGERS_MAX; i++) {
        struct stranger *stranger = &table->strangers[i];
        if (stranger->node == 0 || stranger->due_ms > table->now_ms)
            continue;
        if (stranger->asked_count++ >= ASK_MAX) {
            stranger->node = 0;
            continue;
        }
        stranger->due_ms = table->now_ms + ASK_AGAIN_MS;
        struct buf *buf = send_begin(table);
        send_put_self(table, buf); /* it may not know us either */
        wire_put_member_query(buf, &(struct wire_member_query){.node = stranger->node});
        send_message(table, stranger->ask_node, &stranger->ask_address, MEMBER_VIA_DATAGRAM, buf,
                     false, output);
    }
    reckon_due(table);
}
