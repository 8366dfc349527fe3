//! Access beyond one's own through the HTTP API: asked for, decided, used, over; and what follows from asking too often.

use std::time::Duration;

use dossier::clock::Clock as _;
use dossier::ledger::ViewError;
use serde_json::{Value, json};

use crate::pages::Browser;
use crate::support::http::Served;
use crate::support::{TestLedger, principal, proposal};

fn asked(id: &str, classes: &[&str], days: i64) -> Value {
    let until = format!("2026-03-{:02}T10:00:00+08:00", 2 + days);
    json!({ "type": "access.requested", "data": {
        "grant_id": id, "customers": ["C-01"], "classes": classes, "modes": ["view"],
        "from": "2026-03-02T10:00:00+08:00", "until": until, "purpose": "bid of June",
    } })
}

fn decided(id: &str, classes: &[&str], decision: &str) -> Value {
    json!({ "type": "access.decided", "subject": format!("grant/{id}"),
        "data": { "classes": classes, "decision": decision, "reason": "as the bid needs" } })
}

fn revoked(id: &str) -> Value {
    json!({ "type": "access.revoked", "subject": format!("grant/{id}"), "data": { "reason": "the bid is over" } })
}

fn refusal(status: u16, code: &str, rule: &str) -> (u16, String, String) {
    (status, code.into(), rule.into())
}

fn with(mut proposal: Value, field: &str, value: Value) -> Value {
    proposal["data"][field] = value;
    proposal
}

/// C-01 of the north, owned by E-101, with a key person who has agreed.
fn company() -> Served {
    let test = TestLedger::new();
    test.customer("C-01", "Xingqiao Line-17 Metro");
    let served = Served::of(test);
    served.admit("E-101", &json!({ "type": "person.recorded", "data": {
        "person_id": "P-1", "customer_id": "C-01", "name": "Invented Buyer", "position": "Buyer", "function": "principal" } }));
    let consent = json!({ "type": "consent.recorded", "subject": "person/P-1",
        "data": { "purpose": "relationship_care", "status": "given", "method": "oral" } });
    served.admit("E-101", &consent);
    served.admit(
        "E-101",
        &json!({ "type": "person.updated", "subject": "person/P-1", "data": {
        "changes": { "hobbies": "calligraphy" }, "learned_at": "2026-03-02T09:00:00+08:00" } }),
    );
    served
}

fn status(served: &Served, who: &str, path: &str) -> u16 {
    served.get(who, path).status
}

const CARD: &str = "/v1/views/card?subject=C-01";
const CREDIT: &str = "/v1/customers/C-01/grades";

#[test]
fn sc_08_access_is_opened_class_by_class_used_under_its_id_and_revoked() {
    let served = company();
    for _ in 0..3 {
        assert_eq!(status(&served, "E-102", CREDIT), 403);
    }
    let denied = served.get("E-902", "/v1/customers/C-01/reads").json()["items"].clone();
    assert!(denied.as_array().unwrap().iter().all(|row| row["denied_rule"] == "R-052"), "{denied}");
    let told = served.get("E-902", "/v1/views/anomalies").json()["items"].clone();
    assert_eq!((&told[0]["employee"], &told[0]["reported_to"]), (&json!("E-102"), &json!(["E-902"])), "{told}");
    served.admit("E-102", &asked("G-7", &["C1", "C3"], 10));
    assert_eq!(served.refuse("E-102", &decided("G-7", &["C1"], "granted")), refusal(403, "E_SOD", "R-025"));
    // Waiting opens nothing.
    assert_eq!(status(&served, "E-102", CARD), 403);
    served.admit("E-201", &decided("G-7", &["C1"], "granted"));
    served.admit("E-402", &decided("G-7", &["C3"], "refused"));
    let card = served.get("E-102", "/v1/customers/C-01?reveal=true");
    assert_eq!(card.status, 200);
    let card = card.json();
    assert_eq!((&card["persons"][0]["hobbies"], &card["trade"]["purchase_count"]), (&json!("•••"), &json!("•••")));
    assert_eq!(status(&served, "E-102", CREDIT), 403);
    let log = served.get("E-901", "/v1/customers/C-01/reads").json();
    let read = log["items"].as_array().unwrap().iter().find(|row| row["reader"] == "E-102" && row["view"] == "archive");
    let read = read.unwrap();
    assert_eq!((&read["authority"], &read["authority_ref"]), (&json!("grant"), &json!("G-7")), "{read}");
    assert_eq!(read["policies"], json!(["read.grant.beyond.basic"]));
    served.admit("E-902", &revoked("G-7"));
    assert_eq!(status(&served, "E-102", CARD), 403);
    assert_eq!(served.refuse("E-902", &revoked("G-7")), refusal(409, "E_STATE", "SM-10"));
    assert_eq!(served.refuse("E-201", &decided("G-7", &["C1"], "granted")), refusal(409, "E_STATE", "SM-10"));
}

