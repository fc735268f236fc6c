//! Heap dumps, read back by a strict reader written from the format's definition, which shares no code with the writer.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use jvm_model::{Jvm, Version};
use memory_trait::{Constant, FieldIndex, Kind, Machine, Program, Slot};

/// Bytes that are taken from the front.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, n: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at_checked(n).expect("the record is as long as it says");
        self.0 = rest;
        head
    }

    fn u1(&mut self) -> u8 {
        self.take(1)[0]
    }

    fn u2(&mut self) -> u16 {
        u16::from_be_bytes(self.take(2).try_into().expect("two"))
    }

    fn u4(&mut self) -> u32 {
        u32::from_be_bytes(self.take(4).try_into().expect("four"))
    }

    fn id(&mut self) -> u64 {
        u64::from_be_bytes(self.take(8).try_into().expect("eight"))
    }
}

fn width(basic_type: u8) -> usize {
    match basic_type {
        2 | 7 | 11 => 8,
        4 | 8 => 1,
        5 | 9 => 2,
        6 | 10 => 4,
        other => panic!("there is no basic type {other}"),
    }
}

#[derive(Default)]
struct Class {
    superclass: u64,
    instance_bytes: u32,
    fields: Vec<(u64, u8)>,
}

#[derive(Default)]
struct Read {
    strings: BTreeMap<u64, String>,
    /// By name.
    loaded: BTreeMap<String, u64>,
    classes: BTreeMap<u64, Class>,
    /// Class and values.
    instances: BTreeMap<u64, (u64, Vec<u8>)>,
    object_arrays: BTreeMap<u64, (u64, Vec<u64>)>,
    /// Type and bytes.
    primitive_arrays: BTreeMap<u64, (u8, Vec<u8>)>,
    /// Object, thread, frame.
    frame_roots: Vec<(u64, u32, u32)>,
    other_roots: BTreeSet<u64>,
    thread_roots: Vec<(u64, u32, u32)>,
    frames: BTreeMap<u64, String>,
    traces: BTreeMap<u32, (u32, Vec<u64>)>,
    n_segments: usize,
}

impl Read {
    fn new(dump: &[u8]) -> Read {
        let mut bytes = Bytes(dump);
        let mut read = Read::default();
        assert_eq!(bytes.take(19), b"JAVA PROFILE 1.0.2\0");
        assert_eq!(bytes.u4(), 8, "bytes of an id");
        bytes.take(8);
        let mut has_ended = false;
        while !bytes.0.is_empty() {
            assert!(!has_ended, "nothing comes after the end");
            let (tag, _time, length) = (bytes.u1(), bytes.u4(), bytes.u4());
            let mut body = Bytes(bytes.take(length as usize));
            match tag {
                0x01 => {
                    let id = body.id();
                    let text = String::from_utf8(body.take(body.0.len()).to_vec()).expect("it is UTF-8");
                    assert!(read.strings.insert(id, text).is_none(), "string {id} comes twice");
                }
                0x02 => {
                    let (serial, class, _trace, name) = (body.u4(), body.id(), body.u4(), body.id());
                    assert!(serial > 0);
                    let name = read.strings[&name].clone();
                    assert!(read.loaded.insert(name, class).is_none(), "class {class} is loaded twice");
                }
                0x04 => {
                    let (frame, method, signature, source) = (body.id(), body.id(), body.id(), body.id());
                    let (class_serial, line) = (body.u4(), body.u4() as i32);
                    assert!(class_serial > 0 && line == -1);
                    assert!(read.strings.contains_key(&signature) && read.strings.contains_key(&source));
                    read.frames.insert(frame, read.strings[&method].clone());
                }
                0x05 => {
                    let (serial, thread, n) = (body.u4(), body.u4(), body.u4());
                    let frames = (0..n).map(|_| body.id()).collect();
                    read.traces.insert(serial, (thread, frames));
                }
                0x1c => {
                    read.n_segments += 1;
                    while !body.0.is_empty() {
                        read.sub_record(&mut body);
                    }
                }
                0x2c => has_ended = true,
                other => panic!("there is no record {other:#x}"),
            }
            assert!(body.0.is_empty(), "record {tag:#x} is longer than what is in it");
        }
        assert!(has_ended);
        read.check();
        read
    }

