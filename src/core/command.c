/* SPDX-License-Identifier: Apache-2.0 */
/* The way of a command (command.h). Each place where it may wait is a step; no thread is held while it waits, as in
 * db_job.c.
 *
 *   plan --> open --> turns --> bases --> turn of `streams` --> work --> gate --> parts
 *              ^ tenants, by id   └ until what is there       │            └ the commit point
 *              └----------------------- AGAIN ----------------┘
 *
 * No deadlock: turns are waited for in the order of the ids, `streams` last, and only commands wait for one with others
 * in hand. Nothing else is waited for then that needs a turn: connections are taken when all turns are there, or the
 * command fails; the disk needs none. A wait for a turn with others in hand ends after COMMAND_WAIT_MS, so that a
 * tenant who keeps his own busy keeps nobody else's.
 *
 * Bases: what a tenant's part was computed on must be durable before the commit point is, or a power cut could leave
 * the promise with another state than the one it was made for. Nobody commits there meanwhile: we have the turn. */
#include <stdlib.h>
#include <string.h>

#include "core/command_int.h"
#include "core/commands.h"
#include "core/control.h"

static trib_command_run *of_job(trib_job *job) {
    return ((trib_command *)(void *)job)->run;
}

static bool is_cancelled(const trib_command_run *run) {
    return atomic_load(&run->command->job.cancelled);
}

trib_code trib_command_exec(trib_handle *handle, const char *sql, trib_error *err) {
    return trib_stmt_run(handle, sql, NULL, 0, NULL, NULL, err);
}

/* ---- who takes part ---- */

trib_code trib_command_add(trib_command *command, trib_str name, size_t *ret_index, trib_error *err) {
    trib_tenant *tenant = trib_control_find(command->app->control, name);
    trib_code code = TRIB_OK;
    size_t i = 0;
    if (!tenant || atomic_load(&tenant->deleted))
        code = trib_error_set(err, TRIB_TENANT_NOT_FOUND, "there is no tenant \"%.*s\"",
                              TRIB_STR_ARG(trib_str_sub(name, 0, TRIB_TENANT_NAME_BYTES)));
    else if (tenant->system)
        code = trib_error_set(err, TRIB_BAD_REQUEST, "the database \"%.*s\" belongs to the server and to no tenant",
                              TRIB_STR_ARG(name));
    else if (trib_tenant_get(tenant, TRIB_TENANT_BLOCK_WRITES) || trib_tenant_get(tenant, TRIB_TENANT_BLOCK_READS))
        code = trib_error_set(err, TRIB_BLOCKED, "writes to tenant \"%.*s\" are blocked", TRIB_STR_ARG(name));
    while (code == TRIB_OK && i < command->tenant_count && command->tenants[i] != tenant) i++;
    if (code == TRIB_OK && i == TRIB_COMMAND_TENANTS_MAX)
        code = trib_error_set(err, TRIB_BAD_REQUEST, "a command may change the databases of at most %d tenants",
                              TRIB_COMMAND_TENANTS_MAX);
    bool is_new = code == TRIB_OK && i == command->tenant_count;
    if (is_new) command->tenants[command->tenant_count++] = tenant;
    else trib_tenant_unref(tenant);
    if (code == TRIB_OK && ret_index) *ret_index = i;
    return code;
}

void trib_command_forget(trib_command *command) {
    for (size_t i = 0; i < command->tenant_count; i++) trib_tenant_unref(command->tenants[i]);
    command->tenant_count = 0;
}

/* ---- letting go ---- */

static void leave(command_seat *seat) {
    if (seat->inside) trib_handle_leave(seat->handle);
    seat->inside = false;
}

static void give(command_seat *seat) {
    leave(seat);
    trib_handle_give(seat->handle); /* rolls back what is open; takes NULL */
    seat->handle = NULL;
    if (seat->claimed) trib_turn_pass(seat->db, &seat->turn);
    seat->claimed = false;
    trib_db_unref(seat->db);
    seat->db = NULL;
    trib_buf_deinit(&seat->redo);
}

