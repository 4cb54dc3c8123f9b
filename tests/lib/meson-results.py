#!/usr/bin/env python3
"""meson-results.py TESTLOG.json RESULTS: counts what `meson test` ran. A program that uses Check counts as many tests as
it checked, any other one as one; what was skipped, timed out or expected to fail counts as failed, by name."""

import json
import re
import sys

CHECKS = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)", re.MULTILINE)


def main():
    failed_any = False
    suites = {}
    with open(sys.argv[1], encoding="utf-8") as log, open(sys.argv[2], "a", encoding="utf-8") as results:
        for line in log:
            test = json.loads(line)
            name, ok = test["name"], test["result"] == "OK"
            suite = next(iter(re.findall(r"[:+ ](unit|property|golden|integration|fuzz)\b", name)), "other")
            total = passed = 0
            for checks, failures, errors in CHECKS.findall(test.get("stdout", "")):
                total += int(checks)
                passed += int(checks) - int(failures) - int(errors)
            if total == 0:
                total, passed = 1, int(ok)
            failed = total - passed
            if not ok and failed == 0:
                failed = 1
            counts = suites.setdefault(suite, [0, 0, 0.0])
            counts[0] += passed
            counts[1] += failed
            counts[2] += test.get("duration") or 0.0
            if passed:
                results.write(f"passed {passed} {name}\n")
            if failed:
                failed_any = True
                results.write(f"failed {failed} {name} ({test['result']})\n")
                print(f"not ok {name}: {test['result']}")
                for stream in ("stdout", "stderr"):
                    for text in test.get(stream, "").splitlines()[-40:]:
                        print("    " + text)
    for suite, (passed, failed, seconds) in sorted(suites.items()):
        print(f"{suite}: {passed} passed, {failed} failed ({seconds:.1f} s)")
    return 1 if failed_any else 0


sys.exit(main())
