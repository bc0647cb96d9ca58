//! `pyproject.toml`: PEP 621, PEP 735, and what uv, PDM and Poetry add.

use text_size::TextRange;
use toml_span::Value;

use super::{Group, GroupKind, Include, Marker, PyProject, Requirement, normal, poetry, range, read};
use crate::Name;

/// Lowers the text of a `pyproject.toml`; empty where it cannot be read.
#[must_use]
pub fn pyproject(text: &str) -> PyProject {
    if is_deep(text) {
        return PyProject::default();
    }
    let Ok(root) = toml_span::parse(text) else { return PyProject::default() };
    let mut reader = Reader { file: PyProject::default(), python: Marker::default(), overridden: Vec::new() };
    reader.project(&root);
    reader.groups(&root);
    reader.uv(&root);
    reader.poetry(&root);
    let overridden = std::mem::take(&mut reader.overridden);
    let mut file = reader.file;
    for group in &mut file.groups {
        group.requirements.retain(|requirement| !overridden.contains(&requirement.package));
    }
    file
}

/// Whether brackets are nested so deeply that the reader, which recurses, is not to see them.
fn is_deep(text: &str) -> bool {
    const MAX_DEPTH: usize = 100;
    let mut depth = 0_usize;
    text.bytes().any(|byte| {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > MAX_DEPTH
    })
}

struct Reader {
    file: PyProject,
    /// The interpreters for which the project is made.
    python: Marker,
    overridden: Vec<Name>,
}

impl Reader {
    fn project(&mut self, root: &Value<'_>) {
        let Some(project) = root.pointer("/project") else { return };
        self.python = text(project, "requires-python").and_then(Marker::python).unwrap_or_default();
        let own = self.list(project.pointer("/dependencies"));
        if !own.is_empty() {
            self.add(GroupKind::Project, Name::new(""), own);
        }
        let name = text(project, "name").map(normal);
        for (extra, list) in entries(project.pointer("/optional-dependencies")) {
            let requirements = self.list(Some(list));
            let included = strings(list).filter_map(|(asked, _)| own_extras(asked, name?)).flatten();
            let includes = included.map(|extra| (GroupKind::Extra, extra)).collect();
            let group = Group { kind: GroupKind::Extra, name: normal(extra), requirements, includes };
            self.file.groups.push(group);
        }
        if let Some(files) = root.pointer("/tool/setuptools/dynamic/dependencies/file") {
            let one = files.as_str().map(|path| (path, span(files)));
            let files = one.into_iter().chain(strings(files));
            self.file.dynamic.extend(files.map(|(path, range)| Include { path: path.into(), range }));
        }
    }

    fn groups(&mut self, root: &Value<'_>) {
        for (name, list) in entries(root.pointer("/dependency-groups")) {
            let requirements = self.list(Some(list));
            let tables = list.as_array().into_iter().flatten();
            let includes = tables.filter_map(|table| text(table, "include-group"));
            let includes = includes.map(|name| (GroupKind::Group, normal(name))).collect();
            self.file.groups.push(Group { kind: GroupKind::Group, name: normal(name), requirements, includes });
        }
        for (name, list) in entries(root.pointer("/tool/pdm/dev-dependencies")) {
            let requirements = self.list(Some(list));
            self.add(GroupKind::Group, normal(name), requirements);
        }
        self.file.is_locked_as_one |= root.pointer("/tool/pdm").is_some();
    }

    fn uv(&mut self, root: &Value<'_>) {
        let Some(uv) = root.pointer("/tool/uv") else { return };
        // Who uses only `uv pip` has a section too.
        let locks = ["/dev-dependencies", "/conflicts", "/sources", "/workspace", "/override-dependencies"];
        self.file.is_locked_as_one |= locks.iter().any(|key| uv.pointer(key).is_some());
        for list in ["/dev-dependencies", "/constraint-dependencies"] {
            let requirements = self.list(uv.pointer(list));
            if !requirements.is_empty() {
                self.add(GroupKind::Group, normal(&list[1..]), requirements);
            }
        }
        let overrides = self.list(uv.pointer("/override-dependencies"));
        self.overridden = overrides.into_iter().map(|requirement| requirement.package).collect();
        for set in uv.pointer("/conflicts").and_then(Value::as_array).into_iter().flatten() {
            let members = set.as_array().into_iter().flatten().filter_map(|member| {
                let extra = text(member, "extra").map(|name| (GroupKind::Extra, normal(name)));
                extra.or_else(|| text(member, "group").map(|name| (GroupKind::Group, normal(name))))
            });
            self.file.conflicts.push(members.collect());
        }
    }

