/* Which changes an object that exists may see. */
#include <string.h>

#include "base/assert.h"
#include "check.h"
#include "json.h"

/* Kubernetes' ValidatePodUpdate, less the deadline that is not offered. */
#define POD_MAY_CHANGE                                                                             \
    "a pod's spec cannot change but for images, added tolerations and "                            \
    "terminationGracePeriodSeconds; delete the pod first"

/* Reports the innermost place where the two differ; array items may be missing on one side. */
static void report_difference(struct spec_checker *checker, json_t *before, json_t *after,
                              const struct spec_path *path)
{
    if (json_is_object(before) && json_is_object(after)) {
        const char *key;
        json_t *value;
        json_object_foreach(after, key, value)
        {
            json_t *earlier = json_object_get(before, key);
            if (earlier == NULL || !json_equal(earlier, value)) {
                report_difference(checker, earlier, value, SPEC_PATH_KEY(path, key));
                return;
            }
        }
        json_object_foreach(before, key, value)
        {
            if (json_object_get(after, key) == NULL) {
                report_difference(checker, value, NULL, SPEC_PATH_KEY(path, key));
                return;
            }
        }
    }
    if (json_is_array(before) && json_is_array(after) &&
        json_array_size(before) == json_array_size(after)) {
        for (size_t i = 0; i < json_array_size(after); i++) {
            json_t *earlier = json_array_get(before, i), *later = json_array_get(after, i);
            if (!json_equal(earlier, later)) {
                report_difference(checker, earlier, later, SPEC_PATH_INDEX(path, i));
                return;
            }
        }
    }
    spec_check_report(checker, path, SPEC_REASON_FORBIDDEN, POD_MAY_CHANGE);
}

static bool contains(const json_t *list, json_t *item)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (json_equal(json_array_get(list, i), item))
            return true;
    return false;
}

/* Makes `after` as `before` was in everything that may change. */
static void undo_allowed(json_t *before, json_t *after)
{
    static const char *const lists[] = {"containers", "initContainers"};
    for (size_t l = 0; l < SPEC_COUNT(lists); l++) {
        const json_t *was = json_object_get(before, lists[l]);
        const json_t *is = json_object_get(after, lists[l]);
        for (size_t i = 0; i < json_array_size(is) && i < json_array_size(was); i++) {
            json_t *image = json_object_get(json_array_get(was, i), "image");
            if (image != NULL)
                json_object_set(json_array_get(is, i), "image", image);
        }
    }
    json_t *tolerations = json_object_get(before, "tolerations");
    bool all_there = true;
    for (size_t i = 0; i < json_array_size(tolerations); i++)
        all_there = all_there &&
                    contains(json_object_get(after, "tolerations"), json_array_get(tolerations, i));
    if (all_there && tolerations != NULL)
        json_object_set(after, "tolerations", tolerations);
    else if (all_there)
        json_object_del(after, "tolerations");
    json_t *grace = json_object_get(before, "terminationGracePeriodSeconds");
    if (grace != NULL)
        json_object_set(after, "terminationGracePeriodSeconds", grace);
}

static void check_pod_update(struct spec_checker *checker, json_t *before, json_t *after)
{
    json_t *was = json_object_get(before, "spec"), *is = json_object_get(after, "spec");
    undo_allowed(was, is);
    if (!json_equal(was, is))
        report_difference(checker, was, is, SPEC_PATH_KEY(SPEC_PATH_ROOT, "spec"));
}

static void check_deployment_update(struct spec_checker *checker, json_t *before, json_t *after)
{
    const json_t *was = json_object_get(json_object_get(before, "spec"), "selector");
    const json_t *is = json_object_get(json_object_get(after, "spec"), "selector");
    if (!json_equal(was, is))
        spec_check_report(checker, SPEC_PATH_KEY(SPEC_PATH_KEY(SPEC_PATH_ROOT, "spec"), "selector"),
                          SPEC_REASON_INVALID,
                          "cannot change; delete the Deployment first or give it another name");
}

int spec_check_update(struct bytes canonical_old, struct bytes canonical_new,
                      struct spec_issues *issues)
{
    spec_json_prepare();
    json_t *before =
        json_loadb((const char *)canonical_old.data, canonical_old.size_bytes, 0, NULL);
    json_t *after = json_loadb((const char *)canonical_new.data, canonical_new.size_bytes, 0, NULL);
    ASSERT(after != NULL);
    struct spec_checker checker;
    spec_checker_init(&checker, NULL, NULL, 0, issues);
    const char *kind = spec_json_text(after, "kind");
    if (before == NULL || kind == NULL)
        spec_check_report(&checker, SPEC_PATH_ROOT, SPEC_REASON_INVALID,
                          "the stored object cannot be read");
    else if (strcmp(kind, "Pod") == 0)
        check_pod_update(&checker, before, after);
    else if (strcmp(kind, "Deployment") == 0)
        check_deployment_update(&checker, before, after);
    json_decref(before);
    json_decref(after);
    return checker.errors_count == 0 ? 0 : -1;
}
