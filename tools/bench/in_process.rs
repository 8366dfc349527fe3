//! Measures what an event costs a ledger in the process, from the bytes of a proposal to durable and followed, without HTTP around it.
//!
//! ```text
//! cargo bench --profile dist --bench in_process
//! ```
//!
//! founds a ledger in a directory of its own, by the machine's clock and with real randomness, and records contacts in batches as
//! `POST /v1/events` does once it has the body: JSON to proposals, proposals to `Ledger::submit`, which returns when they are durable.
//! It ends when the follower has all of them in the store, in the tree and under a signed checkpoint. One line of JSON tells
//!
//! ```text
//! {"figure":"in_process","value":55.1,"unit":"us of CPU per event","of":{"goal":"<= 60", …, "parts":{…}, "threads":{…}}}
//! ```
//!
//! where the value is all CPU time of the process, of all its threads, user and system, over the events entered. `spans` are the same
//! for the quarters of the run. `threads` divides it by who spent it: those who propose, the writer, the follower, whoever recompresses
//! the journal, and the rest, which are sled's own. `parts` divides it by what it was spent on. Each part is measured by itself
//! afterwards, over the same events, by calling what the rooms export in the order in which the ledger calls it; a part is the median of
//! several passes:
//!
//! | part | what |
//! |---|---|
//! | `parse` | bytes to proposals; shape against the catalog; payload to event |
//! | `authorize` | whom the event is about; the roles held, their facts, the policies' decision as it is remembered |
//! | `admit` | the rules, once, and what follows in the world |
//! | `encode_and_hash` | payload and entry to canonical bytes, the entry's hash, its leaf and the tree |
//! | `journal` | block compressed and hashed, written, synced; read back and checked |
//! | `store` | entries packed, terms and claims indexed, tiles put, all flushed every 64 blocks |
//! | `decode` | entries read back to entry and event, as the follower does to find terms and claims |
//! | `other` | the value less all of these: ids and salts, the hash of the body, uniqueness, the state imagined ahead within a batch, links to the heads of streams, passing things from thread to thread, snapshots |
//!
//! Proposals come from one caller after the other, so that a block holds one batch; `--callers` changes that.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use chrono::DateTime;
use clap::Parser;
use dossier::access::decide::{Action, Policies, Resource};
use dossier::access::principal::Principal;
use dossier::access::relation;
use dossier::clock::{SystemClock, Timestamp};
use dossier::domain::{
    self, About, Actor, Context, Event, Fact, Fetched, Refusal, World, catalog, contact as contacts,
};
use dossier::entry::{Entry, Hash};
use dossier::ids::{EntryId, Source as _, StreamName, SystemSource};
use dossier::journal::{self, Encoder, FileJournal, Journal as _};
use dossier::ledger::{Home, Ledger, Options, Proposal};
use dossier::proof::merkle;
use dossier::proof::tile::{self, FullTile, Growth};
use dossier::store::{self, Item, Store, Term};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use crate::contact::Words;
use crate::figure::{Figure, median, progress};

#[expect(
    unreachable_pub,
    reason = "the file belongs to the package in this directory, where pub tells surface from inside"
)]
#[path = "src/contact.rs"]
mod contact;
#[expect(
    unreachable_pub,
    dead_code,
    unused_imports,
    reason = "the file belongs to the package in this directory, which uses all of it"
)]
#[path = "src/figure.rs"]
mod figure;

