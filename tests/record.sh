#!/bin/sh
# SPDX-License-Identifier: MIT
# `memreplay record`: the traces of programs that are hard to record, and of some
# that every system has. A trace is good if it reads, if no free in it is of a
# block unknown, and if no address was handed out twice. TAP.

. "${top_srcdir:=.}/tests/recording.sh"
recorder=$top_builddir/.libs/memreplay-record.so
trap 'umount "$work/disk" 2>/dev/null; rm -rf "$work"' EXIT

# One line an event: what was asked for.
events() {
	"$memreplay" convert "$1" - --to=jsonl 2>/dev/null | sed -nE '
		s/.*"op":"free".*/free/p
		s/.*"op":"mark","name":"([^"]*)".*/mark \1/p
		s/.*"op":"malloc".*"size":([0-9]+).*"align":([0-9]+).*/malloc \1 \2/p
		t
		s/.*"op":"malloc".*"size":([0-9]+).*/malloc \1/p'
}

# --- what is recorded

page=$(getconf PAGESIZE)
every_function() {
	balanced 0 "$recordee" all || return
	events t.mrt.gz | sed -n '/mark begin/,$p' | paste -sd , >got
	printf %s "mark begin,malloc 0,free,malloc 101,free,malloc 102,free," \
		"malloc 103,free,malloc 100000,free,malloc 50,free,malloc 104,free," \
		"malloc 105 64,free,malloc 512 256,free,malloc 107 1024,free," \
		"malloc 108 $page,free,malloc 109,free,malloc 21,free," \
		"mark end, under a name that takes more than one record" >want
	is "$(cat got)" "$(cat want)" && is "$(number t.mrt.gz failed_mallocs)" 3
}
ok "every function of the malloc family, in order" every_function

before_main() {
	balanced 0 "$recordee" all && events t.mrt.gz | grep -qx 'malloc 4321'
}
ok "what is asked for before main()" before_main

threads() {
	balanced 0 "$recordee" pass 5000 && is "$(number t.mrt.gz threads)" 17
}
ok "16 threads that pass blocks to each other" threads

# what one thread frees is handed to the next before free() returns
hand_in_hand() {
	balanced 0 env LD_PRELOAD="$recorder:$handing" \
		"$recordee" hands 5000 && is "$(number t.mrt.gz threads)" 5 &&
		is "$(events t.mrt.gz | grep -cx 'malloc 64')" 20000 &&
		zcat t.mrt.gz | head -c 2000 | grep -a '"allocator":"[^"]*handing'
}
ok "an allocator that hands addresses on, preloaded below" hand_in_hand

# 2000 threads make 8000 events; the rest is the C library's
churn() {
	balanced 0 "$recordee" churn 2000 && is "$(number t.mrt.gz threads)" 2001 &&
		[ "$(events t.mrt.gz | grep -cx 'malloc 64')" -ge 2000 ]
}
ok "threads that come and go" churn

late() {
	balanced 0 "$recordee" late 20 &&
		is "$(events t.mrt.gz | grep -cx 'malloc 77')" 80
}
ok "frees of a thread that has given its buffer back" late
ok "signals whose handlers allocate" balanced 0 "$recordee" signals 100000

foreign() {
	record 0 -o t.mrt.gz "$recordee" foreign &&
		"$memreplay" info t.mrt.gz >info &&
		is "$(number t.mrt.gz unknown_frees)" 1 &&
		is "$(number t.mrt.gz missed_frees)" 1
}
ok "blocks whose malloc or free goes past the recorder" foreign

small() {
	record 0 -o t.mrt.gz --min-size=500 "$recordee" pass 2000 || return
	"$memreplay" simulate t.mrt.gz >simulated || return
	events t.mrt.gz | awk '
		$1 == "malloc" && $2 < 500 { bad = 1 }
		$1 == "malloc" { mallocs++ }
		$1 == "free" { frees++ }
		END { exit bad || !mallocs || mallocs != frees }'
	is $? 0 && is "$(number t.mrt.gz missed_frees)" 0
}
ok "--min-size leaves the smaller blocks out, and their frees" small

