//! One figure of ours with everything it is judged by. Ratios and verdicts are computed from what was measured.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer, ser::SerializeStruct};

use crate::{figures::Figures, number::short};

/// Rounds below which a median is called one of too few.
pub(crate) const ENOUGH: usize = 5;

/// Which way is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Better {
    Higher,
    Lower,
}

/// What the figure must be set beside before it is held to a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Of {
    /// The figure itself.
    Figure,
    /// Its ratio to the ideal.
    Ideal,
    /// Its ratio to the ceiling.
    Ceiling,
}

/// A bound that the figure must keep. Higher is better: at least the bound; lower is better: at most.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Target {
    pub(crate) bound: f64,
    pub(crate) of: Of,
}

/// What the engine underneath does in the same run when nothing is promised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ceiling {
    pub(crate) name: String,
    pub(crate) figures: Figures,
}

/// Why a peer's column is empty, and what fills it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Empty {
    pub(crate) why: String,
    pub(crate) command: String,
}

/// Why, and the command where there is one.
impl fmt::Display for Empty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)?;
        if self.command.is_empty() { Ok(()) } else { write!(f, ": {}", self.command) }
    }
}

/// The same by another program in the same run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PeerFigure {
    pub(crate) peer: String,
    pub(crate) version: String,
    /// Its settings: its best ones.
    pub(crate) settings: String,
    pub(crate) figures: Figures,
    pub(crate) empty: Option<Empty>,
}

/// What became of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Met,
    Missed,
    /// There is a target, and nothing to hold to it.
    Unmeasured,
    /// There is no target.
    None,
}

/// A figure and what it is judged by.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) unit: String,
    pub(crate) better: Better,
    pub(crate) ours: Figures,
    /// What arithmetic allows.
    pub(crate) ideal: Option<f64>,
    pub(crate) ceiling: Option<Ceiling>,
    pub(crate) peers: Vec<PeerFigure>,
    pub(crate) target: Option<Target>,
}

impl Row {
    pub(crate) fn new(what: impl Into<String>, unit: &str, better: Better, ours: Figures) -> Self {
        Self {
            what: what.into(),
            unit: unit.to_owned(),
            better,
            ours,
            ideal: None,
            ceiling: None,
            peers: Vec::new(),
            target: None,
        }
    }

    #[must_use]
    pub(crate) fn ideal(mut self, ideal: f64) -> Self {
        self.ideal = Some(ideal);
        self
    }

    #[must_use]
    pub(crate) fn ceiling(mut self, name: &str, figures: Figures) -> Self {
        self.ceiling = Some(Ceiling { name: name.to_owned(), figures });
        self
    }

    #[must_use]
    pub(crate) fn peers(mut self, peers: Vec<PeerFigure>) -> Self {
        self.peers = peers;
        self
    }

    #[must_use]
    pub(crate) fn target(mut self, of: Of, bound: f64) -> Self {
        self.target = Some(Target { bound, of });
        self
    }

    /// Ours divided by the ideal.
    pub(crate) fn to_ideal(&self) -> Option<f64> {
        Some(self.ours.median()? / self.ideal?).filter(|ratio| ratio.is_finite())
    }

    /// Ours divided by the ceiling, round by round.
    pub(crate) fn to_ceiling(&self) -> Option<f64> {
        self.ours.per(&self.ceiling.as_ref()?.figures).median()
    }

    /// The best peer's name, and ours divided by its figure.
    pub(crate) fn to_best_peer(&self) -> Option<(&str, f64)> {
        let (ours, better) = (self.ours.median()?, self.better);
        let of = |peer: &PeerFigure| peer.figures.median();
        let best = self.peers.iter().filter(|peer| of(peer).is_some()).max_by(|one, other| {
            let order = of(one).unwrap_or_default().total_cmp(&of(other).unwrap_or_default());
            if better == Better::Higher { order } else { order.reverse() }
        })?;
        Some((best.peer.as_str(), ours / of(best)?)).filter(|(_, ratio)| ratio.is_finite())
    }

    /// What the target is set beside.
    pub(crate) fn judged(&self) -> Option<f64> {
        match self.target?.of {
            Of::Figure => self.ours.median(),
            Of::Ideal => self.to_ideal(),
            Of::Ceiling => self.to_ceiling(),
        }
    }

