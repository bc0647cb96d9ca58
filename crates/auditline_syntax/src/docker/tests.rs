//! Tests of lowering Dockerfiles.

use std::fmt::Write;

use super::*;

/// One line for each instruction, with what stands at its ranges.
fn print(text: &str) -> String {
    let file = lower(text);
    let mut out = String::new();
    let word = |word: &Word| {
        let value = word.value.as_deref().unwrap_or("?");
        let written = &text[word.range];
        if value == written { value.to_owned() } else { format!("{written:?}={value}") }
    };
    for instruction in &file.global {
        writeln!(out, "global {:?}", &text[instruction.range]).unwrap();
    }
    for stage in &file.stages {
        let name = stage.name.as_ref().map(|name| format!(" as {}", word(name))).unwrap_or_default();
        writeln!(out, "from {}{name}", word(&stage.image)).unwrap();
        for instruction in &stage.instructions {
            let onbuild = if instruction.onbuild { "onbuild " } else { "" };
            let line = match &instruction.kind {
                InstructionKind::Copy(copy) => {
                    let flags: Vec<String> = copy
                        .flags
                        .iter()
                        .map(|flag| format!("{}={}", flag.name, flag.value.as_ref().map(&word).unwrap_or_default()))
                        .collect();
                    let sources: Vec<String> = copy
                        .sources
                        .iter()
                        .map(|source| match source {
                            Source::Path(path) => word(path),
                            Source::Heredoc(heredoc) => format!("{}:{:?}", heredoc.name, &text[heredoc.body]),
                        })
                        .collect();
                    let keyword = if copy.is_add { "add" } else { "copy" };
                    let to = copy.destination.as_ref().map_or_else(|| "nowhere".to_owned(), &word);
                    format!("{keyword} [{}] {:?} -> {to}", flags.join(" "), sources.join(" | "))
                }
                InstructionKind::Run(run) => {
                    let mounts: Vec<String> = run
                        .mounts
                        .iter()
                        .map(|mount| format!("{}:{}", mount.kind, mount.source.as_ref().map(&word).unwrap_or_default()))
                        .collect();
                    format!("run {:?} {:?} heredocs {}", mounts, &text[run.command], run.heredocs.len())
                }
                InstructionKind::Arg(list) | InstructionKind::Env(list) => {
                    let list: Vec<String> = list
                        .iter()
                        .map(|item| format!("{}={}", item.name, item.value.as_ref().map(&word).unwrap_or_default()))
                        .collect();
                    format!("set {}", list.join(" "))
                }
                InstructionKind::Workdir(path) => format!("workdir {}", word(path)),
                InstructionKind::User(user) => format!("user {}", word(user)),
                InstructionKind::Cmd(range) | InstructionKind::Entrypoint(range) => {
                    format!("start {:?}", &text[*range])
                }
                InstructionKind::Other(name) => format!("other {name}"),
            };
            writeln!(out, "  {onbuild}{line}").unwrap();
        }
    }
    for error in &file.errors {
        writeln!(out, "error {:?}", &text[*error]).unwrap();
    }
    out
}

#[track_caller]
fn assert_lowered(text: &str, expected: &str) {
    let expected: String =
        expected.lines().skip(1).map(|line| format!("{}\n", line.strip_prefix("        ").unwrap_or(line))).collect();
    assert_eq!(print(text).trim_end(), expected.trim_end());
}

#[test]
fn stages_and_instructions() {
    assert_lowered(
        "# syntax=docker/dockerfile:1\nARG PY=3.12\nFROM --platform=linux/amd64 python:${PY}-slim AS base\nWORKDIR /app\n\
         COPY --chown=app:app --link a b c/\nadd https://x/y.tgz /tmp/\nFROM base\ncopy --from=base /app /app\nUSER app\n\
         EXPOSE 80\nCMD [\"python\"]\n",
        "
        global \"ARG PY=3.12\"
        from \"python:${PY}-slim\"=python:3.12-slim as base
          workdir /app
          copy [chown=app:app link=] \"a | b\" -> c/
          add [] \"https://x/y.tgz\" -> /tmp/
        from base
          copy [from=base] \"/app\" -> /app
          user app
          other EXPOSE
          start \"[\\\"python\\\"]\"",
    );
}

#[test]
fn continuations_comments_and_empty_lines() {
    assert_lowered(
        "FROM a\r\nCOPY a \\\r\n  # why\r\n\r\n  b\\\r\nc \\ \r\n  /d/\r\nRUN one && \\\n # two\n two\n",
        "
        from a
          copy [] \"a | \\\"b\\\\\\\\\\\\r\\\\nc\\\"=bc\" -> /d/
          run [] \"one && \\\\\\n # two\\n two\" heredocs 0",
    );
}

