//! What people do on the pages, step by step.

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;

use anyhow::{Result, ensure};

use crate::browser::{Browser, Driver, Language, Page, Scripts, Width};
use crate::company::Company;
use crate::pages;

/// Walks all of them, one after the other: each rests on what those before it entered.
pub(crate) async fn all(driver: &Driver, company: &Company, pictures: Option<&Path>) -> Result<()> {
    let home = company.address.as_str();
    let with_scripts = async |browser: &Browser| {
        signing_in(browser, company).await?;
        step("signing in, in both languages");
        a_grade(browser, company).await?;
        step("the life of a grade");
        a_search_by_keyboard(browser, company).await?;
        step("a search by keyboard alone");
        the_same_twice(browser, company).await?;
        step("the same form sent twice");
        two_moments(browser, company).await?;
        step("two moments compared");
        Ok(())
    };
    let without_scripts = async |browser: &Browser| {
        a_loan(browser, company).await?;
        step("the life of a loan, without scripts");
        an_erasure(browser, company).await?;
        step("an erasure, without scripts");
        Ok(())
    };
    Browser::with(driver, home, Scripts::On, pictures, with_scripts).await?;
    Browser::with(driver, home, Scripts::Off, pictures, without_scripts).await?;
    let looks = Browser::with(driver, home, Scripts::On, pictures, async |browser| every_page(browser, company).await);
    step(&format!("every kind of page, in both languages and two widths: {} looks", looks.await?));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "it says what it has done")]
fn step(what: &str) {
    println!("{what}");
}

async fn sign_in(browser: &Browser, company: &Company, who: &str) -> Result<()> {
    browser.sign_in(who, company.password(who)?).await?;
    ensure!(browser.path().await? != "/sign-in", "{who} is not signed in: {}", browser.text("main").await?);
    Ok(())
}

/// States why one reads, at the top of the page.
async fn state_purpose(browser: &Browser, purpose: &str) -> Result<()> {
    browser.choose("#frame-purpose", purpose).await?;
    browser.click("form[action='/purpose'] button").await
}

async fn signing_in(browser: &Browser, company: &Company) -> Result<()> {
    for (language, home) in [("zh", "首页"), ("en", "Home")] {
        browser.go("/sign-in").await?;
        browser.speak(language).await?;
        browser.sign_in("E-101", "not the password").await?;
        ensure!(browser.path().await? == "/sign-in", "a wrong password lets one in");
        let told = browser.text("[role=alert]").await?;
        ensure!(told.contains("E_UNAUTHENTICATED"), "a wrong password is told as: {told}");
        sign_in(browser, company, "E-101").await?;
        let title = browser.text("h1").await?;
        ensure!(title == home, "the first page is headed \"{title}\"");
        browser.sign_out().await?;
    }
    browser.go("/").await?;
    ensure!(browser.path().await? == "/sign-in", "one reads without being signed in");
    browser.speak("en").await
}

const GRADES: &str = "/customers/C-00001/grades";

async fn a_grade(browser: &Browser, company: &Company) -> Result<()> {
    sign_in(browser, company, "E-101").await?;
    state_purpose(browser, "sales_work").await?;
    browser.go(GRADES).await?;
    browser.choose("#to", "B").await?;
    browser.choose("#trigger", "initial").await?;
    browser.fill("#evidence", &company.evidence).await?;
    browser.fill("#reason", "paid every invoice before its date").await?;
    browser.click("#propose button[value=propose]").await?;
    browser.says("paid every invoice before its date").await?;
    // Nobody approves what is one's own.
    browser.fill("#opinion", "I see no risk").await?;
    browser.click("button[value=approve]").await?;
    browser.says("R-025").await?;
    browser.look("grade-refused").await?;
    browser.sign_out().await?;

    sign_in(browser, company, "E-301").await?;
    state_purpose(browser, "credit_review").await?;
    browser.look_at("/", "home-waiting").await?;
    browser.go("/").await?;
    browser.says("Credit grade proposed").await?;
    browser.click("main article a.button[href^='/customers/C-00001/grades']").await?;
    browser.fill("#opinion", "agreed after a visit").await?;
    browser.click("button[value=approve]").await?;
    browser.says("agreed after a visit").await?;
    ensure!(browser.count("svg.chart circle.mark").await? == 1, "the grade is not drawn");
    browser.go("/").await?;
    ensure!(browser.count("main article").await? == 0, "what is decided still waits");
    browser.sign_out().await?;

    sign_in(browser, company, "E-901").await?;
    state_purpose(browser, "audit").await?;
    browser.go("/questions").await?;
    browser.fill("#changed-customer", "C-00001").await?;
    browser.click("main section:first-of-type form button").await?;
    ensure!(browser.path().await? == GRADES, "the question leads to {}", browser.path().await?);
    for trace in ["Proposed", "Attempt refused", "Approved", "E-101", "E-301", "agreed after a visit", "R-025"] {
        browser.says(trace).await?;
    }
    // The step of the line leads to the entry behind it.
    browser.click("svg.chart a").await?;
    ensure!(browser.path().await?.starts_with("/entries/"), "the line leads to {}", browser.path().await?);
    browser.says("agreed after a visit").await?;
    browser.look_at(GRADES, "grade-trace").await?;
    browser.sign_out().await
}

