//! From the parser's statements to what they do to tables.

use sqlparser::ast::{
    self, AlterColumnOperation, AlterTableOperation, ColumnOption, DataType, Expr, Ident, ObjectName, ObjectType,
    RenameTableNameKind, TableConstraint,
};
use sqlparser::dialect::{Dialect, GenericDialect, MySqlDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;
use text_size::TextRange;

use super::routine::routine;
use super::split::split;
use super::{Change, Constraint, CreateTable, Distinct, Script, SqlColumn, SqlType, Statement, TableName};
use crate::Name;

/// The longest statement that is read.
const MAX_LENGTH: usize = 256 * 1024;
/// How deep brackets may nest.
const MAX_DEPTH: usize = 40;

/// Reads a text.
#[must_use]
pub fn lower(text: &str) -> Script {
    let mut script = Script::default();
    for range in split(text) {
        let statement = &text[range];
        if let Some(routine) = routine(statement, range.start()) {
            script.statements.push((range, Statement::Routine(routine)));
            continue;
        }
        if !may_matter(statement) {
            continue;
        }
        match parse(statement) {
            Some(parsed) => {
                for one in &parsed {
                    read(one, range, &mut script.statements);
                }
            }
            None => script.skipped.push((range, first_words(statement))),
        }
    }
    script
}

/// Whether a statement begins like one that defines something; the others are not looked at.
fn may_matter(statement: &str) -> bool {
    let word = statement.split(|char: char| !char.is_alphanumeric()).next().unwrap_or_default();
    let is_definition = ["create", "alter", "drop"].iter().any(|own| word.eq_ignore_ascii_case(own));
    let second = statement.split_whitespace().nth(1).unwrap_or_default().to_ascii_lowercase();
    // What makes no tables, and what the parser does not know anyway.
    const OTHERS: &[&str] = &[
        "function",
        "trigger",
        "extension",
        "type",
        "sequence",
        "view",
        "materialized",
        "database",
        "user",
        "role",
        "policy",
        "domain",
        "cast",
        "operator",
        "aggregate",
        "collation",
        "rule",
        "server",
        "event",
        "publication",
        "subscription",
        "procedure",
        "default",
        "or",
        "constraint",
        "owned",
        "text",
        "statistics",
    ];
    is_definition && !OTHERS.contains(&second.as_str())
}

fn first_words(statement: &str) -> Name {
    Name::new(&statement.split_whitespace().take(4).collect::<Vec<_>>().join(" "))
}

pub(super) fn parse(statement: &str) -> Option<Vec<ast::Statement>> {
    if statement.len() > MAX_LENGTH {
        return None;
    }
    let dialects: [&dyn Dialect; 4] = [&PostgreSqlDialect {}, &GenericDialect {}, &MySqlDialect {}, &SQLiteDialect {}];
    dialects.iter().find_map(|dialect| {
        let parser = Parser::new(*dialect).with_recursion_limit(MAX_DEPTH).try_with_sql(statement);
        parser.ok()?.parse_statements().ok()
    })
}

fn read(statement: &ast::Statement, range: TextRange, found: &mut Vec<(TextRange, Statement)>) {
    match statement {
        ast::Statement::CreateTable(create) if !create.temporary => {
            let Some(table) = table_name(&create.name) else { return };
            found.push((
                range,
                Statement::CreateTable(CreateTable {
                    table,
                    columns: create.columns.iter().map(column).collect(),
                    constraints: create.constraints.iter().filter_map(constraint).collect(),
                    if_not_exists: create.if_not_exists,
                    is_open: create.query.is_some()
                        || create.like.is_some()
                        || create.clone.is_some()
                        || create.inherits.is_some()
                        || create.partition_of.is_some(),
                }),
            ));
        }
        ast::Statement::AlterTable(alter) => {
            let Some(table) = table_name(&alter.name) else { return };
            for operation in &alter.operations {
                alter_table(table, operation, range, found);
            }
        }
        ast::Statement::CreateIndex(index) => {
            let Some(table) = table_name(&index.table_name) else { return };
            let name = index.name.as_ref().and_then(last_part);
            let columns: Option<Vec<Name>> = index.columns.iter().map(|own| column_of(&own.column.expr)).collect();
            let distinct = Distinct::of(index.unique, index.predicate.is_none() && columns.is_some());
            found.push((range, Statement::Alter(table, Change::Index(name, columns.unwrap_or_default(), distinct))));
        }
        ast::Statement::Drop { object_type, names, .. } => {
            for name in names {
                let dropped = match object_type {
                    ObjectType::Table => table_name(name).map(Statement::DropTable),
                    ObjectType::Index => last_part(name).map(Statement::DropIndex),
                    ObjectType::Schema => last_part(name).map(Statement::DropSchema),
                    _ => None,
                };
                found.extend(dropped.map(|dropped| (range, dropped)));
            }
        }
        _ => {}
    }
}

fn alter_table(
    table: TableName,
    operation: &AlterTableOperation,
    range: TextRange,
    found: &mut Vec<(TextRange, Statement)>,
) {
    let mut push = |change: Change| found.push((range, Statement::Alter(table, change)));
    match operation {
        AlterTableOperation::AddColumn { column_def, if_not_exists, .. } => {
            push(Change::AddColumn(column(column_def), *if_not_exists));
        }
        AlterTableOperation::DropColumn { column_names, .. } => {
            column_names.iter().for_each(|name| push(Change::DropColumn(ident(name))));
        }
        AlterTableOperation::RenameColumn { old_column_name, new_column_name } => {
            push(Change::RenameColumn(ident(old_column_name), ident(new_column_name)));
        }
        AlterTableOperation::RenameTable { table_name: RenameTableNameKind::As(to) | RenameTableNameKind::To(to) } => {
            push(last_part(to).map_or(Change::Moved, Change::Rename));
        }
        AlterTableOperation::ChangeColumn { old_name, new_name, .. } => {
            push(Change::RenameColumn(ident(old_name), ident(new_name)));
            push(Change::Unread);
        }
        AlterTableOperation::ModifyColumn { col_name, data_type, options, .. } => {
            push(Change::SetType(ident(col_name), type_of(data_type)));
            let not_null = options.iter().any(|option| matches!(option, ColumnOption::NotNull));
            push(Change::SetNotNull(ident(col_name), not_null));
        }
        AlterTableOperation::AlterColumn { column_name, op } => {
            let name = ident(column_name);
            push(match op {
                AlterColumnOperation::SetNotNull => Change::SetNotNull(name, true),
                AlterColumnOperation::DropNotNull => Change::SetNotNull(name, false),
                AlterColumnOperation::SetDefault { value } => {
                    Change::SetDefault(name, Some(Name::new(&value.to_string())))
                }
                AlterColumnOperation::DropDefault => Change::SetDefault(name, None),
                AlterColumnOperation::SetDataType { data_type, .. } => Change::SetType(name, type_of(data_type)),
                AlterColumnOperation::AddGenerated { .. } => Change::SetDefault(name, Some(Name::new("identity"))),
            });
        }
        AlterTableOperation::AddConstraint { constraint: own, .. } => {
            if let Some(own) = constraint(own) {
                push(Change::Add(own));
            }
        }
        AlterTableOperation::DropConstraint { name, .. } => push(Change::DropConstraint(ident(name))),
        AlterTableOperation::SwapWith { .. } => push(Change::Unread),
        // Row security, owners, triggers, storage and the like leave the columns as they are.
        _ => {}
    }
}

fn column(def: &ast::ColumnDef) -> SqlColumn {
    let ty = type_of(&def.data_type);
    let serial = ty.name.is_some_and(|name| name.ends_with("SERIAL"));
    let mut column = SqlColumn {
        name: ident(&def.name),
        ty,
        not_null: serial,
        primary_key: false,
        unique: false,
        default: serial.then(|| Name::new("nextval")),
        references: None,
        on_delete: None,
    };
    for option in &def.options {
        match &option.option {
            ColumnOption::NotNull => column.not_null = true,
            ColumnOption::Default(value) => column.default = Some(Name::new(&value.to_string())),
            ColumnOption::PrimaryKey(_) => {
                column.primary_key = true;
                column.not_null = true;
            }
            ColumnOption::Unique(_) => column.unique = true,
            ColumnOption::ForeignKey(key) => {
                column.references =
                    table_name(&key.foreign_table).map(|table| (table, key.referred_columns.first().map(ident)));
                column.on_delete = key.on_delete.as_ref().map(|action| Name::new(&action.to_string()));
            }
            ColumnOption::Generated { .. } | ColumnOption::Identity(_) => column.default = Some(Name::new("generated")),
            // `AUTO_INCREMENT`, `AUTOINCREMENT`.
            ColumnOption::DialectSpecific(tokens)
                if tokens.iter().any(|token| token.to_string().to_ascii_uppercase().starts_with("AUTO")) =>
            {
                column.default = Some(Name::new("nextval"));
            }
            _ => {}
        }
    }
    column
}

fn constraint(own: &TableConstraint) -> Option<Constraint> {
    let columns = |list: &[ast::IndexColumn]| -> Option<Vec<Name>> {
        list.iter().map(|own| column_of(&own.column.expr)).collect()
    };
    Some(match own {
        TableConstraint::PrimaryKey(key) => Constraint::PrimaryKey(columns(&key.columns)?),
        TableConstraint::Unique(unique) => {
            Constraint::Unique(unique.name.as_ref().map(ident), columns(&unique.columns)?)
        }
        TableConstraint::ForeignKey(key) => Constraint::ForeignKey {
            name: key.name.as_ref().map(ident),
            columns: key.columns.iter().map(ident).collect(),
            table: table_name(&key.foreign_table)?,
            referred: key.referred_columns.iter().map(ident).collect(),
            on_delete: key.on_delete.as_ref().map(|action| Name::new(&action.to_string())),
        },
        _ => return None,
    })
}

fn column_of(expr: &Expr) -> Option<Name> {
    match expr {
        Expr::Identifier(name) => Some(ident(name)),
        _ => None,
    }
}

fn type_of(ty: &DataType) -> SqlType {
    let is_array = matches!(ty, DataType::Array(_));
    if *ty == DataType::Unspecified {
        return SqlType::default();
    }
    let text = ty.to_string().to_ascii_uppercase();
    let (head, rest) = text.split_once('(').unwrap_or((&text, ""));
    let length = rest.split(|char: char| !char.is_ascii_digit()).next().and_then(|digits| digits.parse().ok());
    // `TIMESTAMP(6) WITH TIME ZONE`
    let tail = rest.split_once(')').map_or("", |(_, tail)| tail);
    let name = format!("{}{tail}", head.trim()).replace("[]", "");
    SqlType { name: Some(Name::new(name.trim())), length, is_array }
}

pub(super) fn ident(name: &Ident) -> Name {
    if name.quote_style.is_some() { Name::new(&name.value) } else { Name::new(&name.value.to_lowercase()) }
}

fn parts(name: &ObjectName) -> Option<Vec<Name>> {
    name.0.iter().map(|part| part.as_ident().map(ident)).collect()
}

pub(super) fn last_part(name: &ObjectName) -> Option<Name> {
    parts(name)?.pop()
}

pub(super) fn table_name(name: &ObjectName) -> Option<TableName> {
    let mut parts = parts(name)?;
    let name = parts.pop()?;
    Some(TableName { schema: parts.pop().filter(|schema| *schema != "public"), name })
}
