# every result, exactly
$ memreplay simulate small.jsonl -e events==19 -e mallocs==6 -e frees==5 -e hits==1 -e misses==5 -e larger_hits==1 -e slack_bytes==10 -e requested_bytes==5510 -e hit_bytes==90 -e evicted_blocks==3 -e evicted_bytes==420 -e stale_bytes==420 -e active_bytes==0 -e cached_bytes==0 -e live_blocks==1 -e cached_blocks==0 -e peak_active_bytes==5000 -e peak_since_reset_bytes==120 -e peak_total_bytes==5300 -e peak_cached_bytes==300 -e rejected_frees==1 -e rejected_bytes==5000 -e cache_limit==150 -e max_overshoot_bytes==0 -e events_over_limit==0 -e limit_changes==1 -e evictions_by_limit==2 -e evicted_bytes_by_limit==300 -e cleared_blocks==1 -e cleared_bytes==120 -e memory_limit==4000 -e events_over_memory_limit==1 >table; echo $?; grep -c . table >/dev/null
0

# the three objects
$ memreplay simulate small.jsonl --format=json | grep "^	\"\|^		\".*{"
	"trace":	{
	"policy":	{
	"result":	{
		"limit_enforcement":	{
		"detail":	{
	"phases":	[{
	"cached_at_peak":	[{
	"findings":	[{

# numbers in json are plain
$ memreplay simulate small.jsonl --format=json | grep "^		\"\(hits\|hit_rate\|peak_active_bytes\)\""
		"hits":	1,
		"hit_rate":	0.16666666666666666,
		"peak_active_bytes":	5000,

# unlimited is null
$ memreplay simulate small.jsonl -f json --cache-limit=unlimited 2>/dev/null | grep -w cache_limit
		"cache_limit":	null,
			"cache_limit":	null,

# every knob is in the policy
$ memreplay simulate small.jsonl -f json --set window_pages=1 | sed -n "/policy/,/}/p" | grep -w "page\|window_pages\|name"
		"name":	"mlx-cpu",
		"page":	4096,
		"window_pages":	1,

# knobs that are words
$ memreplay simulate small.jsonl -f json --set round=1/8 --set on_full=evict | grep -w "round\|on_full"
		"round":	"1/8",
		"on_full":	"evict",

# a word that is none of them
$ memreplay simulate small.jsonl --set round=1/3
! memreplay: simulate: --set: round: "1/3" is not one of none, pow2, 1/4, 1/8, 1/16
! Try 'memreplay simulate --help'.
? 2

# the limits of the GPUs' policies follow from the memory
$ memreplay simulate differs.jsonl -f json -p mlx-metal --set working_set=100M --set memory=1G | sed -n "/policy/,/}/p" | grep -w "name\|page\|memory_limit\|max_blocks"
		"name":	"mlx-metal",
		"memory_limit":	157286400,
		"page":	16384,
		"max_blocks":	499000,

# unless they are set
$ memreplay simulate differs.jsonl -f json -p mlx-cuda --set memory=100M --set memory_limit=1M --set cache_limit=1K --keep-limit-events | sed -n "/policy/,/}/p" | grep -w "cache_limit\|memory_limit"
		"cache_limit":	1024,
		"memory_limit":	1048576,

# a malloc beyond max_blocks is a result
$ memreplay simulate small.jsonl -f json --set max_blocks=1 | grep "^		\"\(mallocs\|failed_mallocs\|first_failed_malloc\)\""
		"mallocs":	5,
		"failed_mallocs":	1,
		"first_failed_malloc":	3,

# an event that leaves more memory active than the limit is counted and named
$ memreplay simulate small.jsonl -f json --set max_blocks=1 | grep -w "events_over_memory_limit\|first_event_over_memory_limit"
			"events_over_memory_limit":	1,
			"first_event_over_memory_limit":	8

# csv is two lines of as many fields
$ memreplay simulate small.jsonl --format=csv | awk -F, "NR == 1 { n = NF } NR > 1 && NF == n { print NR }"
2

# csv has each name once
$ memreplay simulate small.jsonl --format=csv | head -n 1 | tr , "\n" | sort | uniq -d

# jobs change nothing
$ memreplay simulate small.jsonl -f json >a; memreplay simulate small.jsonl -f json --jobs=4 >b; cmp a b

# standard input
$ memreplay simulate - -f json <small.jsonl | grep "^		\"\(file\|events\)\""
		"file":	"-",
		"events":	19,
		"events":	19,

# standard input, gzipped
$ gzip -c small.jsonl | memreplay simulate - -e events==19 >table

# the trace's limits give way to --cache-limit
$ memreplay simulate small.jsonl -l 1M -e cache_limit==1M -e limit_changes==0 -e evictions_by_limit==0 >table
! memreplay: 1 set_cache_limit event ignored because --cache-limit is given; --keep-limit-events obeys them

# ... and to --set cache_limit
$ memreplay simulate small.jsonl --set cache_limit=1M -e cache_limit==1M >table
! memreplay: 1 set_cache_limit event ignored because --cache-limit is given; --keep-limit-events obeys them

# ... unless they are kept
$ memreplay simulate small.jsonl -l 1M --keep-limit-events -e cache_limit==150 -e limit_changes==1 >table

# --set wins over --cache-limit
$ memreplay simulate silent.jsonl -l 1M --set cache_limit=0 --set cache_limit=200 --findings=never -f json 2>/dev/null | grep -c "limit.*200"
2

# policy none caches nothing
$ memreplay simulate small.jsonl --policy=none -e hits==0 -e peak_cached_bytes==0 >table

# an expectation that fails
$ memreplay simulate small.jsonl -e "hit_rate >= 95%" -e hits==1 -e "max_overshoot_bytes>0" -e result.limit_enforcement.peak_cached_bytes\<0.25K >table; s=$?; grep -c "^  hit_rate " table; exit $s
1
! memreplay: expected hit_rate >= 95%, found 0.16666666666666666 (16.67 %)
! memreplay: expected max_overshoot_bytes>0, found 0 B
! memreplay: expected result.limit_enforcement.peak_cached_bytes<0.25K, found 300 B
? 3

# an expectation of no known metric
$ memreplay simulate nothere -e "hitrate>=3"
! memreplay: simulate: --expect: there is no metric "hitrate"; did you mean hit_rate?
! Try 'memreplay simulate --help'.
? 2

# a malformed expectation
$ memreplay simulate nothere -e "hit_rate=3"
! memreplay: simulate: --expect: "hit_rate=3" is not "METRIC OP VALUE" with OP one of >= <= > < == !=
! Try 'memreplay simulate --help'.
? 2

# a page that cannot be
$ memreplay simulate bad_page.jsonl
! memreplay: bad_page.jsonl: header: page: 0 is out of range: expected 1 to 1099511627776
? 1

# lenient reading says what it skipped
$ memreplay simulate --lenient double_free.jsonl -e frees==1 >table
! memreplay: double_free.jsonl: skipped or mended: frees of blocks that are not live (1)

# PyTorch's rules: segments, and a device on which memory runs out
$ memreplay simulate --alloc-conf= --format=csv --expect 'segments<=1' --expect 'peak_reserved_bytes<=2M' --expect 'ooms<=0' small.jsonl >out

$ memreplay simulate --policy=torch-cuda --set memory=1M --expect 'ooms<=0' small.jsonl >out
! memreplay: expected ooms<=0, found 1
? 3

# a key that is not known is ignored, a wrong value is not
$ memreplay simulate --alloc-conf=foo:1,max_split_size_mb:64 small.jsonl | grep -w alloc_conf
~ max_split_size_mb:64
! memreplay: --alloc-conf: "foo" is not known and ignored

$ memreplay simulate --alloc-conf=max_split_size_mb:4 small.jsonl
! memreplay: simulate: --alloc-conf: max_split_size_mb:4: expected a whole number of MiB from 20 on
!~ --help
? 2

# knobs belong to a policy
$ memreplay simulate --alloc-conf= --set window_pages=3 small.jsonl
! memreplay: simulate: --set: the policy torch-cuda has no knob window_pages
!~ --help
? 2

$ memreplay replay --policy=torch-cuda small.jsonl
! memreplay: replay: there is no real allocator with the rules of torch-cuda
!~ --help
? 2

# in detail, exactly
$ memreplay simulate small.jsonl -e misses_by_limit==1 -e misses_nothing_cached==3 -e misses_only_smaller==1 -e misses_beyond_window==0 -e peak_stale_bytes==300 -e mean_stale_bytes==90 -e mean_cached_bytes==95 -e detail.peak_blocks==3 -e peak_live_blocks==2 -e peak_cached_blocks==2 -e bound_hits==3 -e "bound_hit_rate<=50%" -e bound_hit_bytes==510 -e "stale_share>0.8" >table

# phases and the cache at its peak
$ memreplay simulate small.jsonl --findings=never | sed -n "/^phases/,$ p" | grep . | cut -c 1-60
phases
  name          marks  entries  first_event  events  mallocs
  start             1        1            1      10        4
  second phase      1        1           11       9        2
cached at peak
  capacity_from  blocks  bytes
           64 B       1  100 B
          128 B       1  200 B

# nothing that would help
$ memreplay simulate small.jsonl -p none | tail -n 2
findings
  none: no change that was tried gains anything

# phases are those of marks that differ in more than numbers
$ sed "s/second phase/start 2/; s/\"start\"/\"start 1\"/" small.jsonl | memreplay simulate - -f json | grep -A 3 phases
	"phases":	[{
			"name":	"start #",
			"marks":	2,
			"entries":	1,

# findings: what to set, and what it gives
$ memreplay simulate small.jsonl -l 100 2>err | sed -n "/^findings/,$ p"
findings
  1. The limit of 100 B costs 1 of the 5 misses: 3 freed blocks (5.195 KiB) did
     not fit. A limit of 300 B gives 1 hit more: a hit rate of 33.33 % instead
     of 16.67 %, by bytes 3.81 % instead of 1.63 %. At most 5.176 KiB are live
     and cached instead of 4.980 KiB.
     --cache-limit=300

# standard input cannot be read twice
$ cat small.jsonl | memreplay simulate - --findings=always -f json | grep findings
! memreplay: standard input cannot be read twice: no findings
? 1

# findings in csv, on request
$ memreplay simulate small.jsonl --findings=always -l 100 -f csv 2>err | grep "^findings,0,\(kind\|adv\|hits\)"
findings,0,kind,raise_limit
findings,0,advice,--cache-limit=300
findings,0,hits,1
findings,0,hits_then,2

# clearing at a phase, which a number in the mark does not change
$ memreplay simulate small.jsonl --clear-at="second phase" -e cleared_blocks==3 -e cleared_bytes==420 -e evictions_by_limit==0 >table; sed "s/second/7/" small.jsonl | memreplay simulate - --clear-at="# phase" -e cleared_blocks==3 >table

# ... which is no event, nor one of those over a limit
$ memreplay simulate small.jsonl --clear-at="second phase" --findings=always -f json 2>/dev/null | grep -c '"events":.19'
2
$ (head -n 1 small.jsonl; printf '{"op":"malloc","id":1,"size":8}\n{"op":"free","id":1}\n{"op":"malloc","id":2,"size":5000}\n{"op":"mark","name":"phase"}\n{"op":"free","id":2}\n') | memreplay simulate --clear-at=phase -e events==5 -e events_over_memory_limit==1 -e mean_cached_bytes==4 -e mean_stale_bytes==4 - >table
$ memreplay simulate small.jsonl --clear-at=nosuch
! memreplay: small.jsonl: there is no phase "nosuch" to clear at
? 1

# no such word
$ memreplay simulate small.jsonl --findings=maybe
!~ --findings: "maybe" is not one of auto, always, never
! Try 'memreplay simulate --help'.
? 2
