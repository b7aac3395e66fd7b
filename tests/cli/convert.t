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

# a window: the block that is live there stands in front
$ memreplay convert --events=4:6 --to=jsonl small.jsonl -
{"format":"alloc-trace","version":1,"tools":["--events=4:6"],"source":"hand","workload":"small","cache_limit":1000,"page_size":4096,"memory_limit":4000}
{"op":"malloc","id":1,"size":100,"t":0,"tid":0}
{"op":"malloc","id":2,"size":200,"t":0,"tid":0}
{"op":"free","id":1,"t":0,"tid":1}
{"op":"malloc","id":3,"size":90,"t":10,"tid":0}
{"op":"free","id":3,"t":20,"tid":1}
! memreplay: standard output: 2 blocks (300 B) that were live there stand in front; what was cached there is not known
! memreplay: standard output: without the traced allocator's own capacities, hits and counters, which are those of the whole trace
! memreplay: standard output: 5 events written

# ... and the limit that was set before it
$ memreplay convert --events=16: --to=jsonl small.jsonl - 2>/dev/null | sed 1d
{"op":"set_cache_limit","bytes":150,"t":0}
{"op":"malloc","id":5,"size":120,"t":0,"tid":0}
{"op":"free","id":5,"t":0,"tid":0}
{"op":"clear_cache","t":10}
{"op":"malloc","id":6,"size":0,"t":20,"tid":0}

# from the beginning it keeps what the traced allocator did
$ memreplay convert --events=:3 --to=jsonl small.jsonl - | sed 1d
{"op":"mark","name":"start","t":0}
{"op":"malloc","id":1,"size":100,"cap":100,"hit":0,"t":10,"tid":0}
{"op":"malloc","id":2,"size":200,"cap":200,"hit":0,"t":20,"tid":0}
! memreplay: standard output: 3 events written

# between marks
$ memreplay convert --from-mark='second phase' --to=mrt small.jsonl - 2>/dev/null | memreplay convert --to=jsonl - - 2>/dev/null | sed 1d
{"op":"mark","name":"second phase","t":0}
{"op":"set_cache_limit","bytes":150,"t":10,"tid":0}
{"op":"reset_peak_memory","t":30}
{"op":"malloc","id":5,"size":120,"t":40,"tid":0}
{"op":"free","id":5,"t":50,"tid":0}
{"op":"clear_cache","t":60}
{"op":"malloc","id":6,"size":0,"t":70,"tid":0}

$ memreplay convert --from-mark=start --to-mark='second phase' --min-size=150 --scale-sizes=1.5 --strip --to=jsonl small.jsonl - 2>/dev/null
{"format":"alloc-trace","version":1,"cache_limit":1000,"memory_limit":4000,"page_size":4096}
{"op":"mark","name":"mark 1","t":0}
{"op":"malloc","id":2,"size":300,"t":20,"tid":0}
{"op":"free","id":2,"t":60,"tid":1}
{"op":"malloc","id":4,"size":7500,"t":70,"tid":0}
{"op":"free","id":4,"t":80,"tid":0}

# what an import came to is kept, where it stands behind the events, too
$ printf '1: malloc 0x10 48 9 9\n2: malloc 0x20 24 8 8\n' | memreplay convert --strip - part.mrt 2>/dev/null; memreplay info part.mrt | grep -A 2 '^import'
import
  exact                        yes
  late_times                     1

# a limit that is none is one
$ printf '{"format":"alloc-trace","version":1,"cache_limit":null,"workload":"x"}\n{"op":"clear_cache"}\n' | memreplay convert --strip --to=jsonl - - 2>/dev/null
{"format":"alloc-trace","version":1,"cache_limit":null}
{"op":"clear_cache"}

# tools add up in the header
$ memreplay convert --thread=0 --to=jsonl small.jsonl - 2>/dev/null | memreplay convert --min-size=5000 --to=jsonl - - 2>/dev/null | head -n 1
{"format":"alloc-trace","version":1,"tools":["--thread=0","--min-size=5000"],"source":"hand","workload":"small","cache_limit":1000,"page_size":4096,"memory_limit":4000}

