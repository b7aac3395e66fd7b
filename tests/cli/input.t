# no such file
$ memreplay simulate nothere
! memreplay: nothere: cannot open: No such file or directory
? 1

# a folder
$ memreplay simulate .
! memreplay: .: cannot read: Is a directory
? 1

# an empty file
$ memreplay info empty.jsonl
! memreplay: empty.jsonl: the file is empty
? 1

# a header alone
$ memreplay simulate no_events.jsonl
! memreplay: no_events.jsonl: no events
? 1

# no trace at all
$ yes | head -n 50 | memreplay info -
!~ memreplay: standard input:
? 1

# gzip that breaks off
$ gzip -c small.jsonl | head -c 200 | memreplay info -
!~ memreplay: standard input: byte 286: truncated
? 1

# a block freed twice
$ memreplay verify double_free.jsonl
!~ memreplay: double_free.jsonl:6: 
? 1

# a block freed twice, read leniently
$ memreplay info --lenient double_free.jsonl >table
! memreplay: double_free.jsonl: skipped or mended: frees of blocks that are not live (1)

# --from says mrt where the file is text
$ memreplay info --from=mrt small.jsonl
!~ memreplay: small.jsonl: byte 0: not the format mrt
? 1

# --from says text where the file is binary
$ memreplay convert small.jsonl a.mrt.gz 2>/dev/null; memreplay info --from=jsonl a.mrt.gz
!~ memreplay: a.mrt.gz:
? 1

# a file that cannot be read
$ memreplay simulate /proc/self/mem
! memreplay: /proc/self/mem: cannot read: Input/output error
? 1
