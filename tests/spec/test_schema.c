/* The tables against themselves, and against the list of what Kubernetes has. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "spec/schema.h"
#include "support.h"

#define OBJECTS_MAX 64

static const struct spec_schema_object *objects[OBJECTS_MAX];
static size_t objects_count;

static void gather(const struct spec_schema_object *object)
{
    for (size_t i = 0; i < objects_count; i++)
        if (objects[i] == object)
            return;
    ck_assert_uint_lt(objects_count, OBJECTS_MAX);
    objects[objects_count++] = object;
    for (size_t i = 0; i < object->fields_count; i++)
        if (object->fields[i].object != NULL)
            gather(object->fields[i].object);
}

static void gather_all(void)
{
    for (int kind = 0; kind < SPEC_KINDS_COUNT; kind++) {
        const struct spec_schema_object *root = spec_schema_root((enum spec_kind)kind);
        ck_assert_int_eq(root != NULL, spec_kind_info((enum spec_kind)kind)->writable);
        if (root != NULL)
            gather(root);
    }
}

static void check_field(const struct spec_schema_object *object,
                        const struct spec_schema_field *field)
{
    const char *type = object->name, *name = field->name;
    bool supported = field->support == SPEC_SUPPORTED;
    ck_assert_msg(spec_schema_find(object, name) == field, "%s.%s is there twice", type, name);
    ck_assert_msg((field->reason != NULL) ==
                      (field->support == SPEC_REFUSED || field->support == SPEC_IGNORED),
                  "%s.%s: a reason belongs to what is not supported", type, name);
    ck_assert_msg(!supported || field->type != SPEC_TYPE_ANY, "%s.%s has no type", type, name);
    ck_assert_msg((field->object != NULL) == (field->type == SPEC_TYPE_OBJECT),
                  "%s.%s: objects have a table", type, name);
    ck_assert_msg(field->min <= field->max, "%s.%s: range", type, name);
    ck_assert_msg(!field->required || field->fallback == NULL, "%s.%s: required or with a default",
                  type, name);
    ck_assert_msg(field->values == NULL || field->type == SPEC_TYPE_STRING, "%s.%s: values", type,
                  name);
    ck_assert_msg(field->harmless == NULL || !supported, "%s.%s: harmless", type, name);
    if (supported && field->merge_key != NULL)
        ck_assert_msg(spec_schema_find(field->object, field->merge_key) != NULL,
                      "%s.%s: merge key %s", type, name, field->merge_key);
}

START_TEST(every_row_makes_sense)
{
    gather_all();
    ck_assert_uint_gt(objects_count, 25);
    for (size_t i = 0; i < objects_count; i++)
        for (size_t j = 0; j < objects[i]->fields_count; j++)
            check_field(objects[i], &objects[i]->fields[j]);
}
END_TEST

/* Each table of that type (a type may have several, for its several uses) has the field. */
static void expect_field(const char *type, const char *name, int number, int inline_number)
{
    size_t found = 0;
    for (size_t i = 0; i < objects_count; i++) {
        if (strcmp(objects[i]->name, type) != 0)
            continue;
        const struct spec_schema_field *field = spec_schema_find(objects[i], name);
        ck_assert_msg(field != NULL, "%s has no %s", type, name);
        ck_assert_msg(field->number == number && field->inline_number == inline_number,
                      "%s.%s has number %d, %d, not %d, %d", type, name, field->number,
                      field->inline_number, number, inline_number);
        found++;
    }
    ck_assert_msg(found > 0, "no table for %s", type);
}

START_TEST(every_field_of_kubernetes_is_in_a_class)
{
    gather_all();
    size_t size_bytes, listed_count = 0, rows_count = 0;
    char *text = read_file(FIELDS, &size_bytes);
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char type[64], name[64];
        int number, inline_number;
        if (line[0] == '#')
            continue;
        ck_assert_int_eq(sscanf(line, "%63s %63s %d %d", type, name, &number, &inline_number), 4);
        expect_field(type, name, number, inline_number);
        listed_count++;
    }
    mem_free(text);
    /* And the tables have nothing else, but for apiVersion and kind, which protobuf keeps
     * elsewhere, and the second tables of ObjectMeta (templates) and Probe (liveness). */
    for (size_t i = 0; i < objects_count; i++)
        for (size_t j = 0; j < objects[i]->fields_count; j++)
            rows_count += objects[i]->fields[j].number > 0;
    ck_assert_uint_eq(rows_count, listed_count + 15 + 10);
}
END_TEST

