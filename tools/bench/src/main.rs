//! Measures a served Dossier against the bare limit of the machine it runs on.
//!
//! ```text
//! cargo build --profile dist
//! cargo run --release --manifest-path tools/bench/Cargo.toml
//! ```
//!
//! prints one line of JSON per figure on standard output, and what it is doing on standard error:
//!
//! ```text
//! {"figure":"propose_64","value":0.31,"unit":"of the bare limit","of":{"goal":">= 0.25", …}}
//! ```
//!
//! | figure | what |
//! |---|---|
//! | `propose_64` | 64 clients recording contacts one by one, durable: proposals/s over the bare limit's requests/s |
//! | `propose_1` | the same with one client |
//! | `read_64` | 64 clients reading archives, each reading recorded: readings/s over proposals/s. Before the turns as many readings are made as there are archives (`first`): each is folded from its entries when it is read for the first time since the server was made or its memory forgot it |
//! | `mix_64` | 64 clients entering what the demo's people enter most, in its proportions (`mix.rs`): proposals/s over those of contacts alone |
//! | `bare_64`, `bare_1` | the bare limit alone, in requests/s; needs no `dossier` |
//! | `customer_bytes` | what a customer takes up in memory: two companies of the demo with as much per customer, each started afresh |
//! | `erasure` | seconds from the approval of an erasure to its second end, of a person with 10,000 entries |
//! | `events_*` | of a ledger grown to `--events`: disk over entry bytes, resident memory and its growth, seconds to ready after a clean stop and after `kill -9` under load, ms to look back at one archive and at all customers (by recorded time, by business time, and for what has changed since), entries/s of `dossier rebuild` and `dossier verify` |
//!
//! A figure more needs no server and no network, and is measured by `in_process.rs` beside this package:
//!
//! | figure | what |
//! |---|---|
//! | `in_process` | CPU per event in batches of 256, from the bytes of a proposal to durable and followed, with its parts: `cargo bench --profile dist --bench in_process` |
//!
//! The *bare limit* is an axum server that only writes the request body to a file, one write and one `fdatasync` per group. It is sent the
//! very same requests, on the same file system, in turns with the served ledger (bare, proposals, readings, bare, …), because a machine
//! that others share is never the same for two minutes. A figure is a ratio of medians; `of` holds every turn, with latencies, errors, and
//! the CPU per request of the server and of the clients. Between turns the bench waits until the server has done what it still owed.
//!
//! Options:
//!
//! | option | meaning | default |
//! |---|---|---|
//! | `--only A,B` | only these figures (`events` means all of `events_*`) | `propose_64,read_64,propose_1`, and `events` where `--events` is given |
//! | `--dossier FILE` | the program to measure | `target/dist/dossier` |
//! | `--data DIR` | a directory made by `dossier demo --data DIR --build-only`. **It is written to** | a new one, removed afterwards |
//! | `--work DIR` | where temporary files go; must be on the disk to be measured, not in memory | the system's temporary directory |
//! | `--pairs N` | turns of each | 5 |
//! | `--seconds S` | counted seconds of each turn, after half a second of warm-up | 2 |
//! | `--events N` | the size to grow the ledger to | |
//! | `--batch N` | events per proposal while growing | 256 |
//! | `--purpose P` | the purpose stated when reading | `customer_service` |
//!
//! Every process started listens on the loopback only and is ended by its own id; it exits with 1 when something failed.

mod bare;
mod company;
mod contact;
mod customers;
mod erased;
mod figure;
mod grown;
mod load;
mod mix;
mod process;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use chrono::Utc;
use lexopt::{Arg, ValueExt as _};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::company::Company;
use crate::figure::{Figure, median, progress};
use crate::grown::Growth;
use crate::load::{Outcome, Shape, Span};
use crate::process::Process;

