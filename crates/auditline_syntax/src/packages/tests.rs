use super::*;

fn shown(text: &str, requirements: &[Requirement]) -> Vec<String> {
    let line = |requirement: &Requirement| {
        format!("{} | {} | {}", requirement.package, requirement.shown, &text[requirement.range])
    };
    requirements.iter().map(line).collect()
}

#[test]
fn requirement_files() {
    let text = "\u{feff}# head\r\nFast_API[all] == 0.100.0 ; python_version < '3.12'  # why\r\n-r base.txt # more\n\
        --constraint=../c.txt\nsqlalchemy==2.0.1 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n\
        torch @ https://example.com/torch.whl\n-e .\n--index-url https://example.com\nzope.interface>=5,<6\nbroken ==\n";
    let file = requirements(text);
    assert_eq!(
        shown(text, &file.requirements),
        [
            "fast-api | Fast_API[all] == 0.100.0 | Fast_API[all] == 0.100.0 ; python_version < '3.12'",
            "sqlalchemy | sqlalchemy==2.0.1 | sqlalchemy==2.0.1",
            "zope-interface | zope.interface>=5,<6 | zope.interface>=5,<6",
        ]
    );
    let includes: Vec<(&str, &str)> = file.includes.iter().map(|one| (&*one.path, &text[one.range])).collect();
    assert_eq!(includes, [("base.txt", "-r base.txt"), ("../c.txt", "--constraint=../c.txt")]);
}

#[test]
fn versions_that_exclude_each_other() {
    let exclude = |one: &str, other: &str| Versions::parse(one).unwrap().exclude(&Versions::parse(other).unwrap());
    for (one, other) in [
        ("==1.0", "==1.1"),
        ("==1.0", ">=1.1"),
        ("<2", ">=2.0"),
        ("<2", "==2.0rc1"),
        ("~=1.4.2", "==1.5"),
        ("==1.*", "==2.0"),
        ("!=1.0", "==1.0"),
        ("==1!1.0", "==1.0"),
        (">1.0", "==1.0.post1"),
    ] {
        assert!(exclude(one, other) && exclude(other, one), "{one} {other}");
    }
    for (one, other) in [
        ("==1.0", "==1.0.0"),
        ("==2.1", "==2.1+cpu"),
        ("==2.1+cu118", "==2.1+cpu"),
        (">=1.0", "==1.0.post1"),
        ("", "==1"),
        (">2,<1", "==3"),
        ("~=1.4", "==1.9"),
    ] {
        assert!(!exclude(one, other) && !exclude(other, one), "{one} {other}");
    }
}

#[test]
fn markers_that_exclude_each_other() {
    let marker = |text: &str| Marker::parse(text).unwrap();
    let low = marker("python_version < '3.12'");
    assert!(!low.meets(&marker("python_version >= '3.12'")));
    assert!(low.meets(&marker("sys_platform == 'win32'")));
    assert!(!marker("sys_platform == 'linux'").meets(&marker("sys_platform == 'win32'")));
    assert!(!low.meets(&Marker::python(">=3.12,<4").unwrap()));
    assert!(Marker::parse(&"(".repeat(50_000)).is_none());
    assert!(Marker::parse("python_version <").is_none());
}

#[test]
fn constraints_of_poetry() {
    let exclude = |one: &str, other: &str| poetry::versions(one).unwrap().exclude(&Versions::parse(other).unwrap());
    for (one, other) in [
        ("^1.2.3", "==2.0"),
        ("^0.2.3", "==0.3"),
        ("^0.0.3", "==0.0.4"),
        ("~1.2", "==1.3"),
        ("1.2", "==1.2.1"),
        ("1.*", "==2"),
        (">=1.0 <2.0", "==2"),
        ("^1.0 || ^3.0", "==2.5"),
    ] {
        assert!(exclude(one, other), "{one} {other}");
    }
    for (one, other) in
        [("^1.2.3", "==1.9"), ("^0", "==0.9"), ("~1", "==1.9"), ("*", "==7"), (">= 1.0", "==2"), ("^1 | ^3", "==3.1")]
    {
        assert!(!exclude(one, other), "{one} {other}");
    }
    assert!(poetry::versions("latest").is_none());
}

