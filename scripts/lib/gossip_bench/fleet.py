"""The machines that scripts/lib/machines.sh made, and one agent on each of them: started, stopped, cut off, and what it
writes, with the moment (time.monotonic) at which each line came. One clock for all machines; one thread."""

import os
import re
import selectors
import signal
import socket
import subprocess
import time

BECOME = 'source "$1/scripts/lib/common.sh"; source "$1/scripts/lib/machines.sh"; machines_open "$2"; machine_become "${@:3}"'
# Everybody stands at the start until a line on standard input lets all of them go at once.
AT_THE_START = 'echo at the start >&2; read -r _; exec "$@"'


class Ended(Exception):
    """An agent is gone that nobody killed."""


def cpu_s(pid):
    """Processor time that all threads of a process used so far."""
    total_ns = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
            total_ns += int(file.read().split()[0])
    return total_ns / 1e9


def wakes(pid):
    """How often they went to sleep so far, each time to be woken."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as file:
            total += int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", file.read(), re.M).group(1))
    return total


class Machine:
    """One machine and its agent, which has the machine's name; `process` is the nsenter whose child is the agent."""

    socket = "/run/shoal/shoal.sock"

    def __init__(self, run_dir, number):
        self.number = number
        self.name = self.host = f"m{number}"
        self.address = f"10.77.0.{10 + number}"
        self.dir = f"{run_dir}/machines/{self.host}"
        with open(f"{self.dir}/pid", encoding="ascii") as file:
            self.pid = int(file.read())
        self.process = None
        self.agent_pid = 0
        self.rest = b""

    def root(self, path):
        return f"/proc/{self.pid}/root{path}"

    def enter(self, *command):
        """Runs it in the machine, quickly: without its cgroup."""
        return subprocess.run(
            ["nsenter", "-t", str(self.pid), "--mount", "--net", "--pid", "--root", "--wd", *command],
            check=True, capture_output=True)

    def connect_tcp(self, port):
        """A connection to the machine's own address from inside its network."""
        with open("/proc/self/ns/net", "rb") as here, open(f"/proc/{self.pid}/ns/net", "rb") as there:
            _setns(there.fileno())
            try:
                return socket.create_connection((self.address, port), timeout=5)
            finally:
                _setns(here.fileno())


