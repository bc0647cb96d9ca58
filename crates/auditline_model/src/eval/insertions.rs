//! What an INSERT supplies, and which conflicts it passes over.

use auditline_syntax::Name;
use auditline_syntax::python::ir::{Arg, ArgKind, Code, Expr, ExprId};
use auditline_syntax::python::walk_statements;
use auditline_syntax::sql::{self, Conflicts, SqlGiven};

use crate::symbols::Symbol;

use super::Evaluator;
use super::calls::Arguments;
use super::value::{Inserted, Insertion, Passes, QueryValue, Supplied, Value};

impl Evaluator<'_> {
    /// The table of `insert(members)`, `insert(Member.__table__)`.
    pub(super) fn inserted(&mut self, code: &Code, query: &mut QueryValue, into: ExprId) {
        match (&code[into], self.symbol(code, into)) {
            (Expr::Attribute { value, attr }, _) if *attr == "__table__" => {
                if let Symbol::Class(class) = self.symbol(code, *value) {
                    query.model = self.model_argument(Some(&Value::Symbol(Symbol::Class(class))));
                }
            }
            (_, Symbol::Variable(variable)) => {
                let insertion = Insertion { table: Some(Inserted::Variable(variable)), ..Insertion::default() };
                query.insertion = Some(std::sync::Arc::new(insertion));
            }
            _ => {}
        }
    }

    /// `.values(email=email)`, `.values({"email": email})`, `.values([{"email": email}, …])`.
    pub(super) fn supply(&self, code: &Code, args: &[Arg], arguments: &Arguments, insertion: &mut Insertion) {
        for arg in args {
            match arg.kind {
                ArgKind::Keyword(name) => {
                    let given = arguments.keyword(&name).is_some_and(|bound| is_given(&bound.value));
                    insertion.supplies.push((name, self.supplied(code, arg.value, given)));
                }
                ArgKind::Positional => self.supply_row(code, arg.value, insertion),
                ArgKind::Starred | ArgKind::DoubleStarred => insertion.open = true,
            }
        }
    }

    fn supply_row(&self, code: &Code, row: ExprId, insertion: &mut Insertion) {
        let Some(entries) = literal_row(code, row) else {
            insertion.open = true;
            return;
        };
        for (key, value) in entries {
            match key.map(|key| &code[key]) {
                Some(Expr::Str(text)) => {
                    insertion.supplies.push((Name::new(text), self.supplied(code, *value, false)));
                }
                Some(Expr::Attribute { attr, .. }) => {
                    insertion.supplies.push((*attr, self.supplied(code, *value, false)));
                }
                _ => insertion.open = true,
            }
        }
    }

    /// What `execute(statement, …)` hands an INSERT besides.
    pub(super) fn supply_parameters(&self, code: &Code, args: &[Arg], insertion: &mut Insertion) {
        let handed = args.iter().filter(|arg| !matches!(arg.kind, ArgKind::Keyword(name) if name != "params")).nth(1);
        let Some(handed) = handed else { return };
        let Some(Inserted::Named(_)) = insertion.table else {
            self.supply_row(code, handed.value, insertion);
            return;
        };
        let Some(entries) = literal_row(code, handed.value) else { return };
        for (_, parameter, supplied) in &mut insertion.parameters {
            let value = entries.iter().find_map(|(key, value)| match &code[(*key)?] {
                Expr::Str(text) if **text == *parameter.as_str() => Some(*value),
                _ => None,
            });
            if let Some(value) = value {
                *supplied = self.supplied(code, value, self.is_param(code, value));
            }
        }
    }

    fn is_param(&self, code: &Code, value: ExprId) -> bool {
        match &code[value] {
            Expr::Name(name) => self.environment.get(name).is_some_and(|bound| is_given(&bound.value)),
            Expr::Attribute { value, .. } => self.is_param(code, *value),
            _ => false,
        }
    }

    fn supplied(&self, code: &Code, value: ExprId, given: bool) -> Supplied {
        if self.is_fresh(code, value) {
            Supplied::Fresh
        } else if given {
            Supplied::Given
        } else {
            Supplied::Other
        }
    }

    /// Whether an expression makes something up: it calls what is named so, also where it was bound to a name before.
    fn is_fresh(&self, code: &Code, value: ExprId) -> bool {
        let mut found = self.makes_up(code, value);
        if let Expr::Name(name) = &code[value] {
            assigned(code, *name, &mut |value| found |= self.makes_up(code, value));
        }
        found
    }

    fn makes_up(&self, code: &Code, value: ExprId) -> bool {
        const WORDS: &[&str] =
            &["uuid", "ulid", "cuid", "nanoid", "token", "random", "generate", "secret", "unique", "new_id", "now"];
        let mut found = false;
        auditline_syntax::python::walk_expression(code, value, &mut |expr| {
            let Expr::Call { func, .. } = &code[expr] else { return };
            let written = auditline_syntax::python::dotted(code, *func);
            let written = written.map(|name| name.to_ascii_lowercase()).unwrap_or_default();
            found |= WORDS.iter().any(|word| written.contains(word))
                || matches!(self.symbol(code, *func), Symbol::External(path)
                    if ["uuid.", "secrets.", "random.", "os.urandom"].iter().any(|own| path.starts_with(own)));
        });
        found
    }
}

