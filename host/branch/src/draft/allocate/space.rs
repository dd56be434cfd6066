//! The free space of a pool as a draft sees it, and choosing from it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use model::ip::{self, Family};
use model::{Interface, ObjectId, Value};
use pools::FreeSet;
use serde_json::Value as Json;

use crate::draft::allocate::reserve::place;
use crate::draft::allocate::{Granted, PoolRequest, Want, refused};
use crate::draft::{AttrInput, Draft, Input, PeerInput};
use crate::error::BranchError;
use crate::object::Object;

/// Free sets by pool and resource, built when first asked and kept for the draft's life.
#[derive(Debug, Default)]
pub(in crate::draft) struct PoolSpaces {
    pub(super) spaces: BTreeMap<(ObjectId, ObjectId), FreeSet>,
}

impl PoolSpaces {
    /// Something of a pool is free again: what is known of its space is found out anew.
    pub(super) fn forget(&mut self, pool: ObjectId) {
        self.spaces.retain(|(of, _), _| *of != pool);
    }
}

/// A resource of an IP pool.
#[derive(Debug, Clone)]
pub(super) struct Resource {
    pub(super) id: ObjectId,
    pub(super) net: IpNet,
    pub(super) weight: i64,
    pub(super) is_pool: bool,
}

impl Draft {
    pub(super) fn space(&mut self, pool: ObjectId, resource: ObjectId) -> Option<&mut FreeSet> {
        self.leases.spaces.spaces.get_mut(&(pool, resource))
    }

    pub(super) fn allocate_prefix(
        &mut self,
        pool: &Object,
        request: &PoolRequest,
    ) -> Result<Granted, BranchError> {
        let Want::Prefix { length, kind, member_type } = &request.want else {
            return Err(refused("wrong-pool", "a prefix pool gives prefixes".to_owned()));
        };
        let default = pool.value("default_prefix_length").as_int();
        let length = length.or_else(|| default.and_then(|length| u8::try_from(length).ok()));
        let asked = match &request.value {
            Some(Value::Net(net)) => Some(net.prefix_len()),
            _ => None,
        };
        let Some(length) = asked.or(length) else {
            let name = self.label_of(pool)?;
            return Err(refused(
                "length-missing",
                format!("IPPrefixPool: {name} | A prefixlen or a default_value must be provided"),
            ));
        };
        let kind = self.made_kind(pool, kind.as_ref(), "default_prefix_type", "IpamPrefix")?;
        let member = member_of(pool, member_type.as_ref())?;
        for resource in self.resources(pool)? {
            let bits = Family::of(resource.net.addr()).bits();
            if length < resource.net.prefix_len() || length > bits {
                continue;
            }
            self.ready_prefixes(pool, &resource)?;
            let found = match &request.value {
                None => self.lowest_prefix(pool.id(), &resource, length),
                Some(asked) => self.asked_prefix(pool, &resource, asked)?,
            };
            let Some(net) = found else { continue };
            if net == resource.net {
                // The whole of it is the parent itself: there is no second one to make.
                self.reserve(pool.id(), request, &Value::Net(net), Some(resource.id))?;
                return Ok(Granted {
                    pool: pool.id(),
                    value: Value::Net(net),
                    object: Some(resource.id),
                    reused: false,
                    is_parent: true,
                });
            }
            let mut input = Input::default()
                .attr("prefix", drawn(Value::Net(net), pool.id()))
                .attr("member_type", AttrInput::value(member.as_str()));
            input = self.with_data(input, request, pool)?;
            let object = self.create(&kind, request.object, input)?;
            self.reserve(pool.id(), request, &Value::Net(net), Some(object))?;
            return Ok(Granted {
                pool: pool.id(),
                value: Value::Net(net),
                object: Some(object),
                is_parent: false,
                reused: false,
            });
        }
        if let Some(asked) = &request.value {
            return Err(self.outside(pool, asked)?);
        }
        Err(refused(
            "pool-exhausted",
            format!(
                "No more resources available: `{}` has no free /{length}; add a parent prefix, \
                 ask for a longer one or release some",
                self.label_of(pool)?
            ),
        ))
    }

