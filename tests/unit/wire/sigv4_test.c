/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures against the published ones: AWS's test suite of Signature Version 4, and the examples of S3's reference
 * ("Authenticating Requests: Using the Authorization Header"). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire/sigv4.h"

#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SUITE_TIME "20150830T123600Z"
#define S3_TIME    "20130524T000000Z"
#define S3_HOST    "examplebucket.s3.amazonaws.com"

typedef struct pair {
    const char *name, *value;
} pair;

typedef struct vector {
    const char *name, *method, *path;
    pair query[4], headers[6];
    const char *payload;
    const char *signature;
} vector;

static trib_sigv4_pair of(pair p) {
    return (trib_sigv4_pair){trib_str_c(p.name), trib_str_c(p.value)};
}

static void check(const vector *v, const char *time, const char *service, const trib_sigv4_credentials *credentials) {
    trib_sigv4_pair query[4], headers[6];
    char hash[2 * TRIB_SHA256_BYTES + 1];
    trib_buf out, canonical;
    trib_sigv4_request r = {.method = trib_str_c(v->method),
                            .path = trib_str_c(v->path),
                            .query = query,
                            .headers = headers,
                            .region = TRIB_STR("us-east-1"),
                            .service = trib_str_c(service),
                            .time = time};
    while (r.query_count < 4 && v->query[r.query_count].name) {
        query[r.query_count] = of(v->query[r.query_count]);
        r.query_count++;
    }
    while (r.header_count < 6 && v->headers[r.header_count].name) {
        headers[r.header_count] = of(v->headers[r.header_count]);
        r.header_count++;
    }
    assert_int_equal(trib_sigv4_payload_hash(trib_str_c(v->payload), hash, NULL), TRIB_OK);
    r.payload_hash = trib_str_c(hash);
    trib_buf_init(&out, 4096);
    trib_buf_init(&canonical, 65536);
    assert_int_equal(trib_sigv4_sign(&r, credentials, &out, NULL), TRIB_OK);
    trib_sigv4_canonical(&r, &canonical);
    trib_buf_add_char(&out, '\0');
    trib_buf_add_char(&canonical, '\0');
    if (!strstr(out.ptr, v->signature)) fail_msg("%s: %s\n%s", v->name, out.ptr, canonical.ptr);
    trib_buf_deinit(&out);
    trib_buf_deinit(&canonical);
}

#define SUITE_HEADERS                                                                                                  \
    {"Host", "example.amazonaws.com"}, {                                                                               \
        "X-Amz-Date", SUITE_TIME                                                                                       \
    }
#define FORM                                                                                                           \
    { "Content-Type", "application/x-www-form-urlencoded" }

