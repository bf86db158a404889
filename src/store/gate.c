/* SPDX-License-Identifier: Apache-2.0 */
/* The gate: answers wait here until the commits they depend on are durable. The queue is sorted by ticket, so a sync
 * that covers commit n resolves a prefix of it. */
#include "store/db_int.h"

static void unlink_waiter(trib_db *db, trib_gate_waiter *w) {
    if (w->prev) w->prev->next = w->next;
    else db->gate_first = w->next;
    if (w->next) w->next->prev = w->prev;
    else db->gate_last = w->prev;
    w->prev = w->next = NULL;
    db->gate_waiters--;
}

/* Tickets mostly arrive in order: look from the end. */
static void link_waiter(trib_db *db, trib_gate_waiter *w) {
    trib_gate_waiter *after = db->gate_last;
    while (after && after->ticket > w->ticket) after = after->prev;
    w->prev = after;
    w->next = after ? after->next : db->gate_first;
    if (w->next) w->next->prev = w;
    else db->gate_last = w;
    if (after) after->next = w;
    else db->gate_first = w;
    db->gate_waiters++;
}

trib_code trib_gate_verdict_locked(const trib_db *db, uint64_t ticket) {
    uint64_t no = trib_ticket_no(ticket);
    if (no == 0) return TRIB_OK;
    uint16_t incarnation = trib_ticket_incarnation(ticket);
    if (incarnation == db->incarnation) return no <= db->durable_no ? TRIB_OK : TRIB_AGAIN;
    /* A ticket of before a cut-back: durable then, or lost in it. */
    if ((uint16_t)(db->incarnation - incarnation) > TRIB_FAIL_RING) return TRIB_COMMIT_OUTCOME_UNKNOWN;
    uint32_t slot = incarnation % TRIB_FAIL_RING;
    return no <= db->fail_durable[slot] ? TRIB_OK : db->fail_code[slot];
}

trib_gate_waiter *trib_gate_collect_locked(trib_db *db) {
    trib_gate_waiter *first = NULL;
    trib_gate_waiter *last = NULL;
    while (db->gate_first && trib_gate_verdict_locked(db, db->gate_first->ticket) != TRIB_AGAIN) {
        trib_gate_waiter *w = db->gate_first;
        unlink_waiter(db, w);
        if (last) last->next = w;
        else first = w;
        last = w;
    }
    return first;
}

void trib_gate_resolve(trib_db *db, trib_gate_waiter *list) {
    while (list) {
        trib_gate_waiter *w = list;
        list = w->next;
        w->next = NULL;
        trib_db_lock(db);
        trib_code code = trib_gate_verdict_locked(db, w->ticket);
        trib_db_unlock(db);
        w->resolved(w, code);
    }
}

trib_code trib_gate_look(trib_db *db, uint64_t ticket) {
    if (ticket == 0) return TRIB_OK;
    trib_db_lock(db);
    trib_code code = trib_gate_verdict_locked(db, ticket);
    trib_db_unlock(db);
    return code;
}

trib_code trib_gate_wait(trib_db *db, uint64_t ticket, trib_gate_waiter *waiter) {
    trib_db_lock(db);
    trib_code code = trib_gate_verdict_locked(db, ticket);
    if (code == TRIB_AGAIN) {
        waiter->ticket = ticket;
        link_waiter(db, waiter);
    }
    trib_db_unlock(db);
    return code;
}
