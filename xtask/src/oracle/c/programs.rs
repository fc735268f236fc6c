//! Workloads, emitted as C, compiled and recorded: every call of malloc, every address, the output and the end.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};
use std::rc::Rc;

use c_model::{C, Glibc, ProcessHeap, RawMemory, Unmapped};
use heap_trace::{AddressMap, Answer, Call, Header, Pointer, Reader, Record, Request};
use memory_trait::{Address, Allocator, Fault, FaultKind, Outcome, ThreadId};
use workload::emit::{Language, emit};
use workload::{Ending, Options, Run, Workload, interpret};

use super::tool::compile;
use crate::console::Misuse;

/// The heap of a run may grow to this: as much as the machine itself allows, so that nothing is refused.
const LIMIT_HEAP_BYTES: u64 = 1 << 40;
/// Calls that are shown before the first wrong one.
const N_SHOWN: usize = 4;

/// What came of a workload.
pub(super) enum Verdict {
    /// So many calls of malloc's family, all as predicted.
    Exact(u64),
    /// What was different first.
    Different(String),
    /// Why it cannot be compared.
    Skipped(&'static str),
}

/// Compiles and records a workload in `directory`, and runs it on the model.
pub(super) fn judge(workload: &Workload, directory: &Path, options: &Options) -> Result<Verdict, Misuse> {
    if workload.checked().types.contains(&workload::types::Type::Thread) {
        return Ok(Verdict::Skipped("it has threads, whose order is the system's"));
    }
    if workload.expected_faults().iter().any(|expected| expected.kind == FaultKind::OutOfMemory) {
        return Ok(Verdict::Skipped("it takes all memory there is"));
    }
    let name = Language::C.program_name(workload);
    let (source, program) = (directory.join(format!("{name}.c")), directory.join(&name));
    std::fs::write(&source, emit(workload, Language::C, &[], options.seed)?)
        .map_err(|error| format!("{}: {error}", source.display()))?;
    compile(&source, &program, &["-lm"])?;
    let trace = directory.join(format!("{name}.tr"));
    let ran = record(&program, &trace)?;
    let judge = Rc::new(RefCell::new(Judge::new(&trace)?));
    let base = judge.borrow().real.base;
    let heap = Watched { heap: Glibc::builder().heap_base(Address(base)).build(), judge: Rc::clone(&judge) };
    let mut machine = C::builder().allocator(heap).detect(false).limit_heap_bytes(LIMIT_HEAP_BYTES).build();
    let run = interpret::run(&workload.compile(&[])?, &mut machine, options);
    drop(machine);
    let judge = Rc::into_inner(judge).expect("the machine is gone").into_inner();
    Ok(judge.verdict(&run, &ran))
}

/// Runs a program under `cargo xtask record`.
fn record(program: &Path, trace: &Path) -> Result<Output, Misuse> {
    let own = std::env::current_exe().map_err(|error| format!("the harness does not find itself: {error}"))?;
    let mut command = Command::new(own);
    command.args(["record", "--output"]).arg(trace).arg("--").arg(program);
    command.output().map_err(|error| Misuse(format!("{}: {error}", program.display())))
}

/// Holds the model's calls against those that were recorded, one by one.
struct Judge {
    trace: Reader,
    /// Where the heap of the real program was.
    real: Header,
    /// And the model's, whose mappings are elsewhere.
    model: Header,
    n_calls: u64,
    /// The last calls, for the reader.
    before: Vec<String>,
    difference: Option<String>,
}

impl Judge {
    fn new(trace: &Path) -> Result<Judge, Misuse> {
        let trace = Reader::open(trace)?;
        let real = trace.header();
        let model = Header { mapped_base: 0, ..real };
        Ok(Judge { trace, real, model, n_calls: 0, before: Vec::new(), difference: None })
    }

    /// The next call that was recorded; `free(NULL)`, which does nothing, is left out.
    fn next(&mut self) -> Option<Call> {
        loop {
            match self.trace.next_record() {
                Ok(Some(Record::Call(Call { request: Request::Free { block: Pointer::Null }, .. }))) => {}
                Ok(Some(Record::Call(call))) => return Some(call),
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(error) => {
                    self.difference.get_or_insert(error.to_string());
                    return None;
                }
            }
        }
    }

    /// An address of the model as the trace would have it. The first mapping is where the others are counted from.
    fn pointer(&mut self, address: Address, brk: u64) -> Pointer {
        let is_mapped = !address.is_null() && !(self.model.base..brk).contains(&address.0);
        if is_mapped && self.model.mapped_base == 0 {
            self.model.mapped_base = address.0 & !0xfff;
        }
        AddressMap::new(self.model).pointer(address, brk)
    }

    /// The model makes a call: `request`, and what it answered.
    fn compare(&mut self, request: Request, answer: Option<Pointer>) {
        if self.difference.is_some() || request == (Request::Free { block: Pointer::Null }) {
            return;
        }
        let recorded = self.next();
        let is_same = recorded.as_ref().is_some_and(|call| {
            let at = match call.answer {
                Answer::Block { at, .. } => Some(at),
                Answer::Nothing | Answer::Number(_) => None,
            };
            call.request == request && at == answer
        });
        let predicted = match answer {
            Some(at) => format!("{request} = {at}"),
            None => request.to_string(),
        };
        if !is_same {
            let recorded = recorded.map_or_else(|| "no call any more".to_owned(), |call| call.to_string());
            let mut text = format!("call {}: recorded `{recorded}`, predicted `{predicted}`", self.n_calls + 1);
            let before = self.before.len().saturating_sub(N_SHOWN);
            for call in &self.before[before..] {
                let _ = write!(text, "\n    before: {call}");
            }
            self.difference = Some(text);
            return;
        }
        self.n_calls += 1;
        if self.before.len() == 2 * N_SHOWN {
            self.before.drain(..N_SHOWN);
        }
        self.before.push(predicted);
    }

