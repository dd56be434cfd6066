//! Proofs over every table. What needs the schema to be read is proved one crate up.

use std::collections::BTreeMap;
use std::fmt;

use model::schema::Direction;
use model::{BranchId, ObjectId, Seq};

use crate::error::StoreError;
use crate::key;
use crate::layout::Space;
use crate::limits::FINDINGS_MAX;
use crate::snapshot::Snapshot;

/// Something that must hold and does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The table.
    pub space: Space,
    /// The key.
    pub key: Vec<u8>,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:02x?}: {}", self.space.name(), self.key, self.what)
    }
}

/// What a check saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Rows walked.
    pub rows: u64,
    /// What is wrong; empty when all is well.
    pub findings: Vec<Finding>,
}

impl CheckReport {
    fn say(&mut self, space: Space, key: &[u8], what: impl Into<String>) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { space, key: key.to_vec(), what: what.into() });
        }
    }
}

pub(crate) fn check(snapshot: &Snapshot) -> Result<CheckReport, StoreError> {
    let mut report = CheckReport::default();
    heads(snapshot, &mut report)?;
    edges(snapshot, &mut report)?;
    log(snapshot, &mut report)?;
    pairs(snapshot, &mut report, Space::Claims, Space::ClaimedBy)?;
    pairs(snapshot, &mut report, Space::ClaimedBy, Space::Claims)?;
    reservations(snapshot, &mut report)?;
    Ok(report)
}

fn walk(
    snapshot: &Snapshot,
    space: Space,
    report: &mut CheckReport,
    mut row: impl FnMut(&[u8], &[u8], &mut CheckReport) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    for entry in snapshot.range(space, &[], &[0xff; 512])? {
        let (key, value) = entry?;
        report.rows += 1;
        row(&key, &value, report)?;
    }
    Ok(())
}

fn stamp(row: &[u8]) -> Option<(Seq, u8)> {
    let (seq, rest) = row.split_first_chunk::<8>()?;
    Some((Seq(u64::from_be_bytes(*seq)), *rest.first()?))
}

fn heads(snapshot: &Snapshot, report: &mut CheckReport) -> Result<(), StoreError> {
    let mut newest: BTreeMap<(u32, ObjectId), Seq> = BTreeMap::new();
    walk(snapshot, Space::Heads, report, |bytes, row, report| {
        let Some((branch, kind, object)) = key::parse_head(bytes) else {
            report.say(Space::Heads, bytes, "the key does not read");
            return Ok(());
        };
        let Some((seq, flags)) = stamp(row) else {
            report.say(Space::Heads, bytes, "the row has no stamp");
            return Ok(());
        };
        if seq > snapshot.seq() {
            report.say(Space::Heads, bytes, format!("written by commit {seq}, which is not there"));
        }
        let last = newest.entry((branch.0, object)).or_insert(seq);
        *last = seq.max(*last);
        let dead = flags & 1 != 0;
        let known = kind_row(snapshot, branch, object)?;
        // An object whose kind was renamed left a tombstone under the old one.
        let moved = dead && known.is_some_and(|(known, _)| known != kind.0);
        // Main says what stands under such a row.
        let through = flags & 2 != 0;
        if known != Some((kind.0, dead)) && !moved && !through {
            report.say(Space::Heads, bytes, "the table of kinds says something else");
        }
        Ok(())
    })?;
    walk(snapshot, Space::Kinds, report, |bytes, _, report| {
        let object = bytes.split_first_chunk::<4>().and_then(|(branch, object)| {
            let object = ObjectId(u128::from_be_bytes(<[u8; 16]>::try_from(object).ok()?));
            Some((u32::from_be_bytes(*branch), object))
        });
        if object.is_none_or(|object| !newest.contains_key(&object)) {
            report.say(Space::Kinds, bytes, "a kind without a head");
        }
        Ok(())
    })?;
    walk(snapshot, Space::History, report, |bytes, row, report| {
        let Some((branch, object, seq, _)) = key::parse_history(bytes) else {
            report.say(Space::History, bytes, "the key does not read");
            return Ok(());
        };
        if stamp(row).map(|(stamped, _)| stamped) != Some(seq) {
            report.say(Space::History, bytes, "the row is of another commit than its key");
        }
        if newest.get(&(branch.0, object)).is_none_or(|head| *head <= seq) {
            report.say(Space::History, bytes, "the past is not older than the head");
        }
        Ok(())
    })
}

