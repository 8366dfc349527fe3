//! Every "no" of this door: status, code, rule and words, as an RFC 9457 problem in the caller's language.
//!
//! A problem travels as a value in the response and is written when the response leaves, where the caller's language is known.
//! A page may take it from there first and show it in its own way.

use std::borrow::Cow;
use std::sync::Arc;

use axum::http::header::{CONTENT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::access::principal::Language;
use crate::domain::document::FILE_BYTES_MAX;
use crate::domain::{Code, Refusal, catalog, common};
use crate::http::api::events::BODY_BYTES_MAX;
use crate::ledger::proof::ProofError;
use crate::ledger::{BATCH_MAX, Found, SubmitError, ViewError};

/// Why a request was not answered as asked.
#[derive(Debug)]
pub enum Problem {
    /// No token or session, or one that does not hold.
    Unauthenticated,
    /// A page of another site makes a signed-in browser ask.
    CrossSite,
    /// The employee or the password is wrong; which of them is not told.
    WrongPassword,
    /// Too many wrong passwords.
    TooManySignIns,
    /// Nothing is served under this path.
    NoRoute,
    /// There is no page at this address.
    NoPage,
    /// A form comes from another session, or from one that has ended.
    StaleForm,
    /// The path does not know this method.
    NoMethod,
    /// Something would be changed or deleted, which nothing ever is.
    NoChange,
    /// More bytes than a request may have.
    BodyTooLarge,
    /// More came with a file than is taken in.
    UploadTooLarge,
    /// A form of a page has more text than a request may have.
    FormTooLarge,
    /// The body did not arrive in time.
    BodyTooSlow,
    /// The body did not arrive whole.
    BodyCut,
    /// The body is in a form that is not read.
    MediaType,
    /// The body or a parameter is not UTF-8; from this byte on, where that is known.
    NotUtf8 {
        /// The first byte that is not.
        at: Option<usize>,
    },
    /// The body is no JSON, or no proposal.
    NotJson {
        /// Where reading stopped.
        line: usize,
        /// Where in the line.
        column: usize,
        /// What is wrong there, in English and Chinese.
        words: (String, String),
    },
    /// A value of the request is wrong: an attribute of the body by its pointer, a parameter or header by its name.
    Value(catalog::Problem),
    /// A view that is no table was asked for as one.
    NoTable,
    /// The ledger did not enter what was proposed.
    Submit {
        /// Why.
        error: SubmitError,
        /// Whether a batch was proposed: then places are counted.
        batch: bool,
    },
    /// The ledger does not show what was asked for.
    View(ViewError),
    /// A proof cannot be given.
    Proof(ProofError),
    /// No answer came in time.
    TimedOut,
    /// This door has an error of its own.
    Failed,
}

impl Problem {
    /// Says what is wrong with a value of the request.
    pub fn value(pointer: impl Into<String>, en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self::Value(catalog::Problem { pointer: pointer.into(), en: en.into(), zh: zh.into() })
    }

    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        self.told().status
    }

    /// Returns the title and the detail in a language, for a page.
    pub fn words(&self, language: Language) -> (&'static str, Cow<'static, str>) {
        let told = self.told();
        (language.choose(title(told.code)), language.choose(told.words))
    }

    /// Returns what is said about single fields of a proposal: each pointer within the data or of the envelope, and the words.
    pub fn fields(&self, language: Language) -> Vec<(String, String)> {
        let errors = self.told().errors.into_iter();
        let within = errors.filter_map(|error| {
            let pointer = error.pointer.strip_prefix("/data").unwrap_or(&error.pointer);
            let name = pointer.strip_prefix('/')?;
            let words = language.choose((error.en, error.zh));
            // Where it stands beside its field, the field need not be named again.
            let told = words.strip_prefix(pointer).or(words.strip_prefix(name));
            let told = told.and_then(|rest| rest.strip_prefix([':', '：'])).map(str::trim_start);
            let words = told.unwrap_or(&words);
            Some((pointer.to_owned(), words.to_owned()))
        });
        within.collect()
    }

    /// Writes the problem as JSON.
    pub fn body(&self, language: Language) -> Vec<u8> {
        let told = self.told();
        let errors = told
            .errors
            .into_iter()
            .map(|problem| Detail { pointer: problem.pointer, detail: language.choose((problem.en, problem.zh)) });
        let body = Body {
            kind: format!("urn:dossier:problem:{}", told.code),
            title: language.choose(title(told.code)),
            status: told.status.as_u16(),
            code: told.code,
            rule: &told.rule,
            detail: &language.choose(told.words),
            entry: told.entry,
            errors: errors.collect(),
        };
        serde_json::to_vec(&body).expect("texts and numbers are JSON")
    }

    /// The one list: what each problem is told as.
    fn told(&self) -> Told {
        match self {
            Self::Unauthenticated => Told::new(
                StatusCode::UNAUTHORIZED,
                "E_UNAUTHENTICATED",
                "sign in, or send a token that holds as \"Authorization: Bearer\"",
                "请登录，或以“Authorization: Bearer”提供有效令牌",
            )
            .with(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"dossier\"")),
            Self::CrossSite => Told::new(
                StatusCode::FORBIDDEN,
                Code::E_FORBIDDEN.as_str(),
                "a page of another site may not act for who is signed in here",
                "其他网站的页面不得代已登录者操作",
            ),
            Self::WrongPassword => Told::new(
                StatusCode::UNAUTHORIZED,
                "E_UNAUTHENTICATED",
                "employee or password is wrong",
                "工号或密码错误",
            ),
            Self::TooManySignIns => Told::new(
                StatusCode::TOO_MANY_REQUESTS,
                "E_TOO_MANY",
                "too many wrong passwords: wait some minutes",
                "密码错误次数过多，请稍后再试",
            )
            .with(RETRY_AFTER, HeaderValue::from_static("300")),
            Self::NoRoute => Told::new(
                StatusCode::NOT_FOUND,
                Code::E_REF.as_str(),
                "nothing is served under this path; see /openapi.json",
                "此路径无内容，请参阅 /openapi.json",
            ),
            Self::NoPage => Told::new(
                StatusCode::NOT_FOUND,
                Code::E_REF.as_str(),
                "there is no page at this address",
                "此地址没有页面",
            ),
            Self::StaleForm => Told::new(
                StatusCode::FORBIDDEN,
                Code::E_FORBIDDEN.as_str(),
                "this form belongs to another session or is too old: look it over and send it again; nothing was entered",
                "此表单属于其他会话或已过时，请核对后重新提交；未作任何记录",
            ),
            Self::NoMethod => Told::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "E_METHOD",
                "this path does not know this method",
                "此路径不支持该方法",
            ),
            Self::NoChange => Told::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "E_METHOD",
                "entries are neither changed nor deleted: propose a new event with POST /v1/events",
                "账本条目不得修改或删除，请以 POST /v1/events 提出新事件",
            )
            .citing("R-001"),
            Self::BodyTooLarge => {
                let most = BODY_BYTES_MAX >> 20;
                let en = format!("the body has more than {most} MiB: propose fewer events at once");
                Told::too_large(en, format!("请求内容超过{most}兆字节，请分批提出"))
            }
            Self::UploadTooLarge => {
                let (file, text) = (FILE_BYTES_MAX >> 20, BODY_BYTES_MAX >> 20);
                let en = format!("an upload has at most {file} MiB of file and {text} MiB of text");
                Told::too_large(en, format!("上传的文件不得超过{file}兆字节，文字不得超过{text}兆字节"))
            }
            Self::FormTooLarge => {
                let most = BODY_BYTES_MAX >> 20;
                let en = format!("a form has at most {most} MiB of text; nothing was entered");
                Told::too_large(en, format!("表单文字不得超过{most}兆字节；未作任何记录"))
            }
            Self::BodyTooSlow => Told::new(
                StatusCode::REQUEST_TIMEOUT,
                "E_TIMEOUT",
                "the body did not arrive in time; nothing was entered",
                "请求内容未能按时到达，未作任何记录",
            ),
            Self::BodyCut => Told::new(
                StatusCode::BAD_REQUEST,
                Code::E_SCHEMA.as_str(),
                "the body did not arrive whole; nothing was entered",
                "请求内容不完整，未作任何记录",
            ),
            Self::MediaType => Told::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "E_MEDIA_TYPE",
                "send application/json, application/cloudevents+json or application/cloudevents-batch+json in UTF-8",
                "请以UTF-8发送 application/json、application/cloudevents+json 或 application/cloudevents-batch+json",
            ),
            Self::NotUtf8 { at } => {
                let (en, zh) = match at {
                    Some(at) => (format!(" from byte {at} on"), format!("（自第{at}字节起）")),
                    None => Default::default(),
                };
                Told::schema(format!("the request is not UTF-8{en}"), format!("请求不是UTF-8编码{zh}"))
            }
            Self::NotJson { line, column, words: (en, zh) } => {
                Told::schema(format!("line {line}, column {column}: {en}"), format!("第{line}行第{column}列：{zh}"))
            }
            Self::Value(problem) => Told::schema(
                format!("{} {}", problem.pointer, problem.en),
                format!("{} {}", problem.pointer, problem.zh),
            )
            .pointing(vec![problem.clone()]),
            Self::NoTable => {
                Told::schema("this view is not a table: ask for it as JSON", "此视图不是表格，请以JSON读取")
            }
            Self::Submit { error, batch } => submit(error, *batch),
            Self::View(error) => view(error),
            Self::Proof(error) => match error {
                ProofError::NotFound => not_found(),
                ProofError::NotCovered => Told::unavailable(
                    "E_NOT_COVERED",
                    "no signed checkpoint covers it yet; it will within a second",
                    "签名检查点尚未覆盖，一秒内即可",
                ),
                ProofError::Unreadable => unreadable(),
            },
            Self::TimedOut => Told::unavailable(
                "E_TIMEOUT",
                "no answer in time; what was proposed may have been entered: the same id asks again",
                "未能按时答复；所提事件可能已入账，可用同一编号再次查询",
            ),
            Self::Failed => Told::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "E_INTERNAL",
                "this request failed on an error of the service; the ledger is unharmed",
                "服务内部出错，此请求未完成；账本未受影响",
            ),
        }
    }
}

