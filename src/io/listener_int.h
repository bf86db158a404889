/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a listener: one lane a loop, so that connections are listed and counted without locks. */
#ifndef TRIB_IO_LISTENER_INT_H
#define TRIB_IO_LISTENER_INT_H

#include <stdatomic.h>
#include <uv.h>

#include "io/conn_int.h"

struct trib_listener_lane {
    trib_listener *listener;
    trib_loop *loop;
    trib_conn *conns;    /* the lane's loop only */
    atomic_uint open;    /* written by several threads, read by the accepting one to choose */
    bool draining, gone; /* the lane's loop only */
    trib_task drain;
    trib_timer grace;
};

struct trib_listener {
    const trib_conn_handler *handler;
    void *user;
    trib_conn_limits limits;
    trib_tls *tls; /* NULL: plain */
    uint32_t max_connections;
    uint32_t grace_ms;
    int fd;
    bool unix_socket;
    bool inherited; /* the socket is somebody else's too, and so is its file */
    uint16_t port;
    char address[TRIB_LISTENER_ADDRESS_BYTES];

    uv_poll_t poll;   /* on lanes[0].loop */
    trib_timer retry; /* accepting pauses when descriptors run out */
    trib_task open_task, close_task, done_task;
    void (*closed)(void *ctx);
    void *closed_ctx;
    atomic_uint parts; /* lanes that are not gone, and the poll handle */
    atomic_uint open;
    _Atomic uint64_t accepted, refused, stalled, handshakes_failed;
    uint32_t lane_count;
    trib_listener_lane lanes[];
};

/* The connection is freed: takes it out of its lane. Thread: the lane's loop. */
void trib_listener_forget(trib_conn *conn);
/* address.c: reads "ip:port", "[ip6]:port" or "unix:path". Errors: CONFIG. */
trib_code trib_address_parse(const char *text, struct sockaddr_storage *ret, socklen_t *ret_len, trib_error *err);
/* Writes "ip:port", "[ip6]:port" or "unix" NUL-terminated; returns the length. */
size_t trib_address_text(int family, const uint8_t *ip, uint16_t port, char *text, size_t cap);

#endif
