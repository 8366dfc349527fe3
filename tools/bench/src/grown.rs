//! The figures of a ledger grown to many events: its disk, its memory, its starts, and the verbs that read it whole.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::company::{self, Company};
use crate::figure::{Figure, float, median, progress, slope};
use crate::load::{self, Span};
use crate::process::{self, Memory, Process, STARTS};

/// A ledger to be grown and measured.
pub struct Growth<'a> {
    /// The `dossier` program.
    pub program: &'a Path,
    /// The data directory, already holding a demo company. It is written to.
    pub data: &'a Path,
    /// Where the servers' own output goes.
    pub log: &'a Path,
    /// The purpose stated when reading.
    pub purpose: &'a str,
    /// How many entries the ledger shall have.
    pub events: u64,
    /// How many events go into one proposal.
    pub batch: usize,
}

impl Growth<'_> {
    /// Grows the ledger over HTTP, in atomic batches, and prints the `events_*` figures.
    ///
    /// # Errors
    /// When the server does not start, a proposal fails, or an offline verb does not end with success.
    pub async fn measure(&self) -> anyhow::Result<()> {
        let small = self.start_anew().await?;
        let server = self.serve()?;
        let company = Company::meet(self.data, server.address, self.purpose)?;
        let small = (self.size(&server, &company)?, small);
        let begun = Utc::now();
        let memory = self.grow(&server, &company).await?;
        let grown_between = (begun, Utc::now());
        let size = self.size(&server, &company)?;
        let entries = self.sample(&server, &company, size)?;
        server.stop()?;
        self.tell_disk(size, &entries)?;
        self.tell_clean_starts(&small, &memory).await?;
        self.tell_looking_back(size, grown_between).await?;
        self.tell_starts_after_kills(&company).await?;
        self.tell_verb("events_rebuild", "rebuild", 100_000).await?;
        self.tell_verb("events_verify", "verify", 200_000).await
    }

    /// Grows it in ten steps and returns what was resident after each, by size.
    async fn grow(&self, server: &Process, company: &Company) -> anyhow::Result<Vec<(u64, Memory)>> {
        let start = self.size(server, company)?;
        let mut memory = vec![(start, server.memory()?)];
        let batch = u64::try_from(self.batch)?;
        for step in 1..=GROWTH_STEPS {
            let goal = start + self.events.saturating_sub(start) * step / GROWTH_STEPS;
            let missing = goal.saturating_sub(self.size(server, company)?);
            let span = Span { warm_up: Duration::ZERO, measured: STEP_LIMIT, requests_max: missing.div_ceil(batch) };
            let shape = company.batches(GROWTH_CLIENTS, self.batch, Utc::now());
            let outcome = load::run(server, &shape, span).await?;
            if let Some(error) = outcome.first_error {
                anyhow::bail!("{} of the batches failed, the first with {error}", outcome.errors);
            }
            let settled = server.settle().await?;
            let size = self.size(server, company)?;
            anyhow::ensure!(size >= goal, "the ledger stopped growing at {size} of {goal} entries");
            let now = server.memory()?;
            #[expect(clippy::cast_precision_loss, reason = "a batch is small")]
            let per_second = outcome.per_second * batch as f64;
            progress(&format!(
                "{size} entries, {per_second:.0}/s, server CPU {:.1} us/event, settled in {settled:.1?}, resident {} MiB",
                outcome.server_cpu_us / per_second * outcome.per_second,
                now.resident >> 20,
            ));
            memory.push((size, now));
        }
        Ok(memory)
    }

    /// Asks for entries spread evenly over the ledger and returns their sizes.
    ///
    /// An entry is canonical JSON of integers and strings, so writing the parsed document without white space gives its length again.
    fn sample(&self, server: &Process, company: &Company, size: u64) -> anyhow::Result<Sample> {
        let Some(token) = &company.auditor_token else {
            anyhow::bail!("the demo company has no auditor, and nobody else is shown whole entries")
        };
        let mut sample = Sample { entries: 0, bytes: 0 };
        for number in 0..SAMPLE_ENTRIES.min(size) {
            let index = size * number / SAMPLE_ENTRIES.min(size);
            let target = format!("/v1/entries/{index}");
            let answer: Value = company::get(server.address, &target, token, self.purpose)?;
            let entry = if answer.get("specversion").is_some() { Some(&answer) } else { answer.get("entry") };
            let bytes = match entry {
                Some(Value::String(text)) => text.len(),
                Some(whole) if whole.get("salt").is_some() => serde_json::to_vec(whole)?.len(),
                _ => anyhow::bail!("entry {index} was not shown whole: {answer}"),
            };
            sample.entries += 1;
            sample.bytes += u64::try_from(bytes)?;
        }
        Ok(sample)
    }

    fn tell_disk(&self, size: u64, sample: &Sample) -> anyhow::Result<()> {
        let mut parts = BTreeMap::new();
        for item in fs::read_dir(self.data)? {
            let item = item?;
            let name = item.file_name().to_string_lossy().into_owned();
            parts.insert(name, allocated_bytes(&item.path())?);
        }
        let allocated: u64 = parts.values().sum();
        anyhow::ensure!(sample.entries > 0, "no entry was sampled");
        let mean = float(sample.bytes) / float(sample.entries);
        let figure = Figure {
            figure: "events_disk",
            value: float(allocated) / (mean * float(size)),
            unit: "of the bytes of the entries",
            of: json!({
                "goal": "<= 1.0", "entries": size, "allocated_bytes": allocated, "by_name": parts,
                "entry_bytes_mean": mean, "entries_sampled": sample.entries,
            }),
        };
        figure.print()
    }

    /// Starts it some times after clean stops, asks nothing of it, and stops it again.
    async fn start_anew(&self) -> anyhow::Result<Vec<Start>> {
        let mut starts = Vec::new();
        for _ in 0..STARTS {
            let server = self.serve()?;
            server.settle().await?;
            let (ready_after, memory) = (server.ready_after.as_secs_f64(), server.memory()?);
            starts.push(Start { ready_after, memory, stopped_after: server.stop()?.as_secs_f64() });
        }
        Ok(starts)
    }

    /// Tells of starts after clean stops, and of memory; `small` is the same from when the ledger was small, with its size.
    async fn tell_clean_starts(&self, small: &(u64, Vec<Start>), grown: &[(u64, Memory)]) -> anyhow::Result<()> {
        let large = self.start_anew().await?;
        let ready = Figure {
            figure: "events_ready_after_stop",
            value: median(large.iter().map(|start| start.ready_after)),
            unit: "s",
            of: json!({"goal": "<= 2", "starts": large}),
        };
        ready.print()?;
        let Some(&(last, _)) = grown.last() else {
            return Ok(());
        };
        let points: Vec<_> = grown
            .iter()
            .filter(|(size, _)| *size * 2 >= last)
            .map(|(size, memory)| (float(*size), float(memory.resident)))
            .collect();
        let samples: Vec<_> = grown.iter().map(|(size, memory)| json!({"entries": size, "memory": memory})).collect();
        let most = grown.iter().map(|(_, memory)| memory.peak).max().unwrap_or(0);
        let memory = Figure {
            figure: "events_memory",
            value: float(most) / 1e6,
            unit: "MB resident at most while growing",
            of: json!({"goal": "<= 400", "while_growing": samples}),
        };
        memory.print()?;
        // While it grows, sled's share rises and falls with each reopening of a directory by more than a million events may add; what
        // a fresh start holds, before anything is cached, tells what the events themselves cost.
        // The least of some starts: what an allocator holds beyond that is chance.
        let least = |starts: &[Start]| starts.iter().map(|start| start.memory.anonymous).min().map_or(0.0, float);
        let growth = Figure {
            figure: "events_memory_growth",
            value: (least(&large) - least(&small.1)) / float(last.saturating_sub(small.0)),
            unit: "anonymous bytes per event, from a fresh start of the small to one of the large ledger",
            of: json!({
                "goal": "<= 2", "small": {"entries": small.0, "starts": small.1}, "large": {"entries": last, "starts": large},
                "resident_per_event_while_growing_second_half": slope(&points),
            }),
        };
        growth.print()
    }

    /// Asks for moments spread evenly over the later half of what was grown, of one customer after the other and of all customers: by
    /// recorded time, by business time, and for what has changed since. Times each answer.
    async fn tell_looking_back(&self, size: u64, (begun, ended): (DateTime<Utc>, DateTime<Utc>)) -> anyhow::Result<()> {
        let server = self.serve()?;
        let company = Company::meet(self.data, server.address, self.purpose)?;
        let kept_after = keep_moments(&server, size).await?;
        let customers: Vec<(&str, &str)> = company
            .sellers
            .iter()
            .flat_map(|seller| seller.customers.iter().map(|customer| (customer.as_str(), seller.token.as_str())))
            .collect();
        let Some((_, anybody)) = customers.first().copied() else { anyhow::bail!("there are no customers") };
        let index = |part: f64| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index of the ledger")]
            let back = (float(size.saturating_sub(1)) * part) as u64;
            size.saturating_sub(1) - back
        };
        let took = (ended - begun).to_std()?;
        let instant = |part: f64| (ended - took.mul_f64(part)).to_rfc3339_opts(SecondsFormat::Micros, true);
        let ways: [(_, _, &dyn Fn(f64) -> String); 3] = [
            ("events_as_of_archive", "events_as_of_list", &|part| format!("as_of={}", index(part))),
            ("events_valid_at_archive", "events_valid_at_list", &|part| format!("valid_at={}", instant(part))),
            ("events_difference_archive", "events_difference_list", &|part| format!("since={}", index(part))),
        ];
        for (archive, list, moment) in ways {
            let mut archives = Vec::new();
            for (number, (customer, token)) in (0..LOOKS_BACK).zip(customers.iter().cycle()) {
                let target = format!("/v1/customers/{customer}?{}", moment(float(number) / float(LOOKS_BACK) / 2.0));
                archives.push(self.timed(&server, &target, token)?);
            }
            let mut lists = Vec::new();
            for number in 0..LOOKS_BACK_AT_ALL {
                let target = format!("/v1/customers?{}", moment(float(number) / float(LOOKS_BACK_AT_ALL) / 2.0));
                lists.push(self.timed(&server, &target, anybody)?);
            }
            for (figure, mut took, goal) in [(archive, archives, "<= 50"), (list, lists, "<= 2000")] {
                took.sort_by(f64::total_cmp);
                let rank = |percent: usize| took.get(took.len() * percent / 100).copied().unwrap_or(f64::INFINITY);
                let of = json!({ "goal": goal, "entries": size, "asked": took.len(), "p50": rank(50), "most": took.last(), "kept_after_s": kept_after });
                Figure { figure, value: rank(95), unit: "ms, 95 of 100", of }.print()?;
            }
        }
        server.stop()?;
        Ok(())
    }

    fn timed(&self, server: &Process, target: &str, token: &str) -> anyhow::Result<f64> {
        let begun = Instant::now();
        company::get::<Value>(server.address, target, token, self.purpose)?;
        Ok(begun.elapsed().as_secs_f64() * 1e3)
    }

    /// Kills the server in the middle of a load and measures how long the next start takes.
    async fn tell_starts_after_kills(&self, company: &Company) -> anyhow::Result<()> {
        let mut starts = Vec::new();
        let mut server = self.serve()?;
        for _ in 0..STARTS {
            let shape = company.proposals(64, Utc::now());
            let span = Span { warm_up: Duration::ZERO, measured: KILL_AFTER * 2, requests_max: u64::MAX };
            let kill = async {
                tokio::time::sleep(KILL_AFTER).await;
                server.kill()
            };
            // The load's own end is a crowd of broken connections.
            let (outcome, killed) = tokio::join!(load::run(&server, &shape, span), kill);
            killed?;
            anyhow::ensure!(outcome?.requests > 0, "nothing was recorded before the kill");
            drop(server);
            server = self.serve()?;
            starts.push(server.ready_after.as_secs_f64());
        }
        server.stop()?;
        let figure = Figure {
            figure: "events_ready_after_kill",
            value: median(starts.iter().copied()),
            unit: "s",
            of: json!({"goal": "<= 5", "starts": starts, "killed_under": "64 clients proposing"}),
        };
        figure.print()
    }

    /// Times an offline verb over the whole ledger.
    async fn tell_verb(&self, figure: &'static str, verb: &str, goal: u64) -> anyhow::Result<()> {
        let server = self.serve()?;
        let size = self.size(&server, &Company::meet(self.data, server.address, self.purpose)?)?;
        server.stop()?;
        progress(&format!("dossier {verb} over {size} entries"));
        let ran = process::run(self.program, [verb.as_ref(), "--data".as_ref(), self.data.as_os_str()]).await?;
        let figure = Figure {
            figure,
            value: float(size) / ran.took.as_secs_f64(),
            unit: "entries/s",
            of: json!({
                "goal": format!(">= {goal}"), "entries": size, "seconds": ran.took.as_secs_f64(),
                // On a machine that is busy otherwise this tells more than the rate.
                "cpu_us_per_entry": ran.cpu_seconds * 1e6 / float(size),
                "printed": ran.printed.lines().last().unwrap_or_default(),
            }),
        };
        figure.print()
    }

    fn serve(&self) -> anyhow::Result<Process> {
        Ok(process::serve(self.program, self.data, self.log)?)
    }

    fn size(&self, server: &Process, company: &Company) -> anyhow::Result<u64> {
        let token = company.sellers.first().map_or("", |seller| &seller.token);
        let ledger: Ledger = company::get(server.address, "/v1/ledger", token, self.purpose)?;
        Ok(ledger.size)
    }
}

