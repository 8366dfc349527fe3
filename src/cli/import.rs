//! `dossier import`: proposes what a mapping makes of a folder of CSV files, or shows what would become of it.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::access::principal::{Language, Principal};
use crate::cli::error::{Failure, refused};
use crate::cli::progress::Progress;
use crate::cli::{Place, output};
use crate::domain::{Refusal, common};
use crate::ids::{self, EntryId};
use crate::import::mapping::Mapping;
use crate::import::plan::plan;
use crate::import::table::Tables;
use crate::import::{Planned, Step};
use crate::ledger::{Home, Ledger, OpenError, Proposal, SubmitError};

/// Import a folder of CSV files as a mapping file says: every row is proposed by whom the mapping names, under the rules.
///
/// Each row is told as create, unchanged or refused, with file, line and reason. Ids derive from file, row and content:
/// running again adds nothing, and an interrupted run is finished by running it again. `--dry-run` runs the very same on
/// a copy of the data directory and its keys made beside it, which is deleted afterwards; it needs the room for that.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// The mapping file.
    #[arg(long, value_name = "FILE.toml")]
    map: PathBuf,
    /// Show what a run would do, and leave the ledger as it is.
    #[arg(long)]
    dry_run: bool,
    /// Leave out the rows that are created or unchanged.
    #[arg(long)]
    summary: bool,
    /// The folder of the files.
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

/// Imports the folder, or rehearses it on a copy.
pub(super) async fn run(arguments: Arguments, language: Language) -> Result<(), Failure> {
    let text = fs::read_to_string(&arguments.map).map_err(Failure::file(&arguments.map))?;
    // The name alone: ids must not depend on from where the mapping is run.
    let name = arguments.map.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mapping = Mapping::parse(&name, &text)?;
    let tables = Tables::read(&mapping, &arguments.folder)?;
    let rehearsal = if arguments.dry_run { Some(Rehearsal::of(&arguments.place.home())?) } else { None };
    let ledger = match &rehearsal {
        Some(rehearsal) => Place { data: rehearsal.home().data, keys: Some(rehearsal.home().keys) }.open()?,
        None => arguments.place.open()?,
    };
    let imported = import(&ledger, &mapping, &tables, arguments.summary, language).await;
    ledger.close();
    drop(rehearsal);
    let counts = imported?;
    output::write(counts.table(language).as_bytes())?;
    if arguments.dry_run {
        output::line(language.choose(("a dry run: the ledger is as it was", "试运行：账本未改动")))?;
    }
    match counts.total(Outcome::REFUSED) {
        0 => Ok(()),
        rows if arguments.dry_run => Err(Failure::RowsWouldBeRefused(rows)),
        rows => Err(Failure::RowsRefused(rows)),
    }
}

async fn import(
    ledger: &Ledger,
    mapping: &Mapping,
    tables: &Tables,
    summary: bool,
    language: Language,
) -> Result<Counts, Failure> {
    ledger.adopt_policies().await?;
    let planner = plan(mapping, tables, ledger.state().world.ledger.zone)?;
    let steps = u64::try_from(planner.steps_left_max()).unwrap_or(0);
    let mut run = Run {
        ledger,
        language,
        // As much of the name as a correlation may have.
        correlation: format!("import {}", mapping.file).chars().filter(|c| !c.is_control()).take(80).collect(),
        summary,
        counts: Counts::default(),
        progress: Progress::of(steps),
        done: 0,
    };
    let mut batch = Batch::default();
    for step in planner {
        match step {
            Step::Planned(planned) => {
                if !batch.takes(&planned) {
                    run.submit(std::mem::take(&mut batch)).await?;
                }
                batch.push(planned);
            }
            Step::Rejected(row) => {
                let outcome = Outcome::Refused(row.reason_en, row.reason_zh);
                run.tell(&row.file, row.line, language.choose(("row", "行")), &outcome)?;
            }
        }
    }
    run.submit(batch).await?;
    run.progress.end();
    Ok(run.counts)
}

/// Consecutive proposals of one person under one role, with one approver.
#[derive(Default)]
struct Batch {
    rows: Vec<Planned>,
    bytes: usize,
}

