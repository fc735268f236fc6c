//! What is logged and how a line begins: the argument of `-Xlog`.
//!
//! Mirrors `logging/logSelection.cpp`, `logSelectionList.cpp` and `logDecorators.hpp` of JDK 17.

use std::fmt;
use std::str::FromStr;

/// How much a line matters; each takes in those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Off,
    Info,
    Debug,
    Trace,
}

impl Level {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Level::Off => "off",
            Level::Info => "info",
            Level::Debug => "debug",
            Level::Trace => "trace",
        }
    }

    /// There is nothing to warn of: `warning` and `error` are as good as `off`.
    fn from_name(name: &str) -> Option<Level> {
        Some(match name {
            "off" | "error" | "warning" => Level::Off,
            "info" => Level::Info,
            "debug" => Level::Debug,
            "trace" => Level::Trace,
            _ => return None,
        })
    }
}

/// Tags of the lines that the model writes.
const TAGS: [&str; 12] =
    ["gc", "age", "coops", "cpu", "ergo", "exit", "heap", "init", "phases", "promotion", "start", "metaspace"];

/// `gc+age=trace`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Selection {
    tags: Vec<String>,
    /// Further tags do not matter: `gc*`.
    is_open: bool,
    level: Level,
}

impl Selection {
    fn parse(text: &str) -> Result<Selection, LogConfigError> {
        let (tags, level) = match text.split_once('=') {
            Some((tags, level)) => {
                (tags, Level::from_name(level).ok_or_else(|| LogConfigError::Level(level.to_owned()))?)
            }
            None => (text, Level::Info),
        };
        let (tags, is_open) = tags.strip_suffix('*').map_or((tags, false), |tags| (tags, true));
        if tags == "all" {
            return Ok(Selection { tags: Vec::new(), is_open: true, level });
        }
        let tags: Vec<String> = tags.split('+').map(str::to_owned).collect();
        match tags.iter().find(|tag| !TAGS.contains(&tag.as_str())) {
            Some(unknown) => Err(LogConfigError::Tag(unknown.clone())),
            None => Ok(Selection { tags, is_open, level }),
        }
    }

    /// The order of tags does not matter.
    fn takes(&self, tags: &[&str]) -> bool {
        let has_all = self.tags.iter().all(|tag| tags.contains(&tag.as_str()));
        has_all && (self.is_open || self.tags.len() == tags.len())
    }
}

/// What a line begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Decorator {
    Uptime,
    UptimeMillis,
    UptimeNanos,
    Level,
    Tags,
}

impl Decorator {
    fn from_name(name: &str) -> Result<Decorator, LogConfigError> {
        Ok(match name {
            "uptime" | "u" => Decorator::Uptime,
            "uptimemillis" | "um" => Decorator::UptimeMillis,
            "uptimenanos" | "un" => Decorator::UptimeNanos,
            "level" | "l" => Decorator::Level,
            "tags" | "tg" => Decorator::Tags,
            _ => return Err(LogConfigError::Decorator(name.to_owned())),
        })
    }
}

/// What is logged, and how: the argument of `-Xlog`, as in `gc*=debug,gc+age=trace:stdout:uptime,level,tags`.
///
/// ```
/// use jvm_model::{Jvm, report::LogConfig};
/// let mut jvm = Jvm::builder().max_heap_bytes(16 << 20).gc_log("gc".parse()?).build()?;
/// assert_eq!(jvm.gc_log(), "[0.000s][info][gc] Using Serial\n");
/// let plain: LogConfig = "-Xlog:gc*::none".parse()?;
/// assert_eq!(plain.without_times(), "gc*::none".parse::<LogConfig>()?.without_times());
/// assert!("gc+tlab".parse::<LogConfig>().is_err(), "the model writes nothing of that");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Source
/// JDK 17 `logging/logConfiguration.cpp:LogConfiguration::parse_log_arguments`. Differs: the output is the caller's, so
/// that nothing but `stdout` may stand there; there are no output options; decorators that an emulated VM has no value
/// for (dates, host name, process and thread ids) are refused, and tags that it writes nothing of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    selections: Vec<Selection>,
    pub(super) decorators: Vec<Decorator>,
    pub(super) has_times: bool,
}

impl LogConfig {
    /// Neither uptimes nor durations: pauses end with their sizes, and lines of nothing but times are left out.
    #[must_use]
    pub fn without_times(mut self) -> Self {
        self.has_times = false;
        self.decorators.retain(|decorator| matches!(decorator, Decorator::Level | Decorator::Tags));
        self
    }

