//! What happens between statements and between functions: returns, other threads' turns, samples, the limit of steps.

use memory_trait::{FaultKind, FunctionId, Line, Machine, Moment, Outcome, Slot, Tick};

use super::engine::{Engine, Pause};
use super::threads::{Control, Frame, THREADS_MAX};

impl<H> Engine<'_, H> {
    /// Goes back to where a function was called from: place, counters and flag.
    #[inline]
    pub(super) fn leave<M: Machine>(&mut self, machine: &mut M, base: u32, flag: bool) -> (u32, u32, bool) {
        let frame = self.frames.pop().expect("the bottom frame returns to the thread's end");
        self.counters.truncate(base as usize);
        if self.now.line.0 != frame.line {
            self.now.line = Line(frame.line);
            machine.set_moment(Moment { tick: self.now.tick, line: Line(frame.line), thread: self.now.thread });
        }
        if frame.is_finalizer {
            self.n_finalizing -= 1;
            return (frame.pc, frame.base, frame.flag);
        }
        (frame.pc, frame.base, flag)
    }

    /// Finds the step before which something other than a statement is due.
    pub(super) fn plan(&mut self) {
        let tick = self.now.tick.0;
        let ticks = self.sample_at.min(self.threads.switch_at).saturating_sub(tick);
        self.stop_at = self.options.steps_max.min(self.steps.saturating_add(ticks));
    }

    /// Does what is due before the statement at `pc`.
    #[cold]
    #[inline(never)]
    pub(super) fn pause<M: Machine>(&mut self, machine: &mut M, pc: u32, base: u32, line: u32) -> Outcome<Pause>
    where
        H: FnMut(Tick, &M),
    {
        if self.steps >= self.options.steps_max {
            self.now.line = Line(line);
            let message = format!("more than {} steps", self.options.steps_max);
            return Err(self.fault(FaultKind::StepLimit, message));
        }
        let tick = self.now.tick;
        if tick.0 >= self.sample_at {
            (self.hook)(tick, machine);
            self.sample_at = tick.0.saturating_add(self.every_ticks);
        }
        if tick.0 < self.threads.switch_at || self.n_finalizing > 0 {
            self.plan();
            return Ok(Pause::None);
        }
        let control = self.control(pc, base);
        self.threads.preempt(self.now, control);
        let (pc, base) = self.resume_next(machine)?;
        Ok(Pause::Switched(pc, base))
    }

    /// Takes what the running thread needs to go on later.
    pub(super) fn control(&mut self, pc: u32, base: u32) -> Control {
        Control {
            pc,
            base,
            line: self.now.line.0,
            frames: std::mem::take(&mut self.frames),
            counters: std::mem::take(&mut self.counters),
        }
    }

    /// The next thread runs: its place and counters.
    pub(super) fn resume_next<M: Machine>(&mut self, machine: &mut M) -> Outcome<(u32, u32)> {
        let (thread, control) = match self.threads.next(self.now) {
            Ok(next) => next,
            Err((kind, message)) => return Err(self.fault(kind, message)),
        };
        if thread != self.now.thread {
            machine.switch_thread(thread)?;
        }
        self.now.thread = thread;
        self.now.line = Line(control.line);
        machine.set_moment(self.now);
        self.frames = control.frames;
        self.counters = control.counters;
        self.plan();
        Ok((control.pc, control.base))
    }

    pub(super) fn spawn<M: Machine>(
        &mut self,
        machine: &mut M,
        dst: Slot,
        function: FunctionId,
        arguments: &[Slot],
    ) -> Outcome<()> {
        if self.threads.n_alive() >= THREADS_MAX {
            return Err(self.fault(FaultKind::OutOfMemory, format!("more than {THREADS_MAX} threads at once")));
        }
        let thread = machine.start_thread(function, arguments)?;
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
        machine.set_int(dst, i64::from(thread.0))
    }
}
