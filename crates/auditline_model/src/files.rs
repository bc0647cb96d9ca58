//! The tables of files, directories and words behind the database.
#![allow(missing_docs, reason = "the accessors that the input macro makes carry no docs")]

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use auditline_source::{FileKind, FilePath, SourceText};
use dashmap::DashMap;
use rustc_hash::{FxBuildHasher, FxHashSet, FxHasher};
use salsa::{Durability, Setter};
use smallvec::SmallVec;

use crate::db::{Db, FileContent, RootDatabase, SourceFile};

/// A directory of the workspace. It exists while something below it exists.
#[salsa::input(debug)]
pub struct Directory {
    /// Where it is.
    #[returns(copy)]
    pub path: FilePath,
    /// The names of the files and directories directly in it, sorted.
    #[returns(ref)]
    pub entries: Arc<Vec<&'static str>>,
}

impl Directory {
    /// Whether it holds a file or directory of that name.
    #[must_use]
    pub fn contains(self, db: &dyn Db, name: &str) -> bool {
        self.entries(db).binary_search_by(|entry| (*entry).cmp(name)).is_ok()
    }
}

/// The files in which a word occurs.
#[salsa::input(debug)]
pub struct WordUse {
    /// The files, in no particular order.
    #[returns(ref)]
    pub files: Arc<[SourceFile]>,
}

type Map<K, V> = DashMap<K, V, FxBuildHasher>;

/// The tables of files, directories and words.
#[derive(Default)]
pub struct Files {
    files: Map<FilePath, SourceFile>,
    directories: Map<FilePath, Directory>,
    /// The word index.
    pub(crate) words: Words,
}

impl Files {
    /// The file at that path, if it was ever added.
    #[must_use]
    pub fn get(&self, path: FilePath) -> Option<SourceFile> {
        self.files.get(&path).map(|entry| *entry)
    }

    /// Every file that was ever added, existing or not.
    #[must_use]
    pub fn iter(&self) -> Vec<SourceFile> {
        self.files.iter().map(|entry| *entry.value()).collect()
    }

    pub(crate) fn insert(&self, db: &dyn Db, path: FilePath, kind: FileKind, content: FileContent) -> SourceFile {
        let durability = match content {
            FileContent::Open { .. } => Durability::LOW,
            FileContent::Closed(_) | FileContent::Absent => Durability::MEDIUM,
        };
        *self.files.entry(path).or_insert_with(|| {
            SourceFile::builder(path, kind, content)
                .durability(durability)
                .path_durability(Durability::HIGH)
                .kind_durability(Durability::HIGH)
                .new(db)
        })
    }

    /// The file at that path for a query: `None` where there is none, also for one that was removed.
    ///
    /// Only the directory is looked at, which lists what exists: an edit of the file does not change the answer.
    #[must_use]
    pub fn existing(&self, db: &dyn Db, path: FilePath) -> Option<SourceFile> {
        let directory = self.directory(db, path.parent()?);
        if !directory.contains(db, path.file_name()) {
            return None;
        }
        self.get(path)
    }

    /// The directory at that path for a query; empty where nothing is known of it.
    #[must_use]
    pub fn directory(&self, db: &dyn Db, path: FilePath) -> Directory {
        *self.directories.entry(path).or_insert_with(|| {
            Directory::builder(path, Arc::new(self.list(path))).durability(Durability::MEDIUM).new(db)
        })
    }

    pub(crate) fn known_directory(&self, path: FilePath) -> Option<Directory> {
        self.directories.get(&path).map(|entry| *entry)
    }

