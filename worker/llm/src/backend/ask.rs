//! A request together with what the backend adds to it.

use std::borrow::Cow;

use crate::{ModelRequest, Role, config::Structure};

/// All that a dialect needs to write a body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    /// The model; empty where the server has the one it has.
    pub(crate) model: &'a str,
    /// The request.
    pub(crate) request: &'a ModelRequest,
    /// How the shape of the answer is asked for.
    pub(crate) structure: Structure,
    /// Tokens of context to ask for, where the dialect lets the client choose.
    pub(crate) context: Option<u32>,
}

impl<'a> Ask<'a> {
    /// The conversation, with the schema in the instructions where the backend does not take one natively.
    pub(crate) fn messages(&self) -> impl Iterator<Item = (Role, Cow<'a, str>)> + use<'a> {
        let request = self.request;
        let spoken = match (&request.schema, self.structure) {
            (Some(schema), Structure::Object | Structure::Instructions) => Some(format!(
                "Answer with one JSON object and nothing else. It must satisfy this JSON Schema:\n{}",
                schema.schema
            )),
            _ => None,
        };
        let first_is_system = request.messages.first().is_some_and(|first| first.role == Role::System);
        let mut spoken = spoken.map(Cow::Owned);
        let alone = if first_is_system { None } else { spoken.take().map(|text| (Role::System, text)) };
        let rest = request.messages.iter().enumerate().map(move |(place, message)| {
            match spoken.as_ref().filter(|_| place == 0) {
                Some(schema) => (message.role, Cow::Owned(format!("{}\n\n{schema}", message.text))),
                None => (message.role, Cow::Borrowed(message.text.as_str())),
            }
        });
        alone.into_iter().chain(rest)
    }
}
