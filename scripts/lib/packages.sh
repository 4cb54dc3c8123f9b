# shellcheck shell=bash
# Debian packages: installing the missing ones, and unpacking others into a folder without installing them.

packages_missing() {
    comm -23 <(printf '%s\n' "$@" | sort -u) \
        <({ dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true; } | sed -n 's/ installed$//p' | sort -u)
}

# packages_install NAME...: nothing happens, in a tenth of a second, when all are there.
packages_install() {
    local -a missing
    local log=$SHOAL_CACHE/apt.log
    mapfile -t missing < <(packages_missing "$@")
    [[ ${#missing[@]} -gt 0 ]] || return 0
    need_root
    say "installing ${#missing[@]} packages: ${missing[*]}"
    _apt_lists_present || _apt_update
    # Lists older than the archive name files that are gone: then, and only then, fetch them anew.
    _apt "$log" install -y --no-install-recommends "${missing[@]}" || {
        _apt_update
        quietly "$log" _apt_run install -y --no-install-recommends "${missing[@]}"
    }
}

# packages_unpack FOLDER NAME...: downloads the packages and unpacks all into FOLDER; no script of theirs runs.
packages_unpack() {
    local folder=$1 debs deb
    shift
    debs=$(mktemp -d)
    _apt_lists_present || _apt_update
    (
        cd "$debs" || exit
        _apt "$SHOAL_CACHE/apt.log" download "$@" || {
            _apt_update
            quietly "$SHOAL_CACHE/apt.log" _apt_run download "$@"
        }
    )
    mkdir -p "$folder"
    for deb in "$debs"/*.deb; do
        dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$folder"
    done
    rm -rf -- "$debs"
}

# package_depends NAME: the first package that NAME, a name that only points at the current version, depends on.
package_depends() {
    _apt_lists_present || _apt_update
    apt-cache depends --no-recommends --no-suggests "$1" | sed -n 's/^ *Depends: //p' | awk 'NR == 1'
}

_apt_lists_present() { compgen -G '/var/lib/apt/lists/*Packages*' >/dev/null; }
_apt_update() {
    say "fetching package lists"
    quietly "$SHOAL_CACHE/apt-update.log" _apt_run update
}
_apt_run() { DEBIAN_FRONTEND=noninteractive apt-get -q -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 "$@"; }
_apt() {
    local log=$1
    shift
    mkdir -p "$(dirname -- "$log")"
    _apt_run "$@" >"$log" 2>&1
}
