//! The public object file format, as far as it can be read without a schema: documents, rows,
//! nested rows, ranges.

use serde_json::Value as Json;

use crate::schema::{SchemaError, yaml_documents};

pub use crate::limits::DEPTH_MAX;
pub use crate::limits::ROWS_MAX;

/// The kind of what a menu file holds.
const MENU_ITEM: &str = "CoreMenuItem";

/// An object file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ObjectFile {
    /// Name of the file, for messages.
    pub file: String,
    /// Documents of kind `Object`, and of kind `Menu`.
    pub documents: Vec<ObjectDocument>,
    /// Kinds of documents that are something else, which are passed over.
    pub skipped: Vec<String>,
}

/// One document: rows of a kind.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectDocument {
    /// The kind.
    pub kind: String,
    /// The rows, ranges expanded.
    pub rows: Vec<Row>,
}

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Where it is in the file.
    pub path: String,
    /// Fields in the order of the file.
    pub fields: Vec<(String, RowValue)>,
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq)]
pub enum RowValue {
    /// A scalar, a list, or a map that the schema explains.
    Plain(Json),
    /// Rows of objects at the other end of a relationship.
    Nested {
        /// Their kind, where it is not the relationship's peer.
        kind: Option<String>,
        /// The rows.
        rows: Vec<Row>,
    },
}

struct Reader {
    file: String,
    rows: usize,
}

/// Reads an object file. Cost: linear in the rows after ranges are expanded.
pub fn parse(file: &str, text: &str) -> Result<ObjectFile, SchemaError> {
    let mut reader = Reader { file: file.to_owned(), rows: 0 };
    let mut read = ObjectFile { file: file.to_owned(), ..ObjectFile::default() };
    for (number, document) in yaml_documents(file, text)?.iter().enumerate() {
        let path = format!("documents[{number}]");
        let kind = document.get("kind").and_then(Json::as_str).unwrap_or_default();
        if document.get("apiVersion").and_then(Json::as_str) != Some("infrahub.app/v1") {
            let what = "`apiVersion` must be `infrahub.app/v1`".to_owned();
            return Err(reader.bad(&path, "bad-api-version", what));
        }
        if kind != "Object" && kind != "Menu" {
            read.skipped.push(kind.to_owned());
            continue;
        }
        let spec = document
            .get("spec")
            .ok_or_else(|| reader.bad(&path, "missing-key", "`spec` is missing".to_owned()))?;
        let named = spec.get("kind").and_then(Json::as_str);
        let menu;
        let (kind, data) = if kind == "Menu" {
            menu = menu_items(spec.get("data").unwrap_or(&Json::Null), 0);
            (named.unwrap_or(MENU_ITEM), &menu)
        } else {
            let missing = || "`spec.kind` is missing".to_owned();
            let kind = named.ok_or_else(|| reader.bad(&path, "missing-key", missing()))?;
            (kind, spec.get("data").unwrap_or(&Json::Null))
        };
        let rows = reader.rows(data, expands(spec), &format!("{path}.spec.data"), 0)?;
        read.documents.push(ObjectDocument { kind: kind.to_owned(), rows });
    }
    Ok(read)
}

/// Items of a menu with what the public format leaves to the reader: where an item of a kind leads to,
/// and its place among its neighbours. Items below are items too.
fn menu_items(data: &Json, depth: usize) -> Json {
    let (Json::Array(items), true) = (data, depth <= DEPTH_MAX) else { return data.clone() };
    let item = |(number, item): (i64, &Json)| {
        let Json::Object(map) = item else { return item.clone() };
        let mut map = map.clone();
        if let Some(kind) = map.get("kind").and_then(Json::as_str).map(str::to_owned) {
            map.entry("path").or_insert_with(|| Json::from(format!("/objects/{kind}")));
        }
        map.entry("order_weight").or_insert_with(|| Json::from((number + 1) * 1000));
        if let Some(Json::Object(children)) = map.get_mut("children") {
            children.entry("kind").or_insert_with(|| Json::from(MENU_ITEM));
            let below = children.get("data").map(|data| menu_items(data, depth + 1));
            if let Some(below) = below {
                children.insert("data".to_owned(), below);
            }
        }
        Json::Object(map)
    };
    Json::Array((0..).zip(items).map(item).collect())
}

