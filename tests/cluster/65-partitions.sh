# shellcheck shell=bash
# shellcheck disable=SC2016,SC2034,SC2030,SC2031 # Conditions are given to expect_soon as text.
# The network falls apart and comes together again (design 6): every side serves and takes writes, and afterwards all
# machines hold the same, byte by byte; what lost is said; what was deleted stays deleted.

# How long all may take to be one again: measured 1 to 8 s; a busy machine of two processors has its own pace.
merge_s=45

# put_namespace VIA NAME NOTE: written at that machine; fails when it is not taken at once.
put_namespace() {
    printf 'apiVersion: v1\nkind: Namespace\nmetadata:\n  name: %s\n  annotations:\n    note: "%s"\n' "$2" "$3" |
        machine_exec "$1" timeout 10 shoal apply -f -
}
# note VIA NAME: what it shows; nothing when it has no such namespace.
note() { machine_exec "$1" shoal get namespace "$2" -o json 2>/dev/null | jq -r '.metadata.annotations.note'; }

# digests: of all that each machine holds and of whom it holds to be alive, a line for each different one.
digests() {
    local name
    for name in $(cluster_names); do
        machine_exec "$name" shoal gossip status -o json | jq -r '.digest + " " + .view'
    done | sort -u
}
# objects VIA: every object with its identity and version, and the pods with their nodes: equal text on equal machines.
objects() {
    machine_exec "$1" shoal get namespaces,deployments -A -o json | jq -rS '.items[].metadata | [.namespace, .name, .uid, .resourceVersion, .annotations.note] | @tsv'
    pods_table "$1" | cut -f 1,2
}

# All see all, hold the same, and say the same.
then_all_agree() {
    local name first
    for name in $(cluster_names); do
        expect_soon "$merge_s" "$name sees five" _members_are "$name" 5
    done
    expect_soon "$merge_s" "one digest on all machines" eval '[[ $(digests | wc -l) == 1 ]]'
    first=$(objects m1)
    for name in $(cluster_names); do
        expect_equal "what $name holds, beside m1" "$first" "$(objects "$name")"
    done
}

# conflicts_lost: how many losers all machines have reported, together. deaths: how many members they held dead.
conflicts_lost() { _sum_of conflictsLost; }
deaths() { _sum_of deathsDeclared; }
_sum_of() {
    local name
    for name in $(cluster_names); do machine_exec "$name" shoal gossip status -o json; done | jq -s "[.[].protocol.$1] | add"
}

# ready_on VIA NODE...: Ready pods on these nodes.
ready_on() {
    local nodes
    nodes=$(printf '"%s",' "${@:2}")
    pods "$1" "[.items[] | select(ready and (.spec.nodeName | IN(${nodes%,})))] | length"
}

# record_ready FILE VIA...: until FILE.stop is there, how many replicas each of them shows as Ready, a line each time.
record_ready() {
    local file=$1 name
    shift
    while [[ ! -e $file.stop ]]; do
        for name in "$@"; do printf '%s %s\n' "$name" "$(pods_ready "$name")" >>"$file"; done
    done
}

