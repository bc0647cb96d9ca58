//! The database: its inputs, and the one owner that writes them.
//!
//! Inputs are the texts of files, the entries of directories, the word index and the settings. All else is derived by
//! queries. Readers take a clone of [`RootDatabase`]; a write waits until clones are dropped or cancelled.
#![allow(missing_docs, reason = "the accessors that the input macro makes carry no docs")]

use std::sync::Arc;

use auditline_source::{FileKind, FilePath, SourceText};
use auditline_syntax::Name;
use auditline_syntax::python::ir::{Class, Function, Module};
use rustc_hash::FxHashMap;
use salsa::{Durability, Setter};

use crate::files::{Directory, Files};

/// What queries can ask of the database besides other queries.
#[salsa::db]
pub trait Db: salsa::Database {
    /// The tables of files, directories and words.
    fn files(&self) -> &Files;
}

/// A file of the workspace, whether it exists or not.
#[salsa::input(debug)]
pub struct SourceFile {
    /// Where it is.
    #[returns(copy)]
    pub path: FilePath,
    /// What it is, by its name.
    #[returns(copy)]
    pub kind: FileKind,
    /// What it holds.
    #[returns(ref)]
    pub content: FileContent,
}

/// The content of a [`SourceFile`].
#[derive(Debug, Clone)]
pub enum FileContent {
    /// There is no such file, or it could not be read.
    Absent,
    /// A file on disk, which is parsed when a query needs it.
    Closed(Arc<SourceText>),
    /// A document of an editor. It is parsed outside the database, incrementally.
    Open {
        /// The editor's text.
        text: Arc<SourceText>,
        /// The lowered text, where it is Python.
        module: Option<Arc<ParsedModule>>,
    },
}

impl FileContent {
    /// The text, if there is one.
    #[must_use]
    pub fn text(&self) -> Option<&Arc<SourceText>> {
        match self {
            Self::Absent => None,
            Self::Closed(text) | Self::Open { text, .. } => Some(text),
        }
    }
}

/// A [`Module`] with its indexes by path.
#[derive(Debug, Default)]
pub struct ParsedModule {
    /// The module.
    pub module: Module,
    functions: FxHashMap<Name, u32>,
    classes: FxHashMap<Name, u32>,
}

impl ParsedModule {
    /// Indexes a module.
    #[must_use]
    pub fn new(module: Module) -> Self {
        let functions = module.functions.iter().zip(0..).map(|(function, index)| (function.path, index)).collect();
        let classes = module.classes.iter().zip(0..).map(|(class, index)| (class.path, index)).collect();
        Self { module, functions, classes }
    }

    /// The index of the function with that path.
    #[must_use]
    pub fn function_index(&self, path: Name) -> Option<usize> {
        self.functions.get(&path).map(|index| *index as usize)
    }

    /// The index of the class with that path.
    #[must_use]
    pub fn class_index(&self, path: Name) -> Option<usize> {
        self.classes.get(&path).map(|index| *index as usize)
    }
}

/// A function, named by its file and its path in it: stable while the file is edited around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FunctionRef {
    /// The file.
    pub file: SourceFile,
    /// [`Function::path`].
    pub path: Name,
}

/// A class, named by its file and its path in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClassRef {
    /// The file.
    pub file: SourceFile,
    /// [`Class::path`].
    pub path: Name,
}

/// A module-level variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VariableRef {
    /// The file.
    pub file: SourceFile,
    /// Its name.
    pub name: Name,
}

/// What the user configured about the workspace.
#[salsa::input(singleton, debug)]
pub struct Settings {
    /// The folders of the workspace.
    #[returns(ref)]
    pub roots: Vec<FilePath>,
    /// Source roots that configuration adds to those that are found.
    #[returns(ref)]
    pub source_roots: Vec<FilePath>,
    /// Whether tests are judged as production code is.
    #[returns(copy)]
    pub include_tests: bool,
    /// When the work began, for fixes that write a date; `None` where nobody said it.
    #[returns(copy)]
    pub now: Option<Moment>,
}

/// A moment in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub struct Moment {
    pub year: u16,
    pub month: u8,
    pub day: u8,
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
}

impl Moment {
    /// The moment so many seconds after the beginning of 1970.
    #[must_use]
    pub fn of_unix(seconds: u64) -> Self {
        const DAY: u64 = 86_400;
        // The civil calendar, counted in eras of 400 years from the first of March of year 0.
        let days = seconds / DAY + 719_468;
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        let rest = seconds % DAY;
        let small = |value: u64| u8::try_from(value).unwrap_or_default();
        Self {
            year: u16::try_from(year).unwrap_or(u16::MAX),
            month: small(month),
            day: small(day),
            hour: small(rest / 3_600),
            minute: small(rest / 60 % 60),
            second: small(rest % 60),
        }
    }
}

