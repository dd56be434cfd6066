//! What a pool looks like: how full it is, what it would give next and why, who has a value.

use model::ip::Family;
use model::{ObjectId, Value};
use pools::FreeSet;
use store::{Space, key};

use crate::draft::Draft;
use crate::draft::allocate::book::{self, Book, Shelf};
use crate::draft::allocate::number::number_at;
use crate::draft::allocate::{IdentifiedBy, PoolRequest, Want};
use crate::error::BranchError;
use crate::object::Object;
use crate::view::View;

/// Gaps told of one resource at most; the rest is in the sums.
const GAPS_MAX: usize = 64;

/// One resource of a pool: a parent prefix, or a range of numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceUse {
    /// The prefix or range; the pool itself where it has just one range.
    pub id: ObjectId,
    /// As people know it.
    pub label: String,
    /// Heavier ones are drawn from first.
    pub weight: i64,
    /// What it could hand out when empty, exclusions left out.
    pub total: u128,
    /// What of it is taken, by whatever hand.
    pub used: u128,
    /// Free stretches in order, inclusive; the first of them.
    pub gaps: Vec<(String, String)>,
    /// Length of the shortest free prefix; none for numbers, and where nothing is free.
    pub largest: Option<u8>,
}

/// How full a pool is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolUse {
    /// The pool.
    pub id: ObjectId,
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Its resources, in the order in which they are drawn from.
    pub resources: Vec<ResourceUse>,
}

impl PoolUse {
    /// What it could hand out when empty.
    pub fn total(&self) -> u128 {
        self.resources.iter().fold(0, |sum, one| sum.saturating_add(one.total))
    }

    /// What is taken.
    pub fn used(&self) -> u128 {
        self.resources.iter().fold(0, |sum, one| sum.saturating_add(one.used))
    }
}

/// Something a pool has handed out, or that lies in it by another hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Number, address or prefix.
    pub value: Value,
    /// The name of its reservation; none for what was made by hand.
    pub identifier: Option<String>,
    /// The object that carries it.
    pub object: Option<ObjectId>,
    /// That object, for people.
    pub label: Option<String>,
}

impl View {
    /// All pools, by name.
    pub fn pools(&self) -> Result<Vec<Object>, BranchError> {
        let Some(generic) = self.schema().kind("CoreResourcePool").cloned() else {
            return Ok(Vec::new());
        };
        let schema = self.schema().clone();
        let mut pools = Vec::new();
        for kind in schema.concrete(&generic) {
            for object in self.objects(kind)? {
                pools.push(object?);
            }
        }
        pools.sort_by_key(|pool| pool.value("name").to_string());
        Ok(pools)
    }
}

impl Draft {
    /// The pool with this id or name.
    pub fn find_pool(&self, name: &str) -> Result<Object, BranchError> {
        self.pool(name)
    }

    /// How full a pool is. Linear in what it has handed out; exact whole numbers.
    pub fn pool_use(&mut self, pool: &Object) -> Result<PoolUse, BranchError> {
        let book = self.book(pool)?;
        let open = book::open(&book);
        Ok(PoolUse {
            id: pool.id(),
            name: pool.value("name").to_string(),
            kind: pool.kind().name.clone(),
            resources: open.shelves.iter().map(|shelf| shelf_use(pool, &open, shelf)).collect(),
        })
    }

    /// What a pool has handed out and what else lies in it, by value, at most `limit`.
    pub fn pool_held(&self, pool: &Object, limit: usize) -> Result<Vec<Held>, BranchError> {
        let mut held = std::collections::BTreeMap::new();
        let prefix = key::pool_value_prefix(pool.id());
        let numbers = pool.kind().name == "CoreNumberPool";
        for row in self.view.rows.prefix(Space::PoolValues, &prefix)? {
            let (key, identifier) = row?;
            let place = crate::view::object_at_end(&key)?.0;
            let identifier = Some(String::from_utf8_lossy(&identifier).into_owned());
            let value = if numbers { Value::Int(number_at(place)) } else { Value::Null };
            held.insert(place, Held { value, identifier, object: None, label: None });
        }
        for (value, object) in self.carried(pool)? {
            let Some(place) = super::reserve::place(&value) else { continue };
            let entry = held.entry(place).or_insert_with(|| Held {
                value: value.clone(),
                identifier: None,
                object: None,
                label: None,
            });
            entry.value = value;
            entry.object = Some(object.id());
            entry.label = Some(format!("{} {}", object.kind().name, self.label_of(&object)?));
            if held.len() > limit {
                break;
            }
        }
        Ok(held.into_values().take(limit).collect())
    }

