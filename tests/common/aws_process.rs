//! A server of tests/aws-server as a process: it ends when the value is dropped, or with the test.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// So long a server may take to be ready; a loaded machine is slow, and a thousand users take a while.
const READY: Duration = Duration::from_secs(240);

/// What forkserver.py can start, which is ready at once.
const FORKED: [&str; 2] = ["server.py", "proxy.py"];

/// A running server.
pub struct Process {
    life: Life,
    /// On the loopback interface.
    pub port: u16,
}

/// What ends it.
enum Life {
    Child(Child),
    /// The end of this connection.
    Forked(UnixStream),
}

impl Drop for Life {
    fn drop(&mut self) {
        // By its id; both may fail if it has ended already, which is as good.
        if let Self::Child(child) = self {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Life {
    fn has_ended(&mut self) -> bool {
        match self {
            Self::Child(child) => child.try_wait().expect("the child is ours").is_some(),
            Self::Forked(connection) => {
                let read = connection.read(&mut [0]);
                !matches!(read, Err(error) if error.kind() == ErrorKind::WouldBlock)
            }
        }
    }
}

impl Process {
    /// Starts a script with these options, whose files go into this folder.
    pub fn start(script: &str, options: &[&str], folder: &Path) -> Self {
        let port_file = folder.join("port");
        let said = folder.join("said");
        let to_a_file = port_file.to_str().expect("a path in UTF-8");
        let all = [options, &["--port-file", to_a_file]].concat();
        // The fork server may be about to go away when it is asked.
        for _ in 0..5 {
            let Some(life) = forked(script, &all) else {
                break;
            };
            if let Some(process) = Self::ready(life, &port_file) {
                return process;
            }
            let words = fs::read_to_string(&said).unwrap_or_default();
            assert!(words.is_empty(), "{script} has ended; it said:\n{words}");
        }
        let process = Self::ready(child(script, &all, &said), &port_file);
        process.unwrap_or_else(|| {
            let words = fs::read_to_string(&said).unwrap_or_default();
            panic!("{script} is not ready; it said:\n{words}")
        })
    }

    /// Waits until it says its port. `None`: it has ended.
    fn ready(mut life: Life, port_file: &Path) -> Option<Self> {
        let started = Instant::now();
        loop {
            if let Ok(text) = fs::read_to_string(port_file) {
                let port = text.trim().parse().expect("a port");
                return Some(Self { life, port });
            }
            if life.has_ended() || started.elapsed() > READY {
                return None;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/aws-server")
}

fn child(script: &str, options: &[&str], said: &Path) -> Life {
    let log = File::create(said).expect("a log file");
    let child = Command::new(super::python())
        .arg(home().join(script))
        .args(options)
        .arg("--with-parent")
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a second handle"))
        .stderr(log)
        .spawn();
    Life::Child(child.expect("the server starts"))
}

/// The same from the fork server, if it is one of its scripts and can be had.
fn forked(script: &str, options: &[&str]) -> Option<Life> {
    let ours = network("self")?;
    // Some tests have a loopback of their own, and what they start has to be on that.
    let is_shared = network("1").is_none_or(|of_the_machine| of_the_machine == ours);
    if !FORKED.contains(&script) || !is_shared {
        return None;
    }
    let mut connection = connected(&socket(&ours))?;
    let order = serde_json::json!([&[script], options].concat());
    writeln!(connection, "{order}").ok()?;
    connection.set_nonblocking(true).ok()?;
    Some(Life::Forked(connection))
}

/// The network that a process is in.
fn network(process: &str) -> Option<String> {
    let link = fs::read_link(format!("/proc/{process}/ns/net")).ok()?;
    let digits = link.to_string_lossy();
    Some(digits.chars().filter(char::is_ascii_digit).collect())
}

/// Of these very scripts, in this network: one that was started before they changed has another.
fn socket(network: &str) -> PathBuf {
    let files = fs::read_dir(home()).expect("the folder").flatten();
    let scripts = files.filter(|file| file.file_name().to_string_lossy().ends_with(".py"));
    let times = scripts.filter_map(|file| file.metadata().ok()?.modified().ok());
    let newest = times.max().expect("there are some");
    let newest = newest
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("it is after 1970");
    let name = format!("aws-{}-{network}", newest.as_millis());
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// A connection to it; it is started where it does not run.
fn connected(socket: &Path) -> Option<UnixStream> {
    let started = Instant::now();
    let mut asked = false;
    while started.elapsed() < Duration::from_secs(20) {
        match UnixStream::connect(socket) {
            Ok(connection) => return Some(connection),
            // The path is too long for a socket.
            Err(error) if error.kind() == ErrorKind::InvalidInput => return None,
            Err(_) if asked => thread::sleep(Duration::from_millis(20)),
            Err(_) => {
                asked = true;
                // It goes away by itself, and where there is one already at once.
                Command::new(super::python())
                    .arg(home().join("forkserver.py"))
                    .arg(socket)
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()
                    .ok()?;
            }
        }
    }
    None
}
