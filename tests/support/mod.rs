//! A company of the scenarios in a ledger of its own, with a clock that moves when it is told to.

pub(crate) mod disk;
pub(crate) mod http;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use dossier::access::principal::{Principal, Purpose};
use dossier::clock::{Clock, ManualClock, Timestamp};
use dossier::domain::Code;
use dossier::ids::{SeededSource, Source};
use dossier::ledger::{Answered, AsOf, Asked, Home, Ledger, Options, Proposal, Receipt, SubmitError, ViewError};
use dossier::projection;
use serde_json::{Value, json};

/// Collects the Rust files under a folder.
pub(crate) fn rust_files(under: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(under).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Tells whether there is a test of that name, beside the code or in `tests/`.
pub(crate) fn is_test(name: &str) -> bool {
    static CODE: OnceLock<String> = OnceLock::new();
    let code = CODE.get_or_init(|| {
        let mut files = Vec::new();
        for folder in ["src", "tests"] {
            rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut files);
        }
        files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
    });
    let declared = format!("fn {name}()");
    code.match_indices(&declared).any(|(at, _)| {
        // Other attributes may stand between.
        let before = code.get(..at).unwrap_or_default().lines().rev().map(str::trim);
        before
            .skip_while(|line| line.is_empty())
            .take_while(|line| line.starts_with("#["))
            .any(|line| line == "#[test]")
    })
}

/// A directory that goes away with its test.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("dossier-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::SeqCst));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.clone()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A ledger of the scenarios' company, its clock and its directory.
pub(crate) struct TestLedger {
    pub(crate) ledger: Ledger,
    pub(crate) clock: ManualClock,
    pub(crate) home: Home,
    _directory: Directory,
    runtime: tokio::runtime::Runtime,
}

/// The staff of the scenarios: id, unit, roles.
pub(crate) const STAFF: &[(&str, &str, &[&str])] = &[
    ("E-001", "hq", &["hr"]),
    ("E-002", "hq", &["system_admin"]),
    ("E-101", "north", &["salesperson"]),
    ("E-102", "north", &["salesperson"]),
    ("E-103", "south", &["salesperson"]),
    ("E-112", "north", &["customer_manager"]),
    ("E-201", "north", &["sales_manager", "department_head"]),
    ("E-301", "north", &["regional_gm"]),
    ("E-302", "south", &["regional_gm"]),
    ("E-401", "accounting", &["accounting", "commerce"]),
    ("E-402", "accounting", &["accounting"]),
    ("E-501", "hq", &["archivist"]),
    ("E-601", "hq", &["market_director"]),
    ("E-701", "hq", &["service_department"]),
    ("E-703", "hq", &["technician"]),
    ("E-801", "hq", &["general_manager"]),
    ("E-802", "hq", &["deputy_gm"]),
    ("E-901", "hq", &["auditor"]),
    ("E-902", "hq", &["compliance"]),
];

impl TestLedger {
    /// Founds the company on 2026-03-02 10:00 Shanghai time, a Monday.
    pub(crate) fn new() -> Self {
        Self::at("2026-03-02T10:00:00+08:00")
    }

    /// Founds the company at that time.
    pub(crate) fn at(now: &str) -> Self {
        let directory = Directory::new();
        let clock = ManualClock::at(now.parse().unwrap());
        let home = Home::beside(&directory.path().join("data"));
        let source = SeededSource::new("test");
        Ledger::create(&home, "test.example.com/ledger", &source).unwrap();
        let ledger = open(&home, &clock, "founding");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(ledger.found(founding(clock.now()))).unwrap();
        runtime.block_on(ledger.adopt_policies()).unwrap();
        Self { ledger, clock, home, _directory: directory, runtime }
    }

    /// Proposes as an employee.
    pub(crate) fn submit(&self, who: &str, proposals: Vec<Proposal>) -> Result<Vec<Receipt>, SubmitError> {
        self.runtime.block_on(self.ledger.submit(&principal(who), proposals))
    }

