//! What stands at the top level: parameters, expected faults, records, functions.

use memory_trait::FaultKind;

use super::{Parse, Parser};
use crate::MACHINES;
use crate::ast::{ExpectedFault, Function, Literal, Name, Param, Record, TypeName};
use crate::diagnostic::{Problem, did_you_mean};
use crate::lexer::TokenKind;

impl Parser<'_> {
    pub(super) fn items(&mut self) {
        loop {
            self.skip_newlines();
            let result = match self.peek() {
                TokenKind::End => return,
                TokenKind::Param => self.param(),
                TokenKind::Expect => self.expected_fault(),
                TokenKind::Record => self.record(),
                TokenKind::Fn => self.function(),
                _ => Err(self.unexpected("`fn`, `record`, `param` or `expect fault`")),
            };
            let result = result.and_then(|()| match self.peek() {
                TokenKind::Newline | TokenKind::End => Ok(()),
                _ => Err(self.unexpected("the end of the line")),
            });
            if result.is_err() {
                self.recover_item();
            }
        }
    }

    /// Skips to the next item.
    fn recover_item(&mut self) {
        self.nested = 0;
        self.no_record = false;
        loop {
            match self.peek() {
                TokenKind::End => return,
                TokenKind::Newline => {
                    self.at += 1;
                    if matches!(self.peek(), TokenKind::Fn | TokenKind::Record | TokenKind::Param) {
                        return;
                    }
                    if self.peek() == TokenKind::Expect && self.is_at_line_start() {
                        return;
                    }
                }
                _ => self.at += 1,
            }
        }
    }

    fn param(&mut self) -> Parse<()> {
        self.bump();
        let name = self.name("the parameter's name")?;
        self.expect(TokenKind::Assign, "`=` and the parameter's value")?;
        let start = self.span();
        let value = self.literal()?;
        let value_span = start.to(self.previous_span());
        let mut range = None;
        let mut range_span = value_span;
        if self.eat(TokenKind::In) {
            let start = self.span();
            let from = self.literal()?;
            self.expect(TokenKind::DotDot, "`..`")?;
            let to = self.literal()?;
            range = Some((from, to));
            range_span = start.to(self.previous_span());
        }
        self.file.params.push(Param { name, value, value_span, range, range_span });
        Ok(())
    }

    fn expected_fault(&mut self) -> Parse<()> {
        let start = self.bump().span;
        if self.text() != "fault" {
            let problem = Problem::new(start, "`expect` with a condition stands in a function")
                .help("at the top level it is `expect fault KIND on MACHINE`");
            return Err(self.report(problem));
        }
        self.bump();
        let kind = self.name("the fault's name")?;
        let Some(fault) = FaultKind::from_name(&kind.text) else {
            let names = FaultKind::ALL.map(FaultKind::name);
            let problem = Problem::new(kind.span, format!("there is no fault `{}`", kind.text))
                .label("unknown fault")
                .help(format!("the faults are {}", names.join(", ")))
                .maybe_help(did_you_mean(&kind.text, names));
            return Err(self.report(problem));
        };
        if self.text() != "on" {
            return Err(self.unexpected("`on` and the machines"));
        }
        self.bump();
        let mut machines = Vec::new();
        loop {
            let machine = self.name("a machine")?;
            if !MACHINES.contains(&machine.text.as_str()) {
                let problem = Problem::new(machine.span, format!("there is no machine `{}`", machine.text))
                    .label("unknown machine")
                    .help(format!("the machines are {}", MACHINES.join(", ")))
                    .maybe_help(did_you_mean(&machine.text, MACHINES));
                return Err(self.report(problem));
            }
            machines.push(machine.text);
            if !self.eat(TokenKind::Comma) {
                break;
            }
        }
        let span = start.to(self.previous_span());
        self.file.expected_faults.push(ExpectedFault { kind: fault, machines, span });
        Ok(())
    }

    fn record(&mut self) -> Parse<()> {
        self.bump();
        let name = self.name("the record's name")?;
        self.expect(TokenKind::OpenBrace, "`{`")?;
        let mut record = Record { name, fields: Vec::new(), finalizer: None };
        loop {
            self.skip_newlines();
            match self.peek() {
                TokenKind::CloseBrace => {
                    self.bump();
                    break;
                }
                TokenKind::Finalize => {
                    let span = self.bump().span;
                    let this = Name { text: "self".to_owned(), span, id: self.new_id() };
                    let body = self.block()?;
                    if record.finalizer.replace((this, body)).is_some() {
                        self.report(Problem::new(span, "a record has at most one finalizer").label("the second"));
                    }
                }
                _ => {
                    let field = self.name("a field, `finalize` or `}`")?;
                    self.expect(TokenKind::Colon, "`:` and the field's type")?;
                    let ty = self.type_name()?;
                    record.fields.push((field, ty));
                }
            }
            match self.peek() {
                TokenKind::Newline | TokenKind::CloseBrace => {}
                TokenKind::Comma => {
                    self.bump();
                }
                _ => return Err(self.unexpected("the end of the line, `,` or `}`")),
            }
        }
        self.file.records.push(record);
        Ok(())
    }

    fn function(&mut self) -> Parse<()> {
        self.bump();
        let name = self.name("the function's name")?;
        let start = self.open(TokenKind::OpenParen, "`(` and the parameters")?.span;
        let mut parameters = Vec::new();
        while self.peek() != TokenKind::CloseParen {
            let parameter = self.name("a parameter or `)`")?;
            self.expect(TokenKind::Colon, "`:` and the parameter's type")?;
            parameters.push((parameter, self.type_name()?));
            if !self.eat(TokenKind::Comma) {
                break;
            }
        }
        self.close(TokenKind::CloseParen, "`,` or `)`")?;
        self.check_arguments(parameters.len(), start)?;
        let result = if self.eat(TokenKind::Arrow) { Some(self.type_name()?) } else { None };
        let body = self.block()?;
        self.file.functions.push(Function { name, parameters, result, body });
        Ok(())
    }

    pub(super) fn type_name(&mut self) -> Parse<TypeName> {
        self.descend(|this| {
            let start = this.span();
            if this.peek() != TokenKind::Name {
                return Err(this.unexpected("a type"));
            }
            let name = this.text().to_owned();
            this.bump();
            let mut arguments = Vec::new();
            if this.peek() == TokenKind::Less {
                this.angles.push(this.span().start);
                this.open(TokenKind::Less, "`<`")?;
                loop {
                    arguments.push(this.type_name()?);
                    if !this.eat(TokenKind::Comma) {
                        break;
                    }
                }
                let angle = this.span().start;
                this.close(TokenKind::Greater, "`>`")?;
                this.angles.push(angle);
            }
            let nullable = this.eat(TokenKind::Question);
            Ok(TypeName { name, arguments, nullable, span: start.to(this.previous_span()) })
        })
    }

    /// A literal with its sign.
    pub(super) fn literal(&mut self) -> Parse<Literal> {
        let is_negative = self.eat(TokenKind::Minus);
        match self.peek() {
            TokenKind::Int => self.int(is_negative).map(Literal::Int),
            TokenKind::Float => self.float(is_negative).map(Literal::Float),
            TokenKind::True | TokenKind::False if !is_negative => {
                Ok(Literal::Bool(self.bump().kind == TokenKind::True))
            }
            TokenKind::Text if !is_negative => self.string().map(Literal::Text),
            _ => Err(self.unexpected("a number, `true`, `false` or a string")),
        }
    }
}
