//! Writes what each target begins with: the documents of a vault, whole and in parts.

use std::fs;
use std::path::Path;

use breakglass::format::OpenedStatement;
use breakglass::format::dsse::Envelope;
use breakglass::ledger::{Delivery, Entry, Event, HeadRef, Retirement, RetirementCause};
use breakglass::model::{Digest, Name, Timestamp};

use crate::made::{self, pem};
use crate::soft::{self, name};
use crate::world::{World, definition, world};
use crate::{attestation, ledger, world};

/// A target, a seed's name, its bytes.
type Seed = (&'static str, String, Vec<u8>);

/// Writes them into a folder for each target.
pub fn write(folder: &Path) {
    let world = world();
    let mut seeds: Vec<Seed> = Vec::new();
    documents(world, &mut seeds);
    entries(world, &mut seeds);
    commits(&mut seeds);
    texts(&mut seeds);
    station(&mut seeds);
    answers(&mut seeds);
    attested(&mut seeds);
    for (target, seed, bytes) in seeds {
        let folder = folder.join(target);
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join(seed), bytes).expect("written");
    }
}

fn both(seeds: &mut Vec<Seed>, target: &'static str, seed: &str, envelope: &Envelope) {
    let whole = envelope.to_bytes().expect("written");
    seeds.push(("envelope", format!("{target}-{seed}"), whole.clone()));
    seeds.push((target, seed.to_owned(), whole));
    seeds.push((target, format!("{seed}-payload"), envelope.payload.clone()));
}

fn documents(world: &World, seeds: &mut Vec<Seed>) {
    for (n, manifest) in world.manifests.iter().enumerate() {
        both(seeds, "manifest", &format!("{}", n + 1), manifest);
    }
    let mut third = world.chain.newest().clone();
    third.version = 3;
    third.previous = Some(world.chain.newest_digest());
    both(
        seeds,
        "manifest",
        "3",
        &Envelope::of(&third).expect("written"),
    );
    both(seeds, "header", "real", &world.header);
    both(seeds, "record", "real", &world.record);
    both(seeds, "statement", "real", &statement(world));
    for (kind, key) in world.chain.newest().tokens().flat_map(|(_, token)| {
        let rsa = token.keys.seal.public.len() > 65;
        let keys = [&token.keys.seal.public, &token.keys.sign.public];
        keys.map(|key| (u8::from(rsa), key.clone()))
    }) {
        let mut bytes = vec![kind, u8::try_from(key.len().div_ceil(4)).unwrap_or(255)];
        bytes.extend_from_slice(&key);
        let n = seeds.len();
        seeds.push(("keys", format!("{n}"), bytes));
    }
    let mut ed25519 = vec![2, 8];
    ed25519.extend_from_slice(&world::rotator().public());
    ed25519.extend_from_slice(&world::rotator().sign(b"something else"));
    seeds.push(("keys", "ed25519".to_owned(), ed25519));
}

fn statement(world: &World) -> Envelope {
    let header = world.header();
    let known = definition();
    let statement = OpenedStatement {
        vault: world.vault,
        incident: name("20261124-1"),
        reason: "single sign-on is down".parse().expect("a reason"),
        credential: known.name,
        compartment: header.compartment,
        generation: 1,
        access_key: "AKIAIOSFODNN7EXAMPLE".parse().expect("a key id"),
        participants: Vec::new(),
        ledger_size: 5,
        ledger_root: Digest([1; 32]),
        opened: soft::at(1),
        expires: soft::at(60),
    };
    Envelope::of(&statement).expect("written")
}

fn entries(world: &World, seeds: &mut Vec<Seed>) {
    let mut lines = Vec::new();
    for (n, event) in events(world).into_iter().enumerate() {
        let entry = Entry {
            time: Timestamp::from_unix(soft::NOW),
            event,
        };
        let line = serde_json::to_vec(&entry).expect("written");
        seeds.push((
            "event",
            format!("{n:02}-{}", entry.event.name()),
            line.clone(),
        ));
        lines.extend_from_slice(&line);
        lines.push(b'\n');
    }
    seeds.push(("event", "all".to_owned(), lines));
}

