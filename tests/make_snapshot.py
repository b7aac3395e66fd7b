#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes traces/toy_torch.pickle.gz: a memory snapshot in PyTorch's layout.

A toy program trains on batches of changing length and is run on a plain model
of PyTorch's allocator with its default settings, on a device of 280 MiB. The
snapshot keeps the last events only, as PyTorch's ring buffer does, so that it
begins with blocks older than the trace. Usage: make_snapshot.py OUT
"""

import gzip
import pickle
import random
import sys

MIB = 1 << 20
DEVICE = 280 * MIB
KEEP = 2400  # events


class Block:
    def __init__(self, address, size, small):
        self.address, self.size, self.small = address, size, small
        self.requested, self.state = 0, "inactive"
        self.segment = None
        self.frames = []


class Allocator:
    """Segments are lists of blocks in the order of their addresses."""

    def __init__(self):
        self.segments, self.events, self.random = [], [], random.Random(7)
        self.reserved, self.retries, self.taken = 0, 0, set()

    def tell(self, action, address, size, frames):
        self.events.append({
            "action": action, "addr": address, "size": size, "stream": 0,
            "time_us": 1700000000000000 + 7 * len(self.events),
            "frames": frames})

    def place(self):
        while True:
            address = 0x7f0000000000 + self.random.randrange(4000) * 1024 * MIB
            if address not in self.taken:
                self.taken.add(address)
                return address

    def free_blocks(self, small):
        return [b for s in self.segments for b in s
                if b.state == "inactive" and b.small == small]

    def new_segment(self, size, small, frames):
        if self.reserved + size > DEVICE:
            return None
        block = Block(self.place(), size, small)
        block.segment = [block]
        self.segments.append(block.segment)
        self.reserved += size
        self.tell("segment_alloc", block.address, size, frames)
        return block

    def release_all(self, frames):
        for block in [b for s in self.segments for b in s
                      if b.state == "active_pending_free"]:
            self.complete(block, frames)
        for small in (False, True):
            for b in sorted(self.free_blocks(small),
                            key=lambda b: (b.size, b.address)):
                if len(b.segment) == 1:
                    self.segments.remove(b.segment)
                    self.reserved -= b.size
                    self.tell("segment_free", b.address, b.size, frames)

    def malloc(self, requested, frames):
        size = max(512, (requested + 511) // 512 * 512)
        small = size <= MIB
        whole = (2 * MIB if small else 20 * MIB if size < 10 * MIB
                 else (size + 2 * MIB - 1) // (2 * MIB) * (2 * MIB))
        fitting = [b for b in self.free_blocks(small) if b.size >= size]
        block = min(fitting, key=lambda b: (b.size, b.address), default=None)
        block = block or self.new_segment(whole, small, frames)
        if block is None:
            self.retries += 1
            self.release_all(frames)
            block = self.new_segment(whole, small, frames)
        rest = block.size - size
        if rest >= 512 if small else rest > MIB:
            upper = Block(block.address + size, rest, small)
            upper.segment = block.segment
            block.segment.insert(block.segment.index(block) + 1, upper)
            block.size = size
        block.requested, block.state = requested, "active_allocated"
        block.frames = frames
        self.tell("alloc", block.address, requested, frames)
        return block

    def free(self, block, frames, later=False):
        self.tell("free_requested", block.address, block.requested, frames)
        block.state = "active_pending_free"
        if not later:
            self.complete(block, frames)

    def complete(self, block, frames):
        self.tell("free_completed", block.address, block.requested, frames)
        block.state = "inactive"
        at = block.segment.index(block)
        for other in (block.segment[at - 1] if at else None,
                      block.segment[at + 1] if at + 1 < len(block.segment)
                      else None):
            if other and other.state == "inactive":
                block.address = min(block.address, other.address)
                block.size += other.size
                block.segment.remove(other)


def frames(*names):
    return [{"name": name, "filename": "toy/train.py", "line": line}
            for name, line in names]


def train(gpu):
    main = ("main", 61)
    chance = random.Random(3)
    weights = [gpu.malloc(n, frames(("build", 12), main))
               for n in (9 * MIB, 700 * 1024, 3 * MIB + 4, 24 * MIB, 2048)]
    state = [gpu.malloc(b.requested, frames(("init_adam", 20), main))
             for b in weights for _ in range(2)]
    waiting = None
    for step in range(60):
        batch = chance.choice((3, 5, 8, 13, 14))
        length = chance.randrange(40, 120)
        tokens = gpu.malloc(batch * length * 8, frames(("load", 27), main))
        kept = []
        for layer in range(6):
            forward = frames(("forward", 33 + layer), ("step", 50), main)
            kept.append(gpu.malloc(batch * length * 12000, forward))
            scratch = gpu.malloc(batch * length * length * 96, forward)
            if layer == 2 and waiting:
                if waiting.state == "active_pending_free":
                    gpu.complete(waiting, forward)
                waiting = None
            gpu.free(scratch, forward)
        if step % 7 == 3:
            waiting = kept.pop()
            gpu.free(waiting, frames(("offload", 44), main), later=True)
        gradients = []
        for weight in weights:
            back = frames(("backward", 53), ("step", 52), main)
            gradients.append(gpu.malloc(weight.requested, back))
            if kept:
                gpu.free(kept.pop(), back)
        while kept:
            gpu.free(kept.pop(), frames(("backward", 54), ("step", 52), main))
        for gradient in gradients:
            gpu.free(gradient, frames(("update", 57), main))
        gpu.free(tokens, frames(("step", 58), main))
        if step == 45:
            gpu.release_all(frames(("empty_cache", 9), main))
    return state


def snapshot(gpu):
    segments = [{
        "device": 0, "address": s[0].address,
        "total_size": sum(b.size for b in s), "stream": 0,
        "segment_type": "small" if s[0].small else "large",
        "segment_pool_id": (0, 0), "is_expandable": False, "frames": [],
        "blocks": [{"address": b.address, "size": b.size,
                    "requested_size": b.requested, "state": b.state,
                    "frames": b.frames} for b in s]}
        for s in sorted(gpu.segments, key=lambda s: s[0].address)]
    settings = {
        "PYTORCH_CUDA_ALLOC_CONF": "", "max_split_size": -1,
        "garbage_collection_threshold": 0.0, "expandable_segments": False,
        "roundup_power2_divisions": {str(1 << i): 0 for i in range(16)}}
    return {"segments": segments, "device_traces": [gpu.events[-KEEP:]],
            "allocator_settings": settings}


if __name__ == "__main__":
    gpu = Allocator()
    train(gpu)
    print(len(gpu.events), "events,", gpu.retries, "retries", file=sys.stderr)
    with open(sys.argv[1], "wb") as file:
        with gzip.GzipFile("", "wb", 9, file, 0) as out:
            pickle.dump(snapshot(gpu), out, 4)
