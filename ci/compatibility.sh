#!/usr/bin/env bash
# compatibility.sh AGENT: plays every live scenario with another agent and writes docs/COMPATIBILITY.md.
set -eu
cd "$(dirname "$0")/.."
[ $# = 1 ] || { echo "usage: ci/compatibility.sh PATH-OF-AN-AGENT" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
build/harness run --live --agent "$1" --json "$work/results" scenarios >"$work/words" || true
exec python3 ci/compatibility.py "$work/results" docs/COMPATIBILITY.md
