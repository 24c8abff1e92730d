#!/usr/bin/env bash
# Exploration finds every deliberate defect, and the table in docs/EXPLORATION.md is what it takes; the agent that
# is delivered has no mutations in it. mutations.sh --write renews the table.
set -eu
cd "$(dirname "$0")/.."
document=docs/EXPLORATION.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if nm build/ecs-agent | grep eca_mutation; then
    echo "FAILED   build/ecs-agent has mutations"
    echo "0 passed, 1 failed"
    exit 1
fi
build/harness mutations >"$work/out" || { cat "$work/out"; exit 1; }
# The columns as hns_mutations prints them.
awk 'BEGIN {print "| deliberate defect | seeds needed | verdict |\n|---|---|---|"}
     NR > 1 && /^[a-z]/ && substr($0, 40, 6) ~ /^ *[0-9]+$/ {
         name = substr($0, 1, 38); seeds = substr($0, 40, 6); verdict = substr($0, 48, 12)
         sub(/ +$/, "", name); sub(/^ +/, "", seeds); sub(/ +$/, "", verdict)
         print "| " name " | " seeds " | " verdict " |"
     }' "$work/out" >"$work/table"
shown() { sed -n '/^| deliberate defect |/,/^$/p' "$document" | sed '/^$/d'; }
if [ "${1-}" = --write ]; then
    awk -v table="$work/table" '/^\| deliberate defect \|/ {while ((getline line < table) > 0) print line; inside = 1}
         !/^\|/ {inside = 0} !inside' "$document" >"$work/document"
    cat "$work/document" >"$document"
    exit 0
fi
if ! diff <(shown) "$work/table"; then
    echo "FAILED   the table of mutations in $document is not that of build/harness; run: make docs"
    echo "0 passed, 1 failed"
    exit 1
fi
cat "$work/out"