fn main() -> ExitCode {
    match start(std::env::args_os().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            progress(&format!("dossier-bench: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// What is measured, and with what.
struct Options {
    only: Vec<String>,
    dossier: PathBuf,
    data: Option<PathBuf>,
    work: PathBuf,
    pairs: usize,
    seconds: f64,
    events: u64,
    batch: usize,
    purpose: String,
}

/// Runs as the bare server where the bench starts itself as one, else as the bench.
fn start(arguments: Vec<OsString>) -> anyhow::Result<()> {
    match arguments.as_slice() {
        [verb, file] if verb == BARE_VERB => bare::serve(Path::new(file)),
        _ => {
            let options = Options::parse(arguments)?;
            // One thread: the clients' CPU time is read from its clock.
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut asked_to_end = signal(SignalKind::terminate())?;
                // Being interrupted still ends the processes and removes the directories: what `measure` holds is dropped.
                tokio::select! {
                    _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted"),
                    _ = asked_to_end.recv() => anyhow::bail!("asked to end"),
                    measured = measure(&options) => measured,
                }
            })
        }
    }
}

impl Options {
    fn parse(arguments: Vec<OsString>) -> anyhow::Result<Self> {
        let mut options = Self {
            only: Vec::new(),
            dossier: PathBuf::from("target/dist/dossier"),
            data: None,
            work: std::env::temp_dir(),
            pairs: 5,
            seconds: 2.0,
            events: 0,
            batch: 256,
            purpose: "customer_service".to_owned(),
        };
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Long("only") => {
                    let names = parser.value()?.string()?;
                    options.only.extend(names.split(',').map(str::to_owned));
                }
                Arg::Long("dossier") => options.dossier = parser.value()?.into(),
                Arg::Long("data") => options.data = Some(parser.value()?.into()),
                Arg::Long("work") => options.work = parser.value()?.into(),
                Arg::Long("pairs") => options.pairs = parser.value()?.parse()?,
                Arg::Long("seconds") => options.seconds = parser.value()?.parse()?,
                Arg::Long("events") => options.events = parser.value()?.parse()?,
                Arg::Long("batch") => options.batch = parser.value()?.parse()?,
                Arg::Long("purpose") => options.purpose = parser.value()?.string()?,
                other => return Err(other.unexpected().into()),
            }
        }
        if options.only.is_empty() {
            options.only.extend(["propose_64", "read_64", "propose_1"].map(str::to_owned));
            if options.events > 0 {
                options.only.push("events".to_owned());
            }
        }
        if let Some(unknown) = options.only.iter().find(|name| !FIGURES.contains(&name.as_str())) {
            anyhow::bail!("there is no figure \"{unknown}\", only {}", FIGURES.join(", "));
        }
        anyhow::ensure!((1..=100).contains(&options.pairs), "--pairs must be 1 to 100");
        anyhow::ensure!((0.1..=600.0).contains(&options.seconds), "--seconds must be 0.1 to 600");
        anyhow::ensure!((1..=1000).contains(&options.batch), "--batch must be 1 to 1000");
        anyhow::ensure!(options.events > 0 || !options.wants("events"), "events needs --events N");
        Ok(options)
    }

    fn wants(&self, figure: &str) -> bool {
        self.only.iter().any(|name| name == figure)
    }

    fn span(&self) -> Span {
        Span {
            warm_up: Duration::from_millis(500),
            measured: Duration::from_secs_f64(self.seconds),
            requests_max: u64::MAX,
        }
    }
}

async fn measure(options: &Options) -> anyhow::Result<()> {
    let work = tempfile::Builder::new().prefix("dossier-bench-").tempdir_in(&options.work)?;
    tell_machine(work.path())?;
    let bare = Process::start(
        &std::env::current_exe()?,
        [BARE_VERB.as_ref(), work.path().join("bodies").as_os_str()],
        &work.path().join("bare.log"),
        Duration::from_secs(10),
    )?;
    for (name, clients) in [("bare_64", 64), ("bare_1", 1)] {
        if options.wants(name) {
            tell_bare(options, &bare, name, clients).await?;
        }
    }
    if options.wants("customer_bytes") {
        customers::tell(&options.dossier, work.path()).await?;
    }
    if !["propose_64", "read_64", "propose_1", "mix_64", "erasure", "events"].iter().any(|name| options.wants(name)) {
        return Ok(());
    }
    let data = match &options.data {
        Some(data) => data.clone(),
        None => build_demo(&options.dossier, work.path()).await?,
    };
    let log = work.path().join("dossier.log");
    let server = process::serve(&options.dossier, &data, &log)?;
    let company = Company::meet(&data, server.address, &options.purpose)?;
    if options.wants("propose_64") || options.wants("read_64") {
        tell_64(options, &bare, &server, &company).await?;
    }
    if options.wants("propose_1") {
        tell_1(options, &bare, &server, &company).await?;
    }
    if options.wants("mix_64") {
        tell_mix(options, &server, &company).await?;
    }
    if options.wants("erasure") {
        erased::tell(&server, &company).await?;
    }
    server.stop()?;
    drop(bare);
    if options.wants("events") {
        let growth = Growth {
            program: &options.dossier,
            data: &data,
            log: &log,
            purpose: &options.purpose,
            events: options.events,
            batch: options.batch,
        };
        growth.measure().await?;
    }
    Ok(())
}

async fn tell_bare(options: &Options, bare: &Process, name: &'static str, clients: usize) -> anyhow::Result<()> {
    let shape = Company::invented().proposals(clients, Utc::now());
    let [outcomes] = turns(options, [("bare", bare, &shape)]).await?;
    let figure = Figure {
        figure: name,
        value: median_rate(&outcomes),
        unit: "requests/s",
        of: json!({"clients": clients, "body_bytes_mean": body_bytes_mean(&shape), "turns": outcomes}),
    };
    figure.print()
}

