# shellcheck shell=bash
# shellcheck disable=SC2034 # The tones are used by the scripts that source this.
# What every script of this folder shares: where things are, how progress is told, how a release binary is
# made. Sourced, never run; expects `set -euo pipefail` in the caller.

SHOAL_ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
SHOAL_CACHE=${SHOAL_CACHE:-/var/cache/shoal-build}
SHOAL_BUILD_RELEASE=${SHOAL_BUILD_RELEASE:-$SHOAL_ROOT/build-release}
SHOAL_BUILD_SANITIZE=${SHOAL_BUILD_SANITIZE:-$SHOAL_ROOT/build-sanitize}
SHOAL_BUILD_SIM=${SHOAL_BUILD_SIM:-$SHOAL_ROOT/build-sim}
SHOAL_BUILD_CLANG=${SHOAL_BUILD_CLANG:-$SHOAL_ROOT/build-clang}
# The binary under test; set it to try another one (a sanitizer build, a downloaded release).
SHOAL_BIN=${SHOAL_BIN:-$SHOAL_BUILD_RELEASE/src/cmd/shoal}
export LC_ALL=C.UTF-8

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
    tone_bold=$'\e[1m' tone_dim=$'\e[2m' tone_good=$'\e[32m' tone_bad=$'\e[31m' tone_off=$'\e[0m'
else
    tone_bold='' tone_dim='' tone_good='' tone_bad='' tone_off=''
fi

# say TEXT...: one line of narration. step TEXT...: a headline. die TEXT...: the end.
say() { printf '%s\n' "$*"; }
step() { printf '%s==> %s%s\n' "$tone_bold" "$*" "$tone_off"; }
warn() { printf '%s\n' "$*" >&2; }
die() {
    printf '%s%s: %s%s\n' "$tone_bad" "${0##*/}" "$*" "$tone_off" >&2
    exit 1
}

need_root() {
    [[ $EUID -eq 0 ]] || die "must run as root: it makes namespaces, mounts and cgroups"
}

# now_us: microseconds on the wall clock. elapsed FROM_US [TO_US]: "1.23", seconds.
now_us() { printf '%s' "${EPOCHREALTIME/[.,]/}"; }
elapsed() {
    local -i us=$((${2:-$(now_us)} - $1))
    printf '%d.%02d' $((us / 1000000)) $((us % 1000000 / 10000))
}

# await SECONDS COMMAND...: repeats COMMAND until it succeeds; 1 when the time is over. Its output is dropped.
await() {
    local -i until_us=$(($(now_us) + $1 * 1000000))
    shift
    while ! "$@" >/dev/null 2>&1; do
        (($(now_us) < until_us)) || return 1
        sleep 0.05
    done
}

# quietly LOGFILE COMMAND...: runs it with all output in LOGFILE, which is shown only when it fails.
quietly() {
    local log=$1
    shift
    mkdir -p "$(dirname -- "$log")"
    "$@" >"$log" 2>&1 && return 0
    local -i status=$?
    warn "failed (exit $status): $*"
    tail -n 60 -- "$log" >&2
    return "$status"
}

# build_release: makes $SHOAL_BUILD_RELEASE/src/cmd/shoal, the static file that ships; fast when nothing changed.
build_release() {
    if [[ ! -f $SHOAL_BUILD_RELEASE/build.ninja ]]; then
        quietly "$SHOAL_BUILD_RELEASE/setup.log" meson setup "$SHOAL_BUILD_RELEASE" "$SHOAL_ROOT" \
            -Dstatic_exe=true --buildtype=release -Dstrip=true
    fi
    quietly "$SHOAL_BUILD_RELEASE/ninja.log" ninja -C "$SHOAL_BUILD_RELEASE" src/cmd/shoal
}
