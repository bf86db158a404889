/* SPDX-License-Identifier: Apache-2.0 */
/* Payload schemas; see schema.h. Reading is a table of keywords; checking walks value and schema side by side. The path
 * of a refusal is built on the way in, in a fixed buffer. */
#include "deal/schema.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/suggest.h"

static const struct {
    const char *word;
    unsigned bit;
} type_words[] = {
    {"null", TRIB_DEAL_IS_NULL},     {"boolean", TRIB_DEAL_IS_BOOL},  {"integer", TRIB_DEAL_IS_INTEGER},
    {"number", TRIB_DEAL_IS_NUMBER}, {"string", TRIB_DEAL_IS_STRING}, {"array", TRIB_DEAL_IS_ARRAY},
    {"object", TRIB_DEAL_IS_OBJECT},
};
enum { TYPE_WORDS = sizeof type_words / sizeof *type_words };

/* ---- reading ---- */

typedef struct reader {
    trib_arena *arena;
    trib_deal_problems *problems;
    unsigned depth;
} reader;

static void read_schema(reader *r, const trib_json *value, trib_deal_schema *schema);

static trib_deal_schema *new_schema(reader *r) {
    trib_deal_schema *schema = trib_arena_zalloc(r->arena, 1, sizeof *schema);
    if (schema) schema->min_length = schema->max_length = schema->min_items = schema->max_items = -1;
    return schema;
}

static void read_type_word(reader *r, const trib_json *value, trib_deal_schema *schema) {
    trib_str word = {0};
    (void)trib_json_str(value, &word);
    for (size_t i = 0; i < TYPE_WORDS; i++) {
        if (!trib_str_eq_c(word, type_words[i].word)) continue;
        schema->types |= type_words[i].bit;
        return;
    }
    trib_deal_problems_add(r->problems, value,
                           "\"type\" must be one of null boolean integer number string array object, or an array of "
                           "them");
}

static void read_type(reader *r, const trib_json *value, trib_deal_schema *schema) {
    if (!trib_json_is(value, TRIB_JSON_ARRAY)) read_type_word(r, value, schema);
    else if (!trib_json_count(value))
        trib_deal_problems_add(r->problems, value, "\"type\" is an empty array; name one");
    for (const trib_json *c = trib_json_first(value); c; c = c->next) read_type_word(r, c, schema);
}

/* The property of this name, made if there is none. NULL: too many, or no memory. */
static trib_deal_property *property_of(reader *r, trib_deal_schema *schema, const trib_json *at, trib_str name) {
    for (size_t i = 0; i < schema->property_count; i++) {
        if (trib_str_eq(schema->properties[i].name, name)) return &schema->properties[i];
    }
    if (!schema->properties)
        schema->properties = trib_arena_zalloc(r->arena, TRIB_DEAL_SCHEMA_PROPERTIES_MAX, sizeof *schema->properties);
    if (!schema->properties) return NULL;
    if (schema->property_count == TRIB_DEAL_SCHEMA_PROPERTIES_MAX) {
        trib_deal_problems_add(r->problems, at,
                               "an object has more than %d properties; leave out those that need no rule",
                               TRIB_DEAL_SCHEMA_PROPERTIES_MAX);
        return NULL;
    }
    schema->properties[schema->property_count] = (trib_deal_property){.name = name};
    return &schema->properties[schema->property_count++];
}

static const trib_deal_schema *read_below(reader *r, const trib_json *value) {
    trib_deal_schema *below = new_schema(r);
    if (!below) return NULL;
    if (r->depth == TRIB_DEAL_SCHEMA_DEPTH_MAX) {
        trib_deal_problems_add(r->problems, value, "the schema is nested deeper than %d; make it flatter",
                               TRIB_DEAL_SCHEMA_DEPTH_MAX);
        return below;
    }
    r->depth++;
    read_schema(r, value, below);
    r->depth--;
    return below;
}

static void read_properties(reader *r, const trib_json *value, trib_deal_schema *schema) {
    if (!trib_json_is(value, TRIB_JSON_OBJECT))
        trib_deal_problems_add(r->problems, value, "\"properties\" must be an object of name and schema");
    for (const trib_json *c = trib_json_first(value); c; c = c->next) {
        trib_deal_property *property = property_of(r, schema, c, c->key);
        const trib_deal_schema *below = property ? read_below(r, c) : NULL;
        if (property) property->schema = below;
    }
}

static void read_required(reader *r, const trib_json *value, trib_deal_schema *schema) {
    if (!trib_json_is(value, TRIB_JSON_ARRAY))
        trib_deal_problems_add(r->problems, value, "\"required\" must be an array of property names");
    for (const trib_json *c = trib_json_first(value); c; c = c->next) {
        trib_str name;
        trib_deal_property *property = NULL;
        if (!trib_json_str(c, &name)) {
            trib_deal_problems_add(r->problems, c, "\"required\" must hold strings");
            continue;
        }
        property = property_of(r, schema, c, name);
        if (property) property->required = true;
    }
}

