//! The AWS servers of the tests (tests/aws-server/README.md): started on a free port of the loopback
//! interface, with an account of their own, and ended when the value is dropped.

// Each test file uses its own part of this.
#![allow(dead_code)]

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use breakglass::aws::{Aws, AwsSettings, Patience, ProfileFiles};
use breakglass::model::AccessKeyId;
use breakglass::ports::{CloudError, IamUser, NewAccessKey};
use process::Process;
use tempfile::TempDir;

#[path = "aws_process.rs"]
mod process;

/// The profile whose policy names the break-glass users.
pub const ROTATOR: &str = "breakglass-rotator";

/// Which server.
#[derive(Debug, Clone, Copy)]
pub enum Lane {
    /// moto behind our wrapper.
    Moto,
    /// ministack.
    Ministack,
}

/// A running server and the folder with its credentials.
pub struct Server {
    process: Process,
    folder: TempDir,
}

/// A proxy in front of a server, which breaks answers on order.
pub struct Proxy {
    process: Process,
    _folder: TempDir,
}

/// A running object store with the bucket `vault`.
pub struct ObjectStore {
    process: Process,
    _folder: TempDir,
}

/// What keeps the objects of an [`ObjectStore`].
#[derive(Debug, Clone, Copy)]
pub enum StoreServer {
    /// moto's S3.
    Moto,
    /// ministack's.
    Ministack,
    /// Ceph's RGW. It has to be installed, and takes some seconds to start.
    Ceph,
    /// s3s-fs, which has to be installed: BREAKGLASS_S3S, or on the PATH.
    S3s,
}

impl StoreServer {
    /// By its name in tests/aws-server/stores.py.
    pub fn of(name: &str) -> Option<Self> {
        [Self::Moto, Self::Ministack, Self::Ceph, Self::S3s]
            .into_iter()
            .find(|server| server.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Moto => "moto",
            Self::Ministack => "ministack",
            Self::Ceph => "ceph",
            Self::S3s => "s3s",
        }
    }
}

/// How an object store does conditional writes.
#[derive(Debug, Clone, Copy)]
pub enum Conditions {
    /// As the server itself does, S3's way if it is a good one.
    Hold,
    /// It does not look at them.
    Ignored,
    /// It looks first and writes later: only writers at the same time see the difference.
    Late,
}

impl Server {
    /// Starts the lane with these break-glass users and further options.
    pub fn start(lane: Lane, users: &str, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let script = match lane {
            Lane::Moto => "server.py",
            Lane::Ministack => "second_lane.py",
        };
        let state = folder.path().to_str().expect("a path in UTF-8").to_owned();
        let mut all = vec!["--state-dir", &state, "--users", users];
        all.extend(options);
        let process = Process::start(script, &all, folder.path());
        Self { process, folder }
    }

