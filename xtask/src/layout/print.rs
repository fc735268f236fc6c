//! Layouts in the form in which JOL (`ClassLayout.toPrintable`) prints them.
//!
//! Differs: JOL cannot see the fields that the VM injects and shows gaps in their places; they are named here. Fields of
//! the JDK's own classes that came from the table have no declared type beyond primitive or reference.

use std::fmt::Write as _;

use jvm_model::layout::Mode;

use super::Laid;

/// A row: offset, bytes, type, description.
struct Row(u64, u64, String, String);

/// The line about the VM.
pub(super) fn mode(text: &mut String, mode: &Mode) {
    let yes = |is_on: bool, what: &str| format!("{}{what}", if is_on { "" } else { "no " });
    let mut parts = vec![
        yes(mode.compressed_oops, "compressed references"),
        yes(mode.compressed_class_pointers, "compressed class pointers"),
    ];
    if mode.compact_headers {
        parts.push("compact headers".to_owned());
    }
    parts.push(format!("objects aligned to {} bytes", mode.object_alignment_bytes));
    let _ = writeln!(text, "# JDK {}, 64 bits: {}", mode.version, parts.join(", "));
}

/// Header, fields and gaps of a class, in order of offset; and what is lost inside and behind.
fn rows(laid: &Laid, mode: &Mode) -> (Vec<Row>, u64, u64) {
    let header = u64::from(mode.header_bytes());
    let mut rows = vec![Row(0, 8, String::new(), "(object header: mark)".to_owned())];
    if header > 8 {
        rows.push(Row(8, header - 8, String::new(), "(object header: class)".to_owned()));
    }
    let (mut end, mut internal) = (header, 0);
    for field in laid.layout.fields() {
        let (offset, bytes) = (u64::from(field.offset), u64::from(field.field_type.bytes(mode)));
        if offset > end {
            rows.push(Row(end, offset - end, String::new(), "(alignment/padding gap)".to_owned()));
            internal += offset - end;
        }
        let (class, type_name) = laid.origin(field.depth, &field.name, field.field_type);
        let simple = class.rsplit('.').next().unwrap_or(class);
        rows.push(if field.is_injected {
            Row(offset, bytes, String::new(), format!("({simple}.{} injected by the VM)", field.name))
        } else {
            Row(offset, bytes, type_name.to_owned(), format!("{simple}.{}", field.name))
        });
        end = offset + bytes;
    }
    let external = u64::from(laid.layout.instance_bytes()) - end;
    if external > 0 {
        rows.push(Row(end, external, String::new(), "(object alignment gap)".to_owned()));
    }
    (rows, internal, external)
}

/// One class, field by field.
pub(super) fn object(text: &mut String, laid: &Laid, mode: &Mode) {
    let (rows, internal, external) = rows(laid, mode);
    let type_width = rows.iter().map(|row| row.2.chars().count()).fold("TYPE".len(), usize::max) + 2;
    let description_width = rows.iter().map(|row| row.3.chars().count()).fold("DESCRIPTION".len(), usize::max) + 2;
    let _ = writeln!(text, "{} object internals:", laid.name);
    let _ = writeln!(text, "OFF  SZ{:>type_width$} {:description_width$} VALUE", "TYPE", "DESCRIPTION");
    for Row(offset, bytes, type_name, description) in rows {
        let value = if description.ends_with("gap)") { "" } else { "N/A" };
        let line = format!("{offset:3} {bytes:3}{type_name:>type_width$} {description:description_width$} {value}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let _ = writeln!(text, "Instance size: {} bytes", laid.layout.instance_bytes());
    let total = internal + external;
    let _ = writeln!(text, "Space losses: {internal} bytes internal + {external} bytes external = {total} bytes total");
}

/// The head of the table of a jar.
pub(super) fn table_head(text: &mut String) {
    let _ = writeln!(text, "BYTES  LOST  CLASS");
}

/// One class of a jar.
pub(super) fn table_row(text: &mut String, laid: &Laid, mode: &Mode) {
    let (_, internal, external) = rows(laid, mode);
    let _ = writeln!(text, "{:5} {:5}  {}", laid.layout.instance_bytes(), internal + external, laid.name);
}
