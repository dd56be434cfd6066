//! Making, listing, changing and deleting branches.

use model::{BranchId, ObjectId, Seq, Timestamp};
use store::{Key, Snapshot, Space, key};

use crate::branches::moment::committed_at;
use crate::branches::record::{BranchState, Fork, Together};
use crate::branches::{BranchFault, BranchInfo, BranchRecord, BranchStatus};
use crate::commit::{Author, Cause};
use crate::database::Database;
use crate::draft::Draft;
use crate::error::{BranchError, CommitFailure};
use crate::limits::DELETED_ROWS_MAX;
use crate::object::{PAYLOAD_AT, is_through, stamp, stamped};
use crate::rows::RowBytes;

pub(crate) use crate::limits::BRANCH_DESCRIPTION_BYTES_MAX;
pub(crate) use crate::limits::BRANCH_NAME_BYTES_MAX;
pub(crate) use crate::limits::BRANCHES_MAX;
/// How often a verb is repeated when another one got in between.
const ATTEMPTS: usize = 16;
/// The name of main.
const MAIN: &str = "main";

/// Tables whose keys begin with a branch.
const BY_BRANCH: [Space; 14] = [
    Space::Schemas,
    Space::Heads,
    Space::Kinds,
    Space::History,
    Space::Edges,
    Space::EdgeHistory,
    Space::Index,
    Space::Claims,
    Space::ClaimedBy,
    Space::Reads,
    Space::Diffs,
    Space::Instances,
    Space::ReservedBy,
    Space::Resolutions,
];

impl Database {
    /// The branch called `name`.
    pub fn branch(&self, name: &str) -> Result<BranchId, BranchError> {
        if name == MAIN {
            return Ok(BranchId::MAIN);
        }
        find(&self.store().snapshot()?, name)
    }

    /// One branch.
    pub fn branch_info(&self, name: &str) -> Result<BranchInfo, BranchError> {
        let snapshot = self.store().snapshot()?;
        let id = if name == MAIN { BranchId::MAIN } else { find(&snapshot, name)? };
        info(&snapshot, id, &record(&snapshot, id)?)
    }

    /// All branches: main, then the others in the order of their making. Linear in their number.
    pub fn branches(&self) -> Result<Vec<BranchInfo>, BranchError> {
        let snapshot = self.store().snapshot()?;
        let records = records(&snapshot)?;
        records.iter().map(|(id, record)| info(&snapshot, *id, record)).collect()
    }

    /// Makes a branch from main as it is. O(1), whatever main holds.
    pub fn branch_create(
        &self,
        name: &str,
        description: &str,
        author: Author,
    ) -> Result<BranchInfo, CommitFailure> {
        check_name(name)?;
        check_description(name, description)?;
        self.repeat(|| {
            let mut draft = self.draft(BranchId::MAIN, author)?;
            draft.make_bare();
            free(&draft, name)?;
            let together = together(&draft)?;
            let id = BranchId(together.next);
            // Ids above are for names; so many branches are never made.
            let most = usize::try_from(id.0).unwrap_or(usize::MAX);
            if most >= BRANCHES_MAX && records(draft.snapshot())?.len() >= BRANCHES_MAX {
                let (name, why) = (name.to_owned(), "there are 10,000 branches; delete some first");
                return Err(BranchError::from(BranchFault::BadName { name, why }).into());
            }
            let record = BranchRecord {
                name: name.to_owned(),
                description: description.to_owned(),
                forks: vec![Fork { since: Seq(0), at: Seq(0) }],
                created_at: draft.now(),
                created_by: author.0,
                state: BranchState::Open,
            };
            draft.put_row(Space::Branches, key::branch(id), record.encode())?;
            draft.put_row(Space::Branches, key::branch_name(name), name_row(id))?;
            let row = Together::encode(Some(Seq(0)), id.0 + 1);
            draft.put_row(Space::Branches, key::branches(), row)?;
            self.commit_finished(draft, Cause::BranchCreate { branch: id.0 })
        })?;
        Ok(self.branch_info(name)?)
    }

