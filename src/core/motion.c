/* SPDX-License-Identifier: Apache-2.0 */
/* Positions in memory; see motion.h. A question looks at the coarse cells that have somebody, the nearest first, then
 * at their fine ones, until none can have somebody nearer than those found; how near a cell can be is exact on the
 * sphere (base/geo.h), so poles and the antimeridian are nothing special. */
#include "core/motion.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/geo.h"
#include "base/list.h"
#include "base/map.h"

enum {
    COARSE_DEGREES = 2,
    COARSE_LATS = 180 / COARSE_DEGREES,
    COARSE_LNGS = 360 / COARSE_DEGREES,
    FINE_PER_DEGREE = 20,
    FINE_SIDE = COARSE_DEGREES * FINE_PER_DEGREE,
    KEY_BYTES = TRIB_DB_ID_BYTES + 1 + TRIB_MOTION_POINT_MAX_BYTES,
    FORGET_AT_ONCE = 64,
    RETRY_MS = 1000
};

typedef struct entry {
    trib_list cell_link, heard_link, due_link;
    trib_tenant *tenant;
    double lat, lng;
    int64_t heard_ms, written_ms; /* monotonic */
    bool missing;                 /* there is no such point; until it is forgotten */
    bool dirty, writing;
    struct fine *cell;
    size_t key_len;
    char key[]; /* the tenant's id, '/', the point's */
} entry;

typedef struct fine {
    trib_list link, entries;
    struct coarse *coarse;
    int number; /* in the coarse cell */
} fine;

typedef struct coarse {
    trib_list link, cells; /* fine ones that have somebody */
    int lat, lng;
} coarse;

/* Of the points of one tenant that are here. */
typedef struct owner {
    char id[TRIB_DB_ID_BYTES + 1];
    size_t points;
} owner;

struct trib_motion {
    const trib_env *env;
    trib_mutex *lock;
    trib_map entries, owners;
    trib_list coarse_used, heard, due; /* heard: the longest silent first */
    coarse *grid[COARSE_LATS * COARSE_LNGS];
};

static int64_t now_ms(const trib_motion *m) {
    return trib_env_mono_ns(m->env) / 1000000;
}

/* ---- cells ---- */

static int clamp(int value, int count) {
    return value < 0 ? 0 : value >= count ? count - 1 : value;
}

static coarse *coarse_at(trib_motion *m, double lat, double lng) {
    int i = clamp((int)((lat + 90) / COARSE_DEGREES), COARSE_LATS);
    int j = clamp((int)((lng + 180) / COARSE_DEGREES), COARSE_LNGS);
    coarse **c = &m->grid[i * COARSE_LNGS + j];
    if (*c) return *c;
    *c = calloc(1, sizeof **c);
    if (!*c) return NULL;
    trib_list_init(&(*c)->link);
    trib_list_init(&(*c)->cells);
    (*c)->lat = i * COARSE_DEGREES - 90;
    (*c)->lng = j * COARSE_DEGREES - 180;
    return *c;
}

static fine *fine_at(trib_motion *m, double lat, double lng) {
    coarse *c = coarse_at(m, lat, lng);
    if (!c) return NULL;
    int number = clamp((int)((lat - c->lat) * FINE_PER_DEGREE), FINE_SIDE) * FINE_SIDE +
                 clamp((int)((lng - c->lng) * FINE_PER_DEGREE), FINE_SIDE);
    TRIB_LIST_EACH(link, &c->cells) {
        fine *f = TRIB_LIST_ITEM(link, fine, link);
        if (f->number == number) return f;
    }
    fine *f = calloc(1, sizeof *f);
    if (!f) return NULL;
    trib_list_init(&f->entries);
    f->coarse = c;
    f->number = number;
    if (trib_list_is_empty(&c->cells)) trib_list_push_back(&m->coarse_used, &c->link);
    trib_list_push_front(&c->cells, &f->link);
    return f;
}

static void leave_cell(entry *e) {
    fine *f = e->cell;
    trib_list_remove(&e->cell_link);
    e->cell = NULL;
    if (!f || !trib_list_is_empty(&f->entries)) return;
    trib_list_remove(&f->link);
    if (trib_list_is_empty(&f->coarse->cells)) trib_list_remove(&f->coarse->link);
    free(f);
}

