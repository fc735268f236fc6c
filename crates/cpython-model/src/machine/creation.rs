//! `Record(a, b)`: a tuple of the arguments, the instance, a frame of `__init__` that assigns them.

use memory_trait::journal::Naming;
use memory_trait::{Address, Allocator, FieldIndex, Kind, Label, ObjectKey, Observer, Outcome, Place, RecordId, Slot};

use super::{CPython, Pending};
use crate::layout::POINTER_BYTES;
use crate::object::Body;
use crate::rules::{Rule, rule};

/// So many arguments fit on the C stack, the instance included. Source: 3.12
/// `Objects/call.c:_PyObject_Call_Prepend`, `_PY_FASTCALL_SMALL_STACK`.
const SMALL_STACK: u64 = 5;

/// A creation that a collection has interrupted.
#[derive(Debug)]
pub(crate) struct Creation {
    next: Next,
    parts: Parts,
    key: Option<ObjectKey>,
    fields: Box<[FieldIndex]>,
    values: Box<[Slot]>,
}

/// What a creation is about.
#[derive(Clone, Copy, Debug)]
struct Parts {
    dst: Slot,
    record: RecordId,
    naming: Naming,
    /// The tuple.
    arguments: ObjectKey,
    /// Where many arguments are during the call of `__init__`.
    stack: Option<Address>,
}

/// What comes next in a creation.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// The tuple is there.
    Instance,
    /// The instance is there.
    Enter,
    /// `__init__` has been entered.
    Assign,
    /// It has returned, and the call is over.
    Place,
}

impl Creation {
    /// What it holds.
    pub(crate) fn held(&self) -> impl Iterator<Item = ObjectKey> {
        // The tuple is gone when all is assigned.
        let arguments = (!matches!(self.next, Next::Place)).then_some(self.parts.arguments);
        arguments.into_iter().chain(self.key)
    }
}

impl<O: Observer, A: Allocator> CPython<O, A> {
    pub(super) fn create_record(
        &mut self,
        dst: Slot,
        record: RecordId,
        fields: &[FieldIndex],
        values: &[Slot],
    ) -> Outcome<()> {
        for &value in values {
            self.read(value)?;
        }
        let naming = self.heap.journal.name(Label::Record(record));
        let arguments = self.arguments_of(record, fields, values)?;
        let creation = Parts { dst, record, naming, arguments, stack: None };
        if self.heap.gc.is_scheduled && self.heap.collects_in_allocation() {
            return self.interrupt(Next::Instance, creation, None, fields, values);
        }
        self.create_instance(creation, fields, values)
    }

    /// `_PyStack_AsTuple`: positions that are skipped have the constants of the defaults.
    fn arguments_of(&mut self, record: RecordId, fields: &[FieldIndex], values: &[Slot]) -> Outcome<ObjectKey> {
        if !rule(Rule::CreationsHaveArguments) {
            return self.heap.tuple(Vec::new());
        }
        let n_arguments = fields.iter().map(|field| field.index() + 1).max().unwrap_or(0);
        let mut items = self.heap.spares.keys();
        for field in &self.program.records[record.index()].fields[..n_arguments] {
            items.push(match field.kind {
                Kind::Int => self.heap.singletons.small_ints[-crate::object::heap::SMALL_INTS.start as usize],
                Kind::Float => self.zero_float.expect("the program is loaded"),
                Kind::Bool => self.heap.singletons.truths[0],
                Kind::Reference => self.heap.singletons.none,
            });
        }
        for (field, &value) in fields.iter().zip(values) {
            items[field.index()] = self.slot_value(value).expect("it was read");
        }
        for &item in &items {
            self.heap.incref(item);
        }
        self.heap.tuple(items)
    }

