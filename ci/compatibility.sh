#!/usr/bin/env bash
# compatibility.sh AGENT [JOBS]: plays every live scenario with another agent and writes docs/COMPATIBILITY.md.
# Scenarios wait most of their time: several are played side by side, each in its own network namespace.
# UPD-120 is let pass: every download of v1.13.1 offers gzip.
set -eu
cd "$(dirname "$0")/.."
[ $# -ge 1 ] || { echo "usage: ci/compatibility.sh PATH-OF-AN-AGENT [JOBS]" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck disable=SC2016 # expanded by the inner shell
find scenarios -name '*.yaml' ! -name '_*' -print0 | sort -z |
    xargs -0 -n 1 -P "${2:-6}" sh -c '
        mkdir -p "$1/$(dirname "$2")"
        play() {
            timeout 300 build/harness run --live --agent "$1" --allow UPD-120 --json "$2/$3.json" "$3" >"$2/$3.words" 2>&1
        }
        # A failure that nothing explains may be a busy machine: once more.
        play "$0" "$1" "$2" || grep -q "^reference:" "$2" || play "$0" "$1" "$2" || true' "$1" "$work"
python3 ci/compatibility.py "$work" docs/COMPATIBILITY.md