    /// Where it is.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.process.port)
    }

    /// The files with its profiles: [`ROTATOR`], `admin`, `outsider`, and with `--first-keys` one of
    /// each break-glass user. The endpoint stands in them.
    pub fn files(&self) -> ProfileFiles {
        ProfileFiles {
            config: self.folder.path().join("config"),
            credentials: self.folder.path().join("credentials"),
        }
    }

    /// Id and secret of the access key of such a profile.
    pub fn key_of(&self, profile: &str) -> (String, String) {
        let text = fs::read_to_string(self.files().credentials).expect("the file");
        let (_, lines) = text
            .split_once(&format!("[{profile}]\n"))
            .expect("the profile");
        let value = |name: &str| {
            let found = lines.lines().find_map(|line| line.strip_prefix(name));
            found.expect("a value").to_owned()
        };
        (
            value("aws_access_key_id = "),
            value("aws_secret_access_key = "),
        )
    }

    /// The same with one more profile in them.
    pub fn files_with(&self, profile: &str, credentials: &str) -> ProfileFiles {
        let files = self.files();
        let append = |path: &Path, text: String| {
            let mut file = File::options().append(true).open(path).expect("the file");
            file.write_all(text.as_bytes()).expect("written");
        };
        append(&files.credentials, format!("[{profile}]\n{credentials}\n"));
        append(
            &files.config,
            format!(
                "[profile {profile}]\nregion = us-east-1\nendpoint_url = {}\n",
                self.endpoint()
            ),
        );
        files
    }

    /// Settings for a profile, with little patience.
    pub fn settings(&self, profile: &str) -> AwsSettings {
        AwsSettings {
            profile: Some(profile.to_owned()),
            files: Some(self.files()),
            patience: hasty(),
            ..AwsSettings::default()
        }
    }

    /// The adapter as this profile.
    pub fn as_profile(&self, profile: &str) -> Aws {
        Aws::connect(self.settings(profile)).expect("connect sends nothing")
    }

    /// The keys of a user as the server has them, without the code under test: id, and whether it is
    /// active. Only on [`Lane::Moto`].
    pub fn keys_of(&self, user: &str) -> Vec<(String, bool)> {
        let keys = self.window()[user]["keys"].clone();
        let keys = keys.as_array().expect("the user is there").iter();
        keys.map(|key| {
            let id = key["id"].as_str().expect("an id").to_owned();
            (id, key["active"].as_bool().expect("a status"))
        })
        .collect()
    }

    /// The SHA-256, in hexadecimal, of the secret of a user's key. Only on [`Lane::Moto`].
    pub fn secret_digest_of(&self, user: &str, key: &str) -> Option<String> {
        let keys = self.window()[user]["keys"].clone();
        let keys = keys.as_array().expect("the user is there").iter();
        let mut of_key = keys.filter(|known| known["id"] == key);
        Some(of_key.next()?["secret-sha256"].as_str()?.to_owned())
    }

    /// Keeps the keys and policies of all users under a name. Only on [`Lane::Moto`].
    pub fn save(&self, name: &str) {
        let path = format!("/_breakglass/save/{name}");
        http(self.process.port, "POST", &path, "");
    }

    /// Goes back to what was kept under that name. Only on [`Lane::Moto`].
    pub fn restore(&self, name: &str) {
        let path = format!("/_breakglass/restore/{name}");
        http(self.process.port, "POST", &path, "");
    }

    /// From now on ListAccessKeys shows a new key, and leaves out a deleted one, only after so many
    /// seconds. Only on [`Lane::Moto`].
    pub fn lag(&self, created: f64, deleted: f64) {
        let order = serde_json::json!({"created": created, "deleted": deleted}).to_string();
        http(self.process.port, "POST", "/_breakglass/lag", &order);
    }

    /// Deletes a user, with its keys and policies. Only on [`Lane::Moto`].
    pub fn delete_user(&self, user: &str) {
        let path = format!("/_breakglass/delete/{user}");
        http(self.process.port, "POST", &path, "");
    }

    /// From now on the rotator may not do that, such as `iam:ListAccessKeys`. Only on [`Lane::Moto`].
    pub fn forbid(&self, action: &str) {
        let path = format!("/_breakglass/forbid/{action}");
        http(self.process.port, "POST", &path, "");
    }

    /// As if the key had been used with that service, so many seconds from now. Only on [`Lane::Moto`].
    pub fn use_key(&self, key: &str, service: &str, ahead: i64) {
        let order = serde_json::json!({"service": service, "ahead": ahead}).to_string();
        http(
            self.process.port,
            "POST",
            &format!("/_breakglass/use/{key}"),
            &order,
        );
    }

    /// An inline policy of a user, if it is there. Only on [`Lane::Moto`].
    pub fn policy_of(&self, user: &str, policy: &str) -> Option<serde_json::Value> {
        let text = self.window()[user]["policies"][policy].as_str()?.to_owned();
        Some(serde_json::from_str(&text).expect("a policy is JSON"))
    }

    /// The secret of every access key that was ever made, deleted ones too. Only on [`Lane::Moto`].
    pub fn secrets(&self) -> Vec<String> {
        let made = http(self.process.port, "GET", "/_breakglass/secrets", "");
        let made = made.as_array().expect("a list").iter();
        made.map(|key| key["secret"].as_str().expect("a secret").to_owned())
            .collect()
    }

    fn window(&self) -> serde_json::Value {
        http(self.process.port, "GET", "/_breakglass/users", "")
    }
}

