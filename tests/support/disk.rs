//! What a thief of the disk would find: every file, whatever is compressed in it, and what this process logged.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::sync::{Mutex, OnceLock};

use dossier::ledger::Home;
use serde_json::Value;

/// Everything this process logs, from the first time somebody asks.
pub(crate) fn logged() -> &'static Mutex<Vec<u8>> {
    struct Log;
    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            logged().lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    static LOGGED: OnceLock<Mutex<Vec<u8>>> = OnceLock::new();
    static LISTENING: OnceLock<()> = OnceLock::new();
    let logged = LOGGED.get_or_init(Mutex::default);
    LISTENING.get_or_init(|| {
        let listener = tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG);
        // Should somebody else listen already, the files are searched all the same.
        drop(listener.with_writer(|| Log).with_ansi(false).try_init());
    });
    logged
}

/// Every file of a closed ledger and of its keys, and what is compressed in it: snapshots and moments, the entries of journal
/// and store, and the stored views of every customer.
pub(crate) fn everything(home: &Home) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    let mut folders = vec![home.data.clone(), home.keys.clone()];
    while let Some(folder) = folders.pop() {
        for file in fs::read_dir(&folder).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path).unwrap();
            if path.extension().is_some_and(|extension| extension == "snapshot") {
                let note = usize::try_from(u32::from_be_bytes(bytes[..4].try_into().unwrap())).unwrap();
                files.push(zstd::stream::decode_all(&bytes[4 + note..]).unwrap());
            }
            if path.extension().is_some_and(|extension| extension == "moment") {
                files.push(zstd::stream::decode_all(&bytes["dossier moment 3\n".len() + 32..]).unwrap());
            }
            files.push(bytes);
        }
    }
    let mut customers = BTreeMap::new();
    dossier::journal::verify(&home.data.join("journal"), 0, |frame| {
        files.push(frame.body().to_vec());
        frame.entries().for_each(|entry| note_customers(entry, &mut customers));
    })
    .unwrap();
    let store = home.data.join("store");
    if store.exists() {
        let store = dossier::store::Store::open(&store, dossier::store::Options::default()).unwrap();
        files.extend(store.scan(0..store.len()).map(|item| item.unwrap().1.to_vec()));
        let mut documents = vec!["register.3".to_owned()];
        for (customer, versions) in customers {
            documents.extend([format!("archive.2/{customer}"), format!("past/{customer}")]);
            documents.extend((0..=versions).map(|version| format!("past/{customer}/{version}")));
        }
        let found = documents.iter().filter_map(|document| store.document(document).unwrap());
        let before = files.len();
        files.extend(found.map(|(_, bytes)| bytes));
        assert!(files.len() > before, "no stored view was found: are they called otherwise?");
    }
    files
}

/// Notes which customers an entry is about, and at which version of their streams.
fn note_customers(entry: &[u8], customers: &mut BTreeMap<String, u64>) {
    let entry: Value = serde_json::from_slice(entry).unwrap();
    for stream in entry["streams"].as_str().unwrap().split(' ') {
        let Some((id, rest)) = stream.strip_prefix("customer/").and_then(|named| named.split_once('@')) else {
            continue;
        };
        customers.insert(id.to_owned(), rest.split(':').next().unwrap().parse().unwrap());
    }
}
