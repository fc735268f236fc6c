//! Random classes on the real JVMs, in several of their modes.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use jvm_model::Version;
use jvm_model::recorded::{Comparison, compare_layouts};

use super::machine::{Jvm, compile_with};
use super::program::Draw;

/// The Java half.
const CLASS_LAYOUTS: &str = include_str!("ClassLayouts.java");
/// Classes of one source file are called this and a number.
const PREFIX: &str = "R";
/// `@Contended` is the JDK's own.
const EXPORT: &str = "--add-exports=java.base/jdk.internal.vm.annotation=ALL-UNNAMED";

/// The modes that a JVM is run in: heaps are small, so that a compressed reference is an address.
pub(super) fn modes(version: Version) -> Vec<&'static [&'static str]> {
    let mut modes: Vec<&[&str]> = vec![
        &[],
        &["-XX:-UseCompressedOops"],
        &["-XX:-UseCompressedClassPointers"],
        &["-XX:-UseCompressedOops", "-XX:-UseCompressedClassPointers"],
        &["-XX:ObjectAlignmentInBytes=16"],
        &["-XX:ObjectAlignmentInBytes=32", "-XX:-UseCompressedOops"],
        &["-XX:+RestrictContended"],
        &["-XX:-EnableContended"],
    ];
    match version {
        Version::V17 => modes.push(&["-XX:-UseEmptySlotsInSupers"]),
        Version::V21 => {}
        Version::V25 => modes.extend([
            &["-XX:+UseCompactObjectHeaders"][..],
            &["-XX:+UseCompactObjectHeaders", "-XX:-UseCompressedOops"],
            &["-XX:+UseCompactObjectHeaders", "-XX:ObjectAlignmentInBytes=16"],
        ]),
    }
    modes
}

/// Writes the source of random classes: fields of all types, statics, superclasses, `@Contended`.
fn source(random: &mut Draw, n_classes: u64) -> String {
    const TYPES: [&str; 11] =
        ["byte", "boolean", "short", "char", "int", "float", "long", "double", "Object", "String", "int[]"];
    let mut text = String::from("import jdk.internal.vm.annotation.Contended;\n");
    for class in 0..n_classes {
        if random.chance(8) {
            text.push_str("@Contended ");
        }
        let superclass = if class > 0 && random.chance(60) {
            format!(" extends {PREFIX}{}", random.below(class))
        } else {
            String::new()
        };
        writeln!(text, "class {PREFIX}{class}{superclass} {{").expect("a string grows");
        let n_fields = random.below(14);
        for field in 0..n_fields {
            let is_static = random.chance(15);
            let contended = if !is_static && random.chance(6) {
                *random.of(&["@Contended ", "@Contended(\"g1\") ", "@Contended(\"g2\") "])
            } else {
                ""
            };
            let modifier = if is_static { "static " } else { "" };
            writeln!(text, "    {contended}{modifier}{} f{field};", random.of(&TYPES)).expect("a string grows");
        }
        text.push_str("}\n");
    }
    text
}

/// Random classes, compiled.
pub(super) struct Classes {
    dir: PathBuf,
    n_classes: u64,
}

impl Classes {
    pub(super) fn compile(javac: &Path, dir: &Path, seed: u64, n_classes: u64) -> Result<Classes, String> {
        let io = |error: std::io::Error| format!("{}: {error}", dir.display());
        let sources = dir.join("layout");
        let classes = dir.join("layout-classes");
        std::fs::create_dir_all(&sources).and_then(|()| std::fs::create_dir_all(&classes)).map_err(io)?;
        let (harness, random) = (sources.join("ClassLayouts.java"), sources.join("Random.java"));
        std::fs::write(&harness, CLASS_LAYOUTS)
            .and_then(|()| std::fs::write(&random, source(&mut Draw::new(seed), n_classes)))
            .map_err(io)?;
        compile_with(javac, &["-source", "17", "-target", "17", EXPORT], &[harness, random], &classes)?;
        Ok(Classes { dir: classes, n_classes })
    }

    /// Runs a JVM in a mode; the text is the recording.
    pub(super) fn run(&self, jvm: &Jvm, mode: &[&str]) -> Result<(Comparison, String), String> {
        let mut arguments: Vec<String> =
            ["-Xint", "-XX:+UseSerialGC", "-Xmx64m", "-XX:-RestrictContended", EXPORT].map(str::to_owned).to_vec();
        arguments.extend(mode.iter().map(|&flag| flag.to_owned()));
        if jvm.version >= Version::V25 {
            arguments.push("--sun-misc-unsafe-memory-access=allow".to_owned());
        }
        arguments.extend(["-cp".to_owned(), self.dir.display().to_string(), "ClassLayouts".to_owned()]);
        arguments.extend([PREFIX.to_owned(), self.n_classes.to_string()]);
        let output = jvm.run(&arguments)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{} {}: {}", jvm.java.display(), arguments.join(" "), said.trim()));
        }
        // Warnings about flags go to stdout.
        let text = String::from_utf8_lossy(&output.stdout);
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with('{')).collect();
        let recording = lines.join("\n") + "\n";
        let comparison = compare_layouts(recording.as_bytes()).map_err(|error| error.to_string())?;
        Ok((comparison, recording))
    }
}
