# shellcheck shell=bash
# shellcheck disable=SC2016,SC2034,SC2030,SC2031 # Conditions are given to expect_soon as text.
# The cluster's key changes while it works; tokens end; banned nodes are out.

# keys VIA FILTER: of the ring as VIA shows it. sealing_key VIA: the id.
keys() { machine_exec "$1" shoal key list -o json | jq -r "$2"; }
sealing_key() { keys "$1" '.keys[] | select(.state == "sealing").id'; }
# deaths: how many members any of the five has ever held dead.
deaths() {
    local name
    for name in $(cluster_names); do
        machine_exec "$name" shoal gossip status -o json | jq '.protocol.deathsDeclared'
    done | jq -s add
}
# refusals VIA REASON: of all kinds of packets together.
refusals() {
    machine_exec "$1" shoal gossip status -o json |
        jq --arg reason "$2" '[.refused | to_entries[] | select(.key | endswith($reason)) | .value] | add // 0'
}
member_state() { machine_exec "$1" shoal gossip status -o json | jq -r --arg name "$2" '.members[] | select(.name == $name).state'; }

case_the_key_is_rotated_under_load_and_nobody_is_lost() {
    local old turn before
    # Nobody is away who was a member in an earlier case: a rotation would rightly wait for him.
    rm -f -- "$MACHINES_DIR/well"
    given_cluster
    machine_exec m1 shoal apply -f "$SHOAL_ROOT/examples/web.yaml"
    await_ready m1 10
    before=$(deaths)
    for turn in 1 2 3; do
        old=$(sealing_key m1)
        # Writes at another agent all the while.
        machine_spawn m3 writer bash -c 'for i in $(seq 200); do shoal apply -f "$0" >/dev/null || echo failed; done' \
            "$SHOAL_ROOT/examples/web.yaml"
        machine_exec "m$turn" shoal key rotate
        machine_signal m3 writer KILL || true
        expect_no_match "writes" failed "$(cat -- "$(machine_log m3 writer)")"
        expect_equal "keys" 1 "$(keys m4 '.keys | length')"
        expect_equal "confirmed" 5 "$(keys m5 '.keys[0].confirmed | length')"
        [[ $(sealing_key m2) != "$old" ]] || fail "m2 still seals with key $old"
    done
    expect_equal "members held dead on the way" "$before" "$(deaths)"
    expect_equal "members" 5 "$(members_alive m5)"
    await_ready m1 10
    machine_exec m1 shoal delete deployment web
    then_clean
}

case_a_member_that_is_away_keeps_the_old_key_and_comes_back() {
    local old
    given_cluster
    old=$(sealing_key m1)
    machine_signal m5 agent KILL
    expect_soon 20 "m5 is dead" eval '[[ $(member_state m1 m5) == dead ]]'
    expect_fail 1 machine_exec m1 shoal key rotate --timeout 20s
    expect_match "why the old key stays" 'm5.*revoke' "$output"
    [[ $(sealing_key m1) != "$old" ]] || fail "the new key does not seal"
    cluster_agent_start m5
    expect_soon 20 "m5 has the new key" eval '[[ $(sealing_key m5) == "$(sealing_key m1)" ]]'
    cluster_await_members m1 5
    machine_exec m1 shoal key revoke "$old"
    expect_equal "keys" 1 "$(keys m5 '.keys | length')"
    then_clean
}

case_a_member_that_missed_a_revocation_is_told_what_to_do() {
    given_cluster
    machine_signal m5 agent KILL
    expect_soon 20 "m5 is dead" eval '[[ $(member_state m1 m5) == dead ]]'
    machine_exec m1 shoal key revoke "$(sealing_key m1)"
    machine_agent_start m5 --join "$(machine_address m1)" --token-file /etc/shoal/token
    expect_soon 15 "m1 says so" grep -q 'needs a new token' "$(machine_log m1)"
    expect_soon 15 "m5 says so" grep -q 'needs a new token' "$(machine_log m5)"
    expect_equal "members" 4 "$(members_alive m1)"
    machine_signal m5 agent KILL
    cluster_share_token m1
    cluster_agent_start m5
    cluster_await_members m1 5
    then_clean
}

