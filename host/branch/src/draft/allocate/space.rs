//! Prefixes and addresses: choosing from what is free, and making the object.

use std::net::IpAddr;

use ipnet::IpNet;
use model::ip::Family;
use model::{Interface, ObjectId, Value};
use serde_json::Value as Json;

use crate::draft::allocate::leased::Also;
use crate::draft::allocate::pick::Strategy;
use crate::draft::allocate::scope::Desk;
use crate::draft::allocate::shelf::{Shelf, Stretch};
use crate::draft::allocate::{Granted, PoolRequest, Want, refused, reserve};
use crate::draft::{AttrInput, Draft, Input, PeerInput};
use crate::error::BranchError;
use crate::object::Object;

/// A resource of an IP pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resource {
    pub(super) id: ObjectId,
    pub(super) net: IpNet,
    pub(super) weight: i64,
    pub(super) is_pool: bool,
}

impl Draft {
    pub(super) fn allocate_prefix(
        &mut self,
        desk: &Desk,
        request: &PoolRequest,
        also: Also,
    ) -> Result<Granted, BranchError> {
        let Want::Prefix { length, kind, member_type } = &request.want else {
            return Err(refused("wrong-pool", "a prefix pool gives prefixes".to_owned()));
        };
        let pool = &desk.pool;
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
        // Both are checked before anything is chosen.
        self.made_kind(pool, kind.as_ref(), "default_prefix_type", "IpamPrefix")?;
        member_of(pool, member_type.as_ref())?;
        let found = match &request.value {
            Some(asked) => Some(self.ask(desk, also, asked)?),
            None => {
                let strategy = Strategy::of(pool, request);
                self.at_desk(desk, also, |book| {
                    let chosen = book.choose(strategy, |shelf| height_on(shelf, length));
                    let found = chosen.and_then(|(at, stretch)| {
                        let resource = book.shelves.get(at)?.net()?.clone();
                        let family = Family::of(resource.net.addr());
                        let net = IpNet::new(family.address(stretch.low)?, length).ok()?;
                        Some((resource, Value::Net(net), stretch))
                    });
                    let leases = found.iter().map(|(_, _, stretch)| *stretch).collect();
                    Ok((found.map(|(resource, value, _)| (resource, value)), leases))
                })?
            }
        };
        let Some((resource, value)) = found else {
            return Err(self.no_prefix_left(desk, length)?);
        };
        self.go_on(desk, &value)?;
        if request.set_aside {
            self.reserve(desk, request, &value, None)?;
            return Ok(Granted::new(desk, value, self.view.branch));
        }
        if value == Value::Net(resource.net) {
            // The whole of it is the parent itself: there is no second one to make.
            self.reserve(desk, request, &value, Some(resource.id))?;
            let object = Some(resource.id);
            return Ok(Granted {
                object,
                is_parent: true,
                ..Granted::new(desk, value, self.view.branch)
            });
        }
        let object = self.make_prefix(desk, request, &value)?;
        self.reserve(desk, request, &value, Some(object))?;
        Ok(Granted { object: Some(object), ..Granted::new(desk, value, self.view.branch) })
    }

    /// The object of a prefix that a pool gives.
    pub(super) fn make_prefix(
        &mut self,
        desk: &Desk,
        request: &PoolRequest,
        value: &Value,
    ) -> Result<ObjectId, BranchError> {
        let Want::Prefix { kind, member_type, .. } = &request.want else {
            return Err(refused("wrong-pool", "a prefix pool gives prefixes".to_owned()));
        };
        let pool = &desk.pool;
        let kind = self.made_kind(pool, kind.as_ref(), "default_prefix_type", "IpamPrefix")?;
        let member = member_of(pool, member_type.as_ref())?;
        let mut input = Input::default()
            .attr("prefix", drawn(value.clone(), pool.id()))
            .attr("member_type", AttrInput::value(member.as_str()));
        input = self.with_data(input, request, pool)?;
        self.view.note_space(value)?;
        self.create(&kind, request.object, input)
    }

    /// Remembers the last value, where the pool goes on from there.
    fn go_on(&mut self, desk: &Desk, value: &Value) -> Result<(), BranchError> {
        match Stretch::of(value) {
            Some(stretch) if self.goes_on(desk) => self.note_last(desk.id, stretch.high),
            _ => Ok(()),
        }
    }

