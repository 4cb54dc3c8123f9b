# shellcheck shell=bash
# What a test says. Each ends the test (it runs under set -e in a subshell) with a message that tells both sides.

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

# expect_equal WHAT EXPECTED ACTUAL; expect_match WHAT REGEX ACTUAL; expect_no_match likewise.
expect_equal() { [[ $2 == "$3" ]] || fail "$1: expected"$'\n'"$2"$'\n'"but it is"$'\n'"$3"; }
expect_match() { [[ $3 =~ $2 ]] || fail "$1: expected to match /$2/, but it is"$'\n'"$3"; }
expect_no_match() { [[ ! $3 =~ $2 ]] || fail "$1: expected not to match /$2/, but it is"$'\n'"$3"; }

# expect_fail STATUS COMMAND...: it exits with STATUS; its output (both streams) is left in $output.
output=''
expect_fail() {
    local -i wanted=$1 status=0
    shift
    output=$("$@" 2>&1) || status=$?
    ((status == wanted)) || fail "'$*' exits with $status, not $wanted, and says"$'\n'"$output"
}

# expect_soon SECONDS WHAT COMMAND...: it succeeds within that time.
expect_soon() {
    local seconds=$1 what=$2
    shift 2
    await "$seconds" "$@" || fail "not within $seconds s: $what"
}