/// One of each, in an order in which most can follow.
fn events(world: &World) -> Vec<Event> {
    let (deploy, prod, incident) = (name("deploy"), name("prod"), name("20261124-1"));
    let key: breakglass::model::AccessKeyId = "AKIAIOSFODNN7EXAMPLE".parse().expect("a key id");
    let reason: breakglass::model::Reason = "single sign-on is down".parse().expect("a reason");
    let record: breakglass::format::Record = world.record.document().expect("a record");
    let (credential, credentials) = (deploy.clone(), vec![deploy.clone()]);
    vec![
        Event::KeySealed {
            credential: credential.clone(),
            generation: 1,
            key: key.clone(),
            record: world.record.digest(),
            witness: record.witness,
        },
        Event::KeyProved {
            credential: credential.clone(),
            key: key.clone(),
            arn: "arn:aws:iam::123456789012:user/deploy-emergency".to_owned(),
            answers: 3,
        },
        Event::GenerationCommitted {
            compartment: prod.clone(),
            generation: 1,
            credentials: credentials.clone(),
        },
        Event::IncidentDeclared {
            incident: incident.clone(),
            reason: reason.clone(),
            credentials: credentials.clone(),
            expires: soft::at(60),
        },
        Event::OpeningIntended {
            incident: incident.clone(),
            reason,
            credentials: credentials.clone(),
        },
        Event::Opened {
            statement: statement(world),
        },
        Event::Delivered {
            incident: incident.clone(),
            credentials,
            how: Delivery::Child {
                program: "sh".to_owned(),
            },
            sessions: Vec::new(),
        },
        Event::Released {
            incident: incident.clone(),
            exit: Some(0),
        },
        Event::ClosingIntended {
            incident: incident.clone(),
            endpoint: Some("http://127.0.0.1:1".to_owned()),
        },
        Event::KeyRetiring {
            credential: credential.clone(),
            key: key.clone(),
            act: Retirement::Deactivate,
            cause: RetirementCause::Exposed,
        },
        Event::KeyDeactivated {
            credential: credential.clone(),
            key: key.clone(),
        },
        Event::SessionsDenied {
            credential: credential.clone(),
            before: soft::at(3),
        },
        Event::KeyRefused {
            credential: credential.clone(),
            key: key.clone(),
            answers: 3,
        },
        Event::KeyDeleted {
            credential: credential.clone(),
            key: key.clone(),
        },
        Event::IncidentClosed {
            incident: incident.clone(),
        },
        Event::KeyMissing {
            credential: credential.clone(),
            key,
        },
        Event::KeyAbandoned {
            credential: credential.clone(),
            generation: 1,
        },
        Event::KeyUnanswered {
            credential: credential.clone(),
            generation: 1,
        },
        Event::RotationFailed {
            credential,
            code: "key-not-proved".to_owned(),
        },
        Event::ClosingFailed {
            incident: incident.clone(),
            code: "aws-denied".to_owned(),
        },
        Event::Refused {
            incident: Some(incident.clone()),
            code: "no-quorum".to_owned(),
            what: "nobody came".to_owned(),
        },
        joined(),
        carried(incident),
    ]
}

fn joined() -> Event {
    let head = |size, byte| HeadRef {
        size,
        root: Digest([byte; 32]),
    };
    Event::LedgerJoined {
        parted: head(5, 1),
        main: head(7, 2),
        heads: vec![head(6, 3), head(8, 4)],
    }
}

fn carried(incident: Name) -> Event {
    let event = Event::Released {
        incident,
        exit: Some(0),
    };
    let time = Timestamp::from_unix(soft::NOW);
    Event::Carried {
        ledger: Digest([4; 32]),
        index: 6,
        entry: Box::new(Entry { time, event }),
    }
}

