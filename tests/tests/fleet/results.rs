//! The same results as on one machine.

use std::{collections::BTreeSet, io::Write, path::Path};

use sheaf_tests::{
    fleet::{by_anybody, name, progress},
    program::assert_same,
};

use super::fleet;

#[test]
fn a_fleet_gives_the_same_results_and_leaves_nothing_behind() {
    let fleet = fleet();
    fleet.documents(150, 8, 150);
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples/documents");
    let list = format!("set\n{}\n", examples.display());
    fleet.room().write("list", &list);
    let alone = fleet.alone(&["@list", "--include-text"], 3);

    // Nothing is listed before both workers are there: neither can do all of it alone.
    let (read, mut write) = std::io::pipe().unwrap();
    let mut command = fleet.command(["-", "--include-text"]);
    command.stdin(read);
    let coordinator = fleet.begin(command);
    let workers: [_; 2] = fleet.workers(&["--analysis-workers", "1"]);
    write.write_all(list.as_bytes()).unwrap();
    drop(write);
    let ended = coordinator.end();
    assert_eq!(ended.status, Some(3), "{}", ended.stderr);

    let records = fleet.room().records("out");
    assert_same("by a fleet", by_anybody(records.clone()), by_anybody(alone));
    let names: BTreeSet<_> = workers.iter().filter_map(name).collect();
    let worked: BTreeSet<_> =
        records.iter().filter_map(|record| Some(record["worker"].as_str()?.to_owned())).collect();
    assert_eq!(worked, names, "both have worked, and nobody else");
    assert_eq!(progress(&ended.stderr)["fleet"]["redelivered"], 0, "{}", ended.stderr);

    let said: Vec<_> = ended.stderr.lines().filter(|line| !line.starts_with('{')).collect();
    let [redis, join] = said.as_slice() else { panic!("{said:?}") };
    let folder = redis.strip_prefix("started a private Redis in ").expect(redis);
    assert!(fleet.room().path().join(folder).parent().unwrap().is_dir(), "{folder} was in a folder");
    assert!(!fleet.room().path().join(folder).exists(), "it is not needed any more");
    assert_eq!(*join, format!("workers join with: worker start --coordinator {}", fleet.url()));
    fleet.disband(workers);
}