    fn sub_record(&mut self, body: &mut Bytes<'_>) {
        match body.u1() {
            0xff | 0x05 => drop(self.other_roots.insert(body.id())),
            0x03 => self.frame_roots.push((body.id(), body.u4(), body.u4())),
            0x08 => self.thread_roots.push((body.id(), body.u4(), body.u4())),
            0x20 => {
                let (class, _trace, superclass) = (body.id(), body.u4(), body.id());
                body.take(5 * 8);
                let instance_bytes = body.u4();
                assert_eq!([body.u2(), body.u2()], [0, 0], "no constants and no statics");
                let n_fields = body.u2();
                let fields = (0..n_fields).map(|_| (body.id(), body.u1())).collect();
                assert!(self.classes.insert(class, Class { superclass, instance_bytes, fields }).is_none());
            }
            0x21 => {
                let (object, _trace, class, n) = (body.id(), body.u4(), body.id(), body.u4());
                assert!(self.instances.insert(object, (class, body.take(n as usize).to_vec())).is_none());
            }
            0x22 => {
                let (array, _trace, n, class) = (body.id(), body.u4(), body.u4(), body.id());
                let elements = (0..n).map(|_| body.id()).collect();
                assert!(self.object_arrays.insert(array, (class, elements)).is_none());
            }
            0x23 => {
                let (array, _trace, n, element) = (body.id(), body.u4(), body.u4(), body.u1());
                let bytes = body.take(n as usize * width(element)).to_vec();
                assert!(self.primitive_arrays.insert(array, (element, bytes)).is_none());
            }
            other => panic!("there is nothing {other:#x} in a heap"),
        }
    }

    /// Every id stands for something, and every object is as large as its class says.
    fn check(&self) {
        for (name, class) in &self.loaded {
            let class = self.classes.get(class).unwrap_or_else(|| panic!("{name} is loaded and not dumped"));
            assert!(class.superclass == 0 || self.classes.contains_key(&class.superclass), "{name}");
            let bytes: usize = self.fields_of(self.loaded[name]).iter().map(|&(_, field_type)| width(field_type)).sum();
            assert_eq!(bytes, class.instance_bytes as usize, "{name}");
        }
        assert_eq!(self.loaded.len(), self.classes.len());
        for (object, (class, values)) in &self.instances {
            assert_eq!(self.classes[class].instance_bytes as usize, values.len(), "{object:#x}");
            let mut values = Bytes(values);
            for (_, field_type) in self.fields_of(*class) {
                if field_type == 2 {
                    self.check_reference(values.id());
                } else {
                    values.take(width(field_type));
                }
            }
        }
        for (class, elements) in self.object_arrays.values() {
            assert!(self.classes.contains_key(class));
            for &element in elements {
                self.check_reference(element);
            }
        }
        for &(object, thread, frame) in &self.frame_roots {
            self.check_reference(object);
            let (_, trace) = self.traces.values().find(|(of, _)| *of == thread).expect("the thread has a trace");
            assert!((frame as usize) < trace.len());
        }
        for (object, thread, trace) in &self.thread_roots {
            assert!(self.instances.contains_key(object));
            assert_eq!(self.traces[trace].0, *thread);
        }
        assert!(self.traces.values().flat_map(|(_, frames)| frames).all(|frame| self.frames.contains_key(frame)));
        self.other_roots.iter().filter(|root| !self.classes.contains_key(root)).for_each(|&root| {
            self.check_reference(root);
        });
    }

    fn check_reference(&self, object: u64) {
        let is_known = object == 0
            || self.instances.contains_key(&object)
            || self.object_arrays.contains_key(&object)
            || self.primitive_arrays.contains_key(&object);
        assert!(is_known, "{object:#x} is referred to and not there");
    }

