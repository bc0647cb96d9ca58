//! Lowered code as text: Python again, in one way of writing, so that tests and people can read what was understood.
//!
//! Every compound expression stands in parentheses, what could not be read is `<broken>` or `<…>`.

use std::fmt::Write;

use super::ir::{
    Arg, ArgKind, BinaryOp, Block, Clause, Code, CompareOp, ComprehensionKind, Expr, ExprId, FStringPart, Function,
    FunctionIndex, ImportFrom, Module, Param, ParamKind, Stmt, StmtKind, UnaryOp,
};

/// A whole module.
#[must_use]
pub fn module(module: &Module) -> String {
    let mut printer = Printer { module: Some(module), out: String::new(), indent: 0 };
    printer.block(&module.code, &module.code.block);
    printer.out
}

/// One function of a module.
#[must_use]
pub fn function(module: &Module, index: FunctionIndex) -> String {
    let mut printer = Printer { module: Some(module), out: String::new(), indent: 0 };
    printer.function(&module.functions[index.index()]);
    printer.out
}

/// One expression.
#[must_use]
pub fn expression(code: &Code, id: ExprId) -> String {
    let mut printer = Printer { module: None, out: String::new(), indent: 0 };
    printer.expr(code, id);
    printer.out
}

struct Printer<'a> {
    module: Option<&'a Module>,
    out: String,
    indent: usize,
}

