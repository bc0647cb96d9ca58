//! Which groups of a `pyproject.toml` are installed, or locked, together.

use auditline_syntax::Name;
use auditline_syntax::packages::{Group, GroupKind, PyProject};

/// Whether the requirements of two groups must agree.
pub(super) fn meet(project: &PyProject, one: &Group, other: &Group) -> bool {
    let holds = |set: &Vec<(GroupKind, Name)>, group: &Group| set.contains(&(group.kind, group.name));
    if project.conflicts.iter().any(|set| holds(set, one) && holds(set, other)) {
        return false;
    }
    if project.is_locked_as_one {
        return true;
    }
    match (one.kind, other.kind) {
        (GroupKind::Project, GroupKind::Extra) | (GroupKind::Extra, GroupKind::Project) => true,
        // Whoever takes in both, or is one of them and takes in the other.
        _ => project.groups.iter().any(|group| reaches(project, group, one) && reaches(project, group, other)),
    }
}

fn reaches(project: &PyProject, from: &Group, to: &Group) -> bool {
    let mut seen = vec![(from.kind, from.name)];
    let mut at = 0;
    while let Some(current) = seen.get(at).copied() {
        if current == (to.kind, to.name) {
            return true;
        }
        let groups = project.groups.iter().filter(|group| (group.kind, group.name) == current);
        for included in groups.flat_map(|group| &group.includes) {
            if !seen.contains(included) {
                seen.push(*included);
            }
        }
        at += 1;
    }
    false
}
