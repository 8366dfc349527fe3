//! The demo's mistakes put right: a figure typed wrong, a contact entered twice.

use serde_json::json;

use crate::demo::BuildError;
use crate::demo::years::Years;
use crate::domain::record::{CORRECTED, VOIDED};
use crate::ids::EntryId;

impl Years<'_> {
    /// Lets somebody put right a contact just entered; one on which nothing rests, `alone`, may be voided, and is returned then.
    pub(super) async fn put_right(
        &mut self,
        who: &str,
        made: &EntryId,
        alone: bool,
    ) -> Result<Option<EntryId>, BuildError> {
        if !alone || self.dice.percent(75) {
            let changes = json!([{ "path": "/minutes", "new": self.dice.between(95, 120) }]);
            let reason = "时长填写有误 The minutes were typed wrong";
            let data = json!({ "target_event": made, "changes": changes, "reason": reason });
            let correction = self.proposal(CORRECTED, None, data);
            self.enter(who, vec![correction]).await?;
            return Ok(None);
        }
        let reason = "同一次联系重复记录 The same contact was recorded twice";
        let data = json!({ "target_event": made, "reason": reason });
        let voiding = self.proposal(VOIDED, None, data);
        self.enter(who, vec![voiding]).await?;
        Ok(Some(made.clone()))
    }
}
