//! Names of hosts that a test scripts, for the program under test.

use std::{env, sync::Arc};

use sheaf_fetch::{Lookup, SystemLookup, testing::ScriptedLookup};

/// The environment variable that holds the script, in the form that [`ScriptedLookup`] reads.
pub const VARIABLE: &str = "SHEAF_TEST_NAMES";

/// The look-up that the environment asks for; the system's own without a script.
pub fn lookup() -> Arc<dyn Lookup> {
    match env::var(VARIABLE) {
        Ok(script) => Arc::new(script.parse::<ScriptedLookup>().expect("a script of names")),
        Err(_) => Arc::new(SystemLookup),
    }
}
