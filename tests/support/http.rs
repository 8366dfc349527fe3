//! A served ledger and a client that speaks just enough HTTP/1.1.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::time::Duration;

use dossier::accounts::Accounts;
use dossier::ids::SeededSource;
use serde_json::Value;

use crate::support::TestLedger;

/// An answer: status and body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("not JSON: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The values of a header, in their order.
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }

    /// The code and the rule of a problem.
    pub(crate) fn problem(&self) -> (u16, String, String) {
        let problem = self.json();
        let text = |field: &str| problem[field].as_str().unwrap_or_default().to_owned();
        (self.status, text("code"), text("rule"))
    }
}

/// One connection, kept open.
pub(crate) struct Client(TcpStream);

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> std::io::Result<Answer> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        let mut bytes = request.into_bytes();
        bytes.extend_from_slice(body);
        self.0.write_all(&bytes)?;
        self.receive()
    }

    fn receive(&mut self) -> std::io::Result<Answer> {
        let mut bytes = Vec::new();
        let mut buffer = [0; 16 * 1024];
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            let read = self.0.read(&mut buffer)?;
            if read == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            bytes.extend_from_slice(&buffer[..read]);
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let length = head
            .lines()
            .find_map(|line| {
                line.to_lowercase()
                    .strip_prefix("content-length:")
                    .map(|length| length.trim().parse::<usize>().unwrap())
            })
            .unwrap_or(0);
        let mut body = bytes.split_off(end);
        while body.len() < length {
            let read = self.0.read(&mut buffer)?;
            if read == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            body.extend_from_slice(&buffer[..read]);
        }
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Ok(Answer { status, head, body })
    }
}

/// A test ledger behind its HTTP door.
pub(crate) struct Served {
    pub(crate) test: TestLedger,
    address: SocketAddr,
    accounts: Accounts,
    tokens: Mutex<BTreeMap<String, String>>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Served {
    pub(crate) fn new() -> Self {
        Self::of(TestLedger::new())
    }

    pub(crate) fn of(test: TestLedger) -> Self {
        let accounts = Accounts::open(&test.home.data).unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (told, address) = std::sync::mpsc::channel();
        let ledger = test.ledger.clone();
        let served = Accounts::open(&test.home.data).unwrap();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                told.send(listener.local_addr().unwrap()).unwrap();
                dossier::http::serve(ledger, served, listener, async { drop(stopped.await) }).await.unwrap();
            });
        });
        let address = address.recv().unwrap();
        Self { test, address, accounts, tokens: Mutex::default(), stop: Some(stop), thread: Some(thread) }
    }

    /// The token of an employee, issued when it is first asked for.
    pub(crate) fn token(&self, who: &str) -> String {
        let mut tokens = self.tokens.lock().unwrap();
        let issue = || self.accounts.issue_token(&who.parse().unwrap(), &SeededSource::new(who), "test", None).unwrap();
        tokens.entry(who.to_owned()).or_insert_with(issue).clone()
    }

    /// Gives an employee a password to sign in with.
    pub(crate) fn password(&self, who: &str) -> String {
        let password = format!("password of {who}");
        self.accounts.set_password(&who.parse().unwrap(), &password, &SeededSource::new(who)).unwrap();
        password
    }

    pub(crate) fn request(&self, who: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let authorization = format!("Bearer {}", self.token(who));
        let mut all = vec![("Authorization", authorization.as_str())];
        if !headers.iter().any(|(name, _)| *name == "Content-Type") {
            all.push(("Content-Type", "application/json"));
        }
        all.extend_from_slice(headers);
        // The accounts are looked at again once a second of the ledger's clock.
        self.test.clock.advance(Duration::from_secs(2));
        Client::connect(self.address).unwrap().send(method, path, &all, body).unwrap()
    }

    pub(crate) fn get(&self, who: &str, path: &str) -> Answer {
        self.request(who, "GET", path, &[("Dossier-Purpose", "management")], b"")
    }

    pub(crate) fn post(&self, who: &str, proposal: &Value) -> Answer {
        self.request(who, "POST", "/v1/events", &[], proposal.to_string().as_bytes())
    }

    /// Posts what must be admitted, and returns its first entry.
    pub(crate) fn admit(&self, who: &str, proposal: &Value) -> Value {
        let answer = self.post(who, proposal);
        assert_eq!(answer.status, 201, "{} by {who}: {}", proposal["type"], String::from_utf8_lossy(&answer.body));
        answer.json()["entries"][0].clone()
    }

    /// Posts what must be refused, and returns status, code and rule.
    pub(crate) fn refuse(&self, who: &str, proposal: &Value) -> (u16, String, String) {
        self.post(who, proposal).problem()
    }

    /// Files a paper: the proposal and its file, as a form with two parts.
    pub(crate) fn file(&self, who: &str, event: &Value, name: &str, bytes: &[u8]) -> Answer {
        self.file_as(who, event, (name, None), bytes)
    }

    /// Files a document with a file that is sent as something.
    pub(crate) fn file_as(&self, who: &str, event: &Value, called: Called<'_>, bytes: &[u8]) -> Answer {
        let event = event.to_string();
        let (kind, body) = parts(&[("event", None, event.as_bytes()), ("file", Some(called), bytes)]);
        self.request(who, "POST", "/v1/documents", &[("Content-Type", &kind)], &body)
    }

    /// Ends the door and gives the ledger back.
    pub(crate) fn into_test(mut self) -> TestLedger {
        self.end();
        std::mem::replace(&mut self.test, TestLedger::new())
    }

    fn end(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).ok();
        }
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// What a file in a form is called, and what it is sent as, where that is said.
pub(crate) type Called<'a> = (&'a str, Option<&'a str>);

/// Writes a form with files: the content type with its boundary, and the body.
pub(crate) fn parts(parts: &[(&str, Option<Called<'_>>, &[u8])]) -> (String, Vec<u8>) {
    const BOUNDARY: &str = "a-boundary-that-no-paper-contains";
    let mut body = Vec::new();
    for (name, called, bytes) in parts {
        let file = called.map_or_else(String::new, |(file, _)| format!("; filename=\"{file}\""));
        let sent_as = called.and_then(|(_, media_type)| media_type);
        let sent_as = sent_as.map_or_else(String::new, |media_type| format!("Content-Type: {media_type}\r\n"));
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n{sent_as}\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={BOUNDARY}"), body)
}

impl Drop for Served {
    fn drop(&mut self) {
        self.end();
    }
}
