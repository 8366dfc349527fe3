//! Papers: every form, contract, statement and scan is a file beside the entries, announced by one (R-016).

use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use crate::clock::Date;
use crate::domain::catalog::{Count, INTEGER_MAX, Int, Sealed, Str, choices, events, objects, refusals};
use crate::domain::class::Class;
use crate::domain::duty::{Charge, Due, Duty, Sink, Turn};
use crate::domain::history::{Live, Part};
use crate::domain::person::{self, PersonId};
use crate::domain::{self, About, Admission, Context, Fact, World, common, contact};
use crate::entry::Hash;
use crate::ids::{self, CustomerId, StreamName, SubjectId};

choices! {
    /// What a paper is.
    Paper {
        EnterpriseHistory "enterprise_history" "企业沿革" "Enterprise history",
        CompanyProfile "company_profile" "企业概况" "Company profile",
        FinancialStatement "financial_statement" "决算表/财务报告" "Financial statement",
        PerformanceReport "performance_report" "业绩报告" "Performance report",
        ProductGuide "product_guide" "产品指南" "Product guide",
        ProductCatalogue "product_catalogue" "产品目录" "Product catalogue",
        SurveyReport "survey_report" "调查报告" "Survey report",
        LetterOfIntent "letter_of_intent" "合作邀请或意向" "Letter of intent",
        ContractScan "contract_scan" "合同文本" "Contract",
        QualityAgreement "quality_agreement" "质量保证合同" "Quality agreement",
        MeetingMinutes "meeting_minutes" "会议纪要" "Minutes of a meeting",
        SuggestionForm "suggestion_form" "提案表" "Suggestion form",
        ServiceVoucher "service_voucher" "服务凭证" "Service voucher",
        RepairCard "repair_card" "修理卡" "Repair card",
        GoodsReceipt "goods_receipt" "领取收据" "Receipt for goods",
        CorrespondenceOriginal "correspondence_original" "函件原件" "Original of a letter",
        Authorisation "authorisation" "授权书" "Authorization",
        IpAgreement "ip_agreement" "工业所有权协议" "Agreement on industrial property",
        Evidence "evidence" "凭证" "Evidence",
        PaperArchive "paper_archive" "纸质档案" "Paper archive",
        Other "other" "其他资料" "Other",
    }
    /// How confidential a paper is as a whole.
    Secrecy {
        C1 "C1" "C1 基本资料" "C1 basic data",
        C2 "C2" "C2 商务" "C2 commercial",
        C3 "C3" "C3 信用" "C3 credit",
        C4 "C4" "C4 个人身份" "C4 person identity",
        C5 "C5" "C5 个人隐私" "C5 person private",
        C6 "C6" "C6 策略" "C6 strategy",
    }
    /// What kind of file it is, found out from its first bytes.
    Mime {
        Pdf "application/pdf" "PDF" "PDF",
        Png "image/png" "PNG" "PNG",
        Jpeg "image/jpeg" "JPEG" "JPEG",
        Tiff "image/tiff" "TIFF" "TIFF",
    }
    /// What a proposal may tell of its file.
    Claim {
        Hash "hash" "哈希" "hash",
        Type "type" "文件类型" "type",
        Size "size" "字节数" "size",
    }
}

objects! {
    /// A file beside the entries.
    Blob {
        /// The BLAKE3 of the stored bytes, which it is found by; proposed, that of the bytes sent.
        hash: Option<Hash>, C2, "哈希", "Hash", computed;
        /// Its name, sealed.
        name: Option<Sealed<Str<1, 200>>>, C2, "文件名", "File name", computed;
        /// What it is, found out from its first bytes.
        mime: Option<Mime>, C2, "文件类型", "File type", computed;
        /// How many bytes were sent.
        size: Option<Count>, C2, "字节数", "Bytes", computed;
    }
}

