//! Scripts of calls, made by the model and by this machine's C library: `driver.c` says what is in one.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use c_model::malloc::system::SystemCalls;
use c_model::report::{Tcaches, malloc_info, malloc_stats};
use c_model::{Glibc, RawMemory};
use memory_trait::{Address, Allocator, ThreadId};
use rustc_hash::FxHashMap;

const REGION_BYTES: u64 = 64 << 20;

/// What a script printed: on stdout, on stderr.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Printed {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The driver, compiled; `None`, and a word on stderr, where there is no compiler.
pub(crate) fn driver(name: &str) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/driver.c");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut gcc = Command::new("gcc");
    gcc.args(["-O1", "-pthread", "-o"]).arg(&program).arg(source).stderr(Stdio::null());
    match gcc.status() {
        Ok(status) if status.success() => Some(program),
        _ => {
            eprintln!("skipped: no gcc that compiles a C program with threads");
            None
        }
    }
}

/// The script on this machine's libc; `None`, and a word on stderr, where that is another version.
pub(crate) fn on_libc(driver: &Path, script: &str) -> Option<Printed> {
    let mut command = Command::new(driver);
    command.env_remove("GLIBC_TUNABLES").env_remove("MALLOC_ARENA_MAX").env_remove("MALLOC_PERTURB_");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it was compiled");
    child.stdin.take().expect("a pipe").write_all(script.as_bytes()).expect("it reads all of it");
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("it prints text");
    let printed = Printed { stdout: text(output.stdout), stderr: text(output.stderr) };
    assert!(output.status.success(), "{printed:?}");
    let (version, stdout) = printed.stdout.split_once('\n').expect("the version comes first");
    if version != "2.36" {
        eprintln!("skipped: this machine has glibc {version}, the model is of 2.36");
        return None;
    }
    Some(Printed { stdout: stdout.to_owned(), stderr: printed.stderr })
}

/// The script on the model.
pub(crate) fn on_model(script: &str) -> Printed {
    on_model_with(Glibc::builder().contents(false), script)
}

pub(crate) fn on_model_with(builder: c_model::malloc::Builder, script: &str) -> Printed {
    run_on_model(builder, script).printed
}

/// The system calls that the model counts.
pub(crate) fn calls_of_model(script: &str) -> SystemCalls {
    run_on_model(Glibc::builder().contents(false), script).glibc.system_mut().calls()
}

/// The system calls that strace counts, beyond those of a script that does nothing; `None`, and a word on stderr, where
/// there is no strace or it may not trace.
pub(crate) fn calls_of_libc(driver: &Path, script: &str) -> Option<SystemCalls> {
    let count = |script: &str| {
        let log = driver.with_extension("strace");
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-e", "trace=brk,mmap,munmap,mremap,mprotect,madvise", "-o"]).arg(&log).arg(driver);
        strace.env_remove("GLIBC_TUNABLES").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = strace.spawn().ok()?;
        child.stdin.take()?.write_all(script.as_bytes()).ok()?;
        let text =
            child.wait().ok().filter(std::process::ExitStatus::success).and(std::fs::read_to_string(&log).ok())?;
        let n = |name: &str| text.lines().filter(|line| line.contains(&format!(" {name}("))).count() as u64;
        Some(["brk", "mmap", "munmap", "mremap", "mprotect", "madvise"].map(n))
    };
    let Some((with, without)) = count(script).zip(count("")) else {
        eprintln!("skipped: no strace that may trace");
        return None;
    };
    let [brk, mmap, munmap, mremap, mprotect, madvise] = std::array::from_fn(|kind| with[kind] - without[kind]);
    Some(SystemCalls { brk, mmap, munmap, mremap, mprotect, madvise })
}

fn run_on_model(builder: c_model::malloc::Builder, script: &str) -> Run {
    let mut run = Run {
        glibc: builder.pages(true).build(),
        blocks: FxHashMap::default(),
        regions: Vec::new(),
        thread_blocks: FxHashMap::default(),
        writes: true,
        printed: Printed { stdout: String::new(), stderr: String::new() },
    };
    for line in script.lines() {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let numbers: Vec<i64> = words[1..].iter().map(|word| word.parse().expect("a number")).collect();
        run.call(words[0], &numbers);
    }
    run
}