    fn list(&self, path: FilePath) -> Vec<&'static str> {
        self.words.directories.get(&path).map(|names| names.iter().copied().collect()).unwrap_or_default()
    }

    /// Notes that a file came or went, in its directory and in those above it that it made or emptied.
    pub(crate) fn change_entry(&self, db: &mut RootDatabase, path: FilePath, present: bool) {
        for directory in self.words.change_entry(path, present) {
            if let Some(input) = self.known_directory(directory) {
                let entries = Arc::new(self.list(directory));
                input.set_entries(db).with_durability(Durability::MEDIUM).to(entries);
            }
        }
    }

    /// Brings the word index up to date after a file's text changed.
    pub(crate) fn change_words(
        &self,
        db: &mut RootDatabase,
        file: SourceFile,
        old: Option<&Arc<SourceText>>,
        new: Option<&Arc<SourceText>>,
    ) {
        if !file.kind(db).is_python() {
            return;
        }
        let old = old.map(|text| hashes(text.text())).unwrap_or_default();
        let new = new.map(|text| hashes(text.text())).unwrap_or_default();
        let path = file.path(db);
        for hash in old.symmetric_difference(&new) {
            self.words.change(*hash, path, new.contains(hash));
            let input = self.words.uses.get(hash).map(|entry| *entry);
            if let Some(input) = input {
                let files = self.files_with(*hash);
                input.set_files(db).with_durability(Durability::LOW).to(files);
            }
        }
    }

    /// The files in which `word` occurs as an identifier, also in strings and comments.
    #[must_use]
    pub fn mentions(&self, db: &dyn Db, word: &str) -> WordUse {
        let hash = hash(word);
        *self
            .words
            .uses
            .entry(hash)
            .or_insert_with(|| WordUse::builder(self.files_with(hash)).durability(Durability::MEDIUM).new(db))
    }

    fn files_with(&self, hash: u64) -> Arc<[SourceFile]> {
        let mut files: Vec<(FilePath, SourceFile)> = self
            .words
            .postings
            .get(&hash)
            .map(|paths| paths.iter().filter_map(|path| Some((*path, self.get(*path)?))).collect())
            .unwrap_or_default();
        files.sort_by_key(|(path, _)| *path);
        files.into_iter().map(|(_, file)| file).collect()
    }
}

/// Which words occur in which files, and which names in which directories.
///
/// The index stands outside the query engine, because each edit would otherwise have to look at every file's words.
/// A query reads it through one small input per word ([`WordUse`]), made when the word is first asked for and
/// replaced only when the files of that word change. Words are kept as hashes: a collision only adds a file to look at.
#[derive(Default)]
pub(crate) struct Words {
    postings: Map<u64, SmallVec<[FilePath; 2]>>,
    uses: Map<u64, WordUse>,
    directories: Map<FilePath, std::collections::BTreeSet<&'static str>>,
}

impl Words {
    pub(crate) fn add_text(&self, path: FilePath, kind: FileKind, text: &str) {
        self.change_entry(path, true);
        if kind.is_python() {
            for hash in hashes(text) {
                self.postings.entry(hash).or_default().push(path);
            }
        }
    }

    fn change(&self, hash: u64, path: FilePath, present: bool) {
        let mut paths = self.postings.entry(hash).or_default();
        paths.retain(|other| *other != path);
        if present {
            paths.push(path);
        }
    }

    /// Adds or removes a path and the directories that exist through it; returns the directories that changed.
    fn change_entry(&self, path: FilePath, present: bool) -> Vec<FilePath> {
        let mut changed = Vec::new();
        let mut child = path;
        while let Some(parent) = child.parent() {
            let mut names = self.directories.entry(parent).or_default();
            let was_empty = names.is_empty();
            let differs = if present { names.insert(child.file_name()) } else { names.remove(child.file_name()) };
            if !differs {
                break;
            }
            changed.push(parent);
            let goes_on = if present { was_empty } else { names.is_empty() };
            if !goes_on {
                break;
            }
            child = parent;
        }
        changed
    }
}

fn hash(word: &str) -> u64 {
    let mut hasher = FxHasher::default();
    word.hash(&mut hasher);
    hasher.finish()
}

fn hashes(text: &str) -> FxHashSet<u64> {
    let mut hashes = FxHashSet::default();
    auditline_syntax::python::words(text, |word| {
        hashes.insert(hash(word));
    });
    hashes
}
