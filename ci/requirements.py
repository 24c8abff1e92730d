#!/usr/bin/env python3
"""Requirement IDs of docs/spec against the IDs that tests and scenarios name.

Prints the IDs without cover, a table per area with -v, and the totals. --fail-under N makes the exit
status non-zero when fewer than N IDs are covered, so that cover can only grow.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# An ID is defined where it stands in bold at a definition: "- **ENG-301** ..." or "| **CFG-301** | ...";
# field bugs are defined as "- FB-01.1 ..." and "- **FB-INV.1** ...".
DEFINED = re.compile(r"\*\*([A-Z][A-Z0-9]*-(?:[A-Z]*\d+[a-z]?|INV\.\d+))\*\*")
FIELD_BUG = re.compile(r"^- \**(FB-(?:\d\d|INV)\.\d+)\b", re.M)
NAMED = re.compile(r"\b([A-Z][A-Z0-9]*-(?:INV\.\d+|[A-Z]*\d+(?:\.\d+)?))(?:(?:\.\.\.?|…)(\d+))?")
# Areas that describe the fakes' duties and later wishes count, but are listed apart.
SOURCES = [("tests", (".c", ".h", ".py", ".sh")), ("scenarios", (".yaml", ".yml"))]


def defined():
    ids = {}
    for spec in sorted((ROOT / "docs/spec").glob("*.md")):
        text = spec.read_text()
        for line in text.splitlines():
            if "[NOT OURS]" in line:  # a thing that our design does not have; the spec says what instead
                continue
            for found in DEFINED.findall(line):
                ids.setdefault(found, spec.name)
        for found in FIELD_BUG.findall(text):
            ids.setdefault(found, spec.name)
    return ids


def named():
    ids = {}
    for folder, endings in SOURCES:
        for path in sorted((ROOT / folder).rglob("*")):
            if not path.is_file() or path.suffix not in endings:
                continue
            for match in NAMED.finditer(path.read_text(errors="replace")):
                first, last = match.groups()
                where = str(path.relative_to(ROOT))
                ids.setdefault(first, set()).add(where)
                if last:
                    head = re.match(r"(.*?)(\d+)$", first)
                    start, stop = int(head.group(2)), int(last)
                    if start < stop <= start + 60:
                        for number in range(start + 1, stop + 1):
                            name = head.group(1) + str(number).zfill(len(head.group(2)))
                            ids.setdefault(name, set()).add(where)
    return ids


def main():
    want, have = defined(), named()
    missing = [i for i in want if i not in have]
    later = [i for i in missing if re.search(r"-L\d|^L-\d", i)]
    open_ids = [i for i in missing if i not in later]
    by_area = {}
    for ident in want:
        area = ident.split("-")[0]
        covered, total = by_area.get(area, (0, 0))
        by_area[area] = (covered + (ident in have), total + 1)
    if "-v" in sys.argv:
        for ident in sorted(want):
            print(f"{ident:12} {want[ident]:36} {', '.join(sorted(have.get(ident, [])))}")
    print("without cover:")
    for area in sorted({i.split("-")[0] for i in open_ids}):
        print(" ", " ".join(i for i in open_ids if i.split("-")[0] == area))
    print("cover by area: " + ", ".join(f"{a} {c}/{t}" for a, (c, t) in sorted(by_area.items())))
    unknown = sorted(i for i in have if i.split("-")[0] in by_area and i not in want
                     and not re.search(r"\.\d+$", i) and f"{i}.1" not in want)
    if unknown:
        print("named but not defined: " + " ".join(unknown))
    covered = len(want) - len(missing)
    print(f"requirements: {covered} of {len(want)} covered, {len(open_ids)} open, {len(later)} later")
    if "--fail-under" in sys.argv:
        floor = int(sys.argv[sys.argv.index("--fail-under") + 1])
        if covered < floor:
            sys.exit(f"cover fell below {floor}")


main()
