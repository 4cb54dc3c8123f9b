/* An OCI layout (image-spec 1.1 image-layout.md): index.json, perhaps nested indexes, manifests. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "digest.h"
#include "manifest.h"
#include "plan_internal.h"
#include "text.h"

/* index.json -> image index -> manifest; one more for a registry's own nesting. */
#define INDEX_DEPTH_MAX 4

/* The blob that a descriptor means; its contents have been hashed when it came in. */
static int find_blob(const struct planner *planner, const struct descriptor *descriptor,
                     const char *what, const struct bundle_file **ret_file, struct error *error)
{
    const struct bundle_file *file = bundle_find_blob(planner->bundle, descriptor->digest);
    if (file == NULL)
        return error_set(error, ERROR_CORRUPT,
                         "the archive is truncated or incomplete: %s %s is missing", what,
                         descriptor->digest);
    if (strcmp(file->digest, descriptor->digest) != 0)
        return error_set(error, ERROR_CORRUPT, "digest mismatch: %s %s has the contents of %s",
                         what, descriptor->digest, file->digest);
    if (file->size_bytes != descriptor->size_bytes)
        return error_set(error, ERROR_CORRUPT, "%s %s has %llu bytes, its descriptor says %llu",
                         what, descriptor->digest, (unsigned long long)file->size_bytes,
                         (unsigned long long)descriptor->size_bytes);
    *ret_file = file;
    return 0;
}

static int parse_blob(const struct planner *planner, const struct bundle_file *file,
                      const char *media_type, struct manifest *ret_manifest, struct error *error)
{
    struct buf text = BUF_INIT;
    char quoted[QUOTED_BYTES_MAX];
    if (bundle_read(planner->bundle, file, &text, error) < 0)
        return -1;
    int result = manifest_parse(buf_text(&text), text.size_bytes, media_type, ret_manifest, error);
    buf_fini(&text);
    return result < 0 ? error_prefix(error, "%s", text_quote(file->name, quoted)) : 0;
}

static int add_image(struct planner *planner, const struct bundle_file *file,
                     const struct manifest *manifest, struct plan_image **ret_image,
                     struct error *error)
{
    const struct bundle_file *config = NULL;
    struct plan_image image;
    if (find_blob(planner, &manifest->config, "configuration", &config, error) < 0)
        return PLAN_FAILED;
    int verdict = plan_image_begin(planner, config, manifest->layers.count, &image, error);
    if (verdict != PLAN_ADDED)
        return verdict;
    image.manifest = file;
    memcpy(image.manifest_digest, file->digest, sizeof(image.manifest_digest));
    for (size_t i = 0; i < image.layers_count; i++) {
        if (find_blob(planner, &manifest->layers.items[i], "layer", &image.layers[i].file, error) <
            0) {
            plan_image_fini(&image);
            return PLAN_FAILED;
        }
    }
    return plan_image_end(planner, &image, ret_image, error);
}

/* How well a member of an index fits this machine: 0 not at all, 1 it does not say, 3 exactly. */
static int fitness(const struct planner *planner, const struct descriptor *descriptor)
{
    if (descriptor->is_attestation ||
        !plan_platform_fits(planner, descriptor->os, descriptor->architecture))
        return 0;
    if (descriptor->architecture[0] == '\0')
        return 1;
    bool usual = descriptor->variant[0] == '\0' || strcmp(descriptor->variant, "v8") == 0;
    return usual ? 3 : 2; /* amd64/v3 would need a newer processor than it says */
}

static void set_mismatch(struct planner *planner, const struct descriptors *members)
{
    char list[512] = "";
    size_t used_bytes = 0;
    for (size_t i = 0; i < members->count && used_bytes < sizeof(list); i++) {
        const struct descriptor *member = &members->items[i];
        char os[QUOTED_BYTES_MAX];
        char architecture[QUOTED_BYTES_MAX];
        if (member->is_attestation)
            continue;
        used_bytes += (size_t)snprintf(list + used_bytes, sizeof(list) - used_bytes, "%s%s/%s",
                                       used_bytes == 0 ? "" : ", ", text_quote(member->os, os),
                                       text_quote(member->architecture, architecture));
    }
    (void)error_set(&planner->mismatch, ERROR_UNSUPPORTED,
                    "there is no image for linux/%s in it, only for: %s", planner->architecture,
                    list);
}

static int add_any(struct planner *planner, const struct descriptor *descriptor, unsigned int depth,
                   struct plan_image **ret_image, struct error *error);

static int add_best(struct planner *planner, const struct descriptors *members, unsigned int depth,
                    struct plan_image **ret_image, struct error *error)
{
    for (int wanted = 3; wanted > 0; wanted--) {
        for (size_t i = 0; i < members->count; i++) {
            if (fitness(planner, &members->items[i]) != wanted)
                continue;
            int verdict = add_any(planner, &members->items[i], depth + 1, ret_image, error);
            if (verdict != PLAN_OTHER_MACHINE)
                return verdict;
        }
    }
    set_mismatch(planner, members);
    return PLAN_OTHER_MACHINE;
}

