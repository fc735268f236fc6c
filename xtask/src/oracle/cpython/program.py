"""Runs a program that was emitted from a workload and says what it asked of the allocator.

Standard input: {"head": fields of the answer, "source": the program, "folder": where the extension is, "seed": of `rand`,
"most": calls to write down}.
Standard output: the fields of a line `program`, as docs/formats.md has them.

The program's `main` runs from a heap without garbage on, with its constants, functions and classes already there, and
with its code as it is before it has run. `rand` and `print` are functions in C: the numbers drawn are the same, and
nothing is allocated for the drawing and for the output.
"""


def main():
    task = json.load(sys.stdin)
    if hasattr(sys, "gettotalrefcount") or not getattr(sys, "_is_gil_enabled", lambda: True)():
        fail("a debug or free-threaded build")
    gc.disable()
    sys.path.insert(0, task["folder"])
    import heaptwin_watch as watch

    names = {"__name__": "emitted"}
    exec(compile(task["source"], "emitted", "exec"), names)
    names["print"] = watch.show
    if "_rand" in names:
        names["_rand"] = watch.draw
    generations = find_generations()
    pymalloc = find_pymalloc()
    if pymalloc is None:
        fail("its symbols are stripped")
    arguments = [names["main"], gc.freeze, generations + 104, task["seed"], task["most"], None]
    del names
    # The list of places is itself in the arenas that it names.
    addresses, places = None, None
    while addresses != arena_objects(pymalloc):
        addresses = arena_objects(pymalloc)
        places = [(pymalloc[0], 512)] + [(place, 8) for place in pymalloc[1:]]
        places.append((word(pymalloc[1]), ARENA_OBJECT_BYTES * len(addresses)))
        places += [(address, ARENA_BYTES) for address in addresses if address]
    arguments[5] = places
    # What it keeps of names from before would be given up at some time.
    sys._clear_type_cache()
    copies, events, n_left_out, exception = watch.run(*arguments)

    of, at = [], 0
    for _, n in places:
        of.append(copies[at : at + n])
        at += n
    first_words = [struct.unpack("<Q", copy)[0] for copy in of[1:6]]
    live = [struct.unpack_from("<Q", of[6], ARENA_OBJECT_BYTES * i)[0] for i in range(len(of[6]) // ARENA_OBJECT_BYTES)]
    if [address for address in live if address] != [address for address in addresses if address]:
        fail("an arena was made just before the start")
    arenas = list(zip([address for address in addresses if address], of[7:]))
    snapshot = write_snapshot(pymalloc[0], of[0], first_words[0], of[6], first_words[2], first_words[3], arenas)
    quads, made, collections, last = [], [], [], (0, 0, 0)
    for event in struct.iter_unpack("<7Q", events):
        if event[4:] != last:
            last = event[4:]
            collections.append([len(quads) // 4, *last])
        if event[0] < 4:
            quads += event[:4]
        elif event[1] == ARENA_BYTES:
            made.append([1, event[3]] if event[0] == 4 else [2, event[2]])
    if n_left_out > 0:
        fail("the program makes %d calls more than are written down" % n_left_out)
    json.dump(
        {
            "type": "program",
            "version": "%d.%d.%d" % sys.version_info[:3],
            **task["head"],
            "exception": exception and exception.__name__,
            "snapshot": snapshot,
            "arenas": made,
            "collections": collections,
            "events": quads,
        },
        sys.stdout,
        separators=(",", ":"),
    )


main()
