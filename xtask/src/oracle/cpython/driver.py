"""Runs a coded program on a graph of objects and says what the collector and the allocator did.

Standard input: {"kind": "graph" | "finalizers", "profile", "seed", "ops": flat quads k, a, b, c, "slots": n, "threshold": [a, b, c]}.
Standard output: the fields of a line `run`, as docs/formats.md has them.

What happens while the program runs must not be disturbed by watching it. So nothing is allocated for that: before each
operation the collector's counters are copied as they are in memory, from one view of memory to another, and so is the
pointer that says where the object just made is. All views, and everything else the loop needs, are made beforehand and
frozen out of the collector's sight. Where the interpreter keeps its state is found out, not assumed: the generations by
their thresholds, the allocator's pools by the shape of their list heads, the arenas of 3.11 by the symbol table.
"""

import ctypes
import gc
import json
import struct
import sys
import weakref

GC_BYTES = 216
ARENA_BYTES, POOL_BYTES, ARENA_OBJECT_BYTES = 1 << 20, 1 << 14, 48
KEYS = [sys.intern("key%d" % i) for i in range(12)]


class Node:
    __slots__ = ("p", "q")


class Obj:
    def __init__(self):
        self.x = None
        self.y = None


class WeakNode:
    __slots__ = ("p", "q", "w", "__weakref__")


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


def run_graph(S, K, program, copies, enable, collect, freeze):
    everything = slice(None)
    n = len(copies)
    i = 0
    Node_, Obj_ = Node, Obj
    collect(); freeze(); collect()
    it = iter(program)
    while i < n:
        copies[i][0][everything] = copies[i][1]
        i += 1
    enable()
    for k, a, b, c, to, counters, cell, slot in it:
        # What the operation before has done, its jump back to here included.
        to[everything] = counters
        cell[everything] = slot
        if k == 0: S[a] = []
        elif k == 1: S[a].append(S[b])
        elif k == 2: S[a] = None
        elif k == 3: S[a] = {}
        elif k == 4: S[a][K[c]] = S[b]
        elif k == 5: S[a] = (S[b], S[c])
        elif k == 6: S[a] = Node_()
        elif k == 7: S[a].p = S[b]
        elif k == 8: S[a].q = S[b]
        elif k == 9: S[a].pop()
        elif k == 10: S[a].clear()
        elif k == 11: S[a] = Obj_()
        elif k == 12: S[a].x = S[b]
        elif k == 13: S[a] = S[b]
        elif k == 14: collect(b)
        elif k == 15: del S[a][K[c]]
        elif k == 16: S[a] = [S[b], S[c]]
        elif k == 17: S[a] = {K[c]: S[b]}
        elif k == 18: S[a] = (1, 2, b)
        elif k == 19:
            S[a] = (S[b], S[b], S[b], S[b], S[b], S[b], S[b], S[b], S[b], S[b],
                    S[b], S[b], S[b], S[b], S[b], S[b], S[b], S[b], S[b], S[b])
        elif k == 20: gc.disable()
        elif k == 21: gc.enable()
        elif k == 22: freeze()
        elif k == 24: gc.set_threshold(a, b, c)
        elif k == 25: gc.set_debug(a)
        elif k == 26: gc.garbage.clear()


LOG = []


class Fin:
    __slots__ = ("i", "p", "q", "r", "w", "__weakref__")

    def __del__(self):
        LOG.append(self.i)
        if self.r >= 0:
            SLOTS[self.r] = self


def callback(i):
    def log(_):
        LOG.append(i)

    return log


def run_finalizers(S, W, program, copies, enable, collect, freeze):
    everything = slice(None)
    n = len(copies)
    i = 0
    Node_, Fin_, ref = WeakNode, Fin, weakref.ref
    collect(); freeze(); collect()
    it = iter(program)
    while i < n:
        copies[i][0][everything] = copies[i][1]
        i += 1
    enable()
    for k, a, b, c, to, counters, cell, slot in it:
        to[everything] = counters
        cell[everything] = slot
        if k == 0:
            f = Fin_()
            f.i = b
            f.r = c
            S[a] = f
            f = None
        elif k == 1: S[a].p = S[b]
        elif k == 2: S[a].q = S[b]
        elif k == 3: S[a] = None
        elif k == 4: S[a] = []
        elif k == 5: S[a].append(S[b])
        elif k == 6: S[a] = Node_()
        elif k == 7: S[a].w = ref(S[b], c)
        elif k == 8: W[a] = ref(S[b], c)
        elif k == 9: S[a] = S[b]
        elif k == 10: W[a] = None
        elif k == 11: collect(b)
        elif k == 12: S[a].pop()


