//! Every duty once: what opens it, who answers for it, when it is due, and what fulfils it.

use serde_json::{Value, json};

/// One duty: what was before, who opens it by what, who answers, when it is due, who fulfils it by what, and who may give more time.
pub(super) struct Case {
    pub(super) duty: &'static str,
    pub(super) before: Vec<(&'static str, Value)>,
    pub(super) opener: (&'static str, Option<Value>),
    pub(super) responsible: &'static str,
    pub(super) due: &'static str,
    /// A moment past the third level.
    pub(super) thrice: &'static str,
    pub(super) met: Vec<(&'static str, Value)>,
    pub(super) above: &'static str,
}

pub(super) fn cases() -> Vec<Case> {
    let question = contact("E-101", json!({ "direction": "inbound", "reply_needed": true }));
    let mut question = question;
    question["id"] = json!("question-01");
    let answer = contact("E-101", json!({ "replies_to": "question-01" }));
    let promising = json!({ "type": "customer.registered", "data": {
        "customer_id": "C-02", "name": "Linhai Pumps", "party": "end_user", "direct": true, "region": "north", "source": "visit",
        "first_contact_at": "2026-03-02T09:00:00+08:00", "owner": "E-101", "important_promising": true,
    } });
    vec![
        Case {
            duty: "OB-02",
            before: Vec::new(),
            opener: ("E-101", Some(contact("E-101", json!({ "archive_changes": true })))),
            responsible: "E-101",
            due: "2026-03-05T16:00:00.000000Z",
            thrice: "2026-03-12T08:00:00+08:00",
            met: vec![("E-101", updated())],
            above: "E-201",
        },
        Case {
            duty: "OB-03",
            before: Vec::new(),
            opener: ("E-101", Some(updated())),
            responsible: "E-501",
            due: "2026-03-05T16:00:00.000000Z",
            thrice: "2026-03-12T08:00:00+08:00",
            met: vec![("E-501", acknowledged())],
            above: "E-801",
        },
        Case {
            duty: "OB-04",
            before: Vec::new(),
            opener: ("E-101", None),
            responsible: "E-501",
            due: "2026-04-15T16:00:00.000000Z",
            thrice: "2026-04-23T08:00:00+08:00",
            met: vec![("E-501", verified("2026Q1"))],
            above: "E-801",
        },
        Case {
            duty: "OB-07",
            before: Vec::new(),
            opener: ("E-101", None),
            responsible: "E-101",
            due: "2027-04-30T16:00:00.000000Z",
            thrice: "2027-05-12T08:00:00+08:00",
            met: vec![("E-101", statements("2026"))],
            above: "E-201",
        },
        Case {
            duty: "OB-09",
            before: Vec::new(),
            opener: ("E-101", Some(visit())),
            responsible: "E-101",
            due: "2026-03-02T16:00:00.000000Z",
            thrice: "2026-03-09T08:00:00+08:00",
            met: vec![("E-201", noted())],
            above: "E-201",
        },
        Case {
            duty: "OB-13",
            before: Vec::new(),
            opener: ("E-101", Some(promised("2026-03-04"))),
            responsible: "E-101",
            due: "2026-03-04T16:00:00.000000Z",
            thrice: "2026-03-11T08:00:00+08:00",
            met: vec![("E-101", closed())],
            above: "E-201",
        },
        Case {
            duty: "OB-14",
            before: Vec::new(),
            opener: ("E-101", Some(contact("E-101", json!({})))),
            responsible: "E-101",
            due: "2026-05-31T16:00:00.000000Z",
            thrice: "2026-06-04T08:00:00+08:00",
            // The next contact asks for one after it, and the end of the archive for none.
            met: vec![("E-101", contact("E-101", json!({}))), ("E-101", terminated())],
            above: "E-201",
        },
        Case {
            duty: "OB-15",
            before: Vec::new(),
            opener: ("E-101", Some(question)),
            responsible: "E-101",
            due: "2026-03-03T16:00:00.000000Z",
            thrice: "2026-03-10T08:00:00+08:00",
            met: vec![("E-101", answer)],
            above: "E-201",
        },
        Case {
            duty: "OB-18",
            before: Vec::new(),
            opener: ("E-101", Some(promising)),
            responsible: "E-201",
            due: "2026-03-16T16:00:00.000000Z",
            thrice: "2026-03-23T08:00:00+08:00",
            met: vec![("E-201", assigned())],
            above: "E-801",
        },
        Case {
            duty: "OB-23",
            before: [graded(), vec![("E-101", main_customer())]].concat(),
            opener: ("E-401", None),
            responsible: "E-402",
            due: "2026-04-15T16:00:00.000000Z",
            thrice: "2026-04-23T08:00:00+08:00",
            met: vec![("E-401", credit_reviewed("unchanged", 10_000))],
            above: "E-801",
        },
        Case {
            duty: "OB-24",
            before: [graded(), termed("A", 400_000_000), vec![("E-101", credit_proposed("G-2", Some("A"), "B"))]]
                .concat(),
            opener: ("E-301", Some(endorsed("G-2"))),
            responsible: "E-402",
            due: "2026-03-16T16:00:00.000000Z",
            thrice: "2026-03-23T08:00:00+08:00",
            met: termed("B", 100_000_000),
            above: "E-801",
        },
        Case {
            duty: "OB-30",
            before: Vec::new(),
            opener: ("E-101", Some(owners_met())),
            responsible: "E-101",
            due: "2026-03-25T16:00:00.000000Z",
            thrice: "2026-04-01T08:00:00+08:00",
            met: vec![("E-101", minutes())],
            above: "E-201",
        },
        Case {
            duty: "OB-52",
            before: Vec::new(),
            opener: ("E-501", Some(lent())),
            responsible: "E-201",
            due: "2026-03-07T16:00:00.000000Z",
            thrice: "2026-03-12T08:00:00+08:00",
            met: vec![(
                "E-501",
                json!({ "type": "archive.returned", "subject": "loan/L-1", "data": { "how": "returned" } }),
            )],
            above: "E-801",
        },
        Case {
            duty: "OB-58",
            before: Vec::new(),
            opener: ("E-601", None),
            responsible: "E-601",
            due: "2026-12-31T16:00:00.000000Z",
            thrice: "2027-01-12T08:00:00+08:00",
            met: vec![("E-601", reviewed())],
            above: "E-801",
        },
        Case {
            duty: "OB-59",
            before: Vec::new(),
            opener: ("E-701", None),
            responsible: "E-701",
            due: "2026-04-10T16:00:00.000000Z",
            thrice: "2026-04-16T08:00:00+08:00",
            met: vec![("E-701", appraised())],
            above: "E-801",
        },
        Case {
            duty: "OB-60",
            before: vec![("E-501", lent())],
            opener: ("E-501", Some(lost())),
            responsible: "E-902",
            due: "2026-03-03T16:00:00.000000Z",
            thrice: "2026-03-10T08:00:00+08:00",
            met: vec![("E-902", loss_recorded())],
            above: "E-801",
        },
    ]
}

/// The technician's appraisal for March.
fn appraised() -> Value {
    let items = json!([{ "item": "promises kept", "weight_bp": 10_000, "points": 81, "basis": "the month's calls" }]);
    json!({ "type": "appraisal.recorded", "subject": "employee/E-703", "data": {
        "scheme": "technician_month", "period": "2026-03", "items": items, "score": 81, "outcome": "pass" } })
}

fn lost() -> Value {
    json!({ "type": "archive.returned", "id": "lost-000001", "subject": "loan/L-1", "data": { "how": "lost" } })
}

fn loss_recorded() -> Value {
    json!({ "type": "violation.recorded", "subject": "employee/E-201", "data": {
        "kind": "data_loss", "facts": "The file was left on a train.", "evidence": ["lost-000001"], "sanction": "none_yet" } })
}

pub(super) fn contact(who: &str, more: Value) -> Value {
    let mut data = json!({
        "direction": "outbound", "channel": "phone", "at": "2026-03-02T09:30:00+08:00", "our_people": [who],
        "purpose": "care_bond", "summary": "Talked about spare parts.", "major": false, "class": "C2",
    });
    data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "type": "contact.recorded", "subject": "contact/C-01", "data": data })
}

pub(super) fn terminated() -> Value {
    let data = json!({ "status": "terminated", "reason": "has closed" });
    json!({ "type": "customer.status_changed", "subject": "customer/C-01", "data": data })
}

/// A visit that does not say to whom it was reported, and the head of the department who notes its report.
pub(super) fn visit() -> Value {
    let mut visit = contact("E-101", json!({ "channel": "visit", "goal_reached": "yes" }));
    visit["id"] = json!("visit-01");
    visit
}

pub(super) fn noted() -> Value {
    json!({ "type": "signoff.recorded", "data": {
        "subject_event": "visit-01", "purpose": "noted", "step": 1, "decision": "noted" } })
}

/// A meeting called by the owner, under an id of its own, and its minutes, which name the entry; the file comes with them.
fn owners_met() -> Value {
    let mut met = contact("E-101", json!({ "channel": "owner_meeting", "contact_id": "M-1" }));
    met["id"] = json!("meeting-01");
    met
}

fn minutes() -> Value {
    json!({ "type": "document.filed", "data": {
        "kind": "meeting_minutes", "title": "Minutes", "customer_id": "C-01", "related": ["meeting-01"], "class": "C2" } })
}

pub(super) fn promised(due: &str) -> Value {
    contact(
        "E-101",
        json!({ "promises": [{ "promise_id": "PR-1", "text": "drawings", "due": due, "responsible": "E-101" }] }),
    )
}

pub(super) fn closed() -> Value {
    let data = json!({ "promise_id": "PR-1", "outcome": "fulfilled" });
    json!({ "type": "commitment.closed", "subject": "contact/C-01", "data": data })
}

/// An update of C-01 by the owner, and the acknowledgement by the holder of the second copy.
fn updated() -> Value {
    json!({ "type": "customer.profile_updated", "id": "update-01", "subject": "customer/C-01", "data": {
        "section": "basic", "changes": { "fax": "0531 8000 0009" }, "learned_at": "2026-03-02T09:30:00+08:00", "major": false,
    } })
}

pub(super) fn acknowledged() -> Value {
    json!({ "type": "signoff.recorded", "data": {
        "subject_event": "update-01", "purpose": "copy_acknowledged", "step": 1, "decision": "noted" } })
}

/// The yearly statements of C-01; the file comes with it.
fn statements(year: &str) -> Value {
    json!({ "type": "document.filed", "data": {
        "kind": "financial_statement", "title": "Yearly statements", "customer_id": "C-01", "period": year, "class": "C3" } })
}

pub(super) fn verified(period: &str) -> Value {
    let data = json!({ "kind": "quarterly", "period": period, "result": "confirmed" });
    json!({ "type": "archive.verified", "subject": "customer/C-01", "data": data })
}

fn assigned() -> Value {
    let data = json!({
        "owner": "E-101", "co_contacts": ["E-102"], "reason": "second_contact", "effective_at": "2026-03-02T10:00:00+08:00",
    });
    json!({ "type": "customer.owner_assigned", "subject": "customer/C-02", "data": data })
}

fn reviewed() -> Value {
    json!({ "type": "policy.reviewed", "data": { "year": 2026, "outcome": "unchanged", "findings": "it fits" } })
}

fn credit_proposed(id: &str, from: Option<&str>, to: &str) -> Value {
    let mut data = json!({
        "proposal_id": id, "customer_id": "C-01", "to": to, "trigger": "change", "evidence": ["evidence-01"],
        "reason": "two instalments paid before they were due",
    });
    if let Some(from) = from {
        data["from"] = json!(from);
    }
    json!({ "type": "credit_grade.proposed", "data": data })
}

/// The general manager of the region decides.
fn endorsed(id: &str) -> Value {
    json!({ "type": "credit_grade.approved", "data": { "proposal_id": id, "to": if id == "G-1" { "A" } else { "B" } } })
}

/// C-01 gets the credit grade A.
pub(super) fn graded() -> Vec<(&'static str, Value)> {
    let mut evidence = contact("E-101", json!({}));
    evidence["id"] = json!("evidence-01");
    vec![("E-101", evidence), ("E-101", credit_proposed("G-1", None, "A")), ("E-301", endorsed("G-1"))]
}

/// Terms on a grade, which the head of accounting approves.
fn termed(grade: &str, fen: i64) -> Vec<(&'static str, Value)> {
    let id = format!("terms-on-{grade}");
    let terms = json!({ "type": "trade_terms.set", "id": id, "subject": "customer/C-01",
        "data": { "credit_grade": grade, "credit_limit": fen, "payment_method": "monthly" } });
    vec![("E-401", terms), ("E-402", json!({ "type": "approval.given", "data": { "request_id": id } }))]
}

pub(super) fn main_customer() -> Value {
    json!({ "type": "customer.classified", "subject": "customer/C-01",
        "data": { "dimension": "weight", "value": "main", "basis": "a third of the region's sales" } })
}

pub(super) fn credit_reviewed(finding: &str, collected: i64) -> Value {
    json!({ "type": "credit_review.recorded", "subject": "grade/C-01/credit", "data": {
        "quarter": "2026Q1", "grade": "A", "finding": finding, "comparison": "pays a month later than before",
        "overdue_amount": 1_250_000, "collection_rate": collected } })
}

fn lent() -> Value {
    json!({ "type": "archive.borrowed", "data": {
        "loan_id": "L-1", "customer_id": "C-01", "borrower": "E-201", "sections": ["the whole file"],
        "purpose": "comparing two bids", "until": "2026-03-07", "declaration": true } })
}
