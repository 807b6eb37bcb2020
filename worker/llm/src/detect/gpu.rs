//! Memory of the machine's GPUs, as `nvidia-smi` and `rocm-smi` tell it.

use std::{process::Stdio, time::Duration};

use tokio::{io::AsyncReadExt, process::Command, time::timeout};

/// Time limit of a tool; a driver that hangs must not hang the run.
const LIMIT: Duration = Duration::from_secs(3);
/// Most bytes of a tool's answer that are read.
const MOST_ANSWER: u64 = 64 << 10;

/// GPUs found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpus {
    /// Memory of each, bytes.
    pub memory: Vec<u64>,
    /// The tool that told.
    pub tool: &'static str,
}

impl Gpus {
    /// Memory of all of them, bytes.
    pub fn total(&self) -> u64 {
        self.memory.iter().fold(0, |sum, memory| sum.saturating_add(*memory))
    }
}

/// How many requests at once a model of `model` bytes can serve from GPUs of `total` bytes together:
/// floor(0.8 × memory ÷ model), at least 1.
///
/// Each is counted in the unit of its name: a card sold with 16 GB holds 16 × 2³⁰ bytes, a model listed with 4.9 GB has
/// 4.9 × 10⁹. Counting so, rather than in bytes, leaves another 7% for the contexts, which the formula knows nothing of.
pub(crate) fn at_once(total: u64, model: u64) -> u32 {
    let (total, model) = (u128::from(total), u128::from(model));
    let scaled = total.saturating_mul(4 * 1_000_000_000);
    let whole = model.saturating_mul(5 << 30);
    let times = scaled.checked_div(whole).unwrap_or(1);
    u32::try_from(times).unwrap_or(u32::MAX).max(1)
}

/// GPUs of this machine; `None` where neither tool is there or either finds none.
pub(crate) async fn installed() -> Option<Gpus> {
    let nvidia = ask("nvidia-smi", &["--query-gpu=memory.total", "--format=csv,noheader,nounits"]);
    let rocm = ask("rocm-smi", &["--showmeminfo", "vram", "--csv"]);
    let (nvidia, rocm) = tokio::join!(nvidia, rocm);
    let found = |memory: Vec<u64>, tool| (!memory.is_empty()).then_some(Gpus { memory, tool });
    nvidia
        .and_then(|text| found(of_nvidia(&text), "nvidia-smi"))
        .or_else(|| rocm.and_then(|text| found(of_rocm(&text), "rocm-smi")))
}

/// What a tool prints; `None` when it is not there, fails or hangs.
async fn ask(tool: &str, arguments: &[&str]) -> Option<String> {
    let mut child = Command::new(tool)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .ok()?;
    let output = child.stdout.take()?;
    let read = async {
        let mut text = Vec::new();
        output.take(MOST_ANSWER).read_to_end(&mut text).await.ok()?;
        child.wait().await.ok()?.success().then(|| String::from_utf8_lossy(&text).into_owned())
    };
    timeout(LIMIT, read).await.ok().flatten()
}

/// Memory of each GPU, bytes, of `nvidia-smi --query-gpu=memory.total --format=csv,noheader,nounits`: a line of MiB each.
/// Lines that hold no number (`[N/A]` where memory is shared with the processor) are passed over.
pub(crate) fn of_nvidia(text: &str) -> Vec<u64> {
    text.lines()
        .filter_map(|line| line.trim().trim_end_matches("MiB").trim().parse::<u64>().ok())
        .map(|mebibytes| mebibytes.saturating_mul(1 << 20))
        .filter(|memory| *memory > 0)
        .collect()
}

/// Memory of each GPU, bytes, of `rocm-smi --showmeminfo vram`, with `--csv` or `--json`. Columns are found by name, as
/// they and the lines before the table differ between versions.
pub(crate) fn of_rocm(text: &str) -> Vec<u64> {
    let named = |name: &str| name.to_ascii_lowercase().contains("vram total memory");
    if text.trim_start().starts_with('{') {
        let cards = serde_json::from_str::<serde_json::Value>(text).unwrap_or_default();
        return cards
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(_, card)| card.as_object())
            .filter_map(|card| card.iter().find(|(name, _)| named(name)))
            .filter_map(|(_, value)| value.as_u64().or_else(|| value.as_str()?.trim().parse().ok()))
            .filter(|memory| *memory > 0)
            .collect();
    }
    let mut lines = text.lines().skip_while(|line| !named(line));
    let Some(column) = lines.next().and_then(|header| header.split(',').position(named)) else {
        return Vec::new();
    };
    lines
        .filter_map(|line| line.split(',').nth(column)?.trim().parse().ok())
        .filter(|memory| *memory > 0)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn eight_cards_of_16_gb_and_a_model_of_4_9_gb_are_20() {
        let nvidia = of_nvidia(include_str!("../../tests/recorded/nvidia_smi_8x16.txt"));
        assert_eq!(nvidia, [16 * GIB; 8]);
        assert_eq!(at_once(nvidia.iter().sum(), 4_900_000_000), 20);
        assert_eq!(at_once(nvidia.iter().sum(), 4_920_753_328), 20, "llama3.1:8b, to the byte");
        let rocm = of_rocm(include_str!("../../tests/recorded/rocm_smi_8x16.csv"));
        assert_eq!(rocm.len(), 8);
        assert_eq!(at_once(rocm.iter().sum(), 4_900_000_000), 20);
        assert_eq!(of_rocm(include_str!("../../tests/recorded/rocm_smi_8x16.json")), rocm);
    }

    #[test]
    fn at_least_one() {
        assert_eq!(at_once(0, 4_900_000_000), 1);
        assert_eq!(at_once(4 * GIB, 40_000_000_000), 1);
        assert_eq!(at_once(16 * GIB, 0), 1, "a model of unknown size");
        assert_eq!(at_once(u64::MAX, 1), u32::MAX);
    }

    #[test]
    fn no_gpus() {
        assert!(
            of_nvidia("NVIDIA-SMI has failed because it couldn't communicate with the driver.\n").is_empty()
        );
        assert!(of_nvidia("[N/A]\n").is_empty());
        assert!(of_nvidia("").is_empty());
        assert_eq!(of_nvidia("16384 MiB\r\n[Not Supported]\n8192\n"), [16 * GIB, 8 * GIB]);
        assert!(of_rocm("").is_empty());
        assert!(of_rocm("{}").is_empty());
        assert!(of_rocm("{\"card0\": {\"VRAM Total Memory (B)\": \"-\"}}").is_empty());
        assert!(of_rocm("No AMD GPUs specified\n").is_empty());
    }

    proptest! {
        #[test]
        fn whatever_a_tool_prints_is_read_without_a_panic(text in "(device|card0|,|VRAM Total Memory \\(B\\)|[0-9]|\n|\\{|\\}|\"|:){0,40}") {
            of_nvidia(&text);
            of_rocm(&text);
        }

        #[test]
        fn more_memory_is_never_less_at_once(total in 0u64..1 << 44, more in 0u64..1 << 40, model in 1u64..1 << 42) {
            prop_assert!(at_once(total + more, model) >= at_once(total, model));
        }
    }
}
