#include "scalar.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

/* No number that means anything here is longer; such text is text. */
#define NUMBER_CHARS_MAX 128
/* Beyond 2^53 a double no longer holds every integer. */
#define EXACT_DOUBLE_MAX 9007199254740992.0

static bool one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

static const char *const words_true[] = {"y",    "Y",    "yes", "Yes", "YES", "true",
                                         "True", "TRUE", "on",  "On",  "ON",  NULL};
static const char *const words_false[] = {"n",     "N",     "no",  "No",  "NO",  "false",
                                          "False", "FALSE", "off", "Off", "OFF", NULL};
static const char *const words_null[] = {"", "~", "null", "Null", "NULL", NULL};
static const char *const words_not_finite[] = {".nan",  ".NaN",  ".NAN",  ".inf",  ".Inf",
                                               ".INF",  "+.inf", "+.Inf", "+.INF", "-.inf",
                                               "-.Inf", "-.INF", NULL};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* [-+]? ( \.[0-9]+ | [0-9]+ (\.[0-9]*)? ) ([eE][-+]?[0-9]+)? */
static bool looks_like_float(const char *text)
{
    if (*text == '-' || *text == '+')
        text++;
    size_t before = 0, after = 0;
    for (; is_digit(*text); text++)
        before++;
    if (*text == '.') {
        for (text++; is_digit(*text); text++)
            after++;
        if (before == 0 && after == 0)
            return false;
    } else if (before == 0) {
        return false;
    }
    if (*text == 'e' || *text == 'E') {
        text++;
        if (*text == '-' || *text == '+')
            text++;
        if (!is_digit(*text))
            return false;
        while (is_digit(*text))
            text++;
    }
    return *text == '\0';
}

/* Base by prefix: 0x, 0o, 0b, a leading 0 is octal (YAML 1.1: modes such as 0644). */
static bool parse_integer(const char *text, int64_t *ret_value)
{
    const char *digits = text + (*text == '-' || *text == '+');
    int base = 10;
    if (digits[0] == '0' && digits[1] != '\0') {
        char mark = digits[1];
        base = mark == 'x' || mark == 'X' ? 16 : mark == 'b' || mark == 'B' ? 2 : 8;
        digits += base != 8 || mark == 'o' || mark == 'O' ? 2 : 1;
    }
    size_t valid = strspn(digits, base == 16  ? "0123456789abcdefABCDEF"
                                  : base == 8 ? "01234567"
                                  : base == 2 ? "01"
                                              : "0123456789");
    if (valid == 0 || digits[valid] != '\0')
        return false;
    errno = 0;
    unsigned long long magnitude = strtoull(digits, NULL, base);
    bool negative = *text == '-';
    if (errno != 0 || magnitude > (unsigned long long)INT64_MAX + negative)
        return false;
    *ret_value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

static json_t *resolve_number(const char *text)
{
    char plain[NUMBER_CHARS_MAX + 1];
    size_t count = 0;
    for (const char *c = text; *c != '\0'; c++)
        if (*c != '_')
            plain[count++] = *c;
    plain[count] = '\0';
    int64_t integer;
    if (parse_integer(plain, &integer))
        return spec_json_made(json_integer(integer));
    if (!looks_like_float(plain))
        return spec_json_made(json_string(text));
    double number = strtod(plain, NULL);
    if (!isfinite(number))
        return spec_json_made(json_string(text));
    if (number >= -EXACT_DOUBLE_MAX && number <= EXACT_DOUBLE_MAX &&
        (double)(int64_t)number == number)
        return spec_json_made(json_integer((json_int_t)number));
    return spec_json_made(json_real(number));
}

json_t *spec_scalar_resolve(const char *text, size_t size_bytes)
{
    if (size_bytes <= NUMBER_CHARS_MAX && strlen(text) == size_bytes) {
        if (one_of(text, words_null))
            return json_null();
        if (one_of(text, words_true))
            return json_true();
        if (one_of(text, words_false))
            return json_false();
        if (one_of(text, words_not_finite))
            return NULL;
        if (is_digit(text[0]) || text[0] == '-' || text[0] == '+' || text[0] == '.')
            return resolve_number(text);
    }
    return json_stringn(text, size_bytes);
}

bool spec_scalar_needs_quotes(const char *text, size_t size_bytes)
{
    if (strcmp(text, "<<") == 0 || strcmp(text, "=") == 0)
        return true;
    json_t *value = spec_scalar_resolve(text, size_bytes);
    bool other = !json_is_string(value);
    json_decref(value);
    /* Other readers take sexagesimal numbers and dates for something else. */
    return other || (size_bytes > 0 && is_digit(text[0]) && strpbrk(text, ":-") != NULL &&
                     strspn(text, "0123456789:-.TtZz +_") == size_bytes);
}