# what is not there
$ memreplay convert --from-mark=third small.jsonl new.jsonl; s=$?; ls new* 2>/dev/null; exit $s
! memreplay: small.jsonl: there is no mark "third"
? 1

$ memreplay convert --from-mark='second phase' --to-mark=start small.jsonl new.jsonl
! memreplay: small.jsonl: there is no mark "start" behind the first of the window
? 1

$ memreplay convert --events=20:30 small.jsonl new.jsonl
! memreplay: small.jsonl: there is no event 20, the last is 19
? 1

$ memreplay convert --events=4:5 --min-size=1M small.jsonl new.jsonl
! memreplay: small.jsonl: nothing is left of the trace
? 1

$ printf '{"format":"alloc-trace","version":1}\n{"op":"malloc","id":1,"size":9007199254740992}\n' | memreplay convert --scale-sizes=1000000 - new.jsonl
! memreplay: standard input: event 1: the size of 9007199254740992 becomes more than 2^63 - 1 when scaled
? 1

$ printf '{"format":"alloc-trace","version":1}\n{"op":"malloc","id":1,"size":9007199254740992}\n{"op":"clear_cache"}\n' | memreplay convert --events=2: --scale-sizes=1000000 - new.jsonl
! memreplay: standard input: event 2: the size of 9007199254740992 becomes more than 2^63 - 1 when scaled
? 1

# wrong use
$ memreplay convert --events=5 small.jsonl new.jsonl
! memreplay: convert: --events: "5" is not FIRST:LAST, as 1:1000 or 5001:
! Try 'memreplay convert --help'.
? 2

$ memreplay convert --events=9:5 small.jsonl new.jsonl
! memreplay: convert: --events: "9:5" ends before it begins
! Try 'memreplay convert --help'.
? 2

$ memreplay convert --events=1:5 --to-mark=end small.jsonl new.jsonl
! memreplay: convert: --events and the window of --from-mark or --to-mark exclude each other
! Try 'memreplay convert --help'.
? 2

$ memreplay convert --scale-sizes=0.0000001 small.jsonl new.jsonl
! memreplay: convert: --scale-sizes: "0.0000001" is not a number from 0.000001 to 1000000 with six decimals at most
! Try 'memreplay convert --help'.
? 2

$ memreplay convert --cache-limit=1M small.jsonl new.jsonl
! memreplay: convert: a trace has no policy; its options are for --to=chrome-trace
! Try 'memreplay convert --help'.
? 2

# a policy over time
$ memreplay convert --to=chrome-trace --cache-limit=200 --events=2:5 small.jsonl -
{"displayTimeUnit":"ns","otherData":{"time":"as recorded"},
"traceEvents":[
{"ph":"M","pid":1,"tid":0,"name":"process_name","args":{"name":"small"}},
{"ph":"C","pid":1,"tid":0,"ts":0.000,"name":"active_bytes","args":{"bytes":100}},
{"ph":"C","pid":1,"tid":0,"ts":0.000,"name":"cached_bytes","args":{"bytes":0}},
{"ph":"C","pid":1,"tid":0,"ts":0.000,"name":"cache_limit","args":{"bytes":200}},
{"ph":"C","pid":1,"tid":0,"ts":0.010,"name":"active_bytes","args":{"bytes":300}},
{"ph":"C","pid":1,"tid":0,"ts":0.020,"name":"active_bytes","args":{"bytes":200}},
{"ph":"C","pid":1,"tid":0,"ts":0.020,"name":"cached_bytes","args":{"bytes":100}},
{"ph":"C","pid":1,"tid":0,"ts":0.030,"name":"active_bytes","args":{"bytes":300}},
{"ph":"C","pid":1,"tid":0,"ts":0.030,"name":"cached_bytes","args":{"bytes":0}}
]}
! memreplay: standard output: without the traced allocator's own capacities, hits and counters, which are those of the whole trace
! memreplay: standard output: 4 events written

# an import from a file on standard input, which can be read but once
$ printf 'id,lower,upper,size\n1,0,5,10\n' >one.csv; memreplay convert --to=jsonl - - <one.csv 2>/dev/null | grep -c '"op"'
2