#[test]
fn three_refused_readings_in_a_day_open_an_anomaly_that_compliance_resolves() {
    let served = company();
    let anomalies = |who: &str| served.get(who, "/v1/views/anomalies").json()["items"].clone();
    for _ in 0..2 {
        assert_eq!(status(&served, "E-102", CREDIT), 403);
    }
    served.test.clock.advance(Duration::from_secs(86_400));
    // The first two are a day old by now.
    assert_eq!(status(&served, "E-102", CARD), 403);
    assert_eq!(anomalies("E-902"), json!([]));
    // Who is only asked what for is refused nothing.
    for _ in 0..3 {
        assert_ne!(served.request("E-301", "GET", CREDIT, &[], b"").status, 200);
    }
    assert_eq!(anomalies("E-902"), json!([]));
    for _ in 0..2 {
        assert_eq!(status(&served, "E-102", CARD), 403);
    }
    let found = anomalies("E-902");
    assert_eq!((&found[0]["kind"], &found[0]["employee"]), (&json!("access"), &json!("E-102")), "{found}");
    assert_eq!(found[0]["reported_to"], json!(["E-902"]));
    assert_eq!((found.as_array().unwrap().len(), anomalies("E-103")), (1, json!([])));
    // As long as nobody has looked into it, more of the same is not reported again.
    for _ in 0..7 {
        assert_eq!(status(&served, "E-102", CARD), 403);
    }
    assert_eq!(anomalies("E-902").as_array().unwrap().len(), 1);
    let no = found[0]["no"].as_str().unwrap();
    let resolved = json!({ "type": "anomaly.resolved", "subject": format!("anomaly/{no}"),
        "data": { "outcome": "unfounded", "action": "was asked to help with a bid" } });
    assert_eq!(served.refuse("E-102", &resolved).1, "E_SOD");
    assert_eq!(served.refuse("E-801", &resolved), refusal(403, "E_FORBIDDEN", "R-052"));
    served.admit("E-902", &resolved);
    assert_eq!(anomalies("E-902")[0]["outcome"], "unfounded");
    assert_eq!(served.refuse("E-902", &resolved), refusal(409, "E_STATE", "R-111"));
    for _ in 0..3 {
        assert_eq!(status(&served, "E-102", CARD), 403);
    }
    assert_eq!(anomalies("E-902").as_array().unwrap().len(), 2, "afterwards it is");
    let by_hand = json!({ "type": "anomaly.reported", "data": {
        "kind": "access", "facts": "somebody reads too much", "reported_to": ["E-902"] } });
    assert_eq!(served.refuse("E-501", &by_hand), refusal(403, "E_FORBIDDEN", "R-060"));
}

#[test]
fn anomalies_of_the_compliance_officer_go_to_the_top() {
    let served = company();
    for _ in 0..3 {
        // The compliance officer reads no private data without a grant, and nothing away from the office.
        let away = [("Dossier-Purpose", "compliance"), ("Dossier-Place", "offsite")];
        assert_eq!(served.request("E-902", "GET", CREDIT, &away, b"").status, 403);
    }
    let found = served.get("E-801", "/v1/views/anomalies").json()["items"].clone();
    assert_eq!((&found[0]["employee"], &found[0]["reported_to"]), (&json!("E-902"), &json!(["E-801"])));
    let no = found[0]["no"].as_str().unwrap();
    let resolved = json!({ "type": "anomaly.resolved", "subject": format!("anomaly/{no}"),
        "data": { "outcome": "accepted", "action": "on a journey" } });
    assert_eq!(served.refuse("E-902", &resolved), refusal(403, "E_SOD", "R-025"));
    // Should the general manager leave, it moves up to the deputy.
    let suspended = json!({ "type": "employee.status_changed", "subject": "employee/E-801",
        "data": { "status": "suspended", "effective_on": "2026-03-02" } });
    assert_eq!(served.refuse("E-802", &resolved), refusal(403, "E_FORBIDDEN", "R-052"));
    served.admit("E-001", &suspended);
    served.admit("E-802", &resolved);
}

