//! The loop: one operation after the other.

use memory_trait::{
    ConstantId, Fault, FaultKind, FieldIndex, FunctionId, Kind, Line, Machine, Moment, Outcome, RecordId, Slot, Tick,
};

use super::messages::{arithmetic, expectation, fault, push_quoted};
use super::threads::{Control, Frame, THREADS_MAX, Threads};
use super::{Ending, Options, Run};
use crate::code::{Arithmetic, Code, Op, Operand, Reg};
use crate::splitmix::SplitMix64;
use crate::text::{push_bool, push_float, push_int};

pub(super) struct Engine<'r, M, H> {
    code: &'r Code,
    machine: &'r mut M,
    options: &'r Options,
    hook: H,
    every_ticks: u64,
    /// When the hook is called next. Unit: ticks.
    sample_at: u64,
    /// When something other than a statement is due. Unit: steps.
    stop_at: u64,
    steps: u64,
    now: Moment,
    /// The running thread's calls.
    frames: Vec<Frame>,
    /// The running thread's loop counters.
    counters: Vec<i64>,
    threads: Threads,
    /// Finalizers that are running.
    n_finalizing: u32,
    random: SplitMix64,
    output: String,
    text: String,
    other_text: String,
}

#[inline(always)]
const fn slot(reg: Reg) -> Slot {
    Slot(reg as u32)
}

/// What happens before a statement that is not the statement.
enum Pause {
    /// The statement may run.
    None,
    /// Another thread runs, from here.
    Switched(u32, u32),
}

impl<'r, M: Machine, H: FnMut(Tick, &M)> Engine<'r, M, H> {
    pub(super) fn new(code: &'r Code, machine: &'r mut M, options: &'r Options, every_ticks: u64, hook: H) -> Self {
        Engine {
            code,
            machine,
            options,
            hook,
            every_ticks,
            sample_at: every_ticks,
            stop_at: 0,
            steps: 0,
            now: Moment::default(),
            frames: Vec::new(),
            counters: Vec::new(),
            threads: Threads::new(options.seed),
            n_finalizing: 0,
            random: SplitMix64::new(options.seed),
            output: String::new(),
            text: String::new(),
            other_text: String::new(),
        }
    }

    pub(super) fn run(mut self) -> Run {
        let result = match self.machine.load_program(&self.code.program) {
            Ok(()) if self.code.has_finalizers => self.execute::<true>(),
            Ok(()) => self.execute::<false>(),
            Err(fault) => Err(fault),
        };
        let usage = self.machine.usage();
        self.machine.finish();
        Run {
            ending: result.map_or_else(|fault| Ending::Faulted(*fault), |()| Ending::Finished),
            ticks: self.now.tick.0,
            steps: self.steps,
            output: self.output,
            n_threads: self.threads.n_threads(),
            usage,
        }
    }

