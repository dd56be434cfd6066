//! Who calls, in the public dialect: the account itself, and what it may do.

use branch::{Draft, Input, Object, View};
use graphql::GraphqlError;
use model::permission::{Decision, Permissions};
use model::{ObjectId, Timestamp, Value};
use serde_json::{Value as Json, json};

use crate::accounts::permissions_of;
use crate::dialect::{Arguments, DialectHost, page, told};
use crate::{Caller, ServiceError, TokenView};

impl DialectHost<'_> {
    /// `AccountProfile`: the account whose credentials came with the request.
    pub(super) fn profile(&self) -> Result<ObjectId, GraphqlError> {
        let nobody = || {
            told(ServiceError::Unauthenticated {
                code: "AUTHENTICATION_REQUIRED",
                message: "Authentication is required to do this: only an account has a profile; send an API token or log in".to_owned(),
            })
        };
        self.service.caller.account.ok_or_else(nobody)
    }

    /// `InfrahubPermissions`: what the account may do by the roles of its groups.
    pub(super) fn permissions(&self) -> Result<Json, GraphqlError> {
        let account = self.profile()?;
        let view = self.service.database.view(model::BranchId::MAIN)?;
        let account = view.object(account)?;
        let all = account.map(|account| permissions_of(&view, &account)).transpose()?;
        let (mut global, mut object) = (Vec::new(), Vec::new());
        for permission in all.unwrap_or_default() {
            let node = json!({"node": node(&view, &permission)?});
            let is_global = permission.kind().name == "CoreGlobalPermission";
            if is_global { global.push(node) } else { object.push(node) }
        }
        let edges = |edges: Vec<Json>| json!({"count": edges.len(), "edges": edges});
        Ok(json!({"global_permissions": edges(global), "object_permissions": edges(object)}))
    }
}

impl DialectHost<'_> {
    /// `InfrahubAccountToken`: the tokens of the account that asks.
    pub(super) fn tokens(&self, arguments: &Arguments<'_>) -> Result<Json, GraphqlError> {
        self.profile()?;
        let own = &self.service.caller.name;
        let all = self.service.tokens().map_err(told)?;
        let node = |token: &TokenView| {
            json!({"node": {
                "id": token.id.to_string(), "name": token.name,
                "expiration": token.expires.map(|at| at.to_string()),
            }})
        };
        let edges: Vec<Json> = all.iter().filter(|token| token.account == *own).map(node).collect();
        Ok(json!({"count": edges.len(), "edges": page(edges, arguments)}))
    }

    /// `InfrahubAccountTokenCreate`: a token for the account that asks.
    pub(super) fn token_create(&self, arguments: &Arguments<'_>) -> Result<Json, GraphqlError> {
        self.profile()?;
        let data = arguments.data()?;
        let moment = |text: &str| {
            text.parse::<Timestamp>().map_err(|bad| {
                GraphqlError::bad_request(format!("`data.expiration`: `{text}` is {bad}"))
            })
        };
        let expires = data.text("expiration").map(moment).transpose()?;
        let name = data.text("name").unwrap_or_default();
        let caller = &self.service.caller.name;
        let made = self.service.token_create(caller, name, expires, self.random()?);
        let (id, text) = made.map_err(told)?;
        Ok(json!({"ok": true, "object": {"id": id.to_string(), "token": {"value": text}}}))
    }

    /// `InfrahubAccountTokenDelete`.
    pub(super) fn token_delete(&self, arguments: &Arguments<'_>) -> Result<Json, GraphqlError> {
        let data = arguments.data()?;
        let id = data.must("id")?;
        let none = |_bad| GraphqlError::not_found("InfrahubAccountToken", id);
        self.service.token_delete(id.parse().map_err(none)?).map_err(told)?;
        Ok(json!({"ok": true}))
    }

    /// `InfrahubAccountSelfUpdate`: password and description of the account that asks, which needs no
    /// permission for this.
    pub(super) fn self_update(&self, arguments: &Arguments<'_>) -> Result<Json, GraphqlError> {
        let account = self.profile()?;
        let data = arguments.data()?;
        let mut given = Input::default();
        for name in ["password", "description"] {
            if let Some(text) = data.text(name) {
                given = given.json(name, json!(text));
            }
        }
        let caller = Caller::clone(&self.service.caller);
        let own = self.service.called_by(Caller { permissions: Permissions::all(), ..caller });
        let change = |draft: &mut Draft| Ok(draft.update(account, given.clone()).map(drop)?);
        own.change(change).map_err(told)?;
        Ok(json!({"ok": true}))
    }
}

fn node(view: &View, permission: &Object) -> Result<Json, GraphqlError> {
    let text = |name: &str| permission.value(name).as_text().unwrap_or_default().to_owned();
    let decision = match permission.value("decision") {
        Value::Int(number) => Decision::from_number(number).map_or("deny", Decision::word),
        _ => "deny",
    };
    // A global permission is named by its action.
    let name = text("name");
    Ok(json!({
        "id": permission.id().to_string(), "display_label": view.display_label(permission)?,
        "description": permission.value("description").as_text(),
        "namespace": text("namespace"),
        "name": if name.is_empty() { text("action") } else { name },
        "action": text("action"), "decision": decision, "identifier": text("identifier"),
    }))
}
