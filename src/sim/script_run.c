/* Carries a scenario out. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "script.h"
#include "stats.h"

#define POLL_MS 10
/* How often machines are asked whom they would replace, where that is not too much. */
#define EVICTIONS_PERIOD_MS 250

struct player {
    struct sim *sim;
    struct script *script;
    struct script_statement *statement;
    bool *chosen;   /* by the set that is looked at */
    uint32_t *list; /* the same as a list */
    uint32_t list_count;
    bool *drawn;       /* the last set by chance */
    uint64_t acted_ms; /* of the last statement that did something: times count from there */
    uint64_t left[SCRIPT_STATEMENTS_MAX]; /* of repeat */
};

static bool runs(const struct sim_machine *machine)
{
    return machine->brain != NULL && !machine->stalled;
}

/* ---- sets */

static void draw_set(struct player *player, uint32_t count)
{
    struct sim *sim = player->sim;
    uint32_t tries = sim->options.nodes * 64;
    memset(player->drawn, 0, sim->options.nodes * sizeof(bool));
    while (count > 0 && tries-- > 0) {
        uint32_t number = (uint32_t)prng_below(&sim->fault_prng, sim->options.nodes);
        if (player->drawn[number] || !runs(&sim->machines[number]))
            continue;
        player->drawn[number] = true;
        count--;
    }
}

/* Leaves in player->chosen who is in the set. */
static void choose(struct player *player, const struct script_set *set)
{
    for (uint32_t i = 0; i < player->sim->options.nodes; i++)
        player->chosen[i] = set->all;
    if (set->random_count > 0)
        draw_set(player, set->random_count);
    if (set->random_count > 0 || set->same)
        memcpy(player->chosen, player->drawn, player->sim->options.nodes * sizeof(bool));
    for (uint32_t i = 0; i < set->ranges_count; i++)
        for (uint32_t j = set->ranges[i].first; j <= set->ranges[i].last; j++)
            player->chosen[j] = true;
    player->list_count = 0;
    for (uint32_t i = 0; i < player->sim->options.nodes; i++)
        if (player->chosen[i])
            player->list[player->list_count++] = i;
}

/* ---- time */

static bool pass(struct player *player, uint64_t until_ms)
{
    struct sim *sim = player->sim;
    bool few = sim->options.nodes <= SIM_SMALL_NODES;
    while (sim->now_ms < until_ms) {
        uint64_t next_ms = sim->now_ms + POLL_MS;
        if (!sim_run_until(sim, next_ms < until_ms ? next_ms : until_ms))
            return false;
        if (sim->now_ms % STATS_SAMPLE_MS < POLL_MS)
            stats_sample(sim);
        if (few && sim->now_ms % EVICTIONS_PERIOD_MS < POLL_MS)
            stats_look_for_evictions(sim);
    }
    return true;
}

/* ---- conditions */

static bool is_agreed(const struct player *player)
{
    const struct sim *sim = player->sim;
    struct brain *reference = NULL;
    uint64_t hash = 0;
    uint32_t running_count = 0;
    for (uint32_t i = 0; i < sim->options.nodes; i++)
        running_count += runs(&sim->machines[i]);
    for (uint32_t i = 0; i < sim->options.nodes; i++) {
        struct brain_stats stats;
        if (!runs(&sim->machines[i]))
            continue;
        brain_stats(sim->machines[i].brain, &stats);
        if (stats.members_alive != running_count ||
            (reference != NULL && stats.members_hash != hash))
            return false;
        hash = stats.members_hash;
        reference = sim->machines[i].brain;
    }
    for (uint32_t i = 0; i < sim->options.nodes; i++) {
        struct brain_member member;
        if (runs(&sim->machines[i]) && (!brain_member(reference, sim->machines[i].node, &member) ||
                                        member.status != BRAIN_MEMBER_ALIVE))
            return false;
    }
    return true;
}

static bool takes_for_dead(const struct player *player, struct brain *brain)
{
    const struct sim *sim = player->sim;
    for (uint32_t i = 0; i < player->list_count; i++) {
        struct brain_member member;
        if (brain_member(brain, sim->machines[player->list[i]].node, &member) &&
            member.status != BRAIN_MEMBER_DEAD && member.status != BRAIN_MEMBER_LEFT)
            return false;
    }
    return true;
}

