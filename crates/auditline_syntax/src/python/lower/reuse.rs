//! Sharing what has not changed with the module of an earlier text.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use text_size::TextSize;

use super::super::ir::{Class, Function, FunctionIndex, Module, StmtKind};
use super::Lowerer;
use crate::Name;

/// An earlier text and what it was lowered to.
pub(super) struct Previous<'t> {
    text: &'t str,
    module: &'t Module,
    functions: FxHashMap<Name, usize>,
    classes: FxHashMap<Name, usize>,
}

impl<'t> Previous<'t> {
    pub(super) fn new(text: &'t str, module: &'t Module) -> Self {
        Self {
            text,
            module,
            functions: module.functions.iter().enumerate().map(|(at, function)| (function.path, at)).collect(),
            classes: module.classes.iter().enumerate().map(|(at, class)| (class.path, at)).collect(),
        }
    }
}

/// A function that can be shared, with what is nested in it.
struct Shared {
    functions: Vec<(Arc<Function>, TextSize)>,
    classes: Vec<(Arc<Class>, TextSize)>,
    len: u32,
}

impl Lowerer<'_> {
    /// Takes the function under the cursor from the earlier module, if its text is the same and it means the same.
    /// Then nothing in it is visited.
    pub(super) fn reuse_function(&mut self, path: Name) -> bool {
        let Some(shared) = self.shared(path) else { return false };
        let start = self.start();
        let index = FunctionIndex(self.functions.len() as u32);
        for (function, offset) in shared.functions {
            self.functions.push(Some(function));
            self.function_starts.push(offset + TextSize::new(start));
        }
        for (class, offset) in shared.classes {
            self.classes.push(Some(class));
            self.class_starts.push(offset + TextSize::new(start));
        }
        self.add(start, start + shared.len, StmtKind::Function(index));
        true
    }

    fn shared(&self, path: Name) -> Option<Shared> {
        let previous = self.previous.as_ref()?;
        let node = self.node;
        let module = previous.module;
        let at = *previous.functions.get(&path)?;
        let function = &module.functions[at];
        if node.has_error()
            || self.is_mended(self.start(), self.end())
            || function.has_errors
            || function.class != self.frame.class
            || function.outer != self.frame.outer
        {
            return None;
        }
        let from = usize::from(module.function_starts[at]);
        let len = usize::from(function.range.end());
        let old = previous.text.get(from..from + len)?;
        let own = self.slice();
        if !own.starts_with(old) || !is_idle(&own[len..]) {
            return None;
        }
        // What is nested in it stands behind it in the lists, and names it by its index.
        let end = TextSize::new((from + len) as u32);
        let inner = at + module.function_starts[at..].partition_point(|&start| start < end);
        let first = module.class_starts.partition_point(|&start| start < module.function_starts[at]);
        let last = module.class_starts.partition_point(|&start| start < end);
        let is_alone = inner == at + 1 && first == last;
        if !is_alone && (at != self.functions.len() || (first != last && first != self.classes.len())) {
            return None;
        }
        let offset = |start: TextSize| start - module.function_starts[at];
        Some(Shared {
            functions: (at..inner)
                .map(|at| (module.functions[at].clone(), offset(module.function_starts[at])))
                .collect(),
            classes: (first..last).map(|at| (module.classes[at].clone(), offset(module.class_starts[at]))).collect(),
            len: len as u32,
        })
    }

    /// The function, or the earlier one if this came out the same.
    pub(super) fn share_function(&self, function: Function) -> Arc<Function> {
        let earlier = self.previous.as_ref().and_then(|previous| {
            let at = *previous.functions.get(&function.path)?;
            previous.module.functions.get(at)
        });
        match earlier {
            Some(earlier) if **earlier == function => earlier.clone(),
            _ => Arc::new(function),
        }
    }

    /// The class, or the earlier one if this came out the same.
    pub(super) fn share_class(&self, class: Class) -> Arc<Class> {
        let earlier = self.previous.as_ref().and_then(|previous| {
            let at = *previous.classes.get(&class.path)?;
            previous.module.classes.get(at)
        });
        match earlier {
            Some(earlier) if **earlier == class => earlier.clone(),
            _ => Arc::new(class),
        }
    }
}

/// Whether there is nothing but blanks and comments.
fn is_idle(text: &str) -> bool {
    text.lines().all(|line| {
        let line = line.trim();
        line.is_empty() || line.starts_with('#')
    })
}
