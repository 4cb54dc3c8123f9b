/* The store itself: opening, names, pins, collection, damage. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image_fixture.h"

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

/* An image with one layer of its own, called `name`. */
static struct made load_image(struct image_store *store, const char *name)
{
    struct parcel parcel = {.count = 0};
    struct buf layer = MAKE_TAR(FILE_OF("name", name), FILE_OF("same", "same"));
    struct recipe recipe = {.layers = &layer, .layers_count = 1, .ref_name = name};
    struct made made = oci_layout(&parcel, &recipe);
    must_load(store, parcel_tar(&parcel));
    parcel_fini(&parcel);
    buf_fini(&layer);
    return made;
}

static void must_not_find(struct image_store *store, const char *reference)
{
    struct image *image = NULL;
    expect_error(image_store_find(store, reference, &image, &fixture_error), ERROR_NOT_FOUND,
                 "is not on this node");
}

static void collect(struct image_store *store)
{
    ck_assert_msg(image_store_gc(store, NULL, &fixture_error) == 0, "%s", fixture_error.message);
}

START_TEST(a_store_survives_being_closed)
{
    struct image_store *store = fixture_store();
    struct made made = load_image(store, "web:1");
    ck_assert_int_eq(image_store_pin(store, "pod-1", made.config, &fixture_error), 0);
    uint64_t size_bytes = image_store_size_bytes(store);
    image_store_close(store);
    store = fixture_store();
    struct image *image = must_find(store, "web:1");
    ck_assert_str_eq(image->id, made.config);
    ck_assert_str_eq(image->manifest_digest, made.manifest);
    image_free(image);
    ck_assert_uint_eq(image_store_size_bytes(store), size_bytes);
    struct image_texts pins;
    image_store_pins(store, &pins);
    ck_assert_uint_eq(pins.count, 1);
    ck_assert_str_eq(pins.items[0], "pod-1");
    image_texts_fini(&pins);
    char id[IMAGE_DIGEST_BYTES_MAX];
    ck_assert(image_store_pinned(store, "pod-1", id));
    ck_assert_str_eq(id, made.config);
    ck_assert(!image_store_pinned(store, "pod-2", id));
    image_store_close(store);
    image_store_close(NULL);
    image_free(NULL);
}
END_TEST

START_TEST(one_process_at_a_time)
{
    struct image_store *store = fixture_store();
    struct image_store *second = NULL;
    expect_error(image_store_open(fixture_path("store"), &second, &fixture_error),
                 ERROR_UNAVAILABLE, "used by another process");
    image_store_close(store);
    image_store_close(fixture_store());
}
END_TEST

START_TEST(a_damaged_index_is_refused_and_nothing_deleted)
{
    static const struct {
        const char *text;
        enum error_code code;
        const char *says;
    } cases[] = {
        {"", ERROR_CORRUPT, "not valid JSON"},
        {"{\"version\":1,\"images\":[{\"id\":", ERROR_CORRUPT, "not valid JSON"},
        {"{\"version\":1}", ERROR_CORRUPT, "missing"},
        {"{\"version\":2,\"images\":[]}", ERROR_UNSUPPORTED, "newer"},
        {"{\"version\":1,\"images\":[{}]}", ERROR_CORRUPT, "\"id\" is not a sha256 digest"},
        {"{\"version\":1,\"images\":[7]}", ERROR_CORRUPT, "not an object"},
        {NULL, ERROR_CORRUPT, "has blobs but no index.json"},
    };
    struct image_store *store = fixture_store();
    (void)load_image(store, "web:1");
    image_store_close(store);
    write_text(fixture_path("store/tmp/leftover"), "x");
    char *good = read_text(fixture_path("store/index.json"));
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (cases[i].text != NULL)
            write_text(fixture_path("store/index.json"), cases[i].text);
        else
            ck_assert_int_eq(unlink(fixture_path("store/index.json")), 0);
        expect_error(image_store_open(fixture_path("store"), &store, &fixture_error), cases[i].code,
                     cases[i].says);
        ck_assert_int_eq(count_entries(fixture_path("store/blobs/sha256")), 3);
        ck_assert_int_eq(access(fixture_path("store/tmp/leftover"), F_OK), 0);
    }
    write_text(fixture_path("store/index.json"), good);
    store = fixture_store();
    expect_objects(3, 1);
    image_free(must_find(store, "web:1"));
    image_store_close(store);
    free(good);
}
END_TEST

