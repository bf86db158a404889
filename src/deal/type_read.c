/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of stream types: names, roles, statuses, timers; opcodes are in type_read_op.c, the checks across members
 * in type_check.c. It goes on after a problem, so that one run shows them all. */
#include "deal/type.h"

#include <stdio.h>
#include <string.h>

#include "base/suggest.h"
#include "base/units.h"
#include "deal/type_int.h"

/* ---- words ---- */

const char *trib_deal_delta_text(trib_deal_delta delta) {
    static const char *const words[] = {
#define X(id, word, meaning) word,
        TRIB_DEAL_DELTAS(X)
#undef X
    };
    return words[delta];
}

const char *trib_deal_ledger_text(trib_deal_ledger ledger) {
    static const char *const words[] = {
#define X(id, word, meaning) word,
        TRIB_DEAL_LEDGERS(X)
#undef X
    };
    return words[ledger];
}

const char *trib_deal_when_text(trib_deal_when when) {
    static const char *const words[] = {
#define X(id, word, meaning) word,
        TRIB_DEAL_WHENS(X)
#undef X
    };
    return words[when];
}

const char *trib_deal_task_text(trib_deal_task_state state) {
    static const char *const words[] = {
#define X(id, word) word,
        TRIB_DEAL_TASK_STATES(X)
#undef X
            "none"
    };
    return words[state];
}

/* ---- look-ups ---- */

const trib_deal_op *trib_deal_op_get(const trib_deal_type *type, int64_t opcode) {
    size_t low = 0, high = type->op_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (type->ops[middle].opcode < opcode) low = middle + 1;
        else high = middle;
    }
    return low < type->op_count && type->ops[low].opcode == opcode ? &type->ops[low] : NULL;
}

int trib_deal_status_find(const trib_deal_type *type, trib_str name) {
    for (size_t i = 0; i < type->status_count; i++) {
        if (trib_str_eq(type->statuses[i].name, name)) return (int)i;
    }
    return -1;
}

int trib_deal_role_find(const trib_deal_type *type, trib_str name) {
    for (size_t i = 0; i < type->role_count; i++) {
        if (trib_str_eq(type->roles[i].name, name)) return (int)i;
    }
    return -1;
}

uint32_t trib_deal_role_bit(const trib_deal_type *type, trib_str name) {
    int role = trib_deal_role_find(type, name);
    return role < 0 ? 0 : UINT32_C(1) << role;
}

trib_str trib_deal_status_name(const trib_deal_type *type, int status) {
    return status < 0 || (size_t)status >= type->status_count ? TRIB_STR("-") : type->statuses[status].name;
}

const trib_deal_timer *trib_deal_timer_next(const trib_deal_type *type, int status, const trib_deal_timer *after) {
    for (size_t i = after ? (size_t)(after - type->timers) + 1 : 0; i < type->timer_count; i++) {
        if (type->timers[i].status == status) return &type->timers[i];
    }
    return NULL;
}

/* ---- helpers of the reader ---- */

bool trib_deal_is_name(trib_str text, bool upper) {
    char first = upper ? 'A' : 'a', last = upper ? 'Z' : 'z', joint = upper ? '_' : '-';
    if (!text.len || text.len > TRIB_DEAL_NAME_MAX_BYTES || text.ptr[0] < first || text.ptr[0] > last) return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!((c >= first && c <= last) || (c >= '0' && c <= '9') || c == joint)) return false;
    }
    return true;
}

trib_str trib_deal_read_text(trib_deal_reading *r, const trib_json *value, const char *what) {
    trib_str text = {0};
    if (value && !trib_json_str(value, &text))
        trib_deal_problems_add(r->problems, value, "\"%s\" must be a string, not %s", what, trib_json_kind_text(value));
    if (memchr(text.ptr ? text.ptr : "", '\n', text.len))
        trib_deal_problems_add(r->problems, value, "\"%s\" must be one line", what);
    return text;
}

void trib_deal_read_bool(trib_deal_reading *r, const trib_json *value, const char *what, bool *ret) {
    if (value && !trib_json_bool(value, ret))
        trib_deal_problems_add(r->problems, value, "\"%s\" must be true or false, not %s", what,
                               trib_json_kind_text(value));
}