#[test]
fn backtick_escapes() {
    assert_lowered(
        "# escape=`\nFROM a\nCOPY dir\\file `\n  C:\\app\\\nRUN x\n",
        "
        from a
          copy [] \"dir\\\\file\" -> C:\\app\\
          run [] \"x\" heredocs 0",
    );
    assert!(lower("# escape=`\nFROM a").escape_is_backtick);
    assert!(!lower("FROM a\n# escape=`\n").escape_is_backtick);
}

#[test]
fn json_form() {
    assert_lowered(
        "FROM a\nCOPY [ \"a b\", \"c\\\"d\" , \"/e/\" ]\nCOPY [\"a\", \"b\"\nCOPY [a] b\n",
        "
        from a
          copy [] \"a b | \\\"c\\\\\\\\\\\\\\\"d\\\"=?\" -> /e/
          copy [] \"\\\"[\\\\\\\"a\\\\\\\",\\\"=?\" -> \"\\\"b\\\"\"=?
          copy [] \"\\\"[a]\\\"=?\" -> \"b\"=?",
    );
}

#[test]
fn heredocs() {
    assert_lowered(
        "FROM a\nCOPY <<EOF <<-'E 2' x /dst/\nhello $x\nEOF\nCOPY <<-A <<\"B\" x /d\n1\n\tA\n2\nB\nRUN <<EOF\nCOPY no no\nEOF\nCOPY y z\nRUN cat <<NEVER\nCOPY w z\n",
        "
        from a
          copy [] \"EOF:\\\"hello $x\\\\n\\\" | \\\"<<-'E\\\"=? | \\\"2'\\\"=? | x\" -> /dst/
          copy [] \"A:\\\"1\\\\n\\\" | B:\\\"2\\\\n\\\" | x\" -> /d
          run [] \"<<EOF\" heredocs 1
          copy [] \"y\" -> z
          run [] \"cat <<NEVER\" heredocs 0
          copy [] \"w\" -> z
        error \"<<-'E 2'\"
        error \"<<NEVER\"",
    );
}

#[test]
fn variables() {
    assert_lowered(
        "ARG G=g\nARG H=h\nFROM a AS one\nARG G\nARG D=src N\nENV E=$D/x F=\"a b\"\nENV OLD the rest\n\
         COPY $G ${D} $E ${U} $U ${U:-def} ${D:+alt} ${N:-n} ${H} '$D' \\$D ${D%x} /x\nFROM one\nCOPY $D $OLD /x\nFROM b\nCOPY $D /x\n",
        "
        global \"ARG G=g\"
        global \"ARG H=h\"
        from a as one
          set G=
          set D=src N=
          set E=\"$D/x\"=src/x F=\"\\\"a b\\\"\"=a b
          set OLD=the rest
          copy [] \"\\\"$G\\\"=g | \\\"${D}\\\"=src | \\\"$E\\\"=src/x | \\\"${U}\\\"=? | \\\"$U\\\"=? | \\\"${U:-def}\\\"=def | \\\"${D:+alt}\\\"=alt | \\\"${N:-n}\\\"=? | \\\"${H}\\\"=? | \\\"'$D'\\\"=$D | \\\"\\\\\\\\$D\\\"=$D | \\\"${D%x}\\\"=?\" -> /x
        from one
          copy [] \"\\\"$D\\\"=src | \\\"$OLD\\\"=the rest\" -> /x
        from b
          copy [] \"\\\"$D\\\"=?\" -> /x",
    );
    let file = lower("FROM a\nARG A=1\nENV B=$A\nCOPY $B/${X:-$A} /x\n");
    let InstructionKind::Copy(copy) = &file.stages[0].instructions[2].kind else { panic!() };
    let Source::Path(path) = &copy.sources[0] else { panic!() };
    assert_eq!(path.value.as_deref(), Some("1/1"));
    assert!(path.args.iter().all(|name| name == "A") && !path.args.is_empty());
}