case_both_sides_of_a_partition_work_and_become_one() {
    local before recorder seen=$MACHINES_DIR/ready-seen
    given_cluster
    machine_exec m1 shoal apply -f "$SHOAL_ROOT/examples/web.yaml"
    await_ready m1 10
    put_namespace m1 doomed 'before'
    put_namespace m1 shared 'before'
    expect_soon 10 "all have it" eval '[[ $(note m5 doomed) == before && $(note m5 shared) == before ]]'
    before=$(conflicts_lost)
    machines_part m1 m2
    expect_soon 40 "m1 sees two" _members_are m1 2
    expect_soon 40 "m4 sees three" _members_are m4 3

    # Both serve, and take what contradicts the other side.
    put_namespace m1 only-left 'left'
    put_namespace m4 only-right 'right'
    put_namespace m1 shared 'left'
    put_namespace m4 shared 'right'
    put_namespace m2 made-twice 'left'
    put_namespace m5 made-twice 'right'
    machine_exec m4 shoal delete namespace doomed
    put_namespace m1 doomed 'edited after its deletion'
    # The larger loss waits for the isolation guard, then both have their ten.
    expect_soon 60 "ten on the left" eval '[[ $(ready_on m1 m1 m2) == 10 ]]'
    expect_soon 60 "ten on the right" eval '[[ $(ready_on m4 m3 m4 m5) == 10 ]]'

    rm -f "$seen" "$seen.stop"
    record_ready "$seen" m1 m4 &
    recorder=$!
    machines_join m1 m2
    then_all_agree
    expect_soon 60 "ten pods and no more" eval '[[ $(pods_count m1) == 10 && $(pods_ready m1) == 10 && $(pods_count m4) == 10 ]]'
    : >"$seen.stop"
    wait "$recorder"
    # Who has not heard yet that a member lives counts its pods out: a moment is one when neither side sees ten.
    expect_equal "moments with fewer than ten Ready while the surplus went" '' \
        "$(awk '{ ready[$1] = $2 } NR > 1 && ready["m1"] < 10 && ready["m4"] < 10' "$seen")"

    then_all_agree
    expect_equal "the left side's own" left "$(note m5 only-left)"
    expect_equal "the right side's own" right "$(note m1 only-right)"
    expect_equal "the later of two edits stands" right "$(note m1 shared)"
    expect_equal "one of two creations stands" right "$(note m1 made-twice)"
    expect_equal "what was deleted, on the side that edited it" '' "$(note m1 doomed)"
    (($(conflicts_lost) >= before + 2)) || fail "losers are not reported: $before before, $(conflicts_lost) now"
    grep -q 'ConflictLost: the write of namespaces//\?shared' "$(machine_dir m1)"/../*/log/agent.log || fail "no log names the loser"
    then_namespaces_deleted only-left only-right shared made-twice
    then_deleted web
}

case_a_machine_that_is_not_heard_works_on_and_comes_back() {
    given_cluster
    machine_exec m1 shoal apply -f "$SHOAL_ROOT/examples/web.yaml"
    await_ready m1 10
    machine_unheard m5 m1 m2 m3 m4
    expect_soon 40 "the others give m5 up" _members_are m1 4
    await_ready m1 10 m5 40
    put_namespace m5 from-the-unheard 'm5'
    put_namespace m1 from-the-others 'm1'
    expect_match "pods of m5 as it sees them itself" '^[0-9]+$' "$(ready_on m5 m5)"
    expect_equal "m5's write, at itself" m5 "$(note m5 from-the-unheard)"
    machine_heard m5 m1 m2 m3 m4
    then_all_agree
    await_ready m1 10 '' 60
    expect_equal "m5's write" m5 "$(note m2 from-the-unheard)"
    expect_equal "the others' write" m1 "$(note m5 from-the-others)"
    then_namespaces_deleted from-the-unheard from-the-others
    then_deleted web
}

# m1, m2 and m4, m5 do not reach each other; m3 reaches all. Nobody is dead then, and news goes through m3.
case_a_bridge_between_two_sides_keeps_them_one() {
    local before pods_before
    given_cluster
    machine_exec m1 shoal apply -f "$SHOAL_ROOT/examples/web.yaml"
    await_ready m1 10
    pods_before=$(pods_table m1)
    machine_unheard m1 m4 m5
    machine_unheard m2 m4 m5
    machine_unheard m4 m1 m2
    machine_unheard m5 m1 m2
    before=0
    for round in 1 2 3 4 5; do
        put_namespace m1 "left-$round" "$round"
        put_namespace m5 "right-$round" "$round"
        expect_soon 20 "the right side has the left side's news" eval '[[ $(note m5 left-'"$round"') == '"$round"' ]]'
        expect_soon 20 "the left side has the right side's news" eval '[[ $(note m1 right-'"$round"') == '"$round"' ]]'
    done
    machine_heard m1 m4 m5
    machine_heard m2 m4 m5
    machine_heard m4 m1 m2
    machine_heard m5 m1 m2
    then_all_agree
    expect_soon 30 "the pods are where they were" eval '[[ $(pods_table m1) == "$pods_before" ]]'
    then_namespaces_deleted left-{1..5} right-{1..5}
    then_deleted web
}

case_a_network_that_flaps_every_three_seconds_loses_nothing() {
    local round
    given_cluster
    machine_exec m1 shoal apply -f "$SHOAL_ROOT/examples/web.yaml"
    await_ready m1 10
    for round in 1 2 3 4 5; do
        machines_part m1 m2
        put_namespace m1 "flap-left-$round" "$round"
        put_namespace m4 "flap-right-$round" "$round"
        sleep 3 # the rhythm of the fault, not a wait for anything
        machines_join m1 m2
        put_namespace m2 "flap-again-$round" "$round"
        sleep 3
    done
    then_all_agree
    for round in 1 2 3 4 5; do
        expect_equal "writes of round $round" "$round $round $round" \
            "$(note m5 "flap-left-$round") $(note m1 "flap-right-$round") $(note m3 "flap-again-$round")"
    done
    await_ready m1 10 '' 60
    then_namespaces_deleted flap-{left,right,again}-{1..5}
    then_deleted web
}

then_namespaces_deleted() {
    local name
    for name in "$@"; do machine_exec m1 shoal delete namespace "$name" >/dev/null; done
    expect_soon 30 "one digest on all machines" eval '[[ $(digests | wc -l) == 1 ]]'
    for name in "$@"; do expect_equal "$name after its deletion" '' "$(note m5 "$name")"; done
}
