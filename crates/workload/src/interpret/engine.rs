//! The loop: one operation after the other.
//!
//! The machine is handed through as an argument of its own beside the engine, so that the compiler knows that they do
//! not overlap: what the loop keeps in the engine stays in registers across the machine's operations.

use memory_trait::{
    Calculation, ConstantId, FaultKind, FieldIndex, FunctionId, Kind, Line, Machine, Moment, Operand as MachineOperand,
    Operator, Outcome, Site, Slot, Tick,
};

use super::messages::{arithmetic, expectation};
use super::threads::{Frame, Threads};
use super::{Ending, Options, Run};
use crate::code::{Code, Creation, Op, Operand, Reg};
use crate::splitmix::SplitMix64;
use crate::text::{push_bool, push_float, push_int};

pub(super) struct Engine<'r, H> {
    pub(super) code: &'r Code,
    pub(super) options: &'r Options,
    pub(super) hook: H,
    pub(super) every_ticks: u64,
    /// When the hook is called next. Unit: ticks.
    pub(super) sample_at: u64,
    /// When something other than a statement is due. Unit: steps.
    pub(super) stop_at: u64,
    pub(super) steps: u64,
    pub(super) now: Moment,
    /// The running thread's calls.
    pub(super) frames: Vec<Frame>,
    /// The running thread's loop counters.
    pub(super) counters: Vec<i64>,
    pub(super) threads: Threads,
    /// Finalizers that are running.
    pub(super) n_finalizing: u32,
    pub(super) random: SplitMix64,
    pub(super) output: String,
    pub(super) text: String,
    pub(super) other_text: String,
}

#[inline]
pub(super) const fn slot(reg: Reg) -> Slot {
    Slot(reg as u32)
}

/// What happens before a statement that is not the statement.
pub(super) enum Pause {
    /// The statement may run.
    None,
    /// Another thread runs, from here.
    Switched(u32, u32),
}

