"""scripts/bench gossip: ROOT RUN RUN_DIR COUNT MEASURES AGENTS [FLAG...]. The machines are there; measures each kind of
agent on them and prints one table."""

import math
import sys

import agents
import fleet
import measures


def shown(value, unit):
    if math.isinf(value):
        return "never"
    if unit in ("s", ""):
        return f"{value:.3f}" if unit else f"{value:.0f}"
    return f"{value:.3f}" if value < 1 else f"{value:.1f}"


def ratio(ours, theirs):
    """How many times theirs is ours, by the medians."""
    if ours is None or theirs is None or ours.unit == "%" and "within" in ours.text or ours.unit == "":
        return ""
    if math.isinf(ours.shown[1]):
        return ""
    return "inf" if math.isinf(theirs.shown[1]) else f"{theirs.shown[1] / ours.shown[1]:.1f}x" if ours.shown[1] else ""


def table(count, names, rows):
    print(f"\nN = {count}{'':43}", *[f"{name + ': min':>15} {'median':>8} {'max':>8}" for name in names[:1]],
          f"  {'must':14}", *[f"{name + ': min':>13} {'median':>8} {'max':>8}" for name in names[1:]], "  theirs/ours")
    for text in dict.fromkeys(row.text for row in rows[names[0]]):
        of = [next((row for row in rows[name] if row.text == text), None) for name in names]
        cells = [" ".join(f"{shown(value, row.unit):>8}" for value in row.shown) if row else f"{'-':>26}" for row in of]
        unit = f" [{of[0].unit}]" if of[0].unit else ""
        print(f"{text + unit:52} {cells[0]}   {of[0].must:14}", *[f"{cell:>30}" for cell in cells[1:]],
              f"  {ratio(of[0], of[-1]) if len(of) > 1 else ''}")
    sys.stdout.flush()


def main():
    root, run, run_dir, count, wanted, names, *flags = sys.argv[1:]
    count, wanted, names = int(count), wanted.split(","), names.split(",")
    rows, failed = {}, False
    for name in names:
        rows[name] = []
        here = fleet.Fleet(root, run, run_dir, count)
        bench = measures.Bench(here, agents.AGENTS[name](here, flags), lambda text: print(text, flush=True))
        with open("/proc/loadavg", encoding="ascii") as file:
            print(f"    {name}, N = {count}; load of this machine before: {file.read().split()[0]}", flush=True)
        if wanted[0] != "start":
            bench.begin()
        for measure in wanted:
            try:
                for row in measures.MEASURES[measure](bench):
                    rows[name].append(row)
                    print(f"      {row.text}: {' '.join(shown(value, row.unit) for value in row.shown)} {row.unit}", flush=True)
            except (fleet.Ended, OSError) as error:
                print(f"      {measure}: {error}", flush=True)
                failed = True
                bench.begin()
        here.stop_all()
    table(count, names, rows)
    return 1 if failed else 0


sys.exit(main())
