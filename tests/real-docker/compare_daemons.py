#!/usr/bin/env python3
"""The same calls to a real Docker daemon and to the fake one: does the fake answer as the real one does?

compare_daemons.py REAL FAKE VERSION    two sockets; the version of the API to speak, as 1.24

For each call the status has to be the same and the words have to mean the same: both answers fit the
pattern that is given here. Of what a call returns as JSON, each member that the fake sends has to be one of
the real daemon's, of the same type. Prints "N passed, N failed".
"""
import http.client
import json
import re
import socket
import sys
import time

SECONDS = 60  # a daemon looks for a plugin that is not there for half a minute


class Daemon(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("docker", timeout=SECONDS)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(SECONDS)
        self.sock.connect(self.path)


def ask(daemon, method, path, body=None, content_type="application/json", prefix=None):
    """Status, media type and text of one answer."""
    connection = Daemon(daemon)
    if body is not None and not isinstance(body, (str, bytes)):
        body = json.dumps(body)
    headers = {} if body is None else {"Content-Type": content_type}
    connection.request(method, (PREFIX if prefix is None else prefix) + path, body, headers)
    answer = connection.getresponse()
    text = answer.read().decode(errors="replace")
    connection.close()
    return answer.status, (answer.getheader("content-type") or "").split(";")[0], text


PASSED, FAILED = [], []
LIMIT = 600


def words(answer):
    """What an answer says, without the form that the version asks for."""
    try:
        return json.loads(answer[2])["message"]
    except (ValueError, KeyError, TypeError):
        return answer[2]


def judge(what, problem):
    (FAILED if problem else PASSED).append(what)
    if problem:
        print(f"FAILED   {what}\n    " + "\n    ".join(problem))


def same(what, method, path, pattern=None, body=None, content_type="application/json", prefix=None, raw=False):
    """The same call to both; raw: the pattern is for the whole answer."""
    real = ask(REAL, method, path, body, content_type, prefix)
    fake = ask(FAKE, method, path, body, content_type, prefix)
    problem = []
    if real[0] != fake[0] or (real[0] >= 400 and real[1] != fake[1]):
        problem.append("status or media type differ")
    for name, answer in (("real", real), ("fake", fake)):
        if pattern is not None and not re.search(pattern, answer[2] if raw else words(answer)):
            problem.append(f"the {name} one does not say: {pattern}")
    if problem:
        problem += [f"real {real[0]} {real[2][:LIMIT].strip()}", f"fake {fake[0]} {fake[2][:LIMIT].strip()}"]
    judge(what, problem)
    return real, fake


def kind(value):
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def shape(real, fake, where, problem, free=()):
    """Each member of the fake's JSON is one of the real daemon's, of the same type; null fits all."""
    if fake is None or real is None:
        return
    if kind(real) != kind(fake):
        problem.append(f"{where}: {kind(fake)}, not {kind(real)}")
    elif isinstance(fake, dict):
        for key in fake:
            if where.split(".")[-1] in free:
                continue  # its keys are data
            if key not in real:
                problem.append(f"{where}.{key}: the real daemon has no such member")
            else:
                shape(real[key], fake[key], f"{where}.{key}", problem, free)
    elif isinstance(fake, list) and fake and real:
        shape(real[0], fake[0], where + "[0]", problem, free)


def same_shape(what, path, free=()):
    real, fake = (ask(daemon, "GET", path) for daemon in (REAL, FAKE))
    problem = []
    if real[0] != 200 or fake[0] != 200:
        problem.append(f"real {real[0]} {real[2][:LIMIT]}, fake {fake[0]} {fake[2][:LIMIT]}")
    else:
        shape(json.loads(real[2].splitlines()[0]), json.loads(fake[2].splitlines()[0]), "", problem, free)
    judge(what, problem)


NAMES = iter(range(1, 10000))


def config(host=None, **members):
    whole = {"Image": "busybox", "Cmd": ["sleep", "600"], **members}
    if host is not None:
        whole["HostConfig"] = host
    return whole


def create(what, pattern, body):
    """A create under a name of its own, which is removed again where it succeeded."""
    name = f"create-{next(NAMES)}"
    same(what, "POST", f"/containers/create?name={name}", pattern, body)
    for daemon in (REAL, FAKE):
        ask(daemon, "DELETE", f"/containers/{name}?force=1")


def start(what, pattern, body):
    """A create that is accepted and its start, which is what is judged."""
    name = f"start-{next(NAMES)}"
    same(f"{what}: create", "POST", f"/containers/create?name={name}", '"Id"', body)
    same(what, "POST", f"/containers/{name}/start", pattern)
    for daemon in (REAL, FAKE):
        ask(daemon, "DELETE", f"/containers/{name}?force=1")


# ---- nothing of that name ----
def test_absent():
    none = "No such container: none"
    for method, path in (
        ("GET", "/containers/none/json"),
        ("GET", "/containers/none/stats?stream=false"),
        ("POST", "/containers/none/start"),
        ("POST", "/containers/none/stop?t=1"),
        ("POST", "/containers/none/kill"),
        ("POST", "/containers/none/pause"),
        ("POST", "/containers/none/unpause"),
        ("DELETE", "/containers/none?v=1"),
        ("DELETE", "/containers/none?force=1"),
    ):
        same(f"no container: {method} {path}", method, path, none)
    same("no image: inspect", "GET", "/images/none/json", "[Nn]o such image: none")
    same("no image: inspect with tag", "GET", "/images/none:1/json", "[Nn]o such image: none:1")
    same("no image: remove", "DELETE", "/images/none", "No such image: none:latest")
    same("no such page", "GET", "/nonsense", "page not found")


# ---- image references ----
def test_references():
    upper, bad = "invalid reference format: repository name must be lowercase", "invalid reference format"
    for name, pattern in (
        ("Upper", upper), ("UPPER/x", upper), ("a*b", bad), ("a//b", bad), ("-a", bad), ("a-", bad),
        ("a:b:c", bad), ("a@sha256:12", bad), ("localhost:5000/Upper", upper), ("x.y/a_-b", bad), ("a:.tag", bad),
        ("a:" + "t" * 129, bad),
    ):
        quoted = name.replace("@", "%40").replace("*", "%2A").replace(":", "%3A")
        same(f"reference {name[:20]}: pull", "POST", f"/images/create?fromImage={quoted}", pattern)
        create(f"reference {name[:20]}: create", pattern, config(Image=name))
    same("tag b*d: pull", "POST", "/images/create?fromImage=busybox&tag=b*d", "invalid tag format")
    same("reference Upper: inspect", "GET", "/images/Upper/json", upper)
    same("reference Upper: remove", "DELETE", "/images/Upper", upper)
    same("reference Upper: import", "POST", "/images/create?fromSrc=-&repo=Upper&tag=1", upper, b"\0" * 1024,
         "application/tar")
    same("import of what is no archive", "POST", "/images/create?fromSrc=-&repo=imported&tag=2",
         "Error processing tar file", b"xyz", "application/tar")
    for name in ("good", "a/b", "a.b/c_d/e__f", "localhost/x", "x.y:5000/a--b", "g:T.a_g-1", "d@sha256:" + "a" * 64):
        create(f"reference {name[:20]} is one", "No such image: " + re.escape(name), config(Image=name))


# ---- creates ----
def test_creates():
    same("name taken: the first", "POST", "/containers/create?name=taken", '"Id"', config())
    same("name taken", "POST", "/containers/create?name=taken",
         r'Conflict\. The container name "/taken" is already in use by container "?[0-9a-f]{64}', config())
    same("name taken, with a slash", "POST", "/containers/create?name=/taken", "Conflict", config())
    for name in ("-a", "x", "a b", "a%2Fb"):
        same(f"name {name}", "POST", f"/containers/create?name={name.replace(' ', '%20')}", "Invalid container name",
             config())
    create("no image of that name", "No such image: nothing:latest", config(Image="nothing"))
    create("no image of that tag", "No such image: nothing:1.2", config(Image="nothing:1.2"))
    create("nothing asked for", "Config cannot be empty", {})
    create("null asked for", "Config cannot be empty", "null")
    for body in ("not json", "", "[]", '"text"', '{"Image":'):
        create(f"no object: {body}", None, body)


def test_types():
    cannot = "json: cannot unmarshal {}[ .0-9]* into Go struct field [A-Za-z.]*{} of type "
    for member, value, word in (
        ("Image", 5, "number"), ("Memory", "x", "string"), ("Env", "x", "string"), ("Env", [1], "number"),
        ("Cmd", 5, "number"), ("Entrypoint", {}, "object"), ("Labels", [], "array"), ("Tty", "yes", "string"),
        ("Volumes", "v", "string"), ("Hostname", True, "bool"), ("HostConfig", "x", "string"), ("Memory", 1.5, "number"),
    ):
        create(f"type of {member}: {value}", cannot.format(word, member), config(**{member: value}))
    for member, value, word in (
        ("Privileged", "x", "string"), ("Memory", "x", "string"), ("Binds", "x", "string"), ("Binds", [1], "number"),
        ("Links", {}, "object"), ("NetworkMode", 1, "number"), ("LogConfig", "x", "string"), ("CapAdd", 1, "number"),
        ("OomScoreAdj", "1", "string"), ("PortBindings.HostPort", {"80/tcp": [{"HostPort": 80}]}, "number"),
    ):
        create(f"type of HostConfig.{member}: {value}", cannot.format(word, member), config({member.split(".")[0]: value}))
    create("a member that nobody knows", '"Id"', config({"Unknown": 1}, Unknown=1))
    create("members without value", '"Id"', config({"Memory": None, "Binds": None}, Env=None, Labels=None))
    create("a command as one text", '"Id"', config(Cmd="sleep 600"))


def test_values():
    create("memory of the old form", "Minimum memory limit allowed is 6MB", config(Memory=1000))
    for memory in (1, 6291455, -5):
        create(f"memory {memory}", "Minimum memory limit allowed is 6MB", config({"Memory": memory}))
    create("memory that is enough", '"Id"', config({"Memory": 6291456}))
    create("swap below memory", "Minimum memoryswap limit should be larger than memory limit",
           config({"Memory": 8000000, "MemorySwap": 7000000}))
    create("swap alone", "You should always set the Memory limit when using Memoryswap", config({"MemorySwap": 7000000}))
    create("swap without limit", '"Id"', config({"Memory": 8000000, "MemorySwap": -1}))
    create("reservation above memory", "Minimum memory limit can not be less than memory reservation",
           config({"Memory": 8000000, "MemoryReservation": 9000000}))
    create("swappiness", "Invalid value: 101, valid memory swappiness range is 0-100", config({"MemorySwappiness": 101}))
    create("oom score", r"Invalid value 2000, range for oom score adj is \[-1000, 1000\]", config({"OomScoreAdj": 2000}))
    create("processors that are none", "Invalid value abc for cpuset cpus", config({"CpusetCpus": "abc"}))
    create("processors too many", "Requested CPUs are not available - requested 77-99", config({"CpusetCpus": "77-99"}))
    create("a processor", '"Id"', config({"CpusetCpus": "0"}))
    create("shares below nothing", '"Id"', config({"CpuShares": -1}))
    create("shared memory below nothing", "SHM size can not be less than 0", config({"ShmSize": -1}))
    create("working directory", "working directory 'rel' is invalid, it needs to be an absolute path",
           config(WorkingDir="rel"))
    create("environment without name", "invalid environment variable: =x", config(Env=["=x"]))
    create("stop signal", "Invalid signal: SIGNOPE", config(StopSignal="SIGNOPE"))
    create("restart policy", "invalid restart policy 'sometimes'", config({"RestartPolicy": {"Name": "sometimes"}}))
    create("restart policy's tries", "maximum retry count cannot be used with restart policy 'always'",
           config({"RestartPolicy": {"Name": "always", "MaximumRetryCount": 3}}))
    create("log option", "unknown log opt 'nonsense' for json-file log driver",
           config({"LogConfig": {"Type": "json-file", "Config": {"nonsense": "1"}}}))
    create("log options that there are", '"Id"',
           config({"LogConfig": {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "2"}}}))
    create("capability to add", 'invalid CapAdd: unknown capability: "CAP_NONSENSE"', config({"CapAdd": ["NONSENSE"]}))
    create("capability to drop", 'invalid CapDrop: unknown capability: "CAP_NONSENSE"',
           config({"CapDrop": ["CAP_NONSENSE"]}))
    create("capabilities", '"Id"', config({"CapAdd": ["NET_ADMIN"], "CapDrop": ["ALL"]}))
    create("host without address", 'bad format for add-host: "bad"', config({"ExtraHosts": ["bad"]}))


