/* Every kind of archive that people have, and what comes out of the store for it. */
#include <unistd.h>

#include "image_fixture.h"

static struct buf layers[2];

static void prepare(void)
{
    layers[0] = MAKE_TAR(DIRECTORY("etc"), FILE_OF("etc/os", "one"), FILE_OF("only-lower", "x"));
    layers[1] = MAKE_TAR(FILE_OF("etc/os", "two"), WHITEOUT(".wh.only-lower"));
}

static void clean(void)
{
    buf_fini(&layers[0]);
    buf_fini(&layers[1]);
}

static struct recipe usual(void)
{
    return (struct recipe){
        .layers = layers,
        .layers_count = 2,
        .ref_name = "shoal.example/web:1",
        .settings =
            "{\"Entrypoint\":[\"/bin/web\",\"-x\"],\"Cmd\":[\"serve\"],"
            "\"Env\":[\"PATH=/bin\",\"A=b c\"],\"WorkingDir\":\"/srv\",\"User\":\"www:www\","
            "\"StopSignal\":\"SIGQUIT\",\"ExposedPorts\":{\"8080/tcp\":{},\"53/udp\":{},"
            "\"80\":{},\"1-2/tcp\":{}},\"Volumes\":{\"/data\":{},\"/b\":{}},"
            "\"Labels\":{\"z\":\"1\",\"a\":\"2\"}}",
    };
}

static void expect_usual_image(struct image_store *store, const char *reference,
                               const struct made *made)
{
    struct image *image = must_find(store, reference);
    ck_assert_str_eq(image->id, made->config);
    ck_assert_uint_eq(image->config.entrypoint.count, 2);
    ck_assert_str_eq(image->config.entrypoint.items[1], "-x");
    ck_assert_ptr_null(image->config.entrypoint.items[2]);
    ck_assert_str_eq(image->config.command.items[0], "serve");
    ck_assert_str_eq(image->config.env.items[1], "A=b c");
    ck_assert_str_eq(image->config.working_dir, "/srv");
    ck_assert_str_eq(image->config.user, "www:www");
    ck_assert_str_eq(image->config.stop_signal, "SIGQUIT");
    ck_assert_uint_eq(image->config.ports_count, 3);
    ck_assert_uint_eq(image->config.ports[0].port, 53);
    ck_assert_str_eq(image->config.ports[0].protocol, "udp");
    ck_assert_uint_eq(image->config.ports[1].port, 80);
    ck_assert_str_eq(image->config.ports[1].protocol, "tcp");
    ck_assert_str_eq(image->config.volumes.items[0], "/b");
    ck_assert_uint_eq(image->config.labels_count, 2);
    ck_assert_str_eq(image->config.labels[0].key, "a");
    ck_assert_str_eq(image->config.labels[0].value, "2");
    ck_assert_str_eq(image->config.architecture, "amd64");
    ck_assert_uint_eq(image->lowerdirs.count, 2);
    char path[600];
    (void)snprintf(path, sizeof(path), "%s/etc/os", image->lowerdirs.items[0]);
    char *text = read_text(path);
    ck_assert_str_eq(text, "two"); /* top first */
    free(text);
    ck_assert(strncmp(image->lowerdirs.items[0], image->layers_dir, strlen(image->layers_dir)) ==
              0);
    ck_assert_uint_eq(image->size_bytes, 7);
    image_free(image);
}

START_TEST(oci_layouts_load_in_every_packing)
{
    for (int inner = PACK_PLAIN; inner <= PACK_ZSTD; inner++) {
        for (int outer = PACK_PLAIN; outer <= PACK_ZSTD; outer++) {
            struct image_store *store = fixture_store();
            struct parcel parcel = {.count = 0};
            struct recipe recipe = usual();
            recipe.pack = (enum pack)inner;
            struct made made = oci_layout(&parcel, &recipe);
            struct buf tar = parcel_tar(&parcel);
            must_load(store, packed(&tar, (enum pack)outer));
            expect_usual_image(store, "shoal.example/web:1", &made);
            expect_usual_image(store, made.manifest, &made);
            expect_usual_image(store, made.config, &made);
            expect_usual_image(store, digest_hex(made.config), &made);
            ck_assert_int_eq(image_store_remove(store, made.config, &fixture_error), 0);
            ck_assert_int_eq(image_store_gc(store, NULL, &fixture_error), 0);
            expect_objects(0, 0);
            image_store_close(store);
            parcel_fini(&parcel);
            buf_fini(&tar);
        }
    }
}
END_TEST

