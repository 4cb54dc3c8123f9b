#include "names.h"

#include <string.h>

#include "base/address.h"
#include "base/assert.h"
#include "base/memory.h"
#include "spec/kind.h"
#include "spec/nearest.h"

#define LABEL_CHARS_MAX     63
#define PORT_NAME_CHARS_MAX 15
#define PATH_CHARS_MAX      4096 /* PATH_MAX of Linux */
#define IMAGE_CHARS_MAX     512

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z');
}

/* RFC 1123: lower-case letters, digits and '-', neither first nor last. */
static bool is_label(const char *text, size_t count)
{
    if (count == 0 || count > LABEL_CHARS_MAX || text[0] == '-' || text[count - 1] == '-')
        return false;
    for (size_t i = 0; i < count; i++)
        if (!is_lower(text[i]) && !is_digit(text[i]) && text[i] != '-')
            return false;
    return true;
}

/* Kubernetes bounds the whole name only, not its parts. */
static bool is_subdomain(const char *text, size_t count)
{
    if (count == 0 || count > SPEC_NAME_CHARS_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        char c = text[i];
        if (!is_lower(c) && !is_digit(c) && c != '-' && c != '.')
            return false;
        bool first = i == 0 || text[i - 1] == '.', last = i + 1 == count || text[i + 1] == '.';
        if ((first || last) && (c == '-' || c == '.'))
            return false;
    }
    return true;
}

static bool is_label_value(const char *text)
{
    size_t count = strlen(text);
    if (count == 0)
        return true;
    if (count > LABEL_CHARS_MAX || !is_alnum(text[0]) || !is_alnum(text[count - 1]))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!is_alnum(text[i]) && strchr("-_.", text[i]) == NULL)
            return false;
    return true;
}

static bool is_qualified(const char *text, bool any_case)
{
    const char *slash = strchr(text, '/');
    const char *name = text;
    if (slash != NULL) {
        char domain[SPEC_NAME_CHARS_MAX + 1];
        size_t count = (size_t)(slash - text);
        if (count > SPEC_NAME_CHARS_MAX)
            return false;
        for (size_t i = 0; i < count; i++)
            domain[i] = (char)(any_case && text[i] >= 'A' && text[i] <= 'Z' ? text[i] - 'A' + 'a'
                                                                            : text[i]);
        if (!is_subdomain(domain, count))
            return false;
        name = slash + 1;
    }
    return name[0] != '\0' && is_label_value(name);
}

