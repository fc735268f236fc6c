//! The formatter: one way to write every workload.
//!
//! It keeps the line breaks and comments of the author and decides about everything else: four spaces for each open
//! bracket, one space where there is one, at most one empty line in a row, one empty line around functions and records,
//! comments behind code in one column. Formatting twice changes nothing.

use crate::diagnostic::Diagnostics;
use crate::lexer::{Token, TokenKind};
use crate::parser::parse;
use crate::source::decode;

/// Formats a source.
///
/// # Errors
/// A source that cannot be parsed is not formatted.
///
/// ```
/// assert_eq!(workload::format::format("main.wl", "fn main( ){print 1+2}")?, "fn main() { print 1 + 2 }\n");
/// # Ok::<(), workload::Diagnostics>(())
/// ```
pub fn format(name: &str, source: &str) -> Result<String, Diagnostics> {
    decode(name, source.as_bytes())?;
    let parsed = parse(source);
    if !parsed.problems.is_empty() {
        return Err(Diagnostics::new(name, source, parsed.problems));
    }
    let mut lines = lines(source, &parsed.tokens, &parsed.angles);
    separate_items(&mut lines);
    align_comments(&mut lines);
    let mut text = String::with_capacity(source.len());
    for line in &lines {
        text.push_str(line.full.trim_end());
        text.push('\n');
    }
    Ok(text)
}

/// A line as it is being made.
#[derive(Default)]
struct Line {
    /// Indentation and code.
    code: String,
    /// The comment behind the code, or alone.
    comment: Option<String>,
    /// Code and comment together.
    full: String,
    /// How many brackets are open where it begins, its own closing ones not counted.
    depth: usize,
    /// The first token.
    first: Option<TokenKind>,
}

impl Line {
    fn is_empty(&self) -> bool {
        self.code.is_empty() && self.comment.is_none()
    }
}

const fn opens(kind: TokenKind) -> bool {
    matches!(kind, TokenKind::OpenBrace | TokenKind::OpenBracket | TokenKind::OpenParen)
}

const fn closes(kind: TokenKind) -> bool {
    matches!(kind, TokenKind::CloseBrace | TokenKind::CloseBracket | TokenKind::CloseParen)
}

/// Breaks the tokens into lines with indentation and spaces.
fn lines(source: &str, tokens: &[Token], angles: &[u32]) -> Vec<Line> {
    let mut angles = angles.to_vec();
    angles.sort_unstable();
    let is_angle = |token: &Token| angles.binary_search(&token.span.start).is_ok();
    let mut lines: Vec<Line> = Vec::new();
    let mut depth = 0_usize;
    for line in tokens.split(|token| token.kind == TokenKind::Newline) {
        let significant: Vec<&Token> = line.iter().filter(|token| token.kind != TokenKind::End).collect();
        if significant.is_empty() {
            if lines.last().is_some_and(|last| !last.is_empty()) {
                lines.push(Line::default());
            }
            continue;
        }
        let n_closing = significant.iter().take_while(|token| closes(token.kind)).count();
        let own_depth = depth.saturating_sub(n_closing);
        // A line that goes on with an expression outside brackets stands one further in.
        let goes_on = depth == own_depth
            && lines.iter().rev().find(|line| !line.code.is_empty()).is_some_and(|last| ends_open(&last.code));
        let mut made = Line { depth: own_depth, first: Some(significant[0].kind), ..Line::default() };
        made.code.push_str(&"    ".repeat(own_depth + usize::from(goes_on)));
        let mut before: Option<&Token> = None;
        for (at, &token) in significant.iter().enumerate() {
            if token.kind == TokenKind::Comment {
                made.comment = Some(comment(token.span.text(source)));
                continue;
            }
            if let Some(last) = before
                && spaced(at.checked_sub(2).map(|at| significant[at]), last, token, &is_angle)
            {
                made.code.push(' ');
            }
            made.code.push_str(token.span.text(source));
            before = Some(token);
            if opens(token.kind) {
                depth += 1;
            } else if closes(token.kind) {
                depth = depth.saturating_sub(1);
            }
        }
        if before.is_none() {
            // A comment of its own stands where the code after it stands.
            made.code.clear();
        }
        lines.push(made);
    }
    while lines.last().is_some_and(Line::is_empty) {
        lines.pop();
    }
    // No empty lines after an opening and before a closing bracket.
    let mut kept: Vec<Line> = Vec::with_capacity(lines.len());
    for line in lines {
        let begins_closing = line.first.is_some_and(closes);
        if begins_closing && kept.last().is_some_and(Line::is_empty) {
            kept.pop();
        }
        let after_opening = kept.last().is_none_or(|last| last.code.ends_with(['{', '(', '[']) && !last.is_empty());
        if line.is_empty() && after_opening {
            continue;
        }
        kept.push(line);
    }
    kept
}

