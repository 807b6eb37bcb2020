//! What a vLLM server says of its load. Pure.

/// Requests of all clients, as `/metrics` counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Load {
    /// Being worked on.
    pub(crate) running: u32,
    /// Waiting for room.
    pub(crate) waiting: u32,
}

/// Reads `/metrics`, summed over engines; `None` when it is not vLLM that answers.
pub(crate) fn load(text: &str) -> Option<Load> {
    Some(Load {
        running: gauge(text, "vllm:num_requests_running")?,
        waiting: gauge(text, "vllm:num_requests_waiting").unwrap_or(0),
    })
}

/// Sum of a gauge over its labels, in the text format of Prometheus.
fn gauge(text: &str, name: &str) -> Option<u32> {
    let mut sum = None;
    for line in text.lines() {
        let Some(rest) = line.strip_prefix(name) else { continue };
        // Another gauge may start with the same letters.
        if !rest.starts_with(['{', ' ']) {
            continue;
        }
        // A label may hold spaces: the value stands after the last brace.
        let value = rest.rsplit('}').next().and_then(|value| value.split_whitespace().next());
        let Some(value) = value.and_then(|value| value.parse::<f64>().ok()).filter(|value| value.is_finite())
        else {
            continue;
        };
        sum = Some(sum.unwrap_or(0.0) + value.max(0.0));
    }
    sum.map(|sum: f64| sum as u32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn recorded() {
        let load = load(include_str!("../../tests/recorded/vllm_metrics.txt")).unwrap();
        assert_eq!(load, Load { running: 5, waiting: 2 });
    }

    #[test]
    fn others() {
        assert_eq!(load(include_str!("../../tests/recorded/llamacpp_metrics.txt")), None);
        assert_eq!(load("vllm:num_requests_running_total 3\n"), None);
        assert_eq!(
            load("vllm:num_requests_running{m=\"a b\"} 3\nvllm:num_requests_running{m=\"c\"} NaN\n")
                .unwrap()
                .running,
            3
        );
    }

    proptest! {
        #[test]
        fn whatever_is_sent_is_read_without_a_panic(text in "(vllm:num_requests_running|\\{|\\}| |[0-9.e+-]|\n){0,40}") {
            load(&text);
        }
    }
}