events! {
    /// A paper is filed: its file is kept beside the entries, named by the hash of its bytes.
    Filed "document.filed" "资料归档" "Document filed" {
        /// The document; issued when left out.
        document_id: Option<SubjectId>, C1, "资料编号", "Document id", computed;
        /// What it is.
        kind: Paper, C1, "资料类别", "Kind";
        /// Its title, sealed.
        title: Sealed<Str<1, 200>>, C1, "标题", "Title";
        /// The file.
        file: Option<Blob>, C2, "文件", "File", computed;
        /// The customer it is about.
        customer_id: Option<CustomerId>, C1, "客户", "Customer";
        /// The key person it is about: it is sealed under that person's keys and erased with them.
        person_id: Option<PersonId>, C4, "关键人物", "Key person";
        /// What it belongs to: a meeting, a visit, an entry.
        related: Option<Vec<SubjectId>>, C1, "关联记录", "Related";
        /// The period it is about, such as 2026 or 2026Q1.
        period: Option<Str<4, 7>>, C1, "所属期间", "Period";
        /// How confidential it is as a whole.
        class: Secrecy, C1, "密级", "Class";
    }
}

impl Secrecy {
    /// Returns the data class.
    pub fn class(self) -> Class {
        match self {
            Self::C1 => Class::C1,
            Self::C2 => Class::C2,
            Self::C3 => Class::C3,
            Self::C4 => Class::C4,
            Self::C5 => Class::C5,
            Self::C6 => Class::C6,
        }
    }
}

impl Paper {
    /// Tells whether papers of this kind show persons by themselves: names, signatures, who was there.
    fn shows_persons(self) -> bool {
        match self {
            Self::MeetingMinutes
            | Self::ContractScan
            | Self::QualityAgreement
            | Self::ServiceVoucher
            | Self::RepairCard
            | Self::GoodsReceipt
            | Self::CorrespondenceOriginal
            | Self::Authorisation
            | Self::PaperArchive => true,
            Self::EnterpriseHistory
            | Self::CompanyProfile
            | Self::FinancialStatement
            | Self::PerformanceReport
            | Self::ProductGuide
            | Self::ProductCatalogue
            | Self::SurveyReport
            | Self::LetterOfIntent
            | Self::SuggestionForm
            | Self::IpAgreement
            | Self::Evidence
            | Self::Other => false,
        }
    }
}

impl Filed {
    /// Tells whether the file is sealed under its holder's key: it shows persons by its class, its kind, or because it is about one.
    pub fn sealed(&self) -> bool {
        matches!(self.class, Secrecy::C4 | Secrecy::C5) || self.kind.shows_persons() || self.person_id.is_some()
    }
}

impl Mime {
    /// Finds out what a file is by its first bytes, whatever it is called; `None` for what is not accepted.
    ///
    /// ```text
    /// PDF   25 50 44 46 2D                 %PDF-   (ISO 32000-1, 7.5.2)
    /// PNG   89 50 4E 47 0D 0A 1A 0A                (PNG 3rd edition, 5.2)
    /// JPEG  FF D8 FF                               (ITU-T T.81, B.1.1.3: SOI, then a marker)
    /// TIFF  49 49 2A 00 or 4D 4D 00 2A             (TIFF 6.0, section 2)
    /// ```
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let magic: [(&[u8], Self); 5] = [
            (b"%PDF-", Self::Pdf),
            (b"\x89PNG\r\n\x1a\n", Self::Png),
            (b"\xff\xd8\xff", Self::Jpeg),
            (b"II*\0", Self::Tiff),
            (b"MM\0*", Self::Tiff),
        ];
        magic.into_iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, mime)| mime)
    }

    /// Compares what a file is with what it is sent as and called.
    ///
    /// # Errors
    /// It is sent as something else, or a name of it ends like something else.
    pub fn check(self, label: &Label) -> Result<(), Refusal> {
        let (types, endings) = self.told_by();
        let sent_as = label.media_type.as_deref().map(essence).unwrap_or_default();
        let says_nothing = sent_as.is_empty() || GENERIC.contains(&sent_as.as_str());
        if !says_nothing && !types.contains(&sent_as.as_str()) {
            return Err(Refusal::OtherType { said: sent_as, mime: self });
        }
        let mut told = label.names.iter().filter_map(|name| ending(name));
        match told.find(|ending| !endings.contains(&ending.as_str())) {
            Some(said) => Err(Refusal::OtherEnding { said, mime: self }),
            None => Ok(()),
        }
    }

    /// The media types it is sent as, old ones too, and the endings its names have.
    fn told_by(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Self::Pdf => (&["application/pdf", "application/x-pdf"], &["pdf"]),
            Self::Png => (&["image/png", "image/x-png"], &["png"]),
            Self::Jpeg => (&["image/jpeg", "image/jpg", "image/pjpeg"], &["jpg", "jpeg", "jpe", "jfif"]),
            Self::Tiff => (&["image/tiff", "image/tif", "image/x-tiff"], &["tif", "tiff"]),
        }
    }
}

