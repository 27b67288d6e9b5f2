//! The management application, and of the OTP application what tells the serial number.

use crate::apdu::{Answer, Apdu, demand, sw};
use crate::state::State;
use crate::tlv::tlv;

/// OTP and PIV.
const CAPABILITIES: [u8; 2] = [0x00, 0x11];

/// The answer to its selection.
pub fn selected(state: &State) -> Vec<u8> {
    let [major, minor, patch] = state.firmware;
    format!("Virtual mgr - FW version {major}.{minor}.{patch}").into_bytes()
}

/// READ CONFIG is all that there is.
pub fn management(state: &State, apdu: &Apdu) -> Answer {
    demand(apdu.ins == 0x1D, sw::UNKNOWN_INS)?;
    demand(apdu.p1 == 0, sw::WRONG_P1_P2)?;
    let info = [
        tlv(0x01, &CAPABILITIES),
        tlv(0x02, &state.shown_serial().to_be_bytes()),
        tlv(0x03, &CAPABILITIES),
        tlv(0x04, &[state.form_factor]),
        tlv(0x05, &state.firmware),
        tlv(0x08, &[0x00]),
    ]
    .concat();
    let length = u8::try_from(info.len()).expect("short");
    Ok([&[length], &info[..]].concat())
}

/// The answer to the OTP application's selection: version, no slot programmed.
pub fn otp_status(state: &State) -> Vec<u8> {
    [&state.firmware[..], &[0, 0, 0]].concat()
}

/// The API request for the serial number is all that there is.
pub fn otp(state: &State, apdu: &Apdu) -> Answer {
    demand(apdu.ins == 0x01, sw::UNKNOWN_INS)?;
    demand(apdu.p1 == 0x10, sw::WRONG_P1_P2)?;
    Ok(state.shown_serial().to_be_bytes().to_vec())
}