/// Waits until earlier moments are kept, which a server does while little is entered, and returns how many seconds that took.
async fn keep_moments(server: &Process, size: u64) -> anyhow::Result<f64> {
    let begun = Instant::now();
    while begun.elapsed() < KEEP_LIMIT {
        let (_, metrics) = load::fetch(server.address, "/metrics", "").context("cannot get the metrics")?;
        let metrics = String::from_utf8_lossy(&metrics);
        let kept = metrics.lines().find_map(|line| line.strip_prefix("dossier_moments_kept_entries "));
        let kept: u64 = kept.context("there is no such metric")?.parse()?;
        if kept + UNKEPT >= size {
            return Ok(begun.elapsed().as_secs_f64());
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    anyhow::bail!("earlier moments were not kept within {KEEP_LIMIT:?}")
}

#[derive(Deserialize)]
struct Ledger {
    size: u64,
}

/// One start after a clean stop.
#[derive(serde::Serialize)]
struct Start {
    ready_after: f64,
    stopped_after: f64,
    memory: Memory,
}

struct Sample {
    entries: u64,
    bytes: u64,
}

/// Returns the bytes that a file, or everything in a directory, takes up on the disk.
fn allocated_bytes(path: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    let mut waiting: Vec<PathBuf> = vec![path.to_owned()];
    while let Some(path) = waiting.pop() {
        let metadata = fs::symlink_metadata(&path)?;
        // `st_blocks` counts 512 bytes whatever the file system's block.
        bytes += metadata.blocks() * 512;
        if metadata.is_dir() {
            for item in fs::read_dir(&path)? {
                waiting.push(item?.path());
            }
        }
    }
    Ok(bytes)
}

const GROWTH_STEPS: u64 = 10;
const GROWTH_CLIENTS: usize = 4;
const SAMPLE_ENTRIES: u64 = 256;
const LOOKS_BACK: u64 = 400;
const LOOKS_BACK_AT_ALL: u64 = 40;

/// How long a server may take to keep the moments of a ledger that grew faster than any company enters, and how many entries of it may wait.
const KEEP_LIMIT: Duration = Duration::from_secs(600);
const UNKEPT: u64 = 8192;

/// How long a load runs before the server is killed.
const KILL_AFTER: Duration = Duration::from_millis(1500);
const STEP_LIMIT: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_takes_up_what_its_files_do() {
        let directory = tempfile::tempdir().unwrap();
        let empty = allocated_bytes(directory.path()).unwrap();
        fs::create_dir(directory.path().join("inner")).unwrap();
        fs::write(directory.path().join("inner/file"), vec![7; 100_000]).unwrap();
        assert!(allocated_bytes(directory.path()).unwrap() >= empty + 100_000);
    }
}
