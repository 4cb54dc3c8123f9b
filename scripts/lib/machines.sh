# shellcheck shell=bash
# shellcheck disable=SC2034 # MACHINE_OFF_US is read by the scripts that source this.
# Machines: N Linux machines on this one, for the demo, the benchmarks and the cluster tests.
#
# A machine is a first process with its own mount, network, pid, uts, ipc and cgroup namespaces:
#   - its root is a tmpfs that holds the host's /usr read-only, a small /etc, and fresh /dev /proc /sys /run /tmp;
#     only /var/lib/shoal and /etc/shoal are a disk (a folder of the run) and survive a power cut;
#   - its cgroup root is shoal/<run>/<machine> in every hierarchy of the host, v1, v2 or both;
#   - eth0 is 10.77.0.(10 + number)/24, a cable to a switch: a bridge in a network namespace of its own.
# Nothing is mounted, linked or routed in the host's own namespaces, so two runs cannot meet, and the death of a
# machine's first process is a power cut: the kernel kills everything in it with SIGKILL and frees the rest.
# On the host remain one folder (the run) and one cgroup a hierarchy, which machines_destroy removes.
#
# Usage:  source common.sh; source machines.sh; machines_begin demo; machines_make 5; machine_exec m1 ip address
# From another process: machines_open RUN. Names are m1, m2, ...; state is kept in files, so subshells work too.

MACHINES_HOME=${SHOAL_MACHINES:-/var/tmp/shoal-machines}
MACHINES_MAX=128 # addresses and names in /etc/hosts
_machines_count=0
MACHINES_RUN=''
MACHINES_DIR=''
MACHINES_KEEP=''

# --- the run ----------------------------------------------------------------------------------------------------

# machines_begin PREFIX: a new empty run, destroyed when the calling script ends, however it ends (a script killed
# with -9 leaves its run behind; the next machines_begin removes it).
machines_begin() {
    need_root
    [[ -z $MACHINES_RUN ]] || die "a run is open already: $MACHINES_RUN"
    _machines_pick_home
    machines_sweep
    MACHINES_RUN=$1-$$-$RANDOM
    MACHINES_DIR=$MACHINES_HOME/$MACHINES_RUN
    mkdir -p "$MACHINES_DIR/machines"
    printf '%s %s\n' "$$" "$(_process_birth $$)" >"$MACHINES_DIR/owner"
    : >"$MACHINES_DIR/namespaces"
    trap _machines_on_exit EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
}

# machines_open RUN: uses a run that another process began (scripts/demo --keep).
machines_open() {
    MACHINES_RUN=$1
    MACHINES_DIR=$MACHINES_HOME/$1
    [[ -d $MACHINES_DIR ]] || die "no such run: $1"
}