impl<'r, H> Engine<'r, H> {
    pub(super) fn new(code: &'r Code, options: &'r Options, every_ticks: u64, hook: H) -> Self {
        Engine {
            code,
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

    pub(super) fn run<M: Machine>(mut self, machine: &mut M) -> Run
    where
        H: FnMut(Tick, &M),
    {
        let result = match machine.load_program(&self.code.program) {
            Ok(()) if self.code.has_finalizers => self.execute::<true, M>(machine),
            Ok(()) => self.execute::<false, M>(machine),
            Err(fault) => Err(fault),
        };
        let usage = machine.usage();
        machine.finish();
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
    fn execute<const FINALIZERS: bool, M: Machine>(&mut self, machine: &mut M) -> Outcome<()>
    where
        H: FnMut(Tick, &M),
    {
        let code = self.code;
        let ops = code.ops.as_slice();
        let main = code.entries[code.main.index()];
        machine.set_moment(self.now);
        machine.call(code.main, &[], None)?;
        self.frames.push(Frame { pc: 0, base: 0, line: 0, is_finalizer: false, flag: false });
        self.counters.resize(usize::from(main.n_counters), 0);
        self.plan();
        let mut pc = main.target;
        let mut base = 0_u32;
        let mut flag = false;

        macro_rules! clear_dying {
            ($($operand:expr),+) => {
                $(if $operand.dies() {
                    machine.clear($operand.slot())?;
                })+
            };
        }
        // Counts a step; `$again` is the operation's own place, to which another thread's turn returns.
        macro_rules! step {
            ($line:expr, $again:expr) => {
                if self.steps >= self.stop_at {
                    match self.pause(machine, $again, base, $line)? {
                        Pause::None => {}
                        Pause::Switched(other, other_base) => {
                            (pc, base) = (other, other_base);
                            continue;
                        }
                    }
                }
                self.steps += 1;
                // In parts: a moment that was just written in parts and is read as a whole stalls the processor.
                let mut tick = self.now.tick;
                if !FINALIZERS || self.n_finalizing == 0 {
                    tick.0 += 1;
                    self.now.tick = tick;
                }
                self.now.line = Line($line);
                machine.set_moment(Moment { tick, line: Line($line), thread: self.now.thread });
            };
        }
        // The machine is told what was computed of what, and where.
        macro_rules! calculated {
            ($calculate:ident, $dst:expr, $value:expr, $operator:ident, $a:expr, $b:expr) => {{
                machine.at(Site(pc));
                let how = Calculation { operator: Operator::$operator, a: $a, b: $b };
                machine.$calculate(slot($dst), $value, how)?;
            }};
        }
        macro_rules! int {
            ($dst:expr, $a:expr, $b:expr, $method:ident, $symbol:literal, $operator:ident) => {{
                let (x, y) = (machine.int($a.slot())?, machine.int($b.slot())?);
                let Some(value) = x.$method(y) else { return Err(arithmetic(self.now, x, $symbol, y)) };
                calculated!(calculate_int, $dst, value, $operator, $a.for_machine(), $b.for_machine());
            }};
        }
        macro_rules! int_const {
            ($dst:expr, $a:expr, $b:expr, $method:ident, $symbol:literal, $operator:ident) => {{
                let (x, y) = (machine.int($a.slot())?, i64::from($b));
                let Some(value) = x.$method(y) else { return Err(arithmetic(self.now, x, $symbol, y)) };
                calculated!(calculate_int, $dst, value, $operator, $a.for_machine(), MachineOperand::Int(y));
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
                    (pc, base) = self.resume_next(machine)?;
                }
                Op::Step { line } => {
                    step!(line, pc - 1);
                    continue;
                }
                Op::Jump { target } => {
                    pc = target;
                    continue;
                }

                Op::Constant { dst, constant } => machine.set_constant(slot(dst), ConstantId(constant))?,
                Op::Bool { dst, value } => machine.set_bool(slot(dst), value)?,
                Op::Null { dst } => machine.set_null(slot(dst))?,
                Op::Copy { dst, src } => machine.copy(slot(dst), slot(src))?,
                Op::Take { dst, src } => machine.take(slot(dst), slot(src))?,
                Op::Clear { slot: reg } => machine.clear(slot(reg))?,

                Op::Add { dst, a, b } => int!(dst, a, b, checked_add, "+", Add),
                Op::Sub { dst, a, b } => int!(dst, a, b, checked_sub, "-", Subtract),
                Op::Mul { dst, a, b } => int!(dst, a, b, checked_mul, "*", Multiply),
                Op::Div { dst, a, b } => int!(dst, a, b, checked_div, "/", Divide),
                Op::Rem { dst, a, b } => {
                    let (x, y) = (machine.int(a.slot())?, machine.int(b.slot())?);
                    if y == 0 {
                        return Err(arithmetic(self.now, x, "%", y));
                    }
                    let (a, b) = (a.for_machine(), b.for_machine());
                    calculated!(calculate_int, dst, x.wrapping_rem(y), Remainder, a, b);
                }
                Op::AddConst { dst, a, b } => int_const!(dst, a, b, checked_add, "+", Add),
                Op::SubConst { dst, a, b } => int_const!(dst, a, b, checked_sub, "-", Subtract),
                Op::MulConst { dst, a, b } => int_const!(dst, a, b, checked_mul, "*", Multiply),
                Op::DivConst { dst, a, b } => int_const!(dst, a, b, checked_div, "/", Divide),
                Op::RemConst { dst, a, b } => {
                    let (x, y) = (machine.int(a.slot())?, i64::from(b));
                    if y == 0 {
                        return Err(arithmetic(self.now, x, "%", y));
                    }
                    let (a, b) = (a.for_machine(), MachineOperand::Int(y));
                    calculated!(calculate_int, dst, x.wrapping_rem(y), Remainder, a, b);
                }
                Op::Neg { dst, a } => {
                    let x = machine.int(a.slot())?;
                    let Some(value) = x.checked_neg() else { return Err(arithmetic(self.now, 0, "-", x)) };
                    calculated!(calculate_int, dst, value, Negate, a.for_machine(), MachineOperand::None);
                }
                Op::Float { dst, op, a, b } => {
                    let (x, y) = (machine.float(a.slot())?, machine.float(b.slot())?);
                    let value = self.float(op, x, y)?;
                    machine.at(Site(pc));
                    let how = Calculation { operator: op.for_machine(), a: a.for_machine(), b: b.for_machine() };
                    machine.calculate_float(slot(dst), value, how)?;
                }
                Op::FloatConst { dst, op, a, b } => {
                    let x = machine.float(a.slot())?;
                    let value = self.float(op, x, b)?;
                    machine.at(Site(pc));
                    let how =
                        Calculation { operator: op.for_machine(), a: a.for_machine(), b: MachineOperand::Float(b) };
                    machine.calculate_float(slot(dst), value, how)?;
                }
                Op::FloatNeg { dst, a } => {
                    let x = machine.float(a.slot())?;
                    calculated!(calculate_float, dst, -x, Negate, a.for_machine(), MachineOperand::None);
                }
                Op::ToInt { dst, a } => {
                    let value = self.truncated(machine, a)?;
                    calculated!(calculate_int, dst, value, Convert, a.for_machine(), MachineOperand::None);
                }
                Op::ToFloat { dst, a } => {
                    let x = machine.int(a.slot())?;
                    calculated!(calculate_float, dst, x as f64, Convert, a.for_machine(), MachineOperand::None);
                }
                Op::Rand { dst, from, to } => {
                    let (low, high) = (machine.int(from.slot())?, machine.int(to.slot())?);
                    let Some(value) = self.random.in_range(low, high) else {
                        return Err(
                            self.fault(FaultKind::InvalidValue, format!("rand({low}, {high}): the range is empty"))
                        );
                    };
                    calculated!(calculate_int, dst, value, Draw, from.for_machine(), to.for_machine());
                }

                Op::Branch { test, a, b, target } => {
                    let (x, y) = (machine.int(a.slot())?, machine.int(b.slot())?);
                    clear_dying!(a, b);
                    jump_if!(test.ints(x, y), target)
                }
                Op::BranchConst { test, a, b, target } => {
                    let x = machine.int(a.slot())?;
                    clear_dying!(a);
                    jump_if!(test.ints(x, i64::from(b)), target)
                }
                Op::BranchFloat { test, a, b, target } => {
                    let (x, y) = (machine.float(a.slot())?, machine.float(b.slot())?);
                    clear_dying!(a, b);
                    jump_if!(test.floats(x, y), target)
                }
                Op::BranchFloatConst { test, a, target, b } => {
                    let x = machine.float(a.slot())?;
                    clear_dying!(a);
                    jump_if!(test.floats(x, b), target)
                }
                Op::BranchBool { when, a, target } => {
                    let x = machine.bool(a.slot())?;
                    clear_dying!(a);
                    jump_if!(x == when, target)
                }
                Op::BranchNull { when, a, target } => jump_if!(machine.is_null(slot(a))? == when, target),
                Op::BranchFlag { when, target } => jump_if!(flag == when, target),
                Op::TestNull { a } => flag = machine.is_null(slot(a))?,
                Op::TestSame { a, b } => flag = machine.same(slot(a), slot(b))?,
                Op::TestText { test, a, b } => {
                    machine.read_text(slot(a), &mut self.text)?;
                    machine.read_text(slot(b), &mut self.other_text)?;
                    // Bytes of UTF-8 are in the order of code points.
                    flag = test.ordering(Some(self.text.as_str().cmp(&self.other_text)));
                }
                Op::Flag { dst } => machine.set_bool(slot(dst), flag)?,

                Op::CounterConst { counter, value } => self.counters[base as usize + usize::from(counter)] = value,
                Op::Counter { counter, a } => {
                    self.counters[base as usize + usize::from(counter)] = machine.int(a.slot())?;
                    clear_dying!(a);
                }
                Op::RangeOpen { counter, from, to } => {
                    let bound = |operand: Operand, value: i64| match operand {
                        Operand::ELSEWHERE => MachineOperand::Int(value),
                        slot => slot.for_machine(),
                    };
                    let place = base as usize + usize::from(counter);
                    let (from, to) = (bound(from, self.counters[place]), bound(to, self.counters[place + 1]));
                    machine.begin_range(from, to)?;
                }
                Op::RangeClose => machine.end_range(),
                Op::EachBegin { dst, container } => machine.begin_each(slot(dst), slot(container))?,
                Op::LoopBack { target, is_tested } => {
                    machine.loop_back(is_tested)?;
                    pc = target;
                }
                Op::RangeBegin { dst, counter, target } => {
                    let place = base as usize + usize::from(counter);
                    if self.counters[place] < self.counters[place + 1] {
                        machine.set_int(slot(dst), self.counters[place])?;
                    } else {
                        pc = target;
                    }
                }
                Op::RangeNext { dst, counter, line, target } => {
                    step!(line, pc - 1);
                    if !FINALIZERS {
                        machine.loop_back(false)?;
                    }
                    let place = base as usize + usize::from(counter);
                    let next = self.counters[place] + 1;
                    if next < self.counters[place + 1] {
                        self.counters[place] = next;
                        machine.set_int(slot(dst), next)?;
                        pc = target;
                    }
                }
                Op::ListNext { dst, list, counter, target } => {
                    let place = base as usize + usize::from(counter);
                    let index = self.counters[place];
                    if index < machine.len(slot(list))? {
                        machine.element(slot(dst), slot(list), index)?;
                        self.counters[place] = index + 1;
                        pc = target;
                    }
                }
                Op::MapBegin { map, counter } => {
                    let place = base as usize + usize::from(counter);
                    self.counters[place] = 0;
                    self.counters[place + 1] = machine.len(slot(map))?;
                }
                Op::MapNext { dst, map, counter, target } => {
                    let place = base as usize + usize::from(counter);
                    let (before, after) = (self.counters[place + 1], machine.len(slot(map))?);
                    if before != after {
                        let message = format!("the map had {before} keys when the loop began and has {after} now");
                        return Err(self.fault(FaultKind::ModifiedInLoop, message));
                    }
                    if let Some(next) = machine.next_key(slot(dst), slot(map), self.counters[place])? {
                        self.counters[place] = next;
                        pc = target;
                    }
                }

                Op::Call { function, arguments, n, result } => {
                    let arguments = &code.arguments[arguments as usize..arguments as usize + usize::from(n)];
                    let result = (result != Op::NO_RESULT).then_some(slot(result));
                    machine.call(FunctionId(function), arguments, result)?;
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
                    self.spawn(machine, slot(dst), FunctionId(function), arguments)?;
                }
                Op::Return { src } => {
                    machine.ret(Some(slot(src)))?;
                    (pc, base, flag) = self.leave(machine, base, flag);
                }
                Op::ReturnNothing => {
                    machine.ret(None)?;
                    (pc, base, flag) = self.leave(machine, base, flag);
                }

                Op::Create { dst, creation } => {
                    let Creation { record, is_local, fields, values } = &code.creations[creation as usize];
                    if *is_local {
                        machine.create_local(slot(dst), fields, values)?;
                    } else {
                        machine.create(slot(dst), *record, fields, values)?;
                    }
                }
                Op::Load { dst, object, field } => {
                    machine.load(slot(dst), slot(object), FieldIndex(u32::from(field)))?;
                }
                Op::Store { object, field, src } => {
                    machine.store(slot(object), FieldIndex(u32::from(field)), src.slot())?;
                    clear_dying!(src);
                }
                Op::NotNull { a } => {
                    if machine.is_null(slot(a))? {
                        return Err(self.fault(FaultKind::NullDereference, "`!` of null".to_owned()));
                    }
                    continue;
                }

                Op::Array { dst, element, n } => {
                    let n_elements = self.count(machine, n, "an array", "elements")?;
                    machine.create_array(slot(dst), element, n_elements, n.for_machine())?;
                }
                Op::Bytes { dst, n } => {
                    let n_bytes = self.count(machine, n, "bytes", "elements")?;
                    machine.new_bytes(slot(dst), n_bytes)?;
                    clear_dying!(n);
                }
                Op::List { dst, element } => machine.new_list(slot(dst), element)?,
                Op::Element { dst, container, index } => {
                    let place = machine.int(index.slot())?;
                    machine.element(slot(dst), slot(container), place)?;
                    clear_dying!(index);
                }
                Op::ElementConst { dst, container, index } => {
                    machine.element(slot(dst), slot(container), i64::from(index))?;
                }
                Op::SetElement { container, index, src } => {
                    let place = machine.int(index.slot())?;
                    machine.set_element(slot(container), place, src.slot())?;
                    clear_dying!(index, src);
                }
                Op::SetElementConst { container, src, index } => {
                    machine.set_element(slot(container), i64::from(index), src.slot())?;
                    clear_dying!(src);
                }
                Op::Push { list, src } => {
                    machine.at(Site(pc));
                    machine.push(slot(list), src.slot())?;
                    clear_dying!(src);
                }
                Op::Pop { dst, list } => machine.pop(slot(dst), slot(list))?,
                Op::Len { dst, object } => {
                    let n = machine.len(slot(object))?;
                    calculated!(calculate_int, dst, n, Count, MachineOperand::None, MachineOperand::None);
                }

                Op::Map { dst, key, value } => machine.new_map(slot(dst), key, value)?,
                Op::Get { dst, map, key, kind } => {
                    if !machine.get(slot(dst), slot(map), slot(key))? {
                        return Err(self.missing(machine, key, kind)?);
                    }
                }
                Op::Put { map, key, src } => {
                    machine.put(slot(map), slot(key), src.slot())?;
                    clear_dying!(src);
                }
                Op::Has { map, key, scratch } => {
                    flag = machine.get(slot(scratch), slot(map), slot(key))?;
                    if flag {
                        machine.clear(slot(scratch))?;
                    }
                }
                Op::Remove { map, key } => flag = machine.remove(slot(map), slot(key))?,

                Op::Concat { dst, a, b } => {
                    machine.at(Site(pc));
                    machine.concat(slot(dst), slot(a), slot(b))?;
                }
                Op::ToText { dst, kind, a } => {
                    self.text.clear();
                    match kind {
                        Kind::Int => push_int(&mut self.text, machine.int(a.slot())?),
                        Kind::Float => push_float(&mut self.text, machine.float(a.slot())?),
                        Kind::Bool => push_bool(&mut self.text, machine.bool(a.slot())?),
                        Kind::Reference => unreachable!("the checker converts numbers only"),
                    }
                    machine.at(Site(pc));
                    machine.number_text(slot(dst), &self.text, a.for_machine())?;
                }

                Op::Free { a } => machine.free(slot(a))?,
                Op::Collect => machine.collect()?,
                Op::Weak { dst, target } => machine.new_weak(slot(dst), slot(target))?,
                Op::WeakGet { dst, weak } => machine.weak_get(slot(dst), slot(weak))?,

                Op::Yield => {
                    if self.threads.others_are_ready() {
                        self.threads.switch_at = self.now.tick.0;
                        self.plan();
                    }
                }
                Op::Join { a } => {
                    let other = machine.int(a.slot())?;
                    clear_dying!(a);
                    match self.threads.has_ended(other) {
                        Some(true) => {}
                        Some(false) => {
                            let control = self.control(pc, base);
                            self.threads.wait(self.now, other, control);
                            (pc, base) = self.resume_next(machine)?;
                        }
                        None => {
                            return Err(self.fault(FaultKind::InvalidValue, format!("there is no thread {other}")));
                        }
                    }
                }

                Op::Print { kind, a, after } => self.print(machine, kind, slot(a), after)?,
                Op::Fail { expectation: failed } => {
                    return Err(expectation(machine, self.now, &code.expectations[failed as usize])?);
                }
            }
            if FINALIZERS && let Some(finalizer) = machine.begin_finalizer()? {
                self.frames.push(Frame { pc, base, line: self.now.line.0, is_finalizer: true, flag });
                self.n_finalizing += 1;
                let entry = code.entries[finalizer.index()];
                base = self.counters.len() as u32;
                self.counters.resize(self.counters.len() + usize::from(entry.n_counters), 0);
                pc = entry.target;
            }
        }
    }
}
