//! Stories over the whole host but HTTP: a service in memory, real components.

#[path = "stories/cases.rs"]
mod cases;
#[path = "stories/examples.rs"]
mod examples;
#[path = "stories/sdwan.rs"]
mod sdwan;
#[path = "stories/support.rs"]
mod support;
#[path = "stories/tracking.rs"]
mod tracking;
