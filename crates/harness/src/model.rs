//! Which of the three.

use serde::Serialize;

/// A model of a runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Model {
    /// The call stack and glibc's malloc.
    C,
    /// CPython.
    CPython,
    /// HotSpot with the Serial collector.
    Jvm,
}

impl Model {
    /// All three, in the order of every table.
    pub const ALL: [Model; 3] = [Model::C, Model::CPython, Model::Jvm];

    /// The name in file names and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Model::C => "c",
            Model::CPython => "cpython",
            Model::Jvm => "jvm",
        }
    }

    /// The name in headings.
    pub const fn title(self) -> &'static str {
        match self {
            Model::C => "C",
            Model::CPython => "CPython",
            Model::Jvm => "JVM",
        }
    }

    /// The model of that name.
    pub fn from_name(name: &str) -> Option<Model> {
        Model::ALL.into_iter().find(|model| model.name() == name)
    }
}
