/* SPDX-License-Identifier: Apache-2.0 */
/* A stream type as Markdown, TypeScript and JSON; see type.h. What the reader checked (names are letters, digits,
 * dashes) makes most of it safe to print; other texts are escaped. */
#include <inttypes.h>

#include "deal/type.h"

typedef trib_str name_of(const trib_deal_type *type, size_t index);

static trib_str role_name(const trib_deal_type *type, size_t index) {
    return type->roles[index].name;
}
static trib_str status_name(const trib_deal_type *type, size_t index) {
    return type->statuses[index].name;
}

/* "a, b" of the set bits; how many there were. */
static size_t add_bits(const trib_deal_type *type, trib_buf *out, uint32_t bits, size_t count, name_of *name) {
    size_t added = 0;
    for (size_t i = 0; i < count; i++) {
        if (!(bits >> i & 1)) continue;
        if (added++) trib_buf_add_c(out, ", ");
        trib_buf_add(out, name(type, i));
    }
    return added;
}

static uint32_t all_bits(size_t count) {
    return count == 32 ? UINT32_MAX : (UINT32_C(1) << count) - 1;
}

/* Of a duration that the reader took: "15m". */
static void add_duration(trib_buf *out, int64_t ms) {
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{INT64_C(86400000), "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (ms / units[i].ms) trib_buf_printf(out, "%" PRId64 "%s", ms / units[i].ms, units[i].unit);
        ms %= units[i].ms;
    }
}

/* ---- Markdown ---- */

/* Text in a cell of a table. */
static void add_cell(trib_buf *out, trib_str text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '|' || text.ptr[i] == '\\' || text.ptr[i] == '<' || text.ptr[i] == '[')
            trib_buf_add_char(out, '\\');
        trib_buf_add_char(out, text.ptr[i]);
    }
}

static void add_from(const trib_deal_type *type, trib_buf *out, const trib_deal_move *move) {
    if (move->opens) trib_buf_add_c(out, "-");
    else if (move->from == all_bits(type->status_count)) trib_buf_add_c(out, "any");
    else (void)add_bits(type, out, move->from, type->status_count, status_name);
}

static void add_moves(const trib_deal_type *type, trib_buf *out, const trib_deal_op *op, bool from) {
    for (size_t i = 0; i < op->move_count; i++) {
        const trib_deal_move *move = &op->moves[i];
        if (i) trib_buf_add_c(out, "<br>");
        if (from) add_from(type, out, move);
        else trib_buf_add(out, move->to < 0 ? TRIB_STR("same") : status_name(type, (size_t)move->to));
        if (!from && move->when != TRIB_DEAL_WHEN_ALWAYS)
            trib_buf_printf(out, " when %s", trib_deal_when_text(move->when));
    }
}

static void add_rule(trib_buf *out, const char **between, const char *text) {
    trib_buf_add_c(out, *between);
    trib_buf_add_c(out, text);
    *between = "; ";
}

static void add_role_rule(const trib_deal_type *type, trib_buf *out, const char **between, const char *word,
                          uint32_t roles) {
    if (!roles) return;
    add_rule(out, between, word);
    trib_buf_add_char(out, ' ');
    (void)add_bits(type, out, roles, type->role_count, role_name);
}

static void add_rules(const trib_deal_type *type, trib_buf *out, const trib_deal_op *op) {
    const char *between = "";
    if (op->once) add_rule(out, &between, "once");
    if (op->ledger != TRIB_DEAL_LEDGER_NONE) add_rule(out, &between, trib_deal_ledger_text(op->ledger));
    if (op->moves_stock) add_rule(out, &between, "moves stock");
    if (op->needs_node) add_rule(out, &between, "nodeId");
    if (op->needs_point) add_rule(out, &between, "pointId");
    add_role_rule(type, out, &between, "needs", op->needs_assigned);
    add_role_rule(type, out, &between, "assigns", op->assigns);
    add_role_rule(type, out, &between, "releases", op->releases);
    if (op->task != TRIB_DEAL_TASK_STATE_COUNT) {
        add_rule(out, &between, "task ");
        if (op->task_name.len) {
            add_cell(out, op->task_name);
            trib_buf_add_char(out, ' ');
        }
        trib_buf_add_c(out, trib_deal_task_text(op->task));
    }
}

