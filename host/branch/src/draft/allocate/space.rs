//! Prefixes and addresses: choosing from what is free, and making the object.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use ipnet::IpNet;
use model::ip::{self, Family};
use model::{Interface, ObjectId, Value};
use serde_json::Value as Json;

use crate::draft::allocate::book::{self, Book};
use crate::draft::allocate::{Granted, PoolRequest, Want, refused};
use crate::draft::{AttrInput, Draft, Input, PeerInput};
use crate::error::BranchError;
use crate::object::Object;

/// A resource of an IP pool.
#[derive(Debug, Clone)]
pub(super) struct Resource {
    pub(super) id: ObjectId,
    pub(super) net: IpNet,
    pub(super) weight: i64,
    pub(super) is_pool: bool,
}

impl Draft {
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
        let book = self.book(pool)?;
        for resource in nets(&book) {
            let bits = Family::of(resource.net.addr()).bits();
            if length < resource.net.prefix_len() || length > bits {
                continue;
            }
            let found = match &request.value {
                None => self.lowest_prefix(&book, &resource, length),
                Some(asked) => self.asked_prefix(pool, &book, &resource, asked)?,
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

    fn lowest_prefix(
        &mut self,
        book: &Arc<Mutex<Book>>,
        resource: &Resource,
        length: u8,
    ) -> Option<IpNet> {
        let family = Family::of(resource.net.addr());
        let start = self.lowest(book, resource, family.bits() - length)?;
        IpNet::new(family.address(start)?, length).ok()
    }

    /// Leases the lowest free block of a height.
    fn lowest(&mut self, book: &Arc<Mutex<Book>>, resource: &Resource, height: u8) -> Option<u128> {
        let start = {
            let mut open = book::open(book);
            let shelf = open.shelves.iter().find(|shelf| shelf.id == resource.id)?;
            let start = shelf.free.lowest(height)?;
            let size = 1u128.checked_shl(u32::from(height));
            let end = size.map_or(u128::MAX, |size| start + (size - 1));
            open.lease(resource.id, (start, end)).then_some(start)?
        };
        self.leases.keep(book, start);
        Some(start)
    }

    /// One prefix and no other, if it lies in the resource.
    fn asked_prefix(
        &mut self,
        pool: &Object,
        book: &Arc<Mutex<Book>>,
        resource: &Resource,
        asked: &Value,
    ) -> Result<Option<IpNet>, BranchError> {
        let Value::Net(net) = asked else { return Ok(None) };
        if !resource.net.contains(net) {
            return Ok(None);
        }
        self.ask(pool, book, resource, ends(*net), asked)?;
        Ok(Some(*net))
    }

    /// One address and no other, if it lies in the resource.
    fn asked_address(
        &mut self,
        pool: &Object,
        book: &Arc<Mutex<Book>>,
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
        self.ask(pool, book, resource, (number, number), asked)?;
        Ok(Some(address))
    }

    fn ask(
        &mut self,
        pool: &Object,
        book: &Arc<Mutex<Book>>,
        resource: &Resource,
        (first, last): (u128, u128),
        asked: &Value,
    ) -> Result<(), BranchError> {
        if book::open(book).lease(resource.id, (first, last)) {
            self.leases.keep(book, first);
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
        for (id, kind) in self.view.ip_objects_within(resource.net)? {
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
        let resources = self.view.pool_resources(pool)?;
        let told: Vec<String> = resources.iter().map(|one| one.net.to_string()).collect();
        let label = self.label_of(pool)?;
        let message = format!(
            "`{label}` | {asked} is not in the pool, which has {}; ask for something in these",
            told.join(", ")
        );
        Ok(refused("outside-pool", message))
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
        let book = self.book(pool)?;
        for resource in nets(&book) {
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
            let found = match &request.value {
                None => {
                    let family = Family::of(resource.net.addr());
                    self.lowest(&book, &resource, 0).and_then(|number| family.address(number))
                }
                Some(asked) => self.asked_address(pool, &book, &resource, asked)?,
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

/// The parents of a pool, in the order in which they are drawn from.
fn nets(book: &Mutex<Book>) -> Vec<Resource> {
    book::open(book).shelves.iter().filter_map(|shelf| shelf.net().cloned()).collect()
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
pub(super) fn ends(net: IpNet) -> (u128, u128) {
    (ip::number(net.network()), ip::number(net.broadcast()))
}