/// The allocator of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match measure(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            progress(&format!("in_process: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// What is measured.
#[derive(Debug, Parser)]
#[command(name = "in_process")]
struct Arguments {
    /// Batches counted.
    #[arg(long, default_value_t = 400)]
    batches: usize,
    /// Events per batch.
    #[arg(long, default_value_t = 256)]
    batch: usize,
    /// Batches entered before counting begins.
    #[arg(long, default_value_t = 64)]
    warm_up: usize,
    /// How many propose at a time.
    #[arg(long, default_value_t = 1)]
    callers: usize,
    /// Measures the total alone, without its parts.
    #[arg(long)]
    total: bool,
    /// Where temporary files go; must be on the disk to be measured, not in memory.
    #[arg(long, value_name = "DIR")]
    work: Option<PathBuf>,
    /// Cargo says this to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

fn measure(arguments: &Arguments) -> anyhow::Result<()> {
    ensure!(arguments.batches >= SPANS, "--batches must be {SPANS} or more");
    ensure!((1..=dossier::ledger::BATCH_MAX).contains(&arguments.batch), "--batch must be 1 to 1000");
    ensure!((1..=64).contains(&arguments.callers), "--callers must be 1 to 64");
    let work = Work::new(arguments.work.clone().unwrap_or_else(std::env::temp_dir))?;
    let home = Home::beside(&work.0.join("data"));
    progress("founding a company");
    let company = Company::found(&home)?;
    let bodies = company.bodies(arguments.batch)?;

    progress("entering events");
    let state = company.ledger.state();
    company.enter(&bodies, 0..arguments.warm_up, arguments.callers)?;
    company.ledger.settle();
    let first = company.ledger.state().size;
    ensure!(first >= state.size + count(arguments.warm_up * arguments.batch)?, "events are missing");
    let watch = Watch::start()?;
    let mut callers = Duration::ZERO;
    let mut spans = Vec::new();
    for span in 0..SPANS {
        let from = arguments.warm_up + arguments.batches * span / SPANS;
        let to = arguments.warm_up + arguments.batches * (span + 1) / SPANS;
        let before = cpu(ClockId::ProcessCPUTime);
        callers += company.enter(&bodies, from..to, arguments.callers)?;
        company.ledger.settle();
        let spent = cpu(ClockId::ProcessCPUTime).saturating_sub(before);
        spans.push(each(spent, (to - from) * arguments.batch));
    }
    let spent = watch.stop(callers)?;
    let events = arguments.batches * arguments.batch;
    let mut of = json!({
        "goal": "<= 60", "events": events, "batch": arguments.batch, "callers": arguments.callers,
        "body_bytes_mean": bodies.iter().map(|body| body.json.len()).sum::<usize>() / bodies.len() / arguments.batch,
        "events_per_second": events_per_second(events, spent.elapsed),
        "spans": spans,
        "threads": spent.threads.iter().map(|(name, spent)| ((*name).to_owned(), each(*spent, events).into())).collect::<serde_json::Map<_, _>>(),
    });
    let value = each(spent.total, events);
    if !arguments.total {
        let world = company.ledger.state().world.clone();
        company.close();
        progress("measuring the parts");
        let mut parts = parts(&work.0, &home, &world, &bodies, first)?;
        parts.push(("other", value - parts.iter().map(|(_, value)| value).sum::<f64>()));
        let parts: serde_json::Map<String, Value> =
            parts.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        if let Value::Object(of) = &mut of {
            of.insert("parts".to_owned(), parts.into());
        }
    }
    Figure { figure: "in_process", value, unit: "us of CPU per event", of }.print()
}

/// A company with a ledger, whose salespeople propose.
struct Company {
    ledger: Ledger,
    sellers: Vec<Seller>,
}

/// One who records contacts.
#[derive(Clone)]
struct Seller {
    principal: Principal,
    customers: Vec<String>,
}

/// A batch as it comes over the wire.
struct Body {
    principal: Principal,
    json: Vec<u8>,
}

impl Company {
    /// Founds it, with its staff and customers.
    fn found(home: &Home) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let source = Arc::new(SystemSource::new().map_err(|error| anyhow!("the system gives no randomness: {error}"))?);
        Ledger::create(home, "bench.example.com/ledger", source.as_ref())?;
        let ledger = Ledger::open(home, Options::new(Arc::new(SystemClock::new()), source))?;
        let now = ledger.clock().now();
        runtime.block_on(ledger.found(founding(now)))?;
        runtime.block_on(ledger.adopt_policies())?;
        let mut sellers = Vec::new();
        for (number, employee) in SELLERS.iter().enumerate() {
            let principal = Principal::new(employee.parse()?);
            let numbers = number * CUSTOMERS_EACH..(number + 1) * CUSTOMERS_EACH;
            let customers: Vec<String> = numbers.map(|number| format!("C-{number:05}")).collect();
            let registrations: Vec<_> =
                customers.iter().map(|customer| registration(customer, employee, now)).collect();
            runtime.block_on(ledger.submit(&principal, registrations))?;
            sellers.push(Seller { principal, customers });
        }
        Ok(Self { ledger, sellers })
    }

