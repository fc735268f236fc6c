//! `attr_history`: instances of one class, attributes set in them, their dicts asked for; the blocks asked for and given
//! back by each.

use super::{Comparison, Stop};
use crate::Version;
use crate::layout::dict::LOG2_SLOTS_MIN;
use crate::layout::{DictShape, FreeList, SharedKeys, free_list_length_max};

/// An instance.
struct Instance {
    values_bytes: Option<u64>,
    /// Attributes set.
    names: Vec<u32>,
    /// Whether it has a dict object.
    has_dict: bool,
    /// Its dict's keys, once they are its own.
    own: Option<DictShape>,
}

pub(super) fn compare(
    comparison: &mut Comparison<'_>,
    ops: &[(u64, u64, u32)],
    events: &[(Vec<i64>, Vec<i64>)],
) -> Result<(), Stop> {
    let version = comparison.version;
    if version < Version::V3_11 {
        return Err(comparison.input("histories are of 3.11 and later"));
    }
    if ops.len() != events.len() {
        return Err(comparison.input(&format!("{} operations and {} events", ops.len(), events.len())));
    }
    let mut keys = SharedKeys::new(version);
    let mut blocks = Blocks::default();
    let mut instances: Vec<Instance> = Vec::new();
    for (i, (&(operation, instance, name), (requests, freed))) in ops.iter().zip(events).enumerate() {
        let wrong = |comparison: &Comparison<'_>| comparison.input(&format!("operation {i}: instance {instance}"));
        (blocks.asked, blocks.given_back) = (Vec::new(), Vec::new());
        match operation {
            0 if instance == instances.len() as u64 => {
                let new = keys.new_instance();
                blocks.asked.extend(new.requests());
                let values_bytes = new.values_bytes;
                instances.push(Instance { values_bytes, names: Vec::new(), has_dict: false, own: None });
            }
            1 => {
                let Some(instance) = instances.get_mut(instance as usize) else { return Err(wrong(comparison)) };
                instance.set(name, &mut keys, version, &mut blocks);
            }
            2 => {
                let Some(instance) = instances.get_mut(instance as usize) else { return Err(wrong(comparison)) };
                if !std::mem::replace(&mut instance.has_dict, true) {
                    blocks.asked.push(SharedKeys::dict_bytes());
                }
            }
            _ => return Err(wrong(comparison)),
        }
        let recorded = without_temporaries(requests, freed);
        let what = || format!("operation {i} ({operation}, {instance}, {name}): asked for, given back");
        comparison.value(what, &recorded, &(blocks.asked.clone(), blocks.given_back.clone()))?;
    }
    Ok(())
}

/// The blocks of one operation, and the free list of keys.
#[derive(Default)]
struct Blocks {
    asked: Vec<u64>,
    given_back: Vec<u64>,
    /// Keys of eight slots for `str` that wait for the next dict.
    n_kept_keys: u64,
}

impl Blocks {
    fn ask_keys(&mut self, bytes: u64, is_smallest: bool) {
        if is_smallest && self.n_kept_keys > 0 {
            self.n_kept_keys -= 1;
        } else {
            self.asked.push(bytes);
        }
    }

    fn give_keys_back(&mut self, bytes: u64, is_smallest: bool, version: Version) {
        if is_smallest && self.n_kept_keys < free_list_length_max(FreeList::DictKeys, version) {
            self.n_kept_keys += 1;
        } else {
            self.given_back.push(bytes);
        }
    }
}

impl Instance {
    fn set(&mut self, name: u32, keys: &mut SharedKeys, version: Version, blocks: &mut Blocks) {
        let is_new = !self.names.contains(&name);
        let n_set = self.names.len() as u64;
        if is_new {
            self.names.push(name);
        }
        if let Some(own) = &mut self.own {
            if is_new && let Some(change) = own.insert(true, version) {
                blocks.ask_keys(change.new_bytes, change.is_new_smallest_str);
                blocks.give_keys_back(change.old_bytes, change.is_old_smallest_str, version);
            }
            return;
        }
        if keys.place(name).is_some() {
            return;
        }
        let mut own = keys.dict_of(n_set);
        own.insert(true, version);
        if !std::mem::replace(&mut self.has_dict, true) {
            blocks.asked.push(SharedKeys::dict_bytes());
        }
        blocks.ask_keys(own.keys_bytes(version), own.log2_slots == Some(LOG2_SLOTS_MIN));
        blocks.given_back.extend(self.values_bytes.take());
        self.own = Some(own);
    }
}

/// What the recorder's own temporaries asked for and gave back is left out: -1, and in 3.11 a block of 48 bytes.
fn without_temporaries(requests: &[i64], freed: &[i64]) -> (Vec<u64>, Vec<u64>) {
    let own = |bytes: &[i64]| bytes.iter().filter(|&&bytes| bytes >= 0).map(|&bytes| bytes as u64).collect();
    let (mut requests, mut freed): (Vec<u64>, Vec<u64>) = (own(requests), own(freed));
    if requests.last() == Some(&48) && freed.last() == Some(&48) {
        requests.pop();
        freed.pop();
    }
    (requests, freed)
}
