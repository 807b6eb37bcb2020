//! What a run asks of models.

use std::sync::Arc;

use sheaf_cache::{MemoryCache, ResultCache};
use sheaf_common::redis::RedisUrl;
use sheaf_llm::{
    BatchSize, Ceilings, ClientSettings, Cost, NanoDollars, Stage, TokenUsage,
    bulk::{FolderStore, Teller},
    config::PoolConfig,
    detect::Detection,
};
use sheaf_worker::{
    Policy, Reviewer, caches,
    models::{self, Prices},
};

use super::{
    arguments::{LlmArgument, RunArguments},
    exit::note,
};
use crate::folder::{ResultsFile, RunFolder};

/// The models that a run may ask, and about which documents.
pub(super) struct Asked {
    config: PoolConfig,
    policy: Policy,
}

impl Asked {
    /// From the command line, the environment and the files; `None` when rules decide every document.
    pub(super) fn of(arguments: &RunArguments) -> Result<Option<Self>, String> {
        if arguments.llm == Some(LlmArgument::Never) {
            return Ok(None);
        }
        let config = models::configured(&arguments.models.options())?;
        if let Some(config) = config.as_ref().filter(|_| arguments.llm_batch_api) {
            models::may_bulk(config)?;
        }
        match (config, arguments.llm) {
            (Some(config), Some(LlmArgument::Always)) => Ok(Some(Self { config, policy: Policy::Every })),
            (Some(config), _) => Ok(Some(Self { config, policy: Policy::Unsure })),
            // The workers' models are theirs.
            (None, Some(_)) if arguments.fleet.enable_queue => Ok(None),
            (None, Some(_)) => Err("--llm needs a model, and none is configured: set LLM_PROVIDER, LLM_API_KEY and \
                                    LLM_MODEL, or LLAMA_CPP_URL, or write a sheaf.toml; coordinator doctor says more"
                .to_owned()),
            (None, None) => Ok(None),
        }
    }

    /// What results depend on: which documents are asked about, and whom.
    pub(super) fn name(&self) -> String {
        let policy = if self.policy == Policy::Every { "always" } else { "auto" };
        let models: Vec<String> = self
            .config
            .chat()
            .map(|backend| backend.model.clone().unwrap_or_else(|| backend.provider.name().to_owned()))
            .collect();
        format!("{policy} with {}", models.join(", "))
    }

    /// The configuration without keys.
    pub(super) fn redacted(&self) -> String {
        self.config.redacted().to_string()
    }

    /// Asks the backends what they can do, and says once which way the run goes and why.
    pub(super) async fn look(&self, aloud: bool) -> Vec<Detection> {
        let found = models::look(&self.config).await;
        if aloud {
            note(&self.config.sentence());
            for line in self.config.notes.iter().cloned().chain(found.iter().map(ToString::to_string)) {
                note(&line);
            }
        }
        found
    }

    /// What asks them.
    pub(super) async fn reviewer(
        self,
        arguments: &RunArguments,
        found: &[Detection],
        folder: &RunFolder,
    ) -> Result<Reviewer, String> {
        let prices = Prices::read(arguments.prices.as_deref())?;
        let spent = spent(folder)?;
        let settings = ClientSettings {
            ceilings: Ceilings { usd: arguments.budget_usd, tokens: arguments.budget_tokens },
            spent,
            ..ClientSettings::default()
        };
        let stage = Stage::overview().map_err(|error| error.to_string())?;
        let cache = self.cache(arguments, found, folder, &stage).await?;
        if arguments.llm_batch_api {
            if let Some(first) = self.config.chat().next().filter(|_| self.config.chat().count() > 1) {
                note(&format!("batches all go to {}, the first of the models", first.name));
            }
            let journal = folder.batches();
            let opening = tokio::task::spawn_blocking(move || FolderStore::open(&journal)).await;
            let store = opening.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
            let tell: Teller = Arc::new(|notice| note(&notice.to_string()));
            let (config, store) = (&self.config, Arc::new(store));
            let bulk = models::bulk(config, found, &prices, &settings, None, store, Some(tell)).await?;
            return Ok(Reviewer::in_bulk(bulk, stage, self.policy).with_cache(cache));
        }
        let (client, at_once) = models::client(&self.config, found, &prices, &settings, None)?;
        let size = BatchSize::from(arguments.batch_size);
        Ok(Reviewer::new(client, stage, self.policy, size, at_once).with_cache(cache))
    }

    /// Answers that were given before: in memory, and in Redis where the person named one.
    async fn cache(
        &self,
        arguments: &RunArguments,
        found: &[Detection],
        folder: &RunFolder,
        stage: &Stage,
    ) -> Result<Option<ResultCache>, String> {
        let redis = arguments.fleet.redis_url.as_deref().map(RedisUrl::parse).transpose();
        let redis = redis.map_err(|error| error.to_string())?;
        let place = caches::Place {
            settings: &arguments.cache.settings(),
            run: &folder.state.run,
            memory: MemoryCache::new(MemoryCache::BYTES),
            redis,
            embedding_model: arguments.cache.embedding_model.as_deref(),
        };
        let models = caches::Models { config: &self.config, found, sharing: None };
        caches::open(place, stage, models).await
    }
}

/// What earlier parts of the run spent: what its records say, or what was counted beside them, whichever is more.
pub(super) fn spent(folder: &RunFolder) -> Result<Cost, String> {
    let recorded = ResultsFile::spent(folder).map_err(|error| error.to_string())?;
    let known = folder.state.spent;
    Ok(Cost {
        money: NanoDollars::from_usd(recorded.cost_usd.max(known.cost_usd)),
        tokens: TokenUsage {
            input: recorded.input_tokens.max(known.input_tokens),
            output: recorded.output_tokens.max(known.output_tokens),
        },
    })
}
