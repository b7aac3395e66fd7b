# a trace that agrees
$ memreplay verify small.jsonl | sed -n "/^result/,\$p"
result
  differences                    0
  caps_checked                   6
  cap_differences                0
  hits_checked                   6
  hit_differences                0
  counters_checked               3
  counters_differences           0

# a trace that differs
$ memreplay verify differs.jsonl | sed -n "/^result/,\$p" | grep .
result
  differences                    3
  caps_checked                   6
  cap_differences                1
  hits_checked                   6
  hit_differences                1
  counters_checked               3
  counters_differences           1
first difference
  event                 5
  field                 hit
  recorded              0
  given                 1
! memreplay: differs.jsonl: event 5: recorded hit 0, the policy gives 1

# status 3 where it differs
$ memreplay verify differs.jsonl >table
! memreplay: differs.jsonl: event 5: recorded hit 0, the policy gives 1
? 3

# ... in json
$ memreplay verify differs.jsonl -f json 2>/dev/null | sed -n "/first_diff/,/}/p"
		"first_difference":	{
			"event":	5,
			"field":	"hit",
			"recorded":	0,
			"given":	1
		}

# no difference in json is null
$ memreplay verify small.jsonl -f json | sed -n "/first_diff/,/}/p"
		"first_difference":	{
			"event":	null,
			"field":	null,
			"recorded":	null,
			"given":	null
		}

# another policy differs
$ memreplay verify small.jsonl --set window_pages=0 --set window_factor=1 >table
! memreplay: small.jsonl: event 5: recorded hit 1, the policy gives 0
? 3

# nothing recorded is no proof
$ memreplay verify silent.jsonl >table
! memreplay: silent.jsonl: nothing to verify: no cap, hit or counters was recorded
? 3

# memory ran out: what is asked for then gets no block, whatever its slot held before
$ printf '%s\n' '{"format":"alloc-trace","version":1,"source":"hand","workload":"oom"}' '{"op":"malloc","id":1,"size":1048576,"cap":1048576}' '{"op":"malloc","id":2,"size":67108864}' '{"op":"free","id":1}' '{"op":"malloc","id":3,"size":5242880,"cap":1048576}' >oom.jsonl; memreplay verify --policy=torch-cuda --set memory=30M oom.jsonl | grep cap_differences
  cap_differences                    1
! memreplay: oom.jsonl: event 4: recorded cap 1048576, the policy gives 0
