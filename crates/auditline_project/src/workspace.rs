//! A workspace: its directory, its configuration, and which hazards are reported in it.

use auditline_source::FilePath;

use crate::config::{Config, ConfigErrors, Selector};
use crate::selection::Selection;

/// A workspace: what is read together, and how it is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// Its directory.
    pub root: FilePath,
    /// Its configuration.
    pub config: Config,
    /// Which hazards are reported.
    pub selection: Selection,
}

impl Workspace {
    /// The workspace at `root` with its own configuration.
    ///
    /// # Errors
    /// If the configuration says what it should not.
    pub fn load(root: FilePath) -> Result<Self, ConfigErrors> {
        Config::load(root).map(|config| Self::new(root, config, &[], &[]))
    }

    /// The workspace at `root` with that configuration, and with what the caller asks for besides; see
    /// [`Selection::new`].
    #[must_use]
    pub fn new(root: FilePath, config: Config, select: &[Selector], ignore: &[Selector]) -> Self {
        let selection = Selection::new(&config, select, ignore);
        Self { root, config, selection }
    }
}
