//! The map and the code agree; every file says what it is for; every rule of these modules is cited or shown.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use dossier::domain::{Refusal, catalog};

use crate::support::{is_test, rust_files};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The table of rooms in the map: room, and what it may import.
fn map() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(root().join("src/ARCHITECTURE.md")).unwrap();
    let table = text.split("| room | is | may import |").nth(1).unwrap();
    table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            (cells[1].to_owned(), cells[3].split_whitespace().map(str::to_owned).collect())
        })
        .collect()
}

fn room_of(path: &Path) -> String {
    let inside = path.strip_prefix(root().join("src")).unwrap();
    inside.components().next().unwrap().as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// The rooms a line of code names as `crate::room`.
fn rooms_named(line: &str) -> impl Iterator<Item = String> + '_ {
    line.split("crate::").skip(1).map(|rest| rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect())
}

#[test]
fn every_room_imports_only_what_the_map_allows() {
    let map = map();
    let mut files = Vec::new();
    rust_files(&root().join("src"), &mut files);
    let mut offences = Vec::new();
    for file in files {
        let room = room_of(&file);
        if room == "lib" || room == "main" {
            continue;
        }
        let Some(allowed) = map.get(&room) else {
            offences.push(format!("room \"{room}\" is not on the map"));
            continue;
        };
        for line in fs::read_to_string(&file).unwrap().lines().filter(|line| !line.trim_start().starts_with("//")) {
            for named in rooms_named(line).filter(|named| map.contains_key(named)) {
                if named != room && !allowed.contains(&named) {
                    offences.push(format!("{}: {room} may not import {named}: {}", file.display(), line.trim()));
                }
            }
        }
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

#[test]
fn every_file_opens_with_a_sentence_saying_what_it_is_for() {
    let mut files = Vec::new();
    for folder in ["src", "tests", "tools"] {
        rust_files(&root().join(folder), &mut files);
    }
    let silent: Vec<_> = files
        .iter()
        .filter(|file| {
            let text = fs::read_to_string(file).unwrap();
            !text.starts_with("//! ") && !text.starts_with("#![doc")
        })
        .collect();
    assert!(silent.is_empty(), "{silent:?}");
}

#[test]
fn the_verifier_shares_nothing_with_the_server() {
    let manifest = fs::read_to_string(root().join("tools/verify/Cargo.toml")).unwrap();
    let (_, dependencies) = manifest.split_once("[dependencies]").unwrap();
    let dependencies = dependencies.split("\n[").next().unwrap();
    assert!(!dependencies.contains("path"), "the verifier must have no path dependency");
    assert!(dependencies.lines().filter(|line| line.contains('=')).count() <= 5, "at most five dependencies");
}

#[test]
fn nothing_unfinished_stands_on_main() {
    let mut files = Vec::new();
    rust_files(&root().join("src"), &mut files);
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("todo", "!("), concat!("unimplemented", "!(")];
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for mark in marks {
            assert!(!text.contains(mark), "{}: {mark}", file.display());
        }
    }
}

