/* SPDX-License-Identifier: Apache-2.0 */
/* The n-th disk operation of a database's life fails, for every n: once, from there on, and for want of space. What
 * must hold then is in support/fault_life.h. A single failure never costs a database; a disk that goes on refusing may
 * have it quarantined.
 *
 *   fault_io_fail [n [variant]]   one case alone */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store_int.h"
#include "support/fault_life.h"

static const struct variant {
    const char *name;
    bool sticky, full;
} variants[] = {
    {"fails once", false, false},
    {"fails from there on", true, false},
    {"is full once", false, true},
    {"is full from there on", true, true},
};

/* *ret_struck: the fault was met at all. */
static void one_case(const struct variant *v, uint64_t n, bool *ret_struck, int *ret_errors) {
    static fault_life life;
    assert_true(fault_life_begin(&life, 77));
    sim_disk_fail_op_at(life.disk, n, v->sticky, v->full);
    fault_life_run(&life);
    *ret_struck = sim_disk_op_failed(life.disk);
    *ret_errors = life.errors;
    sim_disk_fail_op_at(life.disk, 0, false, false);
    fault_life_judge(&life, v->sticky && !v->full);
    fault_life_end(&life);
    if (life.failure[0]) fail_msg("operation %d %s: %s", (int)n, v->name, life.failure);
}

static void every_operation(const struct variant *v) {
    bool struck = true;
    int with_error = 0;
    uint64_t n = 0;
    for (int untouched = 0; untouched < 50; untouched = struck ? 0 : untouched + 1) {
        int errors = 0;
        one_case(v, ++n, &struck, &errors);
        with_error += errors > 0;
    }
    print_message("%d operations, each %s: %d were told to a client\n", (int)n - 50, v->name, with_error);
    assert_true(n > 200 && with_error > 50); /* the script does meet faults */
}

static void life_without_faults_has_no_errors(void **state) {
    (void)state;
    bool struck;
    int errors;
    one_case(&variants[0], 1 << 20, &struck, &errors);
    assert_false(struck);
    assert_int_equal(errors, 0);
}

static void operation_that_fails_once_loses_nothing(void **state) {
    (void)state;
    every_operation(&variants[0]);
}

static void disk_that_fails_for_good_loses_nothing(void **state) {
    (void)state;
    every_operation(&variants[1]);
}

static void disk_that_is_full_once_loses_nothing(void **state) {
    (void)state;
    every_operation(&variants[2]);
}

static void disk_that_stays_full_loses_nothing(void **state) {
    (void)state;
    every_operation(&variants[3]);
}

int main(int argc, char **argv) {
    if (trib_policy_init_process(NULL) != TRIB_OK) return 2;
    if (argc > 1) {
        bool struck;
        int errors;
        one_case(&variants[argc > 2 ? strtoul(argv[2], NULL, 10) & 3 : 0], strtoull(argv[1], NULL, 10), &struck,
                 &errors);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(life_without_faults_has_no_errors),
        cmocka_unit_test(operation_that_fails_once_loses_nothing),
        cmocka_unit_test(disk_that_fails_for_good_loses_nothing),
        cmocka_unit_test(disk_that_is_full_once_loses_nothing),
        cmocka_unit_test(disk_that_stays_full_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
