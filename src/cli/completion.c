/* SPDX-License-Identifier: Apache-2.0 */
/* Candidates for the word that is being typed; see completion.h. Words before it say where we are:
 *
 *   trib tenant            show             --data  /srv/trib   ac
 *        └ begins names    └ ends a name    └ wants a value     └ an argument, TENANT in the command's row */
#include "cli/completion.h"

#include <string.h>

#include "cli/admin.h"
#include "cli/error_page.h"
#include "wire/tenant_name.h"
#include "wire/url.h"

enum { NAME_BYTES = 128 };

typedef struct typing {
    const trib_cli *cli;
    const trib_cli_command *command; /* NULL: its name is not complete */
    trib_str word;                   /* unfinished */
    trib_str prefix;        /* "--log-level=" where the value is glued to its option; part of every candidate */
    unsigned arg_count;     /* arguments before the word */
    bool only_args;         /* behind -- */
    const char *value_name; /* the word is the value of an option; NULL: it is not */
    const char *admin_url, *admin_key, *data; /* options that say where the server is */
} typing;

static void offer(const typing *t, trib_str word, const char *help) {
    if (!trib_str_starts(word, t->word)) return;
    fprintf(t->cli->out, "%.*s%.*s", TRIB_STR_ARG(t->prefix), TRIB_STR_ARG(word));
    if (help && help[0]) fprintf(t->cli->out, "\t%s", help);
    fputc('\n', t->cli->out);
}

/* ---- tenants ---- */

/* The largest name below every one that begins with `word`, as a cursor: the server lists in byte order. */
static void write_cursor(trib_buf *path, trib_str word) {
    char before[NAME_BYTES];
    if (word.len == 0 || word.len > TRIB_TENANT_NAME_MAX_BYTES) return;
    memcpy(before, word.ptr, word.len);
    before[word.len - 1]--;
    memset(before + word.len, 'z', TRIB_TENANT_NAME_MAX_BYTES);
    trib_buf_add_c(path, "&cursor=");
    trib_percent_encode(trib_str_make(before, word.len + TRIB_TENANT_NAME_MAX_BYTES), path);
}

static void offer_tenants(const typing *t) {
    trib_cli cli = *t->cli; /* with the options that were typed, not those of `trib completion` */
    const trib_json *page = NULL;
    trib_admin admin;
    trib_error err;
    trib_buf path;
    const struct {
        const char *name, *value;
    } options[] = {{"admin-url", t->admin_url}, {"admin-key", t->admin_key}, {"data", t->data}};
    cli.given_count = 0;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (!options[i].value) continue;
        cli.given[cli.given_count].name = trib_str_c(options[i].name);
        cli.given[cli.given_count++].value = options[i].value;
    }
    trib_buf_init(&path, TRIB_REMOTE_URL_BYTES);
    trib_buf_printf(&path, "v1/namespaces?limit=%d", TRIB_COMPLETION_TENANTS_MAX);
    write_cursor(&path, t->word);
    trib_buf_add_char(&path, '\0');
    trib_code code = trib_admin_open(&admin, &cli, &err);
    admin.remote.timeout_ms = TRIB_COMPLETION_TIMEOUT_MS;
    if (code == TRIB_OK && !path.failed)
        code = trib_admin_call(&admin, "GET", trib_buf_str(&path).ptr, NULL, &page, &err);
    const trib_json *tenant = code == TRIB_OK ? trib_json_first(trib_json_get(page, "namespaces")) : NULL;
    for (; tenant; tenant = trib_json_next(tenant)) offer(t, trib_admin_text(&admin, tenant, "name"), NULL);
    trib_buf_deinit(&path);
    trib_admin_close(&admin);
}

/* ---- commands ---- */