static void unknown_word(trib_deal_reading *r, const trib_json *value, const char *kind, const char *plural,
                         trib_suggest suggest) {
    trib_deal_problems_add(r->problems, value, "there is no %s \"%.*s\"%s%.*s%s; write one of \"%s\"", kind,
                           TRIB_STR_ARG(suggest.word), suggest.best.len ? " (did you mean " : "",
                           TRIB_STR_ARG(suggest.best), suggest.best.len ? "?)" : "", plural);
}

int trib_deal_read_status(trib_deal_reading *r, const trib_json *value) {
    trib_suggest suggest = {0};
    if (!trib_json_str(value, &suggest.word)) {
        trib_deal_problems_add(r->problems, value, "a status must be a string, not %s", trib_json_kind_text(value));
        return -1;
    }
    int found = trib_deal_status_find(r->type, suggest.word);
    for (size_t i = 0; i < r->type->status_count; i++) trib_suggest_offer(&suggest, r->type->statuses[i].name);
    if (found < 0) unknown_word(r, value, "status", "statuses", suggest);
    return found;
}

int trib_deal_read_role(trib_deal_reading *r, const trib_json *value) {
    trib_suggest suggest = {0};
    if (!trib_json_str(value, &suggest.word)) {
        trib_deal_problems_add(r->problems, value, "a role must be a string, not %s", trib_json_kind_text(value));
        return -1;
    }
    int found = trib_deal_role_find(r->type, suggest.word);
    for (size_t i = 0; i < r->type->role_count; i++) trib_suggest_offer(&suggest, r->type->roles[i].name);
    if (found < 0) unknown_word(r, value, "role", "roles", suggest);
    return found;
}

void trib_deal_unknown_member(trib_deal_reading *r, const trib_json *member, const char *where,
                              const char *const *known) {
    trib_suggest suggest = {.word = member->key};
    for (; *known; known++) trib_suggest_offer(&suggest, trib_str_c(*known));
    trib_deal_problems_add_key(r->problems, member, "%s has no member \"%.*s\"%s%.*s%s; remove or rename it", where,
                               TRIB_STR_ARG(member->key), suggest.best.len ? " (did you mean " : "",
                               TRIB_STR_ARG(suggest.best), suggest.best.len ? "?)" : "");
}

void trib_deal_check_members(trib_deal_reading *r, const trib_json *object, const char *where,
                             const char *const *known) {
    for (const trib_json *m = trib_json_first(object); m; m = m->next) {
        const char *const *k = known;
        while (*k && !trib_str_eq_c(m->key, *k)) k++;
        if (!*k) trib_deal_unknown_member(r, m, where, known);
    }
}

/* ---- roles, statuses, timers ---- */

/* An object of at most `max` names, not reserved ones. Returns how many of its members count. */
static size_t named_members(trib_deal_reading *r, const trib_json *value, const char *what, size_t max) {
    size_t count = trib_json_count(value);
    if (!trib_json_is(value, TRIB_JSON_OBJECT) || !count) {
        trib_deal_problems_add(r->problems, value ? value : r->root,
                               "\"%s\" must be an object with at least one member, a name and what it is", what);
        return 0;
    }
    if (count > max) {
        trib_deal_problems_add(r->problems, value, "there are %zu in \"%s\", at most %zu are allowed", count, what,
                               max);
        count = max;
    }
    for (const trib_json *m = trib_json_first(value); m; m = m->next) {
        if (!trib_deal_is_name(m->key, false))
            trib_deal_problems_add_key(r->problems, m,
                                       "a name in \"%s\" must be lower-case letters, digits and dashes, a letter "
                                       "first, at most %d",
                                       what, TRIB_DEAL_NAME_MAX_BYTES);
        else if (trib_str_eq_c(m->key, "any") || trib_str_eq_c(m->key, "start"))
            trib_deal_problems_add_key(r->problems, m, "\"%.*s\" has a meaning of its own; choose another name",
                                       TRIB_STR_ARG(m->key));
    }
    return count;
}

