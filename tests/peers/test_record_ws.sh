#!/usr/bin/env bash
# harness record between our agent and an ACS that is not ours: the npm package `ws` behind TLS, its certificate
# signed by an authority in the middle. Everything that server does with frames, ends and refusals comes through
# (the script of test_ws_server.sh); the rest of the control plane is harness serve.
# REFERENCE_AGENT=PATH records another agent as well.
set -u
. "$(dirname "$0")/lib.sh"
needs node nodejs
needs openssl openssl
export NODE_PATH=/usr/share/nodejs${NODE_PATH:+:$NODE_PATH}
node -e 'require("ws")' 2>/dev/null || { echo "SKIPPED $(basename "$0"): no ws for node (package node-ws)"; exit 0; }

# chain: root, an authority in the middle, and peers.test; the server sends the last two.
chain() {
    make_ca
    openssl req -newkey rsa:2048 -nodes -subj "/CN=peers test middle" -addext basicConstraints=critical,CA:TRUE \
        -keyout "$work/middle.key" -out "$work/middle.csr" 2>/dev/null
    openssl ca -batch -notext -config "$work/ca.cnf" -startdate "$(day '-2 days')" -enddate "$(day '+5 days')" \
        -in "$work/middle.csr" -out "$work/middle.pem" 2>/dev/null
    sed -e "s|^certificate = .*|certificate = $work/middle.pem|; s|^private_key = .*|private_key = $work/middle.key|" \
        "$work/ca.cnf" >"$work/root.cnf" && mv "$work/root.cnf" "$work/ca.cnf"
    make_cert good peers.test "$(day '-2 days')" "$(day '+5 days')"
    cat "$work/good.pem" "$work/middle.pem" >"$work/chain.pem"
}
chain
node "$(dirname "$0")/ws_server.js" 10.9.8.7 5443 "$work/chain.pem" "$work/good.key" >"$work/ws.log" 2>&1 &
pids+=($!)
await "$work/ws.log" ready || exit 1
serve --no-agent --acs https://peers.test:5443/prefix
mapfile -t env < <(sed -n 's/^# agent: //p' "$work/serve.out")
env -i PATH="$PATH" "${env[@]}" "SSL_CERT_FILE=$work/ca.pem" ECS_DISABLE_METRICS=true "$harness" record --agent "$agent" \
    --out "$work/ws.rec" --names peers.test >"$work/agent.log" 2>&1 &
recorder=$!
pids+=("$recorder")
await "$work/ws.log" '^last' 40
stop "$recorder"
check "the agent ends in order" test $? -eq 0
await "$work/ws.log" '^end'
checks_of "$work/ws.log" "through the recorder: "
check "the script was played to its end" grep -q '^end' "$work/ws.log"
check "a refusal's body comes through" await "$work/agent.log" 'InvalidClusterException: no such cluster'
check "an end without close too" await "$work/agent.log" 'backing off, err: unexpected EOF'
check "and a close code" await "$work/agent.log" 'backing off, err: websocket: close 1011 internal'
check "all sessions are in the recording" test "$(grep -c '"out":"channel.start".*"party":"acs"' "$work/ws.rec")" -ge 6
"$harness" export "$work/ws.rec" >"$work/ws.yaml"
check "export makes a scenario" "$harness" check "$work/ws.yaml"
check "with the refusal" grep -q 'acs.refuse: {times: 1, status: 400, body: .*no such cluster' "$work/ws.yaml"
check "and the close" grep -q 'acs.close: {code: 1011, reason: "internal"}' "$work/ws.yaml"
check "that plays" "$harness" run "$work/ws.yaml"
finish
