//! The bare limit: an HTTP server that only writes the request body, one write and one `fdatasync` per group.

use std::fs::File;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::mpsc;

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::get;
use tokio::sync::oneshot;

/// Serves on a free port of the loopback until the process is ended, appending every posted body to `file`.
///
/// Prints `listening on http://127.0.0.1:PORT` once it accepts connections. `GET /readyz` answers 200; every other request is
/// answered 201 with the number of its body, after that body is durable. A failed write ends the process.
pub fn serve(file: &Path) -> anyhow::Result<()> {
    // A bench that was itself killed could not end this process.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    let file = File::options()
        .append(true)
        .create_new(true)
        .open(file)
        .with_context(|| format!("cannot create {}", file.display()))?;
    let (sender, waiting) = mpsc::channel();
    std::thread::Builder::new().name("writer".to_owned()).spawn(move || {
        // Answering on without the disk would measure something else, so a failed write ends the whole process.
        if write_groups(file, &waiting).is_err() {
            std::process::exit(1);
        }
    })?;
    let router = Router::new()
        .route("/readyz", get(async || StatusCode::OK))
        .fallback(keep)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(sender);
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        announce(listener.local_addr()?);
        Ok(axum::serve(listener, router).await?)
    })
}

/// A body that waits for its group, and the place to answer once it is durable.
struct Waiting {
    body: Bytes,
    durable: oneshot::Sender<u64>,
}

async fn keep(State(writer): State<mpsc::Sender<Waiting>>, body: Bytes) -> Result<(StatusCode, String), StatusCode> {
    let (durable, answer) = oneshot::channel();
    writer.send(Waiting { body, durable }).map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    let number = answer.await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok((StatusCode::CREATED, format!("{{\"index\":{number}}}")))
}

fn write_groups(mut file: File, waiting: &mpsc::Receiver<Waiting>) -> std::io::Result<()> {
    let mut group = Vec::with_capacity(GROUP_BODIES_MAX);
    let mut bytes = Vec::with_capacity(BODY_BYTES_MAX);
    let mut written = 0_u64;
    while let Ok(first) = waiting.recv() {
        group.push(first);
        while group.len() < GROUP_BODIES_MAX {
            let Ok(next) = waiting.try_recv() else { break };
            group.push(next);
        }
        bytes.clear();
        for Waiting { body, .. } in &group {
            bytes.extend_from_slice(body);
        }
        file.write_all(&bytes)?;
        file.sync_data()?;
        for Waiting { durable, .. } in group.drain(..) {
            // A client that has gone away needs no answer; its body is kept all the same.
            let _ = durable.send(written);
            written += 1;
        }
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the parent learns the port from this line")]
fn announce(address: std::net::SocketAddr) {
    println!("listening on http://{address}");
}

/// The largest body taken, above the largest batch the bench sends.
const BODY_BYTES_MAX: usize = 4 << 20;

/// The most bodies written at once; more clients than this are never driven.
const GROUP_BODIES_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_written_in_order_and_every_body_is_answered_with_its_number() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bodies");
        let (sender, waiting) = mpsc::channel();
        let answers: Vec<_> = [b"one ".as_slice(), b"two ", b"three"]
            .into_iter()
            .map(|body| {
                let (durable, answer) = oneshot::channel();
                let body = Bytes::from_static(body);
                sender.send(Waiting { body, durable }).unwrap();
                answer
            })
            .collect();
        drop(sender);
        write_groups(File::create_new(&path).unwrap(), &waiting).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"one two three");
        let numbers: Vec<_> = answers.into_iter().map(|a| a.blocking_recv().unwrap()).collect();
        assert_eq!(numbers, [0, 1, 2]);
    }
}
