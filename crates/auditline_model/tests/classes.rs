//! Classes, annotations and module-level variables.
#![allow(clippy::unwrap_used)] // Helpers of tests stand outside of test functions.

use auditline_model::classes::{
    BaseTarget, Detached, TypeExpr, class_info, external_bases, has_unknown_base, implementation, method, mro,
    resolve_type_params, type_argument, type_expr, variable,
};
use auditline_model::fixture::{class, file, fixture, function};
use auditline_model::symbols::Symbol;
use auditline_model::{RootDatabase, VariableRef};
use auditline_syntax::Name;

/// A type as text.
fn show(ty: &TypeExpr) -> String {
    let list = |parts: &[TypeExpr]| parts.iter().map(show).collect::<Vec<_>>().join(", ");
    match ty {
        TypeExpr::Symbol { symbol, args } => {
            let name = match symbol {
                Symbol::Class(class) => class.path.to_string(),
                Symbol::External(path) => path.to_string(),
                Symbol::Variable(variable) => format!("var {}", variable.name),
                other => format!("{other:?}"),
            };
            if args.is_empty() { name } else { format!("{name}[{}]", list(args)) }
        }
        TypeExpr::Param(name) => format!("~{name}"),
        TypeExpr::Union(parts) => parts.iter().map(show).collect::<Vec<_>>().join(" | "),
        TypeExpr::None => "None".to_owned(),
        TypeExpr::Literal(values) => format!("Literal of {}", values.len()),
        TypeExpr::Annotated { inner, depends, metadata } => {
            let depends = depends.map(|symbol| match symbol {
                Symbol::Function(function) => format!(" depends on {}", function.path),
                Symbol::Class(class) => format!(" depends on {}", class.path),
                other => format!(" depends on {other:?}"),
            });
            format!("{} with {}{}", show(inner), metadata.len(), depends.unwrap_or_default())
        }
        TypeExpr::List(parts) => format!("[{}]", list(parts)),
        TypeExpr::Unresolved(name) => format!("?{name}"),
        TypeExpr::Unknown => "?".to_owned(),
    }
}

fn param(db: &RootDatabase, relative: &str, path: &str, index: usize) -> String {
    let of = function(db, relative, path);
    let body = auditline_model::function(db, of).unwrap();
    show(&type_expr(db, of.file, Some(of), &body.code, body.params[index].annotation.unwrap()))
}

#[test]
fn annotations_are_resolved_through_aliases_in_other_files() {
    let db = fixture(&[
        ("app/__init__.py", ""),
        (
            "app/deps.py",
            "from typing import Annotated, Optional, TypeAlias, NewType\nfrom fastapi import Depends, Security\nfrom sqlalchemy.orm import Session\n\
             def get_db(): ...\nclass Service: ...\n\
             SessionDep = Annotated[Session, Depends(get_db)]\nMaybe = Optional[Session]\nServiceDep = Annotated[Service, Depends()]\n\
             Nested = Annotated[SessionDep, 'more']\nUserId = NewType('UserId', int)\nAlso: TypeAlias = 'Session'\ntype New = Session | None\nEither = int | Service\nflags = 1 | 2\n",
        ),
        (
            "app/main.py",
            "from __future__ import annotations\nimport typing as t\nfrom app import deps\nfrom app.deps import SessionDep, Nested, New, Also, Either\nfrom typing import Literal, Callable\n\
             def f(a: SessionDep, b: 'deps.Maybe', c: deps.ServiceDep, d: Nested, e: deps.UserId, f: Also, g: New, h: t.Union[int, None, 'Missing'], i: Literal['a', 'b'], j: list[deps.Service], k: Callable[[int], str], l: Either, m: deps.flags): ...\n",
        ),
    ]);
    let show_param = |index| param(&db, "app/main.py", "f", index);
    assert_eq!(show_param(0), "sqlalchemy.orm.Session with 1 depends on get_db");
    assert_eq!(show_param(1), "sqlalchemy.orm.Session | None");
    assert_eq!(show_param(2), "Service with 1 depends on Service");
    assert_eq!(show_param(3), "sqlalchemy.orm.Session with 2 depends on get_db");
    assert_eq!(show_param(4), "builtins.int");
    assert_eq!(show_param(5), "sqlalchemy.orm.Session");
    assert_eq!(show_param(6), "sqlalchemy.orm.Session | None");
    assert_eq!(show_param(7), "builtins.int | None | ?Missing");
    assert_eq!(show_param(8), "Literal of 2");
    assert_eq!(show_param(9), "builtins.list[Service]");
    assert_eq!(show_param(10), "typing.Callable[[builtins.int], builtins.str]");
    assert_eq!(show_param(11), "builtins.int | Service");
    assert_eq!(show_param(12), "var flags");
}

