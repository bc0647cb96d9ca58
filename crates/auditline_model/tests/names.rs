//! Names across files.
#![allow(clippy::unwrap_used)] // Helpers of tests stand outside of test functions.

use auditline_model::fixture::{file, fixture, function};
use auditline_model::names::{Scope, resolve_dotted, resolve_global, resolve_in, resolve_module, resolve_name};
use auditline_model::symbols::Symbol;
use auditline_model::{Db, RootDatabase};
use auditline_syntax::Name;
use auditline_syntax::python::ir::StmtKind;

/// A symbol as text: `class app/models.py User`.
fn show(db: &RootDatabase, symbol: Symbol) -> String {
    let place = |file: auditline_model::SourceFile| {
        file.path(db).relative_to(auditline_model::fixture::root()).unwrap_or("?").to_owned()
    };
    match symbol {
        Symbol::Module(file) => format!("module {}", place(file)),
        Symbol::Namespace(path) => {
            format!("namespace {}", path.relative_to(auditline_model::fixture::root()).unwrap_or("?"))
        }
        Symbol::Class(class) => format!("class {} {}", place(class.file), class.path),
        Symbol::Function(function) => format!("function {} {}", place(function.file), function.path),
        Symbol::Variable(variable) => format!("variable {} {}", place(variable.file), variable.name),
        Symbol::External(path) => format!("external {path}"),
        Symbol::Unknown => "unknown".to_owned(),
    }
}

#[track_caller]
fn resolves(db: &RootDatabase, from: &str, dotted: &str, expected: &str) {
    assert_eq!(show(db, resolve_dotted(db, file(db, from), dotted)), expected, "{dotted} in {from}");
}

#[test]
fn imports_lead_through_packages_aliases_and_dots() {
    let db = fixture(&[
        ("app/__init__.py", ""),
        ("app/models/__init__.py", "from .user import User as Account, helper\nfrom . import order\nLIMIT = 3\n"),
        (
            "app/models/user.py",
            "class User:\n    class Meta: ...\n    def save(self): ...\n    @property\n    def p(self): ...\ndef helper(): ...\n",
        ),
        ("app/models/order.py", "from ..models.user import User\nclass Order: ...\n"),
        (
            "app/api/routes.py",
            "import app.models.user\nimport app.models.order as o\nfrom app import models\nfrom app.models import Account, LIMIT, order\nfrom ..models import user\nfrom app.models.missing import gone\nimport requests.adapters\nfrom sqlalchemy.orm import Session as S\n",
        ),
    ]);
    let from = "app/api/routes.py";
    resolves(&db, from, "app.models.user.User", "class app/models/user.py User");
    resolves(&db, from, "o.Order", "class app/models/order.py Order");
    resolves(&db, from, "o.User", "class app/models/user.py User");
    resolves(&db, from, "models.Account", "class app/models/user.py User");
    resolves(&db, from, "models.order.Order", "class app/models/order.py Order");
    resolves(&db, from, "Account", "class app/models/user.py User");
    resolves(&db, from, "Account.Meta", "class app/models/user.py User.Meta");
    resolves(&db, from, "Account.save", "function app/models/user.py User.save");
    resolves(&db, from, "Account.p", "unknown");
    resolves(&db, from, "LIMIT", "variable app/models/__init__.py LIMIT");
    resolves(&db, from, "order", "module app/models/order.py");
    resolves(&db, from, "user.helper", "function app/models/user.py helper");
    resolves(&db, from, "gone", "unknown");
    resolves(&db, from, "requests.Session", "external requests.Session");
    resolves(&db, from, "S", "external sqlalchemy.orm.Session");
    resolves(&db, from, "ValueError", "external builtins.ValueError");
    resolves(&db, from, "nowhere", "unknown");
}

