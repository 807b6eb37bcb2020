//! One owner of retries: kind, status, `Retry-After`, backoff.

use std::time::Duration;

use sheaf_llm::{ModelErrorKind, Stage, Subject, assess, config::Provider as Whose};
use sheaf_tests::provider::{Content, Deed, Delivery, Provider, Script, When};

use crate::models::{Backend, all_answered, client, request, requests, settings};

/// Time between the arrivals of two requests.
fn gap(provider: &Provider, earlier: usize, later: usize) -> Duration {
    let arrivals = provider.seen().arrivals;
    arrivals[later] - arrivals[earlier]
}

#[tokio::test]
async fn a_server_error_is_tried_again_with_backoff_that_grows() {
    let provider = Provider::start(Script::default().rule(When::Numbers(0..2), Deed::error(500)));
    let client = client(settings(5), [Backend::at("one", &provider, 1)]);
    let answered = client.ask(request(1)).await.unwrap();
    assert_eq!(answered.attempts, 3);
    // Half a second and a second, of which at least half is waited.
    assert!(gap(&provider, 0, 1) >= Duration::from_millis(250));
    assert!(gap(&provider, 1, 2) >= Duration::from_millis(500));
    assert!(answered.waited >= Duration::from_millis(750));
    assert_eq!(client.statistics().retries, 2);
}

#[tokio::test]
async fn retries_do_not_multiply() {
    // Neither by the layers, nor by the number of backends, nor by the one repair of an answer.
    let ill = || Script::default().rule(When::Always, Deed::error(500));
    let (one, two) = (Provider::start(ill()), Provider::start(ill()));
    let client_of_two = client(settings(4), [Backend::at("one", &one, 4), Backend::at("two", &two, 4)]);
    let stage = Stage::overview().unwrap();
    let subject = Subject { id: 1, title: None, text: "A text about harbours.", deadline: None };
    let error = assess(&client_of_two, &stage, subject, &sheaf_common::analysis::Analysis::default())
        .await
        .unwrap_err();
    assert_eq!(one.seen().requests + two.seen().requests, 4);
    assert!(one.seen().requests > 0 && two.seen().requests > 0, "the other one is tried too");
    assert!(error.to_string().contains("after 4 attempts"), "{error}");

    let provider = Provider::start(ill());
    let client = client(settings(2), [Backend::at("one", &provider, 4)]);
    let error = client.ask(request(1)).await.unwrap_err();
    assert_eq!((error.kind, error.status), (ModelErrorKind::Server, Some(500)));
    assert_eq!(provider.seen().requests, 2);
}

#[tokio::test]
async fn a_short_retry_after_is_waited_out() {
    for status in [429, 503] {
        let deed = Deed::error(status).header("retry-after-ms", "250");
        let provider = Provider::start(Script::default().rule(When::Numbers(0..1), deed));
        let client = client(settings(5), [Backend::at("one", &provider, 1)]);
        assert_eq!(client.ask(request(1)).await.unwrap().attempts, 2);
        assert!(gap(&provider, 0, 1) >= Duration::from_millis(250), "{status}: {:?}", gap(&provider, 0, 1));
    }
}

#[tokio::test]
async fn a_429_that_names_no_time_is_waited_out_too() {
    let provider = Provider::start(Script::default().rule(When::Numbers(0..2), Deed::error(429)));
    let client = client(settings(1), [Backend::at("one", &provider, 1)]);
    assert_eq!(client.ask(request(1)).await.unwrap().attempts, 3, "waiting for a limit is no attempt");
    assert!(gap(&provider, 0, 1) >= Duration::from_millis(500), "{:?}", gap(&provider, 0, 1));
    assert_eq!(client.statistics().rate_limited, 2);
}

#[tokio::test]
async fn a_long_retry_after_fails_over_to_another_backend() {
    for status in [429, 503] {
        let deed = Deed::error(status).header("retry-after", "3600");
        let busy = Provider::start(Script::default().rule(When::Always, deed));
        let free = Provider::start(Script::default());
        let mut settings = settings(5);
        settings.retry.longest_wait = Duration::from_mins(1);
        let client = client(settings, [Backend::at("busy", &busy, 1), Backend::at("free", &free, 1)]);
        for id in 0..20 {
            let answered = client.ask(request(id)).await.unwrap();
            assert_eq!(&*answered.answer.backend, "free");
        }
        assert_eq!(busy.seen().requests, 1, "{status}: it is left alone");
        assert_eq!(free.seen().requests, 20);
    }
}

#[tokio::test]
async fn an_absurd_retry_after_is_clamped() {
    // Of an overload: a hundred years become the longest wait of the settings, 300 ms.
    let deed = Deed::error(503).header("retry-after", "3153600000");
    let provider = Provider::start(Script::default().rule(When::Numbers(0..1), deed));
    let one = client(settings(5), [Backend::at("one", &provider, 1)]);
    assert_eq!(one.ask(request(1)).await.unwrap().attempts, 2);
    assert!(gap(&provider, 0, 1) >= Duration::from_millis(300));

    // And what is no time at all is as if it were not there.
    for nonsense in ["-5", "soon", "NaN"] {
        let deed = Deed::error(500).header("retry-after", nonsense);
        let provider = Provider::start(Script::default().rule(When::Numbers(0..1), deed));
        let client = client(settings(5), [Backend::at("one", &provider, 1)]);
        assert_eq!(client.ask(request(1)).await.unwrap().attempts, 2);
    }
}