static bool is_in(const fine *f, double lat, double lng) {
    const coarse *c = f->coarse;
    double lat1 = c->lat + (double)(f->number / FINE_SIDE) / FINE_PER_DEGREE;
    double lng1 = c->lng + (double)(f->number % FINE_SIDE) / FINE_PER_DEGREE;
    return lat >= lat1 && lat < lat1 + 1.0 / FINE_PER_DEGREE && lng >= lng1 && lng < lng1 + 1.0 / FINE_PER_DEGREE;
}

/* False: no memory; it stays where it was. */
static bool enter_cell(trib_motion *m, entry *e, double lat, double lng) {
    if (e->cell && is_in(e->cell, lat, lng)) return true;
    fine *f = fine_at(m, lat, lng);
    if (!f) return false;
    if (f == e->cell) return true;
    leave_cell(e);
    trib_list_push_back(&f->entries, &e->cell_link);
    e->cell = f;
    return true;
}

/* ---- entries ---- */

static trib_str key_of(const trib_tenant *tenant, trib_str point, char space[KEY_BYTES]) {
    size_t len = strlen(tenant->id);
    memcpy(space, tenant->id, len);
    space[len++] = '/';
    if (point.len) memcpy(space + len, point.ptr, point.len);
    return trib_str_make(space, len + point.len);
}

static trib_str point_of(const entry *e) {
    trib_str key = trib_str_make(e->key, e->key_len);
    return trib_str_sub(key, trib_str_find(key, '/') + 1, key.len);
}

static void forget(trib_motion *m, entry *e) {
    owner *o = trib_map_get(&m->owners, trib_str_c(e->tenant->id));
    (void)trib_map_take(&m->entries, trib_str_make(e->key, e->key_len));
    if (o && --o->points == 0) free(trib_map_take(&m->owners, trib_str_c(o->id)));
    leave_cell(e);
    trib_list_remove(&e->heard_link);
    trib_list_remove(&e->due_link);
    trib_tenant_unref(e->tenant);
    free(e);
}

static owner *owner_of(trib_motion *m, const trib_tenant *tenant) {
    owner *o = trib_map_get(&m->owners, trib_str_c(tenant->id));
    if (o) return o;
    o = calloc(1, sizeof *o);
    if (!o) return NULL;
    memcpy(o->id, tenant->id, sizeof o->id);
    if (trib_map_set(&m->owners, trib_str_c(o->id), o, NULL) == TRIB_OK) return o;
    free(o);
    return NULL;
}

/* NULL: err says why. */
static entry *add_entry(trib_motion *m, trib_tenant *tenant, trib_str key, trib_error *err) {
    owner *o = owner_of(m, tenant);
    bool too_many = o && (o->points >= TRIB_MOTION_POINTS_OF_TENANT_MAX || m->entries.count >= TRIB_MOTION_POINTS_MAX);
    if (too_many) {
        trib_error_set(err, TRIB_TOO_MANY_REQUESTS,
                       "%d points of this tenant or %d in all move already; they are forgotten when silent for %d s",
                       TRIB_MOTION_POINTS_OF_TENANT_MAX, TRIB_MOTION_POINTS_MAX, TRIB_MOTION_FORGET_MS / 1000);
        return NULL;
    }
    entry *e = o ? calloc(1, sizeof *e + key.len) : NULL;
    bool added = false;
    if (e) {
        memcpy(e->key, key.ptr, key.len);
        e->key_len = key.len;
        trib_list_init(&e->cell_link);
        trib_list_init(&e->heard_link);
        trib_list_init(&e->due_link);
        added = trib_map_set(&m->entries, trib_str_make(e->key, e->key_len), e, NULL) == TRIB_OK;
    }
    if (!added) {
        if (o && o->points == 0) free(trib_map_take(&m->owners, trib_str_c(o->id)));
        free(e);
        trib_error_set(err, TRIB_NOMEM, NULL);
        return NULL;
    }
    e->tenant = trib_tenant_ref(tenant);
    o->points++;
    return e;
}

