#!/usr/bin/env bash
# Everything a change must pass. Each step prints its own output; the last line counts them all.
#   ci/test.sh            all steps
#   ci/test.sh unit live  only these
# Output of the steps goes to build/test/<step>.log and, when a step fails, to the terminal. Three lanes run side
# by side: steps that wait for real time, and, with lower priority, those that compute with the release build and those
# that build another one.
set -u
cd "$(dirname "$0")/.."
mkdir -p build/test
jobs=$(nproc)
started=$(date +%s)
wanted=("$@")
results=build/test/results # a line for each step: name, passed, failed, skipped
: >"$results"

# step NAME COMMAND...: adds the "N passed, N failed" that the command prints last; a command without such
# a line counts as one check.
step() {
    local name=$1 log=build/test/$1.log status line begin p=0 f=0
    shift
    if [ ${#wanted[@]} -gt 0 ] && [[ ! " ${wanted[*]} " == *" $name "* ]]; then return; fi
    begin=$(date +%s)
    "$@" >"$log" 2>&1
    status=$?
    while IFS= read -r line; do
        [[ $line =~ ([0-9]+)\ passed,\ ([0-9]+)\ failed ]] && { p=$((p + BASH_REMATCH[1])); f=$((f + BASH_REMATCH[2])); }
    done < <(grep -E '^([a-z]+: )?[0-9]+ passed, [0-9]+ failed' "$log")
    # Skipped as a whole is not passed.
    if [ $((p + f)) -eq 0 ] && [ $status -eq 0 ] && ! grep -q '^SKIPPED' "$log"; then p=1; fi
    if [ $status -ne 0 ] && [ "$f" -eq 0 ]; then f=1; fi
    { # one step's words stay together
        flock 9
        printf '== %-12s %5d passed %4d failed  %4ds\n' "$name" "$p" "$f" $(($(date +%s) - begin))
        if [ "$f" -gt 0 ]; then
            echo "---- last lines of $log"
            if grep -q '^FAILED ' "$log"; then
                grep -A 40 '^FAILED ' "$log" | head -n 200
            elif grep -q '^FAILED:' "$log"; then
                grep -B 30 '^FAILED:' "$log" | head -n 200
            else
                tail -n 60 "$log"
            fi
            echo "----"
        fi
        grep -h '^SKIPPED' "$log"
        echo "$name $p $f $(grep -c '^SKIPPED' "$log")" >>"$results"
    } 9>build/test/lock
    return 0
}

build_release() { make -s -j"$jobs" all; }
build_clang() { make -s -j"$jobs" VARIANT=clang all unit-build; }
unit_asan() { make -s -j"$jobs" VARIANT=asan unit-build && make -s VARIANT=asan unit; }
unit_valgrind() { make -s -j"$jobs" VARIANT=debug unit-build && VALGRIND=1 ci/run-unit.sh build/debug; }
golden_sim() { build/harness run scenarios; }
golden_wire() { build/harness run --wire scenarios; }
golden_live() { ci/live.sh; }
explore() { build/harness explore; }
mutations() { ci/mutations.sh; }
shrink() { ci/shrink.sh; }
report() { python3 ci/report.py build/harness build/test/report; }
# A few folders (all of them: minutes; ci/export.py -- scenarios); those that show every kind of step and fault that an
# export writes by wire, too; and the binary's.
export_trip() {
    python3 ci/export.py --at-least=43 -- scenarios/basics scenarios/acs &&
        python3 ci/export.py --and-wire -- scenarios/demo.yaml scenarios/basics/0[1-79]*.yaml scenarios/credentials/10*.yaml \
            scenarios/field-bugs/FB-{05,06,08-4,08-a,08-b,12-4,20,27-b,30-2,30-3,36-2,36-u}*.yaml &&
        python3 ci/export.py --and-wire --live -- scenarios/demo.yaml
}
fleet() { build/harness fleet --agents 1000 scenarios/control/31-fleet.yaml; }
# Every third moment; all of them: the same without --every.
deaths() { build/harness deaths --every 3 scenarios/deaths; }
live_deaths() { ci/live-deaths.sh 20; }
soak() { build/harness soak --days 1 --tasks 2857; }
# The soak once more: what the agent has lost the pointer to shows here only.
asan_sim() {
    make -s -j"$jobs" VARIANT=asan all && build/asan/harness run scenarios && build/asan/harness soak --days 1 --tasks 300
}
# The analyzer's default of 225000 nodes for each function takes two and a half times as long: `make lint` has it.
lint() { ANALYZER_NODES=50000 make -s lint; }
peers() { build_release && tests/peers/run.sh; }
real_docker() { build_release && tests/real-docker/run.sh; }
cover() { python3 ci/requirements.py --fail-under "$(cat ci/requirements.floor)"; }

step build build_release

real_time() {
    step live golden_live
    step live-deaths live_deaths
    step real-docker real_docker
    step peers peers
}
with_release() {
    step format make -s format-check
    step layers make -s layers
    step requirements cover
    step docs bash ci/docs.sh
    step schema python3 ci/schema.py build/harness
    step sim golden_sim
    step wire golden_wire
    step golden make -s golden
    step replay ci/replay.sh
    step export export_trip
    step explore explore
    step mutations mutations
    step shrink shrink
    step report report
    step deaths deaths
    step fleet fleet
    step soak soak
    step lint lint
    step fuzz make -s -j"$jobs" fuzz FUZZ_SECONDS=5
}
with_others() {
    step unit-asan unit_asan
    step sim-asan asan_sim
    step clang build_clang
    step valgrind unit_valgrind
    step same-trace ci/same-trace.sh # after all builds
}
real_time &
for lane in with_release with_others; do
    (renice -n 10 $BASHPID >/dev/null && $lane) &
done
wait

passed=0 failed=0
while read -r name p f skipped; do
    passed=$((passed + p)) failed=$((failed + f))
    [ "$skipped" -eq 0 ] || echo "NOTE: $name: $skipped skipped"
    [ "$f" -eq 0 ] || {
        echo "FAILED: $name (build/test/$name.log)"
        grep -h -A 3 '^FAILED' "build/test/$name.log" | head -n 20 # once more: the end is what is read first
    }
done <"$results"
echo "took $(($(date +%s) - started)) s"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
