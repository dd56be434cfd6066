//! JSON straight to bytes.

use branch::ValueRef;
use model::ObjectId;

/// Whether a byte cannot stand in a JSON string as it is.
fn is_special(byte: u8) -> bool {
    matches!(byte, 0..=0x1f | b'"' | b'\\')
}

/// A JSON string.
pub(crate) fn text(text: &str, out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut rest = text.as_bytes();
    // Most texts have nothing special; that is told of all bytes at once, without a branch for each.
    let has_special = rest.iter().fold(false, |found, byte| found | is_special(*byte));
    while has_special && let Some(at) = rest.iter().position(|byte| is_special(*byte)) {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((byte, after)) = special.split_first() else { break };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            other => out.extend_from_slice(format!("\\u{other:04x}").as_bytes()),
        }
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Anything that shows itself as text.
pub(crate) fn display(value: impl std::fmt::Display, out: &mut Vec<u8>) {
    text(&value.to_string(), out);
}

pub(crate) fn boolean(yes: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(if yes { b"true" } else { b"false" });
}

pub(crate) fn null(out: &mut Vec<u8>) {
    out.extend_from_slice(b"null");
}

/// `"key":`, after a comma where something came before. A name of the dialect, which has nothing special.
pub(crate) fn key(name: &str, first: &mut bool, out: &mut Vec<u8>) {
    debug_assert!(!name.bytes().any(is_special), "{name}");
    out.reserve(name.len() + 4);
    out.extend_from_slice(if *first { b"\"" } else { b",\"" });
    *first = false;
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// An id.
pub(crate) fn id(id: ObjectId, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(id.text(&mut [0; ObjectId::TEXT_BYTES]).as_bytes());
    out.push(b'"');
}

fn integer(number: i64, out: &mut Vec<u8>) {
    // Into memory: it cannot fail.
    if let Err(_impossible) = serde_json::to_writer(&mut *out, &number) {}
}

/// A stored value.
pub(crate) fn value(value: ValueRef<'_>, out: &mut Vec<u8>) {
    match value {
        ValueRef::Null => null(out),
        ValueRef::Bool(yes) => boolean(yes, out),
        ValueRef::Int(number) => integer(number, out),
        ValueRef::Text(string) => text(string, out),
        ValueRef::Time(moment) => display(moment, out),
        ValueRef::Host(host) => display(host, out),
        ValueRef::Address(address) => display(address, out),
        ValueRef::Net(net) => display(net, out),
        ValueRef::Json(json) => out.extend_from_slice(json.as_bytes()),
    }
}

pub(crate) fn json(json: &serde_json::Value, out: &mut Vec<u8>) {
    out.extend_from_slice(json.to_string().as_bytes());
}

#[cfg(test)]
mod tests {
    #[test]
    fn text_is_escaped_as_json_wants_it() {
        for sample in ["", "plain", "a\"b\\c\nd\te\u{1}f", "\u{7f}é€", "\\"] {
            let mut out = Vec::new();
            super::text(sample, &mut out);
            let read: String = serde_json::from_slice(&out).unwrap();
            assert_eq!(read, sample);
        }
    }
}
