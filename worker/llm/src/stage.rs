//! A recipe's stage: its prompt, its schema, and what becomes of the answer.

mod asking;
mod merge;
mod overview;
mod semantics;
mod several;
mod split;
mod template;

use std::{borrow::Cow, sync::Arc};

use serde::Deserialize;

use self::template::{filled, without_comments};
pub(crate) use self::{asking::is_usable, several::Entry};
pub use self::{
    asking::{AssessError, Reply, Subject},
    overview::{Assessed, assess},
};
use crate::{
    request::{AnswerSchema, Message, Role},
    schema::{AnswerCheck, SchemaError},
    tokens,
};

/// A stage, ready to be asked.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Its name: for statistics and cache keys.
    pub name: Arc<str>,
    /// Raised whenever the prompt or the schema changes: a part of cache keys.
    pub version: u32,
    /// Most tokens of an answer.
    pub most_output_tokens: u32,
    check: AnswerCheck,
    system: String,
    user: String,
    /// Instructions for several documents in one request, and the schema of its answer.
    batch: Option<(String, Arc<AnswerSchema>)>,
}

/// The file of a stage.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    version: u32,
    most_output_tokens: u32,
    /// Stands for `{fields}` in the prompts.
    #[serde(default)]
    fields: String,
    system: String,
    user: String,
    #[serde(default)]
    batch: Option<String>,
    schema: String,
}

/// Why the file of a stage cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// Not TOML of the documented shape.
    #[error("the recipe cannot be read: {0}")]
    Read(#[from] toml::de::Error),
    /// The schema is not JSON.
    #[error("the recipe's schema is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The schema is not a JSON schema.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// A comment in a prompt has no end.
    #[error("a comment in the recipe's `{0}` begins with `{{#` and has no `#}}`")]
    Comment(&'static str),
    /// The prompt has no place for the document.
    #[error("the recipe's `user` has no `{{document}}`, or no `{{delimiter}}` around it")]
    NoDocument,
    /// The prompt for several documents does not say which they are.
    #[error("the recipe's `batch` has no `{{ids}}`")]
    NoIds,
    /// The schema cannot be a part of another.
    #[error("the recipe's schema has a `$ref`, which a `batch` cannot hold: write out what it refers to")]
    Reference,
    /// The name cannot be a schema's name.
    #[error(
        "the recipe's name `{0}` has other characters than letters, digits, `_` and `-`, or more than 64"
    )]
    Name(String),
}

const OVERVIEW: &str = include_str!("recipes/overview.toml");

impl Stage {
    /// The built-in recipe's stage over one document.
    pub fn overview() -> Result<Self, StageError> {
        Self::parse(OVERVIEW)
    }

    /// A stage from TOML: `name`, `version`, `most_output_tokens`, `system`, `user`, `schema` (JSON in a string) and,
    /// where several documents may share a request, `batch`, the instructions for those. `fields` is what several prompts
    /// have in common. Comments in prompts, `{# … #}`, are left out.
    pub fn parse(toml: &str) -> Result<Self, StageError> {
        let File { name, version, most_output_tokens, fields, system, user, batch, schema } =
            toml::from_str(toml)?;
        let bare = |name, template: &str| {
            without_comments(template).map(Cow::into_owned).map_err(|_| StageError::Comment(name))
        };
        let fields = bare("fields", &fields)?;
        let prompt = |name, template: &str| {
            bare(name, template).map(|template| filled(&template, &[("{fields}", &fields)]))
        };
        let (system, user) = (prompt("system", &system)?, prompt("user", &user)?);
        let batch = batch.map(|batch| prompt("batch", &batch)).transpose()?;
        let is_name =
            |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        if name.is_empty() || name.len() > 64 || !is_name(&name) {
            return Err(StageError::Name(name));
        }
        if !user.contains("{document}") || !user.contains("{delimiter}") {
            return Err(StageError::NoDocument);
        }
        let schema = AnswerSchema { name: name.clone(), schema: serde_json::from_str(&schema)? };
        let batch = batch.map(|batch| several::prepared(batch, &schema)).transpose()?;
        let check = AnswerCheck::new(schema)?;
        Ok(Self { name: name.into(), version, most_output_tokens, check, system, user, batch })
    }

    /// The check of its answers.
    pub fn check(&self) -> &AnswerCheck {
        &self.check
    }

    /// What the stage means, as a SHA-256: its name, version, prompts, schema and most output tokens. Comments do not
    /// count, nor does how prompts and schema are laid out. Stages that differ in this never share answers.
    pub fn semantics(&self) -> [u8; 32] {
        semantics::hash([
            &*self.name,
            &self.version.to_string(),
            &self.most_output_tokens.to_string(),
            &template::words(&self.system),
            &template::words(&self.user),
            &self.batch.as_ref().map_or(String::new(), |(batch, _)| template::words(batch)),
            &semantics::canonical(&self.check.schema().schema),
        ])
    }

    /// The conversation over a document, or one of its parts.
    pub fn messages(&self, title: Option<&str>, part: Option<(usize, usize)>, text: &str) -> Arc<[Message]> {
        let delimiter = delimiter(text, title.unwrap_or_default());
        let system = filled(&self.system, &[("{delimiter}", &*delimiter)]);
        let user = self.document(&delimiter, title, part, text);
        Arc::from([Message { role: Role::System, text: system }, Message { role: Role::User, text: user }])
    }