    /// Returns batches of proposals, the sellers in turn, each about all customers of theirs in turn.
    fn bodies(&self, batch: usize) -> anyhow::Result<Vec<Body>> {
        let now = DateTime::from_timestamp_micros(self.ledger.clock().now().micros()).context("the clock is broken")?;
        let mut words = Words { state: 1 };
        let mut sellers: Vec<_> =
            self.sellers.iter().map(|seller| (&seller.principal, seller.customers.iter().cycle())).collect();
        let mut bodies = Vec::new();
        for _ in 0..BODIES.div_ceil(sellers.len()) {
            for (principal, customers) in &mut sellers {
                let employee = principal.employee.as_str();
                let events: Vec<Value> = customers
                    .by_ref()
                    .take(batch)
                    .map(|customer| contact::recorded(employee, HEAD, customer, now, &mut words))
                    .collect();
                bodies
                    .push(Body { principal: (*principal).clone(), json: Value::from(events).to_string().into_bytes() });
            }
        }
        Ok(bodies)
    }

    /// Enters the batches of these numbers, dealt out to so many callers, and returns the callers' CPU time.
    fn enter(&self, bodies: &[Body], batches: Range<usize>, callers: usize) -> anyhow::Result<Duration> {
        let call = |caller: usize| -> anyhow::Result<Duration> {
            let runtime = tokio::runtime::Builder::new_current_thread().build()?;
            let before = cpu(ClockId::ThreadCPUTime);
            for batch in batches.clone().skip(caller).step_by(callers) {
                let body = bodies.get(batch % bodies.len()).context("there are no bodies")?;
                let proposals = read(&body.json)?;
                let count = proposals.len();
                let receipts = runtime.block_on(self.ledger.submit(&body.principal, proposals))?;
                ensure!(receipts.len() == count, "a batch of other events");
            }
            Ok(cpu(ClockId::ThreadCPUTime).saturating_sub(before))
        };
        let call = &call;
        std::thread::scope(|scope| {
            let callers: Vec<_> = (0..callers).map(|caller| scope.spawn(move || call(caller))).collect();
            let spent = callers.into_iter().map(|caller| caller.join().map_err(|_| anyhow!("a caller panicked"))?);
            spent.sum()
        })
    }

    fn close(self) {
        self.ledger.close();
    }
}

/// Reads a body as the door of HTTP does.
fn read(body: &[u8]) -> anyhow::Result<Vec<Proposal>> {
    Ok(serde_json::from_str(std::str::from_utf8(body)?)?)
}

/// A proposal after the door has read it.
struct Proposed {
    principal: Principal,
    named: Option<StreamName>,
    event: Event,
    about: About,
    actor: Actor,
    id: EntryId,
    at: Timestamp,
}

