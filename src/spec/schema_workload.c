/* The documents themselves: core/v1 Pod and Namespace, apps/v1 Deployment. */
#include <string.h>

#include "schema.h"
#include "spec/workload.h"

#define SECONDS_MAX 2147483647

static const char *const strategy_types[] = {"RollingUpdate", "Recreate", NULL};

#define TYPE_META                                                                                  \
    {.name = "apiVersion", .type = SPEC_TYPE_STRING, .required = true},                            \
    {                                                                                              \
        .name = "kind", .type = SPEC_TYPE_STRING, .required = true                                 \
    }

static const struct spec_schema_field pod[] = {
    TYPE_META,
    {.name = "metadata",
     .number = 1,
     .type = SPEC_TYPE_OBJECT,
     .object = &spec_schema_object_meta,
     .fallback = "{}"},
    {.name = "spec",
     .number = 2,
     .type = SPEC_TYPE_OBJECT,
     .object = &spec_schema_pod_spec,
     .required = true},
    {.name = "status", .number = 3, .support = SPEC_SERVER},
};

const struct spec_schema_object spec_schema_pod = {"Pod", pod, SPEC_COUNT(pod), spec_check_pod};

static const struct spec_schema_field pod_template[] = {
    {.name = "metadata",
     .number = 1,
     .type = SPEC_TYPE_OBJECT,
     .object = &spec_schema_template_meta},
    {.name = "spec",
     .number = 2,
     .type = SPEC_TYPE_OBJECT,
     .object = &spec_schema_pod_spec,
     .required = true},
};

static const struct spec_schema_object schema_pod_template = {"PodTemplateSpec", pod_template,
                                                              SPEC_COUNT(pod_template), NULL};

static const struct spec_schema_field rolling_update[] = {
    {.name = "maxUnavailable",
     .number = 1,
     .type = SPEC_TYPE_INT_OR_STRING,
     .format = SPEC_FORMAT_PERCENT,
     .keep_zero = true,
     .fallback = "25%"},
    {.name = "maxSurge",
     .number = 2,
     .type = SPEC_TYPE_INT_OR_STRING,
     .format = SPEC_FORMAT_PERCENT,
     .keep_zero = true,
     .fallback = "25%"},
};

static const struct spec_schema_object schema_rolling_update = {
    "RollingUpdateDeployment", rolling_update, SPEC_COUNT(rolling_update),
    spec_check_rolling_update};

static const struct spec_schema_field strategy[] = {
    {.name = "type",
     .number = 1,
     .type = SPEC_TYPE_STRING,
     .values = strategy_types,
     .fallback = "RollingUpdate"},
    {.name = "rollingUpdate",
     .number = 2,
     .type = SPEC_TYPE_OBJECT,
     .object = &schema_rolling_update},
};

static const struct spec_schema_object schema_strategy = {
    "DeploymentStrategy", strategy, SPEC_COUNT(strategy), spec_check_strategy};

static const struct spec_schema_field deployment_spec[] = {
    {.name = "replicas",
     .number = 1,
     .type = SPEC_TYPE_INT,
     .keep_zero = true,
     .min = 0,
     .max = SPEC_REPLICAS_MAX,
     .fallback = "1"},
    {.name = "selector",
     .number = 2,
     .type = SPEC_TYPE_OBJECT,
     .object = &spec_schema_label_selector,
     .required = true},
    {.name = "template",
     .number = 3,
     .type = SPEC_TYPE_OBJECT,
     .object = &schema_pod_template,
     .required = true},
    {.name = "strategy",
     .number = 4,
     .type = SPEC_TYPE_OBJECT,
     .object = &schema_strategy,
     .fallback = "{}"},
    {.name = "minReadySeconds", .number = 5, .type = SPEC_TYPE_INT, .min = 0, .max = SECONDS_MAX},
    {.name = "revisionHistoryLimit",
     .number = 6,
     .type = SPEC_TYPE_INT,
     .keep_zero = true,
     .min = 0,
     .max = SECONDS_MAX,
     .fallback = "10"},
    {.name = "paused", .number = 7, .type = SPEC_TYPE_BOOL},
    {.name = "progressDeadlineSeconds",
     .number = 9,
     .type = SPEC_TYPE_INT,
     .keep_zero = true,
     .min = 0,
     .max = SECONDS_MAX,
     .fallback = "600"},
};

static const struct spec_schema_object schema_deployment_spec = {
    "DeploymentSpec", deployment_spec, SPEC_COUNT(deployment_spec), spec_check_deployment_spec};

static const struct spec_schema_field deployment[] = {
    TYPE_META,
    {.name = "metadata",
     .number = 1,
     .type = SPEC_TYPE_OBJECT,
     .object = &spec_schema_object_meta,
     .fallback = "{}"},
    {.name = "spec",
     .number = 2,
     .type = SPEC_TYPE_OBJECT,
     .object = &schema_deployment_spec,
     .required = true},
    {.name = "status", .number = 3, .support = SPEC_SERVER},
};

const struct spec_schema_object spec_schema_deployment = {"Deployment", deployment,
                                                          SPEC_COUNT(deployment), NULL};

static const struct spec_schema_field namespace_spec[] = {
    {.name = "finalizers", .number = 1, .shape = SPEC_SHAPE_LIST, .support = SPEC_SERVER},
};

static const struct spec_schema_object schema_namespace_spec = {"NamespaceSpec", namespace_spec,
                                                                SPEC_COUNT(namespace_spec), NULL};

static const struct spec_schema_field namespace_fields[] = {
    TYPE_META,
    {.name = "metadata",
     .number = 1,
     .type = SPEC_TYPE_OBJECT,
     .object = &spec_schema_object_meta,
     .fallback = "{}"},
    {.name = "spec", .number = 2, .type = SPEC_TYPE_OBJECT, .object = &schema_namespace_spec},
    {.name = "status", .number = 3, .support = SPEC_SERVER},
};

const struct spec_schema_object spec_schema_namespace = {
    "Namespace", namespace_fields, SPEC_COUNT(namespace_fields), spec_check_namespace};

const struct spec_schema_object *spec_schema_root(enum spec_kind kind)
{
    switch (kind) {
    case SPEC_KIND_POD:
        return &spec_schema_pod;
    case SPEC_KIND_DEPLOYMENT:
        return &spec_schema_deployment;
    case SPEC_KIND_NAMESPACE:
        return &spec_schema_namespace;
    case SPEC_KIND_NODE:
    case SPEC_KIND_EVENT:
    case SPEC_KINDS_COUNT:
        break;
    }
    return NULL;
}

const struct spec_schema_field *spec_schema_find(const struct spec_schema_object *object,
                                                 const char *name)
{
    for (size_t i = 0; i < object->fields_count; i++)
        if (strcmp(object->fields[i].name, name) == 0)
            return &object->fields[i];
    return NULL;
}
