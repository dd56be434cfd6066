//! What a draft remembers of what it looked at never outlives a write, and what it noted meets every
//! change of others that it would have seen.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::schema::Document;
use model::{BranchId, Clock, IdSource, ObjectId, Timestamp, Value};
use store::Store;

use crate::commit::{Author, Cause};
use crate::database::{Database, Environment};
use crate::draft::{AttrInput, Draft, Input, PeerInput, Succeeded};
use crate::error::CommitFailure;
use crate::limits::BESIDE_ROWS_MAX;

#[derive(Debug, Default)]
struct Outside(AtomicU64);

impl Clock for Outside {
    fn now(&self) -> Timestamp {
        Timestamp(1_767_225_600_000_000)
    }
}

impl IdSource for Outside {
    fn next_id(&self, _now: Timestamp) -> ObjectId {
        ObjectId(u128::from(self.0.fetch_add(1, Ordering::Relaxed) + 1) << 64 | 1 << 63)
    }
}

const SCHEMA: &str = r#"
version: "1.0"
nodes:
  - name: Thing
    namespace: Test
    attributes:
      - {name: name, kind: Text, unique: true}
    relationships:
      - {name: parts, peer: TestThing, cardinality: many, optional: true, identifier: thing__parts, direction: outbound}
"#;

fn database() -> Database {
    let outside = Arc::new(Outside::default());
    let environment = Environment { clock: outside.clone(), ids: outside };
    let store = Store::in_memory(store::Options::default()).unwrap();
    let database = Database::open(store, environment).unwrap();
    let mut draft = draft(&database);
    draft.load_schema(&Document::parse("test", SCHEMA).unwrap()).unwrap();
    database.commit(draft, Cause::Schema).unwrap();
    database
}

fn draft(database: &Database) -> Draft {
    database.draft(BranchId::MAIN, Author(ObjectId::SYSTEM)).unwrap()
}

fn named(name: &str) -> Input {
    Input::default().attr("name", AttrInput::value(Value::Text(name.to_owned())))
}

fn is_there(draft: &Draft, id: ObjectId) -> bool {
    // Twice: the second time it may be remembered.
    let first = draft.kind_of(id).unwrap().is_some();
    assert_eq!(draft.kind_of(id).unwrap().is_some(), first);
    first
}

#[test]
fn what_an_id_is_said_to_be_follows_what_is_written_and_what_is_taken_back() {
    let database = database();
    let mut making = draft(&database);
    let old = making.create("TestThing", None, named("old")).unwrap();
    database.commit(making, Cause::Objects).unwrap();

    let mut draft = draft(&database);
    let new = ObjectId(77 << 64 | 1 << 63);
    assert!(is_there(&draft, old) && !is_there(&draft, new));
    let attempt = draft.begin();
    draft.create("TestThing", Some(new), named("new")).unwrap();
    draft.delete(&[old]).unwrap();
    assert!(!is_there(&draft, old) && is_there(&draft, new));
    // How it was is another question.
    assert!(draft.view.rows.before(|| is_there(&draft, old) && !is_there(&draft, new)));
    assert!(!is_there(&draft, old) && is_there(&draft, new));
    draft.end(attempt, Succeeded::No);
    assert!(is_there(&draft, old) && !is_there(&draft, new));
    draft.create("TestThing", Some(new), named("new")).unwrap();
    draft.delete(&[new]).unwrap();
    assert!(is_there(&draft, old) && !is_there(&draft, new));
    // Looked at as input, it is noted as that, remembered or not.
    assert!(draft.take_seen().existence.is_empty());
    assert!(draft.view.observing(|| is_there(&draft, old)));
    assert!(draft.take_seen().existence.contains(&old.0));
}

#[test]
fn what_was_only_looked_at_quietly_is_noted_once_it_counts() {
    let database = database();
    let mut making = draft(&database);
    let id = making.create("TestThing", None, named("a")).unwrap();
    database.commit(making, Cause::Objects).unwrap();

    for counts in [false, true] {
        let mut stale = draft(&database);
        assert!(stale.view.quietly(|| is_there(&stale, id)) || counts);
        if counts {
            is_there(&stale, id);
        }
        stale.create("TestThing", None, named(&format!("b {counts}"))).unwrap();
        let mut other = draft(&database);
        match other.kind_of(id).unwrap() {
            Some(_) => drop(other.delete(&[id]).unwrap()),
            None => {
                other.create("TestThing", Some(id), named("a")).unwrap();
            }
        }
        database.commit(other, Cause::Objects).unwrap();
        let written = database.commit(stale, Cause::Objects);
        let conflict = matches!(written, Err(CommitFailure::Conflict { .. }));
        assert_eq!(conflict, counts, "{written:?}");
    }
}