    /// Proposes as an employee what must be admitted.
    pub(crate) fn admit(&self, who: &str, proposal: Proposal) -> Vec<Receipt> {
        let kind = proposal.kind.clone();
        self.submit(who, vec![proposal]).unwrap_or_else(|error| panic!("{kind} by {who}: {error}"))
    }

    /// Files a document with its file as an employee, which must be admitted.
    pub(crate) fn file(&self, who: &str, mut filing: Proposal, bytes: &[u8]) -> Vec<Receipt> {
        let mut upload = self.block_on(self.ledger.receive(&principal(who), &mut filing)).unwrap();
        upload.write(bytes).unwrap();
        filing.file = Some(upload.finish().unwrap());
        self.admit(who, filing)
    }

    /// Proposes as an employee what must be refused, and returns the code and the rule.
    pub(crate) fn refuse(&self, who: &str, proposal: Proposal) -> (Code, String) {
        let kind = proposal.kind.clone();
        match self.submit(who, vec![proposal]) {
            Err(SubmitError::Refused { refusal, .. }) => {
                let (code, rule) = refusal.grounds();
                (code, rule.to_owned())
            }
            other => panic!("{kind} by {who} was not refused: {other:?}"),
        }
    }

    /// Reads a view as an employee.
    pub(crate) fn view(&self, who: &str, key: &str, subject: Option<&str>) -> Result<Answered, ViewError> {
        self.ask(who, &asked(key, subject))
    }

    /// Reads a view as an employee, as it was at a moment.
    pub(crate) fn view_as_of(
        &self,
        who: &str,
        key: &str,
        subject: Option<&str>,
        as_of: AsOf,
    ) -> Result<Answered, ViewError> {
        self.ask(who, &Asked { as_of, ..asked(key, subject) })
    }

    /// Asks a question as an employee.
    pub(crate) fn ask(&self, who: &str, asked: &Asked) -> Result<Answered, ViewError> {
        self.runtime.block_on(self.ledger.view(&principal(who), asked))
    }

    /// What the clock shows.
    pub(crate) fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The version of a stream.
    pub(crate) fn version(&self, stream: &str) -> u64 {
        let stream: dossier::ids::StreamName = stream.parse().unwrap();
        self.ledger.state().heads.get(&stream).map_or(0, |head| head.version)
    }

    /// Lets time pass and does what it brings.
    pub(crate) fn pass(&self, days: u64) {
        self.clock.advance(Duration::from_secs(days * 86_400));
        self.runtime.block_on(self.ledger.tick()).unwrap();
    }

    /// Closes the ledger and opens it again, as a restart does.
    pub(crate) fn reopen(&mut self) {
        // No start makes the ids of another.
        let seed = format!("again from {}", self.ledger.state().size);
        self.let_go();
        self.ledger = open(&self.home, &self.clock, &seed);
    }

    /// Closes the ledger and lets go of its directory.
    pub(crate) fn let_go(&mut self) {
        self.ledger.close();
        // The lock goes with the last handle of the old ledger.
        drop(std::mem::replace(&mut self.ledger, open_elsewhere()));
    }

    /// Waits for whatever is asked of the ledger.
    pub(crate) fn block_on<T>(&self, asked: impl Future<Output = T>) -> T {
        self.runtime.block_on(asked)
    }

    /// Registers a customer of the north owned by E-101.
    pub(crate) fn customer(&self, id: &str, name: &str) {
        self.admit("E-101", registration(id, name, "north", "E-101"));
    }
}

fn open_elsewhere() -> Ledger {
    let directory = Directory::new();
    let home = Home::beside(&directory.path().join("data"));
    Ledger::create(&home, "elsewhere.example.com/ledger", &SeededSource::new("elsewhere")).unwrap();
    open(&home, &ManualClock::at(Timestamp::from_micros(0)), "elsewhere")
}

