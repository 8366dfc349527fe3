//! The command line: one verb, one file.
//!
//! **Invariant:** offline verbs go through the same two verbs of the ledger as every other door, `submit` and `view`,
//! with the rights of whoever the token belongs to. `import` acts for those its mapping names, each with their own
//! rights. Only `init`, `verify`, `rebuild`, `backup` and `restore` ask nobody: they need the disk.
//!
//! **Invariant:** words for people who were told no stand in [`error`]; the verbs only say what was done.
//!
//! **Invariant:** what a verb shows goes to standard output through [`output`]; progress, logs and errors go to
//! standard error.

use std::ffi::OsString;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;

use clap::error::{ContextKind, ErrorKind};
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

use crate::access::principal::{Language, Principal};
use crate::accounts::Accounts;
use crate::clock::SystemClock;
use crate::domain::role::Role;
use crate::ids::SystemSource;
use crate::ledger::{Home, Ledger, Options};

use self::error::{Exit, Failure};

mod backup;
mod demo;
pub mod error;
mod evidence;
mod import;
mod init;
mod output;
mod progress;
mod rebuild;
mod restore;
mod serve;
mod show;
mod submit;
mod token;
mod verify;

/// A company's customer archives as a ledger of immutable, hashed events.
#[derive(Debug, Parser)]
#[command(name = "dossier", version, disable_help_subcommand = true, max_term_width = 100)]
pub struct Cli {
    /// Language of messages: en or zh; from LANG when left out.
    #[arg(long, global = true, value_enum)]
    lang: Option<Lang>,
    #[arg(long, global = true, hide = true, env = "LANG", hide_env_values = true)]
    locale: Option<OsString>,
    /// How much is logged to standard error: error, warn, info or debug.
    #[arg(long, global = true, value_enum, default_value_t = Log::Warn)]
    log: Log,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Lang {
    En,
    Zh,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Log {
    /// What went wrong.
    Error,
    /// And what an operator should look at.
    Warn,
    /// And what happens.
    Info,
    /// And how.
    Debug,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Init(init::Arguments),
    Demo(demo::Arguments),
    Serve(serve::Arguments),
    Import(import::Arguments),
    Submit(submit::Arguments),
    Show(show::Arguments),
    Verify(verify::Arguments),
    Evidence(evidence::Arguments),
    Rebuild(rebuild::Arguments),
    Backup(backup::Arguments),
    Restore(restore::Arguments),
    Token(token::Arguments),
}

/// Where the ledger is.
#[derive(Clone, Debug, Args)]
struct Place {
    /// The data directory.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The directory of the keys, outside the data directory and its backups; DIR.keys when left out.
    #[arg(long, value_name = "KEYS")]
    keys: Option<PathBuf>,
}

impl Place {
    fn home(&self) -> Home {
        let beside = Home::beside(&self.data);
        Home { keys: self.keys.clone().unwrap_or(beside.keys), ..beside }
    }

    /// Opens the ledger by the machine's clock.
    fn open(&self) -> Result<Ledger, Failure> {
        Ok(Ledger::open(&self.home(), Options::new(Arc::new(SystemClock::new()), source()?))?)
    }
}

/// Who asks.
#[derive(Clone, Debug, Args)]
struct Caller {
    /// The token of whoever asks; from `DOSSIER_TOKEN` when left out.
    #[arg(long, env = "DOSSIER_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The role to act under; the first that permits when left out.
    #[arg(long, value_name = "ROLE", value_parser = role)]
    role: Option<Role>,
}

impl Caller {
    /// Finds out whose token it is.
    fn principal(&self, ledger: &Ledger, language: Language) -> Result<Principal, Failure> {
        let token = self.token.as_deref().filter(|token| !token.is_empty()).ok_or(Failure::NoToken)?;
        let accounts = Accounts::open(&ledger.home().data)?;
        let employee = accounts.employee_of_token(token.trim(), ledger.clock().now()).ok_or(Failure::BadToken)?;
        Ok(Principal { role: self.role, language, ..Principal::new(employee) })
    }
}

impl Cli {
    /// Reads the command line.
    ///
    /// # Errors
    /// The exit code after help, version or a usage error has been printed.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, ExitCode> {
        let arguments: Vec<OsString> = arguments.into_iter().collect();
        let language = language_asked(&arguments);
        let command = match language {
            Language::English => Self::command(),
            Language::Chinese => in_chinese(Self::command()),
        };
        let parsed = command.try_get_matches_from(arguments).and_then(|matches| Self::from_arg_matches(&matches));
        parsed.map_err(|error| {
            match (error.kind(), language) {
                (ErrorKind::DisplayHelp | ErrorKind::DisplayVersion, _) => {
                    // Whoever reads help may hang up.
                    drop(output::write(error.render().to_string().as_bytes()));
                    return exit(Exit::Done);
                }
                (_, Language::English) => output::complain(&error.render().to_string()),
                (_, Language::Chinese) => output::complain(&usage_in_chinese(&error)),
            }
            exit(Exit::Usage)
        })
    }

    /// Returns how much is to be logged.
    pub fn log(&self) -> Log {
        self.log
    }

    /// Tells whether the verb serves many callers at once.
    pub fn serves(&self) -> bool {
        matches!(self.verb, Verb::Serve(_) | Verb::Demo(_))
    }

    /// Does what was asked for and tells what did not work.
    ///
    /// Boxed, as a future is compiled where it is driven: the program would compile all that it leads to once more.
    pub fn run(self) -> Pin<Box<dyn Future<Output = ExitCode>>> {
        Box::pin(async {
            let language = self.language();
            match self.verb.run(language).await {
                Ok(()) => exit(Exit::Done),
                Err(failure) => {
                    let told = failure.told();
                    if !matches!(failure, Failure::BrokenPipe) {
                        output::complain(&failure.text(language));
                    }
                    exit(told.exit)
                }
            }
        })
    }

    fn language(&self) -> Language {
        match self.lang {
            Some(Lang::En) => Language::English,
            Some(Lang::Zh) => Language::Chinese,
            None => language_of_locale(self.locale.as_ref()),
        }
    }
}

impl Verb {
    async fn run(self, language: Language) -> Result<(), Failure> {
        match self {
            Self::Init(arguments) => init::run(arguments, language).await,
            Self::Demo(arguments) => demo::run(arguments, language).await,
            Self::Serve(arguments) => serve::run(arguments, language).await,
            Self::Import(arguments) => import::run(arguments, language).await,
            Self::Submit(arguments) => submit::run(arguments, language).await,
            Self::Show(arguments) => show::run(arguments, language).await,
            Self::Verify(arguments) => verify::run(&arguments, language),
            Self::Evidence(arguments) => evidence::run(arguments, language).await,
            Self::Rebuild(arguments) => rebuild::run(&arguments, language),
            Self::Backup(arguments) => backup::run(&arguments, language),
            Self::Restore(arguments) => restore::run(&arguments, language),
            Self::Token(arguments) => token::run(&arguments, language),
        }
    }
}

fn exit(exit: Exit) -> ExitCode {
    ExitCode::from(exit as u8)
}

fn source() -> Result<Arc<SystemSource>, Failure> {
    Ok(Arc::new(SystemSource::new().map_err(|error| Failure::Process(std::io::Error::other(error)))?))
}

fn role(key: &str) -> Result<Role, String> {
    key.parse().map_err(|_| {
        let keys: Vec<&str> = Role::ALL.iter().map(|role| role.key()).collect();
        format!("one of {}", keys.join(", "))
    })
}

fn language_of_locale(locale: Option<&OsString>) -> Language {
    match locale.and_then(|locale| locale.to_str()) {
        Some(locale) if locale.starts_with("zh") => Language::Chinese,
        Some(_) | None => Language::English,
    }
}

/// The language of what is said before the command line is understood.
fn language_asked(arguments: &[OsString]) -> Language {
    let texts: Vec<&str> = arguments.iter().filter_map(|argument| argument.to_str()).collect();
    let flag = texts.iter().find_map(|text| text.strip_prefix("--lang="));
    let word = texts.windows(2).find_map(|pair| match pair {
        ["--lang", value] => Some(*value),
        _ => None,
    });
    match flag.or(word) {
        Some("zh") => Language::Chinese,
        Some(_) => Language::English,
        None => language_of_locale(std::env::var_os("LANG").as_ref()),
    }
}

fn in_chinese(command: clap::Command) -> clap::Command {
    const VERBS: [(&str, &str); 12] = [
        ("init", "按文件建立账本：来源、公司、时区、首个部门与人员"),
        ("demo", "生成虚构公司三年的演示账本并提供服务"),
        ("serve", "提供HTTP接口与网页"),
        ("import", "按映射文件导入CSV文件夹；可先试运行"),
        ("submit", "提交一项或一批提案"),
        ("show", "查阅视图"),
        ("verify", "校验整个数据目录"),
        ("evidence", "导出某对象的证据包"),
        ("rebuild", "清除并重建全部视图"),
        ("backup", "增量备份账本与密钥环，写后校验；服务可照常运行"),
        ("restore", "将备份恢复到新目录，并逐项校验"),
        ("token", "为员工签发或吊销令牌"),
    ];
    let command = command.about("公司客户档案：不可更改、逐条哈希的事件账本");
    VERBS.into_iter().fold(command, |command, (verb, about)| command.mut_subcommand(verb, |verb| verb.about(about)))
}

fn usage_in_chinese(error: &clap::Error) -> String {
    let said = |kind| error.get(kind).map(ToString::to_string).unwrap_or_default();
    let (argument, value) = (said(ContextKind::InvalidArg), said(ContextKind::InvalidValue));
    let message = match error.kind() {
        ErrorKind::UnknownArgument => format!("未知参数“{argument}”"),
        ErrorKind::InvalidSubcommand => format!("未知命令“{}”", said(ContextKind::InvalidSubcommand)),
        ErrorKind::MissingRequiredArgument => format!("缺少参数：{argument}"),
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "缺少命令".to_owned(),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation if value.is_empty() => format!("参数“{argument}”缺少取值"),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => format!("参数“{argument}”的取值“{value}”无效"),
        ErrorKind::ArgumentConflict => format!("参数“{argument}”不能与其他参数同时使用"),
        ErrorKind::TooManyValues | ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            format!("参数“{argument}”的取值个数不符")
        }
        ErrorKind::InvalidUtf8 => "命令行含有非UTF-8文本".to_owned(),
        _ => "命令行无法理解".to_owned(),
    };
    format!("错误：{message}\n提示：用法见 `dossier --help`。\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
        in_chinese(Cli::command()).debug_assert();
    }

