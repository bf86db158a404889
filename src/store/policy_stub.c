/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in for the statement side until it is merged; weak, so that the real functions win. To be deleted then. */
#include "store/store_int.h"
__attribute__((weak)) trib_code trib_policy_attach(trib_handle *h, trib_error *err){(void)h;(void)err;return TRIB_OK;}
__attribute__((weak)) void trib_policy_detach(trib_handle *h){(void)h;}
__attribute__((weak)) trib_code trib_policy_init_process(trib_error *err){(void)err;sqlite3_initialize();return TRIB_OK;}
__attribute__((weak)) void trib_policy_set_account(trib_mem_account *a){(void)a;}
__attribute__((weak)) trib_code trib_policy_reset(trib_handle *h, trib_error *err){(void)h;(void)err;return TRIB_OK;}
__attribute__((weak)) trib_code trib_stmt_cache_new(trib_handle *h, trib_stmt_cache **ret, trib_error *err){(void)h;(void)err;*ret=NULL;return TRIB_OK;}
__attribute__((weak)) void trib_stmt_cache_free(trib_stmt_cache *c){(void)c;}
__attribute__((weak)) void trib_stmt_enter(trib_handle *h){(void)h;}
__attribute__((weak)) void trib_stmt_leave(trib_handle *h){(void)h;}
__attribute__((weak)) trib_code trib_sqlite_error(trib_handle *h,int rc,trib_error *err){return trib_error_set(err,TRIB_SQL_ERROR,"%s %d",sqlite3_errmsg(h->sqlite),rc);}