# --- processes

fork_not_followed() {
	balanced 0 "$recordee" forks 3000 && said 'follow-children' &&
		is "$(events t.mrt.gz | grep -cx 'malloc 700')" 0 &&
		is "$(events t.mrt.gz | grep -cx 'malloc 800')" 6000
}
ok "a forked child does not write to its parent's recording" fork_not_followed

fork_followed() {
	record 0 -o t.mrt.gz -f "$recordee" forks 3000 && good t.mrt.gz || return
	is "$(ls t.*.mrt.gz | wc -l)" 2 || return
	for child in t.[0-9]*.mrt.gz; do
		is "$(events "$child" | grep -cx 'malloc 700')" 3000 || return
		is "$(number "$child" unknown_frees)" 1 || return
	done
}
ok "--follow-children: forked children have traces of their own" fork_followed

# unshare's child is its namespace's first process, memreplay; the program the second
nested() {
	rm -f t.*
	$apart "$memreplay" record -o t.mrt.gz "$@" "$recordee" nests 3000 2>said
	got=$?
	cat said
	is $got 0 && good t.mrt.gz && is "$(events t.mrt.gz | grep -c malloc)" 6001
}
nested_followed() {
	nested -f && good t.2.mrt.gz &&
		is "$(events t.2.mrt.gz | grep -c malloc)" 11
}
apart="unshare --user --map-root-user --pid --fork --mount-proc"
if $apart true 2>/dev/null; then
	ok "a descendant of the same pid, in a namespace of its own" nested
	ok "--follow-children: it has a trace of its own" nested_followed
else
	skip "a descendant of the same pid" "namespaces are not to be had"
fi

exec_anew() {
	balanced 0 sh -c "exec env A=1 $recordee runs 10" &&
		is "$(events t.mrt.gz | grep -cx 'malloc 4321')" 1 &&
		"$memreplay" info t.mrt.gz | grep -q 'recordee runs 10'
}
ok "a program that executes another is recorded as the last one" exec_anew

bash_children() {
	balanced 0 bash -c 'for i in 1 2 3; do (ls / >/dev/null); done; ls | wc -l' >out
}
bash_followed() {
	record 0 -o t.mrt.gz -f bash -c 'for i in 1 2 3; do ls / >/dev/null; done; :' ||
		return
	is "$(ls t.*.mrt.gz | wc -l)" 3 || return
	for trace in t.mrt.gz t.[0-9]*.mrt.gz; do
		good "$trace" || return
	done
}
compiler() {
	printf 'int main(void) { return 0; }\n' >one.c
	record 0 -o t.mrt.gz -f "$CC" -O2 -o one one.c && ./one || return
	ls t.[0-9]*.mrt.gz >/dev/null || return # cc1, as, ld
	for trace in t.mrt.gz t.[0-9]*.mrt.gz; do
		good "$trace" || return
	done
}

class=$(class_of "$top_builddir/.libs/memreplay-record.so")

# As ok, for programs of the system: its shell is of the class of all of them, and
# those of another load no recorder of ours.
system() {
	if [ "$(class_of /bin/sh)" = "$class" ]; then
		ok "$@"
	else
		skip "$1" "the system's programs are of another word size"
	fi
}
system "bash with children" bash_children
system "bash with children, all recorded" bash_followed
system "a compiler with all that it starts" compiler

git_works() {
	git init -q repository && cd repository && echo a >a && git add a || return
	balanced 0 git -c user.name=n -c user.email=e commit -q -m m
}
if command -v git >/dev/null; then
	system "git" git_works
else
	skip "git" "there is no git"
fi
sqlite_works() {
	balanced 0 sqlite3 :memory: 'create table t(a); insert into t values(1);
		insert into t select t.a + 1 from t, t as u; select count(*) from t;' >out
}
if command -v sqlite3 >/dev/null; then
	system "sqlite3" sqlite_works