static trib_code ping(trib_motion *m, trib_tenant *tenant, trib_str key, double lat, double lng, trib_error *err) {
    entry *e = trib_map_get(&m->entries, key);
    int64_t now = now_ms(m);
    if (!e) {
        e = add_entry(m, tenant, key, err);
        if (!e) return err->code;
        e->written_ms = now - TRIB_MOTION_WRITE_MS;
    }
    if (e->missing)
        return trib_error_set(err, TRIB_NOT_FOUND,
                              "the tenant has no point \"%.*s\" that could move; insert one into its table points, or "
                              "say its id as \"pointId\"",
                              TRIB_STR_ARG(point_of(e)));
    if (!enter_cell(m, e, lat, lng)) {
        if (!e->cell) forget(m, e);
        return trib_error_set(err, TRIB_NOMEM, NULL);
    }
    e->lat = lat;
    e->lng = lng;
    e->heard_ms = now;
    trib_list_remove(&e->heard_link);
    trib_list_push_back(&m->heard, &e->heard_link);
    if (!e->dirty && !e->writing) trib_list_push_back(&m->due, &e->due_link);
    e->dirty = true;
    return TRIB_OK;
}

trib_code trib_motion_ping(trib_motion *m, trib_tenant *tenant, trib_str point, double lat, double lng,
                           trib_error *err) {
    char space[KEY_BYTES];
    trib_error why;
    if (!err) err = &why;
    if (!trib_geo_is_place(lat, lng))
        return trib_error_set(err, TRIB_BAD_REQUEST,
                              "\"lat\" must be a latitude from -90 to 90 and \"lng\" a longitude from -180 to 180");
    if (point.len > TRIB_MOTION_POINT_MAX_BYTES)
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"pointId\" must have at most %d bytes",
                              TRIB_MOTION_POINT_MAX_BYTES);
    trib_str key = key_of(tenant, point, space);
    trib_mutex_lock(m->env, m->lock);
    trib_code code = ping(m, tenant, key, lat, lng, err);
    trib_mutex_unlock(m->env, m->lock);
    return code;
}

/* ---- questions ---- */

typedef struct near_cell {
    double least_m;
    void *cell;
} near_cell;

typedef struct question {
    trib_geo_from from;
    double max_m; /* of what is kept: falls when all places are taken */
    int64_t oldest_ms;
    size_t max, count;
    bool (*wants)(void *ctx, const trib_tenant *tenant, trib_str point); /* NULL: all */
    void *ctx;
    struct {
        double m;
        entry *e;
    } best[TRIB_MOTION_FOUND_MAX]; /* nearest first */
} question;

static int by_distance(const void *a, const void *b) {
    double x = ((const near_cell *)a)->least_m, y = ((const near_cell *)b)->least_m;
    return (x > y) - (x < y);
}

static void look_at(question *q, entry *e) {
    if (e->heard_ms < q->oldest_ms || e->missing || atomic_load(&e->tenant->deleted)) return;
    double m = trib_geo_distance_m(q->from.lat, q->from.lng, e->lat, e->lng);
    if (m > q->max_m || (q->count == q->max && m >= q->best[q->count - 1].m)) return;
    if (q->wants && !q->wants(q->ctx, e->tenant, point_of(e))) return;
    size_t at = q->count < q->max ? q->count++ : q->count - 1;
    for (; at > 0 && q->best[at - 1].m > m; at--) q->best[at] = q->best[at - 1];
    q->best[at].m = m;
    q->best[at].e = e;
    if (q->count == q->max) q->max_m = q->best[q->count - 1].m;
}

static near_cell near_fine(const question *q, fine *f) {
    const double side = 1.0 / FINE_PER_DEGREE;
    double lat = f->coarse->lat + f->number / FINE_SIDE * side, lng = f->coarse->lng + f->number % FINE_SIDE * side;
    /* a little more on each side: what is computed with doubles may lie beside its cell by a rounding */
    return (near_cell){trib_geo_box_distance_m(&q->from, lat - 1e-9, lat + side + 1e-9, lng - 1e-9, lng + side + 1e-9),
                       f};
}