static void read_roles(trib_deal_reading *r, const trib_json *value) {
    static const char *const known[] = {"about", "payload", NULL};
    size_t count = named_members(r, value, "roles", TRIB_DEAL_ROLES_MAX);
    const trib_json *m = trib_json_first(value);
    r->type->roles = trib_arena_zalloc(r->arena, count, sizeof *r->type->roles);
    if (!r->type->roles) return;
    r->type->role_count = count;
    for (size_t i = 0; i < count; i++, m = m->next) {
        trib_deal_role *role = &r->type->roles[i];
        role->name = m->key;
        r->role_at[i] = m;
        if (!trib_json_is(m, TRIB_JSON_OBJECT)) {
            role->about = trib_deal_read_text(r, m, "roles");
            continue;
        }
        trib_deal_check_members(r, m, "a role", known);
        role->about = trib_deal_read_text(r, trib_json_get(m, "about"), "about");
        role->payload = trib_deal_read_text(r, trib_json_get(m, "payload"), "payload");
    }
}

static void read_statuses(trib_deal_reading *r, const trib_json *value, const trib_json *final) {
    size_t count = named_members(r, value, "statuses", TRIB_DEAL_STATUSES_MAX);
    const trib_json *m = trib_json_first(value);
    r->type->statuses = trib_arena_zalloc(r->arena, count, sizeof *r->type->statuses);
    if (!r->type->statuses) return;
    r->type->status_count = count;
    for (size_t i = 0; i < count; i++, m = m->next) {
        r->type->statuses[i].name = m->key;
        r->type->statuses[i].about = trib_deal_read_text(r, m, "statuses");
        r->status_at[i] = m;
    }
    if (!trib_json_is(final, TRIB_JSON_ARRAY) || !trib_json_count(final))
        trib_deal_problems_add(r->problems, final ? final : r->root,
                               "\"final\" must be an array of the statuses in which a stream is over, at least one");
    for (m = trib_json_first(final); m && trib_json_is(final, TRIB_JSON_ARRAY); m = m->next) {
        int status = trib_deal_read_status(r, m);
        if (status >= 0) r->type->statuses[status].is_final = true;
    }
}

typedef struct known_action {
    const char *word;
    bool writes;
} known_action;

static const known_action known_actions[] = {
#define X(id, word, writes, meaning) {word, writes},
    TRIB_DEAL_ACTIONS(X)
#undef X
};

/* An action that nobody does would be a timer that fires without effect. */
static void read_action(trib_deal_reading *r, const trib_json *timer_at, const trib_json *action, bool has_opcode,
                        trib_deal_timer *timer) {
    const known_action *known = NULL;
    trib_suggest suggest = {.word = timer->action = trib_deal_read_text(r, action, "action")};
    char words[200];
    int len = 0;
    for (size_t i = 0; i < sizeof known_actions / sizeof *known_actions; i++) {
        const char *word = known_actions[i].word;
        if (trib_str_eq_c(timer->action, word)) known = &known_actions[i];
        trib_suggest_offer(&suggest, trib_str_c(word));
        if (len >= 0 && len < (int)sizeof words)
            len += snprintf(words + len, sizeof words - (size_t)len, "%s%s", i ? ", " : "", word);
    }
    if (!known && suggest.best.len)
        trib_deal_problems_add(r->problems, action, "the server has no action \"%.*s\" (did you mean %.*s?)",
                               TRIB_STR_ARG(timer->action), TRIB_STR_ARG(suggest.best));
    else if (!known)
        trib_deal_problems_add(r->problems, action, "the server has no action \"%.*s\"; there are: %s",
                               TRIB_STR_ARG(timer->action), words);
    else if (known->writes && !has_opcode)
        trib_deal_problems_add(r->problems, timer_at, "the action %s needs the \"opcode\" that it writes", known->word);
    else if (!known->writes && has_opcode)
        trib_deal_problems_add(r->problems, timer_at, "the action %s writes no \"opcode\"; remove one of them",
                               known->word);
}