#[test]
fn mounts_and_onbuild() {
    assert_lowered(
        "FROM a\nRUN --mount=type=bind,source=uv.lock,target=uv.lock --mount=type=cache,target=/c --network=none \\\n  uv sync\n\
         ONBUILD COPY a b\nONBUILD\nONBUILD RUN x\n",
        "
        from a
          run [\"bind:uv.lock\", \"cache:\"] \"uv sync\" heredocs 0
          onbuild copy [] \"a\" -> b
          onbuild run [] \"x\" heredocs 0
        error \"ONBUILD\"",
    );
}

#[test]
fn what_is_being_typed_costs_nothing_but_itself() {
    assert_lowered(
        "COPY too early\nFROM\nFROM a\nCOPY\nCOPY requirements.txt\nRUN pip install\nCOP x y\nCOPY --from= x y\nCOPY a b\n",
        "
        from a
          copy [] \"\" -> nowhere
          copy [] \"requirements.txt\" -> nowhere
          run [] \"pip install\" heredocs 0
          copy [from=] \"x\" -> y
          copy [] \"a\" -> b
        error \"COPY too early\"
        error \"FROM\"
        error \"COP x y\"",
    );
}

#[test]
fn broken_input_never_panics() {
    let text = "\u{feff}# escape=`\r\nARG A=\"ü\r\nFROM --platform=$X ${A:-${B:-c}} AS ö\r\nCOPY --from=\"x y\" [\"a\\u00e4\", \"b\"] `\r\n\
                # ü\r\nRUN --mount=type=bind,source=\"é,target= <<-'EOF' <<E\r\n\tx\r\nEOF\nE\nENV a b c\nONBUILD ADD <<X y\nX\nCOPY $ ${ ${} ${x ${x: ${x:-\\ '\n";
    let boundaries: Vec<usize> = (0..=text.len()).filter(|at| text.is_char_boundary(*at)).collect();
    for (index, from) in boundaries.iter().enumerate() {
        for to in &boundaries[index..] {
            print(&text[*from..*to]);
        }
    }
    let mut seed = 7_u64;
    let mut next = |bound: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % bound
    };
    let pieces = [
        "COPY ", "\\\n", "`\n", "\"", "'", "<<E", "\nE\n", "$", "{", "}", ":-", "[", "]", ",", "ü", "\r\n", "#",
        "--from=", "FROM a\n", "\0", "\t",
    ];
    for _ in 0..3_000 {
        let text: String = (0..next(25)).map(|_| pieces[next(pieces.len())]).collect();
        print(&text);
        let _ = compose_builds(&text);
        let _ = ci_builds(&text);
        let _ = script_builds(&text);
        let _ = makefile_builds(&text);
        let _ = DockerIgnore::new(&text).verdict("a/b");
        let _ = GitIgnore::new(&text).verdict("a/b", false);
    }
}

/// The sources and destinations of every `COPY` and `ADD`, as an independent grammar reads them.
fn paths_by_grammar(text: &str) -> Vec<Vec<String>> {
    fn walk(node: tree_sitter::Node<'_>, text: &str, out: &mut Vec<Vec<String>>) {
        let mut cursor = node.walk();
        let children: Vec<_> = node.children(&mut cursor).collect();
        if matches!(node.kind(), "copy_instruction" | "add_instruction") {
            let paths = children.iter().filter(|child| child.kind() == "path");
            out.push(paths.map(|child| text[child.byte_range()].to_owned()).collect());
        }
        children.into_iter().for_each(|child| walk(child, text, out));
    }
    let mut parser = tree_sitter::Parser::new();
    parser.set_language(&tree_sitter_containerfile::LANGUAGE.into()).unwrap();
    let tree = parser.parse(text, None).unwrap();
    assert!(!tree.root_node().has_error(), "{}", tree.root_node().to_sexp());
    let mut out = Vec::new();
    walk(tree.root_node(), text, &mut out);
    out
}

#[test]
fn an_independent_grammar_reads_the_same_paths() {
    let text = "# syntax=docker/dockerfile:1.7\nARG V=1\nFROM python:$V AS base\nENV A=1 \\\n    B=\"x y\"\n# a comment\nCOPY a.txt b/*.py ./c \\\n  # inner\n  d /app/\n\
                RUN --mount=type=cache,target=/root/.cache \\\n    pip install -r a.txt && \\\n    echo \"COPY x y\"\nCOPY --from=base --chown=1:1 /x ${Y:-z}/w /v\n\
                ADD https://example.org/a.tgz /tmp/\nCOPY <<EOF /etc/x\nCOPY not this\nEOF\nHEALTHCHECK --interval=5s CMD curl -f x || exit 1\n\
                COPY --parents ./src/./pkg/*.toml /src\nENTRYPOINT [\"a\", \"b\"]\nONBUILD COPY . /all\n";
    let own: Vec<Vec<String>> = lower(text)
        .instructions()
        .filter_map(|instruction| match &instruction.kind {
            InstructionKind::Copy(copy) => Some(copy),
            _ => None,
        })
        .map(|copy| {
            let sources = copy.sources.iter().map(|source| match source {
                Source::Path(word) => word.range,
                Source::Heredoc(heredoc) => heredoc.range,
            });
            let ranges = sources.chain(copy.destination.iter().map(|word| word.range));
            ranges.map(|range| text[range].to_owned()).collect()
        })
        .collect();
    assert_eq!(own, paths_by_grammar(text));
    assert_eq!(own.len(), 6);
}
