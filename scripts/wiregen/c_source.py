"""The generated source. One function of each kind for each struct; the work is done by src/wire/{reader,writer,
rules,dump}.c, so that what is generated stays a readable list of fields."""
from .c_text import GENERATED, base_type, default_is_zero, default_literal, number, upper, wrap


def generate(protocol):
    out = [GENERATED.format(files=", ".join(protocol.files)),
           '#include "wire/wire_messages.h"', "", "#include <string.h>", "",
           '#include "base/assert.h"', '#include "dump.h"', '#include "reader.h"', '#include "rules.h"',
           '#include "writer.h"']
    for enum in protocol.enums:
        out += ["", *enum_functions(enum, protocol)]
    elements = {f.value.type for s in protocol.structs for f in s.fields if f.is_list}
    for struct in protocol.structs:
        if struct.name in elements:
            out += ["", *bounded(struct)]
        for generator in (init, validate, equal, write, read, dump, api):
            out += ["", *generator(struct)]
    for generator in (message_names, message_validate, message_equal, message_encode, message_decode, message_dump):
        out += ["", *generator(protocol)]
    return "\n".join(out) + "\n"


def block(signature, *body):
    lines = [*wrap(signature), "{"]
    for line in body:
        lines += wrap(f"    {line}") if line else [""]
    return [*lines, "}"]


def enum_functions(enum, protocol):
    lines = block(f"const char *wire_{enum.name}_name(enum wire_{enum.name} value)", "switch (value) {",
                  *(line for name in enum.values
                    for line in (f"case {upper(enum.name, name)}:", f'    return "{name}";')),
                  "}", 'return "?";')
    uses = [f for s in protocol.structs for f in s.fields if f.value.ref is enum]
    if any(not field.value.open for field in uses):
        lines += ["", *block(f"static bool {enum.name}_known(uint64_t value)", "switch (value) {",
                             *(f"case {upper(enum.name, name)}:" for name in enum.values),
                             "    return true;", "}", "return false;")]
    return lines


# --- one value -------------------------------------------------------------------------------------------------


def absent(field, expression):
    """The C condition under which an optional field is not encoded."""
    name = f"{expression}->{field.name}"
    kind = field.value.kind
    if field.is_list:
        return f"{name}_count == 0"
    if field.has_flag:
        return f"!{expression}->has_{field.name}"
    if kind in ("text", "bytes"):
        return f"{name}.size_bytes == 0"
    if kind == "fixed":
        return f"wire_is_zero({name}, sizeof({name}))"
    if kind == "bool":
        return name if field.default else f"!{name}"
    return f"{name} == {default_literal(field)}"


def present(field, expression):
    name = f"{expression}->{field.name}"
    kind = field.value.kind
    if field.is_list:
        return f"{name}_count > 0"
    if field.has_flag:
        return f"{expression}->has_{field.name}"
    if kind in ("text", "bytes"):
        return f"{name}.size_bytes > 0"
    if kind == "fixed":
        return f"!wire_is_zero({name}, sizeof({name}))"
    if kind == "bool":
        return f"!{name}" if field.default else name
    return f"{name} != {default_literal(field)}"


def read_value(value, target):
    """The statement that reads one value into `target`."""
    if value.kind == "bool":
        return f"{target} = wire_read_bool(reader);"
    if value.kind == "unsigned":
        limits = f"{number(value.min, value.type)}, {number(value.max, value.type)}"
        cast = "" if value.type == "u64" else f"({base_type(value)})"
        return f"{target} = {cast}wire_read_unsigned(reader, {limits});"
    if value.kind == "signed":
        return f"{target} = wire_read_signed(reader, {number(value.min, 'i64')}, {number(value.max, 'i64')});"
    if value.kind == "enum":
        known = "NULL" if value.open else f"{value.type}_known"
        return f"{target} = ({base_type(value)})wire_read_enum(reader, {known});"
    if value.kind == "text":
        return f"{target} = wire_read_text(reader, {value.min_bytes}, {value.max_bytes});"
    if value.kind == "bytes":
        return f"{target} = wire_read_bytes(reader, {value.min_bytes}, {value.max_bytes});"
    if value.kind == "fixed":
        return f"wire_read_fixed(reader, {target}, sizeof({target}));"
    return f"read_{value.type}(reader, &{target});"


