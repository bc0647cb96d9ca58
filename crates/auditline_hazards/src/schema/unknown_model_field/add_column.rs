//! The missing column in the model, and in a new revision where the migrations lack it as well.

use auditline_model::schema::{Presence, Standing, column_in, standings};
use auditline_model::tables::{ModelKind, TypeFamily, orm_model};
use auditline_model::{ClassRef, Db, FunctionRef, classes, function};
use auditline_source::TextEdit;
use auditline_syntax::python::ir::{BinaryOp, Code, Expr, ExprId, StmtKind};
use auditline_syntax::python::walk_statements;
use auditline_syntax::{Name, TextRange};

use crate::edit::{self, Document, Scope};
use crate::finding::{Changes, FileEdit, Fix, Safety};
use crate::schema::new_revision;

/// A type that Python and the database have, and whether it may be `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind {
    python: &'static str,
    sql: &'static str,
    optional: bool,
}

impl Kind {
    const ALL: [(&'static str, &'static str); 4] =
        [("str", "String"), ("int", "Integer"), ("bool", "Boolean"), ("float", "Float")];

    /// A column that old rows leave empty.
    fn optional(python: &str) -> Option<Self> {
        let (python, sql) = Self::ALL.into_iter().find(|(own, _)| *own == python)?;
        Some(Self { python, sql, optional: true })
    }

    /// What the migrations have.
    fn of_family(family: TypeFamily, optional: bool) -> Option<Self> {
        let python = match family {
            TypeFamily::String | TypeFamily::Text => "str",
            TypeFamily::Integer | TypeFamily::BigInteger => "int",
            TypeFamily::Boolean => "bool",
            TypeFamily::Float => "float",
            _ => return None,
        };
        Self::optional(python).map(|kind| Self { optional, ..kind })
    }
}

/// The fix for a keyword of a constructor, where the table has migrations and it is plain what the column holds.
pub(super) fn fix(db: &dyn Db, of: FunctionRef, class: ClassRef, column: Name, value: ExprId) -> Option<Fix> {
    let model = classes::simple(class.path);
    let standings = standings(db);
    let standing = standings.iter().find(|standing| standing.is_of(class))?;
    let kind = match there(standing, column) {
        There::Has(kind) => {
            let title = format!("Add `{column}` to `{model}`, as the migrations have it");
            return Some(Fix::new(title, Safety::Unsafe, move |db| Some(vec![in_model(db, class, column, kind)?])));
        }
        There::Lacks => kind_of(db, of, value)?,
        There::Unknown => return None,
    };
    let title = format!("Add `{column}` to `{model}` and, in a new revision, to its table");
    Some(Fix::creating(title, Safety::Unsafe, move |db| {
        let ty = format!("sa.{}()", kind.sql);
        let created = new_revision::add_unknown_column(db, class, column, &ty)?;
        Some(Changes { edits: vec![in_model(db, class, column, kind)?], created: vec![created] })
    }))
}

/// What the one history of a table's database says of a column.
enum There {
    Has(Kind),
    Lacks,
    Unknown,
}

fn there(standing: &Standing, column: Name) -> There {
    let [(description, name)] = standing.described.as_slice() else { return There::Unknown };
    let Some(table) = description.schema.tables.get(name).filter(|table| table.is_known()) else {
        return There::Unknown;
    };
    match column_in(table, column) {
        None => There::Lacks,
        Some(own) if own.presence == Presence::Certain => {
            let kind = own.column.nullable.and_then(|nullable| Kind::of_family(own.column.family, nullable));
            kind.map_or(There::Unknown, There::Has)
        }
        Some(_) => There::Unknown,
    }
}

/// What an argument surely is: a constant, or a parameter with a plain annotation.
fn kind_of(db: &dyn Db, of: FunctionRef, value: ExprId) -> Option<Kind> {
    let body = function(db, of)?;
    let code = &body.code;
    match &code[value] {
        Expr::Str(_) | Expr::FString(_) => Kind::optional("str"),
        Expr::Int(_) => Kind::optional("int"),
        Expr::Bool(_) => Kind::optional("bool"),
        Expr::Float => Kind::optional("float"),
        Expr::Name(name) => {
            let mut assigned = false;
            walk_statements(&code.block, &mut |stmt| {
                let targets: &[ExprId] = match &stmt.kind {
                    StmtKind::Assign { targets, .. } => targets,
                    StmtKind::AugAssign { target, .. } => std::slice::from_ref(target),
                    _ => &[],
                };
                assigned |= targets.iter().any(|target| matches!(&code[*target], Expr::Name(own) if own == name));
            });
            let param = body.params.iter().find(|param| param.name == *name && !assigned)?;
            annotated(code, param.annotation?)
        }
        _ => None,
    }
}

