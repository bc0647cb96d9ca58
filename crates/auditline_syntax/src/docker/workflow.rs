//! Image builds in CI files: GitHub workflows and actions, and the script steps of other systems.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use text_size::TextRange;

use super::build::{Build, BuildPath, DIRECTORY, DockerfileAt, PathBase, ROOT, UNKNOWN, build_arg};
use super::lines::range;
use super::shell::Shell;
use super::yaml::{Node, Value, parse};

/// The image builds in a CI file. Paths are relative to the root of the repository ([`PathBase::Start`]).
#[must_use]
pub fn ci_builds(text: &str) -> Vec<Build> {
    let Some(root) = parse(text) else { return Vec::new() };
    let mut builds = Vec::new();
    if let Some(jobs) = root.get("jobs").filter(|jobs| jobs.entries().iter().any(|(_, job)| job.get("steps").is_some()))
    {
        for (_, job) in jobs.entries() {
            for matrix in matrix(job) {
                Job::new(text, &root, job, matrix).builds(&mut builds);
            }
        }
    } else if let Some(runs) = root.get("runs").filter(|runs| runs.get("steps").is_some()) {
        Job::new(text, &root, runs, FxHashMap::default()).builds(&mut builds);
    } else {
        scripts(text, &root, &mut builds, &mut MAX_NODES.clone());
    }
    builds.dedup();
    builds
}

/// How many values of a CI file are looked at: aliases can make a small file stand for a large one.
const MAX_NODES: u32 = 20_000;
/// How many combinations of a matrix are looked at.
const MAX_COMBINATIONS: usize = 64;

type Variables = FxHashMap<String, String>;

/// The values of `matrix.NAME` in each combination of a job.
fn matrix(job: &Node) -> Vec<Variables> {
    let mut combinations = vec![Variables::default()];
    let Some(matrix) = job.get("strategy").and_then(|strategy| strategy.get("matrix")) else { return combinations };
    for (name, values) in matrix.entries() {
        let Some(name) = name.str().filter(|name| !matches!(*name, "include" | "exclude")) else { continue };
        let mut next = Vec::new();
        for combination in &combinations {
            for value in values.items() {
                let mut extended = combination.clone();
                set(&mut extended, name, value);
                next.push(extended);
            }
        }
        if !next.is_empty() {
            next.truncate(MAX_COMBINATIONS);
            combinations = next;
        }
    }
    for included in matrix.get("include").map(|include| include.items()).unwrap_or_default() {
        let mut values = Variables::default();
        for (name, value) in included.entries() {
            set(&mut values, name.str().unwrap_or_default(), value);
        }
        let mut extends = false;
        for combination in &mut combinations {
            let clashes = combination.iter().any(|(name, value)| values.get(name).is_some_and(|other| other != value));
            if !clashes && !combination.is_empty() {
                combination.extend(values.clone());
                extends = true;
            }
        }
        if !extends && combinations.len() < MAX_COMBINATIONS {
            combinations.push(values);
        }
    }
    combinations
}

/// Sets a variable to a scalar, or each `name.key` to a value of a mapping.
fn set(variables: &mut Variables, name: &str, value: &Node) {
    if let Some(text) = value.str() {
        variables.insert(name.to_owned(), text.to_owned());
    }
    for (key, value) in value.entries() {
        if let (Some(key), Some(text)) = (key.str(), value.str()) {
            variables.insert(format!("{name}.{key}"), text.to_owned());
        }
    }
}

/// A job, or a composite action.
struct Job<'a> {
    text: &'a str,
    job: &'a Node,
    matrix: Variables,
    env: Variables,
    workdir: Option<&'a str>,
    filled: Vec<BuildPath>,
    /// Where the repository was checked out; `None` where the working directory holds something else.
    checkout: Option<String>,
}