else
	skip "sqlite3" "there is no sqlite3"
fi

# --- the program stays itself

streams() {
	is "$(printf 'a b' | "$memreplay" record -o t.mrt.gz cat 2>/dev/null)" 'a b'
}
ok "standard input and output are the program's" streams
ok "its exit status is the program's" record 7 -o t.mrt.gz sh -c 'exit 7'
ok "its signal is the program's" record 143 -o t.mrt.gz sh -c 'kill $$'
ignored_signals() {
	for ignored in '' 'PIPE XFSZ'; do
		(
			[ ! "$ignored" ] || trap '' $ignored
			grep SigIgn /proc/self/status >alone
			balanced 0 grep SigIgn /proc/self/status >recorded
		) && cat alone && grep -Fxf alone recorded || return
	done
}
system "signals are ignored that were" ignored_signals
ok "abort" balanced 134 "$recordee" aborts 1000
ok "_exit" balanced 0 "$recordee" leaves 1000
ok "descriptors that the program closes" balanced 0 "$recordee" closes 20000
ok "a program that is not there" record 127 -o t.mrt.gz ./nowhere
not_executable() {
	: >file
	record 126 -o t.mrt.gz ./file && ! ls t.mrt.gz*
}
ok "a program that cannot be run" not_executable

# Waits until `recordee waits` is at its end, for at most a minute.
until_there() {
	turns=0
	until grep -q ready ready || [ $turns -gt 1200 ]; do
		sleep 0.05
		turns=$((turns + 1))
	done
	grep ready ready
}

passed_on() {
	rm -f ready
	"$memreplay" record -o t.mrt.gz "$recordee" waits 100 >ready 2>said &
	id=$!
	until_there || return
	kill $id
	wait $id
	is $? 143 && good t.mrt.gz
}
ok "a signal to memreplay ends the program, and the trace is finished" passed_on

# --- programs that cannot be recorded say so

static_program() {
	printf 'int main(void) { return 0; }\n' >static.c
	$CC -static -o static static.c || return
	record 1 -o t.mrt.gz ./static && said 'statically linked' && ! ls t.mrt.gz*
}
if printf 'int main(void) { return 0; }\n' | $CC -static -x c -o /dev/null - 2>/dev/null
then
	ok "a static program" static_program
else
	skip "a static program" "the compiler cannot make one"
fi

case $class in
*1) other=-m64 ;;
*) other=-m32 ;;
esac
other_bits() {
	record 1 -o t.mrt.gz ./other && said 'this memreplay records those of' &&
		! ls t.mrt.gz*
}
if printf 'int main(void) { return 0; }\n' | $CC $other -x c -o other - 2>/dev/null &&
	./other; then
	ok "a program of another word size" other_bits
else
	skip "a program of another word size" "the compiler cannot make one"
fi

own_malloc() {
	record 1 -o t.mrt.gz "$top_builddir/tests/own_malloc" &&
		said 'brings its own malloc' && said own_malloc && ! ls t.mrt.gz*
}
ok "a program with a malloc of its own" own_malloc
# Allocators whose operator new calls no malloc: of C++ there is nothing to see, but said
# so; and nothing is said of C, though it loads the same library.
own_operators() {
	record 0 -o t.mrt.gz env LD_PRELOAD="$recorder:$1" "$recordee" runs 100 &&
		! said 'operator new' &&
		record 0 -o t.mrt.gz env LD_PRELOAD="$recorder:$1" ./operators &&
		said "operator new was not recorded: .*${1##*/}"
}
runtime() {
	balanced 0 ./operators && ! said 'operator new' &&
		is "$(events t.mrt.gz | grep -cx 'malloc 77')" 100
}
cat >operators.cc <<'EOF'
int main()
{
	for (int i = 0; i < 100; i++)
		delete[] new char[77];
}
EOF
if $CXX -O0 -o operators operators.cc 2>/dev/null; then
	ok "a program in C++" runtime
else
	skip "a program in C++" "there is no compiler for it"
