//! The engine: one request, one decision, and the policies it rests on.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::str::FromStr;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use cedar_policy::{
    Authorizer, Context, Effect, Entities, EntityId, EntityTypeName, EntityUid, Policy, PolicyId, PolicySet, Request,
    RestrictedExpression, Schema, ValidationMode, Validator,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::access::facts::Facts;
use crate::access::matter::Matter;
use crate::domain::role::Role;

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Action {
    /// Reads on a screen or through the API.
    Read,
    /// Prints.
    Print,
    /// Takes out as a file.
    Export,
    /// Enters an event, or files a document with a matter.
    Append,
    /// Approves or reviews what another entered.
    Approve,
    /// Holds a loan of an archive file; the principal is the borrower, not the lender.
    Borrow,
    /// Decides somebody's request for access to a matter.
    GrantAccess,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 7] =
        [Self::Read, Self::Print, Self::Export, Self::Append, Self::Approve, Self::Borrow, Self::GrantAccess];

    /// Returns the key used in policies.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Print => "print",
            Self::Export => "export",
            Self::Append => "append",
            Self::Approve => "approve",
            Self::Borrow => "borrow",
            Self::GrantAccess => "grant_access",
        }
    }
}

/// What it is to be done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource<'a> {
    /// A matter of the archive.
    Matter(Matter),
    /// An event of this type; a report is `report.filed/` and its kind.
    Event(&'a str),
}

/// By what right something is permitted.
///
/// The order is from the narrowest to the widest: where several rights permit, the first is the one recorded. What is
/// one's own comes before what one's place in the company reaches, that before what was opened for a time, and that
/// before what an office or an audit may see of everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authority {
    /// One's own customer.
    Own,
    /// About oneself, or submitted by oneself.
    #[serde(rename = "self")]
    Oneself,
    /// Assigned work.
    Job,
    /// A key account of one's unit.
    Unit,
    /// One's region or unit.
    Region,
    /// A borrowed file.
    Loan,
    /// A grant.
    Grant,
    /// A duty of office.
    Duty,
    /// An audit.
    Audit,
}

impl Authority {
    /// Every authority, from the narrowest on.
    pub const ALL: [Self; 9] = [
        Self::Own,
        Self::Oneself,
        Self::Job,
        Self::Unit,
        Self::Region,
        Self::Loan,
        Self::Grant,
        Self::Duty,
        Self::Audit,
    ];

    /// Returns the key used in access entries and policies.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Oneself => "self",
            Self::Job => "job",
            Self::Unit => "unit",
            Self::Region => "region",
            Self::Loan => "loan",
            Self::Grant => "grant",
            Self::Duty => "duty",
            Self::Audit => "audit",
        }
    }
}

/// The answer to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it is permitted.
    pub allowed: bool,
    /// The determining policies, sorted: those that permit, or those that forbid; empty where none does either.
    pub policies: Arc<[String]>,
    /// The narrowest right that permits; absent on a denial.
    pub authority: Option<Authority>,
    /// Permitted, but persons stay masked: every policy that permits says so.
    pub masked: bool,
    /// The rule a denial cites; absent where permitted.
    ///
    /// `R-052` where the role may do this under other circumstances, `R-050` where it never may.
    pub rule: Option<Arc<str>>,
}

/// A version of the access policies, ready to decide.
///
/// A decision is a pure function of the set, the role, the action, the resource and the facts. It is computed once by
/// Cedar, over the few policies that can matter for that role, action and resource, and then remembered in a bounded
/// table; facts no such policy asks about do not distinguish requests. Share one value between threads.
pub struct Policies {
    policies: Vec<Known>,
    slices: Vec<Slice>,
    events: BTreeMap<String, usize>,
    hash: blake3::Hash,
    memo: [RwLock<HashMap<Key, Decision>>; MEMO_SHARDS],
    nothing_permits: [Decision; 2],
}

