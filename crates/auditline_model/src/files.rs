//! The tables of files, directories and words behind the database.
#![allow(missing_docs, reason = "the accessors that the input macro makes carry no docs")]

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use auditline_source::{FileKind, FilePath, SourceText};
use auditline_syntax::Name;
use auditline_syntax::python::ChangedWords;
use dashmap::DashMap;
use rustc_hash::{FxBuildHasher, FxHashSet, FxHasher};
use salsa::{Durability, Setter};
use smallvec::SmallVec;

use crate::db::{Db, FileContent, RootDatabase, SourceFile};
use crate::shards::Shard;

/// A directory of the workspace. It exists while something below it exists.
#[salsa::input(debug)]
pub struct Directory {
    /// Where it is.
    #[returns(copy)]
    pub path: FilePath,
    /// The names of the files and directories directly in it, sorted.
    #[returns(ref)]
    pub entries: Arc<Vec<&'static str>>,
    /// The names of what else is directly in it, sorted: files that are not read, and directories in which nothing is.
    #[returns(ref)]
    pub unread: Arc<Vec<&'static str>>,
}

impl Directory {
    /// Whether it holds a file or directory of that name.
    #[must_use]
    pub fn contains(self, db: &dyn Db, name: &str) -> bool {
        self.entries(db).binary_search_by(|entry| (*entry).cmp(name)).is_ok()
    }
}

/// The files of one kind.
#[salsa::input(debug)]
pub struct KindUse {
    /// The files, sorted by path.
    #[returns(ref)]
    pub files: Arc<[SourceFile]>,
}