    /// Runs until all threads have ended. `FINALIZERS` is whether the program has any: only then is the machine asked.
    #[expect(clippy::too_many_lines, reason = "one arm for each operation")]
    fn execute<const FINALIZERS: bool>(&mut self) -> Outcome<()> {
        let code = self.code;
        let ops = code.ops.as_slice();
        let main = code.entries[code.main.index()];
        self.machine.set_moment(self.now);
        self.machine.call(code.main, &[], None)?;
        self.frames.push(Frame { pc: 0, base: 0, line: 0, is_finalizer: false, flag: false });
        self.counters.resize(usize::from(main.n_counters), 0);
        self.plan();
        let mut pc = main.target;
        let mut base = 0_u32;
        let mut flag = false;

        macro_rules! clear_dying {
            ($($operand:expr),+) => {
                $(if $operand.dies() {
                    self.machine.clear($operand.slot())?;
                })+
            };
        }
        // Counts a step; `$again` is the operation's own place, to which another thread's turn returns.
        macro_rules! step {
            ($line:expr, $again:expr) => {
                if self.steps >= self.stop_at {
                    match self.pause($again, base, $line)? {
                        Pause::None => {}
                        Pause::Switched(other, other_base) => {
                            (pc, base) = (other, other_base);
                            continue;
                        }
                    }
                }
                self.steps += 1;
                if !FINALIZERS || self.n_finalizing == 0 {
                    self.now.tick.0 += 1;
                }
                self.now.line = Line($line);
                self.machine.set_moment(self.now);
            };
        }
        macro_rules! int {
            ($dst:expr, $a:expr, $b:expr, $method:ident, $symbol:literal) => {{
                let (x, y) = (self.machine.int($a.slot())?, self.machine.int($b.slot())?);
                let Some(value) = x.$method(y) else { return Err(arithmetic(self.now, x, $symbol, y)) };
                self.machine.set_int(slot($dst), value)?;
                clear_dying!($a, $b);
            }};
        }
        macro_rules! int_const {
            ($dst:expr, $a:expr, $b:expr, $method:ident, $symbol:literal) => {{
                let (x, y) = (self.machine.int($a.slot())?, i64::from($b));
                let Some(value) = x.$method(y) else { return Err(arithmetic(self.now, x, $symbol, y)) };
                self.machine.set_int(slot($dst), value)?;
                clear_dying!($a);
            }};
        }
        macro_rules! jump_if {
            ($condition:expr, $target:expr) => {{
                if $condition {
                    pc = $target;
                }
                continue;
            }};
        }

        loop {
            let op = ops[pc as usize];
            pc += 1;
            match op {
                Op::End => {
                    self.threads.end(self.now);
                    if self.threads.n_alive() == 0 {
                        return Ok(());
                    }
                    (pc, base) = self.resume_next()?;
                }
                Op::Step { line } => {
                    step!(line, pc - 1);
                    continue;
                }
                Op::Jump { target } => {
                    pc = target;
                    continue;
                }

                Op::Constant { dst, constant } => self.machine.set_constant(slot(dst), ConstantId(constant))?,
                Op::Bool { dst, value } => self.machine.set_bool(slot(dst), value)?,
                Op::Null { dst } => self.machine.set_null(slot(dst))?,
                Op::Copy { dst, src } => self.machine.copy(slot(dst), slot(src))?,
                Op::Take { dst, src } => self.machine.take(slot(dst), slot(src))?,
                Op::Clear { slot: reg } => self.machine.clear(slot(reg))?,

                Op::Add { dst, a, b } => int!(dst, a, b, checked_add, "+"),
                Op::Sub { dst, a, b } => int!(dst, a, b, checked_sub, "-"),
                Op::Mul { dst, a, b } => int!(dst, a, b, checked_mul, "*"),
                Op::Div { dst, a, b } => int!(dst, a, b, checked_div, "/"),
                Op::Rem { dst, a, b } => {
                    let (x, y) = (self.machine.int(a.slot())?, self.machine.int(b.slot())?);
                    if y == 0 {
                        return Err(arithmetic(self.now, x, "%", y));
                    }
                    self.machine.set_int(slot(dst), x.wrapping_rem(y))?;
                    clear_dying!(a, b);
                }
                Op::AddConst { dst, a, b } => int_const!(dst, a, b, checked_add, "+"),
                Op::SubConst { dst, a, b } => int_const!(dst, a, b, checked_sub, "-"),
                Op::MulConst { dst, a, b } => int_const!(dst, a, b, checked_mul, "*"),
                Op::DivConst { dst, a, b } => int_const!(dst, a, b, checked_div, "/"),
                Op::RemConst { dst, a, b } => {
                    let (x, y) = (self.machine.int(a.slot())?, i64::from(b));
                    if y == 0 {
                        return Err(arithmetic(self.now, x, "%", y));
                    }
                    self.machine.set_int(slot(dst), x.wrapping_rem(y))?;
                    clear_dying!(a);
                }
                Op::Neg { dst, a } => {
                    let x = self.machine.int(a.slot())?;
                    let Some(value) = x.checked_neg() else { return Err(arithmetic(self.now, 0, "-", x)) };
                    self.machine.set_int(slot(dst), value)?;
                    clear_dying!(a);
                }
                Op::Float { dst, op, a, b } => {
                    let (x, y) = (self.machine.float(a.slot())?, self.machine.float(b.slot())?);
                    let value = self.float(op, x, y)?;
                    self.machine.set_float(slot(dst), value)?;
                    clear_dying!(a, b);
                }
                Op::FloatConst { dst, op, a, b } => {
                    let x = self.machine.float(a.slot())?;
                    let value = self.float(op, x, b)?;
                    self.machine.set_float(slot(dst), value)?;
                    clear_dying!(a);
                }
                Op::FloatNeg { dst, a } => {
                    let x = self.machine.float(a.slot())?;
                    self.machine.set_float(slot(dst), -x)?;
                    clear_dying!(a);
                }
                Op::ToInt { dst, a } => {
                    let value = self.truncated(a)?;
                    self.machine.set_int(slot(dst), value)?;
                    clear_dying!(a);
                }
                Op::ToFloat { dst, a } => {
                    let x = self.machine.int(a.slot())?;
                    self.machine.set_float(slot(dst), x as f64)?;
                    clear_dying!(a);
                }
                Op::Rand { dst, from, to } => {
                    let (low, high) = (self.machine.int(from.slot())?, self.machine.int(to.slot())?);
                    let Some(value) = self.random.in_range(low, high) else {
                        return Err(
                            self.fault(FaultKind::InvalidValue, format!("rand({low}, {high}): the range is empty"))
                        );
                    };
                    self.machine.set_int(slot(dst), value)?;
                    clear_dying!(from, to);
                }

                Op::Branch { test, a, b, target } => {
                    let (x, y) = (self.machine.int(a.slot())?, self.machine.int(b.slot())?);
                    clear_dying!(a, b);
                    jump_if!(test.ints(x, y), target)
                }
                Op::BranchConst { test, a, b, target } => {
                    let x = self.machine.int(a.slot())?;
                    clear_dying!(a);
                    jump_if!(test.ints(x, i64::from(b)), target)
                }
                Op::BranchFloat { test, a, b, target } => {
                    let (x, y) = (self.machine.float(a.slot())?, self.machine.float(b.slot())?);
                    clear_dying!(a, b);
                    jump_if!(test.floats(x, y), target)
                }
                Op::BranchFloatConst { test, a, target, b } => {
                    let x = self.machine.float(a.slot())?;
                    clear_dying!(a);
                    jump_if!(test.floats(x, b), target)
                }
                Op::BranchBool { when, a, target } => {
                    let x = self.machine.bool(a.slot())?;
                    clear_dying!(a);
                    jump_if!(x == when, target)
                }
                Op::BranchNull { when, a, target } => jump_if!(self.machine.is_null(slot(a))? == when, target),
                Op::BranchFlag { when, target } => jump_if!(flag == when, target),
                Op::TestNull { a } => flag = self.machine.is_null(slot(a))?,
                Op::TestSame { a, b } => flag = self.machine.same(slot(a), slot(b))?,
                Op::TestText { test, a, b } => {
                    self.machine.read_text(slot(a), &mut self.text)?;
                    self.machine.read_text(slot(b), &mut self.other_text)?;
                    // Bytes of UTF-8 are in the order of code points.
                    flag = test.ordering(Some(self.text.as_str().cmp(&self.other_text)));
                }
                Op::Flag { dst } => self.machine.set_bool(slot(dst), flag)?,

                Op::CounterConst { counter, value } => self.counters[base as usize + usize::from(counter)] = value,
                Op::Counter { counter, a } => {
                    self.counters[base as usize + usize::from(counter)] = self.machine.int(a.slot())?;
                    clear_dying!(a);
                }
                Op::RangeBegin { dst, counter, target } => {
                    let place = base as usize + usize::from(counter);
                    if self.counters[place] < self.counters[place + 1] {
                        self.machine.set_int(slot(dst), self.counters[place])?;
                    } else {
                        pc = target;
                    }
                }
                Op::RangeNext { dst, counter, line, target } => {
                    step!(line, pc - 1);
                    let place = base as usize + usize::from(counter);
                    let next = self.counters[place] + 1;
                    if next < self.counters[place + 1] {
                        self.counters[place] = next;
                        self.machine.set_int(slot(dst), next)?;
                        pc = target;
                    }
                }
                Op::ListNext { dst, list, counter, target } => {
                    let place = base as usize + usize::from(counter);
                    let index = self.counters[place];
                    if index < self.machine.len(slot(list))? {
                        self.machine.element(slot(dst), slot(list), index)?;
                        self.counters[place] = index + 1;
                        pc = target;
                    }
                }
                Op::MapBegin { map, counter } => {
                    let place = base as usize + usize::from(counter);
                    self.counters[place] = 0;
                    self.counters[place + 1] = self.machine.len(slot(map))?;
                }
                Op::MapNext { dst, map, counter, target } => {
                    let place = base as usize + usize::from(counter);
                    let (before, after) = (self.counters[place + 1], self.machine.len(slot(map))?);
                    if before != after {
                        let message = format!("the map had {before} keys when the loop began and has {after} now");
                        return Err(self.fault(FaultKind::ModifiedInLoop, message));
                    }
                    if let Some(next) = self.machine.next_key(slot(dst), slot(map), self.counters[place])? {
                        self.counters[place] = next;
                        pc = target;
                    }
                }

                Op::Call { function, arguments, n, result } => {
                    let arguments = &code.arguments[arguments as usize..arguments as usize + usize::from(n)];
                    let result = (result != Op::NO_RESULT).then_some(slot(result));
                    self.machine.call(FunctionId(function), arguments, result)?;
                    let line = self.now.line.0;
                    self.frames.push(Frame { pc, base, line, is_finalizer: false, flag });
                    let entry = code.entries[function as usize];
                    base = self.counters.len() as u32;
                    if entry.n_counters > 0 {
                        self.counters.resize(self.counters.len() + usize::from(entry.n_counters), 0);
                    }
                    pc = entry.target;
                }
                Op::Spawn { dst, n, function, arguments } => {
                    let arguments = &code.arguments[arguments as usize..arguments as usize + usize::from(n)];
                    self.spawn(slot(dst), FunctionId(function), arguments)?;
                }
                Op::Return { src } => {
                    self.machine.ret(Some(slot(src)))?;
                    (pc, base, flag) = self.leave(base, flag);
                }
                Op::ReturnNothing => {
                    self.machine.ret(None)?;
                    (pc, base, flag) = self.leave(base, flag);
                }

                Op::Record { dst, record } => self.machine.new_record(slot(dst), RecordId(record))?,
                Op::Local { slot: reg } => self.machine.new_local(slot(reg))?,
                Op::Load { dst, object, field } => {
                    self.machine.load(slot(dst), slot(object), FieldIndex(u32::from(field)))?;
                }
                Op::Store { object, field, src } => {
                    self.machine.store(slot(object), FieldIndex(u32::from(field)), src.slot())?;
                    clear_dying!(src);
                }
                Op::NotNull { a } => {
                    if self.machine.is_null(slot(a))? {
                        return Err(self.fault(FaultKind::NullDereference, "`!` of null".to_owned()));
                    }
                    continue;
                }

                Op::Array { dst, element, n } => {
                    let n_elements = self.count(n, "an array", "elements")?;
                    self.machine.new_array(slot(dst), element, n_elements)?;
                    clear_dying!(n);
                }
                Op::Bytes { dst, n } => {
                    let n_bytes = self.count(n, "bytes", "elements")?;
                    self.machine.new_bytes(slot(dst), n_bytes)?;
                    clear_dying!(n);
                }
                Op::List { dst, element } => self.machine.new_list(slot(dst), element)?,
                Op::Element { dst, container, index } => {
                    let place = self.machine.int(index.slot())?;
                    self.machine.element(slot(dst), slot(container), place)?;
                    clear_dying!(index);
                }
                Op::ElementConst { dst, container, index } => {
                    self.machine.element(slot(dst), slot(container), i64::from(index))?;
                }
                Op::SetElement { container, index, src } => {
                    let place = self.machine.int(index.slot())?;
                    self.machine.set_element(slot(container), place, src.slot())?;
                    clear_dying!(index, src);
                }
                Op::SetElementConst { container, src, index } => {
                    self.machine.set_element(slot(container), i64::from(index), src.slot())?;
                    clear_dying!(src);
                }
                Op::Push { list, src } => {
                    self.machine.push(slot(list), src.slot())?;
                    clear_dying!(src);
                }
                Op::Pop { dst, list } => self.machine.pop(slot(dst), slot(list))?,
                Op::Len { dst, object } => {
                    let n = self.machine.len(slot(object))?;
                    self.machine.set_int(slot(dst), n)?;
                }

                Op::Map { dst, key, value } => self.machine.new_map(slot(dst), key, value)?,
                Op::Get { dst, map, key, kind } => {
                    if !self.machine.get(slot(dst), slot(map), slot(key))? {
                        return Err(self.missing(key, kind)?);
                    }
                }
                Op::Put { map, key, src } => {
                    self.machine.put(slot(map), slot(key), src.slot())?;
                    clear_dying!(src);
                }
                Op::Has { map, key, scratch } => {
                    flag = self.machine.get(slot(scratch), slot(map), slot(key))?;
                    if flag {
                        self.machine.clear(slot(scratch))?;
                    }
                }
                Op::Remove { map, key } => flag = self.machine.remove(slot(map), slot(key))?,

                Op::Concat { dst, a, b } => self.machine.concat(slot(dst), slot(a), slot(b))?,
                Op::ToText { dst, kind, a } => {
                    self.text.clear();
                    match kind {
                        Kind::Int => push_int(&mut self.text, self.machine.int(a.slot())?),
                        Kind::Float => push_float(&mut self.text, self.machine.float(a.slot())?),
                        Kind::Bool => push_bool(&mut self.text, self.machine.bool(a.slot())?),
                        Kind::Reference => unreachable!("the checker converts numbers only"),
                    }
                    self.machine.new_text(slot(dst), &self.text)?;
                    clear_dying!(a);
                }

                Op::Free { a } => self.machine.free(slot(a))?,
                Op::Collect => self.machine.collect()?,
                Op::Weak { dst, target } => self.machine.new_weak(slot(dst), slot(target))?,
                Op::WeakGet { dst, weak } => self.machine.weak_get(slot(dst), slot(weak))?,

                Op::Yield => {
                    if self.threads.others_are_ready() {
                        self.threads.switch_at = self.now.tick.0;
                        self.plan();
                    }
                }
                Op::Join { a } => {
                    let other = self.machine.int(a.slot())?;
                    clear_dying!(a);
                    match self.threads.has_ended(other) {
                        Some(true) => {}
                        Some(false) => {
                            let control = self.control(pc, base);
                            self.threads.wait(self.now, other, control);
                            (pc, base) = self.resume_next()?;
                        }
                        None => {
                            return Err(self.fault(FaultKind::InvalidValue, format!("there is no thread {other}")));
                        }
                    }
                }

                Op::Print { kind, a, after } => self.print(kind, slot(a), after)?,
                Op::Fail { expectation: failed } => {
                    return Err(expectation(self.machine, self.now, &code.expectations[failed as usize])?);
                }
            }
            if FINALIZERS && let Some(finalizer) = self.machine.begin_finalizer()? {
                self.frames.push(Frame { pc, base, line: self.now.line.0, is_finalizer: true, flag });
                self.n_finalizing += 1;
                let entry = code.entries[finalizer.index()];
                base = self.counters.len() as u32;
                self.counters.resize(self.counters.len() + usize::from(entry.n_counters), 0);
                pc = entry.target;
            }
        }
    }

