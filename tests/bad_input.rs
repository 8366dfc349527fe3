//! What cannot be: dates, amounts, cycles, corrections of what is void, keys of somebody else; and where the rest of it is shown.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use dossier::access::principal::Language;
use dossier::cli::error::{Exit, Failure};
use dossier::ids::SeededSource;
use dossier::ledger::{Behind, Home, Ledger, OpenError, Options, RingOpenError};
use dossier::seal::Ring;
use dossier::seal::ring::{self, Purpose};
use serde_json::{Value, json};

use crate::support::http::Served;
use crate::support::{Directory, TestLedger, is_test, proposal};

/// What else nobody should do or send, and the test that shows it refused.
const SHOWN: &[(&str, &str)] = &[
    ("two people decide at once", "of_two_who_decide_at_the_same_time_one_decides"),
    ("two people edit at once", "sc_16_one_of_two_wins_and_a_repeat_gets_the_first_answer"),
    (
        "everybody who could decide is disqualified",
        "nobody_decides_on_their_own_request_and_it_moves_up_until_nobody_is_left",
    ),
    ("nobody is left on a chain of grades", "where_nobody_is_left_nobody_decides"),
    ("nobody is left to be told of a breach", "a_vacant_or_departed_holder_goes_further_up_and_at_last_nobody_is_left"),
    (
        "a token or session outlives its owner's time here",
        "who_has_left_is_refused_at_once_with_tokens_grants_and_sessions",
    ),
    ("a form is posted twice", "a_contact_with_a_promise_is_recorded_by_a_form_and_a_form_sent_twice_once"),
    ("a post is forged or of another site", "a_form_of_another_site_enters_nothing"),
    ("a body is too long, no JSON, or of no known type", "bad_input_gets_a_clear_problem_and_changes_nothing"),
    ("a body is JSON and no proposal", "what_is_no_proposal_is_told_whole_in_both_languages"),
    ("a body does not come", "a_body_that_does_not_arrive_is_given_up_and_enters_nothing"),
    ("the clock goes back", "a_clock_set_back_a_lot_stops_everything_until_an_operator_accepts_it"),
    ("the clock went back in between", "a_clock_that_was_set_back_while_nobody_looked_is_found_at_the_start"),
    ("two want the same at once", "of_two_at_once_who_register_one_name_one_wins_and_the_other_is_told_whose_it_is"),
    ("a character is no character", "a_character_nobody_sees_is_told_with_its_field_in_both_languages"),
    (
        "a key ring restored is missing or another's",
        "a_key_ring_that_does_not_belong_to_the_ledger_is_refused_by_what_is_wrong_with_it",
    ),
    ("a key ring is older than the ledger", "a_ring_that_still_has_the_keys_of_somebody_erased_does_not_open"),
];

#[test]
fn the_rest_of_what_nobody_should_send_is_shown_where_it_belongs() {
    for (what, test) in SHOWN {
        assert!(is_test(test), "{what}: there is no test {test}");
    }
}

fn served() -> Served {
    let test = TestLedger::new();
    test.customer("C-01", "Heyuan Alloy Works");
    Served::of(test)
}

fn sale() -> Value {
    json!({ "type": "sale.recorded", "data": {
        "customer_id": "C-01", "invoice_name": "Invoice", "kind": "sale", "product": "Relay", "product_category": "Relays",
        "region": "north", "amount": 100, "sold_on": "2026-03-02" } })
}

fn contact() -> Value {
    json!({ "type": "contact.recorded", "subject": "contact/C-01", "data": {
        "direction": "outbound", "channel": "phone", "at": "2026-03-02T09:30:00+08:00", "our_people": ["E-101"],
        "purpose": "care_bond", "summary": "Talked about spare parts.", "major": false, "class": "C2",
        "promises": [{ "promise_id": "PR-1", "text": "drawings", "due": "2026-03-09", "responsible": "E-101" }] } })
}

