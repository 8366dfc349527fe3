//! `dossier init`: founds a ledger from a file.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::access::principal::Language;
use crate::cli::error::{Failure, FoundingProblem};
use crate::cli::{Place, output, source};
use crate::clock::{Timestamp, Zone};
use crate::domain::policy::{Default as Preset, PARAMETERS, PRESETS};
use crate::domain::role::Role;
use crate::ledger::{Ledger, OpenError, Proposal, SubmitError};

/// Found a ledger: origin, company, zone, first unit and officers, from a TOML file.
///
/// The file names `origin`, `company`, `ledger_id`, `zone`, a `[unit]` with `id` and `name`, and one `[[officer]]` for
/// each person, with `id`, `name`, `roles` and, for the general manager, `head = true`. At least the roles `hr`,
/// `system_admin`, `general_manager` and `auditor` are held. An interrupted founding is finished by founding again.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// The founding file.
    #[arg(value_name = "FILE.toml")]
    file: PathBuf,
}

/// Founds the ledger and says under which key it signs.
pub(super) async fn run(arguments: Arguments, language: Language) -> Result<(), Failure> {
    let text = std::fs::read_to_string(&arguments.file).map_err(Failure::file(&arguments.file))?;
    let founding = Founding::parse(&text)?;
    let home = arguments.place.home();
    match Ledger::create(&home, &founding.origin, source()?.as_ref()) {
        // A founding that was cut short left a ledger without a first entry.
        Err(OpenError::Exists(_)) if home.data.join("ledger.json").exists() => {}
        created => created?,
    }
    let ledger = arguments.place.open()?;
    let founded = found(&ledger, &founding).await;
    ledger.close();
    founded?;
    let (size, vkey, origin) = (ledger.state().size, ledger.vkey(), ledger.origin().to_owned());
    output::line(&language.choose((
        format!("founded \"{origin}\" with {size} entries; checkpoints are verified with"),
        format!("已建立账本“{origin}”，共{size}条；校验封存点的公钥为"),
    )))?;
    output::line(&vkey)
}

async fn found(ledger: &Ledger, founding: &Founding) -> Result<(), Failure> {
    let initialized = ledger.state().world.ledger.initialized;
    if !initialized {
        ledger.found(founding.proposals(ledger.clock().now())).await?;
    } else if ledger.state().world.policy.access.is_some() {
        return Err(Failure::Open(OpenError::Exists(ledger.home().data.clone())));
    }
    Ok(ledger.adopt_policies().await.map_err(|error: SubmitError| error)?)
}

