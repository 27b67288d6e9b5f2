//! What the core asks of the world. Adapters implement these traits; the roof puts them together.

mod access_keys;
mod clock;
mod memory;
mod operator;
mod pin;
mod role_sessions;
mod store;
mod token;

pub use crate::crypto::{Entropy, NoEntropy};
pub use access_keys::{
    AccessKeyInfo, AccessKeys, CallerIdentity, Claimed, CloudError, IamUser, KeyEnd, KeyProof,
    LastUse, NewAccessKey, ProbeAnswer, ProofAnswer, Take, UsersKey,
};
pub use clock::Clock;
pub use memory::{Archive, Archived, Forgetful, Memory, Remembered};
pub use operator::{Declined, Notice, Operator, PinRequest, Progress, TouchRequest, Turn};
pub use pin::{PinMisfit, PinRules, PinShape};
pub use role_sessions::{RoleSession, RoleSessions, SessionWish};
pub use store::{Held, Store, StoreError, StoreKey, UnsafeKey};
pub use token::{
    FactoryState, Finding, KeyReply, KeyRequest, KeyUse, NewAccess, OnTouch, Patience, PinStatus,
    Present, Sought, Token, TokenError, TokenProvider, TouchWait,
};
