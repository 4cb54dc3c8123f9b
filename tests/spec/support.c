#include "support.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

char *read_file(const char *path, size_t *ret_size_bytes)
{
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "cannot open %s", path);
    struct buf content = BUF_INIT;
    char chunk[4096];
    size_t count;
    while ((count = fread(chunk, 1, sizeof(chunk), file)) > 0)
        buf_append(&content, chunk, count);
    fclose(file);
    return (char *)buf_take(&content, ret_size_bytes);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char **list_files(const char *directory, const char *suffix, size_t *ret_count)
{
    DIR *open = opendir(directory);
    ck_assert_msg(open != NULL, "cannot open %s", directory);
    char **names = NULL;
    size_t count = 0, capacity = 0;
    const struct dirent *entry;
    while ((entry = readdir(open)) != NULL) {
        size_t name_count = strlen(entry->d_name), suffix_count = strlen(suffix);
        if (name_count <= suffix_count ||
            strcmp(entry->d_name + name_count - suffix_count, suffix) != 0)
            continue;
        struct buf path = BUF_INIT;
        buf_printf(&path, "%s/%s", directory, entry->d_name);
        MEM_GROW(names, count, capacity);
        names[count++] = (char *)buf_take(&path, &(size_t){0});
    }
    closedir(open);
    ck_assert_uint_gt(count, 0);
    qsort(names, count, sizeof(names[0]), compare_names);
    *ret_count = count;
    return names;
}

void free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mem_free(names[i]);
    mem_free(names);
}

void describe_load(const char *text, size_t size_bytes, struct buf *description)
{
    struct spec_objects objects;
    struct spec_issues issues;
    int loaded = spec_load(text, size_bytes, NULL, NULL, &objects, &issues);
    for (size_t i = 0; i < issues.count; i++) {
        spec_issue_format(&issues.items[i], "FILE", description);
        buf_printf(description, " [%s]\n", spec_reason_name(issues.items[i].reason));
    }
    if (issues.dropped_count > 0)
        buf_printf(description, "and %zu more\n", issues.dropped_count);
    ck_assert_int_eq(loaded == 0, issues.errors_count == 0);
    ck_assert_uint_le(loaded == 0 ? 0 : objects.count, 0);
    for (size_t i = 0; i < objects.count; i++) {
        char key[SPEC_KEY_TEXT_BYTES_MAX];
        buf_printf(description, "%s\n%s\n", spec_key_format(&objects.items[i].key, key),
                   objects.items[i].canonical);
        ck_assert_uint_eq(strlen(objects.items[i].canonical), objects.items[i].size_bytes);
    }
    spec_objects_fini(&objects);
    spec_issues_fini(&issues);
}

struct spec_object load_one(const char *text)
{
    struct spec_objects objects;
    struct spec_issues issues;
    int loaded = spec_load(text, strlen(text), NULL, NULL, &objects, &issues);
    ck_assert_msg(loaded == 0, "%s: %s", issues.count > 0 ? issues.items[0].path : "",
                  issues.count > 0 ? issues.items[0].message : "");
    spec_issues_fini(&issues);
    ck_assert_uint_eq(objects.count, 1);
    struct spec_object object = objects.items[0];
    mem_free(objects.items);
    return object;
}