#[test]
fn the_nearest_service_of_several_is_meant() {
    let db = fixture(&[
        ("services/billing/app/__init__.py", ""),
        ("services/billing/app/db.py", "class Billing: ...\n"),
        ("services/billing/app/main.py", "from app.db import Billing\n"),
        ("services/shop/src/shop/__init__.py", ""),
        ("services/shop/src/shop/db.py", "class Shop: ...\n"),
        ("services/shop/tests/test_shop.py", "from shop.db import Shop\n"),
        ("services/shop/app/db.py", "class Other: ...\n"),
        ("services/shop/app/main.py", "from app.db import Other\nfrom shop.db import Shop\n"),
        ("tools/report.py", "from shop.db import Shop\n"),
    ]);
    resolves(&db, "services/billing/app/main.py", "Billing", "class services/billing/app/db.py Billing");
    resolves(&db, "services/shop/app/main.py", "Other", "class services/shop/app/db.py Other");
    resolves(&db, "services/shop/app/main.py", "Shop", "class services/shop/src/shop/db.py Shop");
    resolves(&db, "services/shop/tests/test_shop.py", "Shop", "class services/shop/src/shop/db.py Shop");
    // Not above the importing file; there is only one package of that name in the workspace.
    resolves(&db, "tools/report.py", "Shop", "class services/shop/src/shop/db.py Shop");
}

#[test]
fn a_source_directory_with_a_stray_init_is_no_package() {
    let files = [
        ("api/src/__init__.py", ""),
        ("api/src/shop/__init__.py", ""),
        ("api/src/shop/db.py", "class Shop: ...\n"),
        ("worker/src/worker/main.py", "from shop.db import Shop\n"),
    ];
    resolves(&fixture(&files), "worker/src/worker/main.py", "Shop", "class api/src/shop/db.py Shop");
    // Here it is one: its files import one another through it.
    let whole = [("api/src/main.py", "from src.shop.db import Shop\n")];
    let db = fixture(&[&files[..], &whole].concat());
    resolves(&db, "worker/src/worker/main.py", "Shop", "external shop.db.Shop");
}

#[test]
fn installed_packages_win_over_bare_directories_and_siblings_in_a_package() {
    let db = fixture(&[
        ("alembic/env.py", "from alembic import context\nimport alembic\n"),
        ("alembic/versions/a.py", "from alembic import op\nimport alembic.op\n"),
        ("app/__init__.py", ""),
        ("app/redis/__init__.py", ""),
        ("app/redis/client.py", "import redis\nimport logging\nfrom app.redis import client\n"),
        ("app/logging.py", ""),
        ("app/main.py", "import logging\nfrom app import logging as own\n"),
    ]);
    resolves(&db, "alembic/env.py", "context", "external alembic.context");
    resolves(&db, "alembic/env.py", "alembic.command", "external alembic.command");
    resolves(&db, "alembic/versions/a.py", "op", "external alembic.op");
    resolves(&db, "alembic/versions/a.py", "alembic.op.execute", "external alembic.op.execute");
    resolves(&db, "app/redis/client.py", "redis.Redis", "external redis.Redis");
    resolves(&db, "app/redis/client.py", "client", "module app/redis/client.py");
    resolves(&db, "app/main.py", "logging", "external logging");
    resolves(&db, "app/main.py", "own", "module app/logging.py");
}

#[test]
fn a_required_package_is_meant_even_where_a_path_of_the_project_ends_alike() {
    let files = [
        ("app/__init__.py", ""),
        ("app/db/__init__.py", ""),
        ("app/db/sqlalchemy/__init__.py", ""),
        ("app/db/sqlalchemy/util.py", "def immutabledict():\n    pass\n"),
        ("app/db/store.py", "from sqlalchemy.util import immutabledict\n"),
    ];
    let inside = "function app/db/sqlalchemy/util.py immutabledict";
    resolves(&fixture(&files), "app/db/store.py", "immutabledict", inside);
    let required = [("requirements/base.txt", "SQLAlchemy>=2\n")];
    let db = fixture(&[&files[..], &required].concat());
    resolves(&db, "app/db/store.py", "immutabledict", "external sqlalchemy.util.immutabledict");
}

