//! AUD415: an attribute of a model that has the name of what declarative keeps for itself.

use auditline_model::classes::{self, AttributeInfo, class_info};
use auditline_model::packages::is_kept_from;
use auditline_model::tables::is_mapped;
use auditline_model::{ClassRef, Db, SourceFile, entry, parsed};
use auditline_syntax::Name;
use auditline_syntax::python::ir::{Class, Expr, StmtKind};
use auditline_syntax::{TextRange, TextSize};

use crate::catalogue::{Check, Family, Hazard};
use crate::edit::Document;
use crate::finding::{Evidence, FileEdit, Finding, Fix, Place, Safety, Severity, symbol};

/// AUD415.
pub const HAZARD: Hazard = Hazard {
    code: "AUD415",
    name: "reserved-attribute",
    family: Family::Schema,
    severity: Severity::Error,
    summary: "A declarative model has a column or relationship named `metadata`: the class cannot be made",
    page: include_str!("page.md"),
    check: Check::File(check),
};

/// The name that the mapper looks up on every mapped class: its `MetaData`.
const RESERVED: &str = "metadata";

fn check(db: &dyn Db, file: SourceFile, findings: &mut Vec<Finding>) {
    if !file.kind(db).is_python() || entry::is_test(db, file) {
        return;
    }
    let mentions = file.content(db).text().is_some_and(|text| text.text().contains(RESERVED));
    if !mentions {
        return;
    }
    for class in &parsed(db, file).module.classes {
        let of = ClassRef { file, path: class.path };
        let Some(info) = class_info(db, of) else { continue };
        let Some(own) = info.attribute(Name::new(RESERVED)) else { continue };
        if is_table(db, of, &info) && declares(own) {
            findings.extend(finding(db, of, class, own));
        }
    }
}

/// Whether the class itself is mapped to a table: a mixin may be used by plain classes alone.
fn is_table(db: &dyn Db, of: ClassRef, info: &classes::ClassInfo) -> bool {
    is_mapped(db, of)
        && auditline_model::tables::orm_model(db, of)
            .is_some_and(|model| model.is_table() && (model.table.is_some() || !info.bases.is_empty()))
}

/// Whether the attribute is a column or relationship; a `MetaData` of the model's own is what the name is for.
fn declares(own: &AttributeInfo) -> bool {
    const DECLARATORS: &[&str] = &["Column", "mapped_column", "relationship", "Relationship", "Field", "synonym"];
    let called = own.value.as_ref().and_then(|value| value.call()).and_then(|(func, _)| func.last_name());
    called.is_some_and(|name| DECLARATORS.contains(&name.as_str()))
        || own.value.is_none()
            && own
                .annotation
                .as_ref()
                .and_then(classes::TypeExpr::external)
                .is_some_and(|path| path.rsplit('.').next() == Some("Mapped"))
}

fn finding(db: &dyn Db, of: ClassRef, class: &Class, own: &AttributeInfo) -> Option<Finding> {
    let name = classes::simple(of.path);
    let (statement, target) = class.code.block.iter().find_map(|stmt| {
        let target = match &stmt.kind {
            StmtKind::Assign { targets, .. } => *targets.first()?,
            StmtKind::AnnAssign { target, .. } => *target,
            _ => return None,
        };
        matches!(&class.code[target], Expr::Name(bound) if *bound == RESERVED)
            .then(|| (stmt.range, class.code.range(target)))
    })?;
    let fixes = column_call(class, own).map_or_else(Vec::new, |(call, open)| {
        let title = format!("Name the attribute `{RESERVED}_` and keep the column's name");
        vec![Fix::new(title, Safety::Unsafe, move |db| rename(db, of, target, call, open))]
    });
    // From 2.1 on the class is made, and the metadata hidden.
    let is_refused = is_kept_from(db, Name::new("sqlalchemy"), Name::new(">=2.1"));
    Some(Finding {
        hazard: &HAZARD,
        severity: if is_refused { Severity::Error } else { Severity::Warning },
        message: format!(
            "`{name}.{RESERVED}` hides the `MetaData` of the declarative base: SQLAlchemy before 2.1 refuses to make the class (`Attribute name '{RESERVED}' is reserved`)"
        ),
        place: Place::InClass(of, TextRange::new(target.start(), statement.end().min(target.end()))),
        symbol: symbol(of.path),
        evidence: vec![Evidence { place: Place::Class(of), message: format!("`{name}` is a mapped class") }],
        story: None,
        fixes,
    })
}

/// The call that makes the column and where its arguments begin, where it has no name of its own yet: relative to the class.
fn column_call(class: &Class, own: &AttributeInfo) -> Option<(TextRange, TextSize)> {
    let value = own.value.as_ref()?;
    let (func, args) = value.call()?;
    if !matches!(func.last_name()?.as_str(), "Column" | "mapped_column")
        || args.first().is_some_and(|arg| arg.value.text().is_some())
        || value.keyword("name").is_some()
    {
        return None;
    }
    class.code.block.iter().find_map(|stmt| {
        let (target, value) = match &stmt.kind {
            StmtKind::Assign { targets, value } => (*targets.first()?, *value),
            StmtKind::AnnAssign { target, value, .. } => (*target, (*value)?),
            _ => return None,
        };
        if !matches!(&class.code[target], Expr::Name(bound) if *bound == RESERVED) {
            return None;
        }
        let Expr::Call { func, .. } = &class.code[value] else { return None };
        Some((class.code.range(value), class.code.range(*func).end()))
    })
}

/// `metadata = Column(JSON)` becomes `metadata_ = Column("metadata", JSON)`.
fn rename(db: &dyn Db, of: ClassRef, target: TextRange, call: TextRange, open: TextSize) -> Option<Vec<FileEdit>> {
    use auditline_source::TextEdit;
    let document = Document::of(db, of.file)?;
    let scope = document.class(of.path)?;
    let behind = scope.text(TextRange::new(open, call.end()));
    let bracket = behind.find('(')? + 1;
    let rest = behind.get(bracket..)?;
    let is_empty = rest.trim_start().starts_with(')');
    let breaks = rest.starts_with(['\n', '\r']);
    let written = match (is_empty, breaks) {
        (true, _) => format!("\"{RESERVED}\""),
        (false, false) => format!("\"{RESERVED}\", "),
        (false, true) => {
            let blank = &rest[..rest.len() - rest.trim_start().len()];
            format!("{blank}\"{RESERVED}\",")
        }
    };
    let at = scope.absolute(TextRange::new(open, call.end())).start() + TextSize::try_from(bracket).ok()?;
    let edits = vec![TextEdit::replace(scope.absolute(target), format!("{RESERVED}_")), TextEdit::insert(at, written)];
    Some(vec![FileEdit { file: of.file, edits: document.checked(edits)? }])
}
