//! The slots of one function: its variables, then temporaries by kind, each used again as soon as it is free.

use memory_trait::{FunctionShape, Kind, SlotShape};

use crate::check::{FunctionInfo, Role};
use crate::code::{Operand, Reg};
use crate::types::Type;

/// The slots of the function being compiled.
#[derive(Default)]
pub(super) struct Slots {
    n_variables: usize,
    /// Kind of each temporary, and whether it is in use.
    temporaries: Vec<(Kind, bool)>,
}

impl Slots {
    pub(super) fn new(info: &FunctionInfo) -> Slots {
        Slots { n_variables: info.locals.len(), temporaries: Vec::new() }
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
        assert!(self.n_variables + index <= usize::from(Operand::SLOT_MAX), "{} slots", self.n_variables + index);
        (self.n_variables + index) as Reg
    }

    /// Gives a temporary back. Variables may be given too.
    pub(super) fn release(&mut self, slot: Reg) {
        if let Some(index) = usize::from(slot).checked_sub(self.n_variables)
            && let Some(temporary) = self.temporaries.get_mut(index)
        {
            debug_assert!(temporary.1, "temporary {slot} is released twice");
            temporary.1 = false;
        }
    }

    pub(super) fn all_are_free(&self) -> bool {
        self.temporaries.iter().all(|&(_, is_used)| !is_used)
    }

    pub(super) fn kind(&self, slot: Reg, info: &FunctionInfo) -> Kind {
        match info.locals.get(usize::from(slot)) {
            Some(local) => local.ty.kind(),
            None => self.temporaries[usize::from(slot) - self.n_variables].0,
        }
    }

    /// The shape of the frame.
    pub(super) fn shape(&self, info: &FunctionInfo) -> FunctionShape {
        let variables = info.locals.iter().map(|local| SlotShape {
            name: Some(local.name.clone()),
            kind: local.ty.kind(),
            automatic: match (&local.ty, local.role) {
                (Type::Record(record), Role::Automatic) => Some(*record),
                _ => None,
            },
        });
        let temporaries = self.temporaries.iter().map(|&(kind, _)| SlotShape { name: None, kind, automatic: None });
        FunctionShape {
            name: info.name.clone(),
            n_parameters: info.n_parameters,
            slots: variables.chain(temporaries).collect(),
        }
    }
}
