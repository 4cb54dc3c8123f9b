/* The tables, one file for each family of types, and the checks beside them. */
#ifndef SHOAL_SPEC_SCHEMA_INTERNAL_H
#define SHOAL_SPEC_SCHEMA_INTERNAL_H

#include "spec/schema.h"

extern const struct spec_schema_object spec_schema_pod;
extern const struct spec_schema_object spec_schema_deployment;
extern const struct spec_schema_object spec_schema_namespace;

extern const struct spec_schema_object spec_schema_object_meta;
extern const struct spec_schema_object spec_schema_template_meta;
extern const struct spec_schema_object spec_schema_label_selector;
extern const struct spec_schema_object spec_schema_pod_spec;
extern const struct spec_schema_object spec_schema_container;
extern const struct spec_schema_object spec_schema_volume;
extern const struct spec_schema_object spec_schema_probe;
extern const struct spec_schema_object spec_schema_liveness_probe;
extern const struct spec_schema_object spec_schema_security_context;
extern const struct spec_schema_object spec_schema_seccomp_profile;
extern const struct spec_schema_object spec_schema_app_armor_profile;

/* check_pod.c */
void spec_check_pod(struct spec_checker *checker, json_t *object, const struct spec_path *path);
void spec_check_pod_spec(struct spec_checker *checker, json_t *object,
                         const struct spec_path *path);
void spec_check_toleration(struct spec_checker *checker, json_t *object,
                           const struct spec_path *path);
void spec_check_volume(struct spec_checker *checker, json_t *object, const struct spec_path *path);
void spec_check_empty_dir(struct spec_checker *checker, json_t *object,
                          const struct spec_path *path);

/* check_container.c */
void spec_check_container(struct spec_checker *checker, json_t *object,
                          const struct spec_path *path);
void spec_check_env(struct spec_checker *checker, json_t *object, const struct spec_path *path);
void spec_check_env_source(struct spec_checker *checker, json_t *object,
                           const struct spec_path *path);
void spec_check_field_ref(struct spec_checker *checker, json_t *object,
                          const struct spec_path *path);
void spec_check_resources(struct spec_checker *checker, json_t *object,
                          const struct spec_path *path);
void spec_check_probe(struct spec_checker *checker, json_t *object, const struct spec_path *path);
void spec_check_liveness_probe(struct spec_checker *checker, json_t *object,
                               const struct spec_path *path);
void spec_check_security(struct spec_checker *checker, json_t *object,
                         const struct spec_path *path);

/* check_workload.c */
void spec_check_meta(struct spec_checker *checker, json_t *object, const struct spec_path *path);
void spec_check_selector_expression(struct spec_checker *checker, json_t *object,
                                    const struct spec_path *path);
void spec_check_deployment_spec(struct spec_checker *checker, json_t *object,
                                const struct spec_path *path);
void spec_check_strategy(struct spec_checker *checker, json_t *object,
                         const struct spec_path *path);
void spec_check_rolling_update(struct spec_checker *checker, json_t *object,
                               const struct spec_path *path);
void spec_check_namespace(struct spec_checker *checker, json_t *object,
                          const struct spec_path *path);

#define SPEC_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