#[test]
fn packages_before_modules_before_stubs() {
    let db = fixture(&[
        ("x/__init__.py", "A = 1\n"),
        ("x.py", "B = 1\n"),
        ("y.py", "C = 1\n"),
        ("y.pyi", "D: int\n"),
        ("z.pyi", "E: int\n"),
        ("main.py", "import x, y, z\n"),
    ]);
    resolves(&db, "main.py", "x", "module x/__init__.py");
    resolves(&db, "main.py", "y", "module y.py");
    resolves(&db, "main.py", "z", "module z.pyi");
}

#[test]
fn conditional_imports_prefer_the_workspace() {
    let db = fixture(&[
        ("own.py", "class Engine: ...\ndef dumps(): ...\n"),
        (
            "main.py",
            "from typing import TYPE_CHECKING\n\
             if TYPE_CHECKING:\n    from own import Engine\nelse:\n    Engine = object\n\
             try:\n    from orjson import dumps\nexcept ImportError:\n    from own import dumps\n\
             try:\n    import redis\nexcept ImportError:\n    redis = None\n\
             celery = None\nif (count := 3) > 2:\n    import celery\n\
             for item in range(3): pass\nwith open('x') as handle: pass\n\
             def setup():\n    global state\n    state = 1\n",
        ),
    ]);
    resolves(&db, "main.py", "Engine", "class own.py Engine");
    resolves(&db, "main.py", "dumps", "function own.py dumps");
    resolves(&db, "main.py", "redis", "external redis");
    resolves(&db, "main.py", "celery", "external celery");
    for name in ["count", "item", "handle", "state"] {
        resolves(&db, "main.py", name, &format!("variable main.py {name}"));
    }
}

#[test]
fn a_later_definition_replaces_an_earlier_one() {
    let db = fixture(&[(
        "main.py",
        "from typing import overload\n@overload\ndef f(x: int): ...\n@overload\ndef f(x: str): ...\ndef f(x): ...\n\
         class A: ...\nclass A: ...\nB = A\nC = B\nloop = pool\npool = loop\n",
    )]);
    resolves(&db, "main.py", "f", "function main.py f#3");
    resolves(&db, "main.py", "A", "class main.py A#2");
    resolves(&db, "main.py", "C", "class main.py A#2");
    resolves(&db, "main.py", "loop", "variable main.py loop");
}

#[test]
fn star_imports_obey_all_and_end_in_circles() {
    let db = fixture(&[
        ("a.py", "from b import *\nfrom c import *\n__all__ = ['shown', 'X'] + more\n"),
        (
            "b.py",
            "from a import *\n__all__ = ['listed']\n__all__ += ['also']\n__all__.append('third')\nlisted = 1\nalso = 2\nthird = 3\nhidden = 4\n",
        ),
        ("c.py", "class X: ...\n_private = 1\ndef public(): ...\n"),
        ("models.py", "from sqlalchemy import *\nlocal = 1\n"),
    ]);
    resolves(&db, "a.py", "listed", "variable b.py listed");
    resolves(&db, "a.py", "also", "variable b.py also");
    resolves(&db, "a.py", "third", "variable b.py third");
    resolves(&db, "a.py", "hidden", "unknown");
    resolves(&db, "a.py", "X", "class c.py X");
    resolves(&db, "a.py", "_private", "unknown");
    resolves(&db, "b.py", "X", "class c.py X");
    resolves(&db, "b.py", "absent", "unknown");
    resolves(&db, "models.py", "Column", "external sqlalchemy.Column");
    resolves(&db, "models.py", "print", "external builtins.print");
}

#[test]
fn circular_imports_end() {
    let db = fixture(&[
        ("a.py", "from b import x\nfrom b import Y\n"),
        ("b.py", "from a import x\nfrom c import Y\n"),
        ("c.py", "from a import Y as Z\nclass Y: ...\n"),
        ("pkg/__init__.py", "from pkg import sub\nfrom pkg import nothing\n"),
        ("pkg/sub.py", "from pkg import sub\n"),
    ]);
    resolves(&db, "a.py", "x", "unknown");
    resolves(&db, "a.py", "Y", "class c.py Y");
    resolves(&db, "c.py", "Z", "class c.py Y");
    resolves(&db, "pkg/__init__.py", "sub", "module pkg/sub.py");
    resolves(&db, "pkg/__init__.py", "nothing", "unknown");
}

