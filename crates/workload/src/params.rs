//! Values for a workload's parameters from outside: `--set n=100000`.

use crate::ast::{File, Literal, Param};
use crate::check::declarations::is_in_range;
use crate::diagnostic::nearest;
use crate::text::{push_bool, push_float, push_int};

/// A value that a parameter cannot take, or a parameter that is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    /// The workload has no such parameter.
    #[error("{}", unknown(.name, .nearest.as_deref(), .known))]
    Unknown {
        /// The name that was given.
        name: String,
        /// The parameter that was most likely meant.
        nearest: Option<String>,
        /// All parameters.
        known: Vec<String>,
    },
    /// The value is of another type.
    #[error("`{value}` is not {expected}: the parameter `{name}` is {default} by default")]
    WrongType {
        /// The parameter.
        name: String,
        /// What was given.
        value: String,
        /// What was expected: `an int`.
        expected: &'static str,
        /// The parameter's own value.
        default: String,
    },
    /// The value is outside the parameter's range.
    #[error("{value} is outside the range of the parameter `{name}`: {from}..{to} (half open)")]
    OutOfRange {
        /// The parameter.
        name: String,
        /// What was given.
        value: String,
        /// The smallest value allowed.
        from: String,
        /// The value after the largest allowed.
        to: String,
    },
}

fn unknown(name: &str, nearest: Option<&str>, known: &[String]) -> String {
    let hint = match (nearest, known) {
        (Some(nearest), _) => format!("did you mean `{nearest}`?"),
        (None, []) => "it has none".to_owned(),
        (None, known) => format!("it has {}", known.join(", ")),
    };
    format!("the workload has no parameter `{name}`: {hint}")
}

/// The values of all parameters of a file, some of them from outside.
pub(crate) fn resolve(file: &File, overrides: &[(&str, &str)]) -> Result<Vec<Literal>, ParamError> {
    let mut values: Vec<Literal> = file.params.iter().map(|param| param.value.clone()).collect();
    for &(name, value) in overrides {
        let Some(index) = file.params.iter().position(|param| param.name.text == name) else {
            let known: Vec<String> = file.params.iter().map(|param| param.name.text.clone()).collect();
            let nearest = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
            return Err(ParamError::Unknown { name: name.to_owned(), nearest, known });
        };
        values[index] = read(&file.params[index], value)?;
    }
    Ok(values)
}

fn read(param: &Param, value: &str) -> Result<Literal, ParamError> {
    let digits: String = value.chars().filter(|&c| c != '_').collect();
    let (read, expected) = match &param.value {
        Literal::Int(_) => (digits.parse().ok().map(Literal::Int), "an int"),
        Literal::Float(_) => {
            (digits.parse().ok().filter(|value: &f64| value.is_finite()).map(Literal::Float), "a float")
        }
        Literal::Bool(_) => (value.parse().ok().map(Literal::Bool), "`true` or `false`"),
        Literal::Text(_) => (Some(Literal::Text(value.to_owned())), "a text"),
    };
    let name = param.name.text.clone();
    let Some(read) = read else {
        return Err(ParamError::WrongType { name, value: value.to_owned(), expected, default: text(&param.value) });
    };
    match &param.range {
        Some((from, to)) if !is_in_range(&read, from, to) => {
            Err(ParamError::OutOfRange { name, value: value.to_owned(), from: text(from), to: text(to) })
        }
        _ => Ok(read),
    }
}

/// A value as it is printed.
pub(crate) fn text(value: &Literal) -> String {
    let mut text = String::new();
    match value {
        Literal::Int(value) => push_int(&mut text, *value),
        Literal::Float(value) => push_float(&mut text, *value),
        Literal::Bool(value) => push_bool(&mut text, *value),
        Literal::Text(value) => text.push_str(value),
    }
    text
}
