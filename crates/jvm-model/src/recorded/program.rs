//! Heap programs: integers that make, link and drop objects on a root table, run on the model's heap alone.
//!
//! What the integers mean is described in `tests/oracle/hotspot/README.md`; the same programs run on real JVMs.

use memory_trait::{Address, Collection, Reclaimer};

use crate::heap::klass::{ArrayUse, Klass, KlassId, KlassKind, KlassTable};
use crate::heap::memory::{Memory, Narrow};
use crate::heap::{CollectionReport, Mutator, Resumption, SerialHeap};
use crate::layout::{ClassInfo, ClassLayout, FieldInfo, FieldType, Mode};
use crate::params::Flags;
use crate::sizing::Sizing;

/// Which of the roots is the table.
const TABLE: usize = 1;

/// The program's side of the heap: three roots, and a diary.
struct Host {
    roots: [Narrow; 3],
    reports: Vec<(Collection, CollectionReport)>,
}

impl Mutator for Host {
    const WATCHES: bool = false;

    fn visit_roots(&mut self, visit: &mut impl FnMut(&mut Narrow)) {
        self.roots.iter_mut().for_each(visit);
    }

    fn clock_ms(&self) -> u64 {
        0
    }

    fn began(&mut self, _collection: Collection) {}

    fn moved(&mut self, _tag: u64, _from: Address, _to: Address) {}

    fn reclaimed(&mut self, _tag: u64, _by: Reclaimer) {}

    fn ended(&mut self, collection: Collection, report: &CollectionReport) {
        self.reports.push((collection, *report));
    }

    fn resized(&mut self, _heap_bytes: u64) {}
}

/// The classes of the programs, by kind.
fn classes(table: &mut KlassTable, mode: &Mode) -> (Vec<KlassId>, KlassId) {
    use FieldType::{Int, Long, Reference};
    let fields: [&[FieldType]; 6] = [
        &[],
        &[Reference],
        &[Reference, Reference],
        &[Long, Reference, Reference, Reference],
        &[Reference; 8],
        &[Long; 6],
    ];
    let instance = |name: &str, layout: &ClassLayout| {
        let bytes = u64::from(layout.instance_bytes());
        Klass::instance(name, KlassKind::Instance, bytes, bytes, layout.reference_offsets(), mode)
    };
    let layouts = fields.map(|types| ClassLayout::of_record(types, mode));
    let mut ids: Vec<KlassId> = layouts.iter().map(|layout| table.add(instance("record", layout))).collect();
    for (name, log2_bytes) in [("[B", 0), ("[I", 2), ("[J", 3)] {
        ids.push(table.add(Klass::array(name, KlassKind::Numbers { log2_bytes, array_use: ArrayUse::Payload }, mode)));
    }
    let references = KlassKind::References { array_use: ArrayUse::Payload };
    let object_array = table.add(Klass::array("[Ljava/lang/Object;", references, mode));
    ids.push(object_array);
    let fields = [Reference, Int].map(|field_type| FieldInfo::instance("", field_type)).to_vec();
    let subclass = ClassLayout::of(&ClassInfo { fields, ..ClassInfo::default() }, Some(&layouts[1]), mode);
    ids.push(table.add(instance("subclass", &subclass)));
    (ids, object_array)
}

/// A heap with a root table R in old, and what integers do to it.
///
/// ```
/// use jvm_model::recorded::{HeapProgram, Stop};
/// use jvm_model::{Flags, Version};
///
/// let flags = Flags::parse(Version::V17, ["-Xint", "-Xms16m", "-Xmx16m"])?;
/// let mut program = HeapProgram::new(&flags, 10)?;
/// // NEW kind 2 in slot 0, NEW kind 2 in slot 1, LINK R[0].ref[1] = R[1], GC, SNAP, END
/// let ops = [1, 2, 0, 1, 2, 1, 3, 0, 1, 1, 7, 6, 0];
/// assert_eq!(program.advance(&ops), Stop::Collected);
/// assert_eq!(program.heap().n_full_collections(), 1);
/// assert_eq!(program.advance(&ops), Stop::Snapshot(11));
/// assert_eq!(program.reachable_addresses().len(), 3, "R and two objects");
/// assert_eq!(program.advance(&ops), Stop::Ended(12));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct HeapProgram {
    heap: SerialHeap,
    host: Host,
    kinds: Vec<KlassId>,
    /// By class: where its references are, in 4-byte halves from an object's start.
    fields: Vec<Vec<usize>>,
    at: usize,
}

/// Why a program does not go on by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// There was a collection, or more than one.
    Collected,
    /// The operation at this place asks for a snapshot.
    Snapshot(usize),
    /// The operation at this place ended the program.
    Ended(usize),
    /// The operation at this place found no memory.
    OutOfMemory(usize),
    /// There are no more operations.
    Exhausted,
}

impl HeapProgram {
    /// A program on an empty heap: R is the first object of old.
    ///
    /// - `n_slots`: how long R is.
    ///
    /// # Errors
    /// What the VM says of the flags, in words; and that this host has no room for the heap.
    pub fn new(flags: &Flags, n_slots: u32) -> Result<Self, String> {
        let sizing = Sizing::of(flags).map_err(|error| error.to_string())?;
        let (mut program, table) = Self::build(flags, &sizing)?;
        let table = program.heap.allocate_in_image(table, n_slots).map_err(|_| "old has no room for the table")?;
        program.host.roots[TABLE] = program.heap.memory().narrow(table);
        Ok(program)
    }

