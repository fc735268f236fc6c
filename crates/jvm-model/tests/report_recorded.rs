//! What real JVMs logged of their collections, and what the model writes of the same spaces.
//!
//! The logs have every space to the byte (`gc+heap=debug`) beside everything that is computed from them. The spaces are
//! read, given to [`GcLog`], and the text has to be the real one, line by line. Lines that the model leaves out are taken
//! from the real log, and times are 0 in both.

use std::io::Read as _;

use jvm_model::heap::space::Space;
use jvm_model::heap::{CollectionReport, Spaces};
use jvm_model::report::{GcLog, LogConfig};
use jvm_model::sizing::Sizing;
use jvm_model::{Flags, Version};
use memory_trait::Collection;

/// What every log here was recorded with.
const CONFIG: &str = "gc*=debug,gc+age=trace";

fn recorded(name: &str) -> String {
    let path = format!("{}/../../tests/oracle/hotspot/gc-logs/{name}.log.gz", env!("CARGO_MANIFEST_DIR"));
    let file = std::fs::File::open(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("it is compressed text");
    text
}

/// Decorations but for the time, and the message with its times set to 0; `None` for what the model leaves out.
fn normal(line: &str) -> Option<String> {
    let (_, line) = line.split_once(']').expect("an uptime");
    let tags = line.split(['[', ']']).nth(3).expect("tags").trim();
    let message = line.splitn(3, ']').nth(2).expect("a message").trim_start();
    let said = message.split_once(") ").filter(|_| message.starts_with("GC(")).map_or(message, |(_, said)| said);
    let is_of_classes = ["Metaspace", "class space"].iter().any(|word| said.trim_start().starts_with(word));
    let is_of_an_object = said.starts_with("Promotion failure size");
    if ["gc,metaspace", "gc,tlab", "gc,ref", "gc,phases,ref", "gc,jni"].contains(&tags)
        || is_of_classes
        || is_of_an_object
    {
        return None;
    }
    // The release, the machine.
    if let Some(name) = ["Version: ", "CPUs: ", "Memory: "].into_iter().find(|name| said.starts_with(name)) {
        return Some(format!("{}{name}", &line[..line.len() - said.len()]));
    }
    if said.starts_with("Accumulated") {
        let (head, rest) = line.split_once("time ").expect("a time");
        let (_, rest) = rest.split_once(' ').expect("a unit");
        let (middle, _) = rest.split_once("avg").expect("an average");
        return Some(format!("{head}time 0 {middle}avg GC time 0"));
    }
    if let Some(at) = line.find("User=") {
        return Some(line[..at].to_owned() + "User=");
    }
    let head = line.strip_suffix("ms").and_then(|line| line.rsplit_once(' '));
    Some(head.map_or_else(|| line.to_owned(), |(head, _)| format!("{head} 0ms")))
}

fn number_after(text: &str, word: &str) -> u64 {
    let (_, rest) = text.split_once(word).unwrap_or_else(|| panic!("no `{word}` in {text}"));
    let rest = rest.trim_start();
    rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())].parse().expect("a number")
}

/// A space of a line of `gc+heap=debug`.
fn space(said: &str, base: u64) -> Space {
    let (_, range) = said.rsplit_once('[').expect("a range");
    let words: Vec<usize> = range
        .trim_end_matches(')')
        .split(", ")
        .map(|hex| u64::from_str_radix(hex.trim_start_matches("0x"), 16).expect("an address"))
        .map(|address| ((address - base) / 8) as usize)
        .collect();
    Space { bottom: words[0], top: words[1], end: *words.last().expect("an end") }
}

/// The collections of a log, and the spaces when the VM exits.
fn collections(text: &str, base: u64) -> (Vec<(Collection, CollectionReport)>, Spaces) {
    let mut found: Vec<(Collection, CollectionReport)> = Vec::new();
    let (mut is_after, mut has_ages, mut has_change) = (false, false, false);
    let mut last = Spaces::default();
    for line in text.lines() {
        let message = line.splitn(4, ']').nth(3).expect("a message").trim_start();
        let said = message.split_once(") ").filter(|_| message.starts_with("GC(")).map_or(message, |(_, said)| said);
        if line.contains("[gc,start ") {
            let is_full = said.starts_with("Pause Full");
            let cause = if said.contains("System.gc()") { "System.gc()" } else { "Allocation Failure" };
            let number = found.len() as u64;
            let collection = Collection { generation: u8::from(is_full), is_full, cause };
            found.push((collection, CollectionReport { number, ..CollectionReport::default() }));
            (is_after, has_ages, has_change) = (false, false, false);
        }
        let nobody = Collection { generation: 0, is_full: false, cause: "" };
        let mut nobody = (nobody, CollectionReport::default());
        let (_, report) = found.last_mut().unwrap_or(&mut nobody);
        is_after |= said.to_ascii_lowercase().starts_with("heap after");
        let is_exit = line.contains(",exit");
        let spaces = if is_exit {
            &mut last
        } else if is_after {
            &mut report.after
        } else {
            &mut report.before
        };
        match said.split_whitespace().take(2).collect::<Vec<_>>()[..] {
            ["eden", "space"] => spaces.eden = space(said, base),
            ["from", "space"] => spaces.from = space(said, base),
            ["to", "space"] => spaces.to = space(said, base),
            ["the", "space"] => spaces.old = space(said, base),
            ["Promotion", "failed"] => report.has_promotion_failed = true,
            ["DefNew:", _] => has_change = true,
            ["Desired", "survivor"] => {
                has_ages = true;
                report.desired_survivor_bytes = number_after(said, "size");
                report.tenuring_threshold = number_after(said, "threshold") as u32;
            }
            ["-", "age"] => report.age_bytes[number_after(said, "age") as usize] = number_after(said, ":"),
            ["Pause", kind] if line.contains("[gc  ") => {
                report.was_skipped = kind == "Young" && !has_ages && !report.has_promotion_failed;
                report.leads_to_full = !has_change;
            }
            _ => {}
        }
    }
    (found, last)
}