def write_value(value, name):
    if value.kind == "bool":
        return f"wire_write_bool(writer, {name});"
    if value.kind in ("unsigned", "enum"):
        return f"wire_write_unsigned(writer, {name});"
    if value.kind == "signed":
        return f"wire_write_signed(writer, {name});"
    if value.kind == "text":
        return f"wire_write_text(writer, {name});"
    if value.kind == "bytes":
        return f"wire_write_bytes(writer, {name});"
    if value.kind == "fixed":
        return f"wire_write_fixed(writer, {name}, sizeof({name}));"
    return f"write_{value.type}(writer, &{name});"


def check_value(value, name):
    """The call that returns a verdict over one value; None where its C type admits nothing bad."""
    if value.kind == "unsigned":
        bits = int(value.type[1:])
        if value.min == 0 and value.max == (1 << bits) - 1:
            return None
        return f"wire_check_unsigned({name}, {number(value.min, value.type)}, {number(value.max, value.type)})"
    if value.kind == "signed":
        if (value.min, value.max) == (-(1 << 63), (1 << 63) - 1):
            return None
        return f"wire_check_signed({name}, {number(value.min, 'i64')}, {number(value.max, 'i64')})"
    if value.kind == "enum":
        return f"wire_check_enum({name}, {'NULL' if value.open else value.type + '_known'})"
    if value.kind == "text":
        return f"wire_check_text({name}, {value.min_bytes}, {value.max_bytes})"
    if value.kind == "bytes":
        return f"wire_check_bytes({name}, {value.min_bytes}, {value.max_bytes})"
    if value.kind == "struct":
        return f"wire_{value.type}_validate(&{name})"
    return None


def equal_value(value, a, b):
    if value.kind in ("text", "bytes"):
        return f"wire_bytes_equal({a}, {b})"
    if value.kind == "fixed":
        return f"memcmp({a}, {b}, sizeof({a})) == 0"
    if value.kind == "struct":
        return f"wire_{value.type}_equal(&{a}, &{b})"
    return f"{a} == {b}"


def differ_value(value, a, b):
    if value.kind == "fixed":
        return f"memcmp({a}, {b}, sizeof({a})) != 0"
    if value.kind in ("text", "bytes", "struct"):
        return f"!{equal_value(value, a, b)}"
    return f"{a} != {b}"


def dump_value(value, name):
    if value.kind == "bool":
        return f"wire_dump_bool(out, {name});"
    if value.kind == "unsigned" and value.show_hex:
        return f"wire_dump_hex(out, {name}, {int(value.type[1:]) // 4});"
    if value.kind == "unsigned":
        return f"wire_dump_unsigned(out, {name});"
    if value.kind == "signed":
        return f"wire_dump_signed(out, {name});"
    if value.kind == "enum":
        return f"wire_dump_enum(out, wire_{value.type}_name({name}), {name});"
    if value.kind == "text":
        return f"wire_dump_text(out, {name});"
    dump = "wire_dump_secret" if value.secret else "wire_dump_bytes"
    if value.kind == "bytes":
        return f"{dump}(out, {name});"
    if value.kind == "fixed":
        return f"{dump}(out, (struct bytes){{{name}, sizeof({name})}});"
    return f"wire_{value.type}_dump(&{name}, out);"


def bounded(struct):
    return [f"_Static_assert(sizeof(struct wire_{struct.name}) <= {struct.min_size_bytes()} * WIRE_EXPANSION_MAX,",
            f'               "a list of {struct.name} could take too much memory: give it a required field");']


# --- one struct ------------------------------------------------------------------------------------------------