    /// A document, or one of its parts, between its tags.
    fn document(
        &self,
        delimiter: &str,
        title: Option<&str>,
        part: Option<(usize, usize)>,
        text: &str,
    ) -> String {
        // A title is the document's too: on one line, without anything that looks like a tag.
        let title = title.map_or(String::new(), |title| {
            let line: String =
                title.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
            format!("Title, as data: {}\n", line.replace(['<', '>'], " ").trim())
        });
        let part = part.map_or(String::new(), |(part, of)| {
            format!("This is part {part} of {of} of a long document; analyse this part.\n")
        });
        let values =
            [("{delimiter}", delimiter), ("{title}", &title), ("{part}", &part), ("{document}", text)];
        filled(&self.user, &values)
    }

    /// Tokens of a request's input that are not the document.
    fn overhead(&self) -> u64 {
        let messages = self.messages(Some(&"m".repeat(120)), Some((10, 10)), "");
        let prompt: u64 = messages.iter().map(|message| tokens::estimate(&message.text) + 8).sum();
        prompt + tokens::estimate(&self.check.schema().schema.to_string())
    }
}

/// A tag that does not stand in the document, so that nothing in the document can close it. Made of its content, so
/// that the same document gives the same prompt.
fn delimiter(text: &str, title: &str) -> String {
    let mut seed = xxhash_rust::xxh3::xxh3_64(title.as_bytes());
    loop {
        let delimiter =
            format!("document-{:016x}", xxhash_rust::xxh3::xxh3_64_with_seed(text.as_bytes(), seed));
        if !text.contains(&delimiter) && !title.contains(&delimiter) {
            return delimiter;
        }
        seed = seed.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_built_in_stage_is_usable() {
        let stage = Stage::overview().unwrap();
        assert_eq!(&*stage.name, "overview");
        assert!((300..1_500).contains(&stage.overhead()), "{}", stage.overhead());
        let messages = stage.messages(Some("A <b>title</b>\n{document}"), None, "The text with {title}.");
        let user = &messages[1].text;
        assert!(user.contains("Title, as data: A  b title /b  {document}\n<document-"), "{user}");
        assert!(user.contains(">\nThe text with {title}.\n</document-"), "{user}");
        assert!(!messages[0].text.contains("{delimiter}") && !user.contains("{delimiter}"));
        assert_eq!(
            messages,
            stage.messages(Some("A <b>title</b>\n{document}"), None, "The text with {title}.")
        );
    }

    #[test]
    fn what_a_file_lacks_is_said() {
        let without = OVERVIEW.replace("{document}\n", "");
        assert!(matches!(Stage::parse(&without), Err(StageError::NoDocument)));
        let named = OVERVIEW.replace("name = \"overview\"", "name = \"over view\"");
        assert!(matches!(Stage::parse(&named), Err(StageError::Name(_))));
        assert!(matches!(Stage::parse("name = 1"), Err(StageError::Read(_))));
        let broken = OVERVIEW.replace("\"minimum\": 0,", "\"minimum\": \"0\",");
        assert!(matches!(Stage::parse(&broken), Err(StageError::Schema(_))));
    }

    #[test]
    fn semantics_change_with_a_word_and_not_with_comments_or_layout() {
        let of = |toml: &str| Stage::parse(toml).unwrap().semantics();
        let semantics = of(OVERVIEW);
        let commented = |comment: &str| {
            OVERVIEW.replace("\"confidence\": from 0", &format!("{comment}\"confidence\": from 0"))
        };
        for same in [
            OVERVIEW.replace("# Instructions;", "#   Other words\n#;"),
            commented("{# a comment #}"),
            commented("{#   a\tcomment\n#}\n"),
            commented("{# another #} "),
            OVERVIEW.replace("You analyse documents. The", "You analyse  documents.\n The"),
            OVERVIEW.replace("\"maxItems\": 5,", "\"maxItems\":   5,"),
            OVERVIEW.replace(
                r#"{"type": "string", "maxLength": 800}"#,
                r#"{"maxLength": 800, "type": "string"}"#,
            ),
        ] {
            assert_ne!(same, OVERVIEW, "a replacement found nothing");
            assert_eq!(of(&same), semantics, "{same}");
        }
        for other in [
            OVERVIEW.replace("You analyse documents.", "You analyse texts."),
            OVERVIEW.replace("version = 1", "version = 2"),
            OVERVIEW.replace("name = \"overview\"", "name = \"overview-2\""),
            OVERVIEW.replace("most_output_tokens = 1200", "most_output_tokens = 1201"),
            OVERVIEW.replace("\"maxItems\": 5,", "\"maxItems\": 6,"),
            OVERVIEW.replace("{title}{part}", "{part}{title}"),
        ] {
            assert_ne!(other, OVERVIEW, "a replacement found nothing");
            assert_ne!(of(&other), semantics, "{other}");
        }
        let stage = Stage::parse(&commented("{# never sent #}")).unwrap();
        let sent = stage.messages(None, None, "Text.");
        assert_eq!(sent, Stage::overview().unwrap().messages(None, None, "Text."));
        assert!(matches!(Stage::parse(&commented("{# no end")), Err(StageError::Comment("fields"))));
    }

    proptest! {
        #[test]
        fn a_document_never_closes_its_own_tag(text in ".{0,200}", title in ".{0,40}") {
            let tag = delimiter(&text, &title);
            prop_assert!(!text.contains(&tag) && !title.contains(&tag));
        }
    }
}
