/* SPDX-License-Identifier: Apache-2.0 */
/* trib demo: plays a food order over HTTP against a running server, or against one that it starts itself; by --vertical
 * other kinds of deals.
 *
 *   --url given, or a server on the data folder: that one          none: a server in this process, on the data folder
 *        step 0 -> steps 1 to 10 -> three readers -> archive -> verdict */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli/demo.h"
#include "server/serve.h"

extern const trib_cli_command trib_cmd_demo;

#define CITY_ARCHIVE_AFTER "10s"

enum { ARENA_BYTES = 64 << 20, PORT_FREE_TRIES = 2 };

/* Where the demo's server is. */
typedef struct demo_server {
    trib_config config;
    trib_serving *serving; /* our own, or NULL */
    trib_server_file file;
} demo_server;

static bool is_default(const trib_config *config, trib_config_id id) {
    return trib_config_get_origin(config, id) == TRIB_CONFIG_FROM_DEFAULT;
}

/* A server of our own, quiet unless asked; on other ports when the usual ones are taken and nobody asked for them. */
static trib_code start_server(demo_server *place, bool city, trib_error *err) {
    trib_config *config = &place->config;
    trib_serve_options options = {.config = config};
    bool may_move = is_default(config, TRIB_CONFIG_ID_listen) && is_default(config, TRIB_CONFIG_ID_admin_listen);
    trib_code code = TRIB_OK;
    if (is_default(config, TRIB_CONFIG_ID_log_level))
        code = trib_config_add_flag(config, TRIB_STR("log-level"), "warn", err);
    /* a city plays a day in minutes: what has ended leaves as quickly */
    if (code == TRIB_OK && city && is_default(config, TRIB_CONFIG_ID_archive_after))
        code = trib_config_add_flag(config, TRIB_STR("archive-after"), CITY_ARCHIVE_AFTER, err);
    if (code == TRIB_OK) code = trib_config_finish(config, err);
    if (code != TRIB_OK) return code;
    code = trib_serve_start(&options, &place->serving, err);
    if (code == TRIB_OK || code == TRIB_DATA_FOLDER_LOCKED || !may_move) return code;
    code = trib_config_add_flag(config, TRIB_STR("listen"), "127.0.0.1:0", err);
    if (code == TRIB_OK) code = trib_config_add_flag(config, TRIB_STR("admin-listen"), "127.0.0.1:0", err);
    if (code == TRIB_OK) code = trib_config_finish(config, err);
    return code == TRIB_OK ? trib_serve_start(&options, &place->serving, err) : code;
}

static const char *pick(const char *first, const char *second) {
    return first && first[0] ? first : second;
}

/* Fills place->file with URLs and key, and starts a server if there is none. */
static trib_code find_server(demo_state *demo, demo_server *place, trib_error *err) {
    trib_cli *cli = demo->cli;
    const char *url = pick(trib_cli_get(cli, "url"), trib_cli_variable(cli, "TRIB_URL"));
    const char *admin_url = pick(trib_cli_get(cli, "admin-url"), trib_cli_variable(cli, "TRIB_ADMIN_URL"));
    trib_code code = trib_cli_load_config(cli, &place->config, err);
    if (code != TRIB_OK) return code;
    bool named = (url && url[0]) || (admin_url && admin_url[0]);
    if (!named || !url || !url[0] || !admin_url || !admin_url[0]) {
        code = trib_server_file_read(place->config.data, &place->file, err);
        if (code == TRIB_CONNECT && !named) {
            code = start_server(place, trib_cli_has(cli, "city"), err);
            if (code == TRIB_OK) code = trib_server_file_read(place->config.data, &place->file, err);
        }
        if (code != TRIB_OK) return code;
    }
    if (url && url[0]) place->file.tls_pin[0] = '\0'; /* it may be another server */
    if (admin_url && admin_url[0]) place->file.admin_tls_pin[0] = '\0';
    if (url && url[0]) snprintf(place->file.url, sizeof place->file.url, "%s", url);
    if (admin_url && admin_url[0]) snprintf(place->file.admin_url, sizeof place->file.admin_url, "%s", admin_url);
    if (place->config.admin_key)
        snprintf(place->file.admin_key, sizeof place->file.admin_key, "%s", place->config.admin_key);
    if (place->file.admin_url[0] && place->file.url[0]) return TRIB_OK;
    return trib_error_set(err, TRIB_USAGE, "the demo needs both listeners of the server: give --url and --admin-url");
}

static trib_code run_food(demo_state *demo, trib_error *err) {
    demo_say(demo, "The food order on %s\n\n", demo->url);
    trib_code code = demo_connect(demo, err);
    if (code == TRIB_OK) code = demo_prepare(demo, err);
    if (code == TRIB_OK) code = demo_play(demo, err);
    return code == TRIB_OK ? demo_finish_stream(demo, err) : code;
}

