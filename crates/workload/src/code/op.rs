//! The operations and their operands.

use memory_trait::{Kind, Operator, Slot};

/// A number operand: a slot, and whether the temporary in it is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operand(u16);

impl Operand {
    const DIES: u16 = 1 << 15;
    /// The highest slot that code can name.
    pub const SLOT_MAX: u16 = Self::DIES - 1;

    /// No slot: a constant that is elsewhere.
    pub const ELSEWHERE: Operand = Operand(Self::SLOT_MAX);

    /// An operand that stays.
    pub const fn stays(slot: u16) -> Operand {
        Operand(slot)
    }

    /// A temporary that is cleared after the operation.
    pub const fn dying(slot: u16) -> Operand {
        Operand(slot | Self::DIES)
    }

    /// The slot.
    #[inline]
    pub const fn slot(self) -> Slot {
        Slot((self.0 & Self::SLOT_MAX) as u32)
    }

    /// As the machine is told of it.
    #[inline]
    pub const fn for_machine(self) -> memory_trait::Operand {
        if self.dies() {
            memory_trait::Operand::Temporary(self.slot())
        } else {
            memory_trait::Operand::Variable(self.slot())
        }
    }

    /// Whether it is cleared after the operation.
    #[inline]
    pub const fn dies(self) -> bool {
        self.0 & Self::DIES != 0
    }
}

/// A slot that is written, or that holds a reference.
pub type Reg = u16;

/// A place in [`crate::Code::ops`].
pub type Target = u32;

/// A set of results of a comparison: a jump is taken when the result is in the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Test(pub u8);

impl Test {
    /// The left side is less.
    pub const LESS: u8 = 1;
    /// Both are equal.
    pub const EQUAL: u8 = 2;
    /// The left side is greater.
    pub const GREATER: u8 = 4;
    /// At least one is not a number.
    pub const UNORDERED: u8 = 8;

    /// The test of the opposite.
    #[must_use]
    pub const fn negated(self) -> Test {
        Test(self.0 ^ 15)
    }

    /// Whether two integers pass.
    #[inline]
    pub const fn ints(self, a: i64, b: i64) -> bool {
        // 0, 1, 2 for less, equal, greater.
        let place = (a >= b) as u8 + (a > b) as u8;
        (self.0 >> place) & 1 != 0
    }

    /// Whether two floats pass.
    #[inline]
    pub fn floats(self, a: f64, b: f64) -> bool {
        self.ordering(a.partial_cmp(&b))
    }

    /// Whether a comparison's result passes; `None` is unordered.
    #[inline]
    pub fn ordering(self, ordering: Option<std::cmp::Ordering>) -> bool {
        let place = ordering.map_or(3, |ordering| ordering as i8 + 1);
        (self.0 >> place) & 1 != 0
    }
}

/// The arithmetic of floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the operation that its name says")]
pub enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Arithmetic {
    /// As the machine is told of it.
    #[inline]
    pub const fn for_machine(self) -> Operator {
        match self {
            Arithmetic::Add => Operator::Add,
            Arithmetic::Subtract => Operator::Subtract,
            Arithmetic::Multiply => Operator::Multiply,
            Arithmetic::Divide => Operator::Divide,
            Arithmetic::Remainder => Operator::Remainder,
        }
    }
}

/// An operation. `dst` is written last; a test leaves its answer in the flag.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "fields are named as the operation's operands")]
pub enum Op {
    /// The thread has ended. The first operation of every code: where bottom frames return to.
    End,
    /// A statement begins, or a loop's head is evaluated: one tick.
    Step {
        line: u32,
    },
    /// Goes on at `target`.
    Jump {
        target: Target,
    },

    /// Writes a constant.
    Constant {
        dst: Reg,
        constant: u32,
    },
    /// Writes a truth value.
    Bool {
        dst: Reg,
        value: bool,
    },
    /// Writes null.
    Null {
        dst: Reg,
    },
    /// Copies.
    Copy {
        dst: Reg,
        src: Reg,
    },
    /// Moves.
    Take {
        dst: Reg,
        src: Reg,
    },
    /// Unsets.
    Clear {
        slot: Reg,
    },