#[test]
fn dates_that_do_not_exist_and_amounts_that_cannot_be_written_down_are_refused_at_their_field() {
    let served = served();
    let review = json!({ "type": "archive.verified", "subject": "customer/C-01",
        "data": { "kind": "quarterly", "period": "2026Q1", "result": "confirmed" } });
    let days =
        ["2026-02-29", "2026-02-30", "2026-04-31", "2026-13-01", "2026-00-10", "2026-3-2", "02.03.2026", "", "today"];
    let times = ["2026-02-30T10:00:00+08:00", "2026-03-02T25:00:00+08:00", "2026-03-02T09:30:00", "2026-03-02", "noon"];
    let quarters = ["2026Q0", "2026Q5", "2026-Q1", "26Q1"];
    // 2^53 is the first that JSON does not carry everywhere.
    let amounts: [Value; 7] =
        [json!(1_i64 << 53), json!(u64::MAX), json!(1e300), json!(1.5), json!(-1), json!("100"), json!(null)];
    let mut cases: Vec<(&str, &Value, &str, Value)> = Vec::new();
    let (sold, talked) = (sale(), contact());
    cases.extend(days.map(|day| ("E-401", &sold, "/data/sold_on", json!(day))));
    cases.extend(days.map(|day| ("E-101", &talked, "/data/promises/0/due", json!(day))));
    cases.extend(times.map(|time| ("E-101", &talked, "/data/at", json!(time))));
    cases.extend(quarters.map(|quarter| ("E-501", &review, "/data/period", json!(quarter))));
    cases.extend(amounts.map(|amount| ("E-401", &sold, "/data/amount", amount)));
    let size = served.test.ledger.state().size;
    for (who, whole, pointer, value) in cases {
        let mut event = whole.clone();
        *event.pointer_mut(pointer).unwrap() = value.clone();
        let answer = served.post(who, &event);
        let told = answer.json();
        assert_eq!((answer.status, &told["code"]), (400, &json!("E_SCHEMA")), "{value}: {told}");
        assert_eq!(told["errors"][0]["pointer"], pointer, "{value}: {told}");
    }
    for time in times {
        let mut event = sold.clone();
        event["occurredat"] = json!(time);
        assert_eq!(served.refuse("E-401", &event).0, 400, "{time}");
    }
    assert_eq!(served.test.ledger.state().size, size);
    // A leap day of a leap year there is.
    let mut leap = sold.clone();
    leap["data"]["sold_on"] = json!("2024-02-29");
    leap["latereason"] = json!("taken over");
    served.admit("E-401", &leap);
}

#[test]
fn a_year_that_adds_up_to_more_than_can_be_written_down_is_refused_at_the_sale_too_many() {
    let served = served();
    let of = |fen: i64| {
        let mut sale = sale();
        sale["data"]["amount"] = json!(fen);
        sale
    };
    served.admit("E-401", &of((1 << 53) - 2));
    assert_eq!(served.refuse("E-401", &of(2)), (400, "E_SCHEMA".into(), "R-003".into()));
    served.admit("E-401", &of(1));
    let card = served.get("E-101", "/v1/views/card?subject=C-01").json();
    assert_eq!(card["cumulative_amount"], json!((1_i64 << 53) - 1));
}

#[test]
fn nobody_is_above_themselves_and_no_unit_below_itself_not_even_in_one_batch() {
    let served = served();
    let hired = |id: &str, superior: &str| {
        json!({ "type": "employee.registered", "data": { "employee_id": id, "name": "Invented Worker", "unit": "north",
            "joined_on": "2026-03-02", "superior": superior } })
    };
    let unit = |id: &str, parent: &str| {
        json!({ "type": "org_unit.defined", "data": {
            "unit_id": id, "name": id, "kind": "office", "status": "active", "territory": [], "parent": parent } })
    };
    let size = served.test.ledger.state().world.employee.members.len();
    // A superior is there before whoever is below, so nobody can close a line: the first names somebody who is not there yet.
    assert_eq!(served.refuse("E-001", &hired("E-200", "E-200")).1, "E_REF");
    let both = json!([hired("E-200", "E-211"), hired("E-211", "E-200")]);
    assert_eq!(served.refuse("E-001", &both).1, "E_REF");
    assert_eq!(served.refuse("E-002", &unit("desk", "desk")).1, "E_REF");
    let both = json!([unit("desk", "hq"), unit("corner", "desk"), unit("desk", "corner")]);
    assert_eq!(served.refuse("E-002", &both), (422, "E_RULE".into(), "R-052".into()));
    let state = served.test.ledger.state();
    assert_eq!(state.world.employee.members.len(), size);
    assert!(state.world.organization.units.keys().all(|unit| unit.as_str() != "desk"), "all or nothing");
}

