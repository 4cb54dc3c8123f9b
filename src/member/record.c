#include "record.h"

#include "base/assert.h"

#include <string.h>

/* Lists are copied out of the arena behind the struct; texts point into the encoded form. */
static void *take_list(uint8_t **cursor, const void *items, size_t count, size_t size_bytes)
{
    if (count == 0)
        return NULL;
    void *copy = *cursor;
    memcpy(copy, items, count * size_bytes);
    *cursor += count * size_bytes;
    return copy;
}

static void decode(struct bytes in, struct wire_arena *arena, struct wire_member *ret)
{
    enum wire_verdict verdict = wire_member_decode(in, arena, ret);
    ASSERT(verdict == WIRE_OK);
}

/* The record and its lists, behind which the table keeps the encoded form. */
static size_t block_bytes(const struct wire_member *value)
{
    return sizeof(struct record) + value->labels_count * sizeof(*value->labels) +
           value->taints_count * sizeof(*value->taints) + value->keys_count * sizeof(*value->keys) +
           value->capacity.devices_count * sizeof(*value->capacity.devices);
}

static void fill(struct record *record)
{
    struct wire_arena arena;
    record->encoded = intern_key(record);
    wire_arena_init(&arena, record->encoded.size_bytes * WIRE_EXPANSION_MAX);
    uint8_t *lists = (uint8_t *)(record + 1);
    struct wire_member *copy = &record->value;
    decode(record->encoded, &arena, copy);
    copy->keys = take_list(&lists, copy->keys, copy->keys_count, sizeof(*copy->keys));
    copy->labels = take_list(&lists, copy->labels, copy->labels_count, sizeof(*copy->labels));
    copy->taints = take_list(&lists, copy->taints, copy->taints_count, sizeof(*copy->taints));
    copy->capacity.devices = take_list(&lists, copy->capacity.devices, copy->capacity.devices_count,
                                       sizeof(*copy->capacity.devices));
    ASSERT(lists == record->encoded.data);
    wire_arena_fini(&arena);
}

const struct record *record_new(struct intern *shared, const struct wire_member *value)
{
    struct buf encoded = BUF_INIT;
    bool is_new = false;
    wire_member_encode(value, &encoded);
    struct record *record = intern_hold(shared, (struct bytes){encoded.data, encoded.size_bytes},
                                        block_bytes(value), &is_new);
    if (is_new)
        fill(record);
    buf_fini(&encoded);
    return record;
}

static struct wire_member statement_of(const struct wire_member *value)
{
    struct wire_member statement = *value;
    statement.signature = (struct bytes){.data = NULL};
    return statement;
}

const struct record *record_new_signed(struct intern *shared, const struct wire_member *value,
                                       const struct signer *signer)
{
    struct wire_member copy = statement_of(value);
    uint8_t signature[SIGNER_SIGNATURE_BYTES];
    if (signer->sign != NULL) {
        struct buf statement = BUF_INIT;
        wire_member_encode(&copy, &statement);
        signer->sign(signer->context, (struct bytes){statement.data, statement.size_bytes},
                     signature);
        copy.signature = (struct bytes){signature, sizeof(signature)};
        buf_fini(&statement);
    }
    return record_new(shared, &copy);
}

bool record_is_authentic(const struct wire_member *value, const struct signer *signer)
{
    if (signer->verify == NULL)
        return true;
    struct buf statement = BUF_INIT;
    struct wire_member unsigned_value = statement_of(value);
    wire_member_encode(&unsigned_value, &statement);
    bool authentic =
        signer->verify(signer->context, value->node, value->public_key,
                       (struct bytes){statement.data, statement.size_bytes}, value->signature);
    buf_fini(&statement);
    return authentic;
}

void record_free(struct intern *shared, const struct record *record)
{
    intern_release(shared, record);
}

struct address record_address(const struct record *record)
{
    struct address address = {.port = record->value.address.port};
    memcpy(address.ip, record->value.address.ip, sizeof(address.ip));
    return address;
}

struct wire_address address_to_wire(const struct address *address)
{
    struct wire_address wire = {.port = address->port};
    memcpy(wire.ip, address->ip, sizeof(wire.ip));
    return wire;
}

int record_compare_age(const struct wire_member *a, const struct wire_member *b)
{
    if (a->generation != b->generation)
        return a->generation < b->generation ? -1 : 1;
    if (a->incarnation != b->incarnation)
        return a->incarnation < b->incarnation ? -1 : 1;
    return 0;
}

bool record_same_content(const struct wire_member *a, const struct wire_member *b)
{
    struct wire_member copy = *a;
    copy.generation = b->generation;
    copy.incarnation = b->incarnation;
    copy.status = b->status;
    copy.signature = b->signature;
    return wire_member_equal(&copy, b);
}

bool record_makes_sense(const struct wire_member *value)
{
    static const uint8_t nowhere[16];
    static const uint8_t nowhere_ipv4[16] = {[10] = 0xff, [11] = 0xff};
    return wire_member_validate(value) == WIRE_OK &&
           (value->status == WIRE_MEMBER_STATUS_ALIVE ||
            value->status == WIRE_MEMBER_STATUS_LEFT) &&
           value->name.size_bytes > 0 && value->address.port != 0 &&
           memcmp(value->address.ip, nowhere, sizeof(nowhere)) != 0 &&
           memcmp(value->address.ip, nowhere_ipv4, sizeof(nowhere_ipv4)) != 0;
}
