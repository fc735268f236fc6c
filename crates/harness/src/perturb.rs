//! Perturbations: changes to a runtime that leave the meaning of every program alone.

use c_model::{C, Glibc, KernighanRitchie, ProcessHeap};
use cpython_model::{CPython, Version};
use jvm_model::Jvm;
use lifetimes::Recorder;
use memory_trait::{Address, Machine};

use crate::model::Model;

/// A perturbation of one model.
#[derive(Clone, Copy, Debug)]
pub struct Perturbation {
    /// What is changed, in the runtime's own words.
    pub name: &'static str,
    setup: Setup,
}

#[derive(Clone, Copy, Debug)]
enum Setup {
    /// glibc: the heap's base, and tunables as `GLIBC_TUNABLES` holds them.
    Glibc {
        heap_base: Option<u64>,
        tunables: &'static str,
    },
    /// The allocator of The C Programming Language, section 8.7.
    KernighanRitchie,
    CPython {
        version: Version,
        threshold: Option<[u32; 3]>,
        ambient_objects: u64,
    },
    /// Flags in the VM's own spelling, after those that all perturbations share.
    Jvm {
        flags: &'static str,
    },
}

const fn glibc(name: &'static str, heap_base: Option<u64>, tunables: &'static str) -> Perturbation {
    Perturbation { name, setup: Setup::Glibc { heap_base, tunables } }
}

const fn cpython(
    name: &'static str,
    version: Version,
    threshold: Option<[u32; 3]>,
    ambient_objects: u64,
) -> Perturbation {
    Perturbation { name, setup: Setup::CPython { version, threshold, ambient_objects } }
}

const fn jvm(name: &'static str, flags: &'static str) -> Perturbation {
    Perturbation { name, setup: Setup::Jvm { flags } }
}

static C: [Perturbation; 5] = [
    glibc("as is", None, ""),
    glibc("another heap base", Some(0x6000_0000_0000), ""),
    glibc("tcache_count=0", None, "glibc.malloc.tcache_count=0"),
    glibc("mmap_threshold=4096", None, "glibc.malloc.mmap_threshold=4096"),
    Perturbation { name: "K&R's malloc", setup: Setup::KernighanRitchie },
];

static CPYTHON: [Perturbation; 6] = [
    cpython("as is", Version::V3_12, None, 0),
    cpython("gc.set_threshold(100, 5, 5)", Version::V3_12, Some([100, 5, 5]), 0),
    cpython("gc.set_threshold(5000, 20, 20)", Version::V3_12, Some([5000, 20, 20]), 0),
    cpython("333 objects before the start", Version::V3_12, None, 333),
    cpython("CPython 3.11", Version::V3_11, None, 0),
    cpython("CPython 3.13", Version::V3_13, None, 0),
];

/// What the JVM's runs share: nearly the smallest young generation with which HotSpot starts, so that a gallery of
/// small workloads fills it. In an eden of 192 KiB, thread-local buffers would be larger than what they are for.
const JVM_FLAGS: &str = "-XX:+UseSerialGC -Xms2m -Xmn320k -XX:-UseTLAB";

static JVM: [Perturbation; 7] = [
    jvm("as is", ""),
    jvm("-Xmn384k", "-Xmn384k"),
    jvm("-Xmn512k", "-Xmn512k"),
    jvm("-Xmn1m", "-Xmn1m"),
    jvm("-Xms8m", "-Xms8m"),
    jvm("-XX:MaxTenuringThreshold=0", "-XX:MaxTenuringThreshold=0"),
    jvm("-Xmn448k -XX:MaxTenuringThreshold=2", "-Xmn448k -XX:MaxTenuringThreshold=2"),
];

/// The perturbations of a model; the first one changes nothing.
pub fn perturbations(model: Model) -> &'static [Perturbation] {
    match model {
        Model::C => &C,
        Model::CPython => &CPYTHON,
        Model::Jvm => &JVM,
    }
}

/// Something to be done with a machine, whichever it is.
pub(crate) trait Job {
    /// What comes of it.
    type Result;

    /// Does it.
    fn run<M: Machine>(self, machine: M) -> Self::Result;
}

/// Builds the machine of a perturbation, watched by `recorder`, and does `job` with it.
pub(crate) fn with_machine<J: Job>(
    perturbation: &Perturbation,
    heap_limit_bytes: u64,
    recorder: &mut Recorder,
    job: J,
) -> J::Result {
    match perturbation.setup {
        Setup::Glibc { heap_base, tunables } => {
            job.run(c_machine(glibc_heap(heap_base, tunables), heap_limit_bytes, recorder))
        }
        Setup::KernighanRitchie => job.run(c_machine(KernighanRitchie::default(), heap_limit_bytes, recorder)),
        Setup::CPython { version, threshold, ambient_objects } => {
            let builder = CPython::builder().version(version);
            let builder = threshold.into_iter().fold(builder, cpython_model::Builder::threshold);
            job.run(
                builder
                    .ambient_objects(ambient_objects)
                    .heap_limit_bytes(heap_limit_bytes)
                    .large_allocator(glibc_heap(None, ""))
                    .observer(recorder)
                    .build(),
            )
        }
        Setup::Jvm { flags } => {
            let flags = format!("{JVM_FLAGS} {flags} -Xmx{}k", heap_limit_bytes >> 10);
            let built = Jvm::builder().flags(&flags).observer(recorder).build();
            job.run(built.unwrap_or_else(|error| panic!("the flags `{flags}` are in order: {error}")))
        }
    }
}

pub(crate) fn glibc_heap(heap_base: Option<u64>, tunables: &str) -> Glibc {
    let builder = Glibc::builder();
    let builder = heap_base.into_iter().fold(builder, |builder, base| builder.heap_base(Address(base)));
    builder.tunables(tunables).unwrap_or_else(|error| panic!("the tunables are in order: {error}")).build()
}

fn c_machine<A: ProcessHeap>(heap: A, heap_limit_bytes: u64, recorder: &mut Recorder) -> impl Machine {
    C::builder().allocator(heap).limit_heap_bytes(heap_limit_bytes).observer(recorder).build()
}