/// What is said of a file while it is sent; the bytes decide.
#[derive(Clone, Debug, Default)]
pub struct Label {
    /// The media type it is sent as.
    pub media_type: Option<String>,
    /// What it is called: by its proposal, by the form it comes in.
    pub names: Vec<String>,
}

/// Media types that say of a file no more than that it is one.
const GENERIC: [&str; 2] = ["application/octet-stream", "binary/octet-stream"];

/// A media type without its parameters.
fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The ending of a name, if it has one that programs go by: of letters, as no date or number is. Some of them pass over dots and spaces
/// behind it.
fn ending(name: &str) -> Option<String> {
    let (_, ending) = name.trim_end_matches(['.', ' ']).rsplit_once('.')?;
    let lettered = ending.contains(|c: char| c.is_ascii_alphabetic());
    let written = ending.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    (lettered && written).then(|| ending.to_ascii_lowercase())
}

/// How many of the first bytes [`Mime::of`] needs.
pub const MAGIC_BYTES: usize = 8;

/// The most bytes a file may have.
pub const FILE_BYTES_MAX: u64 = 32 << 20;

/// What the service knows of a file that came with a proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The BLAKE3 of the bytes sent.
    pub content: Hash,
    /// The BLAKE3 of the bytes stored.
    pub stored: Hash,
    /// What it is.
    pub mime: Mime,
    /// How many bytes were sent.
    pub size: u64,
}

/// Whether a file comes with a proposal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Attached {
    /// None does.
    #[default]
    Nothing,
    /// It is on its way: whatever else is wrong is told before it has come.
    Coming,
    /// It came.
    Came(Received),
}

/// For which year each customer's statements were filed last; of any other document decisions need no more than its entry.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// By customer.
    pub statements: OrdMap<CustomerId, i32>,
}