static trib_code run(demo_state *demo, trib_error *err) {
    if (trib_cli_has(demo->cli, "city")) return demo_play_city(demo, &demo->city_ok, err);
    const char *vertical = pick(trib_cli_get(demo->cli, "vertical"), "food");
    bool all = strcmp(vertical, "all") == 0, any = all;
    demo->food = all || strcmp(vertical, "food") == 0;
    trib_code code = demo->food ? run_food(demo, err) : demo_connect(demo, err);
    if (code == TRIB_OK && demo->food) demo->food_ok = demo_judge(demo); /* now: the others write to its tenants, too */
    memcpy(demo->food_counted, demo->counted, sizeof demo->counted);
    for (unsigned i = 0; code == TRIB_OK && i < demo_kind_count; i++) {
        if (!all && strcmp(vertical, demo_kinds[i].name) != 0) continue;
        any = true;
        code = demo_play_kind(demo, &demo_kinds[i], err);
    }
    if (code == TRIB_OK && !any && !demo->food)
        return trib_error_set(
            err, TRIB_USAGE, "--vertical is food, ride, grocery, parcel, booking, rental or all, not \"%s\"", vertical);
    return code;
}

/* The other kinds. */
static bool judge_kinds(demo_state *demo) {
    bool ok = true;
    for (unsigned i = 0; i < demo->outcome_count; i++) {
        const demo_outcome *o = &demo->outcomes[i];
        bool right = o->ledger_zero && strcmp(o->status, "settled") == 0;
        demo_say(demo, "  %-10s %-12s %-10s %3lld events, ledger %s%s\n", o->kind->name, o->kind->stream, o->status,
                 (long long)o->events, o->ledger_zero ? "zero" : "NOT zero", right ? "" : "  WRONG");
        ok = ok && right;
    }
    return ok;
}

static void print_food(const demo_state *demo, trib_json_writer *w) {
    trib_jw_member_str(w, "stream", TRIB_STR(DEMO_ORDER));
    trib_jw_member_bool(w, "events_right", demo->events_right);
    trib_jw_member_bool(w, "reads_equal", demo->reads_equal);
    trib_jw_member_bool(w, "archive_equal", demo->archive_equal);
    trib_jw_member_bool(w, "counts_right", demo->counts_right);
    trib_jw_member_str(w, "archive", trib_str_c(demo->archive_path));
    trib_jw_member_i64(w, "pings", (int64_t)demo->pings);
    trib_jw_key_c(w, "rows_written");
    trib_jw_object_begin(w);
    for (int db = 0; db < DEMO_DBS; db++) trib_jw_member_i64(w, demo_targets[db].name, (int64_t)demo->food_counted[db]);
    trib_jw_object_end(w);
}

static void print_kinds(const demo_state *demo, trib_json_writer *w) {
    trib_jw_key_c(w, "deals");
    trib_jw_array_begin(w);
    for (unsigned i = 0; i < demo->outcome_count; i++) {
        trib_jw_object_begin(w);
        trib_jw_member_str(w, "vertical", trib_str_c(demo->outcomes[i].kind->name));
        trib_jw_member_str(w, "stream", trib_str_c(demo->outcomes[i].kind->stream));
        trib_jw_member_str(w, "status", trib_str_c(demo->outcomes[i].status));
        trib_jw_member_i64(w, "events", demo->outcomes[i].events);
        trib_jw_member_bool(w, "ledger_zero", demo->outcomes[i].ledger_zero);
        trib_jw_object_end(w);
    }
    trib_jw_array_end(w);
}

static void print_json(const demo_state *demo, const demo_server *place, bool ok) {
    trib_json_writer w;
    trib_buf buf;
    trib_buf_init(&buf, 16 * 1024);
    trib_jw_init(&w, &buf);
    trib_jw_object_begin(&w);
    trib_jw_member_bool(&w, "ok", ok);
    if (demo->food) print_food(demo, &w);
    if (demo->outcome_count) print_kinds(demo, &w);
    trib_jw_member_str(&w, "url", trib_str_c(place->file.url));
    trib_jw_member_str(&w, "admin_url", trib_str_c(place->file.admin_url));
    trib_jw_object_end(&w);
    fprintf(demo->cli->out, "%.*s\n", TRIB_STR_ARG(trib_buf_str(&buf)));
    fflush(demo->cli->out);
    trib_buf_deinit(&buf);
}

static void print_end(const demo_state *demo, const demo_server *place, bool stays) {
    demo_say(demo, "\nEverything is as it must be.\n");
    if (!stays) return;
    demo_say(demo,
             "\nThe server stays up; Ctrl-C ends it.\n"
             "  clients    %s\n"
             "  tenants    %sali/  %sbab-hara/  %srami/   (with the slash at the end)\n"
             "  operators  %s\n"
             "  a token    trib token create ali --data %s\n",
             place->file.url, place->file.url, place->file.url, place->file.url, place->file.admin_url,
             place->config.data);
}

