"""Runs a coded program on a graph of objects and says what the collector and the allocator did.

Standard input: {"kind": "graph" | "finalizers", "profile", "seed", "ops": flat quads k, a, b, c, "slots": n, "threshold": [a, b, c]}.
Standard output: the fields of a line `run`, as docs/formats.md has them.

What happens while the program runs must not be disturbed by watching it. So nothing is allocated for that: before each
operation the collector's counters are copied as they are in memory, from one view of memory to another, and so is the
pointer that says where the object just made is. All views, and everything else the loop needs, are made beforehand and
frozen out of the collector's sight. memory.py, which is read before this file, says where the
interpreter keeps its state.
"""

import weakref

KEYS = [sys.intern("key%d" % i) for i in range(12)]


class Node:
    __slots__ = ("p", "q")


class Obj:
    def __init__(self):
        self.x = None
        self.y = None


class WeakNode:
    __slots__ = ("p", "q", "w", "__weakref__")


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
