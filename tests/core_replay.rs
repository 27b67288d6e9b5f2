//! Replay: every entry out of its place is refused for the right reason, and the journal never writes one,
//! whoever races it and whatever fails under it.

#[path = "core_replay/archive.rs"]
mod archive;
#[path = "common/book.rs"]
mod book;
#[path = "core_replay/joining.rs"]
mod joining;
#[path = "core_replay/journal.rs"]
mod journal;
#[path = "common/soft.rs"]
mod soft;

use book::{declared, definition, key_id};
use breakglass::crypto::{self, SoftwareSigner};
use breakglass::format::dsse::Envelope;
use breakglass::format::{OpenedStatement, Participant};
use breakglass::ledger::{
    Claim, DeliveredSession, Delivery, Entry, Event, Impossible, IncidentPhase, Retirement,
    RetirementCause, VaultState, Writer,
};
use breakglass::model::{AccessKeyId, AccessRole, Digest, Name, Presence, Role};
use soft::{name, signer};

const VAULT: Digest = Digest([1; 32]);
const ROTATOR: Writer = Writer::Rotator(Digest([8; 32]));
const STRANGER: Writer = Writer::Station(Digest([9; 32]));

/// The state after events that a rotator wrote.
fn after(events: &[Event]) -> VaultState {
    let mut state = VaultState::default();
    for event in events {
        apply(&mut state, event).unwrap();
    }
    state
}

fn apply(state: &mut VaultState, event: &Event) -> Result<(), Impossible> {
    apply_by(state, event, ROTATOR)
}

fn apply_by(state: &mut VaultState, event: &Event, writer: Writer) -> Result<(), Impossible> {
    let entry = Entry {
        time: soft::now(),
        event: event.clone(),
    };
    state.apply(&entry, writer)
}

/// What is said against an event after these.
fn against(events: &[Event], event: Event) -> Option<Impossible> {
    apply(&mut after(events), &event).err()
}

fn contradiction(text: &str) -> Option<Impossible> {
    Some(Impossible::Contradiction(text.into()))
}

fn with(events: &[Event], more: impl IntoIterator<Item = Event>) -> Vec<Event> {
    events.iter().cloned().chain(more).collect()
}

fn founded() -> Event {
    Event::VaultFounded { vault: VAULT }
}

fn added(credential: &str, compartment: &str) -> Event {
    Event::CredentialAdded {
        credential: definition(credential, compartment),
    }
}

fn begun(generation: u64) -> Event {
    Event::RotationBegun {
        compartment: name("prod"),
        generation,
        header: Digest([generation as u8; 32]),
        manifest: VAULT,
        endpoint: None,
    }
}

fn intended(credential: &str, generation: u64) -> Event {
    Event::KeyIntended {
        credential: name(credential),
        generation,
        existing: vec![key_id("foreign", 1)],
    }
}

/// The witness of a credential's key in a generation.
fn witness(credential: &str, generation: u64) -> SoftwareSigner {
    signer(&format!("witness {credential} {generation}"))
}

fn sealed(credential: &str, generation: u64) -> Event {
    Event::KeySealed {
        credential: name(credential),
        generation,
        key: key_id(credential, generation),
        record: Digest([5; 32]),
        witness: witness(credential, generation).public().to_vec(),
    }
}

fn proved(credential: &str, generation: u64) -> Event {
    Event::KeyProved {
        credential: name(credential),
        key: key_id(credential, generation),
        arn: "arn:aws:iam::123456789012:user/x".into(),
        answers: 3,
    }
}

fn committed(generation: u64, credentials: &[&str]) -> Event {
    Event::GenerationCommitted {
        compartment: name("prod"),
        generation,
        credentials: credentials.iter().map(|text| name(text)).collect(),
    }
}

fn made(credential: &str, generation: u64) -> [Event; 3] {
    [
        intended(credential, generation),
        sealed(credential, generation),
        proved(credential, generation),
    ]
}

/// A vault with two credentials in the first generation.
fn rotated() -> Vec<Event> {
    let mut events = vec![
        founded(),
        added("deploy", "prod"),
        added("root", "prod"),
        begun(1),
    ];
    events.extend(made("deploy", 1));
    events.extend(made("root", 1));
    events.push(committed(1, &["deploy", "root"]));
    events
}

/// The same, and an incident for one of them.
fn in_incident() -> Vec<Event> {
    with(&rotated(), [declared("night", &["deploy"])])
}

fn participant(role: Role, who: &str) -> Participant {
    Participant {
        role,
        custodian: name(who),
        token: Digest([4; 32]),
        presence: Presence::None,
    }
}