static void add_delta(trib_buf *out, const trib_deal_op *op) {
    if (op->delta != TRIB_DEAL_DELTA_SUM) {
        trib_buf_add_c(out, trib_deal_delta_text(op->delta));
        return;
    }
    trib_buf_add_c(out, "sum of ");
    add_cell(out, op->sum_items);
    if (op->sum_fees.len) {
        trib_buf_add_c(out, " + ");
        add_cell(out, op->sum_fees);
    }
}

static void add_payload(trib_buf *out, const trib_deal_schema *schema) {
    for (size_t i = 0; schema && i < schema->property_count; i++) {
        if (i) trib_buf_add_c(out, ", ");
        add_cell(out, schema->properties[i].name);
        if (!schema->properties[i].required) trib_buf_add_char(out, '?');
    }
}

static void add_op_row(const trib_deal_type *type, trib_buf *out, const trib_deal_op *op) {
    trib_buf_printf(out, "| %" PRId32 " | %.*s | ", op->opcode, TRIB_STR_ARG(op->name));
    add_moves(type, out, op, true);
    trib_buf_add_c(out, " | ");
    add_moves(type, out, op, false);
    trib_buf_add_c(out, " | ");
    if (op->roles == UINT32_MAX) trib_buf_add_c(out, "any member");
    else (void)add_bits(type, out, op->roles, type->role_count, role_name);
    trib_buf_add_c(out, " | ");
    add_delta(out, op);
    trib_buf_add_c(out, " | ");
    add_rules(type, out, op);
    trib_buf_add_c(out, " | ");
    add_payload(out, op->payload);
    trib_buf_add_c(out, " |\n");
}

static void add_role_rows(const trib_deal_type *type, trib_buf *out) {
    trib_buf_add_c(out, "\n| role | who | tenant named by |\n|---|---|---|\n");
    for (size_t i = 0; i < type->role_count; i++) {
        const trib_deal_role *role = &type->roles[i];
        trib_buf_printf(out, "| %.*s | ", TRIB_STR_ARG(role->name));
        add_cell(out, role->about);
        trib_buf_add_c(out, " | ");
        if (role->payload.len) {
            trib_buf_add_c(out, "payload: ");
            add_cell(out, role->payload);
        } else if (role->is_assignable) trib_buf_add_c(out, "nodeId");
        trib_buf_add_c(out, " |\n");
    }
}

static void add_timer_rows(const trib_deal_type *type, trib_buf *out) {
    if (!type->timer_count) return;
    trib_buf_add_c(out, "\n| timer | in status | after | then |\n|---|---|---|---|\n");
    for (size_t i = 0; i < type->timer_count; i++) {
        const trib_deal_timer *timer = &type->timers[i];
        trib_buf_printf(out, "| %.*s | %.*s | ", TRIB_STR_ARG(timer->name),
                        TRIB_STR_ARG(trib_deal_status_name(type, timer->status)));
        add_duration(out, timer->after_ms);
        trib_buf_add_c(out, " | ");
        if (timer->action.len) trib_buf_printf(out, "action %.*s", TRIB_STR_ARG(timer->action));
        if (timer->action.len && timer->opcode) trib_buf_add_c(out, ": ");
        if (timer->opcode) trib_buf_printf(out, "opcode %" PRId32, timer->opcode);
        trib_buf_add_c(out, " |\n");
    }
}

