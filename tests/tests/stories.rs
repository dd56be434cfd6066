//! Stories over the whole host but HTTP: a service in memory, real components.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "a test ends by panicking, and says what it skips"
)]

#[path = "stories/accounts.rs"]
mod accounts;
#[path = "stories/addresses.rs"]
mod addresses;
#[path = "stories/artifacts.rs"]
mod artifacts;
#[path = "stories/asking.rs"]
mod asking;
#[path = "stories/branch_cases.rs"]
mod branch_cases;
#[path = "stories/branches.rs"]
mod branches;
#[path = "stories/busy.rs"]
mod busy;
#[path = "stories/capacity.rs"]
mod capacity;
#[path = "stories/cases.rs"]
mod cases;
#[path = "stories/changes.rs"]
mod changes;
#[path = "stories/checks.rs"]
mod checks;
#[path = "stories/compare.rs"]
mod compare;
#[path = "stories/conversions.rs"]
mod conversions;
#[path = "stories/counts.rs"]
mod counts;
#[path = "stories/dedicated_internet.rs"]
mod dedicated_internet;
#[path = "stories/demo_dc.rs"]
mod demo_dc;
#[path = "stories/diffs.rs"]
mod diffs;
#[path = "stories/divisions.rs"]
mod divisions;
#[path = "stories/documents.rs"]
mod documents;
#[path = "stories/examples.rs"]
mod examples;
#[path = "stories/folders.rs"]
mod folders;
#[path = "stories/generated.rs"]
mod generated;
#[path = "stories/gone.rs"]
mod gone;
#[path = "stories/held.rs"]
mod held;
#[path = "stories/history.rs"]
mod history;
#[path = "stories/hostile.rs"]
mod hostile;
#[path = "stories/ip_hierarchy.rs"]
mod ip_hierarchy;
#[path = "stories/l3vpn.rs"]
mod l3vpn;
#[path = "stories/limits.rs"]
mod limits;
#[path = "stories/merge.rs"]
mod merge;
#[path = "stories/merge_rules.rs"]
mod merge_rules;
#[path = "stories/mutations.rs"]
mod mutations;
#[path = "stories/names.rs"]
mod names;
#[path = "stories/numbers.rs"]
mod numbers;
#[path = "stories/objects.rs"]
mod objects;
#[path = "stories/orders.rs"]
mod orders;
#[path = "stories/pool_branches.rs"]
mod pool_branches;
#[path = "stories/pool_forms.rs"]
mod pool_forms;
#[path = "stories/pool_refusals.rs"]
mod pool_refusals;
#[path = "stories/pool_scenarios.rs"]
mod pool_scenarios;
#[path = "stories/pool_threads.rs"]
mod pool_threads;
#[path = "stories/previews.rs"]
mod previews;
#[path = "stories/protection.rs"]
mod protection;
#[path = "stories/reading.rs"]
mod reading;
#[path = "stories/refusals.rs"]
mod refusals;
#[path = "stories/reports.rs"]
mod reports;
#[path = "stories/schema.rs"]
mod schema;
#[path = "stories/sdwan.rs"]
mod sdwan;
#[path = "stories/sight.rs"]
mod sight;
#[path = "stories/stored.rs"]
mod stored;
#[path = "stories/support.rs"]
mod support;
#[path = "stories/surface.rs"]
mod surface;
#[path = "stories/tracking.rs"]
mod tracking;
#[path = "stories/versions.rs"]
mod versions;
