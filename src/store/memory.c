/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite's allocator (SQLITE_CONFIG_MALLOC): malloc with a header that names who pays.
 *
 *   [ account | size ] bytes handed to SQLite ...
 *
 * A block is charged to the account that was current on its thread when it was made, and paid back to that account
 * whoever frees it. Past the account's limit malloc fails, and so does the statement, not the process. An account must
 * outlive its blocks: it dies with its database, after the last connection.
 *
 * The current account is the one thing here that a thread remembers; SQLite's allocator interface passes no context. */
#include <stdlib.h>

#include "store/policy.h"

typedef struct block_head {
    trib_mem_account *account; /* NULL: the process */
    uint64_t size_bytes;
} block_head;

_Static_assert(sizeof(block_head) == 16, "blocks stay aligned for every type");

enum {
    WATCHED_BYTES = 64 << 10
}; /* smaller ones are not worth a look at the clock; a page of the wal-index must not fail */

static _Thread_local struct {
    trib_mem_account *account;
    trib_policy *watch;
} thread_state;

void trib_policy_set_account(trib_mem_account *account) {
    thread_state.account = account;
}

trib_mem_account *trib_policy_suspend_account(void) {
    trib_mem_account *before = thread_state.account;
    thread_state.account = NULL;
    return before;
}

trib_policy *trib_memory_watch(trib_policy *policy) {
    trib_policy *before = thread_state.watch;
    thread_state.watch = policy;
    return before;
}

static bool charge(trib_mem_account *account, int64_t bytes) {
    if (!account) return true;
    int64_t now = atomic_fetch_add_explicit(&account->used_bytes, bytes, memory_order_relaxed) + bytes;
    int64_t limit = atomic_load_explicit(&account->limit_bytes, memory_order_relaxed);
    if (bytes <= 0 || limit <= 0 || now <= limit) return true;
    atomic_fetch_sub_explicit(&account->used_bytes, bytes, memory_order_relaxed);
    return false;
}

/* A client's statement asks for memory. Refused if its time is over (big blocks only), or if SQLite has recursed too
 * deep: chains of views, common table expressions, triggers and JSON paths have no bound of their own there, and each
 * of their levels takes memory. */
static bool may_take(int bytes) {
    trib_policy *policy = thread_state.watch;
    if (!policy) return true;
    if ((intptr_t)policy->stack_base - (intptr_t)__builtin_frame_address(0) > TRIB_SQL_STACK_MAX_BYTES) {
        policy->too_deep = true;
        return false;
    }
    return bytes < WATCHED_BYTES || !trib_policy_must_stop(policy);
}

static void *mem_malloc(int bytes) {
    trib_mem_account *account = thread_state.account;
    int64_t size = (int64_t)bytes + (int64_t)sizeof(block_head);
    if (!may_take(bytes) || !charge(account, size)) return NULL;
    block_head *head = malloc((size_t)size);
    if (!head) {
        charge(account, -size);
        return NULL;
    }
    head->account = account;
    head->size_bytes = (uint64_t)bytes;
    return head + 1;
}

static void mem_free(void *ptr) {
    if (!ptr) return;
    block_head *head = (block_head *)ptr - 1;
    charge(head->account, -(int64_t)(head->size_bytes + sizeof *head));
    free(head);
}

static void *mem_realloc(void *ptr, int bytes) {
    block_head *head = (block_head *)ptr - 1;
    trib_mem_account *account = head->account;
    int64_t more = (int64_t)bytes - (int64_t)head->size_bytes;
    if ((more > 0 && !may_take(bytes)) || !charge(account, more)) return NULL;
    block_head *moved = realloc(head, (size_t)bytes + sizeof *head);
    if (!moved) {
        charge(account, -more);
        return NULL;
    }
    moved->size_bytes = (uint64_t)bytes;
    return moved + 1;
}

static int mem_size(void *ptr) {
    return ptr ? (int)((block_head *)ptr - 1)->size_bytes : 0;
}

static int mem_roundup(int bytes) {
    return (bytes + 7) & ~7;
}

static int mem_init(void *ctx) {
    (void)ctx;
    return SQLITE_OK;
}

static void mem_shutdown(void *ctx) {
    (void)ctx;
}

int trib_memory_install(void) {
    static const sqlite3_mem_methods methods = {mem_malloc,  mem_free, mem_realloc,  mem_size,
                                                mem_roundup, mem_init, mem_shutdown, NULL};
    return sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
}