fn commits(seeds: &mut Vec<Seed>) {
    let (text, first) = ledger::first_commit(b"one");
    seeds.push(("commit", "whole".to_owned(), first));
    let mut parts = text.into_bytes();
    parts.extend_from_slice(b"\0\0\x03one");
    seeds.push(("commit", "parts".to_owned(), parts));
    let ahead = ledger::note_text(9, &Digest([3; 32]));
    seeds.push(("checkpoint", "ahead".to_owned(), ahead.into_bytes()));
    for (n, (name, bytes)) in ledger::derived_objects().iter().enumerate() {
        if name == "ledger/checkpoint" {
            seeds.push(("checkpoint", "whole".to_owned(), bytes.clone()));
        }
        let mut seed = vec![u8::try_from(n).unwrap_or(0)];
        seed.extend_from_slice(&bytes[..bytes.len().min(600)]);
        seeds.push(("derived", format!("{n}"), seed));
    }
    seeds.push((
        "entries",
        "three".to_owned(),
        b"\0\x20\x01one\0two\0three".to_vec(),
    ));
    seeds.push((
        "entries",
        "json".to_owned(),
        b"\x01\x00\x80{\"time\":\"2026\"}".to_vec(),
    ));
}

fn texts(seeds: &mut Vec<Seed>) {
    let names = [
        "prod-eu.1",
        "123456789012",
        "deploy-emergency+x=1,2.3@y",
        "AKIAIOSFODNN7EXAMPLE",
        "ic",
        "2026-11-24T03:00:00Z",
        "-000001-01-01T00:00:00Z",
        "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9",
        "INC-1: single sign-on is down \u{2014} \u{fc}n\u{ef}code",
        "generation/prod/00000001/header.json",
        "../x",
        "a\u{1b}[2J\u{202e}\\u{61}",
        "cccccccfhcbelrhifnjrrddcgrburluurftrgfdrdifj",
    ];
    for (n, text) in names.iter().enumerate() {
        seeds.push(("names", format!("{n}"), text.as_bytes().to_vec()));
    }
    let uris = [
        "pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc.;\
         model=1.0;serial=12=ab;slot-id=42;slot-description=S;object=my-key;id=%69%00%FF;type=private\
         ?module-path=/usr/lib/x.so&module-name=x",
        "PKCS11:serial=1?pin-value=1234",
        "pkcs11:?module-name=x",
    ];
    for (n, text) in uris.iter().enumerate() {
        seeds.push(("uri", format!("{n}"), text.as_bytes().to_vec()));
    }
}

fn station(seeds: &mut Vec<Seed>) {
    let config = "name = \"laptop\"\nvault = \"/srv/vault\"\n\n[[module]]\npath = \"/usr/lib/x.so\"\n\
                  profile = \"softhsm2\"\n\n[aws]\nprofile = \"rotator\"\nregion = \"eu-west-1\"\n\
                  endpoint = \"http://127.0.0.1:1\"\n\n[proof]\nanswers = 3\ninterval-seconds = 0.5\n\
                  patience-seconds = 60\nlist-lag-seconds = 5\n";
    seeds.push(("config", "all".to_owned(), config.as_bytes().to_vec()));
    let profile = include_str!("../../hsm-config/softhsm2.toml");
    seeds.push((
        "profile",
        "softhsm2".to_owned(),
        profile.as_bytes().to_vec(),
    ));
    let world = world();
    let anchor = serde_json::json!({
        "vault": world.vault, "manifest_version": 2, "manifest": world.chain.newest_digest(),
        "ledger_size": 5, "ledger_root": Digest([1; 32]),
    });
    seeds.push(("anchor", "real".to_owned(), anchor.to_string().into_bytes()));
    let summary = serde_json::json!({
        "vault": world.vault, "commit": 1, "size": 2, "root": Digest([1; 32]), "edge": [Digest([2; 32])],
        "manifest": [2, world.chain.newest_digest()], "strangers": {}, "refusals": 3,
        "live": ["20261124-0300-1a2b"],
    });
    seeds.push((
        "archive",
        "summary".to_owned(),
        summary.to_string().into_bytes(),
    ));
    let mut file = b"breakglass-state/v2\n\n\n\n\n".to_vec();
    file.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 2]);
    seeds.push(("archive", "file".to_owned(), file));
}