    /// Whether a line is wanted. The last selection that knows its tags decides.
    pub(super) fn takes(&self, level: Level, tags: &[&str]) -> bool {
        let decisive = self.selections.iter().rev().find(|selection| selection.takes(tags));
        decisive.is_some_and(|selection| level <= selection.level)
    }
}

impl FromStr for LogConfig {
    type Err = LogConfigError;

    fn from_str(text: &str) -> Result<Self, LogConfigError> {
        let text = text.strip_prefix("-Xlog:").unwrap_or(text);
        let mut parts = text.splitn(4, ':');
        let what = parts.next().filter(|what| !what.is_empty()).unwrap_or("all");
        let selections = what.split(',').map(Selection::parse).collect::<Result<_, _>>()?;
        match parts.next() {
            None | Some("" | "stdout") => {}
            Some(output) => return Err(LogConfigError::Output(output.to_owned())),
        }
        let mut decorators = match parts.next() {
            None | Some("") => vec![Decorator::Uptime, Decorator::Level, Decorator::Tags],
            Some("none") => Vec::new(),
            Some(names) => names.split(',').map(Decorator::from_name).collect::<Result<_, _>>()?,
        };
        if let Some(options) = parts.next() {
            return Err(LogConfigError::Options(options.to_owned()));
        }
        decorators.sort_unstable();
        decorators.dedup();
        Ok(LogConfig { selections, decorators, has_times: true })
    }
}

/// An argument of `-Xlog` that HotSpot, or the model, does not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogConfigError {
    /// There is no such tag, or the model writes nothing of it.
    Tag(String),
    /// There is no such level.
    Level(String),
    /// There is no such decorator, or an emulated VM has no value for it.
    Decorator(String),
    /// The log goes elsewhere than to its reader.
    Output(String),
    /// Options of an output.
    Options(String),
}

impl fmt::Display for LogConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogConfigError::Tag(tag) => {
                write!(f, "Invalid tag '{tag}' in log selection. The model has {}", TAGS.join(", "))
            }
            LogConfigError::Level(level) => {
                write!(f, "Invalid level '{level}' in log selection: off, info, debug or trace")
            }
            LogConfigError::Decorator(name) => write!(
                f,
                "Invalid decorator '{name}'. The model has uptime (u), uptimemillis (um), uptimenanos (un), level (l), \
                 tags (tg) and none"
            ),
            LogConfigError::Output(output) => {
                write!(f, "'{output}' is no output of the model, which has stdout only")
            }
            LogConfigError::Options(options) => write!(f, "'{options}': the model has no output options"),
        }
    }
}

impl std::error::Error for LogConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> LogConfig {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn tags_without_a_star_are_exact_and_with_one_are_the_least() {
        assert!(config("gc").takes(Level::Info, &["gc"]));
        assert!(!config("gc").takes(Level::Info, &["gc", "heap"]));
        assert!(config("gc*").takes(Level::Info, &["gc", "heap"]));
        assert!(!config("gc*").takes(Level::Debug, &["gc", "heap"]));
        assert!(config("heap+gc=debug").takes(Level::Debug, &["gc", "heap"]), "in any order");
    }

    #[test]
    fn the_last_selection_that_knows_the_tags_decides() {
        let aged = config("gc*=debug,gc+age=trace");
        assert!(aged.takes(Level::Trace, &["gc", "age"]) && !aged.takes(Level::Trace, &["gc", "heap"]));
        let quiet = config("gc*=debug,gc+age=off");
        assert!(!quiet.takes(Level::Debug, &["gc", "age"]) && quiet.takes(Level::Debug, &["gc", "heap"]));
    }

    #[test]
    fn what_cannot_be_had_is_refused_in_words() {
        let said = |text: &str| text.parse::<LogConfig>().unwrap_err().to_string();
        assert!(said("gc+tlab").starts_with("Invalid tag 'tlab' in log selection."));
        assert!(said("gc=loud").starts_with("Invalid level 'loud' in log selection"));
        assert!(said("gc:stdout:pid").starts_with("Invalid decorator 'pid'."));
        assert!(said("gc:file=gc.log").starts_with("'file=gc.log' is no output"));
        assert!(said("gc:stdout:u:filecount=2").starts_with("'filecount=2'"));
    }
}
