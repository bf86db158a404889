/* SPDX-License-Identifier: Apache-2.0 */
/* JSON: look-ups in a parsed tree; see json.h. */
#include "wire/json.h"

const trib_json *trib_json_get_str(const trib_json *object, trib_str key) {
    const trib_json *found = NULL;
    if (!trib_json_is(object, TRIB_JSON_OBJECT)) return NULL;
    /* to the end: the last one of a name counts */
    for (const trib_json *m = object->u.first; m; m = m->next) {
        if (trib_str_eq(m->key, key)) found = m;
    }
    return found;
}

const trib_json *trib_json_get(const trib_json *object, const char *key) {
    return trib_json_get_str(object, trib_str_c(key));
}

static bool is_container(const trib_json *value) {
    return trib_json_is(value, TRIB_JSON_ARRAY) || trib_json_is(value, TRIB_JSON_OBJECT);
}

const trib_json *trib_json_first(const trib_json *container) {
    return is_container(container) ? container->u.first : NULL;
}

const trib_json *trib_json_next(const trib_json *child) {
    return child ? child->next : NULL;
}

const trib_json *trib_json_at(const trib_json *container, size_t index) {
    const trib_json *child = trib_json_first(container);
    while (child && index-- > 0) child = child->next;
    return child;
}

size_t trib_json_count(const trib_json *container) {
    return is_container(container) ? container->count : 0;
}

bool trib_json_is(const trib_json *value, trib_json_kind kind) {
    return value && value->kind == (unsigned char)kind;
}

bool trib_json_is_null(const trib_json *value) {
    return trib_json_is(value, TRIB_JSON_NULL);
}

bool trib_json_absent(const trib_json *value) {
    return !value || value->kind == TRIB_JSON_NULL;
}

bool trib_json_str(const trib_json *value, trib_str *ret) {
    if (!trib_json_is(value, TRIB_JSON_STRING)) return false;
    *ret = value->u.str;
    return true;
}

bool trib_json_bool(const trib_json *value, bool *ret) {
    if (!trib_json_is(value, TRIB_JSON_BOOL)) return false;
    *ret = value->is_true;
    return true;
}

bool trib_json_i64(const trib_json *value, int64_t *ret) {
    if (!trib_json_is(value, TRIB_JSON_NUMBER) || !value->is_integer) return false;
    *ret = value->u.number.integer;
    return true;
}

bool trib_json_number_token(const trib_json *value, trib_str *ret) {
    if (!trib_json_is(value, TRIB_JSON_NUMBER)) return false;
    *ret = (trib_str){value->u.number.token, value->count};
    return true;
}

bool trib_json_f64(const trib_json *value, double *ret) {
    if (!trib_json_is(value, TRIB_JSON_NUMBER)) return false;
    if (value->is_integer && value->u.number.integer != 0) {
        *ret = (double)value->u.number.integer;
        return true;
    }
    return trib_f64_parse((trib_str){value->u.number.token, value->count}, ret);
}

const char *trib_json_kind_text(const trib_json *value) {
    if (!value) return "nothing";
    switch ((trib_json_kind)value->kind) {
    case TRIB_JSON_NULL: return "null";
    case TRIB_JSON_BOOL: return "true or false";
    case TRIB_JSON_NUMBER: return "a number";
    case TRIB_JSON_STRING: return "a string";
    case TRIB_JSON_ARRAY: return "an array";
    case TRIB_JSON_OBJECT: return "an object";
    }
    return "nothing";
}