static void look_into(question *q, coarse *c) {
    near_cell cells[FINE_SIDE * FINE_SIDE];
    size_t count = 0;
    TRIB_LIST_EACH(link, &c->cells) {
        cells[count] = near_fine(q, TRIB_LIST_ITEM(link, fine, link));
        count += cells[count].least_m <= q->max_m;
    }
    qsort(cells, count, sizeof *cells, by_distance);
    for (size_t i = 0; i < count && cells[i].least_m <= q->max_m; i++) {
        fine *f = cells[i].cell;
        TRIB_LIST_EACH(link, &f->entries) look_at(q, TRIB_LIST_ITEM(link, entry, cell_link));
    }
}

static void look_around(trib_motion *m, question *q) {
    static const double more = 1e-9;
    near_cell cells[256];
    size_t count = 0;
    TRIB_LIST_EACH(link, &m->coarse_used) {
        coarse *c = TRIB_LIST_ITEM(link, coarse, link);
        double least = trib_geo_box_distance_m(&q->from, c->lat - more, c->lat + COARSE_DEGREES + more, c->lng - more,
                                               c->lng + COARSE_DEGREES + more);
        if (least > q->max_m) continue;
        if (count == sizeof cells / sizeof *cells) { /* all over the world: those so far first, then the rest */
            qsort(cells, count, sizeof *cells, by_distance);
            for (size_t i = 0; i < count && cells[i].least_m <= q->max_m; i++) look_into(q, cells[i].cell);
            count = 0;
        }
        cells[count++] = (near_cell){least, c};
    }
    qsort(cells, count, sizeof *cells, by_distance);
    for (size_t i = 0; i < count && cells[i].least_m <= q->max_m; i++) look_into(q, cells[i].cell);
}

static void tell(const entry *e, int64_t now, trib_motion_found *ret) {
    trib_str point = point_of(e);
    ret->lat = e->lat;
    ret->lng = e->lng;
    ret->age_ms = now - e->heard_ms;
    ret->distance_m = 0;
    ret->tenant = NULL;
    memcpy(ret->point, point.ptr, point.len);
    ret->point[point.len] = '\0';
}

size_t trib_motion_nearest_of(trib_motion *m, double lat, double lng, double max_m, size_t max,
                              bool (*wants)(void *ctx, const trib_tenant *tenant, trib_str point), void *ctx,
                              trib_motion_found *ret) {
    int64_t now = now_ms(m);
    question q = {.from = trib_geo_from_make(lat, lng),
                  .max_m = max_m < 0 ? HUGE_VAL : max_m,
                  .oldest_ms = now - TRIB_MOTION_SILENT_MS,
                  .max = max < TRIB_MOTION_FOUND_MAX ? max : TRIB_MOTION_FOUND_MAX,
                  .wants = wants,
                  .ctx = ctx};
    if (q.max == 0) return 0;
    trib_mutex_lock(m->env, m->lock);
    look_around(m, &q);
    for (size_t i = 0; i < q.count; i++) {
        tell(q.best[i].e, now, &ret[i]);
        ret[i].tenant = trib_tenant_ref(q.best[i].e->tenant);
        ret[i].distance_m = q.best[i].m;
    }
    trib_mutex_unlock(m->env, m->lock);
    return q.count;
}

size_t trib_motion_nearest(trib_motion *m, double lat, double lng, double max_m, size_t max, trib_motion_found *ret) {
    return trib_motion_nearest_of(m, lat, lng, max_m, max, NULL, NULL, ret);
}

void trib_motion_found_release(trib_motion_found *found, size_t count) {
    for (size_t i = 0; i < count; i++) trib_tenant_unref(found[i].tenant);
}

bool trib_motion_get(trib_motion *m, const trib_tenant *tenant, trib_str point, trib_motion_found *ret) {
    char space[KEY_BYTES];
    if (point.len > TRIB_MOTION_POINT_MAX_BYTES) return false;
    int64_t now = now_ms(m);
    trib_mutex_lock(m->env, m->lock);
    const entry *e = trib_map_get(&m->entries, key_of(tenant, point, space));
    bool found = e && !e->missing && now - e->heard_ms <= TRIB_MOTION_SILENT_MS;
    if (found) tell(e, now, ret);
    trib_mutex_unlock(m->env, m->lock);
    return found;
}

