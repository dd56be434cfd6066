//! The value of an attribute, as it is kept; its kind decides which variant is right.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value as Json;

use crate::{Interface, Timestamp};

/// One attribute value. Which variant an attribute kind uses is told by `schema::AttributeKind`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Not set.
    Null,
    /// `Boolean`, `Checkbox`.
    Bool(bool),
    /// `Number`, `NumberPool`, `Bandwidth`.
    Int(i64),
    /// `Text` and everything written as text: dropdown names, URLs, colours, MAC addresses, ids.
    Text(String),
    /// `DateTime`.
    Time(Timestamp),
    /// `IPHost`: an address with its network's length.
    Host(Interface),
    /// `IPAddress`: an address alone.
    Address(IpAddr),
    /// `IPNetwork`: a prefix without host bits.
    Net(IpNet),
    /// `List`, `JSON`, `Any`.
    Json(Json),
}

impl Value {
    /// Whether nothing is set.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The value as JSON, in the form the public API shows it.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(yes) => Json::Bool(*yes),
            Self::Int(number) => Json::from(*number),
            Self::Text(text) => Json::String(text.clone()),
            Self::Json(json) => json.clone(),
            Self::Time(_) | Self::Host(_) | Self::Address(_) | Self::Net(_) => {
                Json::String(self.to_string())
            }
        }
    }

    /// The text, when this is text.
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The number, when this is a number.
    pub fn as_int(&self) -> Option<i64> {
        if let Self::Int(number) = self { Some(*number) } else { None }
    }
}

impl fmt::Display for Value {
    /// The text form used in labels, human-friendly ids and messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(yes) => fmt::Display::fmt(yes, f),
            Self::Int(number) => fmt::Display::fmt(number, f),
            Self::Text(text) => f.write_str(text),
            Self::Time(moment) => fmt::Display::fmt(moment, f),
            Self::Host(interface) => fmt::Display::fmt(interface, f),
            Self::Address(address) => fmt::Display::fmt(address, f),
            Self::Net(net) => fmt::Display::fmt(net, f),
            Self::Json(json) => fmt::Display::fmt(json, f),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Self::Bool(yes)
    }
}