    /// Gives a branch another name or description; what is not given stays.
    pub fn branch_update(
        &self,
        name: &str,
        new_name: Option<&str>,
        description: Option<&str>,
        author: Author,
    ) -> Result<BranchInfo, CommitFailure> {
        if name == MAIN && new_name.is_some_and(|new| new != MAIN) {
            return Err(BranchError::from(BranchFault::Main { verb: "renamed" }).into());
        }
        let renamed = new_name.filter(|new| *new != name);
        if let Some(new) = renamed {
            check_name(new)?;
        }
        check_description(name, description.unwrap_or_default())?;
        self.repeat(|| {
            let mut draft = self.draft(BranchId::MAIN, author)?;
            draft.make_bare();
            let (id, mut record) = named(&draft, name)?;
            if let Some(new) = renamed {
                free(&draft, new)?;
                draft.take_row(Space::Branches, key::branch_name(name))?;
                draft.put_row(Space::Branches, key::branch_name(new), name_row(id))?;
                new.clone_into(&mut record.name);
            }
            if let Some(description) = description {
                description.clone_into(&mut record.description);
            }
            draft.put_row(Space::Branches, key::branch(id), record.encode())?;
            self.commit_finished(draft, Cause::BranchUpdate { branch: id.0 })
        })?;
        Ok(self.branch_info(new_name.unwrap_or(name))?)
    }

    /// Takes a branch away with everything on it, and gives back exactly what it drew from pools.
    ///
    /// From the first commit on nobody sees it; its rows follow in as many commits as they need.
    pub fn branch_delete(&self, name: &str, author: Author) -> Result<(), CommitFailure> {
        if name == MAIN {
            return Err(BranchError::from(BranchFault::Main { verb: "deleted" }).into());
        }
        let mut id = self.branch(name)?;
        self.repeat(|| {
            let mut draft = self.draft(id, author)?;
            draft.drop_shared_links()?;
            draft.view.is_open = true;
            self.commit_finished(draft, Cause::Objects)
        })?;
        self.repeat(|| {
            let mut draft = self.draft(BranchId::MAIN, author)?;
            draft.make_bare();
            let mut record;
            (id, record) = named(&draft, name)?;
            draft.release_of_branch(id)?;
            draft.take_row(Space::Branches, key::branch_name(name))?;
            let rest = records(draft.snapshot())?;
            let rest = rest.iter().filter(|(other, _)| *other != id);
            let newest = rest.filter_map(|(_, record)| record.fork(None)).max();
            let row = Together::encode(newest, together(&draft)?.next);
            draft.put_row(Space::Branches, key::branches(), row)?;
            record.state = BranchState::Deleting;
            draft.put_row(Space::Branches, key::branch(id), record.encode())?;
            self.commit_finished(draft, Cause::BranchDelete { branch: id.0 })
        })?;
        self.drop_rows(id, author)?;
        self.sweep_past(author)
    }

    /// Takes the rows of a branch away that is being deleted, a bounded number a commit; at last its
    /// record.
    fn drop_rows(&self, id: BranchId, author: Author) -> Result<(), CommitFailure> {
        let mut left = true;
        while left {
            self.repeat(|| {
                let mut draft = self.draft(BranchId::MAIN, author)?;
                draft.make_bare();
                left = !draft.take_line(id, DELETED_ROWS_MAX)?;
                if !left {
                    draft.take_row(Space::Branches, key::branch(id))?;
                }
                self.commit_finished(draft, Cause::BranchDelete { branch: id.0 })
            })?;
        }
        Ok(())
    }

    /// Ends deletions that a crash cut short.
    pub(crate) fn finish_deletions(&self) -> Result<(), CommitFailure> {
        let snapshot = self.store().snapshot().map_err(BranchError::from)?;
        let all = every_record(&snapshot)?;
        drop(snapshot);
        for (id, _) in all.iter().filter(|(_, record)| record.state == BranchState::Deleting) {
            self.drop_rows(*id, Author(ObjectId::SYSTEM))?;
        }
        Ok(())
    }

    /// Repeats a verb whose commit met another one's.
    pub(crate) fn repeat(
        &self,
        mut verb: impl FnMut() -> Result<Option<Seq>, CommitFailure>,
    ) -> Result<Option<Seq>, CommitFailure> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            match verb() {
                Err(CommitFailure::Conflict { .. }) if attempts < ATTEMPTS => {}
                done => return done,
            }
        }
    }
}

impl Draft {
    fn snapshot(&self) -> &Snapshot {
        &self.view.rows.snapshot
    }

