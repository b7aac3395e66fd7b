#!/bin/sh
# SPDX-License-Identifier: MIT
# Pages and pictures, as files: the same bytes for the same input, nothing left of
# what fails, nothing foreign that is run. tests/browser.py looks at them.

. "${top_srcdir:=.}/tests/tap.sh"
: "${top_builddir:=.}"
top_srcdir=$(cd "$top_srcdir" && pwd)
memreplay=$(cd "$top_builddir" && pwd)/memreplay
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
trace=$top_srcdir/traces/mlp_train.mrt.gz
other=$top_srcdir/traces/limits.mrt.gz
snapshot=$top_srcdir/traces/toy_torch.pickle.gz

# Without gnuplot: says which package has it, and leaves no file.
without() {
	! env PATH=/nowhere "$memreplay" "$@" >out 2>err || return
	grep -q 'Debian has it in the package gnuplot-nox' err && [ ! -s out ] &&
		[ "$(ls)" = "$(printf 'err\nout')" ]
}

refused() {
	"$memreplay" "$@" >out 2>err
	[ $? -eq 2 ] && [ ! -s out ] && [ "$(ls)" = "$(printf 'err\nout')" ]
}

ok "no gnuplot: report" without report -o page.html "$trace"
ok "no gnuplot: report of segments" without report -p torch-cuda -o page.html "$trace"
ok "no gnuplot: sweep" without sweep --plot=a.svg "$trace"
ok "no gnuplot: simulate" without simulate --plot=a.svg "$trace"
ok "no gnuplot: simulate, PyTorch" without simulate -p torch-cuda --plot=a.svg "$trace"
ok "no gnuplot: simulate of a snapshot" without simulate -p torch-cuda --plot=a.svg \
	"$snapshot"
ok "a picture whose format is not told" refused sweep --plot=a.gif "$trace"
ok "another" refused simulate --plot=svg "$trace"
ok "a page that goes nowhere" refused report "$trace"
ok "a policy that does not exist" refused report -o page.html -p nosuch "$trace"
ok "standard input under two policies" refused report -o page.html -p none \
	-p mlx-cpu -
rm -f out err
if ! command -v gnuplot >/dev/null; then
	skip "pages and pictures" "gnuplot is not installed"
	end_tests
fi

# KIND COMMAND...: two pictures are the same, and begin as their kind does.
pictures() {
	kind=$1
	shift
	"$memreplay" "$@" --plot=a.$kind "$trace" >plain 2>&1 || return
	"$memreplay" "$@" --plot=b.$kind "$trace" >/dev/null 2>&1 || return
	"$memreplay" "$@" "$trace" 2>&1 | cmp - plain || return
	cmp a.$kind b.$kind || return
	case $kind in
	svg) head -n 1 a.svg | grep -q '^<?xml' ;;
	png) head -c 4 a.png | grep -aq PNG ;;
	pdf) head -c 4 a.pdf | grep -q %PDF &&
		grep -aq 'CreationDate (D:00000000000000' a.pdf ;;
	esac
}

for kind in svg png pdf; do
	ok "sweep draws $kind" pictures $kind sweep --limits=exact
	ok "simulate draws $kind" pictures $kind simulate
done
for figure in course time rates sizes bytes lifetimes ages; do
	ok "simulate draws $figure" pictures svg simulate --figure=$figure
done

# From the left of a wide picture on: what is no grid and no axis.
curves() {
	grep -o 'M66\.00,[0-9.]* L68\..*' "$1" | sort -u
}