/// Writes the log anew from its spaces; lines compared, full collections that follow a young one, and failed promotions.
fn rewrite(name: &str, version: Version, options: [&str; 2]) -> [usize; 3] {
    let real = recorded(name);
    let flags = Flags::parse(version, options).expect("HotSpot took them");
    let sizing = Sizing::of(&flags).expect("HotSpot took them");
    let (collections, last) = collections(&real, sizing.placement.base);
    let mut log = GcLog::new(CONFIG.parse().expect("HotSpot took it"), &flags, &sizing);
    for (collection, report) in &collections {
        log.note(0, *collection, report);
    }
    log.end(0, &last);
    let expected: Vec<String> = real.lines().filter_map(normal).collect();
    let written: Vec<String> = log.text().lines().filter_map(normal).collect();
    for (at, (expected, written)) in expected.iter().zip(&written).enumerate() {
        assert_eq!(expected, written, "{name}: line {} of those that both have", at + 1);
    }
    assert_eq!(expected.len(), written.len(), "{name}");
    assert_eq!(log.text().lines().count(), written.len(), "the model writes nothing that is left out here");
    let count = |is: fn(&CollectionReport) -> bool| collections.iter().filter(|(_, report)| is(report)).count();
    [written.len(), count(|report| report.leads_to_full), count(|report| report.has_promotion_failed)]
}

#[test]
fn every_line_of_17_is_the_real_one() {
    let [n_lines, n_followed, n_failed] = rewrite("17-Serial-spaces", Version::V17, ["-Xms8m", "-Xmx20m"]);
    assert!(n_lines > 900 && n_followed >= 3 && n_failed == 1, "{n_lines} {n_followed} {n_failed}");
    rewrite("17-Serial-debug", Version::V17, ["-Xms8m", "-Xmx16m"]);
}

#[test]
fn every_line_of_21_is_the_real_one() {
    let [n_lines, n_followed, n_failed] = rewrite("21-Serial-spaces", Version::V21, ["-Xms8m", "-Xmx20m"]);
    assert!(n_lines > 900 && n_followed >= 3 && n_failed == 1, "{n_lines} {n_followed} {n_failed}");
}

#[test]
fn every_line_of_25_is_the_real_one() {
    let [n_lines, n_followed, n_failed] = rewrite("25-Serial-spaces", Version::V25, ["-Xms8m", "-Xmx20m"]);
    assert!(n_lines > 1000 && n_followed == 0 && n_failed == 1, "{n_lines} {n_followed} {n_failed}");
}

#[test]
fn what_is_selected_is_what_hotspot_selects() {
    for (name, config, options) in
        [("17-Serial", "gc", ["-Xms8m", "-Xmx16m"]), ("17-Serial-gcs", "gc*", ["-Xms8m", "-Xmx16m"])]
    {
        let real = recorded(name);
        let flags = Flags::parse(Version::V17, options).expect("HotSpot took them");
        let sizing = Sizing::of(&flags).expect("HotSpot took them");
        let config: LogConfig = config.parse().expect("HotSpot took it");
        // The figures are those of another run of the program, which is the same up to its first full collection.
        let (collections, _) = collections(&recorded("17-Serial-debug"), sizing.placement.base);
        let mut log = GcLog::new(config, &flags, &sizing);
        for (collection, report) in &collections {
            log.note(0, *collection, report);
        }
        let kinds = |text: &str| -> Vec<String> {
            let lines = text.lines().filter_map(normal);
            lines.map(|line| line.split(|c: char| c.is_ascii_digit()).next().expect("a part").to_owned()).collect()
        };
        let (expected, written) = (kinds(&real), kinds(log.text()));
        assert!(expected.len() >= 26, "{name}");
        let exit = expected.len() - expected.iter().filter(|line| line.contains(",exit")).count();
        assert_eq!(expected[..exit], written, "{name}");
    }
}
