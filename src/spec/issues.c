#include <stdarg.h>

#include "base/memory.h"
#include "check.h"

/* Beyond this, a file is wrong in a way that no list helps with. */
#define ISSUES_MAX 1000

const char *spec_reason_name(enum spec_reason reason)
{
    switch (reason) {
    case SPEC_REASON_REQUIRED:
        return "FieldValueRequired";
    case SPEC_REASON_INVALID:
    case SPEC_REASON_UNKNOWN_FIELD:
    case SPEC_REASON_DOCUMENT:
        return "FieldValueInvalid";
    case SPEC_REASON_TYPE_INVALID:
        return "FieldValueTypeInvalid";
    case SPEC_REASON_NOT_SUPPORTED:
        return "FieldValueNotSupported";
    case SPEC_REASON_DUPLICATE:
        return "FieldValueDuplicate";
    case SPEC_REASON_FORBIDDEN:
        return "FieldValueForbidden";
    case SPEC_REASON_TOO_LONG:
        return "FieldValueTooLong";
    case SPEC_REASON_TOO_MANY:
        return "FieldValueTooMany";
    }
    return "FieldValueInvalid";
}

void spec_issues_add(struct spec_issues *issues, const struct spec_issue *issue, const char *path,
                     const char *format, va_list arguments)
{
    if (!issue->warning)
        issues->errors_count++;
    if (issues->count == ISSUES_MAX) {
        issues->dropped_count++;
        return;
    }
    struct buf message;
    buf_init(&message, 4096);
    buf_vprintf(&message, format, arguments);
    MEM_GROW(issues->items, issues->count, issues->capacity);
    struct spec_issue *added = &issues->items[issues->count++];
    *added = *issue;
    added->path = mem_strdup(path);
    added->message = (char *)buf_take(&message, &(size_t){0});
}

void spec_issues_fini(struct spec_issues *issues)
{
    for (size_t i = 0; i < issues->count; i++) {
        mem_free(issues->items[i].path);
        mem_free(issues->items[i].message);
    }
    mem_free(issues->items);
    *issues = (struct spec_issues){.items = NULL};
}

void spec_issue_format(const struct spec_issue *issue, const char *file, struct buf *text)
{
    if (file != NULL) {
        buf_append_text(text, file);
        if (issue->position.line > 0)
            buf_printf(text, ":%u:%u", issue->position.line, issue->position.column);
        buf_append_text(text, issue->warning ? ": warning: " : ": ");
    }
    if (issue->path[0] != '\0')
        buf_printf(text, "%s: ", issue->path);
    buf_append_text(text, issue->message);
}

void spec_checker_init(struct spec_checker *checker, const struct spec_documents *documents,
                       const struct spec_document *document, size_t document_index,
                       struct spec_issues *issues)
{
    *checker = (struct spec_checker){.documents = documents,
                                     .document = document,
                                     .document_index = document_index,
                                     .issues = issues,
                                     .issues_first = issues->count};
}

static bool is_before(const struct spec_issue *a, const struct spec_issue *b)
{
    return a->position.line != b->position.line ? a->position.line < b->position.line
                                                : a->position.column < b->position.column;
}

/* By insertion: there are few, and equals must stay as they were found. */
void spec_checker_finish(struct spec_checker *checker)
{
    struct spec_issue *items = checker->issues->items;
    for (size_t i = checker->issues_first + 1; i < checker->issues->count; i++) {
        struct spec_issue issue = items[i];
        size_t at = i;
        for (; at > checker->issues_first && is_before(&issue, &items[at - 1]); at--)
            items[at] = items[at - 1];
        items[at] = issue;
    }
}

__attribute__((format(printf, 5, 0))) static void add(struct spec_checker *checker,
                                                      const struct spec_path *path,
                                                      enum spec_reason reason, bool warning,
                                                      const char *format, va_list arguments)
{
    if (!warning)
        checker->errors_count++;
    size_t *kept = warning ? &checker->warnings_kept : &checker->errors_kept;
    if (*kept == SPEC_ISSUES_PER_DOCUMENT_MAX) {
        checker->issues->dropped_count++;
        checker->issues->errors_count += !warning;
        return;
    }
    (*kept)++;
    struct buf text;
    buf_init(&text, 4096);
    spec_path_format(path, &text);
    struct spec_issue issue = {
        .reason = reason, .warning = warning, .document = checker->document_index};
    if (checker->documents != NULL)
        issue.position = spec_documents_locate(checker->documents, checker->document, path);
    spec_issues_add(checker->issues, &issue, buf_text(&text), format, arguments);
    buf_fini(&text);
}

void spec_check_report(struct spec_checker *checker, const struct spec_path *path,
                       enum spec_reason reason, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(checker, path, reason, false, format, arguments);
    va_end(arguments);
}

void spec_check_warn(struct spec_checker *checker, const struct spec_path *path, const char *format,
                     ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(checker, path, SPEC_REASON_NOT_SUPPORTED, true, format, arguments);
    va_end(arguments);
}
