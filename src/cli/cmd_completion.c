/* SPDX-License-Identifier: MIT */
/*
 * Completion scripts, made from the tables of commands and options, so that
 * they know just what the program knows.
 */
#include <string.h>

#include "cli/command.h"

struct options {
	char none;
};

static const struct mr_option_use uses[] = {{0}};

static const char *const shells[] = {"bash", "zsh", NULL};

/* What a value is, as far as a shell can help with it. */
enum value { VALUE_NONE, VALUE_WORDS, VALUE_FILE, VALUE_OTHER };

static enum value
value_of(const struct mr_option *row)
{
	if (row->kind == MR_OPTION_FLAG)
		return VALUE_NONE;
	if (row->choices)
		return VALUE_WORDS;
	return strstr(row->metavar, "FILE") || strstr(row->metavar, "MALLOC")
		? VALUE_FILE
		: VALUE_OTHER;
}

/* The choices; with "=" behind them where more must follow: KNOB=VALUE. */
static void
print_words(const struct mr_option *row)
{
	const char *end = strchr(row->metavar, '=') ? "=" : "";
	const char *name;

	for (size_t i = 0; (name = row->choices(i)); i++)
		printf("%s%s%s", i ? " " : "", name, end);
}

/* Operands that are words of a list and not files. */
static void
print_operand_words(const struct mr_command *command)
{
	if (!strcmp(command->operands, "SHELL"))
		for (size_t i = 0; shells[i]; i++)
			printf("%s%s", i ? " " : "", shells[i]);
}

/* --- bash */

static void
bash_options(const struct mr_command *command)
{
	printf("\t%s)\n\t\toptions='--help", command->name);
	for (const struct mr_option_use *use = command->options; use->group; use++)
		for (size_t i = 0; i < use->group->count; i++)
			printf(" --%s%s", use->group->rows[i].name,
				value_of(&use->group->rows[i]) ? "=" : "");
	fputs("'\n\t\twords='", stdout);
	print_operand_words(command);
	puts("'\n\t\tcase $option in");
	for (const struct mr_option_use *use = command->options; use->group; use++) {
		for (size_t i = 0; i < use->group->count; i++) {
			const struct mr_option *row = &use->group->rows[i];
			enum value value = value_of(row);

			if (value == VALUE_NONE)
				continue;
			printf("\t\t--%s", row->name);
			if (row->letter)
				printf(" | -%c", row->letter);
			fputs(") value=", stdout);
			if (value == VALUE_WORDS) {
				fputs("words words='", stdout);
				print_words(row);
				putchar('\'');
			} else {
				fputs(value == VALUE_FILE ? "file" : "other", stdout);
			}
			puts(" ;;");
		}
	}
	puts("\t\tesac\n\t\t;;");
}

/* bash parts words at "=", so that a value comes as "--name", "=", "value". */
static void
print_bash(void)
{
	puts("# bash completion of memreplay, made by 'memreplay completion bash'\n"
	     "\n"
	     "_memreplay()\n"
	     "{\n"
	     "\tlocal current=${COMP_WORDS[COMP_CWORD]} option= value= options= words=\n"
	     "\n"
	     "\tCOMPREPLY=()\n"
	     "\tif [ \"$COMP_CWORD\" -eq 1 ]; then");
	fputs("\t\twords='help", stdout);
	for (size_t i = 0; mr_commands[i]; i++)
		printf(" %s", mr_commands[i]->name);
	puts(" --help --version'\n"
	     "\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
	     "\t\treturn\n"
	     "\tfi\n"
	     "\toption=${COMP_WORDS[COMP_CWORD-1]}\n"
	     "\tif [ \"$current\" = = ]; then\n"
	     "\t\tcurrent=\n"
	     "\telif [ \"$option\" = = ]; then\n"
	     "\t\toption=${COMP_WORDS[COMP_CWORD-2]}\n"
	     "\tfi\n"
	     "\tcase ${COMP_WORDS[1]} in");
	for (size_t i = 0; mr_commands[i]; i++)
		bash_options(mr_commands[i]);
	fputs("\thelp)\n\t\twords='", stdout);
	for (size_t i = 0; mr_commands[i]; i++)
		printf("%s%s", i ? " " : "", mr_commands[i]->name);
	puts("'\n"
	     "\t\t;;\n"
	     "\tesac\n"
	     "\tcase $value,$current in\n"
	     "\tfile,*) return ;;\n"
	     "\tother,*) compopt +o default; return ;;\n"
	     "\t,-*) words=$options ;;\n"
	     "\tesac\n"
	     "\t[ -n \"$words\" ] || return\n"
	     "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
	     "\tcase ${COMPREPLY[0]-} in\n"
	     "\t*=) compopt -o nospace ;;\n"
	     "\tesac\n"
	     "}\n"
	     "\n"
	     "complete -o default -F _memreplay memreplay");
}

/* --- zsh */

/* Text within a specification of _arguments, within single quotes. */
static void
zsh_text(const char *text)
{
	for (; *text && *text != ';'; text++) {
		if (*text == '\'')
			fputs("'\\'", stdout);
		else if (strchr("[]:\\", *text))
			putchar('\\');
		putchar(*text);
	}
}

