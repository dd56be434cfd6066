//! Values that are made as they are looked at, each once a query: a thousand addresses that are found by
//! how full their prefix is have it counted once.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use branch::{Object, ValueRef, View};
use model::schema::{Attribute, Path};
use model::{ObjectId, Symbol, Value};

use crate::error::GraphqlError;

/// What was made so far.
#[derive(Debug, Default)]
pub(crate) struct Made {
    known: RefCell<BTreeMap<(ObjectId, Symbol), Value>>,
    looked: Cell<u64>,
}

impl Made {
    /// The value of an attribute, if it is one that is made.
    pub(crate) fn made(
        &self,
        view: &View,
        object: &Object,
        attribute: &Attribute,
    ) -> Result<Option<Value>, GraphqlError> {
        if !view.is_made(object.kind(), attribute) {
            return Ok(None);
        }
        let key = (object.id(), attribute.symbol);
        if let Some(known) = self.known.borrow().get(&key) {
            return Ok(Some(known.clone()));
        }
        let Some(made) = view.made(object, attribute)? else { return Ok(None) };
        self.looked.set(self.looked.get().saturating_add(made.looked));
        self.known.borrow_mut().insert(key, made.value.clone());
        Ok(Some(made.value))
    }

    /// The value of an attribute, stored or made.
    pub(crate) fn value(
        &self,
        view: &View,
        object: &Object,
        attribute: &Attribute,
    ) -> Result<Value, GraphqlError> {
        if let Some(made) = self.made(view, object, attribute)? {
            return Ok(made);
        }
        let stored: ValueRef<'_> = object.attr(attribute).value;
        Ok(stored.to_value().unwrap_or(Value::Null))
    }

    /// The value that a path leads to, stored or made; an empty text where the caller may not look.
    pub(crate) fn follow(
        &self,
        view: &View,
        object: &Object,
        path: &Path,
        hidden: &BTreeSet<Symbol>,
    ) -> Result<Value, GraphqlError> {
        let (of, attribute) = match path {
            Path::Attribute { attribute, .. } => (None, attribute),
            Path::Peer { relationship, attribute, .. } => match view.one(object, relationship)? {
                Some(peer) if hidden.contains(&peer.kind().symbol) => {
                    return Ok(Value::Text(String::new()));
                }
                Some(peer) => (Some(peer), attribute),
                None => return Ok(Value::Null),
            },
            Path::Relationship(_) => return Ok(view.follow_told(object, path)?),
        };
        let object = of.as_ref().unwrap_or(object);
        match object.kind().attribute(attribute) {
            Some(attribute) => self.value(view, object, attribute),
            None => Ok(Value::Null),
        }
    }

    /// How many objects were looked at for it.
    pub(crate) fn looked(&self) -> u64 {
        self.looked.get()
    }
}