impl Batch {
    fn takes(&self, next: &Planned) -> bool {
        let same = self.rows.first().is_none_or(|first| {
            (&first.actor, &first.role, &first.approve_as) == (&next.actor, &next.role, &next.approve_as)
        });
        same && self.rows.len() < BATCH_ROWS_MAX && self.bytes < BATCH_BYTES_MAX
    }

    fn push(&mut self, row: Planned) {
        self.bytes += row.data.to_string().len();
        self.rows.push(row);
    }
}

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Created,
    Unchanged,
    Refused(String, String),
}

impl Outcome {
    const REFUSED: usize = 2;

    fn column(&self) -> usize {
        match self {
            Self::Created => 0,
            Self::Unchanged => 1,
            Self::Refused(..) => Self::REFUSED,
        }
    }

    fn word(&self, language: Language) -> &'static str {
        match self {
            Self::Created => language.choose(("create", "新建")),
            Self::Unchanged => language.choose(("unchanged", "不变")),
            Self::Refused(..) => language.choose(("refused", "拒绝")),
        }
    }
}

impl From<&Refusal> for Outcome {
    fn from(refusal: &Refusal) -> Self {
        let (mut en, mut zh) = refused(refusal);
        if let Refusal::Schema(problems) = refusal {
            for problem in problems {
                en.push_str(&format!("; {}: {}", problem.pointer, problem.en));
                zh.push_str(&format!("；{}：{}", problem.pointer, problem.zh));
            }
        }
        Self::Refused(en, zh)
    }
}

/// How many rows came to what, by event type.
#[derive(Debug, Default)]
struct Counts {
    kinds: BTreeMap<String, [u64; 3]>,
}

impl Counts {
    fn add(&mut self, kind: &str, outcome: &Outcome) {
        let counts = self.kinds.entry(kind.to_owned()).or_default();
        if let Some(count) = counts.get_mut(outcome.column()) {
            *count += 1;
        }
    }

    fn total(&self, column: usize) -> u64 {
        self.kinds.values().filter_map(|counts| counts.get(column)).sum()
    }

    fn table(&self, language: Language) -> String {
        let header = language.choose((["type", "create", "unchanged", "refused"], ["类型", "新建", "不变", "拒绝"]));
        let row = |kind: &str, counts: [u64; 3]| {
            std::iter::once(kind.to_owned()).chain(counts.map(|count| count.to_string())).collect::<Vec<_>>()
        };
        let mut rows = vec![header.map(str::to_owned).to_vec()];
        rows.extend(self.kinds.iter().map(|(kind, counts)| row(kind, *counts)));
        rows.push(row(language.choose(("total", "合计")), [0, 1, 2].map(|column| self.total(column))));
        output::columns(&rows)
    }
}

/// An import under way.
struct Run<'a> {
    ledger: &'a Ledger,
    language: Language,
    correlation: String,
    summary: bool,
    counts: Counts,
    progress: Progress,
    done: u64,
}