def test_mounts_links_ports():
    create("two of one path", "Duplicate mount point: /data", config({"Binds": ["/a:/data", "/b:/data:ro"]}))
    create("path that is relative", "invalid mount path: 'data' mount path must be absolute",
           config({"Binds": ["/a:data"]}))
    create("path that is all", "destination can't be '/'", config({"Binds": ["/a:/"]}))
    create("mode", "invalid mode: qq", config({"Binds": ["/a:/data:qq"]}))
    create("no bind at all", "invalid volume specification: ''", config({"Binds": [""]}))
    for source in ("rel/path", "a b"):
        create(f"volume {source}", f'create {source}: "{source}" includes invalid characters for a local volume name',
               config({"Binds": [source + ":/data"]}))
    create("volume x", "create x: volume name is too short", config({"Binds": ["x:/data"]}))
    create("path alone", '"Id"', config({"Binds": ["/a"]}))
    create("volume's name", '"Id"', config({"Binds": ["vol:/data:ro,z"]}))
    create("volumes from nobody", "No such container: gone", config({"VolumesFrom": ["gone:ro"]}))
    create("volumes from, mode", "invalid mode: wx", config({"VolumesFrom": ["taken:wx"]}))
    create("link to nobody", "ould not get container for gone", config({"Links": ["gone:x"]}))
    create("link that is none", "bad format for links: a:b:c:d", config({"Links": ["a:b:c:d"]}))
    create("link without alias", '"Id"', config({"Links": ["taken"]}))
    create("link in the host's network", "conflicting options: host type networking can't be used with links",
           config({"Links": ["taken:x"], "NetworkMode": "host"}))
    for port, binding in (("x/tcp", {}), ("99999/tcp", {"HostPort": "80"}), ("80/tcp", {"HostPort": "99999"}),
                          ("80/tcp", {"HostPort": "abc"})):
        bad = binding.get("HostPort", "x") if port == "80/tcp" else port.split("/")[0]
        create(f"port {port} {binding}", f'[Ii]nvalid port specification: "{bad}"', config({"PortBindings": {port: [binding]}}))
    create("ports that are exposed only", '"Id"', config(ExposedPorts={"80/tcp": {}, "53/udp": {}}))


