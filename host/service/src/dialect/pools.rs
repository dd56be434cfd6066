//! Pools in the public dialect: drawing, what is handed out, how full, what is next.

use branch::{
    AttrInput, Draft, Granted, IdentifiedBy, Input, Object, PeerInput, PoolRequest, View, Want,
};
use graphql::{GraphqlError, Host as _};
use model::{ObjectId, Value};
use serde_json::{Map, Value as Json, json};

use crate::dialect::{Arguments, DialectHost, page};
use crate::pools::share;

impl DialectHost<'_> {
    fn scratch(&self) -> Result<Draft, GraphqlError> {
        self.service.draft().map_err(super::told)
    }

    /// `..PoolGetResource`: a prefix or an address, under an identifier or anew.
    pub(super) fn pool_get_resource(
        &self,
        prefixes: bool,
        arguments: &Arguments<'_>,
    ) -> Result<Json, GraphqlError> {
        let data = arguments.data()?;
        let pool = match (data.text("id"), data.texts("hfid").as_slice()) {
            (Some(id), _) => id.to_owned(),
            (None, [only]) => only.clone(),
            _ => {
                let message = "`data` needs the `id` of a pool, or its name as `hfid`";
                return Err(GraphqlError::bad_request(message.to_owned()));
            }
        };
        let identifier = match data.text("identifier") {
            Some(identifier) => IdentifiedBy::Identifier(identifier.to_owned()),
            None => IdentifiedBy::Nothing,
        };
        let want = want(prefixes, &data)?;
        let request =
            PoolRequest { data: object(&data)?, ..PoolRequest::new(pool, identifier, want) };
        let mut node = Json::Null;
        self.change(arguments.account()?, &mut |draft| {
            let granted = draft.allocate(&request)?;
            draft.finish()?;
            node = allocated(draft.view(), &granted, data.text("identifier"))?;
            Ok(())
        })?;
        Ok(json!({"ok": true, "node": node}))
    }

    /// What a pool has handed out of one of its resources.
    pub(super) fn pool_allocated(&self, arguments: &Arguments<'_>) -> Result<Json, GraphqlError> {
        let mut draft = self.scratch()?;
        let (pool_id, resource_id) = (arguments.must("pool_id")?, arguments.must("resource_id")?);
        let pool = draft.find_pool(pool_id)?;
        let within = resource(&draft, &pool, resource_id)?.ok_or_else(|| {
            let message = format!(
                "The selected pool_id={pool_id} doesn't contain the requested resource_id={resource_id}"
            );
            GraphqlError::bad_request(message)
        })?;
        let mut nodes = Vec::new();
        for held in draft.pool_held(&pool, usize::MAX)? {
            if held.gone.is_some() || !within.holds(&held.value) {
                continue;
            }
            let kind = held.kind.unwrap_or_else(|| pool.kind().name.clone());
            nodes.push(json!({"node": {
                "id": held.object.unwrap_or(pool.id()).to_string(),
                "display_label": held.value.to_string(), "kind": kind, "branch": held.branch,
                "identifier": held.identifier.filter(|name| !name.starts_with('=')),
            }}));
        }
        let count = nodes.len();
        Ok(json!({"count": count, "edges": page(nodes, arguments)}))
    }

    /// How full a pool is, and each of its resources.
    pub(super) fn pool_utilization(&self, arguments: &Arguments<'_>) -> Result<Json, GraphqlError> {
        let mut draft = self.scratch()?;
        let pool = draft.find_pool(arguments.must("pool_id")?)?;
        let told = draft.pool_use(&pool)?;
        let mut edges = Vec::new();
        if pool.kind().name == "CoreNumberPool" {
            // Its numbers are one resource to the outside, however many ranges they are in, and the only
            // one: so its weight says nothing.
            let used = (told.used(), told.used_default(), told.total());
            let mut whole = edge(draft.view(), pool.id(), &told.name, used)?;
            whole["node"]["weight"] = json!(1);
            edges.push(whole);
        } else {
            for one in &told.resources {
                let used = (one.used, one.used_default, one.total);
                edges.push(edge(draft.view(), one.id, &one.label, used)?);
            }
        }
        let mut answer = Map::new();
        answer.insert("count".to_owned(), json!(edges.len()));
        answer.insert("edges".to_owned(), json!(edges));
        put_shares(&mut answer, (told.used(), told.used_default(), told.total()));
        Ok(Json::Object(answer))
    }

    /// The next free address or prefix in a prefix; nothing is taken.
    pub(super) fn next_available(
        &self,
        prefixes: bool,
        arguments: &Arguments<'_>,
    ) -> Result<Json, GraphqlError> {
        let mut draft = self.scratch()?;
        let id = arguments.must("prefix_id")?;
        let missing = || GraphqlError::not_found("BuiltinIPPrefix", id);
        let prefix = draft.object(id.parse().map_err(|_bad| missing())?)?.ok_or_else(missing)?;
        let Value::Net(_) = prefix.value("prefix") else { return Err(missing()) };
        let length = arguments.number("prefix_length").map(length).transpose()?;
        let pool = pool_over(&mut draft, prefixes, &prefix)?;
        let want = if prefixes {
            Want::Prefix { length, kind: None, member_type: None }
        } else {
            Want::Address { length, kind: None }
        };
        let request = PoolRequest::new(pool.to_string(), IdentifiedBy::Nothing, want);
        let next = draft.peek(&request)?.to_string();
        Ok(if prefixes { json!({"prefix": next}) } else { json!({"address": next}) })
    }
}

