//! One file per command: from arguments to a deed, and from what it returns to words.

mod attested;
mod beside;
mod close;
mod copies;
mod credential;
mod doctor;
mod drill;
mod export;
mod generated;
mod init;
mod inspect;
mod join;
mod ledger;
mod monitored;
mod people;
mod plan;
mod plan_json;
mod policy;
mod profiles;
mod roles;
mod roots;
mod rotate;
mod safe;
mod status;
mod token;
mod trust;
mod unseal;

use std::process::ExitCode;

use super::app::App;
use super::args::{Args, Command, Compartment, Custodian, Policy, Rotator};
use crate::model::Failure;
use crate::ops::RotateRequest;

/// Runs a command.
pub fn run(args: Args) -> Result<ExitCode, Failure> {
    let app = match args.command {
        Command::Completions { shell } => return Ok(generated::completions(shell)),
        Command::Man { dir } => return generated::man(&dir),
        Command::Inspect { file } => return inspect::run(&file, args.globals.json),
        _ => App::load(args.globals)
            .inspect_err(|failure| rotate::not_begun(&args.command, failure))?,
    };
    match args.command {
        Command::Init(init) => init::run(&app, init),
        Command::Trust { fingerprint } => trust::run(&app, &fingerprint),
        Command::Token(command) => token::run(&app, command),
        Command::Custodian(Custodian::List) => people::list_custodians(&app),
        Command::Custodian(command) => people::change_custodians(&app, command),
        Command::Threshold {
            role,
            count,
            dry_run,
        } => people::threshold(&app, role, count, dry_run),
        Command::Policy(Policy::Explain { compartments }) => policy::run(&app, &compartments),
        Command::Policy(Policy::Set(rules)) => people::policy_set(&app, rules),
        Command::Compartment(Compartment::List) => people::list_compartments(&app),
        Command::Compartment(Compartment::Add { name, dry_run }) => {
            people::add_compartment(&app, name, dry_run)
        }
        Command::Rotator(Rotator::List) => people::list_rotators(&app),
        Command::Rotator(command) => people::change_rotators(&app, command),
        Command::Credential(command) => credential::run(&app, command),
        Command::Rotate {
            compartments,
            due,
            take_over,
            dry_run,
            metrics,
        } => {
            let request = RotateRequest {
                compartments,
                due_only: due,
                take_over,
            };
            match dry_run {
                true => rotate::foresee(&app, &request),
                false => rotate::run(&app, &request, metrics.metrics.as_deref()),
            }
        }
        Command::Unseal(unseal) => unseal::run(&app, unseal),
        Command::Drill {
            credentials,
            compartment,
        } => drill::run(&app, credentials, compartment.as_ref()),
        Command::Close { incident } => close::run(&app, incident),
        Command::Status { metrics } => status::run(&app, metrics.metrics.as_deref()),
        Command::Doctor => doctor::run(&app),
        Command::Vault(command) => export::run(&app, command),
        Command::Ledger(command) => ledger::run(&app, command),
        Command::Inspect { .. } | Command::Completions { .. } | Command::Man { .. } => {
            Ok(ExitCode::SUCCESS)
        }
    }
}
