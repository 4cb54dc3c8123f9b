/* Archives that are wrong: each must give one clear error and leave the store as it was. */
#include <sys/mman.h>
#include <unistd.h>

#include "image_fixture.h"

static struct buf layer;

static void prepare(void)
{
    char *text = mem_alloc(20001, 1);
    memset(text, 'x', 20000);
    layer = MAKE_TAR(FILE_OF("a", "1"), FILE_OF("big", text));
    mem_free(text);
}

static void clean(void)
{
    buf_fini(&layer);
}

static struct recipe usual(void)
{
    return (struct recipe){.layers = &layer, .layers_count = 1, .ref_name = "web:1"};
}

static void expect_refused(struct image_store *store, const struct buf *data, enum error_code code,
                           const char *says)
{
    struct image_load_result result;
    expect_error(load_bytes(store, data, NULL, &result), code, says);
    expect_objects(0, 0);
    struct image_list list;
    image_store_list(store, &list);
    ck_assert_uint_eq(list.count, 0);
    image_list_fini(&list);
}

START_TEST(every_truncation_is_refused)
{
    struct image_store *store = fixture_store();
    for (int kind = 0; kind < 2; kind++) {
        struct parcel parcel = {.count = 0};
        struct recipe recipe = usual();
        if (kind == 0)
            (void)oci_layout(&parcel, &recipe);
        else
            (void)docker_archive(&parcel, &recipe, "[\"web:1\"]");
        struct buf tar = parcel_tar(&parcel);
        for (int pack = PACK_PLAIN; pack <= PACK_ZSTD; pack++) {
            struct buf whole = packed(&tar, (enum pack)pack);
            size_t step = pack == PACK_PLAIN ? 4096 : 97;
            for (size_t size = 0; size < whole.size_bytes - 1024 + (pack ? 1024 : 0);
                 size += step) {
                struct buf cut = BUF_INIT;
                struct image_load_result result;
                buf_append(&cut, whole.data, size);
                ck_assert_msg(load_bytes(store, &cut, NULL, &result) == -1, "kind %d cut at %zu",
                              kind, size);
                ck_assert_msg(fixture_error.code == ERROR_CORRUPT ||
                                  fixture_error.code == ERROR_INVALID,
                              "%s", fixture_error.message);
                expect_objects(0, 0);
                buf_fini(&cut);
            }
            buf_fini(&whole);
        }
        parcel_fini(&parcel);
        buf_fini(&tar);
    }
    image_store_close(store);
}
END_TEST

START_TEST(what_is_no_archive_is_called_so)
{
    static const struct {
        const char *text;
        enum error_code code;
        const char *says;
    } cases[] = {
        {"", ERROR_INVALID, "not a tar archive"},
        {"x", ERROR_INVALID, "not a tar archive"},
        {"apiVersion: v1\nkind: Pod\n", ERROR_INVALID, "not a tar archive"},
        {"\x1f\x8b", ERROR_CORRUPT, "truncated"},
        {"\xfd"
         "7zXZ",
         ERROR_UNSUPPORTED, "xz"},
    };
    struct image_store *store = fixture_store();
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf data = BUF_INIT;
        buf_append_text(&data, cases[i].text);
        expect_refused(store, &data, cases[i].code, cases[i].says);
        buf_fini(&data);
    }
    struct buf tar = MAKE_TAR(FILE_OF("hello", "world"));
    expect_refused(store, &tar, ERROR_INVALID, "neither index.json");
    buf_fini(&tar);
    image_store_close(store);
}
END_TEST

/* Changes one file of a good layout (by its name, "C" the configuration, "M" the manifest, "L" the
 * layer) and keeps or corrects its name. */
static struct buf altered(const char *which, const char *from, const char *to, bool docker)
{
    struct parcel parcel = {.count = 0};
    struct recipe recipe = usual();
    char name[96];
    struct made made =
        docker ? docker_archive(&parcel, &recipe, "[\"web:1\"]") : oci_layout(&parcel, &recipe);
    if (which[0] == 'C' && docker)
        (void)snprintf(name, sizeof(name), "%s.json", digest_hex(made.config));
    else if (which[0] == 'L' && docker)
        (void)snprintf(name, sizeof(name), "%.12s0/layer.tar", digest_hex(made.layer_blob));
    else if (which[1] == '\0')
        blob_name(which[0] == 'C'   ? made.config
                  : which[0] == 'M' ? made.manifest
                                    : made.layer_blob,
                  name);
    else
        (void)snprintf(name, sizeof(name), "%s", which);
    struct buf *data = parcel_find(&parcel, name);
    if (from == NULL) {
        parcel_drop(&parcel, name);
    } else {
        char *at = memmem(data->data, data->size_bytes, from, strlen(from));
        ck_assert_msg(at != NULL, "no %s in %s", from, name);
        struct buf changed = BUF_INIT;
        size_t head_bytes = (size_t)(at - (char *)data->data);
        buf_append(&changed, data->data, head_bytes);
        buf_append_text(&changed, to);
        buf_append(&changed, at + strlen(from), data->size_bytes - head_bytes - strlen(from));
        buf_fini(data);
        *data = changed;
    }
    struct buf tar = parcel_tar(&parcel);
    parcel_fini(&parcel);
    return tar;
}