fn stated() -> OpenedStatement {
    OpenedStatement {
        vault: VAULT,
        incident: name("night"),
        reason: "single sign-on is down".parse().unwrap(),
        credential: name("deploy"),
        compartment: name("prod"),
        generation: 1,
        access_key: key_id("deploy", 1),
        participants: vec![
            participant(Role::Ic, "alice"),
            participant(Role::Bgo, "bob"),
        ],
        ledger_size: 0,
        ledger_root: VAULT,
        opened: soft::now(),
        expires: soft::at(60),
    }
}

fn signed(statement: &OpenedStatement, witness: &SoftwareSigner) -> Event {
    let envelope = Envelope::of(statement).unwrap();
    Event::Opened {
        statement: crypto::sign(envelope, witness),
    }
}

fn opened() -> Event {
    signed(&stated(), &witness("deploy", 1))
}

fn of_key(event: fn(Name, AccessKeyId) -> Event, credential: &str, generation: u64) -> Event {
    event(name(credential), key_id(credential, generation))
}

fn deactivated(credential: Name, key: AccessKeyId) -> Event {
    Event::KeyDeactivated { credential, key }
}

fn deleted(credential: Name, key: AccessKeyId) -> Event {
    Event::KeyDeleted { credential, key }
}

fn missing(credential: Name, key: AccessKeyId) -> Event {
    Event::KeyMissing { credential, key }
}

fn refused(credential: Name, key: AccessKeyId) -> Event {
    Event::KeyRefused {
        credential,
        key,
        answers: 3,
    }
}

fn retiring(credential: Name, key: AccessKeyId) -> Event {
    Event::KeyRetiring {
        credential,
        key,
        act: Retirement::Delete,
        cause: RetirementCause::Orphaned,
    }
}

fn denied(credential: &str) -> Event {
    Event::SessionsDenied {
        credential: name(credential),
        before: soft::at(1),
    }
}

fn closing() -> Event {
    Event::ClosingIntended {
        incident: name("night"),
        endpoint: None,
    }
}

fn closed() -> Event {
    Event::IncidentClosed {
        incident: name("night"),
    }
}

/// Every kind of entry, each with whether a station that is no rotator may write it.
fn lease_expired() -> Event {
    Event::LeaseExpired {
        incident: name("night"),
        endpoint: None,
    }
}

fn used_at(credential: &str, generation: u64, minutes: i64) -> Event {
    Event::UnexplainedUse {
        credential: name(credential),
        key: key_id(credential, generation),
        used: soft::at(minutes),
        service: "sts".into(),
    }
}

fn all_kinds() -> Vec<(Event, bool)> {
    let incident = || name("night");
    let credentials = || vec![name("deploy")];
    vec![
        (founded(), true),
        (
            Event::ManifestIntended {
                version: 2,
                manifest: VAULT,
                change: "x".into(),
            },
            true,
        ),
        (
            Event::ManifestAdopted {
                version: 2,
                manifest: VAULT,
            },
            true,
        ),
        (added("stage", "prod"), false),
        (begun(2), false),
        (intended("deploy", 1), false),
        (sealed("deploy", 1), false),
        (proved("deploy", 1), false),
        (committed(1, &["deploy"]), false),
        (of_key(retiring, "deploy", 1), false),
        (of_key(deactivated, "deploy", 1), false),
        (of_key(deleted, "deploy", 1), false),
        (of_key(missing, "deploy", 1), false),
        (
            Event::KeyAbandoned {
                credential: name("deploy"),
                generation: 1,
            },
            false,
        ),
        (
            Event::RotationFailed {
                credential: name("deploy"),
                code: "aws-denied".into(),
            },
            false,
        ),
        (declared("night", &["deploy"]), true),
        (
            Event::OpeningIntended {
                incident: incident(),
                reason: "down".parse().unwrap(),
                credentials: credentials(),
            },
            true,
        ),
        (
            Event::Refused {
                incident: None,
                code: "wrong-pin".into(),
                what: "x".into(),
            },
            true,
        ),
        (opened(), true),
        (sessions_intended("deploy"), true),
        (delivered(&["deploy"]), true),
        (roles_set("deploy", &["prod"]), false),
        (
            Event::Released {
                incident: incident(),
                exit: Some(0),
            },
            true,
        ),
        (closing(), true),
        (denied("deploy"), false),
        (of_key(refused, "deploy", 1), false),
        (lease_expired(), false),
        (used_at("deploy", 1, 5), false),
        (
            Event::ClosingFailed {
                incident: incident(),
                code: "aws-denied".into(),
            },
            true,
        ),
        (closed(), false),
    ]
}

const ROLE: &str = "arn:aws:iam::210987654321:role/deploy";