/* Recursion is bounded by INDEX_DEPTH_MAX, breadth by PLAN_DOCUMENTS_MAX. */
static int add_any(struct planner *planner, const struct descriptor *descriptor, unsigned int depth,
                   struct plan_image **ret_image, struct error *error)
{
    const struct bundle_file *file = NULL;
    struct manifest manifest;
    if (depth > INDEX_DEPTH_MAX)
        return error_set(error, ERROR_LIMIT, "indexes are nested deeper than %d", INDEX_DEPTH_MAX);
    if (planner->documents_count++ >= PLAN_DOCUMENTS_MAX)
        return error_set(error, ERROR_LIMIT, "it has more than %d manifests", PLAN_DOCUMENTS_MAX);
    if (find_blob(planner, descriptor, "manifest", &file, error) < 0 ||
        parse_blob(planner, file, descriptor->media_type, &manifest, error) < 0)
        return PLAN_FAILED;
    int verdict = PLAN_FAILED;
    if (manifest.is_index) {
        verdict = add_best(planner, &manifest.manifests, depth, ret_image, error);
        if (verdict == PLAN_ADDED)
            memcpy((*ret_image)->index_digest, file->digest, sizeof((*ret_image)->index_digest));
    } else {
        verdict = add_image(planner, file, &manifest, ret_image, error);
    }
    manifest_fini(&manifest);
    return verdict;
}

/* containerd and docker write the whole reference; skopeo, umoci and the specification a tag or a
 * reference; a lone word is a tag where the user gives the name, and a name otherwise (as podman).
 */
static void name_image(struct planner *planner, struct plan_image *image,
                       const struct descriptor *descriptor)
{
    if (descriptor->name[0] != '\0')
        plan_name(planner, image, descriptor->name);
    else if (strpbrk(descriptor->ref_name, ":/@") != NULL)
        plan_name(planner, image, descriptor->ref_name);
    else
        plan_name_word(planner, image, descriptor->ref_name);
}

static bool is_named_elsewhere(struct planner *planner, const struct descriptor *descriptor)
{
    struct plan_image probe = {.config = NULL};
    bool found = false;
    name_image(planner, &probe, descriptor);
    for (size_t i = 0; i < planner->plan.count && probe.references.count > 0; i++)
        found = found ||
                image_texts_contain(&planner->plan.items[i].references, probe.references.items[0]);
    found = found || (probe.references.count == 0 && planner->plan.count > 0);
    plan_image_fini(&probe);
    return found;
}

/* The members of index.json are images of their own, each with its name; several of one name are
 * one image for several machines. */
static int add_members(struct planner *planner, const struct descriptors *members,
                       struct error *error)
{
    int result = 0;
    bool *left_out = MEM_NEW_ARRAY(bool, members->count);
    for (size_t i = 0; result == 0 && i < members->count; i++) {
        const struct descriptor *member = &members->items[i];
        struct plan_image *image = NULL;
        int verdict = PLAN_OTHER_MACHINE;
        if (member->is_attestation)
            continue;
        if (fitness(planner, member) > 0)
            verdict = add_any(planner, member, 0, &image, error);
        else
            set_mismatch(planner, &(struct descriptors){.items = &members->items[i], .count = 1});
        if (verdict == PLAN_ADDED)
            name_image(planner, image, member);
        left_out[i] = verdict == PLAN_OTHER_MACHINE;
        result = verdict == PLAN_FAILED ? -1 : 0;
    }
    for (size_t i = 0; result == 0 && i < members->count; i++) {
        if (left_out[i] && !is_named_elsewhere(planner, &members->items[i])) {
            *error = planner->mismatch;
            result = -1;
        }
    }
    mem_free(left_out);
    return result;
}

static int check_layout_version(const struct planner *planner, struct error *error)
{
    const struct bundle_file *file = bundle_find(planner->bundle, "oci-layout");
    struct buf text = BUF_INIT;
    int result = 0;
    if (file == NULL)
        return 0; /* some builders forget it */
    if (bundle_read(planner->bundle, file, &text, error) < 0)
        return -1;
    if (strstr(buf_text(&text), "\"1.") == NULL)
        result = error_set(error, ERROR_UNSUPPORTED, "oci-layout: only version 1 is supported");
    buf_fini(&text);
    return result;
}

int plan_oci(struct planner *planner, const struct bundle_file *index, struct error *error)
{
    struct manifest manifest;
    if (check_layout_version(planner, error) < 0 ||
        parse_blob(planner, index, "", &manifest, error) < 0)
        return -1;
    int result = 0;
    if (!manifest.is_index)
        result = error_set(error, ERROR_CORRUPT, "index.json is not an image index");
    else
        result = add_members(planner, &manifest.manifests, error);
    manifest_fini(&manifest);
    return result;
}
