/* SPDX-License-Identifier: Apache-2.0 */
/* A payload schema as a type of TypeScript; see schema.h. Lengths and ranges have no place there. */
#include <stdio.h>

#include "deal/schema.h"

static bool is_identifier(trib_str name) {
    if (!name.len || (name.ptr[0] >= '0' && name.ptr[0] <= '9')) return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')) return false;
    }
    return true;
}

static void add_text(trib_buf *out, trib_str text) {
    trib_json_writer w;
    trib_jw_init(&w, out);
    trib_jw_str(&w, text);
}

static void add_object(const trib_deal_schema *schema, trib_buf *out) {
    if (!schema->property_count) {
        trib_buf_add_c(out, schema->closed ? "Record<string, never>" : "Record<string, unknown>");
        return;
    }
    trib_buf_add_c(out, "{ ");
    for (size_t i = 0; i < schema->property_count; i++) {
        const trib_deal_property *property = &schema->properties[i];
        if (i) trib_buf_add_c(out, "; ");
        if (is_identifier(property->name)) trib_buf_add(out, property->name);
        else add_text(out, property->name);
        trib_buf_add_c(out, property->required ? ": " : "?: ");
        if (property->schema) trib_deal_schema_typescript(property->schema, out);
        else trib_buf_add_c(out, "unknown");
    }
    trib_buf_add_c(out, schema->closed ? " }" : "; [key: string]: unknown }");
}

static void add_enum(const trib_deal_schema *schema, trib_buf *out) {
    const char *between = "";
    for (const trib_json *c = trib_json_first(schema->enumeration); c; c = c->next) {
        trib_json_writer w;
        trib_buf_add_c(out, between);
        trib_jw_init(&w, out);
        trib_jw_value(&w, c);
        between = " | ";
    }
}

static void add_array(const trib_deal_schema *schema, trib_buf *out) {
    trib_buf_add_c(out, "Array<");
    if (schema->items) trib_deal_schema_typescript(schema->items, out);
    else trib_buf_add_c(out, "unknown");
    trib_buf_add_c(out, ">");
}

void trib_deal_schema_typescript(const trib_deal_schema *schema, trib_buf *out) {
    unsigned types = schema->types;
    const char *between = "";
    if (schema->enumeration) {
        add_enum(schema, out);
        return;
    }
    if (!types && schema->property_count) types = TRIB_DEAL_IS_OBJECT;
    if (types & TRIB_DEAL_IS_INTEGER) types |= TRIB_DEAL_IS_NUMBER;
    if (!types) trib_buf_add_c(out, "unknown");
    for (unsigned bit = 1; bit <= TRIB_DEAL_IS_OBJECT; bit <<= 1) {
        if (!(types & bit) || bit == TRIB_DEAL_IS_INTEGER) continue;
        trib_buf_add_c(out, between);
        between = " | ";
        if (bit == TRIB_DEAL_IS_OBJECT) add_object(schema, out);
        else if (bit == TRIB_DEAL_IS_ARRAY) add_array(schema, out);
        else
            trib_buf_add_c(out, bit == TRIB_DEAL_IS_NULL     ? "null"
                                : bit == TRIB_DEAL_IS_BOOL   ? "boolean"
                                : bit == TRIB_DEAL_IS_NUMBER ? "number"
                                                             : "string");
    }
}
