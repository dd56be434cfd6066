//! Drawing from pools: every allocation belongs to the instance.

use std::collections::BTreeMap;
use std::sync::Arc;

use branch::{AttrInput, Granted, IdentifiedBy, Input, PeerInput, PoolRequest, Want};
use model::schema::Kind;
use model::{ObjectId, Value};
use sandbox::api::{
    Code, Draft as GuestDraft, Grant, GuestError, PoolRequest as GuestRequest, Scalar,
    Want as GuestWant,
};
use serde_json::Value as Json;

use crate::context::{RunContext, error, full_key, json_scalar, value_json};
use crate::identity::generated_id;

use crate::limits::IDENTIFIER_BYTES_MAX;

impl RunContext {
    /// Draws a number, address or prefix under an identifier of the instance.
    pub(crate) fn allocate(&mut self, request: &GuestRequest) -> Result<Grant, GuestError> {
        let asked = self.asked(request)?;
        let granted = self.granted(&request.identifier, asked)?;
        Ok(Grant {
            value: json_scalar(&granted.value),
            object: granted.object.map(|id| id.to_string()),
            reused: granted.reused,
        })
    }

    /// What a request would give to an identifier that has nothing yet.
    pub(crate) fn peek(&mut self, request: &GuestRequest) -> Result<Scalar, GuestError> {
        let asked = self.asked(request)?;
        let value = self.draft.peek(&asked).map_err(|failure| self.told(failure))?;
        Ok(json_scalar(&value))
    }

    /// A guest's request as pools know it; the identifier is not yet the instance's own.
    fn asked(&self, request: &GuestRequest) -> Result<PoolRequest, GuestError> {
        let mut data = BTreeMap::new();
        for field in &request.data {
            data.insert(field.name.clone(), value_json(field.value.clone())?);
        }
        let want = match (request.want, request.terms.block) {
            (GuestWant::Number, None) => Want::Number,
            (GuestWant::Number, Some((count, align))) => Want::Block { count, align },
            (_, Some(_)) => {
                let message = "only numbers come in a row; ask for a shorter prefix";
                return Err(error(Code::InvalidArgument, "bad-block", message.to_owned()));
            }
            (GuestWant::Address(length), None) => Want::Address { length, kind: None },
            (GuestWant::Prefix(length), None) => {
                let member_type = match data.remove("member_type") {
                    Some(Json::String(member)) => Some(member),
                    _ => None,
                };
                Want::Prefix { length, kind: None, member_type }
            }
        };
        let value = request.terms.value.as_ref().map(|value| asked_value(request.want, value));
        Ok(PoolRequest {
            data,
            value: value.transpose()?,
            scope: request.terms.scope.iter().cloned().collect(),
            ..PoolRequest::new(request.pool.as_str(), IdentifiedBy::Nothing, want)
        })
    }

    fn granted(&mut self, identifier: &str, asked: PoolRequest) -> Result<Granted, GuestError> {
        if identifier.is_empty() || identifier.len() > IDENTIFIER_BYTES_MAX {
            let message = format!("an identifier has 1 to {IDENTIFIER_BYTES_MAX} bytes");
            return Err(error(Code::InvalidArgument, "bad-identifier", message));
        }
        let number = matches!(asked.want, Want::Number | Want::Block { .. });
        let key = format!("pool/{}/{identifier}", asked.pool);
        let object = generated_id(self.definition.id, self.target, "", &key);
        let granted = self
            .draft
            .allocate(&PoolRequest {
                object: Some(object),
                identifier: IdentifiedBy::Identifier(self.scoped(identifier)),
                ..asked
            })
            .map_err(|failure| self.told(failure))?;
        // A parent that is handed out whole belongs to nobody; it is held like a number is.
        let made = granted.object.filter(|made| !granted.is_parent || *made == object);
        match made {
            Some(object) => {
                let claim = self.now.entry(object).or_default();
                claim.owned = true;
                claim.key = full_key("", &key);
            }
            None if number || granted.is_parent => {
                // There is no object to own: the claim lies on the pool.
                let claim = self.now.entry(granted.pool).or_default();
                claim.values.insert(format!("={identifier}"), granted.value.clone());
            }
            None => {}
        }
        Ok(granted)
    }

