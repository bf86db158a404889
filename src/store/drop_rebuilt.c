/* SPDX-License-Identifier: Apache-2.0 */
/* A table and its `__new_` sibling, found by the words of the statement; foreign keys are switched per step, which
 * SQLite allows inside a transaction too when it is not asked by the pragma. */
#include "store/drop_rebuilt.h"

#include <string.h>

#include "base/sql_text.h"

/* The table of a DROP TABLE in main; TRIB_SQL_END: it is another statement. */
static trib_sql_token table_of(trib_str sql) {
    trib_sql_token none = {TRIB_SQL_END, {NULL, 0}};
    trib_sql_token token = trib_sql_next(&sql);
    if (!trib_sql_is_word(token, "DROP") || !trib_sql_is_word(trib_sql_next(&sql), "TABLE")) return none;
    token = trib_sql_next(&sql);
    trib_str rest = sql;
    if (trib_sql_is_word(token, "IF") && trib_sql_is_word(trib_sql_next(&rest), "EXISTS")) {
        sql = rest;
        token = trib_sql_next(&sql);
    }
    rest = sql;
    if (trib_sql_is_punct(trib_sql_next(&rest), '.')) {
        if (!trib_str_ieq_c(trib_sql_unquoted(token), "main")) return none;
        token = trib_sql_next(&rest);
    }
    return token.type == TRIB_SQL_WORD || token.type == TRIB_SQL_QUOTED ? token : none;
}

bool trib_drop_is_rebuilt(sqlite3 *sqlite, trib_str sql) {
    static const char prefix[] = "__new_";
    char name[TRIB_REBUILT_NAME_BYTES + sizeof prefix];
    int keys = 0;
    sqlite3_db_config(sqlite, SQLITE_DBCONFIG_ENABLE_FKEY, -1, &keys);
    trib_sql_token table = table_of(sql);
    if (!keys || table.type == TRIB_SQL_END || table.text.len >= TRIB_REBUILT_NAME_BYTES) return false;
    memcpy(name, prefix, sizeof prefix - 1);
    trib_sql_name_copy(table, name + sizeof prefix - 1);
    return sqlite3_table_column_metadata(sqlite, "main", name, NULL, NULL, NULL, NULL, NULL, NULL) == SQLITE_OK;
}

int trib_drop_step_alone(sqlite3 *sqlite, sqlite3_stmt *drop) {
    sqlite3_db_config(sqlite, SQLITE_DBCONFIG_ENABLE_FKEY, 0, NULL); /* it is compiled anew, without the deletes */
    int rc = sqlite3_step(drop);
    sqlite3_db_config(sqlite, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
    return rc;
}
