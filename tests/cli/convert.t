# through the binary format and back
$ memreplay convert small.jsonl - --to=mrt 2>/dev/null | memreplay convert - - --to=jsonl | cmp - small.jsonl
! memreplay: standard output: 19 events written

# the name tells the format
$ memreplay convert small.jsonl x.mrt.gz && memreplay convert x.mrt.gz y.jsonl.gz && gunzip -c y.jsonl.gz | cmp - small.jsonl; rm x.mrt.gz y.jsonl.gz
! memreplay: x.mrt.gz: 19 events written
! memreplay: y.jsonl.gz: 19 events written

# a name that does not tell it
$ memreplay convert small.jsonl x.txt
! memreplay: x.txt: the name does not tell the format; can be written: mrt, jsonl
! memreplay: --to=FORMAT tells it
? 2

# standard output needs --to
$ memreplay convert small.jsonl -
! memreplay: standard output: the name does not tell the format; can be written: mrt, jsonl
! memreplay: --to=FORMAT tells it
? 2

# no folder
$ memreplay convert small.jsonl nothere/x.jsonl
! memreplay: nothere/x.jsonl: cannot create: No such file or directory
? 1

# nothing half-written is left
$ memreplay convert double_free.jsonl new.jsonl; s=$?; ls new* .new* 2>/dev/null; exit $s
!~ memreplay: double_free.jsonl:6: 
? 1

# ... nor is a file replaced by it
$ echo old >keep.jsonl; memreplay convert double_free.jsonl keep.jsonl 2>/dev/null; cat keep.jsonl; rm keep.jsonl
old

# a full disk
$ memreplay convert small.jsonl - --to=jsonl >/dev/full
! memreplay: standard output: cannot write: No space left on device
? 1

# a trace cut short is told
$ (head -n 1 small.jsonl; seq 100000 | sed "s/.*/{\"op\":\"malloc\",\"id\":&,\"size\":&}/") | memreplay convert - - --to=mrt 2>/dev/null | gunzip | head -c 100000 | memreplay convert - - --to=jsonl | grep -c malloc
16384
! memreplay: standard input: ends early, its recorder was cut off: read up to event 16,384
! memreplay: standard output: 16,384 events written
