/* apimachinery, meta/v1: ObjectMeta and label selectors. */
#include "schema.h"

static const struct spec_schema_field object_meta[] = {
    {.name = "name",
     .number = 1,
     .type = SPEC_TYPE_STRING,
     .format = SPEC_FORMAT_SUBDOMAIN,
     .required = true},
    {.name = "generateName",
     .number = 2,
     .type = SPEC_TYPE_STRING,
     .support = SPEC_REFUSED,
     .reason = "names are not generated; give metadata.name"},
    {.name = "namespace", .number = 3, .type = SPEC_TYPE_STRING, .format = SPEC_FORMAT_LABEL_NAME},
    {.name = "selfLink", .number = 4, .support = SPEC_SERVER},
    {.name = "uid", .number = 5, .support = SPEC_SERVER},
    {.name = "resourceVersion", .number = 6, .support = SPEC_SERVER},
    {.name = "generation", .number = 7, .support = SPEC_SERVER},
    {.name = "creationTimestamp", .number = 8, .support = SPEC_SERVER},
    {.name = "deletionTimestamp", .number = 9, .support = SPEC_SERVER},
    {.name = "deletionGracePeriodSeconds", .number = 10, .support = SPEC_SERVER},
    {.name = "labels",
     .number = 11,
     .type = SPEC_TYPE_STRING,
     .shape = SPEC_SHAPE_MAP,
     .key_format = SPEC_FORMAT_QUALIFIED,
     .format = SPEC_FORMAT_LABEL_VALUE},
    {.name = "annotations",
     .number = 12,
     .type = SPEC_TYPE_STRING,
     .shape = SPEC_SHAPE_MAP,
     .key_format = SPEC_FORMAT_ANNOTATION},
    {.name = "ownerReferences",
     .number = 13,
     .shape = SPEC_SHAPE_LIST,
     .support = SPEC_REFUSED,
     .merge_key = "uid",
     .reason = "objects are not deleted along with an owner yet"},
    {.name = "finalizers",
     .number = 14,
     .type = SPEC_TYPE_STRING,
     .shape = SPEC_SHAPE_LIST,
     .support = SPEC_REFUSED,
     .reason = "deletion does not wait for finalizers yet"},
    {.name = "managedFields", .number = 17, .support = SPEC_SERVER},
};

const struct spec_schema_object spec_schema_object_meta = {
    "ObjectMeta", object_meta, SPEC_COUNT(object_meta), spec_check_meta};

#define NAMED_BY_OWNER "the pods are named after the object that makes them"

static const struct spec_schema_field template_meta[] = {
    {.name = "name",
     .number = 1,
     .type = SPEC_TYPE_STRING,
     .support = SPEC_IGNORED,
     .reason = NAMED_BY_OWNER},
    {.name = "generateName",
     .number = 2,
     .type = SPEC_TYPE_STRING,
     .support = SPEC_IGNORED,
     .reason = NAMED_BY_OWNER},
    {.name = "namespace",
     .number = 3,
     .type = SPEC_TYPE_STRING,
     .support = SPEC_IGNORED,
     .reason = "the pods live in the namespace of the object that makes them"},
    {.name = "selfLink", .number = 4, .support = SPEC_SERVER},
    {.name = "uid", .number = 5, .support = SPEC_SERVER},
    {.name = "resourceVersion", .number = 6, .support = SPEC_SERVER},
    {.name = "generation", .number = 7, .support = SPEC_SERVER},
    {.name = "creationTimestamp", .number = 8, .support = SPEC_SERVER},
    {.name = "deletionTimestamp", .number = 9, .support = SPEC_SERVER},
    {.name = "deletionGracePeriodSeconds", .number = 10, .support = SPEC_SERVER},
    {.name = "labels",
     .number = 11,
     .type = SPEC_TYPE_STRING,
     .shape = SPEC_SHAPE_MAP,
     .key_format = SPEC_FORMAT_QUALIFIED,
     .format = SPEC_FORMAT_LABEL_VALUE},
    {.name = "annotations",
     .number = 12,
     .type = SPEC_TYPE_STRING,
     .shape = SPEC_SHAPE_MAP,
     .key_format = SPEC_FORMAT_ANNOTATION},
    {.name = "ownerReferences",
     .number = 13,
     .shape = SPEC_SHAPE_LIST,
     .support = SPEC_REFUSED,
     .merge_key = "uid",
     .reason = "a template has no owner"},
    {.name = "finalizers",
     .number = 14,
     .type = SPEC_TYPE_STRING,
     .shape = SPEC_SHAPE_LIST,
     .support = SPEC_REFUSED,
     .reason = "deletion does not wait for finalizers yet"},
    {.name = "managedFields", .number = 17, .support = SPEC_SERVER},
};

const struct spec_schema_object spec_schema_template_meta = {
    "ObjectMeta", template_meta, SPEC_COUNT(template_meta), spec_check_meta};

static const char *const selector_operators[] = {"In", "NotIn", "Exists", "DoesNotExist", NULL};

static const struct spec_schema_field selector_requirement[] = {
    {.name = "key",
     .number = 1,
     .type = SPEC_TYPE_STRING,
     .format = SPEC_FORMAT_QUALIFIED,
     .required = true},
    {.name = "operator",
     .number = 2,
     .type = SPEC_TYPE_STRING,
     .values = selector_operators,
     .required = true},
    {.name = "values",
     .number = 3,
     .type = SPEC_TYPE_STRING,
     .shape = SPEC_SHAPE_LIST,
     .format = SPEC_FORMAT_LABEL_VALUE},
};

static const struct spec_schema_object schema_selector_requirement = {
    "LabelSelectorRequirement", selector_requirement, SPEC_COUNT(selector_requirement),
    spec_check_selector_expression};

static const struct spec_schema_field label_selector[] = {
    {.name = "matchLabels",
     .number = 1,
     .type = SPEC_TYPE_STRING,
     .shape = SPEC_SHAPE_MAP,
     .key_format = SPEC_FORMAT_QUALIFIED,
     .format = SPEC_FORMAT_LABEL_VALUE},
    {.name = "matchExpressions",
     .number = 2,
     .type = SPEC_TYPE_OBJECT,
     .shape = SPEC_SHAPE_LIST,
     .object = &schema_selector_requirement,
     .items_max = 100},
};

const struct spec_schema_object spec_schema_label_selector = {"LabelSelector", label_selector,
                                                              SPEC_COUNT(label_selector), NULL};