/* The next words of all names that begin with the words in `before` ("tenant"), each once. */
static void offer_commands(const typing *t, trib_str before) {
    trib_str last = {0};
    for (size_t i = 0; i < trib_cli_command_count; i++) {
        trib_str name = trib_str_c(trib_cli_commands[i]->name);
        if (before.len) {
            if (!trib_str_starts(name, before) || name.len <= before.len || name.ptr[before.len] != ' ') continue;
            name = trib_str_sub(name, before.len + 1, name.len);
        }
        size_t space = trib_str_find(name, ' ');
        trib_str word = trib_str_sub(name, 0, space == SIZE_MAX ? name.len : space);
        if (trib_str_eq(word, last)) continue;
        last = word;
        offer(t, word, space == SIZE_MAX ? trib_cli_commands[i]->summary : "several commands");
    }
}

/* "tenant create" of its words. */
static trib_str join(char out[NAME_BYTES], const char *const *words, unsigned count) {
    size_t n = 0;
    for (unsigned i = 0; i < count && n < NAME_BYTES; i++) {
        int more = snprintf(out + n, NAME_BYTES - n, "%s%s", i ? " " : "", words[i]);
        n += more > 0 ? (size_t)more : 0;
    }
    return trib_str_make(out, n < NAME_BYTES ? n : 0);
}

/* ---- options, values, arguments ---- */

/* The row of the option `name`: its value name, "" for a switch; NULL: there is none. */
static const char *find_option(const trib_cli_command *command, trib_str name) {
    char flag[TRIB_CONFIG_NAME_BYTES];
    for (size_t i = 0; i < command->option_count; i++) {
        if (!trib_str_eq_c(name, command->options[i].name)) continue;
        return command->options[i].value_name ? command->options[i].value_name : "";
    }
    if (command->takes_config && trib_str_eq_c(name, "config")) return "FILE";
    for (size_t i = 0; i < TRIB_CONFIG_COUNT_OF_ROWS && command->takes_config; i++) {
        trib_config_flag_name(i, flag);
        if (trib_str_eq_c(name, flag)) return trib_config_row_at(i)->value_name;
    }
    return NULL;
}

static void offer_option(const typing *t, const char *name, const char *help) {
    char text[NAME_BYTES];
    snprintf(text, sizeof text, "--%s", name);
    offer(t, trib_str_c(text), help);
}

static void offer_options(const typing *t) {
    char flag[TRIB_CONFIG_NAME_BYTES];
    const trib_cli_command *command = t->command;
    for (size_t i = 0; command && i < command->option_count; i++)
        offer_option(t, command->options[i].name, command->options[i].help);
    for (size_t i = 0; command && command->takes_config && i < TRIB_CONFIG_COUNT_OF_ROWS; i++) {
        trib_config_flag_name(i, flag);
        offer_option(t, flag, trib_config_row_at(i)->help);
    }
    if (command && command->takes_config) offer_option(t, "config", TRIB_CONFIG_FILE_HELP);
    for (size_t i = 0; i < trib_common_option_count; i++)
        offer_option(t, trib_common_options[i].name, trib_common_options[i].help);
}

static bool is_choice(trib_str word) {
    return word.len && word.ptr[0] >= 'a' && word.ptr[0] <= 'z';
}

/* What `pattern` allows, part by part: "URL|TENANT|FILE", "[COMMAND]", "debug|info|warn|error". */
static void offer_values(const typing *t, const char *pattern) {
    trib_str rest = trib_str_c(pattern);
    while (rest.len) {
        size_t end = strcspn(rest.ptr, "|[]. ");
        trib_str word = trib_str_sub(rest, 0, end);
        if (trib_str_eq_c(word, "TENANT")) offer_tenants(t);
        else if (trib_str_eq_c(word, "FILE")) fputs(":files\n", t->cli->out);
        else if (trib_str_eq_c(word, "FOLDER")) fputs(":folders\n", t->cli->out);
        else if (is_choice(word)) offer(t, word, NULL);
        rest = trib_str_sub(rest, end < rest.len ? end + 1 : end, rest.len);
    }
}

static void offer_codes(const typing *t) {
    for (size_t i = 0; i < trib_error_page_count; i++) offer(t, trib_str_c(trib_error_pages[i].code), NULL);
}

