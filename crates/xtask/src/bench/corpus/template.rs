//! Templates of Python code.

/// The templates of a file, in which a line `#=====` stands between two.
pub(crate) fn split(text: &'static str) -> Vec<&'static str> {
    text.split("#=====\n").collect()
}

/// Values for the names between `<<` and `>>`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values(Vec<(&'static str, String)>);

impl Values {
    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<String>) -> &mut Self {
        let value = value.into();
        match self.0.iter_mut().find(|(other, _)| *other == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
        self
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_str())
    }

    /// The template with each known name replaced by its value; values may hold names in turn.
    pub(crate) fn fill(&self, template: &str) -> String {
        let mut out = String::with_capacity(template.len() * 3 / 2);
        let mut rest = template;
        while let Some(start) = rest.find("<<") {
            // Of `<<<name>>`, the first `<` is text.
            let start = start + rest[start + 2..].chars().take_while(|next| *next == '<').count();
            let (head, tail) = rest.split_at(start);
            out.push_str(head);
            let known = tail[2..].split_once(">>").and_then(|(name, after)| Some((self.get(name)?, after)));
            match known {
                Some((value, after)) => {
                    out.push_str(&self.fill(value));
                    rest = after;
                }
                None => {
                    out.push_str("<<");
                    rest = &tail[2..];
                }
            }
        }
        out.push_str(rest);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_names_and_leaves_the_rest() {
        let mut values = Values::default();
        values.set("a", "x<<b>>").set("b", "1").set("b", "2");
        assert_eq!(values.fill("<<a>>, 1 << 2, <<c>>, <<<b>>>"), "x2, 1 << 2, <<c>>, <2>");
    }
}
