//! The spine: what is proposed is decided, entered, proved, read under supervision and found again after a restart.

use dossier::domain::Code;
use dossier::ledger::verify_data;
use dossier::proof::checkpoint::Vkey;
use dossier::proof::merkle;
use serde_json::json;

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
