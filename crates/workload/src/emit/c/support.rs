//! What the emitted program needs beside its own functions, and only that.

use std::collections::BTreeSet;

use crate::types::Type;

/// The pieces there are.
const PIECES: &str = include_str!("support.c");
const HEADERS: [&str; 5] = ["inttypes.h", "stdbool.h", "stdint.h", "stdio.h", "stdlib.h"];

/// A type of containers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Container {
    /// What it is called: `list_Node`.
    pub(super) name: String,
    /// `array`, `list` or `map`.
    shape: &'static str,
    /// How its keys are compared: `int` or `text`.
    key_kind: &'static str,
}

impl Container {
    pub(super) fn new(ty: &Type, name: String) -> Container {
        let (shape, key_kind) = match ty.without_null() {
            Type::Array(_) => ("array", ""),
            Type::List(_) => ("list", ""),
            Type::Map(key, _) => ("map", if **key == Type::Str { "text" } else { "int" }),
            other => panic!("{other:?} is no container"),
        };
        Container { name, shape, key_kind }
    }
}

/// A piece as it stands in `support.c`.
struct Piece {
    name: &'static str,
    needs: Vec<&'static str>,
    text: &'static str,
}

/// All pieces in their order.
fn pieces() -> impl Iterator<Item = Piece> {
    PIECES.split("\n//: ").skip(1).map(|piece| {
        let (head, text) = piece.split_once('\n').expect("a piece has a text");
        let mut words = head.split(' ');
        Piece { name: words.next().expect("a piece has a name"), needs: words.collect(), text: text.trim_end() }
    })
}

/// What is needed.
#[derive(Default)]
pub(super) struct Support {
    needed: BTreeSet<String>,
    of_containers: BTreeSet<(Container, &'static str)>,
    headers: BTreeSet<&'static str>,
}

impl Support {
    /// Takes a piece in, and what it needs.
    pub(super) fn need(&mut self, name: &str) {
        if self.needed.insert(name.to_owned()) {
            let piece = pieces().find(|piece| piece.name == name).unwrap_or_else(|| panic!("no piece {name:?}"));
            self.need_all(&piece, None);
        }
    }

    /// Takes in a function of a container, and what it needs.
    pub(super) fn need_of(&mut self, container: &Container, function: &str) {
        let name = format!("{}.{function}", container.shape);
        let piece = pieces().find(|piece| piece.name == name).unwrap_or_else(|| panic!("no piece {name:?}"));
        if self.of_containers.insert((container.clone(), piece.name)) {
            self.need_all(&piece, Some(container));
        }
    }

    fn need_all(&mut self, piece: &Piece, container: Option<&Container>) {
        for &name in &piece.needs {
            match (name.strip_prefix('.'), container) {
                (Some(function), Some(container)) => self.need_of(container, function),
                _ if name.contains(".h") => self.include(name),
                (_, Some(container)) => self.need(&name.replace("KIND", container.key_kind)),
                _ => self.need(name),
            }
        }
    }

    /// A header beside those of the pieces.
    pub(super) fn include(&mut self, header: &'static str) {
        self.headers.insert(header);
    }

    /// The headers in their order.
    pub(super) fn includes(&self) -> BTreeSet<&'static str> {
        self.headers.iter().copied().chain(HEADERS).collect()
    }

    /// The texts of the pieces, those of containers apart.
    pub(super) fn texts(&self, seed: u64) -> Vec<String> {
        let needed = pieces().filter(|piece| self.needed.contains(piece.name));
        needed.map(|piece| piece.text.replace("SEED", &format!("{seed}u"))).collect()
    }

    /// The functions of a container that holds `element`s, and has `key`s; both as they stand before a name.
    pub(super) fn functions_of(&self, container: &Container, element: &str, key: &str) -> Vec<String> {
        let needed = pieces().filter(|piece| self.of_containers.contains(&(container.clone(), piece.name)));
        let text = |piece: Piece| {
            let text = piece.text.replace("NAME", &container.name).replace("KIND", container.key_kind);
            text.replace("ELEMENT ", element).replace("KEY ", key)
        };
        needed.map(text).collect()
    }
}
