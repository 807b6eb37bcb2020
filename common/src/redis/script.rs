//! A Lua script, by its hash.

use ::redis::{Cmd, FromRedisValue, cmd};

use super::{Link, RedisError};

/// A script and its hash. It is sent whole only to a server that does not know it yet.
#[derive(Debug)]
pub struct Script {
    name: &'static str,
    code: &'static str,
    hash: String,
}

impl Script {
    /// A script called `name` in errors.
    pub fn new(name: &'static str, code: &'static str) -> Self {
        Self { name, code, hash: ::redis::Script::new(code).get_hash().to_owned() }
    }

    /// Runs it with `keys`, and the arguments that `arguments` adds. The caller sees to it that a second run after a lost
    /// answer does no harm.
    pub async fn run<T: FromRedisValue>(
        &self,
        link: &Link,
        keys: &[&str],
        arguments: impl Fn(&mut Cmd) + Sync,
    ) -> Result<T, RedisError> {
        let command = |verb: &str, what: &str| {
            let mut command = cmd(verb);
            command.arg(what).arg(keys.len()).arg(keys);
            arguments(&mut command);
            command
        };
        let whole = || command("EVAL", self.code);
        link.query_or(self.name, &command("EVALSHA", &self.hash), Some(&whole)).await
    }
}