    fn no_prefix_left(&mut self, desk: &Desk, length: u8) -> Result<BranchError, BranchError> {
        let tried = self.at_desk(desk, Also::default(), |book| {
            let tried = book.shelves.iter().filter_map(|shelf| {
                let resource = shelf.net()?;
                let bits = Family::of(resource.net.addr()).bits();
                let why = if length < resource.net.prefix_len() {
                    "is longer than that".to_owned()
                } else if length > bits {
                    "is of a family with shorter addresses".to_owned()
                } else {
                    match shelf.free.largest().and_then(|height| bits.checked_sub(height)) {
                        Some(largest) => format!("has at most a /{largest} free"),
                        None => "is full".to_owned(),
                    }
                };
                Some(format!("{} {why}", resource.net))
            });
            Ok((tried.collect::<Vec<_>>().join(", "), Vec::new()))
        })?;
        Ok(refused(
            "pool-exhausted",
            format!(
                "No more resources available: `{}` has no free /{length}: {tried}; add a parent prefix, \
                 ask for a longer one or release some",
                self.label_of(&desk.pool)?
            ),
        ))
    }

    /// One value and no other; the resource it lies in.
    fn ask(
        &mut self,
        desk: &Desk,
        also: Also,
        asked: &Value,
    ) -> Result<(Resource, Value), BranchError> {
        let pool = &desk.pool;
        let fits = match pool.kind().name.as_str() {
            "CoreIPPrefixPool" => matches!(asked, Value::Net(_)),
            _ => matches!(asked, Value::Host(_) | Value::Address(_)),
        };
        let Some(stretch) = Stretch::of(asked).filter(|_| fits) else {
            let label = self.label_of(pool)?;
            let message = format!("`{label}` | {asked} is not what a `{}` gives", pool.kind().name);
            return Err(refused("bad-value", message));
        };
        let found = self.at_desk(desk, also, |book| {
            let within = book.shelves.iter().find(|shelf| {
                shelf.net().is_some_and(|one| Stretch::net(one.net).contains(stretch))
            });
            let free = within.is_some_and(|shelf| shelf.is_free(stretch));
            let resource = within.and_then(Shelf::net).cloned();
            Ok((resource.map(|one| (one, free)), if free { vec![stretch] } else { Vec::new() }))
        })?;
        match found {
            Some((resource, true)) => Ok((resource, asked.clone())),
            Some((resource, false)) => {
                let holder = match self.holder_within(&resource, stretch)? {
                    Some(holder) => holder,
                    None => reserve::place(asked)
                        .map(|place| self.view.named_at(desk.id, place))
                        .transpose()?
                        .flatten()
                        .map_or_else(
                            || "it is not for hosts, or a run in flight has it".to_owned(),
                            |(name, kept)| kept.told(&name),
                        ),
                };
                let label = self.label_of(pool)?;
                let message = format!("`{label}` | {asked} is taken: {holder}; ask for another");
                Err(refused("value-taken", message))
            }
            None => Err(self.outside(pool, asked)?),
        }
    }

    /// Who has something between two numbers of a resource, for people.
    fn holder_within(
        &self,
        resource: &Resource,
        wanted: Stretch,
    ) -> Result<Option<String>, BranchError> {
        for (id, kind) in self.view.ip_objects_within(resource.net)? {
            let Some(object) = self.view.object_of(&kind, id)? else { continue };
            let value = match object.value("prefix") {
                Value::Null => object.value("address"),
                _ if id == resource.id => continue,
                prefix => prefix,
            };
            if Stretch::of(&value).is_some_and(|taken| taken.clip(wanted).is_some()) {
                return Ok(Some(format!("{} {} has it", kind.name, self.label_of(&object)?)));
            }
        }
        Ok(None)
    }

    fn outside(&self, pool: &Object, asked: &Value) -> Result<BranchError, BranchError> {
        let label = self.label_of(pool)?;
        let message = format!(
            "`{label}` | {asked} is not in the pool, which has {}; ask for something in these",
            self.told_parents(pool)?
        );
        Ok(refused("outside-pool", message))
    }

    pub(super) fn allocate_address(
        &mut self,
        desk: &Desk,
        request: &PoolRequest,
        also: Also,
    ) -> Result<Granted, BranchError> {
        let Want::Address { length, kind } = &request.want else {
            return Err(refused("wrong-pool", "an address pool gives addresses".to_owned()));
        };
        let pool = &desk.pool;
        self.made_kind(pool, kind.as_ref(), "default_address_type", "IpamIPAddress")?;
        let default = pool.value("default_prefix_length").as_int();
        let wanted = length.or_else(|| default.and_then(|length| u8::try_from(length).ok()));
        let found = match &request.value {
            Some(asked) => {
                let (resource, asked) = self.ask(desk, also, asked)?;
                let address = match asked {
                    Value::Host(host) => Some(host.address),
                    Value::Address(address) => Some(address),
                    _ => None,
                };
                address.map(|address| (resource, address))
            }
            None => self.next_address(desk, request, also, wanted)?,
        };
        let Some((resource, address)) = found else {
            return Err(refused(
                "pool-exhausted",
                format!(
                    "There are no more addresses available in this pool: `{}`, which has {}; add a \
                     parent prefix or release some",
                    self.label_of(pool)?,
                    self.told_parents(pool)?,
                ),
            ));
        };
        let length = wanted.unwrap_or(resource.net.prefix_len());
        let fits = length >= resource.net.prefix_len();
        let interface = Interface::new(address, length).filter(|_| fits);
        let Some(interface) = interface else { return Err(bad_length(&resource, length)) };
        let value = Value::Host(interface);
        self.go_on(desk, &value)?;
        if request.set_aside {
            self.reserve(desk, request, &value, None)?;
            return Ok(Granted::new(desk, value, self.view.branch));
        }
        let object = self.make_address(desk, request, &value)?;
        self.reserve(desk, request, &value, Some(object))?;
        Ok(Granted { object: Some(object), ..Granted::new(desk, value, self.view.branch) })
    }

