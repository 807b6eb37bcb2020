//! What a worker says and what it is ordered, as messages.

use sheaf_proto::v1::{self, session_request::Said, session_response::Order as Told};

use super::{assignment, field};
use crate::{
    fleet::{FromWorker, Health, Intake, KeyRate, Load, Order, Report},
    id::WorkerId,
    wire::WireError,
};

/// The first message of a session.
pub(super) fn opening_message(worker: &WorkerId) -> v1::SessionRequest {
    v1::SessionRequest { said: Some(Said::Opening(v1::SessionOpening { worker_id: worker.to_string() })) }
}

pub(super) fn opening_of(request: v1::SessionRequest) -> Result<WorkerId, WireError> {
    match request.said {
        Some(Said::Opening(opening)) => field::worker(opening.worker_id),
        _ => Err(WireError::Missing("opening")),
    }
}

pub(super) fn said_message(said: FromWorker) -> v1::SessionRequest {
    v1::SessionRequest {
        said: Some(match said {
            FromWorker::Report(report) => Said::Report(report_message(report)),
            FromWorker::Goodbye => Said::Goodbye(v1::Goodbye {}),
        }),
    }
}

pub(super) fn said_of(request: v1::SessionRequest) -> Result<FromWorker, WireError> {
    match request.said {
        Some(Said::Report(report)) => report_of(report).map(FromWorker::Report),
        Some(Said::Goodbye(_)) => Ok(FromWorker::Goodbye),
        Some(Said::Opening(_)) => Err(field::invalid("said", "a second opening")),
        None => Err(WireError::Missing("said")),
    }
}

fn report_message(report: Report) -> v1::Report {
    let leases = report.leases.into_iter().take(field::ENTRIES);
    let rates = report.rates.into_iter().take(field::ENTRIES);
    v1::Report {
        load: Some(load_message(report.load)),
        leases: leases.map(|(run, leases)| v1::RunLeases { run_id: run.to_string(), leases }).collect(),
        done: report.done,
        rates: rates
            .map(|KeyRate { key, requests_per_minute }| v1::KeyRate { key, requests_per_minute })
            .collect(),
        unwell: match report.health {
            Health::Well => String::new(),
            Health::Unwell(why) => field::clipped(&why),
        },
        intake: match report.intake {
            Intake::Open => v1::Intake::Open,
            Intake::Paused => v1::Intake::Paused,
            Intake::Draining => v1::Intake::Draining,
        }
        .into(),
    }
}

fn report_of(report: v1::Report) -> Result<Report, WireError> {
    let intake = match report.intake() {
        v1::Intake::Open => Intake::Open,
        v1::Intake::Paused => Intake::Paused,
        v1::Intake::Draining => Intake::Draining,
        v1::Intake::Unspecified => return Err(WireError::Missing("intake")),
    };
    let held = |leases: v1::RunLeases| Ok((field::run(leases.run_id)?, leases.leases));
    let rate = |rate: v1::KeyRate| {
        Ok(KeyRate {
            key: field::name("key", rate.key)?,
            requests_per_minute: field::amount("requests_per_minute", rate.requests_per_minute)?,
        })
    };
    Ok(Report {
        load: load_of(report.load.ok_or(WireError::Missing("load"))?)?,
        leases: field::list("leases", report.leases)?
            .into_iter()
            .map(held)
            .collect::<Result<_, WireError>>()?,
        done: report.done,
        rates: field::list("rates", report.rates)?.into_iter().map(rate).collect::<Result<_, WireError>>()?,
        health: match field::text("unwell", report.unwell, field::SENTENCE_BYTES)? {
            why if why.is_empty() => Health::Well,
            why => Health::Unwell(why),
        },
        intake,
    })
}

pub(super) fn load_message(load: Load) -> v1::Load {
    let Load { in_flight, slots, children, cpu_share, resident_bytes } = load;
    v1::Load { in_flight, slots, children, cpu_share, resident_bytes }
}

pub(super) fn load_of(load: v1::Load) -> Result<Load, WireError> {
    let v1::Load { in_flight, slots, children, cpu_share, resident_bytes } = load;
    let cpu_share = field::amount("cpu_share", cpu_share)?;
    Ok(Load { in_flight, slots, children, cpu_share, resident_bytes })
}

pub(super) fn order_message(order: Order) -> v1::SessionResponse {
    v1::SessionResponse {
        order: Some(match order {
            Order::Drain => Told::Drain(v1::Drain {}),
            Order::Pause => Told::Pause(v1::Pause {}),
            Order::Resume => Told::Resume(v1::Resume {}),
            Order::Share { workers } => Told::Share(v1::Share { workers }),
            Order::Assign(run) => Told::Assign(assignment::message(*run)),
            Order::Closing { run, closing } => {
                Told::Closing(v1::Closing { run_id: run.to_string(), closing })
            }
            Order::Withdraw(run) => Told::Withdraw(v1::Withdraw { run_id: run.to_string() }),
        }),
    }
}

pub(super) fn order_of(response: v1::SessionResponse) -> Result<Order, WireError> {
    Ok(match response.order.ok_or(WireError::Missing("order"))? {
        Told::Drain(_) => Order::Drain,
        Told::Pause(_) => Order::Pause,
        Told::Resume(_) => Order::Resume,
        Told::Share(v1::Share { workers: 0 }) => return Err(WireError::Missing("workers")),
        Told::Share(v1::Share { workers }) => Order::Share { workers },
        Told::Assign(run) => Order::Assign(Box::new(assignment::of(run)?)),
        Told::Closing(v1::Closing { run_id, closing }) => {
            Order::Closing { run: field::run(run_id)?, closing }
        }
        Told::Withdraw(v1::Withdraw { run_id }) => Order::Withdraw(field::run(run_id)?),
    })
}