    /// Goes back to where a function was called from: place, counters and flag.
    #[inline(always)]
    fn leave(&mut self, base: u32, flag: bool) -> (u32, u32, bool) {
        let frame = self.frames.pop().expect("the bottom frame returns to the thread's end");
        self.counters.truncate(base as usize);
        if self.now.line.0 != frame.line {
            self.now.line = Line(frame.line);
            self.machine.set_moment(self.now);
        }
        if frame.is_finalizer {
            self.n_finalizing -= 1;
            return (frame.pc, frame.base, frame.flag);
        }
        (frame.pc, frame.base, flag)
    }

    /// Finds the step before which something other than a statement is due.
    fn plan(&mut self) {
        let tick = self.now.tick.0;
        let ticks = self.sample_at.min(self.threads.switch_at).saturating_sub(tick);
        self.stop_at = self.options.steps_max.min(self.steps.saturating_add(ticks));
    }

    /// Does what is due before the statement at `pc`.
    #[cold]
    #[inline(never)]
    fn pause(&mut self, pc: u32, base: u32, line: u32) -> Outcome<Pause> {
        if self.steps >= self.options.steps_max {
            self.now.line = Line(line);
            let message = format!("more than {} steps", self.options.steps_max);
            return Err(self.fault(FaultKind::StepLimit, message));
        }
        let tick = self.now.tick;
        if tick.0 >= self.sample_at {
            (self.hook)(tick, self.machine);
            self.sample_at = tick.0.saturating_add(self.every_ticks);
        }
        if tick.0 < self.threads.switch_at || self.n_finalizing > 0 {
            self.plan();
            return Ok(Pause::None);
        }
        let control = self.control(pc, base);
        self.threads.preempt(self.now, control);
        let (pc, base) = self.resume_next()?;
        Ok(Pause::Switched(pc, base))
    }

