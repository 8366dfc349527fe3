//! One Chromium, driven: what is clicked and typed, what is seen, what it complained of and whom it asked.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use fantoccini::actions::{InputSource as _, MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

/// The program that drives Chromium, and the folder for what its browsers keep.
pub(crate) struct Driver {
    child: Child,
    address: String,
    profiles: TempDir,
}

impl Driver {
    /// Starts it on a free port.
    pub(crate) fn start(program: &Path) -> Result<Self> {
        let profiles = tempfile::tempdir()?;
        let mut child =
            Command::new(program).arg("--port=0").stdout(Stdio::piped()).spawn().with_context(|| {
                format!("cannot start \"{}\": is the driver of Chromium installed?", program.display())
            })?;
        let output = child.stdout.take().context("the driver has no output")?;
        let mut driver = Self { child, address: String::new(), profiles };
        for line in BufReader::new(output).lines() {
            if let Some((_, port)) = line?.split_once("started successfully on port ") {
                driver.address = format!("127.0.0.1:{}", port.trim_end_matches('.'));
                return Ok(driver);
            }
        }
        bail!("the driver did not say where it listens")
    }

    /// Asks it to end its browsers and then itself, whatever they are doing; returns once it has.
    fn shut_down(&mut self) -> Result<()> {
        let mut connection = TcpStream::connect(&self.address)?;
        connection.set_read_timeout(Some(SHUT_DOWN_WITHIN))?;
        let request = format!("GET /shutdown HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address);
        connection.write_all(request.as_bytes())?;
        // It closes the connection when it ends.
        connection.read_to_end(&mut Vec::new())?;
        Ok(())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // A driver that is killed leaves its browsers behind; that is for one that does not answer any more.
        if self.shut_down().is_err() {
            drop(self.child.kill());
        }
        drop(self.child.wait());
    }
}

/// Whether pages may run scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scripts {
    /// As people have it.
    On,
    /// As some have it.
    Off,
}

/// A language of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    Chinese,
    English,
}

impl Language {
    /// Both of them.
    pub(crate) const BOTH: [Self; 2] = [Self::Chinese, Self::English];

    /// What an address calls it.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Chinese => "zh",
            Self::English => "en",
        }
    }

    /// What a page calls it.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::Chinese => "zh-CN",
            Self::English => "en",
        }
    }
}

/// How wide a window a page is looked at in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    /// A small telephone.
    Telephone,
    /// A desk.
    Desk,
}

impl Width {
    fn pixels(self) -> u32 {
        match self {
            Self::Telephone => 360,
            Self::Desk => 1440,
        }
    }
}

/// What a look at a page tells.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// The status it was answered with.
    pub(crate) status: u64,
    /// The language it says it is in.
    pub(crate) language: String,
    /// Where the links lead that lead to pages of the site.
    pub(crate) links: Vec<String>,
    /// What is wrong with it.
    pub(crate) faults: Vec<String>,
}

/// One window of one browser, without anything kept from before.
pub(crate) struct Browser {
    client: Client,
    home: String,
    pictures: Option<PathBuf>,
    /// How wide the window is, once it was looked at.
    width: Cell<Option<Width>>,
    /// The address of each request so far.
    asked: RefCell<Vec<String>>,
}

impl Browser {
    /// Opens a browser at a site, does something with it and closes it.
    ///
    /// There is no other way to one: whatever was done, nothing may have been complained of, and nobody else asked for anything.
    pub(crate) async fn with<T>(
        driver: &Driver,
        home: &str,
        scripts: Scripts,
        pictures: Option<&Path>,
        done: impl AsyncFnOnce(&Self) -> Result<T>,
    ) -> Result<T> {
        let browser = Self::open(driver, home, scripts, pictures).await?;
        let done = done(&browser).await?;
        browser.check().await?;
        browser.client.close().await?;
        Ok(done)
    }

