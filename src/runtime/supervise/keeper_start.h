/* Starts a keeper from a sealed copy of an executable. */
#ifndef SHOAL_RUNTIME_KEEPER_START_H
#define SHOAL_RUNTIME_KEEPER_START_H

#include <stdint.h>

#include "../launch/launch.h"
#include "base/error.h"
#include "link.h"

/* A copy in memory that nobody can write to: neither a container through /proc (CVE-2019-5736) nor
 * an upgrade. */
struct keeper_image {
    int fd;
    char build[LINK_BUILD_CHARS + 1]; /* hash of the contents */
};

int keeper_image_open(const char *exe, struct keeper_image *ret_image, struct error *error);
void keeper_image_close(struct keeper_image *image);

/* `listen_fd` becomes its socket; its stderr goes to keeper.log in `dir_fd`. Returns once it runs
 * on its own. */
int keeper_start(const struct keeper_image *image, int listen_fd, int dir_fd,
                 const struct launch_cgroups *cgroups, uint32_t idle_ms, struct error *error);

#endif