    /// Takes what the running thread needs to go on later.
    fn control(&mut self, pc: u32, base: u32) -> Control {
        Control {
            pc,
            base,
            line: self.now.line.0,
            frames: std::mem::take(&mut self.frames),
            counters: std::mem::take(&mut self.counters),
        }
    }

    /// The next thread runs: its place and counters.
    fn resume_next(&mut self) -> Outcome<(u32, u32)> {
        let (thread, control) = match self.threads.next(self.now) {
            Ok(next) => next,
            Err((kind, message)) => return Err(self.fault(kind, message)),
        };
        if thread != self.now.thread {
            self.machine.switch_thread(thread)?;
        }
        self.now.thread = thread;
        self.now.line = Line(control.line);
        self.machine.set_moment(self.now);
        self.frames = control.frames;
        self.counters = control.counters;
        self.plan();
        Ok((control.pc, control.base))
    }

    fn spawn(&mut self, dst: Slot, function: FunctionId, arguments: &[Slot]) -> Outcome<()> {
        if self.threads.n_alive() >= THREADS_MAX {
            return Err(self.fault(FaultKind::OutOfMemory, format!("more than {THREADS_MAX} threads at once")));
        }
        let thread = self.machine.start_thread(function, arguments)?;
        let entry = self.code.entries[function.index()];
        let control = Control {
            pc: entry.target,
            base: 0,
            line: self.now.line.0,
            frames: vec![Frame { pc: 0, base: 0, line: self.now.line.0, is_finalizer: false, flag: false }],
            counters: vec![0; usize::from(entry.n_counters)],
        };
        self.threads.start(thread, control, self.now);
        self.plan();
        self.machine.set_int(dst, i64::from(thread.0))
    }

