/* Who holds which image: one symbolic link a pin, because making one is atomic and needs no sync.
 * It must outlive this process, not the machine: pods do not either. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "files.h"
#include "store_internal.h"
#include "text.h"

#define PIN_NAME_BYTES_MAX 128
#define PINS_MAX           65536

static int check_name(const char *name, struct error *error)
{
    char quoted[QUOTED_BYTES_MAX];
    size_t i = 0;
    for (; name[i] != '\0'; i++)
        if (!isalnum((unsigned char)name[i]) && name[i] != '_' && name[i] != '-' &&
            (name[i] != '.' || i == 0))
            return error_set(error, ERROR_INVALID,
                             "pin name \"%s\": allowed are A-Z a-z 0-9 . _ -, not starting with .",
                             text_quote(name, quoted));
    if (i == 0 || i > PIN_NAME_BYTES_MAX)
        return error_set(error, ERROR_INVALID, "a pin name has 1 to %d bytes", PIN_NAME_BYTES_MAX);
    return 0;
}

/* Where the name is or belongs. */
static size_t position_of(const struct image_store *store, const char *name, bool *ret_found)
{
    size_t low = 0;
    size_t high = store->pins_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(store->pins[middle].name, name);
        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_found = false;
    return low;
}

static void remember(struct image_store *store, const char *name, const char *image_id)
{
    bool found = false;
    size_t position = position_of(store, name, &found);
    if (!found) {
        MEM_GROW(store->pins, store->pins_count, store->pins_capacity);
        memmove(&store->pins[position + 1], &store->pins[position],
                (store->pins_count - position) * sizeof(store->pins[0]));
        store->pins[position] = (struct pin){.name = mem_strdup(name)};
        store->pins_count++;
    }
    memcpy(store->pins[position].image_id, image_id, strlen(image_id) + 1);
}

static void forget(struct image_store *store, const char *name)
{
    bool found = false;
    size_t position = position_of(store, name, &found);
    if (!found)
        return;
    mem_free(store->pins[position].name);
    memmove(&store->pins[position], &store->pins[position + 1],
            (store->pins_count - position - 1) * sizeof(store->pins[0]));
    store->pins_count--;
}

bool store_is_pinned(const struct image_store *store, const char *image_id)
{
    for (size_t i = 0; i < store->pins_count; i++)
        if (strcmp(store->pins[i].image_id, image_id) == 0)
            return true;
    return false;
}

static int read_pin(struct image_store *store, const char *name, struct error *error)
{
    char target[IMAGE_DIGEST_BYTES_MAX];
    char quoted[QUOTED_BYTES_MAX];
    ssize_t size = readlinkat(store->pins_fd, name, target, sizeof(target) - 1);
    target[size < 0 ? 0 : size] = '\0';
    if (!image_digest_is_valid(target) || check_name(name, error) < 0)
        return error_set(error, ERROR_CORRUPT, "%s/pins/%s is not a pin: remove it",
                         store->root_path, text_quote(name, quoted));
    remember(store, name, target);
    return 0;
}

int store_read_pins(struct image_store *store, struct error *error)
{
    int copy = files_open_beneath(store->pins_fd, ".", O_RDONLY | O_DIRECTORY, 0);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    if (dir == NULL) {
        files_close(copy);
        return error_set_errno(error, errno, "open %s/pins", store->root_path);
    }
    int result = 0;
    const struct dirent *entry = NULL;
    while (result == 0 && (errno = 0, entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            result = read_pin(store, entry->d_name, error);
    if (result == 0 && errno != 0)
        result = error_set_errno(error, errno, "read %s/pins", store->root_path);
    (void)closedir(dir);
    return result;
}

void store_free_pins(struct image_store *store)
{
    for (size_t i = 0; i < store->pins_count; i++)
        mem_free(store->pins[i].name);
    mem_free(store->pins);
}

/* A new link is one step; one that is there cannot be overwritten: another beside, renamed over it.
 */
static int write_pin(struct image_store *store, const char *name, const char *image_id,
                     struct error *error)
{
    char tmp_name[48];
    if (symlinkat(image_id, store->pins_fd, name) == 0)
        return 0;
    if (errno != EEXIST)
        return error_set_errno(error, errno, "pin %s", name);
    store_tmp_name(store, "pin", tmp_name);
    if (symlinkat(image_id, store->tmp_fd, tmp_name) < 0)
        return error_set_errno(error, errno, "pin %s", name);
    if (renameat(store->tmp_fd, tmp_name, store->pins_fd, name) < 0) {
        (void)error_set_errno(error, errno, "pin %s", name);
        (void)unlinkat(store->tmp_fd, tmp_name, 0);
        return -1;
    }
    return 0;
}

static bool has_image(const struct image_store *store, const char *image_id)
{
    for (size_t i = 0; i < store->index.count; i++)
        if (strcmp(store->index.items[i].id, image_id) == 0)
            return true;
    return false;
}

int image_store_pin(struct image_store *store, const char *name, const char *image_id,
                    struct error *error)
{
    char quoted[QUOTED_BYTES_MAX];
    int result = 0;
    if (check_name(name, error) < 0)
        return -1;
    /* Under the lock from the look at the index to the link, so that a collection sees either. */
    pthread_mutex_lock(&store->fast);
    bool found = false;
    size_t position = position_of(store, name, &found);
    if (found && strcmp(store->pins[position].image_id, image_id) == 0)
        result = 0; /* it is what a restarted agent asks for again */
    else if (!has_image(store, image_id))
        result = error_set(error, ERROR_NOT_FOUND, "image \"%s\" is not on this node",
                           text_quote(image_id, quoted));
    else if (store->pins_count >= PINS_MAX)
        result = error_set(error, ERROR_LIMIT, "more than %d pins", PINS_MAX);
    else
        result = write_pin(store, name, image_id, error);
    if (result == 0)
        remember(store, name, image_id);
    pthread_mutex_unlock(&store->fast);
    return result;
}

int image_store_unpin(struct image_store *store, const char *name, struct error *error)
{
    int result = 0;
    if (check_name(name, error) < 0)
        return -1;
    pthread_mutex_lock(&store->fast);
    if (unlinkat(store->pins_fd, name, 0) < 0 && errno != ENOENT)
        result = error_set_errno(error, errno, "unpin %s", name);
    else
        forget(store, name);
    pthread_mutex_unlock(&store->fast);
    return result;
}

bool image_store_pinned(struct image_store *store, const char *name,
                        char ret_image_id[static IMAGE_DIGEST_BYTES_MAX])
{
    bool found = false;
    pthread_mutex_lock(&store->fast);
    size_t position = position_of(store, name, &found);
    if (found)
        memcpy(ret_image_id, store->pins[position].image_id, IMAGE_DIGEST_BYTES_MAX);
    pthread_mutex_unlock(&store->fast);
    return found;
}

void image_store_pins(struct image_store *store, struct image_texts *ret_names)
{
    struct image_texts names = {.items = NULL};
    pthread_mutex_lock(&store->fast);
    for (size_t i = 0; i < store->pins_count; i++)
        image_texts_add(&names, store->pins[i].name);
    pthread_mutex_unlock(&store->fast);
    *ret_names = names;
}
