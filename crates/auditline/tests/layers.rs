//! The rooms of the house keep to their places: see the table in `docs/architecture.md`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The crates from the lowest to the highest. A crate may know those that stand before it.
const LAYERS: [&str; 8] = [
    "auditline_source",
    "auditline_syntax",
    "auditline_model",
    "auditline_hazards",
    "auditline_project",
    "auditline_report",
    "auditline_server",
    "auditline",
];

/// Knowledge that belongs to some crates alone: the outside crate that carries it, and who may depend on it.
const KNOWLEDGE: [(&str, &[&str]); 12] = [
    // The protocol of editors, and the runtime that it needs.
    ("tower-lsp-server", &["auditline_server"]),
    ("tower", &["auditline_server"]),
    ("tokio", &["auditline_server", "auditline"]),
    ("notify", &["auditline_server"]),
    // Syntax trees. The benchmark parses by itself, to compare.
    ("tree-sitter", &["auditline_syntax", "xtask"]),
    ("tree-sitter-python", &["auditline_syntax", "xtask"]),
    ("tree-sitter-containerfile", &["auditline_syntax"]),
    ("sqlparser", &["auditline_syntax"]),
    // The file system. The benchmark finds files by itself, to compare.
    ("ignore", &["auditline_project", "xtask"]),
    // Terminals.
    ("annotate-snippets", &["auditline_report"]),
    ("indicatif", &["auditline"]),
    ("clap", &["auditline", "xtask"]),
];

struct Package {
    /// The names of what it depends on, without what only its tests need.
    dependencies: Vec<String>,
    sources: PathBuf,
}

fn packages() -> BTreeMap<String, Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let package = |package: &Value| {
        let all = package["dependencies"].as_array().unwrap();
        let shipped = all.iter().filter(|dependency| dependency["kind"] != "dev");
        let manifest = PathBuf::from(text(&package["manifest_path"]));
        Package {
            dependencies: shipped.map(|dependency| text(&dependency["name"])).collect(),
            sources: manifest.with_file_name("src"),
        }
    };
    let listed = metadata["packages"].as_array().unwrap();
    listed.iter().map(|entry| (text(&entry["name"]), package(entry))).collect()
}

#[test]
fn crates_depend_downwards_only() {
    let packages = packages();
    for (level, name) in LAYERS.iter().enumerate() {
        for dependency in &packages[*name].dependencies {
            if let Some(other) = LAYERS.iter().position(|layer| layer == dependency) {
                assert!(other < level, "{name} depends on {dependency}, which stands above it");
            }
        }
    }
    for name in packages.keys() {
        assert!(LAYERS.contains(&name.as_str()) || name == "xtask", "{name} has no place in the layers");
    }
}

#[test]
fn nothing_depends_on_the_command_line_or_the_chores() {
    for (name, package) in packages() {
        for top in ["auditline", "xtask"] {
            assert!(!package.dependencies.iter().any(|other| other == top), "{name} depends on {top}");
        }
    }
}

#[test]
fn knowledge_stays_where_it_belongs() {
    for (name, package) in packages() {
        for (outside, keepers) in KNOWLEDGE {
            let knows = package.dependencies.iter().any(|other| other == outside);
            assert!(!knows || keepers.contains(&name.as_str()), "{name} depends on {outside}");
        }
    }
}

/// What is below the project never touches a file, the network, the clock or another program, so that it cannot fail,
/// and the code under analysis is never run.
#[test]
fn analysis_does_no_input_or_output() {
    let packages = packages();
    for name in ["auditline_source", "auditline_syntax", "auditline_model", "auditline_hazards"] {
        for file in rust_files(&packages[name].sources) {
            let text = std::fs::read_to_string(&file).unwrap();
            let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
            for word in ["std::fs", "std::net", "std::process", "std::env", "std::io::std", "println!", "SystemTime"] {
                assert!(!shipped.contains(word), "{} uses {word}", file.display());
            }
        }
    }
}

/// No room runs another program or opens a connection: the analysed project is read, never run.
#[test]
fn nothing_that_ships_starts_programs_or_connections() {
    let packages = packages();
    for name in LAYERS {
        for file in rust_files(&packages[name].sources) {
            let text = std::fs::read_to_string(&file).unwrap();
            let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
            for word in ["process::Command", "std::net", "TcpStream", "UdpSocket"] {
                assert!(!shipped.contains(word), "{} uses {word}", file.display());
            }
        }
    }
}

/// The files of a crate, without those that hold nothing but tests.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if path.file_name().is_some_and(|name| name != "tests") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && path.file_stem().is_some_and(|stem| stem != "tests")
            {
                files.push(path);
            }
        }
    }
    assert!(!files.is_empty(), "{} holds no code", folder.display());
    files
}
