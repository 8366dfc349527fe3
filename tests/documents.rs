//! Papers through the HTTP API and on pages: filed whole or not at all, sealed where they show persons, read back byte for byte.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use dossier::access::principal::Purpose;
use dossier::clock::Clock as _;
use dossier::domain::audit::Mode;
use dossier::domain::document::FILE_BYTES_MAX;
use dossier::entry::Hash;
use dossier::files::Files;
use dossier::ids::SeededSource;
use dossier::journal::{Fault, MemoryDisk};
use dossier::ledger::backup::{Reach, back_up};
use dossier::ledger::restore::restore;
use dossier::ledger::{Asked, Broken, Found, Home, Ledger, SubmitError, verify_data};
use dossier::projection;
use dossier::seal::ring::{Copy, KeyError};
use serde_json::{Value, json};

use crate::crash::on_memory;
use crate::erasure::completed;
use crate::pages::{Browser, hidden};
use crate::support::disk::everything;
use crate::support::http::{Answer, Called, Served, parts};
use crate::support::{Directory, TestLedger, founding, principal, proposal, registration};

/// A document of so many bytes that begins as a PDF does; its text is found wherever it stands in clear.
fn pdf(bytes: usize) -> Vec<u8> {
    let mut document = b"%PDF-1.7\n".to_vec();
    while document.len() < bytes {
        document.extend_from_slice(format!("planted line {:08}\n", document.len()).as_bytes());
    }
    document.truncate(bytes.max(9));
    document
}

fn paper(kind: &str, class: &str) -> Value {
    json!({ "type": "document.filed", "data": {
        "document_id": "D-1", "kind": kind, "title": "Planted title", "customer_id": "C-01", "class": class,
    } })
}

fn of_person(id: &str, class: &str) -> Value {
    let mut event = paper("evidence", class);
    event["data"]["document_id"] = json!(id);
    event["data"]["person_id"] = json!("P-1");
    event
}

/// A customer of E-101 with one key person.
fn one_customer() -> Served {
    let test = TestLedger::new();
    test.customer("C-01", "Heyuan Alloy Works");
    let person =
        json!({ "person_id": "P-1", "customer_id": "C-01", "name": "Invented Buyer", "function": "principal" });
    test.admit("E-101", proposal("person.recorded", None, person));
    Served::of(test)
}

fn content(served: &Served, who: &str, id: &str) -> Answer {
    served.get(who, &format!("/v1/documents/{id}/content"))
}

fn filed(answer: &Answer) -> Value {
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["entries"][0].clone()
}