impl Proxy {
    /// Starts a proxy in front of the server.
    pub fn start(server: &Server) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let upstream = server.process.port.to_string();
        let process = Process::start("proxy.py", &["--upstream", &upstream], folder.path());
        Self {
            process,
            _folder: folder,
        }
    }

    /// Where it is.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.process.port)
    }

    /// The adapter as this profile of the server, through the proxy.
    pub fn as_profile(&self, server: &Server, profile: &str) -> Aws {
        Aws::connect(AwsSettings {
            endpoint: Some(self.endpoint()),
            ..server.settings(profile)
        })
        .expect("connect sends nothing")
    }

    /// Orders a fault for the `nth` (from 1) such action from now on, and `times` in a row. The action `*`
    /// is any.
    pub fn arm(&self, action: &str, fault: &str, nth: u32, times: u32) {
        let order =
            serde_json::json!({"action": action, "fault": fault, "nth": nth, "times": times});
        http(self.process.port, "POST", "/_proxy/arm", &order.to_string());
    }

    /// Forgets all orders and the log.
    pub fn reset(&self) {
        http(self.process.port, "POST", "/_proxy/reset", "");
    }

    /// Throttles, for IAM and for STS, what comes faster than this, until the next reset.
    pub fn limit(&self, rate: f64, burst: u32) {
        let order = serde_json::json!({"rate": rate, "burst": burst}).to_string();
        http(self.process.port, "POST", "/_proxy/rate", &order);
    }

    /// How many calls came since the last reset, by action, those that were throttled aside.
    pub fn counts(&self) -> std::collections::BTreeMap<String, usize> {
        let log = http(self.process.port, "GET", "/_proxy/log", "");
        let log = log.as_array().expect("a log").clone();
        let mut counts = std::collections::BTreeMap::new();
        for entry in log.iter().filter(|entry| entry["fault"] != "throttle") {
            let action = entry["action"].as_str().expect("an action").to_owned();
            *counts.entry(action).or_default() += 1;
        }
        counts
    }

    /// Lets the calls go on that wait.
    pub fn release(&self) {
        http(self.process.port, "POST", "/_proxy/release", "");
    }

    /// Returns once a call hangs or waits.
    pub fn await_held(&self) {
        while self.held() == 0 {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// How many calls hang or wait, or did, since the last reset.
    pub fn held(&self) -> u64 {
        let held = http(self.process.port, "GET", "/_proxy/held", "");
        held.as_u64().expect("a number")
    }

    /// How many calls a fault was done to since the last reset.
    pub fn harmed(&self) -> usize {
        let log = http(self.process.port, "GET", "/_proxy/log", "");
        let log = log.as_array().expect("a log").clone();
        log.iter().filter(|entry| !entry["fault"].is_null()).count()
    }

    /// How often the action came since the last reset.
    pub fn count(&self, action: &str) -> usize {
        let log = http(self.process.port, "GET", "/_proxy/log", "");
        let log = log.as_array().expect("a log").clone();
        log.iter().filter(|entry| entry["action"] == action).count()
    }
}

impl ObjectStore {
    /// Starts one, with further options for object_store.py.
    pub fn start(server: StoreServer, conditions: Conditions, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let conditions = match conditions {
            Conditions::Hold => "hold",
            Conditions::Ignored => "ignored",
            Conditions::Late => "late",
        };
        let mut all = vec!["--server", server.name(), "--conditions", conditions];
        all.extend(options);
        Self {
            process: Process::start("object_store.py", &all, folder.path()),
            _folder: folder,
        }
    }

    /// Lets in whoever has these credentials. Some servers let everybody in.
    pub fn admit(&self, (key, secret): &(String, String)) {
        let order = serde_json::json!([key, secret]).to_string();
        http(self.process.port, "POST", "/_store/admit", &order);
    }

    /// Where it is.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.process.port)
    }

    /// Orders a fault for the `nth` (from 1) such request from now on, and `times` in a row, where `part` stands
    /// in its path or query.
    pub fn arm(&self, method: &str, part: &str, fault: &str, nth: u32, times: u32) {
        let order = serde_json::json!({
            "method": method, "part": part, "fault": fault, "nth": nth, "times": times,
        });
        http(self.process.port, "POST", "/_store/arm", &order.to_string());
    }

    /// An object that cannot be read any more: its name in the bucket.
    pub fn hide(&self, name: &str) {
        let path = serde_json::json!(format!("/vault/{name}")).to_string();
        http(self.process.port, "POST", "/_store/hide", &path);
    }

    /// The names of all objects in the bucket.
    pub fn objects(&self) -> Vec<String> {
        let names = http(self.process.port, "GET", "/_store/objects", "");
        let names = names.as_array().expect("a list").iter();
        names
            .map(|name| name.as_str().expect("a name").to_owned())
            .collect()
    }

    /// Keeps all objects as they are now, under a name.
    pub fn save(&self, name: &str) {
        let name = serde_json::json!(name).to_string();
        http(self.process.port, "POST", "/_store/save", &name);
    }

    /// Brings back what was kept under that name, where `part` stands in an object's name; what came later is gone.
    pub fn restore(&self, name: &str, part: &str) {
        let order = serde_json::json!([name, part]).to_string();
        http(self.process.port, "POST", "/_store/restore", &order);
    }

    /// Forgets orders, the log, and what is hidden.
    pub fn reset(&self) {
        http(self.process.port, "POST", "/_store/reset", "");
    }

    /// The requests since the last reset: method, path, and what was done to each.
    pub fn log(&self) -> Vec<serde_json::Value> {
        let log = http(self.process.port, "GET", "/_store/log", "");
        log.as_array().expect("a log").clone()
    }
}

