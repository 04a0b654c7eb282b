//! Who has which processor for how long: a book of leases that several programs share.

mod book;
mod ledger;

pub use book::{Answer, Ask, Book, Lease, MOST};
pub use ledger::Ledger;
