//! The vault in an object store that speaks S3's protocol.
//!
//! The layout is the folder's, under a prefix, so a vault can be copied from one to the other as it is. Nothing
//! is asked of the store but that an object can be created only if it is absent (If-None-Match: *, Amazon S3
//! User Guide, "How to prevent object overwrites with conditional writes"); [`BucketStore::probe`] finds out
//! whether it is so, before anything is created.

mod access;
mod failures;
mod place;
mod probe;
mod protection;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{
    ClientOptions, GetOptions, GetRange, ListResult, ObjectStore, ObjectStoreExt, PutMode,
    PutPayload, RetryConfig,
};
use tokio::runtime::{Builder, Runtime};

pub use access::BucketAccess;
use access::Credentials;
use failures::{Effect, sort, sort_writing};
pub use place::{BucketPlace, NotAPlace};
pub use protection::Protection;

use crate::ports::{Held, Store, StoreError, StoreKey};

/// How long the store may take for a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// How often a call is made until it counts as failed.
const TRIES: u32 = 4;
/// The pause before the second try; it doubles with each.
const PAUSE: Duration = Duration::from_millis(200);

/// A vault in an object store.
pub struct BucketStore {
    objects: AmazonS3,
    /// How the store is reached, for what the crate has no call for.
    options: ClientOptions,
    region: String,
    prefix: Option<StoreKey>,
    place: String,
    runtime: Runtime,
    /// Whether the store was seen to keep its promise.
    probed: AtomicBool,
}

/// No store keeps others out; what must not happen twice rests on [`Store::create`].
struct Nobody;

impl Held for Nobody {}

impl BucketStore {
    /// Makes ready to reach a place. Nothing is sent yet.
    ///
    /// # Errors
    /// [`StoreError::Failed`] where the endpoint is no address that can be used.
    pub fn open(place: &BucketPlace, access: BucketAccess) -> Result<Self, StoreError> {
        let shown = match &access.endpoint {
            Some(endpoint) => format!("{place} at {endpoint}"),
            None => place.to_string(),
        };
        let failed = |why: String| StoreError::Failed(shown.clone(), why);
        let options = ClientOptions::new()
            .with_timeout(access.patience)
            .with_connect_timeout(CONNECT)
            .with_allow_http(true);
        // What is tried again, and when that is safe, is decided here.
        let retry = RetryConfig {
            max_retries: 0,
            ..RetryConfig::default()
        };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&place.bucket)
            .with_region(&access.region)
            .with_credentials(Arc::new(Credentials::of(access.credentials)))
            .with_client_options(options.clone())
            .with_retry(retry);
        if let Some(endpoint) = access.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        let objects = builder.build().map_err(|error| failed(error.to_string()))?;
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self {
            objects,
            options,
            region: access.region,
            prefix: place.prefix.clone(),
            place: shown,
            runtime,
            probed: AtomicBool::new(false),
        })
    }

    /// Refuses a place that holds something already: a new vault is to be founded there.
    ///
    /// # Errors
    /// [`StoreError::NotEmpty`], and what the store says.
    pub fn require_empty(&self) -> Result<(), StoreError> {
        let found = self.listed(None)?;
        if found.objects.is_empty() && found.common_prefixes.is_empty() {
            return Ok(());
        }
        Err(StoreError::NotEmpty(self.place.clone()))
    }

    fn path(&self, key: &str) -> Path {
        match &self.prefix {
            Some(prefix) => Path::from(format!("{prefix}/{key}")),
            None => Path::from(key),
        }
    }

    /// Waits for a call. In a thread of its own: whoever asks may be in the midst of another adapter's answer, and
    /// one runtime cannot be waited for inside another.
    fn wait<T: Send>(&self, call: impl Future<Output = T> + Send) -> T {
        let done = thread::scope(|scope| scope.spawn(|| self.runtime.block_on(call)).join());
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Does a call, again and again where it did not get through. What was refused is told at once.
    fn call<T, F>(&self, what: &str, send: impl Fn() -> F) -> Result<T, StoreError>
    where
        T: Send,
        F: Future<Output = object_store::Result<T>> + Send,
    {
        let mut pause = PAUSE;
        let mut left = TRIES;
        loop {
            let error = match self.wait(send()) {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let (told, effect) = sort(what, &error);
            left -= 1;
            if left == 0 || effect == Effect::Refused {
                return Err(told);
            }
            thread::sleep(pause);
            pause *= 2;
        }
    }

    async fn create_once(&self, path: &Path, bytes: &[u8]) -> object_store::Result<()> {
        let payload = PutPayload::from(bytes.to_vec());
        self.objects
            .put_opts(path, payload, PutMode::Create.into())
            .await
            .map(drop)
    }

    /// What is directly in a folder, or at the top.
    fn listed(&self, under: Option<&StoreKey>) -> Result<ListResult, StoreError> {
        let what = under.map_or("the vault", StoreKey::as_str);
        let path = match (under, &self.prefix) {
            (Some(under), _) => Some(self.path(under.as_str())),
            (None, Some(prefix)) => Some(Path::from(prefix.as_str())),
            (None, None) => None,
        };
        self.call(what, || self.objects.list_with_delimiter(path.as_ref()))
    }

    /// The name of an object in the vault, by its path in the bucket.
    fn key_of(&self, path: &Path) -> Result<StoreKey, StoreError> {
        let whole = path.as_ref();
        let within = match &self.prefix {
            Some(prefix) => whole
                .strip_prefix(prefix.as_str())
                .and_then(|rest| rest.strip_prefix('/')),
            None => Some(whole),
        };
        let name = within.unwrap_or(whole);
        StoreKey::new(name).map_err(|_| StoreError::Stray(self.place.clone(), name.to_owned()))
    }

    /// The same of several, sorted.
    fn keys_of<'p>(
        &self,
        paths: impl Iterator<Item = &'p Path>,
    ) -> Result<Vec<StoreKey>, StoreError> {
        let mut keys: Vec<StoreKey> = paths
            .map(|path| self.key_of(path))
            .collect::<Result<_, _>>()?;
        keys.sort_unstable();
        Ok(keys)
    }
}

