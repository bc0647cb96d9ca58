//! What Python means to us, read back as text.

use auditline_syntax::python::ir::{Expr, ParamKind, StmtKind};
use auditline_syntax::python::{chain, dotted, lower, parse, print, walk_expression, walk_statements};

fn shown(text: &str) -> String {
    print::module(&lower(text, &parse(text, None)))
}

/// The lowered form of one-line statements, each with what it is expected to be.
fn check(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let module = lower(text, &parse(text, None));
        assert_eq!(print::module(&module).trim_end(), *expected, "{text}");
        assert!(module.errors.is_empty(), "{text}: {:?}", module.errors);
    }
}

#[test]
fn expressions() {
    check(&[
        ("a.b.c", "a.b.c"),
        ("(a)", "a"),
        ("(((a))).b", "a.b"),
        ("a,", "(a,)"),
        ("()", "()"),
        ("(a, *b)", "(a, *b)"),
        ("a and b and c or d", "((a and b and c) or d)"),
        ("a and (b and c)", "(a and (b and c))"),
        ("a or b or c or d", "(a or b or c or d)"),
        ("not a == b", "(not (a == b))"),
        ("a < b <= c", "(a < b <= c)"),
        ("a is not b, a not in b, a <> b", "((a is not b), (a not in b), (a != b))"),
        ("-a ** b", "(-(a ** b))"),
        ("a + b * c // d", "(a + ((b * c) // d))"),
        ("a @ b | c & d << 1 >> 2", "((a @ b) | (c & ((d << 1) >> 2)))"),
        ("a if b else c", "(a if b else c)"),
        ("lambda: 0", "(lambda : 0)"),
        ("lambda a, *b, c=1, **d: a", "(lambda a, *b, kw c = 1, **d: a)"),
        ("(a := b)", "(a := b)"),
        ("f(a, *b, c=d, **e)", "f(a, *b, c=d, **e)"),
        ("f(x for x in y)", "f((x for x in y))"),
        ("f(a, (x for x in y))", "f(a, (x for x in y))"),
        ("f((a))", "f(a)"),
        ("a[b]", "a[b]"),
        ("a[b, c]", "a[(b, c)]"),
        ("a[b,]", "a[(b,)]"),
        ("a[1:2, ::3, :]", "a[(slice(1, 2), slice(3), slice())]"),
        ("[a, b]", "[a, b]"),
        ("{a, *b}", "{a, *b}"),
        ("{}", "{}"),
        ("{a: b, **c}", "{a: b, **c}"),
        ("[x for x in y if z if w for v in u]", "[x for x in y if z if w for v in u]"),
        ("{x: y for x, y in z}", "{{x: y} for (x, y) in z}"),
        ("{x async for x in y}", "{x async for x in y}"),
        ("[x for x in a, b]", "[x for x in (a, b)]"),
        ("0x1F, 0b11, 0o17, 1_000, 12", "(31, 3, 15, 1000, 12)"),
        ("99999999999999999999", "<integer>"),
        ("1.5, 1e3, 2j, 0xFFFFFFFFFFFFFFFF", "(<float>, <float>, <float>, <integer>)"),
        ("...", "..."),
        ("None, True, False", "(None, True, False)"),
        ("print(a)", "print(a)"),
        ("a.\\\n  b", "a.b"),
        ("(a\n  # c\n  .b()  # d\n  .c)", "a.b().c"),
        ("match.type.print", "match.type.print"),
        ("größe.naïve", "größe.naïve"),
    ]);
}

