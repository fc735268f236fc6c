//! massif's output file, which `ms_print` and massif-visualizer open.
//!
//! Source: valgrind 3.19 `massif/ms_main.c:write_snapshots_to_file`, `pp_snapshot`, `pp_snapshot_SXPt`; `ms_print.in`.
//! Differs: a place of allocation is the function that was called and the size class of the chunk, as traces have no
//! call stacks; snapshots are thinned out by time alone; sites are never summed up as being below a threshold.

use std::fmt::Write;

use super::profile::{Profile, Snapshot, Unit};

/// Every so many snapshots one says which sites its bytes are of. Source: valgrind 3.19
/// `massif/ms_main.c:clo_detailed_freq`.
const DETAILED_SNAPSHOTS: usize = 10;

/// A profile as a massif.out file. `command`: what `cmd:` says.
pub fn massif(profile: &Profile, command: &str) -> String {
    let unit = match profile.unit {
        Unit::Events => "i",
        Unit::Bytes => "B",
    };
    let command = command.replace(['\n', '#'], " ");
    let mut out = format!(
        "desc: heaptwin: replayed through glibc's malloc; sites are functions and size classes\ncmd: {command}\n\
         time_unit: {unit}\n"
    );
    for (number, snapshot) in profile.snapshots().iter().enumerate() {
        let Snapshot { time, payload_bytes, extra_bytes, sites, is_peak } = snapshot;
        let _ = write!(
            out,
            "#-----------\nsnapshot={number}\n#-----------\ntime={time}\nmem_heap_B={payload_bytes}\n\
             mem_heap_extra_B={extra_bytes}\nmem_stacks_B=0\n"
        );
        if *is_peak || number % DETAILED_SNAPSHOTS == DETAILED_SNAPSHOTS - 1 {
            out.push_str(if *is_peak { "heap_tree=peak\n" } else { "heap_tree=detailed\n" });
            tree(&mut out, profile, sites, *payload_bytes);
        } else {
            out.push_str("heap_tree=empty\n");
        }
    }
    out
}

/// Functions, and below each its size classes; the largest first.
fn tree(out: &mut String, profile: &Profile, bytes: &[u64], total_bytes: u64) {
    let mut functions: Vec<(&'static str, u64, Vec<usize>)> = Vec::new();
    for (number, &of_site) in bytes.iter().enumerate().filter(|&(_, &of_site)| of_site > 0) {
        let function = profile.sites[number].site.function;
        match functions.iter_mut().find(|known| known.0 == function) {
            Some(known) => {
                known.1 += of_site;
                known.2.push(number);
            }
            None => functions.push((function, of_site, vec![number])),
        }
    }
    functions.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let _ = writeln!(out, "n{}: {total_bytes} (heap allocation functions)", functions.len());
    for (number, (function, of_function, mut sites)) in functions.into_iter().enumerate() {
        sites.sort_by_key(|&site| (std::cmp::Reverse(bytes[site]), site));
        let _ = writeln!(out, " n{}: {of_function} {:#x}: {function} (trace)", sites.len(), (number + 1) << 16);
        for site in sites {
            let class = profile.sites[site].site.class();
            let _ = writeln!(out, "  n0: {} {:#x}: {class} (trace)", bytes[site], (number + 1) << 16 | (site + 1));
        }
    }
}