    fn print(&mut self, kind: Kind, src: Slot, after: u8) -> Outcome<()> {
        match kind {
            Kind::Int => push_int(&mut self.output, self.machine.int(src)?),
            Kind::Float => push_float(&mut self.output, self.machine.float(src)?),
            Kind::Bool => push_bool(&mut self.output, self.machine.bool(src)?),
            Kind::Reference => {
                self.machine.read_text(src, &mut self.text)?;
                self.output.push_str(&self.text);
            }
        }
        self.output.push(char::from(after));
        if self.output.len() > self.options.output_bytes_max {
            let message = format!("more than {} bytes of output", self.options.output_bytes_max);
            return Err(self.fault(FaultKind::StepLimit, message));
        }
        Ok(())
    }

    #[inline(always)]
    fn float(&self, op: Arithmetic, x: f64, y: f64) -> Outcome<f64> {
        Ok(match op {
            Arithmetic::Add => x + y,
            Arithmetic::Subtract => x - y,
            Arithmetic::Multiply => x * y,
            Arithmetic::Divide if y != 0.0 => x / y,
            Arithmetic::Remainder if y != 0.0 => x % y,
            Arithmetic::Divide => return Err(self.float_by_zero(x, '/')),
            Arithmetic::Remainder => return Err(self.float_by_zero(x, '%')),
        })
    }