static const vector suite[] = {
    {"get-vanilla",
     "GET",
     "/",
     {{0}},
     {SUITE_HEADERS},
     "",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"get-vanilla-query-order-key-case",
     "GET",
     "/",
     {{"Param2", "value2"}, {"Param1", "value1"}},
     {SUITE_HEADERS},
     "",
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
    {"get-vanilla-empty-query-key",
     "GET",
     "/",
     {{"Param1", "value1"}},
     {SUITE_HEADERS},
     "",
     "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
    {"get-utf8",
     "GET",
     "/\xe1\x88\xb4",
     {{0}},
     {SUITE_HEADERS},
     "",
     "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
    {"get-vanilla-utf8-query",
     "GET",
     "/",
     {{"\xe1\x88\xb4", "bar"}},
     {SUITE_HEADERS},
     "",
     "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
    {"get-unreserved",
     "GET",
     "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
     {{0}},
     {SUITE_HEADERS},
     "",
     "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
    {"get-header-key-duplicate",
     "GET",
     "/",
     {{0}},
     {{"Host", "example.amazonaws.com"},
      {"My-Header1", "value2"},
      {"My-Header1", "value2"},
      {"My-Header1", "value1"},
      {"X-Amz-Date", SUITE_TIME}},
     "",
     "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
    {"get-header-value-order",
     "GET",
     "/",
     {{0}},
     {{"Host", "example.amazonaws.com"},
      {"My-Header1", "value4"},
      {"My-Header1", "value1"},
      {"My-Header1", "value3"},
      {"My-Header1", "value2"},
      {"X-Amz-Date", SUITE_TIME}},
     "",
     "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
    {"get-header-value-trim",
     "GET",
     "/",
     {{0}},
     {{"Host", "example.amazonaws.com"},
      {"My-Header1", " value1"},
      {"My-Header2", " \"a   b   c\""},
      {"X-Amz-Date", SUITE_TIME}},
     "",
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
    {"post-vanilla",
     "POST",
     "/",
     {{0}},
     {SUITE_HEADERS},
     "",
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
    {"post-vanilla-query",
     "POST",
     "/",
     {{"Param1", "value1"}},
     {SUITE_HEADERS},
     "",
     "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
    {"post-x-www-form-urlencoded",
     "POST",
     "/",
     {{0}},
     {FORM, SUITE_HEADERS},
     "Param1=value1",
     "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
    {"post-x-www-form-urlencoded-parameters",
     "POST",
     "/",
     {{0}},
     {{"Content-Type", "application/x-www-form-urlencoded; charset=utf8"}, SUITE_HEADERS},
     "Param1=value1",
     "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe"},
    {"post-sts-header-before",
     "POST",
     "/",
     {{0}},
     {SUITE_HEADERS,
      {"X-Amz-Security-Token",
       "AQoDYXdzEPT//////////"
       "wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwt"
       "hAx7mSEI/qkPpKPi/"
       "kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVX"
       "AkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/"
       "oLxBA=="}},
     "",
     "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"},
};

static void the_test_suite_of_aws_passes(void **state) {
    (void)state;
    const trib_sigv4_credentials who = {
        TRIB_STR("AKIDEXAMPLE"), TRIB_STR("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), {0}};
    for (size_t i = 0; i < sizeof suite / sizeof *suite; i++) check(&suite[i], SUITE_TIME, "service", &who);
}

static const vector s3[] = {
    {"get object",
     "GET",
     "/test.txt",
     {{0}},
     {{"Host", S3_HOST}, {"Range", "bytes=0-9"}, {"x-amz-content-sha256", EMPTY_HASH}, {"x-amz-date", S3_TIME}},
     "",
     "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
    {"put object",
     "PUT",
     "/test$file.text",
     {{0}},
     {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
      {"Host", S3_HOST},
      {"x-amz-content-sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"},
      {"x-amz-date", S3_TIME},
      {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
     "Welcome to Amazon S3.",
     "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
    {"get lifecycle",
     "GET",
     "/",
     {{"lifecycle", ""}},
     {{"Host", S3_HOST}, {"x-amz-content-sha256", EMPTY_HASH}, {"x-amz-date", S3_TIME}},
     "",
     "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
    {"list objects",
     "GET",
     "/",
     {{"max-keys", "2"}, {"prefix", "J"}},
     {{"Host", S3_HOST}, {"x-amz-content-sha256", EMPTY_HASH}, {"x-amz-date", S3_TIME}},
     "",
     "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
};

static void the_examples_of_s3_pass(void **state) {
    (void)state;
    const trib_sigv4_credentials who = {
        TRIB_STR("AKIAIOSFODNN7EXAMPLE"), TRIB_STR("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), {0}};
    for (size_t i = 0; i < sizeof s3 / sizeof *s3; i++) check(&s3[i], S3_TIME, "s3", &who);
}

static void a_target_is_written_as_it_is_signed(void **state) {
    (void)state;
    const trib_sigv4_pair query[] = {{TRIB_STR("uploadId"), TRIB_STR("a/b+c=")},
                                     {TRIB_STR("partNumber"), TRIB_STR("1")}};
    trib_buf out;
    trib_buf_init(&out, 4096);
    trib_sigv4_target(TRIB_STR("/bucket/a b~2F.json"), query, 2, &out);
    trib_buf_add_char(&out, '\0');
    assert_string_equal(out.ptr, "/bucket/a%20b~2F.json?partNumber=1&uploadId=a%2Fb%2Bc%3D");
    trib_buf_deinit(&out);
}

static void a_time_is_written_as_aws_wants_it(void **state) {
    char text[TRIB_SIGV4_TIME_BYTES];
    (void)state;
    trib_sigv4_time(1440938160000, text);
    assert_string_equal(text, SUITE_TIME);
}

static void more_headers_than_can_be_sorted_are_refused(void **state) {
    (void)state;
    trib_sigv4_pair many[TRIB_SIGV4_PAIRS_MAX + 1] = {{{0}, {0}}};
    const trib_sigv4_credentials who = {TRIB_STR("a"), TRIB_STR("b"), {0}};
    trib_sigv4_request r = {.headers = many, .header_count = TRIB_SIGV4_PAIRS_MAX + 1, .time = S3_TIME};
    trib_buf out;
    trib_buf_init(&out, 4096);
    assert_int_equal(trib_sigv4_sign(&r, &who, &out, NULL), TRIB_INTERNAL);
    trib_buf_deinit(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_test_suite_of_aws_passes),
        cmocka_unit_test(the_examples_of_s3_pass),
        cmocka_unit_test(a_target_is_written_as_it_is_signed),
        cmocka_unit_test(a_time_is_written_as_aws_wants_it),
        cmocka_unit_test(more_headers_than_can_be_sorted_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
