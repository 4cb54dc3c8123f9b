#!/usr/bin/env python3
"""Proves that the pure core imports no I/O, clock, randomness or global mutable state (design 2, src/README.md).

    check_imports.py [--expect SYMBOL]... ARCHIVE...

Each ARCHIVE is lib<module>.a. Whatever an object of them leaves undefined and no archive defines must stand in ALLOWED for
its module; an object's .data and .bss must be empty. Of base only the objects count that the others use. Prints a line a
finding; exits 1 if there is one. With --expect the findings must be exactly those symbols: how the check is checked.
"""

import argparse
import pathlib
import re
import subprocess
import sys

EVERYWHERE = None
# Symbols (a trailing * matches the rest), the modules that may import them, and why that keeps the core pure.
ALLOWED = [
    ("memchr memcmp memcpy memmove memset strchr strcmp strlen strncmp", EVERYWHERE,
     "work on memory that is handed in"),
    ("strcspn strpbrk strrchr strspn strstr", {"spec"}, "the same, for text from users"),
    ("snprintf vsnprintf", EVERYWHERE,
     "format into memory; the core sets no locale and prints no floating point"),
    ("qsort", EVERYWHERE, "every comparison is a total order, so the result does not depend on the algorithm"),
    ("panic", EVERYWHERE, "an invariant of our own is broken: the process ends, nothing goes on"),
    ("abort fprintf stderr", {"base/panic"}, "the end itself"),
    ("calloc realloc malloc free", {"base/memory", "base/hash"},
     "memory through base/memory only (docs/adr/0003); xxhash's header brings allocators for streaming, which is unused"),
    ("inet_ntop inet_pton", {"base/address"}, "text to bytes and back, no socket"),
    ("ntohl ntohs", {"wire", "wire_runtime"}, "byte order of msgpack"),
    ("strerror", {"base/error"}, "words for a failed system call of a shell; the core itself makes none"),
    ("strtoul", {"base/address"}, "digits to a number"),
    ("strtod strtol strtoull __errno_location", {"spec"}, "digits to a number, with its range error"),
    ("json_*", {"spec"}, "jansson on memory; spec/json.c fixes the seed of its tables"),
    ("json_load_file json_loadf json_loadfd json_load_callback json_dump_file json_dumpf json_dumpfd", set(),
     "jansson on files"),
    ("yaml_*", {"spec"}, "libyaml on memory"),
    ("yaml_parser_set_input_file yaml_emitter_set_output_file", set(), "libyaml on files"),
    ("msgpack_*", {"wire", "wire_runtime"}, "msgpack-c on memory"),
]
# What compilers put in: 128-bit division, stack protector, position independence, sanitizers, coverage and fuzzing.
COMPILER = re.compile(r"^(_GLOBAL_OFFSET_TABLE_|__stack_chk_fail|__(u)?(div|mod)ti3|__mulodi4|__popcountdi2"
                      r"|__(asan|ubsan|sanitizer|sancov|gcov|llvm|start___sancov|stop___sancov).*)$")
COMPILER_STATE = re.compile(r"^(__(asan|ubsan|sancov|gcov|llvm|odr_asan|profc|profd).*|\.L.*|)$")


class Object:
    """One .o: what it leaves undefined, what it defines, and its symbols in writable sections."""

    def __init__(self, module, name):
        self.module, self.name = module, name
        self.undefined, self.defined, self.writable = set(), set(), set()


def load(archive):
    module = re.fullmatch(r"lib(\w+)\.a", pathlib.Path(archive).name).group(1)
    text = subprocess.run(["nm", "--format=sysv", archive], check=True, capture_output=True, text=True).stdout
    objects, current = [], None
    for line in text.splitlines():
        header = re.search(r"from .*?\[?([^\[\]/]+)\.o\]?:$", line)
        if header:
            stem = re.sub(r"(^meson-generated_.*_|\.c$)", "", header.group(1))
            current = Object(module, f"{module}/{stem}")
            objects.append(current)
            continue
        fields = [field.strip() for field in line.split("|")]
        if current is None or len(fields) != 7 or fields[0] == "Name":
            continue
        name, kind, section = fields[0], fields[2], fields[6]
        if section == "*UND*":
            current.undefined.add(name)
            continue
        if kind.isupper():
            current.defined.add(name)
        if section.startswith((".data", ".bss", "*COM*", ".tdata", ".tbss")) and not section.startswith(".data.rel.ro"):
            current.writable.add(name)
    return objects


def reachable(objects):
    """All of the core, and of base what the core needs."""
    chosen = [one for one in objects if one.module != "base"]
    rest = [one for one in objects if one.module == "base"]
    wanted = set().union(*(one.undefined for one in chosen))
    while True:
        more = [one for one in rest if one.defined & wanted]
        if not more:
            return chosen
        chosen += more
        rest = [one for one in rest if one not in more]
        wanted |= set().union(*(one.undefined for one in more))


def allowed(symbol, one):
    plain = re.sub(r"^__(\w+)_chk$", r"\1", symbol)  # _FORTIFY_SOURCE
    plain = re.sub(r"^__isoc23_", "", plain)
    exact = [modules for names, modules, _ in ALLOWED if plain in names.split()]
    prefix = [modules for names, modules, _ in ALLOWED
              if any(name.endswith("*") and plain.startswith(name[:-1]) for name in names.split())]
    for modules in exact or prefix:
        if modules is EVERYWHERE or one.module in modules or one.name in modules:
            return True
    return COMPILER.match(symbol) is not None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--expect", action="append", default=[])
    parser.add_argument("archives", nargs="+")
    arguments = parser.parse_args()
    objects = reachable([one for archive in arguments.archives for one in load(archive)])
    defined = set().union(*(one.defined for one in objects))
    findings = []
    for one in objects:
        findings += [(symbol, f"{one.name}: imports {symbol}, which is not in the list of what the core may use")
                     for symbol in sorted(one.undefined - defined) if not allowed(symbol, one)]
        findings += [(symbol, f"{one.name}: {symbol} is global mutable state")
                     for symbol in sorted(one.writable) if not COMPILER_STATE.match(symbol)]
    for _, line in findings:
        print(line)
    print(f"{len(objects)} objects, {len(findings)} findings")
    if not objects:
        return 1
    found = sorted(symbol for symbol, _ in findings)
    return 0 if found == sorted(arguments.expect) else 1


sys.exit(main())
