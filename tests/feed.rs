//! Entries as they come, heard over one connection.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::TestLedger;
use crate::support::http::Served;
use crate::views::contact;

/// Somebody who listens, and what they were told at first.
struct Ear {
    lines: BufReader<TcpStream>,
    status: u16,
}

impl Ear {
    fn listen(served: &Served, who: &str, query: &str, more: &str) -> Self {
        let token = served.token(who);
        served.test.clock.advance(Duration::from_secs(2));
        let mut stream = TcpStream::connect(served.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let request = format!(
            "GET /v1/feed{query} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\nDossier-Purpose: management\r\n{more}\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut lines = BufReader::new(stream);
        let mut head = String::new();
        lines.read_line(&mut head).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        while lines.read_line(&mut head).unwrap() > 2 {}
        Self { lines, status }
    }

    /// The next entry heard: its id, its type and what is said of it; `None` when the other side has ended.
    fn hear(&mut self) -> Option<(u64, String, Value)> {
        let (mut id, mut kind) = (None, None);
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end();
            if let Some(text) = line.strip_prefix("id: ") {
                id = text.parse().ok();
            } else if let Some(text) = line.strip_prefix("event: ") {
                kind = Some(text.to_owned());
            } else if let Some(text) = line.strip_prefix("data: ") {
                return Some((id?, kind?, serde_json::from_str(text).unwrap()));
            }
        }
    }
}

#[test]
fn whoever_listens_hears_what_comes_and_may_go_on_where_they_were_cut_off() {
    let served = Served::of(TestLedger::new());
    served.test.customer("C-01", "Heyuan Alloy Works");
    let mut ear = Ear::listen(&served, "E-101", "", "");
    assert_eq!(ear.status, 200);
    let first = served.admit("E-101", &contact(json!({})));
    let (index, kind, entry) = ear.hear().unwrap();
    assert_eq!((Value::from(index), kind.as_str()), (first["index"].clone(), "contact.recorded"));
    assert_eq!((&entry["payload"]["summary"], &entry["hash"]), (&json!("Talked about spare parts."), &first["hash"]));
    // What was read so far is no news, and neither is that somebody was refused.
    assert_eq!(served.get("E-102", "/v1/customers/C-01?purpose=management").status, 403);
    let mut second = contact(json!({ "summary": "Talked about the price." }));
    second["id"] = json!("contact-02");
    served.admit("E-101", &second);
    let (next, _, entry) = ear.hear().unwrap();
    assert_eq!(entry["payload"]["summary"], "Talked about the price.");
    // Cut off, they go on behind what they heard last.
    let mut again = Ear::listen(&served, "E-101", "", &format!("Last-Event-ID: {index}\r\n"));
    assert_eq!(again.hear().unwrap().0, next);
    let mut from = Ear::listen(&served, "E-101", "?after=0", "");
    assert_eq!(from.hear().unwrap().0, 1);
    // Each part was entered as read before it was sent.
    let log = served.get("E-901", "/v1/views/access_log?subject=employee/E-101").json();
    let heard: Vec<&Value> = log["items"].as_array().unwrap().iter().filter(|line| line["view"] == "feed").collect();
    let about = heard.iter().filter(|line| line["targets"] == json!(["C-01"]) && line["authority"] == "own");
    assert!(about.count() >= 2, "{log}");
}

#[test]
fn the_feed_shows_each_listener_what_they_may_see_as_long_as_they_may() {
    let served = Served::of(TestLedger::new());
    served.test.customer("C-01", "Heyuan Alloy Works");
    let mut stranger = Ear::listen(&served, "E-103", "", "");
    served.admit("E-101", &contact(json!({})));
    let (_, kind, entry) = stranger.hear().unwrap();
    assert_eq!((kind.as_str(), &entry["payload"]["summary"]), ("contact.recorded", &json!("•••")));
    let mut ear = Ear::listen(&served, "E-101", "", "");
    let away = json!({ "status": "suspended", "effective_on": "2026-03-02" });
    served.admit("E-001", &json!({ "type": "employee.status_changed", "subject": "employee/E-101", "data": away }));
    assert!(ear.hear().is_none(), "whoever does not work here any more hears nothing");
    assert_eq!(served.get("E-101", "/v1/feed").status, 401);
    assert_eq!(served.get("E-102", "/v1/feed?since=1").status, 400);
    assert_eq!(served.get("E-102", "/v1/feed?after=yesterday").status, 400);
}

#[test]
fn a_listener_does_not_keep_the_service_from_ending() {
    let served = Served::of(TestLedger::new());
    let mut ear = Ear::listen(&served, "E-102", "", "");
    drop(served.into_test());
    let mut rest = Vec::new();
    ear.lines.read_to_end(&mut rest).unwrap();
    assert_eq!(ear.status, 200);
}
