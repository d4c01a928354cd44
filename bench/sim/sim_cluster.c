#include "sim_impl.h"

#include <stdio.h>
#include <string.h>

static const char base36[] = "abcdefghijklmnopqrstuvwxyz0123456789";

static int64_t seconds(sim_t *sim, int64_t least, int64_t most)
{
    return rng_between(&sim->rng, least * SECOND_US, most * SECOND_US);
}

static void emit_machine(sim_t *sim, event_kind_t kind, const cluster_t *cluster,
                         const machine_t *machine)
{
    char created[TIME_BYTES];
    values_t values = {{[VALUE_ClusterId] = cluster->id,
                        [VALUE_Group] = machine->group,
                        [VALUE_InstanceId] = machine->id,
                        [VALUE_InnerIpAddress] = machine->address,
                        [VALUE_Hints] = machine->hints,
                        [VALUE_CreationTime] = sim_time(machine->created_us, created)}};
    sim_emit(sim, kind, &values);
}

static void cluster_create(sim_t *sim, cluster_t *cluster, const action_t *action)
{
    static const char *const names[] = {"render-farm", "genomics", "nightly", "transcode",
                                        "risk",        "training", "test",    "weather"};
    uint32_t life = cluster->life, machines = (uint32_t)rng_between(&sim->rng, 3, MACHINES_MAX);
    *cluster = (cluster_t){.life = life, .created_us = sim->now_us, .machine_count = machines};
    memcpy(cluster->id, "cls-", 4);
    rng_text(&sim->rng, cluster->id + 4, 22, base36, 36);
    snprintf(cluster->name, sizeof cluster->name, "%s-cluster", names[rng_below(&sim->rng, 8)]);
    for (uint32_t i = 0; i < machines; i++)
        sim_plan(sim, seconds(sim, 1, 20),
                 (action_t){.kind = ACTION_MACHINE_CREATE,
                            .slot = action->slot,
                            .life = life,
                            .index = (uint8_t)i});
    sim_plan(sim, seconds(sim, 600, 2400),
             (action_t){.kind = ACTION_CLUSTER_DELETE, .slot = action->slot, .life = life});
}

static void machine_create(sim_t *sim, cluster_t *cluster, const action_t *action)
{
    machine_t *machine = &cluster->machines[action->index];
    *machine = (machine_t){.created_us = sim->now_us};
    memcpy(machine->id, "i-wz9", 5);
    rng_text(&sim->rng, machine->id + 5, 17, base36, 36);
    snprintf(machine->group, sizeof machine->group, "group%d", action->index % 2 + 1);
    uint32_t address = (uint32_t)rng_below(&sim->rng, 1u << 24);
    snprintf(machine->address, sizeof machine->address, "10.%u.%u.%u", address >> 16 & 255,
             address >> 8 & 255, address & 255);
    machine->hints = rng_percent(&sim->rng, 10) ? "spot instance, price limit 0.35" : "";
    emit_machine(sim, EVENT_Cluster_OnInstanceCreated, cluster, machine);
    sim_plan(sim, seconds(sim, 30, 90),
             (action_t){.kind = ACTION_MACHINE_ACTIVE,
                        .slot = action->slot,
                        .life = cluster->life,
                        .index = action->index});
}

/* Some machines fall ill later, and another one takes the place. */
static void machine_active(sim_t *sim, const cluster_t *cluster, const action_t *action)
{
    emit_machine(sim, EVENT_Cluster_OnInstanceActive, cluster, &cluster->machines[action->index]);
    if (rng_percent(&sim->rng, 15))
        sim_plan(sim, seconds(sim, 60, 600),
                 (action_t){.kind = ACTION_MACHINE_CREATE,
                            .slot = action->slot,
                            .life = cluster->life,
                            .index = action->index});
}

static void cluster_delete(sim_t *sim, cluster_t *cluster, const action_t *action)
{
    char created[TIME_BYTES];
    values_t values = {{[VALUE_ClusterId] = cluster->id,
                        [VALUE_ClusterName] = cluster->name,
                        [VALUE_CreationTime] = sim_time(cluster->created_us, created)}};
    sim_emit(sim, EVENT_Cluster_OnClusterDeleted, &values);
    cluster->life++;
    sim_plan(
        sim, seconds(sim, 5, 60),
        (action_t){.kind = ACTION_CLUSTER_CREATE, .slot = action->slot, .life = cluster->life});
}

void sim_cluster_act(sim_t *sim, const action_t *action)
{
    cluster_t *cluster = &sim->clusters[action->slot];
    if (action->life != cluster->life)
        return;
    switch (action->kind) {
    case ACTION_CLUSTER_CREATE:
        cluster_create(sim, cluster, action);
        break;
    case ACTION_MACHINE_CREATE:
        machine_create(sim, cluster, action);
        break;
    case ACTION_MACHINE_ACTIVE:
        machine_active(sim, cluster, action);
        break;
    default:
        cluster_delete(sim, cluster, action);
        break;
    }
}
