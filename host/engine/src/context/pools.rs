//! Drawing from pools: every allocation belongs to the instance.

use std::collections::BTreeMap;
use std::sync::Arc;

use branch::{AttrInput, Granted, IdentifiedBy, Input, PeerInput, PoolRequest, Want};
use model::schema::Kind;
use model::{ObjectId, Value};
use sandbox::api::{
    Code, Draft as GuestDraft, Grant, GuestError, PoolRequest as GuestRequest, Want as GuestWant,
};
use serde_json::Value as Json;

use crate::context::{RunContext, error, full_key, json_scalar, value_json};
use crate::identity::generated_id;

/// Longest identifier, in bytes.
const IDENTIFIER_BYTES_MAX: usize = 256;

impl RunContext {
    /// Draws a number, address or prefix under an identifier of the instance.
    pub(crate) fn allocate(&mut self, request: &GuestRequest) -> Result<Grant, GuestError> {
        let want = match request.want {
            GuestWant::Number => Want::Number,
            GuestWant::Address(length) => Want::Address { length, kind: None },
            GuestWant::Prefix(length) => Want::Prefix { length, kind: None, member_type: None },
        };
        let mut data = BTreeMap::new();
        for field in &request.data {
            data.insert(field.name.clone(), value_json(&field.value)?);
        }
        let want = match (want, data.remove("member_type")) {
            (Want::Prefix { length, kind, .. }, Some(Json::String(member))) => {
                Want::Prefix { length, kind, member_type: Some(member) }
            }
            (want, _) => want,
        };
        let granted = self.granted(&request.pool, &request.identifier, want, data)?;
        Ok(Grant {
            value: json_scalar(&granted.value),
            object: granted.object.map(|id| id.to_string()),
            reused: granted.reused,
        })
    }

    fn granted(
        &mut self,
        pool: &str,
        identifier: &str,
        want: Want,
        data: BTreeMap<String, Json>,
    ) -> Result<Granted, GuestError> {
        if identifier.is_empty() || identifier.len() > IDENTIFIER_BYTES_MAX {
            let message = format!("an identifier has 1 to {IDENTIFIER_BYTES_MAX} bytes");
            return Err(error(Code::InvalidArgument, "bad-identifier", message));
        }
        let number = want == Want::Number;
        let key = format!("pool/{pool}/{identifier}");
        let object = generated_id(self.definition.id, self.target, "", &key);
        let granted = self
            .draft
            .allocate(&PoolRequest {
                data,
                object: Some(object),
                ..PoolRequest::new(pool, IdentifiedBy::Identifier(self.scoped(identifier)), want)
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
        format!("{}:{identifier}", self.instance)
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
                let granted =
                    self.granted(&drawn.pool, &identifier, Want::Number, BTreeMap::new())?;
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
            let granted = self.granted(&drawn.pool, &identifier, want, BTreeMap::new())?;
            if let Some(object) = granted.object {
                let peer = PeerInput { source: Some(granted.pool), ..PeerInput::id(object) };
                input = input.rel(&drawn.name, vec![peer]);
            }
        }
        let _same = id;
        Ok(input)
    }

    /// Numbers that the instance held on a pool and no longer asks for.
    pub(crate) fn dropped_numbers(&self, pool: ObjectId) -> Vec<Value> {
        let now = self.now.get(&pool);
        let Some(before) = self.before.get(&pool) else { return Vec::new() };
        before
            .values
            .iter()
            .filter(|(name, _)| name.starts_with('='))
            .filter(|(name, _)| now.is_none_or(|now| !now.values.contains_key(*name)))
            .map(|(_, value)| value.clone())
            .collect()
    }
}