START_TEST(wrong_digests_and_holes_are_named)
{
    static const struct {
        const char *which, *from, *to;
        bool docker;
        enum error_code code;
        const char *says;
    } cases[] = {
        {"C", "amd64", "amd46", false, ERROR_CORRUPT, "digest mismatch: blob sha256:"},
        {"M", "layers", "lawyer", false, ERROR_CORRUPT, "digest mismatch: blob sha256:"},
        {"L", "xxxx", "xxyx", false, ERROR_CORRUPT, "digest mismatch: blob sha256:"},
        {"C", NULL, NULL, false, ERROR_CORRUPT, "configuration sha256:"},
        {"M", NULL, NULL, false, ERROR_CORRUPT, "manifest sha256:"},
        {"L", NULL, NULL, false, ERROR_CORRUPT, "layer sha256:"},
        {"index.json", NULL, NULL, false, ERROR_INVALID, "neither index.json"},
        {"index.json", "\"size\":", "\"size\":1", false, ERROR_CORRUPT, "its descriptor says"},
        {"index.json", "sha256:", "sha512:", false, ERROR_UNSUPPORTED, "sha512"},
        {"index.json", "sha256:", "sha256:..", false, ERROR_CORRUPT, "not a sha256 digest"},
        {"index.json", "vnd.oci.image.manifest.v1+json", "vnd.cncf.helm.config.v1+json", false,
         ERROR_CORRUPT, "its media type"},
        {"index.json", "\"schemaVersion\":2", "\"schemaVersion\":1", false, ERROR_UNSUPPORTED,
         "schema 1"},
        {"index.json", "manifests", "layers", false, ERROR_CORRUPT, "config"},
        {"index.json", "{", "{{", false, ERROR_CORRUPT, "not valid JSON"},
        {"index.json", "\"schemaVersion\":2", "\"schemaVersion\":2,\"schemaVersion\":2", false,
         ERROR_CORRUPT, "duplicate"},
        {"index.json", "\"schemaVersion\":2", "\"schemaVersion\":2,\"layers\":[]", false,
         ERROR_CORRUPT, "an index and a manifest at once"},
        {"index.json", "\"annotations\":{", "\"annotations\":3,\"x\":{", false, ERROR_CORRUPT,
         "\"annotations\" is not an object"},
        {"oci-layout", "1.0.0", "2.0.0", false, ERROR_UNSUPPORTED, "oci-layout"},
        {"C", "amd64", "amd46", true, ERROR_CORRUPT, "digest mismatch: \""},
        {"L", "xxxx", "xxyx", true, ERROR_CORRUPT, "digest mismatch: the configuration says"},
        {"C", NULL, NULL, true, ERROR_CORRUPT, "configuration \""},
        {"L", NULL, NULL, true, ERROR_CORRUPT, "layer \""},
        {"manifest.json", "\"Layers\":[", "\"Layers\":[\"../../../etc/passwd\",", true,
         ERROR_CORRUPT, "names 1 layers, the manifest 2"},
        {"manifest.json", "layer.tar", "../../layer.tar", true, ERROR_CORRUPT, "missing"},
        {"manifest.json", "[", "{", true, ERROR_CORRUPT, "not a list"},
        {"manifest.json", "[\"web:1\"]", "[3]", true, ERROR_CORRUPT, "not a list of strings"},
    };
    struct image_store *store = fixture_store();
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf tar = altered(cases[i].which, cases[i].from, cases[i].to, cases[i].docker);
        expect_refused(store, &tar, cases[i].code, cases[i].says);
        buf_fini(&tar);
    }
    image_store_close(store);
}
END_TEST