    /// `type_call`: `PyType_GenericAlloc`.
    fn create_instance(&mut self, creation: Parts, fields: &[FieldIndex], values: &[Slot]) -> Outcome<()> {
        let Parts { dst, record, naming, arguments, .. } = creation;
        self.heap.track_tuple(arguments);
        let (key, split) = self.heap.instance(record.0)?;
        self.heap.christen(key, naming, split);
        // The reference is told with the birth, though it is written after the collection.
        self.tell_stored(Place::Slot, self.stack.slots[self.base + dst.index()], Some(key));
        if self.heap.gc.is_scheduled && self.heap.collects_in_allocation() {
            return self.interrupt(Next::Enter, creation, Some(key), fields, values);
        }
        self.enter_init(creation, key, fields, values)
    }

    /// `_PyObject_Call_Prepend`: the arguments with the instance before them, on the C stack if they are few.
    fn enter_init(
        &mut self,
        mut creation: Parts,
        key: ObjectKey,
        fields: &[FieldIndex],
        values: &[Slot],
    ) -> Outcome<()> {
        self.heap.track(key);
        let Body::Tuple(arguments) = &self.heap.object(creation.arguments).body else { unreachable!("a tuple") };
        let n_arguments = arguments.len() as u64 + 1;
        if self.program.records[creation.record.index()].fields.is_empty() {
            // There is no `__init__`.
            return self.assign_fields(creation, key, fields, values);
        }
        if n_arguments > SMALL_STACK && rule(Rule::ManyArgumentsNeedAStack) {
            creation.stack = Some(self.heap.malloc(n_arguments * POINTER_BYTES)?);
        }
        if self.heap.gc.is_scheduled && !self.heap.collects_in_allocation() {
            return self.interrupt(Next::Assign, creation, Some(key), fields, values);
        }
        self.assign_fields(creation, key, fields, values)
    }

    /// `__init__`, and the end of the call.
    fn assign_fields(
        &mut self,
        creation: Parts,
        key: ObjectKey,
        fields: &[FieldIndex],
        values: &[Slot],
    ) -> Outcome<()> {
        let Parts { dst, arguments, stack, .. } = creation;
        if !fields.is_empty() {
            self.heap.used(key);
        }
        for (&field, &value) in fields.iter().zip(values) {
            let value = self.read(value)?;
            self.heap.incref(value);
            let old = self.heap.replace_field(key, field.index(), Some(value));
            self.tell_stored_in(key, u64::from(field.0), old, Some(value));
            if let Some(old) = old {
                self.heap.drop_reference(old);
            }
        }
        if let Some(stack) = stack {
            self.heap.free(stack);
        }
        self.heap.drop_reference(arguments);
        if self.heap.gc.is_scheduled && !self.heap.collects_in_allocation() {
            return self.interrupt(Next::Place, creation, Some(key), &[], &[]);
        }
        self.place_created(dst, key);
        Ok(())
    }

    fn place_created(&mut self, dst: Slot, key: ObjectKey) {
        let old = self.stack.slots[self.base + dst.index()].replace(key);
        if let Some(old) = old {
            self.heap.drop_reference(old);
        }
    }

    /// A collection that is due comes first.
    #[cold]
    fn interrupt(
        &mut self,
        next: Next,
        parts: Parts,
        key: Option<ObjectKey>,
        fields: &[FieldIndex],
        values: &[Slot],
    ) -> Outcome<()> {
        let (fields, values) = (fields.into(), values.into());
        let creation = Creation { next, parts, key, fields, values };
        self.defer(Pending::Create(Box::new(creation)));
        self.heap.begin_scheduled();
        self.settle()
    }

    /// Goes on with a creation.
    #[cold]
    pub(super) fn go_on_creating(&mut self, creation: Creation) -> Outcome<()> {
        let Creation { next, parts, key, fields, values } = creation;
        match (next, key) {
            (Next::Enter, Some(key)) => self.enter_init(parts, key, &fields, &values),
            (Next::Assign, Some(key)) => self.assign_fields(parts, key, &fields, &values),
            (Next::Place, Some(key)) => {
                self.place_created(parts.dst, key);
                Ok(())
            }
            (_, _) => self.create_instance(parts, &fields, &values),
        }
    }
}
