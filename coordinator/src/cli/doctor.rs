//! `coordinator doctor`.

use sheaf_worker::models;

use super::{
    arguments::DoctorArguments,
    exit::{Exit, complain, complain_of_usage, say},
};

pub(super) fn main(arguments: &DoctorArguments) -> Exit {
    let config = match models::configured(&arguments.models.options()) {
        Ok(Some(config)) => config,
        Ok(None) => {
            say("no model is configured: rules decide every document. The variables that name one:");
            say(&sheaf_llm::config::help());
            return Exit::Ok;
        }
        Err(message) => return complain_of_usage(&message),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&format!("the runtime could not be started: {error}")),
    };
    say(&config.sentence());
    for note in &config.notes {
        say(note);
    }
    let found = runtime.block_on(models::look(&config));
    let mut problems = 0;
    for detection in &found {
        say(&detection.to_string());
        for problem in &detection.problems {
            say(&format!("  mend: {problem}"));
            problems += 1;
        }
    }
    if problems == 0 { Exit::Ok } else { Exit::Failed }
}
