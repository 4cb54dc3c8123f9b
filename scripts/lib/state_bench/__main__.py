"""scripts/bench state: ROOT RUN RUN_DIR AGENTS OBJECTS CLAIMS [FLAG...]. The machines are there: AGENTS for the agents that
are measured, one for a late comer, one for all members that claim to run pods. Prints one table."""

import json
import os
import random
import signal
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "gossip_bench"))

import agents
import fleet as fleets

NEVER = float("inf")
REST_S = 20  # an agent lets go of the pages of its program every 15 s, and trims its heap every 10
REPLICAS = 50
# A node may have 4,096.
DEPLOYMENTS_OF_A_LOADER = 80


def say(text):
    print(text, flush=True)


def load():
    with open("/proc/loadavg", encoding="ascii") as file:
        return file.read().split()[0]


def cpu_busy():
    """Share of all processors that was busy since the last call, in percent."""
    with open("/proc/stat", encoding="ascii") as file:
        fields = [int(field) for field in file.readline().split()[1:9]]
    idle, total = fields[3] + fields[4], sum(fields)
    before = cpu_busy.before
    cpu_busy.before = idle, total
    return 100 * (1 - (idle - before[0]) / max(1, total - before[1]))


cpu_busy.before = (0, 0)


class Loader(fleets.Machine):
    """One of many agents on a machine, without containers (tests/load); all pods of some Deployments are its."""

    def __init__(self, run_dir, number, index, deployments):
        super().__init__(run_dir, number)
        self.deployments = deployments
        self.name = f"load-{index}"
        self.port = 7601 + index
        self.dir_inside = f"/run/{self.name}"
        self.socket = f"{self.dir_inside}/shoal.sock"

    def command(self, command):
        return ["env", f"SHOAL_LOAD={self.deployments.start} {len(self.deployments)}", "/opt/shoal/bin/shoal-load", *command[1:],
                "--capacity", "cpu=1000,memory=1Ti,pods=4096", "--listen", f"{self.address}:{self.port}", "--run-dir", self.dir_inside, "--data-dir", f"/var/lib/shoal/{self.name}"]


