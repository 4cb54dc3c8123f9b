#include "index.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "json.h"
#include "text.h"

void index_image_fini(struct index_image *image)
{
    image_texts_fini(&image->references);
    mem_free(image->layers);
    mem_free(image->blobs);
}

void image_index_fini(struct index *index)
{
    for (size_t i = 0; i < index->count; i++)
        index_image_fini(&index->items[i]);
    mem_free(index->items);
    *index = (struct index){.items = NULL};
}

static void copy_image(const struct index_image *from, struct index_image *to)
{
    *to = *from;
    to->references = (struct image_texts){.items = NULL};
    for (size_t i = 0; i < from->references.count; i++)
        image_texts_add(&to->references, from->references.items[i]);
    to->layers = mem_dup(from->layers, from->layers_count * sizeof(from->layers[0]));
    to->blobs = mem_dup(from->blobs, from->blobs_count * sizeof(from->blobs[0]));
}

void image_index_copy(const struct index *from, struct index *ret_index)
{
    struct index copy = {.items = NULL};
    copy.items = MEM_NEW_ARRAY(struct index_image, from->count);
    copy.capacity = from->count;
    for (; copy.count < from->count; copy.count++)
        copy_image(&from->items[copy.count], &copy.items[copy.count]);
    *ret_index = copy;
}

static int parse_objects(const json_t *root, const char *key, struct index_object **ret_objects,
                         size_t *ret_count, struct error *error)
{
    const json_t *list = NULL;
    if (json_get_list(root, key, &list, error) < 0)
        return -1;
    *ret_count = json_array_size(list);
    *ret_objects = MEM_NEW_ARRAY(struct index_object, *ret_count);
    for (size_t i = 0; i < *ret_count; i++) {
        const json_t *item = json_array_get(list, i);
        struct index_object *object = &(*ret_objects)[i];
        if (!json_is_object(item))
            return error_set(error, ERROR_CORRUPT, "\"%s\" is damaged", key);
        if (json_get_digest(item, "digest", object->digest, error) < 0 ||
            json_get_count(item, "sizeBytes", &object->size_bytes, error) < 0)
            return -1;
        object->is_root_opaque = json_is_true(json_object_get(item, "rootOpaque"));
    }
    return 0;
}

static int check_references(const struct index_image *image, struct error *error)
{
    for (size_t i = 0; i < image->references.count; i++) {
        struct image_reference reference;
        if (image_reference_parse(image->references.items[i], &reference, error) < 0) {
            error->code = ERROR_CORRUPT;
            return -1;
        }
    }
    return 0;
}

static int parse_image(const json_t *item, struct index_image *image, struct error *error)
{
    if (!json_is_object(item))
        return error_set(error, ERROR_CORRUPT, "an image is not an object");
    if (json_get_digest(item, "id", image->id, error) < 0 ||
        json_get_digest(item, "manifest", image->manifest_digest, error) < 0 ||
        json_get_count(item, "loadedWallSeconds", &image->loaded_wall_s, error) < 0 ||
        json_get_texts(item, "references", &image->references, error) < 0 ||
        parse_objects(item, "layers", &image->layers, &image->layers_count, error) < 0 ||
        parse_objects(item, "blobs", &image->blobs, &image->blobs_count, error) < 0)
        return -1;
    if (json_object_get(item, "index") != NULL &&
        json_get_digest(item, "index", image->index_digest, error) < 0)
        return -1;
    image_texts_sort(&image->references);
    return check_references(image, error);
}

static int parse_images(const json_t *root, struct index *index, struct error *error)
{
    const json_t *list = NULL;
    uint64_t version = 0;
    if (json_get_count(root, "version", &version, error) < 0 ||
        json_get_list(root, "images", &list, error) < 0)
        return -1;
    if (version > INDEX_VERSION)
        return error_set(error, ERROR_UNSUPPORTED, "version %llu is newer than this program's %d",
                         (unsigned long long)version, INDEX_VERSION);
    if (version == 0 || list == NULL)
        return error_set(error, ERROR_CORRUPT, "\"version\" or \"images\" is missing");
    index->capacity = json_array_size(list);
    index->items = MEM_NEW_ARRAY(struct index_image, index->capacity);
    for (size_t i = 0; i < index->capacity; i++) {
        index->count++;
        if (parse_image(json_array_get(list, i), &index->items[i], error) < 0)
            return -1;
    }
    return 0;
}

