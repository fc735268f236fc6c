//! The operations, in the order of the trait.

use memory_trait::{
    Constant, ConstantId, Event, FaultKind, FaultLog, FieldIndex, FunctionId, Kind, Label, Machine, Moment, Observer,
    Outcome, Program, Reclaimer, RecordId, Slot, Storage, ThreadId, Usage,
};

use super::machine::{Reclaim, Smallest};
use super::store::{Body, Frame, HEADER_BYTES, Object, Value};

impl<R: Reclaim<O>, O: Observer> Machine for Smallest<R, O> {
    fn name(&self) -> &'static str {
        R::NAME
    }

    fn load_program(&mut self, program: &Program) -> Outcome<()> {
        self.program = program.clone();
        Ok(())
    }

    fn set_moment(&mut self, now: Moment) {
        assert_eq!(now.thread, self.current, "the moment is of the thread last switched to");
        self.journal.now = now;
    }

    fn call(&mut self, function: FunctionId, arguments: &[Slot], result: Option<Slot>) -> Outcome<()> {
        let values = self.arguments(arguments)?;
        self.enter(Frame { result, ..Frame::new(&self.program, function) }, values);
        Ok(())
    }

    fn ret(&mut self, value: Option<Slot>) -> Outcome<()> {
        let value = value.map(|slot| self.read(slot)).transpose()?.unwrap_or(Value::Unset);
        self.gain(value);
        let n_slots = self.frame().slots.len();
        let automatic: Vec<Value> = (0..n_slots).map(|slot| self.automatic(Slot(slot as u32))).collect();
        for slot in 0..n_slots {
            self.write(Slot(slot as u32), Value::Unset);
        }
        for value in automatic {
            self.leave_scope(value);
        }
        let frame = self.threads[self.current.index()].pop().expect("there is a frame to return from");
        let stack_bytes = self.stack_bytes();
        self.journal.tell(|| Event::Returned { stack_bytes });
        if let Some(result) = frame.result {
            self.write(result, value);
        }
        self.lose(value);
        if let Some(key) = frame.finalizes {
            self.n_finalizing -= 1;
            R::finalized(self, key);
        } else if self.threads[self.current.index()].is_empty() {
            self.journal.tell(|| Event::ThreadEnded);
        }
        Ok(())
    }

    fn set_int(&mut self, dst: Slot, value: i64) -> Outcome<()> {
        self.write(dst, Value::Int(value));
        Ok(())
    }

    fn set_float(&mut self, dst: Slot, value: f64) -> Outcome<()> {
        self.write(dst, Value::Float(value));
        Ok(())
    }

    fn set_bool(&mut self, dst: Slot, value: bool) -> Outcome<()> {
        self.write(dst, Value::Bool(value));
        Ok(())
    }

    fn set_null(&mut self, dst: Slot) -> Outcome<()> {
        self.write(dst, Value::Null);
        Ok(())
    }

    fn set_constant(&mut self, dst: Slot, constant: ConstantId) -> Outcome<()> {
        let value = match &self.program.constants[constant.index()] {
            Constant::Int(int) => Value::Int(*int),
            Constant::Float(float) => Value::Float(*float),
            Constant::Text(_) => Value::Constant(constant),
        };
        self.write(dst, value);
        Ok(())
    }

    fn copy(&mut self, dst: Slot, src: Slot) -> Outcome<()> {
        let value = self.read(src)?;
        self.write(dst, value);
        Ok(())
    }

    fn take(&mut self, dst: Slot, src: Slot) -> Outcome<()> {
        self.copy(dst, src)?;
        self.clear(src)
    }

    fn clear(&mut self, slot: Slot) -> Outcome<()> {
        let automatic = self.automatic(slot);
        self.write(slot, Value::Unset);
        self.leave_scope(automatic);
        Ok(())
    }

    fn int(&mut self, src: Slot) -> Outcome<i64> {
        match self.read(src)? {
            Value::Int(int) => Ok(int),
            value => panic!("slot {} holds {value:?}, not an integer", src.0),
        }
    }

    fn float(&mut self, src: Slot) -> Outcome<f64> {
        match self.read(src)? {
            Value::Float(float) => Ok(float),
            value => panic!("slot {} holds {value:?}, not a float", src.0),
        }
    }

    fn bool(&mut self, src: Slot) -> Outcome<bool> {
        match self.read(src)? {
            Value::Bool(bool) => Ok(bool),
            value => panic!("slot {} holds {value:?}, not a truth value", src.0),
        }
    }

    fn is_null(&mut self, src: Slot) -> Outcome<bool> {
        Ok(self.read(src)? == Value::Null)
    }

    fn same(&mut self, a: Slot, b: Slot) -> Outcome<bool> {
        Ok(self.read(a)? == self.read(b)?)
    }

    fn new_record(&mut self, dst: Slot, record: RecordId) -> Outcome<()> {
        self.create(dst, Label::Record(record), Kind::Reference, self.fields(record), Storage::Heap);
        Ok(())
    }

    fn new_local(&mut self, slot: Slot) -> Outcome<()> {
        let function = self.frame().function;
        let record = self.program.slot_shape(function, slot).automatic.expect("new_local is of an automatic slot");
        let storage = if R::CHECKS { Storage::Heap } else { Storage::Automatic };
        self.clear(slot)?;
        self.create(slot, Label::Record(record), Kind::Reference, self.fields(record), storage);
        Ok(())
    }

    fn load(&mut self, dst: Slot, object: Slot, field: FieldIndex) -> Outcome<()> {
        let key = self.target(object)?;
        let Label::Record(record) = self.object(key).naming.label else { panic!("only records have fields") };
        self.read_cell(dst, key, field.index(), self.program.field_kind(record, field))
    }

    fn store(&mut self, object: Slot, field: FieldIndex, src: Slot) -> Outcome<()> {
        let key = self.target(object)?;
        let value = self.read(src)?;
        self.write_cell(key, field.index(), value);
        Ok(())
    }

    fn new_array(&mut self, dst: Slot, element: Kind, n_elements: i64) -> Outcome<()> {
        let Ok(n_elements) = usize::try_from(n_elements) else {
            return Err(self.journal.fatal(FaultKind::InvalidValue, None, "negative length"));
        };
        self.create(dst, Label::Array, element, Body::Cells(vec![Value::zero(element); n_elements]), Storage::Heap);
        Ok(())
    }

    fn new_bytes(&mut self, dst: Slot, n_bytes: i64) -> Outcome<()> {
        let Ok(n_bytes) = u64::try_from(n_bytes) else {
            return Err(self.journal.fatal(FaultKind::InvalidValue, None, "negative length"));
        };
        self.create(dst, Label::Bytes, Kind::Int, Body::Bytes(n_bytes), Storage::Heap);
        Ok(())
    }

    fn new_list(&mut self, dst: Slot, element: Kind) -> Outcome<()> {
        self.create(dst, Label::List, element, Body::Cells(Vec::new()), Storage::Heap);
        Ok(())
    }

    fn element(&mut self, dst: Slot, container: Slot, index: i64) -> Outcome<()> {
        let key = self.target(container)?;
        let kind = self.object(key).element;
        let n_cells = match &self.object(key).body {
            Body::Cells(cells) => cells.len(),
            Body::Bytes(n_bytes) => *n_bytes as usize,
            body => panic!("{body:?} has no elements"),
        };
        match self.cell(key, index, n_cells)? {
            Some(cell) if matches!(self.object(key).body, Body::Cells(_)) => self.read_cell(dst, key, cell, kind),
            _ => {
                self.write(dst, Value::zero(kind));
                Ok(())
            }
        }
    }

    fn set_element(&mut self, container: Slot, index: i64, src: Slot) -> Outcome<()> {
        let key = self.target(container)?;
        let value = self.read(src)?;
        let n_cells = self.object_mut(key).cells().len();
        if let Some(cell) = self.cell(key, index, n_cells)? {
            self.write_cell(key, cell, value);
        }
        Ok(())
    }

    fn push(&mut self, list: Slot, src: Slot) -> Outcome<()> {
        let key = self.target(list)?;
        let value = self.read(src)?;
        let old_bytes = self.object(key).total_bytes();
        let cells = self.object_mut(key).cells();
        cells.push(Value::Unset);
        let end = cells.len() - 1;
        self.resized(key, old_bytes);
        self.write_cell(key, end, value);
        Ok(())
    }

    fn pop(&mut self, dst: Slot, list: Slot) -> Outcome<()> {
        let key = self.target(list)?;
        let old_bytes = self.object(key).total_bytes();
        let cells = self.object_mut(key).cells();
        let Some(&value) = cells.last() else {
            let name = self.name_of(key);
            return Err(self.journal.fatal(FaultKind::Missing, Some(name), "pop from an empty list"));
        };
        let end = cells.len() - 1;
        self.write(dst, value);
        self.write_cell(key, end, Value::Unset);
        self.object_mut(key).cells().pop();
        self.resized(key, old_bytes);
        Ok(())
    }

    fn len(&mut self, object: Slot) -> Outcome<i64> {
        if let Value::Constant(constant) = self.read(object)? {
            return Ok(self.constant_text(constant).chars().count() as i64);
        }
        let key = self.target(object)?;
        let object = self.object(key);
        Ok(match (&object.body, object.naming.label) {
            (Body::Cells(cells), Label::Map) => {
                cells.iter().step_by(2).filter(|&&cell| cell != Value::Unset).count() as i64
            }
            (Body::Cells(cells), _) => cells.len() as i64,
            (Body::Bytes(n_bytes), _) => *n_bytes as i64,
            (Body::Text(text), _) => text.chars().count() as i64,
            (Body::Weak(_), _) => panic!("a weak reference has no length"),
        })
    }

    fn new_map(&mut self, dst: Slot, _key: Kind, value: Kind) -> Outcome<()> {
        self.create(dst, Label::Map, value, Body::Cells(Vec::new()), Storage::Heap);
        Ok(())
    }

    fn get(&mut self, dst: Slot, map: Slot, key: Slot) -> Outcome<bool> {
        let map = self.target(map)?;
        let Some(cell) = self.find(map, key)? else { return Ok(false) };
        let kind = self.object(map).element;
        self.read_cell(dst, map, cell + 1, kind)?;
        Ok(true)
    }

    fn put(&mut self, map: Slot, key: Slot, value: Slot) -> Outcome<()> {
        let map = self.target(map)?;
        let known = self.find(map, key)?;
        let (key, value) = (self.read(key)?, self.read(value)?);
        let cell = known.unwrap_or_else(|| self.object_mut(map).cells().len());
        if known.is_none() {
            let old_bytes = self.object(map).total_bytes();
            self.object_mut(map).cells().extend([Value::Unset; 2]);
            self.resized(map, old_bytes);
            self.write_cell(map, cell, key);
        }
        self.write_cell(map, cell + 1, value);
        Ok(())
    }

    fn remove(&mut self, map: Slot, key: Slot) -> Outcome<bool> {
        let map = self.target(map)?;
        let Some(cell) = self.find(map, key)? else { return Ok(false) };
        self.write_cell(map, cell, Value::Unset);
        self.write_cell(map, cell + 1, Value::Unset);
        Ok(true)
    }

    fn next_key(&mut self, dst: Slot, map: Slot, position: i64) -> Outcome<Option<i64>> {
        let map = self.target(map)?;
        let cells = self.object_mut(map).cells();
        let is_there = |&cell: &usize| cells[cell] != Value::Unset;
        let Some(cell) = (position as usize..cells.len()).step_by(2).find(is_there) else { return Ok(None) };
        let key = cells[cell];
        self.write(dst, key);
        Ok(Some(cell as i64 + 2))
    }

    fn new_text(&mut self, dst: Slot, text: &str) -> Outcome<()> {
        self.create(dst, Label::Text, Kind::Int, Body::Text(text.to_owned()), Storage::Heap);
        Ok(())
    }

    fn concat(&mut self, dst: Slot, a: Slot, b: Slot) -> Outcome<()> {
        let text = self.text(a)? + &self.text(b)?;
        self.new_text(dst, &text)
    }

    fn read_text(&mut self, src: Slot, into: &mut String) -> Outcome<()> {
        *into = self.text(src)?;
        Ok(())
    }

    fn free(&mut self, slot: Slot) -> Outcome<()> {
        match self.read(slot)? {
            Value::Object(key) => R::free(self, key),
            Value::Null => Ok(()),
            _ => self.unless_checked(FaultKind::InvalidFree, None),
        }
    }

    fn collect(&mut self) -> Outcome<()> {
        R::collect(self);
        Ok(())
    }

    fn new_weak(&mut self, dst: Slot, target: Slot) -> Outcome<()> {
        let key = self.target(target)?;
        self.create(dst, Label::Weak, Kind::Reference, Body::Weak(key), Storage::Heap);
        Ok(())
    }

    fn weak_get(&mut self, dst: Slot, weak: Slot) -> Outcome<()> {
        let weak = self.target(weak)?;
        let Body::Weak(target) = self.object(weak).body else { panic!("not a weak reference") };
        self.write(dst, if self.objects.contains_key(target) { Value::Object(target) } else { Value::Null });
        Ok(())
    }

    fn begin_finalizer(&mut self) -> Outcome<Option<FunctionId>> {
        let Some(key) = self.due.pop_front() else { return Ok(None) };
        let function = self.objects[key].finalizer.take().expect("only objects with finalizers are due");
        self.n_finalizing += 1;
        self.gain(Value::Object(key));
        let frame = Frame { finalizes: Some(key), ..Frame::new(&self.program, function) };
        self.enter(frame, vec![Value::Object(key)]);
        Ok(Some(function))
    }

    fn start_thread(&mut self, function: FunctionId, arguments: &[Slot]) -> Outcome<ThreadId> {
        let values = self.arguments(arguments)?;
        let (starter, thread) = (self.current, ThreadId(self.threads.len() as u32));
        self.journal.tell(|| Event::ThreadStarted { thread });
        self.threads.push(Vec::new());
        self.switch_thread(thread)?;
        self.enter(Frame::new(&self.program, function), values);
        self.switch_thread(starter)?;
        Ok(thread)
    }

    fn switch_thread(&mut self, thread: ThreadId) -> Outcome<()> {
        self.current = thread;
        self.journal.now.thread = thread;
        Ok(())
    }

    fn finish(&mut self) {
        R::finish(self);
        for key in self.live_keys() {
            self.reclaim(key, Reclaimer::Exit);
        }
    }

    fn usage(&self) -> Usage {
        let on_heap = || self.objects.values().filter(|object| object.storage == Storage::Heap);
        let n_objects = on_heap().count() as u64;
        let payload_bytes = on_heap().map(Object::payload_bytes).sum();
        let header_bytes = n_objects * HEADER_BYTES;
        Usage {
            n_objects,
            payload_bytes,
            header_bytes,
            rounding_bytes: 0,
            boxed_bytes: 0,
            free_bytes: self.heap_bytes - payload_bytes - header_bytes,
            heap_bytes: self.heap_bytes,
            stack_bytes: self.threads.iter().flatten().map(|frame| self.frame_bytes(frame)).sum(),
        }
    }

    fn faults(&self) -> &FaultLog {
        self.journal.faults()
    }
}
