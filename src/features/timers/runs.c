/* SPDX-License-Identifier: Apache-2.0 */
/* Timers whose opcode a module does as a command, since rows of tenants belong to it.
 *
 *   free -> wanted (a round finds it due) -> under way (the round is over) -> ended -> free (the next round)
 *                                                                             └ failed: later again, and in the end
 *                                                                               the opcode alone
 *
 * The command marks the timer as fired in the transaction that writes its event (trib_stream_timer_take): after a stop
 * anywhere in between, it is done or still due. */
#include <stdio.h>
#include <string.h>

#include "features/timers/timers_int.h"

static timers_run *of_run(trib_stream_timer_run *run) {
    return (timers_run *)(void *)run;
}

bool timers_run_is(const timers_module *m, trib_str stream_id, trib_str name) {
    for (size_t i = 0; i < TRIB_STREAM_TIMERS_RUNNING; i++) {
        const timers_run *run = &m->runs[i];
        if (atomic_load(&run->state) != TIMERS_RUN_FREE && trib_str_eq_c(stream_id, run->run.stream_id) &&
            trib_str_eq_c(name, run->run.name))
            return true;
    }
    return false;
}

size_t timers_runs_count(const timers_module *m) {
    size_t count = 0;
    for (size_t i = 0; i < TRIB_STREAM_TIMERS_RUNNING; i++) count += atomic_load(&m->runs[i].state) != TIMERS_RUN_FREE;
    return count;
}

void timers_runs_begin_round(timers_module *m) {
    for (size_t i = 0; i < TRIB_STREAM_TIMERS_RUNNING; i++) {
        timers_run *run = &m->runs[i];
        if (atomic_load(&run->state) == TIMERS_RUN_WANTED) atomic_store(&run->state, TIMERS_RUN_FREE);
        run->in_round = atomic_load(&run->state) == TIMERS_RUN_ENDED;
    }
}

static void set(char *to, size_t size, trib_str text) {
    snprintf(to, size, "%.*s", TRIB_STR_ARG(text));
}

bool timers_run_want(timers_module *m, const timers_due *due, const trib_deal_type *type) {
    for (size_t i = 0; i < TRIB_STREAM_TIMERS_RUNNING; i++) {
        timers_run *run = &m->runs[i];
        if (atomic_load(&run->state) != TIMERS_RUN_FREE) continue;
        run->run = (trib_stream_timer_run){.generation = due->generation, .opcode = (int32_t)due->opcode};
        set(run->run.stream_id, sizeof run->run.stream_id, due->stream_id);
        set(run->run.name, sizeof run->run.name, due->name);
        set(run->run.type, sizeof run->run.type, type->name);
        run->performer = trib_stream_timers_performer(&m->timers, type, run->run.opcode);
        run->tries = due->tries + 1;
        run->module = m;
        atomic_store(&run->state, TIMERS_RUN_WANTED);
        return true;
    }
    return false;
}

/* ---- under way ---- */

static void done(trib_stream_timer_run *base, const trib_error *err) {
    timers_run *run = of_run(base);
    timers_module *m = run->module;
    run->err = *err;
    atomic_store(&run->state, TIMERS_RUN_ENDED);
    m->not_before_ns = 0; /* there is room again */
    atomic_store(&m->news, true);
}

static void begin(timers_run *run) {
    trib_control *control = run->module->app->control;
    trib_error err;
    run->run.done = done;
    run->run.home = trib_control_take_home(control);
    atomic_store(&run->state, TIMERS_RUN_UNDER_WAY);
    trib_code code = run->performer->begin(run->performer->ctx, &run->run, &err);
    if (code == TRIB_OK) return;
    trib_control_give_home(control);
    err.code = code;
    done(&run->run, &err);
}

void timers_runs_end_round(timers_module *m, bool committed) {
    for (size_t i = 0; i < TRIB_STREAM_TIMERS_RUNNING; i++) {
        timers_run *run = &m->runs[i];
        int state = atomic_load(&run->state);
        if (state == TIMERS_RUN_ENDED && run->in_round && committed) atomic_store(&run->state, TIMERS_RUN_FREE);
        if (state == TIMERS_RUN_WANTED && !committed) atomic_store(&run->state, TIMERS_RUN_FREE);
        if (state == TIMERS_RUN_WANTED && committed) begin(run);
    }
}

/* ---- ended ---- */

/* It stays due, and is tried again behind others: what stands in its way is a tenant's. */
static trib_code postpone(timers_module *m, const timers_run *run, trib_error *err) {
    char outcome[32];
    int64_t delay_ms = TIMERS_RUN_RETRY_MS;
    for (int i = 1; i < run->tries && delay_ms < TIMERS_RUN_RETRY_MAX_MS; i++) delay_ms *= 2;
    if (delay_ms > TIMERS_RUN_RETRY_MAX_MS) delay_ms = TIMERS_RUN_RETRY_MAX_MS;
    snprintf(outcome, sizeof outcome, TIMERS_RETRY_WORD "%d", run->tries);
    trib_arg args[] = {trib_stream_text(trib_str_c(run->run.stream_id)), trib_stream_text(trib_str_c(run->run.name)),
                       trib_stream_integer(run->run.generation), trib_stream_integer(m->now_ms + delay_ms),
                       trib_stream_text(trib_str_c(outcome))};
    return trib_stmt_run(m->txn.handle,
                         "UPDATE _trib_timer SET due_ms = ?4, outcome = ?5 WHERE streamId = ?1 AND name = ?2 AND "
                         "generation = ?3 AND fired_ms IS NULL",
                         args, 5, NULL, NULL, err);
}

trib_code timers_runs_conclude(timers_module *m, trib_error *err) {
    trib_code code = TRIB_OK;
    for (size_t i = 0; code == TRIB_OK && i < TRIB_STREAM_TIMERS_RUNNING; i++) {
        timers_run *run = &m->runs[i];
        if (!run->in_round) continue;
        if (run->err.code == TRIB_OK) {
            m->round.fired++;
            continue;
        }
        trib_log_event(m->app->log, TRIB_LOG_WARN, "timer_command_failed", TRIB_LOG_C("stream", run->run.stream_id),
                       TRIB_LOG_C("timer", run->run.name), TRIB_LOG_I("tries", run->tries), TRIB_LOG_ERR(&run->err));
        const timers_due due = {.stream_id = trib_str_c(run->run.stream_id),
                                .name = trib_str_c(run->run.name),
                                .generation = run->run.generation,
                                .opcode = run->run.opcode,
                                .alone = true};
        bool again = !timers_is_refusal(run->err.code) && run->tries < TIMERS_RUN_TRIES_MAX;
        code = again ? postpone(m, run, err) : timers_fire_one(m, &due, err);
    }
    return code;
}

bool timers_runs_have_failed(const timers_module *m) {
    for (size_t i = 0; i < TRIB_STREAM_TIMERS_RUNNING; i++)
        if (m->runs[i].in_round && m->runs[i].err.code != TRIB_OK) return true;
    return false;
}
