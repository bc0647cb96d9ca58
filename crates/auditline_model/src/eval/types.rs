//! Annotations and dependencies: what a parameter holds before the function runs.

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::python::ir::{ArgKind, Expr};

use crate::classes::{self, TypeExpr};
use crate::db::{ClassRef, Db, FunctionRef, VariableRef, head};
use crate::names;
use crate::symbols::Symbol;
use crate::tables::orm_model;

use super::construct::session_class;
use super::libraries::{Known, known};
use super::queries::handed_in;
use super::value::{
    ArgName, FactoryValue, InstanceOrigin, InstanceValue, OnCommit, RowOrigin, RowValue, SessionClass, SessionOrigin,
    SessionValue, Value,
};
use super::{Evaluator, own_class};

/// Who holds the value of an annotation.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Holder {
    /// A parameter that the caller fills.
    Param(u32),
    /// A parameter that the framework fills from a dependency.
    Dependency(Symbol),
    /// A local variable.
    Local,
    /// A module-level variable.
    Variable(VariableRef),
    /// An attribute of objects of a class.
    Attribute,
    /// What a function returns.
    Returned,
    /// What a callable gives that somebody holds.
    Called,
}

/// The value that an annotation promises.
pub(crate) fn value_of_type(db: &dyn Db, ty: &TypeExpr, holder: Holder) -> Value {
    match ty {
        TypeExpr::Annotated { inner, depends, .. } => match depends {
            Some(callee) => value_of_type(db, inner, Holder::Dependency(*callee)),
            None => value_of_type(db, inner, holder),
        },
        TypeExpr::Union(parts) => {
            let mut values =
                parts.iter().filter(|part| !matches!(part, TypeExpr::None)).map(|part| value_of_type(db, part, holder));
            match (values.next(), values.next()) {
                (Some(value), None) => value,
                (Some(first), Some(second)) => first.join(&second),
                (None, _) => Value::None,
            }
        }
        TypeExpr::Symbol { symbol, args } => value_of_symbol(db, *symbol, args, holder),
        TypeExpr::None => Value::None,
        TypeExpr::Literal(_) | TypeExpr::Param(_) | TypeExpr::List(_) | TypeExpr::Unresolved(_) | TypeExpr::Unknown => {
            Value::Unknown
        }
    }
}