    /// Takes at most `most` rows of a line away; tells whether none is left.
    fn take_line(&mut self, line: BranchId, most: usize) -> Result<bool, BranchError> {
        let prefix = key::branch(line);
        let end = key::prefix_end(&prefix);
        let mut left = most;
        for space in BY_BRANCH {
            let rows = self.snapshot().range(space, &prefix, &end)?.take(left);
            let keys: Result<Vec<Key>, _> = rows.map(|row| Ok(Key::from(&*row?.0))).collect();
            let keys = keys.map_err(|bad: store::StoreError| BranchError::from(bad))?;
            left -= keys.len();
            for key in keys {
                self.take_row(space, key)?;
            }
        }
        let runs = self.snapshot().range(Space::RunsBy, &prefix, &end)?.take(left);
        let keys: Result<Vec<Key>, _> = runs.map(|row| Ok(Key::from(&*row?.0))).collect();
        let keys = keys.map_err(|bad: store::StoreError| BranchError::from(bad))?;
        left -= keys.len();
        for key in keys {
            if let Some(run) = key.last_chunk::<16>() {
                self.take_row(Space::Runs, run.to_vec())?;
            }
            self.take_row(Space::RunsBy, key)?;
        }
        Ok(left > 0)
    }
}

/// What a branch is called; nothing where it is gone.
pub(crate) fn name_of(snapshot: &Snapshot, id: BranchId) -> Result<Option<String>, BranchError> {
    match record(snapshot, id) {
        Ok(record) => Ok(Some(record.name)),
        Err(BranchError::Branch(BranchFault::NotFound { .. })) => Ok(None),
        Err(failed) => Err(failed),
    }
}

/// Whether there is main and nothing else.
pub(crate) fn is_alone(snapshot: &Snapshot) -> Result<bool, BranchError> {
    let row = snapshot.get(Space::Branches, &key::branches())?;
    Ok(row.and_then(|row| Together::decode(&row)).is_none_or(|all| all.newest_fork.is_none()))
}

/// The newest fork that a branch reads main as of. Noted, so that a branch made in the meantime is a
/// conflict: a row of main that goes must be kept for it.
pub(crate) fn newest_fork(draft: &Draft) -> Result<Option<Seq>, BranchError> {
    Ok(together(draft)?.newest_fork)
}

pub(crate) fn together(draft: &Draft) -> Result<Together, BranchError> {
    match draft.view.rows.get(Space::Branches, &key::branches())? {
        Some(row) => Together::decode(&row)
            .ok_or_else(|| BranchError::Damaged { what: "the row of all branches".to_owned() }),
        None => Ok(Together { newest_fork: None, next: BranchId::MAIN.0 + 1 }),
    }
}

/// The row of a name.
fn name_row(id: BranchId) -> RowBytes {
    stamped(0, &id.0.to_be_bytes())
}

fn named_by(row: &[u8]) -> Option<BranchId> {
    Some(BranchId(u32::from_be_bytes(*row.get(PAYLOAD_AT..)?.first_chunk::<4>()?)))
}

fn find(snapshot: &Snapshot, name: &str) -> Result<BranchId, BranchError> {
    let row = snapshot.get(Space::Branches, &key::branch_name(name))?;
    row.and_then(|row| named_by(&row))
        .ok_or_else(|| BranchFault::NotFound { name: name.to_owned() }.into())
}

/// A branch by name within a draft, noted.
pub(crate) fn named(draft: &Draft, name: &str) -> Result<(BranchId, BranchRecord), BranchError> {
    let missing = || BranchError::from(BranchFault::NotFound { name: name.to_owned() });
    let id = if name == MAIN {
        BranchId::MAIN
    } else {
        let row = draft.view.rows.get(Space::Branches, &key::branch_name(name))?;
        row.and_then(|row| named_by(&row)).ok_or_else(missing)?
    };
    let row = draft.view.rows.get(Space::Branches, &key::branch(id))?.ok_or_else(missing)?;
    Ok((id, BranchRecord::decode(&row)?))
}

/// The record of a branch that is there.
pub(crate) fn record(snapshot: &Snapshot, id: BranchId) -> Result<BranchRecord, BranchError> {
    let missing = || BranchError::from(BranchFault::NotFound { name: format!("#{}", id.0) });
    let row = snapshot.get(Space::Branches, &key::branch(id))?.ok_or_else(missing)?;
    let record = BranchRecord::decode(&row)?;
    if record.state == BranchState::Deleting { Err(missing()) } else { Ok(record) }
}

