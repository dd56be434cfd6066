//! A disk that fills up under a server.

use crate::crash::sites;
use crate::process::{Server, kiln, root};

/// Room for the store, in kibibytes: what an empty one needs, and some loads more.
const ROOM: u32 = 6 << 10;
/// Objects of one load.
const BATCH: usize = 500;

#[test]
fn a_full_disk_is_told_by_its_code_and_loses_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let server = Server::start_with_room(&data, ROOM);
    let schema = root().join("examples/web-service/schema.yml");
    server.kiln(&["schema", "load", schema.to_str().unwrap()]).ok();
    let file = scratch.path().join("sites.yml");
    let path = file.to_str().unwrap();
    let mut acknowledged = 0;
    let said = loop {
        let names: Vec<String> =
            (0..BATCH).map(|row| format!("site-{acknowledged}-{row}")).collect();
        std::fs::write(&file, sites(&names)).unwrap();
        let said = server.kiln(&["object", "load", path]);
        if said.code != 0 {
            break said.refused(1);
        }
        acknowledged += 1;
        assert!(acknowledged < 100, "the disk never fills");
    };
    assert!(acknowledged > 0, "{said}");
    assert!(said.starts_with("error[disk-full]"), "{said}");
    assert!(said.contains("Make room, then start again"), "{said}");
    // Reading goes on; writing says the same until there is room.
    let count =
        |server: &Server| server.query("{ InfraSite { count } }")["InfraSite"]["count"].clone();
    assert_eq!(count(&server), BATCH * acknowledged);
    let said = server.kiln(&["object", "load", path]).refused(1);
    assert!(said.starts_with("error[disk-full]"), "{said}");
    server.stop();

    let folder = data.to_str().unwrap();
    let checked = kiln(&["store", "check", "--data", folder]).ok();
    assert!(checked.contains("0 findings"), "{checked}");
    let server = Server::start(&data);
    assert_eq!(count(&server), BATCH * acknowledged);
    server.kiln(&["object", "load", path]).ok();
    assert_eq!(count(&server), BATCH * (acknowledged + 1));
    server.stop();
}
