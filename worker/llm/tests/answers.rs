//! Structured answers and assessments, against scripted backends in virtual time.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod provider;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use provider::{Answering, answer, spec};
use serde_json::{Value, json};
use sheaf_common::analysis::{Analysis, Entity, EntityKind, Place};
use sheaf_llm::{
    AnswerProblem, BackendSpec, Client, ClientSettings, ModelErrorKind, ModelRequest, Parallelism, Price,
    Role, Stage, StopReason, Subject, TokenUsage, assess,
};
use tower::service_fn;

const TEXT: &str =
    "The harbour of Lund was dredged in 1911.\n\nTraffic doubled within a decade, “to everybody’s surprise”.";

type Script = dyn Fn(usize, &ModelRequest) -> (String, StopReason) + Send + Sync;

/// A client whose backend answers as `script` says for each request, and what it was asked.
fn client(context: Option<u64>, script: Arc<Script>) -> (Client, Arc<Mutex<Vec<ModelRequest>>>) {
    let asked: Arc<Mutex<Vec<ModelRequest>>> = Arc::default();
    let backend = service_fn({
        let asked = asked.clone();
        move |request: ModelRequest| -> Answering {
            let (text, stop) = {
                let mut asked = asked.lock().unwrap();
                asked.push(request.clone());
                script(asked.len() - 1, &request)
            };
            Box::pin(async move {
                let mut answer = answer(&request, "one", Duration::from_millis(10));
                answer.usage = Some(TokenUsage { input: 100, output: 50 });
                (answer.text, answer.stop) = (text, stop);
                Ok(answer)
            })
        }
    });
    let spec = BackendSpec {
        context,
        price: Some(Price { input: 1.0, output: 1.0 }),
        ..spec("one", Parallelism::Fixed(4))
    };
    (Client::builder(ClientSettings::default()).backend(spec, backend).build().unwrap(), asked)
}

fn right() -> Value {
    json!({
        "summary": "Lund's harbour was dredged and its traffic doubled.",
        "key_points": [
            {"text": "It was dredged in 1911.", "quote": "was dredged in 1911"},
            {"text": "Traffic surprised.", "quote": "within a decade, \"to everybody's surprise\""},
            {"text": "It was dredged in 1912.", "quote": "was dredged in 1912"},
            {"text": "", "quote": "Traffic doubled"},
        ],
        "keywords": ["harbour", "Harbour", " traffic "],
        "document_type": "article",
        "confidence": 0.8,
    })
}

fn rules() -> Analysis {
    let entity = Entity {
        kind: EntityKind::Date,
        text: "1911".to_owned(),
        value: None,
        count: 1,
        place: Place { start: 35, end: 39 },
    };
    Analysis { entities: vec![entity], flags: vec!["thin".to_owned()], ..Analysis::default() }
}

fn subject(text: &str) -> Subject<'_> {
    Subject { id: 7, title: Some("A harbour"), text, deadline: None }
}

#[allow(clippy::needless_pass_by_value, reason = "reads better in scripts")]
fn ends(text: impl ToString) -> (String, StopReason) {
    (text.to_string(), StopReason::End)
}

#[tokio::test(start_paused = true)]
async fn an_answer_becomes_an_analysis_and_invented_quotes_are_dropped() {
    let (client, asked) = client(None, Arc::new(|_, _| ends(format!("```json\n{}\n```", right()))));
    let stage = Stage::overview().unwrap();
    let assessed = assess(&client, &stage, subject(TEXT), &rules()).await.unwrap();
    assert_eq!((assessed.dropped_quotes, assessed.parts, assessed.repairs, assessed.attempts), (1, 1, 0, 1));
    assert_eq!((&*assessed.model, &*assessed.backend), ("test-model", "one"));
    let analysis = assessed.analysis;
    let characters: Vec<char> = TEXT.chars().collect();
    for point in &analysis.key_points {
        assert_eq!(characters[point.place.start..point.place.end].iter().collect::<String>(), point.quote);
    }
    assert_eq!(analysis.key_points[1].quote, "within a decade, “to everybody’s surprise");
    assert_eq!(analysis.key_points[2].text, "Traffic doubled");
    assert_eq!(
        analysis.keywords.iter().map(|keyword| &*keyword.text).collect::<Vec<_>>(),
        ["harbour", "traffic"]
    );
    assert!((analysis.confidence - 0.6).abs() < 1e-9, "three of four quotes hold: {}", analysis.confidence);
    assert_eq!((analysis.entities.len(), &*analysis.flags[0]), (1, "thin"), "the rules know these better");
    assert_eq!((assessed.usage.input_tokens, assessed.usage.output_tokens), (100, 50));
    assert!((assessed.usage.cost_usd - 0.000_15).abs() < 1e-12);
    let asked = asked.lock().unwrap();
    assert_eq!((asked[0].id, asked[0].messages[0].role), (7, Role::System));
    assert!(asked[0].schema.is_some() && asked[0].messages[1].text.contains(TEXT));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_answer_is_mended_once_with_the_validators_words() {
    let script = |turn: usize, _: &ModelRequest| match turn {
        0 => ends(r#"{"summary": "S", "key_points": "none"}"#),
        _ => ends(right()),
    };
    let (client, asked) = client(None, Arc::new(script));
    let stage = Stage::overview().unwrap();
    let assessed = assess(&client, &stage, subject(TEXT), &rules()).await.unwrap();
    assert_eq!((assessed.repairs, assessed.attempts, assessed.usage.input_tokens), (1, 2, 200));
    let asked = asked.lock().unwrap();
    let roles: Vec<_> = asked[1].messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::System, Role::User, Role::Assistant, Role::User]);
    let complaint = &asked[1].messages[3].text;
    assert!(complaint.contains("`/key_points`") && complaint.contains("confidence"), "{complaint}");
}