fn submit(error: &SubmitError, batch: bool) -> Told {
    match error {
        SubmitError::Refused { at, refusal } => refused(refusal, Some(Place { at: *at, batch })),
        SubmitError::NotFound => not_found(),
        SubmitError::BatchSize => {
            Told::schema(format!("a batch has 1 to {BATCH_MAX} proposals"), format!("一批须为1至{BATCH_MAX}个事件"))
        }
        SubmitError::Unwritable => unwritable(),
        SubmitError::ReadOnly => read_only(),
        SubmitError::Integrity { first_bad } => integrity(*first_bad),
        SubmitError::Store => unreadable(),
        SubmitError::Busy => busy(),
    }
}

fn view(error: &ViewError) -> Told {
    match error {
        ViewError::NotFound => not_found(),
        ViewError::Denied(refusal) if refusal.grounds().1 == "R-059" => Told {
            words: (
                "say why you read this: Dossier-Purpose, or the purpose on top of a page".into(),
                "查阅须说明用途：以 Dossier-Purpose 或在页面顶部填写".into(),
            ),
            ..refused(refusal, None)
        },
        // Most who are told this are auditors who have not yet said why they read.
        ViewError::Denied(refusal) if refusal.grounds().1 == "R-063" => Told {
            words: (
                "you may not read this; who audits must say why: Dossier-Purpose, or the purpose on top of a page"
                    .into(),
                "无权查阅；审计须说明用途：以 Dossier-Purpose 或在页面顶部填写".into(),
            ),
            ..refused(refusal, None)
        },
        ViewError::Denied(refusal) | ViewError::Refused(refusal) => refused(refusal, None),
        ViewError::Unwritable => unwritable(),
        ViewError::ReadOnly => read_only(),
        ViewError::Integrity { first_bad } => integrity(*first_bad),
        ViewError::Content { document, hash, found } => {
            let (en, zh) = match found {
                Found::Altered => ("altered", "内容已被更改"),
                Found::Missing | Found::Whole => ("missing", "内容缺失"),
            };
            let en = format!("the content of document \"{document}\" is {en}: {hash}");
            Told::owned(StatusCode::INTERNAL_SERVER_ERROR, "E_INTEGRITY", (en, format!("资料“{document}”{zh}：{hash}")))
                .citing("R-016")
        }
        ViewError::Store => unreadable(),
        ViewError::Busy => busy(),
    }
}