impl<'a> Job<'a> {
    fn new(text: &'a str, root: &'a Node, job: &'a Node, matrix: Variables) -> Self {
        let mut env = Variables::default();
        for variables in [root.get("env"), job.get("env")].into_iter().flatten() {
            add_env(&mut env, variables);
        }
        let default = |node: &'a Node| {
            node.get("defaults")
                .and_then(|defaults| defaults.get("run"))
                .and_then(|run| run.get("working-directory"))?
                .str()
        };
        let workdir = default(job).or_else(|| default(root));
        Self { text, job, matrix, env, workdir, filled: Vec::new(), checkout: Some(String::new()) }
    }

    fn builds(mut self, builds: &mut Vec<Build>) {
        for step in self.job.get("steps").map(|steps| steps.items()).unwrap_or_default() {
            let uses = step.get("uses").and_then(|uses| uses.str()).unwrap_or_default();
            let action = uses.split('@').next().unwrap_or_default();
            if action == "actions/checkout" {
                self.check_out(step);
            } else if action == "actions/download-artifact" {
                let path =
                    step.get("with").and_then(|with| with.get("path")).and_then(|path| path.str()).unwrap_or(".");
                let path = self.substitute(path).pop().unwrap_or_default();
                self.filled.push(self.path(&path).unwrap_or(BuildPath { base: PathBase::Start, path: "".into() }));
            } else if action.ends_with("/build-push-action") {
                self.action_builds(step, builds);
            } else if let Some(script) = step.get("run") {
                self.script_builds(step, script, builds);
            }
        }
    }

    fn check_out(&mut self, step: &Node) {
        let input = |name: &str| step.get("with").and_then(|with| with.get(name)).and_then(|value| value.str());
        let path = input("path").map(|path| path.trim_matches('/').trim_start_matches("./").to_owned());
        let is_own = input("repository").is_none_or(|repository| repository.contains("github.repository"));
        match (is_own, path) {
            (true, path) => self.checkout = Some(path.unwrap_or_default()),
            (false, None) => self.checkout = None,
            (false, Some(path)) => self.filled.push(BuildPath { base: PathBase::Start, path: path.into() }),
        }
    }

    fn start(&self) -> BuildPath {
        BuildPath { base: PathBase::Start, path: "".into() }
    }

    /// A path from the working directory of the job, as one from the root of the repository.
    fn path(&self, text: &str) -> Option<BuildPath> {
        self.in_checkout(BuildPath::resolve(text, Some(&self.start()))?)
    }

    fn in_checkout(&self, path: BuildPath) -> Option<BuildPath> {
        let checkout = self.checkout.as_deref()?;
        if checkout.is_empty() || path.base != PathBase::Start {
            return Some(path);
        }
        let rest = path.path.trim_start_matches("./").strip_prefix(checkout)?;
        let is_whole_part = rest.is_empty() || rest.starts_with('/');
        is_whole_part.then(|| BuildPath { base: PathBase::Start, path: rest.trim_start_matches('/').into() })
    }

    fn action_builds(&self, step: &Node, builds: &mut Vec<Build>) {
        let with = step.get("with");
        let input = |name: &str| with.and_then(|with| with.get(name)).and_then(|node| Some((node, node.str()?)));
        let range = input("context")
            .or(input("file"))
            .map(|(node, _)| node.range)
            .or(step.get("uses").map(|node| node.range))
            .unwrap_or(step.range);
        let args: Vec<_> = input("build-args")
            .map(|(_, text)| {
                text.lines().filter_map(|line| build_arg(self.substitute(line.trim()).pop()?.as_str())).collect()
            })
            .unwrap_or_default();
        // Without a context the action builds from the repository itself, as it was pushed.
        let contexts = input("context").map_or_else(|| vec![".".to_owned()], |(_, text)| self.substitute(text));
        let files = input("file").map(|(_, text)| self.substitute(text));
        for context in contexts {
            let context = self.path(&context);
            for file in files.as_ref().map_or_else(|| vec![None], |files| files.iter().map(Some).collect()) {
                let dockerfile = match file {
                    None => DockerfileAt::InContext("Dockerfile".into()),
                    Some(file) => self.path(file).map_or(DockerfileAt::Unknown, DockerfileAt::At),
                };
                let (context, args, filled) = (context.clone(), args.clone(), self.filled.clone());
                builds.push(Build { range, context, dockerfile, args, filled });
            }
        }
    }

    fn script_builds(&self, step: &Node, script: &Node, builds: &mut Vec<Build>) {
        let Some(code) = script.str().filter(|code| mentions_build(code)) else { return };
        let workdir = match step.get("working-directory").and_then(|node| node.str()).or(self.workdir) {
            Some(workdir) => self.substitute(workdir).pop().and_then(|path| {
                let path = BuildPath::resolve(path.trim_end_matches('/'), Some(&self.start()))?;
                Some(BuildPath { path: path.path.trim_start_matches("./").into(), ..path })
            }),
            None => Some(self.start()),
        };
        let mut env = self.env.clone();
        if let Some(own) = step.get("env") {
            add_env(&mut env, own);
        }
        let env: Variables =
            env.into_iter().map(|(name, value)| (name, self.substitute(&value).pop().unwrap_or_default())).collect();
        let code = self.substitute(code).pop().unwrap_or_default();
        for build in Shell::step(&code, workdir, env).builds() {
            builds.push(Build {
                range: locate(
                    self.text,
                    script.range,
                    code.get(std::ops::Range::from(build.range)).unwrap_or_default(),
                ),
                context: build.context.and_then(|path| self.in_checkout(path)),
                dockerfile: match build.dockerfile {
                    DockerfileAt::At(path) => self.in_checkout(path).map_or(DockerfileAt::Unknown, DockerfileAt::At),
                    other => other,
                },
                args: build.args,
                filled: self.filled.clone(),
            });
        }
    }

    /// Fills in `${{ … }}`. A choice (`a && 'x' || 'y'`) gives several texts; there is always one.
    fn substitute(&self, text: &str) -> Vec<String> {
        let mut texts = vec![String::new()];
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("${{") {
            let (expression, behind) = behind.split_once("}}").unwrap_or((behind, ""));
            let values = self.evaluate(expression);
            texts = texts
                .iter()
                .flat_map(|text| values.iter().map(move |value| format!("{text}{before}{value}")))
                .take(MAX_COMBINATIONS)
                .collect();
            rest = behind;
        }
        texts.iter_mut().for_each(|text| text.push_str(rest));
        texts
    }

    fn evaluate(&self, expression: &str) -> Vec<String> {
        let alternatives: Vec<&str> = expression.split("||").map(str::trim).collect();
        alternatives
            .iter()
            .map(|alternative| {
                let value = alternative.rsplit("&&").next().unwrap_or_default().trim();
                let literal = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\''));
                let known = literal.map(str::to_owned).or_else(|| match value.split_once('.') {
                    Some(("matrix", name)) => self.matrix.get(name).cloned(),
                    Some(("env", name)) => self.env.get(name).filter(|value| !value.contains("${{")).cloned(),
                    Some(("github", "workspace")) => Some(ROOT.to_string()),
                    Some(("github", "action_path")) => Some(DIRECTORY.to_string()),
                    _ => None,
                });
                known.unwrap_or_else(|| UNKNOWN.to_string())
            })
            .collect()
    }
}