/* --- the published table --- */

static const char *const support_names[] = {
    [SPEC_SUPPORTED] = "yes",
    [SPEC_IGNORED] = "ignored",
    [SPEC_REFUSED] = "refused",
    [SPEC_SERVER] = "dropped",
};

static void write_rows(const struct spec_schema_object *object, const char *path, struct buf *table)
{
    for (size_t i = 0; i < object->fields_count; i++) {
        const struct spec_schema_field *field = &object->fields[i];
        struct buf name = BUF_INIT;
        buf_printf(&name, "%s%s%s%s", path, path[0] != '\0' ? "." : "", field->name,
                   field->shape == SPEC_SHAPE_LIST ? "[]" : "");
        const char *note = field->reason != NULL           ? field->reason
                           : field->support == SPEC_SERVER ? "written by the cluster"
                           : field->required               ? "required"
                                                           : "";
        buf_printf(table, "| `%s` | %s | %s", buf_text(&name), support_names[field->support], note);
        if (field->support == SPEC_SUPPORTED && field->fallback != NULL &&
            field->fallback[0] != '{')
            buf_printf(table, "default %s", field->fallback);
        else if (field->support == SPEC_REFUSED && field->fallback != NULL)
            buf_printf(table, "; %s may be said", field->fallback);
        buf_append_text(table, " |\n");
        if (field->object != NULL && strcmp(field->name, "template") != 0 &&
            strcmp(field->name, "initContainers") != 0 &&
            (path[0] == '\0' || strcmp(field->name, "spec") != 0))
            write_rows(field->object, buf_text(&name), table);
        buf_fini(&name);
    }
}

START_TEST(the_published_table_is_what_the_schema_says)
{
    struct buf table = BUF_INIT;
    buf_append_text(&table, "# What manifests may say\n\n"
                            "Every field that Kubernetes has for these kinds. Refused: an error "
                            "with the reason, unless the\n"
                            "value is empty or says what happens anyway. Ignored: kept, with a "
                            "warning. A field that is not\n"
                            "here is a mistake. Written by `tests/spec/test_schema.c` from the "
                            "tables in `src/spec`.\n");
    for (int kind = 0; kind < SPEC_KINDS_COUNT; kind++) {
        const struct spec_schema_object *root = spec_schema_root((enum spec_kind)kind);
        if (root == NULL)
            continue;
        buf_printf(&table, "\n## %s\n\n| field | | |\n|---|---|---|\n", root->name);
        write_rows(root, "", &table);
        if (kind == SPEC_KIND_POD)
            buf_append_text(&table, "\n`spec.initContainers[]` has the fields of "
                                    "`spec.containers[]`, but no probes.\n");
        if (kind == SPEC_KIND_DEPLOYMENT)
            buf_append_text(&table, "\n`spec.template` has the metadata and spec of a Pod; "
                                    "`restartPolicy` is Always.\n");
    }
    if (getenv("SPEC_GOLDEN_UPDATE") != NULL) {
        FILE *file = fopen(TABLE, "wb");
        ck_assert_ptr_nonnull(file);
        ck_assert_uint_eq(fwrite(table.data, 1, table.size_bytes, file), table.size_bytes);
        fclose(file);
    }
    size_t size_bytes;
    char *published = read_file(TABLE, &size_bytes);
    ck_assert_msg(strcmp(published, buf_text(&table)) == 0,
                  "%s is old; SPEC_GOLDEN_UPDATE=1 writes it anew", TABLE);
    mem_free(published);
    buf_fini(&table);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("spec/schema");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, every_row_makes_sense);
    tcase_add_test(tcase, the_published_table_is_what_the_schema_says);
    tcase_add_test(tcase, every_field_of_kubernetes_is_in_a_class);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
