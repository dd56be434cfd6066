//! The IP hierarchy: every prefix and address hangs below the most specific prefix of its namespace
//! that contains it. Derived in the same commit; what users say about it is overwritten.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use model::ip::Family;
use model::schema::{Kind, Relationship};
use model::{ObjectId, Value};
use store::{Key, Space, key};

use crate::draft::{AttrInput, Draft, Input, PeerInput};
use crate::error::BranchError;
use crate::object::Object;

const PREFIX: &str = "BuiltinIPPrefix";
const ADDRESS: &str = "BuiltinIPAddress";

/// Where an object lies in the space of addresses.
fn position(object: &Object) -> Option<(IpAddr, u8, bool)> {
    if let Value::Net(net) = object.value("prefix") {
        return Some((net.addr(), net.prefix_len(), true));
    }
    match object.value("address") {
        Value::Host(host) => Some((host.address, Family::of(host.address).bits(), false)),
        Value::Address(address) => Some((address, Family::of(address).bits(), false)),
        _ => None,
    }
}

/// What the host knows of a prefix.
fn derived(object: &Object, is_top_level: bool) -> Input {
    let mut input = Input::default().attr("is_top_level", AttrInput::by_host(is_top_level));
    if let Value::Net(net) = object.value("prefix") {
        for (name, address) in [
            ("netmask", net.netmask()),
            ("hostmask", net.hostmask()),
            ("network_address", net.network()),
            ("broadcast_address", net.broadcast()),
        ] {
            input = input.attr(name, AttrInput::by_host(address.to_string()));
        }
    }
    input
}

impl Draft {
    /// Whether a kind is a prefix or an address.
    pub(super) fn is_ip(&self, kind: &Kind) -> bool {
        self.facts(kind).is_ip
    }

    /// The default namespace.
    pub(crate) fn default_namespace(&self) -> Result<Option<ObjectId>, BranchError> {
        let Some(kind) = self.view.schema().kind("IpamNamespace").cloned() else {
            return Ok(None);
        };
        Ok(self.view.by_hfid(&kind, &["default".to_owned()])?.map(|object| object.id()))
    }

    /// An IP object without a namespace belongs to the default one.
    pub(super) fn with_namespace(
        &self,
        kind: &Kind,
        mut input: Input,
    ) -> Result<Input, BranchError> {
        if self.is_ip(kind)
            && !input.rels.contains_key("ip_namespace")
            && let Some(namespace) = self.default_namespace()?
        {
            input = input.rel("ip_namespace", vec![PeerInput::id(namespace)]);
        }
        Ok(input)
    }

    /// Puts every IP object that the draft may have displaced below its container.
    pub(super) fn settle_ip_hierarchy(&mut self) -> Result<(), BranchError> {
        for id in self.displaced()? {
            let Some(object) = self.view.object(id)? else { continue };
            let Some((address, length, is_prefix)) = position(&object) else { continue };
            let namespace = self.view.namespace_of(&object)?;
            let container = self.container(address, length, is_prefix, namespace)?;
            let name = if is_prefix { "parent" } else { "ip_prefix" };
            if let Some(rel) = object.kind().relationship(name).cloned() {
                self.hang(&object, &rel, container)?;
            }
            if is_prefix {
                let input = derived(&object, container.is_none());
                self.update(id, input)?;
            }
        }
        Ok(())
    }

    fn hang(
        &mut self,
        object: &Object,
        rel: &Relationship,
        container: Option<ObjectId>,
    ) -> Result<(), BranchError> {
        for edge in self.view.peers(object.id(), rel)? {
            if Some(edge.peer) != container {
                self.unlink(object.id(), rel, edge.peer)?;
            }
        }
        if let Some(container) = container {
            self.link(object.id(), rel, container, &PeerInput::id(container))?;
        }
        Ok(())
    }

    /// The most specific prefix of the namespace that contains the position. One probe of the index
    /// per possible length.
    fn container(
        &self,
        address: IpAddr,
        length: u8,
        is_prefix: bool,
        namespace: Option<ObjectId>,
    ) -> Result<Option<ObjectId>, BranchError> {
        let longest = if is_prefix { i16::from(length) - 1 } else { i16::from(length) };
        let kinds = self.view.ip_kinds(PREFIX);
        for bits in (0..=longest).rev() {
            let Some(net) = u8::try_from(bits).ok().and_then(|bits| IpNet::new(address, bits).ok())
            else {
                continue;
            };
            let value = key::index_value(&Value::Net(net.trunc()));
            for kind in &kinds {
                let Some(attribute) = kind.attribute("prefix") else { continue };
                for id in self.view.in_index(kind, attribute.symbol, &value)? {
                    let Some(object) = self.view.object_of(kind, id)? else { continue };
                    if self.view.namespace_of(&object)? == namespace {
                        return Ok(Some(id));
                    }
                }
            }
        }
        Ok(None)
    }

