//! Data classes: how confidential a field is, and so who may see it.

use serde::{Deserialize, Serialize};

/// A data class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Class {
    /// The list.
    C0,
    /// Basic.
    C1,
    /// Commercial.
    C2,
    /// Credit.
    C3,
    /// A person's identity.
    C4,
    /// A person's private matters.
    C5,
    /// Strategy.
    C6,
    /// Staff.
    C7,
    /// Security.
    C8,
}

impl Class {
    /// Every class, in order.
    pub const ALL: [Self; 9] = [Self::C0, Self::C1, Self::C2, Self::C3, Self::C4, Self::C5, Self::C6, Self::C7, Self::C8];

    /// Returns the class as it is written.
    pub fn as_str(self) -> &'static str {
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

    /// Returns its label in English and Chinese.
    pub fn label(self) -> (&'static str, &'static str) {
        match self {
            Self::C0 => ("list", "名录"),
            Self::C1 => ("basic", "基本资料"),
            Self::C2 => ("commercial", "商务资料"),
            Self::C3 => ("credit", "信用资料"),
            Self::C4 => ("person identity", "个人身份"),
            Self::C5 => ("person private", "个人隐私"),
            Self::C6 => ("strategy", "策略资料"),
            Self::C7 => ("staff", "员工资料"),
            Self::C8 => ("security", "安全记录"),
        }
    }
}
