//! The words by which projects name administrators.

use auditline_syntax::python::ir::{Code, Expr, ExprId};

/// Who is an administrator, in the words of identifiers and roles.
const ADMINISTRATORS: &[&str] = &[
    "admin",
    "admins",
    "administrator",
    "administrators",
    "administration",
    "superadmin",
    "superadmins",
    "superuser",
    "superusers",
    "sysadmin",
    "staff",
];
/// What makes a name speak of others as well: `admin_or_owner`, `optional_admin`.
const OTHERS: &[&str] = &["or", "optional", "maybe", "not", "non", "any"];
/// How a name says that it demands something.
const DEMANDS: &[&str] = &[
    "require",
    "requires",
    "required",
    "assert",
    "ensure",
    "verify",
    "check",
    "checker",
    "only",
    "must",
    "need",
    "needs",
    "enforce",
    "validate",
    "authorize",
    "permission",
    "permissions",
    "role",
    "roles",
    "restrict",
    "restricted",
    "guard",
    "protect",
    "protected",
    "allow",
    "allowed",
    "accepted",
    "access",
    "scopes",
    "security",
];

/// The words of a name in lower case: of `is_superUser`, `is`, `super` and `user`; of `ADMIN_PANEL`, `admin` and `panel`.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut is_open = false;
    let mut was_lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() {
            is_open = false;
            was_lower = false;
            continue;
        }
        if !is_open || c.is_uppercase() && was_lower {
            words.push(String::new());
            is_open = true;
        }
        was_lower = c.is_lowercase();
        if let Some(word) = words.last_mut() {
            word.extend(c.to_lowercase());
        }
    }
    words
}

fn has(words: &[String], known: &[&str]) -> bool {
    words.iter().any(|word| known.contains(&word.as_str()))
        // `SuperUser`, `SuperAdmin`
        || words.windows(2).any(|pair| known.contains(&pair.concat().as_str()))
}

/// Whether a name speaks of administrators, and of nobody else.
pub(super) fn is_of_administrators(name: &str) -> bool {
    let words = words(name);
    has(&words, ADMINISTRATORS) && !has(&words, OTHERS)
}

/// Whether a name says that something is demanded.
pub(super) fn is_demand(name: &str) -> bool {
    has(&words(name), DEMANDS)
}

/// Whether a variable is named like the answer to a question.
pub(super) fn is_answer(name: &str) -> bool {
    has(
        &words(name),
        &["is", "has", "can", "may", "allowed", "permitted", "authorized", "ok", "valid", "result", "status"],
    )
}

/// Whether roles or permissions are named among expressions, and all of them are of administrators: `"admin"`, `Role.ADMIN`,
/// `[Role.ADMIN, Role.OWNER]` are not, because of the owner.
pub(super) fn is_administrators(code: &Code, exprs: impl Iterator<Item = ExprId>) -> bool {
    let mut roles = Vec::new();
    exprs.for_each(|expr| roles_in(code, expr, &mut roles));
    !roles.is_empty() && roles.into_iter().all(is_of_administrators)
}

/// The roles that an expression names: texts, members of enumerations, constants.
fn roles_in<'a>(code: &'a Code, expr: ExprId, into: &mut Vec<&'a str>) {
    match &code[expr] {
        Expr::Str(text) => into.push(text),
        Expr::Name(name) if is_constant(name) => into.push(name),
        Expr::Attribute { value, attr } => match &code[*value] {
            // `Role.ADMIN.value`
            Expr::Attribute { .. } if matches!(attr.as_str(), "value" | "name") => roles_in(code, *value, into),
            Expr::Name(owner) if owner.starts_with(char::is_uppercase) => into.push(attr),
            Expr::Attribute { attr: owner, .. } if owner.starts_with(char::is_uppercase) => into.push(attr),
            _ if is_constant(attr) => into.push(attr),
            _ => {}
        },
        Expr::List(items) | Expr::Tuple(items) | Expr::Set(items) => {
            items.iter().for_each(|item| roles_in(code, *item, into));
        }
        _ => {}
    }
}

fn is_constant(name: &str) -> bool {
    name.starts_with(char::is_uppercase) && !name.contains(char::is_lowercase)
}

#[cfg(test)]
mod tests {
    use super::{is_demand, is_of_administrators};

    #[test]
    fn names_of_administrators_alone_are_told() {
        for name in
            ["admin_required", "get_current_admin", "isSuperUser", "FULL_ADMIN_PANEL_ACCESS", "org:admin", "is_staff"]
        {
            assert!(is_of_administrators(name), "{name}");
        }
        for name in ["admin_or_owner", "current_user", "require_scope", "administer_dose", "optional_admin"] {
            assert!(!is_of_administrators(name), "{name}");
        }
    }

    #[test]
    fn demands_are_told_by_their_verb() {
        for name in ["admin_required", "require_role", "RoleChecker", "assert_server_roles"] {
            assert!(is_demand(name), "{name}");
        }
        for name in ["get_admin", "log_admin_action", "post"] {
            assert!(!is_demand(name), "{name}");
        }
    }
}