    #[cold]
    fn float_by_zero(&self, x: f64, symbol: char) -> Box<Fault> {
        let mut message = String::new();
        push_float(&mut message, x);
        self.fault(FaultKind::DivisionByZero, format!("{message} {symbol} 0.0"))
    }

    fn truncated(&mut self, a: Operand) -> Outcome<i64> {
        let value = self.machine.float(a.slot())?.trunc();
        // 2^63 itself is a float, but no integer of 64 bits; a value that is not a number fails both comparisons.
        if value >= -9_223_372_036_854_775_808.0 && value < 9_223_372_036_854_775_808.0 {
            return Ok(value as i64);
        }
        let mut message = "int(".to_owned();
        push_float(&mut message, value);
        message.push_str(") does not fit into 64 bits");
        Err(self.fault(FaultKind::IntegerOverflow, message))
    }

    /// A number of elements.
    fn count(&mut self, n: Operand, what: &str, of: &str) -> Outcome<i64> {
        let value = self.machine.int(n.slot())?;
        if value < 0 {
            return Err(self.fault(FaultKind::InvalidValue, format!("{what} of {value} {of}")));
        }
        Ok(value)
    }

    /// The fault of a key that is not there.
    #[cold]
    fn missing(&mut self, key: Reg, kind: Kind) -> Outcome<Box<Fault>> {
        let mut message = "there is no key ".to_owned();
        if kind == Kind::Reference {
            let mut text = String::new();
            self.machine.read_text(slot(key), &mut text)?;
            push_quoted(&mut message, &text);
        } else {
            push_int(&mut message, self.machine.int(slot(key))?);
        }
        Ok(self.fault(FaultKind::Missing, message))
    }

    #[cold]
    fn fault(&self, kind: FaultKind, message: String) -> Box<Fault> {
        fault(kind, self.now, message)
    }
}
