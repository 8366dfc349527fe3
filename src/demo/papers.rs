//! The demo's papers and signatures: scans filed for customers, cards signed step by step, copies acknowledged.

use serde_json::{Value, json};

use crate::access::principal::Principal;
use crate::clock::{Clock as _, Date};
use crate::demo::BuildError;
use crate::demo::company::REGIONS;
use crate::demo::years::{Years, leader, set};
use crate::domain::role::Role;
use crate::domain::signoff::Form;
use crate::ids::EntryId;
use crate::ledger::Proposal;

/// What is filed: kind, title in English and in Chinese, class.
const PAPERS: [(&str, &str, &str, &str); 5] = [
    ("company_profile", "Company profile", "企业概况", "C1"),
    ("product_catalogue", "Product catalogue", "产品目录", "C1"),
    (STATEMENT, "Yearly statement", "年度决算表", "C2"),
    ("contract_scan", "Supply contract, signed", "供货合同（签字扫描件）", "C2"),
    ("paper_archive", "Card of the old paper archive", "旧纸质档案卡", "C4"),
];

/// What a customer sends of each year.
const STATEMENT: &str = "financial_statement";

/// Who keeps the archives.
const ARCHIVIST: &str = "E-501";

/// Doubts a card is returned with.
const RETURNED: (&str, &str) = ("The address lacks the building; please add it.", "地址不全，请补充楼号。");

