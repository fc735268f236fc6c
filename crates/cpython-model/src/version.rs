//! The versions of `CPython` that are modelled. Knows names and order, no rule: rules ask `version >= Version::V3_12`.

use std::fmt;
use std::str::FromStr;

/// A minor version of `CPython`. Later versions compare greater.
///
/// The patch releases that the rules were held against are 3.8.18, 3.9.18, 3.10.13, 3.11.7, 3.12.1 and 3.13.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// 3.8: 256 KiB arenas; even the last empty arena goes back to the system.
    V3_8,
    /// 3.9: the last usable arena is kept; lists grow in multiples of four.
    V3_9,
    /// 3.10: arenas of 1 MiB, pools of 16 KiB, found by a radix tree.
    V3_10,
    /// 3.11: no per-instance dictionary until one is asked for; frames on a data stack.
    V3_11,
    /// 3.12: immortal objects; the collector runs at the eval breaker.
    V3_12,
    /// 3.13: instance values inline in the instance.
    V3_13,
}

impl Version {
    /// Every version, in order.
    pub const ALL: [Version; 6] =
        [Version::V3_8, Version::V3_9, Version::V3_10, Version::V3_11, Version::V3_12, Version::V3_13];

    /// The name: `3.11`.
    pub const fn name(self) -> &'static str {
        match self {
            Version::V3_8 => "3.8",
            Version::V3_9 => "3.9",
            Version::V3_10 => "3.10",
            Version::V3_11 => "3.11",
            Version::V3_12 => "3.12",
            Version::V3_13 => "3.13",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A version that is not modelled. Its text lists those that are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownVersion {
    /// What was asked for.
    pub text: String,
}

impl fmt::Display for UnknownVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CPython version {:?} is not modelled; known are ", self.text)?;
        for (i, version) in Version::ALL.iter().enumerate() {
            write!(f, "{}{version}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownVersion {}

impl FromStr for Version {
    type Err = UnknownVersion;

    /// Reads `3.11` or `3.11.7`; what follows the minor version must be numbers, and plays no part.
    fn from_str(text: &str) -> Result<Version, UnknownVersion> {
        let unknown = || UnknownVersion { text: text.to_owned() };
        let mut parts = text.split('.');
        let (Some(major), Some(minor)) = (parts.next(), parts.next()) else { return Err(unknown()) };
        if parts.clone().count() > 1
            || parts.any(|patch| patch.is_empty() || !patch.bytes().all(|b| b.is_ascii_digit()))
        {
            return Err(unknown());
        }
        let is_it = |version: &Version| version.name().split_once('.') == Some((major, minor));
        Version::ALL.into_iter().find(is_it).ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_with_and_without_its_patch_release() {
        assert_eq!("3.8".parse(), Ok(Version::V3_8));
        assert_eq!("3.13.0".parse(), Ok(Version::V3_13));
        for version in Version::ALL {
            assert_eq!(version.name().parse(), Ok(version));
        }
    }

    #[test]
    fn an_unknown_version_names_the_known_ones() {
        for text in ["3.14", "3", "", "3.1", "2.7.18", "3.11.x", "3.11.1.1", "3.011"] {
            let error = text.parse::<Version>().unwrap_err();
            assert!(error.to_string().ends_with("known are 3.8, 3.9, 3.10, 3.11, 3.12, 3.13"), "{error}");
        }
    }

    #[test]
    fn versions_are_ordered_by_release() {
        assert!(Version::V3_9 < Version::V3_10, "not as text would be");
        assert!(Version::ALL.is_sorted());
    }
}
