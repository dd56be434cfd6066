//! The host in memory does what the boundary promises: objects, relationships, what others made, what an
//! earlier run made, and pools in every form.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends by panicking")]

use kiln::prelude::*;
use kiln::test::{Host, Outcomes};
use kiln::{Code, Given, Level, Outcome};
use serde_json::{Value as Json, json};

/// Runs steps that look at no answer.
fn run(host: Host, steps: impl Fn(&Ctx<'_>) -> Result<()>) -> Result<Outcomes> {
    host.run(|ctx: &Ctx<'_>, _: Json| steps(ctx), Json::Null)
}

#[test]
fn an_object_is_ensured_by_its_key() {
    let made = run(Host::new(), |ctx| {
        let first =
            make!(ctx, InfraServer { name: "a", memory_gb: 8, tags: vec!["x".to_owned()] })?;
        assert_eq!(first.outcome, Outcome::Created);
        let again =
            make!(ctx, InfraServer { name: "a", memory_gb: 8, tags: vec!["x".to_owned()] })?;
        assert_eq!((again.outcome, &again.id), (Outcome::Unchanged, &first.id));
        assert_eq!(make!(ctx, InfraServer { name: "a", memory_gb: 9 })?.outcome, Outcome::Updated);
        // The same name is another object in another kind, and under another key.
        assert_ne!(make!(ctx, InfraVolume { name: "a" })?.id, first.id);
        let keyed = ctx.create("InfraServer").key("twin").set("name", "a").save()?;
        assert_ne!(keyed.id, first.id);
        assert_eq!(ctx.find(Target::Key("twin".to_owned()))?, keyed.id);
        // What has neither is named by all that is said of it.
        let port = |number: u32| ctx.create("InfraPort").set("number", number).save();
        assert_ne!(port(1)?.id, port(2)?.id);
        assert_eq!(port(1)?.outcome, Outcome::Unchanged);
        Ok(())
    });
    let made = made.unwrap();
    assert_eq!(made.named("InfraServer", "a").unwrap().fields["memory_gb"], 9);
    assert_eq!(made.of("InfraServer")[0].fields["tags"], json!(["x"]));
    assert_eq!(made.of("InfraPort").len(), 2);
}

#[test]
fn several_objects_are_made_all_or_none() {
    let host = Host::new().numbers("vlans", 1, 2);
    let made = run(host, |ctx| {
        let server = |name: &str| ctx.create("InfraServer").with("name", name);
        let numbered = |name: &str| server(name).with("vlan", Draw::from("vlans"));
        assert_eq!(ctx.save_all(["a", "b"].map(server))?.len(), 2);
        let bad = ctx.save_all(["c", "d", "e"].map(numbered)).unwrap_err();
        assert_eq!((bad.code, bad.path.as_deref()), (Code::Exhausted, Some("drafts[2]")));
        // Nothing of it is left: neither objects nor numbers.
        assert_eq!(ctx.pool("vlans").next_number()?, 1);
        Ok(())
    });
    assert_eq!(made.unwrap().names("InfraServer"), ["a", "b"]);
}

#[test]
fn every_form_of_a_peer_is_a_link() {
    let host = Host::new().addresses("pool", "10.0.0.0/24");
    let made = run(host, |ctx| {
        let site = make!(ctx, InfraSite { name: "paris" })?;
        let racks =
            vec![make!(ctx, InfraRack { name: "r1" })?, make!(ctx, InfraRack { name: "r2" })?];
        let tag = Id { id: "tag-1".to_owned() };
        let group = Target::named("CoreStandardGroup", "web");
        let address = ctx.pool("pool").address("a")?;
        let r#type = "blade";
        make!(
            ctx,
            InfraServer {
                name: "a",
                r#type,
                site: &site,
                racks: &racks,
                tag: &tag,
                group,
                address: &address,
            }
        )?;
        let id = ctx.find(Target::named("InfraServer", "a"))?;
        let racks: Vec<&str> = racks.iter().map(|rack| rack.id.as_str()).collect();
        assert_eq!(ctx.peers(&id, "racks")?, racks);
        assert_eq!(ctx.peers(&id, "site")?, [site.id]);
        assert_eq!(ctx.peers(&id, "group")?, ["CoreStandardGroup:web"]);
        assert!(ctx.peers(&id, "nothing")?.is_empty());
        Ok(())
    });
    let made = made.unwrap();
    assert_eq!(made.links("InfraServer", "a", "tag"), ["tag-1"]);
    assert_eq!(made.links("InfraServer", "a", "address"), ["10.0.0.1/24"]);
    assert_eq!(made.of("InfraServer")[0].fields["type"], "blade");
}

#[test]
fn objects_of_others_are_found_read_set_and_linked() {
    let host = Host::new()
        .object("InfraDevice", "sw1", json!({"role": "leaf", "slots": 4}))
        .object("InfraSite", "paris", json!({}))
        .linked("InfraDevice:sw1", "site", &["InfraSite:paris"]);
    let made = run(host, |ctx| {
        let device = Target::named("InfraDevice", "sw1");
        let id = ctx.find(device.clone())?;
        assert_eq!(id, "InfraDevice:sw1");
        let missing = ctx.find(Target::named("InfraDevice", "sw9")).unwrap_err();
        assert_eq!((missing.code, missing.name.as_str()), (Code::NotFound, "not-found"));
        assert_eq!(ctx.read(&id, &["role"])?[0].value, Given::from("leaf"));
        assert_eq!(ctx.read(&id, &[])?.len(), 2);
        assert_eq!((ctx.get::<u8>(&id, "slots")?, ctx.get::<Option<u8>>(&id, "units")?), (4, None));
        let bad = ctx.get::<u8>(&id, "role").unwrap_err();
        assert_eq!((bad.name.as_str(), bad.path.as_deref()), ("bad-json", Some("role")));
        assert_eq!(ctx.read("InfraDevice:sw9", &[]).unwrap_err().code, Code::NotFound);
        assert_eq!(ctx.peers(&id, "site")?, ["InfraSite:paris"]);
        let set = ctx.object(device.clone()).set("role", "spine").link("site", "InfraSite:lyon");
        assert_eq!(set.save()?.outcome, Outcome::Updated);
        // What was set is read from then on; peers are added.
        assert_eq!(ctx.read(&id, &["role"])?[0].value, Given::from("spine"));
        assert_eq!(ctx.peers(&id, "site")?, ["InfraSite:paris", "InfraSite:lyon"]);
        assert_eq!(ctx.object(device).set("role", "spine").save()?.outcome, Outcome::Unchanged);
        Ok(())
    });
    let made = made.unwrap();
    assert_eq!(made.set.len(), 2);
    assert_eq!(made.set[0].1["role"], "spine");
    assert!(made.objects.is_empty());
}

#[test]
fn an_object_of_others_is_shared_where_that_is_allowed_alone() {
    let host = || Host::new().object("InfraVlan", "blue", json!({"name": "blue", "vid": 7}));
    let share = |ctx: &Ctx<'_>| {
        let shared = make!(ctx, InfraVlan { name: "blue", vid: 7 })?;
        assert_eq!((shared.id.as_str(), shared.outcome), ("InfraVlan:blue", Outcome::Unchanged));
        Ok(())
    };
    let refused = run(host(), share).unwrap_err();
    assert_eq!((refused.code, refused.name.as_str()), (Code::Conflict, "not-adopted"));
    assert_eq!(run(host().adopts(), share).unwrap().names("InfraVlan"), ["blue"]);
}

#[test]
fn a_second_run_keeps_updates_and_removes() {
    let host = || Host::new().numbers("vlans", 10, 19);
    let server = |ctx: &Ctx<'_>, name: &str, memory_gb: u32| {
        make!(ctx, InfraServer { name, memory_gb, vlan: Draw::from("vlans") })
    };
    let first = run(host(), |ctx| {
        for name in ["a", "b", "c"] {
            server(ctx, name, 8)?;
        }
        Ok(())
    });
    let first = first.unwrap();
    assert!(first.removed.is_empty());
    let second = run(host().after(&first), |ctx| {
        assert_eq!(ctx.keep("a")?, first.objects[0].id);
        assert_eq!(server(ctx, "c", 16)?.outcome, Outcome::Updated);
        // The numbers of before are held until the run is done; `c` has the one it had.
        assert_eq!(ctx.pool("vlans").next_number()?, 13);
        assert_eq!(ctx.keep("d").unwrap_err().name, "unknown-key");
        assert_eq!(server(ctx, "e", 8)?.outcome, Outcome::Created);
        Ok(())
    });
    let second = second.unwrap();
    let removed: Vec<&Json> = second.removed.iter().map(|made| &made.fields["name"]).collect();
    assert_eq!(removed, ["b"]);
    assert_eq!(second.names("InfraServer"), ["a", "c", "e"]);
    let vlan = |name: &str| second.named("InfraServer", name).unwrap().fields["vlan"].clone();
    assert_eq!((vlan("c"), vlan("e")), (json!(12), json!(13)));
    // What is not asked for any more is free for the next run.
    let third = run(host().after(&second), |ctx| {
        assert!(ctx.pool("vlans").number("new")? == 10);
        Ok(())
    });
    assert_eq!(third.unwrap().removed.len(), 3);
}

