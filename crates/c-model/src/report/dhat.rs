//! DHAT's output file, which `dh_view.html` opens.
//!
//! Source: valgrind 3.19 `dhat/dh_main.c:dh_fini`, `dhat/dh_view.js`; `dhatFileVersion` 2.
//! Differs: without accesses (`bkacc` is false: a trace does not have them); a place of allocation is the size class of
//! the chunk, under the function that was called; a realloc ends one block and begins another.

use std::fmt::Write;

use super::profile::{Profile, Unit};

/// Blocks that live shorter than this are called short-lived. Unit: that of the profile. DHAT's own 500 are
/// instructions, which are a few calls.
const SHORT_EVENTS: u64 = 10;
/// As above, for bytes.
const SHORT_BYTES: u64 = 1000;

/// A profile as a dhat.out file. `command`: what `cmd` says.
pub fn dhat(profile: &Profile, command: &str) -> String {
    let (unit, million, short) = match profile.unit {
        Unit::Events => ("calls", "Mcall", SHORT_EVENTS),
        Unit::Bytes => ("bytes", "MB", SHORT_BYTES),
    };
    let mut frames: Vec<String> = vec!["[root]".to_owned()];
    let mut number = |frame: String| {
        frames.iter().position(|known| *known == frame).unwrap_or_else(|| {
            frames.push(frame);
            frames.len() - 1
        })
    };
    let mut points = Vec::new();
    for record in &profile.sites {
        let class = number(record.site.class());
        let function = number(record.site.function.to_owned());
        let [total, fullest, at_peak, now] = [record.total, record.fullest, record.at_peak, record.now];
        points.push(format!(
            "{{\"tb\":{},\"tbk\":{},\"tl\":{}\n  ,\"mb\":{},\"mbk\":{}\n  ,\"gb\":{},\"gbk\":{}\n  ,\"eb\":{},\"ebk\":{}\n  \
             ,\"fs\":[{function},{class}]\n  }}",
            total.bytes,
            total.n_blocks,
            record.lifetimes,
            fullest.bytes,
            fullest.n_blocks,
            at_peak.bytes,
            at_peak.n_blocks,
            now.bytes,
            now.n_blocks,
        ));
    }
    let frames: Vec<String> = frames.iter().map(|frame| text(frame)).collect();
    format!(
        "{{\"dhatFileVersion\":2\n,\"mode\":\"heap\",\"verb\":\"Allocated\"\n,\"bklt\":true,\"bkacc\":false\n\
         ,\"tu\":\"{unit}\",\"Mtu\":\"{million}\",\"tuth\":{short}\n,\"cmd\":{}\n,\"pid\":0\n,\"te\":{},\"tg\":{}\n\
         ,\"pps\":\n [{}\n ]\n,\"ftbl\":\n [{}\n ]\n}}\n",
        text(command),
        profile.time,
        profile.peak_time,
        points.join("\n ,"),
        frames.join("\n ,"),
    )
}

/// A text of JSON.
fn text(plain: &str) -> String {
    let mut out = String::from("\"");
    for character in plain.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control if control < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}
