use super::{Change, Constraint, Distinct, Statement, lower};

#[test]
fn a_schema_file_is_read_statement_by_statement() {
    let script = lower(
        "-- the shop; with a semicolon\n\\connect shop\nCREATE EXTENSION citext;\n\
         CREATE TABLE IF NOT EXISTS public.\"Items\" (\n  id BIGSERIAL PRIMARY KEY, -- key\n  sku VARCHAR(40) NOT NULL UNIQUE,\n  \
         at TIMESTAMP(6) WITH TIME ZONE DEFAULT now(),\n  tags TEXT[],\n  shop_id INT REFERENCES shops(id) ON DELETE CASCADE,\n  \
         CONSTRAINT one UNIQUE (sku, shop_id)\n);\n\
         CREATE FUNCTION f() RETURNS trigger AS $$ BEGIN; CREATE TABLE nothing (id int); END $$ LANGUAGE plpgsql;\n\
         CREATE TABEL broken (;\n\
         COPY items FROM stdin;\n1\tDROP TABLE items;\n\\.\n\
         ALTER TABLE items ADD COLUMN note text, DROP COLUMN sku, ALTER COLUMN at SET NOT NULL;\n\
         CREATE UNIQUE INDEX only_one ON items (shop_id);",
    );
    assert_eq!(script.skipped.len(), 1, "{:?}", script.skipped);
    assert!(script.skipped[0].1.starts_with("CREATE TABEL"));
    let statements: Vec<&Statement> = script.statements.iter().map(|(_, statement)| statement).collect();
    let [Statement::CreateTable(table), rest @ ..] = &statements[..] else { panic!("{statements:?}") };
    assert_eq!((table.table.schema, table.table.name.as_str()), (None, "Items"));
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|own| {
            let ty = own.ty.name.map_or("", |name| name.as_str());
            format!("{} {ty} {:?} {} {}", own.name, own.ty.length, own.not_null, own.ty.is_array)
        })
        .collect();
    assert_eq!(
        columns,
        [
            "id BIGSERIAL None true false",
            "sku VARCHAR Some(40) true false",
            "at TIMESTAMP WITH TIME ZONE Some(6) false false",
            "tags TEXT None false true",
            "shop_id INT None false false",
        ]
    );
    assert!(matches!(&table.constraints[..], [Constraint::Unique(Some(_), columns)] if columns.len() == 2));
    assert!(
        matches!(
            rest,
            [
                Statement::Routine(_),
                Statement::Alter(_, Change::AddColumn(_, false)),
                Statement::Alter(_, Change::DropColumn(_)),
                Statement::Alter(_, Change::SetNotNull(_, true)),
                Statement::Alter(_, Change::Index(Some(_), _, Distinct::Yes)),
            ]
        ),
        "{rest:?}"
    );
}

#[test]
fn what_is_cut_off_or_strange_is_no_panic() {
    for text in
        ["", ";", "'", "$", "$a$", "CREATE", "create table", "/*", "--", "COPY x FROM stdin;", "ALTER TABLE é", "(((("]
    {
        let _script = lower(text);
    }
    let deep = format!("CREATE TABLE t (a int DEFAULT {}1{})", "(".repeat(5_000), ")".repeat(5_000));
    assert_eq!(lower(&deep).statements.len() + lower(&deep).skipped.len(), 1);
}