async fn a_search_by_keyboard(browser: &Browser, company: &Company) -> Result<()> {
    browser.go("/sign-in").await?;
    browser.tab_to("#employee").await?;
    browser.press("E-101").await?;
    browser.tab_to("#password").await?;
    browser.press(company.password("E-101")?).await?;
    browser.enter().await?;
    browser.tab_to("#find").await?;
    browser.press("hyhj").await?;
    browser.enter().await?;
    browser.says("河源合金厂").await?;
    browser.look("search").await?;
    browser.tab_to("main a[href='/customers/C-00001']").await?;
    browser.enter().await?;
    ensure!(browser.path().await? == "/customers/C-00001", "Enter does not follow the link");
    browser.go("/search").await?;
    browser.fill("#q", "zhaoqy").await?;
    browser.click("main form button").await?;
    browser.says("Nothing found").await?;
    browser.fill("#q", "zhaoqy").await?;
    browser.choose("#search-purpose", "sales_work").await?;
    browser.click("main form button").await?;
    browser.says("赵清扬").await?;
    browser.look("search-people").await?;
    browser.go("/").await?;
    browser.sign_out().await
}

async fn two_moments(browser: &Browser, company: &Company) -> Result<()> {
    sign_in(browser, company, "E-901").await?;
    state_purpose(browser, "audit").await?;
    browser.go("/compare").await?;
    browser.choose("#view", "archive").await?;
    browser.fill("#subject", "C-00001").await?;
    browser.fill("#since", "25").await?;
    browser.click("main form button").await?;
    browser.look_at("/compare?view=archive&subject=C-00001&since=0", "compare").await?;
    browser.go("/compare?view=list&since=0").await?;
    browser.says("河源合金厂").await?;
    browser.go("/customers/C-00001?as_of=2020-01-01").await?;
    browser.says("E_REF").await?;
    browser.go("/").await?;
    browser.sign_out().await
}

const TIMELINE: &str = "/customers/C-00001/timeline";
const CONTACT: &str = "/propose/contact.recorded?subject=contact/C-00001&back=/customers/C-00001/timeline";

async fn the_same_twice(browser: &Browser, company: &Company) -> Result<()> {
    sign_in(browser, company, "E-101").await?;
    state_purpose(browser, "sales_work").await?;
    browser.go(CONTACT).await?;
    record_contact(browser, "a talk about summer parts").await?;
    browser.send_beside(SEND).await?;
    // What was sent from the other window is entered; the form here is still as it was.
    browser.click_twice(SEND).await?;
    browser.go(TIMELINE).await?;
    ensure!(contacts(browser).await? == 1, "sent again, it was entered again");

    browser.go(CONTACT).await?;
    record_contact(browser, "a talk about winter parts").await?;
    browser.click(SEND).await?;
    ensure!(browser.path().await? == TIMELINE, "not entered: {}", browser.text("main").await?);
    ensure!(contacts(browser).await? == 2, "it was not entered");
    browser.back().await?;
    browser.send_again(SEND).await?;
    browser.go(TIMELINE).await?;
    ensure!(contacts(browser).await? == 2, "gone back to, it was entered twice");
    browser.sign_out().await
}

async fn record_contact(browser: &Browser, summary: &str) -> Result<()> {
    browser.choose("#direction", "outbound").await?;
    browser.choose("#channel", "phone").await?;
    browser.fill_time("#at", &browser.time(-10).await?).await?;
    browser.fill("#our_people", "E-101").await?;
    browser.choose("#purpose", "care_bond").await?;
    browser.fill("#summary", summary).await?;
    browser.choose("#major", "false").await?;
    browser.choose("#class", "C2").await
}

/// Counts the contacts on the timeline.
async fn contacts(browser: &Browser) -> Result<usize> {
    Ok(browser.text(".timeline").await?.matches("Contact recorded").count())
}

const SEND: &str = "main form.card > button:not(.first)";

