//! Who may do what: the access policies against a second, independently typed copy of the rights they implement.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use cedar_policy::{Authorizer, Context, Entities, EntityUid, PolicyId, PolicySet, Request, RestrictedExpression};
use dossier::access::decide::{Action, Authority, BUILTIN, Decision, Policies, Resource, schema};
use dossier::access::facts::Facts;
use dossier::access::matter::Matter;
use dossier::domain::catalog;
use dossier::domain::role::Role;
use proptest::prelude::*;

/// The access matrix, typed from the specification: one row per role, one cell per matter in the order of
/// [`Matter::ALL`]. `R A P X` are read, append, approve, print and export; `o r u j s g l m` the conditions; a word in
/// brackets is the part of the matter. `n` stands for "no content".
const MATRIX: &str = "
salesperson         : R     | Ro Ao       | Ro Ao | Ro Ao  | Ro           | Ro Ao    | Ro Ao    | Ro Ao    | Rr Ar | Rg  | Ro A            | Rs A            | Rs       | Rs             | R
sales_manager       : R     | Rr Ar Xg    | Rr Ar | Ro Rl Ao | Rr         | Rr Ao    | Rr Ar    | Rr Ar Pr | Rr Ar | Rg  | Rr A            | Rr A            | Rr       | Rs             | R
regional_gm         : R X   | Rr Ar Xr    | Rr    | Rg     | Rr Xg        | Rr Pr    | Rr Pr    | Rr Pr    | Rr Pr | Rg  | Rr              | Rr              | Rr Ar    | Rr             | R
customer_manager    : R     | Ro Ao Xg    | Ro Ao | Ro Ao  | Ro Ao(projects) | Ro Ao | Ro Ao    | Ro Ao    | Rr Ar | Rg  | Ro A            | Ro A            | Rs       | Rs             | R
ka_committee        : R X   | Ru          | Ru    | Rg     | Ru           | Ru       | Ru Au Pu | Ru       |       | Rg  | Ru              | Ru              | Ru       |                | R
ka_department       : R X   | Ru Au       | Ru    | Rg     | Ru           | Ru       | Ru Au    | Ru       |       | Rg  | Ru Au           | Ru A            | Ru       |                | R
marketing           : R X   | R A Xg      | R     | Rg     | R A(shipping) | Rg      | Rg       | R        | R A   | Rg  | R A P           | R A P           |          |                | R
market_director     : R X   | R Xg        | R     | Rg     | R            | Rg       | R A P    | R P      | R Pr  | Rg  | R               | R               | Rr Ar    |                | R
market_section office_section : R | R     | Rm    |        | R(sales)     |          |          |          |       |     |                 | R A(new_customer) |        |                | R
archivist           : R A X | R A Xg      | R A   | Rg A   | R A(documents) | Rg     | Rg       | R A      | R     | R   | R               | R               |          | R(loans) A(loans) R(corrections) | R
commerce            : R     | R           | Rm    |        | R A          | Rg       | R(growth) | Rm      |       |     | R               |                 |          |                | R
accounting          : R     | R           | Rm    |        | R A          | R A P Xg |          |          |       |     | R(fees)         | R A(benefit)    |          |                | R
sales_admin         : R     | R           | R     | R(dates) | Rs A(gifts) |         |          | R        |       |     |                 |                 |          |                | R
product planning planning_manager : R | R | Rm    |        | R(sales)     |          | Rs       | Rm       |       |     | Rm              | R A P           |          |                | R
specialist materials_head : R | Rj        | Rj    |        | Rj Aj(survey) | Rj      |          |          |       |     | Rj              | Rj Aj           |          |                | R
service_clerk       : R     | R A(products) | Rj  |        | R(service)   |          |          | Rj       | Rr    |     | Rr A            | A               | Rs       |                | R
technician          :       | Rj          | Rj    |        | Aj(fees)     |          |          |          |       |     | Rj Aj           | A               | Rs       |                | R
service_supervisor branch_manager : Rr | Rr | Rr   |        | Rr(service)  |          |          | Rr       | Rr    |     | Rr Ar Pr        | Rr              | Rr       |                | R
service_department  : R     | R           | R     |        | R(service)   |          |          | R        | R     | Rg  | R A P Xg        | R A             | Rr Ar    |                | R
production_monitor branch_engineer : R | Ru | Ru   |        | Ru           |          |          | Ru Au    |       |     | Ru Au Pu        |                 |          |                | R
market_development  : R     | Rr Ar       | Rr Ar | Rg     | Rr           | Rg       | Rr Ar    | Rr Ar    |       |     | Rr              |                 |          |                | R
correspondence_admin : R    | R           | Rm    |        |              |          |          |          | R A   | R A |                 |                 |          |                | R
hse                 : R     | Rj          | Rj    |        | Rj           |          |          |          |       |     | R(quality) A(quality) |           | Rj       |                | R
department_head     : R     | Rr          | Rr    | Rg     | Rr           | Rg       | Rr       | Rr Pr    | Rr Pr | P   | Rr Pr           | Rr Pr           | Rr Ar Pr | Rr             | R
deputy_gm general_manager : R X | R X     | R     | Rg     | R X          | R P Xg   | R P      | R        | R     | R   | R P             | R P             | R P      | R              | R
hr                  :       |             |       |        |              |          |          |          |       |     |                 |                 | R A      |                | R
compliance          : R     | R           | R     | Rg P   | R            | R        | R        | R        | R     | R   | R               | R               | R A P    | R P X          | R X
auditor             : R X   | R Xg        | Rm    | Rm Rg  | R Xg         | R Xg     | R        | R        | R     | R   | R               | R               | Rm       | R X            | R A X
system_admin        : Rn    |             |       |        |              |          |          |          |       |     |                 |                 | R(roles) A(roles) |       | R
";

