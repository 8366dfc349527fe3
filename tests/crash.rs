//! What a crash, a flipped byte, a full disk or a thief of the disk finds.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dossier::accounts::Accounts;
use dossier::clock::{Clock, ManualClock, SystemClock};
use dossier::ids::{SeededSource, Source as _};
use dossier::journal::{Fault, Journal, MemoryDisk, MemoryJournal};
use dossier::ledger::open::OpenedJournal;
use dossier::ledger::{AsOf, Asked, Home, Ledger, OpenError, Options, SubmitError, ViewError, verify_data};
use serde_json::json;

use crate::support::disk::{everything, logged};
use crate::support::http::Client;
use crate::support::{Directory, TestLedger, contact, founding, open, principal, proposal, registration};

/// How often the served ledger is killed.
const KILLS: usize = 200;

/// How far apart the places are at which a block is cut: each takes two starts of a whole ledger. It divides no part of a block.
const CUT_BYTES: usize = 61;

/// A server process, killed with its test.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(data: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dossier"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        Self::started(command)
    }

    /// Starts a server none of whose files may grow beyond this many blocks of 512 bytes.
    fn within(blocks: u32, data: &Path) -> Self {
        let mut command = Command::new("sh");
        // Unless it is ignored, the signal of the limit ends the process before a write can fail.
        let limited = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" serve --listen 127.0.0.1:0 --data \"$1\"");
        command.args(["-c", &limited, env!("CARGO_BIN_EXE_dossier")]).arg(data);
        Self::started(command)
    }

    fn started(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address =
            line.trim().rsplit('/').next().unwrap().parse().unwrap_or_else(|_| panic!("no address in {line:?}"));
        Self { child, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A founded ledger with some customers, closed again, and a token of E-101.
fn founded(directory: &Directory) -> (Home, String) {
    let home = Home::beside(&directory.path().join("data"));
    Ledger::create(&home, "test.example.com/ledger", &SeededSource::new("crash")).unwrap();
    let clock = ManualClock::at(SystemClock::new().now());
    let ledger = open(&home, &clock, "founding");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(ledger.found(founding(clock.now()))).unwrap();
    runtime.block_on(ledger.adopt_policies()).unwrap();
    for customer in 0..8 {
        let proposal = registration(&format!("C-{customer}"), &format!("Works {customer}"), "north", "E-101");
        runtime.block_on(ledger.submit(&principal("E-101"), vec![proposal])).unwrap();
    }
    ledger.close();
    let token = Accounts::open(&home.data).unwrap().issue_token(
        &"E-101".parse().unwrap(),
        &SeededSource::new("t"),
        "test",
        None,
    );
    (home, token.unwrap())
}

#[test]
fn killed_two_hundred_times_under_load_it_loses_nothing_it_acknowledged() {
    let directory = Directory::new();
    let (home, token) = founded(&directory);
    let authorization = format!("Bearer {token}");
    let acknowledged: Arc<Mutex<BTreeMap<u64, String>>> = Arc::default();
    for round in 0..KILLS {
        let server = Server::start(&home.data);
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let (stop, acknowledged, authorization, address) = (stop.clone(), acknowledged.clone(), authorization.clone(), server.address);
                std::thread::spawn(move || {
                    let Ok(mut client) = Client::connect(address) else { return };
                    let mut number = 0;
                    while !stop.load(Ordering::SeqCst) {
                        let id = format!("kill-{round}-{writer}-{number}");
                        number += 1;
                        let data = contact(&format!("C-{}", number % 8), "E-101", SystemClock::new().now()).data;
                        let body = json!({ "type": "contact.recorded", "id": id, "subject": format!("contact/C-{}", number % 8), "data": data });
                        let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
                        let Ok(answer) = client.send("POST", "/v1/events", &headers, body.to_string().as_bytes()) else { return };
                        if answer.status == 201 {
                            let entry = answer.json()["entries"][0].clone();
                            let hash = entry["hash"].as_str().unwrap().to_owned();
                            acknowledged.lock().unwrap().insert(entry["index"].as_u64().unwrap(), hash);
                        }
                    }
                })
            })
            .collect();
        // Until some answers have come, and then some more, at another moment each time.
        let until = acknowledged.lock().unwrap().len() + 3 + round % 17;
        let waiter = std::sync::Condvar::new();
        for _ in 0..400 {
            let known = acknowledged.lock().unwrap();
            if known.len() >= until {
                break;
            }
            drop(waiter.wait_timeout(known, Duration::from_millis(5)).unwrap());
        }
        drop(server);
        stop.store(true, Ordering::SeqCst);
        for writer in writers {
            writer.join().unwrap();
        }
    }
    let acknowledged = acknowledged.lock().unwrap();
    assert!(acknowledged.len() >= KILLS * 3, "only {} answers", acknowledged.len());
    check(&home, &acknowledged);
}

