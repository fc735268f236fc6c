//! A workload's lifetimes as a picture in the terminal: objects down, time across, the models side by side.

use std::fmt::Write;

use lifetimes::{Lifetime, Point};

use crate::model::Model;

/// One model's part of the picture.
#[derive(Clone, Copy, Debug)]
pub struct Panel<'a> {
    /// Whose run it is.
    pub model: Model,
    /// The lifetimes, in order of birth.
    pub lifetimes: &'a [Lifetime],
    /// The heap over time.
    pub points: &'a [Point],
    /// Ticks of the run.
    pub end_ticks: u64,
}

/// What the letters of a panel mean.
pub const LEGEND: &str = "█ in use until its last use   ▓ reachable, never used again   ░ unreachable, not yet reclaimed\n\
                          × reclaimed while references to it were left   (blank) not there";

const HEIGHTS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Draws the panels side by side: at most `rows_max` objects, evenly spaced in order of birth, in `width` columns.
///
/// The scale of time is the same in all panels. The last row is the heap: bytes in use, against the panel's own peak.
pub fn draw(panels: &[Panel<'_>], rows_max: usize, width: usize) -> String {
    let end_ticks = panels.iter().map(|panel| panel.end_ticks).max().unwrap_or(0).max(1);
    let n_objects = panels.iter().map(|panel| panel.lifetimes.len()).max().unwrap_or(0);
    let rows = rows_max.min(n_objects);
    // Evenly spaced, the first and the last included.
    let shown: Vec<usize> =
        (0..rows).map(|row| if rows < 2 { 0 } else { row * (n_objects - 1) / (rows - 1) }).collect();
    let longest = |index: &usize| {
        panels.iter().filter_map(|p| p.lifetimes.get(*index)).map(|l| l.name.to_string().chars().count()).max()
    };
    let name_width = shown.iter().filter_map(longest).max().unwrap_or(0).max("bytes in use".len());
    let panel_width = (width.saturating_sub(name_width + 2 * panels.len()) / panels.len().max(1)).max(10);

    let mut out = String::new();
    let heading = panels.iter().map(|panel| format!("  {:<panel_width$}", panel.model.title()));
    line(&mut out, &format!("{:<name_width$}{}", "", heading.collect::<String>()));
    for &index in &shown {
        let name = panels.iter().find_map(|panel| panel.lifetimes.get(index)).map(|lifetime| lifetime.name.to_string());
        let lanes = panels.iter().map(|panel| {
            let lane = panel.lifetimes.get(index).map_or_else(String::new, |l| lane(l, end_ticks, panel_width));
            format!("  {lane:<panel_width$}")
        });
        line(&mut out, &format!("{:<name_width$}{}", name.unwrap_or_default(), lanes.collect::<String>()));
    }
    let heaps = panels.iter().map(|panel| format!("  {:<panel_width$}", heap(panel.points, end_ticks, panel_width)));
    line(&mut out, &format!("{:<name_width$}{}", "bytes in use", heaps.collect::<String>()));
    out
}

fn line(out: &mut String, text: &str) {
    let _ = writeln!(out, "{}", text.trim_end());
}

/// The ticks that a column stands for, half open; every column has at least one.
fn span(column: usize, end_ticks: u64, width: usize) -> (u64, u64) {
    let at = |column: usize| (u128::from(end_ticks) * column as u128 / width as u128) as u64;
    let from = at(column);
    (from, at(column + 1).max(from + 1))
}

/// An object's lane: what it was during most of what a column shows, births and deaths never hidden.
fn lane(lifetime: &Lifetime, end_ticks: u64, width: usize) -> String {
    let born = lifetime.born.0;
    let last_used = lifetime.last_used.map_or(born, |tick| tick.0);
    // Never unreachable, never reclaimed: until after the end.
    let unreachable = lifetime.unreachable.map_or(u64::MAX, |tick| tick.0);
    let reclaimed = lifetime.reclaimed.map_or(u64::MAX, |tick| tick.0);
    let letter = |(from, to): (u64, u64)| {
        // The state at the last tick of the column in which the object was still of interest.
        if to <= born {
            ' '
        } else if from <= last_used && from <= reclaimed {
            '█'
        } else if from < reclaimed {
            if from <= unreachable { '▓' } else { '░' }
        } else if from < unreachable && unreachable != u64::MAX && to > reclaimed {
            '×'
        } else {
            ' '
        }
    };
    (0..width).map(|column| letter(span(column, end_ticks, width))).collect::<String>().trim_end().to_owned()
}

/// Bytes in use over time, in eighths of the panel's own peak.
fn heap(points: &[Point], end_ticks: u64, width: usize) -> String {
    let peak = points.iter().map(|point| point.usage.used_bytes()).max().unwrap_or(0);
    if peak == 0 {
        return String::new();
    }
    let mut next = points.iter().peekable();
    let mut used = 0;
    (0..width)
        .map(|column| {
            let (_, to) = span(column, end_ticks, width);
            while let Some(point) = next.next_if(|point| point.tick.0 < to) {
                used = point.usage.used_bytes();
            }
            HEIGHTS[(used * 8).div_ceil(peak).min(8) as usize]
        })
        .collect::<String>()
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use memory_trait::{Line, ObjectId, ObjectName, Reclaimer, Storage, Tick};

    fn life(born: u64, used: u64, unreachable: Option<u64>, reclaimed: Option<u64>) -> Lifetime {
        Lifetime {
            object: ObjectId(0),
            name: ObjectName { label: "Node".to_owned(), ordinal: 1 },
            site_line: Line(1),
            storage: Storage::Heap,
            born: Tick(born),
            last_used: Some(Tick(used)),
            unreachable: unreachable.map(Tick),
            reclaimed: reclaimed.map(Tick),
            reclaimed_by: reclaimed.map(|_| Reclaimer::Full),
            payload_bytes: 8,
            total_bytes: 24,
            n_moves: 0,
            is_cyclic: false,
        }
    }

    fn check(lifetime: &Lifetime, expected: &str) {
        assert_eq!(lane(lifetime, 10, 10), expected, "{lifetime}");
    }

    #[test]
    fn a_lane_shows_use_and_lingering_apart() {
        check(&life(1, 3, Some(5), Some(8)), " ███▓▓░░");
        check(&life(1, 3, Some(3), Some(3)), " ███");
        check(&life(0, 0, None, None), "█▓▓▓▓▓▓▓▓▓");
    }

    #[test]
    fn a_lane_shows_references_that_outlive_their_object() {
        check(&life(0, 2, Some(6), Some(3)), "███×××");
    }

    #[test]
    fn an_object_that_lives_for_less_than_a_column_is_still_seen() {
        assert_eq!(lane(&life(505, 506, Some(506), Some(506)), 1000, 10), "     █");
    }

    #[test]
    fn objects_are_drawn_evenly_spaced_with_the_first_and_the_last() {
        let lifetimes: Vec<Lifetime> = (0..100)
            .map(|i| {
                let name = ObjectName { label: "Node".to_owned(), ordinal: i + 1 };
                Lifetime { name, ..life(i, i, Some(i), Some(i)) }
            })
            .collect();
        let panel = Panel { model: Model::C, lifetimes: &lifetimes, points: &[], end_ticks: 100 };
        let picture = draw(&[panel], 3, 40);
        let names: Vec<&str> = picture.lines().map(|line| line.split(' ').next().unwrap_or("")).collect();
        assert_eq!(names, ["", "Node#1", "Node#50", "Node#100", "bytes"]);
        assert!(picture.lines().all(|line| line.chars().count() <= 40), "{picture}");
    }
}
