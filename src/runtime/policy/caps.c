#include "caps.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include <sys/capability.h>

#define BIT(n) (UINT64_C(1) << (n))

#define CAPS_ALL (BIT(CAP_LAST_CAP + 1) - 1)

static const uint64_t caps_default =
    BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FSETID) | BIT(CAP_FOWNER) | BIT(CAP_MKNOD) |
    BIT(CAP_NET_RAW) | BIT(CAP_SETGID) | BIT(CAP_SETUID) | BIT(CAP_SETFCAP) | BIT(CAP_SETPCAP) |
    BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_SYS_CHROOT) | BIT(CAP_KILL) | BIT(CAP_AUDIT_WRITE);

/* "NET_ADMIN", "CAP_NET_ADMIN", any case, or "ALL". */
static int mask_of(const char *name, uint64_t *ret_mask, struct error *error)
{
    if (strcasecmp(name, "ALL") == 0) {
        *ret_mask = CAPS_ALL;
        return 0;
    }
    const char *bare = strncasecmp(name, "CAP_", 4) == 0 ? name + 4 : name;
    char full[32] = "cap_";
    cap_value_t value;
    if (strlen(bare) < sizeof(full) - 4) {
        strcpy(full + 4, bare); /* NOLINT: bounded by the line above */
        if (cap_from_name(full, &value) == 0 && value <= CAP_LAST_CAP) {
            *ret_mask = BIT(value);
            return 0;
        }
    }
    return error_set(error, ERROR_INVALID, "no capability named \"%s\"", name);
}

/* Applies the names that are "ALL" (`all`), or the others; sets or clears. */
static int apply(const char *const *names, size_t count, bool all, bool set, uint64_t *mask,
                 struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = 0;
        if (mask_of(names[i], &bits, error) < 0)
            return -1;
        if ((bits == CAPS_ALL) != all)
            continue;
        *mask = set ? *mask | bits : *mask & ~bits;
    }
    return 0;
}

int caps_resolve(const struct runtime_container *container, uint64_t *ret_mask, struct error *error)
{
    uint64_t mask = caps_default;
    const char *const *add = container->caps_add;
    const char *const *drop = container->caps_drop;
    if (apply(add, container->caps_add_count, true, true, &mask, error) < 0 ||
        apply(drop, container->caps_drop_count, true, false, &mask, error) < 0 ||
        apply(add, container->caps_add_count, false, true, &mask, error) < 0 ||
        apply(drop, container->caps_drop_count, false, false, &mask, error) < 0)
        return -1;
    *ret_mask = container->privileged ? CAPS_ALL : mask;
    return 0;
}
