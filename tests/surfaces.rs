//! Every role on every surface: whoever may not see a class never finds it, whoever may does; and every role proposes every event.

use std::time::Duration;

use dossier::access::facts::Facts;
use dossier::access::matter::Matter;
use dossier::clock::Clock as _;
use dossier::domain::Code;
use dossier::domain::catalog;
use dossier::domain::role::Role;
use dossier::ledger::{Proposal, SubmitError};
use dossier::projection::{Scope, VIEWS, View};
use serde_json::{Value, json};

use crate::policy::{appendable, as_committed, readable};
use crate::support::http::Served;
use crate::support::{TestLedger, contact, proposal, registration};

/// What is planted: a word found nowhere else, the matters it takes to see it, and whether it is a person's.
const MARKS: &[(&str, &[Matter], bool)] = &[
    ("Markaddress", &[Matter::Basic], false),
    ("Marktrade", &[Matter::Commercial], false),
    ("Markreason", &[Matter::Credit], false),
    ("Markname", &[Matter::PersonIdentity], true),
    ("Markhobby", &[Matter::PersonPrivate], true),
    ("Markplan", &[Matter::Strategy], false),
    ("Marktalk", &[Matter::ContactLog], false),
    ("Markbid", &[Matter::AccessLog], false),
    ("Markstaff", &[Matter::Staff], true),
    ("Markpaper", &[Matter::Credit], false),
];

fn id(role: Role) -> String {
    format!("W-{}", role.key())
}

/// The company with one more employee for every role, all of the north, and a customer of E-101 in which every mark is planted.
fn company() -> TestLedger {
    let test = TestLedger::new();
    for role in Role::ALL {
        let id = id(role);
        test.admit(
            "E-001",
            proposal(
                "employee.registered",
                None,
                json!({
            "employee_id": id, "name": format!("Worker {}", role.key()), "unit": "north", "joined_on": "2026-03-02" }),
            ),
        );
        let request = format!("give-the-{}", role.key());
        let roles = proposal(
            "employee.roles_changed",
            Some(&format!("employee/{id}")),
            json!({ "added": [{ "role": role.key(), "unit": "north" }], "removed": [], "reason": "tests" }),
        );
        test.admit("E-002", Proposal { id: Some(request.clone()), ..roles });
        for head in ["E-201", "E-801"].iter().take(if role.is_of_company() { 2 } else { 1 }) {
            test.admit(head, proposal("approval.given", None, json!({ "request_id": request })));
        }
    }
    test.admit(
        "E-001",
        proposal(
            "employee.registered",
            None,
            json!({
        "employee_id": "W-marked", "name": "Markstaff Worker", "unit": "north", "joined_on": "2026-03-02" }),
        ),
    );
    let mut customer = registration("C-01", "Open Works", "north", "E-101");
    customer.data["address"] = json!("1 Markaddress Road");
    test.admit("E-101", customer);
    let sale = json!({ "sale_id": "S-1", "customer_id": "C-01", "invoice_name": "Works", "kind": "sale", "product": "Marktrade relay",
        "product_category": "Relays", "region": "north", "amount": 100_000, "sold_on": "2026-03-02" });
    test.admit("E-401", proposal("sale.recorded", None, sale));
    let mut talk = contact("C-01", "E-101", test.clock.now());
    talk.data["summary"] = json!("Marktalk about the summer.");
    talk.id = Some("talk-0001".into());
    let evidence = test.admit("E-101", talk)[0].id.to_string();
    test.admit(
        "E-101",
        proposal(
            "credit_grade.proposed",
            None,
            json!({
        "proposal_id": "CG-1", "customer_id": "C-01", "to": "B", "trigger": "initial", "evidence": [evidence],
        "reason": "Markreason: pays on time" }),
        ),
    );
    let person = |kind: &str, data: Value| test.admit("E-101", proposal(kind, Some("person/P-1"), data));
    test.admit(
        "E-101",
        proposal(
            "person.recorded",
            None,
            json!({
        "person_id": "P-1", "customer_id": "C-01", "name": "Markname Buyer", "function": "principal" }),
        ),
    );
    person("consent.recorded", json!({ "purpose": "relationship_care", "status": "given", "method": "oral" }));
    person(
        "person.updated",
        json!({ "changes": { "hobbies": "Markhobby" }, "learned_at": "2026-03-02T09:00:00+08:00" }),
    );
    test.admit(
        "E-401",
        proposal(
            "anomaly.reported",
            None,
            json!({
        "kind": "growth", "customer_id": "C-01", "facts": "Markplan of a rival", "reported_to": ["E-801"] }),
        ),
    );
    test.admit("E-102", proposal("access.requested", None, json!({
        "grant_id": "G-1", "customers": ["C-01"], "classes": ["C1"], "modes": ["view"], "from": "2026-03-02T10:00:00+08:00",
        "until": "2026-03-12T10:00:00+08:00", "purpose": "Markbid of June" })));
    test.admit("E-501", proposal("archive.borrowed", None, json!({
        "loan_id": "L-1", "customer_id": "C-01", "borrower": "E-302", "sections": ["basic"], "purpose": "Markbid as well",
        "until": "2026-03-05", "declaration": true })));
    let paper = json!({ "document_id": "D-1", "kind": "financial_statement", "title": "Markpaper of the year", "class": "C3", "customer_id": "C-01" });
    test.file("E-101", proposal("document.filed", None, paper), b"%PDF-1.7 Markpaper");
    test
}