    /// A program on a heap taken over from a real JVM: R is at `table`.
    pub(super) fn resume(
        flags: &Flags,
        sizing: &Sizing,
        state: &Resumption,
        table: u64,
        n_slots: u32,
    ) -> Result<Self, String> {
        let (mut program, klass) = Self::build(flags, sizing)?;
        let hole = program.heap.memory().index_of(Address(table));
        program.host.roots = program.heap.resume(state, hole, klass, n_slots);
        Ok(program)
    }

    /// A program without a table, and the class that it is of.
    fn build(flags: &Flags, sizing: &Sizing) -> Result<(Self, KlassId), String> {
        if !Memory::can_reserve(sizing.heap.max) {
            return Err(format!("this host has no room for a heap of {} bytes", sizing.heap.max));
        }
        let mode = Mode::from_flags(flags);
        let mut klasses = KlassTable::new(&mode);
        let (kinds, object_array) = classes(&mut klasses, &mode);
        let fields =
            (0..klasses.len() as u32).map(|klass| klasses.reference_halves(KlassId(klass)).collect()).collect();
        let heap = SerialHeap::new(flags, sizing, klasses);
        let host = Host { roots: [0; 3], reports: Vec::new() };
        Ok((HeapProgram { heap, host, kinds, fields, at: 0 }, object_array))
    }

    /// The heap.
    pub fn heap(&self) -> &SerialHeap {
        &self.heap
    }

    /// The addresses of everything that R leads to, breadth first, its own first.
    pub fn reachable_addresses(&self) -> Vec<u64> {
        self.heap.reachable_addresses(self.table())
    }

    /// Where in the operations the program is.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The collections since this was last asked.
    pub fn take_reports(&mut self) -> Vec<(Collection, CollectionReport)> {
        std::mem::take(&mut self.host.reports)
    }

    #[inline]
    fn table(&self) -> usize {
        self.heap.memory().index(self.host.roots[TABLE])
    }

    #[inline]
    fn slot(&self, slot: u32) -> Narrow {
        self.heap.element(self.table(), slot as usize)
    }

    #[inline]
    fn set_slot(&mut self, slot: u32, value: Narrow) {
        self.heap.store_element(self.table(), slot as usize, value);
    }

    #[inline]
    fn object(&self, slot: u32) -> usize {
        self.heap.memory().index(self.slot(slot))
    }

    #[inline]
    fn create(&mut self, kind: u32, length: u32, slot: u32) -> bool {
        let Ok(object) = self.heap.allocate(&mut self.host, self.kinds[kind as usize], length, 0) else {
            return false;
        };
        let reference = self.heap.memory().narrow(object);
        self.set_slot(slot, reference);
        true
    }

    #[inline]
    fn link(&mut self, slot: u32, index: u32, value: Narrow) {
        let object = self.object(slot);
        let klass = self.heap.klass_of(object);
        if self.heap.klasses().get(klass).is_array() {
            self.heap.store_element(object, index as usize, value);
        } else {
            self.heap.store_field(object, self.fields[klass.0 as usize][index as usize], value);
        }
    }

    /// Runs until there is something to be told. The operations are to be the same ones every time.
    ///
    /// # Panics
    /// If an operation uses an empty slot as an object, or a kind or a reference that there is not.
    pub fn advance(&mut self, ops: &[u32]) -> Stop {
        let operand = |at: usize| ops.get(at).copied().unwrap_or(0);
        while self.at < ops.len() {
            let at = self.at;
            let (a, b, c) = (operand(at + 1), operand(at + 2), operand(at + 3));
            let mut is_out_of_memory = false;
            match ops[at] {
                1 => {
                    self.at += 3;
                    is_out_of_memory = !self.create(a, 0, b);
                }
                2 => {
                    self.at += 4;
                    is_out_of_memory = !self.create(a, b, c);
                }
                3 => {
                    self.at += 4;
                    let value = self.slot(c);
                    self.link(a, b, value);
                }
                4 => {
                    self.at += 2;
                    self.set_slot(a, 0);
                }
                5 => {
                    self.at += 3;
                    let value = self.slot(a);
                    self.set_slot(b, value);
                }
                6 => {
                    self.at += 1;
                    return Stop::Snapshot(at);
                }
                7 => {
                    self.at += 1;
                    self.heap.collect_all(&mut self.host);
                }
                8 => {
                    self.at += 4;
                    let object = self.object(a);
                    let klass = self.heap.klass_of(object);
                    let value = if self.heap.klasses().get(klass).is_array() {
                        self.heap.element(object, b as usize)
                    } else {
                        self.heap.reference(object, self.fields[klass.0 as usize][b as usize])
                    };
                    self.set_slot(c, value);
                }
                9 => {
                    self.at += 3;
                    self.link(a, b, 0);
                }
                _ => {
                    self.at = ops.len();
                    return Stop::Ended(at);
                }
            }
            if is_out_of_memory {
                self.at = ops.len();
                return Stop::OutOfMemory(at);
            }
            if !self.host.reports.is_empty() {
                return Stop::Collected;
            }
        }
        Stop::Exhausted
    }
}