#[test]
fn a_request_says_what_for_and_for_how_long() {
    let served = company();
    let refused = |proposal: Value| served.refuse("E-102", &proposal);
    let request = || asked("G-1", &["C1"], 10);
    assert_eq!(refused(with(request(), "purpose", json!("bid"))), refusal(400, "E_SCHEMA", "R-055"));
    for (until, ok) in [("2026-04-01T10:00:00.000001+08:00", false), ("2026-03-02T10:00:00+08:00", false)] {
        assert_eq!(refused(with(request(), "until", json!(until))).0 == 201, ok, "{until}");
    }
    assert_eq!(refused(with(request(), "until", json!("2026-04-01T10:00:01+08:00"))), refusal(422, "E_RULE", "R-055"));
    for empty in ["customers", "classes", "modes"] {
        assert_eq!(refused(with(request(), empty, json!([]))), refusal(400, "E_SCHEMA", "R-055"));
    }
    assert_eq!(refused(with(request(), "classes", json!(["C7"]))).0, 400);
    assert_eq!(refused(with(request(), "customers", json!(["C-99"]))).0, 404);
    served.admit("E-102", &with(request(), "until", json!("2026-04-01T10:00:00+08:00")));
    assert_eq!(refused(request()), refusal(409, "E_CONFLICT", "R-010"));
    let notice = json!({ "type": "employee.status_changed", "subject": "employee/E-102",
        "data": { "status": "on_notice", "effective_on": "2026-03-02", "last_day": "2026-03-31" } });
    served.admit("E-001", &notice);
    assert_eq!(refused(asked("G-2", &["C1"], 5)), refusal(403, "E_FORBIDDEN", "R-057"));
}

#[test]
fn a_decision_narrows_what_was_asked_for_and_widens_nothing() {
    let served = company();
    served.admit("E-102", &asked("G-1", &["C1", "C2", "C3"], 10));
    let refused = |who: &str, proposal: Value| served.refuse(who, &proposal);
    let grant = |classes: &[&str]| decided("G-1", classes, "granted");
    assert_eq!(refused("E-201", grant(&["C4"])), refusal(422, "E_RULE", "R-055"), "not requested");
    assert_eq!(refused("E-201", grant(&["C1", "C3"])), refusal(403, "E_FORBIDDEN", "R-055"), "not theirs");
    assert_eq!(refused("E-402", grant(&["C1"])), refusal(403, "E_FORBIDDEN", "R-055"));
    assert_eq!(refused("E-401", grant(&["C3"])).1, "E_FORBIDDEN", "no head");
    assert_eq!(refused("E-902", grant(&["C1"])), refusal(403, "E_FORBIDDEN", "R-055"));
    assert_eq!(refused("E-801", grant(&["C1"])).1, "E_FORBIDDEN", "nothing has moved up");
    assert_eq!(
        refused("E-201", with(grant(&["C1"]), "modes", json!(["view", "export"]))),
        refusal(422, "E_RULE", "R-055")
    );
    let longer = with(grant(&["C1"]), "until", json!("2026-03-12T10:00:00.000001+08:00"));
    assert_eq!(refused("E-201", longer), refusal(422, "E_RULE", "R-055"));
    assert_eq!(refused("E-201", decided("G-9", &["C1"], "granted")), refusal(409, "E_STATE", "SM-10"));
    assert_eq!(status(&served, "E-102", CARD), 403, "errors leave everything as it was");
    served.admit("E-201", &with(grant(&["C1"]), "until", json!("2026-03-04T10:00:00+08:00")));
    assert_eq!(refused("E-201", grant(&["C1"])).0, 403, "twice");
    assert_eq!(status(&served, "E-102", CARD), 200);
    served.test.clock.advance_to("2026-03-04T10:00:00+08:00".parse().unwrap());
    assert_eq!(status(&served, "E-102", CARD), 403, "the shorter period holds");
}

