//! JSON straight to bytes.

use branch::ValueRef;

/// A JSON string.
pub(crate) fn text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| matches!(byte, 0..=0x1f | b'"' | b'\\')) {
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

/// `"key":`, after a comma where something came before.
pub(crate) fn key(name: &str, first: &mut bool, out: &mut Vec<u8>) {
    if !*first {
        out.push(b',');
    }
    *first = false;
    text(name, out);
    out.push(b':');
}

/// A stored value.
pub(crate) fn value(value: ValueRef<'_>, out: &mut Vec<u8>) {
    match value {
        ValueRef::Null => null(out),
        ValueRef::Bool(yes) => boolean(yes, out),
        ValueRef::Int(number) => out.extend_from_slice(number.to_string().as_bytes()),
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