    /// Whether the target is met.
    pub(crate) fn verdict(&self) -> Verdict {
        let Some(target) = self.target else { return Verdict::None };
        let Some(judged) = self.judged() else { return Verdict::Unmeasured };
        let met = match self.better {
            Better::Higher => judged >= target.bound,
            Better::Lower => judged <= target.bound,
        };
        if met { Verdict::Met } else { Verdict::Missed }
    }

    /// The target in words; empty without one.
    pub(crate) fn target_text(&self) -> String {
        let Some(target) = self.target else { return String::new() };
        let sign = if self.better == Better::Higher { '≥' } else { '≤' };
        let bound = short(target.bound);
        match target.of {
            Of::Figure => format!("{sign} {bound}"),
            Of::Ideal => format!("{sign} {bound} of ideal"),
            Of::Ceiling => format!("{sign} {bound} of ceiling"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Met => "met",
            Self::Missed => "MISSED",
            Self::Unmeasured => "not measured",
            Self::None => "",
        })
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_struct("Row", 13)?;
        row.serialize_field("what", &self.what)?;
        row.serialize_field("unit", &self.unit)?;
        row.serialize_field("better", &self.better)?;
        row.serialize_field("ours", &self.ours)?;
        row.serialize_field("ideal", &self.ideal)?;
        row.serialize_field("ceiling", &self.ceiling)?;
        row.serialize_field("peers", &self.peers)?;
        row.serialize_field("target", &self.target)?;
        // What follows from the above, for readers who should not have to compute it.
        row.serialize_field("ours_to_ideal", &self.to_ideal())?;
        row.serialize_field("ours_to_ceiling", &self.to_ceiling())?;
        row.serialize_field("ours_to_best_peer", &self.to_best_peer().map(|(_, ratio)| ratio))?;
        row.serialize_field("verdict", &self.verdict())?;
        row.serialize_field("rounds_are_enough", &(self.ours.rounds() >= ENOUGH))?;
        row.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(better: Better) -> Row {
        Row::new("drain", "jobs/s", better, [50.0, 60.0, 70.0].into_iter().collect())
    }

    fn peer(name: &str, value: Option<f64>) -> PeerFigure {
        PeerFigure {
            peer: name.to_owned(),
            version: String::new(),
            settings: String::new(),
            figures: value.map(Figures::of).unwrap_or_default(),
            empty: None,
        }
    }

    #[test]
    fn ratios_and_verdicts_follow_from_what_was_measured() {
        let ceiling: Figures = [100.0, 120.0, 100.0].into_iter().collect();
        let row = row(Better::Higher).ideal(120.0).ceiling("bare", ceiling).target(Of::Ceiling, 0.5);
        assert_eq!((row.to_ideal(), row.to_ceiling()), (Some(0.5), Some(0.5)));
        assert_eq!(row.verdict(), Verdict::Met);
        assert_eq!(row.clone().target(Of::Ideal, 0.51).verdict(), Verdict::Missed);
        assert_eq!(row.clone().target(Of::Figure, 60.0).verdict(), Verdict::Met);
        let json = serde_json::to_value(&row).unwrap();
        assert_eq!((&json["ours_to_ideal"], &json["verdict"]), (&0.5.into(), &"met".into()));
        assert_eq!(serde_json::from_value::<Row>(json).unwrap(), row);
    }

    #[test]
    fn where_lower_is_better_the_bound_is_a_ceiling() {
        assert_eq!(row(Better::Lower).target(Of::Figure, 59.0).verdict(), Verdict::Missed);
        assert_eq!(row(Better::Lower).target(Of::Figure, 60.0).verdict(), Verdict::Met);
    }

    #[test]
    fn what_was_not_measured_is_not_called_met() {
        let row = Row::new("drain", "jobs/s", Better::Lower, Figures::default());
        assert_eq!(row.clone().target(Of::Figure, 1.0).verdict(), Verdict::Unmeasured);
        assert_eq!(row.target(Of::Ideal, 1.0).verdict(), Verdict::Unmeasured);
    }

    #[test]
    fn the_best_peer_is_the_one_that_is_hardest_to_beat() {
        let peers = vec![peer("slow", Some(10.0)), peer("fast", Some(30.0)), peer("absent", None)];
        assert_eq!(row(Better::Higher).peers(peers.clone()).to_best_peer(), Some(("fast", 2.0)));
        assert_eq!(row(Better::Lower).peers(peers).to_best_peer(), Some(("slow", 6.0)));
    }
}
