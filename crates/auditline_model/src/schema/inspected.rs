//! Methods of values: of texts and lists, of connections, and of inspectors, which tell of the schema as it is.

use auditline_syntax::Name;
use auditline_syntax::python::ir::ExprId;
use auditline_syntax::sql::TableName;

use crate::classes::Detached;

use super::calls::{Args, formatted};
use super::expressions::{attribute, opaque, written};
use super::state::Presence;
use super::statements::{Frame, Run};
use super::value::{HOLE, Value};

impl Run<'_> {
    pub(super) fn call_method(
        &mut self,
        frame: &mut Frame<'_>,
        expr: ExprId,
        target: &Value,
        method: Name,
        args: &Args,
    ) -> Value {
        let name = method.as_str();
        match target {
            Value::Op => return self.operation(frame.place(expr), None, name, args),
            Value::Batch(table) => return self.operation(frame.place(expr), Some(*table), name, args),
            Value::Function(_) => return Value::Unknown,
            _ => {}
        }
        if matches!(name, "execute" | "exec_driver_sql" | "scalar" | "scalars" | "exec")
            && let Some(first) = args.positional.first()
        {
            return self.execute(frame.place(expr), first, matches!(target, Value::Op | Value::Batch(_)));
        }
        match target {
            Value::Bind => match name {
                "is_offline_mode" => Value::Bool(false),
                "has_table" => self.inspect("has_table", &args.positional[args.positional.len().min(1)..], args),
                "get_context" | "get_bind" | "connect" | "connection" | "get_connection" | "begin"
                | "execution_options" | "configure" | "begin_nested" | "__enter__" => Value::Bind,
                _ => Value::Unknown,
            },
            Value::Inspector => self.inspect(name, &args.positional, args),
            Value::Text(text) => of_text(text, name, args),
            Value::Dict(entries) => match name {
                "items" => Value::List(
                    entries.iter().map(|(key, value)| Value::List(vec![key.clone(), value.clone()])).collect(),
                ),
                "keys" => Value::List(entries.iter().map(|(key, _)| key.clone()).collect()),
                "values" => Value::List(entries.iter().map(|(_, value)| value.clone()).collect()),
                "get" => match args.positional.first() {
                    Some(key) if key.is_told() => match entries.iter().rev().find(|(own, _)| own == key) {
                        Some((_, value)) => value.clone(),
                        None => args.positional.get(1).cloned().unwrap_or(Value::None),
                    },
                    _ => Value::Unknown,
                },
                _ => Value::Unknown,
            },
            Value::List(items) if name == "copy" => Value::List(items.clone()),
            Value::Declared(declared) => self.of_declared(declared, method, args),
            other => opaque(&[other]),
        }
    }

    /// A method of something that declares: `metadata.create_all(…)`, `sa.String(5).with_variant(…)`.
    fn of_declared(&mut self, declared: &Detached, method: Name, args: &Args) -> Value {
        let is_table = matches!(declared, Detached::Path { path, .. } if path.ends_with("__table__"))
            || declared.call().is_some_and(|(func, _)| func.last_name().is_some_and(|name| name == "Table"));
        match method.as_str() {
            "create_all" => self.schema.is_open = true,
            "drop_all" | "reflect" if method == *"drop_all" => self.schema.cloud(),
            "create" if is_table => self.schema.is_open = true,
            "drop" if is_table => self.schema.cloud(),
            _ => {}
        }
        match attribute(&Value::Declared(declared.clone()), method) {
            Value::Declared(func) => {
                let detached = Value::List(args.positional.clone()).detached();
                let Detached::Sequence(values) = detached else { return Value::Unknown };
                let args = values
                    .into_iter()
                    .map(|value| crate::classes::DetachedArg {
                        kind: auditline_syntax::python::ir::ArgKind::Positional,
                        value,
                    })
                    .collect();
                Value::Declared(Detached::Call { func: Box::new(func), args })
            }
            other => other,
        }
    }

    /// What an inspector answers, of the schema as it is at this step.
    fn inspect(&self, method: &str, positional: &[Value], args: &Args) -> Value {
        let schema = positional.get(1).or_else(|| args.keyword("schema")).and_then(Value::name);
        let schema = schema.filter(|schema| schema != "public");
        let table = positional.first().or_else(|| args.keyword("table_name")).and_then(Value::name);
        match (method, table) {
            ("has_table", Some(name)) => match self.schema.table(TableName { schema, name }) {
                Some(table) if table.presence == Presence::Certain => Value::Bool(true),
                Some(_) => Value::Inspected,
                None if self.schema.is_open => Value::Inspected,
                None => Value::Bool(false),
            },
            ("get_table_names", _) => {
                let is_told = !self.schema.is_open
                    && self.schema.tables.values().all(|table| table.presence == Presence::Certain);
                if is_told {
                    let tables = self.schema.tables.keys();
                    Value::List(tables.map(|table| Value::Text(table.name.as_str().to_owned())).collect())
                } else {
                    Value::Inspected
                }
            }
            ("get_columns", Some(name)) => match self.schema.table(TableName { schema, name }) {
                Some(table) if table.is_known() => {
                    let key = |text: &str| Value::Text(text.to_owned());
                    let column = |(name, own): &(Name, super::SchemaColumn)| {
                        let nullable = own.column.nullable.map_or(Value::Inspected, Value::Bool);
                        Value::Dict(vec![
                            (key("name"), key(name.as_str())),
                            (key("nullable"), nullable),
                            (key("type"), Value::Inspected),
                            (key("default"), Value::Inspected),
                        ])
                    };
                    Value::List(table.columns.iter().map(column).collect())
                }
                None if !self.schema.is_open => Value::List(Vec::new()),
                _ => Value::Inspected,
            },
            _ => Value::Inspected,
        }
    }
}

fn of_text(text: &str, method: &str, args: &Args) -> Value {
    let first = args.positional.first();
    let told = !text.contains(HOLE);
    match (method, first) {
        ("format", _) => Value::Text(formatted(text, args)),
        ("join", Some(Value::List(items))) => Value::Text(items.iter().map(written).collect::<Vec<_>>().join(text)),
        ("join", _) => Value::Text(HOLE.to_owned()),
        ("strip", None) => Value::Text(text.trim().to_owned()),
        ("lower", None) => Value::Text(text.to_lowercase()),
        ("upper", None) if told => Value::Text(text.to_uppercase()),
        ("replace", Some(Value::Text(from))) => match args.positional.get(1) {
            Some(Value::Text(to)) => Value::Text(text.replace(from.as_str(), to)),
            _ => Value::Text(HOLE.to_owned()),
        },
        ("split", Some(Value::Text(by))) if told && !by.is_empty() => {
            Value::List(text.split(by.as_str()).map(|part| Value::Text(part.to_owned())).collect())
        }
        ("split", None) if told => {
            Value::List(text.split_whitespace().map(|part| Value::Text(part.to_owned())).collect())
        }
        ("startswith", Some(Value::Text(start))) if told => Value::Bool(text.starts_with(start.as_str())),
        ("endswith", Some(Value::Text(end))) if told => Value::Bool(text.ends_with(end.as_str())),
        // Parameters that are bound, options: the statement is the same.
        ("bindparams" | "columns" | "execution_options" | "strip" | "rstrip" | "lstrip", _) => {
            Value::Text(text.to_owned())
        }
        _ => Value::Unknown,
    }
}
