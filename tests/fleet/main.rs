//! Many users and many accounts: what a rotation of a fleet asks of AWS, and whom one failure concerns.

#[path = "../common/aws.rs"]
mod aws;
#[path = "../common/pty.rs"]
mod pty;
#[path = "../common/scene.rs"]
mod scene;

mod accounts;
mod calls;
mod foreseen;
mod measured;
