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
use super::places::Places;
use crate::heap::klass::{KlassId, KlassKind};
use crate::heap::memory::Narrow;
use crate::report::hprof::{BasicType, Dump, NO_TRACE};

const OBJECT: &str = "java/lang/Object";
const THREAD: &str = "java/lang/Thread";
/// The class whose methods the program's functions are.
const MAIN: &str = "Main";

/// A field: name, type, offset in the object. Unit: bytes. `None`: nothing that could be told is there.
type Field = (&'static str, BasicType, Option<usize>);
/// A class of the JDK: name, superclass, its own fields in class-file order.
type JdkClass = (&'static str, &'static str, Vec<Field>);

fn half(name: &'static str, basic_type: BasicType, half: usize) -> Field {
    (name, basic_type, Some(half * 4))
}

/// The classes of the JDK with their superclasses before them.
fn jdk(places: &Places) -> [JdkClass; 21] {
    use BasicType::{Boolean, Byte, Double, Float, Int, Long, Object};
    [
        (OBJECT, "", vec![]),
        (THREAD, OBJECT, vec![]),
        (MAIN, OBJECT, vec![]),
        ("java/util/AbstractCollection", OBJECT, vec![]),
        ("java/util/AbstractList", "java/util/AbstractCollection", vec![half("modCount", Int, places.list_mod_count)]),
        (
            "java/util/ArrayList",
            "java/util/AbstractList",
            vec![half("elementData", Object, places.list_data), half("size", Int, places.list_size)],
        ),
        (
            "java/util/AbstractMap",
            OBJECT,
            vec![half("keySet", Object, places.map_key_set), half("values", Object, places.map_values)],
        ),
        (
            "java/util/HashMap",
            "java/util/AbstractMap",
            vec![
                half("table", Object, places.map_table),
                half("entrySet", Object, places.map_entry_set),
                half("size", Int, places.map_size),
                half("modCount", Int, places.map_mod_count),
                half("threshold", Int, places.map_threshold),
                half("loadFactor", Float, places.map_load_factor),
            ],
        ),
        (
            "java/util/LinkedHashMap",
            "java/util/HashMap",
            vec![
                half("head", Object, places.map_head),
                half("tail", Object, places.map_tail),
                ("accessOrder", Boolean, Some(places.map_access_order_byte)),
            ]
            .into_iter()
            .chain(places.map_put_mode.map(|place| half("putMode", Int, place)))
            .collect(),
        ),
        (
            "java/util/HashMap$Node",
            OBJECT,
            vec![
                half("hash", Int, places.entry_hash),
                half("key", Object, places.entry_key),
                half("value", Object, places.entry_value),
                half("next", Object, places.entry_next),
            ],
        ),
        (
            "java/util/LinkedHashMap$Entry",
            "java/util/HashMap$Node",
            vec![half("before", Object, places.entry_before), half("after", Object, places.entry_after)],
        ),
        (
            "java/lang/String",
            OBJECT,
            vec![
                half("value", Object, places.text_value),
                ("coder", Byte, Some(places.text_coder_byte)),
                half("hash", Int, places.text_hash),
                ("hashIsZero", Boolean, Some(places.text_hash_is_zero_byte)),
            ],
        ),
        ("java/lang/Number", OBJECT, vec![]),
        ("java/lang/Long", "java/lang/Number", vec![("value", Long, Some(places.box_word * 8))]),
        ("java/lang/Double", "java/lang/Number", vec![("value", Double, Some(places.box_word * 8))]),
        ("java/lang/Boolean", OBJECT, vec![("value", Boolean, Some(places.boolean_byte))]),
        (
            "java/lang/ref/Reference",
            OBJECT,
            vec![
                half("referent", Object, places.referent),
                // Queues are not on the heap.
                ("queue", Object, None),
                half("next", Object, places.reference_next),
                half("discovered", Object, places.reference_discovered),
            ],
        ),
        ("java/lang/ref/WeakReference", "java/lang/ref/Reference", vec![]),
        (
            "java/lang/ref/SoftReference",
            "java/lang/ref/Reference",
            vec![("timestamp", Long, Some(places.soft_timestamp_byte))],
        ),
        ("java/lang/ref/PhantomReference", "java/lang/ref/Reference", vec![]),
        (
            "java/lang/ref/Finalizer",
            "java/lang/ref/Reference",
            vec![half("next", Object, places.finalizer_next), half("prev", Object, places.finalizer_prev)],
        ),
    ]
}

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
        for (name, superclass, fields) in jdk(&self.classes.places) {
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
        let address = |reference: Narrow| memory.address(memory.index(reference)).0;
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
        let address_of = |reference: Narrow| match reference {
            0 => 0,
            reference => memory.address(memory.index(reference)).0,
        };
        let mut bytes = Vec::new();
        for object in self.heap.walk() {
            let klass = self.heap.klass_of(object);
            let place = dictionary.of_klass[klass.0 as usize];
            let class = &dictionary.classes[place];
            let address = memory.address(object).0;
            let length = self.heap.length(object) as usize;
            bytes.clear();
            match self.heap.klasses().get(klass).kind {
                KlassKind::References { .. } => {
                    let elements = (0..length).map(|index| address_of(self.heap.element(object, index)));
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
                    let first_byte = self.heap.elements_byte(object);
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
                let reference = memory.reference(at / 4);
                let address = if reference == 0 { 0 } else { memory.address(memory.index(reference)).0 };
                bytes.extend_from_slice(&address.to_be_bytes());
            }
            BasicType::Long | BasicType::Double => bytes.extend_from_slice(&memory.word(at / 8).to_be_bytes()),
            BasicType::Int | BasicType::Float => bytes.extend_from_slice(&memory.half(at / 4).to_be_bytes()),
            BasicType::Boolean | BasicType::Byte => bytes.push(memory.byte(at)),
        }
    }
}
