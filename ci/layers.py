#!/usr/bin/env python3
"""Includes go one way (DESIGN section 3), and code outside the adapters asks no clock, no file, no environment.

Usage: layers.py [OBJECT_DIR]; with a build's object folder the undefined symbols are checked as well.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CORE = ["config", "aws", "acs", "tcs", "engine", "docker", "stats", "credentials", "updater", "state",
        "introspection"]
# What a folder may include, besides itself.
MAY = {
    "agent/base": [],
    "agent/ports": ["agent/base"],
    "agent/sys": ["agent/base", "agent/ports"],
    "agent/record": ["agent/base", "agent/ports", "agent/agent.h"],
    "agent": ["agent/base", "agent/ports", "agent/sys", "agent/record"] + [f"agent/{m}" for m in CORE],
    # Signatures are checked by the fakes with the verifier beside the signer.
    "fakes": ["agent/base", "agent/ports", "agent/sys", "agent/aws/sigv4.h", "agent/aws/digest.h"],
    "harness": ["agent/base", "agent/ports", "fakes"],
    "harness/sim": ["agent/agent.h", "agent/record/flight.h", "agent/sys/record_file.h", "agent/aws/digest.h"],
    "harness/wire": ["agent/agent.h", "agent/record/flight.h", "agent/sys"],
    "harness/live": ["agent/sys"],
    "harness/serve": ["agent/sys"],
    "harness/record": ["agent/agent.h", "agent/record", "agent/sys"],
    "netkitten": [],
}
for module in CORE:
    MAY[f"agent/{module}"] = ["agent/base", "agent/ports"] + [f"agent/{m}" for m in CORE]

LIBRARIES = {  # header prefix -> where it may appear
    "curl/": ["agent/sys"],
    "libwebsockets.h": ["agent/sys", "fakes/carry"],
    "microhttpd.h": ["agent/sys", "fakes/carry"],
    "sqlite3.h": ["agent/sys"],
    "yaml.h": ["harness/scenario"],
    "cjson/": ["agent/base"],
    "openssl/": ["agent/sys", "agent/aws/digest", "fakes/carry"],
}
DENIED = set("""clock_gettime gettimeofday time rand random srand srandom getrandom getenv secure_getenv sleep
usleep nanosleep poll select epoll_wait open open64 openat fopen fopen64 read write socket connect bind listen
pthread_create fork execve localtime localtime_r strtok exit""".split())
IMPURE = ("agent/sys/", "agent/main", "fakes/carry/socket", "fakes/carry/certs", "harness/", "netkitten/",
          "tests/")


def folder_of(path):
    parts = path.split("/")
    if path.startswith("agent/") and len(parts) == 2:
        return "agent"
    return "/".join(parts[:2]) if parts[0] in ("agent", "harness") and len(parts) > 2 else parts[0]


def allowed(source, target):
    folder = folder_of(source)
    rules = list(MAY.get(folder, []))
    if folder.startswith("harness/"):
        rules += MAY["harness"] + ["harness"]
    if folder == "harness":
        rules += MAY["harness"] + ["harness", "agent/sys"]
    rules += [folder] if folder != "agent" else ["agent/agent.h", "agent/agent_internal.h"]
    return any(target == rule or target.startswith(rule + "/") for rule in rules)


def check_includes():
    bad = []
    for top in ("agent", "fakes", "harness", "netkitten"):
        for path in sorted((ROOT / top).rglob("*.[ch]")):
            source = str(path.relative_to(ROOT))
            for number, line in enumerate(path.read_text().splitlines(), 1):
                own = re.match(r'#include "([^"]+)"', line)
                if own and not allowed(source, own.group(1)):
                    bad.append(f"{source}:{number}: {folder_of(source)} must not include {own.group(1)}")
                if own and not (ROOT / own.group(1)).exists():
                    bad.append(f"{source}:{number}: {own.group(1)} is not named from the root")
                library = re.match(r"#include <([^>]+)>", line)
                if library:
                    for prefix, places in LIBRARIES.items():
                        if library.group(1).startswith(prefix) and not any(
                                source.startswith(p) for p in places):
                            bad.append(f"{source}:{number}: <{library.group(1)}> belongs to {places}")
    return bad


def check_symbols(objects):
    bad = []
    for path in sorted(pathlib.Path(objects).rglob("*.o")):
        name = str(path.relative_to(objects))
        if name.startswith(IMPURE) or not name.startswith(("agent/", "fakes/")):
            continue
        for line in subprocess.run(["nm", "-u", str(path)], capture_output=True, text=True,
                                   check=True).stdout.splitlines():
            symbol = line.split()[-1].split("@")[0]
            if symbol in DENIED:
                bad.append(f"{name}: calls {symbol}(): ask a port")
    return bad


problems = check_includes() + (check_symbols(sys.argv[1]) if len(sys.argv) > 1 else [])
print("\n".join(problems) if problems else "layers: includes and symbols go one way")
sys.exit(1 if problems else 0)
