//! Values as a generator gives them.

/// A value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Given {
    /// Nothing.
    Null,
    /// A truth value.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// Text, and all the schema writes as text.
    Text(String),
    /// A structure, as JSON text.
    Json(String),
}

/// An attribute with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Name.
    pub name: String,
    /// Value.
    pub value: Given,
}

impl Given {
    /// As JSON.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Boolean(yes) => (*yes).into(),
            Self::Integer(number) => (*number).into(),
            Self::Number(number) => (*number).into(),
            Self::Text(text) => text.clone().into(),
            Self::Json(text) => serde_json::from_str(text).unwrap_or_default(),
        }
    }

    /// The text, when it is text.
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The number, when it is a whole number.
    pub fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }
}

impl From<&str> for Given {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Given {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for Given {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<bool> for Given {
    fn from(yes: bool) -> Self {
        Self::Boolean(yes)
    }
}

macro_rules! integers {
    ($($kind:ty),*) => {
        $(impl From<$kind> for Given {
            fn from(number: $kind) -> Self {
                Self::Integer(number.into())
            }
        })*
    };
}

integers!(i8, i16, i32, i64, u8, u16, u32);

impl From<f64> for Given {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<serde_json::Value> for Given {
    fn from(json: serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(yes) => Self::Boolean(yes),
            serde_json::Value::String(text) => Self::Text(text),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(integer) => Self::Integer(integer),
                None => Self::Number(number.as_f64().unwrap_or_default()),
            },
            other => Self::Json(other.to_string()),
        }
    }
}

impl From<Vec<String>> for Given {
    /// A list, for attributes of kind `List`.
    fn from(list: Vec<String>) -> Self {
        Self::Json(serde_json::Value::from(list).to_string())
    }
}

impl<T: Into<Given>> From<Option<T>> for Given {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
