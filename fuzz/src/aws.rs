//! AWS's answers: real HTTP on loopback, through the SDK, into our own words.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use breakglass::aws::{Aws, AwsSettings, Patience, ProfileFiles};
use breakglass::ports::{AccessKeys, CloudError, IamUser, KeyProof};
use breakglass::secret::AccessKeySecret;

use crate::soft;

/// The rotator's account.
const ACCOUNT: &str = "123456789012";

/// The client, and what its server answers to the next requests.
struct Bench {
    aws: Aws,
    answer: Arc<Mutex<Vec<u8>>>,
    asked: Arc<AtomicUsize>,
    _files: tempfile::TempDir,
}

thread_local! {
    static BENCH: Bench = Bench::new();
}

impl Bench {
    fn new() -> Self {
        let files = tempfile::tempdir().expect("a folder");
        let path = |name: &str, text: &str| {
            let path = files.path().join(name);
            std::fs::write(&path, text).expect("written");
            path
        };
        let profiles = ProfileFiles {
            config: path("config", "[profile fuzz]\nregion = us-east-1\n"),
            credentials: path(
                "credentials",
                "[fuzz]\naws_access_key_id = AKIAFUZZFUZZFUZZFUZZ\naws_secret_access_key = fuzz\n",
            ),
        };
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its number").port();
        let (answer, asked) = (Arc::default(), Arc::default());
        serve(listener, Arc::clone(&answer), Arc::clone(&asked));
        let short = Duration::from_secs(2);
        let aws = Aws::connect(AwsSettings {
            profile: Some("fuzz".to_owned()),
            region: None,
            endpoint: Some(format!("http://127.0.0.1:{port}")),
            files: Some(profiles),
            patience: Patience {
                connect: short,
                attempt: short,
                operation: short,
                tries: 2,
                pause: Duration::ZERO,
            },
            ..AwsSettings::default()
        });
        let aws = aws.expect("connect sends nothing");
        // Whose the credentials are is asked once, before all else.
        *answer.lock().expect("not poisoned") = own_identity();
        aws.rotator().expect("a good answer");
        Self {
            aws,
            answer,
            asked,
            _files: files,
        }
    }
}

fn own_identity() -> Vec<u8> {
    let body = format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <GetCallerIdentityResult><Arn>arn:aws:iam::{ACCOUNT}:user/rotator</Arn><UserId>AIDAFUZZ</UserId>\
         <Account>{ACCOUNT}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
    );
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
        .into_bytes()
}

/// The user that the questions are about, in the rotator's own account.
fn deploy() -> IamUser {
    IamUser {
        account: ACCOUNT.parse().expect("an account"),
        name: "deploy-emergency".parse().expect("a user"),
    }
}

fn serve(listener: TcpListener, answer: Arc<Mutex<Vec<u8>>>, asked: Arc<AtomicUsize>) {
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (answer, asked) = (Arc::clone(&answer), Arc::clone(&asked));
            let _ = stream.set_nodelay(true);
            let _ = answer_one(stream, &answer, &asked);
        }
    });
}

/// Reads a request with its body, answers, and closes: whatever is cut off or too long ends there.
fn answer_one(
    mut stream: TcpStream,
    answer: &Mutex<Vec<u8>>,
    asked: &AtomicUsize,
) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let got = stream.read(&mut chunk)?;
        request.extend_from_slice(&chunk[..got]);
        let text = String::from_utf8_lossy(&request).to_lowercase();
        let length = text.split("content-length: ").nth(1).and_then(|rest| {
            let digits = rest.split("\r\n").next()?;
            digits.parse::<usize>().ok()
        });
        let body = text.split_once("\r\n\r\n").map(|(_, body)| body.len());
        if got == 0 || body.is_some_and(|body| body >= length.unwrap_or(0)) {
            break;
        }
    }
    asked.fetch_add(1, Ordering::SeqCst);
    let answer = answer
        .lock()
        .map(|answer| answer.clone())
        .unwrap_or_default();
    stream.write_all(&answer)
}

/// What stands between two tags, if it does once.
fn between<'t>(text: &'t str, tag: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("<{tag}>"))?;
    Some(rest.split_once('<')?.0)
}

/// The first byte chooses the call, the second the status (or that the rest is the whole answer), the rest
/// is the body.
pub fn aws(data: &[u8]) {
    let Some((&[call, status], body)) = data.split_first_chunk() else {
        return;
    };
    let statuses = [200, 400, 403, 404, 409, 429, 500, 503];
    let bytes = if status == 255 {
        body.to_vec()
    } else {
        let status = statuses[usize::from(status) % statuses.len()];
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: text/xml\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), body].concat()
    };
    BENCH.with(|bench| {
        *bench.answer.lock().expect("not poisoned") = bytes;
        bench.asked.store(0, Ordering::SeqCst);
        ask(bench, call, &String::from_utf8_lossy(body));
    });
}

fn ask(bench: &Bench, call: u8, body: &str) {
    let aws = &bench.aws;
    let user = deploy();
    let key = "AKIAIOSFODNN7EXAMPLE".parse().expect("a key id");
    let secret = AccessKeySecret::new(b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY").expect("one");
    let error = match call % 8 {
        0 => aws
            .list(&user)
            .map(|keys| assert!(keys.len() < 100_000))
            .err(),
        1 => created(bench, body),
        2 => aws.deactivate(&user, &key).err(),
        3 => aws.delete(&user, &key).err(),
        4 => aws.last_used(&user, &key).err(),
        5 => aws.deny_sessions(&user, soft::now()).err(),
        6 => aws.identify(&key, &secret).err(),
        _ => aws.probe(&key).err(),
    };
    if let Some(error) = error {
        let told = format!("{error} {error:?}");
        assert!(!told.contains(secret.expose()) || body.contains(secret.expose()));
    }
}

/// A key is whole, or it is an error that says nothing of the secret; and only what is surely undone is
/// asked for twice.
fn created(bench: &Bench, body: &str) -> Option<CloudError> {
    let user = deploy();
    let answer = bench.aws.create(&user);
    let asked = bench.asked.load(Ordering::SeqCst);
    match answer {
        Ok(key) => {
            assert!(key.secret.expose().len() >= 16);
            assert_eq!(asked, 1);
            None
        }
        Err(error) => {
            let throttled = matches!(error, CloudError::Throttled { .. });
            assert!(asked <= 1 || throttled, "asked {asked} times: {error}");
            let secret = between(body, "SecretAccessKey").unwrap_or_default();
            let once = body.matches(secret).count() == 1;
            assert!(secret.len() < 16 || !once || !error.to_string().contains(secret));
            Some(error)
        }
    }
}