    fn lowest_prefix(&mut self, pool: ObjectId, resource: &Resource, length: u8) -> Option<IpNet> {
        let family = Family::of(resource.net.addr());
        loop {
            let height = family.bits() - length;
            let free = self.space(pool, resource.id)?;
            let start = free.lowest(height)?;
            let net = IpNet::new(family.address(start)?, length).ok()?;
            free.take(start, ip::number(net.broadcast()));
            let place = place(&Value::Net(net))?;
            if self.leases.take(pool, place) {
                return Some(net);
            }
        }
    }

    /// One prefix and no other, if it lies in the resource.
    fn asked_prefix(
        &mut self,
        pool: &Object,
        resource: &Resource,
        asked: &Value,
    ) -> Result<Option<IpNet>, BranchError> {
        let Value::Net(net) = asked else { return Ok(None) };
        if !resource.net.contains(net) {
            return Ok(None);
        }
        let (first, last) = ends(*net);
        let place = place(asked).unwrap_or_default();
        self.ask(pool, resource, (first, last), place, asked)?;
        Ok(Some(*net))
    }

    /// One address and no other, if it lies in the resource.
    fn asked_address(
        &mut self,
        pool: &Object,
        resource: &Resource,
        asked: &Value,
    ) -> Result<Option<IpAddr>, BranchError> {
        let address = match asked {
            Value::Host(host) => host.address,
            Value::Address(address) => *address,
            _ => return Ok(None),
        };
        if !resource.net.contains(&address) {
            return Ok(None);
        }
        let number = ip::number(address);
        let place = place(asked).unwrap_or_default();
        self.ask(pool, resource, (number, number), place, asked)?;
        Ok(Some(address))
    }

    fn ask(
        &mut self,
        pool: &Object,
        resource: &Resource,
        (first, last): (u128, u128),
        place: u128,
        asked: &Value,
    ) -> Result<(), BranchError> {
        let free = self.space(pool.id(), resource.id).is_some_and(|free| {
            let free_now = free.is_free_range(first, last);
            free.take(first, last);
            free_now
        });
        if free && self.leases.take(pool.id(), place) {
            return Ok(());
        }
        let holder = self.holder_within(resource, first, last)?;
        let holder =
            holder.unwrap_or_else(|| "it is not for hosts, or a run in flight has it".to_owned());
        let label = self.label_of(pool)?;
        let message = format!("`{label}` | {asked} is taken: {holder}; ask for another");
        Err(refused("value-taken", message))
    }

    /// Who has something between two numbers of a resource, for people.
    fn holder_within(
        &self,
        resource: &Resource,
        first: u128,
        last: u128,
    ) -> Result<Option<String>, BranchError> {
        for (id, kind) in self.ip_objects_within(resource.net)? {
            let Some(object) = self.view.object_of(&kind, id)? else { continue };
            let (low, high) = match (object.value("prefix"), object.value("address")) {
                (Value::Net(net), _) if id != resource.id => ends(net),
                (_, Value::Host(host)) => (ip::number(host.address), ip::number(host.address)),
                (_, Value::Address(address)) => (ip::number(address), ip::number(address)),
                _ => continue,
            };
            if low <= last && high >= first {
                return Ok(Some(format!("{} {} has it", kind.name, self.label_of(&object)?)));
            }
        }
        Ok(None)
    }

    fn outside(&self, pool: &Object, asked: &Value) -> Result<BranchError, BranchError> {
        let resources = self.resources(pool)?;
        let told: Vec<String> = resources.iter().map(|one| one.net.to_string()).collect();
        let label = self.label_of(pool)?;
        let message = format!(
            "`{label}` | {asked} is not in the pool, which has {}; ask for something in these",
            told.join(", ")
        );
        Ok(refused("outside-pool", message))
    }

