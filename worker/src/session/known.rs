//! The runs that the program was told of.

use std::collections::BTreeMap;

use sheaf_common::{
    fleet::{Assignment, Order},
    id::RunId,
};

/// The runs that the program was told of, so that it need not be told twice.
#[derive(Debug, Default)]
pub(super) struct Known(BTreeMap<RunId, Assignment>);

impl Known {
    /// The runs of the first welcome.
    pub(super) fn new(runs: &[Assignment]) -> Self {
        Self(runs.iter().map(|run| (run.run.clone(), run.clone())).collect())
    }

    /// What has changed since, as a later welcome shows it.
    pub(super) fn compare(&self, runs: Vec<Assignment>) -> Vec<Order> {
        let gone = self.0.keys().filter(|known| !runs.iter().any(|run| run.run == **known));
        let mut orders: Vec<Order> = gone.cloned().map(Order::Withdraw).collect();
        orders.extend(
            runs.into_iter()
                .filter(|run| self.0.get(&run.run) != Some(run))
                .map(|run| Order::Assign(Box::new(run))),
        );
        orders
    }

    /// An order that the program is given.
    pub(super) fn note(&mut self, order: &Order) {
        match order {
            Order::Assign(run) => drop(self.0.insert(run.run.clone(), (**run).clone())),
            Order::Withdraw(run) => drop(self.0.remove(run)),
            Order::Drain | Order::Pause | Order::Resume | Order::Share { .. } | Order::Closing { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sheaf_common::{
        fleet::{Budget, CacheSettings, LlmPolicy, ModelSettings, RedisAccess},
        job::AnalysisOptions,
        mode::Mode,
    };

    use super::*;

    fn run(name: &str, shards: u16) -> Assignment {
        Assignment {
            run: RunId::new(name),
            redis: RedisAccess { url: "redis://127.0.0.1".to_owned(), host_is_coordinator: true },
            shards,
            options: AnalysisOptions::default(),
            mode: Mode::Async,
            parse_timeout: Duration::from_secs(30),
            parse_memory_bytes: 1 << 30,
            llm: LlmPolicy::Never,
            models: ModelSettings::default(),
            budget: Budget::default(),
            cache: CacheSettings::default(),
        }
    }

    #[test]
    fn a_later_welcome_brings_what_has_changed() {
        let mut known = Known::new(&[run("a", 1), run("b", 1), run("c", 1)]);
        known.note(&Order::Withdraw(RunId::new("c")));
        let orders = known.compare(vec![run("b", 2), run("d", 1)]);
        let expected = [
            Order::Withdraw(RunId::new("a")),
            Order::Assign(Box::new(run("b", 2))),
            Order::Assign(Box::new(run("d", 1))),
        ];
        assert_eq!(orders, expected);
        for order in &orders {
            known.note(order);
        }
        assert_eq!(known.compare(vec![run("b", 2), run("d", 1)]), []);
    }
}
