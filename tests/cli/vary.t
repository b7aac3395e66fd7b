$ memreplay sweep --vary policy=mlx-cpu,mlx-metal --vary round=none,1/4 --limits=1K,unlimited --format=csv small.jsonl | cut -d, -f1-6
trace,policy,round,cache_limit,valid_from,valid_to
small.jsonl,mlx-cpu,none,1024,300,5300
small.jsonl,mlx-cpu,none,,5300,
small.jsonl,mlx-cpu,1/4,1024,336,5456
small.jsonl,mlx-cpu,1/4,,5456,
small.jsonl,mlx-metal,none,1024,511,5000
small.jsonl,mlx-metal,none,,5300,
small.jsonl,mlx-metal,1/4,1024,524,5120
small.jsonl,mlx-metal,1/4,,5456,

$ memreplay sweep --vary clear_every=0,3 --limits=1K small.jsonl | grep -c "small.jsonl with clear_every=[03]: 19 events, 1 points"
2

$ memreplay sweep --vary window_factor=2,3 --limits=1K --format=json - < small.jsonl | grep -c gap_proved
2

$ memreplay sweep --vary round --limits=1K small.jsonl
! memreplay: sweep: --vary: "round" is not KNOB=A,B,C
! Try 'memreplay sweep --help'.
? 2

# what each curve is over
$ memreplay sweep --vary cache_limit=1M,2M small.jsonl
! memreplay: sweep: --vary: each curve is over cache_limit already; --limits says at which
! Try 'memreplay sweep --help'.
? 2

$ memreplay sweep --set cache_limit=1M small.jsonl
! memreplay: sweep: --set: each curve is over cache_limit already; --limits says at which
! Try 'memreplay sweep --help'.
? 2

$ memreplay sweep --vary policy=mlx-cpu,x small.jsonl
! memreplay: sweep: --vary: there is no policy "x"
! Try 'memreplay sweep --help'.
? 2

$ memreplay sweep --vary policy=mlx-cpu,none small.jsonl
! memreplay: small.jsonl: the policy none has no cache limit
? 2

# a knob that changes nothing is named, once a policy
$ memreplay sweep --limits=1M --vary=policy=mlx-metal,mlx-cpu,mlx-cuda --vary=window_factor=2,3 --set=working_set=1G small.jsonl >out
! memreplay: the knob working_set changes nothing under the policy mlx-cpu
! memreplay: the knob working_set changes nothing under the policy mlx-cuda

$ memreplay diff --with=memory=1G small.jsonl >out
! memreplay: the knob memory changes nothing under the policy mlx-cpu

$ memreplay simulate --policy=none --set=memory_limit=1G --set=round=1/4 small.jsonl >out
! memreplay: the knob round changes nothing under the policy none

$ memreplay simulate --policy=none --cache-limit=1G small.jsonl >out
! memreplay: --cache-limit changes nothing under the policy none
!~ set_cache_limit event
