/*
 * The golden vectors, both ways: good bytes decode to the fields that are written beside them and
 * encode to the same bytes again; bad bytes get the verdict that is written beside them, and leave
 * the output alone. The format is in proto/README.md, "Vectors". The files are the arguments.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "types.h"

#define ARENA_LIMIT     ((size_t)1 << 20)
#define LINE_BYTES_MAX  65536
#define VECTORS_MIN     300 /* of all files: fewer means that a file was not read */
#define UNTOUCHED_BYTES 0x5a

static char **files;
static int files_count;
static int vectors_count;

struct vector {
    char place[300];         /* file: name */
    const struct type *type; /* NULL: any message */
    bool message;            /* the top-level form */
    char verdict[32];
    struct buf data;
};

/* "0a 00*12": two hex digits a byte, a count for equal ones. */
static void parse_hex(struct vector *vector, char *text)
{
    char *rest = NULL;
    buf_clear(&vector->data);
    for (char *word = strtok_r(text, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest)) {
        char *end = NULL;
        unsigned long byte = strtoul(word, &end, 16);
        unsigned long count = *end == '*' ? strtoul(end + 1, &end, 10) : 1;
        ck_assert_msg(*end == '\0' && byte < 256, "%s: bad hex '%s'", vector->place, word);
        for (unsigned long i = 0; i < count; i++)
            buf_append_byte(&vector->data, (uint8_t)byte);
    }
}

static void check_text(const struct vector *vector, const struct buf *found, const char *dump)
{
    ck_assert_msg(strcmp(buf_text(found), dump) == 0, "%s:\n is %s\n not %s", vector->place,
                  buf_text(found), dump);
}

static void check_bytes(const struct vector *vector, const struct buf *found, size_t from_bytes)
{
    ck_assert_msg(found->size_bytes == vector->data.size_bytes - from_bytes &&
                      memcmp(found->data, vector->data.data + from_bytes, found->size_bytes) == 0,
                  "%s: encodes to other bytes", vector->place);
}

static void check_verdict(const struct vector *vector, enum wire_verdict verdict)
{
    ck_assert_msg(strcmp(wire_verdict_name(verdict), vector->verdict) == 0, "%s: %s, not %s",
                  vector->place, wire_verdict_name(verdict), vector->verdict);
}

/* The map form; `from_bytes` is where it starts. */
static void check_map_form(const struct vector *vector, size_t from_bytes, const char *dump)
{
    struct wire_arena arena;
    struct buf text = BUF_INIT, again = BUF_INIT;
    void *value = mem_alloc(1, vector->type->size_bytes);
    uint8_t *copy = mem_dup(vector->data.data + from_bytes, vector->data.size_bytes - from_bytes);

    wire_arena_init(&arena, ARENA_LIMIT);
    memset(value, UNTOUCHED_BYTES, vector->type->size_bytes);
    enum wire_verdict verdict = vector->type->decode(
        (struct bytes){copy, vector->data.size_bytes - from_bytes}, &arena, value);
    check_verdict(vector, verdict);
    for (size_t i = 0; verdict != WIRE_OK && i < vector->type->size_bytes; i++)
        ck_assert_uint_eq(((uint8_t *)value)[i], UNTOUCHED_BYTES);
    if (verdict == WIRE_OK) {
        vector->type->dump(value, &text);
        check_text(vector, &text, dump);
        vector->type->encode(value, &again);
        check_bytes(vector, &again, from_bytes);
    }
    wire_arena_fini(&arena);
    buf_fini(&text);
    buf_fini(&again);
    mem_free(value);
    mem_free(copy);
}

static void check_message_form(const struct vector *vector, const char *dump)
{
    struct wire_arena arena;
    struct wire_message message;
    struct buf text = BUF_INIT, again = BUF_INIT;
    size_t consumed_bytes = SIZE_MAX;
    uint8_t *copy = mem_dup(vector->data.data, vector->data.size_bytes);

    wire_arena_init(&arena, ARENA_LIMIT);
    enum wire_verdict verdict = wire_message_decode((struct bytes){copy, vector->data.size_bytes},
                                                    &arena, &message, &consumed_bytes);
    check_verdict(vector, verdict);
    if (verdict == WIRE_OK || verdict == WIRE_UNKNOWN_TYPE)
        ck_assert_uint_eq(consumed_bytes, vector->data.size_bytes);
    else
        ck_assert_uint_eq(consumed_bytes, SIZE_MAX);
    if (verdict == WIRE_OK) {
        ck_assert(vector->type == NULL || message.type == vector->type->id);
        wire_message_dump(&message, &text);
        check_text(vector, &text, dump);
        wire_message_encode(&message, &again);
        check_bytes(vector, &again, 0);
    }
    wire_arena_fini(&arena);
    buf_fini(&text);
    buf_fini(&again);
    mem_free(copy);
}

static void check_vector(const struct vector *vector, const char *dump)
{
    vectors_count++;
    if (!vector->message) {
        check_map_form(vector, 0, dump);
        return;
    }
    check_message_form(vector, dump);
    uint32_t id = vector->type != NULL ? vector->type->id : 0;
    size_t prefix_bytes = id < 0x80 ? 2 : id < 0x100 ? 3 : 4;
    if (vector->type != NULL && vector->data.size_bytes > prefix_bytes)
        check_map_form(vector, prefix_bytes, dump);
}

static void parse_type(struct vector *vector, const char *text)
{
    char form[16] = "", name[128] = "";
    ck_assert_int_ge(sscanf(text, "%15s %127s", form, name), 1);
    vector->message = strcmp(form, "message") == 0;
    vector->type = name[0] != '\0' ? type_by_name(name) : NULL;
    ck_assert_msg(vector->type != NULL || name[0] == '\0', "no such type: %s", name);
}

static void check_file(const char *path)
{
    static char line[LINE_BYTES_MAX];
    struct vector vector = {.data = BUF_INIT};
    FILE *file = fopen(path, "r");

    ck_assert_msg(file != NULL, "cannot read %s", path);
    while (fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "type ", 5) == 0)
            parse_type(&vector, line + 5);
        else if (strncmp(line, "vector ", 7) == 0)
            (void)snprintf(vector.place, sizeof(vector.place), "%s: %.100s", path, line + 7);
        else if (strncmp(line, "verdict ", 8) == 0)
            (void)snprintf(vector.verdict, sizeof(vector.verdict), "%s", line + 8);
        else if (strncmp(line, "hex", 3) == 0)
            parse_hex(&vector, line + 3);
        if (strncmp(line, "dump ", 5) == 0)
            check_vector(&vector, line + 5);
        else if (strncmp(line, "hex", 3) == 0 && strcmp(vector.verdict, "ok") != 0)
            check_vector(&vector, "");
    }
    (void)fclose(file);
    buf_fini(&vector.data);
}

START_TEST(vectors_hold)
{
    for (int i = 0; i < files_count; i++)
        check_file(files[i]);
    ck_assert_int_ge(vectors_count, VECTORS_MIN);
}
END_TEST

int main(int arguments_count, char **arguments)
{
    Suite *suite = suite_create("wire/golden");
    TCase *golden = tcase_create("golden");
    int failed;

    files = arguments + 1;
    files_count = arguments_count - 1;
    tcase_set_timeout(golden, 60);
    tcase_add_test(golden, vectors_hold);
    suite_add_tcase(suite, golden);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
