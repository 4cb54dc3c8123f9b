/* The fixture of tests in which two stores talk: a test file is one program, so it has its own. */
#ifndef SHOAL_TESTS_STORE_PAIR_H
#define SHOAL_TESTS_STORE_PAIR_H

#include "lib.h"

static struct store *a, *b;

static inline void pair_setup(void)
{
    a = make_store_with((struct store_config){.node = 1, .generation = 100});
    b = make_store_with((struct store_config){.node = 2, .generation = 100});
}

static inline void pair_teardown(void)
{
    store_validate(a);
    store_validate(b);
    store_free(a);
    store_free(b);
}

#endif