/// Measures each part over the events again, in microseconds per event.
fn parts(
    work: &Path,
    home: &Home,
    world: &World,
    bodies: &[Body],
    first: u64,
) -> anyhow::Result<Vec<(&'static str, f64)>> {
    // What the store has its own threads do is counted as well.
    let own = ClockId::ThreadCPUTime;
    let policies = Policies::builtin()?;
    let now = dossier::clock::Clock::now(&SystemClock::new());
    let mut batches = Vec::new();
    for body in bodies {
        batches.push(prepare(world, &policies, body, now)?);
    }
    let events = batches.iter().map(Vec::len).sum();
    let parse = passes(own, events, || bodies.iter().try_for_each(parse))?;
    let authorize = passes(own, events, || {
        batches.iter().flatten().try_for_each(|proposed| authorize(world, &policies, proposed, now).map(drop))
    })?;
    let admit = passes(own, events, || batches.iter().try_for_each(|batch| admit(world.clone(), batch, now)))?;

    let blocks = blocks(home, first)?;
    let entries = blocks.iter().map(|block| block.entries.len()).sum();
    let decoded = decoded(&blocks)?;
    let encode_and_hash = passes(own, decoded.len(), || encode_and_hash(&decoded))?;
    let decode = passes(own, entries, || {
        blocks.iter().flat_map(|block| &block.entries).try_for_each(|bytes| decode(bytes).map(drop))
    })?;
    let mut place = 0;
    let mut next = |name: &str| {
        place += 1;
        work.join(format!("{name}-{place}"))
    };
    let journal = passes(own, entries, || write_journal(&next("journal"), &blocks))?;
    let store = passes(ClockId::ProcessCPUTime, entries, || write_store(&next("store"), &blocks))?;
    Ok(vec![
        ("parse", parse),
        ("authorize", authorize),
        ("admit", admit),
        ("encode_and_hash", encode_and_hash),
        ("journal", journal),
        ("store", store),
        ("decode", decode),
    ])
}

/// Returns the median of several passes over so many events, after one that does not count.
fn passes(clock: ClockId, events: usize, mut pass: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let mut spent = Vec::new();
    pass()?;
    for _ in 0..PASSES {
        let before = cpu(clock);
        pass()?;
        spent.push(each(cpu(clock).saturating_sub(before), events));
    }
    Ok(median(spent))
}

fn prepare(world: &World, policies: &Policies, body: &Body, now: Timestamp) -> anyhow::Result<Vec<Proposed>> {
    let source = SystemSource::new().map_err(|error| anyhow!("the system gives no randomness: {error}"))?;
    let mut prepared = Vec::new();
    for proposal in read(&body.json)? {
        let event = event(&proposal)?;
        let named = proposal.subject.as_ref().map(|subject| subject.parse()).transpose()?;
        let Event::Contact(contacts::Event::Recorded(recorded)) = &event else {
            return Err(anyhow!("a body of other events"));
        };
        let mut proposed = Proposed {
            principal: body.principal.clone(),
            about: domain::about(world, &event, named.as_ref()).map_err(refused)?,
            named,
            actor: Actor::System,
            id: source.entry_id(now),
            at: recorded.at,
            event,
        };
        proposed.actor = authorize(world, policies, &proposed, now)?;
        prepared.push(proposed);
    }
    Ok(prepared)
}

/// Does what a door does before it authorizes.
fn parse(body: &Body) -> anyhow::Result<()> {
    for proposal in &read(&body.json)? {
        std::hint::black_box(event(proposal)?);
    }
    Ok(())
}

fn event(proposal: &Proposal) -> anyhow::Result<Event> {
    let kind = catalog::find(&proposal.kind).context("a body of unknown events")?;
    let mut data = proposal.data.clone();
    catalog::check(kind, &mut data).map_err(refused)?;
    Ok(Event::decode(kind.name, &data.to_string()).context("a body of unknown events")??)
}

/// Does what a door does to find out whether somebody may, and under which role.
fn authorize(world: &World, policies: &Policies, proposed: &Proposed, now: Timestamp) -> anyhow::Result<Actor> {
    let Proposed { principal, named, event, .. } = proposed;
    let about = domain::about(world, event, named.as_ref()).map_err(refused)?;
    let member = world.employee.members.get(&principal.employee).context("nobody proposes")?;
    for held in relation::roles(principal, member, world.date(now)) {
        let facts = relation::facts(world, principal, member, held, about.customer.as_ref())
            .with(relation::facts_of_event(world, principal, held, event, &about, now));
        if policies.decide(held.role, Action::Append, Resource::Event(event.name()), facts).allowed {
            return Ok(Actor::Employee { id: principal.employee.clone(), role: held.role, unit: held.unit.clone() });
        }
    }
    Err(anyhow!("nobody may record contacts"))
}

