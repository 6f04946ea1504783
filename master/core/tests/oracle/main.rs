//! A slow, obvious oracle for the allocator, and the properties that it lets random worlds be judged by.
//!
//! `amounts`, `books` and `view` are sums; `rules` says what a client may be given, `fill` who comes first; `world`, `answers` and
//! `acts` (with `show`) play the master, the schedulers and chance. Each of the other files is one property, said in words at its top. Nothing
//! here is shared with the allocator but the types that it takes and the shapes' own arithmetic.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test says by a panic that it failed, and by its name what it shows")]

mod acts;
mod amounts;
mod answers;
mod any_order;
mod books;
mod explaining;
mod fill;
mod guarantees;
mod limits;
mod missed;
mod nothing_lost;
mod opening;
mod rescinding;
mod rules;
mod shares;
mod show;
mod starvation;
mod uniform;
mod view;
mod visits;
mod world;

use proptest::test_runner::Config;

/// So many random worlds, and more in proportion when `PROPTEST_CASES` is above its default of 256. What fails becomes a named
/// test by hand, not a file.
fn cases(cases: u32) -> Config {
    let plain = Config::default();
    let cases = (u64::from(cases) * u64::from(plain.cases) / 256) as u32;
    Config { cases, failure_persistence: None, max_shrink_iters: 4_000, ..plain }
}
