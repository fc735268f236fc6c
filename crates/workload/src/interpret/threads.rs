//! The schedule: one thread runs at a time, chosen by rules and a seed, so that every machine sees the same order.
//!
//! Threads that can run stand in a queue. A thread that is switched to draws how many ticks it may run (1 to
//! [`QUANTUM_TICKS_MAX`]); when they are used up and others stand in the queue, it goes to the queue's end at its next
//! statement. While nobody stands in the queue, nothing is drawn.

use std::collections::VecDeque;

use memory_trait::{FaultKind, Moment, ThreadId};

use crate::splitmix::SplitMix64;

/// The longest time that a thread runs while others can. Unit: ticks.
const QUANTUM_TICKS_MAX: u64 = 64;

/// The most threads alive at once.
pub(super) const THREADS_MAX: usize = 10_000;

/// What tells the schedule's random numbers from those of `rand`.
const SCHEDULE_STREAM: u64 = 0x7363_6865_6475_6c65;

/// A call that waits for its callee, or an operation that waits for a finalizer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    /// Where it goes on.
    pub(super) pc: u32,
    /// Where its loop counters begin.
    pub(super) base: u32,
    /// The line it was at.
    pub(super) line: u32,
    /// Whether the callee is a finalizer.
    pub(super) is_finalizer: bool,
    /// The flag at that moment; only finalizers come between a test and its jump.
    pub(super) flag: bool,
}

/// What the interpreter keeps of a thread.
#[derive(Debug, Default)]
pub(super) struct Control {
    pub(super) pc: u32,
    pub(super) base: u32,
    pub(super) line: u32,
    pub(super) frames: Vec<Frame>,
    pub(super) counters: Vec<i64>,
}

/// What a thread is doing. The one that runs has its control taken out.
#[derive(Debug)]
enum State {
    Alive(Option<Box<Control>>),
    Ended,
}

/// All threads of a run.
#[derive(Debug)]
pub(super) struct Threads {
    states: Vec<State>,
    ready: VecDeque<ThreadId>,
    /// Who waits for whom.
    waiting: Vec<(ThreadId, ThreadId)>,
    n_alive: usize,
    /// When the running thread has to go. Unit: ticks.
    pub(super) switch_at: u64,
    random: SplitMix64,
}

impl Threads {
    pub(super) fn new(seed: u64) -> Threads {
        Threads {
            states: vec![State::Alive(None)],
            ready: VecDeque::new(),
            waiting: Vec::new(),
            n_alive: 1,
            switch_at: u64::MAX,
            random: SplitMix64::new(seed ^ SCHEDULE_STREAM),
        }
    }

    pub(super) fn n_threads(&self) -> u64 {
        self.states.len() as u64
    }

    pub(super) fn n_alive(&self) -> usize {
        self.n_alive
    }

    /// A thread begins; it stands at the end of the queue.
    pub(super) fn start(&mut self, thread: ThreadId, control: Control, now: Moment) {
        assert_eq!(thread.index(), self.states.len(), "threads are numbered in order of their start");
        self.states.push(State::Alive(Some(Box::new(control))));
        self.n_alive += 1;
        self.enqueue(thread, now);
    }

    fn enqueue(&mut self, thread: ThreadId, now: Moment) {
        if self.ready.is_empty() && self.switch_at == u64::MAX {
            self.draw(now);
        }
        self.ready.push_back(thread);
    }

    fn draw(&mut self, now: Moment) {
        self.switch_at = now.tick.0 + 1 + self.random.next() % QUANTUM_TICKS_MAX;
    }

    /// Whether a thread has ended; `None` when there is no such thread.
    pub(super) fn has_ended(&self, thread: i64) -> Option<bool> {
        let state = self.states.get(usize::try_from(thread).ok()?)?;
        Some(matches!(state, State::Ended))
    }

    /// The running thread waits until `other` has ended.
    pub(super) fn wait(&mut self, now: Moment, other: i64, control: Control) {
        self.states[now.thread.index()] = State::Alive(Some(Box::new(control)));
        self.waiting.push((now.thread, ThreadId(other as u32)));
    }

    /// The running thread's time is up.
    pub(super) fn preempt(&mut self, now: Moment, control: Control) {
        self.states[now.thread.index()] = State::Alive(Some(Box::new(control)));
        self.ready.push_back(now.thread);
    }

    /// Whether anybody stands in the queue.
    pub(super) fn others_are_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The running thread has ended: whoever waited for it goes to the queue, in the order of waiting.
    pub(super) fn end(&mut self, now: Moment) {
        self.states[now.thread.index()] = State::Ended;
        self.n_alive -= 1;
        let (woken, waiting): (Vec<_>, Vec<_>) = self.waiting.drain(..).partition(|&(_, other)| other == now.thread);
        self.waiting = waiting;
        self.ready.extend(woken.into_iter().map(|(thread, _)| thread));
    }

    /// The first in the queue runs.
    ///
    /// # Errors
    /// A deadlock: nobody can run.
    pub(super) fn next(&mut self, now: Moment) -> Result<(ThreadId, Control), (FaultKind, String)> {
        let Some(thread) = self.ready.pop_front() else {
            let n = self.waiting.len();
            let words = if n == 1 { "the only thread waits".to_owned() } else { format!("all {n} threads wait") };
            return Err((FaultKind::Deadlock, format!("{words} for one that cannot end")));
        };
        self.switch_at = u64::MAX;
        if self.others_are_ready() {
            self.draw(now);
        }
        match &mut self.states[thread.index()] {
            State::Alive(control) => Ok((thread, *control.take().expect("a thread in the queue is not running"))),
            State::Ended => panic!("thread {} has ended and stands in the queue", thread.0),
        }
    }
}
