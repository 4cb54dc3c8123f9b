#include "place/eligible.h"

#include <string.h>

#include "base/assert.h"

#define TAINT_TEXT_BYTES_MAX 320

static bool bytes_equal_text(struct bytes bytes, const char *text)
{
    return bytes.size_bytes == strlen(text) && memcmp(bytes.data, text, bytes.size_bytes) == 0;
}

static bool selector_matches(const struct spec_pairs *selector, const struct wire_member *member)
{
    for (size_t i = 0; i < selector->count; i++) {
        bool found = false;
        for (size_t j = 0; j < member->labels_count && !found; j++)
            found = bytes_equal_text(member->labels[j].name, selector->items[i].key) &&
                    bytes_equal_text(member->labels[j].value, selector->items[i].value);
        if (!found)
            return false;
    }
    return true;
}

static void copy_text(struct bytes bytes, char text[static TAINT_TEXT_BYTES_MAX])
{
    size_t size_bytes =
        bytes.size_bytes < TAINT_TEXT_BYTES_MAX ? bytes.size_bytes : TAINT_TEXT_BYTES_MAX - 1;
    memcpy(text, bytes.data, size_bytes);
    text[size_bytes] = '\0';
}

static enum spec_taint_effect effect_of(struct bytes effect)
{
    if (bytes_equal_text(effect, "PreferNoSchedule"))
        return SPEC_TAINT_PREFER_NO_SCHEDULE;
    if (bytes_equal_text(effect, "NoExecute"))
        return SPEC_TAINT_NO_EXECUTE;
    return SPEC_TAINT_NO_SCHEDULE; /* an effect we do not know keeps pods away */
}

static bool tolerated(const struct spec_workload *workload, const struct wire_taint *taint)
{
    char key[TAINT_TEXT_BYTES_MAX] = "";
    char value[TAINT_TEXT_BYTES_MAX] = "";
    copy_text(taint->name, key);
    copy_text(taint->value, value);
    for (size_t i = 0; i < workload->tolerations_count; i++)
        if (spec_toleration_matches(&workload->tolerations[i], key, value,
                                    effect_of(taint->effect)))
            return true;
    return false;
}

static bool fits_empty(const struct spec_requests *requests, const struct wire_resources *capacity)
{
    if (requests->cpu_milli > capacity->cpu_milli ||
        requests->memory_bytes > capacity->memory_bytes ||
        requests->ephemeral_bytes > capacity->ephemeral_bytes || capacity->pods == 0)
        return false;
    for (size_t i = 0; i < requests->extended_count; i++) {
        uint64_t count = 0;
        for (size_t j = 0; j < capacity->devices_count; j++)
            if (bytes_equal_text(capacity->devices[j].name, requests->extended[i].name))
                count = capacity->devices[j].count;
        if (requests->extended[i].count > count)
            return false;
    }
    return true;
}

enum place_verdict place_eligible(const struct spec_workload *workload,
                                  const struct wire_member *member)
{
    if (workload->node_name[0] != '\0' && !bytes_equal_text(member->name, workload->node_name))
        return PLACE_OTHER_NODE_NAMED;
    if (member->unschedulable)
        return PLACE_CORDONED;
    if (!selector_matches(&workload->node_selector, member))
        return PLACE_SELECTOR;
    for (size_t i = 0; i < member->taints_count; i++)
        if (effect_of(member->taints[i].effect) != SPEC_TAINT_PREFER_NO_SCHEDULE &&
            !tolerated(workload, &member->taints[i]))
            return PLACE_TAINT;
    return fits_empty(&workload->requests, &member->capacity) ? PLACE_ELIGIBLE : PLACE_TOO_SMALL;
}

bool place_avoided(const struct spec_workload *workload, const struct wire_member *member)
{
    for (size_t i = 0; i < member->taints_count; i++)
        if (effect_of(member->taints[i].effect) == SPEC_TAINT_PREFER_NO_SCHEDULE &&
            !tolerated(workload, &member->taints[i]))
            return true;
    return false;
}

const char *place_verdict_text(enum place_verdict verdict)
{
    switch (verdict) {
    case PLACE_ELIGIBLE:
        return "eligible";
    case PLACE_OTHER_NODE_NAMED:
        return "spec.nodeName names another node";
    case PLACE_CORDONED:
        return "it is cordoned";
    case PLACE_SELECTOR:
        return "its labels do not match spec.nodeSelector";
    case PLACE_TAINT:
        return "it has a taint that the pod does not tolerate";
    case PLACE_TOO_SMALL:
        return "the pod's requests exceed its capacity even when empty";
    }
    UNREACHABLE();
}
