# a full disk, table
$ memreplay info small.jsonl >/dev/full
! memreplay: standard output: No space left on device
? 1

# a full disk, json
$ memreplay simulate small.jsonl --format=json >/dev/full
! memreplay: standard output: No space left on device
? 1

# a full disk, help
$ memreplay --help >/dev/full
! memreplay: standard output: No space left on device
? 1

# a closed standard output
$ memreplay simulate small.jsonl >&-
! memreplay: standard output: Bad file descriptor
? 1

# a full disk wins over a failed expectation
$ memreplay simulate small.jsonl --expect="hits>9" >/dev/full
! memreplay: expected hits>9, found 1
! memreplay: standard output: No space left on device
? 1

# no message on standard output
$ memreplay simulate double_free.jsonl 2>/dev/null
? 1

# a pipe that nobody reads any more
$ mkfifo pipe; ( exec 3<>pipe 4>pipe 3>&-; memreplay simulate small.jsonl >&4; echo "status $?" >&2 ); rm pipe
! memreplay: standard output: Broken pipe
! status 1
