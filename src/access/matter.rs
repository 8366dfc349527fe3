//! The matters that can be asked for: the columns of the access matrix.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::class::Class;

impl Class {
    /// Returns the matter a value of this class belongs to by itself.
    ///
    /// A value shown inside another matter must be permitted twice: as that matter, and as this one where its class
    /// is higher than the matter's own.
    #[must_use]
    pub const fn matter(self) -> Matter {
        match self {
            Self::C0 => Matter::List,
            Self::C1 => Matter::Basic,
            Self::C2 => Matter::Commercial,
            Self::C3 => Matter::Credit,
            Self::C4 => Matter::PersonIdentity,
            Self::C5 => Matter::PersonPrivate,
            Self::C6 => Matter::Strategy,
            Self::C7 => Matter::Staff,
            Self::C8 => Matter::AccessLog,
        }
    }
}

macro_rules! matters {
    ($($variant:ident $key:literal $zh:literal $en:literal $doc:literal)*) => {
        /// What is asked for: a column of the access matrix.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum Matter {
            $(
                #[doc = $doc]
                #[serde(rename = $key)]
                $variant,
            )*
        }

        impl Matter {
            /// Every matter, in the order of the matrix.
            pub const ALL: [Self; 15] = [$(Self::$variant),*];

            /// Returns the key used in policies.
            #[must_use]
            pub const fn key(self) -> &'static str {
                match self { $(Self::$variant => $key,)* }
            }

            /// Returns the Chinese label.
            #[must_use]
            pub const fn zh(self) -> &'static str {
                match self { $(Self::$variant => $zh,)* }
            }

            /// Returns the English label.
            #[must_use]
            pub const fn en(self) -> &'static str {
                match self { $(Self::$variant => $en,)* }
            }
        }
    };
}

matters! {
    List "list" "名录" "List" "The list of customers (C0)."
    Basic "basic" "基本资料" "Basic data" "A customer's basic data (C1)."
    PersonIdentity "person_identity" "个人身份" "Person identity" "Who a customer's people are (C4)."
    PersonPrivate "person_private" "个人隐私" "Person private" "What is private to a customer's people (C5)."
    Commercial "commercial" "合同、回款、销售、项目" "Commercial" "Contracts, payments, sales and projects (C2)."
    Credit "credit" "信用" "Credit" "Grades, limits and terms (C3)."
    Strategy "strategy" "策略" "Strategy" "Plans and assessments (C6)."
    ContactLog "contact_log" "联系记录与计划" "Contact log and plans" "Contacts, visits and visit plans."
    OwnAreaCorrespondence "own_area_correspondence" "本区域函电" "Correspondence of one's area" "Letters and faxes of the reader's own area."
    OtherAreaCorrespondence "other_area_correspondence" "其他区域函电" "Correspondence of other areas" "Letters and faxes of any other area."
    ComplaintsService "complaints_service" "投诉与服务" "Complaints and service" "Complaints, service jobs and surveys."
    SuggestionsDemand "suggestions_demand" "提案与需求信息" "Suggestions and demand information" "Suggestions and demand information."
    Staff "staff" "员工" "Staff" "Our own employees (C7)."
    AccessLog "access_log" "查阅记录" "Access log" "Who read what, and by what right (C8)."
    Proofs "proofs" "账本证明" "Ledger proofs" "Proofs and evidence of the ledger."
}

impl Matter {
    /// Returns the one class this matter consists of, if it is a class of its own.
    #[must_use]
    pub fn class(self) -> Option<Class> {
        Class::ALL.into_iter().find(|class| class.matter() == self)
    }

    /// Tells whether it is a part of a customer's archive, and no case of its own, nothing of our staff, of readings or of the ledger.
    #[must_use]
    pub const fn of_archive(self) -> bool {
        match self {
            Self::List
            | Self::Basic
            | Self::PersonIdentity
            | Self::PersonPrivate
            | Self::Commercial
            | Self::Credit
            | Self::Strategy
            | Self::ContactLog
            | Self::OwnAreaCorrespondence
            | Self::OtherAreaCorrespondence => true,
            Self::ComplaintsService | Self::SuggestionsDemand | Self::Staff | Self::AccessLog | Self::Proofs => false,
        }
    }
}

impl fmt::Display for Matter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_and_its_matter_lead_to_each_other() {
        for class in Class::ALL {
            assert_eq!(class.matter().class(), Some(class));
        }
        assert_eq!(Matter::ALL.into_iter().filter(|matter| matter.class().is_none()).count(), 6);
    }

    #[test]
    fn keys_are_what_serde_writes() {
        for class in Class::ALL {
            assert_eq!(serde_json::to_value(class).unwrap(), class.key());
        }
        for matter in Matter::ALL {
            assert_eq!(serde_json::to_value(matter).unwrap(), matter.key());
        }
    }

    #[test]
    fn classes_stand_in_order_and_every_label_is_given() {
        assert!(Class::ALL.is_sorted() && Matter::ALL.is_sorted());
        assert!(Class::ALL.iter().all(|class| !class.zh().is_empty() && !class.en().is_empty()));
        assert!(Matter::ALL.iter().all(|matter| !matter.zh().is_empty() && !matter.en().is_empty()));
    }
}
