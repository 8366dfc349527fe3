//! A server as a process of its own: started, found ready, looked at and ended by its own id.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::load;

/// A running server on the loopback. Dropping it kills it.
pub struct Process {
    child: Child,
    /// Where it listens, as it printed it.
    pub address: SocketAddr,
    /// The time from starting the program to its first 200 on `/readyz`.
    pub ready_after: Duration,
}

/// Why a server did not come up.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The program could not be started at all.
    #[error("cannot start {program}")]
    Spawn {
        /// The program's path.
        program: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It ended, or printed no address, or was not ready in time.
    #[error("{program} {what}; the end of what it wrote:\n{log}")]
    NotReady {
        /// The program's path.
        program: PathBuf,
        /// What it failed to do.
        what: &'static str,
        /// The last lines of its standard output and error.
        log: String,
    },
}

/// Why `/proc` gave no figure for a process.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {path} as expected")]
pub struct LookError {
    path: PathBuf,
}

/// The memory of a process, in bytes.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub struct Memory {
    /// What it holds resident now.
    pub resident: u64,
    /// Of that, what belongs to no file.
    pub anonymous: u64,
    /// The most it ever held resident.
    pub peak: u64,
}

impl Process {
    /// Starts `program` and waits until it prints its address and answers 200 on `/readyz`.
    ///
    /// Its output goes to `log`. When it is not ready within `limit` it is killed and the end of the log is told.
    pub fn start<A: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        log: &Path,
        limit: Duration,
    ) -> Result<Self, StartError> {
        let spawn_error = |source| StartError::Spawn { program: program.to_owned(), source };
        let not_ready = |what| StartError::NotReady { program: program.to_owned(), what, log: tail(log) };
        let log_file = File::create(log).map_err(spawn_error)?;
        let mut output = log_file.try_clone().map_err(spawn_error)?;
        let started = Instant::now();
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log_file)
            .spawn()
            .map_err(spawn_error)?;
        let stdout = child.stdout.take().expect("standard output was asked for as a pipe");
        let (sender, found) = mpsc::channel();
        // The pipe is drained to its end, so that a talkative server never blocks on it.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                drop(std::io::Write::write_all(&mut output, format!("{line}\n").as_bytes()));
                if let Some(address) = address_in(&line) {
                    let _ = sender.send(address);
                }
            }
        });
        // From here on every way out drops `process`, which kills the child.
        let mut process = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)), ready_after: Duration::ZERO };
        process.address = found.recv_timeout(limit).map_err(|_| not_ready("printed no address"))?;
        while !load::ready(process.address) {
            if started.elapsed() > limit {
                return Err(not_ready("was not ready in time"));
            }
            if !matches!(process.child.try_wait(), Ok(None)) {
                return Err(not_ready("ended before it was ready"));
            }
            std::thread::sleep(READY_POLL);
        }
        process.ready_after = started.elapsed();
        Ok(process)
    }

    /// Returns the CPU seconds used so far by all its threads, user and system, in steps of a clock tick (usually 10 ms).
    pub fn cpu_seconds(&self) -> Result<f64, LookError> {
        let (stat, error) = self.look("stat")?;
        ticks_in(&stat, OWN_TICKS_FIELD).map(seconds).ok_or(error)
    }

    /// Returns what it holds in memory.
    pub fn memory(&self) -> Result<Memory, LookError> {
        let (status, error) = self.look("status")?;
        let bytes = |name| kibibytes_in(&status, name).map(|kibibytes| kibibytes * 1024);
        match (bytes("VmRSS:"), bytes("RssAnon:"), bytes("VmHWM:")) {
            (Some(resident), Some(anonymous), Some(peak)) => Ok(Memory { resident, anonymous, peak }),
            _ => Err(error),
        }
    }

    /// Waits until it is idle (under a tenth of a core over a quarter of a second, four times in a row, as what others take of the machine
    /// looks like idleness too), at most `SETTLE_LIMIT`, and returns how long that took.
    ///
    /// What a server still owes after its last answer would else be paid by whoever is measured next.
    pub async fn settle(&self) -> Result<Duration, LookError> {
        let started = Instant::now();
        let mut before = self.cpu_seconds()?;
        let mut idle = 0;
        while started.elapsed() < SETTLE_LIMIT && idle < 4 {
            tokio::time::sleep(Duration::from_millis(250)).await;
            let after = self.cpu_seconds()?;
            idle = if after - before < 0.025 { idle + 1 } else { 0 };
            before = after;
        }
        Ok(started.elapsed())
    }

    /// Kills it as `kill -9` does. It is waited for when dropped.
    pub fn kill(&self) -> std::io::Result<()> {
        let id = rustix::process::Pid::from_child(&self.child);
        Ok(rustix::process::kill_process(id, rustix::process::Signal::KILL)?)
    }

    /// Asks it to end (SIGTERM) and returns how long that took. After `STOP_LIMIT` it is killed, which is an error.
    pub fn stop(mut self) -> std::io::Result<Duration> {
        let started = Instant::now();
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
        while self.child.try_wait()?.is_none() {
            if started.elapsed() > STOP_LIMIT {
                return Err(std::io::Error::new(std::io::ErrorKind::TimedOut, "the server did not end when asked to"));
            }
            std::thread::sleep(READY_POLL);
        }
        Ok(started.elapsed())
    }

    fn look(&self, file: &str) -> Result<(String, LookError), LookError> {
        let path = PathBuf::from(format!("/proc/{}/{file}", self.child.id()));
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok((text, LookError { path })),
            Err(_) => Err(LookError { path }),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // After `stop` the child is already waited for, and both of these do nothing.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Serves the ledger in `data` on a free port of the loopback.
pub fn serve(program: &Path, data: &Path, log: &Path) -> Result<Process, StartError> {
    let arguments = [
        OsStr::new("serve"),
        OsStr::new("--data"),
        data.as_os_str(),
        OsStr::new("--listen"),
        OsStr::new("127.0.0.1:0"),
    ];
    Process::start(program, arguments, log, START_LIMIT)
}

/// A program that was run to its end.
pub struct Ran {
    /// How long it took.
    pub took: Duration,
    /// The CPU seconds it used, user and system.
    pub cpu_seconds: f64,
    /// What it printed.
    pub printed: String,
}

/// Runs a program to its end, no other child of this process ending meanwhile, and returns what it took and printed.
///
/// # Errors
/// When it cannot be started, takes longer than `RUN_LIMIT` and is killed, or ends with anything but success; the error holds the end of
/// its standard error.
pub async fn run<A: AsRef<OsStr>>(program: &Path, arguments: impl IntoIterator<Item = A>) -> anyhow::Result<Ran> {
    let cpu_before = children_cpu_seconds()?;
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let started = Instant::now();
    let output = tokio::time::timeout(RUN_LIMIT, command.output())
        .await
        .with_context(|| format!("{} ran longer than {RUN_LIMIT:?}", program.display()))?
        .with_context(|| format!("cannot start {}", program.display()))?;
    let took = started.elapsed();
    if !output.status.success() {
        let words = last_lines(&String::from_utf8_lossy(&output.stderr));
        anyhow::bail!("{} ended with {}:\n{words}", program.display(), output.status);
    }
    let cpu_seconds = children_cpu_seconds()? - cpu_before;
    Ok(Ran { took, cpu_seconds, printed: String::from_utf8_lossy(&output.stdout).into_owned() })
}

/// Returns the CPU seconds of all children that have ended and were waited for.
fn children_cpu_seconds() -> Result<f64, LookError> {
    let path = PathBuf::from("/proc/self/stat");
    let ticks = std::fs::read_to_string(&path).ok().and_then(|stat| ticks_in(&stat, CHILDREN_TICKS_FIELD));
    ticks.map(seconds).ok_or(LookError { path })
}

#[expect(clippy::cast_precision_loss, reason = "ticks stay far below 2^53")]
fn seconds(ticks: u64) -> f64 {
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let start = line.find("127.0.0.1:")?;
    let address = line.get(start..)?;
    let end = address.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':').unwrap_or(address.len());
    address.get(..end)?.trim_end_matches(['.', ':']).parse().ok()
}

