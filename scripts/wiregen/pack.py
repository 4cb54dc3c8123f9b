"""A reference encoder: values of the schema, as Python has them, to bytes and to what the C dump functions print."""

DUMP_BYTES_MAX, DUMP_TEXT_MAX = 32, 128

# --- msgpack ---------------------------------------------------------------------------------------------------


def big(value, size):
    return value.to_bytes(size, "big", signed=value < 0)


def pack_int(value):
    if 0 <= value < 128 or -32 <= value < 0:
        return big(value, 1)
    for lead, size in ((0xcc, 1), (0xcd, 2), (0xce, 4), (0xcf, 8)) if value >= 0 else \
            ((0xd0, 1), (0xd1, 2), (0xd2, 4), (0xd3, 8)):
        bits = 8 * size
        if value < 1 << bits and (value >= 0 or value >= -(1 << (bits - 1))):
            return bytes([lead]) + big(value, size)
    raise ValueError(value)


def pack_int_longer(value):
    """The next longer spelling of a number; None where there is none."""
    packed = pack_int(value)
    if len(packed) == 9:
        return None
    size = 1 if len(packed) == 1 else (len(packed) - 1) * 2
    lead = {1: 0xcc, 2: 0xcd, 4: 0xce, 8: 0xcf}[size] if value >= 0 else {1: 0xd0, 2: 0xd1, 4: 0xd2, 8: 0xd3}[size]
    return bytes([lead]) + big(value, size)


def head(count, fix, fix_count, forms):
    if count < fix_count:
        return bytes([fix | count])
    for lead, size in forms:
        if count < 1 << (8 * size):
            return bytes([lead]) + big(count, size)
    raise ValueError(count)


def text_head(size):
    return head(size, 0xa0, 32, ((0xd9, 1), (0xda, 2), (0xdb, 4)))


def bytes_head(size):
    return head(size, 0, 0, ((0xc4, 1), (0xc5, 2), (0xc6, 4)))


def array_head(count):
    return head(count, 0x90, 16, ((0xdc, 2), (0xdd, 4)))


def map_head(count):
    return head(count, 0x80, 16, ((0xde, 2), (0xdf, 4)))


def pack_map(pairs):
    return map_head(len(pairs)) + b"".join(pack_int(key) + raw for key, raw in pairs)


# --- values of the schema --------------------------------------------------------------------------------------


def pack_value(value, data):
    if value.kind == "bool":
        return b"\xc3" if data else b"\xc2"
    if value.kind in ("unsigned", "signed"):
        return pack_int(data)
    if value.kind == "enum":
        return pack_int(value.ref.values.get(data, data))
    if value.kind == "text":
        return text_head(len(data.encode())) + data.encode()
    if value.kind in ("bytes", "fixed"):
        return bytes_head(len(data)) + data
    return pack_map(pairs_of(value.ref, data))


def is_absent(field, data):
    if field.required:
        return False
    if field.is_list or field.value.kind in ("text", "bytes"):
        return not data
    if field.value.kind == "fixed":
        return not any(data)
    return field.value.kind != "struct" and data == field.default


def pack_field(field, data):
    if field.is_list:
        return array_head(len(data)) + b"".join(pack_value(field.value, item) for item in data)
    return pack_value(field.value, data)


def pairs_of(struct, values):
    return [(field.key, pack_field(field, values[field.name])) for field in struct.fields
            if field.name in values and not is_absent(field, values[field.name])]


def wrap(struct, pairs):
    packed = pack_map(pairs)
    return packed if struct.id is None else array_head(2) + pack_int(struct.id) + packed


# --- what the C dump functions print ---------------------------------------------------------------------------


def dump_bytes(data):
    shown = "0x" + data[:DUMP_BYTES_MAX].hex()
    return shown if len(data) <= DUMP_BYTES_MAX else f"{shown}..({len(data)} bytes)"


def dump_text(text):
    data = text.encode()
    shown = data[:DUMP_TEXT_MAX].decode(errors="ignore")
    escaped = "".join(f"\\x{ord(c):02x}" if ord(c) < 0x20 or c in '\x7f"\\' else c for c in shown)
    return f'"{escaped}"' + ("" if len(shown.encode()) == len(data) else f"..({len(data)} bytes)")


def dump_value(value, data):
    if value.kind == "bool":
        return "true" if data else "false"
    if value.kind == "text":
        return dump_text(data)
    if value.secret:
        return f"({len(data)} secret bytes)"
    if value.kind in ("bytes", "fixed"):
        return dump_bytes(data)
    if value.kind == "struct":
        return dump_struct(value.ref, data)
    if value.show_hex:
        return f"{data:0{int(value.type[1:]) // 4}x}"
    return str(data)


def dump_struct(struct, values, unknown=b""):
    shown = []
    for field in struct.fields:
        if field.name not in values or is_absent(field, values[field.name]):
            continue
        data = values[field.name]
        text = "[" + ",".join(dump_value(field.value, item) for item in data) + "]" if field.is_list else \
            dump_value(field.value, data)
        shown.append(f"{field.name}={text}")
    if unknown:
        shown.append(f"unknown={dump_bytes(unknown)}")
    return f"{struct.name}{{{' '.join(shown)}}}"
