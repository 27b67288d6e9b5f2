//! The vault in an object store: the main job, faults of the store, and stores that are none for a vault.
//!
//! What is to hold on every server is one suite, which is run on moto and on another: ministack, or whichever
//! `BREAKGLASS_STORE` names. scripts/object-stores runs it on those that are too heavy for every change. Of ministack's
//! what the proxy in front of either does to the answers is left to that script, too.

#[path = "../common/aws.rs"]
mod aws;
#[path = "../common/pty.rs"]
mod pty;
#[path = "../common/scene.rs"]
mod scene;

mod contract;
mod faults;
mod job;
mod refused;
mod rivals;

use aws::{Conditions, ObjectStore, ROTATOR, StoreServer};
use scene::Scene;

/// Where the vaults of these tests are.
const PLACE: &str = "s3://vault/acme";

/// A scene whose vault is to be in that store.
fn scene_in(store: &ObjectStore, users: &[&str]) -> Scene {
    let mut scene = Scene::empty(users);
    store.admit(&scene.server().key_of(ROTATOR));
    scene.variables.extend([
        ("BREAKGLASS_VAULT".into(), PLACE.into()),
        ("AWS_ENDPOINT_URL_S3".into(), store.endpoint().into()),
    ]);
    scene
}

/// The same with a founded vault and sealed credentials.
fn sealed_in(store: &ObjectStore, users: &[&str]) -> Scene {
    let scene = scene_in(store, users);
    scene.prepare(&[scene::IC, scene::BGO]);
    scene.found(&[scene::IC], &[scene::BGO], &[]);
    scene.add(users);
    scene.run(&["rotate"]).ended(0);
    scene
}

/// A store whose conditional writes hold, on that server.
fn good(server: StoreServer) -> ObjectStore {
    ObjectStore::start(server, Conditions::Hold, &[])
}

/// The server beside moto.
fn another() -> StoreServer {
    let Ok(name) = std::env::var("BREAKGLASS_STORE") else {
        return StoreServer::Ministack;
    };
    StoreServer::of(&name).unwrap_or_else(|| panic!("BREAKGLASS_STORE={name}: there is none"))
}

/// The tests of the suite, on one server; those with faults under these attributes.
macro_rules! suite {
    ($module:ident, $server:expr $(, #[$attribute:meta])?) => {
        suite! {
            $module, $server,
            #[test] contract: what_was_created_is_read_and_not_created_again, folders_are_listed_one_by_one_and_whole,
                exactly_one_wins, a_creation_that_got_no_answer_is_looked_at,
                a_store_that_never_answers_is_given_up, what_the_bucket_keeps_is_told;
            #[test] job: the_main_job_in_a_bucket_and_from_a_copy_of_it, a_place_that_is_taken_or_is_none;
            $(#[$attribute])? #[test] faults: a_commit_whose_answer_is_lost_is_written_once, a_store_that_is_full_or_forbidden_costs_no_key,
                an_answer_that_ends_too_soon_or_comes_late_is_waited_for, what_the_store_has_lost_is_missed,
                what_the_store_has_older_is_noticed;
        }
    };
    ($module:ident, $server:expr, $($(#[$attribute:meta])+ $subject:ident: $($test:ident),+;)+) => {
        mod $module {
            $(
                suite! { $subject, $server, [$(#[$attribute])+], $($test),+ }
            )+
        }
    };
    ($subject:ident, $server:expr, $attributes:tt, $($test:ident),+) => {
        mod $subject {
            $(suite! { $attributes $subject, $server, $test })+
        }
    };
    ([$(#[$attribute:meta])+] $subject:ident, $server:expr, $test:ident) => {
        $(#[$attribute])+
        fn $test() {
            crate::$subject::$test($server);
        }
    };
}

suite! { on_moto, crate::aws::StoreServer::Moto }
suite! { on_another, crate::another(), #[ignore = "scripts/object-stores ministack"] }
