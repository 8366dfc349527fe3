//! The spine: what is proposed is decided, entered, proved, read under supervision and found again after a restart.

use dossier::domain::Code;
use dossier::ledger::{Answered, AsOf, ViewError, verify_data};
use dossier::proof::checkpoint::Vkey;
use dossier::proof::merkle;
use serde_json::{Value, json};

use crate::support::http::Served;
use crate::support::{TestLedger, contact, proposal};

#[test]
fn a_contact_is_entered_proved_read_and_found_after_a_restart() {
    let mut test = TestLedger::new();
    test.customer("C-01", "Xingqiao Line-17 Metro");
    let receipts = test.admit("E-101", contact("C-01", "E-101", "2026-03-02T09:30:00+08:00".parse().unwrap()));
    assert_eq!(receipts.len(), 1);
    assert_eq!(receipts[0].streams, ["contact/C-01@1", "customer/C-01@2", "acts/E-101@2"]);

    test.ledger.settle();
    let receipt = test.ledger.receipt(receipts[0].index).unwrap();
    let vkey: Vkey = test.ledger.vkey().parse().unwrap();
    let archive = test.view("E-101", "archive", Some("C-01")).unwrap();
    assert_eq!(archive.body["name"], "Xingqiao Line-17 Metro");
    assert_eq!(archive.body["contact_count"], 1);
    assert_eq!(archive.recorded.len(), 1);

    let evidence = test.view("E-901", "evidence", Some("customer/C-01")).unwrap();
    let text = evidence.body["entries"][1]["entry"].as_str().unwrap().to_owned();
    assert!(receipt.verify(&merkle::leaf_hash(text.as_bytes()), &vkey).is_ok());

    let size = test.ledger.state().size;
    test.reopen();
    assert_eq!(test.ledger.state().size, size);
    let again = test.view("E-101", "archive", Some("C-01")).unwrap();
    assert_eq!(again.body, archive.body);
    test.ledger.close();
    let sound = verify_data(&test.home.data, |_| ()).unwrap();
    assert_eq!(sound.entries, size + 1);
}

