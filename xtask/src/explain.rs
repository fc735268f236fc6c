//! `cargo xtask explain`: which pages of a recorded program's heap are resident, and who pins them.

mod map;
mod report;
mod text;
mod timeline;
mod walk;

use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use c_model::Glibc;
use c_model::malloc::System;
use c_model::report::{Tcaches, malloc_info, malloc_stats};
use heap_trace::Reader;

use crate::console::{Format, Misuse, conclude, print, width};
use crate::verify::Progress;
use report::{Report, Told};
use walk::{Books, Heap, Until, follow};

pub(crate) use walk::Writes;

/// Explain the memory of a recorded program at one moment.
///
/// How much is live, what headers and rounding take, what is free and where, which pages are resident; a map of the heap;
/// and which live blocks pin which pages: what would be returned to the operating system if one were freed, or were
/// somewhere else. Each figure of a block comes from really freeing it in a copy of the heap.
///
/// Pages are of 4 KiB, without transparent huge pages. Of what the program writes a trace says nothing: --writes chooses.
///
/// Exit code 0: explained; 2: misuse, or a trace that cannot be followed to that moment.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A recorded heap trace, compressed or not
    trace: PathBuf,
    /// The moment: after this event (from 1), at the `peak` of resident pages, or at the `end`
    #[arg(long, value_name = "EVENT", default_value = "end")]
    at: At,
    /// What the program writes
    #[arg(long, value_enum, default_value_t = Writes::Blocks)]
    writes: Writes,
    /// Blocks that are shown, those that pin the most first
    #[arg(long, value_name = "N", default_value_t = 10)]
    rows: usize,
    /// Cores of the machine it was recorded on
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=65536))]
    cores: u64,
    /// The `GLIBC_TUNABLES` it was recorded under, such as `tcache_count=0:arena_max=2`
    #[arg(long, default_value = "", hide_default_value = true)]
    tunables: String,
    /// How results are written to stdout
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Instead: what glibc itself would say at that moment
    #[arg(long = "as", value_name = "REPORT", value_enum, conflicts_with = "format")]
    as_glibc: Option<AsGlibc>,
    /// With `--as malloc-info`: add the tcaches, which glibc leaves out, as elements of their own
    #[arg(long, requires = "as_glibc")]
    tcache: bool,
}

/// The reports of glibc's own.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum AsGlibc {
    /// The XML of `malloc_info(0, stream)`
    MallocInfo,
    /// The text of `malloc_stats()`
    MallocStats,
}

/// A moment of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Event(u64),
    Peak,
    End,
}

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<At, String> {
        match text {
            "peak" => Ok(At::Peak),
            "end" => Ok(At::End),
            _ => match text.parse() {
                Ok(event) if event > 0 => Ok(At::Event(event)),
                _ => Err("expected the number of an event from 1 on, `peak` or `end`".to_owned()),
            },
        }
    }
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    conclude(|out| {
        print(out, &explain(args)?)?;
        Ok(true)
    })
}

fn explain(args: &Args) -> Result<String, Misuse> {
    let glibc = Glibc::builder().cores(args.cores).tunables(&args.tunables)?;
    let mut progress = Progress::new();
    let name = args.trace.display().to_string();
    let mut go = |until| {
        follow(
            || Reader::open(&args.trace),
            &glibc,
            args.writes,
            until,
            |n| {
                if n.is_multiple_of(1 << 13) {
                    progress.say(|| format!("{name}: {n} events"));
                }
            },
        )
    };
    let (heap, books) = match args.at {
        At::End => go(Until::End)?,
        At::Event(event) => {
            let (heap, books) = go(Until::Event(event))?;
            if books.n_events < event {
                return Err(format!("{name}: there is no event {event}, the last one is {}", books.n_events).into());
            }
            (heap, books)
        }
        At::Peak => {
            let peak = go(Until::End)?.1.peak.1;
            go(Until::Event(peak))?
        }
    };
    drop(progress);
    if books.n_events == 0 {
        return Err(format!("{name}: there is no event in it").into());
    }
    if books.n_stray > 0 {
        eprintln!("{name}: {} frees of what is no block were passed over", books.n_stray);
    }
    match heap {
        Heap::Recorded(replay) => say(args, replay.glibc(), &books, None),
        Heap::Own(glibc, difference) => {
            match &difference {
                Some(first) => {
                    eprintln!("{name}: not as glibc 2.36 would give it: addresses are the model's own\n{first}");
                }
                None => eprintln!("{name}: has no addresses of glibc's: they are the model's own"),
            }
            say(args, &*glibc, &books, difference)
        }
    }
}

fn say<S: System + Clone>(
    args: &Args,
    glibc: &Glibc<S>,
    books: &Books,
    difference: Option<String>,
) -> Result<String, Misuse> {
    match args.as_glibc {
        Some(AsGlibc::MallocInfo) => {
            return Ok(malloc_info(glibc, if args.tcache { Tcaches::Added } else { Tcaches::LeftOut })?);
        }
        Some(AsGlibc::MallocStats) => return Ok(malloc_stats(glibc)?),
        None => {}
    }
    let told = Told { trace: args.trace.display().to_string(), difference, writes: args.writes, rows: args.rows };
    let report = Report::of(glibc, books, told)?;
    Ok(match args.format {
        Format::Json => report.to_json(),
        Format::Text => report.to_text(width()),
    })
}
