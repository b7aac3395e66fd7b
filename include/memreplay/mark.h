/* SPDX-License-Identifier: MIT */
#ifndef MEMREPLAY_MARK_H
#define MEMREPLAY_MARK_H

/*
 * Naming the phases of a program, for its recording. Header only: nothing is
 * linked, and the call does nothing unless the program runs under
 * `memreplay record`. It may be called from any thread at any time.
 */

#ifdef __cplusplus
extern "C" {
#endif

/* The recorder's, where it is loaded; otherwise a null pointer. */
extern void memreplay_record_mark(const char *name) __attribute__((weak));

/*
 * dlsym(3) under another name. In a program linked at a fixed address (-no-pie)
 * the linker has settled that nobody defines the function above, so it must be
 * asked for; weak, because an older C library has dlsym() in a library apart.
 */
extern void *memreplay_find_symbol(void *handle, const char *name) __asm__("dlsym")
	__attribute__((weak));

/*
 * Says that a phase or step called name begins here. name is UTF-8; the first
 * 240 bytes are kept.
 */
static inline void
memreplay_mark(const char *name)
{
	union {
		void *found;
		void (*call)(const char *);
	} mark = {0};

	mark.call = memreplay_record_mark;
	if (!mark.found && memreplay_find_symbol)
		mark.found = memreplay_find_symbol((void *)0, "memreplay_record_mark");
	if (mark.found)
		mark.call(name);
}

#ifdef __cplusplus
}
#endif
#endif
