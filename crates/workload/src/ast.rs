//! The syntax tree: what was written, with where it was written. It knows nothing of types.

use memory_trait::FaultKind;

use crate::source::Span;

/// The number of an expression or of a name that is declared: what the checker finds out is kept by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NodeId(pub u32);

/// A whole file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct File {
    /// Parameters in source order.
    pub params: Vec<Param>,
    /// Faults that are expected.
    pub expected_faults: Vec<ExpectedFault>,
    /// Records in source order.
    pub records: Vec<Record>,
    /// Functions in source order.
    pub functions: Vec<Function>,
    /// How many [`NodeId`]s there are.
    pub n_nodes: u32,
}

/// A name as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Name {
    /// The name.
    pub text: String,
    /// Where.
    pub span: Span,
    /// Its number.
    pub id: NodeId,
}

/// A literal.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `17`
    Int(i64),
    /// `1.5`
    Float(f64),
    /// `true`
    Bool(bool),
    /// `"text"`
    Text(String),
}

/// `param name = value in from..to`
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// Its name.
    pub name: Name,
    /// The value when none is given from outside.
    pub value: Literal,
    /// Where the value stands.
    pub value_span: Span,
    /// The values that are allowed, half open.
    pub range: Option<(Literal, Literal)>,
    /// The range, or the value when there is none.
    pub range_span: Span,
}

/// `expect fault kind on machine, machine`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedFault {
    /// Which fault.
    pub kind: FaultKind,
    /// On which machines: `c`, `cpython`, `jvm`.
    pub machines: Vec<String>,
    /// Where.
    pub span: Span,
}

/// `record Name { field: type ... finalize { .. } }`
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its name.
    pub name: Name,
    /// Its fields in source order.
    pub fields: Vec<(Name, TypeName)>,
    /// What runs before an object is reclaimed, and the name that stands for the object in it: `self`.
    pub finalizer: Option<(Name, Block)>,
}

/// `fn name(parameter: type) -> type { .. }`
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Its name.
    pub name: Name,
    /// Its parameters.
    pub parameters: Vec<(Name, TypeName)>,
    /// What it returns.
    pub result: Option<TypeName>,
    /// What it does.
    pub body: Block,
}

/// A type as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeName {
    /// `int`, `Node`, `map`
    pub name: String,
    /// The types in angle brackets.
    pub arguments: Vec<TypeName>,
    /// Whether `?` follows.
    pub nullable: bool,
    /// Where.
    pub span: Span,
}

/// `{ .. }`
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// What stands in it.
    pub statements: Vec<Statement>,
    /// From brace to brace.
    pub span: Span,
}

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Which.
    pub kind: StatementKind,
    /// Where; of a statement with blocks, its head.
    pub span: Span,
}

/// The value of a field in a creation.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldValue {
    /// The field.
    pub field: Name,
    /// Its value.
    pub value: Expr,
}

/// The statements.
#[derive(Clone, Debug, PartialEq)]
pub enum StatementKind {
    /// `var name: type = value`
    Var {
        /// The variable.
        name: Name,
        /// Its type, if it was written.
        ty: Option<TypeName>,
        /// Its first value.
        value: Expr,
    },
    /// `local name = Record { .. }`
    Local {
        /// The record's storage.
        name: Name,
        /// Its type.
        record: Name,
        /// Its fields.
        fields: Vec<FieldValue>,
    },
    /// `target = value`
    Assign {
        /// A variable, field or element.
        target: Expr,
        /// The value.
        value: Expr,
    },
    /// `if .. { } else if .. { } else { }`
    If {
        /// Conditions and blocks in order.
        arms: Vec<(Expr, Block)>,
        /// The `else`.
        otherwise: Option<Block>,
    },
    /// `while condition { }`
    While {
        /// The condition.
        condition: Expr,
        /// The body.
        body: Block,
    },
    /// `for name in from..to { }`
    ForRange {
        /// The loop's variable.
        name: Name,
        /// The first value.
        from: Expr,
        /// The value after the last.
        to: Expr,
        /// The body.
        body: Block,
    },
    /// `for name in container { }`
    ForEach {
        /// The loop's variable.
        name: Name,
        /// A list or a map.
        over: Expr,
        /// The body.
        body: Block,
    },
    /// `break`
    Break,
    /// `continue`
    Continue,
    /// `return value`
    Return(Option<Expr>),
    /// `free value`
    Free(Expr),
    /// `collect`
    Collect,
    /// `yield`
    Yield,
    /// `join thread`
    Join(Expr),
    /// `expect condition`
    Expect(Expr),
    /// `print value, value`
    Print(Vec<Expr>),
    /// A call whose value, if any, is dropped.
    Call(Expr),
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// Which.
    pub kind: ExprKind,
    /// Where.
    pub span: Span,
    /// Its number.
    pub id: NodeId,
    /// How deep the tree under it is.
    pub(crate) depth: u32,
}

/// Operators between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the operator that its name says")]
pub enum BinaryOp {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    And,
    Or,
}

impl BinaryOp {
    /// As it is written.
    pub const fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Add => "+",
            BinaryOp::Subtract => "-",
            BinaryOp::Multiply => "*",
            BinaryOp::Divide => "/",
            BinaryOp::Remainder => "%",
            BinaryOp::Equal => "==",
            BinaryOp::NotEqual => "!=",
            BinaryOp::Less => "<",
            BinaryOp::LessEqual => "<=",
            BinaryOp::Greater => ">",
            BinaryOp::GreaterEqual => ">=",
            BinaryOp::And => "and",
            BinaryOp::Or => "or",
        }
    }

    /// Whether it compares.
    pub const fn is_comparison(self) -> bool {
        matches!(
            self,
            BinaryOp::Equal
                | BinaryOp::NotEqual
                | BinaryOp::Less
                | BinaryOp::LessEqual
                | BinaryOp::Greater
                | BinaryOp::GreaterEqual
        )
    }
}

/// The expressions.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// `17`, `1.5`, `true`, `"text"`
    Literal(Literal),
    /// `null`
    Null,
    /// A variable or parameter.
    Name(String),
    /// `&name`
    AddressOf(Name),
    /// `object.field`
    Field {
        /// The object.
        object: Box<Expr>,
        /// The field.
        field: Name,
    },
    /// `container[index]`
    Index {
        /// An array, list, map or bytes.
        container: Box<Expr>,
        /// The index or key.
        index: Box<Expr>,
    },
    /// `value!`
    NonNull(Box<Expr>),
    /// `-value`
    Negate(Box<Expr>),
    /// `not value`
    Not(Box<Expr>),
    /// `left op right`
    Binary {
        /// The operator.
        op: BinaryOp,
        /// The left side.
        left: Box<Expr>,
        /// The right side.
        right: Box<Expr>,
    },
    /// `function(argument, argument)`, functions that are built in included.
    Call {
        /// The function.
        function: Name,
        /// The arguments.
        arguments: Vec<Expr>,
    },
    /// `object.method(argument)`
    Method {
        /// The object.
        object: Box<Expr>,
        /// The method.
        method: Name,
        /// The arguments.
        arguments: Vec<Expr>,
    },
    /// `Record { field: value }`
    Create {
        /// The record.
        record: Name,
        /// The fields in source order.
        fields: Vec<FieldValue>,
    },
    /// `array<T>(n)`, `list<T>()`, `map<K, V>()`
    Container {
        /// The type.
        ty: TypeName,
        /// What stands in parentheses.
        arguments: Vec<Expr>,
    },
    /// `spawn function(argument)`
    Spawn {
        /// The function.
        function: Name,
        /// The arguments.
        arguments: Vec<Expr>,
    },
}
