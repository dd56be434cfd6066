//! What a store promises: validated commits, snapshots, one process, nothing acknowledged and lost.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test ends by panicking; the child of the crash test reports what was acknowledged"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use model::Seq;
use proptest::prelude::*;
use store::{CommitError, OpenError, Options, Proposal, ReadSet, Space, Store, Write};

fn put(key: &[u8], value: &[u8]) -> Write {
    Write::Put { space: Space::Meta, key: key.into(), value: value.to_vec() }
}

fn proposal(base: Seq, reads: &[&[u8]], writes: Vec<Write>) -> Proposal {
    let mut set = ReadSet::default();
    for key in reads {
        set.add_point(Space::Meta, key);
    }
    let writes = writes.into_iter().collect();
    Proposal { base, reads: set, writes, log: b"test".to_vec() }
}

fn memory() -> Store {
    Store::in_memory(Options::default()).unwrap()
}

#[test]
fn commits_are_numbered_from_one_and_snapshots_stay_as_they_are() {
    let store = memory();
    let before = store.snapshot().unwrap();
    assert_eq!(store.commit(proposal(Seq(0), &[], vec![put(b"a", b"1")])).unwrap(), Seq(1));
    assert_eq!(store.commit(proposal(Seq(1), &[], vec![put(b"a", b"2")])).unwrap(), Seq(2));
    assert!(before.get(Space::Meta, b"a").unwrap().is_none());
    let now = store.snapshot().unwrap();
    assert_eq!(&now.get(Space::Meta, b"a").unwrap().unwrap()[..], b"2");
    assert_eq!((before.seq(), now.seq(), store.last_seq()), (Seq(0), Seq(2), Seq(2)));
    assert!(store.check().unwrap().findings.is_empty());
}

#[test]
fn a_proposal_whose_reads_changed_is_refused_and_writes_nothing() {
    let store = memory();
    store.commit(proposal(Seq(0), &[], vec![put(b"a", b"1")])).unwrap();
    let stale = proposal(Seq(0), &[b"a"], vec![put(b"b", b"1")]);
    let refused = store.commit(stale).unwrap_err();
    assert!(matches!(refused, CommitError::Conflict { seq: Seq(1), .. }), "{refused}");
    assert!(store.snapshot().unwrap().get(Space::Meta, b"b").unwrap().is_none());
    // What it read is untouched since: fine.
    store.commit(proposal(Seq(1), &[b"a"], vec![put(b"b", b"1")])).unwrap();
}

#[test]
fn a_range_that_was_empty_and_is_not_any_more_is_a_conflict() {
    let store = memory();
    store.commit(proposal(Seq(0), &[], vec![put(b"key-5", b"")])).unwrap();
    let mut stale = proposal(Seq(0), &[], vec![put(b"other", b"")]);
    stale.reads.add_range(Space::Meta, b"key-".to_vec(), b"key.".to_vec());
    assert!(matches!(store.commit(stale), Err(CommitError::Conflict { .. })));
    let mut beside = proposal(Seq(0), &[], vec![put(b"other", b"")]);
    beside.reads.add_range(Space::Meta, b"key-6".to_vec(), b"key.".to_vec());
    store.commit(beside).unwrap();
}

#[test]
fn a_stamped_row_carries_its_commit() {
    let store = memory();
    let write = Write::PutStamped {
        space: Space::Meta,
        key: b"s"[..].into(),
        value: [&[0; 8][..], b"rest"].concat(),
    };
    store.commit(proposal(Seq(0), &[], vec![write])).unwrap();
    let row = store.snapshot().unwrap().get(Space::Meta, b"s").unwrap().unwrap();
    assert_eq!(&row[..], [&1u64.to_be_bytes()[..], b"rest"].concat());
}

