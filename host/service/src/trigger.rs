//! HTTP triggers: a signed body that names a target. Must not know HTTP: the signature comes in as
//! parts.

use engine::{Mode, RunResult};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value as Json;
use sha2::Sha256;

use crate::objects::find;
use crate::{Caller, Service, ServiceError};

pub use crate::limits::SIGNATURE_SECONDS_MAX;

/// A trigger as it comes in. The signature is HMAC-SHA256 of `timestamp.body` under the definition's
/// shared secret, in hexadecimal.
#[derive(Debug, Clone)]
pub struct Trigger<'a> {
    /// Name of the definition.
    pub definition: &'a str,
    /// Seconds since 1970, as text.
    pub timestamp: &'a str,
    /// Hexadecimal signature.
    pub signature: &'a str,
    /// The body: `{"target": id or human-friendly id}` or `{"attribute": .., "value": ..}`.
    pub body: &'a [u8],
}

impl Service {
    /// Checks a trigger and runs its target.
    pub fn trigger(&self, trigger: &Trigger<'_>) -> Result<RunResult, ServiceError> {
        self.check_signature(trigger)?;
        let body: Json = serde_json::from_slice(trigger.body)
            .map_err(|bad| refused("bad-body", format!("the body must be a JSON object: {bad}")))?;
        let target = match (body.get("target"), body.get("attribute"), body.get("value")) {
            (Some(Json::String(name)), _, _) => self.target(trigger.definition, name)?,
            (_, Some(Json::String(attribute)), Some(value)) => {
                self.target_by(trigger.definition, attribute, value)?
            }
            _ => {
                return Err(refused(
                    "bad-body",
                    "the body must hold `target`, or `attribute` and `value`".to_owned(),
                ));
            }
        };
        // The signature is the right to run.
        let host = self.called_by(Caller::system());
        host.run_target(trigger.definition, target, Mode::Apply, "trigger")
    }

    fn check_signature(&self, trigger: &Trigger<'_>) -> Result<(), ServiceError> {
        // One answer for a wrong name, a missing secret and a wrong signature: no oracle.
        let denied = || refused("bad-signature", "the signature does not fit".to_owned());
        let view = self.view()?;
        let object = find(&view, "CoreGeneratorDefinition", trigger.definition)
            .map_err(|_unknown| denied())?;
        let secret = object.value("trigger_secret");
        let secret = secret.as_text().filter(|secret| !secret.is_empty()).ok_or_else(denied)?;
        let at: i64 = trigger.timestamp.parse().map_err(|_bad| denied())?;
        let now = view.now().0 / 1_000_000;
        if now.abs_diff(at) > SIGNATURE_SECONDS_MAX.unsigned_abs() {
            return Err(refused(
                "stale-signature",
                format!("the signature is older than {SIGNATURE_SECONDS_MAX} seconds; sign again"),
            ));
        }
        let mut mac =
            Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(|_length| denied())?;
        mac.update(trigger.timestamp.as_bytes());
        mac.update(b".");
        mac.update(trigger.body);
        let given = unhex(trigger.signature).ok_or_else(denied)?;
        mac.verify_slice(&given).map_err(|_wrong| denied())
    }

    fn target_by(
        &self,
        definition: &str,
        attribute: &str,
        value: &Json,
    ) -> Result<model::ObjectId, ServiceError> {
        let view = self.view()?;
        let found = engine::Definition::find(&view, definition).map_err(engine::RunError::from)?;
        let mut meant = Vec::new();
        for id in found.targets(&view)? {
            if let Some(object) = view.object(id)?
                && object.kind().attribute(attribute).is_some()
                && object.value(attribute).to_json() == *value
            {
                meant.push(id);
            }
        }
        match meant.as_slice() {
            [one] => Ok(*one),
            [] => {
                let name = format!("{attribute} = {value}");
                Err(ServiceError::NotFound { what: "target", name })
            }
            several => {
                let count = several.len();
                let message = format!(
                    "{count} targets have {attribute} = {value}; name one by its id, or map another \
                     attribute"
                );
                Err(refused("ambiguous-target", message))
            }
        }
    }
}

fn refused(code: &'static str, message: String) -> ServiceError {
    ServiceError::Trigger { code, message }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let text = text.strip_prefix("sha256=").unwrap_or(text);
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}
