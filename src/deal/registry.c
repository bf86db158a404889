/* SPDX-License-Identifier: Apache-2.0 */
/* The stream types of a program; see registry.h. Each type has an arena of its own, with a copy of its file's text, so
 * that one can be replaced. */
#include "deal/registry.h"

#include <stdlib.h>

static void free_entry(trib_deal_entry *entry) {
    if (entry) trib_arena_deinit(&entry->arena);
    free(entry);
}

static size_t find(const trib_deal_registry *registry, trib_str name) {
    size_t i = 0;
    while (i < registry->count && !trib_str_eq(registry->entries[i]->type->name, name)) i++;
    return i;
}

static void tell(trib_buf *out, trib_str source, const trib_deal_problems *problems) {
    for (size_t i = 0; out && i < problems->count; i++)
        trib_buf_printf(out, "%.*s:%u:%u: %.*s\n", TRIB_STR_ARG(source), problems->items[i].line,
                        problems->items[i].column, TRIB_STR_ARG(problems->items[i].text));
    if (out && problems->total > problems->count)
        trib_buf_printf(out, "%.*s: %zu more\n", TRIB_STR_ARG(source), problems->total - problems->count);
}

static trib_code read_entry(trib_deal_entry *entry, trib_str source, trib_str text, trib_buf *ret_problems,
                            trib_error *err) {
    trib_error why = {0};
    trib_deal_problems problems;
    trib_str copy = trib_arena_dup(&entry->arena, trib_str_sub(text, 0, TRIB_DEAL_FILE_MAX_BYTES + 1));
    entry->source = trib_arena_dup(&entry->arena, source);
    entry->text = copy;
    if (entry->arena.failed) return trib_error_set(err, TRIB_NOMEM, NULL);
    trib_code code = trib_deal_type_read(&entry->arena, copy, &problems, &entry->type, &why);
    if (code == TRIB_OK) return TRIB_OK;
    if (code == TRIB_NOMEM) return trib_error_set(err, TRIB_NOMEM, NULL);
    tell(ret_problems, source, &problems);
    return trib_error_set(err, code, "%.*s:%s", TRIB_STR_ARG(source), why.message);
}

/* A line of its own for what is wrong between files. */
static trib_code conflict(trib_str source, const char *why, trib_str what, trib_buf *ret_problems, trib_error *err) {
    if (ret_problems)
        trib_buf_printf(ret_problems, "%.*s:1:1: %s%.*s\n", TRIB_STR_ARG(source), why, TRIB_STR_ARG(what));
    return trib_error_set(err, TRIB_STREAM_TYPE_INVALID, "%.*s:1:1: %s%.*s", TRIB_STR_ARG(source), why,
                          TRIB_STR_ARG(what));
}

trib_code trib_deal_registry_add(trib_deal_registry *registry, trib_str source, trib_str text, trib_buf *ret_problems,
                                 trib_error *err) {
    trib_deal_entry *entry = calloc(1, sizeof *entry);
    if (!entry) return trib_error_set(err, TRIB_NOMEM, NULL);
    trib_arena_init(&entry->arena, TRIB_DEAL_TYPE_ARENA_BYTES);
    trib_code code = read_entry(entry, source, text, ret_problems, err);
    size_t at = code == TRIB_OK ? find(registry, entry->type->name) : 0;
    if (code == TRIB_OK && at < registry->count && registry->entries[at]->source.len)
        code = conflict(source, "the same type is in another file; remove one of them: ", registry->entries[at]->source,
                        ret_problems, err);
    else if (code == TRIB_OK && at == TRIB_DEAL_TYPES_MAX)
        code = conflict(source, "there are more than 256 stream types; remove some", (trib_str){0}, ret_problems, err);
    if (code != TRIB_OK) {
        free_entry(entry);
        return code;
    }
    if (at < registry->count) free_entry(registry->entries[at]);
    else registry->count++;
    registry->entries[at] = entry;
    return TRIB_OK;
}

trib_code trib_deal_registry_init(trib_deal_registry *registry, trib_error *err) {
    trib_code code = TRIB_OK;
    *registry = (trib_deal_registry){0};
    for (size_t i = 0; i < trib_deal_builtin_count && code == TRIB_OK; i++)
        code = trib_deal_registry_add(registry, (trib_str){0}, trib_str_c(trib_deal_builtins[i].text), NULL, err);
    return code;
}

void trib_deal_registry_deinit(trib_deal_registry *registry) {
    for (size_t i = 0; i < registry->count; i++) free_entry(registry->entries[i]);
    registry->count = 0;
}

const trib_deal_type *trib_deal_registry_get(const trib_deal_registry *registry, trib_str name) {
    size_t at = find(registry, name);
    return at < registry->count ? registry->entries[at]->type : NULL;
}

static bool opens(const trib_deal_type *type, int64_t opcode) {
    const trib_deal_op *op = trib_deal_op_get(type, opcode);
    for (size_t i = 0; op && i < op->move_count; i++) {
        if (op->moves[i].opens) return true;
    }
    return false;
}

/* "streamType" of the payload; false if there is none. Copied to `space`. */
static bool named_type(trib_str payload, char space[TRIB_DEAL_NAME_MAX_BYTES], trib_str *ret) {
    trib_arena arena;
    const trib_json *root = NULL;
    trib_str name = {0};
    if (!payload.len || payload.len > (size_t)256 * 1024) return false;
    trib_arena_init(&arena, TRIB_DEAL_TYPE_ARENA_BYTES);
    bool found = trib_json_parse_unique(&arena, payload, &root, NULL) == TRIB_OK &&
                 trib_json_str(trib_json_get(root, "streamType"), &name) && name.len <= TRIB_DEAL_NAME_MAX_BYTES;
    for (size_t i = 0; found && i < name.len; i++) space[i] = name.ptr[i];
    *ret = trib_str_make(space, name.len);
    trib_arena_deinit(&arena);
    return found;
}

const trib_deal_type *trib_deal_registry_opened_by(const trib_deal_registry *registry, int64_t opcode,
                                                   trib_str payload) {
    char space[TRIB_DEAL_NAME_MAX_BYTES];
    trib_str name;
    if (named_type(payload, space, &name)) return trib_deal_registry_get(registry, name);
    for (size_t i = 0; i < registry->count; i++) {
        if (opens(registry->entries[i]->type, opcode)) return registry->entries[i]->type;
    }
    return NULL;
}
