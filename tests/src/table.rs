//! The table of lifetimes in a snapshot: fixed columns, so that a change shows in the lines that changed.

use lifetimes::Lifetime;
use memory_trait::Storage;

use crate::snapshot::Text;

/// With so many objects or fewer, all are shown.
const ALL_MAX: usize = 60;

/// Of more objects, so many of the first and of the last.
const FIRST: usize = 40;
const LAST: usize = 20;

/// Writes the table, and a digest of all lifetimes, shown or not.
pub(crate) fn write(text: &mut Text, lifetimes: &[Lifetime]) {
    let rows: Vec<String> = lifetimes.iter().map(row).collect();
    let digest = rows.iter().fold(FNV_OFFSET, |digest, row| fnv1a(fnv1a(digest, row.as_bytes()), b"\n"));
    text.title(&format!("lifetimes: {}, digest {digest:016x}", rows.len()));
    if rows.is_empty() {
        return;
    }
    text.line(&columns(&HEADINGS));
    let n_hidden = if rows.len() <= ALL_MAX { 0 } else { rows.len() - FIRST - LAST };
    let n_first = if n_hidden == 0 { rows.len() } else { FIRST };
    for row in &rows[..n_first] {
        text.line(row);
    }
    if n_hidden > 0 {
        text.line(&format!("... {n_hidden} more"));
    }
    for row in &rows[n_first + n_hidden..] {
        text.line(row);
    }
}

const HEADINGS: [&str; 13] = [
    "name", "line", "storage", "born", "used", "unreach", "reclaim", "by", "drag", "payload", "total", "moves",
    "cyclic",
];

/// Objects' names and words to the left, numbers to the right.
fn columns(cells: &[&str; 13]) -> String {
    let [name, line, storage, born, used, unreachable, reclaimed, by, drag, payload, total, moves, cyclic] = cells;
    let times = format!("{born:>8} {used:>8} {unreachable:>8} {reclaimed:>8}");
    let line = format!(
        "{name:<15}{line:>4}  {storage:<9}{times}  {by:<6}{drag:>8} {payload:>9} {total:>9} {moves:>6}  {cyclic}"
    );
    line.trim_end().to_owned()
}

fn row(lifetime: &Lifetime) -> String {
    let Lifetime {
        object: _,
        name,
        site_line,
        storage,
        born,
        last_used,
        unreachable,
        reclaimed,
        reclaimed_by,
        payload_bytes,
        total_bytes,
        n_moves,
        is_cyclic,
    } = lifetime;
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let storage = match storage {
        Storage::Heap => "heap",
        Storage::Automatic => "automatic",
        Storage::Static => "static",
    };
    columns(&[
        &name.to_string(),
        &site_line.0.to_string(),
        storage,
        &born.to_string(),
        &or_dash(last_used.map(|tick| tick.to_string())),
        &or_dash(unreachable.map(|tick| tick.to_string())),
        &or_dash(reclaimed.map(|tick| tick.to_string())),
        reclaimed_by.map_or("-", |by| by.name()),
        &or_dash(lifetime.drag_ticks().map(|ticks| ticks.to_string())),
        &payload_bytes.to_string(),
        &total_bytes.to_string(),
        &n_moves.to_string(),
        if *is_cyclic { "cyclic" } else { "" },
    ])
}

/// FNV-1a, 64 bits: offset basis and prime as the authors give them. Unit: none.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

fn fnv1a(digest: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(digest, |digest, &byte| (digest ^ u64::from(byte)).wrapping_mul(FNV_PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_the_published_vectors() {
        assert_eq!(fnv1a(FNV_OFFSET, b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(FNV_OFFSET, b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(FNV_OFFSET, b"foobar"), 0x8594_4171_f739_67e8);
    }
}
