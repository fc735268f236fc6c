//! `malloc_info` and `malloc_stats`, byte for byte: as recorded, and as this machine's C library writes them.

#[path = "support/script.rs"]
#[allow(dead_code, reason = "each test file uses a part of it")]
mod script;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use c_model::Glibc;
use c_model::report::{Tcaches, malloc_info, malloc_stats};
use memory_trait::Allocator;
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use script::{driver, on_libc, on_model};

fn oracle() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/glibc-2.36/reports")
}

/// The recorded scripts, by name.
fn recorded() -> Vec<(String, String)> {
    let mut scripts: Vec<(String, String)> = std::fs::read_dir(oracle())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "script"))
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(&path).unwrap()))
        .collect();
    scripts.sort();
    scripts
}

/// With `RECORD_REPORTS` set the files are written anew, by this machine's libc.
#[test]
fn the_recorded_reports_are_what_the_model_writes() {
    let records_anew = std::env::var_os("RECORD_REPORTS").is_some();
    let scripts = recorded();
    assert_eq!(scripts.len(), 5, "{:?}", oracle());
    for (name, script) in scripts {
        let (info, stats) =
            (oracle().join(format!("{name}.malloc_info")), oracle().join(format!("{name}.malloc_stats")));
        if records_anew {
            let real = on_libc(&driver("reports-recorder").unwrap(), &script).unwrap();
            std::fs::write(&info, real.stdout).unwrap();
            std::fs::write(&stats, real.stderr).unwrap();
        }
        let model = on_model(&script);
        assert_eq!(std::fs::read_to_string(info).unwrap(), model.stdout, "{name}: malloc_info");
        assert_eq!(std::fs::read_to_string(stats).unwrap(), model.stderr, "{name}: malloc_stats");
    }
}

#[test]
fn random_programs_have_the_reports_that_glibc_writes() {
    let Some(driver) = driver("reports") else { return };
    for seed in 0..10 {
        let mut rng = Pcg64::seed_from_u64(seed);
        let mut below = |n: u64| rng.next_u64() % n;
        let mut script = String::from("i\n");
        for n in 0..2500 {
            let id = below(400);
            let size = if below(30) == 0 { below(400_000) } else { below(3000) };
            let _ = match below(40) {
                0 => writeln!(script, "T {}", below(4)),
                1 => writeln!(script, "t {}", below(10_000)),
                2..=20 => writeln!(script, "f {id}"),
                21..=25 => writeln!(script, "r {id} {}", size + 1),
                26..=28 => writeln!(script, "f {id}\na {id} {} {size}", 16 << below(8)),
                29..=32 => writeln!(script, "f {id}\nc {id} 1 {size}"),
                _ => writeln!(script, "f {id}\nm {id} {size}"),
            };
            if n % 50 == 49 {
                script += "i\n";
            }
        }
        let Some(real) = on_libc(&driver, &script) else { return };
        let model = on_model(&script);
        assert_eq!(real.stdout.matches("</malloc>").count(), 51);
        assert!(real.stdout.contains("<heap nr=\"2\">") && real.stdout.contains("<unsorted "), "a script too poor");
        for (n, (real, model)) in real.stdout.split("</malloc>").zip(model.stdout.split("</malloc>")).enumerate() {
            assert_eq!(real, model, "malloc_info {n} of seed {seed}");
        }
        assert_eq!(real.stderr, model.stderr, "malloc_stats of seed {seed}");
    }
}

#[test]
fn before_the_first_call_there_is_an_arena_with_nothing_in_it() {
    let glibc = Glibc::builder().build();
    let info = malloc_info(&glibc, Tcaches::LeftOut).unwrap();
    assert!(
        info.starts_with(
            "<malloc version=\"1\">\n<heap nr=\"0\">\n<sizes>\n</sizes>\n<total type=\"fast\" count=\"0\""
        )
    );
    assert!(malloc_stats(&glibc).unwrap().starts_with("Arena 0:\nsystem bytes     =          0\n"));
}

#[test]
fn the_tcache_is_an_element_of_its_own_when_asked_for() {
    let mut glibc = Glibc::builder().build();
    let blocks = [24, 24, 100].map(|bytes| glibc.malloc(bytes).unwrap());
    for block in blocks {
        glibc.free(block).unwrap();
    }
    let (without, with) =
        (malloc_info(&glibc, Tcaches::LeftOut).unwrap(), malloc_info(&glibc, Tcaches::Added).unwrap());
    let added = "<tcache thread=\"0\">\n<sizes>\n  <size from=\"17\" to=\"32\" total=\"64\" count=\"2\"/>\n  \
                 <size from=\"97\" to=\"112\" total=\"112\" count=\"1\"/>\n</sizes>\n\
                 <total type=\"tcache\" count=\"3\" size=\"176\"/>\n</tcache>\n";
    assert_eq!(with.replace(added, ""), without);
    assert_ne!(with, without);
}