void trib_deal_type_markdown(const trib_deal_type *type, trib_buf *out) {
    trib_buf_printf(out, "## %.*s\n\n", TRIB_STR_ARG(type->name));
    add_cell(out, type->title);
    trib_buf_add_c(out, ". ");
    if (type->about.len) {
        add_cell(out, type->about);
        trib_buf_add_char(out, ' ');
    }
    trib_buf_printf(out, "Money has %u decimals. %s\n\n| status | what | final |\n|---|---|---|\n", type->decimals,
                    type->is_open ? "Opcodes that are not listed are stored."
                                  : "Opcodes that are not listed are refused.");
    for (size_t i = 0; i < type->status_count; i++) {
        trib_buf_printf(out, "| %.*s | ", TRIB_STR_ARG(type->statuses[i].name));
        add_cell(out, type->statuses[i].about);
        trib_buf_add_c(out, type->statuses[i].is_final ? " | yes |\n" : " | |\n");
    }
    add_role_rows(type, out);
    trib_buf_add_c(
        out, "\n| opcode | name | from | to | who | delta | rules | payload |\n|---|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < type->op_count; i++) add_op_row(type, out, &type->ops[i]);
    add_timer_rows(type, out);
}

/* ---- TypeScript ---- */

/* "food-2go" as Food2go. */
static void add_pascal(trib_buf *out, trib_str name) {
    bool upper = true;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (c == '-') upper = true;
        else {
            trib_buf_add_char(out, upper && c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c);
            upper = false;
        }
    }
}

static void add_union(const trib_deal_type *type, trib_buf *out, const char *what, size_t count, name_of *name) {
    trib_buf_add_c(out, "export type ");
    add_pascal(out, type->name);
    trib_buf_printf(out, "%s =", what);
    for (size_t i = 0; i < count; i++) trib_buf_printf(out, "%s\"%.*s\"", i ? " | " : " ", TRIB_STR_ARG(name(type, i)));
    trib_buf_add_c(out, ";\n");
}

static bool has_required(const trib_deal_schema *schema) {
    for (size_t i = 0; schema && i < schema->property_count; i++) {
        if (schema->properties[i].required) return true;
    }
    return false;
}

static void add_op_type(trib_buf *out, const trib_deal_op *op) {
    bool fixed = op->delta == TRIB_DEAL_DELTA_ZERO, free_delta = op->delta == TRIB_DEAL_DELTA_ANY;
    trib_buf_printf(out, "  | { opcode: %" PRId32 "; nodeId%s; pointId%s; delta%s; payload%s: ", op->opcode,
                    op->needs_node ? ": string" : "?: string | null", op->needs_point ? ": string" : "?: string | null",
                    fixed        ? "?: 0"
                    : free_delta ? "?: number"
                                 : ": number",
                    has_required(op->payload) ? "" : "?");
    if (op->payload) trib_deal_schema_typescript(op->payload, out);
    else trib_buf_add_c(out, "Record<string, unknown>");
    trib_buf_printf(out, " } // %.*s\n", TRIB_STR_ARG(op->name));
}

void trib_deal_type_typescript(const trib_deal_type *type, trib_buf *out) {
    trib_buf_printf(out, "\n// ---- %.*s ----\n\n", TRIB_STR_ARG(type->name));
    add_union(type, out, "Status", type->status_count, status_name);
    add_union(type, out, "Role", type->role_count, role_name);
    trib_buf_add_c(out, "export const ");
    add_pascal(out, type->name);
    trib_buf_add_c(out, "Opcode = {\n");
    for (size_t i = 0; i < type->op_count; i++)
        trib_buf_printf(out, "  %.*s: %" PRId32 ",\n", TRIB_STR_ARG(type->ops[i].name), type->ops[i].opcode);
    trib_buf_add_c(out, "} as const;\nexport type ");
    add_pascal(out, type->name);
    trib_buf_add_c(out, "Event =\n");
    for (size_t i = 0; i < type->op_count; i++) add_op_type(out, &type->ops[i]);
    if (type->is_open)
        trib_buf_add_c(out, "  | { opcode: number; nodeId?: string | null; pointId?: string | null; delta?: number; "
                            "payload?: Record<string, unknown> } // not listed\n");
    trib_buf_add_c(out, ";\n");
}

/* ---- JSON ---- */

static void write_bits(const trib_deal_type *type, trib_json_writer *w, const char *key, uint32_t bits, size_t count,
                       name_of *name) {
    trib_jw_key_c(w, key);
    trib_jw_array_begin(w);
    for (size_t i = 0; i < count; i++) {
        if (bits >> i & 1) trib_jw_str(w, name(type, i));
    }
    trib_jw_array_end(w);
}

