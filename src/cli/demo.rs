//! `dossier demo`: builds an invented company with three years of history, once, and serves it.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::access::principal::Language;
use crate::cli::error::Failure;
use crate::cli::init::Founding;
use crate::cli::progress::{Progress, rate};
use crate::cli::{Place, output, serve, source};
use crate::clock::{Clock as _, SystemClock};
use crate::demo::{self, CUSTOMERS_MAX, FOUNDING, Plan, User};
use crate::domain::role::Role;
use crate::ledger::Home;

/// Build an invented company with three years of history, and serve it. Served again, it is not built again.
///
/// Everything in it was entered through the same rules as real work, on a simulated clock. Whom to sign in as is printed
/// and written with tokens for programs to `demo-users.json` in the data directory.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    /// The data directory: an empty or new one, or a demo.
    #[arg(long, value_name = "DIR", default_value = "./dossier-demo")]
    data: PathBuf,
    /// Build it and stop.
    #[arg(long)]
    build_only: bool,
    /// The address to listen on.
    #[arg(long, value_name = "ADDRESS", default_value = serve::LISTEN)]
    listen: String,
    /// How many entries the ledger gets, about.
    #[arg(long, default_value_t = 60_000, value_parser = clap::value_parser!(u64).range(..=10_000_000))]
    events: u64,
    /// How many customers there are.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=i64::from(CUSTOMERS_MAX)))]
    customers: u32,
}

/// Builds the demo where there is none yet, and serves it.
pub(super) async fn run(arguments: Arguments, language: Language) -> Result<(), Failure> {
    finish_building(&arguments.data)?;
    let users = match demo::users(&arguments.data) {
        Some(users) if is_demo(&arguments.data) => users,
        _ => {
            if !arguments.build_only {
                // A minute of building is no time to find out that the address is taken.
                serve::listener(&arguments.listen).await?;
            }
            build(&arguments, language).await?
        }
    };
    if arguments.build_only {
        return output::write(sign_ins(&users, language).as_bytes());
    }
    let place = Place { data: arguments.data, keys: None };
    let ledger = place.open()?;
    let served = match ledger.adopt_policies().await {
        Ok(()) => serve::serve(&ledger, &arguments.listen, |address| told(address, &users, language)).await,
        Err(error) => Err(error.into()),
    };
    ledger.close();
    served
}

async fn build(arguments: &Arguments, language: Language) -> Result<Vec<User>, Failure> {
    let data = &arguments.data;
    if fs::read_dir(data).is_ok_and(|mut files| files.next().is_some()) {
        return Err(Failure::NotADemo(data.clone()));
    }
    let home = Home::beside(data);
    if home.keys.exists() {
        // Keys of something else: nothing of ours leaves them without their ledger.
        return Err(Failure::NotADemo(home.keys));
    }
    let plan = Plan { events: arguments.events, customers: arguments.customers };
    if plan.events < plan.events_min() {
        return Err(demo::BuildError::TooFew { least: plan.events_min() }.into());
    }
    let site = Home::beside(&building(data));
    remove(&site)?;
    let founding = Founding::parse(FOUNDING)?;
    let mut progress = Progress::of(plan.events);
    let built = demo::build(
        &site,
        plan,
        SystemClock::new().now(),
        |at| founding.proposals(at),
        source()?,
        |entries| progress.at(entries),
    )
    .await;
    let took = progress.end();
    let built = built?;
    finish_building(data)?;
    let (entries, speed, seconds) = (built.entries, rate(built.entries, took), took.as_millis());
    output::complain(&language.choose((
        format!("built {entries} entries in {seconds} ms ({speed}/s)\n"),
        format!("已生成{entries}条，用时{seconds}毫秒（每秒{speed}条）\n"),
    )));
    if built.refused > 0 {
        tracing::warn!(refused = built.refused, "the rules refused some of what the demo proposed");
    }
    demo::users(data).ok_or_else(|| Failure::NotADemo(data.clone()))
}

/// Moves a demo that was built whole to where it belongs; one that was cut short is built again.
fn finish_building(data: &Path) -> Result<(), Failure> {
    let (site, home) = (Home::beside(&building(data)), Home::beside(data));
    if demo::users(&site.data).is_none() {
        return Ok(());
    }
    if site.keys.exists() {
        fs::rename(&site.keys, &home.keys).map_err(Failure::file(&home.keys))?;
    }
    fs::rename(&site.data, &home.data).map_err(Failure::file(&home.data))
}

fn remove(site: &Home) -> Result<(), Failure> {
    for directory in [&site.data, &site.keys] {
        if directory.exists() {
            fs::remove_dir_all(directory).map_err(Failure::file(directory))?;
        }
    }
    Ok(())
}

/// Where a demo is built, so that one cut short is never taken for a whole one.
fn building(data: &Path) -> PathBuf {
    let mut path = data.as_os_str().to_owned();
    path.push(".building");
    path.into()
}

fn is_demo(data: &Path) -> bool {
    fs::read_to_string(data.join("ledger.json")).is_ok_and(|identity| identity.contains(demo::ORIGIN))
}

fn told(address: &str, users: &[User], language: Language) -> Result<(), Failure> {
    output::line(&language.choose((format!("listening on http://{address}"), format!("服务地址 http://{address}"))))?;
    output::write(b"\n")?;
    output::write(sign_ins(users, language).as_bytes())
}

