/* core/v1: Container and what it is made of. */
#include "schema.h"

#define ID_MAX 2147483647 /* Kubernetes' limit of user and group numbers */

#define NO_CONFIG "ConfigMaps and Secrets are not offered yet"

static const char *const protocols[] = {"TCP", "UDP", "SCTP", NULL};
static const char *const pull_policies[] = {"Always", "IfNotPresent", "Never", NULL};
static const char *const seccomp_types[] = {"RuntimeDefault", "Unconfined", NULL};

/* --- ports, environment --- */

static const struct spec_schema_field container_port[] = {
    {.name = "name", .number = 1, .type = SPEC_TYPE_STRING, .format = SPEC_FORMAT_PORT_NAME},
    {.name = "hostPort", .number = 2, .type = SPEC_TYPE_INT, .min = 0, .max = 65535},
    {.name = "containerPort",
     .number = 3,
     .type = SPEC_TYPE_INT,
     .min = 1,
     .max = 65535,
     .required = true},
    {.name = "protocol",
     .number = 4,
     .type = SPEC_TYPE_STRING,
     .values = protocols,
     .fallback = "TCP"},
    {.name = "hostIP", .number = 5, .type = SPEC_TYPE_STRING, .format = SPEC_FORMAT_IP},
};

static const struct spec_schema_object schema_container_port = {"ContainerPort", container_port,
                                                                SPEC_COUNT(container_port), NULL};

static const struct spec_schema_field field_ref[] = {
    {.name = "apiVersion", .number = 1, .type = SPEC_TYPE_STRING, .fallback = "v1"},
    {.name = "fieldPath", .number = 2, .type = SPEC_TYPE_STRING, .required = true},
};

static const struct spec_schema_object schema_field_ref = {
    "ObjectFieldSelector", field_ref, SPEC_COUNT(field_ref), spec_check_field_ref};

static const struct spec_schema_field env_source[] = {
    {.name = "fieldRef", .number = 1, .type = SPEC_TYPE_OBJECT, .object = &schema_field_ref},
    {.name = "resourceFieldRef",
     .number = 2,
     .support = SPEC_REFUSED,
     .reason = "a container's own resources are not offered as variables yet"},
    {.name = "configMapKeyRef", .number = 3, .support = SPEC_REFUSED, .reason = NO_CONFIG},
    {.name = "secretKeyRef", .number = 4, .support = SPEC_REFUSED, .reason = NO_CONFIG},
    {.name = "fileKeyRef",
     .number = 5,
     .support = SPEC_REFUSED,
     .reason = "variables are not read from files"},
};

static const struct spec_schema_object schema_env_source = {
    "EnvVarSource", env_source, SPEC_COUNT(env_source), spec_check_env_source};

static const struct spec_schema_field env[] = {
    {.name = "name",
     .number = 1,
     .type = SPEC_TYPE_STRING,
     .format = SPEC_FORMAT_ENV_NAME,
     .required = true},
    {.name = "value", .number = 2, .type = SPEC_TYPE_STRING},
    {.name = "valueFrom", .number = 3, .type = SPEC_TYPE_OBJECT, .object = &schema_env_source},
};

static const struct spec_schema_object schema_env = {"EnvVar", env, SPEC_COUNT(env),
                                                     spec_check_env};

/* --- resources, mounts --- */

static const struct spec_schema_field resources[] = {
    {.name = "limits",
     .number = 1,
     .type = SPEC_TYPE_QUANTITY,
     .shape = SPEC_SHAPE_MAP,
     .key_format = SPEC_FORMAT_RESOURCE,
     .keep_zero = true},
    {.name = "requests",
     .number = 2,
     .type = SPEC_TYPE_QUANTITY,
     .shape = SPEC_SHAPE_MAP,
     .key_format = SPEC_FORMAT_RESOURCE,
     .keep_zero = true},
    {.name = "claims",
     .number = 3,
     .shape = SPEC_SHAPE_LIST,
     .support = SPEC_REFUSED,
     .merge_key = "name",
     .reason = "resource claims are not offered; name a device under limits"},
};

static const struct spec_schema_object schema_resources = {
    "ResourceRequirements", resources, SPEC_COUNT(resources), spec_check_resources};