#[test]
fn private_data_need_two_decisions_and_either_of_them_closes_them() {
    let served = company();
    let people = "/v1/views/people?subject=C-01&reveal=true";
    served.admit("E-102", &asked("G-1", &["C4", "C5"], 10));
    served.admit("E-201", &decided("G-1", &["C4", "C5"], "granted"));
    let row = || served.get("E-102", people).json()["items"][0].clone();
    assert_eq!((&row()["name"], &row()["hobbies"]), (&json!("Invented Buyer"), &json!("•••")));
    served.admit("E-902", &decided("G-1", &["C5"], "granted"));
    assert_eq!(row()["hobbies"], "calligraphy");
    // Away from the office they are closed all the same.
    let away = [("Dossier-Purpose", "sales_work"), ("Dossier-Place", "offsite")];
    assert_eq!(served.request("E-102", "GET", people, &away, b"").status, 403);
    served.admit("E-201", &revoked("G-1"));
    assert_eq!(status(&served, "E-102", people), 403);
}

#[test]
fn nobody_asks_for_what_would_open_nothing_to_them() {
    let served = company();
    let ask = |classes: &[&str], ways: &[&str]| {
        json!({ "type": "access.requested", "data": {
            "customers": ["C-01"], "classes": classes, "modes": ways, "purpose": "for the bid",
            "from": "2026-03-02T10:00:00+08:00", "until": "2026-03-09T10:00:00+08:00" } })
    };
    // No role of theirs prints, takes out, or reads it unmasked, however much is granted (roles.md, section 3).
    for (who, class, way, said) in [
        ("E-103", "C1", "print", "no role of yours could use \"C1 basic data\" in the way \"Print\""),
        ("E-301", "C3", "export", "\"C3 credit\" in the way \"Export\""),
        ("E-402", "C4", "view", "\"C4 person identity\" in the way \"View\""),
        ("E-703", "C5", "view", "\"C5 person private\" in the way \"View\""),
        ("E-001", "C1", "view", "\"C1 basic data\" in the way \"View\""),
    ] {
        for (classes, ways) in [(vec![class], vec![way]), (vec!["C6", class], vec!["view", way])] {
            let answer = served.post(who, &ask(&classes, &ways));
            assert_eq!(answer.problem(), (422, "E_RULE".into(), "R-055".into()), "{who}: {}", answer.text());
            assert_eq!(answer.json()["errors"][0]["pointer"], "/data/classes", "{who}");
            assert!(
                classes.len() > 1 || answer.text().contains(&said.replace('"', "\\\"")),
                "{who}: {}",
                answer.text()
            );
        }
    }
    // Whoever could is let ask, from away too; who could open nothing anyhow is told that.
    for (who, class, way) in [
        ("E-103", "C3", "view"),
        ("E-301", "C2", "export"),
        ("E-402", "C3", "print"),
        ("E-901", "C1", "export"),
        ("E-201", "C1", "print"),
    ] {
        served.admit(who, &ask(&[class], &[way]));
    }
    let away = [("Dossier-Place", "offsite"), ("Content-Type", "application/json")];
    let asked = served.request("E-103", "POST", "/v1/events", &away, ask(&["C3"], &["view"]).to_string().as_bytes());
    assert_eq!(asked.status, 201, "{}", asked.text());
    assert_eq!(served.refuse("E-002", &ask(&["C1"], &["view"])), refusal(422, "E_RULE", "R-055"));
}

#[test]
fn nobody_decides_on_their_own_request_and_it_moves_up_until_nobody_is_left() {
    let served = company();
    let south = json!({ "type": "access.requested", "data": {
        "grant_id": "G-1", "customers": ["C-01"], "classes": ["C1", "C5"], "modes": ["view"],
        "from": "2026-03-02T10:00:00+08:00", "until": "2026-03-09T10:00:00+08:00", "purpose": "a look at my own" } });
    served.admit("E-201", &south);
    assert_eq!(served.refuse("E-201", &decided("G-1", &["C1"], "granted")), refusal(403, "E_SOD", "R-025"));
    assert_eq!(served.refuse("E-802", &decided("G-1", &["C1"], "granted")).1, "E_FORBIDDEN");
    // There is no other head of the north, so the general manager decides; compliance stays to decide beside them.
    served.admit("E-801", &decided("G-1", &["C1", "C5"], "granted"));
    assert_eq!(served.refuse("E-801", &decided("G-1", &["C5"], "granted")).0, 403);
    served.admit("E-902", &decided("G-1", &["C5"], "granted"));
    // What the compliance officer asks for nobody else of compliance decides: it moves up as well.
    served.admit("E-902", &asked("G-2", &["C8"], 5));
    served.admit("E-801", &decided("G-2", &["C8"], "refused"));
    let leave = |who: &str| {
        served.admit(
            "E-001",
            &json!({ "type": "employee.status_changed", "subject": format!("employee/{who}"),
            "data": { "status": "suspended", "effective_on": "2026-03-02" } }),
        );
    };
    for who in ["E-801", "E-802"] {
        leave(who);
    }
    assert_eq!(served.refuse("E-902", &asked("G-3", &["C8"], 5)), refusal(403, "E_SOD", "R-025"));
    served.admit("E-102", &asked("G-4", &["C8"], 5));
    leave("E-902");
    assert_eq!(served.refuse("E-102", &asked("G-5", &["C8"], 5)), refusal(403, "E_SOD", "R-025"));
}

