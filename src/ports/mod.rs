//! What the core asks of the world. Adapters implement these traits; the roof puts them together.

mod access_keys;
mod clock;
mod entropy;
mod operator;
mod store;
mod token;

pub use access_keys::{
    AccessKeyInfo, AccessKeys, CallerIdentity, CloudError, KeyProof, NewAccessKey, ProbeAnswer,
    ProofAnswer,
};
pub use clock::Clock;
pub use entropy::{Entropy, NoEntropy};
pub use operator::{Declined, Notice, Operator, PinRequest};
pub use store::{Held, Store, StoreError, StoreKey, UnsafeKey};
pub use token::{KeyReply, KeyRequest, PinStatus, Token, TokenError, TokenProvider};
