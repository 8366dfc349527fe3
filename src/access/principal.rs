//! Who asks: an employee, in a role or in any held, from a place, for a purpose.

use serde::{Deserialize, Serialize};

use crate::domain::audit::Place;
use crate::domain::role::Role;
use crate::ids::EmployeeId;

/// Who asks, as a door found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The employee.
    pub employee: EmployeeId,
    /// The role the caller wants to act under; the first that permits where none is named.
    pub role: Option<Role>,
    /// Where from.
    pub place: Place,
    /// The language answers are given in.
    pub language: Language,
}

impl Principal {
    /// Asks from the office, in English, under the first role that permits.
    pub fn new(employee: EmployeeId) -> Self {
        Self { employee, role: None, place: Place::Office, language: Language::English }
    }
}

/// A language of the answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Chinese as written in China.
    Chinese,
}

impl Language {
    /// Chooses the language of a pair in English and Chinese.
    pub fn choose<T>(self, (english, chinese): (T, T)) -> T {
        match self {
            Self::English => english,
            Self::Chinese => chinese,
        }
    }
}

/// Why somebody reads: one of a closed list, with a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purpose {
    /// The purpose.
    pub kind: PurposeKind,
    /// What to say about it.
    pub note: Option<String>,
}

macro_rules! purposes {
    ($($variant:ident $key:literal $zh:literal $en:literal,)*) => {
        /// The closed list of purposes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum PurposeKind {
            $(#[doc = $en] $variant,)*
        }

        impl PurposeKind {
            /// Every purpose, in the order they are offered.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Returns the key as callers write it.
            pub fn key(self) -> &'static str {
                match self { $(Self::$variant => $key,)* }
            }

            /// Returns the label in English and Chinese.
            pub fn label(self) -> (&'static str, &'static str) {
                match self { $(Self::$variant => ($en, $zh),)* }
            }
        }
    };
}

purposes! {
    CustomerService "customer_service" "客户服务" "Customer service",
    SalesWork "sales_work" "销售业务" "Sales work",
    CreditReview "credit_review" "信用评定" "Credit review",
    ArchiveCare "archive_care" "档案管理" "Care of archives",
    Management "management" "经营管理" "Management",
    Handover "handover" "交接" "Handover",
    Audit "audit" "审计" "Audit",
    Compliance "compliance" "合规检查" "Compliance check",
    SubjectRequest "subject_request" "当事人请求" "Request of the person concerned",
    LegalDuty "legal_duty" "法定义务" "Legal duty",
}

impl Purpose {
    /// Reads `key` or `key: note`, as the header carries it.
    ///
    /// # Errors
    /// The key is not on the list.
    pub fn parse(text: &str) -> Result<Self, UnknownPurpose> {
        let (key, note) = text.split_once(':').map_or((text, ""), |(key, note)| (key, note.trim()));
        let kind = PurposeKind::ALL.iter().find(|kind| kind.key() == key.trim()).copied();
        let note = (!note.is_empty()).then(|| note.chars().filter(|c| !c.is_control()).take(400).collect());
        Ok(Self { kind: kind.ok_or(UnknownPurpose)?, note })
    }

    /// Returns the purpose as it is entered.
    pub fn text(&self) -> String {
        match &self.note {
            Some(note) => format!("{}: {note}", self.kind.key()),
            None => self.kind.key().to_owned(),
        }
    }
}

/// A purpose that is not on the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a purpose of the list")]
pub struct UnknownPurpose;
