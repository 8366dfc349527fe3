//! The one integration binary: every module with a line saying what it proves.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failing test panics")]

mod backup; // copies elsewhere: restored to the byte, refused when they do not fit, never a fork
mod bad_input; // what cannot be: dates, amounts, cycles, corrections, keys; and where the rest of it is shown
mod clock; // set back, accepted, and what a tick enters of itself
mod corrections; // mistakes put right: refused, shown both ways, and as if never made
mod coverage; // every event succeeds and each of its bad inputs is refused
mod crash; // kills, cuts, flips and thieves of the disk
mod documents; // papers: filed whole or not at all, sealed, read back, missing ones named
mod erasure; // a person erased: keys gone, nothing readable, everything still proven
mod feed; // entries as they come
mod forms; // every event's form on the pages: labelled, refused beside the field, answered as the API answers
mod grades; // grades by business and by credit, terms, reviews, payments, and what they add up to
mod loans; // archive files lent, renewed, overdue, recalled, given back
mod moments; // earlier moments by both times, and what changed between two
mod northwind; // real input, imported by its mapping
mod obligations; // deadlines: opened, met, late, reported upward, extended; the clock
mod once; // ids and names that may be used only once, and who wins
mod pages; // the pages as a browser gets them: signing in, forms, refusals
mod people; // key persons: sealed, masked, opened, and by consent alone
mod policy; // the access matrix and the append rights, cell by cell
mod rights; // access beyond one's own: asked for, decided, used, over; refusals that add up
mod scenarios; // the acceptance scenarios through the API
mod schemas; // every stored shape has a frozen example that reads back as itself
mod search; // customers and people found, and what is entered of having looked
mod signoffs; // signatures along the chain of each form, on the card, and the card on paper
mod spine; // propose, admit, prove, read, recover
mod support;
mod surfaces; // every role on every surface finds what it may see and nothing else, and proposes every event it may
mod tidy; // the map, the first sentences, the rules
mod verification; // anything in a data directory altered, cut or taken away
mod views; // every view against an example computed by hand
mod work; // views of the work with customers and of how their archives stand
