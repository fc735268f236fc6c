"""Where an interpreter keeps its state, and copies of it: what the drivers share.

Where things are is found out, not assumed: the generations by their thresholds, the allocator's pools by the shape of
their list heads, the arenas of 3.11 by the symbol table.
"""

import ctypes
import gc
import json
import struct
import sys

GC_BYTES = 216
ARENA_BYTES, POOL_BYTES, ARENA_OBJECT_BYTES = 1 << 20, 1 << 14, 48


def fail(why):
    json.dump({"failed": why}, sys.stdout)
    sys.exit(0)


def view(address, n):
    return memoryview((ctypes.c_char * n).from_address(address)).cast("B")


def words(address, n):
    return struct.unpack("<%dQ" % n, ctypes.string_at(address, 8 * n))


def word(address):
    return words(address, 1)[0]


def mappings():
    """The process's memory: begin, end, access, offset in the file, file."""
    found = []
    for line in open("/proc/self/maps"):
        fields = line.split()
        begin, end = (int(x, 16) for x in fields[0].split("-"))
        found.append((begin, end, fields[1], int(fields[2], 16), fields[5] if len(fields) > 5 else ""))
    return found


def library():
    """The file that the interpreter's own code and data are from, and where its address 0 is."""
    runtime = ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, "_PyRuntime"))
    named = [m for m in mappings() if m[4] and m[0] <= runtime]
    first = next(m for m in named if m[4] == named[-1][4])
    return first[4], first[0] - first[3]


def find_generations():
    magic = (1234567, 7654321, 3141592)
    saved = gc.get_threshold()
    gc.set_threshold(*magic)
    try:
        get = ctypes.pythonapi.PyInterpreterState_Get
        get.restype = ctypes.c_void_p
        interpreter = get()
        begin, end = next((m[0], m[1]) for m in mappings() if m[0] <= interpreter < m[1])
        memory = ctypes.string_at(interpreter, end - interpreter)
        at = memory.find(struct.pack("<i", magic[0]))
        while at >= 0:
            if all(memory[at + 24 * i : at + 24 * i + 4] == struct.pack("<i", magic[i]) for i in (1, 2)):
                base = interpreter + at - 16
                if word(base + 184) == id(gc.garbage) and word(base + 192) == id(gc.callbacks):
                    return base
            at = memory.find(struct.pack("<i", magic[0]), at + 1)
    finally:
        gc.set_threshold(*saved)
    fail("the collector's state is not where it should be")


def symbols(path, names):
    """Addresses of local symbols, from the ELF symbol table; empty for a stripped file."""
    data = open(path, "rb").read()
    if data[:5] != b"\x7fELF\x02":
        return {}
    table, entry_bytes, n_entries = struct.unpack_from("<Q", data, 0x28)[0], *struct.unpack_from("<HH", data, 0x3A)
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, table + i * entry_bytes) for i in range(n_entries)]
    found = {}
    for section in sections:
        if section[1] != 2:
            continue
        strings = sections[section[6]]
        for at in range(section[4], section[4] + section[5], 24):
            name, info, _, _, value, _ = struct.unpack_from("<IBBHQQ", data, at)
            if info & 15 == 1:
                start = strings[4] + name
                text = data[start : data.index(b"\0", start)].decode()
                if text in names:
                    found[text] = value
    return found


def find_pymalloc():
    """Addresses of usedpools, arenas, maxarenas, unused_arena_objects, usable_arenas and ntimes_arena_allocated."""
    # A block just given back is in a pool that is in the list of its class; the list's head is in usedpools.
    pool = id(object()) // POOL_BYTES * POOL_BYTES
    size_class = word(pool + 32) >> 32
    while pool % POOL_BYTES == 0:
        pool = word(pool + 24)
    used_pools = pool + 16 - 16 * size_class
    if sys.version_info[:2] >= (3, 12):
        mgmt = used_pools + 512
        return used_pools, mgmt, mgmt + 8, mgmt + 16, mgmt + 24, mgmt + 32 + 8 * 65 + 8
    path, base = library()
    names = ["usedpools", "arenas", "maxarenas", "unused_arena_objects", "usable_arenas", "ntimes_arena_allocated"]
    found = symbols(path, names)
    if len(found) < len(names):
        return None
    found = tuple(base + found[name] for name in names)
    return found if found[0] == used_pools else None


def arena_objects(places):
    """Addresses of the arenas by slot of their table."""
    table, n = word(places[1]), word(places[2]) & 0xFFFFFFFF
    return [word(table + ARENA_OBJECT_BYTES * i) for i in range(n)]


def write_snapshot(used_pools_at, used, table_at, table, unused, usable, arenas):
    """The integers of a snapshot, from copies of the memory."""

    def at(address):
        for begin, copy in arenas:
            if begin <= address < begin + ARENA_BYTES:
                return copy, address - begin
        fail("a pool outside the arenas")

    def get(address, code="Q"):
        copy, offset = at(address)
        return struct.unpack_from("<" + code, copy, offset)[0]

    out = [32]
    for i in range(32):
        pools, pool, head = [], struct.unpack_from("<Q", used, 16 * i)[0], used_pools_at + 16 * i - 16
        while pool != head:
            pools.append(pool)
            pool = get(pool + 16)
        out += [len(pools)] + pools
    n = len(table) // ARENA_OBJECT_BYTES
    out.append(n)
    entries = [struct.unpack_from("<QQIIQQQ", table, ARENA_OBJECT_BYTES * i) for i in range(n)]
    for address, pool_address, n_free, n_total, free, _, _ in entries:
        out.append(address)
        if not address:
            continue
        out += [pool_address, n_free, n_total]
        pools = []
        while free:
            pools.append(free)
            free = get(free + 16)
        out += [len(pools)] + pools
        carved = list(range(-(-address // POOL_BYTES) * POOL_BYTES, pool_address, POOL_BYTES))
        out.append(len(carved))
        for pool in carved:
            count, block = get(pool, "I"), get(pool + 8)
            size_class, next_offset, next_offset_max = (get(pool + i, "I") for i in (36, 40, 44))
            blocks = []
            while block:
                blocks.append(block)
                block = get(block)
            out += [pool, count, size_class, next_offset, next_offset_max, len(blocks)] + blocks
    for first in (usable, unused):
        slots, entry = [], first
        while entry:
            slot = (entry - table_at) // ARENA_OBJECT_BYTES
            slots.append(slot)
            entry = entries[slot][5]
        out += [len(slots)] + slots
    return out


