/* SPDX-License-Identifier: Apache-2.0 */
/* What a statement is, told from its first words before SQLite sees it. SQLite's parser decides everything else; this
 * is only for what SQLite does not say (the kind of BEGIN), says too late (some pragmas act while they are prepared) or
 * parses differently (libSQL's BEGIN READONLY). */
#ifndef TRIB_STORE_STMT_KIND_H
#define TRIB_STORE_STMT_KIND_H

#include <stdbool.h>

#include "base/sql_text.h"

typedef enum trib_stmt_kind {
    TRIB_STMT_OTHER, /* SELECT, VALUES, WITH and what SQLite will refuse */
    TRIB_STMT_INSERT,
    TRIB_STMT_UPDATE,
    TRIB_STMT_DELETE,
    TRIB_STMT_BEGIN,           /* DEFERRED, said or not */
    TRIB_STMT_BEGIN_READONLY,  /* libSQL */
    TRIB_STMT_BEGIN_IMMEDIATE, /* EXCLUSIVE and CONCURRENT too: there is one writer at a time */
    TRIB_STMT_COMMIT,
    TRIB_STMT_ROLLBACK,
    TRIB_STMT_ROLLBACK_TO,
    TRIB_STMT_SAVEPOINT,
    TRIB_STMT_RELEASE,
    TRIB_STMT_PRAGMA,
    TRIB_STMT_CREATE,
    TRIB_STMT_ALTER,
    TRIB_STMT_DROP,
    TRIB_STMT_REINDEX,
    TRIB_STMT_VACUUM,
    TRIB_STMT_ANALYZE,
    TRIB_STMT_ATTACH,
    TRIB_STMT_DETACH
} trib_stmt_kind;

typedef struct trib_stmt_head {
    trib_stmt_kind kind;
    bool explain;    /* EXPLAIN or EXPLAIN QUERY PLAN stood before it */
    bool concurrent; /* BEGIN CONCURRENT */
    bool temp;       /* CREATE TEMP ..., CREATE ... temp.x */
    trib_str pragma; /* PRAGMA: its name without schema, unquoted */
    bool pragma_arg; /* PRAGMA x = 1, PRAGMA x(1) */
    trib_str rest;   /* behind the part that was looked at; the first semicolon for BEGIN and PRAGMA */
} trib_stmt_head;

/* Looks at the first statement of `sql`. */
trib_stmt_head trib_stmt_head_of(trib_str sql);

#endif