fn every_record(snapshot: &Snapshot) -> Result<Vec<(BranchId, BranchRecord)>, BranchError> {
    let (low, high) = (key::branch(BranchId::MAIN), key::branch(BranchId(u32::MAX)));
    let mut all = Vec::new();
    for row in snapshot.range(Space::Branches, &low, &high)? {
        let (key, row) = row?;
        if let Some(id) = key::line_of(&key) {
            all.push((id, BranchRecord::decode(&row)?));
        }
    }
    Ok(all)
}

/// The lines of main and of the branches that take changes.
pub(crate) fn open_branches(snapshot: &Snapshot) -> Result<Vec<BranchId>, BranchError> {
    let mut all = every_record(snapshot)?;
    all.retain(|(_, record)| record.is_open());
    Ok(all.into_iter().map(|(id, _)| id).collect())
}

pub(crate) fn records(snapshot: &Snapshot) -> Result<Vec<(BranchId, BranchRecord)>, BranchError> {
    let mut all = every_record(snapshot)?;
    all.retain(|(_, record)| record.state != BranchState::Deleting);
    Ok(all)
}

fn info(
    snapshot: &Snapshot,
    id: BranchId,
    record: &BranchRecord,
) -> Result<BranchInfo, BranchError> {
    let fork = record.fork(None).unwrap_or_default();
    let schema = |line| -> Result<Option<Seq>, BranchError> {
        let row = snapshot.get(Space::Schemas, &key::schema(line))?;
        let row = row.filter(|row| !is_through(row));
        Ok(row.and_then(|row| stamp(&row).map(|(seq, _)| seq)))
    };
    let is_main = id == BranchId::MAIN;
    let moved = !is_main && schema(BranchId::MAIN)?.is_some_and(|seq| seq > fork);
    let status = match record.state {
        BranchState::Merged => BranchStatus::Merged,
        BranchState::Deleting => BranchStatus::Deleting,
        BranchState::Open if moved => BranchStatus::NeedRebase,
        BranchState::Open => BranchStatus::Open,
    };
    let branched_from: Timestamp =
        if is_main { record.created_at } else { committed_at(snapshot, fork)? };
    Ok(BranchInfo {
        id,
        name: record.name.clone(),
        description: record.description.clone(),
        status,
        fork,
        branched_from,
        created_at: record.created_at,
        created_by: record.created_by,
        has_schema_changes: !is_main && schema(id)?.is_some(),
    })
}

fn free(draft: &Draft, name: &str) -> Result<(), BranchError> {
    let taken = draft.view.rows.get(Space::Branches, &key::branch_name(name))?.is_some();
    if taken || name == MAIN {
        return Err(BranchFault::Exists { name: name.to_owned() }.into());
    }
    Ok(())
}

/// The rules of git, whose branches these may become.
fn check_name(name: &str) -> Result<(), BranchError> {
    let refused = |why: &'static str| -> Result<(), BranchError> {
        Err(BranchFault::BadName { name: name.to_owned(), why }.into())
    };
    if name.is_empty() || name.len() > BRANCH_NAME_BYTES_MAX {
        return refused("it must have 1 to 250 bytes");
    }
    if name == "-global-" || name == "HEAD" {
        return refused("it is reserved");
    }
    let bad = |c: char| c.is_whitespace() || c.is_control() || "~^:?*[\\\"'`<>#%&".contains(c);
    if name.contains(bad) || name.contains("..") || name.contains("@{") || name == "@" {
        return refused("it must not contain spaces, `..`, `@{` or one of ~^:?*[\\\"'`<>#%&");
    }
    let part = |part: &str| {
        part.is_empty() || part.starts_with('.') || part.ends_with(".lock") || part.ends_with('.')
    };
    if name.starts_with('-') || name.split('/').any(part) {
        return refused(
            "it must not begin with `-`, and none of its parts may be empty, begin or end with a \
             dot, or end with `.lock`",
        );
    }
    Ok(())
}

fn check_description(name: &str, description: &str) -> Result<(), BranchError> {
    if description.len() > BRANCH_DESCRIPTION_BYTES_MAX {
        let why = "its description must have at most 4,096 bytes";
        return Err(BranchFault::BadName { name: name.to_owned(), why }.into());
    }
    Ok(())
}
