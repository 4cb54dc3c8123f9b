"""What is measured, in the order of the table: each is a function of a running Bench that gives rows."""

import os
import random
import signal
import statistics
import subprocess
import sys
import time

import fleet as fleets

NEVER = float("inf")


class Row:
    """`shown`: (min, median, max), or (p50, p99, max) where the text says so; lower is better, unless it is a share."""

    def __init__(self, text, values, must="", unit="s", shown=None):
        self.text, self.must, self.unit = text, must, unit
        self.shown = shown or (min(values), statistics.median(values), max(values))


class Bench:
    """One kind of agent on all machines, all seeing all between measures."""

    def __init__(self, fleet, agents, say):
        self.fleet, self.agents, self.say = fleet, agents, say
        fleet.parse = agents.parse
        self.random = random.Random(1)
        self.trials = int(os.environ.get("SHOAL_BENCH_TRIALS", "5"))
        self.long_trials = max(1, self.trials // 2)  # of what takes a minute

    def begin(self):
        """All of them from nothing; how long until all see all."""
        fleet = self.fleet
        fleet.stop_all()
        self.agents.found()
        others = fleet.machines[1:]
        fleet.prepare(others, self.agents.command())
        since = fleet.release(others)
        return time.monotonic() - since if fleet.wait(fleet.all_see_all, 90, 0.02) else NEVER

    def settle(self, what):
        if not self.fleet.wait(self.fleet.all_see_all, 90):
            self.say(f"    after {what} not all see all; from nothing again")
            self.begin()

    def times_of(self, since, kinds, subject):
        """Machine -> seconds until it first said one of the kinds of the subject."""
        times = {}
        for when, machine, kind, about in self.fleet.events:
            if when >= since and about == subject and kind in kinds and machine.name != subject:
                times.setdefault(machine.name, when - since)
        return times

    def await_all(self, since, kinds, subject, seconds):
        peers = len(self.fleet.machines) - 1
        self.fleet.wait(lambda: len(self.times_of(since, kinds, subject)) == peers, seconds)
        times = sorted(self.times_of(since, kinds, subject).values())
        return times + [NEVER] * (peers - len(times))


def start(bench):
    yield Row("mass start: all see all", [bench.begin() for _ in range(bench.trials)], "<= 2")


# A connection that nobody has used for ten seconds is closed: until then agents see more of each other than at rest.
REST_S = 12


def _death(bench, silent):
    fleet, firsts, alls = bench.fleet, [], []
    for trial in range(bench.trials):
        fleet.pass_time(REST_S)
        victim = fleet.machines[1 + trial * 3 % (len(fleet.machines) - 1)]
        fleet.events.clear()
        since = fleet.cut(victim) if silent else time.monotonic()
        fleet.kill([victim])
        times = bench.await_all(since, ("dead",), victim.name, 40)
        firsts.append(times[0])
        alls.append(times[-1])
        if silent:
            fleet.plug(victim)
        fleet.start([victim], bench.agents.command())
        bench.settle("a death")
    return firsts, alls


def silent(bench):
    firsts, alls = _death(bench, True)
    yield Row("death, silent: first says so", firsts, "<= 3.7")
    yield Row("death, silent: all know", alls, "<= 3.9")


def refused(bench):
    firsts, alls = _death(bench, False)
    yield Row("death, host answers: first says so", firsts, "<= 1")
    yield Row("death, host answers: all know", alls, "<= 1")


def restart(bench):
    fleet, values, shares = bench.fleet, [], []
    for trial in range(bench.trials):
        victim = fleet.machines[1 + trial * 5 % (len(fleet.machines) - 1)]
        spare = fleet.spare(victim)
        fleet.prepare([spare], bench.agents.command())
        fleet.events.clear()
        fleet.kill([victim])
        fleet.replace([spare])
        since = fleet.release([spare])
        times = bench.await_all(since, ("restarted", "dead"), victim.name, 8)
        values.append(times[-1])
        shares.append(100 * sum(seconds <= 1 for seconds in times) / len(times))
        # It may be back before anybody could see it dead; serf says nothing at all then.
        fleet.wait(fleet.all_see_all, 3)
        for name in fleet.view:
            if name != victim.name:
                fleet.view[name][victim.name] = "alive"
        bench.settle("a restart")
        fleet.pass_time(2)
    yield Row("kill and restart at once: all saw it", values, "<= 1")
    yield Row("peers that saw it within 1 s", shares, "100", "%")


def full(bench):
    fleet, values = bench.fleet, []
    for _ in range(bench.long_trials):
        spares = [fleet.spare(machine) for machine in fleet.machines]
        fleet.prepare(spares, bench.agents.command(join=False))
        fleet.pass_time(1)
        fleet.kill(fleet.machines)
        fleet.replace(spares)
        since = fleet.release(spares)
        values.append(time.monotonic() - since if fleet.wait(fleet.all_see_all, 40) else NEVER)
        if values[-1] == NEVER:
            bench.begin()
    yield Row("all restarted, no seeds: all see all", values, "<= 5")


def partition(bench):
    fleet, values = bench.fleet, []
    half = fleet.machines[len(fleet.machines) // 2:]
    for _ in range(bench.long_trials):
        fleet.part(half, "apart")
        fleet.pass_time(60)
        apart = sum(state == "dead" for seen in fleet.view.values() for state in seen.values())
        if apart != 2 * len(half) * (len(fleet.machines) - len(half)):
            bench.say(f"    at the end of the partition {apart} of the other side were dead")
        since = fleet.part(half, "switch")
        values.append(time.monotonic() - since if fleet.wait(fleet.all_see_all, 60) else NEVER)
        bench.settle("a partition")
    yield Row("60 s partition: healed", values, "<= 3, p99 <= 8")


def _percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


def update(bench):
    """One update at a time, each at a random machine."""
    fleet, count, sent, seen = bench.fleet, 100, {}, {}

    def on_seen(when, machine, name):
        if name in sent and machine.name not in seen[name]:
            seen[name][machine.name] = when - sent[name]
    end = bench.agents.watch(on_seen)
    writers = [bench.agents.writer(machine) for machine in fleet.machines]
    fleet.pass_time(3)
    for number in range(count):
        name = f"update-{time.monotonic_ns()}-{number}"
        seen[name] = {}
        sent[name] = time.monotonic()
        bench.random.choice(writers)[0](name)
        fleet.wait(lambda name=name: len(seen[name]) == len(fleet.machines), 3)
        fleet.pass_time(0.05)
    end()
    for _, _, close in writers:
        close()
    each = [seconds for times in seen.values() for seconds in times.values()]
    each += [NEVER] * (count * len(fleet.machines) - len(each))
    whole = [max(times.values()) if len(times) == len(fleet.machines) else NEVER for times in seen.values()]
    yield Row("update to each: p50, p99, max", None, "<= 0.03, 0.15",
              shown=(_percentile(each, 0.5), _percentile(each, 0.99), max(each)))
    yield Row("update to all", whole, "<= 1.5")


def _send_storm(bench, writers, rate, seconds):
    """Names of what was sent."""
    sent, begin = {}, time.monotonic()
    while len(sent) < rate * seconds:
        due = begin + len(sent) / rate
        if time.monotonic() < due:
            bench.fleet.pump(due - time.monotonic())
            continue
        name = f"update-{time.monotonic_ns()}-{len(sent)}"
        writers[len(sent) % len(writers)][0](name)
        sent[name] = set()
    return sent, time.monotonic()


def _storm_counted(bench, rate, seconds):
    """Shoal: what each machine holds in the end, from its own account."""
    fleet, agents = bench.fleet, bench.agents
    base = agents.count_updates(fleet.machines[0])[0]
    writers = [agents.writer(machine) for machine in fleet.machines]
    sent, end = _send_storm(bench, writers, rate, seconds)
    share, done = None, NEVER
    while time.monotonic() < end + 30:
        counts = [agents.count_updates(machine) for machine in fleet.machines]
        if time.monotonic() >= end + 2 and share is None:
            share = 100 * (min(count for count, _ in counts) - base) / len(sent)
        if min(count for count, _ in counts) == base + len(sent) and len({digest for _, digest in counts}) == 1:
            done = time.monotonic() - end
            break
        fleet.pass_time(0.1)
    bad = sum(answers["bad"] for _, answers, _ in writers)
    if bad:
        bench.say(f"    {bad} of {len(sent)} writes were refused")
    for _, _, close in writers:
        close()
    return 100 if share is None else share, done


def _storm_watched(bench, rate, seconds):
    """serf: what each machine said."""
    fleet, sent = bench.fleet, {}

    def on_seen(when, machine, name):
        seen.setdefault(name, {}).setdefault(machine.name, when)
    seen = {}
    end_watch = bench.agents.watch(on_seen)
    writers = [bench.agents.writer(machine) for machine in fleet.machines]
    fleet.pass_time(1)
    sent, end = _send_storm(bench, writers, rate, seconds)
    count = len(fleet.machines)
    fleet.wait(lambda: all(len(seen.get(name, ())) == count for name in sent), 30)
    end_watch()
    for _, _, close in writers:
        close()
    reached = [name for name in sent if len(seen.get(name, ())) == count]
    soon = sum(max(seen[name].values()) <= end + 2 for name in reached)
    last = max(max(times.values()) for times in seen.values()) - end if len(reached) == len(sent) else NEVER
    return 100 * soon / len(sent), last


def storm(bench):
    for rate in (60, 200):
        measure = _storm_counted if hasattr(bench.agents, "count_updates") else _storm_watched
        share, seconds = measure(bench, rate, 15)
        yield Row(f"{rate} updates/s, 15 s: at all within 2 s", [share], "100", "%")
        yield Row(f"{rate} updates/s: after the last, all have all", [seconds], "<= 2")
        bench.fleet.pass_time(5)
    fleet = bench.fleet
    fleet.pass_time(15)
    yield Row("RSS with what the updates left", [fleet.rss_mib(machine) for machine in fleet.machines], "<= 25", "MiB")


class _Sleeper:
    """A Python loop that only sleeps, five times a second: what being woken costs on this machine, now."""

    def __enter__(self):
        self.process = subprocess.Popen([sys.executable, "-c", "import time\nwhile True: time.sleep(0.2)"])
        time.sleep(1)
        self.cpu_s, self.wakes = fleets.cpu_s(self.process.pid), fleets.wakes(self.process.pid)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def cpu_s_a_wake(self):
        cpu_s, wakes = fleets.cpu_s(self.process.pid) - self.cpu_s, fleets.wakes(self.process.pid) - self.wakes
        return cpu_s / max(1, wakes)


def idle(bench):
    fleet, seconds = bench.fleet, 30
    pids = [machine.agent_pid for machine in fleet.machines]
    fleet.pass_time(45)  # who has just met asks for more: distances, views, clocks
    with _Sleeper() as sleeper:
        cpu, wakes = [fleets.cpu_s(pid) for pid in pids], [fleets.wakes(pid) for pid in pids]
        sent = [fleet.sent_bytes(machine) for machine in fleet.machines]
        since = time.monotonic()
        fleet.pass_time(seconds)
        took = time.monotonic() - since
        cpu = [100 * (fleets.cpu_s(pid) - before) / took for pid, before in zip(pids, cpu)]
        wakes = [(fleets.wakes(pid) - before) / took for pid, before in zip(pids, wakes)]
        sent = [(fleet.sent_bytes(machine) - before) / took for machine, before in zip(fleet.machines, sent)]
        empty_s = sleeper.cpu_s_a_wake()
    yield Row("idle: processor", cpu, "<= 0.03", "%")
    yield Row("  a program that only sleeps, woken as often", [100 * empty_s * count for count in wakes], "", "%")
    yield Row("  woken", wakes, "", "a second")
    yield Row("idle: RSS", [fleet.rss_mib(machine) for machine in fleet.machines], "<= 4", "MiB")
    yield Row("idle: sent", sent, "<= 450", "B/s")


def _count(bench, sick):
    """What was said since the events were cleared, of healthy members and of sick ones."""
    counts = {}
    for _, machine, kind, subject in bench.fleet.events:
        whose = "sick" if subject in sick else "healthy"
        counts[whose, kind] = counts.get((whose, kind), 0) + 1
    return counts


def _stall_for(bench, sick, stop_s, run_s, seconds):
    """Each of the sick stops and runs in its own rhythm."""
    fleet = bench.fleet
    now = time.monotonic()
    turns = [[now + bench.random.uniform(0, run_s), machine, False] for machine in sick]
    while time.monotonic() < now + seconds:
        turn = min(turns, key=lambda item: item[0])
        fleet.wait(lambda turn=turn: time.monotonic() >= turn[0], max(0, turn[0] - time.monotonic()))
        turn[2] = not turn[2]
        fleet.signal([turn[1]], signal.SIGSTOP if turn[2] else signal.SIGCONT)
        turn[0] = time.monotonic() + (stop_s if turn[2] else run_s)
    fleet.signal(sick, signal.SIGCONT)


def stall(bench):
    fleet = bench.fleet
    for sick_count, stop_s, run_s in ((1, 8, 1), (2, 8, 1), (4, 8, 1), (8, 8, 1), (4, 2, 0.2), (4, 1, 0.05)):
        if sick_count * 4 > len(fleet.machines):
            continue
        sick = bench.random.sample(fleet.machines[1:], sick_count)
        fleet.events.clear()
        _stall_for(bench, sick, stop_s, run_s, 40)
        bench.settle("stalls")
        fleet.pass_time(5)
        counts = _count(bench, {machine.name for machine in sick})
        text = f"{sick_count} stalled {stop_s:g}/{run_s:g} s, 40 s: "
        yield Row(text + "healthy evicted or dead", [counts.get(("healthy", "evicted"), 0) + counts.get(("healthy", "dead"), 0)],
                  "0", "")
        yield Row("  said of the sick", [sum(count for (whose, _), count in counts.items() if whose == "sick")], "no storm", "")


def loss(bench):
    fleet = bench.fleet
    for percent in (10, 25):
        fleet.events.clear()
        fleet.lose(percent)
        fleet.pass_time(45)
        fleet.lose(0)
        counts = _count(bench, ())
        yield Row(f"{percent}% loss, 45 s: evicted or dead",
                  [counts.get(("healthy", "evicted"), 0) + counts.get(("healthy", "dead"), 0)], "0", "")
        yield Row("  suspected", [counts.get(("healthy", "suspect"), 0)], "", "")
        bench.settle("loss")


MEASURES = {measure.__name__: measure for measure in
            (start, idle, silent, refused, restart, full, partition, update, storm, stall, loss)}
