//! Real input that nobody here wrote: imported by its mapping, rehearsed, repeated and interrupted, with the known answers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use dossier::access::principal::Purpose;
use dossier::clock::{Clock, ManualClock, SystemClock};
use dossier::ledger::{Asked, Home, Ledger};
use serde_json::{Value, json};

use crate::support::{Directory, open, principal};

/// Where the files are: they do not belong to this repository.
///
/// A folder that is named must be there. Where none is named and none stands beside the repository, that is said where it is seen:
/// what a test prints that passes is not shown.
fn folder() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("DOSSIER_NORTHWIND").map(PathBuf::from) {
        assert!(named.join("orders.csv").is_file(), "DOSSIER_NORTHWIND names {}: no files there", named.display());
        return Some(named);
    }
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/northwind");
    if !beside.is_dir() {
        let said = b"\nNOT TESTED: the Northwind files are not here; DOSSIER_NORTHWIND may name their folder\n";
        std::io::stderr().write_all(said).unwrap();
        return None;
    }
    Some(beside)
}

fn tool(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/import").join(name)
}

/// A founded company, and what its files say after each import.
struct Company {
    directory: Directory,
}

/// What a run of the program left: exit code, standard output and standard error.
struct Run {
    code: i32,
    out: String,
    err: String,
}

impl Company {
    fn founded() -> Self {
        let company = Self { directory: Directory::new() };
        let init = Command::new(env!("CARGO_BIN_EXE_dossier"))
            .args(["init", "--data"])
            .arg(company.home().data)
            .arg(tool("northwind-init.toml"))
            .output();
        assert!(init.unwrap().status.success());
        company
    }

    /// The same company with the same keys, elsewhere.
    fn twin(&self) -> Self {
        let twin = Self { directory: Directory::new() };
        for (from, to) in [(self.home().data, twin.home().data), (self.home().keys, twin.home().keys)] {
            assert!(Command::new("cp").arg("-r").arg(from).arg(to).status().unwrap().success());
        }
        twin
    }

    fn home(&self) -> Home {
        Home::beside(&self.directory.path().join("data"))
    }

    fn importing(&self, language: &str, map: &Path, folder: &Path, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dossier"));
        command.args(["--lang", language, "import", "--data"]).arg(self.home().data).arg("--map").arg(map);
        command.args(more).arg(folder);
        command
    }

    fn import(&self, language: &str, map: &Path, folder: &Path, more: &[&str]) -> Run {
        let output = self.importing(language, map, folder, more).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Run { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Every entry there is by now, as far as it can be read while somebody writes.
    fn entries(&self) -> Vec<Value> {
        let mut entries = Vec::new();
        drop(dossier::journal::verify(&self.home().data.join("journal"), 0, |frame| {
            entries.extend(frame.entries().map(|entry| serde_json::from_slice::<Value>(entry).unwrap()));
        }));
        entries
    }

    /// The ids of what people entered; what the clock does in between depends on how long a run takes.
    fn entered(&self) -> BTreeSet<String> {
        let by_people = self.entries().into_iter().filter(|entry| entry["actor"] != "system");
        by_people.map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
    }

    /// Every file of the company and its bytes.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.directory.path()];
        while let Some(folder) = folders.pop() {
            for file in fs::read_dir(&folder).unwrap() {
                let path = file.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => drop(files.insert(path.clone(), fs::read(&path).unwrap())),
                }
            }
        }
        files
    }

