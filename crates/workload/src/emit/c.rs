//! C11 for gcc on Linux: `cc NAME.c -lm -pthread`.
//!
//! What C leaves open the language fixes: operands are evaluated from left to right. Where two of them would notice, the
//! first is put into a variable of its own beforehand; everywhere else expressions stand as a programmer would write
//! them. The containers are those of the C model, call of `malloc` for call of `malloc`, so that the heap of what is
//! emitted can be held against the model's.

mod effects;
mod expressions;
mod names;
mod statements;
mod support;
mod types;

use std::collections::BTreeSet;

use memory_trait::{FunctionId, RecordId};

use super::Emission;
use super::writer::Writer;
use crate::ast::Literal;
use crate::check::{Checked, FunctionInfo};

use effects::Assigned;
use names::Names;
use support::Support;

/// Emits a workload.
pub(super) fn emit(emission: &Emission<'_>) -> String {
    let workload = emission.workload;
    let mut emitter = Emitter {
        emission,
        checked: workload.checked(),
        names: Names::new(workload),
        support: Support::default(),
        out: Writer::default(),
        function: 0,
        assigned: Assigned::default(),
        n_temporaries: 0,
        spawned: BTreeSet::new(),
    };
    // What the functions need is known once they are written.
    let functions = emitter.functions();
    emitter.file(&functions)
}

struct Emitter<'e> {
    emission: &'e Emission<'e>,
    checked: &'e Checked,
    names: Names,
    support: Support,
    out: Writer,
    /// The function being written, by its place in [`Checked::functions`].
    function: usize,
    /// Its variables that do not keep their first value.
    assigned: Assigned,
    n_temporaries: u32,
    /// The functions that are started as threads.
    spawned: BTreeSet<FunctionId>,
}

impl<'e> Emitter<'e> {
    fn info(&self) -> &'e FunctionInfo {
        &self.checked.functions[self.function]
    }

    fn functions(&mut self) -> String {
        let file = self.emission.workload.file();
        let bodies = file.functions.iter().map(|function| &function.body);
        let finalizers = file.records.iter().filter_map(|record| Some(&record.finalizer.as_ref()?.1));
        for (index, body) in bodies.chain(finalizers).enumerate() {
            self.function = index;
            self.assigned = Assigned::of(body, self.checked);
            self.n_temporaries = 0;
            let info = self.info();
            self.out.gap();
            if self.is_main() {
                self.out.open("int main(void) {");
                self.out.line("setvbuf(stdout, output, _IOLBF, sizeof output);");
                if self.names.has_threads {
                    self.out.line("wait_turn(draw_ticket());");
                }
            } else {
                let signature = self.signature(info);
                self.out.open(format!("{signature} {{"));
            }
            self.statements(&body.statements);
            if self.is_main() && self.names.has_threads {
                self.out.line("join_all();");
            }
            self.out.close("}");
            if let Some(record) = info.finalizes {
                self.destructor(record);
            }
        }
        std::mem::take(&mut self.out).finish()
    }

    fn is_main(&self) -> bool {
        self.info().name == "main"
    }

    /// What `free` is for a record with a finalizer.
    fn destructor(&mut self, record: RecordId) {
        let name = self.names.record(record).to_owned();
        self.out.gap();
        self.out.open(format!("static void {name}_free({name} *object) {{"));
        self.out.open("if (object != NULL) {");
        self.out.line(format!("{name}_finalize(object);"));
        if self.names.weak_targets.contains(&record) {
            self.support.need("weak_forget");
            self.out.line("weak_forget(object);");
        }
        self.out.close("}");
        self.out.line("free(object);");
        self.out.close("}");
    }

    /// `static int64_t sum(Node *list)`
    fn signature(&self, info: &FunctionInfo) -> String {
        let index = self.checked.functions.iter().position(|known| std::ptr::eq(known, info)).expect("one of them");
        let parameters: Vec<String> = (0..info.n_parameters)
            .map(|local| self.declaration(&info.locals[local].ty, self.names.local(index, local)))
            .collect();
        let parameters = if parameters.is_empty() { "void".to_owned() } else { parameters.join(", ") };
        let name = format!("{}({parameters})", self.names.function(index));
        format!("static {}", self.declaration(&info.result, &name))
    }

    /// The whole source, around the functions.
    fn file(&mut self, functions: &str) -> String {
        let workload = self.emission.workload;
        if self.names.has_threads {
            self.support.need("threads");
        }
        self.support.need("output");
        let comment = workload.head_comment();
        for line in comment.lines() {
            self.out.line(format!("// {line}").trim_end());
        }
        if !comment.is_empty() {
            self.out.gap();
        }
        for header in self.support.includes() {
            self.out.line(format!("#include <{header}>"));
        }
        self.types();
        self.constants();
        for piece in self.support.texts(self.emission.seed) {
            self.out.gap();
            self.out.lines(&piece);
        }
        self.container_functions();
        self.out.gap();
        for info in self.checked.functions.iter().filter(|info| info.name != "main") {
            let signature = self.signature(info);
            self.out.line(format!("{signature};"));
            if let Some(record) = info.finalizes {
                let name = self.names.record(record);
                self.out.line(format!("static void {name}_free({name} *object);"));
            }
        }
        for function in std::mem::take(&mut self.spawned) {
            self.thread_body(function);
        }
        let mut source = std::mem::take(&mut self.out).finish();
        source.push_str(functions);
        source
    }

    /// The workload's parameters.
    fn constants(&mut self) {
        for (index, (param, value)) in
            self.emission.workload.file().params.iter().zip(&self.emission.params).enumerate()
        {
            if index == 0 {
                self.out.gap();
            }
            let ty = crate::check::literal_type(&param.value);
            let name = self.declaration(&ty, self.names.param(index));
            // Of a text the pointer is constant.
            let constant = match value {
                Literal::Text(_) => name.replacen('*', "*const ", 1),
                _ => format!("const {name}"),
            };
            self.out.line(format!("static {constant} = {};", Self::literal(value)));
        }
    }
}
