//! The catalog: event types and their fields declared once, from which all else is derived.

use std::fmt::{self, Write as _};
use std::ops::Range;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use unicode_general_category::{GeneralCategory, get_general_category};
use unicode_normalization::{UnicodeNormalization, is_nfc};

use crate::clock::{Date, Timestamp};
use crate::domain::Refusal;
use crate::domain::class::Class;
use crate::ids::{CustomerId, EmployeeId, EntryId, SubjectId, UnitId};

/// An event type: what the catalog says of it.
#[derive(Debug)]
pub struct EventType {
    /// The name on the wire, such as `contact.recorded`.
    pub name: &'static str,
    /// Its label in Chinese.
    pub zh: &'static str,
    /// Its label in English.
    pub en: &'static str,
    /// What it records, in the customer's words.
    pub doc: &'static str,
    /// The payload's fields.
    pub fields: &'static [Field],
    /// The field that carries the business time, if one does.
    pub occurred: Option<&'static str>,
    /// The module it belongs to.
    pub module: &'static str,
    /// What a proposer must name as its subject; absent where the data determine it.
    pub subject: Option<Subject>,
    /// Whether the ledger alone enters it, whoever may wish to.
    pub system: bool,
    /// Whether it decides something: then it is superseded by another decision, and neither corrected nor voided.
    pub decision: bool,
}

/// A subject that a proposer names: a stream of one thing of a kind.
///
/// Written as an example, such as `contact/C-00042`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The kind of stream.
    pub stream: &'static str,
    /// Whose stream it is.
    pub of: Referent,
    /// Which of several such streams it is, as in `grade/C-00042/credit`.
    pub part: Option<&'static str>,
}

impl Subject {
    /// Returns the name of the stream of the thing of that id.
    pub fn named(&self, id: &str) -> String {
        let part = self.part.map(|part| format!("/{part}")).unwrap_or_default();
        format!("{}/{id}{part}", self.stream)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = match self.of {
            Referent::Customer => "C-00042",
            Referent::Employee => "E-101",
            Referent::Unit => "north",
            Referent::Person => "P-00042",
            Referent::Sale => "S-00042",
            Referent::Grant => "G-00042",
            Referent::Loan => "L-00042",
            Referent::Anomaly => "A-00042",
            Referent::Document => "D-00042",
            Referent::Record | Referent::Elsewhere(_) => "id",
        };
        formatter.write_str(&self.named(id))
    }
}

impl EventType {
    /// Returns the field of that name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// A field of a payload or of an object in it.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its identifier.
    pub name: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// Whether it must be present.
    pub required: bool,
    /// Whether the service computes it: a caller may leave it out.
    pub computed: bool,
    /// Whether its value is stored sealed.
    pub sealed: bool,
    /// The data class that decides who sees it.
    pub class: Class,
    /// Its label in Chinese.
    pub zh: &'static str,
    /// Its label in English.
    pub en: &'static str,
    /// What it means.
    pub doc: &'static str,
}

/// What values a field takes (the field grammar of events §0).
#[derive(Clone, Debug)]
pub enum Kind {
    /// An id in the subject grammar.
    Id,
    /// The id of an entry.
    EntryId,
    /// The id of something that exists.
    Reference(Referent),
    /// Text of so many characters, on one line.
    Str(usize, usize),
    /// Text of at most 4,000 characters.
    Text,
    /// A calendar date.
    Date,
    /// An instant.
    Instant,
    /// A quarter such as `2026Q1`.
    Quarter,
    /// Fen, not negative.
    Money,
    /// Fen, signed.
    SignedMoney,
    /// An integer in a range.
    Int(i64, i64),
    /// True or false.
    Bool,
    /// One of a closed list.
    Choice(&'static [Choice]),
    /// Several values of one kind.
    List(Box<Self>),
    /// An object with fields of its own.
    Object(&'static [Field]),
    /// An object from free keys to integers or texts.
    Map,
    /// Another event's payload, checked as that type.
    Payload,
    /// A value of whatever field it is for, checked as that field's.
    Any,
    /// A telephone number.
    Phone,
    /// An e-mail address.
    Email,
    /// A hash in 64 hex digits.
    Hash,
}

/// One value of a closed list.
#[derive(Debug)]
pub struct Choice {
    /// The stored identifier.
    pub value: &'static str,
    /// Its label in Chinese.
    pub zh: &'static str,
    /// Its label in English.
    pub en: &'static str,
}

/// What a reference points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Referent {
    /// A customer.
    Customer,
    /// An employee.
    Employee,
    /// An organisation unit.
    Unit,
    /// A key person of a customer.
    Person,
    /// A recorded sale.
    Sale,
    /// A request for access, or the grant it became.
    Grant,
    /// A loan of an archive file.
    Loan,
    /// An open anomaly.
    Anomaly,
    /// A filed document.
    Document,
    /// Any entry, by its id.
    Record,
    /// Something no module keeps yet: nothing of the kind exists.
    Elsewhere(&'static str),
}

impl Referent {
    /// Returns the name of the kind of thing.
    pub fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Employee => "employee",
            Self::Unit => "unit",
            Self::Person => "person",
            Self::Sale => "sale",
            Self::Grant => "grant",
            Self::Loan => "loan",
            Self::Anomaly => "anomaly",
            Self::Document => "document",
            Self::Record => "entry",
            Self::Elsewhere(name) => name,
        }
    }
}

/// The name of a kind of thing; in Chinese as `{:#}`, where it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thing(pub String);

impl From<&str> for Thing {
    fn from(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl fmt::Display for Thing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chinese = match self.0.as_str() {
            "customer" => "客户",
            "employee" => "员工",
            "unit" => "部门",
            "person" => "人员",
            "document" => "资料",
            "sale" => "销售记录",
            "payment" => "回款",
            "contract" => "合同",
            "complaint" => "投诉",
            "service" => "服务单",
            "contact" => "联系记录",
            "grant" => "查阅授权",
            "loan" => "借阅",
            "anomaly" => "异常",
            "entry" => "账本条目",
            "proposal" => "评定",
            name => name,
        };
        formatter.write_str(if formatter.alternate() { chinese } else { &self.0 })
    }
}

/// A Rust type that stands for a kind of value.
pub trait Shape {
    /// Whether a field of this type must be present.
    const REQUIRED: bool = true;
    /// Whether values are stored sealed.
    const SEALED: bool = false;

    /// Returns the kind.
    fn kind() -> Kind;

    /// Tells whether there is no value to write.
    fn absent(&self) -> bool {
        false
    }
}

/// Tells serde to leave out what is absent.
pub(crate) fn absent<T: Shape>(value: &T) -> bool {
    value.absent()
}

impl<T: Shape> Shape for Option<T> {
    const REQUIRED: bool = false;
    const SEALED: bool = T::SEALED;

    fn kind() -> Kind {
        T::kind()
    }

    fn absent(&self) -> bool {
        self.is_none()
    }
}