    /// Integers: both operands in slots.
    Add {
        dst: Reg,
        a: Operand,
        b: Operand,
    },
    Sub {
        dst: Reg,
        a: Operand,
        b: Operand,
    },
    Mul {
        dst: Reg,
        a: Operand,
        b: Operand,
    },
    Div {
        dst: Reg,
        a: Operand,
        b: Operand,
    },
    Rem {
        dst: Reg,
        a: Operand,
        b: Operand,
    },
    /// Integers: the right operand is part of the code.
    AddConst {
        dst: Reg,
        a: Operand,
        b: i32,
    },
    SubConst {
        dst: Reg,
        a: Operand,
        b: i32,
    },
    MulConst {
        dst: Reg,
        a: Operand,
        b: i32,
    },
    DivConst {
        dst: Reg,
        a: Operand,
        b: i32,
    },
    RemConst {
        dst: Reg,
        a: Operand,
        b: i32,
    },
    /// Negates an integer.
    Neg {
        dst: Reg,
        a: Operand,
    },
    /// Floats: both operands in slots.
    Float {
        dst: Reg,
        op: Arithmetic,
        a: Operand,
        b: Operand,
    },
    /// Floats: the right operand is part of the code.
    FloatConst {
        dst: Reg,
        op: Arithmetic,
        a: Operand,
        b: f64,
    },
    /// Negates a float.
    FloatNeg {
        dst: Reg,
        a: Operand,
    },
    /// Truncates a float.
    ToInt {
        dst: Reg,
        a: Operand,
    },
    /// Widens an integer.
    ToFloat {
        dst: Reg,
        a: Operand,
    },
    /// Draws a random integer.
    Rand {
        dst: Reg,
        from: Operand,
        to: Operand,
    },

    /// Compares integers.
    Branch {
        test: Test,
        a: Operand,
        b: Operand,
        target: Target,
    },
    BranchConst {
        test: Test,
        a: Operand,
        b: i32,
        target: Target,
    },
    /// Compares floats.
    BranchFloat {
        test: Test,
        a: Operand,
        b: Operand,
        target: Target,
    },
    BranchFloatConst {
        test: Test,
        a: Operand,
        target: Target,
        b: f64,
    },
    /// Jumps when a truth value is `when`.
    BranchBool {
        when: bool,
        a: Operand,
        target: Target,
    },
    /// Jumps when whether a reference is null is `when`.
    BranchNull {
        when: bool,
        a: Reg,
        target: Target,
    },
    /// Jumps when the flag is `when`.
    BranchFlag {
        when: bool,
        target: Target,
    },
    /// Sets the flag: is it null, is it the same, how do the texts compare.
    TestNull {
        a: Reg,
    },
    TestSame {
        a: Reg,
        b: Reg,
    },
    TestText {
        test: Test,
        a: Reg,
        b: Reg,
    },
    /// Writes the flag.
    Flag {
        dst: Reg,
    },

    /// Prepares counter `counter` (and the one after it, its end) for a loop over a range.
    CounterConst {
        counter: u16,
        value: i64,
    },
    Counter {
        counter: u16,
        a: Operand,
    },
    /// Tells the machine that the loop begins: a bound that is [`Operand::ELSEWHERE`] is a constant.
    RangeOpen {
        counter: u16,
        from: Operand,
        to: Operand,
    },
    /// ... and that it has ended.
    RangeClose,
    /// Begins the loop: writes the first value to `dst`, or goes on at `target` when there is none.
    RangeBegin {
        dst: Reg,
        counter: u16,
        target: Target,
    },
    /// The loop's head: one tick; the next value and on at `target`, or onwards.
    RangeNext {
        dst: Reg,
        counter: u16,
        line: u32,
        target: Target,
    },
    /// What goes over a container, in a temporary.
    EachBegin {
        dst: Reg,
        container: Reg,
    },
    /// A loop goes round again, at `target`.
    LoopBack {
        target: Target,
        is_tested: bool,
    },
    /// The next element of a list or array and on at `target`, or onwards.
    ListNext {
        dst: Reg,
        list: Reg,
        counter: u16,
        target: Target,
    },
    /// Prepares two counters for a loop over the keys of a map.
    MapBegin {
        map: Reg,
        counter: u16,
    },
    /// The next key and on at `target`, or onwards.
    MapNext {
        dst: Reg,
        map: Reg,
        counter: u16,
        target: Target,
    },