async fn tell_64(options: &Options, bare: &Process, server: &Process, company: &Company) -> anyhow::Result<()> {
    let proposals = company.proposals(64, Utc::now());
    let readings = company.readings(64, &options.purpose);
    let archives = readings.connections.iter().map(|requests| requests.len() as u64).sum();
    let once = Span { warm_up: Duration::ZERO, measured: FIRST_READINGS_MAX, requests_max: archives };
    let first = one_turn(once, ("first readings", server, &readings), (1, 1)).await?;
    let [bare, proposed, read] = turns(
        options,
        [("bare", bare, &proposals), ("proposals", server, &proposals), ("readings", server, &readings)],
    )
    .await?;
    if options.wants("propose_64") {
        let figure = Figure {
            figure: "propose_64",
            value: median_rate(&proposed) / median_rate(&bare),
            unit: "of the bare limit",
            of: json!({
                "goal": ">= 0.25", "clients": 64, "body_bytes_mean": body_bytes_mean(&proposals),
                "proposals_per_second": median_rate(&proposed), "bare_per_second": median_rate(&bare),
                "ratios": ratios(&proposed, &bare), "proposals": &proposed, "bare": bare,
            }),
        };
        figure.print()?;
    }
    if options.wants("read_64") {
        let figure = Figure {
            figure: "read_64",
            value: median_rate(&read) / median_rate(&proposed),
            unit: "of the rate of the proposals",
            of: json!({
                "goal": ">= 0.8", "clients": 64,
                "readings_per_second": median_rate(&read), "proposals_per_second": median_rate(&proposed),
                "ratios": ratios(&read, &proposed), "readings": read, "first": first,
            }),
        };
        figure.print()?;
    }
    Ok(())
}

async fn tell_1(options: &Options, bare: &Process, server: &Process, company: &Company) -> anyhow::Result<()> {
    let proposals = company.proposals(1, Utc::now());
    let [bare, proposed] = turns(options, [("bare", bare, &proposals), ("proposals", server, &proposals)]).await?;
    let figure = Figure {
        figure: "propose_1",
        value: median_rate(&proposed) / median_rate(&bare),
        unit: "of the bare limit",
        of: json!({
            "goal": ">= 0.6", "clients": 1, "body_bytes_mean": body_bytes_mean(&proposals),
            "proposals_per_second": median_rate(&proposed), "bare_per_second": median_rate(&bare),
            "ratios": ratios(&proposed, &bare), "proposals": proposed, "bare": bare,
        }),
    };
    figure.print()
}

async fn tell_mix(options: &Options, server: &Process, company: &Company) -> anyhow::Result<()> {
    let contacts = company.proposals(64, Utc::now());
    let (mut alone, mut mixed) = (Vec::new(), Vec::new());
    // Enough for the fastest machine: what was entered is not entered again.
    let rounds = ((options.seconds + 1.0) * MIXED_PER_SECOND).ceil();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some ten rounds")]
    let rounds = rounds as usize;
    for turn in 1..=options.pairs {
        let name = format!("{}{turn}", Utc::now().timestamp()).parse()?;
        let mix = mix::of(company, 64, name, rounds, Utc::now())?;
        for (what, shape, outcomes) in [("contacts", &contacts, &mut alone), ("mixed", &mix, &mut mixed)] {
            outcomes.push(one_turn(options.span(), (what, server, shape), (turn, options.pairs)).await?);
        }
    }
    let figure = Figure {
        figure: "mix_64",
        value: median_rate(&mixed) / median_rate(&alone),
        unit: "of the rate of contacts alone",
        of: json!({
            "goal": ">= 0.7", "clients": 64, "round": mix::round(company)?,
            "mixed_per_second": median_rate(&mixed), "contacts_per_second": median_rate(&alone),
            "ratios": ratios(&mixed, &alone), "mixed": mixed, "contacts": alone,
        }),
    };
    figure.print()
}