START_TEST(docker_archives_load_in_every_packing)
{
    for (int inner = PACK_PLAIN; inner <= PACK_ZSTD; inner++) {
        struct image_store *store = fixture_store();
        struct parcel parcel = {.count = 0};
        struct recipe recipe = usual();
        struct image_load_result result;
        recipe.pack = (enum pack)inner;
        struct made made = docker_archive(&parcel, &recipe, "[\"nginx:1.25\",\"a.b/c:d\"]");
        struct buf tar = parcel_tar(&parcel);
        ck_assert_msg(load_bytes(store, &tar, NULL, &result) == 0, "%s", fixture_error.message);
        ck_assert_uint_eq(result.references.count, 2);
        ck_assert_str_eq(result.references.items[0], "a.b/c:d");
        ck_assert_str_eq(result.references.items[1], "docker.io/library/nginx:1.25");
        image_load_result_fini(&result);
        expect_usual_image(store, "nginx:1.25", &made);
        expect_usual_image(store, "library/nginx:1.25", &made);
        ck_assert_int_eq(image_store_remove(store, made.config, &fixture_error), 0);
        ck_assert_int_eq(image_store_gc(store, NULL, &fixture_error), 0);
        image_store_close(store);
        parcel_fini(&parcel);
        buf_fini(&tar);
    }
}
END_TEST

START_TEST(docker_links_between_equal_layers_are_followed)
{
    struct image_store *store = fixture_store();
    struct parcel parcel = {.count = 0};
    struct buf same[3] = {copy_of(&layers[0]), copy_of(&layers[1]), copy_of(&layers[0])};
    struct recipe recipe = {.layers = same, .layers_count = 3};
    char name[96];
    (void)docker_archive(&parcel, &recipe, "[\"links\"]");
    char digest[IMAGE_DIGEST_BYTES_MAX];
    digest_of(same[0].data, same[0].size_bytes, digest);
    (void)snprintf(name, sizeof(name), "%.12s2/layer.tar", digest_hex(digest));
    parcel_drop(&parcel, name);
    char target[96];
    (void)snprintf(target, sizeof(target), "../%.12s0/layer.tar", digest_hex(digest));
    parcel_add_link(&parcel, name, target);
    must_load(store, parcel_tar(&parcel));
    struct image *image = must_find(store, "links");
    ck_assert_uint_eq(image->lowerdirs.count, 2); /* the lower of two equal layers is not needed */
    ck_assert_ptr_nonnull(strstr(image->lowerdirs.items[0], digest_hex(digest)));
    image_free(image);
    image_store_close(store);
    parcel_fini(&parcel);
    for (size_t i = 0; i < COUNT(same); i++)
        buf_fini(&same[i]);
}
END_TEST

START_TEST(dockers_hybrid_has_the_names_of_both)
{
    struct image_store *store = fixture_store();
    struct parcel parcel = {.count = 0};
    struct recipe recipe = usual();
    char config_name[96];
    char manifest[512];
    recipe.full_name = "docker.io/library/full:1";
    recipe.ref_name = "1";
    struct made made = oci_layout(&parcel, &recipe);
    blob_name(made.config, config_name);
    (void)snprintf(manifest, sizeof(manifest),
                   "[{\"Config\":\"%s\",\"RepoTags\":[\"full:1\",\"other:2\"],\"Layers\":[]}]",
                   config_name);
    parcel_add(&parcel, "manifest.json", manifest, strlen(manifest));
    must_load(store, parcel_tar(&parcel));
    expect_usual_image(store, "full:1", &made);
    expect_usual_image(store, "other:2", &made);
    struct image *image = must_find(store, made.manifest);
    ck_assert_uint_eq(image->references.count, 2);
    image_free(image);
    image_store_close(store);
    parcel_fini(&parcel);
}
END_TEST

