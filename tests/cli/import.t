# what an import came to is said, and stands in the header
$ printf "7: malloc 0x10 5\n7: free 0x20\n" >a.txt; memreplay convert a.txt a.jsonl; cat a.jsonl
{"format":"alloc-trace","version":1,"source":"android","import":{"format":"android","exact":false,"unknown_frees":1}}
{"op":"malloc","id":1,"size":5,"tid":7}
! memreplay: a.txt: imported from android: frees of blocks not in the trace, left out (1)
! memreplay: a.jsonl: 1 events written

# an exact one
$ printf "7: malloc 0x10 5\n7: free 0x10\n" | memreplay simulate - -f csv | wc -l
2
! memreplay: standard input: imported from android: exact

# from a pipe it stands in the end mark, and info shows it all the same
$ printf "7: malloc 0x10 5\n7: free 0x20\n" | memreplay convert - a.mrt.gz 2>/dev/null; memreplay info a.mrt.gz -f csv | grep ^import
import,,format,android
import,,exact,false
import,,unknown_frees,1

# info of the file itself
$ printf "7: malloc 0x10 5\n7: free 0x20\n" >a.txt; memreplay info a.txt | sed -n "/^import/,/^\$/p" | grep .
import
  format                android
  exact                 no
  unknown_frees         1
! memreplay: a.txt: imported from android: frees of blocks not in the trace, left out (1)

# a defect is said where it is, and nothing is written
$ printf "7: malloc 0x10 5\n7: malloc\n" >a.txt; memreplay convert a.txt b.jsonl; s=$?; ls b.jsonl 2>/dev/null; exit $s
! memreplay: a.txt:2: expected "TID: CALL POINTER..." as memory_replay has it, found "7: malloc"
? 1

# ... or passed over
$ printf "7: malloc 0x10 5\n7: malloc\n" | memreplay convert --lenient - - --to=jsonl
{"format":"alloc-trace","version":1,"source":"android","import":{"format":"android"}}
{"op":"malloc","id":1,"size":5,"tid":7}
! memreplay: standard input: imported from android: lines skipped (1)
! memreplay: standard input: skipped or mended: lines that are no events (1)
! memreplay: standard output: 1 events written

# options that the format does not know
$ memreplay info --device=0 small.jsonl
! memreplay: small.jsonl: traces of this format are not of devices
? 2

# ... the other of them
$ memreplay info --free-at=requested small.jsonl
! memreplay: small.jsonl: in traces of this format a free is one event, not two
? 2

# a profile of several devices
$ for d in 0 1; do printf ',{"name":"[memory]","ts":5,"args":{"Device Type":%d,"Device Id":0,"Bytes":8,"Addr":1}}' $d; done | sed 's/^,\(.*\)/[\1]/' >p.json; memreplay info p.json; s=$?; memreplay simulate --device=cpu:0 p.json -f csv | wc -l; exit $s
2
! memreplay: p.json: events of several devices, name one of: cpu:0, cuda:0
! memreplay: p.json: imported from kineto: exact
? 1

# ... a device that it does not have
$ printf '[{"name":"[memory]","ts":5,"args":{"Device Type":0,"Device Id":-1,"Bytes":8,"Addr":1}}]' | memreplay info --device=cuda:1 -
! memreplay: standard input: no events of a device "cuda:1"; there are some of: cpu
? 2

# a byte order mark, where the format is named
$ printf "\357\273\277id,lower,upper,size\n1,0,5,10\n" | memreplay convert --from=intervals --to=jsonl - - 2>/dev/null | grep -c op
2

# names that a trace brings along are only text, and what is no whole number is no count
$ (printf '{"format":"alloc-trace","version":1,"import":{"\\u001b[31ma,b":1,"huge_bytes":1e300,"half":0.5,"c\\nd":2}}\n'; sed 1d small.jsonl) >names.jsonl; memreplay info names.jsonl | sed -n "/^import/,/^\$/p" | grep .; memreplay info names.jsonl -f csv | grep -A 2 ^import | tr '\033' '?' | head -n 3
import
  ?[31ma,b                       1
  c?d                            2
import,,"?[31ma,b",1
import,,"c
d",2
