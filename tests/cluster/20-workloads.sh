# shellcheck shell=bash
# shellcheck disable=SC2016,SC2034,SC2030,SC2031 # Conditions are given to expect_soon as text.
# A manifest given to any peer becomes containers, changes with it, and goes with it.

case_five_agents_are_one_cluster() {
    local name
    given_cluster
    for name in $(cluster_names); do
        expect_soon 5 "$name sees five members" _members_are "$name" 5
        expect_match "status of $name" 'm1.*m2.*m3.*m4.*m5' "$(machine_exec "$name" shoal status | tr '\n' ' ')"
    done
    expect_equal "nodes" "m1 m2 m3 m4 m5" "$(machine_exec m4 shoal get nodes -o json | jq -r '[.items[].metadata.name] | sort | join(" ")')"
    then_clean
}

case_apply_runs_and_is_the_same_at_every_peer_and_idempotent() {
    local before name
    given_cluster
    machine_exec m1 shoal apply -f "$SHOAL_ROOT/examples/web.yaml"
    await_ready m1 10
    before=$(pods_table m1)
    for name in $(cluster_names); do
        expect_soon 5 "$name shows the same pods" eval "[[ \$(pods_table $name) == \"\$before\" ]]"
    done
    expect_match "a second apply, at m2" 'unchanged' "$(machine_exec m2 shoal apply -f "$SHOAL_ROOT/examples/web.yaml")"
    sleep 1
    expect_equal "pods after the second apply" "$before" "$(pods_table m1)"
    expect_match "apply from standard input" 'unchanged' "$(machine_exec m3 shoal apply -f - <"$SHOAL_ROOT/examples/web.yaml")"
    then_deleted web
}

case_every_pod_serves_its_page_on_its_node() {
    local pod node address
    given_cluster
    machine_exec m1 shoal apply -f "$SHOAL_ROOT/examples/web.yaml"
    await_ready m1 10
    expect_equal "addresses are unique" 10 "$(pods m1 '[.items[].status.podIP] | unique | length')"
    while read -r pod node address _; do
        expect_match "page of $pod" "$pod.*version 1" "$(page "$node" "$address" | tr '\n' ' ')"
    done < <(pods_table m1)
    then_deleted web
}

case_an_edited_manifest_at_another_peer_rolls_every_pod() {
    local node address
    given_cluster
    machine_exec m1 shoal apply -f "$SHOAL_ROOT/examples/web.yaml"
    await_ready m1 10
    sed 's|web:1|web:2|' "$SHOAL_ROOT/examples/web.yaml" | machine_exec m3 shoal apply -f -
    expect_soon 30 "all pods have the new image" eval '[[ $(pods m1 "[.items[] | select(ready and image == \"shoal.example/web:2\")] | length") == 10 && $(pods_count m1) == 10 ]]'
    read -r _ node address _ < <(pods_table m1)
    expect_match "page" "version 2" "$(page "$node" "$address")"
    then_deleted web
}

case_replicas_go_up_and_down() {
    given_cluster
    for replicas in 3 12 1 0; do
        sed "s|replicas: 10|replicas: $replicas|" "$SHOAL_ROOT/examples/web.yaml" | machine_exec m2 shoal apply -f -
        await_ready m4 "$replicas"
    done
    then_deleted web
}

case_delete_at_a_fourth_peer_removes_all_everywhere() {
    local name
    given_cluster
    machine_exec m1 shoal apply -f "$SHOAL_ROOT/examples/web.yaml"
    await_ready m1 10
    expect_match "delete" 'web.* deleted' "$(machine_exec m4 shoal delete -f "$SHOAL_ROOT/examples/web.yaml")"
    await_no_pods m1
    for name in $(cluster_names); do
        expect_soon 5 "$name has no pods" eval "[[ \$(pods_count $name) == 0 ]]"
        expect_soon 5 "$name has no deployment" eval "[[ \$(machine_exec $name shoal get deployments -o json | jq '.items | length') == 0 ]]"
    done
    then_clean
}