#[test]
fn who_holds_several_roles_is_told_what_stands_in_the_way_whichever_of_them_comes_first() {
    for (who, other) in [("E-112", "department_head"), ("E-201", "salesperson")] {
        let served = company();
        let role = json!({ "type": "employee.roles_changed", "id": "second-role-1", "subject": format!("employee/{who}"),
            "data": { "added": [{ "role": other, "unit": "north" }], "removed": [], "reason": "both for a while" } });
        served.admit("E-002", &role);
        let approver = if who == "E-201" { "E-801" } else { "E-201" };
        served.admit(approver, &json!({ "type": "approval.given", "data": { "request_id": "second-role-1" } }));
        served.admit(who, &asked("G-1", &["C1"], 10));
        assert_eq!(served.refuse(who, &decided("G-1", &["C1"], "granted")), refusal(403, "E_SOD", "R-025"), "{who}");
    }
}

#[test]
fn of_two_who_decide_at_the_same_time_one_decides() {
    let served = company();
    let role = json!({ "type": "employee.roles_changed", "id": "second-head-1", "subject": "employee/E-112",
        "data": { "added": [{ "role": "department_head", "unit": "north" }], "removed": [], "reason": "second head" } });
    served.admit("E-002", &role);
    served.admit("E-201", &json!({ "type": "approval.given", "data": { "request_id": "second-head-1" } }));
    let test = &served.test;
    for round in 0..10 {
        let id = format!("G-{round}");
        served.admit("E-102", &asked(&id, &["C1"], 10));
        let decide = || {
            let data = json!({ "classes": ["C1"], "decision": "granted", "reason": "agreed" });
            vec![proposal("access.decided", Some(&format!("grant/{id}")), data)]
        };
        let (one, other) = (principal("E-201"), principal("E-112"));
        let answers = test
            .block_on(async { tokio::join!(test.ledger.submit(&one, decide()), test.ledger.submit(&other, decide())) });
        assert_eq!([answers.0.is_ok(), answers.1.is_ok()].iter().filter(|ok| **ok).count(), 1);
    }
}

#[test]
fn what_is_revoked_while_somebody_reads_is_read_before_that_or_not_at_all() {
    let served = company();
    let test = &served.test;
    for round in 0..10 {
        let id = format!("G-{round}");
        served.admit("E-102", &asked(&id, &["C1"], 10));
        served.admit("E-201", &decided(&id, &["C1"], "granted"));
        let (reader, decider) = (principal("E-102"), principal("E-201"));
        let asked = dossier::ledger::Asked {
            subject: Some("C-01".into()),
            ..dossier::ledger::Asked::new(dossier::projection::view("card").unwrap())
        };
        let revoke = vec![proposal("access.revoked", Some(&format!("grant/{id}")), json!({ "reason": "enough" }))];
        let (revoked, read) = test
            .block_on(async { tokio::join!(test.ledger.submit(&decider, revoke), test.ledger.view(&reader, &asked)) });
        let revoked_at = revoked.unwrap()[0].index;
        match read {
            Ok(answered) => assert!(answered.recorded.iter().all(|index| *index < revoked_at)),
            Err(ViewError::Denied(_)) => {}
            Err(other) => panic!("{other}"),
        }
        assert!(matches!(test.block_on(test.ledger.view(&reader, &asked)), Err(ViewError::Denied(_))));
    }
}

