//! What the results of a batch mean for each of its requests. Pure.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use super::{
    endpoint::Endpoint,
    id::CustomId,
    state::{Item, Stage},
    store::{KeptAnswer, KeptFailure, Outcome, Submission},
};
use crate::{
    answer::ModelAnswer,
    backend::Reply,
    budget::Cost,
    error::{ModelError, ModelErrorKind},
    price::Price,
};

/// What there is to judge by.
pub(crate) struct Case<'c> {
    pub(crate) endpoint: &'c Endpoint,
    pub(crate) submission: &'c Submission,
    /// How the batch ended.
    pub(crate) stage: &'c Stage,
    /// Its results as they came.
    pub(crate) results: &'c [Reply],
    /// How often each of its requests was handed in for nothing before, where it was.
    pub(crate) tries: &'c HashMap<CustomId, u32>,
    /// Times that a request is handed in at most.
    pub(crate) most_tries: u32,
    /// What the model costs in a batch.
    pub(crate) price: Option<Price>,
    /// Time since the batch was handed in.
    pub(crate) elapsed: Duration,
}

/// What follows.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// What is settled for good.
    pub(crate) outcomes: Vec<(CustomId, Outcome)>,
    /// What the answers cost.
    pub(crate) costs: HashMap<CustomId, Cost>,
    /// What was handed in for nothing and is to be handed in again.
    pub(crate) again: Vec<CustomId>,
    /// A failure after which nothing more need be tried before a person has mended something. Its requests are neither
    /// settled nor tried.
    pub(crate) stop: Option<ModelError>,
    /// Lines that say nothing of a request of this batch, or say it twice.
    pub(crate) strange: usize,
}

impl Verdict {
    /// Requests that were answered.
    pub(crate) fn answered(&self) -> usize {
        self.outcomes.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Answer(_))).count()
    }
}

impl Case<'_> {
    /// Judges every request of the submission: each is settled, to be handed in again, or left as it was for a stop.
    /// Takes some microseconds a request, and as long as it takes to read the results.
    pub(crate) fn judge(&self) -> Verdict {
        let mut verdict = Verdict::default();
        let mut open: HashSet<&CustomId> = self.submission.items.iter().collect();
        for reply in self.results {
            for line in reply.body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
                match self.endpoint.item(line) {
                    Some((id, item)) if open.remove(&id) => {
                        self.judge_item(id, Some(item), reply, &mut verdict);
                    }
                    _ => verdict.strange += 1,
                }
            }
        }
        let nothing = Reply::none();
        for id in &self.submission.items {
            if open.contains(id) {
                let item = match self.stage {
                    Stage::Expired => Some(Item::Expired),
                    Stage::Cancelled => Some(Item::Cancelled),
                    _ => None,
                };
                self.judge_item(id.clone(), item, &nothing, &mut verdict);
            }
        }
        verdict
    }

    fn judge_item(&self, id: CustomId, item: Option<Item>, of: &Reply, verdict: &mut Verdict) {
        let tries = self.tries.get(&id).copied().unwrap_or(0) + 1;
        let error = match self.read(item, of) {
            Ok(answer) => {
                let cost = match (self.price, answer.usage) {
                    (Some(price), Some(usage)) => price.of(usage),
                    (None, Some(usage)) => Cost { tokens: usage, ..Cost::default() },
                    _ => Cost::default(),
                };
                verdict.costs.insert(id.clone(), cost);
                verdict.outcomes.push((id, Outcome::Answer(KeptAnswer::new(answer, cost, tries))));
                return;
            }
            Err((error, true)) if stops(error.kind) => {
                verdict.stop.get_or_insert(error);
                return;
            }
            Err((_, true)) if tries < self.most_tries => {
                verdict.again.push(id);
                return;
            }
            Err((error, _)) => error,
        };
        let times = if tries == 1 { "once".to_owned() } else { format!("{tries} times") };
        let batch = self.submission.batch.as_deref().unwrap_or("-");
        let message = format!(
            "{}; the request was handed in {times}, the last time in batch {batch} for {}",
            error.message,
            spoken(self.elapsed)
        );
        verdict.outcomes.push((id, Outcome::Failure(KeptFailure::new(&ModelError { message, ..error }))));
    }

    /// The answer, or why there is none and whether it is worth another try (or says more than of this request).
    fn read(&self, item: Option<Item>, of: &Reply) -> Result<ModelAnswer, (ModelError, bool)> {
        let origin = self.endpoint.origin();
        let failure = |kind, what: &str, hint: &str| {
            let error = origin.failure(kind, format!("{} {what}", origin.named()));
            ModelError { hint: hint.to_owned(), ..error }
        };
        let patience = "run the same command at another time: providers work on batches when they have room";
        match item {
            Some(Item::Replied(status, body)) => self.endpoint.decode(status, body, of).map_err(|error| {
                let again = !matches!(error.kind, ModelErrorKind::BadRequest | ModelErrorKind::TooLong);
                (error, again)
            }),
            Some(Item::Expired) => {
                let what = "did not come to the request before the time of its batch was up";
                Err((failure(ModelErrorKind::Unavailable, what, patience), true))
            }
            // By whom? A person's wish is not gone against.
            Some(Item::Cancelled) => {
                let what = "dropped the request because its batch was cancelled there";
                Err((
                    failure(ModelErrorKind::Unavailable, what, "analyse the document in a run of its own"),
                    false,
                ))
            }
            None => {
                let what = "ended the batch without a word on the request";
                Err((failure(ModelErrorKind::Malformed, what, patience), true))
            }
        }
    }
}