    /// Opens the ledger and looks.
    fn look<T>(&self, see: impl FnOnce(&Ledger, &Value) -> T) -> T {
        let ledger = open(&self.home(), &ManualClock::at(SystemClock::new().now()), "look");
        let mut asked = Asked::new(dossier::projection::view("stats").unwrap());
        asked.purpose = Some(Purpose::parse("management").unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let stats: Arc<Value> = runtime.block_on(ledger.view(&principal("E-GM"), &asked)).unwrap().body;
        let seen = see(&ledger, &stats);
        ledger.close();
        seen
    }
}

#[test]
fn the_trading_company_is_imported_once_however_often_it_is_run() {
    let Some(folder) = folder() else { return };
    let company = Company::founded();
    let map = tool("northwind.toml");
    let before = company.files();
    let rehearsal = company.import("en", &map, &folder, &["--dry-run", "--summary"]);
    assert_eq!(rehearsal.code, 0, "{}", rehearsal.err);
    let after = company.files();
    assert!(before.keys().eq(after.keys()), "a dry run leaves no file behind and takes none away");
    for (path, bytes) in &before {
        assert!(after[path] == *bytes, "{} was changed by a dry run", path.display());
    }

    let run = company.import("en", &map, &folder, &["--summary"]);
    assert_eq!(run.code, 0, "{}", run.err);
    let promised = rehearsal.out.strip_suffix("a dry run: the ledger is as it was\n").unwrap();
    assert_eq!(promised, run.out, "the run does exactly what the dry run said");
    assert_eq!(counts(&run.out, "sale.recorded"), [2_155, 0, 0]);
    assert_eq!(counts(&run.out, "customer.registered"), [91, 0, 0]);
    let entered = company.entered();

    let again = company.import("en", &map, &folder, &["--summary"]);
    assert_eq!(again.code, 0, "{}", again.err);
    let [created, unchanged, refused] = counts(&run.out, "total");
    assert_eq!((counts(&again.out, "total"), unchanged, refused), ([0, created, 0], 0, 0));
    assert!(company.entered() == entered, "a second run adds no entry");

    let sales: Vec<Value> = company.entries().into_iter().filter(|entry| entry["type"] == "sale.recorded").collect();
    let orders: BTreeSet<&str> = sales.iter().map(|sale| sale["data"]["order_no"].as_str().unwrap()).collect();
    assert_eq!((orders.len(), sales.len()), (830, 2_155));
    company.look(|ledger, stats| {
        let state = ledger.state();
        let world = &state.world;
        assert_eq!(world.customer.customers.len(), 91);
        assert_eq!((world.person.people.len(), world.person.customers.len()), (91, 91), "a person to talk to for each");
        assert_eq!(world.organization.regions.len(), 4);
        let sellers = world.employee.members.keys().filter(|id| id.as_str().starts_with("N-")).count();
        assert_eq!(sellers, 9);
        let total: i64 = world.sale.years.values().sum();
        assert_eq!(total, 126_579_329, "fen, each line rounded half up to the cent");
        assert_eq!(world.customer.customers.keys().filter(|id| !world.sale.trading.contains_key(*id)).count(), 2);
        let top = &stats["total"]["top3"];
        let names: Vec<&str> = top.as_array().unwrap().iter().map(|row| row["customer_id"].as_str().unwrap()).collect();
        assert_eq!(names, ["QUICK", "ERNSH", "SAVEA"], "{top}");
        assert_eq!(stats["total"]["sales"], json!(126_579_329));
    });
}

/// The three counts of a line of the summary: created, unchanged, refused.
fn counts(summary: &str, kind: &str) -> [u64; 3] {
    let line = summary.lines().find(|line| line.split_whitespace().next() == Some(kind));
    let numbers = line.unwrap_or_else(|| panic!("no line {kind}: {summary}")).split_whitespace().skip(1);
    numbers.map(|number| number.parse().unwrap()).collect::<Vec<u64>>().try_into().unwrap()
}

/// Counted and added up here, from the files alone, by none of the importer's code.
#[test]
fn the_known_answers_stand_in_the_files() {
    let Some(folder) = folder() else { return };
    let mut orders = BTreeSet::new();
    let (mut lines, mut unrounded, mut rounded) = (0, 0, 0);
    for line in csv::Reader::from_path(folder.join("order-details.csv")).unwrap().into_records() {
        let line = line.unwrap();
        orders.insert(line[0].to_owned());
        lines += 1;
        // Price and discount in ten thousandths, so an amount in hundred millionths of a yuan.
        let amount =
            ten_thousandths(&line[2]) * line[3].parse::<i128>().unwrap() * (10_000 - ten_thousandths(&line[4]));
        unrounded += amount;
        rounded += half_up(amount);
    }
    assert_eq!((orders.len(), lines), (830, 2_155));
    assert_eq!((half_up(unrounded), rounded), (126_579_304, 126_579_329));
}

fn ten_thousandths(text: &str) -> i128 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    assert!(part.len() <= 4, "{text}");
    format!("{whole}{part:0<4}").parse().unwrap()
}