/// Why a set of policies cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ParsePoliciesError {
    /// A file is no Cedar.
    #[error("policy file \"{file}\" does not parse")]
    Syntax {
        /// The file's name.
        file: String,
        /// What Cedar says.
        #[source]
        source: Box<cedar_policy::ParseErrors>,
    },
    /// A policy lacks an annotation, or says something unknown in it.
    #[error("policy \"{policy}\" has no usable @{annotation}")]
    Annotation {
        /// The policy's id, or its place in the file if it has none.
        policy: String,
        /// The annotation's name.
        annotation: &'static str,
    },
    /// Two policies carry one id.
    #[error("policy id \"{0}\" is used twice")]
    Duplicate(String),
    /// Templates are not supported.
    #[error("policy file \"{0}\" contains a template")]
    Template(String),
    /// A policy names a role, matter, action or fact that does not exist.
    #[error("policies do not fit the schema: {0}")]
    Schema(String),
}

impl Policies {
    /// Returns the policies built into this program, read once for all that use them.
    ///
    /// # Errors
    /// None that a test of this file would not have met first.
    pub fn builtin() -> Result<Arc<Self>, ParsePoliciesError> {
        static READ: OnceLock<Arc<Policies>> = OnceLock::new();
        if let Some(policies) = READ.get() {
            return Ok(policies.clone());
        }
        let policies = Self::parse(&BUILTIN)?;
        Ok(READ.get_or_init(|| Arc::new(policies)).clone())
    }

    /// Reads a set of policies from named texts.
    ///
    /// Every policy needs an `@id`; a permit an `@authority`, a forbid a `@rule`. The order of the texts and of the
    /// policies in them decides which of several prohibitions is cited.
    ///
    /// # Errors
    /// If a text is no Cedar, an annotation is missing or unknown, or a policy names what the schema does not.
    pub fn parse(texts: &[(&str, &str)]) -> Result<Self, ParsePoliciesError> {
        let mut policies = Vec::new();
        let mut names = BTreeSet::new();
        for (file, text) in texts {
            for policy in in_order(file, text)? {
                let known = Known::read(&policy)?;
                if !names.insert(known.id.clone()) {
                    return Err(ParsePoliciesError::Duplicate(known.id));
                }
                policies.push(known);
            }
        }
        validate(&policies)?;
        let mentioned: BTreeSet<&String> = policies.iter().flat_map(|known| &known.scope.mentioned_events).collect();
        let events: BTreeMap<String, usize> = mentioned.into_iter().cloned().zip(Matter::ALL.len()..).collect();
        let slices = slices(&policies, &events);
        Ok(Self {
            policies,
            slices,
            events,
            hash: hash(texts),
            memo: std::array::from_fn(|_| RwLock::default()),
            nothing_permits: ["R-050", "R-052"].map(Decision::denied),
        })
    }

    /// Returns the first 16 hexadecimal digits of the set's BLAKE3, as entries name it.
    #[must_use]
    pub fn hash(&self) -> String {
        self.hash.to_hex().chars().take(16).collect()
    }

    /// Returns the whole BLAKE3 of the set.
    #[must_use]
    pub fn full_hash(&self) -> [u8; 32] {
        *self.hash.as_bytes()
    }

