"""Golden vectors: for each type of the schema, samples that must be accepted, and one sample for each way to break each
rule of each of its fields. Also encodes tests/wire/examples.toml."""
import os
import tomllib

from .pack import (array_head, big, bytes_head, dump_struct, is_absent, map_head, pack_field, pack_int,
                   pack_int_longer, pack_map, pack_value, pairs_of, text_head, wrap)
from .schema import value_min_size_bytes

UNKNOWN_BYTES_MAX = 4096
DEPTH_MAX = 16
NIL, RESERVED = b"\xc0", b"\xc1"

# --- samples ---------------------------------------------------------------------------------------------------


def least(value):
    if value.kind == "bool":
        return False
    if value.kind in ("unsigned", "signed"):
        return value.min
    if value.kind == "enum":
        return min(value.ref.values, key=value.ref.values.get)
    if value.kind == "text":
        return "a" * value.min_bytes
    if value.kind == "bytes":
        return b"\x01" * value.min_bytes
    if value.kind == "fixed":
        return bytes(value.size_bytes)
    return required_only(value.ref)


def required_only(struct):
    return {field.name: [least(field.value)] * field.min_items if field.is_list else least(field.value)
            for field in struct.fields if field.required}


def most(value):
    if value.kind == "bool":
        return True
    if value.kind in ("unsigned", "signed"):
        return value.max
    if value.kind == "enum":
        return max(value.ref.values, key=value.ref.values.get)
    if value.kind == "text":
        return "z" * value.max_bytes
    if value.kind == "bytes":
        return b"\xff" * value.max_bytes
    if value.kind == "fixed":
        return b"\xff" * value.size_bytes
    return full(value.ref)