#[test]
fn numbers_come_in_every_form() {
    let made = run(Host::new().numbers("vlans", 1, 20), |ctx| {
        let vlans = ctx.pool("vlans");
        assert_eq!(vlans.number("a")?, 1);
        assert_eq!(vlans.number("a")?, 1);
        assert_eq!(vlans.next_number()?, 2);
        assert_eq!(vlans.number("b")?, 2);
        assert_eq!(vlans.clone().exactly(7).number("c")?, 7);
        assert_eq!(vlans.clone().exactly(7).number("d").unwrap_err().name, "value-taken");
        assert_eq!(vlans.clone().exactly(21).number("d").unwrap_err().code, Code::Conflict);
        assert_eq!(vlans.block_at("e", 3, 5)?, 10);
        assert_eq!(vlans.block("f", 4)?, 3);
        assert_eq!(vlans.clone().within("site", "fra").number("g")?, 1);
        let full = vlans.block("h", 9).unwrap_err();
        assert_eq!((full.code, full.name.as_str()), (Code::Exhausted, "pool-exhausted"));
        assert_eq!(ctx.pool("none").number("a").unwrap_err().name, "unknown-pool");
        Ok(())
    });
    assert_eq!(made.unwrap().drawn.len(), 6);
    let ends = Host::new().numbers("all", i64::MIN, i64::MAX);
    let made = run(ends, |ctx| {
        let all = ctx.pool("all");
        assert_eq!(all.number("a")?, i64::MIN);
        assert_eq!(all.clone().exactly(i64::MAX).number("b")?, i64::MAX);
        assert_eq!(all.block_at("c", 2, 7)?.rem_euclid(7), 0);
        Ok(())
    });
    made.unwrap();
}