size_t trib_motion_count(trib_motion *m) {
    trib_mutex_lock(m->env, m->lock);
    size_t count = m->entries.count;
    trib_mutex_unlock(m->env, m->lock);
    return count;
}

/* ---- writing ---- */

bool trib_motion_take_due(trib_motion *m, bool all, trib_motion_found *ret) {
    int64_t now = now_ms(m);
    trib_mutex_lock(m->env, m->lock);
    trib_list *first = trib_list_first(&m->due);
    entry *e = first ? TRIB_LIST_ITEM(first, entry, due_link) : NULL;
    bool due = e && (all || now - e->written_ms >= TRIB_MOTION_WRITE_MS);
    if (due) {
        trib_list_remove(&e->due_link);
        e->dirty = false;
        e->writing = true;
        tell(e, now, ret);
        ret->tenant = trib_tenant_ref(e->tenant);
    }
    trib_mutex_unlock(m->env, m->lock);
    return due;
}

void trib_motion_wrote(trib_motion *m, const trib_motion_found *what, trib_code code) {
    char space[KEY_BYTES];
    trib_mutex_lock(m->env, m->lock);
    entry *e = trib_map_get(&m->entries, key_of(what->tenant, trib_str_c(what->point), space));
    if (e && e->writing) {
        e->writing = false;
        e->written_ms = now_ms(m) + (code == TRIB_OK ? 0 : RETRY_MS);
        e->missing = code == TRIB_NOT_FOUND;
        bool gone = e->missing || code == TRIB_TENANT_NOT_FOUND;
        e->dirty = !gone && (e->dirty || code != TRIB_OK);
        if (e->dirty) trib_list_push_back(&m->due, &e->due_link);
    }
    trib_mutex_unlock(m->env, m->lock);
}

void trib_motion_tick(trib_motion *m) {
    int64_t now = now_ms(m);
    trib_mutex_lock(m->env, m->lock);
    for (int i = 0; i < FORGET_AT_ONCE; i++) {
        trib_list *first = trib_list_first(&m->heard);
        entry *e = first ? TRIB_LIST_ITEM(first, entry, heard_link) : NULL;
        if (!e || now - e->heard_ms < TRIB_MOTION_FORGET_MS || e->dirty || e->writing) break;
        forget(m, e);
    }
    trib_mutex_unlock(m->env, m->lock);
}

/* ---- life ---- */

trib_code trib_motion_new(const trib_env *env, trib_motion **ret, trib_error *err) {
    trib_hash_key seed;
    trib_motion *m = calloc(1, sizeof *m);
    if (!m) return trib_error_set(err, TRIB_NOMEM, NULL);
    m->env = env;
    m->lock = trib_mutex_new(env);
    bool has_seed = trib_env_random(env, &seed, sizeof seed);
    if (!m->lock || !has_seed) {
        trib_mutex_free(env, m->lock);
        free(m);
        return trib_error_set(err, has_seed ? TRIB_NOMEM : TRIB_INTERNAL, NULL);
    }
    trib_map_init(&m->entries, TRIB_MAP_BORROW_KEYS, seed);
    trib_map_init(&m->owners, TRIB_MAP_BORROW_KEYS, seed);
    trib_list_init(&m->coarse_used);
    trib_list_init(&m->heard);
    trib_list_init(&m->due);
    *ret = m;
    return TRIB_OK;
}

void trib_motion_free(trib_motion *m) {
    if (!m) return;
    for (trib_list *first; (first = trib_list_first(&m->heard)) != NULL;)
        forget(m, TRIB_LIST_ITEM(first, entry, heard_link));
    for (size_t i = 0; i < sizeof m->grid / sizeof *m->grid; i++) free(m->grid[i]);
    trib_map_deinit(&m->entries);
    trib_map_deinit(&m->owners);
    trib_mutex_free(m->env, m->lock);
    free(m);
}