async fn a_loan(browser: &Browser, company: &Company) -> Result<()> {
    borrower_reads(browser, company, false).await?;
    sign_in(browser, company, "E-501").await?;
    browser.go("/access").await?;
    browser.click("main a.button[href^='/propose/archive.borrowed']").await?;
    browser.fill("#customer_id", "C-00001").await?;
    browser.fill("#borrower", "E-401").await?;
    lend(browser, 3).await?;
    browser.look("access-lent").await?;
    browser.sign_out().await?;
    borrower_reads(browser, company, true).await?;

    sign_in(browser, company, "E-501").await?;
    browser.go("/access").await?;
    browser.click("main a.button[href*='renews=']").await?;
    lend(browser, 5).await?;
    browser.says("Renewed").await?;
    browser.click("main a.button[href^='/propose/archive.returned']").await?;
    browser.choose("#how", "returned").await?;
    browser.click(SEND).await?;
    ensure!(browser.path().await? == "/access", "not returned: {}", browser.text("main").await?);
    ensure!(browser.text(".status").await? == "Returned", "it is not shown as returned");
    ensure!(browser.count("main a[href^='/propose/archive.returned']").await? == 0, "it is still out");
    browser.sign_out().await?;
    borrower_reads(browser, company, false).await
}

/// Fills in what every loan needs, and lends.
async fn lend(browser: &Browser, days: i64) -> Result<()> {
    browser.fill("#sections", "the whole file").await?;
    browser.fill("#purpose", "comparing two bids").await?;
    let until = browser.time(days * 24 * 60).await?;
    let until = until.split('T').next().unwrap_or_default();
    browser.fill_time("#until", until).await?;
    browser.choose("#declaration", "true").await?;
    browser.click(SEND).await?;
    ensure!(browser.path().await? == "/access", "not lent: {}", browser.text("main").await?);
    browser.says(until).await
}

/// The borrower reads the archive, or may not.
async fn borrower_reads(browser: &Browser, company: &Company, may: bool) -> Result<()> {
    sign_in(browser, company, "E-401").await?;
    state_purpose(browser, "management").await?;
    browser.go("/customers/C-00001").await?;
    let text = browser.text("main").await?;
    ensure!(text.contains("河源合金厂") == may && text.contains("E_FORBIDDEN") != may, "may read: {may}, but:\n{text}");
    browser.sign_out().await
}

async fn an_erasure(browser: &Browser, company: &Company) -> Result<()> {
    sign_in(browser, company, "E-902").await?;
    browser.go("/propose/personal_data.erased?subject=person/P-1").await?;
    browser.look("record-erasure").await?;
    browser.choose("#scope", "all").await?;
    browser.choose("#ground", "request").await?;
    browser.click(SEND).await?;
    ensure!(browser.path().await?.starts_with("/entries/"), "not entered: {}", browser.text("main").await?);
    browser.sign_out().await?;

    sign_in(browser, company, "E-802").await?;
    browser.look("home-erasure").await?;
    browser.click("main article a.button[href^='/propose/approval.given']").await?;
    browser.click(SEND).await?;
    ensure!(browser.path().await? == "/", "not approved: {}", browser.text("main").await?);
    ensure!(browser.count("main article").await? == 0, "what is decided still waits");
    browser.sign_out().await?;

    sign_in(browser, company, "E-902").await?;
    state_purpose(browser, "compliance").await?;
    browser.says_in_time("/customers/C-00001/people", "erased (已删除)").await?;
    browser.go("/customers/C-00001/people").await?;
    browser.says("erased (已删除)").await?;
    ensure!(!browser.text("main").await?.contains("赵清扬"), "the name is still shown");
    browser.look("people-erased").await?;
    browser.sign_out().await
}

/// Who goes everywhere, and what for.
const WALKERS: [(&str, &str); 5] = [
    ("E-101", "sales_work"),
    ("E-301", "management"),
    ("E-501", "management"),
    (AUDITOR, "audit"),
    ("E-902", "compliance"),
];

const AUDITOR: &str = "E-901";

/// Where everybody begins: these lead to all the others but to some that a form leads to, or a link that a small company has no use for.
const BEGINNINGS: [&str; 5] = ["/", "/customers/C-00001", "/no-such-page", "/search", "/obligations"];

/// Where the auditor's questions lead.
const ANSWERS: [&str; 3] =
    ["/employees/E-101/reads", "/employees/E-101/acts", "/customers/C-00001/changes?field=owner"];

