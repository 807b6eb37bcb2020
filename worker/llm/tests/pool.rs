//! Many requests over few slots: makespan, order, failures, backends that die and come back. In virtual time.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod provider;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use provider::{Answering, Limit, Provider, answer, failure, provider, request, requests, spec};
use sheaf_llm::{
    BackendSpec, Ceilings, Client, ClientError, ClientSettings, ModelErrorKind, ModelRequest, Parallelism,
    Price, Target,
};
use tokio::time::{Instant, sleep};
use tower::service_fn;

fn settings() -> ClientSettings {
    ClientSettings::default()
}

/// A backend that answers each request as `script` says.
fn scripted(
    script: impl Fn(ModelRequest) -> Answering + Clone + Send + Sync + 'static,
) -> impl sheaf_llm::ModelBackend {
    service_fn(script)
}

fn half_a_second(name: &'static str) -> impl sheaf_llm::ModelBackend {
    provider(Limit::None).service(name).0
}

#[tokio::test(start_paused = true)]
async fn makespan_is_the_ideal() {
    for (count, slots, ideal, bound) in
        [(91, 10, 5.0, 1.01), (1_000, 100, 5.0, 1.02), (5_000, 500, 5.0, 1.02)]
    {
        for parallelism in [Parallelism::Fixed(slots), Parallelism::Adaptive { start: slots, most: slots }] {
            let client = Client::builder(settings())
                .backend(spec("one", parallelism), half_a_second("one"))
                .build()
                .unwrap();
            let began = Instant::now();
            let answers = client.ask_all(requests(count)).await;
            let ratio = began.elapsed().as_secs_f64() / ideal;
            println!("{count} at {slots}: {ratio:.4} of the ideal");
            assert!(answers.iter().all(Result::is_ok));
            assert!(ratio <= bound, "{ratio}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_in_ten_failing_for_good_leaves_the_others_alone_and_in_order() {
    let backend = scripted(|request| {
        Box::pin(async move {
            sleep(Duration::from_millis(500)).await;
            match request.id % 10 {
                3 => Err(failure(ModelErrorKind::BadRequest, 400, None)),
                _ => Ok(answer(&request, "one", Duration::from_millis(500))),
            }
        })
    });
    let client =
        Client::builder(settings()).backend(spec("one", Parallelism::Fixed(10)), backend).build().unwrap();
    let began = Instant::now();
    let answers = client.ask_all(requests(100)).await;
    assert!(began.elapsed().as_secs_f64() <= 5.05);
    for (id, result) in (0..).zip(answers) {
        match result {
            Ok(answered) => assert_eq!((answered.answer.id, answered.attempts), (id, 1)),
            Err(error) => assert_eq!((error.kind, id % 10), (ModelErrorKind::BadRequest, 3)),
        }
    }
    let statistics = client.statistics();
    assert_eq!((statistics.answered, statistics.failed, statistics.retries), (90, 10, 0));
    assert_eq!(statistics.statuses["400"], 10);
}

#[tokio::test(start_paused = true)]
async fn backends_of_different_speed_share_the_work_almost_ideally() {
    for speeds in
        [vec![(10, 500), (10, 1_500)], vec![(4, 300), (8, 1_000), (2, 3_000)], vec![(1, 500), (1, 5_000)]]
    {
        let names = ["one", "two", "three"];
        let mut builder = Client::builder(settings());
        let mut rate = 0.0;
        for ((slots, ms), name) in speeds.iter().zip(names) {
            let latency = Duration::from_millis(*ms);
            rate += f64::from(*slots) / latency.as_secs_f64();
            let backend = Provider { latency, ..provider(Limit::None) }.service(name).0;
            builder = builder.backend(spec(name, Parallelism::Fixed(*slots as usize)), backend);
        }
        let client = builder.build().unwrap();
        let began = Instant::now();
        assert!(client.ask_all(requests(300)).await.iter().all(Result::is_ok));
        let ratio = began.elapsed().as_secs_f64() / (300.0 / rate);
        println!("{speeds:?}: {ratio:.3} of the ideal split");
        assert!(ratio <= 1.10, "{speeds:?}: {ratio}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_backend_killed_in_the_middle_loses_nothing_and_is_used_again() {
    let (alive, asked) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let mortal = scripted({
        let (alive, asked) = (alive.clone(), asked.clone());
        move |request| {
            let (alive, asked) = (alive.clone(), asked.clone());
            Box::pin(async move {
                asked.fetch_add(1, Ordering::SeqCst);
                for _ in 0..50 {
                    if !alive.load(Ordering::SeqCst) {
                        return Err(failure(ModelErrorKind::Connect, 0, None));
                    }
                    sleep(Duration::from_millis(10)).await;
                }
                Ok(answer(&request, "mortal", Duration::from_millis(500)))
            })
        }
    });
    let client = Client::builder(settings())
        .backend(spec("mortal", Parallelism::Fixed(10)), mortal)
        .backend(spec("steady", Parallelism::Fixed(10)), half_a_second("steady"))
        .build()
        .unwrap();
    let script = {
        let (alive, asked) = (alive.clone(), asked.clone());
        async move {
            sleep(Duration::from_millis(1_250)).await;
            alive.store(false, Ordering::SeqCst);
            sleep(Duration::from_secs(4)).await;
            let while_dead = asked.load(Ordering::SeqCst);
            alive.store(true, Ordering::SeqCst);
            while_dead
        }
    };
    let (answers, while_dead) = tokio::join!(client.ask_all(requests(400)), script);
    assert!(answers.iter().all(Result::is_ok));
    // Three rounds before it died, then the probes.
    assert!(while_dead <= 33, "{while_dead}");
    assert!(asked.load(Ordering::SeqCst) >= while_dead + 50, "it is used again");
}

#[tokio::test(start_paused = true)]
async fn nobody_there_is_told_soon_and_a_pool_that_broke_is_waited_for() {
    let dead = scripted(|_| Box::pin(async { Err(failure(ModelErrorKind::Connect, 0, None)) }));
    let client =
        Client::builder(settings()).backend(spec("dead", Parallelism::Fixed(10)), dead).build().unwrap();
    let began = Instant::now();
    let answers = client.ask_all(requests(100)).await;
    assert!(answers.iter().all(|answer| {
        matches!(answer.as_ref().unwrap_err().kind, ModelErrorKind::Connect | ModelErrorKind::Unavailable)
    }));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());

    let start = Instant::now();
    let asked = Arc::new(AtomicUsize::new(0));
    let away = scripted({
        let asked = asked.clone();
        move |request| {
            asked.fetch_add(1, Ordering::SeqCst);
            let up = !(1.0..30.0).contains(&start.elapsed().as_secs_f64());
            Box::pin(async move {
                sleep(Duration::from_millis(500)).await;
                if up {
                    Ok(answer(&request, "away", Duration::from_millis(500)))
                } else {
                    Err(failure(ModelErrorKind::Connect, 0, None))
                }
            })
        }
    });
    let client =
        Client::builder(settings()).backend(spec("away", Parallelism::Fixed(10)), away).build().unwrap();
    let answers = client.ask_all(requests(100)).await;
    assert!(answers.iter().all(Result::is_ok));
    assert!(asked.load(Ordering::SeqCst) <= 125, "it does not spin: {asked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_key_stops_everything_before_it_spends() {
    let asked = Arc::new(AtomicUsize::new(0));
    let backend = scripted({
        let asked = asked.clone();
        move |_| {
            asked.fetch_add(1, Ordering::SeqCst);
            Box::pin(async {
                sleep(Duration::from_millis(50)).await;
                Err(failure(ModelErrorKind::Unauthorized, 401, None))
            })
        }
    });
    let client =
        Client::builder(settings()).backend(spec("one", Parallelism::Fixed(4)), backend).build().unwrap();
    let answers = client.ask_all(requests(1_000)).await;
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap_err().kind == ModelErrorKind::Unauthorized));
    assert_eq!(asked.load(Ordering::SeqCst), 4, "only what was in flight already");
    assert!(client.stopped().is_some());
}

#[tokio::test(start_paused = true)]
async fn hangs_end_at_the_time_limit_and_deadlines_are_kept() {
    let hang = scripted(|_| Box::pin(std::future::pending()));
    let client =
        Client::builder(settings()).backend(spec("hang", Parallelism::Fixed(1)), hang).build().unwrap();
    let began = Instant::now();
    let error = client.ask(request(1)).await.unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::Timeout);
    assert!((240.0..245.0).contains(&began.elapsed().as_secs_f64()), "{:?}", began.elapsed());
    assert!(error.message.contains("after 2 attempts"), "{}", error.message);

    let deadline = Instant::now() + Duration::from_secs(7);
    let error =
        client.ask(ModelRequest { deadline: Some(deadline.into_std()), ..request(2) }).await.unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::Unavailable);
    assert_eq!(Instant::now().duration_since(deadline).as_millis() / 10, 0);
}

#[tokio::test(start_paused = true)]
async fn an_overload_is_retried_in_place_then_left_alone() {
    let times = Arc::new(std::sync::Mutex::new(Vec::new()));
    let begin = Instant::now();
    let backend = scripted({
        let times = times.clone();
        move |request| {
            let mut times = times.lock().unwrap();
            times.push(begin.elapsed().as_secs_f64());
            let overloaded = times.len() <= 3;
            Box::pin(async move {
                if overloaded {
                    Err(failure(ModelErrorKind::Overloaded, 529, None))
                } else {
                    Ok(answer(&request, "one", Duration::ZERO))
                }
            })
        }
    });
    let client =
        Client::builder(settings()).backend(spec("one", Parallelism::Fixed(1)), backend).build().unwrap();
    assert_eq!(client.ask(request(1)).await.unwrap().attempts, 4);
    let times = times.lock().unwrap();
    assert!((0.25..=0.51).contains(&times[1]), "{times:?}");
    assert!((5.0..5.6).contains(&times[2]) && (15.0..15.7).contains(&times[3]), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_long_wait_fails_over_and_the_primary_can_be_asked_for() {
    let (busy, free) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let overloaded = scripted({
        let busy = busy.clone();
        move |_| {
            busy.fetch_add(1, Ordering::SeqCst);
            Box::pin(async { Err(failure(ModelErrorKind::Overloaded, 503, Some(3_600.0))) })
        }
    });
    let other = scripted({
        let free = free.clone();
        move |request| {
            free.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move { Ok(answer(&request, "other", Duration::ZERO)) })
        }
    });
    let client = Client::builder(settings())
        .backend(spec("busy", Parallelism::Fixed(1)), overloaded)
        .backend(BackendSpec { primary: true, ..spec("other", Parallelism::Fixed(1)) }, other)
        .build()
        .unwrap();
    let began = Instant::now();
    for id in 0..10 {
        assert_eq!(&*client.ask(request(id)).await.unwrap().answer.backend, "other");
    }
    assert_eq!(busy.load(Ordering::SeqCst), 1);
    assert!(began.elapsed() < Duration::from_secs(1));
    let primary = ModelRequest { target: Target::Primary, ..request(11) };
    assert_eq!(&*client.ask(primary).await.unwrap().answer.backend, "other");
}

#[tokio::test(start_paused = true)]
async fn what_is_too_long_goes_to_a_larger_context_or_is_told() {
    let small = BackendSpec { context: Some(30), ..spec("small", Parallelism::Fixed(1)) };
    let large = BackendSpec { context: Some(200), ..spec("large", Parallelism::Fixed(1)) };
    let client = Client::builder(settings())
        .backend(small, half_a_second("small"))
        .backend(large, half_a_second("large"))
        .build()
        .unwrap();
    assert_eq!(&*client.ask(request(1)).await.unwrap().answer.backend, "large");
    let error = client.ask(ModelRequest { most_output_tokens: 500, ..request(1) }).await.unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::TooLong);
    assert!(error.message.contains("200 tokens"), "{}", error.message);
    assert_eq!(client.longest_input(50), Some(150));
}

#[tokio::test(start_paused = true)]
async fn a_budget_that_fits_40_of_100_is_never_exceeded() {
    let price = Some(Price { input: 1.0, output: 2.0 });
    // 20 in and 10 out are 40 millionths of a dollar; 40 of them, and the worst case of the last one.
    for ceilings in [
        Ceilings { usd: Some(0.001_6 + 0.000_04), tokens: None },
        Ceilings { usd: None, tokens: Some(1_200 + 25) },
    ] {
        let spec = BackendSpec { price, ..spec("one", Parallelism::Fixed(10)) };
        let settings = ClientSettings { ceilings, ..settings() };
        let client = Client::builder(settings).backend(spec, half_a_second("one")).build().unwrap();
        let answers = client.ask_all(requests(100)).await;
        let answered = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(answered, 40);
        let refused = answers.iter().filter_map(|answer| answer.as_ref().err());
        assert!(refused.into_iter().all(|error| error.kind == ModelErrorKind::Budget));
        assert_eq!(client.spent().tokens.input + client.spent().tokens.output, 1_200);
        assert_eq!(client.spent().money.0, 1_600_000);
        assert!((client.statistics().cost_usd - 0.0016).abs() < 1e-12);
    }
}

#[tokio::test(start_paused = true)]
async fn a_ceiling_in_money_needs_a_price() {
    let settings = ClientSettings { ceilings: Ceilings { usd: Some(1.0), tokens: None }, ..settings() };
    let spec = BackendSpec { price: None, ..spec("one", Parallelism::Fixed(1)) };
    let error = Client::builder(settings).backend(spec, half_a_second("one")).build().err().unwrap();
    assert!(matches!(error, ClientError::NoPrice { .. }));
    assert!(error.to_string().contains("`test-model`"));
    assert_eq!(Client::builder(ClientSettings::default()).build().err(), Some(ClientError::NoBackend));
}
