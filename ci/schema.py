#!/usr/bin/env python3
"""The JSON schema of the scenario language fits the scenarios that are there, and refuses common mistakes.

Usage: schema.py HARNESS. Needs python3-jsonschema and python3-yaml; without them it says so and checks nothing.
"""
import json
import pathlib
import subprocess
import sys

try:
    import jsonschema
    import yaml
except ImportError as missing:
    print(f"SKIPPED schema: {missing}; install python3-jsonschema and python3-yaml")
    sys.exit(0)

ROOT = pathlib.Path(__file__).resolve().parent.parent
HEAD = "name: x\ntimeline:\n"
GOOD = [
    HEAD + "  - agent.record: on\n",
    HEAD + '  - docker.kill: "${what}"\n  - fault: {kind: "${kind}", times: "${n}"}\n',
    "name: x\nreal_docker: true\ntimeline: []\n",
    "steps:\n  - say: x\n",
    "world: {}\n",
]
BAD = [
    "name: x\n",
    "timeline: []\n",
    "name: x\nworlld: {}\ntimeline: []\n",
    "name: x\nmatrix: {a: []}\ntimeline: []\n",
    "name: x\nreal_docker: maybe\ntimeline: []\n",
    HEAD + "  - {}\n",
    HEAD + "  - {say: x, advance: 1s}\n",
    HEAD + "  - acs.sned: web\n",
    HEAD + "  - fault: {kind: rset}\n",
    HEAD + "  - fault: rset\n",
    HEAD + "  - fault: {times: 1}\n",
    HEAD + "  - advance: soon\n",
    HEAD + "  - repeat: {times: many, steps: []}\n",
    HEAD + "  - expect: {dokcer: stop}\n",
    HEAD + "  - expect: {docker: strat}\n",
    HEAD + "  - expect: {docker: stop, contaner: web/main}\n",
    HEAD + "  - expect: {acs: connect, since: never}\n",
    HEAD + "  - expect: {ecs: task RUNING}\n",
    HEAD + "  - acs.cut: now\n",
    HEAD + "  - docker.exit: {code: 1}\n",
    HEAD + "  - acs.send: {task: a, containers: [{nam: main}]}\n",
    HEAD + "  - acs.send: {task: a, containers: [{image: b}]}\n",
    HEAD + "  - parallel: [{say: x}]\n",
    "name: x\ntimeline: []\nnever:\n  - {docker: strat}\n",
]


class Loader(yaml.SafeLoader):
    """As editors read a file: a date is text."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def main():
    schema = json.loads(subprocess.run([sys.argv[1], "schema"], check=True, capture_output=True).stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    failed = 0
    files = sorted(ROOT.glob("scenarios/**/*.yaml"))
    for name, text in [(str(f.relative_to(ROOT)), f.read_text()) for f in files] + [(t, t) for t in GOOD]:
        error = jsonschema.exceptions.best_match(validator.iter_errors(yaml.load(text, Loader)))
        if error is not None:
            failed += 1
            print(f"{name}: {'/'.join(map(str, error.absolute_path))}: {error.message[:300]}")
    for text in BAD:
        if validator.is_valid(yaml.load(text, Loader)):
            failed += 1
            print(f"the schema takes:\n{text}")
    print(f"{len(files) + len(GOOD) + len(BAD) - failed} passed, {failed} failed")
    sys.exit(failed > 0)


main()
