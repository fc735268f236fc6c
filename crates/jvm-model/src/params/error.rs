//! What the VM says when it refuses an option.

use std::fmt;

/// An option that HotSpot would refuse, or one that the model does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagError {
    /// The option as it was given; empty where two options contradict each other.
    pub option: String,
    /// HotSpot's own words for it (the first of the two lines where it writes two), or ours where it would accept.
    pub message: String,
    /// The name that was probably meant.
    pub meant: Option<String>,
    /// Whether HotSpot itself refuses; `false` where only the model does not have it.
    pub is_hotspots: bool,
}

impl FlagError {
    /// HotSpot refuses `option` with `message`.
    pub(super) fn refused(option: &str, message: impl Into<String>) -> FlagError {
        FlagError { option: option.to_owned(), message: message.into(), meant: None, is_hotspots: true }
    }

    /// HotSpot would accept `option`, the model does not have it.
    pub(super) fn not_modelled(option: &str, message: impl Into<String>) -> FlagError {
        FlagError { option: option.to_owned(), message: message.into(), meant: None, is_hotspots: false }
    }
}

impl fmt::Display for FlagError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if !self.option.is_empty() && !self.message.contains(self.option.trim_start_matches("-XX:")) {
            write!(f, " (`{}`)", self.option)?;
        }
        match &self.meant {
            Some(name) => write!(f, ": did you mean `{name}`?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for FlagError {}
