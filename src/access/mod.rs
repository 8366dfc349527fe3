//! Answers "may they": facts in, a decision and its reasons out.
//!
//! **Invariant:** what *is* the case is computed in Rust and passed as [`facts::Facts`]; what *may* be done is decided
//! in the `.cedar` files beside this one. No Rust code grants or refuses anything by role.
//!
//! **Invariant:** a decision depends on the policy set, the role, the action, the resource and the facts, and on
//! nothing else: no clock, no entity store, no world. That is why decisions may be remembered.
//!
//! **Invariant:** nothing here reads a ledger or writes one. Who the principal is to a customer is found out by the caller.
//!
//! | file | answers |
//! |---|---|
//! | [`principal`] | who asks, from where, and why |
//! | [`matter`] | what is asked for: the columns of the access matrix |
//! | [`relation`] | what is the case between the two, found on a snapshot |
//! | [`opening`] | what grants and loans open at a moment |
//! | [`facts`] | the words for it |
//! | [`decide`] | may they, by what right, and if not, by which rule |
//! | [`redactor`] | what of a view is shown |

pub mod decide;
pub mod facts;
pub mod matter;
pub mod opening;
pub mod principal;
pub mod redactor;
pub mod relation;
