//! Random command lines of heap programs.

use super::program::Draw;

/// What every heap program runs under: the interpreter, Serial, and soft references that do not wait.
const ALWAYS: [&str; 3] = ["-Xint", "-XX:+UseSerialGC", "-XX:SoftRefLRUPolicyMSPerMB=0"];

/// Draws the flags of a program.
pub(super) fn draw(random: &mut Draw) -> Vec<String> {
    let mut flags = ALWAYS.map(str::to_owned).to_vec();
    let max_kib = if random.chance(80) { random.between(6, 20) * 1024 } else { random.between(5 * 1024, 48 * 1024) };
    flags.push(format!("-Xmx{max_kib}k"));
    let is_fixed = random.chance(55);
    let initial_kib = if is_fixed { max_kib } else { random.between(4 * 1024, max_kib.max(4 * 1024)) };
    flags.push(format!("-Xms{initial_kib}k"));
    young(random, &mut flags, max_kib, is_fixed);
    let mut maybe = |percent: u64, flag: &str, least: u64, most: u64| {
        if random.chance(percent) {
            flags.push(format!("-XX:{flag}={}", random.between(least, most)));
        }
    };
    maybe(35, "SurvivorRatio", 1, 20);
    maybe(25, "TargetSurvivorRatio", 5, 100);
    maybe(35, "MaxTenuringThreshold", 0, 16);
    maybe(25, "MarkSweepDeadRatio", 0, 40);
    maybe(20, "MarkSweepAlwaysCompactCount", 1, 6);
    maybe(20, "PretenureSizeThreshold", 400, 60_000);
    if !is_fixed {
        maybe(30, "MinHeapFreeRatio", 5, 60);
        maybe(30, "MaxHeapFreeRatio", 61, 95);
        maybe(20, "MinHeapDeltaBytes", 50_000, 1_000_000);
        if random.chance(25) {
            flags.push("-XX:-ShrinkHeapInSteps".to_owned());
        }
    }
    buffers(random, &mut flags);
    flags
}

fn young(random: &mut Draw, flags: &mut Vec<String>, max_kib: u64, is_fixed: bool) {
    match random.below(10) {
        0..4 => flags.push(format!("-Xmn{}k", random.between(max_kib / 20, max_kib / 5))),
        4..5 => flags.push(format!("-Xmn{}k", random.between(max_kib / 5, max_kib / 2))),
        5..7 => flags.push(format!("-XX:NewRatio={}", random.between(1, 6))),
        7..8 if !is_fixed => {
            let least = random.between(max_kib / 20, max_kib / 4);
            flags.push(format!("-XX:NewSize={least}k"));
            flags.push(format!("-XX:MaxNewSize={}k", random.between(least, max_kib / 2)));
        }
        _ => {}
    }
}

/// Thread-local allocation buffers: none, of a fixed size, resized.
fn buffers(random: &mut Draw, flags: &mut Vec<String>) {
    match random.below(10) {
        0..4 => flags.push("-XX:-UseTLAB".to_owned()),
        4..6 => {
            flags.push("-XX:-ResizeTLAB".to_owned());
            flags.push(format!("-XX:TLABSize={}", random.between(2, 64) * 1024));
        }
        6..7 => {
            flags.push(format!("-XX:TLABWasteTargetPercent={}", random.between(1, 10)));
            flags.push(format!("-XX:TLABRefillWasteFraction={}", random.between(2, 200)));
            flags.push(format!("-XX:TLABWasteIncrement={}", random.between(0, 60)));
        }
        7..8 => flags.push(format!("-XX:TLABAllocationWeight={}", random.between(0, 100))),
        _ => {}
    }
}
