//! From tokens to the syntax tree: recursive descent that goes on after an error, so that several are reported.

mod expressions;
mod items;
mod statements;

use crate::ast::{File, Name, NodeId};
use crate::diagnostic::Problem;
use crate::lexer::{Token, TokenKind, tokens};
use crate::source::{Span, too_long};

/// How deep blocks, parentheses, brackets and types may be nested.
pub const NESTING_MAX: u32 = 100;

/// How deep the tree of one expression may be: `a + b + c` is two deep.
pub const EXPRESSION_DEPTH_MAX: u32 = 256;

/// The most arguments of a call, and the most values of a `print`.
pub const ARGUMENTS_MAX: usize = 255;

/// After so many problems the rest is not worth reading.
const PROBLEMS_MAX: usize = 20;

/// A parsed file with what the formatter needs besides.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// The tree.
    pub file: File,
    /// Every token, comments and line ends included.
    pub tokens: Vec<Token>,
    /// Where the `<` and `>` stand that are brackets of types. Unit: bytes from the start of the source.
    pub angles: Vec<u32>,
    /// What is wrong; the tree is whole only when there is nothing.
    pub problems: Vec<Problem>,
}

/// Parses a source.
pub fn parse(source: &str) -> Parsed {
    if let Some(problem) = too_long(source) {
        return Parsed { problems: vec![problem], ..Parsed::default() };
    }
    let (all, problems) = tokens(source);
    let significant = all.iter().copied().filter(|token| token.kind != TokenKind::Comment).collect();
    let mut parser = Parser {
        source,
        tokens: significant,
        at: 0,
        nested: 0,
        depth: 0,
        no_record: false,
        has_given_up: false,
        file: File::default(),
        angles: Vec::new(),
        problems,
    };
    parser.items();
    Parsed { file: parser.file, tokens: all, angles: parser.angles, problems: parser.problems }
}

/// The problem has been reported.
struct Reported;

type Parse<T> = Result<T, Reported>;

struct Parser<'s> {
    source: &'s str,
    tokens: Vec<Token>,
    at: usize,
    /// How many brackets are open: inside them line ends mean nothing.
    nested: u32,
    /// How deep the recursion is.
    depth: u32,
    /// Whether a `{` after a name begins a block and not a creation: in the heads of `if`, `while` and `for`.
    no_record: bool,
    /// Whether the rest is not read.
    has_given_up: bool,
    file: File,
    angles: Vec<u32>,
    problems: Vec<Problem>,
}