/// Decides a batch on the world and lets happen what follows, as the writer does.
fn admit(mut world: World, batch: &[Proposed], now: Timestamp) -> anyhow::Result<()> {
    let fetched = Fetched::default();
    for (index, proposed) in (0..).zip(batch) {
        let Proposed { event, about, actor, id, at, .. } = proposed;
        let context = Context {
            at: now,
            occurred_at: *at,
            late_reason: None,
            actor,
            id,
            about,
            approvals: &[],
            fetched: &fetched,
        };
        for admission in domain::admit(&world, &context, event.clone()).map_err(refused)? {
            let fact = Fact { index, id, at: now, occurred_at: *at, actor, subject: &admission.about.subject };
            world.apply(&fact, &admission.event);
        }
    }
    std::hint::black_box(&world);
    Ok(())
}

/// A block as it was written, with what the follower finds out about it.
struct Block {
    entries: Vec<Vec<u8>>,
    terms: Vec<Vec<Term>>,
    claims: Vec<[Term; 1]>,
    tiles: Vec<FullTile>,
}

/// Reads back the blocks from this entry on.
fn blocks(home: &Home, first: u64) -> anyhow::Result<Vec<Block>> {
    let (journal, _) = FileJournal::open(&home.data.join("journal"), &journal::Options::default())?;
    let reader = journal.reader();
    let from = reader.block_at_index(first)?.context("the entries are not in the journal")?.header().number;
    let mut growth = Growth::new();
    let mut blocks = Vec::new();
    for frame in reader.read(from) {
        let frame = frame?;
        let mut block = Block { entries: Vec::new(), terms: Vec::new(), claims: Vec::new(), tiles: Vec::new() };
        for bytes in frame.entries() {
            let entry = Entry::decode(bytes)?;
            block.terms.push(entry.streams.iter().map(|link| term("stream", link.name.as_str())).collect());
            block.claims.push([term("id", entry.id.as_str())]);
            growth.push(merkle::leaf_hash(bytes), &mut block.tiles);
            block.entries.push(bytes.to_vec());
        }
        blocks.push(block);
    }
    Ok(blocks)
}

fn term(space: &str, name: &str) -> Term {
    let hash = Hash::of(format!("{space}\0{name}").as_bytes());
    hash.0.first_chunk().copied().map_or(0, u64::from_le_bytes)
}

/// Reads the contacts of the last blocks, each with its event.
fn decoded(blocks: &[Block]) -> anyhow::Result<Vec<(Entry, Event)>> {
    let mut decoded = Vec::new();
    for bytes in blocks.iter().rev().take(BODIES).flat_map(|block| &block.entries) {
        decoded.push(decode(bytes)?);
    }
    Ok(decoded)
}

fn decode(bytes: &[u8]) -> anyhow::Result<(Entry, Event)> {
    let entry = Entry::decode(bytes)?;
    let event = Event::decode(&entry.kind, &entry.data).context("an entry of an unknown type")??;
    Ok((entry, event))
}

/// Makes entries of events, and leaves of entries.
fn encode_and_hash(decoded: &[(Entry, Event)]) -> anyhow::Result<()> {
    let mut made = Vec::new();
    for (entry, event) in decoded {
        let data = event.text()?.into();
        let bytes = Entry { data, ..entry.clone() }.encode()?;
        std::hint::black_box(Hash::of(&bytes));
        made.push(bytes);
    }
    let (mut growth, mut full) = (Growth::new(), Vec::new());
    for made in made.chunks(dossier::ledger::BATCH_MAX) {
        let made: Vec<&[u8]> = made.iter().map(Vec::as_slice).collect();
        for leaf in merkle::leaf_hashes(&made) {
            growth.push(leaf, &mut full);
        }
    }
    std::hint::black_box(growth.root());
    Ok(())
}

