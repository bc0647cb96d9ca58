//! Discovery, configuration, suppressions and the parallel run over a project.
