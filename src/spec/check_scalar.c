/* Texts, numbers, quantities: one value at a time. A complaint says what would be right. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "json.h"
#include "names.h"
#include "spec/nearest.h"
#include "spec/quantity.h"

const char *spec_number_text(const json_t *json, char text[static 40])
{
    if (json_is_integer(json)) {
        snprintf(text, 40, "%" JSON_INTEGER_FORMAT, json_integer_value(json));
        return text;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, 40, "%.*g", digits, json_real_value(json));
        if (strtod(text, NULL) == json_real_value(json))
            break;
    }
    return text;
}

/* --- texts --- */

static void report_not_text(struct spec_checker *checker, const json_t *json,
                            const struct spec_path *path)
{
    char number[40];
    if (json_is_boolean(json))
        spec_check_report(checker, path, SPEC_REASON_TYPE_INVALID,
                          "must be text; YAML reads true, false, yes, no, on, off, y and n as "
                          "true or false, so write it in quotes");
    else if (json_is_number(json))
        spec_check_report(checker, path, SPEC_REASON_TYPE_INVALID,
                          "must be text, not a number; write \"%s\" in quotes",
                          spec_number_text(json, number));
    else
        spec_check_report(checker, path, SPEC_REASON_TYPE_INVALID, "must be text, not %s",
                          spec_json_type_name(json));
}

static void report_choice(struct spec_checker *checker, const char *const *values, const char *text,
                          const struct spec_path *path)
{
    struct buf all;
    buf_init(&all, 1024);
    struct spec_nearest nearest;
    spec_nearest_init(&nearest, text);
    for (size_t i = 0; values[i] != NULL; i++) {
        buf_printf(&all, "%s%s", i == 0 ? "" : values[i + 1] != NULL ? ", " : " or ", values[i]);
        spec_nearest_offer(&nearest, values[i]);
    }
    if (nearest.best != NULL)
        spec_check_report(checker, path, SPEC_REASON_NOT_SUPPORTED,
                          "'%.*s' is not one of %s; did you mean %s?", SPEC_SHOWN_CHARS_MAX, text,
                          buf_text(&all), nearest.best);
    else
        spec_check_report(checker, path, SPEC_REASON_NOT_SUPPORTED, "'%.*s' is not one of %s",
                          SPEC_SHOWN_CHARS_MAX, text, buf_text(&all));
    buf_fini(&all);
}

static bool listed(const char *const *values, const char *text)
{
    for (; *values != NULL; values++)
        if (strcmp(*values, text) == 0)
            return true;
    return false;
}

static void report_format(struct spec_checker *checker, enum spec_format format, const char *text,
                          const struct spec_path *path)
{
    const char *problem = format == SPEC_FORMAT_IMAGE ? spec_image_problem(text) : NULL;
    const char *near = format == SPEC_FORMAT_CAPABILITY ? spec_capability_suggest(text) : NULL;
    if (problem != NULL)
        spec_check_report(checker, path, SPEC_REASON_INVALID,
                          "'%.*s' is not an image reference: %s", SPEC_SHOWN_CHARS_MAX, text,
                          problem);
    else if (near != NULL)
        spec_check_report(checker, path, SPEC_REASON_NOT_SUPPORTED,
                          "'%.*s' is not a Linux capability; did you mean %s?",
                          SPEC_SHOWN_CHARS_MAX, text, near);
    else
        spec_check_report(checker, path, SPEC_REASON_INVALID, "'%.*s' is not valid: must be %s",
                          SPEC_SHOWN_CHARS_MAX, text, spec_format_expected(format));
}

/* "cap_net_admin" and "NET_ADMIN" mean the same. */
static json_t *capability_json(const char *text)
{
    char name[SPEC_WORD_CHARS_MAX + 1];
    size_t count = 0;
    for (const char *c = text; *c != '\0' && count < SPEC_WORD_CHARS_MAX; c++)
        name[count++] = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
    name[count] = '\0';
    return json_string(strncmp(name, "CAP_", 4) == 0 ? name + 4 : name);
}