fi
for name in libjemalloc.so.2 libmimalloc.so.2 libtcmalloc_minimal.so.4; do
	library=$($CC -print-file-name=$name)
	if [ -e "$library" ] && [ -e operators ]; then
		ok "operators of $name, not recorded" own_operators "$library"
	else
		skip "operators of $name" "it is not installed"
	fi
done
no_mlx() {
	record 1 -o t.mrt.gz --layer=mlx "$recordee" runs 10 && said 'libmlx' &&
		! ls t.mrt.gz*
}
ok "--layer=mlx without MLX" no_mlx

# --- bounds

max_events() {
	balanced 0 --max-events=12345 "$recordee" pass 5000 && said 'max-events' &&
		is "$(number t.mrt.gz events)" 12345 &&
		[ "$(number t.mrt.gz dropped_events)" -gt 100000 ]
}
ok "--max-events: exactly so many, and the rest is counted" max_events
max_file() {
	balanced 0 --max-file=3M "$recordee" pass 10000 && said 'max-file' &&
		[ "$(number t.mrt.gz dropped_events)" -gt 100000 ]
}
ok "--max-file: the recording stops, the program does not" max_file
file_limit() {
	(
		ulimit -f 4096
		balanced 0 "$recordee" pass 10000
	) && said 'could not grow' && [ "$(number t.mrt.gz dropped_events)" -gt 100000 ]
}
ok "a limit on the size of files" file_limit
nearly_full_disk() {
	"$memreplay" record -o disk/t.mrt.gz --max-file=1G "$recordee" runs 100000 2>said
	is $? 0 && said 'nine tenths' && good disk/t.mrt.gz && rm disk/t.mrt.gz
}
# The disk is filled by somebody else, once the recording is there. What is left
# is room for 4 pieces of the recording, and then for their trace.
full_disk() {
	"$memreplay" record -o disk/t.mrt.gz --max-file=1G sh -c \
		'head -c 2732032 /dev/zero >disk/fill; exec "$0" runs 100000' \
		"$recordee" 2>said
	is $? 0 && said 'could not grow' && said 'No space left' && good disk/t.mrt.gz &&
		[ "$(number disk/t.mrt.gz dropped_events)" -gt 100000 ] &&
		rm disk/t.mrt.gz disk/fill
}
# Nor is there room for the trace: the recording waits until there is.
no_room_for_trace() {
	"$memreplay" record -o disk/t.mrt.gz sh -c \
		'head -c 3076096 /dev/zero >disk/fill; exec "$0" runs 100000' \
		"$recordee" 2>said
	is $? 1 && said 'No space left' && said '--finish' && ! ls disk/t.mrt.gz &&
		rm disk/fill && "$memreplay" record --finish disk/t.mrt.gz &&
		good disk/t.mrt.gz
}
mkdir disk
if mount -t tmpfs -o size=4m tmpfs disk 2>/dev/null; then
	ok "a disk that is nearly full" nearly_full_disk
	ok "a disk that is filled by another" full_disk
	ok "a disk that has no room for the trace" no_room_for_trace
	umount disk
else
	skip "a full disk" "only root can make a small one"
fi
no_folder() {
	record 1 -o nowhere/t.mrt.gz "$recordee" runs 10 >out && said nowhere
}
ok "an output folder that is not there" no_folder

# --- nothing is lost

killed() {
	for micros in 0 400 900 1500 3000 5000 7000 11000 16000 24000 35000 70000; do
		balanced 137 "$recordee" killed $micros || return
	done
}
ok "killed in the middle of everything, 12 times" killed