    /// Objects whose values lie in a pool.
    fn carried(&self, pool: &Object) -> Result<Vec<(Value, Object)>, BranchError> {
        let mut carried = Vec::new();
        if pool.kind().name == "CoreNumberPool" {
            let ranges = self.view.number_ranges(pool)?;
            for (kind, attribute) in self.view.numbered(pool) {
                for row in self.view.heads_unnoted(&kind)? {
                    let (_, object) = row?;
                    let value = object.value(&attribute.name);
                    let within = value.as_int().is_some_and(|number| {
                        ranges.iter().any(|range| (range.first..=range.last).contains(&number))
                    });
                    if within {
                        carried.push((value, object));
                    }
                }
            }
            return Ok(carried);
        }
        let wanted = if pool.kind().name == "CoreIPPrefixPool" { "prefix" } else { "address" };
        for resource in self.view.pool_resources(pool)? {
            for (id, kind) in self.view.ip_objects_within(resource.net)? {
                let Some(object) = self.view.object_of(&kind, id)? else { continue };
                let value = object.value(wanted);
                let handed_out =
                    id != resource.id || self.view.holds_object(pool.id(), &value, resource.id)?;
                if handed_out && !value.is_null() {
                    carried.push((value, object));
                }
            }
        }
        Ok(carried)
    }

    /// What a pool would give next for a request; the draft is as it was.
    pub fn peek(&mut self, request: &PoolRequest) -> Result<Value, BranchError> {
        let attempt = self.begin();
        let request = PoolRequest { identifier: IdentifiedBy::Nothing, ..request.clone() };
        let granted = self.allocate(&request);
        self.end(attempt, crate::draft::Succeeded::No);
        granted.map(|granted| granted.value)
    }

    /// Gives back what an identifier holds: its number, or the object of its prefix or address with
    /// what goes with it. A value that an object carries goes with the object.
    pub fn release_identifier(
        &mut self,
        pool: &Object,
        identifier: &str,
    ) -> Result<Value, BranchError> {
        let held = self.pool_held(pool, usize::MAX)?;
        let found = held.into_iter().find(|held| held.identifier.as_deref() == Some(identifier));
        let Some(found) = found else {
            let message =
                format!("`{}` | nothing is held under `{identifier}`", self.label_of(pool)?);
            return Err(super::refused("unknown-identifier", message));
        };
        let is_parent = match found.object {
            Some(object) => {
                self.view.holds_object(pool.id(), &found.value, object)?
                    && self.view.pool_resources(pool)?.iter().any(|resource| resource.id == object)
            }
            None => false,
        };
        match found.object {
            // A parent that was handed out whole stays.
            Some(_) if is_parent => self.release(pool.id(), &found.value)?,
            Some(object) if pool.kind().name != "CoreNumberPool" => {
                self.delete(&[object])?;
            }
            Some(_) => {
                let message = format!(
                    "`{}` | {} is carried by {}; delete that object, or give it another number",
                    self.label_of(pool)?,
                    found.value,
                    found.label.unwrap_or_default()
                );
                return Err(super::refused("held-by-object", message));
            }
            None => self.release(pool.id(), &found.value)?,
        }
        Ok(found.value)
    }
}

impl Want {
    /// One more of what a pool gives; a length where it takes one.
    pub fn of(pool: &Object, length: Option<u8>) -> Self {
        match pool.kind().name.as_str() {
            "CoreNumberPool" => Self::Number,
            "CoreIPPrefixPool" => Self::Prefix { length, kind: None, member_type: None },
            _ => Self::Address { length, kind: None },
        }
    }
}

fn shelf_use(pool: &Object, book: &Book, shelf: &Shelf) -> ResourceUse {
    let total = book.total(shelf);
    let used = total - shelf.free.count().min(total);
    if let Some(range) = shelf.range() {
        return ResourceUse {
            id: shelf.id,
            label: format!("{}-{}", range.first, range.last),
            weight: range.weight,
            total,
            used,
            gaps: gaps(&shelf.free, |place| number_at(place).to_string()),
            largest: None,
        };
    }
    let net = shelf.net();
    let family = net.map_or(Family::V4, |resource| Family::of(resource.net.addr()));
    let prefixes = pool.kind().name == "CoreIPPrefixPool";
    let address =
        |number: u128| family.address(number).map_or_else(String::new, |found| found.to_string());
    ResourceUse {
        id: shelf.id,
        label: net.map_or_else(String::new, |resource| resource.net.to_string()),
        weight: net.map_or(0, |resource| resource.weight),
        total,
        used,
        gaps: gaps(&shelf.free, address),
        largest: shelf
            .free
            .largest()
            .filter(|_| prefixes)
            .and_then(|height| family.bits().checked_sub(height)),
    }
}

fn gaps(free: &FreeSet, told: impl Fn(u128) -> String) -> Vec<(String, String)> {
    free.gaps().take(GAPS_MAX).map(|(first, last)| (told(first), told(last))).collect()
}