/// The rules the modules of this release carry, and where each is shown: by a refusal that cites it, or by a test.
const RULES: &[(&str, &str)] = &[
    ("R-001", "bad_input_gets_a_clear_problem_and_changes_nothing"),
    ("R-002", "cited"),
    ("R-003", "cited"),
    ("R-004", "cited"),
    ("R-005", "cited"),
    ("R-006", "a_newer_value_supersedes_and_the_older_stays_on_the_timeline"),
    ("R-007", "cited"),
    ("R-008", "cited"),
    ("R-009", "cited"),
    ("R-010", "cited"),
    ("R-011", "cited"),
    ("R-012", "a_refusal_is_entered_with_its_rule"),
    ("R-013", "views_rebuilt_are_the_same_and_as_of_shows_what_was"),
    ("R-014", "cited"),
    ("R-015", "cited"),
    ("R-016", "cited"),
    ("R-017", "cited"),
    ("R-018", "six_hours_from_friday_afternoon_end_with_mondays_lunch"),
    ("R-019", "cited"),
    ("R-020", "cited"),
    ("R-021", "cited"),
    ("R-022", "cited"),
    ("R-023", "cited"),
    ("R-024", "every_refusal_is_told_in_both_languages_with_the_same_particulars"),
    ("R-025", "cited"),
    ("R-026", "cited"),
    ("R-027", "cited"),
    ("R-028", "cited"),
    ("R-029", "sc_01_an_archive_is_opened_once"),
    ("R-030", "cited"),
    ("R-031", "cited"),
    ("R-032", "cited"),
    ("R-033", "cited"),
    ("R-034", "cited"),
    ("R-035", "every_role_finds_on_every_surface_what_it_may_see_and_nothing_else"),
    ("R-036", "the_statements_of_a_year_are_collected_in_the_four_months_after_it"),
    ("R-037", "the_holder_of_the_second_copy_acknowledges_the_newest_update"),
    ("R-038", "cited"),
    ("R-039", "the_regions_say_how_many_of_their_archives_were_kept_up"),
    ("R-040", "cited"),
    ("R-041", "sc_01_the_card_is_signed_step_by_step_and_archived"),
    ("R-042", "cited"),
    ("R-043", "the_list_shows_who_the_customers_are_and_how_far_they_have_come"),
    ("R-044", "a_problem_points_into_lists_and_objects_and_at_strange_keys"),
    ("R-045", "cited"),
    ("R-046", "cited"),
    ("R-047", "a_customer_is_dormant_when_the_months_after_the_last_sale_are_over"),
    ("R-048", "customers_are_composed_four_ways"),
    ("R-049", "customers_are_composed_four_ways"),
    ("R-050", "cited"),
    ("R-051", "cited"),
    ("R-052", "cited"),
    ("R-053", "cited"),
    ("R-054", "cited"),
    ("R-055", "cited"),
    ("R-057", "a_leaver_reads_the_basics_of_own_customers_one_by_one_and_takes_nothing_along"),
    ("R-058", "what_may_go_to_a_third_party_is_what_its_person_has_agreed_to"),
    ("R-059", "cited"),
    ("R-060", "cited"),
    ("R-061", "sc_09_the_auditor_sees_who_read_what_and_by_what_right"),
    ("R-062", "sc_10_a_file_is_lent_to_a_supervisor_for_a_few_days_and_read_by_that_right"),
    ("R-063", "cited"),
    ("R-064", "an_administrator_sees_no_content_with_any_right"),
    ("R-065", "cited"),
    ("R-066", "what_is_recorded_more_than_a_day_later_needs_a_reason"),
    ("R-070", "a_contact_is_for_one_of_the_purposes_of_the_rules"),
    ("R-071", "from_each_contact_it_is_counted_when_the_next_one_is_due_by_the_customers_tier"),
    ("R-073", "a_long_development_visit_is_shown_and_not_refused"),
    ("R-074", "cited"),
    ("R-075", "cited"),
    ("R-076", "a_promising_customer_gets_a_second_contact_in_ten_working_days"),
    ("R-077", "a_question_is_answered_by_a_contact_that_says_so"),
    ("R-081", "a_call_that_the_archivist_took_is_passed_to_whom_it_concerns"),
    ("R-091", "a_pause_of_three_years_makes_a_customer_new_again_to_the_day"),
    ("R-101", "cited"),
    ("R-102", "cited"),
    ("R-103", "cited"),
    ("R-104", "cited"),
    ("R-105", "sc_03_a_key_customers_grade_changes_along_its_whole_chain_and_is_traced"),
    ("R-106", "cited"),
    ("R-107", "an_undecided_proposal_lapses_and_grades_are_not_proposed_carelessly"),
    ("R-108", "cited"),
    ("R-109", "cited"),
    ("R-110", "cited"),
    ("R-111", "cited"),
    ("R-113", "cited"),
    (
        "R-114",
        "exactly_one_percent_is_key_and_five_strategic_where_the_preset_says_at_least_and_never_where_it_says_more",
    ),
    ("R-123", "other_units_lose_their_region_on_a_key_account_by_r_123_which_refuses_nothing_else"),
    ("R-126", "the_annexes_name_the_unit_and_the_basics_name_whom_to_talk_to"),
    ("R-127", "how_people_stand_to_us_is_shown_and_a_sum_above_a_hundred_is_marked"),
    ("R-133", "every_duty_is_opened_and_met_in_time_without_a_trace_of_lateness"),
    ("R-136", "the_customers_that_lead_are_ranked_three_ways"),
    ("R-139", "appraisals_and_violations_are_shown_to_whom_they_are_about_and_who_may_see_staff"),
    ("R-141", "a_class_belongs_to_its_dimension"),
    ("R-156", "what_an_insider_told_is_strategy"),
    ("R-157", "cited"),
    ("R-160", "what_is_paid_settles_the_oldest_sales_and_shows_at_once"),
    ("R-168", "cited"),
    ("R-180", "cited"),
    ("R-199", "cited"),
    ("R-200", "cited"),
    ("R-201", "the_archives_of_somebody_who_has_left_are_shown_as_they_were_without_them"),
    ("R-205", "important_dates_come_round_with_their_reminders_for_those_who_may_see_them"),
    ("R-210", "cited"),
    ("R-212", "cited"),
];

