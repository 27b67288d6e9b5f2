//! What runs while everybody sleeps: the metrics that it leaves, the alerts on them, the service and the
//! container that it runs in (docs/deploy).

#[path = "../common/aws.rs"]
mod aws;
#[path = "../common/cut_off.rs"]
mod cut_off;
#[path = "../common/pty.rs"]
mod pty;
#[path = "../common/scene.rs"]
mod scene;

mod alerts;
mod checkers;
mod cluster;
mod confined;
mod metrics;
mod units;

use std::path::PathBuf;

/// A file or folder of docs/deploy.
fn deploy(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("docs/deploy")
        .join(name)
}