#[test]
fn a_grant_is_over_to_the_instant_and_a_restart_forgets_nothing_of_it() {
    let mut test = TestLedger::new();
    test.customer("C-01", "Xingqiao Line-17 Metro");
    let parts = |value: &Value| {
        let subject = value["subject"].as_str().map(str::to_owned);
        proposal(value["type"].as_str().unwrap(), subject.as_deref(), value["data"].clone())
    };
    test.admit("E-102", parts(&asked("G-1", &["C1"], 5)));
    test.admit("E-201", parts(&decided("G-1", &["C1"], "granted")));
    test.reopen();
    assert!(test.view("E-102", "card", Some("C-01")).is_ok());
    test.clock.advance_to("2026-03-07T09:59:59.999Z".parse().unwrap());
    assert!(test.clock.now() > "2026-03-07T10:00:00+08:00".parse().unwrap());
    assert!(matches!(test.view("E-102", "card", Some("C-01")), Err(ViewError::Denied(_))));
    // What is over goes from memory with the next request.
    test.admit("E-102", {
        let mut next = asked("G-2", &["C1"], 9);
        next["data"]["from"] = json!("2026-03-07T18:00:00+08:00");
        parts(&next)
    });
    assert_eq!(test.ledger.state().world.grant.open.len(), 1);
}

#[test]
fn an_export_needs_a_grant_that_names_it_whatever_may_be_read() {
    let served = company();
    let export = "/v1/views/grades?subject=C-01&format=csv";
    assert_eq!(status(&served, "E-402", export), 403);
    let mut request = asked("G-1", &["C3"], 10);
    served.admit("E-402", &request);
    served.admit("E-801", &decided("G-1", &["C3"], "granted"));
    assert_eq!(status(&served, "E-402", export), 403, "a grant to view is none to export");
    request["data"]["grant_id"] = json!("G-2");
    request["data"]["modes"] = json!(["export"]);
    served.admit("E-402", &request);
    served.admit("E-801", &decided("G-2", &["C3"], "granted"));
    assert_eq!(status(&served, "E-402", export), 200);
    let log = served.get("E-902", "/v1/customers/C-01/reads").json();
    let read =
        log["items"].as_array().unwrap().iter().find(|row| row["mode"] == "export" && row["authority"] != json!(null));
    assert_eq!(
        (&read.unwrap()["authority"], &read.unwrap()["authority_ref"]),
        (&json!("grant"), &json!("G-2")),
        "{log}"
    );
}

#[test]
fn who_has_left_is_refused_at_once_with_tokens_grants_and_sessions() {
    let served = company();
    let mut browser = Browser::signed_in(&served, "E-102", "en");
    let mut page = |path: &str| browser.get(path).status;
    assert_eq!(page("/v1/customers"), 200);
    served.admit("E-102", &asked("G-1", &["C1"], 10));
    served.admit("E-201", &decided("G-1", &["C1"], "granted"));
    let change = |status: &str| {
        json!({ "type": "employee.status_changed", "subject": "employee/E-102",
            "data": { "status": status, "effective_on": "2026-03-02", "last_day": "2026-03-31" } })
    };
    served.admit("E-001", &change("on_notice"));
    let left = served.post("E-001", &change("left"));
    assert_eq!(left.json()["entries"][1]["type"], "access.revoked", "{}", left.text());
    assert_eq!(page("/v1/customers"), 401);
    assert_eq!(status(&served, "E-102", "/v1/customers"), 401);
    assert_eq!(served.post("E-102", &asked("G-2", &["C1"], 5)).status, 401);
    let grants = served.get("E-902", "/v1/views/grants").json();
    assert_eq!(grants["items"][0]["status"], "revoked");
    assert_eq!(served.test.ledger.state().world.grant.holders.len(), 0);
    // The same proposal again gets the same answer, what followed from it included.
    let again = with(change("left"), "last_day", json!("2026-03-31"));
    assert_eq!(served.refuse("E-001", &again).1, "E_STATE");
}

#[test]
fn who_is_suspended_signs_in_anew_afterwards() {
    let served = company();
    let mut browser = Browser::signed_in(&served, "E-102", "en");
    let mut read = || browser.get("/v1/customers").status;
    assert_eq!(read(), 200);
    for status in ["suspended", "active"] {
        served.admit(
            "E-001",
            &json!({ "type": "employee.status_changed", "subject": "employee/E-102",
            "data": { "status": status, "effective_on": "2026-03-02" } }),
        );
    }
    assert_eq!(read(), 401, "the session has ended with the suspension");
}

