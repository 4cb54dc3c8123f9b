/* Between the rooms of a plan: plan.c (images), plan_oci.c and plan_docker.c (the two kinds of
 * archive). */
#ifndef SHOAL_IMAGE_PLAN_INTERNAL_H
#define SHOAL_IMAGE_PLAN_INTERNAL_H

#include "plan.h"

/* Indexes may share members, so what they unfold to can be far more than the archive holds. */
#define PLAN_DOCUMENTS_MAX 512

struct planner {
    const struct bundle *bundle;
    const struct image_load_options *options;
    const char *architecture; /* wanted */
    struct image_texts *warnings;
    struct plan plan;
    struct error mismatch;    /* the last image that is for another machine */
    uint32_t documents_count; /* manifests and indexes looked at, at most PLAN_DOCUMENTS_MAX */
};

/* The verdict about one image. */
enum {
    PLAN_ADDED = 1,
    PLAN_OTHER_MACHINE = 0, /* planner->mismatch says which */
    PLAN_FAILED = -1,
};

/* Begins an image with its configuration: checks the architecture, fills id, and layers with diff
 * ids. `layers_count` is how many the archive has. The image is appended only by plan_image_end().
 */
int plan_image_begin(struct planner *planner, const struct bundle_file *config, size_t layers_count,
                     struct plan_image *image, struct error *error);
/* Appends it, or merges it into the same image of the plan; consumes `image`. */
int plan_image_end(struct planner *planner, struct plan_image *image, struct plan_image **ret_image,
                   struct error *error);
void plan_image_fini(struct plan_image *image);

/* Adds a whole reference; one that does not parse is a warning. */
void plan_name(struct planner *planner, struct plan_image *image, const char *text);
/* Adds the reference made of the caller's `name` option and a lone word, which may be "". */
void plan_name_word(struct planner *planner, struct plan_image *image, const char *word);

bool plan_platform_fits(const struct planner *planner, const char *os, const char *architecture);

int plan_oci(struct planner *planner, const struct bundle_file *index, struct error *error);
int plan_docker(struct planner *planner, const struct bundle_file *list, struct error *error);
/* Docker's hybrid: names of manifest.json for images that the OCI side has found. */
int plan_docker_names(struct planner *planner, const struct bundle_file *list, struct error *error);

#endif