#[test]
fn what_corrects_a_correction_of_something_void_is_refused_until_it_is_void_no_more() {
    let served = served();
    let entered = |who: &str, id: &str, event: Value| {
        let mut event = event;
        event["id"] = json!(id);
        served.admit(who, &event);
    };
    let fixed = |target: &str, path: &str, fen: i64| {
        json!({ "type": "record.corrected", "data": { "target_event": target, "reason": "a zero too many was typed",
            "changes": [{ "path": path, "new": fen }] } })
    };
    let voided = |target: &str| json!({ "type": "record.voided", "data": { "target_event": target, "reason": "was never delivered" } });
    let sold = || served.get("E-101", "/v1/views/card?subject=C-01").json()["cumulative_amount"].clone();
    entered("E-401", "sale-00001", sale());
    entered("E-401", "first-fix-1", fixed("sale-00001", "/amount", 50));
    entered("E-401", "second-fix", fixed("first-fix-1", "/changes/0/new", 70));
    assert_eq!(sold(), 70);
    entered("E-401", "voiding-01", voided("sale-00001"));
    assert_eq!(sold(), 0);
    let state = (409, "E_STATE".to_owned(), "R-005".to_owned());
    let size = served.test.version("customer/C-01");
    for target in ["first-fix-1", "second-fix"] {
        assert_eq!(served.refuse("E-401", &fixed(target, "/changes/0/new", 90)), state, "{target}");
        assert_eq!(served.refuse("E-401", &voided(target)), state, "{target}");
    }
    assert_eq!(served.refuse("E-401", &fixed("sale-00001", "/amount", 90)), state);
    assert_eq!(served.test.version("customer/C-01"), size);
    entered("E-401", "voiding-02", voided("voiding-01"));
    assert_eq!(sold(), 70);
    entered("E-401", "third-fix-1", fixed("second-fix", "/changes/0/new", 90));
    assert_eq!(sold(), 90);
}

/// A ledger at rest, with some keys given out.
fn at_rest() -> TestLedger {
    let mut test = TestLedger::new();
    test.customer("C-01", "Heyuan Alloy Works");
    test.ledger.settle();
    test.let_go();
    test
}

fn open(test: &TestLedger, home: &Home) -> Result<(), OpenError> {
    let options = Options::new(Arc::new(test.clock.clone()), Arc::new(SeededSource::new("start")));
    Ledger::open(home, options).map(drop)
}

/// Makes the ring and the master key of a ledger of that origin, where there are none.
fn made(origin: &str, data: &Path, keys: &Path, seed: u8) -> Ring {
    let mut next = seed;
    let mut entropy = |bytes: &mut [u8]| {
        next = next.wrapping_add(1);
        bytes.fill(next);
    };
    Ring::open(ring::Home { data_dir: data, keys_dir: keys, origin }, &mut entropy).unwrap()
}

/// A ring does not open: its error, once it is seen that the command line says these things of it in both languages.
fn told(error: OpenError, exit: Exit, en: &[&str], zh: &[&str]) -> OpenError {
    let failure = Failure::Open(error);
    assert_eq!(failure.told().exit, exit, "{failure:?}");
    for (language, parts) in [(Language::English, en), (Language::Chinese, zh)] {
        let text = failure.text(language);
        for part in parts {
            assert!(text.contains(part), "{part}: {text}");
        }
        // Outside quotation marks nothing is left in English but the name of an option.
        let unquoted: String = text.split(['“', '”', '`']).step_by(2).collect();
        let foreign = unquoted.replace("--keys", "").contains(|c: char| c.is_ascii_alphabetic());
        assert!(language == Language::English || !foreign, "{text}");
    }
    match failure {
        Failure::Open(error) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_ledger_does_not_start_without_its_key_ring_or_with_that_of_another() {
    let test = at_rest();
    let (home, origin) = (&test.home, "test.example.com/ledger");
    let ring = home.data.join("keyring/ring");
    let named = ring.display().to_string();
    let kept = fs::read(&ring).unwrap();
    let backup = "from a backup of this ledger";

    fs::remove_file(&ring).unwrap();
    let error = open(&test, home).unwrap_err();
    let error =
        told(error, Exit::Integrity, &[&named, "is missing", backup], &[&named, "缺少密钥环", "从该账本的备份中恢复"]);
    assert!(matches!(error, OpenError::RingMissing(path) if path == ring));
    assert!(!ring.exists(), "no empty ring stands in for the one that is missing");
    let mut command = Command::new(env!("CARGO_BIN_EXE_dossier"));
    let output = command.args(["rebuild", "--lang", "zh", "--data"]).arg(&home.data).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), said.contains("缺少密钥环")), (Some(4), true), "{said}");
    assert!(!ring.exists());

    // A folder that cannot be looked into is not one without a ring.
    let folder = home.data.join("keyring");
    let aside = home.data.join("keyring.aside");
    fs::rename(&folder, &aside).unwrap();
    fs::write(&folder, "no folder").unwrap();
    let error = open(&test, home).unwrap_err();
    let error = told(error, Exit::Other, &[&named, "cannot be read"], &[&named, "无法读写"]);
    assert!(matches!(error, OpenError::Io { .. }), "{error:?}");
    fs::remove_file(&folder).unwrap();
    fs::rename(&aside, &folder).unwrap();

    let elsewhere = Directory::new();
    drop(made("elsewhere.example.com/ledger", &elsewhere.path(), &home.keys, 1));
    fs::copy(elsewhere.path().join("keyring/ring"), &ring).unwrap();
    let error = open(&test, home).unwrap_err();
    let error = told(error, Exit::Integrity, &[&named, "another ledger", backup], &[&named, "属于另一账本"]);
    assert!(matches!(error, OpenError::Ring(RingOpenError::OtherLedger { .. })), "{error:?}");

    fs::write(&ring, &kept).unwrap();
    let held = made(origin, &home.data, &home.keys, 1);
    let error = told(open(&test, home).unwrap_err(), Exit::Other, &[&named, "in use"], &[&named, "正被使用"]);
    assert!(matches!(error, OpenError::Ring(RingOpenError::InUse { .. })), "{error:?}");
    drop(held);
    // None of it has spoiled anything.
    assert_eq!(fs::read(&ring).unwrap(), kept);
    open(&test, home).unwrap();
}

