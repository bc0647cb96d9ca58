//! What a value was made from.

use auditline_syntax::Name;
use smallvec::SmallVec;

/// What a value was computed from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Sources {
    /// Columns of rows that went into it.
    pub fields: SmallVec<[FieldSource; 2]>,
    /// Numbers of rows that went into it.
    pub counts: SmallVec<[CountSource; 1]>,
    /// Numbers of rows that went into parts of it, each where it stands: `return count < limit, "too many"`.
    pub within: Vec<(Spot, CountSource)>,
    /// The keys of rows that it is a collection of.
    pub keys: Option<Keys>,
    /// The columns under whose values it was found in a table (`ALLOWED[order.state]`), or by which a function of the project
    /// answers yes or no.
    pub looked: SmallVec<[Looked; 1]>,
    /// What it spells out: the values of which its text or path is put together.
    pub parts: SmallVec<[Part; 1]>,
    /// The event of a call to something outside whose result it is, or a part of it.
    pub external: Option<u32>,
    /// Whether something else than constants and fields went into it.
    pub other: bool,
    /// Whether the clock or a random number went into it: it is another one each time.
    pub fresh: bool,
}

/// The values of a column of the rows that a lookup has brought: `{tag.name for tag in tags}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Keys {
    /// The ordinal of the load.
    pub load: u32,
    /// The column.
    pub column: Name,
    /// Whether it is those that were wanted, and for which there is no row: `set(names) - known`.
    pub missing: bool,
}

/// Where in a value a part of it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Spot {
    /// In a tuple, from 0.
    At(usize),
    /// Under a key of a dictionary, or in an attribute of an object.
    Named(Name),
}

/// A column of a row that went into a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FieldSource {
    /// [`RowValue::id`](crate::eval::value::RowValue::id).
    pub row: u32,
    /// The attribute.
    pub column: Name,
    /// The ordinal of the read.
    pub read: u32,
    /// How it went in.
    pub how: Derivation,
}

/// A column of a row that decides what a value is, without going into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Looked {
    /// [`RowValue::id`](crate::eval::value::RowValue::id).
    pub row: u32,
    /// The attribute.
    pub column: Name,
    /// The ordinal of the read.
    pub read: u32,
    /// Of a yes or no: whether it is a yes where the column is equal to a constant, or among several; which one, as written.
    pub answer: Option<(bool, Option<Name>)>,
}

/// A value of which a text or a path is put together. What a function that is not understood gives spells out nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// A column of a row: the ordinal of the read.
    Column(u32),
    /// A parameter of the function.
    Param(u32),
    /// An attribute of a parameter.
    Attribute(u32, Name),
}

/// A number or sum of rows that went into a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CountSource {
    /// The ordinal of the load that counted them, or brought those that were counted.
    pub load: u32,
    /// Whether the value falls when the number rises: `limit - count`; whether it is a no where a yes or no says that there are
    /// any, or that there are too many.
    pub falls: bool,
    /// What the value tells of them.
    pub tells: Tells,
}

/// What a value tells of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tells {
    /// How many there are, or their sum.
    Number,
    /// If there are any, not how many: a column of the first of them, `row is not None`.
    Any,
    /// Whether there are as many as a limit allows: `count >= limit`.
    Limit,
}

/// How a column went into a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Derivation {
    /// The value is the column's value, or one of the alternatives.
    Same,
    /// The value is the column's text in another form (`.strip()`, `.lower()`): doing it twice changes nothing.
    Normalised,
    /// The value is what a function that is not understood made of it, perhaps among other things.
    Called,
    /// The value is the column's document with values laid over it, under keys that are always the same:
    /// `{**row.settings, "mode": mode}`.
    Overlaid,
    /// The value was computed from it.
    Computed,
    /// Nothing of it went in, but it decided whether there is a value: `payment = fetch(order.payment_id)` where there is an
    /// id, else `None`.
    Decided,
}