/// Goes as several people to every kind of page that the pages lead to, and returns how often it looked.
///
/// Whoever comes to a kind of page first looks at it in both languages and both widths; of the forms, which are all made alike, most
/// at a telephone alone. Who comes to it later looks once, for that person may see other things there.
async fn every_page(browser: &Browser, company: &Company) -> Result<usize> {
    let mut looks = 0;
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    let mut ended = BTreeSet::new();
    browser.look_at("/sign-in", "sign-in").await?;
    for (turn, (who, purpose)) in WALKERS.into_iter().enumerate() {
        sign_in(browser, company, who).await?;
        state_purpose(browser, purpose).await?;
        let (spoken, other) =
            if turn % 2 == 0 { (Language::Chinese, Language::English) } else { (Language::English, Language::Chinese) };
        browser.speak(spoken.key()).await?;
        let answers = ANSWERS.iter().filter(|_| who == AUDITOR);
        let mut waiting: VecDeque<String> = BEGINNINGS.iter().chain(answers).map(|path| (*path).to_owned()).collect();
        let mut known: BTreeSet<String> = waiting.iter().map(|path| kind(path)).collect();
        let mut new = Vec::new();
        while let Some(path) = waiting.pop_front() {
            let first = seen.insert(kind(&path));
            let page = look(browser, who, &path, spoken, first).await?;
            faults.extend(page.faults);
            // Some addresses go on to others.
            ended.insert(kind(&browser.path().await?));
            looks += 1;
            let others = page.links.into_iter().filter(|path| is_page(path));
            // A form is the same for everybody.
            let others = others.filter(|path| !(path.starts_with("/propose/") && seen.contains(&kind(path))));
            waiting.extend(others.filter(|path| known.insert(kind(path))));
            if first {
                new.push(path);
            }
        }
        browser.speak(other.key()).await?;
        for path in new {
            faults.extend(look(browser, who, &path, other, true).await?.faults);
            looks += 1;
        }
        browser.go("/").await?;
        browser.speak("en").await?;
        browser.sign_out().await?;
    }
    ensure!(faults.is_empty(), "{faults:#?}");
    let mut missing = pages::all()?;
    missing.retain(|page| !seen.union(&ended).any(|kind| pages::matches(page, kind)));
    ensure!(missing.is_empty(), "no page leads to {missing:?}, but to {seen:?}");
    let forms = seen.iter().filter(|kind| kind.starts_with("/propose/")).count();
    ensure!(forms >= FORMS_MIN, "the pages lead to {forms} forms only");
    Ok(looks)
}

/// Goes to a page and looks at it, in one width or in both.
async fn look(browser: &Browser, who: &str, path: &str, language: Language, wholly: bool) -> Result<Page> {
    browser.go(path).await?;
    let name = format!("{who}{}-{}", name(path), language.key());
    let mut page = browser.look_in(&name, Width::Telephone).await?;
    if wholly && (!path.starts_with("/propose/") || WIDE_FORMS.iter().any(|form| path.starts_with(form))) {
        let before = page.faults;
        page = browser.look_in(&name, Width::Desk).await?;
        page.faults.extend(before);
    }
    let answered = if path == "/no-such-page" { page.status == 404 } else { page.status < 400 };
    if !answered {
        page.faults.push(format!("{who} is led to {path}, which is answered with {}", page.status));
    }
    if page.language != language.tag() {
        page.faults.push(format!("{path} is in {}, not in {}", page.language, language.tag()));
    }
    Ok(page)
}

/// Tells whether an address is one of a page: some are for programs, and some end what is being done.
fn is_page(path: &str) -> bool {
    let others = ["/v1/", "/language", "/sign-in"];
    !others.iter().any(|other| path.starts_with(other))
}

/// Returns what all pages have in common that are laid out alike: their addresses differ in numbers and in what is typed.
fn kind(path: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut kind = String::new();
    let mut numbered = false;
    for part in path.split('/').skip(1) {
        kind.push_str(&format!("/{}", if numbered { "*" } else { part }));
        numbered = ["customers", "employees", "entries"].contains(&part);
    }
    // What is filled in already makes no other form.
    if kind.starts_with("/propose/") || kind == "/compare" || query.is_empty() {
        return kind;
    }
    let chooses = |part: &&str| ["view", "show", "of", "by"].iter().any(|name| part.split('=').next() == Some(name));
    let chosen: Vec<&str> = query.split('&').filter(chooses).collect();
    format!("{kind}?{}", chosen.join("&"))
}

/// Makes the name of a picture of a page.
fn name(path: &str) -> String {
    let plain: String = path.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    plain.trim_end_matches('-').to_owned()
}

/// The forms that are looked at on a desk too: a long one, one with rows, and one that asks for little.
const WIDE_FORMS: [&str; 3] =
    ["/propose/customer.registered", "/propose/contact.recorded", "/propose/archive.verified"];

const FORMS_MIN: usize = 30;