static void read_closed(reader *r, const trib_json *value, trib_deal_schema *schema) {
    bool open = true;
    if (!trib_json_bool(value, &open))
        trib_deal_problems_add(r->problems, value, "\"additionalProperties\" must be true or false here");
    schema->closed = !open;
}

static void read_items(reader *r, const trib_json *value, trib_deal_schema *schema) {
    schema->items = read_below(r, value);
}

static void read_enum(reader *r, const trib_json *value, trib_deal_schema *schema) {
    size_t count = trib_json_count(value);
    if (!trib_json_is(value, TRIB_JSON_ARRAY) || !count || count > TRIB_DEAL_SCHEMA_ENUM_MAX) {
        trib_deal_problems_add(r->problems, value, "\"enum\" must be an array of 1 to %d values",
                               TRIB_DEAL_SCHEMA_ENUM_MAX);
        return;
    }
    for (const trib_json *c = trib_json_first(value); c; c = c->next) {
        if (c->kind == TRIB_JSON_ARRAY || c->kind == TRIB_JSON_OBJECT)
            trib_deal_problems_add(r->problems, c, "\"enum\" may hold strings, numbers, true, false and null only");
    }
    schema->enumeration = value;
}

static void read_minimum(reader *r, const trib_json *value, trib_deal_schema *schema) {
    schema->has_minimum = trib_json_f64(value, &schema->minimum);
    if (!schema->has_minimum) trib_deal_problems_add(r->problems, value, "\"minimum\" must be a number");
}

static void read_maximum(reader *r, const trib_json *value, trib_deal_schema *schema) {
    schema->has_maximum = trib_json_f64(value, &schema->maximum);
    if (!schema->has_maximum) trib_deal_problems_add(r->problems, value, "\"maximum\" must be a number");
}

static void read_count(reader *r, const trib_json *value, int64_t *ret) {
    int64_t count = 0;
    if (trib_json_i64(value, &count) && count >= 0) *ret = count;
    else trib_deal_problems_add(r->problems, value, "\"%.*s\" must be a whole number from 0", TRIB_STR_ARG(value->key));
}

static void read_min_length(reader *r, const trib_json *value, trib_deal_schema *schema) {
    read_count(r, value, &schema->min_length);
}
static void read_max_length(reader *r, const trib_json *value, trib_deal_schema *schema) {
    read_count(r, value, &schema->max_length);
}
static void read_min_items(reader *r, const trib_json *value, trib_deal_schema *schema) {
    read_count(r, value, &schema->min_items);
}
static void read_max_items(reader *r, const trib_json *value, trib_deal_schema *schema) {
    read_count(r, value, &schema->max_items);
}

static void read_text(reader *r, const trib_json *value, trib_deal_schema *schema) {
    trib_str text;
    if (!trib_json_str(value, &text))
        trib_deal_problems_add(r->problems, value, "\"%.*s\" must be a string", TRIB_STR_ARG(value->key));
    else if (trib_str_eq_c(value->key, "description")) schema->description = text;
}

static const struct {
    const char *name;
    void (*read)(reader *r, const trib_json *value, trib_deal_schema *schema);
} keywords[] = {
    {"type", read_type},
    {"properties", read_properties},
    {"required", read_required},
    {"additionalProperties", read_closed},
    {"items", read_items},
    {"enum", read_enum},
    {"minimum", read_minimum},
    {"maximum", read_maximum},
    {"minLength", read_min_length},
    {"maxLength", read_max_length},
    {"minItems", read_min_items},
    {"maxItems", read_max_items},
    {"title", read_text},
    {"description", read_text},
};
enum { KEYWORDS = sizeof keywords / sizeof *keywords };

static void unknown_keyword(reader *r, const trib_json *member) {
    trib_suggest suggest = {.word = member->key};
    for (size_t i = 0; i < KEYWORDS; i++) trib_suggest_offer(&suggest, trib_str_c(keywords[i].name));
    if (trib_str_eq_c(member->key, "pattern"))
        trib_deal_problems_add_key(r->problems, member,
                                   "\"pattern\" is not kept here: its cost is not bounded; use enum, minLength and "
                                   "maxLength");
    else
        trib_deal_problems_add_key(r->problems, member, "there is no keyword \"%.*s\" here%s%.*s%s; remove it",
                                   TRIB_STR_ARG(member->key), suggest.best.len ? " (did you mean " : "",
                                   TRIB_STR_ARG(suggest.best), suggest.best.len ? "?)" : "");
}

