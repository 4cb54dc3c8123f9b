#include "spec/load.h"

#include <stdarg.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "check.h"
#include "document.h"
#include "json.h"
#include "names.h"
#include "spec/canonical.h"
#include "spec/nearest.h"

/* --- which kind --- */

/* Kinds that are not mistakes, only not here. */
static const char *const foreign_kinds[] = {"ClusterRole",
                                            "ClusterRoleBinding",
                                            "ConfigMap",
                                            "ControllerRevision",
                                            "CronJob",
                                            "CustomResourceDefinition",
                                            "DaemonSet",
                                            "EndpointSlice",
                                            "Endpoints",
                                            "HorizontalPodAutoscaler",
                                            "Ingress",
                                            "IngressClass",
                                            "Job",
                                            "Lease",
                                            "LimitRange",
                                            "NetworkPolicy",
                                            "PersistentVolume",
                                            "PersistentVolumeClaim",
                                            "PodDisruptionBudget",
                                            "PodTemplate",
                                            "PriorityClass",
                                            "ReplicaSet",
                                            "ReplicationController",
                                            "ResourceQuota",
                                            "Role",
                                            "RoleBinding",
                                            "RuntimeClass",
                                            "Secret",
                                            "Service",
                                            "ServiceAccount",
                                            "StatefulSet",
                                            "StorageClass"};

#define SERVED_KINDS "Deployment, Namespace and Pod"

static void report_kind(struct spec_checker *checker, const char *kind,
                        const struct spec_path *path)
{
    for (size_t i = 0; i < SPEC_COUNT(foreign_kinds); i++) {
        if (strcmp(foreign_kinds[i], kind) == 0) {
            spec_check_report(checker, path, SPEC_REASON_NOT_SUPPORTED,
                              "%s is not offered yet; there are " SERVED_KINDS, kind);
            return;
        }
    }
    struct spec_nearest nearest;
    spec_nearest_init(&nearest, kind);
    for (int i = 0; i < SPEC_KINDS_COUNT; i++)
        if (spec_kind_info((enum spec_kind)i)->writable)
            spec_nearest_offer(&nearest, spec_kind_info((enum spec_kind)i)->name);
    if (nearest.best != NULL)
        spec_check_report(checker, path, SPEC_REASON_NOT_SUPPORTED,
                          "unknown kind '%.*s'; did you mean %s?", SPEC_SHOWN_CHARS_MAX, kind,
                          nearest.best);
    else
        spec_check_report(checker, path, SPEC_REASON_NOT_SUPPORTED,
                          "unknown kind '%.*s'; there are " SERVED_KINDS, SPEC_SHOWN_CHARS_MAX,
                          kind);
}

static const struct spec_kind_info *kind_by_name(const char *kind)
{
    for (int i = 0; i < SPEC_KINDS_COUNT; i++)
        if (strcmp(spec_kind_info((enum spec_kind)i)->name, kind) == 0)
            return spec_kind_info((enum spec_kind)i);
    return NULL;
}

/* One of the two fields without which nothing else can be read. */
static const char *type_field(struct spec_checker *checker, json_t *json, const char *key,
                              const char *example)
{
    const json_t *value = json_object_get(json, key);
    const struct spec_path *path = SPEC_PATH_KEY(SPEC_PATH_ROOT, key);
    const char *text = json_string_value(value);
    if (value == NULL || json_is_null(value) || (text != NULL && text[0] == '\0')) {
        spec_check_report(checker, path, SPEC_REASON_REQUIRED, "is required, for example %s",
                          example);
        return NULL;
    }
    if (text == NULL)
        spec_check_report(checker, path, SPEC_REASON_TYPE_INVALID, "must be text, not %s",
                          spec_json_type_name(value));
    return text;
}

