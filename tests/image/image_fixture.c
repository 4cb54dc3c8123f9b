#include "image_fixture.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

char fixture_dir[64];
struct error fixture_error;

static la_ssize_t write_piece(struct archive *archive, void *context, const void *data, size_t size)
{
    (void)archive;
    buf_append(context, data, size);
    return (la_ssize_t)size;
}

static void write_entry(struct archive *archive, const struct entry *from)
{
    struct archive_entry *entry = archive_entry_new();
    size_t size_bytes = from->type == 'f' && from->text != NULL ? strlen(from->text) : 0;
    archive_entry_set_pathname(entry, from->path);
    archive_entry_set_perm(entry, from->mode != 0     ? (mode_t)from->mode
                                  : from->type == 'd' ? 0755
                                                      : 0644);
    archive_entry_set_uid(entry, from->uid);
    archive_entry_set_gid(entry, from->gid);
    archive_entry_set_mtime(entry, from->modified_s, 0);
    archive_entry_set_size(entry, (la_int64_t)size_bytes);
    if (from->attribute != NULL)
        archive_entry_xattr_add_entry(entry, from->attribute, from->value,
                                      from->value_bytes > 0 ? from->value_bytes
                                                            : strlen(from->value));
    switch (from->type) {
    case 'd':
        archive_entry_set_filetype(entry, AE_IFDIR);
        break;
    case 'l':
        archive_entry_set_filetype(entry, AE_IFLNK);
        archive_entry_set_symlink(entry, from->text);
        break;
    case 'h':
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_hardlink(entry, from->text);
        break;
    case 'c':
    case 'b':
        archive_entry_set_filetype(entry, from->type == 'c' ? AE_IFCHR : AE_IFBLK);
        archive_entry_set_rdevmajor(entry, (dev_t)atoi(from->text));
        archive_entry_set_rdevminor(entry, (dev_t)atoi(strchr(from->text, ':') + 1));
        break;
    case 'p':
        archive_entry_set_filetype(entry, AE_IFIFO);
        break;
    default:
        archive_entry_set_filetype(entry, AE_IFREG);
    }
    ck_assert_msg(archive_write_header(archive, entry) >= ARCHIVE_WARN, "%s",
                  archive_error_string(archive));
    if (size_bytes > 0)
        ck_assert_int_eq(archive_write_data(archive, from->text, size_bytes), (int)size_bytes);
    archive_entry_free(entry);
}

struct buf make_tar(const struct entry *entries, size_t count)
{
    struct buf data = BUF_INIT;
    struct archive *archive = archive_write_new();
    ck_assert_int_eq(archive_write_set_format_pax_restricted(archive), ARCHIVE_OK);
    ck_assert_int_eq(archive_write_set_bytes_per_block(archive, 0), ARCHIVE_OK);
    ck_assert_int_eq(archive_write_open(archive, &data, NULL, write_piece, NULL), ARCHIVE_OK);
    for (size_t i = 0; i < count; i++)
        write_entry(archive, &entries[i]);
    ck_assert_int_eq(archive_write_close(archive), ARCHIVE_OK);
    archive_write_free(archive);
    return data;
}

struct buf copy_of(const struct buf *data)
{
    struct buf copy = BUF_INIT;
    buf_append(&copy, data->data, data->size_bytes);
    return copy;
}

struct buf packed(const struct buf *data, enum pack pack)
{
    struct buf result = BUF_INIT;
    if (pack == PACK_PLAIN)
        return copy_of(data);
    size_t room_bytes = pack == PACK_GZIP ? compressBound((uLong)data->size_bytes) + 64
                                          : ZSTD_compressBound(data->size_bytes);
    uint8_t *room = mem_alloc(room_bytes, 1);
    if (pack == PACK_ZSTD) {
        size_t size = ZSTD_compress(room, room_bytes, data->data, data->size_bytes, 3);
        ck_assert(!ZSTD_isError(size));
        buf_append(&result, room, size);
    } else {
        z_stream stream = {.next_in = data->data,
                           .avail_in = (uInt)data->size_bytes,
                           .next_out = room,
                           .avail_out = (uInt)room_bytes};
        ck_assert_int_eq(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY),
                         Z_OK);
        ck_assert_int_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
        buf_append(&result, room, stream.total_out);
        (void)deflateEnd(&stream);
    }
    mem_free(room);
    return result;
}

