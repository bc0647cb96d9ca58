//! Which hazards are reported.

use auditline_hazards::Hazard;

use crate::config::{Config, Selector};

/// Which hazards are reported: what is selected without what is ignored.
///
/// Where both name a hazard, the closer name counts: `AUD201` is closer than `AUD2`; between equals, `ignore` counts.
/// What the caller asks for goes before what is configured.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    configured: Layer,
    asked: Layer,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Layer {
    select: Vec<Selector>,
    ignore: Vec<Selector>,
}

impl Selection {
    /// The selection of a configuration, changed by what the caller asks for: `select` replaces the selection of the
    /// configuration, its ignored hazards included; `ignore` takes from it.
    #[must_use]
    pub fn new(config: &Config, select: &[Selector], ignore: &[Selector]) -> Self {
        Self {
            configured: Layer { select: config.select.clone(), ignore: config.ignore.clone() },
            asked: Layer { select: select.to_vec(), ignore: ignore.to_vec() },
        }
    }

    /// Whether the hazard is reported.
    #[must_use]
    pub fn contains(&self, hazard: &Hazard) -> bool {
        let closest = |selectors: &[Selector]| selectors.iter().filter_map(|selector| selector.rank(hazard)).max();
        let layer = if self.asked.select.is_empty() {
            if closest(&self.asked.ignore).is_some() {
                return false;
            }
            &self.configured
        } else {
            &self.asked
        };
        let selected = if layer.select.is_empty() { Some(0) } else { closest(&layer.select) };
        match (selected, closest(&layer.ignore)) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(selected), Some(ignored)) => selected > ignored,
        }
    }
}