    /// Identifiers are the instance's own.
    fn scoped(&self, identifier: &str) -> String {
        crate::identity::scoped(self.instance, identifier)
    }

    /// Draws what a draft wants straight into attributes and relationships.
    pub(super) fn draw(
        &mut self,
        kind: &Arc<Kind>,
        id: ObjectId,
        key: &str,
        draft: &GuestDraft,
        mut input: Input,
    ) -> Result<Input, GuestError> {
        for drawn in &draft.allocations {
            let own = format!("{}.{}", super::objects::key_text(key), drawn.name);
            let identifier = drawn.identifier.clone().unwrap_or(own);
            if kind.attribute(&drawn.name).is_some() {
                let scope = self.draft.scope_in(&drawn.pool, id, &input);
                let scope = scope.map_err(|failure| self.told(failure))?;
                let asked = PoolRequest {
                    scope,
                    ..PoolRequest::new(drawn.pool.as_str(), IdentifiedBy::Nothing, Want::Number)
                };
                let granted = self.granted(&identifier, asked)?;
                let attr = AttrInput {
                    source: Some(Some(granted.pool)),
                    ..AttrInput::by_host(granted.value)
                };
                input = input.attr(&drawn.name, attr);
                continue;
            }
            let Some(rel) = kind.relationship(&drawn.name) else {
                return Err(error(
                    Code::SchemaMismatch,
                    "unknown-field",
                    format!("`{}` has no attribute or relationship `{}`", kind.name, drawn.name),
                ));
            };
            let schema = Arc::clone(self.draft.schema());
            let is_prefix = schema.kind(&rel.peer).is_some_and(|peer| {
                peer.name == "BuiltinIPPrefix" || schema.is_a(peer, "BuiltinIPPrefix")
            });
            let want = if is_prefix {
                Want::Prefix { length: drawn.length, kind: None, member_type: None }
            } else {
                Want::Address { length: drawn.length, kind: None }
            };
            let asked = PoolRequest::new(drawn.pool.as_str(), IdentifiedBy::Nothing, want);
            let granted = self.granted(&identifier, asked)?;
            if let Some(object) = granted.object {
                let peer = PeerInput { source: Some(granted.pool), ..PeerInput::id(object) };
                input = input.rel(&drawn.name, vec![peer]);
            }
        }
        Ok(input)
    }

    /// Identifiers under which the instance held something on a pool, and no longer asks for it.
    pub(crate) fn dropped_numbers(&self, pool: ObjectId) -> Vec<String> {
        let now = self.now.get(&pool);
        let Some(before) = self.before.get(&pool) else { return Vec::new() };
        let gone = before
            .values
            .keys()
            .filter(|name| now.is_none_or(|now| !now.values.contains_key(*name)));
        gone.filter_map(|name| Some(self.scoped(name.strip_prefix('=')?))).collect()
    }
}

/// A value that a guest asks for.
fn asked_value(want: GuestWant, scalar: &Scalar) -> Result<Value, GuestError> {
    let read = match (want, scalar) {
        (GuestWant::Number, Scalar::Integer(number)) => Some(Value::Int(*number)),
        (GuestWant::Address(_), Scalar::Text(text)) => text.parse().ok().map(Value::Host),
        (GuestWant::Prefix(_), Scalar::Text(text)) => text.parse().ok().map(Value::Net),
        _ => None,
    };
    read.ok_or_else(|| {
        let message = "a number is asked for as an integer, an address or prefix as text";
        error(Code::InvalidArgument, "bad-value", message.to_owned())
    })
}
