# shellcheck shell=bash
# shellcheck disable=SC2016,SC2034,SC2030,SC2031 # Conditions are given to expect_soon as text.
# A machine dies; its work, and only its work, runs elsewhere. Target: 3 s; asserted loosely, scripts/bench heal measures.

# The pods that NODE does not run, without their restarts being allowed to change: "name node ip 0 image" each.
pods_not_on() { pods_table "$1" | awk -v node="$2" '$2 != node'; }
busiest() { pods m1 '[.items[].spec.nodeName | select(. != "m1")] | group_by(.) | sort_by(-length) | .[0][0]'; }

case_a_dead_machine_is_replaced_and_comes_back() {
    local victim others
    given_cluster
    machine_exec m1 shoal apply -f "$SHOAL_ROOT/examples/web.yaml"
    await_ready m1 10
    victim=$(busiest)
    others=$(pods_not_on m1 "$victim")
    machine_power_off "$victim"
    await_ready m1 10 "$victim" 15
    say "healed in $(elapsed "$MACHINE_OFF_US") s"
    expect_equal "the other machines' pods" "$others" "$(pods_table m1 | grep -F "$others")"
    machine_power_on "$victim"
    cluster_agent_start "$victim"
    cluster_await_members m1 5
    await_ready m1 10
    expect_equal "pods are not doubled" 10 "$(pods_count "$victim")"
    then_deleted web
}

case_the_death_of_the_submitter_stops_nothing() {
    given_cluster
    machine_exec m5 shoal apply -f "$SHOAL_ROOT/examples/web.yaml"
    machine_power_off m5
    # Other peers take writes at once.
    sed 's|name: web$|name: other|; s|replicas: 10|replicas: 2|' "$SHOAL_ROOT/examples/web.yaml" | machine_exec m2 shoal apply -f -
    await_ready m1 12 m5 20
    machine_power_on m5
    cluster_agent_start m5
    cluster_await_members m1 5
    # What it missed reaches it, and it may speak about it.
    expect_soon 10 "m5 knows the other deployment" machine_exec m5 shoal get deployments other
    machine_exec m5 shoal delete deployment other
    then_deleted web
}

case_two_of_five_machines_left_still_accept_and_heal() {
    local name
    given_cluster
    machine_exec m1 shoal apply -f "$SHOAL_ROOT/examples/web.yaml"
    await_ready m1 10
    for name in m3 m4 m5; do machine_power_off "$name"; done
    expect_soon 40 "all ten on the two" eval '[[ $(pods m1 "[.items[] | select(ready and (.spec.nodeName == \"m1\" or .spec.nodeName == \"m2\"))] | length") == 10 ]]'
    sed 's|replicas: 10|replicas: 4|' "$SHOAL_ROOT/examples/web.yaml" | machine_exec m2 shoal apply -f -
    expect_soon 20 "four" eval '[[ $(pods m1 "[.items[] | select(ready)] | length") == 4 ]]'
    for name in m3 m4 m5; do machine_power_on "$name"; done
    for name in m3 m4 m5; do cluster_agent_start "$name"; done
    cluster_await_members m1 5
    await_ready m5 4
    then_deleted web
}

case_both_sides_of_a_cut_cable_serve_and_merge() {
    given_cluster
    machine_exec m1 shoal apply -f "$SHOAL_ROOT/examples/web.yaml"
    await_ready m1 10
    machine_link_down m4
    await_ready m1 10 m4 15
    # The lonely one keeps serving what it runs.
    expect_match "pods of m4 seen by itself" '^[1-9]' "$(pods m4 '[.items[] | select(ready and .spec.nodeName == "m4")] | length')"
    machine_link_up m4
    cluster_await_members m4 5
    await_ready m1 10
    await_ready m4 10
    expect_soon 10 "both show the same" eval '[[ $(pods_table m1) == "$(pods_table m4)" ]]'
    then_deleted web
}