static const struct spec_schema_field volume_mount[] = {
    {.name = "name",
     .number = 1,
     .type = SPEC_TYPE_STRING,
     .format = SPEC_FORMAT_LABEL_NAME,
     .required = true},
    {.name = "readOnly", .number = 2, .type = SPEC_TYPE_BOOL},
    {.name = "mountPath",
     .number = 3,
     .type = SPEC_TYPE_STRING,
     .format = SPEC_FORMAT_MOUNT_PATH,
     .required = true},
    {.name = "subPath",
     .number = 4,
     .type = SPEC_TYPE_STRING,
     .support = SPEC_REFUSED,
     .reason = "only whole volumes are mounted so far"},
    {.name = "mountPropagation",
     .number = 5,
     .type = SPEC_TYPE_STRING,
     .support = SPEC_REFUSED,
     .fallback = "None",
     .reason = "mounts are private to each container"},
    {.name = "subPathExpr",
     .number = 6,
     .type = SPEC_TYPE_STRING,
     .support = SPEC_REFUSED,
     .reason = "only whole volumes are mounted so far"},
    {.name = "recursiveReadOnly",
     .number = 7,
     .type = SPEC_TYPE_STRING,
     .support = SPEC_REFUSED,
     .fallback = "Disabled",
     .reason = "mounts below a read-only volume keep their own mode"},
    {.name = "bindMountOptions",
     .number = 8,
     .shape = SPEC_SHAPE_LIST,
     .support = SPEC_REFUSED,
     .reason = "mount options cannot be chosen"},
};

static const struct spec_schema_object schema_volume_mount = {"VolumeMount", volume_mount,
                                                              SPEC_COUNT(volume_mount), NULL};

/* --- security --- */

static const struct spec_schema_field capabilities[] = {
    {.name = "add",
     .number = 1,
     .type = SPEC_TYPE_STRING,
     .shape = SPEC_SHAPE_LIST,
     .format = SPEC_FORMAT_CAPABILITY,
     .items_max = 64},
    {.name = "drop",
     .number = 2,
     .type = SPEC_TYPE_STRING,
     .shape = SPEC_SHAPE_LIST,
     .format = SPEC_FORMAT_CAPABILITY,
     .items_max = 64},
};

static const struct spec_schema_object schema_capabilities = {"Capabilities", capabilities,
                                                              SPEC_COUNT(capabilities), NULL};

static const struct spec_schema_field seccomp_profile[] = {
    {.name = "type",
     .number = 1,
     .type = SPEC_TYPE_STRING,
     .values = seccomp_types,
     .required = true},
    {.name = "localhostProfile",
     .number = 2,
     .type = SPEC_TYPE_STRING,
     .support = SPEC_REFUSED,
     .reason = "profiles of the host's own are not loaded; RuntimeDefault and Unconfined are"},
};

const struct spec_schema_object spec_schema_seccomp_profile = {"SeccompProfile", seccomp_profile,
                                                               SPEC_COUNT(seccomp_profile), NULL};

static const struct spec_schema_field security_context[] = {
    {.name = "capabilities", .number = 1, .type = SPEC_TYPE_OBJECT, .object = &schema_capabilities},
    {.name = "privileged", .number = 2, .type = SPEC_TYPE_BOOL},
    {.name = "seLinuxOptions",
     .number = 3,
     .support = SPEC_REFUSED,
     .reason = "SELinux labels are not set"},
    {.name = "runAsUser",
     .number = 4,
     .type = SPEC_TYPE_INT,
     .keep_zero = true,
     .min = 0,
     .max = ID_MAX},
    {.name = "runAsNonRoot", .number = 5, .type = SPEC_TYPE_BOOL, .keep_zero = true},
    {.name = "readOnlyRootFilesystem", .number = 6, .type = SPEC_TYPE_BOOL},
    {.name = "allowPrivilegeEscalation", .number = 7, .type = SPEC_TYPE_BOOL, .keep_zero = true},
    {.name = "runAsGroup",
     .number = 8,
     .type = SPEC_TYPE_INT,
     .keep_zero = true,
     .min = 0,
     .max = ID_MAX},
    {.name = "procMount",
     .number = 9,
     .type = SPEC_TYPE_STRING,
     .support = SPEC_REFUSED,
     .fallback = "Default",
     .reason = "/proc is always masked"},
    {.name = "windowsOptions",
     .number = 10,
     .support = SPEC_REFUSED,
     .reason = "containers are Linux containers"},
    {.name = "seccompProfile",
     .number = 11,
     .type = SPEC_TYPE_OBJECT,
     .object = &spec_schema_seccomp_profile},
    {.name = "appArmorProfile",
     .number = 12,
     .support = SPEC_REFUSED,
     .harmless = "{\"type\":\"Unconfined\"}",
     .reason = "AppArmor profiles are not loaded"},
};

const struct spec_schema_object spec_schema_security_context = {
    "SecurityContext", security_context, SPEC_COUNT(security_context), spec_check_security};

/* --- the container --- */

#define NO_TERMINAL "nobody can attach to a container yet"