#[test]
fn nobody_approves_the_grade_they_proposed() {
    let test = TestLedger::new();
    test.customer("C-02", "Heyuan Alloy Works");
    let evidence = test.admit("E-101", contact("C-02", "E-101", "2026-03-02T09:30:00+08:00".parse().unwrap()));
    let proposed = test.admit("E-101", proposal("credit_grade.proposed", None, json!({
        "customer_id": "C-02", "proposal_id": "P-1", "to": "B", "trigger": "initial", "evidence": [evidence[0].id],
        "reason": "pays every invoice on time",
    })));
    assert_eq!(proposed[0].subject, "grade/C-02/credit");
    let approval = || proposal("credit_grade.approved", None, json!({ "proposal_id": "P-1", "to": "B" }));
    assert_eq!(test.refuse("E-101", approval()).0, Code::E_SOD);
    assert_eq!(test.refuse("E-302", approval()).0, Code::E_FORBIDDEN);
    test.admit("E-301", approval());
    let trace = test.view("E-901", "grade_audit", Some("C-02")).unwrap();
    let steps: Vec<&str> =
        trace.body["items"].as_array().unwrap().iter().map(|line| line["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["proposed", "refused", "refused", "approved"]);
    let four_eyes = test.view("E-902", "sod", None).unwrap();
    assert_eq!(four_eyes.body["items"], json!([]));
}

fn update(phone: &str) -> dossier::ledger::Proposal {
    proposal(
        "customer.profile_updated",
        Some("customer/C-1"),
        json!({ "section": "basic", "changes": { "phone": phone }, "learned_at": "2026-03-02T09:00:00+08:00", "major": false }),
    )
}

#[test]
fn a_newer_value_supersedes_and_the_older_stays_on_the_timeline() {
    let test = TestLedger::new();
    test.customer("C-1", "Works");
    test.admit("E-101", update("0531 8000 0002"));
    let archive = test.view("E-101", "archive", Some("C-1")).unwrap();
    let phone: Vec<&str> = archive.body["sections"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["item"] == "phone")
        .map(|row| row["value"].as_str().unwrap())
        .collect();
    assert_eq!(phone, ["0531 8000 0002"]);
    let timeline = test.view("E-901", "timeline", Some("customer/C-1")).unwrap();
    assert_eq!(timeline.body["items"][1]["payload"]["phone"], "0531 8000 0001");
}

#[test]
fn views_rebuilt_are_the_same_and_as_of_shows_what_was() {
    let test = TestLedger::new();
    test.customer("C-1", "Works");
    let then = test.ledger.state().size - 1;
    test.admit("E-101", update("0531 8000 0002"));
    let before = test.view("E-101", "archive", Some("C-1")).unwrap();
    let list = test.view("E-501", "list", None).unwrap();
    test.ledger.rebuild_views(|_| ()).unwrap();
    assert_eq!(test.view("E-101", "archive", Some("C-1")).unwrap().body, before.body);
    assert_eq!(test.view("E-501", "list", None).unwrap().body, list.body);
    let was = test.view_as_of("E-101", "archive", Some("C-1"), AsOf::Index(then)).unwrap();
    let phone = was.body["sections"].as_array().unwrap().iter().find(|row| row["item"] == "phone").unwrap().clone();
    assert_eq!(phone["value"], "0531 8000 0001");
    assert_eq!(was.position, then);
}

#[test]
fn the_staff_is_shown_as_it_was_to_whoever_may_see_it_now() {
    let test = TestLedger::new();
    let then = test.ledger.state().size - 1;
    let moved = json!({ "status": "transferred", "effective_on": "2026-03-02", "new_unit": "accounting" });
    test.admit("E-001", proposal("employee.status_changed", Some("employee/E-701"), moved));
    let given =
        json!({ "added": [{ "role": "hr", "unit": "hq" }], "removed": [], "reason": "asked for by the department" });
    let waiting = test.admit("E-002", proposal("employee.roles_changed", Some("employee/E-703"), given));
    let request = waiting[0].subject.strip_prefix("approval/").unwrap();
    test.admit("E-801", proposal("approval.given", None, json!({ "request_id": request })));
    let joined = json!({ "employee_id": "E-999", "name": "Person E-999", "unit": "hq", "joined_on": "2026-03-02" });
    test.admit("E-001", proposal("employee.registered", None, joined));

    let row = |answered: &Answered, who: &str| {
        let rows = answered.body["items"].as_array().unwrap();
        rows.iter().find(|row| row["employee_id"] == who).cloned()
    };
    let founded = "2026-03-02T02:00:00.000000Z";
    // Who was given the role later sees what was: the right is that of now.
    let was = test.view_as_of("E-703", "staff", None, AsOf::Index(then)).unwrap();
    let role = |row: Option<Value>, at: usize| {
        let role = row.unwrap()["roles"][at].clone();
        (
            role["role"].clone(),
            role["unit"].clone(),
            role["approved_by"].clone(),
            role["until"].clone(),
            role["ended_at"].clone(),
        )
    };
    let none = Value::Null;
    let held = (json!("service_department"), json!("hq"), json!("E-801"), none.clone(), none.clone());
    assert_eq!(role(row(&was, "E-701"), 0), held);
    let before = row(&was, "E-701").unwrap();
    assert_eq!(
        (&before["unit"], &before["status"], &before["approved_by"]),
        (&json!("hq"), &json!("active"), &json!(["E-801"]))
    );
    assert!(row(&was, "E-701").unwrap()["roles"][0]["since"].as_str().unwrap() >= founded);
    assert_eq!(row(&was, "E-703").unwrap()["roles"].as_array().unwrap().len(), 1);
    assert_eq!(row(&was, "E-999"), None);
    let is = test.view("E-703", "staff", None).unwrap();
    assert_eq!(role(row(&is, "E-701"), 0), held);
    let moved = row(&is, "E-701").unwrap();
    assert_eq!((&moved["unit"], &moved["status"]), (&json!("accounting"), &json!("transferred")));
    let units: Vec<&str> =
        moved["units"].as_array().unwrap().iter().map(|unit| unit["unit"].as_str().unwrap()).collect();
    assert_eq!(units, ["hq", "accounting"]);
    assert_eq!(moved["statuses"][1], json!({ "status": "transferred", "since": "2026-03-02" }));
    let given = (json!("hr"), json!("hq"), json!("E-801"), none.clone(), none);
    assert_eq!(role(row(&is, "E-703"), 1), given);
    assert_eq!(row(&is, "E-703").unwrap()["approved_by"], json!(["E-801"]));
    assert!(row(&is, "E-999").is_some());
}

#[test]
fn one_employees_roles_have_their_begin_and_end_and_the_status_its_last_day() {
    let test = TestLedger::new();
    let asked = |id: &str, added: Value, removed: Value| {
        let data = json!({ "added": added, "removed": removed, "reason": "the plan of the year" });
        let roles = proposal("employee.roles_changed", Some("employee/E-102"), data);
        test.admit("E-002", dossier::ledger::Proposal { id: Some(id.into()), ..roles });
        test.admit("E-201", proposal("approval.given", None, json!({ "request_id": id })));
    };
    asked("more-roles", json!([{ "role": "customer_manager", "unit": "north", "until": "2026-06-30" }]), json!([]));
    test.pass(1);
    asked("less-roles", json!([]), json!([{ "role": "salesperson", "unit": "north" }]));
    let one = |who: &str, id: &str| {
        let answered = test.view(who, "staff", Some(id)).unwrap();
        let items = answered.body["items"].as_array().unwrap().clone();
        assert_eq!(items.len(), 1, "{items:?}");
        items[0].clone()
    };
    // One's own, and whoever watches over the staff; a colleague sees neither.
    let row = one("E-102", "E-102");
    assert_eq!(one("E-001", "E-102"), row);
    assert!(matches!(test.view("E-101", "staff", Some("E-102")), Err(ViewError::Denied(_))));
    assert!(matches!(test.view("E-102", "staff", None), Err(ViewError::Denied(_))));
    assert!(matches!(test.view("E-001", "staff", Some("E-404")), Err(ViewError::NotFound)));
    let held = |at: usize, name: &str| row["roles"][at][name].clone();
    assert_eq!((held(0, "role"), held(0, "end_approved_by")), (json!("salesperson"), json!("E-201")));
    assert!(held(0, "ended_at").as_str().unwrap().starts_with("2026-03-03T02:00:"), "{row}");
    assert_eq!((held(1, "role"), held(1, "until")), (json!("customer_manager"), json!("2026-06-30")));
    assert_eq!((held(1, "approved_by"), held(1, "ended_at")), (json!("E-201"), Value::Null));
    assert!(held(1, "since").as_str().unwrap().starts_with("2026-03-02T02:00:"), "{row}");
    let notice = json!({ "status": "on_notice", "effective_on": "2026-03-03", "last_day": "2026-03-31" });
    test.admit("E-001", proposal("employee.status_changed", Some("employee/E-102"), notice));
    let row = one("E-001", "E-102");
    assert_eq!((&row["status"], &row["last_day"]), (&json!("on_notice"), &json!("2026-03-31")));
    test.admit(
        "E-001",
        proposal(
            "employee.status_changed",
            Some("employee/E-102"),
            json!({ "status": "left", "effective_on": "2026-03-31" }),
        ),
    );
    let left = one("E-001", "E-102");
    assert_eq!((&left["status"], &left["last_day"]), (&json!("left"), &json!("2026-03-31")), "as the notice said");
    let statuses: Vec<&str> =
        left["statuses"].as_array().unwrap().iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["active", "on_notice", "left"]);
}

#[test]
fn a_customer_is_as_unknown_before_the_registration_as_one_who_never_was() {
    let served = Served::new();
    let before = served.test.ledger.state().size - 1;
    served.test.customer("C-01", "Xingqiao Line-17 Metro");
    let first = before + 1;
    let size = || served.test.ledger.state().size;
    let as_of = |path: &str, moment: &str| {
        let mark = if path.contains('?') { '&' } else { '?' };
        format!("{path}{mark}as_of={moment}")
    };
    let paths = [
        "/v1/customers/C-01",
        "/v1/customers/C-01/timeline",
        "/v1/customers/C-01/grades",
        "/v1/customers/C-01/reads",
        "/v1/views/card?subject=C-01",
        "/v1/views/promises?subject=C-01",
        "/v1/views/grades?subject=C-01",
        "/v1/streams/contact/C-01",
        "/v1/streams/reads/C-01",
        &format!("/v1/entries/{first}"),
    ];
    for path in paths {
        let asked = size();
        let never = served.get("E-901", &path.replace("C-01", "C-99").replace(&format!("/{first}"), "/99999"));
        for moment in ["0", &before.to_string(), "2026-03-01T00:00:00Z"] {
            let answer = served.get("E-901", &as_of(path, moment));
            assert_eq!((answer.status, &answer.body), (404, &never.body), "{path} as of {moment}");
        }
        assert_eq!(size(), asked, "{path}: nothing was shown, so nothing is entered");
        assert_eq!(served.get("E-901", &as_of(path, &first.to_string())).status, 200, "{path}");
    }
    // Who may not see it is told what would be told today, and the denial is entered.
    for (who, path, status) in [("E-102", "/v1/customers/C-01/grades", 403), ("E-703", "/v1/customers/C-01", 404)] {
        let today = served.get(who, path);
        let asked = size();
        let then = served.get(who, &as_of(path, "0"));
        assert_eq!((then.status, &then.body), (status, &today.body), "{who}");
        assert_eq!(size(), asked + 1, "{who}");
    }
    // The list of that moment is there, and empty.
    assert_eq!(served.get("E-501", "/v1/customers?as_of=0").json()["items"], json!([]));
}

#[test]
fn a_long_development_visit_is_shown_and_not_refused() {
    let test = TestLedger::new();
    test.customer("C-1", "Works");
    let mut visit = contact("C-1", "E-101", "2026-03-02T09:30:00+08:00".parse().unwrap());
    visit.data["channel"] = json!("visit");
    visit.data["purpose"] = json!("develop");
    visit.data["minutes"] = json!(55);
    test.admit("E-101", visit);
    let archive = test.view("E-101", "archive", Some("C-1")).unwrap();
    assert_eq!(archive.body["contacts"][0]["long_visit"], true);
}

#[test]
fn a_grade_that_begins_later_shows_from_its_moment_on() {
    let test = TestLedger::new();
    test.customer("C-1", "Works");
    let evidence = test.admit("E-101", contact("C-1", "E-101", "2026-03-02T09:30:00+08:00".parse().unwrap()));
    test.admit(
        "E-101",
        proposal(
            "credit_grade.proposed",
            None,
            json!({
                "customer_id": "C-1", "proposal_id": "P-1", "to": "B", "trigger": "initial", "evidence": [evidence[0].id],
                "reason": "pays every invoice on time",
            }),
        ),
    );
    let data = json!({ "proposal_id": "P-1", "to": "B", "effective_at": "2026-03-02T12:00:00+08:00" });
    test.admit("E-301", proposal("credit_grade.approved", None, data));
    let grade = || test.view("E-101", "archive", Some("C-1")).unwrap().body["credit_grade"].clone();
    assert_eq!(grade(), json!(null));
    let row = test.view("E-101", "grades", Some("C-1")).unwrap().body["items"][0].clone();
    assert_eq!((&row["next_credit_grade"], &row["credit_grade"]), (&json!("B"), &Value::Null), "{row}");
    assert_eq!(row["next_credit_since"].as_str().unwrap().get(..16), Some("2026-03-02T04:00"), "{row}");
    test.clock.advance(std::time::Duration::from_secs(3 * 3600));
    assert_eq!(grade(), "B");
}

#[test]
fn an_entry_bundle_holds_what_its_tile_hashes_and_is_read_by_few() {
    let test = TestLedger::new();
    test.customer("C-01", "Xingqiao Line-17 Metro");
    test.ledger.settle();
    let size = test.ledger.checkpoint().0.size;
    let served = Served::of(test);
    let answer = served.get("E-901", &format!("/tile/entries/000.p/{size}"));
    assert_eq!((answer.status, answer.header("dossier-reading").len()), (200, 1));
    assert_eq!(served.test.version("reads/C-01"), 1, "whose entries they are, they find who has read them");
    let mut rest = answer.body.as_slice();
    let mut leaves = Vec::new();
    while let Some((length, behind)) = rest.split_first_chunk() {
        let (entry, behind) = behind.split_at(u16::from_be_bytes(*length).into());
        leaves.extend_from_slice(&merkle::leaf_hash(entry));
        rest = behind;
    }
    assert_eq!(leaves, served.get("E-901", &format!("/tile/0/000.p/{size}")).body);
    assert_eq!(served.get("E-901", "/v1/evidence?stream=customer/C-01&as_of=1").status, 400);
    assert_eq!(served.get("E-901", &format!("/v1/evidence?stream=customer/C-01&after={}", u64::MAX)).status, 404);
    let before = served.test.ledger.state().size;
    assert_eq!(served.get("E-101", "/tile/entries/000.p/5").status, 403);
    assert_eq!(served.test.ledger.state().size, before + 1, "the denial is entered");
    assert_eq!(served.get("E-901", "/tile/entries/001").status, 404);
    assert_eq!(served.get("E-901", "/tile/entries/1").status, 404);
}

#[test]
fn evidence_of_a_long_stream_says_where_it_goes_on() {
    let test = TestLedger::new();
    test.customer("C-01", "Xingqiao Line-17 Metro");
    for _ in 0..4 {
        test.admit("E-101", contact("C-01", "E-101", "2026-03-02T09:30:00+08:00".parse().unwrap()));
    }
    test.ledger.settle();
    let served = Served::of(test);
    let mut path = "/v1/evidence?stream=customer/C-01&limit=2".to_owned();
    let mut versions = Vec::new();
    loop {
        let answer = served.get("E-901", &path);
        let bundle = answer.json();
        for shown in bundle["entries"].as_array().unwrap() {
            let entry: Value = serde_json::from_str(shown["entry"].as_str().unwrap()).unwrap();
            let streams = entry["streams"].as_str().unwrap().to_owned();
            let link = streams.split(' ').find_map(|link| link.strip_prefix("customer/C-01@")).unwrap();
            versions.push(link.split(':').next().unwrap().to_owned());
        }
        let Some(next) = answer.header("dossier-next").first().map(|next| next.to_string()) else { break };
        path = format!("/v1/evidence?stream=customer/C-01&limit=2&after={next}");
    }
    assert_eq!(versions, ["1", "2", "3", "4", "5"]);
}