START_TEST(layout_directories_load)
{
    struct image_store *store = fixture_store();
    struct parcel parcel = {.count = 0};
    struct recipe recipe = usual();
    struct image_load_result result;
    struct made made = oci_layout(&parcel, &recipe);
    parcel_write(&parcel, fixture_path("layout"));
    ck_assert_msg(image_store_load(store, fixture_path("layout"), NULL, &result, &fixture_error) ==
                      0,
                  "%s", fixture_error.message);
    ck_assert_str_eq(result.references.items[0], "shoal.example/web:1");
    image_load_result_fini(&result);
    expect_usual_image(store, "shoal.example/web:1", &made);
    expect_error(image_store_load(store, fixture_path("nowhere"), NULL, &result, &fixture_error),
                 ERROR_NOT_FOUND, "nowhere");
    image_store_close(store);
    parcel_fini(&parcel);
}
END_TEST

START_TEST(a_layout_directory_cannot_smuggle_in_files)
{
    struct image_store *store = fixture_store();
    struct parcel parcel = {.count = 0};
    struct recipe recipe = usual();
    struct image_load_result result;
    struct made made = oci_layout(&parcel, &recipe);
    char name[96];
    blob_name(made.config, name);
    struct buf *config = parcel_find(&parcel, name);
    struct parcel outside = {.count = 0};
    parcel_add(&outside, "config", config->data, config->size_bytes);
    parcel_write(&outside, fixture_path("outside"));
    char target[200];
    (void)snprintf(target, sizeof(target), "%s", fixture_path("outside/config"));
    parcel_drop(&parcel, name);
    parcel_add_link(&parcel, name, target); /* right contents, but through a link out of it */
    parcel_write(&parcel, fixture_path("layout"));
    expect_error(image_store_load(store, fixture_path("layout"), NULL, &result, &fixture_error),
                 ERROR_CORRUPT, "missing");
    expect_objects(0, 0);
    image_store_close(store);
    parcel_fini(&parcel);
    parcel_fini(&outside);
}
END_TEST

START_TEST(names_come_from_the_archive_or_the_option)
{
    static const struct {
        const char *ref_name, *full_name, *option, *wanted;
    } cases[] = {
        {"shoal.example/web:1", NULL, NULL, "shoal.example/web:1"},
        {"web", NULL, NULL, "docker.io/library/web:latest"},
        {"1.25", "quay.io/a/b:1.25", NULL, "quay.io/a/b:1.25"},
        {"1.25", NULL, "shoal.example/web", "shoal.example/web:1.25"},
        {"1.25", NULL, "shoal.example/web:9", "shoal.example/web:9"},
        {NULL, NULL, "web", "docker.io/library/web:latest"},
        {"a/b:1", NULL, "web", "docker.io/a/b:1"}, /* what the archive says whole stays */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct image_store *store = fixture_store();
        struct parcel parcel = {.count = 0};
        struct recipe recipe = usual();
        struct image_load_result result;
        recipe.ref_name = cases[i].ref_name;
        recipe.full_name = cases[i].full_name;
        (void)oci_layout(&parcel, &recipe);
        struct buf tar = parcel_tar(&parcel);
        struct image_load_options options = {.name = cases[i].option};
        ck_assert_msg(load_bytes(store, &tar, &options, &result) == 0, "%s", fixture_error.message);
        ck_assert_uint_eq(result.references.count, 1);
        ck_assert_str_eq(result.references.items[0], cases[i].wanted);
        image_load_result_fini(&result);
        ck_assert_int_eq(image_store_remove(store, cases[i].wanted, &fixture_error), 0);
        ck_assert_int_eq(image_store_gc(store, NULL, &fixture_error), 0);
        expect_objects(0, 0);
        image_store_close(store);
        parcel_fini(&parcel);
        buf_fini(&tar);
    }
}
END_TEST