finish_later() {
	rm -f t.* ready
	"$memreplay" record -o t.mrt.gz sh -c \
		'echo $$ >pid; exec "$0" waits 5000' "$recordee" >ready 2>said &
	recorder=$!
	until_there || return
	program=$(cat pid)
	kill -9 $recorder
	wait $recorder
	! ls t.mrt.gz 2>/dev/null || return
	"$memreplay" record --finish t.mrt.gz 2>said
	is $? 1 && said 'still runs' && ls t.mrt.gz.spool || return
	kill -9 "$program"
	turns=0
	while kill -0 "$program" 2>/dev/null &&
		! grep -q '^State:.Z' "/proc/$program/status" && [ $turns -lt 200 ]; do
		sleep 0.05
		turns=$((turns + 1))
	done
	"$memreplay" record -o t.mrt.gz true 2>said
	is $? 1 && said 'there already' || return
	"$memreplay" record --finish t.mrt.gz.spool && good t.mrt.gz &&
		[ "$(number t.mrt.gz events)" -ge 10000 ] && ! ls t.mrt.gz.spool
}
ok "--finish, after memreplay itself was killed" finish_later

# run_by_hand NUMBER: a recording that waits for --finish
run_by_hand() {
	rm -f t.*
	"$memreplay" record --print-env -o t.mrt.gz >variables &&
		env $(cat variables) "$recordee" runs "$1"
}

# Starts --finish, as process $id, and stops it when the trace is half written; fails if
# it was faster.
stop_finishing() {
	"$memreplay" record --finish t.mrt.gz &
	id=$!
	turns=0
	until [ -e t.mrt.gz ] || [ -e t.mrt.gz.$id-0.part ] || [ $turns -gt 6000 ]; do
		sleep 0.01
		turns=$((turns + 1))
	done
	kill -STOP $id
	[ -e t.mrt.gz.$id-0.part ]
}
interrupted_finish() {
	run_by_hand 500000 && cp t.mrt.gz.spool kept || return
	tries=0
	until stop_finishing || [ $tries -gt 9 ]; do
		kill -CONT $id
		wait $id
		rm -f t.mrt.gz
		cp kept t.mrt.gz.spool
		tries=$((tries + 1))
	done
	kill -TERM $id
	kill -CONT $id
	wait $id
	is $? 143 && is "$(echo t.*)" t.mrt.gz.spool &&
		"$memreplay" record --finish t.mrt.gz && good t.mrt.gz
}
ok "--finish, interrupted, leaves no half a trace, and can be run again" \
	interrupted_finish

by_hand() {
	run_by_hand 1000 || return
	"$memreplay" record --finish t.mrt.gz && good t.mrt.gz &&
		is "$(events t.mrt.gz | grep -c 'malloc')" 1001
}
ok "--print-env, and the program started by hand" by_hand
text_trace() {
	record 0 -o t.jsonl "$recordee" runs 1000 &&
		"$memreplay" simulate t.jsonl >simulated &&
		is "$(grep -c '"op":"malloc"' t.jsonl)" 1001
}
ok "the name of the output decides its format" text_trace
only_read() {
	for name in t.json t.json.gz; do
		record 2 -o $name touch ran && said 'only be read' &&
			record 2 --print-env -o $name && said 'only be read' || return
	done
	! ls ran && ! ls ./*.spool
}
ok "an output that cannot be written: nothing is run" only_read
to_stdout() {
	record 2 -o - touch ran && said 'cannot go to standard output' &&
		! ls ran && ! ls ./-
}
ok "nor is it with standard output as the trace" to_stdout
# no room for the trace's temporary name, or for a child's; and just enough
long_name() {
	long=$(printf '%0240d' 0)
	for name in "${long}0" "${long}0123456789"; do
		record 2 -o "$name" touch ran && said '240 bytes are' || return
	done
	record 2 -f -o "$long" touch ran && said '230 bytes are' && ! ls ran &&
		! ls ./*.spool && record 0 -o "$long" "$recordee" runs 10 && good "$long"
}
ok "an output whose name is too long: nothing is run" long_name
not_a_spool() {
	echo no >t.mrt.gz.spool
	"$memreplay" record --finish t.mrt.gz 2>said
	is $? 1 && said 'not a recorder' && ls t.mrt.gz.spool && rm t.mrt.gz.spool
}
ok "--finish of something else" not_a_spool

end_tests