fn value_of_symbol(db: &dyn Db, symbol: Symbol, args: &[TypeExpr], holder: Holder) -> Value {
    match symbol {
        Symbol::External(path) => {
            let path = names::canonical(path);
            if let Holder::Param(index) = holder
                && is_statement(&path)
            {
                return Value::Query(Arc::new(handed_in(index, selected(db, args))));
            }
            match known(&path) {
                Some(Known::SessionClass(is_async)) => session(holder, Some(is_async)),
                Some(Known::FactoryClass(is_async)) => Value::Factory(FactoryValue::new(Some(is_async))),
                Some(Known::ScopedFactory) => Value::Session(Arc::new(SessionValue {
                    origin: SessionOrigin::Registry(None),
                    is_async: None,
                    id: 0,
                    on_commit: OnCommit::Unknown,
                    class: SessionClass::Unknown,
                })),
                Some(Known::EngineClass) => Value::Engine,
                _ => {
                    let last = path.as_str().rsplit('.').next().unwrap_or_default();
                    match last {
                        "list" | "List" | "Sequence" | "Iterable" | "set" | "Set" | "ScalarResult" => {
                            let inner = args.first().map_or(Value::Unknown, |arg| value_of_type(db, arg, holder));
                            Value::Many(Box::new(inner))
                        }
                        "Generator" | "AsyncGenerator" | "Iterator" | "AsyncIterator" | "AsyncIterable"
                        | "Awaitable" | "Optional" | "ClassVar" | "Final" | "Mapped" => {
                            args.first().map_or(Value::Unknown, |arg| value_of_type(db, arg, holder))
                        }
                        // Such a callable gives its session under `with`, as a factory does.
                        _ if is_context(path) => match args.first().map(|arg| value_of_type(db, arg, Holder::Local)) {
                            Some(session @ Value::Session(_)) if matches!(holder, Holder::Called) => session,
                            _ if path.starts_with("typing.") => plain(holder),
                            _ => Value::Made(path),
                        },
                        "Coroutine" => args.get(2).map_or(Value::Unknown, |arg| value_of_type(db, arg, holder)),
                        "Callable" => match args.last().map(|arg| value_of_type(db, arg, Holder::Called)) {
                            Some(Value::Session(session)) => Value::Factory(FactoryValue {
                                opaque: args.last().and_then(TypeExpr::external).is_some_and(is_context),
                                ..FactoryValue::new(session.is_async)
                            }),
                            _ => Value::Unknown,
                        },
                        "type" | "Type" => match args.first() {
                            Some(TypeExpr::Symbol { symbol, .. }) => Value::Symbol(*symbol),
                            _ => Value::Unknown,
                        },
                        // Any row: its callers know which.
                        "SQLModel" | "DeclarativeBase" => Value::Unknown,
                        _ if path.contains('.') && !path.starts_with("typing.") && !path.starts_with("builtins.") => {
                            Value::Made(path)
                        }
                        _ => plain(holder),
                    }
                }
            }
        }
        Symbol::Class(class) => {
            if let Some(model) = orm_model(db, class)
                && model.is_table()
            {
                let origin = match holder {
                    Holder::Param(index) => RowOrigin::Param(index),
                    Holder::Dependency(symbol) => RowOrigin::Dependency(symbol),
                    Holder::Local | Holder::Variable(_) | Holder::Attribute | Holder::Returned | Holder::Called => {
                        RowOrigin::Unknown
                    }
                };
                let id = match holder {
                    // Rows of parameters are told apart by numbers that no event has.
                    Holder::Param(index) => param_row(index),
                    _ => u32::MAX,
                };
                return Value::Row(Arc::new(RowValue { id, model: Some(class), origin, session: None }));
            }
            match session_class(db, class) {
                Some(Known::SessionClass(is_async)) => {
                    return session_of(holder, Some(is_async), SessionClass::Own(class));
                }
                Some(Known::FactoryClass(is_async)) => {
                    return Value::Factory(FactoryValue::new(Some(is_async)));
                }
                _ => {}
            }
            let origin = match holder {
                Holder::Param(index) => InstanceOrigin::Param(index),
                Holder::Dependency(_) => InstanceOrigin::Dependency,
                Holder::Variable(variable) => InstanceOrigin::Global(variable),
                Holder::Local | Holder::Attribute | Holder::Returned | Holder::Called => InstanceOrigin::Unknown,
            };
            let arguments = rows_by_parameter(db, class, args, holder);
            let class = classes::implementation(db, class);
            Value::Instance(Arc::new(InstanceValue { class, arguments, origin }))
        }
        Symbol::Variable(_) | Symbol::Unknown | Symbol::Function(_) | Symbol::Module(_) | Symbol::Namespace(_) => {
            plain(holder)
        }
    }
}

/// The rows in an object of a generic class whose attributes its type parameters tell: `subject: T` of `Subject[User]`.
fn rows_by_parameter(db: &dyn Db, class: ClassRef, args: &[TypeExpr], holder: Holder) -> Vec<(ArgName, Value)> {
    let Some(info) = (!args.is_empty()).then(|| classes::class_info(db, class)).flatten() else { return Vec::new() };
    let own = info.attributes.iter().filter_map(|attribute| match attribute.annotation {
        Some(TypeExpr::Param(name)) => Some((attribute.name, name)),
        _ => None,
    });
    own.filter_map(|(attribute, parameter)| {
        let at = info.type_params.iter().position(|own| *own == parameter)?;
        // What a caller hands in is the object, not the row in it.
        let holder = if matches!(holder, Holder::Param(_)) { Holder::Attribute } else { holder };
        let row = value_of_type(db, args.get(at)?, holder);
        matches!(row, Value::Row(_)).then_some((ArgName::Keyword(attribute), row))
    })
    .collect()
}

/// Whether a type from outside is that of a context manager.
fn is_context(path: Name) -> bool {
    matches!(
        path.as_str().rsplit('.').next(),
        Some("AbstractContextManager" | "AbstractAsyncContextManager" | "ContextManager" | "AsyncContextManager")
    )
}

