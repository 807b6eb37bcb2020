//! What a model costs.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{
    answer::TokenUsage,
    budget::{Cost, NanoDollars},
};

/// Price of a model, US dollars per million tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Of tokens sent.
    pub input: f64,
    /// Of tokens received.
    pub output: f64,
}

impl Price {
    /// Nothing: a model on a machine of one's own.
    pub const FREE: Self = Self { input: 0.0, output: 0.0 };

    /// What so many tokens cost, each part rounded up to a billionth of a dollar.
    pub fn of(self, tokens: TokenUsage) -> Cost {
        let part = |tokens: u64, price: f64| NanoDollars::from_usd(tokens as f64 * price / 1e6).0;
        let money = part(tokens.input, self.input).saturating_add(part(tokens.output, self.output));
        Cost { money: NanoDollars(money), tokens }
    }
}

/// Prices by model.
#[derive(Debug, Clone, PartialEq)]
pub struct PriceTable {
    /// The day the prices were read, ISO 8601.
    pub date: String,
    /// Where they were read.
    pub source: String,
    models: BTreeMap<String, Price>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    table: About,
    models: BTreeMap<String, Price>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    date: String,
    source: String,
}

/// Why a price file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PriceError {
    /// Not TOML of the documented shape.
    #[error("the price file cannot be read: {0}")]
    Read(#[from] toml::de::Error),
    /// A price below zero or not a number.
    #[error("the price of `{0}` is not a number of dollars from 0 up")]
    Absurd(String),
}

const BUILT_IN: &str = include_str!("data/prices.toml");

impl PriceTable {
    /// The table that Sheaf comes with.
    pub fn built_in() -> Result<Self, PriceError> {
        Self::parse(BUILT_IN)
    }

    /// A table from TOML: `[table]` with `date` and `source`, `[models]` with `"name" = { input, output }` in US dollars
    /// per million tokens.
    pub fn parse(toml: &str) -> Result<Self, PriceError> {
        let File { table, models } = toml::from_str(toml)?;
        if let Some((name, _)) = models
            .iter()
            .find(|(_, price)| ![price.input, price.output].iter().all(|usd| (0.0..1e9).contains(usd)))
        {
            return Err(PriceError::Absurd(name.clone()));
        }
        Ok(Self { date: table.date, source: table.source, models })
    }

    /// The table with another's prices over its own.
    #[must_use]
    pub fn overridden_by(mut self, other: Self) -> Self {
        self.models.extend(other.models);
        Self { date: other.date, source: other.source, models: self.models }
    }

    /// The price of the model whose name this is or begins with; the longest name counts. `None`: not known.
    pub fn find(&self, model: &str) -> Option<Price> {
        let bare = model.rsplit('/').next().unwrap_or(model);
        [model, bare].iter().find_map(|name| {
            self.models
                .iter()
                .filter(|(prefix, _)| is_family(name, prefix))
                .max_by_key(|(prefix, _)| prefix.len())
                .map(|(_, price)| *price)
        })
    }
}

/// Whether `name` is `family` or a version of it: what follows begins with a separator, so that `o1` is not `o10`.
fn is_family(name: &str, family: &str) -> bool {
    name.strip_prefix(family)
        .is_some_and(|rest| !rest.chars().next().is_some_and(|next| next.is_alphanumeric() || next == '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_counts() {
        let table = PriceTable::built_in().unwrap();
        let input = |model: &str| {
            table.find(model).map(|price| price.of(TokenUsage { input: 1_000, output: 0 }).money.0)
        };
        assert_eq!(input("gpt-4o-mini-2024-07-18"), Some(150_000));
        assert_eq!(input("gpt-4o-2024-08-06"), Some(2_500_000));
        assert_eq!(input("openai/gpt-4o"), Some(2_500_000));
        assert_eq!(input("claude-opus-4-5-20251101"), Some(5_000_000));
        assert_eq!(table.find("o10"), None);
        assert_eq!(table.find("gpt-4.5"), None);
        assert_eq!(table.find(""), None);
    }

    #[test]
    fn a_file_overrides_and_nonsense_is_refused() {
        let own = "[table]\ndate = \"2026-01-01\"\nsource = \"contract\"\n[models]\n\"gpt-4o\" = { input = 1.0, output = 2.0 }";
        let table = PriceTable::built_in().unwrap().overridden_by(PriceTable::parse(own).unwrap());
        assert_eq!(table.find("gpt-4o"), Some(Price { input: 1.0, output: 2.0 }));
        assert!(table.find("gpt-4.1").is_some());
        let error = PriceTable::parse(&own.replace("1.0", "-1.0")).unwrap_err().to_string();
        assert_eq!(error, "the price of `gpt-4o` is not a number of dollars from 0 up");
        assert!(PriceTable::parse(&own.replace("1.0", "nan")).is_err());
    }

    #[test]
    fn cost_is_rounded_up() {
        let price = Price { input: 0.15, output: 0.6 };
        let cost = price.of(TokenUsage { input: 1_000_000, output: 1 });
        assert_eq!(cost.money, NanoDollars(150_000_600));
        assert_eq!(price.of(TokenUsage { input: 1, output: 0 }).money, NanoDollars(150));
        assert_eq!(Price::FREE.of(TokenUsage { input: 7, output: 7 }).money, NanoDollars(0));
    }
}
