//! A closed loop of HTTP/1.1 clients, one request under way on each connection, as cheap as the machine it shares allows.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::time::ClockId;
use serde::Serialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::process::Process;

/// What is sent: one list of complete requests per connection, sent in turn, again and again.
pub struct Shape {
    /// The connections and their requests, byte for byte as they go over the wire.
    pub connections: Vec<Arc<[Vec<u8>]>>,
    /// The status that counts as success.
    pub expected: u16,
}

/// How long a load lasts. It ends at the earlier of `measured` and `requests_max`.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// Requests answered in this first time are not counted.
    pub warm_up: Duration,
    /// The time that is counted.
    pub measured: Duration,
    /// The most requests sent, the warm-up's included.
    pub requests_max: u64,
}

/// What was measured. Failed requests are in `errors` and nowhere else.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// Successful answers per second.
    pub per_second: f64,
    /// Successful answers.
    pub requests: u64,
    /// Other answers, and connections that broke.
    pub errors: u64,
    /// The first of them, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_error: Option<String>,
    /// The counted time, in seconds.
    pub seconds: f64,
    /// Half of the answers came within this many microseconds of their requests.
    pub p50_us: u32,
    /// All but a hundredth did.
    pub p99_us: u32,
    /// All did.
    pub max_us: u32,
    /// CPU microseconds of the server process per success.
    pub server_cpu_us: f64,
    /// CPU microseconds of these clients per success.
    pub client_cpu_us: f64,
}

/// Drives `server` with `shape` for `span`.
///
/// Runs on the calling thread's runtime, which must be of one thread: the clients' own CPU is read from that thread's clock. Nothing is
/// under way when it returns.
///
/// # Errors
/// When the server's CPU time cannot be read. Failing requests are no error here; they are counted.
pub async fn run(server: &Process, shape: &Shape, span: Span) -> anyhow::Result<Outcome> {
    let control = Arc::new(Control { phase: AtomicU8::new(WARM_UP), left: AtomicU64::new(span.requests_max) });
    let mut clients = JoinSet::new();
    for requests in &shape.connections {
        let client = Client {
            address: server.address,
            requests: Arc::clone(requests),
            expected: shape.expected,
            control: Arc::clone(&control),
        };
        clients.spawn(client.drive());
    }
    let mut tally = Tally::default();
    // A load may end before its time: the clients end when the requests are used up.
    drop(tokio::time::timeout(span.warm_up, tally.gather(&mut clients)).await);
    let server_before = server.cpu_seconds()?;
    let client_before = thread_cpu_seconds();
    let started = Instant::now();
    control.phase.store(MEASURED, Ordering::Relaxed);
    drop(tokio::time::timeout(span.measured, tally.gather(&mut clients)).await);
    control.phase.store(OVER, Ordering::Relaxed);
    let seconds = started.elapsed().as_secs_f64();
    let server_cpu = server.cpu_seconds()? - server_before;
    let client_cpu = thread_cpu_seconds() - client_before;
    if tokio::time::timeout(LAST_ANSWER, tally.gather(&mut clients)).await.is_err() {
        let unanswered = u64::try_from(clients.len())?;
        tally.fail(unanswered, || format!("{unanswered} requests unanswered after {LAST_ANSWER:?}"));
    }
    Ok(tally.outcome(seconds, server_cpu, client_cpu))
}

/// Returns whether the server at `address` answers 200 on `/readyz` now.
pub fn ready(address: SocketAddr) -> bool {
    fetch(address, "/readyz", "").is_ok_and(|(status, _)| status == 200)
}

/// Gets `target` once, outside any measurement, and returns status and body. `headers` are whole lines, each with its end.
///
/// Asks in HTTP/1.0, so that the body is whatever comes until the server closes.
///
/// # Errors
/// When the connection breaks, nothing comes for half a minute, or what comes is no HTTP.
pub fn fetch(address: SocketAddr, target: &str, headers: &str) -> std::io::Result<(u16, Vec<u8>)> {
    exchange(address, format!("GET {target} HTTP/1.0\r\nHost: 127.0.0.1\r\n{headers}\r\n").as_bytes())
}

/// Proposes `body` once as the holder of `token`, outside any load, and returns status and body of the answer.
///
/// # Errors
/// As of [`fetch`].
pub fn propose(address: SocketAddr, token: &str, body: &str) -> std::io::Result<(u16, Vec<u8>)> {
    exchange(address, &post(token, "Connection: close\r\n", body))
}

/// Returns the request by which the holder of `token` proposes what `body` says. `headers` are whole lines, each with its end.
pub fn post(token: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )
    .into_bytes()
}

fn exchange(address: SocketAddr, request: &[u8]) -> std::io::Result<(u16, Vec<u8>)> {
    let mut stream = std::net::TcpStream::connect_timeout(&address, LAST_ANSWER)?;
    stream.set_read_timeout(Some(LAST_ANSWER))?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    let head = head_bytes(&answer).ok_or_else(malformed)?;
    let status = status(&answer).ok_or_else(malformed)?;
    Ok((status, answer.split_off(head)))
}

