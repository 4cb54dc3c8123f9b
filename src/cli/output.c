#include "output.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/yaml_out.h"

const char *output_tone(const struct cli *cli, enum tone tone)
{
    static const char *const escapes[] = {
        [TONE_NONE] = "\033[0m",  [TONE_BOLD] = "\033[1m",  [TONE_DIM] = "\033[2m",
        [TONE_GOOD] = "\033[32m", [TONE_WARN] = "\033[33m", [TONE_BAD] = "\033[31m",
    };
    return cli->io.colour ? escapes[tone] : "";
}

void output_plain(struct buf *buf, const char *text)
{
    const unsigned char *c = (const unsigned char *)(text != NULL ? text : "");
    for (; *c != '\0'; c++) {
        if (*c == '\n' || *c == '\t' || *c == '\r')
            buf_append_byte(buf, ' ');
        else if (*c < 0x20 || *c == 0x7f)
            buf_append_byte(buf, '?');
        else if (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0) { /* U+0080 to U+009F: controls, too */
            buf_append_byte(buf, '?');
            c++;
        } else
            buf_append_byte(buf, *c);
    }
}

size_t output_width(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80; /* UTF-8 continuation bytes */
    return width;
}

void output_progress(struct cli *cli, const char *format, ...)
{
    va_list arguments;
    if (!cli->io.err_terminal)
        return;
    va_start(arguments, format);
    (void)fputs("\r\033[K", cli->io.err);
    (void)vfprintf(cli->io.err, format, arguments);
    (void)fflush(cli->io.err);
    va_end(arguments);
}

void output_progress_end(struct cli *cli)
{
    output_progress(cli, "%s", "");
}

/* `sorted` as YAML: the keys stand in the order in which the JSON has them. */
static int put_yaml(struct cli *cli, const char *sorted, struct error *error)
{
    struct buf yaml = BUF_INIT;
    json_t *json = json_loads(sorted, 0, NULL);
    int result = spec_yaml_write(json, &yaml, error);
    if (result == 0)
        (void)fwrite(buf_text(&yaml), 1, yaml.size_bytes, cli->io.out);
    buf_fini(&yaml);
    json_decref(json);
    return result;
}

int output_document(struct cli *cli, const json_t *json, bool yaml, struct error *error)
{
    int result = 0;
    char *text = json_dumps(json, JSON_SORT_KEYS | (yaml ? JSON_COMPACT : JSON_INDENT(2)));
    if (text == NULL)
        return error_set(error, ERROR_LIMIT, "what the agent says is too deep to be written out");
    if (yaml)
        result = put_yaml(cli, text, error);
    else
        (void)fprintf(cli->io.out, "%s\n", text);
    free(text);
    return result;
}

void output_warning(struct cli *cli, const char *text)
{
    struct buf plain = BUF_INIT;
    output_plain(&plain, strncmp(text, "warning: ", 9) == 0 ? text + 9 : text);
    (void)fprintf(cli->io.err, "Warning: %s\n", buf_text(&plain));
    buf_fini(&plain);
}

/* Whoever read it has had enough: no failure to speak of. */
static bool is_closed_pipe(FILE *file)
{
    struct pollfd poll_fd = {.fd = fileno(file), .events = POLLOUT};
    return poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLERR) != 0;
}

int output_finish(struct cli *cli, int code)
{
    if (fflush(cli->io.out) == 0 && ferror(cli->io.out) == 0)
        return code;
    if (!is_closed_pipe(cli->io.out))
        (void)fprintf(cli->io.err, "shoal: cannot write the output: %s\n",
                      errno != 0 ? strerror(errno) : "it failed");
    return CLI_FAILURE;
}