/* Everything is rolled back, and every turn goes on. */
static void let_go(trib_command_run *run) {
    for (size_t i = 0; i < run->count; i++) {
        command_seat *seat = &run->seats[i];
        if (seat->intent) trib_intent_free(run->commands, seat->intent);
        seat->intent = NULL;
        if (seat->handle) trib_handle_end_promise(seat->handle);
        if (seat->inside) trib_redo_end(seat->handle);
        give(seat);
    }
    trib_intents_removed(run->commands, run->removing, run->removing_count, false);
    run->removing_count = 0;
    run->count = run->at = 0;
}

/* ---- waits ---- */

static void wake(trib_command_run *run, trib_code code) {
    run->woke = code;
    trib_job_resume(&run->command->job);
}

static void on_seat_turn(trib_turn_waiter *waiter, trib_code code) {
    wake(((command_seat *)(void *)((char *)waiter - offsetof(command_seat, turn)))->run, code);
}

static void on_plan_turn(trib_turn_waiter *waiter, trib_code code) {
    wake((trib_command_run *)(void *)((char *)waiter - offsetof(trib_command_run, turn)), code);
}

static void on_handle(trib_handle_waiter *waiter, trib_code code) {
    wake((trib_command_run *)(void *)((char *)waiter - offsetof(trib_command_run, handle)), code);
}

static void on_gate(trib_gate_waiter *waiter, trib_code code) {
    wake((trib_command_run *)(void *)((char *)waiter - offsetof(trib_command_run, gate)), code);
}

/* It stands in a queue: whoever cancels, and the tick, may take it out. */
static void stand(trib_command_run *run, trib_db *db, trib_turn_waiter *waiter) {
    trib_commands *commands = run->commands;
    trib_mutex_lock(commands->app->env, commands->lock);
    run->waits_in = db;
    run->waits_as = waiter;
    run->waits_since_ns = trib_env_mono_ns(commands->app->env);
    trib_mutex_unlock(commands->app->env, commands->lock);
}

static void stand_no_more(trib_command_run *run) {
    stand(run, NULL, NULL);
}

/* OK: woken as it should be. */
static trib_code woken(trib_command_run *run, trib_error *err) {
    trib_commands *commands = run->commands;
    trib_mutex_lock(commands->app->env, commands->lock);
    run->waits_in = NULL;
    bool expired = run->expired;
    run->expired = false;
    trib_mutex_unlock(commands->app->env, commands->lock);
    if (run->woke != TRIB_OK) return trib_error_set(err, run->woke, NULL);
    if (expired)
        return trib_error_set(err, TRIB_TRANSACTION_BUSY,
                              "a database that the command changes was busy for %d s; try again",
                              COMMAND_WAIT_MS / 1000);
    return is_cancelled(run) ? trib_error_set(err, TRIB_CANCELLED, NULL) : TRIB_OK;
}

/* Takes the run out of its queue, if it stands in one. Under the lock. */
static bool withdraw_locked(trib_command_run *run) {
    return run->waits_in && trib_turn_withdraw(run->waits_in, run->waits_as);
}

/* ---- plan ---- */

static trib_code step_plan_work(trib_command_run *run, trib_error *err);
static trib_code step_open(trib_command_run *run, trib_error *err);

static trib_code step_plan(trib_command_run *run, trib_error *err) {
    command_seat *seat = &run->seats[0];
    if (!run->command->plan) {
        run->step = step_open;
        return TRIB_OK;
    }
    trib_db_settings settings = trib_tenant_db_settings(run->commands->streams);
    *seat = (command_seat){.tenant = run->commands->streams, .run = run};
    run->count = 1;
    trib_code code =
        trib_store_db_get(run->commands->app->store, trib_str_c(seat->tenant->id), &settings, &seat->db, err);
    if (code != TRIB_OK) return code;
    run->step = step_plan_work;
    run->begun = false;
    run->woke = TRIB_OK;
    run->handle = (trib_handle_waiter){.granted = on_handle};
    return trib_handle_wait(seat->db, &run->handle, &seat->handle, err);
}

static void use_txn(trib_command_run *run, trib_handle *handle, bool writes, trib_stream_txn *ret) {
    trib_command *command = run->command;
    trib_arena_reset(&command->arena);
    *ret = (trib_stream_txn){.app = command->app,
                             .handle = handle,
                             .arena = &command->arena,
                             .tenant_id = command->tenant_id,
                             .tenant_name = command->tenant_name,
                             .writes = writes};
}