    #[test]
    fn every_verb_is_understood() {
        for line in [
            "dossier init --data d found.toml",
            "dossier demo",
            "dossier demo --build-only --events 1000 --customers 10 --data d --listen 127.0.0.1:0",
            "dossier serve --data d --keys k --listen 127.0.0.1:0",
            "dossier import --data d --map m.toml --dry-run folder",
            "dossier submit --data d --token t --role hr -",
            "dossier show --data d --token t card C-1 --as-of 7 --purpose audit --filter year=2026 --format csv",
            "dossier verify --data d",
            "dossier evidence --data d --token t --stream customer/C-1",
            "dossier rebuild --data d --log info",
            "dossier backup --data d --to /mnt/b --once",
            "dossier backup --data d --to /mnt/b --forget",
            "dossier restore --data d --keys k --from /mnt/b --published checkpoint",
            "dossier token --data d --employee E-1 --label desk --lang zh",
        ] {
            parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }

    #[test]
    fn a_role_or_language_that_does_not_exist_is_a_usage_error() {
        assert!(parse("dossier submit --data d --token t --role boss -").is_err());
        assert!(parse("dossier verify --data d --lang fr").is_err());
        assert!(parse("dossier verify").is_err());
    }

    #[test]
    fn the_flag_decides_the_language_and_the_locale_stands_in() {
        let language = |line: &str| parse(line).unwrap().language();
        assert_eq!(language("dossier verify --data d --locale zh_CN.UTF-8"), Language::Chinese);
        assert_eq!(language("dossier verify --data d --locale zh_CN.UTF-8 --lang en"), Language::English);
        assert_eq!(language("dossier verify --data d --locale C"), Language::English);
        let words = |line: &str| line.split_whitespace().map(OsString::from).collect::<Vec<_>>();
        assert_eq!(language_asked(&words("dossier --lang zh")), Language::Chinese);
        assert_eq!(language_asked(&words("dossier x --lang=en")), Language::English);
    }

    #[test]
    fn usage_errors_are_told_in_chinese_too() {
        let told = usage_in_chinese(&parse("dossier verify --date d").unwrap_err());
        assert!(told.contains("未知参数“--date”"), "{told}");
        let told = usage_in_chinese(&parse("dossier verify").unwrap_err());
        assert!(told.contains("缺少参数") && told.contains("--data"), "{told}");
    }
}
