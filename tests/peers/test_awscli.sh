#!/usr/bin/env bash
# The AWS SDK's own view of ECS: the AWS CLI against the fake ECS API, every request of it signed by the SDK and
# verified by the fake (API-F01); and `harness serve`, a task's whole life by the CLI, run by the shipped agent.
set -u
. "$(dirname "$0")/lib.sh"
needs aws awscli

ecs() {
    aws --endpoint-url "$AWS_ENDPOINT_URL" ecs "$@"
}
told() { # WANTED COMMAND...: the command prints exactly this
    local got
    got=$("${@:2}") || return 1
    [ "$got" = "$1" ] || { echo "want: $1"; echo "have: $got"; return 1; }
}
refused() { # TEXT COMMAND...: the command fails and says so
    ! "${@:2}" >"$work/refused" 2>&1 && grep -q -e "$1" "$work/refused" || { cat "$work/refused"; return 1; }
}

# ---- a task by the CLI ----
serve
await "$work/serve.log" 'connect session=1' || exit 1
cat >"$work/definition.json" <<'JSON'
{"family": "web", "volumes": [{"name": "scratch"}],
 "containerDefinitions": [{"name": "app", "image": "busybox", "memory": 32, "cpu": 10, "essential": true,
   "command": ["sleep", "600"], "environment": [{"name": "A", "value": "1"}],
   "mountPoints": [{"sourceVolume": "scratch", "containerPath": "/scratch"}],
   "portMappings": [{"containerPort": 80}]}]}
JSON
check "a task definition is registered" told "arn:aws:ecs:us-west-2:111122223333:task-definition/web:1" \
    ecs register-task-definition --cli-input-json "file://$work/definition.json" \
    --query taskDefinition.taskDefinitionArn --output text
check "and told again" told "sleep 600" ecs describe-task-definition --task-definition web \
    --query 'join(`" "`, taskDefinition.containerDefinitions[0].command)' --output text
instance=$(ecs list-container-instances --query 'containerInstanceArns[0]' --output text)
check "the agent is an instance with its resources" told "True CPU" ecs describe-container-instances \
    --container-instances "$instance" --output text \
    --query 'containerInstances[0] | join(`" "`, [agentConnected && `"True"` || `"False"`, registeredResources[0].name])'
task=$(ecs run-task --task-definition web --started-by peers --query 'tasks[0].taskArn' --output text \
    --overrides '{"containerOverrides":[{"name":"app","command":["sleep","700"],"environment":[{"name":"A","value":"2"}]}]}')
check "run-task starts it" ecs wait tasks-running --tasks "$task"
check "with its port" told "80 tcp" ecs describe-tasks --tasks "$task" --output text \
    --query 'tasks[0].containers[0].networkBindings[0] | join(`" "`, [to_string(containerPort), protocol])'
check "list-tasks names it" told "$task" ecs list-tasks --started-by peers --query 'taskArns[0]' --output text
check "stop-task stops it" ecs stop-task --task "$task" --reason enough
check "to the end" ecs wait tasks-stopped --tasks "$task"
check "as told by the agent" told "STOPPED enough 0" ecs describe-tasks --tasks "$task" --output text \
    --query 'tasks[0] | join(`" "`, [lastStatus, stoppedReason, to_string(containers[0].exitCode)])'
check "an unknown task is a failure, not an error" told MISSING ecs describe-tasks --tasks nonsense \
    --query 'failures[0].reason' --output text
check "an unknown definition is refused" refused ClientException ecs run-task --task-definition nonsense
check "a wrong secret is refused" refused InvalidSignatureException env AWS_SECRET_ACCESS_KEY=wrong \
    aws --endpoint-url "$AWS_ENDPOINT_URL" ecs list-clusters
check "no rule was broken but by the wrong secret" told 1 grep -c violation "$work/serve.log"
stop "$serve_pid"
check "serve ends with its agent, in order" grep -q 'the agent ended with 0' "$work/serve.log"

# ---- the operations of an agent, by the CLI ----
serve --no-agent
resources='[{"name":"CPU","type":"INTEGER","integerValue":1024},{"name":"MEMORY","type":"INTEGER","integerValue":512},
 {"name":"PORTS","type":"STRINGSET","stringSetValue":["22"]},{"name":"PORTS_UDP","type":"STRINGSET","stringSetValue":[]}]'
check "register-container-instance" told "arn:aws:ecs:us-west-2:111122223333:container-instance/ci-1" \
    ecs register-container-instance --cluster default --instance-identity-document '{}' \
    --instance-identity-document-signature c2ln --total-resources "$resources" \
    --query containerInstance.containerInstanceArn --output text
check "discover-poll-endpoint" told "True True" ecs discover-poll-endpoint --cluster default \
    --container-instance ci-1 --output text \
    --query '[starts_with(endpoint, `"https://peers.test:"`), starts_with(telemetryEndpoint, `"https://peers.test:"`)] | [?@] | length(@) == `2` && `"True True"`'
check "submit-container-state-change" told ACK ecs submit-container-state-change --cluster default --task t1 \
    --container-name app --status STOPPED --exit-code 3 --reason done \
    --network-bindings bindIP=0.0.0.0,containerPort=80,hostPort=32768,protocol=tcp --query acknowledgment --output text
check "submit-task-state-change" told ACK ecs submit-task-state-change --cluster default --task t1 --status STOPPED \
    --reason done --query acknowledgment --output text
check "create-cluster" told blue ecs create-cluster --cluster-name blue --query cluster.clusterName --output text
check "an unknown cluster" refused ClusterNotFoundException ecs discover-poll-endpoint --cluster nowhere \
    --container-instance ci-1
check "an operation that nobody has" refused UnknownOperationException ecs list-services
finish