/* Inside; a snapshot, or the turn. */
static trib_code begin_plan(trib_command_run *run, trib_handle *handle, trib_error *err) {
    trib_code code = TRIB_OK;
    if (!run->begun) code = trib_command_exec(handle, run->plan_writes ? "BEGIN IMMEDIATE" : "BEGIN", err);
    run->begun = run->begun || code == TRIB_OK;
    if (code == TRIB_OK && !run->plan_writes)
        code = trib_command_exec(handle, "SELECT 1 FROM sqlite_schema LIMIT 1", err);
    return code;
}

static trib_code plan(trib_command_run *run, trib_handle *handle, trib_error *err) {
    trib_stream_txn txn;
    trib_error ignored;
    trib_code code = begin_plan(run, handle, err);
    if (code == TRIB_AGAIN) {
        run->turn.granted = on_plan_turn;
        stand(run, run->seats[0].db, &run->turn);
        code = trib_turn_wait(handle, &run->turn, err);
        if (code == TRIB_AGAIN) return code;
        stand_no_more(run);
        return code == TRIB_OK ? plan(run, handle, err) : code;
    }
    if (code != TRIB_OK) return code;
    trib_command_forget(run->command);
    use_txn(run, handle, run->plan_writes, &txn);
    code = run->command->plan(run->command, &txn, err);
    if (code == TRIB_OK && run->command->arena.failed) code = trib_error_set(err, TRIB_NOMEM, NULL);
    bool writes = code == TRIB_OK && run->plan_writes;
    if (writes) code = trib_command_exec(handle, "COMMIT", err);
    else (void)trib_command_exec(handle, "ROLLBACK", &ignored);
    run->begun = false;
    if (code != TRIB_AGAIN) return code;
    if (run->plan_writes || !txn.writes) return trib_error_set(err, TRIB_INTERNAL, "a command's plan asks for no end");
    run->plan_writes = true; /* members of a stream are to be brought up to date */
    return plan(run, handle, err);
}

static trib_code step_plan_work(trib_command_run *run, trib_error *err) {
    command_seat *seat = &run->seats[0];
    if (run->handle.handle) seat->handle = run->handle.handle;
    run->handle.handle = NULL;
    trib_code code = woken(run, err);
    if (code != TRIB_OK) return code;
    code = trib_handle_enter(seat->handle, TRIB_ACCESS_SYSTEM, &seat->vars, err);
    if (code != TRIB_OK) return code;
    seat->inside = true;
    trib_worker_set_handle(&run->command->job, seat->handle);
    run->woke = TRIB_OK;
    code = plan(run, seat->handle, err);
    trib_worker_set_handle(&run->command->job, NULL);
    leave(seat);
    if (code == TRIB_AGAIN && is_cancelled(run) && trib_turn_withdraw(seat->db, &run->turn)) {
        stand_no_more(run);
        return trib_error_set(err, TRIB_CANCELLED, NULL);
    }
    if (code != TRIB_OK) return code;
    let_go(run);
    run->step = step_open;
    return TRIB_OK;
}

/* ---- turns ---- */

static int compare_seats(const void *a, const void *b) {
    return strcmp(((const command_seat *)a)->tenant->id, ((const command_seat *)b)->tenant->id);
}

static trib_code step_turns(trib_command_run *run, trib_error *err);

static trib_code step_open(trib_command_run *run, trib_error *err) {
    trib_command *command = run->command;
    trib_code code = TRIB_OK;
    run->count = command->tenant_count + 1;
    for (size_t i = 0; i < run->count; i++) {
        run->seats[i] = (command_seat){.index = i, .run = run, .turn = {.granted = on_seat_turn}};
        run->seats[i].tenant = i < command->tenant_count ? command->tenants[i] : run->commands->streams;
        trib_buf_init(&run->seats[i].redo, TRIB_REDO_MAX_BYTES);
    }
    qsort(run->seats, command->tenant_count, sizeof *run->seats, compare_seats);
    for (size_t i = 0; i < run->count && code == TRIB_OK; i++) {
        command_seat *seat = &run->seats[i];
        trib_db_settings settings = trib_tenant_db_settings(seat->tenant);
        if (atomic_load(&seat->tenant->deleted))
            code = trib_error_set(err, TRIB_TENANT_NOT_FOUND, "tenant \"%s\" was deleted", seat->tenant->name);
        else code = trib_store_db_get(command->app->store, trib_str_c(seat->tenant->id), &settings, &seat->db, err);
    }
    run->at = 0;
    run->gated = run->waits = false;
    run->step = step_turns;
    return is_cancelled(run) && code == TRIB_OK ? trib_error_set(err, TRIB_CANCELLED, NULL) : code;
}

