#!/usr/bin/env bash
# openssl's own TLS server with a good, an expired, a not yet valid, a self-signed certificate and one of another
# name; and old versions of TLS. For the websocket of ACS and for the ECS API (WS-104, API-105).
set -u
. "$(dirname "$0")/lib.sh"
needs openssl openssl

make_ca
make_cert good peers.test "$(day '-2 days')" "$(day '+5 days')"
make_cert expired peers.test "$(day '-9 days')" "$(day '-2 days')"
make_cert early peers.test "$(day '+2 days')" "$(day '+9 days')"
make_cert other elsewhere.test "$(day '-2 days')" "$(day '+5 days')"
openssl req -x509 -newkey rsa:2048 -nodes -days 5 -subj /CN=peers.test -addext subjectAltName=DNS:peers.test \
    -keyout "$work/self.key" -out "$work/self.pem" 2>/dev/null

port=5001
server() { # CERTIFICATE OPTION...: sets $port
    port=$((port + 1))
    openssl s_server -quiet -accept "10.9.8.7:$port" -cert "$work/$1.pem" -key "$work/$1.key" "${@:2}" \
        >/dev/null 2>"$work/server-$port.log" &
    server_pid=$!
    pids+=($!)
    listens "$port" || exit 1
}
# expect WHAT ACS-PATTERN API-PATTERN CERTIFICATE OPTION...: both clients meet this server
expect() {
    server "$4" -www "${@:5}"
    serve --no-agent --acs "https://peers.test:$port/"
    start_agent "$work/acs.log" "SSL_CERT_FILE=$work/ca.pem" ECS_DISABLE_METRICS=true
    check "ACS: $1" await "$work/acs.log" "$2"
    check "ACS: $1: no session" lacks "$work/acs.log" 'Established a connection to ACS'
    stop "$agent_pid"
    stop "$server_pid"
    server "$4" -rev "${@:5}"
    start_agent "$work/api.log" "SSL_CERT_FILE=$work/ca.pem" "ECS_BACKEND_HOST=https://peers.test:$port"
    check "API: $1" await "$work/api.log" "$3"
    stop "$agent_pid"
    stop "$serve_pid"
    stop "$server_pid"
}

answered='Error connecting to ACS: HTTP status 200'
unusable='RequestError.*HTTP/0.9' # what that server says is no HTTP
expect "a good certificate" "$answered" "$unusable" good
expect "expired" 'Error connecting to ACS: TLS: certificate: certificate has expired' \
    'RequestError.*certificate has expired|RequestError.*certificate' expired
expect "not yet valid" 'Error connecting to ACS: TLS: certificate: certificate is not yet valid' \
    'RequestError.*certificate' early
expect "of another name" 'Error connecting to ACS: TLS: certificate: hostname mismatch' 'RequestError.*SSL' other
expect "self-signed" 'Error connecting to ACS: TLS: certificate: self-signed certificate' \
    'RequestError.*certificate' self
expect "TLS 1.1 at most" 'Error connecting to ACS: TLS: alert: protocol version' 'RequestError.*(SSL|TLS)' good -tls1_1 \
    -cipher 'ALL:@SECLEVEL=0'
expect "TLS 1.2" "$answered" "$unusable" good -tls1_2
agent_options=(-k)
expect "expired, with -k" "$answered" "$unusable" expired
expect "of another name, with -k" "$answered" "$unusable" other
expect "TLS 1.1 at most, with -k" 'Error connecting to ACS: TLS: alert: protocol version' 'RequestError.*(SSL|TLS)' good \
    -tls1_1 -cipher 'ALL:@SECLEVEL=0'
check "-k is said" await "$work/acs.log" '\[WARN\] SSL certificate verification disabled'
finish