START_TEST(damaged_contents_are_reported_and_a_new_load_heals)
{
    struct image_store *store = fixture_store();
    struct image *image = NULL;
    struct made made = load_image(store, "web:1");
    write_text(fixture_path("store/blobs/sha256/%s", digest_hex(made.config)), "{}");
    expect_error(image_store_find(store, "web:1", &image, &fixture_error), ERROR_CORRUPT,
                 "is damaged");
    (void)load_image(store, "web:1");
    image_free(must_find(store, "web:1"));
    ck_assert_int_eq(unlink(fixture_path("store/blobs/sha256/%s", digest_hex(made.config))), 0);
    expect_error(image_store_find(store, "web:1", &image, &fixture_error), ERROR_CORRUPT,
                 "load it again");
    (void)load_image(store, "web:1");
    image_free(must_find(store, "web:1"));
    static const char *const lost[] = {"", "/fs"};
    for (size_t i = 0; i < COUNT(lost); i++) {
        char layer[128];
        (void)snprintf(layer, sizeof(layer), "store/layers/%s%s", digest_hex(made.diff_id),
                       lost[i]);
        fixture_remove(layer);
        expect_error(image_store_find(store, "web:1", &image, &fixture_error), ERROR_CORRUPT,
                     "is gone from the store");
        (void)load_image(store, "web:1");
        image = must_find(store, "web:1");
        ck_assert_int_eq(access(image->lowerdirs.items[0], F_OK), 0);
        image_free(image);
    }
    image_store_close(store);
}
END_TEST

START_TEST(removing_a_name_and_an_image)
{
    struct image_store *store = fixture_store();
    struct made first = load_image(store, "web:1");
    struct made second = load_image(store, "web:2");
    ck_assert_int_eq(image_store_remove(store, "docker.io/library/web:1", &fixture_error), 0);
    must_not_find(store, "web:1");
    image_free(must_find(store, first.config)); /* until it is collected */
    collect(store);
    must_not_find(store, first.config);
    expect_objects(3, 1);
    expect_error(image_store_remove(store, "web:1", &fixture_error), ERROR_NOT_FOUND, "web:1");
    expect_error(image_store_remove(store, "WEB", &fixture_error), ERROR_INVALID, "lower case");
    ck_assert_int_eq(image_store_remove(store, second.manifest, &fixture_error), 0);
    must_not_find(store, "web:2");
    uint64_t freed_bytes = 0;
    ck_assert_int_eq(image_store_gc(store, &freed_bytes, &fixture_error), 0);
    ck_assert_uint_gt(freed_bytes, 1000);
    expect_objects(0, 0);
    ck_assert_uint_eq(image_store_size_bytes(store), 0);
    image_store_close(store);
}
END_TEST

START_TEST(a_name_moves_to_the_newer_image)
{
    struct image_store *store = fixture_store();
    struct made made[2];
    for (int i = 0; i < 2; i++) {
        struct parcel parcel = {.count = 0};
        struct recipe recipe = {.ref_name = "web:1",
                                .settings = i == 0 ? "{}" : "{\"User\":\"1\"}"};
        made[i] = oci_layout(&parcel, &recipe);
        must_load(store, parcel_tar(&parcel));
        parcel_fini(&parcel);
    }
    struct image *image = must_find(store, "web:1");
    ck_assert_str_eq(image->id, made[1].config);
    image_free(image);
    collect(store);
    must_not_find(store, made[0].config);
    image_store_close(store);
}
END_TEST