    async fn open(driver: &Driver, home: &str, scripts: Scripts, pictures: Option<&Path>) -> Result<Self> {
        let profile = tempfile::tempdir_in(driver.profiles.path())?.keep();
        let profile = format!("--user-data-dir={}", profile.display());
        let arguments = [
            profile.as_str(),
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            // As on a telephone, they take no width.
            "--hide-scrollbars",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--lang=en",
            // No name is looked up: whatever a page asked for elsewhere would fail and stand in the log.
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        ];
        let capabilities = json!({
            "browserName": "chrome",
            "goog:chromeOptions": {
                "args": arguments,
                "prefs": { "intl.accept_languages": "en" },
                // Of what it tells, only the requests are asked after.
                "perfLoggingPrefs": { "enableNetwork": true, "enablePage": false },
            },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        });
        let Value::Object(capabilities) = capabilities else { bail!("no capabilities") };
        let driver = format!("http://{}", driver.address);
        let client = ClientBuilder::new(HttpConnector::new()).capabilities(capabilities).connect(&driver).await?;
        let browser = Self {
            client,
            home: home.to_owned(),
            pictures: pictures.map(Path::to_owned),
            width: Cell::new(None),
            asked: RefCell::default(),
        };
        if scripts == Scripts::Off {
            browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await?;
            browser.client.goto("data:text/html,<title>none</title><script>document.title='ran'</script>").await?;
            ensure!(browser.client.title().await? == "none", "scripts run though they are off");
        }
        Ok(browser)
    }

    /// Goes to a page of the site.
    pub(crate) async fn go(&self, path: &str) -> Result<()> {
        Ok(self.client.goto(&format!("{}{path}", self.home)).await?)
    }

    /// Returns the path of the page.
    pub(crate) async fn path(&self) -> Result<String> {
        Ok(self.client.current_url().await?.path().to_owned())
    }

    /// Finds the one element, or says on which page it is missing.
    pub(crate) async fn find(&self, selector: &str) -> Result<Element> {
        match self.client.find(Locator::Css(selector)).await {
            Ok(found) => Ok(found),
            Err(error) => {
                let text = self.text("body").await.unwrap_or_default();
                Err(error).with_context(|| format!("no \"{selector}\" on this page:\n{text}"))
            }
        }
    }

    /// Types into a field, in place of what is there.
    pub(crate) async fn fill(&self, selector: &str, text: &str) -> Result<()> {
        let field = self.find(selector).await?;
        field.clear().await?;
        field.send_keys(text).await?;
        let typed = field.prop("value").await?.unwrap_or_default();
        ensure!(typed == text, "\"{text}\" was typed into \"{selector}\", which holds \"{typed}\"");
        Ok(())
    }

    /// Types a day, or a day and a time, in the order in which an English browser takes it.
    pub(crate) async fn fill_time(&self, selector: &str, time: &str) -> Result<()> {
        let field = self.find(selector).await?;
        let (day, clock) = time.split_once('T').unwrap_or((time, ""));
        let (year, rest) = day.split_once('-').context("no day")?;
        let mut keys = format!("{}{year}", rest.replace('-', ""));
        if let Some((hour, minute)) = clock.split_once(':') {
            let hour: u8 = hour.parse()?;
            let half = if hour < 12 { "AM" } else { "PM" };
            keys.push_str(&format!("{}{:02}{minute}{half}", Key::Tab, (hour + 11) % 12 + 1));
        }
        field.send_keys(&keys).await?;
        let typed = field.prop("value").await?.unwrap_or_default();
        ensure!(typed == time, "\"{time}\" was typed into \"{selector}\", which holds \"{typed}\"");
        Ok(())
    }

    /// Chooses a value of a closed list.
    pub(crate) async fn choose(&self, selector: &str, value: &str) -> Result<()> {
        Ok(self.find(selector).await?.select_by_value(value).await?)
    }

    /// Clicks, and waits for the page it leads to.
    pub(crate) async fn click(&self, selector: &str) -> Result<()> {
        let page = self.find("html").await?;
        self.find(selector).await?.click().await?;
        self.left(&page).await
    }

