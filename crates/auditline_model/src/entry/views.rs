//! Views: classes whose methods answer requests, and resolvers.

use auditline_syntax::Name;

use crate::classes::{class_of_method, decorator_symbols, external_bases, simple};
use crate::db::{Db, FunctionRef};
use crate::symbols::Symbol;

/// By which method of a request a function of a view is called: of Flask's and Starlette's views, of the resources of Flask-RESTful and
/// its kin, of aiohttp's and Tornado's handlers; `post` for what changes something by another protocol: a call of gRPC, a mutation of
/// GraphQL. A resolver of a field is `get`.
pub(super) fn verb(db: &dyn Db, of: FunctionRef) -> Option<Name> {
    let name = simple(of.path);
    if let Some(class) = class_of_method(db, of) {
        let bases = external_bases(db, class);
        let is_below = |known: fn(&str) -> bool| bases.iter().any(|base| known(base.as_str()));
        if matches!(name, "get" | "post" | "put" | "patch" | "delete" | "head" | "options") && is_below(is_view) {
            return Some(Name::new(name));
        }
        if name == "dispatch_request" && is_below(is_view) || name == "mutate" && is_below(is_mutation) {
            return Some(Name::new("post"));
        }
        // <https://grpc.io/docs/languages/python/basics/#creating-the-server>: a class of its own below the generated servicer.
        let is_public = name.starts_with(char::is_uppercase);
        if is_public && is_below(|base| base.ends_with("Servicer")) {
            return Some(Name::new("post"));
        }
    }
    decorator_symbols(db, of).into_iter().find_map(|symbol| match symbol {
        Symbol::External(path) => resolver(&path),
        _ => None,
    })
}

fn is_view(base: &str) -> bool {
    matches!(
        base,
        "flask.views.View"
            | "flask.views.MethodView"
            | "flask_restful.Resource"
            | "flask_restx.Resource"
            | "flask_restplus.Resource"
            | "flask_openapi3.APIView"
            | "quart.views.MethodView"
            | "aiohttp.web.View"
            | "starlette.endpoints.HTTPEndpoint"
            | "fastapi.endpoints.HTTPEndpoint"
            | "sanic.views.HTTPMethodView"
            | "tornado.web.RequestHandler"
    )
}

fn is_mutation(base: &str) -> bool {
    base.starts_with("graphene.") && base.ends_with("Mutation")
}

/// What a decorator of a library makes of a function: Strawberry's fields and mutations
/// (<https://strawberry.rocks/docs/general/mutations>), Litestar's handlers (<https://docs.litestar.dev/2/usage/routing/handlers.html>).
fn resolver(path: &str) -> Option<Name> {
    let (library, rest) = path.split_once('.')?;
    let last = rest.rsplit('.').next()?;
    let verb = match (library, last) {
        ("strawberry", "mutation") => "post",
        ("strawberry", "field" | "subscription") => "get",
        ("litestar" | "starlite", "get" | "post" | "put" | "patch" | "delete" | "head" | "route") => last,
        _ => return None,
    };
    Some(Name::new(verb))
}
