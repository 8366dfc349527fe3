//! Everything this door says when something did not work: exit code, message and hint, in both languages.

use std::io;
use std::path::{Path, PathBuf};

use crate::access::principal::Language;
use crate::accounts;
use crate::demo;
use crate::domain::{Code, Refusal};
use crate::entry::Hash;
use crate::ids::SubjectId;
use crate::import::mapping;
use crate::import::plan::PlanError;
use crate::import::table;
use crate::ledger::backup::BackupError;
use crate::ledger::restore::RestoreError;
use crate::ledger::{Behind, Broken, Found, OpenError, RingOpenError, SubmitError, ViewError};

/// What the caller's shell learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything asked for was done.
    Done = 0,
    /// A rule says no.
    Refused = 1,
    /// The command line or a file it names makes no sense.
    Usage = 2,
    /// There is no such thing, or the caller may not.
    NotAllowed = 3,
    /// What was entered is not as it was entered.
    Integrity = 4,
    /// Something else is in the way.
    Other = 5,
}

/// Why a verb was not done.
#[derive(Debug)]
pub enum Failure {
    /// The ledger does not open.
    Open(OpenError),
    /// A proposal was not entered.
    Submit(SubmitError),
    /// A reading was not granted.
    View(ViewError),
    /// A data directory is not sound.
    Verify(Broken),
    /// No backup was made.
    Backup(BackupError),
    /// The backup stands, without these files of documents: they are not as they were filed.
    Altered(Vec<String>),
    /// Nothing was restored.
    Restore(RestoreError),
    /// The place is none of those remembered.
    NoSuchPlace(PathBuf),
    /// The mapping file has no meaning.
    Mapping(mapping::ParseError),
    /// A file of rows cannot be read.
    Table(table::ReadError),
    /// The mapping does not fit the files.
    Plan(PlanError),
    /// Rows of an import were refused; each has been told.
    RowsRefused(u64),
    /// Rows would be refused by the import that was tried out; each has been told.
    RowsWouldBeRefused(u64),
    /// The accounts cannot be read or written.
    Accounts(accounts::ChangeError),
    /// The demo cannot be built.
    Demo(demo::BuildError),
    /// The founding file is no founding.
    Founding(FoundingProblem),
    /// A file cannot be read or written.
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Standard input, output or a thread of the process fails.
    Process(io::Error),
    /// The address cannot be listened on.
    Listen {
        /// The address.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// A text is not JSON of the shape wanted.
    Json {
        /// The file, `-` for standard input.
        file: String,
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// What is wrong there, in English and Chinese.
        words: (String, String),
    },
    /// Neither `--token` nor `DOSSIER_TOKEN` is given.
    NoToken,
    /// The token opens nothing.
    BadToken,
    /// The ledger knows no such employee.
    NoSuchEmployee(String),
    /// The token to take back is none of that employee's.
    NoSuchToken,
    /// No view has that key.
    NoSuchView(String),
    /// A value on the command line makes no sense.
    Argument {
        /// Which.
        name: &'static str,
        /// What it must be, in English and Chinese.
        wanted: (&'static str, &'static str),
    },
    /// The answer cannot be shown as a table.
    NotTabular,
    /// The ledger stopped taking entries while it was served.
    Stopped,
    /// The directory holds something that is not a demo.
    NotADemo(PathBuf),
    /// Whoever reads the output has gone.
    BrokenPipe,
}

/// What is wrong with a founding file.
#[derive(Debug, PartialEq, Eq)]
pub enum FoundingProblem {
    /// It is not TOML of the shape wanted.
    Syntax(String),
    /// Nobody holds a role that has to be held.
    NoOfficer(&'static str),
    /// Not exactly one officer heads the first unit.
    NoHead,
    /// The head is not the general manager.
    HeadNotGeneralManager,
    /// Two officers share an id.
    OfficerTwice(String),
    /// A role has no such key.
    NoSuchRole(String),
}

/// How a failure is told.
#[derive(Debug, PartialEq, Eq)]
pub struct Told {
    /// The exit code.
    pub exit: Exit,
    /// What happened, in English and Chinese.
    pub message: (String, String),
    /// What to do about it, in English and Chinese.
    pub hint: Option<(&'static str, &'static str)>,
}

impl Failure {
    /// Names the file an error of the system is about.
    pub fn file(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }

    /// Says what happened, what the shell learns, and what to do.
    pub fn told(&self) -> Told {
        let told = self.said();
        let hint = told.hint.or_else(|| self.causes().find_map(|cause| mended(cause.downcast_ref()?)));
        Told { hint, ..told }
    }

