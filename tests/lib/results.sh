# shellcheck shell=bash
# Counts and prints test results. Sourced after common.sh.
#   results_begin; results_run NAME COMMAND...; results_end   (prints "N passed, N failed", returns 1 on a failure)
# A script that is run by another one adds to the other's count: SHOAL_RESULTS names the file, and only the outermost
# prints the last line.

results_begin() {
    results_outer=''
    if [[ -z ${SHOAL_RESULTS:-} ]]; then
        results_outer=yes
        results_dir=$(mktemp -d)
        export SHOAL_RESULTS=$results_dir/results
        : >"$SHOAL_RESULTS"
    else
        results_dir=$(mktemp -d)
    fi
    results_failed_here=0
}

# results_add passed|failed COUNT NAME
results_add() {
    printf '%s %s %s\n' "$1" "$2" "$3" >>"$SHOAL_RESULTS"
    [[ $1 == passed ]] || results_failed_here=1
}

# results_run NAME COMMAND...: one test; the end of its output is shown only if it fails. COMMAND may be a function, and the
# first command of it that fails ends it.
results_run() {
    local name=$1 log=$results_dir/log
    local -i start_us status
    shift
    start_us=$(now_us)
    set +e
    (
        set -e
        "$@"
    ) >"$log" 2>&1
    status=$?
    set -e
    if ((status == 0)); then
        results_add passed 1 "$name"
        printf '%sok%s %s (%s s)\n' "$tone_good" "$tone_off" "$name" "$(elapsed "$start_us")"
    else
        results_add failed 1 "$name"
        printf '%snot ok%s %s (%s s, exit %d)\n' "$tone_bad" "$tone_off" "$name" "$(elapsed "$start_us")" "$status"
        tail -n "${SHOAL_LOG_LINES:-60}" -- "$log" | sed 's/^/    /'
    fi
    return 0
}

# results_meson FOLDER LOGNAME: adds what `meson test` left in FOLDER/meson-logs/LOGNAME.json; a test that was skipped or
# never ran is a failure.
results_meson() {
    if [[ ! -s $1/meson-logs/$2.json ]]; then
        results_add failed 1 "meson test: nothing ran"
        return 0
    fi
    python3 "$SHOAL_ROOT/tests/lib/meson-results.py" "$1/meson-logs/$2.json" "$SHOAL_RESULTS" || results_failed_here=1
}

results_end() {
    local -i status=$results_failed_here
    if [[ -n $results_outer ]]; then
        awk '$1 == "passed" { passed += $2 } $1 == "failed" { failed += $2; print "failed: " substr($0, length($1 $2) + 3) }
            END { printf "%d passed, %d failed\n", passed, failed; exit failed > 0 || passed == 0 }' "$SHOAL_RESULTS" || status=1
        unset SHOAL_RESULTS
    fi
    rm -rf -- "$results_dir"
    return "$status"
}
