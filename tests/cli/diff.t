# what a knob changes, largest first
$ memreplay diff silent.jsonl --with cache_limit=100 2>err | grep -A 2 "^policy"
policy
  knob              a      b
  cache_limit  1000 B  100 B

# two traces under one policy
$ memreplay diff small.jsonl differs.jsonl -f csv | grep "a,,\|b,,file\|policy"
a,,file,small.jsonl
a,,from,trace
a,,workload,small
a,,events,19
a,,policy,mlx-cpu
b,,file,differs.jsonl
b,,policy,mlx-cpu

# two policies
$ memreplay diff small.jsonl --with policy=none -f json | grep -A 6 "\"hits\""
			"metric":	"hits",
			"a":	1,
			"b":	0,
			"change":	-1,
			"relative":	-1,
			"verdict":	"worse"
		}, {

# a trace in one reading from a pipe
$ cat small.jsonl | memreplay diff - --with policy=none -e hits==-1 -e misses==+1 -e misses==+20% >table

# a saved result against itself, and against its trace, changes nothing
$ memreplay simulate small.jsonl -f json >a.json; memreplay diff a.json a.json -f json | grep -w "changed\|changes"; memreplay diff a.json small.jsonl -f json | grep -w "changed\|from"
		"changed":	0
	"changes":	[]
		"from":	"saved result",
		"from":	"trace",
		"changed":	0

# the gate: an expectation on the change that does not hold
$ memreplay simulate small.jsonl -f json -p none >a.json; memreplay diff a.json small.jsonl -e "misses<=+1%" -e "peak_cached_bytes<=+10%" -e "hits>=-5" -e "hit_rate<=+0.1" >table
! memreplay: expected peak_cached_bytes<=+10%, found +300 B, from 0
! memreplay: expected hit_rate<=+0.1, found +16.67 %, from 0
? 3

# knobs of saved results are compared
$ memreplay simulate small.jsonl -f json --set page=1 >a.json; memreplay simulate small.jsonl -f json -l unlimited >b.json 2>err; memreplay diff a.json b.json | grep -A 3 "^policy"
policy
  knob              a          b
  cache_limit  1000 B  unlimited
  page            1 B      4 KiB

# a saved result may be gzipped
$ memreplay simulate small.jsonl -f json | gzip >a.json.gz; memreplay diff a.json.gz small.jsonl -e events==0 >table

# replays: each backend with its like
$ memreplay replay small.jsonl -f json >r.json; memreplay diff r.json r.json -e hits==0 -e peak_rss_bytes==0 -e malloc_ns_p50==0 | grep -c "changed  *0$"
1

# a replay and a simulation have the counts in common
$ memreplay replay small.jsonl -f json >r.json; memreplay diff r.json small.jsonl -e hits==0 | grep -c "changed  *0$"; memreplay diff small.jsonl r.json -e wall_ns==0 >table
1
! memreplay: expected wall_ns==0, found no such figure on both sides
? 3

# a number that a double cannot hold is refused by name
$ memreplay simulate small.jsonl -f json | sed "s/\"hits\":.*/\"hits\": 9007199254740994,/" >a.json; memreplay diff a.json small.jsonl
! memreplay: a.json: "hits" is not a whole number up to 2^53
? 1

# and one that is no count
$ memreplay simulate small.jsonl -f json | sed "s/\"frees\":.*/\"frees\": 1.5,/" >a.json; memreplay diff small.jsonl a.json
! memreplay: a.json: "frees" is not a whole number up to 2^53
? 1

# JSON that is neither
$ echo "{\"policy\": {}}" >a.json; memreplay diff a.json small.jsonl
!~ memreplay: a.json:
? 1

# --with is for a simulation
$ memreplay simulate small.jsonl -f json >a.json; memreplay diff a.json a.json --with page=1
! memreplay: diff: --with asks for a simulation, but a.json is a saved result
! Try 'memreplay diff --help'.
? 2

# a result alone
$ memreplay simulate small.jsonl -f json >a.json; memreplay diff a.json
! memreplay: diff: there is nothing to compare: expected B, or --with
! Try 'memreplay diff --help'.
? 2

# a knob that does not exist
$ memreplay diff nothere --with pages=3
! memreplay: diff: --with: there is no knob "pages"; did you mean page?
! Try 'memreplay diff --help'.
? 2

# a policy that does not exist
$ memreplay diff nothere --with policy=best
! memreplay: diff: --with: no policy is called "best"
! Try 'memreplay diff --help'.
? 2

# a change without a sign
$ memreplay diff nothere --with page=3 -e "hits>=5"
! memreplay: diff: --expect: "5" is not a change: expected a sign, as in +10%, -5 or 0
! Try 'memreplay diff --help'.
? 2

# no such metric
$ memreplay diff nothere --with page=3 -e "hitz>=+5"
! memreplay: diff: --expect: there is no metric "hitz"; did you mean hits?
! Try 'memreplay diff --help'.
? 2

# no such file
$ memreplay diff small.jsonl nothere
!~ memreplay: nothere: 
? 1

# ratios that stand in a file without their counts
$ S=$top_srcdir/traces/toy_torch.pickle.gz; memreplay simulate -f json --alloc-conf=expandable_segments:True $S >a.json; memreplay simulate -f json --alloc-conf= $S >b.json; memreplay diff a.json b.json -e "fragmentation_at_peak<=+0" -e byte_hit_rate==0 -e "mean_fragmentation<=+30%" -e "mean_fragmentation<=+25%" >table; memreplay simulate small.jsonl -f json >c.json; memreplay diff c.json b.json | grep byte_hit_rate
~ byte_hit_rate         1.63 %    93.13 %    +91.50 %
! memreplay: expected fragmentation_at_peak<=+0, found +32.14 % (+374.68 %)
! memreplay: expected byte_hit_rate==0, found -1.76 % (-1.85 %)
! memreplay: expected mean_fragmentation<=+25%, found +10.33 % (+26.34 %)

# and are those of their trace, to the last digit
$ memreplay simulate --alloc-conf= -f json small.jsonl >a.json; memreplay diff --alloc-conf= a.json small.jsonl -e mean_fragmentation==0 | grep -c "changed  *0$"
1

# a metric that a file does not have is not 0
$ memreplay simulate small.jsonl -f json | grep -v \"hit_bytes >a.json; memreplay diff a.json small.jsonl -e hit_bytes==0 -e byte_hit_rate==0 >table
! memreplay: expected hit_bytes==0, found no such figure on both sides
? 3

# nor a ratio above 1
$ memreplay simulate small.jsonl -f json | sed "s/\"hit_rate\":.*/\"hit_rate\": 1.5,/" >a.json; memreplay diff a.json small.jsonl
! memreplay: a.json: "hit_rate" is not a ratio from 0 to 1
? 1

# figures that one of two policies does not count are left out
$ memreplay diff small.jsonl --with policy=torch-cuda -e peak_cached_bytes==0 -e "peak_reserved_bytes>=0" >table; grep -c peak_cached_bytes table; grep "  hits  " table
0
~ torch-cuda  hits
! memreplay: expected peak_cached_bytes==0, found no such figure on both sides
! memreplay: expected peak_reserved_bytes>=0, found no such figure on both sides

# memory runs out on one side: its figures are of a part of the trace
$ memreplay diff --alloc-conf= small.jsonl --with memory=1M -e "peak_reserved_bytes<=0" -e ooms==+1 -e ooms==0 >table; sed -n "/^b/,/^policy/p" table | grep oom_event; sed -n "/^changes/,\$p" table | grep -c "better\|worse"
  oom_event  2
1
! memreplay: B ran out of memory at event 2: its figures are of what came before
! memreplay: expected peak_reserved_bytes<=0, found figures of unequal parts of the trace
! memreplay: expected ooms==0, found +1, from 0

# ... on both, at the same event
$ memreplay simulate --alloc-conf= --set memory=1M -f json small.jsonl >a.json; memreplay diff --alloc-conf= --set memory=1M a.json small.jsonl -e peak_reserved_bytes==0 -f json | grep oom_event
		"oom_event":	2
		"oom_event":	2
! memreplay: A ran out of memory at event 2: its figures are of what came before
! memreplay: B ran out of memory at event 2: its figures are of what came before

# a snapshot of PyTorch under PyTorch's rules is that of simulate
$ S=$top_srcdir/traces/toy_torch.pickle.gz; memreplay simulate --alloc-conf= -f json $S >a.json; memreplay diff --alloc-conf= a.json $S -e hits==0 -e events==0 | grep -w changed; memreplay diff $S --with policy=torch-cuda | grep -w "hits"
  changed            0
~ torch-cuda  hits                      90        785
!~ imported from pytorch-snapshot

# ... on both sides, wherever it begins
$ S=$top_srcdir/traces/toy_torch.pickle.gz; memreplay simulate --alloc-conf= --start=seeded --set memory=280M -f json $S >b.json; memreplay diff --alloc-conf= --start=seeded $S --with memory=280M | grep -w changed; memreplay diff --alloc-conf= --start=seeded --set memory=280M $S b.json | grep -w changed
  changed           13
  changed            0

# ... which cannot be read for each side from a pipe
$ cat $top_srcdir/traces/toy_torch.pickle.gz | memreplay diff --from=pytorch-snapshot --policy=torch-cuda - --with policy=torch-npu
! memreplay: diff: a snapshot is read once for each side, and standard input cannot be
! Try 'memreplay diff --help'.
? 2

# knobs are those of the policy of B, however it is named
$ memreplay diff --alloc-conf= small.jsonl --with expandable_segments=True | grep "expandable_segments  "; memreplay diff small.jsonl --with large_segment=40M --with policy=torch-cuda -f csv | grep -A 1 "knob,large_segment"; memreplay diff --alloc-conf= small.jsonl --with policy=mlx-cpu --with page=1 -f csv | grep "policy,mlx\|policy,torch"
  expandable_segments  False  True
policy,8,knob,large_segment
policy,8,a,
a,,policy,torch-cuda
b,,policy,mlx-cpu

$ memreplay diff --alloc-conf= nothere --with page=1
! memreplay: diff: --with: the policy torch-cuda has no knob page
! Try 'memreplay diff --help'.
? 2

# knobs that are shares, saved or not
$ for i in 0.3 0.25; do memreplay simulate --alloc-conf= --set memory=1G --set fraction=$i -f json small.jsonl >$i.json; done; memreplay diff 0.3.json 0.25.json | grep "^  fraction"; memreplay diff --alloc-conf= --set memory=1G --set fraction=0.3 0.3.json small.jsonl | grep -A 1 "^policy"
~ fraction    30.00 %
policy
  none
