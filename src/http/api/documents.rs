//! Filing papers and getting them back: a file comes behind its proposal, and goes once its reading is durable.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::multipart::{Field, Multipart, MultipartError, MultipartRejection};
use axum::extract::{FromRequest as _, Request, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use http_body::{Frame, SizeHint};
use serde_json::{Value, json};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::access::principal::Principal;
use crate::domain::audit::Mode;
use crate::domain::document::FILE_BYTES_MAX;
use crate::http::api::{self, Named, Parameters, events, views};
use crate::http::error::Problem;
use crate::http::session::Asker;
use crate::http::{Door, api::views::Question};
use crate::ledger::{Answered, Asked, Came, Opened, Proposal, Receipt, Upload, ViewError};
use crate::projection;

/// The most bytes a request with a file may have.
#[expect(clippy::cast_possible_truncation, reason = "a file that is taken fits into every memory")]
pub(crate) const UPLOAD_BYTES_MAX: usize = (FILE_BYTES_MAX as usize) + events::BODY_BYTES_MAX;

/// How long a file may take to come.
pub(crate) const UPLOAD_ARRIVES: Duration = Duration::from_secs(600);

/// Tells whether a request brings a file, which takes longer than to ask something: a form with parts, where one is taken.
pub(crate) fn brings_file(method: &Method, path: &str, headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let taken = matches!(path, "/v1/documents" | "/documents")
        || path.strip_prefix("/customers/").is_some_and(|rest| rest.ends_with("/documents"));
    taken && *method == Method::POST && kind.trim_start().to_ascii_lowercase().starts_with("multipart/form-data")
}

/// `POST /v1/documents`: 201 with the entry; the part `event` is the proposal, the part `file` behind it the file.
pub(crate) async fn file(State(door): State<Arc<Door>>, asker: Asker, request: Request) -> Result<Response, Problem> {
    let mut parts = Parts::of(request).await?;
    let text = match parts.next_text().await? {
        Some((name, text)) if name == "event" => text,
        _ => {
            let words = ("must be the first part: the proposal in JSON", "须为第一部分：JSON格式的事件");
            return Err(Problem::value("/event", words.0, words.1));
        }
    };
    let mut proposal = events::read_one(text.as_bytes(), door.ledger.origin())?;
    let receipts = parts.take_in(&door, &asker.principal, &mut proposal).await?;
    let mut response = api::json(&json!({ "entries": receipts }));
    *response.status_mut() = StatusCode::CREATED;
    let location = receipts.first().and_then(|entry| entry.subject.strip_prefix("document/"));
    if let Some(location) = location.and_then(|id| HeaderValue::try_from(format!("/v1/documents/{id}")).ok()) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

/// `GET /v1/documents/{id}`: what is said of a paper, without its content.
pub(crate) async fn about(
    State(door): State<Arc<Door>>,
    asker: Asker,
    Named(id): Named,
    parameters: Parameters,
) -> Result<Response, Problem> {
    views::answer(&door, asker, Question::of("document", Some(id)), parameters).await
}

/// `GET /v1/documents/{id}/content`: the file, to look at, or with `download=true` to take out.
pub(crate) async fn content(
    State(door): State<Arc<Door>>,
    asker: Asker,
    Named(id): Named,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let taken_out = match parameters.take("download").as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Problem::value("/download", "must be true or false", "须为 true 或 false")),
    };
    parameters.take("purpose");
    if let Some(name) = parameters.0.keys().next() {
        return Err(Problem::value(format!("/{name}"), "is no parameter here", "不是此处的参数"));
    }
    leave(&door, &asker, id, taken_out).await
}

