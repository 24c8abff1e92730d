#!/usr/bin/env bash
# run.sh [TEST...]: tests of this folder by name, or all: the agent and the fakes against programs that others
# wrote: the AWS CLI, a websocket server, openssl's TLS server, a forward proxy. Each test prints "N passed, N failed" as its last line.
# Where a test cannot run, one line says so and begins with SKIPPED.
#
# Each test has a network of its own, in which peers.test is 10.9.8.7 on the loopback: a name that no proxy
# rule takes for local, and nothing else can be reached.
set -u
here=$(cd "$(dirname "$0")" && pwd)
in_netns=$here/../real-docker/in-netns.sh

skip() {
    echo "SKIPPED peers: $*"
    exit 0
}

[ "$(id -u)" = 0 ] || skip "needs root"
unshare --net --mount true 2>/dev/null || skip "no new network and mount namespace permitted"

hosts=$(mktemp)
printf '127.0.0.1 localhost\n10.9.8.7 peers.test\n10.9.8.7 other.test\n' >"$hosts"
status=0
tests=()
for name in "$@"; do
    tests+=("$here/$(basename "$name" .sh).sh")
done
[ ${#tests[@]} -gt 0 ] || tests=("$here"/test_*.sh)
log=$(mktemp)
# Process numbers of its own, too: those of a busy machine come around within one test, and bash, as any shell
# that kills and awaits by number, then takes a new process for an old one. Nothing outlives its test.
play() { # TEST
    # shellcheck disable=SC2016
    "$in_netns" unshare --mount --pid --fork --kill-child --mount-proc -- bash -euc '
        ip address add 10.9.8.7/32 dev lo
        mount --bind "$1" /etc/hosts
        "$2" || exit $?' peers "$hosts" "$1" 2>&1 | tee "$log"
    [ "${PIPESTATUS[0]}" -eq 0 ]
}
for test in "${tests[@]}"; do
    echo "-- $(basename "$test")"
    play "$test" && continue
    status=1
    grep -q -E 'passed, [0-9]+ failed$|^SKIPPED' "$log" || echo "FAILED   $(basename "$test") ended without its closing line"
done
rm -f "$log"
rm -f "$hosts"
exit $status
