#!/usr/bin/env python3
"""docs/FAULTS.md against section 0.2 of spec 08: each fault of the list has a row in its fake's table.

That the scenarios of a row are there and contain its piece is the business of
tests/unit/harness/scenario/test_faults.c, which reads them as the harness does.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SPEC = ROOT / "docs/spec/08-field-bugs.md"
TABLE = ROOT / "docs/FAULTS.md"


def phrases(cell):
    """The single faults of a cell: parts between semicolons and commas; "event stream: clean EOF, drop" is
    "event stream: clean EOF" and "event stream: drop". What stands in front of a list is a fault, too, when the
    list is of places ("per endpoint and container")."""
    for part in cell.split(";"):
        head, colon, rest = part.strip().partition(": ")
        place = colon and head.startswith("per ")
        if place:
            yield head
        for item in (rest if colon else part).split(", "):
            item = re.sub(r"^(before/after|`KILL` at a named point: before/after) ", "", item.strip())
            if item:
                yield f"{head}: {item}" if colon and not place and not head.startswith("`KILL`") else item


def rows(heading):
    text = TABLE.read_text()
    section = re.search(rf"^## {re.escape(heading)}.*?$(.*?)(?=^## |\Z)", text, re.M | re.S)
    return {line.split(" | ")[0].lstrip("| ").strip() for line in section.group(1).splitlines()
            if line.startswith("| ")} if section else set()


def main():
    section = re.search(r"^### 0\.2 .*?$(.*?)(?=^---$)", SPEC.read_text(), re.M | re.S).group(1)
    missing, seen = [], 0
    for line in section.splitlines():
        cells = re.match(r"\| (D|E|A, T|M|Disk|Process) \| (.*) \|$", line)
        if cells:
            have = rows(cells.group(1))
            want = list(phrases(cells.group(2)))
            seen += len(want)
            missing += [f"{cells.group(1)}: {fault}" for fault in want if fault not in have]
    for fault in missing:
        print(f"docs: {TABLE.name} has no row for this fault of {SPEC.name}: {fault}")
    if not seen:
        print(f"docs: {SPEC.name} has no list of faults in section 0.2 any more")
    return 1 if missing or not seen else 0


if __name__ == "__main__":
    sys.exit(main())