START_TEST(an_image_without_a_name_is_kept_under_its_id)
{
    struct image_store *store = fixture_store();
    struct parcel parcel = {.count = 0};
    struct recipe recipe = usual();
    struct image_load_result result;
    recipe.ref_name = "RELEASE"; /* no reference */
    struct made made = oci_layout(&parcel, &recipe);
    struct buf tar = parcel_tar(&parcel);
    ck_assert_int_eq(load_bytes(store, &tar, NULL, &result), 0);
    ck_assert_str_eq(result.references.items[0], made.config);
    ck_assert_uint_eq(result.warnings.count, 1);
    image_load_result_fini(&result);
    ck_assert_int_eq(image_store_gc(store, NULL, &fixture_error), 0);
    struct image *image = must_find(store, made.config);
    ck_assert_uint_eq(image->references.count, 0);
    image_free(image);
    /* Named later, it is one image with one name; without that name, none. */
    struct image_load_options options = {.name = "web:1"};
    ck_assert_int_eq(load_bytes(store, &tar, &options, &result), 0);
    image_load_result_fini(&result);
    ck_assert_int_eq(image_store_remove(store, "web:1", &fixture_error), 0);
    ck_assert_int_eq(image_store_gc(store, NULL, &fixture_error), 0);
    expect_objects(0, 0);
    options.name = "web@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    expect_error(load_bytes(store, &tar, &options, &result), ERROR_INVALID, "digest");
    image_store_close(store);
    parcel_fini(&parcel);
    buf_fini(&tar);
}
END_TEST

/* index.json -> image index -> one manifest for each machine */
static struct buf multi_platform(struct parcel *parcel, const char *const *architectures,
                                 size_t count, struct made *made, char *index_digest)
{
    struct buf inner = BUF_INIT;
    struct buf outer = BUF_INIT;
    char name[96];
    buf_append_text(&inner, "{\"schemaVersion\":2,\"manifests\":[");
    for (size_t i = 0; i < count; i++) {
        struct recipe recipe = usual();
        recipe.architecture = architectures[i];
        made[i] = oci_add(parcel, &recipe);
        buf_printf(&inner,
                   "%s{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":"
                   "\"%s\",\"size\":%zu,\"platform\":{\"os\":\"linux\",\"architecture\":\"%s\"}}",
                   i == 0 ? "" : ",", made[i].manifest, made[i].manifest_bytes, architectures[i]);
    }
    buf_printf(&inner,
               ",{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"%s\","
               "\"size\":1,\"platform\":{\"os\":\"unknown\",\"architecture\":\"unknown\"},"
               "\"annotations\":{\"vnd.docker.reference.type\":\"attestation-manifest\"}}]}",
               made[0].config);
    digest_of(inner.data, inner.size_bytes, index_digest);
    blob_name(index_digest, name);
    parcel_add(parcel, name, inner.data, inner.size_bytes);
    buf_printf(&outer,
               "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":"
               "\"application/vnd.oci.image.index.v1+json\",\"digest\":\"%s\",\"size\":%zu,"
               "\"annotations\":{\"org.opencontainers.image.ref.name\":\"multi:1\"}}]}",
               index_digest, inner.size_bytes);
    parcel_add(parcel, "index.json", outer.data, outer.size_bytes);
    buf_fini(&inner);
    buf_fini(&outer);
    return parcel_tar(parcel);
}