static void
zsh_value(const struct mr_option *row)
{
	putchar(':');
	zsh_text(row->metavar);
	putchar(':');
	switch (value_of(row)) {
	case VALUE_WORDS:
		/* a knob's value follows it without a blank */
		fputs(strchr(row->metavar, '=') ? "->knobs" : "(", stdout);
		if (!strchr(row->metavar, '=')) {
			print_words(row);
			putchar(')');
		}
		break;
	case VALUE_FILE:
		fputs("_files", stdout);
		break;
	case VALUE_NONE:
	case VALUE_OTHER:
		break;
	}
}

static void
zsh_option(const struct mr_option *row)
{
	bool takes = value_of(row) != VALUE_NONE;
	bool many = row->kind == MR_OPTION_LIST;

	fputs("\t\t\t", stdout);
	if (row->letter && !many)
		printf("'(-%c --%s)'", row->letter, row->name);
	else if (many)
		fputs("'*'", stdout);
	if (row->letter)
		printf("{-%c%s,--%s%s}", row->letter, takes ? "+" : "", row->name,
			takes ? "=" : "");
	else
		printf("--%s%s", row->name, takes ? "=" : "");
	fputs("'[", stdout);
	zsh_text(row->help);
	putchar(']');
	if (takes)
		zsh_value(row);
	puts("' \\");
}

static const struct mr_option *
knob_row(const struct mr_command *command)
{
	for (const struct mr_option_use *use = command->options; use->group; use++)
		for (size_t i = 0; i < use->group->count; i++)
			if (value_of(&use->group->rows[i]) == VALUE_WORDS &&
				strchr(use->group->rows[i].metavar, '='))
				return &use->group->rows[i];
	return NULL;
}

static void
zsh_command(const struct mr_command *command)
{
	const struct mr_option *knobs = knob_row(command);

	printf("\t\t%s)\n\t\t\t_arguments -s \\\n", command->name);
	puts("\t\t\t'(-h --help)'{-h,--help}'[print this help and exit]' \\");
	for (const struct mr_option_use *use = command->options; use->group; use++)
		for (size_t i = 0; i < use->group->count; i++)
			zsh_option(&use->group->rows[i]);
	if (!strcmp(command->operands, "SHELL")) {
		fputs("\t\t\t'1:SHELL:(", stdout);
		print_operand_words(command);
		puts(")'");
	} else {
		puts("\t\t\t'*:file:_files' && found=0");
	}
	if (knobs) {
		fputs("\t\t\t[[ $state != knobs ]] || compadd -S '' -- ", stdout);
		print_words(knobs);
		puts(" && found=0");
	}
	puts("\t\t\t;;");
}

static void
print_zsh(void)
{
	puts("#compdef memreplay\n"
	     "# zsh completion of memreplay, made by 'memreplay completion zsh'\n"
	     "\n"
	     "_memreplay() {\n"
	     "\tlocal context state line found=1\n"
	     "\ttypeset -A opt_args\n"
	     "\tlocal -a commands=(");
	for (size_t i = 0; mr_commands[i]; i++) {
		printf("\t\t'%s:", mr_commands[i]->name);
		zsh_text(mr_commands[i]->summary);
		puts("'");
	}
	puts("\t\t'help:the help of a command'\n"
	     "\t)\n"
	     "\n"
	     "\t_arguments -C \\\n"
	     "\t\t'(- *)'{-h,--help}'[print the help and exit]' \\\n"
	     "\t\t'(- *)'{-V,--version}'[print the version and exit]' \\\n"
	     "\t\t'1:command:->command' '*::argument:->argument' && return\n"
	     "\tcase $state in\n"
	     "\tcommand) _describe command commands && found=0 ;;\n"
	     "\targument)\n"
	     "\t\tcase $words[1] in");
	for (size_t i = 0; mr_commands[i]; i++)
		zsh_command(mr_commands[i]);
	puts("\t\thelp) _describe command commands && found=0 ;;\n"
	     "\t\tesac\n"
	     "\t\t;;\n"
	     "\tesac\n"
	     "\treturn found\n"
	     "}\n"
	     "\n"
	     "_memreplay \"$@\"");
}

static int
run(const struct mr_command *self, int argc, char **argv)
{
	struct options unused;
	int status;
	char **operands = mr_command_parse(self, &unused, argc, argv, &status);

	if (!operands)
		return status;
	if (!strcmp(operands[0], "bash"))
		print_bash();
	else if (!strcmp(operands[0], "zsh"))
		print_zsh();
	else
		return mr_say_usage(self->name,
			"completion: \"%s\" is no shell that is known here: expected "
			"bash or zsh",
			operands[0]);
	return MR_EXIT_DONE;
}

const struct mr_command mr_cmd_completion = {
	.name = "completion",
	.operands = "SHELL",
	.min_operands = 1,
	.max_operands = 1,
	.summary = "a script that completes commands and options in a shell",
	.description =
		"Prints the completion of memreplay for SHELL, bash or zsh. 'make "
		"install' puts both where the shells look for them; without it:\n\n"
		"  source <(memreplay completion bash)\n\n"
		"in ~/.bashrc, or for zsh\n\n"
		"  memreplay completion zsh >~/.zfunc/_memreplay\n\n"
		"in a folder of fpath.",
	.options = uses,
	.run = run,
};