def _setns(fd):
    import ctypes
    if ctypes.CDLL(None, use_errno=True).setns(fd, 0) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _youngest_child_of(pid):
    """The shell that became nsenter may have left it children of its own that have ended and are not waited for."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        children = file.read().split()
    return int(children[-1]) if children else 0


class Fleet:
    """All machines. `events` are what the agents' lines meant: (time, machine, kind, subject)."""

    def __init__(self, root, run, run_dir, count):
        self.root, self.run, self.run_dir = root, run, run_dir
        self.machines = [Machine(run_dir, number) for number in range(1, count + 1)]
        with open(f"{run_dir}/switch.pid", encoding="ascii") as file:
            self.switch_pid = int(file.read())
        self.selector = selectors.DefaultSelector()
        self.events = []
        self.view = {machine.name: {} for machine in self.machines}  # who -> of whom -> alive or dead
        self.parse = None
        self.on_update = None
        self.log_dir = os.environ.get("SHOAL_KEEP_LOGS")
        self.switch("link add name apart type bridge forward_delay 0 mcast_snooping 0", "link set apart up", check=False)

    # ---- agents

    def prepare(self, machines, command_of):
        """Their agents stand at the start: nothing but an exec is left to do."""
        for machine in machines:
            machine.process = subprocess.Popen(
                ["bash", "-c", BECOME, "become", self.root, self.run, machine.host, "bash", "-c", AT_THE_START, "agent",
                 *command_of(machine)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            machine.rest, machine.last = b"", []
            machine.ready = machine.killed = False
            self.view[machine.name] = {}
            os.set_blocking(machine.process.stdout.fileno(), False)
            self.selector.register(machine.process.stdout, selectors.EVENT_READ, machine)
        if not self.wait(lambda: all(machine.ready for machine in machines), 120):
            raise SystemExit("the agents do not come to the start")
        for machine in machines:
            machine.agent_pid = _youngest_child_of(machine.process.pid)

    def release(self, machines):
        """Lets them go; returns when."""
        now = time.monotonic()
        for machine in machines:
            machine.process.stdin.write(b"\n")
            machine.process.stdin.flush()
        return now

    def start(self, machines, command_of):
        self.prepare(machines, command_of)
        return self.release(machines)

    def signal(self, machines, number):
        """To the agents. nsenter stops itself when its child stops, and has to be woken, too."""
        for machine in machines:
            try:
                os.kill(machine.agent_pid, number)
                if number == signal.SIGCONT:
                    os.kill(machine.process.pid, number)
            except ProcessLookupError:
                pass

    def kill(self, machines):
        """kill -9 of the agents alone; returns when."""
        now = time.monotonic()
        self.signal(machines, signal.SIGKILL)
        for machine in machines:
            os.kill(machine.process.pid, signal.SIGCONT)
        for machine in machines:
            self.forget(machine)
        return now

    def forget(self, machine):
        if machine.process is None:
            return
        machine.killed = True
        machine.process.wait()
        self.drain(machine)
        self.selector.unregister(machine.process.stdout)
        machine.process.stdout.close()
        machine.process.stdin.close()
        machine.process = None

    def stop_all(self):
        """Nothing runs on the machines any more, keepers included."""
        self.kill([machine for machine in self.machines if machine.process])
        for machine in self.machines:
            subprocess.run(["nsenter", "-t", str(machine.pid), "--pid", "--mount", "bash", "-c", "kill -KILL -1"],
                           check=False, capture_output=True)
        self.events.clear()
        for seen in self.view.values():
            seen.clear()

    def spare(self, machine):
        """The same machine, for a second agent that stands at the start while the first one runs."""
        return Machine(self.run_dir, machine.number)

    def replace(self, spares):
        for spare in spares:
            self.view[spare.name] = {}
            self.machines[spare.number - 1] = spare

    def wipe_disks(self):
        for machine in self.machines:
            machine.enter("bash", "-c", "rm -rf /var/lib/shoal/* /run/*")

    # ---- what they say

    def drain(self, machine):
        """Reads what it has written meanwhile."""
        now = time.monotonic()
        try:
            data = os.read(machine.process.stdout.fileno(), 1 << 20)
        except BlockingIOError:
            return
        if not data:
            if not machine.killed:
                said = b"\n".join(machine.last).decode(errors="replace")
                self.forget(machine)
                raise Ended(f"the agent of {machine.name} ended by itself; it said last:\n{said}")
            return
        if self.log_dir:
            with open(f"{self.log_dir}/{machine.name}.log", "ab") as file:
                file.write(data)
        lines = (machine.rest + data).split(b"\n")
        machine.rest = lines.pop()
        machine.last = (machine.last + lines)[-8:]
        for line in lines:
            if line == b"at the start":
                machine.ready = True
                continue
            event = self.parse(line)
            if event:
                self.take(now, machine, *event)

    def take(self, now, machine, kind, subject):
        if kind == "update":
            if self.on_update:
                self.on_update(now, machine, subject)
            return
        if kind == "named":
            self.rename(subject, machine.name)
            return
        self.events.append((now, machine, kind, subject))
        if subject != machine.name and kind in ("alive", "restarted", "dead"):
            self.view[machine.name][subject] = "dead" if kind == "dead" else "alive"

    def rename(self, subject, name):
        """Others may have spoken of it by its id before it said its name."""
        self.events = [(when, machine, kind, name if about == subject else about)
                       for when, machine, kind, about in self.events]
        for seen in self.view.values():
            if subject in seen:
                seen[name] = seen.pop(subject)

    def all_see_all(self):
        running = [machine.name for machine in self.machines if machine.process]
        return all(self.view[name].get(other) == "alive" for name in running for other in running if other != name)

    def pump(self, timeout_s):
        for key, _ in self.selector.select(timeout_s):
            if isinstance(key.data, Machine):
                self.drain(key.data)
            else:
                key.data()

    def wait(self, condition, seconds, pause_s=0):
        """True when the condition came true in time. It is looked at when something was said; with a pause, what is said
        meanwhile is read at once: reading line by line takes a tenth of a machine that 64 agents start on."""
        until = time.monotonic() + seconds
        while not condition():
            left = until - time.monotonic()
            if left <= 0:
                return False
            time.sleep(pause_s)
            self.pump(min(left, 0.25))
        return True

    def pass_time(self, seconds):
        self.wait(lambda: False, seconds)

    # ---- the network

    def switch(self, *lines, check=True):
        subprocess.run(["nsenter", "-t", str(self.switch_pid), "-n", "ip", "-batch", "-"], input="\n".join(lines).encode(),
                       check=check, capture_output=True)

    def cut(self, machine):
        """Its cable is out: nothing answers. Returns when."""
        now = time.monotonic()
        self.switch(f"link set port-{machine.name} down")
        return now

    def plug(self, machine):
        self.switch(f"link set port-{machine.name} up")

    def part(self, machines, bridge):
        """Puts them on the bridge `switch` or `apart`. Returns when."""
        now = time.monotonic()
        self.switch(*[f"link set port-{machine.name} master {bridge}" for machine in machines])
        return now

    def lose(self, percent):
        """Each machine loses so many of the datagrams that come in."""
        for machine in self.machines:
            if percent == 0:
                machine.enter("iptables", "-F", "INPUT")
            else:
                machine.enter("iptables", "-A", "INPUT", "-p", "udp", "-m", "statistic", "--mode", "random",
                              "--probability", f"{percent / 100:.4f}", "-j", "DROP")

    # ---- what they cost

    def rss_mib(self, machine):
        with open(f"/proc/{machine.agent_pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s*(\d+)", file.read()).group(1)) / 1024

    def sent_bytes(self, machine):
        """What its network card has sent, headers included."""
        with open(f"/proc/{machine.agent_pid}/net/dev", encoding="ascii") as file:
            return int(re.search(r"eth0:\s*(.*)", file.read()).group(1).split()[8])