/// The upsert that a text is.
pub(super) fn upsert_of_text(text: &str) -> Option<Insertion> {
    let upsert = sql::upsert(text)?;
    let mut insertion = Insertion { table: Some(Inserted::Named(upsert.table)), ..Insertion::default() };
    for (column, given) in upsert.columns {
        match given {
            SqlGiven::Parameter(parameter) => insertion.parameters.push((column, parameter, Supplied::Unknown)),
            SqlGiven::Called => insertion.supplies.push((column, Supplied::Fresh)),
            SqlGiven::Other => insertion.supplies.push((column, Supplied::Unknown)),
        }
    }
    insertion.passes = match upsert.conflicts {
        Conflicts::All => Passes::All,
        Conflicts::Columns(columns) => Passes::Columns(columns),
        Conflicts::Constraint(name) => Passes::Constraint(name),
    };
    Some(insertion)
}

/// The entries of a row that is written out, or bound to a name before; of several, those of the first.
fn literal_row(code: &Code, row: ExprId) -> Option<&[(Option<ExprId>, ExprId)]> {
    match &code[row] {
        Expr::Dict(entries) => Some(entries),
        Expr::List(items) | Expr::Tuple(items) => literal_row(code, *items.first()?),
        Expr::Comprehension { element, .. } => match &code[*element] {
            Expr::Dict(entries) => Some(entries),
            _ => None,
        },
        Expr::Name(name) => {
            let mut bound = Vec::new();
            assigned(code, *name, &mut |value| bound.push(value));
            match bound.as_slice() {
                [value] if !matches!(&code[*value], Expr::Name(_)) => literal_row(code, *value),
                _ => None,
            }
        }
        _ => None,
    }
}

/// What is assigned to a name.
fn assigned(code: &Code, name: Name, visit: &mut impl FnMut(ExprId)) {
    walk_statements(&code.block, &mut |stmt| {
        let Some((targets, value)) = stmt.kind.assignment() else { return };
        if targets.iter().any(|target| matches!(&code[*target], Expr::Name(own) if *own == name)) {
            visit(value);
        }
    });
}

fn is_given(value: &Value) -> bool {
    match value {
        Value::Param(_) => true,
        Value::Attribute(object, _) => is_given(object),
        _ => false,
    }
}

/// Which conflicts `on_conflict_do_nothing(…)` or `on_conflict_do_update(…)` passes over.
pub(super) fn passes(code: &Code, args: &[Arg], or_all: bool) -> Passes {
    let keyword = |wanted: &str| args.iter().find(|arg| matches!(arg.kind, ArgKind::Keyword(name) if name == wanted));
    if args.is_empty() && or_all {
        return Passes::All;
    }
    if let Some(constraint) = keyword("constraint") {
        return match &code[constraint.value] {
            Expr::Str(name) => Passes::Constraint(Name::new(name)),
            _ => Passes::Unknown,
        };
    }
    let Some(elements) = keyword("index_elements").filter(|_| keyword("index_where").is_none()) else {
        return Passes::Unknown;
    };
    let column = |element: &ExprId| match &code[*element] {
        Expr::Str(text) => Some(Name::new(text)),
        Expr::Attribute { attr, .. } => Some(*attr),
        _ => None,
    };
    match &code[elements.value] {
        Expr::List(items) | Expr::Tuple(items) => {
            items.iter().map(column).collect::<Option<Vec<Name>>>().map_or(Passes::Unknown, Passes::Columns)
        }
        _ => Passes::Unknown,
    }
}