    fn said(&self) -> Told {
        match self {
            Self::Open(error) => open(error),
            Self::Submit(error) => submit(error),
            Self::View(error) => view(error),
            Self::Verify(broken) => verify(broken),
            Self::Backup(error) => backup(error),
            Self::Restore(error) => restore(error),
            Self::Altered(paths) => told(
                Exit::Integrity,
                format!("the backup stands, without files that are not as they were filed: {}", paths.join(", ")),
                format!("备份已完成，但不含以下与归档时不符的资料原件：{}", paths.join("、")),
            )
            .hint(
                "`dossier verify` names the documents; put the files back from an earlier backup.",
                "可用 `dossier verify` 查明相应资料；请从较早的备份中恢复原件。",
            ),
            Self::NoSuchPlace(path) => told(
                Exit::NotAllowed,
                format!("no backup at \"{}\" is remembered", path.display()),
                format!("未登记位于“{}”的备份", path.display()),
            ),
            Self::Mapping(error) => mapping(error),
            Self::Table(error) => table(error),
            Self::Plan(error) => plan(error),
            Self::RowsRefused(rows) => told(
                Exit::Refused,
                format!("{rows} row(s) were refused; the others stand"),
                format!("{rows}行被拒绝，其余均已记录"),
            ),
            Self::RowsWouldBeRefused(rows) => told(
                Exit::Refused,
                format!("{rows} row(s) would be refused; nothing was entered"),
                format!("{rows}行将被拒绝；试运行未作任何记录"),
            ),
            Self::Accounts(_) => told(Exit::Other, "the accounts cannot be read or written", "账号文件无法读写"),
            Self::Demo(error) => building(error),
            Self::Founding(problem) => founding(problem),
            Self::File { path, .. } => told(
                if self.missing() { Exit::NotAllowed } else { Exit::Other },
                format!("file \"{}\" cannot be read or written", path.display()),
                format!("文件“{}”无法读写", path.display()),
            ),
            Self::Process(_) => {
                told(Exit::Other, "the system refuses what the process needs", "系统拒绝了进程所需的资源")
            }
            Self::Listen { address, source } => {
                let told = told(Exit::Other, format!("cannot listen on \"{address}\""), format!("无法监听“{address}”"));
                if source.kind() == io::ErrorKind::AddrInUse {
                    told.hint(
                        "Is another server running? Choose another address with --listen.",
                        "是否已有服务在运行？可用 --listen 指定其他地址。",
                    )
                } else {
                    told.hint(
                        "Give an address of this machine and a port from 1024 on with --listen, such as 127.0.0.1:8088.",
                        "请用 --listen 给出本机地址和1024以上的端口，如 127.0.0.1:8088。",
                    )
                }
            }
            Self::Json { file, line, column, words: (en, zh) } => told(
                Exit::Usage,
                format!("\"{file}\" line {line} column {column} is not a proposal: {en}"),
                format!("“{file}”第{line}行第{column}列不是合法的提案：{zh}"),
            )
            .hint(
                "Give an object with \"type\" and \"data\", or an array of such objects.",
                "须为含“type”和“data”的对象，或此类对象的数组。",
            ),
            Self::NoToken => told(Exit::Usage, "no token is given", "未提供令牌").hint(
                "Give --token, or set DOSSIER_TOKEN. `dossier token` issues one.",
                "请用 --token 或环境变量 DOSSIER_TOKEN 提供；可用 `dossier token` 签发。",
            ),
            Self::BadToken => told(Exit::NotAllowed, "the token is not valid", "令牌无效").hint(
                "It may have been revoked. `dossier token` issues a new one.",
                "令牌可能已被吊销；可用 `dossier token` 重新签发。",
            ),
            Self::NoSuchEmployee(id) => told(
                Exit::NotAllowed,
                format!("there is no employee \"{id}\" at work here"),
                format!("没有在职员工“{id}”"),
            )
            .hint(
                "Give an employee's number, such as E-101; `dossier show staff` lists them.",
                "须为员工工号，如 E-101；可用 `dossier show staff` 查看。",
            ),
            Self::NoSuchToken => told(Exit::NotAllowed, "there is no such token to revoke", "没有可吊销的令牌"),
            Self::NoSuchView(key) => {
                told(Exit::Usage, format!("there is no view \"{key}\""), format!("没有视图“{key}”"))
                    .hint("`dossier show --help` lists the views.", "视图列表见 `dossier show --help`。")
            }
            Self::Argument { name, wanted } => {
                told(Exit::Usage, format!("{name} must be {}", wanted.0), format!("{name}须为{}", wanted.1))
            }
            Self::NotTabular => told(Exit::Usage, "this view is no list", "该视图不是列表")
                .hint("Show it with --format json.", "请用 --format json 显示。"),
            Self::Stopped => told(
                Exit::Other,
                "the ledger can no longer be written, so nothing can be entered or read",
                "账本无法写入，已停止记录与查阅",
            )
            .hint(
                "Make room on the disk or repair it, then start again; nothing acknowledged is lost.",
                "请清理或修复磁盘后重新启动；已确认的内容不会丢失。",
            ),
            Self::NotADemo(path) => told(
                Exit::Refused,
                format!("directory \"{}\" holds something that is not a whole demo", path.display()),
                format!("目录“{}”中有内容，但不是完整的演示账本", path.display()),
            )
            .hint("Name another directory with --data.", "请用 --data 指定其他目录。"),
            Self::BrokenPipe => told(Exit::Done, "", ""),
        }
    }

    /// Writes the failure for a person: the message, what caused it, and a hint.
    pub fn text(&self, language: Language) -> String {
        let told = self.told();
        let mut text = match language {
            Language::English => format!("error: {}\n", told.message.0),
            Language::Chinese => format!("错误：{}\n", told.message.1),
        };
        for line in self.details(language) {
            text.push_str(&format!("  {line}\n"));
        }
        if let Some(hint) = told.hint {
            text.push_str(&language.choose((format!("hint: {}\n", hint.0), format!("提示：{}\n", hint.1))));
        }
        // What a file or a caller brought along must not steer a terminal.
        text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
    }