refusals! {
    /// A proposal alone announces nothing.
    NoFile => E_RULE "R-016" at "/file", "send the file with it: POST /v1/documents", "须随文件一并提交：POST /v1/documents";
    /// The file is not the one announced.
    OtherFile { what: Claim } => E_RULE "R-016" at "/file",
        "the file that was sent has another {what} than announced", "收到的文件与所声明的不符（{what:#}）";
    /// The file is sent as something else than its bytes are.
    OtherType { said: String, mime: Mime } => E_RULE "R-016" at "/file",
        "the file is not what it says: it is sent as \"{said}\", and its content is {mime}",
        "文件与其所称不符：以“{said}”类型发送，内容却是{mime:#}";
    /// The name of the file ends like that of something else.
    OtherEnding { said: String, mime: Mime } => E_RULE "R-016" at "/file",
        "the file is not what it says: its name ends in \".{said}\", and its content is {mime}",
        "文件与其所称不符：文件名以“.{said}”结尾，内容却是{mime:#}";
    /// The first bytes are of no kind that is accepted.
    NotAccepted => E_SCHEMA "R-016" at "/file",
        "the file is neither PDF, PNG, JPEG nor TIFF, whatever it is called", "文件内容不是PDF、PNG、JPEG或TIFF，无论其名称如何";
    /// There is nothing in the file.
    EmptyFile => E_SCHEMA "R-016" at "/file", "the file is empty", "文件为空";
    /// The file is larger than allowed.
    FileTooLarge { mebibytes: u64 } => E_SCHEMA "R-016" at "/file",
        "a file has at most {mebibytes} MiB", "文件不得超过{mebibytes}兆字节";
    /// Minutes are of a meeting.
    NoMeeting => E_RULE "R-016" at "/related", "minutes name the meeting they are of: a recorded contact", "会议纪要须关联相应会议的联系记录";
    /// What is about a person is as confidential as the person.
    PersonClass => E_RULE "R-007" at "/class",
        "a document about a person has class C4 or C5", "涉及个人的资料密级须为C4或C5";
    /// What one files one could read.
    Unread { class: Secrecy } => E_FORBIDDEN "R-051" at "/class",
        "you may not read papers of class {class}, so you may not file one", "本人无权查阅{class:#}资料，不得归档此密级";
    /// The person belongs to another customer.
    OtherCustomer { customer: String } => E_RULE "R-016" at "/person_id",
        "this person belongs to customer \"{customer}\"", "该人员属于客户“{customer}”";
}

/// Says which stream a document belongs to: its own, and that of its customer or its person's.
pub(super) fn about(world: &World, event: &Event, _: Option<&StreamName>) -> Result<About, domain::Refusal> {
    let Event::Filed(filed) = event;
    let person = filed.person_id.as_ref().map(|id| {
        world.person.people.get(&id.0).ok_or_else(|| common::Refusal::Unknown {
            pointer: "/person_id".into(),
            what: "person".into(),
            id: id.0.to_string(),
        })
    });
    let customer = match (&filed.customer_id, person.transpose()?) {
        (Some(customer), Some(person)) if *customer != person.customer => {
            return Err(Refusal::OtherCustomer { customer: person.customer.to_string() }.into());
        }
        (Some(customer), _) if !world.customer.customers.contains_key(customer) => {
            let what = "customer".into();
            return Err(common::Refusal::Unknown { pointer: "/customer_id".into(), what, id: customer.to_string() }.into());
        }
        (Some(customer), _) => Some(customer.clone()),
        (None, Some(person)) => Some(person.customer.clone()),
        (None, None) => None,
    };
    // Issued at admission: the door cannot know it, and a subject named without the id has not been looked up.
    let subject = StreamName::of("document", filed.document_id.as_ref().map_or("issued", SubjectId::as_str));
    Ok(About { subject, customer })
}

impl Received {
    /// Returns what the entry says of the file, if what was told of it is so.
    fn blob(&self, claimed: Option<Blob>) -> Result<Blob, Refusal> {
        let claimed = claimed.unwrap_or(Blob { hash: None, name: None, mime: None, size: None });
        let size = Int(i64::try_from(self.size).unwrap_or(INTEGER_MAX));
        let told = [
            (Claim::Hash, claimed.hash.is_none_or(|hash| hash == self.content)),
            (Claim::Type, claimed.mime.is_none_or(|mime| mime == self.mime)),
            (Claim::Size, claimed.size.is_none_or(|claimed| claimed == size)),
        ];
        match told.into_iter().find(|(_, fits)| !fits) {
            Some((what, _)) => Err(Refusal::OtherFile { what }),
            None => Ok(Blob { hash: Some(self.stored), name: claimed.name, mime: Some(self.mime), size: Some(size) }),
        }
    }
}

