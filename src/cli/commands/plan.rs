//! The plan of a change of the manifest: what the people see before anybody is asked for a PIN.

use crate::cli::words::{self, wrapped};
use crate::policy::{Difference, Losses, Next, Panel, Plan, RoleChange, Stale, Worse};

/// The plan, for people: at most 80 columns.
pub fn text(plan: &Plan) -> String {
    let mut text = format!(
        "Manifest {} of {} is to follow manifest {}.\n",
        plan.to, plan.vault, plan.from
    );
    section(&mut text, "What changes");
    if plan.differences.is_empty() {
        text.push_str("  nothing: it says the same as the one before\n");
    }
    for difference in &plan.differences {
        let (mark, words) = different(difference);
        text.push_str(&wrapped(&format!("  {mark} "), "    ", &words));
    }
    section(&mut text, "Who must sign");
    text.push_str(&signers(plan));
    section(
        &mut text,
        "What may be lost, whichever it is, and it still works",
    );
    text.push_str(&losses(plan));
    section(&mut text, "What it costs");
    text.push_str(&costs(plan));
    section(&mut text, "What is to be done next");
    text.push_str(&next(plan));
    text
}

fn section(text: &mut String, title: &str) {
    text.push_str(&format!("\n{title}\n"));
}

fn different(difference: &Difference) -> (char, String) {
    match difference {
        Difference::PersonAdded(name, role) => ('+', format!("{name} becomes {}", role.title())),
        Difference::PersonRetired(name, role) => {
            ('-', format!("{name} is {} no longer", role.title()))
        }
        Difference::TokenAdded {
            name, token, spare, ..
        } => {
            let what = if *spare { "a spare token" } else { "the token" };
            ('+', format!("{name} gets {what}: {}", words::held(token)))
        }
        Difference::TokenRetired {
            name, token, lost, ..
        } => {
            let lost = if *lost { "lost " } else { "" };
            let token = words::token(&token.identity);
            (
                '-',
                format!("the {lost}token of {name} is retired: {token}"),
            )
        }
        Difference::Threshold { role, from, to } => {
            ('*', format!("threshold of {role}: {to} instead of {from}"))
        }
        Difference::Firmware { from, to } => (
            '*',
            format!("a YubiKey has firmware {to} or newer, instead of {from}"),
        ),
        Difference::PinOnce(true) => (
            '*',
            "a YubiKey may ask for the PIN once a session, not only at each use".to_owned(),
        ),
        Difference::Period { period, to, .. } => ('*', words::period(*period, *to)),
        Difference::PinOnce(false) => ('*', "a YubiKey asks for the PIN at each use".to_owned()),
        Difference::RootAdded(root) => ('+', format!("attestation root {}", words::root(root))),
        Difference::RootRemoved(root) => ('-', format!("attestation root {}", words::root(root))),
        Difference::CompartmentAdded(name) => ('+', format!("compartment {name}")),
        Difference::RotatorAdded(rotator) => (
            '+',
            format!(
                "rotator {} may seal, with the key {}",
                rotator.name,
                key(&rotator.public)
            ),
        ),
        Difference::RotatorRetired(rotator) => (
            '-',
            format!(
                "rotator {} may seal no more, with the key {}",
                rotator.name,
                key(&rotator.public)
            ),
        ),
    }
}

pub(super) fn key(public: &[u8]) -> String {
    data_encoding::BASE64.encode(public)
}

fn signers(plan: &Plan) -> String {
    let mut text = String::new();
    for signers in &plan.signers {
        let panel = &signers.panel;
        text.push_str(&format!(
            "  {:<4} {} of\n",
            panel.role.label(),
            panel.threshold
        ));
        for member in &panel.members {
            let tokens: Vec<String> = member
                .tokens
                .iter()
                .map(|t| words::token(&t.identity))
                .collect();
            let who = format!("{}: {}", member.name, tokens.join("; "));
            text.push_str(&wrapped("       ", "         ", &who));
        }
    }
    for proof in &plan.proofs {
        let token = words::token(&proof.token.identity);
        let what = format!(
            "{}: {token}, to prove that its keys are its own",
            proof.name
        );
        text.push_str(&wrapped("  new  ", "         ", &what));
    }
    text
}

/// Before and after, where they are not the same.
fn was(before: &str, after: &str) -> String {
    if before == after {
        after.to_owned()
    } else {
        format!("{after} (was {before})")
    }
}

