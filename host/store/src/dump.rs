//! The whole store as stable text, for people and for comparing.

use std::io::Write;

use crate::error::StoreError;
use crate::layout::Space;
use crate::limits::DUMPED_BYTES_MAX;
use crate::snapshot::Snapshot;

pub(crate) fn dump(snapshot: &Snapshot, out: &mut dyn Write) -> Result<(), StoreError> {
    let failed = |bad: std::io::Error| StoreError::engine("writing the dump")(bad.into());
    for space in Space::ALL {
        for entry in snapshot.range(space, &[], &[0xff; 512])? {
            let (key, value) = entry?;
            writeln!(out, "{} {} {}", space.name(), text(&key), shown(&value)).map_err(failed)?;
        }
    }
    Ok(())
}

fn shown(value: &[u8]) -> String {
    if value.len() > DUMPED_BYTES_MAX {
        return format!("({} bytes, {})", value.len(), model::Digest::of(value));
    }
    text(value)
}

/// Printable ASCII as it is, everything else as `\xx`.
fn text(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| match byte {
            b' '..=b'~' if *byte != b'\\' => char::from(*byte).to_string(),
            other => format!("\\{other:02x}"),
        })
        .collect()
}
