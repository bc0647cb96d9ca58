//! Discovery, configuration, suppressions and the parallel run over a project.

pub mod config;
pub mod discovery;
mod file_report;
mod fingerprint;
mod fixes;
mod pattern;
mod project;
mod read;
mod report;
mod resolved;
mod selection;
mod skipped;
mod suppress;
mod workspace;

pub use config::{Config, ConfigError, ConfigErrors, PerFileIgnore, Selector, UnknownHazard};
pub use discovery::{Discovered, discover, is_discovered, is_relevant, project_root, workspace_root};
pub use file_report::{FileReport, file_report};
pub use fingerprint::Fingerprints;
pub use fixes::{
    AppliedFix, FileChange, FixOutcome, FixRejection, RejectedFix, WriteError, apply_fixes, reach, touch, write_changes,
};
pub use pattern::PathPatterns;
pub use project::{OnProgress, OpenError, Options, Progress, Project};
pub use read::{MAX_FILE_SIZE, read_text};
pub use report::{Failure, Report, Stats};
pub use resolved::{
    FixDetail, LineColumn, ResolvedEdit, ResolvedEvidence, ResolvedFileEdit, ResolvedFinding, ResolvedFix,
    ResolvedRange, resolve_finding,
};
pub use selection::Selection;
pub use skipped::{SkipReason, Skipped, SpecialFile};
pub use suppress::{Directive, Suppressions, Typing, Unused, UnusedSuppression, Word, directives, typing_at};
pub use workspace::Workspace;