#[test]
fn sc_13_a_leaver_takes_nothing_along_and_reads_own_customers_one_by_one() {
    let served = company();
    served.admit(
        "E-001",
        &json!({ "type": "employee.status_changed", "subject": "employee/E-101",
        "data": { "status": "on_notice", "effective_on": "2026-03-02", "last_day": "2026-03-31" } }),
    );
    for path in ["/v1/customers?format=csv", "/v1/views/people?subject=C-01&format=csv", "/v1/customers?limit=50"] {
        let denied = served.get("E-101", path);
        assert_eq!((denied.status, denied.json()["rule"].clone()), (403, json!("R-057")), "{path}");
    }
    let found = served.get("E-902", "/v1/views/anomalies").json();
    assert_eq!(found["items"][0]["employee"], "E-101");
    let denied = served.get("E-902", "/v1/views/refusals").json();
    let denied = denied["items"].as_array().unwrap().iter().filter(|row| row["who"] == "E-101");
    assert_eq!(denied.count(), 3);
    // Paper is taken along as a file is: printing is a reading of its own, and so is its denial.
    let printed = Browser::signed_in(&served, "E-101", "en").post_from(
        "/customers/C-01/card",
        "/customers/C-01/card",
        &[("as", "print"), ("purpose", "sales_work")],
    );
    assert!(printed.status == 403 && printed.text().contains("R-057"), "{}", printed.text());
    let log = served.get("E-901", "/v1/customers/C-01/reads").json();
    let denied = log["items"].as_array().unwrap().iter().find(|row| row["mode"] == "print").unwrap();
    assert_eq!((&denied["reader"], &denied["denied_rule"]), (&json!("E-101"), &json!("R-057")), "{denied}");
    assert_eq!(status(&served, "E-101", "/v1/customers/C-01"), 200);
    let log = served.get("E-901", "/v1/customers/C-01/reads").json();
    let read = log["items"].as_array().unwrap().iter().find(|row| row["reader"] == "E-101" && row["view"] == "archive");
    assert_eq!(read.unwrap()["authority"], "own", "allowed and logged");
    let one = served.get("E-101", "/v1/customers?q=C-01").json();
    assert_eq!(one["items"].as_array().unwrap().len(), 1);
}

#[test]
fn an_auditor_sees_a_person_only_whom_the_purpose_names() {
    let served = company();
    let row = |purpose: &str| {
        let path = "/v1/views/people?subject=C-01&reveal=true";
        served.request("E-901", "GET", path, &[("Dossier-Purpose", purpose)], b"").json()["items"][0]["name"].clone()
    };
    assert_eq!(row("audit: complaint about the archive"), "•••");
    assert_eq!(row("audit: complaint about P-12"), "•••");
    assert_eq!(row("audit: complaint of P-1, who asks."), "Invented Buyer");
}

