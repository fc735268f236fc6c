//! The program to be recorded: found, and looked at before anything is started.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Interpreters of interpreters that are followed, as many as Linux follows.
const N_INTERPRETERS_MAX: usize = 5;

/// `e_machine` of x86-64. Source: the System V ABI's supplement.
const EM_X86_64: u16 = 62;
/// `p_type` of the name of the dynamic linker. Source: the System V ABI.
const PT_INTERP: u32 = 3;

/// A program that can be recorded.
pub(super) struct Program {
    /// What to start.
    pub(super) path: PathBuf,
    pub(super) arguments: Vec<OsString>,
    /// As the user named it.
    name: PathBuf,
}

impl Program {
    /// Finds the program as a shell would, and checks that the recorder can be loaded into it.
    pub(super) fn find(command: &[OsString]) -> Result<Program, String> {
        let (name, arguments) = command.split_first().ok_or("which program?")?;
        let name = PathBuf::from(name);
        let mut path = search(&name)?;
        let mut arguments = arguments.to_vec();
        // What a script's first line names is what runs; `env` there would be recorded instead of what it finds.
        let mut runs = path.clone();
        for _ in 0..N_INTERPRETERS_MAX {
            let file = File::open(&runs).map_err(|error| format!("{}: {error}", runs.display()))?;
            let Some((interpreter, option)) = first_line(&file) else {
                check(&runs, &file)?;
                return Ok(Program { path, arguments, name });
            };
            let is_env = interpreter.file_name() == Some(OsStr::new("env"));
            if let (true, Some(wanted)) = (is_env && runs == path, &option) {
                let words: Vec<&OsStr> = words(wanted).filter(|word| *word != "-S").collect();
                let (found, options) = words.split_first().ok_or("env in a script's first line without a program")?;
                let script = std::mem::replace(&mut path, search(Path::new(found))?);
                let options = options.iter().map(|&option| option.to_owned());
                arguments = options.chain([script.into_os_string()]).chain(arguments).collect();
                runs.clone_from(&path);
            } else {
                runs = interpreter;
            }
        }
        Err(format!("{}: more than {N_INTERPRETERS_MAX} interpreters of interpreters", name.display()))
    }

    /// The first argument, which for an interpreter is the script or an option.
    pub(super) fn script(&self) -> PathBuf {
        self.arguments.first().map(PathBuf::from).unwrap_or_default()
    }

    /// The program's name with an ending, here.
    pub(super) fn default_output(&self, ending: &str) -> PathBuf {
        let mut name = self.name.file_name().unwrap_or(OsStr::new("program")).to_owned();
        name.push(ending);
        PathBuf::from(name)
    }
}

/// The file that a name stands for.
fn search(name: &Path) -> Result<PathBuf, String> {
    let is_program = |path: &Path| path.metadata().is_ok_and(|meta| meta.is_file() && meta.mode() & 0o111 != 0);
    if name.as_os_str().as_bytes().contains(&b'/') {
        return match name.metadata() {
            Err(error) => Err(format!("{}: {error}", name.display())),
            Ok(meta) if meta.is_dir() => Err(format!("{}: is a directory, not a program", name.display())),
            Ok(_) if !is_program(name) => Err(format!("{}: may not be executed", name.display())),
            Ok(_) => Ok(name.to_owned()),
        };
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|directory| directory.join(name)).find(|file| is_program(file));
    found.ok_or_else(|| format!("{}: no such program in PATH", name.display()))
}

/// The interpreter of a script, and what else its first line says.
fn first_line(file: &File) -> Option<(PathBuf, Option<OsString>)> {
    let mut head = Vec::new();
    file.take(256).read_to_end(&mut head).ok()?;
    let line = head.strip_prefix(b"#!")?.split(|&byte| byte == b'\n').next()?.trim_ascii();
    let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
    let (interpreter, rest) = line.split_at(end);
    let rest = rest.trim_ascii();
    let option = (!rest.is_empty()).then(|| OsString::from_vec(rest.to_vec()));
    Some((OsString::from_vec(interpreter.to_vec()).into(), option))
}

fn words(text: &OsStr) -> impl Iterator<Item = &OsStr> {
    text.as_bytes().split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).map(OsStr::from_bytes)
}

/// Says why the recorder cannot be loaded into a program.
fn check(path: &Path, file: &File) -> Result<(), String> {
    let refuse = |why: &str| Err(format!("{}: {why}", path.display()));
    let mode = file.metadata().map_err(|error| format!("{}: {error}", path.display()))?.mode();
    if mode & 0o6000 != 0 {
        return refuse("is setuid or setgid: the dynamic linker ignores what is preloaded into it");
    }
    let mut head = [0; 64];
    if file.read_exact_at(&mut head, 0).is_err() || !head.starts_with(b"\x7fELF") {
        return refuse("is neither a program (ELF) nor a script that begins with `#!`");
    }
    let u16_at = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
    let is_64_bit_little_endian = head[4] == 2 && head[5] == 1;
    if !is_64_bit_little_endian || u16_at(18) != EM_X86_64 {
        return refuse("is not a program for x86-64");
    }
    let headers_at = u64::from_le_bytes(head[32..40].try_into().expect("8 bytes"));
    let (size, n) = (u64::from(u16_at(54)), u64::from(u16_at(56)));
    for i in 0..n {
        let mut header = [0; 56];
        if headers_at.checked_add(i * size).is_none_or(|at| file.read_exact_at(&mut header, at).is_err()) {
            return refuse("is damaged: its program headers are beyond its end");
        }
        let u64_at = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().expect("8 bytes"));
        if u32::from_le_bytes(header[..4].try_into().expect("4 bytes")) != PT_INTERP {
            continue;
        }
        let mut linker = vec![0; u64_at(32).min(4096) as usize];
        if file.read_exact_at(&mut linker, u64_at(8)).is_err() {
            return refuse("is damaged: the name of its dynamic linker is beyond its end");
        }
        let linker = String::from_utf8_lossy(&linker).trim_end_matches('\0').to_owned();
        if linker.contains("musl") {
            return refuse("is linked to musl: its malloc is not glibc's");
        }
        if !linker.contains("ld-linux") {
            return refuse(&format!("has the dynamic linker {linker}, which is not glibc's"));
        }
        return Ok(());
    }
    refuse("is statically linked: nothing can be preloaded into it")
}

/// The settings of malloc in the environment, as `verify` takes them.
pub(super) fn tunables() -> String {
    const ALIASES: [(&str, &str); 7] = [
        ("MALLOC_TOP_PAD_", "top_pad"),
        ("MALLOC_PERTURB_", "perturb"),
        ("MALLOC_MMAP_MAX_", "mmap_max"),
        ("MALLOC_MMAP_THRESHOLD_", "mmap_threshold"),
        ("MALLOC_TRIM_THRESHOLD_", "trim_threshold"),
        ("MALLOC_ARENA_MAX", "arena_max"),
        ("MALLOC_ARENA_TEST", "arena_test"),
    ];
    let mut settings = Vec::new();
    for (variable, tunable) in ALIASES {
        if let Ok(value) = std::env::var(variable) {
            settings.push(format!("{tunable}={value}"));
        }
    }
    let all = std::env::var("GLIBC_TUNABLES").unwrap_or_default();
    settings.extend(all.split(':').filter_map(|setting| setting.strip_prefix("glibc.malloc.")).map(str::to_owned));
    settings.join(":")
}
