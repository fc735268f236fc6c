//! Flags in the VM's own spelling, and its refusals in its own words (each recorded from 17.0.15 or 25.0.3).

use jvm_model::{Flags, Version};

fn refusal(version: Version, options: &[&str]) -> String {
    match Flags::parse(version, options) {
        Ok(_) => panic!("{options:?} is accepted"),
        Err(error) => error.message,
    }
}

#[test]
fn sizes_take_every_suffix_and_hexadecimal() {
    let flags = Flags::parse(Version::V17, ["-Xmx3072k", "-Xms0x100000", "-XX:NewSize=1M", "-Xss512K"]).unwrap();
    assert_eq!(flags.max_heap_bytes, Some(3 << 20));
    assert_eq!(flags.initial_heap_bytes, Some(1 << 20));
    assert_eq!(flags.min_heap_bytes, Some(1 << 20));
    assert_eq!(flags.new_bytes, Some(1 << 20));
    assert_eq!(flags.thread_stack_bytes, 512 << 10);
}

#[test]
fn a_later_option_wins() {
    let flags = Flags::parse(Version::V17, ["-Xmx1g", "-XX:MaxHeapSize=64m", "-XX:-UseTLAB", "-XX:+UseTLAB"]).unwrap();
    assert_eq!(flags.max_heap_bytes, Some(64 << 20));
    assert!(flags.use_tlab);
}

#[test]
fn xmn_is_both_the_least_and_the_greatest_young_generation() {
    let flags = Flags::parse(Version::V17, ["-Xmn5m"]).unwrap();
    assert_eq!((flags.new_bytes, flags.max_new_bytes), (Some(5 << 20), Some(5 << 20)));
}

#[test]
fn refusals_are_in_hotspots_words() {
    let cases: &[(&[&str], &str)] = &[
        (&["-Xmx64q"], "Invalid maximum heap size: -Xmx64q"),
        (&["-Xmx"], "Invalid maximum heap size: -Xmx"),
        (&["-Xmx99999999999999999999g"], "Invalid maximum heap size: -Xmx99999999999999999999g"),
        (&["-Xms-1"], "Invalid initial heap size: -Xms-1"),
        (&["-Xmn0"], "Invalid initial young generation size: -Xmn0"),
        (&["-Xss2g"], "Invalid thread stack size: -Xss2g"),
        (&["-Xyz"], "Unrecognized option: -Xyz"),
        (&["-XX:NewRatoi=3"], "Unrecognized VM option 'NewRatoi=3'"),
        (&["-XX:"], "Unrecognized VM option ''"),
        (&["-XX:NewRatio"], "Improperly specified VM option 'NewRatio'"),
        (&["-XX:NewRatio=abc"], "Improperly specified VM option 'NewRatio=abc'"),
        (&["-XX:MinHeapDeltaBytes=-3"], "Improperly specified VM option 'MinHeapDeltaBytes=-3'"),
        (&["-XX:+NewRatio"], "Unexpected +/- setting in VM option 'NewRatio'"),
        (&["-XX:UseTLAB=1"], "Missing +/- setting for VM option 'UseTLAB=1'"),
        (&["-XX:SurvivorRatio=0"], "uintx SurvivorRatio=0 is outside the allowed range [ 1 ... 18446744073709551613 ]"),
        (&["-XX:MinHeapFreeRatio=101"], "uintx MinHeapFreeRatio=101 is outside the allowed range [ 0 ... 100 ]"),
        (
            &["-XX:MaxRAMPercentage=101"],
            "double MaxRAMPercentage=101.000000 is outside the allowed range [ 0.000000 ... 100.000000 ]",
        ),
        (
            &["-XX:ThreadStackSize=99999999"],
            "intx ThreadStackSize=99999999 is outside the allowed range [ 0 ... 1048576 ]",
        ),
        (&["-XX:ObjectAlignmentInBytes=12"], "ObjectAlignmentInBytes (12) must be power of 2"),
        (&["-XX:ContendedPaddingWidth=7"], "ContendedPaddingWidth (7) must be a multiple of 8"),
        (&["-XX:MinHeapFreeRatio=80"], "MinHeapFreeRatio (80) must be less than or equal to MaxHeapFreeRatio (70)"),
        (&["-XX:TLABSize=1"], "TLABSize (1) must be greater than or equal to MinTLABSize (2048)"),
        (&["-XX:MinTLABSize=1"], "MinTLABSize (1) must be greater than or equal to reserved area in TLAB (576)"),
        (&["-Xss100k"], "The Java thread stack size specified is too small. Specify at least 136k"),
    ];
    for (options, expected) in cases {
        assert_eq!(&refusal(Version::V17, options), expected);
    }
}

#[test]
fn flags_and_their_types_come_and_go_with_the_version() {
    assert_eq!(refusal(Version::V25, &["-XX:OldSize=3m"]), "Unrecognized VM option 'OldSize=3m'");
    assert!(Flags::parse(Version::V21, ["-XX:OldSize=3m"]).is_ok());
    assert!(Flags::parse(Version::V25, ["-XX:+UseCompactObjectHeaders"]).is_ok());
    let message = "Unrecognized VM option 'UseCompactObjectHeaders'";
    assert_eq!(refusal(Version::V17, &["-XX:+UseCompactObjectHeaders"]), message);
    let range = "MaxTenuringThreshold=17 is outside the allowed range [ 0 ... 16 ]";
    assert_eq!(refusal(Version::V17, &["-XX:MaxTenuringThreshold=17"]), format!("uintx {range}"));
    assert_eq!(refusal(Version::V25, &["-XX:MaxTenuringThreshold=17"]), format!("uint {range}"));
}

#[test]
fn a_misspelt_flag_is_answered_with_the_nearest() {
    let error = Flags::parse(Version::V17, ["-XX:NewRatoi=3"]).unwrap_err();
    assert_eq!(error.to_string(), "Unrecognized VM option 'NewRatoi=3': did you mean `NewRatio`?");
}

#[test]
fn another_collector_is_refused_as_ours_not_hotspots() {
    let error = Flags::parse(Version::V17, ["-XX:+UseG1GC"]).unwrap_err();
    assert!(!error.is_hotspots);
    assert_eq!(error.to_string(), "the model has the Serial collector only (`-XX:+UseG1GC`)");
}
