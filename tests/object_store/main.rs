//! The vault in an object store: the main job, faults of the store, and stores that are none for a vault.

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

use aws::{Conditions, ObjectStore};
use scene::Scene;

/// Where the vaults of these tests are.
const PLACE: &str = "s3://vault/acme";

/// A scene whose vault is to be in that store.
fn scene_in(store: &ObjectStore, users: &[&str]) -> Scene {
    let mut scene = Scene::empty(users);
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

/// A store whose conditional writes hold.
fn good() -> ObjectStore {
    ObjectStore::start(Conditions::Hold)
}
