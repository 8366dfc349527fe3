//! The description of this interface in the form of `OpenAPI` 3.1, assembled from the list of operations and the catalog.

use std::sync::OnceLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};

use crate::access::principal::PurposeKind;
use crate::domain::catalog;
use crate::domain::document::FILE_BYTES_MAX;
use crate::domain::role::Role;
use crate::http::api::views;
use crate::http::error::TITLES;
use crate::http::schema;
use crate::projection::{PAGE_ROWS, VIEWS, View};

/// One thing that can be asked of this door.
#[derive(Debug)]
pub struct Operation {
    /// The method, in lower case.
    pub method: &'static str,
    /// The path with its parameters in braces.
    pub path: &'static str,
    /// Its name in programs that are made from the description.
    pub id: &'static str,
    /// What it does, in English and Chinese.
    pub summary: (&'static str, &'static str),
    /// Its parameters beyond those of its view.
    pub parameters: &'static [Parameter],
    /// What it answers.
    pub answers: Answers,
    /// Whether it is answered without asking who asks.
    pub open: bool,
}

/// A parameter: where it stands, its name, whether it must be given, what it means.
pub type Parameter = (&'static str, &'static str, bool, &'static str);

/// What an operation answers.
#[derive(Debug)]
pub enum Answers {
    /// 201 with the entries.
    Entries,
    /// 201 with the entry of a document that came with its file.
    Filed,
    /// A view, by its key; any where it is empty.
    View(&'static str),
    /// A document in one media type.
    Document(&'static str),
}

impl Operation {
    /// Returns the path as the router writes it.
    pub fn route(&self) -> String {
        self.path.replace("{name}", "{*name}").replace("{path}", "{*path}")
    }
}

const ID: Parameter = ("path", "id", true, "The customer's id.");
const DOCUMENT: Parameter = ("path", "id", true, "The document's id.");
const INDEX: Parameter = ("path", "index", true, "The entry's index.");

macro_rules! operations {
    ($($method:ident $path:literal $id:literal $en:literal $zh:literal [$($parameter:expr),*] $answers:expr, $open:literal;)*) => {
        /// Everything that can be asked of this door, in the order of the router.
        pub const OPERATIONS: &[Operation] = &[
            $(Operation {
                method: stringify!($method),
                path: $path,
                id: $id,
                summary: ($en, $zh),
                parameters: &[$($parameter),*],
                answers: $answers,
                open: $open,
            },)*
        ];
    };
}

operations! {
    post "/v1/events" "propose" "Proposes one event or an atomic batch" "提出一个事件或一批事件"
        [("header", "If-Match", false, "The version of the subject's stream the event was based on, in quotes.")] Answers::Entries, false;
    get "/v1/event-types" "eventTypes" "Lists the event types" "事件类型目录" [] Answers::Document("application/json"), true;
    get "/v1/event-types/{type}" "eventType" "Returns the JSON Schema of an event type's payload" "事件类型的JSON Schema"
        [("path", "type", true, "The event type.")] Answers::Document("application/schema+json"), true;
    post "/v1/documents" "fileDocument" "Files a paper with its file" "资料归档（随文件提交）" [] Answers::Filed, false;
    get "/v1/documents/{id}" "document" "Reads what is said of a paper" "资料登记" [DOCUMENT] Answers::View("document"), false;
    get "/v1/documents/{id}/content" "documentContent" "Returns the file of a paper, as a reading" "资料原件"
        [DOCUMENT, ("query", "download", false, "Whether it is taken out rather than looked at: true or false.")]
        Answers::Document("application/octet-stream"), false;
    get "/v1/views" "views" "Lists the views" "视图目录" [] Answers::Document("application/json"), true;
    get "/v1/views/{key}" "view" "Reads any view" "读取任一视图"
        [("path", "key", true, "The view's key."), ("query", "subject", false, "What the view is about.")] Answers::View(""), false;
    get "/v1/customers" "customers" "Reads the list of customers" "客户一览表" [] Answers::View("list"), false;
    get "/v1/customers/{id}" "customer" "Reads a customer's archive" "客户档案" [ID] Answers::View("archive"), false;
    get "/v1/customers/{id}/timeline" "customerTimeline" "Reads what has happened to a customer" "客户时间线" [ID] Answers::View("timeline"), false;
    get "/v1/customers/{id}/grades" "customerGrades" "Traces who changed a customer's credit grade" "信用等级变更审计" [ID] Answers::View("grade_audit"), false;
    get "/v1/customers/{id}/reads" "customerReads" "Tells who has read a customer's archive" "客户档案查阅记录" [ID] Answers::View("access_log"), false;
    get "/v1/streams/{name}" "stream" "Reads the timeline of a stream" "对象时间线"
        [("path", "name", true, "The stream, such as customer/C-00042; its slashes stand in the path.")] Answers::View("timeline"), false;
    get "/v1/feed" "feed" "Sends entries as they come (Server-Sent Events), as readings" "新条目推送"
        [("query", "after", false, "Behind which index to begin; without it, with those to come."),
         ("header", "Last-Event-ID", false, "The same, as whoever was cut off sends it.")]
        Answers::Document("text/event-stream"), false;
    get "/v1/entries/{index}" "entry" "Reads one entry" "账本条目" [INDEX] Answers::View("entry"), false;
    get "/v1/entries/{index}/proof" "proof" "Proves that an entry is in the ledger (C2SP tlog-proof)" "条目存在证明"
        [INDEX] Answers::Document("text/plain"), true;
    get "/v1/evidence" "evidence" "Bundles a stream's entries to be verified offline" "证据包"
        [("query", "stream", true, "The stream, such as customer/C-00042.")] Answers::View("evidence"), false;
    get "/v1/ledger" "ledger" "Tells origin, public key and size" "账本标识、公钥与规模" [] Answers::Document("application/json"), true;
    get "/checkpoint" "checkpoint" "Returns the signed head of the tree (C2SP tlog-checkpoint)" "签名检查点" [] Answers::Document("text/plain"), true;
    get "/tile/entries/{path}" "entries" "Returns the entries of a tile (C2SP tlog-tiles entry bundle), as a reading" "条目原文包"
        [("path", "path", true, "Number, such as x001/234 or 000.p/17; its slashes stand in the path.")]
        Answers::Document("application/octet-stream"), false;
    get "/tile/{path}" "tile" "Returns a tile of hashes (C2SP tlog-tiles)" "哈希分片"
        [("path", "path", true, "Level and number, such as 0/x001/234 or 0/000.p/17; its slashes stand in the path.")]
        Answers::Document("application/octet-stream"), true;
    get "/openapi.json" "openapi" "Returns this description" "本接口说明" [] Answers::Document("application/json"), true;
    get "/healthz" "healthz" "Tells whether the process answers" "进程是否存活" [] Answers::Document("text/plain"), true;
    get "/readyz" "readyz" "Tells whether the ledger takes entries" "账本是否可用" [] Answers::Document("text/plain"), true;
    get "/metrics" "metrics" "Returns counters for Prometheus" "监控指标" [] Answers::Document("text/plain"), true;
}

/// `GET /openapi.json`.
pub(crate) async fn document() -> Response {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = TEXT.get_or_init(|| description().to_string());
    ([(CONTENT_TYPE, "application/json")], text.as_str()).into_response()
}

/// Returns the path of the operation that a request's path belongs to, to count by; `other` if to none.
pub(crate) fn route_of(path: &str) -> &'static str {
    OPERATIONS.iter().map(|operation| operation.path).find(|template| matches(template, path)).unwrap_or("other")
}

fn matches(template: &str, path: &str) -> bool {
    let mut parts = path.split('/');
    let mut slots = template.split('/');
    loop {
        match (slots.next(), parts.next()) {
            (None, None) => return true,
            // What the router takes with its slashes.
            (Some("{name}" | "{path}"), Some(part)) => return !part.is_empty(),
            (Some(slot), Some(part)) if slot == part || (slot.starts_with('{') && !part.is_empty()) => {}
            _ => return false,
        }
    }
}

/// Assembles the whole description.
pub fn description() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in OPERATIONS {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        if let Value::Object(path) = path {
            path.insert(operation.method.to_owned(), described(operation));
        }
    }
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": "Dossier",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            "description": "Customer archives as a ledger of immutable, hashed events. One proposes events and reads views; \
                            every reading is itself entered before its answer leaves.\n\n客户档案账本：提出事件、读取视图；每次查阅先入账，后答复。",
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "security": [{ "token": [] }, { "session": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer" },
                "session": { "type": "apiKey", "in": "cookie", "name": crate::http::session::SESSION_COOKIE },
            },
            "parameters": parameters(),
            "responses": { "Problem": problem_response() },
            "schemas": schemas(),
        },
    })
}