/// Who may append which event, typed from the specification: event types, then roles with the facts they need;
/// `*` is every role, `!` says that the fact must not hold.
const EVENTS: &str = "
ledger.verified : auditor compliance
policy.adopted : general_manager department_head marketing market_director deputy_gm?substitute compliance?substitute
policy.reviewed : market_director
calendar.adopted : hr
record.corrected record.voided : *?submitted *?superior archivist?of_archive
signoff.recorded : *?step_holder deputy_gm?substitute general_manager?substitute compliance?substitute
approval.requested : *?subject_writer
approval.given approval.declined : *?step_holder deputy_gm?substitute general_manager?substitute compliance?substitute
document.filed : *?subject_writer archivist
obligation.extended : *?superior *?routed deputy_gm?substitute general_manager?substitute compliance?substitute
clock.accepted : system_admin
org_unit.defined : hr system_admin
employee.registered employee.status_changed : hr
employee.roles_changed : system_admin
training.recorded : department_head ka_committee planning
appraisal.recorded : market_director service_department ka_department department_head marketing
reward.granted : planning_manager marketing department_head general_manager deputy_gm?substitute compliance?substitute
violation.recorded : compliance department_head production_monitor ka_department
access.requested : *
access.decided : department_head accounting?unit_head compliance deputy_gm?substitute general_manager?substitute
access.revoked : department_head?decider accounting?decider deputy_gm?decider general_manager?decider compliance
archive.borrowed archive.returned : archivist
consent.recorded : salesperson?own sales_manager?region customer_manager?own compliance
personal_data.erased legal_hold.placed legal_hold.lifted : compliance
customer.registered customer.individual_registered : salesperson?region sales_manager?region customer_manager?region marketing?region market_development?region service_clerk?region archivist
customer.profile_updated customer.classified person.recorded person.updated : salesperson?own sales_manager?region customer_manager?own archivist
customer.code_assigned customer.marked_duplicate archive.verified : archivist
customer.owner_assigned : sales_manager?region department_head?region ka_committee?key_customer
customer.status_changed : salesperson?own sales_manager?region
relationship.assessed : sales_manager?region customer_manager?own salesperson?own
gift.issued : sales_admin
reception.planned reception.completed : sales_admin salesperson?own customer_manager?own marketing
campaign.conducted : product marketing ka_committee sales_manager?region
visit_plan.submitted : salesperson?self salesperson?submitted sales_manager?self sales_manager?submitted customer_manager?self customer_manager?submitted
contact.recorded : *?took_part archivist?call_or_letter
commitment.closed : *?responsible *?own
correspondence.received demand_info.submitted complaint.registered report.filed/oral_notice : *
correspondence.drafted : salesperson?region sales_manager?region customer_manager?region marketing
correspondence.registered : correspondence_admin
correspondence.sent : correspondence_admin *?submitted
opportunity.opened opportunity.updated opportunity.closed : salesperson?own sales_manager?region customer_manager?own
account_plan.submitted : sales_manager?region salesperson?own customer_manager?own marketing ka_department market_director
qualification.surveyed : materials_head specialist customer_manager?retail
qualification.applied : materials_head sales_manager customer_manager
qualification.decided : market_director deputy_gm?substitute general_manager?substitute compliance?substitute
onboarding.notified : archivist materials_head
new_customer.applied : salesperson?own
new_customer.decided : market_section deputy_gm?substitute general_manager?substitute compliance?substitute
new_customer.filed : office_section
credit_grade.proposed : salesperson?own customer_manager?own accounting?key_customer
business_grade.proposed : salesperson?own customer_manager?own
credit_grade.reviewed business_grade.reviewed business_grade.approved business_grade.rejected : regional_gm?region deputy_gm?substitute general_manager?substitute compliance?substitute
credit_grade.approved credit_grade.rejected : regional_gm?region&!key_customer&!accounting_proposed accounting?unit_head&key_customer&!accounting_proposed general_manager?accounting_proposed deputy_gm?substitute general_manager?substitute compliance?substitute
credit_grade.withdrawn business_grade.withdrawn : *?submitted
credit_review.recorded trade_terms.set : accounting
anomaly.reported : commerce accounting customer_manager?own sales_manager?region archivist
anomaly.resolved : *?addressee deputy_gm?substitute general_manager?substitute compliance?substitute
key_account.nominated : market_development regional_gm?region production_monitor accounting customer_manager?retail
key_account.scored : ka_department
key_account.decided : ka_committee deputy_gm?substitute general_manager?substitute compliance?substitute
key_account.assignment_changed key_account.project_allocated key_account.evaluated key_account.list_published : ka_committee
suggestion.target_set suggestion.received suggestion.routed suggestion.answered suggestion.implemented : marketing
suggestion.researched : specialist?routed
suggestion.benefit_recorded : accounting
demand_plan.set : planning_manager
demand_need.announced demand_info.adopted : sales_manager?region regional_gm?region department_head?region
demand_info.assessed : planning deputy_gm?substitute general_manager?substitute compliance?substitute
demand_info.distributed : planning
contract.signed contract.status_changed : archivist sales_manager?region accounting materials_head
contract.renewal_notified : service_clerk service_supervisor
sale.recorded : commerce accounting
project.status_recorded : commerce accounting customer_manager?own
payment.recorded : accounting technician?job
shipment.released : marketing
invoice.issued : accounting marketing
product.registered service_call.received service_call.closed service_register.forwarded : service_clerk?region
service_call.dispatched repair.inspected : service_supervisor?region
service_call.arrived service_call.completed goods.taken_in repair.logged repair.delay_reported goods.returned : technician?job
survey.sent survey.returned : service_department ka_department marketing branch_engineer
survey.verified : production_monitor?!same_branch
complaint.classified complaint.assigned complaint.reopened : service_department marketing
complaint.investigated : *?handler hse?about_quality
complaint.decided : service_department?!major deputy_gm?major deputy_gm?substitute general_manager?substitute compliance?substitute
complaint.answered complaint.improvement_recorded complaint.closed : service_department *?handler marketing
report.filed/project_execution_quarter report.filed/key_growth_quarter report.filed/new_customer_quarter report.filed/registration_status_year : commerce
report.filed/credit_quarter : accounting
report.filed/archive_improvement_quarter : archivist
report.filed/market_info : sales_manager
report.filed/new_customer_progress report.filed/channel_month : sales_manager salesperson
report.filed/customer_business : sales_manager salesperson customer_manager
report.filed/key_account_quarter : customer_manager
report.filed/key_account_year report.filed/key_account_work : customer_manager ka_department
report.filed/technician_daily : technician
report.filed/supervisor_daily : service_supervisor
report.filed/satisfaction : ka_department service_department marketing
report.filed/feedback_analysis : service_department marketing
handover.started : department_head?region deputy_gm?substitute general_manager?substitute compliance?substitute
handover.item_received : sales_manager?region department_head?region archivist
handover.successor_accepted : *?successor
handover.customer_notified : department_head?region *?successor
handover.completed : department_head?region&with_archivist&!forced general_manager?forced deputy_gm?substitute general_manager?substitute compliance?substitute
";