    /// Names and types, those of the class itself first.
    fn fields_of(&self, class: u64) -> Vec<(&str, u8)> {
        let mut fields = Vec::new();
        let mut next = class;
        while next != 0 {
            let class = &self.classes[&next];
            fields.extend(class.fields.iter().map(|(name, field_type)| (self.strings[name].as_str(), *field_type)));
            next = class.superclass;
        }
        fields
    }

    fn field(&self, object: u64, name: &str) -> u64 {
        let (class, values) = &self.instances[&object];
        let mut values = Bytes(values);
        for (known, field_type) in self.fields_of(*class) {
            let value = values.take(width(field_type));
            if known == name {
                return value.iter().fold(0, |value, &byte| value << 8 | u64::from(byte));
            }
        }
        panic!("no field {name}")
    }

    fn of_class(&self, name: &str) -> Vec<u64> {
        let class = self.loaded[name];
        self.instances.iter().filter(|(_, (of, _))| *of == class).map(|(&object, _)| object).collect()
    }
}

const VALUE: FieldIndex = FieldIndex(0);
const NEXT: FieldIndex = FieldIndex(1);

/// A chain of 1000 nodes, a list with a text and a box, a map, and garbage besides.
fn busy(version: Version) -> Jvm {
    let mut program = Program::default();
    let node = program.record("Node", &[("value", Kind::Int), ("next", Kind::Reference), ("even", Kind::Bool)]);
    let text = program.constant(Constant::Text("täxt".to_owned()));
    let locals = ["head", "fresh", "list", "map", "text", "large"].map(|name| (name, Kind::Reference));
    let locals = [&locals[..], &[("i", Kind::Int), ("even", Kind::Bool)]].concat();
    let main = program.function("main", &[], &locals);
    let [head, fresh, list, map, word, large, i, even] = [0, 1, 2, 3, 4, 5, 6, 7].map(Slot);
    let mut jvm = Jvm::builder().version(version).flags("-Xmx8m -Xms8m").build().expect("the flags are in order");
    let mut run = || {
        jvm.load_program(&program)?;
        jvm.call(main, &[], None)?;
        jvm.set_null(head)?;
        for value in 0..1000 {
            jvm.set_int(i, value)?;
            jvm.set_bool(even, value % 2 == 0)?;
            jvm.new_record(fresh, node)?;
            jvm.store(fresh, VALUE, i)?;
            jvm.store(fresh, NEXT, head)?;
            jvm.store(fresh, FieldIndex(2), even)?;
            jvm.take(head, fresh)?;
            jvm.new_bytes(fresh, 5000)?;
        }
        jvm.clear(fresh)?;
        jvm.new_bytes(large, 1 << 20)?;
        jvm.new_list(list, Kind::Reference)?;
        jvm.set_constant(word, text)?;
        jvm.push(list, word)?;
        jvm.new_map(map, Kind::Reference, Kind::Int)?;
        jvm.put(map, word, i)
    };
    run().expect("nothing goes wrong");
    jvm
}

fn dump(jvm: &Jvm) -> Vec<u8> {
    let mut dump = Vec::new();
    jvm.write_heap_dump(&mut dump).expect("a vector grows");
    dump
}

#[test]
fn a_dump_has_every_object_with_its_fields() {
    for version in Version::ALL {
        let jvm = busy(version);
        let read = Read::new(&dump(&jvm));
        let nodes = read.of_class("Node");
        assert_eq!(nodes.len(), 1000);
        let mut chain = 0;
        let &(mut node, ..) = read.frame_roots.iter().find(|(root, ..)| nodes.contains(root)).expect("a root");
        while node != 0 {
            let value = read.field(node, "value");
            assert_eq!((value, read.field(node, "even")), (999 - chain, u64::from(chain % 2 == 1)));
            node = read.field(node, "next");
            chain += 1;
        }
        assert_eq!(chain, 1000, "on {version}");
    }
}

