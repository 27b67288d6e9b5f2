//! Sealed messages and shares.

use breakglass::crypto::{key_request, open_share, shamir};
use breakglass::model::SealKey;
use breakglass::secret::{Share, SharedSecret};

use crate::keys::suite;
use crate::{all, bytes, hex, hex32, text};

#[test]
fn sealed_messages() {
    all("sealing", 35, |_, case| {
        let key = SealKey {
            suite: suite(text(case, "suite")),
            public: bytes(case, "public"),
        };
        let encapsulated = bytes(case, "encapsulated");
        // What a token would be asked.
        key_request(&key, &encapsulated)?;
        let answer = bytes(case, "answer");
        let answer = SharedSecret::filled(|out| out.copy_from_slice(&answer));
        let (info, aad) = (bytes(case, "info"), bytes(case, "aad"));
        let opened = open_share(
            &key,
            &answer,
            &encapsulated,
            &info,
            &aad,
            &bytes(case, "ciphertext"),
        )?;
        Ok(hex(opened.expose()).into())
    });
}

#[test]
fn shares_of_a_secret() {
    all("sharing", 12, |_, case| {
        let shares = case["shares"].as_array().expect("shares").iter();
        let shares: Vec<(u8, Share)> = shares
            .map(|pair| {
                let index = pair[0].as_u64().expect("an index");
                let share = hex32(pair[1].as_str().expect("a share"));
                let share = Share::filled(|out| out.copy_from_slice(&share));
                (u8::try_from(index).expect("a byte"), share)
            })
            .collect();
        let threshold = case["threshold"].as_u64().expect("a threshold");
        let borrowed: Vec<(u8, &Share)> = shares.iter().map(|(x, share)| (*x, share)).collect();
        let threshold = u8::try_from(threshold).expect("a byte");
        let secret = shamir::combine(threshold, &borrowed)?;
        Ok(hex(secret.expose()).into())
    });
}