    /// Returns the ids of all policies, in the order in which prohibitions are cited.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.policies.iter().map(|known| known.id.as_str())
    }

    /// Returns the event types some policy names, sorted; nobody may append any other.
    pub fn event_types(&self) -> impl Iterator<Item = &str> {
        self.events.keys().map(String::as_str)
    }

    /// Decides one request, from memory if it was decided before.
    #[must_use]
    pub fn decide(&self, role: Role, action: Action, resource: Resource<'_>, facts: Facts) -> Decision {
        let [never, _] = &self.nothing_permits;
        let Some(slot) = self.slot(role, action, resource) else { return never.clone() };
        let Some(slice) = self.slices.get(slot) else { return never.clone() };
        let key = Key { slot, facts: facts.intersection(slice.relevant) };
        let shard = self.shard(key);
        if let Some(decision) =
            shard.and_then(|shard| shard.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned())
        {
            return decision;
        }
        let decision = self.judge(slice, role, action, resource, key.facts);
        if let Some(shard) = shard {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            // A full shard starts over: what is asked for often is back at once, and no bookkeeping slows the readers.
            if shard.len() >= MEMO_SHARD_DECISIONS {
                shard.clear();
            }
            shard.insert(key, decision.clone());
        }
        decision
    }

    /// Decides one request by asking Cedar, whatever was decided before.
    #[must_use]
    pub fn decide_afresh(&self, role: Role, action: Action, resource: Resource<'_>, facts: Facts) -> Decision {
        let [never, _] = &self.nothing_permits;
        match self.slot(role, action, resource).and_then(|slot| self.slices.get(slot)) {
            Some(slice) => self.judge(slice, role, action, resource, facts.intersection(slice.relevant)),
            None => never.clone(),
        }
    }

    /// Returns the place of a request's slice, or nothing if no policy knows the event type.
    fn slot(&self, role: Role, action: Action, resource: Resource<'_>) -> Option<usize> {
        let resource = match resource {
            Resource::Matter(matter) => matter as usize,
            Resource::Event(event) => *self.events.get(event)?,
        };
        let resources = Matter::ALL.len() + self.events.len();
        Some((action as usize * resources + resource) * Role::ALL.len() + role as usize)
    }

    fn shard(&self, key: Key) -> Option<&RwLock<HashMap<Key, Decision>>> {
        // Slots of one screen lie side by side, so their low bits spread well.
        self.memo.get(key.slot % MEMO_SHARDS)
    }

    /// Asks Cedar over one slice and reads its reasons.
    fn judge(&self, slice: &Slice, role: Role, action: Action, resource: Resource<'_>, facts: Facts) -> Decision {
        let [never, not_now] = &self.nothing_permits;
        let known: Vec<&Known> = slice.policies.iter().filter_map(|index| self.policies.get(*index)).collect();
        let nothing_permits = match known.iter().any(|known| known.permits()) {
            true => not_now,
            false => never,
        };
        let outcome = ask(&known, role, action, resource, facts, slice.relevant);
        if outcome.allowed {
            return Decision {
                allowed: true,
                policies: sorted_ids(&outcome.reasons),
                authority: outcome.reasons.iter().filter_map(|known| known.authority()).min(),
                masked: outcome.reasons.iter().all(|known| known.masked()),
                rule: None,
            };
        }
        // The policies stand in the order of their files, so the first that applies is the one to cite.
        let unconditional = outcome.reasons.iter().find(|known| !known.cited_if_permitted());
        let Some(cited) = unconditional.or_else(|| outcome.reasons.first()) else { return nothing_permits.clone() };
        let permits: Vec<&Known> = known.iter().copied().filter(|known| known.permits()).collect();
        let rule = match unconditional.is_some() || ask(&permits, role, action, resource, facts, slice.relevant).allowed
        {
            true => cited.rule(),
            false => nothing_permits.rule.clone(),
        };
        Decision { policies: sorted_ids(&outcome.reasons), rule, ..never.clone() }
    }
}

impl std::fmt::Debug for Policies {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Policies")
            .field("hash", &self.hash())
            .field("policies", &self.policies.len())
            .finish_non_exhaustive()
    }
}

/// How much the rule of a denial tells, the least first: of several roles under each of which something is denied, whoever asked is
/// told what tells most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Telling {
    /// That nothing permits it, whatever the circumstances.
    Never,
    /// That nothing permits it in these circumstances.
    Elsewhere,
    /// What stands in its way.
    Why,
}

/// Returns how much a rule tells that denies something.
#[must_use]
pub fn tells(rule: &str) -> Telling {
    match rule {
        "R-050" => Telling::Never,
        "R-051" | "R-052" => Telling::Elsewhere,
        _ => Telling::Why,
    }
}

