//! A vault in memory.

use std::cell::RefCell;
use std::collections::BTreeMap;

use breakglass::ports::{Held, Store, StoreError, StoreKey};

/// Objects by their names.
#[derive(Default, Clone)]
pub struct Memory(pub RefCell<BTreeMap<String, Vec<u8>>>);

struct Lock;
impl Held for Lock {}

impl Memory {
    /// Puts an object there, whatever was there before.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        self.0.borrow_mut().insert(name.to_owned(), bytes.to_vec());
    }

    /// The bytes of an object that is there.
    pub fn get(&self, name: &str) -> Vec<u8> {
        self.0.borrow()[name].clone()
    }

    /// All names.
    pub fn names(&self) -> Vec<String> {
        self.0.borrow().keys().cloned().collect()
    }

    fn under(&self, folder: &StoreKey, whole: bool) -> Vec<StoreKey> {
        let mut found: Vec<StoreKey> = Vec::new();
        for name in self.0.borrow().keys() {
            let rest = name.strip_prefix(folder.as_str());
            let Some(rest) = rest.and_then(|rest| rest.strip_prefix('/')) else {
                continue;
            };
            let first = rest.split('/').next().unwrap_or_default();
            if (first.len() == rest.len()) == whole {
                let key = StoreKey::new(format!("{folder}/{first}")).expect("a key");
                if !found.contains(&key) {
                    found.push(key);
                }
            }
        }
        found
    }
}

impl Store for Memory {
    fn read(&self, key: &StoreKey, limit: usize) -> Result<Vec<u8>, StoreError> {
        match self.0.borrow().get(key.as_str()) {
            None => Err(StoreError::NotFound(key.to_string())),
            Some(bytes) if bytes.len() > limit => Err(StoreError::TooLarge(key.to_string(), limit)),
            Some(bytes) => Ok(bytes.clone()),
        }
    }

    fn create(&self, key: &StoreKey, bytes: &[u8]) -> Result<(), StoreError> {
        if self.0.borrow().contains_key(key.as_str()) {
            return Err(StoreError::AlreadyExists(key.to_string()));
        }
        self.put(key.as_str(), bytes);
        Ok(())
    }

    fn replace(&self, key: &StoreKey, bytes: &[u8]) -> Result<(), StoreError> {
        self.put(key.as_str(), bytes);
        Ok(())
    }

    fn list(&self, under: &StoreKey) -> Result<Vec<StoreKey>, StoreError> {
        Ok(self.under(under, true))
    }

    fn folders(&self, under: &StoreKey) -> Result<Vec<StoreKey>, StoreError> {
        Ok(self.under(under, false))
    }

    fn lock(&self, _: &str) -> Result<Box<dyn Held>, StoreError> {
        Ok(Box::new(Lock))
    }

    fn discard(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.0.borrow_mut().remove(key.as_str());
        Ok(())
    }

    fn place(&self) -> String {
        "memory".to_owned()
    }
}
