//! From the checked tree to [`Code`].
//!
//! What a construct becomes is what the models see, so it follows rules that the language reference states:
//! operands are read where they are, results are written straight to where they belong, temporaries are used in stack
//! discipline and die with the operation that uses them, a created record is complete before anyone else sees it.

mod calls;
mod conditions;
mod expressions;
mod loops;
mod places;
mod slots;
mod statements;

use memory_trait::{Constant, Field, FunctionId, Program, RecordId, RecordShape, Slot};
use rustc_hash::FxHashMap;

use crate::ast::{Block, File, Literal};
use crate::check::Checked;
use crate::code::{Code, Entry, Expectation, Op, Reg, Target};
use crate::source::Lines;
use slots::Slots;

/// What is compiled, and with which parameters.
pub(crate) struct Input<'w> {
    pub(crate) name: &'w str,
    pub(crate) source: &'w str,
    pub(crate) file: &'w File,
    pub(crate) checked: &'w Checked,
    pub(crate) params: &'w [Literal],
}

/// Compiles a workload.
pub(crate) fn compile(input: &Input<'_>) -> Code {
    let mut compiler = Compiler::new(input);
    for (index, function) in input.file.functions.iter().enumerate() {
        compiler.compile_function(FunctionId(index as u32), &function.body);
    }
    let mut next = input.file.functions.len() as u32;
    for record in &input.file.records {
        if let Some((_, body)) = &record.finalizer {
            compiler.compile_function(FunctionId(next), body);
            next += 1;
        }
    }
    compiler.code
}

/// A place in the code that is jumped to before it is known.
#[derive(Default)]
struct Label {
    at: Option<Target>,
    waiting: Vec<usize>,
}

/// A loop that is being compiled.
struct Loop {
    /// Where `break` goes.
    exit: Label,
    /// Where `continue` goes.
    head: Label,
    /// How many blocks are around the loop's body.
    n_blocks: usize,
    /// What is there as long as the loop lasts.
    held: Held,
}

/// What a loop keeps.
#[derive(Clone, Copy)]
enum Held {
    Nothing,
    /// What goes over a range.
    Range,
    /// What goes over a container, in this temporary.
    Each(Reg),
}

/// What makes two constants the same: floats by their bits, so that 0.0 and -0.0 are two.
#[derive(PartialEq, Eq, Hash)]
enum ConstantKey {
    Int(i64),
    Float(u64),
    Text(String),
}

struct Compiler<'w> {
    input: &'w Input<'w>,
    lines: Lines,
    code: Code,
    constants: FxHashMap<ConstantKey, u32>,
    slots: Slots,
    /// The function being compiled.
    function: FunctionId,
    /// References held by the variables of each block around, innermost last.
    blocks: Vec<Vec<Reg>>,
    loops: Vec<Loop>,
    /// Counters in use, and the most there were.
    n_counters: u16,
    n_counters_max: u16,
}

impl<'w> Compiler<'w> {
    fn new(input: &'w Input<'w>) -> Self {
        let checked = input.checked;
        let records = checked.records.iter().map(|record| RecordShape {
            name: record.name.clone(),
            fields: record.fields.iter().map(|(name, ty)| Field { name: name.clone(), kind: ty.kind() }).collect(),
            finalizer: record.finalizer,
            is_weakly_referenced: false,
        });
        let mut program = Program { records: records.collect(), ..Program::default() };
        for (record, id) in program.records.iter_mut().zip(0..) {
            record.is_weakly_referenced = checked.is_weakly_referenced(RecordId(id));
        }
        let params = input.file.params.iter().zip(input.params);
        let code = Code {
            name: input.name.to_owned(),
            program,
            ops: vec![Op::End],
            entries: Vec::new(),
            arguments: Vec::new(),
            creations: Vec::new(),
            expectations: Vec::new(),
            main: checked.function("main").expect("the checker demands a main"),
            has_finalizers: checked.records.iter().any(|record| record.finalizer.is_some()),
            expected_faults: input.file.expected_faults.clone(),
            params: params.map(|(param, value)| (param.name.text.clone(), crate::params::text(value))).collect(),
        };
        Compiler {
            input,
            lines: Lines::new(input.source),
            code,
            constants: FxHashMap::default(),
            slots: Slots::default(),
            function: FunctionId(0),
            blocks: Vec::new(),
            loops: Vec::new(),
            n_counters: 0,
            n_counters_max: 0,
        }
    }

    fn compile_function(&mut self, id: FunctionId, body: &Block) {
        let info = &self.input.checked.functions[id.index()];
        self.function = id;
        self.slots = Slots::new(info);
        self.n_counters = 0;
        self.n_counters_max = 0;
        let target = self.here();
        self.function_body(body);
        // The end that cannot be reached of a function with a result is never there; a surplus return harms nobody.
        self.emit(Op::ReturnNothing);
        self.code.program.functions.push(self.slots.shape(info));
        self.code.entries.push(Entry { target, n_counters: self.n_counters_max });
    }

    fn here(&self) -> Target {
        self.code.ops.len() as Target
    }

    fn emit(&mut self, op: Op) {
        self.code.ops.push(op);
    }

    /// Emits a jump to a label.
    fn jump(&mut self, mut op: Op, label: &mut Label) {
        match label.at {
            Some(at) => op.set_target(at),
            None => label.waiting.push(self.code.ops.len()),
        }
        self.emit(op);
    }

    /// The label is here.
    fn place(&mut self, label: &mut Label) {
        let here = self.here();
        label.at = Some(here);
        for waiting in label.waiting.drain(..) {
            self.code.ops[waiting].set_target(here);
        }
    }

    /// The number of a constant; equal ones share it.
    fn constant(&mut self, constant: Constant) -> u32 {
        let key = match &constant {
            Constant::Int(value) => ConstantKey::Int(*value),
            Constant::Float(value) => ConstantKey::Float(value.to_bits()),
            Constant::Text(text) => ConstantKey::Text(text.clone()),
        };
        *self.constants.entry(key).or_insert_with(|| self.code.program.constant(constant).0)
    }

    fn arguments(&mut self, slots: &[Reg]) -> u32 {
        let start = self.code.arguments.len() as u32;
        self.code.arguments.extend(slots.iter().map(|&slot| Slot(u32::from(slot))));
        start
    }

    fn expectation(&mut self, expectation: Expectation) -> u32 {
        self.code.expectations.push(expectation);
        self.code.expectations.len() as u32 - 1
    }
}
