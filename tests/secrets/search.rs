//! Finds secrets in bytes, in whatever form they may have got there: raw, in hexadecimal, base64 at each
//! of its three alignments, as in a URL, and all of that once more inside base64.

use std::collections::HashMap;

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};

/// The least length of a form: what is shorter would be found by chance.
const LEAST: usize = 8;

/// What is searched for.
#[derive(Default)]
pub struct Search {
    /// Forms by their first bytes.
    forms: HashMap<[u8; LEAST], Vec<Form>>,
}

struct Form {
    bytes: Vec<u8>,
    what: String,
}

impl Search {
    /// Adds a secret as a whole.
    pub fn add(&mut self, what: &str, secret: &[u8]) {
        for (encoding, bytes) in forms(secret) {
            let head = bytes[..LEAST].try_into().expect("a form is long enough");
            let what = format!("{what}, {encoding}");
            self.forms
                .entry(head)
                .or_default()
                .push(Form { bytes, what });
        }
    }

    /// Adds a long secret, so that half of it is found, too.
    pub fn add_halves(&mut self, what: &str, secret: &[u8]) {
        let (first, second) = secret.split_at(secret.len() / 2);
        self.add(&format!("first half of {what}"), first);
        self.add(&format!("second half of {what}"), second);
    }

    /// The secrets that are in there, and in which form.
    pub fn find(&self, hay: &[u8]) -> Vec<&str> {
        let mut found = self.find_flat(hay);
        for decoded in decodings(hay) {
            found.extend(self.find_flat(&decoded));
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    fn find_flat(&self, hay: &[u8]) -> Vec<&str> {
        let mut found = Vec::new();
        for (at, head) in hay.windows(LEAST).enumerate() {
            let candidates = self.forms.get(head).into_iter().flatten();
            let here = candidates.filter(|form| hay[at..].starts_with(&form.bytes));
            found.extend(here.map(|form| form.what.as_str()));
        }
        found
    }
}

/// Every form of a secret that is searched for.
fn forms(secret: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut all = vec![
        ("raw".to_owned(), secret.to_vec()),
        ("hex".to_owned(), HEXLOWER.encode(secret).into_bytes()),
        ("HEX".to_owned(), HEXUPPER.encode(secret).into_bytes()),
    ];
    for (name, hexadecimal) in [("url", "%02X"), ("url in small letters", "%02x")] {
        let encoded = url(secret, hexadecimal == "%02X");
        if encoded != secret {
            all.push((name.to_owned(), encoded));
        }
    }
    for before in 0..3 {
        for (name, encoding) in [("base64", &BASE64_NOPAD), ("base64url", &BASE64URL_NOPAD)] {
            let text = encoding.encode(&[&vec![0; before], secret].concat());
            // Characters that hold bits of what stands before or behind are left away.
            let from = (before * 8).div_ceil(6);
            let to = (before + secret.len()) * 8 / 6;
            let form = text.as_bytes()[from..to].to_vec();
            all.push((format!("{name} at {before}"), form));
        }
    }
    all
}

fn url(secret: &[u8], large: bool) -> Vec<u8> {
    let mut text = Vec::new();
    for &byte in secret {
        if byte.is_ascii_alphanumeric() {
            text.push(byte);
        } else {
            let encoding = if large { &HEXUPPER } else { &HEXLOWER };
            text.push(b'%');
            text.extend(encoding.encode(&[byte]).into_bytes());
        }
    }
    text
}

/// What stands in there in base64, decoded: from the beginning of each run of its characters.
fn decodings(hay: &[u8]) -> Vec<Vec<u8>> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric();
    let standard = runs(hay, |byte| is_plain(byte) || b"+/".contains(byte));
    let url = runs(hay, |byte| is_plain(byte) || b"-_".contains(byte));
    let whole = |run: &[u8]| run[..run.len() / 4 * 4].to_vec();
    let standard = standard.filter_map(|run| BASE64_NOPAD.decode(&whole(run)).ok());
    let url = url.filter_map(|run| BASE64URL_NOPAD.decode(&whole(run)).ok());
    standard.chain(url).collect()
}

fn runs<'a>(hay: &'a [u8], is_part: impl Fn(&u8) -> bool + 'a) -> impl Iterator<Item = &'a [u8]> {
    hay.split(move |byte| !is_part(byte))
        .filter(|run| run.len() >= 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"wJalrX/tnFEMI9K7MDENGbPxRfiCYE+AMPLEKEYx";
    const PIN: &[u8] = b"4938175520";

    fn search() -> Search {
        let mut search = Search::default();
        search.add_halves("the secret", SECRET);
        search.add("the PIN", PIN);
        search
    }

    fn planted(form: &[u8]) -> Vec<u8> {
        [b"\x1b[31m{\"some\": \"", form, b"\", \"more\": 1}\n"].concat()
    }

    #[test]
    fn every_form_is_found() {
        let search = search();
        for secret in [SECRET, &SECRET[..20], &SECRET[20..], PIN] {
            let text = std::str::from_utf8(secret).expect("ASCII");
            let url = text.replace('/', "%2F").replace('+', "%2B");
            for form in [
                secret.to_vec(),
                HEXLOWER.encode(secret).into_bytes(),
                HEXUPPER.encode(secret).into_bytes(),
                url.to_lowercase().replace("%2f", "%2F").into_bytes(),
                url.clone().into_bytes(),
                url.replace("%2F", "%2f").replace("%2B", "%2b").into_bytes(),
            ]
            .into_iter()
            .filter(|form| !form.starts_with(b"wjal") && !form.starts_with(b"gbpx"))
            {
                assert!(
                    !search.find(&planted(&form)).is_empty(),
                    "{}",
                    String::from_utf8_lossy(&form)
                );
            }
            for before in 0..3 {
                for after in 0..3 {
                    let within = [&vec![b'~'; before], secret, &vec![b'~'; after]].concat();
                    for encoding in [&BASE64_NOPAD, &BASE64URL_NOPAD] {
                        let once = encoding.encode(&within);
                        assert!(!search.find(&planted(once.as_bytes())).is_empty(), "{once}");
                        let twice = encoding.encode(&planted(once.as_bytes()));
                        assert!(
                            !search.find(&planted(twice.as_bytes())).is_empty(),
                            "{twice}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let search = search();
        let other = BASE64_NOPAD.encode(&(0..=255).collect::<Vec<u8>>());
        for hay in [
            &b"4938175521 wJalrX/tnFEMI9K7MDE"[..],
            b"",
            b"493817552",
            other.as_bytes(),
        ] {
            assert_eq!(search.find(hay), Vec::<&str>::new());
        }
    }
}
