/* SPDX-License-Identifier: Apache-2.0 */
/* The tokenizer `trib` of FTS5, with the words of base/words.h, for any database:
 *
 *   CREATE VIRTUAL TABLE menu USING fts5(title, tokenize='trib')
 *
 * It takes no options. A text that a table was given is cut as one that it is searched for. */
#include "base/words.h"
#include "store/functions.h"
#include "store/sqlite_seam.h"

typedef struct cutter {
    trib_policy *policy; /* NULL: nobody's statement */
} cutter;

static int make(void *ctx, const char **args, int count, Fts5Tokenizer **ret) {
    (void)args;
    if (count > 0) return SQLITE_ERROR;
    cutter *made = sqlite3_malloc(sizeof *made);
    if (!made) return SQLITE_NOMEM;
    made->policy = ctx;
    *ret = (Fts5Tokenizer *)(void *)made;
    return SQLITE_OK;
}

static void unmake(Fts5Tokenizer *tokenizer) {
    sqlite3_free(tokenizer);
}

static int cut(Fts5Tokenizer *tokenizer, void *ctx, int flags, const char *text, int len,
               int (*take)(void *, int, const char *, int, int, int)) {
    const cutter *own = (const cutter *)(void *)tokenizer;
    trib_str all = trib_str_make(text, len > 0 ? (size_t)len : 0);
    trib_word word;
    uint64_t work = 0;
    size_t at = 0, before = 0;
    int rc = SQLITE_OK;
    (void)flags;
    while (rc == SQLITE_OK && trib_words_next(all, &at, &word)) {
        rc = take(ctx, 0, word.text, (int)word.len, (int)word.begin, (int)word.end);
        if (own->policy && !trib_policy_work(own->policy, &work, at - before)) return SQLITE_INTERRUPT;
        before = at;
    }
    return rc;
}

int trib_functions_register_fts(sqlite3 *sqlite, trib_policy *policy) {
    fts5_tokenizer tokenizer = {make, unmake, cut};
    sqlite3_stmt *stmt = NULL;
    fts5_api *api = NULL;
    int rc = sqlite3_prepare_v2(sqlite, "SELECT fts5(?1)", -1, &stmt, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_bind_pointer(stmt, 1, (void *)&api, "fts5_api_ptr", NULL);
    if (rc == SQLITE_OK) (void)sqlite3_step(stmt);
    int ended = sqlite3_finalize(stmt);
    if (rc == SQLITE_OK) rc = ended;
    if (rc != SQLITE_OK || !api) return rc != SQLITE_OK ? rc : SQLITE_ERROR;
    return api->xCreateTokenizer(api, "trib", policy, &tokenizer, NULL);
}
