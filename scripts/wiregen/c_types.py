"""For tests: all types behind one table of functions (tests/wire/types.h), and random values of each."""
from .c_source import block
from .c_text import GENERATED, base_type, number, upper

# What a random list or run may have, so that a random message stays small; the limits themselves are tested by
# the golden vectors.
ITEMS_MAX = 4


def generate(protocol):
    out = [GENERATED.format(files=", ".join(protocol.files)), '#include "random.h"', '#include "types.h"']
    for struct in protocol.structs:
        out += ["", *random_function(struct), "", *wrappers(struct)]
    out += ["", "const struct type types[] = {"]
    for struct in protocol.structs:
        name, parts = struct.name, ("random", "validate", "equal", "encode", "size_bytes", "decode", "dump")
        out += [f'    {{"{name}", {struct.id or 0}, sizeof(struct wire_{name}),',
                f"     {', '.join(f'{name}_{part}' for part in parts)}}},"]
    out += ["};", f"const size_t types_count = {len(protocol.structs)};", ""]
    return "\n".join(out)


def wrappers(struct):
    name = struct.name
    lines = block(f"static enum wire_verdict {name}_validate(const void *value)",
                  f"return wire_{name}_validate(value);")
    lines += ["", *block(f"static bool {name}_equal(const void *a, const void *b)", f"return wire_{name}_equal(a, b);")]
    lines += ["", *block(f"static void {name}_encode(const void *value, struct buf *out)",
                         f"wire_{name}_encode(value, out);")]
    lines += ["", *block(f"static size_t {name}_size_bytes(const void *value)",
                         f"return wire_{name}_size_bytes(value);")]
    lines += ["", *block(f"static enum wire_verdict {name}_decode(struct bytes in, struct wire_arena *arena, "
                         "void *ret)",
                         f"return wire_{name}_decode(in, arena, ret);")]
    lines += ["", *block(f"static void {name}_dump(const void *value, struct buf *out)",
                         f"wire_{name}_dump(value, out);")]
    return lines


def random_value(value, target):
    if value.kind == "bool":
        return f"{target} = prng_below(prng, 2) == 1;"
    if value.kind == "unsigned":
        return f"{target} = ({base_type(value)})random_unsigned(prng, {number(value.min, value.type)}, " \
               f"{number(value.max, value.type)});"
    if value.kind == "signed":
        return f"{target} = random_signed(prng, {number(value.min, 'i64')}, {number(value.max, 'i64')});"
    if value.kind == "enum":
        names = ", ".join(upper(value.type, name) for name in value.ref.values)
        return f"{target} = (const enum wire_{value.type}[]){{{names}}}[prng_below(prng, {len(value.ref.values)})];"
    if value.kind in ("text", "bytes"):
        return f"{target} = random_{value.kind}(prng, arena, {value.min_bytes}, {value.max_bytes});"
    if value.kind == "fixed":
        return f"random_fixed(prng, {target}, sizeof({target}));"
    return f"{value.type}_random(prng, arena, &{target});"


def random_function(struct):
    body = [f"struct wire_{struct.name} *value = ret;", "", f"wire_{struct.name}_init(value);"]
    for field in struct.fields:
        name, lines = f"value->{field.name}", []
        if field.is_list:
            lines += [f"{name}_count = (size_t)prng_between(prng, {max(1, field.min_items)}, "
                      f"{max(field.min_items, min(field.max_items, ITEMS_MAX))});",
                      f"{name} = wire_arena_alloc(arena, {name}_count, sizeof(*{name}));",
                      f"for (size_t i = 0; i < {name}_count; i++)",
                      f"    {random_value(field.value, name + '[i]')}"]
        else:
            lines.append(random_value(field.value, name))
            if field.has_flag:
                lines.append(f"value->has_{field.name} = true;")
        if field.required:
            body += lines
        else:
            body += ["if (prng_below(prng, 4) != 0) {", *("    " + line for line in lines), "}"]
    if struct.fields:
        keys = ", ".join(str(field.key) for field in struct.fields)
        body += [f"static const uint16_t keys[] = {{{keys}}};",
                 f"value->unknown = random_unknown(prng, arena, keys, {len(struct.fields)});"]
    else:
        body.append("value->unknown = random_unknown(prng, arena, NULL, 0);")
    return block(f"static void {struct.name}_random(struct prng *prng, struct wire_arena *arena, void *ret)", *body)
