//! The person's own mistakes: told at once, with what to mend, and never held against a backend.

use std::time::Duration;

use sheaf_llm::{ModelError, ModelErrorKind, config::Provider as Whose};
use sheaf_tests::provider::{Content, Deed, Provider, Script, When};
use url::Url;

use crate::models::{Backend, KEY, all_answered, client, request, requests, settings};

/// One line, and something to do.
fn is_helpful(error: &ModelError) -> bool {
    !error.message.contains('\n') && !error.hint.is_empty() && !error.hint.contains('\n')
}

#[tokio::test]
async fn a_wrong_key_stops_everything_before_more_is_spent() {
    for whose in [Whose::Custom, Whose::Anthropic] {
        let script = Script { key: Some("another".to_owned()), ..Script::latency(Duration::from_millis(20)) };
        let provider = Provider::start(script);
        let client = client(settings(5), [Backend::in_dialect(whose, "one", &provider, 4)]);
        let answers = client.ask_all(requests(200)).await;
        for answer in answers {
            let error = answer.unwrap_err();
            assert_eq!((error.kind, error.status), (ModelErrorKind::Unauthorized, Some(401)));
            assert!(is_helpful(&error) && error.hint.contains("LLM_API_KEY"), "{}", error.hint);
        }
        let seen = provider.seen();
        assert!(seen.requests <= 4, "only what was on its way already: {}", seen.requests);
        assert_eq!((seen.tokens(), client.spent().tokens.input, client.spent().money.0), (0, 0, 0));
        assert_eq!(client.stopped().unwrap().kind, ModelErrorKind::Unauthorized);
        // And nothing that comes later is sent.
        assert!(client.ask(request(1)).await.is_err());
        assert_eq!(provider.seen().requests, seen.requests);
    }
}

#[tokio::test]
async fn a_key_that_is_right_until_it_is_revoked_stops_the_rest() {
    let script = Script::default().rule(When::Numbers(10..1_000), Deed::error(401));
    let provider = Provider::start(script);
    let client = client(settings(5), [Backend::at("one", &provider, 4)]);
    let answers = client.ask_all(requests(100)).await;
    assert_eq!(answers.iter().flatten().count(), 10);
    let seen = provider.seen();
    assert!((11..=14).contains(&seen.requests), "{}", seen.requests);
    assert_eq!(client.spent().tokens.input, seen.input_tokens);
}

#[tokio::test]
async fn an_unknown_model_and_an_empty_account_stop_everything_too() {
    let unknown = Script { models: vec!["another-model".to_owned()], ..Script::default() };
    let quota = Content::Error("insufficient_quota", "You exceeded your current quota".to_owned());
    let empty = Script::default().rule(When::Always, Deed { status: 429, ..Deed::says(quota) });
    let cases = [
        (unknown, ModelErrorKind::UnknownModel, 404, "scripted-model"),
        (empty, ModelErrorKind::OutOfQuota, 429, "quota"),
    ];
    for (script, kind, status, words) in cases {
        let provider = Provider::start(script);
        let client = client(settings(5), [Backend::at("one", &provider, 4)]);
        for answer in client.ask_all(requests(50)).await {
            let error = answer.unwrap_err();
            assert_eq!((error.kind, error.status), (kind, Some(status)));
            assert!(is_helpful(&error) && error.message.contains(words), "{error}");
        }
        assert!(provider.seen().requests <= 4, "{}", provider.seen().requests);
    }
}

#[tokio::test]
async fn bad_requests_are_told_at_once_and_never_open_the_breaker() {
    let script = Script::default().rule(When::Numbers(0..60), Deed::error(400));
    let provider = Provider::start(script);
    let client = client(settings(5), [Backend::at("one", &provider, 8)]);
    for answer in client.ask_all(requests(60)).await {
        let error = answer.unwrap_err();
        assert_eq!((error.kind, error.status), (ModelErrorKind::BadRequest, Some(400)));
    }
    assert_eq!(provider.seen().requests, 60, "each was sent once");
    // A breaker that 60 failures opened would say that nobody is there.
    assert!(all_answered(&client.ask_all(requests(20)).await));
    assert_eq!(provider.seen().requests, 80);
}

#[tokio::test]
async fn a_key_is_told_to_nobody() {
    let echo = format!("the key {KEY} (also known as sk-scripted-01234***) may not do this");
    let provider = Provider::start(
        Script::default()
            .rule(When::Always, Deed { status: 400, ..Deed::says(Content::Error("invalid", echo)) }),
    );
    let backend = Backend::at("one", &provider, 1);
    let shown = format!("{:?}", backend.config);
    let client = client(settings(1), [backend]);
    let error = client.ask(request(1)).await.unwrap_err();
    for text in [error.to_string(), format!("{error:?}"), shown, format!("{:?}", client.statistics())] {
        assert!(!text.contains("sk-scripted-01234"), "{text}");
    }
    assert_eq!(provider.seen().keys.into_iter().collect::<Vec<_>>(), [format!("Bearer {KEY}")]);
}

#[tokio::test]
async fn no_server_and_no_tls_are_told_in_one_line() {
    let mut provider = Provider::start(Script::default());
    let backend = Backend::at("one", &provider, 4);
    let mut secure = backend.clone();
    secure.config.base_url = Url::parse(&provider.v1().replace("http:", "https:")).unwrap();
    let error = client(settings(5), [secure]).ask(request(1)).await.unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::Tls, "{error}");
    assert!(is_helpful(&error) && error.hint.contains("plain http"), "{}", error.hint);

    provider.stop();
    let error = client(settings(2), [backend]).ask(request(1)).await.unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::Connect, "{error}");
    assert!(is_helpful(&error) && error.hint.contains("Is the server up"), "{}", error.hint);
    assert_eq!(provider.seen().requests, 0);
}

#[tokio::test]
async fn what_is_too_long_goes_elsewhere_or_is_told_and_is_never_cut() {
    let (small, large) = (Provider::start(Script::default()), Provider::start(Script::default()));
    let backends =
        [Backend::at("small", &small, 2).context(60), Backend::at("large", &large, 2).context(4_000)];
    let client = client(settings(5), backends);
    let long = |words: usize| {
        let text = format!("Beginning {} end.", "word ".repeat(words));
        let mut request = request(1);
        request.messages = [sheaf_llm::Message { role: sheaf_llm::Role::User, text }].into();
        request
    };
    for _ in 0..4 {
        let answered = client.ask(long(500)).await.unwrap();
        assert_eq!(&*answered.answer.backend, "large");
        let echoed = &answered.answer.text;
        assert!(echoed.contains("Beginning word") && echoed.ends_with("word  end."), "nothing was cut");
    }
    assert_eq!(small.seen().requests, 0);
    let error = client.ask(long(50_000)).await.unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::TooLong);
    assert!(is_helpful(&error) && error.message.contains("4000 tokens"), "{error}");
    assert_eq!(large.seen().requests, 4, "it was not sent");
}

#[tokio::test]
async fn a_provider_that_finds_it_too_long_is_believed_at_once() {
    let words = "This model's maximum context length is 8192 tokens".to_owned();
    let deed = Deed { status: 400, ..Deed::says(Content::Error("context_length_exceeded", words)) };
    let provider = Provider::start(Script::default().rule(When::Always, deed));
    let client = client(settings(5), [Backend::at("one", &provider, 1)]);
    let error = client.ask(request(1)).await.unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::TooLong);
    assert_eq!(provider.seen().requests, 1);
}