    /// The object of an address that a pool gives.
    pub(super) fn make_address(
        &mut self,
        desk: &Desk,
        request: &PoolRequest,
        value: &Value,
    ) -> Result<ObjectId, BranchError> {
        let Want::Address { kind, .. } = &request.want else {
            return Err(refused("wrong-pool", "an address pool gives addresses".to_owned()));
        };
        let pool = &desk.pool;
        let kind = self.made_kind(pool, kind.as_ref(), "default_address_type", "IpamIPAddress")?;
        let mut input = Input::default().attr("address", drawn(value.clone(), pool.id()));
        input = self.with_data(input, request, pool)?;
        self.view.note_space(value)?;
        self.create(&kind, request.object, input)
    }

    fn next_address(
        &mut self,
        desk: &Desk,
        request: &PoolRequest,
        also: Also,
        wanted: Option<u8>,
    ) -> Result<Option<(Resource, IpAddr)>, BranchError> {
        let strategy = Strategy::of(&desk.pool, request);
        self.at_desk(desk, also, |book| {
            // A length that the first parent cannot take is a mistake, not a reason to go on.
            if let Some(resource) = book.shelves.first().and_then(Shelf::net)
                && let Some(length) = wanted
                && !(resource.net.prefix_len()..=Family::of(resource.net.addr()).bits())
                    .contains(&length)
            {
                return Err(bad_length(resource, length));
            }
            let fits = |shelf: &Shelf| {
                let net = shelf.net()?.net;
                let bits = Family::of(net.addr()).bits();
                let length = wanted.unwrap_or(net.prefix_len());
                (net.prefix_len()..=bits).contains(&length).then_some(0)
            };
            let chosen = book.choose(strategy, fits);
            let found = chosen.and_then(|(at, stretch)| {
                let resource = book.shelves.get(at)?.net()?.clone();
                let address = Family::of(resource.net.addr()).address(stretch.low)?;
                Some((resource, address))
            });
            let leases = chosen.map(|(_, stretch)| stretch).into_iter().collect();
            Ok((found, leases))
        })
    }

    fn told_parents(&self, pool: &Object) -> Result<String, BranchError> {
        let resources = self.view.pool_resources(pool)?;
        let told: Vec<String> = resources.iter().map(|one| one.net.to_string()).collect();
        Ok(told.join(", "))
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

impl crate::view::View {
    /// Notes that nothing else may come to lie in the space of a value until this is committed.
    fn note_space(&self, value: &Value) -> Result<(), BranchError> {
        match value {
            Value::Net(net) => self.note_ip_objects_within(*net),
            Value::Host(host) => {
                let bits = Family::of(host.address).bits();
                let alone = IpNet::new(host.address, bits).ok();
                alone.map_or(Ok(()), |alone| self.note_ip_objects_within(alone))
            }
            _ => Ok(()),
        }
    }

    /// The prefixes a pool draws from: heaviest first, then by address. A prefix serves as a pool
    /// of its own.
    pub(super) fn pool_resources(&self, pool: &Object) -> Result<Vec<Resource>, BranchError> {
        let mut ids = vec![pool.id()];
        if let Some(rel) = pool.kind().relationship("resources") {
            ids = self.peers(pool.id(), rel)?.iter().map(|edge| edge.peer).collect();
        }
        let mut resources = Vec::new();
        for id in ids {
            let Some(object) = self.object(id)? else { continue };
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
}

/// The height of a block of this prefix length on a shelf; none where it can have no such block.
fn height_on(shelf: &Shelf, length: u8) -> Option<u8> {
    let net = shelf.net()?.net;
    let bits = Family::of(net.addr()).bits();
    (net.prefix_len()..=bits).contains(&length).then(|| bits - length)
}

fn bad_length(resource: &Resource, length: u8) -> BranchError {
    let bits = Family::of(resource.net.addr()).bits();
    refused(
        "bad-length",
        format!(
            "Invalid prefix length for current selected prefix: /{length} is not within /{} to /{bits} \
             of {}",
            resource.net.prefix_len(),
            resource.net
        ),
    )
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
