#include "spec/types.h"

#include <string.h>

const char *spec_pairs_get(const struct spec_pairs *pairs, const char *key)
{
    size_t low = 0, high = pairs->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(key, pairs->items[middle].key);
        if (order == 0)
            return pairs->items[middle].value;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

bool spec_pairs_contain(const struct spec_pairs *pairs, const struct spec_pairs *wanted)
{
    for (size_t i = 0; i < wanted->count; i++) {
        const char *value = spec_pairs_get(pairs, wanted->items[i].key);
        if (value == NULL || strcmp(value, wanted->items[i].value) != 0)
            return false;
    }
    return true;
}

static bool value_listed(const struct spec_selector_expression *expression, const char *value)
{
    for (size_t i = 0; i < expression->values_count; i++)
        if (strcmp(expression->values[i], value) == 0)
            return true;
    return false;
}

static bool expression_matches(const struct spec_selector_expression *expression,
                               const struct spec_pairs *labels)
{
    const char *value = spec_pairs_get(labels, expression->key);
    switch (expression->operator) {
    case SPEC_SELECTOR_IN:
        return value != NULL && value_listed(expression, value);
    case SPEC_SELECTOR_NOT_IN: /* an object without the label matches too, as in Kubernetes */
        return value == NULL || !value_listed(expression, value);
    case SPEC_SELECTOR_EXISTS:
        return value != NULL;
    case SPEC_SELECTOR_DOES_NOT_EXIST:
        return value == NULL;
    }
    return false;
}

bool spec_selector_matches(const struct spec_selector *selector, const struct spec_pairs *labels)
{
    if (!spec_pairs_contain(labels, &selector->match_labels))
        return false;
    for (size_t i = 0; i < selector->expressions_count; i++)
        if (!expression_matches(&selector->expressions[i], labels))
            return false;
    return true;
}

static bool any_address(const char *ip)
{
    return ip[0] == '\0' || strcmp(ip, "0.0.0.0") == 0 || strcmp(ip, "::") == 0;
}

bool spec_host_port_conflicts(const struct spec_host_port *a, const struct spec_host_port *b)
{
    return a->port == b->port && a->protocol == b->protocol &&
           (any_address(a->host_ip) || any_address(b->host_ip) ||
            strcmp(a->host_ip, b->host_ip) == 0);
}

bool spec_toleration_matches(const struct spec_toleration *toleration, const char *taint_key,
                             const char *taint_value, enum spec_taint_effect effect)
{
    if (toleration->effect != SPEC_TAINT_ANY && toleration->effect != effect)
        return false;
    if (toleration->key[0] != '\0' && strcmp(toleration->key, taint_key) != 0)
        return false;
    return toleration->exists || strcmp(toleration->value, taint_value) == 0;
}