/// The rules that wait for a part of the business that is not here yet, each with event types they need and no module keeps.
const WAITING: &[(&str, &str, &[&str])] = &[
    ("R-056", "letters and faxes", &["correspondence.received"]),
    ("R-067", "visit plans", &["visit_plan.submitted"]),
    ("R-068", "whereabouts sheets", &["visit_plan.submitted"]),
    ("R-069", "visit plans", &["visit_plan.submitted"]),
    ("R-072", "visit plans", &["visit_plan.submitted"]),
    ("R-078", "letters and faxes", &["correspondence.received"]),
    ("R-079", "letters and faxes", &["correspondence.drafted"]),
    ("R-080", "letters and faxes", &["correspondence.registered"]),
    ("R-082", "training, whose content it is", &["training.recorded"]),
    ("R-083", "development targets, which stand in visit plans", &["visit_plan.submitted"]),
    ("R-084", "prospects", &["opportunity.opened"]),
    ("R-085", "choosing who supplies us", &["qualification.decided"]),
    ("R-086", "choosing who supplies us", &["qualification.surveyed"]),
    ("R-087", "choosing who supplies us", &["qualification.surveyed"]),
    ("R-088", "choosing who supplies us", &["qualification.applied"]),
    ("R-089", "contracts", &["contract.signed"]),
    ("R-090", "choosing who supplies us", &["onboarding.notified"]),
    ("R-092", "recognition of new customers", &["new_customer.applied"]),
    ("R-093", "recognition of new customers", &["new_customer.applied"]),
    ("R-094", "recognition of new customers", &["new_customer.decided"]),
    ("R-095", "rewards", &["reward.granted"]),
    ("R-096", "recognition of new customers", &["new_customer.applied"]),
    ("R-097", "plans for customers", &["account_plan.submitted"]),
    ("R-098", "plans for customers", &["account_plan.submitted"]),
    ("R-099", "plans for customers", &["account_plan.submitted"]),
    ("R-100", "prospects", &["opportunity.updated"]),
    ("R-112", "key accounts", &["key_account.nominated"]),
    ("R-115", "surveys of who may become a key account", &["qualification.surveyed", "key_account.nominated"]),
    ("R-116", "key accounts", &["key_account.scored"]),
    ("R-117", "key accounts", &["key_account.nominated"]),
    ("R-118", "key accounts", &["key_account.decided"]),
    ("R-119", "key accounts", &["key_account.decided"]),
    ("R-120", "key accounts", &["key_account.decided"]),
    ("R-121", "key accounts", &["key_account.assignment_changed"]),
    ("R-122", "key accounts", &["key_account.project_allocated"]),
    ("R-124", "key accounts", &["key_account.assignment_changed"]),
    ("R-125", "key accounts", &["key_account.assignment_changed"]),
    ("R-128", "reports", &["report.filed"]),
    ("R-129", "key accounts", &["key_account.evaluated"]),
    ("R-130", "key accounts", &["key_account.list_published"]),
    ("R-131", "key accounts", &["key_account.decided"]),
    ("R-132", "surveys", &["survey.returned"]),
    ("R-134", "surveys", &["survey.verified"]),
    ("R-135", "the list of key accounts, by which is assessed", &["key_account.list_published"]),
    ("R-137", "plans for customers", &["account_plan.submitted"]),
    ("R-138", "events for customers, and plans of service", &["campaign.conducted", "account_plan.submitted"]),
    ("R-140", "events for customers", &["campaign.conducted"]),
    ("R-142", "suggestions", &["suggestion.received"]),
    ("R-143", "suggestions", &["suggestion.target_set"]),
    ("R-144", "suggestions", &["suggestion.answered"]),
    ("R-145", "suggestions", &["suggestion.researched"]),
    ("R-146", "suggestions", &["suggestion.answered"]),
    ("R-147", "suggestions", &["suggestion.benefit_recorded"]),
    ("R-148", "suggestions", &["suggestion.benefit_recorded"]),
    ("R-149", "demand information", &["demand_plan.set"]),
    ("R-150", "demand information", &["demand_info.submitted"]),
    ("R-151", "demand information", &["demand_info.assessed"]),
    ("R-152", "demand information", &["demand_need.announced"]),
    ("R-153", "demand information", &["demand_info.adopted"]),
    ("R-154", "demand information", &["demand_info.submitted"]),
    ("R-155", "demand information", &["demand_info.distributed"]),
    ("R-158", "reports", &["report.filed"]),
    ("R-159", "events for customers", &["campaign.conducted"]),
    ("R-161", "shipments", &["shipment.released"]),
    ("R-162", "invoices", &["invoice.issued"]),
    ("R-163", "shipments", &["shipment.released"]),
    ("R-164", "contracts", &["contract.signed"]),
    ("R-165", "service at customers", &["service_call.dispatched"]),
    ("R-166", "service at customers", &["service_call.received"]),
    ("R-167", "service at customers", &["service_call.closed"]),
    ("R-169", "service at customers", &["goods.taken_in"]),
    ("R-170", "service at customers", &["repair.inspected"]),
    ("R-171", "service at customers", &["invoice.issued"]),
    ("R-172", "service at customers", &["repair.delay_reported"]),
    ("R-173", "service at customers", &["report.filed"]),
    ("R-174", "service at customers", &["service_call.dispatched"]),
    ("R-175", "service at customers", &["service_call.arrived"]),
    ("R-176", "service at customers", &["contract.renewal_notified"]),
    ("R-177", "service at customers", &["service_register.forwarded"]),
    ("R-178", "invoices of service", &["invoice.issued"]),
    ("R-179", "surveys", &["survey.sent"]),
    ("R-181", "surveys", &["survey.returned"]),
    ("R-182", "surveys", &["survey.returned"]),
    ("R-183", "surveys and complaints", &["survey.returned", "complaint.registered"]),
    ("R-184", "complaints", &["complaint.registered"]),
    ("R-185", "complaints", &["complaint.classified"]),
    ("R-186", "complaints", &["complaint.classified"]),
    ("R-187", "complaints", &["complaint.answered"]),
    ("R-188", "complaints", &["complaint.assigned"]),
    ("R-189", "complaints", &["complaint.classified"]),
    ("R-190", "complaints", &["complaint.investigated"]),
    ("R-191", "complaints", &["complaint.registered"]),
    ("R-192", "complaints", &["complaint.closed"]),
    ("R-193", "complaints", &["complaint.assigned"]),
    ("R-194", "complaints", &["complaint.classified"]),
    ("R-195", "handover", &["handover.started"]),
    ("R-196", "handover", &["handover.started"]),
    ("R-197", "handover", &["handover.item_received"]),
    ("R-198", "handover", &["handover.customer_notified"]),
    ("R-202", "receptions", &["reception.planned"]),
    ("R-203", "receptions", &["reception.planned"]),
    ("R-204", "gifts", &["gift.issued"]),
    ("R-206", "events for customers", &["campaign.conducted"]),
    ("R-207", "reports", &["report.filed"]),
    ("R-208", "reports", &["report.filed"]),
    ("R-209", "reports", &["report.filed"]),
    ("R-211", "rewards", &["reward.granted"]),
    ("R-213", "training", &["training.recorded"]),
];

