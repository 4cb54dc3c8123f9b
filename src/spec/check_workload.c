/* What Kubernetes says about whole objects: metadata, Deployments, Namespaces. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "decode.h"
#include "json.h"
#include "names.h"

#define ANNOTATIONS_BYTES_MAX ((size_t)256 << 10) /* Kubernetes' TotalAnnotationSizeLimitB */

void spec_check_meta(struct spec_checker *checker, json_t *object, const struct spec_path *path)
{
    const char *name = spec_json_text(object, "name");
    if (checker->kind == SPEC_KIND_NAMESPACE && name != NULL &&
        !spec_format_fits(SPEC_FORMAT_LABEL_NAME, name))
        spec_check_report(checker, SPEC_PATH_KEY(path, "name"), SPEC_REASON_INVALID,
                          "'%.*s' is not valid: must be %s", SPEC_SHOWN_CHARS_MAX, name,
                          spec_format_expected(SPEC_FORMAT_LABEL_NAME));
    size_t total_bytes = 0;
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(object, "annotations"), key, value) total_bytes +=
        strlen(key) + json_string_length(value);
    if (total_bytes > ANNOTATIONS_BYTES_MAX)
        spec_check_report(checker, SPEC_PATH_KEY(path, "annotations"), SPEC_REASON_TOO_LONG,
                          "%zu bytes in all; at most %zu", total_bytes, ANNOTATIONS_BYTES_MAX);
}

/* --- selectors --- */

void spec_check_selector_expression(struct spec_checker *checker, json_t *object,
                                    const struct spec_path *path)
{
    const char *operator= spec_json_text(object, "operator");
    size_t values_count = json_array_size(json_object_get(object, "values"));
    if (operator== NULL)
        return;
    bool wants_values = strcmp(operator, "In") == 0 || strcmp(operator, "NotIn") == 0;
    if (wants_values && values_count == 0 && spec_check_clean(checker))
        spec_check_report(checker, SPEC_PATH_KEY(path, "values"), SPEC_REASON_REQUIRED,
                          "is required when operator is In or NotIn");
    else if (!wants_values && values_count > 0)
        spec_check_report(checker, SPEC_PATH_KEY(path, "values"), SPEC_REASON_FORBIDDEN,
                          "not when operator is Exists or DoesNotExist");
}

/* The first label that is wanted but not there, for the message; "" when it is an expression that
 * fails. */
static void describe_mismatch(const struct spec_selector *selector, const struct spec_pairs *labels,
                              struct buf *text)
{
    for (size_t i = 0; i < selector->match_labels.count; i++) {
        const struct spec_pair *wanted = &selector->match_labels.items[i];
        const char *value = spec_pairs_get(labels, wanted->key);
        if (value == NULL || strcmp(value, wanted->value) != 0) {
            buf_printf(text, ", which wants %s: %s", wanted->key, wanted->value);
            return;
        }
    }
}

static void check_selection(struct spec_checker *checker, const json_t *object,
                            const struct spec_path *path)
{
    const json_t *template = json_object_get(object, "template");
    struct spec_decoder decoder = {.wrong = ""};
    struct spec_selector selector = spec_decode_selector(&decoder, object, "selector");
    struct spec_pairs labels =
        spec_decode_pairs(&decoder, json_object_get(template, "metadata"), "labels");
    if (decoder.wrong[0] == '\0' && !spec_selector_matches(&selector, &labels)) {
        struct buf detail;
        buf_init(&detail, 1024);
        describe_mismatch(&selector, &labels, &detail);
        const struct spec_path *meta = SPEC_PATH_KEY(SPEC_PATH_KEY(path, "template"), "metadata");
        spec_check_report(checker, SPEC_PATH_KEY(meta, "labels"), SPEC_REASON_INVALID,
                          "do not match spec.selector%s", buf_text(&detail));
        buf_fini(&detail);
    }
    spec_arena_free(decoder.arena.chunks);
}

/* --- Deployments --- */

void spec_check_deployment_spec(struct spec_checker *checker, json_t *object,
                                const struct spec_path *path)
{
    if (json_object_get(object, "selector") != NULL &&
        json_object_get(object, "template") != NULL && spec_check_clean(checker))
        check_selection(checker, object, path);
    const struct spec_path *pod = SPEC_PATH_KEY(SPEC_PATH_KEY(path, "template"), "spec");
    const char *restart = spec_json_text(
        json_object_get(json_object_get(object, "template"), "spec"), "restartPolicy");
    if (restart != NULL && strcmp(restart, "Always") != 0)
        spec_check_report(checker, SPEC_PATH_KEY(pod, "restartPolicy"), SPEC_REASON_NOT_SUPPORTED,
                          "must be Always in a Deployment, whose pods run for ever");
    json_int_t deadline = json_integer_value(json_object_get(object, "progressDeadlineSeconds"));
    json_int_t ready = json_integer_value(json_object_get(object, "minReadySeconds"));
    if (deadline <= ready)
        spec_check_report(
            checker, SPEC_PATH_KEY(path, "progressDeadlineSeconds"), SPEC_REASON_INVALID,
            "must be more than minReadySeconds, which is %" JSON_INTEGER_FORMAT, ready);
}

void spec_check_strategy(struct spec_checker *checker, json_t *object, const struct spec_path *path)
{
    const char *type = spec_json_text(object, "type");
    bool recreate = type != NULL && strcmp(type, "Recreate") == 0;
    const json_t *rolling = json_object_get(object, "rollingUpdate");
    if (recreate && rolling != NULL)
        spec_check_report(checker, SPEC_PATH_KEY(path, "rollingUpdate"), SPEC_REASON_FORBIDDEN,
                          "not when type is Recreate");
    else if (!recreate && rolling == NULL)
        spec_json_put(object, "rollingUpdate",
                      json_pack("{ssss}", "maxSurge", "25%", "maxUnavailable", "25%"));
}

/* 0 and "0%" */
static bool is_nothing(const json_t *share)
{
    const char *text = json_string_value(share);
    return text != NULL ? text[strspn(text, "0")] == '%'
                        : json_is_integer(share) && json_integer_value(share) == 0;
}

void spec_check_rolling_update(struct spec_checker *checker, json_t *object,
                               const struct spec_path *path)
{
    const json_t *unavailable = json_object_get(object, "maxUnavailable");
    const char *text = json_string_value(unavailable);
    if (text != NULL && strtol(text, NULL, 10) > 100)
        spec_check_report(checker, SPEC_PATH_KEY(path, "maxUnavailable"), SPEC_REASON_INVALID,
                          "must not be more than 100%%");
    if (is_nothing(unavailable) && is_nothing(json_object_get(object, "maxSurge")))
        spec_check_report(checker, SPEC_PATH_KEY(path, "maxUnavailable"), SPEC_REASON_INVALID,
                          "must not be 0 when maxSurge is 0: nothing could ever be replaced");
}

/* --- Namespaces --- */

void spec_check_namespace(struct spec_checker *checker, json_t *object,
                          const struct spec_path *path)
{
    (void)checker, (void)path;
    json_t *meta = json_object_get(object, "metadata");
    const char *name = spec_json_text(meta, "name");
    if (name == NULL)
        return;
    json_t *labels = json_object_get(meta, "labels");
    if (labels == NULL) {
        labels = spec_json_made(json_object());
        spec_json_put(meta, "labels", labels);
    }
    spec_json_put(labels, "kubernetes.io/metadata.name", json_string(name));
}
