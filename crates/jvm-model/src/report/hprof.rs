//! Heap dumps in the binary format of `hprof`, 1.0.2: records one after another, all numbers big-endian.
//!
//! Mirrors `services/heapDumper.cpp` of JDK 17, whose opening comment is the format's definition. What is in this module
//! is the format; what goes into it is the machine's.

use std::io::{self, Write};

/// What a field or an element holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BasicType {
    Object = 2,
    Boolean = 4,
    Float = 6,
    Double = 7,
    Byte = 8,
    Int = 10,
    Long = 11,
}

impl BasicType {
    /// Bytes of a value in the dump.
    pub(crate) const fn bytes(self) -> u32 {
        match self {
            BasicType::Object | BasicType::Double | BasicType::Long => 8,
            BasicType::Boolean | BasicType::Byte => 1,
            BasicType::Float | BasicType::Int => 4,
        }
    }
}

// Tags of records.
const STRING: u8 = 0x01;
const LOAD_CLASS: u8 = 0x02;
const STACK_FRAME: u8 = 0x04;
const STACK_TRACE: u8 = 0x05;
const HEAP_DUMP_SEGMENT: u8 = 0x1c;
const HEAP_DUMP_END: u8 = 0x2c;

// Tags of what is in a segment.
const ROOT_UNKNOWN: u8 = 0xff;
const ROOT_JAVA_FRAME: u8 = 0x03;
const ROOT_STICKY_CLASS: u8 = 0x05;
const ROOT_THREAD_OBJECT: u8 = 0x08;
const CLASS_DUMP: u8 = 0x20;
const INSTANCE_DUMP: u8 = 0x21;
const OBJECT_ARRAY_DUMP: u8 = 0x22;
const PRIMITIVE_ARRAY_DUMP: u8 = 0x23;

/// Bytes of a segment after which it is written and another one begun. A choice of ours: HotSpot's buffer is of 1 MiB.
const SEGMENT_BYTES: usize = 1 << 20;

/// The stack trace of what was allocated nobody knows where. `STACK_TRACE_ID`.
pub(crate) const NO_TRACE: u32 = 1;

/// A dump that is being written.
pub(crate) struct Dump<W> {
    out: W,
    /// Sub-records of the segment that is being filled.
    segment: Vec<u8>,
    n_strings: u64,
}

impl<W: Write> Dump<W> {
    /// Begins a dump. `now_ms`: the clock.
    pub(crate) fn begin(mut out: W, now_ms: u64) -> io::Result<Self> {
        out.write_all(b"JAVA PROFILE 1.0.2\0")?;
        out.write_all(&8_u32.to_be_bytes())?;
        out.write_all(&now_ms.to_be_bytes())?;
        Ok(Dump { out, segment: Vec::new(), n_strings: 0 })
    }

    fn record(&mut self, tag: u8, body: &[u8]) -> io::Result<()> {
        self.out.write_all(&[tag])?;
        // Microseconds since the head of the file.
        self.out.write_all(&0_u32.to_be_bytes())?;
        self.out.write_all(&(body.len() as u32).to_be_bytes())?;
        self.out.write_all(body)
    }

    /// A text, by a number of its own.
    pub(crate) fn string(&mut self, text: &str) -> io::Result<u64> {
        self.n_strings += 1;
        let id = self.n_strings;
        self.record(STRING, &[&id.to_be_bytes(), text.as_bytes()].concat())?;
        Ok(id)
    }

    pub(crate) fn load_class(&mut self, serial: u32, class: u64, name: u64) -> io::Result<()> {
        let parts: [&[u8]; 4] =
            [&serial.to_be_bytes(), &class.to_be_bytes(), &NO_TRACE.to_be_bytes(), &name.to_be_bytes()];
        self.record(LOAD_CLASS, &parts.concat())
    }

    /// A frame of the method with this name; its line is not known.
    pub(crate) fn stack_frame(&mut self, frame: u64, texts: [u64; 3], class_serial: u32) -> io::Result<()> {
        let [method, signature, source] = texts.map(u64::to_be_bytes);
        let parts: [&[u8]; 6] =
            [&frame.to_be_bytes(), &method, &signature, &source, &class_serial.to_be_bytes(), &(-1_i32).to_be_bytes()];
        self.record(STACK_FRAME, &parts.concat())
    }

