#include "manifests.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "amount.h"
#include "base/memory.h"
#include "output.h"
#include "resource.h"

#define READ_BYTES 65536

/* ---- which files */

static bool is_manifest_name(const char *name)
{
    static const char *const ends[] = {".yaml", ".yml", ".json"};
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (length > strlen(ends[i]) && strcmp(name + length - strlen(ends[i]), ends[i]) == 0)
            return name[0] != '.';
    return false;
}

static int add_file(struct manifests *manifests, const char *path, struct error *error)
{
    if (manifests->files_count == MANIFEST_FILES_MAX)
        return error_set(error, ERROR_LIMIT, "more than %d files at once", MANIFEST_FILES_MAX);
    MEM_GROW(manifests->files, manifests->files_count, manifests->files_capacity);
    manifests->files[manifests->files_count++] = mem_strdup(path);
    return 0;
}

static int choose(const struct dirent *entry)
{
    return is_manifest_name(entry->d_name);
}

static int add_folder(struct manifests *manifests, const char *folder, struct error *error)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, choose, alphasort);
    if (count < 0)
        return error_set_errno(error, errno, "cannot read %s", folder);
    int result = 0;
    if (count == 0)
        result = error_set(error, ERROR_NOT_FOUND,
                           "%s: there is no *.yaml, *.yml or *.json in this folder", folder);
    for (int i = 0; i < count; i++) {
        struct buf path = BUF_INIT;
        buf_printf(&path, "%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/",
                   entries[i]->d_name);
        if (result == 0)
            result = add_file(manifests, buf_text(&path), error);
        buf_fini(&path);
        free(entries[i]);
    }
    free(entries);
    return result;
}

static int find_files(const struct cli_arguments *arguments, struct manifests *manifests,
                      struct error *error)
{
    for (size_t i = 0; i < cli_values_count(arguments, "filename"); i++) {
        const char *path = cli_value_at(arguments, "filename", i);
        struct stat about = {.st_mode = 0};
        if (strcmp(path, "-") != 0 && stat(path, &about) < 0)
            return error_set_errno(error, errno, "%s", path[0] != '\0' ? path : "''");
        bool folder = S_ISDIR(about.st_mode);
        if ((folder ? add_folder : add_file)(manifests, path, error) < 0)
            return -1;
    }
    return 0;
}

/* ---- reading */

static int refuse_size(const char *name, uint64_t size_bytes, struct error *error)
{
    char size[AMOUNT_TEXT_BYTES_MAX];
    char limit[AMOUNT_TEXT_BYTES_MAX];
    (void)amount_bytes(SPEC_LIMITS_DEFAULT.size_bytes_max, limit);
    if (size_bytes == 0)
        return error_set(error, ERROR_LIMIT, "%s: a manifest has at most %s", name, limit);
    return error_set(error, ERROR_LIMIT, "%s: the file has %s, a manifest at most %s", name,
                     amount_bytes(size_bytes, size), limit);
}

/* Without knowing the size beforehand, as of a pipe. */
static int read_stream(FILE *stream, const char *name, struct buf *text, struct error *error)
{
    char piece[READ_BYTES];
    size_t size_bytes = 0;
    while ((size_bytes = fread(piece, 1, sizeof(piece), stream)) > 0) {
        buf_append(text, piece, size_bytes);
        if (text->size_bytes > SPEC_LIMITS_DEFAULT.size_bytes_max || text->overflowed)
            return refuse_size(name, 0, error);
    }
    return ferror(stream) != 0 ? error_set_errno(error, errno, "cannot read %s", name) : 0;
}

static int read_file(const char *path, struct buf *text, struct error *error)
{
    struct stat about;
    FILE *file = fopen(path, "rbe");
    if (file == NULL)
        return error_set_errno(error, errno, "cannot read %s", path);
    int result = 0;
    if (fstat(fileno(file), &about) < 0)
        result = error_set_errno(error, errno, "cannot read %s", path);
    else if (S_ISDIR(about.st_mode))
        result = error_set(error, ERROR_INVALID, "%s is a folder", path);
    else if (about.st_size > 0 && (uint64_t)about.st_size > SPEC_LIMITS_DEFAULT.size_bytes_max)
        result = refuse_size(path, (uint64_t)about.st_size, error);
    else
        result = read_stream(file, path, text, error);
    (void)fclose(file);
    return result;
}

/* ---- checking */

static void note_warning(struct manifests *manifests, const struct spec_issue *issue)
{
    struct buf text = BUF_INIT;
    size_t size_bytes = 0;
    spec_issue_format(issue, NULL, &text);
    MEM_GROW(manifests->warnings, manifests->warnings_count, manifests->warnings_capacity);
    manifests->warnings[manifests->warnings_count++] = (char *)buf_take(&text, &size_bytes);
}

bool manifests_said(const struct manifests *manifests, const char *warning)
{
    for (size_t i = 0; i < manifests->warnings_count; i++)
        if (strcmp(manifests->warnings[i], warning) == 0)
            return true;
    return false;
}

static void say_issues(struct cli *cli, struct manifests *manifests,
                       const struct spec_issues *issues, const char *name)
{
    for (size_t i = 0; i < issues->count; i++) {
        struct buf text = BUF_INIT;
        struct buf plain = BUF_INIT;
        spec_issue_format(&issues->items[i], name, &text);
        output_plain(&plain, buf_text(&text));
        (void)fprintf(cli->io.err, "%s\n", buf_text(&plain));
        if (issues->items[i].warning)
            note_warning(manifests, &issues->items[i]);
        buf_fini(&text);
        buf_fini(&plain);
    }
    if (issues->dropped_count > 0)
        (void)fprintf(cli->io.err, "%s: and %zu more\n", name, issues->dropped_count);
}

