#!/usr/bin/env bash
# A real forward proxy (tinyproxy), with and without authentication, and one whose answer to CONNECT dribbles:
# the ECS API, ACS and telemetry go through it; metadata and Docker never do (API-103, API-F05, EC2-109, L-11, WS-120, WS-121, WS-122, WS-123, WS-124, WS-125,
# WS-313).
set -u
. "$(dirname "$0")/lib.sh"
needs tinyproxy tinyproxy
needs python3 python3
needs openssl openssl

proxy() { # PORT LINE...: a tinyproxy, its log in $work/proxy-PORT.log
    local port=$1
    printf '%s\n' "Port $port" "Listen 10.9.8.7" "Timeout 600" "LogFile \"$work/proxy-$port.log\"" "LogLevel Connect" \
        "MaxClients 20" "${@:2}" >"$work/proxy-$port.conf"
    tinyproxy -d -c "$work/proxy-$port.conf" >/dev/null 2>&1 &
    pids+=($!)
    listens "$port" || exit 1
}
tcs_connects() {
    grep -c '"lane":"tcs","event":"connect"' "$work/events.jsonl"
}
one_more_tcs() {
    [ "$(tcs_connects)" -gt "$connects" ]
}
all_three() { # LOG: registered, ACS and telemetry stand
    await "$1" 'registered container instance' && await "$1" 'Established a connection to ACS' &&
        until_true one_more_tcs
}
agent_with() { # LOG NAME=VALUE...
    connects=$(tcs_connects)
    start_agent "$@" HTTP_PROXY= HTTPS_PROXY= "${@:2}"
}

proxy 3128
proxy 3129 "BasicAuth someone s3cret"
serve --no-agent
metadata=$(sed -n 's/.*AWS_EC2_METADATA_SERVICE_ENDPOINT=http:\/\/peers.test:\([0-9]*\).*/\1/p' "$work/serve.out")
api=$(sed -n 's/^export AWS_ENDPOINT_URL=http:\/\/peers.test:\([0-9]*\).*/\1/p' "$work/serve.out")

agent_with "$work/open.log" HTTP_PROXY=http://peers.test:3128 HTTPS_PROXY=http://peers.test:3128
check "API, ACS and telemetry through a proxy" all_three "$work/open.log"
check "the proxy carried the API" await "$work/proxy-3128.log" "POST http://peers.test:$api/"
check "and two tunnels" test "$(grep -c 'CONNECT peers.test' "$work/proxy-3128.log")" -ge 2
check "but no question for metadata" lacks "$work/proxy-3128.log" "peers.test:$metadata|security-credentials|api/token"
check "nor anything of Docker" lacks "$work/proxy-3128.log" 'docker|/containers/|/version'
stop "$agent_pid"

agent_with "$work/auth.log" HTTP_PROXY=http://someone:s3cret@peers.test:3129 \
    HTTPS_PROXY=http://someone:s3cret@peers.test:3129
check "and through one that wants a password" all_three "$work/auth.log"
check "which stands in no log" lacks "$work/auth.log" s3cret
stop "$agent_pid"

agent_with "$work/refused.log" HTTPS_PROXY=http://someone:wrong@peers.test:3129
check "a refused tunnel is told by its line" await "$work/refused.log" \
    'Error connecting to ACS: proxy: 40[0-9] .*(Authentication|Unauthorized)'
check "and nothing goes around the proxy" lacks "$work/refused.log" 'Established a connection'
stop "$agent_pid"

lines=$(wc -l <"$work/proxy-3128.log")
agent_with "$work/direct.log" HTTP_PROXY=http://peers.test:3128 HTTPS_PROXY=http://peers.test:3128 NO_PROXY=.peers.test
check "NO_PROXY keeps all of it from the proxy" all_three "$work/direct.log"
check "not one line of which it saw" test "$(wc -l <"$work/proxy-3128.log")" -eq "$lines"
stop "$agent_pid"

python3 "$(dirname "$0")/slow_proxy.py" 10.9.8.7 3130 2>"$work/slow.log" &
pids+=($!)
await "$work/slow.log" ready || exit 1
agent_with "$work/slow-agent.log" HTTPS_PROXY=http://peers.test:3130
check "an answer to CONNECT that comes byte by byte" all_three "$work/slow-agent.log"
check "for both tunnels" test "$(grep -c CONNECT "$work/slow.log")" -ge 2
stop "$agent_pid"

# WS-123: a proxy that is spoken to by TLS: its certificate counts, and the servers' inside the tunnel.
make_ca
make_cert good peers.test "$(day '-2 days')" "$(day '+5 days')"
python3 "$(dirname "$0")/slow_proxy.py" 10.9.8.7 3131 "$work/good.pem" "$work/good.key" 2>"$work/tls-proxy.log" &
pids+=($!)
await "$work/tls-proxy.log" ready || exit 1
cat "$(sed -n 's/^# agent: SSL_CERT_FILE=//p' "$work/serve.out")" "$work/ca.pem" >"$work/both.pem"
agent_with "$work/tls-agent.log" HTTPS_PROXY=https://peers.test:3131 "SSL_CERT_FILE=$work/both.pem"
check "a proxy behind TLS" all_three "$work/tls-agent.log"
check "for both tunnels, too" test "$(grep -c CONNECT "$work/tls-proxy.log")" -ge 2
stop "$agent_pid"
agent_with "$work/untrusted.log" HTTPS_PROXY=https://peers.test:3131
check "whose certificate has to be trusted" await "$work/untrusted.log" \
    'Error connecting to ACS: proxy: TLS: certificate: '
stop "$agent_pid"
finish