START_TEST(the_platform_is_chosen_from_an_index)
{
    static const char *const architectures[] = {"arm64", "amd64", "s390x"};
    struct image_store *store = fixture_store();
    struct parcel parcel = {.count = 0};
    struct made made[3];
    char index_digest[IMAGE_DIGEST_BYTES_MAX];
    struct image_load_result result;
    struct buf tar = multi_platform(&parcel, architectures, 3, made, index_digest);
    struct image_load_options options = {.architecture = "amd64"};
    ck_assert_msg(load_bytes(store, &tar, &options, &result) == 0, "%s", fixture_error.message);
    image_load_result_fini(&result);
    expect_usual_image(store, "multi:1", &made[1]);
    /* Found by the digest of the index too, as in multi@sha256:<index>. */
    char text[IMAGE_REFERENCE_BYTES_MAX];
    (void)snprintf(text, sizeof(text), "multi:1@%s", index_digest);
    expect_usual_image(store, text, &made[1]);
    options.architecture = "s390x";
    ck_assert_int_eq(load_bytes(store, &tar, &options, &result), 0);
    image_load_result_fini(&result);
    struct image *image = must_find(store, "multi:1"); /* the name has moved */
    ck_assert_str_eq(image->config.architecture, "s390x");
    image_free(image);
    options.architecture = "riscv64";
    expect_error(
        load_bytes(store, &tar, &options, &result), ERROR_UNSUPPORTED,
        "no image for linux/riscv64 in it, only for: linux/arm64, linux/amd64, linux/s390x");
    image_store_close(store);
    parcel_fini(&parcel);
    buf_fini(&tar);
}
END_TEST

START_TEST(an_image_for_another_machine_is_refused)
{
    struct image_store *store = fixture_store();
    for (int docker = 0; docker < 2; docker++) {
        struct parcel parcel = {.count = 0};
        struct recipe recipe = usual();
        struct image_load_result result;
        recipe.architecture = "sparc";
        if (docker)
            (void)docker_archive(&parcel, &recipe, "[\"a\"]");
        else
            (void)oci_layout(&parcel, &recipe);
        struct buf tar = parcel_tar(&parcel);
        expect_error(load_bytes(store, &tar, NULL, &result), ERROR_UNSUPPORTED,
                     "the image is for linux/sparc, this node is linux/");
        expect_objects(0, 0);
        parcel_fini(&parcel);
        buf_fini(&tar);
    }
    image_store_close(store);
}
END_TEST

START_TEST(equal_layers_are_stored_once)
{
    struct image_store *store = fixture_store();
    struct parcel first = {.count = 0};
    struct parcel second = {.count = 0};
    struct recipe recipe = usual();
    (void)oci_layout(&first, &recipe);
    must_load(store, parcel_tar(&first));
    expect_objects(4, 2);
    uint64_t before_bytes = image_store_size_bytes(store);
    recipe.settings = "{\"User\":\"other\"}";
    recipe.ref_name = "shoal.example/other:1";
    (void)oci_layout(&second, &recipe);
    must_load(store, parcel_tar(&second));
    expect_objects(6, 2);
    ck_assert_uint_lt(image_store_size_bytes(store), before_bytes + 2048);
    must_load(store, parcel_tar(&second)); /* again: nothing more */
    expect_objects(6, 2);
    struct image_list list;
    image_store_list(store, &list);
    ck_assert_uint_eq(list.count, 2);
    ck_assert_str_eq(list.items[0].references.items[0], "shoal.example/other:1");
    ck_assert_str_eq(list.items[1].references.items[0], "shoal.example/web:1");
    image_list_fini(&list);
    image_store_close(store);
    parcel_fini(&first);
    parcel_fini(&second);
}
END_TEST

START_TEST(layer_blobs_need_not_be_kept)
{
    struct image_store *store = fixture_store();
    struct parcel parcel = {.count = 0};
    struct recipe recipe = usual();
    struct image_load_result result;
    struct image_load_options options = {.discard_layer_blobs = true};
    struct made made = oci_layout(&parcel, &recipe);
    struct buf tar = parcel_tar(&parcel);
    ck_assert_int_eq(load_bytes(store, &tar, &options, &result), 0);
    image_load_result_fini(&result);
    expect_objects(2, 2);
    expect_usual_image(store, "shoal.example/web:1", &made);
    image_store_close(store);
    parcel_fini(&parcel);
    buf_fini(&tar);
}
END_TEST

