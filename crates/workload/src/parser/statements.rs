//! Blocks and statements.

use super::{Parse, Parser};
use crate::ast::{Block, Expr, ExprKind, FieldValue, Statement, StatementKind};
use crate::diagnostic::Problem;
use crate::lexer::TokenKind;
use crate::source::Span;

impl Parser<'_> {
    pub(super) fn block(&mut self) -> Parse<Block> {
        self.descend(|this| {
            let start = this.expect(TokenKind::OpenBrace, "`{`")?.span;
            let mut statements = Vec::new();
            loop {
                this.skip_newlines();
                match this.peek() {
                    TokenKind::CloseBrace => break,
                    TokenKind::End => return Err(this.unexpected("`}`")),
                    TokenKind::Fn | TokenKind::Record | TokenKind::Param if this.is_at_line_start() => {
                        let problem = Problem::new(start, "this block is not closed")
                            .label("begins here")
                            .help("is a closing brace missing?");
                        return Err(this.report(problem));
                    }
                    _ => {}
                }
                let start = this.at;
                match this.statement() {
                    Ok(statement) => {
                        statements.push(statement);
                        if !matches!(this.peek(), TokenKind::Newline | TokenKind::CloseBrace | TokenKind::End) {
                            this.unexpected("the end of the line");
                            this.recover(start);
                        }
                    }
                    Err(_) => this.recover(start),
                }
            }
            let end = this.bump().span;
            Ok(Block { statements, span: start.to(end) })
        })
    }

    fn statement(&mut self) -> Parse<Statement> {
        let start = self.span();
        let kind = match self.peek() {
            TokenKind::Var => self.var()?,
            TokenKind::Local => self.local()?,
            TokenKind::If => return self.if_statement(),
            TokenKind::While => {
                self.bump();
                let condition = self.head_expression()?;
                let span = start.to(self.previous_span());
                let body = self.block()?;
                return Ok(Statement { kind: StatementKind::While { condition, body }, span });
            }
            TokenKind::For => return self.for_statement(),
            TokenKind::Break => self.word(StatementKind::Break),
            TokenKind::Continue => self.word(StatementKind::Continue),
            TokenKind::Collect => self.word(StatementKind::Collect),
            TokenKind::Yield => self.word(StatementKind::Yield),
            TokenKind::Return => {
                self.bump();
                let has_value = !matches!(self.peek(), TokenKind::Newline | TokenKind::CloseBrace | TokenKind::End);
                StatementKind::Return(if has_value { Some(self.expression()?) } else { None })
            }
            TokenKind::Free => {
                self.bump();
                StatementKind::Free(self.expression()?)
            }
            TokenKind::Join => {
                self.bump();
                StatementKind::Join(self.expression()?)
            }
            TokenKind::Expect => {
                self.bump();
                StatementKind::Expect(self.expression()?)
            }
            TokenKind::Print => {
                self.bump();
                let mut values = vec![self.expression()?];
                while self.eat(TokenKind::Comma) {
                    self.skip_newlines();
                    values.push(self.expression()?);
                }
                self.check_arguments(values.len(), start)?;
                StatementKind::Print(values)
            }
            _ => self.expression_statement()?,
        };
        Ok(Statement { kind, span: start.to(self.previous_span()) })
    }

    fn word(&mut self, kind: StatementKind) -> StatementKind {
        self.bump();
        kind
    }

    fn var(&mut self) -> Parse<StatementKind> {
        self.bump();
        let name = self.name("the variable's name")?;
        let ty = if self.eat(TokenKind::Colon) { Some(self.type_name()?) } else { None };
        if self.peek() != TokenKind::Assign {
            let problem = Problem::new(name.span, format!("`{}` has no initial value", name.text))
                .label("expected `= value` after it")
                .help("every variable has a value from its first moment on");
            return Err(self.report(problem));
        }
        self.bump();
        Ok(StatementKind::Var { name, ty, value: self.expression()? })
    }

    fn local(&mut self) -> Parse<StatementKind> {
        self.bump();
        let name = self.name("the variable's name")?;
        self.expect(TokenKind::Assign, "`=` and the record")?;
        let record = self.name("the name of a record")?;
        let fields = self.field_values()?;
        Ok(StatementKind::Local { name, record, fields })
    }

    /// `{ field: value, field: value }`
    pub(super) fn field_values(&mut self) -> Parse<Vec<FieldValue>> {
        self.open(TokenKind::OpenBrace, "`{` and the fields")?;
        let outer = std::mem::replace(&mut self.no_record, false);
        let mut fields = Vec::new();
        while self.peek() != TokenKind::CloseBrace {
            let field = self.name("a field or `}`")?;
            self.expect(TokenKind::Colon, "`:` and the field's value")?;
            fields.push(FieldValue { field, value: self.expression()? });
            if !self.eat(TokenKind::Comma) {
                break;
            }
        }
        self.check_arguments(fields.len(), self.previous_span())?;
        self.close(TokenKind::CloseBrace, "`,` or `}`")?;
        self.no_record = outer;
        Ok(fields)
    }

    /// An expression before a block: a creation in it needs parentheses.
    fn head_expression(&mut self) -> Parse<Expr> {
        let outer = std::mem::replace(&mut self.no_record, true);
        let result = self.expression();
        self.no_record = outer;
        result
    }

    fn if_statement(&mut self) -> Parse<Statement> {
        let start = self.bump().span;
        let condition = self.head_expression()?;
        let span = start.to(self.previous_span());
        let mut arms = vec![(condition, self.block()?)];
        let mut otherwise = None;
        while self.eat_else() {
            if self.eat(TokenKind::If) {
                let condition = self.head_expression()?;
                arms.push((condition, self.block()?));
            } else {
                otherwise = Some(self.block()?);
                break;
            }
        }
        Ok(Statement { kind: StatementKind::If { arms, otherwise }, span })
    }

    /// `else`, on this line or the next.
    fn eat_else(&mut self) -> bool {
        let before = self.at;
        self.skip_newlines();
        let is_there = self.eat(TokenKind::Else);
        if !is_there {
            self.at = before;
        }
        is_there
    }

    fn for_statement(&mut self) -> Parse<Statement> {
        let start = self.bump().span;
        let name = self.name("the loop's variable")?;
        self.expect(TokenKind::In, "`in`")?;
        let first = self.head_expression()?;
        if !self.eat(TokenKind::DotDot) {
            let span = start.to(self.previous_span());
            let body = self.block()?;
            return Ok(Statement { kind: StatementKind::ForEach { name, over: first, body }, span });
        }
        let to = self.head_expression()?;
        let span = start.to(self.previous_span());
        let body = self.block()?;
        Ok(Statement { kind: StatementKind::ForRange { name, from: first, to, body }, span })
    }

    fn expression_statement(&mut self) -> Parse<StatementKind> {
        let expression = self.expression()?;
        if self.eat(TokenKind::Assign) {
            let value = self.expression()?;
            if !matches!(expression.kind, ExprKind::Name(_) | ExprKind::Field { .. } | ExprKind::Index { .. }) {
                let problem = Problem::new(expression.span, "this cannot be assigned to")
                    .label("not a variable, field or element");
                return Err(self.report(problem));
            }
            return Ok(StatementKind::Assign { target: expression, value });
        }
        match expression.kind {
            ExprKind::Call { .. } | ExprKind::Method { .. } | ExprKind::Spawn { .. } => {
                Ok(StatementKind::Call(expression))
            }
            _ => Err(self.useless(&expression)),
        }
    }

    fn useless(&mut self, expression: &Expr) -> super::Reported {
        let Span { start, .. } = expression.span;
        let mut problem = Problem::new(expression.span, "this value is not used")
            .label("not a statement")
            .help("assign it or print it");
        if let ExprKind::Name(name) = &expression.kind {
            let words = [
                "param", "record", "fn", "var", "local", "if", "else", "while", "for", "break", "continue", "return",
                "free", "collect", "yield", "join", "spawn", "expect", "print",
            ];
            let word = match name.as_str() {
                "let" | "const" | "auto" | "int" | "float" | "bool" | "str" => Some("var"),
                "def" | "func" | "function" => Some("fn"),
                "class" | "struct" | "type" => Some("record"),
                "elif" | "elsif" => Some("else if"),
                "assert" => Some("expect"),
                "delete" | "del" => Some("free"),
                "gc" => Some("collect"),
                _ => crate::diagnostic::nearest(name, words),
            };
            if let Some(word) = word {
                problem = Problem::new(problem.span, format!("`{name}` begins no statement"))
                    .label("unknown")
                    .help(format!("did you mean `{word}`?"));
            } else if !matches!(self.peek(), TokenKind::Newline | TokenKind::CloseBrace | TokenKind::End) {
                problem.span.start = start;
                problem.help = Some("a call has parentheses, an assignment has `=`".to_owned());
            }
        }
        self.report(problem)
    }
}
