//! The rules of heap sizing one by one.

use jvm_model::params::{G, K, M};
use jvm_model::sizing::{CompressedOops, Sizing, YoungSpaces, uses_compressed_oops, young_spaces};
use jvm_model::{Flags, Version};

fn flags(options: &str) -> Flags {
    Flags::parse(Version::V17, options.split_whitespace()).unwrap()
}

fn sizing(options: &str) -> Sizing {
    Sizing::of(&flags(options)).unwrap()
}

fn refusal(options: &str) -> String {
    Sizing::of(&flags(options)).unwrap_err().to_string()
}

#[test]
fn heaps_are_rounded_up_to_two_megabytes() {
    let heap = sizing("-Xmx3072k -Xms2049k").heap;
    assert_eq!((heap.min, heap.initial, heap.max), (4 * M, 4 * M, 4 * M));
}

#[test]
fn without_flags_the_heap_is_a_share_of_physical_memory() {
    let heap = sizing("").heap;
    assert_eq!((heap.initial, heap.max), (256 * M, 4 * G));
    let small = Flags { physical_bytes: 128 * M, ..flags("") };
    assert_eq!(Sizing::of(&small).unwrap().heap.max, 64 * M, "half of a small machine");
}

#[test]
fn an_even_smaller_survivor_space_is_still_64k() {
    assert_eq!(young_spaces(192 * K, 192 * K, 0, 8, Version::V17), YoungSpaces { eden: 64 * K, survivor: 64 * K });
    assert_eq!(young_spaces(10 * M, 10 * M, 0, 8, Version::V17), YoungSpaces { eden: 8 * M, survivor: M });
}

#[test]
fn eden_never_exceeds_that_of_the_greatest_young_generation() {
    // 3 MiB give a survivor of 64K x 4, the reserve of 3.2 MiB one of 64K x 5 and so a smaller eden.
    let spaces = young_spaces(49 * 64 * K, 50 * 64 * K, 0, 8, Version::V21);
    assert_eq!(spaces, YoungSpaces { eden: 39 * 64 * K, survivor: 5 * 64 * K });
    // 17 takes no care that survivors stay aligned.
    let spaces = young_spaces(49 * 64 * K, 50 * 64 * K, 0, 8, Version::V17);
    assert_eq!(spaces, YoungSpaces { eden: 40 * 64 * K, survivor: 9 * 32 * K });
}

#[test]
fn eden_keeps_what_is_in_it() {
    let spaces = young_spaces(10 * M, 10 * M, 9 * M + 1, 8, Version::V17);
    assert_eq!(spaces, YoungSpaces { eden: 10 * M - 14 * 64 * K, survivor: 7 * 64 * K });
}

#[test]
fn a_heap_up_to_two_gigabytes_ends_at_four_and_references_are_addresses() {
    let placement = sizing("-Xmx2g").placement;
    assert_eq!((placement.base, placement.mode, placement.shift), (2 * G, CompressedOops::Unscaled, 0));
    assert_eq!(sizing("-Xmx64m").placement.base, 4 * G - 64 * M);
}

#[test]
fn a_heap_up_to_thirty_gigabytes_ends_at_thirty_two() {
    let placement = sizing("-Xmx2050m").placement;
    assert_eq!((placement.base, placement.mode, placement.shift), (32 * G - 2050 * M, CompressedOops::ZeroBased, 3));
    assert_eq!(sizing("-Xmx30g").placement.base, 2 * G);
    assert_eq!(sizing("-Xmx40g -XX:ObjectAlignmentInBytes=16").placement.base, 0x6_0000_0000);
}

#[test]
fn a_larger_heap_is_put_behind_a_protected_page_at_64_gigabytes() {
    let placement = sizing("-Xmx31g").placement;
    assert_eq!((placement.base, placement.oop_base), (0x10_0020_0000, 0x10_0000_0000));
    assert_eq!(placement.mode.name(), "Non-zero disjoint base");
}

#[test]
fn references_are_compressed_up_to_32_gigabytes_less_one_alignment() {
    assert!(uses_compressed_oops(&flags("-Xmx32766m")));
    assert!(!uses_compressed_oops(&flags("-Xmx32767m")));
    assert!(!uses_compressed_oops(&flags("-Xmx32767m -XX:+UseCompressedOops")), "the VM warns and does without");
    assert!(uses_compressed_oops(&flags("-Xmx32767m -XX:ObjectAlignmentInBytes=16")));
}

#[test]
fn refusals_are_in_hotspots_words() {
    assert_eq!(refusal("-Xmx1m"), "Too small maximum heap");
    assert_eq!(refusal("-Xms512k"), "Too small initial heap");
    assert_eq!(refusal("-Xmx64m -Xms128m"), "Initial heap size set to a larger value than the maximum heap size");
    assert_eq!(refusal("-Xmx64m -XX:MinHeapSize=70m"), "Incompatible minimum and maximum heap sizes specified");
    assert_eq!(refusal("-Xms20m -XX:InitialHeapSize=10m"), "Incompatible minimum and initial heap sizes specified");
    assert_eq!(refusal("-XX:NewRatio=0"), "Invalid young gen ratio specified");
    assert_eq!(refusal("-Xmx100t"), "Could not reserve enough space for 107374182400KB object heap");
}

#[test]
fn a_heap_too_small_to_boot_is_said_in_hotspots_words() {
    let boot = |options: &str| sizing(options).boot_refusal().map(|refusal| refusal.to_string());
    let too_small = "GC triggered before VM initialization completed. Try increasing NewSize, current value 192K.";
    assert_eq!(boot("-Xmx2048k -Xmn427k -XX:NewRatio=1").as_deref(), Some(too_small));
    let ratio = "SurvivorRatio (100) must be less than or equal to ergonomic SurvivorRatio maximum (96)";
    assert_eq!(boot("-Xmx5120k -Xms5120k -XX:SurvivorRatio=100").as_deref(), Some(ratio));
    assert_eq!(boot("-Xmx64m"), None);
}
