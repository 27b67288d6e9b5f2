//! A vault in memory, so that hundreds of ledgers are quickly written.

use std::cell::RefCell;
use std::collections::BTreeMap;

use breakglass::ports::{Held, Store, StoreError, StoreKey};

#[derive(Default)]
pub struct Memory(RefCell<BTreeMap<StoreKey, Vec<u8>>>);

struct Free;
impl Held for Free {}

impl Memory {
    /// What is there, whoever put it there.
    pub fn put(&self, path: &str, bytes: Vec<u8>) {
        let key = StoreKey::new(path).expect("a key");
        self.0.borrow_mut().insert(key, bytes);
    }
}

impl Store for Memory {
    fn read(&self, key: &StoreKey, limit: usize) -> Result<Vec<u8>, StoreError> {
        match self.0.borrow().get(key) {
            None => Err(StoreError::NotFound(key.to_string())),
            Some(bytes) if bytes.len() > limit => Err(StoreError::TooLarge(key.to_string(), limit)),
            Some(bytes) => Ok(bytes.clone()),
        }
    }

    fn create(&self, key: &StoreKey, bytes: &[u8]) -> Result<(), StoreError> {
        if self.0.borrow().contains_key(key) {
            return Err(StoreError::AlreadyExists(key.to_string()));
        }
        self.replace(key, bytes)
    }

    fn replace(&self, key: &StoreKey, bytes: &[u8]) -> Result<(), StoreError> {
        self.0.borrow_mut().insert(key.clone(), bytes.to_vec());
        Ok(())
    }

    fn list(&self, under: &StoreKey) -> Result<Vec<StoreKey>, StoreError> {
        let inside = |key: &&StoreKey| {
            let rest = key.as_str().strip_prefix(under.as_str());
            rest.and_then(|rest| rest.strip_prefix('/'))
                .is_some_and(|name| !name.contains('/'))
        };
        Ok(self.0.borrow().keys().filter(inside).cloned().collect())
    }

    fn folders(&self, _: &StoreKey) -> Result<Vec<StoreKey>, StoreError> {
        Ok(Vec::new())
    }

    fn lock(&self, _: &str) -> Result<Box<dyn Held>, StoreError> {
        Ok(Box::new(Free))
    }

    fn place(&self) -> String {
        "memory".into()
    }
}