/// Decides whether a paper may be filed; the file must have come with it.
pub(super) fn admit(world: &World, context: &Context<'_>, event: Event) -> Result<Vec<Admission>, domain::Refusal> {
    let Event::Filed(filed) = event;
    let file = match &context.fetched.file {
        Attached::Nothing => return Err(Refusal::NoFile.into()),
        Attached::Coming => None,
        Attached::Came(received) => Some(received.blob(filed.file.clone())?),
    };
    if filed.kind == Paper::MeetingMinutes && !context.fetched.meeting {
        return Err(Refusal::NoMeeting.into());
    }
    if let Some(period) = &filed.period {
        domain::period_begins(&period.0)?;
    }
    if let Some(PersonId(id)) = &filed.person_id {
        if !matches!(filed.class, Secrecy::C4 | Secrecy::C5) {
            return Err(Refusal::PersonClass.into());
        }
        person::may_keep(world, id, filed.class == Secrecy::C5)?;
    }
    let id = filed.document_id.clone().unwrap_or_else(|| ids::issued(context.id));
    let about = About { subject: StreamName::of("document", id.as_str()), customer: context.about.customer.clone() };
    let event = Filed { document_id: Some(id), file, ..filed };
    Ok(vec![Admission { about, ..Admission::of(Event::Filed(event), context) }])
}

/// The statements of a customer's year are collected in the next one (R-036).
pub(super) const STATEMENTS: Duty =
    Duty { number: 7, rule: "R-036", zh: "收集年度决算表", en: "Collect the yearly statements", met_by: "document.filed" };

/// The duties of this module.
pub(super) const DUTIES: &[&Duty] = &[&STATEMENTS];

/// The last day on which the statements of the year before are in time: four months after its end.
const STATEMENTS_UNTIL: (u32, u32) = (4, 30);

/// Statements fulfil the duty of their year; a paper that names a quarter, or no period, is not the year's. Minutes fulfil that of the
/// meetings they name, by their ids or by those of the entries that record them.
pub(super) fn oblige(world: &World, _: &Fact<'_>, event: &Event, sink: &mut Sink) {
    if let Some((customer, year)) = statements(event) {
        sink.close(&STATEMENTS, of_year(customer, year));
    }
    let Event::Filed(filed) = event;
    let of_meeting = filed.kind == Paper::MeetingMinutes;
    for meeting in filed.related.iter().flatten().filter(|_| of_meeting) {
        // Minutes of a meeting with another customer are none of this one.
        let mut open = world.obligation.about(&contact::MINUTES, meeting.as_str());
        if open.all(|(_, open)| open.customer == filed.customer_id) {
            sink.close(&contact::MINUTES, meeting.as_str());
        }
    }
}

/// Releases what is still open of an archive that ends.
pub(super) fn release(world: &World, fact: &Fact<'_>, customer: &str, sink: &mut Sink) {
    sink.release(&STATEMENTS, format!("{customer}/{}", world.date(fact.at).year() - 1));
}

/// Each year asks for the statements of the one before, of every customer that is no natural person.
pub(super) fn oblige_period(world: &World, turn: Turn, sink: &mut Sink) {
    let Turn::YearBegun { year } = turn else { return };
    let (month, day) = STATEMENTS_UNTIL;
    let Some(last) = Date::new(year, month, day) else { return };
    for (id, customer) in &world.customer.customers {
        let filed = world.document.statements.get(id).is_some_and(|filed| *filed >= year - 1);
        // What nobody collected for a year nobody asks for any more.
        sink.release(&STATEMENTS, of_year(id, year - 2));
        if !customer.ended() && !customer.individual && !filed {
            sink.open(&STATEMENTS, of_year(id, year - 1), id, Charge::Owner(id.clone()), Due::EndOf(last));
        }
    }
}

/// The customer and the year whose statements a paper is.
fn statements(event: &Event) -> Option<(&CustomerId, i32)> {
    let Event::Filed(filed) = event;
    let year = filed.period.as_ref().filter(|period| period.0.len() == 4)?.0.parse().ok()?;
    Some((filed.customer_id.as_ref()?, year)).filter(|_| filed.kind == Paper::FinancialStatement)
}

fn of_year(customer: &CustomerId, year: i32) -> String {
    format!("{customer}/{year}")
}

