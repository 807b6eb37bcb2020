//! How many requests at once, and why. Pure.

use super::{
    family::family,
    gpu::{self, Gpus},
    vllm::Load,
};
use crate::config::Said;

/// Where nothing can be found out.
pub(crate) const UNKNOWN: u32 = 10;
/// llama.cpp's `llama-server` has this many slots unless told otherwise.
const LLAMA_CPP: u32 = 4;
/// vLLM puts what comes into one batch, by default 256 at once; this many keep it busy without crowding others out.
const VLLM: u32 = 32;
/// vLLM while requests of others wait already.
const VLLM_CROWDED: u32 = 4;
/// Most at once whatever is found.
const MOST: u32 = 1000;

/// What is known of a backend.
#[derive(Debug, Clone, Default)]
pub(crate) struct Evidence {
    /// What the person said.
    pub(crate) said: Option<Said>,
    /// Slots that the server told.
    pub(crate) slots: Option<u32>,
    /// What serves it, where that is known.
    pub(crate) engine: Option<Engine>,
    /// The model's name.
    pub(crate) model: String,
}

/// What serves a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Engine {
    /// llama.cpp, whose slots may be hidden.
    LlamaCpp,
    /// vLLM, with its load if it shows it.
    Vllm(Option<Load>),
    /// Ollama.
    Ollama(Memory),
}

/// Where an Ollama server has a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Memory {
    /// It is loaded, and not on a GPU.
    Processor,
    /// GPUs were found, and the size of the model is known, bytes.
    Gpus(Gpus, u64),
    /// No GPU was found on this machine, where the server runs.
    NoGpus,
    /// The server is on another machine, or the size of the model is not known.
    Unknown,
}

/// How many requests at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parallelism {
    /// To begin with.
    pub start: u32,
    /// Never more than this; `None` where that is for the load to show.
    pub most: Option<u32>,
    /// Why, in one sentence.
    pub reason: String,
}

impl Parallelism {
    fn fixed(number: u32, reason: String) -> Self {
        Self { start: number, most: Some(number), reason }
    }

    fn begin(number: u32, reason: String) -> Self {
        Self { start: number.min(MOST), most: None, reason }
    }
}

/// The person wins, then the server, then the machine, then the model's family.
pub(crate) fn choose(evidence: &Evidence) -> Parallelism {
    if let Some(said) = &evidence.said {
        let number = said.number.clamp(1, MOST);
        let reason = match evidence.slots.filter(|slots| *slots < number) {
            Some(slots) => {
                format!("{} says so; the server has {slots} slots, and the rest waits there", said.place)
            }
            None => format!("{} says so", said.place),
        };
        return Parallelism::fixed(number, reason);
    }
    if let Some(slots) = evidence.slots {
        let plural = if slots == 1 { "" } else { "s" };
        return Parallelism::fixed(slots.min(MOST), format!("the server has {slots} slot{plural}"));
    }
    match &evidence.engine {
        Some(Engine::LlamaCpp) => {
            let reason = "the server does not tell its slots, and llama.cpp's default is 4".to_owned();
            Parallelism::begin(LLAMA_CPP, reason)
        }
        Some(Engine::Vllm(Some(load))) if load.waiting > 0 => {
            let waiting = load.waiting;
            Parallelism::begin(
                VLLM_CROWDED,
                format!("{waiting} requests of others wait at the server already"),
            )
        }
        Some(Engine::Vllm(_)) => Parallelism::begin(VLLM, "vLLM works on requests in batches".to_owned()),
        Some(Engine::Ollama(memory)) => of_memory(memory),
        None => of_family(&evidence.model),
    }
}

fn of_memory(memory: &Memory) -> Parallelism {
    match memory {
        Memory::Processor => {
            Parallelism::begin(1, "the model runs on the processor, not on a GPU".to_owned())
        }
        Memory::NoGpus => Parallelism::begin(1, "neither nvidia-smi nor rocm-smi finds a GPU".to_owned()),
        Memory::Unknown => {
            Parallelism::begin(1, "the server does not tell what memory it has for the model".to_owned())
        }
        Memory::Gpus(gpus, model) => {
            let (cards, tool) = (gpus.memory.len(), gpus.tool);
            let plural = if cards == 1 { "" } else { "s" };
            let held = gpus.total() as f64 / f64::from(1 << 30);
            let size = *model as f64 / 1e9;
            let reason = format!(
                "0.8 × {held:.1} GB of memory ({cards} GPU{plural}, says {tool}) ÷ {size:.1} GB of the model"
            );
            Parallelism::begin(gpu::at_once(gpus.total(), *model), reason)
        }
    }
}

fn of_family(model: &str) -> Parallelism {
    match family(model) {
        Some(family) => {
            let reason = format!(
                "a start for models of the {} family, whose keys usually allow {} requests/min",
                family.name, family.rpm
            );
            Parallelism::begin(family.at_once, reason)
        }
        None => Parallelism::begin(UNKNOWN, "a start, as nothing is known of the server's room".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(evidence: &Evidence) -> (u32, Option<u32>) {
        let chosen = choose(evidence);
        assert!(!chosen.reason.is_empty());
        (chosen.start, chosen.most)
    }

    #[test]
    fn the_person_wins_over_the_server() {
        let said = Some(Said { number: 8, place: "--max-parallel".to_owned() });
        let evidence = Evidence { said, slots: Some(4), ..Evidence::default() };
        let reason = choose(&evidence).reason;
        assert_eq!(reason, "--max-parallel says so; the server has 4 slots, and the rest waits there");
        assert_eq!(numbers(&evidence), (8, Some(8)));
    }

    #[test]
    fn the_server_wins_over_the_table() {
        let model = "gpt-4o".to_owned();
        assert_eq!(
            numbers(&Evidence { slots: Some(4), model: model.clone(), ..Evidence::default() }),
            (4, Some(4))
        );
        assert_eq!(numbers(&Evidence { model, ..Evidence::default() }), (50, None));
        assert_eq!(numbers(&Evidence::default()), (10, None));
    }

    #[test]
    fn engines() {
        let of = |engine| numbers(&Evidence { engine: Some(engine), ..Evidence::default() });
        assert_eq!(of(Engine::LlamaCpp), (4, None));
        assert_eq!(of(Engine::Vllm(Some(Load { running: 5, waiting: 2 }))), (4, None));
        assert_eq!(of(Engine::Vllm(Some(Load::default()))), (32, None));
        assert_eq!(of(Engine::Ollama(Memory::NoGpus)), (1, None));
        assert_eq!(of(Engine::Ollama(Memory::Processor)), (1, None));
    }

    #[test]
    fn gpus_in_one_sentence() {
        let gpus = Gpus { memory: vec![16 << 30; 8], tool: "nvidia-smi" };
        let engine = Some(Engine::Ollama(Memory::Gpus(gpus, 4_900_000_000)));
        let chosen = choose(&Evidence { engine, ..Evidence::default() });
        assert_eq!(chosen.start, 20);
        assert_eq!(chosen.reason, "0.8 × 128.0 GB of memory (8 GPUs, says nvidia-smi) ÷ 4.9 GB of the model");
    }
}
