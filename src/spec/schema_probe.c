/* core/v1: Probe and its actions. */
#include "schema.h"

#define INT32_TOP 2147483647

static const char *const schemes[] = {"HTTP", "HTTPS", NULL};

static const struct spec_schema_field exec_action[] = {
    {.name = "command",
     .number = 1,
     .type = SPEC_TYPE_STRING,
     .shape = SPEC_SHAPE_LIST,
     .required = true},
};

static const struct spec_schema_object schema_exec = {"ExecAction", exec_action,
                                                      SPEC_COUNT(exec_action), NULL};

static const struct spec_schema_field http_header[] = {
    {.name = "name",
     .number = 1,
     .type = SPEC_TYPE_STRING,
     .format = SPEC_FORMAT_HEADER_NAME,
     .required = true},
    {.name = "value", .number = 2, .type = SPEC_TYPE_STRING},
};

static const struct spec_schema_object schema_http_header = {"HTTPHeader", http_header,
                                                             SPEC_COUNT(http_header), NULL};

static const struct spec_schema_field http_get[] = {
    {.name = "path", .number = 1, .type = SPEC_TYPE_STRING, .fallback = "/"},
    {.name = "port",
     .number = 2,
     .type = SPEC_TYPE_INT_OR_STRING,
     .format = SPEC_FORMAT_PORT,
     .required = true},
    {.name = "host", .number = 3, .type = SPEC_TYPE_STRING, .format = SPEC_FORMAT_HOST},
    {.name = "scheme",
     .number = 4,
     .type = SPEC_TYPE_STRING,
     .values = schemes,
     .fallback = "HTTP"},
    {.name = "httpHeaders",
     .number = 5,
     .type = SPEC_TYPE_OBJECT,
     .shape = SPEC_SHAPE_LIST,
     .object = &schema_http_header,
     .items_max = 64},
    {.name = "protocol",
     .number = 6,
     .type = SPEC_TYPE_STRING,
     .support = SPEC_REFUSED,
     .reason = "probes speak HTTP/1.1"},
};

static const struct spec_schema_object schema_http_get = {"HTTPGetAction", http_get,
                                                          SPEC_COUNT(http_get), NULL};

static const struct spec_schema_field tcp_socket[] = {
    {.name = "port",
     .number = 1,
     .type = SPEC_TYPE_INT_OR_STRING,
     .format = SPEC_FORMAT_PORT,
     .required = true},
    {.name = "host", .number = 2, .type = SPEC_TYPE_STRING, .format = SPEC_FORMAT_HOST},
};

static const struct spec_schema_object schema_tcp_socket = {"TCPSocketAction", tcp_socket,
                                                            SPEC_COUNT(tcp_socket), NULL};

static const struct spec_schema_field probe[] = {
    {.name = "exec",
     .number = 1,
     .inline_number = 1,
     .type = SPEC_TYPE_OBJECT,
     .object = &schema_exec},
    {.name = "httpGet",
     .number = 2,
     .inline_number = 1,
     .type = SPEC_TYPE_OBJECT,
     .object = &schema_http_get},
    {.name = "tcpSocket",
     .number = 3,
     .inline_number = 1,
     .type = SPEC_TYPE_OBJECT,
     .object = &schema_tcp_socket},
    {.name = "grpc",
     .number = 4,
     .inline_number = 1,
     .support = SPEC_REFUSED,
     .reason = "probes are exec, httpGet or tcpSocket so far"},
    {.name = "initialDelaySeconds", .number = 2, .type = SPEC_TYPE_INT, .min = 0, .max = INT32_TOP},
    {.name = "timeoutSeconds",
     .number = 3,
     .type = SPEC_TYPE_INT,
     .min = 0,
     .max = INT32_TOP,
     .fallback = "1"},
    {.name = "periodSeconds",
     .number = 4,
     .type = SPEC_TYPE_INT,
     .min = 0,
     .max = INT32_TOP,
     .fallback = "10"},
    {.name = "successThreshold",
     .number = 5,
     .type = SPEC_TYPE_INT,
     .min = 0,
     .max = INT32_TOP,
     .fallback = "1"},
    {.name = "failureThreshold",
     .number = 6,
     .type = SPEC_TYPE_INT,
     .min = 0,
     .max = INT32_TOP,
     .fallback = "3"},
    {.name = "terminationGracePeriodSeconds",
     .number = 7,
     .type = SPEC_TYPE_INT,
     .min = 1,
     .max = INT32_TOP},
};

const struct spec_schema_object spec_schema_probe = {"Probe", probe, SPEC_COUNT(probe),
                                                     spec_check_probe};
const struct spec_schema_object spec_schema_liveness_probe = {"Probe", probe, SPEC_COUNT(probe),
                                                              spec_check_liveness_probe};
