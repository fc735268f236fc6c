//! Reclaimed at once when the last holder lets go; cycles at a collection.

use memory_trait::{Collection, Event, ObjectKey, Observer, Outcome, Reclaimer};
use rustc_hash::{FxHashMap, FxHashSet};

use super::machine::{Reclaim, Smallest};

pub(crate) struct Counts;

impl<O: Observer> Reclaim<O> for Counts {
    const NAME: &'static str = "counted";
    const CHECKS: bool = true;

    fn gained(m: &mut Smallest<Self, O>, key: ObjectKey) {
        m.objects[key].n_holders += 1;
    }

    fn lost(m: &mut Smallest<Self, O>, key: ObjectKey) {
        let mut lost = vec![key];
        while let Some(key) = lost.pop() {
            // What a dead cycle held may be gone before the holder's own turn comes.
            let Some(object) = m.objects.get_mut(key) else { continue };
            object.n_holders -= 1;
            if object.n_holders > 0 {
            } else if object.finalizer.is_some() {
                m.make_due(key);
            } else if !m.due.contains(&key) {
                lost.extend(object.references().into_iter().rev());
                m.reclaim(key, Reclaimer::Count);
            }
        }
    }

    fn free(_m: &mut Smallest<Self, O>, _key: ObjectKey) -> Outcome<()> {
        Ok(())
    }

    fn finalized(m: &mut Smallest<Self, O>, _key: ObjectKey) {
        if m.is_collection_unfinished && m.n_finalizing == 0 && m.due.is_empty() {
            Self::collect(m);
        }
    }

    /// Finds cycles by subtracting from each count the holders that are objects themselves: what is left is held from
    /// outside. Garbage with finalizers is finalized first, and collected after the last finalizer has returned.
    fn collect(m: &mut Smallest<Self, O>) {
        let collection = Collection { generation: 0, is_full: true, cause: "collect" };
        m.journal.tell(|| Event::CollectionBegan(collection));
        m.is_collection_unfinished = false;
        let keys = m.live_keys();
        let mut n_outside: FxHashMap<ObjectKey, u64> =
            keys.iter().map(|&key| (key, m.objects[key].n_holders)).collect();
        for &key in &keys {
            for target in m.objects[key].references() {
                *n_outside.get_mut(&target).expect("a counted reference is to a live object") -= 1;
            }
        }
        let held: Vec<ObjectKey> =
            keys.iter().copied().filter(|key| n_outside[key] > 0 || m.due.contains(key)).collect();
        let reached = m.reached_from(held);
        let garbage: Vec<ObjectKey> = keys.into_iter().filter(|key| !reached.contains(key)).collect();
        m.clear_weak(&garbage.iter().copied().collect());
        let to_finalize: Vec<ObjectKey> =
            garbage.iter().copied().filter(|&key| m.objects[key].finalizer.is_some()).collect();
        for &key in &to_finalize {
            m.make_due(key);
            m.is_collection_unfinished = true;
        }
        let kept = m.reached_from(to_finalize);
        let dead: FxHashSet<ObjectKey> = garbage.into_iter().filter(|key| !kept.contains(key)).collect();
        for &key in &dead {
            for target in m.objects[key].references().into_iter().filter(|target| !dead.contains(target)) {
                m.objects[target].n_holders -= 1;
            }
        }
        let n_reclaimed = dead.len() as u64;
        for key in m.live_keys().into_iter().filter(|key| dead.contains(key)) {
            m.reclaim(key, Reclaimer::Cycle);
        }
        m.journal.tell(|| Event::CollectionEnded { collection, n_reclaimed, n_moved: 0, moved_bytes: 0 });
    }

    fn about_to_create(m: &mut Smallest<Self, O>) {
        if m.is_collection_due() {
            Self::collect(m);
        }
    }

    fn finish(_m: &mut Smallest<Self, O>) {}
}
