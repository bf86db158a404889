/* SPDX-License-Identifier: Apache-2.0 */
/* TRIB_ASAN: 1 in builds with AddressSanitizer, else 0. gcc defines a macro of its own, clang has a question for it. */
#ifndef TRIB_BASE_ASAN_H
#define TRIB_BASE_ASAN_H

#if defined(__SANITIZE_ADDRESS__)
#define TRIB_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TRIB_ASAN 1
#endif
#endif
#ifndef TRIB_ASAN
#define TRIB_ASAN 0
#endif

#endif
