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

# ---- what is wrong with a request, in the words of the service (API-F01, API-F03) ----
register() { # OPTION...
    ecs register-container-instance --cluster default --instance-identity-document "${document:-{\}}" \
        --instance-identity-document-signature c2ln --total-resources "$resources" \
        --query containerInstance.containerInstanceArn --output text "$@"
}
document='{"instanceType":"t2.micro"}'
check "an unknown instance" refused 'ClientException.*not active or unknown' register --container-instance-arn nonsense
check "an instance of a type" told "arn:aws:ecs:us-west-2:111122223333:container-instance/ci-2" register
document='{"instanceType":"m5.large"}'
check "keeps it" refused 'InvalidParameterException.*Container instance type changes are not supported' \
    register --container-instance-arn arn:aws:ecs:us-west-2:111122223333:container-instance/ci-2
all_resources=$resources
resources='[{"name":"CPU","type":"INTEGER","integerValue":-1}]'
check "a resource below nothing" refused 'InvalidParameterException.*at least 0' register
resources='[{"name":"CPU","type":"INTEGER","integerValue":1}]'
check "resources that are not all" refused 'InvalidParameterException.*each once' register
resources=$all_resources
check "a cluster's name" refused InvalidParameterException ecs create-cluster --cluster-name 'a b'
check "a status that is none" refused 'InvalidParameterException.*Unknown status' \
    ecs submit-task-state-change --cluster default --task t2 --status GONE
check "a container of no task" refused 'InvalidParameterException.*member task is missing' \
    ecs submit-container-state-change --cluster default --container-name app --status RUNNING
check "a port that is none" refused 'InvalidParameterException.*a binding needs' ecs submit-container-state-change \
    --cluster default --task t2 --container-name app --status RUNNING \
    --network-bindings bindIP=0.0.0.0,containerPort=80,hostPort=70000,protocol=tcp

# ---- each way to sign wrongly, with its reason ----
signs() { # NAME=VALUE... -- AWS-ARGUMENT...
    local env=()
    while [ "$1" != -- ]; do env+=("$1"); shift; done
    shift
    env "${env[@]}" aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"
}
check "another secret" refused 'InvalidSignatureException.*no usual mistake explains it.*canonical request [0-9a-f]\{64\}' \
    signs AWS_SECRET_ACCESS_KEY=wrong -- ecs list-clusters
check "another region" refused 'InvalidSignatureException.*signed for region eu-west-1, not us-west-2' \
    signs AWS_DEFAULT_REGION=eu-west-1 -- ecs list-clusters
check "another service" refused 'InvalidSignatureException.*signed for service ecr, not ecs' \
    signs A=b -- ecr describe-repositories
check "keys that nobody has" refused 'UnrecognizedClientException.*unknown access key id AKIDSTRANGER' \
    signs AWS_ACCESS_KEY_ID=AKIDSTRANGER -- ecs list-clusters
check "a token too many" refused 'UnrecognizedClientException.*but the credentials are permanent' \
    signs AWS_SESSION_TOKEN=none -- ecs list-clusters
check "no signature" refused 'MissingAuthenticationTokenException.*no Authorization header' \
    signs A=b -- --no-sign-request ecs list-clusters

# ---- ECR (DKR-F06) ----
ecr() {
    aws --endpoint-url "$AWS_ENDPOINT_URL_ECR" ecr "$@"
}
check "a login for a registry" told "https://123.dkr.ecr.us-west-2.amazonaws.com AWS:ecr-password" bash -c "
    aws --endpoint-url $AWS_ENDPOINT_URL_ECR ecr get-authorization-token --registry-ids 123 --output text \
        --query 'authorizationData[0].[proxyEndpoint, authorizationToken]' | (read -r a b; echo \$a \$(echo \$b | base64 -d))"
check "its password for docker login" told ecr-password ecr get-login-password
check "an end in twelve hours" told True bash -c "
    end=\$(aws --endpoint-url $AWS_ENDPOINT_URL_ECR ecr get-authorization-token --query 'authorizationData[0].expiresAt' --output text)
    [[ \$end == *T* ]] || end=@\$end # version 1 of the CLI
    left=\$((\$(date -d \"\$end\" +%s) - \$(date +%s))); [ \$left -gt 43100 ] && [ \$left -le 43200 ] && echo True"
check "one for each registry" told 2 ecr get-authorization-token --registry-ids 123 456 --query 'length(authorizationData)'
check "nothing else" refused UnknownOperationException ecr describe-repositories
check "a wrong secret there" refused InvalidSignatureException env AWS_SECRET_ACCESS_KEY=wrong \
    aws --endpoint-url "$AWS_ENDPOINT_URL_ECR" ecr get-authorization-token

# ---- EC2 metadata: the CLI's own client fetches a token and the role's keys, and signs with them (EC2-F01) ----
metadata=$(sed -n 's/^# agent: AWS_EC2_METADATA_SERVICE_ENDPOINT=//p' "$work/serve.out")
by_role() {
    env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY -u AWS_EC2_METADATA_DISABLED HOME="$work" \
        AWS_EC2_METADATA_SERVICE_ENDPOINT="$metadata" aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"
}
check "keys of the instance's role sign" told "arn:aws:ecs:us-west-2:111122223333:cluster/blue" \
    by_role ecs list-clusters --query 'sort(clusterArns)[0]' --output text
check "with a token of version 2" grep -q '"event":"token","fields":{"status":200}' "$work/events.jsonl"
stop "$serve_pid"

# ---- failures on demand (API-F02) ----
serve --no-agent --fail 'CreateCluster=throttling:1,DiscoverPollEndpoint=server:1,Submit*=client:1,ListClusters=expired:1'
once() {
    env AWS_MAX_ATTEMPTS=1 aws --endpoint-url "$AWS_ENDPOINT_URL" ecs "$@"
}
check "throttled" refused 'ThrottlingException.*Rate exceeded' once create-cluster
check "and not again" told default once create-cluster --query cluster.clusterName --output text
check "out of order" refused 'ServerException\|(500)' once discover-poll-endpoint --cluster default --container-instance ci
check "a definite refusal" refused ClientException once submit-task-state-change --cluster default --task t --status RUNNING
check "keys that ended" refused ExpiredTokenException once list-clusters
stop "$serve_pid"
serve --no-agent --fail 'CreateCluster=throttling:2'
check "the CLI waits and asks a third time" told default ecs create-cluster --query cluster.clusterName --output text
check "as the fake saw it" told 2 grep -c '"event":"CreateCluster.failed"' "$work/events.jsonl"
stop "$serve_pid"
check "a failure that does not exist is refused" refused 'fail takes' "$harness" serve --no-agent --port 0 --fail nonsense
finish
