//! Data classes: how confidential a field is, and so who may see it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How confidential a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Class {
    /// That a customer exists, and under which name and code.
    C0,
    /// What every archive opens with: addresses, industry, registration.
    C1,
    /// Contracts, payments, sales, projects.
    C2,
    /// Grades, limits and terms.
    C3,
    /// Who a person is: name, post, telephone.
    C4,
    /// What is a person's own: family, habits, dates.
    C5,
    /// Plans, assessments, intentions.
    C6,
    /// About our own employees.
    C7,
    /// Who read what, who may what, and the ledger's own state.
    C8,
}

impl Class {
    /// Every class, from the most open on.
    pub const ALL: [Self; 9] =
        [Self::C0, Self::C1, Self::C2, Self::C3, Self::C4, Self::C5, Self::C6, Self::C7, Self::C8];

    /// Returns the key used in events and schemas.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::C0 => "C0",
            Self::C1 => "C1",
            Self::C2 => "C2",
            Self::C3 => "C3",
            Self::C4 => "C4",
            Self::C5 => "C5",
            Self::C6 => "C6",
            Self::C7 => "C7",
            Self::C8 => "C8",
        }
    }

    /// Returns the Chinese label.
    #[must_use]
    pub const fn zh(self) -> &'static str {
        match self {
            Self::C0 => "名录",
            Self::C1 => "基本资料",
            Self::C2 => "业务资料",
            Self::C3 => "信用资料",
            Self::C4 => "个人身份",
            Self::C5 => "个人隐私",
            Self::C6 => "策略资料",
            Self::C7 => "员工资料",
            Self::C8 => "安全资料",
        }
    }

    /// Returns the English label.
    #[must_use]
    pub const fn en(self) -> &'static str {
        match self {
            Self::C0 => "List",
            Self::C1 => "Basic",
            Self::C2 => "Commercial",
            Self::C3 => "Credit",
            Self::C4 => "Person identity",
            Self::C5 => "Person private",
            Self::C6 => "Strategy",
            Self::C7 => "Staff",
            Self::C8 => "Security",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.key())
    }
}
