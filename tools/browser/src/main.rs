//! Drives the pages in a real browser, as the people of a small company would, and takes a picture of each.
//!
//! It starts the built `dossier` on a fresh directory and a free port of this machine, and needs Chromium and its driver.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Parser;

use crate::browser::Driver;
use crate::company::Company;

mod browser;
mod company;
mod pages;
mod walks;

/// Drive the pages in a real browser and check what they promise.
#[derive(Debug, Parser)]
struct Options {
    /// The built program; where `cargo build` leaves it when left out.
    #[arg(long)]
    dossier: Option<PathBuf>,
    /// The program that drives Chromium.
    #[arg(long, default_value = "chromedriver")]
    driver: PathBuf,
    /// A folder for a picture of each page, in both languages and two widths; none are taken when left out.
    #[arg(long, value_name = "FOLDER")]
    pictures: Option<PathBuf>,
    /// How long it may take at most, in seconds.
    #[arg(long, default_value = "600")]
    within: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let options = Options::parse();
    if let Some(folder) = &options.pictures {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make \"{}\"", folder.display()))?;
    }
    let company = Company::found(&options.dossier.unwrap_or_else(built))?;
    let driver = Driver::start(&options.driver)?;
    let walked = walks::all(&driver, &company, options.pictures.as_deref());
    tokio::time::timeout(Duration::from_secs(options.within), walked)
        .await
        .with_context(|| format!("it took more than {} seconds", options.within))?
}

/// Where `cargo build` leaves the program.
fn built() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    target.join("debug").join("dossier")
}