struct Run {
    glibc: Glibc,
    /// By number, addresses and what was asked for.
    blocks: FxHashMap<i64, Address>,
    regions: Vec<u64>,
    /// What the main thread allocates for each other one.
    thread_blocks: FxHashMap<i64, Address>,
    writes: bool,
    printed: Printed,
}

impl Run {
    fn call(&mut self, call: &str, n: &[i64]) {
        let block = n.first().and_then(|id| self.blocks.get(id)).copied().unwrap_or(Address::NULL);
        let glibc = &mut self.glibc;
        let size = |at: usize| n[at] as u64;
        match call {
            "m" => {
                let at = glibc.malloc(size(1)).unwrap();
                self.got(n[0], at, size(1));
            }
            "c" => {
                let at = glibc.calloc(size(1), size(2)).unwrap();
                self.got(n[0], at, size(1) * size(2));
            }
            "r" => {
                let at = glibc.realloc(block, size(1)).unwrap();
                self.got(n[0], at, size(1));
            }
            "a" => {
                let at = glibc.memalign(size(1), size(2)).unwrap();
                self.got(n[0], at, size(2));
            }
            "f" => {
                glibc.free(block).unwrap();
                self.blocks.remove(&n[0]);
            }
            "t" => drop(glibc.malloc_trim(size(0)).unwrap()),
            "o" => drop(glibc.mallopt(n[0] as i32, n[1] as i32).unwrap()),
            "w" => self.writes = n[0] != 0,
            "T" => {
                // A new thread has 17 words of thread-local storage, which the thread that makes it allocates.
                if n[0] != 0 && !self.thread_blocks.contains_key(&n[0]) {
                    glibc.switch_thread(ThreadId(0));
                    let at = glibc.calloc(17, 16).unwrap();
                    self.thread_blocks.insert(n[0], at);
                }
                glibc.switch_thread(ThreadId(n[0] as u32));
            }
            "X" => {
                glibc.end_thread().unwrap();
                glibc.switch_thread(ThreadId(0));
                glibc.free(self.thread_blocks.remove(&n[0]).unwrap()).unwrap();
            }
            "p" => self.pages(),
            "i" => {
                self.printed.stdout += &malloc_info(glibc, Tcaches::LeftOut).unwrap();
                self.printed.stderr += &malloc_stats(glibc).unwrap();
            }
            _ => panic!("no call {call}"),
        }
    }

    fn head(&self, at: Address) -> u64 {
        self.glibc.read_u64(Address(at.0 - 8)).unwrap()
    }

    fn got(&mut self, id: i64, at: Address, bytes: u64) {
        if at.is_null() {
            return;
        }
        self.blocks.insert(id, at);
        let region = at.0 & !(REGION_BYTES - 1);
        if self.head(at) & 6 == 4 && !self.regions.contains(&region) {
            self.regions.push(region);
        }
        if self.writes {
            self.glibc.touch(at, bytes);
        }
    }

    fn pages(&mut self) {
        let pages = self.glibc.pages().expect("they are watched");
        let below_break = pages.n_within(0x5555_5555_9000, self.glibc.program_break().0);
        let threads: u64 = self.regions.iter().map(|&at| pages.n_within(at, at + REGION_BYTES)).sum();
        let mut mapped = 0;
        for &at in self.blocks.values() {
            let (head, chunk) = (self.head(at), at.0 - 16);
            if head & 2 != 0 {
                let below = self.glibc.read_u64(Address(chunk)).unwrap();
                mapped += pages.n_within(chunk - below, chunk + (head & !7));
            }
        }
        assert_eq!(below_break + threads + mapped, pages.n_resident(), "a page that is nowhere");
        let _ = writeln!(
            self.printed.stdout,
            "pages heap={below_break} threads={threads} mapped={mapped} rss={below_break}"
        );
    }
}
