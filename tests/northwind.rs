//! Real input that nobody here wrote: imported by its mapping, twice, with the known answers.

use std::path::{Path, PathBuf};
use std::process::Command;

use dossier::clock::{Clock, ManualClock, SystemClock};
use dossier::ledger::Home;
use serde_json::json;

use crate::support::{Directory, open, principal};

/// Where the files are: they do not belong to this repository.
fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("DOSSIER_NORTHWIND").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/northwind");
    named.or_else(|| beside.exists().then_some(beside))
}

fn dossier(arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_dossier")).arg("--lang").arg("en").args(arguments).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap_or(-1), text)
}

#[test]
fn the_trading_company_is_imported_once_however_often_it_is_run() {
    let Some(folder) = folder() else {
        println!("skipped: the files are not here (DOSSIER_NORTHWIND names their folder)");
        return;
    };
    let directory = Directory::new();
    let data = directory.path().join("data");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (data_text, folder_text) = (data.to_str().unwrap(), folder.to_str().unwrap());
    let init = root.join("tools/import/northwind-init.toml");
    let map = root.join("tools/import/northwind.toml");
    assert_eq!(dossier(&["init", "--data", data_text, init.to_str().unwrap()]).0, 0);
    let import = ["import", "--data", data_text, "--map", map.to_str().unwrap()];
    let rehearsal = dossier(&[&import[..], &["--dry-run", "--summary", folder_text]].concat());
    let run = dossier(&[&import[..], &["--summary", folder_text]].concat());
    let again = dossier(&[&import[..], &["--summary", folder_text]].concat());
    assert_eq!((rehearsal.0, run.0, again.0), (0, 0, 0), "{}\n{}\n{}", rehearsal.1, run.1, again.1);

    let home = Home::beside(&data);
    let clock = ManualClock::at(SystemClock::new().now());
    let ledger = open(&home, &clock, "look");
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

    let mut asked = dossier::ledger::Asked::new(dossier::projection::view("stats").unwrap());
    asked.purpose = Some(dossier::access::principal::Purpose::parse("management").unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let stats = runtime.block_on(ledger.view(&principal("E-GM"), &asked)).unwrap();
    let top = &stats.body["total"]["top3"];
    let names: Vec<&str> = top.as_array().unwrap().iter().map(|row| row["customer_id"].as_str().unwrap()).collect();
    assert_eq!(names, ["QUICK", "ERNSH", "SAVEA"], "{top}");
    assert_eq!(stats.body["total"]["sales"], json!(126_579_329));
    ledger.close();
}