static const struct spec_schema_field container[] = {
    {.name = "name",
     .number = 1,
     .type = SPEC_TYPE_STRING,
     .format = SPEC_FORMAT_LABEL_NAME,
     .required = true},
    {.name = "image",
     .number = 2,
     .type = SPEC_TYPE_STRING,
     .format = SPEC_FORMAT_IMAGE,
     .required = true},
    {.name = "command", .number = 3, .type = SPEC_TYPE_STRING, .shape = SPEC_SHAPE_LIST},
    {.name = "args", .number = 4, .type = SPEC_TYPE_STRING, .shape = SPEC_SHAPE_LIST},
    {.name = "workingDir", .number = 5, .type = SPEC_TYPE_STRING, .format = SPEC_FORMAT_PATH},
    {.name = "ports",
     .number = 6,
     .type = SPEC_TYPE_OBJECT,
     .shape = SPEC_SHAPE_LIST,
     .object = &schema_container_port,
     .items_max = 1000,
     .merge_key = "containerPort"},
    {.name = "env",
     .number = 7,
     .type = SPEC_TYPE_OBJECT,
     .shape = SPEC_SHAPE_LIST,
     .object = &schema_env,
     .items_max = 4000,
     .merge_key = "name"},
    {.name = "resources", .number = 8, .type = SPEC_TYPE_OBJECT, .object = &schema_resources},
    {.name = "volumeMounts",
     .number = 9,
     .type = SPEC_TYPE_OBJECT,
     .shape = SPEC_SHAPE_LIST,
     .object = &schema_volume_mount,
     .items_max = 256,
     .merge_key = "mountPath"},
    {.name = "livenessProbe",
     .number = 10,
     .type = SPEC_TYPE_OBJECT,
     .object = &spec_schema_liveness_probe},
    {.name = "readinessProbe",
     .number = 11,
     .type = SPEC_TYPE_OBJECT,
     .object = &spec_schema_probe},
    {.name = "lifecycle",
     .number = 12,
     .support = SPEC_REFUSED,
     .reason = "hooks after start and before stop are not run yet"},
    {.name = "terminationMessagePath",
     .number = 13,
     .type = SPEC_TYPE_STRING,
     .support = SPEC_IGNORED,
     .fallback = "/dev/termination-log",
     .reason = "the file is not read; see the container's log"},
    {.name = "imagePullPolicy", .number = 14, .type = SPEC_TYPE_STRING, .values = pull_policies},
    {.name = "securityContext",
     .number = 15,
     .type = SPEC_TYPE_OBJECT,
     .object = &spec_schema_security_context},
    {.name = "stdin",
     .number = 16,
     .type = SPEC_TYPE_BOOL,
     .support = SPEC_REFUSED,
     .reason = NO_TERMINAL},
    {.name = "stdinOnce",
     .number = 17,
     .type = SPEC_TYPE_BOOL,
     .support = SPEC_REFUSED,
     .reason = NO_TERMINAL},
    {.name = "tty",
     .number = 18,
     .type = SPEC_TYPE_BOOL,
     .support = SPEC_REFUSED,
     .reason = NO_TERMINAL},
    {.name = "envFrom",
     .number = 19,
     .shape = SPEC_SHAPE_LIST,
     .support = SPEC_REFUSED,
     .reason = NO_CONFIG},
    {.name = "terminationMessagePolicy",
     .number = 20,
     .type = SPEC_TYPE_STRING,
     .support = SPEC_IGNORED,
     .fallback = "File",
     .reason = "there is no termination message; see the container's log"},
    {.name = "volumeDevices",
     .number = 21,
     .shape = SPEC_SHAPE_LIST,
     .support = SPEC_REFUSED,
     .merge_key = "devicePath",
     .reason = "block volumes are not offered"},
    {.name = "startupProbe",
     .number = 22,
     .type = SPEC_TYPE_OBJECT,
     .object = &spec_schema_liveness_probe},
    {.name = "resizePolicy",
     .number = 23,
     .shape = SPEC_SHAPE_LIST,
     .support = SPEC_IGNORED,
     .reason = "changed resources always make a new pod"},
    {.name = "restartPolicy",
     .number = 24,
     .type = SPEC_TYPE_STRING,
     .support = SPEC_REFUSED,
     .reason = "init containers that keep running (sidecars) are not offered yet"},
    {.name = "restartPolicyRules",
     .number = 25,
     .shape = SPEC_SHAPE_LIST,
     .support = SPEC_REFUSED,
     .reason = "the pod's restartPolicy holds for all its containers"},
};

const struct spec_schema_object spec_schema_container = {
    "Container", container, SPEC_COUNT(container), spec_check_container};