    fn verdict(mut self, run: &Run, ran: &Output) -> Verdict {
        if self.difference.is_none()
            && let Some(call) = self.next()
        {
            self.difference = Some(format!("call {}: recorded `{call}`, predicted none", self.n_calls + 1));
        }
        let said = String::from_utf8_lossy(&ran.stderr);
        let (code, words) = ending(run);
        if self.difference.is_none() && run.output.as_bytes() != ran.stdout {
            let printed = String::from_utf8_lossy(&ran.stdout);
            self.difference = Some(format!("it printed {printed:?}, predicted {:?}", run.output));
        }
        if self.difference.is_none() && (ran.status.code() != Some(code) || !said.contains(&words)) {
            let ended = ran.status.code().unwrap_or(-1);
            self.difference = Some(format!("exit code {ended}, said {said:?}; predicted {code}, {words:?}"));
        }
        match self.difference {
            Some(difference) => Verdict::Different(difference),
            None => Verdict::Exact(self.n_calls),
        }
    }
}

/// The exit code as a shell has it, and what is said on stderr.
fn ending(run: &Run) -> (i32, String) {
    const ABORTED: i32 = 128 + 6;
    const SEGFAULT: i32 = 128 + 11;
    let Ending::Faulted(Fault { kind, message, .. }) = &run.ending else { return (0, String::new()) };
    match kind {
        _ if message == "Segmentation fault" => (SEGFAULT, String::new()),
        FaultKind::Missing if message.starts_with("Assertion") => (ABORTED, message.clone()),
        FaultKind::ExpectFailed
        | FaultKind::IntegerOverflow
        | FaultKind::DivisionByZero
        | FaultKind::Missing
        | FaultKind::ModifiedInLoop
        | FaultKind::InvalidValue
        | FaultKind::NullDereference => (1, kind.name().to_owned()),
        _ => (ABORTED, message.clone()),
    }
}

/// glibc, and who watches its calls.
struct Watched {
    heap: Glibc,
    judge: Rc<RefCell<Judge>>,
}

impl Watched {
    fn pointer(&self, address: Address) -> Pointer {
        self.judge.borrow_mut().pointer(address, self.heap.program_break().0)
    }

    /// A call that answers with a block. One that stopped the program was not recorded: the recorder writes down what
    /// came back.
    fn gave(&self, request: Request, answer: Outcome<Address>) -> Outcome<Address> {
        if let Ok(at) = answer {
            let at = self.pointer(at);
            self.judge.borrow_mut().compare(request, Some(at));
        }
        answer
    }
}

impl Allocator for Watched {
    fn malloc(&mut self, bytes: u64) -> Outcome<Address> {
        let answer = self.heap.malloc(bytes);
        self.gave(Request::Malloc { bytes }, answer)
    }

    fn calloc(&mut self, n: u64, bytes: u64) -> Outcome<Address> {
        let answer = self.heap.calloc(n, bytes);
        self.gave(Request::Calloc { n, bytes }, answer)
    }

    fn realloc(&mut self, block: Address, bytes: u64) -> Outcome<Address> {
        let request = Request::Realloc { block: self.pointer(block), bytes };
        let answer = self.heap.realloc(block, bytes);
        self.gave(request, answer)
    }

    fn memalign(&mut self, alignment: u64, bytes: u64) -> Outcome<Address> {
        let answer = self.heap.memalign(alignment, bytes);
        self.gave(Request::Memalign { alignment, bytes }, answer)
    }

    fn free(&mut self, block: Address) -> Outcome<()> {
        let request = Request::Free { block: self.pointer(block) };
        self.heap.free(block)?;
        self.judge.borrow_mut().compare(request, None);
        Ok(())
    }

    // What follows is not the program's: the machine asks for its own books.

    fn usable_size(&mut self, block: Address) -> u64 {
        self.heap.usable_size(block)
    }

    fn trim(&mut self, pad_bytes: u64) -> bool {
        self.heap.trim(pad_bytes)
    }

    fn switch_thread(&mut self, thread: ThreadId) {
        self.heap.switch_thread(thread);
    }

    fn end_thread(&mut self) -> Outcome<()> {
        self.heap.end_thread()
    }

    fn heap_bytes(&self) -> u64 {
        self.heap.heap_bytes()
    }
}

impl RawMemory for Watched {
    fn read(&self, at: Address, into: &mut [u8]) -> Result<(), Unmapped> {
        self.heap.read(at, into)
    }

    fn write(&mut self, at: Address, bytes: &[u8]) -> Result<(), Unmapped> {
        self.heap.write(at, bytes)
    }
}

impl ProcessHeap for Watched {
    fn header_bytes(&self, block: Address) -> u64 {
        self.heap.header_bytes(block)
    }

    fn own_bytes(&self) -> u64 {
        self.heap.own_bytes()
    }

    fn limit_heap_bytes(&mut self, limit_bytes: u64) {
        self.heap.limit_heap_bytes(limit_bytes);
    }

    fn free_foreign(&mut self, block: Address, start: Address, bytes: &mut [u8]) -> Outcome<()> {
        self.heap.free_foreign(block, start, bytes)
    }
}
