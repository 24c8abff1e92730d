#!/usr/bin/env bash
# The shipped binary as its supervisor has it (spec 01, section 3.1): the environment and folders that ecs-init
# gives, exit codes, signals at any moment, as PID 1, and a standard output that nobody reads any more.
set -u
. "$(dirname "$0")/lib.sh"
needs python3 python3

answers() { # PATH: the introspection endpoint says something
    python3 -c 'import sys, urllib.request; urllib.request.urlopen("http://127.0.0.1:51678" + sys.argv[1], timeout=2).read()' "$1"
}
ended_with() { # CODE SECONDS: the agent that was started last, since its signal
    local since=$SECONDS code
    wait "$agent_pid"
    code=$?
    [ "$code" -eq "$1" ] && [ $((SECONDS - since)) -le "$2" ] || { echo "code $code after $((SECONDS - since)) s"; return 1; }
}
# `check` runs its command in a subshell, which cannot wait for the agent.
expect_end() { # WHAT CODE SECONDS
    local out
    if out=$(:) && ended_with "$2" "$3" >"$work/end.txt"; then check "$1" true; else check "$1" cat_and_fail "$work/end.txt"; fi
}
cat_and_fail() {
    cat "$1"
    return 1
}
stands() {
    await "$1" 'Established a connection to ACS'
}

serve --no-agent
data=$(sed -n 's/^# agent: ECS_DATADIR=//p' "$work/serve.out")

# PROC-311: what the supervisor sets, and values of /etc/ecs/ecs.config verbatim, quotes included.
mkdir -p "$work/log" "$work/cache"
start_agent "$work/init.log" "ECS_LOGFILE=$work/log/ecs-agent.log" "ECS_UPDATE_DOWNLOAD_DIR=$work/cache" \
    ECS_UPDATES_ENABLED=true 'ECS_AVAILABLE_LOGGING_DRIVERS=["json-file","syslog","awslogs"]' \
    ECS_ENABLE_TASK_IAM_ROLE=true ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST=true 'ECS_RESERVED_MEMORY="32"'
check "PROC-311: the agent runs with the supervisor's environment" stands "$work/init.log"
check "PROC-311: quotes belong to the value" await "$work/init.log" '\[WARN\].*ECS_RESERVED_MEMORY'
check "PROC-311: its log file is the hour's" test -s "$(echo "$work"/log/ecs-agent.log.20*)"

# SIG-201: ten in a row, and the agent goes on; no secret in it.
for _ in 1 2 3 4 5 6 7 8 9 10; do kill -USR1 "$agent_pid"; done
check "SIG-201: a dump between its marks" await "$work/init.log" '====== /STACKTRACE ======'
check "SIG-201: at level critical" await "$work/init.log" '\[CRITICAL\] ====== STACKTRACE ======'
check "SIG-201: without the keys" lacks "$work/init.log" harness-serve-secret
check "SIG-201: and the agent goes on" answers /v1/metadata

# SIG-104, SIG-101: TERM, and TERM again while the final save runs.
kill -TERM "$agent_pid"; kill -TERM "$agent_pid" 2>/dev/null; kill -INT "$agent_pid" 2>/dev/null
expect_end "SIG-104: further signals are ignored, the end is 0" 0 8
check "SIG-104: with the state saved" test -s "$data/agent.db"

# SIG-106: HUP as TERM; QUIT dumps and aborts; a standard output that is closed harms nobody.
start_agent "$work/hup.log"; stands "$work/hup.log" >/dev/null
kill -HUP "$agent_pid"
expect_end "SIG-106: HUP ends it in order" 0 8
start_agent "$work/quit.log"; stands "$work/quit.log" >/dev/null
kill -QUIT "$agent_pid"
expect_end "SIG-106: QUIT aborts" 134 8
check "SIG-106: after a dump" await "$work/quit.log" '====== STACKTRACE ======'
mapfile -t env < <(sed -n 's/^# agent: //p' "$work/serve.out")
mkfifo "$work/out"
head -n 1 "$work/out" >/dev/null & # reads a line and goes away
env -i "${env[@]}" "$agent" >"$work/out" 2>&1 &
agent_pid=$!
pids+=("$agent_pid")
check "SIG-106: it runs on when nobody reads its output" until_true answers /v1/metadata
kill -TERM "$agent_pid"
expect_end "SIG-106: and ends in order" 0 10

# SIG-102, SIG-202: signals that are there before the first instruction.
early() { # SIGNAL LOG: sets agent_pid
    env -i "${env[@]}" python3 -c '
import os, signal, sys
number = getattr(signal, sys.argv[1])
signal.pthread_sigmask(signal.SIG_BLOCK, {number})
os.kill(os.getpid(), number)
os.execv(sys.argv[2], [sys.argv[2]])' "$1" "$agent" >"$2" 2>&1 &
    agent_pid=$!
    pids+=("$agent_pid")
}
early SIGTERM "$work/early-term.log"
expect_end "SIG-102: TERM before anything else ends it with 0" 0 5
check "SIG-102: without a registration" lacks "$work/early-term.log" 'egistered container instance'
early SIGUSR1 "$work/early-usr1.log"
check "SIG-202: USR1 before anything else is a dump" await "$work/early-usr1.log" '====== /STACKTRACE ======'
check "SIG-202: and the start goes on" stands "$work/early-usr1.log"
kill -TERM "$agent_pid"
expect_end "SIG-202: to an end in order" 0 8

