//! What is the case between a reader and what is asked for: one bit per fact, named as the policies name it.

use std::fmt;
use std::ops::BitOr;

macro_rules! facts {
    ($($name:ident $bit:literal $key:literal $doc:literal)*) => {
        impl Facts {
            $(
                #[doc = $doc]
                pub const $name: Self = Self(1 << $bit);
            )*

            /// Every fact with the name the policies know it by, in the order of their bits.
            pub const ALL: [(Self, &'static str); FACT_COUNT] = [$((Self::$name, $key)),*];
        }
    };
}

/// A set of facts, true of one request; what is not in it is not the case.
///
/// The caller computes them on a snapshot of the world. They only say what *is*: a fact never implies another here,
/// so a reader who owns the customer of their own region carries both [`Facts::OWN`] and [`Facts::REGION`].
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Facts(u64);

/// How many facts there are.
pub const FACT_COUNT: usize = 54;

facts! {
    // Relations of the reader to what is asked for.
    OWN 0 "own" "Says that the customer is the reader's own: as owner, co-contact or customer manager (a loan is [`Self::LOAN`])."
    SELF 1 "self" "Says that it is about the reader."
    SUBMITTED 2 "submitted" "Says that the reader submitted, proposed or drafted it."
    JOB 3 "job" "Says that it belongs to a job or duty assigned to the reader."
    UNIT 4 "unit" "Says that the customer is a key account and the reader's unit, or one below it, is responsible for it."
    REGION 5 "region" "Says that it lies in the region or unit of the role, or of a unit below it."
    LOAN 6 "loan" "Says that the reader holds a live loan that covers it."
    GRANT 7 "grant" "Says that a live grant opens it to the reader for viewing."
    EXPORT_GRANT 8 "export_grant" "Says that a live grant that names the mode opens it to the reader for printing or exporting."
    // The reader's state and the request.
    ON_NOTICE 9 "on_notice" "Says that the reader has given or received notice."
    LEFT 10 "left" "Says that the reader has left or is suspended."
    OFFSITE 11 "offsite" "Says that the reader is away from the office."
    PURPOSE 12 "purpose" "Says that a purpose is given."
    NAMED_PERSON 13 "named_person" "Says that the purpose names the person asked about."
    BULK 14 "bulk" "Says that more than one customer is asked for."
    // The customer or the case.
    KEY_CUSTOMER 15 "key_customer" "Says that the customer is a recognized key account."
    ACCOUNTING_PROPOSED 16 "accounting_proposed" "Says that accounting proposed the grade."
    MAJOR 17 "major" "Says that the complaint is major."
    RETAIL 18 "retail" "Says that the customer is in the retail channel."
    CALL_OR_LETTER 19 "call_or_letter" "Says that the contact was a call or a letter."
    // The actor's place in the case.
    UNIT_HEAD 20 "unit_head" "Says that the actor is head of the unit in which the role is held."
    SUPERIOR 21 "superior" "Says that the actor is a superior of the responsible or first actor."
    STEP_HOLDER 22 "step_holder" "Says that the actor holds the step that is open."
    SUBSTITUTE 23 "substitute" "Says that the step moved up to the actor because its holder is disqualified."
    DECIDER 24 "decider" "Says that the actor decided the grant in question."
    ROUTED 25 "routed" "Says that the case was routed to the actor's department."
    HANDLER 26 "handler" "Says that the actor handles the complaint."
    RESPONSIBLE 27 "responsible" "Says that the actor is responsible for the promise."
    ADDRESSEE 28 "addressee" "Says that the report was addressed to the actor."
    SUCCESSOR 29 "successor" "Says that the actor is the named successor."
    TOOK_PART 30 "took_part" "Says that the actor took part in the contact."
    SUBJECT_WRITER 31 "subject_writer" "Says that the actor may append to the subject, as another decision said."
    SAME_BRANCH 32 "same_branch" "Says that the actor belongs to the branch being checked."
    FORCED 33 "forced" "Says that the handover is completed by order."
    WITH_ARCHIVIST 34 "with_archivist" "Says that the archivist confirmed the handover's items."
    // The part of a matter that is asked for.
    ABOUT_SALES 35 "about_sales" "Says that it is about sales."
    ABOUT_PROJECTS 36 "about_projects" "Says that it is about projects."
    ABOUT_SHIPPING 37 "about_shipping" "Says that it is about shipping."
    ABOUT_DOCUMENTS 38 "about_documents" "Says that it is about filed documents."
    ABOUT_GIFTS 39 "about_gifts" "Says that it is about gifts or receptions."
    ABOUT_SERVICE 40 "about_service" "Says that it is about service jobs."
    ABOUT_FEES 41 "about_fees" "Says that it is about service fees."
    ABOUT_SURVEY 42 "about_survey" "Says that it is about a qualification survey or a supply contract."
    ABOUT_GROWTH 43 "about_growth" "Says that it is about growth figures."
    ABOUT_DATES 44 "about_dates" "Says that it is about important dates."
    ABOUT_PRODUCTS 45 "about_products" "Says that it is about the customer's registered products."
    ABOUT_QUALITY 46 "about_quality" "Says that it is about quality."
    ABOUT_LOANS 47 "about_loans" "Says that it is about loans."
    ABOUT_ROLES 48 "about_roles" "Says that it is about accounts, roles and units."
    ABOUT_BENEFIT 49 "about_benefit" "Says that it is about the benefit of a suggestion."
    ABOUT_NEW_CUSTOMER 50 "about_new_customer" "Says that it is about a new-customer application."
    ABOUT_CORRECTIONS 51 "about_corrections" "Says that it is about corrections and voidings."
    // The reader's place in a grant or loan.
    REQUESTER 52 "requester" "Says that the reader asked for the grant, or holds the loan, in question."
    // What a correction or voiding is about.
    OF_ARCHIVE 53 "of_archive" "Says that it is of the parts of an archive that the archivist keeps."
}

impl Facts {
    /// The empty set: a stranger in the office without a purpose.
    pub const NONE: Self = Self(0);

    /// Returns the set with these facts added.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the set with these facts added if the condition holds.
    #[must_use]
    pub const fn with_if(self, condition: bool, other: Self) -> Self {
        if condition { self.with(other) } else { self }
    }

    /// Returns the set without these facts.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Returns the facts that are in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Says whether all of these facts hold.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Says whether no fact holds.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the fact of this name.
    #[must_use]
    pub fn named(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, name)| *name == key).map(|(fact, _)| fact)
    }

    /// Returns the names of the facts that hold, in the order of their bits.
    pub fn keys(self) -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().filter(move |(fact, _)| self.contains(*fact)).map(|(_, key)| key)
    }

    /// Returns the set whose bits these are; bits that name no fact are dropped.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits & ((1 << FACT_COUNT) - 1))
    }

    /// Returns the bits.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }
}

