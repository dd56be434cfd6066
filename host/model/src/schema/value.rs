//! Reading and checking the value of an attribute, and the derived fields that queries show of it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ipnet::IpNet;
use serde_json::{Value as Json, json};

use crate::ip::Family;
use crate::schema::document::truth;
use crate::schema::types::{Attribute, AttributeKind};
use crate::{Interface, Value};

pub use crate::limits::TEXT_BYTES_MAX;
use crate::limits::{PATTERNS_KEPT_MAX, REGEX_STEPS_MAX};

/// A value that an attribute does not take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{attribute}`: {what}")]
pub struct ValueError {
    /// The attribute.
    pub attribute: String,
    /// What is wrong and what would do.
    pub what: String,
    /// The type wanted and the type found, where it is the type that is wrong, as JSON has them.
    pub types: Option<(&'static str, &'static str)>,
}

/// What differences and plans show for a secret that is set.
pub const SECRET_TOLD: &str = "********";

impl Attribute {
    fn bad(&self, what: impl Into<String>) -> ValueError {
        ValueError { attribute: self.name.clone(), what: what.into(), types: None }
    }

    /// A value as differences and plans show it: that a secret is set, never what it is.
    pub fn told(&self, value: Json) -> Json {
        if self.kind.is_secret() && !value.is_null() { json!(SECRET_TOLD) } else { value }
    }