    /// The frames of a thread, the youngest first.
    pub(crate) fn stack_trace(&mut self, serial: u32, thread: u32, frames: &[u64]) -> io::Result<()> {
        let mut body = [serial, thread, frames.len() as u32].map(u32::to_be_bytes).concat();
        body.extend(frames.iter().flat_map(|frame| frame.to_be_bytes()));
        self.record(STACK_TRACE, &body)
    }

    // --- the heap ---

    fn put(&mut self, parts: &[&[u8]]) {
        for part in parts {
            self.segment.extend_from_slice(part);
        }
    }

    /// Writes the segment if it is long enough.
    fn checked(&mut self) -> io::Result<()> {
        if self.segment.len() >= SEGMENT_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.segment.is_empty() {
            return Ok(());
        }
        let segment = std::mem::take(&mut self.segment);
        self.record(HEAP_DUMP_SEGMENT, &segment)?;
        self.segment = segment;
        self.segment.clear();
        Ok(())
    }

    /// A class. `fields`: its own instance fields, names and types; `instance_bytes` counts inherited ones, too.
    pub(crate) fn class(
        &mut self,
        class: u64,
        superclass: u64,
        instance_bytes: u32,
        fields: &[(u64, BasicType)],
    ) -> io::Result<()> {
        self.put(&[&[CLASS_DUMP], &class.to_be_bytes(), &NO_TRACE.to_be_bytes(), &superclass.to_be_bytes()]);
        // Loader, signers, protection domain, two that are reserved.
        self.put(&[&[0; 5 * 8], &instance_bytes.to_be_bytes()]);
        // No constants, no statics.
        self.put(&[&[0; 2], &[0; 2], &(fields.len() as u16).to_be_bytes()]);
        for &(name, basic_type) in fields {
            self.put(&[&name.to_be_bytes(), &[basic_type as u8]]);
        }
        self.put(&[&[ROOT_STICKY_CLASS], &class.to_be_bytes()]);
        self.checked()
    }

    /// An object with fields; `values` as their types say, those of the class itself first, then its superclass's.
    pub(crate) fn instance(&mut self, object: u64, class: u64, values: &[u8]) -> io::Result<()> {
        self.put(&[&[INSTANCE_DUMP], &object.to_be_bytes(), &NO_TRACE.to_be_bytes(), &class.to_be_bytes()]);
        self.put(&[&(values.len() as u32).to_be_bytes(), values]);
        self.checked()
    }

    pub(crate) fn object_array(
        &mut self,
        array: u64,
        class: u64,
        elements: impl ExactSizeIterator<Item = u64>,
    ) -> io::Result<()> {
        self.put(&[&[OBJECT_ARRAY_DUMP], &array.to_be_bytes(), &NO_TRACE.to_be_bytes()]);
        self.put(&[&(elements.len() as u32).to_be_bytes(), &class.to_be_bytes()]);
        elements.for_each(|element| self.segment.extend_from_slice(&element.to_be_bytes()));
        self.checked()
    }

    /// An array of numbers; `bytes` of the elements, big-endian.
    pub(crate) fn primitive_array(&mut self, array: u64, element: BasicType, bytes: &[u8]) -> io::Result<()> {
        let length = bytes.len() as u32 / element.bytes();
        self.put(&[&[PRIMITIVE_ARRAY_DUMP], &array.to_be_bytes(), &NO_TRACE.to_be_bytes(), &length.to_be_bytes()]);
        self.put(&[&[element as u8], bytes]);
        self.checked()
    }

    /// A thread, and the trace that is its stack.
    pub(crate) fn root_thread(&mut self, object: u64, thread: u32, trace: u32) -> io::Result<()> {
        self.put(&[&[ROOT_THREAD_OBJECT], &object.to_be_bytes(), &thread.to_be_bytes(), &trace.to_be_bytes()]);
        self.checked()
    }

    /// An object that a frame refers to; `frame` counts from the youngest.
    pub(crate) fn root_frame(&mut self, object: u64, thread: u32, frame: u32) -> io::Result<()> {
        self.put(&[&[ROOT_JAVA_FRAME], &object.to_be_bytes(), &thread.to_be_bytes(), &frame.to_be_bytes()]);
        self.checked()
    }

    /// An object that the VM itself refers to.
    pub(crate) fn root_unknown(&mut self, object: u64) -> io::Result<()> {
        self.put(&[&[ROOT_UNKNOWN], &object.to_be_bytes()]);
        self.checked()
    }

    /// Ends the dump.
    pub(crate) fn end(mut self) -> io::Result<()> {
        self.flush()?;
        self.record(HEAP_DUMP_END, &[])?;
        self.out.flush()
    }
}
