# no command
$ memreplay
! memreplay: a command is missing
! Try 'memreplay --help'.
? 2

# unknown command, near
$ memreplay simulat
! memreplay: there is no command "simulat"; did you mean simulate?
! Try 'memreplay --help'.
? 2

# unknown command, far
$ memreplay zebra
! memreplay: there is no command "zebra"
! Try 'memreplay --help'.
? 2

# unknown option of the program
$ memreplay --zebra
! memreplay: there is no option --zebra
! Try 'memreplay --help'.
? 2

# version
$ memreplay --version | head -n 1 | sed "s/[0-9.]*$/N/"
memreplay N

# what is built in: names that do not change, each with a value
$ memreplay --version | sed -nE "2,\$s/: .+//p"
compiler
bits
sanitizers
cjson
zlib
zstd
gnuplot
recorder
mpi

# what is found when it is run: gnuplot is looked for in PATH
$ mkdir bin; touch bin/gnuplot; chmod +x bin/gnuplot; m=$(command -v memreplay); PATH=bin $m --version | grep gnuplot; PATH=/nowhere $m -V | grep gnuplot
gnuplot: bin/gnuplot
gnuplot: no

# short version
$ memreplay -V >a; memreplay --version >b; cmp a b

# help of the help
$ memreplay help --help >a; memreplay --help >b; cmp a b

# too few operands
$ memreplay simulate
! memreplay: simulate: too few operands: expected TRACE
! Try 'memreplay simulate --help'.
? 2

# too many operands
$ memreplay simulate small.jsonl b
! memreplay: simulate: "b" is one operand too many
! Try 'memreplay simulate --help'.
? 2

# help takes one name
$ memreplay help simulate b
! memreplay: help: "b" is one operand too many
! Try 'memreplay --help'.
? 2

# help of an unknown command
$ memreplay help simulat
! memreplay: there is no command "simulat"; did you mean simulate?
! Try 'memreplay --help'.
? 2

# control characters are shown, not sent
$ memreplay simulate a "$(printf 'a\033[31mb\nc')"
! memreplay: simulate: "a\x1b[31mb\nc" is one operand too many
! Try 'memreplay simulate --help'.
? 2

# unknown option
$ memreplay verify --cache-limit=3 small.jsonl
! memreplay: verify: there is no option --cache-limit
! Try 'memreplay verify --help'.
? 2

# mistyped option
$ memreplay simulate --cache-limt=3 small.jsonl
! memreplay: simulate: there is no option --cache-limt; did you mean --cache-limit?
! Try 'memreplay simulate --help'.
? 2

# ambiguous option
$ memreplay simulate --f=x small.jsonl
! memreplay: simulate: option --f is ambiguous
! Try 'memreplay simulate --help'.
? 2

# option without its value
$ memreplay simulate small.jsonl --cache-limit
! memreplay: simulate: --cache-limit needs a value: SIZE
! Try 'memreplay simulate --help'.
? 2

# flag with a value
$ memreplay info --lenient=3 small.jsonl
! memreplay: info: --lenient takes no value
! Try 'memreplay info --help'.
? 2

# bad size
$ memreplay simulate --cache-limit=1X small.jsonl
! memreplay: simulate: --cache-limit: "1X" is not a size: expected bytes, 32M, 32MiB, 1.5G or unlimited
! Try 'memreplay simulate --help'.
? 2

# count out of range
$ memreplay simulate --jobs=0 small.jsonl
! memreplay: simulate: --jobs: "0" is out of range: expected 1 to 1024
! Try 'memreplay simulate --help'.
? 2

# bad choice
$ memreplay info --format=xml small.jsonl
! memreplay: info: --format: "xml" is not one of table, json, csv
! Try 'memreplay info --help'.
? 2

# unknown format to read
$ memreplay info --from=zip small.jsonl
!~ memreplay: info: --from: "zip" is not one of mrt, jsonl, json, 
! Try 'memreplay info --help'.
? 2

# unknown policy
$ memreplay simulate --policy=lru small.jsonl
! memreplay: simulate: --policy: "lru" is not one of mlx-cpu, none, mlx-metal, mlx-cuda, torch-cuda, torch-npu
! Try 'memreplay simulate --help'.
? 2

# --set without a value
$ memreplay simulate --set page small.jsonl
! memreplay: simulate: --set: "page" is not KNOB=VALUE
! Try 'memreplay simulate --help'.
? 2

# --set of an unknown knob
$ memreplay simulate --set paeg=3 small.jsonl
! memreplay: simulate: --set: there is no knob "paeg"; did you mean page?
! Try 'memreplay simulate --help'.
? 2

# --set out of range
$ memreplay simulate --set page=0 small.jsonl
! memreplay: simulate: --set: page: 0 is out of range: expected 1 to 1099511627776
! Try 'memreplay simulate --help'.
? 2

# the command line is checked before the file
$ memreplay simulate --set paeg=3 nothere
! memreplay: simulate: --set: there is no knob "paeg"; did you mean page?
! Try 'memreplay simulate --help'.
? 2
