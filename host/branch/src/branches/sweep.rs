//! Taking away what main lost and no branch can see any more.
//!
//! A row of `Past` is read by branches whose fork lies within its span. It is of no use once none does: a
//! branch that is made later forks after every row that is there already.

use model::{BranchId, Seq};
use store::{Key, Space, key};

use crate::branches::verbs::{records, together};
use crate::commit::{Author, Cause};
use crate::database::Database;
use crate::draft::Draft;
use crate::error::{BranchError, CommitFailure};
use crate::limits::SWEPT_ROWS_MAX;
use crate::object::stamp;

/// The row of `Meta` that every sweep writes, and every rebase looks at: the moment it pinned must
/// have been kept whole until it is committed.
pub(crate) const SWEPT: &[u8] = b"past-swept";

impl Database {
    /// Takes rows of the past away that no branch sees. Linear in the rows that are kept of what main
    /// lost; a bounded number goes in a commit.
    pub(crate) fn sweep_past(&self, author: Author) -> Result<(), CommitFailure> {
        let mut left = true;
        while left {
            self.repeat(|| {
                let mut draft = self.draft(BranchId::MAIN, author)?;
                draft.make_bare();
                // No branch may come to see another moment meanwhile.
                draft.rows.note_range(Space::Branches, &[], &[0xff; 8]);
                let useless = draft.useless_past(SWEPT_ROWS_MAX)?;
                left = useless.len() == SWEPT_ROWS_MAX;
                if useless.is_empty() {
                    return Ok(None);
                }
                for key in useless {
                    draft.take_row(Space::Past, key)?;
                }
                let now = draft.seq().0.to_be_bytes().to_vec();
                draft.put_row(Space::Meta, SWEPT.to_vec(), now)?;
                self.commit_finished(draft, Cause::Swept)
            })?;
        }
        Ok(())
    }
}

/// The moments of main that branches see, in their order. Linear in the branches there are.
pub(crate) fn seen_moments(draft: &Draft) -> Result<Vec<Seq>, BranchError> {
    let records = records(&draft.rows.snapshot)?;
    let mut forks: Vec<Seq> = records.iter().filter_map(|(_, record)| record.fork(None)).collect();
    // A rebase under way may have pinned a moment.
    forks.extend(together(draft)?.newest_fork);
    forks.sort_unstable();
    Ok(forks)
}

impl Draft {
    /// Rows of the past that no branch sees, at most so many.
    fn useless_past(&self, most: usize) -> Result<Vec<Key>, BranchError> {
        let forks = seen_moments(self)?;
        let mut useless = Vec::new();
        for row in self.rows.snapshot.range(Space::Past, &[], &[0xff; 8])? {
            let (past, row) = row?;
            let (Some((_, since)), Some((until, _))) = (key::parse_past(&past), stamp(&row)) else {
                continue;
            };
            let next = forks.partition_point(|fork| *fork < since);
            if forks.get(next).is_none_or(|fork| *fork >= until) {
                useless.push(Key::from(&*past));
                if useless.len() == most {
                    break;
                }
            }
        }
        Ok(useless)
    }
}