    /// The type of JSON that values are written in; nothing where every type will do.
    fn json_type(&self) -> Option<&'static str> {
        Some(match self.kind {
            AttributeKind::Number | AttributeKind::NumberPool | AttributeKind::Bandwidth => {
                "number"
            }
            AttributeKind::Boolean | AttributeKind::Checkbox => "boolean",
            AttributeKind::List => "array",
            AttributeKind::Json | AttributeKind::Any => return None,
            _ => "string",
        })
    }

    /// Reads a value as files and requests write it, and checks it. Numbers written as text and
    /// text written as numbers are taken, as public files have them.
    pub fn parse(&self, json: &Json) -> Result<Value, ValueError> {
        let value = self.read(json)?;
        self.validate(&value)?;
        Ok(value)
    }

    pub(crate) fn read(&self, json: &Json) -> Result<Value, ValueError> {
        if json.is_null() {
            return Ok(Value::Null);
        }
        let mismatch = |own: &'static str| {
            let is = type_of(json);
            let is_as_text = own == "number" && json.as_str().is_some_and(is_number);
            (own != is && !is_as_text).then_some((own, is))
        };
        let wrong = |wanted: &str| ValueError {
            types: self.json_type().and_then(mismatch),
            ..self.bad(format!("takes {wanted}, found `{}`", short(json)))
        };
        match self.kind {
            AttributeKind::Number | AttributeKind::NumberPool | AttributeKind::Bandwidth => {
                let number = json
                    .as_i64()
                    .or_else(|| json.as_str().and_then(|text| text.trim().parse().ok()));
                number.map(Value::Int).ok_or_else(|| wrong("a whole number of 64 bits"))
            }
            AttributeKind::Boolean | AttributeKind::Checkbox => match json {
                Json::Bool(yes) => Ok(Value::Bool(*yes)),
                Json::String(text) => match truth(text) {
                    Some(yes) => Ok(Value::Bool(yes)),
                    None => Err(wrong("`true` or `false`")),
                },
                _ => Err(wrong("`true` or `false`")),
            },
            AttributeKind::List => match json {
                Json::Array(_) => Ok(Value::Json(json.clone())),
                _ => Err(wrong("a list")),
            },
            AttributeKind::Json | AttributeKind::Any => Ok(Value::Json(json.clone())),
            AttributeKind::DateTime => {
                let text = json.as_str().ok_or_else(|| wrong("a date and time"))?;
                text.parse().map(Value::Time).map_err(|bad| self.bad(format!("`{text}` is {bad}")))
            }
            AttributeKind::IpHost => {
                let text = json.as_str().ok_or_else(|| wrong("an IP address"))?;
                text.parse::<Interface>()
                    .map(Value::Host)
                    .map_err(|bad| self.bad(format!("`{text}` is {bad}")))
            }
            AttributeKind::IpAddress => {
                let text = json.as_str().ok_or_else(|| wrong("an IP address"))?;
                text.parse::<IpAddr>().map(Value::Address).map_err(|_bad| wrong("an IP address"))
            }
            AttributeKind::IpNetwork => self.read_net(json),
            AttributeKind::MacAddress => {
                let text = json.as_str().ok_or_else(|| wrong("a MAC address"))?;
                mac(text).map(Value::Text).ok_or_else(|| wrong("a MAC address"))
            }
            _ => match json {
                Json::String(text) => Ok(Value::Text(text.clone())),
                Json::Number(number) => Ok(Value::Text(number.to_string())),
                Json::Bool(yes) => Ok(Value::Text(yes.to_string())),
                _ => Err(wrong("text")),
            },
        }
    }

    fn read_net(&self, json: &Json) -> Result<Value, ValueError> {
        let text = json.as_str().unwrap_or_default();
        let wrong =
            || self.bad(format!("takes a prefix such as `10.0.0.0/24`, found `{}`", short(json)));
        let net = match text.parse::<IpNet>() {
            Ok(net) => net,
            Err(_no_length) => IpNet::from(text.parse::<IpAddr>().map_err(|_bad| wrong())?),
        };
        if net.trunc() != net {
            return Err(
                self.bad(format!("`{text}` has host bits set; the prefix is `{}`", net.trunc()))
            );
        }
        Ok(Value::Net(net))
    }

    /// Checks a value that has the attribute's type against its limits. Nothing is always fine
    /// here: whether a value must be there is a matter of the object.
    pub fn validate(&self, value: &Value) -> Result<(), ValueError> {
        if value.is_null() {
            return Ok(());
        }
        match value {
            Value::Text(text) => self.validate_text(text)?,
            Value::Int(number) => self.validate_number(*number)?,
            Value::Json(json) => {
                if json.to_string().len() > TEXT_BYTES_MAX {
                    return Err(self.bad(format!("larger than {TEXT_BYTES_MAX} bytes")));
                }
                if let (Some(pattern), Json::Array(items)) = (&self.parameters.regex, json) {
                    for item in items.iter().filter_map(Json::as_str) {
                        self.validate_pattern(pattern, item)?;
                    }
                }
            }
            _ => {}
        }
        if !self.allowed.is_empty() && !self.allowed.contains(value) {
            let allowed: Vec<String> = self.allowed.iter().map(|v| format!("`{v}`")).collect();
            return Err(self.bad(format!("`{value}` must be one of {}", allowed.join(", "))));
        }
        Ok(())
    }

    fn validate_text(&self, text: &str) -> Result<(), ValueError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(self.bad(format!("longer than {TEXT_BYTES_MAX} bytes")));
        }
        if self.kind == AttributeKind::Dropdown
            && self.choices.iter().all(|choice| choice.name != text)
        {
            let names: Vec<String> =
                self.choices.iter().map(|choice| format!("`{}`", choice.name)).collect();
            return Err(self.bad(format!("`{text}` must be one of {}", names.join(", "))));
        }
        if self.kind == AttributeKind::Email && !is_email(text) {
            return Err(self.bad(format!("`{text}` is not an e-mail address")));
        }
        if self.kind == AttributeKind::Color && !is_color(text) {
            return Err(self.bad(format!("`{text}` is not a colour; write `#rrggbb`")));
        }
        let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        if let Some(least) = self.parameters.min_length.filter(|least| length < *least) {
            return Err(self.bad(format!("`{text}` must have at least {least} characters")));
        }
        if let Some(most) = self.parameters.max_length.filter(|most| length > *most) {
            return Err(self.bad(format!("`{text}` must have at most {most} characters")));
        }
        match &self.parameters.regex {
            Some(pattern) => self.validate_pattern(pattern, text),
            None => Ok(()),
        }
    }

    fn validate_pattern(&self, pattern: &str, text: &str) -> Result<(), ValueError> {
        let matches = regex(pattern).is_some_and(|regex| regex.is_match(text).unwrap_or(false));
        if matches { Ok(()) } else { Err(self.bad(format!("`{text}` must match `{pattern}`"))) }
    }

    fn validate_number(&self, number: i64) -> Result<(), ValueError> {
        let limits = &self.parameters;
        if let Some(least) = limits.min_value.filter(|least| number < *least) {
            return Err(self.bad(format!("{number} must be at least {least}")));
        }
        if let Some(most) = limits.max_value.filter(|most| number > *most) {
            return Err(self.bad(format!("{number} must be at most {most}")));
        }
        let excluded = limits.excluded.iter().find(|(low, high)| (low..=high).contains(&&number));
        match excluded {
            Some((low, high)) => {
                Err(self.bad(format!("{number} is excluded, as are {low} to {high}")))
            }
            None => Ok(()),
        }
    }

    /// A derived field that queries show beside `value`: the label of a choice, the netmask of an
    /// address. `None` when the kind has no such field.
    pub fn field(&self, value: &Value, name: &str) -> Option<Json> {
        match (self.kind, value) {
            (AttributeKind::Dropdown, value) => {
                let choice = value
                    .as_text()
                    .and_then(|text| self.choices.iter().find(|choice| choice.name == text));
                let text = |text: Option<String>| text.map_or(Json::Null, Json::String);
                match name {
                    "label" => Some(text(choice.map(|choice| choice.label.clone()))),
                    "color" => Some(text(choice.and_then(|choice| choice.color.clone()))),
                    "description" => {
                        Some(text(choice.and_then(|choice| choice.description.clone())))
                    }
                    _ => None,
                }
            }
            (AttributeKind::IpHost, Value::Host(host)) => {
                if name == "ip" {
                    return Some(json!(host.address.to_string()));
                }
                net_field(host.network(), host.address, name)
            }
            (AttributeKind::IpNetwork, Value::Net(net)) => match name {
                "broadcast_address" => Some(json!(net.broadcast().to_string())),
                "num_addresses" => {
                    let bits = Family::of(net.addr()).bits() - net.prefix_len();
                    Some(num_addresses(bits))
                }
                _ => net_field(*net, net.addr(), name),
            },
            (AttributeKind::MacAddress, Value::Text(text)) => mac_field(text, name),
            (AttributeKind::IpHost | AttributeKind::IpNetwork | AttributeKind::MacAddress, _) => {
                Some(Json::Null)
            }
            _ => None,
        }
    }
}

