$ memreplay sweep --limits=0,1K,unlimited small.jsonl | grep .
small.jsonl: 19 events, 3 points
   cache limit  hit rate  by bytes     rejected   peak total    the same from         to below  gap proved
           0 B    0.00 %    0.00 %            5    4.883 KiB                0               90  no
         1 KiB   33.33 %    3.81 %            1    5.176 KiB              300            5,300  yes
     unlimited   33.33 %    3.81 %            0    5.176 KiB            5,300                -  yes

$ memreplay sweep --limits=0,unlimited --jobs=2 --format=csv - < small.jsonl | cut -d, -f1-5
trace,cache_limit,valid_from,valid_to,gap_proved
standard input,0,0,90,false
standard input,,5300,,true

$ memreplay sweep --limits=exact --from=1K --to=3K --resolution=1K --trace-format=jsonl --format=csv small.jsonl | cut -d, -f1-6
trace,cache_limit,valid_from,valid_to,gap_proved,events
small.jsonl,1024,300,5300,true,19
small.jsonl,2048,300,5300,true,19
small.jsonl,3072,300,5300,false,19

$ memreplay sweep --limits=1K --expect "hits@1K>=100" --format=csv small.jsonl | wc -l
2
! memreplay: expected hits@1K>=100, found 2

$ memreplay sweep --limits=1K --expect "hits@1K>=100" small.jsonl >/dev/null
! memreplay: expected hits@1K>=100, found 2
? 3

# of several traces, the one that does not do as expected is named
$ sed 6,7d small.jsonl >fewer.jsonl; memreplay sweep --limits=1K --expect "hits@1K>=2" small.jsonl fewer.jsonl >out
! memreplay: fewer.jsonl: expected hits@1K>=2, found 1
? 3

$ memreplay tune --expect "hits>=100" small.jsonl small.jsonl 2>&1 >out | grep expected
memreplay: small.jsonl: expected hits>=100, found 2
memreplay: small.jsonl: expected hits>=100, found 2

$ memreplay sweep --limits=1K --expect "hits>=1" small.jsonl
! memreplay: sweep: --expect: "hits>=1" is not "METRIC@LIMIT OP VALUE"
! Try 'memreplay sweep --help'.
? 2

$ memreplay sweep --from=1K small.jsonl
! memreplay: sweep: --from, --to and --resolution go with --limits=exact
! Try 'memreplay sweep --help'.
? 2

$ memreplay sweep --limits=3:2:1 small.jsonl
! memreplay: sweep: --limits: LO:HI:STEP needs LO <= HI, both limited, and STEP > 0
! Try 'memreplay sweep --help'.
? 2

# more limits than there is room for, and a step that does not need it
$ memreplay sweep --limits=0:1T:2 small.jsonl
! memreplay: sweep: --limits: that makes 549755813889 limits, and at most 1048576 are possible; a step of 1 tries those at which something changes
! Try 'memreplay sweep --help'.
? 2

$ memreplay sweep --limits=exact --to=2M --resolution=2 small.jsonl
! memreplay: sweep: --resolution: that makes 1048577 limits, and at most 1048576 are possible; a step of 1 tries those at which something changes
! Try 'memreplay sweep --help'.
? 2

$ memreplay sweep --limits=0:1T:1 --format=csv small.jsonl | wc -l
7

$ memreplay sweep --policy=none small.jsonl
! memreplay: small.jsonl: the policy none has no cache limit
? 2

# A trace that cannot be read is named and counted, and the others are complete.
$ memreplay sweep --limits=0 --format=csv double_free.jsonl small.jsonl missing.mrt | cut -d, -f1-5
trace,cache_limit,valid_from,valid_to,gap_proved
small.jsonl,0,0,90,false
! memreplay: double_free.jsonl:6: free of id 1, which was already freed
! memreplay: missing.mrt: cannot open: No such file or directory
! memreplay: 2 of 3 traces failed

$ memreplay sweep --limits=0 small.jsonl double_free.jsonl > /dev/null
! memreplay: double_free.jsonl:6: free of id 1, which was already freed
! memreplay: 1 of 2 traces failed
? 1

$ memreplay sweep --fail-fast --limits=0 small.jsonl double_free.jsonl missing.mrt
! memreplay: double_free.jsonl:6: free of id 1, which was already freed
! memreplay: 1 of 3 traces failed
? 1

$ memreplay tune small.jsonl missing.mrt | sed -n 2p
  recommended_cache_limit  304 B
! memreplay: small.jsonl: its 1 set_cache_limit event is ignored: each row is at one limit throughout
! memreplay: missing.mrt: cannot open: No such file or directory
! memreplay: 1 of 2 traces failed

$ memreplay tune --weights=1,2,3 --by=mean double_free.jsonl small.jsonl small.jsonl 2>/dev/null | grep -c "^  small.jsonl *19  "
2

