//! Which backend takes the next request. Pure.

use std::time::{Duration, Instant};

use super::member::{Busy, Member};
use crate::request::Target;

/// A limiter that is ready this soon counts as ready: the limiter itself waits out the rest exactly.
const SOON: Duration = Duration::from_millis(5);
/// A backend this many times slower than the fastest is asked only if that ends the work sooner.
const MUCH_SLOWER: f64 = 2.0;

/// What a request asks of a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) target: Target,
    /// Estimated.
    pub(crate) input: u64,
    pub(crate) output: u32,
    /// The backend that failed it just now.
    pub(crate) avoid: Option<usize>,
    /// The backend at which it is to be tried once more, if that has room.
    pub(crate) stay: Option<usize>,
}

/// Where the queue stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Queue {
    /// Requests that wait, this one included.
    pub(crate) waiting: usize,
    /// When the last one came.
    pub(crate) last_came: Instant,
}

/// What was decided for the request at the head of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// This backend takes it, perhaps as its probe.
    Take { member: usize, probe: bool },
    /// None yet; look again when something ends, or then.
    Wait { until: Option<Instant>, all_broken: bool },
    /// None fits; the largest context among those it may go to.
    TooLong(Option<u64>),
    /// None has ever answered and all are out of order.
    NobodyThere,
}

/// Decides for the request at the head of the queue. `ready_in` is the wait of each backend's limiter, `turn` the
/// backend at which a round robin among equals begins.
pub(crate) fn choose(
    members: &[Member],
    ready_in: impl Fn(usize) -> Duration,
    need: Need,
    queue: Queue,
    turn: usize,
    now: Instant,
) -> Choice {
    let fitting: Vec<usize> = (0..members.len())
        .filter(|index| members[*index].fits(need.target, need.input, need.output))
        .collect();
    if fitting.is_empty() {
        let contexts = members.iter().filter(|member| member.fits(need.target, 0, 0));
        return Choice::TooLong(contexts.filter_map(|member| member.spec.context).max());
    }
    if fitting.iter().all(|index| members[*index].never_there()) {
        return Choice::NobodyThere;
    }
    // One that has no room is not waited for: whoever waits here keeps others from backends that have.
    if let Some(member) = need.stay.filter(|stay| fitting.contains(stay) && ready_in(*stay) <= SOON)
        && let Ok(probe) = members[member].admission(now)
    {
        return Choice::Take { member, probe };
    }
    let others_in_order =
        fitting.iter().any(|index| Some(*index) != need.avoid && members[*index].in_order(now));
    let mut until: Option<Instant> = None;
    let mut sooner = |at: Instant| until = Some(until.map_or(at, |known| known.min(at)));
    let mut all_broken = true;
    let mut open: Vec<(usize, bool)> = Vec::new();
    for &index in &fitting {
        match members[index].admission(now) {
            Err(Busy::Broken(at)) => at.into_iter().for_each(&mut sooner),
            Err(Busy::Full) => all_broken = false,
            Ok(_) if need.avoid == Some(index) && others_in_order => all_broken = false,
            Ok(probe) => {
                all_broken = false;
                let wait = ready_in(index);
                if wait <= SOON {
                    open.push((index, probe));
                } else {
                    sooner(now + wait);
                }
            }
        }
    }
    open.retain(|(index, probe)| *probe || is_worth_it(members, &fitting, *index, queue, now));
    let place = |index: usize| (index + members.len() - turn % members.len()) % members.len();
    let least = open.into_iter().min_by(|(one, _), (other, _)| {
        let loads = members[*one].load().total_cmp(&members[*other].load());
        loads.then_with(|| place(*one).cmp(&place(*other)))
    });
    match least {
        Some((member, probe)) => Choice::Take { member, probe },
        None => Choice::Wait { until, all_broken },
    }
}

