# a snapshot of PyTorch against PyTorch's rules
$ memreplay verify $top_srcdir/traces/toy_torch.pickle.gz | grep -E 'exact|differences'
~ exact                             yes
~ differences                         0
~ address_differences                 0
~ segment_event_differences           0
~ final_block_differences             0
~ oom_differences                     0

# the first difference is named, and why it may be
$ memreplay verify --set extra=32 $top_srcdir/traces/toy_torch.pickle.gz >/dev/null
!~ the policy gives
!~ try --set memory=
? 3

# memory runs out: what was asked for, and by whom
$ memreplay simulate --alloc-conf= --set memory=255M --expect=ooms==0 $top_srcdir/traces/toy_torch.pickle.gz | grep -E '^  (requested_bytes|asked_for_by)'
~ requested_bytes
~ requested_bytes
~ train.py:38 forward < train.py:50 step < train.py:61 main
!~ expected ooms==0, found 1

# memory runs out before the first event, for the older blocks
$ memreplay simulate --alloc-conf= --set memory=100M -f json $top_srcdir/traces/toy_torch.pickle.gz | grep -E '"(ooms|oom_event|event|before_first_event)":'
~ "ooms":	0
~ "ooms":	1
~ "oom_event":	0
~ "event":	0
~ "event":	null
~ "before_first_event":	true

$ memreplay simulate --alloc-conf= --set memory=255M -f json $top_srcdir/traces/toy_torch.pickle.gz | grep -E '"(oom_event|before_first_event)":'
~ "oom_event":	83
~ "before_first_event":	false

# this run goes on, or one from scratch
$ memreplay simulate --alloc-conf= --start=seeded $top_srcdir/traces/toy_torch.pickle.gz | grep -E 'means|peak_reserved_bytes  '
~ 276 MiB
~ begins with the segments and blocks that were there
~ 296 MiB
~ 296 MiB
~ 296 MiB

$ memreplay simulate --alloc-conf= --start=rebuilt $top_srcdir/traces/toy_torch.pickle.gz | grep -E 'means|peak_reserved_bytes  '
~ 276 MiB
~ a run from scratch
~ 340 MiB
~ 340 MiB
~ 340 MiB

# settings by devices, as CSV
$ memreplay sweep --alloc-conf= --alloc-conf=expandable_segments:True --set memory=260M:270M:10M --format=csv $top_srcdir/traces/toy_torch.pickle.gz | grep -E 'points,[0-9]*,(memory|ooms),'
points,0,memory,272629760
points,0,ooms,1
points,1,memory,283115520
points,1,ooms,0
points,2,memory,272629760
points,2,ooms,1
points,3,memory,283115520
points,3,ooms,0

# any trace can be run so
$ memreplay sweep --policy=torch-cuda --set large_segment=20M,40M --expect='peak_reserved_bytes<=2M' small.jsonl >out

# ... from a pipe, which is not looked at for a snapshot unless told
$ cat small.jsonl | memreplay simulate --alloc-conf= /dev/stdin | grep "^  events"
~ 19
~ 19

$ cat $top_srcdir/traces/toy_torch.pickle.gz | memreplay simulate --alloc-conf= --from=pytorch-snapshot /dev/stdin | grep "^  hits "
~ 785

# a grid of what is no grid
$ memreplay sweep --policy=torch-cuda --set memory=9:1:1 small.jsonl
!~ KNOB=LO:HI:STEP
!~ --help
? 2

$ memreplay sweep --policy=torch-cuda --set large_segment=1M,2M small.jsonl
!~ out of range
!~ --help
? 2

$ memreplay simulate --alloc-conf= --alloc-conf=expandable_segments:True $top_srcdir/traces/toy_torch.pickle.gz
! memreplay: simulate: --alloc-conf: given more than once; sweep compares
!~ --help
? 2

# does it fit?
$ memreplay tune --device-memory=300M $top_srcdir/traces/toy_torch.pickle.gz | head -n 9
recommendation
  alloc_conf             expandable_segments:True
  export                 export PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True
  device_memory_bytes    300 MiB
  fits                   yes
  retries                0
  smallest_device_bytes  264 MiB
  margin_bytes           36 MiB
  peak_reserved_bytes    264 MiB

$ memreplay tune --device-memory=250M --expect=ooms==0 $top_srcdir/traces/toy_torch.pickle.gz >out
! memreplay: expected ooms==0, found 1
? 3

$ memreplay tune --device-memory=250M --expect=fits==1 --expect=smallest_device_bytes==264M --expect='margin_bytes>0' $top_srcdir/traces/toy_torch.pickle.gz >out
! memreplay: expected fits==1, found 0
! memreplay: expected margin_bytes>0, found 0 B
? 3

$ memreplay tune --device-memory=300M --expect=fits==1 --expect=margin_bytes==36M --expect="retries>=1" $top_srcdir/traces/toy_torch.pickle.gz >out
! memreplay: expected retries>=1, found 0
? 3

