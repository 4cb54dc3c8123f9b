/* What the core must never do; check_imports.py has to find each of these. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int impure_answer(void);

int impure_calls_count;
static long long impure_started;

int impure_answer(void)
{
    if (impure_started == 0)
        impure_started = (long long)time(NULL);
    impure_calls_count++;
    (void)puts("no I/O");
    return rand() + (int)impure_started;
}
