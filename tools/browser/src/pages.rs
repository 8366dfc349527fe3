//! The pages there are, read from where the server declares them, so that a new one that no walk comes to is missed.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};

/// What is answered at a `GET` and is no page to come to by a link, each with why.
const OTHERS: [(&str, &str); 4] = [
    ("/analysis", "goes on to one of its tables"),
    ("/language", "changes the language and goes back"),
    ("/sign-in", "is looked at by itself, before anybody is signed in"),
    ("/style.css", "is what the pages look like"),
];

/// The lists of views of which each has a page of its own: the file, the name of the list, and the page.
const LISTS: [(&str, &str, &str); 6] = [
    ("access.rs", "VIEWS", "/access?view="),
    ("layout.rs", "PEOPLE", "/customers/*/people?view="),
    ("layout.rs", "TRADE", "/customers/*/trade?view="),
    ("layout.rs", "WORK", "/customers/*/work?view="),
    ("privacy.rs", "VIEWS", "/privacy?view="),
    ("tables.rs", "COMPANY", "/analysis/"),
];

/// Returns the pages of the server in these sources, with a star for what an address names: `/customers/*/card`.
///
/// # Errors
/// The sources do not read as they used to.
pub(crate) fn all() -> Result<Vec<String>> {
    let mut pages = Vec::new();
    let mut others: Vec<&str> = OTHERS.iter().map(|(page, _)| *page).collect();
    for page in routes(&source("mod.rs")?)? {
        match others.iter().position(|other| *other == page) {
            Some(at) => drop(others.swap_remove(at)),
            // Its tables are listed by themselves.
            None if page == "/analysis/*" => {}
            None => pages.push(page),
        }
    }
    ensure!(others.is_empty(), "these are answered no more: {others:?}");
    for (file, list, page) in LISTS {
        pages.extend(listed(&source(file)?, list)?.into_iter().map(|view| format!("{page}{view}")));
    }
    Ok(pages)
}

/// Tells whether an address, of which what it names is a star too, is one of a page.
pub(crate) fn matches(page: &str, address: &str) -> bool {
    let (path, chosen) = page.split_once('?').map_or((page, None), |(path, chosen)| (path, Some(chosen)));
    let (at, query) = address.split_once('?').unwrap_or((address, ""));
    let alike = |(one, other): (&str, &str)| one == "*" || one == other;
    path.split('/').count() == at.split('/').count()
        && path.split('/').zip(at.split('/')).all(alike)
        && chosen.is_none_or(|chosen| query.split('&').any(|part| part == chosen))
}

/// What a file of the pages says.
fn source(file: &str) -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../src/http/web").join(file);
    std::fs::read_to_string(&path).with_context(|| format!("cannot read \"{}\"", path.display()))
}

/// The addresses that a router answers to a `GET`.
fn routes(source: &str) -> Result<Vec<String>> {
    let (_, routes) = source.split_once("fn routes()").context("there is no router")?;
    let (routes, _) = routes.split_once("\n}\n").context("the router does not end")?;
    let mut pages = Vec::new();
    for route in routes.split(".route(").skip(1) {
        let mut quoted = route.split('"');
        let (Some(_), Some(path), Some(methods)) = (quoted.next(), quoted.next(), quoted.next()) else {
            bail!("a route without an address: {route}");
        };
        if methods.contains("get(") {
            let starred = path.split('/').map(|part| if part.starts_with('{') { "*" } else { part });
            pages.push(starred.collect::<Vec<_>>().join("/"));
        }
    }
    Ok(pages)
}

/// The items of a list of texts, which may be constants themselves.
fn listed(source: &str, list: &str) -> Result<Vec<String>> {
    let said = |name: &str| source.split_once(&format!("const {name}: ")).map(|(_, rest)| rest);
    let rest = said(list).with_context(|| format!("there is no list {list}"))?;
    let items = rest.split_once('=').and_then(|(_, rest)| rest.trim_start().strip_prefix('['));
    let items = items.and_then(|rest| rest.split_once(']')).map(|(items, _)| items);
    let items = items.with_context(|| format!("{list} is no list"))?;
    let item = |item: &str| match item.strip_prefix('"') {
        Some(text) => Some(text.trim_end_matches('"').to_owned()),
        None => said(item)?.split('"').nth(1).map(str::to_owned),
    };
    let items = items.split(',').map(str::trim).filter(|one| !one.is_empty());
    items.map(|one| item(one).with_context(|| format!("{one} of {list} is no text"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_are_those_that_are_answered_to_a_get() {
        let router = "fn routes() -> Router {\n    .route(\"/\", get(home))\n    .route(\"/customers/{id}\", get(a).post(b))\n    \
                      .route(\n        \"/export/{key}\",\n        post(c),\n    )\n}\nfn other() { get(d) }\n";
        assert_eq!(routes(router).unwrap(), ["/", "/customers/*"]);
    }

    #[test]
    fn a_list_may_name_what_it_lists() {
        let source =
            "const VIEWS: [&str; 2] = [\n    \"grades\",\n    TRACE,\n];\nconst TRACE: &str = \"grade_audit\";\n";
        assert_eq!(listed(source, "VIEWS").unwrap(), ["grades", "grade_audit"]);
        assert!(listed(source, "OTHERS").is_err());
    }

    #[test]
    fn every_list_of_views_is_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../src/http/web");
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        let texts = files.filter(|path| path.is_file()).map(|path| std::fs::read_to_string(path).unwrap());
        let shown: usize = texts.map(|text| text.matches("layout::views(").count()).sum();
        // Two tabs of a customer are made in one place.
        assert_eq!(shown + 1, LISTS.len());
        assert!(all().unwrap().contains(&"/customers/*/trade?view=terms".to_owned()));
    }

    #[test]
    fn an_address_is_one_of_the_page_that_is_laid_out_so() {
        assert!(matches("/customers/*/trade?view=terms", "/customers/*/trade?view=terms"));
        assert!(!matches("/customers/*/trade?view=terms", "/customers/*/trade"));
        assert!(matches("/propose/*", "/propose/contact.recorded"));
        assert!(!matches("/customers/*", "/customers/*/card"));
        assert!(matches("/access", "/access?view=grants"));
    }
}
