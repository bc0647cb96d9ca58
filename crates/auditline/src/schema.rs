//! `auditline schema`.

use std::path::Path;

use auditline_model::schema::overview;
use auditline_project::{Options, Project};
use auditline_report::schema::{write_json, write_mermaid, write_table};

use crate::args::{SchemaArguments, SchemaFormat};
use crate::error::Error;
use crate::progress::Bar;
use crate::targets::{working_directory, workspace_of};
use crate::terminal::Terminal;

/// Prints the tables of a project as its descriptions see them.
pub(crate) fn run(arguments: &SchemaArguments, terminal: &Terminal) -> Result<u8, Error> {
    let from = working_directory()?;
    let path = arguments.path.as_deref().unwrap_or(Path::new("."));
    let workspace = workspace_of(path, arguments.no_config, from)?;
    let bar = Bar::new(terminal.is_watched);
    let project = Project::open(workspace, &Options::default(), &|progress| bar.show(progress))?;
    let db = project.db();
    let mut overview = overview(db);
    bar.end();
    if arguments.differences {
        overview.tables.retain(|row| row.differs);
    }
    let printed = terminal.print(|out| match arguments.format {
        SchemaFormat::Table => write_table(db, &overview, from, out),
        SchemaFormat::Mermaid => write_mermaid(&overview, out),
        SchemaFormat::Json => write_json(db, &overview, from, out),
    });
    // The process ends soon; freeing the model would only take time.
    std::mem::forget(project);
    printed
}
