//! What a customer takes up in memory.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde_json::json;

use crate::figure::{Figure, float, progress};
use crate::process::{self, STARTS};

/// Builds two companies of the demo in `work`, one with more customers than the other and as many events for each, and prints by how much
/// more memory the larger one takes: world, register of the views, names of streams, all that a customer makes a server remember.
///
/// # Errors
/// A company is not built or served.
pub async fn tell(program: &Path, work: &Path) -> anyhow::Result<()> {
    let mut sizes = Vec::new();
    for customers in CUSTOMERS {
        progress(&format!("building a company of {customers} customers"));
        let data = work.join(format!("customers-{customers}"));
        let numbers = [customers, customers * EVENTS_PER_CUSTOMER].map(|number| number.to_string());
        let [customers_wanted, events] = &numbers;
        let arguments = ["demo", "--build-only", "--customers", customers_wanted, "--events", events, "--data"];
        let arguments = arguments.iter().map(AsRef::as_ref).chain([data.as_os_str()]);
        process::run(program, arguments).await.context("the demo company could not be built")?;
        let mut least = u64::MAX;
        for _ in 0..STARTS {
            let server = process::serve(program, &data, &work.join("customers.log"))?;
            server.settle().await?;
            least = least.min(server.memory()?.anonymous);
            server.stop()?;
        }
        sizes.push((customers, least));
        fs::remove_dir_all(&data)?;
    }
    let [(few, small), (many, large)] = sizes.as_slice() else { anyhow::bail!("two companies are compared") };
    let figure = Figure {
        figure: "customer_bytes",
        value: (float(*large) - float(*small)) / float(many - few),
        unit: "anonymous bytes per customer",
        of: json!({ "customers": [few, many], "anonymous": [small, large], "events_per_customer": EVENTS_PER_CUSTOMER }),
    };
    figure.print()
}

/// The two companies compared, and how much is entered of each customer.
const CUSTOMERS: [u64; 2] = [2_000, 10_000];
const EVENTS_PER_CUSTOMER: u64 = 16;
