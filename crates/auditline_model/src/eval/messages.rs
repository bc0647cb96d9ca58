//! Messages: what is handed to a broker, for somebody else to act on.

use std::sync::Arc;

use auditline_syntax::{Name, TextRange};

use crate::tables::orm_model;
use crate::unit::EventKind;

use super::Evaluator;
use super::calls::Arguments;
use super::value::{RowValue, Value};

impl Evaluator<'_> {
    /// Records that a message names rows by their keys and says nothing else of them: whoever gets it has to load them. A message
    /// that brings along what it is about, for a log or for a browser, needs no row.
    pub(super) fn told(&mut self, path: Name, arguments: &Arguments, range: TextRange) {
        if !publishes(&path) {
            return;
        }
        let about = self.rows_by_key(arguments);
        if !about.is_empty() {
            self.event(EventKind::Message { path, by: None, about }, range);
        }
    }

    /// As [`Self::told`], of an attribute of something from outside: `channel.default_exchange.publish(…)`.
    pub(super) fn told_by(&mut self, object: &Value, method: Name, arguments: &Arguments, range: TextRange) {
        if let Some(path) = made_path(object) {
            self.told(Name::new(&format!("{path}.{method}")), arguments, range);
        }
    }

    /// The rows of which the keys, and nothing else, went into the arguments of a call.
    fn rows_by_key(&self, arguments: &Arguments) -> Vec<Arc<RowValue>> {
        let fields = || arguments.list.iter().flat_map(|(_, bound)| &bound.from.fields);
        let mut rows: Vec<Arc<RowValue>> = Vec::new();
        for field in fields() {
            let Some(EventKind::Read { row, .. }) = self.unit.events.get(field.read as usize).map(|event| &event.kind)
            else {
                continue;
            };
            let key = row.model.and_then(|model| orm_model(self.db, model)).and_then(|model| model.key());
            let by_key = key.is_some() && fields().all(|other| other.row != row.id || Some(other.column) == key);
            if row.id == field.row && by_key && !rows.contains(row) {
                rows.push(Arc::clone(row));
            }
        }
        rows
    }
}

/// The dotted path of what a library has made, or of a part of it.
fn made_path(value: &Value) -> Option<String> {
    match value {
        Value::Made(path) => Some(path.to_string()),
        Value::Attribute(inner, name) => Some(format!("{}.{name}", made_path(inner)?)),
        _ => None,
    }
}

/// Whether a method of a broker's library hands over a message, or something to work on.
fn publishes(path: &str) -> bool {
    let (root, last) = (path.split('.').next().unwrap_or(path), path.rsplit('.').next().unwrap_or(path));
    match root {
        "faststream" | "propan" | "aio_pika" | "aiormq" | "kombu" | "pika" => {
            matches!(last, "publish" | "basic_publish")
        }
        "aiokafka" | "kafka" | "confluent_kafka" => matches!(last, "send" | "send_and_wait" | "produce"),
        "nats" | "stan" => matches!(last, "publish" | "request"),
        "redis" | "aioredis" | "valkey" | "coredis" => {
            matches!(last, "publish" | "spublish" | "lpush" | "rpush" | "xadd")
        }
        "temporalio" => matches!(last, "start_workflow" | "execute_workflow" | "signal"),
        "boto3" | "botocore" | "aioboto3" | "aiobotocore" => {
            matches!(last, "send_message" | "publish" | "put_events" | "start_execution" | "put_record")
        }
        "google" => {
            path.starts_with("google.cloud.pubsub") && last == "publish"
                || path.starts_with("google.cloud.tasks") && last == "create_task"
        }
        "azure" => path.starts_with("azure.servicebus.") && last == "send_messages",
        _ => false,
    }
}
