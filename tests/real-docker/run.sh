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

status=0
for test in "$here"/test_*.sh; do
    echo "-- $(basename "$test")"
    "$test" || status=1
done
exit $status