impl<T: Shape> Shape for Vec<T> {
    const SEALED: bool = T::SEALED;

    fn kind() -> Kind {
        Kind::List(Box::new(T::kind()))
    }
}

macro_rules! shapes {
    ($($type:ty => $kind:expr),* $(,)?) => {
        $(impl Shape for $type {
            fn kind() -> Kind {
                $kind
            }
        })*
    };
}

shapes! {
    bool => Kind::Bool,
    SubjectId => Kind::Id,
    EntryId => Kind::EntryId,
    CustomerId => Kind::Reference(Referent::Customer),
    EmployeeId => Kind::Reference(Referent::Employee),
    UnitId => Kind::Reference(Referent::Unit),
    Date => Kind::Date,
    Timestamp => Kind::Instant,
    crate::entry::Hash => Kind::Hash,
    serde_json::Map<String, Value> => Kind::Map,
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident => $kind:expr;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
            #[serde(transparent)]
            pub struct $name(pub String);

            impl Shape for $name {
                fn kind() -> Kind {
                    $kind
                }
            }
        )*
    };
}

texts! {
    /// Text of at most 4,000 characters.
    Text => Kind::Text;
    /// A telephone number.
    Phone => Kind::Phone;
    /// An e-mail address.
    Email => Kind::Email;
    /// A quarter such as `2026Q1`.
    Quarter => Kind::Quarter;
}

/// Text of `MIN` to `MAX` characters on one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Str<const MIN: usize, const MAX: usize>(pub String);

impl<const MIN: usize, const MAX: usize> Shape for Str<MIN, MAX> {
    fn kind() -> Kind {
        Kind::Str(MIN, MAX)
    }
}

/// An integer from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Int<const MIN: i64, const MAX: i64>(pub i64);

impl<const MIN: i64, const MAX: i64> Shape for Int<MIN, MAX> {
    fn kind() -> Kind {
        Kind::Int(MIN, MAX)
    }
}

/// The largest integer JSON carries everywhere without loss: 2^53 − 1.
pub const INTEGER_MAX: i64 = (1 << 53) - 1;

/// A count or an index.
pub type Count = Int<0, INTEGER_MAX>;

/// An amount in fen, not negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Money(pub i64);

impl Shape for Money {
    fn kind() -> Kind {
        Kind::Money
    }
}

/// An amount in fen with a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SignedMoney(pub i64);

impl Shape for SignedMoney {
    fn kind() -> Kind {
        Kind::SignedMoney
    }
}

/// Writes yuan, as people do.
impl fmt::Display for SignedMoney {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0.unsigned_abs() / 100, self.0.unsigned_abs() % 100);
        let digits = whole.to_string();
        formatter.write_str(if self.0 < 0 { "−¥" } else { "¥" })?;
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at) % 3 == 0 {
                formatter.write_char(',')?;
            }
            formatter.write_char(digit)?;
        }
        write!(formatter, ".{rest:02}")
    }
}

/// A value that is proposed as `T` and stored sealed; nothing in this room can open it.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed<T>(pub Value, #[serde(skip)] pub std::marker::PhantomData<T>);

impl<T> Sealed<T> {
    /// Returns the seal; before sealing, the value itself where it is a text.
    pub fn text(&self) -> &str {
        self.0.as_str().unwrap_or_default()
    }
}

/// Never shows the value: before sealing it is in clear.
impl<T> fmt::Debug for Sealed<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Sealed")
    }
}

impl<T> Clone for Sealed<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), std::marker::PhantomData)
    }
}

impl<T: Shape> Shape for Sealed<T> {
    const SEALED: bool = true;

    fn kind() -> Kind {
        T::kind()
    }
}

/// Declares a closed list of values with labels in two languages.
macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident $value:literal $zh:literal $en:literal,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
            pub enum $name {
                $(#[doc = $en] #[serde(rename = $value)] $variant,)*
            }

            impl $name {
                /// All of them, in the order declared.
                pub const ALL: &'static [Self] = &[$(Self::$variant),*];

                /// Returns the stored identifier.
                pub fn as_str(self) -> &'static str {
                    match self {
                        $(Self::$variant => $value,)*
                    }
                }
            }

            /// Writes the English label; the Chinese one as `{:#}`.
            impl std::fmt::Display for $name {
                fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    let (en, zh) = match self {
                        $(Self::$variant => ($en, $zh),)*
                    };
                    formatter.write_str(if formatter.alternate() { zh } else { en })
                }
            }

            impl $crate::domain::catalog::Shape for $name {
                fn kind() -> $crate::domain::catalog::Kind {
                    $crate::domain::catalog::Kind::Choice(&[
                        $($crate::domain::catalog::Choice { value: $value, zh: $zh, en: $en },)*
                    ])
                }
            }
        )*
    };
}