impl Decision {
    fn denied(rule: &str) -> Self {
        Self { allowed: false, policies: Arc::from([]), authority: None, masked: false, rule: Some(rule.into()) }
    }
}

/// Returns the Cedar schema: roles, matters, actions and facts as the closed lists of this room give them.
#[must_use]
pub fn schema() -> String {
    let quoted = |keys: &mut dyn Iterator<Item = &'static str>| {
        keys.map(|key| format!("\"{key}\"")).collect::<Vec<_>>().join(", ")
    };
    let roles = quoted(&mut Role::ALL.into_iter().map(Role::key));
    let matters = quoted(&mut Matter::ALL.into_iter().map(Matter::key));
    let mut text =
        format!("entity Role enum [{roles}];\nentity Matter enum [{matters}];\nentity EventType;\ntype Facts = {{\n");
    for (_, key) in Facts::ALL {
        // Writing into a String cannot fail.
        let _infallible = writeln!(text, "    \"{key}\": Bool,");
    }
    text.push_str("};\n");
    for action in Action::ALL {
        let resources = match action {
            Action::Append => "Matter, EventType",
            _ => "Matter",
        };
        let _infallible = writeln!(
            text,
            "action {} appliesTo {{ principal: [Role], resource: [{resources}], context: Facts }};",
            action.key()
        );
    }
    text
}

/// A policy with what its annotations say and where it can apply.
struct Known {
    id: String,
    policy: Policy,
    saying: Saying,
    scope: Scope,
}

enum Saying {
    Permit { authority: Authority, masked: bool },
    Forbid { rule: Arc<str>, cited_if_permitted: bool },
}

impl Known {
    fn read(policy: &Policy) -> Result<Self, ParsePoliciesError> {
        let missing =
            |policy: &str, annotation| ParsePoliciesError::Annotation { policy: policy.to_owned(), annotation };
        let id = policy
            .annotation("id")
            .filter(|id| !id.is_empty())
            .ok_or_else(|| missing(policy.id().as_ref(), "id"))?
            .to_owned();
        let saying = match policy.effect() {
            Effect::Permit => Saying::Permit {
                authority: policy
                    .annotation("authority")
                    .and_then(|key| Authority::ALL.into_iter().find(|authority| authority.key() == key))
                    .ok_or_else(|| missing(&id, "authority"))?,
                masked: policy.annotation("masked").is_some(),
            },
            Effect::Forbid => Saying::Forbid {
                rule: policy.annotation("rule").ok_or_else(|| missing(&id, "rule"))?.into(),
                cited_if_permitted: policy.annotation("cited").is_some(),
            },
        };
        let json = policy.to_json().map_err(|error| ParsePoliciesError::Schema(error.to_string()))?;
        Ok(Self { policy: policy.new_id(PolicyId::new(&id)), id, saying, scope: Scope::read(&json) })
    }

    fn permits(&self) -> bool {
        matches!(self.saying, Saying::Permit { .. })
    }

    fn authority(&self) -> Option<Authority> {
        match self.saying {
            Saying::Permit { authority, .. } => Some(authority),
            Saying::Forbid { .. } => None,
        }
    }

    fn masked(&self) -> bool {
        matches!(self.saying, Saying::Permit { masked: true, .. })
    }

    fn rule(&self) -> Option<Arc<str>> {
        match &self.saying {
            Saying::Permit { .. } => None,
            Saying::Forbid { rule, .. } => Some(Arc::clone(rule)),
        }
    }

    fn cited_if_permitted(&self) -> bool {
        matches!(self.saying, Saying::Forbid { cited_if_permitted: true, .. })
    }
}

/// Where a policy can apply: a set that is absent excludes nothing.
///
/// Read off the policy's syntax, and only from shapes that are understood, so that a policy is at worst looked at in vain.
struct Scope {
    actions: Option<BTreeSet<String>>,
    resource_type: Option<String>,
    roles: Option<BTreeSet<String>>,
    resources: Option<BTreeSet<String>>,
    relevant: Facts,
    mentioned_events: BTreeSet<String>,
}

