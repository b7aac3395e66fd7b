#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the first inputs of the fuzz targets of the torch allocator and of the
simulator: make_seeds.py FOLDER writes FOLDER/sim and FOLDER/torch.

Each is a short program in the bytes that fuzz_torch.c and fuzz_sim.c read, that reaches
one thing which random bytes seldom do. What fuzzing found since has other names.
"""
import os
import sys

KIB = 1024
MIB = 1024 * KIB
ABOUT = [512, 4 * KIB, 300 * KIB, MIB, 2 * MIB, 5 * MIB, 10 * MIB, 20 * MIB, 33 * MIB,
         64 * MIB, 100 * MIB]


class Torch:
    """The numbers that tests/torchtrial.c draws, in its order."""

    def __init__(self, memory=None, fraction=None, gc=None, at_cap=False, split=None,
                 non_split=None, expandable=False, size=None, segment=None, roundup=None,
                 extra=False, align=False):
        self.data = bytearray()
        self.live = []
        if self.some(memory is not None, 4, 1, 0):
            self.draw(memory - 200, 2000)
            if self.some(fraction is not None, 2, 1, 0):
                self.draw(fraction - 3, 8)
                if self.some(gc is not None, 2, 1, 0):
                    self.draw(gc - 1, 9)
                self.some(at_cap, 4)
        if self.some(split is not None, 3):
            self.draw([20, 24, 64].index(split), 3)
        if self.some(non_split is not None, 3):
            self.draw(non_split - 5, 30)
        self.some(expandable, 3)
        if self.some(size is not None, 3):
            self.draw(size - 20, 200)
        if self.some(segment is not None, 4):
            self.draw((segment - 12) // 2, 10)
        if self.some(roundup is not None, 3):
            for _ in range(16):
                self.draw(roundup, 5)
        self.some(extra, 5)
        self.some(align, 4)
        self.draw(7, 5000)

    def draw(self, value, end):
        """A number below end takes the bytes that end - 1 needs."""
        assert 0 <= value < end
        self.data += value.to_bytes(((end - 1).bit_length() + 7) // 8, 'big')

    def some(self, condition, end, yes=0, no=1):
        self.draw(yes if condition else no, end)
        return condition

    def malloc(self, size, stream=0, pool=False, fails=False):
        """A block, for free(); fails: memory is out, and there is none."""
        if self.live:
            self.draw(1, 200)
        else:
            self.draw(50, 200)
        near = max([a for a in ABOUT if a <= size], default=ABOUT[0])
        self.draw(ABOUT.index(near), len(ABOUT))
        if size == near:
            self.draw(0, 3)
        elif 0 < size - near <= 4096:
            self.draw(1, 3)
            self.draw(size - near - 1, 4096)
        else:
            self.draw(2, 3)
            self.draw(size - 1, 2 * near)
        self.draw(stream, 3)
        self.some(pool, 10)
        if not fails:
            self.live.append([size])
            return self.live[-1]

    def free(self, block, waits=False):
        """waits: it is asked for only, and done by another call."""
        self.draw(150, 200)
        at = [b is block for b in self.live].index(True)
        self.draw(at, len(self.live))
        if len(block) == 1:
            block.append('asked')
            if self.some(waits, 4):
                return
        last = self.live.pop()
        if last is not block:
            self.live[at] = last

    def empty(self):
        self.draw(0, 200)
        self.live = [b for b in self.live if len(b) == 1]

    def all_of(self, sizes, **where):
        return [self.malloc(size, **where) for size in sizes]


def split_and_merge(t):
    """Small and large blocks, cut out of their segments, freed so that both
    neighbours, one or none of each is free."""
    small = t.all_of([512, 4 * KIB, 300 * KIB, 513, 4 * KIB])
    large = t.all_of([2 * MIB, 5 * MIB, 10 * MIB - 1, 20 * MIB, 5 * MIB])
    for blocks in small, large:
        for i in 1, 3, 2, 0, 4:
            t.free(blocks[i])
    t.all_of([300 * KIB, MIB, MIB + 1, 7 * MIB])
    t.empty()


def waiting(t):
    """Blocks that are asked back before they are done, then given again."""
    blocks = t.all_of([MIB, 2 * MIB, 2 * MIB, 5 * MIB])
    for block in blocks[1:]:
        t.free(block, waits=True)
    t.malloc(2 * MIB)
    t.free(blocks[2])
    t.malloc(2 * MIB)
    t.empty()
    t.malloc(5 * MIB)


def streams_and_pools(t):
    """The same sizes in queues of their own."""
    for stream in range(3):
        for pool in False, True:
            blocks = t.all_of([512, 2 * MIB, 20 * MIB], stream=stream, pool=pool)
            t.free(blocks[1])
            t.free(blocks[2])
    t.empty()
    t.malloc(20 * MIB, stream=2)


def growing(t):
    """Segments that grow, also over what was freed, and shrink."""
    blocks = t.all_of([MIB // 2, 5 * MIB, 20 * MIB, 33 * MIB, 20 * MIB])
    t.free(blocks[1])
    t.free(blocks[3])
    t.malloc(64 * MIB)
    t.malloc(30 * MIB)
    t.empty()
    for block in blocks[0], blocks[2], blocks[4]:
        t.free(block)
    t.malloc(100 * MIB)
    t.empty()


def out_of_memory(t):
    """What is free goes back for a block that does not fit; then nothing helps."""
    blocks = t.all_of([64 * MIB, 64 * MIB, 33 * MIB])
    t.free(blocks[0])
    t.free(blocks[2])
    t.malloc(100 * MIB)
    t.malloc(100 * MIB, fails=True)
    t.malloc(64 * MIB, fails=True)
    t.free(blocks[1])
    t.malloc(64 * MIB)


def collected(t):
    """Above the threshold of garbage, the older of what is free goes."""
    for _ in range(4):
        blocks = t.all_of([33 * MIB, 20 * MIB, 10 * MIB, 5 * MIB])
        for block in blocks:
            t.free(block)
        t.malloc(40 * MIB)
    t.malloc(64 * MIB)


def oversize(t):
    """Above the size that is not split: taken whole, if close enough."""
    blocks = t.all_of([33 * MIB, 64 * MIB, 100 * MIB, 22 * MIB])
    for block in blocks:
        t.free(block)
    t.all_of([60 * MIB, 34 * MIB, 100 * MIB, 20 * MIB])
    t.empty()


def rounded(t):
    """Sizes between powers of two, each way up to the next."""
    blocks = t.all_of([513, 700, 5 * KIB, 400 * KIB, 3 * MIB, 7 * MIB, 24 * MIB])
    for block in blocks:
        t.free(block)
    t.all_of([600, 6 * KIB, 4 * MIB - 1, 7 * MIB + 1, 30 * MIB])


TORCH = [
    ('split', split_and_merge, {}),
    ('waiting', waiting, {}),
    ('streams', streams_and_pools, {}),
    ('streams-expandable', streams_and_pools, {'expandable': True}),
    ('growing', growing, {'expandable': True}),
    ('growing-range', growing, {'expandable': True, 'size': 40}),
    ('growing-aligned', growing, {'expandable': True, 'align': True, 'segment': 30}),
    ('split-extra', split_and_merge, {'extra': True, 'segment': 12}),
    ('out', out_of_memory, {'memory': 220}),
    ('out-expandable', out_of_memory, {'memory': 220, 'expandable': True}),
    ('out-at-cap', out_of_memory, {'memory': 300, 'fraction': 7, 'at_cap': True}),
    ('out-max-split', out_of_memory, {'memory': 220, 'split': 24}),
    ('gc', collected, {'memory': 400, 'fraction': 6, 'gc': 3}),
    ('gc-expandable', collected,
     {'memory': 400, 'fraction': 6, 'gc': 3, 'expandable': True}),
    ('max-split', oversize, {'split': 24}),
    ('max-split-rounding', oversize, {'split': 20, 'non_split': 5, 'memory': 400}),
    ('roundup', rounded, {'roundup': 2}),
    ('roundup-most', rounded, {'roundup': 4, 'expandable': True}),
]


def limit(value):
    """Two bytes, and how far they are shifted."""
    if value is None:
        return b'\xff\xff'
    shift = max(0, value.bit_length() - 15)
    return (value >> shift).to_bytes(2, 'big') + bytes([shift])


def policy(name, cache=None, memory=None, page=12, factor=1, pages=2, round_up=0,
           evict=0, clear=0, blocks=0, working_set=None, device=None):
    kind = bytes([['mlx-cpu', 'mlx-metal', 'mlx-cuda'].index(name)])
    knobs = [page, factor, pages, round_up, evict, clear, blocks]
    return (kind + b'\0' + limit(cache) + limit(memory) + bytes(knobs) +
            limit(working_set) + limit(device))


def plain(name):
    return bytes([['mlx-cpu', 'mlx-metal', 'mlx-cuda', 'none'].index(name), 1])


LIST = bytes([0, 6]) + b''.join(limit(x) for x in [0, 1000, 4096, 9000, 20000, 65536, None])
GRID = bytes([1]) + (500).to_bytes(2, 'big') + (700).to_bytes(2, 'big') + bytes([40])
WALK = bytes([2])
FOUND = bytes([3])


def sim(policies, options, rounds, program, keep=0, stretch=6):
    how = keep | (len(policies) - 1) << 1 | stretch << 3
    return bytes([how]) + b''.join(policies) + options + bytes([rounds - 1]) + program


def calls(text):
    """A word each: SLOT:SIZE is a malloc, SLOT a free, L, M, C, R, K and N what they
    are to take_other() in fuzz_sim.c."""
    others = {'L': 0xf0, 'M': 0xf1, 'C': 0xf2, 'R': 0xf3, 'K': 0xf4, 'N': 0xf5}
    out = b''
    for word in text.split():
        if word[0] in others:
            out += bytes([others[word[0]]]) + (limit(int(word[1:])) if word[1:] else b'')
        elif ':' in word:
            slot, size = word.split(':')
            out += bytes([int(slot)]) + int(size).to_bytes(2, 'big')
        else:
            out += bytes([int(word)])
    return out


# Groups part at a free, and are joined when a clear makes them equal again.
PARTED = calls('1:1000 2:3000 3:9000 1 2 3 4:900 5:2500 6:8000 4 5 6 K C ' * 3)
MIXED = calls('1:100 2:5000 3:12000 4:31000 2 3 2:4000 1 4 M60000 5:700 6:16384 5 '
              'L20000 6 R 7:1 8:0 7 8 3:20000 2 3 M40000 1:9000 1 N C L3000 1:9000 1')
SERIES = calls(' '.join('%d:%d' % (i, 700 + 613 * i) for i in range(30)) + ' ' +
               ' '.join(str(i * 7 % 30) for i in range(30)))

SIM = {
    'walk': sim([plain('mlx-cpu')], WALK, 12, PARTED),
    'list': sim([plain('mlx-cpu')], LIST, 15, PARTED, keep=1),
    'grid': sim([plain('mlx-cpu')], GRID, 16, SERIES),
    'found': sim([plain('mlx-cpu')], FOUND, 16, SERIES, stretch=31),
    'mixed': sim([plain('mlx-cpu')], WALK, 16, MIXED),
    'metal': sim([policy('mlx-metal', 20000, 50000, working_set=60000, device=90000)],
                 WALK, 2, MIXED, keep=1),
    'cuda': sim([policy('mlx-cuda', 20000, 50000, device=70000)], FOUND, 2, MIXED),
    'evict': sim([policy('mlx-cpu', 20000, evict=1)], WALK, 2, SERIES),
    'round': sim([policy('mlx-cpu', 20000, round_up=4, blocks=20)], GRID, 2, SERIES),
    'clear': sim([policy('mlx-cpu', 20000, clear=7)], FOUND, 2, SERIES),
    'grid-of-policies': sim([plain('mlx-cpu'), policy('mlx-metal', 9000, evict=1),
                             policy('mlx-cuda', 9000, 40000)], LIST, 2, MIXED),
    'none': sim([plain('none'), plain('mlx-metal')], LIST, 1, MIXED),
}


def write(folder, name, data):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), 'wb') as file:
        file.write(data)


def main():
    for name, program, settings in TORCH:
        torch = Torch(**settings)
        program(torch)
        write(os.path.join(sys.argv[1], 'torch'), name, torch.data)
    for name, data in SIM.items():
        write(os.path.join(sys.argv[1], 'sim'), name, data)


main()
