//! Tests of what scripts and CI files say of builds.

use super::*;

fn path(path: &BuildPath) -> String {
    let base = match path.base {
        PathBase::Start => "",
        PathBase::Directory => "<dir>/",
        PathBase::Root => "<root>/",
    };
    format!("{base}{}", path.path)
}

fn print(builds: &[Build]) -> Vec<String> {
    builds
        .iter()
        .map(|build| {
            let context = build.context.as_ref().map_or_else(|| "?".to_owned(), path);
            let file = match &build.dockerfile {
                DockerfileAt::InContext(file) => format!("in {file}"),
                DockerfileAt::At(file) => path(file),
                DockerfileAt::Unknown => "?".to_owned(),
            };
            let args: Vec<String> =
                build.args.iter().map(|arg| format!(" {}={}", arg.name, arg.value.as_deref().unwrap_or("?"))).collect();
            let filled: Vec<String> = build.filled.iter().map(|filled| format!(" +{}", path(filled))).collect();
            format!("{context} with {file}{}{}", args.concat(), filled.concat())
        })
        .collect()
}

#[test]
fn scripts() {
    let cases = [
        ("docker build .", ". with in Dockerfile"),
        ("docker build -t x:1 -f docker/Dockerfile.prod backend/", "backend/ with docker/Dockerfile.prod"),
        (
            "DOCKER_BUILDKIT=1 sudo docker --context c buildx build --push \\\n  --platform a,b \\\n  --file=X . && ls",
            ". with X",
        ),
        ("podman build --build-arg A=1 --build-arg B=$V \"my dir\"", "my dir with in Dockerfile A=1 B=?"),
        ("cd web && docker build -f ../D .", "web/. with web/../D"),
        ("(cd web; true)\ndocker build .", ". with in Dockerfile"),
        ("pushd web\npopd\ndocker build .", ". with in Dockerfile"),
        ("cd $X\ndocker build .", "? with in Dockerfile"),
        ("D=web\ndocker build $D/app", "web/app with in Dockerfile"),
        ("D=web\nD=api\ndocker build $D", "? with in Dockerfile"),
        ("docker build \"${D:-web}\"", "web with in Dockerfile"),
        ("docker build $ARGS .", ". with in Dockerfile"),
        ("docker build --unknown x y", "y with in Dockerfile"),
        ("docker build x y", "? with in Dockerfile"),
        ("docker build - < Dockerfile", "? with in Dockerfile"),
        ("docker build https://github.com/a/b.git#main", "? with in Dockerfile"),
        ("docker build -f $F ctx", "ctx with ?"),
        ("docker build $(pwd)/web", "./web with in Dockerfile"),
        ("cd \"$(dirname \"$0\")/..\"\ndocker build .", "<dir>/../. with in Dockerfile"),
        ("R=\"$(git rev-parse --show-toplevel)\"\ndocker build \"$R/web\" -f \"$R/D\"", "<root>/web with <root>/D"),
        (
            "S=\"$(cd \"$(dirname \"${BASH_SOURCE[0]}\")\" >/dev/null 2>&1 && pwd)\"\nR=\"$(cd \"$S/../..\" && pwd)\"\ndocker build \"$R/web\"",
            "<dir>/../../web with in Dockerfile",
        ),
        ("if docker build -q .; then true; fi", ". with in Dockerfile"),
        (
            "# docker build .\necho docker build .\ndocker run x build .\ndocker builder prune\ndocker buildx imagetools create x",
            "",
        ),
        ("echo 'docker build a", ""),
    ];
    for (script, expected) in cases {
        assert_eq!(print(&script_builds(script)).join("; "), expected, "{script}");
    }
}

#[test]
fn ranges_in_scripts() {
    let text = "true\nX=1 docker build \\\n  -t a .  # last\n";
    assert_eq!(&text[script_builds(text)[0].range], "docker build \\\n  -t a .");
}

#[test]
fn makefiles() {
    let text = "DIR := web\nFILE ?= docker/Dockerfile\nbuild:\n\tcd other\n\t@docker build -t x -f $(FILE) $(DIR)\nall: ; docker build ${DIR}\n\
                b:\n\t-cd $(CURDIR)/web && \\\n\t docker build .\n\tdocker build $(call thing)\n";
    assert_eq!(
        print(&makefile_builds(text)),
        ["web with docker/Dockerfile", "web with in Dockerfile", "./web/. with in Dockerfile", "? with in Dockerfile"]
    );
}

#[test]
fn workflows() {
    let text = "\
env: {DIR: web}
jobs:
  a:
    strategy:
      matrix:
        image: [one, two]
        include:
          - {image: three, file: Special}
    steps:
      - uses: actions/checkout@v4
      - uses: docker/build-push-action@v6
        with:
          context: ./images/${{ matrix.image }}
          file: ${{ matrix.file }}
          build-args: |
            A=1
            B=${{ secrets.B }}
      - uses: depot/build-push-action@v1
  b:
    defaults: {run: {working-directory: docker}}
    steps:
      - uses: actions/download-artifact@v4
        with: {path: dist}
      - run: |
          echo start
          docker build \\
            -f base/Dockerfile .
      - run: docker build ${{ env.DIR }} $DIR
        working-directory: .
      - run: docker build ${{ github.workspace }}/x
      - uses: docker/build-push-action@v6
        with: {context: ., file: \"${{ a == 'b' && 'client/Dockerfile' || 'Dockerfile' }}\"}
";
    let builds = ci_builds(text);
    assert_eq!(
        print(&builds),
        [
            "./images/one with ? A=1 B=?",
            ". with in Dockerfile",
            "./images/two with ? A=1 B=?",
            ". with in Dockerfile",
            "./images/three with Special A=1 B=?",
            ". with in Dockerfile",
            "docker/. with docker/base/Dockerfile +dist",
            "? with in Dockerfile +dist",
            "<root>/x with in Dockerfile +dist",
            ". with client/Dockerfile +dist",
            ". with Dockerfile +dist",
        ]
    );
    assert_eq!(&text[builds[0].range], "./images/${{ matrix.image }}");
    assert_eq!(&text[builds[6].range], "docker build");
}

#[test]
fn checkouts_elsewhere() {
    let job = |checkout: &str| {
        let text = format!(
            "jobs:\n  a:\n    steps:\n      - uses: actions/checkout@v4\n        with: {{{checkout}}}\n      - run: docker build repo/web\n"
        );
        print(&ci_builds(&text)).join("; ")
    };
    assert_eq!(job(""), "repo/web with in Dockerfile");
    assert_eq!(job("path: repo"), "web with in Dockerfile");
    assert_eq!(job("path: other"), "? with in Dockerfile");
    assert_eq!(job("repository: a/b"), "? with in Dockerfile");
    assert_eq!(job("repository: a/b, path: x"), "repo/web with in Dockerfile +x");
}

#[test]
fn other_ci_systems() {
    let text = "build:\n  script:\n    - cd web\n    - docker build -t x .\nother:\n  steps:\n    - run: {command: docker build api}\n";
    assert_eq!(print(&ci_builds(text)), ["web/. with in Dockerfile", "api with in Dockerfile"]);
    assert_eq!(&text[ci_builds(text)[0].range], "docker build -t x .");
}
