/* SPDX-License-Identifier: Apache-2.0 */
/* Protocol Buffers: varints, messages behind their lengths, protobuf-c on an arena; see pb.h and pb_int.h. */
#include "wire/pb.h"

#include "wire/pb_int.h"

bool trib_pb_take_varint(trib_str *rest, uint64_t *ret) {
    uint64_t value = 0;
    for (size_t i = 0; i < rest->len && i < TRIB_PB_VARINT_BYTES; i++) {
        unsigned char byte = (unsigned char)rest->ptr[i];
        if (i == TRIB_PB_VARINT_BYTES - 1 && byte > 1) return false; /* past bit 63 */
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte & 0x80) continue;
        *rest = trib_str_sub(*rest, i + 1, rest->len);
        *ret = value;
        return true;
    }
    return false;
}

bool trib_pb_take_message(trib_str *rest, trib_str *ret) {
    trib_str at = *rest;
    uint64_t len;
    if (!trib_pb_take_varint(&at, &len) || len > at.len) return false;
    *ret = trib_str_sub(at, 0, (size_t)len);
    *rest = trib_str_sub(at, (size_t)len, at.len);
    return true;
}

static void *arena_alloc(void *arena, size_t n) {
    return trib_arena_alloc(arena, n);
}

/* The arena ends with the request. */
static void arena_free(void *arena, void *piece) {
    (void)arena;
    (void)piece;
}

static const uint8_t nothing[1] = {0};

ProtobufCMessage *trib_pb_unpack(trib_arena *arena, const ProtobufCMessageDescriptor *type, trib_str bytes) {
    ProtobufCAllocator allocator = {arena_alloc, arena_free, arena};
    if (arena->failed) return NULL;
    return protobuf_c_message_unpack(type, &allocator, bytes.len, bytes.len ? (const uint8_t *)bytes.ptr : nothing);
}

trib_code trib_pb_unpack_as(trib_arena *arena, const ProtobufCMessageDescriptor *type, trib_str bytes,
                            trib_code malformed, const void **ret, trib_error *err) {
    const ProtobufCMessage *message = trib_pb_unpack(arena, type, bytes);
    if (!message && arena->failed)
        return trib_error_set(err, TRIB_NOMEM, "the message is too large to be decoded; send less at once");
    if (!message)
        return trib_error_set(
            err, malformed, "Could not decode a message of type %s from Protobuf: its bytes are malformed or cut short",
            type->short_name);
    *ret = message;
    return TRIB_OK;
}