/// Whether a type from outside is that of a SELECT statement.
fn is_statement(path: &str) -> bool {
    path.starts_with("sql")
        && matches!(path.rsplit('.').next(), Some("Select" | "SelectOfScalar" | "SelectBase" | "Executable"))
}

/// What a statement's type says that it selects: `Item` of `Select[tuple[Item]]` and of `SelectOfScalar[Item]`.
fn selected(db: &dyn Db, args: &[TypeExpr]) -> Option<ClassRef> {
    let [arg] = args else { return None };
    let arg = match arg.args() {
        [inner] => inner,
        [] => arg,
        _ => return None,
    };
    arg.class().filter(|class| orm_model(db, *class).is_some_and(|model| model.is_table()))
}

fn plain(holder: Holder) -> Value {
    match holder {
        Holder::Param(index) => Value::Param(index),
        _ => Value::Unknown,
    }
}

fn session(holder: Holder, is_async: Option<bool>) -> Value {
    // A subclass is one as well.
    session_of(holder, is_async, SessionClass::Unknown)
}

fn session_of(holder: Holder, is_async: Option<bool>, class: SessionClass) -> Value {
    let origin = match holder {
        Holder::Param(index) => SessionOrigin::Param(index),
        Holder::Dependency(symbol) => SessionOrigin::Dependency(symbol),
        Holder::Variable(variable) => SessionOrigin::Global(variable),
        Holder::Local | Holder::Attribute | Holder::Returned | Holder::Called => SessionOrigin::Unknown,
    };
    Value::Session(Arc::new(SessionValue { origin, is_async, id: 0, on_commit: OnCommit::Unknown, class }))
}

/// [`RowValue::id`] of the row that a parameter holds: a number that no event has.
#[must_use]
pub fn param_row(index: u32) -> u32 {
    u32::MAX - 2 - index
}

/// What fills a parameter besides callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depended {
    /// A dependency of the framework: what it calls.
    On(Symbol),
    /// `Depends()` without an argument: the class of the annotation.
    OnAnnotation,
}

/// The dependency that fills a parameter: `x: T = Depends(f)`, `x: Annotated[T, Depends(f)]`, or an alias of the latter.
#[must_use]
pub fn dependency_of_param(db: &dyn Db, of: FunctionRef, index: usize) -> Option<Depended> {
    let body = head(db, of)?;
    let param = body.params.get(index)?;
    if let Some(default) = param.default
        && let Expr::Call { func, args } = &body.code[default]
        && let Symbol::External(path) = names::resolve_in(db, of, &body.code, *func)
        && known(&names::canonical(path)) == Some(Known::Depends)
    {
        let callee = args.iter().find(|arg| {
            matches!(arg.kind, ArgKind::Positional)
                || matches!(arg.kind, ArgKind::Keyword(name) if name == "dependency")
        });
        return match callee {
            Some(arg) => Some(Depended::On(dependency_callee(db, of, &body.code, arg.value))),
            None => Some(Depended::OnAnnotation),
        };
    }
    let annotation = param.annotation?;
    match classes::type_expr(db, of.file, Some(of), &body.code, annotation) {
        TypeExpr::Annotated { depends: Some(symbol), metadata, .. } => {
            Some(Depended::On(depended(db, symbol, &metadata)))
        }
        _ => None,
    }
}

/// What `Depends(x)` calls: a function, a class, or an object with `__call__`; `Depends(factory(...))` calls what the
/// factory returns, which is not followed.
fn dependency_callee(
    db: &dyn Db,
    of: FunctionRef,
    code: &auditline_syntax::python::ir::Code,
    expr: auditline_syntax::python::ir::ExprId,
) -> Symbol {
    match names::resolve_in(db, of, code, expr) {
        // `get_db = asynccontextmanager(...)`, `get_service = Service`: the variable's value.
        Symbol::Variable(variable) => match super::variable(db, variable) {
            Value::Symbol(symbol) => symbol,
            // `get_db = SessionProvider()`
            Value::Instance(instance) => classes::method(db, instance.class, Name::new("__call__"))
                .map_or(Symbol::Variable(variable), Symbol::Function),
            _ => Symbol::Variable(variable),
        },
        Symbol::Unknown => {
            let callee = classes::detach(db, names::Scope::Function(of), code, expr);
            method_of_object(db, &callee).map_or(Symbol::Unknown, Symbol::Function)
        }
        symbol => symbol,
    }
}

