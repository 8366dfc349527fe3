//! `dossier token`: issues and revokes the tokens with which programs and the command line ask, and passwords for pages.

use clap::Args;

use crate::access::principal::Language;
use crate::accounts::Accounts;
use crate::cli::error::Failure;
use crate::cli::{Place, output, source};
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::ids::EmployeeId;
use crate::ledger::{Ledger, OpenError, Options};

/// Issue a token or a password for an employee, list the tokens, or revoke them.
///
/// It is printed once and kept nowhere; the data directory holds its hash only. Works beside a running server,
/// which takes a change over within a second.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Whom the token stands for.
    #[arg(long, value_name = "ID", required_unless_present_any = ["revoke", "list"])]
    employee: Option<EmployeeId>,
    /// Issue a password for the sign-in page instead, in place of any before.
    #[arg(long, requires = "employee", conflicts_with_all = ["revoke", "list", "label", "until"])]
    password: bool,
    /// What it is for.
    #[arg(long, default_value = "")]
    label: String,
    /// When it ends, such as 2027-01-01T00:00:00Z; never when left out.
    #[arg(long, value_name = "INSTANT")]
    until: Option<Timestamp>,
    /// Revoke this token, or the one listed under this id; with --employee and `all`, everything that person has.
    #[arg(long, value_name = "TOKEN", conflicts_with_all = ["list", "until"])]
    revoke: Option<String>,
    /// List the tokens there are.
    #[arg(long)]
    list: bool,
}

/// Changes or lists the tokens of a data directory.
pub(super) fn run(arguments: &Arguments, language: Language) -> Result<(), Failure> {
    let data = &arguments.place.data;
    if !data.join("ledger.json").exists() {
        return Err(OpenError::Missing(data.clone()).into());
    }
    let accounts = Accounts::open(data)?;
    match (&arguments.revoke, &arguments.employee) {
        (Some(word), Some(employee)) if word == "all" => {
            accounts.revoke_all(employee)?;
            output::line(
                &language
                    .choose((format!("revoked every sign-in of {employee}"), format!("已吊销{employee}的全部凭据"))),
            )
        }
        (Some(token), _) if accounts.revoke(token)? => output::line(language.choose(("revoked", "已吊销"))),
        (Some(_), _) => Err(Failure::NoSuchToken),
        (None, Some(employee)) if !arguments.list => {
            check_employee(&arguments.place, employee)?;
            if arguments.password {
                return output::line(&accounts.issue_password(employee, source()?.as_ref())?);
            }
            output::line(&accounts.issue_token(employee, source()?.as_ref(), &arguments.label, arguments.until)?)
        }
        (None, employee) => list(&accounts, employee.as_ref(), language),
    }
}

fn list(accounts: &Accounts, employee: Option<&EmployeeId>, language: Language) -> Result<(), Failure> {
    let header = language.choose((["id", "employee", "label", "until"], ["编号", "员工", "用途", "截止"]));
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    let tokens = accounts.tokens(SystemClock::new().now());
    for token in tokens.into_iter().filter(|token| employee.is_none_or(|employee| token.employee == *employee)) {
        let until = token.until.map_or_else(|| "-".to_owned(), |until| until.to_string());
        rows.push(vec![token.id, token.employee.to_string(), token.label, until]);
    }
    output::write(output::columns(&rows).as_bytes())
}

/// Refuses whom the ledger does not know; beside a running server, which holds the ledger, nobody can be asked.
fn check_employee(place: &Place, employee: &EmployeeId) -> Result<(), Failure> {
    let options = Options::new(std::sync::Arc::new(SystemClock::new()), source()?);
    match Ledger::open(&place.home(), options) {
        Ok(ledger) => {
            let works = ledger.state().world.employee.members.get(employee).is_some_and(|member| member.works());
            ledger.close();
            if works { Ok(()) } else { Err(Failure::NoSuchEmployee(employee.to_string())) }
        }
        Err(OpenError::InUse(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
