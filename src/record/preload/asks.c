/* SPDX-License-Identifier: MIT */
#include "record/preload/asks.h"

#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

/* Relocations: some processors have theirs with an addend, at the end of each. */
struct table {
	const char *at;
	size_t bytes, each;
};

/* Whether a table of relocations has one for the symbol. */
static bool
relocates(const struct table *table, const ElfW(Sym) * symbols, const char *strings,
	const char *symbol)
{
	for (size_t at = 0; table->at && at < table->bytes; at += table->each) {
		const ElfW(Rel) *entry = (const void *)(table->at + at);
		size_t index = sizeof(void *) == 8 ? ELF64_R_SYM(entry->r_info)
						   : ELF32_R_SYM(entry->r_info);

		if (index && !strcmp(strings + symbols[index].st_name, symbol))
			return true;
	}
	return false;
}

bool
mr_asks_for(const ElfW(Dyn) * dynamic, const char *symbol)
{
	struct table calls = {.each = sizeof(ElfW(Rela))};
	struct table with = {.each = sizeof(ElfW(Rela))};
	struct table without = {.each = sizeof(ElfW(Rel))};
	const ElfW(Sym) *symbols = NULL;
	const char *strings = NULL;

	for (const ElfW(Dyn) *entry = dynamic; entry->d_tag != DT_NULL; entry++) {
		void *address = (void *)entry->d_un.d_ptr;
		size_t value = entry->d_un.d_val;

		if (entry->d_tag == DT_JMPREL)
			calls.at = address;
		else if (entry->d_tag == DT_PLTRELSZ)
			calls.bytes = value;
		else if (entry->d_tag == DT_PLTREL && value == DT_REL)
			calls.each = sizeof(ElfW(Rel));
		else if (entry->d_tag == DT_RELA)
			with.at = address;
		else if (entry->d_tag == DT_RELASZ)
			with.bytes = value;
		else if (entry->d_tag == DT_REL)
			without.at = address;
		else if (entry->d_tag == DT_RELSZ)
			without.bytes = value;
		else if (entry->d_tag == DT_SYMTAB)
			symbols = address;
		else if (entry->d_tag == DT_STRTAB)
			strings = address;
	}
	return symbols && strings &&
		(relocates(&calls, symbols, strings, symbol) ||
			relocates(&with, symbols, strings, symbol) ||
			relocates(&without, symbols, strings, symbol));
}

/* operator new(size_t) and new[], as the compiler names them */
#define NEW       (sizeof(size_t) == 8 ? "_Znwm" : "_Znwj")
#define NEW_ARRAY (sizeof(size_t) == 8 ? "_Znam" : "_Znaj")

/* Where an allocator lies that has operators of its own. */
struct operators {
	const void *base;
	bool used;
};

/* libstdc++ calls the operators, too, but seldom for itself. */
static bool
is_runtime(const char *path)
{
	return strstr(path, "/libstdc++.so") || strstr(path, "/libc++");
}

static int
look(struct dl_phdr_info *info, size_t size, void *context)
{
	struct operators *operators = context;
	const void *base = (const void *)info->dlpi_addr;

	(void)size;
	if (base == operators->base || (info->dlpi_name && is_runtime(info->dlpi_name)))
		return 0;
	for (size_t i = 0; i < info->dlpi_phnum && !operators->used; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		const void *at = (const void *)(info->dlpi_addr + part->p_vaddr);

		if (part->p_type == PT_DYNAMIC)
			operators->used =
				mr_asks_for(at, NEW) || mr_asks_for(at, NEW_ARRAY);
	}
	return operators->used;
}

/* Where the file lies in memory that the function is in; NULL: unknown. */
static const void *
base_of(const void *function)
{
	Dl_info info;

	return dladdr(function, &info) ? info.dli_fbase : NULL;
}

/* The order is one in which nothing allocates, as dlsym() does to say what it misses. */
bool
mr_asks_for_operators(const void *allocator)
{
	struct operators operators = {.base = base_of(allocator)};
	pid_t (*of_libc)(void) = getpid;
	const void *libc, *found;

	memcpy(&libc, &of_libc, sizeof(libc));
	if (!operators.base || operators.base == base_of(libc))
		return false;
	dl_iterate_phdr(look, &operators);
	found = operators.used ? dlsym(RTLD_NEXT, NEW) : NULL;
	return found && base_of(found) == operators.base;
}
