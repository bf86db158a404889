/* SPDX-License-Identifier: Apache-2.0 */
/* Throws one bomb of tests/hostile/bombs.txt at a server, on many connections, and prints what it was answered.
 *
 *   hostile --list CATALOGUE
 *   hostile CATALOGUE BOMB PORT TENANT AUTHORIZATION CONNECTIONS SECONDS      0 seconds: only the set-up
 *
 * Only ever 127.0.0.1: it is a tool for measuring, not for flooding. */
#include "hostile/bombs.h"

static void list_names(const bombs *list) {
    for (unsigned i = 0; i < list->count; i++) printf("%s\n", list->all[i].name);
}

int main(int argc, char **argv) {
    static attack a;
    char why[400];
    signal(SIGPIPE, SIG_IGN);
    if (argc == 3 && strcmp(argv[1], "--list") == 0) {
        bombs *list = bombs_read(argv[2]);
        list_names(list);
        bombs_free(list);
        return 0;
    }
    if (argc != 8) die("see the head of hostile.c for its arguments");
    bombs *list = bombs_read(argv[1]);
    unsigned connections = (unsigned)strtoul(argv[6], NULL, 10), seconds = (unsigned)strtoul(argv[7], NULL, 10);
    a.bomb = bombs_find(list, argv[2]);
    a.port = (int)strtol(argv[3], NULL, 10);
    a.tenant = argv[4];
    a.authorization = argv[5];
    if (!a.bomb || !a.bomb->step_count) die("no such bomb");
    if (!connections || connections > BOMB_THREADS_MAX) die("1 to 256 connections");
    if (seconds == 0) {
        if (attack_set_up(&a, why, sizeof why)) return 0;
        fprintf(stderr, "hostile: set-up of %s: %s\n", a.bomb->name, why);
        return 1;
    }
    attack_start(&a, connections);
    sleep(seconds);
    attack_end(&a, true);
    printf("{\"rounds\": %llu, \"answered\": %llu, \"sql_errors\": %llu, \"refused\": %llu, \"shed\": %llu, "
           "\"broken\": %llu}\n",
           a.rounds_done, a.answered, a.sql_errors, a.refused, a.shed, a.broken);
    bombs_free(list);
    return 0;
}