int image_index_parse(const char *text, size_t size_bytes, struct index *ret_index,
                      struct error *error)
{
    struct index index = {.items = NULL};
    json_t *root = NULL;
    if (json_object_parse(text, size_bytes, INDEX_FILE, &root, error) < 0)
        return -1;
    int result = parse_images(root, &index, error);
    json_decref(root);
    if (result < 0) {
        image_index_fini(&index);
        return error_prefix(error, INDEX_FILE);
    }
    *ret_index = index;
    return 0;
}

static json_t *write_objects(const struct index_object *objects, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *item = json_pack("{s:s, s:I}", "digest", objects[i].digest, "sizeBytes",
                                 (json_int_t)objects[i].size_bytes);
        if (objects[i].is_root_opaque)
            (void)json_object_set_new(item, "rootOpaque", json_true());
        (void)json_array_append_new(list, item);
    }
    return list;
}

static json_t *write_image(const struct index_image *image)
{
    json_t *references = json_array();
    for (size_t i = 0; i < image->references.count; i++)
        (void)json_array_append_new(references, json_string(image->references.items[i]));
    json_t *item = json_pack("{s:s, s:s, s:I, s:o, s:o, s:o}", "id", image->id, "manifest",
                             image->manifest_digest, "loadedWallSeconds",
                             (json_int_t)image->loaded_wall_s, "references", references, "layers",
                             write_objects(image->layers, image->layers_count), "blobs",
                             write_objects(image->blobs, image->blobs_count));
    ASSERT(item != NULL);
    if (image->index_digest[0] != '\0')
        (void)json_object_set_new(item, "index", json_string(image->index_digest));
    return item;
}

char *image_index_write(const struct index *index)
{
    json_t *list = json_array();
    for (size_t i = 0; i < index->count; i++)
        (void)json_array_append_new(list, write_image(&index->items[i]));
    json_t *root = json_pack("{s:i, s:o}", "version", INDEX_VERSION, "images", list);
    ASSERT(root != NULL);
    char *text = json_dumps(root, JSON_INDENT(1));
    ASSERT(text != NULL);
    json_decref(root);
    char *copy = mem_strdup(text);
    free(text);
    return copy;
}

void image_index_drop(struct index *index, size_t position)
{
    ASSERT(position < index->count);
    index_image_fini(&index->items[position]);
    memmove(&index->items[position], &index->items[position + 1],
            (index->count - position - 1) * sizeof(index->items[0]));
    index->count--;
}

/* An image is called by its own id exactly as long as it has no other name. */
static void settle_names(struct index_image *image)
{
    if (image->references.count > 1)
        (void)image_texts_drop(&image->references, image->id);
    image_texts_sort(&image->references);
}

void image_index_add(struct index *index, struct index_image *image)
{
    if (image->references.count == 0)
        image_texts_add(&image->references, image->id);
    struct index_image *same = NULL;
    for (size_t i = 0; i < index->count; i++) {
        struct index_image *other = &index->items[i];
        if (strcmp(other->manifest_digest, image->manifest_digest) == 0)
            same = other;
        else
            for (size_t j = 0; j < image->references.count; j++)
                (void)image_texts_drop(&other->references, image->references.items[j]);
    }
    if (same == NULL) {
        MEM_GROW(index->items, index->count, index->capacity);
        settle_names(image);
        index->items[index->count++] = *image;
        return;
    }
    for (size_t j = 0; j < same->references.count; j++)
        if (!image_texts_contain(&image->references, same->references.items[j]))
            image_texts_add(&image->references, same->references.items[j]);
    settle_names(image);
    if (image->index_digest[0] == '\0')
        memcpy(image->index_digest, same->index_digest, sizeof(image->index_digest));
    index_image_fini(same);
    *same = *image;
}

static bool has_digest(const struct index_image *image, const char *digest)
{
    return strcmp(image->id, digest) == 0 || strcmp(image->manifest_digest, digest) == 0 ||
           strcmp(image->index_digest, digest) == 0;
}

long image_index_find(const struct index *index, const struct image_reference *reference)
{
    char text[IMAGE_REFERENCE_BYTES_MAX];
    (void)image_reference_format(reference, text);
    for (size_t i = 0; i < index->count; i++) {
        const struct index_image *image = &index->items[i];
        /* A digest says exactly which contents: the name before it adds nothing. */
        if (reference->digest[0] != '\0' ? has_digest(image, reference->digest)
                                         : image_texts_contain(&image->references, text))
            return (long)i;
    }
    return -1;
}

uint64_t index_image_bytes(const struct index_image *image)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < image->layers_count; i++)
        bytes += image->layers[i].size_bytes;
    return bytes;
}