# ---- starts ----
def test_starts():
    start("program that is not there", "executable file not found in \\$PATH", config(Cmd=["not-applicable"]))
    start("network that is not there", "network nobody not found", config({"NetworkMode": "nobody"}))
    start("network of nobody", "No such container: none", config({"NetworkMode": "container:none"}))


def test_life():
    same("a create", "POST", "/containers/create?name=life", '"Id":"[0-9a-f]{64}"', config())
    same("stop before the start", "POST", "/containers/life/stop?t=1", "^$")
    same("kill before the start", "POST", "/containers/life/kill",
         "Cannot kill container: life: Container [0-9a-f]{64} is not running")
    same("pause before the start", "POST", "/containers/life/pause", "Container [0-9a-f]{64} is not running")
    same("unpause before the start", "POST", "/containers/life/unpause", "Container [0-9a-f]{64} is not paused")
    same_shape("inspect before the start", "/containers/life/json", free=("Ports", "Labels"))
    same("start with a body", "POST", "/containers/life/start",
         "starting container with non-empty request body was deprecated since (API )?v1.22 and removed in v1.24",
         {"Binds": None})
    same("start", "POST", "/containers/life/start", "^$")
    same("start twice", "POST", "/containers/life/start", "^$")
    same_shape("inspect", "/containers/life/json", free=("Ports", "Labels"))
    same_shape("list", "/containers/json", free=("Labels",))
    same_shape("stats", "/containers/life/stats?stream=false", free=("stats",))
    same("list, filters that are none", "GET", "/containers/json?filters=nonsense", "invalid")
    for filters in ('{"name":["life"]}', '{"name":{"life":true}}'):
        real, fake = same("list by name", "GET", "/containers/json?filters=" + quote(filters), "life")
        judge(f"only that one by {filters}", [] if len(json.loads(real[2])) == len(json.loads(fake[2])) == 1 else [fake[2]])
    for query in ("?all=1", "?all=1&limit=1", "?limit=1", "?all=true&filters=" + quote('{"status":["created"]}'),
                  "?filters=" + quote('{"name":["nobody"]}'), "?all=1&filters=" + quote('{"label":["a=b"]}')):
        counts = [len(json.loads(ask(daemon, "GET", "/containers/json" + query)[2])) for daemon in (REAL, FAKE)]
        judge(f"as many listed: {query}", [] if counts[0] == counts[1] else [f"real {counts[0]}, fake {counts[1]}"])
    same("remove while it runs", "DELETE", "/containers/life", "You cannot remove a running container [0-9a-f]{64}")
    same("remove its image", "DELETE", "/images/busybox",
         'unable to remove repository reference "busybox" .must force. - container [0-9a-f]{12} is using its '
         'referenced image [0-9a-f]{12}')
    same("signal that is none", "POST", "/containers/life/kill?signal=NOPE", "Invalid signal: NOPE")
    same("signal that does not end it", "POST", "/containers/life/kill?signal=WINCH", "^$")
    same("seconds that are none", "POST", "/containers/life/stop?t=abc", 'parsing "abc": invalid syntax')
    running = [json.loads(ask(daemon, "GET", "/containers/life/json")[2])["State"]["Running"] for daemon in (REAL, FAKE)]
    judge("it runs on after that", [] if running == [True, True] else [str(running)])
    same("pause", "POST", "/containers/life/pause", "^$")
    same("pause twice", "POST", "/containers/life/pause", "Container [0-9a-f]{64} is already paused")
    same("start while paused", "POST", "/containers/life/start", "annot start a paused container, try unpause instead")
    same("remove while paused", "DELETE", "/containers/life", "You cannot remove a paused container [0-9a-f]{64}")
    same_shape("inspect while paused", "/containers/life/json", free=("Ports", "Labels"))
    same("unpause", "POST", "/containers/life/unpause", "^$")
    same("unpause twice", "POST", "/containers/life/unpause", "Container [0-9a-f]{64} is not paused")
    same("kill", "POST", "/containers/life/kill", "^$")
    for daemon in (REAL, FAKE):
        stopped(daemon, "life")
    codes = [json.loads(ask(daemon, "GET", "/containers/life/json")[2])["State"]["ExitCode"] for daemon in (REAL, FAKE)]
    judge("killed is 137", [] if codes == [137, 137] else [str(codes)])
    same("kill twice", "POST", "/containers/life/kill", "is not running")
    same("stop of what is stopped", "POST", "/containers/life/stop?t=1", "^$")
    same_shape("inspect after the end", "/containers/life/json", free=("Ports", "Labels"))
    same("start again", "POST", "/containers/life/start", "^$")
    same("stop", "POST", "/containers/life/stop?t=0", "^$")
    same("start once more", "POST", "/containers/life/start", "^$")
    same("remove by force", "DELETE", "/containers/life?force=1&v=1", "^$")
    same("gone", "GET", "/containers/life/json", "No such container: life")