/// Opens a ledger with a clock of its own.
pub(crate) fn open(home: &Home, clock: &ManualClock, seed: &str) -> Ledger {
    let source: Arc<dyn Source> = Arc::new(SeededSource::new(seed));
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    Ledger::open(home, Options::new(clock, source)).unwrap()
}

fn asked(key: &str, subject: Option<&str>) -> Asked {
    Asked {
        subject: subject.map(str::to_owned),
        purpose: Some(Purpose::parse("management").unwrap()),
        ..Asked::new(projection::view(key).unwrap())
    }
}

pub(crate) fn principal(who: &str) -> Principal {
    Principal::new(who.parse().unwrap())
}

pub(crate) fn proposal(kind: &str, subject: Option<&str>, data: Value) -> Proposal {
    Proposal { kind: kind.into(), subject: subject.map(str::to_owned), data, ..Proposal::default() }
}

pub(crate) fn registration(id: &str, name: &str, region: &str, owner: &str) -> Proposal {
    proposal(
        "customer.registered",
        None,
        json!({
            "customer_id": id, "name": name, "party": "end_user", "direct": true, "region": region, "source": "visit",
            "first_contact_at": "2026-03-01T10:00:00+08:00", "owner": owner, "address": "1 Station Road", "phone": "0531 8000 0001",
            "legal_representative": "Planted Person",
        }),
    )
}

pub(crate) fn contact(customer: &str, who: &str, at: Timestamp) -> Proposal {
    proposal(
        "contact.recorded",
        Some(&format!("contact/{customer}")),
        json!({
            "direction": "outbound", "channel": "phone", "at": at, "our_people": [who], "purpose": "care_bond",
            "summary": "Talked about the spare parts for the summer.", "major": false, "class": "C2",
        }),
    )
}

pub(crate) fn founding(now: Timestamp) -> Vec<Proposal> {
    let unit = |id: &str, kind: &str, parent: Option<&str>, head: Option<&str>, territory: &[&str]| {
        let mut data = json!({ "unit_id": id, "name": id, "kind": kind, "status": "active", "territory": territory });
        if let Some(parent) = parent {
            data["parent"] = json!(parent);
        }
        if let Some(head) = head {
            data["head"] = json!(head);
        }
        proposal("org_unit.defined", None, data)
    };
    let mut proposals = vec![
        proposal(
            "ledger.initialized",
            None,
            json!({ "ledger_id": "test", "company": "Invented Works", "zone": "Asia/Shanghai" }),
        ),
        unit("hq", "headquarters", None, None, &[]),
        unit("north", "region", Some("hq"), None, &["north"]),
        unit("south", "region", Some("hq"), None, &["south"]),
        unit("accounting", "department", Some("hq"), None, &[]),
    ];
    for (id, unit, _) in STAFF {
        let data =
            json!({ "employee_id": id, "name": format!("Person {id}"), "unit": unit, "joined_on": "2020-01-01" });
        proposals.push(proposal("employee.registered", None, data));
    }
    proposals.push(unit("hq", "headquarters", None, Some("E-801"), &[]));
    proposals.push(unit("north", "region", Some("hq"), Some("E-201"), &["north"]));
    proposals.push(unit("south", "region", Some("hq"), Some("E-302"), &["south"]));
    proposals.push(unit("accounting", "department", Some("hq"), Some("E-402"), &[]));
    for (id, unit, roles) in STAFF {
        let added: Vec<Value> = roles.iter().map(|role| json!({ "role": role, "unit": unit })).collect();
        let data = json!({ "added": added, "removed": [], "reason": "founding", "approved_by": "E-801" });
        proposals.push(proposal("employee.roles_changed", Some(&format!("employee/{id}")), data));
    }
    proposals.push(proposal("policy.adopted", None, json!({
        "unit": "hq", "presets": {}, "parameters": {}, "effective_at": now, "drafted_by": "E-601", "approved_by": "E-801",
        "reason": "the defaults",
    })));
    proposals
}
