/* SPDX-License-Identifier: Apache-2.0 */
/* Starts and stops the parts of the running server in order; see app.h. */
#include "core/app.h"

#include "core/auth.h"
#include "core/control.h"
#include "core/session.h"

trib_code trib_app_start(trib_app *app, trib_error *err) {
    trib_store_config config = {.data_dir = app->settings.data_dir};
    trib_code code = trib_store_new(&config, app->env, app->log, &app->store, err);
    if (code == TRIB_OK) code = trib_workers_new(app->env, app->settings.worker_threads, &app->workers, err);
    if (code == TRIB_OK) code = trib_control_open(app, &app->control, err);
    if (code == TRIB_OK && !app->settings.admin_key && !app->settings.no_auth) {
        app->settings.admin_key = trib_control_admin_key(app->control);
    }
    if (code == TRIB_OK) code = trib_auth_new(app, &app->auth, err);
    if (code == TRIB_OK) code = trib_sessions_new(app, &app->sessions, err);
    if (code != TRIB_OK) trib_app_stop(app);
    return code;
}

void trib_app_stop(trib_app *app) {
    trib_workers_stop(app->workers);
    trib_sessions_free(app->sessions);
    trib_auth_free(app->auth);
    trib_control_close(app->control);
    trib_workers_free(app->workers);
    trib_store_free(app->store);
    app->workers = NULL;
    app->sessions = NULL;
    app->auth = NULL;
    app->control = NULL;
    app->store = NULL;
}

void trib_app_tick(trib_app *app) {
    trib_workers_tick(app->workers);
    trib_sessions_tick(app->sessions);
    trib_store_tick(app->store);
}
