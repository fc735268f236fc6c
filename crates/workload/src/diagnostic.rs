//! What is wrong with a source: where, what, and what to do about it.

use std::fmt;
use std::sync::Arc;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

use crate::source::{Lines, Span};

/// A longer line is not shown: nobody could read it. Unit: bytes.
const LINE_BYTES_MAX: usize = 400;

/// One problem, as the parser and the checker find it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The offending text.
    pub span: Span,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What is said at the offending text; may be empty.
    pub label: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Problem {
    /// A problem without label and help.
    pub fn new(span: Span, message: impl Into<String>) -> Problem {
        Problem { span, message: message.into(), label: String::new(), help: None }
    }

    /// The problem with a word at the offending text.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Problem {
        self.label = label.into();
        self
    }

    /// The problem with a suggestion.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Problem {
        self.help = Some(help.into());
        self
    }

    /// The problem with a suggestion, if there is one.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Problem {
        self.help = help.or(self.help);
        self
    }
}

/// A problem together with its source, for [`miette`]'s report handlers.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// The problem.
    pub problem: Problem,
    /// Its line, from 1; 0 when the file has no lines to speak of.
    pub line: u32,
    /// Its column in characters, from 1; 0 like the line.
    pub column: u32,
    source: Option<Arc<NamedSource<String>>>,
}

impl Diagnostic {
    /// File, line and column, as far as there are any.
    fn place(&self, name: &str) -> String {
        if self.line == 0 { name.to_owned() } else { format!("{name}:{}:{}", self.line, self.column) }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem.message)
    }
}

impl std::error::Error for Diagnostic {}

impl miette::Diagnostic for Diagnostic {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.problem.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.source.as_ref()?;
        let Span { start, end } = self.problem.span;
        let label = if self.problem.label.is_empty() { "here".to_owned() } else { self.problem.label.clone() };
        Some(Box::new(std::iter::once(LabeledSpan::new(Some(label), start as usize, (end - start) as usize))))
    }
}

/// All problems of a source, in its order; at least one.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    /// The file's name, as it was given.
    pub name: String,
    /// The problems.
    pub all: Vec<Diagnostic>,
}

impl Diagnostics {
    /// The problems with their source.
    pub(crate) fn new(name: &str, source: &str, mut problems: Vec<Problem>) -> Diagnostics {
        problems.sort_by_key(|problem| problem.span);
        problems.dedup();
        let lines = Lines::new(source);
        let named = Arc::new(NamedSource::new(name, source.to_owned()));
        let all = problems
            .into_iter()
            .map(|problem| {
                let line = lines.line(problem.span.start);
                let is_shown = lines.around(source, line).iter().all(|text| text.len() <= LINE_BYTES_MAX);
                Diagnostic {
                    line,
                    column: lines.column(source, problem.span.start),
                    problem,
                    source: is_shown.then(|| Arc::clone(&named)),
                }
            })
            .collect();
        Diagnostics { name: name.to_owned(), all }
    }

    /// A problem of the whole file.
    pub(crate) fn without_source(name: &str, message: String, help: &str) -> Diagnostics {
        let problem = Problem::new(Span::default(), message).help(help);
        Diagnostics { name: name.to_owned(), all: vec![Diagnostic { problem, line: 0, column: 0, source: None }] }
    }

    /// The reports as text for a reader, with the source around each problem; `colour` for terminals only.
    pub fn render(&self, colour: bool) -> String {
        let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(120).without_cause_chain();
        let mut text = String::new();
        for diagnostic in &self.all {
            if diagnostic.source.is_none() {
                text.push_str(&diagnostic.place(&self.name));
                text.push_str(":\n");
            }
            // Writing to a string cannot fail; a report that could not be made still has its sentence.
            if handler.render_report(&mut text, diagnostic).is_err() {
                text.push_str(&diagnostic.problem.message);
            }
            text.push('\n');
        }
        text
    }
}

impl fmt::Display for Diagnostics {
    /// One line for each problem: `list.wl:3:9: there is no variable `hed` (did you mean `head`?)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.all.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}: {}", diagnostic.place(&self.name), diagnostic.problem.message)?;
            if let Some(help) = &diagnostic.problem.help {
                write!(f, " ({help})")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// The candidate that a mistyped word most likely meant.
///
/// ```
/// use workload::diagnostic::nearest;
/// assert_eq!(nearest("cuont", ["count", "total"]), Some("count"));
/// assert_eq!(nearest("zebra", ["count", "total"]), None);
/// ```
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let limit = 1 + word.chars().count() / 3;
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|&(distance, candidate)| distance <= limit && distance < candidate.chars().count().max(2))
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// `did you mean ...?` for a mistyped word, if anything is near.
pub(crate) fn did_you_mean<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<String> {
    nearest(word, candidates).map(|candidate| format!("did you mean `{candidate}`?"))
}
