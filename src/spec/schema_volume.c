/* core/v1: Volume. */
#include "schema.h"

static const char *const host_path_types[] = {
    "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice",
    "BlockDevice",       NULL};

static const struct spec_schema_field empty_dir[] = {
    {.name = "medium", .number = 1, .type = SPEC_TYPE_STRING},
    {.name = "sizeLimit", .number = 2, .type = SPEC_TYPE_QUANTITY},
    {.name = "mode",
     .number = 3,
     .type = SPEC_TYPE_INT,
     .support = SPEC_REFUSED,
     .reason = "an empty directory has mode 0777, as usual"},
};

static const struct spec_schema_object schema_empty_dir = {
    "EmptyDirVolumeSource", empty_dir, SPEC_COUNT(empty_dir), spec_check_empty_dir};

static const struct spec_schema_field host_path[] = {
    {.name = "path",
     .number = 1,
     .type = SPEC_TYPE_STRING,
     .format = SPEC_FORMAT_PATH,
     .required = true},
    {.name = "type", .number = 2, .type = SPEC_TYPE_STRING, .values = host_path_types},
};

static const struct spec_schema_object schema_host_path = {"HostPathVolumeSource", host_path,
                                                           SPEC_COUNT(host_path), NULL};

/* A kind of storage that is not offered. */
#define REFUSED_SOURCE(name_, number_, reason_)                                                    \
    {                                                                                              \
        .name = (name_), .number = (number_), .inline_number = 2, .support = SPEC_REFUSED,         \
        .reason = (reason_)                                                                        \
    }
#define NO_NETWORK_STORAGE "volumes are emptyDir or hostPath so far; network storage is not mounted"
#define NO_CONFIG          "ConfigMaps and Secrets are not offered yet"

static const struct spec_schema_field volume[] = {
    {.name = "name",
     .number = 1,
     .type = SPEC_TYPE_STRING,
     .format = SPEC_FORMAT_LABEL_NAME,
     .required = true},
    {.name = "hostPath",
     .number = 1,
     .inline_number = 2,
     .type = SPEC_TYPE_OBJECT,
     .object = &schema_host_path},
    {.name = "emptyDir",
     .number = 2,
     .inline_number = 2,
     .type = SPEC_TYPE_OBJECT,
     .object = &schema_empty_dir,
     .keep_zero = true},
    REFUSED_SOURCE("gcePersistentDisk", 3, NO_NETWORK_STORAGE),
    REFUSED_SOURCE("awsElasticBlockStore", 4, NO_NETWORK_STORAGE),
    REFUSED_SOURCE("gitRepo", 5, "Kubernetes has withdrawn it; clone in an init container"),
    REFUSED_SOURCE("secret", 6, NO_CONFIG),
    REFUSED_SOURCE("nfs", 7, NO_NETWORK_STORAGE),
    REFUSED_SOURCE("iscsi", 8, NO_NETWORK_STORAGE),
    REFUSED_SOURCE("glusterfs", 9, NO_NETWORK_STORAGE),
    REFUSED_SOURCE("persistentVolumeClaim", 10, "volume claims are not offered yet"),
    REFUSED_SOURCE("rbd", 11, NO_NETWORK_STORAGE),
    REFUSED_SOURCE("flexVolume", 12, NO_NETWORK_STORAGE),
    REFUSED_SOURCE("cinder", 13, NO_NETWORK_STORAGE),
    REFUSED_SOURCE("cephfs", 14, NO_NETWORK_STORAGE),
    REFUSED_SOURCE("flocker", 15, NO_NETWORK_STORAGE),
    REFUSED_SOURCE("downwardAPI", 16,
                   "a pod's facts are offered as variables only (env, fieldRef)"),
    REFUSED_SOURCE("fc", 17, NO_NETWORK_STORAGE),
    REFUSED_SOURCE("azureFile", 18, NO_NETWORK_STORAGE),
    REFUSED_SOURCE("configMap", 19, NO_CONFIG),
    REFUSED_SOURCE("vsphereVolume", 20, NO_NETWORK_STORAGE),
    REFUSED_SOURCE("quobyte", 21, NO_NETWORK_STORAGE),
    REFUSED_SOURCE("azureDisk", 22, NO_NETWORK_STORAGE),
    REFUSED_SOURCE("photonPersistentDisk", 23, NO_NETWORK_STORAGE),
    REFUSED_SOURCE("portworxVolume", 24, NO_NETWORK_STORAGE),
    REFUSED_SOURCE("scaleIO", 25, NO_NETWORK_STORAGE),
    REFUSED_SOURCE("projected", 26, NO_CONFIG),
    REFUSED_SOURCE("storageos", 27, NO_NETWORK_STORAGE),
    REFUSED_SOURCE("csi", 28, NO_NETWORK_STORAGE),
    REFUSED_SOURCE("ephemeral", 29, "volume claims are not offered yet"),
    REFUSED_SOURCE("image", 30, "images are not mounted as volumes yet"),
};

const struct spec_schema_object spec_schema_volume = {"Volume", volume, SPEC_COUNT(volume),
                                                      spec_check_volume};