/// Every file kept beside the entries, whatever it is called.
fn kept(served: &Served) -> Vec<PathBuf> {
    fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { collect(&path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    collect(&served.test.home.data.join("documents"), &mut found);
    found
}

fn stored(served: &Served, id: &str) -> String {
    let about = served.get("E-101", &format!("/v1/documents/{id}?reveal=true")).json();
    about["hash"].as_str().unwrap_or_else(|| panic!("{about}")).to_owned()
}

#[test]
fn a_paper_is_read_back_byte_for_byte_and_every_reading_is_entered_first() {
    let served = one_customer();
    // One chunk, exactly one, exactly two, and some more; as it came and sealed.
    for (place, bytes) in [9, 65_536, 131_072, 200_000].into_iter().enumerate() {
        for (kind, class) in [("company_profile", "C1"), ("evidence", "C4")] {
            let (id, bytes) = (format!("D-{kind}-{place}"), pdf(bytes));
            let mut event = paper(kind, class);
            event["data"]["document_id"] = json!(id);
            filed(&served.file("E-101", &event, "profile 2026.pdf", &bytes));
            let size = served.test.ledger.state().size;
            let answer = content(&served, "E-101", &id);
            assert_eq!((answer.status, answer.body == bytes), (200, true), "{id}");
            assert_eq!(answer.header("content-type"), ["application/pdf"]);
            assert_eq!(answer.header("content-length"), [bytes.len().to_string()]);
            assert!(answer.header("content-disposition")[0].starts_with("inline; filename=\"profile 2026.pdf\""));
            assert_eq!(answer.header("dossier-reading"), [size.to_string()]);
            assert_eq!(
                stored(&served, &id) == Hash::of(&bytes).to_string(),
                class == "C1",
                "named by the stored bytes"
            );
        }
    }
    let log = served.get("E-902", "/v1/customers/C-01/reads").json();
    let file = log["items"].as_array().unwrap().iter().find(|read| read["view"] == "file").unwrap().clone();
    assert_eq!((&file["reader"], &file["mode"]), (&json!("E-101"), &json!("view")));
    let list = served.get("E-101", "/v1/views/documents?subject=C-01").json();
    let titles: Vec<&str> =
        list["items"].as_array().unwrap().iter().map(|row| row["title"].as_str().unwrap()).collect();
    assert_eq!(titles.iter().filter(|title| **title == "•••").count(), 4, "{list}");
    assert_eq!(titles.iter().filter(|title| **title == "Planted title").count(), 4);
    let archive = served.get("E-101", "/v1/customers/C-01").json();
    assert_eq!(archive["documents"].as_array().unwrap().len(), 8);
}

#[test]
fn nothing_of_a_paper_that_shows_persons_stands_on_disk_in_clear() {
    let served = one_customer();
    // By its class, by its kind, and because it is about somebody.
    filed(&served.file("E-101", &paper("evidence", "C4"), "planted name.pdf", &pdf(70_000)));
    let mut minutes = paper("authorisation", "C1");
    minutes["data"]["document_id"] = json!("D-2");
    filed(&served.file("E-101", &minutes, "planted name.pdf", &pdf(70_000)));
    filed(&served.file("E-101", &of_person("D-3", "C4"), "planted name.pdf", &pdf(70_000)));
    assert_eq!(kept(&served).len(), 3);
    for path in kept(&served) {
        let bytes = fs::read(&path).unwrap();
        assert_eq!(path.file_name().unwrap().to_str().unwrap(), Hash::of(&bytes).to_string());
        assert!(!bytes.windows(7).any(|window| window == b"planted"), "{}", path.display());
    }
    let journal = fs::read_dir(served.test.home.data.join("journal")).unwrap();
    served.test.ledger.settle();
    for file in journal.map(|file| fs::read(file.unwrap().path()).unwrap()) {
        assert!(!file.windows(7).any(|window| window == b"Planted" || window == b"planted"));
    }
}

#[test]
fn who_may_not_read_a_paper_gets_nothing_and_the_denial_is_entered() {
    let served = one_customer();
    filed(&served.file("E-101", &paper("financial_statement", "C3"), "statement.pdf", &pdf(100)));
    let denials = || {
        let log = served.get("E-902", "/v1/customers/C-01/reads").json();
        log["items"].as_array().unwrap().iter().filter(|read| !read["denied_rule"].is_null()).count()
    };
    let before = denials();
    for who in ["E-103", "E-703", "E-001"] {
        assert!(matches!(content(&served, who, "D-1").status, 403 | 404), "{who}");
    }
    // Without saying why nobody sees what C3 is; to take it out needs a right of its own.
    let aimless = served.request("E-101", "GET", "/v1/documents/D-1/content", &[], b"");
    assert_eq!(aimless.problem(), (403, "E_FORBIDDEN".into(), "R-059".into()));
    let out = served.get("E-101", "/v1/documents/D-1/content?download=true");
    assert_eq!(out.status, 403, "{}", out.text());
    assert_eq!(denials(), before + 5);
    assert_eq!(content(&served, "E-101", "D-9").status, 404);
    // Away from the office the confidential stays closed.
    let offsite = [("Dossier-Place", "offsite"), ("Dossier-Purpose", "management")];
    let answer = served.request("E-101", "GET", "/v1/documents/D-1/content", &offsite, b"");
    assert_eq!(answer.problem(), (403, "E_FORBIDDEN".into(), "R-054".into()));
    assert_eq!(content(&served, "E-101", "D-1").body, pdf(100));
}

#[test]
fn a_voided_paper_says_so_and_its_file_leaves_to_who_watches_only() {
    let served = one_customer();
    let entry = filed(&served.file("E-101", &paper("evidence", "C1"), "scan.pdf", &pdf(100)));
    assert_eq!(served.get("E-101", "/v1/documents/D-1").json().get("voided_by"), None);
    assert_eq!(content(&served, "E-101", "D-1").status, 200);
    let voiding = json!({ "type": "record.voided", "data": { "target_event": entry["id"], "reason": "was filed for another customer" } });
    let voided = served.admit("E-101", &voiding);
    assert_eq!(served.get("E-101", "/v1/documents/D-1").json()["voided_by"], voided["index"]);
    assert_eq!(content(&served, "E-101", "D-1").problem(), (403, "E_FORBIDDEN".into(), "R-005".into()));
    // Nor by looking back to when it was not voided yet.
    let before = format!("/v1/documents/D-1?as_of={}", entry["index"]);
    assert_eq!(served.get("E-101", &before).json().get("voided_by"), None);
    let back = format!("/v1/views/file?subject=D-1&as_of={}", entry["index"]);
    assert!(matches!(served.get("E-101", &back).status, 403 | 404));
    assert_eq!(content(&served, "E-902", "D-1").body, pdf(100));
    assert_eq!(content(&served, "E-901", "D-1").body, pdf(100));
}

#[test]
fn who_may_not_file_a_paper_is_told_before_it_is_taken_in() {
    let served = one_customer();
    // Who may append nothing to the archive files nothing in it; who may files what they may read, unmasked.
    for (who, class, rule) in [
        ("E-103", "C1", "R-052"),
        ("E-901", "C1", "R-063"),
        ("E-102", "C1", "R-051"),
        ("E-501", "C3", "R-051"),
        ("E-402", "C4", "R-051"),
    ] {
        let answer = served.file(who, &paper("other", class), "x.pdf", &pdf(100));
        assert_eq!(answer.problem(), (403, "E_FORBIDDEN".into(), rule.into()), "{who} {class}: {}", answer.text());
        let told = answer.json()["errors"].as_array().map_or(Value::Null, |errors| errors[0]["pointer"].clone());
        assert_eq!(told, if rule == "R-051" { json!("/data/class") } else { Value::Null }, "{who} {class}");
    }
    filed(&served.file("E-501", &paper("other", "C2"), "x.pdf", &pdf(100)));
    let refusals = served.get("E-902", "/v1/streams/acts/E-102").text();
    assert!(refusals.contains("command.refused") && refusals.contains("document.filed"), "{refusals}");
    assert_eq!(kept(&served).len(), 1);
    // Whoever has the customer files what belongs to it, contracts too.
    for class in ["C1", "C2", "C3", "C4", "C5", "C6"] {
        filed(&served.file("E-101", &of_class(&format!("D-{class}"), class), "x.pdf", &pdf(100)));
    }
}

#[test]
fn a_page_offers_the_classes_its_reader_may_file_and_reads_nothing_again_for_what_is_refused() {
    let served = one_customer();
    let offered = |page: &str| {
        let select = page.split("<select id=\"class\"").nth(1).unwrap().split("</select>").next().unwrap();
        let values = select.split("option value=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
        values.filter(|value| !value.is_empty()).collect::<Vec<_>>()
    };
    for (who, classes) in [
        ("E-101", &["C1", "C2", "C3", "C4", "C5", "C6"][..]),
        ("E-501", &["C1", "C2", "C4"]),
        ("E-402", &["C1", "C2", "C3"]),
    ] {
        let page = Browser::signed_in(&served, who, "zh").get("/customers/C-01/documents").text();
        assert_eq!(offered(&page), classes, "{who}");
    }
    let mut browser = Browser::signed_in(&served, "E-102", "en");
    let page = browser.get("/documents").text();
    let typed = [
        ("token", hidden(&page, "token")),
        ("id", hidden(&page, "id")),
        ("kind", "other".into()),
        ("title", "Of somebody else's".into()),
        ("class", "C1".into()),
        ("last", "1".into()),
    ];
    let mut all: Vec<(&str, Option<Called<'_>>, &[u8])> =
        typed.iter().map(|(name, value)| (*name, None, value.as_bytes())).collect();
    let bytes = pdf(100);
    all.push(("file", Some(("x.pdf", Some("application/pdf"))), &bytes));
    let (kind, body) = parts(&all);
    let refused = browser.send_bytes("POST", "/customers/C-01/documents", &[("Content-Type", &kind)], &body);
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("Of somebody else's"), "{}", refused.text());
    let acts = served.get("E-902", "/v1/streams/acts/E-102").text();
    assert!(acts.contains("command.refused") && !acts.contains("archive.access_denied"), "{acts}");
}

#[test]
fn an_upload_that_is_refused_leaves_nothing() {
    let served = one_customer();
    let refused = |event: &Value, name: &str, bytes: &[u8]| {
        let problem = served.file("E-101", event, name, bytes).problem();
        assert_eq!(kept(&served), [] as [PathBuf; 0], "{problem:?}");
        problem
    };
    let rule = |status: u16, code: &str| (status, code.to_owned(), "R-016".to_owned());
    let event = paper("other", "C1");
    // What it is says its content and nobody else.
    for bytes in
        [&b"MZ\x90\0 a program"[..], b"<html><script>", b"PK\x03\x04 an archive", b"%PDF", b"\x89PNG\r\n\x1a\r"]
    {
        assert_eq!(refused(&event, "scan.pdf", bytes), rule(400, "E_SCHEMA"));
    }
    assert_eq!(refused(&event, "scan.pdf", b""), rule(400, "E_SCHEMA"));
    assert_eq!(refused(&event, "scan.pdf", &pdf((32 << 20) + 1)), rule(400, "E_SCHEMA"));
    let told = |file: Value| {
        let mut event = event.clone();
        event["data"]["file"] = file;
        refused(&event, "scan.pdf", &pdf(100))
    };
    assert_eq!(told(json!({ "hash": "0".repeat(64) })), rule(422, "E_RULE"));
    assert_eq!(told(json!({ "size": 101 })), rule(422, "E_RULE"));
    assert_eq!(told(json!({ "mime": "image/png" })), rule(422, "E_RULE"));
    assert_eq!(refused(&paper("meeting_minutes", "C1"), "scan.pdf", &pdf(100)), rule(422, "E_RULE"));
    assert_eq!(refused(&of_person("D-1", "C1"), "scan.pdf", &pdf(100)).2, "R-007");
    assert_eq!(refused(&of_person("D-1", "C5"), "scan.pdf", &pdf(100)).2, "R-046", "private without consent");
    let mut elsewhere = event.clone();
    elsewhere["data"]["customer_id"] = json!("C-99");
    assert_eq!(refused(&elsewhere, "scan.pdf", &pdf(100)).1, "E_REF");
    let mut short = event.clone();
    short["data"]["title"] = json!("");
    assert_eq!(refused(&short, "scan.pdf", &pdf(100)).0, 400);
    // A proposal alone announces nothing.
    assert_eq!(served.refuse("E-101", &event), rule(422, "E_RULE"));
    // What was told rightly is filed.
    let mut right = event;
    right["data"]["file"] = json!({ "hash": Hash::of(&pdf(100)), "size": 100, "mime": "application/pdf" });
    filed(&served.file("E-101", &right, "scan.pdf", &pdf(100)));
    assert_eq!(kept(&served).len(), 1);
}

#[test]
fn an_upload_that_is_not_what_it_says_is_refused() {
    let served = one_customer();
    let event = paper("other", "C1");
    let png = b"\x89PNG\r\n\x1a\n...".to_vec();
    for (called, bytes, said, is) in [
        (("scan.pdf", Some("application/pdf")), &png, "\"application/pdf\"", "PNG"),
        (("scan.png", Some("text/html; charset=utf-8")), &png, "\"text/html\"", "PNG"),
        (("scan.pdf", None), &png, "\".pdf\"", "PNG"),
        (("scan.pdf.exe", Some("application/octet-stream")), &pdf(100), "\".exe\"", "PDF"),
        // It is told before what is too much of it has come.
        (("scan.png", Some("image/png")), &pdf((32 << 20) + 1), "\"image/png\"", "PDF"),
    ] {
        let answer = served.file_as("E-101", &event, called, bytes);
        assert_eq!(answer.problem(), (422, "E_RULE".into(), "R-016".into()), "{called:?}");
        let told = answer.json();
        assert_eq!(told["errors"][0]["pointer"], "/data/file");
        let detail = told["detail"].as_str().unwrap();
        assert!(detail.contains("not what it says") && detail.contains(said) && detail.contains(is), "{detail}");
        assert_eq!(kept(&served), [] as [PathBuf; 0], "{called:?}");
    }
    // What the proposal calls it counts as well as what the form does.
    let mut named = event.clone();
    named["data"]["file"] = json!({ "name": "scan.exe" });
    assert_eq!(served.file("E-101", &named, "scan.pdf", &pdf(100)).problem().2, "R-016");
    named["data"]["file"] = json!({ "name": "scan.pdf" });
    assert_eq!(served.file("E-101", &named, "scan.exe", &pdf(100)).problem().2, "R-016");
    assert_eq!(kept(&served), [] as [PathBuf; 0]);
    // Who says nothing of what it is does not lie.
    for (place, (called, bytes)) in [
        (("scan", None), &png),
        (("2026.03", Some("application/octet-stream")), &png),
        (("scan.PNG", Some("image/x-png")), &png),
        (("profile.pdf", Some("Application/PDF; name=profile.pdf")), &pdf(100)),
    ]
    .into_iter()
    .enumerate()
    {
        let mut event = event.clone();
        event["data"]["document_id"] = json!(format!("D-{place}"));
        filed(&served.file_as("E-101", &event, called, bytes));
    }
}

#[test]
fn what_is_too_large_is_told_with_the_limit_it_met() {
    let served = one_customer();
    let most = FILE_BYTES_MAX >> 20;
    let of = |answer: &Answer, status: u16, words: &str| {
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(answer.text().contains(words), "{words}: {}", answer.text());
        assert_eq!(kept(&served), [] as [PathBuf; 0]);
    };
    let upload = [
        format!("at most {most} MiB of file and 1 MiB of text"),
        format!("文件不得超过{most}兆字节，文字不得超过1兆字节"),
    ];
    let form = ["a form has at most 1 MiB of text", "表单文字不得超过1兆字节"];
    let body = ["more than 1 MiB: propose fewer events", "请求内容超过1兆字节，请分批提出"];
    let file = [format!("a file has at most {most} MiB"), format!("文件不得超过{most}兆字节")];
    let event = paper("other", "C1").to_string();
    let large = pdf(usize::try_from(FILE_BYTES_MAX).unwrap() + 1);
    let larger = pdf(large.len() + (2 << 20));
    for (place, language) in ["en", "zh"].into_iter().enumerate() {
        let send = |path: &str, kind: &str, bytes: &[u8]| {
            let headers = [("Content-Type", kind), ("Accept-Language", language)];
            served.request("E-101", "POST", path, &headers, bytes)
        };
        of(&send("/v1/events", "application/json", &vec![b' '; (1 << 20) + 1]), 413, body[place]);
        let filed = |event: &[u8], bytes: &[u8]| {
            let (kind, whole) = parts(&[("event", None, event), ("file", Some(("x.pdf", None)), bytes)]);
            send("/v1/documents", &kind, &whole)
        };
        of(&filed(event.as_bytes(), &large), 400, &file[place]);
        of(&filed(event.as_bytes(), &larger), 413, &upload[place]);
        of(&filed(&vec![b' '; (1 << 20) + 1], &pdf(100)), 413, &upload[place]);

        let mut browser = Browser::signed_in(&served, "E-101", language);
        let page = browser.get("/customers/C-01/documents").text();
        let (token, id) = (hidden(&page, "token"), hidden(&page, "id"));
        let typed = ("x".repeat(1 << 20), "Profile".to_owned());
        let mut filed = |title: &str, bytes: &[u8]| {
            let texts = [
                ("token", token.as_str()),
                ("id", &id),
                ("kind", "other"),
                ("title", title),
                ("class", "C1"),
                ("last", "1"),
            ];
            let mut all: Vec<(&str, Option<Called<'_>>, &[u8])> =
                texts.iter().map(|(name, value)| (*name, None, value.as_bytes())).collect();
            all.push(("file", Some(("x.pdf", None)), bytes));
            let (kind, whole) = parts(&all);
            browser.send_bytes("POST", "/customers/C-01/documents", &[("Content-Type", &kind)], &whole)
        };
        of(&filed(&typed.1, &large), 400, &file[place]);
        of(&filed(&typed.1, &larger), 413, &upload[place]);
        of(&filed(&typed.0, &pdf(100)), 413, &upload[place]);
        let typed = [("token", token.as_str()), ("summary", &typed.0)];
        of(&browser.post("/propose/contact.recorded?customer_id=C-01", &typed), 413, form[place]);
    }
}

#[test]
fn an_upload_that_is_cut_off_or_in_disorder_is_refused() {
    let served = one_customer();
    let event = paper("other", "C1").to_string();
    let send =
        |body: &[u8], kind: &str| served.request("E-101", "POST", "/v1/documents", &[("Content-Type", kind)], body);
    let (kind, whole) = parts(&[("event", None, event.as_bytes()), ("file", Some(("x.pdf", None)), &pdf(1000))]);
    for end in [whole.len() - 4, whole.len() - 500, event.len(), 10] {
        assert_eq!(send(&whole[..end], &kind).status, 400, "{end}");
        assert_eq!(kept(&served), [] as [PathBuf; 0], "{end}");
    }
    let (kind, backwards) = parts(&[("file", Some(("x.pdf", None)), &pdf(1000)), ("event", None, event.as_bytes())]);
    assert_eq!(send(&backwards, &kind).status, 400);
    let (kind, alone) = parts(&[("event", None, event.as_bytes())]);
    assert_eq!(send(&alone, &kind).status, 400);
    assert_eq!(send(event.as_bytes(), "application/json").status, 415);
    assert_eq!(kept(&served), [] as [PathBuf; 0]);
    // The connection ends in the middle of the file.
    let authorization = format!("Bearer {}", served.token("E-101"));
    let mut head = format!(
        "POST /v1/documents HTTP/1.1\r\nHost: test\r\nAuthorization: {authorization}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        whole.len()
    )
    .into_bytes();
    head.extend_from_slice(&whole[..whole.len() / 2]);
    let mut stream = std::net::TcpStream::connect(served.address()).unwrap();
    std::io::Write::write_all(&mut stream, &head).unwrap();
    drop(stream);
    // Another is served meanwhile; what was cut off leaves nothing by the time the next one is filed and removed.
    filed(&served.file("E-101", &paper("other", "C1"), "x.pdf", &pdf(50)));
    let whole_ones = kept(&served).into_iter().filter(|path| !path.parent().unwrap().ends_with("incoming"));
    assert_eq!(whole_ones.count(), 1);
}

#[test]
fn minutes_are_of_a_meeting_with_the_customer() {
    let served = one_customer();
    let met = |id: &str, channel: &str| {
        json!({ "type": "contact.recorded", "subject": "contact/C-01", "data": {
            "contact_id": id, "direction": "outbound", "channel": channel, "at": "2026-03-02T09:00:00+08:00", "our_people": ["E-101"],
            "purpose": "care_bond", "summary": "Sat together about spare parts.", "major": false, "class": "C2",
            "needs_learned": "Forty relays.", "goal_reached": "yes",
        } })
    };
    served.admit("E-101", &met("K-1", "meeting"));
    served.admit("E-101", &met("K-2", "phone"));
    let minutes = |related: &str| {
        let mut event = paper("meeting_minutes", "C1");
        event["data"]["related"] = json!([related]);
        served.file("E-101", &event, "minutes.pdf", &pdf(100))
    };
    assert_eq!(minutes("K-2").problem().2, "R-016");
    assert_eq!(minutes("K-9").problem().2, "R-016");
    filed(&minutes("K-1"));
}

#[test]
fn evidence_is_a_document_that_is_there() {
    let served = one_customer();
    let consent = |evidence: &str| {
        json!({ "type": "consent.recorded", "subject": "person/P-1", "data": {
            "purpose": "relationship_care", "status": "given", "method": "written", "evidence": evidence,
        } })
    };
    assert_eq!(served.refuse("E-101", &consent("D-3")).1, "E_REF");
    filed(&served.file("E-101", &of_person("D-3", "C4"), "consent.png", b"\x89PNG\r\n\x1a\n..."));
    served.admit("E-101", &consent("D-3"));
    // Now that the person has agreed, what is private may be filed too, and is opened for a purpose.
    filed(&served.file("E-101", &of_person("D-4", "C5"), "family.png", b"\x89PNG\r\n\x1a\n???"));
    assert_eq!(content(&served, "E-101", "D-4").header("content-type"), ["image/png"]);
    let mut withdrawn = consent("D-3");
    withdrawn["data"]["status"] = json!("withdrawn");
    served.admit("E-101", &withdrawn);
    assert_eq!(content(&served, "E-101", "D-4").problem().2, "R-046");
    assert_eq!(content(&served, "E-101", "D-3").status, 200);
}

#[test]
fn the_same_paper_under_the_same_id_is_filed_once() {
    let served = one_customer();
    for (place, (kind, class)) in [("other", "C1"), ("evidence", "C4")].into_iter().enumerate() {
        let mut event = paper(kind, class);
        event["id"] = json!(format!("proposal-{place}"));
        event["data"]["document_id"] = json!(format!("D-{place}"));
        let first = filed(&served.file("E-101", &event, "x.pdf", &pdf(70_000)));
        assert_eq!(filed(&served.file("E-101", &event, "x.pdf", &pdf(70_000))), first);
        assert_eq!(kept(&served).len(), place + 1);
        let conflict = |answer: Answer| assert_eq!(answer.problem().1, "E_CONFLICT");
        conflict(served.file("E-101", &event, "x.pdf", &pdf(70_001)));
        conflict(served.file("E-101", &event, "other.pdf", &pdf(70_000)));
        event["id"] = json!("another-one");
        conflict(served.file("E-101", &event, "x.pdf", &pdf(70_000)));
        assert_eq!(kept(&served).len(), place + 1);
    }
    // The same bytes for two documents are kept once, and stay when a third with them is refused.
    let mut twin = paper("other", "C1");
    twin["data"]["document_id"] = json!("D-twin");
    filed(&served.file("E-101", &twin, "x.pdf", &pdf(70_000)));
    assert_eq!(served.file("E-101", &twin, "x.pdf", &pdf(70_000)).problem().1, "E_CONFLICT");
    assert_eq!(kept(&served).len(), 2);
    assert_eq!(content(&served, "E-101", "D-twin").body, pdf(70_000));
}

#[test]
fn a_missing_or_altered_file_is_named_with_its_document_and_hash() {
    let served = one_customer();
    filed(&served.file("E-101", &paper("other", "C1"), "x.pdf", &pdf(70_000)));
    let hash = stored(&served, "D-1");
    let path = kept(&served)[0].clone();
    let whole = fs::read(&path).unwrap();
    served.test.ledger.settle();
    let told = |found: Found| {
        let reads = served.test.version("reads/C-01");
        let answer = content(&served, "E-101", "D-1");
        assert_eq!(answer.problem(), (500, "E_INTEGRITY".into(), "R-016".into()));
        assert!(answer.text().contains("D-1") && answer.text().contains(&hash), "{}", answer.text());
        assert_eq!(served.test.version("reads/C-01"), reads, "nothing was shown");
        match verify_data(&served.test.home.data, |_| {}) {
            Err(Broken::Content { document, hash: named, found: what, .. }) => {
                assert_eq!((document.as_str(), named.to_string(), what), ("D-1", hash.clone(), found));
            }
            other => panic!("{other:?}"),
        }
        // All else is read on.
        assert_eq!(served.get("E-101", "/v1/documents/D-1").status, 200);
        assert_eq!(served.get("E-101", "/v1/customers/C-01").status, 200);
    };
    fs::remove_file(&path).unwrap();
    told(Found::Missing);
    for at in [0, 35_000, whole.len() - 1] {
        let mut altered = whole.clone();
        altered[at] ^= 1;
        fs::write(&path, &altered).unwrap();
        told(Found::Altered);
    }
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    told(Found::Altered);
    fs::write(&path, &whole).unwrap();
    assert_eq!(content(&served, "E-101", "D-1").body, whole);
    assert_eq!(verify_data(&served.test.home.data, |_| {}).unwrap().documents, 1);
}

#[test]
fn a_paper_whose_file_is_missing_or_cut_says_so_wherever_it_is_listed() {
    const WORDS: &str = "content missing (内容缺失)";
    let served = one_customer();
    // As it came, and sealed in one chunk and in several.
    for (id, class, bytes) in [("D-1", "C1", 100), ("D-2", "C4", 100), ("D-3", "C4", 131_072), ("D-4", "C4", 131_073)] {
        filed(&served.file("E-101", &of_class(id, class), "x.pdf", &pdf(bytes)));
    }
    let said = |language: &'static str| {
        let mut browser = Browser::signed_in(&served, "E-101", language);
        browser.get("/customers/C-01/documents").text()
    };
    // Wherever the paper is looked at, its row alone says it; without its title, to whoever may not see that.
    let told = |id: &str| {
        let about = served.get("E-101", &format!("/v1/documents/{id}")).json();
        let list = served.get("E-101", "/v1/views/documents?subject=C-01").json();
        let rows = list["items"].as_array().unwrap();
        let archive = served.get("E-101", "/v1/customers/C-01").json();
        let contents = |rows: &Value| {
            let rows = rows.as_array().unwrap().iter();
            rows.map(|row| (row["document_id"].clone(), row.get("content").cloned())).collect::<Vec<_>>()
        };
        assert_eq!(contents(&archive["documents"]), contents(&list["items"]), "the archive says the same");
        assert!(rows.iter().all(|row| row["document_id"] == id || row.get("content").is_none()), "{list}");
        let row = rows.iter().find(|row| row["document_id"] == id).unwrap();
        assert_eq!(row.get("content"), about.get("content"), "{id}");
        let pages =
            [("en", "content missing"), ("zh", "内容缺失")].map(|(language, words)| said(language).contains(words));
        assert_eq!(pages, [about.get("content").is_some(); 2], "{id}");
        about.get("content").cloned()
    };
    for id in ["D-1", "D-2", "D-3", "D-4"] {
        assert_eq!(told(id), None, "{id}");
        let path = Files::of(&served.test.home.data).path(&Hash::from_hex(&stored(&served, id)).unwrap());
        let whole = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(told(id), Some(json!(WORDS)), "{id}");
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert_eq!(told(id), Some(json!(WORDS)), "{id}");
        // What is as long is whole as far as a list looks.
        let mut altered = whole.clone();
        altered[50] ^= 1;
        fs::write(&path, &altered).unwrap();
        assert_eq!(told(id), None, "{id}");
        assert_eq!(content(&served, "E-101", id).problem().1, "E_INTEGRITY");
        fs::write(&path, &whole).unwrap();
        assert_eq!(told(id), None, "{id}");
    }
    let path = kept(&served)[0].clone();
    fs::remove_file(&path).unwrap();
    let table = served.get("E-801", "/v1/views/documents?subject=C-01&format=csv").text();
    assert_eq!(table.matches(WORDS).count(), 1, "{table}");
}

#[test]
fn the_papers_of_an_erased_person_are_unreadable_and_still_verify() {
    let served = one_customer();
    filed(&served.file("E-101", &of_person("D-3", "C4"), "passport.pdf", &pdf(70_000)));
    filed(&served.file("E-101", &paper("evidence", "C4"), "other.pdf", &pdf(100)));
    assert_eq!(content(&served, "E-101", "D-3").body, pdf(70_000));
    served.test.ledger.settle();
    let elsewhere = Directory::new();
    let (place, old_place) = (elsewhere.path().join("place"), elsewhere.path().join("old"));
    for (to, reach) in [(&place, Reach::Erasures), (&old_place, Reach::Once)] {
        back_up(&served.test.home, to, reach, &served.test.clock, &mut |_, _| {}).unwrap();
    }
    let hash = Hash::from_hex(&stored(&served, "D-3")).unwrap();
    let passport = Files::of(&served.test.home.data).path(&hash);
    let key = dossier::seal::file_key_id(&fs::read(&passport).unwrap()).unwrap();
    let origin = served.test.ledger.origin().to_owned();
    let ring = served.test.home.data.join("keyring/ring");
    assert!(Copy::read(&ring, &served.test.home.keys, &origin).unwrap().has(key).is_ok(), "until then it opens");
    let erased = json!({ "type": "personal_data.erased", "subject": "person/P-1", "id": "erase-0001", "data": { "scope": "all", "ground": "request" } });
    served.admit("E-902", &erased);
    served.admit("E-801", &json!({ "type": "approval.given", "data": { "request_id": "erase-0001" } }));
    let gone = (409, "E_STATE".to_owned(), "R-008".to_owned());
    assert_eq!(content(&served, "E-101", "D-3").problem(), gone);
    assert_eq!(served.file("E-101", &of_person("D-5", "C4"), "more.pdf", &pdf(100)).problem(), gone);
    let about = served.get("E-101", "/v1/documents/D-3?reveal=true").json();
    assert!(about["title"].as_str().unwrap().starts_with("erased"), "{about}");
    assert_eq!(content(&served, "E-101", "D-1").body, pdf(100), "of nobody else");
    assert!(completed(&served.test), "the keys were not destroyed");
    served.test.ledger.settle();
    assert_eq!(verify_data(&served.test.home.data, |_| {}).unwrap().documents, 2);
    let mut test = served.into_test();
    test.let_go();
    // The sealed file stands, here and in every backup; no file there is holds a word of it or a key that opens it.
    let fresh = Home::beside(&elsewhere.path().join("restored"));
    fs::create_dir(&fresh.keys).unwrap();
    for key in ["signing.key", "master.key"] {
        fs::copy(test.home.keys.join(key), fresh.keys.join(key)).unwrap();
    }
    restore(&fresh, &place, None, &mut |_| {}).unwrap();
    assert_eq!(fs::read(Files::of(&fresh.data).path(&hash)).unwrap(), fs::read(&passport).unwrap());
    for home in [&test.home, &fresh] {
        let files = everything(home);
        assert!(files.contains(&fs::read(&passport).unwrap()), "the paper is among them");
        for word in ["planted line", "Planted title", "passport.pdf"] {
            let stands = files.iter().any(|bytes| bytes.windows(word.len()).any(|window| window == word.as_bytes()));
            assert!(!stands, "{word:?} stands in clear");
        }
        let ring = Copy::read(&home.data.join("keyring/ring"), &home.keys, &origin).unwrap();
        assert_eq!(ring.has(key), Err(KeyError::Destroyed));
    }
    let manifest: Value = serde_json::from_slice(&fs::read(old_place.join("backup.json")).unwrap()).unwrap();
    let old_ring = manifest["files"].as_array().unwrap().iter().find(|file| file["path"] == "keyring/ring").unwrap();
    let old_ring = old_place.join("files").join(old_ring["blake3"].as_str().unwrap());
    assert!(Copy::read(&old_ring, &test.home.keys, &origin).is_err(), "the ring of a backup made before opens");
}

#[test]
fn a_file_that_no_entry_announces_is_gone_after_a_start() {
    let mut test = TestLedger::new();
    test.customer("C-01", "Heyuan Alloy Works");
    let served = Served::of(test);
    filed(&served.file("E-101", &paper("other", "C1"), "x.pdf", &pdf(100)));
    filed(&served.file("E-101", &of_class("D-2", "C4"), "x.pdf", &pdf(100)));
    let announced = kept(&served);
    let orphan = served.test.home.data.join("documents/ab").join("ab".repeat(32));
    fs::create_dir_all(orphan.parent().unwrap()).unwrap();
    fs::write(&orphan, b"%PDF- of nobody").unwrap();
    fs::write(served.test.home.data.join("documents/incoming/cut"), b"%PD").unwrap();
    test = served.into_test();
    test.reopen();
    let served = Served::of(test);
    assert_eq!(kept(&served), announced);
    assert_eq!(content(&served, "E-101", "D-2").body, pdf(100), "its key came through the start");
}

fn of_class(id: &str, class: &str) -> Value {
    let mut event = paper("evidence", class);
    event["data"]["document_id"] = json!(id);
    event
}

#[test]
fn a_death_between_file_and_entry_leaves_no_file_behind() {
    let directory = Directory::new();
    let disk = MemoryDisk::new();
    let clock = dossier::clock::ManualClock::at("2026-03-02T10:00:00+08:00".parse().unwrap());
    let home = Home::beside(&directory.path().join("data"));
    Ledger::create(&home, "test.example.com/ledger", &SeededSource::new("test")).unwrap();
    let open = |seed: &str| on_memory(&directory, &disk, &clock, seed).unwrap();
    let ledger = open("first");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        ledger.found(founding(clock.now())).await.unwrap();
        ledger.adopt_policies().await.unwrap();
        ledger.submit(&principal("E-101"), vec![registration("C-01", "Heyuan", "north", "E-101")]).await.unwrap();
        let mut filing = proposal("document.filed", None, paper("other", "C1")["data"].clone());
        let mut upload = ledger.receive(&principal("E-101"), &mut filing).await.unwrap();
        upload.write(&pdf(1000)).unwrap();
        filing.file = Some(upload.finish().unwrap());
        disk.inject(Fault::Sync);
        let failed = ledger.submit(&principal("E-101"), vec![filing]).await;
        assert!(matches!(failed, Err(SubmitError::Unwritable)), "{failed:?}");
    });
    let path = Files::of(&home.data).path(&Hash::of(&pdf(1000)));
    assert!(path.exists(), "the file stood before its entry was tried");
    ledger.close();
    drop(ledger);
    disk.cut_power(0);
    let ledger = open("second");
    assert!(!path.exists());
    ledger.close();
}

#[test]
fn sixteen_files_may_be_on_their_way_at_once() {
    let served = one_customer();
    let begin = || {
        let mut filing = proposal("document.filed", None, paper("other", "C1")["data"].clone());
        served.test.block_on(served.test.ledger.receive(&principal("E-101"), &mut filing))
    };
    let mut coming: Vec<_> = (0..16).map(|_| begin().unwrap()).collect();
    assert!(matches!(begin(), Err(SubmitError::Busy)));
    // One that ends, whole or not, leaves its turn to the next.
    drop(coming.pop());
    coming.push(begin().unwrap());
    assert!(matches!(begin(), Err(SubmitError::Busy)));
    drop(coming);
    assert_eq!(kept(&served), [] as [PathBuf; 0]);
}

#[test]
fn a_paper_is_filed_opened_and_taken_out_on_pages() {
    let served = one_customer();
    let mut browser = Browser::signed_in(&served, "E-101", "en");
    let page = browser.get("/customers/C-01/documents").text();
    let fields = [
        ("token", hidden(&page, "token")),
        ("id", hidden(&page, "id")),
        ("kind", "company_profile".to_owned()),
        ("title", "Profile <2026>".to_owned()),
        ("class", "C1".to_owned()),
        ("last", "1".to_owned()),
    ];
    let send_as = |browser: &mut Browser<'_>, fields: &[(&str, String)], called: Called<'_>, bytes: &[u8]| {
        let mut all: Vec<(&str, Option<Called<'_>>, &[u8])> =
            fields.iter().map(|(name, value)| (*name, None, value.as_bytes())).collect();
        all.push(("file", Some(called), bytes));
        let (kind, body) = parts(&all);
        browser.send_bytes("POST", "/customers/C-01/documents", &[("Content-Type", &kind)], &body)
    };
    let send = |browser: &mut Browser<'_>, fields: &[(&str, String)], bytes: &[u8]| {
        send_as(browser, fields, ("profile.pdf", Some("application/pdf")), bytes)
    };
    // What is refused is shown in the form, with everything typed.
    let refused = send(&mut browser, &fields, b"not a paper");
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("Profile &lt;2026&gt;") && refused.text().contains("R-016"), "{}", refused.text());
    for (called, said) in [
        (("profile.docx", Some("application/pdf")), "its name ends in &quot;.docx&quot;"),
        (("profile.pdf", Some("image/png")), "it is sent as &quot;image/png&quot;"),
    ] {
        let refused = send_as(&mut browser, &fields, called, &pdf(100));
        assert_eq!(refused.status, 422);
        assert!(refused.text().contains("not what it says") && refused.text().contains(said), "{}", refused.text());
    }
    // Texts are bounded together, not each by itself.
    let many: Vec<(&str, String)> = ["a", "b", "c"].map(|name| (name, "x".repeat(400_000))).into();
    let refused = send(&mut browser, &many, &pdf(100));
    assert_eq!(refused.status, 413);
    assert!(refused.text().contains("1 MiB"), "{}", refused.text());
    let mut forged = fields.clone();
    forged[0].1 = "forged".into();
    assert_eq!(send(&mut browser, &forged, &pdf(100)).status, 403);
    assert_eq!(kept(&served), [] as [PathBuf; 0]);
    assert_eq!(send(&mut browser, &fields, &pdf(100)).status, 303);
    let page = browser.get("/customers/C-01/documents").text();
    assert!(
        page.contains("Profile &lt;2026&gt;") && page.contains("Company profile") && page.contains("PDF 100 B"),
        "{page}"
    );
    let id = page.split("formaction=\"/documents/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let token = hidden(&page, "token");
    let opened = browser.post(&format!("/documents/{id}"), &[("token", &token), ("purpose", "")]);
    assert_eq!((opened.status, opened.body == pdf(100)), (200, true));
    assert_eq!(browser.get(&format!("/documents/{id}")).status, 405, "nothing is opened by an address");
    assert_eq!(
        browser.get("/propose/document.filed?customer_id=C-01").header("location"),
        ["/customers/C-01/documents"]
    );
    // In Chinese, to the market director, who may take the list of customers out.
    let mut browser = Browser::signed_in(&served, "E-601", "zh");
    let page = browser.get("/").text();
    let token = hidden(&page, "token");
    let aimless = browser.post("/export/list", &[("token", &token), ("format", "xlsx")]);
    assert_eq!(aimless.status, 400);
    let fields =
        [("token", token.as_str()), ("format", "xlsx"), ("purpose", "management"), ("limit", "200"), ("q", "")];
    let sheet = browser.post("/export/list", &fields);
    assert_eq!(sheet.status, 200, "{}", sheet.text());
    assert!(sheet.body.starts_with(b"PK\x03\x04"));
    assert!(sheet.header("content-disposition")[0].ends_with(".xlsx\""));
    assert!(!sheet.header("dossier-reading").is_empty(), "taking out is entered, also of the list alone");
}

#[test]
fn what_is_taken_out_in_either_form_is_entered_by_the_same_content() {
    let served = one_customer();
    for format in ["csv", "xlsx"] {
        assert_eq!(served.get("E-601", &format!("/v1/views/list?format={format}")).status, 200);
    }
    assert_eq!(served.get("E-101", "/v1/views/list?format=xlsx").status, 403);
    let mut asked = Asked::new(projection::view("list").unwrap());
    asked.mode = Mode::Export;
    asked.purpose = Some(Purpose::parse("management").unwrap());
    let shown = served.test.ask("E-601", &asked).unwrap();
    let log = served.get("E-902", "/v1/views/access_log?subject=employee/E-601").json();
    let exports: Vec<&Value> =
        log["items"].as_array().unwrap().iter().filter(|read| read["mode"] == "export").collect();
    assert_eq!(exports.len(), 3, "{log}");
    for read in exports {
        let entry = served.get("E-901", &format!("/v1/entries/{}", read["index"])).json();
        let salt = BASE64_URL_SAFE_NO_PAD.decode(entry["entry"]["salt"].as_str().unwrap()).unwrap();
        let hash = blake3::Hasher::new().update(&salt).update(shown.text.as_bytes()).finalize();
        assert_eq!(read["content_hash"], hash.to_hex().as_str());
    }
}
