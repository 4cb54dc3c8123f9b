#!/bin/sh
# Runs in the virtual machine: only busybox, the kernel's modules and /bin/shoal are there.
set -u

say() { echo "[$(cut -d' ' -f1 /proc/uptime)] $*"; }
fail() {
    say "FAILED: $*"
    echo "--- pods" && shoal get pods -o wide
    echo "--- agent" && tail -n 40 /run/agent.log
    exit 1
}
# soon SECONDS WHAT COMMAND...
soon() {
    seconds=$1 what=$2
    shift 2
    until=$(($(cut -d. -f1 /proc/uptime) + seconds))
    while ! "$@" >/dev/null 2>&1; do
        [ "$(cut -d. -f1 /proc/uptime)" -lt "$until" ] || fail "not within $seconds s: $what"
        sleep 0.3
    done
    say "ok: $what"
}
phase_is() { shoal get pod "$1" -o json | grep -q "\"phase\": *\"$2\""; }
# running COMMAND_LINE: the pids of the processes with it.
running() { ps -o pid,args | awk -v wanted="$1" '{ pid = $1; $1 = ""; if (substr($0, 2) == wanted) print pid }'; }
# shellcheck disable=SC2009 # the pattern must not match the command line of pgrep itself
none_runs() { [ -z "$(running 'sleep 1000')" ] && ! ps -o args | grep -q '[n]ginx'; }
described() { shoal describe pod "$1" | grep -q "$2"; }

[ -e /sys/fs/cgroup/cgroup.controllers ] || fail "this is not cgroup v2"
say "kernel $(uname -r), $(wc -c </bin/shoal) bytes of shoal"

shoal agent --name vm >/run/agent.log 2>&1 &
agent=$!
soon 30 "the agent answers" shoal status
shoal image load /images/busybox-1.tar || fail "image load"
shoal image load /images/web-1.tar || fail "image load"

cat >/run/pods.yaml <<'YAML'
apiVersion: v1
kind: Pod
metadata: {name: worker}
spec:
  containers:
    - name: main
      image: shoal.example/busybox:1
      imagePullPolicy: Never
      command: [/bin/sh, -c, 'echo it runs; exec sleep 1000']
      resources: {limits: {memory: 32Mi, cpu: 500m}}
---
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
    - {name: nginx, image: 'shoal.example/web:1', imagePullPolicy: Never}
---
apiVersion: v1
kind: Pod
metadata: {name: eater}
spec:
  restartPolicy: Never
  containers:
    - name: main
      image: shoal.example/busybox:1
      imagePullPolicy: Never
      command: [/bin/sh, -c, 'x=$(head -c 200000000 /dev/zero | tr "\0" x); echo not reached']
      resources: {limits: {memory: 16Mi}}
YAML
shoal apply -f /run/pods.yaml || fail "apply"

soon 60 "a container runs" phase_is worker Running
soon 20 "its output is there" sh -c 'shoal logs worker | grep -x "it runs"'
limits=$(find /sys/fs/cgroup/shoal -name memory.max -exec cat {} +)
echo "$limits" | grep -qx 33554432 || fail "no cgroup below /sys/fs/cgroup/shoal has memory.max 32Mi: $limits"
say "ok: its memory limit is set in cgroup v2"

soon 60 "the web server runs" phase_is web Running
address=$(shoal get pod web -o json | sed -n 's/.*"podIP": *"\([0-9.]*\)".*/\1/p' | head -n 1)
soon 20 "its page is served" sh -c "wget -qO- http://$address:8080/ | grep -q 'version 1'"

soon 60 "the pod above its limit has failed" phase_is eater Failed
soon 10 "describe says OOMKilled" described eater OOMKilled

kill -9 "$agent"
# The containers live on, and the next agent finds them.
worker=$(running 'sleep 1000')
[ -n "$worker" ] || fail "the container died with its agent"
shoal agent --name vm >>/run/agent.log 2>&1 &
soon 30 "the restarted agent answers" shoal status
soon 20 "it has the pod" phase_is worker Running
[ "$(running 'sleep 1000')" = "$worker" ] || fail "the container was restarted"
say "ok: the container is the same process"

for pod in worker web eater; do
    shoal delete pod "$pod" || fail "delete $pod"
done
soon 60 "no container is left" none_runs
say "all is well"
