#!/usr/bin/env python3
"""Each mistake in a schema is an error that names file, line, place and what is wrong."""
import os
import subprocess
import sys
import tempfile
import unittest

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts")
GENERATOR = os.path.join(SCRIPTS, "generate-wire")
sys.path.insert(0, SCRIPTS)

from wiregen import schema  # noqa: E402

GOOD = """[enum.color]
values = { red = 0, green = 1 }

[struct.point]
fields = [
  { key = 1, name = "x", type = "u32", required = true },
]

[message.hello]
id = 1
fields = [
  { key = 1, name = "seq", type = "u64", required = true },
  FIELD
]
"""
LINE = 13  # of FIELD

# field of message hello -> what the error must say
FIELD_MISTAKES = [
    ('{ key = 1, name = "b", type = "u8" },', "message.hello.b: key 1 is taken already by 'seq'"),
    ('{ key = 2, name = "seq", type = "u8" },', "the name 'seq' is taken already by 'seq'"),
    ('{ key = 0, name = "b", type = "u8" },', "message.hello.b: key: expected a number 1..1023"),
    ('{ key = "2", name = "b", type = "u8" },', "key: expected a number"),
    ('{ name = "b", type = "u8" },', "key: expected a number"),
    ('{ key = 2, name = "b", type = "u12" },', "type: unknown type 'u12'"),
    ('{ key = 2, name = "b" },', "type: expected the name of a type"),
    ('{ key = 2, name = "B", type = "u8" },', "name: expected lower case"),
    ('{ key = 2, name = "int", type = "u8" },', "no C keyword"),
    ('{ key = 2, name = "unknown", type = "u8" },', "the name 'unknown' is taken already"),
    ('{ key = 2, name = "b", type = "u8", limit = 3 },', "unknown attribute 'limit'"),
    ('{ key = 2, name = "b", type = "u8", required = 1 },', "required: expected true or false"),
    ('{ key = 2, name = "b", type = "u8", max = 256 },', "min, max: expected 0 <= min <= max <= 255"),
    ('{ key = 2, name = "b", type = "u8", min = 5, max = 4 },', "min, max: expected"),
    ('{ key = 2, name = "b", type = "u8", max_bytes = 4 },', "max_bytes: has no meaning for 'u8'"),
    ('{ key = 2, name = "b", type = "u8", default = 300 },', "default: expected a number 0..255"),
    ('{ key = 2, name = "b", type = "u8", default = 3, required = true },', "default: only an optional"),
    ('{ key = 2, name = "b", type = "bool", default = 1 },', "default: expected true or false"),
    ('{ key = 2, name = "b", type = "color", default = "blue" },', "default: expected one of red, green"),
    ('{ key = 2, name = "b", type = "text" },', "max_bytes: 'text' needs a limit"),
    ('{ key = 2, name = "b", type = "text", max_bytes = 100000 },', "max_bytes: 'text' needs a limit 1..65536"),
    ('{ key = 2, name = "b", type = "text", bytes = 4 },', "bytes: has no meaning for 'text'"),
    ('{ key = 2, name = "b", type = "bytes" },', "max_bytes: 'bytes' needs a limit"),
    ('{ key = 2, name = "b", type = "bytes", max_bytes = 99999999 },', "max_bytes: 'bytes' needs a limit 1..4194304"),
    ('{ key = 2, name = "b", type = "bytes", bytes = 257 },', "bytes: expected a fixed size 1..256"),
    ('{ key = 2, name = "b", type = "bytes", bytes = 4, max_bytes = 4 },', "a fixed size excludes max_bytes"),
    ('{ key = 2, name = "b", type = "bytes", max_bytes = 4, min_bytes = 5 },', "min_bytes: expected 0..max_bytes"),
    ('{ key = 2, name = "b", type = "list", of = "u8" },', "max_items: a list needs a limit 1..65536"),
    ('{ key = 2, name = "b", type = "list", of = "u8", max_items = 65537 },', "max_items: a list needs a limit"),
    ('{ key = 2, name = "b", type = "list", of = "list", max_items = 2 },', "of: unknown type 'list'"),
    ('{ key = 2, name = "b", type = "list", max_items = 2 },', "type: expected the name of a type"),
    ('{ key = 2, name = "b", type = "list", of = "text", max_items = 2 },', "max_bytes: 'text' needs a limit"),
    ('{ key = 2, name = "b", type = "list", of = "u8", max_items = 2, default = 1 },', "default: only an optional"),
    ('{ key = 2, name = "b", type = "u8", of = "u8" },', "of: only a list has it"),
    ('{ key = 2, name = "b", type = "u64", since = 2, required = true },', "added later cannot be required"),
    ('{ key = 2, name = "b", type = "u64", since = 0 },', "since: expected a version >= 1"),
    ('{ key = 2, name = "b", type = "hello" },', "a struct cannot contain itself: hello -> hello"),
    ('{ key = 2, name = "b", type = "u8", show = "roman" },', "show: expected \"hex\""),
    ('{ key = 2, name = "b", type = "text", max_bytes = 4, show = "hex" },', "show: has no meaning for 'text'"),
]

