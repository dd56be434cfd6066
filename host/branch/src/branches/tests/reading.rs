//! Branches as the host has them, in the words of the reference.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::schema::Kind;
use model::{BranchId, ObjectId, Value};

use super::World;
use super::reference::{Copy, Sort, Thing, is_extra};
use crate::draft::{IdentifiedBy, PoolRequest, Want};
use crate::object::Object;
use crate::view::View;

/// All that a line has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Whole {
    pub(super) copy: Copy,
    pub(super) shared: BTreeMap<ObjectId, String>,
    pub(super) local: BTreeMap<ObjectId, String>,
}

impl Whole {
    pub(super) fn of(view: &View) -> Self {
        let plain = |kind: &str| {
            let objects = objects(view, kind);
            objects.iter().map(|it| (it.id(), it.value("value").to_string())).collect()
        };
        Self { copy: read(view), shared: plain("TestShared"), local: plain("TestLocal") }
    }
}

fn objects(view: &View, kind: &str) -> Vec<Object> {
    let kind = Arc::clone(view.kind(kind).unwrap());
    view.objects(&kind).unwrap().map(|object| object.unwrap().copied()).collect()
}

fn peers(view: &View, kind: &Kind, id: ObjectId, name: &str) -> BTreeSet<ObjectId> {
    let rel = kind.relationship(name).unwrap();
    view.peers(id, rel).unwrap().into_iter().map(|edge| edge.peer).collect()
}

/// What comes together with other lines.
pub(super) fn read(view: &View) -> Copy {
    let mut copy = Copy::default();
    let kind = view.kind("TestThing").unwrap();
    let names = kind.attributes.iter().map(|attribute| &attribute.name);
    copy.extras.extend(names.filter(|name| is_extra(name)).cloned());
    for (kind, sort) in
        [("TestThing", Sort::Thing), ("TestPart", Sort::Part), ("TestNet", Sort::Net)]
    {
        for object in objects(view, kind) {
            copy.things.insert(object.id(), thing(view, &object, sort));
        }
    }
    let named: Vec<ObjectId> = ["TestThing", "TestPart"]
        .into_iter()
        .flat_map(|kind| objects(view, kind))
        .map(|object| object.id())
        .collect();
    for (id, thing) in &copy.things {
        if thing.sort == Sort::Net {
            continue;
        }
        assert!(named.contains(id));
        let name = Value::from(thing.values["name"].as_str());
        let generic = view.kind("TestNamed").unwrap();
        let mut found = Vec::new();
        for concrete in view.schema().concrete(generic) {
            let attribute = concrete.attribute("name").unwrap();
            found.extend(view.candidates(concrete, attribute, &name).unwrap());
        }
        let live = found.iter().filter(|id| {
            let there = view.object(**id).unwrap();
            there.is_some_and(|object| object.value("name") == name)
        });
        assert_eq!(live.collect::<Vec<_>>(), [id], "a name leads to its object, and only there");
    }
    nets(view, &copy);
    copy
}

fn thing(view: &View, object: &Object, sort: Sort) -> Thing {
    let (kind, id) = (object.kind(), object.id());
    let kept = |name: &str| matches!(name, "name" | "note" | "color" | "size" | "vlan");
    let mut values = BTreeMap::new();
    for attribute in kind.attributes.iter().filter(|it| kept(&it.name) || is_extra(&it.name)) {
        let value = object.value(&attribute.name);
        if !value.is_null() && sort != Sort::Net {
            values.insert(attribute.name.clone(), value.to_string());
        }
    }
    let (mut boss, mut friends) = (BTreeSet::new(), BTreeSet::new());
    match sort {
        Sort::Thing => {
            boss = peers(view, kind, id, "boss");
            friends = peers(view, kind, id, "friends");
            let label = format!("{}-{}", values["name"], values["size"]);
            assert_eq!(object.value("label"), Value::from(label.as_str()), "derived values follow");
            for friend in &friends {
                let back = peers(view, kind, *friend, "friend_of");
                assert!(back.contains(&id), "both ends say the same");
            }
        }
        Sort::Part => {
            boss = peers(view, kind, id, "thing");
            let whole = Arc::clone(view.kind("TestThing").unwrap());
            for thing in &boss {
                assert!(
                    peers(view, &whole, *thing, "parts").contains(&id),
                    "both ends say the same"
                );
            }
        }
        Sort::Net => {
            values.insert("name".to_owned(), object.value("prefix").to_string());
        }
    }
    assert!(boss.len() <= 1);
    Thing { sort, values, boss: boss.into_iter().next(), friends }
}

/// Each prefix hangs below the longest that holds it.
fn nets(view: &View, copy: &Copy) {
    let nets: Vec<(ObjectId, ipnet::IpNet)> = copy
        .things
        .iter()
        .filter(|(_, thing)| thing.sort == Sort::Net)
        .map(|(id, thing)| (*id, thing.values["name"].parse().unwrap()))
        .collect();
    for (id, net) in &nets {
        let above = nets.iter().filter(|(other, it)| other != id && it.contains(net));
        let nearest = above.max_by_key(|(_, it)| it.prefix_len()).map(|(above, _)| *above);
        let object = view.object(*id).unwrap().unwrap();
        let parent = view.one(&object, "parent").unwrap().map(|parent| parent.id());
        assert_eq!(parent, nearest, "{net}");
    }
}

/// What would be drawn next on a line is the lowest number that is surely free, or a lower one that nobody has
/// whom it concerns; and as many are told to be taken as are.
pub(super) fn draws_are_right(world: &World, name: &str) {
    let (surely, perhaps) = world.numbers(name);
    let mut draft = world.db().draft(world.id(name), super::author()).unwrap();
    let pool = draft.pools().unwrap().pop().unwrap();
    if !world.is_frozen(name) {
        let request = PoolRequest::new(
            pool.id().to_string(),
            IdentifiedBy::Identifier("peek".to_owned()),
            Want::Number,
        );
        let next = draft.peek(&request).unwrap().as_int().unwrap();
        let lowest = (1..).find(|number| !perhaps.contains(number)).unwrap();
        assert!(
            !surely.contains(&next) && next <= lowest,
            "{name}: {next} of {surely:?} {perhaps:?}"
        );
    }
    let told = draft.pool_use(&pool).unwrap();
    let used = i64::try_from(told.used()).unwrap();
    let within = surely.len() as i64..=perhaps.len() as i64;
    assert!(within.contains(&used), "{name}: {used} in use, of {surely:?} {perhaps:?}");
    if world.id(name) == BranchId::MAIN {
        assert_eq!(told.used_default(), world.main.numbers().len() as u128);
    }
}
