//! A text form of lowered code, for looking at and for tests.
