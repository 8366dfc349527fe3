//! A small invented company in a directory of its own, served by the built program.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The company, as long as this lives.
pub(crate) struct Company {
    /// Where it is served.
    pub(crate) address: String,
    passwords: BTreeMap<&'static str, String>,
    /// The entry that serves as evidence of a grade.
    pub(crate) evidence: String,
    server: Child,
    _directory: TempDir,
}

/// Who works there: id, roles as the founding file has them, whether head of the house.
const STAFF: &[(&str, &str, bool)] = &[
    ("E-001", "hr", false),
    ("E-002", "system_admin", false),
    ("E-101", "salesperson", false),
    ("E-301", "regional_gm", false),
    ("E-401", "customer_manager", false),
    ("E-501", "archivist", false),
    ("E-801", "general_manager", true),
    ("E-802", "deputy_gm", false),
    ("E-901", "auditor", false),
    ("E-902", "compliance", false),
];

impl Company {
    /// Founds it, records two customers and a person, and serves it on a free port.
    pub(crate) fn found(dossier: &Path) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let data = directory.path().join("data");
        let founding = directory.path().join("founding.toml");
        std::fs::write(&founding, founding_file())?;
        let run = |arguments: &[&str], input: &str| run(dossier, &data, arguments, input);
        run(&["init", founding.to_str().context("the path is no text")?], "")?;
        let token = run(&["token", "--employee", "E-101"], "")?;
        let entered = run(&["submit", "--token", token.trim(), "-"], &first_events().to_string())?;
        let entered: Value = serde_json::from_str(&entered)?;
        let evidence = entered.pointer("/entries/2/id").and_then(Value::as_str).context("nothing was entered")?;
        let mut server = Command::new(dossier)
            .args(["--lang", "en", "serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(&data)
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start \"{}\"", dossier.display()))?;
        let mut line = String::new();
        BufReader::new(server.stdout.take().context("the program has no output")?).read_line(&mut line)?;
        let address = line.trim().rsplit(' ').next().unwrap_or_default().to_owned();
        let mut company =
            Self { address, passwords: BTreeMap::new(), evidence: evidence.to_owned(), server, _directory: directory };
        ensure!(company.address.starts_with("http://127.0.0.1:"), "the server said: {line}");
        // Beside a running server this is quick: nobody need open the ledger for it.
        for (who, ..) in STAFF {
            let password = run(&["token", "--employee", who, "--password"], "")?;
            company.passwords.insert(who, password.trim().to_owned());
        }
        Ok(company)
    }

    /// Returns somebody's password.
    pub(crate) fn password(&self, who: &str) -> Result<&str> {
        self.passwords.get(who).map(String::as_str).with_context(|| format!("{who} has no password"))
    }
}

impl Drop for Company {
    fn drop(&mut self) {
        // Whatever becomes of it, the directory goes with it.
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

fn run(dossier: &Path, data: &Path, arguments: &[&str], input: &str) -> Result<String> {
    let (verb, rest) = arguments.split_first().context("no verb")?;
    let mut child = Command::new(dossier)
        .args(["--lang", "en", verb, "--data"])
        .arg(data)
        .args(rest)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start \"{}\": build it first", dossier.display()))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "dossier {verb} failed");
    Ok(String::from_utf8(output.stdout)?)
}

fn founding_file() -> String {
    let mut text = "origin = \"browser.example/ledger\"\ncompany = \"Invented Works\"\nledger_id = \"browser\"\n\
         zone = \"Asia/Shanghai\"\n\n[unit]\nid = \"north\"\nname = \"North\"\nterritory = [\"north\"]\n"
        .to_owned();
    for (id, role, head) in STAFF {
        let head = if *head { "head = true\n" } else { "" };
        text.push_str(&format!("\n[[officer]]\nid = \"{id}\"\nname = \"Invented {id}\"\nroles = [\"{role}\"]\n{head}"));
    }
    text
}

fn first_events() -> Value {
    let customer = |id: &str, name: &str| {
        json!({ "type": "customer.registered", "data": {
            "customer_id": id, "name": name, "party": "end_user", "direct": true, "region": "north", "source": "visit",
            "first_contact_at": "2026-01-05T10:00:00+08:00", "owner": "E-101", "phone": "0531 8000 0001",
            "address": "1 Station Road", "legal_representative": "Invented Representative",
        }, "latereason": "taken over from paper" })
    };
    json!([
        customer("C-00001", "河源合金厂"),
        customer("C-00002", "Heyuan Pumps and Valves Trading and Engineering Company"),
        { "type": "customer.classified", "subject": "customer/C-00001",
          "data": { "dimension": "time", "value": "new", "basis": "as the contract says" } },
        { "type": "person.recorded", "data": {
            "person_id": "P-1", "customer_id": "C-00001", "name": "赵清扬", "position": "采购部主任", "function": "principal",
            "mobile": "555 0101" } },
    ])
}
