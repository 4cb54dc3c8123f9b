"""What is measured: Shoal's agent and serf's. Each says how it is started, what its lines mean, and how an update is
made at one machine and seen at another.

Kinds of events: alive, suspect, dead, restarted, evicted (its work may be taken over), update."""

import base64
import json
import os
import re
import selectors
import socket
import time


class Connection:
    """A stream in the fleet's selector; `take` gets what arrived."""

    def __init__(self, fleet, stream, take):
        self.fleet, self.stream, self.take = fleet, stream, take
        self.unsent = self.last = b""
        stream.setblocking(False)
        fleet.selector.register(stream, selectors.EVENT_READ, self.readable)

    def readable(self):
        try:
            data = self.stream.recv(1 << 20)
        except BlockingIOError:
            return
        except OSError:  # its agent was killed
            data = b""
        self.last = data or self.last
        if data:
            self.take(data)
        else:
            self.close()

    def send(self, data):
        """What does not fit now goes with the next call."""
        self.unsent += data
        if self.stream is None:
            raise ConnectionError(f"an agent has hung up; it said last: {self.last[-300:].decode(errors='replace')}")
        try:
            self.unsent = self.unsent[self.stream.send(self.unsent):]
        except BlockingIOError:
            pass

    def close(self):
        if self.stream is not None:
            self.fleet.selector.unregister(self.stream)
            self.stream.close()
            self.stream = None


class Shoal:
    name = "shoal"
    line = re.compile(rb"member ([0-9a-f]{16}) (?:(\w+) -> (\w+): ([\w ]+)|may be replaced)")
    greeting = re.compile(rb"node (\S+) \(([0-9a-f]{16})\) of cluster")
    kinds = {b"alive": "alive", b"suspect": "suspect", b"dead": "dead", b"left": "dead"}

    def __init__(self, fleet, flags):
        self.fleet, self.flags = fleet, flags
        self.names = {}  # id -> machine name
        self.token = None

    def found(self):
        """A new cluster of the first machine alone."""
        fleet = self.fleet
        fleet.wipe_disks()
        first = fleet.machines[0]
        fleet.start([first], self.command())
        self.connect(first).close()
        token = first.enter("/opt/shoal/bin/shoal", "token").stdout
        for machine in fleet.machines:
            path = machine.root("/etc/shoal/token")
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(token)

    def command(self, join=True):
        first = self.fleet.machines[0]

        def of(machine):
            seeds = ["--join", first.address, "--token-file", "/etc/shoal/token"] if join and machine is not first else []
            return ["shoal", "agent", "--name", machine.name, *seeds, *self.flags]
        return of

    def parse(self, line):
        found = self.line.search(line)
        if found:
            node, old, new, why = found.groups()
            subject = self.names.get(node, node)
            if old is None:
                return "evicted", subject
            if why == b"restarted":
                return "restarted", subject
            return self.kinds.get(new, "unknown"), subject
        found = self.greeting.search(line)
        if found:
            self.names[found.group(2)] = found.group(1).decode()
            return "named", found.group(2)
        return None

    # ---- HTTP on the agent's socket

    def connect(self, machine):
        """Clients are let in when the agent knows what its peers know: it may take a moment."""
        until = time.monotonic() + 10
        while True:
            stream = socket.socket(socket.AF_UNIX)
            stream.settimeout(10)
            try:
                stream.connect(machine.root(machine.socket))
                return stream
            except (ConnectionRefusedError, FileNotFoundError):
                stream.close()
                if time.monotonic() > until:
                    raise
                self.fleet.pass_time(0.05)

    def get(self, machine, path):
        """The body of a GET, or None when nobody answers."""
        try:
            with self.connect(machine) as stream:
                stream.sendall(f"GET {path} HTTP/1.1\r\nHost: shoal\r\nConnection: close\r\n\r\n".encode())
                data = b""
                while piece := stream.recv(1 << 20):
                    data += piece
            return data.split(b"\r\n\r\n", 1)[1]
        except OSError:
            return None

    def status(self, machine):
        body = self.get(machine, "/shoal/v1/gossip")
        return json.loads(body) if body else None

    def sees_alive(self, machine):
        status = self.status(machine)
        return sum(member["state"] == "alive" for member in status["members"]) if status else 0

    # ---- updates: a namespace is written at one machine and watched on all

    def watch(self, seen):
        """seen(when, machine, name) for each update that a machine shows. Returns what ends the watching."""
        def one(machine):
            rest = b""

            def take(data):
                nonlocal rest
                lines = (rest + data).split(b"\n")
                rest = lines.pop()
                for line in lines:
                    found = re.search(rb'"name":"(update-[0-9-]+)"', line)
                    if found:
                        seen(time.monotonic(), machine, found.group(1).decode())
            stream = self.connect(machine)
            stream.sendall(b"GET /api/v1/namespaces?watch=true HTTP/1.1\r\nHost: shoal\r\n\r\n")
            return Connection(self.fleet, stream, take)
        connections = [one(machine) for machine in self.fleet.machines]
        return lambda: [connection.close() for connection in connections]

    def writer(self, machine):
        """update(name) at that machine; the answers are counted."""
        answers = {"good": 0, "bad": 0}

        def take(data):
            answers["good"] += data.count(b"HTTP/1.1 201")
            answers["bad"] += data.count(b"HTTP/1.1 4") + data.count(b"HTTP/1.1 5")
        connection = Connection(self.fleet, self.connect(machine), take)

        def update(name):
            body = json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {
                "name": name, "annotations": {"note": base64.b64encode(os.urandom(96)).decode()}}}).encode()
            connection.send(b"POST /api/v1/namespaces HTTP/1.1\r\nHost: shoal\r\nContent-Type: application/json\r\n"
                            b"Content-Length: %d\r\n\r\n" % len(body) + body)
        return update, answers, connection.close

    def count_updates(self, machine):
        """How many of the objects it holds, and the digest of all that it holds."""
        status = self.status(machine)
        return (status["protocol"]["objects"], status["digest"]) if status else (0, None)


