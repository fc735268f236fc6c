//! The tools of this machine: gcc, its C library, valgrind. What is missing is said.

use std::ffi::OsStr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use memory_trait::Address;

/// The version of glibc that is modelled.
pub(super) const MODELLED_GLIBC: &str = "2.36";

const SIGABRT: i32 = 6;
const SIGSEGV: i32 = 11;

/// How a program ended on glibc.
pub(super) struct Ran {
    /// glibc's message, `SIGSEGV`, or `silent`.
    pub(super) verdict: String,
    /// Where its heap began.
    pub(super) heap_base: Option<Address>,
}

/// The compiled programs, and what they can be run under.
pub(super) struct Tools {
    plain: PathBuf,
    sanitized: Option<PathBuf>,
    valgrind: bool,
    /// What cannot be compared, and why.
    pub(super) skipped: Vec<String>,
}

impl Tools {
    /// Compiles `source` in `directory`. The error says what is missing, and that nothing can be compared without it.
    pub(super) fn build(directory: &Path, source: &str, wants_all: bool) -> Result<Tools, String> {
        let file = directory.join("classic_errors.c");
        std::fs::write(&file, source).map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
        let plain = directory.join("plain");
        compile(&file, &plain, &[])?;
        let version = output(Command::new(&plain).arg("no such error"))?;
        let version = String::from_utf8_lossy(&version.stdout).split_whitespace().next().unwrap_or("?").to_owned();
        if version != MODELLED_GLIBC {
            return Err(format!("this machine's C library is glibc {version}, and {MODELLED_GLIBC} is modelled"));
        }
        let mut tools = Tools { plain, sanitized: None, valgrind: false, skipped: Vec::new() };
        if !wants_all {
            return Ok(tools);
        }
        let sanitized = directory.join("sanitized");
        match compile(&file, &sanitized, &["-fsanitize=address"]) {
            Ok(()) => tools.sanitized = Some(sanitized),
            Err(error) => tools.skipped.push(format!("AddressSanitizer: {error}")),
        }
        match output(Command::new("valgrind").arg("--version")) {
            Ok(_) => tools.valgrind = true,
            Err(error) => tools.skipped.push(format!("memcheck: {error}")),
        }
        Ok(tools)
    }

    pub(super) fn has_memcheck(&self) -> bool {
        self.valgrind
    }

    pub(super) fn has_sanitizer(&self) -> bool {
        self.sanitized.is_some()
    }

    /// Runs one of the errors as it is.
    pub(super) fn on_glibc(&self, name: &str) -> Ran {
        let output = match output(&mut limited([self.plain.as_os_str(), name.as_ref()])) {
            Ok(output) => output,
            Err(error) => return Ran { verdict: error, heap_base: None },
        };
        let last = String::from_utf8_lossy(&output.stderr).trim_end().lines().next_back().unwrap_or("").to_owned();
        let verdict = match (output.status.signal(), output.status.code()) {
            (Some(SIGABRT), _) => last,
            (Some(SIGSEGV), _) => "SIGSEGV".to_owned(),
            (None, Some(0)) => "silent".to_owned(),
            _ => output.status.to_string(),
        };
        let stdout = String::from_utf8_lossy(&output.stdout);
        let heap = stdout.lines().next().and_then(|line| line.split_once(" 0x"));
        let heap_base = heap.and_then(|(_, digits)| u64::from_str_radix(digits, 16).ok()).map(Address);
        Ran { verdict, heap_base }
    }

    /// Runs one of the errors under memcheck; its errors' first lines.
    pub(super) fn under_memcheck(&self, name: &str) -> Vec<String> {
        let valgrind = ["valgrind", "-q", "--leak-check=full"].map(OsStr::new);
        let command = valgrind.into_iter().chain([self.plain.as_os_str(), name.as_ref()]);
        lines_of(&mut limited(command), |line| {
            let text = line.strip_prefix("==")?.split_once("== ")?.1;
            let text = text.split(" in loss record").next()?;
            let is_head = text.starts_with(|first: char| first.is_ascii_alphanumeric());
            let is_consequence = text.starts_with("Process terminating") || text.starts_with("If you believe");
            (is_head && !is_consequence).then(|| text.to_owned())
        })
    }

    /// Runs one of the errors with `AddressSanitizer` compiled in; what that says in its own words.
    pub(super) fn with_sanitizer(&self, name: &str) -> Vec<String> {
        let Some(sanitized) = &self.sanitized else { return Vec::new() };
        let mut command = limited([sanitized.as_os_str(), name.as_ref()]);
        command.env("ASAN_OPTIONS", "detect_stack_use_after_return=1:detect_leaks=1");
        lines_of(&mut command, |line| Some(line.split_once("==ERROR: ")?.1.to_owned()))
    }
}

/// The version of this machine's glibc.
pub(super) fn glibc_version() -> Result<String, String> {
    let said = output(Command::new("getconf").arg("GNU_LIBC_VERSION"))?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    said.trim().strip_prefix("glibc ").map(str::to_owned).ok_or_else(|| format!("the C library is not glibc: {said:?}"))
}

/// A command whose stack is 8 MiB and that leaves no core file.
fn limited<'a>(command: impl IntoIterator<Item = &'a OsStr>) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -c 0; ulimit -s 8192; exec \"$@\"", "sh"]).args(command);
    shell
}

pub(super) fn compile(source: &Path, to: &Path, flags: &[&str]) -> Result<(), String> {
    let mut gcc = Command::new("gcc");
    gcc.args(["-O0", "-g", "-w", "-fno-stack-protector", "-D_GNU_SOURCE"]).arg("-o").arg(to).arg(source).args(flags);
    let output = output(&mut gcc)?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("gcc does not compile it: {}", String::from_utf8_lossy(&output.stderr).trim_end()))
}

fn output(command: &mut Command) -> Result<Output, String> {
    command.output().map_err(|error| format!("{} cannot be run: {error}", command.get_program().display()))
}

/// What `pick` takes of the lines of stderr.
fn lines_of(command: &mut Command, pick: impl Fn(&str) -> Option<String>) -> Vec<String> {
    match output(command) {
        Ok(output) => String::from_utf8_lossy(&output.stderr).lines().filter_map(pick).collect(),
        Err(error) => vec![error],
    }
}
