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

# a file that may not grow (nor may gcov cut its own there), and what stood there
$ echo old >new.jsonl; (ulimit -f 1; GCOV_PREFIX=/dev/null memreplay convert small.jsonl new.jsonl); cat new.jsonl; echo *.part; rm new.jsonl
old
*.part
! memreplay: new.jsonl: cannot write: File too large

# ... as standard output
$ (ulimit -f 1; GCOV_PREFIX=/dev/null memreplay simulate small.jsonl) >table
! memreplay: standard output: File too large
? 1

# a folder as output
$ mkdir folder; memreplay convert --to=jsonl small.jsonl folder; status=$?; rmdir folder; exit $status
! memreplay: folder: cannot create: Is a directory
? 1

# a page on a full disk
$ memreplay report - -o - <small.jsonl >/dev/full
! memreplay: standard output: cannot write: No space left on device
? 1

# a full disk as output
$ memreplay convert --to=jsonl small.jsonl /dev/full
! memreplay: /dev/full: cannot write: No space left on device
? 1

# a file that the shell appends to, by a name of its descriptor
$ for name in /dev/stdout /dev/fd/1 /proc/self/fd/1; do echo old >log; memreplay convert --to=jsonl small.jsonl $name >>log 2>/dev/null; (echo old; cat small.jsonl) | cmp - log; done; rm log
$ for name in /dev/stderr /dev/fd/2; do echo old >log; memreplay convert --to=jsonl small.jsonl $name 2>>log; sed -n "1p;\$p" log; grep -c op log; done; rm log
old
~ : 19 events written
19
old
~ : 19 events written
19
$ echo old >log; memreplay convert --to=jsonl small.jsonl /dev/fd/3 3>>log 2>/dev/null; (echo old; cat small.jsonl) | cmp - log; rm log
$ echo old >log; memreplay report small.jsonl -o /dev/stdout >>log; sed -n 1p log; grep -c "</html>" log; rm log
old
1

# a pipe as input, and as output
$ mkfifo in out; cat small.jsonl >in & cat out >got.jsonl & memreplay convert --to=jsonl in out; wait; rm in out; grep -c op got.jsonl
19
! memreplay: out: 19 events written