#[test]
fn eight_writers_of_one_counter_lose_nothing() {
    let store = memory();
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            std::thread::spawn(move || {
                for _ in 0..25 {
                    loop {
                        let snapshot = store.snapshot().unwrap();
                        let row = snapshot.get(Space::Meta, b"n").unwrap();
                        let number = row.map_or(0, |row| {
                            u64::from_be_bytes(<[u8; 8]>::try_from(&row[..]).unwrap())
                        });
                        let write = put(b"n", &(number + 1).to_be_bytes());
                        match store.commit(proposal(snapshot.seq(), &[b"n"], vec![write])) {
                            Ok(_) => break,
                            Err(CommitError::Conflict { .. }) => {}
                            Err(other) => panic!("{other}"),
                        }
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let row = store.snapshot().unwrap().get(Space::Meta, b"n").unwrap().unwrap();
    assert_eq!(&row[..], 200u64.to_be_bytes());
}

#[test]
fn who_is_alone_commits_on_its_own_thread_and_who_does_not_wait_is_told_on_the_writers() {
    let store = memory();
    assert_eq!(store.commit_here(proposal(Seq(0), &[], vec![put(b"a", b"1")])).unwrap(), Seq(1));
    let stale = store.commit_here(proposal(Seq(0), &[b"a"], vec![put(b"a", b"2")]));
    assert!(matches!(stale, Err(CommitError::Conflict { seq: Seq(1), .. })), "{stale:?}");
    let (told, tells) = std::sync::mpsc::sync_channel(2);
    for key in [b"b", b"c"] {
        let told = told.clone();
        let answer = move |result: Result<Seq, CommitError>| {
            let thread = std::thread::current().name().map(str::to_owned);
            told.send((result.unwrap(), thread)).unwrap();
        };
        store.submit(proposal(Seq(1), &[b"a"], vec![put(key, b"1")]), Box::new(answer));
    }
    for seq in [2, 3] {
        let (answered, thread) = tells.recv().unwrap();
        assert_eq!((answered, thread.as_deref()), (Seq(seq), Some("kiln-writer")));
    }
    assert!(store.check().unwrap().findings.is_empty());
}

#[test]
fn who_is_expected_and_does_not_come_holds_nobody_up() {
    let store = memory();
    let never = store.coming();
    store.commit(proposal(Seq(0), &[], vec![put(b"a", b"1")])).unwrap();
    let more: Vec<_> = (0..5).map(|_| store.coming()).collect();
    store.commit(proposal(Seq(1), &[b"a"], vec![put(b"b", b"1")])).unwrap();
    drop((never, more));
    store.commit(proposal(Seq(2), &[b"b"], vec![put(b"c", b"1")])).unwrap();
}

proptest! {
    #[test]
    fn what_transactions_write_is_what_is_there(
        groups in proptest::collection::vec(
            proptest::collection::vec((0u8..60, 0u8..4, any::<bool>()), 1..40), 1..12),
    ) {
        let store = memory();
        let mut expected = std::collections::BTreeMap::new();
        for group in groups {
            let mut writes = Vec::new();
            for (key, length, stays) in group {
                // Keys of several lengths under one another, in no order.
                let key = [&b"k"[..], &[key], &vec![7; usize::from(length)]].concat();
                if stays {
                    let value = vec![u8::try_from(writes.len()).unwrap(); 300];
                    expected.insert(key.clone(), value.clone());
                    writes.push(put(&key, &value));
                } else {
                    expected.remove(&key);
                    writes.push(Write::Delete { space: Space::Meta, key: key.into() });
                }
            }
            store.commit(proposal(store.last_seq(), &[], writes)).unwrap();
        }
        let snapshot = store.snapshot().unwrap();
        let rows = snapshot.range(Space::Meta, b"k", b"l").unwrap();
        let there: Vec<_> = rows.map(|row| row.map(|(key, row)| (key.to_vec(), row.to_vec())).unwrap()).collect();
        prop_assert_eq!(there, expected.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn a_second_process_is_refused_and_the_first_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.redb");
    let store = Store::open(&path, Options::default()).unwrap();
    let second = Store::open(&path, Options::default());
    assert!(matches!(second, Err(OpenError::InUse { .. })), "{second:?}");
    store.commit(proposal(Seq(0), &[], vec![put(b"a", b"1")])).unwrap();
    drop(store);
    let again = Store::open(&path, Options::default()).unwrap();
    assert_eq!(again.last_seq(), Seq(1));
}

#[test]
fn a_file_that_is_something_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "my notes").unwrap();
    let opened = Store::open(&path, Options::default());
    assert!(matches!(opened, Err(OpenError::NotAStore { .. })), "{opened:?}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "my notes");
}

#[test]
fn a_newer_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.redb");
    let store = Store::open(&path, Options::default()).unwrap();
    let newer = (store::FORMAT + 1).to_be_bytes();
    store.commit(proposal(Seq(0), &[], vec![put(b"format", &newer)])).unwrap();
    drop(store);
    let opened = Store::open(&path, Options::default());
    let newer = store::FORMAT + 1;
    let refused = |found, known| found == newer && known == store::FORMAT;
    assert!(
        matches!(opened, Err(OpenError::Format { found, known }) if refused(found, known)),
        "{opened:?}"
    );
}

#[test]
fn a_check_finds_what_does_not_hold() {
    let store = memory();
    let lonely = Write::Put {
        space: Space::Edges,
        key: store::key::edge(
            model::BranchId::MAIN,
            model::ObjectId(1),
            model::Symbol(1),
            model::schema::Direction::Outbound,
            model::ObjectId(2),
        ),
        value: vec![0; 9],
    };
    store.commit(proposal(Seq(0), &[], vec![lonely])).unwrap();
    let findings = store.check().unwrap().findings;
    assert!(findings.iter().any(|finding| finding.what.contains("other end")), "{findings:?}");
}

/// Set for the child of the crash test: the store it writes until it is killed.
const CHILD: &str = "KILN_CRASH_TEST_STORE";

/// The child: commits numbered rows and says which were acknowledged. Does nothing by itself.
#[test]
fn child_of_the_crash_test() {
    let Ok(path) = std::env::var(CHILD) else { return };
    let store = Store::open(path.as_ref(), Options::default()).unwrap();
    let mut out = std::io::stdout();
    for _ in 0..100_000u32 {
        let base = store.last_seq();
        let key = (base.0 + 1).to_be_bytes();
        let seq = store.commit(proposal(base, &[], vec![put(&key, &key)])).unwrap();
        writeln!(out, "acknowledged {seq}").unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn what_was_acknowledged_survives_a_kill_at_any_moment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.redb");
    let mut last = 0;
    for round in 0..8u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child_of_the_crash_test", "--exact", "--nocapture"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Killed after another number of acknowledgements each round, in the middle of what follows.
        let wanted = 3 + round * 7;
        let mut heard = 0;
        for line in lines.map_while(Result::ok) {
            if let Some(seq) = line.split("acknowledged ").nth(1) {
                last = seq.parse().unwrap();
                heard += 1;
                if heard == wanted {
                    child.kill().unwrap();
                }
            }
        }
        child.wait().unwrap();
        let store = Store::open(&path, Options::default()).unwrap();
        assert!(store.last_seq().0 >= last, "{} < {last}", store.last_seq());
        let snapshot = store.snapshot().unwrap();
        for seq in 1..=last {
            let key = u64::to_be_bytes(seq);
            assert!(snapshot.get(Space::Meta, &key).unwrap().is_some(), "{seq} is lost");
        }
        assert!(store.check().unwrap().findings.is_empty());
    }
    assert!(last > 50);
}
