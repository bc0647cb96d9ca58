//! Pages: the hover, the documentation and the test of a hazard in one Markdown file.
//!
//! The contract of a page:
//!
//! ```markdown
//! # AUD201 unlocked-read-modify-write
//!
//! One paragraph: what goes wrong. It is the head of every hover.
//!
//! ## Story
//! Who loses what, step by step.
//!
//! ## Hazardous
//! ### A short title of the example
//! (a fenced block `py path=app/services.py`: the lines with findings end in `# finding: AUD201` or
//!  `# finding: AUD201 "part of the message"`; several files are several blocks. Markers are removed
//!  before the code is checked. Other kinds of files: ```dockerfile path=Dockerfile```, and `text path=…`; markers there
//!  are lines above the finding that say `# finding-below: AUD701`, removed with their line end.)
//! #### Fixed
//! (one block per file that the fix changes, with the same `path=`, the expected text byte for byte. The title
//!  of the fix may be named: ```py path=app/services.py fix="Lock the load"```; without it the first fix is taken.)
//!
//! ## Silent
//! ### A title for each look-alike
//! (blocks as above, without markers: nothing of this hazard may be reported.)
//!
//! ## Fix
//! What the quick fixes do and what else helps.
//!
//! ## Seen when run
//! Facts that were tried by running them, with versions.
//! ```
//!
//! Each `###` example is one workspace of its own. A section `#### Files` may hold files that several examples share:
//! blocks directly under `## Hazardous` or `## Silent`, before the first `###`, belong to every example of the section.