/// Every address under which something of the marked customer, employee or streams might show.
fn surfaces(test: &TestLedger) -> Vec<String> {
    let mut paths = Vec::new();
    for view in VIEWS {
        let subjects: &[&str] = match view.scope {
            Scope::Company => &[""],
            Scope::Customer => &["subject=C-01&"],
            Scope::Customers => &["subject=C-01&", ""],
            Scope::Employee => &["subject=E-101&", "subject=W-marked&", ""],
            Scope::Person => &["subject=customer/C-01&", "subject=employee/W-marked&", "subject=employee/E-101&", ""],
            Scope::Employees => &["subject=W-marked&", ""],
            Scope::Stream => &[
                "subject=customer/C-01&",
                "subject=contact/C-01&",
                "subject=grade/C-01/credit&",
                "subject=person/P-1&",
                "subject=sale/S-1&",
                "subject=reads/C-01&",
                "subject=acts/E-101&",
                "subject=acts/E-102&",
                "subject=employee/W-marked&",
                "subject=grant/G-1&",
                "subject=loan/L-1&",
                "subject=document/D-1&",
            ],
            Scope::Document => &["subject=D-1&"],
            Scope::Entry => &[],
            Scope::Tile => &["subject=000&"],
        };
        // The log of readings grows with every one of these questions, and its evidence with it.
        let grows =
            |subject: &&&str| view.key == "evidence" && (subject.contains("reads/") || subject.contains("acts/"));
        for subject in subjects.iter().filter(|subject| !grows(subject)) {
            paths.push(format!("/v1/views/{}?{subject}reveal=true", view.key));
            if view.scope != Scope::Tile {
                paths.push(format!("/v1/views/{}?{subject}format=csv", view.key));
            }
        }
        // What was is shown by the same rights as what is.
        paths.extend(subjects.first().filter(|_| view.scope == Scope::Customer).map(|subject| {
            format!("/v1/views/{}?{subject}reveal=true&as_of={}", view.key, test.ledger.state().size - 1)
        }));
    }
    paths.push("/v1/documents/D-1/content".to_owned());
    for page in ["", "/card", "/documents", "/people", "/people?view=relations", "/grades", "/timeline", "/reads"] {
        paths.push(format!("/customers/C-01{page}"));
    }
    paths.extend(
        [
            "/",
            "/customers",
            "/obligations",
            "/propose?customer=C-01",
            "/access",
            "/access?view=anomalies",
            "/access?view=refusals",
        ]
        .map(String::from),
    );
    paths.extend(marked_entries(test).into_iter().map(|index| format!("/v1/entries/{index}")));
    paths.extend(["/customers/C-99", "/v1/customers/C-99", "/v1/streams/person/P-9"].map(String::from));
    paths
}