    /// Calls. The arguments are `n` slots from [`crate::Code::arguments`]; `result` is [`Op::NO_RESULT`] when it is dropped.
    Call {
        function: u32,
        arguments: u32,
        n: u16,
        result: Reg,
    },
    /// Starts a thread.
    Spawn {
        dst: Reg,
        n: u16,
        function: u32,
        arguments: u32,
    },
    /// Returns a value.
    Return {
        src: Reg,
    },
    /// Returns.
    ReturnNothing,

    /// Records: one of [`crate::Code::creations`].
    Create {
        dst: Reg,
        creation: u32,
    },
    Load {
        dst: Reg,
        object: Reg,
        field: u16,
    },
    Store {
        object: Reg,
        field: u16,
        src: Operand,
    },
    /// Demands that a reference is not null.
    NotNull {
        a: Reg,
    },

    /// Arrays, lists, bytes.
    Array {
        dst: Reg,
        element: Kind,
        n: Operand,
    },
    Bytes {
        dst: Reg,
        n: Operand,
    },
    List {
        dst: Reg,
        element: Kind,
    },
    Element {
        dst: Reg,
        container: Reg,
        index: Operand,
    },
    ElementConst {
        dst: Reg,
        container: Reg,
        index: i32,
    },
    SetElement {
        container: Reg,
        index: Operand,
        src: Operand,
    },
    SetElementConst {
        container: Reg,
        src: Operand,
        index: i32,
    },
    Push {
        list: Reg,
        src: Operand,
    },
    Pop {
        dst: Reg,
        list: Reg,
    },
    Len {
        dst: Reg,
        object: Reg,
    },

    /// Maps. `has` and `remove` set the flag; `has` reads the value into a temporary and clears it.
    Map {
        dst: Reg,
        key: Kind,
        value: Kind,
    },
    Get {
        dst: Reg,
        map: Reg,
        key: Reg,
        kind: Kind,
    },
    Put {
        map: Reg,
        key: Reg,
        src: Operand,
    },
    Has {
        map: Reg,
        key: Reg,
        scratch: Reg,
    },
    Remove {
        map: Reg,
        key: Reg,
    },

    /// Texts.
    Concat {
        dst: Reg,
        a: Reg,
        b: Reg,
    },
    /// The text of a number or truth value.
    ToText {
        dst: Reg,
        kind: Kind,
        a: Operand,
    },

    /// Reclaiming.
    Free {
        a: Reg,
    },
    Collect,
    Weak {
        dst: Reg,
        target: Reg,
    },
    WeakGet {
        dst: Reg,
        weak: Reg,
    },

    /// Gives up the rest of the quantum.
    Yield,
    /// Waits for a thread.
    Join {
        a: Operand,
    },

    /// Adds a value to the output, `after` behind it. Texts are [`Kind::Reference`].
    Print {
        kind: Kind,
        a: Reg,
        after: u8,
    },
    /// An `expect` did not hold.
    Fail {
        expectation: u32,
    },
}

impl Op {
    /// The result that is dropped.
    pub const NO_RESULT: Reg = Reg::MAX;

    /// Sets where a jump goes.
    pub(crate) fn set_target(&mut self, to: Target) {
        match self {
            Op::Jump { target }
            | Op::LoopBack { target, .. }
            | Op::Branch { target, .. }
            | Op::BranchConst { target, .. }
            | Op::BranchFloat { target, .. }
            | Op::BranchFloatConst { target, .. }
            | Op::BranchBool { target, .. }
            | Op::BranchNull { target, .. }
            | Op::BranchFlag { target, .. }
            | Op::RangeBegin { target, .. }
            | Op::RangeNext { target, .. }
            | Op::ListNext { target, .. }
            | Op::MapNext { target, .. } => *target = to,
            other => panic!("{other:?} goes nowhere"),
        }
    }
}

// Sixteen bytes an operation: four to a cache line.
const _: () = assert!(size_of::<Op>() == 16);
