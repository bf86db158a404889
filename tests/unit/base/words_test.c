/* SPDX-License-Identifier: Apache-2.0 */
/* Words of many scripts, each in the form in which it is searched for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/words.h"

/* The words with '|' between them. */
static const char *words(const char *text) {
    static char out[2000];
    trib_word word;
    size_t at = 0, len = 0;
    out[0] = '\0';
    while (trib_words_next(trib_str_c(text), &at, &word)) {
        assert_true(word.begin < word.end && word.end <= at && at <= strlen(text));
        len += (size_t)snprintf(out + len, sizeof out - len, "%s%.*s", len ? "|" : "", (int)word.len, word.text);
    }
    return out;
}

static void words_of_scripts_are_found_in_the_form_that_is_searched_for(void **state) {
    (void)state;
    static const struct {
        const char *name, *text, *words;
    } vectors[] = {
        {"nothing", "", ""},
        {"blanks only", " \t--- !", ""},
        {"English", "Chicken Shawarma, 2x (hot)!", "chicken|shawarma|2x|hot"},
        {"French", "Crème brûlée à l’Œuf", "creme|brulee|a|l|oeuf"},
        {"marks apart from their letters", "Cre\xcc\x80me", "creme"},
        {"German", "Große Straße KÄSE", "grosse|strasse|kase"},
        {"Polish, Turkish, Vietnamese", "Łódź İstanbul kapalı Phở bò", "lodz|istanbul|kapali|pho|bo"},
        {"Greek", "Σουβλάκι ΜΟΥΣΑΚΆΣ", "σουβλακι|μουσακασ"},
        {"Cyrillic", "Чебурек ЁЛКА", "чебурек|елка"},
        {"ligatures and wide letters", "ﬁlet ＡＢＣ１２", "filet|abc12"},
        {"Arabic with harakat", "تَمْر مُجَهَّز", "تمر|مجهز"},
        {"Arabic with tatweel", "شـــاورما", "شاورما"},
        {"forms of alef, ya, ta marbuta", "أرز إفطار آيس مستشفى قهوة", "ارز|افطار|ايس|مستشفي|قهوه"},
        {"hamza on its seats", "مؤمن بئر", "مومن|بير"},
        {"Arabic's own signs between words", "خبز،لبن؟", "خبز|لبن"},
        {"Persian letters as Arabic ones", "کباب قیمه", "كباب|قيمه"},
        {"the same with a joiner between", "می‌خواهم", "ميخواهم"},
        {"Arabic digits", "٢٥ ۲۵", "25|25"},
        {"Hebrew without points", "שָׁלוֹם", "שלום"},
        {"Tamil words stay whole", "தமிழ்நாடு உணவு: இட்லி", "தமிழ்நாடு|உணவு|இட்லி"},
        {"Tamil vowels of two parts", "\xe0\xae\x95\xe0\xaf\x8a",
         "\xe0\xae\x95\xe0\xaf\x86\xe0\xae\xbe"}, /* ko is ke + aa, as who types them apart has it */
        {"Hindi words stay whole", "हिन्दी पनीर।दाल मखनी", "हिन्दी|पनीर|दाल|मखनी"},
        {"Hindi with a joiner", "क्‍ष", "क्ष"},
        {"nukta in one and in two", "\xe0\xa4\xa2\xe0\xa4\xbc\xe0\xa5\x9d",
         "\xe0\xa4\xa2\xe0\xa4\xbc\xe0\xa4\xa2\xe0\xa4\xbc"},
        {"Hindi digits", "१२", "12"},
        {"Bengali, Telugu", "বিরিয়ানি ఇడ్లీ", "বিরিয\xe0\xa6\xbcানি|ఇడ్లీ"},
        {"Chinese, each character", "北京烤鸭 2份", "北|京|烤|鸭|2|份"},
        {"Japanese, with Latin", "寿司Barすし", "寿|司|bar|す|し"},
        {"Korean", "김치 찌개", "김|치|찌|개"},
        {"Thai, marks with their letter", "ต้มยำ", "ต้|ม|ย|ำ"},
        {"emoji", "pizza🍕!", "pizza|🍕"},
        {"what is not UTF-8 stands between",
         "a\xff"
         "b\xc0\xaf"
         "c\xed\xa0\x80"
         "d\xe2\x82",
         "a|b|c|d"},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const char *got = words(vectors[i].text);
        if (strcmp(got, vectors[i].words) != 0) fail_msg("%s: %s, got %s", vectors[i].name, vectors[i].words, got);
    }
}

static void places_are_those_of_the_text(void **state) {
    (void)state;
    trib_str text = TRIB_STR("  Crème x");
    trib_word word;
    size_t at = 0;
    assert_true(trib_words_next(text, &at, &word));
    assert_int_equal(word.begin, 2);
    assert_int_equal(word.end, 8);
    assert_int_equal(word.len, 5);
    assert_true(trib_words_next(text, &at, &word));
    assert_int_equal(word.begin, 9);
    assert_int_equal(word.end, 10);
    assert_false(trib_words_next(text, &at, &word));
    assert_int_equal(at, 10);
}

static void a_word_without_end_is_cut_at_a_character(void **state) {
    (void)state;
    char text[3 * TRIB_WORD_MAX_BYTES + 9];
    trib_word word;
    size_t at = 0;
    memset(text, 'A', sizeof text);
    for (size_t i = 1; i + 2 < sizeof text; i += 2) memcpy(text + i, "\xd7\x90", 2);
    memcpy(text + sizeof text - 2, " b", 2);
    assert_true(trib_words_next(trib_str_make(text, sizeof text), &at, &word));
    assert_int_equal(word.len, TRIB_WORD_MAX_BYTES - 1);
    assert_true(trib_str_utf8_valid(trib_str_make(word.text, word.len)));
    assert_int_equal(word.end, sizeof text - 2);
    assert_true(trib_words_next(trib_str_make(text, sizeof text), &at, &word));
    assert_int_equal(word.len, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_of_scripts_are_found_in_the_form_that_is_searched_for),
        cmocka_unit_test(places_are_those_of_the_text),
        cmocka_unit_test(a_word_without_end_is_cut_at_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
