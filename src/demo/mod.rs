//! The demo: an invented company and three simulated years of its work, brought about through the ledger's own two verbs.
//!
//! **Invariant:** nothing is written past `submit` and `view`: whatever the demo holds, somebody in it had the right to enter.
//!
//! **Invariant:** the same plan gives the same company and the same years, whenever they end. Keys, salts, tokens and
//! passwords are made anew each time.
//!
//! **Invariant:** no real company and no real person: names are ordinals, made-up words and syllables.

use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::accounts::{self, Accounts};
use crate::clock::{ManualClock, Timestamp, Zone};
use crate::ids::Source;
use crate::ledger::{Home, Ledger, OpenError, Options, Proposal, SubmitError};

use self::company::STAFF;
use self::dice::Dice;
use self::leavers::LEAVERS;
use self::years::Years;

mod company;
mod conduct;
mod corrections;
mod dice;
mod evening;
mod leavers;
mod morning;
mod papers;
mod people;
mod rights;
mod trade;
mod watch;
mod words;
mod years;

/// How the demo's ledger is founded.
pub const FOUNDING: &str = include_str!("founding.toml");

/// The origin of every demo's ledger.
pub const ORIGIN: &str = "demo.dossier.example/ledger";

/// The most customers there are names for.
pub const CUSTOMERS_MAX: u32 = 10_000;

/// How large the demo becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How many entries the ledger holds at least.
    pub events: u64,
    /// How many customers there are.
    pub customers: u32,
}

impl Plan {
    /// Returns the fewest events in which so many customers have something happen to them.
    pub fn events_min(self) -> u64 {
        1_000 + 5 * u64::from(self.customers)
    }
}

/// One person's sign-in, as `demo-users.json` lists it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct User {
    /// The employee.
    pub employee: String,
    /// The person's name.
    pub name: String,
    /// The role's key.
    pub role: String,
    /// The unit the role is held in.
    pub unit: String,
    /// The password for the sign-in page.
    pub password: String,
    /// The token for programs.
    pub token: String,
}

/// What was built.
#[derive(Clone, Debug)]
pub struct Built {
    /// How many entries the ledger holds.
    pub entries: u64,
    /// How many proposals the rules refused that were not meant to be.
    pub refused: u64,
}

/// Why a demo was not built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The plan's years hold too little.
    #[error("so many customers need at least {least} events")]
    TooFew {
        /// The fewest events that will do.
        least: u64,
    },
    /// The ledger is not made or opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The ledger cannot be written.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// The sign-ins cannot be written.
    #[error("the sign-ins cannot be written")]
    Accounts(#[from] accounts::ChangeError),
    /// A file cannot be written.
    #[error("\"{}\" cannot be written", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// Builds a demo into an empty home: company, years, sign-ins; the ledger is closed when it returns.
///
/// `founding` gives the first entries for the moment they are made at; the years end at `now`. `progress` hears how
/// many entries there are. `demo-users.json` comes last: where it is, the demo is whole.
///
/// # Errors
/// See [`BuildError`]; what was built so far is left.
pub async fn build(
    home: &Home,
    plan: Plan,
    now: Timestamp,
    founding: impl FnOnce(Timestamp) -> Vec<Proposal>,
    source: Arc<dyn Source>,
    mut progress: impl FnMut(u64),
) -> Result<Built, BuildError> {
    if plan.events < plan.events_min() {
        return Err(BuildError::TooFew { least: plan.events_min() });
    }
    let zone = Zone::default();
    let first = zone.date(now).minus_months(36);
    let clock = ManualClock::at(zone.start_of(first).plus(MORNING));
    Ledger::create(home, ORIGIN, source.as_ref())?;
    let ledger = Ledger::open(home, Options::new(Arc::new(clock.clone()), source.clone()))?;
    let lived = async {
        ledger.found(founding(zone.start_of(first).plus(MORNING))).await?;
        ledger.adopt_policies().await?;
        Years::new(&ledger, &clock, zone, plan, Dice::thrown(SEED)).live(first, now, &mut progress).await
    }
    .await;
    let entries = ledger.state().size;
    ledger.close();
    let refused = lived?;
    let users = sign_ins(&home.data, source.as_ref())?;
    write_users(&home.data, &users)?;
    Ok(Built { entries, refused })
}

/// Reads the sign-ins of a demo; `None` where there is no whole one.
pub fn users(data: &Path) -> Option<Vec<User>> {
    serde_json::from_slice(&std::fs::read(data.join(USERS)).ok()?).ok()
}

fn sign_ins(data: &Path, source: &dyn Source) -> Result<Vec<User>, BuildError> {
    let accounts = Accounts::open(data).map_err(accounts::ChangeError::from)?;
    let mut users = Vec::with_capacity(STAFF.len());
    // Whoever has left signs in no more.
    for person in STAFF.iter().filter(|person| !LEAVERS.contains(&person.id)) {
        let Ok(employee) = person.id.parse() else { continue };
        let password = accounts.issue_password(&employee, source)?;
        let token = accounts.issue_token(&employee, source, "demo", None)?;
        users.push(User {
            employee: person.id.into(),
            name: person.name.into(),
            role: person.role.key().into(),
            unit: person.unit.into(),
            password,
            token,
        });
    }
    Ok(users)
}

fn write_users(data: &Path, users: &[User]) -> Result<(), BuildError> {
    let path = data.join(USERS);
    let failed = |source| BuildError::File { path: path.clone(), source };
    let mut text = serde_json::to_vec_pretty(users).map_err(|error| failed(error.into()))?;
    text.push(b'\n');
    let new = path.with_extension("json.new");
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new).map_err(failed)?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(failed)?;
    std::fs::rename(&new, &path).map_err(failed)
}

const USERS: &str = "demo-users.json";

const SEED: u64 = 0x00D0_551E;

/// The founding's time of day, after midnight.
const MORNING: std::time::Duration = std::time::Duration::from_secs(8 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_with_too_few_events_is_refused() {
        assert_eq!(Plan { events: 1, customers: 100 }.events_min(), 1_500);
    }
}
