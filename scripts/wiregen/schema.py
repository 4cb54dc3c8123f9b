"""Reads proto/*.toml into checked descriptions. Every error names file, line and place."""
import os
import re
import tomllib
from dataclasses import dataclass, field as dataclass_field

# Bounds on what a schema may ask for. A message must fit one stream frame, so nothing may be larger than this.
BYTES_MAX = 4 << 20
TEXT_BYTES_MAX = 64 << 10
FIXED_BYTES_MAX = 256
ITEMS_MAX = 65536
FIELDS_MAX = 64  # a decoder notes the keys it has seen in one 64-bit word
KEY_MAX = 1023  # of a field; the wire allows more, so that later versions have room
ID_MAX = 1023
DEPTH_MAX = 8  # decoders recurse along the schema only
ENUM_VALUE_MAX = (1 << 31) - 1

UNSIGNED_BITS = {"u8": 8, "u16": 16, "u32": 32, "u64": 64}
SCALARS = {"bool", "i64", "text", "bytes", *UNSIGNED_BITS}
RESERVED_TYPES = {"message", "message_type", "verdict", "arena", "arena_block", "reader", "writer", "map", "put",
                  "list", *SCALARS}
C_KEYWORDS = set("""auto break case char const continue default do double else enum extern float for goto if inline
int long register restrict return short signed sizeof static struct switch typedef union unsigned void volatile
while bool true false""".split())
NAME = re.compile(r"[a-z][a-z0-9_]*")

FIELD_ATTRIBUTES = {"key", "name", "type", "doc", "required", "since", "default", "min", "max", "bytes",
                    "max_bytes", "min_bytes", "max_items", "min_items", "of", "open", "show"}


class SchemaErrors(Exception):
    """One line for each error found."""

    def __init__(self, lines):
        super().__init__("\n".join(lines))


@dataclass
class Enum:
    name: str
    doc: str
    values: dict
    open: bool
    since: int
    place: str


@dataclass
class Value:
    """One value: a field's, or an element's of a list. kind: bool unsigned signed text bytes fixed enum struct."""
    kind: str
    type: str
    ref: object = None  # Enum or Struct
    min: int = 0
    max: int = 0
    min_bytes: int = 0
    max_bytes: int = 0
    size_bytes: int = 0  # of a fixed one
    open: bool = False
    show_hex: bool = False  # in dumps: ids and hashes, with all their digits
    secret: bool = False  # in dumps: only its size


@dataclass
class Field:
    key: int
    name: str
    doc: str
    since: int
    required: bool
    value: Value
    is_list: bool
    min_items: int
    max_items: int
    default: object  # None where "absent" is the only default: text, bytes, list, struct
    place: str

    @property
    def has_flag(self):
        """An optional struct needs a flag; everything else is absent when it equals its default."""
        return not self.required and not self.is_list and self.value.kind == "struct"


@dataclass
class Struct:
    name: str
    doc: str
    since: int
    id: int | None  # of a message
    fields: list
    place: str
    depth: int = 1

    def min_size_bytes(self):
        """The least number of bytes of an encoded one, elements of lists not counted."""
        total = 1
        for field in self.fields:
            if field.required:
                total += (1 if field.key < 128 else 2 if field.key < 256 else 3)
                total += 1 if field.is_list else value_min_size_bytes(field.value)
        return total


def value_min_size_bytes(value):
    if value.kind == "text":
        return 1 + value.min_bytes
    if value.kind == "bytes":
        return 2 + value.min_bytes
    if value.kind == "fixed":
        return 2 + value.size_bytes
    if value.kind == "struct":
        return value.ref.min_size_bytes()
    return 1


@dataclass
class Protocol:
    enums: list
    structs: list  # each after everything it refers to
    version: int
    files: list

    @property
    def messages(self):
        return sorted((s for s in self.structs if s.id is not None), key=lambda s: s.id)


@dataclass
class Loader:
    errors: list = dataclass_field(default_factory=list)
    sources: dict = dataclass_field(default_factory=dict)  # path -> lines

    def fail(self, place, what):
        self.errors.append(f"{place}: {what}")

    def locate(self, path, section, name=None):
        """file:line of [section], or of the line inside it that holds name = "name"."""
        found = None
        for number, line in enumerate(self.sources[path], 1):
            if re.match(rf"\s*\[+\s*{re.escape(section)}\s*\]", line):
                found = number
                if name is None:
                    break
            elif found is not None and re.match(r"\s*\[[a-z]", line):
                break
            elif found is not None and name is not None and re.search(rf'\bname\s*=\s*"{re.escape(name)}"', line):
                return f"{path}:{number}: {section}.{name}"
        where = f"{path}:{found or 1}: {section}"
        return where if name is None else f"{where}.{name}"


