/* SPDX-License-Identifier: Apache-2.0 */
/* The list of commands, in the order in which `trib help` shows them. */
#include "cli/cli.h"

extern const trib_cli_command trib_cmd_serve;
extern const trib_cli_command trib_cmd_dev;
extern const trib_cli_command trib_cmd_demo;
extern const trib_cli_command trib_cmd_shell;
extern const trib_cli_command trib_cmd_tenant_create;
extern const trib_cli_command trib_cmd_tenant_list;
extern const trib_cli_command trib_cmd_tenant_show;
extern const trib_cli_command trib_cmd_tenant_set;
extern const trib_cli_command trib_cmd_tenant_rename;
extern const trib_cli_command trib_cmd_tenant_delete;
extern const trib_cli_command trib_cmd_tenant_undelete;
extern const trib_cli_command trib_cmd_tenant_fork;
extern const trib_cli_command trib_cmd_tenant_reset_replicas;
extern const trib_cli_command trib_cmd_token_create;
extern const trib_cli_command trib_cmd_token_revoke;
extern const trib_cli_command trib_cmd_token_rotate;
extern const trib_cli_command trib_cmd_doctor;
extern const trib_cli_command trib_cmd_scrub;
extern const trib_cli_command trib_cmd_quarantine_list;
extern const trib_cli_command trib_cmd_quarantine_show;
extern const trib_cli_command trib_cmd_quarantine_release;
extern const trib_cli_command trib_cmd_import_db;
extern const trib_cli_command trib_cmd_import_sql;
extern const trib_cli_command trib_cmd_import_sqld;
extern const trib_cli_command trib_cmd_export;
extern const trib_cli_command trib_cmd_stream_tail;
extern const trib_cli_command trib_cmd_stream_show;
extern const trib_cli_command trib_cmd_stream_append;
extern const trib_cli_command trib_cmd_stream_continue;
extern const trib_cli_command trib_cmd_stream_state;
extern const trib_cli_command trib_cmd_stream_verify;
extern const trib_cli_command trib_cmd_stream_types;
extern const trib_cli_command trib_cmd_stream_check;
extern const trib_cli_command trib_cmd_stream_archive;
extern const trib_cli_command trib_cmd_stream_restore;
extern const trib_cli_command trib_cmd_archive_status;
extern const trib_cli_command trib_cmd_archive_verify;
extern const trib_cli_command trib_cmd_discovery_rebuild;
extern const trib_cli_command trib_cmd_config_show;
extern const trib_cli_command trib_cmd_version;
extern const trib_cli_command trib_cmd_help;
extern const trib_cli_command trib_cmd_completion;

const trib_cli_command *const trib_cli_commands[] = {
    &trib_cmd_serve,
    &trib_cmd_dev,
    &trib_cmd_demo,
    &trib_cmd_shell,
    &trib_cmd_tenant_create,
    &trib_cmd_tenant_list,
    &trib_cmd_tenant_show,
    &trib_cmd_tenant_set,
    &trib_cmd_tenant_rename,
    &trib_cmd_tenant_delete,
    &trib_cmd_tenant_undelete,
    &trib_cmd_tenant_fork,
    &trib_cmd_tenant_reset_replicas,
    &trib_cmd_token_create,
    &trib_cmd_token_revoke,
    &trib_cmd_token_rotate,
    &trib_cmd_doctor,
    &trib_cmd_scrub,
    &trib_cmd_quarantine_list,
    &trib_cmd_quarantine_show,
    &trib_cmd_quarantine_release,
    &trib_cmd_import_db,
    &trib_cmd_import_sql,
    &trib_cmd_import_sqld,
    &trib_cmd_export,
    &trib_cmd_stream_tail,
    &trib_cmd_stream_show,
    &trib_cmd_stream_append,
    &trib_cmd_stream_continue,
    &trib_cmd_stream_state,
    &trib_cmd_stream_verify,
    &trib_cmd_stream_types,
    &trib_cmd_stream_check,
    &trib_cmd_stream_archive,
    &trib_cmd_stream_restore,
    &trib_cmd_archive_status,
    &trib_cmd_archive_verify,
    &trib_cmd_discovery_rebuild,
    &trib_cmd_config_show,
    &trib_cmd_completion,
    &trib_cmd_version,
    &trib_cmd_help,
};
const size_t trib_cli_command_count = sizeof trib_cli_commands / sizeof *trib_cli_commands;