    fn missing(&self) -> bool {
        matches!(self, Self::File { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// What stands behind the message: each problem of a payload, or the chain of causes.
    fn details(&self, language: Language) -> Vec<String> {
        if let Some(Refusal::Schema(problems)) = self.refusal() {
            let said = |problem: &crate::domain::catalog::Problem| {
                format!("{}: {}", problem.pointer, language.choose((problem.en.as_str(), problem.zh.as_str())))
            };
            return problems.iter().map(said).collect();
        }
        let told = |cause: &(dyn std::error::Error + 'static)| match cause.downcast_ref().and_then(in_chinese) {
            Some(words) if language == Language::Chinese => words.to_owned(),
            Some(_) | None => cause.to_string(),
        };
        // What is wrong with a ring is the message already.
        self.causes().filter(|cause| !cause.is::<RingOpenError>()).map(told).collect()
    }

    /// What stands behind it, from the nearest cause to the last.
    fn causes(&self) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
        let first: Option<&(dyn std::error::Error + 'static)> = match self {
            Self::Open(error) => std::error::Error::source(error),
            Self::Verify(error) => std::error::Error::source(error),
            Self::Backup(error) => std::error::Error::source(error),
            Self::Restore(error) => std::error::Error::source(error),
            Self::Table(error) => std::error::Error::source(error),
            Self::Accounts(error) => Some(error),
            Self::Demo(demo::BuildError::Open(error)) => std::error::Error::source(error),
            Self::Demo(demo::BuildError::Accounts(error)) => Some(error),
            Self::Demo(demo::BuildError::File { source, .. })
            | Self::File { source, .. }
            | Self::Listen { source, .. }
            | Self::Process(source) => Some(source),
            _ => None,
        };
        std::iter::successors(first, |error| error.source())
    }

    fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Submit(SubmitError::Refused { refusal, .. })
            | Self::Demo(demo::BuildError::Submit(SubmitError::Refused { refusal, .. }))
            | Self::View(ViewError::Refused(refusal) | ViewError::Denied(refusal)) => Some(refusal),
            _ => None,
        }
    }
}

/// What the system says, where it is something people run into.
fn in_chinese(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        io::ErrorKind::NotFound => Some("文件或目录不存在"),
        io::ErrorKind::PermissionDenied => Some("权限不足"),
        io::ErrorKind::StorageFull => Some("磁盘已满"),
        io::ErrorKind::ReadOnlyFilesystem => Some("文件系统只读"),
        io::ErrorKind::AddrInUse => Some("地址已被占用"),
        io::ErrorKind::AddrNotAvailable => Some("本机没有该地址"),
        io::ErrorKind::InvalidData => Some("内容不是合法的UTF-8文本"),
        io::ErrorKind::IsADirectory => Some("这是目录，不是文件"),
        io::ErrorKind::NotADirectory => Some("路径中有一处不是目录"),
        _ => None,
    }
}

/// What to do about what the system says, whatever was being done.
fn mended(error: &io::Error) -> Option<(&'static str, &'static str)> {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some((
            "Make room on the disk, then start again; nothing acknowledged is lost.",
            "请清理磁盘后重新启动；已确认的内容不会丢失。",
        )),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Some((
            "Run it as the owner of the files, on a file system that can be written.",
            "请以文件所有者身份运行，且文件系统须可写。",
        )),
        _ => None,
    }
}

fn told(exit: Exit, en: impl Into<String>, zh: impl Into<String>) -> Told {
    Told { exit, message: (en.into(), zh.into()), hint: None }
}

impl Told {
    fn hint(self, en: &'static str, zh: &'static str) -> Self {
        Self { hint: Some((en, zh)), ..self }
    }
}

fn ring(error: &RingOpenError) -> Told {
    let shown = |path: &PathBuf| path.display().to_string();
    let backup = |told: Told| told.hint("Bring it back from a backup of this ledger.", "请从该账本的备份中恢复。");
    match error {
        RingOpenError::OtherLedger { path } => {
            let path = shown(path);
            let en = format!("the key ring \"{path}\" belongs to another ledger");
            backup(told(Exit::Integrity, en, format!("密钥环“{path}”属于另一账本")))
        }
        RingOpenError::Damaged { path, offset } => {
            let path = shown(path);
            let en = format!("the key ring \"{path}\" is damaged at byte {offset}");
            backup(told(Exit::Integrity, en, format!("密钥环“{path}”自第{offset}字节起已损坏")))
        }
        RingOpenError::WrongMaster { path } => {
            let path = shown(path);
            let en = format!("the key ring \"{path}\" is wrapped by another master key");
            told(Exit::Integrity, en, format!("密钥环“{path}”由另一主密钥保护")).hint(
                "Every erasure makes a new master key: bring back the ring and the `master.key` that belong together.",
                "每次删除个人信息都会更换主密钥：请恢复彼此对应的密钥环与 `master.key`。",
            )
        }
        RingOpenError::MasterMissing { path } => {
            let path = shown(path);
            told(Exit::Other, format!("there is no master key \"{path}\""), format!("缺少主密钥“{path}”"))
                .hint("Say where the keys are with --keys.", "请用 --keys 指明密钥目录。")
        }
        RingOpenError::MasterDamaged { path } => {
            let path = shown(path);
            told(Exit::Integrity, format!("the master key \"{path}\" is damaged"), format!("主密钥“{path}”已损坏"))
                .hint("Bring it back from where you keep it.", "请从另行保存处恢复。")
        }
        RingOpenError::MasterInside { path } => {
            let path = shown(path);
            let en = format!(
                "the keys \"{path}\" lie inside the data directory and would be backed up with what they protect"
            );
            told(Exit::Other, en, format!("密钥目录“{path}”位于数据目录之内，会与所保护的内容一同备份"))
                .hint("Name another place with --keys.", "请用 --keys 指定其他位置。")
        }
        RingOpenError::InUse { path } => {
            let path = shown(path);
            told(Exit::Other, format!("the key ring \"{path}\" is in use"), format!("密钥环“{path}”正被使用"))
                .hint("Stop the process that has it open.", "请先停止正在使用它的进程。")
        }
        RingOpenError::Io { path, .. } => {
            let path = shown(path);
            let en = format!("\"{path}\" of the key ring cannot be read or written");
            told(Exit::Other, en, format!("密钥环所需的“{path}”无法读写"))
        }
        RingOpenError::Write(_) => told(Exit::Other, "the key ring cannot be written", "密钥环无法写入"),
    }
}