static void read_timer(trib_deal_reading *r, const trib_json *value, trib_deal_timer *timer) {
    static const char *const known[] = {"name", "status", "after", "opcode", "action", NULL};
    const trib_json *after = trib_json_get(value, "after"), *opcode = trib_json_get(value, "opcode"),
                    *action = trib_json_get(value, "action"), *status = trib_json_get(value, "status");
    int64_t number = 0;
    timer->status = -1;
    if (!trib_json_is(value, TRIB_JSON_OBJECT)) {
        trib_deal_problems_add(r->problems, value, "a timer must be an object, not %s", trib_json_kind_text(value));
        return;
    }
    trib_deal_check_members(r, value, "a timer", known);
    timer->name = trib_deal_read_text(r, trib_json_get(value, "name"), "name");
    if (!trib_deal_is_name(timer->name, false))
        trib_deal_problems_add(r->problems, value, "a timer needs a \"name\" of lower-case letters, digits and dashes");
    if (status) timer->status = trib_deal_read_status(r, status);
    else trib_deal_problems_add(r->problems, value, "a timer needs the \"status\" in which it runs");
    trib_str text = after ? trib_deal_read_text(r, after, "after") : (trib_str){0};
    if (!trib_units_duration_ms(text, &timer->after_ms) || timer->after_ms <= 0 ||
        timer->after_ms > TRIB_DEAL_TIMER_MAX_MS)
        trib_deal_problems_add(r->problems, after ? after : value,
                               "a timer needs \"after\", a time as in \"15m\", \"24h\", \"7d\", at most 400 days");
    if (!opcode && !action) trib_deal_problems_add(r->problems, value, "a timer needs an \"opcode\" or an \"action\"");
    if (opcode && (!trib_json_i64(opcode, &number) || number < 1 || number > TRIB_DEAL_OPCODE_MAX))
        trib_deal_problems_add(r->problems, opcode, "\"opcode\" must be a whole number from 1 to %d",
                               TRIB_DEAL_OPCODE_MAX);
    else timer->opcode = (int32_t)number;
    if (action) read_action(r, value, action, opcode != NULL, timer);
}

static void read_timers(trib_deal_reading *r, const trib_json *value) {
    size_t count = trib_json_count(value);
    const trib_json *c = trib_json_first(value);
    if (value && !trib_json_is(value, TRIB_JSON_ARRAY)) {
        trib_deal_problems_add(r->problems, value, "\"timers\" must be an array of objects");
        return;
    }
    if (count > TRIB_DEAL_TIMERS_MAX) {
        trib_deal_problems_add(r->problems, value, "there are %zu timers, at most %d are allowed", count,
                               TRIB_DEAL_TIMERS_MAX);
        count = TRIB_DEAL_TIMERS_MAX;
    }
    r->type->timers = trib_arena_zalloc(r->arena, count, sizeof *r->type->timers);
    if (!r->type->timers) return;
    r->type->timer_count = count;
    for (size_t i = 0; i < count; i++, c = c->next) {
        r->timer_at[i] = c;
        read_timer(r, c, &r->type->timers[i]);
    }
}

/* ---- the file ---- */

static void read_head(trib_deal_reading *r) {
    static const char *const known[] = {"type",     "title", "about",   "open",   "decimals", "roles",
                                        "statuses", "final", "opcodes", "timers", NULL};
    const trib_json *name = trib_json_get(r->root, "type"), *decimals = trib_json_get(r->root, "decimals");
    int64_t number = 2;
    trib_deal_check_members(r, r->root, "a stream type", known);
    r->type->name = trib_deal_read_text(r, name, "type");
    if (!trib_deal_is_name(r->type->name, false))
        trib_deal_problems_add(r->problems, name ? name : r->root,
                               "\"type\" must name the type: lower-case letters, digits and dashes, a letter first, at "
                               "most %d",
                               TRIB_DEAL_NAME_MAX_BYTES);
    r->type->title = trib_deal_read_text(r, trib_json_get(r->root, "title"), "title");
    if (!r->type->title.len) r->type->title = r->type->name;
    r->type->about = trib_deal_read_text(r, trib_json_get(r->root, "about"), "about");
    trib_deal_read_bool(r, trib_json_get(r->root, "open"), "open", &r->type->is_open);
    if (decimals && (!trib_json_i64(decimals, &number) || number < 0 || number > TRIB_DEAL_DECIMALS_MAX)) {
        trib_deal_problems_add(r->problems, decimals,
                               "\"decimals\" must be the digits behind the point of money, 0 to %d",
                               TRIB_DEAL_DECIMALS_MAX);
        number = 2;
    }
    r->type->decimals = (unsigned)number;
}