void parcel_add(struct parcel *parcel, const char *name, const void *data, size_t size_bytes)
{
    parcel_drop(parcel, name);
    ck_assert_uint_lt(parcel->count, COUNT(parcel->items));
    parcel->items[parcel->count].name = mem_strdup(name);
    parcel->items[parcel->count].data = BUF_INIT;
    parcel->items[parcel->count].link = NULL;
    buf_append(&parcel->items[parcel->count].data, data, size_bytes);
    parcel->count++;
}

void parcel_add_link(struct parcel *parcel, const char *name, const char *target)
{
    parcel_add(parcel, name, "", 0);
    parcel->items[parcel->count - 1].link = target;
}

void parcel_drop(struct parcel *parcel, const char *name)
{
    for (size_t i = 0; i < parcel->count; i++) {
        if (strcmp(parcel->items[i].name, name) != 0)
            continue;
        mem_free(parcel->items[i].name);
        buf_fini(&parcel->items[i].data);
        memmove(&parcel->items[i], &parcel->items[i + 1],
                (parcel->count - i - 1) * sizeof(parcel->items[0]));
        parcel->count--;
        return;
    }
}

struct buf *parcel_find(struct parcel *parcel, const char *name)
{
    for (size_t i = 0; i < parcel->count; i++)
        if (strcmp(parcel->items[i].name, name) == 0)
            return &parcel->items[i].data;
    ck_abort_msg("no %s in the parcel", name);
}

struct buf parcel_tar(const struct parcel *parcel)
{
    struct buf data = BUF_INIT;
    struct archive *archive = archive_write_new();
    ck_assert_int_eq(archive_write_set_format_pax_restricted(archive), ARCHIVE_OK);
    ck_assert_int_eq(archive_write_set_bytes_per_block(archive, 0), ARCHIVE_OK);
    ck_assert_int_eq(archive_write_open(archive, &data, NULL, write_piece, NULL), ARCHIVE_OK);
    for (size_t i = 0; i < parcel->count; i++) {
        struct archive_entry *entry = archive_entry_new();
        archive_entry_set_pathname(entry, parcel->items[i].name);
        archive_entry_set_perm(entry, 0644);
        archive_entry_set_filetype(entry, parcel->items[i].link != NULL ? AE_IFLNK : AE_IFREG);
        if (parcel->items[i].link != NULL)
            archive_entry_set_symlink(entry, parcel->items[i].link);
        size_t size_bytes = parcel->items[i].data.size_bytes;
        archive_entry_set_size(entry, (la_int64_t)size_bytes);
        ck_assert_int_eq(archive_write_header(archive, entry), ARCHIVE_OK);
        if (size_bytes > 0)
            ck_assert_int_eq(archive_write_data(archive, parcel->items[i].data.data, size_bytes),
                             (la_ssize_t)size_bytes);
        archive_entry_free(entry);
    }
    ck_assert_int_eq(archive_write_close(archive), ARCHIVE_OK);
    archive_write_free(archive);
    return data;
}

static void write_file(const char *path, const struct buf *data)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(files_write_all(fd, data->data, data->size_bytes), 0);
    (void)close(fd);
}

void parcel_write(const struct parcel *parcel, const char *directory)
{
    for (size_t i = 0; i < parcel->count; i++) {
        char path[512];
        (void)snprintf(path, sizeof(path), "%s/%s", directory, parcel->items[i].name);
        for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
            *slash = '\0';
            (void)mkdir(path, 0755);
            *slash = '/';
        }
        if (parcel->items[i].link != NULL)
            ck_assert_int_eq(symlink(parcel->items[i].link, path), 0);
        else
            write_file(path, &parcel->items[i].data);
    }
}

void parcel_fini(struct parcel *parcel)
{
    while (parcel->count > 0)
        parcel_drop(parcel, parcel->items[0].name);
}

void blob_name(const char *digest, char name[static 96])
{
    (void)snprintf(name, 96, "blobs/sha256/%s", digest_hex(digest));
}

static void add_blob(struct parcel *parcel, const void *data, size_t size_bytes,
                     char digest[static IMAGE_DIGEST_BYTES_MAX])
{
    char name[96];
    digest_of(data, size_bytes, digest);
    blob_name(digest, name);
    parcel_add(parcel, name, data, size_bytes);
}

static const char *or_text(const char *text, const char *preset)
{
    return text != NULL ? text : preset;
}

