//! Answers that cannot be used: broken, refused, cut.

use serde_json::json;
use sheaf_common::analysis::Analysis;
use sheaf_llm::{
    AnswerProblem, AssessError, Assessed, Client, Stage, Subject, assess, config::Provider as Whose,
};
use sheaf_tests::provider::{Content, Deed, Provider, Script, When};

use crate::models::{Backend, client, settings};

const TEXT: &str = "The harbour of Lund was dredged in 1911.\n\nTraffic doubled within a decade.";

async fn assessed(client: &Client, text: &str) -> Result<Assessed, AssessError> {
    let stage = Stage::overview().unwrap();
    let subject = Subject { id: 1, title: Some("A harbour"), text, deadline: None };
    assess(client, &stage, subject, &Analysis::default()).await
}

/// A provider that does this to the first requests.
fn at_first(times: usize, content: Content) -> Provider {
    Provider::start(Script::default().rule(When::Numbers(0..times), Deed::says(content)))
}

#[tokio::test]
async fn a_fitting_answer_is_an_analysis_in_every_interface() {
    for (whose, model) in [
        (Whose::Custom, "scripted-model"),
        (Whose::Ollama, "scripted-model"),
        (Whose::Anthropic, "claude-sonnet-4-5"),
        // By a tool, as older models have no schema of answers.
        (Whose::Anthropic, "claude-3-5-haiku"),
    ] {
        let provider = Provider::start(Script::default());
        let mut backend = Backend::in_dialect(whose, "one", &provider, 1);
        backend.config.model = Some(model.to_owned());
        let client = client(settings(5), [backend]);
        let found = assessed(&client, TEXT).await.unwrap();
        assert_eq!((found.attempts, found.repairs, found.dropped_quotes), (1, 0, 0), "{whose} {model}");
        assert_eq!((&*found.model, &*found.backend), (model, "one"));
        assert_eq!(found.analysis.key_points[0].quote, "The harbour of Lund was dredged in 1911.");
        let seen = provider.seen();
        assert_eq!(
            (found.usage.input_tokens, found.usage.output_tokens),
            (seen.input_tokens, seen.output_tokens)
        );
        assert!(seen.tokens() > 100);
    }
}

#[tokio::test]
async fn an_answer_that_breaks_the_schema_is_mended_once() {
    for content in [
        Content::Text("I would rather talk.".to_owned()),
        Content::Bent("/key_points", json!("none")),
        Content::Bent("/confidence", json!(7)),
        Content::Bent("/document_type", json!("a kind that nobody named")),
        Content::Bent("/summary", json!("  ")),
    ] {
        let provider = at_first(1, content.clone());
        let client = client(settings(5), [Backend::at("one", &provider, 1)]);
        let found = assessed(&client, TEXT).await.unwrap();
        assert_eq!((found.repairs, found.attempts, provider.seen().requests), (1, 2, 2), "{content:?}");
        assert_eq!(found.usage.input_tokens, provider.seen().input_tokens, "both are paid for");
    }
}

#[tokio::test]
async fn wrong_twice_is_a_failure_with_its_reason_and_no_third_attempt() {
    let provider = at_first(9, Content::Bent("/confidence", json!(7)));
    let client = client(settings(5), [Backend::at("one", &provider, 1)]);
    let error = assessed(&client, TEXT).await.unwrap_err();
    assert!(matches!(error.problem, AnswerProblem::Invalid(_)), "{error}");
    assert!(error.to_string().contains("`/confidence`") && !error.hint().is_empty(), "{error}");
    assert_eq!((provider.seen().requests, error.attempts), (2, 2));
    assert_eq!(error.usage.input_tokens, provider.seen().input_tokens, "what was spent is told");
    // Answers that cannot be used say nothing against the backend.
    provider.change(Script::default());
    for _ in 0..8 {
        assert!(assessed(&client, TEXT).await.is_ok());
    }
}

#[tokio::test]
async fn a_refusal_is_told_with_its_words_and_not_asked_again() {
    for whose in [Whose::Custom, Whose::Anthropic] {
        let provider = at_first(9, Content::Refusal("I cannot help with harbours.".to_owned()));
        let client = client(settings(5), [Backend::in_dialect(whose, "one", &provider, 1)]);
        let error = assessed(&client, TEXT).await.unwrap_err();
        assert!(matches!(error.problem, AnswerProblem::Refused(_)), "{error}");
        assert!(error.to_string().contains("I cannot help with harbours."), "{error}");
        assert_eq!(provider.seen().requests, 1);
    }
}

#[tokio::test]
async fn an_answer_cut_by_the_cap_on_tokens_is_asked_for_once_more_and_never_used() {
    for whose in [Whose::Custom, Whose::Anthropic, Whose::Ollama] {
        let provider = at_first(1, Content::OutOfLength);
        let one = client(settings(5), [Backend::in_dialect(whose, "one", &provider, 1)]);
        let found = assessed(&one, TEXT).await.unwrap();
        assert_eq!((found.repairs, provider.seen().requests), (1, 2), "{whose}");

        let provider = at_first(9, Content::OutOfLength);
        let one = client(settings(5), [Backend::in_dialect(whose, "one", &provider, 1)]);
        let error = assessed(&one, TEXT).await.unwrap_err();
        assert!(matches!(error.problem, AnswerProblem::Cut(1_200)), "{whose}: {error}");
        assert_eq!(provider.seen().requests, 2);
    }
}

#[tokio::test]
async fn an_invented_quote_is_dropped_and_counted() {
    let provider = at_first(1, Content::Bent("/key_points/0/quote", json!("was dredged in 1912")));
    let client = client(settings(5), [Backend::at("one", &provider, 1)]);
    let found = assessed(&client, TEXT).await.unwrap();
    assert_eq!((found.dropped_quotes, found.analysis.key_points.len(), found.repairs), (1, 0, 0));
}

#[tokio::test]
async fn a_document_longer_than_every_context_is_split_and_none_of_it_is_cut() {
    let paragraph = |n: usize| format!("Paragraph {n} of a long report on harbours and their dredging.");
    let text = (0..120).map(paragraph).collect::<Vec<_>>().join("\n\n");
    let bodies = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let remember = When::test({
        let bodies = bodies.clone();
        move |_, body| {
            bodies.lock().unwrap().push_str(body);
            false
        }
    });
    let provider = Provider::start(Script::default().rule(remember, Deed::default()));
    let client = client(settings(5), [Backend::at("one", &provider, 4).context(2_800)]);
    let found = assessed(&client, &text).await.unwrap();
    assert!(found.parts > 1 && found.parts == provider.seen().requests, "{}", found.parts);
    let bodies = bodies.lock().unwrap();
    for n in 0..120 {
        assert!(bodies.contains(&paragraph(n)), "paragraph {n} was never sent whole");
    }
}