impl Run<'_> {
    async fn submit(&mut self, batch: Batch) -> Result<(), Failure> {
        let Some(first) = batch.rows.first() else { return Ok(()) };
        let outcomes = match principal(first.actor.as_deref(), first.role.as_deref(), self.language) {
            None => vec![nobody(); batch.rows.len()],
            Some(principal) => {
                let proposals: Vec<Proposal> = batch.rows.iter().map(|row| self.proposal(row)).collect();
                let entered = self.enter(&principal, &proposals).await?;
                self.approve(first.approve_as.as_deref(), &proposals, entered).await?
            }
        };
        for (row, outcome) in batch.rows.iter().zip(outcomes) {
            self.tell(&row.file, row.line, &row.kind, &outcome)?;
        }
        Ok(())
    }

    fn proposal(&self, row: &Planned) -> Proposal {
        Proposal {
            kind: row.kind.clone(),
            subject: row.subject.clone(),
            id: Some(row.id.clone()),
            occurredat: row.occurred_at.clone(),
            latereason: row.late_reason.clone(),
            correlation: Some(self.correlation.clone()),
            file: None,
            expected: Vec::new(),
            data: row.data.clone(),
        }
    }

    /// Proposes in as few batches as the rules allow: a refused row is set aside, the others stand.
    async fn enter(&self, principal: &Principal, proposals: &[Proposal]) -> Result<Vec<Outcome>, Failure> {
        let mut outcomes = vec![Outcome::Unchanged; proposals.len()];
        let mut open: Vec<Range<usize>> = std::iter::once(0..proposals.len()).collect();
        while let Some(range) = open.pop() {
            let Some(batch) = proposals.get(range.clone()).filter(|batch| !batch.is_empty()) else { continue };
            let before = self.ledger.state().size;
            let mut set = |at: usize, outcome: Outcome| {
                if let Some(place) = outcomes.get_mut(at) {
                    *place = outcome;
                }
            };
            match self.ledger.submit(principal, batch.to_vec()).await {
                Ok(receipts) => {
                    let created = receipts.first().is_some_and(|receipt| receipt.index >= before);
                    let outcome = if created { Outcome::Created } else { Outcome::Unchanged };
                    range.for_each(|at| set(at, outcome.clone()));
                }
                // Some of the batch was entered by a run that was cut short: find out which.
                Err(
                    SubmitError::Refused { refusal: Refusal::Common(common::Refusal::IdTaken), .. }
                    | SubmitError::NotFound,
                ) if batch.len() > 1 => {
                    let middle = range.start + batch.len() / 2;
                    open.extend([middle..range.end, range.start..middle]);
                }
                Err(SubmitError::Refused { at, refusal }) => {
                    let at = range.start + at;
                    set(at, Outcome::from(&refusal));
                    open.extend([at + 1..range.end, range.start..at]);
                }
                Err(SubmitError::NotFound) => set(range.start, nobody()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(outcomes)
    }

    /// Gives the approvals the mapping says are given, for rows that were not refused.
    async fn approve(
        &self,
        approver: Option<&str>,
        proposals: &[Proposal],
        mut outcomes: Vec<Outcome>,
    ) -> Result<Vec<Outcome>, Failure> {
        let Some(approver) = approver else { return Ok(outcomes) };
        let Some(approver) = principal(Some(approver), None, self.language) else { return Ok(outcomes) };
        let mut places = Vec::new();
        let mut approvals = Vec::new();
        for (place, (proposal, outcome)) in proposals.iter().zip(&outcomes).enumerate() {
            let id = proposal.id.as_deref().and_then(|id| id.parse::<EntryId>().ok());
            if let (Some(id), Outcome::Created | Outcome::Unchanged) = (id, outcome) {
                places.push(place);
                approvals.push(Proposal {
                    kind: "approval.given".into(),
                    id: Some(ids::derived(&id, "approval.given").to_string()),
                    correlation: Some(self.correlation.clone()),
                    data: json!({ "request_id": ids::issued(&id) }),
                    ..Proposal::default()
                });
            }
        }
        for (place, approval) in places.into_iter().zip(self.enter(&approver, &approvals).await?) {
            if let (Some(outcome), Outcome::Created | Outcome::Refused(..)) = (outcomes.get_mut(place), &approval) {
                *outcome = approval;
            }
        }
        Ok(outcomes)
    }

    fn tell(&mut self, file: &str, line: u64, kind: &str, outcome: &Outcome) -> Result<(), Failure> {
        self.counts.add(kind, outcome);
        self.done += 1;
        self.progress.at(self.done);
        if self.summary && outcome.column() != Outcome::REFUSED {
            return Ok(());
        }
        let reason = match outcome {
            Outcome::Created | Outcome::Unchanged => String::new(),
            Outcome::Refused(en, zh) => format!("  {}", self.language.choose((en, zh))),
        };
        let text = format!("{:<9}  {file}:{line}  {kind}{reason}", outcome.word(self.language));
        self.progress.aside(|| output::line(&text))
    }
}

fn principal(actor: Option<&str>, role: Option<&str>, language: Language) -> Option<Principal> {
    let role = match role {
        Some(key) => Some(key.parse().ok()?),
        None => None,
    };
    Some(Principal { role, language, ..Principal::new(actor?.parse().ok()?) })
}

fn nobody() -> Outcome {
    Outcome::Refused(
        "there is nobody of that id and role, or they may not know what it is about".into(),
        "没有此人或此角色，或其无权知悉所涉对象".into(),
    )
}

/// A copy of a ledger on which an import is tried out; it is deleted when it is dropped.
struct Rehearsal {
    root: PathBuf,
}

impl Rehearsal {
    fn of(home: &Home) -> Result<Self, Failure> {
        let lock = home.data.join("lock");
        let Ok(held) = File::open(&lock) else { return Err(OpenError::Missing(home.data.clone()).into()) };
        // What another process is writing cannot be copied whole.
        match held.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(OpenError::InUse(home.data.clone()).into()),
            Err(fs::TryLockError::Error(source)) => return Err(Failure::File { path: lock, source }),
        }
        let mut root = home.data.as_os_str().to_owned();
        root.push(format!(".rehearsal-{}", std::process::id()));
        let rehearsal = Self { root: root.into() };
        copy(&home.data, &rehearsal.home().data)?;
        copy(&home.keys, &rehearsal.home().keys)?;
        Ok(rehearsal)
    }

    fn home(&self) -> Home {
        Home { data: self.root.join("data"), keys: self.root.join("keys") }
    }
}

impl Drop for Rehearsal {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.root) {
            tracing::warn!(directory = %self.root.display(), %error, "the copy of the dry run could not be deleted");
        }
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    DirBuilder::new().recursive(true).mode(0o700).create(to).map_err(Failure::file(to))?;
    for file in fs::read_dir(from).map_err(Failure::file(from))? {
        let file = file.map_err(Failure::file(from))?;
        let (path, target) = (file.path(), to.join(file.file_name()));
        if file.file_type().map_err(Failure::file(&path))?.is_dir() {
            copy(&path, &target)?;
        } else {
            fs::copy(&path, &target).map_err(Failure::file(&path))?;
        }
    }
    Ok(())
}