static bool knows_lives(const struct player *player, struct brain *brain, uint32_t but)
{
    const struct sim *sim = player->sim;
    for (uint32_t i = 0; i < player->list_count; i++) {
        const struct sim_machine *machine = &sim->machines[player->list[i]];
        struct brain_member member;
        if (machine->index != but &&
            (machine->brain == NULL || !brain_member(brain, machine->node, &member) ||
             member.status != BRAIN_MEMBER_ALIVE ||
             member.record->generation != machine->generation))
            return false;
    }
    return true;
}

static bool seen_by(const struct player *player, uint32_t observer)
{
    struct brain *brain = player->sim->machines[observer].brain;
    if (player->statement->condition == SCRIPT_RESTART_SEEN)
        return knows_lives(player, brain, observer);
    return takes_for_dead(player, brain);
}

static bool holds(const struct player *player)
{
    char reason[SIM_REASON_BYTES];
    bool first = player->statement->condition == SCRIPT_FIRST_DEAD;
    switch (player->statement->condition) {
    case SCRIPT_AGREED:
        return is_agreed(player);
    case SCRIPT_DELIVERED:
        return player->sim->updates_left == 0 && stats_delivered(player->sim);
    case SCRIPT_SETTLED:
        return check_quiet(player->sim, reason);
    case SCRIPT_FIRST_DEAD:
    case SCRIPT_ALL_DEAD:
    case SCRIPT_RESTART_SEEN:
        break;
    }
    for (uint32_t i = 0; i < player->sim->options.nodes; i++) {
        bool excluded = player->chosen[i] && player->statement->condition != SCRIPT_RESTART_SEEN;
        if (runs(&player->sim->machines[i]) && !excluded && seen_by(player, i) == first)
            return first;
    }
    return !first;
}

static void measure(struct player *player, double value)
{
    struct script_statement *statement = player->statement;
    MEM_GROW(statement->measures, statement->measures_count, statement->measures_capacity);
    statement->measures[statement->measures_count++] = value;
    if (player->sim->options.csv != NULL)
        (void)fprintf(player->sim->options.csv, "%" PRIu64 ",%" PRIu64 ",%u,%s,%.6g\n",
                      player->sim->options.seed, player->sim->now_ms, statement->line,
                      statement->verb == SCRIPT_AWAIT ? "await_ms" : statement->metric, value);
}

static void await(struct player *player)
{
    struct sim *sim = player->sim;
    const struct script_statement *statement = player->statement;
    if (statement->sets_count > 0)
        choose(player, &statement->sets[0]);
    bool waits = statement->condition == SCRIPT_DELIVERED;
    while (!holds(player)) {
        uint64_t from_ms =
            waits && sim->updated_ms > player->acted_ms ? sim->updated_ms : player->acted_ms;
        if (sim->now_ms >= from_ms + statement->ms && sim->updates_left == 0) {
            sim_break(sim, "%s:%u: not within %.4g s", player->script->path, statement->line,
                      (double)statement->ms / 1000);
            return;
        }
        if (!pass(player, sim->now_ms + POLL_MS))
            return;
    }
    uint64_t from_ms =
        waits && sim->updated_ms > player->acted_ms ? sim->updated_ms : player->acted_ms;
    measure(player, (double)(sim->now_ms - from_ms));
}

static void expect(struct player *player)
{
    struct script_statement *statement = player->statement;
    double value = 0;
    bool known = stats_metric(player->sim, statement->metric, &value);
    ASSERT(known);
    measure(player, value);
    bool kept = statement->comparison == '<' ? value <= statement->value
                : statement->comparison == '>'
                    ? value >= statement->value
                    : value >= statement->value && value <= statement->value;
    if (!kept)
        sim_break(player->sim, "%s:%u: %s is %.6g", player->script->path, statement->line,
                  statement->metric, value);
}

/* ---- actions */

static void act_on(struct player *player, struct sim_machine *machine)
{
    struct sim *sim = player->sim;
    machine->disturbed = true;
    switch (player->statement->verb) {
    case SCRIPT_START:
        machine->disturbed = false;
        machine->powered = true;
        machine_boot(sim, machine);
        return;
    case SCRIPT_KILL:
        machine_kill_agent(sim, machine);
        return;
    case SCRIPT_POWER_OFF:
        machine_power_off(sim, machine);
        return;
    case SCRIPT_RESTART:
        fault_crash(sim, machine, 1);
        return;
    default:
        fault_stall(sim, machine, player->statement->ms);
        return;
    }
}

/* Everybody of the set to everybody: what a start of all of them at once would end in, without its
 * N x N packets. */
