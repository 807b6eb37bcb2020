//! Several documents in one request, against scripted backends in virtual time.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod provider;

use std::{
    fmt::Write as _,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use provider::{Answering, answer, failure, spec};
use serde_json::{Value, json};
use sheaf_llm::{
    AnswerProblem, AssessError, BackendSpec, BatchSize, Batcher, Client, ClientSettings, ModelErrorKind,
    ModelRequest, Parallelism, Price, Reply, RetryPolicy, Stage, StopReason, Subject, TokenUsage,
    batch::LONGEST_WAIT,
};
use tokio::time::{Instant, sleep};
use tower::service_fn;

/// The documents of a request with their ids, in order.
fn documents(request: &ModelRequest) -> Vec<(String, String)> {
    let mut rest = &*request.messages[1].text;
    let mut found = Vec::new();
    while let Some((_, after)) = rest.split_once("<document-") {
        let (id, after) = after.split_once(">\n").unwrap();
        let (text, after) = after.split_once(&format!("\n</document-{id}>")).unwrap();
        found.push((id.to_owned(), text.to_owned()));
        rest = after;
    }
    found
}

fn text(number: usize) -> String {
    format!(
        "Notice {number:03} of the harbour. The board met and agreed to replace crane {number:03} in May."
    )
}

/// The one right answer about a document.
fn right(text: &str) -> Value {
    let first = text.split('.').next().unwrap();
    json!({
        "summary": format!("It says: {first}. It says nothing else that matters."),
        "key_points": [{"text": "It is a notice.", "quote": first}],
        "keywords": ["board"],
        "document_type": "news",
        "confidence": 0.9,
    })
}

fn is_batch(request: &ModelRequest) -> bool {
    request.schema.as_ref().is_some_and(|schema| schema.name == "overview-batch")
}

/// The items of an answer as it should be; of a request for one document, its answer.
fn fitting(request: &ModelRequest) -> Value {
    let documents = documents(request);
    if !is_batch(request) {
        return right(&documents[0].1);
    }
    let items: Vec<Value> =
        documents.iter().map(|(id, text)| json!({"id": id, "answer": right(text)})).collect();
    json!({"answers": items})
}

type Script = dyn Fn(usize, &ModelRequest) -> (String, StopReason) + Send + Sync;

#[derive(Clone, Default)]
struct Seen {
    asked: Arc<Mutex<Vec<ModelRequest>>>,
    given_up: Arc<AtomicUsize>,
}

impl Seen {
    fn requests(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// Documents of each request.
    fn sizes(&self) -> Vec<usize> {
        self.asked.lock().unwrap().iter().map(|request| documents(request).len()).collect()
    }
}

struct GivenUp(Arc<AtomicUsize>, bool);

impl GivenUp {
    fn was_wanted(&mut self) {
        self.1 = true;
    }
}

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.fetch_add(usize::from(!self.1), Ordering::Relaxed);
    }
}

/// A client whose backend takes 200 ms and 2 ms for each 10 tokens of output, a token for each four bytes.
fn client(slots: usize, script: Arc<Script>) -> (Client, Seen) {
    let seen = Seen::default();
    let backend = service_fn({
        let seen = seen.clone();
        move |request: ModelRequest| -> Answering {
            let (text, stop) = {
                let mut asked = seen.asked.lock().unwrap();
                asked.push(request.clone());
                script(asked.len() - 1, &request)
            };
            let mut given_up = GivenUp(seen.given_up.clone(), false);
            Box::pin(async move {
                let output = text.len().div_ceil(4) as u64;
                let latency = Duration::from_millis(200 + output / 5);
                sleep(latency).await;
                given_up.was_wanted();
                if text == "400" {
                    return Err(failure(ModelErrorKind::BadRequest, 400, None));
                }
                if text == "401" {
                    return Err(failure(ModelErrorKind::Unauthorized, 401, None));
                }
                let input: usize = request.messages.iter().map(|message| message.text.len()).sum();
                let mut answer = answer(&request, "one", latency);
                answer.usage = Some(TokenUsage { input: input as u64 / 4, output });
                (answer.text, answer.stop) = (text, stop);
                Ok(answer)
            })
        }
    });
    let spec = BackendSpec {
        price: Some(Price { input: 1.0, output: 3.0 }),
        ..spec("one", Parallelism::Fixed(slots))
    };
    let retry = RetryPolicy { attempts: 2, ..RetryPolicy::default() };
    let settings = ClientSettings { retry, ..ClientSettings::default() };
    (Client::builder(settings).backend(spec, backend).build().unwrap(), seen)
}

fn well() -> Arc<Script> {
    Arc::new(|_, request| (fitting(request).to_string(), StopReason::End))
}

fn batcher(client: &Client, size: BatchSize) -> Batcher {
    Batcher::new(client.clone(), Stage::overview().unwrap(), size)
}

async fn ask(batcher: &Batcher, number: usize) -> Result<Reply, AssessError> {
    let text = text(number);
    let subject = Subject { id: number as u64, title: None, text: &text, deadline: None };
    batcher.ask(subject, ()).await
}