    /// Sends a form into another window and waits for the answer there; the form stays here as it is.
    pub(crate) async fn send_beside(&self, selector: &str) -> Result<()> {
        let (here, form) = (self.client.window().await?, self.path().await?);
        self.client
            .execute("document.querySelector(arguments[0]).form.target = '_blank'", vec![json!(selector)])
            .await?;
        self.find(selector).await?.click().await?;
        for _ in 0..LOOKS_MAX {
            let opened = self.client.windows().await?.into_iter().find(|window| *window != here);
            if let Some(opened) = opened {
                self.client.switch_to_window(opened).await?;
                let (path, answered) = (self.path().await?, self.count("main h1").await? == 1);
                if answered && path != form {
                    self.client.close_window().await?;
                    self.client.switch_to_window(here).await?;
                    let script = "document.querySelector(arguments[0]).form.target = ''";
                    self.client.execute(script, vec![json!(selector)]).await?;
                    return Ok(());
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        bail!("nothing came of the form sent into another window")
    }

    /// Clicks where one has gone back to: the page may be as it was left, or a blank form that the browser does not send.
    pub(crate) async fn send_again(&self, selector: &str) -> Result<()> {
        let page = self.find("html").await?;
        let complete = self.count("form.card :invalid").await? == 0;
        self.find(selector).await?.click().await?;
        if complete { self.left(&page).await } else { Ok(()) }
    }

    /// Clicks twice as quickly as a nervous hand does, and waits for the page it leads to.
    pub(crate) async fn click_twice(&self, selector: &str) -> Result<()> {
        let page = self.find("html").await?;
        let element = self.find(selector).await?;
        let mut actions = MouseActions::new("mouse".to_owned()).then(PointerAction::MoveToElement {
            element,
            duration: None,
            x: 0.0,
            y: 0.0,
        });
        for _ in 0..2 {
            actions = actions
                .then(PointerAction::Down { button: MOUSE_BUTTON_LEFT })
                .then(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
        }
        self.client.perform_actions(actions).await?;
        self.left(&page).await
    }

    /// Presses Enter, and waits for the page it leads to.
    pub(crate) async fn enter(&self) -> Result<()> {
        let page = self.find("html").await?;
        self.press(&Key::Enter.to_string()).await?;
        self.left(&page).await
    }

    /// Waits until the browser shows another page than this.
    async fn left(&self, page: &Element) -> Result<()> {
        for _ in 0..LOOKS_MAX {
            if page.tag_name().await.is_err() {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        bail!("that leads nowhere from {}:\n{}", self.path().await?, self.text("main").await?)
    }

    /// Goes back to the page before.
    pub(crate) async fn back(&self) -> Result<()> {
        Ok(self.client.back().await?)
    }

    /// Returns how often something stands on the page.
    pub(crate) async fn count(&self, selector: &str) -> Result<usize> {
        Ok(self.client.find_all(Locator::Css(selector)).await?.len())
    }

    /// Returns the time in Shanghai, where the company is, so many minutes from now: a day, `T`, hour and minute.
    pub(crate) async fn time(&self, minutes_from_now: i64) -> Result<String> {
        let script = "return new Date(Date.now() + (480 + arguments[0]) * 6e4).toISOString().slice(0, 16)";
        let time = self.client.execute(script, vec![json!(minutes_from_now)]).await?;
        Ok(time.as_str().context("no time")?.to_owned())
    }

    /// Presses a key, as somebody without a mouse does.
    pub(crate) async fn press(&self, keys: &str) -> Result<()> {
        Ok(self.client.active_element().await?.send_keys(keys).await?)
    }

    /// Goes on with the tab key until something matches, as a reader of the page from its top would.
    pub(crate) async fn tab_to(&self, selector: &str) -> Result<()> {
        for _ in 0..TABS_MAX {
            self.press(&Key::Tab.to_string()).await?;
            let script = "return document.activeElement.matches(arguments[0])";
            if self.client.execute(script, vec![json!(selector)]).await? == json!(true) {
                return Ok(());
            }
        }
        bail!("the tab key does not lead to \"{selector}\"")
    }

    /// Returns the text of an element as it is seen.
    pub(crate) async fn text(&self, selector: &str) -> Result<String> {
        Ok(self.client.find(Locator::Css(selector)).await?.text().await?)
    }

    /// Checks that the page says something.
    pub(crate) async fn says(&self, words: &str) -> Result<()> {
        let text = self.text("main").await?;
        ensure!(text.contains(words), "{} does not say \"{words}\":\n{text}", self.path().await?);
        Ok(())
    }

    /// Waits, for some seconds, until a page says something when it is asked for again.
    pub(crate) async fn says_in_time(&self, path: &str, words: &str) -> Result<()> {
        for _ in 0..LOOKS_MAX {
            self.go(path).await?;
            if self.text("main").await?.contains(words) {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.says(words).await
    }

    /// Signs somebody in.
    pub(crate) async fn sign_in(&self, who: &str, password: &str) -> Result<()> {
        self.go("/sign-in").await?;
        self.fill("#employee", who).await?;
        self.fill("#password", password).await?;
        self.click("form.card button").await
    }

    /// Signs out.
    pub(crate) async fn sign_out(&self) -> Result<()> {
        self.click("form[action='/sign-out'] button").await?;
        ensure!(self.path().await? == "/sign-in", "one is not signed out");
        Ok(())
    }

    /// Changes the language, and stays on the page.
    pub(crate) async fn speak(&self, language: &str) -> Result<()> {
        let path = self.path().await?;
        self.go(&format!("/language?to={language}&back={path}")).await
    }

    /// Looks at a page in both languages and two widths.
    pub(crate) async fn look_at(&self, path: &str, name: &str) -> Result<()> {
        for language in Language::BOTH {
            self.go(&format!("/language?to={}&back={}", language.key(), path.replace('%', "%25").replace('&', "%26")))
                .await?;
            let page = self.look(&format!("{name}-{}", language.key())).await?;
            ensure!(page.language == language.tag(), "{path} is in {}, not in {}", page.language, language.tag());
        }
        Ok(())
    }

    /// Looks at the page as it stands in two widths, and goes on in that of a desk.
    pub(crate) async fn look(&self, name: &str) -> Result<Page> {
        let mut page = self.look_in(name, Width::Telephone).await?;
        page.faults.extend(self.look_in(name, Width::Desk).await?.faults);
        ensure!(page.faults.is_empty(), "{:#?}", page.faults);
        Ok(page)
    }

    /// Looks at the page as it stands, and goes on in this width.
    pub(crate) async fn look_in(&self, name: &str, width: Width) -> Result<Page> {
        let pixels = width.pixels();
        if self.width.replace(Some(width)) != Some(width) {
            let size = json!({ "width": pixels, "height": 900, "deviceScaleFactor": 1, "mobile": false });
            self.devtools("Emulation.setDeviceMetricsOverride", size).await?;
        }
        let page = self.client.execute(PAGE, Vec::new()).await?;
        let mut faults = Vec::new();
        for (fault, what) in [("wide", "it is wider than the window"), ("raw", "it says what only programs say")] {
            let found = page.get(fault).context("the page could not be looked at")?;
            if found != &json!([]) {
                faults.push(format!("\"{name}\", {pixels} wide: {what}: {found}"));
            }
        }
        if let Some(folder) = &self.pictures {
            let whole = json!({ "captureBeyondViewport": true, "optimizeForSpeed": true });
            let taken = self.devtools("Page.captureScreenshot", whole).await?;
            let picture = decoded(taken.get("data").and_then(Value::as_str).context("no picture")?)?;
            std::fs::write(folder.join(format!("{name}-{pixels}.png")), picture)?;
        }
        let links = page.get("links").and_then(Value::as_array).into_iter().flatten();
        Ok(Page {
            status: page.get("status").and_then(Value::as_u64).unwrap_or_default(),
            language: text(&page, "/language").to_owned(),
            links: links.filter_map(Value::as_str).map(str::to_owned).collect(),
            faults,
        })
    }

    /// Checks that the pages so far complained of nothing, none failed, and none asked elsewhere for anything.
    async fn check(&self) -> Result<()> {
        // That somebody is refused is an answer, not a fault of the page.
        let complaints = self.log("browser").await?;
        let faults: BTreeSet<&str> = complaints
            .iter()
            .filter(|line| matches!(text(line, "/level"), "SEVERE" | "WARNING"))
            .map(|line| text(line, "/message"))
            .filter(|message| !message.contains("the server responded with a status of 4"))
            .collect();
        ensure!(faults.is_empty(), "the console says: {faults:#?}");
        self.listen().await?;
        let asked = self.asked.borrow();
        // What the browser shows before the first page, and the icon that every page names, come from nowhere.
        let known = [self.home.as_str(), "data:", "chrome:"];
        let elsewhere = asked.iter().find(|url| !known.iter().any(|known| url.starts_with(known)));
        ensure!(elsewhere.is_none(), "a page asked elsewhere: {elsewhere:?}");
        ensure!(!asked.is_empty(), "the browser's log of requests is empty");
        Ok(())
    }

    /// Takes over what the browser has asked for since the last time.
    async fn listen(&self) -> Result<()> {
        for line in self.log("performance").await? {
            let message: Value = serde_json::from_str(text(&line, "/message"))?;
            if text(&message, "/message/method") == "Network.requestWillBeSent" {
                self.asked.borrow_mut().push(text(&message, "/message/params/request/url").to_owned());
            }
        }
        Ok(())
    }

    async fn log(&self, kind: &str) -> Result<Vec<Value>> {
        let found = self.client.issue_cmd(Extension::new("se/log", json!({ "type": kind }))).await?;
        Ok(found.as_array().cloned().unwrap_or_default())
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Result<Value> {
        let body = json!({ "cmd": command, "params": parameters });
        Ok(self.client.issue_cmd(Extension::new("goog/cdp/execute", body)).await?)
    }
}

/// A command of this driver beyond the standard's.
#[derive(Debug)]
struct Extension {
    path: &'static str,
    body: Value,
}

impl Extension {
    fn new(path: &'static str, body: Value) -> Self {
        Self { path, body }
    }
}

impl WebDriverCompatibleCommand for Extension {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn decoded(text: &str) -> Result<Vec<u8>> {
    use base64::Engine as _;
    Ok(base64::prelude::BASE64_STANDARD.decode(text)?)
}

/// Tells all that a look at a page asks for, as one question: the questions take longer than the looking.
///
/// `wide` names what sticks out of the window to the right, if the page can be moved sideways; `raw` what stands there in the words
/// of programs, where people's words belong.
const PAGE: &str = r#"
const edge = document.documentElement.clientWidth;
const moves = document.documentElement.scrollWidth > edge;
const outside = e => e.getBoundingClientRect().right > edge + 1;
const wide = moves ? [...document.querySelectorAll('body *')].filter(outside).map(e => e.outerHTML.slice(0, 120)) : [];
const raw = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
    const text = texts.currentNode.data.trim();
    if (/(^|[\s"(])[a-z]+(_[a-z]+)+($|[\s",.:)])|^[a-z]+(-[a-z]+)+$/.test(text) && !texts.currentNode.parentElement.closest('code, textarea')) raw.push(text.slice(0, 120));
}
return {
    wide: wide.slice(0, 5),
    raw: raw.slice(0, 5),
    status: performance.getEntriesByType('navigation')[0]?.responseStatus ?? 0,
    language: document.documentElement.lang,
    links: [...document.querySelectorAll('a[href^="/"]')].map(link => link.getAttribute('href')),
};"#;

const SHUT_DOWN_WITHIN: Duration = Duration::from_secs(10);
const TABS_MAX: usize = 60;
const LOOKS_MAX: usize = 200;
const LOOK_EVERY: Duration = Duration::from_millis(50);