static trib_code step_base(trib_command_run *run, trib_error *err);
static trib_code step_work(trib_command_run *run, trib_error *err);

/* It has waited for this turn. */
static trib_code take_granted(trib_command_run *run, command_seat *seat, trib_error *err) {
    trib_code code = woken(run, err);
    run->waits = false;
    if (code == TRIB_TRANSACTION_BUSY && run->woke == TRIB_OK && seat->tenant != run->commands->streams)
        run->command->kept_by = seat->tenant;
    if (code != TRIB_OK && run->woke == TRIB_OK) trib_turn_pass(seat->db, &seat->turn);
    return code;
}

/* AGAIN: it stands in the queue, and another thread may have changed the run already. */
static trib_code ask_for(trib_command_run *run, command_seat *seat, trib_error *err) {
    run->woke = TRIB_OK;
    run->waits = true;
    stand(run, seat->db, &seat->turn);
    trib_code code = trib_turn_claim(seat->db, &seat->turn, err);
    /* whoever cancels may have looked for it in the queue before it stood there */
    bool out = code == TRIB_AGAIN && is_cancelled(run) && trib_turn_withdraw(seat->db, &seat->turn);
    if (code == TRIB_AGAIN && !out) return code;
    run->waits = false;
    stand_no_more(run);
    return out ? trib_error_set(err, TRIB_CANCELLED, NULL) : code;
}

/* The turn of seats[at]. */
static trib_code step_turns(trib_command_run *run, trib_error *err) {
    while (run->at < run->count) {
        command_seat *seat = &run->seats[run->at];
        if (run->at + 1 == run->count && !run->gated) {
            run->gated = true;
            run->at = 0;
            run->step = step_base;
            return TRIB_OK;
        }
        trib_code code = run->waits ? take_granted(run, seat, err) : ask_for(run, seat, err);
        if (code != TRIB_OK) return code;
        seat->claimed = true;
        run->at++;
    }
    run->step = step_work;
    return TRIB_OK;
}

/* Until what is there in seats[at] is durable. */
static trib_code step_base(trib_command_run *run, trib_error *err) {
    while (run->at + 1 < run->count) {
        trib_db *db = run->seats[run->at].db;
        run->woke = TRIB_OK;
        run->gate.resolved = on_gate;
        trib_code code = trib_gate_wait(db, trib_db_newest_ticket(db), &run->gate);
        if (code == TRIB_AGAIN) return code; /* and look again: it says so at once then */
        if (code != TRIB_OK) return trib_error_set(err, code, NULL);
        run->at++;
    }
    if (is_cancelled(run)) return trib_error_set(err, TRIB_CANCELLED, NULL);
    run->step = step_turns;
    return TRIB_OK;
}

/* ---- work ---- */

static trib_code enter_all(trib_command_run *run, trib_error *err) {
    trib_code code = TRIB_OK;
    for (size_t i = 0; i < run->count && code == TRIB_OK; i++) {
        code = trib_handle_take(run->seats[i].db, &run->seats[i].handle, err);
        if (code != TRIB_OK) return code;
        run->seats[i].claimed = false;
        if (!trib_turn_adopt(run->seats[i].handle, &run->seats[i].turn))
            return trib_error_set(err, TRIB_NOT_COMMITTED, "a database was recovered meanwhile; try again");
    }
    for (size_t i = 0; i < run->count && code == TRIB_OK; i++) {
        command_seat *seat = &run->seats[i];
        seat->vars = (trib_session_vars){.database_name = atomic_load(&seat->tenant->name)};
        code = trib_handle_enter(seat->handle, TRIB_ACCESS_SYSTEM, &seat->vars, err);
        if (code != TRIB_OK) return code;
        seat->inside = true;
        code = trib_command_exec(seat->handle, "BEGIN IMMEDIATE", err);
        if (code == TRIB_OK) trib_handle_bind(seat->handle, true);
        if (code == TRIB_OK && i + 1 < run->count) code = trib_redo_begin(seat->handle, err);
    }
    return code;
}