/// One connection of the loop.
struct Client {
    address: SocketAddr,
    requests: Arc<[Vec<u8>]>,
    expected: u16,
    control: Arc<Control>,
}

/// What the clients of one load share.
struct Control {
    phase: AtomicU8,
    left: AtomicU64,
}

/// What one client, or all of them, saw.
#[derive(Default)]
struct Tally {
    latencies_us: Vec<u32>,
    errors: u64,
    first_error: Option<String>,
}

impl Client {
    /// Sends and receives until the load is over, connecting again a few times when the connection breaks.
    async fn drive(self) -> Tally {
        let mut tally = Tally { latencies_us: Vec::with_capacity(1 << 12), ..Tally::default() };
        for _ in 0..CONNECTIONS_MAX {
            match self.converse(&mut tally).await {
                Ok(()) => break,
                Err(error) => tally.fail(1, || format!("connection broke: {error}")),
            }
        }
        tally
    }

    async fn converse(&self, tally: &mut Tally) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let mut buffer = vec![0; 16 << 10];
        for request in self.requests.iter().cycle() {
            if !self.control.take() {
                break;
            }
            let sent_at = Instant::now();
            stream.write_all(request).await?;
            let answer = receive(&mut stream, &mut buffer).await?;
            if answer.status != self.expected {
                let shown = answer.bytes.min(answer.head + ERROR_BYTES_SHOWN);
                let body = buffer.get(answer.head..shown).unwrap_or_default();
                tally.fail(1, || format!("{}: {}", answer.status, String::from_utf8_lossy(body)));
            } else if self.control.phase.load(Ordering::Relaxed) == MEASURED {
                let latency_us = sent_at.elapsed().as_micros();
                tally.latencies_us.push(u32::try_from(latency_us).unwrap_or(u32::MAX));
            }
        }
        Ok(())
    }
}

impl Control {
    /// Takes leave to send one more request.
    fn take(&self) -> bool {
        self.phase.load(Ordering::Relaxed) != OVER
            && self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

impl Tally {
    /// Adds up the clients as they end, until all have. May be cut off between two of them.
    async fn gather(&mut self, clients: &mut JoinSet<Self>) {
        while let Some(ended) = clients.join_next().await {
            match ended {
                Ok(tally) => {
                    self.latencies_us.extend(tally.latencies_us);
                    self.errors += tally.errors;
                    self.first_error = self.first_error.take().or(tally.first_error);
                }
                Err(error) => self.fail(1, || format!("client ended: {error}")),
            }
        }
    }

    fn fail(&mut self, times: u64, words: impl FnOnce() -> String) {
        self.errors += times;
        self.first_error.get_or_insert_with(words);
    }

    fn outcome(mut self, seconds: f64, server_cpu: f64, client_cpu: f64) -> Outcome {
        self.latencies_us.sort_unstable();
        let count = self.latencies_us.len();
        let rank = |hundredths: usize| {
            let index = (count * hundredths).div_ceil(100).saturating_sub(1);
            self.latencies_us.get(index).copied().unwrap_or(0)
        };
        let requests = u32::try_from(count).unwrap_or(u32::MAX);
        // Nothing per success is told where there was none.
        let per = |total: f64| {
            if requests == 0 { 0.0 } else { total * 1e6 / f64::from(requests) }
        };
        Outcome {
            per_second: f64::from(requests) / seconds,
            requests: requests.into(),
            errors: self.errors,
            first_error: self.first_error.clone(),
            seconds,
            p50_us: rank(50),
            p99_us: rank(99),
            max_us: rank(100),
            server_cpu_us: per(server_cpu),
            client_cpu_us: per(client_cpu),
        }
    }
}

/// Where one whole answer stands at the start of a buffer.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    /// The bytes before the body.
    head: usize,
    /// All its bytes.
    bytes: usize,
}

/// Reads one answer to the start of `buffer`, which grows where it must.
async fn receive(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<Answer> {
    let mut filled = 0;
    loop {
        if filled == buffer.len() {
            if filled >= usize::try_from(ANSWER_BYTES_MAX).unwrap_or(usize::MAX) {
                return Err(malformed());
            }
            buffer.resize(filled * 2, 0);
        }
        let read = stream.read(buffer.get_mut(filled..).unwrap_or_default()).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        filled += read;
        if let Some(answer) = parse(buffer.get(..filled).unwrap_or_default())? {
            // One request is under way at a time: more than its answer is none of ours.
            return if answer.bytes == filled { Ok(answer) } else { Err(malformed()) };
        }
    }
}

/// Finds the answer that `received` begins with; nothing when more must come.
fn parse(received: &[u8]) -> std::io::Result<Option<Answer>> {
    let Some(head) = head_bytes(received) else {
        return Ok(None);
    };
    let status = status(received).ok_or_else(malformed)?;
    let mut length = None;
    for line in received.get(..head).unwrap_or_default().split(|byte| *byte == b'\n').skip(1) {
        let Some(colon) = memchr::memchr(b':', line) else {
            continue;
        };
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if name.eq_ignore_ascii_case(b"content-length") {
            length = Some(number(value, 10).ok_or_else(malformed)?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            let bytes = chunked_end(received, head)?;
            return Ok(bytes.map(|bytes| Answer { status, head, bytes }));
        }
    }
    let bytes = length.and_then(|length| head.checked_add(length)).ok_or_else(malformed)?;
    Ok((received.len() >= bytes).then_some(Answer { status, head, bytes }))
}

/// Returns where the chunked body from `start` ends; nothing when more must come. Trailers are not understood.
fn chunked_end(received: &[u8], start: usize) -> std::io::Result<Option<usize>> {
    let mut at = start;
    loop {
        let rest = received.get(at..).unwrap_or_default();
        let Some(line_end) = memchr::memmem::find(rest, b"\r\n") else {
            return Ok(None);
        };
        let size = number(rest.get(..line_end).unwrap_or_default(), 16).ok_or_else(malformed)?;
        let chunk_end = size.checked_add(at + line_end + 4).ok_or_else(malformed)?;
        if chunk_end > received.len() {
            return Ok(None);
        }
        if size == 0 {
            return Ok(Some(chunk_end));
        }
        at = chunk_end;
    }
}

/// Returns how many bytes stand before the body, if the whole head is there.
fn head_bytes(received: &[u8]) -> Option<usize> {
    memchr::memmem::find(received, b"\r\n\r\n").map(|end| end + 4)
}

fn status(received: &[u8]) -> Option<u16> {
    // "HTTP/1.1 201 Created"
    let code = received.strip_prefix(b"HTTP/1.")?.get(2..5)?;
    number(code, 10).and_then(|code| u16::try_from(code).ok())
}

fn number(digits: &[u8], radix: u32) -> Option<usize> {
    usize::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()
}

fn malformed() -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, "the answer is not the HTTP expected")
}

fn thread_cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(ClockId::ThreadCPUTime);
    #[expect(clippy::cast_precision_loss, reason = "a process does not run for 2^53 seconds or nanoseconds")]
    let seconds = time.tv_sec as f64 + time.tv_nsec as f64 / 1e9;
    seconds
}

