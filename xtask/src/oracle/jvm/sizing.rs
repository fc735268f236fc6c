//! Random flags for the size of the heap, on the real JVMs.

use jvm_model::recorded::{Comparison, compare_sizings};
use jvm_model::sizing::Sizing;
use jvm_model::{Flags, Version};
use serde_json::{Map, Value, json};

use super::log::Log;
use super::machine::Jvm;
use super::program::Draw;

/// What a heap may take at the start. Unit: bytes. Beyond it the machine's memory has the last word, not the JVM.
const MAX_INITIAL_BYTES: u64 = 4 << 30;

/// Draws a set of flags.
pub(super) fn draw(random: &mut Draw, version: Version) -> Vec<String> {
    loop {
        let options = draw_any(random, version);
        let initial_bytes = Flags::parse(version, &options)
            .ok()
            .and_then(|flags| Sizing::of(&flags).ok())
            .map_or(0, |sizing| sizing.young.initial + sizing.old.initial);
        if initial_bytes <= MAX_INITIAL_BYTES {
            return options;
        }
    }
}

fn draw_any(random: &mut Draw, version: Version) -> Vec<String> {
    let size = |random: &mut Draw| match random.below(10) {
        0 => random.between(1, 2048),
        1..4 => random.between(1024, 32 << 10),
        4..8 => random.between(8 << 10, 1 << 20),
        _ => random.between(1 << 20, 40 << 20),
    };
    let mut flags = Vec::new();
    let most = size(random);
    if random.chance(75) {
        flags.push(format!("-Xmx{most}k"));
    }
    if random.chance(45) {
        let least = if random.chance(70) { random.between(1, most) } else { size(random) };
        flags.push(format!("-Xms{least}k"));
    }
    let mut maybe = |percent: u64, flag: &str, value: &mut dyn FnMut(&mut Draw) -> String| {
        if random.chance(percent) {
            flags.push(format!("{flag}{}", value(random)));
        }
    };
    let mut part = |random: &mut Draw| match random.below(4) {
        0..3 => format!("{}k", random.between(1, most)),
        _ => format!("{}k", size(random)),
    };
    maybe(25, "-Xmn", &mut part);
    maybe(15, "-XX:NewSize=", &mut part);
    maybe(15, "-XX:MaxNewSize=", &mut part);
    maybe(10, "-XX:MinHeapSize=", &mut part);
    maybe(8, "-XX:InitialHeapSize=", &mut part);
    if version < Version::V25 {
        maybe(8, "-XX:OldSize=", &mut part);
    }
    maybe(25, "-XX:NewRatio=", &mut |random| random.between(0, 12).to_string());
    maybe(30, "-XX:SurvivorRatio=", &mut |random| random.of(&[1, 2, 3, 5, 8, 12, 30, 200, 1000]).to_string());
    maybe(8, "-XX:InitialSurvivorRatio=", &mut |random| random.between(1, 20).to_string());
    maybe(8, "-XX:MaxRAMPercentage=", &mut |random| random.between(1, 100).to_string());
    maybe(6, "-XX:InitialRAMPercentage=", &mut |random| random.between(1, 60).to_string());
    maybe(6, "-XX:ObjectAlignmentInBytes=", &mut |random| random.of(&[8, 16, 32, 64]).to_string());
    flags
}

/// How a set of flags came out; the text is the row.
pub(super) fn run(jvm: &Jvm, flags: &[String]) -> Result<(Comparison, String), String> {
    let mut arguments = vec!["-XX:+UseSerialGC".to_owned()];
    arguments.extend_from_slice(flags);
    arguments.push(
        "-Xlog:gc,gc+start,gc+init,gc+heap=trace,gc+heap+coops=debug,gc+heap+exit:stdout:timenanos,level,tags"
            .to_owned(),
    );
    arguments.push("-version".to_owned());
    let output = jvm.run(&arguments)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let real = what_it_said(&text, &format!("{text}\n{errors}"), output.status.success());
    let row = json!({
        "flags": flags, "phys": physical_bytes(&text), "jvm": jvm.version.to_string(), "real": real,
    })
    .to_string();
    let comparison = compare_sizings(row.as_bytes(), None).map_err(|error| error.to_string())?;
    Ok((comparison, row))
}

/// The sizes, or why there are none.
fn what_it_said(text: &str, everything: &str, is_up: bool) -> Map<String, Value> {
    let mut real = Map::new();
    let log = Log::read(text);
    let initial = ["Minimum heap", "Initial heap", "Maximum heap"].map(|words| {
        let line = text.lines().find(|line| line.contains(words) && line.contains("Maximum heap"))?;
        line.split_once(words)?.1.split_whitespace().next()?.parse::<u64>().ok()
    });
    let [least, first, most] = initial;
    for (name, value) in [("minheap", least), ("initheap", first), ("maxheap", most)] {
        if let Some(value) = value {
            real.insert(name.to_owned(), value.into());
        }
    }
    if log.young[2] > 0 {
        real.insert("young".to_owned(), json!(log.young));
        real.insert("old".to_owned(), json!(log.old));
    }
    // Without compressed references it is the operating system that says where the heap is.
    let is_placed = text.contains("Compressed Oops: Enabled");
    if is_placed && log.base > 0 {
        real.insert("base".to_owned(), log.base.into());
    }
    if is_up {
        // A collection may have resized it.
        if log.collections.is_empty() {
            let capacity = |words: &str| {
                let line = text.lines().find(|line| line.contains(words))?;
                line.split_once(words)?.1.trim_start().split('K').next()?.parse::<u64>().ok().map(|kib| kib * 1024)
            };
            for (name, words) in [("eden", "eden space"), ("surv", "from space")] {
                if let Some(bytes) = capacity(words) {
                    real.insert(name.to_owned(), bytes.into());
                }
            }
        }
        return real;
    }
    let mut reasons = everything.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('['));
    let reason = reasons
        .find(|line| {
            !line.starts_with("Error occurred") && !line.contains("warning") && !line.starts_with("Error: Could")
        })
        .unwrap_or("refused")
        .to_owned();
    // The sizes are fine by then, and the JVM does not come up all the same.
    let name = if log.young[2] > 0 { "oominit" } else { "err" };
    real.insert(name.to_owned(), reason.into());
    real
}

/// What the JVM takes for the memory of the machine.
fn physical_bytes(text: &str) -> u64 {
    let said_mib = text
        .split_once("Memory: ")
        .and_then(|(_, rest)| rest.split_once('M'))
        .and_then(|(mib, _)| mib.parse::<u64>().ok());
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total_kib = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|kib| kib.parse::<u64>().ok());
    match (said_mib, total_kib) {
        // A container may have less than the machine.
        (Some(mib), Some(kib)) if kib >> 10 != mib => mib << 20,
        (_, Some(kib)) => kib << 10,
        (Some(mib), None) => mib << 20,
        (None, None) => Flags::new(Version::V17).physical_bytes,
    }
}
