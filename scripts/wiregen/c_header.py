"""The generated header: enums, structs, limits and the functions over them."""
from .c_text import GENERATED, comment, declare, default_is_zero, default_literal, number, trailing, upper, wrap

CONVENTIONS = """
Of each struct:
- _init: all fields at their defaults. Where every default is zero, {0} does the same.
- _validate: WIRE_OK, or the verdict a peer would return. The encoders assert it.
- _equal: same contents, unknown fields included.
- _encode appends the map form, _size_bytes is its size.
- _decode reads exactly `in`, or fails and leaves *ret alone. Decoded text, bytes and unknown fields
  point into `in` (or the arena), lists live in the arena.
- _dump appends one readable line without a line end; fields at their defaults are left out.
- of a message, wire_put_X appends the top-level form [id, map].
"""


def generate(protocol):
    out = [GENERATED.format(files=", ".join(protocol.files)),
           "#ifndef SHOAL_WIRE_MESSAGES_H", "#define SHOAL_WIRE_MESSAGES_H", "",
           "#include <stdbool.h>", "#include <stddef.h>", "#include <stdint.h>", "",
           '#include "base/buf.h"', '#include "wire/codec.h"', "",
           "/*", *(" * " + line for line in CONVENTIONS.strip().splitlines()), " */", "",
           "/* The newest `since` of the schema. */",
           f"#define WIRE_SCHEMA_VERSION {protocol.version}"]
    for enum in protocol.enums:
        out += ["", *enum_declaration(enum)]
    for struct in protocol.structs:
        out += ["", *struct_declaration(struct)]
    out += ["", *message_declaration(protocol), "", "#endif", ""]
    return "\n".join(out)


def enum_declaration(enum):
    lines = comment(enum.doc) if enum.doc else []
    lines += [f"enum wire_{enum.name} {{"]
    lines += [f"    {upper(enum.name, name)} = {value}," for name, value in enum.values.items()]
    lines += ["};", f"#define {upper(enum.name)}_VALUES_COUNT {len(enum.values)}",
              '/* "?" for a value that the schema does not name. */',
              *wrap(f"const char *wire_{enum.name}_name(enum wire_{enum.name} value);")]
    return lines


def limits(struct):
    for field in struct.fields:
        value = field.value
        if field.is_list:
            yield f"{upper(struct.name, field.name)}_COUNT_MAX", str(field.max_items)
        if value.kind in ("text", "bytes"):
            yield f"{upper(struct.name, field.name)}_BYTES_MAX", str(value.max_bytes)
        if value.kind == "fixed":
            yield f"{upper(struct.name, field.name)}_BYTES", str(value.size_bytes)


def rules(field):
    """What a reader of the header must know of a field beside its C type."""
    value, words = field.value, []
    if field.required:
        words.append("required")
    elif field.default is not None and not default_is_zero(field):
        words.append(f"default {default_literal(field)}")
    if value.kind == "text":
        words.append("UTF-8")
    if value.kind in ("unsigned", "signed"):
        bits = 63 if value.kind == "signed" else int(value.type[1:])
        lowest = -(1 << 63) if value.kind == "signed" else 0
        if value.min != lowest or value.max != (1 << bits) - 1:
            words.append(f"{number(value.min, value.type)}..{number(value.max, value.type)}")
            if not field.required and not field.is_list:
                words.append("or the default")
    if value.kind == "enum" and value.open:
        words.append("unknown values pass")
    if field.since > 1:
        words.append(f"since {field.since}")
    return ", ".join(words)


def struct_declaration(struct):
    what = struct.doc
    if struct.id is not None:
        what = f"Message {struct.id}, since {struct.since}. {what}"
    width = max((len(name) for name, _ in limits(struct)), default=0)
    lines = [f"#define {name.ljust(width)} {value}" for name, value in limits(struct)]
    lines += comment(what) if what else []
    lines.append(f"struct wire_{struct.name} {{")
    rows = []
    for field in struct.fields:
        notes = "; ".join(part for part in (f"{field.key}: {rules(field)}" if rules(field) else f"{field.key}",
                                            field.doc) if part)
        first, *more = declare(field)
        rows += [(f"    {first}", notes), *((f"    {member}", "") for member in more)]
    rows.append(("    struct bytes unknown;", "fields of a newer version, as key and value pairs"))
    lines += [*trailing(rows), "};", ""]
    name = struct.name
    signatures = [f"void wire_{name}_init(struct wire_{name} *ret);",
                  f"enum wire_verdict wire_{name}_validate(const struct wire_{name} *value);",
                  f"bool wire_{name}_equal(const struct wire_{name} *a, const struct wire_{name} *b);",
                  f"void wire_{name}_encode(const struct wire_{name} *value, struct buf *out);",
                  f"size_t wire_{name}_size_bytes(const struct wire_{name} *value);",
                  f"enum wire_verdict wire_{name}_decode(struct bytes in, struct wire_arena *arena, "
                  f"struct wire_{name} *ret);",
                  f"void wire_{name}_dump(const struct wire_{name} *value, struct buf *out);"]
    if struct.id is not None:
        signatures.append(f"void wire_put_{name}(struct buf *out, const struct wire_{name} *value);")
    for signature in signatures:
        lines += wrap(signature)
    return lines


def message_declaration(protocol):
    messages = protocol.messages
    lines = ["enum wire_message_type {"]
    lines += [f"    {upper('message', message.name)} = {message.id}," for message in messages]
    lines += ["};", f"#define WIRE_MESSAGES_COUNT {len(messages)}", "",
              "struct wire_message {", "    enum wire_message_type type;", "    union {"]
    lines += [f"        struct wire_{message.name} {message.name};" for message in messages]
    lines += ["    } as;", "};", "",
              '/* "?" for a type that the schema does not name. */',
              "const char *wire_message_type_name(enum wire_message_type type);",
              "enum wire_verdict wire_message_validate(const struct wire_message *message);",
              "bool wire_message_equal(const struct wire_message *a, const struct wire_message *b);",
              "void wire_message_encode(const struct wire_message *message, struct buf *out);",
              "size_t wire_message_size_bytes(const struct wire_message *message);",
              "/*",
              " * Reads the first message of `in`. WIRE_OK: *ret is filled. WIRE_OK and WIRE_UNKNOWN_TYPE: the",
              " * message took *ret_consumed_bytes (> 0). Any other verdict: *ret and *ret_consumed_bytes are",
              " * untouched and the rest of `in` is worthless.",
              " */",
              *wrap("enum wire_verdict wire_message_decode(struct bytes in, struct wire_arena *arena, "
                    "struct wire_message *ret, size_t *ret_consumed_bytes);"),
              "void wire_message_dump(const struct wire_message *message, struct buf *out);"]
    return lines
