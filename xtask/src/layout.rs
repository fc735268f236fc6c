//! `cargo xtask layout`: the object layout of compiled classes, without a JVM, for any of the VM's modes.

mod classes;
mod print;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use jvm_model::layout::Mode;
use jvm_model::{Flags, Version};

use classes::{ClassPath, Laid};

/// Print where HotSpot puts the fields of compiled classes.
///
/// A class file is printed field by field, as JOL prints it; of a jar, every class with its bytes, unless --class names
/// some. No JVM is needed: superclasses are taken from the files, from --classpath, and from a table of the public
/// classes of java.base.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Class files, jars, zips or jmods
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Print this class of a jar field by field (java.util.HashMap$Node); may be repeated
    #[arg(long = "class", value_name = "NAME")]
    names: Vec<String>,
    /// Where superclasses are looked for besides; may be repeated
    #[arg(long, value_name = "FILE")]
    classpath: Vec<PathBuf>,
    /// Release of the JDK: 17, 21 or 25
    #[arg(long, default_value = "17")]
    jdk: Version,
    /// A flag of the VM, as in --vm=-XX:-UseCompressedOops or --vm=-Xmx40g; may be repeated
    #[arg(long, value_name = "FLAG", allow_hyphen_values = true)]
    vm: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    let mut text = String::new();
    let outcome = print(args, &mut text);
    // Who closes the pipe early knows enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Writes what there is to `text`; the error is for stderr.
fn print(args: &Args, text: &mut String) -> Result<(), String> {
    let flags = Flags::parse(args.jdk, &args.vm).map_err(|error| error.to_string())?;
    let mode = Mode::from_flags(&flags);
    let mut class_path = ClassPath::new(mode);
    let mut shown = Vec::new();
    for file in &args.files {
        shown.extend(class_path.add(file)?);
    }
    for file in &args.classpath {
        class_path.add(file)?;
    }
    let in_full = if args.names.is_empty() && shown.len() == 1 { &shown } else { &args.names };
    if !in_full.is_empty() {
        let laid = in_full.iter().map(|name| class_path.lay_out(name)).collect::<Result<Vec<_>, _>>()?;
        print::mode(text, &mode);
        for laid in &laid {
            print::object(text, laid, &mode);
        }
        return Ok(());
    }
    print::mode(text, &mode);
    print::table_head(text);
    let mut errors = Vec::new();
    for name in &shown {
        match class_path.lay_out(name) {
            Ok(laid) => print::table_row(text, &laid, &mode),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() {
        return Ok(());
    }
    errors.push(format!("{} of {} classes could not be laid out", errors.len(), shown.len()));
    Err(errors.join("\n"))
}
