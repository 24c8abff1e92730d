#!/usr/bin/env bash
# test_scenarios.sh FILE... | --queue FILE: scenarios in front of a real Docker daemon: our agent as a process
# of its own, the services faked. A queue is a file with one scenario a line, from which several of these
# scripts side by side take the first. Needs root.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ "${1-}" != inside ]; then
    exec "$here/in-netns.sh" "$0" inside "$@"
fi
shift
# shellcheck source=rig.sh
. "$here/rig.sh"

# take: the first line of the queue, which has one line less then; fails when it is empty
take() {
    (
        flock 9
        head -n 1 "$queue" | grep . && sed -i 1d "$queue"
    ) 9>"$queue.lock"
}

status=0
play_one() {
    is_fit "$1" || return 0
    case $1 in
    *-figures.yaml) # samples: a busy daemon leaves some out; a wrong sum is wrong twice
        if play "$1" >"$dir/figures.txt" 2>&1; then
            cat "$dir/figures.txt"
            return 0
        fi
        echo "measured once more:"
        grep -E '% off' "$dir/figures.txt" || true
        ;;
    esac
    play "$1" || status=1
}

rig_start
if [ "${1-}" = --queue ]; then
    queue=$2
    while file=$(take); do play_one "$file"; done
else
    for file in "$@"; do play_one "$file"; done
fi
exit $status