/// What `Depends(…)` among the metadata of an annotation calls, where the annotation itself does not tell.
pub(crate) fn depended(db: &dyn Db, symbol: Symbol, metadata: &[classes::Detached]) -> Symbol {
    if symbol != Symbol::Unknown {
        return symbol;
    }
    let callees = metadata.iter().filter_map(|item| {
        let (func, _) = item.call()?;
        (known(&func.external()?) == Some(Known::Depends)).then_some(())?;
        item.keyword("dependency").or_else(|| item.positional().next())
    });
    callees.filter_map(|callee| method_of_object(db, callee)).next().map_or(Symbol::Unknown, Symbol::Function)
}

/// The method that is called where an object is: `Depends(database.get_session)` with `database = Database()` in a module,
/// `Depends(SessionProvider())`.
fn method_of_object(db: &dyn Db, callee: &classes::Detached) -> Option<FunctionRef> {
    match callee {
        classes::Detached::Path { base: (Symbol::Variable(variable), method), .. } => {
            let Value::Instance(instance) = super::variable(db, *variable) else { return None };
            classes::method(db, instance.class, *method)
        }
        classes::Detached::Call { func, .. } => match func.symbol() {
            Symbol::Class(class) => classes::method(db, class, Name::new("__call__")),
            _ => None,
        },
        _ => None,
    }
}

/// What a dependency hands to its user.
#[must_use]
pub fn dependency_value(db: &dyn Db, callee: Symbol, annotated: Option<&TypeExpr>) -> Value {
    let value = match callee {
        Symbol::Function(function) => {
            let effect = crate::unit::effect(db, function, super::own_class(db, function));
            let given = match &effect.yields {
                Value::Unknown => effect.returns.clone(),
                yields => yields.clone(),
            };
            handed(db, given, callee, function)
        }
        Symbol::Class(class) => Value::Instance(Arc::new(InstanceValue {
            class,
            arguments: Vec::new(),
            origin: InstanceOrigin::Dependency,
        })),
        _ => Value::Unknown,
    };
    match (value, annotated) {
        (Value::Unknown | Value::None, Some(ty)) => value_of_type(db, ty, Holder::Dependency(callee)),
        // The annotation may say more: what the type parameters stand for.
        (Value::Instance(given), Some(ty)) if given.arguments.is_empty() => {
            match value_of_type(db, ty, Holder::Dependency(callee)) {
                Value::Instance(said) if said.class == given.class => {
                    Value::Instance(Arc::new(InstanceValue { arguments: said.arguments.clone(), ..(*given).clone() }))
                }
                _ => Value::Instance(given),
            }
        }
        (value, _) => value,
    }
}

fn handed(db: &dyn Db, value: Value, callee: Symbol, by: FunctionRef) -> Value {
    match value {
        Value::Session(session) => Value::Session(Arc::new(SessionValue {
            origin: match &session.origin {
                kept @ (SessionOrigin::Registry(_) | SessionOrigin::Current(_)) => kept.clone(),
                _ => SessionOrigin::Dependency(callee),
            },
            id: 0,
            ..(*session).clone()
        })),
        Value::Row(row) => Value::Row(Arc::new(RowValue {
            id: u32::MAX,
            model: row.model,
            // One that only passes on what another dependency gave it has loaded nothing: `get_active_user`.
            origin: match &row.origin {
                loaded @ RowOrigin::Dependency(_) => loaded.clone(),
                _ => RowOrigin::Dependency(callee),
            },
            session: None,
        })),
        Value::Instance(instance) => {
            let origin = match instance.origin {
                shared @ (InstanceOrigin::Global(_) | InstanceOrigin::Shared(_)) => shared,
                _ if classes::is_cached(db, by) => InstanceOrigin::Shared(Some(by)),
                _ => InstanceOrigin::Dependency,
            };
            let arguments = instance.arguments.iter().filter_map(|(name, value)| {
                let value = match value {
                    Value::Row(row) if matches!(row.origin, RowOrigin::Dependency(_)) => {
                        handed(db, value.clone(), callee, by)
                    }
                    value => of_request(value)?,
                };
                Some((*name, value))
            });
            let arguments = arguments.collect();
            Value::Instance(Arc::new(InstanceValue { class: instance.class, arguments, origin }))
        }
        factory @ Value::Factory(_) => factory,
        Value::Many(inner) => Value::Many(Box::new(handed(db, *inner, callee, by))),
        _ => {
            // The return annotation says what the body does not.
            let Some(body) = head(db, by) else { return Value::Unknown };
            match body.returns {
                Some(annotation) => {
                    let ty = classes::type_expr(db, by.file, Some(by), &body.code, annotation);
                    value_of_type(db, &ty, Holder::Dependency(callee))
                }
                None => Value::Unknown,
            }
        }
    }
}