fn add_env(env: &mut Variables, variables: &Node) {
    for (name, value) in variables.entries() {
        set(env, name.str().unwrap_or_default(), value);
    }
}

/// Reads every script of a CI file of no known form: texts, and lists of texts as the lines of one script.
fn scripts(text: &str, node: &Arc<Node>, builds: &mut Vec<Build>, budget: &mut u32) {
    let Some(left) = budget.checked_sub(1) else { return };
    *budget = left;
    let mut scan = |code: &str| {
        if mentions_build(code) {
            let start = Some(BuildPath { base: PathBase::Start, path: "".into() });
            for build in Shell::step(code, start, Variables::default()).builds() {
                let written = code.get(std::ops::Range::from(build.range)).unwrap_or_default();
                builds.push(Build { range: locate(text, node.range, written), ..build });
            }
        }
    };
    match &node.value {
        Value::Scalar(code) => scan(code.as_deref().unwrap_or_default()),
        Value::Sequence(items) if items.iter().all(|item| item.str().is_some()) => {
            let lines: Vec<&str> = items.iter().filter_map(|item| item.str()).collect();
            scan(&lines.join("\n"));
        }
        Value::Sequence(items) => items.iter().for_each(|item| scripts(text, item, builds, budget)),
        Value::Mapping(entries) => entries.iter().for_each(|(_, value)| scripts(text, value, builds, budget)),
    }
}

fn mentions_build(code: &str) -> bool {
    code.contains("build") || code.contains("buildah")
}

/// Where the first line of a command stands in the source of the scalar that holds it; the whole scalar where it
/// cannot be found.
fn locate(text: &str, scalar: TextRange, command: &str) -> TextRange {
    let source = text.get(std::ops::Range::from(scalar)).unwrap_or_default();
    let line = command.lines().next().unwrap_or_default().trim_end_matches(['\\', ' ', '\t']);
    match source.find(line).filter(|_| !line.is_empty()) {
        Some(at) => {
            let start = usize::from(scalar.start()) + at;
            range(start, start + line.len())
        }
        None => scalar,
    }
}
