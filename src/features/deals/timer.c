/* SPDX-License-Identifier: Apache-2.0 */
/* A timer of a deal whose opcode begins an action is that action, asked for by the platform: a deal that nobody has
 * accepted in time gives everything back, as when somebody cancels it. */
#include <stdlib.h>

#include "core/stream_timer.h"
#include "features/deals/deals_int.h"

/* The action of the type that begins with this event. */
static const deals_action *find_action(const deals_vertical *vertical, int32_t opcode) {
    for (size_t i = 0; i < vertical->action_count; i++) {
        const deals_step *first = &vertical->actions[i].steps[0];
        if (first->kind == DEALS_EVENT && first->opcode == opcode && first->delta == DEALS_ZERO)
            return &vertical->actions[i];
    }
    return NULL;
}

static bool find(trib_str type, int32_t opcode, const deals_vertical **ret_vertical, const deals_action **ret_action) {
    for (size_t i = 0; i < deals_vertical_count; i++) {
        if (!trib_str_eq_c(type, deals_verticals[i].type)) continue;
        *ret_vertical = &deals_verticals[i];
        *ret_action = find_action(&deals_verticals[i], opcode);
        return *ret_action && (*ret_action)->step_count > 1; /* an event alone needs no command */
    }
    return false;
}

static bool does(void *ctx, const trib_deal_type *type, int32_t opcode) {
    const deals_vertical *vertical;
    const deals_action *action;
    (void)ctx;
    return find(type->name, opcode, &vertical, &action);
}

static void finished(trib_command *command) {
    deals_ask *ask = (deals_ask *)(void *)command;
    trib_stream_timer_run *timer = ask->timer;
    trib_error err = command->err;
    err.code = command->code;
    if (err.code == TRIB_OK) deals_jobs_freed(ask);
    trib_command_deinit(command);
    trib_arena_deinit(&ask->own);
    free(ask);
    timer->done(timer, &err);
}

static trib_code begin(void *ctx, trib_stream_timer_run *timer, trib_error *err) {
    deals_module *module = ctx;
    deals_ask *ask = calloc(1, sizeof *ask);
    if (!ask) return trib_error_set(err, TRIB_NOMEM, NULL);
    trib_arena_init(&ask->own, DEALS_TIMER_ARENA_BYTES);
    ask->module = module;
    ask->timer = timer;
    ask->deal_id = trib_str_c(timer->stream_id);
    trib_code code = trib_json_parse(&ask->own, TRIB_STR("{}"), &ask->body, err);
    if (code == TRIB_OK && !find(trib_str_c(timer->type), timer->opcode, &ask->vertical, &ask->action))
        code = trib_error_set(err, TRIB_INTERNAL, "a timer was given to who does not do it");
    ask->command.app = module->app;
    ask->command.job.home = timer->home;
    ask->command.plan = deals_plan;
    ask->command.work = deals_work;
    ask->command.finished = finished;
    if (code == TRIB_OK) code = trib_command_submit(&ask->command, err);
    if (code == TRIB_OK) return code;
    trib_command_deinit(&ask->command);
    trib_arena_deinit(&ask->own);
    free(ask);
    return code;
}

bool deals_timers_join(deals_module *module) {
    const trib_stream_performer performer = {.ctx = module, .does = does, .begin = begin};
    return trib_stream_timers_add_performer(module->app, &performer);
}