/// What shows that a key ring is older than its ledger.
fn behind(behind: &Behind) -> (String, String) {
    let zh = match behind {
        Behind::Fewer { given, known } => format!("只给出过{given}个密钥，而已知有{known}个"),
        Behind::Lacks { index } => format!("缺少条目{index}所需的密钥"),
        Behind::Strayed { index } => format!("已将条目{index}所需的密钥另给他人"),
        Behind::Holds { person } => format!("仍含已删除人员“{person}”的密钥"),
    };
    (behind.to_string(), zh)
}

fn open(error: &OpenError) -> Told {
    let shown = |path: &PathBuf| path.display().to_string();
    match error {
        OpenError::Missing(path) => {
            let path = shown(path);
            told(Exit::NotAllowed, format!("there is no ledger in \"{path}\""), format!("目录“{path}”中没有账本")).hint(
                "`dossier init` founds one, `dossier demo` builds one to try.",
                "可用 `dossier init` 建立，或用 `dossier demo` 生成演示账本。",
            )
        }
        OpenError::Exists(path) => {
            let path = shown(path);
            told(Exit::Refused, format!("there is a ledger in \"{path}\" already"), format!("目录“{path}”中已有账本"))
                .hint(
                    "`dossier serve` serves it; another one is founded in another directory.",
                    "可用 `dossier serve` 启动该账本；新账本须建在其他目录。",
                )
        }
        OpenError::InUse(path) => {
            let path = shown(path);
            told(
                Exit::Other,
                format!("another process has the ledger in \"{path}\" open"),
                format!("目录“{path}”中的账本正被另一进程使用"),
            )
            .hint("Stop the server first, or ask it over HTTP instead.", "请先停止服务，或改用其HTTP接口。")
        }
        OpenError::Unrestored(path) => {
            let path = shown(path);
            told(
                Exit::Refused,
                format!("the restore into \"{path}\" is not finished"),
                format!("恢复到目录“{path}”尚未完成"),
            )
            .hint("Run the same `dossier restore` again.", "请再次运行同一 `dossier restore` 命令。")
        }
        OpenError::Format(path) => {
            let path = shown(path);
            told(
                Exit::Other,
                format!("directory \"{path}\" was written by another version of Dossier"),
                format!("目录“{path}”由其他版本的 Dossier 写成"),
            )
        }
        OpenError::Identity(path) => {
            let path = shown(path);
            told(Exit::Integrity, format!("\"{path}\" is not as it was written"), format!("“{path}”与原先写入的不符"))
                .hint(
                    "It holds the ledger's name and public key, as every backup does: bring it back from one.",
                    "其中是账本的来源标识与公钥，每份备份中都有：请从备份恢复此文件。",
                )
        }
        OpenError::SigningKey(path) => {
            let path = shown(path);
            told(
                Exit::Other,
                format!("the signing key in \"{path}\" is missing or belongs to another ledger"),
                format!("“{path}”中的签名密钥缺失或属于其他账本"),
            )
            .hint("Say where the keys are with --keys.", "请用 --keys 指明密钥目录。")
        }
        OpenError::Origin(origin) => {
            told(Exit::Usage, format!("\"{origin}\" cannot be an origin"), format!("“{origin}”不能作为账本来源标识"))
                .hint(
                    "Use a URL without scheme, spaces or plus signs, such as dossier.example.com/ledger.",
                    "须为不含协议、空格和加号的网址，如 dossier.example.com/ledger。",
                )
        }
        OpenError::Integrity(what) => told(
            Exit::Integrity,
            format!("acknowledged entries are missing or altered: {what}"),
            format!("已确认的条目缺失或被改动：{what}"),
        )
        .hint("Keep the directory as it is and bring back a backup beside it.", "请保留现场，并在他处恢复备份。"),
        OpenError::Fold(error) => told(
            Exit::Integrity,
            format!("the ledger holds an entry this program cannot take over: {error}"),
            format!("账本中有本程序无法接续的条目：{error}"),
        ),
        OpenError::Journal(_) if error.integrity() => told(
            Exit::Integrity,
            "acknowledged entries in the journal are missing or altered",
            "日志中已确认的条目缺失或被改动",
        )
        .hint("Keep the directory as it is and bring back a backup beside it.", "请保留现场，并在他处恢复备份。"),
        OpenError::Journal(_) => told(Exit::Other, "the journal does not open", "日志无法打开"),
        OpenError::Store(_) | OpenError::Follow(_) => {
            told(Exit::Other, "the store does not open and cannot be rebuilt", "存储无法打开，也无法重建")
        }
        OpenError::RingMissing(path) => {
            let path = shown(path);
            told(Exit::Integrity, format!("the key ring \"{path}\" is missing"), format!("缺少密钥环“{path}”")).hint(
                "Bring it back from a backup of this ledger; nothing was created.",
                "请从该账本的备份中恢复；未新建任何文件。",
            )
        }
        OpenError::Ring(error) => ring(error),
        OpenError::RingBehind(what) => {
            let (en, zh) = behind(what);
            let en = format!("the key ring is older than the ledger: {en}");
            told(Exit::Integrity, en, format!("密钥环比账本旧：{zh}"))
                .hint("Bring back the key ring that belongs to this ledger.", "请恢复与该账本对应的密钥环。")
        }
        OpenError::Policies(_) => told(Exit::Other, "the access policies do not parse", "访问策略无法解析"),
        OpenError::Io { path, .. } => {
            let path = shown(path);
            told(Exit::Other, format!("file \"{path}\" cannot be read or written"), format!("文件“{path}”无法读写"))
        }
    }
}