def sizes_at_start(rows, generations):
    """Objects in each generation, as far as the ends of its list tell: none or one."""
    sizes = []
    for i in range(3):
        first, last = struct.unpack_from("<2Q", rows, 24 * i)
        head = generations + 24 * i
        if first != last:
            fail("more than one object in a generation at the start")
        sizes.append(int(first != head))
    return sizes


def main():
    global SLOTS
    task = json.load(sys.stdin)
    if hasattr(sys, "gettotalrefcount") or not getattr(sys, "_is_gil_enabled", lambda: True)():
        fail("a debug or free-threaded build")
    gc.disable()
    is_graph = task["kind"] == "graph"
    ops, threshold = task["ops"], task["threshold"]
    quads = [tuple(ops[i : i + 4]) for i in range(0, len(ops), 4)]
    n = len(quads)
    MADE = {0, 3, 5, 6, 11, 16, 17, 18, 19}
    generations = find_generations()
    pymalloc = find_pymalloc() if is_graph else None
    gc.set_threshold(*threshold)
    SLOTS = S = [None] * task["slots"]
    # Classes that have made instances enough, and code that has run.
    for _ in range(40):
        Obj()
    counters = view(generations, GC_BYTES)
    rows = memoryview(bytearray(GC_BYTES * (n + 1)))
    cells = memoryview(bytearray(8 * (n + 1)))
    nowhere, nothing = memoryview(bytearray(8)), memoryview(bytes(8))
    items = word(id(S) + 24)  # ob_item
    slot_views = {}
    size_view = view(id(LOG) + 16, 8)
    program = []
    before = None
    for i, (k, a, b, c) in enumerate(quads + [(99, 0, 0, 0)]):
        row = rows[GC_BYTES * i : GC_BYTES * (i + 1)]
        if is_graph:
            cell, source = nowhere, nothing
            if before is not None and before[0] in MADE:
                slot = before[1]
                if slot not in slot_views:
                    slot_views[slot] = view(items + 8 * slot, 8)
                cell, source = cells[8 * i : 8 * i + 8], slot_views[slot]
        else:
            cell, source = cells[8 * i : 8 * i + 8], size_view
            if k in (7, 8):
                c = callback(c)
        program.append((k, a, b, c, row, counters, cell, source))
        before = (k, a)
    run = run_graph if is_graph else run_finalizers
    second = KEYS if is_graph else [None] * task["slots"]
    collect, freeze, enable = gc.collect, gc.freeze, gc.enable
    # The loop's own code as it is from then on: 3.11 and later rewrite it after a few rounds, and before that taking a
    # tuple apart makes an iterator, which counts. And every attribute is looked up once: the cache of types keeps the
    # names it was asked for alive, and gives up one that it had kept when another takes its place.
    idle = [(2, 0, 0, 0), (2, 1, 0, 0)] if is_graph else [(3, 0, 0, 0)]
    if is_graph:
        idle += [(0, 0, 0, 0), (1, 0, 1, 0), (9, 0, 0, 0), (10, 0, 0, 0), (3, 0, 0, 0), (4, 0, 1, 0), (15, 0, 0, 0),
                 (10, 0, 0, 0), (5, 0, 1, 1), (6, 0, 0, 0), (7, 0, 1, 0), (8, 0, 1, 0), (11, 0, 0, 0), (12, 0, 1, 0),
                 (13, 0, 1, 0), (14, 0, 0, 0), (16, 0, 1, 1), (17, 0, 1, 0), (18, 0, 0, 0), (19, 0, 1, 0),
                 (21, 0, 0, 0), (20, 0, 0, 0), (24, *threshold), (25, 0, 0, 0), (26, 0, 0, 0), (2, 0, 0, 0)]
    idle = [(*quad, memoryview(bytearray(GC_BYTES)), counters, nowhere, nothing) for quad in idle] * 100
    run(S, second, idle, [], gc.disable, collect, freeze)
    del idle
    gc.disable()
    collect()
    copies, arenas, state = [], [], []
    if pymalloc:
        while True:
            addresses = arena_objects(pymalloc)
            copies = [(bytearray(512), view(pymalloc[0], 512))]
            copies += [(bytearray(8), view(place, 8)) for place in pymalloc[1:]]
            copies.append((bytearray(ARENA_OBJECT_BYTES * len(addresses)),
                           view(word(pymalloc[1]), ARENA_OBJECT_BYTES * len(addresses))))
            live = [address for address in addresses if address]
            copies += [(bytearray(ARENA_BYTES), view(address, ARENA_BYTES)) for address in live]
            copies = [(memoryview(to), source) for to, source in copies]
            if arena_objects(pymalloc) == addresses:
                break
    del quads, ops
    run(S, second, program, copies, enable, collect, freeze)
    gc.disable()

    log, ids, events = [], [], []
    def row_at(i):
        values = struct.unpack_from("<" + "QQii" * 3, rows, GC_BYTES * i)
        counts = values[3::4]
        stats = struct.unpack_from("<9q", rows, GC_BYTES * i + 104)
        total, pending = struct.unpack_from("<2q", rows, GC_BYTES * i + 200)
        return counts, stats, pending, total
    start = row_at(0)
    last = start
    logged = 0
    for i in range(n):
        row = row_at(i + 1)
        if row[1] != last[1]:
            for g in range(3):
                new, old = row[1][3 * g : 3 * g + 3], last[1][3 * g : 3 * g + 3]
                if new[0] != old[0]:
                    log.append([i, g] + [x - y for x, y in zip(new, old)] + list(row[0]) + [row[2], row[3]])
        last = row
        cell = struct.unpack_from("<Q", cells, 8 * (i + 1))[0]
        if is_graph:
            if program[i][0] in MADE:
                ids += [i, cell]
        else:
            for event in LOG[logged:cell]:
                events += [i, event]
            logged = cell
    answer = {
        "type": "run",
        "version": "%d.%d.%d" % sys.version_info[:3],
        "profile": task["profile"],
        "seed": task["seed"],
        "threshold": threshold,
        "init": {
            "count": list(start[0]), "sizes": sizes_at_start(rows, generations), "pending": start[2],
            "total": start[3],
            # The full collection just before has emptied them.
            "fl_list": 0, "fl_dict": 0, "fl_float": 0, "fl_tuple": [0] * 20,
        },
        "log": log,
    }
    if not is_graph:
        answer["events"] = events
    if pymalloc:
        bytes_of = [bytes(to) for to, _ in copies]
        first_words = [struct.unpack("<Q", copy)[0] for copy in bytes_of[1:6]]
        arena_table, at_start = bytes_of[6], [a for a in addresses if a]
        in_table = [struct.unpack_from("<Q", arena_table, ARENA_OBJECT_BYTES * i)[0]
                    for i in range(len(arena_table) // ARENA_OBJECT_BYTES)]
        if first_words[0] != word(pymalloc[1]) and word(pymalloc[2]) == first_words[1]:
            fail("the table of arenas has moved")
        if any(a and a not in at_start for a in in_table):
            fail("an arena was made just before the start")
        n_made = word(pymalloc[5]) - first_words[4]
        now = arena_objects(pymalloc)
        new = [i for i, a in enumerate(now) if a and a not in in_table]
        if n_made == len(new) and all(a in now for a in in_table if a):
            snapshot = write_snapshot(pymalloc[0], bytes_of[0], first_words[0], arena_table, first_words[2],
                                      first_words[3], list(zip(live, bytes_of[7:])))
            answer["snapshot"] = snapshot
            # Slots are taken in the order of the list of unused ones, then those that the table grew by.
            unused = []
            entry, entries = first_words[2], arena_table
            while entry:
                slot = (entry - first_words[0]) // ARENA_OBJECT_BYTES
                unused.append(slot)
                entry = struct.unpack_from("<Q", entries, ARENA_OBJECT_BYTES * slot + 32)[0]
            order = {slot: i for i, slot in enumerate(unused)}
            new.sort(key=lambda slot: order.get(slot, slot + len(in_table)))
            answer["arenas"] = [[1, now[slot]] for slot in new]
            answer["ids"] = ids
    json.dump(answer, sys.stdout, separators=(",", ":"))


main()