fn expands(spec: &Json) -> bool {
    let parameters = spec.get("parameters");
    parameters.and_then(|p| p.get("expand_range")).and_then(Json::as_bool).unwrap_or(false)
}

impl Reader {
    fn bad(&self, path: &str, code: &'static str, message: String) -> SchemaError {
        SchemaError {
            file: self.file.clone(),
            path: path.to_owned(),
            code,
            message,
            remedy: String::new(),
        }
    }

    fn rows(
        &mut self,
        data: &Json,
        expand: bool,
        path: &str,
        depth: usize,
    ) -> Result<Vec<Row>, SchemaError> {
        if depth > DEPTH_MAX {
            let what = format!("rows are nested deeper than {DEPTH_MAX}");
            return Err(self.bad(path, "too-deep", what));
        }
        let items: Vec<&Json> = match data {
            Json::Array(items) => items.iter().collect(),
            Json::Object(_) => vec![data],
            Json::Null => Vec::new(),
            _ => return Err(self.bad(path, "not-rows", "must be a list of rows".to_owned())),
        };
        let mut rows = Vec::new();
        for (number, item) in items.into_iter().enumerate() {
            let path = format!("{path}[{number}]");
            let Some(map) = item.as_object() else {
                return Err(self.bad(&path, "not-a-row", "a row is a map".to_owned()));
            };
            for map in self.expanded(map, expand, &path)? {
                self.rows += 1;
                if self.rows > ROWS_MAX {
                    let what = format!("more than {ROWS_MAX} rows; split the file");
                    return Err(self.bad(&path, "too-many-rows", what));
                }
                let mut fields = Vec::new();
                for (name, value) in &map {
                    let path = format!("{path}.{name}");
                    fields.push((name.clone(), self.value(value, &path, depth)?));
                }
                rows.push(Row { path: path.clone(), fields });
            }
        }
        Ok(rows)
    }

    fn value(&mut self, value: &Json, path: &str, depth: usize) -> Result<RowValue, SchemaError> {
        let nested = value.as_object().and_then(|map| map.get("data"));
        match nested {
            Some(data @ (Json::Array(_) | Json::Object(_))) => {
                let kind = value.get("kind").and_then(Json::as_str).map(str::to_owned);
                let all_maps = match data {
                    Json::Array(items) => items.iter().all(Json::is_object),
                    _ => true,
                };
                if !all_maps {
                    return Ok(RowValue::Plain(data.clone()));
                }
                let rows = self.rows(data, expands(value), &format!("{path}.data"), depth + 1)?;
                Ok(RowValue::Nested { kind, rows })
            }
            _ => Ok(RowValue::Plain(value.clone())),
        }
    }

    /// The rows that a row with ranges stands for: ranges of one row go in step.
    fn expanded(
        &self,
        map: &serde_json::Map<String, Json>,
        expand: bool,
        path: &str,
    ) -> Result<Vec<serde_json::Map<String, Json>>, SchemaError> {
        if !expand {
            return Ok(vec![map.clone()]);
        }
        let mut length = None;
        let mut ranges = Vec::new();
        for (name, value) in map {
            let Some(text) = value.as_str() else { continue };
            let values = expand_range(text)
                .ok_or_else(|| self.bad(path, "too-many-rows", format!("`{text}` is too long")))?;
            if values.len() < 2 {
                continue;
            }
            if length.is_some_and(|length| length != values.len()) {
                let what = "ranges of one row must have the same length".to_owned();
                return Err(self.bad(path, "range-mismatch", what));
            }
            length = Some(values.len());
            ranges.push((name.clone(), values));
        }
        let mut rows = Vec::new();
        for number in 0..length.unwrap_or(1) {
            let mut row = map.clone();
            for (name, values) in &ranges {
                if let Some(value) = values.get(number) {
                    row.insert(name.clone(), Json::String(value.clone()));
                }
            }
            rows.push(row);
        }
        Ok(rows)
    }
}