START_TEST(wrong_documents_with_right_digests_are_refused)
{
    static const struct {
        struct recipe recipe;
        enum error_code code;
        const char *says;
    } cases[] = {
        {{.layer_type = "application/vnd.oci.image.layer.v1.tar+encrypted"},
         ERROR_UNSUPPORTED,
         "unsupported media type \"application/vnd.oci.image.layer.v1.tar+encrypted\""},
        {{.settings = "{\"Cmd\":\"sh\"}"}, ERROR_CORRUPT, "\"Cmd\" is not a list"},
        {{.settings = "{\"Cmd\":[3]}"}, ERROR_CORRUPT, "\"Cmd\" is not a list of strings"},
        {{.settings = "[]"}, ERROR_CORRUPT, "\"config\" is not an object"},
        {{.settings = "{\"Labels\":{\"a\":1}}"}, ERROR_CORRUPT, "a label"},
        {{.settings = "{\"Env\":[\"a\\u0000b\"]}"}, ERROR_CORRUPT, "not valid JSON"},
        {{.settings = "{}},\"rootfs\":{\"type\":\"x\"}, \"y\":{}"},
         ERROR_CORRUPT,
         "not valid JSON"},
    };
    struct image_store *store = fixture_store();
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct parcel parcel = {.count = 0};
        struct recipe recipe = cases[i].recipe;
        recipe.layers = &layer;
        recipe.layers_count = 1;
        (void)oci_layout(&parcel, &recipe);
        struct buf tar = parcel_tar(&parcel);
        expect_refused(store, &tar, cases[i].code, cases[i].says);
        parcel_fini(&parcel);
        buf_fini(&tar);
    }
    image_store_close(store);
}
END_TEST

START_TEST(a_layer_that_lies_about_its_diff_id_is_refused_also_when_stored)
{
    /* The right blob digest, but the configuration belongs to another layer. */
    struct image_store *store = fixture_store();
    struct buf other = MAKE_TAR(FILE_OF("a", "other"));
    struct parcel good = {.count = 0};
    struct parcel lie = {.count = 0};
    struct recipe recipe = usual();
    struct image_load_result result;
    recipe.pack = PACK_GZIP;
    struct made made = oci_layout(&good, &recipe);
    recipe.layers = &other;
    struct made other_made = oci_add(&lie, &recipe);
    /* A manifest that puts the other layer under the good configuration. */
    char name[96];
    blob_name(other_made.manifest, name);
    struct buf *manifest = parcel_find(&lie, name);
    char *text = mem_strndup((const char *)manifest->data, manifest->size_bytes);
    memcpy(strstr(text, other_made.config), made.config, strlen(made.config));
    char *size_at = strstr(text, "\"size\":") + 7;
    blob_name(made.config, name);
    struct buf *config = parcel_find(&good, name);
    char size_text[8];
    (void)snprintf(size_text, sizeof(size_text), "%zu", config->size_bytes);
    ck_assert_uint_eq(strspn(size_at, "0123456789"), strlen(size_text));
    memcpy(size_at, size_text, strlen(size_text));
    parcel_add(&lie, name, config->data, config->size_bytes);
    char digest[IMAGE_DIGEST_BYTES_MAX];
    digest_of(text, strlen(text), digest);
    blob_name(digest, name);
    parcel_add(&lie, name, text, strlen(text));
    char index[512];
    (void)snprintf(
        index, sizeof(index),
        "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":"
        "\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"%s\",\"size\":%zu}]}",
        digest, strlen(text));
    parcel_add(&lie, "index.json", index, strlen(index));
    struct buf tar = parcel_tar(&lie);
    expect_refused(store, &tar, ERROR_CORRUPT, "the configuration says diff id");
    must_load(store, parcel_tar(&good));
    expect_error(load_bytes(store, &tar, NULL, &result), ERROR_CORRUPT,
                 "the configuration says diff id");
    expect_objects(3, 1);
    mem_free(text);
    image_store_close(store);
    parcel_fini(&good);
    parcel_fini(&lie);
    buf_fini(&tar);
    buf_fini(&other);
}
END_TEST

START_TEST(hostile_names_in_the_outer_archive_stay_names)
{
    struct image_store *store = fixture_store();
    static const char *const names[] = {"../evil", "/etc/evil", "a/../../evil"};
    for (size_t i = 0; i < COUNT(names); i++) {
        struct parcel parcel = {.count = 0};
        struct recipe recipe = usual();
        (void)oci_layout(&parcel, &recipe);
        parcel_add(&parcel, names[i], "evil", 4);
        struct buf tar = parcel_tar(&parcel);
        if (names[i][0] == '/') {
            struct image_load_result result;
            ck_assert_int_eq(load_bytes(store, &tar, NULL, &result), 0);
            image_load_result_fini(&result);
            ck_assert_int_eq(image_store_remove(store, "web:1", &fixture_error), 0);
            ck_assert_int_eq(image_store_gc(store, NULL, &fixture_error), 0);
        } else {
            expect_refused(store, &tar, ERROR_DENIED, "out of the archive");
        }
        ck_assert_int_ne(access("/etc/evil", F_OK), 0);
        ck_assert_int_eq(count_entries(fixture_dir), 1);
        parcel_fini(&parcel);
        buf_fini(&tar);
    }
    image_store_close(store);
}
END_TEST

