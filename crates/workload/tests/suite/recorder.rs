//! A machine that writes down what it is asked, and that finalizes at every `free`; the rest is [`Bare`]'s.

use memory_trait::{
    ConstantId, FaultLog, FieldIndex, FunctionId, Kind, Machine, Moment, Outcome, Program, RecordId, Slot, ThreadId,
    Usage,
};
use workload::Bare;

#[derive(Default)]
pub(crate) struct Recorder {
    inner: Bare,
    program: Program,
    functions: Vec<FunctionId>,
    /// What was asked, one operation a line; reads of numbers and questions are left out.
    pub(crate) log: Vec<String>,
    /// Every moment that was set.
    pub(crate) moments: Vec<Moment>,
    /// The slot that was freed, until its finalizer begins.
    freed: Option<Slot>,
}

impl Recorder {
    fn name(&self, slot: Slot) -> String {
        let function = *self.functions.last().expect("a frame");
        let shape = self.program.function_shape(function);
        if let Some(name) = &shape.slots[slot.index()].name {
            return name.clone();
        }
        let n_named = shape.slots.iter().filter(|slot| slot.name.is_some()).count();
        format!("%{}", slot.index() - n_named)
    }

    fn note(&mut self, operation: &str, slots: &[Slot], rest: &str) {
        let mut line = operation.to_owned();
        for &slot in slots {
            line.push(' ');
            line.push_str(&self.name(slot));
        }
        if !rest.is_empty() {
            line.push(' ');
            line.push_str(rest);
        }
        self.log.push(line);
    }
}