/// Nobody decides about themselves (first), or on what they submitted (second).
const ABOUT_SELF: &str = "appraisal.recorded violation.recorded reward.granted archive.borrowed archive.returned \
    survey.returned access.decided handover.started handover.item_received complaint.investigated complaint.decided";
const OWN_SUBMISSION: &str = "access.decided approval.given approval.declined signoff.recorded qualification.decided \
    anomaly.resolved demand_info.assessed demand_info.distributed credit_grade.reviewed credit_grade.approved \
    credit_grade.rejected business_grade.reviewed business_grade.approved business_grade.rejected";

static POLICIES: LazyLock<Arc<Policies>> =
    LazyLock::new(|| Policies::builtin().expect("the built-in policies are valid"));

fn matter(role: Role, action: Action, matter: Matter, facts: Facts) -> Decision {
    POLICIES.decide(role, action, Resource::Matter(matter), facts)
}

fn event(role: Role, event: &str, facts: Facts) -> Decision {
    POLICIES.decide(role, Action::Append, Resource::Event(event), facts)
}

/// The relations and parts that open a cell of the matrix; purpose and office are given throughout.
fn openers() -> Vec<Facts> {
    let relations = [
        Facts::OWN,
        Facts::SELF,
        Facts::SUBMITTED,
        Facts::JOB,
        Facts::UNIT,
        Facts::REGION,
        Facts::LOAN,
        Facts::GRANT,
        Facts::EXPORT_GRANT,
    ];
    let parts = Facts::ALL.into_iter().filter(|(_, key)| key.starts_with("about_")).map(|(fact, _)| fact);
    relations.into_iter().chain(parts).collect()
}

/// Every set of at most two of these facts, smaller ones first.
fn up_to_two(facts: &[Facts]) -> Vec<Facts> {
    let singles = facts.iter().copied();
    let pairs = facts.iter().enumerate().flat_map(|(at, one)| facts.iter().skip(at + 1).map(|other| *one | *other));
    std::iter::once(Facts::NONE).chain(singles).chain(pairs).collect()
}

/// One right of the matrix, such as `Rr(service)`.
struct Right {
    letter: char,
    condition: Option<char>,
    part: Facts,
}

/// The matrix as the second opinion reads it.
fn matrix() -> BTreeMap<(Role, Matter), Vec<Right>> {
    let mut matrix = BTreeMap::new();
    for line in MATRIX.lines().filter(|line| !line.is_empty()) {
        let (roles, cells) = line.split_once(':').expect("a row has a colon");
        let cells: Vec<&str> = cells.split('|').collect();
        assert_eq!(cells.len(), Matter::ALL.len(), "{roles}");
        for role in roles.split_whitespace() {
            let role = role.parse().expect("a role");
            for (matter, cell) in Matter::ALL.into_iter().zip(&cells) {
                assert!(matrix.insert((role, matter), cell.split_whitespace().map(right).collect()).is_none());
            }
        }
    }
    assert_eq!(matrix.len(), 36 * 15);
    matrix
}

fn right(token: &str) -> Right {
    let (head, part) = token.strip_suffix(')').and_then(|token| token.split_once('(')).unwrap_or((token, ""));
    let mut letters = head.chars();
    let letter = letters.next().expect("a letter");
    let part = match part {
        "" => Facts::NONE,
        part => Facts::named(&format!("about_{part}")).expect("a part"),
    };
    Right { letter, condition: letters.next(), part }
}