const WARM_UP: u8 = 0;
const MEASURED: u8 = 1;
const OVER: u8 = 2;

/// The longest wait for the answers still under way when a load is over, and for anything fetched.
const LAST_ANSWER: Duration = Duration::from_secs(30);

/// The most times a client connects, so that a server which closes every connection ends the load.
const CONNECTIONS_MAX: usize = 8;

/// The most of a failing answer's body that is shown.
const ERROR_BYTES_SHOWN: usize = 600;

/// The largest answer read.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_exactly_with_its_last_byte() {
        let received = b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello";
        for cut in 0..received.len() {
            assert_eq!(parse(&received[..cut]).unwrap(), None, "cut at {cut}");
        }
        let bytes = received.len();
        let answer = Answer { status: 201, head: bytes - 5, bytes };
        assert_eq!(parse(received).unwrap(), Some(answer));
    }

    #[test]
    fn a_chunked_answer_is_whole_exactly_with_its_last_byte() {
        let received = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n";
        for cut in 0..received.len() {
            assert_eq!(parse(&received[..cut]).unwrap(), None, "cut at {cut}");
        }
        assert_eq!(parse(received).unwrap().unwrap().bytes, received.len());
    }

    #[test]
    fn what_is_no_http_is_refused() {
        assert!(parse(b"SSH-2.0-x\r\n\r\n").is_err());
        assert!(parse(b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n").is_err());
        assert!(parse(b"HTTP/1.1 200 OK\r\nx: y\r\n\r\n").is_err());
        assert!(parse(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n").is_err());
    }

    #[test]
    fn percentiles_are_ranks_of_the_sorted_latencies() {
        let tally = Tally { latencies_us: (1..=200).rev().collect(), ..Tally::default() };
        let outcome = tally.outcome(2.0, 0.001, 0.0);
        assert_eq!((outcome.p50_us, outcome.p99_us, outcome.max_us), (100, 198, 200));
        assert!((outcome.per_second - 100.0).abs() < 1e-9);
        assert!((outcome.server_cpu_us - 5.0).abs() < 1e-9);
    }

    #[test]
    fn no_more_requests_are_sent_than_allowed() {
        let control = Control { phase: AtomicU8::new(MEASURED), left: AtomicU64::new(2) };
        assert_eq!([control.take(), control.take(), control.take()], [true, true, false]);
        let over = Control { phase: AtomicU8::new(OVER), left: AtomicU64::new(2) };
        assert!(!over.take());
    }
}