fn roles_set(credential: &str, profiles: &[&str]) -> Event {
    let role = |profile: &&str| AccessRole {
        profile: name(profile),
        arn: ROLE.parse().unwrap(),
        external_id: None,
    };
    Event::RolesSet {
        credential: name(credential),
        roles: profiles.iter().map(role).collect(),
    }
}

fn sessions_intended(credential: &str) -> Event {
    Event::SessionsIntended {
        incident: name("night"),
        credential: name(credential),
        roles: vec![ROLE.parse().unwrap()],
        endpoint: None,
    }
}

/// The delivery of these credentials, with a session of each of those.
fn delivered_sessions(credentials: &[&str], of: &[&str]) -> Event {
    let session = |credential: &&str| DeliveredSession {
        credential: name(credential),
        role: ROLE.parse().unwrap(),
        key: "ASIAXXXXXXXXXXXXXXXX".parse().unwrap(),
        expires: soft::at(9),
    };
    Event::Delivered {
        incident: name("night"),
        credentials: credentials.iter().map(|text| name(text)).collect(),
        how: Delivery::CredentialProcess,
        sessions: of.iter().map(session).collect(),
    }
}

fn delivered(credentials: &[&str]) -> Event {
    Event::Delivered {
        incident: name("night"),
        credentials: credentials.iter().map(|text| name(text)).collect(),
        how: Delivery::CredentialProcess,
        sessions: Vec::new(),
    }
}

#[test]
fn what_says_which_keys_there_are_is_for_rotators_alone() {
    for (event, anybody) in all_kinds() {
        assert_eq!(event.needs_rotator(), !anybody, "{}", event.name());
        let mut state = after(&rotated());
        let said = apply_by(&mut state, &event, STRANGER).err();
        let not_his = Some(Impossible::Writer(event.name()));
        assert_eq!(said == not_his, !anybody, "{}: {said:?}", event.name());
    }
    let mut state = after(&rotated());
    apply_by(&mut state, &declared("night", &["deploy"]), STRANGER).unwrap();
    apply_by(&mut state, &opened(), STRANGER).unwrap();
    assert_eq!(state.strangers[&Digest([9; 32])], 2);
}

#[test]
fn nothing_comes_before_the_founding_and_nothing_founds_twice() {
    for (event, _) in all_kinds() {
        let said = against(&[], event.clone());
        if event == founded() {
            assert_eq!(said, None);
        } else {
            let too_early = contradiction("the vault is not founded yet");
            assert_eq!(said, too_early, "{}", event.name());
        }
    }
    let twice = contradiction("a vault is founded once");
    assert_eq!(against(&[founded()], founded()), twice);
    let state = after(&[founded()]);
    assert_eq!(
        (state.vault, state.manifest),
        (Some(VAULT), Some((1, VAULT)))
    );
}

#[test]
fn manifests_are_adopted_in_turn() {
    let adopted = |version, digest: u8| Event::ManifestAdopted {
        version,
        manifest: Digest([digest; 32]),
    };
    let two = [founded(), adopted(2, 2)];
    assert_eq!(after(&two).manifest, Some((2, Digest([2; 32]))));
    // Two stations may both have seen that the entry was missing.
    assert_eq!(against(&two, adopted(2, 2)), None);
    for (version, digest) in [(2, 3), (1, 1), (4, 4), (0, 0)] {
        let text = format!("manifest {version} is adopted out of turn");
        let said = against(&two, adopted(version, digest));
        assert_eq!(said, contradiction(&text));
    }
    // What was sealed under the old one is not begun under the new one.
    let with_one = with(&two, [added("deploy", "prod")]);
    let text = "generation 1 of prod is sealed under a manifest that is not in force";
    assert_eq!(against(&with_one, begun(1)), contradiction(text));
}

#[test]
fn a_generation_is_taken_once_and_committed_with_proof() {
    let two = with(&rotated(), [begun(2)]);
    for taken in [0, 1, 2] {
        let text = format!("generation {taken} of prod is taken");
        assert_eq!(against(&two, begun(taken)), contradiction(&text));
    }
    // A rotation that was given up leaves a gap.
    assert_eq!(against(&two, begun(7)), None);
    let without = |name: &str| {
        let text = format!("{name} is committed in generation 2 without proof");
        contradiction(&text)
    };
    assert_eq!(against(&two, committed(2, &["deploy"])), without("deploy"));
    let half = with(&two, [intended("deploy", 2), sealed("deploy", 2)]);
    assert_eq!(against(&half, committed(2, &["deploy"])), without("deploy"));
    let whole = with(&half, [proved("deploy", 2)]);
    assert_eq!(against(&whole, committed(2, &["deploy"])), None);
    let said = against(&whole, committed(2, &["deploy", "root"]));
    assert_eq!(said, without("root"));
    let never = "generation 3 of prod is committed and was never begun";
    assert_eq!(
        against(&whole, committed(3, &["deploy"])),
        contradiction(never)
    );
    let unknown = "there is no credential nobody";
    assert_eq!(
        against(&whole, committed(2, &["nobody"])),
        contradiction(unknown)
    );
    let elsewhere = with(&whole, [added("stage", "test")]);
    let said = against(&elsewhere, committed(2, &["stage"]));
    assert_eq!(said, contradiction("stage is not in prod"));
}