/// The entries about the marked customer and employee: the last of the ledger, after the company was gathered.
fn marked_entries(test: &TestLedger) -> Vec<u64> {
    let size = test.ledger.state().size;
    (size - 13..size).collect()
}

#[test]
fn every_role_finds_on_every_surface_what_it_may_see_and_nothing_else() {
    let test = company();
    let paths = surfaces(&test);
    let served = Served::of(test);
    let (mut found, mut expected) = (Vec::new(), Vec::new());
    for role in Role::ALL {
        let who = id(role);
        // The customer lies in the north, where everybody works, and is nobody's own of these.
        let of_customer = Facts::REGION | Facts::PURPOSE;
        for (mark, matters, personal) in MARKS {
            let about = match *mark {
                "Marktrade" => of_customer | Facts::ABOUT_SALES,
                "Markstaff" => of_customer | Facts::ABOUT_ROLES,
                "Markbid" if role == Role::Archivist => of_customer | Facts::ABOUT_LOANS,
                _ => of_customer,
            };
            let seen = matters.iter().all(|matter| {
                let (allowed, unmasked) = readable(role, *matter, about);
                allowed && (unmasked || !personal)
            });
            // Who decides on a request reads it, and what concerns one's own decision beside it.
            let decides = *mark == "Markbid" && role == Role::DepartmentHead;
            // Whole entries leave to those who may take proofs out; what is sealed stays sealed in them.
            let takes_out = matches!(role, Role::Auditor | Role::Compliance) && !personal;
            expected.push((role, *mark, seen || decides || takes_out));
        }
        let mut seen = vec![false; MARKS.len()];
        for path in &paths {
            let headers: &[(&str, &str)] = match path.starts_with("/v1/") {
                true => &[("Dossier-Purpose", "management: tests")],
                false => &[("Dossier-Purpose", "management: tests"), ("Accept", "text/html")],
            };
            let answer = served.request(&who, "GET", path, headers, b"");
            let text = answer.text();
            for (at, (mark, ..)) in MARKS.iter().enumerate() {
                if text.contains(mark) {
                    let (_, _, may) = expected[expected.len() - MARKS.len() + at];
                    assert!(may, "{role} finds {mark} at {path}: {text}");
                    seen[at] = true;
                }
            }
        }
        found.extend(MARKS.iter().zip(seen).map(|((mark, ..), seen)| (role, *mark, seen)));
    }
    let missed: Vec<_> = expected.iter().zip(&found).filter(|(expected, found)| expected != found).collect();
    assert!(missed.is_empty(), "may see it and finds it nowhere: {missed:?}");
}

/// What somebody is shown of a class, by the matters it may stand in.
fn permitted(role: Role, class: &str) -> bool {
    let whatever = [
        Facts::REGION,
        Facts::PURPOSE,
        Facts::SELF,
        Facts::SUBMITTED,
        Facts::ABOUT_SALES,
        Facts::ABOUT_SERVICE,
        Facts::ABOUT_ROLES,
        Facts::ABOUT_LOANS,
        Facts::ABOUT_CORRECTIONS,
        Facts::ABOUT_GROWTH,
        Facts::ABOUT_DATES,
        Facts::REQUESTER,
    ];
    let facts = whatever.into_iter().fold(Facts::NONE, Facts::with);
    let within: &[Matter] = match class {
        // Said of the customer, of contacts, of staff and of readings alike.
        "C1" => &[Matter::Basic, Matter::ContactLog, Matter::Staff, Matter::AccessLog, Matter::Commercial],
        "C2" => &[Matter::Commercial, Matter::ContactLog],
        "C3" => &[Matter::Credit],
        "C4" => &[Matter::PersonIdentity],
        "C5" => &[Matter::PersonPrivate],
        "C6" => &[Matter::Strategy],
        "C7" => &[Matter::Staff],
        _ => &[Matter::AccessLog, Matter::Proofs],
    };
    within.iter().any(|matter| readable(role, *matter, facts).0)
}

