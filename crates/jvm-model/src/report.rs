//! What the VM itself says of its heap: GC logs, `jcmd GC.heap_info`, `jstat -gc`, heap dumps.
//!
//! The log is of `-Xlog:gc` to `gc*=debug,gc+age=trace`; [`LogConfig`] is the argument of `-Xlog`. A VM's own readers of
//! logs take it.
//!
//! Differs: there is no clock but the program's own, so that no collection takes time; class metadata is not modelled,
//! so that nothing is said of metaspace. A heap dump ([`crate::Jvm::write_heap_dump`]) has no class objects, loaders,
//! static fields and `Thread` objects of the heap, since there are none; no lines of frames and no allocation sites.

pub(crate) mod hprof;
mod jstat;
mod log;
mod selection;
mod shape;

pub use jstat::GcCounters;
pub use log::GcLog;
pub use selection::{LogConfig, LogConfigError};

use crate::heap::SerialHeap;
use shape::Shape;

impl SerialHeap {
    fn shape(&self) -> Shape {
        let memory = self.memory();
        Shape {
            version: self.policy.version,
            base: memory.address(0).0,
            boundary: self.boundary,
            end: memory.len_words(),
        }
    }

    /// The text of `jcmd GC.heap_info` without the lines on metaspace.
    pub fn heap_info(&self) -> String {
        self.shape().lines(&self.spaces()).into_iter().map(|line| line + "\n").collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::Spaces;
    use crate::heap::space::Space;
    use crate::version::Version;

    /// `jcmd GC.heap_info` of a JVM 17 with `-Xmx20m -Xms20m -Xmn5m`, and `jstat -gc` right after it, but for metaspace
    /// and times.
    const HEAP_INFO: &str =
        " def new generation   total 4608K, used 4348K [0x00000000fec00000, 0x00000000ff100000, 0x00000000ff100000)
  eden space 4096K,  93% used [0x00000000fec00000, 0x00000000fefbf058, 0x00000000ff000000)
  from space 512K,  99% used [0x00000000ff000000, 0x00000000ff07fff8, 0x00000000ff080000)
  to   space 512K,   0% used [0x00000000ff080000, 0x00000000ff080000, 0x00000000ff100000)
 tenured generation   total 15360K, used 1938K [0x00000000ff100000, 0x0000000100000000, 0x0000000100000000)
   the space 15360K,  12% used [0x00000000ff100000, 0x00000000ff2e4870, 0x00000000ff2e4a00, 0x0000000100000000)
";
    const JSTAT: &str = concat!(
        "    S0C         S1C         S0U         S1U          EC           EU           OC           OU      ",
        "    MC         MU       CCSC      CCSU     YGC     YGCT     FGC    FGCT     CGC    CGCT       GCT   \n",
        "      512.0       512.0       512.0         0.0       4096.0       3836.1      15360.0       1938.1",
        "          -          -         -         -     25     0.000     2     0.000     -         -     0.000\n"
    );

    fn spaces() -> Spaces {
        let space = |bottom: u64, top: u64, end: u64| {
            let word = |address: u64| ((address - 0xfec0_0000) / 8) as usize;
            Space { bottom: word(bottom), top: word(top), end: word(end) }
        };
        Spaces {
            eden: space(0xfec0_0000, 0xfefb_f058, 0xff00_0000),
            from: space(0xff00_0000, 0xff07_fff8, 0xff08_0000),
            to: space(0xff08_0000, 0xff08_0000, 0xff10_0000),
            old: space(0xff10_0000, 0xff2e_4870, 0x1_0000_0000),
        }
    }

    #[test]
    fn heap_info_is_the_text_of_jcmd() {
        let Spaces { old, .. } = spaces();
        let shape = Shape { version: Version::V17, base: 0xfec0_0000, boundary: old.bottom, end: old.end };
        let text: String = shape.lines(&spaces()).into_iter().map(|line| line + "\n").collect();
        assert_eq!(text, HEAP_INFO);
    }

    #[test]
    fn jstat_has_the_columns_of_jstat() {
        let counters = GcCounters { n_young: 25, n_full: 2, ..GcCounters::default() };
        assert_eq!(counters.jstat(&spaces()), JSTAT);
        let swapped = GcCounters { is_swapped: true, ..counters }.jstat(&spaces());
        assert!(
            swapped.contains("         0.0       512.0 "),
            "what is in use is in the other survivor space: {swapped}"
        );
    }
}