/// Says whether the matrix and its extra conditions permit, and whether masked; written without a look at the policies.
fn expected(rights: &[Right], role: Role, action: Action, matter: Matter, facts: Facts) -> (bool, bool) {
    let holds = |fact| facts.contains(fact);
    let confidential =
        [Matter::Commercial, Matter::Credit, Matter::PersonIdentity, Matter::PersonPrivate, Matter::Strategy];
    let region =
        holds(Facts::REGION) && !(confidential.contains(&matter) && holds(Facts::KEY_CUSTOMER) && !holds(Facts::UNIT));
    let letter = match action {
        Action::Read => 'R',
        Action::Print | Action::Export => 'X',
        Action::Append => 'A',
        Action::Approve => 'P',
        Action::Borrow | Action::GrantAccess => return (false, false),
    };
    let mut open = false;
    let mut unmasked = false;
    for right in rights.iter().filter(|right| right.letter == letter && holds(right.part)) {
        let grant = if action == Action::Read { holds(Facts::GRANT) } else { holds(Facts::EXPORT_GRANT) };
        let applies = match right.condition {
            None | Some('m' | 'n') => true,
            Some('o') => holds(Facts::OWN),
            Some('r') => region,
            Some('u') => holds(Facts::UNIT),
            Some('j') => holds(Facts::JOB),
            Some('s') if matter == Matter::Staff => holds(Facts::SELF),
            Some('s') => holds(Facts::SELF) || holds(Facts::SUBMITTED),
            Some('g') => grant,
            Some('l') => holds(Facts::LOAN),
            Some(other) => unreachable!("unknown condition {other}"),
        };
        // a grant reaches beyond one's own, for what one may read of one's own.
        let archive = confidential.contains(&matter) || matches!(matter, Matter::Basic | Matter::ContactLog);
        let granted = action == Action::Read
            && grant
            && ((archive && matches!(right.condition, Some('o' | 'r' | 'u' | 'j')))
                || (matter == Matter::AccessLog && matches!(right.condition, Some('s' | 'r'))));
        // Extra condition 4: so does a loan, for supervisors and above.
        let borrower = !matches!(role, Role::Salesperson | Role::KaDepartment | Role::MarketDevelopment)
            && !matches!(role, Role::ProductionMonitor | Role::BranchEngineer);
        let lent = action == Action::Read
            && holds(Facts::LOAN)
            && archive
            && borrower
            && matches!(right.condition, Some('o' | 'r' | 'u'));
        if applies || granted || lent {
            open = true;
            unmasked |= !matches!(right.condition, Some('m' | 'n'));
        }
    }
    // Extra condition 6.
    if action == Action::Read && holds(Facts::SELF) {
        match matter {
            Matter::Staff => (open, unmasked) = (true, true),
            Matter::ComplaintsService if role != Role::SystemAdmin => open = true,
            _ => {}
        }
    }
    // a purpose that names the person unmasks for the auditor.
    let person = matches!(matter, Matter::PersonIdentity | Matter::PersonPrivate);
    unmasked |= open && role == Role::Auditor && person && holds(Facts::NAMED_PERSON);
    // Extra condition 3, and R-025.
    let ungranted = letter == 'X'
        && matches!(matter, Matter::Commercial | Matter::Credit | Matter::PersonIdentity)
        && !holds(Facts::EXPORT_GRANT);
    let own_case = letter == 'P' && (holds(Facts::SELF) || holds(Facts::SUBMITTED));
    let allowed = open && !ungranted && !own_case;
    (allowed, allowed && !unmasked)
}

/// Says what the second table permits a role to read, and whether it sees persons unmasked; a purpose is given, in the office.
pub(crate) fn readable(role: Role, column: Matter, facts: Facts) -> (bool, bool) {
    static SECOND: LazyLock<BTreeMap<(Role, Matter), Vec<Right>>> = LazyLock::new(matrix);
    let (allowed, masked) = expected(&SECOND[&(role, column)], role, Action::Read, column, facts);
    (allowed, allowed && !masked)
}

/// Says whether the second table lets a role append an event when these facts hold; `None` if it does not know the type.
pub(crate) fn appendable(role: Role, event_type: &str, facts: Facts) -> Option<bool> {
    let rows = EVENTS.lines().filter_map(|line| line.split_once(" : "));
    let mut rows = rows.filter(|(events, _)| events.split_whitespace().any(|listed| listed == event_type)).peekable();
    rows.peek()?;
    let listed = rows.flat_map(|(_, grants)| grants.split_whitespace().map(grant)).any(|(to, with, without)| {
        (to == "*" || to == role.key()) && facts.contains(with) && facts.intersection(without).is_empty()
    });
    let auditor = role == Role::Auditor && !matches!(event_type, "ledger.verified" | "access.requested");
    Some(listed && !auditor)
}

#[test]
fn every_cell_of_the_matrix_is_as_typed_a_second_time() {
    let matrix = matrix();
    let mut asked = openers();
    asked.extend([Facts::KEY_CUSTOMER, Facts::NAMED_PERSON]);
    let sets = up_to_two(&asked);
    let key_account_of_a_unit = Facts::REGION | Facts::KEY_CUSTOMER | Facts::UNIT;
    for ((role, column), rights) in &matrix {
        for action in [Action::Read, Action::Print, Action::Export, Action::Append, Action::Approve] {
            for set in sets.iter().copied().chain([key_account_of_a_unit]) {
                let decision = matter(*role, action, *column, set | Facts::PURPOSE);
                assert_eq!(
                    (decision.allowed, decision.masked),
                    expected(rights, *role, action, *column, set),
                    "{role} {} {column} {set:?} {decision:?}",
                    action.key()
                );
            }
        }
    }
}

