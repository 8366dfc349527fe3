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
    use super::*;

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

    #[test]
    fn the_demos_founding_is_one_and_says_demo() {
        let founding = Founding::parse(FOUNDING).unwrap();
        assert_eq!(founding.origin, demo::ORIGIN);
        assert!(demo::ORIGIN.contains("demo"));
    }
}