/// The status of each code (rules §0).
pub(crate) fn status(code: Code) -> StatusCode {
    match code {
        Code::E_SCHEMA => StatusCode::BAD_REQUEST,
        Code::E_FORBIDDEN | Code::E_SOD => StatusCode::FORBIDDEN,
        Code::E_REF => StatusCode::NOT_FOUND,
        Code::E_CONFLICT | Code::E_STATE => StatusCode::CONFLICT,
        Code::E_RULE | Code::E_LATE | Code::E_POLICY => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

/// Where in the request a proposal stands.
#[derive(Clone, Copy)]
struct Place {
    at: usize,
    batch: bool,
}

impl Place {
    /// Returns the proposal's pointer into the request: that of the whole document where it stands alone.
    fn pointer(self) -> String {
        if self.batch { format!("/{}", self.at) } else { String::new() }
    }
}

fn refused(refusal: &Refusal, place: Option<Place>) -> Told {
    let (code, rule) = refusal.grounds();
    let mut told = Told::owned(status(code), code.as_str(), refusal.words()).citing(rule);
    let base = place.map(Place::pointer).unwrap_or_default();
    // A pointer of the payload becomes one of the request, and a bare name is one of the envelope's; a reading has no payload,
    // only parameters.
    let within = |pointer: &str| match (pointer.starts_with('/'), place) {
        (true, Some(_)) => format!("{base}/data{pointer}"),
        (true, None) => pointer.to_owned(),
        (false, _) if pointer.is_empty() => format!("{base}/data"),
        (false, _) => format!("{base}/{pointer}"),
    };
    if let Refusal::Common(common::Refusal::Stale { newest, .. }) = refusal {
        told.entry = newest.parse().ok();
    }
    let (en, zh) = refusal.words();
    // Where one thing alone is wrong, it is said at once.
    if let Refusal::Schema(problems) = refusal
        && let [problem] = problems.as_slice()
    {
        let at = within(&problem.pointer);
        told.words = (format!("{at} {}", problem.en).into(), format!("{at} {}", problem.zh).into());
    }
    told.errors = match refusal {
        Refusal::Schema(problems) => problems
            .iter()
            .map(|problem| catalog::Problem { pointer: within(&problem.pointer), ..problem.clone() })
            .collect(),
        _ => match refusal.pointer() {
            Some(pointer) => vec![catalog::Problem { pointer: within(&pointer), en, zh }],
            // In a batch it must be said which of the proposals it was.
            None if !base.is_empty() => vec![catalog::Problem { pointer: base, en, zh }],
            None => Vec::new(),
        },
    };
    told
}

fn not_found() -> Told {
    Told::new(
        StatusCode::NOT_FOUND,
        Code::E_REF.as_str(),
        "there is no such thing, or you may not know of it",
        "不存在，或无权知悉",
    )
}

fn unwritable() -> Told {
    Told::unavailable(
        "E_UNWRITABLE",
        "the ledger cannot be written: until it can, nothing is entered and nothing is shown",
        "账本无法写入；恢复之前既不记录也不显示任何内容",
    )
}

fn read_only() -> Told {
    Told::unavailable(
        "E_READ_ONLY",
        "the ledger was restored and may end before what was published: it enters nothing, and so shows no archive",
        "账本系恢复而来，可能早于已公布的封存点；因此不再记录，也不显示档案",
    )
}

fn integrity(first_bad: u64) -> Told {
    let words = (
        format!("entry {first_bad} is not as it was entered: nothing is entered or shown until the ledger is repaired"),
        format!("条目{first_bad}与记录时不符，修复之前既不记录也不显示任何内容"),
    );
    Told::owned(StatusCode::INTERNAL_SERVER_ERROR, "E_INTEGRITY", words).citing("R-002")
}

fn unreadable() -> Told {
    Told::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "E_STORE",
        "what is needed for the answer cannot be read; nothing was entered",
        "无法读取答复所需的内容，未作任何记录",
    )
}

fn busy() -> Told {
    Told::unavailable("E_BUSY", "others were faster too often: try again", "系统繁忙，请重试")
}

/// A problem as it is told.
struct Told {
    status: StatusCode,
    code: &'static str,
    rule: Cow<'static, str>,
    words: (Cow<'static, str>, Cow<'static, str>),
    /// The entry that came first, where that is why.
    entry: Option<u64>,
    errors: Vec<catalog::Problem>,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Told {
    fn new(status: StatusCode, code: &'static str, en: &'static str, zh: &'static str) -> Self {
        let (rule, words) = (Cow::Borrowed(""), (en.into(), zh.into()));
        Self { status, code, rule, words, entry: None, errors: Vec::new(), header: None }
    }

    fn owned(status: StatusCode, code: &'static str, (en, zh): (String, String)) -> Self {
        Self { words: (en.into(), zh.into()), ..Self::new(status, code, "", "") }
    }

    fn schema(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self::owned(StatusCode::BAD_REQUEST, Code::E_SCHEMA.as_str(), (en.into(), zh.into()))
    }

    fn too_large(en: String, zh: String) -> Self {
        Self::owned(StatusCode::PAYLOAD_TOO_LARGE, "E_TOO_LARGE", (en, zh))
    }

    fn unavailable(code: &'static str, en: &'static str, zh: &'static str) -> Self {
        let told = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, en, zh);
        told.with(RETRY_AFTER, HeaderValue::from_static("1"))
    }

    fn citing(self, rule: &str) -> Self {
        Self { rule: rule.to_owned().into(), ..self }
    }

    fn pointing(self, errors: Vec<catalog::Problem>) -> Self {
        Self { errors, ..self }
    }

    fn with(self, name: HeaderName, value: HeaderValue) -> Self {
        Self { header: Some((name, value)), ..self }
    }
}

/// What kind of problem a code stands for, in English and Chinese.
fn title(code: &str) -> (&'static str, &'static str) {
    TITLES.iter().find(|(of, ..)| *of == code).map_or(("Problem", "问题"), |(_, en, zh)| (*en, *zh))
}

/// Every code this door answers with and its title in English and Chinese.
pub(crate) const TITLES: &[(&str, &str, &str)] = &[
    ("E_SCHEMA", "Malformed", "格式错误"),
    ("E_FORBIDDEN", "Not permitted", "无权限"),
    ("E_REF", "Not found", "不存在"),
    ("E_CONFLICT", "Conflict", "冲突"),
    ("E_STATE", "Not a legal transition", "状态不符"),
    ("E_RULE", "Against a business rule", "违反业务规则"),
    ("E_SOD", "Separation of duties", "职责分离"),
    ("E_LATE", "Window closed", "已过期限"),
    ("E_POLICY", "Parameter not set", "参数未设"),
    ("E_INTEGRITY", "Integrity check failed", "完整性校验未通过"),
    ("E_UNAUTHENTICATED", "Not signed in", "未登录"),
    ("E_TOO_MANY", "Too many attempts", "尝试过多"),
    ("E_METHOD", "Method not allowed", "方法不允许"),
    ("E_TOO_LARGE", "Too large", "内容过大"),
    ("E_TIMEOUT", "Too slow", "超时"),
    ("E_MEDIA_TYPE", "Unsupported form", "格式不支持"),
    ("E_NOT_COVERED", "Not covered yet", "尚未覆盖"),
    ("E_UNWRITABLE", "Ledger not writable", "账本无法写入"),
    ("E_READ_ONLY", "Ledger read-only", "账本只读"),
    ("E_STORE", "Store unreadable", "存储无法读取"),
    ("E_BUSY", "Busy", "繁忙"),
    ("E_INTERNAL", "Internal error", "内部错误"),
];

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    code: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    rule: &'a str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Detail>,
}

