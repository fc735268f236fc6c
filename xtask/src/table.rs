//! Tables of figures that fit a terminal.

use std::fmt::Write;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table};

/// A table without rules: a column of names, columns of figures, and a last column that takes what room is left.
pub(crate) fn lines_table(columns: &[&str], width: usize) -> Table {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width as u16)
        .force_no_tty();
    table.set_header(columns);
    for column in table.column_iter_mut() {
        column.set_padding((0, 1)).set_cell_alignment(CellAlignment::Right);
    }
    // The first column holds names, and is as wide as the longest; the last one holds words, and takes what is left.
    for (index, constraint) in [(0, Some(ColumnConstraint::ContentWidth)), (columns.len() - 1, None)] {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Left);
            if let Some(constraint) = constraint {
                column.set_constraint(constraint);
            }
        }
    }
    table
}

/// A table without rules that is as wide as it is: a column of names, and columns of figures.
pub(crate) fn figures_table(columns: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled).force_no_tty();
    table.set_header(columns);
    for (number, column) in table.column_iter_mut().enumerate() {
        let alignment = if number == 0 { CellAlignment::Left } else { CellAlignment::Right };
        column.set_padding((0, 2)).set_cell_alignment(alignment);
    }
    table
}

/// A table without trailing blanks.
pub(crate) fn lines(table: &Table) -> String {
    let mut out = String::new();
    for line in table.lines() {
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

/// A share of one, as a percentage.
pub(crate) fn share(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.0}%", share * 100.0))
}

/// Bytes in three or four digits.
pub(crate) fn bytes(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_240_000 => format!("{:.0} K", bytes as f64 / 1024.0),
        10_240_000..10_485_760_000 => format!("{:.0} M", bytes as f64 / 1_048_576.0),
        _ => format!("{:.0} G", bytes as f64 / 1_073_741_824.0),
    }
}

/// Bytes that came or, if negative, went; a dash for none.
pub(crate) fn bytes_changed(change: i64) -> String {
    match change {
        0 => "-".to_owned(),
        1.. => bytes(change as u64),
        _ => format!("-{}", bytes(change.unsigned_abs())),
    }
}