/// Prints role × view × class: what each role is shown of each view of a customer of its region; it agrees with the matrix of roles.
#[test]
fn what_each_role_is_shown_of_each_view_is_as_committed() {
    let served = Served::of(company());
    let mut table = String::from(
        "What each role is shown. Each line: role, view, and the classes its answer held, asked in the office with a purpose and with\n\
         personal values opened, of a customer or colleague of the role's own region; or the rule that denied it.\n\n",
    );
    for role in Role::ALL {
        let who = id(role);
        for view in VIEWS {
            let asked = served.get(&who, &format!("/v1/views/{}?{}reveal=true", view.key, subject(view)));
            let shown = match asked.header("Dossier-Reading").first().and_then(|indexes| indexes.split(',').next()) {
                Some(index) if asked.status == 200 => {
                    let entry = served.get("E-901", &format!("/v1/entries/{}", index.trim())).json();
                    let data = &entry["entry"]["data"];
                    let classes: Vec<String> = serde_json::from_value(data["classes"].clone()).unwrap();
                    for class in &classes {
                        assert!(permitted(role, class), "{role} is shown {class} of {}", view.key);
                    }
                    if classes.is_empty() { "nothing".to_owned() } else { classes.join(" ") }
                }
                _ if asked.status == 200 => "C0".to_owned(),
                _ if asked.status == 404 => "unknown".to_owned(),
                _ => format!("denied by {}", asked.problem().2),
            };
            table.push_str(&format!("{role} {}: {shown}\n", view.key));
        }
        table.push('\n');
    }
    as_committed("views-matrix.txt", &table);
}

/// What a view is asked about in the company where everybody has something to see.
fn subject(view: &View) -> &'static str {
    match view.scope {
        _ if view.key == "search" => "q=Open&",
        Scope::Company => "",
        Scope::Customer | Scope::Customers => "subject=C-01&",
        Scope::Person | Scope::Stream => "subject=customer/C-01&",
        Scope::Employee | Scope::Employees => "subject=E-101&",
        Scope::Document => "subject=D-1&",
        Scope::Entry => "subject=40&",
        Scope::Tile => "subject=000&",
    }
}

/// A page that begins at a place no answer gave would silently leave out what lies before it.
#[test]
fn no_view_goes_on_from_where_no_answer_ended() {
    let served = Served::of(company());
    for view in VIEWS {
        let path = format!("/v1/views/{}?{}after=%3F", view.key, subject(view));
        let mut refused = 0;
        for role in Role::ALL {
            let answer = served.get(&id(role), &path);
            match answer.status {
                400 => assert_eq!(answer.json()["errors"][0]["pointer"], "/after", "{role} {path}"),
                403 | 404 => continue,
                status => panic!("{role} {path}: {status}"),
            }
            refused += 1;
        }
        assert!(refused > 0, "nobody may read {}", view.key);
    }
}

#[test]
fn nobody_infers_by_a_filter_what_they_may_not_see() {
    let served = Served::of(company());
    for role in Role::ALL {
        let who = id(role);
        let rows = |path: &str| {
            let answer = served.get(&who, path);
            if answer.status == 200 { answer.json()["items"].as_array().map_or(0, Vec::len) } else { 0 }
        };
        let (basic, _) = readable(role, Matter::Basic, Facts::REGION | Facts::PURPOSE);
        let (list, _) = readable(role, Matter::List, Facts::REGION | Facts::PURPOSE);
        for filter in ["owner=E-101", "region=north", "status=prospect"] {
            let found = rows(&format!("/v1/customers?{filter}"));
            assert!(found == 0 || (basic && list), "{role} {filter}: {found}");
        }
        assert_eq!(rows("/v1/customers?owner=E-101"), usize::from(basic && list), "{role}");
        // A search looks at names and numbers, whatever else is known.
        for (mark, ..) in MARKS {
            assert_eq!(rows(&format!("/v1/customers?q={mark}")), 0, "{role} {mark}");
        }
        // Nor do the trace of grades and the log of readings say by a filter what they do not show.
        let (credit, _) = readable(role, Matter::Credit, Facts::REGION | Facts::PURPOSE);
        for filter in ["employee=E-101", "policy_version=1", "dimension=credit", "from=2026-03-02"] {
            let found = rows(&format!("/v1/views/grade_audit?{filter}"));
            assert!(found == 0 || credit, "{role} {filter}: {found}");
        }
        let (log, _) = readable(role, Matter::AccessLog, Facts::PURPOSE);
        for filter in ["person=P-1", "customer=C-01", "authority=own", "leaver=false"] {
            let found = rows(&format!("/v1/views/access_log?{filter}"));
            assert!(found == 0 || log, "{role} {filter}: {found}");
        }
        // Sums touch a customer only where the trade may be seen.
        let stats = served.get(&who, "/v1/views/stats");
        let (trade, _) = readable(role, Matter::Commercial, Facts::REGION | Facts::PURPOSE | Facts::ABOUT_SALES);
        let counted = stats.status == 200 && stats.json()["total"]["customer_count"] == json!(1);
        assert_eq!(counted, trade && list, "{role}: {}", stats.text());
    }
}

