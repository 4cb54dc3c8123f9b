/*
 * Validation and normalisation in one walk: a document goes in, a new tree comes out that holds
 * only what is understood, in one spelling, with defaults; everything that is wrong goes to the
 * list of issues. The tables say what is known.
 */
#ifndef SHOAL_SPEC_CHECK_H
#define SHOAL_SPEC_CHECK_H

#include <jansson.h>
#include <stdarg.h>

#include "schema.h"
#include "spec/document.h"
#include "spec/load.h"

struct spec_check_frame;

struct spec_checker {
    const struct spec_documents *documents; /* NULL: positions are not known */
    const struct spec_document *document;
    size_t document_index;
    struct spec_issues *issues;
    size_t issues_first; /* where those of this document begin */
    /* Of this document, in the list. Each has its own limit: warnings must not hide errors. */
    size_t errors_kept, warnings_kept;
    size_t errors_count; /* of this document */
    enum spec_kind kind;
    const struct spec_check_frame *frame; /* the object being walked, for hints */
};

/* Begins a document; `documents` and `document` may be NULL. */
void spec_checker_init(struct spec_checker *checker, const struct spec_documents *documents,
                       const struct spec_document *document, size_t document_index,
                       struct spec_issues *issues);

/* Ends it: brings its issues into the order of the file. */
void spec_checker_finish(struct spec_checker *checker);

void spec_check_report(struct spec_checker *checker, const struct spec_path *path,
                       enum spec_reason reason, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void spec_check_warn(struct spec_checker *checker, const struct spec_path *path, const char *format,
                     ...) __attribute__((format(printf, 3, 4)));

/* Whether nothing was wrong so far with the object whose check is running: a check for what is
 * missing must not complain about what was there but wrong. */
bool spec_check_clean(const struct spec_checker *checker);

/* The normalised object, owned by the caller; never NULL. `json` must be an object. */
json_t *spec_check_object(struct spec_checker *checker, const struct spec_schema_object *schema,
                          json_t *json, const struct spec_path *path);

/* The normalised value of one field, or NULL when there is none or it is wrong. */
json_t *spec_check_field(struct spec_checker *checker, const struct spec_schema_field *field,
                         json_t *json, const struct spec_path *path);
/* One value that is neither object, list nor map. */
json_t *spec_check_scalar(struct spec_checker *checker, const struct spec_schema_field *field,
                          json_t *json, const struct spec_path *path);

/* Adds a copy of `issue` with this path and message. */
void spec_issues_add(struct spec_issues *issues, const struct spec_issue *issue, const char *path,
                     const char *format, va_list arguments) __attribute__((format(printf, 4, 0)));

/* A number as text that reads back to the same number: "0.1", "12". Returns `text`. */
const char *spec_number_text(const json_t *json, char text[static 40]);

#define SPEC_PATH_ROOT                                                                             \
    (&(const struct spec_path){                                                                    \
        .parent = NULL,                                                                            \
    })
#define SPEC_PATH_KEY(parent_, key_) (&(const struct spec_path){.parent = (parent_), .key = (key_)})
#define SPEC_PATH_MAP_KEY(parent_, key_)                                                           \
    (&(const struct spec_path){.parent = (parent_), .key = (key_), .map_key = true})
#define SPEC_PATH_INDEX(parent_, index_)                                                           \
    (&(const struct spec_path){.parent = (parent_), .index = (index_)})

/* Texts longer than this are cut in messages. */
#define SPEC_SHOWN_CHARS_MAX 80

#endif
