//! Name look-ups and public addresses that a test makes up.

use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    str::FromStr,
    sync::{Mutex, PoisonError},
};

use crate::lookup::{Lookup, LookupAnswer};

/// A look-up that answers from a script. The last answer of a name repeats; a name that is not in the script does not
/// exist.
///
/// As text, for the whole programs: a name a line, `name = answers`, answers separated by `|`, the addresses of one
/// answer by `,`. The addresses of a line `public = addresses` pass for public:
///
/// ```
/// # use sheaf_fetch::testing::ScriptedLookup;
/// let script = "public = 127.0.0.2\nturncoat.test = 127.0.0.2 | 127.0.0.1\nsteady.test = 127.0.0.2, ::1";
/// let lookup: ScriptedLookup = script.parse()?;
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Default)]
pub struct ScriptedLookup {
    answers: Mutex<HashMap<String, Script>>,
    public: Vec<IpAddr>,
}

/// How often a name was asked for, and the answer to each look-up.
type Script = (usize, Vec<Vec<IpAddr>>);

impl ScriptedLookup {
    /// Adds a name; each element of `answers` is the answer to one look-up.
    #[must_use]
    pub fn name(self, host: &str, answers: &[&[IpAddr]]) -> Self {
        let answers = answers.iter().map(|answer| answer.to_vec()).collect();
        self.lock().insert(host.to_owned(), (0, answers));
        self
    }

    /// How often `host` was looked up.
    pub fn asked(&self, host: &str) -> usize {
        self.lock().get(host).map_or(0, |(asked, _)| *asked)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Script>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FromStr for ScriptedLookup {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (mut names, mut public) = (HashMap::new(), Vec::new());
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (name, answers) = line.split_once('=').ok_or_else(|| format!("`{line}` has no `=`"))?;
            let answer = |answer: &str| answer.split(',').map(|ip| ip.trim().parse::<IpAddr>()).collect();
            let answers: Result<Vec<Vec<_>>, _> = answers.split('|').map(answer).collect();
            let answers = answers.map_err(|error| format!("`{line}`: {error}"))?;
            match name.trim() {
                "public" => public.extend(answers.into_iter().flatten()),
                name => drop(names.insert(name.to_owned(), (0, answers))),
            }
        }
        Ok(Self { answers: Mutex::new(names), public })
    }
}

impl Lookup for ScriptedLookup {
    fn lookup(&self, host: &str) -> LookupAnswer {
        let answer = self.lock().get_mut(host).map(|(asked, answers)| {
            let answer = answers.get(*asked).or(answers.last()).cloned().unwrap_or_default();
            *asked += 1;
            answer
        });
        Box::pin(std::future::ready(
            answer.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such name")),
        ))
    }

    fn pretend_public(&self) -> Vec<IpAddr> {
        self.public.clone()
    }
}