#[test]
fn what_a_rotation_leaves_is_what_the_ledger_says() {
    let mut state = after(&rotated());
    let prod = &state.compartments[&name("prod")];
    assert_eq!((prod.generation, prod.unfinished), (1, None));
    assert_eq!(prod.committed, Some((1, soft::now())));
    assert_eq!(prod.headers[&1], Digest([1; 32]));
    apply(&mut state, &begun(2)).unwrap();
    assert_eq!(state.compartments[&name("prod")].unfinished, Some(2));
    apply(&mut state, &intended("deploy", 2)).unwrap();
    assert!(state.credentials[&name("deploy")].intents.len() == 1);
    apply(&mut state, &sealed("deploy", 2)).unwrap();
    let deploy = &state.credentials[&name("deploy")];
    assert!(deploy.intents.is_empty());
    assert_eq!(deploy.current().map(|key| key.generation), Some(1));
    apply(&mut state, &proved("deploy", 2)).unwrap();
    apply(&mut state, &committed(2, &["deploy"])).unwrap();
    let deploy = &state.credentials[&name("deploy")];
    assert_eq!(deploy.current().map(|key| key.generation), Some(2));
    assert!(deploy.is_replaced(&deploy.keys[0]) && !deploy.is_replaced(&deploy.keys[1]));
    apply(&mut state, &of_key(deactivated, "deploy", 2)).unwrap();
    let current = |state: &VaultState| {
        let deploy = &state.credentials[&name("deploy")];
        deploy.current().map(|key| key.generation)
    };
    assert_eq!(current(&state), Some(1));
    apply(&mut state, &of_key(missing, "deploy", 1)).unwrap();
    assert_eq!(current(&state), None);
    // An older rotation that comes late takes nothing back.
    let late = with(&rotated(), [begun(2)]);
    let late = with(&late, made("deploy", 2));
    let late = with(&late, [begun(3)]);
    let late = with(&late, made("root", 3));
    let late = with(&late, [committed(3, &["root"]), committed(2, &["deploy"])]);
    let state = after(&late);
    let prod = &state.compartments[&name("prod")];
    assert_eq!(prod.committed.map(|(generation, _)| generation), Some(3));
}

#[test]
fn a_credential_is_added_once() {
    let twice = contradiction("deploy is added twice");
    assert_eq!(against(&rotated(), added("deploy", "prod")), twice);
    assert_eq!(against(&rotated(), added("deploy", "test")), twice);
}

#[test]
fn a_key_is_intended_in_the_generation_that_was_begun_and_sealed_after_it() {
    let two = with(&rotated(), [begun(2)]);
    for generation in [1, 3] {
        let text = format!(
            "a key of deploy is intended in generation {generation}, which is not the one that was \
             begun last"
        );
        let said = against(&two, intended("deploy", generation));
        assert_eq!(said, contradiction(&text));
    }
    let over = against(&rotated(), intended("deploy", 1));
    assert!(
        matches!(over, Some(Impossible::Contradiction(_))),
        "{over:?}"
    );
    // One that is begun elsewhere is none for it.
    let elsewhere = with(&two, [added("stage", "test")]);
    let said = against(&elsewhere, intended("stage", 2));
    assert!(
        matches!(said, Some(Impossible::Contradiction(_))),
        "{said:?}"
    );

    let key = key_id("deploy", 2);
    let without = contradiction(&format!("{key} is sealed without an intent"));
    assert_eq!(against(&two, sealed("deploy", 2)), without);
    let intent = with(&two, [intended("deploy", 2)]);
    assert_eq!(against(&intent, sealed("deploy", 2)), None);
    let mut third = sealed("deploy", 2);
    if let Event::KeySealed { generation, .. } = &mut third {
        *generation = 3;
    }
    assert_eq!(against(&intent, third), without);
    let mut again = sealed("deploy", 2);
    if let Event::KeySealed { key, .. } = &mut again {
        *key = key_id("deploy", 1);
    }
    let twice = contradiction(&format!("{} is sealed twice", key_id("deploy", 1)));
    assert_eq!(against(&intent, again), twice);
    let done = with(&intent, [sealed("deploy", 2)]);
    let twice = contradiction(&format!("{key} is sealed twice"));
    assert_eq!(against(&done, sealed("deploy", 2)), twice);

    let given_up = |generation| Event::KeyAbandoned {
        credential: name("deploy"),
        generation,
    };
    let never = contradiction("deploy gives up a key that was not intended");
    assert_eq!(against(&two, given_up(2)), never);
    assert_eq!(against(&intent, given_up(1)), never);
    let over = with(&intent, [given_up(2)]);
    assert_eq!(against(&over, sealed("deploy", 2)), without);
    // An intent whose answer never came may be repeated.
    assert_eq!(against(&intent, intended("deploy", 2)), None);
}

