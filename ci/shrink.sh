#!/usr/bin/env bash
# A failure planted in a run of 500 steps, of either kind, shrinks to fewer than 15, within a minute, and stays the
# same: an event that must never come, a wrong value that an expectation meets.
set -eu
cd "$(dirname "$0")/.."
folder=build/test/shrink
mkdir -p "$folder"
python3 - >"$folder/planted.yaml" <<'END'
import random
random.seed(8)
print("name: A failure is planted\nmodes: [sim]\nreason: made by ci/shrink.sh\nlimits: {time: 9h, events: 200000}\nworld:\n"
      "  latency: 500us\n  docker:\n    images:\n      a: {pull_takes: 200ms}\n      b: {}\n  tasks:")
for i in range(40):
    print(f"    t{i}:\n      containers:\n        - {{name: c1, image: {'ab'[i % 2]}, command: [run]}}\n"
          f"        - {{name: c2, image: b, essential: false}}")
print("timeline:")
unsent = list(range(40))
random.shuffle(unsent)
sent, steps = [], 0
def step(text):
    global steps
    steps += 1
    print(f"  - {text}")
while steps < 500:
    kind = random.randrange(6)
    if kind == 0 and unsent:
        sent.append(unsent.pop())
        step(f"acs.send: t{sent[-1]}")
    elif kind == 1 and sent:
        step(f"docker.exit: {{container: t{random.choice(sent)}/c{random.randint(1, 2)}, code: {random.randrange(4)}, maybe: true}}")
    elif kind == 2:
        step(f"fault: {{kind: delay, party: docker, what: {random.choice(['start', 'stop', 'inspect'])}, delay: {random.randrange(900)}ms, times: 2}}")
    elif kind == 3:
        step(random.choice(["acs.cut:", "docker.end_stats:", "metadata.rotate:", "docker.events: end", "agent.restart:"]))
    else:
        step(f"advance: {random.randrange(50, 4000)}ms")
print("never:\n  - {ecs: container STOPPED, container: c2, exitCode: 3}")
END
python3 - >"$folder/expected.yaml" <<'END'
print("name: A wrong value is planted among steps that depend on each other\nmodes: [sim]\nreason: made by ci/shrink.sh\n"
      "limits: {time: 9h, events: 200000}\ntimeline:")
for i in range(125):
    print(f"  - acs.send: {{task: t{i}, containers: [{{name: a}}, {{name: b, essential: false}}]}}\n"
          f"  - expect: {{ecs: task RUNNING, task: t{i}, within: 60s}}\n"
          f"  - docker.exit: {{container: t{i}/b, code: {i}}}\n"
          f"  - expect: {{ecs: container STOPPED, task: t{i}, container: b, exitCode: {i + (i == 83)}, within: 60s}}")
END
passed=0 failed=0
check() { # scenario, what the failure says before and after
    local file=$folder/$1.yaml min=$folder/$1.min.yaml before begin took after
    rm -f "$min"
    before=$(grep -c '^  - ' "$file")
    begin=$(date +%s)
    build/harness shrink "$file"
    took=$(($(date +%s) - begin))
    after=$(sed -n '/^timeline:/,/^never:/p' "$min" | grep -c '^  - ')
    echo "$1: $before steps became $after in $took s"
    if [ "$after" -lt 15 ] && [ "$took" -le "${LIMIT_S:-60}" ] && ! build/harness run "$min" >"$folder/$1.txt" && grep -q "$2" "$folder/$1.txt"; then
        passed=$((passed + 1))
    else
        echo "FAILED   a planted failure does not shrink enough, or is another one: $after steps, $took s"
        failed=$((failed + 1))
    fi
}
check planted 'this must never happen, and did: ecs SubmitContainerStateChange'
check expected '^ *exitCode is 83, not 84$'
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
