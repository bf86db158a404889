/* SPDX-License-Identifier: Apache-2.0 */
/* Private to redo.c and redo_apply.c: what is noted of a connection, and the shape of a table. */
#ifndef TRIB_STORE_REDO_INT_H
#define TRIB_STORE_REDO_INT_H

#include "store/policy.h"
#include "store/redo.h"

enum {
    REDO_ABSENT = 0,      /* beside SQLite's types of values */
    REDO_TABLES_MAX = 64, /* of one database in one command: shadow tables of virtual ones count */
    REDO_NAME_BYTES = 128
};

typedef struct redo_table {
    char name[REDO_NAME_BYTES];
    bool used;    /* since begin */
    bool checked; /* its rows can be named */
} redo_table;

struct trib_redo {
    trib_buf changes;
    uint64_t schema;                    /* that `tables` are of */
    redo_table tables[REDO_TABLES_MAX]; /* changed since the schema did */
    size_t table_count;
    const char *last;    /* of them, the newest: most changes come in a row */
    const char *refused; /* why not */
};

typedef struct redo_column {
    char *name;
    bool is_virtual, is_generated;
    int key; /* its place in the primary key from 1; 0: none */
} redo_column;

typedef struct redo_shape {
    redo_column *columns;
    size_t count, cap;
    bool without_rowid;
    bool key_is_shifted;    /* a virtual column stands before the INTEGER PRIMARY KEY: SQLite then mistakes a value */
    const char *rowid_name; /* NULL: all its names are taken by columns */
} redo_shape;

/* Owns: *ret, also after an error, until deinit. Errors: COMMAND_CONFLICT (there is no such table), the store's. */
trib_code trib_redo_shape_load(trib_handle *handle, trib_str table, redo_shape *ret, trib_error *err);
void trib_redo_shape_deinit(redo_shape *shape);
/* Of a handle whose connection is closed. Takes NULL. */
void trib_redo_free(trib_redo *redo);

#endif