/// Writes the blocks into a new journal and reads each back, as writer and follower do.
fn write_journal(directory: &Path, blocks: &[Block]) -> anyhow::Result<()> {
    let (mut journal, _) = FileJournal::open(directory, &journal::Options::default())?;
    let reader = journal.reader();
    let mut encoder = Encoder::new()?;
    for block in blocks {
        let head = journal.head();
        journal.append(head.next_block, encoder.encode(&head, b"in process bench", &block.entries)?)?;
        let frame = reader.read(head.next_block).next().context("a block is not in the journal")??;
        ensure!(frame.entries().len() == block.entries.len(), "a block with other entries");
    }
    Ok(())
}

/// Writes the blocks into a new store, as the follower does.
fn write_store(directory: &Path, blocks: &[Block]) -> anyhow::Result<()> {
    let store = Store::open(directory, store::Options::default())?;
    for (number, block) in blocks.iter().enumerate() {
        let items: Vec<_> = block
            .entries
            .iter()
            .zip(&block.terms)
            .zip(&block.claims)
            .map(|((bytes, terms), claims)| Item { bytes, terms, claims })
            .collect();
        store.append(store.len(), &items)?;
        for tile in &block.tiles {
            store.put_tile(tile.level, tile.n, &tile::encode(&tile.hashes))?;
        }
        if (number + 1) % CHECKPOINT_BLOCKS == 0 {
            store.flush()?;
        }
    }
    Ok(store.flush()?)
}

/// What the process and its threads had spent when it was started.
struct Watch {
    started: SystemClock,
    total: Duration,
    threads: BTreeMap<String, Duration>,
}

/// What was spent since.
struct Spent {
    elapsed: Duration,
    total: Duration,
    threads: Vec<(&'static str, Duration)>,
}

impl Watch {
    fn start() -> anyhow::Result<Self> {
        Ok(Self { threads: threads()?, total: cpu(ClockId::ProcessCPUTime), started: SystemClock::new() })
    }

    fn stop(self, callers: Duration) -> anyhow::Result<Spent> {
        let total = cpu(ClockId::ProcessCPUTime).saturating_sub(self.total);
        let elapsed = dossier::clock::Clock::elapsed(&self.started);
        let now = threads()?;
        let mut threads = vec![("callers", callers)];
        threads.extend(["writer", "follower", "recompressor"].map(|name| {
            let at = |times: &BTreeMap<String, Duration>| times.get(name).copied().unwrap_or_default();
            (name, at(&now).saturating_sub(at(&self.threads)))
        }));
        let known = threads.iter().map(|(_, spent)| *spent).sum();
        threads.push(("rest", total.saturating_sub(known)));
        Ok(Spent { elapsed, total, threads })
    }
}

/// Returns the CPU time of the live threads by their name.
fn threads() -> anyhow::Result<BTreeMap<String, Duration>> {
    let mut times = BTreeMap::new();
    for task in fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        // A thread may end meanwhile.
        let (Ok(name), Ok(spent)) = (fs::read_to_string(task.join("comm")), fs::read_to_string(task.join("schedstat")))
        else {
            continue;
        };
        let nanos = spent.split(' ').next().and_then(|nanos| nanos.parse().ok()).context("schedstat has no time")?;
        *times.entry(name.trim_end().to_owned()).or_default() += Duration::from_nanos(nanos);
    }
    Ok(times)
}

fn cpu(clock: ClockId) -> Duration {
    clock_gettime(clock).try_into().unwrap_or_default()
}

/// Returns microseconds per event.
fn each(spent: Duration, events: usize) -> f64 {
    spent.as_secs_f64() * 1e6 / as_f64(events)
}