START_TEST(links_in_a_circle_end)
{
    struct image_store *store = fixture_store();
    struct parcel parcel = {.count = 0};
    parcel_add_link(&parcel, "index.json", "a");
    parcel_add_link(&parcel, "a", "b/../index.json");
    parcel_add_link(&parcel, "b", "index.json");
    parcel_add_link(&parcel, "manifest.json", "manifest.json");
    struct buf tar = parcel_tar(&parcel);
    expect_refused(store, &tar, ERROR_INVALID, "neither");
    parcel_fini(&parcel);
    buf_fini(&tar);
    image_store_close(store);
}
END_TEST

START_TEST(nested_indexes_end)
{
    /* Six levels, each naming the next twice: without a limit 2^n documents, with one an error. */
    struct image_store *store = fixture_store();
    struct parcel parcel = {.count = 0};
    char text[1024] = "{\"schemaVersion\":2,\"manifests\":[]}";
    char digest[IMAGE_DIGEST_BYTES_MAX];
    for (int level = 0; level < 6; level++) {
        char name[96];
        size_t size_bytes = strlen(text);
        digest_of(text, size_bytes, digest);
        blob_name(digest, name);
        parcel_add(&parcel, name, text, size_bytes);
        (void)snprintf(
            text, sizeof(text),
            "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":"
            "\"application/vnd.oci.image.index.v1+json\",\"digest\":\"%s\",\"size\":%zu},"
            "{\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"digest\":"
            "\"%s\",\"size\":%zu}]}",
            digest, size_bytes, digest, size_bytes);
    }
    parcel_add(&parcel, "index.json", text, strlen(text));
    struct buf tar = parcel_tar(&parcel);
    expect_refused(store, &tar, ERROR_LIMIT, "nested deeper");
    parcel_fini(&parcel);
    buf_fini(&tar);
    image_store_close(store);
}
END_TEST

START_TEST(limits_of_the_archive_hold)
{
    static const struct {
        struct image_limits limits;
        const char *says;
    } cases[] = {
        {{.archive_bytes_max = 20000}, "larger than 20000"},
        {{.archive_entries_max = 3}, "more than 3 entries"},
        {{.unpacked_bytes_max = 20000}, "unpacks to more than 20000"},
        {{.file_bytes_max = 19999}, "entry \"big\": it is larger than 19999"},
        {{.layer_entries_max = 1}, "more than 1 entries"},
    };
    struct image_store *store = fixture_store();
    struct parcel parcel = {.count = 0};
    struct recipe recipe = usual();
    struct image_load_result result;
    (void)oci_layout(&parcel, &recipe);
    struct buf tar = parcel_tar(&parcel);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct image_load_options options = {.limits = cases[i].limits};
        expect_error(load_bytes(store, &tar, &options, &result), ERROR_LIMIT, cases[i].says);
        expect_objects(0, 0);
    }
    parcel_fini(&parcel);
    buf_fini(&tar);
    image_store_close(store);
}
END_TEST

START_TEST(a_hostile_layer_leaves_nothing)
{
    struct image_store *store = fixture_store();
    struct buf evil = MAKE_TAR(FILE_OF("fine", "f"), SYMLINK("esc", "/"), FILE_OF("esc/evil", "x"));
    struct parcel parcel = {.count = 0};
    struct buf both[2] = {copy_of(&layer), evil};
    struct recipe recipe = {.layers = both, .layers_count = 2, .ref_name = "evil:1"};
    (void)oci_layout(&parcel, &recipe);
    struct buf tar = parcel_tar(&parcel);
    expect_refused(store, &tar, ERROR_DENIED,
                   "entry \"esc/evil\": its name goes through a symbolic");
    parcel_fini(&parcel);
    buf_fini(&tar);
    buf_fini(&both[0]);
    buf_fini(&both[1]);
    image_store_close(store);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("hostile");
    tcase_add_checked_fixture(cases, prepare, clean);
    tcase_add_test(cases, every_truncation_is_refused);
    tcase_add_test(cases, what_is_no_archive_is_called_so);
    tcase_add_test(cases, wrong_digests_and_holes_are_named);
    tcase_add_test(cases, wrong_documents_with_right_digests_are_refused);
    tcase_add_test(cases, a_layer_that_lies_about_its_diff_id_is_refused_also_when_stored);
    tcase_add_test(cases, hostile_names_in_the_outer_archive_stay_names);
    tcase_add_test(cases, links_in_a_circle_end);
    tcase_add_test(cases, nested_indexes_end);
    tcase_add_test(cases, limits_of_the_archive_hold);
    tcase_add_test(cases, a_hostile_layer_leaves_nothing);
    return fixture_run(cases, "image-hostile");
}