#[tokio::test(start_paused = true)]
async fn wrong_twice_cut_twice_refused_and_empty_are_failures_with_their_reason() {
    let stage = Stage::overview().unwrap();
    let cases: [(Arc<Script>, usize, &str); 4] = [
        (Arc::new(|_, _| ends("I would rather talk.")), 2, "holds no complete JSON value"),
        (Arc::new(|_, _| (right().to_string(), StopReason::Length)), 2, "cut at 1200 tokens, twice"),
        (
            Arc::new(|_, _| (String::new(), StopReason::Refusal("Not this.".to_owned()))),
            1,
            "refused: Not this.",
        ),
        (
            Arc::new(|_, _| {
                let mut empty = right();
                empty["summary"] = json!(" ");
                ends(empty)
            }),
            2,
            "`summary` is empty",
        ),
    ];
    for (script, times, words) in cases {
        let (client, asked) = client(None, script);
        let error = assess(&client, &stage, subject(TEXT), &rules()).await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(asked.lock().unwrap().len(), times);
        assert_eq!(error.usage.input_tokens, 100 * times as u64, "what was spent is told");
        assert!(!error.hint().is_empty() && !error.is_budget());
    }
}

#[tokio::test(start_paused = true)]
async fn a_document_longer_than_the_context_is_split_and_merged() {
    let stage = Stage::overview().unwrap();
    let text =
        (0..100).map(|n| format!("Paragraph {n} of a long report on harbours.\n\n")).collect::<String>();
    let script = |_: usize, request: &ModelRequest| {
        let part = &request.messages[1].text;
        let quote = part.lines().find(|line| line.starts_with("Paragraph")).unwrap_or_default();
        ends(json!({
            "summary": format!("On {}.", &quote[..12].trim()),
            "key_points": [{"text": "t", "quote": quote}],
            "keywords": ["harbours"], "document_type": "report", "confidence": 0.5,
        }))
    };
    let (client, asked) = client(Some(2_500), Arc::new(script));
    let assessed = assess(&client, &stage, subject(&text), &rules()).await.unwrap();
    assert!(assessed.parts > 1, "{}", assessed.parts);
    assert_eq!(assessed.parts, asked.lock().unwrap().len());
    assert_eq!(assessed.dropped_quotes, 0);
    assert!(assessed.analysis.summary.starts_with("On Paragraph 0"));
    let starts: Vec<_> = assessed.analysis.key_points.iter().map(|point| point.place.start).collect();
    assert!(starts.is_sorted() && starts.len() == assessed.parts.min(8), "{starts:?}");
    let all: String = asked.lock().unwrap().iter().map(|request| request.messages[1].text.clone()).collect();
    assert!((0..100).all(|n| all.contains(&format!("Paragraph {n} of"))), "nothing is cut silently");

    let (client, asked) = self::client(Some(1_500), Arc::new(script));
    let error = assess(&client, &stage, subject(&text), &rules()).await.unwrap_err();
    assert!(
        matches!(error.problem, AnswerProblem::Model(ref error) if error.kind == ModelErrorKind::TooLong)
    );
    assert!(asked.lock().unwrap().is_empty());
}