#[test]
fn addresses_and_prefixes_come_in_every_form() {
    let host = Host::new()
        .addresses("lan", "192.0.2.0/29")
        .addresses("six", "2001:db8::/64")
        .addresses("link", "10.9.9.8/31")
        .prefixes("blocks", "10.0.0.0/16")
        .prefixes("sites", "2001:db8::/32")
        .prefixes("broken", "10.0.0.0/64");
    let made = run(host, |ctx| {
        let lan = ctx.pool("lan");
        let first = lan.address_with("a", [("description", "first")])?;
        assert_eq!((&first.value, first.reused), (&Given::from("192.0.2.1/29"), false));
        assert_eq!(ctx.read(&first, &["description"])?[0].value, Given::from("first"));
        assert!(lan.address("a")?.reused);
        assert_eq!(lan.address_of("b", 32)?.value, Given::from("192.0.2.2/32"));
        assert_eq!(lan.next_address()?, Given::from("192.0.2.3/29"));
        let asked = lan.clone().exactly("192.0.2.5/29");
        assert_eq!(asked.address("c")?.object.as_deref(), Some("192.0.2.5/29"));
        assert_eq!(asked.address("d").unwrap_err().name, "value-taken");
        assert_eq!(lan.clone().exactly("office").address("d").unwrap_err().name, "bad-value");
        for left in ["e", "f", "g"] {
            lan.address(left)?;
        }
        // Neither the network's own address nor the broadcast address is given.
        assert_eq!(lan.address("h").unwrap_err().code, Code::Exhausted);
        assert_eq!(ctx.pool("six").address("a")?.value, Given::from("2001:db8::1/64"));
        assert_eq!(ctx.pool("link").address("a")?.value, Given::from("10.9.9.8/31"));

        let blocks = ctx.pool("blocks");
        assert_eq!(blocks.prefix("a", 24)?.value, Given::from("10.0.0.0/24"));
        assert_eq!(blocks.prefix("b", 20)?.value, Given::from("10.0.16.0/20"));
        assert_eq!(
            blocks.prefix_with("c", 24, [("role", "lan")])?.value,
            Given::from("10.0.1.0/24")
        );
        assert_eq!(blocks.next_prefix(20)?, Given::from("10.0.32.0/20"));
        assert_eq!(
            blocks.clone().exactly("10.0.3.0/24").prefix("d", 24)?.value,
            Given::from("10.0.3.0/24")
        );
        assert_eq!(blocks.prefix("e", 12).unwrap_err().name, "bad-length");
        assert_eq!(ctx.pool("sites").prefix("a", 48)?.value, Given::from("2001:db8::/48"));
        let broken = ctx.pool("broken").prefix("a", 24).unwrap_err();
        assert!(broken.message.contains("`10.0.0.0/64` is no prefix"), "{broken}");
        Ok(())
    });
    let made = made.unwrap();
    let roles: Vec<&str> =
        made.resources.iter().filter_map(|r| r.fields.get("role")?.as_str()).collect();
    assert_eq!(roles, ["lan"]);
}

