//! The classes of java.base that a program can extend, so that its own can be laid out without a JDK.
//!
//! The text beside this file has a line for each: the releases, the name (with `@` where the class is `@Contended`), the
//! superclass or `-`, and the instance fields as `name:letter`, with `@group` where contended. Statics are left out.
//! Read from 17.0.15, 21.0.8 and 25.0.2 through reflection.

use super::{ClassInfo, FieldInfo, FieldType};
use crate::version::Version;

const TEXT: &str = include_str!("jdk.txt");

/// The class of that name (with dots) in that release, and its superclass's name; `None` when it is not in the table:
/// not in java.base, not there in that release, or final, or not public.
pub fn jdk_class(name: &str, version: Version) -> Option<(ClassInfo, Option<&'static str>)> {
    let feature = version.to_string();
    TEXT.lines().find_map(|line| {
        let mut words = line.split(' ');
        let is_there = words.next()?.split(',').any(|release| release == feature);
        let word = words.next()?;
        let bare = word.strip_suffix('@').unwrap_or(word);
        if !is_there || bare != name {
            return None;
        }
        let superclass = words.next().filter(|&superclass| superclass != "-");
        let fields = words.filter_map(field).collect();
        let info = ClassInfo { name: name.to_owned(), is_contended: bare != word, is_privileged: true, fields };
        Some((info, superclass))
    })
}

fn field(word: &str) -> Option<FieldInfo> {
    let (name, rest) = word.split_once(':')?;
    let (letter, contended) = rest.split_once('@').map_or((rest, None), |(letter, group)| (letter, Some(group)));
    let field_type = FieldType::from_descriptor(letter)?;
    Some(FieldInfo { name: name.to_owned(), field_type, is_static: false, contended: contended.map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_class_whose_superclasses_are_there() {
        for line in TEXT.lines() {
            let words: Vec<_> = line.split(' ').collect();
            assert!(words.len() >= 3 && words[3..].iter().all(|word| field(word).is_some()), "{line}");
            for release in words[0].split(',') {
                let version = release.parse().unwrap();
                let name = words[1].trim_end_matches('@');
                assert!(jdk_class(name, version).is_some(), "{line}");
                assert!(words[2] == "-" || jdk_class(words[2], version).is_some(), "{line}");
            }
        }
    }

    #[test]
    fn a_class_changes_with_the_release() {
        let contended = |version| {
            let (info, superclass) = jdk_class("java.lang.Thread", version).unwrap();
            assert_eq!(superclass, Some("java.lang.Object"));
            info.fields.iter().filter(|field| field.contended.is_some()).count()
        };
        assert_eq!((contended(Version::V17), contended(Version::V21)), (3, 0));
        assert!(jdk_class("java.util.NoSuchList", Version::V17).is_none());
    }
}
