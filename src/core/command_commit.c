/* SPDX-License-Identifier: Apache-2.0 */
/* From the end of work over the commit point to the tenants' commits (command_int.h).
 *
 *   each tenant:  what it changes -> an intent; a row in its `_trib_applied`
 *   `streams`:    a row for each intent; rows of done ones go; COMMIT -> durable: the commit point
 *   each tenant:  COMMIT
 *
 * Whatever can fail has failed before `streams` commits: rows, foreign keys, sizes. What is left (a full disk, a failed
 * sync, a stop) leaves the tenant sealed, with its intent. */
#include "core/command_int.h"

/* What the tenant owes once `streams` has committed. No intent: it changes nothing. */
static trib_code make_intent(trib_command_run *run, command_seat *seat, trib_error *err) {
    trib_buf_clear(&seat->redo);
    trib_code code = trib_redo_take(seat->handle, &seat->redo, err);
    if (code != TRIB_OK || seat->redo.len == 0) return code;
    code = trib_intent_new(run->commands, seat->tenant->id, &seat->intent, err);
    return code == TRIB_OK ? trib_intent_note_applied(run->commands, seat->handle, seat->intent, err) : code;
}

static trib_code write_intent(trib_command_run *run, const command_seat *seat, trib_error *err) {
    const trib_intent *intent = seat->intent;
    trib_arg args[] = {
        trib_stream_integer(intent->no),
        {.value = {.type = TRIB_VALUE_BLOB, .bytes = trib_str_make((const char *)intent->key.bytes, TRIB_ID_BYTES)}},
        trib_stream_text(trib_str_c(intent->db_id)),
        {.value = {.type = TRIB_VALUE_BLOB, .bytes = trib_buf_str(&seat->redo)}}};
    return trib_stmt_run(command_streams(run)->handle, "INSERT INTO _trib_intent VALUES (?1, ?2, ?3, ?4)", args, 4,
                         NULL, NULL, err);
}

static trib_code write_intents(trib_command_run *run, trib_error *err) {
    trib_commands *commands = run->commands;
    trib_handle *streams = command_streams(run)->handle;
    trib_code code = TRIB_OK;
    bool any = false;
    for (size_t i = 0; i + 1 < run->count && code == TRIB_OK; i++) {
        code = make_intent(run, &run->seats[i], err);
        any = any || run->seats[i].intent;
    }
    if (code == TRIB_OK && any && !atomic_load(&commands->has_table)) code = trib_intents_make_table(streams, err);
    for (size_t i = 0; i + 1 < run->count && code == TRIB_OK; i++)
        if (run->seats[i].intent) code = write_intent(run, &run->seats[i], err);
    if (code != TRIB_OK || !any) return code;
    trib_intents_look(commands);
    run->removing_count = trib_intents_take_done(commands, INT64_MAX, run->removing);
    return trib_intents_delete_rows(streams, run->removing, run->removing_count, err);
}

trib_code trib_command_commit(trib_command_run *run, bool *ret_sent, trib_error *err) {
    const trib_app *app = run->commands->app;
    trib_code code = write_intents(run, err);
    if (code != TRIB_OK) return code;
    command_point(app, TRIB_COMMAND_POINT_PROMISED);
    for (size_t i = 0; i + 1 < run->count && code == TRIB_OK; i++)
        if (run->seats[i].intent) code = trib_handle_promise(run->seats[i].handle, err);
    if (code == TRIB_OK && atomic_load(&run->command->job.cancelled)) code = trib_error_set(err, TRIB_CANCELLED, NULL);
    if (code != TRIB_OK) return code;
    *ret_sent = true;
    code = trib_command_exec(command_streams(run)->handle, "COMMIT", err);
    command_point(app, TRIB_COMMAND_POINT_COMMITTED);
    return code;
}

/* ---- behind the commit point ---- */

static void commit_part(trib_command_run *run, command_seat *seat) {
    trib_commands *commands = run->commands;
    trib_intent *intent = seat->intent;
    trib_error err;
    trib_code code = trib_handle_enter(seat->handle, TRIB_ACCESS_SYSTEM, &seat->vars, &err);
    bool inside = code == TRIB_OK;
    if (inside) code = trib_command_exec(seat->handle, "COMMIT", &err);
    if (code == TRIB_OK) {
        trib_handle_end_promise(seat->handle);
        intent->ticket = trib_handle_own_ticket(seat->handle);
        trib_intent_committed(commands, intent, seat->db);
        seat->db = NULL; /* it is the intent's */
    } else {
        trib_log_event(commands->app->log, TRIB_LOG_WARN, "command_part_late", TRIB_LOG_C("database", intent->db_id),
                       TRIB_LOG_ERR(&err));
        if (commands->owed) trib_counter_add(commands->owed, 1);
        trib_intent_set_state(commands, intent, INTENT_OWED);
    }
    seat->intent = NULL;
    if (inside) trib_handle_leave(seat->handle);
    trib_handle_give(seat->handle); /* what is promised and lost seals the database */
    seat->handle = NULL;
}

void trib_command_commit_parts(trib_command_run *run) {
    for (size_t i = 0; i + 1 < run->count; i++) {
        command_seat *seat = &run->seats[i];
        if (!seat->intent) continue; /* the caller rolls back what has changed nothing */
        commit_part(run, seat);
        command_point(run->commands->app, TRIB_COMMAND_POINT_PART);
    }
    command_point(run->commands->app, TRIB_COMMAND_POINT_PARTS);
}