fn losses(plan: &Plan) -> String {
    let row = |who: &str, needs: String, before: Option<Losses>, after: Option<Losses>| {
        let of = |losses: Option<Losses>, pick: fn(Losses) -> usize| {
            losses.map_or_else(|| "-".to_owned(), |losses| pick(losses).to_string())
        };
        let both = |pick| was(&of(before, pick), &of(after, pick));
        vec![
            format!("  {who}"),
            needs,
            both(|losses| losses.people),
            both(|losses| losses.tokens),
        ]
    };
    let header = ["  ", "NEEDS", "PEOPLE", "TOKENS"].map(str::to_owned);
    let mut rows = vec![header.to_vec()];
    for RoleChange { before, after } in &plan.roles {
        let needs = |panel: &Panel| format!("{} of {}", panel.threshold, panel.members.len());
        let needs = was(&needs(before), &needs(after));
        rows.push(row(
            after.role.label(),
            needs,
            before.losses(),
            after.losses(),
        ));
    }
    let (before, after) = plan.opening;
    rows.push(row("to open", String::new(), before, after));
    let (before, after) = plan.changing;
    rows.push(row("to change this", String::new(), before, after));
    crate::cli::render::table(&rows)
}

fn costs(plan: &Plan) -> String {
    let mut text = String::new();
    for worse in &plan.worse {
        text.push_str(&wrapped("  ! ", "    ", &worse_words(worse)));
    }
    for stale in &plan.stale {
        text.push_str(&wrapped("  - ", "    ", &stale_words(stale)));
    }
    for exposure in &plan.exposed {
        text.push_str(&wrapped("  - ", "    ", &words::exposure(exposure)));
    }
    for difference in &plan.differences {
        if let Difference::RotatorRetired(rotator) = difference {
            let what = format!(
                "{} opens nothing, and never did; what it sealed stays good. Whoever has its rights in AWS \
                 can still make access keys there",
                rotator.name
            );
            text.push_str(&wrapped("  - ", "    ", &what));
        }
    }
    if text.is_empty() {
        text.push_str("  nothing\n");
    }
    text
}

/// What gets worse, in words.
pub fn worse_words(worse: &Worse) -> String {
    match worse {
        Worse::NoneToLose { role, after, .. } if after.tokens == 0 => {
            format!("no token of {role} may be lost any more: there is no spare")
        }
        Worse::NoneToLose { role, .. } => {
            format!("nobody of {role} may drop out any more")
        }
        Worse::FewerNeeded { role, from, to } => {
            format!("{to} of {role} will be enough, where it took {from}")
        }
        Worse::OlderFirmware { from, to } => {
            format!("YubiKeys with firmware {to} will be taken, where it had to be {from}")
        }
        Worse::PinOnce => {
            "YubiKeys will be taken on which another program could ride on a PIN that was \
                           typed for us"
                .to_owned()
        }
        Worse::Period { period, from, to } => {
            format!("{}, and no longer {from}", words::period(*period, *to))
        }
        Worse::RootTrusted(root) => format!(
            "whoever has the key of {} can say of any key that it takes a touch",
            words::root(root)
        ),
        Worse::LessTouch => "an opening will be possible without any touch".to_owned(),
        Worse::Locked {
            compartment,
            generation,
        } => format!(
            "NOBODY can open {compartment}, generation {generation}, from then on until it is rotated"
        ),
    }
}

fn stale_words(stale: &Stale) -> String {
    let mut text = format!(
        "{}, generation {}, stays sealed as it is, until: {}. It takes {}",
        stale.compartment,
        stale.generation,
        words::endings(&stale.ends),
        words::takes(&stale.access)
    );
    for (name, token) in &stale.newcomers {
        text.push_str(&format!(
            "; {name} opens nothing of it with {}",
            words::token(token)
        ));
    }
    text
}

/// The command and what it is for; without a command where ours cannot do it.
pub fn step(next: &Next) -> (Option<String>, String) {
    match next {
        Next::Seal(ending) => (
            Some(ending.to_string()),
            "until then it stays sealed as it was before".to_owned(),
        ),
        Next::AddCredential(compartment) => (
            Some(format!(
                "breakglass credential add NAME --user USER --compartment {compartment}"
            )),
            "it is empty; what it holds rotates and opens together, apart from the rest".to_owned(),
        ),
        Next::RunOn(rotator) => (
            Some("breakglass rotate --due".to_owned()),
            format!("on {rotator}, which may seal from now on"),
        ),
        Next::DropAwsRights(rotator) => (
            None,
            format!(
                "in AWS: take away the credentials of {rotator}; whoever can make access keys for the \
                 users can act as them"
            ),
        ),
    }
}

/// What is to be done next, for people.
pub fn next(plan: &Plan) -> String {
    let mut text = String::new();
    for (command, why) in plan.next.iter().map(step) {
        match command {
            Some(command) => {
                text.push_str(&format!("  {command}\n"));
                text.push_str(&wrapped("      ", "      ", &why));
            }
            None => text.push_str(&wrapped("  ", "      ", &why)),
        }
    }
    if text.is_empty() {
        text.push_str("  nothing\n");
    }
    text
}