#[test]
fn refused_operations_are_shown_to_those_who_watch_over_access() {
    let served = company();
    assert_eq!(served.refuse("E-102", &decided("G-1", &["C1"], "granted")).0, 403);
    assert_eq!(status(&served, "E-102", CARD), 403);
    let rows = served.get("E-902", "/v1/views/refusals").json();
    let seen: Vec<(&str, &str)> = rows["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["command"].as_str().unwrap(), row["who"].as_str().unwrap()))
        .collect();
    assert_eq!(seen, [("card", "E-102"), ("access.decided", "E-102")]);
    assert_eq!(status(&served, "E-901", "/v1/views/refusals"), 200);
    for who in ["E-102", "E-201", "E-501"] {
        assert_eq!(status(&served, who, "/v1/views/refusals"), 403, "{who}");
    }
}

#[test]
fn a_request_is_seen_by_who_asked_who_decides_and_who_watches() {
    let served = company();
    served.admit("E-102", &asked("G-1", &["C1", "C3"], 10));
    let seen = |who: &str, more: &str| {
        served.get(who, &format!("/v1/views/grants{more}")).json()["items"].as_array().map_or(0, Vec::len)
    };
    for (who, all, waiting) in [
        ("E-102", 1, 0),
        ("E-201", 1, 1),
        ("E-402", 1, 1),
        ("E-902", 1, 0),
        ("E-901", 1, 0),
        ("E-401", 0, 0),
        ("E-103", 0, 0),
    ] {
        assert_eq!((seen(who, ""), seen(who, "?waiting=true")), (all, waiting), "{who}");
    }
    let row = served.get("E-201", "/v1/views/grants").json()["items"][0].clone();
    assert_eq!((&row["purpose"], &row["status"]), (&json!("bid of June"), &json!("waiting")));
    served.admit("E-402", &decided("G-1", &["C3"], "refused"));
    assert_eq!((seen("E-402", "?waiting=true"), seen("E-402", "")), (0, 1));
    // Without a purpose the log of access is not read, and the answer says so.
    let aimless = served.request("E-102", "GET", "/v1/views/grants", &[], b"");
    assert_eq!(aimless.json()["rule"], "R-059");
    assert_eq!(served.request("E-103", "GET", "/v1/views/grants", &[], b"").status, 200);
}

#[test]
fn a_customer_moved_to_another_region_is_seen_there_and_no_longer_where_it_was() {
    let test = TestLedger::new();
    test.customer("C-01", "Heyuan Alloy Works");
    let served = Served::of(test);
    let moved = |region: &str| {
        json!({ "type": "customer.profile_updated", "subject": "customer/C-01", "data": {
            "section": "basic", "changes": { "region": region }, "learned_at": "2026-03-02T09:30:00+08:00", "major": true } })
    };
    let sees = |who: &str| served.get(who, "/v1/customers/C-01").status;
    assert_eq!((sees("E-301"), sees("E-302")), (200, 403));
    // Only where its owner works; so it first gets one who works in both.
    assert_eq!(served.refuse("E-101", &moved("south")), refusal(422, "E_RULE", "R-028"));
    assert_eq!(served.refuse("E-101", &moved("nowhere")), refusal(422, "E_RULE", "R-052"));
    let role = json!({ "type": "employee.roles_changed", "id": "both-regions", "subject": "employee/E-102",
        "data": { "added": [{ "role": "sales_manager", "unit": "south" }], "removed": [], "reason": "works in both" } });
    served.admit("E-002", &role);
    for head in ["E-201", "E-302"] {
        served.admit(head, &json!({ "type": "approval.given", "data": { "request_id": "both-regions" } }));
    }
    let owner = json!({ "owner": "E-102", "co_contacts": [], "reason": "reassignment", "effective_at": "2026-03-02T10:00:00+08:00" });
    served.admit("E-201", &json!({ "type": "customer.owner_assigned", "subject": "customer/C-01", "data": owner }));
    served.admit("E-501", &moved("south"));
    assert_eq!((sees("E-201"), sees("E-301"), sees("E-302")), (403, 403, 200));
    let listed = served.get("E-501", "/v1/customers?region=south").json();
    assert_eq!(listed["items"][0]["customer_id"], "C-01");
}

#[test]
fn whatever_needs_a_purpose_is_denied_without_one_and_the_denial_is_entered() {
    let test = TestLedger::new();
    test.customer("C-01", "Heyuan Alloy Works");
    let served = Served::of(test);
    let denials = || {
        let log = served.get("E-902", "/v1/views/access_log?subject=employee/E-301").json();
        log["items"].as_array().unwrap().iter().filter(|read| read["denied_rule"] == "R-059").count()
    };
    // To read what is confidential, to open what is personal, to take anything out.
    let paths = [
        "/v1/customers/C-01/grades",
        "/v1/views/card?subject=C-01&reveal=true",
        "/v1/customers?format=csv",
        "/v1/views/list?format=xlsx",
    ];
    for (place, path) in paths.into_iter().enumerate() {
        let aimless = served.request("E-301", "GET", path, &[], b"");
        assert_eq!(aimless.problem(), refusal(403, "E_FORBIDDEN", "R-059"), "{path}");
        assert_eq!(denials(), place + 1, "{path}");
        assert_eq!(served.get("E-301", path).status, 200, "{path}");
    }
}

#[test]
fn what_is_not_there_leaves_the_same_as_what_nobody_may_know_of() {
    let served = company();
    let grown = |who: &str, path: &str| {
        let before = served.test.ledger.state().size;
        let answer = served.get(who, path);
        (answer.status, answer.problem().1, served.test.ledger.state().size - before)
    };
    // Human resources may not even list customers; everybody sees how large the ledger is.
    for path in
        ["/v1/customers/{}", "/v1/customers/{}/timeline", "/v1/views/grades?subject={}", "/v1/streams/customer/{}"]
    {
        // The third refusal of a day is reported.
        served.test.clock.advance(Duration::from_secs(2 * 86_400));
        let there = grown("E-001", &path.replace("{}", "C-01"));
        assert_eq!((there.0, there.2), (404, 1), "{path}");
        assert_eq!(grown("E-001", &path.replace("{}", "C-99")), there, "{path}");
    }
    // Whoever may list knows what is there.
    assert_eq!(grown("E-103", "/v1/customers/C-99"), (404, "E_REF".into(), 0));
}
