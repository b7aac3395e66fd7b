/* SPDX-License-Identifier: MIT */
#ifndef MR_TESTS_SANITIZED_H
#define MR_TESTS_SANITIZED_H

/* Whether the tests are built with a sanitizer whose malloc is its own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#endif