#[test]
fn what_happens_to_a_key_happens_to_one_that_was_sealed() {
    for event in [deactivated, missing, refused] {
        let key = key_id("deploy", 9);
        let never = contradiction(&format!("{key} was never sealed for deploy"));
        assert_eq!(against(&rotated(), of_key(event, "deploy", 9)), never);
    }
    let key = key_id("deploy", 9);
    let never = contradiction(&format!("{key} was never sealed for deploy"));
    assert_eq!(against(&rotated(), proved("deploy", 9)), never);
    // A key of another credential is none of this one.
    let others = deactivated(name("deploy"), key_id("root", 1));
    assert!(against(&rotated(), others).is_some());
    // An orphan was never sealed.
    assert_eq!(against(&rotated(), of_key(retiring, "deploy", 9)), None);
    assert_eq!(against(&rotated(), of_key(deleted, "deploy", 9)), None);
    // Each is told of once, however often it had to be deleted.
    let numbers = [8, 9, 8];
    let gone = numbers.map(|number| of_key(deleted, "deploy", number));
    let orphans = &after(&with(&rotated(), gone)).credentials[&name("deploy")].orphans;
    let ids: Vec<_> = orphans.iter().map(|orphan| orphan.id.clone()).collect();
    assert_eq!(ids, [key_id("deploy", 9), key_id("deploy", 8)]);
    let failed = Event::RotationFailed {
        credential: name("nobody"),
        code: "x".into(),
    };
    let nobody = contradiction("there is no credential nobody");
    assert_eq!(against(&rotated(), failed), nobody);
    for event in [retiring, deleted, deactivated, missing, refused] {
        assert_eq!(against(&rotated(), of_key(event, "nobody", 1)), nobody);
    }
    assert_eq!(against(&rotated(), intended("nobody", 1)), nobody);
    assert_eq!(against(&rotated(), sealed("nobody", 1)), nobody);
    assert_eq!(against(&rotated(), denied("nobody")), nobody);
    // AWS refuses what was deactivated or deleted, nothing else.
    let key = key_id("deploy", 1);
    let active = contradiction(&format!("{key} is refused while it is active"));
    assert_eq!(against(&rotated(), of_key(refused, "deploy", 1)), active);
    for end in [deactivated, deleted, missing] {
        let ended = with(&rotated(), [of_key(end, "deploy", 1)]);
        assert_eq!(against(&ended, of_key(refused, "deploy", 1)), None);
    }
}

#[test]
fn the_latest_use_that_nobody_explains_is_kept_with_its_key() {
    let unknown = against(&rotated(), used_at("deploy", 7, 5));
    assert_eq!(
        unknown,
        contradiction(&format!(
            "{} was never sealed for deploy",
            key_id("deploy", 7)
        ))
    );
    let used = with(
        &rotated(),
        [used_at("deploy", 1, 9), used_at("deploy", 1, 5)],
    );
    let state = after(&used);
    let key = |credential: &str| &state.credentials[&name(credential)].keys[0];
    assert_eq!(key("deploy").unexplained, Some(soft::at(9)));
    assert_eq!(key("root").unexplained, None);
    assert!(key("deploy").can_be_opened());
}