impl Parser<'_> {
    fn peek(&self) -> TokenKind {
        self.tokens[self.at].kind
    }

    fn peek_after(&self) -> TokenKind {
        self.tokens[(self.at + 1).min(self.tokens.len() - 1)].kind
    }

    fn span(&self) -> Span {
        self.tokens[self.at].span
    }

    fn previous_span(&self) -> Span {
        self.tokens[self.at.saturating_sub(1)].span
    }

    fn text(&self) -> &str {
        self.span().text(self.source)
    }

    /// Goes on by one token, and over the line ends inside brackets.
    fn bump(&mut self) -> Token {
        let token = self.tokens[self.at];
        if token.kind != TokenKind::End {
            self.at += 1;
        }
        if self.nested > 0 {
            self.skip_newlines();
        }
        token
    }

    fn skip_newlines(&mut self) {
        while self.peek() == TokenKind::Newline {
            self.at += 1;
        }
    }

    fn eat(&mut self, kind: TokenKind) -> bool {
        let is_there = self.peek() == kind;
        if is_there {
            self.bump();
        }
        is_there
    }

    fn expect(&mut self, kind: TokenKind, what: &str) -> Parse<Token> {
        if self.peek() == kind { Ok(self.bump()) } else { Err(self.unexpected(what)) }
    }

    /// Opens a bracket, inside of which line ends mean nothing.
    fn open(&mut self, kind: TokenKind, what: &str) -> Parse<Token> {
        if self.peek() != kind {
            return Err(self.unexpected(what));
        }
        self.nested += 1;
        Ok(self.bump())
    }

    /// Closes a bracket.
    fn close(&mut self, kind: TokenKind, what: &str) -> Parse<Token> {
        if self.peek() != kind {
            return Err(self.unexpected(what));
        }
        self.nested -= 1;
        Ok(self.bump())
    }

    fn new_id(&mut self) -> NodeId {
        self.file.n_nodes += 1;
        NodeId(self.file.n_nodes - 1)
    }

    fn name(&mut self, what: &str) -> Parse<Name> {
        if self.peek() != TokenKind::Name {
            let is_keyword =
                self.text().bytes().all(|byte| byte.is_ascii_alphabetic()) && self.peek() != TokenKind::End;
            if is_keyword && self.peek() != TokenKind::Newline {
                let word = self.text().to_owned();
                let problem = Problem::new(self.span(), format!("`{word}` is a word of the language, not a name"))
                    .label(format!("expected {what}"))
                    .help("choose another name");
                return Err(self.report(problem));
            }
            return Err(self.unexpected(what));
        }
        let token = self.bump();
        let text = token.span.text(self.source).to_owned();
        Ok(Name { text, span: token.span, id: self.new_id() })
    }

    fn report(&mut self, problem: Problem) -> Reported {
        if !self.has_given_up {
            self.problems.push(problem);
        }
        if self.problems.len() >= PROBLEMS_MAX {
            self.give_up();
        }
        Reported
    }

    /// Reads no further: what would be said of the missing rest is of no use.
    fn give_up(&mut self) {
        self.has_given_up = true;
        self.at = self.tokens.len() - 1;
    }

    fn unexpected(&mut self, what: &str) -> Reported {
        let found = match self.peek() {
            TokenKind::Newline => "the end of the line".to_owned(),
            TokenKind::End => "the end of the file".to_owned(),
            _ => format!("`{}`", self.text()),
        };
        let span = match self.peek() {
            // Point at the end of what is there, not at the start of the next line.
            TokenKind::Newline | TokenKind::End => {
                let read = self.tokens[..self.at].iter().rev().find(|token| token.kind != TokenKind::Newline);
                let end = read.map_or(0, |token| token.span.end);
                Span { start: end, end }
            }
            _ => self.span(),
        };
        let help = match (self.peek(), what) {
            (TokenKind::Assign, _) if self.previous_span().end == self.span().start && self.at > 0 => {
                match self.tokens[self.at - 1].kind {
                    TokenKind::Plus | TokenKind::Minus | TokenKind::Star | TokenKind::Slash | TokenKind::Percent => {
                        Some("write `x = x + y`: there are no combined assignments".to_owned())
                    }
                    _ => None,
                }
            }
            (TokenKind::Assign, _) => Some("`==` compares; `=` stands in assignments only".to_owned()),
            (TokenKind::End, _) => Some("is a closing brace missing?".to_owned()),
            _ => None,
        };
        let problem = Problem::new(span, format!("expected {what}, found {found}")).label(format!("expected {what}"));
        self.report(problem.maybe_help(help))
    }

    /// Demands that a call or a `print` is not too long.
    fn check_arguments(&mut self, n: usize, start: Span) -> Parse<()> {
        if n <= ARGUMENTS_MAX {
            return Ok(());
        }
        let problem = Problem::new(start.to(self.previous_span()), format!("more than {ARGUMENTS_MAX} values"));
        Err(self.report(problem.label(format!("these are {n}"))))
    }

    /// One level deeper; too deep is the end of reading.
    fn descend<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parse<T>) -> Parse<T> {
        if self.depth == NESTING_MAX {
            let problem = Problem::new(self.span(), format!("nested too deeply: more than {NESTING_MAX} levels"))
                .help("give the inner part a name of its own, or a function");
            let reported = self.report(problem);
            self.give_up();
            return Err(reported);
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    /// Skips what is left of a statement that could not be read: to the line's end, or before the closing brace of the
    /// block it is in. `start` is where the statement began: what stands on a later line has not been read.
    fn recover(&mut self, start: usize) {
        self.nested = 0;
        self.no_record = false;
        if self.at > start && self.tokens[self.at - 1].kind == TokenKind::Newline {
            return;
        }
        let mut braces = 0;
        loop {
            match self.peek() {
                TokenKind::End => return,
                TokenKind::Newline | TokenKind::CloseBrace if braces == 0 => return,
                TokenKind::OpenBrace => braces += 1,
                TokenKind::CloseBrace => braces -= 1,
                // Braces that never close would swallow the rest of the file.
                TokenKind::Fn | TokenKind::Record | TokenKind::Param if self.is_at_line_start() => return,
                _ => {}
            }
            self.at += 1;
        }
    }

    fn is_at_line_start(&self) -> bool {
        let start = self.span().start as usize;
        start == 0 || self.source.as_bytes()[start - 1] == b'\n'
    }
}