static struct buf make_config(const struct recipe *recipe, struct made *made)
{
    struct buf config = BUF_INIT;
    buf_printf(&config,
               "{\"architecture\":\"%s\",\"os\":\"linux\",\"config\":%s,\"rootfs\":{\"type\":"
               "\"layers\",\"diff_ids\":[",
               or_text(recipe->architecture, "amd64"), or_text(recipe->settings, "{}"));
    for (size_t i = 0; i < recipe->layers_count; i++) {
        digest_of(recipe->layers[i].data, recipe->layers[i].size_bytes, made->diff_id);
        buf_printf(&config, "%s\"%s\"", i == 0 ? "" : ",", made->diff_id);
    }
    buf_append_text(&config, "]}}");
    return config;
}

struct made oci_add(struct parcel *parcel, const struct recipe *recipe)
{
    static const char *const types[] = {"application/vnd.oci.image.layer.v1.tar",
                                        "application/vnd.oci.image.layer.v1.tar+gzip",
                                        "application/vnd.oci.image.layer.v1.tar+zstd"};
    struct made made = {.manifest_bytes = 0};
    struct buf manifest = BUF_INIT;
    struct buf config = make_config(recipe, &made);
    add_blob(parcel, config.data, config.size_bytes, made.config);
    buf_printf(&manifest,
               "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
               "\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":"
               "\"%s\",\"size\":%zu},\"layers\":[",
               made.config, config.size_bytes);
    for (size_t i = 0; i < recipe->layers_count; i++) {
        struct buf layer = packed(&recipe->layers[i], recipe->pack);
        add_blob(parcel, layer.data, layer.size_bytes, made.layer_blob);
        buf_printf(&manifest, "%s{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}",
                   i == 0 ? "" : ",", or_text(recipe->layer_type, types[recipe->pack]),
                   made.layer_blob, layer.size_bytes);
        buf_fini(&layer);
    }
    buf_append_text(&manifest, "]}");
    add_blob(parcel, manifest.data, manifest.size_bytes, made.manifest);
    made.manifest_bytes = manifest.size_bytes;
    buf_fini(&manifest);
    buf_fini(&config);
    return made;
}

struct made oci_layout(struct parcel *parcel, const struct recipe *recipe)
{
    static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
    struct made made = oci_add(parcel, recipe);
    struct buf index = BUF_INIT;
    buf_printf(&index,
               "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":"
               "\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"%s\",\"size\":%zu,"
               "\"annotations\":{",
               made.manifest, made.manifest_bytes);
    if (recipe->ref_name != NULL)
        buf_printf(&index, "\"org.opencontainers.image.ref.name\":\"%s\"%s", recipe->ref_name,
                   recipe->full_name != NULL ? "," : "");
    if (recipe->full_name != NULL)
        buf_printf(&index, "\"io.containerd.image.name\":\"%s\"", recipe->full_name);
    buf_append_text(&index, "}}]}");
    parcel_add(parcel, "index.json", index.data, index.size_bytes);
    parcel_add(parcel, "oci-layout", layout, sizeof(layout) - 1);
    buf_fini(&index);
    return made;
}

struct made docker_archive(struct parcel *parcel, const struct recipe *recipe,
                           const char *tags_json)
{
    char name[96];
    struct made made = {.manifest_bytes = 0};
    struct buf manifest = BUF_INIT;
    struct buf config = make_config(recipe, &made);
    digest_of(config.data, config.size_bytes, made.config);
    (void)snprintf(name, sizeof(name), "%s.json", digest_hex(made.config));
    parcel_add(parcel, name, config.data, config.size_bytes);
    buf_printf(&manifest, "[{\"Config\":\"%s\",\"RepoTags\":%s,\"Layers\":[", name, tags_json);
    for (size_t i = 0; i < recipe->layers_count; i++) {
        struct buf layer = packed(&recipe->layers[i], recipe->pack);
        digest_of(layer.data, layer.size_bytes, made.layer_blob);
        (void)snprintf(name, sizeof(name), "%.12s%zu/layer.tar", digest_hex(made.layer_blob), i);
        parcel_add(parcel, name, layer.data, layer.size_bytes);
        buf_printf(&manifest, "%s\"%s\"", i == 0 ? "" : ",", name);
        buf_fini(&layer);
    }
    buf_append_text(&manifest, "]}]");
    parcel_add(parcel, "manifest.json", manifest.data, manifest.size_bytes);
    buf_fini(&manifest);
    buf_fini(&config);
    return made;
}

