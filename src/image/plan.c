#include "plan.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/assert.h"
#include "base/memory.h"
#include "config.h"
#include "plan_internal.h"
#include "text.h"

/* Machine names of uname(2) and of OCI (Go's GOARCH). */
static const char *host_architecture(void)
{
    static const struct {
        const char *machine, *architecture;
    } table[] = {
        {"x86_64", "amd64"},    {"aarch64", "arm64"}, {"armv7l", "arm"},
        {"armv6l", "arm"},      {"i686", "386"},      {"riscv64", "riscv64"},
        {"ppc64le", "ppc64le"}, {"s390x", "s390x"},   {"loongarch64", "loong64"},
        {"mips64", "mips64le"},
    };
    struct utsname names;
    if (uname(&names) == 0)
        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
            if (strcmp(names.machine, table[i].machine) == 0)
                return table[i].architecture;
    return "amd64";
}

bool plan_platform_fits(const struct planner *planner, const char *os, const char *architecture)
{
    bool os_fits = os[0] == '\0' || strcmp(os, "linux") == 0;
    return os_fits && (architecture[0] == '\0' || strcmp(architecture, planner->architecture) == 0);
}

void plan_image_fini(struct plan_image *image)
{
    image_texts_fini(&image->references);
    mem_free(image->manifest_text);
    mem_free(image->layers);
}

void plan_fini(struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        plan_image_fini(&plan->items[i]);
    mem_free(plan->items);
    *plan = (struct plan){.items = NULL};
}

static int check_config(struct planner *planner, const struct image_config *config,
                        const struct image_texts *diff_ids, size_t layers_count,
                        struct error *error)
{
    char os[QUOTED_BYTES_MAX];
    char architecture[QUOTED_BYTES_MAX];
    if (!plan_platform_fits(planner, config->os, config->architecture)) {
        (void)error_set(&planner->mismatch, ERROR_UNSUPPORTED,
                        "the image is for %s/%s, this node is linux/%s", text_quote(config->os, os),
                        text_quote(config->architecture, architecture), planner->architecture);
        return PLAN_OTHER_MACHINE;
    }
    if (diff_ids->count != layers_count)
        return error_set(error, ERROR_CORRUPT,
                         "the configuration names %zu layers, the manifest %zu", diff_ids->count,
                         layers_count);
    if (layers_count > planner->options->limits.layers_max)
        return error_set(error, ERROR_LIMIT, "it has %zu layers, more than %u", layers_count,
                         planner->options->limits.layers_max);
    return PLAN_ADDED;
}

int plan_image_begin(struct planner *planner, const struct bundle_file *config_file,
                     size_t layers_count, struct plan_image *image, struct error *error)
{
    struct buf text = BUF_INIT;
    struct image_config config;
    struct image_texts diff_ids;
    if (bundle_read(planner->bundle, config_file, &text, error) < 0)
        return PLAN_FAILED;
    int result = config_parse(buf_text(&text), text.size_bytes, &config, &diff_ids, error);
    buf_fini(&text);
    if (result < 0)
        return PLAN_FAILED;
    result = check_config(planner, &config, &diff_ids, layers_count, error);
    if (result == PLAN_ADDED) {
        *image = (struct plan_image){.config = config_file, .layers_count = layers_count};
        memcpy(image->id, config_file->digest, sizeof(image->id));
        image->layers = MEM_NEW_ARRAY(struct plan_layer, layers_count);
        for (size_t i = 0; i < layers_count; i++)
            memcpy(image->layers[i].diff_id, diff_ids.items[i], strlen(diff_ids.items[i]) + 1);
    }
    config_fini(&config);
    image_texts_fini(&diff_ids);
    return result;
}

int plan_image_end(struct planner *planner, struct plan_image *image, struct plan_image **ret_image,
                   struct error *error)
{
    struct plan *plan = &planner->plan;
    ASSERT((image->manifest == NULL) != (image->manifest_text == NULL));
    for (size_t i = 0; i < plan->count; i++) {
        if (strcmp(plan->items[i].manifest_digest, image->manifest_digest) == 0) {
            plan_image_fini(image);
            *ret_image = &plan->items[i];
            return PLAN_ADDED;
        }
    }
    if (plan->count >= planner->options->limits.images_max) {
        plan_image_fini(image);
        return error_set(error, ERROR_LIMIT, "the archive has more than %u images",
                         planner->options->limits.images_max);
    }
    plan->items = mem_realloc(plan->items, plan->count + 1, sizeof(plan->items[0]));
    plan->items[plan->count] = *image;
    *ret_image = &plan->items[plan->count++];
    return PLAN_ADDED;
}

