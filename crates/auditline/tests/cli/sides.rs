//! `schema`.

use serde_json::Value;

use crate::sandbox::Sandbox;

const FILES: &[(&str, &str)] = &[
    (
        "models.py",
        "from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column\n\n\nclass Base(DeclarativeBase): ...\n\n\n\
         class User(Base):\n    __tablename__ = \"users\"\n    id: Mapped[int] = mapped_column(primary_key=True)\n    mail: Mapped[str]\n",
    ),
    ("schema.sql", "CREATE TABLE users (id serial PRIMARY KEY, age int);\nCREATE TABLE shops (id int);\n"),
];

#[test]
fn the_sides_stand_beside_one_another() {
    let sandbox = Sandbox::new(FILES);
    let ended = sandbox.run(&["schema", "--no-config"]);
    assert_eq!((ended.code, &*ended.err), (0, ""));
    assert_eq!(
        ended.out,
        "  table   models            schema.sql\n  shops   -                 yes\n    id                      integer\n\
         ! users   yes               yes\n    id    integer not null  integer not null\n!   mail  string not null   -\n\
         !   age   -                 integer\n\n2 tables, 1 with differences\n"
    );
    let ended = sandbox.run(&["schema", "--no-config", "--differences"]);
    assert!(!ended.out.contains("shops"), "{}", ended.out);
}

#[test]
fn programs_and_diagrams_get_the_same() {
    let sandbox = Sandbox::new(FILES);
    let json = sandbox.run(&["schema", "--format", "json"]);
    let value: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(value["version"], 1);
    assert_eq!(value["sides"][1]["path"], "schema.sql");
    assert_eq!(value["tables"][1]["columns"][1]["sides"][0]["type"], "string");
    assert_eq!(value["tables"][1]["columns"][1]["sides"][1], Value::Null);
    let mermaid = sandbox.run(&["schema", "--format", "mermaid"]);
    assert!(mermaid.out.starts_with("erDiagram\n"), "{}", mermaid.out);
    assert!(mermaid.out.contains("        string mail \"models only\"\n"), "{}", mermaid.out);
}