/// Adds the user and the system time of a `/proc/<pid>/stat` line, which follow each other; the program's name before them may hold
/// anything, even a `)`.
fn ticks_in(stat: &str, first_field: usize) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(first_field);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn kibibytes_in(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

fn tail(log: &Path) -> String {
    last_lines(&std::fs::read_to_string(log).unwrap_or_default())
}

fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines.get(lines.len().saturating_sub(12)..).unwrap_or_default().join("\n")
}

/// Where the process's own times stand behind its name, `utime` first, and where those of its children, `cutime` first.
const OWN_TICKS_FIELD: usize = 11;
const CHILDREN_TICKS_FIELD: usize = 13;

/// The longest a server may take to become ready.
pub const START_LIMIT: Duration = Duration::from_secs(300);

/// How often a server is started where one start alone tells little.
pub const STARTS: usize = 3;

/// The longest a server may take to settle: enough for full segments to be recompressed.
const SETTLE_LIMIT: Duration = Duration::from_secs(120);

/// The longest a server may take to end.
const STOP_LIMIT: Duration = Duration::from_secs(120);

/// The longest a program run to its end may take.
pub const RUN_LIMIT: Duration = Duration::from_secs(1800);

/// How often readiness and ends are asked for; also their resolution.
const READY_POLL: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_a_sentence() {
        let expected = Some(SocketAddr::from(([127, 0, 0, 1], 4080)));
        assert_eq!(address_in("listening on http://127.0.0.1:4080"), expected);
        assert_eq!(address_in("open http://127.0.0.1:4080/sign-in now"), expected);
        assert_eq!(address_in("127.0.0.1:4080."), expected);
        assert_eq!(address_in("listening on nothing"), None);
    }

    #[test]
    fn cpu_ticks_are_read_behind_a_name_with_a_parenthesis() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194560 900 0 0 0 17 5 8 12 20 0 4 0 100 1 1";
        assert_eq!(ticks_in(stat, OWN_TICKS_FIELD), Some(22));
        assert_eq!(ticks_in(stat, CHILDREN_TICKS_FIELD), Some(20));
        assert_eq!(ticks_in("42 (short) S 1", OWN_TICKS_FIELD), None);
    }

    #[test]
    fn memory_lines_are_found_by_name() {
        let status = "Name:\tx\nVmHWM:\t  900 kB\nVmRSS:\t  800 kB\n";
        assert_eq!(kibibytes_in(status, "VmRSS:"), Some(800));
        assert_eq!(kibibytes_in(status, "RssAnon:"), None);
    }

    #[test]
    fn a_program_that_ends_at_once_is_reported_with_its_words() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        let started = Process::start(
            Path::new("/bin/sh"),
            ["-c", "echo no such ledger >&2; exit 3"],
            &log,
            Duration::from_secs(5),
        );
        let Err(StartError::NotReady { log, .. }) = started else { panic!("it never printed an address") };
        assert_eq!(log, "no such ledger");
    }
}