class Serf:
    name = "serf"
    lines = (
        (re.compile(rb"serf: EventMemberJoin: (m\d+) "), "alive"),
        (re.compile(rb"memberlist: Suspect (m\d+) has failed"), "suspect"),
        (re.compile(rb"serf: EventMember(?:Failed|Leave): (m\d+) "), "dead"),
        (re.compile(rb"serf: messageUserEventType: (update-[0-9-]+)"), "update"),
    )
    rpc_port = 7373

    def __init__(self, fleet, _flags):
        self.fleet = fleet
        self.key = base64.b64encode(os.urandom(16)).decode()

    def found(self):
        fleet = self.fleet
        fleet.wipe_disks()
        fleet.start(fleet.machines[:1], self.command())
        if not fleet.wait(lambda: any(event[2] == "alive" for event in fleet.events), 30):
            raise SystemExit("the first serf does not start")

    def command(self, join=True):
        first = self.fleet.machines[0]

        def of(machine):
            seeds = ["-retry-join", first.address, "-retry-interval", "1s"] if join and machine is not first else []
            return ["serf", "agent", "-node", machine.name, "-bind", machine.address, "-encrypt", self.key,
                    "-rpc-addr", f"{machine.address}:{self.rpc_port}", "-snapshot", "/var/lib/shoal/serf", "-log-level",
                    "debug", *seeds]
        return of

    def parse(self, line):
        for pattern, kind in self.lines:
            found = pattern.search(line)
            if found:
                return kind, found.group(1).decode()
        return None

    def watch(self, seen):
        """Its own lines say it: nothing is to be opened."""
        self.fleet.on_update = seen

        def end():
            self.fleet.on_update = None
        return end

    def writer(self, machine):
        """update(name): a user event by serf's RPC (msgpack), 250 bytes with its name."""
        answers = {"good": 0, "bad": 0}

        def take(data):
            answers["good"] += data.count(b"\xa5Error\xa0")
        connection = Connection(self.fleet, machine.connect_tcp(self.rpc_port), take)
        connection.send(_map(Command="handshake", Seq=0) + _map(Version=1))
        sequence = 0

        def update(name):
            nonlocal sequence
            sequence += 1
            connection.send(_map(Command="event", Seq=sequence) +
                            _map(Name=name, Payload=base64.b64encode(os.urandom(165)), Coalesce=False))
        return update, answers, connection.close


def _pack(value):
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return bytes([value]) if value < 128 else b"\xce" + value.to_bytes(4, "big")
    data = value if isinstance(value, bytes) else value.encode()
    return (bytes([0xa0 | len(data)]) if len(data) < 32 else b"\xda" + len(data).to_bytes(2, "big")) + data


def _map(**fields):
    return bytes([0x80 | len(fields)]) + b"".join(_pack(part) for field in fields.items() for part in field)


AGENTS = {"shoal": Shoal, "serf": Serf}
