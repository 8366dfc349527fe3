//! The ledger's own events: its founding, its checkpoints, verifications and the clock.

use serde::{Deserialize, Serialize};

use crate::clock::{Timestamp, Zone};
use crate::domain::catalog::{Count, Str, Text, choices, events, refusals};
use crate::domain::history::{Live, Part};
use crate::domain::{self, About, Actor, Admission, Context, Fact, World, common};
use crate::entry::Hash;
use crate::ids::{StreamName, SubjectId};

choices! {
    /// What a verification found.
    Verdict {
        Intact "intact" "完好" "Intact",
        Broken "broken" "损坏" "Broken",
    }
}

events! {
    /// The ledger is founded; always its first entry.
    Initialized "ledger.initialized" "账本初始化" "Ledger initialized" by system {
        /// The ledger's short name.
        ledger_id: SubjectId, C8, "账本标识", "Ledger id";
        /// The company.
        company: Str<1, 120>, C0, "公司名称", "Company";
        /// The zone of business dates.
        zone: Str<1, 40>, C8, "时区", "Time zone";
    }
    /// Size and root are noted for the auditor's file.
    Checkpointed "ledger.checkpointed" "账本封存点" "Ledger checkpointed" by system {
        /// How many entries the root covers.
        size: Count, C8, "条数", "Size";
        /// The root of the Merkle tree over them.
        root: Hash, C8, "默克尔根", "Root";
    }
    /// Somebody has the ledger verified.
    Verified "ledger.verified" "账本校验" "Ledger verified" {
        /// The first index verified.
        from_position: Count, C8, "起序号", "From index";
        /// The last index verified.
        to_position: Count, C8, "止序号", "To index";
        /// What was found.
        result: Option<Verdict>, C8, "结果", "Result", computed;
        /// The first index that is not as it was entered.
        first_bad: Option<Count>, C8, "首个异常序号", "First bad index", computed;
        /// The hash of the last entry verified.
        head_hash: Option<Hash>, C8, "链尾哈希", "Head hash", computed;
        /// Why it was verified.
        reason: Option<Text>, C8, "校验原因", "Reason";
    }
    /// An operator accepts the clock after it leapt.
    ClockAccepted "clock.accepted" "时钟确认" "Clock accepted" {
        /// Why the clock is right.
        reason: Text, C8, "原因", "Reason";
    }
}

/// What is known of the ledger itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// The company; empty before the founding.
    pub company: String,
    /// The zone of business dates.
    pub zone: Zone,
    /// Whether the ledger is founded.
    pub initialized: bool,
    /// When it was founded: what was to be done before is not asked for.
    pub founded_at: Timestamp,
    /// Whether somebody other than the system has entered anything: then the founding is over.
    pub opened: bool,
    /// The size last noted by a checkpoint entry.
    pub noted_size: u64,
    /// When it was noted.
    pub noted_at: Timestamp,
}

refusals! {
    /// The ledger exists.
    AlreadyInitialized => E_STATE "R-022", "the ledger is founded already", "账本已初始化";
    /// No such zone.
    NoSuchZone => E_SCHEMA "" at "/zone", "zone must be an IANA time zone such as Asia/Shanghai", "时区须为IANA名称，如Asia/Shanghai";
    /// The checkpoint does not grow or is not the ledger's.
    NotGrowing => E_STATE "R-004", "the checkpoint does not grow", "封存点条数未增长";
    /// The range is empty or beyond the end.
    BadRange => E_RULE "R-002" at "/to_position", "the range is empty or beyond the last entry", "校验范围为空或超出末条";
    /// The clock is fine.
    NoLeap => E_STATE "R-023", "the clock has not leapt", "时钟未发生跳变";
}

/// Says which stream the event belongs to.
pub(super) fn about(_: &World, _: &Event, _: Option<&StreamName>) -> Result<About, domain::Refusal> {
    Ok(About::subject(StreamName::single("ledger")))
}