fn submit(error: &SubmitError) -> Told {
    match error {
        SubmitError::Refused { at, refusal } => {
            let (en, zh) = refused(refusal);
            told(exit_of(refusal), format!("proposal {}: {en}", at + 1), format!("第{}项：{zh}", at + 1))
        }
        SubmitError::NotFound => told(Exit::NotAllowed, "there is no such thing", "不存在"),
        SubmitError::BatchSize => told(Exit::Usage, "a batch has 1 to 1,000 proposals", "一批须为1至1000项"),
        SubmitError::Unwritable => Failure::Stopped.told(),
        SubmitError::ReadOnly => told(
            Exit::Refused,
            "the ledger was restored and is read-only: nothing is entered, and so no archive is shown",
            "账本系恢复而来，处于只读状态：不再记录，也不显示档案",
        )
        .hint(
            "`dossier restore --published` lets it go on, once it is shown to hold the last checkpoint that was published.",
            "确认其包含最近公布的封存点后，可用 `dossier restore --published` 继续使用。",
        ),
        SubmitError::Integrity { first_bad } => told(
            Exit::Integrity,
            format!("entry {first_bad} is not as it was entered; nothing is entered until the ledger is repaired"),
            format!("条目{first_bad}与记录时不符，修复前不再记录"),
        )
        .hint("`dossier verify` looks at everything.", "可用 `dossier verify` 核对全部内容。"),
        SubmitError::Store => told(Exit::Other, "the store cannot be read", "存储无法读取")
            .hint("`dossier rebuild` makes the views anew.", "可用 `dossier rebuild` 重建视图。"),
        SubmitError::Busy => {
            told(Exit::Other, "too much is going on at once", "系统繁忙").hint("Try again.", "请重试。")
        }
    }
}

fn view(error: &ViewError) -> Told {
    match error {
        ViewError::NotFound => {
            told(Exit::NotAllowed, "there is no such thing, or you may not know of it", "不存在或无权知悉")
        }
        ViewError::Denied(refusal) | ViewError::Refused(refusal) => {
            let (en, zh) = refused(refusal);
            told(exit_of(refusal), en, zh)
        }
        ViewError::Unwritable => Failure::Stopped.told(),
        ViewError::ReadOnly => submit(&SubmitError::ReadOnly),
        ViewError::Integrity { first_bad } => submit(&SubmitError::Integrity { first_bad: *first_bad }),
        ViewError::Content { document, hash, found } => {
            let (en, zh) = content(document, hash, *found);
            told(Exit::Integrity, en, zh).hint(
                "Put the file back from a backup, under this name in `documents/`.",
                "请从备份中恢复该文件，置于 `documents/` 中同名位置。",
            )
        }
        ViewError::Store => submit(&SubmitError::Store),
        ViewError::Busy => submit(&SubmitError::Busy),
    }
}

/// The words of a refusal with its code and rule.
pub fn refused(refusal: &Refusal) -> (String, String) {
    let (code, rule) = refusal.grounds();
    let grounds = if rule.is_empty() { code.as_str().to_owned() } else { format!("{} {rule}", code.as_str()) };
    let (en, zh) = refusal.words();
    (format!("{en} [{grounds}]"), format!("{zh}［{grounds}］"))
}

fn exit_of(refusal: &Refusal) -> Exit {
    match refusal.grounds().0 {
        Code::E_FORBIDDEN => Exit::NotAllowed,
        Code::E_SCHEMA
        | Code::E_REF
        | Code::E_CONFLICT
        | Code::E_STATE
        | Code::E_RULE
        | Code::E_SOD
        | Code::E_LATE
        | Code::E_POLICY => Exit::Refused,
    }
}

/// Says that the file of a document is not as it was filed.
fn content(document: &SubjectId, hash: &Hash, found: Found) -> (String, String) {
    let (en, zh) = match found {
        Found::Altered => ("altered", "内容已被更改"),
        Found::Missing | Found::Whole => ("missing", "内容缺失"),
    };
    (format!("the content of document \"{document}\" is {en}: {hash}"), format!("资料“{document}”{zh}：{hash}"))
}

fn verify(broken: &Broken) -> Told {
    match broken {
        Broken::Identity(error) => open(error),
        Broken::Altered { slot } => told(
            Exit::Integrity,
            format!(
                "\"{slot}\" is not the signed checkpoint that was written there; the entries are as they were entered"
            ),
            format!("“{slot}”不是原先写入的签名封存点；各条目均与原记录一致"),
        ),
        Broken::Unsigned { found } => told(
            Exit::Integrity,
            format!("{found} entries are there and no signed checkpoint: nobody can tell whether more were"),
            format!("账本有{found}条，却没有签名的封存点：无法判断其后是否曾有条目"),
        ),
        Broken::Bytes { index, reason } => told(
            Exit::Integrity,
            format!("entry {index} is the first that is not as it was entered: {reason}"),
            format!("条目{index}是首个与原记录不符的条目：{reason}"),
        ),
        Broken::Form { index } => told(
            Exit::Integrity,
            format!("entry {index} is not in canonical form: written again it would have other bytes"),
            format!("条目{index}不是规范形式：重新写出的字节与之不同"),
        ),
        Broken::Time { index } => told(
            Exit::Integrity,
            format!("entry {index} is recorded no later than the entry before it"),
            format!("条目{index}的记录时间不晚于前一条目"),
        ),
        Broken::Id { index } => told(
            Exit::Integrity,
            format!("entry {index} has the id of an entry before it"),
            format!("条目{index}的编号与之前的条目重复"),
        ),
        Broken::Link { index, stream } => told(
            Exit::Integrity,
            format!("entry {index} does not link to the entry before it in stream \"{stream}\""),
            format!("条目{index}未接续“{stream}”中的前一条目"),
        ),
        Broken::Root { size } => told(
            Exit::Integrity,
            format!("the first {size} entries have another root than was signed"),
            format!("前{size}条的树根与已签名的不同"),
        ),
        Broken::Missing { found, size } => told(
            Exit::Integrity,
            format!("the journal holds {found} entries, {size} were signed: entry {found} is the first missing"),
            format!("日志有{found}条，已签名的有{size}条：条目{found}起缺失"),
        ),
        Broken::Content { index, document, hash, found } => {
            let (en, zh) = content(document, hash, *found);
            told(Exit::Integrity, format!("entry {index}: {en}"), format!("条目{index}：{zh}"))
        }
        Broken::Io(_) => told(Exit::Other, "a file of the ledger cannot be read", "账本文件无法读取"),
    }
}