#[test]
fn groups_of_a_pyproject() {
    let text = r#"
[project]
name = "shop"
requires-python = ">=3.10"
dependencies = ["fastapi>=0.110", "numpy<2; python_version < '3.9'"]

[project.optional-dependencies]
pg = ["psycopg==3.1"]
all = ["shop[pg,mail]"]

[dependency-groups]
dev = ["pytest>=8", {include-group = "lint"}]
lint = ["ruff==0.5"]

[tool.uv]
conflicts = [[{ extra = "pg" }, { group = "dev" }]]
override-dependencies = ["ruff==0.6"]
"#;
    let file = pyproject(text);
    let groups: Vec<String> = file
        .groups
        .iter()
        .map(|group| {
            format!("{:?} {} {:?} {:?}", group.kind, group.name, shown(text, &group.requirements), group.includes)
        })
        .collect();
    assert_eq!(
        groups,
        [
            r#"Project  ["fastapi | fastapi>=0.110 | fastapi>=0.110", "numpy | numpy<2 | numpy<2; python_version < '3.9'"] []"#,
            r#"Extra pg ["psycopg | psycopg==3.1 | psycopg==3.1"] []"#,
            r#"Extra all ["shop | shop[pg,mail] | shop[pg,mail]"] [(Extra, `pg`), (Extra, `mail`)]"#,
            r#"Group dev ["pytest | pytest>=8 | pytest>=8"] [(Group, `lint`)]"#,
            r#"Group lint [] []"#,
        ]
    );
    assert!(file.is_locked_as_one);
    assert_eq!(file.conflicts, [vec![(GroupKind::Extra, normal("pg")), (GroupKind::Group, normal("dev"))]]);
    let other = read("numpy>=2", TextRange::default()).unwrap();
    assert!(!file.groups[0].requirements[1].excludes(&other), "no interpreter of the project has both");
}

#[test]
fn a_pyproject_of_poetry() {
    let text = r#"
[tool.poetry.dependencies]
python = "^3.10"
fastapi = "^0.110"
redis = { version = "5.0.1", extras = ["hiredis"] }
numpy = [{ version = "1.26", python = "<3.12" }, { version = "^2.1", python = ">=3.12" }]
local = { path = "../local" }

[tool.poetry.group.dev.dependencies]
pytest = "*"
"#;
    let file = pyproject(text);
    assert_eq!(
        shown(text, &file.groups[0].requirements),
        [
            "fastapi | fastapi ^0.110 | ^0.110",
            "redis | redis 5.0.1 | 5.0.1",
            "numpy | numpy 1.26 | 1.26",
            "numpy | numpy ^2.1 | ^2.1"
        ]
    );
    let [.., old, new] = file.groups[0].requirements.as_slice() else { panic!("two requirements of numpy") };
    assert!(!old.excludes(new));
    assert_eq!(file.groups[1].name, Name::new("dev"));
    assert_eq!(pyproject(&format!("a = {}", "[".repeat(100_000))), PyProject::default());
    assert_eq!(pyproject("[project\n"), PyProject::default());
}

#[test]
fn commands_that_install_several_files() {
    let text = "RUN pip install -r a.txt \\\n    # with the tools\n    -r tools/b.txt && pip3 install -c c.txt --requirement=d.txt x\n\
        # pip install -r e.txt -r f.txt\nRUN pip install -r g.txt; pip install -r h.txt\n\
        run: python -m pip install -ri.txt --constraint 'j.txt' -r $K -r https://example.org/l.txt\n\
        pip download -r m.txt -r n.txt\nuv pip install -r o.txt\n";
    let commands = installs(text);
    let shown: Vec<Vec<(&str, &str)>> =
        commands.iter().map(|files| files.iter().map(|file| (&*file.path, &text[file.range])).collect()).collect();
    assert_eq!(
        shown,
        [
            vec![("a.txt", "-r a.txt"), ("tools/b.txt", "-r tools/b.txt")],
            vec![("c.txt", "-c c.txt"), ("d.txt", "--requirement=d.txt")],
            vec![("i.txt", "-ri.txt"), ("j.txt", "--constraint 'j.txt'")],
        ]
    );
}