impl Scope {
    fn read(json: &Value) -> Self {
        let mut scope = Self {
            actions: scope_entities(json.get("action")),
            resource_type: json.pointer("/resource/entity_type").and_then(Value::as_str).map(str::to_owned),
            roles: scope_entities(json.get("principal")),
            resources: scope_entities(json.get("resource")),
            relevant: Facts::NONE,
            mentioned_events: BTreeSet::new(),
        };
        scope.walk(json);
        for condition in json.get("conditions").and_then(Value::as_array).into_iter().flatten() {
            if condition.get("kind").and_then(Value::as_str) != Some("when") {
                continue;
            }
            match condition.get("body").and_then(membership) {
                Some(("principal", ids)) => narrow(&mut scope.roles, ids),
                Some(("resource", ids)) => narrow(&mut scope.resources, ids),
                _ => {}
            }
        }
        scope
    }

    /// Collects the facts asked about and the event types named anywhere in the policy.
    fn walk(&mut self, json: &Value) {
        if let Some(fact) = json.get(".").filter(|access| variable(access.get("left")) == Some("context")) {
            let named = fact.get("attr").and_then(Value::as_str).and_then(Facts::named);
            self.relevant = self.relevant | named.unwrap_or(Facts::NONE);
        }
        if json.get("type").and_then(Value::as_str) == Some("EventType") {
            self.mentioned_events.extend(json.get("id").and_then(Value::as_str).map(str::to_owned));
        }
        match json {
            Value::Array(items) => items.iter().for_each(|item| self.walk(item)),
            Value::Object(fields) => fields.values().for_each(|field| self.walk(field)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn covers_resource(&self, action: Action, kind: &str, resource: &str) -> bool {
        contains(self.actions.as_ref(), action.key())
            && self.resource_type.as_deref().is_none_or(|expected| expected == kind)
            && contains(self.resources.as_ref(), resource)
    }

    fn covers_role(&self, role: Role) -> bool {
        contains(self.roles.as_ref(), role.key())
    }
}

fn contains(set: Option<&BTreeSet<String>>, key: &str) -> bool {
    set.is_none_or(|set| set.contains(key))
}

/// The policies that can matter for one role, action and resource, and the facts they ask about.
struct Slice {
    policies: Box<[usize]>,
    relevant: Facts,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    slot: usize,
    facts: Facts,
}

struct Outcome<'a> {
    allowed: bool,
    reasons: Vec<&'a Known>,
}

/// Puts one question to Cedar over these policies; the reasons keep their order.
fn ask<'a>(
    known: &[&'a Known],
    role: Role,
    action: Action,
    resource: Resource<'_>,
    facts: Facts,
    relevant: Facts,
) -> Outcome<'a> {
    let denied = Outcome { allowed: false, reasons: Vec::new() };
    let mut set = PolicySet::new();
    if known.iter().any(|known| set.add(known.policy.clone()).is_err()) {
        return denied;
    }
    let resource = match resource {
        Resource::Matter(matter) => uid("Matter", matter.key()),
        Resource::Event(event) => uid("EventType", event),
    };
    let values = relevant.keys().map(|key| {
        let holds = Facts::named(key).is_some_and(|fact| facts.contains(fact));
        (key.to_owned(), RestrictedExpression::new_bool(holds))
    });
    let Ok(context) = Context::from_pairs(values) else { return denied };
    let Ok(request) = Request::new(uid("Role", role.key()), uid("Action", action.key()), resource, context, None)
    else {
        return denied;
    };
    let response = Authorizer::new().is_authorized(&request, &set, &Entities::empty());
    let diagnostics = response.diagnostics();
    // Cedar passes over a policy that fails to evaluate, even one that forbids; here that denies. Validation against
    // the schema has ruled it out already.
    if diagnostics.errors().next().is_some() {
        return denied;
    }
    let determining: BTreeSet<&str> = diagnostics.reason().map(AsRef::as_ref).collect();
    Outcome {
        allowed: response.decision() == cedar_policy::Decision::Allow,
        reasons: known.iter().copied().filter(|known| determining.contains(known.id.as_str())).collect(),
    }
}

fn sorted_ids(reasons: &[&Known]) -> Arc<[String]> {
    let mut ids: Vec<String> = reasons.iter().map(|known| known.id.clone()).collect();
    ids.sort();
    ids.into()
}

fn uid(kind: &str, id: &str) -> EntityUid {
    let kind = EntityTypeName::from_str(kind).expect("the type names of this file are identifiers");
    EntityUid::from_type_name_and_id(kind, EntityId::new(id))
}

/// Reads one text and returns its policies as they stand in it.
fn in_order(file: &str, text: &str) -> Result<Vec<Policy>, ParsePoliciesError> {
    let set = PolicySet::from_str(text)
        .map_err(|source| ParsePoliciesError::Syntax { file: file.to_owned(), source: Box::new(source) })?;
    if set.templates().next().is_some() {
        return Err(ParsePoliciesError::Template(file.to_owned()));
    }
    // Cedar numbers the policies of a text `policy0`, `policy1`, … and keeps them unordered.
    let place =
        |policy: &Policy| policy.id().to_string().trim_start_matches("policy").parse::<usize>().unwrap_or(usize::MAX);
    let mut policies: Vec<Policy> = set.policies().cloned().collect();
    policies.sort_by_key(place);
    Ok(policies)
}

/// Checks every policy against the schema, so that no request can meet an unknown name or a type error.
fn validate(policies: &[Known]) -> Result<(), ParsePoliciesError> {
    let failed = |error: &dyn std::fmt::Display| ParsePoliciesError::Schema(error.to_string());
    let mut set = PolicySet::new();
    for known in policies {
        set.add(known.policy.clone()).map_err(|error| failed(&error))?;
    }
    let (schema, _) = Schema::from_cedarschema_str(&schema()).map_err(|error| failed(&error))?;
    let result = Validator::new(schema).validate(&set, ValidationMode::Strict);
    match result.validation_passed_without_warnings() {
        true => Ok(()),
        false => Err(failed(&result)),
    }
}

/// Lays the slices out by action, resource and role, as `slot` counts them.
fn slices(policies: &[Known], events: &BTreeMap<String, usize>) -> Vec<Slice> {
    let matters = Matter::ALL.into_iter().map(|matter| ("Matter", matter.key()));
    let resources: Vec<(&str, &str)> =
        matters.chain(events.keys().map(|event| ("EventType", event.as_str()))).collect();
    let mut slices = Vec::with_capacity(Action::ALL.len() * resources.len() * Role::ALL.len());
    for action in Action::ALL {
        for (kind, resource) in &resources {
            // Only appending is asked of event types; for anything else their slices stay empty and deny.
            let asked = *kind == "Matter" || action == Action::Append;
            let covering: Vec<(usize, &Scope)> = policies
                .iter()
                .map(|known| &known.scope)
                .enumerate()
                .filter(|(_, scope)| asked && scope.covers_resource(action, kind, resource))
                .collect();
            slices.extend(Role::ALL.into_iter().map(|role| {
                let own = || covering.iter().filter(|(_, scope)| scope.covers_role(role));
                Slice {
                    policies: own().map(|(index, _)| *index).collect(),
                    relevant: own().fold(Facts::NONE, |facts, (_, scope)| facts | scope.relevant),
                }
            }));
        }
    }
    slices
}

/// Reads `[Role::"a", …].contains(principal)` and `principal == Role::"a"`, for `resource` as well.
fn membership(body: &Value) -> Option<(&str, BTreeSet<String>)> {
    if let Some(contains) = body.get("contains") {
        let variable = variable(contains.get("right"))?;
        let items = contains.pointer("/left/Set")?.as_array()?;
        return Some((variable, items.iter().map(literal).collect::<Option<_>>()?));
    }
    let equals = body.get("==")?;
    Some((variable(equals.get("left"))?, BTreeSet::from([literal(equals.get("right")?)?])))
}

fn variable(json: Option<&Value>) -> Option<&str> {
    json?.get("Var")?.as_str()
}

fn literal(json: &Value) -> Option<String> {
    json.pointer("/Value/__entity/id")?.as_str().map(str::to_owned)
}

/// Reads the entities of a head clause written with `==` or `in [..]` (actions have no groups here).
fn scope_entities(clause: Option<&Value>) -> Option<BTreeSet<String>> {
    let clause = clause?;
    let id = |entity: &Value| entity.get("id").and_then(Value::as_str).map(str::to_owned);
    match clause.get("op")?.as_str()? {
        "==" => Some(BTreeSet::from([id(clause.get("entity")?)?])),
        "in" => match clause.get("entities") {
            Some(entities) => entities.as_array()?.iter().map(id).collect(),
            None => Some(BTreeSet::from([id(clause.get("entity")?)?])),
        },
        _ => None,
    }
}

fn narrow(set: &mut Option<BTreeSet<String>>, ids: BTreeSet<String>) {
    *set = Some(match set.take() {
        Some(already) => already.intersection(&ids).cloned().collect(),
        None => ids,
    });
}

/// Hashes names and texts with their lengths, so that no two sets share a preimage.
fn hash(texts: &[(&str, &str)]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for part in texts.iter().flat_map(|(file, text)| [file, text]) {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize()
}

/// The policies built into this program, by file.
pub const BUILTIN: [(&str, &str); 5] = [
    ("append.cedar", include_str!("append.cedar")),
    ("approve.cedar", include_str!("approve.cedar")),
    ("export.cedar", include_str!("export.cedar")),
    ("forbid.cedar", include_str!("forbid.cedar")),
    ("read.cedar", include_str!("read.cedar")),
];

/// Locks of the memo: enough that the readers of two pages seldom meet at one.
const MEMO_SHARDS: usize = 16;

/// Decisions one shard keeps; at about 150 bytes each, all shards together stay below 10 MiB.
const MEMO_SHARD_DECISIONS: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    const OWN_POLICY: &str = r#"
        @id("read.own") @authority("own")
        permit (principal, action == Action::"read", resource is Matter)
        when { [Role::"salesperson"].contains(principal) }
        when { context.own };
    "#;

    fn parse(text: &str) -> Result<Policies, ParsePoliciesError> {
        Policies::parse(&[("test.cedar", text)])
    }

    fn refusal(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    fn read(policies: &Policies, facts: Facts) -> Decision {
        policies.decide(Role::Salesperson, Action::Read, Resource::Matter(Matter::Basic), facts)
    }

    #[test]
    fn a_permit_gives_its_id_and_its_authority() {
        let decision = read(&parse(OWN_POLICY).unwrap(), Facts::OWN);
        assert!(decision.allowed && !decision.masked);
        assert_eq!(decision.policies.as_ref(), ["read.own"]);
        assert_eq!((decision.authority, decision.rule), (Some(Authority::Own), None));
    }

    #[test]
    fn a_role_that_never_may_hears_r_050_and_one_that_may_elsewhere_r_052() {
        let policies = parse(OWN_POLICY).unwrap();
        assert_eq!(read(&policies, Facts::REGION).rule.as_deref(), Some("R-052"));
        let stranger = policies.decide(Role::Hr, Action::Read, Resource::Matter(Matter::Basic), Facts::OWN);
        assert_eq!(stranger.rule.as_deref(), Some("R-050"));
        let unknown = policies.decide(Role::Hr, Action::Append, Resource::Event("customer.sold"), Facts::OWN);
        assert_eq!(unknown.rule.as_deref(), Some("R-050"));
    }

    #[test]
    fn of_several_rights_the_narrowest_is_recorded_and_one_unmasked_right_unmasks() {
        let text = format!(
            "{OWN_POLICY} @id(\"read.any\") @authority(\"duty\") @masked permit (principal, action, resource is Matter);"
        );
        let policies = parse(&text).unwrap();
        let both = read(&policies, Facts::OWN);
        assert_eq!((both.authority, both.masked), (Some(Authority::Own), false));
        assert_eq!(both.policies.as_ref(), ["read.any", "read.own"]);
        let duty = read(&policies, Facts::NONE);
        assert_eq!((duty.authority, duty.masked), (Some(Authority::Duty), true));
    }

    #[test]
    fn the_first_prohibition_in_the_file_is_cited_and_a_conditional_one_only_if_it_alone_stands_in_the_way() {
        let text = format!(
            r#"{OWN_POLICY}
            @id("f.purpose") @rule("R-059") @cited("if permitted") forbid (principal, action, resource) unless {{ context.purpose }};
            @id("f.left") @rule("R-057") forbid (principal, action, resource) when {{ context.left }};
            @id("f.offsite") @rule("R-054") forbid (principal, action, resource) when {{ context.offsite }};"#
        );
        let policies = parse(&text).unwrap();
        let rule = |facts| read(&policies, facts).rule.map(|rule| rule.to_string());
        assert_eq!(rule(Facts::OWN | Facts::PURPOSE), None);
        assert_eq!(rule(Facts::OWN).as_deref(), Some("R-059"));
        assert_eq!(rule(Facts::NONE).as_deref(), Some("R-052"));
        assert_eq!(rule(Facts::OFFSITE).as_deref(), Some("R-054"));
        assert_eq!(rule(Facts::OFFSITE | Facts::LEFT | Facts::OWN).as_deref(), Some("R-057"));
    }

    #[test]
    fn a_policy_that_names_what_does_not_exist_is_refused() {
        assert!(refusal(&OWN_POLICY.replace("salesperson", "salesman")).contains("schema"));
        assert!(refusal(&OWN_POLICY.replace("context.own", "context.owns")).contains("schema"));
        assert!(refusal(&OWN_POLICY.replace("\"read\"", "\"peek\"")).contains("schema"));
    }

    #[test]
    fn a_policy_without_its_annotations_is_refused() {
        assert_eq!(refusal(&OWN_POLICY.replace("@id", "@name")), "policy \"policy0\" has no usable @id");
        assert!(refusal(&OWN_POLICY.replace("(\"own\")", "(\"whim\")")).contains("@authority"));
        assert!(refusal("@id(\"f\") forbid (principal, action, resource);").contains("@rule"));
        assert_eq!(refusal(&OWN_POLICY.repeat(2)), "policy id \"read.own\" is used twice");
        assert!(refusal("permit (").contains("does not parse"));
    }

    #[test]
    fn another_text_or_another_name_is_another_set() {
        let (one, other) = (parse(OWN_POLICY).unwrap(), parse(&format!("{OWN_POLICY} ")).unwrap());
        assert_ne!(one.hash(), other.hash());
        assert_eq!(one.hash().len(), 16);
        let renamed = Policies::parse(&[("other.cedar", OWN_POLICY)]).unwrap();
        assert_ne!(one.full_hash(), renamed.full_hash());
    }

    #[test]
    fn the_memo_stays_bounded_and_right_when_it_starts_over() {
        let policies = parse(OWN_POLICY).unwrap();
        let key = Key { slot: 0, facts: Facts::NONE };
        let mut shard = policies.memo[0].write().unwrap();
        for slot in 0..MEMO_SHARD_DECISIONS {
            shard.insert(Key { slot: slot * MEMO_SHARDS + usize::MAX / 2, ..key }, Decision::denied("R-050"));
        }
        drop(shard);
        let first = policies.decide(Role::Salesperson, Action::Read, Resource::Matter(Matter::List), Facts::OWN);
        assert!(first.allowed);
        assert_eq!(policies.memo[0].read().unwrap().len(), 1);
    }
}