/// Decides on the ledger as it is.
pub(super) fn admit(world: &World, context: &Context<'_>, event: Event) -> Result<Vec<Admission>, domain::Refusal> {
    let state = &world.ledger;
    match &event {
        Event::Initialized(initialized) => {
            if state.initialized {
                return Err(Refusal::AlreadyInitialized.into());
            }
            if initialized.zone.0.parse::<Zone>().is_err() {
                return Err(Refusal::NoSuchZone.into());
            }
        }
        Event::Checkpointed(checkpointed) => {
            if *context.actor != Actor::System {
                return Err(common::Refusal::SystemOnly.into());
            }
            if u64::try_from(checkpointed.size.0).unwrap_or(0) <= state.noted_size {
                return Err(Refusal::NotGrowing.into());
            }
        }
        Event::Verified(verified) => {
            let Some(found) = &context.fetched.verification else { return Err(Refusal::BadRange.into()) };
            let supplied = (verified.result, verified.first_bad, verified.head_hash);
            return Ok(vec![Admission::of(
                Event::Verified(Verified {
                    result: domain::computed("result", supplied.0, found.result)?,
                    first_bad: domain::computed("first_bad", supplied.1, found.first_bad)?,
                    head_hash: domain::computed("head_hash", supplied.2, found.head_hash)?,
                    ..verified.clone()
                }),
                context,
            )]);
        }
        // Whether the clock leapt only the writer can tell; it refuses with `NoLeap` before asking here.
        Event::ClockAccepted(_) => {}
    }
    Ok(vec![Admission::of(event, context)])
}

/// Takes over the founding and the last checkpoint.
pub(super) fn evolve(state: &mut State, fact: &Fact<'_>, event: &Event) {
    match event {
        Event::Initialized(initialized) => {
            state.initialized = true;
            state.company.clone_from(&initialized.company.0);
            state.zone = initialized.zone.0.parse().unwrap_or_default();
            state.founded_at = fact.at;
            state.noted_at = fact.at;
        }
        Event::Checkpointed(checkpointed) => {
            state.noted_size = u64::try_from(checkpointed.size.0).unwrap_or(0);
            state.noted_at = fact.at;
        }
        Event::Verified(_) | Event::ClockAccepted(_) => {}
    }
}

/// Lets go of nothing: nothing of it can be corrected.
pub(super) fn forget(_: &mut State, _: &Part, _: &[Live]) {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::testing::{Given, Proposed, event, founded, given};
    use crate::domain::{Code, Verification};

    fn checkpoint(size: i64) -> Proposed {
        event("ledger.checkpointed", json!({ "size": size, "root": "ab".repeat(32) }))
    }

    fn verification() -> Proposed {
        event("ledger.verified", json!({ "from_position": 0, "to_position": 9 }))
    }

    fn verified(result: Verdict) -> Given {
        let mut given = given([]);
        given.fetched.verification =
            Some(Verification { result: Some(result), first_bad: None, head_hash: Some(Hash([7; 32])) });
        given
    }

    #[test]
    fn a_ledger_is_founded_once() {
        let given = Given::nothing().when("system", founded()).then(["ledger.initialized"]);
        given.when("system", founded()).then_refused(Code::E_STATE, "R-022");
    }

    #[test]
    fn a_ledger_is_founded_in_a_zone_that_exists() {
        let given = Given::nothing();
        given.when("system", founded().with("zone", "Asia/Nowhere")).then_refused(Code::E_SCHEMA, "");
        let given = given.and("system", founded().with("zone", "Europe/Berlin"));
        assert_eq!(given.world.ledger.zone.name(), "Europe/Berlin");
    }

    #[test]
    fn checkpoints_grow_and_only_the_system_notes_them() {
        let given = given([("system", checkpoint(10))]);
        given.when("E-901", checkpoint(20)).then_refused(Code::E_FORBIDDEN, "R-023");
        for size in [0, 9, 10] {
            given.when("system", checkpoint(size)).then_refused(Code::E_STATE, "R-004");
        }
        assert_eq!(given.and("system", checkpoint(11)).world.ledger.noted_size, 11);
    }

    #[test]
    fn what_a_verification_found_is_computed_and_cannot_be_claimed() {
        let intact = verified(Verdict::Intact);
        let data = intact.when("E-901", verification()).data();
        assert_eq!((&data["result"], &data["head_hash"]), (&json!("intact"), &json!(Hash([7; 32]))));
        intact.when("E-901", verification().with("result", "intact")).then(["ledger.verified"]);
        let claim = verification().with("result", "intact");
        verified(Verdict::Broken).when("E-901", claim).then_refused(Code::E_RULE, "R-042");
        let claim = verification().with("head_hash", "00".repeat(32));
        intact.when("E-901", claim).then_refused(Code::E_RULE, "R-042");
        intact.when("E-901", verification().with("first_bad", 3)).then_refused(Code::E_RULE, "R-042");
    }

    #[test]
    fn a_range_beyond_the_ledger_is_not_verified() {
        given([]).when("E-901", verification()).then_refused(Code::E_RULE, "R-002");
    }
}
