# shellcheck shell=bash
# A cluster on the machines of machines.sh: agents that joined each other, and what can be asked of them.
# VIA is always the machine whose agent answers.

CLUSTER_SIZE=0
CLUSTER_FLAGS=()

# cluster_start N [FLAG...]: an agent with FLAGs on m1..mN of the machines that were made: m1 alone first, the others
# join it.
cluster_start() {
    local name
    CLUSTER_SIZE=$1
    shift
    CLUSTER_FLAGS=("$@")
    cluster_agent_spawn m1
    cluster_await_agent m1
    cluster_share_token m1
    for name in $(cluster_names | tail -n +2); do
        cluster_agent_spawn "$name"
    done
    for name in $(cluster_names); do
        cluster_await_agent "$name"
    done
    cluster_await_members m1 "$CLUSTER_SIZE"
}

cluster_names() { printf 'm%s\n' $(seq "$CLUSTER_SIZE"); }

# cluster_agent_start NAME: the way it was started at first (a service file would say the same at every boot).
# cluster_agent_spawn does not wait until it answers.
cluster_agent_start() {
    cluster_agent_spawn "$1"
    cluster_await_agent "$1"
}
cluster_agent_spawn() {
    local -a join=()
    [[ $1 == m1 ]] || join=(--join "$(machine_address m1)" --token-file /etc/shoal/token)
    machine_agent_start "$1" "${join[@]}" "${CLUSTER_FLAGS[@]}"
}

cluster_await_agent() {
    await 10 machine_exec "$1" shoal status || {
        warn "the agent of $1 does not answer; its log:"
        tail -n 20 -- "$(machine_log "$1")" >&2
        return 1
    }
}

# cluster_share_token VIA: the join token as a file on every machine, readable by root alone.
cluster_share_token() {
    local name
    (umask 077 && machine_exec "$1" shoal token >"$MACHINES_DIR/token")
    for name in $(machine_names); do
        install -m 600 "$MACHINES_DIR/token" "$(machine_dir "$name")/disk/etc-shoal/token"
    done
}

# cluster_load_image FILE [NAME...]: on the named machines, else on those of the cluster, at once.
cluster_load_image() {
    local file=$MACHINES_DIR/shared/${1##*/} name
    local -a pids=() names=("${@:2}")
    cp -- "$1" "$file"
    [[ ${#names[@]} -gt 0 ]] || mapfile -t names < <(cluster_names)
    for name in "${names[@]}"; do
        machine_exec "$name" shoal image load "$file" >>"$(machine_log "$name" image)" 2>&1 &
        pids+=($!)
    done
    for name in "${pids[@]}"; do wait "$name"; done
}

# members_alive VIA: how many members it sees alive. cluster_await_members VIA COUNT.
members_alive() {
    machine_exec "$1" shoal gossip status -o json | jq '[.members[] | select(.state == "alive")] | length'
}
cluster_await_members() {
    await 20 _members_are "$1" "$2" || {
        warn "$1 does not see $2 members:"
        machine_exec "$1" shoal gossip status >&2 || true
        return 1
    }
}
_members_are() { [[ $(members_alive "$1") == "$2" ]]; }

# pods VIA [JQ_FILTER]: the pods as the API shows them, or what the filter makes of their list.
pods() { machine_exec "$1" shoal get pods -o json | jq -r "$pods_jq ${2:-.}"; }
# shellcheck disable=SC2016
pods_jq='
    def ready: any(.status.conditions[]?; .type == "Ready" and .status == "True") and .metadata.deletionTimestamp == null;
    def restarts: [.status.containerStatuses[]?.restartCount] | add // 0;
    def image: .spec.containers[0].image;'

# pods_ready VIA [NOT_ON]: how many are Ready, on other nodes than NOT_ON. pods_table VIA: "name node ip restarts image".
pods_ready() { pods "$1" "[.items[] | select(ready and .spec.nodeName != \"${2:-}\")] | length"; }
pods_table() { pods "$1" '.items | sort_by(.metadata.name)[] | [.metadata.name, .spec.nodeName, .status.podIP, restarts, image] | @tsv'; }
pods_count() { pods "$1" '.items | length'; }

# await_ready VIA COUNT [NOT_ON [SECONDS]]: until exactly that many are Ready and no other pod is there.
await_ready() {
    await "${4:-30}" _ready_is "$1" "$2" "${3:-}" || {
        warn "$(pods_ready "$1" "${3:-}") pods are Ready, not $2:"
        machine_exec "$1" shoal get pods -o wide >&2 || true
        return 1
    }
}
_ready_is() {
    [[ $(pods "$1" "[([.items[] | select(ready and .spec.nodeName != \"$3\")] | length), ([.items[] | select(.spec.nodeName != \"$3\")] | length)] | @tsv") == "$2"$'\t'"$2" ]]
}

# await_no_pods VIA: none listed, and no container process on any machine that is on.
await_no_pods() {
    await 30 _no_pods "$1" || {
        warn "pods or their processes remain:"
        machine_exec "$1" shoal get pods -o wide >&2 || true
        return 1
    }
}
_no_pods() {
    local name
    [[ $(pods_count "$1") == 0 ]] || return 1
    for name in $(machine_names); do
        [[ -z $(container_pids "$name") ]] || return 1
    done
}

# page NODE ADDRESS: what the pod there serves; a server needs a moment from its start until it listens.
page() {
    await 10 machine_exec "$1" curl -sSf -m 5 "http://$2:8080/" </dev/null || {
        warn "no page from $2 on $1"
        return 1
    }
    machine_exec "$1" curl -sSf -m 5 "http://$2:8080/" </dev/null
}

# container_pids NAME: "pid birth" of every process in a pod namespace of the machine, as the host counts: it has a
# mount namespace other than the machine's own.
container_pids() {
    local name=$1 own pid
    machine_is_on "$name" || return 0
    own=$(readlink "/proc/$(_machine_pid "$name")/ns/pid")
    for pid in $(machine_pids "$name"); do
        [[ $(readlink "/proc/$pid/ns/pid") != "$own" ]] || continue
        # The host's side of a command that was sent in has the host's pid namespace.
        [[ $(readlink "/proc/$pid/ns/pid") != "$(readlink /proc/self/ns/pid)" ]] || continue
        printf '%s %s\n' "$pid" "$(_process_birth "$pid")"
    done
}