def init(struct):
    body = [f"*ret = (struct wire_{struct.name}){{0}};"]
    for field in struct.fields:
        if not field.is_list and field.value.kind == "struct" and needs_init(field.value.ref):
            body.append(f"wire_{field.value.type}_init(&ret->{field.name});")
        elif not default_is_zero(field):
            body.append(f"ret->{field.name} = {default_literal(field)};")
    return block(f"void wire_{struct.name}_init(struct wire_{struct.name} *ret)", *body)


def needs_init(struct):
    return any(not default_is_zero(f) or (not f.is_list and f.value.kind == "struct" and needs_init(f.value.ref))
               for f in struct.fields)


def validate(struct):
    body = ["enum wire_verdict verdict = WIRE_OK;"]
    for field in struct.fields:
        body += check_field(field)
    if struct.fields:
        body.insert(0, keys_of(struct))
        body.append(f"return wire_check_unknown(value->unknown, keys, {len(struct.fields)});")
    else:
        body.append("return wire_check_unknown(value->unknown, NULL, 0);")
    if not any("verdict =" in line for line in body[2 if struct.fields else 1:]):
        body = [line for line in body if line != "enum wire_verdict verdict = WIRE_OK;"]
    name = struct.name
    return block(f"enum wire_verdict wire_{name}_validate(const struct wire_{name} *value)", *body)


def keys_of(struct):
    keys = ", ".join(str(field.key) for field in struct.fields)
    return f"static const uint16_t keys[] = {{{keys}}};"


def check_field(field):
    name = f"value->{field.name}"
    if field.is_list:
        lines = [f"verdict = wire_check_items({name}, {name}_count, {field.min_items if field.required else 0}, "
                 f"{field.max_items});" if not field.min_items or field.required else
                 f"verdict = wire_check_items({name}, {name}_count, {name}_count == 0 ? 0 : {field.min_items}, "
                 f"{field.max_items});"]
        element = check_value(field.value, f"{name}[i]")
        if element:
            lines += [f"for (size_t i = 0; verdict == WIRE_OK && i < {name}_count; i++)",
                      f"    verdict = {element};"]
    else:
        check = check_value(field.value, name)
        if check is None:
            return []
        unless = "" if field.required or field.value.kind == "enum" else f"if ({present(field, 'value')})"
        lines = [unless, f"    verdict = {check};"] if unless else [f"verdict = {check};"]
    return [*lines, "if (verdict != WIRE_OK)", "    return verdict;"]


def equal(struct):
    body = []
    for field in struct.fields:
        a, b = f"a->{field.name}", f"b->{field.name}"
        if field.is_list:
            body += [f"if ({a}_count != {b}_count)", "    return false;",
                     f"for (size_t i = 0; i < {a}_count; i++)"]
            if field.value.kind == "fixed":
                compare = f"memcmp({a}[i], {b}[i], sizeof({a}[i])) != 0"
            else:
                compare = differ_value(field.value, f"{a}[i]", f"{b}[i]")
            body += [f"    if ({compare})", "        return false;"]
        elif field.has_flag:
            body += [f"if (a->has_{field.name} != b->has_{field.name})", "    return false;",
                     f"if (a->has_{field.name} && {differ_value(field.value, a, b)})", "    return false;"]
        else:
            body += [f"if ({differ_value(field.value, a, b)})", "    return false;"]
    body.append("return wire_bytes_equal(a->unknown, b->unknown);")
    name = struct.name
    return block(f"bool wire_{name}_equal(const struct wire_{name} *a, const struct wire_{name} *b)", *body)


def write(struct):
    required = sum(1 for field in struct.fields if field.required)
    body = [f"size_t count = {required} + wire_unknown_count(value->unknown);",
            "struct bytes unknown = value->unknown;",
            ""]
    body += [f"count += {present(field, 'value')};" for field in struct.fields if not field.required]
    body.append("wire_write_map(writer, count);")
    for field in struct.fields:
        name = f"value->{field.name}"
        lines = [f"wire_write_key(writer, &unknown, {field.key});"]
        if field.is_list:
            lines += [f"wire_write_array(writer, {name}_count);", f"for (size_t i = 0; i < {name}_count; i++)",
                      f"    {write_value(field.value, name + '[i]')}"]
        else:
            lines.append(write_value(field.value, name))
        if field.required:
            body += lines
        else:
            body += [f"if ({present(field, 'value')}) {{", *("    " + line for line in lines), "}"]
    body.append("wire_write_rest(writer, unknown);")
    name = struct.name
    return block(f"static void write_{name}(struct wire_writer *writer, const struct wire_{name} *value)", *body)