static void write_op(const trib_deal_type *type, trib_json_writer *w, const trib_deal_op *op) {
    trib_jw_object_begin(w);
    trib_jw_member_i64(w, "opcode", op->opcode);
    trib_jw_member_str(w, "name", op->name);
    trib_jw_member_str(w, "about", op->about);
    write_bits(type, w, "roles", op->roles, type->role_count, role_name);
    trib_jw_member_bool(w, "anyMember", op->roles == UINT32_MAX);
    trib_jw_key_c(w, "moves");
    trib_jw_array_begin(w);
    for (size_t i = 0; i < op->move_count; i++) {
        const trib_deal_move *move = &op->moves[i];
        trib_jw_object_begin(w);
        trib_jw_member_bool(w, "opens", move->opens);
        write_bits(type, w, "from", move->from, type->status_count, status_name);
        trib_jw_key_c(w, "to");
        if (move->to < 0) trib_jw_null(w);
        else trib_jw_str(w, status_name(type, (size_t)move->to));
        trib_jw_member_str(w, "when", trib_str_c(trib_deal_when_text(move->when)));
        trib_jw_object_end(w);
    }
    trib_jw_array_end(w);
    trib_jw_member_str(w, "delta", trib_str_c(trib_deal_delta_text(op->delta)));
    trib_jw_member_str(w, "ledger", trib_str_c(trib_deal_ledger_text(op->ledger)));
    trib_jw_member_bool(w, "stock", op->moves_stock);
    trib_jw_member_bool(w, "once", op->once);
    trib_jw_member_bool(w, "nodeId", op->needs_node);
    trib_jw_member_bool(w, "pointId", op->needs_point);
    write_bits(type, w, "needs", op->needs_assigned, type->role_count, role_name);
    write_bits(type, w, "assigns", op->assigns, type->role_count, role_name);
    write_bits(type, w, "releases", op->releases, type->role_count, role_name);
    trib_jw_member_str(w, "task", trib_str_c(trib_deal_task_text(op->task)));
    trib_jw_object_end(w);
}

static void write_timers(const trib_deal_type *type, trib_json_writer *w) {
    trib_jw_key_c(w, "timers");
    trib_jw_array_begin(w);
    for (size_t i = 0; i < type->timer_count; i++) {
        const trib_deal_timer *timer = &type->timers[i];
        trib_jw_object_begin(w);
        trib_jw_member_str(w, "name", timer->name);
        trib_jw_member_str(w, "status", trib_deal_status_name(type, timer->status));
        trib_jw_member_i64(w, "after_ms", timer->after_ms);
        if (timer->opcode) trib_jw_member_i64(w, "opcode", timer->opcode);
        if (timer->action.len) trib_jw_member_str(w, "action", timer->action);
        trib_jw_object_end(w);
    }
    trib_jw_array_end(w);
}

void trib_deal_type_json(const trib_deal_type *type, trib_json_writer *w) {
    uint32_t final = 0;
    for (size_t i = 0; i < type->status_count; i++) final |= type->statuses[i].is_final ? UINT32_C(1) << i : 0;
    trib_jw_object_begin(w);
    trib_jw_member_str(w, "type", type->name);
    trib_jw_member_str(w, "title", type->title);
    trib_jw_member_str(w, "about", type->about);
    trib_jw_member_bool(w, "open", type->is_open);
    trib_jw_member_i64(w, "decimals", type->decimals);
    write_bits(type, w, "roles", UINT32_MAX, type->role_count, role_name);
    write_bits(type, w, "statuses", UINT32_MAX, type->status_count, status_name);
    write_bits(type, w, "final", final, type->status_count, status_name);
    trib_jw_key_c(w, "opcodes");
    trib_jw_array_begin(w);
    for (size_t i = 0; i < type->op_count; i++) write_op(type, w, &type->ops[i]);
    trib_jw_array_end(w);
    write_timers(type, w);
    trib_jw_object_end(w);
}