/* NULL: reported. */
static const struct spec_kind_info *kind_of(struct spec_checker *checker, json_t *json)
{
    const char *kind = type_field(checker, json, "kind", "Deployment");
    const struct spec_kind_info *info = kind != NULL ? kind_by_name(kind) : NULL;
    const char *api_version =
        type_field(checker, json, "apiVersion", info != NULL ? info->api_version : "apps/v1");
    const struct spec_path *kind_path = SPEC_PATH_KEY(SPEC_PATH_ROOT, "kind");
    if (kind == NULL)
        return NULL;
    if (info == NULL) {
        report_kind(checker, kind, kind_path);
        return NULL;
    }
    if (!info->writable) {
        spec_check_report(checker, kind_path, SPEC_REASON_FORBIDDEN,
                          "a %s is made by the cluster and cannot be given", kind);
        return NULL;
    }
    if (api_version != NULL && strcmp(api_version, info->api_version) != 0) {
        spec_check_report(checker, SPEC_PATH_KEY(SPEC_PATH_ROOT, "apiVersion"),
                          SPEC_REASON_NOT_SUPPORTED, "'%.*s' is not served for a %s; write %s",
                          SPEC_SHOWN_CHARS_MAX, api_version, kind, info->api_version);
        return NULL;
    }
    return api_version != NULL ? info : NULL;
}

/* --- one document --- */

static void settle_namespace(struct spec_checker *checker, const struct spec_kind_info *info,
                             json_t *object, const char *namespace_default)
{
    json_t *meta = json_object_get(object, "metadata");
    const struct spec_path *path =
        SPEC_PATH_KEY(SPEC_PATH_KEY(SPEC_PATH_ROOT, "metadata"), "namespace");
    if (meta == NULL)
        return;
    bool given = json_object_get(meta, "namespace") != NULL;
    if (!info->namespaced && given) {
        spec_check_warn(checker, path, "ignored: a %s belongs to no namespace", info->name);
        json_object_del(meta, "namespace");
    } else if (info->namespaced && !given) {
        if (spec_format_fits(SPEC_FORMAT_LABEL_NAME, namespace_default))
            spec_json_put(meta, "namespace", json_string(namespace_default));
        else
            spec_check_report(checker, path, SPEC_REASON_INVALID, "'%.*s' is not valid: must be %s",
                              SPEC_SHOWN_CHARS_MAX, namespace_default,
                              spec_format_expected(SPEC_FORMAT_LABEL_NAME));
    }
}

static void finish(struct spec_checker *checker, const struct spec_kind_info *info, json_t *object,
                   struct spec_object *ret_object)
{
    const json_t *meta = json_object_get(object, "metadata");
    struct spec_object made = {.canonical = NULL};
    bool named = spec_key_set(&made.key, info->kind, spec_json_text(meta, "namespace"),
                              spec_json_text(meta, "name"));
    ASSERT(named);
    made.canonical = spec_json_dump(object, &made.size_bytes);
    if (made.size_bytes > SPEC_OBJECT_BYTES_MAX) {
        spec_check_report(checker, SPEC_PATH_ROOT, SPEC_REASON_TOO_LONG,
                          "%zu bytes; an object has at most %zu", made.size_bytes,
                          SPEC_OBJECT_BYTES_MAX);
        mem_free(made.canonical);
        return;
    }
    if (checker->documents != NULL)
        made.position =
            spec_documents_locate(checker->documents, checker->document, SPEC_PATH_ROOT);
    *ret_object = made;
}

/* True and an object, or false and issues. */
static bool check_document(struct spec_checker *checker, json_t *json,
                           const char *namespace_default, struct spec_object *ret_object)
{
    if (!json_is_object(json)) {
        spec_check_report(checker, SPEC_PATH_ROOT, SPEC_REASON_DOCUMENT,
                          "a document is a map with apiVersion, kind and metadata, not %s",
                          spec_json_type_name(json));
        return false;
    }
    const struct spec_kind_info *info = kind_of(checker, json);
    if (info == NULL)
        return false;
    checker->kind = info->kind;
    json_t *object = spec_check_object(checker, spec_schema_root(info->kind), json, SPEC_PATH_ROOT);
    settle_namespace(checker, info, object, namespace_default);
    if (checker->errors_count == 0)
        finish(checker, info, object, ret_object);
    json_decref(object);
    return checker->errors_count == 0;
}

int spec_load_json(json_t *json, const char *namespace_default, struct spec_object *ret_object,
                   struct spec_issues *ret_issues)
{
    spec_json_prepare();
    *ret_issues = (struct spec_issues){.items = NULL};
    struct spec_checker checker;
    spec_checker_init(&checker, NULL, NULL, 0, ret_issues);
    struct spec_object object;
    if (!check_document(&checker, json,
                        namespace_default != NULL ? namespace_default : SPEC_NAMESPACE_DEFAULT,
                        &object))
        return -1;
    *ret_object = object;
    return 0;
}