class Town(fleets.Fleet):
    """The machines in their parts."""

    def __init__(self, root, run, run_dir, agents_count, claims, flags):
        super().__init__(root, run, run_dir, agents_count + 1)
        self.shoal = agents.Shoal(self, flags)
        self.parse = self.shoal.parse
        self.measured, self.late = self.machines[:-1], self.machines[-1]
        numbers = range(claims // REPLICAS)
        self.loaders = [Loader(run_dir, agents_count + 2, index, numbers[first:first + DEPLOYMENTS_OF_A_LOADER])
                        for index, first in enumerate(range(0, len(numbers), DEPLOYMENTS_OF_A_LOADER))]
        self.machines += self.loaders
        self.random = random.Random(1)

    def command_of(self, machine):
        command = self.shoal.command()(machine)
        return machine.command(command) if machine in self.loaders else command

    def start_all(self):
        self.shoal.found()
        others = self.measured[1:] + self.loaders
        self.prepare(others, self.command_of)
        since = self.release(others)
        return time.monotonic() - since if self.await_members(180) else NEVER

    def await_members(self, seconds):
        """Until all that run see all that run. Each is asked until it does."""
        until, last = time.monotonic() + seconds, 0
        running = self.running()
        while time.monotonic() < until:
            while last < len(running) and self.shoal.sees_alive(running[last]) == len(running):
                last += 1
            if last == len(running):
                return True
            self.pass_time(0.2)
        return False

    def running(self):
        return [machine for machine in self.machines if machine.process]

    def rss(self):
        return [self.rss_mib(machine) for machine in self.measured]

    def rss_parts(self):
        """Heap, and pages of files: the program and the state on disk."""
        parts = {"RssAnon": [], "RssFile": []}
        for machine in self.measured:
            with open(f"/proc/{machine.agent_pid}/status", encoding="ascii") as file:
                for line in file:
                    name = line.split(":")[0]
                    if name in parts:
                        parts[name].append(int(line.split()[1]) / 1024)
        return f"{statistics.median(parts['RssAnon']):.1f} {statistics.median(parts['RssFile']):.1f}"

    def await_equal(self, seconds, wanted=lambda status: True):
        """Seconds until all that run show one digest, and the first of them what is wanted. It asks them in turn, and begins
        anew at the first that differs: what looks must not take the time that it measures."""
        since = time.monotonic()
        told = since
        last = self.running()[-1]
        while time.monotonic() < since + seconds:
            first = self.shoal.status(self.running()[0])
            if time.monotonic() > told + 10:
                told = time.monotonic()
                protocol = first["protocol"] if first else {}
                say(f"      {told - since:.0f} s: {protocol.get('objects')} objects, {protocol.get('claims')} claims at the first")
            if first and wanted(first):
                # The one that differed last is asked first.
                order = [last] + [machine for machine in self.running()[1:] if machine is not last]
                last = next((machine for machine in order
                             if (self.shoal.status(machine) or {}).get("digest") != first["digest"]), None)
                if last is None:
                    return time.monotonic() - since
            self.pass_time(0.1)
        return NEVER

    def await_claims(self, machine, count):
        until = time.monotonic() + 300
        while (self.shoal.status(machine) or {"protocol": {"claims": 0}})["protocol"]["claims"] < count:
            if time.monotonic() > until:
                raise SystemExit(f"{machine.name} does not adopt its pods")
            self.pass_time(0.2)

    # ---- users

    def write(self, bodies):
        """Each (path, body) at the next machine, many under way at each; returns how many were taken and how long it took."""
        since = time.monotonic()
        writers = [_Writer(self, machine) for machine in self.measured]
        for number, body in enumerate(bodies):
            writers[number % len(writers)].queue.append(body)
        for writer in writers:
            writer.go_on()
        self.wait(lambda: not any(writer.queue or writer.under_way for writer in writers), 300)
        for writer in writers:
            writer.close()
        return sum(writer.good for writer in writers), time.monotonic() - since

    def write_for(self, seconds, rate, name):
        """One after the other, `rate` a second, each at a random machine of those that run."""
        writers = [_Writer(self, machine) for machine in self.measured]
        begin, sent = time.monotonic(), 0
        while time.monotonic() < begin + seconds:
            due = begin + sent / rate
            if time.monotonic() < due:
                self.pump(due - time.monotonic())
                continue
            writer = self.random.choice(writers)
            writer.queue.append(namespace(f"{name}-{sent}"))
            writer.go_on()
            sent += 1
        for writer in writers:
            writer.close()
        return sent, sum(writer.good for writer in writers)


class _Writer:
    UNDER_WAY_MAX = 8

    def __init__(self, town, machine):
        self.queue, self.under_way, self.good, self.rest = [], 0, 0, b""
        self.connection = agents.Connection(town, town.shoal.connect(machine), self.take)

    def take(self, data):
        data = self.rest + data
        self.rest = data[-12:]
        answers = data.count(b"HTTP/1.1 ") - self.rest.count(b"HTTP/1.1 ")
        self.good += data.count(b"HTTP/1.1 201") - self.rest.count(b"HTTP/1.1 201")
        self.under_way -= answers
        self.go_on()

    def go_on(self):
        while self.queue and self.under_way < self.UNDER_WAY_MAX:
            path, body = self.queue.pop(0)
            self.under_way += 1
            self.connection.send(b"POST %s HTTP/1.1\r\nHost: shoal\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                                 % (path.encode(), len(body)) + body)

    def close(self):
        self.connection.close()


def namespace(name):
    """About 400 bytes."""
    return "/api/v1/namespaces", json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {
        "name": name, "labels": {"team": name},
        "annotations": {"note": "".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=250))}}}).encode()