/// What everybody proposes of a customer that is their own or not, and what is the case then besides.
fn attempts(test: &TestLedger, customer: &str, round: usize, role: Role) -> Vec<(Proposal, Facts)> {
    let now = test.clock.now();
    let tag = format!("{round}-{}", role.key());
    let me = id(role);
    let no = Facts::NONE;
    let of = |kind: &str, data: Value| proposal(kind, Some(&format!("customer/{customer}")), data);
    let person = |kind: &str, data: Value| proposal(kind, Some("person/P-1"), data);
    let mut letter = contact(customer, "E-101", now);
    letter.data["channel"] = json!("letter");
    let mut visit = contact(customer, "E-101", now);
    visit.data["channel"] = json!("visit");
    // Whoever appends anything to the archive and may read the basics, which need nobody's leave.
    let files = match role {
        Role::Salesperson | Role::CustomerManager => customer.starts_with("O-"),
        Role::SalesManager | Role::RegionalGm | Role::MarketDevelopment | Role::Marketing | Role::MarketDirector => {
            true
        }
        Role::Archivist | Role::Commerce | Role::Accounting | Role::CorrespondenceAdmin => true,
        _ => false,
    };
    let paper = json!({ "kind": "other", "title": "x", "class": "C1", "customer_id": customer });
    let signed = json!({ "subject_event": "talk-0001", "purpose": "noted", "step": 1, "decision": "noted" });
    let others = no.with_if(role != Role::Archivist, Facts::TOOK_PART);
    vec![
        (proposal("document.filed", None, paper), no.with_if(files, Facts::SUBJECT_WRITER)),
        (proposal("signoff.recorded", None, signed), Facts::STEP_HOLDER),
        (proposal("ledger.verified", None, json!({ "from_position": 0, "to_position": 1 })), no),
        (
            proposal(
                "policy.adopted",
                None,
                json!({ "unit": "north", "presets": {}, "parameters": {}, "effective_at": "2026-05-01T00:00:00Z", "reason": "x" }),
            ),
            no,
        ),
        (proposal("policy.reviewed", None, json!({ "year": 2026, "outcome": "unchanged", "findings": "x" })), no),
        (proposal("clock.accepted", None, json!({ "reason": "x" })), no),
        (
            proposal(
                "calendar.adopted",
                None,
                json!({ "calendar": "cn", "year": 2031, "days_off": ["2031-01-01"], "make_up_days": [], "notice": "x" }),
            ),
            no,
        ),
        (
            proposal(
                "org_unit.defined",
                None,
                json!({ "unit_id": "desk", "name": "Desk", "kind": "office", "parent": "hq", "status": "active" }),
            ),
            no,
        ),
        (
            proposal(
                "employee.registered",
                None,
                json!({ "employee_id": format!("N-{tag}"), "name": "New", "unit": "north", "joined_on": "2026-03-02" }),
            ),
            no,
        ),
        (
            proposal(
                "employee.roles_changed",
                Some("employee/E-103"),
                json!({ "added": [{ "role": "marketing", "unit": "south" }], "removed": [], "reason": "x" }),
            ),
            no,
        ),
        (
            proposal(
                "employee.status_changed",
                Some("employee/E-103"),
                json!({ "status": "left", "effective_on": "2026-03-02" }),
            ),
            no,
        ),
        (
            proposal(
                "appraisal.recorded",
                Some("employee/E-103"),
                json!({ "scheme": "archivist", "period": "2026", "items": [{ "item": "x", "weight_bp": 10_000, "points": 50, "basis": "x" }],
                    "score": 50, "outcome": "pass" }),
            ),
            no,
        ),
        (
            proposal(
                "violation.recorded",
                Some("employee/E-103"),
                json!({ "kind": "rule_breach", "facts": "x", "sanction": "none_yet" }),
            ),
            no,
        ),
        (proposal("approval.given", None, json!({ "request_id": "no-such-thing" })), Facts::STEP_HOLDER),
        (
            proposal("approval.declined", None, json!({ "request_id": "no-such-thing", "reason": "x" })),
            Facts::STEP_HOLDER,
        ),
        (registration(&format!("N-{tag}"), &format!("New {tag}"), "north", "E-101"), Facts::REGION),
        (registration(&format!("S-{tag}"), &format!("South {tag}"), "south", "E-103"), no.without(Facts::REGION)),
        (
            of(
                "customer.profile_updated",
                json!({ "section": "basic", "changes": { "postcode": "250000" }, "learned_at": now, "major": false }),
            ),
            no,
        ),
        (of("customer.classified", json!({ "dimension": "weight", "value": "general", "basis": "x" })), no),
        (of("customer.code_assigned", json!({ "code": "A-00001", "letter": "A", "digits": 1 })), no),
        (
            of(
                "customer.owner_assigned",
                json!({ "owner": "E-101", "co_contacts": [], "effective_at": now, "reason": "reassignment" }),
            ),
            no,
        ),
        (of("customer.status_changed", json!({ "status": "terminated", "reason": "x" })), no),
        (of("customer.marked_duplicate", json!({ "duplicate_of": customer, "reason": "x" })), no),
        (
            of(
                "archive.verified",
                json!({ "kind": "spot", "period": "2026Q1", "result": "confirmed", "findings": [] }),
            ),
            no,
        ),
        (proposal("person.recorded", None, json!({ "customer_id": customer, "name": format!("Buyer {tag}") })), no),
        // That they took part the module asks of everybody but the archivist.
        (letter, Facts::CALL_OR_LETTER.with(others)),
        (visit, others),
        (contact(customer, &me, now), Facts::TOOK_PART | Facts::CALL_OR_LETTER),
        (
            proposal(
                "sale.recorded",
                None,
                json!({ "customer_id": customer, "invoice_name": "x", "kind": "sale", "product": "x", "product_category": "x", "region": "north", "amount": 1, "sold_on": "2026-03-02" }),
            ),
            no,
        ),
        (
            proposal(
                "credit_grade.proposed",
                None,
                json!({ "customer_id": customer, "to": "C", "trigger": "initial", "evidence": ["give-the-hr"], "reason": "pays on time always" }),
            ),
            no,
        ),
        (
            proposal(
                "access.requested",
                None,
                json!({ "grant_id": format!("G-{tag}"), "customers": [customer], "classes": ["C1"], "modes": ["view"], "from": now, "until": now.plus(Duration::from_secs(3600)), "purpose": "for the tests" }),
            ),
            no,
        ),
        (
            proposal(
                "access.decided",
                Some("grant/G-5"),
                json!({ "classes": ["C5"], "decision": "refused", "reason": "x" }),
            ),
            no,
        ),
        (
            proposal(
                "archive.borrowed",
                None,
                json!({ "loan_id": format!("L-{tag}"), "customer_id": customer, "borrower": "E-301", "sections": ["basic"], "purpose": "x", "until": "2026-03-03", "declaration": true }),
            ),
            no,
        ),
        (proposal("archive.returned", Some("loan/L-1"), json!({ "how": "expired" })), no),
        (proposal("access.revoked", Some("grant/G-9"), json!({ "reason": "x" })), no),
        (
            proposal(
                "anomaly.reported",
                None,
                json!({ "kind": "other", "customer_id": customer, "facts": "x", "reported_to": ["E-801"] }),
            ),
            no,
        ),
        (proposal("anomaly.resolved", Some("anomaly/A-5"), json!({ "outcome": "solved", "action": "x" })), no),
        (person("person.updated", json!({ "changes": {}, "learned_at": now })), Facts::OWN),
        (person("consent.recorded", json!({ "purpose": "survey", "status": "refused", "method": "oral" })), Facts::OWN),
        (
            person(
                "relationship.assessed",
                json!({ "our_person": "E-101", "our_title": "x", "decision_role": "x", "attitude": "neutral" }),
            ),
            Facts::OWN,
        ),
        (person("personal_data.erased", json!({ "scope": "private", "ground": "request" })), no),
        (person("legal_hold.placed", json!({ "hold_id": format!("H-{tag}"), "matter": "x" })), no),
        (person("legal_hold.lifted", json!({ "hold_id": "H-9", "reason": "x" })), no),
        (
            proposal(
                "credit_grade.reviewed",
                None,
                json!({ "proposal_id": "CG-1", "step": 1, "verdict": "endorse", "opinion": "x" }),
            ),
            Facts::SUBSTITUTE,
        ),
        (
            proposal(
                "commitment.closed",
                Some(&format!("contact/{customer}")),
                json!({ "promise_id": "PR-9", "outcome": "fulfilled", "note": "x" }),
            ),
            Facts::RESPONSIBLE,
        ),
    ]
}