/// A pool over one prefix in a draft that is never committed.
fn pool_over(draft: &mut Draft, prefixes: bool, prefix: &Object) -> Result<ObjectId, GraphqlError> {
    let namespace = draft.one(prefix, "ip_namespace")?.map(|namespace| namespace.id());
    let mut input = Input::default()
        .attr("name", AttrInput::value(format!("next available in {}", prefix.id())))
        .rel("resources", vec![PeerInput::id(prefix.id())]);
    if let Some(namespace) = namespace {
        input = input.rel("ip_namespace", vec![PeerInput::id(namespace)]);
    }
    let (pool, field, kind) = if prefixes {
        ("CoreIPPrefixPool", "default_prefix_type", Some(prefix.kind().name.clone()))
    } else {
        let generic = draft.schema().kind("BuiltinIPAddress");
        let kind = generic.and_then(|generic| generic.used_by.first().cloned());
        ("CoreIPAddressPool", "default_address_type", kind)
    };
    let Some(kind) = kind else {
        let message = "the schema has no kind that inherits from `BuiltinIPAddress`";
        return Err(GraphqlError::bad_request(message.to_owned()));
    };
    Ok(draft.create(pool, None, input.attr(field, AttrInput::value(kind)))?)
}

fn want(prefixes: bool, data: &Arguments<'_>) -> Result<Want, GraphqlError> {
    let length = data.number("prefix_length").map(length).transpose()?;
    let text = |name: &str| data.text(name).map(str::to_owned);
    if !prefixes {
        // The published client names the kind of an address `prefix_type`.
        let kind = text("address_type").or_else(|| text("prefix_type"));
        return Ok(Want::Address { length, kind });
    }
    let member_type = text("member_type");
    if member_type.as_deref().is_some_and(|word| word != "prefix" && word != "address") {
        let message = "Invalid member_type value, allowed values are ['prefix', 'address']";
        return Err(GraphqlError::bad_request(message.to_owned()));
    }
    Ok(Want::Prefix { length, kind: text("prefix_type"), member_type })
}

fn length(number: usize) -> Result<u8, GraphqlError> {
    let wrong = || GraphqlError::bad_request(format!("{number} is not a prefix length"));
    u8::try_from(number).ok().filter(|length| *length <= 128).ok_or_else(wrong)
}

/// The free-form values of the object to make.
fn object(data: &Arguments<'_>) -> Result<std::collections::BTreeMap<String, Json>, GraphqlError> {
    match data.get("data") {
        None | Some(Json::Null) => Ok(std::collections::BTreeMap::new()),
        Some(Json::Object(map)) => Ok(map.clone().into_iter().collect()),
        Some(_) => {
            let message = "`data.data` must be an object of values by attribute";
            Err(GraphqlError::bad_request(message.to_owned()))
        }
    }
}

fn allocated(
    view: &View,
    granted: &Granted,
    identifier: Option<&str>,
) -> Result<Json, GraphqlError> {
    let object = granted.object.map(|id| view.object(id)).transpose()?.flatten();
    let Some(object) = object else { return Ok(Json::Null) };
    let label = match view.sees(object.kind()) {
        true => view.display_label(&object)?,
        false => object.id().to_string(),
    };
    Ok(json!({
        "id": object.id().to_string(), "kind": object.kind().name,
        "display_label": label, "branch": view.name_of(granted.branch)?,
        "identifier": identifier,
    }))
}

/// What is handed out of a resource: everything of a number pool, what lies in a prefix.
enum Within {
    Everything,
    Prefix(Value),
}

impl Within {
    fn holds(&self, value: &Value) -> bool {
        let Self::Prefix(Value::Net(net)) = self else { return matches!(self, Self::Everything) };
        match value {
            Value::Net(inner) => net.contains(inner),
            Value::Host(host) => net.contains(&host.address),
            Value::Address(address) => net.contains(address),
            _ => false,
        }
    }
}

fn resource(draft: &Draft, pool: &Object, id: &str) -> Result<Option<Within>, GraphqlError> {
    let Ok(id) = id.parse::<ObjectId>() else { return Ok(None) };
    if pool.kind().name == "CoreNumberPool" {
        return Ok((id == pool.id()).then_some(Within::Everything));
    }
    let Some(rel) = pool.kind().relationship("resources") else { return Ok(None) };
    if draft.peer(pool.id(), rel, id)?.is_none() {
        return Ok(None);
    }
    Ok(draft.object(id)?.map(|prefix| Within::Prefix(prefix.value("prefix"))))
}

/// What is taken, what of that by the default branch, and what there is.
type Used = (u128, u128, u128);

fn edge(view: &View, id: ObjectId, label: &str, used: Used) -> Result<Json, GraphqlError> {
    let kind = view.kind_of(id)?.map(|kind| kind.name.clone()).unwrap_or_default();
    // What a 64-bit number cannot carry is told by the largest that can.
    let weight = i64::try_from(used.2).unwrap_or(i64::MAX);
    let mut node = Map::new();
    node.insert("id".to_owned(), json!(id.to_string()));
    node.insert("display_label".to_owned(), json!(label));
    node.insert("kind".to_owned(), json!(kind));
    node.insert("weight".to_owned(), json!(weight));
    put_shares(&mut node, used);
    Ok(json!({"node": node}))
}

/// The shares of a space: all branches together, the default one, the others.
fn put_shares(node: &mut Map<String, Json>, (used, own, total): Used) {
    let others = used - own.min(used);
    node.insert("utilization".to_owned(), json!(share(used, total)));
    node.insert("utilization_branches".to_owned(), json!(share(others, total)));
    node.insert("utilization_default_branch".to_owned(), json!(share(own, total)));
}
