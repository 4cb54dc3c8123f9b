/* Which hierarchies are found, and what libcgroup leaves in memory. Nothing is made or changed. */
#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/mman.h>

#include "cgroup/groups_internal.h"

extern char cg_mount_table[];

static size_t resident(const char *from, size_t size_bytes)
{
    size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    size_t before_bytes = (uintptr_t)from & (page_bytes - 1);
    size_t pages = (before_bytes + size_bytes + page_bytes - 1) / page_bytes, count = 0;
    unsigned char *here = calloc(pages, 1);
    ck_assert_ptr_nonnull(here);
    ck_assert_int_eq(mincore((void *)(uintptr_t)(from - before_bytes), pages * page_bytes, here),
                     0);
    for (size_t i = 0; i < pages; i++)
        count += here[i] & 1;
    free(here);
    return count;
}

/* An agent that never ran a pod held 0.8 MiB of zeros, a fifth of what it takes at rest. Mutation,
 * seen to fail: give_back_table() does nothing. And the library still knows what it knew: the
 * groups of all other tests of the runtime are made through it. */
START_TEST(what_libcgroup_only_cleared_is_given_back)
{
    enum { TABLE_BYTES = 800000 };
    static struct groups groups;
    struct error error = ERROR_INIT;
    ck_assert_msg(groups_discover(&groups, &error) == 0, "%s", error.message);
    ck_assert_uint_gt(groups.hierarchies_count, 0);
    for (unsigned i = 0; i < groups.hierarchies_count; i++)
        ck_assert_int_eq(groups.hierarchies[i].mount[0], '/');
    ck_assert_uint_eq(resident(cg_mount_table, 1), 1);
    /* A name and a path, each at the beginning of a page or across two. */
    ck_assert_uint_le(resident(cg_mount_table, TABLE_BYTES), 4 * groups.hierarchies_count + 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime: groups");
    TCase *tcase = tcase_create("groups");
    tcase_add_test(tcase, what_libcgroup_only_cleared_is_given_back);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
