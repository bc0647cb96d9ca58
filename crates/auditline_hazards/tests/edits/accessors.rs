//! Getters and setters of a parameter.

use super::*;

#[test]
fn a_body_is_replaced_behind_its_docstring() {
    check(
        "def f():\n    \"\"\"Doc.\"\"\"\n    global s\n    if s is None:\n        s = S()\n    return s\n\n\nx = 1\n",
        "def f():\n    \"\"\"Doc.\"\"\"\n    return S()\n\n\nx = 1\n",
        |scope| edit::return_fresh(scope, Name::new("s")),
    );
}

#[test]
fn a_decorator_goes_with_its_line() {
    check(
        "@a\n@lru_cache(maxsize=None)  # once\n@b\ndef f():\n    return S()\n",
        "@a\n@b\ndef f():\n    return S()\n",
        |scope| edit::remove_decorator(scope, at(scope, "lru_cache(maxsize=None)")),
    );
}
