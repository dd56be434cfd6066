//! Reservations: which identifier holds which value of a pool.

use std::net::IpAddr;

use model::{ObjectId, Value};
use serde::{Deserialize, Serialize};
use store::{Space, key};

use crate::draft::Draft;
use crate::draft::allocate::{Granted, IdentifiedBy, PoolRequest, Want, refused};
use crate::error::BranchError;
use crate::object::Object;

/// The layout of a reservation row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ReservationRow {
    value: u128,
    number: Option<i64>,
    object: Option<u128>,
    asked: String,
    branch: u32,
}

/// The number under which a pool knows a value: a number moved up to be unsigned, an address or the
/// first address of a prefix, IPv4 in the mapped range so that both families fit one space.
pub(super) fn place(value: &Value) -> Option<u128> {
    let address = match value {
        Value::Int(number) => {
            return u128::try_from(i128::from(*number) - i128::from(i64::MIN)).ok();
        }
        Value::Host(host) => host.address,
        Value::Address(address) => *address,
        Value::Net(net) => net.addr(),
        _ => return None,
    };
    Some(match address {
        IpAddr::V4(v4) => u128::from(v4.to_ipv6_mapped()),
        IpAddr::V6(v6) => u128::from(v6),
    })
}

impl Draft {
    /// What an identifier holds already. Another request under the same identifier is a conflict.
    pub(super) fn reserved(
        &self,
        pool: &Object,
        identifier: &str,
        want: &Want,
    ) -> Result<Option<Granted>, BranchError> {
        let key = key::reservation(pool.id(), identifier);
        let Some(row) = self.view.rows.get(Space::Reservations, &key)? else { return Ok(None) };
        let row: ReservationRow = postcard::from_bytes(&row).map_err(|_bad| {
            BranchError::Damaged { what: format!("a reservation of pool {}", pool.id()) }
        })?;
        let held = match (row.object.map(ObjectId), row.number) {
            (Some(id), _) => match self.view.object(id)? {
                Some(object) => match object.value("prefix") {
                    Value::Null => object.value("address"),
                    prefix => prefix,
                },
                // Its object is not on this branch or gone: the identifier allocates anew.
                None => return Ok(None),
            },
            (None, Some(number)) => Value::Int(number),
            (None, None) => return Ok(None),
        };
        if row.asked != want.text() {
            return Err(refused(
                "identifier-conflict",
                format!(
                    "`{}` | identifier `{identifier}` already holds {held}, asked for as `{}`; \
                     ask for the same again, or use another identifier than for `{}`",
                    self.label_of(pool)?,
                    row.asked.trim(),
                    want.text().trim(),
                ),
            ));
        }
        let object = row.object.map(ObjectId);
        let parents = pool.kind().relationship("resources");
        let is_parent = match (parents, object) {
            (Some(rel), Some(object)) => self.view.peer(pool.id(), rel, object)?.is_some(),
            _ => false,
        };
        Ok(Some(Granted { pool: pool.id(), value: held, object, is_parent, reused: true }))
    }

    /// Writes both rows of a reservation.
    pub(super) fn reserve(
        &mut self,
        pool: ObjectId,
        request: &PoolRequest,
        value: &Value,
        object: Option<ObjectId>,
    ) -> Result<(), BranchError> {
        let Some(place) = place(value) else { return Ok(()) };
        let identifier = match &request.identifier {
            IdentifiedBy::Identifier(identifier) => identifier.clone(),
            // Without a name the resource itself is the name: nobody can ask for it again.
            IdentifiedBy::Nothing => format!("={value}"),
        };
        let row = ReservationRow {
            value: place,
            number: value.as_int(),
            object: object.map(|object| object.0),
            asked: request.want.text(),
            branch: self.view.branch.0,
        };
        let row = postcard::to_stdvec(&row).expect("plain data serialises");
        // Guards the choice: whoever takes the same value first wins, the other draws again.
        let by_value = key::pool_value(pool, place);
        self.view.rows.note_point(Space::PoolValues, &by_value);
        self.put_row(Space::Reservations, key::reservation(pool, &identifier), row)?;
        self.put_row(Space::PoolValues, by_value, identifier.into_bytes())
    }

    /// Gives back a value that came from a pool.
    pub(in crate::draft) fn release_value(
        &mut self,
        source: Option<ObjectId>,
        value: &Value,
    ) -> Result<(), BranchError> {
        let (Some(pool), Some(place)) = (source, place(value)) else { return Ok(()) };
        let by_value = key::pool_value(pool, place);
        let Some(identifier) = self.view.rows.get(Space::PoolValues, &by_value)? else {
            return Ok(());
        };
        let identifier = String::from_utf8_lossy(&identifier).into_owned();
        self.view.rows.write(Space::PoolValues, by_value, None)?;
        let key = key::reservation(pool, &identifier);
        self.view.rows.write(Space::Reservations, key, None)?;
        Ok(())
    }

    /// Gives back everything an object drew from pools.
    pub(in crate::draft) fn release_all(&mut self, object: &Object) -> Result<(), BranchError> {
        for attr in object.record()?.attrs.into_values() {
            self.release_value(attr.source, &attr.value)?;
        }
        Ok(())
    }

    /// Whether a pool has handed out anything that is still held.
    pub(in crate::draft) fn first_reservation(
        &self,
        pool: ObjectId,
    ) -> Result<Option<String>, BranchError> {
        let prefix = key::pool_value_prefix(pool);
        match self.view.rows.prefix(Space::PoolValues, &prefix)?.next() {
            Some(row) => Ok(Some(String::from_utf8_lossy(&row?.1).into_owned())),
            None => Ok(None),
        }
    }

    /// Forgets everything a pool has handed out: for a pool that goes with its attribute.
    pub(crate) fn release_pool(&mut self, pool: ObjectId) -> Result<(), BranchError> {
        let prefix = key::pool_value_prefix(pool);
        let rows: Result<Vec<_>, _> = self.view.rows.prefix(Space::PoolValues, &prefix)?.collect();
        for (by_value, identifier) in rows? {
            let identifier = String::from_utf8_lossy(&identifier).into_owned();
            self.view.rows.write(Space::PoolValues, by_value, None)?;
            let key = key::reservation(pool, &identifier);
            self.view.rows.write(Space::Reservations, key, None)?;
        }
        Ok(())
    }

    /// Releases an identifier's number that no object carries.
    pub fn release(&mut self, pool: ObjectId, value: &Value) -> Result<(), BranchError> {
        self.release_value(Some(pool), value)
    }
}

impl crate::view::View {
    /// Whether a value is reserved together with this very object.
    pub(super) fn holds_object(
        &self,
        pool: ObjectId,
        value: &Value,
        object: ObjectId,
    ) -> Result<bool, BranchError> {
        let Some(place) = place(value) else { return Ok(false) };
        let Some(identifier) = self.rows.peek(Space::PoolValues, &key::pool_value(pool, place))?
        else {
            return Ok(false);
        };
        let key = key::reservation(pool, &String::from_utf8_lossy(&identifier));
        let row = self.rows.peek(Space::Reservations, &key)?;
        let row = row.and_then(|row| postcard::from_bytes::<ReservationRow>(&row).ok());
        Ok(row.is_some_and(|row| row.object == Some(object.0)))
    }
}
