//! Adapters to tokens: each implements [`Token`](crate::ports::Token) and
//! [`TokenProvider`](crate::ports::TokenProvider) for one way of talking to a device. Only the roof names
//! them.

mod all;
pub mod piv;
pub mod pkcs11;

pub use all::AllTokens;