#[test]
fn fields_are_drawn_with_lengths_and_identifiers() {
    let host = Host::new().prefixes("blocks", "10.0.0.0/16").texts("names", "host-{}");
    let made = run(host, |ctx| {
        let lan = Draw::from("blocks").length(24);
        make!(ctx, InfraSite { name: "a", lan: &lan, label: Draw::from("names") })?;
        make!(ctx, InfraSite { name: "b", lan, label: Draw::from("names") })?;
        // One identifier, one resource, whoever asks.
        let shared = Draw::from("blocks").length(28).identifier("shared");
        make!(ctx, InfraSite { name: "c", lan: &shared })?;
        make!(ctx, InfraSite { name: "d", lan: &shared })?;
        Ok(())
    });
    let made = made.unwrap();
    let lan = |name: &str| made.links("InfraSite", name, "lan").join(" ");
    assert_eq!((lan("a"), lan("b")), ("10.0.0.0/24".to_owned(), "10.0.1.0/24".to_owned()));
    assert_eq!((lan("c"), lan("d")), ("10.0.2.0/28".to_owned(), "10.0.2.0/28".to_owned()));
    assert_eq!(made.links("InfraSite", "b", "label"), ["host-2"]);
}

#[test]
fn facts_parameters_documents_and_the_log() {
    let info = kiln::Info { dry_run: true, branch: "b1".to_owned(), ..Host::facts() };
    let host = Host::new()
        .info(info)
        .parameter("name", "shop")
        .answer("{ InfraSite { count } }", json!({"InfraSite": {"count": 3}}));
    let made = run(host, |ctx| {
        assert!(ctx.info().dry_run);
        assert_eq!((ctx.info().branch.as_str(), ctx.info().definition.as_str()), ("b1", "test"));
        assert_eq!(ctx.parameters()[0].value, Given::from("shop"));
        let counted: Json = ctx.query("{ InfraSite { count } }", &json!({}))?;
        assert_eq!(counted["InfraSite"]["count"], 3);
        assert!(ctx.query::<Json>("{ Other { count } }", &json!({})).is_err());
        ctx.log("one");
        ctx.warn("two");
        ctx.tell(Level::Debug, "three", &[("at", "here".to_owned())]);
        Ok(())
    });
    assert_eq!(made.unwrap().log, ["one", "two", "three"]);
}

#[test]
fn an_error_ends_the_run_with_its_place() {
    let failed = run(Host::new(), |ctx| {
        make!(ctx, InfraServer { name: "a" })?;
        ensure!(ctx.parameters().is_empty(), "never told");
        Err(Error::message("there is no such size").at("size"))
    });
    let failed = failed.unwrap_err();
    assert_eq!(failed.to_string(), "there is no such size (at size)");
    assert_eq!((failed.code, failed.name.as_str()), (Code::InvalidArgument, "generator"));
}

#[test]
fn a_check_has_documents_and_parameters_as_well() {
    let host = Host::new().parameter("least", 8).answer("{ q }", json!({"n": 1}));
    let found = host.inspect(
        |inspection, _: Json| {
            let asked: Json = inspection.query("{ q }", &json!({}))?;
            assert_eq!((&asked["n"], inspection.parameters().len()), (&json!(1), 1));
            assert_eq!(inspection.info().branch, "main");
            inspection.log("looked");
            inspection.report(kiln::check::Finding::warning("small").at("memory_gb"));
            Ok(())
        },
        json!({}),
    );
    assert_eq!(found.unwrap()[0].message, "small");
}