fn described(operation: &Operation) -> Value {
    let own = operation.parameters.iter().map(|(place, name, required, description)| {
        json!({ "in": place, "name": name, "required": required, "description": description, "schema": { "type": "string" } })
    });
    let mut all: Vec<Value> = own.collect();
    let shared = |name: &str| json!({ "$ref": format!("#/components/parameters/{name}") });
    if !operation.open {
        all.extend(["role", "place", "purpose"].map(shared));
    }
    if let Answers::View(key) = operation.answers {
        all.extend(
            ["as_of", "valid_at", "since", "since_valid_at", "limit", "after", "reveal", "format", "purposeInQuery"]
                .map(shared),
        );
        all.extend(views::filters(key).iter().map(|name| {
            json!({ "in": "query", "name": name, "description": "Narrows the view.", "schema": { "type": "string" } })
        }));
    }
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary.0,
        "x-summary-zh": operation.summary.1,
        "parameters": all,
        "responses": answers(&operation.answers),
    });
    if let Value::Object(described) = &mut described {
        if operation.open {
            described.insert("security".into(), json!([]));
        }
        match operation.answers {
            Answers::Entries => {
                described.insert("requestBody".into(), proposals());
            }
            Answers::Filed => {
                described.insert("requestBody".into(), filing());
            }
            Answers::View(_) | Answers::Document(_) => {}
        }
    }
    described
}