#[test]
fn markers_of_containers_ask_for_their_argument() {
    let db = fixture(&[(
        "main.py",
        "from aioinject import Injected\nfrom dishka import FromDishka as FromDI\nfrom dishka.integrations.fastapi import FromDishka\nimport wireup\nfrom other import Injected as Wrapped\n\
         class Service: ...\nAsked = FromDishka[Service]\n\
         def f(a: FromDishka[Service], b: FromDI[Service | None], c: Injected[Service], d: wireup.Injected[Service], e: Asked, f: Wrapped[Service]): ...\n",
    )]);
    let show_param = |index| param(&db, "main.py", "f", index);
    for index in [0, 2, 3, 4] {
        assert_eq!(show_param(index), "Service with 0");
    }
    assert_eq!(show_param(1), "Service | None with 0");
    assert_eq!(show_param(5), "other.Injected[Service]", "of a library that is not known");
}

#[test]
fn circular_aliases_end() {
    let db = fixture(&[
        ("a.py", "from b import B\nfrom typing import Optional\nA = Optional[B]\ndef f(x: A): ...\n"),
        ("b.py", "from a import A\nfrom typing import Optional\nB = Optional[A]\n"),
    ]);
    // What it is does not matter, only that there is an end.
    let _ = param(&db, "a.py", "f", 0);
}

