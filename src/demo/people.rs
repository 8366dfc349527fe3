//! The demo's key persons: whom one talks to at a customer, what they agreed to, and how they stand to the company.

use serde_json::json;

use crate::clock::Clock as _;
use crate::demo::years::{Years, set};
use crate::ledger::Proposal;

/// Positions in English and in Chinese, and what their holder is for the customer.
const POSITIONS: [(&str, &str, &str); 6] = [
    ("Head of purchasing", "采购部长", "handler"),
    ("Plant manager", "厂长", "principal"),
    ("Managing director", "总经理", "executive"),
    ("Chief engineer", "总工程师", "technical_head"),
    ("Buyer", "采购员", "contact"),
    ("Head of maintenance", "设备主管", "user"),
];
/// Whom one talks to at a firm that serves the company.
const ADVISER: (&str, &str, &str) = ("Adviser", "顾问", "contact");
const HOBBIES: [(&str, &str); 4] =
    [("Chess", "象棋"), ("Calligraphy", "书法"), ("Mountain walks", "登山"), ("Opera", "戏曲")];

impl Years<'_> {
    /// Introduces the people of a customer whose archive was just opened; an individual has none.
    pub(super) fn introduce(&mut self, place: usize, batch: &mut Vec<Proposal>) {
        let Some(client) = self.clients.get(place).filter(|client| !client.individual).cloned() else { return };
        let owner = self.keepers.get(client.keeper).map(|keeper| keeper.person.id).unwrap_or_default();
        let people = if client.weight == "main" { 2 } else { 1 };
        for number in 1..=people {
            let id = format!("{}-P{number}", client.id);
            let subject = format!("person/{id}");
            let at = self.dice.place(POSITIONS.len());
            let (english, chinese, function) = match client.service {
                Some(_) => ADVISER,
                None => POSITIONS.get(at).copied().unwrap_or_default(),
            };
            let telephone = (place + 1) * 10 + number;
            let data = json!({
                "person_id": id,
                "customer_id": client.id,
                "name": format!("{} {telephone}", self.dice.word(&["Ba", "Do", "Ki", "Nu", "So"])),
                "position": if client.chinese { chinese } else { english },
                "function": function,
                "office_phone": format!("000-7{telephone:07}"),
                "email": format!("p{telephone:06}@customer.example"),
            });
            batch.push(self.proposal("person.recorded", None, data));
            let agreed = self.dice.percent(40);
            let said = json!({
                "purpose": "relationship_care",
                "status": if agreed { "given" } else { "refused" },
                "method": self.dice.word(&["written", "oral", "electronic"]),
            });
            batch.push(self.proposal("consent.recorded", Some(subject.clone()), said));
            if agreed {
                let hobby = self.dice.place(HOBBIES.len());
                let (english, chinese) = HOBBIES.get(hobby).copied().unwrap_or_default();
                let age = self.dice.between(28, 60);
                let born = self.zone.date(self.clock.now()).year() - i32::try_from(age).unwrap_or(40);
                let mut changes = json!({
                    "hobbies": if client.chinese { chinese } else { english },
                    "age": age,
                    "birthday": format!("{born}-{:02}-{:02}", place % 12 + 1, place % 28 + 1),
                });
                if client.weight == "main" {
                    let label = if client.chinese { "厂庆" } else { "Day the works were founded" };
                    let founded = format!("{}-{:02}-{:02}", 1980 + place % 30, place % 11 + 2, place % 25 + 3);
                    set(&mut changes, "important_dates", Some(json!([{ "label": label, "date": founded }])));
                }
                let data = json!({ "changes": changes, "learned_at": self.clock.now() });
                batch.push(self.proposal("person.updated", Some(subject.clone()), data));
            }
            if client.weight == "main" {
                let mut data = json!({
                    "our_person": owner,
                    "our_title": if client.chinese { "客户经理" } else { "Account manager" },
                    "decision_role": if client.chinese { "参与采购决策" } else { "Has a say in purchases" },
                    "decision_power_percent": self.dice.between(2, 7) * 10,
                    "attitude": self.dice.word(&["positive", "positive", "neutral", "negative"]),
                });
                if agreed {
                    set(&mut data, "concerns", Some(if client.chinese { "交货期" } else { "Delivery times" }.into()));
                }
                batch.push(self.proposal("relationship.assessed", Some(subject), data));
            }
        }
    }
}