# A snapshot's picture is that of its page, and a trace's the same from anywhere.
torch_pictures() {
	(trace=$snapshot && pictures svg simulate --alloc-conf=) || return
	pictures png simulate -p torch-cuda || return
	"$memreplay" simulate -p torch-cuda --plot=b.png - <"$trace" >/dev/null || return
	cmp a.png b.png || return
	"$memreplay" report -p torch-cuda -o page.html "$snapshot" || return
	"$memreplay" simulate -p torch-cuda --plot=a.svg "$snapshot" >/dev/null || return
	curves a.svg >lines
	curves page.html | comm -13 - lines >others
	[ "$(wc -l <lines)" -eq 3 ] && [ ! -s others ]
}
ok "simulate draws PyTorch's memory, as its page does" torch_pictures

# Who starts us may ignore that its children end, and we inherit that.
ignored_ends() {
	env --ignore-signal=CHLD "$memreplay" sweep --plot=c.svg "$trace" >/dev/null
}
ok "a picture where the ends of children are ignored" ignored_ends

same_page() {
	"$memreplay" report -o one.html "$trace" "$other" || return
	"$memreplay" report -o two.html --jobs=2 "$trace" "$other" || return
	cmp one.html two.html
}
ok "a page is the same again, with any number of threads" same_page

# The limits tried by themselves reach 4 TiB, and the picture as far as they matter.
axis() {
	"$memreplay" sweep --plot=axis.svg "$trace" >/dev/null 2>&1 &&
		grep -q 'cache limit, MiB' axis.svg
}
ok "a curve is as wide as it changes" axis

# Of so many curves each has its rows of numbers, and the legend its lines.
many() {
	set -- "$trace" "$trace" "$trace" "$trace"
	"$memreplay" report -o many.html "$@" "$@" "$@" "$@" 2>err || return
	[ ! -s err ] && tr -d '\n' <many.html |
		grep -q 'id="figure-curve".*<summary>Numbers</summary>' || return
	# no less room for the curves than with four, whose pictures are 330 high
	grep -q 'class="narrow" viewBox="0 0 400 534"' many.html
}
ok "as many traces as a page has room for" many

one_file() {
	! grep -oE '(src|href|url|xlink:href)[=(]"?[^#"d][^ >]*|<script|@import' one.html
}
ok "and refers to nothing outside of it" one_file

policies() {
	"$memreplay" report -o p.html -p mlx-cpu -p none -s page=64 -l 1M "$trace" ||
		return
	[ "$(grep -c 'figure id="figure-course"' p.html)" = 1 ] &&
		grep -q 'memreplay simulate --format=json --policy=none --set=page=64' \
			p.html && grep -q -- '--cache-limit=1048576' p.html
}
ok "two policies side by side, with commands that say so" policies

# A policy without a limit has none to tune or to sweep.
no_limit() {
	"$memreplay" report -o n.html -p none "$trace" || return
	! grep -qE 'memreplay (tune|sweep)|<pre></pre>' n.html &&
		grep -q 'memreplay replay --policy=none' n.html &&
		grep -q 'memreplay tune --policy=mlx-cpu' p.html &&
		! grep -q 'memreplay tune --policy=none' p.html
}
ok "no command that tries limits of a policy that has none" no_limit

# What measured is told with its own options, not those of the page.
measured() {
	"$memreplay" replay -l 1M -s page=64 -t none -r 2 -f json "$trace" >r.json &&
		"$memreplay" report -o r.html --replay=r.json "$trace" || return
	grep -oE '<pre>memreplay replay .*' r.html | tee line
	grep -q 'replay --format=json --policy=mlx-cpu .*--set=page=64 ' line &&
		grep -q -- "--cache-limit=1048576 --touch=none .* --runs=2 $trace" line ||
		return
	rm r.html
	! "$memreplay" report -o r.html --replay=r.json "$other" 2>err || return
	grep -q 'r.json: "trace": "events" is ' err && [ ! -e r.html ]
}
ok "the command of a replay, which must be of the same trace" measured

