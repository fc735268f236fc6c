//! Reclaimed by a collection that does not find it; those that are found are copied to the other half of the heap.

use memory_trait::{Collection, Event, ObjectKey, Observer, Outcome, Reclaimer};

use super::machine::{Reclaim, Smallest};

pub(crate) struct Copies;

impl<O: Observer> Reclaim<O> for Copies {
    const NAME: &'static str = "traced";
    const CHECKS: bool = true;

    fn gained(_m: &mut Smallest<Self, O>, _key: ObjectKey) {}

    fn lost(_m: &mut Smallest<Self, O>, _key: ObjectKey) {}

    fn free(_m: &mut Smallest<Self, O>, _key: ObjectKey) -> Outcome<()> {
        Ok(())
    }

    fn finalized(_m: &mut Smallest<Self, O>, _key: ObjectKey) {}

    fn collect(m: &mut Smallest<Self, O>) {
        collect(m, Collection { generation: 0, is_full: true, cause: "collect" }, Reclaimer::Full);
    }

    fn about_to_create(m: &mut Smallest<Self, O>) {
        if m.is_collection_due() {
            collect(m, Collection { generation: 0, is_full: false, cause: "births" }, Reclaimer::Young);
        }
    }

    fn finish(_m: &mut Smallest<Self, O>) {}
}

/// Garbage with finalizers, and what it refers to, is kept for a later collection.
fn collect<O: Observer>(m: &mut Smallest<Copies, O>, collection: Collection, by: Reclaimer) {
    m.journal.tell(|| Event::CollectionBegan(collection));
    let keys = m.live_keys();
    let reached = m.reached_from(m.roots());
    m.clear_weak(&keys.iter().copied().filter(|key| !reached.contains(key)).collect());
    for &key in &keys {
        if !reached.contains(&key) && m.objects[key].finalizer.is_some() {
            m.make_due(key);
        }
    }
    let kept = m.reached_from(m.roots());
    let mut n_reclaimed = 0;
    let mut n_moved = 0;
    let mut moved_bytes = 0;
    m.flip();
    for key in keys {
        if kept.contains(&key) {
            moved_bytes += m.move_to_end(key);
            n_moved += 1;
        } else {
            m.reclaim(key, by);
            n_reclaimed += 1;
        }
    }
    m.journal.tell(|| Event::CollectionEnded { collection, n_reclaimed, n_moved, moved_bytes });
    m.resize(m.next);
}