/// How many rules the business has.
const ALL: usize = 213;

#[test]
fn every_rule_is_carried_or_waits_for_a_part_of_the_business_that_is_not_here() {
    let carried: BTreeSet<&str> = RULES.iter().map(|(rule, _)| *rule).collect();
    let waiting: BTreeSet<&str> = WAITING.iter().map(|(rule, ..)| *rule).collect();
    assert_eq!(carried.intersection(&waiting).collect::<Vec<_>>(), [] as [&&str; 0], "in both lists");
    let all: BTreeSet<String> = (1..=ALL).map(|number| format!("R-{number:03}")).collect();
    assert_eq!(carried.union(&waiting).map(|rule| (*rule).to_owned()).collect::<BTreeSet<_>>(), all);
    assert_eq!(RULES.len() + WAITING.len(), ALL, "a rule stands twice in a list");
    for (rule, what, kinds) in WAITING {
        assert!(!kinds.is_empty(), "{rule} waits for {what}, but for no event");
        for kind in *kinds {
            assert!(catalog::find(kind).is_none(), "{rule} waits for {what}, but {kind} is here");
        }
    }
}

#[test]
fn every_rule_these_modules_carry_is_cited_by_a_refusal_or_shown_by_a_test() {
    let cited: BTreeSet<&str> =
        Refusal::all().into_iter().map(|(_, _, _, rule)| rule).filter(|rule| rule.starts_with("R-")).collect();
    let listed: BTreeMap<&str, &str> = RULES.iter().copied().collect();
    for (rule, shown) in &listed {
        assert!(*shown == "cited" || is_test(shown), "{rule}: there is no test {shown}");
        assert_eq!(*shown == "cited", cited.contains(rule), "{rule}: listed as {shown}");
    }
    for rule in cited {
        assert!(listed.contains_key(rule), "{rule} is cited but not listed");
    }
    // What a module says in a comment that it does is carried too.
    let mut files = Vec::new();
    rust_files(&root().join("src/domain"), &mut files);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for named in text.split("R-").skip(1).filter_map(|rest| rest.get(..3)) {
            let rule = format!("R-{named}");
            let number = named.bytes().all(|byte| byte.is_ascii_digit());
            assert!(!number || listed.contains_key(rule.as_str()), "{}: {rule} is not listed", file.display());
        }
    }
}
