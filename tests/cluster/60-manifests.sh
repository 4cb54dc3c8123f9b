# shellcheck shell=bash
# shellcheck disable=SC2016,SC2034,SC2030,SC2031 # Conditions are given to expect_soon as text.
# A bad manifest: one error with file, line, column and field, exit 1, nothing applied. Each file of manifests/bad says
# in its first line what must be named: "# expect: LINE:COLUMN REGEX". The shape is FILE:LINE:COLUMN: MESSAGE.

case_bad_manifests_are_refused_with_their_place() {
    local file expected line text message
    given_cluster
    for file in "$here"/manifests/bad/*.yaml; do
        expected=$(sed -n '1s/^# expect: //p' "$file")
        line=${expected%% *} text=${expected#* }
        expect_fail 1 machine_exec m1 shoal apply -f "$file"
        message="$file: expected $line $text"
        expect_match "$message" "${file##*/}:$line: " "$output"
        expect_match "$message" "$text" "$output"
    done
    expect_equal "what was applied" 0 "$(machine_exec m1 shoal get deployments,pods -A -o json | jq '.items | length')"
    then_clean
}

case_a_manifest_without_end_is_refused_quickly() {
    local since
    given_cluster
    since=$(now_us)
    # Ends by SIGPIPE when head has enough.
    { yes -- '- aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' || true; } | head -c 50000000 >"$MACHINES_DIR/shared/large.yaml"
    expect_fail 1 machine_exec m1 shoal apply -f "$MACHINES_DIR/shared/large.yaml"
    expect_match "what it says" 'large.yaml' "$output"
    head -c 200000 /dev/zero | tr '\0' '[' >"$MACHINES_DIR/shared/deep.yaml"
    expect_fail 1 machine_exec m1 shoal apply -f "$MACHINES_DIR/shared/deep.yaml"
    head -c 20000 /dev/urandom >"$MACHINES_DIR/shared/noise.yaml"
    expect_fail 1 machine_exec m1 shoal apply -f "$MACHINES_DIR/shared/noise.yaml"
    expect_fail 1 machine_exec m1 shoal apply -f /does/not/exist.yaml
    expect_match "what it says" '/does/not/exist.yaml' "$output"
    (($(now_us) - since < 10000000)) || fail "took $(elapsed "$since") s"
    then_clean
}

case_unknown_commands_and_names_are_told() {
    given_cluster
    expect_fail 1 machine_exec m1 shoal get pods nosuchpod
    expect_match "what it says" 'nosuchpod' "$output"
    expect_fail 1 machine_exec m1 shoal get nosuchkind
    expect_match "what it says" 'nosuchkind' "$output"
    expect_fail 1 machine_exec m6 shoal status
    expect_match "what it says without an agent" '/run/shoal/shoal.sock' "$output"
    then_clean
}
