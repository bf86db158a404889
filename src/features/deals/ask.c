/* SPDX-License-Identifier: Apache-2.0 */
/* A request about a deal: who asks, which action, a body whose members are known, a command, an answer. */
#include <stdio.h>
#include <stdlib.h>

#include "base/ids.h"
#include "core/auth.h"
#include "core/command_http.h"
#include "core/control.h"
#include "features/deals/deals_int.h"

static deals_ask *of_command(trib_command *command) {
    return (deals_ask *)(void *)command;
}

/* ---- answers ---- */

static void refuse(deals_ask *ask, const trib_error *why) {
    trib_command_refuse(&ask->command, ask->http, why);
}

static void finished(trib_command *command) {
    deals_ask *ask = of_command(command);
    if (command->code != TRIB_OK) {
        refuse(ask, &command->err);
        return;
    }
    deals_jobs_freed(ask);
    trib_command_answer(command, ask->http, ask->action || ask->is_duplicate ? 200 : 201, ask->response,
                        DEALS_ANSWER_MAX_BYTES);
}

/* ---- the request ---- */

/* Who names `streams` itself is the platform; who names a tenant is that tenant. */
static trib_code name_asker(deals_ask *ask, trib_error *err) {
    trib_http_request *http = ask->http;
    trib_command *command = &ask->command;
    trib_code code = trib_may(http->principal, http->tenant, TRIB_ACTION_WRITE, trib_env_wall_ms(http->app->env), err);
    if (code != TRIB_OK || http->tenant == ask->module->tenant) return code;
    if (http->tenant->system)
        return trib_error_set(err, TRIB_BAD_REQUEST, "the database \"%s\" deals with nobody; name a tenant, or streams",
                              atomic_load(&http->tenant->name));
    command->tenant_id = trib_str_c(http->tenant->id);
    command->tenant_name = trib_arena_dup(http->arena, trib_str_c(atomic_load(&http->tenant->name)));
    return command->tenant_name.ptr ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
}

/* A member that nothing reads is refused, so that no typing error is lost in silence. */
static bool is_known(const deals_ask *ask, trib_str member) {
    const deals_vertical *vertical = ask->vertical;
    const trib_deal_type *type = trib_deal_registry_get(ask->module->app->stream_types, trib_str_c(vertical->type));
    if (trib_str_eq_c(member, "ts") || trib_str_eq_c(member, "eventIds")) return true;
    if (!ask->action) {
        if (type && trib_str_eq(member, deals_member(type, vertical->buyer))) return true;
        if (type && vertical->seller && trib_str_eq(member, deals_member(type, vertical->seller))) return true;
        return deals_lists(vertical->members, member) ||
               (vertical->opening == DEALS_OF_ITEMS && trib_str_eq_c(member, "items")) ||
               deals_payload_takes(vertical->payload, member) || deals_payload_takes(vertical->buyer_payload, member) ||
               (vertical->seller && deals_payload_takes(vertical->seller_payload, member));
    }
    if (trib_str_eq_c(member, "expected") || deals_lists(ask->action->members, member)) return true;
    for (size_t i = 0; i < ask->action->step_count; i++) {
        const deals_step *step = &ask->action->steps[i];
        if (deals_payload_takes(step->payload, member)) return true;
        if (step->kind == DEALS_CLAIM && deals_payload_takes(step->job->payload, member)) return true;
    }
    return false;
}

static trib_code parse_body(deals_ask *ask, trib_error *err) {
    trib_http_request *http = ask->http;
    trib_str text = trib_str_trim(http->body);
    trib_code code = trib_json_parse_unique(http->arena, text.len ? text : TRIB_STR("{}"), &ask->body, err);
    if (code == TRIB_OK && !trib_json_is(ask->body, TRIB_JSON_OBJECT))
        return trib_error_set(err, TRIB_BAD_REQUEST, "the body must be a JSON object");
    if (code != TRIB_OK) return code;
    for (const trib_json *m = trib_json_first(ask->body); m; m = trib_json_next(m))
        if (!is_known(ask, m->key))
            return trib_error_set(err, TRIB_BAD_REQUEST,
                                  "the body has a member \"%.*s\", which this route does not know",
                                  TRIB_STR_ARG(trib_str_sub(m->key, 0, 64)));
    return TRIB_OK;
}

