/*
 * A file that somebody applies, or bytes that claim to be a stored object. What loads obeys the
 * laws of the module: its canonical bytes are a fixed point, also by way of YAML, and decode; what
 * does not load says why.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "spec/load.h"
#include "spec/pod.h"
#include "spec/workload.h"
#include "spec/yaml_out.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_same(const void *text, size_t size_bytes, const struct spec_object *object)
{
    struct spec_objects objects;
    struct spec_issues issues;
    int loaded = spec_load(text, size_bytes, NULL, NULL, &objects, &issues);
    ASSERT(loaded == 0 && objects.count == 1);
    ASSERT(strcmp(objects.items[0].canonical, object->canonical) == 0);
    spec_objects_fini(&objects);
    spec_issues_fini(&issues);
}

/* Any bytes; returns whether they decode both ways. */
static bool decode(struct bytes bytes)
{
    struct spec_workload workload;
    struct spec_pod pod;
    struct error error = ERROR_INIT;
    bool workload_decoded = spec_workload_decode(bytes, &workload, &error) == 0;
    bool pod_decoded = spec_pod_decode(bytes, &pod, &error) == 0;
    if (workload_decoded)
        spec_workload_fini(&workload);
    if (pod_decoded)
        spec_pod_fini(&pod);
    return workload_decoded && pod_decoded;
}

static void check_object(const struct spec_object *object)
{
    struct bytes bytes = {(const uint8_t *)object->canonical, object->size_bytes};
    expect_same(object->canonical, object->size_bytes, object);
    ASSERT(object->key.kind == SPEC_KIND_NAMESPACE || decode(bytes));
    json_t *json = json_loadb(object->canonical, object->size_bytes, 0, NULL);
    struct buf yaml = BUF_INIT;
    struct error error = ERROR_INIT;
    int written = spec_yaml_write(json, &yaml, &error);
    ASSERT(written == 0);
    expect_same(yaml.data, yaml.size_bytes, object);
    buf_fini(&yaml);
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spec_objects objects;
    struct spec_issues issues;
    int loaded = spec_load(data, size, NULL, NULL, &objects, &issues);
    ASSERT((loaded == 0) == (issues.errors_count == 0));
    ASSERT(loaded == 0 || (issues.count > 0 && objects.count == 0));
    for (size_t i = 0; i < objects.count; i++)
        check_object(&objects.items[i]);
    for (size_t i = 0; i < issues.count; i++) {
        struct buf line = BUF_INIT;
        spec_issue_format(&issues.items[i], "f", &line);
        buf_fini(&line);
    }
    spec_objects_fini(&objects);
    spec_issues_fini(&issues);
    (void)decode((struct bytes){data, size});
    return 0;
}
