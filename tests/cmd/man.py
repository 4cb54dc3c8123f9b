"""Checks that the manual speaks of every command and option that `shoal help` knows, and that mandoc finds no fault
with it. Arguments: the shoal binary, shoal.1, shoal-agent.8."""

import re
import subprocess
import sys


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False)


def plain(page):
    return re.sub(".\b", "", run("mandoc", "-T", "utf8", page).stdout)


def section(text, heading):
    """The indented lines below a heading of the help."""
    found = re.search(rf"^{heading}\n((?:  .*\n|\n(?=  ))+)", text, re.M)
    return found.group(1) if found else ""


def main():
    shoal, page_user, page_agent = sys.argv[1:]
    findings = []
    for page in (page_user, page_agent):
        lint = run("mandoc", "-T", "lint", "-W", "warning", page)
        findings += lint.stdout.splitlines()
    manual = {False: plain(page_user), True: plain(page_agent)}
    overview = run(shoal, "help").stdout
    # A command's name ends where two spaces are.
    commands = re.findall(r"^  (\S+(?: \S+)*?)  ", section(overview, "Commands"), re.M)
    if len(commands) < 10:
        findings.append(f"help lists only {commands}")
    for command in commands:
        text = run(shoal, "help", *command.split()).stdout
        page = manual[command == "agent"]
        if f"{command}" not in page:
            findings.append(f"the manual does not speak of {command}")
        options = re.findall(r"^ +(?:(-\w), )?(--[\w-]+)", section(text, "Options"), re.M)
        if not options:
            findings.append(f"help {command} lists no options")
        for letter, name in options:
            if name == "--help":
                continue
            if name not in page:
                findings.append(f"{command}: the manual does not speak of {name}")
            if letter and not re.search(rf"{letter}\b", page):
                findings.append(f"{command}: the manual does not speak of {letter}")
    print("\n".join(findings))
    return 1 if findings else 0


sys.exit(main())