/// The lowered module of a Python file; empty for other files and for absent ones.
///
/// All of them are remembered, as are the functions and classes of the queries below, unless a bound is set
/// ([`RootDatabase::remember_at_most`]).
#[salsa::tracked(returns(clone), no_eq, lru = 0)]
pub fn parsed(db: &dyn Db, file: SourceFile) -> Arc<ParsedModule> {
    match (file.content(db), file.kind(db)) {
        (FileContent::Open { module: Some(module), .. }, _) => Arc::clone(module),
        (FileContent::Closed(text), FileKind::Python | FileKind::PythonStub) => {
            let tree = auditline_syntax::python::parse(text.text(), None);
            Arc::new(ParsedModule::new(auditline_syntax::python::lower(text.text(), &tree)))
        }
        _ => Arc::default(),
    }
}

/// The function of that name; `None` once it is gone. Moving it does not change the answer.
pub fn function(db: &dyn Db, function: FunctionRef) -> Option<Arc<Function>> {
    function_query(db, function, ())
}

#[salsa::tracked(returns(clone), lru = 0)]
fn function_query(db: &dyn Db, function: FunctionRef, _key: ()) -> Option<Arc<Function>> {
    let parsed = parsed(db, function.file);
    parsed.function_index(function.path).map(|index| Arc::clone(&parsed.module.functions[index]))
}