impl Sources {
    /// Both, as alternatives or as parts.
    #[must_use]
    pub fn with(mut self, other: &Self) -> Self {
        self.keys = self.keys.filter(|keys| other.keys == Some(*keys));
        for field in &other.fields {
            if !self.fields.contains(field) {
                self.fields.push(field.clone());
            }
        }
        for count in &other.counts {
            if !self.counts.contains(count) {
                self.counts.push(*count);
            }
        }
        for within in &other.within {
            if !self.within.contains(within) {
                self.within.push(*within);
            }
        }
        for looked in &other.looked {
            if !self.looked.contains(looked) {
                self.looked.push(*looked);
            }
        }
        for part in &other.parts {
            if !self.parts.contains(part) {
                self.parts.push(*part);
            }
        }
        self.external = self.external.or(other.external);
        self.other |= other.other;
        self.fresh |= other.fresh;
        self
    }

    /// What it tells of rows by the part that stands there.
    pub fn within(&self, spot: Spot) -> impl Iterator<Item = CountSource> + '_ {
        self.within.iter().filter(move |(at, _)| *at == spot).map(|(_, count)| *count)
    }

    /// Adds what it tells of rows, or the part of it that stands there.
    pub fn tell(&mut self, spot: Option<Spot>, count: CountSource) {
        match spot {
            Some(spot) => self.within.push((spot, count)),
            None => self.counts.push(count),
        }
    }

    /// What a part tells of rows, as part of a value in which it stands there.
    pub fn standing(&self, spot: Spot) -> impl Iterator<Item = (Spot, CountSource)> + '_ {
        self.counts.iter().map(move |count| (spot, *count))
    }

    /// As parts of a computation.
    #[must_use]
    pub fn computed(mut self) -> Self {
        self.within.clear();
        self.keys = None;
        self.fields.retain(|field| field.how != Derivation::Decided);
        for field in &mut self.fields {
            field.how = Derivation::Computed;
        }
        self
    }

    /// As parts of something that is no number.
    #[must_use]
    pub fn gathered(mut self) -> Self {
        self.counts.clear();
        self.computed()
    }

    /// As a document over which something is laid.
    #[must_use]
    pub fn overlaid(mut self) -> Self {
        for field in &mut self.fields {
            field.how = match field.how {
                Derivation::Same | Derivation::Overlaid => Derivation::Overlaid,
                Derivation::Normalised | Derivation::Called | Derivation::Computed | Derivation::Decided => {
                    Derivation::Computed
                }
            };
        }
        self.counts.clear();
        self.within.clear();
        self.keys = None;
        self
    }

    /// As the key under which something is found in a table.
    #[must_use]
    pub fn key(&self) -> Self {
        let fields = self.fields.iter().filter(|field| field.how != Derivation::Decided);
        let looked =
            fields.map(|field| Looked { row: field.row, column: field.column, read: field.read, answer: None });
        Self { looked: looked.collect(), ..Self::default() }
    }

    /// As what is taken away from something.
    #[must_use]
    pub fn taken_away(mut self) -> Self {
        for count in &mut self.counts {
            count.falls = !count.falls;
        }
        self
    }

    /// As arguments of a call that is not understood.
    #[must_use]
    pub fn called(mut self) -> Self {
        self.fields.retain(|field| field.how != Derivation::Decided);
        for field in &mut self.fields {
            if field.how != Derivation::Computed {
                field.how = Derivation::Called;
            }
        }
        self.counts.clear();
        self.within.clear();
        self.keys = None;
        self.looked.clear();
        self.parts.clear();
        self
    }

    /// As a normalised form.
    #[must_use]
    pub fn normalised(mut self) -> Self {
        self.fields.retain(|field| field.how != Derivation::Decided);
        for field in &mut self.fields {
            field.how = field.how.max(Derivation::Normalised);
        }
        self
    }
}