#[test]
fn bases_in_order_and_methods_through_them() {
    let db = fixture(&[
        (
            "base.py",
            "class A:\n    def save(self): ...\n    def only_a(self): ...\nclass B(A):\n    def save(self): ...\nclass C(A):\n    def save(self): ...\n    x = 1\n",
        ),
        (
            "main.py",
            "from base import B, C\nimport base\nclass D(B, C): ...\nclass E(base.C, metaclass=M):\n    only_a = None\n    @property\n    def p(self): ...\n    @p.setter\n    def p(self, v): ...\nclass Loop(Loop): ...\nclass One(Two): ...\nclass Two(One): ...\nclass Bad(base.A, D): ...\n",
        ),
    ]);
    let names = |path: &str| {
        mro(&db, class(&db, "main.py", path)).iter().map(|class| class.path.to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names("D"), "D B C A");
    assert_eq!(names("E"), "E C A");
    assert_eq!(names("Loop"), "Loop");
    assert!(names("One").starts_with("One"));
    assert_eq!(names("Bad").split(' ').count(), 5);
    let find = |path: &str, name: &str| {
        method(&db, class(&db, "main.py", path), Name::new(name)).map(|found| found.path.to_string())
    };
    assert_eq!(find("D", "save").as_deref(), Some("B.save"));
    assert_eq!(find("D", "only_a").as_deref(), Some("A.only_a"));
    assert_eq!(find("E", "only_a"), None, "an attribute hides the method of a base");
    assert_eq!(find("E", "p").as_deref(), Some("E.p"), "the getter, not its setter");
    assert_eq!(find("D", "x"), None);
}

#[test]
fn a_base_may_be_named_by_a_member_of_its_heir() {
    let files =
        [("main.py", "Alias = Part.inner\nclass Part(Alias):\n    def inner(self): ...\n    def other(self): ...\n")];
    // Whichever question comes first, it runs in a circle.
    for name in ["inner", "other", "absent"] {
        let db = fixture(&files);
        let found = method(&db, class(&db, "main.py", "Part"), Name::new(name)).map(|found| found.path.to_string());
        assert_eq!(found, (name != "absent").then(|| format!("Part.{name}")));
    }
    let db = fixture(&files);
    assert_eq!(mro(&db, class(&db, "main.py", "Part")).len(), 1);
}

#[test]
fn unknown_and_outside_bases() {
    let db = fixture(&[(
        "main.py",
        "import abc\nfrom pydantic import BaseModel\nfrom celery import Task\nfrom typing import Generic, TypeVar\nT = TypeVar('T')\n\
         class Plain(abc.ABC, Generic[T]): ...\nclass Model(BaseModel): ...\nclass Child(Model): ...\nclass Job(Task): ...\nclass Odd(make()): ...\nclass Lost(Nowhere): ...\n",
    )]);
    let of = |path: &str| class(&db, "main.py", path);
    assert!(!has_unknown_base(&db, of("Plain")));
    assert!(!has_unknown_base(&db, of("Child")));
    assert!(has_unknown_base(&db, of("Job")));
    assert!(has_unknown_base(&db, of("Odd")));
    assert!(has_unknown_base(&db, of("Lost")));
    assert_eq!(external_bases(&db, of("Child")).as_slice(), [Name::new("pydantic.BaseModel")]);
    let info = class_info(&db, of("Odd")).unwrap();
    assert!(matches!(&info.bases[0].target, BaseTarget::Call(_)));
}

#[test]
fn type_arguments_reach_the_base() {
    let db = fixture(&[
        (
            "repo.py",
            "from typing import Generic, TypeVar\nModelType = TypeVar('ModelType')\nKey = TypeVar('Key')\n\
             class Base(Generic[Key, ModelType]):\n    model: type[ModelType]\n    def get(self, key: Key) -> ModelType: ...\n\
             class Middle(Base[int, ModelType]): ...\n",
        ),
        ("new.py", "class Store[T]:\n    item: T\nclass Sub[U](Store[list[U]]): ...\nclass End(Sub[str]): ...\n"),
        ("main.py", "from repo import Base, Middle\nclass User: ...\nclass UserRepo(Middle[User]): ...\n"),
    ]);
    let base = class(&db, "repo.py", "Base");
    let user_repo = class(&db, "main.py", "UserRepo");
    let argument = |class, base, index| type_argument(&db, class, base, index).map(|ty| show(&ty));
    assert_eq!(argument(user_repo, base, 0).as_deref(), Some("builtins.int"));
    assert_eq!(argument(user_repo, base, 1).as_deref(), Some("User"));
    assert_eq!(argument(class(&db, "repo.py", "Middle"), base, 1).as_deref(), Some("~ModelType"));
    assert_eq!(argument(user_repo, base, 2), None);
    let (end, store) = (class(&db, "new.py", "End"), class(&db, "new.py", "Store"));
    assert_eq!(argument(end, store, 0).as_deref(), Some("builtins.list[builtins.str]"));
    let info = class_info(&db, base).unwrap();
    let written = info.attribute(Name::new("model")).unwrap().annotation.clone().unwrap();
    assert_eq!(show(&resolve_type_params(&db, user_repo, base, &written)), "builtins.type[User]");
}

#[test]
fn variables_keep_their_last_real_value() {
    let db = fixture(&[(
        "main.py",
        "from sqlalchemy.orm import declarative_base\nengine = None\nBase = declarative_base(cls=Common)\nif True:\n    engine = make(1, name='x')\ncounter = 0\ncounter += 1\ndef f():\n    global engine\n    engine = 2\n",
    )]);
    let value = |name: &str| variable(&db, VariableRef { file: file(&db, "main.py"), name: Name::new(name) });
    let base = value("Base").unwrap();
    assert!(base.is_constant);
    let (func, args) = base.value.as_ref().and_then(Detached::call).unwrap();
    assert_eq!(func.external().as_deref(), Some("sqlalchemy.declarative_base"));
    assert_eq!(args.len(), 1);
    let engine = value("engine").unwrap();
    assert!(!engine.is_constant);
    assert_eq!(engine.value.as_ref().and_then(|value| value.keyword("name")?.text()).as_deref(), Some("x"));
    assert!(!value("counter").unwrap().is_constant);
    assert!(value("absent").is_none());
}

#[test]
fn an_abstract_class_stands_for_the_only_one_that_implements_it() {
    let db = fixture(&[
        ("app/__init__.py", ""),
        (
            "app/ports.py",
            "from abc import ABC, abstractmethod\nfrom typing import Protocol\n\
             class Orders(Protocol):\n    def by_number(self, number: str): ...\n    def save(self, order): ...\n\
             class Clock(Protocol):\n    def now_in_utc(self): ...\n    def wait(self): ...\n\
             class Closes(Protocol):\n    def close_it(self): ...\n\
             class Mails(ABC):\n    @abstractmethod\n    def send(self, to): ...\n\
             class Rates(ABC):\n    @abstractmethod\n    def rate(self): ...\n\
             class Plain:\n    def rate(self): ...\n",
        ),
        (
            "app/adapters.py",
            "from sqlalchemy.orm import Session\nfrom app.ports import Mails, Orders, Plain, Rates\n\
             class SqlOrders(Orders):\n    def __init__(self, db: Session): ...\n    def by_number(self, number): ...\n    def save(self, order): ...\n\
             class MemoryOrders(Orders):\n    def by_number(self, number): ...\n    def save(self, order): ...\n\
             class SystemClock:\n    def now_in_utc(self): ...\n    def wait(self): ...\n    def close_it(self): ...\n\
             class Smtp(Mails):\n    def send(self, to): ...\n\
             class Recorded(Mails):\n    def send(self, to): ...\n\
             class Bank(Rates):\n    def rate(self): ...\n\
             class Market(Rates):\n    def rate(self): ...\n\
             class Only(Plain): ...\n",
        ),
        ("app/main.py", "from app.adapters import Bank, Market, Smtp\nmails = Smtp()\nrates = [Bank(), Market()]\n"),
        (
            "tests/test_mails.py",
            "from app.adapters import MemoryOrders, Recorded\ndef test_mails(): Recorded(), MemoryOrders()\n",
        ),
    ]);
    let stands_for = |name: &str| implementation(&db, class(&db, "app/ports.py", name)).path.to_string();
    // Of two, the one that not only tests name.
    assert_eq!(stands_for("Orders"), "SqlOrders");
    assert_eq!(stands_for("Mails"), "Smtp");
    assert_eq!(stands_for("Clock"), "SystemClock");
    assert_eq!(stands_for("Closes"), "Closes", "one method says too little");
    assert_eq!(stands_for("Rates"), "Rates", "there are two");
    assert_eq!(stands_for("Plain"), "Plain", "its objects may be its own");
}
