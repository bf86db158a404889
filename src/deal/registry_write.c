/* SPDX-License-Identifier: Apache-2.0 */
/* The registry as a page of Markdown and a module of TypeScript; see registry.h. */
#include "deal/registry.h"

static void add_words(trib_buf *out) {
    trib_buf_add_c(out, "| delta | must be |\n|---|---|\n");
#define X(id, word, meaning) trib_buf_add_c(out, "| " word " | " meaning " |\n");
    TRIB_DEAL_DELTAS(X)
#undef X
    trib_buf_add_c(out, "\n| ledger | effect |\n|---|---|\n");
#define X(id, word, meaning) trib_buf_add_c(out, "| " word " | " meaning " |\n");
    TRIB_DEAL_LEDGERS(X)
#undef X
    trib_buf_add_c(out, "\n| when | the status changes if, with the event in it, |\n|---|---|\n");
#define X(id, word, meaning) trib_buf_add_c(out, "| " word " | " meaning " |\n");
    TRIB_DEAL_WHENS(X)
#undef X
}

void trib_deal_registry_markdown(const trib_deal_registry *registry, trib_buf *out) {
    trib_buf_add_c(
        out,
        "# Stream types\n\n"
        "Made by `trib stream types --markdown`; not to be edited. Which events the stream of a deal may have, who "
        "writes them, and\nwhat they do. A file with other rules, or for another kind of deal: "
        "[how to write a stream type](../how-to/write-a-stream-type.md).\n\n"
        "An opcode belongs to its type: the same number may mean something else in another one. A stream gets its "
        "type from its first\nevent: the type that `streamType` in the payload names, else the first one below that "
        "begins with this opcode. \"same\" leaves\nthe status as it is; \"any member\" is whoever belongs to the "
        "stream. A role that an opcode assigns is held by one tenant, and\nonly that one acts in it. A payload may "
        "have members that are not listed; those with ? may be missing.\n\n");
    add_words(out);
    for (size_t i = 0; i < registry->count; i++) {
        trib_buf_add_char(out, '\n');
        trib_deal_type_markdown(registry->entries[i]->type, out);
    }
}

void trib_deal_registry_typescript(const trib_deal_registry *registry, trib_buf *out) {
    trib_buf_add_c(out,
                   "// Made by `trib stream types --typescript`; not to be edited. The events of each stream type as\n"
                   "// they are appended. delta is a number, payload an object; what a stream gives back has the\n"
                   "// payload as JSON text (StreamEvent).\n\n"
                   "export interface StreamEvent {\n"
                   "  id: string;\n  streamId: string;\n  opcode: number;\n  nodeId: string | null;\n"
                   "  pointId: string | null;\n  delta: number;\n  payload: string | null;\n  ts: string;\n}\n");
    for (size_t i = 0; i < registry->count; i++) trib_deal_type_typescript(registry->entries[i]->type, out);
}
