#!/usr/bin/env bash
# The ring of segments that the shipped binary writes (docs/RECORDING.md): segments that fill, that are switched off
# and on without a restart, and that make room for new ones; the bound on their size; each replays without divergence.
set -u
. "$(dirname "$0")/lib.sh"
needs aws awscli
needs gcc gcc
needs curl curl
readonly SEGMENT=$(((1 << 20) / 4)) # of the smallest ring
ring=$work/ring
recording=$ring/flight.rec

ecs() {
    aws --endpoint-url "$AWS_ENDPOINT_URL" ecs "$@"
}
has() { # PATTERN FILE...: without words
    grep -q -e "$@"
}
run_tasks() { # COUNT: and their ARNs, a line for each
    ecs run-task --task-definition web --count "$1" --query 'tasks[].taskArn' --output text | tr '\t' '\n'
}
tasks_run() { # ARN...
    # shellcheck disable=SC2086 # one word each
    ecs wait tasks-running --tasks $1
}
sizes_fit() { # one line more says why it ends
    ! find "$ring" -name 'flight.rec*' -size +$((SEGMENT + 256))c | grep .
}
made_room() {
    ! grep -F -x -e "$first" "$ring"/*
}
# switch_off: the last line of the newest segment says so.
switch_off() {
    kill -USR2 "$agent_pid" && await "$recording" '^{"end":"switched off"}'
}
# switch_on: a segment begins; what it was before is one older now.
switch_on() {
    local before sessions
    before=$(stat -c %i "$recording")
    sessions=$(sessions)
    kill -USR2 "$agent_pid" && until_true moved "$before" && until_true has_more_sessions "$sessions"
}
sessions() {
    grep -c 'Established a connection to ACS' "$work/agent.log"
}
has_more_sessions() { # THAN
    [ "$(sessions)" -gt "$1" ]
}
moved() { # INODE: no longer the newest
    [ "$(stat -c %i "$recording")" != "$1" ] && [ "$(stat -c %i "$recording.1")" = "$1" ]
}

mkdir "$ring"
gcc -O2 -Wall -Wextra -Werror -shared -fPIC -o "$work/fast_clock.so" "$root/tests/real-docker/fast_clock.c" -ldl
serve --no-agent
ecs register-task-definition --family web --container-definitions \
    '[{"name":"app","image":"busybox","memory":32,"cpu":10,"command":["sleep","600"]}]' >/dev/null
# A core lives for five minutes at least, a segment of a full ring as well: here for 15 seconds.
start_agent "$work/agent.log" "ECS_FLIGHT_RECORDING=$recording" ECS_FLIGHT_RECORDING_MIB=1 "LD_PRELOAD=$work/fast_clock.so"
check "recorded from the start" await "$recording" '"recording":"ecs-agent flight recording"'
first=$(sed -n 2p "$recording") # the time of its first entry is its own
check "tasks run" tasks_run "$(run_tasks 2)"
# What its local server is asked is recorded as well.
curl --silent --output /dev/null 'http://localhost:51678/v1/tasks?[1-1000]'
check "a segment that is full ends, and the next one follows later" await "$recording" \
    '^{"end":"the segment is full, the next one follows later"}'
check "it keeps its bound" sizes_fit
check "after a while it follows" await "$recording.1" '^{"end":"the segment is full' 60
check "by the same process" kill -0 "$agent_pid"

check "switched off by a signal" switch_off
unseen=$(run_tasks 1)
check "a task runs that is not recorded" tasks_run "$unseen"
check "not a line of it" lacks "$recording" "$unseen"
check "switched on by a signal, with a new segment" switch_on
check "which has the task in its state" await "$recording" "$unseen"
check "and a third one" test -e "$recording.2"
seen=$(run_tasks 1)
check "a task runs that is recorded" tasks_run "$seen"
for round in 1 2; do
    check "off again ($round)" switch_off
    check "on again ($round)" switch_on
done
check "four segments" test -e "$recording.3" -a ! -e "$recording.4"
check "the oldest made room" made_room
check "all are the owner's alone" test -z "$(find "$ring" -name 'flight.rec*' ! -perm 600)"
check "still the same process" kill -0 "$agent_pid"
check "no container was made twice" lacks "$work/serve.log" violation
ecs stop-task --task "$seen" >/dev/null
check "the task of before is stopped by the new core" ecs wait tasks-stopped --tasks "$seen"
stop "$agent_pid"
check "the agent ends in order" test $? -eq 0

start_agent "$work/crash.log" "ECS_FLIGHT_RECORDING=$work/crash.rec"
check "another agent" await "$work/crash.log" 'Established a connection to ACS'
curl --silent --output /dev/null 'http://localhost:51678/v1/tasks?the-last-words'
kill -SEGV "$agent_pid"
wait "$agent_pid"
check "a crash is a crash" test $? -eq 139
check "what it was told last is in the recording" has "the-last-words" "$work/crash.rec"
check "which replays" has "no divergence in [1-9]" <("$harness" replay "$work/crash.rec")
stop "$serve_pid"

check "all segments keep their bound" sizes_fit
check "no secret is in them" lacks <(cat "$ring"/*) "$AWS_SECRET_ACCESS_KEY|secret-of-role|token-of-role"
check "the whole ring replays" "$harness" replay "$ring"/*
for segment in "$ring"/*; do
    check "and alone: $(basename "$segment")" has "no divergence in [1-9]" <("$harness" replay "$segment")
done
check "the newest to the agent's end" has "to the agent's end" <("$harness" replay "$recording")
"$harness" export "$ring"/* >"$work/ring.yaml"
check "the ring is one scenario" "$harness" check "$work/ring.yaml"
check "which says what it lacks" has '^# not in here: what the agent did while it recorded nothing' "$work/ring.yaml"
check "and starts its agent three times more" test "$(grep -c 'agent.start:' "$work/ring.yaml")" -eq 3
finish
