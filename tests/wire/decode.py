#!/usr/bin/env python3
"""A second decoder, after proto/README.md, that shares no code with the generator or the C codec: reads proto/*.toml,
decodes the golden vectors and compares verdicts and fields.

usage: decode.py [--schema FILE] VECTORS...
       decode.py --hex 92 01 81 01 00        shows one message
"""
import glob
import os
import sys
import tomllib

PROTO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "proto")
UNKNOWN_MAX, DEPTH_MAX, KEY_MAX = 4096, 16, 65535
NUMBERS = {"u8": (0, 2**8 - 1), "u16": (0, 2**16 - 1), "u32": (0, 2**32 - 1), "u64": (0, 2**64 - 1),
           "i64": (-2**63, 2**63 - 1)}


class Bad(Exception):
    """The verdict on what was read."""


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        if size > len(self.data) - self.at:
            raise Bad("truncated")
        self.at += size
        return self.data[self.at - size:self.at]

    def number(self, size, signed=False):
        return int.from_bytes(self.take(size), "big", signed=signed)

    def head(self):
        """(family, number or size or count, shortest form?) of the next value; its body is not read."""
        byte = self.number(1)
        if byte < 0x80:
            return "int", byte, True
        if byte < 0xc0:
            family, mask = (("map", 15), ("array", 15), ("str", 31), ("str", 31))[(byte - 0x80) // 16]
            return family, byte & mask, True
        if byte >= 0xe0:
            return "int", byte - 256, True
        if byte == 0xc1:
            raise Bad("bad-type")
        if byte in (0xc2, 0xc3):
            return "bool", byte - 0xc2, True
        for first, family, sizes, fits in ((0xc4, "bin", (1, 2, 4), 0), (0xcc, "int", (1, 2, 4, 8), 2**7),
                                           (0xd9, "str", (1, 2, 4), 2**5), (0xdc, "array", (2, 4), 2**4),
                                           (0xde, "map", (2, 4), 2**4)):
            if first <= byte < first + len(sizes):
                index = byte - first
                value = self.number(sizes[index])
                # The next shorter form holds everything below: the one before in the table, or the fix form.
                return family, value, value >= (fits if index == 0 else 2**(8 * sizes[index - 1]))
        if 0xd0 <= byte <= 0xd3:
            index = byte - 0xd0
            value = self.number(1 << index, signed=True)
            return "int", value, value < (-32 if index == 0 else -2**(8 * (1 << (index - 1)) - 1))
        if 0xc7 <= byte <= 0xc9:
            return "other", self.number(1 << (byte - 0xc7)) + 1, True
        return "other", {0xc0: 0, 0xca: 4, 0xcb: 8}.get(byte, (1 << max(0, byte - 0xd4)) + 1), True

    def expect(self, family):
        found, value, shortest = self.head()
        if found != family:
            raise Bad("bad-type")
        if not shortest:
            raise Bad("not-canonical")
        return value

    def integer(self, low, high):
        family, value, shortest = self.head()
        if family != "int" or value < 0 <= low:
            raise Bad("bad-type")
        if not shortest:
            raise Bad("not-canonical")
        if not low <= value <= high:
            raise Bad("out-of-range")
        return value

    def skip(self, depth=0):
        family, value, _ = self.head()
        if family in ("str", "bin", "other"):
            self.take(value)
        elif family in ("array", "map"):
            if depth == DEPTH_MAX:
                raise Bad("too-deep")
            for _ in range(value * (2 if family == "map" else 1)):
                self.skip(depth + 1)


class Protocol:
    def __init__(self, paths):
        self.enums, self.structs, self.ids = {}, {}, {}
        for path in paths:
            with open(path, "rb") as file:
                document = tomllib.load(file)
            self.enums |= document.get("enum", {})
            self.structs |= document.get("struct", {}) | document.get("message", {})
            self.ids |= {table["id"]: name for name, table in document.get("message", {}).items()}

    def message(self, cursor):
        if cursor.expect("array") != 2:
            raise Bad("bad-type")
        identity = cursor.integer(1, KEY_MAX)
        if identity not in self.ids:
            start = cursor.at
            cursor.expect("map")
            cursor.at = start
            cursor.skip()
            raise Bad("unknown-type")
        return self.ids[identity], self.struct(cursor, self.ids[identity])

    def struct(self, cursor, name):
        """{field name: value, "unknown": bytes}: only what differs from defaults."""
        fields = {field["key"]: field for field in self.structs[name].get("fields", [])}
        values, unknown, last = {}, b"", 0
        pairs = cursor.expect("map")
        if pairs > (len(cursor.data) - cursor.at) // 2:
            raise Bad("truncated")
        for _ in range(pairs):
            start = cursor.at
            key = cursor.integer(1, KEY_MAX)
            if key <= last:
                raise Bad("duplicate-key" if key == last else "not-canonical")
            last = key
            if key in fields:
                values[fields[key]["name"]] = self.field(cursor, fields[key])
                continue
            cursor.skip()
            unknown += cursor.data[start:cursor.at]
            if len(unknown) > UNKNOWN_MAX:
                raise Bad("too-large")
        if any(field.get("required") and field["name"] not in values for field in fields.values()):
            raise Bad("missing-field")
        return values | ({"unknown": unknown} if unknown else {})

    def field(self, cursor, field):
        if field["type"] == "list":
            count = cursor.expect("array")
            if count > field["max_items"]:
                raise Bad("too-large")
            if count < field.get("min_items", 0):
                raise Bad("out-of-range")
            value = [self.value(cursor, field["of"], field) for _ in range(count)]
            default = []
        else:
            value = self.value(cursor, field["type"], field)
            default = self.default(field)
        if not field.get("required") and type(value) is type(default) and value == default:
            raise Bad("not-canonical")
        return value

    def default(self, field):
        kind = field["type"]
        if kind in self.enums:
            values = self.enums[kind]["values"]
            return field.get("default", next((name for name, number in values.items() if number == 0), None))
        if kind in NUMBERS:
            return field.get("default", 0)
        return {"bool": field.get("default", False), "text": "", "bytes": bytes(field.get("bytes", 0))}.get(kind)

    def value(self, cursor, kind, field):
        if kind in NUMBERS:
            low, high = NUMBERS[kind]
            return cursor.integer(field.get("min", low), field.get("max", high))
        if kind == "bool":
            return bool(cursor.expect("bool"))
        if kind in self.enums:
            number = cursor.integer(0, 2**31 - 1)
            names = {value: name for name, value in self.enums[kind]["values"].items()}
            if number not in names and not (field.get("open") or self.enums[kind].get("open")):
                raise Bad("out-of-range")
            return names.get(number, number)
        if kind in self.structs:
            return self.struct(cursor, kind)
        size = cursor.expect("str" if kind == "text" else "bin")
        if size > field.get("bytes", field.get("max_bytes")):
            raise Bad("too-large")
        if size < field.get("bytes", field.get("min_bytes", 0)):
            raise Bad("out-of-range")
        data = cursor.take(size)
        if kind == "bytes":
            return data
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            raise Bad("bad-utf8") from None
        if "\0" in text:
            raise Bad("bad-utf8")
        return text

    def show(self, name, values):
        kinds = {field["name"]: field for field in self.structs[name].get("fields", [])}
        parts = []
        for field_name, value in values.items():
            field = kinds.get(field_name, {"type": "bytes"})
            if field["type"] == "list":
                text = "[" + ",".join(self.show_value(field["of"], item, field) for item in value) + "]"
            else:
                text = self.show_value(field["type"], value, field)
            parts.append((field_name == "unknown", field_name, text))
        return name + "{" + " ".join(f"{field_name}={text}" for _, field_name, text in
                                     sorted(parts, key=lambda part: part[0])) + "}"

    def show_value(self, kind, value, field):
        if kind in self.structs:
            return self.show(kind, value)
        if isinstance(value, bool):
            return str(value).lower()
        if field.get("show") == "secret":
            return f"({len(value)} secret bytes)"
        if isinstance(value, bytes):
            return "0x" + value[:32].hex() + (f"..({len(value)} bytes)" if len(value) > 32 else "")
        if kind == "text":
            data = value.encode()
            cut = data[:128].decode("utf-8", "ignore")
            shown = "".join(f"\\x{ord(char):02x}" if ord(char) < 32 or char in '"\\\x7f' else char for char in cut)
            return f'"{shown}"' + (f"..({len(data)} bytes)" if cut != value else "")
        if field.get("show") == "hex":
            return format(value, f"0{int(kind[1:]) // 4}x")
        return str(value)


def parse_hex(text):
    data = b""
    for word in text.split():
        byte, _, count = word.partition("*")
        data += bytes.fromhex(byte) * int(count or 1)
    return data


def decode(protocol, form, name, data):
    """(verdict, text)"""
    cursor = Cursor(data)
    try:
        if form == "struct":
            values = protocol.struct(cursor, name)
            if cursor.at != len(data):
                raise Bad("trailing-bytes")
        else:
            name, values = protocol.message(cursor)
    except Bad as verdict:
        return str(verdict), None
    return "ok", protocol.show(name, values)


def vectors(path):
    """(form, type name, vector name, {verdict, hex, dump}) of one golden file."""
    form, type_name, name, lines = None, None, None, {}
    with open(path, encoding="utf-8") as file:
        for line in [*file, "vector end\n"]:
            word, _, rest = line.rstrip("\n").partition(" ")
            if word in ("type", "vector") and name:
                yield form, type_name, name, lines
                name = None
            if word == "type":
                form, _, type_name = rest.partition(" ")
            elif word == "vector":
                name, lines = rest, {}
            elif word in ("verdict", "hex", "dump"):
                lines[word] = rest


def check(protocol, paths):
    count, failed = 0, 0
    for path in paths:
        for form, type_name, name, lines in vectors(path):
            verdict, text = decode(protocol, form, type_name, parse_hex(lines["hex"]))
            count += 1
            if verdict != lines["verdict"] or text != lines.get("dump"):
                print(f"{path}: {name}: {verdict} {text}\n  expected {lines['verdict']} {lines.get('dump')}")
                failed += 1
    print(f"{count} vectors, {failed} failed")
    return 1 if failed or count < 300 else 0


def main():
    arguments, schemas = sys.argv[1:], sorted(glob.glob(os.path.join(PROTO, "*.toml")))
    if arguments[:1] == ["--schema"]:
        schemas, arguments = arguments[1:2], arguments[2:]
    protocol = Protocol(schemas)
    if arguments[:1] == ["--hex"]:
        verdict, text = decode(protocol, "message", "", parse_hex(" ".join(arguments[1:])))
        print(verdict if text is None else text)
        return 0 if verdict == "ok" else 1
    return check(protocol, arguments)


if __name__ == "__main__":
    sys.exit(main())