def read(struct):
    cases, required = [], 0
    for index, field in enumerate(struct.fields):
        if field.required:
            required |= 1 << index
        cases.append(f"case {field.key}:")
        cases += ["    " + line for line in read_field(field, index)]
        cases.append("    break;")
    name = struct.name
    body = ["struct wire_map map;", "", f"wire_{name}_init(ret);", "wire_read_map(reader, &map);",
            "while (wire_read_key(reader, &map)) {", "    switch (map.key) {",
            *("    " + case for case in cases),
            "    default:", "        wire_read_unknown(reader, &map, &ret->unknown);", "    }", "}",
            f"wire_read_map_end(reader, &map, UINT64_C(0x{required:x}));"]
    return block(f"static void read_{name}(struct wire_reader *reader, struct wire_{name} *ret)", *body)


def read_field(field, index):
    name = f"ret->{field.name}"
    lines = []
    if field.is_list:
        minimum = max(1, field_min_bytes(field.value))
        lines += [f"{name} = wire_read_list(reader, {field.min_items}, {field.max_items}, {minimum}, "
                  f"sizeof(*{name}), &{name}_count);",
                  f"for (size_t i = 0; i < {name}_count; i++)",
                  f"    {read_value(field.value, name + '[i]')}"]
    else:
        lines.append(read_value(field.value, name))
    if field.required:
        lines.append(f"map.seen |= UINT64_C(1) << {index};")
    elif field.has_flag:
        lines.append(f"ret->has_{field.name} = true;")
    else:
        lines.append(f"wire_read_not_default(reader, {present(field, 'ret')});")
    return lines


def field_min_bytes(value):
    from .schema import value_min_size_bytes
    return value_min_size_bytes(value)


def dump(struct):
    body = [f'const char *gap = "";', "", f'buf_append_text(out, "{struct.name}{{");'] if struct.fields else \
        [f'buf_append_text(out, "{struct.name}{{");']
    for field in struct.fields:
        name = f"value->{field.name}"
        lines = [f'wire_dump_field(out, &gap, "{field.name}");']
        if field.is_list:
            lines += [f'buf_append_byte(out, \'[\');', f"for (size_t i = 0; i < {name}_count; i++) {{",
                      "    wire_dump_comma(out, i);", f"    {dump_value(field.value, name + '[i]')}", "}",
                      f'buf_append_byte(out, \']\');']
        else:
            lines.append(dump_value(field.value, name))
        if field.required:
            body += lines
        else:
            body += [f"if ({present(field, 'value')}) {{", *("    " + line for line in lines), "}"]
    body += [f"wire_dump_unknown(out, {'gap' if struct.fields else chr(34) * 2}, value->unknown);",
             "buf_append_byte(out, '}');"]
    name = struct.name
    return block(f"void wire_{name}_dump(const struct wire_{name} *value, struct buf *out)", *body)


def api(struct):
    name = struct.name
    lines = []
    lines += block(f"void wire_{name}_encode(const struct wire_{name} *value, struct buf *out)",
                   "struct wire_writer writer;", "",
                   f"ASSERT(wire_{name}_validate(value) == WIRE_OK);", "wire_writer_init(&writer, out);",
                   f"write_{name}(&writer, value);")
    lines += ["", *block(f"size_t wire_{name}_size_bytes(const struct wire_{name} *value)",
                         "struct wire_writer writer;", "",
                         f"ASSERT(wire_{name}_validate(value) == WIRE_OK);", "wire_writer_init(&writer, NULL);",
                         f"write_{name}(&writer, value);", "return writer.size_bytes;")]
    lines += ["", *block(f"enum wire_verdict wire_{name}_decode(struct bytes in, struct wire_arena *arena, "
                         f"struct wire_{name} *ret)",
                         "struct wire_reader reader;", f"struct wire_{name} value;", "",
                         "wire_reader_init(&reader, in, arena);", f"read_{name}(&reader, &value);",
                         "wire_read_end(&reader);", "if (reader.verdict == WIRE_OK)", "    *ret = value;",
                         "return reader.verdict;")]
    if struct.id is not None:
        lines += ["", *block(f"void wire_put_{name}(struct buf *out, const struct wire_{name} *value)",
                             "struct wire_writer writer;", "",
                             f"ASSERT(wire_{name}_validate(value) == WIRE_OK);", "wire_writer_init(&writer, out);",
                             f"wire_write_message(&writer, {upper('message', name)});",
                             f"write_{name}(&writer, value);")]
    return lines