impl Years<'_> {
    /// Leaders sign the cards that wait for them, and the archivist acknowledges updates of the second copy.
    pub(super) async fn sign(&mut self, weekday: u32) -> Result<(), BuildError> {
        let most = usize::try_from(self.plan.customers / 150).unwrap_or(0).max(2);
        self.acknowledge(weekday).await?;
        self.note_visits().await?;
        match weekday {
            1 | 3 => {
                let (role, step) = if weekday == 1 { (Role::SalesManager, 1) } else { (Role::RegionalGm, 2) };
                for region in 0..REGIONS.len() {
                    let word = REGIONS.get(region).copied().unwrap_or_default();
                    self.sign_cards(leader(role, region), step, Some(word), most.div_ceil(2)).await?;
                }
                Ok(())
            }
            4 => self.sign_cards("E-801", 3, None, most).await,
            _ => Ok(()),
        }
    }

    /// The heads of department note every morning how the visits went of which nobody had told them; a few reports are left lying.
    async fn note_visits(&mut self) -> Result<(), BuildError> {
        let state = self.ledger.state();
        let now = self.clock.now();
        for region in 0..REGIONS.len() {
            let who = leader(Role::DepartmentHead, region);
            let Ok(head) = who.parse() else { continue };
            let open = state.world.signoff.open.iter().filter(|(id, round)| {
                round.form == Form::VisitReport
                    && !id.as_str().ends_with("501")
                    && round.waits_for(&state.world, &head, now)
            });
            let reports: Vec<EntryId> = open.map(|(id, _)| id.clone()).collect();
            let noted = reports.into_iter().map(|id| {
                let data = json!({ "subject_event": id, "step": 1, "purpose": "noted", "decision": "noted" });
                self.proposal("signoff.recorded", None, data)
            });
            let noted = noted.collect();
            self.enter(who, noted).await?;
        }
        Ok(())
    }

    async fn sign_cards(
        &mut self,
        who: &'static str,
        step: usize,
        region: Option<&str>,
        most: usize,
    ) -> Result<(), BuildError> {
        let state = self.ledger.state();
        let now = self.clock.now();
        let Ok(signer) = who.parse() else { return Ok(()) };
        let waiting: Vec<(EntryId, String)> = state
            .world
            .signoff
            .open
            .iter()
            .filter(|(_, round)| round.form == Form::Card && round.next() == step && !round.returned)
            .filter(|(_, round)| {
                let customer = round.customer.as_ref().and_then(|id| state.world.customer.customers.get(id));
                region.is_none_or(|region| customer.is_some_and(|customer| customer.region == region))
            })
            .filter(|(_, round)| round.waits_for(&state.world, &signer, now))
            .take(most)
            .map(|(id, round)| (id.clone(), round.customer.as_ref().map(ToString::to_string).unwrap_or_default()))
            .collect();
        let mut proposals = Vec::new();
        for (id, customer) in waiting {
            let purpose = if step == 3 { "approve" } else { "review" };
            let mut data = json!({ "subject_event": id, "step": step, "purpose": purpose, "decision": "approved" });
            if step == 2 && self.dice.percent(6) {
                let words = if self.speaks_chinese(&customer) { RETURNED.1 } else { RETURNED.0 };
                set(&mut data, "decision", Some("returned".into()));
                set(&mut data, "opinion", Some(words.into()));
            }
            proposals.push(self.proposal("signoff.recorded", None, data));
        }
        self.enter(who, proposals).await
    }

    /// The archivist has the updates of the second copy every morning; a few lie there until Monday.
    async fn acknowledge(&mut self, weekday: u32) -> Result<(), BuildError> {
        let state = self.ledger.state();
        let today = |id: &&EntryId| weekday == 0 || !id.as_str().ends_with("33");
        let waiting: Vec<EntryId> = state.world.signoff.updates.values().filter(today).cloned().collect();
        let mut proposals = Vec::new();
        for id in waiting {
            let data = json!({ "subject_event": id, "step": 1, "purpose": "copy_acknowledged", "decision": "noted" });
            proposals.push(self.proposal("signoff.recorded", None, data));
        }
        self.enter(ARCHIVIST, proposals).await
    }

    /// The archivist files the scan of a paper.
    pub(super) async fn file(&mut self, day: Date) -> Result<(), BuildError> {
        let client = self.dice.place(self.clients.len());
        let paper = self.dice.place(PAPERS.len());
        let (Some(client), Some((kind, english, chinese, class))) = (
            self.clients.get(client).filter(|client| client.open && client.service.is_none()).cloned(),
            PAPERS.get(paper).copied(),
        ) else {
            return Ok(());
        };
        let title = if client.chinese { chinese } else { english };
        // Statements are of the year before.
        let year = day.year() - i32::from(kind == STATEMENT);
        let file = match paper % 2 {
            0 => (
                "pdf",
                pdf(&[english, &format!("Customer {}, {day}", client.id), "An invented paper of an invented company."]),
            ),
            _ => ("png", png(self.dice.place(200))),
        };
        let filed = self.paper((kind, title, class), &client.id, year, file).await?;
        self.enter(ARCHIVIST, filed.into_iter().collect()).await
    }

    /// Until the end of April the archivist files the statements that customers send of the year before; a few never come.
    pub(super) async fn collect_statements(&mut self, day: Date) -> Result<(), BuildError> {
        let Some(last) = Date::new(day.year(), 4, 30).filter(|last| day <= *last) else { return Ok(()) };
        let due: Vec<String> = self
            .open_duties(7)
            .into_iter()
            .filter(|(id, _)| !id.as_str().ends_with("00"))
            .map(|(_, open)| open.object)
            .collect();
        let days = std::iter::successors(Some(day), |day| Some(day.next())).take_while(|day| *day <= last);
        let days = days.filter(|day| day.weekday() < 5).count().max(1);
        let mut proposals = Vec::new();
        for object in due.iter().take(due.len().div_ceil(days)) {
            let Some((customer, year)) = object.split_once('/') else { continue };
            let lines = [
                "Yearly statement",
                &format!("Customer {customer}, {year}"),
                "Invented figures of an invented company.",
            ];
            let title = if self.speaks_chinese(customer) { "年度决算表" } else { "Yearly statement" };
            let (year, file) = (year.parse().unwrap_or_default(), ("pdf", pdf(&lines)));
            proposals.extend(self.paper((STATEMENT, title, "C2"), customer, year, file).await?);
        }
        self.enter(ARCHIVIST, proposals).await
    }

    /// Whoever was at an owners' meeting files its minutes the next morning; every fifth are forgotten.
    pub(super) async fn file_minutes(&mut self, at: usize) -> Result<(), BuildError> {
        let Some((who, client, met)) = self.met.take().filter(|_| at / MEETINGS_EVERY % 5 != 4) else { return Ok(()) };
        let customer = self.client_id(client);
        let title =
            if self.speaks_chinese(&customer) { "业主会谈纪要" } else { "Minutes of the owners' meeting" };
        let data = json!({
            "kind": "meeting_minutes", "title": title, "class": "C2", "customer_id": customer,
            "related": [met], "file": { "name": format!("minutes-{customer}.pdf") },
        });
        let lines = ["Minutes", &format!("Customer {customer}"), "An invented meeting of invented people."];
        let filed = self.send(who, data, &pdf(&lines)).await?;
        self.enter(who, filed.into_iter().collect()).await
    }

    /// Sends the file of a paper; what it returns announces it, unless it was refused.
    async fn paper(
        &mut self,
        (kind, title, class): (&str, &str, &str),
        customer: &str,
        year: i32,
        (ending, bytes): (&str, Vec<u8>),
    ) -> Result<Option<Proposal>, BuildError> {
        let data = json!({
            "kind": kind, "title": title, "class": class, "customer_id": customer, "period": year.to_string(),
            "file": { "name": format!("{kind}-{customer}.{ending}") },
        });
        self.send(ARCHIVIST, data, &bytes).await
    }

    /// Sends a file with what is said of it; what it returns announces it, unless it was refused.
    async fn send(&mut self, who: &str, data: Value, bytes: &[u8]) -> Result<Option<Proposal>, BuildError> {
        let mut proposal = self.proposal("document.filed", None, data);
        let Ok(sender) = who.parse() else { return Ok(None) };
        let mut upload = match self.ledger.receive(&Principal::new(sender), &mut proposal).await {
            Ok(upload) => upload,
            Err(error) => return self.leave_out(who, &proposal, error).map(|()| None),
        };
        upload.write(bytes)?;
        proposal.file = Some(upload.finish()?);
        Ok(Some(proposal))
    }
}

