# shellcheck shell=bash
# shellcheck disable=SC2016,SC2034,SC2030,SC2031 # Conditions are given to expect_soon as text.
# The machines themselves, without an agent: what the other cases stand on.

case_machines_reach_each_other_and_nothing_else() {
    (
        # A run of its own inside this one's process.
        MACHINES_RUN='' MACHINES_DIR=''
        machines_begin inner
        machines_make 3
        machine_exec m1 busybox ping -q -c 1 -W 2 m3
        expect_equal "host name" m2 "$(machine_exec m2 cat /proc/sys/kernel/hostname)"
        expect_equal "first process" bash "$(machine_exec m2 cat /proc/1/comm)"
        expect_equal "links" "eth0 lo" "$(machine_exec m2 ls /sys/class/net | sort | tr '\n' ' ' | sed 's/ $//')"
        expect_match "the root cannot be written to through /usr" "Read-only" "$(machine_exec m2 touch /usr/x 2>&1 || true)"

        # A power cut: all processes die, nothing answers, the disk stays, /run does not.
        machine_exec m2 bash -c 'echo kept >/var/lib/shoal/file; echo lost >/run/file; (setsid sleep 1000 &)'
        machine_power_off m2
        expect_soon 5 "every process of m2 is dead" eval '[[ -z $(machine_pids m2) ]]'
        expect_fail 1 machine_exec m1 busybox ping -q -c 1 -W 1 m2
        machine_power_on m2
        expect_soon 10 "m2 answers again" machine_exec m1 busybox ping -q -c 1 -W 1 m2
        expect_equal "disk" kept "$(machine_exec m2 cat /var/lib/shoal/file)"
        expect_fail 1 machine_exec m2 test -e /run/file

        machine_link_down m3
        expect_fail 1 machine_exec m1 busybox ping -q -c 1 -W 1 m3
        machine_link_up m3
        expect_soon 10 "m3 answers again" machine_exec m1 busybox ping -q -c 1 -W 1 m3
    )
}

case_a_killed_script_leaves_machines_that_the_next_one_sweeps() {
    local pid run note=$MACHINES_DIR/orphan
    # A home of its own: whoever else makes machines just now would sweep too.
    export SHOAL_MACHINES=$MACHINES_HOME/sweep-$$
    bash -c 'set -euo pipefail
        source "$1/scripts/lib/common.sh"; source "$1/scripts/lib/machines.sh"
        machines_begin orphan; machines_make 1; machine_spawn m1 sleeper sleep 1000
        echo "$MACHINES_RUN" >"$2"; sleep 1000' _ "$SHOAL_ROOT" "$note" &
    pid=$!
    expect_soon 20 "the other script made its machine" test -s "$note"
    run=$(<"$note")
    kill -KILL "$pid"
    wait "$pid" || true
    MACHINES_HOME=$SHOAL_MACHINES
    expect_equal "runs" "$run" "$(machines_list_runs)"
    machines_sweep
    expect_equal "runs after the sweep" "" "$(machines_list_runs)"
    expect_equal "cgroups of it" "" "$(find /sys/fs/cgroup -maxdepth 3 -name "$run")"
}