def is_int(value):
    return isinstance(value, int) and not isinstance(value, bool)


def load(paths, root="."):
    """`paths` are relative to `root`; errors name them as they are given here."""
    loader = Loader()
    enums, structs = {}, {}
    for path in paths:
        load_file(loader, root, path, enums, structs)
    check_ids(loader, structs)
    for struct in structs.values():
        struct.fields = [resolve_field(loader, struct, raw, enums, structs) for raw in struct.fields]
        struct.fields = sorted((f for f in struct.fields if f is not None), key=lambda f: f.key)
        check_members(loader, struct)
    order = sort_structs(loader, structs) if not loader.errors else []
    if not loader.errors:
        for place, lines in check_sizes(order):
            loader.fail(place, lines)
    if loader.errors:
        raise SchemaErrors(loader.errors)
    since = [s.since for s in order] + [f.since for s in order for f in s.fields] + [e.since for e in enums.values()]
    return Protocol(list(enums.values()), order, max(since, default=1), list(paths))


def load_file(loader, root, path, enums, structs):
    try:
        with open(os.path.join(root, path), "rb") as file:
            data = file.read()
        loader.sources[path] = data.decode("utf-8").splitlines()
        document = tomllib.loads(data.decode("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        loader.fail(path, error)
        return
    for section, tables in document.items():
        if section not in ("enum", "struct", "message") or not isinstance(tables, dict):
            loader.fail(f"{path}: {section}", "expected [enum.NAME], [struct.NAME] or [message.NAME]")
            continue
        for name, table in tables.items():
            place = loader.locate(path, f"{section}.{name}")
            if not isinstance(table, dict):
                loader.fail(place, "expected a table")
            elif not check_type_name(loader, place, name):
                continue
            elif name in enums or name in structs:
                other = (enums.get(name) or structs.get(name)).place
                loader.fail(place, f"the name '{name}' is taken already by {other}")
            elif section == "enum":
                enums[name] = load_enum(loader, place, name, table)
            else:
                structs[name] = load_struct(loader, path, section, place, name, table)


def check_type_name(loader, place, name):
    if not NAME.fullmatch(name) or name.endswith("_"):
        loader.fail(place, "names are lower case letters, digits and '_'")
    elif name in RESERVED_TYPES or name in C_KEYWORDS:
        loader.fail(place, f"the name '{name}' is reserved")
    else:
        return True
    return False


def check_attributes(loader, place, table, allowed):
    for name in table:
        if name not in allowed:
            loader.fail(place, f"unknown attribute '{name}' (known: {', '.join(sorted(allowed))})")


def load_since(loader, place, table, lowest=1):
    since = table.get("since", lowest)
    if not is_int(since) or since < lowest:
        loader.fail(place, f"since: expected a version >= {lowest}")
        return lowest
    return since


def load_enum(loader, place, name, table):
    check_attributes(loader, place, table, {"doc", "values", "open", "since"})
    values = table.get("values")
    if not isinstance(values, dict) or not values:
        loader.fail(place, "values: expected { name = number, ... }")
        values = {}
    seen = {}
    for value_name, number in values.items():
        if not NAME.fullmatch(value_name):
            loader.fail(place, f"value '{value_name}': names are lower case letters, digits and '_'")
        if not is_int(number) or not 0 <= number <= ENUM_VALUE_MAX:
            loader.fail(place, f"value '{value_name}': expected a number 0..{ENUM_VALUE_MAX}")
        elif number in seen:
            loader.fail(place, f"value '{value_name}': {number} is taken already by '{seen[number]}'")
        seen.setdefault(number, value_name)
    return Enum(name, table.get("doc", ""), values, table.get("open", False) is True,
                load_since(loader, place, table), place)


def load_struct(loader, path, section, place, name, table):
    check_attributes(loader, place, table,
                     {"doc", "fields", "since"} | ({"id"} if section == "message" else set()))
    message_id = None
    if section == "message":
        message_id = table.get("id")
        if not is_int(message_id) or not 1 <= message_id <= ID_MAX:
            loader.fail(place, f"id: expected a number 1..{ID_MAX}")
            message_id = 0
    fields = table.get("fields", [])
    if not isinstance(fields, list) or not all(isinstance(f, dict) for f in fields):
        loader.fail(place, "fields: expected a list of { key = , name = , type = , ... }")
        fields = []
    if len(fields) > FIELDS_MAX:
        loader.fail(place, f"more than {FIELDS_MAX} fields: move some into a struct of their own")
    raw = []
    for index, field in enumerate(fields):
        field_name = field.get("name")
        if isinstance(field_name, str):
            raw.append((loader.locate(path, f"{section}.{name}", field_name), field))
        else:
            loader.fail(f"{place}.fields[{index}]", "a field needs a name")
    return Struct(name, table.get("doc", ""), load_since(loader, place, table), message_id, raw, place)


def check_ids(loader, structs):
    seen = {}
    for struct in structs.values():
        if struct.id is None:
            continue
        if struct.id in seen:
            loader.fail(struct.place, f"id {struct.id} is taken already by {seen[struct.id].place}")
        seen.setdefault(struct.id, struct)


def resolve_field(loader, struct, raw, enums, structs):
    place, table = raw
    errors_before = len(loader.errors)
    check_attributes(loader, place, table, FIELD_ATTRIBUTES)
    key = table.get("key")
    if not is_int(key) or not 1 <= key <= KEY_MAX:
        loader.fail(place, f"key: expected a number 1..{KEY_MAX}")
    name = table["name"]
    if not NAME.fullmatch(name) or name in C_KEYWORDS:
        loader.fail(place, "name: expected lower case letters, digits and '_', and no C keyword")
    required = table.get("required", False)
    if not isinstance(required, bool):
        loader.fail(place, "required: expected true or false")
    is_list = table.get("type") == "list"
    min_items, max_items = load_items(loader, place, table, is_list)
    value = resolve_value(loader, place, table, table.get("of") if is_list else table.get("type"), enums, structs)
    if value is None or len(loader.errors) > errors_before:
        return None
    default = resolve_default(loader, place, table, value, is_list, required)
    since = load_since(loader, place, table, struct.since)
    if required and since > struct.since:
        loader.fail(place, "a field that is added later cannot be required: older peers do not send it")
    return Field(key, name, table.get("doc", ""), since, required, value, is_list, min_items, max_items, default,
                 place)


def load_items(loader, place, table, is_list):
    if not is_list:
        for attribute in ("of", "max_items", "min_items"):
            if attribute in table:
                loader.fail(place, f"{attribute}: only a list has it")
        return 0, 0
    max_items, min_items = table.get("max_items"), table.get("min_items", 0)
    if not is_int(max_items) or not 1 <= max_items <= ITEMS_MAX:
        loader.fail(place, f"max_items: a list needs a limit 1..{ITEMS_MAX}")
        return 0, 0
    if not is_int(min_items) or not 0 <= min_items <= max_items:
        loader.fail(place, "min_items: expected 0..max_items")
        return 0, 0
    return min_items, max_items


def resolve_value(loader, place, table, type_name, enums, structs):
    if not isinstance(type_name, str):
        loader.fail(place, "type: expected the name of a type (a list names its elements' with of = )")
        return None
    known = SCALARS | set(enums) | set(structs)
    if type_name not in known:
        what = "of" if table.get("type") == "list" else "type"
        loader.fail(place, f"{what}: unknown type '{type_name}'")
        return None
    numeric = type_name in UNSIGNED_BITS or type_name == "i64"
    for attribute, allowed in (("min", numeric), ("max", numeric), ("bytes", type_name == "bytes"),
                               ("max_bytes", type_name in ("text", "bytes")),
                               ("min_bytes", type_name in ("text", "bytes")), ("open", type_name in enums),
                               ("show", type_name in UNSIGNED_BITS or type_name == "bytes")):
        if attribute in table and not allowed:
            loader.fail(place, f"{attribute}: has no meaning for '{type_name}'")
    if numeric:
        return resolve_number(loader, place, table, type_name)
    if type_name in ("text", "bytes"):
        return resolve_run(loader, place, table, type_name)
    if type_name in enums:
        enum = enums[type_name]
        return Value("enum", type_name, ref=enum, open=enum.open or table.get("open", False) is True)
    if type_name in structs:
        return Value("struct", type_name, ref=structs[type_name])
    return Value("bool", "bool")


def type_range(type_name):
    return (-(1 << 63), (1 << 63) - 1) if type_name == "i64" else (0, (1 << UNSIGNED_BITS[type_name]) - 1)


def resolve_number(loader, place, table, type_name):
    kind = "signed" if type_name == "i64" else "unsigned"
    lowest, highest = type_range(type_name)
    least, most = table.get("min", lowest), table.get("max", highest)
    if not is_int(least) or not is_int(most) or not lowest <= least <= most <= highest:
        loader.fail(place, f"min, max: expected {lowest} <= min <= max <= {highest}")
        return None
    if table.get("show", "hex") != "hex":
        loader.fail(place, 'show: expected "hex" (decimal is the default)')
    return Value(kind, type_name, min=least, max=most, show_hex="show" in table)


def resolve_run(loader, place, table, type_name):
    """Text or bytes: a fixed size or a limit."""
    secret = "show" in table
    if secret and table["show"] != "secret":
        loader.fail(place, 'show: expected "secret" (hex is the default)')
    if "bytes" in table:
        size = table["bytes"]
        if not is_int(size) or not 1 <= size <= FIXED_BYTES_MAX:
            loader.fail(place, f"bytes: expected a fixed size 1..{FIXED_BYTES_MAX}")
        elif "max_bytes" in table or "min_bytes" in table:
            loader.fail(place, "bytes: a fixed size excludes max_bytes and min_bytes")
        else:
            return Value("fixed", type_name, size_bytes=size, secret=secret)
        return None
    bound = TEXT_BYTES_MAX if type_name == "text" else BYTES_MAX
    most, least = table.get("max_bytes"), table.get("min_bytes", 0)
    if not is_int(most) or not 1 <= most <= bound:
        loader.fail(place, f"max_bytes: '{type_name}' needs a limit 1..{bound}")
        return None
    if not is_int(least) or not 0 <= least <= most:
        loader.fail(place, "min_bytes: expected 0..max_bytes")
        return None
    return Value(type_name, type_name, min_bytes=least, max_bytes=most, secret=secret)


def resolve_default(loader, place, table, value, is_list, required):
    default = table.get("default")
    if "default" in table and (required or is_list or value.kind in ("text", "bytes", "fixed", "struct")):
        loader.fail(place, "default: only an optional number, bool or enum has one")
        return None
    if required or is_list or value.kind in ("text", "bytes", "fixed", "struct"):
        return None
    if value.kind == "bool":
        if default is not None and not isinstance(default, bool):
            loader.fail(place, "default: expected true or false")
        return bool(default)
    if value.kind == "enum":
        names = {number: name for name, number in value.ref.values.items()}
        if default is None and 0 in names:
            return names[0]
        if default not in value.ref.values:
            loader.fail(place, f"default: expected one of {', '.join(value.ref.values)}")
        return default
    if default is None:
        return 0
    lowest, highest = type_range(value.type)
    if not is_int(default) or not lowest <= default <= highest:
        loader.fail(place, f"default: expected a number {lowest}..{highest}")
        return 0
    return default


def check_members(loader, struct):
    """Keys, and the names of the C members that fields become, are unique."""
    keys, members = {}, {"unknown": "the unknown fields"}
    for field in struct.fields:
        if field.key in keys:
            loader.fail(field.place, f"key {field.key} is taken already by '{keys[field.key]}'")
        keys.setdefault(field.key, field.name)
        extra = [f"has_{field.name}"] if field.has_flag else [f"{field.name}_count"] if field.is_list else []
        for member in [field.name, *extra]:
            if member in members:
                loader.fail(field.place, f"the name '{member}' is taken already by {members[member]}")
            members.setdefault(member, f"'{field.name}'")


def sort_structs(loader, structs):
    """Each struct after those it refers to; a cycle is an error, since decoders recurse along the schema."""
    order, state = [], {}

    def visit(struct, path):
        if state.get(struct.name) == "done":
            return
        if struct.name in path:
            cycle = " -> ".join(path[path.index(struct.name):] + [struct.name])
            loader.fail(struct.place, f"a struct cannot contain itself: {cycle}")
            state[struct.name] = "done"
            return
        for field in struct.fields:
            if field.value.kind == "struct":
                visit(field.value.ref, path + [struct.name])
                struct.depth = max(struct.depth, field.value.ref.depth + 1)
        if state.get(struct.name) != "done":
            state[struct.name] = "done"
            order.append(struct)

    for struct in structs.values():
        visit(struct, [])
    return order


def check_sizes(order):
    for struct in order:
        if struct.depth > DEPTH_MAX:
            yield struct.place, f"structs nested more than {DEPTH_MAX} deep"