/// The claim of whoever began a rotation is as old as what was last heard of them, and of nobody else.
#[test]
fn whoever_begins_a_rotation_is_at_it_as_long_as_they_are_heard_of() {
    let mut state = after(&with(&rotated(), [begun(2)]));
    let mut heard = |event: Event, by: u8, minutes| {
        let entry = Entry {
            time: soft::at(minutes),
            event,
        };
        state
            .apply(&entry, Writer::Rotator(Digest([by; 32])))
            .unwrap();
        state.compartments[&name("prod")].claim.unwrap()
    };
    let claim = |by: u8, minutes| Claim {
        rotator: Digest([by; 32]),
        heard: soft::at(minutes),
    };
    assert_eq!(heard(intended("deploy", 2), 8, 1), claim(8, 1));
    assert_eq!(
        heard(sealed("deploy", 2), 7, 2),
        claim(8, 1),
        "another's act"
    );
    assert_eq!(heard(proved("deploy", 2), 8, 3), claim(8, 3));
    assert_eq!(
        heard(added("test", "test"), 8, 4),
        claim(8, 3),
        "another compartment"
    );
    assert_eq!(heard(begun(3), 7, 5), claim(7, 5), "taken over");
    assert_eq!(heard(of_key(retiring, "deploy", 1), 8, 6), claim(7, 5));
}

#[test]
fn an_incident_is_declared_once_for_what_there_is() {
    let twice = contradiction("incident night is declared twice");
    assert_eq!(against(&in_incident(), declared("night", &["root"])), twice);
    let unknown = declared("day", &["deploy", "nobody"]);
    let nobody = contradiction("there is no credential nobody");
    assert_eq!(against(&rotated(), unknown), nobody);
    let state = after(&in_incident());
    let incident = &state.incidents[&name("night")];
    assert_eq!(
        (incident.declared, incident.expires),
        (soft::now(), soft::at(60))
    );
    assert_eq!(incident.phase, IncidentPhase::Open);
    let live = |credential: &str| state.live_incident_of(&name(credential)).is_some();
    assert!(live("deploy") && !live("root"));
}

#[test]
fn what_belongs_to_an_incident_belongs_to_one_that_there_is() {
    let night = contradiction("there is no incident night");
    for (event, _) in all_kinds() {
        let of_incident = matches!(
            event,
            Event::OpeningIntended { .. }
                | Event::Opened { .. }
                | Event::Delivered { .. }
                | Event::Released { .. }
                | Event::ClosingIntended { .. }
                | Event::LeaseExpired { .. }
                | Event::ClosingFailed { .. }
                | Event::IncidentClosed { .. }
        );
        if of_incident {
            assert_eq!(
                against(&rotated(), event.clone()),
                night,
                "{}",
                event.name()
            );
        }
    }
    let intend = |credentials: &[&str]| Event::OpeningIntended {
        incident: name("night"),
        reason: "down".parse().unwrap(),
        credentials: credentials.iter().map(|text| name(text)).collect(),
    };
    assert_eq!(against(&in_incident(), intend(&["deploy"])), None);
    let not = contradiction("something is to be opened in night that may not be");
    assert_eq!(against(&in_incident(), intend(&["root"])), not);
    for end in [closing(), lease_expired()] {
        let being_closed = with(&in_incident(), [end]);
        assert_eq!(against(&being_closed, intend(&["deploy"])), not);
    }
    let not = contradiction("something is handed over in night that is not open in it");
    assert_eq!(against(&in_incident(), delivered(&["deploy"])), not);
    let open = with(&in_incident(), [opened()]);
    assert_eq!(against(&open, delivered(&["deploy"])), None);
    assert_eq!(against(&open, delivered(&["deploy", "root"])), not);
}

#[test]
fn sessions_are_made_of_what_is_open_and_roles_have_profiles_of_their_own() {
    let not = contradiction("something is handed over in night that is not open in it");
    assert_eq!(against(&in_incident(), sessions_intended("deploy")), not);
    let open = with(&in_incident(), [opened()]);
    assert_eq!(against(&open, sessions_intended("deploy")), None);
    assert_eq!(against(&open, sessions_intended("root")), not);

    let one = delivered_sessions(&["deploy"], &["deploy"]);
    let state = after(&with(&open, [one.clone(), one]));
    assert_eq!(state.incidents[&name("night")].sessions.len(), 2);
    let stray = delivered_sessions(&["deploy"], &["deploy", "root"]);
    let said = contradiction("a session is handed over in night whose credential is not");
    assert_eq!(against(&open, stray), said);

    let set = with(&open, [roles_set("deploy", &["prod", "audit"])]);
    let roles = |state: &VaultState| state.credentials[&name("deploy")].roles.len();
    assert_eq!(roles(&after(&open)), 0);
    assert_eq!(roles(&after(&set)), 2);
    let none = with(&set, [roles_set("deploy", &[])]);
    assert_eq!(roles(&after(&none)), 0);
    let twice = contradiction("two roles of deploy have one profile");
    assert_eq!(
        against(&open, roles_set("deploy", &["prod", "prod"])),
        twice
    );
    let nobody = contradiction("there is no credential nobody");
    assert_eq!(against(&open, roles_set("nobody", &["prod"])), nobody);
}

