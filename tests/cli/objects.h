/* What agents answer in these tests. */
#ifndef SHOAL_TESTS_CLI_OBJECTS_H
#define SHOAL_TESTS_CLI_OBJECTS_H

#define LIST(items) "{\"items\":[" items "]}"
#define PODS        "/api/v1/namespaces/default/pods"
#define DEPLOYMENTS "/apis/apps/v1/namespaces/default/deployments"
#define RUNNING(name, node)                                                                        \
    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"" name                       \
    "\",\"namespace\":\"default\",\"uid\":\"u-" name                                               \
    "\",\"creationTimestamp\":\"2026-01-31T11:55:00Z\",\"ownerReferences\":[{\"kind\":"            \
    "\"Deployment\",\"name\":\"web\",\"uid\":\"d1\"}]},\"spec\":{\"nodeName\":\"" node             \
    "\",\"containers\":[{\"name\":\"web\",\"image\":\"web:1\"}]},\"status\":{\"phase\":"           \
    "\"Running\",\"podIP\":\"10.128.0.2\",\"containerStatuses\":[{\"name\":\"web\",\"ready\":"     \
    "true,\"restartCount\":0,\"image\":\"web:1\",\"state\":{\"running\":{\"startedAt\":"           \
    "\"2026-01-31T11:55:00Z\"}}}]}}"
#define KILLED                                                                                     \
    "{\"metadata\":{\"name\":\"eater\",\"namespace\":\"default\",\"uid\":\"u-eater\","             \
    "\"creationTimestamp\":\"2026-01-31T11:55:00Z\",\"annotations\":{\"shoal.dev/adopted\":"       \
    "\"true\",\"shoal.dev/slot\":\"0\"},\"labels\":{\"app\":\"eater\"}},\"spec\":{\"nodeName\":"   \
    "\"m3\",\"restartPolicy\":\"Always\",\"containers\":[{\"name\":\"main\",\"image\":\"b:1\","    \
    "\"resources\":{\"limits\":{\"memory\":\"16Mi\"}}}]},\"status\":{\"phase\":\"Running\","       \
    "\"containerStatuses\":[{\"name\":\"main\",\"ready\":false,\"restartCount\":2,\"state\":"      \
    "{\"waiting\":{\"reason\":\"CrashLoopBackOff\",\"message\":\"back-off 20s\\u001b[2J\"}},"      \
    "\"lastState\":{\"terminated\":{\"exitCode\":137,\"reason\":\"OOMKilled\"}}}]}}"
#define DEPLOYMENT                                                                                 \
    "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\","          \
    "\"namespace\":\"default\",\"uid\":\"d1\",\"generation\":2,\"creationTimestamp\":"             \
    "\"2026-01-31T11:00:00Z\"},\"spec\":{\"replicas\":3,\"selector\":{\"matchLabels\":{\"app\":"   \
    "\"web\"}},\"template\":{\"metadata\":{\"labels\":{\"app\":\"web\"}},\"spec\":{\"containers\"" \
    ":[{\"name\":\"web\",\"image\":\"web:1\"}]}}},\"status\":{\"replicas\":2,\"updatedReplicas\":" \
    "2,\"readyReplicas\":2,\"availableReplicas\":1,\"pendingSlots\":[{\"ordinal\":2,\"reason\":"   \
    "\"no node has enough cpu\"}]}}"
#define NODE(name, state, ready)                                                                   \
    "{\"metadata\":{\"name\":\"" name                                                              \
    "\",\"creationTimestamp\":\"2026-01-31T11:00:00Z\"},\"spec\":{},\"status\":{\"allocatable\":"  \
    "{\"cpu\":\"2\",\"memory\":\"8Gi\",\"pods\":\"110\"},\"conditions\":[{\"type\":\"Ready\","     \
    "\"status\":\"" ready "\"}],\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"10.0.0.1\"}" \
    "],\"nodeInfo\":{\"kubeletVersion\":\"shoal 0.1.0\"},\"shoal\":{\"id\":\"id-" name             \
    "\",\"state\":\"" state "\",\"forMs\":61000,\"allocated\":{\"cpu\":\"250m\",\"memory\":"       \
    "\"64Mi\",\"pods\":\"3\"}}}}"
#define GOSSIP                                                                                     \
    "{\"node\":\"m1\",\"clusterId\":\"0123456789abcdef\",\"digest\":\"d1d2\",\"localHealth\":0,"   \
    "\"holding\":false,\"members\":[{\"id\":\"id-m2\",\"name\":\"m2\",\"address\":"                \
    "\"10.0.0.2:7600\",\"state\":\"suspect\",\"self\":false,\"incarnation\":4,\"generation\":7,"   \
    "\"recordsSeq\":9,\"digestEqualMsAgo\":1500,\"software\":\"shoal/1\\u001b\",\"rttUs\":1234,"   \
    "\"distanceUs\":1520,\"nameShared\":true,"                                                     \
    "\"inStateForMs\":1500,\"lastHeardMsAgo\":3210,\"accusers\":[\"id-m1\"]},{\"id\":\"id-m1\","   \
    "\"name\":\"m1\",\"address\":\"10.0.0.1:7600\",\"state\":\"alive\",\"self\":true,"             \
    "\"incarnation\":1,\"rttUs\":0,\"inStateForMs\":61000,\"accusers\":[]}],\"protocol\":"         \
    "{\"probesSent\":12,\"deathsDeclared\":0},\"net\":{\"datagrams_in\":5,\"datagrams_out\":0},"   \
    "\"refused\":{\"datagrams_replayed\":3,\"datagrams_forged\":0},\"keys\":[{\"id\":1,"           \
    "\"primary\":true},{\"id\":2,\"primary\":false}]}"

#endif
