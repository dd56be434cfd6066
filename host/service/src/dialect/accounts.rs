//! Who calls, in the public dialect: the account itself, and what it may do.

use branch::{Object, View};
use graphql::GraphqlError;
use model::permission::Decision;
use model::{ObjectId, Value};
use serde_json::{Value as Json, json};

use crate::ServiceError;
use crate::accounts::permissions_of;
use crate::dialect::{DialectHost, told};

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
