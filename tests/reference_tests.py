#!/usr/bin/env python3
"""The reference's tests and the scenarios that stand for them (NKT-401).

Every ID of parts B1 to B5 of docs/spec/07 has to stand in the `covers` of a scenario. docs/REFERENCE-TESTS.md
shows which; --write renews it. Exit code 1: an ID without scenario, or the table is not up to date.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SPEC = ROOT / "docs/spec/07-netkitten-and-reference-tests.md"
TABLE = ROOT / "docs/REFERENCE-TESTS.md"
ROW = re.compile(r"^\| \*\*(NKT-[2]\d\d)\*\* \| (\w+) \|", re.M)
COVERS = re.compile(r"^covers: \[?([^\]\n]*)", re.M)
REAL = re.compile(r"^real_docker: (true|only)", re.M)


def scenarios():
    """ID -> [(path, runs on a real daemon)]"""
    found = {}
    for path in sorted((ROOT / "scenarios").rglob("*.yaml")):
        text = path.read_text()
        covers = COVERS.search(text)
        for ident in re.findall(r"NKT-\d+", covers.group(1) if covers else ""):
            found.setdefault(ident, []).append((path.relative_to(ROOT), bool(REAL.search(text))))
    return found


def main():
    rows = ROW.findall(SPEC.read_text())
    found = scenarios()
    missing = [ident for ident, _ in rows if ident not in found]
    lines = ["# The reference's tests, and ours", "",
             "Made by `make docs` from the scenarios; the situations are in "
             "[spec 07](spec/07-netkitten-and-reference-tests.md). **Real**: also in front of a real Docker "
             "daemon (`tests/real-docker`).", "",
             "| ID | test of the reference | scenario | real |", "|---|---|---|---|"]
    for ident, test in rows:
        for path, real in found.get(ident, []):
            lines.append(f"| {ident} | {test} | [{path.parent.name}/{path.stem}](../{path}) | {'yes' if real else ''} |")
    text = "\n".join(lines) + "\n"
    if missing:
        sys.exit("reference tests: no scenario covers " + " ".join(missing))
    if "--write" in sys.argv:
        TABLE.write_text(text)
    elif not TABLE.exists() or TABLE.read_text() != text:
        sys.exit(f"reference tests: {TABLE.relative_to(ROOT)} is not up to date; run: make docs")
    else:
        print(f"reference tests: {len(rows)} of {len(rows)} have a scenario")


main()
