//! The file through which a heap program goes to the JVM and its results come back. `HeapProgram.java` has the other half.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use jvm_model::Flags;
use jvm_model::layout::Mode;
use jvm_model::sizing::Sizing;

/// Bytes of the file's header.
const HEADER_BYTES: usize = 128;

/// What is asked of the JVM.
pub(crate) struct Question<'a> {
    pub(crate) ops: &'a [i32],
    pub(crate) n_slots: u32,
    /// Runs before the one that counts.
    pub(crate) n_before: u64,
    /// Longs that results may take.
    pub(crate) n_results: u64,
}

impl Question<'_> {
    /// Writes the file. The flags say where in an object its class is, and how large the heap.
    pub(crate) fn write(&self, file: &Path, flags: &Flags) -> Result<(), String> {
        let sizing = Sizing::of(flags).map_err(|refusal| refusal.to_string())?;
        let results = (HEADER_BYTES + self.ops.len() * 4).next_multiple_of(4096) as u64;
        let header = match Mode::from_flags(flags).header_bytes() {
            12 => 0,
            16 => 1,
            _ => 2,
        };
        let fields = [
            self.ops.len() as u64,
            HEADER_BYTES as u64,
            results,
            self.n_results,
            sizing.heap.max,
            header,
            u64::from(self.n_slots),
            self.n_before,
        ];
        let mut bytes: Vec<u8> = fields.iter().flat_map(|field| field.to_ne_bytes()).collect();
        bytes.resize(HEADER_BYTES, 0);
        bytes.extend(self.ops.iter().flat_map(|op| op.to_ne_bytes()));
        // What is not written takes no room on the disk.
        let room = |()| OpenOptions::new().write(true).open(file)?.set_len(results + self.n_results * 8);
        std::fs::write(file, bytes).and_then(room).map_err(|error| format!("{}: {error}", file.display()))
    }
}

/// What the JVM left in the mapped file.
pub(crate) struct Answer {
    pub(crate) status: u64,
    pub(crate) table: u64,
    pub(crate) last_op: u64,
    /// `System.nanoTime()` when the program ended.
    pub(crate) end_ns: u64,
    /// And when it began.
    pub(crate) begin_ns: u64,
    pub(crate) snapshots: Vec<(u64, Vec<u64>)>,
}

impl Answer {
    /// Reads it.
    pub(crate) fn read(file: &Path) -> Result<Answer, String> {
        Answer::read_from(file).map_err(|error| format!("{}: {error}", file.display()))
    }

    fn read_from(file: &Path) -> io::Result<Answer> {
        let mut file = File::open(file)?;
        let mut longs = |from: u64, n: u64| -> io::Result<Vec<u64>> {
            let mut bytes = vec![0; (n * 8) as usize];
            file.seek(SeekFrom::Start(from))?;
            file.read_exact(&mut bytes)?;
            Ok(bytes.chunks_exact(8).map(|long| u64::from_ne_bytes(long.try_into().expect("eight bytes"))).collect())
        };
        let header = longs(0, HEADER_BYTES as u64 / 8)?;
        let [status, table, used, last_op, end_ns, begin_ns] = header[8..14] else { unreachable!("16 longs") };
        let results = header[2];
        let found = longs(results, used)?;
        let mut snapshots = Vec::new();
        let mut rest = &found[..];
        while let [place, n, more @ ..] = rest {
            let (addresses, more) = more.split_at(*n as usize);
            snapshots.push((*place, addresses.to_vec()));
            rest = more;
        }
        Ok(Answer { status, table, last_op, end_ns, begin_ns, snapshots })
    }
}