#[test]
fn a_statement_says_what_the_ledger_says() {
    assert_eq!(against(&in_incident(), opened()), None);
    let said = |change: fn(&mut OpenedStatement)| {
        let mut statement = stated();
        change(&mut statement);
        against(&in_incident(), signed(&statement, &witness("deploy", 1)))
    };
    let bad = |why| Some(Impossible::Witness("deploy".into(), why));
    assert_eq!(
        said(|s| s.vault = Digest([2; 32])),
        bad("it is of another vault")
    );
    let elsewhere = bad("it names another generation");
    assert_eq!(said(|s| s.generation = 2), elsewhere);
    assert_eq!(said(|s| s.compartment = name("test")), elsewhere);
    assert_eq!(
        said(|s| s.expires = soft::at(61)),
        bad("it names another lease")
    );
    let people = bad("it does not name people of both roles");
    assert_eq!(said(|s| s.participants.clear()), people);
    assert_eq!(said(|s| drop(s.participants.pop())), people);
    // A security officer is no stand-in for either.
    assert_eq!(said(|s| s.participants[0].role = Role::So), people);
    assert_eq!(said(|s| s.participants[1].role = Role::So), people);
    assert_eq!(said(|s| drop(s.participants.remove(0))), people);
    assert_eq!(
        said(|s| s.participants[1].custodian = name("alice")),
        people
    );
    let incident = contradiction("there is no incident day");
    assert_eq!(said(|s| s.incident = name("day")), incident);
    let key = key_id("root", 1);
    let never = contradiction(&format!("{key} was never sealed for deploy"));
    assert_eq!(said(|s| s.access_key = key_id("root", 1)), never);
    let nobody = contradiction("there is no credential nobody");
    assert_eq!(said(|s| s.credential = name("nobody")), nobody);
    // Good in itself, and for something that the incident was not declared for.
    let mut root = stated();
    root.credential = name("root");
    root.access_key = key_id("root", 1);
    let said = against(&in_incident(), signed(&root, &witness("root", 1)));
    let why = "its incident was not declared for it";
    assert_eq!(said, Some(Impossible::Witness("root".into(), why)));
}

#[test]
fn a_statement_is_signed_by_the_witness_of_its_key() {
    let said = |event| against(&in_incident(), event);
    let bad = |why| Some(Impossible::Witness("deploy".into(), why));
    let another = bad("it is signed by another key");
    for other in [witness("root", 1), witness("deploy", 2), signer("rotator")] {
        assert_eq!(said(signed(&stated(), &other)), another);
    }
    let changed = |change: fn(&mut Envelope)| {
        let Event::Opened { mut statement } = opened() else {
            panic!("an opening");
        };
        change(&mut statement);
        said(Event::Opened { statement })
    };
    let one = bad("it must bear one signature");
    assert_eq!(changed(|e| e.signatures.clear()), one);
    assert_eq!(changed(|e| e.signatures.push(e.signatures[0].clone())), one);
    let verify = bad("the signature does not verify");
    assert_eq!(changed(|e| e.signatures[0].sig[0] ^= 1), verify);
    assert_eq!(changed(|e| e.payload.push(b' ')), verify);
    let forged = changed(|e| {
        let forger = signer("forger");
        e.signatures[0].sig = forger.sign(&e.signed_bytes()).to_vec();
    });
    assert_eq!(forged, verify);
    let malformed = changed(|e| e.payload.truncate(10));
    assert!(
        matches!(malformed, Some(Impossible::Malformed(_))),
        "{malformed:?}"
    );
    let malformed = changed(|e| e.payload_type.push('2'));
    assert!(
        matches!(malformed, Some(Impossible::Malformed(_))),
        "{malformed:?}"
    );
}

#[test]
fn a_statement_stands_once_and_in_an_open_incident() {
    let open = with(&in_incident(), [opened()]);
    let bad = |why| Some(Impossible::Witness("deploy".into(), why));
    let again = bad("it stands in the ledger already");
    assert_eq!(against(&open, opened()), again);
    let mut later = stated();
    later.opened = soft::at(2);
    let later = signed(&later, &witness("deploy", 1));
    let twice = after(&with(&open, [later.clone()]));
    let incident = &twice.incidents[&name("night")];
    assert_eq!(incident.opened, [(name("deploy"), key_id("deploy", 1))]);
    assert_eq!(
        twice.credentials[&name("deploy")].keys[0].opened_in.len(),
        2
    );
    let over = bad("its incident is closed or being closed");
    assert_eq!(against(&with(&open, [closing()]), later), over);
    assert_eq!(against(&with(&in_incident(), [closing()]), opened()), over);
    assert_eq!(against(&with(&in_incident(), [closed()]), opened()), over);
}

