//! The types of the language.

use memory_trait::{Kind, RecordId};

/// A type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// A signed 64-bit integer.
    Int,
    /// An IEEE 754 double.
    Float,
    /// True or false.
    Bool,
    /// An immutable text.
    Str,
    /// An immutable block of bytes.
    Bytes,
    /// A reference to a record.
    Record(RecordId),
    /// A reference to an array.
    Array(Box<Type>),
    /// A reference to a growable list.
    List(Box<Type>),
    /// A reference to a map.
    Map(Box<Type>, Box<Type>),
    /// A weak reference to a record.
    Weak(RecordId),
    /// A thread, to be joined.
    Thread,
    /// A reference that may be null.
    Nullable(Box<Type>),
    /// The type of `null` itself.
    Null,
    /// What a function without a result returns.
    Nothing,
    /// What could not be found out; the problem has been reported.
    Unknown,
}

impl Type {
    /// What a slot of this type holds.
    pub fn kind(&self) -> Kind {
        match self {
            Type::Int | Type::Thread => Kind::Int,
            Type::Float => Kind::Float,
            Type::Bool => Kind::Bool,
            _ => Kind::Reference,
        }
    }

    /// Whether values of the type are references.
    pub fn is_reference(&self) -> bool {
        !matches!(self, Type::Int | Type::Float | Type::Bool | Type::Thread | Type::Nothing | Type::Unknown)
    }

    /// Whether the type allows null.
    pub fn is_nullable(&self) -> bool {
        matches!(self, Type::Nullable(_) | Type::Null)
    }

    /// The type without its `?`.
    pub fn without_null(&self) -> &Type {
        match self {
            Type::Nullable(inner) => inner,
            other => other,
        }
    }

    /// Whether a value of this type may stand where `target` is needed.
    pub fn fits(&self, target: &Type) -> bool {
        match (self, target) {
            (Type::Unknown, _) | (_, Type::Unknown) | (Type::Null, Type::Nullable(_)) => true,
            (_, Type::Nullable(inner)) if self == &**inner => true,
            _ => self == target,
        }
    }

    /// The type as it is written; `records` gives the records' names.
    pub fn text(&self, records: &dyn Fn(RecordId) -> String) -> String {
        match self {
            Type::Int => "int".to_owned(),
            Type::Float => "float".to_owned(),
            Type::Bool => "bool".to_owned(),
            Type::Str => "str".to_owned(),
            Type::Bytes => "bytes".to_owned(),
            Type::Record(record) => records(*record),
            Type::Array(element) => format!("array<{}>", element.text(records)),
            Type::List(element) => format!("list<{}>", element.text(records)),
            Type::Map(key, value) => format!("map<{}, {}>", key.text(records), value.text(records)),
            Type::Weak(record) => format!("weak<{}>", records(*record)),
            Type::Thread => "thread".to_owned(),
            Type::Nullable(inner) => format!("{}?", inner.text(records)),
            Type::Null => "null".to_owned(),
            Type::Nothing => "nothing".to_owned(),
            Type::Unknown => "unknown".to_owned(),
        }
    }
}