/// Declares objects within payloads: their fields as in [`events!`], without a wire name.
macro_rules! objects {
    ($(
        $(#[$doc:meta])*
        $name:ident {
            $($(#[doc = $field_doc:literal])* $field:ident: $type:ty, $class:ident, $zh:literal, $en:literal $(, $flag:ident)*;)*
        }
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
            #[serde(deny_unknown_fields)]
            pub struct $name {
                $(
                    $(#[doc = $field_doc])*
                    #[serde(skip_serializing_if = "crate::domain::catalog::absent")]
                    pub $field: $type,
                )*
            }

            impl $name {
                /// Returns the fields as the catalog declares them.
                pub fn fields() -> &'static [$crate::domain::catalog::Field] {
                    static FIELDS: std::sync::OnceLock<Vec<$crate::domain::catalog::Field>> = std::sync::OnceLock::new();
                    FIELDS.get_or_init(|| vec![
                        $($crate::domain::catalog::Field {
                            name: stringify!($field),
                            kind: <$type as $crate::domain::catalog::Shape>::kind(),
                            required: <$type as $crate::domain::catalog::Shape>::REQUIRED,
                            computed: $crate::domain::catalog::flagged("computed", &[$(stringify!($flag)),*]),
                            sealed: <$type as $crate::domain::catalog::Shape>::SEALED,
                            class: $crate::domain::class::Class::$class,
                            zh: $zh,
                            en: $en,
                            doc: concat!($($field_doc),*).trim_ascii(),
                        },)*
                    ])
                }
            }

            impl $crate::domain::catalog::Shape for $name {
                fn kind() -> $crate::domain::catalog::Kind {
                    $crate::domain::catalog::Kind::Object(Self::fields())
                }
            }
        )*
    };
}

/// Declares a module's event types and its closed enum `Event`.
///
/// One block is one type: its documentation, wire name, labels and fields. A field names its type, class
/// and labels; `computed` lets a caller leave it out, `occurred` makes it the business time. `on "contact" Customer`
/// says which subject its proposer must name, `by system` that nobody proposes it, `is decision` that it is neither corrected nor
/// voided but superseded; `on "grade" Customer "credit"` that the stream has a part of that name.
///
/// After `each Dimension;` every block is one shape under a name for each kind of dimension, `without` the fields that
/// a kind has no use for; the variants of `Event` then say which kind they are of.
macro_rules! events {
    (each $of:ident; $(
        $(#[doc = $doc:literal])*
        $name:ident $($kind:ident $wire:literal $zh:literal $en:literal $(is $what:ident)? $(without $left_out:ident)?;)+ {
            $($(#[doc = $field_doc:literal])* $field:ident: $type:ty, $class:ident, $field_zh:literal, $field_en:literal $(, $flag:ident)*;)*
        }
    )*) => {
        $crate::domain::catalog::objects! {
            $(
                $(#[doc = $doc])*
                $name {
                    $($(#[doc = $field_doc])* $field: $type, $class, $field_zh, $field_en $(, $flag)*;)*
                }
            )*
        }

        $(impl $name {
            const DOC: &'static str = concat!($($doc),*).trim_ascii();

            fn occurred() -> Option<&'static str> {
                $crate::domain::catalog::occurred(&[$((stringify!($field), &[$(stringify!($flag)),*])),*])
            }
        })*

        /// What can happen in this module, and of which kind it is.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Event {
            $($(#[doc = $doc])* $name($of, $name),)*
        }

        impl Event {
            /// Returns the type's name on the wire.
            pub fn name(&self) -> &'static str {
                match self {
                    $($(Self::$name($of::$kind, _) => $wire,)+)*
                }
            }

            /// Reads a payload of the type called `name`; `None` if the module has no such type.
            ///
            /// # Errors
            /// The payload has another shape.
            pub fn decode(name: &str, data: &str) -> Option<Result<Self, serde_json::Error>> {
                match name {
                    $($($wire => Some(serde_json::from_str(data).map(|event| Self::$name($of::$kind, event))),)+)*
                    _ => None,
                }
            }

            /// Reads a payload as [`Self::decode`] does, from a parsed document.
            ///
            /// # Errors
            /// The payload has another shape.
            pub fn read(name: &str, data: &serde_json::Value) -> Option<Result<Self, serde_json::Error>> {
                match name {
                    $($($wire => Some(
                        <$name as serde::Deserialize>::deserialize(data).map(|event| Self::$name($of::$kind, event)),
                    ),)+)*
                    _ => None,
                }
            }

            /// Returns the payload as canonical JSON.
            ///
            /// # Errors
            /// Never for payloads made of the catalog's shapes.
            pub fn text(&self) -> serde_json::Result<String> {
                let mut payload = $crate::domain::catalog::Payload::default();
                match self {
                    $(Self::$name(_, event) => {
                        $(payload.put(stringify!($field), &event.$field)?;)*
                    })*
                }
                payload.text()
            }
        }

        /// Returns this module's part of the catalog.
        pub fn types() -> Vec<$crate::domain::catalog::EventType> {
            vec![
                $($($crate::domain::catalog::EventType {
                    name: $wire,
                    zh: $zh,
                    en: $en,
                    doc: $name::DOC,
                    fields: {
                        static FIELDS: std::sync::OnceLock<Vec<$crate::domain::catalog::Field>> = std::sync::OnceLock::new();
                        let left_out: &[&str] = &[$(stringify!($left_out))?];
                        FIELDS.get_or_init(|| {
                            $name::fields().iter().filter(|field| !left_out.contains(&field.name)).cloned().collect()
                        })
                    },
                    occurred: $name::occurred(),
                    module: module_path!().rsplit("::").next().unwrap_or_default(),
                    subject: None,
                    system: false,
                    decision: $crate::domain::catalog::flagged("decision", &[$(stringify!($what))?]),
                },)+)*
            ]
        }
    };
    ($(
        $(#[doc = $doc:literal])*
        $name:ident $wire:literal $zh:literal $en:literal $(on $stream:literal $of:ident $($part:literal)?)? $(by $whom:ident)? $(is $what:ident)? {
            $($(#[doc = $field_doc:literal])* $field:ident: $type:ty, $class:ident, $field_zh:literal, $field_en:literal $(, $flag:ident)*;)*
        }
    )*) => {
        $crate::domain::catalog::objects! {
            $(
                $(#[doc = $doc])*
                $name {
                    $($(#[doc = $field_doc])* $field: $type, $class, $field_zh, $field_en $(, $flag)*;)*
                }
            )*
        }

        /// What can happen in this module.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Event {
            $($(#[doc = $doc])* $name($name),)*
        }

        impl Event {
            /// Returns the type's name on the wire.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => $wire,)*
                }
            }

            /// Reads a payload of the type called `name`; `None` if the module has no such type.
            ///
            /// # Errors
            /// The payload has another shape.
            pub fn decode(name: &str, data: &str) -> Option<Result<Self, serde_json::Error>> {
                match name {
                    $($wire => Some(serde_json::from_str(data).map(Self::$name)),)*
                    _ => None,
                }
            }

            /// Reads a payload as [`Self::decode`] does, from a parsed document.
            ///
            /// # Errors
            /// The payload has another shape.
            pub fn read(name: &str, data: &serde_json::Value) -> Option<Result<Self, serde_json::Error>> {
                match name {
                    $($wire => Some(<$name as serde::Deserialize>::deserialize(data).map(Self::$name)),)*
                    _ => None,
                }
            }

            /// Returns the payload as canonical JSON.
            ///
            /// # Errors
            /// Never for payloads made of the catalog's shapes.
            pub fn text(&self) -> serde_json::Result<String> {
                let mut payload = $crate::domain::catalog::Payload::default();
                match self {
                    $(Self::$name(event) => {
                        $(payload.put(stringify!($field), &event.$field)?;)*
                    })*
                }
                payload.text()
            }
        }

        /// Returns this module's part of the catalog.
        pub fn types() -> Vec<$crate::domain::catalog::EventType> {
            vec![
                $($crate::domain::catalog::EventType {
                    name: $wire,
                    zh: $zh,
                    en: $en,
                    doc: concat!($($doc),*).trim_ascii(),
                    fields: $name::fields(),
                    occurred: $crate::domain::catalog::occurred(&[$((stringify!($field), &[$(stringify!($flag)),*])),*]),
                    module: module_path!().rsplit("::").next().unwrap_or_default(),
                    subject: None$(.or(Some($crate::domain::catalog::Subject {
                        stream: $stream,
                        of: $crate::domain::catalog::Referent::$of,
                        part: None$(.or(Some($part)))?,
                    })))?,
                    system: $crate::domain::catalog::flagged("system", &[$(stringify!($whom))?]),
                    decision: $crate::domain::catalog::flagged("decision", &[$(stringify!($what))?]),
                },)*
            ]
        }

        $(impl From<$name> for Event {
            fn from(event: $name) -> Self {
                Self::$name(event)
            }
        })*
    };
}

/// Declares a module's refusals: their code, the rule they cite and their words in two languages.
macro_rules! refusals {
    ($(
        $(#[$doc:meta])*
        $name:ident $({ $($field:ident: $type:ty),* })? => $code:ident $rule:literal $(at $pointer:literal)?,
            $en:literal, $zh:literal;
    )*) => {
        /// Why this module says no.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Refusal {
            $(
                $(#[$doc])*
                $name $({ $(#[doc = concat!("The ", stringify!($field), ".")] $field: $type),* })?,
            )*
        }

        impl Refusal {
            /// Returns the code and the rule it cites.
            pub fn grounds(&self) -> (crate::domain::Code, &'static str) {
                match self {
                    $(Self::$name $({ $($field: _),* })? => (crate::domain::Code::$code, $rule),)*
                }
            }

            /// Returns the pointer of the field of the payload it is about, where it is about one.
            pub fn pointer(&self) -> Option<String> {
                match self {
                    $(Self::$name $({ $($field),* })? => {
                        $($(let _ = $field;)*)?
                        None::<String>$(.or_else(|| Some(format!($pointer))))?
                    })*
                }
            }

            /// Lists every refusal's name, code and the pointer of the field it is about, before values are filled in.
            #[cfg(test)]
            pub(crate) fn placed() -> Vec<(&'static str, $crate::domain::Code, Option<&'static str>)> {
                vec![$((stringify!($name), $crate::domain::Code::$code, None::<&'static str>$(.or(Some($pointer)))?)),*]
            }

            /// Returns the words in English and in Chinese.
            pub fn words(&self) -> (String, String) {
                match self {
                    $(Self::$name $({ $($field),* })? => {
                        $($(let _ = $field;)*)?
                        (format!($en), format!($zh))
                    })*
                }
            }

            /// Lists every refusal's name and its words in both languages, before values are filled in.
            #[cfg(test)]
            pub(crate) fn phrases() -> &'static [(&'static str, &'static str, &'static str)] {
                &[$((stringify!($name), $en, $zh)),*]
            }

            /// Lists every refusal's code and rule, for the test that compares them with the rules.
            pub fn all() -> &'static [(&'static str, crate::domain::Code, &'static str)] {
                &[$((stringify!($name), crate::domain::Code::$code, $rule)),*]
            }
        }
    };
}

pub(crate) use {choices, events, objects, refusals};

/// Returns a payload as a JSON value whose keys stand in the order of RFC 8785, at every depth.
///
/// Whether an object of `serde_json` keeps its keys sorted by itself depends on what else is compiled in.
/// Bytes and UTF-16 code units order our keys alike: they are ASCII.
pub(crate) fn canonical(payload: &impl Serialize) -> serde_json::Result<Value> {
    let mut value = serde_json::to_value(payload)?;
    value.sort_all_objects();
    Ok(value)
}

/// Returns about how many bytes a document has when it is written.
pub(crate) fn weight(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().map(|item| weight(item) + 1).sum(),
        Value::Object(map) => map.iter().map(|(key, value)| key.len() + 4 + weight(value)).sum(),
    }
}

/// A payload being written: its fields in any order, to be put in that of RFC 8785.
#[derive(Default)]
pub(crate) struct Payload {
    values: Vec<u8>,
    fields: Vec<(&'static str, Range<usize>)>,
}

impl Payload {
    /// Adds a field, unless its value is absent.
    pub(crate) fn put<T: Shape + Serialize>(&mut self, name: &'static str, value: &T) -> serde_json::Result<()> {
        if value.absent() {
            return Ok(());
        }
        let start = self.values.len();
        serde_json::to_writer(&mut self.values, value)?;
        // Objects within have an order of their own; a brace within a text only costs the longer way.
        if self.values.get(start..).is_some_and(|value| value.contains(&b'{')) {
            self.values.truncate(start);
            serde_json::to_writer(&mut self.values, &canonical(value)?)?;
        }
        self.fields.push((name, start..self.values.len()));
        Ok(())
    }

    /// Returns the object.
    pub(crate) fn text(mut self) -> serde_json::Result<String> {
        self.fields.sort_unstable_by_key(|(name, _)| *name);
        let names: usize = self.fields.iter().map(|(name, _)| name.len() + 4).sum();
        let mut text = Vec::with_capacity(self.values.len() + names + 2);
        text.push(b'{');
        for (name, place) in self.fields {
            if text.len() > 1 {
                text.push(b',');
            }
            text.push(b'"');
            text.extend_from_slice(name.as_bytes());
            text.extend_from_slice(b"\":");
            text.extend_from_slice(self.values.get(place).unwrap_or_default());
        }
        text.push(b'}');
        String::from_utf8(text).map_err(serde::ser::Error::custom)
    }
}

/// Tells whether a declaration carries `flag`.
pub(crate) fn flagged(flag: &str, flags: &[&str]) -> bool {
    flags.contains(&flag)
}

/// Finds the field flagged as the business time.
pub(crate) fn occurred(fields: &[(&'static str, &[&str])]) -> Option<&'static str> {
    fields.iter().find(|(_, flags)| flagged("occurred", flags)).map(|(name, _)| *name)
}

/// Returns the whole catalog, in the order of the modules.
pub fn types() -> &'static [EventType] {
    static TYPES: OnceLock<Vec<EventType>> = OnceLock::new();
    TYPES.get_or_init(crate::domain::types)
}

/// Finds an event type by its name on the wire.
pub fn find(name: &str) -> Option<&'static EventType> {
    types().iter().find(|kind| kind.name == name)
}

/// What is wrong with one value of a proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where, as a JSON pointer into the payload.
    pub pointer: String,
    /// What, in English.
    pub en: String,
    /// What, in Chinese.
    pub zh: String,
}

/// Checks a payload against its type and brings its texts to NFC, in place.
///
/// # Errors
/// Every problem found, each with its pointer; or the rule that forbids a field of that name, or a dimension.
pub fn check(kind: &EventType, data: &mut Value) -> Result<(), Refusal> {
    let mut checker = Checker { problems: Vec::new(), forbidden: None, pointer: String::new() };
    checker.object(kind.fields, data);
    match checker.forbidden {
        Some(refusal) => Err(refusal),
        None if checker.problems.is_empty() => Ok(()),
        None => Err(Refusal::Schema(checker.problems)),
    }
}

/// Checks one value as that of a place, and brings its texts to NFC, in place; problems are told with pointers from `pointer` on.
///
/// # Errors
/// Every problem found; or the rule that forbids a field of that name.
pub fn check_value(place: &Place, value: &mut Value, pointer: &str) -> Result<(), Refusal> {
    let mut checker = Checker { problems: Vec::new(), forbidden: None, pointer: pointer.to_owned() };
    checker.value(place.kind, value);
    match checker.forbidden {
        Some(refusal) => Err(refusal),
        None if checker.problems.is_empty() => Ok(()),
        None => Err(Refusal::Schema(checker.problems)),
    }
}

/// Where a pointer into a payload leads.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The innermost declared field.
    pub field: &'static Field,
    /// What values stand there: the field's, or those of an item of the field's list.
    pub kind: &'static Kind,
}

/// Finds where a pointer leads: to a field, to one of an object in it, or to an item of a list by its number; `None` if to nothing
/// that is declared, or into a value that is sealed as a whole.
pub fn locate(fields: &'static [Field], pointer: &str) -> Option<Place> {
    let mut parts = pointer.strip_prefix('/')?.split('/');
    let named = |fields: &'static [Field], name: &str| {
        let field = fields.iter().find(|field| field.name == name)?;
        Some(Place { field, kind: &field.kind })
    };
    let mut place = named(fields, parts.next()?)?;
    for part in parts {
        if place.field.sealed {
            return None;
        }
        place = match place.kind {
            Kind::Object(fields) => named(fields, part)?,
            Kind::List(item) if is_number(part) => Place { kind: item, ..place },
            Kind::List(_)
            | Kind::Id
            | Kind::EntryId
            | Kind::Reference(_)
            | Kind::Str(..)
            | Kind::Text
            | Kind::Date
            | Kind::Instant
            | Kind::Quarter
            | Kind::Money
            | Kind::SignedMoney
            | Kind::Int(..)
            | Kind::Bool
            | Kind::Choice(_)
            | Kind::Map
            | Kind::Payload
            | Kind::Any
            | Kind::Phone
            | Kind::Email
            | Kind::Hash => return None,
        };
    }
    Some(place)
}

/// Tells whether a part of a pointer is the number of an item, written as pointers write it.
fn is_number(part: &str) -> bool {
    part.parse::<u16>().is_ok_and(|number| number.to_string() == part)
}

/// Visits every value declared sealed in what stands at a place, with its pointer in the payload the place belongs to.
pub fn for_each_sealed_at<'a>(
    place: &Place,
    pointer: &str,
    value: &'a mut Value,
    visit: &mut dyn FnMut(&str, &'a mut Value),
) {
    let mut pointer = pointer.to_owned();
    if place.field.sealed {
        visit(&pointer, value);
    } else {
        walk_value(place.kind, value, &mut pointer, visit);
    }
}

struct Checker {
    problems: Vec<Problem>,
    forbidden: Option<Refusal>,
    pointer: String,
}

impl Checker {
    fn problem(&mut self, en: impl Into<String>, zh: impl Into<String>) {
        // A thousand wrong list items are told once: the answer stays small.
        if self.problems.len() < 64 {
            self.problems.push(Problem { pointer: self.pointer.clone(), en: en.into(), zh: zh.into() });
        }
    }

    fn at(&mut self, key: &str, check: impl FnOnce(&mut Self)) {
        let length = self.pointer.len();
        self.pointer.push('/');
        for part in key.split_inclusive(['~', '/']) {
            match part.as_bytes().last() {
                Some(b'~') => self.pointer.extend([part, "0"]),
                Some(b'/') => self.pointer.extend([part.trim_end_matches('/'), "~1"]),
                _ => self.pointer.push_str(part),
            }
        }
        check(self);
        self.pointer.truncate(length);
    }

    fn object(&mut self, fields: &[Field], value: &mut Value) {
        let Value::Object(map) = value else {
            return self.problem("must be an object", "须为对象");
        };
        for (key, value) in map.iter_mut() {
            match fields.iter().find(|field| field.name == key) {
                Some(field) => self.at(key, |this| this.value(&field.kind, value)),
                None => {
                    if let Some(refusal) = crate::domain::customer::forbidden_field(key) {
                        self.forbidden.get_or_insert(refusal);
                    }
                    self.at(key, |this| this.problem("is not a field of this type", "不是此类型的字段"));
                }
            }
        }
        for field in fields.iter().filter(|field| field.required && !field.computed) {
            if !map.contains_key(field.name) {
                self.at(field.name, |this| this.problem("is required", "必填"));
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "JSON's own kinds are not this crate's to enumerate")]
    fn value(&mut self, kind: &Kind, value: &mut Value) {
        normalize(value);
        match kind {
            Kind::Object(fields) => self.object(fields, value),
            Kind::List(kind) => match value {
                Value::Array(items) if items.len() <= 1000 => {
                    for (index, item) in items.iter_mut().enumerate() {
                        self.at(&index.to_string(), |this| this.value(kind, item));
                    }
                }
                Value::Array(_) => self.problem("has more than 1,000 items", "超过1000项"),
                _ => self.problem("must be a list", "须为列表"),
            },
            Kind::Map => match value {
                Value::Object(map) => self.map(map),
                _ => self.problem("must be an object", "须为对象"),
            },
            Kind::Payload => {
                if !value.is_object() {
                    self.problem("must be an object", "须为对象");
                }
            }
            // Which field it is for only who knows the entry it changes can tell, and checks.
            Kind::Any => {}
            Kind::Bool if value.is_boolean() => {}
            Kind::Bool => self.problem("must be true or false", "须为 true 或 false"),
            Kind::Int(min, max) => self.integer(value, *min, *max),
            Kind::Money => self.integer(value, 0, INTEGER_MAX),
            Kind::SignedMoney => self.integer(value, -INTEGER_MAX, INTEGER_MAX),
            Kind::Id
            | Kind::EntryId
            | Kind::Reference(_)
            | Kind::Str(..)
            | Kind::Text
            | Kind::Date
            | Kind::Instant
            | Kind::Quarter
            | Kind::Choice(_)
            | Kind::Phone
            | Kind::Email
            | Kind::Hash => match value {
                Value::String(text) => self.text(kind, text),
                _ => self.problem("must be a text", "须为文本"),
            },
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "JSON's own kinds are not this crate's to enumerate")]
    fn map(&mut self, map: &mut serde_json::Map<String, Value>) {
        for (key, value) in map.iter_mut() {
            let plain = key.bytes().all(|byte| byte.is_ascii_graphic()) && (1..=60).contains(&key.len());
            normalize(value);
            self.at(key, |this| {
                if !plain {
                    this.problem("is not a name", "不是合法名称");
                }
                match value {
                    Value::String(text) => this.text(&Kind::Str(0, 200), text),
                    Value::Number(_) => this.integer(value, -INTEGER_MAX, INTEGER_MAX),
                    _ => this.problem("must be a text or an integer", "须为文本或整数"),
                }
            });
        }
    }

    fn integer(&mut self, value: &Value, min: i64, max: i64) {
        if !value.as_i64().is_some_and(|number| (min..=max).contains(&number)) {
            self.problem(format!("must be an integer from {min} to {max}"), format!("须为{min}至{max}的整数"));
        }
    }

    fn text(&mut self, kind: &Kind, text: &str) {
        let breaks: &[char] = if matches!(kind, Kind::Text) { &['\n', '\t'] } else { LINE_BREAKS };
        if let Some((en, zh)) = control(text, breaks) {
            return self.problem(en, zh);
        }
        let length = text.chars().count();
        let valid = match kind {
            Kind::Reference(Referent::Record) | Kind::EntryId => text.parse::<EntryId>().is_ok(),
            Kind::Id | Kind::Reference(_) => text.parse::<SubjectId>().is_ok(),
            Kind::Str(min, max) => {
                (*min..=*max).contains(&length) && (*min == 0 || !is_blank(text)) && !text.contains(LINE_BREAKS)
            }
            Kind::Text => (1..=4000).contains(&length) && !is_blank(text),
            Kind::Date => text.parse::<Date>().is_ok(),
            Kind::Instant => text.parse::<Timestamp>().is_ok(),
            Kind::Quarter => is_quarter(text),
            Kind::Choice(choices) => choices.iter().any(|choice| choice.value == text),
            Kind::Phone => is_phone(text),
            Kind::Email => is_email(text),
            Kind::Hash => crate::entry::Hash::from_hex(text).is_some(),
            Kind::Money
            | Kind::SignedMoney
            | Kind::Int(..)
            | Kind::Bool
            | Kind::List(_)
            | Kind::Object(_)
            | Kind::Map
            | Kind::Payload
            | Kind::Any => false,
        };
        if !valid {
            if let Some(refusal) = crate::domain::customer::forbidden_dimension(&self.pointer, text) {
                self.forbidden.get_or_insert(refusal);
            }
            let (en, zh) = expectation(kind);
            self.problem(format!("must be {en}"), format!("须为{zh}"));
        }
    }
}

/// Says in both languages which control character a text holds, if it holds one besides those allowed: nobody sees it, so
/// nobody finds it by being told what the text must look like.
pub(crate) fn control(text: &str, allowed: &[char]) -> Option<(String, String)> {
    let (place, control) =
        (1..).zip(text.chars()).find(|(_, c)| (c.is_control() || turns(*c)) && !allowed.contains(c))?;
    let code = u32::from(control);
    Some((
        format!("holds the control character U+{code:04X} as its character {place}: leave it out"),
        format!("第{place}个字符是控制字符U+{code:04X}，请删去"),
    ))
}

/// What a text on one line may not hold either, but everybody sees.
pub(crate) const LINE_BREAKS: &[char] = &['\n', '\r'];

/// Says in both languages what a value of `kind` looks like.
pub fn expectation(kind: &Kind) -> (String, String) {
    let (en, zh) = match kind {
        Kind::Str(min, max) => {
            return (format!("{min} to {max} characters on one line"), format!("{min}至{max}个字符的单行文本"));
        }
        Kind::Choice(choices) => {
            let values: Vec<_> = choices.iter().map(|choice| choice.value).collect();
            return (format!("one of {}", values.join(", ")), format!("下列之一：{}", values.join("、")));
        }
        Kind::Id | Kind::Reference(_) => (
            "an id of up to 40 letters, digits, dots, underscores and hyphens",
            "不超过40个字母、数字、点、下划线、连字符的编号",
        ),
        Kind::EntryId => (
            "an entry id: 8 to 64 letters, digits, dots, underscores and hyphens",
            "事件编号：8至64个字母、数字、点、下划线、连字符",
        ),
        Kind::Text => ("1 to 4,000 characters", "1至4000个字符"),
        Kind::Date => ("a date such as 2026-03-05", "日期，如2026-03-05"),
        Kind::Instant => ("an instant such as 2026-03-05T09:30:00+08:00", "时间，如2026-03-05T09:30:00+08:00"),
        Kind::Quarter => ("a quarter such as 2026Q1", "季度，如2026Q1"),
        Kind::Phone => ("a telephone number", "电话号码"),
        Kind::Email => ("an e-mail address", "电子邮件地址"),
        Kind::Hash => ("64 hex digits", "64位十六进制"),
        Kind::Money | Kind::SignedMoney | Kind::Int(..) => ("an integer", "整数"),
        Kind::Bool => ("true or false", "true 或 false"),
        Kind::List(_) => ("a list", "列表"),
        Kind::Object(_) | Kind::Map | Kind::Payload => ("an object", "对象"),
        Kind::Any => ("a value of that field", "该字段的值"),
    };
    (en.into(), zh.into())
}

fn normalize(value: &mut Value) {
    if let Value::String(text) = value
        && !text.is_ascii()
        && !is_nfc(text)
    {
        *text = text.nfc().collect();
    }
}

/// White space alone is no name and no reason, nor is what nobody sees.
fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || unseen(c))
}

/// Tells whether a character turns the direction of what follows, so that a text reads otherwise than it is stored.
fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Tells whether a character leaves no mark where it stands: formats, joiners, selectors and fillers.
pub(super) fn unseen(c: char) -> bool {
    let filler = matches!(
        c,
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e0100}'..='\u{e01ef}'
    );
    filler || get_general_category(c) == GeneralCategory::Format
}

/// Tells whether a text names a quarter, as `2026Q1` does.
pub fn is_quarter(text: &str) -> bool {
    let digits = |part: &str| part.len() == 4 && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('Q').is_some_and(|(year, quarter)| digits(year) && matches!(quarter, "1" | "2" | "3" | "4"))
}

fn is_phone(text: &str) -> bool {
    (5..=24).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit() || b"+-(). /".contains(&byte))
}

fn is_email(text: &str) -> bool {
    let plain =
        |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control() || c == '@');
    text.len() <= 254
        && text.split_once('@').is_some_and(|(name, host)| plain(name) && plain(host) && host.contains('.'))
}

/// Tells whether any value of these fields is declared sealed.
pub fn seals(fields: &[Field]) -> bool {
    fn within(kind: &Kind) -> bool {
        if let Kind::List(kind) = kind { within(kind) } else { matches!(kind, Kind::Object(fields) if seals(fields)) }
    }
    fields.iter().any(|field| field.sealed || within(&field.kind))
}

/// Visits every value that is declared sealed, with its pointer.
pub fn for_each_sealed<'a>(fields: &[Field], data: &'a mut Value, visit: &mut dyn FnMut(&str, &'a mut Value)) {
    walk(fields, data, &mut String::new(), visit);
}

fn walk<'a>(fields: &[Field], data: &'a mut Value, pointer: &mut String, visit: &mut dyn FnMut(&str, &'a mut Value)) {
    let Value::Object(map) = data else { return };
    for (key, value) in map.iter_mut() {
        let Some(field) = fields.iter().find(|field| field.name == key) else { continue };
        let length = pointer.len();
        pointer.push('/');
        pointer.push_str(field.name);
        if field.sealed {
            visit(pointer, value);
        } else {
            walk_value(&field.kind, value, pointer, visit);
        }
        pointer.truncate(length);
    }
}

fn walk_value<'a>(kind: &Kind, value: &'a mut Value, pointer: &mut String, visit: &mut dyn FnMut(&str, &'a mut Value)) {
    match (kind, value) {
        (Kind::Object(fields), value) => walk(fields, value, pointer, visit),
        (Kind::List(kind), Value::Array(items)) => {
            if let Kind::Object(fields) = kind.as_ref() {
                for (index, item) in items.iter_mut().enumerate() {
                    let length = pointer.len();
                    pointer.push('/');
                    pointer.push_str(&index.to_string());
                    walk(fields, item, pointer, visit);
                    pointer.truncate(length);
                }
            }
        }
        _ => {}
    }
}

/// Visits every reference in a checked payload.
pub fn for_each_reference(fields: &[Field], data: &Value, visit: &mut dyn FnMut(&str, Referent, &str)) {
    refer(fields, data, &mut String::new(), &mut |pointer, kind, id| {
        if let Kind::Reference(referent) = kind {
            visit(pointer, *referent, id);
        }
    });
}

/// Visits the id of every entry that a checked payload names.
pub fn for_each_entry_id(fields: &[Field], data: &Value, visit: &mut dyn FnMut(&str, &str)) {
    refer(fields, data, &mut String::new(), &mut |pointer, kind, id| {
        if matches!(kind, Kind::EntryId | Kind::Reference(Referent::Record)) {
            visit(pointer, id);
        }
    });
}

fn refer(fields: &[Field], data: &Value, pointer: &mut String, visit: &mut dyn FnMut(&str, &Kind, &str)) {
    let Value::Object(map) = data else { return };
    for (key, value) in map {
        let Some(field) = fields.iter().find(|field| field.name == key) else { continue };
        let length = pointer.len();
        pointer.push('/');
        pointer.push_str(field.name);
        refer_value(&field.kind, value, pointer, visit);
        pointer.truncate(length);
    }
}

fn refer_value(kind: &Kind, value: &Value, pointer: &mut String, visit: &mut dyn FnMut(&str, &Kind, &str)) {
    match (kind, value) {
        (Kind::Reference(_) | Kind::EntryId, Value::String(id)) => visit(pointer, kind, id),
        (Kind::Object(fields), value) => refer(fields, value, pointer, visit),
        (Kind::List(kind), Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                let length = pointer.len();
                pointer.push('/');
                pointer.push_str(&index.to_string());
                refer_value(kind, item, pointer, visit);
                pointer.truncate(length);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The pointers of what is wrong with a contact in which one field has another value.
    fn wrong(field: &str, value: Value) -> Vec<String> {
        let mut data = contact();
        data[field] = value;
        match check(find("contact.recorded").unwrap(), &mut data) {
            Err(Refusal::Schema(problems)) => problems.into_iter().map(|problem| problem.pointer).collect(),
            Ok(()) => Vec::new(),
            Err(other) => panic!("{other:?}"),
        }
    }

    fn contact() -> Value {
        json!({
            "direction": "outbound", "channel": "visit", "at": "2026-03-02T10:00:00+08:00", "our_people": ["E-101"],
            "purpose": "care_bond", "summary": "Talked.\nThen\tlunch.", "major": false, "class": "C2",
        })
    }

    #[test]
    fn fen_are_written_as_yuan_without_loss() {
        let written = [0, 123_456_789, -5].map(|fen| SignedMoney(fen).to_string());
        assert_eq!(written, ["¥0.00", "¥1,234,567.89", "−¥0.05"]);
    }

    #[test]
    fn values_of_the_wrong_kind_are_refused_where_they_stand() {
        assert_eq!(wrong("major", json!(true)), [""; 0]);
        for (field, value) in [
            ("major", json!("true")),
            ("major", json!(1)),
            ("major", Value::Null),
            ("summary", json!(5)),
            ("summary", json!("")),
            ("summary", json!(" \n")),
            ("summary", json!("a\u{0}b")),
            ("summary", json!("a\u{7f}")),
            ("summary", json!("a\rb")),
            ("summary", json!("x".repeat(4001))),
            ("place", json!("two\nlines")),
            ("place", json!("")),
            ("place", json!("\u{3000}")),
            ("place", json!("x".repeat(121))),
            ("direction", json!("sideways")),
            ("direction", json!("Outbound")),
            ("class", json!("C4")),
            ("at", json!("2026-03-02")),
            ("at", json!("2026-03-02T10:00:00")),
            ("at", json!("2026-02-30T10:00:00Z")),
            ("our_people", json!("E-101")),
            ("our_people", json!({})),
            ("minutes", json!(-1)),
            ("minutes", json!(1441)),
            ("minutes", json!(30.0)),
            ("minutes", json!(30.5)),
            ("minutes", json!("30")),
            ("replies_to", json!("short")),
            ("weather", json!("fine")),
        ] {
            assert_eq!(wrong(field, value.clone()), [format!("/{field}")], "{value}");
        }
        assert_eq!(wrong("summary", json!("客".repeat(4000))), [""; 0]);
    }

    #[test]
    fn a_problem_points_into_lists_and_objects_and_at_strange_keys() {
        assert_eq!(wrong("our_people", json!(["E-101", "", 5])), ["/our_people/1", "/our_people/2"]);
        let promise = json!({ "promise_id": "PR-1", "text": "x", "due": "soon", "by~/": 1 });
        assert_eq!(
            wrong("promises", json!([promise])),
            ["/promises/0/due", "/promises/0/by~0~1", "/promises/0/responsible"]
        );
    }

    #[test]
    fn everything_wrong_is_told_at_once_but_not_endlessly() {
        let mut data = json!({});
        let Err(Refusal::Schema(problems)) = check(find("sale.recorded").unwrap(), &mut data) else {
            panic!("admitted")
        };
        let pointers: Vec<&str> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/customer_id",
                "/invoice_name",
                "/kind",
                "/product",
                "/product_category",
                "/region",
                "/amount",
                "/sold_on"
            ]
        );
        assert_eq!(wrong("our_people", json!(vec![5; 1000])).len(), 64);
        assert!(check(find("sale.recorded").unwrap(), &mut json!([])).is_err());
    }

    #[test]
    fn a_list_has_at_most_a_thousand_items() {
        assert_eq!(wrong("our_people", json!(vec!["E-101"; 1000])), [""; 0]);
        assert_eq!(wrong("our_people", json!(vec!["E-101"; 1001])), ["/our_people"]);
    }

    #[test]
    fn integers_end_where_json_stops_being_exact() {
        let amount = |amount: Value| {
            let mut data = json!({
                "customer_id": "C-01", "invoice_name": "x", "kind": "sale", "product": "x", "product_category": "x", "region": "x",
                "amount": amount, "sold_on": "2026-03-02",
            });
            check(find("sale.recorded").unwrap(), &mut data).is_ok()
        };
        assert!(amount(json!(INTEGER_MAX)));
        assert!(!amount(json!(INTEGER_MAX + 1)));
        assert!(!amount(json!(u64::MAX)));
        assert!(!amount(json!(1e3)));
    }

    #[test]
    fn texts_are_brought_to_their_composed_form_everywhere() {
        let mut data = contact();
        data["summary"] = json!("cafe\u{301}");
        data["promises"] =
            json!([{ "promise_id": "PR-1", "text": "e\u{301}", "due": "2026-03-02", "responsible": "E-101" }]);
        check(find("contact.recorded").unwrap(), &mut data).unwrap();
        assert_eq!((&data["summary"], &data["promises"][0]["text"]), (&json!("caf\u{e9}"), &json!("\u{e9}")));
        let mut data = json!({
            "unit": "hq", "presets": {}, "parameters": { "p.grade.credit_scale": "E\u{301}" }, "effective_at": "2026-03-02T02:00:00Z",
            "reason": "x",
        });
        check(find("policy.adopted").unwrap(), &mut data).unwrap();
        assert_eq!(data["parameters"]["p.grade.credit_scale"], "\u{c9}");
        // A length is that of the composed form.
        assert_eq!(wrong("place", json!("e\u{301}".repeat(120))), [""; 0]);
    }

    #[test]
    fn free_keys_are_plain_names_with_texts_and_integers() {
        let check_map = |presets: Value| {
            let mut data = json!({
                "unit": "hq", "presets": presets, "parameters": {}, "effective_at": "2026-03-02T02:00:00Z", "reason": "x",
            });
            check(find("policy.adopted").unwrap(), &mut data).is_ok()
        };
        assert!(check_map(json!({ "tier": "x", "number": 5 })));
        for bad in [
            json!([]),
            json!({ "": 1 }),
            json!({ "two words": 1 }),
            json!({ "客": 1 }),
            json!({ "x": null }),
            json!({ "x": 0.5 }),
            json!({ "x": [] }),
        ] {
            assert!(!check_map(bad.clone()), "{bad}");
        }
    }

    #[test]
    fn telephones_addresses_quarters_and_dates_have_their_forms() {
        let fits = |kind: &Kind, text: &str| {
            let mut checker = Checker { problems: Vec::new(), forbidden: None, pointer: String::new() };
            checker.text(kind, text);
            checker.problems.is_empty()
        };
        for (kind, good, bad) in [
            (
                Kind::Phone,
                ["0531 8000 0001", "+86 (531) 8000-0001", "12345"],
                ["1234", "0531x8000", "1234567890123456789012345"],
            ),
            (Kind::Email, ["a@example.com", "客户@例.cn", "a.b+c@d.e"], ["a@b", "a b@c.d", "a@b@c.d"]),
            (Kind::Quarter, ["2026Q1", "2026Q4", "1999Q2"], ["2026Q5", "2026q1", "26Q1"]),
            (Kind::Date, ["2026-02-28", "2024-02-29", "2026-12-31"], ["2026-02-29", "2026-2-28", "28.02.2026"]),
            (Kind::Id, ["C-01", "a", "A.b_c-9"], ["", "-a", "客户"]),
        ] {
            assert!(good.iter().all(|text| fits(&kind, text)), "{kind:?}");
            assert!(!bad.iter().any(|text| fits(&kind, text)), "{kind:?}");
        }
    }

    #[test]
    fn every_type_is_found_by_its_name_and_told_in_both_languages() {
        let mut names = std::collections::BTreeSet::new();
        for kind in types() {
            assert!(names.insert(kind.name), "{} twice", kind.name);
            assert_eq!(find(kind.name).map(|found| found.zh), Some(kind.zh));
            assert!(!kind.doc.is_empty() && is_chinese(kind.zh) && !kind.en.is_empty(), "{}", kind.name);
            assert!(kind.occurred.is_none_or(|name| kind.field(name).is_some()), "{}", kind.name);
            check_fields(kind.name, kind.fields);
        }
        assert!(find("no.such_type").is_none());
    }

    /// What is personal and stored open: the facts of consent, and what a fold must read without opening a seal.
    const OPEN: &[&str] = &[
        "consent.recorded/purpose",
        "consent.recorded/status",
        "consent.recorded/method",
        "consent.recorded/third_party",
        "person.recorded/function",
        "person.updated/changes/function",
        "person.updated/status",
    ];

    fn check_fields(of: &str, fields: &[Field]) {
        for field in fields {
            let of = format!("{of}/{}", field.name);
            assert!(is_chinese(field.zh) && !field.en.is_empty() && !field.doc.is_empty(), "{of}");
            let plain =
                field.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            assert!(plain, "{of}");
            let personal = matches!(field.class, Class::C4 | Class::C5);
            // Identifiers and references are never sealed; lists and objects are where what is in them is.
            let open =
                matches!(field.kind, Kind::List(_) | Kind::Object(_) | Kind::Id | Kind::Instant | Kind::Reference(_));
            assert!(
                field.sealed || !personal || open || OPEN.contains(&of.as_str()),
                "{of} is personal and stored open"
            );
            let (en, zh) = expectation(&field.kind);
            assert!(!en.is_empty() && !zh.is_empty(), "{of}");
            let inner = if let Kind::List(kind) = &field.kind { kind.as_ref() } else { &field.kind };
            if let Kind::Object(fields) = inner {
                check_fields(&of, fields);
            }
            if let Kind::Choice(choices) = inner {
                assert!(
                    choices
                        .iter()
                        .all(|choice| !choice.zh.is_empty() && !choice.en.is_empty() && !choice.value.is_empty()),
                    "{of}"
                );
            }
        }
    }

    fn is_chinese(text: &str) -> bool {
        text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
    }

    #[test]
    fn sealed_values_and_references_are_found_wherever_they_stand() {
        let mut data = json!({
            "added": [{ "role": "salesperson", "unit": "north" }, { "role": "hr", "unit": "hq" }], "removed": [], "reason": "x",
        });
        let kind = find("employee.roles_changed").unwrap();
        let mut references = Vec::new();
        for_each_reference(kind.fields, &data, &mut |pointer, referent, id| {
            references.push((pointer.to_owned(), referent, id.to_owned()));
        });
        assert_eq!(
            references,
            [
                ("/added/0/unit".to_owned(), Referent::Unit, "north".to_owned()),
                ("/added/1/unit".to_owned(), Referent::Unit, "hq".to_owned()),
            ]
        );
        let mut sealed = Vec::new();
        for_each_sealed(kind.fields, &mut data, &mut |pointer, _| sealed.push(pointer.to_owned()));
        assert_eq!(sealed, ["/reason"]);
        let mut data = json!({ "section": "basic", "changes": { "legal_representative": "x", "size": "y" } });
        let mut sealed = Vec::new();
        for_each_sealed(find("customer.profile_updated").unwrap().fields, &mut data, &mut |pointer, _| {
            sealed.push(pointer.to_owned());
        });
        assert_eq!(sealed, ["/changes/legal_representative"]);
    }
}
