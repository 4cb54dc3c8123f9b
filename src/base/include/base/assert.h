/* Invariants of our own code, checked in every build. Never for input from outside. */
#ifndef SHOAL_BASE_ASSERT_H
#define SHOAL_BASE_ASSERT_H

/* Prints where and what to stderr and aborts. */
_Noreturn void panic(const char *file, int line, const char *what);

#define ASSERT(condition) ((condition) ? (void)0 : panic(__FILE__, __LINE__, #condition))
#define UNREACHABLE()     panic(__FILE__, __LINE__, "unreachable")

#endif
