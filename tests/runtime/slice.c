#include <string.h>

#include "base/memory.h"
#include "rig.h"

START_TEST(runs_true)
{
    struct rig rig;
    rig_init(&rig);
    rig_open(&rig);
    char *text = rig_run(
        &rig,
        "echo hello; id; ls -l /dev; cat /proc/self/status | grep Cap; cat /proc/mounts; ip addr");
    printf("%s", text);
    mem_free(text);
    rig_fini(&rig);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("slice");
    TCase *c = tcase_create("slice");
    tcase_add_test(c, runs_true);
    tcase_set_timeout(c, 100);
    suite_add_tcase(s, c);
    return s;
}

int main(int argc, char **argv)
{
    return rig_main(argc, argv, suite);
}