/// Whether a text is a whole number, of whatever size.
fn is_number(text: &str) -> bool {
    let digits = text.trim().trim_start_matches('-');
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The word for the type of a value.
fn type_of(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

fn num_addresses(bits: u8) -> Json {
    match 1u64.checked_shl(u32::from(bits)) {
        Some(count) => json!(count),
        None => match 1u128.checked_shl(u32::from(bits)) {
            Some(count) => json!(count.to_string()),
            None => json!("340282366920938463463374607431768211456"),
        },
    }
}

fn net_field(net: IpNet, address: IpAddr, name: &str) -> Option<Json> {
    Some(match name {
        "netmask" => json!(net.netmask().to_string()),
        "hostmask" => json!(net.hostmask().to_string()),
        "prefixlen" => json!(net.prefix_len()),
        "version" => json!(if address.is_ipv4() { 4 } else { 6 }),
        "with_netmask" => json!(format!("{address}/{}", net.netmask())),
        "with_hostmask" => json!(format!("{address}/{}", net.hostmask())),
        _ => return None,
    })
}

/// Forms of a MAC address, from its twelve digits.
fn mac_field(text: &str, name: &str) -> Option<Json> {
    let digits: String =
        text.chars().filter(char::is_ascii_hexdigit).collect::<String>().to_lowercase();
    let joined = |size: usize, by: &str| {
        digits
            .as_bytes()
            .chunks(size)
            .map(|chunk| String::from_utf8_lossy(chunk).into_owned())
            .collect::<Vec<_>>()
            .join(by)
    };
    let number = u64::from_str_radix(&digits, 16).unwrap_or(0);
    let (oui, ei) = digits.split_at_checked(6)?;
    Some(match name {
        "oui" => json!(joined_upper(oui)),
        "ei" => json!(joined_upper(ei)),
        "version" => json!(48),
        "binary" => json!(format!("{number:#050b}")),
        "eui48" => json!(joined(2, "-").to_uppercase()),
        "eui64" => json!(format!("{}-FF-FE-{}", joined_upper(oui), joined_upper(ei))),
        "bare" => json!(digits.to_uppercase()),
        "dot_notation" => json!(joined(4, ".")),
        "semicolon_notation" => json!(joined(2, ":")),
        "split_notation" => json!(joined(6, "-").to_uppercase()),
        _ => return None,
    })
}

fn joined_upper(digits: &str) -> String {
    digits
        .as_bytes()
        .chunks(2)
        .map(|pair| String::from_utf8_lossy(pair).to_uppercase())
        .collect::<Vec<_>>()
        .join("-")
}

/// The canonical form, `00:11:22:aa:bb:cc`.
fn mac(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect();
    let fits = digits.len() == 12 && digits.chars().all(|c| c.is_ascii_hexdigit());
    fits.then(|| {
        let lower = digits.to_lowercase();
        let pairs: Vec<&str> = (0..6).filter_map(|at| lower.get(at * 2..at * 2 + 2)).collect();
        pairs.join(":")
    })
}

fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && host.contains('.') && !text.contains(char::is_whitespace)
    })
}

fn is_color(text: &str) -> bool {
    text.strip_prefix('#').is_none_or(|hex| {
        matches!(hex.len(), 3 | 6) && hex.chars().all(|letter| letter.is_ascii_hexdigit())
    })
}

fn short(json: &Json) -> String {
    let text = json.as_str().map_or_else(|| json.to_string(), str::to_owned);
    match text.char_indices().nth(80) {
        Some((cut, _)) => format!("{}…", text.get(..cut).unwrap_or_default()),
        None => text,
    }
}

/// Patterns match from the start of the text, as Python's `re.match` does. Compiled once.
fn regex(pattern: &str) -> Option<Arc<fancy_regex::Regex>> {
    static KNOWN: OnceLock<Mutex<BTreeMap<String, Arc<fancy_regex::Regex>>>> = OnceLock::new();
    let known = KNOWN.get_or_init(Mutex::default);
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(regex) = known.get(pattern) {
        return Some(Arc::clone(regex));
    }
    let regex = fancy_regex::RegexBuilder::new(&format!("^(?:{pattern})"))
        .backtrack_limit(REGEX_STEPS_MAX)
        .build()
        .ok()?;
    let regex = Arc::new(regex);
    // Patterns come from schemas: there are few, but a host that lives for years sees many loads.
    if known.len() >= PATTERNS_KEPT_MAX {
        known.clear();
    }
    known.insert(pattern.to_owned(), Arc::clone(&regex));
    Some(regex)
}