def stopped(daemon, name):
    until = time.monotonic() + SECONDS
    while json.loads(ask(daemon, "GET", f"/containers/{name}/json")[2])["State"]["Running"]:
        if time.monotonic() > until:
            raise TimeoutError(name)
        time.sleep(0.05)


def test_ports():
    ports = config({"PortBindings": {"80/tcp": [{"HostPort": "8080"}]}}, ExposedPorts={"80/tcp": {}})
    same("port: the first", "POST", "/containers/create?name=port-1", '"Id"', ports)
    same("port: the second", "POST", "/containers/create?name=port-2", '"Id"', ports)
    same("port: its start", "POST", "/containers/port-1/start", "^$")
    same_shape("inspect with ports", "/containers/port-1/json", free=("Ports", "Labels"))
    same("port in use", "POST", "/containers/port-2/start",
         "driver failed programming external connectivity on endpoint port-2 .*Bind for 0.0.0.0:8080 failed: port is "
         "already allocated")
    same("link to one that does not run", "POST", "/containers/create?name=linked", '"Id"', config({"Links": ["port-2:x"]}))
    same("its start", "POST", "/containers/linked/start", "Cannot link to a non running container: /port-2 AS /linked/x")
    same("port that is not exposed", "POST", "/containers/create?name=port-3", '"Id"',
         config({"PortBindings": {"80/tcp": [{"HostPort": "8080"}]}}))
    same("is not published", "POST", "/containers/port-3/start", "^$")
    published = [json.loads(ask(daemon, "GET", "/containers/port-3/json")[2])["NetworkSettings"]["Ports"]
                 for daemon in (REAL, FAKE)]
    judge("nowhere", [] if published == [{}, {}] else [str(published)])
    for name in ("linked", "port-1", "port-2", "port-3"):
        same(f"remove {name}", "DELETE", f"/containers/{name}?force=1", "^$")