/* ---- where we are ---- */

/* The command of the words at the beginning; *ret_used are its. */
static const trib_cli_command *find_command(const char *const *words, unsigned count, unsigned *ret_used) {
    char name[NAME_BYTES];
    const trib_cli_command *found = NULL;
    for (unsigned n = 1; n <= count && n <= 4; n++) {
        trib_str joined = join(name, words, n);
        for (size_t i = 0; i < trib_cli_command_count; i++) {
            if (!joined.len || !trib_str_eq_c(joined, trib_cli_commands[i]->name)) continue;
            found = trib_cli_commands[i];
            *ret_used = n;
        }
    }
    return found;
}

static void remember(typing *t, trib_str name, const char *value) {
    if (trib_str_eq_c(name, "admin-url")) t->admin_url = value;
    else if (trib_str_eq_c(name, "admin-key")) t->admin_key = value;
    else if (trib_str_eq_c(name, "data")) t->data = value;
}

/* The finished words behind the command's name: which options they are, and whether one waits for its value. */
static void read_words(typing *t, const char *const *words, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        if (t->only_args || strncmp(words[i], "--", 2) != 0) {
            t->arg_count++;
            continue;
        }
        trib_str name = trib_str_c(words[i] + 2);
        size_t equals = trib_str_find(name, '=');
        if (name.len == 0) {
            t->only_args = true;
        } else if (equals != SIZE_MAX) {
            remember(t, trib_str_sub(name, 0, equals), name.ptr + equals + 1);
        } else {
            const char *value_name = find_option(t->command, name);
            if (!value_name || !value_name[0]) continue;
            if (i + 1 == count) t->value_name = value_name;
            else remember(t, name, words[++i]);
        }
    }
}

/* --name=va: the value is what is typed. */
static void split_glued(typing *t) {
    size_t equals = trib_str_find(t->word, '=');
    if (t->only_args || t->value_name || equals == SIZE_MAX || !trib_str_starts(t->word, TRIB_STR("--"))) return;
    t->value_name = find_option(t->command, trib_str_sub(t->word, 2, equals));
    if (!t->value_name) t->value_name = "";
    t->prefix = trib_str_sub(t->word, 0, equals + 1);
    t->word = trib_str_sub(t->word, equals + 1, t->word.len);
}

void trib_completion_write(const trib_cli *cli, const char *const *words, unsigned count) {
    typing t = {.cli = cli};
    char name[NAME_BYTES];
    unsigned used = 0;
    for (; count > 1 && strcmp(words[0], "--json") == 0; words++) count--;
    if (count) t.word = trib_str_c(words[--count]);
    t.command = find_command(words, count, &used);
    if (!t.command) {
        if (trib_str_starts(t.word, TRIB_STR("-"))) offer_options(&t);
        else offer_commands(&t, join(name, words, count));
        return;
    }
    read_words(&t, words + used, count - used);
    split_glued(&t);
    if (t.value_name) {
        offer_values(&t, t.value_name);
    } else if (!t.only_args && trib_str_starts(t.word, TRIB_STR("-"))) {
        offer_options(&t);
    } else if (strstr(t.command->args, "errors CODE") && t.arg_count == 1 && strcmp(words[count - 1], "errors") == 0) {
        offer_codes(&t);
    } else if (strstr(t.command->args, "COMMAND")) {
        if (t.arg_count == 0) offer_values(&t, t.command->args);
        offer_commands(&t, join(name, words + count - t.arg_count, t.arg_count));
    } else if (t.arg_count < t.command->max_args) {
        offer_values(&t, t.command->args);
    }
}

/* ---- scripts ---- */

