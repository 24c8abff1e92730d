#!/usr/bin/env python3
"""docs/COMPATIBILITY.md from the results of live runs of another agent, a file each (ci/compatibility.sh)."""
import json
import re
import sys
from pathlib import Path

HEAD = """# Compatibility

The unmodified amazon-ecs-agent v1.13.1 through the live scenarios: the proof that the fakes are faithful,
and the list of what it does wrong. Written by `ci/compatibility.sh PATH-OF-THAT-AGENT`.

It passes {passed} of the {played} runs that are played live; our agent passes all. {explained}
Where it is a race (FB-12, FB-21.5, FB-24.3) v1.13.1 passes at times.
One rule is let pass in every run: v1.13.1 offers gzip when it downloads an update (UPD-120).

| scenario | v1.13.1 | why | seen |
|---|---|---|---|
"""

SEEN_MAX = 160  # characters


EXPLAINED = """Each failure has its cause beside it:
a field bug ([spec 08](spec/08-field-bugs.md)), another requirement where v1.13.1 is wrong, or a feature that it does not
have. The last column is the first line of the failure itself."""


def why(result):
    """The scenario's own explanation."""
    if result["outcome"] != "failed":
        return ""
    return result.get("reference") or "**unexplained**"


def seen(result):
    """The first line of the failure: what the explanation is to be held against."""
    if result["outcome"] != "failed":
        return ""
    text = result["text"].splitlines()[0].split(": ", 1)[-1].replace("`", "'")
    return "`" + (text if len(text) <= SEEN_MAX else text[:SEEN_MAX] + "…") + "`"


def row(result):
    name = re.sub(r"^scenarios/|\.yaml$", "", result["file"])
    variant = re.search(r" (\[.*\])$", result["name"])
    cells = [name + (" " + variant[1] if variant else ""), result["outcome"], why(result), seen(result)]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def main(folder, guide):
    files = sorted(Path(folder).rglob("*.json"))
    results = [r for f in files for r in json.loads(f.read_text()) if r["outcome"] != "skipped"]
    passed = [r for r in results if r["outcome"] == "passed"]
    rows = [row(r) for r in results]
    unexplained = sum("**unexplained**" in line for line in rows)
    explained = EXPLAINED if unexplained == 0 else f"Of its failures {unexplained} are not explained yet."
    head = HEAD.format(passed=len(passed), played=len(results), explained=explained)
    Path(guide).write_text(head + "\n".join(rows) + "\n")
    print(f"{len(results)} played, {len(passed)} passed, {unexplained} failures unexplained")
    return 1 if unexplained else 0


sys.exit(main(*sys.argv[1:]))