static trib_code parse_key(deals_ask *ask, trib_error *err) {
    trib_http_request *http = ask->http;
    trib_str whole =
        trib_arena_printf(http->arena, "%s/%s/%zu:%.*s%.*s", ask->vertical->path, ask->action ? ask->action->name : "",
                          ask->deal_id.len, TRIB_STR_ARG(ask->deal_id), TRIB_STR_ARG(http->body));
    return trib_stream_take_key(http, whole, &ask->key, ask->request, err);
}

/* Of a deal that begins: the body's, or a new one. */
static trib_code take_id(deals_ask *ask, trib_error *err) {
    const trib_json *value = trib_json_get(ask->body, "id");
    char hex[TRIB_ID_HEX_BYTES];
    trib_id id;
    if (trib_json_absent(value)) {
        trib_code code = trib_id_random(ask->http->app->env, &id, err);
        if (code != TRIB_OK) return code;
        trib_id_to_hex(id, hex);
        ask->deal_id = trib_arena_printf(ask->http->arena, "%s%s", ask->vertical->prefix, hex);
        return ask->deal_id.ptr ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
    }
    if (trib_json_str(value, &ask->deal_id) && ask->deal_id.len > 0 && ask->deal_id.len <= TRIB_STREAM_ID_MAX_BYTES)
        return TRIB_OK;
    return trib_error_set(err, TRIB_BAD_REQUEST, "\"id\" must be a text of 1 to %d bytes", TRIB_STREAM_ID_MAX_BYTES);
}

/* "orders" of the route's path /api/orders/:id/:action. */
static const deals_vertical *vertical_of(const trib_route *route) {
    trib_str path = trib_str_c(route->path);
    path = trib_str_sub(path, sizeof "/api/" - 1, path.len);
    return deals_vertical_find(trib_str_sub(path, 0, trib_str_find(path, '/')));
}

static trib_code no_action(const deals_ask *ask, trib_error *err) {
    char list[300];
    int len = 0;
    for (size_t i = 0; i < ask->vertical->action_count && len < (int)sizeof list; i++)
        len += snprintf(list + len, sizeof list - (size_t)len, "%s%s", i ? " " : "", ask->vertical->actions[i].name);
    return trib_error_set(err, TRIB_NOT_FOUND, "/api/%s/:id/ has no such action; there are: %s", ask->vertical->path,
                          list);
}

static void submit(deals_ask *ask) {
    trib_error err;
    bool all = false;
    if (deals_guess(ask, &all, &err) != TRIB_OK) {
        refuse(ask, &err);
        return;
    }
    ask->command.plan = all ? NULL : deals_plan;
    ask->command.work = deals_work;
    ask->command.finished = finished;
    if (trib_command_submit_for(&ask->command, ask->http, &err) != TRIB_OK) refuse(ask, &err);
}

static deals_ask *ask_new(trib_http_request *http) {
    deals_ask *ask = calloc(1, sizeof *ask);
    trib_error err;
    if (!ask) {
        trib_error_set(&err, TRIB_NOMEM, NULL);
        trib_http_answer_error(http, &err);
        return NULL;
    }
    ask->command.app = http->app;
    ask->http = http;
    ask->module = http->module_state;
    ask->vertical = vertical_of(http->route);
    return ask;
}

void deals_handle_open(trib_http_request *http) {
    trib_error err;
    deals_ask *ask = ask_new(http);
    if (!ask) return;
    trib_code code = name_asker(ask, &err);
    if (code == TRIB_OK) code = parse_body(ask, &err);
    if (code == TRIB_OK) code = parse_key(ask, &err); /* before the id: a request that is repeated has no id either */
    if (code == TRIB_OK) code = take_id(ask, &err);
    if (code == TRIB_OK) submit(ask);
    else refuse(ask, &err);
}

void deals_handle_action(trib_http_request *http) {
    trib_error err;
    deals_ask *ask = ask_new(http);
    if (!ask) return;
    ask->deal_id = http->path_params[0];
    ask->action = deals_action_find(ask->vertical, http->path_params[1]);
    trib_code code = ask->action ? name_asker(ask, &err) : no_action(ask, &err);
    if (code == TRIB_OK && (ask->deal_id.len == 0 || ask->deal_id.len > TRIB_STREAM_ID_MAX_BYTES))
        code = trib_stream_not_found(ask->deal_id, &err);
    if (code == TRIB_OK) code = parse_body(ask, &err);
    if (code == TRIB_OK) code = parse_key(ask, &err);
    if (code == TRIB_OK) submit(ask);
    else refuse(ask, &err);
}
