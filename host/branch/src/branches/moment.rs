//! Moments of the past, as people name them, and the commits they mean.

use model::{Seq, Timestamp};
use store::{Snapshot, Space, key};

use crate::branches::BranchFault;
use crate::commit::LogEntry;
use crate::error::BranchError;

/// A moment of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Right after a commit.
    Commit(Seq),
    /// Wall-clock time.
    Time(Timestamp),
    /// Microseconds before now.
    Ago(i64),
}

impl Moment {
    /// Reads a commit number, a time relative to now (`-30s`, `-15m`, `-1h`, `-2d`, `-1w`), or an ISO
    /// time.
    pub fn parse(text: &str) -> Result<Self, BranchFault> {
        let bad = || BranchFault::NoSuchMoment {
            asked: text.to_owned(),
            why: "write a commit number, a time such as `2026-01-31T12:00:00Z`, or one relative to \
                  now such as `-30s`, `-15m`, `-1h`, `-2d`, `-1w`",
        };
        let trimmed = match text.trim().strip_prefix("now") {
            Some("") => return Ok(Self::Ago(0)),
            // As some clients write it.
            Some(ago) if ago.starts_with('-') => ago,
            _ => text.trim(),
        };
        if !trimmed.is_empty() && trimmed.bytes().all(|byte| byte.is_ascii_digit()) {
            return trimmed.parse().map(|seq| Self::Commit(Seq(seq))).map_err(|_large| bad());
        }
        if let Some(ago) = trimmed.strip_prefix('-') {
            let digits = ago.trim_end_matches(|c: char| c.is_ascii_alphabetic());
            let number: i64 = digits.parse().map_err(|_bad| bad())?;
            let seconds: i64 = match ago.get(digits.len()..).unwrap_or_default() {
                "s" | "sec" | "second" | "seconds" => 1,
                "m" | "min" | "minute" | "minutes" => 60,
                "h" | "hour" | "hours" => 3_600,
                "d" | "day" | "days" => 86_400,
                "w" | "week" | "weeks" => 604_800,
                _ => return Err(bad()),
            };
            let micros = number.checked_mul(seconds).and_then(|s| s.checked_mul(1_000_000));
            return micros.map(Self::Ago).ok_or_else(bad);
        }
        trimmed.parse().map(Self::Time).map_err(|_bad| bad())
    }

    /// The last commit of the moment. O(log n) in the commits there are.
    pub(crate) fn commit(self, snapshot: &Snapshot, now: Timestamp) -> Result<Seq, BranchError> {
        let time = match self {
            Self::Commit(seq) if seq > snapshot.seq() || seq == Seq(0) => {
                return Err(BranchFault::NoSuchMoment {
                    asked: seq.to_string(),
                    why: "no commit has this number yet",
                }
                .into());
            }
            Self::Commit(seq) => return Ok(seq),
            Self::Time(time) => time,
            Self::Ago(micros) => Timestamp(now.0.saturating_sub(micros)),
        };
        // Commits are in the order of their times, as far as the clock was.
        let (mut low, mut high) = (0, snapshot.seq().0);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            if committed_at(snapshot, Seq(middle))? <= time {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        if low == 0 {
            let asked = time.to_string();
            let why = "the store is younger; ask for a later moment";
            return Err(BranchFault::NoSuchMoment { asked, why }.into());
        }
        Ok(Seq(low))
    }
}

/// When a commit was made.
pub(crate) fn committed_at(snapshot: &Snapshot, seq: Seq) -> Result<Timestamp, BranchError> {
    let damaged = || BranchError::Damaged { what: format!("log entry {seq}") };
    let row = snapshot.get(Space::Log, &key::log(seq))?.ok_or_else(damaged)?;
    LogEntry::decode(&row).map(|entry| entry.at).ok_or_else(damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_commits_times_or_spans() {
        assert_eq!(Moment::parse("17"), Ok(Moment::Commit(Seq(17))));
        assert_eq!(Moment::parse("-1h"), Ok(Moment::Ago(3_600_000_000)));
        assert_eq!(Moment::parse("-2d"), Ok(Moment::Ago(172_800_000_000)));
        assert_eq!(Moment::parse("now-2h"), Ok(Moment::Ago(7_200_000_000)));
        assert_eq!(Moment::parse("now"), Ok(Moment::Ago(0)));
        let time = "2026-01-31T12:00:00Z".parse().unwrap();
        assert_eq!(Moment::parse("2026-01-31T12:00:00Z"), Ok(Moment::Time(time)));
        for bad in [
            "",
            "-",
            "-1y",
            "-h",
            "yesterday",
            "nowhere",
            "now 2h",
            "now-",
            "99999999999999999999",
            "-99999999999999w",
        ] {
            assert_eq!(Moment::parse(bad).unwrap_err().code(), "no-such-moment", "{bad}");
        }
    }
}