#[test]
fn locals_shadow_and_inner_imports_count() {
    let db = fixture(&[
        ("models.py", "class User: ...\nclass Item: ...\n"),
        (
            "main.py",
            "from models import User, Item\nimport user\n\
             def f(Item):\n    from models import User as Local\n    def inner():\n        Local\n        User\n        Item\n        nested\n    def nested(): ...\n    User = other()\n    [user.id for user in Local]\n    class Own: ...\n    Own\n    user\n",
        ),
    ]);
    let scope = |name: &str| Scope::Function(function(&db, "main.py", name));
    let show_in = |path: &str, name: &str| show(&db, resolve_name(&db, scope(path), Name::new(name)));
    assert_eq!(show_in("f", "Local"), "class models.py User");
    assert_eq!(show_in("f", "User"), "unknown");
    assert_eq!(show_in("f", "Item"), "unknown");
    assert_eq!(show_in("f", "user"), "unknown");
    assert_eq!(show_in("f", "Own"), "class main.py f.Own");
    assert_eq!(show_in("f.inner", "Local"), "class models.py User");
    assert_eq!(show_in("f.inner", "User"), "unknown");
    assert_eq!(show_in("f.inner", "nested"), "function main.py f.nested");
    assert_eq!(show_in("f.nested", "print"), "external builtins.print");
    // The same through expressions.
    let inner = function(&db, "main.py", "f.inner");
    let body = auditline_model::function(&db, inner).unwrap();
    let StmtKind::Expr(first) = body.code.block[0].kind else { panic!("an expression") };
    assert_eq!(show(&db, resolve_in(&db, inner, &body.code, first)), "class models.py User");
}

#[test]
fn global_and_method_scopes() {
    let db = fixture(&[(
        "main.py",
        "class list_: ...\nlimit = 1\nclass C:\n    limit = 2\n    class Inner: ...\n    def list(self): ...\n    def m(self):\n        global limit\n        limit = 3\n",
    )]);
    let method = Scope::Function(function(&db, "main.py", "C.m"));
    assert_eq!(show(&db, resolve_name(&db, method, Name::new("limit"))), "variable main.py limit");
    // A class body is no scope for its methods.
    assert_eq!(show(&db, resolve_name(&db, method, Name::new("Inner"))), "unknown");
    let class = Scope::Class(auditline_model::fixture::class(&db, "main.py", "C"));
    assert_eq!(show(&db, resolve_name(&db, class, Name::new("Inner"))), "class main.py C.Inner");
    assert_eq!(show(&db, resolve_name(&db, class, Name::new("list"))), "external builtins.list");
}

#[test]
fn relative_imports_stop_at_the_root() {
    let db = fixture(&[("a.py", ""), ("pkg/b.py", "from .. import a\nfrom ..... import x\n")]);
    resolves(&db, "pkg/b.py", "a", "module a.py");
    resolves(&db, "pkg/b.py", "x", "unknown");
    let from = file(&db, "pkg/b.py");
    assert_eq!(resolve_module(&db, from, 40, None), Symbol::Unknown);
    assert_eq!(resolve_module(&db, from, 0, None), Symbol::Unknown);
}

#[test]
fn configured_source_roots_count() {
    let db = RootDatabase::new(&[auditline_model::fixture::root()], &[auditline_model::fixture::path("vendor/lib")]);
    auditline_model::fixture::add(
        &db,
        &[("vendor/lib/tool.py", "class T: ...\n"), ("main.py", "from tool import T\n")],
    );
    resolves(&db, "main.py", "T", "class vendor/lib/tool.py T");
    assert!(!db.files().iter().is_empty());
    assert_eq!(show(&db, resolve_global(&db, file(&db, "main.py"), Name::new("T"))), "class vendor/lib/tool.py T");
}
