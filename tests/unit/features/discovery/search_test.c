/* SPDX-License-Identifier: Apache-2.0 */
/* What is searched for is found, in the languages of its users. */
#include "unit/features/discovery/discovery_test.h"

static int setup(void **state) {
    if (discovery_setup(state) != 0) return -1;
    run("discovery",
        "INSERT INTO nodes(workspaceId, id, parentId, nodeType, title, payload) VALUES "
        "('bab', 'rest', NULL, 'restaurant', 'Bab Al Hara', '{\"address\":\"Al Rigga, Dubai\",\"rating\":5}'), "
        "('bab', 'shw', 'menu', 'product', 'Chicken Shawarma', '{\"desc\":\"Grilled chicken "
        "wrap\",\"tags\":[\"spicy\"]}'), "
        "('bab', 'ar', 'menu', 'product', 'شَاوَرْمَا دجاج', NULL), "
        "('chennai', 'idli', NULL, 'product', 'இட்லி சாம்பார்', '{}'), "
        "('chennai', 'hi', NULL, 'product', 'पनीर टिक्का', 'no json'), "
        "('tokyo', 'ja', NULL, 'restaurant', '東京ラーメン', NULL), "
        "('paris', 'fr', NULL, 'restaurant', 'Crêperie de Cluny', NULL)");
    run("discovery",
        "INSERT INTO points(workspaceId, id, nodeId, price, currency, availability, lat, lng, openNow) VALUES "
        "('bab', 'at', 'rest', NULL, NULL, 'open', 25.2650, 55.3320, true), "
        "('bab', 'pt', 'shw', 18, 'AED', 'in-stock', NULL, NULL, true), "
        "('paris', 'at', 'fr', NULL, NULL, 'open', 48.85, 2.35, true)");
    return 0;
}

static void words_of_four_languages_find_what_is_named_so(void **state) {
    (void)state;
    static const struct {
        const char *name, *query, *id;
    } vectors[] = {
        {"English", "q=chicken", "\"shw\""},
        {"in the payload", "q=SPICY+wrap", "\"shw\""},
        {"the beginning of a word", "q=shawa", "\"shw\""},
        {"Arabic without harakat", "q=%D8%B4%D8%A7%D9%88%D8%B1%D9%85%D8%A7", "\"ar\""},
        {"Tamil", "q=%E0%AE%87%E0%AE%9F%E0%AF%8D%E0%AE%B2%E0%AE%BF", "\"idli\""},
        {"Hindi", "q=%E0%A4%AA%E0%A4%A8%E0%A5%80%E0%A4%B0", "\"hi\""},
        {"a payload that is no JSON", "q=json", "\"hi\""},
        {"Japanese, a part of what is written together", "q=%E4%BA%AC%E3%83%A9", "\"ja\""},
        {"French without accents", "q=creperie", "\"fr\""},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const char *got = get(discovery_handle_search, vectors[i].query, NULL);
        char want[40];
        snprintf(want, sizeof want, "\"id\":%s", vectors[i].id);
        if (!strstr(got, want)) fail_msg("%s: wanted %s, got %s", vectors[i].name, want, got);
    }
    expect(get(discovery_handle_search, "q=%E0%AE%B2%E0%AE%BF", NULL), "{\"items\":[]}"); /* no part of a Tamil word */
    expect(get(discovery_handle_search, "q=address", NULL), "{\"items\":[]}"); /* names of members are none */
}

static void what_is_typed_is_never_taken_for_an_expression(void **state) {
    (void)state;
    static const char *const queries[] = {
        "q=%22",   "q=%22+AND+%22",         "q=*", "q=title:x", "q=NEAR(", "q=-", "q=+", "q=", "q=a+OR",
        "q=%27--", "q=%5E%22a%22*&type=%22"};
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        int status;
        const char *got = get(discovery_handle_search, queries[i], &status);
        if (status != 200) fail_msg("%s: %d %s", queries[i], status, got);
    }
}

static void types_are_counted_and_chosen(void **state) {
    (void)state;
    expect(get(discovery_handle_search, "q=b&facets=1", NULL),
           "\"facets\":{\"nodeType\":[{\"value\":\"restaurant\",\"count\":1}]}");
    expect(get(discovery_handle_search, "q=dubai&type=product", NULL), "{\"items\":[]}");
    expect(get(discovery_handle_search, "q=dubai&type=restaurant", NULL), "\"id\":\"rest\"");
}

static void with_a_place_the_nearest_come_first(void **state) {
    (void)state;
    const char *got = get(discovery_handle_search, "q=c&near=25.2650,55.3320", NULL);
    const char *shop = strstr(got, "\"id\":\"shw\""), *far = strstr(got, "\"id\":\"fr\"");
    assert_true(shop && far && shop < far);
    expect(got, "\"distance_m\":0,"); /* a product is where its shop is */
    expect(got, "\"price\":18");
    got = get(discovery_handle_search, "q=c&near=25.2650,55.3320&max_m=1000", NULL);
    assert_true(strstr(got, "shw") && !strstr(got, "Cluny"));
    static const char *const wrong[] = {"near=1,1",       "q=c&near=1",   "q=c&near=91,0",
                                        "q=c&near=nan,0", "q=c&max_m=5",  "q=c&near=1,1&max_m=-1",
                                        "q=c&limit=0",    "q=c&limit=101"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        int status;
        got = get(discovery_handle_search, wrong[i], &status);
        if (status != 400) fail_msg("%s: %d %s", wrong[i], status, got);
    }
}

static void the_nearest_open_places_of_a_type_are_told(void **state) {
    (void)state;
    expect(
        get(discovery_handle_nearest, "near=25.26,55.33&type=restaurant&limit=1", NULL),
        "{\"items\":[{\"workspaceId\":\"bab\",\"id\":\"at\",\"nodeId\":\"rest\",\"nodeType\":\"restaurant\",\"title\":"
        "\"Bab Al Hara\",\"availability\":\"open\",\"lat\":25.265,\"lng\":55.332,\"distance_m\":591.");
    expect(get(discovery_handle_nearest, "near=25.26,55.33&type=nobody", NULL), "{\"items\":[]}");
    expect(get(discovery_handle_nearest, "near=25.26,55.33&max_m=100", NULL), "{\"items\":[]}");
    int status;
    get(discovery_handle_nearest, "", &status);
    assert_int_equal(status, 400);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, discovery_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(words_of_four_languages_find_what_is_named_so),
        TEST(what_is_typed_is_never_taken_for_an_expression),
        TEST(types_are_counted_and_chosen),
        TEST(with_a_place_the_nearest_come_first),
        TEST(the_nearest_open_places_of_a_type_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
