//! The slots of one function: its variables, then temporaries by kind, each used again as soon as it is free.

use memory_trait::{FunctionShape, Kind, SlotShape};
use rustc_hash::FxHashMap;

use crate::check::{FunctionInfo, Role};
use crate::code::{Operand, Reg};
use crate::types::Type;

/// The slots of the function being compiled.
#[derive(Default)]
pub(super) struct Slots {
    /// The slot of each local. Locals of one name and kind share one: they never live at the same time.
    of_locals: Vec<Reg>,
    variables: Vec<SlotShape>,
    /// Kind of each temporary, and whether it is in use.
    temporaries: Vec<(Kind, bool)>,
}

impl Slots {
    pub(super) fn new(info: &FunctionInfo) -> Slots {
        let mut slots = Slots::default();
        let mut known: FxHashMap<(&str, Kind), Reg> = FxHashMap::default();
        for local in &info.locals {
            let automatic = match (&local.ty, local.role) {
                (Type::Record(record), Role::Automatic) => Some(*record),
                _ => None,
            };
            let next = slots.variables.len() as Reg;
            let shared = known.entry((&local.name, local.ty.kind())).or_insert(next);
            // Storage is nobody else's.
            if automatic.is_some() || slots.variables.get(usize::from(*shared)).is_some_and(|it| it.automatic.is_some())
            {
                *shared = next;
            }
            let slot = *shared;
            if slot == next {
                slots.variables.push(SlotShape { name: Some(local.name.clone()), kind: local.ty.kind(), automatic });
            }
            slots.of_locals.push(slot);
        }
        slots
    }

    /// The slot of a local.
    pub(super) fn of_local(&self, local: u32) -> Reg {
        self.of_locals[local as usize]
    }

    /// A free temporary, the first of its kind.
    pub(super) fn temporary(&mut self, kind: Kind) -> Reg {
        let free = self.temporaries.iter().position(|&(k, is_used)| k == kind && !is_used);
        let index = free.unwrap_or_else(|| {
            self.temporaries.push((kind, false));
            self.temporaries.len() - 1
        });
        self.temporaries[index].1 = true;
        // The limits of the parser and the checker keep every function below this.
        assert!(
            self.variables.len() + index < usize::from(Operand::SLOT_MAX),
            "{} slots",
            self.variables.len() + index
        );
        (self.variables.len() + index) as Reg
    }

    /// Gives a temporary back. Variables may be given too.
    pub(super) fn release(&mut self, slot: Reg) {
        if let Some(index) = usize::from(slot).checked_sub(self.variables.len())
            && let Some(temporary) = self.temporaries.get_mut(index)
        {
            debug_assert!(temporary.1, "temporary {slot} is released twice");
            temporary.1 = false;
        }
    }

    pub(super) fn all_are_free(&self) -> bool {
        self.temporaries.iter().all(|&(_, is_used)| !is_used)
    }

    pub(super) fn kind(&self, slot: Reg) -> Kind {
        match self.variables.get(usize::from(slot)) {
            Some(variable) => variable.kind,
            None => self.temporaries[usize::from(slot) - self.variables.len()].0,
        }
    }

    /// Whether a slot is a temporary.
    pub(super) fn is_temporary(&self, slot: Reg) -> bool {
        usize::from(slot) >= self.variables.len()
    }

    /// The shape of the frame.
    pub(super) fn shape(&self, info: &FunctionInfo) -> FunctionShape {
        let temporaries = self.temporaries.iter().map(|&(kind, _)| SlotShape { name: None, kind, automatic: None });
        FunctionShape {
            name: info.name.clone(),
            n_parameters: info.n_parameters,
            slots: self.variables.iter().cloned().chain(temporaries).collect(),
        }
    }
}
