//! Expressions, by precedence: `or`, `and`, `not`, comparison, `+ -`, `* / %`, unary `-`, what follows a value.

use super::{EXPRESSION_DEPTH_MAX, Parse, Parser};
use crate::ast::{BinaryOp, Expr, ExprKind};
use crate::diagnostic::Problem;
use crate::lexer::TokenKind;
use crate::source::Span;

/// How tightly `not` binds: looser than a comparison.
const NOT: u8 = 3;
/// How tightly a comparison binds; comparisons do not chain.
const COMPARISON: u8 = 4;

const fn operator(kind: TokenKind) -> Option<(BinaryOp, u8)> {
    Some(match kind {
        TokenKind::Or => (BinaryOp::Or, 1),
        TokenKind::And => (BinaryOp::And, 2),
        TokenKind::Equal => (BinaryOp::Equal, COMPARISON),
        TokenKind::NotEqual => (BinaryOp::NotEqual, COMPARISON),
        TokenKind::Less => (BinaryOp::Less, COMPARISON),
        TokenKind::LessEqual => (BinaryOp::LessEqual, COMPARISON),
        TokenKind::Greater => (BinaryOp::Greater, COMPARISON),
        TokenKind::GreaterEqual => (BinaryOp::GreaterEqual, COMPARISON),
        TokenKind::Plus => (BinaryOp::Add, 5),
        TokenKind::Minus => (BinaryOp::Subtract, 5),
        TokenKind::Star => (BinaryOp::Multiply, 6),
        TokenKind::Slash => (BinaryOp::Divide, 6),
        TokenKind::Percent => (BinaryOp::Remainder, 6),
        _ => return None,
    })
}

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Parse<Expr> {
        self.binary(0)
    }

    fn make(&mut self, kind: ExprKind, start: Span, deepest: u32) -> Parse<Expr> {
        let span = start.to(self.previous_span());
        if deepest >= EXPRESSION_DEPTH_MAX {
            let problem =
                Problem::new(span, format!("the expression is too long: more than {EXPRESSION_DEPTH_MAX} steps deep"))
                    .help("give a part of it a name of its own");
            let reported = self.report(problem);
            self.give_up();
            return Err(reported);
        }
        Ok(Expr { kind, span, id: self.new_id(), depth: deepest + 1 })
    }

    fn binary(&mut self, loosest: u8) -> Parse<Expr> {
        let start = self.span();
        let mut left = if self.peek() == TokenKind::Not && loosest <= NOT {
            self.bump();
            let operand = self.descend(|this| this.binary(NOT))?;
            let depth = operand.depth;
            self.make(ExprKind::Not(Box::new(operand)), start, depth)?
        } else {
            self.unary()?
        };
        while let Some((op, tightness)) = operator(self.peek()) {
            if tightness < loosest {
                break;
            }
            if op.is_comparison()
                && let ExprKind::Binary { op: inner, .. } = left.kind
                && inner.is_comparison()
                && self.previous_token_is_not_closing()
            {
                let problem = Problem::new(self.span(), "comparisons do not chain")
                    .label("a second comparison")
                    .help("write `a < b and b < c`");
                return Err(self.report(problem));
            }
            self.bump();
            self.skip_newlines();
            let right = self.descend(|this| this.binary(tightness + 1))?;
            let depth = left.depth.max(right.depth);
            left = self.make(ExprKind::Binary { op, left: Box::new(left), right: Box::new(right) }, start, depth)?;
        }
        Ok(left)
    }

    fn previous_token_is_not_closing(&self) -> bool {
        self.tokens[self.at - 1].kind != TokenKind::CloseParen
    }

    fn unary(&mut self) -> Parse<Expr> {
        let start = self.span();
        if self.peek() != TokenKind::Minus {
            return self.postfix();
        }
        if matches!(self.peek_after(), TokenKind::Int | TokenKind::Float) {
            let literal = self.literal()?;
            return self.make(ExprKind::Literal(literal), start, 0);
        }
        self.bump();
        let operand = self.descend(Self::unary)?;
        let depth = operand.depth;
        self.make(ExprKind::Negate(Box::new(operand)), start, depth)
    }

    fn postfix(&mut self) -> Parse<Expr> {
        let start = self.span();
        let mut value = self.primary()?;
        loop {
            match self.peek() {
                TokenKind::Dot => {
                    self.bump();
                    let name = self.name("a field or method")?;
                    let object = Box::new(value);
                    let mut depth = object.depth;
                    let kind = if self.peek() == TokenKind::OpenParen {
                        let arguments = self.arguments()?;
                        depth = arguments.iter().fold(depth, |deepest, argument| deepest.max(argument.depth));
                        ExprKind::Method { object, method: name, arguments }
                    } else {
                        ExprKind::Field { object, field: name }
                    };
                    value = self.make(kind, start, depth)?;
                }
                TokenKind::OpenBracket => {
                    self.open(TokenKind::OpenBracket, "`[`")?;
                    let index = self.descend(Self::inner)?;
                    self.close(TokenKind::CloseBracket, "`]`")?;
                    let depth = value.depth.max(index.depth);
                    let kind = ExprKind::Index { container: Box::new(value), index: Box::new(index) };
                    value = self.make(kind, start, depth)?;
                }
                TokenKind::Bang => {
                    self.bump();
                    let depth = value.depth;
                    value = self.make(ExprKind::NonNull(Box::new(value)), start, depth)?;
                }
                _ => return Ok(value),
            }
        }
    }

    /// An expression inside brackets, where `{` after a name always begins a creation.
    fn inner(&mut self) -> Parse<Expr> {
        let outer = std::mem::replace(&mut self.no_record, false);
        let result = self.expression();
        self.no_record = outer;
        result
    }

    fn arguments(&mut self) -> Parse<Vec<Expr>> {
        let start = self.span();
        self.open(TokenKind::OpenParen, "`(`")?;
        let mut arguments = Vec::new();
        while self.peek() != TokenKind::CloseParen {
            arguments.push(self.descend(Self::inner)?);
            if !self.eat(TokenKind::Comma) {
                break;
            }
        }
        self.close(TokenKind::CloseParen, "`,` or `)`")?;
        self.check_arguments(arguments.len(), start)?;
        Ok(arguments)
    }

    fn primary(&mut self) -> Parse<Expr> {
        let start = self.span();
        match self.peek() {
            TokenKind::Int | TokenKind::Float | TokenKind::Text | TokenKind::True | TokenKind::False => {
                let literal = self.literal()?;
                self.make(ExprKind::Literal(literal), start, 0)
            }
            TokenKind::Null => {
                self.bump();
                self.make(ExprKind::Null, start, 0)
            }
            TokenKind::Ampersand => {
                self.bump();
                let name = self.name("the name of a `local`")?;
                self.make(ExprKind::AddressOf(name), start, 0)
            }
            TokenKind::OpenParen => {
                self.open(TokenKind::OpenParen, "`(`")?;
                let mut inner = self.descend(Self::inner)?;
                self.close(TokenKind::CloseParen, "`)`")?;
                inner.span = start.to(self.previous_span());
                Ok(inner)
            }
            TokenKind::Spawn => {
                self.bump();
                let function = self.name("the function that the thread runs")?;
                let arguments = self.arguments()?;
                let depth = deepest(&arguments);
                self.make(ExprKind::Spawn { function, arguments }, start, depth)
            }
            TokenKind::Name => self.named(start),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn named(&mut self, start: Span) -> Parse<Expr> {
        if self.peek_after() == TokenKind::Less
            && let Some(ty) = self.container_type()
        {
            let arguments = self.arguments()?;
            let depth = deepest(&arguments);
            return self.make(ExprKind::Container { ty, arguments }, start, depth);
        }
        let name = self.name("a value")?;
        match self.peek() {
            TokenKind::OpenParen => {
                let arguments = self.arguments()?;
                let depth = deepest(&arguments);
                self.make(ExprKind::Call { function: name, arguments }, start, depth)
            }
            TokenKind::OpenBrace if !self.no_record => {
                let fields = self.descend(Self::field_values)?;
                let depth = fields.iter().map(|field| field.value.depth).max().unwrap_or(0);
                self.make(ExprKind::Create { record: name, fields }, start, depth)
            }
            _ => self.make(ExprKind::Name(name.text), start, 0),
        }
    }

    /// The type of `list<int>()`. `list < x` is a comparison of a variable: nothing has been read then.
    fn container_type(&mut self) -> Option<crate::ast::TypeName> {
        if !matches!(self.text(), "array" | "list" | "map" | "weak") {
            return None;
        }
        let (at, nested, has_given_up) = (self.at, self.nested, self.has_given_up);
        let (n_problems, n_angles) = (self.problems.len(), self.angles.len());
        let ty = self.type_name().ok().filter(|_| self.peek() == TokenKind::OpenParen);
        if ty.is_none() {
            self.problems.truncate(n_problems);
            self.angles.truncate(n_angles);
            self.has_given_up = has_given_up;
            self.at = at;
            self.nested = nested;
        }
        ty
    }

    pub(super) fn int(&mut self, is_negative: bool) -> Parse<i64> {
        let span = self.span();
        let digits: String = self.text().chars().filter(|&c| c != '_').collect();
        self.bump();
        let text = if is_negative { format!("-{digits}") } else { digits };
        text.parse().map_err(|_| {
            self.report(
                Problem::new(span, "the number does not fit into 64 bits")
                    .label("too large")
                    .help("an int is from -9223372036854775808 to 9223372036854775807"),
            )
        })
    }

    pub(super) fn float(&mut self, is_negative: bool) -> Parse<f64> {
        let span = self.span();
        let text: String = self.text().chars().filter(|&c| c != '_').collect();
        self.bump();
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(if is_negative { -value } else { value }),
            _ => Err(self.report(Problem::new(span, "the number does not fit into a float").label("too large"))),
        }
    }

    pub(super) fn string(&mut self) -> Parse<String> {
        let span = self.bump().span;
        let raw = span.text(self.source);
        let body = raw.strip_prefix('"').unwrap_or(raw);
        let body = body.strip_suffix('"').unwrap_or(body);
        unescape(body).map_err(|(at, message)| {
            let start = span.start as usize + 1 + at;
            let end = (start + 2).min(span.end as usize);
            self.report(
                Problem::new(Span::new(start, end), message).help("the escapes are \\n \\t \\\" \\\\ and \\u{1F600}"),
            )
        })
    }
}

fn deepest(expressions: &[Expr]) -> u32 {
    expressions.iter().map(|expression| expression.depth).max().unwrap_or(0)
}

/// What a string literal means; or where it goes wrong, and how.
fn unescape(body: &str) -> Result<String, (usize, &'static str)> {
    let mut text = String::with_capacity(body.len());
    let mut rest = body.char_indices();
    while let Some((at, c)) = rest.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match rest.next() {
            Some((_, 'n')) => text.push('\n'),
            Some((_, 't')) => text.push('\t'),
            Some((_, '"')) => text.push('"'),
            Some((_, '\\')) => text.push('\\'),
            Some((_, 'u')) => {
                let digits =
                    rest.as_str().strip_prefix('{').and_then(|rest| rest.split_once('}')).map(|(digits, _)| digits);
                let code = digits.filter(|d| d.len() <= 6).and_then(|digits| u32::from_str_radix(digits, 16).ok());
                let Some(character) = code.and_then(char::from_u32) else {
                    return Err((at, "this is not the number of a character"));
                };
                text.push(character);
                rest.by_ref().find(|&(_, c)| c == '}');
            }
            _ => return Err((at, "there is no such escape")),
        }
    }
    Ok(text)
}