    /// IP objects whose container may be another one than before.
    fn displaced(&self) -> Result<BTreeSet<ObjectId>, BranchError> {
        let mut displaced = BTreeSet::new();
        let schema = Arc::clone(self.view.schema());
        let heads: Vec<(Key, ObjectId, Arc<Kind>)> = self
            .view
            .rows
            .pending(Space::Heads)
            .filter_map(|(row, _)| {
                let (_, symbol, id) = key::parse_head(row)?;
                let kind = schema.by_symbol.get(&symbol)?;
                self.is_ip(kind).then(|| (Key::from(row), id, Arc::clone(kind)))
            })
            .collect();
        for (row, id, kind) in heads {
            let before = match self.view.rows.replaced(Space::Heads, &row)? {
                Some(stored) => Object::read(id, &kind, stored)?,
                None => None,
            };
            let after = self.view.object_of(&kind, id)?;
            let was = before.as_ref().and_then(position);
            let is = after.as_ref().and_then(position);
            if was == is {
                continue;
            }
            displaced.insert(id);
            if was.is_some_and(|(_, _, is_prefix)| is_prefix) {
                displaced.extend(self.hung_below(&kind, id)?);
            }
            if let (Some(object), Some((address, length, true))) = (&after, is) {
                displaced.extend(self.inside(object, address, length)?);
            }
        }
        displaced.extend(self.moved_between_namespaces()?);
        Ok(displaced)
    }

    /// What the snapshot has below a prefix that goes or moves.
    fn hung_below(&self, kind: &Kind, id: ObjectId) -> Result<Vec<ObjectId>, BranchError> {
        let mut below = Vec::new();
        for name in ["children", "ip_addresses"] {
            let Some(rel) = kind.relationship(name) else { continue };
            let prefix = self.view.edges_prefix(id, rel);
            let end = key::prefix_end(&prefix);
            let mut before = |rows: &crate::rows::Rows| -> Result<(), BranchError> {
                for row in rows.range_unnoted(Space::Edges, &prefix, &end)? {
                    below.push(crate::view::object_at_end(&row?.0)?);
                }
                Ok(())
            };
            let rows = &self.view.rows;
            rows.before(|| before(rows))?;
        }
        Ok(below)
    }

    /// What lies within a new prefix: the index keeps the order of addresses.
    fn inside(
        &self,
        object: &Object,
        address: IpAddr,
        length: u8,
    ) -> Result<Vec<ObjectId>, BranchError> {
        let Ok(net) = IpNet::new(address, length) else { return Ok(Vec::new()) };
        let namespace = self.view.namespace_of(object)?;
        let mut inside = Vec::new();
        for (id, kind) in self.view.ip_objects_within(net)? {
            if id != object.id()
                && let Some(other) = self.view.object_of(&kind, id)?
                && self.view.namespace_of(&other)? == namespace
            {
                inside.push(id);
            }
        }
        Ok(inside)
    }

    fn moved_between_namespaces(&self) -> Result<Vec<ObjectId>, BranchError> {
        let mut moved = Vec::new();
        let ids: Vec<(ObjectId, model::Symbol)> = self
            .view
            .rows
            .pending(Space::Edges)
            .filter_map(|(row, _)| key::parse_edge(row))
            .filter(|edge| self.view.compiled.indexes.is_namespace(edge.relationship))
            .map(|edge| (edge.object, edge.relationship))
            .collect();
        for (id, symbol) in ids {
            let Some(kind) = self.view.kind_of(id)? else { continue };
            let namespace = kind.relationship("ip_namespace").map(|rel| rel.symbol);
            if self.is_ip(&kind) && namespace == Some(symbol) {
                moved.push(id);
            }
        }
        Ok(moved)
    }
}

impl crate::view::View {
    pub(crate) fn namespace_of(&self, object: &Object) -> Result<Option<ObjectId>, BranchError> {
        let Some(rel) = object.kind().relationship("ip_namespace") else { return Ok(None) };
        Ok(self.peers(object.id(), rel)?.first().map(|edge| edge.peer))
    }

    /// The concrete kinds that inherit from an IP generic.
    pub(crate) fn ip_kinds(&self, generic: &str) -> Vec<Arc<Kind>> {
        let schema = self.schema();
        match schema.kind(generic) {
            Some(generic) => schema.concrete(generic).cloned().collect(),
            None => Vec::new(),
        }
    }

    /// Prefixes and addresses that begin within `net`, of any namespace.
    pub(crate) fn ip_objects_within(
        &self,
        net: IpNet,
    ) -> Result<Vec<(ObjectId, Arc<Kind>)>, BranchError> {
        let mut found = Vec::new();
        for (kind, low, high) in self.ip_index_within(net) {
            for row in self.rows.range_unnoted(Space::Index, &low, &high)? {
                let (key, _) = row?;
                found.push((crate::view::object_at_end(&key)?, Arc::clone(&kind)));
            }
        }
        Ok(found)
    }

    /// Notes that nothing may come to lie within `net`, or go, until this is committed.
    pub(crate) fn note_ip_objects_within(&self, net: IpNet) -> Result<(), BranchError> {
        for (_, low, high) in self.ip_index_within(net) {
            self.rows.range(Space::Index, &low, &high)?;
        }
        Ok(())
    }

    /// The index rows of what begins within `net`, kind by kind.
    fn ip_index_within(&self, net: IpNet) -> Vec<(Arc<Kind>, Key, Key)> {
        let mut ranges = Vec::new();
        for (generic, name) in [(PREFIX, "prefix"), (ADDRESS, "address")] {
            for kind in self.ip_kinds(generic) {
                let Some(attribute) = kind.attribute(name) else { continue };
                let line = self.line(kind.branch);
                let base = key::index_prefix(line, kind.symbol, attribute.symbol);
                let (low, high) = key::index_addresses(&base, net, generic == PREFIX);
                ranges.push((kind, low, high));
            }
        }
        ranges
    }
}