    /// What is free within a resource for prefixes: everything no other prefix of the namespace
    /// has, whoever made it.
    pub(super) fn ready_prefixes(
        &mut self,
        pool: &Object,
        resource: &Resource,
    ) -> Result<(), BranchError> {
        if self.leases.spaces.spaces.contains_key(&(pool.id(), resource.id)) {
            return Ok(());
        }
        let (first, last) = ends(resource.net);
        let mut free = FreeSet::new([(first, last)]);
        if self.holds_object(pool.id(), &Value::Net(resource.net), resource.id)? {
            free.take(first, last);
        }
        let namespace = match self.view.object(resource.id)? {
            Some(parent) => self.namespace_of(&parent)?,
            None => None,
        };
        for (id, kind) in self.ip_objects_within(resource.net)? {
            if id == resource.id {
                continue;
            }
            let Some(object) = self.view.object_of(&kind, id)? else { continue };
            let Value::Net(net) = object.value("prefix") else { continue };
            let wider = net.prefix_len() < resource.net.prefix_len();
            if !wider && self.namespace_of(&object)? == namespace {
                let (low, high) = ends(net);
                free.take(low, high);
            }
        }
        self.leases.spaces.spaces.insert((pool.id(), resource.id), free);
        Ok(())
    }

    pub(super) fn allocate_address(
        &mut self,
        pool: &Object,
        request: &PoolRequest,
    ) -> Result<Granted, BranchError> {
        let Want::Address { length, kind } = &request.want else {
            return Err(refused("wrong-pool", "an address pool gives addresses".to_owned()));
        };
        let kind = self.made_kind(pool, kind.as_ref(), "default_address_type", "IpamIPAddress")?;
        let default = pool.value("default_prefix_length").as_int();
        let wanted = length.or_else(|| default.and_then(|length| u8::try_from(length).ok()));
        for resource in self.resources(pool)? {
            let parent = resource.net.prefix_len();
            let bits = Family::of(resource.net.addr()).bits();
            let length = wanted.unwrap_or(parent);
            if length < parent || length > bits {
                return Err(refused(
                    "bad-length",
                    format!(
                        "Invalid prefix length for current selected prefix: /{length} is not \
                         within /{parent} to /{bits} of {}",
                        resource.net
                    ),
                ));
            }
            self.ready_addresses(pool, &resource)?;
            let found = match &request.value {
                None => self.lowest_address(pool.id(), &resource),
                Some(asked) => self.asked_address(pool, &resource, asked)?,
            };
            let Some(address) = found else { continue };
            let Some(interface) = Interface::new(address, length) else { continue };
            let value = Value::Host(interface);
            let mut input = Input::default().attr("address", drawn(value.clone(), pool.id()));
            input = self.with_data(input, request, pool)?;
            let object = self.create(&kind, request.object, input)?;
            self.reserve(pool.id(), request, &value, Some(object))?;
            return Ok(Granted {
                pool: pool.id(),
                value,
                object: Some(object),
                is_parent: false,
                reused: false,
            });
        }
        if let Some(asked) = &request.value {
            return Err(self.outside(pool, asked)?);
        }
        Err(refused(
            "pool-exhausted",
            format!(
                "There are no more addresses available in this pool: `{}`; add a parent prefix or \
                 release some",
                self.label_of(pool)?
            ),
        ))
    }

    fn lowest_address(&mut self, pool: ObjectId, resource: &Resource) -> Option<IpAddr> {
        let family = Family::of(resource.net.addr());
        loop {
            let free = self.space(pool, resource.id)?;
            let number = free.lowest(0)?;
            free.take(number, number);
            let address = family.address(number)?;
            let place = place(&Value::Address(address))?;
            if self.leases.take(pool, place) {
                return Some(address);
            }
        }
    }

