//! Where statics begin: behind the fields of `java.lang.Class`, in the class's mirror.
//!
//! Mirrors `oops/instanceMirrorKlass.hpp:InstanceMirrorKlass::offset_of_static_fields`.

use super::Mode;
use super::blocks::Blocks;
use crate::version::Version;

/// Sizes of the primitive fields of `java.lang.Class`, injected ones included, largest first. Unit: bytes.
const fn class_primitives(version: Version) -> &'static [u32] {
    match version {
        // klass, array_klass; classRedefinedCount, oop_size, static_oop_field_count
        Version::V17 | Version::V21 => &[8, 8, 4, 4, 4],
        // and modifiers, primitive
        Version::V25 => &[8, 8, 4, 4, 4, 2, 1],
    }
}

/// How many references `java.lang.Class` has, injected ones included.
const fn n_class_references(version: Version) -> usize {
    match version {
        Version::V17 => 17,
        Version::V21 | Version::V25 => 18,
    }
}

/// Offset of the first static. Unit: bytes.
pub(super) fn mirror_base_bytes(mode: &Mode) -> u32 {
    let mut blocks = Blocks::after_header(mode.header_bytes());
    for &bytes in class_primitives(mode.version) {
        blocks.add(bytes);
    }
    for _ in 0..n_class_references(mode.version) {
        blocks.add(mode.reference_bytes());
    }
    mode.align_object(u64::from(blocks.end().next_multiple_of(8))) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statics_begin_where_the_recorded_ones_do() {
        let v17 = Mode::new(Version::V17);
        let wide = Mode { compressed_oops: false, ..v17 };
        assert_eq!(mirror_base_bytes(&v17), 112);
        assert_eq!(mirror_base_bytes(&wide), 176);
        assert_eq!(mirror_base_bytes(&Mode { compressed_class_pointers: false, ..wide }), 184);
        let v21 = Mode::new(Version::V21);
        assert_eq!(mirror_base_bytes(&v21), 112);
        assert_eq!(mirror_base_bytes(&Mode { compressed_oops: false, ..v21 }), 184);
        assert_eq!(mirror_base_bytes(&Mode { compressed_class_pointers: false, ..v21 }), 120);
        let v25 = Mode::new(Version::V25);
        assert_eq!(mirror_base_bytes(&v25), 120);
        assert_eq!(mirror_base_bytes(&Mode { compressed_oops: false, ..v25 }), 192);
        assert_eq!(mirror_base_bytes(&Mode { compact_headers: true, ..v25 }), 112);
        assert_eq!(mirror_base_bytes(&Mode { compact_headers: true, compressed_oops: false, ..v25 }), 184);
    }
}
