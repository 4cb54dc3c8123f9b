# shellcheck shell=bash
# shellcheck disable=SC2016,SC2034,SC2030,SC2031 # Conditions are given to expect_soon as text.
# Who does not hold the cluster's key changes nothing, and is counted.

# refused VIA: how many datagrams and streams it counts as refused, of all reasons together.
refused() { machine_exec "$1" shoal gossip status -o json | jq '[.refused[]] | add // 0'; }

case_another_clusters_token_is_refused_and_counted() {
    local before
    given_cluster
    machine_exec m6 rm -rf /var/lib/shoal/other
    machine_spawn m6 founder shoal agent --name m6 --data-dir /var/lib/shoal/other --run-dir /run/other
    expect_soon 10 "the founder of another cluster runs" machine_exec m6 shoal --server unix:/run/other/shoal.sock status
    machine_exec m6 bash -c 'umask 077; shoal token --data-dir /var/lib/shoal/other >/etc/shoal/other'
    machine_signal m6 founder KILL
    before=$(refused m1)
    machine_agent_start m6 --join "$(machine_address m1)" --token-file /etc/shoal/other
    expect_soon 15 "m1 counts refusals" eval '(( $(refused m1) > before ))'
    expect_equal "members of the cluster" 5 "$(members_alive m1)"
    machine_signal m6 agent KILL || true
    machine_exec m6 rm -rf /var/lib/shoal/other
    then_clean
}

case_a_mangled_token_is_refused_at_the_door() {
    given_cluster
    machine_exec m6 bash -c 'umask 077; echo no-token-at-all >/etc/shoal/mangled'
    expect_fail 1 machine_exec m6 timeout 10 shoal agent --name m6 --join "$(machine_address m1)" --token-file /etc/shoal/mangled
    expect_match "what it says" '/etc/shoal/mangled' "$output"
    then_clean
}

case_noise_at_the_port_is_counted_and_changes_nothing() {
    local before status address
    given_cluster
    address=$(machine_address m2)
    before=$(refused m2)
    machine_exec m6 bash -c 'for size in 1 20 43 200 1200 1400; do for turn in 1 2 3 4 5; do
            head -c "$size" /dev/urandom >"/dev/udp/$0/7600"
            head -c "$size" /dev/urandom >"/dev/tcp/$0/7600" || true
        done; done' "$address" 2>/dev/null
    expect_soon 10 "m2 counts refusals" eval '(( $(refused m2) >= before + 30 ))'
    status=$(members_alive m2)
    expect_equal "members" 5 "$status"
    then_clean
}

case_a_late_joiner_knows_everything_and_may_work() {
    given_cluster
    machine_exec m1 shoal apply -f "$SHOAL_ROOT/examples/web.yaml"
    await_ready m1 10
    install -m 600 "$MACHINES_DIR/token" "$(machine_dir m6)/disk/etc-shoal/token"
    machine_exec m6 rm -rf /var/lib/shoal/agent
    machine_agent_start m6 --data-dir /var/lib/shoal/late --join "$(machine_address m3)" --token-file /etc/shoal/token
    cluster_await_agent m6
    expect_soon 10 "it sees six" _members_are m6 6
    expect_soon 10 "it shows the ten pods" _ready_is m6 10 ''
    machine_exec m6 shoal delete deployment web
    expect_soon 20 "they are gone" eval '[[ $(pods_count m1) == 0 ]]'
    machine_signal m6 agent KILL
    expect_soon 20 "five again" _members_are m1 5
    machine_exec m6 rm -rf /var/lib/shoal/late
    then_clean
}