# machines_keep: the run outlives this script. machines_list_runs: names of all runs, one a line.
machines_keep() {
    MACHINES_KEEP=yes
    : >"$MACHINES_DIR/keep"
}
machines_list_runs() {
    local dir
    for dir in "$MACHINES_HOME"/*/; do
        [[ -f $dir/owner ]] && basename -- "$dir"
    done
    return 0
}

# machines_sweep: destroys the runs whose owner died without doing so itself and did not ask to keep them.
machines_sweep() {
    local run pid birth
    for run in $(machines_list_runs); do
        [[ -e $MACHINES_HOME/$run/keep ]] && continue
        read -r pid birth <"$MACHINES_HOME/$run/owner"
        [[ $(_process_birth "$pid") == "$birth" ]] && continue
        (machines_open "$run" && machines_destroy)
    done
}

_machines_on_exit() {
    local -i status=$?
    trap - EXIT INT TERM HUP
    if [[ -z $MACHINES_KEEP ]]; then
        machines_destroy || status=1
    fi
    exit "$status"
}

# An overlay file system cannot carry the upper layers of containers, so inside a container (CI) use shared memory.
_machines_pick_home() {
    mkdir -p "$MACHINES_HOME"
    if [[ $(stat -f -c %T "$MACHINES_HOME") == overlayfs ]]; then
        MACHINES_HOME=/dev/shm/shoal-machines
        mkdir -p "$MACHINES_HOME"
    fi
}

# --- making -----------------------------------------------------------------------------------------------------

# machines_make N: the switch and machines m1..mN, booted and connected. Environment: SHOAL_BIN is what they find
# as `shoal` (the file may be absent: then there is no such command).
machines_make() {
    local -i count=$1 number
    _machines_count=$count
    mkdir -p "$MACHINES_DIR/bin"
    if [[ -x $SHOAL_BIN ]]; then
        cp -- "$SHOAL_BIN" "$MACHINES_DIR/bin/shoal"
    fi
    _switch_make
    for ((number = 1; number <= count; number++)); do
        _machine_spawn_init "m$number" "$number"
    done
    for ((number = 1; number <= count; number++)); do
        _machine_finish_boot "m$number"
    done
}

machine_names() {
    local dir
    for dir in $(printf '%s\n' "$MACHINES_DIR"/machines/*/ | sort -V); do
        [[ ! -d $dir ]] || basename -- "$dir"
    done
}
machine_address() { printf '10.77.0.%d' $((10 + ${1#m})); }
# A network card keeps its number over a reboot; neighbours remember it.
machine_mac() { printf '02:73:68:6f:61:%02x' $((10 + ${1#m})); }
machine_dir() { printf '%s/machines/%s' "$MACHINES_DIR" "$1"; }
machine_log() { printf '%s/machines/%s/log/%s.log' "$MACHINES_DIR" "$1" "${2:-agent}"; }
machine_is_on() { [[ -s $(machine_dir "$1")/pid ]]; }

_switch_make() {
    local pid
    unshare --net --fork --kill-child --propagation unchanged sleep infinity </dev/null >/dev/null 2>&1 &
    pid=$(_child_of $!)
    printf '%s\n' $! >"$MACHINES_DIR/switch.parent"
    disown $!
    printf '%s\n' "$pid" >"$MACHINES_DIR/switch.pid"
    _record_namespaces "$pid" net
    _switch_ip <<'IP'
link set lo up
link add name switch type bridge forward_delay 0 mcast_snooping 0
address add 10.77.0.1/24 dev switch
link set switch up
IP
}

_switch_ip() { nsenter -t "$(<"$MACHINES_DIR/switch.pid")" -n ip -batch -; }

_machine_spawn_init() {
    local name=$1 dir
    dir=$(machine_dir "$name")
    mkdir -p "$dir/disk/var-lib-shoal" "$dir/disk/etc-shoal" "$dir/log"
    rm -f "$dir/ready"
    mkfifo "$dir/ready"
    _cgroups_locked _cgroups_make "$name"
    (
        _cgroups_enter "$name"
        export MACHINE_NAME=$name MACHINE_DIR=$dir MACHINE_RUN_DIR=$MACHINES_DIR MACHINE_TREE=$SHOAL_ROOT MACHINES_MAX
        exec unshare --mount --net --pid --uts --ipc --cgroup --fork --kill-child --propagation private \
            bash "$SHOAL_ROOT/scripts/lib/machine-init.sh" </dev/null >"$dir/log/init.log" 2>&1
    ) &
    printf '%s\n' $! >"$dir/parent"
    disown $!
}

_machine_finish_boot() {
    local name=$1 dir pid answer=''
    dir=$(machine_dir "$name")
    # Opened read-write: a first process that died early must not leave us waiting for a writer.
    read -rt 20 answer <>"$dir/ready" || true
    if [[ $answer != ready ]]; then
        warn "machine $name did not boot:"
        cat -- "$dir/log/init.log" >&2
        return 1
    fi
    pid=$(_child_of "$(<"$dir/parent")")
    _cgroups_settle "$name" "$(<"$dir/parent")"
    printf '%s\n' "$pid" >"$dir/pid"
    _record_namespaces "$pid" mnt net pid uts ipc cgroup
    _machine_plug "$name" "$pid"
}

# The kernel's table of neighbours is one for all network namespaces, with room for 1,024 that were found by ARP: 33
# machines that all speak to each other lose each other. Permanent entries do not count.
_neighbours_found_max=30
_neighbours() {
    local -i number
    ((_machines_count > _neighbours_found_max)) || return 0
    for ((number = 1; number <= _machines_count; number++)); do
        [[ m$number == "$1" ]] ||
            printf 'neighbour replace %s lladdr %s dev eth0 nud permanent\n' "$(machine_address "m$number")" "$(machine_mac "m$number")"
    done
}

_machine_plug() {
    local name=$1 pid=$2
    # The cable of a former life lasts until the kernel has taken its network namespace apart, which it does later.
    printf 'link delete port-%s\n' "$name" | _switch_ip 2>/dev/null || true
    _switch_ip <<IP
link add name port-$name type veth peer name eth0 address $(machine_mac "$name") netns $pid
link set port-$name master switch up
IP
    nsenter -t "$pid" -n ip -batch - <<IP
link set lo up
address add $(machine_address "$name")/24 dev eth0
link set eth0 up
route add default via 10.77.0.1
$(_neighbours "$name")
IP
    # The kernel tells the bridge of a new carrier up to a second later.
    await 5 _port_forwards "$name" || {
        warn "the cable of $name does not carry"
        return 1
    }
}
_port_forwards() { nsenter -t "$(<"$MACHINES_DIR/switch.pid")" -n ip -d link show "port-$1" | grep -q 'state forwarding'; }

# --- using ------------------------------------------------------------------------------------------------------

# machine_exec NAME COMMAND...: runs it in the machine (all namespaces, its cgroup), with its exit status.
machine_exec() { (machine_become "$@"); }

# machine_spawn NAME TITLE COMMAND...: the same in the background; output goes to machine_log NAME TITLE, its
# pid (as the machine counts) to /run/TITLE.pid in the machine.
machine_spawn() {
    local name=$1 title=$2 log
    shift 2
    log=$(machine_log "$name" "$title")
    machine_exec "$name" rm -f "/run/$title.pid"
    # shellcheck disable=SC2016
    (machine_become "$name" setsid bash -c 'echo $$ >"/run/$0.pid"; exec "$@"' "$title" "$@") </dev/null >>"$log" 2>&1 &
    disown $!
    await 5 machine_exec "$name" test -s "/run/$title.pid"
}

# machine_become NAME COMMAND...: turns the calling (sub)shell into the command in the machine.
machine_become() {
    local name=$1 pid
    shift
    pid=$(_machine_pid "$name") || exit
    _cgroups_enter "$name" leaf
    exec nsenter -t "$pid" --mount --net --pid --uts --ipc --cgroup --root --wd \
        env -i PATH=/opt/shoal/bin:/usr/sbin:/usr/bin HOME=/root LC_ALL=C.UTF-8 TERM="${TERM:-dumb}" MACHINE="$name" "$@"
}

# machine_signal NAME TITLE SIGNAL: to what machine_spawn started. machine_spawned NAME TITLE: does it still run?
machine_signal() {
    # shellcheck disable=SC2016
    machine_exec "$1" bash -c 'kill -"$1" "$(<"/run/$0.pid")"' "$2" "$3"
}
machine_spawned() {
    # shellcheck disable=SC2016
    machine_exec "$1" bash -c 'kill -0 "$(<"/run/$0.pid")" && ! grep -q "^State:.*Z" "/proc/$(<"/run/$0.pid")/status"' "$2" 2>/dev/null
}

# machine_spawned_pid NAME TITLE: its pid as the host counts.
machine_spawned_pid() {
    local inner pid
    inner=$(machine_exec "$1" cat "/run/$2.pid")
    for pid in $(machine_pids "$1"); do
        if grep -qsE "^NSpid:.*\s$inner\$" "/proc/$pid/status"; then
            printf '%s' "$pid"
            return 0
        fi
    done
    warn "$2 does not run on $1"
    return 1
}

# machine_agent_start NAME [FLAG...]: starts `shoal agent` there.
machine_agent_start() {
    local name=$1
    shift
    machine_spawn "$name" agent shoal agent --name "$name" "$@"
}

# machine_pids NAME: every process of the machine, as the host counts, one a line.
machine_pids() {
    local path
    path=${_cgroup_roots[0]}/shoal/$MACHINES_RUN/$1
    [[ -d $path ]] || return 0
    find "$path" -name cgroup.procs -exec cat {} + 2>/dev/null | sort -nu
}

# machine_link_down|up NAME: unplugs the cable, plugs it in again. The machine itself runs on.
machine_link_down() { printf 'link set port-%s down\n' "$1" | _switch_ip; }
machine_link_up() {
    printf 'link set port-%s up\n' "$1" | _switch_ip
    await 5 _port_forwards "$1"
}

# machines_part NAME...: these hang on a switch of their own: they reach each other and nobody else. machines_join
# NAME...: back on the switch of all.
machines_part() {
    printf 'link add name apart type bridge forward_delay 0 mcast_snooping 0\nlink set apart up\n' | _switch_ip 2>/dev/null || true
    printf 'link set port-%s master apart\n' "$@" | _switch_ip
}
machines_join() { printf 'link set port-%s master switch\n' "$@" | _switch_ip; }

# machine_unheard FROM TO...: what FROM sends to them is lost and nobody is told; they still reach FROM. (To a network card
# that nobody has, so it needs no packet filter in the kernel.) machine_heard FROM TO...: no longer.
machine_unheard() {
    local from=$1 to
    shift
    for to in "$@"; do
        printf 'neighbour replace %s lladdr 02:73:68:6f:00:00 nud permanent dev eth0\n' "$(machine_address "$to")"
    done | _machine_ip "$from"
}
machine_heard() {
    local from=$1 to
    shift
    for to in "$@"; do printf 'neighbour delete %s dev eth0\n' "$(machine_address "$to")"; done | _machine_ip "$from"
}
_machine_ip() { nsenter -t "$(_machine_pid "$1")" -n ip -batch -; }

# machine_power_off NAME: nothing of it answers any more, not even with a refusal: the cable goes first (a dying
# socket would send a reset), then SIGKILL to the first process, with which the kernel kills all the others.
# Sets MACHINE_OFF_US to the moment (now_us) just before.
machine_power_off() {
    local name=$1 dir pid
    dir=$(machine_dir "$name")
    pid=$(_machine_pid "$name") || return
    MACHINE_OFF_US=$(now_us)
    machine_link_down "$name"
    kill -KILL "$pid"
    : >"$dir/pid"
}

# machine_power_on NAME: boots it again: the same disk and address, nothing else left of its former life.
machine_power_on() {
    local name=$1
    ! machine_is_on "$name" || die "machine $name is on"
    _machine_wait_gone "$name" || return 1
    _machine_spawn_init "$name" "${name#m}"
    _machine_finish_boot "$name"
}

_machine_pid() {
    local pid=''
    read -r pid 2>/dev/null <"$(machine_dir "$1")/pid" || true
    [[ -n $pid ]] || {
        warn "machine $1 is off or does not exist"
        return 1
    }
    printf '%s' "$pid"
}

_machine_wait_gone() {
    await 10 _machine_is_gone "$1" || {
        warn "processes of $1 outlived their machine: $(machine_pids "$1" | tr '\n' ' ')"
        return 1
    }
}
_machine_is_gone() {
    [[ -z $(machine_pids "$1") ]] && _cgroups_remove "shoal/$MACHINES_RUN/$1"
}

# --- the end ----------------------------------------------------------------------------------------------------

# machines_unmake: all machines and the switch with everything they ran, and their disks; the run goes on without.
machines_unmake() {
    local name pid failed=''
    _machines_snapshot
    # The namespaces' first processes first, then whoever else carries the run's cgroup (entered from outside).
    for pid in "$MACHINES_DIR"/machines/*/parent "$MACHINES_DIR/switch.parent"; do
        if [[ -s $pid ]]; then _kill_first "$(<"$pid")"; fi
    done
    for name in $(machine_names); do
        for pid in $(machine_pids "$name"); do
            kill -KILL "$pid" 2>/dev/null || true
        done
        : >"$(machine_dir "$name")/pid"
    done
    for name in $(machine_names); do
        _machine_wait_gone "$name" || failed=yes
    done
    [[ -z $failed ]] || return 1
    _machines_unseal
    rm -rf --one-file-system -- "$MACHINES_DIR/machines" "$MACHINES_DIR/shared"
    rm -f -- "$MACHINES_DIR"/switch.*
    mkdir "$MACHINES_DIR/machines"
}

# machines_destroy: ends the run: processes, namespaces (with their mounts and links), cgroups, folder. Idempotent.
machines_destroy() {
    [[ -n $MACHINES_RUN && -d $MACHINES_DIR ]] || return 0
    machines_unmake
    await 5 _cgroups_remove "shoal/$MACHINES_RUN"
    _cgroups_locked _cgroups_remove_parent
    rm -rf --one-file-system -- "$MACHINES_DIR"
    machines_check_clean
}

# Files that a container marked immutable would survive rm.
_machines_unseal() { chattr -R -i -a -- "$MACHINES_DIR/machines" >/dev/null 2>&1 || true; }

# machines_check_clean: after machines_destroy: names whatever is left of the run; 1 if anything is.
machines_check_clean() {
    local left
    # The kernel takes apart namespaces and reaps after the kill returned: give it a moment.
    await 20 _machines_nothing_left || {
        left=$(_machines_leftovers)
        warn "left behind by run $MACHINES_RUN:"
        warn "$left"
        return 1
    }
    rm -f -- "$(_machines_seen)"
    rmdir -- "$MACHINES_HOME" 2>/dev/null || true
}

_machines_nothing_left() { [[ -z $(_machines_leftovers) ]]; }

_machines_leftovers() {
    local root kind number birth stat
    for root in "${_cgroup_roots[@]}"; do
        [[ ! -d $root/shoal/$MACHINES_RUN ]] || printf 'cgroup %s\n' "$root/shoal/$MACHINES_RUN"
    done
    for number in $({ grep -ls "/shoal/$MACHINES_RUN/" /proc/[0-9]*/cgroup || true; } | cut -d/ -f3); do
        _process_lives "$number" "$(_process_birth "$number")"
    done
    { grep -F "$MACHINES_DIR/" /proc/self/mountinfo || true; } | sed 's/^/mount: /'
    if [[ -e $(_machines_seen) ]]; then
        while read -r kind number birth; do
            case $kind in
            process) _process_lives "$number" "$birth" ;;
            mount) { grep "^$number " /proc/self/mountinfo || true; } | sed 's/^/mount of a namespace: /' ;;
            esac
        done <"$(_machines_seen)"
    fi
    [[ ! -e $MACHINES_DIR ]] || printf 'folder %s\n' "$MACHINES_DIR"
    { ip -o link show 2>/dev/null | grep -E ' (port-m[0-9]+|switch)[@:]' || true; } | sed 's/^/link of the host: /'
}

# _process_lives PID BIRTH: says so, with its name. A dead process that the host's first process has not taken note of
# yet (a zombie) holds nothing any more.
_process_lives() {
    local about stat
    # Without a subshell, for a run of many machines leaves thousands to ask for.
    read -r stat 2>/dev/null <"/proc/$1/stat" || return 0
    read -ra stat <<<"${stat##*) }"
    [[ ${stat[19]} == "$2" && ${stat[0]} != Z ]] || return 0
    about=$(sed -n 's/^\(Name\|State\|PPid\):\s*//p' "/proc/$1/status" 2>/dev/null | paste -sd ' ')
    [[ -z $about ]] || printf 'process %s: %s\n' "$1" "$about"
}

# What must be gone after the end: the processes that live in a namespace of the run, and mounts that hold one.
# The names of namespaces are given anew by the kernel as soon as they are free, so looking for these names later would
# accuse strangers.
_machines_seen() { printf '%s/.%s.seen' "$MACHINES_HOME" "$MACHINES_RUN"; }
_machines_snapshot() {
    local pid
    {
        for pid in $(_processes_of_run); do
            printf 'process %s %s\n' "$pid" "$(_process_birth "$pid")"
        done
        { grep -F -f "$MACHINES_DIR/namespaces" /proc/self/mountinfo || true; } | sed 's/^\([0-9]*\) .*/mount \1/'
    } >>"$(_machines_seen)"
}
_processes_of_run() {
    [[ -s $MACHINES_DIR/namespaces ]] || return 0
    { find /proc/[0-9]*/ns -type l -printf '%p %l\n' 2>/dev/null | grep -F -f "$MACHINES_DIR/namespaces" || true; } |
        cut -d/ -f3 | sort -nu
}

# Called at every boot: "net:[4026532008]" a line.
_record_namespaces() {
    local pid=$1 kind
    shift
    for kind in "$@"; do
        readlink "/proc/$pid/ns/$kind" >>"$MACHINES_DIR/namespaces" || true
    done
}

# --- processes --------------------------------------------------------------------------------------------------

# _process_birth PID: its start time in clock ticks since boot; nothing if there is none. With the pid it names a
# process for ever.
_process_birth() {
    local stat
    read -r stat 2>/dev/null <"/proc/$1/stat" || return 0
    stat=${stat##*) }
    # shellcheck disable=SC2086
    set -- $stat
    printf '%s' "${20}"
}

_children_of() {
    local file stat parent=$1
    for file in /proc/[0-9]*/stat; do
        read -r stat 2>/dev/null <"$file" || continue
        file=${file#/proc/}
        stat=${stat##*) }
        stat=${stat#* }
        [[ ${stat%% *} != "$parent" ]] || printf '%s\n' "${file%/stat}"
    done
}

# _child_of PID: its only child, waited for.
_child_of() {
    local child='' parent=$1
    local -i tries
    for ((tries = 0; tries < 200; tries++)); do
        child=$(_children_of "$parent" | awk 'NR == 1')
        [[ -z $child ]] || break
        sleep 0.01
    done
    [[ -n $child ]] || return 1
    printf '%s' "$child"
}

# _kill_first PARENT: the first process that PARENT (unshare) waits for; PARENT then ends by itself.
_kill_first() {
    local child
    for child in $(_children_of "$1"); do
        kill -KILL "$child" 2>/dev/null || true
    done
}

# --- cgroups ----------------------------------------------------------------------------------------------------

# The mount points of all hierarchies; the v1 memory or the v2 one first.
mapfile -t _cgroup_roots < <(
    awk '$3 == "cgroup" || $3 == "cgroup2" { print ($2 ~ /\/(memory|cgroup)$/ ? 0 : 1), $2 }' /proc/self/mounts |
        sort | cut -d' ' -f2
)

_is_v2() { [[ -e $1/cgroup.controllers ]]; }

# The group "shoal" is shared by all runs: making below it and removing it when empty exclude each other.
_cgroups_locked() {
    local fd
    exec {fd}<"${_cgroup_roots[0]}"
    flock "$fd"
    "$@"
    exec {fd}<&-
}

# _cgroups_make NAME: shoal/<run>/<name> in every hierarchy, able to hold processes and to have children.
_cgroups_make() {
    local root part path file
    for root in "${_cgroup_roots[@]}"; do
        path=$root
        for part in shoal "$MACHINES_RUN" "$1"; do
            if _is_v2 "$path"; then
                # All that are there; a controller that v1 holds or that is threaded away is not.
                for file in $(<"$path/cgroup.controllers"); do
                    echo "+$file" >"$path/cgroup.subtree_control" 2>/dev/null || true
                done
            fi
            mkdir -p "$path/$part"
            for file in cpuset.mems cpuset.cpus; do
                if [[ ! -e $path/cgroup.controllers && -e $path/$part/$file && -z $(<"$path/$part/$file") ]]; then
                    cat -- "$path/$file" >"$path/$part/$file"
                fi
            done
            path+=/$part
        done
        # A v2 group with processes of its own cannot delegate, so the machine's own processes live in a leaf.
        if _is_v2 "$path"; then mkdir -p "$path/system"; fi
    done
}

# _cgroups_enter NAME [leaf]: moves the calling (sub)shell. The first process enters the group itself, which so
# becomes the root of its cgroup namespace, and settles in the v2 leaf after that.
_cgroups_enter() {
    local root path
    for root in "${_cgroup_roots[@]}"; do
        path=$root/shoal/$MACHINES_RUN/$1
        if [[ ${2:-} == leaf ]] && _is_v2 "$path"; then path+=/system; fi
        echo "$BASHPID" >"$path/cgroup.procs"
    done
}

_cgroups_settle() {
    local root path
    for root in "${_cgroup_roots[@]}"; do
        path=$root/shoal/$MACHINES_RUN/$1
        if _is_v2 "$path"; then echo "$2" >"$path/system/cgroup.procs"; fi
    done
}

# _cgroups_remove PATH: the subtree in every hierarchy, deepest first; fails while the kernel still drains one.
_cgroups_remove() {
    local root
    local -i status=0
    for root in "${_cgroup_roots[@]}"; do
        [[ -d $root/$1 ]] || continue
        find "$root/$1" -depth -type d -exec rmdir -- {} + 2>/dev/null || status=1
    done
    return "$status"
}

_cgroups_remove_parent() {
    local root
    for root in "${_cgroup_roots[@]}"; do
        rmdir -- "$root/shoal" 2>/dev/null || true
    done
}