/// Lets the file of a document leave, once its reading is durable.
pub(crate) async fn leave(door: &Door, asker: &Asker, id: String, taken_out: bool) -> Result<Response, Problem> {
    let view = projection::view("file").ok_or(Problem::View(ViewError::NotFound))?;
    let mut asked = Asked::new(view);
    asked.subject = Some(id);
    asked.purpose.clone_from(&asker.purpose);
    // To look at a paper that shows persons is to open what is personal.
    asked.reveal = asked.purpose.is_some();
    asked.mode = if taken_out { Mode::Export } else { Mode::View };
    let answered = door.view(&asker.principal, &asked).await.map_err(Problem::View)?;
    leaving(&answered, taken_out)
}

fn leaving(answered: &Answered, taken_out: bool) -> Result<Response, Problem> {
    let file = answered.file.clone().ok_or(Problem::Failed)?;
    let (name, mime, size) = {
        let file = file.lock().unwrap_or_else(PoisonError::into_inner);
        (file.name.clone(), file.mime.as_str(), file.size)
    };
    let mut response = Response::new(Body::new(Leaving { file, left: size, reading: None }));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(mime));
    if let Ok(disposition) = HeaderValue::try_from(disposition(&name, taken_out)) {
        headers.insert(CONTENT_DISPOSITION, disposition);
    }
    headers.extend(views::headers(answered));
    Ok(response)
}