/* bash cuts words at = and : too; they are put together again, and only what stands behind the last one is replaced. */
static const char bash_script[] =
    "# bash completion for trib: `trib completion bash` wrote it\n"
    "_trib() {\n"
    "    local words=() glued= i line cur\n"
    "    for ((i = 1; i <= COMP_CWORD; i++)); do\n"
    "        if [[ -n $glued || ${COMP_WORDS[i]} == [=:]* ]] && ((${#words[@]})); then\n"
    "            words[-1]+=${COMP_WORDS[i]}\n"
    "        else\n"
    "            words+=(\"${COMP_WORDS[i]}\")\n"
    "        fi\n"
    "        [[ ${COMP_WORDS[i]} == *[=:] ]] && glued=1 || glued=\n"
    "    done\n"
    "    cur=${words[-1]}\n"
    "    COMPREPLY=()\n"
    "    while IFS= read -r line; do\n"
    "        case $line in\n"
    "        :files) compopt -o filenames; mapfile -t -O ${#COMPREPLY[@]} COMPREPLY "
    "< <(compgen -f -- \"${cur##*[=:]}\") ;;\n"
    "        :folders) compopt -o filenames; mapfile -t -O ${#COMPREPLY[@]} COMPREPLY "
    "< <(compgen -d -- \"${cur##*[=:]}\") ;;\n"
    "        *)\n"
    "            line=${line%%$'\\t'*}\n"
    "            [[ $cur == *[=:]* ]] && line=${line#\"${cur%\"${cur##*[=:]}\"}\"}\n"
    "            COMPREPLY+=(\"$line\")\n"
    "            ;;\n"
    "        esac\n"
    "    done < <(\"${COMP_WORDS[0]}\" completion --words -- \"${words[@]}\" 2>/dev/null)\n"
    "}\n"
    "complete -F _trib trib\n";

static const char zsh_script[] =
    "#compdef trib\n"
    "# zsh completion for trib: `trib completion zsh` wrote it\n"
    "_trib() {\n"
    "    local line word\n"
    "    local -a described plain\n"
    "    for line in \"${(@f)$(\"${words[1]}\" completion --words -- \"${(@)words[2,CURRENT]}\" 2>/dev/null)}\"; do\n"
    "        word=${line%%$'\\t'*}\n"
    "        case $line in\n"
    "        '') ;;\n"
    "        :files) compset -P '--*='; _files ;;\n"
    "        :folders) compset -P '--*='; _files -/ ;;\n"
    "        *$'\\t'*) described+=(\"${word//:/\\\\:}:${line#*$'\\t'}\") ;;\n"
    "        *) plain+=(\"$word\") ;;\n"
    "        esac\n"
    "    done\n"
    "    (( $#described )) && _describe -t words trib described\n"
    "    (( $#plain )) && compadd -a plain\n"
    "    return 0\n"
    "}\n"
    "if [ \"$funcstack[1]\" = _trib ]; then _trib \"$@\"; else compdef _trib trib; fi\n";

static const char fish_script[] =
    "# fish completion for trib: `trib completion fish` wrote it\n"
    "function __trib_complete\n"
    "    set -l words (commandline -opc) (commandline -ct)\n"
    "    set -l glued (string match -r -- '^--[^=]*=' $words[-1])\n"
    "    for line in (command $words[1] completion --words -- $words[2..-1] 2>/dev/null)\n"
    "        switch $line\n"
    "            case ':files'\n"
    "                string replace -r -- '^' \"$glued\" (__fish_complete_path (string replace -- \"$glued\" '' "
    "$words[-1]))\n"
    "            case ':folders'\n"
    "                string replace -r -- '^' \"$glued\" (__fish_complete_directories (string replace -- \"$glued\" '' "
    "$words[-1]) '')\n"
    "            case '*'\n"
    "                echo $line\n"
    "        end\n"
    "    end\n"
    "end\n"
    "complete -c trib -f -a '(__trib_complete)'\n";

const char *trib_completion_script(const char *shell) {
    if (strcmp(shell, "bash") == 0) return bash_script;
    if (strcmp(shell, "zsh") == 0) return zsh_script;
    if (strcmp(shell, "fish") == 0) return fish_script;
    return NULL;
}