#[test]
fn every_role_proposes_every_event_and_is_refused_where_the_table_says_so() {
    let test = company();
    test.admit(
        "E-401",
        proposal(
            "anomaly.reported",
            None,
            json!({
        "anomaly_id": "A-5", "kind": "other", "facts": "x", "reported_to": ["E-801"] }),
        ),
    );
    test.admit("E-103", proposal("access.requested", None, json!({
        "grant_id": "G-5", "customers": ["C-01"], "classes": ["C5"], "modes": ["view"], "from": "2026-03-02T10:00:00+08:00",
        "until": "2026-03-12T10:00:00+08:00", "purpose": "for the tests" })));
    let mut tried = std::collections::BTreeSet::new();
    let mut wrong = Vec::new();
    for (round, own) in [false, true].into_iter().enumerate() {
        for role in Role::ALL {
            let mut customer = "C-01".to_owned();
            if own {
                customer = format!("O-{}", role.key());
                let owner = id(role);
                // Only who keeps customers owns one; of the others none is their own.
                let registered = registration(&customer, &format!("Own {}", role.key()), "north", &owner);
                if test.submit("E-501", vec![registered]).is_err() {
                    continue;
                }
            }
            for (proposed, besides) in attempts(&test, &customer, round, role) {
                // Some are of a person or a case that is nobody's own here.
                let elsewhere = besides.contains(Facts::OWN);
                let known = Facts::NONE.with_if(own && !elsewhere, Facts::OWN);
                let south = proposed.data["region"] == "south";
                let facts = known.with(besides.without(Facts::OWN)).with_if(!south, Facts::REGION);
                let kind = catalog::find(&proposed.kind).unwrap().name;
                tried.insert(kind);
                let may = appendable(role, kind, facts).unwrap_or_else(|| panic!("{kind} is not in the table"));
                let who = id(role);
                let refused = match test.submit(&who, vec![proposed]) {
                    Err(SubmitError::Refused { refusal, .. }) => {
                        let (code, rule) = refusal.grounds();
                        // These the modules say, not the policies: what is asked for may be permitted to the role.
                        let by_policy = matches!(code, Code::E_FORBIDDEN)
                            && matches!(rule, "R-050" | "R-051" | "R-052" | "R-055" | "R-063" | "R-064");
                        by_policy.then(|| rule.to_owned())
                    }
                    Err(SubmitError::NotFound) => Some("hidden".to_owned()),
                    _ => None,
                };
                if may == refused.is_some() {
                    wrong.push(format!("{role} {kind} own={own}: may={may} refused={refused:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // What is left rests on other steps, and is tried where these are: grades, terms and payments, corrections, more time.
    let by_hand = catalog::types().iter().filter(|kind| !kind.system).map(|kind| kind.name);
    let left: Vec<&str> = by_hand.filter(|kind| !tried.contains(kind)).collect();
    let elsewhere = [
        "customer.individual_registered",
        "business_grade.proposed",
        "business_grade.reviewed",
        "credit_grade.approved",
        "business_grade.approved",
        "credit_grade.rejected",
        "business_grade.rejected",
        "credit_grade.withdrawn",
        "business_grade.withdrawn",
        "credit_review.recorded",
        "trade_terms.set",
        "payment.recorded",
        "record.corrected",
        "record.voided",
        "obligation.extended",
    ];
    assert_eq!(left, elsewhere);
}

#[test]
fn of_what_is_of_no_customer_one_knows_what_one_has_a_part_in() {
    let served = Served::of(TestLedger::new());
    served.test.customer("C-01", "Heyuan Alloy Works");
    let evidence = served.admit("E-101", &json!({ "type": "contact.recorded", "subject": "contact/C-01", "data": contact("C-01", "E-101", served.test.clock_now()).data }));
    let now = served.test.clock_now();
    let violated = json!({ "type": "violation.recorded", "subject": "employee/E-101", "data": {
        "kind": "data_loss", "facts": "A file was left on a train.", "evidence": [evidence["id"]], "sanction": "warning", "decided_by": "E-801" } });
    let reported = json!({ "type": "anomaly.reported", "data": {
        "kind": "credit", "employee_id": "E-102", "facts": "somebody reads too much", "reported_to": ["E-801"] } });
    let requested = json!({ "type": "access.requested", "data": {
        "grant_id": "G-1", "customers": ["C-01"], "classes": ["C1"], "modes": ["view"], "from": now,
        "until": now.plus(Duration::from_secs(86_400)), "purpose": "comparing two bids" } });
    let drafted = json!({ "type": "policy.adopted", "data": {
        "unit": "hq", "presets": {}, "parameters": { "p.backdate.hours": 48 }, "effective_at": now.plus(Duration::from_secs(3_600)), "reason": "x" } });
    let reviewed =
        json!({ "type": "policy.reviewed", "data": { "year": 2026, "outcome": "unchanged", "findings": "It fits." } });
    // Each with some who know of it, and some who do not.
    let all = ["E-101", "E-102", "E-103", "E-002", "E-401", "E-801", "E-901", "E-902"];
    let cases: [(&str, Value, &[&str], &[&str]); 5] = [
        ("E-902", violated, &["E-101", "E-801", "E-901", "E-902"], &["E-102", "E-103", "E-002", "E-401"]),
        ("E-401", reported, &["E-401", "E-801", "E-901", "E-902"], &["E-101", "E-102", "E-103", "E-002"]),
        ("E-103", requested, &["E-103", "E-201", "E-901", "E-902"], &["E-101", "E-102", "E-002", "E-401"]),
        ("E-601", drafted, &["E-601", "E-801", "E-901", "E-902"], &["E-101", "E-102", "E-103", "E-002", "E-401"]),
        ("E-601", reviewed, &all, &[]),
    ];
    for (who, event, knowing, others) in cases {
        let receipt = served.admit(who, &event);
        let (index, kind) = (receipt["index"].as_u64().unwrap(), receipt["type"].as_str().unwrap().to_owned());
        for reader in knowing.iter().chain(others) {
            let entry = served.get(reader, &format!("/v1/entries/{index}")).json();
            let heard = served.get(reader, &format!("/v1/views/feed?after={}&limit=1", index - 1)).json();
            let heard = heard["items"].as_array().unwrap().iter().any(|line| line["index"] == index);
            let told = entry.to_string().contains(&kind);
            let knows = knowing.contains(reader);
            assert_eq!((told, heard), (knows, knows), "{reader} of {kind}: {entry}");
            if !knows {
                let names: Vec<&String> = entry["entry"].as_object().unwrap().keys().collect();
                assert_eq!(names, ["hash", "index"], "{reader} of {kind}: {entry}");
            }
        }
    }
}
