//! The queue's operations, one script each. What a script takes and returns stands at its head; those of several files are
//! one script, whose first file holds what it shares with another.

use std::sync::LazyLock;

use crate::redis::Script;

macro_rules! scripts {
    ($($name:ident: $doing:literal, $($file:literal),+;)*) => {
        $(pub(super) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new($doing, concat!($(include_str!(concat!("scripts/", $file))),+)));)*
    };
}

scripts! {
    OPEN: "opening the run", "open.lua";
    PUSH: "pushing jobs", "push.lua";
    STORE: "storing a body", "store.lua";
    DROP: "removing a body", "drop.lua";
    KEEP: "saying how long bodies are kept", "keep.lua";
    PROMOTE: "making due jobs ready", "promote.lua";
    COMMIT: "committing outcomes", "commit.lua";
    RELEASE: "giving a job back", "back.lua", "release.lua";
    LOOK: "looking whether Redis is there", "look.lua";
    RECLAIM: "taking back the jobs of silent workers", "back.lua", "reclaim.lua";
    EXTEND: "extending leases", "extend.lua";
    COUNTS: "counting jobs", "counts.lua";
    REPLAY: "putting back documents that were given up", "replay.lua";
    FORGET: "letting documents be pushed again", "forget.lua";
}