impl Printer<'_> {
    fn line(&mut self, text: &str) {
        for _ in 0..self.indent {
            self.out.push_str("    ");
        }
        self.out.push_str(text);
    }

    fn end(&mut self) {
        self.out.push('\n');
    }

    fn put(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn block(&mut self, code: &Code, block: &Block) {
        for stmt in block {
            self.stmt(code, stmt, false);
        }
    }

    fn suite(&mut self, code: &Code, block: &Block) {
        self.put(":\n");
        self.indent += 1;
        self.block(code, block);
        self.indent -= 1;
    }

    fn branch(&mut self, word: &str, code: &Code, block: &Block) {
        if !block.is_empty() {
            self.line(word);
            self.suite(code, block);
        }
    }

    fn stmt(&mut self, code: &Code, stmt: &Stmt, is_elif: bool) {
        match &stmt.kind {
            StmtKind::If(own) => {
                self.line(if is_elif { "elif " } else { "if " });
                self.expr(code, own.test);
                self.suite(code, &own.body);
                match own.orelse.as_slice() {
                    [only] if matches!(&only.kind, StmtKind::If(inner) if inner.is_elif) => self.stmt(code, only, true),
                    _ => self.branch("else", code, &own.orelse),
                }
            }
            StmtKind::While { test, body, orelse } => {
                self.line("while ");
                self.expr(code, *test);
                self.suite(code, body);
                self.branch("else", code, orelse);
            }
            StmtKind::For { is_async, target, iter, body, orelse } => {
                self.line(if *is_async { "async for " } else { "for " });
                self.expr(code, *target);
                self.put(" in ");
                self.expr(code, *iter);
                self.suite(code, body);
                self.branch("else", code, orelse);
            }
            StmtKind::With { is_async, items, body } => {
                self.line(if *is_async { "async with " } else { "with " });
                for (at, item) in items.iter().enumerate() {
                    self.put(if at == 0 { "" } else { ", " });
                    self.expr(code, item.context);
                    self.optional(code, " as ", item.target);
                }
                self.suite(code, body);
            }
            StmtKind::Try(own) => {
                self.line("try");
                self.suite(code, &own.body);
                for handler in &own.handlers {
                    self.line("except");
                    self.put(if handler.exceptions.is_empty() { "" } else { " " });
                    self.list(code, &handler.exceptions);
                    if let Some(name) = handler.name {
                        let _ = write!(self.out, " as {name}");
                    }
                    self.suite(code, &handler.body);
                }
                self.branch("else", code, &own.orelse);
                self.branch("finally", code, &own.finally);
            }
            StmtKind::Match { subject, cases } => {
                self.line("match ");
                self.expr(code, *subject);
                self.put(":\n");
                self.indent += 1;
                for case in cases {
                    self.line("case ");
                    self.expr(code, case.pattern);
                    self.optional(code, " if ", case.guard);
                    self.suite(code, &case.body);
                }
                self.indent -= 1;
            }
            StmtKind::Function(index) => {
                if let Some(module) = self.module {
                    self.function(&module.functions[index.index()]);
                }
            }
            StmtKind::Class(index) => {
                if let Some(module) = self.module {
                    self.class(&module.classes[index.index()]);
                }
            }
            simple => {
                self.line("");
                self.simple(code, simple);
                self.end();
            }
        }
    }

    fn simple(&mut self, code: &Code, stmt: &StmtKind) {
        match stmt {
            StmtKind::Expr(expr) => self.expr(code, *expr),
            StmtKind::Assign { targets, value } => {
                for target in targets {
                    self.expr(code, *target);
                    self.put(" = ");
                }
                self.expr(code, *value);
            }
            StmtKind::AnnAssign { target, annotation, value } => {
                self.expr(code, *target);
                self.put(": ");
                self.expr(code, *annotation);
                self.optional(code, " = ", *value);
            }
            StmtKind::AugAssign { target, op, value } => {
                self.expr(code, *target);
                let _ = write!(self.out, " {}= ", binary(*op));
                self.expr(code, *value);
            }
            StmtKind::Return(value) => {
                self.put("return");
                self.optional(code, " ", *value);
            }
            StmtKind::Raise { exception, cause } => {
                self.put("raise");
                self.optional(code, " ", *exception);
                self.optional(code, " from ", *cause);
            }
            StmtKind::Delete(targets) => {
                self.put("del ");
                self.list(code, targets);
            }
            StmtKind::Assert { test, message } => {
                self.put("assert ");
                self.expr(code, *test);
                self.optional(code, ", ", *message);
            }
            StmtKind::Pass => self.put("pass"),
            StmtKind::Break => self.put("break"),
            StmtKind::Continue => self.put("continue"),
            StmtKind::Global(names) | StmtKind::Nonlocal(names) => {
                self.put(if matches!(stmt, StmtKind::Global(_)) { "global " } else { "nonlocal " });
                let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
                self.put(&names.join(", "));
            }
            StmtKind::Import(modules) => {
                self.put("import ");
                for (at, module) in modules.iter().enumerate() {
                    let _ = write!(self.out, "{}{}", if at == 0 { "" } else { ", " }, module.path);
                    if let Some(alias) = module.alias {
                        let _ = write!(self.out, " as {alias}");
                    }
                }
            }
            StmtKind::ImportFrom(import) => self.import_from(import),
            StmtKind::TypeAlias { name, value } => {
                let _ = write!(self.out, "type {name} = ");
                self.expr(code, *value);
            }
            _ => self.put("<broken>"),
        }
    }

    fn import_from(&mut self, import: &ImportFrom) {
        self.put("from ");
        for _ in 0..import.level {
            self.put(".");
        }
        self.put(import.module.map_or("", |module| module.as_str()));
        self.put(" import ");
        self.put(if import.star { "*" } else { "" });
        for (at, name) in import.names.iter().enumerate() {
            let _ = write!(self.out, "{}{}", if at == 0 { "" } else { ", " }, name.name);
            if let Some(alias) = name.alias {
                let _ = write!(self.out, " as {alias}");
            }
        }
    }

    fn decorators(&mut self, code: &Code, decorators: &[ExprId]) {
        for decorator in decorators {
            self.line("@");
            self.expr(code, *decorator);
            self.end();
        }
    }

    fn function(&mut self, function: &Function) {
        let code = &function.code;
        self.decorators(code, &function.decorators);
        self.line(if function.is_async { "async def " } else { "def " });
        let _ = write!(self.out, "{}(", function.path);
        self.params(code, &function.params);
        self.put(")");
        self.optional(code, " -> ", function.returns);
        self.put(if function.is_generator { " generator" } else { "" });
        self.put(if function.has_errors { " broken" } else { "" });
        self.suite(code, &code.block);
    }

    fn class(&mut self, class: &super::ir::Class) {
        let code = &class.code;
        self.decorators(code, &class.decorators);
        self.line("class ");
        self.put(&class.path);
        if !class.type_params.is_empty() {
            let names: Vec<&str> = class.type_params.iter().map(|name| name.as_str()).collect();
            let _ = write!(self.out, "[{}]", names.join(", "));
        }
        self.put("(");
        self.list(code, &class.bases);
        for (name, value) in &class.keywords {
            let _ = write!(self.out, " {name}=");
            self.expr(code, *value);
        }
        self.put(")");
        self.put(if class.has_errors { " broken" } else { "" });
        self.suite(code, &code.block);
    }

    fn params(&mut self, code: &Code, params: &[Param]) {
        let mut keyword_only = false;
        for (at, param) in params.iter().enumerate() {
            self.put(if at == 0 { "" } else { ", " });
            match param.kind {
                ParamKind::VarArgs => self.put("*"),
                ParamKind::KwArgs => self.put("**"),
                ParamKind::KeywordOnly if !keyword_only => {
                    keyword_only = true;
                    self.put("kw ");
                }
                ParamKind::PositionalOnly => self.put("pos "),
                _ => {}
            }
            self.put(&param.name);
            self.optional(code, ": ", param.annotation);
            self.optional(code, " = ", param.default);
        }
    }

    fn optional(&mut self, code: &Code, before: &str, id: Option<ExprId>) {
        if let Some(id) = id {
            self.put(before);
            self.expr(code, id);
        }
    }

    fn list(&mut self, code: &Code, ids: &[ExprId]) {
        for (at, id) in ids.iter().enumerate() {
            self.put(if at == 0 { "" } else { ", " });
            self.expr(code, *id);
        }
    }

    fn between(&mut self, open: &str, code: &Code, ids: &[ExprId], close: &str) {
        self.put(open);
        self.list(code, ids);
        self.put(close);
    }

    fn expr(&mut self, code: &Code, id: ExprId) {
        match &code[id] {
            Expr::Name(name) => self.put(name),
            Expr::Attribute { value, attr } => {
                self.expr(code, *value);
                let _ = write!(self.out, ".{attr}");
            }
            Expr::Call { func, args } => {
                self.expr(code, *func);
                self.put("(");
                self.args(code, args);
                self.put(")");
            }
            Expr::Subscript { value, index } => {
                self.expr(code, *value);
                self.between("[", code, &[*index], "]");
            }
            Expr::Slice(parts) => self.between("slice(", code, parts, ")"),
            Expr::Str(text) => {
                let _ = write!(self.out, "{text:?}");
            }
            Expr::Bytes => self.put("b''"),
            Expr::FString(parts) => {
                self.put("f\"");
                for part in parts {
                    match part {
                        FStringPart::Text(text) => {
                            let _ = write!(self.out, "{}", text.escape_debug());
                        }
                        FStringPart::Hole(hole) => self.between("{", code, &[*hole], "}"),
                    }
                }
                self.put("\"");
            }
            Expr::Int(Some(value)) => {
                let _ = write!(self.out, "{value}");
            }
            Expr::Int(None) => self.put("<integer>"),
            Expr::Float => self.put("<float>"),
            Expr::Bool(value) => self.put(if *value { "True" } else { "False" }),
            Expr::None => self.put("None"),
            Expr::Ellipsis => self.put("..."),
            Expr::Unary { op, operand } => self.between(unary(*op), code, &[*operand], ")"),
            Expr::Binary { op, left, right } => {
                self.between("(", code, &[*left], " ");
                self.between(binary(*op), code, &[], " ");
                self.between("", code, &[*right], ")");
            }
            Expr::BoolOp { is_and, values } => {
                self.put("(");
                for (at, value) in values.iter().enumerate() {
                    self.put(if at == 0 { "" } else { [" or ", " and "][usize::from(*is_and)] });
                    self.expr(code, *value);
                }
                self.put(")");
            }
            Expr::Compare { left, rest } => {
                self.between("(", code, &[*left], "");
                for (op, right) in rest {
                    self.between(compare(*op), code, &[*right], "");
                }
                self.put(")");
            }
            Expr::Conditional { test, body, orelse } => {
                self.between("(", code, &[*body], " if ");
                self.between("", code, &[*test], " else ");
                self.between("", code, &[*orelse], ")");
            }
            Expr::Lambda { params, body } => {
                self.put("(lambda ");
                self.params(code, params);
                self.between(": ", code, &[*body], ")");
            }
            Expr::Tuple(parts) => self.between("(", code, parts, if parts.len() == 1 { ",)" } else { ")" }),
            Expr::List(parts) => self.between("[", code, parts, "]"),
            Expr::Set(parts) => self.between("{", code, parts, "}"),
            Expr::Dict(entries) => {
                self.put("{");
                for (at, (key, value)) in entries.iter().enumerate() {
                    self.put(if at == 0 { "" } else { ", " });
                    match key {
                        Some(key) => self.between("", code, &[*key], ": "),
                        None => self.put("**"),
                    }
                    self.expr(code, *value);
                }
                self.put("}");
            }
            Expr::Comprehension { kind, element, clauses } => self.comprehension(code, *kind, *element, clauses),
            Expr::Await(value) => self.between("(await ", code, &[*value], ")"),
            Expr::Yield(value) => {
                self.put("(yield");
                self.optional(code, " ", *value);
                self.put(")");
            }
            Expr::YieldFrom(value) => self.between("(yield from ", code, &[*value], ")"),
            Expr::Named { target, value } => {
                let _ = write!(self.out, "({target} := ");
                self.between("", code, &[*value], ")");
            }
            Expr::Starred(value) => self.between("*", code, &[*value], ""),
            Expr::Opaque(parts) => self.between("<", code, parts, ">"),
        }
    }

    fn comprehension(&mut self, code: &Code, kind: ComprehensionKind, element: ExprId, clauses: &[Clause]) {
        let (open, close) = match kind {
            ComprehensionKind::List => ("[", "]"),
            ComprehensionKind::Set | ComprehensionKind::Dict => ("{", "}"),
            ComprehensionKind::Generator => ("(", ")"),
        };
        self.between(open, code, &[element], "");
        for clause in clauses {
            self.put(if clause.is_async { " async for " } else { " for " });
            self.expr(code, clause.target);
            self.between(" in ", code, &[clause.iter], "");
            for condition in &clause.conditions {
                self.between(" if ", code, &[*condition], "");
            }
        }
        self.put(close);
    }

    fn args(&mut self, code: &Code, args: &[Arg]) {
        for (at, arg) in args.iter().enumerate() {
            self.put(if at == 0 { "" } else { ", " });
            match arg.kind {
                ArgKind::Positional => {}
                ArgKind::Starred => self.put("*"),
                ArgKind::DoubleStarred => self.put("**"),
                ArgKind::Keyword(name) => {
                    let _ = write!(self.out, "{name}=");
                }
            }
            self.expr(code, arg.value);
        }
    }
}

fn unary(op: UnaryOp) -> &'static str {
    match op {
        UnaryOp::Not => "(not ",
        UnaryOp::Minus => "(-",
        UnaryOp::Plus => "(+",
        UnaryOp::Invert => "(~",
    }
}

fn binary(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::MatMul => "@",
        BinaryOp::Div => "/",
        BinaryOp::FloorDiv => "//",
        BinaryOp::Mod => "%",
        BinaryOp::Pow => "**",
        BinaryOp::LeftShift => "<<",
        BinaryOp::RightShift => ">>",
        BinaryOp::BitOr => "|",
        BinaryOp::BitXor => "^",
        BinaryOp::BitAnd => "&",
    }
}

fn compare(op: CompareOp) -> &'static str {
    match op {
        CompareOp::Eq => " == ",
        CompareOp::NotEq => " != ",
        CompareOp::Less => " < ",
        CompareOp::LessEq => " <= ",
        CompareOp::Greater => " > ",
        CompareOp::GreaterEq => " >= ",
        CompareOp::Is => " is ",
        CompareOp::IsNot => " is not ",
        CompareOp::In => " in ",
        CompareOp::NotIn => " not in ",
    }
}