    /// What is free within a resource for addresses: its hosts without those of the namespace.
    pub(super) fn ready_addresses(
        &mut self,
        pool: &Object,
        resource: &Resource,
    ) -> Result<(), BranchError> {
        if self.leases.spaces.spaces.contains_key(&(pool.id(), resource.id)) {
            return Ok(());
        }
        let mut free = match pools::address::usable(resource.net, resource.is_pool) {
            Some((first, last)) => FreeSet::new([(first, last)]),
            None => FreeSet::new([]),
        };
        let namespace = match self.view.object(resource.id)? {
            Some(parent) => self.namespace_of(&parent)?,
            None => None,
        };
        for (id, kind) in self.ip_objects_within(resource.net)? {
            let Some(object) = self.view.object_of(&kind, id)? else { continue };
            let address = match object.value("address") {
                Value::Host(host) => host.address,
                Value::Address(address) => address,
                _ => continue,
            };
            if self.namespace_of(&object)? == namespace {
                let number = ip::number(address);
                free.take(number, number);
            }
        }
        self.leases.spaces.spaces.insert((pool.id(), resource.id), free);
        Ok(())
    }

    /// The prefixes a pool draws from: heaviest first, then by address. A prefix serves as a pool
    /// of its own.
    pub(super) fn resources(&self, pool: &Object) -> Result<Vec<Resource>, BranchError> {
        let mut ids = vec![pool.id()];
        if let Some(rel) = pool.kind().relationship("resources") {
            ids = self.view.peers(pool.id(), rel)?.iter().map(|edge| edge.peer).collect();
        }
        let mut resources = Vec::new();
        for id in ids {
            let Some(object) = self.view.object(id)? else { continue };
            let Value::Net(net) = object.value("prefix") else { continue };
            resources.push(Resource {
                id,
                net,
                weight: object.value("allocation_weight").as_int().unwrap_or(0),
                is_pool: object.value("is_pool") == Value::Bool(true),
            });
        }
        resources.sort_by_key(|resource| {
            (-i128::from(resource.weight), resource.net.addr(), resource.net.prefix_len())
        });
        Ok(resources)
    }

    fn made_kind(
        &self,
        pool: &Object,
        asked: Option<&String>,
        default: &str,
        usual: &str,
    ) -> Result<String, BranchError> {
        let default = pool.value(default).as_text().map(str::to_owned);
        let kind = asked.cloned().or(default).unwrap_or_else(|| usual.to_owned());
        if self.view.schema().kind(&kind).is_none() {
            return Err(refused("unknown-kind", format!("'{kind}' is not a valid kind")));
        }
        Ok(kind)
    }

    /// The namespace of the pool, or of the prefix that serves as one, and the caller's values.
    fn with_data(
        &self,
        mut input: Input,
        request: &PoolRequest,
        pool: &Object,
    ) -> Result<Input, BranchError> {
        if let Some(namespace) = self.namespace_of(pool)? {
            input = input.rel("ip_namespace", vec![PeerInput::id(namespace)]);
        }
        for (name, value) in &request.data {
            let is_length = name == "prefixlen" || name == "prefix_length";
            if !is_length && !value.is_null() && !matches!(value, Json::Object(_)) {
                input = input.json(name, value.clone());
            }
        }
        Ok(input)
    }
}

/// What lies within the prefixes a pool makes.
fn member_of(pool: &Object, asked: Option<&String>) -> Result<String, BranchError> {
    let default = || pool.value("default_member_type").as_text().map(str::to_owned);
    let member = asked.cloned().or_else(default).unwrap_or_else(|| "prefix".to_owned());
    if member == "prefix" || member == "address" {
        return Ok(member);
    }
    let message = "Invalid member_type value, allowed values are ['prefix', 'address']";
    Err(refused("bad-member-type", message.to_owned()))
}

fn drawn(value: Value, pool: ObjectId) -> AttrInput {
    AttrInput { source: Some(Some(pool)), ..AttrInput::by_host(value) }
}

/// The first and last number of a prefix.
fn ends(net: IpNet) -> (u128, u128) {
    (ip::number(net.network()), ip::number(net.broadcast()))
}
