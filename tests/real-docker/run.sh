#!/usr/bin/env bash
# run.sh: every test here that needs a real Docker daemon. Each prints "N passed, N failed" as its last line.
# Where the machine does not permit a daemon at all, one line says so and begins with SKIPPED.
set -u
here=$(cd "$(dirname "$0")" && pwd)

skip() {
    echo "SKIPPED real Docker: $*"
    exit 0
}

[ "$(id -u)" = 0 ] || skip "needs root"
command -v dockerd >/dev/null || skip "dockerd is not installed"
unshare --net true 2>/dev/null || skip "no new network namespace permitted"
grep -q -E ' cgroup2? rw' /proc/mounts || skip "no writable cgroups"

# A machine may permit all that and still no daemon. Only that is a reason to skip: a missing program fails.
probe=$(mktemp -d /tmp/real-docker-probe.XXXXXX)
if ! "$here/in-netns.sh" "$here/daemon.sh" start "$probe" >"$probe.log" 2>&1; then
    cat "$probe.log"
    reason=$(grep 'dockerd does not start' "$probe.log")
    "$here/daemon.sh" stop "$probe"
    rm -rf "$probe" "$probe.log"
    [ -z "$reason" ] || skip "$reason"
    exit 1
fi
"$here/daemon.sh" stop "$probe"
rm -rf "$probe" "$probe.log"

status=0
for test in "$here"/test_*.sh; do
    echo "-- $(basename "$test")"
    "$test" || status=1
done
exit $status
