/* Whether a node may run a workload's pods at all: what does not depend on how full it is. */
#ifndef SHOAL_PLACE_ELIGIBLE_H
#define SHOAL_PLACE_ELIGIBLE_H

#include <stdbool.h>
#include <stddef.h>

#include "spec/workload.h"
#include "wire/wire.h"

enum place_verdict {
    PLACE_ELIGIBLE,
    PLACE_OTHER_NODE_NAMED, /* spec.nodeName is another node */
    PLACE_CORDONED,
    PLACE_SELECTOR,  /* nodeSelector does not match its labels */
    PLACE_TAINT,     /* a NoSchedule or NoExecute taint is not tolerated */
    PLACE_TOO_SMALL, /* would not fit even when empty */
};

/* Labels a node has without being told: kubernetes.io/hostname, kubernetes.io/os,
 * kubernetes.io/arch and topology.kubernetes.io/zone are expected in the record (the agent puts
 * them there). */
enum place_verdict place_eligible(const struct spec_workload *workload,
                                  const struct wire_member *member);

/* "its nodeSelector does not match" ...: for `describe`. Never NULL. */
const char *place_verdict_text(enum place_verdict verdict);

/* True when a PreferNoSchedule taint is not tolerated: such nodes come last in a chain. */
bool place_avoided(const struct spec_workload *workload, const struct wire_member *member);

#endif