static trib_code call_work(trib_command_run *run, trib_error *err) {
    trib_command *command = run->command;
    trib_handle *handles[TRIB_COMMAND_TENANTS_MAX + 1] = {NULL};
    trib_stream_txn txn;
    for (size_t i = 0; i + 1 < run->count; i++) handles[run->seats[i].index] = run->seats[i].handle;
    use_txn(run, command_streams(run)->handle, true, &txn);
    trib_worker_set_handle(&command->job, txn.handle);
    trib_code code = command->work(command, &txn, handles, err);
    trib_worker_set_handle(&command->job, NULL);
    if (code == TRIB_OK && command->arena.failed) code = trib_error_set(err, TRIB_NOMEM, NULL);
    if (code == TRIB_OK && is_cancelled(run)) code = trib_error_set(err, TRIB_CANCELLED, NULL);
    return code;
}

static trib_code step_gate(trib_command_run *run, trib_error *err);

static trib_code step_work(trib_command_run *run, trib_error *err) {
    trib_command *command = run->command;
    bool sent = false;
    command_point(command->app, TRIB_COMMAND_POINT_TURNS);
    trib_code code = enter_all(run, err);
    if (code == TRIB_OK) code = call_work(run, err);
    if (code == TRIB_AGAIN) {
        let_go(run);
        if (++run->rounds >= TRIB_COMMAND_ROUNDS_MAX)
            return trib_error_set(err, TRIB_TRANSACTION_BUSY, "what the command is about kept changing; try again");
        run->step = step_open;
        return TRIB_OK;
    }
    if (code != TRIB_OK) return code;
    command_point(command->app, TRIB_COMMAND_POINT_WORKED);
    code = trib_command_commit(run, &sent, err);
    if (code != TRIB_OK && !sent) return code;
    run->commit_failed = code != TRIB_OK;
    if (code != TRIB_OK && err) run->commit_err = *err;
    command_seat *streams = command_streams(run);
    uint64_t ticket = trib_handle_own_ticket(streams->handle);
    for (size_t i = 0; i < run->count; i++) leave(&run->seats[i]);
    trib_handle_give(streams->handle); /* its turn has gone on */
    streams->handle = NULL;
    run->step = step_gate;
    run->gate.resolved = on_gate;
    code = trib_gate_wait(streams->db, ticket, &run->gate);
    if (code == TRIB_AGAIN) return code; /* another thread may have changed the run already */
    run->woke = code;
    return TRIB_OK;
}

/* ---- the commit point, and behind it ---- */

/* Nobody can say whether the intents are there: the tenants wait for what `streams` has when it can be read again. */
static void leave_in_doubt(trib_command_run *run) {
    for (size_t i = 0; i + 1 < run->count; i++) {
        command_seat *seat = &run->seats[i];
        if (seat->intent) trib_intent_set_state(run->commands, seat->intent, INTENT_OWED);
        seat->intent = NULL;
        give(seat); /* a promise that is lost seals the database */
    }
}

static trib_code step_gate(trib_command_run *run, trib_error *err) {
    if (run->woke == TRIB_COMMIT_OUTCOME_UNKNOWN) {
        leave_in_doubt(run);
        return trib_error_set(err, TRIB_COMMIT_OUTCOME_UNKNOWN, NULL);
    }
    if (run->commit_failed) {
        if (err) *err = run->commit_err;
        return run->commit_err.code;
    }
    if (run->woke != TRIB_OK) return trib_error_set(err, run->woke, NULL);
    atomic_store(&run->commands->has_table, true);
    command_point(run->commands->app, TRIB_COMMAND_POINT_DURABLE);
    trib_intents_removed(run->commands, run->removing, run->removing_count, true);
    run->removing_count = 0;
    trib_command_commit_parts(run);
    run->step = NULL;
    return TRIB_OK;
}

static void ended(trib_commands *commands) {
    trib_mutex_lock(commands->app->env, commands->lock);
    commands->working--;
    if (commands->working == 0) trib_cond_signal(commands->app->env, commands->idle);
    trib_mutex_unlock(commands->app->env, commands->lock);
}