#[derive(Serialize)]
struct Detail {
    pointer: String,
    detail: String,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let told = self.told();
        let mut response = told.status.into_response();
        if let Some((name, value)) = told.header {
            response.headers_mut().insert(name, value);
        }
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// Writes the problem a response carries, if it carries one and nobody has shown it otherwise.
pub(crate) fn written(mut response: Response, language: Language) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Arc<Problem>>() else { return response };
    *response.body_mut() = problem.body(language).into();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(language.choose(("en", "zh-CN"))));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn body(problem: &Problem, language: Language) -> Value {
        serde_json::from_slice(&problem.body(language)).unwrap()
    }

    #[test]
    fn a_refusal_in_a_batch_points_at_the_field_of_its_proposal() {
        let refusal = Refusal::field("/name", "is required", "必填");
        let problem = Problem::Submit { error: SubmitError::Refused { at: 3, refusal }, batch: true };
        let body = body(&problem, Language::Chinese);
        assert_eq!(body["status"], 400);
        assert_eq!(body["code"], "E_SCHEMA");
        assert_eq!(body["errors"], json!([{ "pointer": "/3/data/name", "detail": "必填" }]));
    }

    #[test]
    fn a_lone_proposal_is_pointed_into_without_a_place() {
        let refusal = common::Refusal::Unknown { pointer: "/owner".into(), what: "employee".into(), id: "E-9".into() };
        let problem = Problem::Submit { error: SubmitError::Refused { at: 0, refusal: refusal.into() }, batch: false };
        let body = body(&problem, Language::English);
        assert_eq!(body["status"], 404);
        assert_eq!(body["errors"][0]["pointer"], "/data/owner");
        assert_eq!(body.get("rule"), None, "no rule is cited where none decided");
    }

    #[test]
    fn a_refusal_keeps_its_code_and_its_rule() {
        let refusal =
            common::Refusal::Stale { stream: "customer/C-1".into(), expected: 1, version: 2, newest: "7".into() };
        let problem = Problem::Submit { error: SubmitError::Refused { at: 0, refusal: refusal.into() }, batch: false };
        let body = body(&problem, Language::English);
        assert_eq!(
            (&body["status"], &body["code"], &body["rule"]),
            (&json!(409), &json!("E_CONFLICT"), &json!("R-009"))
        );
        assert_eq!(body["entry"], 7, "what came first can be looked up");
        assert_eq!(body["type"], "urn:dossier:problem:E_CONFLICT");
    }

    #[test]
    fn every_problem_has_a_title_of_its_own_code() {
        let refusals = [
            Problem::View(ViewError::Busy),
            Problem::View(ViewError::Store),
            Problem::View(ViewError::Integrity { first_bad: 7 }),
        ];
        let others = [
            Problem::Unauthenticated,
            Problem::CrossSite,
            Problem::WrongPassword,
            Problem::TooManySignIns,
            Problem::NoRoute,
            Problem::NoPage,
            Problem::StaleForm,
            Problem::NoMethod,
            Problem::NoChange,
            Problem::BodyTooLarge,
            Problem::UploadTooLarge,
            Problem::FormTooLarge,
            Problem::BodyTooSlow,
            Problem::BodyCut,
            Problem::MediaType,
            Problem::NoTable,
            Problem::TimedOut,
            Problem::Failed,
            Problem::View(ViewError::Unwritable),
            Problem::View(ViewError::ReadOnly),
            Problem::Proof(ProofError::NotCovered),
        ];
        for problem in refusals.iter().chain(&others) {
            let told = problem.told();
            assert!(TITLES.iter().any(|(code, ..)| *code == told.code), "{} has no title", told.code);
            assert_ne!(told.words.0, told.words.1);
        }
        for (_, _, code, _) in Refusal::all() {
            assert!(TITLES.iter().any(|(titled, ..)| *titled == code.as_str()), "{code:?} has no title");
        }
    }

    #[test]
    fn a_problem_is_written_once_and_in_the_callers_language() {
        let response = written(Problem::NoChange.into_response(), Language::Chinese);
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(response.headers()[CONTENT_LANGUAGE], "zh-CN");
        assert!(response.extensions().get::<Arc<Problem>>().is_none());
    }
}
