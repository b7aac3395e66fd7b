# help of simulate
$ memreplay simulate --help | sed -n 1p
Usage: memreplay simulate [OPTION]... TRACE

# help of verify
$ memreplay verify --help | sed -n 1p
Usage: memreplay verify [OPTION]... TRACE

# help of info
$ memreplay info --help | sed -n 1p
Usage: memreplay info [OPTION]... TRACE

# help of convert
$ memreplay convert --help | sed -n 1p
Usage: memreplay convert [OPTION]... IN OUT

# help simulate is simulate --help
$ memreplay help simulate >a; memreplay simulate -h >b; cmp a b

# help verify is verify --help
$ memreplay help verify >a; memreplay verify -h >b; cmp a b

# help info is info --help
$ memreplay help info >a; memreplay info -h >b; cmp a b

# help convert is convert --help
$ memreplay help convert >a; memreplay convert -h >b; cmp a b

# every command in the list has help
$ for c in $(memreplay --help | sed -n "s/^  \([a-z]*\) .*/\1/p"); do memreplay $c --help | sed -n 1p; done | grep -v "^Usage: memreplay"
? 1

# the summaries of commands stand below one another
$ memreplay --help | sed -n "s/^  \([a-z][a-z]* *\).*/\1/p" | sed "s/./x/g" | sort -u
xxxxxxxxxxxx

# no line of help is over 80 columns
$ for c in $(memreplay --help | sed -n "s/^  \([a-z]*\) .*/\1/p"); do memreplay $c --help; done | grep ".\{81\}"
? 1

# help goes to standard output when asked for among other options
$ memreplay info --format=json --help | sed -n 1p
Usage: memreplay info [OPTION]... TRACE