static json_t *check_text(struct spec_checker *checker, const struct spec_schema_field *field,
                          json_t *json, const struct spec_path *path)
{
    const char *text = json_string_value(json);
    if (text == NULL) {
        report_not_text(checker, json, path);
        return NULL;
    }
    /* An empty text stands for none, which the caller handles; in lists and maps it is a value. */
    bool counts = text[0] != '\0' || field->shape != SPEC_SHAPE_SINGLE;
    if (counts && field->values != NULL && !listed(field->values, text)) {
        report_choice(checker, field->values, text, path);
        return NULL;
    }
    if (counts && !spec_format_fits(field->format, text)) {
        report_format(checker, field->format, text, path);
        return NULL;
    }
    if (counts && field->format == SPEC_FORMAT_CAPABILITY)
        return capability_json(text);
    return json_incref(json);
}

/* --- numbers and booleans --- */

static bool in_range(struct spec_checker *checker, const struct spec_schema_field *field,
                     json_int_t value, const struct spec_path *path)
{
    int64_t min = field->min, max = field->max;
    if (min == 0 && max == 0) {
        min = INT32_MIN;
        max = INT32_MAX;
    }
    if (value >= min && value <= max)
        return true;
    spec_check_report(checker, path, SPEC_REASON_INVALID,
                      "must be between %" PRId64 " and %" PRId64 ", not %" JSON_INTEGER_FORMAT, min,
                      max, value);
    return false;
}

static json_t *check_integer(struct spec_checker *checker, const struct spec_schema_field *field,
                             json_t *json, const struct spec_path *path)
{
    if (json_is_integer(json))
        return in_range(checker, field, json_integer_value(json), path) ? json_incref(json) : NULL;
    const char *text = json_string_value(json);
    char number[40];
    if (text != NULL && text[0] != '\0' && strspn(text, "0123456789") == strlen(text))
        spec_check_report(checker, path, SPEC_REASON_TYPE_INVALID,
                          "must be a whole number, not text; write %.*s without quotes",
                          SPEC_SHOWN_CHARS_MAX, text);
    else if (text != NULL)
        spec_check_report(checker, path, SPEC_REASON_TYPE_INVALID, "'%.*s' is not a whole number",
                          SPEC_SHOWN_CHARS_MAX, text);
    else if (json_is_real(json))
        spec_check_report(checker, path, SPEC_REASON_TYPE_INVALID, "%s is not a whole number",
                          spec_number_text(json, number));
    else
        spec_check_report(checker, path, SPEC_REASON_TYPE_INVALID, "must be a whole number, not %s",
                          spec_json_type_name(json));
    return NULL;
}

static json_t *check_boolean(struct spec_checker *checker, json_t *json,
                             const struct spec_path *path)
{
    if (json_is_boolean(json))
        return json_incref(json);
    const char *text = json_string_value(json);
    if (text != NULL && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0))
        spec_check_report(checker, path, SPEC_REASON_TYPE_INVALID,
                          "must be true or false, not text; write %s without quotes", text);
    else if (text != NULL)
        spec_check_report(checker, path, SPEC_REASON_TYPE_INVALID,
                          "must be true or false, not '%.*s'", SPEC_SHOWN_CHARS_MAX, text);
    else
        spec_check_report(checker, path, SPEC_REASON_TYPE_INVALID, "must be true or false, not %s",
                          spec_json_type_name(json));
    return NULL;
}

static json_t *check_int_or_string(struct spec_checker *checker,
                                   const struct spec_schema_field *field, json_t *json,
                                   const struct spec_path *path)
{
    const char *text = json_string_value(json);
    struct spec_schema_field number = *field;
    number.min = field->format == SPEC_FORMAT_PORT ? 1 : 0;
    number.max = field->format == SPEC_FORMAT_PORT ? 65535 : INT32_MAX;
    if (json_is_integer(json))
        return check_integer(checker, &number, json, path);
    if (text != NULL && spec_format_fits(field->format, text))
        return json_incref(json);
    if (text != NULL)
        report_format(checker, field->format, text, path);
    else
        spec_check_report(checker, path, SPEC_REASON_TYPE_INVALID, "must be %s, not %s",
                          spec_format_expected(field->format), spec_json_type_name(json));
    return NULL;
}

/* --- quantities --- */

