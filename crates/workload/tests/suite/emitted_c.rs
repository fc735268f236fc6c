//! What is emitted as C is compiled and run: it prints what the emulated run prints, and ends as that does.
//!
//! Where there is no gcc, the test says so and is done.

use std::fmt::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::Mutex;

use workload::emit::{Language, emit};
use workload::{Bare, Ending, Options, Workload, interpret};

use crate::emitted_java::{tool, workloads};

const SIGABRT: i32 = 6;
const SIGSEGV: i32 = 11;

/// What the emulated run of a workload does.
struct Expected {
    /// `None` where it depends on what is in memory.
    output: Option<String>,
    /// The fault that ends it.
    fault: Option<&'static str>,
}

impl Expected {
    fn of(workload: &Workload) -> Expected {
        let code = workload.compile(&[]).unwrap();
        let run = interpret::run(&code, &mut Bare::with_room(1 << 23), &Options::default());
        let is_of_c = |fault: &workload::ast::ExpectedFault| fault.machines.iter().any(|name| name == "c");
        let fault = match run.ending {
            Ending::Finished => None,
            Ending::Faulted(fault) => Some(fault.kind.name()),
        };
        // What the machine that does nothing cannot say: who is freed, and what an unset field holds.
        let is_undefined = workload.expected_faults().iter().any(is_of_c)
            || ["weak(", "finalize"].iter().any(|word| workload.source().contains(word))
            || matches!(fault, Some("uninitialised" | "out_of_bounds"));
        Expected { output: (!is_undefined).then_some(run.output), fault: fault.filter(|_| !is_undefined) }
    }

    fn is_met(&self, output: &str, said: &str, status: ExitStatus) -> bool {
        let Some(expected) = &self.output else { return true };
        let is_ending = match self.fault {
            None => status.success(),
            Some(_) if status.code() == Some(1) && said.starts_with(self.fault.unwrap_or_default()) => true,
            Some("null_dereference") => status.signal() == Some(SIGSEGV),
            Some("missing") => status.signal() == Some(SIGABRT),
            Some(_) => false,
        };
        expected == output && is_ending
    }
}

/// Compiles and runs a workload; what is wrong with what it did.
fn check(workload: &Workload, dir: &Path) -> Result<(), String> {
    let name = Language::C.program_name(workload);
    let (file, program) = (dir.join(format!("{name}.c")), dir.join(&name));
    std::fs::write(&file, emit(workload, Language::C, &[], 0).unwrap()).unwrap();
    // Warnings that the mistakes of the gallery are about.
    let flags =
        ["-O0", "-Wall", "-Werror", "-Wno-use-after-free", "-Wno-unused-variable", "-Wno-unused-but-set-variable"];
    let said = Command::new("gcc").args(flags).arg("-o").arg(&program).arg(&file).args(["-lm", "-pthread"]).output();
    let said = said.unwrap();
    if !said.status.success() {
        return Err(format!("{name} does not compile:\n{}", String::from_utf8_lossy(&said.stderr)));
    }
    let expected = Expected::of(workload);
    if workload.expected_faults().iter().any(|fault| fault.kind.name() == "out_of_memory") {
        return Ok(());
    }
    let ran = Command::new(&program).output().unwrap();
    let (output, errors) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    if expected.is_met(&output, &errors, ran.status) {
        return Ok(());
    }
    Err(format!("{name}: {}\n{output}{errors}expected: {:?} {:?}\n", ran.status, expected.output, expected.fault))
}

#[test]
fn what_is_emitted_does_what_the_emulated_run_does() {
    if tool("gcc", "--version").is_none() {
        return;
    }
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("emitted-c");
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    let (todo, wrong) = (Mutex::new(workloads()), Mutex::new(String::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(workload) = todo.lock().unwrap().pop() else { return };
                    if let Err(difference) = check(&workload, &dir) {
                        writeln!(wrong.lock().unwrap(), "{difference}").unwrap();
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{wrong}");
}