#[test]
fn what_the_runtime_adds_is_there_under_its_own_names() {
    let jvm = busy(Version::V17);
    let read = Read::new(&dump(&jvm));
    let [list] = read.of_class("java/util/ArrayList")[..] else { panic!("one list") };
    assert_eq!(read.field(list, "size"), 1);
    let (_, elements) = &read.object_arrays[&read.field(list, "elementData")];
    let [string] = read.of_class("java/lang/String")[..] else { panic!("one text") };
    assert_eq!((elements.len(), elements[0]), (10, string));
    let (element, bytes) = &read.primitive_arrays[&read.field(string, "value")];
    assert_eq!((*element, &bytes[..], read.field(string, "coder")), (8, &b"t\xe4xt"[..], 0), "Latin-1");
    let [map] = read.of_class("java/util/LinkedHashMap")[..] else { panic!("one map") };
    let entry = read.field(map, "head");
    assert_eq!((read.field(map, "size"), read.field(entry, "key")), (1, string));
    assert_eq!(read.field(read.field(entry, "value"), "value"), 999, "a Long");
    assert_eq!(read.field(map, "loadFactor"), u64::from(0.75_f32.to_bits()));
}

#[test]
fn roots_are_frames_of_threads_and_constants_of_the_vm() {
    let jvm = busy(Version::V21);
    let read = Read::new(&dump(&jvm));
    assert!(read.frame_roots.iter().all(|&(_, thread, frame)| (thread, frame) == (1, 0)));
    assert_eq!(read.frame_roots.len(), 5, "head, list, map, text, large");
    assert_eq!(read.frames.values().map(String::as_str).collect::<Vec<_>>(), ["main"]);
    assert_eq!(read.thread_roots.len(), 1);
    assert!(read.other_roots.contains(&read.of_class("java/lang/String")[0]), "a literal");
}

#[test]
fn a_dump_leaves_the_heap_as_it_is_and_is_the_same_every_time() {
    let mut jvm = busy(Version::V17);
    let (before, info) = (dump(&jvm), jvm.heap().heap_info());
    assert_eq!(dump(&jvm), before);
    assert_eq!(jvm.heap().heap_info(), info);
    let read = Read::new(&before);
    let n_objects = read.instances.len() + read.object_arrays.len() + read.primitive_arrays.len() - 1;
    assert!(n_objects as u64 >= jvm.heap().tally().n_objects, "all objects, the thread left out: {n_objects}");
    assert!(read.n_segments > 1, "more than one segment");
    jvm.verify().expect("the heap is in order");
}

/// `hprof-slurp`, a tool people look at production dumps with, tells what is on the heap: it has to find what we do.
#[test]
fn a_tool_for_dumps_of_real_jvms_finds_the_same_objects() {
    for version in Version::ALL {
        let bytes = dump(&busy(version));
        let read = Read::new(&bytes);
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(&bytes).expect("there is room");
        let path = file.path().to_str().expect("the path is text");
        let (header, found) = hprof_slurp::slurp::slurp_file(path, false, false).expect("it opens");
        assert_eq!((&*header.format, header.size_pointers), ("JAVA PROFILE 1.0.2", 8));
        assert_eq!(found.warnings, None, "on {version}");
        let count = |name: &str| {
            let classes = found.memory_usage.iter().filter(|class| class.class_name == name);
            classes.map(|class| class.instance_count).sum::<u64>()
        };
        for class in ["Node", "java/util/ArrayList", "java/util/LinkedHashMap", "java/lang/String"] {
            assert_eq!(count(&class.replace('/', ".")), read.of_class(class).len() as u64, "{class} on {version}");
        }
        let n_bytes = read.primitive_arrays.values().filter(|(element, _)| *element == 8).count();
        assert_eq!(count("byte[]"), n_bytes as u64, "on {version}");
        assert!(found.thread_info.contains("main"), "{}", found.thread_info);
    }
}