fn backup(error: &BackupError) -> Told {
    let shown = |path: &PathBuf| path.display().to_string();
    match error {
        BackupError::Open(error) => open(error),
        BackupError::Unsigned => told(
            Exit::Refused,
            "the ledger has not signed a checkpoint yet, so there is nothing to back up",
            "账本尚无签名的封存点，无可备份",
        )
        .hint("`dossier init` founds it.", "请先用 `dossier init` 建立。"),
        BackupError::Lagging { signed, entries } => told(
            Exit::Other,
            format!("the signed checkpoint covers {signed} entries, {entries} are there, and nobody signs another"),
            format!("签名的封存点覆盖{signed}条，而实有{entries}条，且无进程继续签名"),
        )
        .hint("Look at the server that has the ledger open.", "请检查正在使用该账本的服务。"),
        BackupError::Place(path) => {
            let path = shown(path);
            told(
                Exit::Refused,
                format!("\"{path}\" is no place for a backup: it lies in the data directory or holds the keys"),
                format!("“{path}”不能存放备份：位于数据目录之内，或含有密钥"),
            )
            .hint(
                "Keep backups on another disk, and the keys in neither.",
                "备份应存于其他磁盘；密钥不应与数据或备份放在一起。",
            )
        }
        BackupError::OtherLedger(path) => {
            let path = shown(path);
            told(
                Exit::Refused,
                format!("\"{path}\" holds a backup of another ledger"),
                format!("“{path}”中是另一账本的备份"),
            )
            .hint("Name another folder.", "请指定其他目录。")
        }
        BackupError::Ahead { path, entries, signed } => {
            let path = shown(path);
            told(
                Exit::Refused,
                format!("the backup in \"{path}\" holds {entries} entries, the ledger only {signed}"),
                format!("“{path}”中的备份有{entries}条，而账本仅{signed}条"),
            )
            .hint(
                "The ledger was restored from an older one: keep this backup, and name another folder.",
                "账本可能由更早的备份恢复：请保留此备份，并指定其他目录。",
            )
        }
        BackupError::Gone(path) => {
            let path = shown(path);
            told(Exit::NotAllowed, format!("no backup stands in \"{path}\" any more"), format!("“{path}”中已没有备份"))
        }
        BackupError::Format(path) => {
            let path = shown(path);
            told(
                Exit::Other,
                format!("what stands in \"{path}\" is no backup of this format"),
                format!("“{path}”中的内容不是本格式的备份"),
            )
        }
        BackupError::Restless => {
            told(Exit::Other, "the journal changes faster than it can be copied", "日志变动快于复制")
                .hint("Try again.", "请重试。")
        }
        BackupError::InUse(path) => {
            let path = shown(path);
            told(
                Exit::Other,
                format!("the backup in \"{path}\" is being written or read"),
                format!("“{path}”中的备份正被读写"),
            )
            .hint("Try again when it is done.", "请待其完成后重试。")
        }
        BackupError::Journal(_) | BackupError::Segment(_) if error.integrity() => told(
            Exit::Integrity,
            "the journal is not as it was written; the backup there was stands",
            "日志与原记录不符；原有备份保持不变",
        )
        .hint("`dossier verify` names the first bad entry.", "可用 `dossier verify` 查明首个异常条目。"),
        BackupError::Journal(_) | BackupError::Segment(_) => {
            told(Exit::Other, "the journal cannot be read", "日志无法读取")
        }
        BackupError::WrongMaster => told(
            Exit::Other,
            "the key ring was rewritten while it was copied, or another master key is given",
            "密钥环在复制期间被改写，或所给的主密钥不符",
        )
        .hint("Try again, or say where the keys are with --keys.", "请重试，或用 --keys 指明密钥目录。"),
        BackupError::Ring(error) => ring(error),
        BackupError::Unfaithful(path) => {
            let path = shown(path);
            told(
                Exit::Other,
                format!("file \"{path}\" does not read back as it was written"),
                format!("文件“{path}”读回的内容与写入不符"),
            )
            .hint("Do not trust this disk.", "该磁盘不可信赖。")
        }
        BackupError::Io { path, .. } => {
            let path = shown(path);
            told(Exit::Other, format!("file \"{path}\" cannot be read or written"), format!("文件“{path}”无法读写"))
        }
    }
}

