# shellcheck shell=bash
# shellcheck disable=SC2016,SC2034,SC2030,SC2031 # Conditions are given to expect_soon as text.
# The agent is not the workload: it dies, restarts, is upgraded, and the containers do not notice.

case_containers_outlive_their_agent_and_are_adopted() {
    local node before address pod
    given_cluster
    machine_exec m1 shoal apply -f "$SHOAL_ROOT/examples/web.yaml"
    await_ready m1 10
    read -r pod node address _ < <(pods_table m1)
    before=$(container_pids "$node")
    expect_match "container processes of $node" '[0-9]' "$before"
    machine_signal "$node" agent KILL
    expect_match "page while no agent runs" "version 1" "$(page "$node" "$address")"
    cluster_agent_start "$node"
    expect_soon 10 "the pods of $node are listed" eval "[[ \$(pods $node '[.items[] | select(ready)] | length') == 10 ]]"
    expect_equal "container processes" "$before" "$(container_pids "$node")"
    expect_match "the agent's log" '[Aa]dopt' "$(tail -n 50 "$(machine_log "$node")")"
    expect_equal "restarts" 0 "$(pods m1 '[.items[] | restarts] | add')"
    then_deleted web
}

# traces_of NAME: what an agent has on a machine besides its disk: processes, cgroups below the machine's, the bridge.
traces_of() {
    machine_pids "$1" | while read -r pid; do tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null || true; done | grep -o 'shoal [a-z-]*' || true
    find "${_cgroup_roots[0]}/shoal/$MACHINES_RUN/$1" -mindepth 1 -type d -printf '%P\n'
    machine_exec "$1" ip -brief link show type bridge
}

case_an_agent_that_ends_takes_what_holds_no_pod_with_it() {
    local before pids
    given_cluster
    machine_signal m2 agent TERM
    expect_soon 10 "nothing of m2's agent is left" eval '[[ -z $(traces_of m2) ]]'
    cluster_agent_start m2
    machine_exec m1 shoal apply -f "$SHOAL_ROOT/examples/web.yaml"
    await_ready m1 10
    before=$(container_pids m2)
    expect_match "container processes of m2" '[0-9]' "$before"
    machine_signal m2 agent TERM
    expect_soon 10 "the agent has ended" eval '! machine_spawned m2 agent'
    expect_equal "container processes" "$before" "$(container_pids m2)"
    expect_match "traces" 'shoal0' "$(traces_of m2)"
    cluster_agent_start m2
    await_ready m1 10
    then_deleted web
}

case_all_agents_restarted_change_nothing() {
    local name before pids
    given_cluster
    machine_exec m1 shoal apply -f "$SHOAL_ROOT/examples/web.yaml"
    await_ready m1 10
    before=$(pods_table m1)
    pids=$(for name in $(cluster_names); do container_pids "$name"; done)
    for name in $(cluster_names); do machine_signal "$name" agent KILL; done
    for name in $(cluster_names); do cluster_agent_spawn "$name"; done
    for name in $(cluster_names); do cluster_await_agent "$name"; done
    cluster_await_members m1 5
    await_ready m1 10
    sleep 3
    expect_equal "names, nodes, addresses, restarts" "$before" "$(pods_table m1)"
    expect_equal "processes" "$pids" "$(for name in $(cluster_names); do container_pids "$name"; done)"
    then_deleted web
}

case_a_power_cut_of_all_machines_loses_no_object() {
    local name before
    given_cluster
    machine_exec m1 shoal apply -f "$SHOAL_ROOT/examples/web.yaml"
    await_ready m1 10
    before=$(pods m1 '[.items[].spec.nodeName] | sort | join(" ")')
    for name in $(cluster_names); do machine_power_off "$name"; done
    for name in $(cluster_names); do machine_power_on "$name"; done
    for name in $(cluster_names); do cluster_agent_spawn "$name"; done
    for name in $(cluster_names); do cluster_await_agent "$name"; done
    cluster_await_members m1 5
    await_ready m1 10
    expect_equal "every machine has its own work again" "$before" "$(pods m1 '[.items[].spec.nodeName] | sort | join(" ")')"
    then_deleted web
}