START_TEST(pins_outlive_names_and_restarts)
{
    struct image_store *store = fixture_store();
    struct made first = load_image(store, "web:1");
    struct made second = load_image(store, "web:2");
    ck_assert_int_eq(image_store_pin(store, "pod-a", first.config, &fixture_error), 0);
    ck_assert_int_eq(image_store_pin(store, "pod-b", first.config, &fixture_error), 0);
    ck_assert_int_eq(image_store_pin(store, "pod-b", second.config, &fixture_error), 0); /* moves */
    struct image_list list;
    image_store_list(store, &list);
    ck_assert_uint_eq(list.items[0].pins_count, 1);
    ck_assert_uint_eq(list.items[1].pins_count, 1);
    image_list_fini(&list);
    ck_assert_int_eq(image_store_remove(store, first.config, &fixture_error), 0);
    ck_assert_int_eq(image_store_remove(store, second.config, &fixture_error), 0);
    collect(store);
    expect_objects(6, 2);
    image_store_close(store);
    store = fixture_store();
    collect(store);
    image_free(must_find(store, first.config));
    ck_assert_int_eq(image_store_unpin(store, "pod-b", &fixture_error), 0);
    ck_assert_int_eq(image_store_unpin(store, "pod-b", &fixture_error), 0);
    collect(store);
    image_free(must_find(store, first.config));
    must_not_find(store, second.config);
    expect_objects(3, 1);
    ck_assert_int_eq(image_store_unpin(store, "pod-a", &fixture_error), 0);
    collect(store);
    expect_objects(0, 0);
    image_store_close(store);
}
END_TEST

START_TEST(bad_pins_are_refused)
{
    static const char *const names[] = {"",     ".",   "..",   ".hidden", "a/b",
                                        "../x", "a b", "a\nb", "\xc3\xa4"};
    struct image_store *store = fixture_store();
    struct made made = load_image(store, "web:1");
    for (size_t i = 0; i < COUNT(names); i++)
        expect_error(image_store_pin(store, names[i], made.config, &fixture_error), ERROR_INVALID,
                     "pin name");
    char name[200];
    memset(name, 'a', sizeof(name));
    name[129] = '\0';
    expect_error(image_store_pin(store, name, made.config, &fixture_error), ERROR_INVALID, "128");
    name[128] = '\0';
    ck_assert_int_eq(image_store_pin(store, name, made.config, &fixture_error), 0);
    expect_error(image_store_pin(store, "p", made.manifest, &fixture_error), ERROR_NOT_FOUND, "");
    expect_error(image_store_pin(store, "p", "web:1", &fixture_error), ERROR_NOT_FOUND, "web:1");
    image_store_close(store);
    ck_assert_int_eq(symlink("garbage", fixture_path("store/pins/odd")), 0);
    expect_error(image_store_open(fixture_path("store"), &store, &fixture_error), ERROR_CORRUPT,
                 "pins/odd");
}
END_TEST

START_TEST(many_pins_stay_sorted)
{
    struct image_store *store = fixture_store();
    struct made made = load_image(store, "web:1");
    for (unsigned int i = 0; i < 300; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "pod-%u", i * 7919 % 300);
        ck_assert_int_eq(image_store_pin(store, name, made.config, &fixture_error), 0);
    }
    for (unsigned int i = 0; i < 300; i += 3) {
        char name[16];
        (void)snprintf(name, sizeof(name), "pod-%u", i);
        ck_assert_int_eq(image_store_unpin(store, name, &fixture_error), 0);
    }
    struct image_texts pins;
    image_store_pins(store, &pins);
    ck_assert_uint_eq(pins.count, 200);
    for (size_t i = 1; i < pins.count; i++)
        ck_assert_int_lt(strcmp(pins.items[i - 1], pins.items[i]), 0);
    image_texts_fini(&pins);
    image_store_close(store);
}
END_TEST

START_TEST(debris_is_collected)
{
    struct image_store *store = fixture_store();
    (void)load_image(store, "web:1");
    write_text(fixture_path("store/blobs/sha256/0000"), "debris");
    ck_assert_int_eq(mkdir(fixture_path("store/layers/half"), 0700), 0);
    ck_assert_int_eq(mkdir(fixture_path("store/layers/half/fs"), 0700), 0);
    write_text(fixture_path("store/layers/half/fs/file"), "debris");
    collect(store);
    expect_objects(3, 1);
    image_free(must_find(store, "web:1"));
    image_store_close(store);
}
END_TEST

