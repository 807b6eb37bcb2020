//! What a fleet cannot begin with is said in one line, with what to do, and without a secret.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

use sheaf_common::redis::stand::RedisStand;
use sheaf_tests::{
    fleet::{Fleet, free_port},
    program::{Running, Signal},
};

const SECRET: &str = "hunter2-never-to-be-seen";
/// A Redis that may only be starting is waited for, which is said before it is given up.
const WAITS: &str = "Redis cannot be used, trying again until it can";

/// A fleet with one document.
fn one_document() -> Fleet {
    let fleet = super::fleet();
    fleet.room().write("set/a.txt", "The tide gauge of the harbour was read at noon.");
    fleet
}

/// Runs the command, which must end with status 1 and one error that says all of `says`.
#[track_caller]
fn refused(mut command: Command, says: &[&str]) {
    let ended = Running::of(command.spawn().unwrap()).end();
    assert_eq!((ended.status, ended.stdout.as_str()), (Some(1), ""), "{}", ended.stderr);
    let (waits, errors): (Vec<_>, Vec<_>) = ended.stderr.lines().partition(|line| line.contains(WAITS));
    let [line] = errors.as_slice() else { panic!("{}", ended.stderr) };
    println!("{line}");
    assert!(line.starts_with("error: ") && waits.len() <= 1, "{}", ended.stderr);
    for part in says {
        assert!(line.contains(part), "{line:?} does not say {part:?}");
    }
    assert!(!ended.stderr.contains(SECRET), "{}", ended.stderr);
    assert!(!line.contains("os error") && !line.contains("Error {"), "{line}");
}

#[track_caller]
fn redis_refused(redis_url: &str, says: &[&str]) {
    let fleet = one_document();
    refused(fleet.command(["set", "--redis-url", redis_url]), says);
    assert!(!fleet.room().path().join("out").exists(), "a run that could not begin leaves no folder");
}

#[test]
fn a_redis_that_cannot_be_trusted_or_reached_is_refused() {
    let guarded = RedisStand::start(&["--requirepass", "another"]);
    redis_refused(
        &format!("redis://:{SECRET}@127.0.0.1:{}", guarded.port()),
        &["check the user and the password"],
    );
    redis_refused(guarded.url().expose(), &["check the user and the password"]);

    let forgetful = RedisStand::start(&["--maxmemory-policy", "allkeys-lru"]);
    redis_refused(
        forgetful.url().expose(),
        &["cannot be trusted with jobs", "allkeys-lru", "CONFIG SET maxmemory-policy noeviction"],
    );
    let nobody = format!("redis://:{SECRET}@127.0.0.1:{}", free_port());
    redis_refused(&nobody, &["tried ", "check that Redis runs"]);
    redis_refused(&format!("http://:{SECRET}@127.0.0.1"), &["is not the URL of a Redis"]);
    redis_refused(&aged(), &["cannot be trusted with jobs", "Redis 6.2.0 is too old", "install Redis 7.0"]);
}

#[test]
fn a_refusal_takes_nothing_from_an_earlier_part_of_the_run() {
    let fleet = one_document();
    let ended = fleet.room().run(["run", "set", "--out", "out", "--progress", "none"]);
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    refused(fleet.command(["set", "--redis-url", "http://127.0.0.1"]), &["is not the URL of a Redis"]);
    assert_eq!(fleet.room().records("out").len(), 1);
}

#[test]
fn a_redis_without_its_file_is_warned_of() {
    let fleet = one_document();
    let redis = RedisStand::start(&["--appendonly", "no"]);
    let coordinator = fleet.run(&["set", "--redis-url", redis.url().expose()]);
    let workers: [_; 1] = fleet.workers(&[]);
    let ended = coordinator.end();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let warnings: Vec<_> = ended.stderr.lines().filter(|line| line.starts_with("warning: ")).collect();
    let [warning] = warnings.as_slice() else { panic!("{}", ended.stderr) };
    println!("{warning}");
    assert!(
        warning.contains("its append-only file is off") && warning.contains("CONFIG SET appendonly yes"),
        "{warning}"
    );
    fleet.disband(workers);
}

#[test]
fn no_redis_installed_is_refused() {
    let fleet = one_document();
    let mut command = fleet.command(["set"]);
    command.env("PATH", fleet.room().path());
    refused(
        command,
        &["neither redis-server nor valkey-server is installed", "apt-get install", "--redis-url"],
    );
}

#[test]
fn an_open_port_is_refused_unless_somebody_answers_for_it() {
    let fleet = one_document();
    let open = format!("0.0.0.0:{}", free_port());
    let arguments = ["run", "set", "--enable-queue", "--out", "out", "--progress", "none", "--listen", &open];
    refused(fleet.room().command(arguments), &[&open, "token", "--insecure"]);

    let mut command = fleet.room().command(arguments.iter().chain(&["--insecure"]));
    let mut coordinator = Running::of(command.spawn().unwrap());
    assert!(
        coordinator.until(|coordinator| coordinator.stderr().contains("--coordinator http://THIS-HOST:"))
    );
    assert!(coordinator.stderr().contains("workers register without TLS"), "{}", coordinator.stderr());
    coordinator.signal(Signal::INT);
    assert_eq!(coordinator.end().status, Some(130));
    fleet.room().until_deserted();
}

#[test]
fn a_taken_port_is_refused() {
    let fleet = one_document();
    let _taken = TcpListener::bind(fleet.listen()).unwrap();
    refused(fleet.command(["set"]), &[&fleet.listen(), "give another --listen"]);
}

#[test]
fn a_worker_that_does_not_know_the_token_is_refused() {
    let fleet = one_document();
    fs::write(fleet.room().path().join("token"), SECRET).unwrap();
    let coordinator = fleet.run(&["set", "--token-file", "token"]);
    refused(fleet.worker_command(&[]), &["the coordinator at", "refuses"]);
    let mut wrong = fleet.worker_command(&[]);
    wrong.env("SHEAF_TOKEN", format!("{SECRET}-no-longer"));
    refused(wrong, &["the coordinator at", "refuses"]);
    let workers: [_; 1] = fleet.workers(&["--token-file", "token"]);
    let ended = coordinator.end();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert!(!ended.stderr.contains(SECRET), "{}", ended.stderr);
    fleet.disband(workers);
}

/// A server that says that it is Redis 6.2; its URL. It answers until the test ends.
fn aged() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            thread::spawn(move || answer(&connection));
        }
    });
    format!("redis://{address}")
}

/// Answers commands, each an array of strings, until the connection ends.
fn answer(connection: &TcpStream) -> std::io::Result<()> {
    let mut lines = BufReader::new(connection).lines();
    while let Some(count) = lines.next().transpose()? {
        let parts: usize = count.trim_start_matches('*').parse().unwrap_or_default();
        // Before each part stands a line with its length.
        let words = (0..2 * parts).map_while(|_| lines.next()).collect::<Result<Vec<_>, _>>()?;
        let info = "redis_version:6.2.0\r\nredis_mode:standalone\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\n";
        let said = match words.get(1).map(|word| word.to_ascii_uppercase()).as_deref() {
            Some("INFO") => format!("${}\r\n{info}\r\n", info.len()),
            Some("TIME") => {
                let now =
                    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().to_string();
                format!("*2\r\n${}\r\n{now}\r\n$1\r\n0\r\n", now.len())
            }
            Some("CONFIG") => "*2\r\n$11\r\nappendfsync\r\n$8\r\neverysec\r\n".to_owned(),
            _ => "+OK\r\n".to_owned(),
        };
        (&mut &*connection).write_all(said.as_bytes())?;
    }
    Ok(())
}