/// The files of the workspace, or of one shard, in which a word occurs.
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
    kinds: Map<FileKind, KindUse>,
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
            Directory::builder(path, Arc::new(self.list(path)), Arc::new(self.list_unread(path)))
                .durability(Durability::MEDIUM)
                .new(db)
        })
    }

    pub(crate) fn known_directory(&self, path: FilePath) -> Option<Directory> {
        self.directories.get(&path).map(|entry| *entry)
    }

    fn list(&self, path: FilePath) -> Vec<&'static str> {
        self.words.directories.get(&path).map(|names| names.iter().copied().collect()).unwrap_or_default()
    }

    fn list_unread(&self, path: FilePath) -> Vec<&'static str> {
        self.words.unread.get(&path).map(|names| names.iter().copied().collect()).unwrap_or_default()
    }

    /// The existing files of one kind, sorted by path. Python files are too many to be asked for like this: there are none
    /// of them here.
    #[must_use]
    pub fn of_kind(&self, db: &dyn Db, kind: FileKind) -> KindUse {
        *self
            .kinds
            .entry(kind)
            .or_insert_with(|| KindUse::builder(self.list_kind(kind)).durability(Durability::MEDIUM).new(db))
    }

    fn list_kind(&self, kind: FileKind) -> Arc<[SourceFile]> {
        let paths: Vec<FilePath> =
            self.words.kinds.get(&kind).map(|paths| paths.iter().copied().collect()).unwrap_or_default();
        paths.into_iter().filter_map(|path| self.get(path)).collect()
    }

    /// Brings the inputs that queries asked for up to date with the tables.
    pub(crate) fn publish(&self, db: &mut RootDatabase) {
        let directories: Vec<(FilePath, Directory)> =
            self.directories.iter().map(|entry| (*entry.key(), *entry.value())).collect();
        for (path, input) in directories {
            let (entries, unread) = (self.list(path), self.list_unread(path));
            if **input.entries(db) != entries {
                input.set_entries(db).with_durability(Durability::MEDIUM).to(Arc::new(entries));
            }
            if **input.unread(db) != unread {
                input.set_unread(db).with_durability(Durability::MEDIUM).to(Arc::new(unread));
            }
        }
        let kinds: Vec<(FileKind, KindUse)> = self.kinds.iter().map(|entry| (*entry.key(), *entry.value())).collect();
        for (kind, input) in kinds {
            let files = self.list_kind(kind);
            if *input.files(db) != files {
                input.set_files(db).with_durability(Durability::MEDIUM).to(files);
            }
        }
        let uses: Vec<(WordIn, WordUse)> = self.words.uses.iter().map(|entry| (*entry.key(), *entry.value())).collect();
        for (word, input) in uses {
            let files = self.files_with(word);
            if *input.files(db) != files {
                input.set_files(db).with_durability(Durability::LOW).to(files);
            }
        }
    }

    /// Notes that a file came or went, for those who ask for its kind.
    pub(crate) fn change_kind(&self, db: &mut RootDatabase, path: FilePath, kind: FileKind, present: bool) {
        self.words.change_kind(path, kind, present);
        let input = self.kinds.get(&kind).map(|entry| *entry);
        if let Some(input) = input {
            let files = self.list_kind(kind);
            input.set_files(db).with_durability(Durability::MEDIUM).to(files);
        }
    }

    /// Notes that something which is not read came or went.
    pub(crate) fn change_unread(&self, db: &mut RootDatabase, path: FilePath, present: bool) {
        let Some(directory) = path.parent() else { return };
        if self.words.change_unread(path, present) {
            self.publish_unread(db, directory);
        }
    }

    /// Sets what is directly in a directory, as far as it is not read.
    pub(crate) fn set_listing<'a>(
        &self,
        db: &mut RootDatabase,
        directory: FilePath,
        names: impl IntoIterator<Item = &'a str>,
    ) {
        if self.words.set_unread(directory, names) {
            self.publish_unread(db, directory);
        }
    }

    fn publish_unread(&self, db: &mut RootDatabase, directory: FilePath) {
        if let Some(input) = self.known_directory(directory) {
            let names = Arc::new(self.list_unread(directory));
            input.set_unread(db).with_durability(Durability::MEDIUM).to(names);
        }
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
    pub(crate) fn change_words<'t>(
        &self,
        db: &mut RootDatabase,
        file: SourceFile,
        old: Option<&'t Arc<SourceText>>,
        new: Option<&'t Arc<SourceText>>,
    ) {
        if !file.kind(db).is_python() {
            return;
        }
        let path = file.path(db);
        let text = |text: Option<&'t Arc<SourceText>>| text.map_or("", |text| text.text());
        let ChangedWords { gone, come } = ChangedWords::between(text(old), text(new));
        let changed = gone.into_iter().map(|word| (word, false)).chain(come.into_iter().map(|word| (word, true)));
        for (word, present) in changed {
            let hash = hash(word);
            self.words.change(hash, path, present);
            for shard in [None, Some(Shard::of(path))] {
                let word = WordIn { hash, shard };
                let input = self.words.uses.get(&word).map(|entry| *entry);
                if let Some(input) = input {
                    let files = self.files_with(word);
                    input.set_files(db).with_durability(Durability::LOW).to(files);
                }
            }
        }
    }

    /// The files in which `word` occurs as an identifier, also in strings and comments; all of them, or those of one
    /// shard.
    #[must_use]
    pub fn mentions(&self, db: &dyn Db, word: &str, shard: Option<Shard>) -> WordUse {
        let word = WordIn { hash: hash(word), shard };
        *self
            .words
            .uses
            .entry(word)
            .or_insert_with(|| WordUse::builder(self.files_with(word)).durability(Durability::MEDIUM).new(db))
    }

    fn files_with(&self, word: WordIn) -> Arc<[SourceFile]> {
        let is_within = |path: FilePath| word.shard.is_none_or(|shard| shard == Shard::of(path));
        let mut files: Vec<(FilePath, SourceFile)> = self
            .words
            .postings
            .get(&word.hash)
            .map(|paths| {
                paths
                    .iter()
                    .filter(|path| is_within(**path))
                    .filter_map(|path| Some((*path, self.get(*path)?)))
                    .collect()
            })
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
    uses: Map<WordIn, WordUse>,
    directories: Map<FilePath, BTreeSet<&'static str>>,
    unread: Map<FilePath, BTreeSet<&'static str>>,
    kinds: Map<FileKind, BTreeSet<FilePath>>,
}

/// What a [`WordUse`] is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct WordIn {
    hash: u64,
    /// One shard, or the whole workspace.
    shard: Option<Shard>,
}

impl Words {
    pub(crate) fn add_text(&self, path: FilePath, kind: FileKind, text: &str) {
        self.change_entry(path, true);
        self.change_kind(path, kind, true);
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

    fn change_kind(&self, path: FilePath, kind: FileKind, present: bool) {
        if kind.is_python() {
            return;
        }
        let mut paths = self.kinds.entry(kind).or_default();
        if present {
            paths.insert(path);
        } else {
            paths.remove(&path);
        }
    }

    /// Sets the names of a directory that are not known as entries; whether that changed anything.
    fn set_unread<'a>(&self, directory: FilePath, names: impl IntoIterator<Item = &'a str>) -> bool {
        let known = self.directories.get(&directory);
        let names = names.into_iter().filter(|name| known.as_ref().is_none_or(|known| !known.contains(name)));
        let names: BTreeSet<&'static str> = names.map(|name| Name::new(name).as_str()).collect();
        let before = self.unread.insert(directory, names.clone());
        before.unwrap_or_default() != names
    }

    /// Adds or removes something that is not read; whether that changed anything.
    fn change_unread(&self, path: FilePath, present: bool) -> bool {
        let Some(directory) = path.parent() else { return false };
        let mut names = self.unread.entry(directory).or_default();
        if present { names.insert(path.file_name()) } else { names.remove(path.file_name()) }
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