static void introduce(struct player *player)
{
    const struct sim *sim = player->sim;
    struct brain_introduction *all = MEM_NEW_ARRAY(struct brain_introduction, player->list_count);
    for (uint32_t i = 0; i < player->list_count; i++)
        if (runs(&sim->machines[player->list[i]]))
            all[i] = brain_introduction(sim->machines[player->list[i]].brain);
    for (uint32_t i = 0; i < player->list_count; i++) {
        const struct sim_machine *to = &sim->machines[player->list[i]];
        for (uint32_t j = 0; j < player->list_count && runs(to); j++)
            if (i != j && all[j].record != NULL)
                brain_introduce(to->brain, machine_now(sim, to), &all[j]);
    }
    mem_free(all);
}

static void split(struct player *player)
{
    struct sim *sim = player->sim;
    const struct script_statement *statement = player->statement;
    uint32_t sides_count = statement->sets_count;
    fault_heal(sim);
    if (statement->verb == SCRIPT_BRIDGE) {
        sides_count = 2;
        choose(player, &statement->sets[2]);
        for (uint32_t i = 0; i < sim->options.nodes; i++)
            if (player->chosen[i])
                sim->bridge = i;
    }
    sim->one_way = statement->verb == SCRIPT_ONE_WAY;
    for (uint32_t side = 0; side < sides_count; side++) {
        choose(player, &statement->sets[side]);
        for (uint32_t i = 0; i < sim->options.nodes; i++) {
            if (player->chosen[i])
                sim->side[i] = side;
            sim->machines[i].disturbed = true;
        }
    }
}

static void plan_updates(struct player *player)
{
    struct sim *sim = player->sim;
    for (uint64_t i = 0; i < player->statement->count; i++) {
        struct sim_event event = {.kind = SIM_UPDATE,
                                  .number = player->statement->number,
                                  .at_ms = sim->now_ms + 1 + i * player->statement->ms};
        sim_schedule(sim, &event);
        sim->updates_left++;
    }
}

/* The statement after it. */
static uint32_t act(struct player *player, uint32_t at)
{
    struct sim *sim = player->sim;
    struct script_statement *statement = player->statement;
    switch (statement->verb) {
    case SCRIPT_START:
    case SCRIPT_KILL:
    case SCRIPT_POWER_OFF:
    case SCRIPT_RESTART:
    case SCRIPT_STALL:
        choose(player, &statement->sets[0]);
        for (uint32_t i = 0; i < sim->options.nodes; i++)
            if (player->chosen[i])
                act_on(player, &sim->machines[i]);
        break;
    case SCRIPT_INTRODUCE:
        choose(player, &statement->sets[0]);
        introduce(player);
        break;
    case SCRIPT_PARTITION:
    case SCRIPT_ONE_WAY:
    case SCRIPT_BRIDGE:
        split(player);
        break;
    case SCRIPT_HEAL:
        fault_heal(sim);
        break;
    case SCRIPT_LOSS:
        sim->loss_ppm = (uint32_t)statement->number;
        break;
    case SCRIPT_NO_SEEDS:
        sim->no_seeds = true;
        break;
    case SCRIPT_RUN:
        (void)pass(player, sim->now_ms + statement->ms);
        break;
    case SCRIPT_UPDATES:
        plan_updates(player);
        break;
    case SCRIPT_APPLY:
        users_apply(sim, (uint32_t)statement->count);
        break;
    case SCRIPT_RESET:
        stats_reset(sim);
        break;
    case SCRIPT_REPEAT:
        player->left[at] = statement->count - 1;
        break;
    case SCRIPT_END:
        if (player->left[statement->jump] > 0) {
            player->left[statement->jump]--;
            return statement->jump + 1;
        }
        break;
    case SCRIPT_AWAIT:
        await(player);
        return at + 1;
    case SCRIPT_EXPECT:
        expect(player);
        return at + 1;
    }
    player->acted_ms = sim->now_ms;
    return at + 1;
}

void script_run(struct sim *sim, struct script *script)
{
    struct player player = {.sim = sim, .script = script, .acted_ms = sim->now_ms};
    player.chosen = MEM_NEW_ARRAY(bool, sim->options.nodes);
    player.drawn = MEM_NEW_ARRAY(bool, sim->options.nodes);
    player.list = MEM_NEW_ARRAY(uint32_t, sim->options.nodes);
    for (uint32_t at = 0; at < script->statements_count && !sim->result->broken;) {
        player.statement = &script->statements[at];
        at = act(&player, at);
    }
    mem_free(player.chosen);
    mem_free(player.drawn);
    mem_free(player.list);
}
