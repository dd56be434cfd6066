//! The fuzz target on a bounded number of inputs: its seeds, the query files of the public cases where they
//! are beside the checkout, and what becomes of both when they are cut, stitched and mixed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test ends by panicking, and says what it skips"
)]

#[path = "../fuzz/src/target.rs"]
mod target;

use std::path::Path;

/// Changed kin of each seed.
const KIN: usize = 60;

/// Numbers that are the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap_or(0) % sides.max(1)
    }
}

fn seeds(folder: &Path, found: &mut Vec<Vec<u8>>) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            seeds(&path, found);
        } else if path.extension().is_some_and(|end| end == "graphql" || end == "gql") {
            found.push(std::fs::read(&path).unwrap());
        }
    }
}

/// A part of a text, as long as tokens are.
fn part(text: &[u8], dice: &mut Dice) -> Vec<u8> {
    let from = dice.roll(text.len() + 1);
    let to = (from + dice.roll(30)).min(text.len());
    text.get(from..to).unwrap_or_default().to_vec()
}

fn kin(seed: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    const PIECES: [&str; 14] = [
        "{", "}", "(", ")", "[", "]", "$", "...", "\"", "\"\"\"", "\\ud83d", "1e999", "fragment",
        "\u{0}",
    ];
    let mut text = seed.to_vec();
    for _change in 0..=dice.roll(3) {
        let at = dice.roll(text.len() + 1);
        match dice.roll(4) {
            0 => drop(text.drain(at..(at + dice.roll(12)).min(text.len()))),
            1 => {
                let piece = PIECES.get(dice.roll(PIECES.len())).copied().unwrap_or_default();
                text.splice(at..at, piece.bytes());
            }
            2 => {
                let of = part(other, dice);
                text.splice(at..at, of);
            }
            _ => {
                let of = part(seed, dice);
                text.splice(at..at, of);
            }
        }
    }
    text
}

#[test]
fn no_document_breaks_anything_or_takes_long() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = Vec::new();
    seeds(&here.join("fuzz/corpus/document"), &mut all);
    assert!(all.len() >= 10, "the seeds are gone");
    let own = all.len();
    seeds(&here.join("../../../shared/cases"), &mut all);
    if all.len() == own {
        println!("skipped: the public cases are not beside this checkout");
    }
    let mut dice = Dice(11);
    for (number, seed) in all.iter().enumerate() {
        target::document(seed);
        // Those of the cases are about kinds that are not there: few of them get far.
        let count = if number < own { KIN } else { KIN / 6 };
        for _variant in 0..count {
            let other = all.get(dice.roll(all.len())).cloned().unwrap_or_default();
            target::document(&kin(seed, &other, &mut dice));
        }
    }
}
