//! The [`Machine`] that all of it adds up to.

use memory_trait::{
    ConstantId, FaultLog, FieldIndex, FunctionId, Kind, Machine, Moment, Observer, Outcome, Program, RecordId, Slot,
    ThreadId, Usage,
};

use super::object::Shape;
use super::{C, Value};
use crate::process_heap::ProcessHeap;

impl<O: Observer, A: ProcessHeap> Machine for C<O, A> {
    fn name(&self) -> &'static str {
        "c"
    }

    fn load_program(&mut self, program: &Program) -> Outcome<()> {
        self.lay_out(program);
        Ok(())
    }

    #[inline]
    fn set_moment(&mut self, now: Moment) {
        self.journal.now = now;
    }

    fn call(&mut self, function: FunctionId, arguments: &[Slot], result: Option<Slot>) -> Outcome<()> {
        self.enter(function, arguments, result)
    }

    fn ret(&mut self, value: Option<Slot>) -> Outcome<()> {
        self.leave(value)
    }

    #[inline]
    fn set_int(&mut self, dst: Slot, value: i64) -> Outcome<()> {
        self.write_slot(dst, value as u64);
        Ok(())
    }

    #[inline]
    fn set_float(&mut self, dst: Slot, value: f64) -> Outcome<()> {
        self.write_slot(dst, value.to_bits());
        Ok(())
    }

    #[inline]
    fn set_bool(&mut self, dst: Slot, value: bool) -> Outcome<()> {
        self.write_slot(dst, u64::from(value));
        Ok(())
    }

    #[inline]
    fn set_null(&mut self, dst: Slot) -> Outcome<()> {
        self.write_reference(dst, Value::default());
        Ok(())
    }

    #[inline]
    fn set_constant(&mut self, dst: Slot, constant: ConstantId) -> Outcome<()> {
        self.write_value(dst, self.constants[constant.index()]);
        Ok(())
    }

    #[inline]
    fn copy(&mut self, dst: Slot, src: Slot) -> Outcome<()> {
        let value = self.read_slot(src);
        self.write_value(dst, value);
        Ok(())
    }

    #[inline]
    fn take(&mut self, dst: Slot, src: Slot) -> Outcome<()> {
        let value = self.read_slot(src);
        self.write_value(dst, value);
        self.clear_slot(src);
        Ok(())
    }

    #[inline]
    fn clear(&mut self, slot: Slot) -> Outcome<()> {
        self.clear_slot(slot);
        Ok(())
    }

    #[inline]
    fn int(&mut self, src: Slot) -> Outcome<i64> {
        Ok(self.read_slot(src).bits as i64)
    }

    #[inline]
    fn float(&mut self, src: Slot) -> Outcome<f64> {
        Ok(f64::from_bits(self.read_slot(src).bits))
    }

    #[inline]
    fn bool(&mut self, src: Slot) -> Outcome<bool> {
        Ok(self.read_slot(src).bits != 0)
    }

    #[inline]
    fn is_null(&mut self, src: Slot) -> Outcome<bool> {
        Ok(self.read_slot(src).bits == 0)
    }

    #[inline]
    fn same(&mut self, a: Slot, b: Slot) -> Outcome<bool> {
        Ok(self.read_slot(a).bits == self.read_slot(b).bits)
    }

    fn new_record(&mut self, dst: Slot, record: RecordId) -> Outcome<()> {
        self.make_record(dst, record)
    }

    fn new_local(&mut self, slot: Slot) -> Outcome<()> {
        self.make_local(slot);
        Ok(())
    }

    #[inline]
    fn load(&mut self, dst: Slot, object: Slot, field: FieldIndex) -> Outcome<()> {
        self.load_field(dst, object, field)
    }

    #[inline]
    fn store(&mut self, object: Slot, field: FieldIndex, src: Slot) -> Outcome<()> {
        self.store_field(object, field, src)
    }

    fn new_array(&mut self, dst: Slot, element: Kind, n_elements: i64) -> Outcome<()> {
        self.make_array(dst, Shape::Array(element), n_elements)
    }

    fn new_bytes(&mut self, dst: Slot, n_bytes: i64) -> Outcome<()> {
        self.make_array(dst, Shape::Bytes, n_bytes)
    }

    fn new_list(&mut self, dst: Slot, element: Kind) -> Outcome<()> {
        self.make_list(dst, element)
    }

    #[inline]
    fn element(&mut self, dst: Slot, container: Slot, index: i64) -> Outcome<()> {
        self.load_element(dst, container, index)
    }

    #[inline]
    fn set_element(&mut self, container: Slot, index: i64, src: Slot) -> Outcome<()> {
        self.store_element(container, index, src)
    }

    fn push(&mut self, list: Slot, src: Slot) -> Outcome<()> {
        self.append(list, src)
    }

    fn pop(&mut self, dst: Slot, list: Slot) -> Outcome<()> {
        self.take_last(dst, list)
    }

    fn len(&mut self, object: Slot) -> Outcome<i64> {
        self.count(object)
    }

    fn new_map(&mut self, dst: Slot, key: Kind, value: Kind) -> Outcome<()> {
        self.make_map(dst, key, value)
    }

    fn get(&mut self, dst: Slot, map: Slot, key: Slot) -> Outcome<bool> {
        self.look_in(dst, map, key)
    }

    fn put(&mut self, map: Slot, key: Slot, value: Slot) -> Outcome<()> {
        self.enter_in(map, key, value)
    }

    fn remove(&mut self, map: Slot, key: Slot) -> Outcome<bool> {
        self.strike_out(map, key)
    }

    fn next_key(&mut self, dst: Slot, map: Slot, position: i64) -> Outcome<Option<i64>> {
        self.key_after(dst, map, position)
    }

    fn new_text(&mut self, dst: Slot, text: &str) -> Outcome<()> {
        self.make_text(dst, text.as_bytes())
    }

    fn concat(&mut self, dst: Slot, a: Slot, b: Slot) -> Outcome<()> {
        self.join(dst, a, b)
    }

    fn read_text(&mut self, src: Slot, into: &mut String) -> Outcome<()> {
        self.copy_out(src, into)
    }

    fn free(&mut self, slot: Slot) -> Outcome<()> {
        self.free_slot(slot)
    }

    fn collect(&mut self) -> Outcome<()> {
        Ok(())
    }

    fn new_weak(&mut self, dst: Slot, target: Slot) -> Outcome<()> {
        self.make_weak(dst, target)
    }

    fn weak_get(&mut self, dst: Slot, weak: Slot) -> Outcome<()> {
        self.read_weak(dst, weak)
    }

    fn begin_finalizer(&mut self) -> Outcome<Option<FunctionId>> {
        self.call_finalizer()
    }

    fn start_thread(&mut self, function: FunctionId, arguments: &[Slot]) -> Outcome<ThreadId> {
        self.spawn(function, arguments)
    }

    fn switch_thread(&mut self, thread: ThreadId) -> Outcome<()> {
        self.switch_to(thread);
        Ok(())
    }

    fn finish(&mut self) {
        self.exit();
    }

    fn usage(&self) -> Usage {
        self.account()
    }

    fn faults(&self) -> &FaultLog {
        self.journal.faults()
    }
}
