//! Reclaimed when told so: `free`, and the end of the frame for what is in automatic storage.

use memory_trait::{FaultKind, ObjectKey, Observer, Outcome, Reclaimer, Storage};

use super::machine::{Reclaim, Smallest};

pub(crate) struct Frees;

impl<O: Observer> Reclaim<O> for Frees {
    const NAME: &'static str = "manual";
    const CHECKS: bool = false;

    fn gained(_m: &mut Smallest<Self, O>, _key: ObjectKey) {}

    fn lost(_m: &mut Smallest<Self, O>, _key: ObjectKey) {}

    /// A finalizer is what a C programmer would call before `free`: it runs first, and cannot save the object.
    fn free(m: &mut Smallest<Self, O>, key: ObjectKey) -> Outcome<()> {
        let Some(object) = m.objects.get_mut(key) else {
            let name = m.name_of(key);
            let reclaimed = m.graves.get(&key).map(|grave| grave.reclaimed);
            m.journal.fault(FaultKind::DoubleFree, Some(name), reclaimed, "");
            return Ok(());
        };
        if object.storage == Storage::Automatic {
            let name = m.name_of(key);
            m.journal.fault(FaultKind::InvalidFree, Some(name), None, "");
        } else if object.finalizer.is_some() {
            m.make_due(key);
        } else {
            m.reclaim(key, Reclaimer::Free);
        }
        Ok(())
    }

    fn finalized(m: &mut Smallest<Self, O>, key: ObjectKey) {
        m.reclaim(key, Reclaimer::Free);
    }

    fn collect(_m: &mut Smallest<Self, O>) {}

    fn about_to_create(_m: &mut Smallest<Self, O>) {}

    fn finish(m: &mut Smallest<Self, O>) {
        for key in m.live_keys() {
            let name = m.name_of(key);
            m.journal.fault(FaultKind::Leak, Some(name), None, "");
        }
    }
}
