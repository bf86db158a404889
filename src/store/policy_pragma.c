/* SPDX-License-Identifier: Apache-2.0 */
/* The allow-list of pragmas: those of sqld, with the differences that docs/reference/libsql.md names. What is not here
 * is refused: an unknown pragma does nothing in SQLite, but a later SQLite may know it. */
#include "store/policy.h"

#define READ    TRIB_PRAGMA_READ
#define SET     TRIB_PRAGMA_SET
#define FIXED   TRIB_PRAGMA_FIXED
#define WRITE   TRIB_PRAGMA_WRITE
#define REFUSED TRIB_PRAGMA_REFUSED

static const trib_pragma_row rows[] = {
    /* what the schema says */
    {"table_list", READ, READ},
    {"index_list", READ, READ},
    {"table_info", READ, READ},
    {"table_xinfo", READ, READ},
    {"index_info", READ, READ},
    {"index_xinfo", READ, READ},
    {"foreign_key_list", READ, READ},
    {"foreign_key_check", READ, READ},
    {"pragma_list", READ, REFUSED},
    {"compile_options", READ, REFUSED},
    {"database_list", READ, REFUSED}, /* stmt.c answers it: SQLite would show the path of the file */
    {"function_list", READ, REFUSED},
    {"module_list", READ, REFUSED},
    {"collation_list", READ, READ},
    /* what the file says */
    {"encoding", READ, FIXED},
    {"schema_version", READ, REFUSED}, /* writing it corrupts what other connections believe */
    {"data_version", READ, READ},
    {"freelist_count", READ, READ},
    {"page_count", READ, READ},
    {"page_size", READ, FIXED},
    {"integrity_check", READ, READ},
    {"quick_check", READ, READ},
    {"legacy_file_format", READ, FIXED},
    {"stats", READ, READ},
    {"user_version", READ, WRITE},
    {"application_id", READ, WRITE},
    /* the session's own */
    {"foreign_keys", READ, SET},
    {"defer_foreign_keys", READ, SET},
    {"recursive_triggers", READ, SET},
    {"reverse_unordered_selects", READ, SET},
    {"automatic_index", READ, SET},
    {"legacy_alter_table", READ, SET},
    {"query_only", READ, SET},
    {"read_uncommitted", READ, SET},
    /* the server's */
    {"analysis_limit", READ, FIXED},
    {"auto_vacuum", READ, FIXED},
    {"busy_timeout", READ, FIXED},
    {"cache_size", READ, FIXED},
    {"cache_spill", READ, FIXED},
    {"cell_size_check", READ, FIXED},
    {"checkpoint_fullfsync", READ, FIXED},
    {"fullfsync", READ, FIXED},
    {"journal_mode", READ, FIXED},
    {"journal_size_limit", READ, FIXED},
    {"locking_mode", READ, FIXED},
    {"max_page_count", READ, FIXED},
    {"mmap_size", READ, FIXED},
    {"secure_delete", READ, FIXED},
    {"synchronous", READ, FIXED},
    {"temp_store", READ, FIXED},
    {"threads", READ, FIXED},
    {"trusted_schema", READ, FIXED},
    {"wal_autocheckpoint", READ, FIXED},
    /* these reach the whole process: one tenant could starve all others */
    {"hard_heap_limit", READ, REFUSED},
    {"soft_heap_limit", READ, REFUSED},
};

const trib_pragma_row *trib_pragma_row_at(size_t index) {
    return index < sizeof rows / sizeof rows[0] ? &rows[index] : NULL;
}

trib_pragma_class trib_pragma_class_of(trib_str name, bool has_arg) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (trib_str_ieq_c(name, rows[i].name)) return has_arg ? rows[i].with_arg : rows[i].without_arg;
    return REFUSED;
}

const char *trib_pragma_settable_at(size_t index) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].with_arg == SET && index-- == 0) return rows[i].name;
    return NULL;
}
