//! Points in time, and the two sources of the outside world that come in as parameters.

use std::fmt;
use std::str::FromStr;

use crate::ObjectId;

/// A moment: microseconds since 1970-01-01T00:00:00Z. Written as RFC 3339 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(moment) => write!(f, "{moment:.6}"),
            Err(_out_of_range) => write!(f, "{}us", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = NotATime;

    /// RFC 3339 with an offset; a time without one is taken as UTC, a date alone as its midnight.
    fn from_str(text: &str) -> Result<Self, NotATime> {
        let moment = text.parse::<jiff::Timestamp>().ok().or_else(|| {
            let civil = text.parse::<jiff::civil::DateTime>().ok()?;
            jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()
        });
        moment.map(|moment| Self(moment.as_microsecond())).ok_or(NotATime)
    }
}

/// The text is not a date and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time: write it as `2026-01-31T12:00:00Z`")]
pub struct NotATime;

/// Tells the time. The only way the wall clock reaches anything below the server.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// Gives out ids for objects that people make.
pub trait IdSource: Send + Sync {
    /// A new id, larger than those given before within a millisecond's order (UUIDv7).
    fn next_id(&self, now: Timestamp) -> ObjectId;
}
