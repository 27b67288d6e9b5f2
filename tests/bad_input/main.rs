//! Bad input, through the real binary: whatever is wrong with files, folders, the terminal, AWS, names
//! and manifests gives its own clear error and exit code, and loses nothing.

mod amid;
#[path = "../common/aws.rs"]
mod aws;
mod cloud;
mod commands;
mod documents;
mod founding;
mod inspecting;
mod manifests;
#[path = "../common/pty.rs"]
mod pty;
mod refusal;
#[path = "../common/scene.rs"]
mod scene;
mod signing;
mod spoil;
mod stations;
mod terminals;
mod texts;
