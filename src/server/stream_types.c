/* SPDX-License-Identifier: Apache-2.0 */
/* Files of stream types; see stream_types.h. */
#include "server/stream_types.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 4096 };

trib_code trib_stream_types_read_file(const char *path, trib_buf *ret_text, trib_error *err) {
    char bytes[4096];
    size_t n;
    FILE *file = fopen(path, "re");
    if (!file)
        return trib_error_set(err, errno == ENOENT ? TRIB_NOT_FOUND : TRIB_IO, "cannot read %s: %s", path,
                              strerror(errno));
    while (ret_text->len <= TRIB_DEAL_FILE_MAX_BYTES && (n = fread(bytes, 1, sizeof bytes, file)) > 0)
        trib_buf_add_bytes(ret_text, bytes, n);
    int why = ferror(file) ? errno : 0;
    (void)fclose(file);
    if (why) return trib_error_set(err, TRIB_IO, "cannot read %s: %s", path, strerror(why));
    return ret_text->failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

static int is_type_file(const struct dirent *entry) {
    return entry->d_name[0] != '.' && trib_str_ends(trib_str_c(entry->d_name), TRIB_STR(".json"));
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static trib_code add_file(trib_deal_registry *registry, const char *folder, const char *name, trib_buf *ret_problems,
                          trib_error *err) {
    char path[PATH_BYTES];
    trib_buf text;
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return trib_error_set(err, TRIB_IO, "the path %s/%s is too long", folder, name);
    trib_buf_init(&text, TRIB_DEAL_FILE_MAX_BYTES + 2 * 4096);
    trib_code code = trib_stream_types_read_file(path, &text, err);
    if (code == TRIB_OK)
        code = trib_deal_registry_add(registry, trib_str_c(path), trib_buf_str(&text), ret_problems, err);
    trib_buf_deinit(&text);
    return code;
}

trib_code trib_stream_types_load(const char *data_dir, trib_deal_registry *ret, trib_buf *ret_problems,
                                 trib_error *err) {
    char folder[PATH_BYTES];
    struct dirent **entries = NULL;
    trib_error later;
    trib_code code = trib_deal_registry_init(ret, err);
    if (code != TRIB_OK || !data_dir) return code;
    if (snprintf(folder, sizeof folder, "%s/stream-types", data_dir) >= (int)sizeof folder)
        return trib_error_set(err, TRIB_IO, "the path %s/stream-types is too long", data_dir);
    int count = scandir(folder, &entries, is_type_file, by_name);
    if (count < 0 && errno != ENOENT && errno != ENOTDIR)
        return trib_error_set(err, TRIB_IO, "cannot read the folder %s: %s", folder, strerror(errno));
    for (int i = 0; i < count; i++) {
        /* on after a bad one, so that one run shows all problems; the first is the one that is returned */
        trib_code one = TRIB_OK;
        if (code == TRIB_OK || code == TRIB_STREAM_TYPE_INVALID)
            one = add_file(ret, folder, entries[i]->d_name, ret_problems, code == TRIB_OK ? err : &later);
        if (code == TRIB_OK) code = one;
        free(entries[i]);
    }
    free(entries);
    return code;
}