fn restore(error: &RestoreError) -> Told {
    let shown = |path: &PathBuf| path.display().to_string();
    match error {
        RestoreError::Place(error) => backup(error),
        RestoreError::Missing(path) => {
            let path = shown(path);
            told(Exit::NotAllowed, format!("there is no backup in \"{path}\""), format!("目录“{path}”中没有备份"))
        }
        RestoreError::Exists(path) => {
            let path = shown(path);
            told(
                Exit::Refused,
                format!("directory \"{path}\" is not empty; nothing is overwritten"),
                format!("目录“{path}”不为空；不会覆盖任何内容"),
            )
            .hint("Name a fresh directory with --data.", "请用 --data 指定新目录。")
        }
        RestoreError::Open(error) => open(error),
        RestoreError::RingMissing => {
            told(Exit::Integrity, "the backup holds no key ring", "备份中没有密钥环")
                .hint("Without it nothing sealed can be read again; use another backup.", "缺少密钥环则密封内容无法读取；请改用其他备份。")
        }
        RestoreError::OtherRing => {
            told(Exit::Refused, "the key ring in the backup is another ledger's", "备份中的密钥环属于另一账本")
        }
        RestoreError::MasterMissing => {
            told(Exit::Refused, "there is no master key where the keys should be", "密钥目录中没有主密钥").hint(
                "Put master.key and signing.key into the directory of the keys first, or say where they are with --keys.",
                "请先将 master.key 与 signing.key 放入密钥目录，或用 --keys 指明位置。",
            )
        }
        RestoreError::WrongMaster => told(
            Exit::Refused,
            "the key ring in the backup is wrapped by another master key",
            "备份中的密钥环由另一主密钥加密",
        )
        .hint(
            "Each erasure makes a new master key: bring the newest. A ring from before an erasure opens no more, and is not meant to.",
            "每次删除都会更换主密钥：请使用最新的主密钥。删除之前的密钥环已无法打开，这正是删除的目的。",
        ),
        RestoreError::KeysInside => told(
            Exit::Refused,
            "the keys would lie inside the data directory",
            "密钥目录位于数据目录之内",
        )
        .hint("Name another directory with --keys.", "请用 --keys 指定其他目录。"),
        RestoreError::Ring(RingOpenError::Damaged { offset, .. }) => told(
            Exit::Integrity,
            format!("the key ring in the backup is damaged at byte {offset}"),
            format!("备份中的密钥环自第{offset}字节起已损坏"),
        )
        .hint("Use another backup.", "请改用其他备份。"),
        RestoreError::Ring(error) => ring(error),
        RestoreError::RingBehind(what) => {
            let (en, zh) = behind(what);
            // What was erased is not to come back; what is lacking is lost.
            let exit = if matches!(what, Behind::Holds { .. }) { Exit::Refused } else { Exit::Integrity };
            let en = format!("the key ring in the backup is older than the ledger: {en}");
            told(exit, en, format!("备份中的密钥环比账本旧：{zh}"))
        }
        RestoreError::Damaged { path } => told(
            Exit::Integrity,
            format!("\"{path}\" of the backup is missing or not as it was written"),
            format!("备份中的“{path}”缺失或与写入时不符"),
        )
        .hint("Use another backup.", "请改用其他备份。"),
        RestoreError::Broken(broken) => verify(broken),
        RestoreError::OtherSize { said, found } => told(
            Exit::Integrity,
            format!("the backup says that it holds {said} entries, it holds {found}"),
            format!("备份自称有{said}条，实有{found}条"),
        ),
        RestoreError::NotACheckpoint => told(
            Exit::Usage,
            "the file is no checkpoint signed by this ledger",
            "该文件不是本账本签名的封存点",
        )
        .hint(
            "Give the last one anybody has: from a monitor, from evidence, or `checkpoint.0` or `checkpoint.1` of the old directory.",
            "请提供最近的封存点：来自监督方、证据包，或原目录中的 checkpoint.0 或 checkpoint.1。",
        ),
        RestoreError::Fork { size } => told(
            Exit::Integrity,
            format!("a checkpoint of {size} entries was published with another root: this is not what was published"),
            format!("已公布的{size}条封存点的树根与此不同：内容与已公布的不一致"),
        ),
        RestoreError::Io { path, .. } => {
            let path = shown(path);
            told(Exit::Other, format!("file \"{path}\" cannot be read or written"), format!("文件“{path}”无法读写"))
        }
    }
}

fn mapping(error: &mapping::ParseError) -> Told {
    match error {
        mapping::ParseError::Syntax { file, line, message } => told(
            Exit::Usage,
            format!("mapping \"{file}\" line {line}: {message}"),
            format!("映射文件“{file}”第{line}行：{message}"),
        ),
        mapping::ParseError::Meaning { file, place, message } => told(
            Exit::Usage,
            format!("mapping \"{file}\", {place}: {message}"),
            format!("映射文件“{file}”，{place}：{message}"),
        ),
    }
}

fn table(error: &table::ReadError) -> Told {
    let zh = match error {
        table::ReadError::Unreadable { file, .. } => format!("文件“{file}”无法读取"),
        table::ReadError::TooLarge { file } => format!("文件“{file}”过大"),
        table::ReadError::Header { file, reason } => format!("文件“{file}”首行没有可读的表头：{reason}"),
        table::ReadError::DuplicateColumn { file, column } => format!("文件“{file}”有两列名为“{column}”"),
    };
    let missing =
        matches!(error, table::ReadError::Unreadable { source, .. } if source.kind() == io::ErrorKind::NotFound);
    if !missing {
        return told(Exit::Usage, error.to_string(), zh);
    }
    told(Exit::NotAllowed, error.to_string(), zh).hint(
        "Is it the right folder? It must hold every file the mapping names.",
        "目录是否正确？其中须有映射文件列出的全部文件。",
    )
}

fn plan(error: &PlanError) -> Told {
    let zh = match error {
        PlanError::UnknownFile { place, file } => format!("{place}引用了映射中未声明的文件“{file}”"),
        PlanError::UnknownColumn { place, file, column } => format!("{place}引用了文件“{file}”中没有的列“{column}”"),
        PlanError::NoFile { place, column } => format!("{place}引用了列“{column}”，但未读取任何文件"),
        PlanError::Shadowed { file, column } => format!("文件“{file}”已有列“{column}”，派生列须另行命名"),
        PlanError::Circular { file, column } => format!("文件“{file}”的派生列“{column}”依赖自身"),
    };
    told(Exit::Usage, error.to_string(), zh)
}