fn answers(seeds: &mut Vec<Seed>) {
    let key = "<UserName>deploy-emergency</UserName><AccessKeyId>AKIAIOSFODNN7EXAMPLE</AccessKeyId>\
               <Status>Active</Status>";
    let secret = "<SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEZ</SecretAccessKey>";
    let date = "<CreateDate>2026-11-24T03:00:00Z</CreateDate>";
    let error = |code: &str, message: &str| {
        format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>\
             </Error><RequestId>r</RequestId></ErrorResponse>"
        )
    };
    let bodies = [
        (0, 0, format!("<ListAccessKeysResponse><ListAccessKeysResult><IsTruncated>false</IsTruncated><AccessKeyMetadata><member>{key}{date}</member></AccessKeyMetadata></ListAccessKeysResult></ListAccessKeysResponse>")),
        (0, 0, format!("<ListAccessKeysResponse><ListAccessKeysResult><IsTruncated>true</IsTruncated><Marker>m</Marker><AccessKeyMetadata><member>{key}</member></AccessKeyMetadata></ListAccessKeysResult></ListAccessKeysResponse>")),
        (1, 0, format!("<CreateAccessKeyResponse><CreateAccessKeyResult><AccessKey>{key}{secret}{date}</AccessKey></CreateAccessKeyResult></CreateAccessKeyResponse>")),
        (4, 0, "<GetAccessKeyLastUsedResponse><GetAccessKeyLastUsedResult><AccessKeyLastUsed><LastUsedDate>2026-11-24T03:00:00Z</LastUsedDate></AccessKeyLastUsed></GetAccessKeyLastUsedResult></GetAccessKeyLastUsedResponse>".to_owned()),
        (6, 0, "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/u</Arn><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>".to_owned()),
        (1, 2, error("AccessDenied", "User: arn:aws:iam::123456789012:user/r is not authorized to perform: iam:CreateAccessKey on resource: user u because no")),
        (1, 5, error("Throttling", "Rate exceeded")),
        (1, 4, error("LimitExceeded", "2")),
        (3, 3, error("NoSuchEntity", "The Access Key with id AKIAIOSFODNN7EXAMPLE cannot be found.")),
        (6, 2, error("InvalidClientTokenId", "The security token included in the request is invalid.")),
        (7, 2, error("SignatureDoesNotMatch", "Signature expired: 20261124T030000Z is now earlier than")),
        (1, 255, format!("HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n<CreateAccessKeyResponse>{secret}")),
        (1, 255, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n<a/>\n\r\n0\r\n\r\n".to_owned()),
    ];
    for (n, (call, status, body)) in bodies.iter().enumerate() {
        let mut bytes = vec![*call, *status];
        bytes.extend_from_slice(body.as_bytes());
        seeds.push(("aws", format!("{n:02}"), bytes));
    }
}

/// A real device's chain, one of our own making, and its contents before they are signed.
fn attested(seeds: &mut Vec<Seed>) {
    let mut seed = |kind: u8, name: &str, bytes: &[u8]| {
        seeds.push(("attestation", name.to_owned(), [&[kind], bytes].concat()));
    };
    let in_a_row = |parts: &[Vec<u8>]| {
        let mut bytes = Vec::new();
        for part in parts {
            let length = u16::try_from(part.len()).expect("short");
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(part);
        }
        bytes
    };
    let (leaf, device) = attestation::real();
    seed(0, "real", &in_a_row(&[leaf, device]));
    let made = made::new();
    let mut parts = vec![made.leaf.der(), made.device.der()];
    parts.extend(made.between.iter().map(made::Draft::der));
    seed(0, "made", &in_a_row(&parts));
    let made = made::old();
    seed(1, "leaf", &made.leaf.to_be_signed());
    seed(2, "device", &made.device.to_be_signed());
    seed(3, "root", &pem(&made.root.der()));
    seed(3, "firmware", b"5.7.0");
}
