/* SPDX-License-Identifier: Apache-2.0 */
/* Work that can wait steps back; see pace.h. */
#include "base/pace.h"

trib_code trib_pace_init(trib_pace *pace, const trib_env *env, trib_error *err) {
    *pace = (trib_pace){.env = env, .mutex = trib_mutex_new(env), .never = trib_cond_new(env)};
    if (pace->mutex && pace->never) return TRIB_OK;
    trib_pace_deinit(pace);
    return trib_error_set(err, TRIB_NOMEM, NULL);
}

void trib_pace_deinit(trib_pace *pace) {
    if (!pace->env) return;
    trib_cond_free(pace->env, pace->never);
    trib_mutex_free(pace->env, pace->mutex);
    *pace = (trib_pace){0};
}

int64_t trib_pace_give_way(trib_pace_lane *lane, int64_t *runs_until_ns) {
    trib_pace *pace = lane->pace;
    int64_t now_ns = trib_env_mono_ns(pace->env), began_ns = now_ns;
    int64_t until_ns = now_ns + (int64_t)TRIB_PACE_WAIT_US * 1000;
    if (now_ns < *runs_until_ns) return 0;
    while (now_ns < until_ns && trib_pace_must_give_way(lane)) {
        trib_mutex_lock(pace->env, pace->mutex);
        trib_cond_wait(pace->env, pace->never, pace->mutex, (int64_t)TRIB_PACE_LOOK_US * 1000);
        trib_mutex_unlock(pace->env, pace->mutex);
        now_ns = trib_env_mono_ns(pace->env);
    }
    *runs_until_ns = now_ns + (int64_t)TRIB_PACE_RUN_US * 1000;
    return now_ns - began_ns;
}

void trib_pace_yield(const trib_pace_lane *lane, int64_t *yields_ns) {
    const trib_env *env = lane->pace->env;
    int64_t now_ns = trib_env_mono_ns(env);
    if (now_ns < *yields_ns) return;
    *yields_ns = now_ns + (int64_t)TRIB_PACE_YIELD_US * 1000;
    trib_env_yield(env);
}
