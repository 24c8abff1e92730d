#!/usr/bin/env bash
# harness record: an agent behind its recorder, peers behind TLS under a name of their own (harness serve), a task by
# the AWS CLI. What was written down is checked, exported, and the exported scenario makes the same submissions.
# REFERENCE_AGENT=PATH records another agent as well.
set -u
. "$(dirname "$0")/lib.sh"
needs aws awscli

ecs() {
    aws --endpoint-url "$AWS_ENDPOINT_URL" ecs "$@"
}

# recorded NAME AGENT OPTION...: one task from its start to its end.
recorded() {
    local name=$1 path=$2 env=() task recording=$work/$1.rec
    shift 2
    serve --no-agent
    mapfile -t env < <(sed -n 's/^# agent: //p' "$work/serve.out")
    env -i PATH="$PATH" "${env[@]}" "$harness" record --agent "$path" --out "$recording" --names peers.test -- "$@" \
        >"$work/$name.log" 2>&1 &
    local recorder=$!
    pids+=("$recorder")
    await "$work/serve.log" 'connect session=' || tail -5 "$work/$name.log"
    ecs register-task-definition --family web --container-definitions \
        '[{"name":"app","image":"busybox","memory":32,"cpu":10,"command":["sleep","600"]}]' >/dev/null
    task=$(ecs run-task --task-definition web --query 'tasks[0].taskArn' --output text)
    check "$name: a task runs behind the recorder" ecs wait tasks-running --tasks "$task"
    ecs stop-task --task "$task" >/dev/null
    check "$name: and ends" ecs wait tasks-stopped --tasks "$task"
    check "$name: no rule of a fake was broken" lacks "$work/serve.log" violation
    kill -TERM "$recorder"
    wait "$recorder"
    check "$name: SIGTERM reaches the agent, its exit code comes back" test $? -eq 0
    stop "$serve_pid"
    for party in docker ecs acs tcs; do
        check "$name: $party is in the recording" grep -q "\"party\":\"$party\"" "$recording"
    done
    check "$name: no secret is" lacks "$recording" "$AWS_SECRET_ACCESS_KEY|secret-of-role|token-of-role"
    check "$name: replay says that there is no core" grep -q 'recorded from outside' <("$harness" replay "$recording")
    "$harness" export "$recording" >"$work/$name.yaml"
    check "$name: export makes a scenario" "$harness" check "$work/$name.yaml"
    check "$name: of four submissions" test "$(grep -cE 'ecs: (task|container) (RUNNING|STOPPED)' "$work/$name.yaml")" -eq 4
    check "$name: that plays" "$harness" run "$work/$name.yaml"
}

recorded ours "$agent"
check "ours: and metadata" grep -q '"party":"metadata"' "$work/ours.rec" # v1.13.1 has the address hard-wired
[ -z "${REFERENCE_AGENT:-}" ] || recorded reference "$REFERENCE_AGENT" -k
check "an agent that is not there" grep -q 'No such file' <("$harness" record --agent /nowhere --out "$work/none.rec" 2>&1)
finish