/* RFC 6335 5.1 */
static bool is_port_name(const char *text)
{
    size_t count = strlen(text);
    if (count > PORT_NAME_CHARS_MAX || !is_label(text, count) || strstr(text, "--") != NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        if (is_lower(text[i]))
            return true;
    return false;
}

static bool is_env_name(const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if (*c < 0x20 || *c > 0x7e || *c == '=')
            return false;
    return text[0] != '\0';
}

static bool is_header_name(const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if (!is_alnum(*c) && strchr("!#$%&'*+-.^_`|~", *c) == NULL)
            return false;
    return text[0] != '\0';
}

static bool is_path(const char *text)
{
    if (text[0] != '/' || strlen(text) >= PATH_CHARS_MAX)
        return false;
    for (const char *part = text; part != NULL; part = strchr(part, '/')) {
        part++;
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0'))
            return false;
    }
    return true;
}

static bool is_mount_path(const char *text)
{
    return is_path(text) && strchr(text, ':') == NULL && text[strspn(text, "/.")] != '\0';
}

char *spec_path_clean(const char *path)
{
    char *clean = mem_strdup(path);
    char *end = clean;
    while (*path != '\0') {
        size_t count = strcspn(path, "/");
        if (count > 0 && !(count == 1 && path[0] == '.')) {
            *end++ = '/';
            memcpy(end, path, count);
            end += count;
        }
        path += count + (path[count] == '/');
    }
    if (end == clean)
        *end++ = '/';
    *end = '\0';
    return clean;
}

static bool is_ip(const char *text)
{
    struct address address;
    struct error error;
    bool both = strchr(text, '.') != NULL && strchr(text, ':') != NULL;
    return !both && text[0] != '[' && address_parse(text, 0, &address, &error) == 0;
}

static bool is_host(const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if (!is_alnum(*c) && strchr("-._:[]%", *c) == NULL)
            return false;
    return text[0] != '\0' && strlen(text) <= SPEC_NAME_CHARS_MAX;
}

static bool is_percent(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return digits > 0 && digits <= 4 && strcmp(text + digits, "%") == 0;
}

/* linux/capability.h */
static const char *const capability_names[] = {
    "ALL",
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "BPF",
    "CHECKPOINT_RESTORE",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "PERFMON",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYSLOG",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "WAKE_ALARM",
};

#define CAPABILITIES_COUNT (sizeof(capability_names) / sizeof(capability_names[0]))

static bool is_capability(const char *text)
{
    for (size_t i = 0; i < CAPABILITIES_COUNT; i++)
        if (spec_edit_distance(text, capability_names[i]) == 0)
            return true;
    bool prefixed = (text[0] == 'C' || text[0] == 'c') && (text[1] == 'A' || text[1] == 'a') &&
                    (text[2] == 'P' || text[2] == 'p') && text[3] == '_';
    return prefixed && is_capability(text + 4);
}

const char *spec_capability_suggest(const char *typed)
{
    struct spec_nearest nearest;
    spec_nearest_init(&nearest, typed);
    for (size_t i = 0; i < CAPABILITIES_COUNT; i++)
        spec_nearest_offer(&nearest, capability_names[i]);
    return nearest.best;
}

enum spec_resource_kind spec_resource_kind(const char *name)
{
    if (strcmp(name, "cpu") == 0)
        return SPEC_RESOURCE_CPU;
    if (strcmp(name, "memory") == 0 || strcmp(name, "ephemeral-storage") == 0)
        return SPEC_RESOURCE_BYTES;
    return SPEC_RESOURCE_COUNT;
}

/* cpu, memory, ephemeral-storage, or a device under its maker's domain (not Kubernetes' own). */
static bool is_resource(const char *text)
{
    if (spec_resource_kind(text) != SPEC_RESOURCE_COUNT)
        return true;
    const char *slash = strchr(text, '/');
    if (slash == NULL || !is_qualified(text, false) || strncmp(text, "requests.", 9) == 0)
        return false;
    return strncmp(text, "kubernetes.io/", 14) != 0 && strstr(text, ".kubernetes.io/") == NULL;
}

bool spec_format_fits(enum spec_format format, const char *text)
{
    switch (format) {
    case SPEC_FORMAT_ANY:
    case SPEC_FORMATS_COUNT:
        return true;
    case SPEC_FORMAT_LABEL_NAME:
        return is_label(text, strlen(text));
    case SPEC_FORMAT_SUBDOMAIN:
        return is_subdomain(text, strlen(text));
    case SPEC_FORMAT_QUALIFIED:
        return is_qualified(text, false);
    case SPEC_FORMAT_ANNOTATION:
        return is_qualified(text, true);
    case SPEC_FORMAT_LABEL_VALUE:
        return is_label_value(text);
    case SPEC_FORMAT_PORT_NAME:
    case SPEC_FORMAT_PORT:
        return is_port_name(text);
    case SPEC_FORMAT_ENV_NAME:
        return is_env_name(text);
    case SPEC_FORMAT_IMAGE:
        return strlen(text) <= IMAGE_CHARS_MAX && spec_image_problem(text) == NULL;
    case SPEC_FORMAT_PATH:
        return is_path(text);
    case SPEC_FORMAT_MOUNT_PATH:
        return is_mount_path(text);
    case SPEC_FORMAT_IP:
        return is_ip(text);
    case SPEC_FORMAT_HOST:
        return is_host(text);
    case SPEC_FORMAT_HEADER_NAME:
        return is_header_name(text);
    case SPEC_FORMAT_CAPABILITY:
        return is_capability(text);
    case SPEC_FORMAT_RESOURCE:
        return is_resource(text);
    case SPEC_FORMAT_PERCENT:
        return is_percent(text);
    }
    return false;
}

const char *spec_format_expected(enum spec_format format)
{
    static const char *const expected[SPEC_FORMATS_COUNT] = {
        [SPEC_FORMAT_ANY] = "text",
        [SPEC_FORMAT_LABEL_NAME] = "lower-case letters, digits and '-' between them, at most 63, "
                                   "for example web-1",
        [SPEC_FORMAT_SUBDOMAIN] = "lower-case letters, digits, and '-' or '.' between them, at "
                                  "most 253, for example web-1",
        [SPEC_FORMAT_QUALIFIED] = "letters, digits and '-', '_' or '.' between them, at most 63, "
                                  "perhaps after a domain, for example app or example.com/app",
        [SPEC_FORMAT_ANNOTATION] = "letters, digits and '-', '_' or '.' between them, at most 63, "
                                   "perhaps after a domain, for example note or example.com/note",
        [SPEC_FORMAT_LABEL_VALUE] = "letters, digits and '-', '_' or '.' between them, at most 63, "
                                    "for example v1.2",
        [SPEC_FORMAT_PORT_NAME] = "lower-case letters, digits and single '-' between them, at "
                                  "most 15, with a letter, for example http",
        [SPEC_FORMAT_ENV_NAME] = "printable ASCII without '=', for example LOG_LEVEL",
        [SPEC_FORMAT_IMAGE] = "an image reference, for example registry.example/web:1",
        [SPEC_FORMAT_PATH] = "an absolute path without '..', for example /var/lib/web",
        [SPEC_FORMAT_MOUNT_PATH] =
            "an absolute path below / without '..' or ':', for example /data",
        [SPEC_FORMAT_IP] = "an IP address, for example 192.0.2.1",
        [SPEC_FORMAT_HOST] = "a host name or an IP address",
        [SPEC_FORMAT_HEADER_NAME] = "the name of an HTTP header, for example X-Probe",
        [SPEC_FORMAT_CAPABILITY] = "a Linux capability, for example NET_ADMIN",
        [SPEC_FORMAT_RESOURCE] = "cpu, memory, ephemeral-storage, or a device with its domain such "
                                 "as nvidia.com/gpu",
        [SPEC_FORMAT_PERCENT] = "a count or a percentage, for example 1 or 25%",
        [SPEC_FORMAT_PORT] = "a port number or the name of one of the container's ports, for "
                             "example 8080 or http",
    };
    ASSERT((unsigned)format < SPEC_FORMATS_COUNT);
    return expected[format];
}
