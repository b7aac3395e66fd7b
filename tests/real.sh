#!/bin/sh
# SPDX-License-Identifier: MIT
# Recordings of real programs, larger than `make check` has time for, and of one
# that is killed KILLS times: run by `make check-real`. What is not installed is
# left out. Each trace is checked for balance, as recording.sh says, and replayed.
# TAP.

. "${top_srcdir:=.}/tests/recording.sh"
: "${KILLS:=100}"

# good_and_replayed TRACE
good_and_replayed() {
	"$memreplay" replay --touch=none --format=csv "$1" >replayed && good "$1"
}

# real NAME PROGRAM...: the program must be there, do well and leave a good trace
real() {
	name=$1
	shift
	if command -v "$1" >/dev/null; then
		ok "$name" recorded_well "$@"
		grep -h ' events, ' said | sed 's/^memreplay: [^:]*:/#/'
	else
		skip "$name" "there is no $1"
	fi
}
recorded_well() {
	record 0 -o t.mrt.gz "$@" >out || return
	good_and_replayed t.mrt.gz
}

# --- python3 with torch, which does its work in threads of its own

python=/usr/bin/python3
cat >train.py <<'END'
import ctypes, sys, torch
mark = getattr(ctypes.CDLL(None), "memreplay_record_mark", lambda name: None)
torch.manual_seed(1)
torch.set_num_threads(int(sys.argv[1]))
net = torch.nn.Sequential(torch.nn.Linear(256, 512), torch.nn.ReLU(),
                          torch.nn.Linear(512, 10))
optimizer = torch.optim.Adam(net.parameters())
for step in range(100):
    if step % 20 == 0:
        mark(b"step %d" % step)
    x, y = torch.randn(128, 256), torch.randint(0, 10, (128,))
    loss = torch.nn.functional.cross_entropy(net(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(loss.item())
END
if $python -c 'import torch' 2>/dev/null; then
	real "training with torch, 1 thread" $python train.py 1
	real "training with torch, 4 threads" $python train.py 4
	phases() {
		"$memreplay" convert --to=jsonl t.mrt.gz - | grep -c '"op":"mark"' |
			grep -x 5
	}
	ok "the marks of a Python program" phases
else
	skip "training with torch" "there is no python3-torch"
fi

# --- other programs

# A picture of the word LILT, of letters that are easy to draw.
picture() {
	awk 'BEGIN {
		letters = "10000 11111 10000 11111"
		low = "11111 11111 11111 00100"
		for (row = 0; row < 7; row++) {
			split(row == 6 ? low : row == 0 ? "10000 11111 10000 11111" \
				: "10000 00100 10000 00100", of, " ")
			line[row] = "000"
			for (i = 1; i <= 4; i++)
				line[row] = line[row] of[i] "00"
		}
		scale = 12
		width = length(line[0]) * scale
		print "P2\n" width, 13 * scale, "\n255"
		for (y = -3 * scale; y < 10 * scale; y++)
			for (x = 0; x < width; x++) {
				row = int(y / scale)
				dark = y >= 0 && row < 7 && substr(line[row],
					int(x / scale) + 1, 1) == "1"
				print dark ? 0 : 255
			}
	}' >picture.pgm
}
picture
real "tesseract on an image" tesseract picture.pgm text

real "sqlite3" sqlite3 base.db 'create table t(a integer, b text);
	with recursive n(i) as (select 1 union all select i + 1 from n where i < 50000)
		insert into t select i, hex(randomblob(i % 200)) from n;
	create index by_b on t(b);
	select count(*), max(length(b)) from t where b > "8";
	delete from t where a % 3 = 0; vacuum;'

repository() {
	git init -q repository && cd repository &&
		for i in $(seq 200); do seq "$i" 2000 >"file$i"; done &&
		git add . && git -c user.name=n -c user.email=e commit -qm m
}
if command -v git >/dev/null; then
	ok "a repository for git" repository
	real "git gc" git -C repository -c gc.auto=0 gc -q
	real "git log" git -C repository log --stat -p
else
	skip "git" "there is no git"
fi

real "bash with children" bash -c 'for i in $(seq 50); do
	x=$(ls / | sort | head -n 1); declare -A map; map[$i]=$x; done'

many_processes() {
	record 0 -o t.mrt.gz -f "$@" >out || return
	ls t.[0-9]*.mrt.gz >children || return
	for trace in t.mrt.gz t.[0-9]*.mrt.gz; do
		good "$trace" || return
	done
}
printf '#include <stdio.h>\n#include <stdlib.h>\n#include <math.h>\n%s\n' \
	'int main(void) { return printf("%f", sin(rand())) < 0; }' >one.c
ok "a compiler with all that it starts" many_processes "$CC" -O2 -g -o one one.c -lm
ok "bash with children, all recorded" many_processes bash -c \
	'for i in 1 2 3 4 5 6 7 8; do ls -l / | sort -r | wc; done'

real "16 threads that pass blocks to each other" "$recordee" pass 100000

# --- killed at random times: every file finishes and reads

killed() {
	seed=$(date +%s)
	echo "seed $seed"
	run=0
	events=0
	cut=0
	awk -v seed="$seed" -v runs="$KILLS" 'BEGIN {
		srand(seed)
		while (runs--)
			print int(rand() * 400000)
	}' >micros
	while read -r micros; do
		balanced 137 "$recordee" killed "$micros" >balance || {
			echo "after $micros microseconds"
			cat balance
			return 1
		}
		events=$((events + $(number t.mrt.gz events)))
		cut=$((cut + $(number t.mrt.gz unwritten_events)))
		run=$((run + 1))
	done <micros
	echo "$run kills, $events events, $cut unwritten" >figures
	is $run "$KILLS"
}
ok "killed at $KILLS random times" killed
sed 's/^/# /' figures

end_tests
