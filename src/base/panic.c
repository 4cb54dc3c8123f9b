#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

_Noreturn void panic(const char *file, int line, const char *what)
{
    (void)fprintf(stderr, "shoal: %s:%d: invariant broken: %s\n", file, line, what);
    abort();
}
