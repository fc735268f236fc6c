//! The smallest versions of the three machines: what a runtime must at least do to be one.
//!
//! Slots, records, lists, maps, texts and threads are the same for all three (`store`, `machine`, `operations`); who reclaims what,
//! and when, is all that sets them apart: `manual` when told so, `counted` when the last holder lets go, `traced`
//! when a collection finds nobody who holds it. Naive and short: they prove the seam and serve other crates as
//! references, and know nothing of any real runtime's layout.

mod counted;
mod machine;
mod manual;
mod operations;
mod store;
mod traced;

/// Freed by hand; addresses are handed out once and never again; a dangling reference is a key that has gone stale.
pub(crate) type Manual<O> = machine::Smallest<manual::Frees, O>;
/// Counted: dies with its last holder; cycles wait for a collection, which every 16th birth brings.
pub(crate) type Counted<O> = machine::Smallest<counted::Counts, O>;
/// Traced: survivors of a collection are copied, the rest is gone; every 16th birth collects.
pub(crate) type Traced<O> = machine::Smallest<traced::Copies, O>;