/// `str`, `str | None`.
fn annotated(code: &Code, annotation: ExprId) -> Option<Kind> {
    match &code[annotation] {
        Expr::Name(name) => Kind::optional(name),
        Expr::Binary { left, right, op: BinaryOp::BitOr } if matches!(code[*right], Expr::None) => {
            annotated(code, *left)
        }
        _ => None,
    }
}

/// The column behind the last one of the class, in the style of that.
fn in_model(db: &dyn Db, class: ClassRef, column: Name, kind: Kind) -> Option<FileEdit> {
    let document = Document::of(db, class.file)?;
    let scope = document.class(class.path)?;
    let is_sqlmodel = orm_model(db, class)?.kind == ModelKind::SqlModelTable;
    let (range, style) = scope
        .code
        .block
        .iter()
        .filter_map(|stmt| Some((stmt.range, style(scope, &stmt.kind, is_sqlmodel)?)))
        .next_back()?;
    let mut edits: Vec<TextEdit> = Vec::new();
    let statement = match style {
        Style::Annotated { before, after } => {
            let wants_optional = scope.text(whole(scope)).contains("Optional[");
            let python = match (kind.optional, wants_optional) {
                (false, _) => kind.python.to_owned(),
                (true, true) => format!("Optional[{}]", kind.python),
                (true, false) => format!("{} | None", kind.python),
            };
            let default = if is_sqlmodel && kind.optional { " = None" } else { "" };
            format!("{column}: {before}{python}{after}{default}")
        }
        Style::Called { func, prefix } => {
            let ty = if prefix.is_empty() {
                let import = edit::add_import(&document, "sqlalchemy", kind.sql)?;
                edits.extend(import.edits);
                import.name
            } else {
                format!("{prefix}{}", kind.sql)
            };
            let null = if kind.optional { "" } else { ", nullable=False" };
            format!("{column} = {func}({ty}{null})")
        }
    };
    edits.extend(edit::insert_after_simple(scope, range, &statement)?);
    Some(FileEdit { file: class.file, edits: document.checked(edits)? })
}

/// How a class declares a column.
enum Style {
    /// `name: Mapped[str]`, `name: str`: what stands before and behind the type.
    Annotated { before: String, after: &'static str },
    /// `name = Column(String)`, `name = db.Column(db.String)`.
    Called { func: String, prefix: String },
}

fn style(scope: Scope<'_>, stmt: &StmtKind, is_sqlmodel: bool) -> Option<Style> {
    match stmt {
        StmtKind::AnnAssign { target, annotation, value } if matches!(scope.code[*target], Expr::Name(_)) => {
            if value.is_some_and(|value| is_relationship(scope, value)) {
                return None;
            }
            let written = scope.source(*annotation);
            if is_sqlmodel {
                let is_field = !written.contains("ClassVar") && !written.to_lowercase().contains("list[");
                return is_field.then(|| Style::Annotated { before: String::new(), after: "" });
            }
            let at = written.find("Mapped[").filter(|at| *at == 0 || written[..*at].ends_with('.'))?;
            let is_many = written.contains("list[") || written.contains("List[");
            (!is_many).then(|| Style::Annotated { before: written[..at + "Mapped[".len()].to_owned(), after: "]" })
        }
        StmtKind::Assign { value, .. } => {
            let Expr::Call { func, .. } = &scope.code[*value] else { return None };
            let written = scope.source(*func);
            let last = written.rsplit('.').next()?;
            let prefix = written.strip_suffix(last)?;
            matches!(last, "Column" | "mapped_column")
                .then(|| Style::Called { func: written.to_owned(), prefix: prefix.to_owned() })
        }
        _ => None,
    }
}

fn is_relationship(scope: Scope<'_>, value: ExprId) -> bool {
    match &scope.code[value] {
        Expr::Call { func, .. } => scope.source(*func).to_lowercase().ends_with("relationship"),
        _ => false,
    }
}

/// From the first statement of a class to its last.
fn whole(scope: Scope<'_>) -> TextRange {
    let mut ranges = scope.code.block.iter().map(|stmt| stmt.range);
    let first = ranges.next().unwrap_or_default();
    ranges.fold(first, TextRange::cover)
}
