//! Compose files.

use super::build::{Build, BuildArg, BuildPath, DockerfileAt, build_arg};
use super::yaml::{Node, parse};

/// The builds that a compose file describes.
#[must_use]
pub fn compose_builds(text: &str) -> Vec<Build> {
    let Some(root) = parse(text) else { return Vec::new() };
    let services = root.get("services").map(|services| services.entries()).unwrap_or_default();
    services.iter().filter_map(|(_, service)| service_build(service.get("build")?)).collect()
}

fn service_build(build: &Node) -> Option<Build> {
    if let Some(context) = build.str() {
        return Some(Build {
            range: build.range,
            context: context_path(context),
            dockerfile: DockerfileAt::InContext("Dockerfile".into()),
            args: Vec::new(),
            filled: Vec::new(),
        });
    }
    if build.get("dockerfile_inline").is_some() {
        return None;
    }
    // Without a context of its own the mapping speaks of one that another file gives.
    let context = build.get("context")?;
    let dockerfile = match build.get("dockerfile") {
        None => DockerfileAt::InContext("Dockerfile".into()),
        Some(file) => match file.str().and_then(interpolate) {
            Some(file) if !file.starts_with('/') => DockerfileAt::InContext(file.into()),
            _ => DockerfileAt::Unknown,
        },
    };
    Some(Build {
        range: context.range,
        context: context.str().and_then(context_path),
        dockerfile,
        args: build.get("args").map(|args| arguments(args)).unwrap_or_default(),
        filled: Vec::new(),
    })
}

fn context_path(text: &str) -> Option<BuildPath> {
    BuildPath::beside(&interpolate(text)?)
}

fn arguments(args: &Node) -> Vec<BuildArg> {
    let from_list = args.items().iter().filter_map(|item| {
        let text = item.str()?;
        build_arg(&interpolate(text).unwrap_or_else(|| text.to_owned()))
    });
    let from_mapping = args.entries().iter().filter_map(|(name, value)| {
        let value = value.str().and_then(interpolate);
        build_arg(name.str()?).map(|arg| BuildArg { value: value.map(Into::into), ..arg })
    });
    from_list.chain(from_mapping).collect()
}

/// Fills in `${NAME:-default}`; `None` where a variable has no default.
fn interpolate(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(behind) = behind.strip_prefix('$') {
            out.push('$');
            rest = behind;
            continue;
        }
        let (inner, behind) = behind.strip_prefix('{')?.split_once('}')?;
        let (_, default) = inner.split_once('-')?;
        let default = default.trim();
        if default.contains('$') || inner.contains(['?', '+']) {
            return None;
        }
        out.push_str(default);
        rest = behind;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(text: &str) -> Vec<String> {
        compose_builds(text)
            .iter()
            .map(|build| {
                let context = build.context.as_ref().map_or("?", |context| &context.path);
                let file = match &build.dockerfile {
                    DockerfileAt::InContext(file) => file,
                    _ => "?",
                };
                let args: Vec<String> = build
                    .args
                    .iter()
                    .map(|arg| format!("{}={}", arg.name, arg.value.as_deref().unwrap_or("?")))
                    .collect();
                format!("{context} {file} {} @{}", args.join(","), &text[build.range])
            })
            .collect()
    }

    #[test]
    fn forms_of_build() {
        let text = "\
x-base: &base
  context: ./api
services:
  a:
    build: .
  b:
    build:
      context: ${CTX:-../web}
      dockerfile: docker/Dockerfile.prod
      args: [A=1, B]
  c:
    build:
      <<: *base
      args: {C: '2', D: $X}
  d:
    build: {context: https://github.com/a/b.git}
  e:
    build: {context: '${CTX}'}
  f:
    build: {target: dev}
  g:
    image: postgres
  h:
    build: {context: ., dockerfile_inline: FROM scratch}
";
        assert_eq!(
            summary(text),
            [
                ". Dockerfile  @.",
                "../web docker/Dockerfile.prod A=1,B=? @${CTX:-../web}",
                "./api Dockerfile C=2,D=? @./api",
                "? Dockerfile  @https://github.com/a/b.git",
                "? Dockerfile  @'${CTX}'",
            ]
        );
    }

    #[test]
    fn anything_else_is_no_build() {
        for text in ["", "services:", "services: 1", "services: [a]", "services: {a: {build: }}", "\0", "a: b: c"] {
            assert_eq!(summary(text), Vec::<String>::new(), "{text}");
        }
    }
}
