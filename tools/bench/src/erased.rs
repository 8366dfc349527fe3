//! How long it takes to erase a person of whom much was entered.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use chrono::{SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::company::Company;
use crate::figure::{Figure, median, progress};
use crate::load;
use crate::process::Process;

/// Records persons, enters changes of each of them, has each erased, and prints how long that took from the approval to the second end:
/// both are entries, and between them the key ring is rewritten under a new master key.
///
/// # Errors
/// A proposal is not entered, or an erasure not completed.
pub async fn tell(server: &Process, company: &Company) -> anyhow::Result<()> {
    let mut first_ends = Vec::new();
    let mut second_ends = Vec::new();
    // Whoever is erased cannot be recorded again in the same directory.
    let run = Utc::now().timestamp();
    for number in 0..PERSONS {
        let person = format!("P-bench-{run}-{number}");
        enter_much(server, company, &person)?;
        server.settle().await?;
        let (first, second) = erase(server, company, &person).await?;
        progress(&format!("{person} of {ENTRIES} entries: first end after {first:.3} s, second after {second:.3} s"));
        first_ends.push(first);
        second_ends.push(second);
    }
    let figure = Figure {
        figure: "erasure",
        value: median(second_ends.iter().copied()),
        unit: "s from the approval to the entry that says unreadable everywhere",
        of: json!({
            "goal": "<= 1 and the rotation of the keys", "entries_of_the_person": ENTRIES,
            "first_ends": first_ends, "second_ends": second_ends,
        }),
    };
    figure.print()
}

fn enter_much(server: &Process, company: &Company, person: &str) -> anyhow::Result<()> {
    let seller = company.sellers.last().context("nobody sells")?;
    let customer = seller.customers.last().context("nobody buys")?;
    let learned_at = Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true);
    let of = |kind: &str, data: Value| json!({ "type": kind, "subject": format!("person/{person}"), "data": data });
    let recorded = json!({ "person_id": person, "customer_id": customer, "name": format!("Bench {person}") });
    let consent = json!({ "purpose": "relationship_care", "status": "given", "method": "written" });
    let begun = [json!({ "type": "person.recorded", "data": recorded }), of("consent.recorded", consent)];
    entered(server, &seller.token, &Value::from(begun.to_vec()))?;
    for batch in 0..ENTRIES / BATCH {
        let changed = (0..BATCH).map(|number| {
            let changes = json!({ "hobbies": format!("chess and the number {}", batch * BATCH + number) });
            of("person.updated", json!({ "changes": changes, "learned_at": learned_at }))
        });
        entered(server, &seller.token, &changed.collect())?;
    }
    Ok(())
}

/// Has a person erased; returns the seconds from the approval to the answer, and to the entry of the second end.
async fn erase(server: &Process, company: &Company, person: &str) -> anyhow::Result<(f64, f64)> {
    let [officer, deputy] = ["compliance", "deputy_gm"].map(|role| company.token_of(role, None));
    let (officer, deputy) = (officer?, deputy?);
    let auditor = company.auditor_token.as_deref().context("nobody audits")?;
    let erased = json!({ "scope": "all", "ground": "request" });
    let asked = entered(
        server,
        officer,
        &json!({ "type": "personal_data.erased", "subject": format!("person/{person}"), "data": erased }),
    )?;
    let streams = asked.pointer("/entries/0/streams").map(Value::to_string).unwrap_or_default();
    let request = streams.split("approval/").nth(1).and_then(|rest| rest.split(['@', '"', ' ']).next());
    let request = request.with_context(|| format!("no approval was asked for: {asked}"))?;
    let begun = Instant::now();
    let given = entered(server, deputy, &json!({ "type": "approval.given", "data": { "request_id": request } }))?;
    let first = begun.elapsed().as_secs_f64();
    let entries = given.get("entries").and_then(Value::as_array).and_then(|entries| entries.last());
    let mut next = entries.and_then(|entry| entry.get("index")).and_then(Value::as_u64).context("nothing entered")? + 1;
    let headers = format!("Authorization: Bearer {auditor}\r\nDossier-Purpose: audit\r\n");
    while begun.elapsed() < ERASED_LIMIT {
        // Looking at an entry that is not there yet enters nothing, so the next one is the second end or what time brought before it.
        match load::fetch(server.address, &format!("/v1/entries/{next}"), &headers)? {
            (200, entry) if String::from_utf8_lossy(&entry).contains("personal_data.erasure_completed") => {
                return Ok((first, begun.elapsed().as_secs_f64()));
            }
            (200, _) => next += 1,
            _ => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
    anyhow::bail!("the erasure of {person} was not completed within {ERASED_LIMIT:?}")
}

fn entered(server: &Process, token: &str, body: &Value) -> anyhow::Result<Value> {
    let (status, answer) = load::propose(server.address, token, &body.to_string())?;
    anyhow::ensure!(status == 201, "a proposal was answered with {status}: {}", String::from_utf8_lossy(&answer));
    Ok(serde_json::from_slice(&answer)?)
}

const PERSONS: usize = 3;
const ENTRIES: usize = 10_000;
const BATCH: usize = 250;
const LOOK_EVERY: Duration = Duration::from_millis(5);
const ERASED_LIMIT: Duration = Duration::from_secs(60);