fn building(error: &demo::BuildError) -> Told {
    match error {
        demo::BuildError::Open(error) => open(error),
        demo::BuildError::Submit(error) => submit(error),
        demo::BuildError::Accounts(_) => told(Exit::Other, "the demo's sign-ins cannot be written", "演示账号无法写入"),
        demo::BuildError::File { path, .. } => told(
            Exit::Other,
            format!("file \"{}\" cannot be read or written", path.display()),
            format!("文件“{}”无法读写", path.display()),
        ),
        demo::BuildError::TooFew { least } => told(
            Exit::Usage,
            format!("so many customers need at least {least} events"),
            format!("此客户数量至少需要{least}个事件"),
        ),
    }
}

fn founding(problem: &FoundingProblem) -> Told {
    let (en, zh) = match problem {
        FoundingProblem::Syntax(reason) => {
            (format!("the founding file cannot be read: {reason}"), format!("建账文件无法解析：{reason}"))
        }
        FoundingProblem::NoOfficer(role) => {
            (format!("no officer holds the role \"{role}\""), format!("没有人员担任“{role}”"))
        }
        FoundingProblem::NoHead => {
            ("exactly one officer must be head of the first unit".into(), "首个部门须有且仅有一名负责人".into())
        }
        FoundingProblem::HeadNotGeneralManager => {
            ("the head of the first unit must be the general manager".into(), "首个部门负责人须为总经理".into())
        }
        FoundingProblem::OfficerTwice(id) => {
            (format!("officer \"{id}\" stands there twice"), format!("人员“{id}”重复"))
        }
        FoundingProblem::NoSuchRole(key) => (format!("there is no role \"{key}\""), format!("没有角色“{key}”")),
    };
    told(Exit::Usage, en, zh)
        .hint("tools/import/northwind-init.toml is an example.", "可参考 tools/import/northwind-init.toml。")
}

macro_rules! from {
    ($($source:ty => $variant:ident;)*) => {
        $(impl From<$source> for Failure {
            fn from(error: $source) -> Self {
                Self::$variant(error)
            }
        })*
    };
}

impl From<accounts::OpenError> for Failure {
    fn from(error: accounts::OpenError) -> Self {
        Self::Accounts(error.into())
    }
}

from! {
    OpenError => Open;
    SubmitError => Submit;
    ViewError => View;
    Broken => Verify;
    BackupError => Backup;
    RestoreError => Restore;
    mapping::ParseError => Mapping;
    table::ReadError => Table;
    PlanError => Plan;
    accounts::ChangeError => Accounts;
    demo::BuildError => Demo;
    FoundingProblem => Founding;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_exits_with_1_and_a_prohibition_with_3() {
        let refusal = crate::domain::common::Refusal::Future.into();
        assert_eq!(Failure::Submit(SubmitError::Refused { at: 0, refusal }).told().exit, Exit::Refused);
        let refusal = crate::domain::common::Refusal::Forbidden { rule: "R-052".into() }.into();
        assert_eq!(Failure::Submit(SubmitError::Refused { at: 0, refusal }).told().exit, Exit::NotAllowed);
    }

    #[test]
    fn damage_exits_with_4_and_a_ledger_in_use_with_5() {
        let exit = |failure: Failure| failure.told().exit;
        assert_eq!(exit(Failure::Verify(Broken::Root { size: 7 })), Exit::Integrity);
        assert_eq!(exit(Failure::Open(OpenError::Integrity("cut".into()))), Exit::Integrity);
        assert_eq!(exit(Failure::Open(OpenError::InUse("d".into()))), Exit::Other);
        assert_eq!(exit(Failure::Open(OpenError::Missing("d".into()))), Exit::NotAllowed);
    }

    #[test]
    fn every_problem_of_a_payload_is_told_in_the_language_asked_for() {
        let refusal = Refusal::field("/name", "is required", "必填");
        let failure = Failure::Submit(SubmitError::Refused { at: 2, refusal });
        let english = failure.text(Language::English);
        assert!(english.contains("proposal 3") && english.contains("/name: is required"), "{english}");
        let chinese = failure.text(Language::Chinese);
        assert!(chinese.contains("第3项") && chinese.contains("/name: 必填"), "{chinese}");
    }

    #[test]
    fn what_the_system_says_is_told_in_chinese_too() {
        let failure = Failure::file(Path::new("a.csv"))(io::ErrorKind::NotFound.into());
        assert_eq!(failure.told().exit, Exit::NotAllowed);
        assert_eq!(failure.text(Language::Chinese), "错误：文件“a.csv”无法读写\n  文件或目录不存在\n");
    }

    #[test]
    fn a_dry_run_never_says_that_anything_stands() {
        let text = |failure: &Failure, language| failure.text(language);
        let (run, dry) = (Failure::RowsRefused(2), Failure::RowsWouldBeRefused(2));
        assert!(text(&run, Language::English).contains("the others stand"));
        assert!(text(&run, Language::Chinese).contains("其余均已记录"));
        assert!(text(&dry, Language::English).contains("2 row(s) would be refused; nothing was entered"));
        assert!(text(&dry, Language::Chinese).contains("2行将被拒绝；试运行未作任何记录"));
        assert_eq!((run.told().exit, dry.told().exit), (Exit::Refused, Exit::Refused));
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        let text = Failure::NoSuchView("\u{1b}[2Jx".into()).text(Language::English);
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
}
