//! Which release of the JDK is emulated. Versions are data: every rule that differs asks this one value.

use std::fmt;
use std::str::FromStr;

/// A release of the JDK with long-term support.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// JDK 17, held against 17.0.15.
    #[default]
    V17,
    /// JDK 21, held against 21.0.8.
    V21,
    /// JDK 25, held against 25.0.2.
    V25,
}

impl Version {
    /// Every version, oldest first.
    pub const ALL: [Version; 3] = [Version::V17, Version::V21, Version::V25];

    /// The feature release: 17, 21 or 25.
    pub const fn feature(self) -> u32 {
        match self {
            Version::V17 => 17,
            Version::V21 => 21,
            Version::V25 => 25,
        }
    }

    /// The version of a feature release.
    pub fn from_feature(feature: u32) -> Option<Version> {
        Version::ALL.into_iter().find(|version| version.feature() == feature)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.feature().fmt(f)
    }
}

/// A version string that names none of [`Version::ALL`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownVersion(String);

impl fmt::Display for UnknownVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown JDK version `{}`: the model has 17, 21 and 25", self.0)
    }
}

impl std::error::Error for UnknownVersion {}

impl FromStr for Version {
    type Err = UnknownVersion;

    /// Reads a version as a JVM writes it: `17`, `17.0.15+6-Debian-1deb12u1`, `21.0.8+9-LTS`.
    fn from_str(text: &str) -> Result<Self, UnknownVersion> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).map_or(text, |end| &text[..end]);
        digits.parse().ok().and_then(Version::from_feature).ok_or_else(|| UnknownVersion(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_from_the_jvms_own_string() {
        assert_eq!("17.0.15+6-Debian-1deb12u1".parse(), Ok(Version::V17));
        assert_eq!("21".parse(), Ok(Version::V21));
        assert_eq!("25-ea".parse(), Ok(Version::V25));
    }

    #[test]
    fn a_version_the_model_does_not_have_is_refused_by_name() {
        let error = "11.0.2".parse::<Version>().unwrap_err();
        assert_eq!(error.to_string(), "unknown JDK version `11.0.2`: the model has 17, 21 and 25");
    }
}