#[test]
fn a_key_ring_that_is_cut_short_or_altered_is_damaged_and_not_old() {
    let test = at_rest();
    let ring = test.home.data.join("keyring/ring");
    let whole = fs::read(&ring).unwrap();
    let check = |bytes: &[u8]| {
        fs::write(&ring, bytes).unwrap();
        let error = open(&test, &test.home).unwrap_err();
        let named = ring.display().to_string();
        let error = told(error, Exit::Integrity, &[&named, "is damaged at byte", "backup"], &["字节起已损坏", "备份"]);
        let OpenError::Ring(RingOpenError::Damaged { offset, .. }) = error else { panic!("{error:?}") };
        assert!(usize::try_from(offset).unwrap() <= bytes.len());
        assert_eq!(fs::read(&ring).unwrap(), bytes, "left as it was found");
    };
    // In its head, between its marks, within a record and between two, and by its last byte.
    for length in [0, 1, 87, 88, 104, 119, 120, 121, 185, 5000, 20_000, whole.len() - 14, whole.len() - 1] {
        check(&whole[..length]);
    }
    for at in [0, 50, 120, 5000, whole.len() - 1] {
        let mut altered = whole.clone();
        altered[at] ^= 1;
        check(&altered);
    }
    fs::write(&ring, &whole).unwrap();
    open(&test, &test.home).unwrap();
}

#[test]
fn a_key_ring_that_its_master_key_does_not_open_says_what_is_the_matter_with_that() {
    let test = at_rest();
    let home = &test.home;
    let master = home.keys.join("master.key");
    let (ring_named, named) = (home.data.join("keyring/ring").display().to_string(), master.display().to_string());
    let kept = fs::read(&master).unwrap();

    fs::remove_file(&master).unwrap();
    let error = open(&test, home).unwrap_err();
    let error = told(error, Exit::Other, &[&named, "no master key", "--keys"], &[&named, "缺少主密钥", "--keys"]);
    assert!(matches!(error, OpenError::Ring(RingOpenError::MasterMissing { .. })), "{error:?}");
    assert!(!master.exists(), "it does not help itself to a new one");

    let stranger = Directory::new();
    let (data, keys) = (stranger.path().join("data"), stranger.path().join("keys"));
    drop(made("test.example.com/ledger", &data, &keys, 9));
    fs::copy(keys.join("master.key"), &master).unwrap();
    let error = open(&test, home).unwrap_err();
    let (en, zh) = ("wrapped by another master key", "由另一主密钥保护");
    let error =
        told(error, Exit::Integrity, &[&ring_named, en, "belong together"], &[&ring_named, zh, "彼此对应的密钥环"]);
    assert!(matches!(error, OpenError::Ring(RingOpenError::WrongMaster { .. })), "{error:?}");

    fs::write(&master, "dossier-master-1.AAAA").unwrap();
    let error = open(&test, home).unwrap_err();
    let error =
        told(error, Exit::Integrity, &[&named, "is damaged", "where you keep it"], &[&named, "已损坏", "另行保存"]);
    assert!(matches!(error, OpenError::Ring(RingOpenError::MasterDamaged { .. })), "{error:?}");

    fs::write(&master, &kept).unwrap();
    let inside = Home { keys: home.data.join("keys"), ..home.clone() };
    fs::rename(&home.keys, &inside.keys).unwrap();
    let error = open(&test, &inside).unwrap_err();
    let error = told(error, Exit::Other, &["inside the data directory", "--keys"], &["位于数据目录之内", "--keys"]);
    assert!(matches!(error, OpenError::Ring(RingOpenError::MasterInside { .. })), "{error:?}");
    fs::rename(&inside.keys, &home.keys).unwrap();
    open(&test, home).unwrap();
}