static void read_schema(reader *r, const trib_json *value, trib_deal_schema *schema) {
    if (!trib_json_is(value, TRIB_JSON_OBJECT)) {
        trib_deal_problems_add(r->problems, value, "a schema must be an object, as in {\"type\": \"string\"}, not %s",
                               trib_json_kind_text(value));
        return;
    }
    for (const trib_json *c = trib_json_first(value); c; c = c->next) {
        size_t i = 0;
        while (i < KEYWORDS && !trib_str_eq_c(c->key, keywords[i].name)) i++;
        if (i < KEYWORDS) keywords[i].read(r, c, schema);
        else unknown_keyword(r, c);
    }
    if (schema->has_minimum && schema->has_maximum && schema->minimum > schema->maximum)
        trib_deal_problems_add(r->problems, value, "\"minimum\" is above \"maximum\": no number fits");
    if ((schema->max_length >= 0 && schema->min_length > schema->max_length) ||
        (schema->max_items >= 0 && schema->min_items > schema->max_items))
        trib_deal_problems_add(r->problems, value, "a minimum is above its maximum: nothing fits");
}

void trib_deal_schema_read(trib_arena *arena, const trib_json *value, trib_deal_problems *problems,
                           const trib_deal_schema **ret) {
    reader r = {.arena = arena, .problems = problems};
    *ret = read_below(&r, value);
}

/* ---- checking ---- */

typedef struct checker {
    char *path; /* TRIB_DEAL_PATH_BYTES, NUL-terminated */
    size_t len;
    trib_error *err;
} checker;

static void push_name(checker *c, trib_str name) {
    int n = snprintf(c->path + c->len, TRIB_DEAL_PATH_BYTES - c->len, ".%.*s", TRIB_STR_ARG(name));
    size_t room = TRIB_DEAL_PATH_BYTES - 1 - c->len;
    c->len += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room;
}

static void push_index(checker *c, size_t index) {
    int n = snprintf(c->path + c->len, TRIB_DEAL_PATH_BYTES - c->len, "[%zu]", index);
    size_t room = TRIB_DEAL_PATH_BYTES - 1 - c->len;
    c->len += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room;
}

static void pop(checker *c, size_t len) {
    c->len = len;
    c->path[len] = 0;
}

/* "a string or a number" */
static void types_text(unsigned types, char *out, size_t size) {
    static const char *const words[TYPE_WORDS] = {"null",     "true or false", "a whole number", "a number",
                                                  "a string", "an array",      "an object"};
    size_t len = 0;
    out[0] = 0;
    for (size_t i = 0; i < TYPE_WORDS; i++) {
        if (!(types & type_words[i].bit)) continue;
        int n = snprintf(out + len, size - len, "%s%s", len ? " or " : "", words[i]);
        if (n < 0 || (size_t)n >= size - len) return;
        len += (size_t)n;
    }
}

static unsigned type_of(const trib_json *value) {
    switch ((trib_json_kind)value->kind) {
    case TRIB_JSON_NULL: return TRIB_DEAL_IS_NULL;
    case TRIB_JSON_BOOL: return TRIB_DEAL_IS_BOOL;
    case TRIB_JSON_STRING: return TRIB_DEAL_IS_STRING;
    case TRIB_JSON_ARRAY: return TRIB_DEAL_IS_ARRAY;
    case TRIB_JSON_OBJECT: return TRIB_DEAL_IS_OBJECT;
    case TRIB_JSON_NUMBER: break;
    }
    return value->is_integer ? TRIB_DEAL_IS_INTEGER | TRIB_DEAL_IS_NUMBER : TRIB_DEAL_IS_NUMBER;
}

static bool same_scalar(const trib_json *a, const trib_json *b) {
    double x = 0, y = 0;
    if (a->kind != b->kind) return false;
    if (a->kind == TRIB_JSON_STRING) return trib_str_eq(a->u.str, b->u.str);
    if (a->kind == TRIB_JSON_BOOL) return a->is_true == b->is_true;
    if (a->kind != TRIB_JSON_NUMBER) return a->kind == TRIB_JSON_NULL;
    if (a->is_integer && b->is_integer) return a->u.number.integer == b->u.number.integer;
    return trib_json_f64(a, &x) && trib_json_f64(b, &y) && !(x < y) && !(x > y);
}

static bool in_enum(const trib_deal_schema *schema, const trib_json *value) {
    for (const trib_json *c = trib_json_first(schema->enumeration); c; c = c->next) {
        if (same_scalar(c, value)) return true;
    }
    return false;
}

static size_t characters(trib_str text) {
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) count += ((unsigned char)text.ptr[i] & 0xC0) != 0x80;
    return count;
}