static void close_demo(demo_state *demo) {
    for (unsigned i = 0; i < DEMO_READERS; i++) {
        if (demo->reader_http[i]) trib_http_client_free(demo->reader_http[i]);
    }
    trib_admin_close(&demo->admin);
    trib_arena_deinit(&demo->arena);
}

static int run_demo(trib_cli *cli) {
    demo_state demo = {.cli = cli};
    demo_server place = {0};
    char archive_dir[DEMO_PATH_BYTES];
    trib_error err;
    bool ok = false;
    trib_arena_init(&demo.arena, ARENA_BYTES);
    trib_code code = find_server(&demo, &place, &err);
    if (code == TRIB_OK) code = trib_admin_open_at(&demo.admin, cli, place.file.admin_url, place.file.admin_key, &err);
    if (code == TRIB_OK) {
        trib_remote_set_pin(&demo.admin.remote, place.file.admin_tls_pin);
        demo.tls_pin = place.file.tls_pin;
        demo.own_server = place.serving != NULL;
        snprintf(archive_dir, sizeof archive_dir, "%s/archive", place.config.data);
        demo.url = place.file.url;
        demo.archive_dir = pick(trib_cli_get(cli, "archive"), archive_dir);
        code = run(&demo, &err);
    }
    bool city = trib_cli_has(cli, "city");
    if (code == TRIB_OK) ok = city ? demo.city_ok : !demo.food || demo.food_ok;
    if (code == TRIB_OK && demo.outcome_count) demo_say(&demo, "\nThe deals\n\n");
    if (code == TRIB_OK) ok = judge_kinds(&demo) && ok;
    if (code == TRIB_OK && cli->json && !city) print_json(&demo, &place, ok);
    if (code == TRIB_OK && !ok) code = trib_error_set(&err, TRIB_INTERNAL, "the demo's numbers are wrong; see above");
    close_demo(&demo);
    int status = code == TRIB_OK ? TRIB_EXIT_OK : trib_cli_fail(cli, &err);
    bool stays = place.serving && ok && !city && !trib_cli_has(cli, "exit");
    if (ok) print_end(&demo, &place, stays);
    if (place.serving) {
        bool clean = stays ? trib_serve_wait(place.serving) : trib_serve_stop(place.serving);
        if (!clean) _exit(TRIB_EXIT_FAILURE);
    }
    trib_config_deinit(&place.config);
    return status;
}

static const trib_cli_option options[] = {
    {"url", "URL", "play against this server (TRIB_URL); needs --admin-url too"},
    {"admin-url", "URL",
     "its admin listener, http://... or unix:PATH (TRIB_ADMIN_URL); key by --admin-key or TRIB_ADMIN_KEY"},
    {"archive", "FOLDER",
     "where step 11 puts the stream: FOLDER/streams-archive/ord-5001.json (the data folder's archive/)"},
    {"vertical", "NAME", "the kind of deal: food (the default), ride, grocery, parcel, booking, rental, or all"},
    {"city", "N", "play a city instead: N deals of all kinds at once, and drivers that move"},
    {"duration", "SECONDS", "of the city (30)"},
    {"rate", "X", "of the city: X times 12 deals, 116 events and 2,000 positions a second (1)"},
    {"exit", NULL, "end when the order has been played, and stop the server if the demo started it"},
};

static const trib_cli_example examples[] = {
    {"trib demo", "starts a server on ./data, plays the order, stays up with the URLs printed"},
    {"trib demo --exit --data /tmp/order", "plays it once and ends"},
    {"trib demo --vertical ride --exit", "plays a taxi ride instead"},
    {"trib demo --city 200 --duration 60 --exit", "plays 720 deals of all kinds within a minute"},
    {"TRIB_ADMIN_KEY=... trib demo --url http://10.0.0.5:8080/ --admin-url http://10.0.0.5:8081/",
     "against a server elsewhere"},
};

const trib_cli_command trib_cmd_demo = {
    .name = "demo",
    .args = "",
    .summary = "Play a food order, or another kind of deal: tenants, a shared stream, discovery",
    .description =
        "Ali orders at Bab Al Hara, Rami delivers: 21 rows in five databases and 200 GPS pings. Each step is one "
        "request\n"
        "over HTTP, printed with what it has written. Then the three read the stream with three read-only tokens, it "
        "is\n"
        "archived, and the rows are compared with what the order must write. Any difference: exit status 1.\n"
        "It can be played again: what an earlier run left of the order is removed in step 0.\n"
        "\n"
        "With --city it plays many deals at once, shows how fast the server is and what it needs for that, and checks\n"
        "what must hold in the end: ledgers of zero, no driver with two jobs, no stock below zero, no error.",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .examples = examples,
    .example_count = sizeof examples / sizeof *examples,
    .takes_config = true,
    .run = run_demo,
};
