//! A record as a `struct`.
//!
//! ```text
//! struct Node { bool seen; long value; struct Node *next; };
//!   0  seen     1 byte
//!   1  padding  7 bytes
//!   8  value    8 bytes
//!  16  next     8 bytes     sizeof 24, alignment 8
//! ```

use memory_trait::{Kind, RecordShape};

use super::size_of;

/// A field's place in its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldPlace {
    /// From the record's address. Unit: bytes.
    pub offset_bytes: u64,
    /// What it holds.
    pub kind: Kind,
}

/// The layout of a record type.
///
/// # Source
/// System V ABI, AMD64, 3.1.2: natural alignment, source order, the size a multiple of the alignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordLayout {
    /// Its fields in source order.
    pub fields: Vec<FieldPlace>,
    /// `sizeof`; 0 without fields, as GNU C has it. Unit: bytes.
    pub size_bytes: u64,
    /// `_Alignof`. Unit: bytes.
    pub alignment_bytes: u64,
    /// The fields alone, without padding. Unit: bytes.
    pub payload_bytes: u64,
}

impl RecordLayout {
    /// Lays a record out.
    pub fn new(shape: &RecordShape) -> Self {
        let mut layout = RecordLayout {
            fields: Vec::with_capacity(shape.fields.len()),
            size_bytes: 0,
            alignment_bytes: 1,
            payload_bytes: 0,
        };
        for field in &shape.fields {
            let bytes = size_of(field.kind);
            let offset_bytes = layout.size_bytes.next_multiple_of(bytes);
            layout.fields.push(FieldPlace { offset_bytes, kind: field.kind });
            layout.size_bytes = offset_bytes + bytes;
            layout.alignment_bytes = layout.alignment_bytes.max(bytes);
            layout.payload_bytes += bytes;
        }
        layout.size_bytes = layout.size_bytes.next_multiple_of(layout.alignment_bytes);
        layout
    }

    /// The offsets of the fields that hold references. Unit: bytes.
    pub fn references(&self) -> impl Iterator<Item = (usize, u64)> {
        let places = self.fields.iter().enumerate();
        places.filter(|(_, field)| field.kind == Kind::Reference).map(|(index, field)| (index, field.offset_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use memory_trait::Program;

    fn layout(kinds: &[Kind]) -> RecordLayout {
        let mut program = Program::default();
        let fields: Vec<_> = kinds.iter().map(|&kind| ("f", kind)).collect();
        let record = program.record("R", &fields);
        RecordLayout::new(program.record_shape(record))
    }

    fn offsets(kinds: &[Kind]) -> Vec<u64> {
        layout(kinds).fields.iter().map(|field| field.offset_bytes).collect()
    }

    #[test]
    fn fields_are_at_multiples_of_their_size() {
        use Kind::{Bool, Float, Int, Reference};
        assert_eq!(offsets(&[Bool, Int, Bool, Bool, Reference]), [0, 8, 16, 17, 24]);
        assert_eq!(offsets(&[Float, Bool]), [0, 8]);
    }

    #[test]
    fn the_size_is_a_multiple_of_the_alignment() {
        use Kind::{Bool, Int};
        let padded = layout(&[Int, Bool]);
        assert_eq!((padded.size_bytes, padded.alignment_bytes, padded.payload_bytes), (16, 8, 9));
        let bools = layout(&[Bool, Bool, Bool]);
        assert_eq!((bools.size_bytes, bools.alignment_bytes, bools.payload_bytes), (3, 1, 3));
    }

    #[test]
    fn a_record_without_fields_has_no_size() {
        assert_eq!(layout(&[]).size_bytes, 0);
    }

    #[test]
    fn only_references_are_listed_as_references() {
        use Kind::{Int, Reference};
        let layout = layout(&[Int, Reference, Int, Reference]);
        assert_eq!(layout.references().collect::<Vec<_>>(), [(1, 8), (3, 24)]);
    }
}
