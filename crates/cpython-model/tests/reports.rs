//! The runtime's own reports, held against texts that real interpreters printed.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use cpython_model::obmalloc::ClassStats;
use cpython_model::report::{DebugMallocStats, FreeListLine};
use cpython_model::{CPython, Pymalloc, Version};
use memory_trait::{Allocator, FieldIndex, Kind, Machine, Program, Slot};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/cpython/debugmallocstats")
}

/// The figure after the equals sign of the line that begins so.
fn figure(text: &str, name: &str) -> u64 {
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no line {name}"));
    line.rsplit('=').next().unwrap().trim().replace(',', "").parse().unwrap()
}

fn parse(text: &str, version: Version) -> DebugMallocStats {
    let mut classes: [ClassStats; 32] =
        std::array::from_fn(|class| ClassStats { block_bytes: 16 * (class as u64 + 1), ..ClassStats::default() });
    for row in text.lines().skip_while(|line| !line.starts_with("-----")).skip(1).take_while(|line| !line.is_empty()) {
        let numbers: Vec<u64> = row.split_whitespace().map(|number| number.parse().unwrap()).collect();
        let [class, block_bytes, n_pools, n_live_blocks, n_free_blocks] = numbers[..] else { panic!("{row}") };
        classes[class as usize] = ClassStats { block_bytes, n_pools, n_live_blocks, n_free_blocks };
    }
    let unused = text.lines().find(|line| line.contains(" unused pools * ")).unwrap();
    let map = |name| if version >= Version::V3_10 { figure(text, name) } else { 0 };
    DebugMallocStats {
        version,
        classes,
        n_arenas_made: figure(text, "# arenas allocated total"),
        n_arenas_highwater: figure(text, "# arenas highwater mark"),
        n_arenas: figure(text, "# arenas allocated current"),
        n_free_pools: unused.split(' ').next().unwrap().parse().unwrap(),
        n_map_nodes: [map("# arena map mid nodes"), map("# arena map bot nodes")],
    }
}

fn free_list_lines(text: &str) -> impl Iterator<Item = FreeListLine> {
    text.lines().filter(|line| line.contains(" bytes each =")).map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let names = words[2..].iter().position(|&word| word == "*").unwrap();
        FreeListLine {
            name: words[2..2 + names].join(" ").strip_suffix('s').unwrap().to_owned(),
            n_objects: words[0].parse().unwrap(),
            object_bytes: words[3 + names].parse().unwrap(),
        }
    })
}

#[test]
fn the_text_of_debugmallocstats_is_that_of_real_interpreters() {
    let mut n_texts = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let real = std::fs::read_to_string(&path).unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let version: Version = name.rsplitn(2, '.').last().unwrap().parse().unwrap();
        // The sums, the shares and the layout are ours; from the text are the counts that they are made of.
        let mut ours = format!("{}\n", parse(&real, version));
        for line in free_list_lines(&real) {
            write!(ours, "{line}").unwrap();
        }
        assert_eq!(ours, real, "{}", path.display());
        n_texts += 1;
    }
    assert_eq!(n_texts, 9);
}

#[test]
fn the_counts_are_those_of_the_heap() {
    let mut pymalloc = Pymalloc::new(Version::V3_12);
    let blocks: Vec<_> = (0..20_000).map(|i| pymalloc.malloc(1 + i % 512).unwrap()).collect();
    for block in &blocks[1000..] {
        pymalloc.free(*block).unwrap();
    }
    let stats = pymalloc.debug_malloc_stats();
    let text = stats.to_string();
    assert_eq!(parse(&text, Version::V3_12), stats, "the text says all of it");
    let live: u64 = (0..1000).map(|i| (1 + i % 512_u64).next_multiple_of(16)).sum();
    assert_eq!(figure(&text, "# bytes in allocated blocks"), live);
    assert!(figure(&text, "# arenas reclaimed") > 0);
    assert_eq!(figure(&text, "# arenas allocated current"), pymalloc.arenas().count() as u64);
}

#[test]
fn one_object_pins_an_arena_and_is_named() {
    let mut program = Program::default();
    let node = program.record("Node", &[("next", Kind::Reference)]);
    let locals = [("head", Kind::Reference), ("new", Kind::Reference), ("kept", Kind::Reference)];
    let main = program.function("main", &[], &locals);
    let (head, new, kept) = (Slot(0), Slot(1), Slot(2));
    let mut python = CPython::builder().version(Version::V3_12).build();
    python.load_program(&program).unwrap();
    python.call(main, &[], None).unwrap();
    let n_arenas_before = python.arena_pins().len();
    // More than two arenas of nodes, of which one in the middle of an arena stays.
    for i in 0..60_000 {
        python.new_record(new, node).unwrap();
        if i == 45_000 {
            python.copy(kept, new).unwrap();
        } else {
            if i > 0 {
                python.store(new, FieldIndex(0), head).unwrap();
            }
            python.copy(head, new).unwrap();
        }
    }
    assert!(python.arena_pins().len() > n_arenas_before + 1);
    python.clear(new).unwrap();
    python.clear(head).unwrap();
    let pins = python.arena_pins();
    let pinned: Vec<_> =
        pins.iter().filter(|arena| arena.pins.iter().any(|pin| pin.owner.as_deref() == Some("Node#45001"))).collect();
    assert_eq!(pinned.len(), 1, "{pins:?}");
    assert_eq!(pinned[0].pins.len(), 1, "nothing else is in that arena");
    let text = pinned[0].to_string();
    assert!(text.ends_with(": 48 of 1048576 bytes live, in 1 block: Node#45001"), "{text}");
    python.clear(kept).unwrap();
    // The last of the usable arenas is kept even when it is empty (3.9 and later).
    let after = python.arena_pins();
    let arena = after.iter().find(|arena| arena.arena == pinned[0].arena);
    assert!(arena.is_none_or(|arena| arena.pins.is_empty()), "{arena:?}");
}

#[test]
fn the_line_at_the_end_of_a_collection_has_no_time() {
    // Python 3.11.7 printed `gc: done, 1 unreachable, 0 uncollectable, 0.0001s elapsed`.
    let text = <CPython>::gc_debug_done_text(1, 0);
    assert_eq!(text, "gc: done, 1 unreachable, 0 uncollectable, 0.0000s elapsed\n");
}

#[test]
fn an_instance_that_can_be_referred_to_weakly_owns_its_block_from_the_start_of_it() {
    for (version, bytes) in [(Version::V3_11, 48), (Version::V3_12, 64), (Version::V3_13, 64)] {
        let mut program = Program::default();
        let image = program.record("Image", &[("id", Kind::Int)]);
        program.records[image.index()].is_weakly_referenced = true;
        let main = program.function("main", &[], &[("image", Kind::Reference)]);
        let mut python = CPython::builder().version(version).build();
        python.load_program(&program).unwrap();
        python.call(main, &[], None).unwrap();
        python.new_record(Slot(0), image).unwrap();
        let pins = python.arena_pins();
        let pin = pins.iter().flat_map(|arena| &arena.pins).find(|pin| pin.owner.as_deref() == Some("Image#1"));
        assert_eq!(pin.map(|pin| pin.block_bytes), Some(bytes), "{version}");
    }
}
