/* SPDX-License-Identifier: Apache-2.0 */
/* Collects the server's settings for a command that takes them: file, environment, options. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static trib_code add_file(trib_config *config, const char *path, trib_error *err) {
    FILE *file = fopen(path, "re");
    if (!file) {
        trib_code code =
            trib_error_set(err, TRIB_CONFIG, "the settings file %s cannot be opened: %s", path, strerror(errno));
        return code;
    }
    char *text = malloc(TRIB_CONFIG_FILE_MAX_BYTES + 1);
    size_t n = text ? fread(text, 1, TRIB_CONFIG_FILE_MAX_BYTES + 1, file) : 0;
    bool bad = ferror(file) != 0;
    fclose(file);
    trib_code code;
    if (!text) code = trib_error_set(err, TRIB_NOMEM, NULL);
    else if (bad) code = trib_error_set(err, TRIB_CONFIG, "the settings file %s cannot be read", path);
    else code = trib_config_add_file(config, path, trib_str_make(text, n), err);
    free(text);
    return code;
}

trib_code trib_cli_load_config(const trib_cli *cli, trib_config *config, trib_error *err) {
    bool is_switch;
    trib_code code = trib_config_init(config, err);
    const char *path = trib_cli_get(cli, "config");
    if (!path) path = trib_cli_variable(cli, "TRIB_CONFIG");
    if (!code && path) code = add_file(config, path, err);
    if (!code && cli->environment) code = trib_config_add_environment(config, cli->environment, err);
    for (size_t i = 0; i < cli->given_count && !code; i++) {
        if (trib_config_knows_flag(cli->given[i].name, &is_switch))
            code = trib_config_add_flag(config, cli->given[i].name, cli->given[i].value, err);
    }
    if (!code) code = trib_config_finish(config, err);
    return code;
}
