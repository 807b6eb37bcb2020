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
    use super::*;

    #[test]
    fn a_later_welcome_brings_what_has_changed() {
        let mut known =
            Known::new(&[Assignment::sample("a", 1), Assignment::sample("b", 1), Assignment::sample("c", 1)]);
        known.note(&Order::Withdraw(RunId::new("c")));
        let orders = known.compare(vec![Assignment::sample("b", 2), Assignment::sample("d", 1)]);
        let expected = [
            Order::Withdraw(RunId::new("a")),
            Order::Assign(Box::new(Assignment::sample("b", 2))),
            Order::Assign(Box::new(Assignment::sample("d", 1))),
        ];
        assert_eq!(orders, expected);
        for order in &orders {
            known.note(order);
        }
        assert_eq!(known.compare(vec![Assignment::sample("b", 2), Assignment::sample("d", 1)]), []);
    }
}