#[test]
fn strings() {
    check(&[
        ("'a' \"b\"", "\"ab\""),
        ("('a'\n  # c\n  'b')", "\"ab\""),
        (r"'a\n\x41\u00e9'", "\"a\\nAé\""),
        (r"r'a\n'", r#""a\\n""#),
        ("'''a\r\nb'''", "\"a\\nb\""),
        ("b'x', Rb'y' b'z'", "(b'', b'')"),
        ("u'x'", "\"x\""),
        ("f'a'", "\"a\""),
        ("f'{{a}}'", "\"{a}\""),
        ("f'a{b}c{d.e!r:>{width}}'", "f\"a{b}c{d.e}{width}\""),
        ("f'{a=}'", "f\"a={a}\""),
        ("'x' f'{a}' 'y'", "f\"x{a}y\""),
        ("f\"{a['b']}\"", "f\"{a[\"b\"]}\""),
        ("f'{a}' f'{b}'", "f\"{a}{b}\""),
        ("t'x'", "f\"x\""),
        ("f'{a, b}'", "f\"{(a, b)}\""),
        ("f'{x:%Y-%m}'", "f\"{x}\""),
        ("''", "\"\""),
        ("'😀' + x", "(\"😀\" + x)"),
    ]);
}

#[test]
fn simple_statements() {
    check(&[
        ("a = b = c", "a = b = c"),
        ("a, b = c", "(a, b) = c"),
        ("(a, [b, *c]) = d", "(a, [b, *c]) = d"),
        ("(a) = 1", "a = 1"),
        ("a.b[c] = yield d", "a.b[c] = (yield d)"),
        ("a = b, c", "a = (b, c)"),
        ("a += b", "a += b"),
        ("a //= b; c **= d; e >>= f; g @= h", "a //= b\nc **= d\ne >>= f\ng @= h"),
        ("a: int", "a: int"),
        ("a.b: c.d = e", "a.b: c.d = e"),
        ("del a, b.c, d[e]", "del a, b.c, d[e]"),
        ("del (a, b)", "del (a, b)"),
        ("raise", "raise"),
        ("raise A(b) from c", "raise A(b) from c"),
        ("assert a, b", "assert a, b"),
        ("global a, b", "global a, b"),
        ("nonlocal a", "nonlocal a"),
        ("import a.b as c, d", "import a.b as c, d"),
        ("from a.b import (c as d, e,)", "from a.b import c as d, e"),
        ("from . import a", "from . import a"),
        ("from ...a import *", "from ...a import *"),
        ("from a . b import c", "from a.b import c"),
        ("from __future__ import annotations", "from __future__ import annotations"),
        ("type X = 'int'", "type X = int"),
        ("type X[T: int, *U, **V] = list[T]", "type X = list[T]"),
        ("type(a).b = c", "type(a).b = c"),
        ("type(a).b.c = d", "type(a).b.c = d"),
        ("type(a.b).c = d", "type(a.b).c = d"),
        ("with (a(),): b", "with a():\n    b"),
        ("with a if b else c as d: e", "with (a if b else c) as d:\n    e"),
        ("with a or b as c, d: e", "with (a or b) as c, d:\n    e"),
        ("pass; break; continue", "pass\nbreak\ncontinue"),
    ]);
}

#[test]
fn annotations() {
    check(&[
        ("a: 'b'", "a: b"),
        ("a: 'b.C'", "a: b.C"),
        ("a: 'list[b] | None'", "a: (list[b] | None)"),
        ("a: Optional['b']", "a: Optional[b]"),
        ("a: m.Mapped[list['b']]", "a: m.Mapped[list[b]]"),
        ("a: 'Mapped[\"b\"]'", "a: Mapped[b]"),
        ("a: Literal['b']", "a: Literal[\"b\"]"),
        ("a: t.Literal['b', 'c']", "a: t.Literal[(\"b\", \"c\")]"),
        ("a: Annotated['b', Depends('c'), 'd']", "a: Annotated[(b, Depends(\"c\"), \"d\")]"),
        ("a: Callable[['b'], 'c']", "a: Callable[([b], c)]"),
        ("a: 'b' | None", "a: (b | None)"),
        ("a: list[b] | c | 'd' | None", "a: (((list[b] | c) | d) | None)"),
        ("a: b | c[d] | (e | f)", "a: ((b | c[d]) | (e | f))"),
        ("a: x('b')", "a: x(\"b\")"),
        ("a: 'not a type'", "a: \"not a type\""),
        ("a: ' b '", "a: b"),
        ("a: 'b c'", "a: \"b c\""),
        ("a: 'None'", "a: None"),
        ("a: dict[str, list[tuple['b', ...]]]", "a: dict[(str, list[tuple[(b, ...)]])]"),
        ("def f(*a: 'b', **c: 'd') -> 'e': ...", "def f(*a: b, **c: d) -> e:\n    ..."),
        ("def f(*a: *T): ...", "def f(*a: *T):\n    ..."),
        ("def f(a: 'b' = 'c'): ...", "def f(a: b = \"c\"):\n    ..."),
    ]);
}

#[test]
fn the_ranges_of_quoted_annotations_are_those_in_the_text() {
    let text = "class K:\n    def f(self, x: 'Mapped[a.B]', y: \"C\"): ...\n";
    let module = lower(text, &parse(text, None));
    let function = &module.functions[0];
    let start = module.function_starts[0];
    let mut found = Vec::new();
    for param in &function.params {
        let Some(annotation) = param.annotation else { continue };
        walk_expression(&function.code, annotation, &mut |id| {
            let range = function.code.range(id) + start;
            found.push(text[usize::from(range.start())..usize::from(range.end())].to_owned());
        });
    }
    assert_eq!(found, ["Mapped[a.B]", "Mapped", "a.B", "a", "C"]);
}

#[test]
fn compound_statements() {
    let text = "\
if a:
    b
elif c: d
elif e:
    f
else:
    g
while a: b
else: c
for a, in b:
    pass
else:
    pass
async for a in b, c: pass
with a, b as c: d
with (a as b, c as (d, e)): f
with (a, b): c
with (a): b
with (a as b): c
with a(b) as c.d: e
async with a: b
try: a
except: b
try:
    a
except A: b
except (B, C) as d: e
except D, E: f
except* G as h: i
else: j
finally:
    k
";
    let expected = "\
if a:
    b
elif c:
    d
elif e:
    f
else:
    g
while a:
    b
else:
    c
for (a,) in b:
    pass
else:
    pass
async for a in (b, c):
    pass
with a, b as c:
    d
with a as b, c as (d, e):
    f
with a, b:
    c
with a:
    b
with a as b:
    c
with a(b) as c.d:
    e
async with a:
    b
try:
    a
except:
    b
try:
    a
except A:
    b
except B, C as d:
    e
except D, E:
    f
except G as h:
    i
else:
    j
finally:
    k
";
    assert_eq!(shown(text), expected);
    assert_eq!(shown(&text.replace('\n', "\r\n")), expected);
    assert_eq!(shown(&text.replace("    ", "\t")), expected);
}

#[test]
fn patterns() {
    let text = "\
match a, b:
    case 1 | -2 | 'x' | None | True: pass
    case a.b: pass
    case x if y: pass
    case _: pass
    case A(1, b=c, d=-1): pass
    case m.A(): pass
    case [a, *b]: pass
    case (a | b): pass
    case a, b: pass
    case {'k': v, **rest}: pass
    case A() as x: pass
";
    let expected = "\
match (a, b):
    case ((((1 | (-2)) | \"x\") | None) | True):
        pass
    case a.b:
        pass
    case x if y:
        pass
    case _:
        pass
    case A(1, b=c, d=(-1)):
        pass
    case m.A():
        pass
    case <a, <b>>:
        pass
    case (a | b):
        pass
    case <a, b>:
        pass
    case <\"k\", v, <rest>>:
        pass
    case <A(), x>:
        pass
";
    assert_eq!(shown(text), expected);
}

#[test]
fn functions_and_classes() {
    let text = "\
@a.b(c)
@d
async def f[T](p, /, q: A, r=1, *s, t, u: B = 2, **v) -> C:
    '''doc'''
    def inner(): yield 1
    async with x: return await y
class K[T: int, *U](Base[T], *m, metaclass=M, table=True):
    x: int = 1
    @property
    def p(self): return self._p
    @p.setter
    def p(self, v): self._p = v
    class Inner: y = 1
    if a:
        def q(self): pass
class K: pass
def g(): lambda: (yield)
def h(): return [(yield x) for x in y]
def k(*, a, b): ...
";
    let expected = "\
@a.b(c)
@d
async def f(pos p, q: A, r = 1, *s, kw t, u: B = 2, **v) -> C:
    \"doc\"
    def f.inner() generator:
        (yield 1)
    async with x:
        return (await y)
class K[T, U](Base[T], *m metaclass=M table=True):
    x: int = 1
    @property
    def K.p(self):
        return self._p
    @p.setter
    def K.p#2(self, v):
        self._p = v
    class K.Inner():
        y = 1
    if a:
        def K.q(self):
            pass
class K#2():
    pass
def g():
    (lambda : (yield))
def h() generator:
    return [(yield x) for x in y]
def k(kw a, b):
    ...
";
    assert_eq!(shown(text), expected);
    let module = lower(text, &parse(text, None));
    let f = &module.functions[0];
    assert_eq!(f.params[0].kind, ParamKind::PositionalOnly);
    assert_eq!(module.functions[1].outer.map(|outer| outer.index()), Some(0));
    assert_eq!(module.functions[2].class.map(|class| class.index()), Some(0));
    assert_eq!(module.classes[1].class.map(|class| class.index()), Some(0));
    let at = |start: text_size::TextSize, range: text_size::TextRange| {
        let range = range + start;
        &text[usize::from(range.start())..usize::from(range.end())]
    };
    let start = module.function_starts[0];
    assert!(at(start, f.range).starts_with("@a.b(c)") && at(start, f.range).ends_with("return await y"));
    assert_eq!(at(start, f.name_range), "f");
    assert_eq!(at(start, f.def_range), "async def");
    assert_eq!(at(start, f.params[5].range), "u: B = 2");
    assert_eq!(at(module.class_starts[0], module.classes[0].name_range), "K");
    assert!(at(module.class_starts[0], module.classes[0].range).ends_with("def q(self): pass"));
}

#[test]
fn a_statement_ends_before_its_comment() {
    let text = "x = 1  # c\nif a:\n    b  # c\n    # d\n\n# e\ndef f():\n    return 1  # f\n\n    # g\n\ny\n";
    let module = lower(text, &parse(text, None));
    let found: Vec<&str> = module
        .code
        .block
        .iter()
        .map(|stmt| &text[usize::from(stmt.range.start())..usize::from(stmt.range.end())])
        .collect();
    assert_eq!(found, ["x = 1", "if a:\n    b", "def f():\n    return 1", "y"]);
}

#[test]
fn pragmas() {
    let text =
        "x = 1  # noqa: E501\r\n# auditline: ignore[AUD101]\n  # type: ignore[x]\ny = '# noqa'\n## NOQA\n# plain\n";
    let module = lower(text, &parse(text, None));
    let found: Vec<(&str, bool)> = module.pragmas.iter().map(|pragma| (&*pragma.text, pragma.own_line)).collect();
    assert_eq!(
        found,
        [("noqa: E501", false), ("auditline: ignore[AUD101]", true), ("type: ignore[x]", true), ("NOQA", true)]
    );
    assert_eq!(&text[7..19], "# noqa: E501");
    assert_eq!(module.pragmas[0].range, text_size::TextRange::new(7.into(), 19.into()));
    // Many of them are found in another way, and are the same.
    let many = "x = 1  # noqa\ny = 'noqa'\n".repeat(100);
    let module = lower(&many, &parse(&many, None));
    assert_eq!(module.pragmas.len(), 100);
}

#[test]
fn python_2_is_broken_and_said_to_be() {
    let text = "print 'a'\nx = 1\nexec 'b'\n";
    let module = lower(text, &parse(text, None));
    assert_eq!(print::module(&module), "<broken>\nx = 1\n<broken>\n");
    assert_eq!(module.errors.len(), 2);
}

#[test]
fn while_a_person_types_the_other_functions_stay() {
    let before = "def a(db):\n    db.add(1)\n    db.commit()\n\n\n";
    let after = "\n\n@dec\ndef z(db):\n    return db.query(1)\n\n\nclass K:\n    def m(self):\n        return 1\n";
    let clean = lower(&format!("{before}{after}"), &parse(&format!("{before}{after}"), None));
    for typed in [
        "def half",
        "def half(",
        "def half(db, x",
        "def half(db: Session, x: int = ",
        "def half(db):\n    x = db.query(",
        "def half(db):\n    x = db.query(A).filter(A.id == ",
        "def half(db):\n    db.",
        "def half(db):\n    x = 'a",
        "def half(db):\n    x = f'a{",
        "def half(db):\n    x = f\"{db.",
        "def half(db):\n    \"\"\"doc",
        "class",
        "class Half(",
        "class Half(Base):\n    x = Column(",
        "class Half(Base):\n    x:",
        "@\nw = 1",
        "@router.get(\"/x\"\nw = 1",
        "@router.get(\"/x\")\nw = 1",
        "async",
        "async def",
        "if x",
        "for",
        "for x in",
        "with open(",
        "try",
        "try:\n    x(",
        "x = {",
        "x = {'a':",
        "x = [",
        "x = [a for",
        "return",
        "import",
        "from",
        "from a",
        "from . import",
        "from a import (b,",
        "lambda",
        "x = a if b else",
        "raise X(",
        "x == ",
        "x and",
        "not",
        "def half(db):\n    if db.x ==\n        y = 1\n    z(",
        "def half(db):\n    try:\n        db.commit()\n    exc",
        "def half(db):\n    try:\n        db.commit()\n    except E as",
        "x = (",
        "x = ((((",
        "x[",
        "x = \"\"\"",
        "x = '''a\nb",
        "def half(\n    a,\n    b,",
        "foo(a,\n    b,\n    c",
        "else",
        "else:",
        "match x",
        "match x:\n    case",
        "match x:\n    case A(",
        "x = f(a[1)",
        "f(a))",
        "x = ]",
        "1 +",
        "*",
        "a b c",
        "def half(db)\n    pass",
        "$",
        "?",
        "f(**",
        "yield",
        "await",
        "del",
        "global",
        "assert",
        "@dec\nasync def half(",
    ] {
        let text = format!("{before}{typed}{after}");
        let module = lower(&text, &parse(&text, None));
        for function in &clean.functions {
            let same = module.functions.iter().find(|own| own.path == function.path);
            let Some(same) = same else {
                panic!("{typed:?} loses {}:\n{}", function.path, print::module(&module));
            };
            assert_eq!(same.code, function.code, "{typed:?} changes {}", function.path);
            assert_eq!(same.params, function.params, "{typed:?} changes {}", function.path);
            assert!(!same.has_errors, "{typed:?} marks {}", function.path);
        }
    }
}

#[test]
fn hostile_nesting_ends() {
    let n = 10_000;
    let texts = [
        format!("{}a{}", "(".repeat(n), ")".repeat(n)),
        format!("x = {}a{}", "[".repeat(n), "]".repeat(n)),
        "(".repeat(n),
        "[{(".repeat(n),
        format!("a{}", ".b".repeat(n)),
        format!("a{}", ".b()".repeat(n)),
        format!("a{}", " + a".repeat(n)),
        format!("a{}", " and a".repeat(n)),
        format!("a{}", " and a or b".repeat(n)),
        format!("a{}", " < a".repeat(n)),
        format!("{}a", "not ".repeat(n)),
        format!("{}a", "-".repeat(n)),
        format!("{}a", "lambda: ".repeat(n)),
        format!("{}1", "a = ".repeat(n)),
        format!("a{}", " if b else a".repeat(n)),
        format!("if a: b\n{}", "elif a: b\n".repeat(n)),
        format!("a: {}b{}", "list[".repeat(n), "]".repeat(n)),
        format!("f'{}'", "{a}".repeat(n)),
        format!("a{}", "[b]".repeat(n)),
        format!("'a'{}", " 'b'".repeat(n)),
        (0..n).map(|depth| format!("{}if a:\n", " ".repeat(depth.min(600)))).collect(),
        (0..600).map(|depth| format!("{}def f():\n", " ".repeat(depth))).collect(),
        (0..600).map(|depth| format!("{}class K:\n", " ".repeat(depth))).collect(),
        format!("match a:\n    case {}a{}: pass\n", "[".repeat(n), "]".repeat(n)),
        format!("match a:\n    case a{}: pass\n", " | a".repeat(n)),
        format!("with {}a as b{}: pass\n", "(".repeat(n), ")".repeat(n)),
        "x = f(\n".repeat(n),
        "f'{".repeat(n),
        "@a\n".repeat(n),
        "\"\"\"".repeat(n + 1),
    ];
    // A small stack, as a thread of a pool may have.
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
        for text in &texts {
            let module = lower(text, &parse(text, None));
            let again = module.clone();
            assert!(module == again);
            let shown = print::module(&module);
            assert!(shown.len() < 200 * text.len() + 200);
        }
    });
    assert!(thread.is_ok_and(|thread| thread.join().is_ok()));
}

#[test]
fn a_long_chain_of_elifs_keeps_every_branch() {
    let text =
        format!("if a0: b0\n{}else: last\n", (1..1000).map(|n| format!("elif a{n}: b{n}\n")).collect::<String>());
    let module = lower(&text, &parse(&text, None));
    let mut bodies = Vec::new();
    walk_statements(&module.code.block, &mut |stmt| {
        if let StmtKind::Expr(id) = stmt.kind {
            bodies.extend(dotted(&module.code, id));
        }
    });
    assert_eq!(bodies.len(), 1001);
    assert!(bodies[..1000].iter().enumerate().all(|(n, body)| *body == *format!("b{n}")));
    assert_eq!(bodies[1000], "last");
}

#[test]
fn chains_of_names() {
    let text = "a.b.c\na.b().c\na";
    let module = lower(text, &parse(text, None));
    let found: Vec<Option<String>> = module
        .code
        .block
        .iter()
        .map(|stmt| match stmt.kind {
            StmtKind::Expr(id) => dotted(&module.code, id).map(|name| name.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(found, [Some("a.b.c".to_owned()), None, Some("a".to_owned())]);
    assert!(module.code.exprs.iter().any(|expr| matches!(expr, Expr::Call { .. })));
    let StmtKind::Expr(id) = module.code.block[0].kind else { panic!("an expression") };
    assert_eq!(chain(&module.code, id).map(|parts| parts.len()), Some(3));
}