const BATCH_ROWS_MAX: usize = 500;

/// Keeps a batch, which never straddles blocks, within one.
const BATCH_BYTES_MAX: usize = 192 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn row(actor: &str, approve_as: Option<&str>) -> Planned {
        Planned {
            id: "import-1".into(),
            kind: "sale.recorded".into(),
            subject: None,
            data: json!({}),
            occurred_at: None,
            late_reason: None,
            role: Some("commerce".into()),
            actor: Some(actor.into()),
            approve_as: approve_as.map(str::to_owned),
            file: "a.csv".into(),
            line: 2,
        }
    }

    #[test]
    fn a_batch_is_of_one_person_and_bounded() {
        let mut batch = Batch::default();
        assert!(batch.takes(&row("E-1", None)));
        batch.push(row("E-1", None));
        assert!(batch.takes(&row("E-1", None)));
        assert!(!batch.takes(&row("E-2", None)) && !batch.takes(&row("E-1", Some("E-2"))));
        while batch.rows.len() < BATCH_ROWS_MAX {
            batch.push(row("E-1", None));
        }
        assert!(!batch.takes(&row("E-1", None)));
    }

    #[test]
    fn the_summary_counts_by_type_and_in_total() {
        let mut counts = Counts::default();
        counts.add("b.b", &Outcome::Created);
        counts.add("a.a", &Outcome::Unchanged);
        counts.add("b.b", &Outcome::Refused(String::new(), String::new()));
        assert_eq!(
            counts.table(Language::English),
            "type   create  unchanged  refused\na.a    0       1          0\nb.b    1       0          1\ntotal  1       1          1\n"
        );
    }

    #[test]
    fn a_refused_row_says_code_rule_and_every_problem() {
        let outcome = Outcome::from(&Refusal::field("/name", "is required", "必填"));
        let Outcome::Refused(en, zh) = outcome else { panic!("{outcome:?}") };
        assert!(en.contains("E_SCHEMA") && en.contains("/name: is required"), "{en}");
        assert!(zh.contains("/name：必填"), "{zh}");
    }
}
