/*
 * The grammar (apimachinery, api/resource): sign? digits with at most one point, then one of Ki Mi
 * Gi Ti Pi Ei, one of n u m k M G T P E, or e/E and a signed number. Decimal suffixes and exponents
 * only move the point, so the digits are kept as digits and everything stays exact; only the binary
 * factor multiplies.
 */
#include "spec/quantity.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TEXT_CHARS_MAX     64
#define FRACTION_DIGITS    18 /* 10^18 * 2^60 still fits in 128 bits */
#define EXPONENT_MAGNITUDE 100

__extension__ typedef unsigned __int128 wide;

struct number {
    bool negative;
    bool milli_suffix; /* n, u or m */
    char digits[TEXT_CHARS_MAX + 1];
    int digits_count;
    int point; /* digits before the decimal point; may be negative or beyond the digits */
    unsigned binary_shift;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *parse_digits(const char *text, struct number *number)
{
    bool point_seen = false;
    for (; is_digit(*text) || (*text == '.' && !point_seen); text++) {
        if (*text == '.')
            point_seen = true;
        else
            number->digits[number->digits_count++] = *text;
        if (!point_seen)
            number->point = number->digits_count;
    }
    return text;
}

static bool parse_exponent(const char *text, struct number *number)
{
    bool negative = *text == '-';
    if (*text == '-' || *text == '+')
        text++;
    if (*text == '\0')
        return false;
    int exponent = 0;
    for (; is_digit(*text); text++)
        exponent = exponent > EXPONENT_MAGNITUDE ? exponent : exponent * 10 + (*text - '0');
    number->point += negative ? -exponent : exponent;
    return *text == '\0';
}

static bool parse_suffix(const char *text, struct number *number)
{
    static const char binary[] = "KMGTPE";
    static const struct {
        char letter;
        int shift;
    } decimal[] = {{'n', -9}, {'u', -6}, {'m', -3}, {'k', 3}, {'M', 6},
                   {'G', 9},  {'T', 12}, {'P', 15}, {'E', 18}};
    if (text[0] == '\0')
        return true;
    const char *at = strchr(binary, text[0]);
    if (at != NULL && text[1] == 'i' && text[2] == '\0') {
        number->binary_shift = 10 * (unsigned)(at - binary + 1);
        return true;
    }
    for (size_t i = 0; text[1] == '\0' && i < sizeof(decimal) / sizeof(decimal[0]); i++) {
        if (decimal[i].letter != text[0])
            continue;
        number->point += decimal[i].shift;
        number->milli_suffix = decimal[i].shift < 0;
        return true;
    }
    return (text[0] == 'e' || text[0] == 'E') && parse_exponent(text + 1, number);
}

static bool parse_number(const char *text, struct number *number)
{
    *number = (struct number){.negative = text[0] == '-'};
    if (strlen(text) > TEXT_CHARS_MAX)
        return false;
    if (text[0] == '-' || text[0] == '+')
        text++;
    text = parse_digits(text, number);
    if (number->digits_count == 0)
        return false;
    return parse_suffix(text, number);
}

/* The digit at a place counted from the first, zero outside. */
static unsigned digit_at(const struct number *number, int place)
{
    return place >= 0 && place < number->digits_count ? (unsigned)(number->digits[place] - '0') : 0;
}

static bool is_zero(const struct number *number)
{
    for (int i = 0; i < number->digits_count; i++)
        if (number->digits[i] != '0')
            return false;
    return true;
}

/* The number times 2^binary_shift, rounded up; `ret_exact` tells whether nothing was rounded.
 * False: beyond int64. */
static bool to_integer(const struct number *number, uint64_t *ret_value, bool *ret_exact)
{
    wide whole = 0, fraction = 0, unit = 1;
    for (int place = 0; place < number->point; place++) {
        whole = whole * 10 + digit_at(number, place);
        if (whole > INT64_MAX)
            return false;
    }
    int place = number->point;
    for (int i = 0; i < FRACTION_DIGITS; i++, place++) {
        fraction = fraction * 10 + digit_at(number, place);
        unit *= 10;
    }
    bool rest = false;
    for (place = place > 0 ? place : 0; place < number->digits_count; place++)
        rest |= digit_at(number, place) != 0;
    if (rest)
        fraction++;
    wide scaled = fraction << number->binary_shift;
    wide value = (whole << number->binary_shift) + (scaled + unit - 1) / unit;
    if (value > INT64_MAX)
        return false;
    *ret_exact = !rest && scaled % unit == 0;
    *ret_value = (uint64_t)value;
    return true;
}

/* `shift`: how many decimal places the unit is finer than one. */
static enum spec_quantity_verdict parse(const char *text, int shift, struct number *number,
                                        uint64_t *ret_value, bool *ret_exact)
{
    if (!parse_number(text, number))
        return SPEC_QUANTITY_SYNTAX;
    *ret_value = 0;
    *ret_exact = true;
    if (is_zero(number))
        return SPEC_QUANTITY_OK;
    if (number->negative)
        return SPEC_QUANTITY_NEGATIVE;
    number->point += shift;
    return to_integer(number, ret_value, ret_exact) ? SPEC_QUANTITY_OK : SPEC_QUANTITY_TOO_LARGE;
}

enum spec_quantity_verdict spec_quantity_parse_milli(const char *text, uint64_t *ret_milli)
{
    struct number number;
    uint64_t value;
    bool exact;
    enum spec_quantity_verdict verdict = parse(text, 3, &number, &value, &exact);
    if (verdict == SPEC_QUANTITY_OK)
        *ret_milli = value;
    return verdict;
}

enum spec_quantity_verdict spec_quantity_parse_whole(const char *text, uint64_t *ret_whole)
{
    struct number number;
    uint64_t value;
    bool exact;
    enum spec_quantity_verdict verdict = parse(text, 0, &number, &value, &exact);
    if (verdict != SPEC_QUANTITY_OK)
        return verdict;
    if (!exact && (number.milli_suffix || value == 1))
        return SPEC_QUANTITY_FRACTION;
    *ret_whole = value;
    return SPEC_QUANTITY_OK;
}

enum spec_quantity_verdict spec_quantity_parse_count(const char *text, uint64_t *ret_count)
{
    struct number number;
    uint64_t value;
    bool exact;
    enum spec_quantity_verdict verdict = parse(text, 0, &number, &value, &exact);
    if (verdict != SPEC_QUANTITY_OK)
        return verdict;
    if (!exact)
        return SPEC_QUANTITY_FRACTION;
    *ret_count = value;
    return SPEC_QUANTITY_OK;
}

/* Moves as many factors of `base` into a suffix as divide the value. */
static void format_with(uint64_t value, uint64_t base, const char *const suffixes[static 7],
                        char text[static SPEC_QUANTITY_TEXT_BYTES_MAX])
{
    size_t i = 0;
    while (value > 0 && i < 6 && value % base == 0) {
        value /= base;
        i++;
    }
    snprintf(text, SPEC_QUANTITY_TEXT_BYTES_MAX, "%" PRIu64 "%s", value, suffixes[i]);
}

static const char *const decimal_suffixes[7] = {"", "k", "M", "G", "T", "P", "E"};
static const char *const binary_suffixes[7] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};

const char *spec_quantity_format_milli(uint64_t milli,
                                       char text[static SPEC_QUANTITY_TEXT_BYTES_MAX])
{
    if (milli % 1000 != 0)
        snprintf(text, SPEC_QUANTITY_TEXT_BYTES_MAX, "%" PRIu64 "m", milli);
    else
        format_with(milli / 1000, 1000, decimal_suffixes, text);
    return text;
}

const char *spec_quantity_format_whole(uint64_t whole,
                                       char text[static SPEC_QUANTITY_TEXT_BYTES_MAX])
{
    char decimal[SPEC_QUANTITY_TEXT_BYTES_MAX];
    format_with(whole, 1000, decimal_suffixes, decimal);
    format_with(whole, 1024, binary_suffixes, text);
    if (strlen(decimal) < strlen(text))
        memcpy(text, decimal, strlen(decimal) + 1);
    return text;
}