    fn poetry(&mut self, root: &Value<'_>) {
        let Some(poetry) = root.pointer("/tool/poetry") else { return };
        self.file.is_locked_as_one = true;
        let python = poetry.pointer("/dependencies/python").and_then(Value::as_str).and_then(poetry::python);
        if let Some(python) = python {
            self.python = self.python.and(&python);
        }
        // Where PEP 621 has the versions, this table only says where packages come from.
        if root.pointer("/project/dependencies").is_none() {
            let own = self.table(poetry.pointer("/dependencies"));
            if !own.is_empty() {
                self.add(GroupKind::Project, Name::new(""), own);
            }
        }
        let dev = self.table(poetry.pointer("/dev-dependencies"));
        if !dev.is_empty() {
            self.add(GroupKind::Group, Name::new("dev"), dev);
        }
        for (name, group) in entries(poetry.pointer("/group")) {
            let requirements = self.table(group.pointer("/dependencies"));
            self.add(GroupKind::Group, normal(name), requirements);
        }
    }

    fn add(&mut self, kind: GroupKind, name: Name, requirements: Vec<Requirement>) {
        let group = Group { kind, name, requirements, includes: Vec::new() };
        // The project's own requirements come first.
        let at = if kind == GroupKind::Project { 0 } else { self.file.groups.len() };
        self.file.groups.insert(at, group);
    }

    /// A list of requirements in the words of PEP 508.
    fn list(&self, list: Option<&Value<'_>>) -> Vec<Requirement> {
        let texts = list.into_iter().flat_map(strings);
        let read = texts.filter_map(|(text, range)| read(text, range));
        read.map(|found| Requirement { marker: found.marker.and(&self.python), ..found }).collect()
    }

    /// A table of Poetry: `name = "^1.2"`, `name = { version = "…", … }`, or a list of such tables.
    fn table(&self, table: Option<&Value<'_>>) -> Vec<Requirement> {
        let mut found = Vec::new();
        for (name, value) in entries(table).filter(|(name, _)| *name != "python") {
            let several = value.as_array().map(|list| list.iter().collect());
            for value in several.unwrap_or_else(|| vec![value]) {
                found.extend(self.entry(name, value));
            }
        }
        found
    }

    fn entry(&self, name: &str, value: &Value<'_>) -> Option<Requirement> {
        let versions = value.as_str().or_else(|| text(value, "version"))?;
        let mut marker = self.python.clone();
        if let Some(text) = text(value, "markers") {
            marker = marker.and(&Marker::parse(text)?);
        }
        if let Some(python) = text(value, "python") {
            marker = marker.and(&poetry::python(python)?);
        }
        if let Some(platform) = text(value, "platform") {
            marker = marker.and(&Marker::parse(&format!("sys_platform == '{platform}'"))?);
        }
        Some(Requirement {
            package: normal(name),
            shown: format!("{name} {versions}").into(),
            range: value.pointer("/version").map_or_else(|| span(value), span),
            versions: poetry::versions(versions)?,
            marker,
        })
    }
}

/// The extras that a project asks of itself: `name[first,second]`.
fn own_extras(asked: &str, name: Name) -> Option<Vec<Name>> {
    let (asked, extras) = asked.split_once('[')?;
    if normal(asked.trim()) != name {
        return None;
    }
    Some(extras.split_once(']')?.0.split(',').map(|extra| normal(extra.trim())).collect())
}

fn text<'a>(table: &'a Value<'_>, key: &str) -> Option<&'a str> {
    table.as_table()?.get(key)?.as_str()
}

/// The entries of a table in the order in which they stand.
fn entries<'a>(table: Option<&'a Value<'a>>) -> impl Iterator<Item = (&'a str, &'a Value<'a>)> {
    let mut entries: Vec<_> = table.and_then(Value::as_table).into_iter().flatten().collect();
    entries.sort_by_key(|(key, _)| key.span.start);
    entries.into_iter().map(|(key, value)| (&*key.name, value))
}

fn strings<'a>(list: &'a Value<'_>) -> impl Iterator<Item = (&'a str, TextRange)> {
    let items = list.as_array().into_iter().flatten();
    items.filter_map(|item| Some((item.as_str()?, span(item))))
}

fn span(value: &Value<'_>) -> TextRange {
    range(value.span.start, value.span.end)
}