/// Lets go of a customer's statements.
pub(super) fn forget(state: &mut State, part: &Part, _: &[Live]) {
    if let Part::Customer(customer) = part {
        state.statements.remove(customer);
    }
}

/// Takes over for which year statements are there.
pub(super) fn evolve(state: &mut State, _: &Fact<'_>, event: &Event) {
    if let Some((customer, year)) = statements(event) {
        let last = state.statements.entry(customer.clone()).or_insert(year);
        *last = year.max(*last);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::Code;
    use crate::domain::testing::{Given, Proposed, customer, event, given};

    fn received() -> Received {
        Received { content: Hash([1; 32]), stored: Hash([2; 32]), mime: Mime::Pdf, size: 1000 }
    }

    /// Two customers, the first with a person, and a file that has come.
    fn with_file() -> Given {
        let person = event("person.recorded", json!({ "person_id": "P-1", "customer_id": "C-01", "name": "s1.sealed" }));
        let mut given = given([
            ("E-101", customer("C-01", "Heyuan Alloy Works")),
            ("E-101", customer("C-02", "Linhai Shipyard")),
            ("E-101", person),
        ]);
        given.fetched.file = Attached::Came(received());
        given
    }

    fn paper(class: &str) -> Proposed {
        event("document.filed", json!({ "kind": "other", "title": "s1.sealed", "customer_id": "C-01", "class": class }))
    }

    #[test]
    fn a_paper_is_announced_by_the_hash_of_what_is_stored() {
        let given = with_file();
        let data = given.when("E-101", paper("C1").id("filing-0001")).data();
        assert_eq!(data["file"], json!({ "hash": Hash([2; 32]), "mime": "application/pdf", "size": 1000 }));
        assert_eq!(data["document_id"], "filing-0001");
        given.when("E-101", paper("C1").with("document_id", "D-1")).then(["document.filed"]);
        assert_eq!(given.when("E-101", paper("C1").with("document_id", "D-1")).subject(), "document/D-1");
    }

    #[test]
    fn what_is_told_of_the_file_must_be_so() {
        let given = with_file();
        let told = |file: Value| given.when("E-101", paper("C1").with("file", file));
        told(json!({ "hash": Hash([1; 32]), "mime": "application/pdf", "size": 1000 })).then(["document.filed"]);
        for wrong in [json!({ "hash": Hash([2; 32]) }), json!({ "mime": "image/png" }), json!({ "size": 999 })] {
            told(wrong).then_refused(Code::E_RULE, "R-016");
        }
        let mut alone = given.clone();
        alone.fetched.file = Attached::Nothing;
        alone.when("E-101", paper("C1")).then_refused(Code::E_RULE, "R-016");
        // While it is on its way everything else is decided already.
        alone.fetched.file = Attached::Coming;
        alone.when("E-101", paper("C1")).then(["document.filed"]);
        alone.when("E-101", paper("C1").with("kind", "meeting_minutes")).then_refused(Code::E_RULE, "R-016");
    }

    #[test]
    fn a_period_is_one_there_can_be() {
        let given = with_file();
        for period in ["2026-13", "2026Q5", "20261", "202x"] {
            given.when("E-501", paper("C2").with("period", period)).then_malformed(["/period"]);
        }
        for period in ["2026", "2026Q1", "2026H2", "2026-12"] {
            given.when("E-501", paper("C2").with("period", period)).then(["document.filed"]);
        }
    }

    #[test]
    fn minutes_are_of_a_meeting() {
        let mut given = with_file();
        let minutes = || paper("C1").with("kind", "meeting_minutes").with("related", json!(["K-1"]));
        given.when("E-101", minutes()).then_refused(Code::E_RULE, "R-016");
        given.fetched.meeting = true;
        given.when("E-101", minutes()).then(["document.filed"]);
    }

    #[test]
    fn what_is_about_a_person_is_as_confidential_as_the_person() {
        let given = with_file();
        let of_person = |class: &str| paper(class).with("person_id", "P-1");
        given.when("E-101", of_person("C4")).then(["document.filed"]);
        for class in ["C1", "C2", "C3", "C6"] {
            given.when("E-101", of_person(class)).then_refused(Code::E_RULE, "R-007");
        }
        given.when("E-101", of_person("C5")).then_refused(Code::E_RULE, "R-046");
        given.when("E-101", of_person("C4").with("customer_id", "C-02")).then_refused(Code::E_RULE, "R-016");
        given.when("E-101", of_person("C4").with("person_id", "P-9")).then_refused(Code::E_REF, "");
        given.when("E-101", paper("C1").with("customer_id", "C-99")).then_refused(Code::E_REF, "");
        let said = json!({ "purpose": "relationship_care", "status": "given", "method": "oral" });
        let given = given.and("E-101", event("consent.recorded", said).about("person/P-1"));
        given.when("E-101", of_person("C5")).then(["document.filed"]);
    }

    #[test]
    fn a_file_is_what_its_first_bytes_say() {
        for (bytes, mime) in [
            (&b"%PDF-1.7"[..], Some(Mime::Pdf)),
            (b"\x89PNG\r\n\x1a\n", Some(Mime::Png)),
            (b"\xff\xd8\xff\xe0", Some(Mime::Jpeg)),
            (b"II*\0", Some(Mime::Tiff)),
            (b"MM\0*", Some(Mime::Tiff)),
            (b" %PDF-1.7", None),
            (b"\x89PNG\n\x1a\n", None),
            (b"GIF89a", None),
            (b"PK\x03\x04", None),
            (b"", None),
        ] {
            assert_eq!(Mime::of(bytes), mime, "{bytes:?}");
        }
    }

    #[test]
    fn a_file_is_what_it_says_or_refused() {
        let as_type = |media_type: &str| Label { media_type: Some(media_type.into()), names: Vec::new() };
        let named = |name: &str| Label { media_type: None, names: vec!["scan.jpg".into(), name.into()] };
        for honest in [
            Label::default(),
            as_type(""),
            as_type("application/octet-stream"),
            as_type("image/jpeg"),
            as_type("Image/JPG; name=scan.jpg"),
            named("scan.JPEG"),
            named("scan.exe.jpg. "),
            // No ending, though there is a dot.
            named("scan"),
            named("合同 2026.03"),
            named("No. 5"),
            named("第1.2版"),
            named(""),
        ] {
            assert_eq!(Mime::Jpeg.check(&honest), Ok(()), "{honest:?}");
        }
        for (label, said) in [
            (as_type("application/pdf"), "\"application/pdf\""),
            (as_type("text/html; charset=utf-8"), "\"text/html\""),
            (as_type("jpeg"), "\"jpeg\""),
            (named("scan.pdf"), "\".pdf\""),
            (named("scan.jpg.EXE"), "\".exe\""),
            (named("scan.exe. . "), "\".exe\""),
            (named("scan.html"), "\".html\""),
        ] {
            let refusal = Mime::Jpeg.check(&label).unwrap_err();
            let (en, zh) = refusal.words();
            assert_eq!(refusal.grounds(), (Code::E_RULE, "R-016"));
            assert!(en.contains("not what it says") && en.contains(said) && en.contains("JPEG"), "{en}");
            assert!(zh.contains(&said.replace('"', "")) && zh.contains("JPEG"), "{zh}");
        }
        for mime in [Mime::Pdf, Mime::Png, Mime::Jpeg, Mime::Tiff] {
            assert_eq!(mime.check(&as_type(mime.as_str())), Ok(()));
        }
    }

    #[test]
    fn what_is_told_otherwise_is_named_in_both_languages() {
        let told = with_file().when("E-101", paper("C1").with("file", json!({ "size": 999 })));
        assert!(told.then_refused(Code::E_RULE, "R-016").contains("another size"));
        let (_, zh) = Refusal::OtherFile { what: Claim::Size }.words();
        assert!(zh.contains("字节数") && !zh.contains("size"), "{zh}");
    }
}