/// Runs the loads in turns, as often as asked, and returns each one's outcomes.
///
/// # Errors
/// When a turn had more errors than successes: a rate of refusals would be no figure.
async fn turns<const N: usize>(
    options: &Options,
    loads: [(&'static str, &Process, &Shape); N],
) -> anyhow::Result<[Vec<Outcome>; N]> {
    let mut outcomes = std::array::from_fn(|_| Vec::new());
    for turn in 1..=options.pairs {
        for (load, outcomes) in loads.iter().zip(&mut outcomes) {
            outcomes.push(one_turn(options.span(), *load, (turn, options.pairs)).await?);
        }
    }
    Ok(outcomes)
}

async fn one_turn(
    span: Span,
    (name, server, shape): (&str, &Process, &Shape),
    (turn, turns): (usize, usize),
) -> anyhow::Result<Outcome> {
    let outcome = load::run(server, shape, span).await?;
    let settled = server.settle().await?;
    progress(&format!(
        "{name} {turn}/{turns}: {:.0}/s, p50 {} us, p99 {} us, max {} us, CPU per request: server {:.1} us, client {:.1} us; \
         {} errors; settled in {settled:.1?}",
        outcome.per_second,
        outcome.p50_us,
        outcome.p99_us,
        outcome.max_us,
        outcome.server_cpu_us,
        outcome.client_cpu_us,
        outcome.errors,
    ));
    if let Some(error) = &outcome.first_error {
        progress(&format!("  the first error: {error}"));
    }
    anyhow::ensure!(outcome.requests > outcome.errors, "{name}: more errors than successes");
    Ok(outcome)
}

async fn build_demo(dossier: &Path, work: &Path) -> anyhow::Result<PathBuf> {
    let data = work.join("data");
    progress("building the demo company");
    let arguments = ["demo".as_ref(), "--data".as_ref(), data.as_os_str(), "--build-only".as_ref()];
    let ran = process::run(dossier, arguments).await.context("the demo company could not be built")?;
    progress(&format!("built in {:.1?}", ran.took));
    Ok(data)
}

/// Tells what else the machine was doing, and that the files are on a disk.
fn tell_machine(work: &Path) -> anyhow::Result<()> {
    let load = std::fs::read_to_string("/proc/loadavg")?;
    let load: Vec<f64> = load.split(' ').take(3).map_while(|number| number.parse().ok()).collect();
    let mounts = std::fs::read_to_string("/proc/mounts")?;
    let file_system = file_system_of(&work.canonicalize()?, &mounts);
    let cores = u32::try_from(std::thread::available_parallelism()?.get())?;
    let figure = Figure {
        figure: "machine",
        value: cores.into(),
        unit: "cores",
        of: json!({"load_1_5_15": load, "file_system": file_system}),
    };
    figure.print()
}

/// Returns the type of the file system that holds `path`, by the longest mount point that leads to it.
fn file_system_of(path: &Path, mounts: &str) -> Option<String> {
    mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ').skip(1);
            Some((Path::new(fields.next()?), fields.next()?))
        })
        .filter(|(point, _)| path.starts_with(point))
        .max_by_key(|(point, _)| point.as_os_str().len())
        .map(|(_, kind)| kind.to_owned())
}

fn median_rate(outcomes: &[Outcome]) -> f64 {
    median(outcomes.iter().map(|outcome| outcome.per_second))
}

fn ratios(of: &[Outcome], to: &[Outcome]) -> Vec<f64> {
    of.iter().zip(to).map(|(of, to)| of.per_second / to.per_second).collect()
}

fn body_bytes_mean(shape: &Shape) -> usize {
    let requests = shape.connections.iter().flat_map(|requests| requests.iter());
    let bodies = requests.filter_map(|request| {
        let head = memchr::memmem::find(request, b"\r\n\r\n")?;
        Some(request.len() - head - 4)
    });
    let (count, bytes) = bodies.fold((0, 0), |(count, bytes), body| (count + 1, bytes + body));
    bytes / usize::max(count, 1)
}

/// How long reading each archive once may take.
const FIRST_READINGS_MAX: Duration = Duration::from_secs(60);

/// As what the bench starts itself again to be the bare server.
const BARE_VERB: &str = "bare-server";

/// All that `--only` may name.
const FIGURES: &[&str] =
    &["propose_64", "read_64", "propose_1", "mix_64", "bare_64", "bare_1", "customer_bytes", "erasure", "events"];

/// More rounds of the mix than one of 64 connections gets through in a second.
const MIXED_PER_SECOND: f64 = 4.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> anyhow::Result<Options> {
        Options::parse(line.split_ascii_whitespace().map(OsString::from).collect())
    }

    #[test]
    fn the_events_are_measured_where_their_number_is_given() {
        assert!(!parse("").unwrap().wants("events"));
        assert!(parse("--events 1000000").unwrap().wants("events"));
        assert!(!parse("--events 1000000 --only propose_1").unwrap().wants("events"));
    }

    #[test]
    fn a_figure_that_does_not_exist_cannot_be_asked_for() {
        assert!(parse("--only bare_64,propose_65").is_err());
        assert!(parse("--only events").is_err());
        assert!(parse("--pairs 0").is_err());
        assert!(parse("--what").is_err());
    }

    #[test]
    fn the_file_system_is_that_of_the_nearest_mount() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\ntmpfs /t tmpfs2 rw 0 0\n";
        assert_eq!(file_system_of(Path::new("/tmp/x"), mounts).as_deref(), Some("tmpfs"));
        assert_eq!(file_system_of(Path::new("/tmpx"), mounts).as_deref(), Some("ext4"));
    }
}
