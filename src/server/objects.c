/* SPDX-License-Identifier: Apache-2.0 */
/* The archive's store, from the settings; see objects.h. */
#include "server/objects.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "io/object_folder.h"
#include "io/object_s3.h"
#include "store/files.h"

enum { NAME_MAX_BYTES = 512 };

static bool is_s3(const char *archive) {
    return archive && strncmp(archive, "s3://", 5) == 0;
}

static trib_code split(const char *archive, char bucket[NAME_MAX_BYTES], char prefix[NAME_MAX_BYTES], trib_error *err) {
    const char *name = archive + strlen("s3://"), *slash = strchr(name, '/');
    size_t n = slash ? (size_t)(slash - name) : strlen(name);
    const char *rest = slash ? slash + 1 : "";
    size_t m = strlen(rest);
    if (n >= NAME_MAX_BYTES || m + 2 >= NAME_MAX_BYTES)
        return trib_error_set(err, TRIB_CONFIG, "archive: the name of the bucket or the prefix is too long");
    snprintf(bucket, NAME_MAX_BYTES, "%.*s", (int)n, name);
    snprintf(prefix, NAME_MAX_BYTES, "%s%s", rest, m && rest[m - 1] != '/' ? "/" : "");
    return TRIB_OK;
}

static trib_code open_s3(const trib_config *config, const trib_env *env, trib_object_s3 **ret, trib_error *err) {
    char bucket[NAME_MAX_BYTES], prefix[NAME_MAX_BYTES];
    const char *style = config->archive_s3_style;
    bool by_host = style && strcmp(style, "host") == 0;
    if (style && !by_host && strcmp(style, "path") != 0)
        return trib_error_set(err, TRIB_CONFIG,
                              "archive_s3_style = %s; it is path (https://HOST/BUCKET/KEY) or host "
                              "(https://BUCKET.HOST/KEY)",
                              style);
    trib_code code = split(config->archive, bucket, prefix, err);
    if (code != TRIB_OK) return code;
    const trib_object_s3_config s3 = {.env = env,
                                      .endpoint = config->archive_s3_endpoint,
                                      .region = config->archive_s3_region,
                                      .bucket = bucket,
                                      .prefix = prefix,
                                      .virtual_host = by_host,
                                      .credentials_file = config->archive_s3_credentials,
                                      .timeout_ms = config->archive_timeout};
    return trib_object_s3_new(&s3, ret, err);
}

static trib_code open_folder(const trib_config *config, trib_archive_store *store, trib_error *err) {
    char path[PATH_MAX];
    const trib_disk *disk = trib_disk_native();
    int n = snprintf(path, sizeof path, "%s%s", config->archive ? config->archive : config->data,
                     config->archive ? "" : "/archive");
    if (n < 0 || (size_t)n >= sizeof path) return trib_error_set(err, TRIB_CONFIG, "archive: the path is too long");
    if (!config->archive) (void)disk->make_folder(disk->ctx, config->data);
    return trib_object_folder_new(path, &store->folder, err);
}

trib_code trib_archive_store_open(const trib_config *config, const trib_env *env, trib_archive_store *ret,
                                  trib_error *err) {
    const char *archive = config->archive;
    *ret = (trib_archive_store){0};
    if (archive && strcmp(archive, "off") == 0) return TRIB_OK;
    trib_code code = is_s3(archive) ? open_s3(config, env, &ret->s3, err) : open_folder(config, ret, err);
    if (code != TRIB_OK) return code;
    ret->objects = ret->s3 ? trib_object_s3_objects(ret->s3) : trib_object_folder_objects(ret->folder);
    return TRIB_OK;
}

void trib_archive_store_close(trib_archive_store *store) {
    trib_object_s3_free(store->s3);
    trib_object_folder_free(store->folder);
    *store = (trib_archive_store){0};
}

trib_code trib_archive_store_check(const trib_config *config, const trib_env *env, trib_error *err) {
    struct stat st;
    const char *archive = config->archive;
    if (!archive || strcmp(archive, "off") == 0) return TRIB_OK;
    if (is_s3(archive)) {
        trib_object_s3 *s3 = NULL;
        trib_code code = open_s3(config, env, &s3, err);
        trib_object_s3_free(s3);
        return code;
    }
    if (stat(archive, &st) != 0 || S_ISDIR(st.st_mode)) return TRIB_OK; /* it is made at the start */
    return trib_error_set(err, TRIB_CONFIG, "archive: %s is no folder", archive);
}