/// Asks about so many documents at once, after which nothing more is coming.
async fn ask_all(batcher: &Batcher, count: usize) -> Vec<Result<Reply, AssessError>> {
    let all = join_all((0..count).map(|number| ask(batcher, number)));
    let (replies, ()) = tokio::join!(all, async {
        sleep(Duration::from_millis(1)).await;
        batcher.set_coming(false);
    });
    replies
}

fn assert_right(replies: &[Result<Reply, AssessError>]) {
    for (number, reply) in replies.iter().enumerate() {
        assert_eq!(reply.as_ref().unwrap().value, right(&text(number)), "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn four_hundred_short_documents_take_a_fifth_of_the_requests_and_half_of_the_time() {
    let mut figures = Vec::new();
    for size in [BatchSize::Fixed(1), BatchSize::Automatic] {
        let (client, seen) = client(10, well());
        let batcher = batcher(&client, size);
        let began = Instant::now();
        let replies = ask_all(&batcher, 400).await;
        figures.push((seen.requests(), began.elapsed()));
        assert_right(&replies);
        let replies: Vec<Reply> = replies.into_iter().map(Result::unwrap).collect();
        let spent = client.spent();
        let sum = |of: fn(&Reply) -> u64| replies.iter().map(of).sum::<u64>();
        assert_eq!(sum(|reply| reply.usage.input_tokens), spent.tokens.input);
        assert_eq!(sum(|reply| reply.usage.output_tokens), spent.tokens.output);
        let nano = sum(|reply| (reply.usage.cost_usd * 1e9).round() as u64);
        assert_eq!(nano, spent.money.0);
        let requests: f64 = replies.iter().map(|reply| reply.requests).sum();
        assert!((requests - seen.requests() as f64).abs() < 1e-6, "{requests}");
        let statistics = client.statistics();
        assert_eq!((statistics.units, statistics.units_retried), (400, 0));
    }
    let [(alone, slow), (together, fast)] = figures[..] else { panic!("two figures") };
    println!("alone: {alone} requests, {slow:?}; together: {together} requests, {fast:?}");
    assert_eq!(alone, 400);
    assert!(5 * together <= alone && 2 * fast <= slow, "{together} requests, {fast:?} of {slow:?}");
}

#[tokio::test(start_paused = true)]
async fn a_lone_document_waits_for_the_bound_and_not_at_all_when_nothing_more_is_coming() {
    let (client, seen) = client(10, well());
    let mut took = Vec::new();
    for (size, coming) in
        [(BatchSize::Automatic, true), (BatchSize::Automatic, false), (BatchSize::Fixed(1), true)]
    {
        let batcher = batcher(&client, size);
        batcher.set_coming(coming);
        let began = Instant::now();
        ask(&batcher, 1).await.unwrap();
        took.push(began.elapsed());
    }
    let difference = took[0].checked_sub(took[1]).unwrap();
    let (least, most) = (LONGEST_WAIT, LONGEST_WAIT + Duration::from_millis(2));
    assert!((least..=most).contains(&difference), "{took:?}");
    assert_eq!(took[1], took[2]);
    let asked = seen.asked.lock().unwrap();
    assert!(asked.iter().all(|request| !is_batch(request)), "a lone document is asked about as ever");
    assert!(asked.windows(2).all(|pair| pair[0].messages == pair[1].messages));
}

/// What a hostile provider does to one in ten items each: drop, double, exchange contents, break. Order is turned round.
fn harmed(turn: usize, request: &ModelRequest) -> (String, StopReason) {
    let mut whole = fitting(request);
    if let Some(items) = whole.get_mut("answers").and_then(Value::as_array_mut) {
        let mut random = fastrand::Rng::with_seed(turn as u64);
        for place in (0..items.len()).rev() {
            let other = random.usize(..items.len());
            match random.u8(..10) {
                0 => drop(items.remove(place)),
                1 => items.push(items[place].clone()),
                2 if place < items.len() => {
                    let (one, two) = (items[place]["answer"].take(), items[other]["answer"].take());
                    (items[place]["answer"], items[other]["answer"]) = (two, one);
                }
                3 => items[place]["answer"]["confidence"] = json!("very"),
                _ => {}
            }
        }
        items.reverse();
    }
    (whole.to_string(), StopReason::End)
}

#[tokio::test(start_paused = true)]
async fn every_document_ends_with_its_own_answer_whatever_happens_to_items() {
    for size in [BatchSize::Automatic, BatchSize::Fixed(16)] {
        let (client, seen) = client(4, Arc::new(harmed));
        let replies = ask_all(&batcher(&client, size), 300).await;
        assert_right(&replies);
        let statistics = client.statistics();
        let (batches, retried) = (statistics.batches as usize, statistics.units_retried as usize);
        assert!(batches > 10 && retried > 10, "{batches} batches, {retried} retried");
        let lone = seen.sizes().into_iter().filter(|size| *size == 1).count();
        assert!(lone >= retried && lone + batches == seen.requests(), "what is retried is retried alone");
        let spent: u64 = replies.iter().map(|reply| reply.as_ref().unwrap().usage.output_tokens).sum();
        assert_eq!(spent, client.spent().tokens.output, "retries and what was thrown away are counted");
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_fails_as_a_whole_fails_no_document() {
    type Fails = fn(&ModelRequest) -> (String, StopReason);
    let scripts: [Fails; 5] = [
        |_| ("I would rather not.".to_owned(), StopReason::Refusal("I would rather not.".to_owned())),
        |request| (fitting(request).to_string(), StopReason::Length),
        |_| ("Here are your answers:".to_owned(), StopReason::End),
        |_| ("400".to_owned(), StopReason::End),
        |_| (json!({"answers": []}).to_string(), StopReason::End),
    ];
    for (number, fails) in scripts.into_iter().enumerate() {
        let (client, seen) = client(
            2,
            Arc::new(move |_, request| {
                if is_batch(request) {
                    fails(request)
                } else {
                    (fitting(request).to_string(), StopReason::End)
                }
            }),
        );
        let replies = ask_all(&batcher(&client, BatchSize::Fixed(3)), 6).await;
        assert_right(&replies);
        assert_eq!(client.statistics().units_retried, 6, "{number}");
        let mut sizes = seen.sizes();
        sizes.sort_unstable();
        assert_eq!(sizes, [1, 1, 1, 1, 1, 1, 3, 3], "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_one_document_fails_of_does_not_touch_the_others() {
    let (client, _) = client(
        2,
        Arc::new(|_, request| {
            if request.messages[1].text.contains("Notice 002") {
                ("400".to_owned(), StopReason::End)
            } else {
                (fitting(request).to_string(), StopReason::End)
            }
        }),
    );
    let replies = ask_all(&batcher(&client, BatchSize::Fixed(6)), 6).await;
    for (number, reply) in replies.iter().enumerate() {
        match reply {
            Ok(reply) => assert_eq!(reply.value, right(&text(number))),
            Err(_) => assert_eq!(number, 2),
        }
    }
    assert!(replies[2].is_err());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_stopped_tells_every_document_why() {
    let (client, seen) = client(2, Arc::new(|_, _| ("401".to_owned(), StopReason::End)));
    for reply in ask_all(&batcher(&client, BatchSize::Fixed(6)), 6).await {
        let error = reply.unwrap_err();
        let AnswerProblem::Model(model) = &error.problem else { panic!("{error}") };
        assert_eq!(model.kind, ModelErrorKind::Unauthorized);
    }
    assert!(seen.requests() <= 2 && client.stopped().is_some(), "none is tried again");
}

#[tokio::test(start_paused = true)]
async fn who_has_gone_is_left_out_and_a_batch_that_nobody_wants_is_given_up() {
    let (client, seen) = client(1, well());
    let batcher = batcher(&client, BatchSize::Fixed(4));
    let asking: Vec<_> = (0..9)
        .map(|number| {
            let batcher = batcher.clone();
            tokio::spawn(async move { ask(&batcher, number).await })
        })
        .collect();
    sleep(Duration::from_millis(100)).await;
    assert_eq!(seen.sizes(), [1], "the only slot is taken, the others gather");
    for number in [2, 3, 5] {
        asking[number].abort();
    }
    sleep(Duration::from_millis(250)).await;
    let second = seen.asked.lock().unwrap()[1].messages[1].text.clone();
    assert_eq!(seen.sizes(), [1, 4], "{second}");
    assert!(
        !second.contains("Notice 002") && !second.contains("Notice 003") && !second.contains("Notice 005")
    );
    assert_eq!(seen.given_up.load(Ordering::Relaxed), 0);
    for task in &asking[1..8] {
        task.abort();
    }
    sleep(Duration::from_millis(10)).await;
    assert_eq!(seen.given_up.load(Ordering::Relaxed), 1, "nobody wants it any more");
    sleep(Duration::from_millis(300)).await;
    assert_eq!(seen.sizes(), [1, 4, 1], "its slot is free again");
    for (number, task) in asking.into_iter().enumerate() {
        if number == 0 || number == 8 {
            assert_eq!(task.await.unwrap().unwrap().value, right(&text(number)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn long_documents_go_alone_and_a_deadline_is_its_documents_own() {
    let (client, seen) = client(1, well());
    let batcher = batcher(&client, BatchSize::Fixed(4));
    let mut long = text(7);
    while long.len() < 60_000 {
        let _ = write!(long, " The board has met and met again, {} times.", long.len());
    }
    let subject = |text, deadline| Subject { id: 1, title: None, text, deadline };
    let one = batcher.ask(subject(&long, None), ());
    let short = text(1);
    // Behind a request that takes 200 ms, and wanted for 100.
    let soon = (Instant::now() + Duration::from_millis(100)).into_std();
    let other = async {
        sleep(Duration::from_millis(1)).await;
        batcher.ask(subject(&short, Some(soon)), ()).await
    };
    let (one, other) = tokio::join!(one, other);
    assert_eq!(one.unwrap().value["document_type"], "news");
    let error = other.unwrap_err();
    assert!(
        matches!(&error.problem, AnswerProblem::Model(model) if model.kind == ModelErrorKind::Unavailable),
        "{error}"
    );
    assert_eq!(seen.sizes(), [1]);
}
