//! Whether anything writes rows of a mapped class.
//!
//! The answer is yes as soon as the class may be handed to something that makes rows: only uses that surely make none
//! (attributes of the class in queries, `select(C)`, annotations, relationships) are told apart. All uses of its name count,
//! whatever they mean.

use auditline_syntax::Name;
use auditline_syntax::python::ir::{ArgKind, Code, Expr, ExprId, StmtKind};
use auditline_syntax::python::{walk_expression, walk_statements};
use rustc_hash::FxHashSet;

use crate::classes::{mro, simple};
use crate::db::{ClassRef, Db, SourceFile, parsed};
use crate::entry::{is_migration, is_test};
use crate::names::{files_mentioning, mentions};

use super::attributes::AttributeKind;
use super::model::{ModelKind, OrmModel, orm_model};
use super::registry::mapped_tables;

/// Whether something in the code of the project may add rows to the table of a class: tests are left out, migrations count
/// where they insert.
#[must_use]
pub fn is_filled(db: &dyn Db, class: ClassRef) -> bool {
    is_filled_at(db, class.file, class.path)
}

#[salsa::tracked(returns(copy))]
fn is_filled_at(db: &dyn Db, file: SourceFile, path: Name) -> bool {
    let class = ClassRef { file, path };
    let Some(model) = orm_model(db, class) else { return true };
    let name = simple(path);
    files_mentioning(db, name)
        .iter()
        .filter(|other| other.kind(db).is_python() && !is_test(db, **other) && !is_migration(db, **other))
        .any(|other| is_handed_on(db, *other, name, &model))
        || model.table.is_none_or(|table| is_written_by_name(db, table) || stands_between(db, table))
        || is_made_by_parent(db, class)
        || has_subclass(db, class)
}

/// Words of SQL that write, as they are written.
const WRITES: &[&str] = &["INTO", "into", "UPDATE", "COPY", "bulk_insert", "VIEW", "view"];

/// Whether a table is written in SQL, or by its name.
fn is_written_by_name(db: &dyn Db, table: Name) -> bool {
    let naming = files_mentioning(db, &table);
    naming.iter().filter(|file| !is_test(db, **file)).any(|file| WRITES.iter().any(|word| mentions(db, *file, word)))
}

/// Whether the table stands between two classes of a relationship: the session writes it.
fn stands_between(db: &dyn Db, table: Name) -> bool {
    mapped_tables(db).values().flatten().filter_map(|class| orm_model(db, *class)).any(|model| {
        model.attributes.iter().any(|attribute| match &attribute.kind {
            AttributeKind::Relationship(relationship) => relationship.secondary.is_some_and(|named| {
                named == table
                    || named.split('.').any(|part| *part == *table.as_str())
                    || named.to_lowercase().replace('_', "").contains(&table.replace('_', ""))
            }),
            _ => false,
        })
    })
}

/// Whether a class with a constructor of its own has a relationship to it: that may make the other rows, too.
fn is_made_by_parent(db: &dyn Db, class: ClassRef) -> bool {
    mapped_tables(db).values().flatten().filter_map(|other| orm_model(db, *other)).any(|model| {
        model.custom_init
            && model.attributes.iter().any(
                |attribute| matches!(&attribute.kind, AttributeKind::Relationship(own) if own.target == Some(class)),
            )
    })
}

fn has_subclass(db: &dyn Db, class: ClassRef) -> bool {
    mapped_tables(db).values().flatten().any(|other| *other != class && mro(db, *other).contains(&class))
}

/// Functions and methods that take a class to read its rows.
const READS: &[&str] = &[
    "select",
    "query",
    "get",
    "get_one",
    "delete",
    "exists",
    "aliased",
    "join",
    "outerjoin",
    "select_from",
    "isinstance",
    "issubclass",
    "relationship",
    "Relationship",
    "joinedload",
    "selectinload",
    "undefer",
    "count",
    "cast",
    "has_table",
];

/// Whether a file uses a name for more than reading.
fn is_handed_on(db: &dyn Db, file: SourceFile, name: &str, model: &OrmModel) -> bool {
    let module = &parsed(db, file).module;
    let annotates = model.kind != ModelKind::Declarative;
    let function = |function: &auditline_syntax::python::ir::Function| {
        // The framework makes rows of SQLModel from the body of a request.
        let params = function.params.iter().filter_map(|param| param.annotation).filter(|_| !annotates);
        let harmless: Vec<ExprId> = params.chain(function.returns).collect();
        uses(&function.code, &harmless, name, model)
    };
    uses(&module.code, &[], name, model)
        || module.functions.iter().any(|own| function(own))
        || module.classes.iter().any(|class| {
            class.bases.iter().any(|base| is_named(&class.code, *base, name)) || uses(&class.code, &[], name, model)
        })
}

fn is_named(code: &Code, expr: ExprId, name: &str) -> bool {
    match &code[expr] {
        Expr::Name(own) | Expr::Attribute { attr: own, .. } => *own == *name,
        Expr::Str(text) => **text == *name,
        _ => false,
    }
}

fn uses(code: &Code, annotations: &[ExprId], name: &str, model: &OrmModel) -> bool {
    let ids = (0..u32::try_from(code.exprs.len()).unwrap_or(u32::MAX)).map(ExprId);
    let named: Vec<ExprId> = ids.filter(|id| is_named(code, *id, name)).collect();
    if named.is_empty() {
        return false;
    }
    let mut harmless: FxHashSet<ExprId> = FxHashSet::default();
    let mut spare = |root: ExprId| {
        walk_expression(code, root, &mut |part| {
            harmless.insert(part);
        });
    };
    annotations.iter().for_each(|root| spare(*root));
    walk_statements(&code.block, &mut |stmt| match &stmt.kind {
        StmtKind::AnnAssign { annotation, .. } => spare(*annotation),
        StmtKind::Assign { targets, value } if targets.iter().any(|target| is_named(code, *target, "__all__")) => {
            spare(*value);
        }
        StmtKind::AugAssign { target, value, .. } if is_named(code, *target, "__all__") => spare(*value),
        _ => {}
    });
    for expr in &code.exprs {
        match expr {
            Expr::Attribute { value, attr }
                if *attr == "query" || model.attribute(*attr).is_some_and(super::Attribute::is_mapped) =>
            {
                harmless.insert(*value);
            }
            Expr::Call { func, args } => {
                let called = match &code[*func] {
                    Expr::Name(called) | Expr::Attribute { attr: called, .. } => called.as_str(),
                    _ => "",
                };
                for arg in args {
                    match arg.kind {
                        ArgKind::Keyword(key) if key == "response_model" => {
                            walk_expression(code, arg.value, &mut |part| {
                                harmless.insert(part);
                            });
                        }
                        ArgKind::Positional if READS.contains(&called) => {
                            harmless.insert(arg.value);
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    named.iter().any(|id| !harmless.contains(id))
}
