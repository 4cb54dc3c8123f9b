/*
 * Laws that hold for every document: the order of keys means nothing, canonical bytes are a fixed
 * point, JSON and YAML say the same, and whatever mutation makes of a manifest either loads, and
 * then obeys these laws, or is refused with a reason.
 */
#include <check.h>
#include <string.h>

#include "base/memory.h"
#include "base/prng.h"
#include "spec/pod.h"
#include "spec/workload.h"
#include "spec/yaml_out.h"
#include "support.h"

#define ROUNDS_COUNT 40

/* --- the laws --- */

static char *reload(const char *text, size_t size_bytes)
{
    struct spec_objects objects;
    struct spec_issues issues;
    int loaded = spec_load(text, size_bytes, NULL, NULL, &objects, &issues);
    ck_assert_msg(loaded == 0, "%s: %s in\n%s", issues.count > 0 ? issues.items[0].path : "",
                  issues.count > 0 ? issues.items[0].message : "", text);
    ck_assert_uint_eq(objects.count, 1);
    char *canonical = mem_strdup(objects.items[0].canonical);
    spec_objects_fini(&objects);
    spec_issues_fini(&issues);
    return canonical;
}

static void check_fixed_point(const struct spec_object *object)
{
    char *again = reload(object->canonical, object->size_bytes);
    ck_assert_str_eq(again, object->canonical);
    mem_free(again);
}

static void check_yaml(const struct spec_object *object)
{
    json_t *json = json_loadb(object->canonical, object->size_bytes, 0, NULL);
    struct buf yaml = BUF_INIT;
    struct error error = ERROR_INIT;
    ck_assert_int_eq(spec_yaml_write(json, &yaml, &error), 0);
    char *again = reload(buf_text(&yaml), yaml.size_bytes);
    ck_assert_str_eq(again, object->canonical);
    mem_free(again);
    buf_fini(&yaml);
    json_decref(json);
}

static void check_decodes(const struct spec_object *object)
{
    if (object->key.kind == SPEC_KIND_NAMESPACE)
        return;
    struct spec_workload workload;
    struct spec_pod pod;
    struct error error = ERROR_INIT;
    int decoded = spec_workload_decode(canonical_bytes(object), &workload, &error);
    ck_assert_msg(decoded == 0, "%s: %s", error.message, object->canonical);
    decoded = spec_pod_decode(canonical_bytes(object), &pod, &error);
    ck_assert_msg(decoded == 0, "%s: %s", error.message, object->canonical);
    ck_assert_str_eq(workload.name, object->key.name);
    ck_assert_str_eq(pod.namespace_name, object->key.namespace_name);
    spec_workload_fini(&workload);
    spec_pod_fini(&pod);
}

static void check_laws(const struct spec_object *object)
{
    check_fixed_point(object);
    check_yaml(object);
    check_decodes(object);
}

/* --- the same document in another order --- */

static json_t *shuffled(struct prng *prng, json_t *json)
{
    if (json_is_array(json)) {
        json_t *copy = json_array();
        for (size_t i = 0; i < json_array_size(json); i++)
            json_array_append_new(copy, shuffled(prng, json_array_get(json, i)));
        return copy;
    }
    if (!json_is_object(json))
        return json_deep_copy(json);
    const char *keys[256];
    size_t count = 0;
    const char *key;
    json_t *value;
    json_object_foreach(json, key, value) keys[count++] = key;
    json_t *copy = json_object();
    for (; count > 0; count--) {
        size_t pick = prng_below(prng, count);
        json_object_set_new(copy, keys[pick], shuffled(prng, json_object_get(json, keys[pick])));
        keys[pick] = keys[count - 1];
    }
    return copy;
}

static void for_each_document(void (*each)(struct prng *, json_t *))
{
    struct prng prng;
    prng_seed(&prng, 7);
    size_t count;
    char **paths = list_files(MANIFESTS "/valid", ".yaml", &count);
    for (size_t i = 0; i < count; i++) {
        size_t size_bytes;
        char *text = read_file(paths[i], &size_bytes);
        struct spec_limits limits = SPEC_LIMITS_DEFAULT;
        struct spec_documents documents;
        struct error error = ERROR_INIT;
        ck_assert_int_eq(spec_documents_parse(text, size_bytes, &limits, &documents, &error), 0);
        for (size_t j = 0; j < documents.count; j++)
            each(&prng, documents.items[j].json);
        spec_documents_fini(&documents);
        mem_free(text);
    }
    free_names(paths, count);
}