#[test]
fn every_event_may_be_appended_by_whom_the_second_table_says() {
    let mut named = BTreeSet::new();
    for line in EVENTS.lines().filter(|line| !line.is_empty()) {
        let (events, grants) = line.split_once(" : ").expect("a row has a colon");
        let grants: Vec<(&str, Facts, Facts)> = grants.split_whitespace().map(grant).collect();
        let mentioned =
            grants.iter().fold(Facts::SELF | Facts::SUBMITTED, |all, (_, with, without)| all | *with | *without);
        let mentioned: Vec<Facts> = mentioned.keys().filter_map(Facts::named).collect();
        let mut sets = up_to_two(&mentioned);
        sets.extend(Facts::ALL.into_iter().map(|(fact, _)| fact).filter(|fact| *fact != Facts::LEFT));
        for event_type in events.split_whitespace() {
            named.insert(event_type);
            for (role, facts) in Role::ALL.into_iter().flat_map(|role| sets.iter().map(move |set| (role, *set))) {
                let listed = grants.iter().any(|(to, with, without)| {
                    (*to == "*" || *to == role.key())
                        && facts.contains(*with)
                        && facts.intersection(*without).is_empty()
                });
                let among = |list: &str| list.split_whitespace().any(|listed| listed == event_type);
                let about_self = facts.contains(Facts::SELF) && among(ABOUT_SELF);
                let own_submission = facts.contains(Facts::SUBMITTED) && among(OWN_SUBMISSION);
                let auditor = role == Role::Auditor && !matches!(event_type, "ledger.verified" | "access.requested");
                let leaver = facts.contains(Facts::ON_NOTICE) && event_type == "access.requested";
                let permitted = listed && !about_self && !own_submission && !auditor && !leaver;
                let decision = event(role, event_type, facts);
                assert_eq!(decision.allowed, permitted, "{role} {event_type} {facts:?} {decision:?}");
            }
        }
    }
    assert_eq!(POLICIES.event_types().collect::<BTreeSet<_>>(), named, "an event type in one list only");
}

/// Reads `role?fact&!fact`.
fn grant(token: &str) -> (&str, Facts, Facts) {
    let (role, conditions) = token.split_once('?').unwrap_or((token, ""));
    assert!(role == "*" || role.parse::<Role>().is_ok(), "{role}");
    let mut grant = (role, Facts::NONE, Facts::NONE);
    for condition in conditions.split('&').filter(|condition| !condition.is_empty()) {
        match condition.strip_prefix('!') {
            Some(absent) => grant.2 = grant.2 | Facts::named(absent).expect("a fact"),
            None => grant.1 = grant.1 | Facts::named(condition).expect("a fact"),
        }
    }
    grant
}

#[test]
fn what_the_system_enters_no_person_may() {
    // Whoever may propose what needs somebody's consent is thereby let ask for it; the rules refuse the request itself.
    let asked_for = "approval.requested";
    let system = catalog::types().iter().filter(|kind| kind.system && kind.name != asked_for).map(|kind| kind.name);
    for event_type in system.chain(["report.filed", "customer.deleted"]) {
        for role in Role::ALL {
            let decision = event(role, event_type, Facts::from_bits(u64::MAX).without(Facts::LEFT));
            assert!(!decision.allowed, "{role} {event_type}");
            assert_eq!(decision.rule.as_deref(), Some("R-050"));
        }
    }
}

/// Prints, for every cell, the smallest sets of facts that open it; compare with the specification by eye.
#[test]
fn the_table_of_who_may_what_is_as_committed() {
    let sets = up_to_two(&openers());
    let mut table = String::from(
        "Who may what. Each line: role, matter, action, and the smallest sets of facts that permit it (in the office,\n\
         with a purpose), each with the authority recorded; `masked` where persons stay masked. No line, no right.\n\n",
    );
    let line = |table: &mut String, head: &str, decide: &dyn Fn(Facts) -> Decision, sets: &[Facts]| {
        let mut minimal: Vec<(Facts, bool)> = Vec::new();
        let mut shown = Vec::new();
        for set in sets {
            let decision = decide(*set | Facts::PURPOSE);
            let implied =
                minimal.iter().any(|(smaller, masked)| set.contains(*smaller) && (!masked || decision.masked));
            if decision.allowed && !implied {
                minimal.push((*set, decision.masked));
                let facts = set.keys().collect::<Vec<_>>().join("+");
                let facts = if facts.is_empty() { "always" } else { &facts };
                let authority = decision.authority.map_or("none", Authority::key);
                shown.push(format!("{facts}={authority}{}", if decision.masked { " masked" } else { "" }));
            }
        }
        if !shown.is_empty() {
            writeln!(table, "{head}: {}", shown.join(", ")).expect("a string takes it");
        }
    };
    for role in Role::ALL {
        for column in Matter::ALL {
            for action in Action::ALL.into_iter().filter(|action| *action != Action::Print) {
                let mut sets = sets.clone();
                sets.extend([Facts::UNIT_HEAD, Facts::SUBSTITUTE]);
                let head = format!("{role} {column} {}", action.key());
                line(&mut table, &head, &|facts| matter(role, action, column, facts), &sets);
            }
        }
        table.push('\n');
    }
    // Of the events that ask for two facts at once, one is always among these.
    let leading = [Facts::NONE, Facts::REGION, Facts::UNIT_HEAD];
    let everything: Vec<Facts> = std::iter::once(Facts::NONE)
        .chain(leading.into_iter().flat_map(|one| Facts::ALL.into_iter().map(move |(fact, _)| one | fact)))
        .collect();
    for event_type in POLICIES.event_types() {
        let mut rights = BTreeMap::<String, Vec<&str>>::new();
        for role in Role::ALL {
            let mut right = String::new();
            line(&mut right, "", &|facts| event(role, event_type, facts), &everything);
            if let Some((_, right)) = right.trim_end().split_once(": ") {
                rights.entry(right.to_owned()).or_default().push(role.key());
            }
        }
        writeln!(table, "append {event_type}").expect("a string takes it");
        for (right, roles) in rights {
            writeln!(table, "    {right}: {}", roles.join(" ")).expect("a string takes it");
        }
    }
    as_committed("policy-matrix.txt", &table);
}

