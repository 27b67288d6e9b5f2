//! The night at the safe with YubiKeys behind a real pcscd: what people see, type and touch.

#[path = "../common/aws.rs"]
mod aws;
#[path = "../common/bench.rs"]
mod bench;
#[path = "../common/cut_off.rs"]
mod cut_off;
#[path = "../common/pty.rs"]
mod pty;
#[path = "../common/rack.rs"]
mod rack;
#[path = "../memory/scan.rs"]
mod scan;
#[path = "../common/scene.rs"]
mod scene;

mod ceremony;
mod enrolment;
mod memory;
mod mixed;
mod offline;
mod preparing;
mod safe;