#[test]
fn what_comes_below_what_was_looked_at_is_a_conflict_and_what_comes_beside_it_is_none() {
    let database = database();
    let mut making = draft(&database);
    let whole = making.create("TestThing", None, named("whole")).unwrap();
    let part = making.create("TestThing", None, named("part")).unwrap();
    database.commit(making, Cause::Objects).unwrap();

    let meets = |look: &dyn Fn(&Draft), change: &dyn Fn(&mut Draft)| {
        let mut stale = draft(&database);
        look(&stale);
        stale.put_ledger(crate::Ledger::Queue, vec![1], Some(vec![1])).unwrap();
        let mut other = draft(&database);
        change(&mut other);
        database.commit(other, Cause::Objects).unwrap();
        // Where it was accepted, it is taken back for the next.
        match database.commit(stale, Cause::Objects) {
            Err(CommitFailure::Conflict { .. }) => true,
            other => {
                other.unwrap();
                let mut back = draft(&database);
                back.put_ledger(crate::Ledger::Queue, vec![1], None).unwrap();
                database.commit(back, Cause::Objects).unwrap();
                false
            }
        }
    };
    let by_name = |name: &'static str| {
        move |draft: &Draft| {
            let kind = Arc::clone(draft.kind("TestThing").unwrap());
            assert!(draft.described(&kind, &named(name)).unwrap().is_none());
        }
    };
    let make = |name: &'static str| {
        move |draft: &mut Draft| {
            draft.create("TestThing", None, named(name)).unwrap();
        }
    };
    assert!(meets(&by_name("x"), &make("x")));
    // Values that begin with it, or that it begins with, are others.
    assert!(!meets(&by_name("y"), &make("yy")));
    assert!(!meets(&by_name("zz"), &make("z")));

    let parts = |of: ObjectId| {
        move |draft: &Draft| {
            let kind = draft.kind_of(of).unwrap().unwrap();
            assert!(draft.peers(of, kind.relationship("parts").unwrap()).unwrap().is_empty());
        }
    };
    let link = |draft: &mut Draft| {
        draft.add_links(whole, "parts", vec![PeerInput::id(part)]).unwrap();
    };
    assert!(!meets(&parts(part), &link));
    let mut back = draft(&database);
    back.remove_links(whole, "parts", vec![PeerInput::id(part)]).unwrap();
    database.commit(back, Cause::Objects).unwrap();
    assert!(meets(&parts(whole), &link));

    let claimed = |by: u128| {
        let claim = crate::Claim { owned: true, ..crate::Claim::default() };
        move |draft: &mut Draft| draft.set_claim(ObjectId(by), part, Some(&claim)).unwrap()
    };
    let claims = |of: u128| move |draft: &Draft| drop(draft.claims_of(ObjectId(of)).unwrap());
    assert!(meets(&claims(5), &claimed(5)));
    assert!(!meets(&claims(5), &claimed(6)));
    let claimants = |of: ObjectId| move |draft: &Draft| drop(draft.claimants(of).unwrap());
    assert!(meets(&claimants(part), &claimed(7)));
    assert!(!meets(&claimants(whole), &claimed(8)));
}

#[test]
fn of_ids_that_lie_together_each_is_what_it_is_however_many_there_are() {
    let id = |low: u128| ObjectId(9 << 64 | 1 << 63 | low);
    for count in [0, 1, 5, BESIDE_ROWS_MAX, BESIDE_ROWS_MAX + 1] {
        let database = database();
        let count = u128::try_from(count).unwrap();
        let mut making = draft(&database);
        for number in 0..count {
            making.create("TestThing", Some(id(2 * number)), named(&number.to_string())).unwrap();
        }
        database.commit(making, Cause::Objects).unwrap();
        let asking = draft(&database);
        for low in 0..2 * count + 3 {
            assert_eq!(
                is_there(&asking, id(low)),
                low % 2 == 0 && low < 2 * count,
                "{low} of {count}"
            );
        }
    }
}

#[test]
fn who_asked_for_ids_that_lie_together_meets_those_it_asked_for_and_no_others() {
    let id = |low: u128| ObjectId(9 << 64 | 1 << 63 | low);
    for (taken, meets) in [(3, true), (4, true), (5, false)] {
        let database = database();
        let mut asking = draft(&database);
        for low in [1, 2, 3, 4] {
            assert!(!is_there(&asking, id(low)));
        }
        let mut other = draft(&database);
        other.create("TestThing", Some(id(taken)), named("other")).unwrap();
        database.commit(other, Cause::Objects).unwrap();
        asking.create("TestThing", None, named("own")).unwrap();
        let done = database.commit(asking, Cause::Objects);
        assert_eq!(matches!(done, Err(CommitFailure::Conflict { .. })), meets, "{taken}: {done:?}");
    }
}
