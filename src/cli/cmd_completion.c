/* SPDX-License-Identifier: Apache-2.0 */
/* trib completion: the scripts that let a shell complete commands, options and tenants, and what those scripts ask. */
#include "cli/completion.h"

static int run_completion(trib_cli *cli) {
    trib_error err;
    if (trib_cli_has(cli, "words")) {
        trib_completion_write(cli, cli->args, cli->arg_count);
        return TRIB_EXIT_OK;
    }
    const char *script = cli->arg_count == 1 ? trib_completion_script(cli->args[0]) : NULL;
    if (!script) {
        trib_error_set(&err, TRIB_USAGE, "say for which shell: `trib completion bash`, zsh or fish");
        return trib_cli_fail(cli, &err);
    }
    fputs(script, cli->out);
    return TRIB_EXIT_OK;
}

static const trib_cli_option options[] = {
    {"words", NULL, "for the scripts: print what may stand for the last of the words behind --"},
};

static const trib_cli_example examples[] = {
    {"source <(trib completion bash)", "in ~/.bashrc; zsh likewise, behind compinit"},
    {"trib completion fish > ~/.config/fish/completions/trib.fish", "for fish"},
};

extern const trib_cli_command trib_cmd_completion;
const trib_cli_command trib_cmd_completion = {
    .name = "completion",
    .args = "bash|zsh|fish",
    .summary = "Write the script with which a shell completes `trib` commands",
    .description =
        "The Debian package brings the scripts along. They ask this program for commands, options and values, and the\n"
        "server that the typed options, the environment or ./data name for tenants, for half a second at most.",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .examples = examples,
    .example_count = sizeof examples / sizeof *examples,
    .max_args = TRIB_CLI_ARGS_MAX,
    .run = run_completion,
};
