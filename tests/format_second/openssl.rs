//! What a token would compute, by openssl, with its key in a file.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Runs openssl with these words; no path in them has a blank.
fn openssl(words: &str) {
    let output = Command::new("openssl")
        .args(words.split_whitespace())
        .output();
    let output = output.expect("openssl is installed");
    assert!(output.status.success(), "{words}: {output:?}");
}

/// Answers a question that `recover ask` wrote, with the private half of a seal key.
pub fn answer(folder: &Path, half: &Value, question: &str, answer: &Path) {
    let (folder, answer) = (folder.display(), answer.display());
    let der = format!("{folder}/half.der");
    match half["rsa"].as_str() {
        Some(pkcs8) => {
            let pkcs8 = data_encoding::BASE64.decode(pkcs8.as_bytes());
            fs::write(&der, pkcs8.expect("base64")).expect("ours");
            openssl(&format!("pkey -inform DER -in {der} -out {folder}/half"));
            openssl(&format!(
                "pkeyutl -decrypt -inkey {folder}/half -in {question} -out {answer} \
                 -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 \
                 -pkeyopt rsa_mgf1_md:sha256"
            ));
        }
        None => {
            // SEC 1: ECPrivateKey with the named curve and nothing else.
            let scalar = half["p256"].as_str().expect("a scalar");
            let key = format!("30310201010420{scalar}a00a06082a8648ce3d030107");
            let key = data_encoding::HEXLOWER.decode(key.as_bytes());
            fs::write(&der, key.expect("hex")).expect("ours");
            openssl(&format!("ec -inform DER -in {der} -out {folder}/half"));
            let peer = format!("{folder}/peer");
            openssl(&format!(
                "pkey -pubin -inform DER -in {question} -pubout -out {peer}"
            ));
            openssl(&format!(
                "pkeyutl -derive -inkey {folder}/half -peerkey {peer} -out {answer}"
            ));
        }
    }
}
