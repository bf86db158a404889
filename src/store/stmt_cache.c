/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of stmt_cache.h. */
#include "store/stmt_cache.h"

#include <stdlib.h>
#include <string.h>

#include "store/sqlite_seam.h"

struct trib_stmt_cache {
    trib_handle *handle;
    uint64_t schema; /* trib_db_schema_version that the idle ones were prepared for */
    trib_hash_key key;
    trib_list used, idle;
    size_t idle_count, idle_bytes;
};

trib_code trib_stmt_cache_new(trib_handle *handle, trib_stmt_cache **ret, trib_error *err) {
    trib_stmt_cache *cache = calloc(1, sizeof *cache);
    if (!cache) return trib_error_set(err, TRIB_NOMEM, NULL);
    if (!trib_env_random(handle->env, &cache->key, sizeof cache->key)) {
        free(cache);
        return trib_error_set(err, TRIB_IO, "there is no randomness to key the statement cache with");
    }
    cache->handle = handle;
    cache->schema = atomic_load(trib_db_schema_version(handle->db));
    trib_list_init(&cache->used);
    trib_list_init(&cache->idle);
    *ret = cache;
    return TRIB_OK;
}

static size_t bytes_of(const trib_stmt *stmt) {
    int program = stmt->sqlite ? sqlite3_stmt_status(stmt->sqlite, SQLITE_STMTSTATUS_MEMUSED, 0) : 0;
    return sizeof *stmt + stmt->sql_len + (size_t)program;
}

static void destroy(trib_stmt *stmt) {
    sqlite3_finalize(stmt->sqlite);
    free(stmt->sql);
    free(stmt);
}

static void evict(trib_stmt_cache *cache, trib_stmt *stmt) {
    trib_list_remove(&stmt->link);
    cache->idle_count--;
    cache->idle_bytes -= stmt->bytes;
    destroy(stmt);
}

void trib_stmt_cache_free(trib_stmt_cache *cache) {
    if (!cache) return;
    TRIB_LIST_EACH_SAFE(link, &cache->idle) evict(cache, TRIB_LIST_ITEM(link, trib_stmt, link));
    /* Statements in use belong to a job that sleeps: it keeps the shell and hears of it at its next step. */
    TRIB_LIST_EACH_SAFE(link, &cache->used) {
        trib_stmt *stmt = TRIB_LIST_ITEM(link, trib_stmt, link);
        sqlite3_finalize(stmt->sqlite);
        stmt->sqlite = NULL;
        stmt->closed = true;
        stmt->keep = false;
        trib_list_remove(&stmt->link);
        if (atomic_exchange(&stmt->alone, true)) destroy(stmt);
    }
    if (cache->handle->cache == cache) cache->handle->cache = NULL;
    free(cache);
}

void trib_stmt_cache_forget(trib_handle *handle) {
    trib_stmt_cache *cache = handle->cache;
    TRIB_LIST_EACH_SAFE(link, &cache->idle) evict(cache, TRIB_LIST_ITEM(link, trib_stmt, link));
}

void trib_stmt_cache_sync(trib_handle *handle) {
    uint64_t schema = atomic_load(trib_db_schema_version(handle->db));
    if (handle->guests) (void)trib_sqlite_refresh_schema(handle->sqlite);
    if (handle->cache->schema == schema) return;
    trib_stmt_cache_forget(handle);
    /* Inside a transaction it looks again at every statement, and behind it for the last time. */
    if (trib_sqlite_refresh_schema(handle->sqlite)) handle->cache->schema = schema;
}

void trib_stmt_drop(trib_stmt *stmt) {
    if (stmt && atomic_exchange(&stmt->alone, true)) destroy(stmt);
}

trib_stmt *trib_stmt_cache_take(trib_handle *handle, trib_str sql) {
    trib_stmt_cache *cache = handle->cache;
    if (sql.len > TRIB_STMT_CACHE_SQL_MAX || handle->guests) return NULL;
    uint64_t hash = trib_hash_str(cache->key, sql);
    TRIB_LIST_EACH_SAFE(link, &cache->idle) {
        trib_stmt *stmt = TRIB_LIST_ITEM(link, trib_stmt, link);
        if (stmt->hash != hash || stmt->access != handle->access || stmt->recording != handle->recording) continue;
        if (!trib_str_eq(trib_str_make(stmt->sql, stmt->sql_len), sql)) continue;
        trib_list_remove(&stmt->link);
        cache->idle_count--;
        cache->idle_bytes -= stmt->bytes;
        trib_list_push_front(&cache->used, &stmt->link);
        return stmt;
    }
    return NULL;
}

trib_stmt *trib_stmt_cache_add(trib_handle *handle, trib_str sql) {
    trib_stmt *stmt = calloc(1, sizeof *stmt);
    char *copy = malloc(sql.len + 1);
    if (!stmt || !copy) {
        free(stmt);
        free(copy);
        return NULL;
    }
    if (sql.len > 0) memcpy(copy, sql.ptr, sql.len);
    copy[sql.len] = '\0';
    stmt->sql = copy;
    stmt->sql_len = sql.len;
    stmt->handle = handle;
    stmt->access = handle->access;
    stmt->recording = handle->recording;
    trib_list_init(&stmt->link);
    trib_list_push_front(&handle->cache->used, &stmt->link);
    return stmt;
}

void trib_stmt_cache_give(trib_stmt *stmt) {
    trib_list_remove(&stmt->link);
    /* where something is attached, a schema may change that the cache does not watch */
    if (!stmt->keep || stmt->handle->guests || stmt->sql_len > TRIB_STMT_CACHE_SQL_MAX) {
        destroy(stmt);
        return;
    }
    trib_stmt_cache *cache = stmt->handle->cache;
    if (!stmt->bytes) { /* the first time; neither changes much later */
        stmt->hash = trib_hash_str(cache->key, trib_str_make(stmt->sql, stmt->sql_len));
        stmt->bytes = bytes_of(stmt);
    }
    trib_list_push_front(&cache->idle, &stmt->link);
    cache->idle_count++;
    cache->idle_bytes += stmt->bytes;
    for (trib_list *last; (last = trib_list_last(&cache->idle)) != NULL;) {
        if (cache->idle_count <= TRIB_STMT_CACHE_MAX && cache->idle_bytes <= TRIB_STMT_CACHE_BYTES) break;
        evict(cache, TRIB_LIST_ITEM(last, trib_stmt, link));
    }
}