fn answers(answers: &Answers) -> Value {
    let problem = json!({ "$ref": "#/components/responses/Problem" });
    match answers {
        Answers::Entries | Answers::Filed => json!({
            "201": {
                "description": "Entered and durable.",
                "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Entries" } } },
            },
            "default": problem,
        }),
        Answers::View(key) => json!({
            "200": {
                "description": view_description(key),
                "headers": {
                    "Dossier-Role": { "description": "The role it was read under.", "schema": { "type": "string" } },
                    "Dossier-Position": { "description": "The index of the last entry it reflects.", "schema": { "type": "string" } },
                    "Dossier-Next": { "description": "Where the next page begins, if there is one: its \"after\".", "schema": { "type": "string" } },
                    "Dossier-Reading": { "description": "The indexes of the entries that record the reading.", "schema": { "type": "string" } },
                },
                "content": {
                    "application/json": { "schema": { "$ref": if *key == "evidence" { "#/components/schemas/Evidence" } else { "#/components/schemas/View" } } },
                    "text/csv": { "schema": { "type": "string" } },
                    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": { "schema": { "type": "string", "format": "binary" } },
                },
            },
            "default": problem,
        }),
        Answers::Document(kind) => json!({
            "200": { "description": "As asked.", "content": { *kind: { "schema": {} } } },
            "default": problem,
        }),
    }
}

fn view_description(key: &str) -> String {
    let describe = |view: &View| format!("{} ({}, {})", view.en, view.zh, view.number);
    match VIEWS.iter().find(|view| view.key == key) {
        Some(view) => describe(view),
        None => "The view asked for.".to_owned(),
    }
}

fn parameters() -> Value {
    let roles: Vec<&str> = Role::ALL.iter().map(|role| role.key()).collect();
    let purposes: Vec<&str> = PurposeKind::ALL.iter().map(|purpose| purpose.key()).collect();
    let purpose = format!(
        "Why it is read, with a note after a colon; one of {}. What is confidential, personal values opened, what auditors read and whatever \
         is taken out need one: without it they are denied, 403 with rule R-059 or R-063.",
        purposes.join(", ")
    );
    let query = |name: &str, description: &str, schema: Value| json!({ "in": "query", "name": name, "description": description, "schema": schema });
    json!({
        "role": {
            "in": "header", "name": "Dossier-Role", "schema": { "type": "string", "enum": roles },
            "description": "The role to act under; else the first held that permits.",
        },
        "place": {
            "in": "header", "name": "Dossier-Place", "schema": { "type": "string", "enum": ["office", "offsite"], "default": "office" },
            "description": "Where one reads.",
        },
        "purpose": { "in": "header", "name": "Dossier-Purpose", "description": purpose, "schema": { "type": "string" } },
        "purposeInQuery": query("purpose", "The same, where no header can be sent.", json!({ "type": "string" })),
        "as_of": query("as_of", "An index or an instant: the state after that entry, or after the last one recorded by then.", json!({ "type": "string" })),
        "valid_at": query("valid_at", "An instant: of what is recorded, only what had happened by then.", json!({ "type": "string", "format": "date-time" })),
        "since": query("since", "An index or an instant: only what has changed since then, field by field and item by item.", json!({ "type": "string" })),
        "since_valid_at": query("since_valid_at", "The same of the earlier state, where it is not that of the later one.", json!({ "type": "string", "format": "date-time" })),
        "limit": query("limit", "The most rows of a page; a bundle of evidence holds 10,000 entries where it is not said.", json!({ "type": "integer", "minimum": 1, "maximum": views::LIMIT_MAX, "default": PAGE_ROWS })),
        "after": query("after", "Where the last page ended: its \"next\".", json!({ "type": "string" })),
        "reveal": query("reveal", "Whether masked personal values are opened; needs the right and a purpose.", json!({ "type": "boolean", "default": false })),
        "format": query("format", "CSV and XLSX are exports: they need the right and a purpose.", json!({ "type": "string", "enum": ["json", "csv", "xlsx"], "default": "json" })),
    })
}

