"""What fixes did to the Python files of a tree, judged by CPython's own parser and tokenizer.

    python compare.py BEFORE AFTER FINDINGS

BEFORE and AFTER are the tree without and with the fixes, FINDINGS is what `auditline check --output-format json` printed
for BEFORE. Prints one fault a line, then `N changed, N faults` (and how many files this interpreter could not read before).
"""

import ast
import collections
import difflib
import io
import json
import pathlib
import sys
import tokenize
import warnings

BOM = b"\xef\xbb\xbf"
# A line that moves may be told from its neighbours in more than one way.
SLACK = 1
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def main(before: pathlib.Path, after: pathlib.Path, findings: pathlib.Path) -> None:
    # Old code is full of escapes that newer interpreters warn about.
    warnings.simplefilter("ignore")
    files = named(json.loads(findings.read_text(encoding="utf-8")))
    changed = unread = faults = 0
    for new in sorted(after.rglob("*.py")):
        path = new.relative_to(after)
        old = before / path
        if new.is_symlink() or not new.is_file():
            continue
        text = new.read_bytes()
        if not old.exists():
            found = ["the file is made, and does not parse"] if tree(text) is None else []
        elif old.read_bytes() == text:
            continue
        else:
            unread += tree(old.read_bytes()) is None
            found = list(compare(old.read_bytes(), text, files[path.as_posix()]))
        changed += 1
        faults += len(found)
        for fault in found:
            print(f"{path}: {fault}")
    print(f"{changed} changed, {faults} faults, {unread} unread")


class Named:
    """The lines of a file, counted from 0, that findings and their fixes name."""

    def __init__(self):
        self.edits: list[tuple[int, int]] = []
        self.findings: list[int] = []


def named(document: dict) -> dict[str, Named]:
    files = collections.defaultdict(Named)
    for finding in document["findings"]:
        files[finding["path"]].findings.append(finding["range"]["start"]["line"] - 1)
        for fix in finding["fixes"]:
            for edit in fix["edits"]:
                lines = (edit["range"]["start"]["line"] - 1, edit["range"]["end"]["line"] - 1)
                files[edit["path"]].edits.append(lines)
    return files


def compare(old: bytes, new: bytes, names: Named):
    if old.startswith(BOM) != new.startswith(BOM):
        yield "the byte order mark came or went"
    before, after = lines(old), lines(new)
    yield from ends(before, after)
    yield from elsewhere(before, after, names)
    if (was := tree(old)) is None:
        return
    if (now := tree(new)) is None:
        yield "it does not parse any more"
        return
    for comment in (comments(old) - comments(new)).elements():
        yield f"a comment is gone: {comment}"
    for text in (long_texts(was) - long_texts(now)).elements():
        yield f"a text of several lines is not what it was: {text!r}"


def tree(text: bytes) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return None


def lines(text: bytes) -> list[bytes]:
    return text.removeprefix(BOM).splitlines(keepends=True)


def end_of(line: bytes) -> bytes:
    return line[len(line.rstrip(b"\r\n")) :]


def ends(before: list[bytes], after: list[bytes]):
    was = collections.Counter(map(end_of, before))
    usual = was.most_common(1)[0][0] if was else b"\n"
    for end, count in (collections.Counter(map(end_of, after)) - was).items():
        if end != usual:
            yield f"{count} lines end in {end!r} where the file's end in {usual!r}"


def elsewhere(before: list[bytes], after: list[bytes], names: Named):
    """Changes that no fix names: neither on these lines, nor in this function, where a later round may find more to do."""
    places = [low for low, _ in names.edits] + names.findings
    around = [(first, last) for first, last in functions(b"".join(before)) if any(first <= at <= last for at in places)]
    for kind, start, end, first, last in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        near = any(low - SLACK <= end and start <= high + 1 + SLACK for low, high in names.edits)
        if not near and not any(low <= start and end <= high + 1 for low, high in around):
            yield f"line {start + 1} is changed, and no fix names it: {b''.join(after[first:last])!r}"


def functions(text: bytes) -> list[tuple[int, int]]:
    """The lines, counted from 0, of the functions of a module, with their decorators."""
    nodes = [node for node in ast.walk(tree(text) or ast.Module([], [])) if isinstance(node, FUNCTIONS)]
    return [(min([node, *node.decorator_list], key=lambda node: node.lineno).lineno - 1, node.end_lineno - 1) for node in nodes]


def comments(text: bytes) -> collections.Counter:
    tokens = tokenize.tokenize(io.BytesIO(text).readline)
    return collections.Counter(token.string.rstrip() for token in tokens if token.type == tokenize.COMMENT)


def long_texts(module: ast.Module) -> collections.Counter:
    constants = (node.value for node in ast.walk(module) if isinstance(node, ast.Constant))
    return collections.Counter(value for value in constants if isinstance(value, str) and "\n" in value)


if __name__ == "__main__":
    main(*map(pathlib.Path, sys.argv[1:]))