int spec_canonicalize(json_t *json, char **ret_text, size_t *ret_size_bytes, struct error *error)
{
    struct spec_object object;
    struct spec_issues issues;
    int result = spec_load_json(json, NULL, &object, &issues);
    for (size_t i = 0; result != 0 && i < issues.count; i++) {
        if (issues.items[i].warning)
            continue;
        struct buf text;
        buf_init(&text, 8192);
        spec_issue_format(&issues.items[i], NULL, &text);
        error_set(error, ERROR_INVALID, "%s", buf_text(&text));
        buf_fini(&text);
        break;
    }
    if (result == 0) {
        *ret_text = object.canonical;
        *ret_size_bytes = object.size_bytes;
    }
    spec_issues_fini(&issues);
    return result;
}

/* --- a whole file --- */

static void add_file_issue(struct spec_issues *issues, struct spec_position position,
                           const char *format, ...) __attribute__((format(printf, 3, 4)));

static void add_file_issue(struct spec_issues *issues, struct spec_position position,
                           const char *format, ...)
{
    struct spec_issue issue = {.reason = SPEC_REASON_DOCUMENT, .position = position};
    va_list arguments;
    va_start(arguments, format);
    spec_issues_add(issues, &issue, "", format, arguments);
    va_end(arguments);
}

/* Reports the object when an earlier document of the file has the same key. */
static bool is_repeated(struct spec_checker *checker, const struct spec_objects *objects,
                        const struct spec_object *object)
{
    for (size_t i = 0; i < objects->count; i++) {
        if (memcmp(&objects->items[i].key, &object->key, sizeof(object->key)) != 0)
            continue;
        spec_check_report(checker, SPEC_PATH_KEY(SPEC_PATH_KEY(SPEC_PATH_ROOT, "metadata"), "name"),
                          SPEC_REASON_DUPLICATE, "the same %s '%s' is in line %u already",
                          spec_kind_info(object->key.kind)->name, object->key.name,
                          objects->items[i].position.line);
        return true;
    }
    return false;
}

static void load_all(const struct spec_documents *documents, const char *namespace_default,
                     struct spec_objects *objects, struct spec_issues *issues)
{
    for (size_t i = 0; i < documents->count; i++) {
        struct spec_checker checker;
        struct spec_object object;
        spec_checker_init(&checker, documents, &documents->items[i], i, issues);
        bool good = check_document(&checker, documents->items[i].json, namespace_default, &object);
        if (good && is_repeated(&checker, objects, &object)) {
            spec_object_fini(&object);
        } else if (good) {
            MEM_GROW(objects->items, objects->count, objects->capacity);
            objects->items[objects->count++] = object;
        }
        spec_checker_finish(&checker);
    }
}

int spec_load(const void *text, size_t size_bytes, const char *namespace_default,
              const struct spec_limits *limits, struct spec_objects *ret_objects,
              struct spec_issues *ret_issues)
{
    const struct spec_limits usual = SPEC_LIMITS_DEFAULT;
    *ret_objects = (struct spec_objects){.items = NULL};
    *ret_issues = (struct spec_issues){.items = NULL};
    struct spec_documents documents;
    struct spec_position position;
    struct error error = ERROR_INIT;
    if (spec_documents_read(text, size_bytes, limits != NULL ? limits : &usual, &documents,
                            &position, &error) != 0) {
        add_file_issue(ret_issues, position, "%s", error.message);
        return -1;
    }
    if (documents.count == 0)
        add_file_issue(ret_issues, position, "nothing in it");
    load_all(&documents, namespace_default != NULL ? namespace_default : SPEC_NAMESPACE_DEFAULT,
             ret_objects, ret_issues);
    spec_documents_fini(&documents);
    if (ret_issues->errors_count == 0)
        return 0;
    spec_objects_fini(ret_objects);
    return -1;
}

void spec_object_fini(struct spec_object *object)
{
    mem_free(object->canonical);
    *object = (struct spec_object){.canonical = NULL};
}

void spec_objects_fini(struct spec_objects *objects)
{
    for (size_t i = 0; i < objects->count; i++)
        spec_object_fini(&objects->items[i]);
    mem_free(objects->items);
    *objects = (struct spec_objects){.items = NULL};
}