fn proposals() -> Value {
    let one = json!({ "$ref": "#/components/schemas/Proposal" });
    let batch = json!({ "type": "array", "items": one, "minItems": 1, "maxItems": crate::ledger::BATCH_MAX });
    json!({
        "required": true,
        "content": {
            "application/json": { "schema": { "anyOf": [one, batch] } },
            "application/cloudevents+json": { "schema": one },
            "application/cloudevents-batch+json": { "schema": batch },
        },
    })
}

fn filing() -> Value {
    let description = format!(
        "The part `event` is the proposal, the part `file` behind it the file: PDF, PNG, JPEG or TIFF, found out from its first bytes, of at most \
         {} MiB. What `data.file`, its `Content-Type` and the ending of its name say of it must be so; who says nothing of it, or \
         `application/octet-stream`, is not refused.",
        FILE_BYTES_MAX >> 20
    );
    json!({
        "required": true,
        "description": description,
        "content": { "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["event", "file"],
                "properties": {
                    "event": { "$ref": "#/components/schemas/Proposal" },
                    "file": { "type": "string", "format": "binary" },
                },
            },
            "encoding": { "event": { "contentType": "application/json" } },
        } },
    })
}

fn problem_response() -> Value {
    json!({
        "description": "A problem (RFC 9457), in the language of Accept-Language.",
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    })
}