/// What an object was made with in a dependency, as far as it means the same to everybody in that request: the session of
/// another dependency, also in an object.
fn of_request(value: &Value) -> Option<Value> {
    match value {
        Value::Session(session) if session.is_of_request() => Some(value.clone()),
        Value::Instance(instance) => {
            let arguments: Vec<_> =
                instance.arguments.iter().filter_map(|(name, value)| Some((*name, of_request(value)?))).collect();
            let known = InstanceValue { class: instance.class, arguments, origin: InstanceOrigin::Dependency };
            (!known.arguments.is_empty()).then(|| Value::Instance(Arc::new(known)))
        }
        _ => None,
    }
}

/// The session that an annotation promises of a parameter.
pub(crate) fn session_of_type(db: &dyn Db, ty: &TypeExpr, index: u32) -> Option<Arc<SessionValue>> {
    match value_of_type(db, ty, Holder::Param(index)) {
        Value::Session(session) => Some(session),
        _ => None,
    }
}

/// Whether a parameter asks for a value of its own: `Depends(get_db, use_cache=False)`.
fn is_uncached(db: &dyn Db, of: FunctionRef, index: usize) -> bool {
    let Some(body) = head(db, of) else { return false };
    let Some(param) = body.params.get(index) else { return false };
    let by_default = param.default.is_some_and(|default| match &body.code[default] {
        Expr::Call { args, .. } => args.iter().any(|arg| {
            matches!(arg.kind, ArgKind::Keyword(name) if name == "use_cache")
                && !matches!(body.code[arg.value], Expr::Bool(true))
        }),
        _ => false,
    });
    let by_annotation = param.annotation.is_some_and(|annotation| {
        let ty = classes::type_expr(db, of.file, Some(of), &body.code, annotation);
        ty.metadata().iter().any(|call| call.keyword("use_cache").is_some())
    });
    by_default || by_annotation
}

impl Evaluator<'_> {
    /// What a parameter holds.
    pub(crate) fn param_value(&mut self, index: usize) -> Value {
        let function = self.code();
        let Some(param) = function.params.get(index) else { return Value::Unknown };
        let position = u32::try_from(index).unwrap_or(u32::MAX);
        let ty = param
            .annotation
            .map(|annotation| classes::type_expr(self.db, self.of.file, Some(self.of), &function.code, annotation));
        match dependency_of_param(self.db, self.of, index) {
            Some(Depended::On(symbol)) => {
                let inner = match &ty {
                    Some(TypeExpr::Annotated { inner, .. }) => Some(&**inner),
                    other => other.as_ref(),
                };
                let mut value = dependency_value(self.db, symbol, inner);
                if let Value::Row(row) = &value {
                    let id = param_row(position);
                    value = Value::Row(Arc::new(RowValue { id, ..(**row).clone() }));
                }
                if let Value::Session(session) = &value
                    && session.is_of_request()
                    && is_uncached(self.db, self.of, index)
                {
                    value = Value::Session(Arc::new(SessionValue { id: position + 1, ..(**session).clone() }));
                }
                // What it is used for may tell.
                if value == Value::Unknown && ty.is_none() { Value::Param(position) } else { value }
            }
            Some(Depended::OnAnnotation) => match &ty {
                Some(TypeExpr::Symbol { symbol: symbol @ Symbol::Class(_), .. }) => {
                    dependency_value(self.db, *symbol, ty.as_ref())
                }
                _ => Value::Unknown,
            },
            None => match &ty {
                Some(ty) => match self
                    .class_of_receiver(ty)
                    .or_else(|| bound_class(self.db, self.of, ty))
                    .unwrap_or_else(|| value_of_type(self.db, ty, Holder::Param(position)))
                {
                    Value::Unknown => Value::Param(position),
                    value @ Value::Row(_) => self.handed_to_handler(value, param.name, position),
                    value => value,
                },
                None => self.handed_to_handler(Value::Param(position), param.name, position),
            },
        }
    }

    /// What fills a parameter that may be a row: nobody but a bot's middleware hands one to what handles updates.
    fn handed_to_handler(&self, value: Value, name: Name, position: u32) -> Value {
        let Some(handed) = crate::owner::row_on_update(self.db, name) else { return value };
        let fits = value.row().is_none_or(|row| row.model == handed.row.model);
        if !fits || !crate::entry::is_update_handler(self.db, self.of) {
            return value;
        }
        let origin = RowOrigin::Dependency(Symbol::Function(handed.by));
        Value::Row(Arc::new(RowValue { id: param_row(position), model: handed.row.model, origin, session: None }))
    }
}