/// Whether giving the request to a slow backend ends the work sooner than leaving it in the queue for the faster
/// ones. While requests keep coming there is no end to hurry to and every slot is worth using.
fn is_worth_it(members: &[Member], fitting: &[usize], index: usize, queue: Queue, now: Instant) -> bool {
    let Some(own) = members[index].latency() else { return true };
    let faster = fitting.iter().filter_map(|other| {
        let member = &members[*other];
        let latency = member.latency().filter(|latency| latency * MUCH_SLOWER <= own)?;
        (member.in_order(now)).then_some((member, latency))
    });
    let (mut rate, mut slowest) = (0.0, 0.0f64);
    for (member, latency) in faster {
        rate += member.concurrency.limit() as f64 / latency.max(1e-6);
        slowest = slowest.max(latency);
    }
    if rate <= 0.0 || now.saturating_duration_since(queue.last_came).as_secs_f64() < slowest {
        return true;
    }
    // What waits, at the rate of the faster ones, and the last answer itself.
    own <= queue.waiting as f64 / rate + slowest
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        concurrency::Parallelism,
        error::ModelErrorKind,
        pool::member::{Ending, MemberSpec},
    };

    fn member(name: &str, slots: usize, context: Option<u64>) -> Member {
        Member::new(MemberSpec {
            name: Arc::from(name),
            primary: name == "a",
            context,
            parallelism: Parallelism::Fixed(slots),
        })
    }

    const NEED: Need = Need { target: Target::Any, input: 10, output: 10, avoid: None, stay: None };

    fn ask(members: &[Member], need: Need, waiting: usize, turn: usize, now: Instant) -> Choice {
        let queue = Queue { waiting, last_came: now.checked_sub(Duration::from_mins(1)).unwrap_or(now) };
        choose(members, |_| Duration::ZERO, need, queue, turn, now)
    }

    fn taken(choice: Choice) -> usize {
        match choice {
            Choice::Take { member, .. } => member,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_least_loaded_takes_it_and_equals_take_turns() {
        let now = Instant::now();
        let mut members = [member("a", 4, None), member("b", 4, None), member("c", 4, None)];
        assert_eq!([0, 1, 2, 3].map(|turn| taken(ask(&members, NEED, 9, turn, now))), [0, 1, 2, 0]);
        members[1].started(false);
        assert_eq!(taken(ask(&members, NEED, 9, 1, now)), 2);
    }

    #[test]
    fn what_does_not_fit_goes_elsewhere_or_is_told() {
        let now = Instant::now();
        let members = [member("a", 4, Some(15)), member("b", 4, Some(20))];
        assert_eq!(taken(ask(&members, NEED, 1, 0, now)), 1);
        assert_eq!(ask(&members, Need { output: 11, ..NEED }, 1, 0, now), Choice::TooLong(Some(20)));
        let primary = Need { target: Target::Primary, ..NEED };
        assert_eq!(ask(&members, primary, 1, 0, now), Choice::TooLong(Some(15)));
    }

    #[test]
    fn another_backend_takes_what_one_failed() {
        let now = Instant::now();
        let mut members = [member("a", 4, None), member("b", 1, None)];
        let need = Need { avoid: Some(0), ..NEED };
        assert_eq!(taken(ask(&members, need, 1, 0, now)), 1);
        members[1].cool(Duration::from_secs(9), now);
        assert_eq!(taken(ask(&members, need, 1, 0, now)), 0, "rather the same again than nobody");
    }

    #[test]
    fn the_same_backend_takes_it_once_more_if_it_has_room() {
        let now = Instant::now();
        let mut members = [member("a", 4, None), member("b", 2, None)];
        let need = Need { stay: Some(1), ..NEED };
        members[1].started(false);
        assert_eq!(taken(ask(&members, need, 1, 0, now)), 1, "though the other one is less loaded");
        members[1].started(false);
        assert_eq!(taken(ask(&members, need, 1, 0, now)), 0, "it is full");
        let mut members = [member("a", 4, None), member("b", 2, None)];
        members[1].cool(Duration::from_secs(9), now);
        assert_eq!(taken(ask(&members, need, 1, 0, now)), 0, "it is left alone");
    }

    #[test]
    fn the_last_request_waits_for_the_fast_one() {
        let now = Instant::now();
        let mut members = [member("a", 1, None), member("b", 1, None)];
        for (index, seconds) in [(0, 1), (1, 10)] {
            members[index].started(false);
            members[index].ended(Ending::Answer(Duration::from_secs(seconds)), false, now);
        }
        members[0].started(false);
        assert_eq!(ask(&members, NEED, 1, 0, now), Choice::Wait { until: None, all_broken: false });
        assert_eq!(taken(ask(&members, NEED, 20, 0, now)), 1, "with much to do, all help");
    }

    #[test]
    fn nobody_there_is_told_and_broken_is_waited_for() {
        let now = Instant::now();
        let mut members = [member("a", 9, None)];
        for _ in 0..5 {
            members[0].started(false);
            members[0].ended(Ending::Failure(ModelErrorKind::Connect), false, now);
        }
        assert_eq!(ask(&members, NEED, 1, 0, now), Choice::NobodyThere);
        let mut members = [member("a", 9, None)];
        members[0].started(false);
        members[0].ended(Ending::Answer(Duration::from_secs(1)), false, now);
        for _ in 0..9 {
            members[0].started(false);
            members[0].ended(Ending::Failure(ModelErrorKind::Connect), false, now);
        }
        let choice = ask(&members, NEED, 1, 0, now);
        assert!(matches!(choice, Choice::Wait { until: Some(_), all_broken: true }), "{choice:?}");
    }

    proptest! {
        #[test]
        fn never_beyond_the_slots_and_never_one_that_does_not_fit(
            slots in prop::collection::vec((1usize..5, prop::option::of(5u64..40), 0usize..6), 1..6),
            avoid in prop::option::of(0usize..6), turn in 0usize..9, waiting in 1usize..50,
        ) {
            let now = Instant::now();
            let mut members: Vec<_> = slots.iter().map(|(slots, context, _)| member("x", *slots, *context)).collect();
            for (member, (slots, _, busy)) in members.iter_mut().zip(&slots) {
                for _ in 0..*busy.min(slots) {
                    member.started(false);
                }
            }
            if let Choice::Take { member, .. } = ask(&members, Need { avoid, ..NEED }, waiting, turn, now) {
                prop_assert!(members[member].concurrency.has_room());
                prop_assert!(slots[member].1.is_none_or(|context| context >= 20));
            }
        }
    }
}