/// Whether an expression goes on in the next line.
fn ends_open(code: &str) -> bool {
    let last = code.rsplit(' ').next().unwrap_or("");
    matches!(last, "+" | "-" | "*" | "/" | "%" | "==" | "!=" | "<" | "<=" | ">" | ">=" | "and" | "or")
        || (code.ends_with(',') && code.trim_start().starts_with("print "))
}

/// A comment with one space after its slashes, unless it draws something.
fn comment(text: &str) -> String {
    let body = text.trim_start_matches('/');
    let slashes = &text[..text.len() - body.len()];
    let body = body.trim_end();
    if body.is_empty() || body.starts_with(' ') || slashes.len() > 2 {
        return format!("{slashes}{body}");
    }
    format!("{slashes} {body}")
}

/// Whether there is a space between two tokens of a line.
fn spaced(earlier: Option<&Token>, last: &Token, token: &Token, is_angle: &impl Fn(&Token) -> bool) -> bool {
    use TokenKind as T;
    let is_value = |kind: T| {
        matches!(
            kind,
            T::Name
                | T::Int
                | T::Float
                | T::Text
                | T::True
                | T::False
                | T::Null
                | T::CloseParen
                | T::CloseBracket
                | T::CloseBrace
                | T::Bang
        )
    };
    // A minus or `&` that has nothing on its left belongs to what follows.
    if last.kind == T::Ampersand || last.kind == T::Minus && !earlier.is_some_and(|earlier| is_value(earlier.kind)) {
        return false;
    }
    match token.kind {
        T::Comma | T::Colon | T::CloseParen | T::CloseBracket | T::Dot | T::DotDot | T::Question | T::Bang => {
            return false;
        }
        T::OpenParen | T::OpenBracket if matches!(last.kind, T::Name | T::CloseParen | T::CloseBracket | T::Bang) => {
            return false;
        }
        T::OpenParen if last.kind == T::Greater && is_angle(last) => return false,
        T::Less | T::Greater if is_angle(token) => return false,
        T::CloseBrace if last.kind == T::OpenBrace => return false,
        _ => {}
    }
    !match last.kind {
        T::OpenParen | T::OpenBracket | T::Dot | T::DotDot => true,
        T::Less => is_angle(last),
        _ => false,
    }
}

/// Puts one empty line around functions, records and groups of other items.
fn separate_items(lines: &mut Vec<Line>) {
    let starts_item = |line: &Line| {
        line.depth == 0
            && matches!(line.first, Some(TokenKind::Fn | TokenKind::Record | TokenKind::Param | TokenKind::Expect))
    };
    let is_large = |line: &Line| line.depth == 0 && matches!(line.first, Some(TokenKind::Fn | TokenKind::Record));
    let mut at = 0;
    let mut previous: Option<bool> = None;
    while at < lines.len() {
        if !starts_item(&lines[at]) {
            at += 1;
            continue;
        }
        let large = is_large(&lines[at]);
        if previous.is_some_and(|previous| previous || large) {
            // The comments right above belong to the item.
            let mut start = at;
            while start > 0 && lines[start - 1].code.is_empty() && lines[start - 1].comment.is_some() {
                start -= 1;
            }
            if start > 0 && !lines[start - 1].is_empty() {
                lines.insert(start, Line::default());
                at += 1;
            }
        }
        previous = Some(large);
        at += 1;
    }
}

/// Puts the comments behind the code of neighbouring lines into one column.
fn align_comments(lines: &mut [Line]) {
    let trails = |line: &Line| !line.code.is_empty() && line.comment.is_some();
    let mut at = 0;
    while at < lines.len() {
        let end = at + lines[at..].iter().take_while(|line| trails(line)).count();
        if end > at {
            let column = lines[at..end].iter().map(|line| line.code.chars().count()).max().unwrap_or(0) + 2;
            for line in &mut lines[at..end] {
                let padding = column - line.code.chars().count();
                line.full = format!("{}{}{}", line.code, " ".repeat(padding), line.comment.as_deref().unwrap_or(""));
            }
            at = end;
            continue;
        }
        let line = &mut lines[at];
        line.full = match &line.comment {
            Some(comment) => format!("{}{comment}", "    ".repeat(line.depth)),
            None => line.code.clone(),
        };
        at += 1;
    }
}