/// The kind of an object and whether it is gone; a branch that has no row of its own has main's.
fn kind_row(
    snapshot: &Snapshot,
    branch: BranchId,
    object: ObjectId,
) -> Result<Option<(u32, bool)>, StoreError> {
    for line in [branch, BranchId::MAIN] {
        if let Some(row) = snapshot.get(Space::Kinds, &key::kind_of(line, object))? {
            let kind = row.get(9..13).and_then(|kind| <[u8; 4]>::try_from(kind).ok());
            let gone = stamp(&row).is_none_or(|(_, flags)| flags & 1 != 0);
            // What main has lost since is still there on the branch.
            let gone = gone && line == branch;
            return Ok(kind.map(|kind| (u32::from_be_bytes(kind), gone)));
        }
        if branch == BranchId::GLOBAL {
            break;
        }
    }
    Ok(None)
}

fn edges(snapshot: &Snapshot, report: &mut CheckReport) -> Result<(), StoreError> {
    walk(snapshot, Space::Edges, report, |bytes, row, report| {
        let Some(edge) = key::parse_edge(bytes) else {
            report.say(Space::Edges, bytes, "the key does not read");
            return Ok(());
        };
        let back = match edge.direction {
            Direction::Bidirectional => Direction::Bidirectional,
            Direction::Outbound => Direction::Inbound,
            Direction::Inbound => Direction::Outbound,
        };
        let other = key::edge(edge.branch, edge.peer, edge.relationship, back, edge.object);
        let other = snapshot.get(Space::Edges, &other)?;
        if other.as_deref() != Some(row) {
            report.say(Space::Edges, bytes, "the other end says something else");
        }
        let live = stamp(row).is_some_and(|(_, flags)| flags & 1 == 0);
        for end in [edge.object, edge.peer] {
            // What a branch sees needs its fork: proved one crate up.
            let shared = matches!(edge.branch, BranchId::MAIN | BranchId::GLOBAL);
            // A link that all branches share may lead to what only one of them has.
            let elsewhere = || any_branch(snapshot, edge.branch, end);
            if live && shared && !alive(snapshot, end)? && !elsewhere()? {
                report.say(Space::Edges, bytes, format!("{end} is not there"));
            }
        }
        Ok(())
    })
}

fn alive(snapshot: &Snapshot, object: ObjectId) -> Result<bool, StoreError> {
    for line in [BranchId::MAIN, BranchId::GLOBAL] {
        if let Some(kind) = snapshot.get(Space::Kinds, &key::kind_of(line, object))?
            && stamp(&kind).is_some_and(|(_, flags)| flags & 1 == 0)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn any_branch(snapshot: &Snapshot, line: BranchId, object: ObjectId) -> Result<bool, StoreError> {
    if line != BranchId::GLOBAL {
        return Ok(false);
    }
    for row in snapshot.range(Space::Branches, &key::branch(BranchId(1)), &[0xff; 4])? {
        let Some(branch) = key::line_of(&row?.0) else { continue };
        if let Some(kind) = snapshot.get(Space::Kinds, &key::kind_of(branch, object))?
            && stamp(&kind).is_some_and(|(_, flags)| flags & 1 == 0)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn log(snapshot: &Snapshot, report: &mut CheckReport) -> Result<(), StoreError> {
    let mut next = Seq(1);
    walk(snapshot, Space::Log, report, |bytes, _, report| {
        if bytes != &key::log(next)[..] {
            report.say(Space::Log, bytes, format!("commit {next} is missing before it"));
        }
        next = Seq(next.0 + 1);
        Ok(())
    })
}

/// Rows (line, a, b) here need rows (line, b, a) there.
fn pairs(
    snapshot: &Snapshot,
    report: &mut CheckReport,
    here: Space,
    there: Space,
) -> Result<(), StoreError> {
    walk(snapshot, here, report, |bytes, _, report| {
        let swapped = bytes.split_at_checked(4).and_then(|(line, rest)| {
            let (a, b) = rest.split_at_checked(16)?;
            (b.len() == 16).then(|| [line, b, a].concat())
        });
        let other = match swapped {
            Some(key) => snapshot.get(there, &key)?,
            None => None,
        };
        if other.is_none() {
            report.say(here, bytes, format!("no row in {}", there.name()));
        }
        Ok(())
    })
}

fn reservations(snapshot: &Snapshot, report: &mut CheckReport) -> Result<(), StoreError> {
    walk(snapshot, Space::PoolValues, report, |bytes, identifier, report| {
        let pool = bytes.get(..16).unwrap_or_default();
        let key = [pool, identifier].concat();
        if snapshot.get(Space::Reservations, &key)?.is_none() {
            report.say(Space::PoolValues, bytes, "nobody holds this value");
        }
        Ok(())
    })?;
    let mut held = 0u64;
    let mut values = 0u64;
    walk(snapshot, Space::Reservations, report, |_, _, _| {
        held += 1;
        Ok(())
    })?;
    walk(snapshot, Space::PoolValues, report, |_, _, _| {
        values += 1;
        Ok(())
    })?;
    if held != values {
        report.say(Space::Reservations, &[], format!("{held} reservations of {values} values"));
    }
    Ok(())
}
