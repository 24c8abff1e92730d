#!/usr/bin/env bash
# test_outside.sh: harness record between an agent and a real Docker daemon, with harness serve as the rest of its world:
# what is written down exports to a scenario that makes the same submissions. REFERENCE_AGENT=PATH records another
# agent as well. Needs root.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ "${1-}" != inside ]; then
    exec "$here/in-netns.sh" unshare --mount -- "$0" inside "$@"
fi
# shellcheck source=rig.sh
. "$here/rig.sh"
command -v aws >/dev/null || { echo "SKIPPED test_outside.sh: aws is missing (package awscli)"; exit 0; }
export AWS_PAGER="" AWS_EC2_METADATA_DISABLED=true
passed=0
pids=()

leave() {
    [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
    rig_stop
}
trap leave EXIT

check() { # WHAT COMMAND...
    "${@:2}" >"$dir/words" 2>&1 || { echo "FAILED   test_outside: $1"; cat "$dir/words"; exit 1; }
    passed=$((passed + 1))
}
lacks() { # FILE PATTERN
    ! grep -E -e "$2" "$1"
}
ecs() {
    aws --endpoint-url "$AWS_ENDPOINT_URL" ecs "$@"
}
run_task() { # FAMILY COMMAND: its ARN
    ecs register-task-definition --family "$1" --container-definitions \
        "[{\"name\":\"app\",\"image\":\"busybox\",\"memory\":32,\"cpu\":10,\"command\":[\"sh\",\"-c\",\"$2\"]}]" >/dev/null
    ecs run-task --task-definition "$1" --query 'tasks[0].taskArn' --output text
}
submitted() { # FILE: how often
    grep -cE 'ecs: (task|container) (RUNNING|STOPPED)' "$1"
}

# recorded NAME AGENT OPTION...
recorded() {
    local name=$1 path=$2 env=() recorder server long short
    shift 2
    "$harness" serve --no-agent --port 0 --address 10.9.8.7 --host peers.test -v >"$dir/serve.out" 2>"$dir/serve.log" &
    server=$!
    pids=("$server")
    await 10 "harness serve" grep -q '^# ready' "$dir/serve.out"
    eval "$(grep '^export ' "$dir/serve.out")"
    mapfile -t env < <(sed -n 's/^# agent: //p' "$dir/serve.out")
    env -i PATH="$PATH" "${env[@]}" "$harness" record --agent "$path" --out "$dir/$name.rec" --names peers.test \
        --docker "real=$dir/daemon/docker.sock" -- "$@" >"$dir/$name.log" 2>&1 &
    recorder=$!
    pids=("$server" "$recorder")
    await 20 "a session with ACS" grep -q 'connect session=' "$dir/serve.log" || { tail "$dir/$name.log"; exit 1; }
    long=$(run_task web "sleep 600")
    check "$name: a task runs" ecs wait tasks-running --tasks "$long"
    check "$name: on the real daemon" test -n "$(docker ps --quiet --filter "label=com.amazonaws.ecs.task-arn=$long")"
    short=$(run_task job "exit 7")
    check "$name: one ends by itself" ecs wait tasks-stopped --tasks "$short"
    ecs stop-task --task "$long" >/dev/null
    check "$name: one is stopped" ecs wait tasks-stopped --tasks "$long"
    check "$name: no rule of a fake was broken" lacks "$dir/serve.log" violation
    kill -TERM "$recorder"
    wait "$recorder"
    kill "$server"
    wait "$server" || true
    pids=()
    check "$name: no secret is in the recording" lacks "$dir/$name.rec" "$AWS_SECRET_ACCESS_KEY|secret-of-role|token-of-role"
    "$harness" export "$dir/$name.rec" >"$dir/$name.yaml"
    check "$name: of eight submissions at most, six at least" test "$(submitted "$dir/$name.yaml")" -ge 6 -a "$(submitted "$dir/$name.yaml")" -le 8
    check "$name: one with its code" grep -q 'container STOPPED, task: "job", container: "app", exitCode: 7' "$dir/$name.yaml"
    check "$name: it is a scenario" "$harness" check "$dir/$name.yaml"
    [ "$name" = ours ] || return 0 # v1.13.1 reports the end of a short task in its RUNNING; the export says so
    check "$name: played, it submits the same" lacks "$dir/$name.yaml" '^# not in here'
    check "$name: it plays" "$harness" run "$dir/$name.yaml"
}

# A name that no proxy rule takes for local.
printf '127.0.0.1 localhost\n10.9.8.7 peers.test\n' >"$dir/hosts"
mount --bind "$dir/hosts" /etc/hosts
ip address add 10.9.8.7/32 dev lo
rig_start
recorded ours "$(realpath "$here/../../build/ecs-agent")"
[ -z "${REFERENCE_AGENT:-}" ] || recorded reference "$REFERENCE_AGENT" -k
echo "$passed passed, 0 failed"