static enum spec_quantity_verdict
parse_quantity(enum spec_resource_kind kind, const char *text,
               char canonical[static SPEC_QUANTITY_TEXT_BYTES_MAX])
{
    uint64_t value = 0;
    enum spec_quantity_verdict verdict =
        kind == SPEC_RESOURCE_CPU     ? spec_quantity_parse_milli(text, &value)
        : kind == SPEC_RESOURCE_BYTES ? spec_quantity_parse_whole(text, &value)
                                      : spec_quantity_parse_count(text, &value);
    if (verdict != SPEC_QUANTITY_OK)
        return verdict;
    if (kind == SPEC_RESOURCE_CPU)
        spec_quantity_format_milli(value, canonical);
    else if (kind == SPEC_RESOURCE_BYTES)
        spec_quantity_format_whole(value, canonical);
    else
        snprintf(canonical, SPEC_QUANTITY_TEXT_BYTES_MAX, "%" PRIu64, value);
    return verdict;
}

static const char *quantity_example(enum spec_resource_kind kind)
{
    return kind == SPEC_RESOURCE_CPU     ? "2, 500m or 0.5"
           : kind == SPEC_RESOURCE_BYTES ? "64Mi, 1.5Gi or 500M"
                                         : "1 or 2";
}

static void report_quantity(struct spec_checker *checker, enum spec_resource_kind kind,
                            enum spec_quantity_verdict verdict, const char *text,
                            const struct spec_path *path)
{
    size_t digits = strspn(text, "0123456789");
    if (verdict == SPEC_QUANTITY_NEGATIVE)
        spec_check_report(checker, path, SPEC_REASON_INVALID, "must not be negative");
    else if (verdict == SPEC_QUANTITY_TOO_LARGE)
        spec_check_report(checker, path, SPEC_REASON_INVALID, "'%.*s' is more than there can be",
                          SPEC_SHOWN_CHARS_MAX, text);
    else if (verdict == SPEC_QUANTITY_FRACTION && kind == SPEC_RESOURCE_COUNT)
        spec_check_report(checker, path, SPEC_REASON_INVALID,
                          "'%.*s' is not whole; devices are given whole", SPEC_SHOWN_CHARS_MAX,
                          text);
    else if (verdict == SPEC_QUANTITY_FRACTION && strcmp(text + digits, "m") == 0)
        spec_check_report(checker, path, SPEC_REASON_INVALID,
                          "'%s' is thousandths of a byte; did you mean %.*sM or %.*sMi?", text,
                          (int)digits, text, (int)digits, text);
    else if (verdict == SPEC_QUANTITY_FRACTION)
        spec_check_report(checker, path, SPEC_REASON_INVALID,
                          "'%.*s' is less than a byte; write for example %s", SPEC_SHOWN_CHARS_MAX,
                          text, quantity_example(kind));
    else
        spec_check_report(checker, path, SPEC_REASON_INVALID, "'%.*s' is not a quantity; write %s",
                          SPEC_SHOWN_CHARS_MAX, text, quantity_example(kind));
}

static json_t *check_quantity(struct spec_checker *checker, json_t *json,
                              const struct spec_path *path)
{
    enum spec_resource_kind kind =
        path->map_key ? spec_resource_kind(path->key) : SPEC_RESOURCE_BYTES;
    char number[40], canonical[SPEC_QUANTITY_TEXT_BYTES_MAX];
    if (!json_is_string(json) && !json_is_number(json)) {
        spec_check_report(checker, path, SPEC_REASON_TYPE_INVALID,
                          "must be a quantity, not %s; write %s", spec_json_type_name(json),
                          quantity_example(kind));
        return NULL;
    }
    const char *text =
        json_is_string(json) ? json_string_value(json) : spec_number_text(json, number);
    enum spec_quantity_verdict verdict = parse_quantity(kind, text, canonical);
    if (verdict != SPEC_QUANTITY_OK) {
        report_quantity(checker, kind, verdict, text, path);
        return NULL;
    }
    return json_string(canonical);
}

json_t *spec_check_scalar(struct spec_checker *checker, const struct spec_schema_field *field,
                          json_t *json, const struct spec_path *path)
{
    switch (field->type) {
    case SPEC_TYPE_STRING:
        return check_text(checker, field, json, path);
    case SPEC_TYPE_BOOL:
        return check_boolean(checker, json, path);
    case SPEC_TYPE_INT:
        return check_integer(checker, field, json, path);
    case SPEC_TYPE_QUANTITY:
        return check_quantity(checker, json, path);
    case SPEC_TYPE_INT_OR_STRING:
        return check_int_or_string(checker, field, json, path);
    case SPEC_TYPE_ANY:
    case SPEC_TYPE_OBJECT:
        break;
    }
    return json_deep_copy(json);
}