struct worker {
    struct image_store *store;
    const struct buf *tar;
    int failures;
};

static void *load_often(void *context)
{
    struct worker *worker = context;
    struct error error = ERROR_INIT;
    for (int i = 0; i < 8; i++) {
        struct image_load *load = NULL;
        struct image_load_result result;
        if (image_load_begin(worker->store, NULL, &load, &error) < 0 ||
            image_load_write(load, worker->tar->data, worker->tar->size_bytes, &error) < 0 ||
            image_load_finish(load, &result, &error) < 0) {
            worker->failures++;
            continue;
        }
        image_load_result_fini(&result);
        if (image_store_gc(worker->store, NULL, &error) < 0)
            worker->failures++;
    }
    return NULL;
}

START_TEST(threads_may_load_find_pin_and_collect_at_once)
{
    struct image_store *store = fixture_store();
    struct worker workers[3];
    pthread_t threads[3];
    struct buf tars[3];
    for (size_t i = 0; i < 3; i++) {
        struct parcel parcel = {.count = 0};
        char name[16];
        (void)snprintf(name, sizeof(name), "web:%zu", i);
        struct buf layers[2] = {MAKE_TAR(FILE_OF("common", "c")), MAKE_TAR(FILE_OF("name", name))};
        struct recipe recipe = {.layers = layers, .layers_count = 2, .ref_name = name};
        (void)oci_layout(&parcel, &recipe);
        tars[i] = parcel_tar(&parcel);
        parcel_fini(&parcel);
        buf_fini(&layers[0]);
        buf_fini(&layers[1]);
        workers[i] = (struct worker){.store = store, .tar = &tars[i]};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, load_often, &workers[i]), 0);
    }
    for (int i = 0; i < 200; i++) {
        struct image *image = NULL;
        struct error error = ERROR_INIT;
        if (image_store_find(store, "web:0", &image, &error) == 0) {
            ck_assert_int_eq(image_store_pin(store, "p", image->id, &error), 0);
            ck_assert_uint_eq(image->lowerdirs.count, 2);
            ck_assert_int_eq(access(image->lowerdirs.items[0], F_OK), 0);
        }
        image_free(image);
    }
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        ck_assert_int_eq(workers[i].failures, 0);
        buf_fini(&tars[i]);
    }
    expect_objects(3 * 3 + 1, 4);
    image_store_close(store);
}
END_TEST

START_TEST(the_lock_is_not_inherited_by_what_is_executed)
{
    struct image_store *store = fixture_store();
    pid_t child = fork();
    if (child == 0) { /* all descriptors of the store must be gone after an exec */
        (void)execl("/bin/sh", "sh", "-c",
                    "ls -l /proc/self/fd | grep -q shoal-test-image && exit 1; exit 0",
                    (char *)NULL);
        _exit(2);
    }
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    image_store_close(store);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("store");
    tcase_add_test(cases, a_store_survives_being_closed);
    tcase_add_test(cases, one_process_at_a_time);
    tcase_add_test(cases, a_damaged_index_is_refused_and_nothing_deleted);
    tcase_add_test(cases, damaged_contents_are_reported_and_a_new_load_heals);
    tcase_add_test(cases, removing_a_name_and_an_image);
    tcase_add_test(cases, a_name_moves_to_the_newer_image);
    tcase_add_test(cases, pins_outlive_names_and_restarts);
    tcase_add_test(cases, bad_pins_are_refused);
    tcase_add_test(cases, many_pins_stay_sorted);
    tcase_add_test(cases, debris_is_collected);
    tcase_add_test(cases, threads_may_load_find_pin_and_collect_at_once);
    tcase_add_test(cases, the_lock_is_not_inherited_by_what_is_executed);
    return fixture_run(cases, "image-store");
}