impl Evaluator<'_> {
    /// The mapped class that a parameter holds for objects of the class under evaluation: `model: type[M]` in
    /// `class Users(CRUDBase[User])`.
    fn class_of_receiver(&self, ty: &TypeExpr) -> Option<Value> {
        let TypeExpr::Symbol { symbol: Symbol::External(path), args } = ty else { return None };
        let [TypeExpr::Param(_)] = args[..] else { return None };
        if !matches!(path.rsplit('.').next(), Some("type" | "Type")) {
            return None;
        }
        let resolved = classes::resolve_type_params(self.db, self.receiver?, own_class(self.db, self.of)?, &args[0]);
        match resolved {
            TypeExpr::Symbol { symbol: symbol @ Symbol::Class(class), .. } if orm_model(self.db, class).is_some() => {
                Some(Value::Symbol(symbol))
            }
            _ => None,
        }
    }
}

/// The base of the mapped classes that a parameter may hold: `model: type[T]`, where `T = TypeVar("T", bound=Base)`.
fn bound_class(db: &dyn Db, of: FunctionRef, ty: &TypeExpr) -> Option<Value> {
    let TypeExpr::Symbol { symbol: Symbol::External(path), args } = ty else { return None };
    let [TypeExpr::Param(name)] = args[..] else { return None };
    if !matches!(path.rsplit('.').next(), Some("type" | "Type")) {
        return None;
    }
    let Symbol::Variable(variable) = names::resolve_global(db, of.file, name) else { return None };
    let bound = classes::variable(db, variable)?.value.as_ref()?.keyword("bound")?.symbol();
    match bound {
        Symbol::Class(class) if orm_model(db, class).is_some() => Some(Value::Symbol(bound)),
        _ => None,
    }
}

/// Whether a function takes that dependency with `scope="function"`: FastAPI then ends it before the answer is sent.
#[must_use]
pub fn has_function_scope(db: &dyn Db, user: FunctionRef, dependency: FunctionRef) -> bool {
    let Some(body) = head(db, user) else { return false };
    (0..body.params.len()).any(|index| {
        if dependency_of_param(db, user, index) != Some(Depended::On(Symbol::Function(dependency))) {
            return false;
        }
        let Some(param) = body.params.get(index) else { return false };
        let by_default = param.default.is_some_and(|default| match &body.code[default] {
            Expr::Call { args, .. } => args.iter().any(|arg| {
                matches!(arg.kind, ArgKind::Keyword(name) if name == "scope")
                    && matches!(&body.code[arg.value], Expr::Str(text) if **text == *"function")
            }),
            _ => false,
        });
        let by_annotation = param.annotation.is_some_and(|annotation| {
            classes::type_expr(db, user.file, Some(user), &body.code, annotation).metadata().iter().any(|call| {
                call.keyword("scope").and_then(classes::Detached::text).is_some_and(|text| text == "function")
            })
        });
        by_default || by_annotation
    })
}