/// From an opening to the moment before its incident is closed.
fn nearly_closed() -> Vec<Event> {
    let mut events = with(&in_incident(), [opened(), closing()]);
    events.push(of_key(deactivated, "deploy", 1));
    events.push(of_key(refused, "deploy", 1));
    events.push(denied("deploy"));
    events.push(begun(2));
    events.extend(made("deploy", 2));
    events.push(committed(2, &["deploy"]));
    events
}

#[test]
fn an_incident_is_closed_when_its_keys_are_dead_and_replaced_and_not_before() {
    let events = nearly_closed();
    let start = in_incident().len() + 2;
    let key = key_id("deploy", 1);
    for end in start..events.len() {
        let said = against(&events[..end], closed());
        let why = match end - start {
            0 | 1 => format!("{key} may live"),
            2 => "sessions of deploy may live".to_owned(),
            _ => format!("{key} is not replaced"),
        };
        let text = format!("night is closed while {why}");
        assert_eq!(said, contradiction(&text), "{end}");
    }
    let state = after(&with(&events, [closed()]));
    let incident = &state.incidents[&name("night")];
    assert_eq!(
        (incident.phase, incident.is_live()),
        (IncidentPhase::Closed, false)
    );
    // A key that is gone is no less to be probed.
    let mut gone = with(&in_incident(), [opened(), closing()]);
    gone.push(of_key(deleted, "deploy", 1));
    let text = format!("night is closed while {key} may live");
    assert_eq!(against(&gone, closed()), contradiction(&text));
    // Nothing was opened: nothing is to be done.
    assert_eq!(against(&in_incident(), closed()), None);
}

#[test]
fn a_closing_that_failed_is_remembered_until_it_succeeds() {
    let failed = Event::ClosingFailed {
        incident: name("night"),
        code: "aws-throttled".into(),
    };
    let mut events = nearly_closed();
    events.push(failed);
    let incident = |events: &[Event]| after(events).incidents[&name("night")].clone();
    let not_closed = incident(&events);
    assert_eq!(not_closed.phase, IncidentPhase::Closing);
    assert_eq!(not_closed.failure.as_deref(), Some("aws-throttled"));
    events.push(closed());
    assert_eq!(incident(&events).failure, None);
    // What comes after its end does not open it again.
    events.push(closing());
    assert_eq!(incident(&events).phase, IncidentPhase::Closed);
    let released = Event::Released {
        incident: name("night"),
        exit: None,
    };
    assert_eq!(against(&events, released), None);
    let handed = against(&events, delivered(&["deploy"]));
    let text = "something is handed over in night that is not open in it";
    assert_eq!(handed, contradiction(text));
}

#[test]
fn two_incidents_that_had_one_key_open_both_end() {
    let mut other = stated();
    other.incident = name("day");
    let mut events = with(
        &in_incident(),
        [
            opened(),
            declared("day", &["deploy", "root"]),
            signed(&other, &witness("deploy", 1)),
        ],
    );
    events.extend(nearly_closed().split_off(in_incident().len() + 1));
    events.push(closed());
    let day = Event::IncidentClosed {
        incident: name("day"),
    };
    assert_eq!(against(&events, day), None);
}

#[test]
fn a_failure_is_forgotten_when_the_old_key_goes_and_the_new_one_is_in_force() {
    let failed = Event::RotationFailed {
        credential: name("deploy"),
        code: "aws-unclear".into(),
    };
    let forgets = |events: &[Event]| after(events).credentials[&name("deploy")].failed.is_none();
    let gone = [
        of_key(deactivated, "deploy", 1),
        of_key(deleted, "deploy", 1),
        of_key(missing, "deploy", 1),
    ];
    // The new key is in force, and only the old one's end had failed.
    let mut rotated_again = with(&rotated(), [begun(2)]);
    rotated_again.extend(made("deploy", 2));
    rotated_again.push(committed(2, &["deploy"]));
    let after_failure = with(&rotated_again, [failed.clone()]);
    assert!(!forgets(&after_failure));
    for event in gone.clone() {
        assert!(forgets(&with(&after_failure, [event])));
    }
    // A new key was wanted, and there is none.
    let none_made = with(&rotated(), [begun(2), failed]);
    for event in gone {
        assert!(!forgets(&with(&none_made, [event])));
    }
}

#[test]
fn refusals_are_counted() {
    let refusal = Event::Refused {
        incident: None,
        code: "wrong-pin".into(),
        what: "wrong PIN".into(),
    };
    let state = after(&with(&rotated(), [refusal.clone(), refusal]));
    assert_eq!(state.refusals, 2);
}
