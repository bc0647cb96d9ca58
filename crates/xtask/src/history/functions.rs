//! The functions of a Python file: names and lines.

use anyhow::{Context, Result};
use tree_sitter::{Node, Parser};

/// A function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Function {
    /// With the classes and functions around it: `Orders.pay`.
    pub(super) name: String,
    first: u32,
    last: u32,
}

/// All functions of a text, those inside others behind them.
pub(super) fn all(text: &str) -> Result<Vec<Function>> {
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_python::LANGUAGE.into())?;
    let tree = parser.parse(text, None).context("the parser gave up")?;
    let mut functions = Vec::new();
    let mut open = vec![(tree.root_node(), String::new())];
    while let Some((node, around)) = open.pop() {
        let mut inside = around.clone();
        if matches!(node.kind(), "function_definition" | "class_definition")
            && let Some(name) = node.child_by_field_name("name").and_then(|name| text.get(name.byte_range()))
        {
            inside = if around.is_empty() { name.to_owned() } else { format!("{around}.{name}") };
            if node.kind() == "function_definition" {
                functions.push(Function { name: inside.clone(), first: line(node, true), last: line(node, false) });
            }
        }
        let mut cursor = node.walk();
        open.extend(node.children(&mut cursor).map(|child| (child, inside.clone())));
    }
    functions.sort_by_key(|function| (function.first, std::cmp::Reverse(function.last)));
    Ok(functions)
}

fn line(node: Node<'_>, first: bool) -> u32 {
    let row = if first { node.start_position().row } else { node.end_position().row };
    u32::try_from(row).map_or(u32::MAX, |row| row.saturating_add(1))
}

/// The innermost function around a line.
pub(super) fn at(functions: &[Function], line: u32) -> Option<&Function> {
    functions.iter().rev().find(|function| (function.first..=function.last).contains(&line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_stands_around() {
        let text =
            "class Orders:\n    async def pay(self):\n        def later():\n            pass\n        return later\n";
        let functions = all(text).unwrap_or_default();
        let name = |line| at(&functions, line).map(|function| function.name.as_str());
        assert_eq!(name(1), None);
        assert_eq!(name(2), Some("Orders.pay"));
        assert_eq!(name(4), Some("Orders.pay.later"));
        assert_eq!(name(5), Some("Orders.pay"));
        assert_eq!(name(9), None);
    }
}