/// Compares a table of rights with what is committed; `UPDATE=1` writes it.
pub(crate) fn as_committed(name: &str, table: &str) {
    let path = format!("{}/tests/snapshots/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, table).expect("the snapshot can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let changed = table.lines().zip(committed.lines()).find(|(now, then)| now != then);
    assert!(table == committed, "rights have changed (UPDATE=1 accepts them), first at {changed:?}");
}

fn check_rule(decision: &Decision, rule: &str) {
    assert!(!decision.allowed, "{decision:?}");
    assert_eq!(decision.rule.as_deref(), Some(rule), "{decision:?}");
    assert_eq!((decision.authority, decision.masked), (None, false));
}

#[test]
fn who_has_left_does_nothing() {
    let left = Facts::from_bits(u64::MAX).without(Facts::ON_NOTICE);
    for role in Role::ALL {
        for (column, action) in Matter::ALL.into_iter().flat_map(|column| Action::ALL.map(|action| (column, action))) {
            check_rule(&matter(role, action, column, left), "R-057");
        }
        for event_type in POLICIES.event_types() {
            check_rule(&event(role, event_type, left), "R-057");
        }
    }
}

#[test]
fn a_leaver_reads_the_basics_of_own_customers_one_by_one_and_takes_nothing_along() {
    let leaver = Facts::OWN | Facts::REGION | Facts::PURPOSE | Facts::ON_NOTICE;
    let read = |column, facts| matter(Role::Salesperson, Action::Read, column, facts);
    assert!(read(Matter::Basic, leaver).allowed);
    assert!(read(Matter::Commercial, leaver).allowed);
    assert!(read(Matter::List, leaver).allowed);
    check_rule(&read(Matter::List, leaver | Facts::BULK), "R-057");
    check_rule(&read(Matter::Basic, leaver | Facts::BULK), "R-057");
    check_rule(&read(Matter::Basic, leaver.without(Facts::OWN) | Facts::GRANT), "R-057");
    for column in [Matter::Credit, Matter::PersonIdentity, Matter::PersonPrivate, Matter::Strategy, Matter::ContactLog]
    {
        check_rule(&read(column, leaver), "R-057");
    }
    for column in Matter::ALL {
        for action in [Action::Print, Action::Export, Action::Borrow] {
            check_rule(&matter(Role::SalesManager, action, column, leaver | Facts::EXPORT_GRANT), "R-057");
        }
    }
    check_rule(&event(Role::Salesperson, "access.requested", leaver), "R-057");
    assert!(event(Role::Salesperson, "contact.recorded", leaver | Facts::TOOK_PART).allowed);
}

#[test]
fn away_from_the_office_the_confidential_classes_stay_closed() {
    let facts = Facts::OWN | Facts::PURPOSE;
    for column in Matter::ALL {
        let confidential =
            matches!(column, Matter::Credit | Matter::PersonIdentity | Matter::PersonPrivate | Matter::Strategy);
        let office = matter(Role::Salesperson, Action::Read, column, facts);
        let away = matter(Role::Salesperson, Action::Read, column, facts | Facts::OFFSITE);
        if confidential {
            assert!(office.allowed);
            check_rule(&away, "R-054");
        } else {
            assert_eq!(office, away);
        }
    }
    let granted = Facts::PURPOSE | Facts::EXPORT_GRANT;
    check_rule(&matter(Role::Accounting, Action::Export, Matter::Credit, granted | Facts::OFFSITE), "R-054");
}

#[test]
fn a_purpose_is_compulsory_for_four_classes_and_for_every_copy() {
    for column in Matter::ALL {
        let compulsory =
            matches!(column, Matter::Credit | Matter::PersonPrivate | Matter::Strategy | Matter::AccessLog);
        let decision = matter(Role::GeneralManager, Action::Read, column, Facts::GRANT);
        assert_eq!(decision.allowed, !compulsory, "{column}");
        if compulsory {
            check_rule(&decision, "R-059");
        }
    }
    for action in [Action::Print, Action::Export] {
        check_rule(&matter(Role::GeneralManager, action, Matter::List, Facts::NONE), "R-059");
        check_rule(&matter(Role::GeneralManager, action, Matter::Credit, Facts::EXPORT_GRANT), "R-059");
    }
}

#[test]
fn nobody_is_asked_for_a_purpose_in_vain() {
    check_rule(&matter(Role::Salesperson, Action::Read, Matter::Credit, Facts::NONE), "R-052");
    check_rule(&matter(Role::Technician, Action::Read, Matter::Credit, Facts::NONE), "R-050");
    check_rule(&matter(Role::Salesperson, Action::Export, Matter::Basic, Facts::OWN), "R-050");
}

#[test]
fn a_copy_of_commercial_data_needs_a_grant_that_names_the_mode() {
    let read_grant = Facts::PURPOSE | Facts::GRANT;
    check_rule(&matter(Role::GeneralManager, Action::Export, Matter::Commercial, read_grant), "R-055");
    assert!(matter(Role::GeneralManager, Action::Export, Matter::Commercial, read_grant | Facts::EXPORT_GRANT).allowed);
}

#[test]
fn an_administrator_sees_no_content_with_any_right() {
    let all = Facts::from_bits(u64::MAX).without(Facts::LEFT | Facts::ON_NOTICE | Facts::OFFSITE);
    for column in Matter::ALL {
        let decision = matter(Role::SystemAdmin, Action::Read, column, all);
        match column {
            Matter::List | Matter::Staff | Matter::Proofs => assert!(decision.allowed),
            _ => check_rule(&decision, "R-064"),
        }
        assert!(!matter(Role::SystemAdmin, Action::Export, column, all).allowed);
    }
}

#[test]
fn an_auditor_gives_a_purpose_and_appends_nothing_to_business_streams() {
    check_rule(&matter(Role::Auditor, Action::Read, Matter::Basic, Facts::NONE), "R-063");
    let seen = matter(Role::Auditor, Action::Read, Matter::PersonPrivate, Facts::PURPOSE);
    assert_eq!((seen.allowed, seen.masked, seen.authority), (true, true, Some(Authority::Audit)));
    let named = matter(Role::Auditor, Action::Read, Matter::PersonPrivate, Facts::PURPOSE | Facts::NAMED_PERSON);
    assert!(named.allowed && !named.masked);
    check_rule(&event(Role::Auditor, "complaint.registered", Facts::NONE), "R-063");
    assert!(event(Role::Auditor, "ledger.verified", Facts::NONE).allowed);
}

#[test]
fn a_loan_is_for_supervisors_and_above() {
    check_rule(&matter(Role::Salesperson, Action::Borrow, Matter::Basic, Facts::OWN), "R-053");
    assert!(matter(Role::SalesManager, Action::Borrow, Matter::Basic, Facts::NONE).allowed);
    let lent = matter(Role::SalesManager, Action::Read, Matter::PersonPrivate, Facts::LOAN | Facts::PURPOSE);
    assert_eq!((lent.allowed, lent.authority), (true, Some(Authority::Loan)));
    assert!(!matter(Role::Salesperson, Action::Read, Matter::Basic, Facts::LOAN).allowed);
}

#[test]
fn a_grant_opens_another_ones_customer_and_is_the_authority() {
    let granted = matter(Role::Salesperson, Action::Read, Matter::Basic, Facts::GRANT);
    assert_eq!((granted.allowed, granted.authority), (true, Some(Authority::Grant)));
    assert_eq!(granted.policies.as_ref(), ["read.grant.beyond.basic"]);
}

#[test]
fn nobody_decides_about_themselves_or_on_what_they_submitted() {
    check_rule(&event(Role::DepartmentHead, "appraisal.recorded", Facts::SELF), "R-025");
    check_rule(&event(Role::RegionalGm, "credit_grade.approved", Facts::REGION | Facts::SUBMITTED), "R-025");
    check_rule(&event(Role::ServiceDepartment, "complaint.decided", Facts::SELF), "R-193");
    check_rule(&matter(Role::MarketDirector, Action::Approve, Matter::ContactLog, Facts::SUBMITTED), "R-025");
    check_rule(&matter(Role::Compliance, Action::GrantAccess, Matter::AccessLog, Facts::SELF), "R-025");
}

#[test]
fn access_is_granted_matter_by_matter_by_its_own_deciders() {
    let deciders = |column, facts| -> Vec<Role> {
        Role::ALL.into_iter().filter(|role| matter(*role, Action::GrantAccess, column, facts).allowed).collect()
    };
    let facts = Facts::REGION | Facts::UNIT_HEAD;
    assert_eq!(deciders(Matter::Basic, facts), [Role::DepartmentHead]);
    assert_eq!(deciders(Matter::Credit, facts), [Role::Accounting]);
    assert_eq!(deciders(Matter::Credit, Facts::REGION), []);
    assert_eq!(deciders(Matter::PersonPrivate, facts), [Role::DepartmentHead, Role::Compliance]);
    assert_eq!(deciders(Matter::AccessLog, facts), [Role::Compliance]);
    assert_eq!(deciders(Matter::Staff, facts), []);
}

#[test]
fn other_units_lose_their_region_on_a_key_account_by_r_123_which_refuses_nothing_else() {
    let lost = Facts::REGION | Facts::KEY_CUSTOMER | Facts::PURPOSE;
    check_rule(&matter(Role::SalesManager, Action::Read, Matter::Credit, lost), "R-123");
    assert!(matter(Role::SalesManager, Action::Read, Matter::Credit, lost | Facts::UNIT).allowed);
    assert!(matter(Role::SalesManager, Action::Read, Matter::Basic, lost).allowed);
    let id = "forbid.key_account.other_unit";
    let forbids = BUILTIN.iter().find(|(file, _)| *file == "forbid.cedar").expect("the file").1;
    let without: String = forbids.split_inclusive(";\n").filter(|policy| !policy.contains(id)).collect();
    let texts =
        BUILTIN.map(|(file, text)| if file == "forbid.cedar" { (file, without.as_str()) } else { (file, text) });
    let without = Policies::parse(&texts).expect("one prohibition less");
    assert_eq!(without.ids().count() + 1, POLICIES.ids().count());
    for role in Role::ALL {
        for column in Matter::ALL {
            for action in [Action::Read, Action::Append, Action::Approve] {
                for set in up_to_two(&openers()) {
                    let facts = set | lost;
                    let left_out = without.decide(role, action, Resource::Matter(column), facts);
                    let refused = matter(role, action, column, facts);
                    assert_eq!(left_out.allowed, refused.allowed, "{role} {action:?} {column} {facts:?}");
                }
            }
        }
    }
}

/// The whole set, asked of Cedar directly: no slice, no memo, every fact.
static WHOLE: LazyLock<PolicySet> = LazyLock::new(|| {
    let mut whole = PolicySet::new();
    for (_, text) in BUILTIN {
        for policy in PolicySet::from_str(text).expect("valid Cedar").policies() {
            let id = policy.annotation("id").expect("an id").to_owned();
            whole.add(policy.new_id(PolicyId::new(id))).expect("ids are distinct");
        }
    }
    whole
});

fn ask_whole(role: Role, action: Action, resource: Resource<'_>, facts: Facts) -> (bool, Vec<String>) {
    let uid = |text: String| EntityUid::from_str(&text).expect("an entity");
    let resource = match resource {
        Resource::Matter(matter) => uid(format!("Matter::\"{matter}\"")),
        Resource::Event(event) => uid(format!("EventType::\"{event}\"")),
    };
    let values = Facts::ALL.map(|(fact, key)| (key.to_owned(), RestrictedExpression::new_bool(facts.contains(fact))));
    let context = Context::from_pairs(values).expect("distinct keys");
    let principal = uid(format!("Role::\"{role}\""));
    let action = uid(format!("Action::\"{}\"", action.key()));
    let request = Request::new(principal, action, resource, context, None).expect("no schema to offend");
    let response = Authorizer::new().is_authorized(&request, &WHOLE, &Entities::empty());
    assert_eq!(response.diagnostics().errors().count(), 0);
    let mut reasons: Vec<String> = response.diagnostics().reason().map(ToString::to_string).collect();
    reasons.sort();
    (response.decision() == cedar_policy::Decision::Allow, reasons)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn slice_and_memo_change_neither_a_decision_nor_its_policies(
        role in proptest::sample::select(Role::ALL.to_vec()),
        action in proptest::sample::select(Action::ALL.to_vec()),
        column in proptest::sample::select(Matter::ALL.to_vec()),
        pick in any::<proptest::sample::Index>(),
        as_event in any::<bool>(),
        bits in any::<u64>(),
        thin in any::<u64>(),
    ) {
        // Leaving and notice refuse nearly everything, so they are rare here; the other facts hold half the time or less.
        let mut facts = Facts::from_bits(bits & thin);
        if thin % 8 != 0 {
            facts = facts.without(Facts::LEFT | Facts::ON_NOTICE);
        }
        let events: Vec<&str> = POLICIES.event_types().collect();
        let (action, resource) = match as_event {
            true => (Action::Append, Resource::Event(pick.get::<&str>(&events))),
            false => (action, Resource::Matter(column)),
        };
        let afresh = POLICIES.decide_afresh(role, action, resource, facts);
        let (allowed, reasons) = ask_whole(role, action, resource, facts);
        prop_assert_eq!(afresh.allowed, allowed);
        prop_assert_eq!(afresh.policies.as_ref(), reasons.as_slice());
        prop_assert_eq!(&POLICIES.decide(role, action, resource, facts), &afresh);
        prop_assert_eq!(&POLICIES.decide(role, action, resource, facts), &afresh);
    }
}

#[test]
fn every_allowed_decision_says_by_what_right_and_every_denial_by_which_rule() {
    for role in Role::ALL {
        for (column, action) in Matter::ALL.into_iter().flat_map(|column| Action::ALL.map(|action| (column, action))) {
            for set in up_to_two(&openers()) {
                let decision = matter(role, action, column, set);
                assert_eq!(decision.allowed, decision.authority.is_some(), "{decision:?}");
                assert_eq!(decision.allowed, decision.rule.is_none(), "{decision:?}");
                assert!(!decision.allowed || !decision.policies.is_empty(), "{decision:?}");
            }
        }
    }
}

#[test]
fn the_schema_names_every_role_matter_action_and_fact() {
    let schema = schema();
    let keys = Role::ALL.into_iter().map(Role::key).chain(Matter::ALL.into_iter().map(Matter::key));
    for key in keys.chain(Facts::ALL.into_iter().map(|(_, key)| key)) {
        assert!(schema.contains(&format!("\"{key}\"")), "{key}");
    }
    assert!(Action::ALL.into_iter().all(|action| schema.contains(&format!("action {} ", action.key()))));
}
