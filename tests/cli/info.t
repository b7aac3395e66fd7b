# what small.jsonl holds
$ memreplay info small.jsonl | sed -n "/^events/,/^lifetime/p" | grep .
events
  mallocs                        6
  frees                          5
  set_cache_limit                1
  set_memory_limit               0
  clear_cache                    1
  reset_peak_memory              1
  marks                          2
  counters                       3
  threads                        2
  recorded_caps                  6
  recorded_hits                  6
  duration_ns              1.18 us
blocks
  requested_bytes        5.381 KiB           5,510 B
  largest_bytes          4.883 KiB           5,000 B
  distinct_sizes                 6
  more_distinct_sizes           no
  peak_requested_bytes   4.883 KiB           5,000 B
  peak_live_blocks               2
  live_blocks                    1
  live_bytes                   0 B
lifetime in events

# histogram, top sizes, threads and phases
$ memreplay info small.jsonl | sed -n "/^size histogram/,\$p" | grep .
size histogram
  from_bytes  mallocs  mallocs_share      bytes  bytes_share
         0 B        1        16.67 %        0 B       0.00 %
        64 B        3        50.00 %      310 B       5.63 %
       128 B        1        16.67 %      200 B       3.63 %
       4 KiB        1        16.67 %  4.883 KiB      90.74 %
top sizes
  size_bytes  mallocs      bytes  bytes_share
   4.883 KiB        1  4.883 KiB      90.74 %
       200 B        1      200 B       3.63 %
       120 B        1      120 B       2.18 %
       100 B        1      100 B       1.81 %
        90 B        1       90 B       1.63 %
         0 B        1        0 B       0.00 %
threads
  tid  mallocs  frees
    0        6      2
    1        0      3
first phases
  event     t_ns  name
      1  0.00 ns  start
     11   100 ns  second phase

# lifetimes
$ memreplay info small.jsonl -f json | sed -n "/lifetime_in_events/,/}/p"
	"lifetime_in_events":	{
		"p10":	1,
		"p50":	1,
		"p90":	4,
		"p99":	4,
		"max":	4
	},

# csv has one line a figure
$ memreplay info small.jsonl -f csv | sed -n "1p; /first_phases,1/p"
section,row,key,value
first_phases,1,event,11
first_phases,1,t_ns,100
first_phases,1,name,second phase

# a trace without times
$ sed "s/,\"t\":[0-9]*//" small.jsonl | memreplay info - -f json | grep -A 1 "duration\|lifetime_ns"
		"duration_ns":	null
	},
--
	"lifetime_ns":	{
		"p10":	null,
