//! Short texts: names, times, digests, reasons, what is shown on a terminal.

use std::fmt::Display;
use std::str::FromStr;

use breakglass::cli::escape::{self, Shown};
use breakglass::model::{AccessKeyId, AccountId, Digest, Name, Reason, Role, Timestamp, UserName};
use breakglass::ports::StoreKey;
use breakglass::secret::{AccessKeySecret, Pin};

/// Whether it is read; then it is written as it was read.
fn one_spelling<T: FromStr + Display>(text: &str) -> bool {
    let read = text.parse::<T>();
    if let Ok(value) = &read {
        assert_eq!(value.to_string(), text);
    }
    read.is_ok()
}

/// All of them.
pub fn names(data: &[u8]) {
    if let Ok(secret) = AccessKeySecret::new(data) {
        assert_eq!(secret.expose().as_bytes(), data);
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if one_spelling::<Name>(text) {
        for path in [format!("generation/{text}/1"), format!("x/{text}.json")] {
            assert!(StoreKey::new(path).is_ok());
        }
    }
    one_spelling::<AccountId>(text);
    one_spelling::<UserName>(text);
    one_spelling::<AccessKeyId>(text);
    one_spelling::<Role>(text);
    one_spelling::<Digest>(text);
    if one_spelling::<Reason>(text) {
        assert!(!Shown(text).to_string().contains("more characters") || text.contains("more"));
    }
    if one_spelling::<Timestamp>(text) {
        let time: Timestamp = text.parse().expect("it was read");
        assert_eq!(Timestamp::from_unix(time.unix()), time);
    }
    if let Ok(key) = StoreKey::new(text) {
        let parts: Vec<&str> = key.as_str().split('/').collect();
        assert!(
            parts
                .iter()
                .all(|part| !part.is_empty() && !part.starts_with('.'))
        );
        assert!(!text.starts_with('/') && !text.contains('\0'));
    }
    if let Ok(pin) = Pin::new(text) {
        assert_eq!(pin.expose(), text.as_bytes());
    }
    shown(text);
}

/// Nothing that is shown moves the cursor; JSON stays the same document.
fn shown(text: &str) {
    let shown = Shown(text).to_string();
    assert!(!shown.chars().any(char::is_control));
    let document = serde_json::to_string(text).expect("a string is JSON");
    let escaped = escape::json(&document);
    assert!(!escaped.chars().any(char::is_control));
    assert_eq!(
        serde_json::from_str::<String>(&escaped).ok().as_deref(),
        Some(text)
    );
}