void plan_name(struct planner *planner, struct plan_image *image, const char *text)
{
    struct image_reference reference;
    struct error error = ERROR_INIT;
    char quoted[QUOTED_BYTES_MAX];
    char canonical[IMAGE_REFERENCE_BYTES_MAX];
    if (strcmp(text, "<none>:<none>") == 0)
        return;
    if (image_reference_parse(text, &reference, &error) < 0) {
        warning_add(planner->warnings, "the archive calls the image \"%s\", which is no reference",
                    text_quote(text, quoted));
        return;
    }
    if (reference.name[0] == '\0' || reference.tag[0] == '\0')
        return; /* only a digest: it is found by its digest anyway */
    reference.digest[0] = '\0';
    (void)image_reference_format(&reference, canonical);
    if (!image_texts_contain(&image->references, canonical))
        image_texts_add(&image->references, canonical);
}

void plan_name_word(struct planner *planner, struct plan_image *image, const char *word)
{
    const char *name = planner->options->name;
    char text[IMAGE_REFERENCE_BYTES_MAX];
    if (name == NULL) {
        if (word[0] != '\0')
            plan_name(planner, image, word);
        return;
    }
    const char *slash = strrchr(name, '/');
    bool has_tag = strpbrk(slash == NULL ? name : slash, ":@") != NULL;
    (void)snprintf(text, sizeof(text), "%s%s%s", name, has_tag || word[0] == '\0' ? "" : ":",
                   has_tag ? "" : word);
    plan_name(planner, image, text);
}

/* One reference, two images: which one would it be? */
static int check_names(const struct plan *plan, struct error *error)
{
    for (size_t i = 0; i < plan->count; i++)
        for (size_t j = i + 1; j < plan->count; j++)
            for (size_t k = 0; k < plan->items[i].references.count; k++)
                if (image_texts_contain(&plan->items[j].references,
                                        plan->items[i].references.items[k]))
                    return error_set(
                        error, ERROR_CONFLICT, "the archive has two images called %s: %s and %s",
                        plan->items[i].references.items[k], plan->items[i].manifest_digest,
                        plan->items[j].manifest_digest);
    return 0;
}

static int plan_all(struct planner *planner, struct error *error)
{
    const struct bundle_file *index = bundle_find(planner->bundle, "index.json");
    const struct bundle_file *list = bundle_find(planner->bundle, "manifest.json");
    if (index == NULL && list == NULL)
        return error_set(error, ERROR_INVALID,
                         "it has neither index.json (OCI layout) nor manifest.json (docker save): "
                         "not an image archive, or a truncated one");
    if (index != NULL && plan_oci(planner, index, error) < 0)
        return -1;
    if (index != NULL && list != NULL && plan_docker_names(planner, list, error) < 0)
        return -1;
    if (index == NULL && plan_docker(planner, list, error) < 0)
        return -1;
    if (planner->plan.count == 0) {
        if (planner->mismatch.code != ERROR_NONE)
            *error = planner->mismatch;
        else
            (void)error_set(error, ERROR_INVALID, "the archive contains no image");
        return -1;
    }
    return check_names(&planner->plan, error);
}

static int check_option_name(const char *name, struct error *error)
{
    struct image_reference reference;
    if (name == NULL)
        return 0;
    if (image_reference_parse(name, &reference, error) < 0)
        return -1;
    if (reference.digest[0] != '\0')
        return error_set(error, ERROR_INVALID, "an image is not named by a digest");
    return 0;
}

int plan_make(const struct bundle *bundle, const struct image_load_options *options,
              struct plan *ret_plan, struct image_texts *warnings, struct error *error)
{
    struct planner planner = {
        .bundle = bundle,
        .options = options,
        .architecture = options->architecture != NULL ? options->architecture : host_architecture(),
        .warnings = warnings,
    };
    if (check_option_name(options->name, error) < 0)
        return -1;
    if (plan_all(&planner, error) < 0) {
        plan_fini(&planner.plan);
        return -1;
    }
    *ret_plan = planner.plan;
    return 0;
}