/// Tells whether there is an owners' meeting on that working day.
pub(super) fn meets(day: usize) -> bool {
    day % MEETINGS_EVERY == 12
}

/// On every so many working days there is one.
pub(super) const MEETINGS_EVERY: usize = 30;

/// Writes a document of one page with a few lines of text (ISO 32000-1, 7.5).
fn pdf(lines: &[&str]) -> Vec<u8> {
    let shown: String = lines.iter().map(|line| format!("({}) Tj T*\n", line.replace(['(', ')', '\\'], " "))).collect();
    let content = format!("BT /F1 14 Tf 60 780 Td 20 TL\n{shown}ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R /Resources << /Font << /F1 4 0 R >> >> >>".to_owned(),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
        format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
    ];
    let mut document = "%PDF-1.4\n".to_owned();
    let mut places = Vec::new();
    for (number, object) in (1..).zip(&objects) {
        places.push(document.len());
        document.push_str(&format!("{number} 0 obj\n{object}\nendobj\n"));
    }
    let table = document.len();
    document.push_str(&format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1));
    document.extend(places.iter().map(|place| format!("{place:010} 00000 n \n")));
    document.push_str(&format!("trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n", objects.len() + 1));
    document.into_bytes()
}

/// Draws a sheet of paper with lines on it, grey on white (PNG 3rd edition, 5 and 11).
fn png(seed: usize) -> Vec<u8> {
    const WIDTH: usize = 120;
    const HEIGHT: usize = 170;
    let mut rows = Vec::with_capacity((WIDTH + 1) * HEIGHT);
    for y in 0..HEIGHT {
        // Each row begins with its filter: none.
        rows.push(0);
        let long = 40 + (y / 8 * 37 + seed) % 60;
        rows.extend((0..WIDTH).map(|x| if y % 8 == 4 && (10..10 + long).contains(&x) { 90 } else { 250 }));
    }
    let mut picture = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = Vec::new();
    header.extend_from_slice(&u32::try_from(WIDTH).unwrap_or(0).to_be_bytes());
    header.extend_from_slice(&u32::try_from(HEIGHT).unwrap_or(0).to_be_bytes());
    header.extend_from_slice(&[8, 0, 0, 0, 0]);
    chunk(&mut picture, b"IHDR", &header);
    // One block that is stored as it is (RFC 1950, RFC 1951 3.2.4), and the checksum of what is in it.
    let length = u16::try_from(rows.len()).unwrap_or(u16::MAX);
    let mut data = vec![0x78, 0x01, 0x01];
    data.extend_from_slice(&length.to_le_bytes());
    data.extend_from_slice(&(!length).to_le_bytes());
    data.extend_from_slice(&rows);
    let (low, high) = rows.iter().fold((1_u32, 0_u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    data.extend_from_slice(&((high << 16) | low).to_be_bytes());
    chunk(&mut picture, b"IDAT", &data);
    chunk(&mut picture, b"IEND", &[]);
    picture
}

fn chunk(picture: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(kind);
    hasher.update(data);
    picture.extend_from_slice(&u32::try_from(data.len()).unwrap_or(0).to_be_bytes());
    picture.extend_from_slice(kind);
    picture.extend_from_slice(data);
    picture.extend_from_slice(&hasher.finalize().to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::document::Mime;

    #[test]
    fn what_is_filed_is_what_it_says() {
        assert_eq!(Mime::of(&pdf(&["(a) \\"])), Some(Mime::Pdf));
        assert_eq!(Mime::of(&png(3)), Some(Mime::Png));
        let document = String::from_utf8(pdf(&["one", "two"])).unwrap();
        let table: usize = document.split("startxref\n").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
        assert!(document.get(table..).unwrap().starts_with("xref"));
    }
}
