//! The machine's heap as a dump: classes, objects, roots.
//!
//! Mirrors `services/heapDumper.cpp:VM_HeapDumper` of JDK 17. The dump is of everything on the heap, reachable or not,
//! as with `jcmd GC.heap_dump -all`.
//!
//! Differs: there are no class objects, loaders, static fields and threads on the heap: classes have numbers below the
//! heap for addresses, threads are instances of `java.lang.Thread` without fields. The VM's own roots (constants, caches)
//! are roots of an unknown kind, lines of frames are unknown, and nobody knows where an object was allocated.

use std::collections::HashMap;
use std::io::{self, Write};

use memory_trait::{Kind, Observer};

use super::Jvm;
use super::classes::places;
use crate::heap::klass::{DISCOVERED_HALF, KlassId, KlassKind, NEXT_HALF, REFERENT_HALF};
use crate::report::hprof::{BasicType, Dump, NO_TRACE};

const OBJECT: &str = "java/lang/Object";
const THREAD: &str = "java/lang/Thread";
/// The class whose methods the program's functions are.
const MAIN: &str = "Main";

/// A field: name, type, offset in the object. Unit: bytes. `None`: nothing that could be told is there.
type Field = (&'static str, BasicType, Option<usize>);
/// A class of the JDK: name, superclass, its own fields in class-file order.
type JdkClass = (&'static str, &'static str, &'static [Field]);

const fn half(name: &'static str, basic_type: BasicType, half: usize) -> Field {
    (name, basic_type, Some(half * 4))
}

const JDK: [JdkClass; 21] = {
    use BasicType::{Boolean, Byte, Double, Float, Int, Long, Object};
    [
        (OBJECT, "", &[]),
        (THREAD, OBJECT, &[]),
        (MAIN, OBJECT, &[]),
        ("java/util/AbstractCollection", OBJECT, &[]),
        ("java/util/AbstractList", "java/util/AbstractCollection", &[half("modCount", Int, places::LIST_MOD_COUNT)]),
        (
            "java/util/ArrayList",
            "java/util/AbstractList",
            &[half("elementData", Object, places::LIST_DATA), half("size", Int, places::LIST_SIZE)],
        ),
        ("java/util/AbstractMap", OBJECT, &[half("keySet", Object, 3), half("values", Object, 4)]),
        (
            "java/util/HashMap",
            "java/util/AbstractMap",
            &[
                half("table", Object, places::MAP_TABLE),
                half("entrySet", Object, 10),
                half("size", Int, places::MAP_SIZE),
                half("modCount", Int, places::MAP_MOD_COUNT),
                half("threshold", Int, places::MAP_THRESHOLD),
                half("loadFactor", Float, places::MAP_LOAD_FACTOR),
            ],
        ),
        (
            "java/util/LinkedHashMap",
            "java/util/HashMap",
            &[
                half("head", Object, places::MAP_HEAD),
                half("tail", Object, places::MAP_TAIL),
                half("accessOrder", Boolean, 11),
            ],
        ),
        (
            "java/util/HashMap$Node",
            OBJECT,
            &[
                half("hash", Int, places::ENTRY_HASH),
                half("key", Object, places::ENTRY_KEY),
                half("value", Object, places::ENTRY_VALUE),
                half("next", Object, places::ENTRY_NEXT),
            ],
        ),
        (
            "java/util/LinkedHashMap$Entry",
            "java/util/HashMap$Node",
            &[half("before", Object, places::ENTRY_BEFORE), half("after", Object, places::ENTRY_AFTER)],
        ),
        (
            "java/lang/String",
            OBJECT,
            &[
                half("value", Object, places::TEXT_VALUE),
                ("coder", Byte, Some(places::TEXT_CODER_BYTE)),
                half("hash", Int, places::TEXT_HASH),
                ("hashIsZero", Boolean, Some(places::TEXT_HASH_IS_ZERO_BYTE)),
            ],
        ),
        ("java/lang/Number", OBJECT, &[]),
        ("java/lang/Long", "java/lang/Number", &[("value", Long, Some(places::BOX_WORD * 8))]),
        ("java/lang/Double", "java/lang/Number", &[("value", Double, Some(places::BOX_WORD * 8))]),
        ("java/lang/Boolean", OBJECT, &[("value", Boolean, Some(places::BOOLEAN_BYTE))]),
        (
            "java/lang/ref/Reference",
            OBJECT,
            &[
                half("referent", Object, REFERENT_HALF),
                // Queues are not on the heap.
                ("queue", Object, None),
                half("next", Object, NEXT_HALF),
                half("discovered", Object, DISCOVERED_HALF),
            ],
        ),
        ("java/lang/ref/WeakReference", "java/lang/ref/Reference", &[]),
        ("java/lang/ref/SoftReference", "java/lang/ref/Reference", &[("timestamp", Long, Some(32))]),
        ("java/lang/ref/PhantomReference", "java/lang/ref/Reference", &[]),
        (
            "java/lang/ref/Finalizer",
            "java/lang/ref/Reference",
            &[half("next", Object, places::FINALIZER_NEXT), half("prev", Object, places::FINALIZER_PREV)],
        ),
    ]
};

/// A class in the dump.
struct Dumped {
    /// The number that stands for its address.
    id: u64,
    superclass: Option<usize>,
    name: String,
    fields: Vec<(String, BasicType, Option<usize>)>,
}

/// All classes, by name.
#[derive(Default)]
struct Dictionary {
    classes: Vec<Dumped>,
    by_name: HashMap<String, usize>,
    /// By class of the heap.
    of_klass: Vec<usize>,
}

impl Dictionary {
    fn add(&mut self, name: &str, superclass: &str, fields: Vec<(String, BasicType, Option<usize>)>) -> usize {
        if let Some(&known) = self.by_name.get(name) {
            return known;
        }
        let place = self.classes.len();
        self.classes.push(Dumped {
            id: 16 * (place as u64 + 1),
            superclass: self.by_name.get(superclass).copied(),
            name: name.to_owned(),
            fields,
        });
        self.by_name.insert(name.to_owned(), place);
        place
    }

    /// A class and its superclasses, itself first.
    fn lineage(&self, place: usize) -> impl Iterator<Item = &Dumped> {
        std::iter::successors(Some(&self.classes[place]), |class| class.superclass.map(|place| &self.classes[place]))
    }

    fn id(&self, name: &str) -> u64 {
        self.classes[self.by_name[name]].id
    }
}

fn basic_type(kind: Kind) -> BasicType {
    match kind {
        Kind::Int => BasicType::Long,
        Kind::Float => BasicType::Double,
        Kind::Bool => BasicType::Boolean,
        Kind::Reference => BasicType::Object,
    }
}

/// The number that stands for a thread's address: between the classes and the heap, where nothing else is.
fn thread_object(thread: usize) -> u64 {
    (1 << 20) + 16 * thread as u64
}

impl<O: Observer> Jvm<O> {
    /// Writes a heap dump in `hprof` format 1.0.2: everything on the heap, with the frames of all threads as roots.
    ///
    /// The heap is left as it is; see [`crate::report`] for what a dump does not have.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_heap_dump(&self, out: impl Write) -> io::Result<()> {
        let dictionary = self.dictionary();
        let mut dump = Dump::begin(out, self.host.clock_ns() / 1_000_000)?;
        let mut field_names = Vec::new();
        for (place, class) in dictionary.classes.iter().enumerate() {
            let name = dump.string(&class.name)?;
            dump.load_class(place as u32 + 1, class.id, name)?;
            let names: Vec<u64> = class.fields.iter().map(|(name, ..)| dump.string(name)).collect::<io::Result<_>>()?;
            field_names.push(names);
        }
        dump.stack_trace(NO_TRACE, 0, &[])?;
        self.dump_stacks(&mut dump, &dictionary)?;
        for (place, class) in dictionary.classes.iter().enumerate() {
            let fields = class.fields.iter().map(|&(_, basic_type, _)| basic_type);
            let fields: Vec<(u64, BasicType)> = field_names[place].iter().copied().zip(fields).collect();
            let all = dictionary.lineage(place).flat_map(|class| &class.fields);
            let superclass = class.superclass.map_or(0, |place| dictionary.classes[place].id);
            dump.class(class.id, superclass, all.map(|(_, field_type, _)| field_type.bytes()).sum(), &fields)?;
        }
        self.dump_objects(&mut dump, &dictionary)?;
        self.dump_roots(&mut dump, &dictionary)?;
        dump.end()
    }

    fn dictionary(&self) -> Dictionary {
        let mut dictionary = Dictionary::default();
        for (name, superclass, fields) in JDK {
            let fields = fields.iter().map(|&(name, field_type, at)| (name.to_owned(), field_type, at)).collect();
            dictionary.add(name, superclass, fields);
        }
        let klasses = self.heap.klasses();
        for klass in 0..klasses.len() {
            let name = klasses.get(KlassId(klass as u32)).name.replace('.', "/");
            let record = self.classes.records.iter().position(|record| record.0 as usize == klass);
            let place = match record {
                None => dictionary.add(&name, OBJECT, Vec::new()),
                Some(record) => {
                    let shape = &self.program.records[record];
                    let places = self.classes.fields_of(KlassId(klass as u32));
                    let fields = shape.fields.iter().zip(places);
                    let fields =
                        fields.map(|(field, at)| (field.name.clone(), basic_type(field.kind), Some(at.offset)));
                    // A record may have the name of a class that is there already.
                    let name = if dictionary.by_name.contains_key(&name) { format!("program/{name}") } else { name };
                    dictionary.add(&name, OBJECT, fields.collect())
                }
            };
            dictionary.of_klass.push(place);
        }
        dictionary
    }

    fn dump_stacks<W: Write>(&self, dump: &mut Dump<W>, dictionary: &Dictionary) -> io::Result<()> {
        let class_serial = dictionary.by_name[MAIN] as u32 + 1;
        let signature = dump.string("()V")?;
        let source = dump.string("Main.java")?;
        let methods: Vec<u64> =
            self.program.functions.iter().map(|function| dump.string(&function.name)).collect::<io::Result<_>>()?;
        let mut n_frames = 0;
        for thread in 0..self.host.n_threads() {
            let mut frames = Vec::new();
            for (function, _) in self.host.frames(thread) {
                n_frames += 1;
                dump.stack_frame(n_frames, [methods[function.index()], signature, source], class_serial)?;
                frames.push(n_frames);
            }
            dump.stack_trace(NO_TRACE + 1 + thread as u32, thread as u32 + 1, &frames)?;
        }
        Ok(())
    }

    fn dump_roots<W: Write>(&self, dump: &mut Dump<W>, dictionary: &Dictionary) -> io::Result<()> {
        let memory = self.heap.memory();
        let address = |reference: u32| memory.address(memory.index(reference)).0;
        for thread in 0..self.host.n_threads() {
            let (object, serial) = (thread_object(thread), thread as u32 + 1);
            dump.instance(object, dictionary.id(THREAD), &[])?;
            dump.root_thread(object, serial, NO_TRACE + serial)?;
            for (depth, (_, references)) in self.host.frames(thread).enumerate() {
                for reference in references.into_iter().filter(|&reference| reference != 0) {
                    dump.root_frame(address(reference), serial, depth as u32)?;
                }
            }
        }
        let own = self.host.handles.iter().chain(&self.host.statics).chain(self.heap.pending_references());
        for &reference in own.filter(|&&reference| reference != 0) {
            dump.root_unknown(address(reference))?;
        }
        Ok(())
    }

    fn dump_objects<W: Write>(&self, dump: &mut Dump<W>, dictionary: &Dictionary) -> io::Result<()> {
        let memory = self.heap.memory();
        let reference = |half: usize| match memory.half(half) {
            0 => 0,
            reference => memory.address(memory.index(reference)).0,
        };
        let mut bytes = Vec::new();
        for object in self.heap.walk() {
            let klass = self.heap.klass_of(object);
            let place = dictionary.of_klass[klass.0 as usize];
            let class = &dictionary.classes[place];
            let address = memory.address(object).0;
            let (first_byte, length) = (object * 8 + 16, self.heap.length(object) as usize);
            bytes.clear();
            match self.heap.klasses().get(klass).kind {
                KlassKind::References { .. } => {
                    let elements = (0..length).map(|index| reference(first_byte / 4 + index));
                    dump.object_array(address, class.id, elements)?;
                }
                KlassKind::Numbers { .. } => {
                    let element = match class.name.as_str() {
                        "[Z" => BasicType::Boolean,
                        "[B" => BasicType::Byte,
                        "[I" => BasicType::Int,
                        "[D" => BasicType::Double,
                        name => {
                            assert_eq!(name, "[J", "an array of numbers that no program makes");
                            BasicType::Long
                        }
                    };
                    for index in 0..length {
                        self.put_field(&mut bytes, element, first_byte + index * element.bytes() as usize);
                    }
                    dump.primitive_array(address, element, &bytes)?;
                }
                _ => {
                    for (_, field_type, at) in dictionary.lineage(place).flat_map(|class| &class.fields) {
                        match at {
                            Some(at) => self.put_field(&mut bytes, *field_type, object * 8 + at),
                            None => bytes.extend_from_slice(&0_u64.to_be_bytes()),
                        }
                    }
                    dump.instance(address, class.id, &bytes)?;
                }
            }
        }
        Ok(())
    }

    /// Appends the value at a byte of the heap.
    fn put_field(&self, bytes: &mut Vec<u8>, basic_type: BasicType, at: usize) {
        let memory = self.heap.memory();
        match basic_type {
            BasicType::Object => {
                let reference = memory.half(at / 4);
                let address = if reference == 0 { 0 } else { memory.address(memory.index(reference)).0 };
                bytes.extend_from_slice(&address.to_be_bytes());
            }
            BasicType::Long | BasicType::Double => bytes.extend_from_slice(&memory.word(at / 8).to_be_bytes()),
            BasicType::Int | BasicType::Float => bytes.extend_from_slice(&memory.half(at / 4).to_be_bytes()),
            BasicType::Boolean | BasicType::Byte => bytes.push(memory.byte(at)),
        }
    }
}