/* min and max -1: none */
static trib_code check_count(checker *c, size_t count, int64_t min, int64_t max, const char *unit) {
    if (min >= 0 && count < (uint64_t)min)
        return trib_error_set(c->err, TRIB_BAD_EVENT, "%s has %zu %s, at least %" PRId64 " are wanted", c->path, count,
                              unit, min);
    if (max >= 0 && count > (uint64_t)max)
        return trib_error_set(c->err, TRIB_BAD_EVENT, "%s has %zu %s, at most %" PRId64 " are allowed", c->path, count,
                              unit, max);
    return TRIB_OK;
}

static trib_code check_number(checker *c, const trib_deal_schema *schema, const trib_json *value) {
    double number = 0;
    if (!schema->has_minimum && !schema->has_maximum) return TRIB_OK;
    if (!trib_json_f64(value, &number)) return trib_error_set(c->err, TRIB_BAD_EVENT, "%s is too large", c->path);
    if (schema->has_minimum && number < schema->minimum)
        return trib_error_set(c->err, TRIB_BAD_EVENT, "%s is below %g", c->path, schema->minimum);
    if (schema->has_maximum && number > schema->maximum)
        return trib_error_set(c->err, TRIB_BAD_EVENT, "%s is above %g", c->path, schema->maximum);
    return TRIB_OK;
}

static trib_code check_value(checker *c, const trib_deal_schema *schema, const trib_json *value);

static trib_code check_object(checker *c, const trib_deal_schema *schema, const trib_json *value) {
    uint64_t seen = 0;
    size_t len = c->len;
    for (const trib_json *m = trib_json_first(value); m; m = m->next) {
        size_t i = 0;
        while (i < schema->property_count && !trib_str_eq(schema->properties[i].name, m->key)) i++;
        push_name(c, m->key);
        if (i == schema->property_count) {
            if (schema->closed)
                return trib_error_set(c->err, TRIB_BAD_EVENT, "%s is a member that is not known here", c->path);
        } else {
            seen |= UINT64_C(1) << i;
            const trib_deal_schema *below = schema->properties[i].schema;
            trib_code code = below ? check_value(c, below, m) : TRIB_OK;
            if (code != TRIB_OK) return code;
        }
        pop(c, len);
    }
    for (size_t i = 0; i < schema->property_count; i++) {
        if (!schema->properties[i].required || (seen >> i & 1)) continue;
        push_name(c, schema->properties[i].name);
        return trib_error_set(c->err, TRIB_BAD_EVENT, "%s is missing", c->path);
    }
    return TRIB_OK;
}

static trib_code check_array(checker *c, const trib_deal_schema *schema, const trib_json *value) {
    size_t len = c->len, index = 0;
    trib_code code = check_count(c, trib_json_count(value), schema->min_items, schema->max_items, "elements");
    if (!schema->items) return code;
    for (const trib_json *e = trib_json_first(value); code == TRIB_OK && e; e = e->next) {
        push_index(c, index++);
        code = check_value(c, schema->items, e);
        if (code == TRIB_OK) pop(c, len);
    }
    return code;
}

static trib_code check_value(checker *c, const trib_deal_schema *schema, const trib_json *value) {
    char wanted[96];
    if (schema->types && !(schema->types & type_of(value))) {
        types_text(schema->types, wanted, sizeof wanted);
        return trib_error_set(c->err, TRIB_BAD_EVENT, "%s is %s, but %s is wanted", c->path, trib_json_kind_text(value),
                              wanted);
    }
    if (schema->enumeration && !in_enum(schema, value))
        return trib_error_set(c->err, TRIB_BAD_EVENT, "%s is none of the values that are allowed there", c->path);
    switch ((trib_json_kind)value->kind) {
    case TRIB_JSON_STRING:
        return check_count(c, characters(value->u.str), schema->min_length, schema->max_length, "characters");
    case TRIB_JSON_NUMBER: return check_number(c, schema, value);
    case TRIB_JSON_OBJECT: return check_object(c, schema, value);
    case TRIB_JSON_ARRAY: return check_array(c, schema, value);
    case TRIB_JSON_NULL:
    case TRIB_JSON_BOOL: break;
    }
    return TRIB_OK;
}

trib_code trib_deal_schema_check(const trib_deal_schema *schema, const trib_json *value,
                                 char ret_path[TRIB_DEAL_PATH_BYTES], trib_error *err) {
    static const trib_json nothing = {.kind = TRIB_JSON_OBJECT}; /* an event without a payload */
    checker c = {.path = ret_path, .len = 1, .err = err};
    ret_path[0] = '$';
    ret_path[1] = 0;
    trib_code code = check_value(&c, schema, value ? value : &nothing);
    /* a name may have been cut inside a character */
    ret_path[code == TRIB_OK ? 0 : trib_str_utf8_prefix(trib_str_make(ret_path, c.len))] = 0;
    return code;
}