const char *fixture_path(const char *format, ...)
{
    static char paths[4][512];
    static unsigned int turn;
    char *path = paths[turn++ % COUNT(paths)];
    char tail[256];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(tail, sizeof(tail), format, arguments);
    va_end(arguments);
    (void)snprintf(path, sizeof(paths[0]), "%s/%s", fixture_dir, tail);
    return path;
}

void fixture_remove(const char *name)
{
    int fd = open(fixture_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_eq(files_remove_tree(fd, name), 0);
    (void)close(fd);
}

struct image_store *fixture_store(void)
{
    struct image_store *store = NULL;
    ck_assert_msg(image_store_open(fixture_path("store"), &store, &fixture_error) == 0, "%s",
                  fixture_error.message);
    return store;
}

int load_bytes(struct image_store *store, const struct buf *data,
               const struct image_load_options *options, struct image_load_result *ret_result)
{
    int fd = memfd_create("archive", MFD_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(files_write_all(fd, data->data, data->size_bytes), 0);
    ck_assert_int_eq((int)lseek(fd, 0, SEEK_SET), 0);
    int result = image_store_load_fd(store, fd, options, ret_result, &fixture_error);
    (void)close(fd);
    return result;
}

void must_load(struct image_store *store, struct buf data)
{
    struct image_load_result result = {.references = {.items = NULL}};
    ck_assert_msg(load_bytes(store, &data, NULL, &result) == 0, "%s", fixture_error.message);
    image_load_result_fini(&result);
    buf_fini(&data);
}

struct image *must_find(struct image_store *store, const char *reference)
{
    struct image *image = NULL;
    ck_assert_msg(image_store_find(store, reference, &image, &fixture_error) == 0, "%s",
                  fixture_error.message);
    return image;
}

void expect_error(int result, enum error_code code, const char *part)
{
    ck_assert_int_eq(result, -1);
    ck_assert_msg(fixture_error.code == code && strstr(fixture_error.message, part) != NULL,
                  "wanted %s \"%s\", got %s \"%s\"", error_code_name(code), part,
                  error_code_name(fixture_error.code), fixture_error.message);
}

int count_entries(const char *path)
{
    int count = 0;
    DIR *dir = opendir(path);
    ck_assert_ptr_nonnull(dir);
    while (readdir(dir) != NULL)
        count++;
    (void)closedir(dir);
    return count - 2;
}

void expect_objects(int blobs, int layers)
{
    ck_assert_int_eq(count_entries(fixture_path("store/tmp")), 0);
    ck_assert_int_eq(count_entries(fixture_path("store/blobs/sha256")), blobs);
    ck_assert_int_eq(count_entries(fixture_path("store/layers")), layers + 1); /* "empty" */
}

char *read_text(const char *path)
{
    static const size_t room_bytes = 4096;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_msg(fd >= 0, "cannot open %s", path);
    char *text = calloc(1, room_bytes);
    ck_assert_int_ge((int)files_read_full(fd, text, room_bytes - 1), 0);
    (void)close(fd);
    return text;
}

/* Of the whole run; a test that fails does not get to its tear_down. */
static char run_dir[] = "/tmp/shoal-test-image-XXXXXX";

static void set_up(void)
{
    fixture_error = ERROR_INIT;
    (void)snprintf(fixture_dir, sizeof(fixture_dir), "%s/XXXXXX", run_dir);
    ck_assert_ptr_nonnull(mkdtemp(fixture_dir));
}

static int remove_run_dir(void)
{
    int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = files_remove_tree(fd, strrchr(run_dir, '/') + 1);
    files_close(fd);
    return result;
}

static void tear_down(void)
{
    int fd = open(run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_eq(files_remove_tree(fd, strrchr(fixture_dir, '/') + 1), 0);
    (void)close(fd);
}

int fixture_run(TCase *cases, const char *name)
{
    if (geteuid() != 0) {
        (void)fprintf(stderr, "needs root\n");
        return 77; /* meson: skipped */
    }
    if (mkdtemp(run_dir) == NULL)
        return 1;
    Suite *suite = suite_create(name);
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_set_timeout(cases, 120);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return remove_run_dir() == 0 && failed == 0 ? 0 : 1;
}
