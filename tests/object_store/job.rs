//! The main job.

use crate::aws::StoreServer;
use crate::scene::{borrowed, both_pins};
use crate::{PLACE, good, sealed_in};

pub fn the_main_job_in_a_bucket_and_from_a_copy_of_it(on: StoreServer) {
    let store = good(on);
    let mut scene = sealed_in(&store, &["deploy"]);
    let config = std::fs::read_to_string(scene.station().join("config.toml")).expect("a text");
    assert!(config.starts_with("name ="), "{config}");
    let sealed = scene.keys_of("deploy");
    store.reset();
    let opened = scene
        .unseal(&["deploy"], &["sh", "-c", "echo id $AWS_ACCESS_KEY_ID"])
        .ended(0);
    assert!(
        opened.text.contains(&format!("id {}", sealed[0].0)),
        "{opened}"
    );
    println!("an opening: {} exchanges with the store", store.log().len());
    scene.run(&["close"]).ended(0);
    assert_ne!(scene.keys_of("deploy"), sealed);
    scene.run(&["status"]).ended(0);
    let verified = scene.run(&["ledger", "verify", "--json"]).ended(0).json();
    assert!(
        verified["intact"] == true && verified["complete"] == true,
        "{verified}"
    );
    store.reset();
    scene.run(&["rotate"]).ended(0);
    println!("a rotation: {} exchanges with the store", store.log().len());
    let doctor = scene.run(&["doctor"]);
    assert!(
        doctor.text.contains("an opening is recorded in s3://"),
        "{doctor}"
    );
    assert!(doctor.text.contains("keeps no older versions"), "{doctor}");

    // The copy for the safe is a vault like any other, and opens without the store.
    let copy = scene.path("copy");
    let copy = copy.to_str().expect("a plain path");
    let fingerprint = scene.fingerprint();
    scene
        .run(&["vault", "export", "--without-program", copy])
        .ended(0);
    let status = scene.run(&["status"]).ended(0);
    assert!(
        status.text.contains(&format!("{copy}: up to date")),
        "{status}"
    );
    scene.run(&["rotate"]).ended(0);
    let status = scene.run(&["status", "--json"]).ended(0).json();
    assert!(status["copies"][0]["behind"].as_u64() > Some(5), "{status}");
    scene
        .run(&["vault", "export", "--without-program", copy])
        .ended(0);
    let status = scene.run(&["status", "--json"]).ended(0).json();
    assert_eq!(
        (
            status["copies"].as_array().map(Vec::len),
            status["copies"][0]["behind"].as_u64()
        ),
        (Some(1), Some(0))
    );
    let laptop = scene.new_station("laptop");
    scene.go_to(laptop);
    scene
        .variables
        .retain(|(name, _)| name != "AWS_ENDPOINT_URL_S3");
    let vault = format!("{copy}/vault");
    scene
        .variables
        .push(("BREAKGLASS_VAULT".into(), vault.into()));
    scene.run(&["vault", "import", copy, &fingerprint]).ended(0);
    let args = ["unseal", "deploy", "--reason", "INC-43", "--", "true"];
    scene.at_terminal(&args, &borrowed(&both_pins())).ended(0);
}

/// A vault is founded where nothing is, and what names no place is told as such.
pub fn a_place_that_is_taken_or_is_none(on: StoreServer) {
    let store = good(on);
    let mut scene = sealed_in(&store, &["deploy"]);
    let init = [
        "init",
        "other",
        "--allow-no-touch",
        "--ic",
        "alice=pkcs11:token=alice",
        "--bgo",
        "bob=pkcs11:token=bob",
    ];
    let seen = scene.run(&init).ended(4);
    assert!(
        seen.error.contains("[folder-not-empty]") && seen.error.contains(PLACE),
        "{seen}"
    );
    for bad in ["s3://", "s3://V", "s3://vault/../x"] {
        let seen = scene.run(&["--vault", bad, "status"]).ended(2);
        assert!(seen.error.contains("s3://BUCKET/PREFIX"), "{seen}");
    }
    let seen = scene
        .run(&["--vault", "s3://nobodys-bucket/acme", "status"])
        .ended(1);
    assert!(seen.error.contains("no such bucket"), "{seen}");
    let seen = scene.run(&["--ledger", "elsewhere", "status"]).ended(2);
    assert!(seen.error.contains("[ledger-elsewhere]"), "{seen}");
    scene
        .variables
        .push(("AWS_ENDPOINT_URL_S3".into(), "http://127.0.0.1:9".into()));
    let seen = scene.run(&["status"]).ended(1);
    assert!(seen.error.contains("[vault-unreadable]"), "{seen}");
}