/// `Ethernet[1-3,7]/1` → `Ethernet1/1`, `Ethernet2/1`, `Ethernet3/1`, `Ethernet7/1`. Several ranges
/// in one text multiply, the last turning fastest. Text without a range is itself. `None` when there
/// would be more than `ROWS_MAX`.
pub fn expand_range(text: &str) -> Option<Vec<String>> {
    let mut done = vec![String::new()];
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        let Some((inside, tail)) = after.split_once(']') else { break };
        let Some(items) = range_items(inside)? else {
            let literal = format!("{before}[{inside}]");
            done.iter_mut().for_each(|text| text.push_str(&literal));
            rest = tail;
            continue;
        };
        if done.len().checked_mul(items.len())? > ROWS_MAX {
            return None;
        }
        done = done
            .iter()
            .flat_map(|text| items.iter().map(move |item| format!("{text}{before}{item}")))
            .collect();
        rest = tail;
    }
    done.iter_mut().for_each(|text| text.push_str(rest));
    Some(done)
}

/// The items of `1-3,7` or `a-c,x`; `Some(None)` when it is no range; `None` when it is too long.
#[allow(clippy::option_option, reason = "too long and not a range are different answers")]
fn range_items(inside: &str) -> Option<Option<Vec<String>>> {
    let mut items = Vec::new();
    for part in inside.split(',') {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (low.parse::<u64>(), high.parse::<u64>()) {
            if first > last {
                return Some(None);
            }
            if usize::try_from(last - first).ok()? >= ROWS_MAX {
                return None;
            }
            items.extend((first..=last).map(|number| number.to_string()));
        } else if let (Some(first), Some(last)) = (letter(low), letter(high)) {
            items.extend((first..=last).map(|letter| char::from(letter).to_string()));
        } else {
            return Some(None);
        }
    }
    Some(Some(items))
}

fn letter(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [only] if only.is_ascii_alphabetic() => Some(*only),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_expand_in_every_public_form() {
        let check = |text: &str, first: &str, count: usize| {
            let all = expand_range(text).unwrap();
            assert_eq!(
                (all.first().map(String::as_str), all.len()),
                (Some(first), count),
                "{text}"
            );
        };
        check("Ethernet1/[1-30]", "Ethernet1/1", 30);
        check("Ethernet[1-20]/1", "Ethernet1/1", 20);
        check("[a-c]x", "ax", 3);
        check("e[1,3-4]", "e1", 3);
        check("e[1-2]/[1-2]", "e1/1", 4);
        check("plain", "plain", 1);
        check("set[x y]", "set[x y]", 1);
        assert!(expand_range("e[1-999999999]").is_none());
    }

    #[test]
    fn ranges_of_one_row_go_in_step() {
        let text = "apiVersion: infrahub.app/v1\nkind: Object\nspec:\n  kind: A\n  parameters: {expand_range: true}\n  data:\n    - {name: 'e[1-2]', label: 'x[5-6]', other: z}\n";
        let file = parse("f.yml", text).unwrap();
        let rows = &file.documents[0].rows;
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[1].fields[1].1, RowValue::Plain("x6".into()));
    }

    #[test]
    fn ranges_of_different_length_are_refused() {
        let text = "apiVersion: infrahub.app/v1\nkind: Object\nspec:\n  kind: A\n  parameters: {expand_range: true}\n  data:\n    - {name: 'e[1-2]', label: 'x[1-3]'}\n";
        assert_eq!(parse("f.yml", text).unwrap_err().code, "range-mismatch");
    }
}
