#!/usr/bin/env bash
# A failure planted in a run of 500 steps shrinks to fewer than 15, within a minute.
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
before=$(grep -c '^  - ' "$folder/planted.yaml")
begin=$(date +%s)
build/harness shrink "$folder/planted.yaml"
took=$(($(date +%s) - begin))
after=$(sed -n '/^timeline:/,/^never:/p' "$folder/planted.min.yaml" | grep -c '^  - ')
echo "$before steps became $after in $took s"
[ "$after" -lt 15 ] && [ "$took" -le "${LIMIT_S:-60}" ] && ! build/harness run "$folder/planted.min.yaml" >/dev/null && echo "1 passed, 0 failed" && exit 0
echo "FAILED   a planted failure does not shrink enough: $after steps, $took s"
echo "0 passed, 1 failed"
exit 1
