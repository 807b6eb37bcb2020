//! Which jobs gave which results, held to what each job's body must give.
//!
//! A result carries a digest of its job's body that only the work can compute: a program that answers before it has seen
//! the body is found out, as is one that loses or doubles. Digests are kept while the clock runs and compared after it.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64;

use crate::breach::Breach;

/// The work of a job: what its result must carry.
pub(crate) fn digest(body: &[u8]) -> u64 {
    xxh3_64(body)
}

/// Results of jobs that are numbered from 0: sixteen bytes each.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    /// Of each job the first digest.
    results: Vec<Option<u64>>,
    given: usize,
    /// Jobs with more than one result: that many.
    doubled: BTreeMap<u64, usize>,
    /// Results of jobs that are not in the set, the first of each number.
    unknown: BTreeMap<u64, usize>,
    /// Results without a readable digest.
    without: BTreeMap<u64, usize>,
}

impl Ledger {
    pub(crate) fn new(jobs: usize) -> Self {
        Self {
            results: vec![None; jobs],
            given: 0,
            doubled: BTreeMap::new(),
            unknown: BTreeMap::new(),
            without: BTreeMap::new(),
        }
    }

    /// A result came. `None`: it carries no digest.
    pub(crate) fn take(&mut self, job: u64, digest: Option<u64>) {
        self.given += 1;
        let Some(result) = usize::try_from(job).ok().and_then(|job| self.results.get_mut(job)) else {
            *self.unknown.entry(job).or_default() += 1;
            return;
        };
        if result.is_some() || self.without.contains_key(&job) {
            *self.doubled.entry(job).or_insert(1) += 1;
        } else if digest.is_none() {
            self.without.insert(job, 1);
        }
        *result = result.or(digest);
    }

    /// How many results came, doubled ones included.
    pub(crate) fn given(&self) -> usize {
        self.given
    }

    /// Every breach, when each job's result must carry `right(job)`.
    pub(crate) fn breaches(&self, right: impl Fn(u64) -> u64) -> Vec<Breach> {
        let mut breaches = Vec::new();
        let name = |job: u64| format!("job {job}");
        for (job, result) in (0..).zip(&self.results) {
            if let Some(results) = self.doubled.get(&job) {
                breaches.push(Breach::Doubled { job: name(job), results: *results });
            }
            let said = match *result {
                None if self.without.contains_key(&job) => "it carries no digest".to_owned(),
                None => {
                    breaches.push(Breach::Lost { job: name(job) });
                    continue;
                }
                Some(found) if found == right(job) => continue,
                Some(found) => format!("digest {found:016x}, and not {:016x}", right(job)),
            };
            breaches.push(Breach::Unworked { job: name(job), said });
        }
        breaches.extend(self.unknown.keys().map(|job| Breach::Unknown { job: name(*job) }));
        breaches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right(job: u64) -> u64 {
        digest(&job.to_be_bytes())
    }

    fn breaches(results: &[(u64, Option<u64>)]) -> Vec<Breach> {
        let mut ledger = Ledger::new(3);
        for (job, digest) in results {
            ledger.take(*job, *digest);
        }
        ledger.breaches(right)
    }

    #[test]
    fn each_right_result_once_is_no_breach() {
        assert_eq!(breaches(&[2, 0, 1].map(|job| (job, Some(right(job))))), []);
    }

    #[test]
    fn whatever_else_comes_is_called_out() {
        let good = |job| (job, Some(right(job)));
        let job = || "job 1".to_owned();
        assert_eq!(breaches(&[good(0), good(2)]), [Breach::Lost { job: job() }]);
        assert_eq!(
            breaches(&[good(0), good(1), good(1), good(2), good(1)]),
            [Breach::Doubled { job: job(), results: 3 }]
        );
        let other = breaches(&[good(0), (1, Some(right(2))), good(2)]);
        assert!(matches!(&other[..], [Breach::Unworked { job, .. }] if job == "job 1"), "{other:?}");
        let none = breaches(&[good(0), (1, None), good(2)]);
        assert!(matches!(&none[..], [Breach::Unworked { job, .. }] if job == "job 1"), "{none:?}");
        let unknown = breaches(&[good(0), good(1), good(2), good(3)]);
        assert_eq!(unknown, [Breach::Unknown { job: "job 3".to_owned() }]);
    }
}
