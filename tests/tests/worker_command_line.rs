//! The command line of `worker`: what is wrong is said in one line.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use sheaf_tests::program::Room;

const PROGRAM: &str = env!("CARGO_BIN_EXE_worker-under-test");

#[test]
fn wrong_command_lines_are_told_in_one_line() {
    let room = Room::new(PROGRAM);
    room.write("short", "secret");
    let url = "http://127.0.0.1:9";
    for (arguments, said) in [
        (&["start"][..], "the following required arguments were not provided: --coordinator <URL>"),
        (&["start", "--coordinator"], "a value is required for '--coordinator <URL>'"),
        (&["start", "--coordinator", url, "--analysis-workers", "0"], "0 is not in 1..=1024"),
        (&["start", "--coordinator", url, "--grace", "soon"], "this is not a number of seconds"),
        (&["start", "--coordinator", url, "--tls-key", "k.pem"], "--tls-certificate <FILE>"),
        (&["start", "--coordinator", url, "--token-file", "nowhere"], "--token-file nowhere cannot be read"),
        (&["start", "--coordinator", url, "--token-file", "short"], "a token has at least 16 characters"),
        (
            &["start", "--coordinator", "foo"],
            "--coordinator foo is no address of a coordinator: it begins with neither",
        ),
        (&["start", "--coordinator", "hub:7700"], "give one such as http://127.0.0.1:7700"),
        (&["start", "--coordinator", "http://"], "--coordinator http:// is no address of a coordinator"),
        (&["start", "--coordinator", ""], "is no address of a coordinator"),
        (&["begin"], "unrecognized subcommand 'begin'"),
    ] {
        let ended = room.run(arguments);
        assert_eq!(ended.status, Some(2), "{arguments:?}: {}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.starts_with("error: ") && ended.stderr.contains(said), "{}", ended.stderr);
    }
}

#[test]
fn the_help_says_what_each_flag_does() {
    let help = Room::new(PROGRAM).run(["start", "--help"]);
    assert_eq!(help.status, Some(0));
    insta::assert_snapshot!(help.stdout);
}