def deployment(number, replicas):
    """About 600 bytes. No node may run its pods: those that a loader has are all that there are."""
    name = f"web-{number}"
    return "/apis/apps/v1/namespaces/default/deployments", json.dumps({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}}, "spec": {"nodeSelector": {"load": "none"}, "containers": [{
                "name": "web", "image": f"registry.example.com/web:1.{number % 50}",
                "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}}}]}}}}).encode()


class Table:
    def __init__(self):
        self.rows = []

    def add(self, text, shown, must=""):
        self.rows.append((text, shown, must))
        say(f"      {text}: {shown}")

    def show(self, heading):
        print(f"\n{heading:62} {'measured':>34}   must")
        for text, shown, must in self.rows:
            print(f"{text:62} {shown:>34}   {must}")
        sys.stdout.flush()


def of_all(values):
    return f"{min(values):.1f} {statistics.median(values):.1f} {max(values):.1f}"


def seconds_of(value):
    return "never" if value == NEVER else f"{value:.2f} s"


def fill(town, table, objects, claims):
    deployments = claims // REPLICAS
    taken, took = town.write([namespace(f"filler-{number}") for number in range(objects - deployments)])
    table.add("objects without pods written: taken, s, a second", f"{taken} {took:.1f} {taken / took:.0f}")
    # Not all at once: until its pods are adopted, each is a workload that waits for nodes, which costs.
    since, taken, claimed = time.monotonic(), 0, 0
    for loader in town.loaders:
        taken += town.write([deployment(number, REPLICAS) for number in loader.deployments])[0]
        claimed += len(loader.deployments) * REPLICAS
        town.await_claims(loader, claimed)
        say(f"      {time.monotonic() - since:.0f} s: {claimed} claims at {loader.name}")
    table.add("Deployments written: taken", f"{taken}")
    return since


def status_of(town):
    return town.shoal.status(town.measured[0])["protocol"]


def faults(town, table):
    """Writes go on all the time; nobody who claims pods is touched, so that what is measured is state, not healing."""
    count = max(1, len(town.measured) // 4)

    def measure(text, begin, end):
        victims = town.random.sample(town.measured[1:], min(count, len(town.measured) - 1))
        begin(victims)
        sent, good = town.write_for(10, 20, "fault-" + text.split()[0])
        end(victims)
        since = time.monotonic()
        equal = town.await_equal(120)
        table.add(f"{text}: hashes equal again", seconds_of(equal), "<= 5 s")
        say(f"      {good} of {sent} writes were answered meanwhile")
        town.await_members(60)
        return since

    measure(f"partition of {count} for 10 s", lambda victims: town.part(victims, "apart"),
            lambda victims: town.part(victims, "switch"))
    measure(f"stop of {count} for 10 s", lambda victims: town.signal(victims, signal.SIGSTOP),
            lambda victims: town.signal(victims, signal.SIGCONT))


def join_late(town, table):
    town.prepare([town.late], town.shoal.command())
    first = town.measured[0]
    since = town.release([town.late])
    took = NEVER
    while time.monotonic() < since + 120:
        late = town.shoal.get(town.late, "/shoal/v1/gossip")
        late = json.loads(late) if late else None
        if late and late["digest"] == (town.shoal.status(first) or {}).get("digest"):
            took = time.monotonic() - since
            break
        town.pass_time(0.02)
    table.add("a fresh agent: from its start to the digest of the others", seconds_of(took), "<= 3 s")
    table.add("  processor time that it used until then", seconds_of(fleets.cpu_s(town.late.agent_pid)))
    table.add("  its RSS", f"{town.rss_mib(town.late):.1f} MiB")


def main():
    root, run, run_dir, *counts = sys.argv[1:7]
    agents_count, objects, claims = map(int, counts)
    town = Town(root, run, run_dir, agents_count, claims, sys.argv[7:])
    table = Table()
    say(f"    load of this machine before: {load()}")
    table.add("load of this machine before", load())
    table.add("start: all see all", seconds_of(town.start_all()))
    town.pass_time(REST_S)
    idle = town.rss()
    cpu_busy()
    table.add("RSS idle: min, median, max, MiB", of_all(idle))
    table.add("  of it heap, files: median", town.rss_parts())

    since = fill(town, table, objects, claims)
    equal = town.await_equal(1200, lambda status: status["protocol"]["claims"] >= claims - claims % REPLICAS)
    table.add("after the first Deployment: all claimed, all hashes equal", seconds_of(time.monotonic() - since if equal != NEVER else NEVER))
    table.add("  processors busy meanwhile", f"{cpu_busy():.0f} %")
    protocol = status_of(town)
    table.add("objects, claims held by each", f"{protocol['objects']} {protocol['claims']}")
    town.pass_time(REST_S)
    full = town.rss()
    table.add("RSS full: min, median, max, MiB", of_all(full))
    table.add("  of it heap, files: median", town.rss_parts())
    table.add("  more than idle", of_all([after - before for after, before in zip(full, idle)]), "<= 25 MiB")
    join_late(town, table)
    faults(town, table)
    full = town.rss()
    table.add("RSS after that: min, median, max, MiB", of_all(full))
    table.add("load of this machine after", load())
    town.stop_all()
    table.show(f"N = {agents_count}, {len(town.loaders)} members with pods, {objects} objects, {claims} claims")
    return 0


sys.exit(main())