/// One sign-in per role, in the order of the roles.
fn sign_ins(users: &[User], language: Language) -> String {
    let header = language.choose((["role", "", "employee", "name", "password"], ["角色", "", "工号", "姓名", "密码"]));
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for role in Role::ALL {
        if let Some(user) = users.iter().find(|user| user.role == role.key()) {
            let label = language.choose((role.en(), role.zh())).to_owned();
            rows.push(vec![user.role.clone(), label, user.employee.clone(), user.name.clone(), user.password.clone()]);
        }
    }
    output::columns(&rows)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use serde_json::Value;

    use super::*;
    use crate::access::principal::{Principal, Purpose};
    use crate::clock::ManualClock;
    use crate::domain::catalog;
    use crate::domain::employee::Status;
    use crate::ids::{SeededSource, Source};
    use crate::ledger::{Asked, Ledger, Options};
    use crate::projection;

    #[test]
    fn a_demo_is_built_beside_its_place() {
        assert_eq!(building(Path::new("./d")), Path::new("./d.building"));
        assert_eq!(Home::beside(&building(Path::new("d"))).keys, Path::new("d.building.keys"));
    }

    #[test]
    fn one_sign_in_is_shown_per_role() {
        let user = |employee: &str, role: &str| User {
            employee: employee.into(),
            name: "Lin".into(),
            role: role.into(),
            unit: "HQ".into(),
            password: "abcd".into(),
            token: "t".into(),
        };
        let users = [user("E-901", "auditor"), user("E-101", "salesperson"), user("E-102", "salesperson")];
        let text = sign_ins(&users, Language::English);
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.contains("E-101") && !text.contains("E-102"), "{text}");
    }

    /// What may be entered and is not in the demo, and why.
    const ABSENT: &[(&str, &str)] = &[
        ("clock.accepted", "a simulated clock never leaps"),
        ("customer.code_assigned", "a code takes a contract, which no module records yet"),
    ];

    /// Every entry of a ledger, as the auditor takes them out.
    async fn entries(ledger: &Ledger) -> Vec<Value> {
        ledger.settle();
        let size = ledger.checkpoint().0.size;
        let mut entries = Vec::new();
        for tile in 0..size.div_ceil(256) {
            let width = (size - tile * 256).min(256);
            let part = if width < 256 { format!(".p/{width}") } else { String::new() };
            let mut asked = Asked::new(projection::view("entries").unwrap());
            asked.subject = Some(format!("{tile:03}{part}"));
            asked.purpose = Purpose::parse("audit").ok();
            let answered = ledger.view(&Principal::new("E-901".parse().unwrap()), &asked).await.unwrap();
            let texts = answered.body["entries"].as_array().unwrap().clone();
            entries.extend(texts.iter().map(|text| serde_json::from_str::<Value>(text.as_str().unwrap()).unwrap()));
        }
        entries
    }

    #[test]
    fn the_demo_holds_something_of_everything_and_nothing_refused_unmeant() {
        let directory = std::env::temp_dir().join(format!("dossier-demo-{}", std::process::id()));
        let home = Home::beside(&directory.join("demo"));
        let now = "2026-03-02T20:30:00+08:00".parse().unwrap();
        let founding = Founding::parse(FOUNDING).unwrap();
        let plan = Plan { events: 8_000, customers: 300 };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let source: Arc<dyn Source> = Arc::new(SeededSource::new("demo"));
        let lived = demo::build(&home, plan, now, |at| founding.proposals(at), source.clone(), |_| {});
        // What is refused is told where the test fails.
        let told = tracing_subscriber::fmt().with_test_writer().finish();
        let built = tracing::subscriber::with_default(told, || runtime.block_on(lived)).unwrap();
        assert!(built.entries >= plan.events, "{built:?}");
        assert_eq!(built.refused, 0, "what was refused stands above");

        let ledger = Ledger::open(&home, Options::new(Arc::new(ManualClock::at(now)), source)).unwrap();
        let entries = runtime.block_on(entries(&ledger));
        let held = |kind: &str| entries.iter().filter(|entry| entry["type"] == kind).count();
        let proposable = catalog::types().iter().filter(|kind| !kind.system).map(|kind| kind.name);
        let absent: BTreeSet<&str> = proposable.filter(|kind| held(kind) == 0).collect();
        assert_eq!(absent, ABSENT.iter().map(|(kind, _)| *kind).collect());
        let said = |field: &str, value: &str| entries.iter().filter(|entry| entry["data"][field] == value).count();
        assert!(said("channel", "owner_meeting") > said("kind", "meeting_minutes"), "some are never written");
        assert!(said("kind", "meeting_minutes") > 0);
        assert_eq!(said("result", "broken"), 0);
        assert_eq!(said("party", "professional_service"), 7);
        assert_eq!(held("personal_data.erased"), held("personal_data.erasure_completed"));

        let state = ledger.state();
        let world = &state.world;
        let archives = || world.customer.customers.values();
        assert_eq!(archives().filter(|customer| customer.duplicate_of.is_none()).count(), 300);
        // Those who left own nothing and sign in no more; whoever is in dispute stays.
        let members = world.employee.members.iter();
        let gone: BTreeSet<&str> =
            members.filter(|(_, member)| member.status == Status::Left).map(|(id, _)| id.as_str()).collect();
        assert_eq!(gone, BTreeSet::from(["E-122", "E-124", "E-125"]));
        assert!(archives().all(|customer| !gone.contains(customer.owner.as_str())));
        let users = demo::users(&home.data).unwrap();
        assert!(users.iter().all(|user| !gone.contains(user.employee.as_str())));
        assert!(!world.privacy.holds.is_empty());
        ledger.close();
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn the_demos_founding_is_one_and_says_demo() {
        let founding = Founding::parse(FOUNDING).unwrap();
        assert_eq!(founding.origin, demo::ORIGIN);
        assert!(demo::ORIGIN.contains("demo"));
    }
}