#[tokio::test]
async fn an_overload_without_a_time_is_tried_once_in_place_then_the_backend_cools() {
    for whose in [Whose::Custom, Whose::Anthropic, Whose::Ollama] {
        let script = Script::default().rule(When::Numbers(0..2), Deed::error(529));
        let provider = Provider::start(script);
        let client = client(settings(5), [Backend::in_dialect(whose, "one", &provider, 1)]);
        assert_eq!(client.ask(request(1)).await.unwrap().attempts, 3, "{whose}");
        assert!(gap(&provider, 0, 1) >= Duration::from_millis(250), "{whose}: backoff in place");
        assert!(gap(&provider, 1, 2) >= Duration::from_millis(300), "{whose}: it cools");
    }

    let busy = Provider::start(Script::default().rule(When::Always, Deed::error(529)));
    let free = Provider::start(Script::default());
    let mut settings = settings(5);
    settings.retry.cooling = Duration::from_mins(1);
    settings.retry.longest_wait = Duration::from_mins(1);
    let client = client(settings, [Backend::at("busy", &busy, 1), Backend::at("free", &free, 1)]);
    for id in 0..6 {
        assert!(client.ask(request(id)).await.is_ok());
    }
    assert_eq!((busy.seen().requests, free.seen().requests), (2, 6), "once in place, then the other one");
}

#[tokio::test]
async fn a_provider_that_says_not_to_try_again_is_believed() {
    let deed = Deed::error(500).header("x-should-retry", "false");
    let provider = Provider::start(Script::default().rule(When::Always, deed));
    let client = client(settings(5), [Backend::at("one", &provider, 1)]);
    assert_eq!(client.ask(request(1)).await.unwrap_err().kind, ModelErrorKind::Server);
    assert_eq!(provider.seen().requests, 1);
}

#[tokio::test]
async fn one_in_ten_failing_for_good_leaves_the_others_alone_and_in_order() {
    let fails = |id: u64| id % 10 == 3;
    let failing = When::test(|_, body| body.contains("3.\""));
    for deed in [Deed::error(400), Deed::error(422), Deed::says(Content::Error("bad", "no".to_owned()))] {
        let status = if deed.status == 200 { 418 } else { deed.status };
        let script =
            Script::latency(Duration::from_millis(20)).rule(failing.clone(), Deed { status, ..deed });
        let provider = Provider::start(script);
        let client = client(settings(5), [Backend::at("one", &provider, 10)]);
        let answers = client.ask_all(requests(100)).await;
        for (id, answer) in (0..).zip(&answers) {
            match answer {
                Ok(answered) => {
                    assert_eq!((answered.answer.id, answered.attempts, fails(id)), (id, 1, false));
                }
                Err(error) => assert!(fails(id) && error.kind == ModelErrorKind::BadRequest, "{id}: {error}"),
            }
        }
        assert!(answers.iter().filter(|answer| answer.is_ok()).count() == 90);
        let seen = provider.seen();
        assert_eq!((seen.requests, seen.status(200), seen.status(status)), (100, 90, 10));
        assert!(seen.most_in_flight <= 10);
    }
}

#[tokio::test]
async fn one_in_ten_failing_again_and_again_leaves_the_others_alone() {
    // Failures that are tried again, until they are given up: the other nine are sent once.
    let failing = When::test(|_, body| body.contains("3.\""));
    let script = Script::latency(Duration::from_millis(20)).rule(failing, Deed::error(500));
    let provider = Provider::start(script);
    let client = client(settings(2), [Backend::at("one", &provider, 10)]);
    let answers = client.ask_all(requests(100)).await;
    let answered: Vec<_> = answers.iter().flatten().collect();
    assert_eq!(answered.len(), 90);
    assert!(answered.iter().all(|answered| answered.attempts == 1));
    let seen = provider.seen();
    assert_eq!((seen.status(200), seen.status(500)), (90, 20));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_asked_for_again() {
    for whose in [Whose::Custom, Whose::Anthropic, Whose::Ollama] {
        let script = Script::default()
            .rule(When::Numbers(0..1), Deed::sent(Delivery::Cut))
            .rule(When::Numbers(1..2), Deed::says(Content::Raw("{\"choices\": [{".to_owned())));
        let provider = Provider::start(script);
        let client = client(settings(5), [Backend::in_dialect(whose, "one", &provider, 1)]);
        let answers = client.ask_all(requests(1)).await;
        assert!(all_answered(&answers), "{whose}");
        assert_eq!(provider.seen().requests, 3);
    }
}

#[tokio::test]
async fn an_answer_of_another_interface_is_told_in_one_line() {
    for body in ["<html>Welcome to nginx</html>", "null", "[]", "{\"choices\": []}", ""] {
        let deed = Deed::says(Content::Raw(body.to_owned()));
        let provider = Provider::start(Script::default().rule(When::Always, deed));
        let client = client(settings(2), [Backend::at("one", &provider, 1)]);
        let error = client.ask(request(1)).await.unwrap_err();
        assert_eq!(error.kind, ModelErrorKind::Malformed, "{body}: {error}");
        assert_eq!(provider.seen().requests, 2);
        assert!(!error.message.contains('\n') && error.hint.contains("interface"), "{}", error.hint);
    }
}