def typical(field, index=0):
    """A value in the middle that differs from the default."""
    value, seed = field.value, field.key + 10 * index
    if value.kind == "bool":
        return index % 2 == 0 if field.is_list else not field.default
    if value.kind in ("unsigned", "signed"):
        wanted = -1000 * seed if value.kind == "signed" else 10 ** (1 + seed % 12) + seed
        number = min(max(wanted, value.min), value.max)
        return number if number != field.default else value.max if value.max != field.default else value.min
    if value.kind == "enum":
        names = [name for name in value.ref.values if name != field.default] or list(value.ref.values)
        return names[seed % len(names)]
    if value.kind == "text":
        return f"{field.name}-\u00e9{index}"[:value.max_bytes // 2 or 1].ljust(value.min_bytes, "a")
    if value.kind == "bytes":
        return bytes((seed + i) % 256 for i in range(max(value.min_bytes, min(value.max_bytes, 5))))
    if value.kind == "fixed":
        return bytes((seed + i) % 256 for i in range(value.size_bytes))
    return full(value.ref)


def full(struct):
    return {field.name: [typical(field, i) for i in range(min(field.max_items, max(2, field.min_items)))]
            if field.is_list else typical(field) for field in struct.fields}


# --- vectors ---------------------------------------------------------------------------------------------------


class Vectors:
    """The vectors of one type; each starts from the pairs of a good sample and changes one thing."""

    def __init__(self, struct):
        self.struct = struct
        self.base = pairs_of(struct, full(struct))
        self.items = []

    def accept(self, name, values, extra=()):
        pairs = sorted([*pairs_of(self.struct, values), *extra])
        unknown = b"".join(pack_int(key) + raw for key, raw in sorted(extra))
        self.items.append((name, "ok", wrap(self.struct, pairs), dump_struct(self.struct, values, unknown)))

    def reject(self, name, verdict, data):
        self.items.append((name, verdict, data, None))

    def reject_field(self, field, name, verdict, raw, extra=()):
        """`raw` in place of the field's value; nothing else changes. None: the field is left out."""
        pairs = [(key, value) for key, value in self.base if key != field.key] + list(extra)
        if raw is not None:
            pairs = sorted([*pairs, (field.key, raw)])
        self.reject(f"{field.name}-{name}", verdict, wrap(self.struct, pairs))


def vectors_of(struct):
    vectors = Vectors(struct)
    vectors.accept("required-only", required_only(struct))
    vectors.accept("full", full(struct))
    free = [key for key in range(1, 70) if key not in {field.key for field in struct.fields}][0]
    known = max((field.key for field in struct.fields), default=0)
    vectors.accept("unknown-fields", full(struct), [(free, b"\x01"), (known + 1000, b"\x93\x01\xa1a\xc0"),
                                                    (65535, b"\xcb" + bytes(8))])
    for field in struct.fields:
        add_limits(vectors, field)
        add_field_rules(vectors, field)
    add_map_rules(vectors, known)
    return vectors.items


def add_limits(vectors, field):
    """Exactly at a limit is still good. Large limits are left out: the vectors should stay readable."""
    value, values = field.value, full(vectors.struct)
    if value.kind in ("text", "bytes") and value.max_bytes <= UNKNOWN_BYTES_MAX or \
            value.kind in ("unsigned", "signed"):
        edges = [("at-most", most(value))]
        if value.kind in ("unsigned", "signed"):
            edges.append(("at-least", least(value)))
        for name, data in edges:
            if field.is_list:
                data = [data]
            if field.is_list and field.min_items > 1 or is_absent(field, data):
                continue
            vectors.accept(f"{field.name}-{name}", {**values, field.name: data})
    if field.is_list and field.max_items <= 64:
        vectors.accept(f"{field.name}-most", {**values, field.name: [least(value)] * field.max_items})


def add_field_rules(vectors, field):
    if field.required:
        vectors.reject_field(field, "missing", "missing-field", None)
    vectors.reject_field(field, "nil", "bad-type", NIL)
    vectors.reject_field(field, "reserved-byte", "bad-type", RESERVED)
    if not field.required and not field.has_flag:
        default = [] if field.is_list else field.default if field.default is not None else \
            {"text": "", "bytes": b""}.get(field.value.kind, bytes(field.value.size_bytes))
        in_range = field.value.kind not in ("unsigned", "signed") or field.is_list or \
            field.value.min <= default <= field.value.max
        verdict = "not-canonical"
        if not in_range or field.is_list and field.min_items or field.value.min_bytes and not field.is_list:
            verdict = "out-of-range"
        vectors.reject_field(field, "default-encoded", verdict, pack_field(field, default))
    if field.is_list:
        # The announced count is judged before any element is read, so the elements can be missing here.
        vectors.reject_field(field, "too-many", "too-large", array_head(field.max_items + 1))
        vectors.reject_field(field, "not-shortest", "not-canonical",
                             b"\xdc\x00\x01" + pack_value(field.value, typical(field)))
        if field.min_items > 0:
            vectors.reject_field(field, "too-few", "out-of-range", array_head(field.min_items - 1))
        # A decoder may say "truncated" when a count cannot fit what is left: an unknown field makes it fit.
        count = max(1, field.min_items)
        room = count * value_min_size_bytes(field.value)
        padding = (max(f.key for f in vectors.struct.fields) + 1000, bytes_head(room) + bytes(room))
        for name, verdict, raw in value_rules(field):
            vectors.reject_field(field, f"element-{name}", verdict, array_head(count) + raw +
                                 pack_value(field.value, typical(field)) * (count - 1), [padding])
    else:
        for name, verdict, raw in value_rules(field):
            vectors.reject_field(field, name, verdict, raw)


def value_rules(field):
    """(name, verdict, bytes) for each rule that a value of this type can break."""
    value = field.value
    if value.kind == "bool":
        yield "number", "bad-type", b"\x01"
    elif value.kind in ("unsigned", "signed"):
        yield from number_rules(value, typical(field))
    elif value.kind == "enum":
        yield "negative", "bad-type", pack_int(-1)
        yield "beyond", "out-of-range", pack_int(1 << 31)
        if not value.open:
            yield "unknown-value", "out-of-range", pack_int(max(value.ref.values.values()) + 1)
    elif value.kind == "struct":
        yield "array", "bad-type", b"\x90"
        yield "key-zero", "out-of-range", b"\x81\x00\xc0"
    else:
        yield from run_rules(value, typical(field))


def number_rules(value, sample):
    longer = pack_int_longer(sample)
    if longer is not None:
        yield "not-shortest", "not-canonical", longer
    yield "float", "bad-type", b"\xca\x3f\x80\x00\x00"
    if value.kind == "unsigned":
        yield "negative", "bad-type", pack_int(-1)
    if value.min > (0 if value.kind == "unsigned" else -(1 << 63)):
        yield "below-min", "out-of-range", pack_int(value.min - 1)
    if value.max < (1 << 64) - 1:
        yield "above-max", "out-of-range", pack_int(value.max + 1)


def run_rules(value, sample):
    if value.kind == "text":
        yield "binary", "bad-type", bytes_head(1) + b"a"
        yield "not-shortest", "not-canonical", b"\xd9\x01a"
        bad = b"a" * max(0, value.min_bytes - 2)
        if value.max_bytes >= len(bad) + 2:
            yield "bad-utf8", "bad-utf8", text_head(len(bad) + 2) + bad + b"\xc3\x28"
        if value.max_bytes >= len(bad) + 3:
            yield "surrogate", "bad-utf8", text_head(len(bad) + 3) + bad + b"\xed\xa0\x80"
        yield "nul", "bad-utf8", text_head(max(1, value.min_bytes)) + bytes(max(1, value.min_bytes))
        yield "too-long", "too-large", text_head(value.max_bytes + 1)
        if value.min_bytes:
            yield "too-short", "out-of-range", text_head(value.min_bytes - 1)
        return
    size = value.size_bytes or value.max_bytes
    yield "text", "bad-type", text_head(1) + b"a"
    yield "not-shortest", "not-canonical", b"\xc5" + big(len(sample), 2) + sample if len(sample) < 256 else \
        b"\xc6" + big(len(sample), 4) + sample
    yield "too-long", "too-large", bytes_head(size + 1)
    if value.size_bytes or value.min_bytes:
        yield "too-short", "out-of-range", bytes_head((value.size_bytes or value.min_bytes) - 1)


def add_map_rules(vectors, known):
    struct, base = vectors.struct, vectors.base
    whole = wrap(struct, base)
    prefix = b"" if struct.id is None else array_head(2) + pack_int(struct.id)
    vectors.reject("truncated", "truncated", whole[:-1])
    vectors.reject("empty-input", "truncated", b"")
    vectors.reject("array-for-map", "bad-type", prefix + b"\x90")
    vectors.reject("map-not-shortest", "not-canonical", prefix + b"\xde" + big(len(base), 2) + pack_map(base)[1:]
                   if len(base) < 16 else prefix + b"\xdf" + big(len(base), 4) + pack_map(base)[3:])
    vectors.reject("more-pairs-announced", "truncated", prefix + map_head(65535))
    vectors.reject("key-zero", "out-of-range", wrap(struct, [(0, b"\x01"), *base]))
    vectors.reject("key-beyond", "out-of-range", wrap(struct, [*base, (65536, b"\x01")]))
    vectors.reject("key-text", "bad-type", prefix + map_head(1) + b"\xa1a\x01")
    vectors.reject("key-not-shortest", "not-canonical",
                   prefix + map_head(1) + b"\xcc\x01" + (base[0][1] if base else b"\x01"))
    unknown = known + 1000
    vectors.reject("unknown-twice", "duplicate-key", wrap(struct, [*base, (unknown, b"\x01"), (unknown, b"\x01")]))
    vectors.reject("unknown-descending", "not-canonical",
                   wrap(struct, [*base, (unknown, b"\x01"), (unknown - 1, b"\x01")]))
    room = UNKNOWN_BYTES_MAX - len(pack_int(unknown)) - len(bytes_head(UNKNOWN_BYTES_MAX))
    vectors.accept("unknown-at-most", full(struct), [(unknown, bytes_head(room) + b"u" * room)])
    vectors.reject("unknown-too-large", "too-large",
                   wrap(struct, [*base, (unknown, bytes_head(room + 1) + b"u" * (room + 1))]))
    vectors.accept("unknown-deepest", full(struct), [(unknown, b"\x91" * (DEPTH_MAX - 1) + b"\x90")])
    vectors.reject("unknown-too-deep", "too-deep", wrap(struct, [*base, (unknown, b"\x91" * DEPTH_MAX + b"\x90")]))
    vectors.reject("unknown-reserved-byte", "bad-type", wrap(struct, [*base, (unknown, RESERVED)]))
    vectors.reject("unknown-truncated", "truncated", wrap(struct, [*base, (unknown, b"\xdd\xff\xff\xff\xff")]))
    for key, raw in base[:1]:
        vectors.reject("duplicate-key", "duplicate-key", wrap(struct, [(key, raw), *base]))
    if len(base) > 1:
        vectors.reject("keys-descending", "not-canonical", wrap(struct, [base[1], base[0], *base[2:]]))
    if struct.id is None:
        vectors.reject("trailing-bytes", "trailing-bytes", whole + b"\x00")


def message_vectors(protocol):
    """The top-level form, whatever the message."""
    free = max(message.id for message in protocol.messages) + 1
    good = wrap(protocol.messages[0], pairs_of(protocol.messages[0], full(protocol.messages[0])))
    identity = pack_int(protocol.messages[0].id)
    return [("unknown-type", "unknown-type", b"\x92" + pack_int(free) + b"\x81\x01\x93\x01\x02\xa1a", None),
            ("unknown-type-highest", "unknown-type", b"\x92" + pack_int(65535) + b"\x80", None),
            ("unknown-type-not-map", "bad-type", b"\x92" + pack_int(free) + b"\x90", None),
            ("unknown-type-too-deep", "too-deep",
             b"\x92" + pack_int(free) + b"\x81\x01" + b"\x91" * (DEPTH_MAX - 1) + b"\x90", None),
            ("unknown-type-truncated", "truncated", b"\x92" + pack_int(free) + b"\x81\x01", None),
            ("id-zero", "out-of-range", b"\x92\x00\x80", None),
            ("id-beyond", "out-of-range", b"\x92" + pack_int(65536) + b"\x80", None),
            ("id-not-shortest", "not-canonical", b"\x92\xcc" + identity + good[1 + len(identity):], None),
            ("id-text", "bad-type", b"\x92\xa1a\x80", None),
            ("array-of-one", "bad-type", b"\x91" + identity, None),
            ("array-of-three", "bad-type", b"\x93" + good[1:] + b"\x00", None),
            ("array-not-shortest", "not-canonical", b"\xdc\x00\x02" + good[1:], None),
            ("map", "bad-type", b"\x80", None),
            ("empty-input", "truncated", b"", None)]


def example_vectors(protocol, path):
    """What tests/wire/examples.toml writes out by hand: [[example]] name, message, fields."""
    with open(path, "rb") as file:
        document = tomllib.load(file)
    messages = {message.name: message for message in protocol.messages}
    for example in document.get("example", []):
        struct = messages[example["message"]]
        values = from_toml(struct, example.get("fields", {}))
        yield example["name"], "ok", wrap(struct, pairs_of(struct, values)), dump_struct(struct, values)


def from_toml(struct, fields):
    known = {field.name: field for field in struct.fields}
    values = {}
    for name, data in fields.items():
        field = known[name]
        values[name] = [value_from_toml(field.value, item) for item in data] if field.is_list else \
            value_from_toml(field.value, data)
    return values


def value_from_toml(value, data):
    if value.kind in ("bytes", "fixed"):
        return bytes.fromhex(data)
    if value.kind == "struct":
        return from_toml(value.ref, data)
    return data


# --- files -----------------------------------------------------------------------------------------------------


def hex_text(data):
    """Two digits a byte; a run of more than 8 equal bytes as DD*COUNT."""
    words, at = [], 0
    while at < len(data):
        run = 1
        while at + run < len(data) and data[at + run] == data[at]:
            run += 1
        words += [f"{data[at]:02x}*{run}"] if run > 8 else [f"{data[at]:02x}"] * run
        at += run
    return " ".join(words)


def render(title, type_line, vectors):
    lines = [f"# {title}", "# Written by scripts/generate-wire --golden; see proto/README.md, \"Vectors\".", type_line]
    for name, verdict, data, shown in vectors:
        lines += ["", f"vector {name}", f"verdict {verdict}", f"hex {hex_text(data)}".rstrip()]
        lines += [f"dump {shown}"] if shown is not None else []
    return "\n".join(lines) + "\n"


def generate(protocol, examples):
    """{file name: text} of all golden files."""
    files = {}
    for struct in protocol.structs:
        form = "struct" if struct.id is None else "message"
        files[f"{struct.name}.txt"] = render(f"{form} {struct.name}", f"type {form} {struct.name}", vectors_of(struct))
    files["_message.txt"] = render("the top-level form", "type message", message_vectors(protocol))
    if os.path.isfile(examples):
        files["_examples.txt"] = render("tests/wire/examples.toml", "type message",
                                        list(example_vectors(protocol, examples)))
    return files


def seeds(protocol):
    """{file name: bytes}: the first inputs of the fuzzer, one message of each type and one datagram of several."""
    files = {}
    for message in protocol.messages:
        files[f"{message.name}-full"] = wrap(message, pairs_of(message, full(message)))
        files[f"{message.name}-required-only"] = wrap(message, pairs_of(message, required_only(message)))
    files["datagram"] = b"".join(data for name, data in sorted(files.items()) if name.endswith("required-only"))
    files["unknown-type"] = message_vectors(protocol)[0][2] + files["datagram"]
    return files
