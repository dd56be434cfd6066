//! Choices of a dropdown and values of an enumeration, added and removed without a schema file: each
//! is a load of the attribute as it is declared, with one more or one fewer.

use branch::View;
use graphql::GraphqlError;
use model::schema::AttributeDecl;
use serde_json::{Value as Json, json};

use crate::dialect::{Arguments, DialectHost, told};
use crate::{Service, ServiceError};

impl DialectHost<'_> {
    /// `SchemaDropdownAdd` and `SchemaDropdownRemove`: `{kind attribute dropdown color description
    /// label}`.
    pub(super) fn dropdown(
        &self,
        arguments: &Arguments<'_>,
        add: bool,
    ) -> Result<Json, GraphqlError> {
        let data = arguments.data()?;
        let (kind, attribute, name) =
            (data.must("kind")?, data.must("attribute")?, data.must("dropdown")?);
        let choice = json!({
            "name": name, "label": data.text("label"), "color": data.text("color"),
            "description": data.text("description"),
        });
        let edit = |declared: &mut Json| {
            let is_dropdown = declared["kind"] == "Dropdown";
            list(declared, "choices", &choice, add, is_dropdown, &|one| one["name"] == name)
        };
        self.service.edit_attribute(kind, attribute, "dropdown", &edit).map_err(told)?;
        let object = json!({
            "value": name, "label": data.text("label"), "color": data.text("color"),
            "description": data.text("description"),
        });
        Ok(json!({"ok": true, "object": if add { object } else { Json::Null }}))
    }

    /// `SchemaEnumAdd` and `SchemaEnumRemove`: `{kind attribute enum}`.
    pub(super) fn enumeration(
        &self,
        arguments: &Arguments<'_>,
        add: bool,
    ) -> Result<Json, GraphqlError> {
        let data = arguments.data()?;
        let (kind, attribute, text) =
            (data.must("kind")?, data.must("attribute")?, data.must("enum")?);
        let edit = |declared: &mut Json| {
            // The public input is text whatever the attribute holds.
            let number = matches!(declared["kind"].as_str(), Some("Number" | "Bandwidth"));
            let value = match text.parse::<i64>() {
                Ok(value) if number => json!(value),
                _ => json!(text),
            };
            let is_enum = declared["enum"].is_array();
            list(declared, "enum", &value, add, is_enum, &|one| *one == value)
        };
        self.service.edit_attribute(kind, attribute, "enum", &edit).map_err(told)?;
        Ok(json!({"ok": true}))
    }
}

/// Adds to a list of a declared attribute, or takes away.
fn list(
    declared: &mut Json,
    key: &str,
    value: &Json,
    add: bool,
    fits: bool,
    is_it: &dyn Fn(&Json) -> bool,
) -> Result<(), String> {
    if !fits {
        return Err(format!("it has no {key}"));
    }
    let mut all = declared[key].as_array().cloned().unwrap_or_default();
    let is_there = all.iter().any(is_it);
    match (add, is_there) {
        (true, true) => return Err("it is there already".to_owned()),
        (false, false) => return Err("it is not there".to_owned()),
        (true, false) => {
            let mut value = value.clone();
            if let Some(map) = value.as_object_mut() {
                map.retain(|_, value| !value.is_null());
            }
            all.push(value);
        }
        (false, true) => all.retain(|one| !is_it(one)),
    }
    declared[key] = Json::Array(all);
    Ok(())
}

impl Service {
    /// Loads one attribute of a kind anew, edited as it is declared. What stored objects do not fit is
    /// refused, as with any load.
    fn edit_attribute(
        &self,
        kind: &str,
        attribute: &str,
        what: &str,
        edit: &dyn Fn(&mut Json) -> Result<(), String>,
    ) -> Result<(), ServiceError> {
        let wrong = |code: &'static str, message: String| ServiceError::Request { code, message };
        self.schema_edit(&|view| {
            let known = view.kind(kind)?;
            let Some(compiled) = known.attribute(attribute) else {
                let names = known.attributes.iter().map(|one| one.name.as_str());
                let near = model::schema::nearest(attribute, names);
                let near = near.map(|near| format!("; did you mean `{near}`?"));
                let message =
                    format!("`{kind}` has no attribute `{attribute}`{}", near.unwrap_or_default());
                return Err(wrong("unknown-field", message));
            };
            if let Some(generic) = &compiled.inherited_from {
                let message = format!(
                    "`{attribute}` of `{kind}` is inherited; change it on the generic `{generic}`"
                );
                return Err(wrong("inherited-attribute", message));
            }
            let Some((extended, declared)) = declared(view, kind, attribute) else {
                let message = format!("`{attribute}` of `{kind}` is built in and stays as it is");
                return Err(wrong("built-in-attribute", message));
            };
            let mut edited = serde_json::to_value(declared).unwrap_or_default();
            edit(&mut edited).map_err(|why| {
                wrong("bad-choice", format!("the {what} of `{kind}.{attribute}`: {why}"))
            })?;
            let (namespace, name) = (&known.namespace, &known.short_name);
            Ok(if extended {
                let node = json!({"kind": kind, "attributes": [edited]});
                json!({"version": "1.0", "extensions": {"nodes": [node]}})
            } else {
                let node = json!({"namespace": namespace, "name": name, "attributes": [edited]});
                let is_generic = known.category == model::schema::Category::Generic;
                json!({"version": "1.0", (if is_generic { "generics" } else { "nodes" }): [node]})
            })
        })
    }
}

/// The attribute as it is declared, and whether by an extension.
fn declared<'v>(view: &'v View, kind: &str, attribute: &str) -> Option<(bool, &'v AttributeDecl)> {
    let all = view.declared();
    let own = all.kinds.get(kind).map(|kind| &kind.attributes);
    let extended = all.extensions.get(kind).map(|more| &more.attributes);
    let find = |list: Option<&'v Vec<AttributeDecl>>| {
        list.and_then(|list| list.iter().find(|one| one.name == attribute))
    };
    find(own).map(|one| (false, one)).or_else(|| find(extended).map(|one| (true, one)))
}
