//! Pools on the command line, and a server that is killed while many draw.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::process::{Server, kiln};

/// Times the server is killed.
const KILLS: u64 = 4;
/// Who draws at once.
const CLIENTS: usize = 6;

const SCHEMA: &str = r#"
version: "1.0"
nodes:
  - name: Vlan
    namespace: Test
    human_friendly_id: [name__value]
    attributes: [{name: name, kind: Text, unique: true}, {name: number, kind: Number, optional: true}]
  - name: Prefix
    namespace: Ipam
    inherit_from: [BuiltinIPPrefix, CoreWeightedPoolResource]
    human_friendly_id: [prefix__value]
"#;

fn objects(kind: &str, rows: &str) -> String {
    format!(
        "---\napiVersion: infrahub.app/v1\nkind: Object\nspec:\n  kind: {kind}\n  data:\n{rows}"
    )
}

/// A server with a pool of numbers 1 to 100,000 and one of prefixes.
fn started(scratch: &Path) -> Server {
    let server = Server::start(&scratch.join("data"));
    let file = |name: &str, text: &str| {
        let path = scratch.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    server.kiln(&["schema", "load", &file("schema.yml", SCHEMA)]).ok();
    let rows = [
        objects("TestVlan", "    - {name: by-hand, number: 2}\n"),
        objects("IpamPrefix", "    - {prefix: 10.0.0.0/28}\n    - {prefix: 10.1.0.0/24}\n"),
        objects(
            "CoreNumberPool",
            "    - {name: vlans, node: TestVlan, node_attribute: number, start_range: 1, end_range: 100000}\n",
        ),
        objects(
            "CoreIPPrefixPool",
            "    - {name: nets, default_prefix_type: IpamPrefix, default_prefix_length: 26, ip_namespace: default, \
             resources: [{hfid: [10.0.0.0/28], allocation_weight: 9}, {hfid: [10.1.0.0/24]}]}\n",
        ),
    ];
    server.kiln(&["object", "load", &file("rows.yml", &rows.concat())]).ok();
    server
}

#[test]
fn every_verb_of_pools_says_what_it_did() {
    let scratch = tempfile::tempdir().unwrap();
    let server = started(scratch.path());
    let said = |arguments: &[&str]| server.kiln(&[&["pool"], arguments].concat()).ok();
    let json = |arguments: &[&str]| server.kiln(&[&["--json", "pool"], arguments].concat()).json();
    let listed = said(&["list"]);
    assert!(listed.contains("vlans") && listed.contains("1 of 100000"), "{listed}");
    assert!(listed.contains("nets") && listed.contains("0 of 272"), "{listed}");
    assert_eq!(said(&["peek", "vlans"]).trim(), "1");
    assert_eq!(said(&["allocate", "vlans", "--identifier", "a"]).trim(), "1");
    assert_eq!(said(&["allocate", "vlans", "--identifier", "a"]).trim(), "1  (held already)");
    assert_eq!(said(&["allocate", "vlans", "--value", "7"]).trim(), "7");
    let block = ["allocate", "vlans", "--identifier", "row", "--block", "3", "--align", "10"];
    assert_eq!(said(&block).trim(), "10");
    let aside = ["allocate", "vlans", "--identifier", "later", "--value", "50", "--set-aside"];
    assert_eq!(said(&aside).trim(), "50");
    assert_eq!(said(&["allocate", "nets", "--count", "2"]), "10.1.0.0/26\n10.1.0.64/26\n");
    // Why, and who.
    let why = said(&["explain", "nets"]);
    let steps: Vec<&str> = why.lines().map(str::trim).collect();
    assert!(steps[0].starts_with("nets, heaviest first, then lowest"), "{why}");
    assert!(steps[1].starts_with("10.0.0.0/28"), "{why}");
    assert!(steps[1].ends_with("skipped: its largest free block is a /28"), "{why}");
    assert!(steps[2].starts_with("10.1.0.0/24") && steps[2].ends_with("chosen"), "{why}");
    assert!(why.ends_with("next: 10.1.0.128/26\n"), "{why}");
    let why = said(&["explain", "vlans"]);
    assert!(why.contains("passed over 2: TestVlan by-hand has it, made by hand"), "{why}");
    assert!(said(&["explain", "vlans", "--value", "1"]).contains("1 is allocated under `a`"));
    let gone = ["release", "vlans", "a", "--why", "moved"];
    assert_eq!(said(&gone).trim(), "1 is free again");
    let told = json(&["explain", "vlans", "--value", "1"]);
    assert_eq!((&told["state"], &told["released"]["why"]), (&"free".into(), &"moved".into()));
    let refused = server.kiln(&["pool", "release", "vlans", "a"]).refused(1);
    assert!(refused.contains("nothing is held under `a`"), "{refused}");
    // How full: in words, drawn, and as JSON; how long it lasts.
    let used = json(&["utilization", "nets"]);
    assert_eq!((&used["used"], &used["utilization"]), (&"128".into(), &47.05.into()));
    let shown = said(&["show", "nets"]);
    let drawn = shown.lines().find(|line| line.contains("10.1.0.0 ..")).unwrap();
    let cells: String = drawn.chars().filter(|cell| "\u{2588}\u{b7}".contains(*cell)).collect();
    assert_eq!(cells, "\u{2588}".repeat(16) + &"\u{b7}".repeat(16), "{shown}");
    assert!(shown.contains("10.1.0.0/26"), "{shown}");
    let told = json(&["show", "nets"]);
    assert_eq!(told["resources"][0]["label"], "10.0.0.0/28", "{told}");
    let cells = told["picture"][1]["cells"].as_array().unwrap();
    assert_eq!((cells.len(), &cells[0]["utilization"]), (32, &100.0.into()), "{told}");
    // Numbers as a bar that is filled as far as they are taken.
    let shown = said(&["show", "vlans"]);
    assert!(shown.contains("1 .. 100000"), "{shown}");
    let forecast = said(&["forecast", "nets"]);
    assert!(forecast.contains("nets: room for 2 more, each prefix /"), "{forecast}");
    assert!(forecast.contains("then: No more resources available"), "{forecast}");
    let full = ["allocate", "nets", "--count", "2", "--length", "26"];
    server.kiln(&[&["pool"], &full[..]].concat()).ok();
    let alerts = said(&["alerts"]);
    assert!(alerts.contains("pool-nearly-full") && alerts.contains("256 of 272"), "{alerts}");
    server.stop();
}

#[test]
fn what_was_drawn_before_the_server_was_killed_is_held_and_nothing_twice() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let mut server = started(scratch.path());
    let mut held: BTreeMap<String, String> = BTreeMap::new();
    for kill in 0..KILLS {
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|client| {
                    let server = &server;
                    scope.spawn(move || {
                        let mut mine = Vec::new();
                        for number in 0.. {
                            let name = format!("k{kill}-{client}-{number}");
                            let said =
                                server.kiln(&["pool", "allocate", "vlans", "--identifier", &name]);
                            if said.code != 0 {
                                return mine;
                            }
                            mine.push((name, said.out.trim().to_owned()));
                        }
                        mine
                    })
                })
                .collect();
            let until = Instant::now() + Duration::from_millis(400 + 130 * kill);
            while Instant::now() < until {
                std::thread::yield_now();
            }
            server.kill_now();
            for client in clients {
                held.extend(client.join().unwrap());
            }
        });
        drop(server);
        let folder = data.to_str().unwrap();
        let checked = kiln(&["store", "check", "--data", folder]).ok();
        assert!(checked.contains("0 findings"), "{checked}");
        server = Server::start(&data);
        // What is drawn anew is nobody's.
        let fresh = server.kiln(&["pool", "allocate", "vlans"]).ok();
        held.insert(format!("fresh {kill}"), fresh.trim().to_owned());
    }
    assert!(held.len() > 10, "the server was killed before it did anything: {held:?}");
    let distinct: BTreeSet<&String> = held.values().collect();
    assert_eq!(distinct.len(), held.len(), "a number has two owners");
    for (name, value) in held.iter().filter(|(name, _)| !name.starts_with("fresh")) {
        let again = server.kiln(&["pool", "allocate", "vlans", "--identifier", name]).ok();
        assert_eq!(again.trim(), format!("{value}  (held already)"), "{name}");
    }
    server.stop();
}