$ printf '# mine\n\nsmall.jsonl\r\nsmall.jsonl' > list; memreplay sweep --limits=0 --format=csv @list | cut -d, -f1-2
trace,cache_limit
small.jsonl,0
small.jsonl,0

$ printf 'small.jsonl\n' | memreplay tune @- small.jsonl | grep worst
  worst_trace              small.jsonl
  worst_share              100.00 %
! memreplay: small.jsonl: its 1 set_cache_limit event is ignored: each row is at one limit throughout
! memreplay: small.jsonl: its 1 set_cache_limit event is ignored: each row is at one limit throughout

$ printf 'small.jsonl\n@list\n' > nested; memreplay sweep @nested
! memreplay: nested:2: a list cannot name another; "./@list" is a trace
? 1

$ printf '\n#\n' > empty; memreplay tune @empty
! memreplay: empty: there is no path in this list
? 1

$ memreplay report -o page.html @missing
! memreplay: missing: cannot open: No such file or directory
? 1

$ memreplay tune small.jsonl | sed 6q
recommendation
  recommended_cache_limit  304 B
  goal                     target
  rate                     hit_rate
  share_of_unlimited       100.00 %
  python                   mx.set_cache_limit(304)
! memreplay: small.jsonl: its 1 set_cache_limit event is ignored: each row is at one limit throughout

# the policy is the one recommended, not the first trace's
$ memreplay tune small.jsonl small.jsonl | grep -A2 '^policy'
policy
  name                     mlx-cpu
  cache_limit              304 B
! memreplay: small.jsonl: its 1 set_cache_limit event is ignored: each row is at one limit throughout
! memreplay: small.jsonl: its 1 set_cache_limit event is ignored: each row is at one limit throughout

$ memreplay tune --knee --budget=1 small.jsonl
! memreplay: tune: --knee and --budget exclude each other
! Try 'memreplay tune --help'.
? 2

$ memreplay tune --target=200% small.jsonl
! memreplay: tune: --target: "200%" is not a share: expected 99% or 0.99
! Try 'memreplay tune --help'.
? 2

$ memreplay tune --weights=1 small.jsonl small.jsonl
! memreplay: tune: --weights: expected one weight a trace, such as 2,1,1
! Try 'memreplay tune --help'.
? 2

$ memreplay tune --expect "hits>=100" small.jsonl > /dev/null
! memreplay: small.jsonl: its 1 set_cache_limit event is ignored: each row is at one limit throughout
! memreplay: expected hits>=100, found 2
? 3

$ memreplay sweep --policy=mlx-metal --limits=0,1K,unlimited --format=csv small.jsonl | cut -d, -f1-6
trace,cache_limit,valid_from,valid_to,gap_proved,events
small.jsonl,0,0,1,false,19
small.jsonl,1024,511,5000,false,19
small.jsonl,,5300,,true,19

$ memreplay sweep --limits=0 --resume=small.jsonl small.jsonl
! memreplay: small.jsonl: is not a journal of memreplay
? 1

$ cp small.jsonl a.jsonl; for i in 1 2; do memreplay sweep --limits=0 --resume=j --format=csv a.jsonl | cut -d, -f1,2; done
trace,cache_limit
a.jsonl,0
trace,cache_limit
a.jsonl,0
! memreplay: j: 1 of 1 units are done already

# A trace that has changed is another.
$ touch -d 2001-01-01 a.jsonl; memreplay sweep --limits=0 --resume=j --format=csv a.jsonl small.jsonl | wc -l
3

$ memreplay sweep --limits=0 --resume=j --set window_factor=3 --format=csv a.jsonl small.jsonl | wc -l
3

$ memreplay sweep --limits=0 --resume=j --format=csv a.jsonl small.jsonl | wc -l
3
! memreplay: j: 2 of 2 units are done already

$ printf x >> j; memreplay sweep --limits=0 --resume=j a.jsonl > /dev/null
! memreplay: j: its last 1 bytes were not written whole and are cut off
! memreplay: j: 1 of 1 units are done already

# ... and is not put together with what it was, though its size and time are the same.
$ (cat small.jsonl; echo '{"op":"clear_cache"}') >b.jsonl; touch -d 2001-01-01 b.jsonl; memreplay sweep --limits=0:1K:16 --resume=k --format=csv b.jsonl | wc -l; truncate -s -9 k; (cat small.jsonl; printf "%20s\n" "") >b.jsonl; touch -d 2001-01-01 b.jsonl; memreplay sweep --limits=0:1K:16 --resume=k --format=csv b.jsonl
66
!~ k: its last
!~ k: 4 of 5 units are done already
! memreplay: b.jsonl: is not the same file for all units: some read 20 events, some 19
? 1

# no 100 % where a miss remains
$ (head -n 1 small.jsonl; seq 30000 | sed 's/.*/{"op":"malloc","id":&,"size":9}\n{"op":"free","id":&}/') | memreplay sweep -L 1M - | grep -o "1 MiB  .* %"
1 MiB   99.99 %   99.99 %