# PROC-203: at the breakpoint, before it has read a word of its command line.
at_command_line() {
    gdb -nx -batch -ex 'break eca_cmdline_parse' -ex run -ex \
        'python print([l for l in open("/proc/%d/status" % gdb.selected_inferior().pid) if "SigBlk" in l][0])' \
        "$agent" 2>&1 </dev/null
}
blocks() { # HEX SIGNAL...: it is in the mask
    local mask=$((16#$1)) signal
    shift
    for signal; do
        [ $((mask >> ($(kill -l "$signal") - 1) & 1)) -eq 1 ] || { echo "SIG$signal is not blocked"; return 1; }
    done
}
if command -v gdb >/dev/null; then
    mask=$(at_command_line | sed -n 's/^SigBlk:[[:space:]]*//p')
    check "PROC-203: signals wait before the command line is read" \
        blocks "${mask:-0}" TERM INT HUP QUIT USR1 USR2
else
    echo "SKIPPED  PROC-203: gdb is missing (package gdb)"
fi

# SIG-107, PROC-312: PID 1 has no default actions; the supervisor kills after 10 s.
env -i "${env[@]}" unshare --pid --fork --kill-child=KILL "$agent" >"$work/pid1.log" 2>&1 &
outer=$!
stands "$work/pid1.log" >/dev/null
begin=$SECONDS
kill -TERM "$(pgrep -P "$outer")"
wait "$outer"; code=$?
check "SIG-107: as PID 1 it ends with 0" test "$code" -eq 0
check "PROC-312: well within 10 s" test $((SECONDS - begin)) -le 8

# PROC-210, PROC-313: a data directory that is not there, or is a file, is 5, and never made.
start_agent "$work/nodata.log" ECS_DATADIR=/nonexistent/data
expect_end "PROC-210: no data directory is 5" 5 5
check "PROC-210: said with its path" await "$work/nodata.log" '\[CRITICAL\].*/nonexistent/data'
check "PROC-210: and not made" test ! -e /nonexistent
: >"$work/file"
start_agent "$work/file.log" "ECS_DATADIR=$work/file"
expect_end "PROC-210: a file in its place is 5" 5 5
start_agent "$work/image.log" ECS_DATADIR=/data-of-a-forgotten-mount/
expect_end "PROC-313: a forgotten mount is 5" 5 5

# PROC-310: the supervisor's loop: 5 ends it, anything else but 0 starts again.
supervise() {
    local starts=0 code
    while [ $starts -lt 3 ]; do
        starts=$((starts + 1))
        env -i "${env[@]}" "$@" "$agent" >>"$work/supervised.log" 2>&1
        code=$?
        case $code in 0 | 5) break ;; esac
    done
    echo "$starts starts, last code $code"
}
check "PROC-310: a fatal configuration is worth another start each time" test \
    "$(supervise 'ECS_AVAILABLE_LOGGING_DRIVERS=["nonsense"]')" = "3 starts, last code 1"
start_agent "$work/before.log"; stands "$work/before.log" >/dev/null
kill -TERM "$agent_pid"; wait "$agent_pid"
check "PROC-310: another cluster is not" test "$(supervise ECS_CLUSTER=other)" = "1 starts, last code 5"

# LOG-103: the option wins over the variable.
agent_options=(-loglevel error)
start_agent "$work/level.log" ECS_LOGLEVEL=debug
until_true answers /v1/metadata
check "LOG-103: -loglevel wins over ECS_LOGLEVEL" lacks "$work/level.log" '\[(DEBUG|INFO)\] (asking|Beginning|Loading)'
kill -TERM "$agent_pid"; wait "$agent_pid"
agent_options=(-loglevel debug)
start_agent "$work/level2.log" ECS_LOGLEVEL=error
check "LOG-103: in both directions" await "$work/level2.log" '\[DEBUG\]'
kill -TERM "$agent_pid"; wait "$agent_pid"
agent_options=()

# CFG-503, PROC-106: nonsense ends a start with 1; -version does not mind; -print-config shows it and exits 1.
bad='ECS_AVAILABLE_LOGGING_DRIVERS=["nonsense"]'
env -i "${env[@]}" "$bad" "$agent" >"$work/bad.log" 2>&1
check "CFG-503: a fatal value is 1" test $? -eq 1
check "CFG-503: with its reason" await "$work/bad.log" '\[CRITICAL\].*nonsense'
check "CFG-503: -version does not mind" env -i "${env[@]}" "$bad" "$agent" -version
env -i "${env[@]}" "$bad" "$agent" -print-config >"$work/print.txt" 2>&1
check "PROC-106: -print-config exits 1 on nonsense" test $? -eq 1
check "PROC-106: and shows it" grep -q nonsense "$work/print.txt"
check "PROC-106: with where values came from" grep -q 'ECS_DATADIR.*environment' "$work/print.txt"
env -i "${env[@]}" "$agent" -print-config >"$work/print.txt" 2>&1
check "PROC-106: and 0 when all is well" test $? -eq 0
check "PROC-106: never a key" lacks "$work/print.txt" harness-serve-secret
finish