fn schemas() -> Map<String, Value> {
    let codes: Vec<&str> = TITLES.iter().map(|(code, ..)| *code).collect();
    let types: Vec<&str> = catalog::types().iter().map(|kind| kind.name).collect();
    let data = catalog::types().iter().map(|kind| {
        json!({
            "if": { "properties": { "type": { "const": kind.name } } },
            "then": { "properties": { "data": { "$ref": format!("#/components/schemas/{}", kind.name) } } },
        })
    });
    let own = json!({
        "Proposal": {
            "type": "object",
            "required": ["type", "data"],
            "properties": {
                "type": { "type": "string", "enum": types },
                "data": { "type": "object" },
                "subject": { "type": "string", "description": "The primary stream, where the data do not determine it.", "pattern": "^[a-z_]+(/[A-Za-z0-9][A-Za-z0-9._-]{0,39}){0,2}$" },
                "id": { "type": "string", "description": "The idempotency key; one is made if it is left out.", "pattern": schema::ENTRY_ID },
                "occurredat": { "type": "string", "format": "date-time", "description": "Business time; the payload's own, else now." },
                "latereason": { "type": "string", "description": "Why it is recorded late.", "minLength": 1, "maxLength": 400 },
                "correlation": { "type": "string", "description": "What ties it to others.", "minLength": 1, "maxLength": 80 },
                "expected": {
                    "type": "array",
                    "description": "The stream versions it was based on.",
                    "items": {
                        "type": "object", "required": ["stream", "version"], "additionalProperties": false,
                        "properties": { "stream": { "type": "string" }, "version": { "type": "integer", "minimum": 0 } },
                    },
                },
                "specversion": { "const": "1.0" },
                "source": { "type": "string", "description": "This ledger's origin, if given." },
                "datacontenttype": { "const": "application/json" },
            },
            "additionalProperties": false,
            "allOf": data.collect::<Vec<Value>>(),
        },
        "Entries": {
            "type": "object",
            "required": ["entries"],
            "properties": { "entries": { "type": "array", "items": {
                "type": "object",
                "required": ["index", "id", "type", "subject", "hash", "streams"],
                "properties": {
                    "index": { "type": "integer", "minimum": 0 },
                    "id": { "type": "string" },
                    "type": { "type": "string" },
                    "subject": { "type": "string" },
                    "hash": { "type": "string", "description": "BLAKE3 of the entry, in hex.", "pattern": "^[0-9a-f]{64}$" },
                    "streams": { "type": "array", "items": { "type": "string" }, "description": "name@version" },
                },
            } } },
        },
        "View": {
            "type": "object",
            "required": ["position"],
            "properties": {
                "items": { "type": "array", "items": { "type": "object" }, "description": "The rows, where the view is a list." },
                "position": { "type": "integer", "description": "The last index it reflects." },
                "next": { "type": "string", "description": "Where the next page begins; absent on the last. A page that is narrowed to few of many entries may be short or empty and have a next all the same." },
                "masked": { "type": "array", "items": { "type": "string" }, "description": "The fields masked." },
            },
            "description": "What the reading's entry hashes is this answer without position, next and masked.",
        },
        "Evidence": { "type": "object", "description": "A bundle that verifies offline; documented in schemas/README.md." },
        "Problem": {
            "type": "object",
            "required": ["type", "title", "status", "code", "detail"],
            "properties": {
                "type": { "type": "string", "format": "uri" },
                "title": { "type": "string" },
                "status": { "type": "integer" },
                "code": { "type": "string", "enum": codes },
                "rule": { "type": "string", "description": "The business rule that decided." },
                "detail": { "type": "string" },
                "entry": { "type": "integer", "minimum": 0, "description": "The index of the entry that moved the stream on, where another version was expected." },
                "errors": { "type": "array", "items": {
                    "type": "object",
                    "required": ["pointer", "detail"],
                    "properties": {
                        "pointer": { "type": "string", "description": "A JSON pointer into the request, or the name of a parameter or header." },
                        "detail": { "type": "string" },
                    },
                } },
            },
        },
    });
    let mut schemas: Map<String, Value> =
        catalog::types().iter().map(|kind| (kind.name.to_owned(), schema::of(kind))).collect();
    if let Value::Object(own) = own {
        schemas.extend(own);
    }
    schemas
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_path_is_counted_under_its_template() {
        assert_eq!(route_of("/v1/customers/C-00042"), "/v1/customers/{id}");
        assert_eq!(route_of("/v1/customers/C-00042/grades"), "/v1/customers/{id}/grades");
        assert_eq!(route_of("/v1/customers/"), "other");
        assert_eq!(route_of("/v1/streams/customer/C-00042"), "/v1/streams/{name}");
        assert_eq!(route_of("/tile/0/x001/234"), "/tile/{path}");
        assert_eq!(route_of("/v1/events/"), "other");
        assert_eq!(route_of("/favicon.ico"), "other");
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = description();
        let mut found = 0;
        each_reference(&document, &mut |reference| {
            found += 1;
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        });
        assert!(found > 50, "{found}");
    }

    fn each_reference(value: &Value, visit: &mut dyn FnMut(&str)) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    match value {
                        Value::String(reference) if key == "$ref" => visit(reference),
                        value => each_reference(value, visit),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| each_reference(item, visit)),
            _ => {}
        }
    }

    #[test]
    fn every_parameter_of_a_path_is_described_and_every_operation_has_its_own_name() {
        let ids: BTreeSet<&str> = OPERATIONS.iter().map(|operation| operation.id).collect();
        assert_eq!(ids.len(), OPERATIONS.len());
        for operation in OPERATIONS {
            let slots: Vec<&str> =
                operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
            let described: Vec<&str> =
                operation.parameters.iter().filter(|(place, ..)| *place == "path").map(|(_, name, ..)| *name).collect();
            assert_eq!(slots, described, "{}", operation.path);
        }
    }

    #[test]
    fn a_proposal_is_checked_by_the_schema_of_its_type() {
        let document = description();
        let schema = json!({ "$ref": "#/components/schemas/Proposal", "components": document["components"] });
        let validator = jsonschema::validator_for(&schema).unwrap();
        let unknown = json!({ "type": "contact.recorded", "subject": "contact/C-1", "data": { "no_such_field": 1 } });
        assert!(!validator.is_valid(&unknown));
        assert!(!validator.is_valid(&json!({ "type": "no.such_type", "data": {} })));
    }
}