static void check_shuffles(struct prng *prng, json_t *json)
{
    struct spec_object object;
    struct spec_issues issues;
    ck_assert_int_eq(spec_load_json(json, NULL, &object, &issues), 0);
    spec_issues_fini(&issues);
    check_laws(&object);
    for (int i = 0; i < ROUNDS_COUNT / 4; i++) {
        struct spec_object other;
        json_t *copy = shuffled(prng, json);
        ck_assert_int_eq(spec_load_json(copy, NULL, &other, &issues), 0);
        ck_assert_str_eq(other.canonical, object.canonical);
        spec_issues_fini(&issues);
        spec_object_fini(&other);
        json_decref(copy);
    }
    spec_object_fini(&object);
}

START_TEST(the_order_of_keys_means_nothing)
{
    for_each_document(check_shuffles);
}
END_TEST

/* --- mutations --- */

static json_t *random_value(struct prng *prng)
{
    static const char *const texts[] = {
        "",    "a", "0",     "1",      "-1",  "100%", "25%",   "1Gi",       "10m", "http",
        "a b", "/", "/x/..", "Always", "ALL", "1e9",  "Never", "192.0.2.1", "yes", "a.b/c"};
    switch (prng_below(prng, 9)) {
    case 0:
        return json_null();
    case 1:
        return json_true();
    case 2:
        return json_false();
    case 3:
        return json_integer((json_int_t)prng_below(prng, 100));
    case 4:
        return json_integer((json_int_t)prng_next(prng));
    case 5:
        return json_real((double)prng_below(prng, 1000) / 8);
    case 6:
        return json_object();
    case 7:
        return json_array();
    default:
        return json_string(texts[prng_below(prng, sizeof(texts) / sizeof(texts[0]))]);
    }
}

/* Changes one thing somewhere in it. */
static void mutate(struct prng *prng, json_t *json)
{
    size_t count = json_is_object(json) ? json_object_size(json) : json_array_size(json);
    if (count == 0)
        return;
    size_t pick = prng_below(prng, count);
    json_t *child;
    void *at = NULL;
    if (json_is_object(json)) {
        at = json_object_iter(json);
        for (size_t i = 0; i < pick; i++)
            at = json_object_iter_next(json, at);
        child = json_object_iter_value(at);
    } else {
        child = json_array_get(json, pick);
    }
    if ((json_is_object(child) || json_is_array(child)) && prng_chance_ppm(prng, 900000)) {
        mutate(prng, child);
        return;
    }
    bool replace = prng_chance_ppm(prng, 500000);
    if (json_is_array(json)) {
        if (replace)
            json_array_set_new(json, pick, random_value(prng));
        else
            json_array_append_new(json, json_deep_copy(child));
    } else if (replace) {
        json_object_iter_set_new(json, at, random_value(prng));
    } else {
        char *key = mem_strdup(json_object_iter_key(at));
        json_object_del(json, key);
        mem_free(key);
    }
}

static size_t accepted_count, refused_count;

static void check_mutations(struct prng *prng, json_t *json)
{
    for (int i = 0; i < ROUNDS_COUNT; i++) {
        json_t *copy = json_deep_copy(json);
        do
            mutate(prng, copy);
        while (prng_chance_ppm(prng, 200000));
        struct spec_object object;
        struct spec_issues issues;
        if (spec_load_json(copy, NULL, &object, &issues) == 0) {
            accepted_count++;
            ck_assert_uint_eq(issues.errors_count, 0);
            check_laws(&object);
            spec_object_fini(&object);
        } else {
            refused_count++;
            ck_assert_uint_gt(issues.errors_count, 0);
            ck_assert_uint_gt(issues.count, 0);
        }
        spec_issues_fini(&issues);
        json_decref(copy);
    }
}

START_TEST(whatever_loads_obeys_the_laws)
{
    for (int i = 0; i < 4; i++)
        for_each_document(check_mutations);
    /* Else the test would say nothing about one of the two. */
    ck_assert_uint_gt(accepted_count, 150);
    ck_assert_uint_gt(refused_count, 300);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("spec/property");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 110);
    tcase_add_test(tcase, the_order_of_keys_means_nothing);
    tcase_add_test(tcase, whatever_loads_obeys_the_laws);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
