#!/usr/bin/env bash
# in-netns.sh COMMAND [ARGUMENT...]: run a command in a network namespace of its own, as root.
#
# Nothing in there can reach the network of this machine. The loopback also owns the two addresses that
# agents and containers know by heart, 169.254.169.254 (instance metadata) and 169.254.170.2 (task
# credentials): they lead to whatever the test itself serves there. Bridges, firewall rules and
# published ports of a Docker daemon started inside go away with the last process.
set -eu

if [ $# -eq 0 ]; then
    echo "usage: in-netns.sh COMMAND [ARGUMENT...]" >&2
    exit 2
fi
if [ "$(id -u)" != 0 ]; then
    echo "in-netns.sh: must run as root" >&2
    exit 2
fi
# shellcheck disable=SC2016
exec unshare --net -- bash -euc '
    ip link set lo up
    # Local ports of agents and registries are not for connections.
    echo 51670-51680 >/proc/sys/net/ipv4/ip_local_reserved_ports
    ip address add 169.254.169.254/32 dev lo
    ip address add 169.254.170.2/32 dev lo
    exec "$@"' in-netns "$@"