/// Time limits for tests, in which a server is near and a hanging one is meant.
pub fn hasty() -> Patience {
    Patience {
        connect: Duration::from_secs(2),
        attempt: Duration::from_secs(5),
        operation: Duration::from_secs(30),
        tries: 3,
        pause: Duration::from_millis(10),
    }
}

/// The external id that the role [`ROTATOR`] in other accounts asks for.
pub const EXTERNAL_ID: &str = "northwind:breakglass";

/// The account of the servers, where the rotator's own credentials are.
pub const ACCOUNT: &str = "123456789012";

/// A user of that account.
pub fn user(name: &str) -> IamUser {
    user_in(ACCOUNT, name)
}

/// A user of another one.
pub fn user_in(account: &str, name: &str) -> IamUser {
    IamUser {
        account: account.parse().expect("an account"),
        name: name.parse().expect("a user name"),
    }
}

/// A key that no server knows.
pub fn unknown_key() -> AccessKeyId {
    "AKIAXXXXXXXXXXXXXXXX".parse().expect("a key id")
}

/// As `expect_err`, for a key that must not be printed.
pub fn refused(result: Result<NewAccessKey, CloudError>) -> CloudError {
    result.err().expect("no key is given")
}

/// The Python of the virtual environment in which the servers are installed.
pub fn python() -> PathBuf {
    let venv = std::env::var_os("BREAKGLASS_TEST_VENV").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-venv"),
        PathBuf::from,
    );
    let python = venv.join("bin/python");
    assert!(
        python.exists(),
        "the AWS servers of the tests are not installed ({} is missing): run scripts/test, or \
         tests/aws-server/venv once",
        python.display()
    );
    python
}

/// One request without TLS; the answer is JSON.
fn http(port: u16, method: &str, path: &str, body: &str) -> serde_json::Value {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("sent");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("an answer");
    let (_, body) = reply.split_once("\r\n\r\n").expect("a header and a body");
    serde_json::from_str(body).expect("the answer is JSON")
}