# The container's own view: command, args, env, workingDir, user, and what the runtime must have taken away.
case_a_pod_runs_as_its_spec_says_and_confined() {
    local log
    given_cluster
    cluster_load_image "$SHOAL_CACHE/images/busybox-1.tar"
    machine_exec m1 shoal apply -f - <<'YAML'
apiVersion: v1
kind: Pod
metadata: {name: view}
spec:
  restartPolicy: Never
  containers:
    - name: main
      image: shoal.example/busybox:1
      imagePullPolicy: Never
      command: [/bin/sh, -c]
      args: ['echo uid=$(id -u) dir=$(pwd) greeting=$GREETING pid=$$ host=$(hostname); grep -E "^(CapEff|NoNewPrivs|Seccomp):" /proc/self/status; ls /sys/class/net; cat /proc/kcore | wc -c; touch /proc/sys/x 2>&1; mount -t tmpfs x /tmp 2>&1; echo end']
      env: [{name: GREETING, value: hello}]
      workingDir: /tmp
      securityContext: {runAsUser: 1000}
YAML
    expect_soon 20 "the pod has succeeded" eval '[[ $(pods m1 ".items[0].status.phase") == Succeeded ]]'
    log=$(machine_exec m1 shoal logs view)
    expect_match "log" 'uid=1000 dir=/tmp greeting=hello .*host=view' "$log"
    expect_match "log" 'CapEff:.0000000000000000' "$log"
    expect_match "log" 'NoNewPrivs:.1' "$log"
    expect_match "log" 'Seccomp:.2' "$log"
    expect_match "log" 'eth0' "$log"
    expect_match "log" 'mount: permission denied[^/]*end' "${log//$'\n'/ }"
    machine_exec m2 shoal delete pod view
    then_clean
}

case_a_container_that_exits_is_restarted_with_growing_pauses() {
    given_cluster
    cluster_load_image "$SHOAL_CACHE/images/busybox-1.tar"
    machine_exec m1 shoal apply -f - <<'YAML'
apiVersion: v1
kind: Pod
metadata: {name: fails}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - {name: main, image: shoal.example/busybox:1, imagePullPolicy: Never, command: [/bin/sh, -c, 'echo started; exit 3']}
YAML
    expect_soon 40 "it was restarted twice" eval '(( $(pods m1 ".items[0] | restarts") >= 2 ))'
    expect_soon 10 "it waits" eval '[[ $(pods m1 ".items[0].status.containerStatuses[0].state.waiting.reason") == CrashLoopBackOff ]]'
    expect_match "describe" 'CrashLoopBackOff' "$(machine_exec m3 shoal describe pod fails)"
    machine_exec m1 shoal delete pod fails
    then_clean
}

case_memory_above_the_limit_is_oom_killed_and_said() {
    given_cluster
    cluster_load_image "$SHOAL_CACHE/images/busybox-1.tar"
    machine_exec m1 shoal apply -f - <<'YAML'
apiVersion: v1
kind: Pod
metadata: {name: eater}
spec:
  restartPolicy: Never
  containers:
    - name: main
      image: shoal.example/busybox:1
      imagePullPolicy: Never
      command: [/bin/sh, -c, 'x=$(head -c 100000000 /dev/zero | tr "\0" x); echo not reached ${#x}']
      resources: {limits: {memory: 16Mi}}
YAML
    expect_soon 20 "the pod has failed" eval '[[ $(pods m1 ".items[0].status.phase") == Failed ]]'
    expect_equal "reason" OOMKilled "$(pods m1 '.items[0].status.containerStatuses[0].state.terminated.reason')"
    expect_match "describe" 'OOMKilled' "$(machine_exec m5 shoal describe pod eater)"
    machine_exec m1 shoal delete pod eater
    then_clean
}

case_a_pod_that_fits_nowhere_says_why() {
    given_cluster
    machine_exec m1 shoal apply -f - <<'YAML'
apiVersion: v1
kind: Pod
metadata: {name: huge}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - {name: main, image: 'shoal.example/web:1', resources: {requests: {cpu: '900'}}}
YAML
    expect_soon 10 "describe says that cpu is short" eval 'machine_exec m3 shoal describe pod huge | grep -iE "cpu"'
    expect_equal "phase" Pending "$(pods m1 '.items[0].status.phase')"
    machine_exec m1 shoal delete pod huge
    then_clean
}

# then_deleted NAME: the deployment goes, and the case ends well.
then_deleted() {
    machine_exec m1 shoal delete deployment "$1"
    then_clean
}

case_a_program_that_does_not_exist_is_named() {
    given_cluster
    cluster_load_image "$SHOAL_CACHE/images/busybox-1.tar"
    machine_exec m1 shoal apply -f - <<'YAML'
apiVersion: v1
kind: Pod
metadata: {name: lost}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - {name: main, image: 'shoal.example/busybox:1', command: [/no/such/program]}
YAML
    # Also while it only waits for the next try.
    expect_soon 10 "it is named beside the pause" eval 'machine_exec m2 shoal describe pod lost | grep -E "back-off.*main: .*/no/such/program"'
    machine_exec m1 shoal delete pod lost
    then_clean
}