def test_plugins():
    """Slow: a daemon looks for each plugin for a while."""
    create("volume driver", "error looking up volume plugin nobody", config({"Binds": ["v1:/data"], "VolumeDriver": "nobody"}))
    create("log driver", "error looking up logging plugin nobody", config({"LogConfig": {"Type": "nobody"}}))


# ---- the daemon ----
def quote(text):
    return "".join(c if c.isalnum() else "%{:02X}".format(ord(c)) for c in text)


def events(daemon, query):
    return [json.loads(line) for line in ask(daemon, "GET", "/events?" + query)[2].splitlines()]


def test_events():
    same("events since when", "GET", "/events?since=yesterday", 'parsing "yesterday": invalid syntax')
    same("events, filters that are none", "GET", "/events?since=1&until=2&filters=nonsense", "invalid")
    same("events of long ago", "GET", "/events?since=1&until=2", "^$")
    since = int(time.time()) - 1
    for daemon in (REAL, FAKE):
        for method, path, body in (
            ("POST", "/containers/create?name=told", config(Labels={"colour": "blue"})),
            ("POST", "/containers/told/start", None),
            ("POST", "/containers/told/kill?signal=WINCH", None),
            ("POST", "/containers/told/stop?t=0", None),
            ("DELETE", "/containers/told?v=1", None),
        ):
            ask(daemon, method, path, body)
    time.sleep(1.1)  # the time of `until` is in whole seconds
    window = f"since={since}&until={int(time.time())}"
    told = []
    for daemon in (REAL, FAKE):
        name = quote('{"type":["container"],"container":["told"]}')
        told.append(events(daemon, f"{window}&filters={name}"))
    # A program that does not listen to the first signal gets a second one: that depends on the program.
    order = [re.sub("(kill )+", "kill ", " ".join(event["Action"] for event in one)) for one in told]
    judge("the events of a life, in their order",
          [] if order[0] == order[1] == "create start kill die stop destroy" else [f"real {order[0]}", f"fake {order[1]}"])
    problem = []
    for real in told[0]:
        for fake in told[1]:
            if real["Action"] == fake["Action"]:
                shape(real, fake, real["Action"], problem)
    judge("and their members", problem)
    for filters, wanted in (
        ('{"event":["die","stop"],"container":["told"]}', ["die", "stop"]),
        ('{"event":{"die":true},"container":{"told":true}}', ["die"]),
        ('{"type":["image"],"container":["told"]}', []),
        ('{"label":["colour=blue"],"event":["start"]}', ["start"]),
        ('{"label":["colour=red"]}', []),
        ('{"image":["busybox"],"event":["create"],"container":["told"]}', ["create"]),
    ):
        got = [[event["Action"] for event in events(daemon, f"{window}&filters={quote(filters)}")] for daemon in (REAL, FAKE)]
        judge(f"events by {filters}", [] if got == [wanted, wanted] else [f"real {got[0]}", f"fake {got[1]}"])


def test_daemon():
    same("ping", "GET", "/_ping", "^OK$")
    same_shape("version", "/version")
    same_shape("image", "/images/busybox/json")
    same("version too low", "GET", "/_ping", "client version 1.11 is too old. Minimum supported API version is 1.12",
         prefix="/v1.11")
    same("version too high", "GET", "/_ping", "client version 1.99 is too new. Maximum supported API version is 1.41",
         prefix="/v1.99")
    for version, pattern in (("1.23", "^No such container: none\\n$"), ("1.24", '^{"message":"No such container: none"}\\n$')):
        same(f"words of clients of {version}", "GET", "/containers/none/json", pattern, prefix="/v" + version, raw=True)


REAL, FAKE = sys.argv[1:3]
PREFIX = "/v" + sys.argv[3]
ask(FAKE, "POST", "/images/create?fromImage=busybox&tag=latest")  # the real one has it
for test in (test_absent, test_references, test_creates, test_types, test_values, test_mounts_links_ports, test_starts,
             test_life, test_ports, test_events, test_daemon, test_plugins):
    test()
print(f"{len(PASSED)} passed, {len(FAILED)} failed")
sys.exit(1 if FAILED else 0)
