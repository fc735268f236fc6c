//! Writes a heap trace of as many records as one likes, to see how a reader does with a long one:
//!
//! `cargo run --release -p c-model --example long_trace -- 100000000 | cargo xtask verify /dev/stdin`

#[path = "../tests/support/churn.rs"]
mod churn;

use std::io::{self, BufWriter};

use heap_trace::Writer;

use churn::Churn;

fn main() -> io::Result<()> {
    let n = std::env::args().nth(1).map_or(Ok(1_000_000), |n| n.parse());
    let Ok(n) = n else {
        eprintln!("usage: long_trace [RECORDS]");
        std::process::exit(2);
    };
    let churn = Churn::new(1);
    let mut writer = Writer::new(BufWriter::with_capacity(1 << 16, io::stdout().lock()), &churn.header())?;
    for record in churn.take(n) {
        writer.write(&record)?;
    }
    writer.finish().map(drop)
}