/// Whether a failure of one request is one of all: the key, the model's name, the account.
pub(crate) fn stops(kind: ModelErrorKind) -> bool {
    matches!(kind, ModelErrorKind::Unauthorized | ModelErrorKind::UnknownModel | ModelErrorKind::OutOfQuota)
}

/// A time for a person: `12 s`, `3.5 min`, `20.1 h`.
pub(crate) fn spoken(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 120.0 {
        format!("{seconds:.0} s")
    } else if seconds < 7_200.0 {
        format!("{:.1} min", seconds / 60.0)
    } else {
        format!("{:.1} h", seconds / 3_600.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use url::Url;

    use super::*;
    use crate::{
        bulk::conformance::submission,
        config::{BackendConfig, Provider},
    };

    fn endpoint() -> Endpoint {
        let mut config = BackendConfig::new("box", Provider::OpenAi, Url::parse("http://h:1/v1").unwrap());
        config.model = Some("gpt-4o".to_owned());
        Endpoint::new(&config).unwrap()
    }

    fn judge(stage: &Stage, lines: &str, tries: u32) -> (Submission, Verdict) {
        let submission = Submission { batch: Some("batch_7".to_owned()), ..submission(0..5) };
        let verdict = Case {
            endpoint: &endpoint(),
            submission: &submission,
            stage,
            results: &[Reply { body: lines.to_owned().into(), ..Reply::none() }],
            tries: &submission.items.iter().map(|id| (id.clone(), tries)).collect(),
            most_tries: 2,
            price: Some(Price { input: 1.0, output: 2.0 }),
            elapsed: Duration::from_mins(90),
        }
        .judge();
        (submission, verdict)
    }

    fn replied(number: u32, status: u16, body: &serde_json::Value) -> String {
        let response = json!({"status_code": status, "request_id": "r", "body": body});
        json!({"custom_id": format!("item-{number}"), "response": response, "error": null}).to_string() + "\n"
    }

    fn completion(text: &str, finish: &str) -> serde_json::Value {
        let message = json!({"role": "assistant", "content": text});
        let usage = json!({"prompt_tokens": 100, "completion_tokens": 10});
        json!({"model": "gpt-4o-1", "choices": [{"message": message, "finish_reason": finish}], "usage": usage})
    }

    #[test]
    fn every_kind_of_end_of_a_request() {
        let lines = [
            replied(0, 200, &completion("yes", "stop")),
            replied(1, 200, &completion("ye", "length")),
            replied(2, 400, &json!({"error": {"message": "bad words", "code": "invalid"}})),
            replied(3, 500, &json!({"error": {"message": "oh"}})),
            // Twice, unknown, broken: none of it touches another request.
            replied(0, 200, &completion("no", "stop")),
            replied(9, 200, &completion("no", "stop")),
            "{\"custom_id\": \"item-4\", \"resp\n\n".to_owned(),
        ];
        let (submission, verdict) = judge(&Stage::Ended, &lines.concat(), 0);
        assert_eq!((verdict.answered(), verdict.strange, verdict.stop.is_none()), (2, 3, true));
        assert_eq!(verdict.again, submission.items[3..], "a server's error, and one without a word");
        let (id, failed) = verdict.outcomes.last().unwrap();
        let Outcome::Failure(failure) = failed else { panic!("{failed:?}") };
        let error = failure.error("box".into());
        assert_eq!((id, error.kind), (&submission.items[2], ModelErrorKind::BadRequest));
        assert!(
            error.message.ends_with(
                "400: bad words; the request was handed in once, the last time in batch batch_7 for 90.0 min"
            ),
            "{error}"
        );
        let cost = verdict.costs[&submission.items[0]];
        assert_eq!(cost.money.0, 120_000, "100 × 1 + 10 × 2 dollars a million");
    }

    #[test]
    fn the_second_failure_is_the_last() {
        let (submission, verdict) =
            judge(&Stage::Expired, &replied(3, 500, &json!({"error": {"message": "oh"}})), 1);
        assert!(verdict.again.is_empty() && verdict.outcomes.len() == 5, "{verdict:?}");
        let kinds: Vec<_> = verdict
            .outcomes
            .iter()
            .map(|(id, outcome)| match outcome {
                Outcome::Failure(failure) => (id, failure.error("box".into()).kind),
                Outcome::Answer(_) => panic!("{verdict:?}"),
            })
            .collect();
        assert_eq!(kinds[0], (&submission.items[3], ModelErrorKind::Server));
        assert!(kinds[1..].iter().all(|(_, kind)| *kind == ModelErrorKind::Unavailable));
        assert!(format!("{verdict:?}").contains("handed in 2 times"));
    }

    #[test]
    fn what_was_cancelled_is_not_asked_again_and_a_wrong_key_stops() {
        let (_, verdict) = judge(&Stage::Cancelled, "", 0);
        assert_eq!((verdict.outcomes.len(), verdict.again.len()), (5, 0));
        let (_, verdict) =
            judge(&Stage::Ended, &replied(0, 401, &json!({"error": {"message": "no key"}})), 0);
        assert_eq!(verdict.stop.unwrap().kind, ModelErrorKind::Unauthorized);
        assert_eq!((verdict.outcomes.len(), verdict.again.len()), (0, 4));
    }
}