/// A function and those that stand in it, as the file has them: a decorator with its wrapper.
pub fn with_inner(db: &dyn Db, of: FunctionRef) -> Vec<Arc<Function>> {
    let is_inside =
        |path: &str| path.strip_prefix(of.path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    parsed(db, of.file).module.functions.iter().filter(|body| is_inside(body.path.as_str())).cloned().collect()
}

/// The function of that name without its body: decorators, parameters, return annotation. This is what a caller may look
/// at, so that an edit of the body is nothing to it but what the effect says.
pub fn head(db: &dyn Db, function: FunctionRef) -> Option<Arc<Function>> {
    head_query(db, function, ())
}

#[salsa::tracked(returns(clone), lru = 0)]
fn head_query(db: &dyn Db, of: FunctionRef, _key: ()) -> Option<Arc<Function>> {
    function(db, of).map(|whole| Arc::new(whole.head()))
}

/// The class of that name; `None` once it is gone. Moving it does not change the answer.
pub fn class(db: &dyn Db, class: ClassRef) -> Option<Arc<Class>> {
    class_query(db, class, ())
}

#[salsa::tracked(returns(clone), lru = 0)]
fn class_query(db: &dyn Db, class: ClassRef, _key: ()) -> Option<Arc<Class>> {
    let parsed = parsed(db, class.file);
    parsed.class_index(class.path).map(|index| Arc::clone(&parsed.module.classes[index]))
}

/// The database of a workspace. Clones are snapshots for readers.
#[salsa::db]
#[derive(Clone)]
pub struct RootDatabase {
    storage: salsa::Storage<Self>,
    files: Arc<Files>,
}

#[salsa::db]
impl salsa::Database for RootDatabase {}

#[salsa::db]
impl Db for RootDatabase {
    fn files(&self) -> &Files {
        &self.files
    }
}

impl Default for RootDatabase {
    fn default() -> Self {
        Self::new(&[], &[])
    }
}

impl RootDatabase {
    /// An empty database over these workspace folders, with the source roots that configuration adds.
    #[must_use]
    pub fn new(roots: &[FilePath], source_roots: &[FilePath]) -> Self {
        Self::with_storage(salsa::Storage::new(None), roots, source_roots)
    }

    /// As [`RootDatabase::new`], with a listener for the events of the query engine: tests count executed queries.
    #[must_use]
    pub fn with_events(
        roots: &[FilePath],
        source_roots: &[FilePath],
        on_event: Box<dyn Fn(salsa::Event) + Send + Sync + 'static>,
    ) -> Self {
        Self::with_storage(salsa::Storage::new(Some(on_event)), roots, source_roots)
    }

    fn with_storage(storage: salsa::Storage<Self>, roots: &[FilePath], source_roots: &[FilePath]) -> Self {
        let db = Self { storage, files: Arc::default() };
        let settings = Settings::builder(roots.to_vec(), source_roots.to_vec(), false, None);
        let _singleton = settings.durability(Durability::HIGH).new(&db);
        db
    }

    /// Bounds what is remembered of lowered files: so many of them, and of their functions and classes in proportion. What
    /// was not asked for lately is let go of with the next write, or by [`RootDatabase::forget`], and lowered again when it
    /// is needed. What was derived from it stands, so an edit asks for little of it.
    ///
    /// Without a bound nothing is let go of. A run that looks at each file once has no use for one.
    pub fn remember_at_most(&mut self, files: usize) {
        const DEFINITIONS: usize = 16;
        parsed::set_lru_capacity(self, files);
        function_query::set_lru_capacity(self, files * DEFINITIONS);
        head_query::set_lru_capacity(self, files * DEFINITIONS);
        class_query::set_lru_capacity(self, files * DEFINITIONS);
    }

    /// Lets go of what is beyond the bounds. Waits for readers, and interrupts them.
    pub fn forget(&mut self) {
        salsa::Database::trigger_lru_eviction(self);
    }

    /// Replaces the workspace folders and the configured source roots.
    pub fn set_roots(&mut self, roots: &[FilePath], source_roots: &[FilePath]) {
        let settings = Settings::get(self);
        settings.set_roots(self).with_durability(Durability::HIGH).to(roots.to_vec());
        settings.set_source_roots(self).with_durability(Durability::HIGH).to(source_roots.to_vec());
    }

    /// Says whether tests are judged as production code is.
    pub fn set_include_tests(&mut self, include: bool) {
        if Settings::get(self).include_tests(self) != include {
            Settings::get(self).set_include_tests(self).with_durability(Durability::HIGH).to(include);
        }
    }

    /// Says what time it is, for fixes that write a date.
    pub fn set_now(&mut self, now: Moment) {
        Settings::get(self).set_now(self).with_durability(Durability::HIGH).to(Some(now));
    }

    /// Adds a file that was not known before. Many may be added at once from clones on several threads, before
    /// anything was asked; a file that is known already must go through [`RootDatabase::set_content`].
    pub fn add_file(&self, path: FilePath, text: Arc<SourceText>) -> SourceFile {
        let kind = FileKind::of(path);
        self.files.words.add_text(path, kind, text.text());
        self.files.insert(self, path, kind, FileContent::Closed(text))
    }

    /// Tells the queries that were asked already of the files added since: [`RootDatabase::add_file`] alone is for the
    /// time before.
    pub fn publish_added(&mut self) {
        let files = Arc::clone(&self.files);
        files.publish(self);
    }

    /// Sets what is directly in a directory, by name: also files that are not read, and directories in which nothing is.
    /// What is read must have been added before.
    pub fn set_listing<'a>(&mut self, directory: FilePath, names: impl IntoIterator<Item = &'a str>) {
        let files = Arc::clone(&self.files);
        files.set_listing(self, directory, names);
    }

    /// Notes that a file or directory that is not read came or went.
    pub fn set_unread(&mut self, path: FilePath, present: bool) {
        let files = Arc::clone(&self.files);
        files.change_unread(self, path, present);
    }

    /// Sets what a file holds: read anew from disk, opened or edited in an editor, or gone.
    pub fn set_content(&mut self, path: FilePath, content: FileContent) -> SourceFile {
        let files = Arc::clone(&self.files);
        files.change_unread(self, path, false);
        let Some(file) = files.get(path) else {
            let kind = FileKind::of(path);
            let file = files.insert(self, path, kind, content.clone());
            files.change_words(self, file, None, content.text());
            if content.text().is_some() {
                files.change_entry(self, path, true);
                files.change_kind(self, path, kind, true);
            }
            return file;
        };
        let old = file.content(self).text().cloned();
        let existed = old.is_some();
        let durability = match content {
            FileContent::Open { .. } => Durability::LOW,
            FileContent::Closed(_) | FileContent::Absent => Durability::MEDIUM,
        };
        let new = content.text().cloned();
        file.set_content(self).with_durability(durability).to(content);
        files.change_words(self, file, old.as_ref(), new.as_ref());
        if existed != new.is_some() {
            files.change_entry(self, path, new.is_some());
            files.change_kind(self, path, file.kind(self), new.is_some());
        }
        file
    }

    /// The file at that path, if it was ever added.
    #[must_use]
    pub fn file(&self, path: FilePath) -> Option<SourceFile> {
        self.files.get(path)
    }

    /// Every file that exists, sorted by path.
    #[must_use]
    pub fn all_files(&self) -> Vec<SourceFile> {
        let mut files: Vec<SourceFile> =
            self.files.iter().into_iter().filter(|file| file.content(self).text().is_some()).collect();
        files.sort_by_key(|file| file.path(self));
        files
    }

    /// The directory at that path, if anything in it was ever added.
    #[must_use]
    pub fn directory(&self, path: FilePath) -> Option<Directory> {
        self.files.known_directory(path)
    }
}

#[cfg(test)]
mod tests {
    use super::Moment;

    #[test]
    fn moments_are_those_of_the_calendar() {
        let shown = |seconds| {
            let Moment { year, month, day, hour, minute, second } = Moment::of_unix(seconds);
            format!("{year}-{month}-{day} {hour}:{minute}:{second}")
        };
        assert_eq!(shown(0), "1970-1-1 0:0:0");
        assert_eq!(shown(951_827_696), "2000-2-29 12:34:56");
        assert_eq!(shown(1_772_323_199), "2026-2-28 23:59:59");
        assert_eq!(shown(1_772_323_200), "2026-3-1 0:0:0");
        assert_eq!(shown(4_107_542_399), "2100-2-28 23:59:59");
    }
}