case_an_expired_token_admits_nobody() {
    local before
    given_cluster
    machine_exec m6 rm -rf /var/lib/shoal/late
    machine_exec m1 shoal token --ttl 1s >"$MACHINES_DIR/short"
    install -m 600 "$MACHINES_DIR/short" "$(machine_dir m6)/disk/etc-shoal/short"
    expect_no_match "what a token contains" "$(machine_exec m1 tail -c 40 /var/lib/shoal/key)" "$(cat "$MACHINES_DIR/short")"
    sleep 2 # its second is over
    expect_fail 1 machine_exec m6 timeout 20 shoal agent --name m6 --data-dir /var/lib/shoal/late \
        --join "$(machine_address m1)" --token-file /etc/shoal/short
    expect_match "what the joiner says" 'has expired at .*shoal token' "$output"
    # A command that does not look at its clock is refused by the member.
    before=$(refusals m1 expired_token)
    expect_fail 1 machine_exec m6 shoal --server "$(machine_address m1)" --token-file /etc/shoal/short status
    expect_match "what the command says" 'refuses the token' "$output"
    expect_soon 5 "m1 counts it" eval '(( $(refusals m1 expired_token) > before ))'
    expect_equal "members" 5 "$(members_alive m1)"
    machine_exec m6 rm -rf /var/lib/shoal/late
    then_clean
}

case_a_banned_node_is_out_until_it_is_unbanned() {
    local before
    given_cluster
    machine_exec m1 shoal apply -f "$SHOAL_ROOT/examples/web.yaml"
    await_ready m1 10
    before=$(refusals m1 banned)
    machine_exec m1 shoal node ban m5 --reason 'found rooted'
    expect_soon 20 "ten pods on the others" _ready_is m1 10 m5
    expect_equal "m5 as m2 sees it" banned "$(member_state m2 m5)"
    expect_soon 10 "m1 counts what m5 sends" eval '(( $(refusals m1 banned) > before ))'
    expect_match "the list" 'm5 .*found rooted' "$(machine_exec m3 shoal node ban)"
    # The ban is on disk.
    machine_signal m2 agent KILL
    cluster_agent_start m2
    cluster_await_members m2 4
    expect_equal "m5 as m2 sees it after its restart" banned "$(member_state m2 m5)"
    machine_exec m1 shoal key rotate
    machine_exec m3 shoal node unban m5
    expect_equal "m5 does not have the key" 4 "$(members_alive m1)"
    machine_signal m5 agent KILL
    cluster_share_token m1
    cluster_agent_start m5
    cluster_await_members m1 5
    machine_exec m1 shoal delete deployment web
    then_clean
}

# proto/ is enough to read along: a decoder in Python that shares no code with the agents opens what they send.
case_a_second_implementation_opens_what_agents_send() {
    local captured=$MACHINES_DIR/captured said pid name
    local -a states=()
    given_cluster
    nsenter -t "$(_machine_pid m2)" --net python3 "$SHOAL_ROOT/tests/wire/live.py" capture 6 7600 "$captured" &
    pid=$!
    expect_soon 10 "the capture begins" test -e "$captured"
    machine_exec m1 shoal apply -f "$SHOAL_ROOT/examples/web.yaml"
    machine_signal m5 agent KILL
    cluster_agent_start m5
    await_ready m1 10
    wait "$pid"
    (umask 077 && machine_exec m1 cat /var/lib/shoal/key >"$MACHINES_DIR/key")
    for name in $(cluster_names); do states+=("$(machine_dir "$name")/disk/var-lib-shoal/state.mdb"); done
    said=$(python3 "$SHOAL_ROOT/tests/wire/live.py" open "$MACHINES_DIR/key" "$captured" "${states[@]}") || fail "$said"
    expect_match "what it read" 'datagrams of 5 nodes:.* ack=[1-9].* claim=[1-9].* member=[1-9].* ping=[1-9]' "$said"
    expect_match "what it verified" '; [1-9][0-9]* records verified, 0 wrong' "$said"
    machine_exec m1 shoal delete deployment web
    then_clean
}