#[test]
fn a_key_ring_from_before_says_what_it_lacks() {
    let mut test = TestLedger::new();
    test.customer("C-01", "Heyuan Alloy Works");
    test.ledger.settle();
    let ring = test.home.data.join("keyring/ring");
    let before = fs::read(&ring).unwrap();
    let person =
        json!({ "person_id": "P-1", "customer_id": "C-01", "name": "Invented Buyer", "function": "principal" });
    let entry = test.admit("E-101", proposal("person.recorded", None, person))[0].index;
    test.ledger.settle();
    test.let_go();
    let home = &test.home;
    let kept = fs::read(&ring).unwrap();
    let check = |bytes: &[u8], parts: [&str; 2]| {
        fs::write(&ring, bytes).unwrap();
        let error = open(&test, home).unwrap_err();
        let hints = ["Bring back the key ring that belongs to this ledger", "请恢复与该账本对应的密钥环"];
        let en = ["older than the ledger", parts[0], hints[0]];
        match told(error, Exit::Integrity, &en, &["密钥环比账本旧", parts[1], hints[1]]) {
            OpenError::RingBehind(behind) => behind,
            other => panic!("{other:?}"),
        }
    };
    let Behind::Fewer { given, known } = check(&before, ["keys", "个密钥"]) else {
        panic!("the checkpoint counts keys")
    };
    assert_eq!(given + 1, known);
    // A ring of its own making, under the right master key: of those nobody counted, the first key needed tells.
    let elsewhere = Directory::new();
    drop(made("test.example.com/ledger", &elsewhere.path(), &home.keys, 7));
    let foreign = fs::read(elsewhere.path().join("keyring/ring")).unwrap();
    assert!(matches!(check(&foreign, ["it gave out 0 keys", "只给出过0个密钥"]), Behind::Fewer { given: 0, .. }));
    for name in ["checkpoint.0", "checkpoint.1"] {
        fs::remove_file(home.data.join(name)).unwrap();
    }
    fs::remove_dir_all(home.data.join("snapshots")).unwrap();
    assert!(matches!(check(&foreign, ["it lacks a key of entry", "缺少条目"]), Behind::Lacks { .. }));
    // One from before that somebody went on with: the person's key is another's.
    fs::write(&ring, &before).unwrap();
    let gone_on = made("test.example.com/ledger", &home.data, &home.keys, 7);
    gone_on.replayed();
    gone_on.key_for("person/P-9", Purpose::Identity, &mut |bytes| bytes.fill(7)).unwrap();
    drop(gone_on);
    let strayed = check(&fs::read(&ring).unwrap(), ["to somebody else", "另给他人"]);
    assert_eq!(strayed, Behind::Strayed { index: entry });
    fs::write(&ring, &kept).unwrap();
    open(&test, home).unwrap();
}

#[test]
fn no_view_is_narrowed_to_what_there_cannot_be() {
    let served = Served::new();
    served.test.customer("C-01", "Heyuan Alloy Works");
    for (path, field) in [
        ("checks?quarter=2026Q5", "/quarter"),
        ("credit_reviews?quarter=2026", "/quarter"),
        ("stats?year=0", "/year"),
        ("composition?by=region&year=20260", "/year"),
        ("classification?dimension=bogus", "/dimension"),
        ("classification?lifecycle=bogus", "/lifecycle"),
        ("timeline?subject=customer/C-01&type=bogus", "/type"),
        ("overdue?duty=OB-99", "/duty"),
        ("overdue?open=perhaps", "/open"),
        ("discipline?subject=employee/E-101", "/subject"),
    ] {
        let answer = served.get("E-902", &format!("/v1/views/{path}"));
        assert_eq!((answer.status, &answer.json()["errors"][0]["pointer"]), (400, &json!(field)), "{path}");
    }
    for path in ["checks?quarter=2026Q4", "stats?year=1999", "classification?lifecycle=lost"] {
        assert_eq!(served.get("E-902", &format!("/v1/views/{path}")).status, 200, "{path}");
    }
}