fn events_per_second(events: usize, elapsed: Duration) -> f64 {
    as_f64(events) / elapsed.as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn as_f64(count: usize) -> f64 {
    count as f64
}

fn count(events: usize) -> anyhow::Result<u64> {
    Ok(u64::try_from(events)?)
}

fn refused(refusal: Refusal) -> anyhow::Error {
    anyhow!("refused: {}", refusal.words().0)
}

/// A directory that goes away with the measurement.
struct Work(PathBuf);

impl Work {
    fn new(under: PathBuf) -> anyhow::Result<Self> {
        let path = under.join(format!("dossier-in-process-{}", std::process::id()));
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // What cannot be removed is left to the system's own cleaning.
        drop(fs::remove_dir_all(&self.0));
    }
}

fn founding(now: Timestamp) -> Vec<Proposal> {
    let unit = |id: &str, kind: &str, parent: Option<&str>, head: Option<&str>, territory: &[&str]| {
        let data = json!({
            "unit_id": id, "name": id, "kind": kind, "status": "active", "territory": territory, "parent": parent,
            "head": head,
        });
        proposal("org_unit.defined", None, without_nulls(data))
    };
    let staff = || STAFF.iter().copied().chain(SELLERS.map(|seller| (seller, "north", "salesperson")));
    let company = json!({ "ledger_id": "bench", "company": "Invented Works", "zone": "Asia/Shanghai" });
    let mut proposals = vec![
        proposal("ledger.initialized", None, company),
        unit("hq", "headquarters", None, None, &[]),
        unit("north", "region", Some("hq"), None, &["north"]),
    ];
    for (id, unit, _) in staff() {
        let data =
            json!({ "employee_id": id, "name": format!("Person {id}"), "unit": unit, "joined_on": "2020-01-01" });
        proposals.push(proposal("employee.registered", None, data));
    }
    proposals.push(unit("hq", "headquarters", None, Some("E-801"), &[]));
    proposals.push(unit("north", "region", Some("hq"), Some("E-201"), &["north"]));
    for (id, unit, role) in staff() {
        let data = json!({
            "added": [{ "role": role, "unit": unit }], "removed": [], "reason": "founding", "approved_by": "E-801",
        });
        proposals.push(proposal("employee.roles_changed", Some(format!("employee/{id}")), data));
    }
    proposals.push(proposal(
        "policy.adopted",
        None,
        json!({
            "unit": "hq", "presets": {}, "parameters": {}, "effective_at": now, "drafted_by": "E-001",
            "approved_by": "E-801", "reason": "the defaults",
        }),
    ));
    proposals
}

fn registration(customer: &str, owner: &str, now: Timestamp) -> Proposal {
    proposal(
        "customer.registered",
        None,
        json!({
            "customer_id": customer, "name": format!("Customer {customer} of {owner}"), "party": "end_user",
            "direct": true, "region": "north", "source": "visit", "first_contact_at": now.minus(DAY), "owner": owner,
            "address": "1 Station Road", "phone": "0531 8000 0001", "legal_representative": "Planted Person",
        }),
    )
}

fn proposal(kind: &str, subject: Option<String>, data: Value) -> Proposal {
    Proposal { kind: kind.into(), subject, data, ..Proposal::default() }
}

fn without_nulls(mut data: Value) -> Value {
    if let Value::Object(fields) = &mut data {
        fields.retain(|_, value| !value.is_null());
    }
    data
}

const STAFF: &[(&str, &str, &str)] = &[
    ("E-001", "hq", "hr"),
    ("E-002", "hq", "system_admin"),
    ("E-201", "north", "sales_manager"),
    ("E-801", "hq", "general_manager"),
    ("E-901", "hq", "auditor"),
];
/// To whom visits are reported.
const HEAD: &str = "E-201";
const SELLERS: [&str; 4] = ["E-101", "E-102", "E-103", "E-104"];
/// Two hundred customers in all.
const CUSTOMERS_EACH: usize = 50;
/// How many different batches there are before they begin again, and over how many the parts are measured.
const BODIES: usize = 64;
/// In how many spans the events are entered, to show how much the machine wavers.
const SPANS: usize = 4;
/// Passes over a part, of which the median counts.
const PASSES: usize = 5;
/// Blocks between two checkpoints of the ledger under load.
const CHECKPOINT_BLOCKS: usize = 64;
const DAY: Duration = Duration::from_secs(86_400);