$ memreplay tune --device-memory=300M --expect=fit==1 $top_srcdir/traces/toy_torch.pickle.gz
! memreplay: tune: --expect: there is no metric "fit"; did you mean fits?
!~ --help
? 2

# settings that run away are warned about, and not recommended
$ memreplay tune --alloc-conf=max_split_size_mb:20 --alloc-conf=expandable_segments:True,max_split_size_mb:20 $top_srcdir/traces/toy_torch.pickle.gz | head -n 3
recommendation
~ alloc_conf
  export                 the settings stay as they are
!~ max_split_size_mb:20 is known to run away
!~ max_split_size_mb:20 is known to run away

# what is older than a profile takes its part of the device
$ (printf '{"format":"alloc-trace","version":1,"import":{"older_bytes":4194304}}\n'; sed 1d small.jsonl) >older.jsonl; memreplay tune --device-memory=5M -f json older.jsonl | grep -E '"(fits|smallest_device_bytes|peak_reserved_bytes|older_bytes|means)"' | head -n 5
~ "fits":	false
~ "smallest_device_bytes":	6291456
~ "peak_reserved_bytes":	2097152
~ "older_bytes":	4194304
~ the bytes older than the trace, of which nothing more is known, are taken from the device

$ memreplay sweep --policy=torch-cuda --set memory=5M,6M -f csv older.jsonl | grep ,ooms,
points,0,ooms,1
points,1,ooms,0

$ memreplay simulate --policy=torch-cuda --set memory=5M -f json older.jsonl | grep -E '"(older_bytes|memory|ooms)"'
~ "older_bytes":	4194304
~ "memory":	5242880
~ "ooms":	1

$ memreplay diff --policy=torch-cuda --set memory=5M --with memory=6M -e ooms==-1 older.jsonl >table
!~ A ran out of memory at event

$ memreplay simulate --policy=torch-cuda --set memory=5M -f json older.jsonl >saved.json; memreplay diff --policy=torch-cuda --set memory=5M -e ooms==+0 -e peak_reserved_bytes==+0 saved.json older.jsonl >table
!~ A ran out of memory at event
!~ B ran out of memory at event

$ memreplay report --policy=torch-cuda --set memory=5M -o older.html older.jsonl && grep -oE 'The device also holds 4 MiB|Memory runs out' older.html
Memory runs out
The device also holds 4 MiB

# what is about a cache limit is refused, and not passed over
$ memreplay simulate --alloc-conf= --cache-limit=1M $top_srcdir/traces/toy_torch.pickle.gz
! memreplay: simulate: --cache-limit means nothing under PyTorch's rules
!~ --help
? 2

$ memreplay simulate --policy=torch-cuda --figure=time small.jsonl
! memreplay: simulate: --figure means nothing under PyTorch's rules
!~ --help
? 2

$ memreplay sweep --policy=torch-cuda --limits=1M small.jsonl
! memreplay: sweep: --limits means nothing under PyTorch's rules
!~ --help
? 2

$ memreplay tune --device-memory=1G --knee small.jsonl
! memreplay: tune: --knee means nothing under PyTorch's rules
!~ --help
? 2

$ memreplay diff --policy=torch-cuda --keep-limit-events --with=memory=3M small.jsonl
! memreplay: diff: --cache-limit: PyTorch's rules know no such limit
!~ --help
? 2

$ memreplay tune --device-memory=1G small.jsonl small.jsonl
! memreplay: tune: PyTorch's rules are applied to one trace at a time
!~ --help
? 2

# each policy is held to what it counts: a figure that it has not is no 0.
$ memreplay simulate --expect='peak_reserved_bytes<=270M' small.jsonl
! memreplay: simulate: --expect: "peak_reserved_bytes" is not counted under this policy
! Try 'memreplay simulate --help'.
? 2

$ memreplay simulate --policy=torch-cuda --expect='peak_cached_bytes<=0' small.jsonl
! memreplay: simulate: --expect: "peak_cached_bytes" is not counted under this policy
! Try 'memreplay simulate --help'.
? 2

$ memreplay tune --expect='mean_cached_bytes<=0' small.jsonl
! memreplay: tune: --expect: "mean_cached_bytes" is not counted by this command
! Try 'memreplay tune --help'.
? 2

$ memreplay sweep --limits=1K --format=csv small.jsonl | grep -c ooms
0
? 1

# each event of a trace counts once, whatever the command: a free too, and a mark
$ memreplay simulate --policy=torch-cuda --format=json small.jsonl | grep -o 'mean_fragmentation.*'
mean_fragmentation":	0.99970703125,

$ memreplay sweep --policy=torch-cuda --format=json small.jsonl | grep -o 'mean_fragmentation.*'
mean_fragmentation":	0.99970703125,

$ sed 's/"id":2,/"id":2,"stream":7,/' small.jsonl >two.jsonl; memreplay sweep --policy=torch-cuda two.jsonl | grep streams
  streams  2