static const struct manifest_object *find(const struct manifests *manifests,
                                          const struct spec_key *key)
{
    for (size_t i = 0; i < manifests->count; i++) {
        const struct spec_key *other = &manifests->items[i].object.key;
        if (other->kind == key->kind && strcmp(other->name, key->name) == 0 &&
            strcmp(other->namespace_name, key->namespace_name) == 0)
            return &manifests->items[i];
    }
    return NULL;
}

static int check_object(const struct manifests *manifests, const struct spec_object *object,
                        const char *namespace_wanted, struct error *error)
{
    const struct manifest_object *other = find(manifests, &object->key);
    struct buf title = BUF_INIT;
    resource_title(spec_kind_info(object->key.kind), object->key.name, &title);
    int result = 0;
    if (other != NULL)
        result = error_set(error, ERROR_EXISTS, "%s is also in %s", buf_text(&title), other->file);
    else if (namespace_wanted != NULL && object->key.namespace_name[0] != '\0' &&
             strcmp(namespace_wanted, object->key.namespace_name) != 0)
        result = error_set(error, ERROR_INVALID,
                           "metadata.namespace: %s is for the namespace %s, and the command says "
                           "--namespace %s",
                           buf_text(&title), object->key.namespace_name, namespace_wanted);
    else if (manifests->count >= MANIFEST_OBJECTS_MAX)
        result =
            error_set(error, ERROR_LIMIT, "more than %d objects at once", MANIFEST_OBJECTS_MAX);
    buf_fini(&title);
    return result;
}

/* Moves the objects of one file in. */
static bool take_objects(struct cli *cli, struct manifests *manifests, struct spec_objects *objects,
                         const char *file, const char *namespace_wanted)
{
    const char *name = strcmp(file, "-") == 0 ? "stdin" : file;
    bool good = true;
    for (size_t i = 0; i < objects->count; i++) {
        struct error error = ERROR_INIT;
        struct spec_object *object = &objects->items[i];
        if (check_object(manifests, object, namespace_wanted, &error) < 0) {
            (void)fprintf(cli->io.err, "%s:%u:%u: %s\n", name, object->position.line,
                          object->position.column, error.message);
            spec_object_fini(object);
            good = false;
            continue;
        }
        MEM_GROW(manifests->items, manifests->count, manifests->capacity);
        manifests->items[manifests->count++] =
            (struct manifest_object){.object = *object, .file = name};
    }
    objects->count = 0; /* moved */
    return good;
}

static bool load_file(struct cli *cli, struct manifests *manifests, const char *file,
                      const char *namespace_wanted)
{
    struct error error = ERROR_INIT;
    struct buf text = BUF_INIT;
    struct spec_objects objects;
    struct spec_issues issues;
    bool standard = strcmp(file, "-") == 0;
    if ((standard ? read_stream(cli->io.in, "stdin", &text, &error)
                  : read_file(file, &text, &error)) < 0) {
        buf_fini(&text);
        (void)cli_fail(cli, &error);
        return false;
    }
    bool good =
        spec_load(buf_text(&text), text.size_bytes, namespace_wanted, NULL, &objects, &issues) == 0;
    say_issues(cli, manifests, &issues, standard ? "stdin" : file);
    if (good)
        good = take_objects(cli, manifests, &objects, file, namespace_wanted);
    spec_objects_fini(&objects);
    spec_issues_fini(&issues);
    buf_fini(&text);
    return good;
}

/* What is in a namespace needs it to be there. Stable. */
static void namespaces_first(struct manifests *manifests)
{
    struct manifest_object *order = MEM_NEW_ARRAY(struct manifest_object, manifests->count + 1);
    size_t count = 0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < manifests->count; i++)
            if ((manifests->items[i].object.key.kind != SPEC_KIND_NAMESPACE) == pass)
                order[count++] = manifests->items[i];
    mem_free(manifests->items);
    manifests->items = order;
    manifests->capacity = manifests->count + 1;
}

int manifests_load(struct cli *cli, const struct cli_arguments *arguments,
                   struct manifests *ret_manifests)
{
    struct error error = ERROR_INIT;
    bool good = true;
    *ret_manifests = (struct manifests){.items = NULL};
    if (find_files(arguments, ret_manifests, &error) < 0)
        return cli_fail(cli, &error);
    for (size_t i = 0; i < ret_manifests->files_count; i++)
        good = load_file(cli, ret_manifests, ret_manifests->files[i],
                         cli_value(arguments, "namespace")) &&
               good;
    if (good && ret_manifests->count == 0) {
        (void)error_set(&error, ERROR_INVALID, "there is no object in what -f names");
        return cli_fail(cli, &error);
    }
    namespaces_first(ret_manifests);
    return good ? CLI_OK : CLI_FAILURE;
}

void manifests_fini(struct manifests *manifests)
{
    for (size_t i = 0; i < manifests->count; i++)
        spec_object_fini(&manifests->items[i].object);
    mem_free(manifests->items);
    for (size_t i = 0; i < manifests->files_count; i++)
        mem_free(manifests->files[i]);
    mem_free(manifests->files);
    for (size_t i = 0; i < manifests->warnings_count; i++)
        mem_free(manifests->warnings[i]);
    mem_free(manifests->warnings);
    *manifests = (struct manifests){.items = NULL};
}