static trib_job_verdict run_steps(trib_job *job) {
    trib_command_run *run = of_job(job);
    trib_command *command = run->command;
    trib_code code = TRIB_OK;
    while (code == TRIB_OK && run->step) code = run->step(run, &command->err);
    if (code == TRIB_AGAIN) return TRIB_JOB_WAIT;
    command->code = code;
    let_go(run);
    ended(run->commands);
    return TRIB_JOB_DONE;
}

/* ---- from the loop ---- */

static void done(trib_job *job) {
    trib_command *command = (trib_command *)(void *)job;
    trib_command_run *run = command->run;
    trib_commands *commands = run->commands;
    trib_mutex_lock(commands->app->env, commands->lock);
    trib_list_remove(&run->link);
    trib_mutex_unlock(commands->app->env, commands->lock);
    if (commands->done) trib_counter_add(command->code == TRIB_OK ? commands->done : commands->failed, 1);
    command->run = NULL;
    free(run);
    command->finished(command);
}

trib_code trib_command_submit(trib_command *command, trib_error *err) {
    trib_commands *commands = command->app->commands;
    trib_command_run *run = calloc(1, sizeof *run);
    if (!run) return trib_error_set(err, TRIB_NOMEM, NULL);
    run->command = command;
    run->commands = commands;
    run->step = step_plan;
    trib_list_init(&run->link);
    if (!command->arena.budget_bytes) trib_arena_init(&command->arena, TRIB_STREAM_ARENA_MAX_BYTES);
    command->code = TRIB_OK;
    command->kept_by = NULL;
    command->run = run;
    command->job.run = run_steps;
    command->job.done = done;
    command->job.queue = commands->streams ? commands->streams->queue : NULL; /* NULL: draining */
    trib_mutex_lock(commands->app->env, commands->lock);
    bool draining = commands->draining;
    if (!draining) trib_list_push_back(&commands->runs, &run->link);
    if (!draining) commands->working++;
    trib_mutex_unlock(commands->app->env, commands->lock);
    trib_code code = draining ? trib_error_set(err, TRIB_SHUTTING_DOWN, NULL) : trib_job_submit(&command->job, err);
    if (code == TRIB_OK) return code;
    trib_mutex_lock(commands->app->env, commands->lock);
    trib_list_remove(&run->link);
    trib_mutex_unlock(commands->app->env, commands->lock);
    if (!draining) ended(commands);
    command->run = NULL;
    free(run);
    return code;
}

void trib_command_cancel(trib_command *command) {
    trib_command_run *run = command->run;
    trib_commands *commands = command->app->commands;
    if (!run || is_cancelled(run)) return;
    trib_job_cancel(&command->job);
    trib_mutex_lock(commands->app->env, commands->lock);
    bool out = withdraw_locked(run);
    trib_mutex_unlock(commands->app->env, commands->lock);
    if (out) trib_job_resume(&command->job);
}

void trib_command_deinit(trib_command *command) {
    trib_command_forget(command);
    trib_arena_deinit(&command->arena);
}

void trib_commands_drain(trib_commands *commands) {
    if (!commands) return;
    const trib_env *env = commands->app->env;
    trib_mutex_lock(env, commands->lock);
    commands->draining = true;
    TRIB_LIST_EACH(link, &commands->runs) {
        trib_command_run *run = TRIB_LIST_ITEM(link, trib_command_run, link);
        atomic_store(&run->command->job.cancelled, true);
        if (withdraw_locked(run)) trib_job_resume(&run->command->job);
    }
    while (commands->working > 0) trib_cond_wait(env, commands->idle, commands->lock, -1);
    trib_mutex_unlock(env, commands->lock);
}

void trib_commands_expire(trib_commands *commands) {
    const trib_env *env = commands->app->env;
    int64_t before_ns = trib_env_mono_ns(env) - (int64_t)COMMAND_WAIT_MS * 1000000;
    trib_mutex_lock(env, commands->lock);
    TRIB_LIST_EACH(link, &commands->runs) {
        trib_command_run *run = TRIB_LIST_ITEM(link, trib_command_run, link);
        if (!run->waits_in || run->waits_since_ns > before_ns || !withdraw_locked(run)) continue;
        run->expired = true;
        trib_job_resume(&run->command->job);
    }
    trib_mutex_unlock(env, commands->lock);
}
