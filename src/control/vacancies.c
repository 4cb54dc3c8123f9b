/* Since when slots are vacant. Few workloads have such slots, and not for long. */
#include "base/memory.h"
#include "control_internal.h"

boot_ms_t slot_vacant_since(const struct control_workload *workload, uint32_t ordinal)
{
    return workload->vacant_since_boot_ms == NULL ? BOOT_MS_NEVER
                                                  : workload->vacant_since_boot_ms[ordinal];
}

static void forget(struct control_workload *workload, uint32_t first)
{
    for (uint32_t i = first; i < workload->slots_made_count; i++)
        workload->vacant_since_boot_ms[i] = BOOT_MS_NEVER;
}

void slot_set_vacant_since(struct control_workload *workload, uint32_t ordinal, boot_ms_t boot_ms)
{
    if (workload->vacant_since_boot_ms == NULL) {
        if (boot_ms == BOOT_MS_NEVER)
            return;
        workload->vacant_since_boot_ms = MEM_NEW_ARRAY(boot_ms_t, workload->slots_made_count);
        forget(workload, 0);
    }
    workload->vacant_since_boot_ms[ordinal] = boot_ms;
}

void vacancies_resize(struct control_workload *workload, uint32_t slots_made_before)
{
    if (workload->vacant_since_boot_ms == NULL || slots_made_before == workload->slots_made_count)
        return;
    workload->vacant_since_boot_ms =
        mem_realloc(workload->vacant_since_boot_ms, workload->slots_made_count,
                    sizeof(*workload->vacant_since_boot_ms));
    forget(workload, slots_made_before);
}

bool vacancies_tidy(struct control_workload *workload)
{
    for (uint32_t i = 0; i < workload->slots_count; i++)
        if (slot_vacant_since(workload, i) != BOOT_MS_NEVER)
            return true;
    mem_free(workload->vacant_since_boot_ms);
    workload->vacant_since_boot_ms = NULL;
    return false;
}
