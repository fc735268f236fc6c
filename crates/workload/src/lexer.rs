//! From text to tokens. Comments and line ends are tokens too: the formatter needs the former, the parser the latter.

use logos::Logos;

use crate::diagnostic::Problem;
use crate::source::Span;

/// What a token is.
#[derive(Logos, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[logos(skip r"[ \t\r\u{FEFF}]+")]
#[expect(missing_docs, reason = "each is the token that its attribute spells")]
pub enum TokenKind {
    #[token("\n")]
    Newline,
    #[regex(r"//[^\n]*", allow_greedy = true)]
    Comment,
    #[regex(r"[A-Za-z_][A-Za-z0-9_]*")]
    Name,
    #[regex(r"[0-9][0-9_]*")]
    Int,
    #[regex(r"[0-9][0-9_]*\.[0-9][0-9_]*([eE][+-]?[0-9]+)?")]
    #[regex(r"[0-9][0-9_]*[eE][+-]?[0-9]+")]
    Float,
    #[regex(r#""([^"\\\n]|\\[^\n])*""#)]
    Text,
    #[regex(r#""([^"\\\n]|\\[^\n])*"#)]
    OpenText,

    #[token("param")]
    Param,
    #[token("record")]
    Record,
    #[token("finalize")]
    Finalize,
    #[token("fn")]
    Fn,
    #[token("var")]
    Var,
    #[token("local")]
    Local,
    #[token("if")]
    If,
    #[token("else")]
    Else,
    #[token("while")]
    While,
    #[token("for")]
    For,
    #[token("in")]
    In,
    #[token("break")]
    Break,
    #[token("continue")]
    Continue,
    #[token("return")]
    Return,
    #[token("free")]
    Free,
    #[token("collect")]
    Collect,
    #[token("yield")]
    Yield,
    #[token("join")]
    Join,
    #[token("spawn")]
    Spawn,
    #[token("expect")]
    Expect,
    #[token("print")]
    Print,
    #[token("and")]
    And,
    #[token("or")]
    Or,
    #[token("not")]
    Not,
    #[token("true")]
    True,
    #[token("false")]
    False,
    #[token("null")]
    Null,

    #[token("(")]
    OpenParen,
    #[token(")")]
    CloseParen,
    #[token("[")]
    OpenBracket,
    #[token("]")]
    CloseBracket,
    #[token("{")]
    OpenBrace,
    #[token("}")]
    CloseBrace,
    #[token(",")]
    Comma,
    #[token(":")]
    Colon,
    #[token("..")]
    DotDot,
    #[token(".")]
    Dot,
    #[token("->")]
    Arrow,
    #[token("?")]
    Question,
    #[token("!")]
    Bang,
    #[token("&")]
    Ampersand,
    #[token("==")]
    Equal,
    #[token("!=")]
    NotEqual,
    #[token("<=")]
    LessEqual,
    #[token(">=")]
    GreaterEqual,
    #[token("<")]
    Less,
    #[token(">")]
    Greater,
    #[token("=")]
    Assign,
    #[token("+")]
    Plus,
    #[token("-")]
    Minus,
    #[token("*")]
    Star,
    #[token("/")]
    Slash,
    #[token("%")]
    Percent,

    /// The end of the source.
    End,
}

/// A token and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where.
    pub span: Span,
}

/// The tokens of `source`, closed by [`TokenKind::End`]. What is no token becomes a problem and is left out.
pub fn tokens(source: &str) -> (Vec<Token>, Vec<Problem>) {
    let mut tokens = Vec::new();
    let mut problems: Vec<Problem> = Vec::new();
    for (kind, range) in TokenKind::lexer(source).spanned() {
        let span = Span::new(range.start, range.end);
        match kind {
            Ok(TokenKind::OpenText) => {
                problems.push(
                    Problem::new(span, "the string is not closed")
                        .label("begins here")
                        .help("end it with `\"` on the same line; `\\n` is a line end inside"),
                );
                tokens.push(Token { kind: TokenKind::Text, span });
            }
            Ok(kind) => tokens.push(Token { kind, span }),
            Err(()) => {
                // Neighbouring strangers are one problem, not many.
                if let Some(last) =
                    problems.last_mut().filter(|last| last.span.end == span.start && last.label == "unknown")
                {
                    last.span.end = span.end;
                } else {
                    problems.push(stranger(source, span));
                }
            }
        }
    }
    tokens.push(Token { kind: TokenKind::End, span: Span::new(source.len(), source.len()) });
    (tokens, problems)
}

fn stranger(source: &str, span: Span) -> Problem {
    let text = span.text(source);
    let help = match text {
        ";" => "statements end at the line's end",
        "'" => "strings are written with \"",
        "|" | "||" => "write `or`",
        "#" => "comments begin with `//`",
        _ if !text.is_ascii() => {
            "names are of ASCII letters, digits and `_`; other characters stand in strings and comments only"
        }
        _ => "see the language reference for what may stand here",
    };
    Problem::new(span, format!("`{}` is not part of the language", text.escape_debug())).label("unknown").help(help)
}
