# shellcheck shell=bash
# shellcheck disable=SC2016,SC2034,SC2030,SC2031 # Conditions are given to expect_soon as text.
# Images that come late, and logs from anywhere.

case_a_missing_image_is_said_and_starts_when_it_arrives() {
    local tag=late-$RANDOM
    given_cluster
    machine_exec m1 shoal apply -f - <<YAML
apiVersion: v1
kind: Pod
metadata: {name: late}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - {name: main, image: 'shoal.example/$tag:1', imagePullPolicy: IfNotPresent, command: [/bin/sleep, '1000']}
YAML
    expect_soon 10 "describe names the image" eval "machine_exec m2 shoal describe pod late | grep -E 'Err(ImageNeverPull|ImagePull)|ImagePullBackOff|not present'"
    expect_match "describe" "$tag" "$(machine_exec m2 shoal describe pod late)"
    rm -f -- "$MACHINES_DIR/$tag.tar"
    skopeo --insecure-policy copy -q "docker-archive:$SHOAL_CACHE/images/busybox-1.tar" \
        "docker-archive:$MACHINES_DIR/$tag.tar:shoal.example/$tag:1"
    cluster_load_image "$MACHINES_DIR/$tag.tar"
    await_ready m1 1
    expect_match "the image that runs" '^sha256:[0-9a-f]{64}$' "$(pods m2 '.items[0].status.containerStatuses[0].imageID')"
    expect_match "images" "shoal.example/$tag:1" "$(machine_exec m3 shoal image list)"
    machine_exec m1 shoal delete pod late
    then_clean
}

case_a_broken_image_archive_is_refused() {
    given_cluster
    head -c 300000 "$SHOAL_CACHE/images/web-1.tar" >"$MACHINES_DIR/shared/torn.tar"
    expect_fail 1 machine_exec m1 shoal image load "$MACHINES_DIR/shared/torn.tar"
    expect_match "what it says" 'torn.tar' "$output"
    head -c 300000 /dev/urandom >"$MACHINES_DIR/shared/noise.tar"
    expect_fail 1 machine_exec m1 shoal image load "$MACHINES_DIR/shared/noise.tar"
    then_clean
}

case_logs_come_from_any_peer_and_can_be_followed() {
    local node asker lines
    given_cluster
    cluster_load_image "$SHOAL_CACHE/images/busybox-1.tar"
    machine_exec m1 shoal apply -f - <<'YAML'
apiVersion: v1
kind: Pod
metadata: {name: counter}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: main
      image: shoal.example/busybox:1
      command: [/bin/sh, -c, 'echo to-stderr >&2; i=1; while :; do echo line $i; i=$((i+1)); sleep 0.1; done']
YAML
    await_ready m1 1
    node=$(pods m1 '.items[0].spec.nodeName')
    asker=m1
    [[ $node != m1 ]] || asker=m2
    expect_soon 10 "$asker shows the log of the pod on $node" eval "machine_exec $asker shoal logs counter | grep -x 'line 5'"
    expect_match "log" 'to-stderr' "$(machine_exec "$asker" shoal logs counter -c main)"
    lines=$(machine_exec "$asker" timeout 3 shoal logs -f counter | grep '^line ' || true)
    expect_equal "followed lines have no gap" "$(seq -f 'line %g' "$(wc -l <<<"$lines")")" "$lines"
    (($(wc -l <<<"$lines") >= 20)) || fail "only $(wc -l <<<"$lines") lines in 3 s"
    expect_fail 1 machine_exec m1 shoal logs nosuchpod
    machine_exec m1 shoal delete pod counter
    then_clean
}
