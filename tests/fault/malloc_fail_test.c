/* SPDX-License-Identifier: Apache-2.0 */
/* The n-th allocation of a database's life fails, ours and SQLite's, for every n: once, and (for every third) all from
 * there on. What must hold then is in support/fault_life.h; nothing may leak (LeakSanitizer), and lack of memory never
 * costs a database.
 *
 *   fault_malloc_fail [n [sticky]]   one case alone */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store_int.h"
#include "support/alloc_fail.h"
#include "support/fault_life.h"

static void one_case(uint64_t n, bool sticky, bool *ret_struck, int *ret_errors) {
    static fault_life life;
    assert_true(fault_life_begin(&life, 77));
    alloc_fail_at(n, sticky);
    fault_life_run(&life);
    *ret_struck = alloc_fail_struck();
    *ret_errors = life.errors;
    alloc_fail_at(0, false);
    fault_life_judge(&life, false);
    fault_life_end(&life);
    if (life.failure[0]) fail_msg("allocation %d%s: %s", (int)n, sticky ? " and all after" : "", life.failure);
}

static void every_allocation(bool sticky) {
    bool struck = true;
    int with_error = 0;
    uint64_t n = 0;
    for (int step = sticky ? 3 : 1; struck;) { /* sticky cases differ little from their neighbours */
        int errors = 0;
        one_case(n += (uint64_t)step, sticky, &struck, &errors);
        with_error += errors > 0;
    }
    print_message("%d allocations, each fails %s: %d cases were told to a client\n", (int)n - 1,
                  sticky ? "with all after" : "once", with_error);
    assert_true(n > 500 && with_error > 100); /* the script does meet faults */
}

static void life_without_faults_has_no_errors(void **state) {
    (void)state;
    bool struck;
    int errors;
    one_case(0, false, &struck, &errors);
    assert_false(struck);
    assert_int_equal(errors, 0);
}

static void allocation_that_fails_once_loses_nothing(void **state) {
    (void)state;
    every_allocation(false);
}

static void process_without_memory_loses_nothing(void **state) {
    (void)state;
    every_allocation(true);
}

int main(int argc, char **argv) {
    sim_disk_set_alloc_guard(alloc_fail_pause);
    if (trib_policy_init_process(NULL) != TRIB_OK) return 2;
    if (argc > 1) {
        bool struck;
        int errors;
        one_case(strtoull(argv[1], NULL, 10), argc > 2, &struck, &errors);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(life_without_faults_has_no_errors),
        cmocka_unit_test(allocation_that_fails_once_loses_nothing),
        cmocka_unit_test(process_without_memory_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