# --- all messages ----------------------------------------------------------------------------------------------


def cases(protocol, template):
    for message in protocol.messages:
        yield f"case {upper('message', message.name)}:"
        for line in template(message.name):
            yield f"    {line}"


def message_names(protocol):
    return block("const char *wire_message_type_name(enum wire_message_type type)", "switch (type) {",
                 *cases(protocol, lambda name: [f'return "{name}";']), "}", 'return "?";')


def message_validate(protocol):
    return block("enum wire_verdict wire_message_validate(const struct wire_message *message)",
                 "switch (message->type) {",
                 *cases(protocol, lambda name: [f"return wire_{name}_validate(&message->as.{name});"]), "}",
                 "return WIRE_UNKNOWN_TYPE;")


def message_equal(protocol):
    return block("bool wire_message_equal(const struct wire_message *a, const struct wire_message *b)",
                 "if (a->type != b->type)", "    return false;", "switch (a->type) {",
                 *cases(protocol, lambda name: [f"return wire_{name}_equal(&a->as.{name}, &b->as.{name});"]), "}",
                 "return false;")


def message_encode(protocol):
    lines = block("static void write_message(struct wire_writer *writer, const struct wire_message *message)",
                  "ASSERT(wire_message_validate(message) == WIRE_OK);",
                  "wire_write_message(writer, message->type);", "switch (message->type) {",
                  *cases(protocol, lambda name: [f"write_{name}(writer, &message->as.{name});", "break;"]), "}")
    lines += ["", *block("void wire_message_encode(const struct wire_message *message, struct buf *out)",
                         "struct wire_writer writer;", "", "wire_writer_init(&writer, out);",
                         "write_message(&writer, message);")]
    lines += ["", *block("size_t wire_message_size_bytes(const struct wire_message *message)",
                         "struct wire_writer writer;", "", "wire_writer_init(&writer, NULL);",
                         "write_message(&writer, message);", "return writer.size_bytes;")]
    return lines


def message_decode(protocol):
    return block("enum wire_verdict wire_message_decode(struct bytes in, struct wire_arena *arena, "
                 "struct wire_message *ret, size_t *ret_consumed_bytes)",
                 "struct wire_reader reader;", "struct wire_message message;", "",
                 "wire_reader_init(&reader, in, arena);",
                 "message.type = (enum wire_message_type)wire_read_message(&reader);",
                 "switch (message.type) {",
                 *cases(protocol, lambda name: [f"read_{name}(&reader, &message.as.{name});", "break;"]),
                 "default:", "    wire_read_unknown_message(&reader);", "}",
                 "if (reader.verdict == WIRE_OK)", "    *ret = message;",
                 "if (reader.verdict == WIRE_OK || reader.verdict == WIRE_UNKNOWN_TYPE)",
                 "    *ret_consumed_bytes = (size_t)(reader.at - in.data);", "return reader.verdict;")


def message_dump(protocol):
    return block("void wire_message_dump(const struct wire_message *message, struct buf *out)",
                 "switch (message->type) {",
                 *cases(protocol, lambda name: [f"wire_{name}_dump(&message->as.{name}, out);", "break;"]),
                 "default:", '    buf_printf(out, "unknown{type=%u}", (unsigned)message->type);', "}")