START_TEST(an_image_without_layers_has_an_empty_directory)
{
    struct image_store *store = fixture_store();
    struct parcel parcel = {.count = 0};
    struct recipe recipe = {.ref_name = "scratch:1"};
    (void)oci_layout(&parcel, &recipe);
    must_load(store, parcel_tar(&parcel));
    struct image *image = must_find(store, "scratch:1");
    ck_assert_uint_eq(image->lowerdirs.count, 1);
    ck_assert_int_eq(count_entries(image->lowerdirs.items[0]), 0);
    image_free(image);
    ck_assert_int_eq(image_store_gc(store, NULL, &fixture_error), 0);
    image_free(must_find(store, "scratch:1"));
    image_store_close(store);
    parcel_fini(&parcel);
}
END_TEST

START_TEST(a_root_opaque_layer_hides_all_below)
{
    struct image_store *store = fixture_store();
    struct parcel parcel = {.count = 0};
    struct buf three[3] = {copy_of(&layers[0]),
                           MAKE_TAR(WHITEOUT(".wh..wh..opq"), FILE_OF("new", "n")),
                           copy_of(&layers[1])};
    struct recipe recipe = {.layers = three, .layers_count = 3, .ref_name = "opaque:1"};
    (void)oci_layout(&parcel, &recipe);
    for (int round = 0; round < 2; round++) { /* unpacked, and found unpacked */
        must_load(store, parcel_tar(&parcel));
        struct image *image = must_find(store, "opaque:1");
        ck_assert_uint_eq(image->lowerdirs.count, 2);
        image_free(image);
    }
    image_store_close(store);
    store = fixture_store();
    struct image *image = must_find(store, "opaque:1");
    ck_assert_uint_eq(image->lowerdirs.count, 2);
    image_free(image);
    image_store_close(store);
    parcel_fini(&parcel);
    for (size_t i = 0; i < COUNT(three); i++)
        buf_fini(&three[i]);
}
END_TEST

START_TEST(an_upload_comes_in_pieces)
{
    struct image_store *store = fixture_store();
    struct parcel parcel = {.count = 0};
    struct recipe recipe = usual();
    struct image_load_result result;
    struct image_load *load = NULL;
    struct image_load *other = NULL;
    recipe.ref_name = "1";
    struct made made = oci_layout(&parcel, &recipe);
    struct buf tar = parcel_tar(&parcel);
    char name[] = "shoal.example/up";
    struct image_load_options options = {.name = name};
    ck_assert_int_eq(image_load_begin(store, &options, &load, &fixture_error), 0);
    ck_assert_int_eq(image_load_begin(store, NULL, &other, &fixture_error), 0);
    memset(name, '?', sizeof(name) - 1); /* the options are copied */
    for (size_t i = 0; i < tar.size_bytes; i += 777) {
        size_t size = tar.size_bytes - i < 777 ? tar.size_bytes - i : 777;
        ck_assert_int_eq(image_load_write(load, tar.data + i, size, &fixture_error), 0);
        ck_assert_int_eq(image_load_write(other, tar.data + i, size / 2, &fixture_error), 0);
    }
    ck_assert_int_eq(count_entries(fixture_path("store/tmp")), 0); /* nothing a crash could leave */
    ck_assert_msg(image_load_finish(load, &result, &fixture_error) == 0, "%s",
                  fixture_error.message);
    ck_assert_str_eq(result.references.items[0], "shoal.example/up:1");
    image_load_result_fini(&result);
    expect_usual_image(store, "shoal.example/up:1", &made);
    image_load_abort(other);
    image_load_abort(NULL);
    /* A cap on its size. */
    options = (struct image_load_options){.limits = {.archive_bytes_max = 1000}};
    ck_assert_int_eq(image_load_begin(store, &options, &load, &fixture_error), 0);
    ck_assert_int_eq(image_load_write(load, tar.data, 1000, &fixture_error), 0);
    expect_error(image_load_write(load, tar.data, 1, &fixture_error), ERROR_LIMIT, "1000 bytes");
    image_load_abort(load);
    /* Cut short. */
    ck_assert_int_eq(image_load_begin(store, NULL, &load, &fixture_error), 0);
    ck_assert_int_eq(image_load_write(load, tar.data, tar.size_bytes / 2, &fixture_error), 0);
    expect_error(image_load_finish(load, &result, &fixture_error), ERROR_CORRUPT, "truncated");
    image_store_close(store);
    parcel_fini(&parcel);
    buf_fini(&tar);
}
END_TEST

