use super::{Mended, read};

fn mend(text: &str) -> String {
    Mended::new(text, read(text).insertions).text
}

#[test]
fn a_whole_text_is_left_alone() {
    for text in [
        "",
        "x = [\n1,\n2]\n",
        "def f(a,\n b): return {'x': [1]}\n",
        "x = 'a\\'b' + \"\"\"c\n\"d\n\"\"\" # (\n",
        "f(\n  # )\n  a if b\n  else c,\n)\n",
        "if a: pass\nelse: pass\ntry:\n  x\nfinally:\n  y\n",
        "from a import *\nfrom . import b\nfrom .. import (\n  c,\n)\n",
        "x = 1.\ny = ...\nz: int = 3\nprint(a, end='')\nreturn\n",
        "match x:\n  case [1, *_]:\n    pass\n",
        "@dec\n# c\n\n@dec(1)\nasync def f(): ...\n",
        "x = a \\\n  + b\n",
        "a[1:]\nlambda: 1\n",
        "x = 1.5 + 1e-5 - 1.5E+3j * .5 if a else b\n",
        "print >>f, 'a'\nprint a\ntype X = int\nx = not a\nreturn a if b else c\n",
        "f'{x['a']}' f\"{y[\"b\"]:>{w}}\" f'{{' rf'{a}\\d' + 'if'\n",
    ] {
        assert_eq!(mend(text), text);
    }
}

#[test]
fn brackets_close_before_the_next_statement() {
    for (text, mended) in [
        ("x = f(a\ny = 1\n", "x = f(a)\ny = 1\n"),
        ("x = f(a, [b # c\ny = g(1)\n", "x = f(a, [b]) # c\ny = g(1)\n"),
        ("x = f(\n    a,\n    b\n\ndef g(): pass\n", "x = f(\n    a,\n    b)\n\ndef g(): pass\n"),
        ("def f(a, b\n    return 1\n", "def f(a, b):\n    return 1\n"),
        ("class K(B\n    def m(self): pass\n", "class K(B):\n    def m(self): pass\n"),
        ("f(a[1)\n", "f(a[1])\n"),
        ("x = {'a':\n", "x = {'a': _}\n"),
    ] {
        assert_eq!(mend(text), mended);
    }
    assert_eq!(mend("x = f(User.id == "), "x = f(User.id == _) ");
}

#[test]
fn headers_get_their_colon() {
    for (text, mended) in [
        ("if x\n    y\n", "if x:\n    y\n"),
        ("for\n", "for _ in _:\n"),
        ("for x\n", "for x in _:\n"),
        ("for x in\n", "for x in _:\n"),
        ("async def\n", "async def _():\n"),
        ("def f\n", "def f():\n"),
        ("class\n", "class _:\n"),
        ("while a and # c\n", "while a and _: # c\n"),
        ("try\n", "try:\n"),
        ("except A as\n", "except A as _:\n"),
    ] {
        assert_eq!(mend(text), mended);
    }
}

#[test]
fn statements_get_what_they_want() {
    for (text, mended) in [
        ("self.\n", "self._\n"),
        ("x =\r\n", "x = _\r\n"),
        ("x = a +\n", "x = a + _\n"),
        ("from a\n", "from a import _\n"),
        ("from a.\n", "from a._ import _\n"),
        ("from .\n", "from . import _\n"),
        ("from a import\n", "from a import _\n"),
        ("import\n", "import _\n"),
        ("x = 'a\ny\n", "x = 'a'\ny\n"),
        ("x: \n", "x: _ \n"),
        ("f(a))\ny\n", "f(a)#)\ny\n"),
        ("x = ]\n", "x = _# ]\n"),
        ("if f(a)):\n", "if f(a):#):\n"),
        ("f(a b)\n", "f(a, b)\n"),
        ("a b c\n", "a# b c\n"),
        ("x = a ? b\n", "x = a# ? b\n"),
        ("f'a{\n", "f'a{_}'\n"),
        ("f'a{b.'\n", "f'a{b._}'\n"),
        ("f\"a{db.query(b\n", "f\"a{db.query(b)}\"\n"),
        ("  @app.get('/')\n  x = 1\n", "  @app.get('/')\n  def _(): pass\n  x = 1\n"),
    ] {
        assert_eq!(mend(text), mended);
    }
}

#[test]
fn a_string_that_swallows_definitions_is_closed() {
    let text = "def f():\n    \"\"\"doc\n    x\n\ndef g():\n    \"\"\"doc\"\"\"\n";
    assert_eq!(mend(text), "def f():\n    \"\"\"doc\"\"\"\n    x\n\ndef g():\n    \"\"\"doc\"\"\"\n");
    let text = "x = '''a\ny = 1\n";
    assert_eq!(mend(text), "x = '''a'''\ny = 1\n");
}

#[test]
fn offsets_lead_back() {
    let text = "f(a\ng(b\nx\n";
    let mended = Mended::new(text, read(text).insertions);
    assert_eq!(mended.text, "f(a)\ng(b)\nx\n");
    let back: Vec<u32> = (0..=mended.text.len() as u32).map(|at| mended.original(at)).collect();
    assert_eq!(back, [0, 1, 2, 3, 3, 4, 5, 6, 7, 7, 8, 9, 10]);
    assert_eq!(mended.places().map(u32::from).collect::<Vec<_>>(), [3, 7]);
}

#[test]
fn hostile_texts_end() {
    for text in ["(\n".repeat(200_000), "x = '''\n".repeat(50_001), "'\n".repeat(100_000), "f(a[\n)".repeat(50_000)] {
        let _ = mend(&text);
    }
}