# more text at the end -> what the error must say
SECTION_MISTAKES = [
    ("[message.other]\nid = 1\n", "message.other: id 1 is taken already by"),
    ("[message.other]\nid = 0\n", "id: expected a number 1..1023"),
    ("[message.other]\n", "id: expected a number"),
    ("[struct.other]\nid = 3\n", "unknown attribute 'id'"),
    ("[struct.hello]\n", "the name 'hello' is taken already by"),
    ("[struct.message]\n", "the name 'message' is reserved"),
    ("[struct.u8]\n", "the name 'u8' is reserved"),
    ("[struct.Big]\n", "names are lower case"),
    ("[thing.other]\n", "expected [enum.NAME], [struct.NAME] or [message.NAME]"),
    ("[enum.other]\n", "values: expected"),
    ("[enum.other]\nvalues = { a = 1, b = 1 }\n", "value 'b': 1 is taken already by 'a'"),
    ("[enum.other]\nvalues = { a = -1 }\n", "value 'a': expected a number"),
    ("[struct.other]\nfields = 3\n", "fields: expected a list"),
    ("[struct.other]\nfields = [{ key = 1 }]\n", "fields[0]: a field needs a name"),
    ("[struct.a]\nfields = [{ key = 1, name = \"b\", type = \"b\" }]\n"
     "[struct.b]\nfields = [{ key = 1, name = \"a\", type = \"list\", of = \"a\", max_items = 1 }]\n",
     "a struct cannot contain itself: a -> b -> a"),
    ("[struct.other\n", "(at line"),
    ("".join(f"[struct.s{i}]\nfields = [{{ key = 1, name = \"n\", type = \"s{i + 1}\" }}]\n" for i in range(8)) +
     "[struct.s8]\n", "structs nested more than 8 deep"),
]


class Schema(unittest.TestCase):
    def errors(self, text):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "bad.toml"), "w", encoding="utf-8") as file:
                file.write(text)
            try:
                schema.load(["bad.toml"], folder)
            except schema.SchemaErrors as errors:
                return str(errors)
        return ""

    def refused(self, text, expected):
        errors = self.errors(text)
        self.assertIn(expected, errors)
        return errors

    def test_good(self):
        self.assertEqual(self.errors(GOOD.replace("FIELD", "")), "")

    def test_command(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "bad.toml")
            with open(path, "w", encoding="utf-8") as file:
                file.write("[struct.u8]\n")
            result = subprocess.run([sys.executable, GENERATOR, "--check", path], capture_output=True, text=True,
                                    check=False)
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"bad\.toml:1: struct\.u8: the name 'u8' is reserved\n$")

    def test_fields(self):
        for field, expected in FIELD_MISTAKES:
            with self.subTest(field):
                errors = self.refused(GOOD.replace("FIELD", field), expected)
                if "contain itself" not in expected and "'seq' is taken" not in expected:
                    self.assertIn(f"bad.toml:{LINE}: message.hello.", errors)

    def test_sections(self):
        for text, expected in SECTION_MISTAKES:
            with self.subTest(text):
                self.refused(GOOD.replace("FIELD", "") + text, expected)

    def test_all_errors_at_once(self):
        errors = self.refused(GOOD.replace("FIELD", '{ key = 2, name = "b", type = "u12" },') + "[struct.u8]\n", "u12")
        self.assertIn("reserved", errors)


if __name__ == "__main__":
    unittest.main()