impl Store for BucketStore {
    fn read(&self, key: &StoreKey, limit: usize) -> Result<Vec<u8>, StoreError> {
        let path = self.path(key.as_str());
        let most = u64::try_from(limit).unwrap_or(u64::MAX);
        let read = self.call(key.as_str(), || async {
            let found = self.objects.get(&path).await?;
            // The length stands in the head of the answer: what is too long is not fetched.
            if found.meta.size > most {
                return Ok(None);
            }
            Ok(Some(found.bytes().await?))
        })?;
        let bytes = read.ok_or_else(|| StoreError::TooLarge(key.to_string(), limit))?;
        Ok(bytes.to_vec())
    }

    fn read_start(&self, key: &StoreKey, most: usize) -> Result<Vec<u8>, StoreError> {
        let path = self.path(key.as_str());
        let end = u64::try_from(most).unwrap_or(u64::MAX);
        let options = GetOptions {
            range: Some(GetRange::Bounded(0..end)),
            ..GetOptions::default()
        };
        let part = self.wait(async { self.objects.get_opts(&path, options).await?.bytes().await });
        match part {
            Ok(bytes) => Ok(bytes.to_vec()),
            // An empty object has no part, and not every store gives parts.
            Err(_) => {
                let mut bytes = self.read(key, usize::MAX)?;
                bytes.truncate(most);
                Ok(bytes)
            }
        }
    }

    /// Where no clear answer comes, the object is read: if it is ours, byte for byte, it was created.
    fn create(&self, key: &StoreKey, bytes: &[u8]) -> Result<(), StoreError> {
        if !self.probed.load(Ordering::Relaxed) {
            self.probe_one()?;
        }
        let path = self.path(key.as_str());
        let mut pause = PAUSE;
        let mut nth = 0;
        loop {
            nth += 1;
            let Err(error) = self.wait(self.create_once(&path, bytes)) else {
                return Ok(());
            };
            let (told, effect) = sort_writing(key.as_str(), &error);
            // Refused at the first try: it is somebody else's. Later, it may be what was unclear before.
            if effect == Effect::Refused && nth == 1 {
                return Err(told);
            }
            match self.read(key, bytes.len()) {
                Ok(there) if there == bytes => return Ok(()),
                Ok(_) | Err(StoreError::TooLarge(..)) => {
                    return Err(StoreError::AlreadyExists(key.to_string()));
                }
                Err(_) if nth == TRIES => return Err(told),
                Err(_) => {}
            }
            thread::sleep(pause);
            pause *= 2;
        }
    }

    fn replace(&self, key: &StoreKey, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.path(key.as_str());
        let put = || self.objects.put(&path, PutPayload::from(bytes.to_vec()));
        match self.call(key.as_str(), put) {
            Ok(_) => Ok(()),
            Err(StoreError::Failed(what, why)) => Err(StoreError::Unwritable(what, why)),
            Err(other) => Err(other),
        }
    }

    fn list(&self, under: &StoreKey) -> Result<Vec<StoreKey>, StoreError> {
        let found = self.listed(Some(under))?;
        self.keys_of(found.objects.iter().map(|object| &object.location))
    }

    fn folders(&self, under: &StoreKey) -> Result<Vec<StoreKey>, StoreError> {
        let found = self.listed(Some(under))?;
        self.keys_of(found.common_prefixes.iter())
    }

    fn list_all(&self, under: &StoreKey) -> Result<Vec<StoreKey>, StoreError> {
        use futures_util::TryStreamExt;
        let path = self.path(under.as_str());
        let found = self.call(under.as_str(), || {
            self.objects.list(Some(&path)).try_collect::<Vec<_>>()
        })?;
        found
            .iter()
            .map(|object| self.key_of(&object.location))
            .collect()
    }

    fn lock(&self, _name: &str) -> Result<Box<dyn Held>, StoreError> {
        Ok(Box::new(Nobody))
    }

    /// What is derived may stay: rotators need no right to delete anything.
    fn discard(&self, _key: &StoreKey) -> Result<(), StoreError> {
        Ok(())
    }

    fn place(&self) -> String {
        self.place.clone()
    }
}