# What one backend does not tell is no figure of it, and the others stay in their rows.
lacking() {
	"$memreplay" replay -t none -f json "$trace" | tr -d '\n\t' |
		sed 's/,"malloc_ns":{[^}]*},"free_ns":{[^}]*}//2' >l.json
	"$memreplay" report -o l.html --replay=l.json "$trace" || return
	sed -n '/id="measured"/,/<\/section>/p' l.html >rows
	[ "$(grep -c '_ns_.*<td>.*<td><data value="null">' rows)" -eq 10 ]
}
ok "a replay of which some figures are gone" lacking

# Every command on a page, with the options of the report, does what it says.
commands() {
	cp "$top_srcdir/tests/corpus/bad-kineto-devices.json" "a profile.json" || return
	"$memreplay" report -o c.html --device=cuda:1 --lenient --from=kineto \
		--set=page=64 -l 1M "a profile.json" || return
	sed -n 's/.*<pre>//; s/<\/pre>.*//; /^memreplay /p' c.html |
		sed "s/&#39;/'/g; s/&quot;/\"/g; s/&lt;/</g; s/&gt;/>/g; s/&amp;/\&/g" |
		sort -u >lines
	[ "$(wc -l <lines)" -ge 13 ] || return
	sed 's/^memreplay /"$memreplay" /; s/$/ >out 2>err || exit/' lines >all.sh
	memreplay=$memreplay sh ./all.sh && [ -s curve.svg ] && [ -s ages.svg ]
}
ok "the commands on a page can be run" commands

from_pipe() {
	"$memreplay" report -o - - <"$trace" >pipe.html && grep -q '</html>' pipe.html
}
ok "from a pipe into a pipe" from_pipe

# Marks and a file name that would do something in HTML, gnuplot or a shell.
hostile() {
	name="a$(printf '\033[7m')'\`touch run1\`\$(touch run2);touch run3.jsonl"
	{
		echo '{"format":"alloc-trace","version":1,"workload":"</title>\u001b[7m"}'
		i=1
		while [ $i -le 30 ]; do
			echo "{\"op\":\"mark\",\"name\":\"'\`touch run4\`; system('x')\"}"
			echo "{\"op\":\"malloc\",\"id\":$i,\"size\":100,\"t\":$i}"
			echo "{\"op\":\"free\",\"id\":$i,\"t\":$i}"
			echo '{"op":"mark","name":"<script>\u0007\u001b[31m"}'
			i=$((i + 1))
		done
	} >"./$name"
	"$memreplay" report -o hostile.html "./$name" || return
	"$memreplay" simulate --plot=h.svg "./$name" >/dev/null || return
	"$memreplay" sweep --plot=h2.svg "./$name" "$trace" >/dev/null || return
	for command in info simulate sweep tune 'replay --touch=none' \
		'diff --with=cache_limit=1M'; do
		"$memreplay" $command "./$name" >shown 2>&1 || return
		! grep -P '[\x00-\x08\x0b-\x1f\x7f]' shown || return
	done
	! ls run* 2>/dev/null && ! grep -q '<script' hostile.html &&
		! grep -lP '[\x00-\x08\x0b-\x1f\x7f]' hostile.html h.svg h2.svg
}
ok "hostile names are only text" hostile

# What cannot be written is said before the trace is read.
nowhere() {
	! "$memreplay" report -o no/such/page.html "$trace" 2>err || return
	grep -q 'no/such/page.html: cannot create' err
}
ok "a page that cannot be written" nowhere

bad_trace() {
	echo '{"format":"alloc-trace","version":1}
{"op":"free","id":1}' >bad.jsonl
	echo before >keep.html
	! "$memreplay" report -o keep.html bad.jsonl 2>err || return
	[ "$(cat keep.html)" = before ] && ! ls | grep -q part
}
ok "a page that was there stays if the trace is bad" bad_trace

no_events() {
	echo '{"format":"alloc-trace","version":1}
{"op":"mark","name":"only"}' >marks.jsonl
	"$memreplay" report -o marks.html marks.jsonl
}
ok "a trace without mallocs has a page" no_events
end_tests