/// Rounds hundred millionths of a yuan to fen.
fn half_up(amount: i128) -> i128 {
    (amount + 500_000) / 1_000_000
}

#[test]
fn an_import_that_was_killed_is_finished_by_running_it_again() {
    let Some(folder) = folder() else { return };
    let map = tool("northwind.toml");
    let whole = Company::founded();
    let cut = whole.twin();
    assert_eq!(whole.import("en", &map, &folder, &["--summary"]).code, 0);
    let entered = whole.entered();

    let mut running = cut.importing("en", &map, &folder, &["--summary"]).stdout(Stdio::null()).spawn().unwrap();
    let amid = (0..20_000).any(|_| {
        std::thread::park_timeout(Duration::from_millis(2));
        cut.entries().len() > 400 || running.try_wait().unwrap().is_some()
    });
    running.kill().unwrap();
    running.wait().unwrap();
    let part = cut.entered();
    assert!(amid && part.len() < entered.len() && part.is_subset(&entered), "{} of {}", part.len(), entered.len());

    let rest = cut.import("en", &map, &folder, &["--summary"]);
    assert_eq!(rest.code, 0, "{}", rest.err);
    let [created, unchanged, refused] = counts(&rest.out, "total");
    assert!(created > 0 && unchanged > 0 && refused == 0, "{}", rest.out);
    // Ids are made from file, row and content, so the same ids are the same rows.
    assert!(cut.entered() == entered);
    let seen = |company: &Company| {
        company.look(|ledger, stats| {
            let world = &ledger.state().world;
            (world.customer.customers.len(), world.person.people.len(), world.sale.years.clone(), stats.clone())
        })
    };
    assert_eq!(seen(&cut), seen(&whole));
}

#[test]
fn refused_rows_are_told_with_file_line_and_reason_and_the_others_stand() {
    let company = Company::founded();
    let files = Directory::new();
    let map = files.path().join("units.toml");
    fs::write(&map, UNITS_MAP).unwrap();
    fs::write(
        files.path().join("units.csv"),
        "id,name,kind\nnorth,North,region\nsouth,South,continent\neast\nwest,West,region\n",
    )
    .unwrap();
    let before = company.files();
    let dry = company.import("en", &map, &files.path(), &["--dry-run"]);
    assert!(company.files() == before);
    let dry_in_chinese = company.import("zh", &map, &files.path(), &["--dry-run"]);
    let run = company.import("en", &map, &files.path(), &[]);
    for told in [&dry, &run] {
        assert_eq!(told.code, 1, "{}", told.err);
        let line = |start: &str| {
            told.out.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{}", told.out))
        };
        assert!(line("refused    units.csv:3  org_unit.defined").contains("E_SCHEMA"));
        assert!(line("refused    units.csv:3  org_unit.defined").contains("/kind"));
        assert!(line("refused    units.csv:4  row").contains("field"));
        line("create     units.csv:2  org_unit.defined");
        line("create     units.csv:5  org_unit.defined");
        assert_eq!(counts(&told.out, "total"), [2, 0, 2]);
    }
    assert!(dry.err.contains("2 row(s) would be refused; nothing was entered"), "{}", dry.err);
    assert!(run.err.contains("2 row(s) were refused; the others stand"), "{}", run.err);
    assert!(dry_in_chinese.err.contains("2行将被拒绝；试运行未作任何记录"), "{}", dry_in_chinese.err);
    let again = company.import("en", &map, &files.path(), &[]);
    assert_eq!((again.code, counts(&again.out, "total")), (1, [0, 2, 2]));
}

const UNITS_MAP: &str = r#"
[actors]
hr = "E-HR"

[file.units]
path = "units.csv"

[[event]]
name = "units"
kind = "org_unit.defined"
from = "units"
as = "hr"
[event.data]
unit_id = "{id}"
name = "{name}"
kind = "{kind}"
parent = "HQ"
head = "E-GM"
territory = []
status = "active"
"#;
