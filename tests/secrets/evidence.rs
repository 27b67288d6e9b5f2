//! Everything that can be seen of the tool: what it shows and writes, what its processes are told.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::pty::Pty;
use crate::scene::{Scene, Seen, code, type_all};
use crate::search::Search;

/// What was seen, and where.
#[derive(Default)]
pub struct Evidence {
    pieces: Vec<(String, Vec<u8>)>,
    /// The commands that were run.
    pub commands: usize,
}

impl Evidence {
    /// Keeps something.
    pub fn keep(&mut self, place: String, bytes: impl Into<Vec<u8>>) {
        self.pieces.push((place, bytes.into()));
    }

    /// Runs a command without a terminal, plainly and with `--json`. Returns the first's outcome.
    pub fn run(&mut self, scene: &Scene, args: &[&str]) -> Seen {
        let plain = self.run_once(scene, args);
        self.run_once(scene, &[&["--json"], args].concat());
        plain
    }

    /// Runs it once.
    pub fn run_once(&mut self, scene: &Scene, args: &[&str]) -> Seen {
        let seen = scene.run(args);
        self.commands += 1;
        self.keep(format!("{args:?}: standard output"), seen.text.as_bytes());
        self.keep(format!("{args:?}: standard error"), seen.error.as_bytes());
        seen
    }

    /// Runs a command at a terminal with these answers, and looks at all processes at each prompt.
    /// Standard output goes elsewhere if that is given, because it is to have a secret.
    pub fn at_terminal(
        &mut self,
        scene: &Scene,
        args: &[&str],
        answers: &[(&str, &str)],
        output: Option<Stdio>,
    ) -> Seen {
        let mut command = scene.pty_command(args);
        if let Some(output) = output {
            command = command.stdout(output);
        }
        let mut pty = Pty::spawn(command);
        self.commands += 1;
        for one in answers {
            type_all(&mut pty, &[*one]);
            self.keep_process(pty.id());
        }
        let status = pty.finish();
        let text = pty.transcript();
        self.keep(format!("{args:?}: terminal"), text.as_bytes());
        Seen {
            code: code(status),
            text,
            error: String::new(),
        }
    }

    /// Keeps what the system shows of a process to others: its arguments, its environment, its name.
    pub fn keep_process(&mut self, pid: u32) {
        for part in ["cmdline", "environ", "comm"] {
            // What has ended, or may not be seen by us, shows nothing.
            if let Ok(bytes) = fs::read(format!("/proc/{pid}/{part}")) {
                self.keep(format!("/proc/{pid}/{part}"), bytes);
            }
        }
    }

    /// Keeps that of all processes but one.
    pub fn keep_processes_but(&mut self, except: u32) {
        for entry in fs::read_dir("/proc").expect("/proc").flatten() {
            let name = entry.file_name();
            let pid = name.to_str().and_then(|name| name.parse::<u32>().ok());
            if let Some(pid) = pid.filter(|pid| *pid != except) {
                self.keep_process(pid);
            }
        }
    }

    /// Keeps every file and the names of all.
    pub fn keep_folder(&mut self, folder: &Path) -> usize {
        let mut count = 0;
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.display().to_string();
            self.keep(format!("the name {name}"), name.as_bytes());
            if path.is_dir() {
                count += self.keep_folder(&path);
            } else {
                self.keep(name, fs::read(&path).expect("a file"));
                count += 1;
            }
        }
        count
    }

    /// Where which secret was found.
    pub fn search(&self, search: &Search) -> Vec<String> {
        let pieces = self.pieces.iter();
        pieces
            .flat_map(|(place, bytes)| {
                let found = search.find(bytes).into_iter();
                found.map(move |what| format!("{place}: {what}"))
            })
            .collect()
    }

    /// How many bytes were seen.
    pub fn size(&self) -> usize {
        self.pieces.iter().map(|(_, bytes)| bytes.len()).sum()
    }
}
