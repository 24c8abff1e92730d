#!/usr/bin/env bash
# The websocket client against a server that is not ours: the npm package `ws` (Debian: node-ws), over TLS
# (WS-110, WS-130, WS-131, WS-140, WS-141, WS-143, WS-145, WS-146, WS-147, WS-313).
set -u
. "$(dirname "$0")/lib.sh"
needs node nodejs
needs openssl openssl
export NODE_PATH=/usr/share/nodejs${NODE_PATH:+:$NODE_PATH}
node -e 'require("ws")' 2>/dev/null || { echo "SKIPPED $(basename "$0"): no ws for node (package node-ws)"; exit 0; }

make_ca
make_cert good peers.test "$(day '-2 days')" "$(day '+5 days')"
node "$(dirname "$0")/ws_server.js" 10.9.8.7 5443 "$work/good.pem" "$work/good.key" >"$work/ws.log" 2>&1 &
pids+=($!)
await "$work/ws.log" ready || exit 1
serve --no-agent --acs https://peers.test:5443/prefix
start_agent "$work/agent-ws.log" "SSL_CERT_FILE=$work/ca.pem" ECS_DISABLE_METRICS=true
await "$work/ws.log" '^last' 30
stop "$agent_pid"
check "the agent ends in order" test $? -eq 0
await "$work/ws.log" '^end'
checks_of "$work/ws.log"
check "the script was played to its end" grep -q '^end' "$work/ws.log"
check "a refusal's late body is read" await "$work/agent-ws.log" 'InvalidClusterException: no such cluster'
check "an end without close is named" await "$work/agent-ws.log" 'backing off, err: unexpected EOF'
check "a broken frame too" await "$work/agent-ws.log" 'backing off, err: websocket: masked frame from the server'
check "a close code too" await "$work/agent-ws.log" 'backing off, err: websocket: close 1011 internal'
finish
