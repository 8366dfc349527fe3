//! The feed: entries as they come, to whoever listens, as Server-Sent Events.
//!
//! **Invariant:** who listens is asked for anew, and what is sent is entered as read, before each part of it is sent.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts as _, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::http::Door;
use crate::http::api::Parameters;
use crate::http::error::Problem;
use crate::http::session::Asker;
use crate::ledger::{Answered, Asked, ViewError};
use crate::projection;

/// `GET /v1/feed?after=`: the entries behind an index, and then each as it comes; without an index those to come.
///
/// Each event has the index of its entry as its id, so that whoever was cut off goes on behind it (`Last-Event-ID`).
#[expect(clippy::disallowed_methods, reason = "a door: it sends what comes after the request is answered")]
pub(crate) async fn follow(
    State(door): State<Arc<Door>>,
    asker: Asker,
    parts: Parts,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let after = last_event(&parts.headers)?.or(parameters.take("after"));
    parameters.take("purpose");
    if let Some(name) = parameters.0.keys().next() {
        return Err(Problem::value(
            format!("/{name}"),
            "is no parameter of the feed, which knows after and purpose",
            "不是此接口的参数；可用：after、purpose",
        ));
    }
    let turn = door.listening.clone().try_acquire_owned().map_err(|_| Problem::View(ViewError::Busy))?;
    let view = projection::view("feed").ok_or(Problem::View(ViewError::NotFound))?;
    let latest = || door.ledger.state().size.checked_sub(1).map(|last| last.to_string());
    let asked = Asked { after: after.or_else(latest), ..Asked::new(view) };
    // Whoever may not listen is told so by the answer, and not by a stream that ends.
    let first = read(&door, asker, &asked).await?;
    let (sender, receiver) = mpsc::channel(view.page_rows);
    let mut listener = Listener { door, parts, asked, sender };
    tokio::spawn(async move {
        let _turn = turn;
        let mut answered = first;
        while listener.send(&answered).await.is_some() {
            match listener.next().await {
                Some(next) => answered = next,
                None => return,
            }
        }
    });
    Ok(Sse::new(ReceiverStream::new(receiver)).keep_alive(KeepAlive::default()).into_response())
}

/// The index behind which somebody goes on who was cut off.
fn last_event(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    Ok(Some(value.to_str().map_err(|_| Problem::NotUtf8 { at: None })?.to_owned()))
}

async fn read(door: &Door, asker: Asker, asked: &Asked) -> Result<Answered, Problem> {
    let asked = Asked { purpose: asker.purpose, ..asked.clone() };
    door.view(&asker.principal, &asked).await.map_err(Problem::View)
}

/// Somebody who listens.
struct Listener {
    door: Arc<Door>,
    /// The request, by which it is asked again who they are.
    parts: Parts,
    asked: Asked,
    sender: mpsc::Sender<Result<Event, Infallible>>,
}

impl Listener {
    /// Sends what was read; `None` once nobody listens any more.
    async fn send(&mut self, answered: &Answered) -> Option<()> {
        for entry in answered.body.get("items").and_then(Value::as_array).into_iter().flatten() {
            let text = |name: &str| {
                entry.get(name).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            };
            let event = Event::default().id(text("index")?).event(text("type")?).data(entry.to_string());
            self.sender.send(Ok(event)).await.ok()?;
        }
        if answered.next.is_some() {
            self.asked.after.clone_from(&answered.next);
        }
        Some(())
    }

    /// Waits for entries and reads them; `None` once this one may not, nobody listens, or the service ends.
    async fn next(&mut self) -> Option<Answered> {
        let behind = |listener: &Self| {
            listener.asked.after.as_ref().map_or(0, |after| after.parse::<u64>().map_or(0, |after| after + 1))
        };
        let mut ending = self.door.ending.subscribe();
        while self.door.ledger.state().size <= behind(self) {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = self.sender.closed() => return None,
                _ = ending.wait_for(|ending| *ending) => return None,
            }
        }
        let asker = Asker::from_request_parts(&mut self.parts, &self.door).await.ok()?;
        read(&self.door, asker, &self.asked).await.ok()
    }
}

/// How long an entry waits at most before it is sent.
const LOOK: Duration = Duration::from_millis(100);