/// Writes the name of a file so that every browser reads it (RFC 6266, RFC 8187).
fn disposition(name: &str, taken_out: bool) -> String {
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ') { c } else { '_' })
        .collect();
    let kind = if taken_out { "attachment" } else { "inline" };
    let encoded = crate::http::web::encode(name);
    format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

/// A file as the body of an answer, read as fast as it is sent and no faster.
struct Leaving {
    file: Arc<Mutex<Opened>>,
    left: u64,
    reading: Option<JoinHandle<std::io::Result<Option<Bytes>>>>,
}

impl HttpBody for Leaving {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let file = self.file.clone();
        let reading = self.reading.get_or_insert_with(|| {
            spawn_blocking(move || {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(file.next_chunk()?.map(|chunk| Bytes::copy_from_slice(&chunk)))
            })
        });
        let Poll::Ready(read) = Pin::new(reading).poll(context) else { return Poll::Pending };
        self.reading = None;
        Poll::Ready(match read.map_err(std::io::Error::other).flatten() {
            Ok(Some(bytes)) => {
                self.left = self.left.saturating_sub(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
                Some(Ok(Frame::data(bytes)))
            }
            Ok(None) => None,
            Err(error) => {
                tracing::error!(%error, "a file was cut off while it left");
                Some(Err(error))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// The parts of a form with a file.
pub(crate) struct Parts {
    form: Multipart,
    /// How many bytes of text may still come: together as many as the body of a proposal has.
    text_left: usize,
}

impl Parts {
    /// Begins to read them.
    pub(crate) async fn of(request: Request) -> Result<Self, Problem> {
        match Multipart::from_request(request, &()).await {
            Ok(form) => Ok(Self { form, text_left: events::BODY_BYTES_MAX }),
            Err(MultipartRejection::InvalidBoundary(_)) => Err(Problem::MediaType),
            Err(_) => Err(Problem::MediaType),
        }
    }

    async fn next(&mut self) -> Result<Option<Field<'_>>, Problem> {
        self.form.next_field().await.map_err(|error| cut(&error))
    }

    /// Returns the name and the text of the next part.
    pub(crate) async fn next_text(&mut self) -> Result<Option<(String, String)>, Problem> {
        let Some(mut part) = self.form.next_field().await.map_err(|error| cut(&error))? else { return Ok(None) };
        let name = part.name().unwrap_or_default().to_owned();
        self.text_left = self.text_left.checked_sub(name.len()).ok_or(Problem::UploadTooLarge)?;
        let mut bytes = Vec::new();
        while let Some(chunk) = part.chunk().await.map_err(|error| cut(&error))? {
            self.text_left = self.text_left.checked_sub(chunk.len()).ok_or(Problem::UploadTooLarge)?;
            bytes.extend_from_slice(&chunk);
        }
        let text = String::from_utf8(bytes)
            .map_err(|error| Problem::NotUtf8 { at: Some(error.utf8_error().valid_up_to()) })?;
        Ok(Some((name, text)))
    }

    /// Takes in the file, which is the next part, and proposes the document.
    ///
    /// What is refused is still read to its end, so that the answer is heard.
    pub(crate) async fn take_in(
        &mut self,
        door: &Door,
        principal: &Principal,
        proposal: &mut Proposal,
    ) -> Result<Vec<Receipt>, Problem> {
        let told = |error| Problem::Submit { error, batch: false };
        let ready = door.ledger.receive(principal, proposal).await.map_err(told);
        let came = match self.next().await? {
            Some(mut part) if part.name() == Some("file") => {
                let name = part.file_name().map(base).filter(|name| !name.is_empty());
                let media_type =
                    part.headers().get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
                let came = match ready {
                    Ok(mut upload) => {
                        upload.labelled(name.as_deref(), media_type.as_deref());
                        stream(upload, &mut part).await?
                    }
                    Err(problem) => Err(problem),
                };
                if came.is_err() {
                    while part.chunk().await.map_err(|error| cut(&error))?.is_some() {}
                }
                if let (Some(name), Some(data)) = (name, proposal.data.as_object_mut()) {
                    let file = data.entry("file").or_insert_with(|| json!({}));
                    if let Some(file) = file.as_object_mut() {
                        file.entry("name").or_insert(Value::String(name));
                    }
                }
                came?
            }
            _ => {
                ready?;
                return Err(Problem::value("/file", "must be the part behind the event", "须为事件之后的部分"));
            }
        };
        // What follows must be read too: what is cut off is refused.
        while self.next().await?.is_some() {}
        proposal.file = Some(came);
        door.submit(principal, vec![proposal.clone()]).await.map_err(told)
    }
}

/// Streams a part into the ledger; what is inner is refused by it, what is outer did not come.
async fn stream(mut upload: Upload, part: &mut Field<'_>) -> Result<Result<Came, Problem>, Problem> {
    let told = |error| Problem::Submit { error, batch: false };
    while let Some(chunk) = part.chunk().await.map_err(|error| cut(&error))? {
        if let Err(error) = upload.write(&chunk) {
            return Ok(Err(told(error)));
        }
    }
    Ok(upload.finish().map_err(told))
}

fn cut(error: &MultipartError) -> Problem {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE { Problem::UploadTooLarge } else { Problem::BodyCut }
}

/// The last part of a path: some programs send whole paths of their user's machine.
fn base(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    last.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_written_so_that_nothing_in_it_ends_it() {
        assert_eq!(
            disposition("合同 \"A\".pdf\r\nX: y", true),
            "attachment; filename=\"__ _A_.pdf__X_ y\"; filename*=UTF-8''%E5%90%88%E5%90%8C%20%22A%22.pdf%0D%0AX%3A%20y"
        );
        assert!(disposition("scan.png", false).starts_with("inline; filename=\"scan.png\""));
    }

    #[test]
    fn only_where_files_are_taken_a_form_may_take_long() {
        let headers =
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("multipart/form-data; boundary=x"))]);
        let brings = |path: &str| brings_file(&Method::POST, path, &headers);
        assert!(["/v1/documents", "/documents", "/customers/C-1/documents"].into_iter().all(brings));
        assert!(!["/v1/events", "/customers/C-1/documents/open", "/documents/D-1", "/"].into_iter().any(brings));
        assert!(!brings_file(&Method::POST, "/documents", &HeaderMap::new()));
    }

    #[test]
    fn of_a_path_only_the_name_is_kept() {
        assert_eq!(base("C:\\Users\\somebody\\scan.png"), "scan.png");
        assert_eq!(base("/home/somebody/scan\n.png"), "scan.png");
        assert_eq!(base(".."), "..");
        assert_eq!(base(""), "");
    }
}
