//! Values as 64 bits: numbers as they are, references as a kind of object and its place.

/// A value.
pub(super) type Bits = u64;

/// The null reference; also what a slot holds that was never written.
pub(super) const NULL: Bits = 0;

/// Where an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A record or array among the values.
    Values(usize),
    /// A list.
    List(usize),
    /// A map.
    Map(usize),
    /// A text.
    Text(usize),
}

const TAG_SHIFT: u32 = 60;
const PLACE_MASK: u64 = (1 << TAG_SHIFT) - 1;

impl Place {
    /// The reference to it.
    #[inline]
    pub(super) const fn bits(self) -> Bits {
        let (tag, place) = match self {
            Place::Values(place) => (1, place),
            Place::List(place) => (2, place),
            Place::Map(place) => (3, place),
            Place::Text(place) => (4, place),
        };
        (tag << TAG_SHIFT) | place as u64
    }

    /// What a reference refers to.
    #[inline]
    pub(super) fn of(bits: Bits) -> Place {
        let place = (bits & PLACE_MASK) as usize;
        match bits >> TAG_SHIFT {
            1 => Place::Values(place),
            2 => Place::List(place),
            3 => Place::Map(place),
            4 => Place::Text(place),
            other => panic!("{bits:#x} is no reference: tag {other}"),
        }
    }
}
