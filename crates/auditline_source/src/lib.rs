//! Texts, versions, edits, positions and file kinds.
