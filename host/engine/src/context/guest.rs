//! The boundary's trait over the context: nothing but passing on.

use model::Value;
use sandbox::GuestHost;
use sandbox::api::{
    Code, Draft, Field, Grant, GuestError, Link, LogLevel, PoolRequest, RunInfo, Saved, Scalar,
    Target,
};

use crate::context::{RunContext, error, field, fields_of};

impl GuestHost for RunContext {
    fn current(&mut self) -> RunInfo {
        self.info.clone()
    }

    fn parameters(&mut self) -> Vec<Field> {
        fields_of(&self.variables)
    }

    fn log(&mut self, level: LogLevel, message: &str, fields: Vec<(String, String)>) {
        self.note(level, message, fields);
    }

    fn panicked(&mut self, message: &str, location: &str) {
        self.note(LogLevel::Error, &format!("panicked at {location}: {message}"), Vec::new());
    }

    fn create(&mut self, draft: Draft) -> Result<Saved, GuestError> {
        self.whole(|context| Self::create(context, draft))
    }

    fn create_many(&mut self, drafts: Vec<Draft>) -> Result<Vec<Saved>, (u32, GuestError)> {
        self.whole(|context| {
            let mut all = Vec::with_capacity(drafts.len());
            for (number, draft) in drafts.into_iter().enumerate() {
                let saved = Self::create(context, draft);
                all.push(saved.map_err(|bad| (u32::try_from(number).unwrap_or(u32::MAX), bad))?);
            }
            Ok(all)
        })
    }

    fn set(
        &mut self,
        of: Target,
        fields: Vec<Field>,
        links: Vec<Link>,
    ) -> Result<Saved, GuestError> {
        self.whole(|context| Self::set(context, &of, fields, &links))
    }

    fn keep(&mut self, key: &str) -> Result<String, GuestError> {
        Self::keep(self, key).map(|id| id.to_string())
    }

    fn find(&mut self, what: Target) -> Result<String, GuestError> {
        self.id_of(&what).map(|id| id.to_string())
    }

    fn read(&mut self, what: Target, names: Vec<String>) -> Result<Vec<Field>, GuestError> {
        let id = self.id_of(&what)?;
        let draft = &self.draft;
        let object = match draft.observing(|| draft.must_exist(id)) {
            Ok(object) => object,
            Err(failure) => return Err(self.told(failure)),
        };
        let kind = object.kind();
        if let Some(unknown) = names.iter().find(|name| kind.attribute(name).is_none()) {
            let message = format!("`{}` has no attribute `{unknown}`", kind.name);
            return Err(error(Code::SchemaMismatch, "unknown-field", message));
        }
        Ok(kind
            .attributes
            .iter()
            .filter(|attribute| names.is_empty() || names.contains(&attribute.name))
            .map(|attribute| match attribute.kind.is_secret() {
                true => field(&attribute.name, &Value::Null),
                false => field(&attribute.name, &object.value(&attribute.name)),
            })
            .collect())
    }

    fn peers(&mut self, what: Target, relationship: &str) -> Result<Vec<String>, GuestError> {
        let id = self.id_of(&what)?;
        let draft = &self.draft;
        let object = match draft.observing(|| draft.must_exist(id)) {
            Ok(object) => object,
            Err(failure) => return Err(self.told(failure)),
        };
        let Some(rel) = object.kind().relationship(relationship) else {
            let message = format!("`{}` has no relationship `{relationship}`", object.kind().name);
            return Err(error(Code::SchemaMismatch, "unknown-field", message));
        };
        let draft = &self.draft;
        let peers = draft.observing(|| draft.peers(id, rel));
        let peers = peers.map_err(|failure| self.told(failure))?;
        Ok(peers.into_iter().map(|edge| edge.peer.to_string()).collect())
    }

    fn document(&mut self, text: &str, variables: &str) -> Result<String, GuestError> {
        let variables = if variables.trim().is_empty() { "{}" } else { variables };
        let variables = serde_json::from_str(variables).map_err(|bad| {
            error(
                Code::InvalidArgument,
                "bad-json",
                format!("the variables must be a JSON object: {bad}"),
            )
        })?;
        self.answer(text, variables)
    }

    fn allocate(&mut self, request: PoolRequest) -> Result<Grant, GuestError> {
        self.whole(|context| Self::allocate(context, &request))
    }

    fn peek(&mut self, request: PoolRequest) -> Result<Scalar, GuestError> {
        Self::peek(self, &request)
    }
}
