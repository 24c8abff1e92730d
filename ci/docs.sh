#!/usr/bin/env bash
# What the documents show is true: the reference of the scenario language and the agent's settings come from
# their tables, and the examples run. docs.sh --write renews them.
set -eu
cd "$(dirname "$0")/.."
guide=docs/SCENARIOS.md
operations=docs/OPERATIONS.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
build/harness reference >"$work/reference.md"
sed '/^## Reference$/,$d' "$guide" >"$work/guide.md"
build/ecs-agent -print-settings >"$work/settings.md"
sed '/^| variable | in the file/,$d' "$operations" >"$work/operations.md"
if [ "${1-}" = --write ]; then
    cat "$work/guide.md" "$work/reference.md" >"$guide"
    cat "$work/operations.md" "$work/settings.md" >"$operations"
    python3 tests/reference_tests.py --write
    ci/mutations.sh --write
    exit 0
fi
if ! diff <(sed -n '/^## Reference$/,$p' "$guide") "$work/reference.md" >"$work/diff"; then
    head -20 "$work/diff"
    echo "docs: the reference in $guide is not that of build/harness; run: make docs"
    exit 1
fi
if ! diff <(sed -n '/^| variable | in the file/,$p' "$operations") "$work/settings.md" >"$work/diff"; then
    head -20 "$work/diff"
    echo "docs: the settings in $operations are not those of build/ecs-agent; run: make docs"
    exit 1
fi
python3 tests/reference_tests.py
# The scenarios that the guides name are there, and each fault of the specification is in its table.
for document in "$guide" docs/FAULTS.md; do
    grep -o '`[a-zA-Z0-9/-]*\.yaml`' "$document" | tr -d '`' | while read -r scenario; do
        [ -f "scenarios/$scenario" ] ||
            { echo "docs: $document names scenarios/$scenario, which is not there"; exit 1; }
    done
done
python3 ci/faults.py
# The first YAML block of each document is a whole scenario.
for document in README.md $guide; do
    awk '/^```yaml$/ && !seen {seen = inside = 1; next} /^```$/ {inside = 0} inside' "$document" \
        >"$work/$(basename "$document" .md).yaml"
done
build/harness run "$work"