/* The first member whose name its object has already; NULL: there is none. The reader bounds depth and members. */
static const trib_json *find_duplicate(const trib_json *value) {
    const trib_json *found = NULL;
    for (const trib_json *c = trib_json_first(value); c && !found; c = c->next) {
        for (const trib_json *b = trib_json_first(value); value->kind == TRIB_JSON_OBJECT && b != c; b = b->next) {
            if (trib_str_eq(b->key, c->key)) return c;
        }
        found = find_duplicate(c);
    }
    return found;
}

/* Says where and why `text` is no JSON that has every member once. */
static trib_code tell_json(trib_deal_reading *r, trib_str text, const trib_error *why, trib_error *err) {
    const trib_json *root = NULL;
    trib_code code = trib_json_parse(r->arena, text, &root, NULL);
    if (code == TRIB_NOMEM) return trib_error_set(err, TRIB_NOMEM, NULL);
    const trib_json *twice = find_duplicate(root);
    r->problems->root = root;
    if (twice)
        trib_deal_problems_add_key(r->problems, twice, "the member \"%.*s\" stands here a second time; remove one",
                                   TRIB_STR_ARG(twice->key));
    else trib_deal_problems_add_at(r->problems, (size_t)why->detail, "%s", why->message);
    return TRIB_OK;
}

static trib_code parse(trib_deal_reading *r, trib_str text, trib_error *err) {
    trib_error why = {0};
    if (text.len > TRIB_DEAL_FILE_MAX_BYTES) {
        trib_deal_problems_add_at(r->problems, 0, "the file has %zu bytes, a stream type has at most %d", text.len,
                                  TRIB_DEAL_FILE_MAX_BYTES);
        return TRIB_OK;
    }
    trib_code code = trib_json_parse_unique(r->arena, text, &r->root, &why);
    if (code == TRIB_NOMEM) return trib_error_set(err, TRIB_NOMEM, NULL);
    if (code != TRIB_OK) return tell_json(r, text, &why, err);
    r->problems->root = r->root;
    if (trib_json_is(r->root, TRIB_JSON_OBJECT)) return TRIB_OK;
    trib_deal_problems_add(r->problems, r->root, "a stream type must be an object, not %s",
                           trib_json_kind_text(r->root));
    return TRIB_OK;
}

trib_code trib_deal_type_read(trib_arena *arena, trib_str text, trib_deal_problems *problems,
                              const trib_deal_type **ret, trib_error *err) {
    trib_deal_problems_init(problems, arena, text);
    trib_deal_reading *r = trib_arena_zalloc(arena, 1, sizeof *r);
    trib_deal_type *type = trib_arena_zalloc(arena, 1, sizeof *type);
    if (!r || !type) return trib_error_set(err, TRIB_NOMEM, NULL);
    *r = (trib_deal_reading){.arena = arena, .problems = problems, .type = type};
    trib_code code = parse(r, text, err);
    if (code != TRIB_OK) return code;
    if (!problems->total) {
        read_head(r);
        read_roles(r, trib_json_get(r->root, "roles"));
        read_statuses(r, trib_json_get(r->root, "statuses"), trib_json_get(r->root, "final"));
        trib_deal_read_ops(r, trib_json_get(r->root, "opcodes"));
        read_timers(r, trib_json_get(r->root, "timers"));
        if (!arena->failed) trib_deal_check_type(r);
    }
    trib_deal_problems_sort(problems);
    if (arena->failed) return trib_error_set(err, TRIB_NOMEM, NULL);
    if (problems->total) {
        const trib_deal_problem *first = &problems->items[0];
        return trib_error_set(err, TRIB_STREAM_TYPE_INVALID, "%u:%u: %.*s", first->line, first->column,
                              TRIB_STR_ARG(first->text));
    }
    *ret = type;
    return TRIB_OK;
}
