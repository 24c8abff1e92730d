#!/usr/bin/env bash
# run.sh: every test here that needs a real Docker daemon. Each prints "N passed, N failed".
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


# Three daemons side by side share the scenarios, those of scenarios/real-docker first: they take longest.
readonly RIGS=3
work=$(mktemp -d /tmp/real-docker-run.XXXXXX)
trap 'rm -rf "$work"' EXIT
cd "$here/../.." || exit 1
grep -rlE '^real_docker: (true|only)' scenarios | awk '{print !/real-docker/, $0}' | sort | cut -d' ' -f2 >"$work/queue"
[ -s "$work/queue" ] || { echo "run.sh: no scenarios"; exit 1; }
if [ -z "${REFERENCE_AGENT:-}" ]; then
    echo "SKIPPED take-over from agent v1.13.1: REFERENCE_AGENT is not set; ours hands over to itself instead"
fi
pids=()
start() {
    "$@" >"$work/${#pids[@]}.log" 2>&1 &
    pids+=($!)
}
start "$here/test_daemon.sh"
start "$here/test_fake.sh"
start "$here/test_recording.sh"
start "$here/test_outside.sh"
for ((rig = 0; rig < RIGS; rig++)); do start "$here/test_scenarios.sh" --queue "$work/queue"; done
status=0
for i in "${!pids[@]}"; do
    wait "${pids[i]}" || status=1
    cat "$work/$i.log"
done
if [ -s "$work/queue" ]; then
    echo "run.sh: not played: $(tr '\n' ' ' <"$work/queue")"
    status=1
fi
exit $status