/// Checks that the ledger is sound and shows every entry that was acknowledged.
fn check(home: &Home, acknowledged: &BTreeMap<u64, String>) {
    let sound = verify_data(&home.data, |_| ()).unwrap();
    assert!(sound.entries > *acknowledged.keys().last().unwrap());
    let ledger = open(home, &ManualClock::at(SystemClock::new().now()), "after");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut asked = Asked::new(dossier::projection::view("entry").unwrap());
    asked.purpose = Some(dossier::access::principal::Purpose::parse("audit").unwrap());
    for (index, hash) in acknowledged {
        asked.subject = Some(index.to_string());
        let shown = runtime.block_on(ledger.view(&principal("E-901"), &asked)).unwrap();
        assert_eq!(shown.body["hash"].as_str(), Some(hash.as_str()), "entry {index}");
    }
    ledger.close();
}

#[test]
fn a_full_disk_stops_readings_too_and_loses_nothing_acknowledged() {
    let directory = Directory::new();
    let (home, token) = founded(&directory);
    let authorization = format!("Bearer {token}");
    let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
    let server = Server::within(1_300, &home.data);
    let mut client = Client::connect(server.address).unwrap();
    let (mut acknowledged, mut refused) = (BTreeMap::new(), None);
    let noise = SeededSource::new("noise");
    for number in 0..500 {
        let proposed = || {
            let mut bytes = [0; 1_900];
            noise.fill(&mut bytes);
            let mut data = contact("C-0", "E-101", SystemClock::new().now()).data;
            data["summary"] = json!(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
            json!({ "type": "contact.recorded", "subject": "contact/C-0", "data": data })
        };
        let batch = json!([proposed(), proposed(), proposed(), proposed(), proposed()]).to_string();
        let answer = client.send("POST", "/v1/events", &headers, batch.as_bytes()).unwrap();
        if answer.status != 201 {
            refused = Some((number, answer.problem()));
            break;
        }
        for entry in answer.json()["entries"].as_array().unwrap() {
            acknowledged.insert(entry["index"].as_u64().unwrap(), entry["hash"].as_str().unwrap().to_owned());
        }
    }
    let (entered, problem) = refused.expect("the limit is reached");
    assert!(entered > 5, "only {entered} batches were entered before {problem:?}");
    assert_eq!((problem.0, problem.1.as_str()), (503, "E_UNWRITABLE"));
    // Within a second the server ends by itself; whoever it still answers gets no archive.
    if let Ok(read) = client.send("GET", "/v1/customers/C-0", &headers, b"") {
        assert_eq!(read.problem().0, 503);
    }
    drop(server);
    check(&home, &acknowledged);
}

#[test]
fn nothing_personal_stands_in_clear_in_any_file() {
    let logged = logged();
    let mut test = TestLedger::new();
    let planted: Vec<String> = (0..100).map(|n| format!("Planted-{n:03}-Zhurong")).collect();
    for (number, name) in planted.iter().enumerate() {
        let id = format!("C-{number:03}");
        let mut proposal = registration(&id, &format!("Works number {number}"), "north", "E-101");
        proposal.data["legal_representative"] = json!(name);
        test.admit("E-101", proposal);
    }
    // Everything said of a person is planted too, the private part behind consent.
    test.admit("E-101", proposal("person.recorded", None, json!({
        "person_id": "P-1", "customer_id": "C-000", "name": "Planted-P1-Zhurong", "position": "Zhurong", "department": "Zhurong",
        "office_phone": "888 777 0101", "mobile": "888 777 0102", "email": "a@Zhurong.example.com", "location": "Zhurong",
    })));
    let agreed = json!({ "purpose": "relationship_care", "status": "given", "method": "oral" });
    test.admit("E-101", proposal("consent.recorded", Some("person/P-1"), agreed));
    test.admit("E-101", proposal("person.updated", Some("person/P-1"), json!({
        "learned_at": "2026-03-02T09:00:00+08:00", "changes": {
            "name": "Planted-P2-Zhurong", "home_phone": "888 777 0103", "home_address": "Zhurong", "family": "Zhurong",
            "personality": "Zhurong", "hobbies": "Zhurong", "birthday": "1977-07-17", "education": "Zhurong", "ability": "Zhurong",
            "preferences_concerns": "Zhurong", "important_dates": [{ "label": "Zhurong", "date": "1977-07-17" }],
        } })));
    test.admit("E-101", proposal("relationship.assessed", Some("person/P-1"), json!({
        "our_person": "E-101", "our_title": "engineer", "decision_role": "decides", "attitude": "negative", "concerns": "Zhurong" })));
    // So are the names and telephones of our own people, of whom one is refused.
    let staff = |id: &str, unit: &str| {
        proposal(
            "employee.registered",
            None,
            json!({
                "employee_id": id, "name": format!("{id} Zhurong"), "unit": unit, "joined_on": "2026-03-01",
                "contact_phone": "888 777 0104",
            }),
        )
    };
    test.admit("E-001", staff("E-150", "north"));
    test.refuse("E-001", staff("E-151", "no-such-unit"));
    let directory = test.view("E-001", "staff", None).unwrap().body.to_string();
    assert!(directory.contains("E-150 Zhurong"), "{directory}");
    // What is refused for want of consent leaves a hash of the rest behind, and what is opened leaves nothing.
    let private = json!({ "changes": { "age": 52, "hobbies": "Zhurong" }, "learned_at": "2026-03-02T09:00:00+08:00" });
    test.admit(
        "E-101",
        proposal("person.recorded", None, json!({ "person_id": "P-2", "customer_id": "C-000", "name": "Zhurong" })),
    );
    test.refuse("E-101", proposal("person.updated", Some("person/P-2"), private));
    let mut opened = Asked::new(dossier::projection::view("people").unwrap());
    (opened.subject, opened.reveal) = (Some("C-000".into()), true);
    opened.purpose = Some(dossier::access::principal::Purpose::parse("sales_work").unwrap());
    assert!(test.ask("E-101", &opened).unwrap().body.to_string().contains("Zhurong"));
    // A proposal refused and one that is read must not leave it behind either.
    let mut twin = registration("C-200", "Works number 7", "north", "E-101");
    twin.data["legal_representative"] = json!("Planted-999-Zhurong");
    test.refuse("E-101", twin);
    test.view("E-101", "archive", Some("C-007")).unwrap();
    // So much is entered that earlier moments are kept, of the whole and of this customer.
    for _ in 0..9 {
        let talks = (0..500).map(|_| contact("C-000", "E-101", test.clock.now()));
        test.submit("E-101", talks.collect()).unwrap();
    }
    let mut earlier = Asked { as_of: AsOf::Index(4_400), ..opened.clone() };
    assert!(test.ask("E-101", &earlier).unwrap().body.to_string().contains("Zhurong"));
    (earlier.view, earlier.subject) = (dossier::projection::view("list").unwrap(), None);
    test.ask("E-501", &earlier).unwrap();
    test.ledger.settle();
    let size = test.ledger.state().size;
    test.let_go();
    assert!(size > 4_500);
    let kinds = ["past", "journal", "store", "keyring"];
    assert!(
        kinds.iter().all(|kind| test.home.data.join(kind).read_dir().unwrap().next().is_some()),
        "all of {kinds:?}"
    );
    let mut files = everything(&test.home);
    files.push(logged.lock().unwrap().clone());
    // What is not sealed is found where it is to be: in entries of journal and store, views, snapshots and moments.
    let clear = memchr::memmem::Finder::new("Works number 7");
    let found = files.iter().filter(|bytes| clear.find(bytes).is_some()).count();
    assert!(found >= 5, "only {found} places of a name that is not sealed: is everything looked at?");
    let mut searched = 0;
    for bytes in &files {
        searched += bytes.len();
        for planted in ["Zhurong", "888 777 01", "8887770", "1977-07-17", "\"negative\"", "Person E-101"] {
            assert!(memchr::memmem::find(bytes, planted.as_bytes()).is_none(), "{planted:?} stands in clear");
        }
    }
    assert!(searched > 4_000_000, "only {searched} bytes were searched");
}

/// A ledger whose journal is in memory and can be made to fail.
pub(crate) fn on_memory(
    directory: &Directory,
    disk: &MemoryDisk,
    clock: &ManualClock,
    seed: &str,
) -> Result<Ledger, OpenError> {
    let home = Home::beside(&directory.path().join("data"));
    let disk = disk.clone();
    let mut options = Options::new(Arc::new(clock.clone()), Arc::new(SeededSource::new(seed)));
    options.journal = Arc::new(move |_, minimum| {
        let (journal, opened) = MemoryJournal::open(&disk, minimum)?;
        Ok(OpenedJournal { journal: Box::new(journal) as Box<dyn Journal>, opened, recompressor: None })
    });
    Ledger::open(&home, options)
}

/// Founds a ledger with one customer on a disk in memory, and closes it.
fn founded_on_memory(directory: &Directory, disk: &MemoryDisk, clock: &ManualClock) {
    let home = Home::beside(&directory.path().join("data"));
    Ledger::create(&home, "test.example.com/ledger", &SeededSource::new("cut")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let ledger = on_memory(directory, disk, clock, "0").unwrap();
    runtime.block_on(ledger.found(founding(clock.now()))).unwrap();
    runtime.block_on(ledger.adopt_policies()).unwrap();
    runtime.block_on(ledger.submit(&principal("E-101"), vec![registration("C-1", "Works", "north", "E-101")])).unwrap();
    ledger.close();
}

fn archive() -> Asked {
    Asked { subject: Some("C-1".into()), ..Asked::new(dossier::projection::view("archive").unwrap()) }
}

#[test]
fn a_reading_that_cannot_be_entered_shows_nothing_and_leaves_no_entry() {
    let clock = ManualClock::at("2026-03-02T10:00:00+08:00".parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (directory, disk) = (Directory::new(), MemoryDisk::new());
    founded_on_memory(&directory, &disk, &clock);
    let reads = "reads/C-1".parse().unwrap();
    let faults = [Fault::Write { kept: 0 }, Fault::Write { kept: 100 }, Fault::Write { kept: 400 }, Fault::Sync];
    for (round, fault) in faults.into_iter().enumerate() {
        let ledger = on_memory(&directory, &disk, &clock, &format!("before {round}")).unwrap();
        let read = || runtime.block_on(ledger.view(&principal("E-101"), &archive()));
        let (shown, before) = (read().unwrap(), ledger.state());
        assert_eq!(shown.body["name"], "Works");
        assert_eq!(before.heads.get(&reads).unwrap().version, 2 * round as u64 + 1);
        // Nothing was proposed: it is the entry of the reading itself that meets the fault.
        disk.inject(fault);
        match read() {
            Err(ViewError::Unwritable) => {}
            other => panic!("{fault:?}: a reading that was not entered was answered with {other:?}"),
        }
        assert_eq!(ledger.state().size, before.size);
        assert!(matches!(read(), Err(ViewError::Unwritable)), "nor does the next one get it");
        ledger.close();
        drop(ledger);
        disk.cut_power(0);
        let ledger = on_memory(&directory, &disk, &clock, &format!("after {round}")).unwrap();
        let after = ledger.state();
        assert_eq!(
            (after.size, after.heads.get(&reads).unwrap().version),
            (before.size, 2 * round as u64 + 1),
            "{fault:?}"
        );
        // Once it can be written again it is shown, and entered once.
        let again = runtime.block_on(ledger.view(&principal("E-101"), &archive())).unwrap();
        assert_eq!((&again.body, again.recorded.len()), (&shown.body, 1));
        assert_eq!(ledger.state().heads.get(&reads).unwrap().version, 2 * round as u64 + 2);
        ledger.close();
    }
}

/// Of each byte of a block the journal's own tests show it; here it is what is told to whoever asked.
#[test]
fn a_write_cut_short_at_places_all_over_a_block_loses_nothing_acknowledged() {
    let clock = ManualClock::at("2026-03-02T10:00:00+08:00".parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (directory, disk) = (Directory::new(), MemoryDisk::new());
    founded_on_memory(&directory, &disk, &clock);
    let mut cut = 0;
    let mut acknowledged = 0;
    loop {
        let ledger = on_memory(&directory, &disk, &clock, &cut.to_string()).unwrap();
        let before = ledger.state().size;
        assert!(before >= acknowledged, "an acknowledged entry is gone after a cut at byte {cut}");
        disk.inject(Fault::Write { kept: cut });
        let call = contact("C-1", "E-101", clock.now());
        match runtime.block_on(ledger.submit(&principal("E-101"), vec![call])) {
            Err(SubmitError::Unwritable) => {}
            other => panic!("a torn write was answered with {other:?}"),
        }
        // Then nothing can be read either.
        let read = runtime.block_on(ledger.view(&principal("E-101"), &archive()));
        assert!(matches!(read, Err(ViewError::Unwritable)));
        ledger.close();
        drop(ledger);
        let ledger = on_memory(&directory, &disk, &clock, &format!("again {cut}")).unwrap();
        // A block that was written whole may have survived unacknowledged; part of one never does.
        let survived = ledger.state().size;
        assert!(survived == before || survived == before + 1);
        runtime.block_on(ledger.submit(&principal("E-101"), vec![contact("C-1", "E-101", clock.now())])).unwrap();
        acknowledged = ledger.state().size;
        ledger.close();
        drop(ledger);
        if survived > before {
            break;
        }
        cut += CUT_BYTES;
        assert!(cut < 20_000, "the block never became whole");
    }
}

#[test]
fn a_journal_cut_back_behind_its_signed_checkpoint_does_not_start() {
    let test = TestLedger::new();
    test.customer("C-1", "Works");
    for _ in 0..30 {
        test.admit("E-101", contact("C-1", "E-101", test.clock.now()));
    }
    test.ledger.settle();
    test.ledger.close();
    let home = test.home.clone();
    let TestLedger { ledger, clock, .. } = &test;
    let _ = ledger;
    let segment = largest_segment(&home);
    let whole = std::fs::read(&segment).unwrap();
    let copy = Directory::new();
    let copied = Home { data: copy.path().join("data"), keys: home.keys.clone() };
    let run = Command::new("cp").arg("-r").arg(&home.data).arg(&copied.data).status().unwrap();
    assert!(run.success());
    let target = copied.data.join("journal").join(segment.file_name().unwrap());
    std::fs::write(&target, &whole[..whole.len() - 3000]).unwrap();
    let opened = Ledger::open(&copied, Options::new(Arc::new(clock.clone()), Arc::new(SeededSource::new("x"))));
    match opened {
        Err(error) => assert!(error.integrity(), "{error}"),
        Ok(_) => panic!("a ledger behind its checkpoint started"),
    }
    // Nothing was repaired away: put back, it is whole.
    std::fs::write(&target, &whole).unwrap();
    assert!(verify_data(&copied.data, |_| ()).is_ok());
}

#[test]
fn a_flipped_byte_anywhere_in_the_journal_is_named_or_harmless() {
    let test = TestLedger::new();
    test.customer("C-1", "Works");
    test.admit("E-101", contact("C-1", "E-101", test.clock.now()));
    test.ledger.settle();
    test.ledger.close();
    let segment = largest_segment(&test.home);
    let whole = std::fs::read(&segment).unwrap();
    for place in (0..whole.len()).step_by(97) {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x10;
        std::fs::write(&segment, &bytes).unwrap();
        assert!(verify_data(&test.home.data, |_| ()).is_err(), "byte {place} flipped unseen");
    }
    std::fs::write(&segment, &whole).unwrap();
    verify_data(&test.home.data, |_| ()).unwrap();
}

#[test]
fn two_processes_do_not_share_a_directory_and_other_versions_are_not_opened() {
    let test = TestLedger::new();
    let clock: Arc<dyn Clock> = Arc::new(test.clock.clone());
    let options = Options::new(clock, Arc::new(SeededSource::new("second")));
    assert!(matches!(Ledger::open(&test.home, options.clone()), Err(OpenError::InUse(_))));
    let directory = Directory::new();
    let home = Home::beside(&directory.path().join("data"));
    assert!(matches!(Ledger::open(&home, options.clone()), Err(OpenError::Missing(_))));
    Ledger::create(&home, "other.example.com", &SeededSource::new("o")).unwrap();
    let path = home.data.join("ledger.json");
    let text = std::fs::read_to_string(&path).unwrap().replace("\"format\": 1", "\"format\": 2");
    std::fs::write(&path, text).unwrap();
    assert!(matches!(Ledger::open(&home, options), Err(OpenError::Format(_))));
}

fn largest_segment(home: &Home) -> std::path::PathBuf {
    let files = std::fs::read_dir(home.data.join("journal")).unwrap().map(|file| file.unwrap().path());
    let segments = files.filter(|path| !path.ends_with("segments"));
    segments.max_by_key(|path| std::fs::metadata(path).unwrap().len()).unwrap()
}

#[test]
fn what_was_found_broken_stops_every_start_until_it_is_repaired() {
    let mut test = TestLedger::new();
    test.customer("C-01", "Xingqiao Line-17 Metro");
    test.ledger.settle();
    let last = test.ledger.state().size - 1;
    let segment = test.home.data.join("journal/00000000000000000000.djb");
    let sound = std::fs::read(&segment).unwrap();
    let mut altered = sound.clone();
    let place = sound.iter().rposition(|byte| *byte != 0).unwrap() / 2;
    altered[place] ^= 1;
    std::fs::write(&segment, &altered).unwrap();
    let asked = proposal("ledger.verified", None, json!({ "from_position": 0, "to_position": last }));
    assert!(matches!(test.submit("E-901", vec![asked]), Err(SubmitError::Integrity { .. })));
    test.let_go();

    let open = || {
        let options = Options::new(Arc::new(test.clock.clone()), Arc::new(SeededSource::new("again")));
        Ledger::open(&test.home, options).map(|ledger| ledger.close())
    };
    // A finding that tells nothing is still one.
    let forensic = test.home.data.join("forensic");
    let finding = std::fs::read_dir(&forensic).unwrap().next().unwrap().unwrap().path();
    let told = std::fs::read(&finding).unwrap();
    std::fs::write(&finding, b"{").unwrap();
    assert!(open().is_err());
    std::fs::write(&finding, &told).unwrap();
    assert!(open().is_err());
    assert!(finding.exists());
    std::fs::write(&segment, &sound).unwrap();
    open().unwrap();
    assert!(!finding.exists());
    assert!(
        forensic.read_dir().unwrap().any(|file| file.unwrap().file_name().to_str().unwrap().starts_with("repaired-"))
    );
    open().unwrap();
}