impl Machine for Recorder {
    fn name(&self) -> &'static str {
        "recorder"
    }
    fn load_program(&mut self, program: &Program) -> Outcome<()> {
        self.program = program.clone();
        self.inner.load_program(program)
    }
    fn set_moment(&mut self, now: Moment) {
        self.moments.push(now);
        self.inner.set_moment(now);
    }
    fn call(&mut self, function: FunctionId, arguments: &[Slot], result: Option<Slot>) -> Outcome<()> {
        let name = self.program.function_shape(function).name.clone();
        let result_name = result.map_or(String::new(), |slot| format!("-> {}", self.name(slot)));
        if self.functions.is_empty() {
            self.log.push(format!("call {name}"));
        } else {
            self.note(&format!("call {name}"), arguments, &result_name);
        }
        self.functions.push(function);
        self.inner.call(function, arguments, result)
    }
    fn ret(&mut self, value: Option<Slot>) -> Outcome<()> {
        self.note("ret", value.as_slice(), "");
        self.functions.pop();
        self.inner.ret(value)
    }
    fn set_int(&mut self, dst: Slot, value: i64) -> Outcome<()> {
        self.note("set_int", &[dst], &value.to_string());
        self.inner.set_int(dst, value)
    }
    fn set_float(&mut self, dst: Slot, value: f64) -> Outcome<()> {
        self.note("set_float", &[dst], &value.to_string());
        self.inner.set_float(dst, value)
    }
    fn set_bool(&mut self, dst: Slot, value: bool) -> Outcome<()> {
        self.note("set_bool", &[dst], &value.to_string());
        self.inner.set_bool(dst, value)
    }
    fn set_null(&mut self, dst: Slot) -> Outcome<()> {
        self.note("set_null", &[dst], "");
        self.inner.set_null(dst)
    }
    fn set_constant(&mut self, dst: Slot, constant: ConstantId) -> Outcome<()> {
        let text = format!("{:?}", self.program.constants[constant.index()]);
        self.note("set_constant", &[dst], &text);
        self.inner.set_constant(dst, constant)
    }
    fn copy(&mut self, dst: Slot, src: Slot) -> Outcome<()> {
        self.note("copy", &[dst, src], "");
        self.inner.copy(dst, src)
    }
    fn take(&mut self, dst: Slot, src: Slot) -> Outcome<()> {
        self.note("take", &[dst, src], "");
        self.inner.take(dst, src)
    }
    fn clear(&mut self, slot: Slot) -> Outcome<()> {
        self.note("clear", &[slot], "");
        self.inner.clear(slot)
    }
    fn int(&mut self, src: Slot) -> Outcome<i64> {
        self.inner.int(src)
    }
    fn float(&mut self, src: Slot) -> Outcome<f64> {
        self.inner.float(src)
    }
    fn bool(&mut self, src: Slot) -> Outcome<bool> {
        self.inner.bool(src)
    }
    fn is_null(&mut self, src: Slot) -> Outcome<bool> {
        self.inner.is_null(src)
    }
    fn same(&mut self, a: Slot, b: Slot) -> Outcome<bool> {
        self.inner.same(a, b)
    }
    fn new_record(&mut self, dst: Slot, record: RecordId) -> Outcome<()> {
        let name = self.program.record_shape(record).name.clone();
        self.note("new_record", &[dst], &name);
        self.inner.new_record(dst, record)
    }
    fn new_local(&mut self, slot: Slot) -> Outcome<()> {
        self.note("new_local", &[slot], "");
        self.inner.new_local(slot)
    }
    fn load(&mut self, dst: Slot, object: Slot, field: FieldIndex) -> Outcome<()> {
        self.note("load", &[dst, object], &format!(".{}", field.0));
        self.inner.load(dst, object, field)
    }
    fn store(&mut self, object: Slot, field: FieldIndex, src: Slot) -> Outcome<()> {
        self.note(&format!("store .{}", field.0), &[object, src], "");
        self.inner.store(object, field, src)
    }
    fn new_array(&mut self, dst: Slot, element: Kind, n_elements: i64) -> Outcome<()> {
        self.note("new_array", &[dst], &n_elements.to_string());
        self.inner.new_array(dst, element, n_elements)
    }
    fn new_bytes(&mut self, dst: Slot, n_bytes: i64) -> Outcome<()> {
        self.note("new_bytes", &[dst], &n_bytes.to_string());
        self.inner.new_bytes(dst, n_bytes)
    }
    fn new_list(&mut self, dst: Slot, element: Kind) -> Outcome<()> {
        self.note("new_list", &[dst], "");
        self.inner.new_list(dst, element)
    }
    fn element(&mut self, dst: Slot, container: Slot, index: i64) -> Outcome<()> {
        self.note("element", &[dst, container], &index.to_string());
        self.inner.element(dst, container, index)
    }
    fn set_element(&mut self, container: Slot, index: i64, src: Slot) -> Outcome<()> {
        self.note(&format!("set_element [{index}]"), &[container, src], "");
        self.inner.set_element(container, index, src)
    }
    fn push(&mut self, list: Slot, src: Slot) -> Outcome<()> {
        self.note("push", &[list, src], "");
        self.inner.push(list, src)
    }
    fn pop(&mut self, dst: Slot, list: Slot) -> Outcome<()> {
        self.note("pop", &[dst, list], "");
        self.inner.pop(dst, list)
    }
    fn len(&mut self, object: Slot) -> Outcome<i64> {
        self.inner.len(object)
    }
    fn new_map(&mut self, dst: Slot, key: Kind, value: Kind) -> Outcome<()> {
        self.note("new_map", &[dst], "");
        self.inner.new_map(dst, key, value)
    }
    fn get(&mut self, dst: Slot, map: Slot, key: Slot) -> Outcome<bool> {
        self.note("get", &[dst, map, key], "");
        self.inner.get(dst, map, key)
    }
    fn put(&mut self, map: Slot, key: Slot, value: Slot) -> Outcome<()> {
        self.note("put", &[map, key, value], "");
        self.inner.put(map, key, value)
    }
    fn remove(&mut self, map: Slot, key: Slot) -> Outcome<bool> {
        self.note("remove", &[map, key], "");
        self.inner.remove(map, key)
    }
    fn next_key(&mut self, dst: Slot, map: Slot, position: i64) -> Outcome<Option<i64>> {
        self.note("next_key", &[dst, map], "");
        self.inner.next_key(dst, map, position)
    }
    fn new_text(&mut self, dst: Slot, text: &str) -> Outcome<()> {
        self.note("new_text", &[dst], text);
        self.inner.new_text(dst, text)
    }
    fn concat(&mut self, dst: Slot, a: Slot, b: Slot) -> Outcome<()> {
        self.note("concat", &[dst, a, b], "");
        self.inner.concat(dst, a, b)
    }
    fn read_text(&mut self, src: Slot, into: &mut String) -> Outcome<()> {
        self.inner.read_text(src, into)
    }
    fn free(&mut self, slot: Slot) -> Outcome<()> {
        self.note("free", &[slot], "");
        self.freed = Some(slot);
        Ok(())
    }
    fn collect(&mut self) -> Outcome<()> {
        self.log.push("collect".to_owned());
        Ok(())
    }
    fn new_weak(&mut self, dst: Slot, target: Slot) -> Outcome<()> {
        self.note("new_weak", &[dst, target], "");
        self.inner.new_weak(dst, target)
    }
    fn weak_get(&mut self, dst: Slot, weak: Slot) -> Outcome<()> {
        self.note("weak_get", &[dst, weak], "");
        self.inner.weak_get(dst, weak)
    }
    fn begin_finalizer(&mut self) -> Outcome<Option<FunctionId>> {
        let Some(slot) = self.freed.take() else { return Ok(None) };
        let finalizer = self.program.records.iter().find_map(|record| record.finalizer);
        let finalizer = finalizer.expect("only programs with finalizers are asked");
        self.call(finalizer, &[slot], None)?;
        Ok(Some(finalizer))
    }
    fn start_thread(&mut self, function: FunctionId, arguments: &[Slot]) -> Outcome<ThreadId> {
        self.inner.start_thread(function, arguments)
    }
    fn switch_thread(&mut self, thread: ThreadId) -> Outcome<()> {
        self.inner.switch_thread(thread)
    }
    fn finish(&mut self) {
        self.log.push("finish".to_owned());
    }
    fn usage(&self) -> Usage {
        self.inner.usage()
    }
    fn faults(&self) -> &FaultLog {
        self.inner.faults()
    }
}
