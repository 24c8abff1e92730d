#!/usr/bin/env bash
# deps.sh: install what is missing of ci/packages.txt (Debian 12). Needs root only when something is
# missing. Refreshes the package lists itself when they are absent or too old to install from.
set -eu
cd "$(dirname "$0")/.."
export DEBIAN_FRONTEND=noninteractive LC_ALL=C

fail() {
    echo "deps: $*" >&2
    exit 1
}

is_installed() {
    [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing=()
find_missing() {
    missing=()
    while read -r package; do
        if [ -n "$package" ] && ! is_installed "$package"; then
            missing+=("$package")
        fi
    done <ci/packages.txt
}

# Packages with a service must not start it here: tests run their own daemons.
deny_services() {
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod 755 $policy
        trap 'rm -f "$policy" "$log"' EXIT
    fi
}

install_missing() {
    apt-get install --quiet --yes --no-install-recommends -o DPkg::Lock::Timeout=300 "${missing[@]}" >"$log" 2>&1
}

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    fail "this is no Debian; needed: $(tr '\n' ' ' <ci/packages.txt)"
fi
find_missing
if [ ${#missing[@]} -eq 0 ]; then
    echo "deps: all packages are installed"
    exit 0
fi
[ "$(id -u)" = 0 ] || fail "must run as root to install: ${missing[*]}"
echo "deps: installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
deny_services
if ! install_missing; then
    if ! apt-get update --quiet -o DPkg::Lock::Timeout=300 >"$log" 2>&1; then
        tail -20 "$log" >&2
        fail "apt-get update failed; its last lines are above"
    fi
    if ! install_missing; then
        tail -20 "$log" >&2
        fail "apt-get install failed; its last lines are above"
    fi
fi
find_missing
[ ${#missing[@]} -eq 0 ] || fail "still missing after the installation: ${missing[*]}"
echo "deps: done"