/// A ledger's first facts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Founding {
    /// The ledger's name in the world, a URL without scheme.
    pub(crate) origin: String,
    company: String,
    ledger_id: String,
    #[serde(default)]
    zone: Zone,
    unit: Unit,
    officer: Vec<Officer>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unit {
    id: String,
    name: String,
    #[serde(default)]
    territory: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Officer {
    id: String,
    name: String,
    roles: Vec<String>,
    #[serde(default)]
    head: bool,
    phone: Option<String>,
    joined_on: Option<String>,
}

impl Founding {
    /// Parses a founding file.
    ///
    /// # Errors
    /// It is no founding: see [`FoundingProblem`].
    pub(crate) fn parse(text: &str) -> Result<Self, FoundingProblem> {
        let founding: Self = toml::from_str(text).map_err(|error| {
            let before = text.get(..error.span().map_or(0, |span| span.start)).unwrap_or_default();
            FoundingProblem::Syntax(format!("line {}: {}", before.matches('\n').count() + 1, error.message()))
        })?;
        let mut ids = BTreeSet::new();
        for officer in &founding.officer {
            if !ids.insert(&officer.id) {
                return Err(FoundingProblem::OfficerTwice(officer.id.clone()));
            }
            if let Some(unknown) = officer.roles.iter().find(|key| key.parse::<Role>().is_err()) {
                return Err(FoundingProblem::NoSuchRole(unknown.clone()));
            }
        }
        for role in [Role::Hr, Role::SystemAdmin, Role::GeneralManager, Role::Auditor] {
            if founding.holder(role).is_none() {
                return Err(FoundingProblem::NoOfficer(role.key()));
            }
        }
        let mut heads = founding.officer.iter().filter(|officer| officer.head);
        match (heads.next(), heads.next()) {
            (Some(head), None) if head.holds(Role::GeneralManager) => Ok(founding),
            (Some(_), None) => Err(FoundingProblem::HeadNotGeneralManager),
            _ => Err(FoundingProblem::NoHead),
        }
    }

    /// Returns the first entries: the ledger, the unit, its officers, the head, the roles, the policy.
    pub(crate) fn proposals(&self, at: Timestamp) -> Vec<Proposal> {
        let today = self.zone.date(at);
        let manager = self.holder(Role::GeneralManager).map(|officer| officer.id.as_str()).unwrap_or_default();
        let drafter = self.holder(Role::Hr).map(|officer| officer.id.as_str()).unwrap_or_default();
        let mut proposals = vec![
            proposal(
                "ledger.initialized",
                None,
                json!({
                    "ledger_id": self.ledger_id, "company": self.company, "zone": self.zone.name(),
                }),
            ),
            self.unit(None),
        ];
        for officer in &self.officer {
            let mut data = json!({
                "employee_id": officer.id,
                "name": officer.name,
                "unit": self.unit.id,
                "joined_on": officer.joined_on.clone().unwrap_or_else(|| today.to_string()),
            });
            if let (Some(phone), Value::Object(fields)) = (&officer.phone, &mut data) {
                fields.insert("contact_phone".into(), phone.clone().into());
            }
            proposals.push(proposal("employee.registered", None, data));
        }
        proposals.push(self.unit(Some(manager)));
        for officer in &self.officer {
            let added: Vec<Value> =
                officer.roles.iter().map(|role| json!({ "role": role, "unit": self.unit.id })).collect();
            let subject = format!("employee/{}", officer.id);
            proposals.push(proposal("employee.roles_changed", Some(subject), json!({
                "added": added, "removed": [], "reason": "Founding of the ledger / 账本建立", "approved_by": manager,
            })));
        }
        proposals.push(proposal(
            "policy.adopted",
            None,
            json!({
                "version": 1,
                "unit": self.unit.id,
                "presets": presets(),
                "parameters": parameters(),
                "effective_at": at.to_string(),
                "drafted_by": drafter,
                "approved_by": manager,
                "reason": "Founding of the ledger / 账本建立",
            }),
        ));
        proposals
    }

    fn unit(&self, head: Option<&str>) -> Proposal {
        let mut data = json!({
            "unit_id": self.unit.id,
            "name": self.unit.name,
            "kind": "headquarters",
            "territory": self.unit.territory,
            "status": "active",
        });
        if let (Some(head), Value::Object(fields)) = (head, &mut data) {
            fields.insert("head".into(), head.into());
        }
        proposal("org_unit.defined", None, data)
    }

    fn holder(&self, role: Role) -> Option<&Officer> {
        self.officer.iter().find(|officer| officer.holds(role))
    }
}

impl Officer {
    fn holds(&self, role: Role) -> bool {
        self.roles.iter().any(|key| key == role.key())
    }
}

fn proposal(kind: &str, subject: Option<String>, data: Value) -> Proposal {
    Proposal { kind: kind.into(), subject, data, ..Proposal::default() }
}

/// The first preset of each topic, which is in force where nothing else was adopted.
fn presets() -> Map<String, Value> {
    PRESETS.iter().filter_map(|(topic, presets)| Some(((*topic).to_owned(), (*presets.first()?).into()))).collect()
}

fn parameters() -> Map<String, Value> {
    let value = |preset: Preset| match preset {
        Preset::Number(number) => Value::from(number),
        _ => Value::from(preset.text()),
    };
    PARAMETERS.iter().map(|parameter| (parameter.name.to_owned(), value(parameter.default))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = include_str!("../../tools/import/northwind-init.toml");

    fn problem(text: &str) -> FoundingProblem {
        Founding::parse(text).unwrap_err()
    }

    #[test]
    fn the_example_is_a_founding_of_twelve_entries() {
        let founding = Founding::parse(SOUND).unwrap();
        let kinds: Vec<String> = founding.proposals(Timestamp::from_micros(0)).into_iter().map(|p| p.kind).collect();
        assert_eq!(kinds.len(), 12);
        assert_eq!(kinds.first().unwrap(), "ledger.initialized");
        assert_eq!(kinds.last().unwrap(), "policy.adopted");
    }

    #[test]
    fn every_payload_has_the_shape_of_its_type() {
        for proposal in Founding::parse(SOUND).unwrap().proposals(Timestamp::from_micros(0)) {
            let kind = crate::domain::catalog::find(&proposal.kind).unwrap();
            let mut data = proposal.data;
            crate::domain::catalog::check(kind, &mut data).unwrap_or_else(|refusal| panic!("{refusal:?}"));
        }
    }

    #[test]
    fn a_founding_without_an_officer_or_with_two_heads_is_none() {
        assert_eq!(problem(&SOUND.replace("\"auditor\"", "\"compliance\"")), FoundingProblem::NoOfficer("auditor"));
        assert_eq!(problem(&SOUND.replace("head = true", "head = false")), FoundingProblem::NoHead);
        assert_eq!(problem(&SOUND.replace("\"hr\"", "\"boss\"")), FoundingProblem::NoSuchRole("boss".into()));
        assert_eq!(problem(&SOUND.replace("E-AUDIT", "E-GM")), FoundingProblem::OfficerTwice("E-GM".into()));
        assert!(matches!(problem(&SOUND.replace("company", "firm")), FoundingProblem::Syntax(_)));
        assert!(matches!(problem(&SOUND.replace("UTC", "Nowhere/City")), FoundingProblem::Syntax(_)));
    }
}