START_TEST(several_images_come_in_one_archive)
{
    struct image_store *store = fixture_store();
    struct parcel parcel = {.count = 0};
    struct recipe recipe = usual();
    struct made made[2];
    struct image_load_result result;
    struct buf index = BUF_INIT;
    buf_append_text(&index, "{\"schemaVersion\":2,\"manifests\":[");
    for (size_t i = 0; i < 2; i++) {
        char settings[64];
        (void)snprintf(settings, sizeof(settings), "{\"User\":\"%zu\"}", i);
        recipe.settings = settings;
        made[i] = oci_add(&parcel, &recipe);
        buf_printf(&index,
                   "%s{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":"
                   "\"%s\",\"size\":%zu,\"annotations\":{\"org.opencontainers.image.ref.name\":"
                   "\"web:%zu\"}}",
                   i == 0 ? "" : ",", made[i].manifest, made[i].manifest_bytes, i);
    }
    buf_append_text(&index, "]}");
    parcel_add(&parcel, "index.json", index.data, index.size_bytes);
    struct buf tar = parcel_tar(&parcel);
    ck_assert_msg(load_bytes(store, &tar, NULL, &result) == 0, "%s", fixture_error.message);
    ck_assert_uint_eq(result.references.count, 2);
    image_load_result_fini(&result);
    struct image *image = must_find(store, "web:1");
    ck_assert_str_eq(image->config.user, "1");
    image_free(image);
    /* One name for both is no name. */
    char *text = mem_strndup((const char *)index.data, index.size_bytes);
    *strstr(text, "web:1") = 'x';
    memcpy(strstr(text, "xeb:1"), "web:0", 5);
    parcel_add(&parcel, "index.json", text, index.size_bytes);
    struct buf twice = parcel_tar(&parcel);
    expect_error(load_bytes(store, &twice, NULL, &result), ERROR_CONFLICT, "two images called");
    mem_free(text);
    image_store_close(store);
    parcel_fini(&parcel);
    buf_fini(&index);
    buf_fini(&twice);
    buf_fini(&tar);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("load");
    tcase_add_checked_fixture(cases, prepare, clean);
    tcase_add_test(cases, oci_layouts_load_in_every_packing);
    tcase_add_test(cases, docker_archives_load_in_every_packing);
    tcase_add_test(cases, docker_links_between_equal_layers_are_followed);
    tcase_add_test(cases, dockers_hybrid_has_the_names_of_both);
    tcase_add_test(cases, layout_directories_load);
    tcase_add_test(cases, a_layout_directory_cannot_smuggle_in_files);
    tcase_add_test(cases, names_come_from_the_archive_or_the_option);
    tcase_add_test(cases, an_image_without_a_name_is_kept_under_its_id);
    tcase_add_test(cases, the_platform_is_chosen_from_an_index);
    tcase_add_test(cases, an_image_for_another_machine_is_refused);
    tcase_add_test(cases, equal_layers_are_stored_once);
    tcase_add_test(cases, layer_blobs_need_not_be_kept);
    tcase_add_test(cases, an_image_without_layers_has_an_empty_directory);
    tcase_add_test(cases, a_root_opaque_layer_hides_all_below);
    tcase_add_test(cases, an_upload_comes_in_pieces);
    tcase_add_test(cases, several_images_come_in_one_archive);
    return fixture_run(cases, "image-load");
}
