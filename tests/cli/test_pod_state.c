/* The words for a pod: kubectl's table, row by row. */
#include "pod_state.h"

#include <check.h>
#include <stdlib.h>

#define NOW_WALL_MS ((wall_ms_t)1769860800000) /* 2026-01-31T12:00:00Z */

static const struct {
    const char *pod; /* with ' for " */
    const char *status;
    size_t ready, containers;
    int64_t restarts;
    const char *restarted;
    bool well, done;
    const char *message;
} cases[] = {
    {"{}", "Unknown", 0, 0, 0, "", false, false, ""},
    {"{'status':{'phase':'Pending','message':'no node has cpu'},'spec':{'containers':[{}]}}",
     "Pending", 0, 1, 0, "", false, false, "no node has cpu"},
    {"{'status':{'phase':'Pending','containerStatuses':[{'ready':false,'restartCount':0,'state':"
     "{'waiting':{'reason':'ContainerCreating'}}}]},'spec':{'containers':[{}]}}",
     "ContainerCreating", 0, 1, 0, "", false, false, ""},
    {"{'status':{'phase':'Pending','reason':'ErrImageNeverPull','containerStatuses':[{'state':"
     "{'waiting':{'reason':'ErrImageNeverPull','message':'x:1 is not here'}}}]},'spec':"
     "{'containers':[{}]}}",
     "ErrImageNeverPull", 0, 1, 0, "", false, false, "x:1 is not here"},
    {"{'status':{'phase':'Running','containerStatuses':[{'ready':true,'restartCount':0,'state':"
     "{'running':{}}}]},'spec':{'containers':[{}]}}",
     "Running", 1, 1, 0, "", true, false, ""},
    /* runs, but one of two is not ready */
    {"{'status':{'phase':'Running','containerStatuses':[{'ready':true,'restartCount':1,'state':"
     "{'running':{}}},{'ready':false,'restartCount':2,'state':{'running':{}}}]},'spec':"
     "{'containers':[{},{}]}}",
     "Running", 1, 2, 3, "", false, false, ""},
    {"{'status':{'phase':'Running','containerStatuses':[{'restartCount':4,'state':{'waiting':"
     "{'reason':'CrashLoopBackOff','message':'back-off 40s'}},'lastState':{'terminated':"
     "{'exitCode':3,'reason':'Error','finishedAt':'2026-01-31T11:55:00Z'}}}]},'spec':"
     "{'containers':[{}]}}",
     "CrashLoopBackOff", 0, 1, 4, "5m", false, false, "back-off 40s"},
    {"{'status':{'phase':'Failed','containerStatuses':[{'state':{'terminated':{'exitCode':137,"
     "'reason':'OOMKilled'}}}]},'spec':{'containers':[{}]}}",
     "OOMKilled", 0, 1, 0, "", false, true, ""},
    {"{'status':{'phase':'Failed','containerStatuses':[{'state':{'terminated':{'exitCode':3}}}]},"
     "'spec':{'containers':[{}]}}",
     "ExitCode:3", 0, 1, 0, "", false, true, ""},
    {"{'status':{'phase':'Failed','containerStatuses':[{'state':{'terminated':{'signal':9}}}]},"
     "'spec':{'containers':[{}]}}",
     "Signal:9", 0, 1, 0, "", false, true, ""},
    {"{'status':{'phase':'Succeeded','containerStatuses':[{'state':{'terminated':{'exitCode':0,"
     "'reason':'Completed'}}}]},'spec':{'containers':[{}]}}",
     "Completed", 0, 1, 0, "", true, true, ""},
    /* one has finished, the other runs: the first container speaks */
    {"{'status':{'phase':'Running','conditions':[{'type':'Ready','status':'True'}],"
     "'containerStatuses':[{'state':{'terminated':{'exitCode':0,'reason':'Completed'}}},"
     "{'ready':true,'state':{'running':{}}}]},'spec':{'containers':[{},{}]}}",
     "Running", 1, 2, 0, "", false, false, ""},
    {"{'status':{'phase':'Running','conditions':[{'type':'Ready','status':'False'}],"
     "'containerStatuses':[{'state':{'terminated':{'exitCode':0,'reason':'Completed'}}},"
     "{'ready':true,'state':{'running':{}}}]},'spec':{'containers':[{},{}]}}",
     "NotReady", 1, 2, 0, "", false, false, ""},
    /* of two with something to say, the first */
    {"{'status':{'phase':'Running','containerStatuses':[{'state':{'waiting':{'reason':'First'}}},"
     "{'state':{'waiting':{'reason':'Second'}}}]},'spec':{'containers':[{},{}]}}",
     "First", 0, 2, 0, "", false, false, ""},
    {"{'metadata':{'deletionTimestamp':'2026-01-31T11:59:59Z'},'status':{'phase':'Running',"
     "'containerStatuses':[{'ready':true,'state':{'running':{}}}]},'spec':{'containers':[{}]}}",
     "Terminating", 1, 1, 0, "", false, false, ""},
    {"{'metadata':{'deletionTimestamp':'2026-01-31T11:59:59Z'},'status':{'phase':'Succeeded',"
     "'containerStatuses':[{'state':{'terminated':{'reason':'Completed'}}}]},'spec':"
     "{'containers':[{}]}}",
     "Completed", 0, 1, 0, "", true, true, ""},
    {"{'metadata':{'deletionTimestamp':'2026-01-31T11:59:59Z'},'status':{'phase':'Running',"
     "'reason':'NodeLost'},'spec':{'containers':[{}]}}",
     "Unknown", 0, 1, 0, "", false, false, ""},
    /* the workload is gone, and the spec with it */
    {"{'status':{'phase':'Running','containerStatuses':[{'ready':true,'state':{'running':{}}}]}}",
     "Running", 1, 1, 0, "", true, false, ""},
    /* init containers */
    {"{'spec':{'initContainers':[{},{}],'containers':[{}]},'status':{'phase':'Pending',"
     "'initContainerStatuses':[{'state':{'terminated':{'exitCode':0}}},{'state':{'running':{}}}],"
     "'containerStatuses':[{'state':{'waiting':{'reason':'PodInitializing'}}}]}}",
     "Init:1/2", 0, 1, 0, "", false, false, ""},
    {"{'spec':{'initContainers':[{}],'containers':[{}]},'status':{'phase':'Pending',"
     "'initContainerStatuses':[{'restartCount':2,'state':{'waiting':{'reason':'CrashLoopBackOff',"
     "'message':'m'}}}]}}",
     "Init:CrashLoopBackOff", 0, 1, 2, "", false, false, "m"},
    {"{'spec':{'initContainers':[{}],'containers':[{}]},'status':{'phase':'Failed',"
     "'initContainerStatuses':[{'state':{'terminated':{'exitCode':1,'reason':'Error'}}}]}}",
     "Init:Error", 0, 1, 0, "", false, true, ""},
    /* nonsense is not a crash */
    {"{'status':{'phase':7,'containerStatuses':{'a':1},'conditions':'x'},'spec':[]}", "Unknown", 0,
     0, 0, "", false, false, ""},
    {"{'status':{'phase':'Running','containerStatuses':[7,null,'x',{'state':[]}]}}", "Running", 0,
     4, 0, "", false, false, ""},
};

START_TEST(test_state)
{
    struct pod_state state;
    struct buf text = BUF_INIT;
    for (const char *c = cases[_i].pod; *c != '\0'; c++)
        buf_append_byte(&text, *c == '\'' ? '"' : (uint8_t)*c);
    json_t *pod = json_loads(buf_text(&text), 0, NULL);
    ck_assert_ptr_nonnull(pod);
    pod_state_of(pod, NOW_WALL_MS, &state);
    ck_assert_str_eq(state.status, cases[_i].status);
    ck_assert_uint_eq(state.ready_count, cases[_i].ready);
    ck_assert_uint_eq(state.containers_count, cases[_i].containers);
    ck_assert_int_eq(state.restarts, cases[_i].restarts);
    ck_assert_str_eq(state.restarted, cases[_i].restarted);
    ck_assert_int_eq(state.well, cases[_i].well);
    ck_assert_int_eq(state.done, cases[_i].done);
    ck_assert_str_eq(pod_state_message(pod), cases[_i].message);
    json_decref(pod);
    buf_fini(&text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cli pod state");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, test_state, 0, sizeof(cases) / sizeof(cases[0]));
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