impl BitOr for Facts {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.with(other)
    }
}

impl fmt::Debug for Facts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_fact_has_a_bit_and_a_name_of_its_own() {
        let all = Facts::ALL.into_iter().fold(Facts::NONE, |set, (fact, _)| set | fact);
        assert_eq!(all.bits(), (1 << FACT_COUNT) - 1);
        assert_eq!(Facts::ALL.map(|(_, key)| key).into_iter().collect::<BTreeSet<_>>().len(), FACT_COUNT);
    }

    #[test]
    fn a_name_leads_back_to_its_fact() {
        for (fact, key) in Facts::ALL {
            assert_eq!(Facts::named(key), Some(fact));
            assert_eq!(fact.keys().collect::<Vec<_>>(), [key]);
        }
        assert_eq!(Facts::named("friend_of_the_house"), None);
    }

    #[test]
    fn what_is_added_holds_and_what_is_taken_away_does_not() {
        let facts = Facts::OWN.with_if(true, Facts::PURPOSE).with_if(false, Facts::OFFSITE);
        assert!(facts.contains(Facts::OWN | Facts::PURPOSE));
        assert!(!facts.contains(Facts::OFFSITE));
        assert_eq!(facts.without(Facts::OWN), Facts::PURPOSE);
        assert_eq!(facts.intersection(Facts::OWN | Facts::GRANT), Facts::OWN);
        assert!(facts.without(facts).is_empty());
    }

    #[test]
    fn bits_that_name_nothing_are_dropped() {
        assert_eq!(Facts::from_bits(u64::MAX).keys().count(), FACT_COUNT);
        assert_eq!(Facts::from_bits(u64::MAX).bits().count_ones() as usize, FACT_COUNT);
    }
}
